//! What one mistake of a venue does to what follows it.

use super::*;
use papertape::exchange::TradingStatus;
use papertape::market::{DepthDiff, DepthKind, DepthSnapshot, DepthUpdate, Level};
use papertape::model::Side;

pub(super) const SLOT: crate::venue::Slot = crate::venue::Slot(0);
const MILLI: i64 = 1_000_000;

pub(crate) fn traits() -> SourceTraits {
    SourceTraits {
        channels: Channels::TICKS,
        has_stream: true,
        book: BookStart::None,
        has_trade_backfill: false,
        has_consecutive_trades: true,
        is_relay: false,
        delay: Duration::ZERO,
        stale_after: Duration::from_secs(10),
        bar_lag: Duration::from_secs(10),
    }
}

/// Levels of books are whole units of money here.
pub(crate) fn grid() -> Grid {
    Grid::of(&papertape::testkit::instrument_with("BTC/USDT", "1", "1", "1"))
}

pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_secs(1_723_118_400).plus_nanos(millis * MILLI)
}

/// 2090.
fn far() -> Timestamp {
    Timestamp::from_secs(3_786_912_000)
}

pub(super) fn trade(id: u64, time: Timestamp, price: f64) -> Told {
    let trade = TradeTick {
        time,
        price,
        size: 1.0,
        aggressor: Side::Buy,
    };
    Told::Trade {
        slot: SLOT,
        id: Some(id),
        trade,
    }
}

pub(super) fn quote(id: u64, time: Timestamp, bid: f64) -> Told {
    let quote = Quote {
        time,
        bid,
        bid_size: 1.0,
        ask: bid + 0.5,
        ask_size: 1.0,
    };
    Told::Quote {
        slot: SLOT,
        id: Some(id),
        is_timed: true,
        quote,
    }
}

fn diff(first_id: u64, final_id: u64, time: Timestamp) -> Told {
    let level = |price| {
        vec![Level {
            price,
            size: final_id as i64 % 7 + 1,
        }]
    };
    let update = DepthUpdate {
        time,
        kind: DepthKind::Changes,
        bids: level(100),
        asks: level(101),
    };
    let diff = DepthDiff {
        first_id,
        final_id,
        previous: None,
        update,
    };
    Told::Depth { slot: SLOT, diff }
}

/// A source that is connected at 0, and what it said.
pub(super) struct Line {
    pub(super) source: Source,
    pub(super) heard: Vec<Heard>,
    pub(super) wants: Vec<Want>,
}

impl Line {
    pub(super) fn new(traits: SourceTraits) -> Self {
        let mut line = Self {
            source: Source::new(traits, grid(), &Thresholds::default()),
            heard: Vec::new(),
            wants: Vec::new(),
        };
        line.source.connected(at(0), &mut line.heard);
        line
    }

    pub(super) fn tell(&mut self, told: &Told, received: Timestamp) {
        self.source.told(told, received, &mut self.heard, &mut self.wants);
    }

    pub(super) fn tick(&mut self, now: Timestamp) {
        self.source.tick(now, &mut self.heard, &mut self.wants);
    }

    /// Trades that were heard.
    pub(super) fn trades(&self) -> Vec<TradeTick> {
        let trade = |heard: &Heard| match heard {
            Heard::Trade(trade) => Some(*trade),
            _ => None,
        };
        self.heard.iter().filter_map(trade).collect()
    }

    pub(super) fn quotes(&self) -> usize {
        let is_quote = |heard: &&Heard| matches!(heard, Heard::Quote(..));
        self.heard.iter().filter(is_quote).count()
    }

    /// Whether there is something of this kind on record whose words begin so.
    pub(super) fn is_on_record(&self, kind: IncidentKind, words: &str) -> bool {
        self.heard.iter().any(|heard| {
            let Heard::Trouble(trouble) = heard else {
                return false;
            };
            let (TroubleAct::Begin(_, why) | TroubleAct::Count(.., why)) = &trouble.act else {
                return false;
            };
            trouble.kind == kind && why.starts_with(words)
        })
    }
}

