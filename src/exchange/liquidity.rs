//! What our own orders have taken from the book, and what is left for the next.
//!
//! The market does not know of our fills: a level that we emptied is shown as before. So that no two orders fill from
//! the same quantity, what they took stays taken until the level's shown size changes; then the market has spoken anew.

use crate::market::{Level, LevelChange, OrderBook};
use crate::model::Side;
use serde::{Deserialize, Serialize};

/// What our orders have taken from levels that have not changed since.
///
/// Its levels are those of the book, so it is bounded as the book is: of each side it remembers at most
/// [`OrderBook::MOST_LEVELS`], and the farthest goes first, which the book does not keep either.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnLiquidity {
    /// By price, rising.
    bids: Vec<Level>,
    /// By price, rising.
    asks: Vec<Level>,
}

impl OwnLiquidity {
    /// Whether nothing is taken.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bids.is_empty() && self.asks.is_empty()
    }

    /// Lots that our orders have taken at a price of a side of the book.
    #[inline]
    #[must_use]
    pub fn taken(&self, side: Side, price: i64) -> i64 {
        let levels = self.side(side);
        find(levels, price).map_or(0, |index| levels[index].size)
    }

    /// Lots that are left at a level that shows `shown`; never negative.
    #[inline]
    #[must_use]
    pub fn left(&self, side: Side, price: i64, shown: i64) -> i64 {
        shown.saturating_sub(self.taken(side, price)).max(0)
    }

    /// One of our orders takes `lots` from the level at `price` of a side of the book.
    pub fn take(&mut self, side: Side, price: i64, lots: i64) {
        if lots <= 0 {
            return;
        }
        let levels = self.side_mut(side);
        match find(levels, price) {
            Ok(index) => levels[index].size = levels[index].size.saturating_add(lots),
            Err(index) => {
                levels.insert(index, Level { price, size: lots });
                if levels.len() > OrderBook::MOST_LEVELS {
                    match side {
                        Side::Buy => levels.remove(0),
                        Side::Sell => levels.remove(levels.len() - 1),
                    };
                }
            }
        }
    }

    /// The market has spoken about a level: if its size changed, all that it shows is there again.
    #[inline]
    pub fn level_changed(&mut self, change: &LevelChange) {
        let levels = self.side_mut(change.side);
        if levels.is_empty() || change.before == change.after {
            return;
        }
        if let Ok(index) = find(levels, change.price) {
            levels.remove(index);
        }
    }

    const fn side(&self, side: Side) -> &Vec<Level> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn side_mut(&mut self, side: Side) -> &mut Vec<Level> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }
}

#[inline]
fn find(levels: &[Level], price: i64) -> Result<usize, usize> {
    levels.binary_search_by_key(&price, |level| level.price)
}

/// An order that takes what rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taker {
    /// Its own side: a buyer takes asks.
    pub side: Side,
    /// How much it wants, in lots.
    pub lots: i64,
    /// The worst price that it may fill at, in ticks.
    pub limit: Option<i64>,
    /// The worst price that the price protection allows, in ticks.
    pub protection: Option<i64>,
}

impl Taker {
    /// The nearer of the two bounds, in ticks; `None` when any price is good.
    #[must_use]
    pub fn bound(&self) -> Option<i64> {
        match (self.limit, self.protection) {
            (Some(limit), Some(protection)) => Some(match self.side {
                Side::Buy => limit.min(protection),
                Side::Sell => limit.max(protection),
            }),
            (limit, protection) => limit.or(protection),
        }
    }

    /// The same order without price protection.
    #[must_use]
    pub const fn unprotected(self) -> Self {
        Self {
            protection: None,
            ..self
        }
    }

    /// Whether it may fill at this price.
    fn accepts(&self, price: i64) -> bool {
        self.bound().is_none_or(|bound| match self.side {
            Side::Buy => price <= bound,
            Side::Sell => price >= bound,
        })
    }
}

