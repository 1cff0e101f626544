//! An order's life beside its fills: placed, checked, accepted, triggered, amended, withdrawn, expired.

use super::desk::Life;
use super::{Engine, EventKind, RefusalMemory, SessionState, Sink, essence};
use crate::exchange::Arrival;
use crate::market::{Calendar, CalendarId, Phase};
use crate::model::{InstrumentId, Money, OrderId, Price, Quantity, Side, Timeframe, Timestamp};
use crate::order::{
    CancelReason, ClientOrderId, DenyReason, GroupId, Instructions, Order, OrderEvent, OrderKind,
    OrderPurpose, OrderStatus, Refusal, TimeInForce,
};
use crate::risk::OrderCheck;
use rust_decimal::Decimal;
use std::borrow::Cow;

/// What somebody wants to order.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) instrument: InstrumentId,
    pub(super) side: Side,
    pub(super) kind: OrderKind,
    pub(super) quantity: Quantity,
    pub(super) display: Option<Quantity>,
    pub(super) time_in_force: TimeInForce,
    /// At which close of the strategy after it is placed the order ends, if nothing has ended it before.
    pub(super) closes: Option<u32>,
    pub(super) instructions: Instructions,
    pub(super) purpose: OrderPurpose,
    pub(super) client_order_id: Option<ClientOrderId>,
    pub(super) parent: Option<OrderId>,
    pub(super) group: Option<GroupId>,
    pub(super) combo: Option<GroupId>,
    pub(super) reason: Cow<'static, str>,
    pub(super) decision_price: Price,
    /// Nanoseconds until whoever orders knows of the fill that it follows: the way of the answer.
    pub(super) known_after: i64,
}

impl Draft {
    /// Nothing special: for the fields that most orders leave as they are.
    pub(super) const BLANK: Self = Self {
        instrument: InstrumentId::PRIMARY,
        side: Side::Buy,
        kind: OrderKind::Market,
        quantity: Quantity::ZERO,
        display: None,
        time_in_force: TimeInForce::Gtc,
        closes: None,
        instructions: Instructions::NONE,
        purpose: OrderPurpose::Manual,
        client_order_id: None,
        parent: None,
        group: None,
        combo: None,
        reason: Cow::Borrowed(""),
        decision_price: Price::ZERO,
        known_after: 0,
    };
}

impl Engine {
    /// Checks an order and sends it to the exchange, or denies it.
    pub(super) fn place<S: Sink>(&mut self, draft: Draft, time: Timestamp, sink: &mut S) -> Option<OrderId> {
        let (at, closes) = (draft.instrument, draft.closes);
        let order = self.order(draft, time);
        let id = self.send(order, time, sink)?;
        if let Some(closes) = closes {
            self.desk_mut(at).lives.push(Life { order: id, closes });
        }
        Some(id)
    }

    /// Checks an order that is made and sends it, or denies it. One that waited goes out from where it is.
    pub(super) fn send<S: Sink>(
        &mut self,
        order: Box<Order>,
        time: Timestamp,
        sink: &mut S,
    ) -> Option<OrderId> {
        let at = order.instrument;
        self.mark_account();
        let halted = self.state == SessionState::Halted;
        let check = OrderCheck {
            instrument: self.instrument(at),
            id: at,
            account: &self.account,
            models: &self.models,
            halted: halted.then_some(&*self.state_reason),
        };
        match check.approve(order, time) {
            Ok(approved) => {
                let order = approved.order();
                let id = order.id;
                self.account.hold_for_order(id, order.hold.amount);
                self.note_auction(order);
                if S::READS_JOURNAL {
                    let write = |time, row: &mut Vec<u8>| essence::of_submitted(order, time, row);
                    let told = self.number_journal(time, write);
                    sink.submitted(told, order);
                }
                self.market_mut(at).orders.send(approved);
                Some(id)
            }
            Err((order, reason)) => {
                self.tell_denied(order, *reason, time, sink);
                None
            }
        }
    }

    /// Denies an order whose numbers gave out before there was anything to check.
    #[cold]
    pub(super) fn deny<S: Sink>(&mut self, draft: Draft, reason: DenyReason, time: Timestamp, sink: &mut S) {
        let mut order = self.order(draft, time);
        advance(&mut order, OrderEvent::Deny, time);
        order.end_reason = reason.to_string().into();
        order.end_code = reason.code().into();
        self.tell_denied(order, reason, time, sink);
    }

