//! The order book: what updates make of it, how messages are joined, and a real capture whose book must have the best
//! prices that the venue showed.

use papertape::market::{
    BookCondition, Capture, CaptureEvent, CaptureFile, CaptureFiles, CapturedQuote, DepthDiff, DepthJoin,
    DepthKind, DepthSnapshot, DepthUpdate, Grid, JoinError, Level, LevelChange, OrderBook,
};
use papertape::model::{Side, Timestamp};
use papertape::testkit::instrument;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

fn levels(levels: &[(i64, i64)]) -> Vec<Level> {
    levels
        .iter()
        .map(|&(price, size)| Level { price, size })
        .collect()
}

fn update(kind: DepthKind, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> DepthUpdate {
    DepthUpdate {
        time: Timestamp::EPOCH,
        kind,
        bids: levels(bids),
        asks: levels(asks),
    }
}

fn snapshot_of(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> OrderBook {
    let mut book = OrderBook::default();
    book.apply(&update(DepthKind::Snapshot, bids, asks));
    book
}

fn changes_of(book: &mut OrderBook, update: &DepthUpdate) -> Vec<(Side, i64, i64, i64)> {
    let mut changes = Vec::new();
    book.apply_with(update, |change| {
        let LevelChange {
            side,
            price,
            before,
            after,
        } = change;
        changes.push((side, price, before, after));
    });
    changes
}

// ── What updates make of a book ───────────────────────────────────────────────────────────────────────────────────────

#[test]
fn changes_set_add_and_remove_levels_and_say_so() {
    let mut book = snapshot_of(&[(99, 5), (98, 7)], &[(101, 4), (102, 9)]);
    let changes = update(
        DepthKind::Changes,
        &[(99, 0), (97, 2), (90, 0)],
        &[(101, 6), (102, 9), (100, 1)],
    );
    assert_eq!(
        changes_of(&mut book, &changes),
        [
            (Side::Buy, 99, 5, 0),
            (Side::Buy, 97, 0, 2),
            (Side::Buy, 90, 0, 0),
            (Side::Sell, 101, 4, 6),
            (Side::Sell, 102, 9, 9),
            (Side::Sell, 100, 0, 1),
        ]
    );
    assert_eq!(
        book,
        snapshot_of(&[(98, 7), (97, 2)], &[(100, 1), (101, 6), (102, 9)])
    );
}

#[test]
fn a_snapshot_says_what_differs_as_far_out_as_it_reaches() {
    let mut book = snapshot_of(&[(99, 5), (98, 7), (50, 3)], &[(101, 4), (102, 9), (150, 8)]);
    let fresh = update(DepthKind::Snapshot, &[(97, 1), (98, 7)], &[]);
    assert_eq!(
        changes_of(&mut book, &fresh),
        [(Side::Buy, 97, 0, 1), (Side::Buy, 99, 5, 0)],
        "of 50 and of the asks the snapshot says nothing"
    );
    assert_eq!(book, snapshot_of(&[(98, 7), (97, 1)], &[]));
}

#[test]
fn best_prices_stand_open_locked_or_crossed() {
    for (bids, asks, condition) in [
        (&[][..], &[(101, 1)][..], BookCondition::OneSided),
        (&[(99, 1)], &[], BookCondition::OneSided),
        (&[(99, 1), (100, 2)], &[(102, 1), (101, 1)], BookCondition::Open),
        (&[(101, 1)], &[(101, 1)], BookCondition::Locked),
        (&[(102, 1)], &[(101, 1)], BookCondition::Crossed),
    ] {
        assert_eq!(
            snapshot_of(bids, asks).condition(),
            condition,
            "{bids:?} {asks:?}"
        );
    }
}

#[test]
fn the_quote_is_in_the_instruments_own_units() {
    let book = snapshot_of(&[(6_183_763, 378_826)], &[(6_183_764, 154_698)]);
    let quote = book
        .quote(&Grid::of(&instrument()))
        .expect("both sides are there");
    assert_eq!((quote.bid, quote.bid_size), (61_837.63, 3.788_26));
    assert_eq!((quote.ask, quote.ask_size), (61_837.64, 1.546_98));
    assert_eq!(snapshot_of(&[], &[(5, 1)]).quote(&Grid::of(&instrument())), None);
}

#[test]
fn memory_is_bounded_however_far_the_price_travels() {
    let mut book = OrderBook::default();
    let most = OrderBook::MOST_LEVELS as i64;
    for step in 0..3 * most {
        let price = 1_000_000 + step;
        book.apply(&update(
            DepthKind::Changes,
            &[(price, 1)],
            &[(price + 1, 1), (price, 0)],
        ));
        assert!(book.levels(Side::Buy).len() <= OrderBook::MOST_LEVELS * 9 / 8);
    }
    assert_eq!(
        book.best_bid().map(|level| level.price),
        Some(1_000_000 + 3 * most - 1)
    );
    assert_eq!(book.levels(Side::Sell).len(), 1);
    let wide: Vec<(i64, i64)> = (1..=2 * most).map(|price| (price, 1)).collect();
    let book = snapshot_of(&wide, &wide);
    let ends = SIDES.map(|side| book.levels(side).last().map(|level| level.price));
    assert_eq!(ends, [Some(most + 1), Some(most)], "the best are kept");
}

/// The book as one would write it for simplicity alone.
#[derive(Clone, Debug, Default, PartialEq)]
struct Naive {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Naive {
    fn side(&mut self, side: Side) -> &mut BTreeMap<i64, i64> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    fn apply(&mut self, update: &DepthUpdate) {
        for (side, levels) in [(Side::Buy, &update.bids), (Side::Sell, &update.asks)] {
            if update.kind == DepthKind::Snapshot {
                self.side(side).clear();
            }
            for level in levels {
                match level.size {
                    0 => self.side(side).remove(&level.price),
                    size => self.side(side).insert(level.price, size),
                };
            }
        }
    }

    fn of(book: &OrderBook) -> Self {
        let side = |side| book.levels(side).map(|level| (level.price, level.size)).collect();
        Self {
            bids: side(Side::Buy),
            asks: side(Side::Sell),
        }
    }
}

fn side_of_an_update() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((1_i64..60, prop_oneof![Just(0_i64), 1_i64..100]), 0..25)
}

fn updates() -> impl Strategy<Value = Vec<DepthUpdate>> {
    let kind = prop_oneof![4 => Just(DepthKind::Changes), 1 => Just(DepthKind::Snapshot)];
    let one = (kind, side_of_an_update(), side_of_an_update());
    prop::collection::vec(
        one.prop_map(|(kind, bids, asks)| update(kind, &bids, &asks)),
        0..20,
    )
}

proptest! {
    #[test]
    fn the_book_is_what_a_plain_map_is(updates in updates()) {
        let (mut book, mut naive) = (OrderBook::default(), Naive::default());
        for update in updates {
            book.apply(&update);
            naive.apply(&update);
            prop_assert_eq!(&Naive::of(&book), &naive);
            prop_assert_eq!(book.best_bid().map(|level| level.price), naive.bids.keys().next_back().copied());
            prop_assert_eq!(book.best_ask().map(|level| level.price), naive.asks.keys().next().copied());
            for side in SIDES {
                for price in 0..61 {
                    let size = naive.side(side).get(&price).copied().unwrap_or(0);
                    prop_assert_eq!(book.size_at(side, price), size);
                }
            }
            prop_assert!(book.levels(Side::Buy).is_sorted_by(|a, b| a.price > b.price));
            prop_assert!(book.levels(Side::Sell).is_sorted_by(|a, b| a.price < b.price));
        }
        let bytes = postcard::to_stdvec(&book).expect("it is plain data");
        prop_assert_eq!(postcard::from_bytes(&bytes), Ok(book));
    }

    #[test]
    fn the_changes_that_are_handed_on_make_the_same_book(updates in updates()) {
        let (mut book, mut followed) = (OrderBook::default(), Naive::default());
        for update in updates {
            let mut reach = Naive::default();
            reach.apply(&update);
            let changes = changes_of(&mut book, &update);
            for (side, price, before, after) in changes {
                let size = match after {
                    0 => followed.side(side).remove(&price),
                    after => followed.side(side).insert(price, after),
                };
                prop_assert_eq!(size.unwrap_or(0), before);
            }
            if update.kind == DepthKind::Snapshot {
                // What lies beyond a snapshot is forgotten without a word.
                let (lowest, highest) = (reach.bids.keys().next().copied(), reach.asks.keys().next_back().copied());
                followed.bids.retain(|price, _| lowest.is_some_and(|lowest| *price >= lowest));
                followed.asks.retain(|price, _| highest.is_some_and(|highest| *price <= highest));
            }
            prop_assert_eq!(&Naive::of(&book), &followed);
        }
    }
}

// ── Joining a snapshot and changes ────────────────────────────────────────────────────────────────────────────────────

/// Changes `first..=last`: change `n` sets the bid at price `n % 40 + 1` to size `n % 7`.
fn diff(first_id: u64, final_id: u64) -> DepthDiff {
    let bids: Vec<(i64, i64)> = (first_id..=final_id)
        .map(|n| (n as i64 % 40 + 1, n as i64 % 7))
        .collect();
    DepthDiff {
        first_id,
        final_id,
        previous: None,
        update: DepthUpdate {
            time: Timestamp::from_nanos(final_id as i64),
            ..update(DepthKind::Changes, &bids, &[])
        },
    }
}

/// The book after the changes `1..=last`, as a venue answers with it at `time`.
fn snapshot(last_id: u64, time: i64) -> DepthSnapshot {
    let mut book = OrderBook::default();
    (1..=last_id).for_each(|id| book.apply(&diff(id, id).update));
    DepthSnapshot {
        last_id,
        update: DepthUpdate {
            time: Timestamp::from_nanos(time),
            kind: DepthKind::Snapshot,
            bids: book.levels(Side::Buy).collect(),
            asks: Vec::new(),
        },
    }
}

/// What a joiner with these changes waiting makes of a snapshot: the last change in the book.
fn joined(waiting: &[(u64, u64)], last_id: u64) -> Result<Option<u64>, JoinError> {
    let mut join = DepthJoin::default();
    for &(first, last) in waiting {
        assert_eq!(join.diff(diff(first, last)), Ok(None), "it waits");
    }
    join.snapshot(snapshot(last_id, 0)).map(|_| join.last_id())
}

#[test]
fn a_snapshot_joins_the_changes_that_go_on_from_it() {
    for (waiting, last_id, result) in [
        (&[][..], 10, Ok(10)),
        (&[(8, 9), (10, 12), (13, 15)], 10, Ok(15)),
        (&[(8, 9), (10, 12)], 12, Ok(12)),
        (&[(8, 9), (10, 12)], 20, Ok(20)),
        // The first change that it lacks is the first that waits: nothing is missing.
        (&[(11, 12)], 10, Ok(12)),
        (
            &[(12, 13)],
            10,
            Err(JoinError::Gap {
                expected: 11,
                found: 12,
            }),
        ),
        // Changes before a gap among those that wait help nobody.
        (&[(8, 9), (12, 13)], 12, Ok(13)),
        (
            &[(8, 9), (12, 13)],
            8,
            Err(JoinError::Gap {
                expected: 9,
                found: 12,
            }),
        ),
        // Repeated and overlapping messages.
        (&[(8, 12), (8, 12), (9, 10), (12, 14)], 9, Ok(14)),
    ] {
        assert_eq!(
            joined(waiting, last_id),
            result.map(Some),
            "{waiting:?} and {last_id}"
        );
    }
}

#[test]
fn once_joined_each_message_must_go_on_where_the_book_stands() {
    let mut join = DepthJoin::default();
    join.snapshot(snapshot(10, 0)).expect("nothing waits");
    assert_eq!(join.diff(diff(9, 10)), Ok(None), "it is in the book");
    assert!(matches!(join.diff(diff(9, 12)), Ok(Some(_))), "it overlaps");
    assert_eq!(
        join.diff(diff(14, 15)),
        Err(JoinError::Gap {
            expected: 13,
            found: 14
        })
    );
    assert_eq!(join.last_id(), None);

    // After the gap it waits, with the message that showed it, for a snapshot that is new enough.
    assert_eq!(join.diff(diff(16, 16)), Ok(None));
    assert_eq!(
        join.snapshot(snapshot(12, 0)),
        Err(JoinError::Gap {
            expected: 13,
            found: 14
        })
    );
    assert_eq!(join.snapshot(snapshot(13, 0)).map(|updates| updates.len()), Ok(3));
    assert_eq!(join.last_id(), Some(16));

    assert_eq!(
        join.snapshot(snapshot(15, 0)),
        Ok(Vec::new()),
        "the book is newer"
    );
    assert_eq!(join.snapshot(snapshot(20, 0)).map(|updates| updates.len()), Ok(1));
    assert_eq!(
        join.diff(diff(25, 24)),
        Err(JoinError::Backwards {
            first_id: 25,
            final_id: 24
        })
    );
    assert_eq!(join.last_id(), Some(20), "nonsense changes nothing");
    join.restart();
    assert_eq!(join, DepthJoin::default());
}

#[test]
fn a_venue_that_names_the_message_before_may_skip_numbers() {
    let linked = |previous, first, last| DepthDiff {
        previous: Some(previous),
        ..diff(first, last)
    };
    let mut join = DepthJoin::default();
    join.snapshot(snapshot(10, 0)).expect("nothing waits");
    assert!(matches!(join.diff(linked(10, 15, 18)), Ok(Some(_))));
    assert_eq!(
        join.diff(linked(19, 21, 22)),
        Err(JoinError::Gap {
            expected: 19,
            found: 21
        })
    );
}

#[test]
fn what_waited_for_a_snapshot_became_known_with_it() {
    let mut join = DepthJoin::default();
    for id in 8..=12 {
        join.diff(diff(id, id)).expect("it waits");
    }
    let updates = join.snapshot(snapshot(9, 11)).expect("it joins");
    let times: Vec<i64> = updates.iter().map(|update| update.time.nanos()).collect();
    assert_eq!(times, [11, 11, 11, 12]);
    assert_eq!(updates[0].kind, DepthKind::Snapshot);
}

#[test]
fn no_more_than_a_bounded_number_of_messages_waits() {
    let mut join = DepthJoin::default();
    let most = DepthJoin::MOST_WAITING as u64;
    for id in 1..=most + 5 {
        join.diff(diff(id, id)).expect("it waits");
    }
    assert_eq!(
        join.snapshot(snapshot(4, 0)),
        Err(JoinError::Gap {
            expected: 5,
            found: 6
        }),
        "the first five had to go"
    );
    let updates = join.snapshot(snapshot(5, 0)).expect("it joins");
    assert_eq!(updates.len(), 1 + DepthJoin::MOST_WAITING);
}

proptest! {
    #[test]
    fn however_messages_are_cut_and_whenever_the_snapshot_comes_the_book_is_the_same(
        lengths in prop::collection::vec(1_u64..8, 1..30),
        in_snapshot in 0_u64..120,
        arrival in 0_usize..30,
    ) {
        let messages: Vec<(u64, u64)> = lengths
            .iter()
            .scan(0, |last, length| {
                let first = *last + 1;
                *last += length;
                Some((first, *last))
            })
            .collect();
        let (mut join, mut book) = (DepthJoin::default(), OrderBook::default());
        for (index, &(first, last)) in messages.iter().enumerate() {
            if index == arrival.min(messages.len() - 1) {
                for update in join.snapshot(snapshot(in_snapshot, 0)).expect("nothing is missing") {
                    book.apply(&update);
                }
            }
            if let Some(update) = join.diff(diff(first, last)).expect("nothing is missing") {
                book.apply(&update);
            }
        }
        let end = messages[messages.len() - 1].1.max(in_snapshot);
        prop_assert_eq!(join.last_id(), Some(end));
        prop_assert_eq!(book.levels(Side::Buy).collect::<Vec<_>>(), snapshot(end, 0).update.bids);
    }

    #[test]
    fn a_message_that_is_lost_is_missed_at_the_next(
        lengths in prop::collection::vec(1_u64..8, 3..20),
        lost in 1_usize..19,
    ) {
        let lost = lost.min(lengths.len() - 2);
        let mut join = DepthJoin::default();
        join.snapshot(snapshot(0, 0)).expect("nothing waits");
        let mut last = 0;
        for (index, length) in lengths.iter().enumerate() {
            let message = diff(last + 1, last + length);
            let expected = last + 1 - if index == lost + 1 { lengths[lost] } else { 0 };
            last += length;
            match index {
                _ if index == lost => {}
                _ if index == lost + 1 => {
                    let found = message.first_id;
                    prop_assert_eq!(join.diff(message), Err(JoinError::Gap { expected, found }));
                }
                _ => {
                    let applied = join.diff(message);
                    prop_assert_eq!(applied.map(|update| update.is_some()), Ok(index < lost));
                }
            }
        }
        join.snapshot(snapshot(last, 0)).expect("a new snapshot mends it");
        prop_assert_eq!(join.last_id(), Some(last));
    }
}

// ── Captures ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const TRADES: &str = "received_us,trade_time_ms,trade_id,price,quantity,buyer_is_maker\n";
const QUOTES: &str = "received_us,update_id,bid_price,bid_qty,ask_price,ask_qty\n";
const DEPTH: &str = "received_us,event_time_ms,first_update_id,final_update_id,side,price,quantity\n";
const SNAPSHOT: &str = "received_us,last_update_id,side,price,quantity\n";

/// What reading a capture of these rows, in the order of the files above, gives.
fn read(rows: [&str; 4]) -> Result<Vec<CaptureEvent>, String> {
    let headers = [TRADES, QUOTES, DEPTH, SNAPSHOT];
    let texts: Vec<String> = (0..4)
        .map(|index| format!("{}{}", headers[index], rows[index]))
        .collect();
    read_files([0, 1, 2, 3].map(|index| texts[index].as_bytes()))
}

fn read_files([trades, quotes, depth, snapshot]: [&[u8]; 4]) -> Result<Vec<CaptureEvent>, String> {
    let file = |name, bytes| CaptureFile { name, bytes };
    let files = CaptureFiles {
        trades: file("trades.csv", trades),
        quotes: file("quotes.csv", quotes),
        depth: file("depth.csv", depth),
        snapshot: file("snapshot.csv", snapshot),
    };
    Capture::open(files, Grid::of(&instrument()))
        .and_then(Iterator::collect)
        .map_err(|error| error.to_string())
}

#[test]
fn a_capture_is_one_stream_in_the_order_of_receipt() {
    let events = read([
        "5,1,1,10.01,0.5,1\n9,1,2,10.02,0.25,0\n",
        "5,3,10.01,2,10.02,1\n6,4,10.01,2,10.02,0.5\r\n\n",
        "5,1,2,3,b,10.01,2.000009\n5,1,2,3,a,10.03,0\n7,1,4,4,a,10.02,0.5",
        "5,1,b,10.01,2.5\n5,1,a,10.02,1\n",
    ])
    .expect("it is well formed");
    let names: Vec<String> = events
        .iter()
        .map(|event| {
            let micros = event.time().nanos() / 1_000;
            match event {
                CaptureEvent::Trade(trade) => {
                    format!(
                        "{micros} trade {} {} {}",
                        trade.id, trade.trade.aggressor, trade.trade.size
                    )
                }
                CaptureEvent::Quote(quote) => {
                    format!("{micros} quote {} {}", quote.update_id, quote.quote.ask_size)
                }
                CaptureEvent::Depth(diff) => {
                    let sizes = |levels: &[Level]| levels.iter().map(|level| level.size).collect::<Vec<_>>();
                    let DepthUpdate { bids, asks, .. } = &diff.update;
                    format!(
                        "{micros} depth {}-{} {:?} {:?}",
                        diff.first_id,
                        diff.final_id,
                        sizes(bids),
                        sizes(asks)
                    )
                }
                CaptureEvent::Snapshot(snapshot) => format!("{micros} snapshot {}", snapshot.last_id),
            }
        })
        .collect();
    assert_eq!(
        names,
        [
            "5 trade 1 sell 0.5",
            "5 quote 3 1",
            "5 depth 2-3 [200000] [0]",
            "5 snapshot 1",
            "6 quote 4 0.5",
            "7 depth 4-4 [] [50000]",
            "9 trade 2 buy 0.25",
        ]
    );
}

#[test]
fn what_is_wrong_with_a_capture_is_said_with_file_and_line() {
    const FILES: [&str; 4] = ["trades", "quotes", "depth", "snapshot"];
    for (file, rows, message) in [
        (0, "5,1,1,10.01,0.5\n", "line 2: 5 fields, where the header has 6"),
        (
            0,
            "5,1,1,10.01,0.5,yes\n",
            "line 2: buyer_is_maker 'yes' is not 0 or 1",
        ),
        (0, "5,1,1,0,0.5,1\n", "line 2: price '0' is not a positive number"),
        (
            0,
            "5,1,1,NaN,0.5,1\n",
            "line 2: price 'NaN' is not a positive number",
        ),
        (
            0,
            "5,1,-1,10,0.5,1\n",
            "line 2: trade_id '-1' is not a whole number",
        ),
        (
            0,
            "5,1,1,10,0.5,1\n\n6,1,1,10,1,1\n",
            "line 4: the trade_id 1 does not follow 1",
        ),
        (
            0,
            "5,1,1,10,0.5,1\n4,1,2,10,1,1\n",
            "line 3: received before the line above it",
        ),
        (
            0,
            "5.5,1,1,10,0.5,1\n",
            "line 2: received_us '5.5' is not a time in microseconds since 1970",
        ),
        (
            0,
            "0,1,1,10,0.5,1\n",
            "line 2: received_us '0' is not a time in microseconds since 1970",
        ),
        (0, "5,1,1,\"10,0.5,1\n", "line 2: the line is not CSV text"),
        (
            1,
            "5,3,10,2,x,1\n",
            "line 2: ask_price 'x' is not a positive number",
        ),
        (
            1,
            "5,3,10,-2,11,1\n",
            "line 2: bid_qty '-2' is not a number of 0 or more",
        ),
        (
            1,
            "5,3,10,2,11,1\n6,2,10,2,11,1\n",
            "line 3: the update_id 2 does not follow 3",
        ),
        (2, "5,1,2,3,c,10.01,2\n", "line 2: side 'c' is not b or a"),
        (
            2,
            "5,1,4,3,b,10.01,2\n",
            "line 2: the final_update_id 3 does not follow 4",
        ),
        (
            2,
            "5,1,2,3,b,10.015,2\n",
            "line 2: the price 10.015 is not a multiple of the tick 0.01",
        ),
        (2, "5,1,2,3,b,10.01,1e300\n", "line 2: the size 1"),
        (
            2,
            "5,1,2,3,b,10.01,2\n6,1,2,3,a,10.02,2\n",
            "line 3: the message of this line was received at another time on the line above",
        ),
        (
            3,
            "5,x,b,10.01,2\n",
            "line 2: last_update_id 'x' is not a whole number",
        ),
        (3, "5,1,b,,2\n", "line 2: price '' is not a positive number"),
    ] {
        let mut all = [""; 4];
        all[file] = rows;
        let error = read(all).expect_err(rows);
        let expected = format!("{}.csv, {message}", FILES[file]);
        assert!(error.starts_with(&expected), "{error}\n{expected}");
    }
}

#[test]
fn headers_are_checked_before_anything_is_read() {
    let good = [TRADES, QUOTES, DEPTH, SNAPSHOT].map(str::as_bytes);
    assert_eq!(read_files(good), Ok(Vec::new()), "no rows are no error");
    for (index, bytes, message) in [
        (0, &b""[..], "trades.csv, line 1: the file is empty"),
        (1, b"\n\n", "quotes.csv, line 3: the file is empty"),
        (
            2,
            b"received_us,side,price,quantity",
            "depth.csv, line 1: the column 'first_update_id' is missing",
        ),
        (
            3,
            b"received_us,last_update_id,side,price,quantity,side",
            "snapshot.csv, line 1: the column 'side' is there twice",
        ),
        (
            3,
            b"received_us,\xff",
            "snapshot.csv, line 1: the line is not CSV text",
        ),
    ] {
        let mut files = good;
        files[index] = bytes;
        assert_eq!(read_files(files), Err(message.to_owned()));
    }
    let named_freely =
        b"\xef\xbb\xbfQuantity,other,PRICE,side,last_update_id,received_us\r\n1,2,10,b,7,5\r\n";
    assert_eq!(
        read_files([good[0], good[1], good[2], named_freely]).map(|events| events.len()),
        Ok(1)
    );
}

proptest! {
    #[test]
    fn no_damage_makes_reading_panic(damage in prop::collection::vec((0_usize..400, any::<u8>()), 1..8)) {
        let mut files = [
            format!("{TRADES}5,1,1,10.01,0.5,1\n9,1,2,10.02,0.25,0\n"),
            format!("{QUOTES}5,3,10.01,2,10.02,1\n6,4,10.01,2,10.02,0.5\n"),
            format!("{DEPTH}5,1,2,3,b,10.01,2\n7,1,4,4,a,10.02,0.5\n"),
            format!("{SNAPSHOT}5,1,b,10.01,2.5\n5,1,a,10.02,1\n"),
        ]
        .map(String::into_bytes);
        for (position, byte) in damage {
            let file = &mut files[position % 4];
            let length = file.len();
            file[position / 4 % length] = byte;
        }
        if let Ok(events) = read_files([0, 1, 2, 3].map(|index| &files[index][..])) {
            prop_assert!(events.is_sorted_by_key(CaptureEvent::time));
        }
    }
}

/// A real capture, when the machine has it: `PAPERTAPE_SHARED` names the folder above `data`.
///
/// After the update that ends with change `u` the book must be what the venue's last quote with a number up to `u` said,
/// price and size; updates before the first quote have nothing to compare with.
#[test]
fn the_book_of_a_real_capture_has_the_best_prices_that_the_venue_showed() {
    let shared = std::env::var_os("PAPERTAPE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let mut files = Vec::new();
    for what in ["trades", "bookticker", "depth", "depth-snapshot"] {
        let path = shared.join(format!("data/BTCUSDT-20240808-{what}.csv"));
        let Ok(bytes) = std::fs::read(&path) else {
            eprintln!("skipped: there is no {}; set PAPERTAPE_SHARED", path.display());
            return;
        };
        files.push(bytes);
    }
    let events = read_files([0, 1, 2, 3].map(|index| &files[index][..])).expect("it is well formed");
    assert!(events.is_sorted_by_key(CaptureEvent::time));
    let quotes: Vec<CapturedQuote> = events
        .iter()
        .filter_map(|event| match event {
            CaptureEvent::Quote(quote) => Some(*quote),
            _ => None,
        })
        .collect();
    let trades = events
        .iter()
        .filter(|event| matches!(event, CaptureEvent::Trade(_)))
        .count();
    assert_eq!((trades, quotes.len()), (9_757, 28_040));

    let grid = Grid::of(&instrument());
    let (mut join, mut book) = (DepthJoin::default(), OrderBook::default());
    let (mut comparable, mut equal) = (0, 0);
    for event in events {
        let updates = match event {
            CaptureEvent::Snapshot(snapshot) => join.snapshot(snapshot).expect("it joins"),
            CaptureEvent::Depth(diff) => join.diff(diff).expect("nothing is missing").into_iter().collect(),
            CaptureEvent::Trade(_) | CaptureEvent::Quote(_) => continue,
        };
        // One message waits for this capture's snapshot, so after each update but the snapshot the join has its number.
        assert!(updates.len() <= 2);
        for update in updates {
            book.apply(&update);
            let last_id = join.last_id().expect("it is joined");
            let seen = quotes.partition_point(|quote| quote.update_id <= last_id);
            if update.kind == DepthKind::Snapshot || seen == 0 {
                continue;
            }
            comparable += 1;
            let shown = quotes[seen - 1].quote;
            let built = book.quote(&grid).expect("both sides are there");
            let of = |quote: papertape::market::Quote| (quote.bid, quote.bid_size, quote.ask, quote.ask_size);
            equal += u32::from(of(built) == of(shown));
        }
    }
    println!(
        "the book has the best prices and sizes of the venue after {equal} of {comparable} comparable updates"
    );
    assert_eq!((equal, comparable), (1_506, 1_506));
}
