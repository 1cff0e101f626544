//! Moving averages. Formulas, seeds and order of operations are TA-Lib's (`ta_SMA.c`, `ta_EMA.c`, …), so that results
//! agree to the last digits. All take one series; all are undefined (NaN) until they have seen enough of it.

use super::window::{RollingSum, Window};
use serde::{Deserialize, Serialize};

/// Simple moving average: the mean of the last n values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sma {
    sum: RollingSum,
    period: f64,
}

/// An average, what it takes, and where the averages go.
pub(crate) type Averaging<'a> = (&'a mut Sma, &'a [f64], &'a mut [f64]);

impl Sma {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            sum: RollingSum::new(period),
            period: period as f64,
        }
    }

    #[inline]
    pub(crate) fn next(&mut self, x: f64) -> f64 {
        self.sum.next(x) / self.period
    }

    /// [`Self::next`] for many rows, undefined where a row is, each as `tell` has it.
    pub(crate) fn next_rows(&mut self, rows: &[f64], out: &mut [f64], tell: impl Fn(f64) -> f64) {
        self.sum.next_rows(rows, out);
        self.divide(out, tell);
    }

    /// [`Self::next_rows`] of two averages over as many rows, side by side.
    pub(crate) fn next_rows_of_two(
        (a, rows_a, out_a): Averaging<'_>,
        (b, rows_b, out_b): Averaging<'_>,
        tell: impl Fn(f64) -> f64 + Copy,
    ) {
        let sums = (
            (&mut a.sum, rows_a, &mut *out_a),
            (&mut b.sum, rows_b, &mut *out_b),
        );
        RollingSum::next_rows_of_two(sums.0, sums.1);
        a.divide(out_a, tell);
        b.divide(out_b, tell);
    }

    fn divide(&self, sums: &mut [f64], tell: impl Fn(f64) -> f64) {
        sums.iter_mut().for_each(|sum| *sum = tell(*sum / self.period));
    }
}

/// Exponential moving average: a simple average of the first n values, then `k = 2 / (n + 1)` of the way to each new
/// value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ema {
    period: usize,
    factor: f64,
    seen: usize,
    /// The sum while seeding, the average after.
    value: f64,
}

impl Ema {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            period,
            factor: 2.0 / (period as f64 + 1.0),
            seen: 0,
            value: 0.0,
        }
    }

    #[inline]
    pub(crate) fn next(&mut self, x: f64) -> f64 {
        if self.seen >= self.period {
            self.value += (x - self.value) * self.factor;
            return self.value;
        }
        self.seen += 1;
        self.value += x;
        if self.seen < self.period {
            return f64::NAN;
        }
        self.value /= self.period as f64;
        self.value
    }

    /// [`Self::next`] for the output of another average: undefined stays undefined.
    #[inline]
    pub(crate) fn chain(&mut self, x: f64) -> f64 {
        if x.is_nan() { x } else { self.next(x) }
    }
}

/// Weighted moving average: weights 1 … n, the newest value weighs most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wma {
    window: Window,
    seen: usize,
    period: usize,
    weighted: f64,
    plain: f64,
    leaving: f64,
}

impl Wma {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            window: Window::new(period),
            seen: 0,
            period,
            weighted: 0.0,
            plain: 0.0,
            leaving: 0.0,
        }
    }

    #[inline]
    pub(crate) fn next(&mut self, x: f64) -> f64 {
        self.window.push(x);
        self.plain += x;
        if self.seen + 1 < self.period {
            self.seen += 1;
            self.weighted += x * self.seen as f64;
            return f64::NAN;
        }
        let period = self.period as f64;
        self.plain -= self.leaving;
        self.weighted += x * period;
        self.leaving = self.window.oldest();
        let average = self.weighted / (period * (period + 1.0) / 2.0);
        self.weighted -= self.plain;
        average
    }
}

/// Double exponential moving average (P. Mulloy): `2·e₁ − e₂`, where `e₂` is the average of the average.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dema([Ema; 2]);

impl Dema {
    pub(crate) fn new(period: usize) -> Self {
        Self([(); 2].map(|()| Ema::new(period)))
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        let [first, second] = &mut self.0;
        let once = first.next(x);
        let twice = second.chain(once);
        2.0 * once - twice
    }
}

/// Triple exponential moving average (P. Mulloy): `3·e₁ − 3·e₂ + e₃`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tema([Ema; 3]);

impl Tema {
    pub(crate) fn new(period: usize) -> Self {
        Self([(); 3].map(|()| Ema::new(period)))
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        let [first, second, third] = &mut self.0;
        let once = first.next(x);
        let twice = second.chain(once);
        let thrice = third.chain(twice);
        thrice + (3.0 * once - 3.0 * twice)
    }
}

/// Triangular moving average: the simple average of a simple average, so that the middle weighs most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trima {
    inner: Sma,
    outer: Sma,
}

impl Trima {
    pub(crate) fn new(period: usize) -> Self {
        let inner = period.div_ceil(2);
        Self {
            inner: Sma::new(inner),
            outer: Sma::new(period + 1 - inner),
        }
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        let average = self.inner.next(x);
        if average.is_nan() {
            average
        } else {
            self.outer.next(average)
        }
    }
}

/// Kaufman's adaptive moving average: fast (2) in a trend, slow (30) in noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kama {
    /// The last n + 1 values.
    window: Window,
    /// Sum of the last n absolute changes.
    path: RollingSum,
    previous: f64,
    average: f64,
}

impl Kama {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            window: Window::new(period + 1),
            path: RollingSum::new(period),
            previous: f64::NAN,
            average: f64::NAN,
        }
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        const SLOWEST: f64 = 2.0 / (30.0 + 1.0);
        const RANGE: f64 = 2.0 / (2.0 + 1.0) - SLOWEST;
        self.window.push(x);
        let previous = std::mem::replace(&mut self.previous, x);
        if previous.is_nan() {
            return f64::NAN;
        }
        let path = self.path.next((x - previous).abs());
        if !self.window.is_full() {
            return f64::NAN;
        }
        if self.average.is_nan() {
            self.average = previous;
        }
        let change = x - self.window.oldest();
        // TA-Lib asks about rises only; rounding aside, the ratio says the same for falls.
        let efficiency = if path <= change || path == 0.0 {
            1.0
        } else {
            (change / path).abs()
        };
        let smoothing = efficiency * RANGE + SLOWEST;
        self.average += (x - self.average) * (smoothing * smoothing);
        self.average
    }
}

/// T3 (T. Tillson): six exponential averages in a row, combined by a volume factor v (0 … 1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct T3 {
    chain: [Ema; 6],
    weights: [f64; 4],
}

impl T3 {
    pub(crate) fn new(period: usize, factor: f64) -> Self {
        let v = factor;
        let sixth = -(v * v * v);
        let fifth = 3.0 * (v * v - sixth);
        let fourth = -6.0 * v * v - 3.0 * (v - sixth);
        let third = 1.0 + 3.0 * v - sixth + 3.0 * v * v;
        Self {
            chain: [(); 6].map(|()| Ema::new(period)),
            weights: [sixth, fifth, fourth, third],
        }
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        let mut values = [0.0; 6];
        let mut value = x;
        for (average, out) in self.chain.iter_mut().zip(&mut values) {
            value = average.chain(value);
            *out = value;
        }
        let [sixth, fifth, fourth, third] = self.weights;
        sixth * values[5] + fifth * values[4] + fourth * values[3] + third * values[2]
    }
}