pub(super) fn with_book() -> SourceTraits {
    let depth = Channels {
        depth: true,
        ..Channels::TICKS
    };
    SourceTraits {
        channels: depth,
        book: BookStart::Rest,
        ..traits()
    }
}

/// Tells quotes of 100, without numbers and times.
pub(super) fn know_price(line: &mut Line) {
    for bid_size in [1.0, 2.0] {
        let quote = Quote {
            time: at(1),
            bid: 100.0,
            bid_size,
            ask: 100.5,
            ask_size: 1.0,
        };
        let told = Told::Quote {
            slot: SLOT,
            id: None,
            is_timed: false,
            quote,
        };
        line.tell(&told, at(1));
    }
}

/// A line whose book is known up to change 10, and its price.
pub(super) fn line_with_book() -> Line {
    let mut line = Line::new(with_book());
    know_price(&mut line);
    line.tell(&diff(9, 10, at(10)), at(20));
    assert_eq!(line.wants, [Want::Book]);
    answer_book(&mut line, 10, at(30));
    line
}

pub(super) fn answer_book(line: &mut Line, last_id: u64, received: Timestamp) {
    let level = |price| vec![Level { price, size: 5 }];
    let update = DepthUpdate {
        time: Timestamp::EPOCH,
        kind: DepthKind::Snapshot,
        bids: level(100),
        asks: level(101),
    };
    let snapshot = DepthSnapshot { last_id, update };
    line.wants.clear();
    let (heard, wants) = (&mut line.heard, &mut line.wants);
    line.source.book_came(Ok(snapshot), received, heard, wants);
    assert!(line.source.known_book().is_some());
}

#[test]
fn one_absurd_time_moves_no_clock() {
    let absurd: [(&str, Told); 6] = [
        ("a change of the book", diff(11, 11, far())),
        ("the venue's clock", Told::Time(far())),
        ("a trade", trade(3, far(), 100.0)),
        ("a quote", quote(9, far(), 100.0)),
        (
            "a halt",
            Told::Status {
                slot: SLOT,
                time: far(),
                status: TradingStatus::Halted,
            },
        ),
        // Ahead by less than a day, of which a single one is no better.
        ("an hour", Told::Time(at(3_600_000))),
    ];
    for is_known in [false, true] {
        for (what, told) in &absurd {
            let mut line = line_with_book();
            if !is_known {
                line.source.skew = Skew::default();
            }
            line.tell(&trade(1, at(100), 100.0), at(120));
            if is_known {
                line.tell(&trade(2, at(100), 100.0), at(120));
            }
            line.tell(told, at(140));
            let now = at(150);
            let ahead = line.source.venue_time(now).since(now);
            assert!(
                ahead <= 0,
                "{what}, {is_known}: the venue's clock is {ahead} ns ahead"
            );
            assert!(line.source.last_stamp() <= Some(now), "{what}, {is_known}");
            assert!(
                line.is_on_record(IncidentKind::Quarantine, "a time of "),
                "{what}, {is_known}"
            );
            for heard in &line.heard {
                let time = match heard {
                    Heard::Trade(trade) => trade.time,
                    Heard::Quote(quote, _) => quote.time,
                    Heard::Depth(update) => update.time,
                    Heard::Status(time, _) => *time,
                    _ => continue,
                };
                assert!(time <= now, "{what}, {is_known}: {heard:?}");
            }
            if *what == "a halt" {
                assert_eq!(
                    line.source.status(),
                    TradingStatus::Halted,
                    "its time says nothing of it"
                );
            }
        }
    }
}

#[test]
fn a_message_that_was_old_does_not_keep_new_ones_off() {
    let mut line = Line::new(traits());
    // The quote that a quiet symbol had when it was subscribed, an hour old.
    line.tell(&quote(1, at(-3_600_000), 100.0), at(10));
    line.tell(&quote(2, at(-3_600_000), 100.0), at(11));
    line.tell(&quote(3, at(100), 100.0), at(120));
    assert_eq!((line.quotes(), line.source.counters.quarantined), (3, 0));
}

