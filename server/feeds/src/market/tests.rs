//! Two sources of one market that tell different prices, what one absurd time does to a stream, and one that has told nothing yet.

use super::rig::{Rig, SLOT, at, tick};
use super::*;
use crate::source::tests::traits;
use crate::venue::{BookStart, Channels};
use papertape::market::MarketEvent;

fn rig(count: usize) -> Rig {
    Rig::new(&vec![(traits(), false); count])
}

fn agreeing() -> Rig {
    let mut rig = rig(2);
    for millis in 1..=3 {
        for place in 0..2 {
            rig.quote(place, millis, 100.0);
        }
    }
    rig.market.tick(at(10));
    assert_eq!(rig.market.status(), TradingStatus::Trading);
    rig.words();
    rig
}

#[test]
fn a_price_that_contradicts_the_others_is_held_before_it_is_told() {
    // The source that is published moves.
    let mut rig = agreeing();
    rig.quote(0, 20, 110.0);
    assert_eq!(rig.words(), ["Gap at 3", "quote 110 at 20"]);
    // They agree again.
    rig.quote(1, 30, 110.0);
    assert_eq!(rig.market.status(), TradingStatus::Trading);
    assert_eq!(rig.words(), ["quote 110 at 30", "Trading at 30"]);

    // The other one moves: the next of the published one is held.
    let mut rig = agreeing();
    rig.quote(1, 20, 110.0);
    rig.quote(0, 21, 100.0);
    assert_eq!(rig.words(), ["Gap at 3", "quote 100 at 21"]);
}

#[test]
fn who_was_contradicted_is_not_right_because_the_other_is_gone() {
    let steady = |moves: bool| {
        let mut rig = agreeing();
        rig.quote(0, 20, 110.0);
        rig.market.disconnected(1, at(30), "it broke");
        let mut well = None;
        for second in 1..100 {
            let price = if moves {
                110.0 + 2.0 * (second % 30) as f64
            } else {
                110.0
            };
            rig.quote(0, second * 1_000, price);
            rig.market.tick(at(second * 1_000 + 50));
            if rig.market.status() == TradingStatus::Trading {
                well = well.or(Some(second));
            }
        }
        (well, rig.market)
    };
    let (well, market) = steady(false);
    let return_s = Thresholds::default().return_s as i64;
    assert!(
        well.is_some_and(|well| (return_s..return_s + 2).contains(&well)),
        "{well:?}"
    );
    let incidents = market.log.between(at(0), at(100_000));
    let found = incidents
        .iter()
        .find(|incident| incident.kind == IncidentKind::Divergence);
    let found = found.expect("on record");
    assert!(found.detail.contains("the other sources are gone"), "{found:?}");
    assert_eq!(found.to, Some(at(well.unwrap_or_default() * 1_000)));

    // Nor while its price runs.
    assert_eq!(steady(true).0, None);
}

#[test]
fn an_index_beside_venues_is_compared_and_never_takes_over() {
    for (barred, expected) in [(&[1][..], "first"), (&[], "second"), (&[0], "second")] {
        let mut rig = Rig::new(&[0, 1].map(|place| (traits(), barred.contains(&place))));
        for millis in 1..=3 {
            for place in 0..2 {
                rig.quote(place, millis, 100.0);
            }
        }
        rig.market.tick(at(10));
        assert!(rig.market.reference().is_some(), "{barred:?}");
        rig.market.disconnected(0, at(20), "it broke");
        for second in 1..=8 {
            rig.quote(1, second * 1_000, 100.0);
            rig.market.tick(at(second * 1_000 + 10));
        }
        assert_eq!(&**rig.market.name(rig.market.active()), expected, "{barred:?}");
        let is_held = rig.market.status() == TradingStatus::Gap;
        assert_eq!(is_held, expected == "first", "{barred:?}");
    }
}

