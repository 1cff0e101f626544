//! Every order's life as the events tell it.

use super::{Verdict, ensure};
use papertape::engine::{Engine, Event, EventKind};
use papertape::model::{InstrumentId, Money, OrderId, Price, Quantity};
use papertape::order::{CancelReason, GroupId, Order, OrderEvent, OrderStatus, TimeInForce};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    /// The largest quantity that one of its members ever had.
    most: Decimal,
    filled: Decimal,
    /// Whether a member closes the position, whatever that is: its quantity is not the group's.
    follows_position: bool,
}

/// All that happened to orders.
#[derive(Clone, Debug, Default)]
pub(super) struct Lifecycle {
    open: BTreeMap<OrderId, Order>,
    newest: Option<OrderId>,
    filled: BTreeMap<OrderId, Decimal>,
    groups: BTreeMap<GroupId, Group>,
    /// The order that an owner's name stands for, once the exchange took it.
    names: BTreeMap<String, OrderId>,
    /// Fill-or-kill orders that this input filled.
    killers: Vec<(OrderId, bool)>,
}

impl Lifecycle {
    /// An order that is open, as the events tell it so far.
    pub(super) fn order(&self, id: OrderId) -> Option<&Order> {
        self.open.get(&id)
    }

    /// All orders that are open, as the events tell them so far.
    pub(super) fn orders(&self) -> impl Iterator<Item = &Order> {
        self.open.values()
    }

    /// What has filled of the orders of an instrument counts in the units after a split.
    pub(super) fn split(&mut self, at: InstrumentId, ratio: Decimal) {
        for order in self.open.values_mut().filter(|order| order.instrument == at) {
            let after = (order.filled.0 * ratio).round_dp(Money::SCALE).normalize();
            order.filled = Quantity(after);
            let decided = order.decision_price.0 / ratio;
            order.decision_price = Price(decided.round_dp(Money::SCALE).normalize());
            if let Some(filled) = self.filled.get_mut(&order.id) {
                *filled = after;
            }
            if let Some(group) = order.group.and_then(|group| self.groups.get_mut(&group)) {
                // Its quantities are rounded one by one from now on.
                group.follows_position = true;
            }
        }
    }

    pub(super) fn follow(&mut self, event: &Event) -> Verdict {
        match &event.kind {
            EventKind::OrderSubmitted { order } => {
                self.born(order, OrderEvent::Submit)?;
                self.judge_parent(order)
            }
            EventKind::OrderAttached { order } => self.born(order, OrderEvent::Attach),
            EventKind::OrderDenied { order, .. } => {
                self.born(order, OrderEvent::Deny)?;
                self.open.remove(&order.id);
                Ok(())
            }
            EventKind::OrderAccepted { order_id } => {
                self.step(*order_id, OrderEvent::Accept)?;
                self.name(*order_id)
            }
            EventKind::OrderRejected { order_id, .. } => self.step(*order_id, OrderEvent::Reject),
            EventKind::OrderTriggered { order_id, .. } => self.step(*order_id, OrderEvent::Trigger),
            EventKind::OrderCanceled { order_id, reason } => {
                if *reason == CancelReason::ListRefused {
                    self.free(*order_id);
                }
                self.step(*order_id, OrderEvent::Cancel)
            }
            EventKind::OrderExpired { order_id } => self.step(*order_id, OrderEvent::Expire),
            EventKind::OrderAmended {
                order_id,
                terms,
                quantity,
                ..
            } => {
                if let Some(order) = self.open.get_mut(order_id) {
                    (order.kind, order.quantity) = (*terms, *quantity);
                    if let Some(group) = order.group {
                        let most = &mut self.groups.entry(group).or_default().most;
                        *most = (*most).max(quantity.0);
                    }
                }
                self.step(*order_id, OrderEvent::Amend)
            }
            EventKind::OrderFilled { fill, order, .. } => self.fill(order, fill.quantity),
            _ => Ok(()),
        }
    }

    fn born(&mut self, order: &Order, event: OrderEvent) -> Verdict {
        match self.open.get(&order.id) {
            Some(known) => ensure(
                known.status == OrderStatus::Waiting,
                "an order is placed once",
                || format!("{known:?}\n{order:?}"),
            )?,
            None => {
                ensure(
                    self.newest.is_none_or(|newest| newest < order.id),
                    "order numbers rise",
                    || format!("{order:?}"),
                )?;
                self.newest = Some(order.id);
            }
        }
        let from = self
            .open
            .get(&order.id)
            .map_or(OrderStatus::Initialized, |known| known.status);
        ensure(
            from.apply(event) == Ok(order.status),
            "an order says where it stands",
            || format!("{order:?}"),
        )?;
        if let Some(group) = order.group {
            let sum = self.groups.entry(group).or_default();
            sum.most = sum.most.max(order.quantity.0);
            sum.follows_position |= order.instructions.close_position;
        }
        self.open.insert(order.id, order.clone());
        Ok(())
    }

