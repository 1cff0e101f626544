//! A snapshot reaches so far and no farther, and what lies beyond and does not change is never told. Before the price has come to
//! where the last one ended, another is asked for and joined with the book, which goes on meanwhile.

use super::Want;
use super::book::{Book, whole};
use crate::venue::BookStart;
use papertape::market::{
    BookCondition, DepthDiff, DepthJoin, DepthKind, DepthSnapshot, DepthUpdate, Level, OrderBook,
};
use papertape::model::{Side, Timestamp};

/// How far a snapshot reached, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    lowest: i64,
    highest: i64,
    /// From the best price to there, when it was made.
    below: i64,
    above: i64,
}

impl Range {
    pub(super) fn of(snapshot: &DepthUpdate) -> Option<Self> {
        let prices = |levels: &[Level]| {
            let prices = levels.iter().map(|level| level.price);
            prices.clone().min().zip(prices.max())
        };
        let ((lowest, bid), (ask, highest)) = (prices(&snapshot.bids)?, prices(&snapshot.asks)?);
        Some(Self {
            lowest,
            highest,
            below: bid - lowest,
            above: highest - ask,
        })
    }

    /// Whether half of the way to one of its ends is gone, or more.
    fn is_left_by(&self, bid: i64, ask: i64) -> bool {
        2 * (bid - self.lowest) < self.below || 2 * (self.highest - ask) < self.above
    }
}

/// Another book that is being made beside the one that is known.
#[derive(Clone, Debug)]
pub(super) struct Renewal {
    asked: Timestamp,
    join: DepthJoin,
    book: OrderBook,
    range: Option<Range>,
}

impl Renewal {
    /// Takes a change; whether it belongs to those before it: a snapshot that came between two may be older than both.
    pub(super) fn diff(&mut self, diff: &DepthDiff) -> bool {
        match self.join.diff(diff.clone()) {
            Ok(update) => {
                update.iter().for_each(|update| self.book.apply(update));
                true
            }
            Err(_) => false,
        }
    }

    /// Takes the snapshot; whether it belongs to the changes since it was asked for.
    fn take(&mut self, snapshot: DepthSnapshot) -> bool {
        self.range = Range::of(&snapshot.update);
        let updates = self.join.snapshot(snapshot).unwrap_or_default();
        updates.iter().for_each(|update| self.book.apply(update));
        self.range.is_some() && self.book.condition() != BookCondition::Crossed && !updates.is_empty()
    }
}

impl Book {
    /// A snapshot is asked for no more often: it weighs as much as fifty other requests, and a busy market goes so far each minute. It
    /// can be left undone, and is while others need the limit.
    const RENEWED_EVERY: i64 = 5 * 60 * 1_000_000_000;

    /// Asks for another snapshot where the price nears the end of the last.
    pub(super) fn renew(&mut self, now: Timestamp) -> Option<Want> {
        let (range, bid, ask) = (self.range?, self.book.best_bid()?, self.book.best_ask()?);
        let is_due = self.is_known()
            && self.start == BookStart::Rest
            && range.is_left_by(bid.price, ask.price)
            && now.since(self.ranged) >= Self::RENEWED_EVERY;
        if !is_due {
            return None;
        }
        self.ranged = now;
        self.renewal = Some(Renewal {
            asked: now,
            join: DepthJoin::default(),
            book: OrderBook::default(),
            range: None,
        });
        Some(Want::Renewal)
    }

    /// Takes the snapshot that [`Book::renew`] asked for; one that does not belong is asked for again when it is due.
    pub(super) fn take_renewal(&mut self, snapshot: Option<DepthSnapshot>) -> Option<DepthUpdate> {
        let renewal = self.renewal.as_mut()?;
        if !snapshot.is_some_and(|snapshot| renewal.take(snapshot)) {
            self.renewal = None;
        }
        self.renewed()
    }

    /// The whole book with what the new snapshot has, as soon as both are of the same change: a snapshot may be ahead of the stream.
    pub(super) fn renewed(&mut self) -> Option<DepthUpdate> {
        let renewal = self.renewal.as_ref()?;
        let range = renewal
            .range
            .filter(|_| renewal.join.last_id() == self.join.last_id())?;
        // What the last snapshot had beyond the new one is still known: its changes were told.
        let side = |side, is_inside: fn(i64, &Range) -> bool| -> Vec<Level> {
            let is_inside = |level: &Level| is_inside(level.price, &range);
            let beyond = self.book.levels(side).filter(|level| !is_inside(level));
            renewal
                .book
                .levels(side)
                .filter(is_inside)
                .chain(beyond)
                .collect()
        };
        let joined = DepthUpdate {
            time: self.book.time(),
            kind: DepthKind::Snapshot,
            bids: side(Side::Buy, |price, range| price >= range.lowest),
            asks: side(Side::Sell, |price, range| price <= range.highest),
        };
        tracing::debug!(asked = %renewal.asked, "the book is renewed");
        (self.range, self.renewal) = (Some(range), None);
        self.book.apply(&joined);
        Some(whole(&self.book, joined.time))
    }
}

