//! The portfolio rule: how the account is divided among the strategy's symbols, and when that is put right again.

use crate::model::{Symbol, Timestamp};
use crate::portfolio::Weighting;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Keeps the account divided among the symbols, long only; what is not invested stays cash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PortfolioRule {
    /// By what it is divided.
    pub method: PortfolioMethod,
    /// When weights are found anew, by the calendar or by bars.
    pub schedule: Option<Schedule>,
    /// How far a symbol's share of the equity may be from its weight, as a ratio: 0.05 is five percent of the equity. Beyond
    /// it, weights are found anew between the dates of the schedule.
    pub drift: Option<f64>,
    /// Share of the equity that stays cash, as a ratio.
    pub cash: f64,
    /// The smallest trade that is worth its costs. What leaves the portfolio is sold whatever it is worth.
    pub min_trade: Option<MinTrade>,
}

/// By what a portfolio is divided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PortfolioMethod {
    /// By how the symbols' prices moved.
    Measured {
        /// The rule.
        weighting: Weighting,
        /// Returns over which it looks back: bars of the strategy's timeframe.
        lookback: u32,
    },
    /// By these weights, ratios of the equity that are in all 1 at most. A symbol that is not among them gets nothing.
    Target(Vec<(Symbol, f64)>),
}

/// When a portfolio is put right again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schedule {
    /// At the first close of every UTC day.
    Daily,
    /// At the first close of every week, which begins on Monday, 00:00 UTC.
    Weekly,
    /// At the first close of every month, UTC.
    Monthly,
    /// Whenever so many bars of the strategy's timeframe have closed.
    Bars(u32),
}

/// A size below which no trade is made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum MinTrade {
    /// A ratio of the equity: 0.01 is 1 %.
    Share(f64),
    /// In quote currency.
    Value(#[serde(with = "crate::model::decimal")] Decimal),
}

impl PortfolioRule {
    /// Returns that it looks back on: bars of the strategy's timeframe.
    #[must_use]
    pub const fn lookback(&self) -> usize {
        match self.method {
            PortfolioMethod::Measured { lookback, .. } => lookback as usize,
            PortfolioMethod::Target(_) => 0,
        }
    }
}

impl Schedule {
    /// The number of the day, week or month in which a close falls; `None` for a schedule that counts bars. A bar that ends
    /// at midnight closes in the day that begins.
    #[must_use]
    pub fn period(self, close: Timestamp) -> Option<i64> {
        /// 1970-01-01 was a Thursday.
        const MONDAY_BEFORE: i64 = 3;
        let day = close.utc_day();
        match self {
            Self::Daily => Some(day),
            Self::Weekly => Some((day + MONDAY_BEFORE).div_euclid(7)),
            Self::Monthly => {
                use chrono::Datelike as _;
                let date = close.to_datetime();
                Some(i64::from(date.year()) * 12 + i64::from(date.month0()))
            }
            Self::Bars(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    #[test]
    fn periods_begin_at_midnight_on_mondays_and_on_the_first() {
        for (schedule, last, first) in [
            (Schedule::Daily, "2024-02-28T23:59:59Z", "2024-02-29T00:00:00Z"),
            // 2024-03-04 was a Monday, and so was 1969-12-29.
            (Schedule::Weekly, "2024-03-03T23:59:59Z", "2024-03-04T00:00:00Z"),
            (Schedule::Weekly, "1969-12-28T23:59:59Z", "1969-12-29T00:00:00Z"),
            (Schedule::Monthly, "2024-02-29T23:59:59Z", "2024-03-01T00:00:00Z"),
            (Schedule::Monthly, "2023-12-31T23:59:59Z", "2024-01-01T00:00:00Z"),
        ] {
            let (before, after) = (schedule.period(at(last)), schedule.period(at(first)));
            assert_eq!(before.map(|period| period + 1), after, "{schedule:?} from {last}");
        }
        assert_eq!(Schedule::Bars(5).period(at("2024-01-01T00:00:00Z")), None);
    }
}
