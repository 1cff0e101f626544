//! Fixtures: the frames and answers of CryptoCompare's documentation, and what they say.

use super::{super::fixture::*, *};
use crate::venue::Slot;
use crate::venue::Told;
use papertape::model::Side;
use proptest::prelude::*;

const TRADE: &str = r#"{"TYPE":"0","M":"Coinbase","FSYM":"BTC","TSYM":"USD","F":"1","ID":"62221929","TS":1700000000,"Q":0.0018,"P":77000.1,"TOTAL":138.6,"RTS":1700000001}"#;
const INDEX_FULL: &str = r#"{"TYPE":"5","MARKET":"CCCAGG","FROMSYMBOL":"BTC","TOSYMBOL":"USD","FLAGS":"1","PRICE":77000.1,"LASTUPDATE":1700000000,"LASTVOLUME":0.5,"VOLUME24HOUR":1000.5}"#;
const MINUTE: &str = r#"{"TYPE":"24","MARKET":"Coinbase","FROMSYMBOL":"BTC","TOSYMBOL":"USD","TS":1699999980,"UNIT":"MINUTE","ACTION":"I","OPEN":1.1,"HIGH":1.2,"LOW":1.0,"CLOSE":1.15,"VOLUMEFROM":10.5,"VOLUMETO":11.9}"#;

fn venue(exchange: &str) -> CryptoCompare {
    CryptoCompare::new(config(&[("exchange", exchange)])).expect("a name of letters")
}

fn codec(exchange: &str) -> Box<dyn Codec> {
    let mut codec = venue(exchange).codec().expect("has a key").expect("has a stream");
    subscribe(&mut *codec, 4, "BTC/USD", "BTC/USD", EVERYTHING);
    codec
}

fn symbol() -> Symbol {
    "BTC/USD".parse().expect("a symbol")
}

