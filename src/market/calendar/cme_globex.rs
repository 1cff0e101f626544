//! CME Globex: when the E-mini and Micro E-mini futures on American stock indices trade (S&P 500, Nasdaq-100, S&P MidCap
//! 400, and since they moved there Dow and Russell 2000).
//!
//! A session belongs to a *trade date*, and begins on the evening before it. On most American holidays trading halts at
//! noon, and the evening and morning belong to the next trade date: an order for the day that is entered on Sunday before
//! Labor Day lives until Tuesday. Times are Chicago's.
//!
//! Each table names its sources. Where none was found, the hours next in time hold: the hours of 2003 before that year.

use super::holidays::Holiday;
use super::schedule::Schedule;
use super::zone::{WallTime, Zone};
use super::{Phase, TradingSession, us_equities};
use crate::model::Timestamp;
use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};

/// The ordinary hours of a time.
struct Hours {
    /// The first trade date on which they hold.
    since: (i32, u32, u32),
    /// When the session begins after a day of trading.
    open: WallTime,
    /// When it begins after a weekend or a holiday.
    open_after_rest: WallTime,
    /// When trading pauses, and when it goes on.
    pause: Option<(WallTime, WallTime)>,
    /// When it ends.
    close: WallTime,
}

/// The latest first.
const HOURS: [Hours; 6] = [
    // The pause after settlement is gone (pandas_market_calendars, by CME Group's trading hours).
    Hours {
        since: (2021, 6, 28),
        open: WallTime::eve(17, 0),
        open_after_rest: WallTime::eve(17, 0),
        pause: None,
        close: WallTime::at(16, 0),
    },
    // The day ends a quarter of an hour earlier (NinjaTrader advisory 25, "Changes to CME Globex Closing Times", 2015).
    Hours {
        since: (2015, 9, 21),
        open: WallTime::eve(17, 0),
        open_after_rest: WallTime::eve(17, 0),
        pause: Some((WallTime::at(15, 15), WallTime::at(15, 30))),
        close: WallTime::at(16, 0),
    },
    // The afternoon belongs to the trade date that it ends (CME Group, "Equity Index Later Close for CME Globex Trading
    // Day, Daily Price Limits", 2012).
    Hours {
        since: (2012, 11, 19),
        open: WallTime::eve(17, 0),
        open_after_rest: WallTime::eve(17, 0),
        pause: Some((WallTime::at(15, 15), WallTime::at(15, 30))),
        close: WallTime::at(16, 15),
    },
    // Sundays begin at 17:00: so in CME's notice for Good Friday 2005, the first found that says so.
    Hours {
        since: (2005, 3, 28),
        open: WallTime::eve(15, 30),
        open_after_rest: WallTime::eve(17, 0),
        pause: Some((WallTime::eve(16, 30), WallTime::eve(17, 0))),
        close: WallTime::at(15, 15),
    },
    // CME Special Executive Report S-3997, "Changes to GLOBEX Trading Hours", 2003.
    Hours {
        since: (2003, 9, 29),
        open: WallTime::eve(15, 30),
        open_after_rest: WallTime::eve(17, 30),
        pause: Some((WallTime::eve(16, 30), WallTime::eve(17, 0))),
        close: WallTime::at(15, 15),
    },
    // What that report changed.
    Hours {
        since: (i32::MIN, 1, 1),
        open: WallTime::eve(15, 45),
        open_after_rest: WallTime::eve(17, 30),
        pause: Some((WallTime::eve(22, 0), WallTime::eve(23, 0))),
        close: WallTime::at(15, 15),
    },
];

/// How a day differs from the ordinary hours.
#[derive(Clone, Copy)]
enum Day {
    /// Not at all.
    Full,
    /// It ends early.
    EarlyClose(WallTime),
    /// No trade date: the market halts at this time, and what came before belongs to the next trade date.
    Halted(WallTime),
    /// No trading.
    Closed,
}

/// A day that follows from no rule: how it differs, and when it began if not at its time.
struct Special {
    date: (i32, u32, u32),
    day: Day,
    open: Option<WallTime>,
}

const fn special(date: (i32, u32, u32), day: Day) -> Special {
    Special {
        date,
        day,
        open: None,
    }
}

const SPECIAL: [Special; 11] = [
    // All markets were suspended at 09:15; stock indices began again with the stock market (CME, 11 to 14 September 2001).
    special((2001, 9, 11), Day::EarlyClose(WallTime::at(9, 15))),
    special((2001, 9, 12), Day::Closed),
    special((2001, 9, 13), Day::Closed),
    special((2001, 9, 14), Day::Closed),
    Special {
        date: (2001, 9, 17),
        day: Day::Full,
        open: Some(WallTime::at(8, 15)),
    },
    // Funeral of Ronald Reagan: no notice found; closed with the stock market.
    special((2004, 6, 11), Day::Closed),
    // Funeral of Gerald Ford (Washington Post, 30 December 2006).
    special((2007, 1, 2), Day::Closed),
    // Hurricane Sandy (CME Group, 28 and 29 October 2012).
    special((2012, 10, 29), Day::EarlyClose(WallTime::at(8, 15))),
    Special {
        date: (2012, 10, 30),
        day: Day::EarlyClose(WallTime::at(8, 15)),
        open: Some(WallTime::eve(17, 0)),
    },
    // Funeral of George H. W. Bush (CME Group, 2 December 2018).
    special((2018, 12, 5), Day::Halted(WallTime::at(8, 30))),
    // Funeral of Jimmy Carter (CME Group, 30 December 2024).
    special((2025, 1, 9), Day::Halted(WallTime::at(8, 30))),
];

