//! Fills: as much as market, position and cash give, booked, explained, and what follows from them.

use super::orders::advance;
use super::{Engine, RefusalMemory, Sink, essence};
use crate::exchange::{DataTier, Explanation, FeeInputs, Fill, Liquidity, Met, Parts, QueueStory, Shortfall};
use crate::model::{InstrumentId, Money, Price, Quantity, Side, Timestamp, TradeId, decimal};
use crate::order::{CancelReason, Order, OrderEvent, OrderPurpose, OrderStatus, TimeInForce};
use crate::portfolio::{Claim, FillEffect, Trade};
use rust_decimal::Decimal;

/// The terms on which the market meets an order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// The price before spread, slippage and impact.
    pub(super) reference: Price,
    /// Half the spread, where it is known and paid.
    pub(super) half_spread: Decimal,
    /// What the order's own size cost, per unit.
    pub(super) impact: Decimal,
    /// The price of the fill.
    pub(super) price: Price,
    /// The largest quantity to be had; `None` for any.
    pub(super) quantity: Option<Quantity>,
    pub(super) liquidity: Liquidity,
    pub(super) tier: DataTier,
    pub(super) met: Met,
    pub(super) queue: Option<QueueStory>,
}

impl Engine {
    /// Fills the order at `index` on the terms that the market offers, as far as quantity, position and cash reach; says
    /// how much.
    pub(super) fn fill<S: Sink>(
        &mut self,
        at: InstrumentId,
        index: usize,
        terms: Terms,
        time: Timestamp,
        sink: &mut S,
    ) -> Quantity {
        self.mark_account();
        self.size_to_position(at, index, time, sink);
        let order = self.market(at).orders.at(index);
        let order_id = order.id;
        let remaining = order.remaining();
        let wanted = terms.quantity.map_or(remaining, |most| most.min(remaining));
        let held = self.account.holding(at).quantity();
        let faces = !held.is_zero() && (held.is_sign_negative() == (order.side == Side::Buy));
        let closes = if faces {
            wanted.min(Quantity(held.abs()))
        } else {
            Quantity::ZERO
        };
        if order.purpose == OrderPurpose::Manual && self.uncovers(at, order, closes, terms.price) {
            self.cancel(at, index, CancelReason::Uncovers, time, sink);
            return Quantity::ZERO;
        }
        let only_reduces = order.only_reduces();
        let opens = if only_reduces || (faces && closes == wanted) {
            Quantity::ZERO
        } else {
            let opening = Quantity(decimal::subtract(wanted.0, closes.0));
            // The legs of a combination were judged together: one that were cut would leave the others alone.
            if order.combo.is_some() {
                opening
            } else {
                opening.min(self.within_cash(at, order, terms.price))
            }
        };
        let short_of = match (only_reduces, order.purpose) {
            (true, OrderPurpose::Manual) => CancelReason::NothingToReduce,
            (true, _) => CancelReason::PositionClosed,
            (false, _) => CancelReason::InsufficientFunds,
        };
        let quantity = Quantity(decimal::add(closes.0, opens.0));
        // What closes more than is held is whole when all that is held is closed.
        let whole = if only_reduces {
            remaining.min(Quantity(held.abs()))
        } else {
            remaining
        };
        // Of a book its taker has seen before the first level that the levels together are enough.
        let is_level = terms.liquidity == Liquidity::Taker && matches!(terms.met, Met::Level { .. });
        let needed = if is_level { wanted.min(whole) } else { whole };
        let killed = order.time_in_force == TimeInForce::Fok && quantity < needed;
        if killed || !decimal::is_positive(quantity.0) {
            let reason = if wanted < whole {
                CancelReason::NotFilledAtOnce
            } else {
                short_of
            };
            self.forget_reversal(at, index);
            self.cancel(at, index, reason, time, sink);
            return Quantity::ZERO;
        }
        // An order that turns the position around is two fills: one closes, one opens.
        if decimal::is_positive(closes.0) {
            self.book_fill(at, index, closes, &terms, time, sink);
        }
        if decimal::is_positive(opens.0)
            && let Some(index) = self.market(at).orders.position(order_id)
        {
            self.book_fill(at, index, opens, &terms, time, sink);
        }
        if quantity < wanted
            && let Some(index) = self.market(at).orders.position(order_id)
        {
            self.cancel(at, index, short_of, time, sink);
        }
        quantity
    }

