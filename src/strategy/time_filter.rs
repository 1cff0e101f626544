//! When rules may act: days of the week, hours of the day, dates, sessions.

use crate::market::{Calendar, CalendarId, Phase, TimeZone};
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};

/// Minutes in a day.
pub(crate) const DAY: u16 = 24 * 60;

/// The moments at which a rule may act. What a filter does not name, it does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeFilter {
    /// Days of the week on the zone's calendar, a bit each from Monday; 0 for every day.
    pub days: u8,
    /// Stretches of the day on the zone's clocks, in minutes from midnight: from the first moment up to, but not including,
    /// the second one, which is on the next day when it is earlier. Empty for the whole day.
    pub hours: Vec<(u16, u16)>,
    /// Whose clocks.
    pub zone: TimeZone,
    /// From this moment.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
    /// In which phases of the market.
    pub session: SessionFilter,
}

/// Phases of a market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionFilter {
    /// Every one.
    #[default]
    Any,
    /// The regular session. A market that never closes is always in it.
    Regular,
    /// The regular session, and what trades before and after it.
    Extended,
}

impl TimeFilter {
    /// Whether a rule may act at the close at `now`, in a market with this calendar.
    #[must_use]
    pub fn allows(&self, now: Timestamp, calendar: CalendarId) -> bool {
        let is_in_dates = self.from.is_none_or(|from| now >= from) && self.to.is_none_or(|to| now < to);
        is_in_dates && self.allows_clock(now) && self.allows_phase(now, calendar)
    }

    fn allows_clock(&self, now: Timestamp) -> bool {
        if self.days == 0 && self.hours.is_empty() {
            return true;
        }
        let seconds = now.secs() + self.zone.offset(now);
        // The epoch was a Thursday.
        let weekday = (seconds.div_euclid(86_400) + 3).rem_euclid(7);
        let minute = (seconds.rem_euclid(86_400) / 60) as u16;
        let is_on = |weekday: i64| self.days == 0 || self.days & (1 << weekday) != 0;
        if self.hours.is_empty() {
            return is_on(weekday);
        }
        self.hours.iter().any(|&(from, to)| {
            if from < to {
                is_on(weekday) && (from..to).contains(&minute)
            } else {
                // Over midnight: the small hours belong to the evening before.
                (is_on(weekday) && minute >= from) || (is_on((weekday + 6) % 7) && minute < to)
            }
        })
    }

    fn allows_phase(&self, now: Timestamp, calendar: CalendarId) -> bool {
        let phase = || Calendar::of(calendar).phase(now);
        match self.session {
            SessionFilter::Any => true,
            SessionFilter::Regular => phase() == Phase::Regular,
            SessionFilter::Extended => phase() != Phase::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    fn allowed(filter: &TimeFilter, text: &str) -> bool {
        filter.allows(at(text), CalendarId::UsEquities)
    }

    #[test]
    fn hours_go_by_the_zones_clocks_in_summer_and_in_winter() {
        let filter = TimeFilter {
            days: 0b001_1111,
            hours: vec![(9 * 60 + 30, 16 * 60)],
            zone: TimeZone::NewYork,
            ..TimeFilter::default()
        };
        for (time, expected) in [
            ("2024-07-10T13:29:00Z", false),
            ("2024-07-10T13:30:00Z", true),
            ("2024-07-10T19:59:00Z", true),
            ("2024-07-10T20:00:00Z", false),
            ("2024-01-10T14:29:00Z", false),
            ("2024-01-10T14:30:00Z", true),
            // A Saturday.
            ("2024-01-13T15:00:00Z", false),
        ] {
            assert_eq!(allowed(&filter, time), expected, "{time}");
        }
    }

    #[test]
    fn a_stretch_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let friday = TimeFilter {
            days: 0b001_0000,
            hours: vec![(22 * 60, 2 * 60)],
            ..TimeFilter::default()
        };
        for (time, expected) in [
            ("2024-01-12T21:59:00Z", false),
            ("2024-01-12T22:00:00Z", true),
            ("2024-01-13T01:59:00Z", true),
            ("2024-01-13T02:00:00Z", false),
            ("2024-01-12T01:00:00Z", false),
        ] {
            assert_eq!(allowed(&friday, time), expected, "{time}");
        }
    }

    #[test]
    fn dates_hold_their_first_moment_and_not_their_last() {
        let filter = TimeFilter {
            from: Some(at("2024-01-01")),
            to: Some(at("2024-02-01")),
            ..TimeFilter::default()
        };
        assert!(!allowed(&filter, "2023-12-31T23:59:59Z"));
        assert!(allowed(&filter, "2024-01-01T00:00:00Z"));
        assert!(!allowed(&filter, "2024-02-01T00:00:00Z"));
    }

    #[test]
    fn sessions_follow_the_markets_own_calendar() {
        let regular = TimeFilter {
            session: SessionFilter::Regular,
            ..TimeFilter::default()
        };
        let extended = TimeFilter {
            session: SessionFilter::Extended,
            ..TimeFilter::default()
        };
        // Pre-market, regular session, the night, Christmas.
        for (time, in_regular, in_extended) in [
            ("2024-01-10T13:00:00Z", false, true),
            ("2024-01-10T15:00:00Z", true, true),
            ("2024-01-10T06:00:00Z", false, false),
            ("2024-12-25T15:00:00Z", false, false),
        ] {
            assert_eq!(allowed(&regular, time), in_regular, "{time}");
            assert_eq!(allowed(&extended, time), in_extended, "{time}");
        }
        assert!(regular.allows(at("2024-12-25T15:00:00Z"), CalendarId::Always));
    }
}
