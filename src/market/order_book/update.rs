//! What a feed says about a book.

use crate::model::{Side, Timestamp};
use serde::{Deserialize, Serialize};

/// A price and the size shown at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// The price, in ticks.
    pub price: i64,
    /// The size, in lots; in an update 0 removes the level.
    pub size: i64,
}

/// Whether an update is the whole book or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DepthKind {
    /// The book as it is, as far out as the update's last level on each side.
    Snapshot,
    /// The levels that changed.
    Changes,
}

/// What one message says about a book. Sizes are absolute: what is there now, not what came or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepthUpdate {
    /// When it became known.
    pub time: Timestamp,
    /// The whole, or what changed.
    pub kind: DepthKind,
    /// Levels of the buyers, in any order; of two at one price the later counts.
    pub bids: Vec<Level>,
    /// Levels of the sellers, likewise.
    pub asks: Vec<Level>,
}

/// How one level changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelChange {
    /// Whose level: [`Side::Buy`] is a bid, [`Side::Sell`] an ask.
    pub side: Side,
    /// The price, in ticks.
    pub price: i64,
    /// Lots shown before; 0 when there was no level.
    pub before: i64,
    /// Lots shown now; 0 when there is no level.
    pub after: i64,
}
