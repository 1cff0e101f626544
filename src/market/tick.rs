//! Quotes and trades.

use crate::model::{Side, Timestamp};
use serde::{Deserialize, Serialize};

/// The best bid and ask (level 1). Prices in quote currency, sizes in units of the instrument.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quote {
    /// When the venue showed it.
    pub time: Timestamp,
    /// Best price somebody buys at.
    pub bid: f64,
    /// Quantity at the bid.
    pub bid_size: f64,
    /// Best price somebody sells at.
    pub ask: f64,
    /// Quantity at the ask.
    pub ask_size: f64,
}

impl Quote {
    /// Half way between bid and ask.
    #[must_use]
    pub fn mid(&self) -> f64 {
        0.5 * (self.bid + self.ask)
    }
}

/// One trade of the market's (not ours).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TradeTick {
    /// When it happened.
    pub time: Timestamp,
    /// Price, in quote currency.
    pub price: f64,
    /// Quantity, in units of the instrument.
    pub size: f64,
    /// The side of the taker.
    pub aggressor: Side,
}