#[test]
fn a_trade_number_that_jumps_does_not_silence_the_others() {
    // One mistake far ahead, one within reach, and a venue that numbers anew from 1 or from far ahead.
    for (jump, then) in [
        (Some(1 << 60), 11),
        (Some(1_000_000), 11),
        (None, 1),
        (None, 1 << 50),
    ] {
        let mut line = Line::new(traits());
        for id in 1..=10 {
            line.tell(
                &trade(id + 100, at(id as i64 * 10), 100.0),
                at(id as i64 * 10 + 5),
            );
        }
        if let Some(jump) = jump {
            line.tell(&trade(jump, at(105), 100.0), at(110));
        }
        // What waits for numbers that never come is given up.
        line.tick(at(500));
        line.tick(at(600));
        for id in 0..100_i64 {
            let (time, number) = (at(20_000 + id * 10), then + id as u64);
            let number = if jump.is_some() { number + 100 } else { number };
            line.tick(time);
            line.tell(&trade(number, time, 100.0), time.plus_nanos(5 * MILLI));
        }
        let trades = line.trades();
        let heard = trades.iter().filter(|trade| trade.time >= at(20_000)).count();
        assert_eq!(heard, 100, "after {jump:?}, from {then}: all that followed");
        assert!(trades.is_sorted_by_key(|trade| trade.time));
        let (kind, words) = match jump {
            Some(jump) if jump > 1 << 32 => (IncidentKind::Quarantine, "a trade numbered "),
            _ => (IncidentKind::Gap, "the numbers of trades begin anew"),
        };
        assert!(line.is_on_record(kind, words), "after {jump:?}, from {then}");
    }
}

#[test]
fn a_quote_number_that_jumps_does_not_silence_the_others() {
    for (jump, then, least) in [
        (1_u64 << 60, 11, 100),
        (1_000_000, 11, 93),
        (0, 1, 93),
        (0, 1 << 50, 93),
    ] {
        let mut line = Line::new(traits());
        for id in 1..=10 {
            line.tell(
                &quote(id + 100, at(id as i64 * 10), 100.0),
                at(id as i64 * 10 + 5),
            );
        }
        if jump > 0 {
            line.tell(&quote(jump, at(105), 100.0), at(110));
        }
        let before = line.quotes();
        for id in 0..100_i64 {
            let time = at(200 + id * 10);
            let number = if jump > 0 {
                then + 100 + id as u64
            } else {
                then + id as u64
            };
            line.tell(&quote(number, time, 100.0), time.plus_nanos(5 * MILLI));
        }
        assert_eq!(line.quotes() - before, least, "after {jump}, from {then}");
    }
}

#[test]
fn a_change_of_the_book_whose_number_jumps_does_not_freeze_it() {
    for wrong in [1_u64 << 60, 1_000_000] {
        let mut line = line_with_book();
        line.tell(&diff(11, wrong, at(100)), at(110));
        let mut known = None;
        for step in 0..100_i64 {
            let (time, id) = (at(200 + step * 100), 12 + step as u64);
            line.tell(&diff(id, id, time), time.plus_nanos(10 * MILLI));
            if line.wants.contains(&Want::Book) {
                answer_book(&mut line, id, time.plus_nanos(20 * MILLI));
                known = Some(step);
            }
        }
        assert!(
            known.is_some_and(|known| known <= 8),
            "{wrong}: asked anew after {known:?}"
        );
        let last = line.heard.iter().rev().find_map(|heard| match heard {
            Heard::Depth(update) => Some(update.time),
            _ => None,
        });
        assert_eq!(last, Some(at(200 + 99 * 100)), "{wrong}: it goes on");
    }
}

#[test]
fn a_halt_does_not_outlive_its_connection() {
    let mut line = Line::new(traits());
    line.tell(&trade(1, at(10), 100.0), at(15));
    line.tell(&trade(2, at(20), 100.0), at(25));
    let status = |time, status| Told::Status {
        slot: SLOT,
        time,
        status,
    };
    line.tell(&status(at(30), TradingStatus::Halted), at(35));
    line.source.disconnected(at(1_000), "it broke", &mut line.heard);
    line.heard.clear();
    line.source.connected(at(2_000), &mut line.heard);
    let told = line.heard.iter().find_map(|heard| match heard {
        Heard::Status(_, status) => Some(*status),
        _ => None,
    });
    assert_eq!(told, Some(TradingStatus::Trading));
    // Silence is a fault again.
    line.tell(&trade(3, at(2_010), 100.0), at(2_015));
    assert_eq!(line.source.fault(at(60_000), true), Some(Fault::Stale));
    // What has ended does not begin again.
    line.tell(&status(at(2_020), TradingStatus::Ended), at(2_025));
    line.source.disconnected(at(3_000), "it broke", &mut line.heard);
    line.source.connected(at(4_000), &mut line.heard);
    assert_eq!(line.source.status(), TradingStatus::Ended);
}

