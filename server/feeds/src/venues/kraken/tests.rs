//! Frames and what they say.

use super::*;
use crate::venue::{DecodeError, Slot};
use papertape::market::{DepthDiff, DepthKind, DepthUpdate, Level, Quote};
use proptest::prelude::*;

const RECEIVED: Timestamp = Timestamp::from_secs(1_700_000_000);
const SLOT: Slot = Slot(3);

fn listing() -> Listing {
    let symbol: Symbol = "BTC/USD".parse().expect("a symbol");
    Listing {
        instrument: Instrument::new(
            symbol,
            Decimal::new(1, 1),
            Decimal::new(1, 8),
            Decimal::ONE,
            Decimal::ONE,
        )
        .expect("an instrument"),
        venue_symbol: "XBTUSD".into(),
        status: TradingStatus::Trading,
    }
}

/// A connection with BTC/USD under 3.
fn codec() -> Box<dyn Codec> {
    let venue = open(VenueConfig::default()).expect("no options");
    let mut codec = venue.codec().expect("no key").expect("a stream");
    codec.subscribe(SLOT, &listing(), venue.traits().stream);
    codec
}

fn read(codec: &mut dyn Codec, frame: &str) -> Result<Vec<Told>, DecodeError> {
    let (mut told, mut replies) = (Vec::new(), Vec::new());
    codec.read(frame.as_bytes(), RECEIVED, &mut told, &mut replies)?;
    assert_eq!(replies, []);
    Ok(told)
}

#[test]
fn who_subscribes_while_the_venue_does_not_trade_hears_so_first() {
    let venue = open(VenueConfig::default()).expect("no options");
    let mut codec = venue.codec().expect("no key").expect("a stream");
    // The status comes on connecting, before anybody is subscribed.
    let status =
        |system| format!(r#"{{"channel":"status","type":"update","data":[{{"system":"{system}"}}]}}"#);
    let halted = |status| Told::Status {
        slot: SLOT,
        time: RECEIVED,
        status,
    };
    assert_eq!(
        read(&mut *codec, &status("maintenance")),
        Ok(vec![Told::Heartbeat])
    );
    let trades = Channels {
        trades: true,
        ..Channels::default()
    };
    codec.subscribe(SLOT, &listing(), trades);
    let confirmed = r#"{"method":"subscribe","result":{"channel":"trade","symbol":"BTC/USD","snapshot":false},"success":true}"#;
    assert_eq!(
        read(&mut *codec, confirmed),
        Ok(vec![
            halted(TradingStatus::Halted),
            Told::Subscribed { slot: SLOT }
        ])
    );
    assert_eq!(
        read(&mut *codec, &status("cancel_only")),
        Ok(vec![Told::Heartbeat]),
        "it was told"
    );
    assert_eq!(
        read(&mut *codec, &status("online")),
        Ok(vec![halted(TradingStatus::Trading), Told::Heartbeat])
    );
}

fn bar(minute: &str, close: f64) -> Bar {
    Bar {
        open_time: Timestamp::parse(minute).expect("a time"),
        open: 2.0,
        high: 3.0,
        low: 1.0,
        close,
        volume: 7.5,
    }
}

fn told_bar(bar: Bar, is_closed: bool) -> Told {
    Told::Bar {
        slot: SLOT,
        bar,
        is_closed,
    }
}

#[test]
fn each_frame_says_what_it_says() {
    let confirm = |channel: &str| {
        format!(
            r#"{{"method":"subscribe","result":{{"channel":"{channel}","symbol":"BTC/USD","snapshot":true}},"success":true,"time_in":"x","time_out":"y","req_id":1}}"#
        )
    };
    let ohlc = |begin: &str, close: f64| {
        format!(
            r#"{{"channel":"ohlc","type":"update","data":[{{"symbol":"BTC/USD","interval":1,"interval_begin":"{begin}","open":2,"high":3,"low":1,"close":{close},"volume":7.5,"vwap":2,"trades":12,"timestamp":"2023-10-04T16:26:00.000000Z"}}]}}"#
        )
    };
    let (first, second) = ("2023-10-04T16:25:00.000000000Z", "2023-10-04T16:26:00.000000000Z");
    let halted = |status| Told::Status {
        slot: SLOT,
        time: RECEIVED,
        status,
    };
    let table: Vec<(String, Vec<Told>)> = vec![
        (
            r#"{"channel":"status","type":"update","data":[{"system":"online","api_version":"v2","version":"2.0.9","connection_id":123}]}"#.to_owned(),
            vec![Told::Heartbeat],
        ),
        (r#"{"channel":"heartbeat"}"#.to_owned(), vec![Told::Heartbeat]),
        (
            r#"{"method":"pong","req_id":42,"time_in":"x","time_out":"y"}"#.to_owned(),
            vec![Told::Heartbeat],
        ),
        // Confirmed when its last channel is.
        (confirm("trade"), vec![]),
        (confirm("ticker"), vec![]),
        (confirm("book"), vec![]),
        (confirm("ohlc"), vec![Told::Subscribed { slot: SLOT }]),
        (
            r#"{"method":"subscribe","success":false,"error":"Currency pair not supported X/Y","symbol":"X/Y"}"#.to_owned(),
            vec![Told::Refused {
                slot: None,
                error: FeedError::UnknownSymbol { venue: "kraken".to_owned(), symbol: "X/Y".to_owned(), near: None },
            }],
        ),
        (
            r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":105944.2,"qty":0.00027625,"ord_type":"limit","trade_id":10218208,"timestamp":"2025-11-11T00:17:10.123456Z"},{"symbol":"BTC/USD","side":"sell","price":0,"qty":1,"ord_type":"limit","trade_id":10218209,"timestamp":"2025-11-11T00:17:10Z"}]}"#.to_owned(),
            vec![
                Told::Trade {
                    slot: SLOT,
                    id: Some(10_218_208),
                    trade: TradeTick {
                        time: Timestamp::parse("2025-11-11T00:17:10.123456Z").expect("a time"),
                        price: 105_944.2,
                        size: 0.000_276_25,
                        aggressor: Side::Buy,
                    },
                },
                Told::KeptOff { slot: Some(SLOT), why: "trade's price 0 is no price".to_owned() },
            ],
        ),
        (
            r#"{"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","bid":105944.1,"bid_qty":1.5,"ask":105944.2,"ask_qty":0.25,"last":105944.2,"volume":1.0,"vwap":1.0,"low":1.0,"high":1.0,"change":1.0,"change_pct":0.1}]}"#.to_owned(),
            vec![Told::Quote {
                slot: SLOT,
                id: None,
                is_timed: false,
                quote: Quote { time: RECEIVED, bid: 105_944.1, bid_size: 1.5, ask: 105_944.2, ask_size: 0.25 },
            }],
        ),
        (ohlc(first, 2.5), vec![told_bar(bar(first, 2.5), false)]),
        (ohlc(first, 1.5), vec![told_bar(bar(first, 1.5), false)]),
        (
            ohlc(second, 2.0),
            vec![told_bar(bar(first, 1.5), true), told_bar(bar(second, 2.0), false)],
        ),
        (
            r#"{"channel":"status","type":"update","data":[{"system":"maintenance"}]}"#.to_owned(),
            vec![halted(TradingStatus::Halted), Told::Heartbeat],
        ),
        (
            r#"{"channel":"status","type":"update","data":[{"system":"online"}]}"#.to_owned(),
            vec![halted(TradingStatus::Trading), Told::Heartbeat],
        ),
        (
            r#"{"channel":"trade","type":"update","data":[{"symbol":"ETH/USD","side":"buy","price":1.0,"qty":1.0,"ord_type":"limit","trade_id":1,"timestamp":"2025-11-11T00:17:10Z"}]}"#.to_owned(),
            vec![],
        ),
    ];
    let mut codec = codec();
    for (frame, expected) in table {
        assert_eq!(read(&mut *codec, &frame), Ok(expected), "{frame}");
    }
}

fn book_frame(kind: &str, bids: &str, asks: &str, checksum: u32) -> String {
    format!(
        r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{bids}],"asks":[{asks}],"checksum":{checksum},"timestamp":"2025-11-11T00:17:10Z"}}]}}"#
    )
}

