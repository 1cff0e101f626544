//! From the strategy's order rule to the terms of one order: its expressions are read once, at the close that decides.

use super::Engine;
use super::actions::kind_after_split;
use super::orders::Draft;
use crate::model::{Instrument, InstrumentId, Money, Price, Quantity, Side};
use crate::order::{DenyReason, Instructions, OrderKind, TimeInForce, Trail};
use crate::strategy::{DisplayRule, Distance, NumberSlot, OrderRule, OrderRuleKind, TimeInForceRule};
use rust_decimal::{Decimal, prelude::FromPrimitive};
use serde::{Deserialize, Serialize};

/// All that a rule says of an order before its side and quantity are known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct OrderTerms {
    pub(super) kind: OrderKind,
    time_in_force: TimeInForce,
    /// How many closes of the strategy the order outlives.
    closes: Option<u32>,
    instructions: Instructions,
    display: Option<Shown>,
}

/// How much of an iceberg is shown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Shown {
    /// A share of its quantity.
    Share(#[serde(with = "crate::model::decimal")] Decimal),
    /// Units of the instrument.
    Quantity(#[serde(with = "crate::model::decimal")] Decimal),
}

impl OrderTerms {
    /// The next price that there is.
    pub(super) const MARKET: Self = Self {
        kind: OrderKind::Market,
        time_in_force: TimeInForce::Gtc,
        closes: None,
        instructions: Instructions::NONE,
        display: None,
    };

    /// Whether an order of these terms takes the next price that there is.
    pub(super) fn takes_next_price(&self) -> bool {
        takes_next_price(self.kind, self.time_in_force)
    }

    /// The same after a split in `ratio` (4 is four new units for an old one).
    pub(super) fn after_split(self, instrument: &Instrument, side: Side, ratio: Decimal) -> Self {
        Self {
            kind: kind_after_split(instrument, side, self.kind, ratio),
            display: self.display.map(|shown| match shown {
                Shown::Share(share) => Shown::Share(share),
                Shown::Quantity(units) => Shown::Quantity(units * ratio),
            }),
            ..self
        }
    }

    /// An order of these terms over `quantity`.
    pub(super) fn draft(self, instrument: &Instrument, quantity: Quantity) -> Draft {
        Draft {
            kind: self.kind,
            quantity,
            display: self.display.and_then(|shown| shown.of(instrument, quantity)),
            time_in_force: self.time_in_force,
            closes: self.closes,
            instructions: self.instructions,
            ..Draft::BLANK
        }
    }
}

impl Shown {
    /// What is shown of an order, in whole lots and at least one; `None` when that is all of it.
    fn of(self, instrument: &Instrument, quantity: Quantity) -> Option<Quantity> {
        let wanted = match self {
            Self::Share(share) => quantity.0 * share,
            Self::Quantity(units) => units,
        };
        let shown = instrument.floor_to_lot(wanted).max(Quantity(instrument.lot()));
        (shown < quantity).then_some(shown)
    }
}

impl Engine {
    /// What a rule comes to for an order on `side` that is decided on at `market`.
    pub(super) fn order_terms(
        &self,
        at: InstrumentId,
        rule: &OrderRule,
        side: Side,
        market: Price,
    ) -> Result<OrderTerms, DenyReason> {
        let (time_in_force, closes) = time_in_force_of(rule.time_in_force);
        Ok(OrderTerms {
            kind: self.kind_of(at, rule.kind, side, market)?,
            time_in_force,
            closes,
            instructions: Instructions {
                post_only: rule.post_only,
                extended_hours: rule.extended_hours,
                ..Instructions::NONE
            },
            display: rule.display.map(|display| self.shown(at, display)).transpose()?,
        })
    }

    fn kind_of(
        &self,
        at: InstrumentId,
        rule: OrderRuleKind,
        side: Side,
        market: Price,
    ) -> Result<OrderKind, DenyReason> {
        let price = |slot| self.price_of(at, "limit price", slot);
        let stop_price = |slot| self.price_of(at, "stop price", slot);
        Ok(match rule {
            OrderRuleKind::Market => OrderKind::Market,
            OrderRuleKind::Limit { price: limit } => OrderKind::Limit { price: price(limit)? },
            OrderRuleKind::Stop { stop_price: stop } => OrderKind::Stop {
                stop_price: stop_price(stop)?,
            },
            OrderRuleKind::StopLimit {
                stop_price: stop,
                price: limit,
            } => OrderKind::StopLimit {
                stop_price: stop_price(stop)?,
                price: price(limit)?,
            },
            OrderRuleKind::TakeProfit { stop_price: stop } => OrderKind::TakeProfit {
                stop_price: stop_price(stop)?,
            },
            OrderRuleKind::TakeProfitLimit {
                stop_price: stop,
                price: limit,
            } => OrderKind::TakeProfitLimit {
                stop_price: stop_price(stop)?,
                price: price(limit)?,
            },
            OrderRuleKind::TrailingStop { trail } => {
                let trail = self.trail_of(at, trail)?;
                OrderKind::TrailingStop {
                    stop_price: trail.stop(side, market, self.instrument(at)),
                    trail,
                }
            }
        })
    }

    fn price_of(&self, at: InstrumentId, what: &str, slot: NumberSlot) -> Result<Price, DenyReason> {
        let value = self.desk(at).program.number(slot);
        self.instrument(at)
            .price_from_f64(value)
            .ok_or_else(|| undefined(what, value))
    }

    fn trail_of(&self, at: InstrumentId, trail: Distance) -> Result<Trail, DenyReason> {
        let (value, trail): (f64, fn(Decimal) -> Trail) = match trail {
            Distance::Price(slot) => (self.desk(at).program.number(slot), Trail::Amount),
            Distance::Percent(share) => (share, Trail::Share),
        };
        positive("trail", value).map(trail)
    }

    fn shown(&self, at: InstrumentId, display: DisplayRule) -> Result<Shown, DenyReason> {
        match display {
            DisplayRule::Share(share) => positive("display", share).map(Shown::Share),
            DisplayRule::Quantity(slot) => {
                positive("display", self.desk(at).program.number(slot)).map(Shown::Quantity)
            }
        }
    }
}

/// What an exchange is told of how long an order lasts, and after how many closes the strategy withdraws it itself.
const fn time_in_force_of(rule: TimeInForceRule) -> (TimeInForce, Option<u32>) {
    match rule {
        TimeInForceRule::Gtc => (TimeInForce::Gtc, None),
        TimeInForceRule::Ioc => (TimeInForce::Ioc, None),
        TimeInForceRule::Fok => (TimeInForce::Fok, None),
        TimeInForceRule::Day => (TimeInForce::Day, None),
        TimeInForceRule::Opg => (TimeInForce::Opg, None),
        TimeInForceRule::Cls => (TimeInForce::Cls, None),
        TimeInForceRule::Bars(bars) => (TimeInForce::Gtc, Some(bars)),
    }
}

/// Whether an order takes the next price that there is, and does not wait for an auction.
pub(super) fn takes_next_price(kind: OrderKind, time_in_force: TimeInForce) -> bool {
    kind == OrderKind::Market && !time_in_force.is_auction()
}

/// A number above zero that the books keep exact.
fn positive(what: &str, value: f64) -> Result<Decimal, DenyReason> {
    Decimal::from_f64(value)
        .filter(|exact| *exact > Decimal::ZERO && *exact < Money::EXACT_BELOW)
        .ok_or_else(|| undefined(what, value))
}

pub(super) fn undefined(what: &str, value: f64) -> DenyReason {
    DenyReason::Undefined {
        what: what.to_owned(),
        value: value.to_string(),
    }
}