/// What an order would take: the price and the lots of each level, from the best outward, until it has enough or its
/// bound or the book ends. Only looks: see [`sweep_and_take`].
///
/// ```
/// # use papertape::market::{DepthKind, DepthUpdate, Level, OrderBook};
/// # use papertape::model::{Side, Timestamp};
/// use papertape::exchange::{OwnLiquidity, Taker, sweep};
///
/// # let mut book = OrderBook::default();
/// # let asks = vec![Level { price: 101, size: 4 }, Level { price: 102, size: 9 }, Level { price: 105, size: 50 }];
/// # book.apply(&DepthUpdate { time: Timestamp::EPOCH, kind: DepthKind::Snapshot, bids: vec![], asks });
/// // The asks are 4 at 101, 9 at 102, 50 at 105; we have taken 3 of the first before.
/// let mut own = OwnLiquidity::default();
/// own.take(Side::Sell, 101, 3);
/// let order = Taker { side: Side::Buy, lots: 20, limit: Some(104), protection: None };
/// let fills: Vec<_> = sweep(&book, &own, order).map(|fill| (fill.price, fill.size)).collect();
/// assert_eq!(fills, [(101, 1), (102, 9)]);
/// ```
pub fn sweep(book: &OrderBook, own: &OwnLiquidity, taker: Taker) -> impl Iterator<Item = Level> {
    let side = taker.side.opposite();
    let mut wanted = taker.lots.max(0);
    book.levels(side)
        .take_while(move |level| taker.accepts(level.price))
        .map(move |level| Level {
            size: own.left(side, level.price, level.size),
            ..level
        })
        .filter(|level| level.size > 0)
        .map_while(move |level| {
            let size = level.size.min(wanted);
            wanted -= size;
            (size > 0).then_some(Level { size, ..level })
        })
}

