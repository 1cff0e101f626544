//! Two sources of one market that tell different prices, what one absurd time does to a stream, and one that has told nothing yet.

use super::*;
use crate::source::tests::traits;
use crate::venue::Slot;
use papertape::market::{DepthKind, DepthUpdate, Level, MarketEvent, Quote};
use papertape::model::Side;

const SLOT: Slot = Slot(0);
const MILLI: i64 = 1_000_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_secs(1_723_118_400).plus_nanos(millis * MILLI)
}

fn market(count: usize) -> Market {
    market_with(count, &[])
}

fn market_with(count: usize, barred: &[usize]) -> Market {
    let symbol = "BTC/USDT".parse().expect("a symbol");
    let one = rust_decimal::Decimal::ONE;
    let tick = rust_decimal::Decimal::new(1, 2);
    let instrument = Instrument::new(symbol, tick, tick, one, one).expect("an instrument");
    let place = |index: usize| PlaceConfig {
        name: ["first", "second"][index].into(),
        traits: traits(),
        is_barred: barred.contains(&index),
        instrument: instrument.clone(),
    };
    let config = MarketConfig {
        places: (0..count).map(place).collect(),
        instrument: instrument.clone(),
        thresholds: Thresholds::default(),
        hold_on_divergence: true,
        recorded_until: None,
        first_incident: 1,
    };
    let mut market = Market::new(config, at(0));
    for place in 0..count {
        market.connected(place, at(0));
    }
    market
}

fn quote(market: &mut Market, place: usize, millis: i64, price: f64) {
    let quote = Quote {
        time: at(millis),
        bid: price,
        bid_size: 1.0,
        ask: price,
        ask_size: 1.0,
    };
    let told = Told::Quote {
        slot: SLOT,
        id: None,
        is_timed: true,
        quote,
    };
    market.told(place, &told, at(millis));
}

/// What was published since, in words.
fn words(market: &mut Market) -> Vec<String> {
    let out = market.out().drain(..);
    let word = |published: Published| match published.event {
        MarketEvent::Quote(quote) => Some(quote.bid.to_string()),
        MarketEvent::Trade(trade) => Some(format!("trade {}", trade.price)),
        MarketEvent::Status(_, status) => Some(format!("{status:?}")),
        _ => None,
    };
    out.filter_map(word).collect()
}

fn agreeing() -> Market {
    let mut market = market(2);
    for millis in 1..=3 {
        for place in 0..2 {
            quote(&mut market, place, millis, 100.0);
        }
    }
    market.tick(at(10));
    assert_eq!(market.status(), TradingStatus::Trading);
    market.out().clear();
    market
}

#[test]
fn a_price_that_contradicts_the_others_is_held_before_it_is_told() {
    // The source that is published moves.
    let mut market = agreeing();
    quote(&mut market, 0, 20, 110.0);
    assert_eq!(words(&mut market), ["Gap", "110"]);
    // They agree again.
    quote(&mut market, 1, 30, 110.0);
    assert_eq!(market.status(), TradingStatus::Trading);
    assert_eq!(words(&mut market), ["110", "Trading"]);

    // The other one moves: the next of the published one is held.
    let mut market = agreeing();
    quote(&mut market, 1, 20, 110.0);
    quote(&mut market, 0, 21, 100.0);
    assert_eq!(words(&mut market), ["Gap", "100"]);
}

#[test]
fn who_was_contradicted_is_not_right_because_the_other_is_gone() {
    let steady = |moves: bool| {
        let mut market = agreeing();
        quote(&mut market, 0, 20, 110.0);
        market.disconnected(1, at(30), "it broke");
        let mut well = None;
        for second in 1..100 {
            let price = if moves {
                110.0 + 2.0 * (second % 30) as f64
            } else {
                110.0
            };
            quote(&mut market, 0, second * 1_000, price);
            market.tick(at(second * 1_000 + 50));
            if market.status() == TradingStatus::Trading {
                well = well.or(Some(second));
            }
        }
        (well, market)
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
        let mut market = market_with(2, barred);
        for millis in 1..=3 {
            for place in 0..2 {
                quote(&mut market, place, millis, 100.0);
            }
        }
        market.tick(at(10));
        assert!(market.reference().is_some(), "{barred:?}");
        market.disconnected(0, at(20), "it broke");
        for second in 1..=8 {
            quote(&mut market, 1, second * 1_000, 100.0);
            market.tick(at(second * 1_000 + 10));
        }
        assert_eq!(&**market.name(market.active()), expected, "{barred:?}");
        let is_held = market.status() == TradingStatus::Gap;
        assert_eq!(is_held, expected == "first", "{barred:?}");
    }
}

#[test]
fn one_absurd_time_does_not_end_a_stream() {
    let mut market = market(1);
    let told = |id, time| Told::Trade {
        slot: SLOT,
        id: Some(id),
        trade: TradeTick {
            time,
            price: 100.0,
            size: 1.0,
            aggressor: Side::Buy,
        },
    };
    for id in 1..=3 {
        let time = at(id as i64 * 10);
        market.told(0, &told(id, time), time);
    }
    // 2090.
    market.told(0, &Told::Time(Timestamp::from_secs(3_786_912_000)), at(40));
    market.tick(at(50));
    words(&mut market);
    market.told(0, &told(4, at(60_000)), at(60_005));
    assert_eq!(words(&mut market), ["trade 100"]);
    assert!(market.pace.time() <= at(60_005));
}

