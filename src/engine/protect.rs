//! Stops and targets: each entry's own, over what is left of it.

use super::orders::Draft;
use super::stakes::{Guard, Role};
use super::{Engine, Sink};
use crate::model::{InstrumentId, OrderId, Price, Quantity, Side, Timestamp};
use crate::order::{CancelReason, DenyReason, OrderKind, OrderPurpose, OrderStatus, TimeInForce, Trail};
use crate::strategy::{Distance, ProtectionRule};
use rust_decimal::{Decimal, prelude::FromPrimitive};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Distances from the entry price at which what is entered is protected, fixed when the entry was decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct EntryPlan {
    pub(super) stop_loss: Option<Span>,
    targets: Vec<Target>,
    trailing_stop: Option<Span>,
}

/// One step of taking profit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Target {
    at: Span,
    close: Option<f64>,
}

/// A distance in price, or as a share of the entry price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Span {
    Price(f64),
    Share(f64),
}

impl EntryPlan {
    /// What is to be guarded, in the order in which it is placed.
    fn guards(&self) -> impl Iterator<Item = (Role, Span)> {
        let stop = self.stop_loss.map(|span| (Role::Stop, span));
        let targets = (0..).zip(&self.targets);
        let targets = targets.map(|(step, target)| (Role::Target(step), target.at));
        let trailing = self.trailing_stop.map(|span| (Role::Trailing, span));
        stop.into_iter().chain(targets).chain(trailing)
    }

    /// Whether it closes a share of what was entered, and not all that is left.
    fn is_share(&self, role: Role) -> bool {
        let Role::Target(step) = role else { return false };
        self.targets
            .get(usize::from(step))
            .is_some_and(|target| target.close.is_some())
    }

    /// After a split: distances in price are divided by it.
    pub(super) fn split(&mut self, ratio: f64) {
        let targets = self.targets.iter_mut().map(|target| &mut target.at);
        let stops = self.stop_loss.iter_mut().chain(&mut self.trailing_stop);
        for span in stops.chain(targets) {
            if let Span::Price(distance) = span {
                *distance /= ratio;
            }
        }
    }
}

impl Span {
    pub(super) fn from(self, price: f64) -> f64 {
        match self {
            Self::Price(distance) => distance,
            Self::Share(share) => share * price,
        }
    }
}

impl Engine {
    /// The distances of a rule, read at the close that decides.
    pub(super) fn plan_protection(
        &self,
        at: InstrumentId,
        rule: &ProtectionRule,
    ) -> Result<EntryPlan, DenyReason> {
        let optional =
            |what, distance: Option<Distance>| distance.map(|it| self.span(at, what, it)).transpose();
        let mut targets = Vec::with_capacity(rule.take_profit.len());
        let stop_loss = optional("stop loss", rule.stop_loss)?;
        for target in &rule.take_profit {
            targets.push(Target {
                at: self.span(at, "take profit", target.at)?,
                close: target.close,
            });
        }
        Ok(EntryPlan {
            stop_loss,
            targets,
            trailing_stop: optional("trailing stop", rule.trailing_stop)?,
        })
    }

    /// A distance above zero.
    pub(super) fn span(&self, at: InstrumentId, what: &str, distance: Distance) -> Result<Span, DenyReason> {
        let span = match distance {
            Distance::Percent(share) => Span::Share(share),
            Distance::Price(slot) => Span::Price(self.desk(at).program.number(slot)),
        };
        let (Span::Price(value) | Span::Share(value)) = span;
        if value.is_finite() && value > 0.0 {
            Ok(span)
        } else {
            Err(DenyReason::Undefined {
                what: what.to_owned(),
                value: value.to_string(),
            })
        }
    }

    /// An entry order filled: places its protective orders, or lets them grow with it.
    pub(super) fn protect<S: Sink>(
        &mut self,
        at: InstrumentId,
        order: OrderId,
        entry_side: Side,
        (price, quantity): (Price, Quantity),
        time: Timestamp,
        sink: &mut S,
    ) {
        let Some(place) = self.desk_mut(at).stakes.enter(order, quantity.0, price) else {
            return;
        };
        let plan = self.desk(at).stakes.at(place).plan.clone();
        for (role, span) in plan.guards() {
            let guards = &self.desk(at).stakes.at(place).guards;
            match guards.iter().find(|guard| guard.role == role) {
                Some(guard) => self.grow_guard(at, place, *guard, time, sink),
                // Of what the first parts brought, a step may have been due less than a lot.
                None => self.place_guard(at, place, (role, span), entry_side, time, sink),
            }
        }
    }

    fn place_guard<S: Sink>(
        &mut self,
        at: InstrumentId,
        place: usize,
        (role, span): (Role, Span),
        entry_side: Side,
        time: Timestamp,
        sink: &mut S,
    ) {
        let price = self.desk(at).stakes.at(place).price;
        let (purpose, reason) = match role {
            Role::Stop => (OrderPurpose::StopLoss, "stop loss"),
            Role::Trailing => (OrderPurpose::TrailingStop, "trailing stop"),
            Role::Target(_) => (OrderPurpose::TakeProfit, "take profit"),
        };
        let quantity = self.guarded(at, place, role);
        let Some(kind) = self
            .protective(at, purpose, entry_side, price, span)
            .filter(|_| quantity.0 > Decimal::ZERO)
        else {
            return;
        };
        let draft = Draft {
            instrument: at,
            side: entry_side.opposite(),
            kind,
            quantity,
            time_in_force: TimeInForce::Gtc,
            purpose,
            reason: Cow::Borrowed(reason),
            decision_price: price,
            ..Draft::BLANK
        };
        if let Some(id) = self.place(draft, time, sink) {
            self.desk_mut(at).stakes.guard(place, Guard { order: id, role });
            if let Some(index) = self.market(at).orders.position(id) {
                self.accept(at, index, time, sink);
            }
        }
    }

