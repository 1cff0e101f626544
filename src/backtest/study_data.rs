//! What a study runs over: the bars of one symbol, or of several on one clock.

use super::{MarketData, Span};
use crate::market::{BarSlice, Bars, DatedAction};
use crate::model::{Timeframe, Timestamp};
use std::ops::Range;

/// Bars that are cut into parts: a part is a range of the clock, which has each time at which a bar opens once. Of one symbol the
/// clock is its bars' own, and a part a range of them.
#[derive(Clone, Copy, Debug)]
pub struct StudyData<'a> {
    pub(super) bars: &'a [Bars],
    pub(super) actions: &'a [DatedAction],
    pub(super) clock: &'a [Timestamp],
}

impl<'a> From<MarketData<'a>> for StudyData<'a> {
    fn from(data: MarketData<'a>) -> Self {
        Self {
            bars: std::slice::from_ref(data.bars),
            actions: data.actions,
            clock: &data.bars.open_time,
        }
    }
}

impl<'a> From<&'a Bars> for StudyData<'a> {
    fn from(bars: &'a Bars) -> Self {
        MarketData::from(bars).into()
    }
}

impl<'a> StudyData<'a> {
    /// Bars of several symbols, by their places in [`EngineConfig::instruments`](crate::engine::EngineConfig::instruments), with
    /// their clock ([`BarMerge::open_times`](crate::market::BarMerge::open_times)).
    #[must_use]
    pub const fn together(bars: &'a [Bars], clock: &'a [Timestamp]) -> Self {
        Self {
            bars,
            actions: &[],
            clock,
        }
    }

    /// How many times the clock has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.clock.len()
    }

    /// Whether there is no bar.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.clock.is_empty()
    }

    /// A time of the clock.
    #[must_use]
    pub fn open_time(&self, index: usize) -> Option<Timestamp> {
        self.clock.get(index).copied()
    }

    /// The bars of each symbol in a part.
    pub(super) fn part(self, range: Range<usize>) -> impl Iterator<Item = BarSlice<'a>> + Clone {
        let ends = (
            self.clock.get(range.start).copied(),
            self.clock.get(range.end).copied(),
        );
        self.bars.iter().map(move |bars| {
            let before = |end: Option<Timestamp>| {
                end.map_or(bars.len(), |end| {
                    bars.open_time.partition_point(|open| *open < end)
                })
            };
            bars.slice(before(ends.0)..before(ends.1))
        })
    }

    /// The part `live`, with bars before it that warm the indicators of every symbol up, as far as there are any.
    #[must_use]
    pub fn warmed_up(self, live: Range<usize>, warm_up: usize, strategy: Timeframe, base: Timeframe) -> Span {
        let span = Span::warmed_up(live, warm_up, strategy, base);
        // Who has gaps needs more of the clock.
        let wanted = span.history.len();
        let earliest = self.part(0..span.live.start).filter_map(|bars| {
            let first = bars.len().saturating_sub(wanted);
            bars.open_time.get(first)
        });
        let from = earliest.min().map_or(span.history.start, |first| {
            self.clock.partition_point(|open| open < first)
        });
        Span {
            history: from.min(span.history.start)..span.history.end,
            ..span
        }
    }
}