    fn judge_parent(&self, order: &Order) -> Verdict {
        let Some(parent) = order.parent else {
            return Ok(());
        };
        // What is refused with its list never went out; that is told as submitted and rejected in one breath.
        let has_filled = self
            .filled
            .get(&parent)
            .is_some_and(|filled| *filled > Decimal::ZERO);
        ensure(
            has_filled || order.hold.is_zero(),
            "no child goes out before its parent fills",
            || format!("{order:?}"),
        )
    }

    /// A list that is refused is none: the names of what of it has not filled can be given anew, though one had been accepted.
    fn free(&mut self, id: OrderId) {
        if self.filled.get(&id).is_none_or(Decimal::is_zero) {
            self.names.retain(|_, owner| *owner != id);
        }
    }

    fn name(&mut self, id: OrderId) -> Verdict {
        let Some(name) = self
            .open
            .get(&id)
            .and_then(|order| order.client_order_id.as_ref())
        else {
            return Ok(());
        };
        let owner = *self.names.entry(name.as_str().to_owned()).or_insert(id);
        ensure(owner == id, "one name is one order", || {
            format!("{name} is #{owner} and #{id}")
        })
    }

    fn step(&mut self, id: OrderId, event: OrderEvent) -> Verdict {
        let Some(order) = self.open.get_mut(&id) else {
            return ensure(false, "what has ended stays ended", || {
                format!("#{id}: {event:?}")
            });
        };
        if event == OrderEvent::Accept
            && let Some(parent) = order.parent
        {
            let has_filled = self
                .filled
                .get(&parent)
                .is_some_and(|filled| *filled > Decimal::ZERO);
            ensure(has_filled, "no child goes out before its parent fills", || {
                format!("{order:?}")
            })?;
        }
        match order.status.apply(event) {
            Ok(status) => order.status = status,
            Err(error) => {
                return ensure(false, "orders move by the table", || {
                    format!("{error}: {order:?}")
                });
            }
        }
        if order.status.is_final() {
            self.open.remove(&id);
        }
        Ok(())
    }

    fn fill(&mut self, told: &Order, quantity: Quantity) -> Verdict {
        let filled = self.filled.entry(told.id).or_default();
        *filled += quantity.0;
        let filled = *filled;
        let Some(order) = self.open.get_mut(&told.id) else {
            return ensure(false, "what has ended stays ended", || {
                format!("filled: {told:?}")
            });
        };
        ensure(quantity.0 > Decimal::ZERO, "a fill is of something", || {
            format!("{told:?}")
        })?;
        ensure(filled <= order.quantity.0, "no order fills twice", || {
            format!("{filled} of {order:?}")
        })?;
        ensure(told.filled.0 == filled, "an order's fills add up", || {
            format!("{filled}: {told:?}")
        })?;
        order.filled = Quantity(filled);
        if let Some(group) = order.group {
            let sum = self.groups.entry(group).or_default();
            sum.filled += quantity.0;
            let sum = *sum;
            ensure(
                sum.filled <= sum.most || sum.follows_position,
                "of a group one fills",
                || format!("{sum:?}: {told:?}"),
            )?;
        }
        if told.time_in_force == TimeInForce::Fok {
            self.killers.push((told.id, told.only_reduces()));
        }
        let event = if told.remaining().0.is_zero() {
            OrderEvent::FillRest
        } else {
            OrderEvent::FillPart
        };
        self.step(told.id, event)?;
        let whole = Some(told.quantity.0) == self.filled.get(&told.id).copied();
        if told.time_in_force == TimeInForce::Fok && whole {
            self.killers.retain(|(id, _)| *id != told.id);
        }
        Ok(())
    }

    /// Whether the open orders are those that the events leave open.
    pub(super) fn judge(&mut self, engine: &Engine) -> Verdict {
        let killers = std::mem::take(&mut self.killers);
        // One that may only reduce is whole when all that is held is closed.
        let is_whole = killers.iter().all(|(_, only_reduces)| *only_reduces);
        ensure(is_whole, "fill or kill is whole or nothing", || {
            format!("{killers:?}")
        })?;
        let mut count = 0;
        for order in engine.open_orders() {
            count += 1;
            let is_told = self.open.get(&order.id).is_some_and(|told| {
                (told.status, told.kind, told.quantity, told.filled)
                    == (order.status, order.kind, order.quantity, order.filled)
            });
            ensure(is_told, "events tell where open orders stand", || {
                format!("{order:?}\ntold {:?}", self.open.get(&order.id))
            })?;
            ensure(
                order.filled < order.quantity,
                "an open order has something left to fill",
                || format!("{order:?}"),
            )?;
        }
        ensure(
            count == self.open.len(),
            "every order that has not ended is open",
            || format!("{count} open, by the events {:?}", self.open.keys()),
        )?;
        ensure(
            count == 0 || !engine.state().is_final(),
            "a session that ended leaves no order open",
            || format!("{:?}", self.open),
        )
    }
}
