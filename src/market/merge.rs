//! Bars of several instruments in one order of time.

use super::{Bar, Bars};
use crate::model::{Symbol, Timeframe, Timestamp};
use serde::{Deserialize, Serialize};

/// Where a reading of several instruments' bars stands: by open time, and of one time in the order of the instruments.
/// Lengths and gaps may differ.
///
/// ```
/// use papertape::market::{Bar, BarMerge, Bars};
/// use papertape::model::Timestamp;
///
/// let at = |closes: &[f64]| -> Bars {
///     let bar = |(minute, close): (i64, &f64)| Bar {
///         open_time: Timestamp::from_secs(minute * 60),
///         open: *close,
///         high: *close,
///         low: *close,
///         close: *close,
///         volume: 1.0,
///     };
///     (0..).zip(closes).map(bar).collect()
/// };
/// let (a, b) = (at(&[1.0, 2.0]), at(&[7.0, 8.0, 9.0]));
/// let bars = [a, b];
/// let mut merge = BarMerge::default();
/// let closes: Vec<f64> = std::iter::from_fn(|| merge.next(&bars)).map(|(_, bar)| bar.close).collect();
/// assert_eq!(closes, [1.0, 7.0, 2.0, 8.0, 9.0]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BarMerge {
    /// Bars taken of each instrument.
    taken: Vec<usize>,
}

impl BarMerge {
    /// A reading that begins with the first bars that open at `time` or later.
    #[must_use]
    pub fn beginning_at(time: Timestamp, bars: &[Bars]) -> Self {
        let earlier = |bars: &Bars| bars.open_time.partition_point(|open| *open < time);
        Self {
            taken: bars.iter().map(earlier).collect(),
        }
    }

    /// The next bar, left in its place, and whose it is: its place in `bars`.
    #[must_use]
    pub fn peek(&self, bars: &[Bars]) -> Option<(usize, Bar)> {
        let taken = |index: usize| self.taken.get(index).copied().unwrap_or(0);
        let next = bars.iter().enumerate().filter_map(|(index, bars)| {
            let open_time = bars.open_time.get(taken(index))?;
            Some((*open_time, index))
        });
        let (_, index) = next.min()?;
        Some((index, bars[index].get(taken(index))?))
    }

    /// Takes the next bar.
    pub fn next(&mut self, bars: &[Bars]) -> Option<(usize, Bar)> {
        let next = self.peek(bars)?;
        self.taken.resize(bars.len().max(self.taken.len()), 0);
        self.taken[next.0] += 1;
        Some(next)
    }

    /// The open times that there are, each once, in order.
    pub fn open_times(bars: &[Bars]) -> impl Iterator<Item = Timestamp> + '_ {
        let mut merge = Self::default();
        let mut last = None;
        std::iter::from_fn(move || {
            loop {
                let (_, bar) = merge.next(bars)?;
                if last.replace(bar.open_time) != Some(bar.open_time) {
                    return Some(bar.open_time);
                }
            }
        })
    }

    /// Looks whether bars of several instruments fit together: they open together or not at all. A bar of one that closes
    /// inside a bar of another would have to be decided on with a price that is still to come.
    ///
    /// # Errors
    /// The first two that do not.
    pub fn check(bars: &[Bars], symbols: &[Symbol], timeframe: Timeframe) -> Result<(), Misaligned> {
        let mut merge = Self::default();
        let mut last: Option<(usize, Timestamp)> = None;
        // The trading day of markets that close is shorter by an hour when summer time begins.
        let least = timeframe.nanos() / 2;
        while let Some((index, bar)) = merge.next(bars) {
            let name = |index: usize| symbols.get(index).map_or_else(String::new, Symbol::to_string);
            if let Some((other, time)) = last
                && time != bar.open_time
                && bar.open_time.since(time) < least
            {
                return Err(Misaligned {
                    first: name(other),
                    opens: time,
                    second: name(index),
                    inside: bar.open_time,
                });
            }
            last = Some((index, bar.open_time));
        }
        Ok(())
    }
}

/// A bar of one instrument opens inside a bar of another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a bar of {second} opens at {inside}, inside the bar of {first} that opens at {opens}: bars of several symbols must open at the same times"
)]
pub struct Misaligned {
    /// Whose bar was open.
    pub first: String,
    /// When it opened.
    pub opens: Timestamp,
    /// Whose bar opens inside it.
    pub second: String,
    /// When.
    pub inside: Timestamp,
}
