//! Exported ticks are read back as they were.

use super::{decimal_number, time};
use crate::{ExportKind, Source, TableFormat, TapeStore, Tick, export, read_ticks};
use papertape::market::{MarketEvent, Quote, TradeTick};
use papertape::model::{Side, Timestamp};
use proptest::prelude::*;
use std::fs;

/// Years that ISO 8601 writes with four digits.
fn moment() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_000_000_000_i64).prop_map(Timestamp::from_nanos)
}

fn event() -> impl Strategy<Value = MarketEvent> {
    let number = || prop_oneof![4 => decimal_number(), 1 => 1e-9..1e12_f64];
    prop_oneof![
        (moment(), number(), number(), any::<bool>()).prop_map(|(time, price, size, buys)| {
            let aggressor = if buys { Side::Buy } else { Side::Sell };
            MarketEvent::Trade(TradeTick {
                time,
                price,
                size,
                aggressor,
            })
        }),
        (moment(), number(), number(), number()).prop_map(|(time, bid, ask, ask_size)| {
            MarketEvent::Quote(Quote {
                time,
                bid,
                bid_size: 0.0,
                ask,
                ask_size,
            })
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn what_was_exported_is_read_back(events in prop::collection::vec(event(), 1..40), start in time()) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = TapeStore::open(&folder.path().join("tape")).expect("a store");
        let channel = store
            .channel_blocking("binance", &papertape::testkit::instrument())
            .expect("a tape");
        let mut received = Timestamp::from_nanos(start.nanos().unsigned_abs() as i64 / 4);
        let mut told = Vec::new();
        for (number, event) in events.into_iter().enumerate() {
            received = received.plus_nanos(1_000);
            let source = Source::new(if number % 3 == 0 { "binance-rest" } else { "binance, \"spot\"" });
            channel.append(received, &source, event.clone()).expect("appended");
            told.push(Tick { received, source: Some(source), event });
        }
        super::store::wait_until_durable(&channel);
        let is_trade = |tick: &&Tick| matches!(tick.event, MarketEvent::Trade(_));
        for format in [TableFormat::Csv, TableFormat::Parquet] {
            for kind in [ExportKind::Trades, ExportKind::Quotes] {
                let (bytes, _) = export(&channel, (None, None), kind, format, Vec::new()).expect("exported");
                let path = folder.path().join("ticks");
                fs::write(&path, bytes).expect("written");
                let wanted = told.iter().filter(|tick| is_trade(tick) == (kind == ExportKind::Trades));
                let wanted: Vec<Tick> = wanted.cloned().collect();
                prop_assert_eq!(read_ticks(&path), Ok(wanted));
            }
        }
    }
}

#[test]
fn what_is_no_table_of_ticks_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ticks.csv");
    let head = "time,price,size,side\n";
    let good = "2024-08-08T00:00:00Z,1,1,buy\n";
    for (text, wanted) in [
        (String::new(), "no table of ticks"),
        (
            "open_time,open,high,low,close,volume\n".to_owned(),
            "no table of ticks",
        ),
        (
            format!("{head}{good}2024-08-08T00:00:00Z,0,1,buy\n"),
            "line 3: price",
        ),
        (format!("{head}2024-08-08T00:00:00Z,1,inf,buy\n"), "line 2: size"),
        (
            format!("{head}{good}2024-08-08T00:00:00Z,1e300,1,buy\n"),
            "line 3: price is 1e300: nothing costs more than 1e15",
        ),
        (
            format!("{head}2024-08-08T00:00:00Z,1,1e16,buy\n"),
            "line 2: size is 1e16: nothing costs more than 1e15",
        ),
        (
            "<html><body>404</body></html>".to_owned(),
            "this is a web page or XML, not data",
        ),
        (format!("{head}2024-08-08T00:00:00Z,1,1,both\n"), "line 2: side"),
        (format!("{head}yesterday,1,1,buy\n"), "line 2: time"),
        (
            format!("{head}2024-08-08T00:00:00Z,,1,buy\n"),
            "line 2: price is empty",
        ),
        (format!("{head}{good}2024-08-08T00:00:00Z,1\n"), "line: 3"),
        ("PAR1 and no more".to_owned(), "Parquet"),
    ] {
        fs::write(&path, &text).expect("written");
        let problem = read_ticks(&path).expect_err(&text);
        assert!(problem.contains(wanted), "{text}: {problem}");
    }
    assert!(read_ticks(&folder.path().join("nothing")).is_err());
    for (name, text, wanted) in [
        ("a.parquet", "", "it is empty, and no Parquet file"),
        ("a.zip", "", "it is empty, and no zip file"),
        (
            "a.zip",
            "time,price",
            "this is no zip file: it does not begin with PK",
        ),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        let problem = read_ticks(&path).expect_err(name);
        assert!(problem.contains(wanted), "{name}: {problem}");
    }
}
