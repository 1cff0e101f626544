//! What updates make of a book.

use super::update;
use papertape::market::{BookCondition, DepthKind, DepthUpdate, Grid, LevelChange, OrderBook};
use papertape::model::Side;
use papertape::testkit::instrument;
use proptest::prelude::*;
use std::collections::BTreeMap;

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

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