#[test]
fn neither_list_nor_stream_starts_what_the_other_has_stopped() {
    let (trading, halted) = (TradingStatus::Trading, TradingStatus::Halted);
    let mut line = Line::new(traits());
    line.tell(&trade(1, at(10), 100.0), at(15));
    line.tell(&trade(2, at(20), 100.0), at(25));
    let stream = |status| Told::Status {
        slot: SLOT,
        time: at(30),
        status,
    };
    let list = |line: &mut Line, status| line.source.listed_as(status, at(35), &mut line.heard);
    line.heard.clear();
    // A pause that the list does not know of.
    line.tell(&stream(halted), at(35));
    list(&mut line, trading);
    assert_eq!(line.source.status(), halted);
    // It is delisted meanwhile, which may be taken back.
    list(&mut line, TradingStatus::Ended);
    line.tell(&stream(trading), at(35));
    assert_eq!(line.source.status(), halted);
    // Its silence is no fault.
    assert_eq!(line.source.fault(at(60_000), true), None);
    list(&mut line, trading);
    assert_eq!(line.source.status(), trading);
    assert_eq!(line.source.fault(at(60_000), true), Some(Fault::Stale));
    let told: Vec<TradingStatus> = line
        .heard
        .iter()
        .filter_map(|heard| match heard {
            Heard::Status(_, status) => Some(*status),
            _ => None,
        })
        .collect();
    assert_eq!(told, [halted, trading]);
}

#[test]
fn every_price_of_a_bar_is_held_against_the_last() {
    type Change = fn(&mut Bar);
    let bars = Channels {
        bars: true,
        ..Channels::default()
    };
    let mut line = Line::new(SourceTraits {
        channels: bars,
        ..traits()
    });
    let minute = |number: i64, change: Change| {
        let mut bar = Bar {
            open_time: at(number * 60_000),
            open: 100.0,
            high: 101.0,
            low: 99.0,
            close: 100.0,
            volume: 1.0,
        };
        change(&mut bar);
        Told::Bar {
            slot: SLOT,
            bar,
            is_closed: true,
        }
    };
    let changes: [(Change, bool); 7] = [
        (|_| {}, true),
        (|_| {}, true),
        (|bar| bar.high = 1_000.0, false),
        (|bar| bar.low = 10.0, false),
        (|bar| (bar.open, bar.high) = (1_000.0, 1_000.0), false),
        // And they are not what the next is held against.
        (|bar| bar.high = 499.0, true),
        (|bar| bar.high = 501.0, false),
    ];
    for (number, (change, _)) in changes.iter().enumerate() {
        let number = number as i64;
        line.tell(&minute(number, *change), at((number + 1) * 60_000 + 500));
    }
    let heard = |number: i64| {
        let is_it = |heard: &Heard| matches!(heard, Heard::Bar(bar) if bar.open_time == at(number * 60_000));
        line.heard.iter().any(is_it)
    };
    for (number, (_, is_heard)) in changes.iter().enumerate() {
        assert_eq!(heard(number as i64), *is_heard, "bar {number}");
    }
    assert!(line.is_on_record(IncidentKind::Quarantine, "a high of 1000 beside 100"));
}