#[cfg(test)]
mod tests {
    use super::super::book::BookTook;
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + secs)
    }

    /// A market of which every price has a size of its own, the bids below `ask` and the asks from there.
    fn levels(prices: impl Iterator<Item = i64>) -> Vec<Level> {
        prices
            .map(|price| Level {
                price,
                size: 10 * price,
            })
            .collect()
    }

    /// Ten levels of each side.
    fn snapshot(last_id: u64, ask: i64) -> DepthSnapshot {
        let update = DepthUpdate {
            time: at(0),
            kind: DepthKind::Snapshot,
            bids: levels((ask - 10..ask).rev()),
            asks: levels(ask..ask + 10),
        };
        DepthSnapshot { last_id, update }
    }

    /// The price at `ask` goes from the asks to the bids.
    fn up(id: u64, ask: i64) -> DepthDiff {
        let update = DepthUpdate {
            time: at(id as i64),
            kind: DepthKind::Changes,
            bids: levels(std::iter::once(ask)),
            asks: vec![Level { price: ask, size: 0 }],
        };
        DepthDiff {
            first_id: id,
            final_id: id,
            previous: None,
            update,
        }
    }

    /// A book known up to change 100, whose best ask is 1000.
    fn known() -> Book {
        let mut book = Book::new(BookStart::Rest);
        let _ = book.diff(up(100, 999), at(0));
        let took = book.rest_snapshot(Ok(snapshot(100, 1_000)), at(0));
        assert!(matches!(took, BookTook::Known(_)), "{took:?}");
        book
    }

    /// The same up to change 106, whose best ask is 1006, while another snapshot is asked for.
    fn renewing() -> Book {
        let mut book = known();
        for step in 0..6 {
            let _ = book.diff(up(101 + step, 1_000 + step as i64), at(1));
        }
        assert_eq!(book.renew(at(301)), Some(Want::Renewal));
        book
    }

    fn prices(book: &Book, side: Side) -> Vec<i64> {
        let mut prices: Vec<i64> = book.book().levels(side).map(|level| level.price).collect();
        prices.sort_unstable();
        prices
    }

    #[test]
    fn a_book_is_renewed_before_the_price_leaves_its_snapshot_and_not_often() {
        let mut book = known();
        // Half of the way is not gone, and then it is, too soon after the last.
        for step in 0..5 {
            assert_eq!(book.renew(at(1_000)), None, "after {step}");
            let _ = book.diff(up(101 + step, 1_000 + step as i64), at(1));
        }
        assert_eq!(book.renew(at(299)), None);
        assert_eq!(book.renew(at(301)), Some(Want::Renewal));
        assert_eq!(book.renew(at(302)), None, "it is under way");
        // It failed: it is asked for again, not at once.
        let failed = book.rest_snapshot(
            Err(crate::venue::FeedError::Trouble {
                venue: "venue".to_owned(),
                said: "503".to_owned(),
            }),
            at(303),
        );
        assert!(matches!(failed, BookTook::Nothing) && book.is_known());
        assert_eq!(book.renew(at(600)), None);
        assert_eq!(book.renew(at(601)), Some(Want::Renewal));
        // The stream goes on while the answer is on its way: made before change 106, it comes after it.
        let _ = book.diff(up(106, 1_005), at(602));
        let BookTook::Changed(told) = book.rest_snapshot(Ok(snapshot(105, 1_005)), at(602)) else {
            panic!("it is renewed")
        };
        assert_eq!(told.kind, DepthKind::Snapshot);
        // All that was known below, and what was beyond the last snapshot above.
        assert_eq!(prices(&book, Side::Buy), Vec::from_iter(990..=1_005));
        assert_eq!(prices(&book, Side::Sell), Vec::from_iter(1_006..=1_014));
        assert!(book.is_known() && book.renew(at(10_000)).is_none());
        assert!(matches!(book.diff(up(107, 1_006), at(603)), BookTook::Changed(_)));
    }

    #[test]
    fn a_snapshot_ahead_of_the_stream_waits_for_it() {
        let mut book = renewing();
        let took = book.rest_snapshot(Ok(snapshot(108, 1_008)), at(302));
        assert!(matches!(took, BookTook::Nothing), "{took:?}");
        let kind = |took| match took {
            BookTook::Changed(update) => update.kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(kind(book.diff(up(107, 1_006), at(303))), DepthKind::Changes);
        assert_eq!(kind(book.diff(up(108, 1_007), at(303))), DepthKind::Snapshot);
        assert_eq!(prices(&book, Side::Buy), Vec::from_iter(990..=1_007));
        assert_eq!(prices(&book, Side::Sell), Vec::from_iter(1_008..=1_017));
    }

    #[test]
    fn a_snapshot_from_before_all_that_has_come_is_none() {
        let mut book = renewing();
        // Nothing was told since it was asked for, and it lacks two changes that were told before.
        let took = book.rest_snapshot(Ok(snapshot(104, 1_004)), at(302));
        assert!(matches!(took, BookTook::Nothing), "{took:?}");
        assert!(matches!(book.diff(up(107, 1_006), at(303)), BookTook::Changed(_)));
        assert!(book.renewal.is_none(), "nothing is gathered for it");
        assert_eq!(book.renew(at(601)), Some(Want::Renewal));
    }

    #[test]
    fn a_book_that_is_lost_meanwhile_begins_with_what_comes() {
        let mut book = renewing();
        let lost = book.diff(up(109, 1_008), at(302));
        assert!(
            matches!(
                lost,
                BookTook::Lost {
                    want: Some(Want::Book),
                    ..
                }
            ),
            "{lost:?}"
        );
        let took = book.rest_snapshot(Ok(snapshot(108, 1_008)), at(303));
        assert!(matches!(took, BookTook::Known(_)), "{took:?}");
        assert_eq!(prices(&book, Side::Buy), Vec::from_iter(998..=1_008));
    }
}