#[test]
fn a_book_is_told_while_its_checksum_is_right_and_anew_after_it_was_not() {
    let mut codec = codec();
    let (bids, asks) = (
        r#"{"price":105944.1,"qty":0.5}"#,
        r#"{"price":105944.2,"qty":0.136}"#,
    );
    // Asks first, without points and zeros in front.
    let checksum = |text: &str| crc32fast::hash(text.as_bytes());
    let time = Timestamp::parse("2025-11-11T00:17:10Z").expect("a time");
    let level = |price, size| Level { price, size };
    let snapshot = book_frame("snapshot", bids, asks, checksum("105944213600000105944150000000"));
    let told = read(&mut *codec, &snapshot).expect("a book");
    let [
        Told::Book {
            slot: SLOT,
            snapshot: told,
        },
    ] = &told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!(told.last_id, 1);
    assert_eq!(
        told.update,
        DepthUpdate {
            time,
            kind: DepthKind::Snapshot,
            bids: vec![level(1_059_441, 50_000_000)],
            asks: vec![level(1_059_442, 13_600_000)],
        }
    );

    let update = book_frame(
        "update",
        r#"{"price":105944.1,"qty":0.0}"#,
        "",
        checksum("105944213600000"),
    );
    let told = read(&mut *codec, &update).expect("a change");
    assert_eq!(
        told,
        [Told::Depth {
            slot: SLOT,
            diff: DepthDiff {
                first_id: 2,
                final_id: 2,
                previous: None,
                update: DepthUpdate {
                    time,
                    kind: DepthKind::Changes,
                    bids: vec![level(1_059_441, 0)],
                    asks: vec![],
                },
            },
        }]
    );

    // Something was lost, and nothing is told of the book until it begins anew.
    let wrong = book_frame("update", r#"{"price":105944.0,"qty":2.0}"#, "", 1);
    let told = read(&mut *codec, &wrong).expect("a frame");
    assert!(
        matches!(&told[..], [Told::Lost { slot: Some(SLOT), why }] if why.starts_with("checksum 1, the book's is "))
    );
    assert_eq!(read(&mut *codec, &update), Ok(vec![]));
    let frames = codec.resync(SLOT);
    assert_eq!(frames.len(), 2);
    assert!(
        matches!(read(&mut *codec, &snapshot).as_deref(), Ok([Told::Book { snapshot, .. }]) if snapshot.last_id == 3)
    );
}

#[test]
fn digits_that_the_tick_does_not_have_count_in_checksums() {
    let instrument = listing().instrument;
    assert_eq!(units(&instrument, None), (1, 1));
    assert_eq!(units(&instrument, Some(3)), (100, 1));
    assert_eq!(
        (usual("XBT/USD"), usual("ETH/XBT")),
        ("BTC/USD".to_owned(), "ETH/BTC".to_owned())
    );
    assert_eq!(theirs(&"DOGE/BTC".parse().expect("a symbol")), "XDGXBT");
}

#[test]
fn pairs_become_instruments() {
    let venue = open(VenueConfig::default()).expect("no options");
    assert_eq!(venue.rest_url(), "https://api.kraken.com");
    let pair: Pair = serde_json::from_str(
        r#"{"altname":"XBTUSD","wsname":"XBT/USD","base":"XXBT","quote":"ZUSD","pair_decimals":1,"lot_decimals":8,"cost_decimals":5,"lot_multiplier":1,"ordermin":"0.00005","costmin":"0.5","tick_size":"0.1","fees":[[0,0.4]],"status":"cancel_only"}"#,
    )
    .expect("a pair");
    let answers = Answers::new(NAME, "", &VenueConfig::default());
    let kraken = Kraken {
        traits: venue.traits().clone(),
        rest_url: String::new(),
        stream_url: String::new(),
        depth: 10,
        answers,
        names: Names::default(),
    };
    let listing = kraken.listing("XXBTZUSD", &pair).expect("a listing");
    let decimal = |text: &str| text.parse::<Decimal>().expect("a number");
    assert_eq!(
        (listing.instrument.symbol().as_str(), &*listing.venue_symbol),
        ("BTC/USD", "XBTUSD")
    );
    assert_eq!(
        (
            listing.instrument.tick(),
            listing.instrument.lot(),
            listing.instrument.minimum_notional()
        ),
        (decimal("0.1"), decimal("0.00000001"), decimal("0.5"))
    );
    assert_eq!(
        listing.instrument.limits().minimum_quantity,
        Some(decimal("0.00005"))
    );
    assert_eq!(listing.status, TradingStatus::Halted);
    for (words, code) in [
        ("EQuery:Unknown asset pair", "unknown_symbol"),
        ("EAPI:Rate limit exceeded", "rate_limited"),
        ("EService:Busy", "venue_trouble"),
        ("EService: Throttled: 1723118445", "rate_limited"),
        ("EAPI:Invalid key", "unauthorized"),
        ("EGeneral:Invalid arguments", "refused"),
    ] {
        let error = kraken.refusal(words, None, Timestamp::from_secs(1_723_118_400));
        assert_eq!(error.code(), code, "{words}");
    }
    let of = |words: &str| {
        let error = kraken.refusal(words, None, Timestamp::from_secs(1_723_118_400));
        error.to_string()
    };
    assert_eq!(
        of("EService: Throttled: 1723118445"),
        "kraken is asked too often; it answers again in 45 s"
    );
    assert_eq!(
        of("EService:Busy"),
        "kraken is in trouble: it answered EService:Busy"
    );
}

#[test]
fn frames_that_make_no_sense_say_nothing() {
    let mut codec = codec();
    for frame in [
        "",
        "<html>",
        "{}",
        r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD"}]}"#,
        r#"{"channel":"trade","type":"update","data":{"symbol":"BTC/USD"}}"#,
        r#"{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":0.05,"qty":1}],"asks":[],"checksum":1}]}"#,
        r#"{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":1e300,"qty":1}],"asks":[],"checksum":1}]}"#,
        r#"{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":1,"qty":-1}],"asks":[],"checksum":1}]}"#,
    ] {
        assert!(read(&mut *codec, frame).is_err(), "{frame}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), place in 0_usize..200, byte: u8) {
        let frame = book_frame("snapshot", r#"{"price":105944.1,"qty":0.5}"#, r#"{"price":105944.2,"qty":0.136}"#, 1);
        let mut spoiled = frame.into_bytes();
        let place = place % spoiled.len();
        spoiled[place] = byte;
        for bytes in [bytes, spoiled] {
            let (mut told, mut replies) = (Vec::new(), Vec::new());
            if codec().read(&bytes, RECEIVED, &mut told, &mut replies).is_err() {
                prop_assert!(told.is_empty() && replies.is_empty());
            }
        }
    }
}
