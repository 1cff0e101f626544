//! Frames and what they say.

use super::*;
use crate::venue::{DecodeError, Frame, Slot};
use papertape::market::{Bar, DepthDiff, Level};
use papertape::model::{Instrument, OrderLimits, Side};
use proptest::prelude::*;
use rust_decimal::Decimal;

const RECEIVED: Timestamp = Timestamp::from_millis(1_723_161_255_999);

fn listing(name: &str, tick: Decimal) -> Listing {
    let symbol: Symbol = name.parse().expect("a symbol");
    let venue_symbol = symbol.as_str().replace('/', "").into();
    Listing {
        instrument: Instrument::new(symbol, tick, Decimal::new(1, 5), Decimal::ONE, Decimal::ONE)
            .expect("an instrument"),
        venue_symbol,
        status: papertape::exchange::TradingStatus::Trading,
    }
}

fn all() -> Channels {
    open(VenueConfig::default()).expect("no options").traits().stream
}

/// A connection with BTCUSDT under 7 and BNBBTC under 8, confirmed.
fn codec() -> Box<dyn Codec> {
    let venue = open(VenueConfig::default()).expect("no options");
    let mut codec = venue.codec().expect("no key").expect("a stream");
    codec.subscribe(Slot(7), &listing("BTC/USDT", Decimal::new(1, 2)), all());
    codec.subscribe(Slot(8), &listing("BNB/BTC", Decimal::new(1, 4)), all());
    codec
}

fn read(codec: &mut dyn Codec, frame: &str) -> Result<Vec<Told>, DecodeError> {
    let (mut told, mut replies) = (Vec::new(), Vec::new());
    codec.read(frame.as_bytes(), RECEIVED, &mut told, &mut replies)?;
    assert_eq!(replies, []);
    Ok(told)
}

