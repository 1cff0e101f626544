//! Trading calendars against public calendars, day by day, and against the exchanges' notices.
//!
//! Where a public calendar is wrong, or tells less, the day is listed with the reason; a day that is listed and does not
//! differ fails too, so the lists are neither longer nor shorter than the differences.

use chrono::{Datelike, NaiveDate, Timelike, Weekday};
use papertape::market::{Calendar, CalendarId, Phase};
use papertape::model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

type Spans = Vec<(Timestamp, Timestamp)>;

const NYSE: Calendar = Calendar::of(CalendarId::UsEquities);
const CME: Calendar = Calendar::of(CalendarId::CmeGlobex);
const FOREX: Calendar = Calendar::of(CalendarId::Forex);

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

/// The open spans of every weekday from 1998 to 2035 in a calendar of `data/calendar_table.csv`, which
/// `data/make_calendar_table.py` writes.
fn reference(calendar: &str) -> BTreeMap<NaiveDate, Spans> {
    let rows: BTreeMap<NaiveDate, &str> = include_str!("data/calendar_table.csv")
        .lines()
        .filter_map(|line| line.strip_prefix(calendar)?.strip_prefix(','))
        .map(|row| row.split_once(',').expect("a day and its spans"))
        .map(|(day, spans)| (date(day), spans))
        .collect();
    date("1998-01-02")
        .iter_days()
        .take_while(|day| *day <= date("2035-12-31"))
        .filter(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun))
        .map(|day| {
            let (_, spans) = rows.range(..=day).next_back().expect("a row before");
            (
                day,
                spans.split_whitespace().map(|span| on_day(day, span)).collect(),
            )
        })
        .collect()
}

/// `from:until` in minutes from the UTC midnight of `day`.
fn on_day(day: NaiveDate, span: &str) -> (Timestamp, Timestamp) {
    let midnight = day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
    let moment =
        |minutes: &str| Timestamp::from_secs(midnight + 60 * minutes.parse::<i64>().expect("minutes"));
    let (from, until) = span.split_once(':').expect("two ends");
    (moment(from), moment(until))
}

/// The days on which two calendars differ.
fn differing(
    reference: &BTreeMap<NaiveDate, Spans>,
    ours: impl Fn(NaiveDate) -> Spans,
) -> BTreeSet<NaiveDate> {
    reference
        .iter()
        .filter(|(day, expected)| ours(**day) != **expected)
        .map(|(day, _)| *day)
        .collect()
}

fn days(list: &[&str]) -> BTreeSet<NaiveDate> {
    list.iter().map(|day| date(day)).collect()
}

const LATE_OPENINGS: [&str; 6] = [
    "2001-09-17",
    "2001-10-08",
    "2002-09-11",
    "2003-03-20",
    "2004-06-07",
    "2006-12-27",
];

#[test]
fn regular_sessions_of_shares_are_those_of_exchange_calendars() {
    let ours = |day| {
        let session = NYSE.session_on(day);
        session.map(|it| (it.open, it.close)).into_iter().collect()
    };
    // It knows no late openings.
    assert_eq!(differing(&reference("xnys"), ours), days(&LATE_OPENINGS));
}

#[test]
fn hours_before_and_after_the_session_are_those_of_pandas_market_calendars() {
    let ours = |day| {
        NYSE.session_on(day).map_or_else(Vec::new, |it| {
            vec![
                (it.pre_open, it.open),
                (it.open, it.close),
                (it.close, it.post_close),
            ]
        })
    };
    // On days with a late opening it drops the pre-market, and agrees with the rest.
    let mut differences = days(&LATE_OPENINGS);
    let reference = reference("nyse");
    for day in &differences {
        assert_eq!(ours(*day)[1..], reference[day], "{day}");
    }
    differences.extend(days(&[
        // It leaves out the early close that the exchange's board decided in June 1999.
        "1999-12-31",
        // It counts the breakdown of that afternoon, which nobody knew before.
        "2005-06-01",
    ]));
    assert_eq!(differing(&reference, ours), differences);
}

#[test]
fn foreign_exchange_trades_from_sunday_to_friday_five_in_the_afternoon() {
    let ours = |day| {
        let session = FOREX.session_on(day);
        session.map(|it| (it.open, it.close)).into_iter().collect()
    };
    let reference = reference("forex");
    // The reference has no holidays; dealers close on Christmas Day and New Year's Day.
    let holidays: BTreeSet<NaiveDate> = reference
        .keys()
        .copied()
        .filter(|day| matches!((day.month(), day.day()), (12, 25) | (1, 1)))
        .collect();
    assert!(holidays.len() > 50, "{holidays:?}");
    assert!(holidays.iter().all(|day| FOREX.session_on(*day).is_none()));
    assert_eq!(differing(&reference, ours), holidays);
}

