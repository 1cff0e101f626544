//! An order's life: placed, checked, accepted, filled, amended, withdrawn.

use super::{Engine, EventKind, RefusalMemory, SessionState, Sink};
use crate::exchange::{DataTier, Explanation, FeeInputs, Fill, Liquidity, Met};
use crate::model::{InstrumentId, Money, OrderId, Price, Quantity, Side, Timestamp, decimal};
use crate::order::{
    CancelReason, DenyReason, Order, OrderEvent, OrderKind, OrderPurpose, OrderStatus, RejectReason,
    TimeInForce,
};
use crate::portfolio::Claim;
use crate::risk::OrderCheck;
use rust_decimal::Decimal;
use std::borrow::Cow;

/// What somebody wants to order.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) side: Side,
    pub(super) kind: OrderKind,
    pub(super) quantity: Quantity,
    pub(super) time_in_force: TimeInForce,
    pub(super) purpose: OrderPurpose,
    pub(super) reason: Cow<'static, str>,
    pub(super) decision_price: Price,
}

/// The terms on which the market meets an order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// The price before spread and slippage.
    pub(super) reference: Price,
    /// Half the spread, where it is known and paid.
    pub(super) half_spread: Decimal,
    /// The price of the fill.
    pub(super) price: Price,
    /// The largest quantity to be had; `None` for any.
    pub(super) quantity: Option<Quantity>,
    pub(super) liquidity: Liquidity,
    pub(super) tier: DataTier,
    pub(super) met: Met,
}

impl Engine {
    /// Checks an order and sends it to the exchange, or denies it.
    pub(super) fn place<S: Sink>(&mut self, draft: Draft, time: Timestamp, sink: &mut S) -> Option<OrderId> {
        let order = self.order(draft, time);
        let halted = self.state == SessionState::Halted;
        let check = OrderCheck {
            instrument: &self.config.instrument,
            id: InstrumentId::PRIMARY,
            account: &self.account,
            models: &self.models,
            halted: halted.then_some(&*self.state_reason),
        };
        match check.approve(order, time) {
            Ok(approved) => {
                let order = approved.order().clone();
                let id = order.id;
                self.account.hold_for_order(id, order.hold.amount);
                self.orders.send(approved);
                self.emit(time, EventKind::OrderSubmitted { order }, sink);
                Some(id)
            }
            Err(denied) => {
                let (order, reason) = *denied;
                self.tell_denied(order, reason, time, sink);
                None
            }
        }
    }

    /// Denies an order whose numbers gave out before there was anything to check.
    pub(super) fn deny<S: Sink>(&mut self, draft: Draft, reason: DenyReason, time: Timestamp, sink: &mut S) {
        let mut order = self.order(draft, time);
        advance(&mut order, OrderEvent::Deny, time);
        order.end_reason = reason.to_string().into();
        self.tell_denied(order, reason, time, sink);
    }

    fn tell_denied<S: Sink>(&mut self, order: Order, reason: DenyReason, time: Timestamp, sink: &mut S) {
        let message = format!("The order to {} was denied: {reason}.", order.side);
        self.emit(time, EventKind::OrderDenied { order, reason }, sink);
        self.alert_refusal(RefusalMemory::Denied, "order_denied", message, time, sink);
    }

    fn order(&mut self, draft: Draft, time: Timestamp) -> Order {
        self.counters.orders += 1;
        Order {
            id: OrderId(self.counters.orders),
            side: draft.side,
            kind: draft.kind,
            quantity: draft.quantity,
            filled: Quantity::ZERO,
            average_price: None,
            status: OrderStatus::Initialized,
            time_in_force: draft.time_in_force,
            purpose: draft.purpose,
            decision_price: draft.decision_price,
            submitted_at: time,
            updated_at: time,
            hold: Money::zero(self.config.instrument.quote()),
            reason: draft.reason,
            end_reason: Cow::Borrowed(""),
        }
    }