#[test]
fn trades_do_not_keep_dead_quotes_fresh() {
    let fault_after = |price: fn(i64) -> f64, tells_quotes: bool| {
        let mut line = Line::new(traits());
        line.tell(&quote(1, at(10), 100.0), at(15));
        line.tell(&quote(2, at(20), 100.0), at(25));
        for second in 1..60_i64 {
            let time = at(second * 1_000);
            if tells_quotes {
                line.tell(&quote(2 + second as u64, time, price(second)), time);
            }
            line.tell(&trade(second as u64, time, price(second)), time);
            if let Some(fault) = line.source.fault(time, true) {
                return Some((second, fault, line));
            }
        }
        None
    };
    // Stale after ten seconds beyond the quote, of which the first trade is at 20.
    let (second, fault, mut line) =
        fault_after(|second| if second < 20 { 100.25 } else { 101.0 }, false).expect("a fault");
    assert_eq!((second, fault), (31, Fault::SilentQuotes));
    assert_eq!(line.source.stale_since(fault, at(31_000)), Some(at(20_000)));
    line.tell(&quote(9, at(31_100), 101.0), at(31_100));
    assert_eq!(line.source.fault(at(31_200), true), None);
    // A quote that holds needs not be told again, and prints beside it are ordinary.
    assert!(fault_after(|_| 100.5, false).is_none());
    assert!(fault_after(|second| if second % 5 == 0 { 101.0 } else { 100.0 }, false).is_none());
    assert!(fault_after(|second| 100.0 + second as f64, true).is_none());
}

#[test]
fn trades_do_not_keep_a_dead_book_fresh() {
    let mut line = line_with_book();
    line.tell(&quote(1, at(40), 100.0), at(45));
    line.tell(&quote(2, at(50), 100.0), at(55));
    for second in 1..=12_i64 {
        let time = at(second * 1_000);
        line.tell(&trade(second as u64, time, 100.0), time);
        let expected = (second > 11).then_some(Fault::SilentBook);
        assert_eq!(line.source.fault(time, true), expected, "at {second} s");
    }
    line.tell(&diff(11, 11, at(12_100)), at(12_110));
    assert_eq!(line.source.fault(at(12_200), true), None);
}

#[test]
fn a_dead_channel_asks_for_another_connection_and_ends_with_its_own() {
    let mut line = line_with_book();
    line.tell(&quote(1, at(40), 100.0), at(45));
    line.tell(&quote(2, at(50), 100.0), at(55));
    line.tell(&diff(11, 11, at(500)), at(510));
    let trades = |line: &mut Line, seconds: std::ops::RangeInclusive<i64>| {
        for second in seconds {
            let time = at(second * 1_000);
            line.tell(&trade(second as u64, time, 100.0), time);
        }
    };
    let asked = |line: &mut Line, second: i64| {
        line.wants.clear();
        line.tick(at(second * 1_000));
        line.wants.contains(&Want::Anew)
    };
    trades(&mut line, 1..=12);
    assert!(!asked(&mut line, 11) && asked(&mut line, 12) && !asked(&mut line, 13));
    trades(&mut line, 13..=23);
    assert!(asked(&mut line, 23), "once for as long as it may be silent");
    // Polled, nobody tells a book, and nobody waits for one.
    line.source.disconnected(at(23_500), "gone", &mut Vec::new());
    line.source.polled(at(24_000), &mut Vec::new());
    trades(&mut line, 24..=40);
    assert_eq!(line.source.fault(at(40_000), true), None);
    assert!(!asked(&mut line, 41));
}

#[test]
fn what_a_venue_takes_back_is_in_doubt_from_when_it_was_made() {
    let traits = SourceTraits {
        has_consecutive_trades: false,
        ..traits()
    };
    let mut line = Line::new(traits);
    for (id, millis) in [(1, 10), (2, 20), (3, 30)] {
        line.tell(&trade(id, at(millis), 100.0), at(millis));
    }
    let taken_back = |id| Told::Correction {
        slot: SLOT,
        id,
        instead: None,
    };
    line.tell(&taken_back(2), at(9_000));
    // One that nobody has heard of.
    line.tell(&taken_back(77), at(9_100));
    let spans = line.heard.iter().filter_map(|heard| match heard {
        Heard::Trouble(Trouble {
            kind: IncidentKind::Correction,
            act: TroubleAct::Count(from, to, ..),
            ..
        }) => Some((*from, *to)),
        _ => None,
    });
    let spans: Vec<_> = spans.collect();
    assert_eq!(spans, [(at(20), at(9_000)), (at(9_100), at(9_100))]);
}