#[test]
fn one_absurd_time_does_not_end_a_stream() {
    let mut rig = rig(1);
    for id in 1..=3 {
        rig.trade(Some(id), id as i64 * 10, id as i64 * 10);
    }
    // 2090.
    rig.market
        .told(0, &Told::Time(Timestamp::from_secs(3_786_912_000)), at(40));
    rig.market.tick(at(50));
    rig.words();
    rig.trade(Some(4), 60_000, 60_005);
    assert_eq!(rig.words(), ["trade of 60000 at 60000"]);
    assert!(rig.market.pace.time() <= at(60_005));
}

#[test]
fn a_preferred_source_that_only_seems_to_live_does_not_take_over_again() {
    let returned = |speaks_until: i64| {
        let mut rig = rig(2);
        for millis in 1..=3 {
            rig.quote(0, millis, 100.0);
            rig.quote(1, millis, 100.0);
        }
        rig.market.disconnected(0, at(100), "it broke");
        for second in 1..60 {
            let now = second * 1_000;
            if second == 10 {
                rig.market.connected(0, at(now));
            }
            if (10..speaks_until).contains(&second) {
                rig.quote(0, now, 100.0);
            }
            rig.quote(1, now + 10, 100.0);
            rig.market.tick(at(now + 20));
            if second > 10 && rig.market.active() == 0 {
                return Some(second);
            }
        }
        None
    };
    // Well for thirty seconds; stale after ten of silence.
    assert_eq!(returned(60), Some(40));
    assert_eq!(returned(35), None);
}

#[test]
fn that_the_preferred_source_was_not_there_at_the_beginning_is_on_record() {
    let mut rig = rig(2);
    rig.market.disconnected(0, at(0), "not there");
    for second in 1..=3 {
        rig.quote(1, second * 1_000, 100.0);
        rig.market.tick(at(second * 1_000 + 10));
    }
    assert_eq!(rig.market.active(), 1);
    let expected = "Failover: first is in trouble: the connection is down; second takes over";
    assert_eq!(rig.incidents().iter().filter(|it| *it == expected).count(), 1);
    let all = rig.market.log.between(at(0), at(60_000));
    let failover = all.iter().find(|it| it.kind == IncidentKind::Failover);
    let span = failover.map(|it| (&*it.source, it.from, it.to));
    assert_eq!(span, Some(("second", at(0), Some(at(2_000)))));
}

#[test]
fn nothing_is_fresh_before_a_price_was_told() {
    let mut rig = rig(1);
    let is = |rig: &Rig, freshness, why: Option<&str>| {
        assert_eq!(
            (rig.market.freshness(), rig.market.why().as_deref()),
            (freshness, why)
        );
    };
    let nothing = Some("first: nothing has come yet");
    let down = Some("first: the connection is down");
    is(&rig, Freshness::Waiting, nothing);
    // The venue's clock, a first price that nothing confirms yet: still nothing was told.
    rig.market.told(0, &Told::Time(at(100)), at(100));
    rig.quote(0, 200, 100.0);
    rig.market.tick(at(1_500));
    is(&rig, Freshness::Waiting, nothing);
    // It goes away: it is waited for no less, and after a while that is on record from when it began to listen.
    rig.market.disconnected(0, at(1_600), "gone");
    rig.market.tick(at(1_900));
    is(&rig, Freshness::Waiting, down);
    let waits = |rig: &Rig| {
        let all = rig.market.log.between(at(0), at(60_000));
        let mut waits = all
            .into_iter()
            .filter(|it| it.detail == "nothing has come yet: the connection is down");
        waits.next().map(|it| (it.kind, it.from, it.to))
    };
    assert_eq!(waits(&rig), None);
    rig.market.tick(at(2_100));
    assert_eq!(waits(&rig), Some((IncidentKind::Stale, at(0), None)));
    // It is back, and tells two prices that agree.
    rig.market.connected(0, at(5_000));
    is(&rig, Freshness::Waiting, nothing);
    rig.quote(0, 5_100, 100.0);
    rig.quote(0, 5_200, 100.0);
    is(&rig, Freshness::Fresh, None);
    assert_eq!(waits(&rig), Some((IncidentKind::Stale, at(0), Some(at(5_200)))));
    // What was told is in doubt from now on when it goes away, and no longer waited for.
    rig.market.disconnected(0, at(6_000), "gone");
    is(&rig, Freshness::Gap, down);
}

