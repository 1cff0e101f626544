//! How long to wait before dialling again.

use papertape::market::Random;
use std::time::Duration;

/// Waits that double from failure to failure, half of each by chance, so that many processes do not come back at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST_MILLIS: u64 = 500;
    const LONGEST_MILLIS: u64 = 30_000;
    /// A connection that stood so long shows that the venue is well.
    const WELL: Duration = Duration::from_secs(30);
    /// Who is sent away sooner is not wanted: no planned change, but a refusal.
    const PLANNED: Duration = Duration::from_secs(60);

    /// Another failure: how long to wait.
    pub(super) fn failed(&mut self, random: &mut Random) -> Duration {
        let most = (Self::FIRST_MILLIS << self.failures.min(8)).min(Self::LONGEST_MILLIS);
        self.failures = self.failures.saturating_add(1);
        Duration::from_millis(most / 2 + random.below(most / 2 + 1))
    }

    /// A connection has stood for so long.
    pub(super) fn stood(&mut self, stood: Duration) {
        if stood >= Self::WELL {
            self.failures = 0;
        }
    }

    /// Everything is well.
    pub(super) const fn well(&mut self) {
        self.failures = 0;
    }

    /// Whether a venue that says that it closes a connection of this age means to have another in its place at once.
    pub(super) fn is_planned(stood: Duration) -> bool {
        stood >= Self::PLANNED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connections made within five minutes to a venue that sends everybody away after `stood`.
    fn dials(stood: Duration) -> usize {
        let (mut backoff, mut random) = (Backoff::default(), Random::new(1));
        let (mut now, mut dials) = (Duration::ZERO, 0);
        while now < Duration::from_mins(5) {
            dials += 1;
            now += stood;
            backoff.stood(stood);
            if !Backoff::is_planned(stood) {
                now += backoff.failed(&mut random);
            }
        }
        dials
    }

    #[test]
    fn who_is_sent_away_on_arrival_does_not_come_back_at_once() {
        for (millis, most) in [
            (1, 25),
            (100, 25),
            (5_000, 25),
            (29_999, 12),
            (59_000, 6),
            (60_000, 5),
        ] {
            let dials = dials(Duration::from_millis(millis));
            assert!(dials <= most && dials >= 5, "{dials} after {millis} ms each");
        }
    }

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew() {
        let (mut backoff, mut random) = (Backoff::default(), Random::new(7));
        let mut most = 500;
        for _ in 0..100 {
            let wait = backoff.failed(&mut random).as_millis();
            assert!((most / 2..=most).contains(&wait), "{wait} of {most}");
            most = (2 * most).min(30_000);
        }
        backoff.stood(Duration::from_secs(29));
        assert!(backoff.failed(&mut random) >= Duration::from_secs(15));
        backoff.stood(Duration::from_secs(30));
        assert!(backoff.failed(&mut random) <= Duration::from_millis(500));
    }
}