    /// What a protective order closes of a stake as it stands, in whole lots: of several targets the last takes the rest.
    fn guarded(&self, at: InstrumentId, place: usize, role: Role) -> Quantity {
        let stake = self.desk(at).stakes.at(place);
        let part = |share: f64| {
            let share = Decimal::from_f64(share).unwrap_or(Decimal::ONE);
            self.instrument(at).floor_to_lot(stake.entered * share).0
        };
        let step = match role {
            Role::Stop | Role::Trailing => return Quantity(stake.left),
            Role::Target(step) => stake.plan.targets.get(usize::from(step)),
        };
        match step.and_then(|step| step.close) {
            Some(share) => Quantity(part(share).min(stake.left)),
            None => {
                let steps = stake.plan.targets.iter().filter_map(|target| target.close);
                let gone = stake.entered - stake.left;
                let before: Decimal = steps.map(part).sum();
                Quantity(stake.left - (before - gone).max(Decimal::ZERO))
            }
        }
    }

    /// More of an entry filled: one of its protective orders grows.
    fn grow_guard<S: Sink>(
        &mut self,
        at: InstrumentId,
        place: usize,
        guard: Guard,
        time: Timestamp,
        sink: &mut S,
    ) {
        let Some(index) = self.market(at).orders.position(guard.order) else {
            return;
        };
        let order = self.market(at).orders.at(index);
        let wanted = self.guarded(at, place, guard.role);
        let total = if self.desk(at).stakes.at(place).plan.is_share(guard.role) {
            wanted
        } else {
            Quantity(wanted.0 + order.filled.0)
        };
        self.resize(at, guard.order, total, time, sink);
    }

    /// Something of the position was closed by another order: what protects the stakes that it left shrinks with them.
    pub(super) fn shrink_guards<S: Sink>(&mut self, at: InstrumentId, time: Timestamp, sink: &mut S) {
        for place in 0..self.desk(at).stakes.as_slice().len() {
            let stake = self.desk(at).stakes.at(place);
            let left = stake.left;
            let mut targets = left;
            for guard in stake.guards.clone() {
                let Some(index) = self.market(at).orders.position(guard.order) else {
                    continue;
                };
                let order = self.market(at).orders.at(index);
                let (remaining, filled) = (order.remaining().0, order.filled.0);
                let covered = match guard.role {
                    Role::Stop | Role::Trailing => remaining.min(left),
                    Role::Target(_) => remaining.min(targets),
                };
                if let Role::Target(_) = guard.role {
                    targets -= covered;
                }
                if covered <= Decimal::ZERO {
                    self.cancel(at, index, CancelReason::PositionClosed, time, sink);
                } else if covered < remaining {
                    self.resize(at, guard.order, Quantity(covered + filled), time, sink);
                }
            }
        }
    }

    fn resize<S: Sink>(
        &mut self,
        at: InstrumentId,
        id: OrderId,
        total: Quantity,
        time: Timestamp,
        sink: &mut S,
    ) {
        if let Some(index) = self.market(at).orders.position(id) {
            let order = self.market(at).orders.at(index);
            let (kind, grows) = (order.kind, total > order.quantity);
            if matches!(order.status, OrderStatus::Accepted | OrderStatus::PartiallyFilled) {
                self.amend(at, index, kind, total, time, sink);
                if grows {
                    // A larger quantity goes to the end of the queue.
                    self.rejoin(at, id);
                }
            }
        }
    }

    /// A protective order at a distance from the entry price, at least one tick away; `None` when there is no such price
    /// (a stop below zero can never be met).
    fn protective(
        &self,
        at: InstrumentId,
        purpose: OrderPurpose,
        entry_side: Side,
        entry: Price,
        span: Span,
    ) -> Option<OrderKind> {
        let instrument = self.instrument(at);
        let distance = span.from(entry.to_f64()).max(Price(instrument.tick()).to_f64());
        let up = (entry_side == Side::Buy) == (purpose == OrderPurpose::TakeProfit);
        let level = if up {
            entry.to_f64() + distance
        } else {
            entry.to_f64() - distance
        };
        let price = instrument.price_from_f64(level)?;
        Some(match purpose {
            OrderPurpose::TakeProfit => OrderKind::Limit { price },
            OrderPurpose::TrailingStop => OrderKind::TrailingStop {
                stop_price: price,
                trail: match span {
                    Span::Price(amount) => Trail::Amount(Decimal::from_f64(amount)?),
                    Span::Share(share) => Trail::Share(Decimal::from_f64(share)?),
                },
            },
            _ => OrderKind::Stop { stop_price: price },
        })
    }
}