#[test]
fn who_begins_later_is_told_the_whole_book_and_that_nothing_trades() {
    let with_book = SourceTraits {
        channels: Channels {
            depth: true,
            ..traits().channels
        },
        book: BookStart::Stream,
        ..traits()
    };
    let mut rig = Rig::new(&[(with_book, false)]);
    rig.quote(0, 1, 100.0);
    rig.quote(0, 2, 100.0);
    rig.book(1, 3, 3);
    rig.change(2, 3, 3);
    rig.words();
    rig.market.tell_anew(at(4));
    assert_eq!(rig.words(), ["book 2 at 4"]);
    // Now and then it is told to those who read the record from the middle.
    let mut whole = 0;
    for second in 1..3_600 {
        rig.quote(0, second * 1_000, 100.0);
        rig.change(second + 2, second * 1_000, second * 1_000);
        rig.market.tick(at(second * 1_000));
        let words = rig.words();
        whole += words.iter().filter(|word| word.starts_with("book")).count();
    }
    assert_eq!(whole, 3);
    // In a gap there is no book to tell, and that there is one is what counts.
    rig.market.disconnected(0, at(3_600_000), "gone");
    rig.market.tick(at(3_600_000));
    assert_eq!(rig.words(), ["Gap at 3599000"]);
    rig.market.tell_anew(at(3_600_001));
    assert_eq!(rig.words(), ["Gap at 3599000"]);
}

/// What a market with a source that is late by so much publishes and has on record, and when by our clock.
fn late_by(minutes: i64) -> (Vec<(Timestamp, MarketEvent)>, Vec<crate::quality::Incident>) {
    let delay = minutes * 60_000;
    let now = |millis: i64| at(millis + delay);
    let place = PlaceConfig {
        name: "it".into(),
        traits: SourceTraits {
            delay: Duration::from_millis(delay.unsigned_abs()),
            ..traits()
        },
        is_barred: false,
        instrument: papertape::testkit::instrument(),
    };
    let config = MarketConfig {
        instrument: papertape::testkit::instrument(),
        places: vec![place],
        thresholds: Thresholds::default(),
        hold_on_divergence: false,
        recorded_until: None,
        first_incident: 1,
    };
    let mut market = Market::new(config, now(0));
    market.connected(0, now(0));
    let mut id = 0;
    let mut tell = |market: &mut Market, from: i64, to: i64| {
        for millis in (from..to).step_by(100) {
            id += 1;
            let (trade, slot) = (tick(millis), SLOT);
            market.told(
                0,
                &Told::Trade {
                    slot,
                    id: Some(id),
                    trade,
                },
                now(millis + 20),
            );
            market.tick(now(millis + 20));
        }
    };
    tell(&mut market, 1_000, 50_000);
    // Silence, a break, and what follows over a minute's end.
    for millis in (50_000..70_000).step_by(100) {
        market.tick(now(millis));
    }
    market.disconnected(0, now(70_000), "it broke");
    market.connected(0, now(72_000));
    tell(&mut market, 73_000, 130_000);
    let published = market.out().drain(..);
    let published = published.map(|it| (it.received.plus_nanos(-delay * 1_000_000), it.event));
    let published = published.collect();
    market.log.end_all(at(130_000));
    (published, market.log.between(at(-10_000), at(1_000_000)))
}

#[test]
fn a_market_that_is_told_late_by_contract_goes_by_its_own_time_as_one_that_is_told_at_once() {
    let (published, incidents) = late_by(0);
    assert!(published.len() > 1_000 && incidents.len() > 1, "{incidents:?}");
    assert_eq!(late_by(15), (published, incidents));
}
