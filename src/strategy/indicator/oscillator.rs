//! Oscillators that need whole bars. Formulas and warm-up are TA-Lib's.

use super::average::Sma;
use super::momentum::stochastic;
use super::volatility::true_range;
use super::window::{Extreme, RollingSum, Window};
use super::zero::{are_equal, is_nothing_beside};
use crate::market::Bar;
use serde::{Deserialize, Serialize};

/// Stochastic oscillator (G. Lane), slow (`slowing` > 1) or fast (STOCHF, `slowing` = 1): k and d, both 0 … 100,
/// both from the bar at which d begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stoch {
    highest: Extreme,
    lowest: Extreme,
    slow: Sma,
    signal: Sma,
}

impl Stoch {
    pub(crate) fn new(fast_k: usize, slowing: usize, d: usize) -> Self {
        Self {
            highest: Extreme::highest(fast_k),
            lowest: Extreme::lowest(fast_k),
            slow: Sma::new(slowing),
            signal: Sma::new(d),
        }
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> [f64; 2] {
        let (highest, lowest) = (self.highest.next(bar.high), self.lowest.next(bar.low));
        if highest.is_nan() {
            return [f64::NAN; 2];
        }
        let k = self.slow.next(stochastic(highest, lowest, bar.close));
        if k.is_nan() {
            return [f64::NAN; 2];
        }
        let d = self.signal.next(k);
        if d.is_nan() { [f64::NAN; 2] } else { [k, d] }
    }
}

/// Williams %R, −100 … 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Willr {
    highest: Extreme,
    lowest: Extreme,
}

impl Willr {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            highest: Extreme::highest(period),
            lowest: Extreme::lowest(period),
        }
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        let (highest, lowest) = (self.highest.next(bar.high), self.lowest.next(bar.low));
        let unit = (highest - lowest) / -100.0;
        if are_equal(highest, lowest) {
            0.0
        } else {
            (highest - bar.close) / unit
        }
    }
}

/// Commodity channel index (D. Lambert): distance of the typical price from its average, in units of 0.015 mean
/// deviations.
///
/// Each bar costs a pass over the window: the mean deviation is of every value from an average that moves with each bar, and no
/// sum that is kept from bar to bar gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cci {
    window: Window,
    period: f64,
}

impl Cci {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            window: Window::new(period),
            period: period as f64,
        }
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        let typical = typical(bar);
        self.window.push(typical);
        if !self.window.is_full() {
            return f64::NAN;
        }
        let values = self.window.unordered();
        let average = values.iter().fold(0.0, |sum, x| sum + x) / self.period;
        let deviation = values.iter().fold(0.0, |sum, x| sum + (x - average).abs());
        let (distance, deviation) = (typical - average, deviation / self.period);
        if is_nothing_beside(distance, average) || is_nothing_beside(deviation, average) {
            return 0.0;
        }
        distance / (0.015 * deviation)
    }
}

/// Money flow index, 0 … 100: the share of the money that moved at rising typical prices; 0 when none moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mfi {
    rising: RollingSum,
    falling: RollingSum,
    previous: f64,
}

impl Mfi {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            rising: RollingSum::new(period),
            falling: RollingSum::new(period),
            previous: f64::NAN,
        }
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        let typical = typical(bar);
        let previous = std::mem::replace(&mut self.previous, typical);
        if previous.is_nan() {
            return f64::NAN;
        }
        let moved = !are_equal(typical, previous);
        let flow = typical * bar.volume;
        let rising = self
            .rising
            .next(if moved && typical > previous { flow } else { 0.0 });
        let falling = self
            .falling
            .next(if moved && typical < previous { flow } else { 0.0 });
        let total = rising + falling;
        if total == 0.0 {
            0.0
        } else {
            100.0 * (rising / total)
        }
    }
}

/// Aroon (T. Chande): how recent the highest high and the lowest low of the last n + 1 bars are, 0 … 100.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Aroon {
    highest: Extreme,
    lowest: Extreme,
    period: f64,
}

impl Aroon {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            highest: Extreme::highest(period + 1),
            lowest: Extreme::lowest(period + 1),
            period: period as f64,
        }
    }

    /// Up and down.
    pub(crate) fn next(&mut self, bar: &Bar) -> [f64; 2] {
        let (highest, lowest) = (self.highest.next(bar.high), self.lowest.next(bar.low));
        if highest.is_nan() || lowest.is_nan() {
            return [f64::NAN; 2];
        }
        let unit = 100.0 / self.period;
        [&self.highest, &self.lowest].map(|extreme| unit * (self.period - extreme.age() as f64))
    }
}

/// Aroon oscillator: up minus down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AroonOscillator(Aroon);

impl AroonOscillator {
    pub(crate) fn new(period: usize) -> Self {
        Self(Aroon::new(period))
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        let [up, down] = self.0.next(bar);
        up - down
    }
}

/// Ultimate oscillator (L. Williams), 0 … 100: buying pressure over three periods, weighted 4 : 2 : 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct UltimateOscillator {
    pressure: [RollingSum; 3],
    range: [RollingSum; 3],
    previous_close: f64,
}

impl UltimateOscillator {
    pub(crate) fn new(first: usize, second: usize, third: usize) -> Self {
        let mut periods = [first, second, third];
        periods.sort_unstable();
        Self {
            pressure: periods.map(RollingSum::new),
            range: periods.map(RollingSum::new),
            previous_close: f64::NAN,
        }
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        let previous = std::mem::replace(&mut self.previous_close, bar.close);
        if previous.is_nan() {
            return f64::NAN;
        }
        let pressure = bar.close - bar.low.min(previous);
        let range = true_range(bar, previous);
        let mut sum = 0.0;
        for ((pressures, ranges), weight) in
            self.pressure.iter_mut().zip(&mut self.range).zip([4.0, 2.0, 1.0])
        {
            let (pressure, range) = (pressures.next(pressure), ranges.next(range));
            if range != 0.0 {
                sum += weight * (pressure / range);
            }
        }
        100.0 * (sum / 7.0)
    }
}

/// (high + low + close) / 3.
#[inline]
pub(crate) fn typical(bar: &Bar) -> f64 {
    (bar.high + bar.low + bar.close) / 3.0
}
