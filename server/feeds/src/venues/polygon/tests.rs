//! Fixtures: the frames and answers of Polygon's documentation, and what they say.

mod bars;

use super::{super::fixture::*, *};
use crate::venue::Slot;
use papertape::{
    exchange::TradingStatus,
    model::{InstrumentKind, Side},
};
use proptest::prelude::*;

const TRADE: &str = r#"[{"ev":"T","sym":"AAPL","i":"5096","x":10,"p":161.87,"s":300,"c":[14,41],"t":1651684192462,"q":4009402,"z":3}]"#;
const QUOTE: &str = r#"[{"ev":"Q","sym":"AAPL","bx":4,"bp":114.125,"bs":100,"ax":7,"ap":114.128,"as":160,"c":0,"i":[604],"t":1536036818784,"q":50385480,"z":3}]"#;
const BAR: &str = r#"[{"ev":"AM","sym":"AAPL","v":4110,"av":9470157,"op":0.4372,"vw":0.4488,"o":0.4488,"c":0.4486,"h":0.4489,"l":0.4486,"a":0.4352,"z":685,"s":1610144640000,"e":1610144700000}]"#;
const COIN_TRADE: &str = r#"[{"ev":"XT","pair":"BTC-USD","p":33021.9,"t":1610462007425,"s":0.01616617,"c":[1],"i":"14272084","x":3,"r":1610462007576}]"#;
const COIN_QUOTE: &str = r#"[{"ev":"XQ","pair":"BTC-USD","bp":33052.79,"bs":0.48,"ap":33073.19,"as":0.601,"t":1610462411115,"x":1,"r":1610462411128}]"#;
const COIN_BAR: &str = r#"[{"ev":"XA","pair":"BTC-USD","v":951.67,"vw":33029.3,"z":1,"o":33030.1,"c":33029.4,"h":33035.0,"l":33020.2,"s":1610463240000,"e":1610463300000}]"#;
const CURRENCY: &str = r#"[{"ev":"C","p":"EUR/USD","x":"44","a":1.1342,"b":1.1341,"t":1536036818784}]"#;
const CURRENCY_BAR: &str = r#"[{"ev":"CA","pair":"EUR/USD","o":1.1351,"c":1.1352,"h":1.1353,"l":1.1350,"v":12,"s":1536036780000,"e":1536036840000}]"#;

fn venue(market: &str) -> Polygon {
    Polygon::new(config(&[("market", market)])).expect("its options are known")
}

fn codec(market: &str, symbol: &str) -> Box<dyn Codec> {
    let mut codec = venue(market).codec().expect("has a key").expect("has a stream");
    subscribe(&mut *codec, 2, symbol, symbol, EVERYTHING);
    codec
}

fn minute(slot: usize, at: &str, numbers: [f64; 5]) -> Told {
    Told::Bar {
        slot: Slot(slot),
        bar: bar(at, numbers),
        is_closed: true,
    }
}

