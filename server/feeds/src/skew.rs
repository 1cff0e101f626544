//! How long messages take and how the venue's clock stands to ours, as far as the two can be told apart.

use papertape::model::Timestamp;

/// The least difference between when messages came in and what the venue stamped on them, over the last one to two minutes.
///
/// A message is late by its way and early or late by the difference of the clocks; ways differ and clocks hardly do, so the
/// least difference is the clocks' plus the shortest way (the clock filter of NTP, RFC 5905, 10, in one direction).
#[derive(Clone, Copy, Debug, Default)]
pub struct Skew {
    least: Option<i64>,
    least_before: Option<i64>,
    since: Timestamp,
    /// How many messages in a row said that the venue's clock is far ahead of ours and of where all before showed it, and the most cautious of
    /// them: one alone is a stamp that is wrong.
    ahead: Option<(u32, i64)>,
}

impl Skew {
    const WINDOW: i64 = 60_000_000_000;

    /// A message that seems to come from so far ahead of both clocks is not believed alone: no way is that short.
    const FAR: i64 = 1_000_000_000;
    /// So many in a row are.
    const ENOUGH: u32 = 3;

    /// Takes a message that the venue stamped with `told` and that came in at `received`.
    pub fn observe(&mut self, told: Timestamp, received: Timestamp) {
        let mut difference = received.since(told);
        if difference < self.nanos().unwrap_or(0).min(0) - Self::FAR {
            let (count, most) = self
                .ahead
                .map_or((1, difference), |(count, most)| (count + 1, most.max(difference)));
            self.ahead = Some((count, most));
            if count < Self::ENOUGH {
                return;
            }
            difference = most;
        }
        self.ahead = None;
        let passed = received.since(self.since);
        if self.least.is_some() && !(0..Self::WINDOW).contains(&passed) {
            self.least_before = self.least.take();
            if !(0..2 * Self::WINDOW).contains(&passed) {
                self.least_before = None;
            }
        }
        if self.least.is_none() {
            self.since = received;
        }
        self.least = Some(self.least.map_or(difference, |least| least.min(difference)));
    }

    /// Nanoseconds to take from our time to have the venue's, as its messages show it; `None` before the first message.
    #[must_use]
    pub fn nanos(&self) -> Option<i64> {
        match (self.least, self.least_before) {
            (Some(now), Some(before)) => Some(now.min(before)),
            (one, other) => one.or(other),
        }
    }

    /// What the venue's messages would be stamped with that come in at `received` by the shortest way.
    #[must_use]
    pub fn venue_time(&self, received: Timestamp) -> Timestamp {
        received.plus_nanos(-self.nanos().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stamp_that_is_far_ahead_is_wrong_and_several_are_a_clock() {
        let at = Timestamp::from_millis;
        let mut skew = Skew::default();
        skew.observe(at(1_000), at(1_050));
        skew.observe(at(31_100), at(1_100));
        assert_eq!(skew.venue_time(at(1_150)), at(1_100));
        skew.observe(at(1_150), at(1_200));
        // Ours was set back by ten seconds.
        for second in 2..5 {
            skew.observe(at(second * 1_000 + 10_000), at(second * 1_000 + 50 + second));
        }
        assert_eq!(skew.nanos(), Some(-(10_000 - 54) * 1_000_000));
    }

    #[test]
    fn the_least_of_two_minutes_counts() {
        let mut skew = Skew::default();
        let at = Timestamp::from_millis;
        assert_eq!(skew.venue_time(at(1_000)), at(1_000));
        for (told, received) in [(0, 80), (1_000, 1_030), (2_000, 2_500)] {
            skew.observe(at(told), at(received));
        }
        assert_eq!(skew.venue_time(at(3_030)), at(3_000));
        // Our clock is set back by a second: the old least is forgotten after two windows.
        for minute in 1..=3_i64 {
            skew.observe(at(minute * 61_000), at(minute * 61_000 + 60));
        }
        assert_eq!(skew.nanos(), Some(60_000_000));
    }
}
