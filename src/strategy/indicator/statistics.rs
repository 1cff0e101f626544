//! Statistics of the last values of one or two series.

use super::volatility::Spread;
use super::window::{Extreme, Window};
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
        self.spread.next(x).1.sqrt() * self.deviations
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
        if variance == 0.0 {
            0.0
        } else {
            (x - mean) / variance.sqrt()
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
        // Distances from the newest value keep the digits that large prices would cost.
        for value in self.window.iter() {
            age -= 1.0;
            sum += value - x;
            product += age * (value - x);
        }
        let slope = (n * product - ages * sum) / divisor;
        if self.slope {
            return slope;
        }
        let start = (sum - slope * ages) / n;
        x + (start + slope * (n - 1.0))
    }
}

/// Sums over the last n pairs, of distances from an anchor that moves on every n pairs (see [`Spread`]), shared by
/// CORREL and BETA.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pairs {
    x: Window,
    y: Window,
    anchor: (f64, f64),
    /// Pairs since the anchor moved.
    age: usize,
    sums: Sums,
    last: (f64, f64),
    /// How many equal values came last, of each: n of them do not vary, whatever rounding leaves in the sums.
    run: (usize, usize),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Sums {
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Sums {
    fn add(&mut self, x: f64, y: f64, sign: f64) {
        self.x += sign * x;
        self.y += sign * y;
        self.xx += sign * (x * x);
        self.yy += sign * (y * y);
        self.xy += sign * (x * y);
    }
}

/// n times the (co)variances of the last n pairs.
struct Moments {
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Pairs {
    fn new(period: usize) -> Self {
        Self {
            x: Window::new(period),
            y: Window::new(period),
            anchor: (f64::NAN, f64::NAN),
            age: 0,
            sums: Sums::default(),
            last: (f64::NAN, f64::NAN),
            run: (0, 0),
        }
    }

    /// Takes a pair; the moments once there are n.
    fn next(&mut self, x: f64, y: f64) -> Option<Moments> {
        let period = self.x.period();
        if self.x.is_full() {
            self.sums.add(
                self.x.oldest() - self.anchor.0,
                self.y.oldest() - self.anchor.1,
                -1.0,
            );
        } else if self.anchor.0.is_nan() {
            self.anchor = (x, y);
        }
        self.x.push(x);
        self.y.push(y);
        self.sums.add(x - self.anchor.0, y - self.anchor.1, 1.0);
        let lengthen = |run: usize, same: bool| if same { run.saturating_add(1) } else { 1 };
        self.run = (
            lengthen(self.run.0, x == self.last.0),
            lengthen(self.run.1, y == self.last.1),
        );
        self.last = (x, y);
        if !self.x.is_full() {
            return None;
        }
        self.age += 1;
        if self.age >= period {
            self.move_anchor((x, y));
        }
        let n = period as f64;
        let sums = &self.sums;
        let still = |run: usize, moment: f64| if run >= period { 0.0 } else { moment };
        Some(Moments {
            xx: still(self.run.0, sums.xx - sums.x * sums.x / n),
            yy: still(self.run.1, sums.yy - sums.y * sums.y / n),
            xy: sums.xy - sums.x * sums.y / n,
        })
    }

    fn move_anchor(&mut self, anchor: (f64, f64)) {
        (self.anchor, self.age, self.sums) = (anchor, 0, Sums::default());
        for (x, y) in self.x.unordered().iter().zip(self.y.unordered()) {
            self.sums.add(x - anchor.0, y - anchor.1, 1.0);
        }
    }
}

/// CORREL: Pearson's correlation of two series over the last n values, −1 … 1; 0 when one of them does not move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Correlation(Pairs);

impl Correlation {
    pub(crate) fn new(period: usize) -> Self {
        Self(Pairs::new(period))
    }

    pub(crate) fn next(&mut self, (x, y): (f64, f64)) -> f64 {
        let Some(moments) = self.0.next(x, y) else {
            return f64::NAN;
        };
        let spread = moments.xx * moments.yy;
        if spread <= 0.0 {
            0.0
        } else {
            moments.xy / spread.sqrt()
        }
    }
}

/// BETA: slope of the second series' one-bar returns on the first's, over the last n returns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beta {
    pairs: Pairs,
    previous: Option<(f64, f64)>,
}

impl Beta {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            pairs: Pairs::new(period),
            previous: None,
        }
    }

    pub(crate) fn next(&mut self, (x, y): (f64, f64)) -> f64 {
        let Some((previous_x, previous_y)) = self.previous.replace((x, y)) else {
            return f64::NAN;
        };
        let rate = |now: f64, before: f64| {
            if before == 0.0 {
                0.0
            } else {
                (now - before) / before
            }
        };
        let moments = self.pairs.next(rate(x, previous_x), rate(y, previous_y));
        match moments {
            None => f64::NAN,
            Some(moments) if moments.xx <= 0.0 => 0.0,
            Some(moments) => moments.xy / moments.xx,
        }
    }
}
