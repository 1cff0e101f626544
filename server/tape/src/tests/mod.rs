//! The whole of it, on a real disk and on one that fails.

mod crash;
mod faulty;
mod keeping;
mod store;
mod ticks;

use crate::record::{Entry, Source};
use papertape::exchange::TradingStatus;
use papertape::market::{
    Bar, CorporateAction, DepthKind, DepthUpdate, Level, MarketAction, MarketEvent, Quote, TradeTick,
};
use papertape::model::{Price, Side, Timestamp};
use papertape::testkit::decimal;
use proptest::prelude::*;
use rust_decimal::Decimal;

/// A trade on the grid of the testkit's instrument.
pub(crate) fn trade(number: u64) -> MarketEvent {
    MarketEvent::Trade(TradeTick {
        time: Timestamp::from_millis(1_723_161_255_000 + number as i64 * 7),
        price: (6_000_000 + number * 37 % 1_000) as f64 / 100.0,
        size: (1 + number % 500) as f64 / 100_000.0,
        aggressor: if number.is_multiple_of(3) {
            Side::Sell
        } else {
            Side::Buy
        },
    })
}

pub(crate) fn source() -> Source {
    Source::new("binance")
}

/// Any moment.
fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_nanos)
}

/// Prices and sizes: mostly decimals of few digits, sometimes any float at all.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (0..10_000_000_i64, 0..6_u32).prop_map(|(units, digits)| units as f64 / 10_f64.powi(digits as i32)),
        1 => any::<f64>(),
        1 => prop::sample::select(vec![0.0, -0.0, f64::NAN, f64::INFINITY, 1e300, 0.1 + 0.2, 5e-324]),
    ]
}

/// On the grid of the testkit's instrument.
fn decimal_number() -> impl Strategy<Value = f64> {
    (1..1_000_000_000_i64).prop_map(|units| units as f64 / 100.0)
}

fn exact() -> impl Strategy<Value = Decimal> {
    (any::<i64>(), 0..28_u32).prop_map(|(units, digits)| Decimal::new(units, digits))
}

fn level() -> impl Strategy<Value = Level> {
    prop_oneof![
        8 => (1..100_000_000_i64, 0..1_000_000_i64).prop_map(|(price, size)| Level { price, size }),
        1 => (any::<i64>(), any::<i64>()).prop_map(|(price, size)| Level { price, size }),
    ]
}

fn action() -> impl Strategy<Value = MarketAction> {
    let price = || exact().prop_map(Price);
    prop_oneof![
        (exact(), prop::option::of(price())).prop_map(|(rate, mark)| MarketAction::Funding { rate, mark }),
        price().prop_map(MarketAction::MarkPrice),
        price().prop_map(MarketAction::Underlying),
        price().prop_map(|price| MarketAction::Settlement { price }),
        exact().prop_map(|ratio| MarketAction::Corporate(CorporateAction::Split { ratio })),
        exact().prop_map(|per_share| MarketAction::Corporate(CorporateAction::Dividend { per_share })),
        Just(MarketAction::Corporate(CorporateAction::SymbolChange {
            to: "META".parse().expect("a symbol")
        })),
        prop::option::of(price())
            .prop_map(|price| MarketAction::Corporate(CorporateAction::Delisting { price })),
    ]
}

fn event_of(number: impl Strategy<Value = f64> + Clone + 'static) -> impl Strategy<Value = MarketEvent> {
    let four = (number.clone(), number.clone(), number.clone(), number.clone());
    let levels = || prop::collection::vec(level(), 0..5);
    prop_oneof![
        4 => (time(), number.clone(), number.clone(), any::<bool>()).prop_map(|(time, price, size, buys)| {
            let aggressor = if buys { Side::Buy } else { Side::Sell };
            MarketEvent::Trade(TradeTick { time, price, size, aggressor })
        }),
        3 => (time(), four.clone()).prop_map(|(time, (bid, bid_size, ask, ask_size))| {
            MarketEvent::Quote(Quote { time, bid, bid_size, ask, ask_size })
        }),
        2 => (time(), four, number).prop_map(|(open_time, (open, high, low, close), volume)| {
            MarketEvent::Bar(Bar { open_time, open, high, low, close, volume })
        }),
        1 => time().prop_map(MarketEvent::Clock),
        3 => (time(), any::<bool>(), levels(), levels()).prop_map(|(time, is_whole, bids, asks)| {
            let kind = if is_whole { DepthKind::Snapshot } else { DepthKind::Changes };
            MarketEvent::Depth(Box::new(DepthUpdate { time, kind, bids, asks }))
        }),
        1 => (time(), action()).prop_map(|(time, action)| MarketEvent::Action(time, action)),
        1 => (time(), prop::sample::select(vec![
            TradingStatus::Trading, TradingStatus::Halted, TradingStatus::Gap, TradingStatus::Ended,
        ])).prop_map(|(time, status)| MarketEvent::Status(time, status)),
    ]
}

fn entry_of(number: impl Strategy<Value = f64> + Clone + 'static) -> impl Strategy<Value = Entry> {
    prop_oneof![
        9 => event_of(number).prop_map(Entry::Event),
        1 => (time(), "\\PC{0,20}").prop_map(|(time, json)| Entry::Incident { time, json }),
    ]
}

/// Anything that a tape could be given; half of the lists hold only numbers that are decimals of few digits, as venues' are.
pub(crate) fn entries() -> impl Strategy<Value = Vec<(Timestamp, Source, Entry)>> {
    let list = |entry: BoxedStrategy<Entry>| {
        let source = prop::sample::select(vec!["binance", "binance-rest", "", "ünï/cödé"]);
        let received = (0..4 * 86_400_i64).prop_map(Timestamp::from_secs);
        prop::collection::vec((received, source.prop_map(Source::new), entry), 1..60)
    };
    prop_oneof![
        list(entry_of(number().boxed()).boxed()),
        list(entry_of(decimal_number().boxed()).boxed()),
    ]
}

/// Whether two entries are the same, bit for bit: their text tells -0 from 0 and takes NaN for itself.
pub(crate) fn same(left: &Entry, right: &Entry) -> bool {
    format!("{left:?}") == format!("{right:?}")
}

#[test]
fn the_generator_reaches_what_needs_care() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut all = Vec::new();
    for _ in 0..60 {
        all.extend(entries().new_tree(&mut runner).expect("a list").current());
    }
    let has = |find: fn(&Entry) -> bool| all.iter().any(|(.., entry)| find(entry));
    assert!(has(|entry| matches!(entry, Entry::Incident { .. })));
    assert!(has(
        |entry| matches!(entry, Entry::Event(MarketEvent::Trade(trade)) if trade.price.is_nan())
    ));
    assert!(has(
        |entry| matches!(entry, Entry::Event(MarketEvent::Depth(update)) if update.bids.is_empty() && update.asks.is_empty())
    ));
    assert!(has(|entry| matches!(
        entry,
        Entry::Event(MarketEvent::Action(_, MarketAction::Corporate(_)))
    )));
    assert_eq!(decimal("0.01"), papertape::testkit::instrument().tick());
}
