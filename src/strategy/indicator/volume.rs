//! Indicators that weigh prices by volume.

use super::oscillator::typical;
use crate::market::Bar;
use serde::{Deserialize, Serialize};

/// On-balance volume (J. Granville): volume summed with the sign of the close's change. Starts at the first volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Obv {
    previous_close: f64,
    value: f64,
}

impl Obv {
    pub(crate) const fn new() -> Self {
        Self {
            previous_close: f64::NAN,
            value: 0.0,
        }
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        let previous = std::mem::replace(&mut self.previous_close, bar.close);
        if previous.is_nan() {
            self.value = bar.volume;
        } else if bar.close > previous {
            self.value += bar.volume;
        } else if bar.close < previous {
            self.value -= bar.volume;
        }
        self.value
    }
}

/// Accumulation/distribution line (M. Chaikin): volume weighted by where in its range the bar closes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ad {
    value: f64,
}

impl Ad {
    pub(crate) const fn new() -> Self {
        Self { value: 0.0 }
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        let range = bar.high - bar.low;
        if range > 0.0 {
            self.value += ((bar.close - bar.low) - (bar.high - bar.close)) / range * bar.volume;
        }
        self.value
    }
}

/// Chaikin oscillator (ADOSC): fast minus slow exponential average of the accumulation/distribution line, both
/// seeded with its first value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AdOscillator {
    line: Ad,
    fast: f64,
    slow: f64,
    fast_factor: f64,
    slow_factor: f64,
    seen: usize,
    period: usize,
}

impl AdOscillator {
    pub(crate) fn new(fast: usize, slow: usize) -> Self {
        let factor = |period: usize| 2.0 / (period as f64 + 1.0);
        Self {
            line: Ad::new(),
            fast: f64::NAN,
            slow: f64::NAN,
            fast_factor: factor(fast),
            slow_factor: factor(slow),
            seen: 0,
            period: fast.max(slow),
        }
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        let line = self.line.next(bar);
        if self.seen == 0 {
            (self.fast, self.slow) = (line, line);
        } else {
            self.fast = self.fast_factor * line + (1.0 - self.fast_factor) * self.fast;
            self.slow = self.slow_factor * line + (1.0 - self.slow_factor) * self.slow;
        }
        self.seen = (self.seen + 1).min(self.period);
        if self.seen < self.period {
            f64::NAN
        } else {
            self.fast - self.slow
        }
    }
}

/// Volume-weighted average price of the UTC day so far, by typical prices. Undefined before the day's first volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Vwap {
    day: i64,
    value: f64,
    volume: f64,
}

impl Vwap {
    pub(crate) const fn new() -> Self {
        Self {
            day: i64::MIN,
            value: 0.0,
            volume: 0.0,
        }
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        let day = bar.open_time.utc_day();
        if day != self.day {
            *self = Self { day, ..Self::new() };
        }
        self.value += typical(bar) * bar.volume;
        self.volume += bar.volume;
        if self.volume > 0.0 {
            self.value / self.volume
        } else {
            f64::NAN
        }
    }
}

/// Balance of power: (close − open) / (high − low), −1 … 1; 0 for a bar without range.
pub(crate) fn balance_of_power(bar: &Bar) -> f64 {
    let range = bar.high - bar.low;
    if range <= 0.0 {
        0.0
    } else {
        (bar.close - bar.open) / range
    }
}