    /// The exchange takes the order at `index` in, or refuses it; says whether it rests now.
    pub(super) fn accept<S: Sink>(&mut self, index: usize, time: Timestamp, sink: &mut S) -> bool {
        let order = self.orders.at(index);
        let order_id = order.id;
        if let Some(reason) = self.flaw(order) {
            let message = format!("The order to {} was rejected: {reason}.", order.side);
            self.end(index, OrderEvent::Reject, Cow::Owned(reason.to_string()), time);
            self.emit(time, EventKind::OrderRejected { order_id, reason }, sink);
            self.alert_refusal(RefusalMemory::Rejected, "order_rejected", message, time, sink);
            return false;
        }
        self.orders
            .change(index, |order| advance(order, OrderEvent::Accept, time));
        self.emit(time, EventKind::OrderAccepted { order_id }, sink);
        true
    }

    /// What an exchange would object to.
    fn flaw(&self, order: &Order) -> Option<RejectReason> {
        let instrument = &self.config.instrument;
        let off_lot = !(order.quantity.0 % instrument.lot()).is_zero();
        if off_lot || order.quantity.0 <= Decimal::ZERO {
            return Some(RejectReason::InvalidQuantity {
                quantity: order.quantity,
            });
        }
        let price = order.kind.price()?;
        if price.0 <= Decimal::ZERO || !(price.0 % instrument.tick()).is_zero() {
            return Some(RejectReason::InvalidPrice { price });
        }
        // Judged by the price on which it was decided: a gap afterwards sets a stop off, as it would anywhere.
        let market = order.decision_price;
        let wrong_side = match (order.kind, order.side) {
            (OrderKind::Stop { stop_price }, Side::Buy) => stop_price <= market,
            (OrderKind::Stop { stop_price }, Side::Sell) => stop_price >= market,
            _ => false,
        };
        wrong_side.then_some(RejectReason::StopWouldTrigger {
            stop_price: price,
            market,
        })
    }

    /// The trigger price of the stop at `index` was touched; gives the stop's place after it, for the rest of an entry
    /// may leave the list.
    pub(super) fn trigger<S: Sink>(
        &mut self,
        index: usize,
        price: Price,
        time: Timestamp,
        sink: &mut S,
    ) -> usize {
        let (order_id, reduces) = self.orders.change(index, |order| {
            advance(order, OrderEvent::Trigger, time);
            (order.id, order.purpose.reduces())
        });
        self.emit(time, EventKind::OrderTriggered { order_id, price }, sink);
        if reduces {
            self.end_entry(time, sink);
        }
        self.orders.position(order_id).unwrap_or(index)
    }

    /// A position that has begun to be closed is not added to: what is left of its entry is withdrawn.
    fn end_entry<S: Sink>(&mut self, time: Timestamp, sink: &mut S) {
        self.cancel_where(
            |order| !order.purpose.reduces(),
            CancelReason::PositionClosed,
            time,
            sink,
        );
    }

    /// Gives the order at `index` a new price or quantity.
    pub(super) fn amend<S: Sink>(
        &mut self,
        index: usize,
        price: Price,
        quantity: Quantity,
        time: Timestamp,
        sink: &mut S,
    ) {
        let order_id = self.orders.change(index, |order| {
            advance(order, OrderEvent::Amend, time);
            order.quantity = quantity;
            match &mut order.kind {
                OrderKind::Market => {}
                OrderKind::Limit { price: old } => *old = price,
                OrderKind::Stop { stop_price } | OrderKind::TrailingStop { stop_price, .. } => {
                    *stop_price = price
                }
            }
            order.id
        });
        self.emit(
            time,
            EventKind::OrderAmended {
                order_id,
                price,
                quantity,
            },
            sink,
        );
    }

    /// Withdraws the order at `index`.
    pub(super) fn cancel<S: Sink>(
        &mut self,
        index: usize,
        reason: CancelReason,
        time: Timestamp,
        sink: &mut S,
    ) {
        let order_id = self.end(index, OrderEvent::Cancel, Cow::Owned(reason.to_string()), time);
        self.emit(time, EventKind::OrderCanceled { order_id, reason }, sink);
    }

    /// Withdraws every order that `wanted` picks.
    pub(super) fn cancel_where<S: Sink>(
        &mut self,
        wanted: impl Fn(&Order) -> bool,
        reason: CancelReason,
        time: Timestamp,
        sink: &mut S,
    ) {
        while let Some(index) = self.orders.find(&wanted) {
            self.cancel(index, reason, time, sink);
        }
    }

    /// Withdraws everything.
    pub(super) fn cancel_all<S: Sink>(&mut self, reason: CancelReason, time: Timestamp, sink: &mut S) {
        self.reversal = None;
        self.cancel_where(|_| true, reason, time, sink);
    }

