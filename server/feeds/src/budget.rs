//! How much may still be asked of a venue, by weight as it counts.

use crate::status::BudgetStatus;
use crate::venue::Limit;
use papertape::model::Timestamp;
use std::{collections::VecDeque, time::Duration};

/// A venue's limits and what has been used of them.
///
/// A window that is aligned to the clock holds what was asked since it began. Any other is taken to slide: whatever the venue
/// means by it, no span of its length ever holds more than its weight.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    windows: Vec<Window>,
    /// How far the clock on the wall is ahead of the time that is counted in, in nanoseconds.
    ahead: i64,
    /// Nothing may be asked before: the venue said so.
    shut_until: Option<(Timestamp, bool)>,
}

/// Why nothing may be asked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The budget is used up until then.
    Budget(Duration),
    /// The venue said not before; `true` for a ban.
    Shut(Duration, bool),
}

#[derive(Clone, Debug)]
struct Window {
    limit: Limit,
    /// When what was asked, oldest first; of an aligned window all of it at the time of the first.
    asked: VecDeque<(Timestamp, u32)>,
    used: u32,
    /// Which of the clock's windows it is, where it is aligned.
    number: i64,
}

impl Budget {
    pub(crate) fn new(limits: &[Limit]) -> Self {
        let window = |limit: &Limit| Window {
            limit: *limit,
            asked: VecDeque::new(),
            used: 0,
            number: 0,
        };
        Self {
            windows: limits.iter().map(window).collect(),
            ahead: 0,
            shut_until: None,
        }
    }

    /// The clock on the wall, on which aligned windows begin, is so many nanoseconds ahead of the time that is told here.
    pub(crate) const fn stands(&mut self, ahead: i64) {
        self.ahead = ahead;
    }

    /// The venue says what the weight is of windows of this length; nothing where there is none.
    pub(crate) fn allow(&mut self, weight: u32, every: Duration) {
        let named = self
            .windows
            .iter_mut()
            .filter(|window| window.limit.every == every);
        named.for_each(|window| window.limit.weight = weight.max(1));
    }

    /// Takes `weight` from every window, or says how long to wait before trying again. More than a window ever has is taken
    /// for all of it.
    pub(crate) fn take(&mut self, weight: u32, now: Timestamp) -> Result<(), Wait> {
        if let Some((until, is_ban)) = self.shut_until {
            if now < until {
                return Err(Wait::Shut(between(now, until), is_ban));
            }
            self.shut_until = None;
        }
        let ahead = self.ahead;
        let free = self
            .windows
            .iter_mut()
            .map(|window| window.free_at(weight, now, ahead));
        if let Some(free) = free.max().filter(|free| *free > now) {
            return Err(Wait::Budget(between(now, free)));
        }
        for window in &mut self.windows {
            window.add(weight, now);
        }
        Ok(())
    }

    /// The venue says that so much of the first window is used: believed when it is more than we know of.
    pub(crate) fn told(&mut self, used: u32, now: Timestamp) {
        if let Some(window) = self.windows.first_mut() {
            window.forget(now, self.ahead);
            let unknown = used.saturating_sub(window.used);
            if unknown > 0 {
                window.push(unknown, now);
            }
        }
    }

    /// The venue says not before.
    pub(crate) fn shut(&mut self, wait: Duration, is_ban: bool, now: Timestamp) {
        let until = after(now, wait);
        if self.shut_until.is_none_or(|(known, _)| known < until) {
            self.shut_until = Some((until, is_ban));
        }
    }

    pub(crate) fn status(&self, now: Timestamp) -> Vec<BudgetStatus> {
        let status = |window: &Window| {
            let mut window = window.clone();
            window.forget(now, self.ahead);
            BudgetStatus {
                used: window.used,
                weight: window.limit.weight,
                every_s: window.limit.every.as_secs(),
            }
        };
        self.windows.iter().map(status).collect()
    }
}

impl Window {
    /// Forgets what counts no more. An aligned window is over when the clock's next has begun, and however the clock is set, when it has
    /// lasted as long as one.
    fn forget(&mut self, now: Timestamp, ahead: i64) {
        let every = nanos(self.limit.every).max(1);
        if self.limit.is_aligned {
            let number = now.plus_nanos(ahead).nanos().div_euclid(every);
            let first = self.asked.front();
            if number != self.number || first.is_some_and(|(first, _)| now.since(*first) >= every) {
                self.asked.clear();
                (self.used, self.number) = (0, number);
            }
            return;
        }
        let begin = now.plus_nanos(1 - every);
        while let Some((_, weight)) = self.asked.pop_front_if(|(time, _)| *time < begin) {
            self.used -= weight;
        }
    }

    /// When there is room for `weight`, if nothing else is asked until then.
    fn free_at(&mut self, weight: u32, now: Timestamp, ahead: i64) -> Timestamp {
        self.forget(now, ahead);
        let weight = weight.min(self.limit.weight);
        if self.used + weight <= self.limit.weight {
            return now;
        }
        if self.limit.is_aligned {
            let every = nanos(self.limit.every).max(1);
            let next = now.plus_nanos(every - now.plus_nanos(ahead).nanos().rem_euclid(every));
            let first = self.asked.front();
            return first.map_or(next, |(first, _)| next.min(first.plus_nanos(every)));
        }
        let mut used = self.used;
        for (time, asked) in &self.asked {
            used -= asked;
            if used + weight <= self.limit.weight {
                return time.plus_nanos(nanos(self.limit.every));
            }
        }
        now
    }

    fn add(&mut self, weight: u32, now: Timestamp) {
        self.push(weight.min(self.limit.weight), now);
    }

