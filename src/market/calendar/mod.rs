//! Trading calendars: when a market is open, by its own clocks, holidays and daylight saving.
//!
//! Every calendar is a function from a trading day to that day's schedule, made of rules and of a table of the days that
//! follow from none; everything else is derived from it. The rules have no end; they have been compared, day by day, with
//! public calendars from 1998 to 2035 (`tests/market_calendar_reference.rs`). A holiday that is proclaimed later needs a
//! new row.
//!
//! ```
//! use papertape::market::{Calendar, CalendarId, Phase};
//! use papertape::model::Timestamp;
//!
//! let nyse = Calendar::of(CalendarId::UsEquities);
//! let black_friday = Timestamp::parse("2024-11-29T18:30:00Z").unwrap();
//! assert_eq!(nyse.phase(black_friday), Phase::Post);
//! assert_eq!(nyse.next_open(black_friday).to_string(), "2024-12-02T14:30:00Z");
//! ```

mod cme_globex;
mod cursor;
mod holidays;
mod missing;
mod schedule;
mod time_zone;
mod us_equities;
mod zone;

pub use cursor::PhaseCursor;
pub use schedule::PhaseSpan;
pub use time_zone::{TimeZone, TimeZoneError};

use crate::model::{Timeframe, Timestamp};
use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};
use schedule::Schedule;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use zone::{WallTime, Zone};

/// The last moment that a [`Timestamp`] can say: where times beyond it end up.
const END_OF_TIME: Timestamp = Timestamp::from_nanos(i64::MAX);

/// Which calendar an instrument trades by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalendarId {
    /// Never closed; a trading day is a UTC day. Crypto currencies.
    #[default]
    Always,
    /// NYSE and Nasdaq, with pre-market and post-market.
    UsEquities,
    /// Stock index futures on CME Globex: Sunday evening to Friday afternoon with a break every day, Chicago time.
    CmeGlobex,
    /// Foreign exchange: Sunday 17:00 to Friday 17:00, New York time; a trading day ends at 17:00. The trading days of 25 December
    /// and 1 January are closed.
    Forex,
}

impl CalendarId {
    /// Every calendar.
    pub const ALL: [Self; 4] = [Self::Always, Self::UsEquities, Self::CmeGlobex, Self::Forex];

    /// The name in configuration, JSON and commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::UsEquities => "us_equities",
            Self::CmeGlobex => "cme_globex",
            Self::Forex => "forex",
        }
    }
}

impl fmt::Display for CalendarId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for CalendarId {
    type Err = CalendarIdError;

    fn from_str(text: &str) -> Result<Self, CalendarIdError> {
        Self::ALL
            .into_iter()
            .find(|calendar| calendar.as_str() == text.trim())
            .ok_or_else(|| CalendarIdError(text.chars().take(40).collect()))
    }
}

/// The text names no calendar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a calendar: write always, us_equities, cme_globex or forex")]
pub struct CalendarIdError(String);

/// What a market does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing trades.
    Closed,
    /// Before the regular session.
    Pre,
    /// The regular session.
    Regular,
    /// After the regular session.
    Post,
}

/// The session of one trading day. Where a calendar has no pre-market or post-market, they have no length. A session may
/// have breaks inside, such as a night's maintenance; [`Calendar::phase`] knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradingSession {
    /// The day that the session belongs to, which may be the day after it begins.
    pub day: NaiveDate,
    /// When the pre-market begins.
    pub pre_open: Timestamp,
    /// When the regular session begins.
    pub open: Timestamp,
    /// When the regular session ends: the first moment after it.
    pub close: Timestamp,
    /// When the post-market ends: the first moment after it.
    pub post_close: Timestamp,
    /// Whether the regular session ends before its usual time.
    pub early_close: bool,
}

/// Tells sessions and phases. Intervals of time hold their first moment and not their last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar {
    id: CalendarId,
}

impl Calendar {
    /// The calendar of this name.
    #[must_use]
    pub const fn of(id: CalendarId) -> Self {
        Self { id }
    }

    /// Its name.
    #[must_use]
    pub const fn id(self) -> CalendarId {
        self.id
    }

    /// The session of a trading day; `None` when the market does not trade for that day.
    #[must_use]
    pub fn session_on(self, day: NaiveDate) -> Option<TradingSession> {
        self.schedule_on(day).map(|schedule| schedule.session)
    }

    /// The session, pre-market and post-market included, that `time` is in, or else the next one.
    #[must_use]
    pub fn session_at_or_after(self, time: Timestamp) -> TradingSession {
        self.schedule_at_or_after(time).session
    }

    /// The trading day that `time` belongs to: that of [`Calendar::session_at_or_after`].
    #[must_use]
    pub fn trading_day(self, time: Timestamp) -> NaiveDate {
        self.session_at_or_after(time).day
    }

    /// When a regular session next begins, after `time`. For a market that never closes, the next UTC day does.
    #[must_use]
    pub fn next_open(self, time: Timestamp) -> Timestamp {
        self.first_schedule(time, |session| session.open).session.open
    }

    /// When a regular session next ends, after `time`. For a market that never closes, the UTC day does.
    #[must_use]
    pub fn next_close(self, time: Timestamp) -> Timestamp {
        self.first_schedule(time, |session| session.close).session.close
    }

