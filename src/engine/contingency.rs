//! Orders that depend on each other: attached ones wait for their parent, of a group only one may fill.

use super::{Engine, EventKind, Sink};
use crate::model::{InstrumentId, Money, OrderId, Quantity, Timestamp};
use crate::order::{CancelReason, DenyReason, Order, OrderKind, OrderStatus};
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
            self.set_free(at, id, order, quantity, time, sink);
        }
        if let Some(parent) = order.parent.filter(|_| order.only_reduces()) {
            self.end_parent(parent, time, sink);
        }
    }

    /// What its attached orders have begun to close is not added to.
    fn end_parent<S: Sink>(&mut self, parent: OrderId, time: Timestamp, sink: &mut S) {
        if let Some((at, index)) = self.find_order(parent) {
            self.cancel(at, index, CancelReason::PositionClosed, time, sink);
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
            self.market_mut(at)
                .orders
                .change(index, |order| order.given_up.0 += quantity.0);
            self.amend(at, index, kind, left, time, sink);
        }
    }

    /// The parent filled by `quantity`: what is attached to it has as much of what was asked as the parent has filled.
    fn set_free<S: Sink>(
        &mut self,
        at: InstrumentId,
        id: OrderId,
        parent: &Order,
        quantity: Quantity,
        time: Timestamp,
        sink: &mut S,
    ) {
        let Some(index) = self.market(at).orders.position(id) else {
            return;
        };
        let child = self.market(at).orders.at(index);
        let instrument = self.instrument(at);
        let share = |filled: Quantity| instrument.floor_to_lot(child.asked.min(filled).0);
        let has = share(parent.filled);
        if child.status == OrderStatus::Waiting {
            if has.0 > Decimal::ZERO {
                let child = self.released(at, child, has, time);
                self.release(child, time, sink);
            }
            return;
        }
        // What its group has lost meanwhile stays lost: it grows by what is new.
        let had = share(Quantity(parent.filled.0 - quantity.0));
        if has > had {
            let (kind, quantity) = (child.kind, Quantity(child.quantity.0 + has.0 - had.0));
            self.grow(at, index, kind, quantity, time, sink);
        }
    }

    /// The attached order as it goes out: decided now, with its time and its trail counted from now.
    fn released(&self, at: InstrumentId, child: &Order, quantity: Quantity, time: Timestamp) -> Order {
        let market = self.market(at);
        let price = market.last_price().unwrap_or(child.decision_price);
        let kind = match child.kind {
            OrderKind::TrailingStop { trail, .. } => {
                let stop = trail.stop(child.side, price, market.instrument());
                child.kind.at(None, Some(stop))
            }
            kind => kind,
        };
        Order {
            kind,
            quantity,
            decision_price: price,
            submitted_at: time,
            arrives_at: time,
            expires_at: self.expiry(at, child.time_in_force, child.instructions, time),
            ..child.clone()
        }
    }

    /// Sends an attached order, which waits at the exchange already. When it is refused, the others of its bracket stay:
    /// a position without its target is still protected by its stop.
    fn release<S: Sink>(&mut self, child: Order, time: Timestamp, sink: &mut S) {
        let (at, id) = (child.instrument, child.id);
        if self.send(Box::new(child), time, sink).is_some()
            && let Some(index) = self.market(at).orders.position(id)
        {
            self.accept(at, index, time, sink);
            self.rejoin(at, id);
        }
    }

    /// Makes an order larger, as far as the funds hold it.
    fn grow<S: Sink>(
        &mut self,
        at: InstrumentId,
        index: usize,
        kind: OrderKind,
        quantity: Quantity,
        time: Timestamp,
        sink: &mut S,
    ) {
        self.mark_account();
        let order = self.market(at).orders.at(index);
        let larger = Order {
            quantity,
            ..order.clone()
        };
        let (id, held) = (order.id, order.hold);
        let needed = Money::new(self.hold_for(at, &larger), held.currency);
        let available = self.account.funds(at, order.side) + held;
        if needed.amount > available.amount {
            // It stays as large as it is, and says so.
            let reason = DenyReason::InsufficientFunds { needed, available };
            return self.refuse_request(id, reason, time, sink);
        }
        self.amend(at, index, kind, quantity, time, sink);
        // A larger quantity goes to the end of the queue.
        self.rejoin(at, id);
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
        let ends_group = matches!(
            because,
            CancelReason::Requested | CancelReason::ListRefused | CancelReason::GroupEnded
        );
        // One whose time is over, or which a bracket could not place, leaves the others where they are.
        let is_refused_child = because == CancelReason::ListRefused && order.parent.is_some();
        if order.group.is_some() && ends_group && !is_refused_child {
            let reason = if because == CancelReason::ListRefused {
                CancelReason::ListRefused
            } else {
                CancelReason::GroupEnded
            };
            for (at, id) in self.ids_of(|other| other.group == order.group) {
                if let Some(index) = self.market(at).orders.position(id) {
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
            if because == CancelReason::ListRefused {
                // The list was refused, so its names are free for the next try.
                self.client_ids.forget(id);
            }
        }
    }

    /// Holds for an order what it needs by its terms, by what is held of its instrument, and by the marks as they are now, even if
    /// the funds do not reach: then nothing else is free, and the order fills as far as they do.
    pub(super) fn rehold(&mut self, at: InstrumentId, id: OrderId) {
        let Some(index) = self.market(at).orders.position(id) else {
            return;
        };
        let order = self.market(at).orders.at(index);
        if order.status == OrderStatus::Waiting || (order.only_reduces() && order.hold.is_zero()) {
            return;
        }
        self.mark_account();
        let order = self.market(at).orders.at(index);
        let hold = Money::new(self.hold_for(at, order), order.hold.currency);
        if hold != order.hold {
            self.market_mut(at)
                .orders
                .change(index, |order| order.hold = hold);
            self.account.hold_for_order(id, hold.amount);
        }
    }

    /// What is held of an instrument has changed: what its orders would open, and so what they need, has changed with it. `own` is
    /// the order that did it, if one did: its hold is settled.
    pub(super) fn rehold_others(&mut self, at: InstrumentId, own: Option<OrderId>) {
        let mut next = OrderId(0);
        while let Some(index) = self.market(at).orders.find(|order| order.id > next) {
            next = self.market(at).orders.at(index).id;
            if own != Some(next) {
                self.rehold(at, next);
            }
        }
    }

    /// What an order has when so much is asked for: less what its group has filled, and of an attached one only what its
    /// parent has filled, as long as that may fill more.
    pub(super) fn share_of(&self, order: &Order, asked: Quantity) -> Quantity {
        let parent = order.parent.and_then(|parent| self.open_order(parent));
        let most = match parent {
            Some(parent) if order.status != OrderStatus::Waiting => self
                .instrument(order.instrument)
                .floor_to_lot(asked.min(parent.filled).0),
            _ => asked,
        };
        Quantity(most.0 - order.given_up.0)
    }

    /// The orders of all markets that `wanted` picks, oldest first in each.
    fn ids_of(&self, wanted: impl Fn(&Order) -> bool) -> Vec<(InstrumentId, OrderId)> {
        let mut ids = Vec::new();
        for at in self.places() {
            let picked = self.market(at).orders.iter().filter(|order| wanted(order));
            ids.extend(picked.map(|order| (at, order.id)));
        }
        ids
    }

    /// Tells of an order that waits for another.
    pub(super) fn attach<S: Sink>(&mut self, mut order: Box<Order>, time: Timestamp, sink: &mut S) {
        super::orders::advance(&mut order, crate::order::OrderEvent::Attach, time);
        self.market_mut(order.instrument).orders.attach(order.clone());
        let order = *order;
        self.emit(time, EventKind::OrderAttached { order }, sink);
    }
}