#[test]
fn each_frame_says_what_it_says() {
    let slot = Slot(8);
    let time = Timestamp::from_millis(1);
    let level = |price, size| Level { price, size };
    let table: Vec<(&str, Vec<Told>)> = vec![
        (
            r#"{"stream":"bnbbtc@trade","data":{"e":"trade","E":1,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","T":1,"m":true,"M":true}}"#,
            vec![Told::Trade {
                slot,
                id: Some(12345),
                trade: TradeTick {
                    time,
                    price: 0.001,
                    size: 100.0,
                    aggressor: Side::Sell,
                },
            }],
        ),
        // Names of streams and the order of fields do not matter.
        (
            r#"{"data":{"s":"BNBBTC","m":false,"T":1,"q":"0.5","p":"2","t":9,"e":"trade"},"stream":"x"}"#,
            vec![Told::Trade {
                slot,
                id: Some(9),
                trade: TradeTick {
                    time,
                    price: 2.0,
                    size: 0.5,
                    aggressor: Side::Buy,
                },
            }],
        ),
        (
            r#"{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}"#,
            vec![Told::Quote {
                slot: Slot(7),
                id: Some(50_093_239_212),
                is_timed: false,
                quote: papertape::market::Quote {
                    time: RECEIVED,
                    bid: 61_837.63,
                    bid_size: 3.788_26,
                    ask: 61_837.64,
                    ask_size: 1.546_98,
                },
            }],
        ),
        (
            r#"{"stream":"bnbbtc@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BNBBTC","U":157,"u":160,"b":[["0.0024","10"]],"a":[["0.0026","0.00000"],["0.0027","0.000019"]]}}"#,
            vec![Told::Depth {
                slot,
                diff: DepthDiff {
                    first_id: 157,
                    final_id: 160,
                    previous: None,
                    update: DepthUpdate {
                        time,
                        kind: DepthKind::Changes,
                        bids: vec![level(24, 1_000_000)],
                        asks: vec![level(26, 0), level(27, 1)],
                    },
                },
            }],
        ),
        (
            r#"{"stream":"bnbbtc@kline_1m","data":{"e":"kline","E":2,"s":"BNBBTC","k":{"t":60000,"T":119999,"s":"BNBBTC","i":"1m","f":100,"L":200,"o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0009","v":"1000","n":100,"x":true,"q":"1.0","V":"500","Q":"0.5","B":"0"}}}"#,
            vec![Told::Bar {
                slot,
                bar: Bar {
                    open_time: Timestamp::from_secs(60),
                    open: 0.001,
                    high: 0.0025,
                    low: 0.0009,
                    close: 0.002,
                    volume: 1_000.0,
                },
                is_closed: true,
            }],
        ),
        (
            r#"{"result":null,"id":1}"#,
            vec![Told::Subscribed { slot: Slot(7) }],
        ),
        // Answered already.
        (r#"{"result":null,"id":1}"#, vec![]),
        (
            r#"{"code":2,"msg":"Invalid request: unknown stream","id":2}"#,
            vec![Told::Refused {
                slot: Some(slot),
                error: FeedError::Refused {
                    venue: "binance".to_owned(),
                    detail: "2, Invalid request: unknown stream".to_owned(),
                },
            }],
        ),
        (
            r#"{"error":{"code":3,"msg":"Invalid JSON: \"x\""}}"#,
            vec![Told::Refused {
                slot: None,
                error: FeedError::Refused {
                    venue: "binance".to_owned(),
                    detail: "3, Invalid JSON: \"x\"".to_owned(),
                },
            }],
        ),
        (
            r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}"#,
            vec![Told::GoingAway],
        ),
        (
            r#"{"e":"serverShutdown","E":1770123456789}"#,
            vec![Told::GoingAway],
        ),
        // Of a symbol that nobody has asked for, or not any more.
        (
            r#"{"stream":"ethusdt@trade","data":{"e":"trade","E":1,"s":"ETHUSDT","t":1,"p":"1","q":"1","T":1,"m":true,"M":true}}"#,
            vec![],
        ),
        (
            r#"{"stream":"bnbbtc@avgPrice","data":{"e":"avgPrice","E":1,"s":"BNBBTC","i":"5m","w":"1","T":1}}"#,
            vec![Told::Heartbeat],
        ),
    ];
    let mut codec = codec();
    for (frame, expected) in table {
        assert_eq!(read(&mut *codec, frame), Ok(expected), "{frame}");
    }
}

