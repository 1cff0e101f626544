//! Statistics of daily returns.

use crate::model::Timestamp;
use serde::{Deserialize, Serialize};

const DAY_NANOS: i64 = 86_400_000_000_000;

/// The last equity and price of each UTC day that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Days {
    /// End of the day under way, nanoseconds since the epoch; a mark at the very end belongs to the day.
    end: i64,
    equity: Vec<f64>,
    close: Vec<f64>,
}

impl Default for Days {
    fn default() -> Self {
        Self {
            end: i64::MIN,
            equity: Vec::new(),
            close: Vec::new(),
        }
    }
}

impl Days {
    /// Whether a mark at this time belongs to a later day than the one under way.
    #[inline]
    pub(super) const fn is_over(&self, time: Timestamp) -> bool {
        time.nanos() > self.end
    }

    /// End of the day under way.
    pub(super) const fn end(&self) -> Timestamp {
        Timestamp::from_nanos(self.end)
    }

    /// Makes the day of this time the one under way.
    pub(super) fn begin(&mut self, time: Timestamp) {
        // A bar that closes at midnight is the last of the day before it.
        let day = time.plus_nanos(-1).utc_day();
        self.end = (day + 1).saturating_mul(DAY_NANOS);
    }

    /// Adds the last equity and price of a day.
    pub(super) fn push(&mut self, equity: f64, close: f64) {
        self.equity.push(equity);
        self.close.push(close);
    }

    pub(super) fn equity(&self) -> &[f64] {
        &self.equity
    }

    pub(super) fn close(&self) -> &[f64] {
        &self.close
    }
}

/// Returns from one value to the next: from `initial` over the `past` days' values to today's.
pub(super) fn returns(initial: f64, past: &[f64], today: Option<f64>) -> Vec<f64> {
    let mut before = initial;
    past.iter()
        .copied()
        .chain(today)
        .map(|value| {
            let change = value / before - 1.0;
            // What follows a loss of everything has no meaning, whatever its arithmetic gives.
            let change = if before > 0.0 { change } else { f64::NAN };
            before = value;
            change
        })
        .collect()
}

/// What daily returns say of a strategy alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Statistics {
    pub(super) volatility: Option<f64>,
    pub(super) sharpe: Option<f64>,
    pub(super) sortino: Option<f64>,
}

impl Statistics {
    /// The statistics of returns, annualised over `periods` a year.
    pub(super) fn of(returns: &[f64], periods: f64) -> Self {
        let Some(mean) = mean(returns) else {
            return Self::default();
        };
        let deviation = covariance(returns, mean, returns, mean).sqrt();
        let downside = returns
            .iter()
            .map(|change| change.min(0.0) * change.min(0.0))
            .sum::<f64>();
        let downside = (downside / returns.len() as f64).sqrt();
        let annual = periods.sqrt();
        let per = |risk: f64| is_more_than_rounding(risk, mean).then(|| mean / risk * annual);
        Self {
            volatility: Some(deviation * annual),
            sharpe: per(deviation),
            sortino: per(downside),
        }
    }
}

/// How daily returns hang on those of a benchmark.
#[derive(Clone, Copy, Debug)]
pub(super) struct Regression {
    pub(super) alpha: f64,
    pub(super) beta: f64,
}

impl Regression {
    /// The least-squares line of `returns` over `benchmark`, its intercept annualised over `periods` a year.
    pub(super) fn of(returns: &[f64], benchmark: &[f64], periods: f64) -> Option<Self> {
        let (mean_return, mean_benchmark) = (mean(returns)?, mean(benchmark)?);
        let variance = covariance(benchmark, mean_benchmark, benchmark, mean_benchmark);
        if !is_more_than_rounding(variance.sqrt(), mean_benchmark) {
            return None;
        }
        let beta = covariance(returns, mean_return, benchmark, mean_benchmark) / variance;
        let alpha = periods * (mean_return - beta * mean_benchmark);
        Some(Self { alpha, beta }).filter(|line| line.alpha.is_finite() && line.beta.is_finite())
    }
}

/// The mean of two or more finite numbers.
fn mean(values: &[f64]) -> Option<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.len() >= 2 && mean.is_finite()).then_some(mean)
}

/// Sample covariance (divided by n − 1) of two series of two or more.
fn covariance(a: &[f64], mean_a: f64, b: &[f64], mean_b: f64) -> f64 {
    let products = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b));
    products.sum::<f64>() / (a.len() - 1) as f64
}

/// Whether a deviation is one: equal returns leave some rounding behind, and dividing by it gives nonsense.
fn is_more_than_rounding(deviation: f64, mean: f64) -> bool {
    deviation > 1e-12 * mean.abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_returns_have_no_sharpe_ratio() {
        let statistics = Statistics::of(&[0.001; 50], 365.0);
        assert!(statistics.volatility.is_some_and(|volatility| volatility < 1e-12));
        assert_eq!((statistics.sharpe, statistics.sortino), (None, None));
        assert!(Regression::of(&[0.1, 0.2], &[0.1, 0.1], 365.0).is_none());
    }

    #[test]
    fn one_day_says_nothing() {
        let statistics = Statistics::of(&[-0.1], 365.0);
        assert_eq!(
            (statistics.volatility, statistics.sharpe, statistics.sortino),
            (None, None, None)
        );
    }

    #[test]
    fn after_a_loss_of_everything_nothing_is_said() {
        let returns = returns(100.0, &[50.0, -10.0], Some(5.0));
        assert!(returns[2].is_nan());
        assert!(Statistics::of(&returns, 365.0).volatility.is_none());
    }

    #[test]
    fn a_strategy_that_is_the_benchmark_twice_has_beta_two_and_no_alpha() {
        let benchmark = [0.01, -0.02, 0.005, 0.0];
        let twice = benchmark.map(|change| 2.0 * change);
        let line = Regression::of(&twice, &benchmark, 252.0).expect("a line");
        assert!(
            (line.beta - 2.0).abs() < 1e-12 && line.alpha.abs() < 1e-12,
            "{line:?}"
        );
    }
}
