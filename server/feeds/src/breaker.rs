//! A circuit breaker: whom to leave alone for a while.

use crate::status::BreakerState;
use papertape::model::Timestamp;

/// Opens after failures in a row, lets one attempt through after a while, and closes when it has been well for long enough.
/// Each opening lasts twice as long as the one before, until it has closed.
#[derive(Clone, Debug)]
pub struct Breaker {
    state: BreakerState,
    failures: u32,
    openings: u32,
    /// When the state began.
    since: Timestamp,
    /// When an open one lets the next attempt through.
    until: Timestamp,
}

impl Breaker {
    /// Failures in a row that open it.
    pub const MOST_FAILURES: u32 = 4;
    /// How long it is open the first time, in nanoseconds.
    pub const OPEN: i64 = 5_000_000_000;
    /// How long it is open at most.
    pub const LONGEST: i64 = 300_000_000_000;
    /// How long all must be well before it closes, or failures are forgotten.
    pub const STABLE: i64 = 30_000_000_000;

    /// A closed one.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self {
            state: BreakerState::Closed,
            failures: 0,
            openings: 0,
            since: now,
            until: now,
        }
    }

    /// How it stands.
    #[must_use]
    pub const fn state(&self) -> BreakerState {
        self.state
    }

    /// How long nothing may be tried; 0 when something may.
    #[must_use]
    pub fn wait(&self, now: Timestamp) -> i64 {
        match self.state {
            BreakerState::Open => self.until.since(now).max(0),
            BreakerState::Closed | BreakerState::HalfOpen => 0,
        }
    }

    /// Something is tried: an open one lets it through when its time is over.
    pub fn attempt(&mut self, now: Timestamp) {
        if self.state == BreakerState::Open && self.wait(now) == 0 {
            self.enter(BreakerState::HalfOpen, now);
        }
    }

    /// It failed.
    pub fn failed(&mut self, now: Timestamp) {
        self.failures += 1;
        if self.state == BreakerState::HalfOpen || self.failures >= Self::MOST_FAILURES {
            self.openings = (self.openings + 1).min(16);
            self.until = now.plus_nanos(self.open_nanos());
            self.enter(BreakerState::Open, now);
        }
    }

    /// It was refused, and not to be tried again for so long: open until then.
    pub fn refused(&mut self, nanos: i64, now: Timestamp) {
        self.until = now.plus_nanos(nanos);
        self.enter(BreakerState::Open, now);
    }

    /// All is well, since `since`.
    pub fn well(&mut self, since: Timestamp, now: Timestamp) {
        if now.since(since) < Self::STABLE {
            return;
        }
        self.failures = 0;
        if self.state != BreakerState::Closed {
            self.openings = 0;
            self.enter(BreakerState::Closed, now);
        }
    }

    fn enter(&mut self, state: BreakerState, now: Timestamp) {
        (self.state, self.since) = (state, now);
        if state == BreakerState::Open {
            self.failures = 0;
        }
    }

    fn open_nanos(&self) -> i64 {
        (Self::OPEN << self.openings.saturating_sub(1).min(16)).min(Self::LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_half_opens_and_closes() {
        let at = Timestamp::from_secs;
        let mut breaker = Breaker::new(at(0));
        for second in 0..4 {
            assert_eq!(breaker.state(), BreakerState::Closed);
            breaker.failed(at(second));
        }
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.wait(at(4)), 4_000_000_000);
        breaker.attempt(at(7));
        assert_eq!(breaker.state(), BreakerState::Open);
        breaker.attempt(at(8));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        // Once more is enough to open it again, for twice as long.
        breaker.failed(at(9));
        assert_eq!(
            (breaker.state(), breaker.wait(at(9))),
            (BreakerState::Open, 10_000_000_000)
        );
        breaker.attempt(at(19));
        breaker.well(at(20), at(49));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        breaker.well(at(20), at(50));
        assert_eq!((breaker.state(), breaker.wait(at(50))), (BreakerState::Closed, 0));
    }

    #[test]
    fn who_is_sent_away_for_long_stays_open_that_long_and_is_tried_once_then() {
        let at = Timestamp::from_secs;
        let mut breaker = Breaker::new(at(0));
        breaker.refused(3_600_000_000_000, at(0));
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.wait(at(600)), 3_000_000_000_000);
        breaker.attempt(at(3_599));
        assert_eq!(breaker.state(), BreakerState::Open);
        breaker.attempt(at(3_600));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        // An ordinary failure then is one.
        breaker.failed(at(3_601));
        assert_eq!(
            (breaker.state(), breaker.wait(at(3_601))),
            (BreakerState::Open, Breaker::OPEN)
        );
    }

    #[test]
    fn failures_far_apart_do_not_add_up() {
        let mut breaker = Breaker::new(Timestamp::EPOCH);
        for minute in 0..100 {
            let now = Timestamp::from_secs(minute * 60);
            breaker.failed(now);
            breaker.well(now, Timestamp::from_secs(minute * 60 + 31));
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn it_never_waits_longer_than_five_minutes() {
        let mut breaker = Breaker::new(Timestamp::EPOCH);
        let mut now = Timestamp::EPOCH;
        for _ in 0..1_000 {
            breaker.failed(now);
            let wait = breaker.wait(now);
            assert!(wait <= Breaker::LONGEST);
            now = now.plus_nanos(wait);
            breaker.attempt(now);
        }
    }
}
