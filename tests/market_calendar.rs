//! Trading calendars: against public calendars day by day, and what must hold at every moment.
//!
//! Where a public calendar is wrong, or tells less, the day is listed with the reason; a day that is listed and does not
//! differ fails too, so the lists are neither longer nor shorter than the differences.

use chrono::{Datelike, NaiveDate, Timelike, Weekday};
use papertape::market::{Calendar, CalendarId, Phase, PhaseCursor};
use papertape::model::Timestamp;
use proptest::prelude::*;
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
    assert_eq!(differing(&reference("forex"), ours), BTreeSet::new());
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

#[test]
fn trading_on_a_holiday_belongs_to_the_next_trade_date() {
    // Independence Day 2024, a Thursday: Wednesday ends at 12:15, Thursday halts at noon and is part of Friday.
    let friday = CME.session_on(date("2024-07-05")).expect("a trade date");
    assert_eq!(friday.open, time("2024-07-03T22:00:00Z"));
    assert_eq!(friday.close, time("2024-07-05T21:00:00Z"));
    assert_eq!(CME.session_on(date("2024-07-04")), None);
    let wednesday = CME.session_on(date("2024-07-03")).expect("a trade date");
    assert!(wednesday.early_close);
    assert_eq!(wednesday.close, time("2024-07-03T17:15:00Z"));
    for (moment, phase, day) in [
        ("2024-07-03T17:15:00Z", Phase::Closed, "2024-07-05"),
        ("2024-07-04T16:59:59Z", Phase::Regular, "2024-07-05"),
        ("2024-07-04T17:00:00Z", Phase::Closed, "2024-07-05"),
        ("2024-07-04T22:00:00Z", Phase::Regular, "2024-07-05"),
        ("2024-07-05T21:00:00Z", Phase::Closed, "2024-07-08"),
    ] {
        let moment = time(moment);
        assert_eq!(
            (CME.phase(moment), CME.trading_day(moment)),
            (phase, date(day)),
            "{moment}"
        );
        assert_eq!(
            CME.day_end(moment),
            CME.session_on(date(day)).expect("a trade date").close
        );
    }
}

#[test]
fn an_order_for_the_day_lives_until_the_regular_session_ends() {
    for (calendar, entered, expires) in [
        (CalendarId::Always, "2024-07-03T12:00:00Z", "2024-07-04T00:00:00Z"),
        (CalendarId::Always, "2024-07-04T00:00:00Z", "2024-07-05T00:00:00Z"),
        // Before, in and after a session with early close, over a holiday.
        (
            CalendarId::UsEquities,
            "2024-07-03T10:00:00Z",
            "2024-07-03T17:00:00Z",
        ),
        (
            CalendarId::UsEquities,
            "2024-07-03T16:59:59Z",
            "2024-07-03T17:00:00Z",
        ),
        (
            CalendarId::UsEquities,
            "2024-07-03T17:00:00Z",
            "2024-07-05T20:00:00Z",
        ),
        // Over the change of clocks.
        (
            CalendarId::UsEquities,
            "2024-03-08T21:00:00Z",
            "2024-03-11T20:00:00Z",
        ),
        (CalendarId::Forex, "2024-03-08T22:00:00Z", "2024-03-11T21:00:00Z"),
    ] {
        assert_eq!(
            Calendar::of(calendar).day_end(time(entered)),
            time(expires),
            "{calendar} {entered}"
        );
    }
}

#[test]
fn every_phase_of_a_shortened_day() {
    let mut seen = Vec::new();
    let (mut at, end) = (time("2024-11-29T00:00:00Z"), time("2024-12-02T12:00:00Z"));
    while at < end {
        let span = NYSE.phase_span(at);
        seen.push((span.phase, span.until.to_string()));
        at = span.until;
    }
    let expected = [
        (Phase::Closed, "2024-11-29T09:00:00Z"),
        (Phase::Pre, "2024-11-29T14:30:00Z"),
        (Phase::Regular, "2024-11-29T18:00:00Z"),
        (Phase::Post, "2024-11-29T22:00:00Z"),
        (Phase::Closed, "2024-12-02T09:00:00Z"),
        (Phase::Pre, "2024-12-02T14:30:00Z"),
    ];
    assert_eq!(seen, expected.map(|(phase, until)| (phase, until.to_owned())));
}

#[test]
fn a_market_that_never_closes_is_always_in_its_regular_session() {
    let always = Calendar::of(CalendarId::Always);
    let sunday = time("2024-12-29T13:00:00Z");
    assert_eq!(always.phase(sunday), Phase::Regular);
    assert_eq!(always.trading_day(sunday), date("2024-12-29"));
    assert_eq!(always.next_open(sunday), time("2024-12-30T00:00:00Z"));
    assert_eq!(always.periods_per_year(), 365.0);
    assert_eq!(NYSE.periods_per_year(), 252.0);
}

#[test]
fn names_are_the_same_in_text_and_in_json() {
    for id in CalendarId::ALL {
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(serde_json::to_string(&id).expect("a string"), format!("\"{id}\""));
    }
    let error = "nyse".parse::<CalendarId>().expect_err("no such calendar");
    assert!(error.to_string().contains("'nyse'"), "{error}");
}

#[test]
fn the_ends_of_time_are_answered_too() {
    for id in CalendarId::ALL {
        for nanos in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
            let (calendar, moment) = (Calendar::of(id), Timestamp::from_nanos(nanos));
            assert_eq!(PhaseCursor::new(id).phase(moment), calendar.phase(moment));
            assert!(calendar.day_end(moment) >= moment);
        }
    }
}

