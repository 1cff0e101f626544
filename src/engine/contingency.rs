//! Orders that depend on each other: attached ones wait for their parent, of a group only one may fill.

use super::{Engine, EventKind, Sink};
use crate::model::{InstrumentId, OrderId, Quantity, Side, Timestamp};
use crate::order::{CancelReason, Order, OrderKind, OrderStatus};
use rust_decimal::Decimal;

impl Engine {
    /// An order filled: those attached to it go out or grow, those of its group shrink by as much.
    pub(super) fn after_fill<S: Sink>(
        &mut self,
        order: &Order,
        quantity: Quantity,
        time: Timestamp,
        sink: &mut S,
    ) {
        if let Some(group) = order.group {
            let others = self.ids_of(|other| other.group == Some(group) && other.id != order.id);
            for (at, id) in others {
                self.give_up(at, id, quantity, order.status.is_final(), time, sink);
            }
        }
        for (at, id) in self.ids_of(|child| child.parent == Some(order.id)) {
            self.set_free(at, id, order.filled, time, sink);
        }
    }

    /// Another order of its group filled by `quantity`: this one loses as much, or all when the other is done.
    fn give_up<S: Sink>(
        &mut self,
        at: InstrumentId,
        id: OrderId,
        quantity: Quantity,
        all: bool,
        time: Timestamp,
        sink: &mut S,
    ) {
        let Some(index) = self.market(at).orders.position(id) else {
            return;
        };
        let order = self.market(at).orders.at(index);
        let left = Quantity(order.quantity.0 - quantity.0);
        if all || left <= order.filled {
            self.cancel(at, index, CancelReason::GroupFilled, time, sink);
        } else {
            let kind = order.kind;
            self.amend(at, index, kind, left, time, sink);
            self.shrink_hold(at, id);
        }
    }

    /// The parent has filled `quantity` so far: its attached order goes out with it, or grows to it.
    fn set_free<S: Sink>(
        &mut self,
        at: InstrumentId,
        id: OrderId,
        quantity: Quantity,
        time: Timestamp,
        sink: &mut S,
    ) {
        let Some(index) = self.market(at).orders.position(id) else {
            return;
        };
        let child = self.market(at).orders.at(index);
        match child.status {
            OrderStatus::Waiting => {
                let mut child = child.clone();
                // A reduce-only one closes what the parent has opened so far, and grows with it.
                if child.only_reduces() {
                    child.quantity = child.quantity.min(quantity);
                }
                self.decide_now(&mut child, time);
                let group = child.group;
                if self.send(child, time, sink).is_none() {
                    return self.refuse_group(group, time, sink);
                }
                if let Some(index) = self.market(at).orders.position(id) {
                    self.accept(at, index, time, sink);
                }
            }
            OrderStatus::Accepted | OrderStatus::Triggered | OrderStatus::PartiallyFilled
                if child.only_reduces() =>
            {
                // What others of its group closed of it already is not there to be closed again.
                let quantity = Quantity(quantity.0 - self.filled_by_others(child));
                let (kind, known) = (child.kind, child.quantity);
                if known < quantity {
                    self.amend(at, index, kind, quantity, time, sink);
                }
            }
            _ => {}
        }
    }

    /// What the other open orders of its group have filled.
    fn filled_by_others(&self, order: &Order) -> Decimal {
        let orders = self.market(order.instrument).orders.as_slice().iter();
        orders
            .filter(|other| order.group.is_some() && other.group == order.group && other.id != order.id)
            .map(|other| other.filled.0)
            .sum()
    }

    /// An attached order is decided by its parent's fill: by the price that there is then, from which a trailing stop
    /// begins.
    fn decide_now(&self, child: &mut Order, time: Timestamp) {
        let market = self.market(child.instrument);
        let Some(price) = market.last_price() else {
            return;
        };
        child.decision_price = price;
        child.submitted_at = time;
        // It waits at the exchange, so it goes nowhere.
        child.arrives_at = time;
        if let OrderKind::TrailingStop { stop_price, trail } = child.kind {
            let begin = trail.stop(child.side, price, market.instrument());
            let stop = match child.side {
                Side::Sell => stop_price.min(begin),
                Side::Buy => stop_price.max(begin),
            };
            child.kind = child.kind.at(None, Some(stop));
        }
    }

    fn refuse_group<S: Sink>(&mut self, group: Option<crate::order::GroupId>, time: Timestamp, sink: &mut S) {
        let others = self.ids_of(|other| group.is_some() && other.group == group);
        for (at, id) in others {
            if let Some(index) = self.market(at).orders.position(id) {
                self.cancel(at, index, CancelReason::ListRefused, time, sink);
            }
        }
    }

    /// An order ended without filling whole: its group goes with it, and what is attached to it when nothing of it
    /// filled.
    pub(super) fn after_end<S: Sink>(
        &mut self,
        order: &Order,
        because: CancelReason,
        time: Timestamp,
        sink: &mut S,
    ) {
        if order.group.is_some() {
            let others = self.ids_of(|other| other.group == order.group);
            for (at, id) in others {
                if let Some(index) = self.market(at).orders.position(id) {
                    let reason = match because {
                        CancelReason::ListRefused => CancelReason::ListRefused,
                        _ => CancelReason::GroupEnded,
                    };
                    self.cancel(at, index, reason, time, sink);
                }
            }
        }
        if let Some(combo) = order.combo {
            self.end_combo_of(combo, time, sink);
        }
        if order.filled.0 > Decimal::ZERO {
            return;
        }
        let children =
            self.ids_of(|child| child.parent == Some(order.id) && child.status == OrderStatus::Waiting);
        for (at, id) in children {
            if let Some(index) = self.market(at).orders.position(id) {
                self.cancel(at, index, CancelReason::ParentEnded, time, sink);
            }
        }
    }

    /// Gives back the part of an order's hold that a smaller quantity does not need.
    pub(super) fn shrink_hold(&mut self, at: InstrumentId, id: OrderId) {
        let Some(index) = self.market(at).orders.position(id) else {
            return;
        };
        let order = self.market(at).orders.at(index);
        let needed = self.hold_for(at, order);
        let hold = crate::model::Money::new(needed.min(order.hold.amount), order.hold.currency);
        self.market_mut(at)
            .orders
            .change(index, |order| order.hold = hold);
        self.account.hold_for_order(id, hold.amount);
    }

    /// The orders of all markets that `wanted` picks, oldest first in each.
    fn ids_of(&self, wanted: impl Fn(&Order) -> bool) -> Vec<(InstrumentId, OrderId)> {
        let mut ids = Vec::new();
        for at in self.places() {
            let picked = self
                .market(at)
                .orders
                .as_slice()
                .iter()
                .filter(|order| wanted(order));
            ids.extend(picked.map(|order| (at, order.id)));
        }
        ids
    }

    /// Tells of an order that waits for another.
    pub(super) fn attach<S: Sink>(&mut self, mut order: Order, time: Timestamp, sink: &mut S) {
        super::orders::advance(&mut order, crate::order::OrderEvent::Attach, time);
        self.market_mut(order.instrument).orders.attach(order.clone());
        self.emit(time, EventKind::OrderAttached { order }, sink);
    }
}
