//! NYSE and Nasdaq: when American shares trade.
//!
//! Pre-market 04:00–09:30, regular session 09:30–16:00, post-market 16:00–20:00, New York time. On a day with an early
//! close the regular session ends at 13:00 and the post-market at 17:00. The hours before and after the regular session
//! are those of today (NYSE Arca, Nasdaq) in every year: they grew gradually, venue by venue.
//!
//! Sources: NYSE, *Holidays and Trading Hours* (nyse.com/markets/hours-calendars), NYSE Rule 7.2, and NYSE's list
//! *Special Closings since 1885*. Only what was announced beforehand is a matter of the calendar: a halt or a failure of
//! a day is market data.

use super::holidays::Holiday;
use super::schedule::Schedule;
use super::zone::{WallTime, Zone};
use super::{Phase, TradingSession};
use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};

const PRE_OPEN: WallTime = WallTime::at(4, 0);
const OPEN: WallTime = WallTime::at(9, 30);
const CLOSE: WallTime = WallTime::at(16, 0);
const POST_CLOSE: WallTime = WallTime::at(20, 0);
const EARLY_CLOSE: WallTime = WallTime::at(13, 0);
const EARLY_POST_CLOSE: WallTime = WallTime::at(17, 0);

/// What is special about a single day.
enum Special {
    /// No session.
    Closed,
    /// The regular session begins late.
    LateOpen(WallTime),
    /// The regular session ends at 13:00.
    EarlyClose,
}

/// The days that follow from no rule: year, month, day, what happened.
const SPECIAL: [((i32, u32, u32), Special); 18] = [
    // The night in which computers met the year 2000.
    ((1999, 12, 31), Special::EarlyClose),
    // The attacks of 11 September 2001; silence before the opening of the 17th.
    ((2001, 9, 11), Special::Closed),
    ((2001, 9, 12), Special::Closed),
    ((2001, 9, 13), Special::Closed),
    ((2001, 9, 14), Special::Closed),
    ((2001, 9, 17), Special::LateOpen(WallTime::at(9, 33))),
    // Silence for the troops in Afghanistan.
    ((2001, 10, 8), Special::LateOpen(WallTime::at(9, 31))),
    // Memorial services one year after the attacks.
    ((2002, 9, 11), Special::LateOpen(WallTime::at(12, 0))),
    // Silence for the troops in Iraq.
    ((2003, 3, 20), Special::LateOpen(WallTime::at(9, 32))),
    // The day after Christmas.
    ((2003, 12, 26), Special::EarlyClose),
    // Silence for, then funeral of, Ronald Reagan.
    ((2004, 6, 7), Special::LateOpen(WallTime::at(9, 32))),
    ((2004, 6, 11), Special::Closed),
    // Silence for, then funeral of, Gerald Ford.
    ((2006, 12, 27), Special::LateOpen(WallTime::at(9, 32))),
    ((2007, 1, 2), Special::Closed),
    // Hurricane Sandy.
    ((2012, 10, 29), Special::Closed),
    ((2012, 10, 30), Special::Closed),
    // Funeral of George H. W. Bush.
    ((2018, 12, 5), Special::Closed),
    // Funeral of Jimmy Carter.
    ((2025, 1, 9), Special::Closed),
];

/// The schedule of `day`, unless the market is closed all day.
pub(super) fn schedule_on(day: NaiveDate) -> Option<Schedule> {
    if matches!(day.weekday(), Weekday::Sat | Weekday::Sun) || Holiday::on(day).is_some() {
        return None;
    }
    let open = match special(day) {
        Some(Special::Closed) => return None,
        Some(Special::LateOpen(time)) => *time,
        Some(Special::EarlyClose) | None => OPEN,
    };
    let early_close = closes_early(day);
    let (close, post_close) = if early_close {
        (EARLY_CLOSE, EARLY_POST_CLOSE)
    } else {
        (CLOSE, POST_CLOSE)
    };
    let moment = |time| Zone::NewYork.moment(day, time);
    let session = TradingSession {
        day,
        pre_open: moment(PRE_OPEN),
        open: moment(open),
        close: moment(close),
        post_close: moment(post_close),
        early_close,
    };
    let mut schedule = Schedule::new(session);
    schedule.push(Phase::Pre, session.pre_open, session.open);
    schedule.push(Phase::Regular, session.open, session.close);
    schedule.push(Phase::Post, session.close, session.post_close);
    Some(schedule)
}

/// Whether the market, open on `day`, closes early: around Independence Day, after Thanksgiving, before Christmas.
pub(super) fn closes_early(day: NaiveDate) -> bool {
    let weekday = day.weekday();
    match (day.month(), day.day()) {
        // Since 2013 an Independence Day on a Thursday shortens the Wednesday before, not the Friday after.
        (7, 3) if weekday == Weekday::Wed => day.year() >= 2013,
        (7, 3) => matches!(weekday, Weekday::Mon | Weekday::Tue | Weekday::Thu),
        (7, 5) if weekday == Weekday::Fri => day.year() < 2013,
        // On a Friday it is Christmas itself, observed.
        (12, 24) => matches!(weekday, Weekday::Mon | Weekday::Tue | Weekday::Wed | Weekday::Thu),
        (11, _) if weekday == Weekday::Fri => {
            Holiday::on(day - TimeDelta::days(1)) == Some(Holiday::Thanksgiving)
        }
        _ => matches!(special(day), Some(Special::EarlyClose)),
    }
}

fn special(day: NaiveDate) -> Option<&'static Special> {
    let date = (day.year(), day.month(), day.day());
    SPECIAL
        .iter()
        .find(|(special, _)| *special == date)
        .map(|(_, what)| what)
}
