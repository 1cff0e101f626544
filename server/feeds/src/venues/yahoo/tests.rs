//! Fixtures: answers of Yahoo's chart as clients of it know them, and what they say.

use super::{super::fixture::*, *};
use crate::venue::Told;
use papertape::market::Bar;
use proptest::prelude::*;

const META: &str = r#"{"currency":"USD","symbol":"AAPL","exchangeName":"NMS","fullExchangeName":"NasdaqGS","instrumentType":"EQUITY","firstTradeDate":345479400,"regularMarketTime":1700145155,"gmtoffset":-18000,"timezone":"EST","exchangeTimezoneName":"America/New_York","regularMarketPrice":189.71,"chartPreviousClose":188.01,"scale":3,"priceHint":2,"dataGranularity":"1m","range":"1d"}"#;

/// Bars at seconds, each of one price; `None` is null.
fn chart(meta: &str, bars: &[(i64, Option<f64>)]) -> String {
    let times: Vec<i64> = bars.iter().map(|(time, _)| *time).collect();
    let prices: Vec<Option<f64>> = bars.iter().map(|(_, price)| *price).collect();
    let volumes: Vec<Option<u32>> = bars.iter().map(|(_, price)| price.map(|_| 7)).collect();
    let quote = serde_json::json!({"open": prices, "high": prices, "low": prices, "close": prices, "volume": volumes});
    format!(
        r#"{{"chart":{{"result":[{{"meta":{meta},"timestamp":{},"indicators":{{"quote":[{quote}]}}}}],"error":null}}}}"#,
        serde_json::json!(times)
    )
}

fn venue() -> Yahoo {
    Yahoo::new(VenueConfig::default()).expect("no options")
}

fn symbol(text: &str) -> Symbol {
    text.parse().expect(text)
}

fn flat(secs: i64, price: f64) -> Bar {
    bar(
        &Timestamp::from_secs(secs).to_string(),
        [price, price, price, price, 7.0],
    )
}

#[test]
fn nulls_are_skipped_and_the_bar_in_the_making_is_dropped() {
    let venue = venue();
    let body = chart(
        META,
        &[
            (1_700_145_000, Some(189.5)),
            (1_700_145_060, None),
            (1_700_145_120, Some(-1.0)),
            (1_700_145_180, Some(190.0)),
            (1_700_145_195, Some(191.0)),
        ],
    );
    let read = |to: i64| {
        answers::bars(
            &venue.answers,
            &symbol("AAPL"),
            (Timeframe::MINUTE, Timeframe::MINUTE),
            (Timestamp::EPOCH, Timestamp::from_secs(to)),
            Reach::Whole,
            &answer(200, &body),
        )
        .expect("a chart")
    };
    let past = read(1_700_145_300);
    let kept_off: Vec<Timestamp> = past.kept_off().map(|bar| bar.open_time).collect();
    assert_eq!(kept_off, [Timestamp::from_secs(1_700_145_120)]);
    assert_eq!(
        past.into_bars(),
        [flat(1_700_145_000, 189.5), flat(1_700_145_180, 190.0)]
    );
    assert_eq!(
        read(1_700_145_200).into_bars(),
        [flat(1_700_145_000, 189.5)],
        "the second is open at that time"
    );
    let empty = format!(
        r#"{{"chart":{{"result":[{{"meta":{META},"indicators":{{"quote":[{{}}],"adjclose":[{{}}]}}}}],"error":null}}}}"#
    );
    let read = answers::bars(
        &venue.answers,
        &symbol("AAPL"),
        (Timeframe::DAY, Timeframe::DAY),
        (Timestamp::EPOCH, RECEIVED),
        Reach::Whole,
        &answer(200, &empty),
    );
    assert_eq!(read.map(PastBars::into_bars), Ok(vec![]));
}