const HOUR: i64 = 3_600_000_000_000;

/// 17:00 on `day` in Chicago, where one day of Globex ends and the next begins.
fn globex_evening(day: NaiveDate) -> Timestamp {
    let noon = Timestamp::from_secs(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp() + 43_200);
    // The pre-market of Wall Street, at four in the morning, tells whether clocks are ahead.
    let ahead = NYSE.session_at_or_after(noon).pre_open.to_datetime().hour() == 8;
    noon.plus_nanos(if ahead { 10 * HOUR } else { 11 * HOUR })
}

/// When index futures trade between two moments.
fn globex_trading(from: Timestamp, until: Timestamp) -> Spans {
    let mut spans = Spans::new();
    let mut at = from;
    while at < until {
        let span = CME.phase_span(at);
        let end = span.until.min(until);
        if span.phase == Phase::Regular {
            spans.push((at, end));
        }
        at = end;
    }
    spans
}

/// Good Fridays on which CME is closed, as it is unless the employment report appears on that day: pandas_market_calendars
/// opens every one after 2022 until 08:15.
const CLOSED_GOOD_FRIDAYS: [&str; 11] = [
    "2024-03-29",
    "2025-04-18",
    "2027-03-26",
    "2028-04-14",
    "2029-03-30",
    "2030-04-19",
    "2031-04-11",
    "2032-03-26",
    "2033-04-15",
    "2034-04-07",
    "2035-03-23",
];

#[test]
fn hours_of_index_futures_on_full_days_are_those_of_pandas_market_calendars() {
    let mut reference_hours = reference("cme_equity");
    let globex = reference("globex");
    // Its hours of 2012 are those of 2015 already; short days have a calendar of their own, below.
    reference_hours.retain(|day, _| {
        let full = globex[day]
            .iter()
            .any(|(open, close)| close.since(*open) == 23 * HOUR);
        full && *day >= date("2015-09-21")
    });
    assert!(reference_hours.len() > 4_500, "{} days", reference_hours.len());
    let ours = |day| {
        let end = globex_evening(day);
        globex_trading(end.plus_nanos(-24 * HOUR), end)
    };
    // It is closed on days of mourning; CME's notices close the market at 08:30.
    assert_eq!(
        differing(&reference_hours, ours),
        days(&["2018-12-05", "2025-01-09"])
    );
}

#[test]
fn short_days_of_index_futures_are_those_of_pandas_market_calendars() {
    // What is open until 15:15, when trading ended or paused in every year before 2021.
    let afternoon = |day| globex_evening(day).plus_nanos(-HOUR * 7 / 4);
    let last = |spans: &Spans| spans.last().map(|(_, until)| (Timestamp::EPOCH, *until));
    let mut reference_ends = reference("globex");
    for (day, spans) in &mut reference_ends {
        *spans = last(spans)
            .map(|(from, until)| (from, until.min(afternoon(*day))))
            .into_iter()
            .collect();
    }
    let ours = |day| {
        let evening_before = globex_evening(day).plus_nanos(-24 * HOUR);
        last(&globex_trading(evening_before, afternoon(day)))
            .into_iter()
            .collect()
    };
    let mut differences = days(&CLOSED_GOOD_FRIDAYS);
    differences.extend(days(&[
        // Good Friday, open until 10:00 for the employment report: CME's notice of 19 March 1999.
        "1999-04-02",
        // With the stock market's early close.
        "1999-12-31",
        // The attacks of 11 September 2001.
        "2001-09-11",
        "2001-09-12",
        "2001-09-13",
        "2001-09-14",
        // That year the stock market closed early after Independence Day, not before; so did CBOT's index futures by
        // their notice.
        "2002-07-03",
        "2002-07-05",
        // With the stock market's early close.
        "2003-12-26",
        // Funerals of presidents, Hurricane Sandy: it knows none of them.
        "2004-06-11",
        "2007-01-02",
        "2012-10-29",
        "2012-10-30",
        "2018-12-05",
        "2025-01-09",
    ]));
    assert_eq!(differing(&reference_ends, ours), differences);
}

