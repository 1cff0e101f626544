//! Backtests against an independent reference: the same strategies on the same bars must make the same trades and end
//! with the same equity, to the last digit. The reference and all its tables are written again by
//!
//! ```text
//! python3 tests/data/make_backtest_reference.py
//! ```

use papertape::backtest;
use papertape::engine::{EngineConfig, ExecutionConfig};
use papertape::market::BarFile;
use papertape::model::{Timeframe, Timestamp};
use papertape::portfolio::Trade;
use papertape::testkit::{config, decimal};
use rust_decimal::Decimal;

const STRATEGIES: &str = include_str!("data/backtest_reference_strategies.yaml");
const BARS: &str = include_str!("data/backtest_reference_bars.csv");
const RUNS: &str = include_str!("data/backtest_reference_runs.csv");
const TRADES: &str = include_str!("data/backtest_reference_trades.csv");

/// A row of `data/backtest_reference_runs.csv`.
struct Run<'a> {
    /// Also the first column of its trades.
    number: &'a str,
    strategy: &'a str,
    execution: ExecutionConfig,
    trades: usize,
    final_equity: Decimal,
}

impl<'a> Run<'a> {
    fn parse(row: &'a str) -> Self {
        // A name may have commas, and is in quotes then; no other field has any.
        let (number, rest) = row.split_once(',').expect("a number first");
        let mut from_the_end = rest.rsplitn(6, ',');
        let mut next = || from_the_end.next().expect("seven fields");
        let (final_equity, trades) = (decimal(next()), next().parse().expect("a count"));
        let (slippage_bps, taker_fee_rate, maker_fee_rate) =
            (decimal(next()), decimal(next()), decimal(next()));
        Self {
            number,
            strategy: next().trim_matches('"'),
            execution: ExecutionConfig::percent(maker_fee_rate, taker_fee_rate, slippage_bps),
            trades,
            final_equity,
        }
    }

    fn config(&self) -> EngineConfig {
        let heading = format!("name: {}", self.strategy);
        let yaml = STRATEGIES
            .split("\n---\n")
            .find(|document| document.lines().any(|line| line == heading))
            .unwrap_or_else(|| panic!("no strategy is called {}", self.strategy));
        EngineConfig {
            execution: self.execution.clone(),
            ..config(yaml)
        }
    }

    /// The first thing in which the engine differs from the reference.
    fn difference(&self) -> Option<String> {
        let bars = BarFile::parse(BARS, Some(Timeframe::MINUTE))
            .expect("the committed bars")
            .bars;
        let outcome = backtest::run(self.config(), &bars, &mut |_| true).expect("nobody cancels");
        let actual: Vec<_> = outcome
            .trades
            .iter()
            .map(|trade| row(self.number, trade))
            .collect();
        let prefix = format!("{},", self.number);
        let expected: Vec<_> = TRADES.lines().filter(|line| line.starts_with(&prefix)).collect();
        assert_eq!(
            expected.len(),
            self.trades,
            "the committed tables belong together"
        );

        let about = format!("run {}, {}", self.number, self.strategy);
        let first = (0..expected.len().max(actual.len()))
            .find(|&index| expected.get(index).copied() != actual.get(index).map(String::as_str));
        let equity = outcome.final_equity.amount;
        match first {
            Some(index) => Some(format!(
                "{about}: trade {} of {}\n  expected {:?}\n  is       {:?}",
                index + 1,
                expected.len(),
                expected.get(index),
                actual.get(index)
            )),
            None if equity != self.final_equity => Some(format!(
                "{about}: the final equity is {equity}, expected {}",
                self.final_equity
            )),
            None => None,
        }
    }
}

/// A trade as a row of `data/backtest_reference_trades.csv`, where an open one has neither exit nor result.
fn row(run: &str, trade: &Trade) -> String {
    let number = |value: Decimal| value.normalize().to_string();
    let time = |time: Timestamp| time.secs().to_string();
    [
        run.to_owned(),
        trade.side.to_string(),
        number(trade.quantity.0),
        time(trade.entry_time),
        number(trade.entry_price.0),
        trade.exit_time.map(time).unwrap_or_default(),
        trade.exit_price.map(|price| number(price.0)).unwrap_or_default(),
        number(trade.fees.amount),
        trade
            .exit_time
            .map(|_| number(trade.pnl.amount))
            .unwrap_or_default(),
    ]
    .join(",")
}

#[test]
fn every_trade_is_that_of_the_reference() {
    let runs: Vec<_> = RUNS.lines().skip(1).map(Run::parse).collect();
    assert_eq!(runs.len(), 17);
    let differences: Vec<_> = runs.iter().filter_map(Run::difference).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
