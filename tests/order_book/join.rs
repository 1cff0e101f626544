//! Joining a snapshot and the changes after it.

use super::update;
use papertape::market::{DepthDiff, DepthJoin, DepthKind, DepthSnapshot, DepthUpdate, JoinError, OrderBook};
use papertape::model::{Side, Timestamp};
use proptest::prelude::*;

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
