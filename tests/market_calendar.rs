//! Trading calendars: what they say of a day and of an order for it, and what must hold at every moment.
//! `market_calendar_reference.rs` compares them with public calendars.

#[path = "support/shared_data.rs"]
mod shared_data;

use chrono::NaiveDate;
use papertape::market::{Calendar, CalendarId, Phase, PhaseCursor};
use papertape::model::Timestamp;
use proptest::prelude::*;

const NYSE: Calendar = Calendar::of(CalendarId::UsEquities);
const CME: Calendar = Calendar::of(CalendarId::CmeGlobex);
const HOUR: i64 = 3_600_000_000_000;

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
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
    for (file, id) in [
        ("AAPL-1m.csv", CalendarId::UsEquities),
        ("ESZ3-1m.csv", CalendarId::CmeGlobex),
        ("EURUSD-1m-quotes.csv", CalendarId::Forex),
    ] {
        let Some(path) = shared_data::shared_data(file) else {
            return;
        };
        let bars = std::fs::read_to_string(path).expect("a text");
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
