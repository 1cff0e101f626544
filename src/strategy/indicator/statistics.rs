//! Statistics of the last values of one or two series.

use super::volatility::{Spread, deviation};
use super::window::{EPSILON, Extreme, Window, is_zero};
use serde::{Deserialize, Serialize};

/// VAR: population variance. The deviations that TA-Lib takes as third argument have no effect there either.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Variance(Spread);

impl Variance {
    pub(crate) fn new(period: usize) -> Self {
        Self(Spread::new(period))
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        self.0.next(x).1
    }
}

/// STDDEV: population standard deviation, times a number of deviations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StdDev {
    spread: Spread,
    deviations: f64,
}

impl StdDev {
    pub(crate) fn new(period: usize, deviations: f64) -> Self {
        Self {
            spread: Spread::new(period),
            deviations,
        }
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        deviation(self.spread.next(x).1) * self.deviations
    }
}

/// Distance from the mean of the last n values in (population) standard deviations; 0 when they are all the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ZScore(Spread);

impl ZScore {
    pub(crate) fn new(period: usize) -> Self {
        Self(Spread::new(period))
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        let (mean, variance) = self.0.next(x);
        if variance.is_nan() {
            return variance;
        }
        let deviation = deviation(variance);
        if deviation == 0.0 {
            0.0
        } else {
            (x - mean) / deviation
        }
    }
}

/// Percentage (0 … 100) of the n values before this one that are not above it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PercentRank(Window);

impl PercentRank {
    pub(crate) fn new(period: usize) -> Self {
        Self(Window::new(period))
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        let rank = if self.0.is_full() {
            let values = self.0.unordered();
            let not_above = values.iter().filter(|value| **value <= x).count();
            100.0 * not_above as f64 / values.len() as f64
        } else {
            f64::NAN
        };
        self.0.push(x);
        rank
    }
}

/// SUM of the last n values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sum {
    window: Window,
    total: f64,
}

impl Sum {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            window: Window::new(period),
            total: 0.0,
        }
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        self.window.push(x);
        self.total += x;
        if !self.window.is_full() {
            return f64::NAN;
        }
        let total = self.total;
        self.total -= self.window.oldest();
        total
    }
}

/// MIDPOINT: half way between the highest and the lowest of the last n values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Midpoint {
    highest: Extreme,
    lowest: Extreme,
}

impl Midpoint {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            highest: Extreme::highest(period),
            lowest: Extreme::lowest(period),
        }
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        (self.highest.next(x) + self.lowest.next(x)) / 2.0
    }
}

/// The straight line through the last n values (least squares): LINEARREG is its end, LINEARREG_SLOPE its rise a bar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LinearRegression {
    window: Window,
    period: f64,
    slope: bool,
}

impl LinearRegression {
    pub(crate) fn new(period: usize, slope: bool) -> Self {
        Self {
            window: Window::new(period),
            period: period as f64,
            slope,
        }
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        self.window.push(x);
        if !self.window.is_full() {
            return f64::NAN;
        }
        let n = self.period;
        // Ages, from n − 1 for the oldest value to 0; the divisor is negative so that the slope looks forward.
        let ages = n * (n - 1.0) * 0.5;
        let ages_squared = n * (n - 1.0) * (2.0 * n - 1.0) / 6.0;
        let divisor = ages * ages - n * ages_squared;
        let (mut sum, mut product, mut age) = (0.0, 0.0, n);
        for value in self.window.iter() {
            age -= 1.0;
            sum += value;
            product += age * value;
        }
        let slope = (n * product - ages * sum) / divisor;
        if self.slope {
            return slope;
        }
        let start = (sum - slope * ages) / n;
        start + slope * (n - 1.0)
    }
}

/// Two running sums over the last n pairs, shared by CORREL and BETA.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pairs {
    x: Window,
    y: Window,
    sum_x: f64,
    sum_y: f64,
    sum_xx: f64,
    sum_yy: f64,
    sum_xy: f64,
}

impl Pairs {
    fn new(period: usize) -> Self {
        Self {
            x: Window::new(period),
            y: Window::new(period),
            sum_x: 0.0,
            sum_y: 0.0,
            sum_xx: 0.0,
            sum_yy: 0.0,
            sum_xy: 0.0,
        }
    }

    /// Takes a pair; whether there are n of them.
    fn push(&mut self, x: f64, y: f64) -> bool {
        if self.x.is_full() {
            self.add(self.x.oldest(), self.y.oldest(), -1.0);
        }
        self.x.push(x);
        self.y.push(y);
        self.add(x, y, 1.0);
        self.x.is_full()
    }

    fn add(&mut self, x: f64, y: f64, sign: f64) {
        self.sum_x += sign * x;
        self.sum_y += sign * y;
        self.sum_xx += sign * (x * x);
        self.sum_yy += sign * (y * y);
        self.sum_xy += sign * (x * y);
    }
}

/// CORREL: Pearson's correlation of two series over the last n values, −1 … 1; 0 when one of them does not move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Correlation {
    pairs: Pairs,
    period: f64,
}

impl Correlation {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            pairs: Pairs::new(period),
            period: period as f64,
        }
    }

    pub(crate) fn next(&mut self, (x, y): (f64, f64)) -> f64 {
        if !self.pairs.push(x, y) {
            return f64::NAN;
        }
        let sums = &self.pairs;
        let n = self.period;
        let spread =
            (sums.sum_xx - sums.sum_x * sums.sum_x / n) * (sums.sum_yy - sums.sum_y * sums.sum_y / n);
        if spread < EPSILON {
            return 0.0;
        }
        (sums.sum_xy - sums.sum_x * sums.sum_y / n) / spread.sqrt()
    }
}

/// BETA: slope of the second series' one-bar returns on the first's, over the last n returns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beta {
    pairs: Pairs,
    period: f64,
    previous: Option<(f64, f64)>,
}

impl Beta {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            pairs: Pairs::new(period),
            period: period as f64,
            previous: None,
        }
    }

    pub(crate) fn next(&mut self, (x, y): (f64, f64)) -> f64 {
        let Some((previous_x, previous_y)) = self.previous.replace((x, y)) else {
            return f64::NAN;
        };
        let rate = |now: f64, before: f64| {
            if is_zero(before) {
                0.0
            } else {
                (now - before) / before
            }
        };
        if !self.pairs.push(rate(x, previous_x), rate(y, previous_y)) {
            return f64::NAN;
        }
        let sums = &self.pairs;
        let n = self.period;
        let spread = n * sums.sum_xx - sums.sum_x * sums.sum_x;
        if is_zero(spread) {
            return 0.0;
        }
        (n * sums.sum_xy - sums.sum_x * sums.sum_y) / spread
    }
}