/// Real bars, when the machine has them (`PAPERTAPE_SHARED` names the folder above `data`): they begin in open markets.
#[test]
fn real_bars_begin_in_open_markets() {
    let shared = std::env::var_os("PAPERTAPE_SHARED").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        Into::into,
    );
    for (file, id) in [
        ("AAPL-1m.csv", CalendarId::UsEquities),
        ("ESZ3-1m.csv", CalendarId::CmeGlobex),
        ("EURUSD-1m-quotes.csv", CalendarId::Forex),
    ] {
        let path = shared.join("data").join(file);
        let Ok(bars) = std::fs::read_to_string(&path) else {
            eprintln!("skipped: there is no {}; set PAPERTAPE_SHARED", path.display());
            continue;
        };
        let mut cursor = PhaseCursor::new(id);
        for bar in bars.lines().skip(1) {
            let (open_time, _) = bar.split_once(',').expect("columns");
            assert_ne!(cursor.phase(time(open_time)), Phase::Closed, "{file}: {bar}");
        }
    }
}

fn any_calendar() -> impl Strategy<Value = CalendarId> {
    prop::sample::select(CalendarId::ALL.to_vec())
}

/// Moments from 1990 to 2099, half of them within a second of a session's end or beginning.
fn any_moment() -> impl Strategy<Value = Timestamp> {
    let somewhere = 631_152_000_i64..4_102_444_800;
    prop_oneof![
        (somewhere.clone(), 0..1_000_000_000_i64)
            .prop_map(|(secs, nanos)| Timestamp::from_secs(secs).plus_nanos(nanos)),
        (somewhere, any_calendar(), -1..=1_i64).prop_map(|(secs, id, nanos)| {
            let span = Calendar::of(id).phase_span(Timestamp::from_secs(secs));
            span.until.plus_nanos(nanos)
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn phases_are_those_of_the_session(id in any_calendar(), moment in any_moment()) {
        let calendar = Calendar::of(id);
        let session = calendar.session_at_or_after(moment);
        prop_assert_eq!(calendar.session_on(session.day), Some(session));
        prop_assert!(session.pre_open <= session.open && session.open < session.close && session.close <= session.post_close);
        let phase = calendar.phase(moment);
        let expected = if moment < session.pre_open || moment >= session.post_close {
            Phase::Closed
        } else if moment < session.open {
            Phase::Pre
        } else if moment < session.close {
            Phase::Regular
        } else {
            Phase::Post
        };
        // Index futures pause inside a session.
        prop_assert!(phase == expected || (id == CalendarId::CmeGlobex && phase == Phase::Closed));
    }

    #[test]
    fn a_span_is_the_longest_in_which_its_phase_holds(id in any_calendar(), moment in any_moment(), part in 0.0..1.0_f64) {
        let calendar = Calendar::of(id);
        let span = calendar.phase_span(moment);
        prop_assert!(span.from <= moment && moment < span.until);
        let inside = span.from.plus_nanos((span.until.since(span.from) as f64 * part * 0.999) as i64);
        prop_assert_eq!(calendar.phase(inside), span.phase);
        let after = calendar.phase(span.until);
        // One session of these follows on the heels of the other.
        let seamless = matches!(id, CalendarId::Always | CalendarId::Forex) && after == Phase::Regular;
        prop_assert!(after != span.phase || seamless);
    }

    #[test]
    fn a_cursor_tells_what_the_calendar_tells(
        id in any_calendar(),
        moments in prop::collection::vec(any_moment(), 1..20),
        steps in prop::collection::vec(-30 * HOUR..30 * HOUR, 1..40),
    ) {
        let mut cursor = PhaseCursor::new(id);
        let walk = steps.iter().scan(moments[0], |at, step| {
            *at = at.plus_nanos(*step);
            Some(*at)
        });
        for moment in moments.iter().copied().chain(walk) {
            // The moment, and the last and the first of neighbouring phases.
            let until = Calendar::of(id).phase_span(moment).until;
            for near in [moment, until.plus_nanos(-1), until, moment] {
                prop_assert_eq!(cursor.phase(near), Calendar::of(id).phase(near));
            }
            let bytes = postcard::to_stdvec(&cursor).expect("serialises");
            prop_assert_eq!(postcard::from_bytes::<PhaseCursor>(&bytes).expect("reads back"), cursor);
        }
    }

    #[test]
    fn what_comes_next_comes_later(id in any_calendar(), moment in any_moment()) {
        let calendar = Calendar::of(id);
        let (open, close) = (calendar.next_open(moment), calendar.next_close(moment));
        prop_assert!(open > moment && close > moment);
        prop_assert_eq!(calendar.day_end(moment), close);
        prop_assert_eq!(calendar.phase(open), Phase::Regular);
        prop_assert_eq!(calendar.phase(close.plus_nanos(-1)), Phase::Regular);
        // The longest that a market was closed: from the attacks of 2001 to the Monday after.
        prop_assert!(close.since(moment) < 8 * 24 * HOUR);
        // Sessions do not overlap.
        let session = calendar.session_at_or_after(moment);
        let next = calendar.session_at_or_after(session.post_close);
        prop_assert!(session.day < next.day && session.post_close <= next.pre_open);
    }
}
