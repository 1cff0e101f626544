//! Statistics of the last values of one or two series.

use super::ranking::Ranking;
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
pub(crate) struct PercentRank {
    ranking: Ranking,
    period: f64,
}

impl PercentRank {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            ranking: Ranking::new(period),
            period: period as f64,
        }
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        let not_above = self.ranking.not_above(x);
        self.ranking.push(x);
        not_above.map_or(f64::NAN, |count| 100.0 * count as f64 / self.period)
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
///
/// The sums are kept from value to value, of distances from an anchor that moves on every n values (see [`Spread`]): that keeps
/// the digits that large prices would cost, and what rounding leaves does not add up over longer than n values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LinearRegression {
    window: Window,
    slope: bool,
    anchor: f64,
    /// Values since the anchor moved.
    since: usize,
    /// Of the distances.
    sum: f64,
    /// Of the distances, each times its age: from n − 1 for the oldest to 0.
    product: f64,
    last: f64,
    /// How many equal values came last: n of them lie on a level line, whatever rounding leaves in the sums.
    run: usize,
}

impl LinearRegression {
    pub(crate) fn new(period: usize, slope: bool) -> Self {
        Self {
            window: Window::new(period),
            slope,
            anchor: f64::NAN,
            since: 0,
            sum: 0.0,
            product: 0.0,
            last: f64::NAN,
            run: 0,
        }
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        let period = self.window.period();
        let n = period as f64;
        if self.window.is_full() {
            let oldest = self.window.oldest() - self.anchor;
            self.sum -= oldest;
            self.product -= (n - 1.0) * oldest;
        } else if self.anchor.is_nan() {
            self.anchor = x;
        }
        self.window.push(x);
        // All others are a value older now.
        self.product += self.sum;
        self.sum += x - self.anchor;
        self.run = if x == self.last {
            self.run.saturating_add(1)
        } else {
            1
        };
        self.last = x;
        if !self.window.is_full() {
            return f64::NAN;
        }
        self.since += 1;
        if self.since >= period {
            self.move_anchor(x);
        }
        if self.run >= period {
            return if self.slope { 0.0 } else { x };
        }
        let ages = n * (n - 1.0) * 0.5;
        let ages_squared = n * (n - 1.0) * (2.0 * n - 1.0) / 6.0;
        // Negative, so that the slope looks forward.
        let divisor = ages * ages - n * ages_squared;
        let slope = (n * self.product - ages * self.sum) / divisor;
        if self.slope {
            return slope;
        }
        let start = (self.sum - slope * ages) / n;
        self.anchor + (start + slope * (n - 1.0))
    }

    fn move_anchor(&mut self, anchor: f64) {
        (self.anchor, self.since, self.sum, self.product) = (anchor, 0, 0.0, 0.0);
        for x in self.window.iter() {
            self.product += self.sum;
            self.sum += x - anchor;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The line through values, oldest first, from sums made anew: its end and its rise a value.
    fn line(values: &[f64]) -> (f64, f64) {
        let n = values.len() as f64;
        let middle = (n - 1.0) / 2.0;
        let base = values[0];
        let mean = values.iter().map(|x| x - base).sum::<f64>() / n;
        let (mut product, mut squares) = (0.0, 0.0);
        for (place, x) in values.iter().enumerate() {
            let away = place as f64 - middle;
            product += away * (x - base - mean);
            squares += away * away;
        }
        let slope = product / squares;
        (base + mean + slope * middle, slope)
    }

    #[test]
    fn a_line_whose_sums_are_kept_for_two_million_values_is_that_made_anew() {
        let mut random = crate::market::Random::new(11);
        let mut price = 60_000.0;
        let mut seen: Vec<f64> = Vec::new();
        let periods = [2, 14, 100];
        let new = |slope: bool| periods.map(|period| LinearRegression::new(period, slope));
        let (mut ends, mut slopes) = (new(false), new(true));
        for index in 0..2_000_000_u64 {
            // Now and then it stands still.
            if index / 1_000 % 7 != 3 {
                price += random.below(2_001) as f64 / 100.0 - 10.0;
                price = f64::max(price, 100.0);
            }
            seen.push(price);
            if seen.len() > 4_096 {
                seen.drain(..2_048);
            }
            for (place, period) in periods.into_iter().enumerate() {
                let (end, slope) = (ends[place].next(price), slopes[place].next(price));
                let Some(from) = seen.len().checked_sub(period).filter(|_| index % 997 == 0) else {
                    continue;
                };
                let (expected_end, expected_slope) = line(&seen[from..]);
                assert!(
                    (end / expected_end - 1.0).abs() < 1e-12,
                    "{index}: {end} {expected_end}"
                );
                let away = (slope - expected_slope).abs();
                assert!(
                    away <= 1e-9 * expected_slope.abs() + 1e-10,
                    "{index}: {slope} {expected_slope}"
                );
            }
        }
    }
}
