//! A book that has fallen silent: others go on trading, and it says nothing.
//!
//! Every trade changes the level that it took from, so a book that is alive speaks soon after one. It is given up when it has
//! said nothing while
//! - [`Silence::BEYOND`] ticks in a row, over [`Silence::BEYOND_NANOS`] or longer, contradicted it: trades above its best ask or
//!   below its best bid, quotes with other best prices than it shows; or
//! - [`Silence::BESIDE`] ticks, over [`Silence::BESIDE_NANOS`] or longer, went on beside it, wherever they were.
//!
//! Before that it is *doubted*: contradicted for [`Silence::DOUBT_NANOS`], it fills nobody until it speaks.

use super::DataTier;
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Ticks since the first of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    since: Timestamp,
    count: u32,
}

impl Run {
    fn add(&mut self, time: Timestamp) {
        if self.count == 0 {
            self.since = time;
        }
        self.count = self.count.saturating_add(1);
    }

    const fn lasts(&self, count: u32, nanos: i64, now: Timestamp) -> bool {
        self.count >= count && now.nanos().saturating_sub(self.since.nanos()) >= nanos
    }
}

/// What went on beside a book since it last said something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// All ticks.
    beside: Run,
    /// The last of them, as far as they contradict the book without a break.
    beyond: Run,
}

impl Silence {
    /// Ticks in a row that contradict a book that is given up.
    pub const BEYOND: u32 = 5;
    /// How long they last at least.
    pub const BEYOND_NANOS: i64 = 10_000_000_000;
    /// Ticks beside a book that is given up.
    pub const BESIDE: u32 = 50;
    /// How long they last at least.
    pub const BESIDE_NANOS: i64 = 60_000_000_000;
    /// How long a book is contradicted before it is doubted: no venue tells of a trade and then, for a second, not of what it
    /// left.
    pub const DOUBT_NANOS: i64 = 1_000_000_000;

    /// The book said something.
    #[inline]
    pub fn end(&mut self) {
        if self.beside.count > 0 {
            *self = Self::default();
        }
    }

    /// A tick came beside the book; says whether the book is to be given up.
    pub fn note(&mut self, time: Timestamp, contradicts: bool) -> bool {
        self.beside.add(time);
        if contradicts {
            self.beyond.add(time);
        } else {
            self.beyond = Run::default();
        }
        self.beyond.lasts(Self::BEYOND, Self::BEYOND_NANOS, time)
            || self.beside.lasts(Self::BESIDE, Self::BESIDE_NANOS, time)
    }

    /// Since when the book has been contradicted, if that is so long at `now` that it fills nobody.
    #[must_use]
    pub const fn doubted_since(&self, now: Timestamp) -> Option<Timestamp> {
        if self.beyond.lasts(1, Self::DOUBT_NANOS, now) {
            Some(self.beyond.since)
        } else {
            None
        }
    }
}

/// The finest data of an instrument fell silent, or came back; `Display` says it in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierChange {
    /// What orders met before.
    pub from: DataTier,
    /// What they meet now.
    pub to: DataTier,
    /// When the one that fell silent last said something.
    pub told_at: Timestamp,
}

impl TierChange {
    /// Whether the finer data is back.
    #[must_use]
    pub fn is_back(&self) -> bool {
        self.from < self.to
    }
}

impl fmt::Display for TierChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, told_at } = self;
        if self.is_back() {
            write!(f, "Orders meet {to} again")
        } else {
            write!(
                f,
                "No {from} since {told_at} while others went on trading: orders meet {to} now"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: f64) -> Timestamp {
        Timestamp::from_millis((secs * 1_000.0) as i64)
    }

    /// After how many of the ticks (seconds, whether it contradicts) the book is given up.
    fn given_up(ticks: impl IntoIterator<Item = (f64, bool)>) -> Option<usize> {
        let mut silence = Silence::default();
        ticks
            .into_iter()
            .position(|(secs, contradicts)| silence.note(at(secs), contradicts))
            .map(|place| place + 1)
    }

    #[test]
    fn a_book_is_given_up_when_enough_contradicts_it_for_long_enough() {
        let beyond = |times: &[f64]| given_up(times.iter().map(|secs| (*secs, true)));
        for (times, expected) in [
            (&[0.0, 1.0, 2.0, 3.0, 10.0][..], Some(5)),
            (&[0.0, 1.0, 2.0, 3.0, 9.999], None), // not long enough
            (&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0], Some(7)),
            (&[0.0, 5.0, 10.0, 500.0], None), // not often enough
        ] {
            assert_eq!(beyond(times), expected, "{times:?}");
        }
        // One that the book explains breaks the row.
        let broken = [
            (0.0, true),
            (1.0, true),
            (2.0, true),
            (3.0, false),
            (4.0, true),
            (20.0, true),
        ];
        assert_eq!(given_up(broken), None);
        let again = (5..9).map(|secs| (f64::from(secs) * 4.0, true));
        assert_eq!(given_up(broken.into_iter().chain(again)), Some(9));
    }

    #[test]
    fn a_book_is_given_up_when_much_goes_on_beside_it() {
        let beside = |count: u32, secs: f64| {
            given_up((0..count).map(|tick| (secs * f64::from(tick) / f64::from(count - 1), false)))
        };
        assert_eq!(beside(50, 60.0), Some(50));
        assert_eq!(beside(50, 59.9), None, "a quote a minute is alive");
        assert_eq!(beside(49, 600.0), None);
    }

    #[test]
    fn what_is_contradicted_for_a_second_is_doubted_until_it_speaks() {
        let mut silence = Silence::default();
        silence.note(at(7.0), true);
        assert_eq!(silence.doubted_since(at(7.999)), None);
        assert_eq!(silence.doubted_since(at(8.0)), Some(at(7.0)));
        silence.end();
        assert_eq!(silence, Silence::default());
        assert_eq!(silence.doubted_since(at(9.0)), None);
    }
}
