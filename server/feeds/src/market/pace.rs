//! The time of a stream: it never goes back, and no minute is over while trades of it may come.

use papertape::model::{Timeframe, Timestamp};

/// Different things come by different ways, so a quote of the next minute may come before the last trade of this one. Until it
/// is known that the minute is over, what claims to be of the beginning of the next is stamped with this one's last nanosecond, and
/// what claims to be later waits; a trade or a bar of the next minute shows that it is over. So bars made from the stream are the
/// venue's own, and nothing is told as of much earlier than it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    time: Timestamp,
    /// The end of the minute that `time` is in.
    boundary: Timestamp,
}

impl Pace {
    pub(super) const fn new(time: Timestamp) -> Self {
        Self {
            time,
            boundary: end_of_minute(time),
        }
    }

    /// The time of the last event.
    pub(super) const fn time(&self) -> Timestamp {
        self.time
    }

    /// When the minute under way ends.
    pub(super) const fn boundary(&self) -> Timestamp {
        self.boundary
    }

    /// The time of a trade: its own, but not before what was told already; `None` when its minute is over.
    #[inline]
    pub(super) fn trade(&mut self, told: Timestamp) -> Option<Timestamp> {
        if told < self.time {
            let minute = self.boundary.plus_nanos(-Timeframe::MINUTE.nanos());
            return (told >= minute).then_some(self.time);
        }
        self.advance(told);
        Some(told)
    }

    /// Whether something told of `told` claims that the minute is over.
    #[inline]
    pub(super) fn needs_gate(&self, told: Timestamp) -> bool {
        told >= self.boundary
    }

    /// The time of something within the minute, or before.
    #[inline]
    pub(super) fn within(&mut self, told: Timestamp) -> Timestamp {
        self.time = self.time.max(told);
        self.time
    }

    /// The time of something else than a trade that claims to be of a later minute. Where it is not known that this one is over, it
    /// is this one's last, unless that were as much as `leeway` nanoseconds too early: `None`.
    pub(super) fn other(&mut self, told: Timestamp, is_minute_over: bool, leeway: i64) -> Option<Timestamp> {
        if is_minute_over {
            self.advance(told);
        } else if told.since(self.boundary) < leeway {
            self.advance(self.boundary.plus_nanos(-1));
        } else {
            return None;
        }
        Some(self.time)
    }

    /// Takes a bar that closes at `close`; whether it can still be told.
    pub(super) fn bar(&mut self, close: Timestamp, is_whole: bool) -> bool {
        let is_told = is_whole && close >= self.time;
        if is_told {
            self.advance(close);
        }
        is_told
    }

    pub(super) fn advance(&mut self, time: Timestamp) {
        self.time = self.time.max(time);
        if self.time >= self.boundary {
            self.boundary = end_of_minute(self.time);
        }
    }
}

const fn end_of_minute(time: Timestamp) -> Timestamp {
    Timeframe::MINUTE.close_of(Timeframe::MINUTE.floor(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_trade_keeps_its_minute_or_is_late() {
        let mut pace = Pace::new(at(0));
        assert_eq!(pace.trade(at(59_000)), Some(at(59_000)));
        // Told after something later: as late as that, and still of its minute.
        assert_eq!(pace.trade(at(58_000)), Some(at(59_000)));
        // A quote of the next minute does not close this one…
        assert!(pace.needs_gate(at(60_010)));
        let last = at(60_000).plus_nanos(-1);
        assert_eq!(pace.other(at(60_010), false, 250_000_000), Some(last));
        assert_eq!(pace.trade(at(59_990)), Some(last));
        // …and one of long after its end is not told as of then…
        assert_eq!(pace.other(at(60_250), false, 250_000_000), None);
        // …until it is known that nothing else comes, or a trade says so.
        assert_eq!(pace.other(at(60_300), true, 250_000_000), Some(at(60_300)));
        assert_eq!(pace.trade(at(59_995)), None);
        assert_eq!(pace.trade(at(60_100)), Some(at(60_300)));
        assert_eq!(pace.trade(at(120_000)), Some(at(120_000)));
        assert_eq!(pace.boundary(), at(180_000));
    }

    #[test]
    fn bars_close_their_minute() {
        let mut pace = Pace::new(at(0));
        assert!(pace.bar(at(60_000), true) && !pace.bar(at(120_000), false));
        assert_eq!((pace.time(), pace.boundary()), (at(60_000), at(120_000)));
        pace.advance(at(130_000));
        assert!(!pace.bar(at(120_000), true));
    }
}
