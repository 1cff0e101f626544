//! Momentum of one series: how far, how fast, how one-sided. Formulas and warm-up are TA-Lib's.

use super::average::{Ema, Sma};
use super::window::{Extreme, Window};
use super::zero::are_equal;
use serde::{Deserialize, Serialize};

/// Wilder's averages of gains and losses, which RSI and CMO share. Defined from the n-th change on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct GainLoss {
    period: usize,
    seen: usize,
    previous: f64,
    gain: f64,
    loss: f64,
}

impl GainLoss {
    fn new(period: usize) -> Self {
        Self {
            period,
            seen: 0,
            previous: f64::NAN,
            gain: 0.0,
            loss: 0.0,
        }
    }

    /// Average gain and average loss, both positive.
    #[inline]
    fn next(&mut self, x: f64) -> Option<(f64, f64)> {
        let change = x - std::mem::replace(&mut self.previous, x);
        if change.is_nan() {
            return None;
        }
        let period = self.period as f64;
        let smoothed = self.seen >= self.period;
        if smoothed {
            self.gain *= period - 1.0;
            self.loss *= period - 1.0;
        }
        if change < 0.0 {
            self.loss -= change;
        } else {
            self.gain += change;
        }
        if !smoothed {
            self.seen += 1;
            if self.seen < self.period {
                return None;
            }
        }
        self.gain /= period;
        self.loss /= period;
        Some((self.gain, self.loss))
    }
}

/// Relative strength index (J. W. Wilder), 0 … 100.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rsi(GainLoss);

impl Rsi {
    pub(crate) fn new(period: usize) -> Self {
        Self(GainLoss::new(period))
    }

    #[inline]
    pub(crate) fn next(&mut self, x: f64) -> f64 {
        match self.0.next(x) {
            None => f64::NAN,
            Some((gain, loss)) if gain + loss == 0.0 => 0.0,
            Some((gain, loss)) => 100.0 * (gain / (gain + loss)),
        }
    }
}

/// Chande momentum oscillator, −100 … 100.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cmo(GainLoss);

impl Cmo {
    pub(crate) fn new(period: usize) -> Self {
        Self(GainLoss::new(period))
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        match self.0.next(x) {
            None => f64::NAN,
            Some((gain, loss)) if gain + loss == 0.0 => 0.0,
            Some((gain, loss)) => 100.0 * ((gain - loss) / (gain + loss)),
        }
    }
}

/// How a value relates to the one n values ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ChangeKind {
    /// The difference (MOM).
    Difference,
    /// The ratio of the difference to the old value (ROCP).
    Ratio,
    /// The same in percent (ROC).
    Percent,
}

/// MOM, ROC and ROCP: the change over n values. ROC and ROCP of an old value of zero are zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    kind: ChangeKind,
    window: Window,
}

impl Change {
    pub(crate) fn new(kind: ChangeKind, period: usize) -> Self {
        Self {
            kind,
            window: Window::new(period + 1),
        }
    }

    #[inline]
    pub(crate) fn next(&mut self, x: f64) -> f64 {
        self.window.push(x);
        if !self.window.is_full() {
            return f64::NAN;
        }
        let old = self.window.oldest();
        match self.kind {
            ChangeKind::Difference => x - old,
            ChangeKind::Ratio | ChangeKind::Percent if old == 0.0 => 0.0,
            ChangeKind::Ratio => (x - old) / old,
            ChangeKind::Percent => (x / old - 1.0) * 100.0,
        }
    }
}

/// TRIX: the one-bar change, in percent, of a threefold exponential average.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trix {
    chain: [Ema; 3],
    change: Change,
}

impl Trix {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            chain: [(); 3].map(|()| Ema::new(period)),
            change: Change::new(ChangeKind::Percent, 1),
        }
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        let smooth = self
            .chain
            .iter_mut()
            .fold(x, |value, average| average.chain(value));
        if smooth.is_nan() {
            smooth
        } else {
            self.change.next(smooth)
        }
    }
}

/// APO and PPO: the difference of a fast and a slow exponential average, absolute or in percent of the slow one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PriceOscillator {
    fast: Ema,
    slow: Ema,
    percent: bool,
}

impl PriceOscillator {
    pub(crate) fn new(fast: usize, slow: usize, percent: bool) -> Self {
        Self {
            fast: Ema::new(fast.min(slow)),
            slow: Ema::new(slow.max(fast)),
            percent,
        }
    }

    pub(crate) fn next(&mut self, x: f64) -> f64 {
        let (fast, slow) = (self.fast.next(x), self.slow.next(x));
        if !self.percent {
            return fast - slow;
        }
        if slow == 0.0 {
            0.0
        } else {
            (fast - slow) / slow * 100.0
        }
    }
}

/// Moving average convergence/divergence (G. Appel): macd, signal, histogram. All three begin when the signal does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    /// Values that the fast average sits out: unlike in APO, both averages are seeded at the same bar.
    skip: usize,
}

impl Macd {
    pub(crate) fn new(fast: usize, slow: usize, signal: usize) -> Self {
        let (fast, slow) = (fast.min(slow), slow.max(fast));
        Self {
            fast: Ema::new(fast),
            slow: Ema::new(slow),
            signal: Ema::new(signal),
            skip: slow - fast,
        }
    }

    pub(crate) fn next(&mut self, x: f64) -> [f64; 3] {
        let slow = self.slow.next(x);
        if self.skip > 0 {
            self.skip -= 1;
            return [f64::NAN; 3];
        }
        let macd = self.fast.next(x) - slow;
        let signal = self.signal.chain(macd);
        if signal.is_nan() {
            return [f64::NAN; 3];
        }
        [macd, signal, macd - signal]
    }
}

/// Where the last value stands between the lowest and the highest of the last n, 0 … 100, and its average: TA-Lib's
/// STOCHF of one series, here of the RSI.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StochRsi {
    rsi: Rsi,
    highest: Extreme,
    lowest: Extreme,
    average: Sma,
}

impl StochRsi {
    pub(crate) fn new(period: usize, fast_k: usize, fast_d: usize) -> Self {
        Self {
            rsi: Rsi::new(period),
            highest: Extreme::highest(fast_k),
            lowest: Extreme::lowest(fast_k),
            average: Sma::new(fast_d),
        }
    }

    pub(crate) fn next(&mut self, x: f64) -> [f64; 2] {
        let rsi = self.rsi.next(x);
        if rsi.is_nan() {
            return [f64::NAN; 2];
        }
        let (highest, lowest) = (self.highest.next(rsi), self.lowest.next(rsi));
        if highest.is_nan() {
            return [f64::NAN; 2];
        }
        let k = stochastic(highest, lowest, rsi);
        let d = self.average.next(k);
        if d.is_nan() { [f64::NAN; 2] } else { [k, d] }
    }
}

/// Where `x` stands between `lowest` and `highest`, 0 … 100; 0 when they are the same.
pub(crate) fn stochastic(highest: f64, lowest: f64, x: f64) -> f64 {
    let unit = (highest - lowest) / 100.0;
    if are_equal(highest, lowest) {
        0.0
    } else {
        (x - lowest) / unit
    }
}
