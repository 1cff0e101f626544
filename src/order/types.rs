//! What an order says.

use super::{ClientOrderId, GroupId, OrderStatus};
use crate::model::{Instrument, InstrumentId, Money, OrderId, Price, Quantity, Side, Timestamp, decimal};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// An order with all that has happened to it so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Its number in the session.
    pub id: OrderId,
    /// What it trades.
    #[serde(default)]
    pub instrument: InstrumentId,
    /// The name that its owner gave it, by which a repeated request is known.
    #[serde(default)]
    pub client_order_id: Option<ClientOrderId>,
    /// Buy or sell.
    pub side: Side,
    /// What it waits for.
    pub kind: OrderKind,
    /// Quantity ordered, in units of the instrument.
    pub quantity: Quantity,
    /// Quantity asked for, when it was placed or changed: what a change of the quantity sets. The order has less of it
    /// when others of its group have filled, and an attached one no more than its parent has filled.
    #[serde(default)]
    pub asked: Quantity,
    /// What the fills of others in its group have taken from it.
    #[serde(default)]
    pub given_up: Quantity,
    /// Iceberg: how much of it is shown at once; each slice that fills is followed by the next one, at the end of the
    /// queue.
    #[serde(default)]
    pub display: Option<Quantity>,
    /// Quantity filled so far.
    pub filled: Quantity,
    /// Average price of the fills; `None` before the first.
    pub average_price: Option<Price>,
    /// Fees of the fills so far, in quote currency; negative is a rebate.
    #[serde(default, with = "crate::model::decimal")]
    pub fees: Decimal,
    /// Where it stands.
    pub status: OrderStatus,
    /// How long it stays.
    pub time_in_force: TimeInForce,
    /// What else binds it.
    #[serde(default)]
    pub instructions: Instructions,
    /// Why it was placed.
    pub purpose: OrderPurpose,
    /// The order whose fill sets it free.
    #[serde(default)]
    pub parent: Option<OrderId>,
    /// The orders of which only one may fill: what one fills the others lose.
    #[serde(default)]
    pub group: Option<GroupId>,
    /// The multi-leg order that it is a leg of.
    #[serde(default)]
    pub combo: Option<GroupId>,
    /// The price on which the decision was made: the last price when it was placed.
    pub decision_price: Price,
    /// When it was placed.
    pub submitted_at: Timestamp,
    /// When it reaches the exchange: later than it was placed by the latency.
    #[serde(default)]
    pub arrives_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When its time in force ends; `None` for what stays until it is filled or withdrawn.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Cash held for it.
    pub hold: Money,
    /// The rule or command that placed it, in words: `entry.long`, `stop loss`, `flatten`.
    pub reason: Cow<'static, str>,
    /// Why it ended unfilled, in words; empty otherwise.
    pub end_reason: Cow<'static, str>,
    /// The same as a stable code, such as `insufficient_funds`; empty otherwise.
    #[serde(default)]
    pub end_code: Cow<'static, str>,
}

/// What an order waits for, as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// Nothing: it takes whatever price there is.
    Anything,
    /// The market to come to this price from below.
    RiseTo(Price),
    /// The market to come to this price from above.
    FallTo(Price),
    /// This price or a better one.
    Limit(Price),
}

impl Awaits {
    /// The price it waits for, if it waits for one.
    #[must_use]
    pub const fn price(self) -> Option<Price> {
        match self {
            Self::Anything => None,
            Self::RiseTo(price) | Self::FallTo(price) | Self::Limit(price) => Some(price),
        }
    }

    /// Whether it is a trigger rather than a limit.
    #[must_use]
    pub const fn is_trigger(self) -> bool {
        matches!(self, Self::RiseTo(_) | Self::FallTo(_))
    }
}

impl Order {
    /// Quantity not yet filled.
    #[must_use]
    pub fn remaining(&self) -> Quantity {
        Quantity(decimal::subtract(self.quantity.0, self.filled.0))
    }

    /// What it shows at its price: all that is not filled yet, and of an iceberg what is left of its present slice.
    #[must_use]
    pub fn shown(&self) -> Quantity {
        let remaining = self.remaining();
        let slice = |display: Quantity| Quantity(display.0 - self.filled.0 % display.0);
        self.display
            .map_or(remaining, |display| remaining.min(slice(display)))
    }