    #[cold]
    fn tell_denied<S: Sink>(&mut self, order: Box<Order>, reason: DenyReason, time: Timestamp, sink: &mut S) {
        let message = format!("The order to {} was denied: {reason}.", order.side);
        self.market_mut(order.instrument).orders.forget(order.id);
        self.client_ids.forget(order.id);
        let (order, refusal) = (*order, Refusal::Denied(reason.clone()));
        self.setbacks.note_refused(order.purpose, &refusal, time);
        self.emit(time, EventKind::OrderDenied { order, reason }, sink);
        self.alert_refusal(RefusalMemory::Denied, "order_denied", message, time, sink);
    }

    pub(super) fn order(&mut self, draft: Draft, time: Timestamp) -> Box<Order> {
        self.counters.orders += 1;
        let number = self.counters.orders;
        // What protects an entry is at the exchange with it.
        let delay = if draft.purpose.protects() {
            0
        } else {
            self.models.latency.entry(time, number)
        };
        Box::new(Order {
            id: OrderId(number),
            instrument: draft.instrument,
            client_order_id: draft.client_order_id,
            side: draft.side,
            kind: draft.kind,
            quantity: draft.quantity,
            asked: draft.quantity,
            given_up: Quantity::ZERO,
            display: draft.display,
            filled: Quantity::ZERO,
            average_price: None,
            fees: Decimal::ZERO,
            status: OrderStatus::Initialized,
            time_in_force: draft.time_in_force,
            instructions: draft.instructions,
            purpose: draft.purpose,
            parent: draft.parent,
            group: draft.group,
            combo: draft.combo,
            decision_price: draft.decision_price,
            submitted_at: time,
            arrives_at: time.plus_nanos(draft.known_after).plus_nanos(delay),
            updated_at: time,
            // The time of an attached order begins when it goes out.
            expires_at: if draft.parent.is_none() {
                self.expiry(draft.instrument, draft.time_in_force, draft.instructions, time)
            } else {
                None
            },
            hold: Money::zero(self.config.instrument.quote()),
            reason: draft.reason,
            end_reason: Cow::Borrowed(""),
            end_code: Cow::Borrowed(""),
        })
    }

    /// When an order placed at `time` ends by its time in force. Auctions end theirs themselves.
    pub(super) fn expiry(
        &self,
        at: InstrumentId,
        time_in_force: TimeInForce,
        instructions: Instructions,
        time: Timestamp,
    ) -> Option<Timestamp> {
        let hours = self.instrument(at).calendar();
        let calendar = Calendar::of(hours);
        match time_in_force {
            TimeInForce::Gtd { expires_at } => Some(expires_at),
            TimeInForce::Day => Some(match hours {
                CalendarId::Always => Timeframe::DAY.close_of(Timeframe::DAY.floor(time)),
                _ if instructions.extended_hours => calendar.extended_day_end(time),
                _ => calendar.day_end(time),
            }),
            // The first price of a session stands for its opening auction, however late it comes.
            TimeInForce::Opg => Some(calendar.next_close(calendar.next_open(time))),
            TimeInForce::Cls => Some(self.end_of_auction(calendar.next_close(time))),
            TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok => None,
        }
    }

    /// When it is certain that nothing told of a closing auction: a while after it, and after the bar that it is in.
    fn end_of_auction(&self, auction: Timestamp) -> Timestamp {
        const HALF_AN_HOUR: i64 = 30 * 60 * 1_000_000_000;
        auction.plus_nanos(self.config.base_timeframe.nanos().max(HALF_AN_HOUR))
    }

    /// The exchange takes the order at `index` in, or refuses it; says whether it rests now.
    pub(super) fn accept<S: Sink>(
        &mut self,
        at: InstrumentId,
        index: usize,
        time: Timestamp,
        sink: &mut S,
    ) -> bool {
        let phase = self.market_mut(at).phase(time);
        let order = self.market(at).orders.at(index);
        if let Some(reason) = self.arrival(at, phase).objection(order) {
            self.reject(at, index, reason, time, sink);
            return false;
        }
        let order_id = self.market_mut(at).orders.change(index, |order| {
            advance(order, OrderEvent::Accept, time);
            order.id
        });
        self.market_mut(at).orders.set_arriving(order_id);
        if S::READS_JOURNAL {
            let told = self.number_journal(time, |time, row| essence::of_accepted(order_id, time, row));
            sink.accepted(told, order_id);
        }
        true
    }