    /// When an order for the day expires that is entered at `time`: at the end of the regular session, and when that is
    /// over, of the next one. Later than `time`, but for the last days that a [`Timestamp`] reaches.
    #[must_use]
    pub fn day_end(self, time: Timestamp) -> Timestamp {
        self.next_close(time)
    }

    /// The same of an order that may fill outside the regular session: it stays through the post-market.
    #[must_use]
    pub fn extended_day_end(self, time: Timestamp) -> Timestamp {
        self.session_at_or_after(time).post_close
    }

    /// The phase at `time`. Over many moments, a [`PhaseCursor`] is cheaper.
    #[must_use]
    pub fn phase(self, time: Timestamp) -> Phase {
        self.phase_span(time).phase
    }

    /// The phase at `time` and how long it holds. A closed market's span begins at `time` itself when that lies before
    /// the session's first trading.
    #[must_use]
    pub fn phase_span(self, time: Timestamp) -> PhaseSpan {
        let schedule = self.schedule_at_or_after(time);
        let mut closed = PhaseSpan {
            phase: Phase::Closed,
            from: time,
            until: END_OF_TIME,
        };
        for span in schedule.spans() {
            if time < span.from {
                closed.until = span.from;
                return closed;
            }
            if time < span.until {
                return *span;
            }
            closed.from = span.until;
        }
        closed
    }

    /// How many periods of a day a year has, to annualise statistics by: 365 where every day trades, 252 where sessions do.
    #[must_use]
    pub const fn periods_per_year(self) -> f64 {
        match self.id {
            CalendarId::Always => 365.0,
            CalendarId::UsEquities | CalendarId::CmeGlobex | CalendarId::Forex => 252.0,
        }
    }

    /// How many bars of a timeframe a year has, to annualise what is measured on them: of those shorter than a day, as many
    /// as an ordinary regular session holds on each of [`Calendar::periods_per_year`] days; of longer ones, by the
    /// calendar.
    #[must_use]
    pub fn bars_per_year(self, timeframe: Timeframe) -> f64 {
        let session_hours = match self.id {
            CalendarId::Always | CalendarId::Forex => 24.0,
            CalendarId::CmeGlobex => 23.0,
            CalendarId::UsEquities => 6.5,
        };
        let days = timeframe.nanos() as f64 / Timeframe::DAY.nanos() as f64;
        if days > 1.0 {
            365.0 / days
        } else if days == 1.0 {
            self.periods_per_year()
        } else {
            self.periods_per_year() * session_hours / (24.0 * days)
        }
    }

    fn schedule_on(self, day: NaiveDate) -> Option<Schedule> {
        match self.id {
            CalendarId::Always => Some(utc_day(day)),
            CalendarId::UsEquities => us_equities::schedule_on(day),
            CalendarId::CmeGlobex => cme_globex::schedule_on(day),
            CalendarId::Forex => forex(day),
        }
    }

    fn schedule_at_or_after(self, time: Timestamp) -> Schedule {
        self.first_schedule(time, |session| session.post_close)
    }

    /// The first schedule with a `mark` later than `time`.
    fn first_schedule(self, time: Timestamp, mark: impl Fn(&TradingSession) -> Timestamp) -> Schedule {
        // America is behind UTC: yesterday's session may go on.
        let mut day = time.to_datetime().date_naive() - TimeDelta::days(1);
        loop {
            if let Some(schedule) = self.schedule_on(day) {
                let mark = mark(&schedule.session);
                if mark > time || mark == END_OF_TIME {
                    return schedule;
                }
            }
            day += TimeDelta::days(1);
        }
    }
}

/// A UTC day, all of it open.
fn utc_day(day: NaiveDate) -> Schedule {
    let midnight = day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
    regular_only(
        day,
        Timestamp::from_secs(midnight),
        Timestamp::from_secs(midnight + 86_400),
    )
}

/// A day of the foreign exchange market, which ends at 17:00 in New York. No exchange closes it: on Christmas Day and New Year's
/// Day dealers do, the world over, and on no other day all of them. So the brokers' notices say (FXOpen, *Changes in Trading Hours
/// during Christmas and New Year Season*, 2015, and *Trading Hours Schedule for the 2024-2025 Winter Holiday Period*: currencies
/// are closed on those two days, and trade as usual on the days before and after). Some dealers also stop some hours
/// early on the eves, each at an hour of its own: here they trade.
fn forex(day: NaiveDate) -> Option<Schedule> {
    let is_closed = matches!((day.month(), day.day()), (12, 25) | (1, 1));
    if is_closed || matches!(day.weekday(), Weekday::Sat | Weekday::Sun) {
        return None;
    }
    let end = |time| Zone::NewYork.moment(day, time);
    Some(regular_only(
        day,
        end(WallTime::eve(17, 0)),
        end(WallTime::at(17, 0)),
    ))
}

/// A trading day without break, pre-market or post-market.
fn regular_only(day: NaiveDate, open: Timestamp, close: Timestamp) -> Schedule {
    let mut schedule = Schedule::new(TradingSession {
        day,
        pre_open: open,
        open,
        close,
        post_close: close,
        early_close: false,
    });
    schedule.push(Phase::Regular, open, close);
    schedule
}
