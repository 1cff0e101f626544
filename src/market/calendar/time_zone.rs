//! Time zones that rules may go by.

use super::zone::{last_weekday, united_states};
use crate::model::Timestamp;
use chrono::{Datelike, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A time zone, by its IANA name. Only what markets live by: the rules of daylight saving are the calendars' own, so that
/// native and browser need no database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeZone {
    /// `UTC`
    #[default]
    Utc,
    /// `America/New_York`
    NewYork,
    /// `America/Chicago`
    Chicago,
    /// `America/Los_Angeles`
    LosAngeles,
    /// `Europe/London`
    London,
    /// `Europe/Berlin`, with Paris, Zurich, Madrid and Rome.
    Berlin,
    /// `Asia/Kolkata`
    Kolkata,
    /// `Asia/Shanghai`
    Shanghai,
    /// `Asia/Hong_Kong`
    HongKong,
    /// `Asia/Singapore`
    Singapore,
    /// `Asia/Tokyo`
    Tokyo,
}

/// When clocks are an hour ahead.
#[derive(Clone, Copy)]
enum Saving {
    Never,
    UnitedStates,
    /// From the last Sunday of March to the last of October, 01:00 UTC (Directive 2000/84/EC; in these zones since 1996).
    Europe,
}

const HOUR: i64 = 3_600;

impl TimeZone {
    /// Every zone.
    pub const ALL: [Self; 11] = [
        Self::Utc,
        Self::NewYork,
        Self::Chicago,
        Self::LosAngeles,
        Self::London,
        Self::Berlin,
        Self::Kolkata,
        Self::Shanghai,
        Self::HongKong,
        Self::Singapore,
        Self::Tokyo,
    ];

    /// The IANA name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    const fn row(self) -> (&'static str, i64, Saving) {
        match self {
            Self::Utc => ("UTC", 0, Saving::Never),
            Self::NewYork => ("America/New_York", -5 * HOUR, Saving::UnitedStates),
            Self::Chicago => ("America/Chicago", -6 * HOUR, Saving::UnitedStates),
            Self::LosAngeles => ("America/Los_Angeles", -8 * HOUR, Saving::UnitedStates),
            Self::London => ("Europe/London", 0, Saving::Europe),
            Self::Berlin => ("Europe/Berlin", HOUR, Saving::Europe),
            Self::Kolkata => ("Asia/Kolkata", 5 * HOUR + HOUR / 2, Saving::Never),
            Self::Shanghai => ("Asia/Shanghai", 8 * HOUR, Saving::Never),
            Self::HongKong => ("Asia/Hong_Kong", 8 * HOUR, Saving::Never),
            Self::Singapore => ("Asia/Singapore", 8 * HOUR, Saving::Never),
            Self::Tokyo => ("Asia/Tokyo", 9 * HOUR, Saving::Never),
        }
    }

    /// Seconds by which the zone's clocks are ahead of UTC at `time`.
    #[must_use]
    pub fn offset(self, time: Timestamp) -> i64 {
        let (_, standard, saving) = self.row();
        let year = time.plus_nanos(standard * 1_000_000_000).to_datetime().year();
        // Moments in seconds at which clocks go ahead and back.
        let (begin, end) = match saving {
            Saving::Never => return standard,
            Saving::UnitedStates => {
                let (begin, end) = united_states(year);
                // At 02:00 on the clocks as they are until then.
                (
                    midnight(begin) + 2 * HOUR - standard,
                    midnight(end) + HOUR - standard,
                )
            }
            Saving::Europe => {
                let sunday = |month| midnight(last_weekday(year, month, Weekday::Sun)) + HOUR;
                (sunday(3), sunday(10))
            }
        };
        let is_ahead = (begin..end).contains(&time.secs());
        standard + if is_ahead { HOUR } else { 0 }
    }
}

fn midnight(date: NaiveDate) -> i64 {
    date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for TimeZone {
    type Err = TimeZoneError;

    fn from_str(text: &str) -> Result<Self, TimeZoneError> {
        Self::ALL
            .into_iter()
            .find(|zone| zone.as_str().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| TimeZoneError(text.chars().take(40).collect()))
    }
}

/// The text names no time zone that is known here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a time zone that is known here: write UTC or a name such as America/New_York")]
pub struct TimeZoneError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_change_at_the_moment_that_the_law_names() {
        for (zone, time, hours) in [
            (TimeZone::NewYork, "2024-03-10T06:59:59Z", -5),
            (TimeZone::NewYork, "2024-03-10T07:00:00Z", -4),
            (TimeZone::NewYork, "2024-11-03T05:59:59Z", -4),
            (TimeZone::NewYork, "2024-11-03T06:00:00Z", -5),
            (TimeZone::Chicago, "2024-03-10T07:59:59Z", -6),
            (TimeZone::Chicago, "2024-03-10T08:00:00Z", -5),
            (TimeZone::LosAngeles, "2024-07-01T00:00:00Z", -7),
            (TimeZone::London, "2024-03-31T00:59:59Z", 0),
            (TimeZone::London, "2024-03-31T01:00:00Z", 1),
            (TimeZone::London, "2024-10-27T00:59:59Z", 1),
            (TimeZone::London, "2024-10-27T01:00:00Z", 0),
            (TimeZone::Berlin, "2024-12-31T23:30:00Z", 1),
            (TimeZone::Berlin, "2024-07-01T00:00:00Z", 2),
            (TimeZone::Tokyo, "2024-07-01T00:00:00Z", 9),
            (TimeZone::Utc, "2024-07-01T00:00:00Z", 0),
        ] {
            let time = Timestamp::parse(time).expect("a time");
            assert_eq!(zone.offset(time), hours * HOUR, "{zone} at {time}");
        }
        assert_eq!(TimeZone::Kolkata.offset(Timestamp::EPOCH), 19_800);
    }

    #[test]
    fn names_are_read_back() {
        for zone in TimeZone::ALL {
            assert_eq!(zone.as_str().parse(), Ok(zone));
        }
        assert!("Mars/Olympus".parse::<TimeZone>().is_err());
    }
}