    /// Whether closing so much leaves sold options without cover that the free funds, and what the sale brings, do not replace. What
    /// covered them when the order was placed may cover others by now. Of the legs of a combination all were judged together. What a strategy
    /// or a protection has to close is not asked: it is closed, and the margin is called where it gives out.
    fn uncovers(&self, at: InstrumentId, order: &Order, closes: Quantity, price: Price) -> bool {
        if order.combo.is_some() {
            return false;
        }
        let needed = self.account.uncovers(at, closes);
        if needed.is_zero() {
            return false;
        }
        let instrument = self.instrument(at);
        let brought = instrument.notional(price, closes) - self.models.worst_fee(instrument, price, closes);
        needed > (self.account.available() + brought).amount
    }

    /// Whether position and free funds carry all of an order at a price.
    pub(super) fn carries_whole(&self, at: InstrumentId, order: &Order, price: Price) -> bool {
        let held = self.account.holding(at).quantity() * order.side.sign();
        let closes = (-held).max(Decimal::ZERO);
        order.only_reduces() || order.remaining().0 <= closes + self.within_cash(at, order, price).0
    }

    /// An order that closes the position has the position's quantity, whatever that is by now.
    fn size_to_position<S: Sink>(&mut self, at: InstrumentId, index: usize, time: Timestamp, sink: &mut S) {
        let order = self.market(at).orders.at(index);
        if !order.instructions.close_position {
            return;
        }
        let held = self.account.holding(at).quantity().abs();
        let (kind, quantity) = (order.kind, Quantity(order.filled.0 + held));
        if quantity != order.quantity && held > Decimal::ZERO {
            self.amend(at, index, kind, quantity, time, sink);
        }
    }

    /// What the free funds carry at a price, the order's own hold included.
    fn within_cash(&self, at: InstrumentId, order: &Order, price: Price) -> Quantity {
        let instrument = self.instrument(at);
        let claim = Claim {
            side: order.side,
            price,
            wanted: order.remaining(),
            released: order.hold,
            rate: self.models.worst_fee_rate(),
        };
        let fee = |quantity| self.models.worst_fee(instrument, price, quantity);
        self.account.reach(at, instrument, &claim, fee)
    }

    fn book_fill<S: Sink>(
        &mut self,
        at: InstrumentId,
        index: usize,
        quantity: Quantity,
        terms: &Terms,
        time: Timestamp,
        sink: &mut S,
    ) {
        let fill = self.make_fill(at, index, quantity, terms, time);
        let fee = fill.fee;
        let notional = self.instrument(at).notional(terms.price, quantity);
        self.models.on_fill(time, notional);
        let held = self.account.holding(at).quantity();
        let order = self.market_mut(at).orders.change_to(index, |order| {
            let closes = decimal::is_positive(-order.side.signed(held));
            take(order, quantity, closes, terms.price, fee.amount, time);
        });
        if order.status.is_final() {
            self.market_mut(at).leave_queue(order.id);
        }
        self.account.hold_for_order(order.id, order.hold.amount);
        let instrument = self.markets[at.index()].instrument();
        let effect = self.account.apply(at, instrument, &fill, order.reason.clone());
        let cash = self.refresh_cache();
        if terms.tier == DataTier::Bars && !matches!(terms.met, Met::BarOpen { .. }) {
            // Inside a bar the price is where it met us; at its open, which may have passed a limit by, and on ticks it is known.
            self.market_mut(at).last_price = Some(terms.reference.to_f64());
        }
        self.counters.refused = RefusalMemory::None;
        self.metrics.on_fill(notional.to_f64(), fee.to_f64());
        self.tell_account(cash, sink);
        if S::READS_JOURNAL {
            let write = |time, row: &mut Vec<u8>| essence::of_filled(&fill, &order, cash, time, row);
            let told = self.number_journal(time, write);
            sink.filled(told, fill, &order, cash);
        }
        if order.purpose == OrderPurpose::Liquidation {
            let rate = self.models.liquidation_fee;
            let flow = self
                .account
                .liquidation_fee(at, quantity, terms.price, rate, time);
            self.tell_flow(flow, sink);
        }
        self.follow_fill(at, &order, quantity, effect, (terms.price, time), sink);
    }

