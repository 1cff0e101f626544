//! Why an order is refused or withdrawn: a stable code and a sentence.
//!
//! *Denied* is the risk check's word, *rejected* the exchange's.

use crate::model::{Money, Price, Quantity};
use serde::{Deserialize, Serialize};

/// Why the risk check refused an order.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DenyReason {
    /// The cash does not reach.
    #[error("needs {needed} but only {available} is available")]
    InsufficientFunds {
        /// What the order would hold.
        needed: Money,
        /// What is free.
        available: Money,
    },
    /// The size came out as nothing.
    #[error("the size comes to less than one lot ({lot})")]
    BelowLot {
        /// The instrument's lot.
        lot: Quantity,
    },
    /// The order's value is too small.
    #[error("a value of {notional} is below the smallest order of {minimum}")]
    BelowMinimumNotional {
        /// The order's value.
        notional: Money,
        /// The instrument's smallest.
        minimum: Money,
    },
    /// A computed price or size is not usable.
    #[error("the {what} comes to {value}, which is no usable number")]
    Undefined {
        /// Which of the order's numbers.
        what: String,
        /// What the expression gave, as text.
        value: String,
    },
    /// The order would only reduce, but there is nothing to reduce.
    #[error("there is no position to reduce")]
    NothingToReduce,
    /// The account is halted.
    #[error("trading is halted: {because}")]
    Halted {
        /// Which protection halted it.
        because: String,
    },
}

impl DenyReason {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InsufficientFunds { .. } => "insufficient_funds",
            Self::BelowLot { .. } => "below_lot",
            Self::BelowMinimumNotional { .. } => "below_minimum_notional",
            Self::Undefined { .. } => "undefined_value",
            Self::NothingToReduce => "nothing_to_reduce",
            Self::Halted { .. } => "halted",
        }
    }
}

/// Why the exchange refused an order.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// A price that is no multiple of the tick, or not positive.
    #[error("price {price} is not a positive multiple of the tick")]
    InvalidPrice {
        /// The price.
        price: Price,
    },
    /// A quantity that is no multiple of the lot, or not positive.
    #[error("quantity {quantity} is not a positive multiple of the lot")]
    InvalidQuantity {
        /// The quantity.
        quantity: Quantity,
    },
    /// A stop on the side where it would be set off at once.
    #[error("stop price {stop_price} is on the wrong side of the market at {market}")]
    StopWouldTrigger {
        /// The trigger price.
        stop_price: Price,
        /// The market's last price.
        market: Price,
    },
}

impl RejectReason {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidPrice { .. } => "invalid_price",
            Self::InvalidQuantity { .. } => "invalid_quantity",
            Self::StopWouldTrigger { .. } => "stop_would_trigger",
        }
    }
}

/// Why an order was withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// A person or program asked for it.
    #[error("canceled on request")]
    Requested,
    /// The position it protected is closed.
    #[error("the position it belonged to is closed")]
    PositionClosed,
    /// Its time in force leaves no rest.
    #[error("not filled at once, as its time in force demands")]
    NotFilledAtOnce,
    /// The price moved between placing and filling, and the cash does not reach for the rest.
    #[error("the cash does not reach at the price it met")]
    InsufficientFunds,
    /// A new order of the same rule takes its place.
    #[error("replaced by a newer order")]
    Replaced,
    /// The session stops or halts.
    #[error("the session stopped trading")]
    SessionStopped,
}

impl CancelReason {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::PositionClosed => "position_closed",
            Self::NotFilledAtOnce => "not_filled_at_once",
            Self::InsufficientFunds => "insufficient_funds",
            Self::Replaced => "replaced",
            Self::SessionStopped => "session_stopped",
        }
    }
}