/// Takes what [`sweep`] shows: remembers it as taken and hands each level's price and lots on; gives the lots that the
/// order did not find.
pub fn sweep_and_take(
    book: &OrderBook,
    own: &mut OwnLiquidity,
    taker: Taker,
    mut filled: impl FnMut(Level),
) -> i64 {
    let side = taker.side.opposite();
    let mut wanted = taker.lots.max(0);
    for level in book.levels(side) {
        if wanted == 0 || !taker.accepts(level.price) {
            break;
        }
        let size = own.left(side, level.price, level.size).min(wanted);
        if size > 0 {
            own.take(side, level.price, size);
            wanted -= size;
            filled(Level { size, ..level });
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{DepthKind, DepthUpdate};
    use crate::model::Timestamp;
    use proptest::prelude::*;

    fn levels(levels: &[(i64, i64)]) -> Vec<Level> {
        levels
            .iter()
            .map(|&(price, size)| Level { price, size })
            .collect()
    }

    fn book(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> OrderBook {
        let mut book = OrderBook::default();
        book.apply(&DepthUpdate {
            time: Timestamp::EPOCH,
            kind: DepthKind::Snapshot,
            bids: levels(bids),
            asks: levels(asks),
        });
        book
    }

    fn order(side: Side, lots: i64, limit: Option<i64>, protection: Option<i64>) -> Taker {
        Taker {
            side,
            lots,
            limit,
            protection,
        }
    }

    #[test]
    fn an_order_takes_from_the_best_price_to_its_nearer_bound() {
        let book = book(&[(99, 5), (98, 7), (95, 20)], &[(101, 4), (102, 9), (105, 50)]);
        let own = OwnLiquidity::default();
        for (taker, fills) in [
            (order(Side::Buy, 3, None, None), &[(101, 3)][..]),
            (order(Side::Buy, 20, None, None), &[(101, 4), (102, 9), (105, 7)]),
            (order(Side::Buy, 20, Some(102), None), &[(101, 4), (102, 9)]),
            (order(Side::Buy, 20, Some(104), Some(101)), &[(101, 4)]),
            (order(Side::Buy, 20, Some(100), None), &[]),
            (order(Side::Sell, 13, None, None), &[(99, 5), (98, 7), (95, 1)]),
            (order(Side::Sell, 13, Some(90), Some(98)), &[(99, 5), (98, 7)]),
            (order(Side::Sell, 13, Some(99), Some(98)), &[(99, 5)]),
            (order(Side::Sell, 0, None, None), &[]),
            (order(Side::Sell, -5, None, None), &[]),
        ] {
            assert_eq!(
                sweep(&book, &own, taker).collect::<Vec<_>>(),
                levels(fills),
                "{taker:?}"
            );
        }
    }

    #[test]
    fn two_orders_never_fill_from_the_same_quantity() {
        let book = book(&[], &[(101, 4), (102, 9)]);
        let mut own = OwnLiquidity::default();
        let mut fills = Vec::new();
        for _ in 0..3 {
            let rest = sweep_and_take(&book, &mut own, order(Side::Buy, 5, None, None), |fill| {
                fills.push(fill)
            });
            fills.push(Level { price: 0, size: rest });
        }
        let expected = [(101, 4), (102, 1), (0, 0), (102, 5), (0, 0), (102, 3), (0, 2)];
        assert_eq!(fills, levels(&expected));
    }

    #[test]
    fn what_is_taken_stays_taken_until_the_level_changes() {
        let mut book = book(&[], &[(101, 4), (102, 9)]);
        let mut own = OwnLiquidity::default();
        own.take(Side::Sell, 101, 4);
        own.take(Side::Sell, 102, 2);
        let mut change = |own: &mut OwnLiquidity, price, size| {
            let update = DepthUpdate {
                time: Timestamp::EPOCH,
                kind: DepthKind::Changes,
                bids: levels(&[(price, 1)]),
                asks: levels(&[(price, size)]),
            };
            book.apply_with(&update, |change| own.level_changed(&change));
        };
        change(&mut own, 102, 9); // the size as before: the market says nothing new
        assert_eq!(
            (own.left(Side::Sell, 101, 4), own.left(Side::Sell, 102, 9)),
            (0, 7)
        );
        change(&mut own, 102, 8);
        assert_eq!(
            (own.left(Side::Sell, 101, 4), own.left(Side::Sell, 102, 8)),
            (0, 8)
        );
        assert_eq!(own.left(Side::Sell, 101, 3), 0, "never less than nothing");
        change(&mut own, 101, 0);
        assert!(own.is_empty());
    }

    #[test]
    fn memory_is_bounded_and_forgets_the_farthest() {
        for (side, sign) in [(Side::Buy, -1), (Side::Sell, 1)] {
            let mut own = OwnLiquidity::default();
            let most = OrderBook::MOST_LEVELS as i64;
            for distance in (0..most + 10).rev() {
                own.take(side, 100_000 + sign * distance, 1);
            }
            assert_eq!(own.side(side).len(), OrderBook::MOST_LEVELS);
            assert_eq!(own.taken(side, 100_000), 1);
            assert_eq!(own.taken(side, 100_000 + sign * (most + 9)), 0);
        }
    }

    proptest! {
        #[test]
        fn all_orders_together_take_no_more_than_is_shown(
            asks in prop::collection::btree_map(100_i64..140, 1_i64..50, 0..30),
            orders in prop::collection::vec((1_i64..200, prop::option::of(95_i64..145), prop::option::of(95_i64..145)), 0..20),
        ) {
            let asks: Vec<(i64, i64)> = asks.into_iter().collect();
            let book = book(&[], &asks);
            let mut own = OwnLiquidity::default();
            let mut taken = vec![0; 200];
            for (lots, limit, protection) in orders {
                let taker = order(Side::Buy, lots, limit, protection);
                let seen: Vec<Level> = sweep(&book, &own, taker).collect();
                let mut fills = Vec::new();
                let rest = sweep_and_take(&book, &mut own, taker, |fill| fills.push(fill));
                prop_assert_eq!(&seen, &fills, "looking shows what taking takes");
                prop_assert_eq!(fills.iter().map(|fill| fill.size).sum::<i64>() + rest, lots);
                prop_assert!(fills.is_sorted_by(|a, b| a.price < b.price));
                for fill in fills {
                    prop_assert!(fill.size > 0 && taker.bound().is_none_or(|bound| fill.price <= bound));
                    taken[fill.price as usize] += fill.size;
                }
                if rest > 0 {
                    let within = |price: i64| taker.bound().is_none_or(|bound| price <= bound);
                    prop_assert!(asks.iter().all(|&(price, size)| !within(price) || taken[price as usize] == size));
                }
            }
            for (price, shown) in asks {
                prop_assert_eq!(own.left(Side::Sell, price, shown), shown - taken[price as usize]);
                prop_assert!(taken[price as usize] <= shown);
            }
        }
    }
}
