//! The market's clock: how market time runs against the wall's.

use papertape::model::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// Market time as a straight line over wall time.
#[derive(Clone, Copy, Debug)]
pub(super) struct MarketClock {
    /// Market seconds per second of the wall clock; 0 is as fast as possible.
    speed: f64,
    wall: Instant,
    market: Timestamp,
}

impl MarketClock {
    /// A clock that shows `market` now.
    pub(super) const fn new(speed: f64, market: Timestamp, now: Instant) -> Self {
        Self {
            speed,
            wall: now,
            market,
        }
    }

    /// When `due` comes; `None` when it has come.
    pub(super) fn wait_for(&self, due: Timestamp, now: Instant) -> Option<Instant> {
        if self.speed <= 0.0 {
            return None;
        }
        let ahead = due.since(self.market);
        if ahead <= 0 {
            return None;
        }
        let seconds = ahead as f64 / 1e9 / self.speed;
        let wait = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        // A clock that stands nearly still: look again tomorrow.
        let at = self
            .wall
            .checked_add(wait)
            .unwrap_or(now + Duration::from_secs(86_400));
        (at > now).then_some(at)
    }

    /// Runs at another speed from now on. `reached` is the market time of the last input, from which a clock without
    /// pace goes on; `next` is when the next one is due: a session that is behind goes on from there instead of
    /// rushing after what it could not keep up with.
    pub(super) fn set_speed(
        &mut self,
        speed: f64,
        reached: Timestamp,
        next: Option<Timestamp>,
        now: Instant,
    ) {
        self.market = if self.speed > 0.0 {
            let passed = now.duration_since(self.wall).as_secs_f64() * self.speed;
            let shows = self.market.plus_nanos((passed * 1e9) as i64);
            next.map_or(shows, |next| shows.min(next))
        } else {
            reached
        };
        self.wall = now;
        self.speed = speed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_times_as_fast_waits_a_sixtieth() {
        let now = Instant::now();
        let clock = MarketClock::new(60.0, Timestamp::EPOCH, now);
        let minute = Timestamp::from_secs(60);
        assert_eq!(clock.wait_for(minute, now), Some(now + Duration::from_secs(1)));
        assert_eq!(clock.wait_for(minute, now + Duration::from_secs(1)), None);
    }

    #[test]
    fn another_speed_begins_where_the_clock_stands() {
        let now = Instant::now();
        let mut clock = MarketClock::new(60.0, Timestamp::EPOCH, now);
        let later = now + Duration::from_secs(10);
        clock.set_speed(1.0, Timestamp::EPOCH, None, later);
        let due = Timestamp::from_secs(605);
        assert_eq!(clock.wait_for(due, later), Some(later + Duration::from_secs(5)));
    }

    #[test]
    fn a_session_that_is_behind_does_not_rush() {
        let now = Instant::now();
        let mut clock = MarketClock::new(6_000.0, Timestamp::EPOCH, now);
        let later = now + Duration::from_secs(10);
        let next = Timestamp::from_secs(30_000);
        clock.set_speed(1.0, Timestamp::from_secs(29_999), Some(next), later);
        let after = Timestamp::from_secs(30_001);
        assert_eq!(clock.wait_for(after, later), Some(later + Duration::from_secs(1)));
    }

    #[test]
    fn without_pace_everything_is_due_and_pace_goes_on_from_the_last_input() {
        let now = Instant::now();
        let mut clock = MarketClock::new(0.0, Timestamp::EPOCH, now);
        let far = Timestamp::from_secs(1_000_000);
        assert_eq!(clock.wait_for(far, now), None);
        clock.set_speed(1.0, far, None, now);
        assert_eq!(
            clock.wait_for(Timestamp::from_secs(1_000_001), now),
            Some(now + Duration::from_secs(1))
        );
    }
}