    /// Withdraws what would open a position.
    pub(super) fn cancel_entries<S: Sink>(&mut self, reason: CancelReason, time: Timestamp, sink: &mut S) {
        self.reversal = None;
        self.cancel_where(|order| !order.purpose.reduces(), reason, time, sink);
    }

    /// Withdraws what is left of an order that has met the market and whose time in force leaves no rest.
    pub(super) fn cancel_rest<S: Sink>(&mut self, id: OrderId, time: Timestamp, sink: &mut S) {
        if let Some(index) = self.orders.position(id)
            && self.orders.at(index).leaves_no_rest()
        {
            self.forget_reversal(index);
            self.cancel(index, CancelReason::NotFilledAtOnce, time, sink);
        }
    }

    /// An exit that ends with the position still open takes the entry that waits for it along.
    fn forget_reversal(&mut self, index: usize) {
        if self.orders.at(index).purpose == OrderPurpose::Exit {
            self.reversal = None;
        }
    }

    /// Ends the orders whose time is over at `now`.
    pub(super) fn expire_orders<S: Sink>(&mut self, now: Timestamp, sink: &mut S) {
        let is_over = |order: &Order| order.expires_at().is_some_and(|end| end <= now);
        while let Some(index) = self.orders.find(is_over) {
            self.forget_reversal(index);
            let order_id = self.end(
                index,
                OrderEvent::Expire,
                Cow::Borrowed("its time in force was over"),
                now,
            );
            self.emit(now, EventKind::OrderExpired { order_id }, sink);
        }
    }

    /// Ends an order without a fill and gives back what it held.
    fn end(
        &mut self,
        index: usize,
        event: OrderEvent,
        reason: Cow<'static, str>,
        time: Timestamp,
    ) -> OrderId {
        let zero = Money::zero(self.config.instrument.quote());
        let order_id = self.orders.change(index, |order| {
            advance(order, event, time);
            order.hold = zero;
            order.end_reason = reason;
            order.id
        });
        self.account.hold_for_order(order_id, Decimal::ZERO);
        order_id
    }

    /// Fills the order at `index` on the terms that the market offers, as far as quantity, position and cash reach; says
    /// how much.
    pub(super) fn fill<S: Sink>(
        &mut self,
        index: usize,
        terms: Terms,
        time: Timestamp,
        sink: &mut S,
    ) -> Quantity {
        let order = self.orders.at(index);
        let remaining = order.remaining();
        let wanted = terms.quantity.map_or(remaining, |most| most.min(remaining));
        let opens = !order.purpose.reduces();
        let reach = if opens {
            self.within_cash(order, &terms)
        } else {
            Quantity(self.holding().quantity().abs())
        };
        let short_of = if opens {
            CancelReason::InsufficientFunds
        } else {
            CancelReason::PositionClosed
        };
        let quantity = wanted.min(reach);
        // What closes more than is held is whole when all that is held is closed.
        let whole = if opens { remaining } else { remaining.min(reach) };
        let killed = order.time_in_force == TimeInForce::Fok && quantity < whole;
        if killed || quantity.0 <= Decimal::ZERO {
            let reason = if wanted < whole {
                CancelReason::NotFilledAtOnce
            } else {
                short_of
            };
            self.forget_reversal(index);
            self.cancel(index, reason, time, sink);
            return Quantity::ZERO;
        }
        let order_id = order.id;
        self.book_fill(index, quantity, &terms, time, sink);
        if quantity < wanted
            && let Some(index) = self.orders.position(order_id)
        {
            self.cancel(index, short_of, time, sink);
        }
        quantity
    }

    /// What the cash buys on these terms, the order's own hold included.
    fn within_cash(&self, order: &Order, terms: &Terms) -> Quantity {
        let instrument = &self.config.instrument;
        let claim = Claim {
            side: order.side,
            price: terms.price,
            wanted: order.remaining(),
            released: order.hold,
            rate: self.models.worst_fee_rate(),
        };
        let fee = |quantity| self.models.worst_fee(instrument, terms.price, quantity);
        self.account.reach(InstrumentId::PRIMARY, instrument, &claim, fee)
    }

