//! The level-2 order book: what rests at every price, kept from a snapshot and numbered changes.
//!
//! Inside, prices are whole ticks and sizes whole lots, so the book is exact and fast; [`Grid`] is the border.
//! [`DepthJoin`] puts a venue's snapshot and changes together without a gap; [`OrderBook`] is what they make.

mod grid;
mod join;
mod ladder;
mod update;

pub use grid::{Grid, GridError};
pub use join::{DepthDiff, DepthJoin, DepthSnapshot, JoinError};
pub use update::{DepthKind, DepthUpdate, Level, LevelChange};

use super::Quote;
use crate::model::{Side, Timestamp};
use ladder::Ladder;
use serde::{Deserialize, Serialize};

/// How the best bid and the best ask stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookCondition {
    /// One side or both are empty.
    OneSided,
    /// The best bid is below the best ask, as it should be.
    Open,
    /// The best bid is the best ask.
    Locked,
    /// The best bid is above the best ask: the data are torn, or the market is halted.
    Crossed,
}

/// What rests at every price of one instrument.
///
/// It keeps the [`OrderBook::MOST_LEVELS`] best levels of each side and up to an eighth more; what lies farther out is
/// forgotten until the feed names it again, so memory is bounded however far the price travels. A book is therefore
/// right from the best price outward to the reach of its snapshot, as a venue's own snapshot is.
///
/// ```
/// use papertape::market::{DepthKind, DepthUpdate, Level, OrderBook};
/// use papertape::model::{Side, Timestamp};
///
/// let mut book = OrderBook::default();
/// book.apply(&DepthUpdate {
///     time: Timestamp::EPOCH,
///     kind: DepthKind::Snapshot,
///     bids: vec![Level { price: 99, size: 5 }, Level { price: 98, size: 7 }],
///     asks: vec![Level { price: 101, size: 4 }],
/// });
/// assert_eq!(book.best_bid(), Some(Level { price: 99, size: 5 }));
/// assert_eq!(book.size_at(Side::Sell, 101), 4);
/// assert_eq!(book.levels(Side::Buy).map(|level| level.price).collect::<Vec<_>>(), [99, 98]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderBook {
    time: Timestamp,
    bids: Ladder,
    asks: Ladder,
}

impl Default for OrderBook {
    fn default() -> Self {
        Self {
            time: Timestamp::EPOCH,
            bids: Ladder::new(Side::Buy),
            asks: Ladder::new(Side::Sell),
        }
    }
}

impl OrderBook {
    /// Levels of a side that are kept; the largest snapshot of the widely used venues has as many.
    pub const MOST_LEVELS: usize = 5_000;

    /// Takes in what a feed says.
    pub fn apply(&mut self, update: &DepthUpdate) {
        self.apply_with(update, |_| ());
    }

    /// Takes in what a feed says, and hands on each level's change, bids first, each when it has been made.
    ///
    /// Of changes every level that the update names is handed on, even one whose size is as before; of a snapshot those
    /// that differ from what was known, as far out as it reaches. Once the book has
    /// grown to its size nothing is allocated, unless a snapshot is not sorted from the best outward.
    #[inline]
    pub fn apply_with(&mut self, update: &DepthUpdate, mut changed: impl FnMut(LevelChange)) {
        self.time = update.time;
        self.bids.apply(update.kind, &update.bids, &mut changed);
        self.asks.apply(update.kind, &update.asks, &mut changed);
    }

    /// When the book last changed; the epoch before the first update.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// The highest price that somebody buys at.
    #[inline]
    #[must_use]
    pub fn best_bid(&self) -> Option<Level> {
        self.bids.best()
    }

    /// The lowest price that somebody sells at.
    #[inline]
    #[must_use]
    pub fn best_ask(&self) -> Option<Level> {
        self.asks.best()
    }

    /// The lots that rest on a side at a price in ticks; 0 when nothing does.
    #[inline]
    #[must_use]
    pub fn size_at(&self, side: Side, price: i64) -> i64 {
        self.side(side).size_at(price)
    }

    /// The levels of a side from the best outward.
    pub fn levels(&self, side: Side) -> impl ExactSizeIterator<Item = Level> + Clone + '_ {
        self.side(side).levels()
    }

    /// How the best prices stand to each other. Orders fill on a locked book as on an open one; on a crossed book
    /// nothing does.
    #[inline]
    #[must_use]
    pub fn condition(&self) -> BookCondition {
        let (Some(bid), Some(ask)) = (self.best_bid(), self.best_ask()) else {
            return BookCondition::OneSided;
        };
        match bid.price.cmp(&ask.price) {
            std::cmp::Ordering::Less => BookCondition::Open,
            std::cmp::Ordering::Equal => BookCondition::Locked,
            std::cmp::Ordering::Greater => BookCondition::Crossed,
        }
    }

    /// The best bid and ask as a quote; `None` while a side is empty.
    #[must_use]
    pub fn quote(&self, grid: &Grid) -> Option<Quote> {
        let (bid, ask) = (self.best_bid()?, self.best_ask()?);
        Some(Quote {
            time: self.time,
            bid: grid.price_f64(bid.price),
            bid_size: grid.size_f64(bid.size),
            ask: grid.price_f64(ask.price),
            ask_size: grid.size_f64(ask.size),
        })
    }

    const fn side(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }
}
