//! Drawdown: how far equity is below its peak, and for how long.

use crate::model::Timestamp;
use crate::model::float::Between;
use serde::{Deserialize, Serialize};

/// Follows the peak of an equity curve, mark by mark.
///
/// The drawdown is `(peak − equity) / peak`, a positive share of the highest equity so far. A span under water lasts
/// from the last mark at the peak until the mark at which the peak is reached again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawdownTracker {
    peak: f64,
    equity: f64,
    deepest: f64,
    /// The last mark at the peak; `None` before the first mark.
    peak_time: Option<Timestamp>,
    last_time: Option<Timestamp>,
    /// The longest span under water that is over, nanoseconds.
    longest: i64,
}

impl DrawdownTracker {
    /// A tracker whose first peak is `initial`, at the time of [`DrawdownTracker::start`] or else of the first mark.
    #[must_use]
    pub const fn new(initial: f64) -> Self {
        Self {
            peak: initial,
            equity: initial,
            deepest: 0.0,
            peak_time: None,
            last_time: None,
            longest: 0,
        }
    }

    /// Says when the first peak was. Without effect after the first mark.
    pub fn start(&mut self, time: Timestamp) {
        if self.last_time.is_none() {
            self.peak_time = Some(time);
        }
    }

    /// Takes the equity at a time.
    #[inline]
    pub fn on_mark(&mut self, time: Timestamp, equity: f64) {
        if equity >= self.peak {
            if self.equity < self.peak {
                self.longest = self.longest.max(self.under_water(time));
            }
            self.peak = equity;
            self.peak_time = Some(time);
        } else {
            self.peak_time.get_or_insert(time);
            self.deepest = self.deepest.max(drawdown(self.peak, equity));
        }
        self.equity = equity;
        self.last_time = Some(time);
    }

    /// Takes many values in, one after the other; `time_of` tells the time of each by its place.
    #[inline]
    pub(crate) fn on_marks(
        &mut self,
        time_of: impl Fn(usize) -> Timestamp,
        equity: &[f64],
        between: Between,
    ) {
        let Some(last) = equity.len().checked_sub(1) else {
            return;
        };
        if between.most < self.peak {
            // All under water: the lowest of them is the deepest.
            self.peak_time.get_or_insert(time_of(0));
            self.deepest = self.deepest.max(drawdown(self.peak, between.least));
            (self.equity, self.last_time) = (equity[last], Some(time_of(last)));
        } else if between.least == between.most {
            // After the first of them, which is a peak, only time passes.
            self.on_mark(time_of(0), equity[0]);
            self.on_mark(time_of(last), equity[last]);
        } else {
            for (index, equity) in equity.iter().enumerate() {
                self.on_mark(time_of(index), *equity);
            }
        }
    }

    fn under_water(&self, time: Timestamp) -> i64 {
        self.peak_time.map_or(0, |peak_time| time.since(peak_time))
    }

    /// The highest equity so far.
    #[must_use]
    pub const fn peak(&self) -> f64 {
        self.peak
    }

    /// The drawdown at the last mark.
    #[must_use]
    pub fn drawdown(&self) -> f64 {
        drawdown(self.peak, self.equity)
    }

    /// The largest drawdown so far.
    #[must_use]
    pub const fn max_drawdown(&self) -> f64 {
        self.deepest
    }

    /// The longest span under water in seconds, the one under way included.
    #[must_use]
    pub fn max_duration_secs(&self) -> u64 {
        let current = match self.last_time {
            Some(time) if self.equity < self.peak => self.under_water(time),
            _ => 0,
        };
        (self.longest.max(current) / 1_000_000_000).unsigned_abs()
    }
}

/// The drawdown at every point of an equity curve whose first peak is `initial`.
#[must_use]
pub fn drawdown_series(initial: f64, equity: &[f64]) -> Vec<f64> {
    let mut peak = initial;
    equity
        .iter()
        .map(|equity| {
            peak = peak.max(*equity);
            drawdown(peak, *equity)
        })
        .collect()
}

/// A peak of nothing, or of less, leaves nothing to lose a share of.
fn drawdown(peak: f64, equity: f64) -> f64 {
    if equity < peak && peak > 0.0 {
        (peak - equity) / peak
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_and_length_of_falls_are_told() {
        let mut tracker = DrawdownTracker::new(100.0);
        tracker.start(Timestamp::EPOCH);
        let equity = [90.0, 100.0, 120.0, 120.0, 60.0, 110.0, 130.0, 117.0];
        for (second, value) in (1..).zip(equity) {
            tracker.on_mark(Timestamp::from_secs(second), value);
        }
        assert_eq!(tracker.peak(), 130.0);
        assert_eq!(tracker.max_drawdown(), 0.5);
        assert_eq!(tracker.drawdown(), 0.1);
        // From the second mark at 120 (4 s) to 130 (7 s).
        assert_eq!(tracker.max_duration_secs(), 3);
        assert_eq!(
            drawdown_series(100.0, &equity),
            [0.1, 0.0, 0.0, 0.0, 0.5, 10.0 / 120.0, 0.0, 0.1]
        );
        tracker.on_mark(Timestamp::from_secs(20), 129.0);
        assert_eq!(tracker.max_duration_secs(), 13, "the fall under way counts");
    }

    #[test]
    fn without_marks_there_is_no_drawdown() {
        let tracker = DrawdownTracker::new(100.0);
        assert_eq!(
            (
                tracker.max_drawdown(),
                tracker.drawdown(),
                tracker.max_duration_secs()
            ),
            (0.0, 0.0, 0)
        );
        assert_eq!(drawdown_series(100.0, &[]), [0.0; 0]);
    }
}