#[test]
fn many_are_subscribed_with_one_frame() {
    let mut codec = codec("Coinbase");
    let listings = ["BTC/USD", "ETH/USD"].map(|name| listing(name, name));
    let channels = Channels {
        trades: true,
        bars: true,
        ..Channels::default()
    };
    let frames = codec.subscribe_all(&[
        (Slot(1), &listings[0], channels),
        (Slot(2), &listings[1], Channels::TICKS),
    ]);
    assert_eq!(
        frames.iter().map(text).collect::<Vec<_>>(),
        [r#"{"action":"SubAdd","subs":["0~Coinbase~BTC~USD","24~Coinbase~BTC~USD~m","0~Coinbase~ETH~USD"]}"#]
    );
    let refused =
        r#"{"TYPE":"500","MESSAGE":"INVALID_SUB","PARAMETER":"0~Coinbase~ETH~USD","INFO":"no such pair"}"#;
    let confirmed = r#"{"TYPE":"16","MESSAGE":"SUBSCRIBECOMPLETE","SUB":"0~Coinbase~BTC~USD"}"#;
    let said = told(&mut *codec, &[refused, confirmed]);
    assert!(
        matches!(
            &said[0],
            Told::Refused {
                slot: Some(Slot(2)),
                ..
            }
        ),
        "{said:?}"
    );
    assert!(said.contains(&Told::Subscribed { slot: Slot(1) }), "{said:?}");
}

#[test]
fn it_waits_for_the_greeting_and_subscribes() {
    let mut codec = venue("Coinbase")
        .codec()
        .expect("has a key")
        .expect("has a stream");
    assert_eq!(
        codec.address(),
        ("wss://streamer.cryptocompare.com/v2?api_key=k".to_owned(), vec![])
    );
    assert!(codec.opened().is_empty() && !codec.is_ready());
    told(
        &mut *codec,
        &[r#"{"TYPE":"20","MESSAGE":"STREAMERWELCOME","SERVER_TIME_MS":1700000000000}"#],
    );
    assert!(codec.is_ready());
    let frames = subscribe(&mut *codec, 4, "BTC/USD", "BTC/USD", EVERYTHING);
    assert_eq!(
        frames.iter().map(text).collect::<Vec<_>>(),
        [r#"{"action":"SubAdd","subs":["0~Coinbase~BTC~USD","24~Coinbase~BTC~USD~m"]}"#]
    );
    let confirm = r#"{"TYPE":"16","MESSAGE":"SUBSCRIBECOMPLETE","SUB":"0~Coinbase~BTC~USD"}"#;
    assert_eq!(
        told(&mut *codec, &[confirm, confirm]),
        [
            Told::Subscribed { slot: Slot(4) },
            Told::Heartbeat,
            Told::Heartbeat
        ]
    );
    let frames = codec.unsubscribe(Slot(4));
    assert_eq!(
        frames.iter().map(text).collect::<Vec<_>>(),
        [r#"{"action":"SubRemove","subs":["0~Coinbase~BTC~USD","24~Coinbase~BTC~USD~m"]}"#]
    );
    assert_eq!(told(&mut *codec, &[TRADE]), [], "what still comes is nobody's");
    let keyless = CryptoCompare::new(VenueConfig::default()).expect("no option is wrong");
    assert!(keyless.codec().expect("no key is needed").is_none() && keyless.traits().stream.is_empty());
}

/// What makes no sense was a trade, and no number shows that it is missing.
const LOST: Told = Told::TradeLost { slot: Some(Slot(4)) };

#[test]
fn what_trades_say() {
    let at = "2023-11-14T22:13:20Z";
    let is = |side| vec![trade(4, Some(62_221_929), at, 77_000.1, 0.0018, side)];
    for (frame, says) in [
        (TRADE.to_owned(), is(Side::Sell)),
        (TRADE.replace(r#""F":"1""#, r#""F":"2""#), is(Side::Buy)),
        (TRADE.replace(r#""F":"1""#, r#""F":"9""#), is(Side::Sell)),
        (TRADE.replace(r#""F":"1""#, r#""F":"4""#), is(Side::Buy)),
        (
            TRADE.replace("77000.1", "0"),
            vec![kept_off(4, "trade's price 0 is no price"), LOST],
        ),
        (
            TRADE.replace("77000.1", "-1"),
            vec![kept_off(4, "trade's price -1 is no price"), LOST],
        ),
        (
            TRADE.replace(r#""Q":0.0018,"#, ""),
            vec![kept_off(4, "a trade of nothing"), LOST],
        ),
        (TRADE.replace("BTC", "ETH"), vec![]),
        (
            r#"{"TYPE":"999","MESSAGE":"HEARTBEAT"}"#.to_owned(),
            vec![Told::Heartbeat],
        ),
    ] {
        assert_eq!(told(&mut *codec("Coinbase"), &[&frame]), says, "{frame}");
    }
    let mut codec = codec("Coinbase");
    for frame in [&b""[..], b"{", b"<html>", b"[]1", b"null", b"{\"TYPE\":5}"] {
        let (mut said, mut replies) = (Vec::new(), Vec::new());
        assert!(
            codec.read(frame, RECEIVED, &mut said, &mut replies).is_err(),
            "{frame:?}"
        );
    }
}

#[test]
fn the_index_is_told_from_what_changed() {
    let mut codec = codec("CCCAGG");
    let frames = codec.subscribe(Slot(4), &listing("BTC/USD", "BTC/USD"), Channels::TICKS);
    assert_eq!(
        frames.iter().map(text).collect::<Vec<_>>(),
        [r#"{"action":"SubAdd","subs":["5~CCCAGG~BTC~USD"]}"#]
    );
    let only = |rest: &str| {
        format!(r#"{{"TYPE":"5","MARKET":"CCCAGG","FROMSYMBOL":"BTC","TOSYMBOL":"USD",{rest}}}"#)
    };
    let lower = only(r#""FLAGS":"2","PRICE":76999,"LASTUPDATE":1700000005"#);
    let day = only(r#""FLAGS":"4","VOLUME24HOUR":1001"#);
    let size = only(r#""FLAGS":"4","LASTVOLUME":0.25"#);
    assert_eq!(told(&mut *codec, &[&lower]), [], "the size is not known yet");
    assert_eq!(
        told(&mut *codec, &[INDEX_FULL, &lower, &day, &size]),
        [
            trade(4, None, "2023-11-14T22:13:20Z", 77_000.1, 0.5, Side::Buy),
            trade(4, None, "2023-11-14T22:13:25Z", 76_999.0, 0.5, Side::Sell),
            trade(4, None, "2023-11-14T22:13:25Z", 76_999.0, 0.25, Side::Sell),
        ]
    );
}

#[test]
fn the_next_bar_closes_the_one_before() {
    let mut codec = codec("Coinbase");
    let higher = r#"{"TYPE":"24","MARKET":"Coinbase","FROMSYMBOL":"BTC","TOSYMBOL":"USD","TS":1699999980,"UNIT":"MINUTE","ACTION":"U","HIGH":1.4,"CLOSE":1.3}"#;
    let next = MINUTE.replace("1699999980", "1700000040");
    let is = |close, high| Told::Bar {
        slot: Slot(4),
        bar: bar("2023-11-14T22:13:00Z", [1.1, high, 1.0, close, 10.5]),
        is_closed: true,
    };
    assert_eq!(told(&mut *codec, &[MINUTE, higher]), []);
    assert_eq!(told(&mut *codec, &[&next]), [is(1.3, 1.4)]);
    assert_eq!(
        told(&mut *codec, &[MINUTE]),
        [is(1.15, 1.2)],
        "one that has closed is told anew"
    );
}

#[test]
fn refusals_of_the_stream() {
    for (frame, slot, code) in [
        (
            r#"{"TYPE":"401","MESSAGE":"UNAUTHORIZED","INFO":"k is no key"}"#,
            None,
            "unauthorized",
        ),
        (
            r#"{"TYPE":"429","MESSAGE":"TOO_MANY_SOCKETS_MAX_1_PER_CLIENT"}"#,
            None,
            "unreachable",
        ),
        (
            r#"{"TYPE":"500","MESSAGE":"INVALID_SUB","PARAMETER":"0~Coinbase~BTC~USD","INFO":"We have not integrated any of the exchanges"}"#,
            Some(Slot(4)),
            "refused",
        ),
        (r#"{"TYPE":"500","MESSAGE":"INVALID_JSON"}"#, None, "refused"),
    ] {
        let said = told(&mut *codec("Coinbase"), &[frame]);
        let Some(Told::Refused { slot: of, error }) = said.first() else {
            panic!("{frame}: {said:?}");
        };
        assert_eq!((*of, error.code()), (slot, code), "{frame}");
        assert!(!error.to_string().contains("k is no"), "{error}");
    }
}

#[test]
fn history_without_zeros_and_without_the_open_row() {
    let venue = venue("CCCAGG");
    let row = |time: i64, price: f64| {
        format!(
            r#"{{"time":{time},"high":{price},"low":{price},"open":{price},"volumefrom":10.5,"volumeto":11.9,"close":{price},"conversionType":"direct","conversionSymbol":""}}"#
        )
    };
    let body = format!(
        r#"{{"Response":"Success","Message":"","HasWarning":false,"Type":100,"RateLimit":{{}},"Data":{{"Aggregated":false,"TimeFrom":1,"TimeTo":2,"Data":[{},{},{}]}}}}"#,
        row(1_699_999_920, 0.0),
        row(1_699_999_980, 1.25),
        row(1_700_000_040, 1.5)
    );
    let span = (time("2023-11-14T22:00:00Z"), time("2023-11-14T22:14:30Z"));
    let read = |body: &str| {
        answers::bars(
            &venue.answers,
            &symbol(),
            Timeframe::MINUTE,
            span,
            Reach::Whole,
            &answer(200, body),
        )
    };
    // A price of nothing for something is no price; nothing at all for nothing is a minute that is missing.
    let past = read(&body).expect("rows");
    let kept_off: Vec<Timestamp> = past.kept_off().map(|bar| bar.open_time).collect();
    assert_eq!(kept_off, [time("2023-11-14T22:12:00Z")]);
    let bars = [bar("2023-11-14T22:13:00Z", [1.25, 1.25, 1.25, 1.25, 10.5])];
    assert_eq!(past.into_bars(), bars);
    let missing = body.replacen(r#""volumefrom":10.5"#, r#""volumefrom":0"#, 1);
    let past = read(&missing).expect("rows");
    assert_eq!((past.kept_off().count(), past.into_bars()), (0, bars.to_vec()));
    let error = |message: &str, kind: i64, param: &str| {
        format!(
            r#"{{"Response":"Error","Message":"{message}","HasWarning":false,"Type":{kind},"RateLimit":{{}},"Data":{{}},"ParamWithError":"{param}"}}"#
        )
    };
    assert!(read(&error("no data", 1, "")).is_ok_and(|past| past.is_empty()));
    for (body, code) in [
        (
            error(
                "You are over your rate limit please upgrade your account!",
                99,
                "",
            ),
            "rate_limited",
        ),
        (
            error(
                "You need a valid auth key or api key to access this endpoint",
                99,
                "",
            ),
            "unauthorized",
        ),
        (error("fsym param is invalid", 2, "fsym"), "unknown_symbol"),
        (
            error("CCCAGG market does not exist for this coin pair (XX-USD)", 2, ""),
            "unknown_symbol",
        ),
        (error("limit is larger than max value.", 2, "limit"), "refused"),
        ("<html>".to_owned(), "not_the_venue"),
        (r#"{"Data":5}"#.to_owned(), "not_the_venue"),
    ] {
        assert_eq!(read(&body).map_err(|error| error.code()), Err(code), "{body}");
    }
}

#[test]
fn what_is_newest() {
    let venue = venue("CCCAGG");
    let listing = listing("BTC/USD", "BTC/USD");
    let body = r#"{"RAW":{"BTC":{"USD":{"PRICE":77000.1,"LASTUPDATE":1700000000,"LASTVOLUME":0.5,"VOLUME24HOUR":1}}},"DISPLAY":{}}"#;
    let read = |body: &str| {
        let all = answers::tickers(&venue.answers, Some(&symbol()), &answer(200, body))?;
        answers::newest(&venue.answers, &listing, &all)
    };
    let is = |size| vec![trade(0, None, "2023-11-14T22:13:20Z", 77_000.1, size, Side::Buy)];
    assert_eq!(read(body), Ok(is(0.5)));
    assert_eq!(
        read(&body.replace("0.5", "0")),
        Ok(is(0.0001)),
        "one lot where no size is told"
    );
    assert_eq!(
        read(&body.replace("77000.1", "-1")),
        Ok(vec![kept_off(0, "trade's price -1 is no price")])
    );
    assert_eq!(read("{}").map_err(|error| error.code()), Err("unknown_symbol"));
    // What is wrong with one is wrong with no other.
    let spoilt = body.replace("\"BTC\":{", "\"ETH\":{\"USD\":{\"PRICE\":\"?\"}},\"BTC\":{");
    assert_eq!(read(&spoilt), Ok(is(0.5)));
    // Of several it is not said which one is not there: they are asked for in smaller parts.
    let failure =
        r#"{"Response":"Error","Message":"the market does not exist for this coin pair (XYZ-USD)","Type":2}"#;
    let nothing = r#"{"Response":"Error","Message":"no data","Type":1}"#;
    for (only, failure, code) in [
        (Some(symbol()), failure, Err("unknown_symbol")),
        (None, failure, Err("refused")),
        (Some(symbol()), nothing, Ok(())),
        (None, nothing, Err("refused")),
    ] {
        let read = answers::tickers(&venue.answers, only.as_ref(), &answer(200, failure));
        assert_eq!(read.map(|_| ()).map_err(|error| error.code()), code, "{failure}");
    }
    let price = |body: &str| {
        answers::price(&venue.answers, &symbol(), &answer(200, body)).map_err(|error| error.code())
    };
    assert_eq!(price(r#"{"USD":77000.1,"EUR":66000.2}"#), Ok(77_000.1));
    assert_eq!(price("{}"), Err("unknown_symbol"));
    assert_eq!(price(r#"{"USD":0}"#), Err("unknown_symbol"));
}

proptest! {
    #[test]
    fn no_frame_and_no_answer_makes_it_panic(bytes in hostile()) {
        for exchange in ["CCCAGG", "Coinbase"] {
            let venue = venue(exchange);
            let mut codec = codec(exchange);
            let (mut told, mut replies) = (Vec::new(), Vec::new());
            for frame in [&bytes[..], INDEX_FULL.as_bytes(), MINUTE.as_bytes(), &bytes] {
                let _ = codec.read(frame, RECEIVED, &mut told, &mut replies);
            }
            let answer = crate::rest::Answer { status: 200, body: bytes.clone() };
            let listing = listing("BTC/USD", "BTC/USD");
            let _ = answers::bars(&venue.answers, &symbol(), Timeframe::DAY, (Timestamp::EPOCH, RECEIVED), Reach::Whole, &answer);
            if let Ok(all) = answers::tickers(&venue.answers, None, &answer) {
                let _ = answers::newest(&venue.answers, &listing, &all);
            }
            let _ = answers::price(&venue.answers, &symbol(), &answer);
        }
    }
}

/// Noise, and documented frames with something put in their middle.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    spoilt(
        [TRADE, INDEX_FULL, MINUTE]
            .map(|frame| frame.as_bytes().to_vec())
            .to_vec(),
    )
}