#[test]
fn a_preferred_source_that_only_seems_to_live_does_not_take_over_again() {
    let returned = |speaks_until: i64| {
        let mut market = market(2);
        for millis in 1..=3 {
            quote(&mut market, 0, millis, 100.0);
            quote(&mut market, 1, millis, 100.0);
        }
        market.disconnected(0, at(100), "it broke");
        for second in 1..60 {
            let now = second * 1_000;
            if second == 10 {
                market.connected(0, at(now));
            }
            if (10..speaks_until).contains(&second) {
                quote(&mut market, 0, now, 100.0);
            }
            quote(&mut market, 1, now + 10, 100.0);
            market.tick(at(now + 20));
            if second > 10 && market.active() == 0 {
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
fn nothing_is_fresh_before_a_price_was_told() {
    let mut market = market(1);
    let is = |market: &Market, freshness, why: Option<&str>| {
        assert_eq!((market.freshness(), market.why().as_deref()), (freshness, why));
    };
    let nothing = Some("first: nothing has come yet");
    let down = Some("first: the connection is down");
    is(&market, Freshness::Waiting, nothing);
    // The venue's clock, a first price that nothing confirms yet: still nothing was told.
    market.told(0, &Told::Time(at(100)), at(100));
    quote(&mut market, 0, 200, 100.0);
    market.tick(at(1_500));
    is(&market, Freshness::Waiting, nothing);
    // It goes away: it is waited for no less, and after a while that is on record from when it began to listen.
    market.disconnected(0, at(1_600), "gone");
    market.tick(at(1_900));
    is(&market, Freshness::Waiting, down);
    let waits = |market: &Market| {
        let all = market.log.between(at(0), at(60_000));
        let mut waits = all
            .into_iter()
            .filter(|it| it.detail == "nothing has come yet: the connection is down");
        waits.next().map(|it| (it.kind, it.from, it.to))
    };
    assert_eq!(waits(&market), None);
    market.tick(at(2_100));
    assert_eq!(waits(&market), Some((IncidentKind::Stale, at(0), None)));
    // It is back, and tells two prices that agree.
    market.connected(0, at(5_000));
    is(&market, Freshness::Waiting, nothing);
    quote(&mut market, 0, 5_100, 100.0);
    quote(&mut market, 0, 5_200, 100.0);
    is(&market, Freshness::Fresh, None);
    assert_eq!(
        waits(&market),
        Some((IncidentKind::Stale, at(0), Some(at(5_200))))
    );
    // What was told is in doubt from now on when it goes away, and no longer waited for.
    market.disconnected(0, at(6_000), "gone");
    is(&market, Freshness::Gap, down);
}

#[test]
fn who_begins_later_is_told_the_whole_book_and_that_nothing_trades() {
    let mut market = market(1);
    let with_book = SourceTraits {
        channels: crate::venue::Channels {
            depth: true,
            ..traits().channels
        },
        book: crate::venue::BookStart::Stream,
        ..traits()
    };
    market.widen(0, with_book);
    let level = |price: i64| Level { price, size: 1 };
    let update = |kind, price: i64, millis: i64| DepthUpdate {
        time: at(millis),
        kind,
        bids: vec![level(price)],
        asks: vec![level(price + 10)],
    };
    let book = Told::Book {
        slot: SLOT,
        snapshot: DepthSnapshot {
            last_id: 1,
            update: update(DepthKind::Snapshot, 100, 3),
        },
    };
    let change = |id: u64| Told::Depth {
        slot: SLOT,
        diff: papertape::market::DepthDiff {
            first_id: id + 1,
            final_id: id + 1,
            previous: None,
            update: update(DepthKind::Changes, 100, id as i64 * 1_000),
        },
    };
    quote(&mut market, 0, 1, 1.05);
    quote(&mut market, 0, 2, 1.05);
    market.told(0, &book, at(3));
    market.out().clear();
    market.tell_anew(at(4));
    let told: Vec<MarketEvent> = market.out().drain(..).map(|published| published.event).collect();
    let [MarketEvent::Depth(whole)] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(
        (whole.kind, &whole.bids, &whole.asks),
        (DepthKind::Snapshot, &vec![level(100)], &vec![level(110)])
    );
    // Now and then it is told to those who read the record from the middle.
    let is_whole =
        |event: &MarketEvent| matches!(event, MarketEvent::Depth(it) if it.kind == DepthKind::Snapshot);
    let mut whole = 0;
    for second in 1..3_600 {
        quote(&mut market, 0, second * 1_000, 1.05);
        market.told(0, &change(second as u64), at(second * 1_000));
        market.tick(at(second * 1_000));
        let out = market.out().drain(..);
        whole += out.filter(|published| is_whole(&published.event)).count();
    }
    assert_eq!(whole, 3);
    // In a gap there is no book to tell, and that there is one is what counts.
    market.disconnected(0, at(3_600_000), "gone");
    market.tick(at(3_600_000));
    words(&mut market);
    market.tell_anew(at(3_600_001));
    assert_eq!(words(&mut market), ["Gap"]);
}
