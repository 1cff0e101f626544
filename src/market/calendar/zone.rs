//! The two time zones whose clocks the calendars follow, and daylight saving in them.

use crate::model::Timestamp;
use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};

/// Minutes in a day.
const DAY: i32 = 24 * 60;

/// A time on the wall clock of an exchange, in minutes from midnight of the trading day: negative on the evening before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WallTime(i32);

impl WallTime {
    /// `hour:minute` on the trading day.
    pub(super) const fn at(hour: i32, minute: i32) -> Self {
        Self(hour * 60 + minute)
    }

    /// `hour:minute` on the calendar day before.
    pub(super) const fn eve(hour: i32, minute: i32) -> Self {
        Self(hour * 60 + minute - DAY)
    }
}

/// A time zone of the United States, by its IANA name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Zone {
    /// `America/New_York`
    NewYork,
    /// `America/Chicago`
    Chicago,
}

impl Zone {
    /// The moment at which the zone's clocks show `time` of `day`. No session begins or ends in the hour that a change
    /// of clocks skips or repeats (01:00 to 03:00 on a Sunday), so there is always exactly one.
    pub(super) fn moment(self, day: NaiveDate, time: WallTime) -> Timestamp {
        let date = day + TimeDelta::days(i64::from(time.0.div_euclid(DAY)));
        let minutes = i64::from(time.0.rem_euclid(DAY));
        let behind_utc = match self {
            Self::NewYork => 5,
            Self::Chicago => 6,
        } - i64::from(daylight_saving(date));
        let midnight = date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
        Timestamp::from_secs(midnight + minutes * 60 + behind_utc * 3_600)
    }
}

/// Whether clocks are an hour ahead after 03:00 of `date`.
///
/// Since 2007 from the second Sunday of March to the first of November (Energy Policy Act of 2005, §110), since 1987 from
/// the first Sunday of April (Public Law 99-359), before from the last, and until 2006 to the last of October (Uniform
/// Time Act of 1966; its exceptions of 1974 and 1975 are left out).
fn daylight_saving(date: NaiveDate) -> bool {
    let (begin, end) = united_states(date.year());
    (begin..end).contains(&date)
}

/// The days on which the clocks of the United States go ahead and back in a year.
pub(super) fn united_states(year: i32) -> (NaiveDate, NaiveDate) {
    match year {
        2007.. => (
            nth_weekday(year, 3, Weekday::Sun, 2),
            nth_weekday(year, 11, Weekday::Sun, 1),
        ),
        1987..2007 => (
            nth_weekday(year, 4, Weekday::Sun, 1),
            last_weekday(year, 10, Weekday::Sun),
        ),
        _ => (
            last_weekday(year, 4, Weekday::Sun),
            last_weekday(year, 10, Weekday::Sun),
        ),
    }
}

/// The `n`th (from 1, at most 4) `weekday` of a month.
pub(super) fn nth_weekday(year: i32, month: u32, weekday: Weekday, n: u32) -> NaiveDate {
    let first = first_of_month(year, month);
    let ahead = weekday.days_since(first.weekday()) + 7 * (n - 1);
    first + TimeDelta::days(i64::from(ahead))
}

/// The last `weekday` of a month that has 30 or 31 days.
pub(super) fn last_weekday(year: i32, month: u32, weekday: Weekday) -> NaiveDate {
    let fourth = nth_weekday(year, month, weekday, 4);
    let fifth = fourth + TimeDelta::days(7);
    if fifth.month() == month { fifth } else { fourth }
}

fn first_of_month(year: i32, month: u32) -> NaiveDate {
    // Years come from dates, months from this module's tables.
    NaiveDate::from_ymd_opt(year, month, 1).unwrap_or_else(|| unreachable!("every month has a first day"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_change_on_the_sundays_that_the_law_of_the_year_names() {
        for (text, ahead) in [
            ("1986-04-26", false),
            ("1986-04-27", true),
            ("1998-04-04", false),
            ("1998-04-05", true),
            ("1998-10-24", true),
            ("1998-10-25", false),
            ("2006-04-02", true),
            ("2006-10-29", false),
            ("2007-03-10", false),
            ("2007-03-11", true),
            ("2007-11-03", true),
            ("2007-11-04", false),
            ("2024-03-10", true),
            ("2024-11-03", false),
        ] {
            let date = text.parse().expect("a date");
            assert_eq!(daylight_saving(date), ahead, "{text}");
        }
    }

    #[test]
    fn wall_clocks_are_behind_utc_by_the_zone_and_the_season() {
        let monday: NaiveDate = "2024-03-11".parse().expect("a date");
        let friday: NaiveDate = "2024-03-08".parse().expect("a date");
        for (zone, day, time, moment) in [
            (Zone::NewYork, friday, WallTime::at(9, 30), "2024-03-08T14:30:00Z"),
            (Zone::NewYork, monday, WallTime::at(9, 30), "2024-03-11T13:30:00Z"),
            // The Sunday on which clocks change, after the change.
            (
                Zone::Chicago,
                monday,
                WallTime::eve(17, 0),
                "2024-03-10T22:00:00Z",
            ),
            (Zone::NewYork, friday, WallTime::at(20, 0), "2024-03-09T01:00:00Z"),
        ] {
            assert_eq!(zone.moment(day, time).to_string(), moment);
        }
    }
}
