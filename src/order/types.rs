//! What an order says.

use super::OrderStatus;
use crate::model::{Money, OrderId, Price, Quantity, Side, Timeframe, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// An order with all that has happened to it so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Its number in the session.
    pub id: OrderId,
    /// Buy or sell.
    pub side: Side,
    /// What it waits for.
    pub kind: OrderKind,
    /// Quantity ordered, in units of the instrument.
    pub quantity: Quantity,
    /// Quantity filled so far.
    pub filled: Quantity,
    /// Average price of the fills; `None` before the first.
    pub average_price: Option<Price>,
    /// Where it stands.
    pub status: OrderStatus,
    /// How long it stays.
    pub time_in_force: TimeInForce,
    /// Why it was placed.
    pub purpose: OrderPurpose,
    /// The price on which the decision was made: the last price when it was placed.
    pub decision_price: Price,
    /// When it was placed.
    pub submitted_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Cash held for it.
    pub hold: Money,
    /// The rule or command that placed it, in words: `entry.long`, `stop loss`, `flatten`.
    pub reason: Cow<'static, str>,
    /// Why it ended unfilled, in words; empty otherwise.
    pub end_reason: Cow<'static, str>,
}

impl Order {
    /// Quantity not yet filled.
    #[must_use]
    pub fn remaining(&self) -> Quantity {
        Quantity(self.quantity.0 - self.filled.0)
    }

    /// Whether it takes whatever price there is: a market order, or a stop that was set off.
    #[must_use]
    pub const fn takes_any_price(&self) -> bool {
        match self.kind {
            OrderKind::Market => true,
            OrderKind::Limit { .. } => false,
            OrderKind::Stop { .. } | OrderKind::TrailingStop { .. } => {
                matches!(self.status, OrderStatus::Triggered | OrderStatus::PartiallyFilled)
            }
        }
    }

    /// Whether its time in force leaves no rest once it has met the market: immediate or cancel, fill or kill. A stop
    /// waits for its trigger first.
    #[must_use]
    pub const fn leaves_no_rest(&self) -> bool {
        let waits = matches!(
            (self.kind, self.status),
            (
                OrderKind::Stop { .. } | OrderKind::TrailingStop { .. },
                OrderStatus::Accepted
            )
        );
        matches!(self.time_in_force, TimeInForce::Ioc | TimeInForce::Fok) && !waits
    }

    /// When its time in force ends; `None` for orders that stay until they are filled or withdrawn.
    #[must_use]
    pub const fn expires_at(&self) -> Option<Timestamp> {
        match self.time_in_force {
            TimeInForce::Gtd { expires_at } => Some(expires_at),
            TimeInForce::Day => Some(Timeframe::DAY.close_of(Timeframe::DAY.floor(self.submitted_at))),
            TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok => None,
        }
    }
}

/// What an order waits for before it fills.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// Nothing: it takes the next price there is.
    Market,
    /// A price of `price` or better.
    Limit {
        /// The worst price it accepts.
        price: Price,
    },
    /// The market to touch `stop_price`; then it is a market order.
    Stop {
        /// The price that sets it off.
        stop_price: Price,
    },
    /// A stop that follows the market at a distance, in the order's favour only.
    TrailingStop {
        /// The price that sets it off, as it stands.
        stop_price: Price,
        /// How far it stays behind the best price seen.
        trail: Trail,
    },
}

/// How far a trailing stop stays behind the best price seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trail {
    /// By this much, in quote currency.
    Amount(#[serde(with = "crate::model::decimal")] Decimal),
    /// By this share of the best price (0.015 is 1.5 %), so that the distance grows with a gain.
    Share(#[serde(with = "crate::model::decimal")] Decimal),
}

impl Trail {
    /// The distance behind `best`, in quote currency.
    #[must_use]
    pub fn behind(self, best: Price) -> Decimal {
        match self {
            Self::Amount(amount) => amount,
            Self::Share(share) => best.0 * share,
        }
    }
}

impl OrderKind {
    /// The limit or trigger price, if the kind has one.
    #[must_use]
    pub const fn price(&self) -> Option<Price> {
        match self {
            Self::Market => None,
            Self::Limit { price } => Some(*price),
            Self::Stop { stop_price } | Self::TrailingStop { stop_price, .. } => Some(*stop_price),
        }
    }

    /// The kind's name as the wire and the page write it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Limit { .. } => "limit",
            Self::Stop { .. } => "stop",
            Self::TrailingStop { .. } => "trailing_stop",
        }
    }
}

/// How long an order stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeInForce {
    /// Until it is filled or canceled.
    Gtc,
    /// What can be filled at once is filled, the rest is canceled.
    Ioc,
    /// Filled at once and whole, or canceled.
    Fok,
    /// Until the end of its UTC day.
    Day,
    /// Until `expires_at`.
    Gtd {
        /// When it expires.
        expires_at: Timestamp,
    },
}

/// Why an order was placed: what it does to the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderPurpose {
    /// Opens a position or adds to it.
    Entry,
    /// Closes on a rule of the strategy.
    Exit,
    /// Closes at a loss limit fixed at entry.
    StopLoss,
    /// Closes at a target fixed at entry.
    TakeProfit,
    /// Closes when the market turns back by a distance.
    TrailingStop,
    /// Closes because a person or a protection says so.
    Flatten,
}

impl OrderPurpose {
    /// Whether the order may only make the position smaller.
    #[must_use]
    pub const fn reduces(self) -> bool {
        !matches!(self, Self::Entry)
    }
}