#[test]
fn frames_that_make_no_sense_say_nothing() {
    let mut codec = codec();
    let trade = |price: &str, size: &str| {
        format!(
            r#"{{"stream":"x","data":{{"e":"trade","E":1,"s":"BNBBTC","t":1,"p":"{price}","q":"{size}","T":1,"m":true}}}}"#
        )
    };
    let depth = |level: &str| {
        format!(
            r#"{{"stream":"x","data":{{"e":"depthUpdate","E":1,"s":"BNBBTC","U":1,"u":1,"b":[{level}],"a":[]}}}}"#
        )
    };
    let frames = [
        trade("0", "1"),
        trade("-1", "1"),
        trade("NaN", "1"),
        trade("1e300", "1"),
        trade("1", "0"),
        trade("1", "-3"),
        trade("", "1"),
        depth(r#"["0.00005","1"]"#),
        depth(r#"["-1","1"]"#),
        depth(r#"["1","-1"]"#),
        depth(r#"["1"]"#),
        r#"{"stream":"x","data":{"u":1,"s":"BNBBTC","b":"1","B":"1","a":"inf","A":"1"}}"#.to_owned(),
        r#"{"stream":"x","data":{"u":1,"s":"BNBBTC","b":[],"B":"1","a":[],"A":"1"}}"#.to_owned(),
        r#"{"stream":"x","data":{"e":"trade","s":"BNBBTC"}}"#.to_owned(),
        r#"{"stream":"x","data":{}}"#.to_owned(),
        "{}".to_owned(),
        "<html>".to_owned(),
        String::new(),
    ];
    for frame in frames {
        assert!(read(&mut *codec, &frame).is_err(), "{frame}");
    }
    assert_eq!(read(&mut *codec, &trade("1", "1")).map(|told| told.len()), Ok(1));
}

#[test]
fn many_symbols_are_asked_for_in_few_frames_and_no_more_than_a_connection_carries() {
    let venue = open(VenueConfig::default()).expect("no options");
    let mut codec = venue.codec().expect("no key").expect("a stream");
    let listings: Vec<Listing> = (0..300)
        .map(|place| listing(&format!("C{place}/USDT"), Decimal::ONE))
        .collect();
    let wanted: Vec<(Slot, &Listing, Channels)> = listings
        .iter()
        .enumerate()
        .map(|(place, listing)| (Slot(place), listing, all()))
        .collect();
    let frames = codec.subscribe_all(&wanted);
    // 1024 streams are 256 symbols of 4, 25 symbols a frame.
    assert_eq!(frames.len(), 11);
    let first = String::from_utf8(frames[0].bytes().to_vec()).expect("text");
    assert!(
        first.starts_with(r#"{"id":1,"method":"SUBSCRIBE","params":["c0usdt@trade","c0usdt@bookTicker","#)
    );
    let told = read(&mut *codec, r#"{"result":null,"id":11}"#).expect("an answer");
    let refused = told
        .iter()
        .filter(|told| matches!(told, Told::Refused { slot: Some(_), .. }));
    assert_eq!((refused.count(), told.len()), (44, 44 + 6));
    // Room again.
    let frames = codec.unsubscribe(Slot(3));
    assert!(
        matches!(&frames[..], [Frame::Text(text)] if text.contains("UNSUBSCRIBE") && text.contains("c3usdt@kline_1m"))
    );
    assert_eq!(codec.subscribe(Slot(299), &listings[299], all()).len(), 1);
    assert_eq!(codec.unsubscribe(Slot(298)), []);
}

#[test]
fn a_filter_that_no_number_holds_is_none() {
    const MOST: &str = "79228162514264337593543950335";
    for (field, value) in [
        ("multiplierUp", format!("-{MOST}")),
        ("multiplierDown", format!("-{MOST}")),
        ("bidMultiplierUp", MOST.to_owned()),
        ("askMultiplierDown", MOST.to_owned()),
    ] {
        let info = format!(
            r#"{{"symbols":[{{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":[
            {{"filterType":"PRICE_FILTER","tickSize":"{MOST}"}},{{"filterType":"LOT_SIZE","stepSize":"{MOST}","minQty":"{MOST}","maxQty":"{MOST}"}},
            {{"filterType":"NOTIONAL","minNotional":"{MOST}","maxNotional":"-{MOST}"}},
            {{"filterType":"PERCENT_PRICE","{field}":"{value}"}}]}}]}}"#
        );
        let info: ExchangeInfo = serde_json::from_str(&info).expect("an answer");
        let listings = info.listings();
        assert_eq!(listings.len(), 1, "{field}");
        assert_eq!(
            listings[0].instrument.limits().price_band,
            None,
            "{field} {value}"
        );
    }
}