#[test]
fn hours_are_made_of_quarters_and_one_that_cannot_be_spoils_its_hour() {
    let venue = venue();
    let quarter = |number: i64| 1_700_145_000 + 900 * number;
    let prices = [10.0, 12.0, 9.0, -1.0, 11.0, 11.0, 8.0];
    let mut bars: Vec<(i64, Option<f64>)> = (0..).map(quarter).zip(prices.map(Some)).collect();
    // The one in the making.
    bars.push((quarter(7) + 77, Some(99.0)));
    let quarters = Timeframe::from_secs(QUARTER).expect("seconds");
    let past = answers::bars(
        &venue.answers,
        &symbol("AAPL"),
        (quarters, Timeframe::HOUR),
        (Timestamp::EPOCH, time("2023-11-16T18:00:00Z")),
        Reach::Whole,
        &answer(200, &chart(META, &bars)),
    );
    let past = past.expect("a chart");
    let kept_off: Vec<Timestamp> = past.kept_off().map(|bar| bar.open_time).collect();
    assert_eq!(kept_off, [time("2023-11-16T15:00:00Z")]);
    let expected = [
        bar("2023-11-16T14:00:00Z", [10.0, 12.0, 10.0, 12.0, 14.0]),
        bar("2023-11-16T16:00:00Z", [8.0, 8.0, 8.0, 8.0, 7.0]),
    ];
    assert_eq!(past.into_bars(), expected);
}

#[test]
fn days_are_the_exchanges() {
    let venue = venue();
    // 16 November 2023, 09:30 in New York, and 17 November, 10:00 in Sydney.
    let sydney = META.replace("-18000", "39600");
    for (meta, opened, day) in [
        (META, 1_700_145_000, "2023-11-16"),
        (&*sydney, 1_700_175_600, "2023-11-17"),
    ] {
        let read = answers::bars(
            &venue.answers,
            &symbol("AAPL"),
            (Timeframe::DAY, Timeframe::DAY),
            (Timestamp::EPOCH, time("2023-11-18")),
            Reach::Whole,
            &answer(200, &chart(meta, &[(opened, Some(10.0))])),
        );
        let read = read.map(PastBars::into_bars);
        assert_eq!(read, Ok(vec![bar(day, [10.0, 10.0, 10.0, 10.0, 7.0])]), "{day}");
    }
}

#[test]
fn a_poll_tells_the_newest_closed_minutes() {
    let venue = venue();
    let bars: Vec<(i64, Option<f64>)> = (0..10)
        .map(|index| (1_700_144_580 + 60 * index, Some(190.0)))
        .collect();
    let told = answers::newest(
        &venue.answers,
        &listing("AAPL", "AAPL"),
        &answer(200, &chart(META, &bars)),
    );
    let opens: Vec<i64> = told
        .expect("bars")
        .iter()
        .map(|told| match told {
            Told::Bar {
                bar, is_closed: true, ..
            } => bar.open_time.secs(),
            other => panic!("{other:?}"),
        })
        .collect();
    // The last trade was at second 155: the bar of 1700145120 is open.
    assert_eq!(
        opens,
        [
            1_700_144_820,
            1_700_144_880,
            1_700_144_940,
            1_700_145_000,
            1_700_145_060
        ]
    );
}

#[test]
fn a_minute_that_cannot_be_is_kept_off_by_name() {
    let venue = venue();
    let told = |price: f64| {
        let bars = [(1_700_145_000, Some(190.0)), (1_700_145_060, Some(price))];
        let answer = answer(200, &chart(META, &bars));
        let told = answers::newest(&venue.answers, &listing("AAPL", "AAPL"), &answer);
        told.expect("minutes")
    };
    for price in [0.0, -1.0, 1e300] {
        let told = told(price);
        assert!(
            matches!(
                &told[..],
                [Told::Bar { .. }, Told::KeptOff { .. }, Told::BarLost { open_time, .. }]
                    if *open_time == Timestamp::from_secs(1_700_145_060)
            ),
            "{price}: {told:?}"
        );
    }
    assert!(matches!(told(190.5)[..], [Told::Bar { .. }, Told::Bar { .. }]));
}