    fn make_fill(
        &mut self,
        at: InstrumentId,
        index: usize,
        quantity: Quantity,
        terms: &Terms,
        time: Timestamp,
    ) -> Fill {
        self.counters.fills += 1;
        let market = self.market(at);
        let (instrument, order) = (market.instrument(), market.orders.at(index));
        let value = |average| instrument.notional(average, order.filled).amount;
        let fee = self.models.fee(&FeeInputs {
            instrument,
            side: order.side,
            price: terms.price,
            quantity,
            liquidity: terms.liquidity,
            time,
            order_filled: order.filled,
            order_value: order.average_price.map_or(Decimal::ZERO, value),
            order_fees: order.fees,
        });
        let Parts {
            drift,
            latency,
            spread,
            slippage,
            impact,
        } = Shortfall {
            side: order.side,
            quantity,
            decision: order.decision_price,
            reference: terms.reference,
            on_its_way: is_on_arrival(order, terms.liquidity, time),
            half_spread: terms.half_spread,
            impact: terms.impact,
            price: terms.price,
        }
        .parts(instrument);
        Fill {
            order_id: order.id,
            number: self.counters.fills,
            instrument: at,
            time,
            side: order.side,
            quantity,
            price: terms.price,
            fee,
            liquidity: terms.liquidity,
            explanation: Explanation {
                tier: terms.tier,
                decision_price: order.decision_price,
                decided_at: order.submitted_at,
                arrived_at: order.arrives_at,
                reference_price: terms.reference,
                drift,
                latency,
                spread,
                slippage,
                impact,
                fee,
                met: terms.met,
                tape: self.told_by(at, terms),
                queue: terms.queue,
            },
        }
    }

    /// The input that brought what a fill meets: the present one, or, for an order that arrived in between, that of the
    /// book as it stood.
    fn told_by(&self, at: InstrumentId, terms: &Terms) -> u64 {
        match terms.met {
            Met::Quote { .. } | Met::Level { .. } => self.market(at).told_by,
            _ => self.inputs,
        }
    }

    /// What a fill brings about: the round trip's events, protection, the rest of its group, the entry that waited.
    fn follow_fill<S: Sink>(
        &mut self,
        at: InstrumentId,
        order: &Order,
        quantity: Quantity,
        effect: FillEffect,
        (price, time): (Price, Timestamp),
        sink: &mut S,
    ) {
        let is_strategy_s = self.is_traded(at);
        if let Some(trade) = effect.opened {
            if is_strategy_s {
                self.desk_mut(at).bars_in_trade = 0;
            }
            self.tell_opened(at, trade, time, sink);
        }
        if order.purpose.reduces() {
            self.end_entry(at, time, sink);
        }
        if is_strategy_s {
            let adds = decimal::is_positive(order.side.signed(self.account.holding(at).quantity()));
            if !adds {
                self.leave_stakes(at, order.id, quantity, time, sink);
            } else if order.purpose == OrderPurpose::Entry {
                self.protect(at, order.id, order.side, (price, quantity), time, sink);
            }
        }
        self.rehold_others(at, Some(order.id));
        self.after_fill(order, quantity, time, sink);
        if let Some(trade) = effect.closed {
            self.end_trade(at, trade, time, sink);
        }
        self.tell_changed(at, time, sink);
        if is_strategy_s && self.account.holding(at).is_flat() {
            self.reverse(at, time, sink);
        }
        if order.purpose == OrderPurpose::Exit {
            self.follow_sale(time, sink);
        }
    }