#[test]
fn filters_become_steps_and_limits() {
    let info = r#"{"timezone":"UTC","serverTime":1,"rateLimits":[],"exchangeFilters":[],"symbols":[
        {"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","baseAssetPrecision":8,"quoteAsset":"USDT","quotePrecision":8,"quoteAssetPrecision":8,"orderTypes":["LIMIT"],"icebergAllowed":true,"filters":[
            {"filterType":"PRICE_FILTER","minPrice":"0.01000000","maxPrice":"1000000.00000000","tickSize":"0.01000000"},
            {"filterType":"LOT_SIZE","minQty":"0.00001000","maxQty":"9000.00000000","stepSize":"0.00001000"},
            {"filterType":"ICEBERG_PARTS","limit":100},
            {"filterType":"MARKET_LOT_SIZE","minQty":"0.00000000","maxQty":"97.29","stepSize":"0.00000000"},
            {"filterType":"TRAILING_DELTA","minTrailingAboveDelta":10,"maxTrailingAboveDelta":2000,"minTrailingBelowDelta":10,"maxTrailingBelowDelta":2000},
            {"filterType":"PERCENT_PRICE_BY_SIDE","bidMultiplierUp":"5","bidMultiplierDown":"0.2","askMultiplierUp":"5","askMultiplierDown":"0.2","avgPriceMins":5},
            {"filterType":"NOTIONAL","minNotional":"5.00000000","applyMinToMarket":true,"maxNotional":"9000000.00000000","applyMaxToMarket":false,"avgPriceMins":5},
            {"filterType":"MAX_NUM_ORDERS","maxNumOrders":200},
            {"filterType":"MAX_NUM_ALGO_ORDERS","maxNumAlgoOrders":5}],"permissions":[],"permissionSets":[["SPOT"]]},
        {"symbol":"OLDUSD","status":"BREAK","baseAsset":"OLD","quoteAsset":"USD","filters":[
            {"filterType":"PRICE_FILTER","minPrice":"0","maxPrice":"0","tickSize":"0.00000000"},
            {"filterType":"LOT_SIZE","minQty":"0","maxQty":"0","stepSize":"10"},
            {"filterType":"MIN_NOTIONAL","minNotional":"10","applyToMarket":true,"avgPriceMins":5}]},
        {"symbol":"币安","status":"TRADING","baseAsset":"币安","quoteAsset":"USDT","filters":[]}]}"#;
    let info: ExchangeInfo = serde_json::from_str(info).expect("an answer");
    let listings = info.listings();
    let decimal = |text: &str| text.parse::<Decimal>().expect("a number");
    let [bitcoin, old] = &listings[..] else {
        panic!("{listings:?}");
    };
    let instrument = &bitcoin.instrument;
    assert_eq!(
        (instrument.symbol().as_str(), &*bitcoin.venue_symbol),
        ("BTC/USDT", "BTCUSDT")
    );
    assert_eq!(
        (instrument.tick(), instrument.lot(), instrument.minimum_notional()),
        (decimal("0.01"), decimal("0.00001"), decimal("5"))
    );
    assert_eq!(
        *instrument.limits(),
        OrderLimits {
            maximum_notional: Some(decimal("9000000")),
            minimum_quantity: Some(decimal("0.00001")),
            maximum_quantity: Some(decimal("9000")),
            price_band: Some(decimal("0.8")),
            maximum_open_orders: Some(200),
        }
    );
    assert_eq!(old.status, papertape::exchange::TradingStatus::Halted);
    assert_eq!(
        (
            old.instrument.tick(),
            old.instrument.lot(),
            old.instrument.minimum_notional()
        ),
        (decimal("0.00000001"), decimal("10"), decimal("10"))
    );
    assert_eq!(*old.instrument.limits(), OrderLimits::default());
}