    /// The state of a market in which an order arrives.
    pub(super) fn arrival(&self, at: InstrumentId, phase: Phase) -> Arrival<'_> {
        let market = self.market(at);
        Arrival {
            instrument: market.instrument(),
            last_price: market.last_price(),
            phase,
            status: market.status(),
            open_orders: market.orders.resting(),
            held: self.account.holding(at).quantity(),
        }
    }

    /// The exchange refuses the order at `index`.
    #[cold]
    pub(super) fn reject<S: Sink>(
        &mut self,
        at: InstrumentId,
        index: usize,
        reason: crate::order::RejectReason,
        time: Timestamp,
        sink: &mut S,
    ) {
        let order = self.market(at).orders.at(index);
        let (side, never_rested) = (order.side, order.status == OrderStatus::Submitted);
        let message = format!("The order to {side} was rejected: {reason}.");
        let order = self.end(
            at,
            index,
            OrderEvent::Reject,
            (reason.code(), Cow::Owned(reason.to_string())),
            time,
        );
        let (order_id, refusal) = (order.id, Refusal::Rejected(reason.clone()));
        self.setbacks.note_refused(order.purpose, &refusal, time);
        if never_rested {
            self.client_ids.forget(order_id);
        }
        self.emit(time, EventKind::OrderRejected { order_id, reason }, sink);
        self.alert_refusal(RefusalMemory::Rejected, "order_rejected", message, time, sink);
        self.after_end(&order, CancelReason::ListRefused, time, sink);
    }

    /// The trigger price of the order at `index` was touched; gives its place after it, for the rest of an entry may
    /// leave the list.
    pub(super) fn trigger<S: Sink>(
        &mut self,
        at: InstrumentId,
        index: usize,
        price: Price,
        time: Timestamp,
        sink: &mut S,
    ) -> usize {
        let (order_id, reduces) = self.market_mut(at).orders.change(index, |order| {
            advance(order, OrderEvent::Trigger, time);
            (order.id, order.purpose.reduces())
        });
        self.market_mut(at).orders.set_arriving(order_id);
        self.emit(time, EventKind::OrderTriggered { order_id, price }, sink);
        if reduces {
            self.end_entry(at, time, sink);
        }
        self.market(at).orders.position(order_id).unwrap_or(index)
    }

    /// A position that has begun to be closed is not added to: what is left of its entry is withdrawn.
    pub(super) fn end_entry<S: Sink>(&mut self, at: InstrumentId, time: Timestamp, sink: &mut S) {
        self.cancel_where(
            at,
            |order| order.purpose == OrderPurpose::Entry,
            CancelReason::PositionClosed,
            time,
            sink,
        );
    }

    /// Gives the order at `index` other terms.
    pub(super) fn amend<S: Sink>(
        &mut self,
        at: InstrumentId,
        index: usize,
        kind: OrderKind,
        quantity: Quantity,
        time: Timestamp,
        sink: &mut S,
    ) {
        let orders = &mut self.market_mut(at).orders;
        let (order_id, asked, is_at_new_price) = orders.change(index, |order| {
            advance(order, OrderEvent::Amend, time);
            let is_at_new_price = kind.limit_price() != order.kind.limit_price();
            order.quantity = quantity;
            order.kind = kind;
            // An attached order has less than was asked while its parent fills.
            if order.parent.is_none() {
                order.asked = Quantity(quantity.0 + order.given_up.0);
            }
            (order.id, order.asked, is_at_new_price)
        });
        if is_at_new_price {
            orders.set_arriving(order_id);
        }
        self.rehold(at, order_id);
        self.emit(
            time,
            EventKind::OrderAmended {
                order_id,
                terms: kind,
                quantity,
                asked,
            },
            sink,
        );
    }

    /// Withdraws the order at `index`.
    pub(super) fn cancel<S: Sink>(
        &mut self,
        at: InstrumentId,
        index: usize,
        reason: CancelReason,
        time: Timestamp,
        sink: &mut S,
    ) {
        let order = self.end(
            at,
            index,
            OrderEvent::Cancel,
            (reason.code(), Cow::Owned(reason.to_string())),
            time,
        );
        let order_id = order.id;
        if reason == CancelReason::ListRefused && order.filled.0.is_zero() {
            // A refused list is none: its names are free for the next try.
            self.client_ids.forget(order_id);
        }
        self.emit(time, EventKind::OrderCanceled { order_id, reason }, sink);
        if reason != CancelReason::GroupFilled {
            self.after_end(&order, reason, time, sink);
        }
    }

    /// Withdraws every order in a market that `wanted` picks.
    pub(super) fn cancel_where<S: Sink>(
        &mut self,
        at: InstrumentId,
        wanted: impl Fn(&Order) -> bool,
        reason: CancelReason,
        time: Timestamp,
        sink: &mut S,
    ) {
        while let Some(index) = self.market(at).orders.find(&wanted) {
            self.cancel(at, index, reason, time, sink);
        }
    }

    /// Withdraws everything.
    pub(super) fn cancel_all<S: Sink>(&mut self, reason: CancelReason, time: Timestamp, sink: &mut S) {
        self.forget_reversals();
        for at in self.places() {
            self.cancel_where(at, |_| true, reason, time, sink);
        }
    }

    /// Forgets the entries that wait for a position to be closed.
    pub(super) fn forget_reversals(&mut self) {
        for desk in &mut self.desks {
            desk.reversal = None;
        }
    }

    /// Withdraws what would open a position for the strategy.
    pub(super) fn cancel_entries<S: Sink>(&mut self, reason: CancelReason, time: Timestamp, sink: &mut S) {
        for at in self.desk_places() {
            self.cancel_entries_in(at, reason, time, sink);
        }
    }

    /// Withdraws what would open a position for the strategy in one instrument.
    pub(super) fn cancel_entries_in<S: Sink>(
        &mut self,
        at: InstrumentId,
        reason: CancelReason,
        time: Timestamp,
        sink: &mut S,
    ) {
        self.desk_mut(at).reversal = None;
        self.cancel_where(
            at,
            |order| order.purpose == OrderPurpose::Entry,
            reason,
            time,
            sink,
        );
    }

    /// Withdraws what is left of an order that has met the market and whose time in force leaves no rest.
    pub(super) fn cancel_rest<S: Sink>(
        &mut self,
        at: InstrumentId,
        id: OrderId,
        time: Timestamp,
        sink: &mut S,
    ) {
        let orders = &self.market(at).orders;
        if let Some(index) = orders.position(id)
            && orders.at(index).leaves_no_rest()
            // A leg is met, and ended, by its combination.
            && orders.at(index).combo.is_none()
        {
            self.forget_reversal(at, index);
            self.cancel(at, index, CancelReason::NotFilledAtOnce, time, sink);
        }
    }

    /// An exit that ends with the position still open takes the entry that waits for it along.
    pub(super) fn forget_reversal(&mut self, at: InstrumentId, index: usize) {
        if self.market(at).orders.at(index).purpose == OrderPurpose::Exit
            && let Some(desk) = self.desks.get_mut(at.index())
        {
            desk.reversal = None;
        }
    }

    /// Ends the orders whose time is over at `now`.
    pub(super) fn expire_orders<S: Sink>(&mut self, at: InstrumentId, now: Timestamp, sink: &mut S) {
        let is_over = |order: &Order| order.expires_at.is_some_and(|end| end <= now);
        while let Some(index) = self.market(at).orders.find(is_over) {
            self.expire(at, index, "its time in force was over", now, sink);
        }
    }

    /// The strategy's bar closed: ends the orders that were to wait for so many bars.
    pub(super) fn age_orders<S: Sink>(&mut self, at: InstrumentId, now: Timestamp, sink: &mut S) {
        self.desk_mut(at).age(1);
        while let Some(place) = self.desk(at).lives.iter().position(|life| life.closes == 0) {
            let life = self.desk_mut(at).lives.remove(place);
            if let Some(index) = self.market(at).orders.position(life.order) {
                self.expire(at, index, "so many bars as it was to wait have closed", now, sink);
            }
        }
        let orders = &self.markets[at.index()].orders;
        self.desks[at.index()]
            .lives
            .retain(|life| orders.position(life.order).is_some());
    }

    #[cold]
    fn expire<S: Sink>(
        &mut self,
        at: InstrumentId,
        index: usize,
        why: &'static str,
        now: Timestamp,
        sink: &mut S,
    ) {
        self.forget_reversal(at, index);
        let why = Cow::Borrowed(why);
        let order = self.end(at, index, OrderEvent::Expire, ("expired", why), now);
        self.emit(now, EventKind::OrderExpired { order_id: order.id }, sink);
        self.after_end(&order, CancelReason::ParentEnded, now, sink);
    }

    /// Ends an order without a fill and gives back what it held.
    fn end(
        &mut self,
        at: InstrumentId,
        index: usize,
        event: OrderEvent,
        (code, reason): (&'static str, Cow<'static, str>),
        time: Timestamp,
    ) -> Box<Order> {
        let zero = Money::zero(self.config.instrument.quote());
        let order = self.market_mut(at).orders.change_to(index, |order| {
            advance(order, event, time);
            order.hold = zero;
            order.end_reason = reason;
            order.end_code = Cow::Borrowed(code);
        });
        self.market_mut(at).leave_queue(order.id);
        self.account.hold_for_order(order.id, Decimal::ZERO);
        order
    }
}

/// Moves an order on in the transition table.
///
/// # Panics
/// When the table forbids the move: a bug of the engine's.
pub(super) fn advance(order: &mut Order, event: OrderEvent, time: Timestamp) {
    order.status = order
        .status
        .apply(event)
        .unwrap_or_else(|error| unreachable!("order {}: {error}", order.id));
    order.updated_at = time;
}
