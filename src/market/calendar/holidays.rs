//! The holidays of the United States that its exchanges keep.

use super::zone::{last_weekday, nth_weekday};
use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};

/// A holiday that the New York Stock Exchange keeps (Rule 7.2, formerly Rule 51), and Nasdaq and CME with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holiday {
    NewYear,
    MartinLutherKing,
    Presidents,
    GoodFriday,
    Memorial,
    Juneteenth,
    Independence,
    Labor,
    Thanksgiving,
    Christmas,
}

/// When a holiday is.
enum When {
    /// A date, kept on Monday when it falls on a Sunday, and on Friday when it falls on a Saturday.
    NearestWeekday(u32, u32),
    /// A date, kept on Monday when it falls on a Sunday, and not at all when it falls on a Saturday: Friday ends a year.
    NotOnSaturday(u32, u32),
    /// The nth of a weekday in a month.
    Nth(u32, Weekday, u32),
    /// The last of a weekday in a month.
    Last(u32, Weekday),
    /// Two days before Easter Sunday.
    BeforeEaster,
}

/// Each holiday, the first year in which it is kept (0: before these calendars begin), and its date.
const RULES: [(Holiday, i32, When); 10] = [
    (Holiday::NewYear, 0, When::NotOnSaturday(1, 1)),
    (Holiday::MartinLutherKing, 1998, When::Nth(1, Weekday::Mon, 3)),
    (Holiday::Presidents, 0, When::Nth(2, Weekday::Mon, 3)),
    (Holiday::GoodFriday, 0, When::BeforeEaster),
    (Holiday::Memorial, 0, When::Last(5, Weekday::Mon)),
    (Holiday::Juneteenth, 2022, When::NearestWeekday(6, 19)),
    (Holiday::Independence, 0, When::NearestWeekday(7, 4)),
    (Holiday::Labor, 0, When::Nth(9, Weekday::Mon, 1)),
    (Holiday::Thanksgiving, 0, When::Nth(11, Weekday::Thu, 4)),
    (Holiday::Christmas, 0, When::NearestWeekday(12, 25)),
];

impl Holiday {
    /// The holiday that is kept on `date`, if any.
    pub(super) fn on(date: NaiveDate) -> Option<Self> {
        RULES
            .iter()
            .find(|(_, since, when)| date.year() >= *since && when.in_year(date.year()) == Some(date))
            .map(|(holiday, ..)| *holiday)
    }
}

impl When {
    /// The day in `year` on which the holiday is kept.
    fn in_year(&self, year: i32) -> Option<NaiveDate> {
        match *self {
            Self::NearestWeekday(month, day) => {
                let date = NaiveDate::from_ymd_opt(year, month, day)?;
                Some(match date.weekday() {
                    Weekday::Sat => date - TimeDelta::days(1),
                    Weekday::Sun => date + TimeDelta::days(1),
                    _ => date,
                })
            }
            Self::NotOnSaturday(month, day) => {
                let date = NaiveDate::from_ymd_opt(year, month, day)?;
                match date.weekday() {
                    Weekday::Sat => None,
                    Weekday::Sun => Some(date + TimeDelta::days(1)),
                    _ => Some(date),
                }
            }
            Self::Nth(month, weekday, n) => Some(nth_weekday(year, month, weekday, n)),
            Self::Last(month, weekday) => Some(last_weekday(year, month, weekday)),
            Self::BeforeEaster => easter(year).map(|sunday| sunday - TimeDelta::days(2)),
        }
    }
}

/// Easter Sunday of a Gregorian year, by the anonymous algorithm (Nature, 20 April 1876; Meeus, *Astronomical
/// Algorithms*, chapter 8). The letters are Meeus's.
fn easter(year: i32) -> Option<NaiveDate> {
    let a = year % 19;
    let (b, c) = (year / 100, year % 100);
    let (d, e) = (b / 4, b % 4);
    let f = (b + 8) / 25;
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let days = h + l - 7 * m + 114;
    NaiveDate::from_ymd_opt(year, (days / 31).unsigned_abs(), (days % 31 + 1).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn easter_falls_on_the_sundays_of_the_almanac() {
        // U.S. Census Bureau, "Easter Dates from 1600 to 2099".
        for day in [
            "1998-04-12",
            "1999-04-04",
            "2000-04-23",
            "2008-03-23",
            "2011-04-24",
            "2019-04-21",
            "2024-03-31",
            "2035-03-25",
            "2038-04-25",
        ] {
            assert_eq!(easter(date(day).year()), Some(date(day)));
        }
    }

    #[test]
    fn a_holiday_on_a_weekend_is_kept_on_the_nearest_weekday_but_never_in_another_year() {
        for (day, holiday) in [
            ("2020-07-03", Some(Holiday::Independence)),
            ("2021-07-05", Some(Holiday::Independence)),
            ("2021-12-24", Some(Holiday::Christmas)),
            ("2022-12-26", Some(Holiday::Christmas)),
            ("2023-01-02", Some(Holiday::NewYear)),
            ("2021-12-31", None),
            ("2022-06-20", Some(Holiday::Juneteenth)),
            ("2021-06-18", None),
            ("1997-01-20", None),
            ("1998-01-19", Some(Holiday::MartinLutherKing)),
        ] {
            assert_eq!(Holiday::on(date(day)), holiday, "{day}");
        }
    }
}
