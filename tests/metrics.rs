//! Metrics against an independent reference, and what must hold for every equity curve.

use papertape::analytics::{Metrics, MetricsAccumulator, drawdown_series};
use papertape::model::Timestamp;
use proptest::prelude::*;
use serde::Deserialize;

/// A row of `data/metrics_table.json`, which `data/make_metrics_table.py` writes.
#[derive(Deserialize)]
struct Case {
    name: String,
    initial_capital: f64,
    periods_per_year: f64,
    /// Epoch seconds.
    start: i64,
    /// Close time in epoch seconds, equity, close, in position.
    marks: Vec<(i64, f64, f64, bool)>,
    /// Notional, fee.
    fills: Vec<(f64, f64)>,
    /// P&L, return.
    trades: Vec<(f64, f64)>,
    expected: Metrics,
}

impl Case {
    fn accumulate(&self) -> MetricsAccumulator {
        let mut accumulator = MetricsAccumulator::new(self.initial_capital, self.periods_per_year);
        accumulator.start(Timestamp::from_secs(self.start));
        for (time, equity, close, in_position) in &self.marks {
            accumulator.on_mark(Timestamp::from_secs(*time), *equity, *close, *in_position);
        }
        for (notional, fee) in &self.fills {
            accumulator.on_fill(*notional, *fee);
        }
        for (pnl, return_ratio) in &self.trades {
            accumulator.on_trade(*pnl, *return_ratio);
        }
        accumulator
    }
}

fn assert_same(case: &str, actual: &Metrics, expected: &Metrics) {
    let [actual, expected] = [actual, expected].map(|metrics| {
        let value = serde_json::to_value(metrics).expect("metrics are JSON");
        value.as_object().expect("of named numbers").clone()
    });
    for (name, expected) in expected {
        let same = match (actual[&name].as_f64(), expected.as_f64()) {
            (Some(actual), Some(expected)) => (actual - expected).abs() <= 1e-10 * expected.abs().max(1e-4),
            (actual, expected) => actual.is_none() && expected.is_none(),
        };
        assert!(same, "{case}: {name} is {}, expected {expected}", actual[&name]);
    }
}

#[test]
fn metrics_are_those_of_the_reference() {
    let table: Vec<Case> =
        serde_json::from_str(include_str!("data/metrics_table.json")).expect("the committed table");
    assert_eq!(table.len(), 8);
    for case in table {
        assert_same(&case.name, &case.accumulate().metrics(), &case.expected);
    }
}

#[test]
fn nothing_is_claimed_before_the_first_mark() {
    assert_eq!(
        MetricsAccumulator::new(100.0, 365.0).metrics(),
        Metrics::default()
    );
}

#[test]
fn a_bar_that_closes_at_midnight_belongs_to_the_day_it_ends() {
    let mut accumulator = MetricsAccumulator::new(100.0, 365.0);
    let day = 86_400;
    for (time, equity) in [(day / 2, 105.0), (day, 110.0), (day + 60, 120.0), (2 * day, 99.0)] {
        accumulator.on_mark(Timestamp::from_secs(time), equity, 1.0, false);
    }
    let returns = accumulator.daily_returns();
    assert_eq!(returns.len(), 2);
    assert!(
        (returns[0] - 0.1).abs() < 1e-12 && (returns[1] + 0.1).abs() < 1e-12,
        "{returns:?}"
    );
}

/// Marks of a curve: minutes between marks and change of equity and price, as shares.
fn curve() -> impl Strategy<Value = Vec<(i64, f64, f64, bool)>> {
    let step = (1_i64..3_000, -0.5..0.5_f64, -0.5..0.5_f64, any::<bool>());
    prop::collection::vec(step, 1..80).prop_map(|steps| {
        let (mut time, mut equity, mut close) = (1_700_000_000, 1_000.0, 50.0);
        let mark = |(minutes, equity_change, close_change, in_position)| {
            time += 60 * minutes;
            equity *= 1.0 + equity_change;
            close *= 1.0 + close_change;
            (time, equity, close, in_position)
        };
        steps.into_iter().map(mark).collect()
    })
}

proptest! {
    #[test]
    fn drawdowns_are_shares_and_the_same_in_one_go(marks in curve()) {
        let mut accumulator = MetricsAccumulator::new(1_000.0, 365.0);
        let equity: Vec<f64> = marks.iter().map(|mark| mark.1).collect();
        let series = drawdown_series(1_000.0, &equity);
        let mut deepest = 0.0_f64;
        for ((time, equity, close, in_position), drawdown) in marks.into_iter().zip(series) {
            accumulator.on_mark(Timestamp::from_secs(time), equity, close, in_position);
            deepest = deepest.max(drawdown);
            prop_assert_eq!(accumulator.drawdown(), drawdown);
            prop_assert_eq!(accumulator.max_drawdown(), deepest);
            prop_assert!((0.0..=1.0).contains(&drawdown));
            prop_assert!(accumulator.peak() >= equity);
        }
        let metrics = accumulator.metrics();
        prop_assert!((0.0..=1.0).contains(&metrics.exposure));
        prop_assert_eq!(metrics.max_drawdown_duration_s > 0, deepest > 0.0 && equity.len() > 1);
    }

    #[test]
    fn asking_for_metrics_and_storing_the_sums_change_nothing(marks in curve(), cut in 0_usize..80) {
        let mut whole = MetricsAccumulator::new(1_000.0, 252.0);
        let mut stored = whole.clone();
        for (index, (time, equity, close, in_position)) in marks.into_iter().enumerate() {
            if index == cut {
                let _ = stored.metrics();
                let bytes = postcard::to_stdvec(&stored).expect("sums are data");
                stored = postcard::from_bytes(&bytes).expect("reads back");
            }
            for accumulator in [&mut whole, &mut stored] {
                accumulator.on_mark(Timestamp::from_secs(time), equity, close, in_position);
                accumulator.on_fill(equity, 0.001 * equity);
                accumulator.on_trade(close - 50.0, close / 50.0 - 1.0);
            }
        }
        prop_assert_eq!(&whole, &stored);
        prop_assert_eq!(whole.metrics(), stored.metrics());
    }

    #[test]
    fn numbers_are_finite_whatever_the_marks(
        marks in prop::collection::vec((0_i64..200_000_000, -1e15..1e15_f64, -1e9..1e9_f64), 0..40),
        initial in prop_oneof![Just(0.0), -1e6..1e6_f64],
    ) {
        let mut accumulator = MetricsAccumulator::new(initial, 365.0);
        let mut time = 0;
        for (step, equity, close) in marks {
            time += step;
            accumulator.on_mark(Timestamp::from_secs(time), equity, close, true);
            accumulator.on_trade(equity, 0.1);
        }
        let metrics = format!("{:?}", accumulator.metrics());
        prop_assert!(!metrics.contains("NaN") && !metrics.contains("inf"), "{metrics}");
    }
}