#[test]
fn trade_dates_of_index_futures_are_those_of_pandas_market_calendars() {
    let mut reference_dates = reference("trade_dates");
    // Whether, not when.
    reference_dates.values_mut().for_each(|spans| spans.truncate(1));
    for (day, spans) in &mut reference_dates {
        spans.iter_mut().for_each(|span| *span = on_day(*day, "0:1"));
    }
    let ours = |day| {
        CME.session_on(day)
            .map(|_| on_day(day, "0:1"))
            .into_iter()
            .collect()
    };
    // It does not know that index futures stood still with the stock market.
    assert_eq!(
        differing(&reference_dates, ours),
        days(&["2001-09-12", "2001-09-13", "2001-09-14"])
    );
}

#[test]
fn index_futures_trade_by_the_notices_of_their_time() {
    let open = |from: &str, until: &str| globex_trading(time(from), time(until));
    let spans = |list: &[(&str, &str)]| -> Spans {
        list.iter()
            .map(|(from, until)| (time(from), time(until)))
            .collect()
    };
    // Good Friday 1999: until 10:00, for the employment report; on Sunday at 17:30, clocks having changed.
    assert_eq!(
        open("1999-04-02T12:00:00Z", "1999-04-05T03:00:00Z"),
        spans(&[
            ("1999-04-02T12:00:00Z", "1999-04-02T16:00:00Z"),
            ("1999-04-04T22:30:00Z", "1999-04-05T03:00:00Z"),
        ])
    );
    // Labor Day 2003: Sunday 17:30, night pause 22:00 to 23:00, halt at 10:30, on at 17:30.
    assert_eq!(
        open("2003-08-30T00:00:00Z", "2003-09-02T12:00:00Z"),
        spans(&[
            ("2003-08-31T22:30:00Z", "2003-09-01T03:00:00Z"),
            ("2003-09-01T04:00:00Z", "2003-09-01T15:30:00Z"),
            ("2003-09-01T22:30:00Z", "2003-09-02T03:00:00Z"),
            ("2003-09-02T04:00:00Z", "2003-09-02T12:00:00Z"),
        ])
    );
    // Funeral of Gerald Ford: closed from the Friday before until Tuesday 15:30; the usual break at 16:30.
    assert_eq!(
        open("2006-12-29T21:15:00Z", "2007-01-03T12:00:00Z"),
        spans(&[
            ("2007-01-02T21:30:00Z", "2007-01-02T22:30:00Z"),
            ("2007-01-02T23:00:00Z", "2007-01-03T12:00:00Z"),
        ])
    );
    // Labor Day 2007: halt at 10:30, on at 17:00.
    assert_eq!(
        open("2007-09-01T00:00:00Z", "2007-09-04T12:00:00Z"),
        spans(&[
            ("2007-09-02T22:00:00Z", "2007-09-03T15:30:00Z"),
            ("2007-09-03T22:00:00Z", "2007-09-04T12:00:00Z"),
        ])
    );
    // Hurricane Sandy: until 08:15 on both days, on at 17:00 between them.
    assert_eq!(
        open("2012-10-28T00:00:00Z", "2012-10-30T20:00:00Z"),
        spans(&[
            ("2012-10-28T22:00:00Z", "2012-10-29T13:15:00Z"),
            ("2012-10-29T22:00:00Z", "2012-10-30T13:15:00Z"),
        ])
    );
    // 2013: pause 15:15 to 15:30, end 16:15.
    assert_eq!(
        open("2013-10-08T12:00:00Z", "2013-10-09T12:00:00Z"),
        spans(&[
            ("2013-10-08T12:00:00Z", "2013-10-08T20:15:00Z"),
            ("2013-10-08T20:30:00Z", "2013-10-08T21:15:00Z"),
            ("2013-10-08T22:00:00Z", "2013-10-09T12:00:00Z"),
        ])
    );
    // Day of mourning 2025: until 08:30, on at 17:00, all for 10 January.
    assert_eq!(
        open("2025-01-08T22:00:00Z", "2025-01-10T12:00:00Z"),
        spans(&[
            ("2025-01-08T23:00:00Z", "2025-01-09T14:30:00Z"),
            ("2025-01-09T23:00:00Z", "2025-01-10T12:00:00Z"),
        ])
    );
    assert_eq!(CME.trading_day(time("2025-01-09T12:00:00Z")), date("2025-01-10"));
    // The stock market's reopening after 11 September 2001.
    assert_eq!(
        open("2001-09-11T14:15:00Z", "2001-09-17T20:15:00Z"),
        spans(&[("2001-09-17T13:15:00Z", "2001-09-17T20:15:00Z")])
    );
}