    /// What it waits for, as it stands.
    #[must_use]
    pub const fn awaits(&self) -> Awaits {
        let is_set_off = matches!(self.status, OrderStatus::Triggered | OrderStatus::PartiallyFilled);
        match (self.kind, self.side, is_set_off) {
            (OrderKind::Market, ..) => Awaits::Anything,
            (OrderKind::Limit { price }, ..)
            | (OrderKind::StopLimit { price, .. } | OrderKind::TakeProfitLimit { price, .. }, _, true) => {
                Awaits::Limit(price)
            }
            (
                OrderKind::Stop { .. } | OrderKind::TrailingStop { .. } | OrderKind::TakeProfit { .. },
                _,
                true,
            ) => Awaits::Anything,
            (
                OrderKind::Stop { stop_price }
                | OrderKind::StopLimit { stop_price, .. }
                | OrderKind::TrailingStop { stop_price, .. },
                Side::Buy,
                false,
            )
            | (
                OrderKind::TakeProfit { stop_price } | OrderKind::TakeProfitLimit { stop_price, .. },
                Side::Sell,
                false,
            ) => Awaits::RiseTo(stop_price),
            (
                OrderKind::Stop { stop_price }
                | OrderKind::StopLimit { stop_price, .. }
                | OrderKind::TrailingStop { stop_price, .. },
                Side::Sell,
                false,
            )
            | (
                OrderKind::TakeProfit { stop_price } | OrderKind::TakeProfitLimit { stop_price, .. },
                Side::Buy,
                false,
            ) => Awaits::FallTo(stop_price),
        }
    }

    /// Whether it takes whatever price there is: a market order, or a stop that was set off.
    #[must_use]
    pub const fn takes_any_price(&self) -> bool {
        matches!(self.awaits(), Awaits::Anything)
    }

    /// Whether it may only make a position smaller.
    #[must_use]
    pub const fn only_reduces(&self) -> bool {
        self.purpose.reduces() || self.instructions.reduce_only || self.instructions.close_position
    }

    /// Whether its time in force leaves no rest once it has met the market: immediate or cancel, fill or kill. What has
    /// a trigger waits for that first.
    #[must_use]
    pub const fn leaves_no_rest(&self) -> bool {
        matches!(self.time_in_force, TimeInForce::Ioc | TimeInForce::Fok) && !self.awaits().is_trigger()
    }

