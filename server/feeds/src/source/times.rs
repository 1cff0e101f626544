//! Times that cannot be: one of them would drag a market's clock along, and everything after it would be late.

use super::doubt::Doubt;
use papertape::model::Timestamp;

/// Compares the times that a venue tells with its clock as its messages show it, and with ours.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    /// By how much times that are too far ahead are ahead of our clock.
    strange: Doubt<i64>,
}

impl Times {
    /// A time may be ahead of both clocks by so much.
    const AHEAD: i64 = 60_000_000_000;
    /// However many agree: no clock is as wrong as that.
    const NEVER: i64 = 86_400_000_000_000;
    /// Before the venue's clock is known so many that agree show how far ours is behind.
    const FEW: u32 = 3;
    /// Against a clock that is known so many, for so long: ours was set back.
    const MANY: u32 = 50;
    const LONG: i64 = 60_000_000_000;

    /// Whether something told as of `told` may have come in at `received`, when the venue's clock, if it is known, was at
    /// `venue`; why not otherwise. How old something is says nothing: the last trade before a weekend is.
    #[inline]
    pub(super) fn check(
        &mut self,
        told: Timestamp,
        received: Timestamp,
        venue: Option<Timestamp>,
    ) -> Result<(), String> {
        let latest = venue.map_or(received, |venue| venue.max(received));
        if told > Timestamp::EPOCH && told.since(latest) <= Self::AHEAD {
            self.strange.forget();
            return Ok(());
        }
        self.doubt(told, received, venue.is_some())
    }

    #[cold]
    fn doubt(&mut self, told: Timestamp, received: Timestamp, is_known: bool) -> Result<(), String> {
        let why = || Err(format!("a time of {told}, when it is {received}"));
        let ahead = told.since(received);
        if told <= Timestamp::EPOCH || ahead > Self::NEVER {
            return why();
        }
        let near = |known: i64, ahead: i64| {
            let apart = ahead.abs_diff(known);
            (apart <= Self::AHEAD.unsigned_abs()).then_some(known)
        };
        let (count, lasts) = self.strange.again(ahead, received, near);
        let is_believed = if is_known {
            count >= Self::MANY && lasts >= Self::LONG
        } else {
            count >= Self::FEW
        };
        if is_believed {
            self.strange.forget();
            return Ok(());
        }
        why()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_723_118_400 + secs)
    }

    #[test]
    fn a_time_is_bounded_whether_the_venue_s_clock_is_known_or_not() {
        for (told, venue, is_fine) in [
            (at(0), None, true),
            (at(59), None, true),
            (at(61), None, false),
            (at(100 * 365 * 24 * HOUR), None, false),
            (Timestamp::EPOCH, None, false),
            // Friday's last trade on Sunday.
            (at(-48 * HOUR), None, true),
            // Our clock is an hour behind the venue's.
            (at(HOUR + 59), Some(at(HOUR)), true),
            (at(HOUR + 61), Some(at(HOUR)), false),
            // The only message so far was an hour old: what is new is no worse for that.
            (at(0), Some(at(-HOUR)), true),
            (at(61), Some(at(-HOUR)), false),
        ] {
            let checked = Times::default().check(told, at(0), venue);
            assert_eq!(checked.is_ok(), is_fine, "{told} against {venue:?}: {checked:?}");
        }
    }

    #[test]
    fn times_that_agree_are_believed_but_not_a_day_ahead() {
        let kept_off = |ahead: i64, venue: Option<i64>| {
            let mut times = Times::default();
            (0..200).position(|second| {
                let venue = venue.map(|venue| at(second + venue));
                times.check(at(second + ahead), at(second), venue).is_ok()
            })
        };
        assert_eq!(kept_off(HOUR, None), Some(2));
        assert_eq!(kept_off(HOUR, Some(0)), Some(60));
        assert_eq!(kept_off(25 * HOUR, None), None);
        assert_eq!(kept_off(25 * HOUR, Some(0)), None);
    }
}