    fn book_fill<S: Sink>(
        &mut self,
        index: usize,
        quantity: Quantity,
        terms: &Terms,
        time: Timestamp,
        sink: &mut S,
    ) {
        let instrument = &self.config.instrument;
        let order = self.orders.at(index);
        let filled_before = order.average_price.map_or(Decimal::ZERO, |average| {
            instrument.notional(average, order.filled).amount
        });
        let fee = self.models.fee(&FeeInputs {
            instrument,
            side: order.side,
            price: terms.price,
            quantity,
            liquidity: terms.liquidity,
            time,
            order_filled: order.filled,
            order_value: filled_before,
            order_fees: Decimal::ZERO,
        });
        self.models
            .on_fill(time, instrument.notional(terms.price, quantity));
        self.counters.fills += 1;
        let fill = Fill {
            order_id: order.id,
            number: self.counters.fills,
            time,
            side: order.side,
            quantity,
            price: terms.price,
            fee,
            liquidity: terms.liquidity,
            explanation: Explanation::build(
                instrument,
                terms.tier,
                order.side,
                quantity,
                (order.submitted_at, order.decision_price),
                terms.reference,
                terms.half_spread,
                terms.price,
                fee,
                terms.met,
            ),
        };
        let order = self.orders.change(index, |order| {
            take(order, quantity, terms.price, time);
            order.clone()
        });
        self.account.hold_for_order(order.id, order.hold.amount);
        let effect = self.account.apply(
            InstrumentId::PRIMARY,
            &self.config.instrument,
            &fill,
            order.reason.clone(),
        );
        self.refresh_cache();
        self.last_price = Some(terms.reference.to_f64());
        self.counters.refused = RefusalMemory::None;
        self.metrics.on_fill(
            self.config.instrument.notional(terms.price, quantity).to_f64(),
            fee.to_f64(),
        );

        let purpose = order.purpose;
        let (side, price, cash) = (fill.side, fill.price, self.account.cash());
        sink.account(cash.amount, self.holding().quantity());
        self.emit(time, EventKind::OrderFilled { fill, order, cash }, sink);
        if let Some(trade) = effect.opened {
            self.bars_in_trade = 0;
            self.emit(time, EventKind::TradeOpened { trade }, sink);
        }
        if purpose.reduces() {
            self.end_entry(time, sink);
        } else {
            self.protect(side, price, time, sink);
        }
        if let Some(trade) = effect.closed {
            self.metrics.on_trade(trade.pnl.to_f64(), trade.return_ratio);
            let finding = self.watch.on_trade(trade.pnl.to_f64());
            self.emit(time, EventKind::TradeClosed { trade }, sink);
            if let Some(finding) = finding {
                self.alert_finding(finding, time, sink);
            }
            self.cancel_where(
                |order| order.purpose.reduces(),
                CancelReason::PositionClosed,
                time,
                sink,
            );
            self.plan = None;
            self.cooldown_left = self.config.strategy.risk.cooldown;
        }
        let position = self.position();
        self.emit(time, EventKind::PositionChanged { position }, sink);
        if self.holding().is_flat() {
            self.reverse(time, sink);
        }
    }
}

/// Moves an order on in the transition table.
///
/// # Panics
/// When the table forbids the move: a bug of the engine's.
fn advance(order: &mut Order, event: OrderEvent, time: Timestamp) {
    order.status = order
        .status
        .apply(event)
        .unwrap_or_else(|error| unreachable!("order {}: {error}", order.id));
    order.updated_at = time;
}

/// Takes a fill into an order: quantity, average price, hold, status.
fn take(order: &mut Order, quantity: Quantity, price: Price, time: Timestamp) {
    let before = order.remaining().0;
    let filled = order.filled.0 + quantity.0;
    let earlier = order
        .average_price
        .map_or(Decimal::ZERO, |average| average.0 * order.filled.0);
    order.average_price = Some(if order.filled.0.is_zero() {
        price
    } else {
        Price(
            ((earlier + price.0 * quantity.0) / filled)
                .round_dp(Money::SCALE)
                .normalize(),
        )
    });
    order.filled = Quantity(filled);
    let rest = before - quantity.0;
    if rest.is_zero() {
        order.hold = Money::zero(order.hold.currency);
        advance(order, OrderEvent::FillRest, time);
    } else {
        order.hold = Money::new(
            decimal::part(order.hold.amount, rest, before),
            order.hold.currency,
        );
        advance(order, OrderEvent::FillPart, time);
    }
}