#[test]
fn symbols_have_their_names_currency_and_hours() {
    for (ours, theirs) in [
        ("AAPL", "AAPL"),
        ("BRK.B", "BRK-B"),
        ("BTC/USD", "BTC-USD"),
        ("EUR/USD", "EURUSD=X"),
        ("7203.T", "7203.T"),
    ] {
        assert_eq!(name_of(&symbol(ours)), theirs);
    }
    let venue = venue();
    let read = |ours: &str, meta: &str| {
        let answer = answer(200, &chart(meta, &[]));
        answers::listing(&venue.answers, &symbol(ours), "NAME", &answer)
            .map(|it| {
                let instrument = it.instrument;
                format!(
                    "{} {:?} {:?} {}",
                    instrument.symbol(),
                    instrument.kind(),
                    instrument.calendar(),
                    instrument.tick()
                )
            })
            .map_err(|error| error.to_string())
    };
    assert_eq!(read("AAPL", META), Ok("AAPL Equity UsEquities 0.01".to_owned()));
    let coin = META
        .replace("EQUITY", "CRYPTOCURRENCY")
        .replace("America/New_York", "UTC");
    assert_eq!(read("BTC/USD", &coin), Ok("BTC/USD Spot Always 0.01".to_owned()));
    let pair = META
        .replace("EQUITY", "CURRENCY")
        .replace("America/New_York", "Europe/London")
        .replace(r#""priceHint":2"#, r#""priceHint":4"#);
    assert_eq!(
        read("EUR/USD", &pair),
        Ok("EUR/USD Forex Forex 0.00001".to_owned())
    );
    let tokyo = META.replace("America/New_York", "Asia/Tokyo");
    assert_eq!(
        read("AAPL", &tokyo),
        Err("yahoo has no AAPL, equity in Asia/Tokyo, whose trading hours are not known here".to_owned())
    );
    let yen = META.replace(r#""USD""#, r#""JPY""#);
    assert_eq!(
        read("AAPL", &yen),
        Err("yahoo refused the request: AAPL is priced in JPY there, not in USD".to_owned())
    );
}

#[test]
fn refusals_are_named() {
    let venue = venue();
    let error = |code: &str, description: &str| {
        format!(r#"{{"chart":{{"result":null,"error":{{"code":"{code}","description":"{description}"}}}}}}"#)
    };
    for (status, body, code) in [
        (
            404,
            error("Not Found", "No data found, symbol may be delisted"),
            "unknown_symbol",
        ),
        (
            422,
            error("Unprocessable Entity", "1m data not available for startTime=1"),
            "refused",
        ),
        (
            400,
            error("Bad Request", "Invalid input - interval=7m is not supported."),
            "refused",
        ),
        (200, error("Not Found", ""), "unknown_symbol"),
        (200, error("Internal", "sorry"), "refused"),
        (
            200,
            r#"{"chart":{"result":[],"error":null}}"#.to_owned(),
            "refused",
        ),
        (429, "Too Many Requests".to_owned(), "rate_limited"),
        (
            401,
            r#"{"finance":{"result":null,"error":{"code":"Unauthorized","description":"Invalid Crumb"}}}"#
                .to_owned(),
            "unauthorized",
        ),
        (403, "<html>".to_owned(), "unauthorized"),
        (200, "<html>".to_owned(), "not_the_venue"),
        (200, "[]".to_owned(), "not_the_venue"),
    ] {
        let read = answers::bars(
            &venue.answers,
            &symbol("AAPL"),
            (Timeframe::MINUTE, Timeframe::MINUTE),
            (Timestamp::EPOCH, RECEIVED),
            Reach::Whole,
            &answer(status, &body),
        );
        assert_eq!(read.map_err(|error| error.code()), Err(code), "{status} {body}");
    }
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic(body in spoilt(vec![chart(META, &[(1_700_145_000, Some(1.5)), (1_700_145_060, None)]).into()])) {
        let (venue, listing) = (venue(), listing("AAPL", "AAPL"));
        let answer = crate::rest::Answer { status: 200, body };
        let symbol = listing.instrument.symbol();
        for lengths in [(Timeframe::MINUTE, Timeframe::MINUTE), (Timeframe::MINUTE, Timeframe::HOUR), (Timeframe::DAY, Timeframe::DAY)] {
            let span = (Timestamp::EPOCH, RECEIVED);
            let _ = answers::bars(&venue.answers, symbol, lengths, span, Reach::Whole, &answer);
        }
        let _ = answers::newest(&venue.answers, &listing, &answer);
        let _ = answers::listing(&venue.answers, symbol, "AAPL", &answer);
    }
}

#[test]
fn the_limit_of_requests_may_be_said() {
    let limit = |count: &str| {
        let venue = Yahoo::new(config(&[("requests_in_10_min", count)]));
        venue
            .map(|venue| venue.traits.limits[0].weight)
            .map_err(|error| error.to_string())
    };
    assert_eq!(limit("300"), Ok(300));
    for wrong in ["0", "1001", "many"] {
        let message = format!("yahoo has no requests_in_10_min '{wrong}'; it may be 1 to 1000");
        assert_eq!(limit(wrong), Err(message));
    }
    assert_eq!(venue().traits.limits[0].weight, 60);
}