    fn push(&mut self, weight: u32, now: Timestamp) {
        self.used += weight;
        match self.asked.back_mut() {
            // What was asked at one moment, or in one aligned window, leaves at one moment.
            Some((time, asked)) if *time == now || self.limit.is_aligned => *asked += weight,
            _ => self.asked.push_back((now, weight)),
        }
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX / 4)
}

fn after(time: Timestamp, wait: Duration) -> Timestamp {
    Timestamp::from_nanos(time.nanos().saturating_add(nanos(wait)))
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_nanos(u64::try_from(to.since(from)).unwrap_or(0).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::market::Random;

    fn limit(weight: u32, secs: u64, is_aligned: bool) -> Limit {
        Limit {
            weight,
            every: Duration::from_secs(secs),
            is_aligned,
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn an_aligned_window_begins_on_the_clock() {
        let mut budget = Budget::new(&[limit(10, 60, true)]);
        assert_eq!(budget.take(8, at(59_000)), Ok(()));
        assert_eq!(
            budget.take(3, at(59_500)),
            Err(Wait::Budget(Duration::from_millis(500)))
        );
        assert_eq!(budget.take(10, at(60_000)), Ok(()));
        assert_eq!(
            budget.take(1, at(60_000)),
            Err(Wait::Budget(Duration::from_secs(60)))
        );
    }

    #[test]
    fn an_aligned_window_begins_on_the_clock_however_that_was_set() {
        let mut budget = Budget::new(&[limit(10, 60, true)]);
        budget.stands(50_000_000_000);
        assert_eq!(budget.take(10, at(1_000)), Ok(()));
        let wait = Wait::Budget(Duration::from_secs(9));
        assert_eq!(budget.take(1, at(1_000)), Err(wait));
        // Set back by half a minute: the venue's minutes begin when they did.
        budget.stands(20_000_000_000);
        let wait = Wait::Budget(Duration::from_secs(38));
        assert_eq!(budget.take(1, at(2_000)), Err(wait));
        assert_eq!(budget.take(10, at(40_000)), Ok(()));
        // One that stands still ends no window, and keeps none open.
        budget.stands(-10_000_000_000);
        assert!(budget.take(1, at(99_000)).is_err());
        budget.stands(-40_000_000_000);
        assert_eq!(budget.take(1, at(100_000)), Ok(()));
    }

    #[test]
    fn what_the_venue_allows_counts_from_then_on() {
        let mut budget = Budget::new(&[limit(10, 60, true), limit(100, 300, false)]);
        assert_eq!(budget.take(10, at(0)), Ok(()));
        budget.allow(12, Duration::from_secs(60));
        assert_eq!(budget.take(2, at(1)), Ok(()));
        assert!(budget.take(1, at(2)).is_err());
        budget.allow(5, Duration::from_secs(60));
        assert_eq!(budget.take(5, at(60_000)), Ok(()));
        assert!(budget.take(1, at(60_001)).is_err());
        let weights: Vec<u32> = budget.status(at(60_001)).iter().map(|it| it.weight).collect();
        assert_eq!(weights, [5, 100]);
    }

    #[test]
    fn a_sliding_window_never_holds_more_than_its_weight() {
        for seed in 0..50 {
            let mut random = Random::new(seed);
            let mut budget = Budget::new(&[limit(20, 1, false), limit(60, 10, false)]);
            let (mut now, mut asked) = (0_i64, Vec::<(i64, u32)>::new());
            for _ in 0..300 {
                now += random.below(300) as i64 * 1_000_000;
                let weight = 1 + random.below(6) as u32;
                while let Err(Wait::Budget(wait)) = budget.take(weight, Timestamp::from_nanos(now)) {
                    // What it says is enough: no second wait for the same.
                    now += wait.as_nanos() as i64;
                    assert_eq!(budget.clone().take(weight, Timestamp::from_nanos(now)), Ok(()));
                }
                asked.push((now, weight));
                for (weight, secs) in [(20, 1), (60, 10)] {
                    let begin = now - secs * 1_000_000_000;
                    let within: u32 = asked
                        .iter()
                        .filter(|(time, _)| *time > begin)
                        .map(|(_, w)| w)
                        .sum();
                    assert!(within <= weight, "seed {seed}: {within} in {secs} s");
                }
            }
        }
    }

    #[test]
    fn the_venue_is_believed_when_it_counts_more() {
        let mut budget = Budget::new(&[limit(10, 60, true)]);
        assert_eq!(budget.take(2, at(0)), Ok(()));
        budget.told(9, at(100));
        budget.told(3, at(200));
        assert_eq!(budget.status(at(200))[0].used, 9);
        assert!(budget.take(2, at(300)).is_err());
        assert_eq!(budget.take(1, at(300)), Ok(()));
    }

    #[test]
    fn what_the_venue_shut_stays_shut_as_long_as_it_said() {
        let mut budget = Budget::new(&[]);
        budget.shut(Duration::from_secs(30), true, at(0));
        budget.shut(Duration::from_secs(5), false, at(0));
        let wait = Duration::from_secs(20);
        assert_eq!(budget.take(1, at(10_000)), Err(Wait::Shut(wait, true)));
        assert_eq!(budget.take(1, at(30_000)), Ok(()));
    }

    #[test]
    fn more_than_there_ever_is_takes_all_of_it() {
        let mut budget = Budget::new(&[limit(10, 60, true)]);
        assert_eq!(budget.take(50, at(0)), Ok(()));
        assert!(budget.take(1, at(1)).is_err());
    }
}