#[test]
fn errors_have_names() {
    let binance = Binance::new(BINANCE, VenueConfig::default()).expect("it opens");
    let symbol: Symbol = "XXX/YYY".parse().expect("a symbol");
    let code = |status: u16, body: &str| {
        let answer = Answer {
            status,
            body: body.as_bytes().to_vec(),
        };
        binance.refusal(&answer, Some(&symbol)).code()
    };
    for (status, body, expected) in [
        (400, r#"{"code":-1121,"msg":"Invalid symbol."}"#, "unknown_symbol"),
        (400, r#"{"code":-1120,"msg":"Invalid interval."}"#, "refused"),
        (
            429,
            r#"{"code":-1003,"msg":"Too many requests."}"#,
            "rate_limited",
        ),
        (401, r#"{"code":-2015,"msg":"Invalid API-key."}"#, "unauthorized"),
        (400, r#"{"code":-1001,"msg":"Disconnected."}"#, "venue_trouble"),
        (404, "<html><body>nginx</body></html>", "not_the_venue"),
        (503, "", "venue_trouble"),
        (403, r#"{"a":1}"#, "unauthorized"),
    ] {
        assert_eq!(code(status, body), expected, "{status} {body}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (mut told, mut replies) = (Vec::new(), Vec::new());
        if codec().read(&bytes, RECEIVED, &mut told, &mut replies).is_err() {
            prop_assert!(told.is_empty() && replies.is_empty());
        }
    }

    #[test]
    fn no_spoiled_frame_makes_it_panic(place in 0_usize..200, byte: u8, cut in 0_usize..300, which in 0_usize..3) {
        let frames = [
            r#"{"stream":"bnbbtc@trade","data":{"e":"trade","E":1,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","T":1,"m":true,"M":true}}"#,
            r#"{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}"#,
            r#"{"stream":"bnbbtc@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BNBBTC","U":157,"u":160,"b":[["0.0024","10"]],"a":[["0.0026","0.0"]]}}"#,
        ];
        let mut bytes = frames[which].as_bytes().to_vec();
        let place = place % bytes.len();
        bytes[place] = byte;
        bytes.truncate(cut);
        let (mut told, mut replies) = (Vec::new(), Vec::new());
        if codec().read(&bytes, RECEIVED, &mut told, &mut replies).is_err() {
            prop_assert!(told.is_empty() && replies.is_empty());
        }
    }
}

/// The frames of a real connection, when they are at hand.
#[test]
fn real_frames_join_with_a_real_snapshot() {
    let (Some(frames), Some(snapshot)) = (
        crate::testkit::sample("BTCUSDT-20240808-frames.txt"),
        crate::testkit::sample("BTCUSDT-20240808-depth-snapshot.csv"),
    ) else {
        eprintln!("skipped: the real frames are not here");
        return;
    };
    let listing = listing("BTC/USDT", Decimal::new(1, 2));
    let grid = Grid::of(&listing.instrument);
    let mut codec = codec();
    let mut told = Vec::new();
    for line in frames.lines() {
        codec
            .read(line.as_bytes(), RECEIVED, &mut told, &mut Vec::new())
            .expect(line);
    }
    assert_eq!((frames.lines().count(), told.len()), (600, 600));

    let mut sides = [Vec::new(), Vec::new()];
    let mut last_id = 0;
    for row in snapshot.lines().skip(1) {
        let columns: Vec<&str> = row.split(',').collect();
        last_id = columns[1].parse().expect("a number");
        let number = |text: &str| text.parse::<f64>().expect("a number");
        sides[usize::from(columns[2] == "a")].push((number(columns[3]), number(columns[4])));
    }
    let [bids, asks] = sides.map(|side| codec::levels(&side, &grid).expect("on the grid"));
    let mut join = papertape::market::DepthJoin::default();
    let mut book = papertape::market::OrderBook::default();
    let snapshot = DepthSnapshot {
        last_id,
        update: DepthUpdate {
            time: Timestamp::EPOCH,
            kind: DepthKind::Snapshot,
            bids,
            asks,
        },
    };
    let mut snapshot = Some(snapshot);
    let (mut last_trade, mut matched) = (None, 0);
    let mut quotes = std::collections::BTreeMap::new();
    for told in told {
        match told {
            Told::Depth { diff, .. } => {
                let final_id = diff.final_id;
                if let Some(update) = join.diff(diff).expect("no gap") {
                    book.apply(&update);
                }
                if final_id >= last_id
                    && let Some(snapshot) = snapshot.take()
                {
                    join.snapshot(snapshot)
                        .expect("it joins")
                        .iter()
                        .for_each(|update| book.apply(update));
                }
                // The best prices told between two changes are those of the book after the first.
                if let (Some(told), Some(quote)) = (quotes.get(&final_id), book.quote(&grid)) {
                    let told: &papertape::market::Quote = told;
                    assert_eq!((quote.bid, quote.ask), (told.bid, told.ask));
                    matched += 1;
                }
            }
            Told::Trade { id: Some(id), .. } => {
                assert!(last_trade.is_none_or(|last| id == last + 1));
                last_trade = Some(id);
            }
            Told::Quote {
                id: Some(id), quote, ..
            } => {
                quotes.insert(id, quote);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(last_trade.is_some() && matched > 0);
}
