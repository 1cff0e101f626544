//! One thing that a market says.

use super::{Bar, Quote, TradeTick};
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing that a feed delivers, in the order of market time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketEvent {
    /// A bar closed, on feeds whose finest data is bars.
    Bar(Bar),
    /// The best bid and ask changed.
    Quote(Quote),
    /// Somebody traded.
    Trade(TradeTick),
    /// It is this time now: closes bars on time when the market is silent.
    Clock(Timestamp),
}
