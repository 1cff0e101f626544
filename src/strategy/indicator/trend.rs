//! Trend and its direction: directional movement, parabolic SAR, supertrend.

use super::volatility::{Atr, true_range};
use super::window::Window;
use crate::market::Bar;
use serde::{Deserialize, Serialize};

/// Wilder's smoothed directional movement and true range, which the whole family below shares (`ta_ADX.c`).
/// Defined from bar n on (counted from 0).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Movement {
    period: usize,
    seen: usize,
    previous: Option<Bar>,
    plus: f64,
    minus: f64,
    range: f64,
}

impl Movement {
    const fn new(period: usize) -> Self {
        Self {
            period,
            seen: 0,
            previous: None,
            plus: 0.0,
            minus: 0.0,
            range: 0.0,
        }
    }

    /// Plus and minus directional indicator, 0 … 100 each (0 … 1 for a period of 1); `Some(None)` when there is no range to measure by.
    fn next(&mut self, bar: &Bar) -> Option<Option<(f64, f64)>> {
        let previous = self.previous.replace(*bar)?;
        let up = bar.high - previous.high;
        let down = previous.low - bar.low;
        let (plus, minus) = if down > 0.0 && up < down {
            (0.0, down)
        } else if up > 0.0 && up > down {
            (up, 0.0)
        } else {
            (0.0, 0.0)
        };
        let range = true_range(bar, previous.close);
        if self.seen + 1 < self.period {
            self.seen += 1;
            self.plus += plus;
            self.minus += minus;
            self.range += range;
            return None;
        }
        let period = self.period as f64;
        self.plus = self.plus - self.plus / period + plus;
        self.minus = self.minus - self.minus / period + minus;
        self.range = self.range - self.range / period + range;
        if self.range == 0.0 {
            return Some(None);
        }
        // TA-Lib leaves the indicators of a single bar as ratios.
        let unit = if self.period == 1 { 1.0 } else { 100.0 };
        Some(Some((
            unit * (self.plus / self.range),
            unit * (self.minus / self.range),
        )))
    }

    /// The directional index, 0 … 100: how one-sided the movement is.
    fn index(&mut self, bar: &Bar) -> Option<Option<f64>> {
        let indicators = self.next(bar)?;
        Some(indicators.and_then(|(plus, minus)| {
            let sum = plus + minus;
            (sum != 0.0).then(|| 100.0 * ((minus - plus).abs() / sum))
        }))
    }
}

/// PLUS_DI and MINUS_DI.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DirectionalIndicator {
    movement: Movement,
    plus: bool,
}

impl DirectionalIndicator {
    pub(crate) const fn new(period: usize, plus: bool) -> Self {
        Self {
            movement: Movement::new(period),
            plus,
        }
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        match self.movement.next(bar) {
            None => f64::NAN,
            Some(None) => 0.0,
            Some(Some((plus, minus))) => {
                if self.plus {
                    plus
                } else {
                    minus
                }
            }
        }
    }
}

/// DX: the directional index; without movement it stays where it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dx {
    movement: Movement,
    value: f64,
}

impl Dx {
    pub(crate) const fn new(period: usize) -> Self {
        Self {
            movement: Movement::new(period),
            value: 0.0,
        }
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        match self.movement.index(bar) {
            None => f64::NAN,
            Some(index) => {
                self.value = index.unwrap_or(self.value);
                self.value
            }
        }
    }
}

/// ADX: Wilder's average of the directional index, seeded with the mean of the first n.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Adx {
    movement: Movement,
    seen: usize,
    /// The sum while seeding, the average after.
    value: f64,
}

impl Adx {
    pub(crate) const fn new(period: usize) -> Self {
        Self {
            movement: Movement::new(period),
            seen: 0,
            value: 0.0,
        }
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        let Some(index) = self.movement.index(bar) else {
            return f64::NAN;
        };
        let period = self.movement.period as f64;
        if self.seen >= self.movement.period {
            if let Some(index) = index {
                self.value = (self.value * (period - 1.0) + index) / period;
            }
            return self.value;
        }
        self.seen += 1;
        self.value += index.unwrap_or(0.0);
        if self.seen < self.movement.period {
            return f64::NAN;
        }
        self.value /= period;
        self.value
    }
}