    /// Whether it is for an auction only: the open or the close.
    #[must_use]
    pub const fn is_for_auction(&self) -> bool {
        self.time_in_force.is_auction()
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
    /// The market to move against its side and touch `stop_price`; then it is a market order.
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
    /// A stop that, set off, is a limit order.
    StopLimit {
        /// The price that sets it off.
        stop_price: Price,
        /// The worst price it accepts then.
        price: Price,
    },
    /// The market to move in favour of its side and touch `stop_price`; then it is a market order (also called market
    /// if touched).
    TakeProfit {
        /// The price that sets it off.
        stop_price: Price,
    },
    /// The same that, set off, is a limit order.
    TakeProfitLimit {
        /// The price that sets it off.
        stop_price: Price,
        /// The worst price it accepts then.
        price: Price,
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

    /// Where a stop of an order on `side` stands with the best price at `best`: behind it by the distance, a tick at
    /// least, and rounded away from it.
    #[must_use]
    pub fn stop(self, side: Side, best: Price, instrument: &Instrument) -> Price {
        let distance = self.behind(best).max(instrument.tick());
        match side {
            Side::Sell => {
                instrument.round_to_tick(Price(best.0 - distance), RoundingStrategy::ToNegativeInfinity)
            }
            Side::Buy => {
                instrument.round_to_tick(Price(best.0 + distance), RoundingStrategy::ToPositiveInfinity)
            }
        }
    }

    /// The distance as a number: an amount or a share.
    #[must_use]
    pub const fn distance(self) -> Decimal {
        match self {
            Self::Amount(distance) | Self::Share(distance) => distance,
        }
    }
}

impl OrderKind {
    /// The price that sets it off, if it has one.
    #[must_use]
    pub const fn stop_price(&self) -> Option<Price> {
        match self {
            Self::Market | Self::Limit { .. } => None,
            Self::Stop { stop_price }
            | Self::TrailingStop { stop_price, .. }
            | Self::StopLimit { stop_price, .. }
            | Self::TakeProfit { stop_price }
            | Self::TakeProfitLimit { stop_price, .. } => Some(*stop_price),
        }
    }

    /// The worst price it accepts, if it has one.
    #[must_use]
    pub const fn limit_price(&self) -> Option<Price> {
        match self {
            Self::Limit { price } | Self::StopLimit { price, .. } | Self::TakeProfitLimit { price, .. } => {
                Some(*price)
            }
            Self::Market | Self::Stop { .. } | Self::TrailingStop { .. } | Self::TakeProfit { .. } => None,
        }
    }

    /// The price at which it is expected to fill, as far as it names one: its limit, or else its trigger.
    #[must_use]
    pub fn price(&self) -> Option<Price> {
        self.limit_price().or_else(|| self.stop_price())
    }

    /// The same with other prices; `None` leaves one as it is, and what the kind does not have is ignored.
    #[must_use]
    pub fn at(self, limit: Option<Price>, stop: Option<Price>) -> Self {
        match self {
            Self::Market => self,
            Self::Limit { price } => Self::Limit {
                price: limit.unwrap_or(price),
            },
            Self::Stop { stop_price } => Self::Stop {
                stop_price: stop.unwrap_or(stop_price),
            },
            Self::TrailingStop { stop_price, trail } => Self::TrailingStop {
                stop_price: stop.unwrap_or(stop_price),
                trail,
            },
            Self::StopLimit { stop_price, price } => Self::StopLimit {
                stop_price: stop.unwrap_or(stop_price),
                price: limit.unwrap_or(price),
            },
            Self::TakeProfit { stop_price } => Self::TakeProfit {
                stop_price: stop.unwrap_or(stop_price),
            },
            Self::TakeProfitLimit { stop_price, price } => Self::TakeProfitLimit {
                stop_price: stop.unwrap_or(stop_price),
                price: limit.unwrap_or(price),
            },
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
            Self::StopLimit { .. } => "stop_limit",
            Self::TakeProfit { .. } => "take_profit",
            Self::TakeProfitLimit { .. } => "take_profit_limit",
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
    /// Until the end of its trading day: the UTC day where a market never closes.
    Day,
    /// Until `expires_at`.
    Gtd {
        /// When it expires.
        expires_at: Timestamp,
    },
    /// At the next opening auction, or not at all.
    Opg,
    /// At the next closing auction, or not at all.
    Cls,
}

impl TimeInForce {
    /// Whether it is for an auction only: the open or the close.
    #[must_use]
    pub const fn is_auction(self) -> bool {
        matches!(self, Self::Opg | Self::Cls)
    }

    /// Its name as the wire and the page write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gtc => "gtc",
            Self::Ioc => "ioc",
            Self::Fok => "fok",
            Self::Day => "day",
            Self::Gtd { .. } => "gtd",
            Self::Opg => "opg",
            Self::Cls => "cls",
        }
    }
}

/// What binds an order beside its price, quantity and time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Instructions {
    /// It may only rest, never take.
    pub post_only: Option<PostOnly>,
    /// It may only make the position smaller.
    pub reduce_only: bool,
    /// It closes the whole position, whatever that is when it fills.
    pub close_position: bool,
    /// It may also fill before the open and after the close.
    pub extended_hours: bool,
}

impl Instructions {
    /// Nothing else binds it.
    pub const NONE: Self = Self {
        post_only: None,
        reduce_only: false,
        close_position: false,
        extended_hours: false,
    };
}

/// What becomes of a post-only order that would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostOnly {
    /// It is rejected.
    Reject,
    /// Its price slides to the nearest one at which it rests.
    Slide,
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
    /// A person's or program's own order: opens or reduces, as the position stands.
    Manual,
    /// Closes because the margin gave out.
    Liquidation,
}

impl fmt::Display for OrderPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Entry => "entry",
            Self::Exit => "exit",
            Self::StopLoss => "stop loss",
            Self::TakeProfit => "take profit",
            Self::TrailingStop => "trailing stop",
            Self::Flatten => "flatten",
            Self::Manual => "manual",
            Self::Liquidation => "liquidation",
        })
    }
}

impl OrderPurpose {
    /// Whether the order was placed with an entry, to close it at a loss or at a gain.
    #[must_use]
    pub const fn protects(self) -> bool {
        matches!(self, Self::StopLoss | Self::TakeProfit | Self::TrailingStop)
    }

    /// Whether the order may only make the position smaller.
    #[must_use]
    pub const fn reduces(self) -> bool {
        !matches!(self, Self::Entry | Self::Manual)
    }
}
