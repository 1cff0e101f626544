//! Round trips: from flat to flat.

use crate::model::{Money, Price, Quantity, Side, Symbol, Timestamp, TradeId};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt};

/// The direction of a position or of a round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TradeSide {
    /// Gains when the price rises.
    Long,
    /// Gains when the price falls.
    Short,
}

impl TradeSide {
    /// The other one.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Long => Self::Short,
            Self::Short => Self::Long,
        }
    }

    /// The side of the order that opens it.
    #[must_use]
    pub const fn entry(self) -> Side {
        match self {
            Self::Long => Side::Buy,
            Self::Short => Side::Sell,
        }
    }

    /// `1.0` for long, `-1.0` for short.
    #[must_use]
    pub const fn sign(self) -> f64 {
        match self {
            Self::Long => 1.0,
            Self::Short => -1.0,
        }
    }
}

impl fmt::Display for TradeSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Long => "long",
            Self::Short => "short",
        })
    }
}

/// One round trip, from the fill that opened a position to the fill that closed it; open while `exit_time` is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trade {
    /// Its number in the session.
    pub id: TradeId,
    /// The instrument.
    pub symbol: Symbol,
    /// Long or short.
    pub side: TradeSide,
    /// The largest quantity held, in units of the instrument.
    pub quantity: Quantity,
    /// When it was opened.
    pub entry_time: Timestamp,
    /// Average price of the fills that opened it.
    pub entry_price: Price,
    /// When it was closed.
    pub exit_time: Option<Timestamp>,
    /// Average price of the fills that closed it.
    pub exit_price: Option<Price>,
    /// All fees, both ways.
    pub fees: Money,
    /// Realised profit or loss after fees.
    pub pnl: Money,
    /// `pnl` as a share of the entry's value.
    #[serde(rename = "return")]
    pub return_ratio: f64,
    /// The rule that opened it, in words.
    pub entry_reason: Cow<'static, str>,
    /// The rule that closed it, in words; empty while open.
    pub exit_reason: Cow<'static, str>,
}

impl Trade {
    /// Whether the round trip is over.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.exit_time.is_some()
    }
}