#[test]
fn many_are_subscribed_with_one_frame_and_each_is_confirmed_or_refused_by_itself() {
    let mut codec = venue("stocks").codec().expect("has a key").expect("has a stream");
    let listings = ["AAPL", "MSFT"].map(|name| listing(name, name));
    let frames = codec.subscribe_all(&[
        (Slot(1), &listings[0], Channels::TICKS),
        (Slot(2), &listings[1], Channels::TICKS),
    ]);
    assert_eq!(
        frames.iter().map(text).collect::<Vec<_>>(),
        [r#"{"action":"subscribe","params":"T.AAPL,Q.AAPL,T.MSFT,Q.MSFT"}"#]
    );
    let status =
        |status: &str, words: &str| format!(r#"[{{"ev":"status","status":"{status}","message":"{words}"}}]"#);
    let confirmed = ["T.AAPL", "Q.AAPL"].map(|topic| status("success", &format!("subscribed to: {topic}")));
    let said = told(&mut *codec, &[&confirmed[0], &confirmed[1]]);
    assert!(said.contains(&Told::Subscribed { slot: Slot(1) }), "{said:?}");
    let said = told(
        &mut *codec,
        &[&status("error", "not authorized to subscribe to T.MSFT")],
    );
    assert!(
        matches!(
            &said[..],
            [Told::Refused {
                slot: Some(Slot(2)),
                ..
            }]
        ),
        "{said:?}"
    );
}

#[test]
fn it_greets_authorises_and_subscribes() {
    let mut codec = venue("stocks").codec().expect("has a key").expect("has a stream");
    assert_eq!(
        codec.address(),
        ("wss://socket.polygon.io/stocks".to_owned(), vec![])
    );
    assert!(codec.opened().is_empty() && !codec.is_ready());
    let (_, replies) = read(
        &mut *codec,
        br#"[{"ev":"status","status":"connected","message":"Connected Successfully"}]"#,
    );
    assert_eq!(
        replies.iter().map(text).collect::<Vec<_>>(),
        [r#"{"action":"auth","params":"k"}"#]
    );
    told(
        &mut *codec,
        &[r#"[{"ev":"status","status":"auth_success","message":"authenticated"}]"#],
    );
    assert!(codec.is_ready());
    let frames = subscribe(&mut *codec, 2, "AAPL", "AAPL", Channels::TICKS);
    assert_eq!(
        frames.iter().map(text).collect::<Vec<_>>(),
        [r#"{"action":"subscribe","params":"T.AAPL,Q.AAPL"}"#]
    );
    let confirm =
        |topic: &str| format!(r#"[{{"ev":"status","status":"success","message":"subscribed to: {topic}"}}]"#);
    assert_eq!(
        told(
            &mut *codec,
            &[&confirm("T.AAPL"), &confirm("Q.AAPL"), &confirm("Q.AAPL")]
        ),
        [
            Told::Heartbeat,
            Told::Subscribed { slot: Slot(2) },
            Told::Heartbeat,
            Told::Heartbeat
        ]
    );
    let frames = codec.unsubscribe(Slot(2));
    assert_eq!(
        frames.iter().map(text).collect::<Vec<_>>(),
        [r#"{"action":"unsubscribe","params":"T.AAPL,Q.AAPL"}"#]
    );
    assert_eq!(told(&mut *codec, &[TRADE]), [], "what still comes is nobody's");
}

#[test]
fn each_market_has_its_topics() {
    for (market, symbol, params) in [
        ("stocks", "AAPL", "T.AAPL,Q.AAPL,AM.AAPL"),
        ("crypto", "BTC/USD", "XT.BTC-USD,XQ.BTC-USD,XA.BTC-USD"),
        ("forex", "EUR/USD", "C.EUR/USD,CA.EUR/USD"),
    ] {
        let mut codec = venue(market).codec().expect("has a key").expect("has a stream");
        let frames = subscribe(&mut *codec, 0, symbol, symbol, EVERYTHING);
        assert_eq!(
            frames.iter().map(text).collect::<Vec<_>>(),
            [format!(r#"{{"action":"subscribe","params":"{params}"}}"#)]
        );
    }
    let option = "AAPL230616C00150000".parse().expect("a symbol");
    let listing = Market::Options.listing(option, true).expect("an option");
    let mut codec = venue("options")
        .codec()
        .expect("has a key")
        .expect("has a stream");
    let frames = codec.subscribe(Slot(0), &listing, Channels::TICKS);
    assert_eq!(
        frames.iter().map(text).collect::<Vec<_>>(),
        [r#"{"action":"subscribe","params":"T.O:AAPL230616C00150000,Q.O:AAPL230616C00150000"}"#]
    );
}

#[test]
fn what_frames_say() {
    let share = |price| {
        trade(
            2,
            Some(4_009_402),
            "2022-05-04T17:09:52.462Z",
            price,
            300.0,
            Side::Buy,
        )
    };
    let coin = |side| {
        trade(
            2,
            Some((3 << 56) + 14_272_084),
            "2021-01-12T14:33:27.425Z",
            33_021.9,
            0.016_166_17,
            side,
        )
    };
    let table: Vec<(&str, &str, String, Vec<Told>)> = vec![
        ("stocks", "AAPL", TRADE.to_owned(), vec![share(161.87)]),
        // An average price says nothing of the price now; a trade of another ticker is nobody's.
        ("stocks", "AAPL", TRADE.replace("[14,41]", "[2]"), vec![]),
        ("stocks", "AAPL", TRADE.replace("AAPL", "MSFT"), vec![]),
        (
            "stocks",
            "AAPL",
            QUOTE.to_owned(),
            vec![quote(
                2,
                "2018-09-04T04:53:38.784Z",
                (114.125, 100.0),
                (114.128, 160.0),
            )],
        ),
        (
            "stocks",
            "AAPL",
            QUOTE.replace(r#""ap":114.128,"as":160"#, r#""ap":0,"as":0"#),
            vec![Told::OneSided { slot: Slot(2) }],
        ),
        (
            "stocks",
            "AAPL",
            BAR.to_owned(),
            vec![minute(
                2,
                "2021-01-08T22:24:00Z",
                [0.4488, 0.4489, 0.4486, 0.4486, 4_110.0],
            )],
        ),
        ("stocks", "AAPL", BAR.replace("\"AM\"", "\"A\""), vec![]),
        ("crypto", "BTC/USD", COIN_TRADE.to_owned(), vec![coin(Side::Sell)]),
        (
            "crypto",
            "BTC/USD",
            COIN_TRADE.replace("[1]", "[2]"),
            vec![coin(Side::Buy)],
        ),
        (
            "crypto",
            "BTC/USD",
            COIN_QUOTE.to_owned(),
            vec![quote(
                2,
                "2021-01-12T14:40:11.115Z",
                (33_052.79, 0.48),
                (33_073.19, 0.601),
            )],
        ),
        (
            "crypto",
            "BTC/USD",
            COIN_BAR.to_owned(),
            vec![minute(
                2,
                "2021-01-12T14:54:00Z",
                [33_030.1, 33_035.0, 33_020.2, 33_029.4, 951.67],
            )],
        ),
        (
            "forex",
            "EUR/USD",
            CURRENCY.to_owned(),
            vec![quote(2, "2018-09-04T04:53:38.784Z", (1.1341, 1e6), (1.1342, 1e6))],
        ),
        (
            "forex",
            "EUR/USD",
            CURRENCY_BAR.to_owned(),
            vec![minute(
                2,
                "2018-09-04T04:53:00Z",
                [1.1351, 1.1353, 1.135, 1.1352, 12.0],
            )],
        ),
    ];
    for (market, symbol, frame, says) in table {
        assert_eq!(told(&mut *codec(market, symbol), &[&frame]), says, "{frame}");
    }
}

#[test]
fn one_absurd_event_does_not_cost_the_frame_its_others() {
    let sound = &TRADE[1..TRADE.len() - 1];
    let good = trade(
        2,
        Some(4_009_402),
        "2022-05-04T17:09:52.462Z",
        161.87,
        300.0,
        Side::Buy,
    );
    for (from, to) in [
        ("161.87", "0"),
        ("161.87", "-1"),
        ("161.87", "1e300"),
        ("161.87", "\"a\""),
        (r#""s":300"#, r#""s":0"#),
        (r#""t":1651684192462,"#, ""),
    ] {
        let frame = format!("[{},{sound}]", sound.replace(from, to));
        let said = told(&mut *codec("stocks", "AAPL"), &[&frame]);
        assert!(
            matches!(
                &said[..],
                [Told::KeptOff { slot: Some(Slot(2)), .. }, Told::TradeLost { slot: Some(Slot(2)) }, it] if *it == good
            ),
            "{frame}: {said:?}"
        );
    }
    let mut codec = codec("stocks", "AAPL");
    assert!(matches!(
        told(&mut *codec, &["[5]"])[..],
        [Told::KeptOff { slot: None, .. }, Told::TradeLost { slot: None }]
    ));
    for frame in [&b""[..], b"{", b"<html>", b"null", &[0xff]] {
        let (mut said, mut replies) = (Vec::new(), Vec::new());
        assert!(
            codec.read(frame, RECEIVED, &mut said, &mut replies).is_err(),
            "{frame:?}"
        );
    }
}

#[test]
fn refusals_of_the_stream() {
    let status = |status: &str, message: &str| {
        format!(r#"[{{"ev":"status","status":"{status}","message":"{message}"}}]"#)
    };
    for (frame, says) in [
        (
            status("auth_failed", "authentication failed"),
            "None unauthorized",
        ),
        (
            status(
                "max_connections",
                "Maximum number of websocket connections exceeded.",
            ),
            "None unreachable, going",
        ),
        (
            status("error", "You don't have access to: Q.AAPL"),
            "Some(2) unauthorized",
        ),
        // It names nothing: it is of what was asked first and has no answer.
        (status("error", "unknown action"), "Some(2) refused"),
    ] {
        let said: Vec<String> = told(&mut *codec("stocks", "AAPL"), &[&frame])
            .iter()
            .map(|told| match told {
                Told::Refused { slot, error } => format!("{:?} {}", slot.map(|slot| slot.0), error.code()),
                Told::GoingAway => "going".to_owned(),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(said.join(", "), says, "{frame}");
    }
}

#[test]
fn options_are_read_from_their_names() {
    let listing = Market::Options
        .listing("AAPL230616C00150000".parse().expect("a symbol"), true)
        .expect("an option");
    assert_eq!(&*listing.venue_symbol, "O:AAPL230616C00150000");
    let InstrumentKind::Option(terms) = listing.instrument.kind() else {
        panic!("{listing:?}");
    };
    assert_eq!(
        (terms.underlying.as_str(), terms.strike.to_string(), terms.expiry),
        ("AAPL", "150.000".to_owned(), time("2023-06-16T20:00:00Z"))
    );
    assert_eq!(listing.instrument.multiplier().to_string(), "100");
    for name in [
        "AAPL",
        "AAPL230616X00150000",
        "AAPL230617C00150000",
        "230616C00150000",
        "AAPL230616C00000000",
    ] {
        assert_eq!(
            Market::Options.listing(name.parse().expect(name), true),
            None,
            "{name}"
        );
    }
}

#[test]
fn tickers_become_instruments() {
    let polygon = venue("crypto");
    let page = r#"{"results":[{"ticker":"X:BTCUSD","name":"Bitcoin","market":"crypto","locale":"global","active":true,"currency_symbol":"USD","currency_name":"United States dollar","base_currency_symbol":"BTC"},
        {"ticker":"X:ODD","active":true}],"status":"OK","count":2,"next_url":"https://api.polygon.io/v3/reference/tickers?cursor=abc"}"#;
    let (listings, next) =
        answers::tickers(&polygon.answers, Market::Crypto, None, &answer(200, page)).expect("a page");
    let rows: Vec<String> = listings
        .iter()
        .map(|it| format!("{} {} {:?}", it.instrument.symbol(), it.venue_symbol, it.status))
        .collect();
    assert_eq!(rows, ["BTC/USD X:BTCUSD Trading"]);
    let next = next.expect("another page");
    let path = |url: &str| {
        answers::next_path(&polygon.answers, "127.0.0.1:80", url).map_err(|error| error.to_string())
    };
    assert_eq!(path(&next), Ok("/v3/reference/tickers?cursor=abc".to_owned()));
    assert_eq!(path("http://127.0.0.1:80/a?b"), Ok("/a?b".to_owned()));
    for url in [
        "https://evil.example/v3?cursor=1",
        "https://api.polygon.io@evil.example/v3",
        "https://api.polygon.io",
        "",
    ] {
        assert!(path(url).is_err(), "{url}");
    }
    let symbol: Symbol = "AAPL".parse().expect("a symbol");
    let one =
        r#"{"results":[{"ticker":"AAPL","active":false},{"ticker":"AAPLW","active":true}],"status":"OK"}"#;
    let (listings, _) =
        answers::tickers(&polygon.answers, Market::Stocks, Some(&symbol), &answer(200, one)).expect("one");
    assert_eq!(listings.len(), 1);
    assert_eq!(listings[0].status, TradingStatus::Ended);
    // Contracts of options do not say whether they are active.
    let contract = r#"{"results":[{"cfi":"OCASPS","contract_type":"call","exercise_style":"american","expiration_date":"2023-06-16","primary_exchange":"BATO","shares_per_contract":100,"strike_price":150,"ticker":"O:AAPL230616C00150000","underlying_ticker":"AAPL"}],"status":"OK"}"#;
    let (listings, _) =
        answers::tickers(&polygon.answers, Market::Options, None, &answer(200, contract)).expect("one");
    let rows: Vec<(&str, TradingStatus)> = listings
        .iter()
        .map(|it| (it.instrument.symbol().as_str(), it.status))
        .collect();
    assert_eq!(rows, [("AAPL230616C00150000", TradingStatus::Trading)]);
}

#[test]
fn refusals_are_named_and_the_key_does_not_show() {
    let polygon = venue("stocks");
    let symbol: Symbol = "AAPL".parse().expect("a symbol");
    let span = (Timestamp::EPOCH, Timestamp::EPOCH);
    for (status, body, code) in [
        (
            401,
            r#"{"status":"ERROR","error":"Unknown API Key"}"#,
            "unauthorized",
        ),
        (
            403,
            r#"{"status":"NOT_AUTHORIZED","message":"You are not entitled to this data."}"#,
            "unauthorized",
        ),
        (404, r#"{"status":"NOT_FOUND"}"#, "unknown_symbol"),
        (400, r#"{"status":"ERROR","error":"bad range"}"#, "refused"),
        (200, "<html>", "not_the_venue"),
        (200, "[]", "not_the_venue"),
    ] {
        let read = answers::bars(
            &polygon.answers,
            &symbol,
            Timeframe::MINUTE,
            span,
            &answer(status, body),
        );
        assert_eq!(read.map_err(|error| error.code()), Err(code), "{status} {body}");
    }
    let ask = polygon.ask("/v2/x").expect("has a key");
    assert!(ask.query.is_empty() && !ask.path.contains('k'));
    assert_eq!(
        (ask.headers[0].0.as_str(), ask.headers[0].1.reveal()),
        ("Authorization", "Bearer k")
    );
    let keyless = Polygon::new(VenueConfig::default()).expect("no option is wrong");
    assert_eq!(
        keyless.codec().map(|_| ()).map_err(|error| error.code()),
        Err("missing_key")
    );
}

#[test]
fn plans_have_their_delay_and_limits() {
    for (plan, delay, weight, has_stream) in [
        ("realtime", 0, 100, true),
        ("delayed", 900, 100, true),
        ("free", 86_400, 5, false),
    ] {
        let polygon = Polygon::new(config(&[("plan", plan)])).expect(plan);
        let traits = polygon.traits();
        assert_eq!(
            (traits.delay.as_secs(), traits.limits[0].weight),
            (delay, weight),
            "{plan}"
        );
        let stream = polygon.codec().expect(plan);
        assert_eq!(stream.is_some(), has_stream, "{plan}");
        assert_eq!(!traits.stream.is_empty(), has_stream, "{plan}");
    }
    let delayed = Polygon::new(config(&[("plan", "delayed")])).expect("a plan");
    let address = delayed.codec().expect("has a key").map(|codec| codec.address().0);
    assert_eq!(address.as_deref(), Some("wss://delayed.polygon.io/stocks"));
}

#[test]
fn what_is_newest() {
    let polygon = venue("stocks");
    let listing = listing("AAPL", "AAPL");
    let nbbo = r#"{"results":{"T":"AAPL","p":166.2,"s":2,"x":4,"P":166.3,"S":5,"X":11,"t":1617827221349730300,"q":83480742,"z":3},"status":"OK"}"#;
    let said = answers::last_quote(&polygon.answers, &listing, 100.0, &answer(200, nbbo));
    assert_eq!(
        said,
        Ok(Some(quote(
            0,
            "2021-04-07T20:27:01.3497303Z",
            (166.2, 200.0),
            (166.3, 500.0)
        )))
    );
    let last = r#"{"results":{"T":"AAPL","p":166.25,"s":2,"x":4,"c":[12,37],"i":"237688","t":1617827221349730300,"y":1,"f":1,"q":7084210,"r":202,"z":3},"status":"DELAYED"}"#;
    let mut taker = TakerGuess::default();
    let said = answers::last_trade(
        &polygon.answers,
        &listing,
        Market::Stocks,
        &mut taker,
        &answer(200, last),
    );
    assert_eq!(
        said,
        Ok(Some(trade(
            0,
            Some(7_084_210),
            "2021-04-07T20:27:01.3497303Z",
            166.25,
            2.0,
            Side::Buy
        )))
    );
    let coin = r#"{"last":{"conditions":[1],"exchange":2,"price":39976.89,"size":0.005,"timestamp":1651180409688},"symbol":"BTC-USD","status":"success"}"#;
    let said = answers::last_coin_trade(&polygon.answers, &listing, &answer(200, coin));
    assert_eq!(
        said,
        Ok(trade(
            0,
            None,
            "2022-04-28T21:13:29.688Z",
            39_976.89,
            0.005,
            Side::Sell
        ))
    );
    let pair = r#"{"last":{"ask":0.73124,"bid":0.73122,"exchange":48,"timestamp":1651180409688},"symbol":"AUD/USD","status":"success"}"#;
    let said = answers::last_currency_quote(&polygon.answers, &listing, &answer(200, pair));
    assert_eq!(
        said,
        Ok(quote(
            0,
            "2022-04-28T21:13:29.688Z",
            (0.73122, 1e6),
            (0.73124, 1e6)
        ))
    );
    let clock = r#"{"market":"extended-hours","earlyHours":false,"afterHours":true,"serverTime":"2022-04-28T16:48:08-04:00"}"#;
    assert_eq!(
        answers::clock(&polygon.answers, &answer(200, clock)),
        Ok(time("2022-04-28T20:48:08Z"))
    );
}

proptest! {
    #[test]
    fn no_frame_and_no_answer_makes_it_panic(bytes in hostile()) {
        for (market, symbol) in [("stocks", "AAPL"), ("crypto", "BTC/USD"), ("forex", "EUR/USD")] {
            let polygon = venue(market);
            let mut codec = codec(market, symbol);
            let (mut told, mut replies) = (Vec::new(), Vec::new());
            let read = codec.read(&bytes, RECEIVED, &mut told, &mut replies);
            prop_assert!(read.is_ok() || (told.is_empty() && replies.is_empty()));
            let answer = crate::rest::Answer { status: 200, body: bytes.clone() };
            let listing = listing(symbol, symbol);
            let only = listing.instrument.symbol();
            let _ = answers::bars(&polygon.answers, only, Timeframe::MINUTE, (Timestamp::EPOCH, RECEIVED), &answer);
            let _ = answers::tickers(&polygon.answers, polygon.market, None, &answer);
            let _ = answers::last_quote(&polygon.answers, &listing, 1.0, &answer);
            let _ = answers::last_coin_trade(&polygon.answers, &listing, &answer);
            let _ = answers::next_path(&polygon.answers, "host", &String::from_utf8_lossy(&bytes));
        }
    }
}

/// Noise, and documented frames with something put in their middle.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let sound = [
        TRADE,
        QUOTE,
        BAR,
        COIN_TRADE,
        COIN_QUOTE,
        COIN_BAR,
        CURRENCY,
        CURRENCY_BAR,
    ];
    spoilt(sound.map(|frame| frame.as_bytes().to_vec()).to_vec())
}