/// ADXR: the mean of ADX now and n − 1 bars ago.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Adxr {
    adx: Adx,
    window: Window,
}

impl Adxr {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            adx: Adx::new(period),
            window: Window::new(period),
        }
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        let adx = self.adx.next(bar);
        if adx.is_nan() {
            return adx;
        }
        self.window.push(adx);
        if self.window.is_full() {
            (adx + self.window.oldest()) / 2.0
        } else {
            f64::NAN
        }
    }
}

/// Parabolic stop and reverse (J. W. Wilder; `ta_SAR.c`), from the second bar on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sar {
    step: f64,
    maximum: f64,
    previous: Option<Bar>,
    state: Option<SarState>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SarState {
    long: bool,
    /// The stop for the next bar.
    stop: f64,
    /// The highest high of a rise, the lowest low of a fall.
    extreme: f64,
    acceleration: f64,
}

impl Sar {
    pub(crate) fn new(step: f64, maximum: f64) -> Self {
        Self {
            step: step.min(maximum),
            maximum,
            previous: None,
            state: None,
        }
    }

    pub(crate) fn next(&mut self, bar: &Bar) -> f64 {
        let Some(mut previous) = self.previous.replace(*bar) else {
            return f64::NAN;
        };
        let (step, maximum) = (self.step, self.maximum);
        let state = self.state.get_or_insert_with(|| {
            let up = bar.high - previous.high;
            let down = previous.low - bar.low;
            let long = !(down > 0.0 && up < down);
            let first = SarState {
                long,
                stop: if long { previous.low } else { previous.high },
                extreme: if long { bar.high } else { bar.low },
                acceleration: step,
            };
            // The first bar with a stop counts as its own predecessor.
            previous = *bar;
            first
        });
        let highest = bar.high.max(previous.high);
        let lowest = bar.low.min(previous.low);
        let bounded = |long: bool, stop: f64| if long { stop.min(lowest) } else { stop.max(highest) };
        let hit = if state.long {
            bar.low <= state.stop
        } else {
            bar.high >= state.stop
        };
        if hit {
            state.long = !state.long;
            state.stop = bounded(state.long, state.extreme);
            state.acceleration = step;
            state.extreme = if state.long { bar.high } else { bar.low };
        } else {
            let further = if state.long {
                bar.high > state.extreme
            } else {
                bar.low < state.extreme
            };
            if further {
                state.extreme = if state.long { bar.high } else { bar.low };
                state.acceleration = (state.acceleration + step).min(maximum);
            }
        }
        let stop = state.stop;
        let moved = stop + state.acceleration * (state.extreme - stop);
        state.stop = bounded(state.long, moved);
        stop
    }
}

/// Supertrend (O. Seban): a band at a multiple of the average true range from the bar's middle that only tightens
/// until the close crosses it. The line, and the direction: 1 rising (line below the price), −1 falling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Supertrend {
    range: Atr,
    multiple: f64,
    upper: f64,
    lower: f64,
    direction: f64,
    previous_close: f64,
}

impl Supertrend {
    pub(crate) const fn new(period: usize, multiple: f64) -> Self {
        Self {
            range: Atr::new(period),
            multiple,
            upper: f64::NAN,
            lower: f64::NAN,
            direction: 1.0,
            previous_close: f64::NAN,
        }
    }

    /// Line and direction.
    pub(crate) fn next(&mut self, bar: &Bar) -> [f64; 2] {
        let previous_close = std::mem::replace(&mut self.previous_close, bar.close);
        let range = self.range.next(bar);
        if range.is_nan() {
            return [f64::NAN; 2];
        }
        let middle = (bar.high + bar.low) / 2.0;
        let (upper, lower) = (middle + self.multiple * range, middle - self.multiple * range);
        let first = self.upper.is_nan();
        // A band follows the price but never retreats, unless the last close was already beyond it.
        if first || upper < self.upper || previous_close > self.upper {
            self.upper = upper;
        }
        if first || lower > self.lower || previous_close < self.lower {
            self.lower = lower;
        }
        if self.direction < 0.0 && bar.close > self.upper {
            self.direction = 1.0;
        } else if self.direction > 0.0 && bar.close < self.lower {
            self.direction = -1.0;
        }
        let line = if self.direction > 0.0 {
            self.lower
        } else {
            self.upper
        };
        [line, self.direction]
    }
}