/// The Good Fridays on which the employment report appears and the market stays open for it, and until when. Sources: CME's
/// notice of 19 March 1999; for the others the press of those days and pandas_market_calendars; 2026 by the schedule of the
/// Bureau of Labor Statistics.
const GOOD_FRIDAYS: [(i32, WallTime); 7] = [
    (1999, WallTime::at(10, 0)),
    (2010, WallTime::at(8, 15)),
    (2012, WallTime::at(8, 15)),
    (2015, WallTime::at(8, 15)),
    (2021, WallTime::at(8, 15)),
    (2023, WallTime::at(8, 15)),
    (2026, WallTime::at(8, 15)),
];

/// A quarter of an hour after the stock market's early close.
const EARLY_CLOSE: WallTime = WallTime::at(12, 15);

impl Day {
    fn of(date: NaiveDate) -> Self {
        if let Some(special) = Special::on(date) {
            return special.day;
        }
        if matches!(date.weekday(), Weekday::Sat | Weekday::Sun) {
            return Self::Closed;
        }
        match Holiday::on(date) {
            Some(Holiday::NewYear | Holiday::Christmas) => Self::Closed,
            Some(Holiday::GoodFriday) => GOOD_FRIDAYS
                .iter()
                .find(|(year, _)| *year == date.year())
                .map_or(Self::Closed, |(_, until)| Self::Halted(*until)),
            // 10:30 in CME's notices of 2003 to 2013, 12:00 in those since 2017; pandas_market_calendars puts the change
            // before Memorial Day 2014.
            Some(_) if (date.year(), date.month()) < (2014, 5) => Self::Halted(WallTime::at(10, 30)),
            Some(_) => Self::Halted(WallTime::at(12, 0)),
            None if us_equities::closes_early(date) => Self::EarlyClose(EARLY_CLOSE),
            None => Self::Full,
        }
    }

    const fn is_trade_date(self) -> bool {
        matches!(self, Self::Full | Self::EarlyClose(_))
    }
}

impl Special {
    fn on(date: NaiveDate) -> Option<&'static Self> {
        let date = (date.year(), date.month(), date.day());
        SPECIAL.iter().find(|special| special.date == date)
    }
}

impl Hours {
    fn on(date: NaiveDate) -> &'static Self {
        let date = (date.year(), date.month(), date.day());
        HOURS
            .iter()
            .find(|hours| hours.since <= date)
            .unwrap_or_else(|| unreachable!("the first hours hold since ever"))
    }

    /// When trading begins for `date`.
    fn open_on(&self, date: NaiveDate) -> WallTime {
        let before = date - TimeDelta::days(1);
        let rest = date.weekday() == Weekday::Mon || Holiday::on(before).is_some();
        match Special::on(date).and_then(|special| special.open) {
            Some(open) => open,
            None if rest => self.open_after_rest,
            None => self.open,
        }
    }
}

/// The schedule of the trade date `day`; `None` when it is none.
pub(super) fn schedule_on(day: NaiveDate) -> Option<Schedule> {
    let kind = Day::of(day);
    if !kind.is_trade_date() {
        return None;
    }
    let first = first_halted_before(day).unwrap_or(day);
    let (open, close) = (opens(first), closes(day, kind));
    let mut schedule = Schedule::new(TradingSession {
        day,
        pre_open: open,
        open,
        close,
        post_close: close,
        early_close: matches!(kind, Day::EarlyClose(_)),
    });
    for date in first.iter_days().take_while(|date| *date <= day) {
        add_trading_of(&mut schedule, date);
    }
    Some(schedule)
}

/// The first of the days since the last trade date on which the market halted: its trading is booked on `day`.
fn first_halted_before(day: NaiveDate) -> Option<NaiveDate> {
    let mut first = None;
    let mut date = day - TimeDelta::days(1);
    loop {
        match Day::of(date) {
            Day::Full | Day::EarlyClose(_) => return first,
            Day::Halted(_) => first = Some(date),
            Day::Closed => {}
        }
        date -= TimeDelta::days(1);
    }
}

/// Adds the trading that ends on `date` to the trade date that it is booked on.
fn add_trading_of(schedule: &mut Schedule, date: NaiveDate) {
    let kind = Day::of(date);
    if matches!(kind, Day::Closed) {
        return;
    }
    let (open, close) = (opens(date), closes(date, kind));
    let pause = Hours::on(date)
        .pause
        .map(|(from, until)| {
            (
                Zone::Chicago.moment(date, from),
                Zone::Chicago.moment(date, until),
            )
        })
        .filter(|(from, until)| open < *until && *from < close);
    match pause {
        Some((from, until)) => {
            schedule.push(Phase::Regular, open, from);
            schedule.push(Phase::Regular, until, close);
        }
        None => schedule.push(Phase::Regular, open, close),
    }
}

fn opens(date: NaiveDate) -> Timestamp {
    Zone::Chicago.moment(date, Hours::on(date).open_on(date))
}

fn closes(date: NaiveDate, kind: Day) -> Timestamp {
    let time = match kind {
        Day::EarlyClose(time) | Day::Halted(time) => time,
        Day::Full | Day::Closed => Hours::on(date).close,
    };
    Zone::Chicago.moment(date, time)
}