    /// Tells that a round trip began.
    pub(super) fn tell_opened<S: Sink>(
        &mut self,
        at: InstrumentId,
        trade: TradeId,
        time: Timestamp,
        sink: &mut S,
    ) {
        if S::READS_JOURNAL {
            let told = self.number_journal(time, |time, row| essence::of_opened(trade, time, row));
            // Nothing has come to it yet but what began it.
            let open = || self.account.holding(at).open_trade(self.instrument(at));
            sink.opened(told, open);
        }
    }

    /// Tells what is held of an instrument now.
    pub(super) fn tell_changed<S: Sink>(&mut self, at: InstrumentId, time: Timestamp, sink: &mut S) {
        if S::READS_JOURNAL {
            let quantity = self.quantity_in(at);
            let told = self.number_journal(time, |time, row| essence::of_position(at, quantity, time, row));
            sink.position(told, at, || self.position_in(at));
        }
    }

    /// A round trip is over: what only reduces is withdrawn, what was planned for it forgotten.
    pub(super) fn end_trade<S: Sink>(
        &mut self,
        at: InstrumentId,
        trade: Box<Trade>,
        time: Timestamp,
        sink: &mut S,
    ) {
        let pnl = trade.pnl.to_f64();
        self.metrics.on_trade(pnl, trade.return_ratio);
        let finding = self.watch.on_trade(pnl);
        let is_loss = decimal::is_positive(-trade.pnl.amount);
        if S::READS_JOURNAL {
            let write = |time, row: &mut Vec<u8>| essence::of_closed(&trade, time, row);
            let told = self.number_journal(time, write);
            sink.closed(told, *trade);
        }
        if let Some(finding) = finding {
            self.alert_finding(finding, time, sink);
        }
        self.cancel_where(
            at,
            |order| order.only_reduces() && order.status != OrderStatus::Waiting,
            CancelReason::PositionClosed,
            time,
            sink,
        );
        if self.is_traded(at) {
            let risk = &self.config.strategy.risk;
            let cooldown = match is_loss {
                true => risk.cooldown.max(risk.cooldown_after_loss),
                false => risk.cooldown,
            };
            let desk = self.desk_mut(at);
            desk.stakes.end_position();
            desk.cooldown_left = cooldown;
        }
    }
}

/// Whether a fill is what an order took when it arrived, so that the way there is all that lay between. What it finds
/// later, after a night or a silence, it has waited for.
fn is_on_arrival(order: &Order, liquidity: Liquidity, time: Timestamp) -> bool {
    const AT_ONCE: i64 = 1_000_000_000;
    order.arrives_at > order.submitted_at
        && liquidity == Liquidity::Taker
        && order.kind.stop_price().is_none()
        && order.updated_at == time
        && time.since(order.arrives_at) <= AT_ONCE
}

/// Takes a fill into an order: quantity, average price, fees, hold, status. The hold is for what opens: what closes leaves
/// it whole.
fn take(order: &mut Order, quantity: Quantity, closes: bool, price: Price, fee: Decimal, time: Timestamp) {
    let before = order.remaining().0;
    let filled = decimal::add(order.filled.0, quantity.0);
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
    order.fees = decimal::add(order.fees, fee);
    let rest = decimal::subtract(before, quantity.0);
    if rest.is_zero() {
        order.hold = Money::zero(order.hold.currency);
        advance(order, OrderEvent::FillRest, time);
    } else {
        if !closes {
            let amount = decimal::part(order.hold.amount, rest, before);
            order.hold = Money::new(amount, order.hold.currency);
        }
        advance(order, OrderEvent::FillPart, time);
    }
}
