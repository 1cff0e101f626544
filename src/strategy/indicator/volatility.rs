//! Ranges and bands.

use super::average::Ema;
use super::window::{Extreme, Window};
use crate::market::Bar;
use serde::{Deserialize, Serialize};

/// The bar's range, widened to the last close (J. W. Wilder).
#[inline]
pub(crate) fn true_range(bar: &Bar, previous_close: f64) -> f64 {
    let range = bar.high - bar.low;
    let up = (bar.high - previous_close).abs();
    let down = (bar.low - previous_close).abs();
    range.max(up).max(down)
}

/// TRANGE: the true range, from the second bar on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrueRange {
    previous_close: f64,
}

impl TrueRange {
    pub(crate) const fn new() -> Self {
        Self {
            previous_close: f64::NAN,
        }
    }

    #[inline]
    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        let previous = std::mem::replace(&mut self.previous_close, bar.close);
        if previous.is_nan() {
            previous
        } else {
            true_range(bar, previous)
        }
    }
}

/// Average true range (Wilder's smoothing, seeded with a simple average of the first n ranges). TA-Lib's ATR.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Atr {
    range: TrueRange,
    period: usize,
    seen: usize,
    /// The sum while seeding, the average after.
    value: f64,
}

impl Atr {
    pub(crate) const fn new(period: usize) -> Self {
        Self {
            range: TrueRange::new(),
            period,
            seen: 0,
            value: 0.0,
        }
    }

    #[inline]
    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        let range = self.range.next(bar);
        if range.is_nan() {
            return range;
        }
        let period = self.period as f64;
        if self.seen >= self.period {
            self.value = (self.value * (period - 1.0) + range) / period;
            return self.value;
        }
        self.seen += 1;
        self.value += range;
        if self.seen < self.period {
            return f64::NAN;
        }
        self.value /= period;
        self.value
    }
}

/// NATR: the average true range in percent of the close.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Natr(Atr);

impl Natr {
    pub(crate) const fn new(period: usize) -> Self {
        Self(Atr::new(period))
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        let range = self.0.next(bar);
        if bar.close == 0.0 {
            0.0
        } else {
            range / bar.close * 100.0
        }
    }
}

/// Mean and population variance of the last n values.
///
/// The textbook's running sums of x and x² lose half of their digits where prices are large and moves are small. Here
/// the sums are of the distance from an anchor, a value of the window, which moves on every n values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    window: Window,
    anchor: f64,
    /// Values since the anchor moved.
    age: usize,
    sum: f64,
    squares: f64,
    last: f64,
    /// How many equal values came last: n of them have no variance, whatever rounding leaves in the sums.
    run: usize,
}

impl Spread {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            window: Window::new(period),
            anchor: f64::NAN,
            age: 0,
            sum: 0.0,
            squares: 0.0,
            last: f64::NAN,
            run: 0,
        }
    }

    /// Mean and variance; undefined until n values have come.
    #[inline]
    pub(crate) fn next(&mut self, x: f64) -> (f64, f64) {
        let period = self.window.period();
        if self.window.is_full() {
            let oldest = self.window.oldest() - self.anchor;
            self.sum -= oldest;
            self.squares -= oldest * oldest;
        } else if self.anchor.is_nan() {
            self.anchor = x;
        }
        self.window.push(x);
        let distance = x - self.anchor;
        self.sum += distance;
        self.squares += distance * distance;
        self.run = if x == self.last {
            self.run.saturating_add(1)
        } else {
            1
        };
        self.last = x;
        if !self.window.is_full() {
            return (f64::NAN, f64::NAN);
        }
        self.age += 1;
        if self.age >= period {
            self.move_anchor(x);
        }
        if self.run >= period {
            return (x, 0.0);
        }
        let period = period as f64;
        let mean = self.sum / period;
        let variance = self.squares / period - mean * mean;
        (self.anchor + mean, if variance > 0.0 { variance } else { 0.0 })
    }

    fn move_anchor(&mut self, anchor: f64) {
        (self.anchor, self.age, self.sum, self.squares) = (anchor, 0, 0.0, 0.0);
        for x in self.window.unordered() {
            let distance = x - anchor;
            self.sum += distance;
            self.squares += distance * distance;
        }
    }
}

/// Bollinger bands (J. Bollinger): upper, middle (simple average), lower.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bbands {
    spread: Spread,
    up: f64,
    down: f64,
}

impl Bbands {
    pub(crate) fn new(period: usize, up: f64, down: f64) -> Self {
        Self {
            spread: Spread::new(period),
            up,
            down,
        }
    }

    pub(crate) fn next(&mut self, x: f64) -> [f64; 3] {
        let (mean, variance) = self.spread.next(x);
        let deviation = variance.sqrt();
        [mean + deviation * self.up, mean, mean - deviation * self.down]
    }
}

/// Donchian channel (R. Donchian): highest high, lowest low, half way between, of the last n bars with this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Donchian {
    highest: Extreme,
    lowest: Extreme,
}

impl Donchian {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            highest: Extreme::highest(period),
            lowest: Extreme::lowest(period),
        }
    }

    /// Upper, lower, middle.
    pub(crate) fn next(&mut self, bar: &Bar) -> [f64; 3] {
        let (upper, lower) = (self.highest.next(bar.high), self.lowest.next(bar.low));
        [upper, lower, (upper + lower) / 2.0]
    }
}

/// TA-Lib's MIDPRICE: half way between the highest high and the lowest low.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MidPrice(Donchian);

impl MidPrice {
    pub(crate) fn new(period: usize) -> Self {
        Self(Donchian::new(period))
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        let [_, _, middle] = self.0.next(bar);
        middle
    }
}

/// Keltner channel (L. Raschke's form): exponential average of the close ± a multiple of the average true range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Keltner {
    average: Ema,
    range: Atr,
    multiple: f64,
}

impl Keltner {
    pub(crate) fn new(period: usize, multiple: f64, range_period: usize) -> Self {
        Self {
            average: Ema::new(period),
            range: Atr::new(range_period),
            multiple,
        }
    }

    /// Upper, middle, lower; all begin together.
    pub(crate) fn next(&mut self, bar: &Bar) -> [f64; 3] {
        let middle = self.average.next(bar.close);
        let width = self.multiple * self.range.next(bar);
        if width.is_nan() {
            return [f64::NAN; 3];
        }
        [middle + width, middle, middle - width].map(|x| if middle.is_nan() { f64::NAN } else { x })
    }
}
