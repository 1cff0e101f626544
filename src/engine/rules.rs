//! What the strategy wants at the close of a bar, and how it becomes orders.

use super::desk::{Desk, Held};
use super::orders::Draft;
use super::terms::{OrderTerms, takes_next_price};
use super::{Engine, EventKind, SessionState, Sink};
use crate::market::Bar;
use crate::model::{InstrumentId, Money, Price, Quantity, Side, Timestamp};
use crate::order::{
    CancelReason, DenyReason, Order, OrderKind, OrderPurpose, OrderStatus, TimeInForce, Trail,
};
use crate::portfolio::{Claim, TradeSide};
use crate::risk::{SizingInputs, size};
use crate::strategy::{ConditionSlot, Distance, PositionView};
use rust_decimal::{Decimal, prelude::FromPrimitive};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Distances from the entry price at which a position is protected, fixed when the entry was decided.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct EntryPlan {
    stop_loss: Option<Span>,
    take_profit: Option<Span>,
    trailing_stop: Option<Span>,
}

/// A distance in price, or as a share of the entry price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Span {
    Price(f64),
    Share(f64),
}

impl EntryPlan {
    /// The plan after a split: distances in price are divided by it.
    fn after_split(self, ratio: f64) -> Self {
        let divide = |span: Option<Span>| {
            span.map(|span| match span {
                Span::Price(distance) => Span::Price(distance / ratio),
                Span::Share(_) => span,
            })
        };
        Self {
            stop_loss: divide(self.stop_loss),
            take_profit: divide(self.take_profit),
            trailing_stop: divide(self.trailing_stop),
        }
    }
}

impl Span {
    fn from(self, price: f64) -> f64 {
        match self {
            Self::Price(distance) => distance,
            Self::Share(share) => share * price,
        }
    }
}

/// An entry in the other direction, to be placed when the position is closed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Reversal {
    side: TradeSide,
    terms: OrderTerms,
    plan: EntryPlan,
    decision_price: Price,
}

/// What the rules say at one close.
#[derive(Clone, Copy, Debug)]
struct Wishes {
    enter: Option<TradeSide>,
    exit_long: bool,
    exit_short: bool,
}

impl Desk {
    fn view(&mut self, close: f64) -> PositionView {
        self.bars_in_trade += 1;
        let Held {
            quantity: size,
            entry_price,
            ..
        } = self.held;
        PositionView {
            size,
            entry_price,
            bars_in_trade: f64::from(self.bars_in_trade),
            unrealized_return: size.signum() * (close / entry_price - 1.0),
        }
    }
}

impl Engine {
    /// A bar of the strategy's timeframe closed: the rules see it and say what they want.
    #[inline]
    pub(super) fn close_strategy_bar<S: Sink>(&mut self, at: InstrumentId, bar: &Bar, sink: &mut S) {
        let time = self.config.strategy.timeframe.close_of(bar.open_time);
        self.reach(time);
        let desk = self.desk_mut(at);
        let view = if desk.held.quantity == 0.0 {
            PositionView::FLAT
        } else {
            desk.view(bar.close)
        };
        desk.see(bar, &view);
        self.emit_market(time, sink, || EventKind::Bar {
            bar: *bar,
            history: false,
        });
        if let Some(finding) = self.watch.on_close(bar.close) {
            self.alert_finding(finding, time, sink);
        }
        let desk = self.desk_mut(at);
        let cooling = desk.cooldown_left > 0;
        desk.cooldown_left = desk.cooldown_left.saturating_sub(1);
        if !matches!(self.state, SessionState::Running | SessionState::Paused) {
            return;
        }
        let wishes = self.wishes(at, cooling);
        if wishes.enter.is_some() || wishes.exit_long || wishes.exit_short {
            self.follow(at, wishes, bar.close, time, sink);
        }
    }

    #[inline]
    fn wishes(&self, at: InstrumentId, cooling: bool) -> Wishes {
        let rules = &self.config.strategy.rules;
        let holds =
            |slot: Option<ConditionSlot>| slot.is_some_and(|slot| self.desk(at).program.condition(slot));
        let may_enter = self.state == SessionState::Running && !cooling && !self.protection.blocks_entries();
        let enter = match (
            may_enter && holds(rules.entry_long),
            may_enter && holds(rules.entry_short),
        ) {
            (true, false) => Some(TradeSide::Long),
            (false, true) => Some(TradeSide::Short),
            // Both at once contradict each other: nothing is the safe reading.
            _ => None,
        };
        Wishes {
            enter,
            exit_long: holds(rules.exit_long),
            exit_short: holds(rules.exit_short),
        }
    }

    fn follow<S: Sink>(
        &mut self,
        at: InstrumentId,
        wishes: Wishes,
        close: f64,
        time: Timestamp,
        sink: &mut S,
    ) {
        let exits = |side: TradeSide| match side {
            TradeSide::Long => wishes.exit_long,
            TradeSide::Short => wishes.exit_short,
        };
        let Some(decision_price) = self.instrument(at).price_from_f64(close) else {
            return;
        };
        // An order whose time ends with this bar does not stand in the way of the next one.
        self.expire_orders(at, time, sink);
        if let Some(held) = self.account.holding(at).side() {
            if wishes.enter == Some(held) {
                self.desk_mut(at).reversal = None;
            }
            let turn = wishes.enter.filter(|side| *side != held);
            if exits(held) || turn.is_some() {
                self.exit(at, held, turn.is_some(), decision_price, time, sink);
            }
            if let Some(side) = turn {
                self.turn(at, side, decision_price, time, sink);
            }
            // A partly filled entry goes on only while its side is wanted.
            if exits(held) || turn.is_some() {
                self.cancel_where(
                    at,
                    |order| order.purpose == OrderPurpose::Entry,
                    CancelReason::Replaced,
                    time,
                    sink,
                );
            }
            return;
        }
        let orders = &self.market(at).orders;
        let working = orders
            .find(|order| order.purpose == OrderPurpose::Entry)
            .map(|index| orders.at(index).side);
        if let Some(order_side) = working {
            let side = if order_side == Side::Buy {
                TradeSide::Long
            } else {
                TradeSide::Short
            };
            let unwanted = exits(side) || wishes.enter.is_some_and(|wanted| wanted != side);
            if !unwanted {
                return;
            }
            self.cancel_entries_in(at, CancelReason::Replaced, time, sink);
        }
        if let Some(side) = wishes.enter {
            self.enter(at, side, decision_price, time, sink);
        }
    }

    /// Places the exit of the strategy's exit rule, or a market order when the position is to be turned around.
    fn exit<S: Sink>(
        &mut self,
        at: InstrumentId,
        held: TradeSide,
        turns: bool,
        decision_price: Price,
        time: Timestamp,
        sink: &mut S,
    ) {
        let rule = self.config.strategy.orders.exit;
        let reason = match held {
            TradeSide::Long => "exit.long",
            TradeSide::Short => "exit.short",
        };
        let is_exit = |order: &Order| matches!(order.purpose, OrderPurpose::Exit | OrderPurpose::Flatten);
        let side = held.entry().opposite();
        let terms = if turns {
            // The entry in the other direction waits for this one, so it has to end the position.
            Ok(OrderTerms::MARKET)
        } else {
            self.order_terms(at, &rule, side, decision_price, time)
        };
        let Ok(terms) = terms else {
            // An exit must not fail for want of a number: it goes to the market instead.
            return self.close_position(at, OrderPurpose::Exit, Cow::Borrowed(reason), time, sink);
        };
        let orders = &self.market(at).orders;
        if let Some(index) = orders.find(is_exit) {
            let upgrade = terms.takes_next_price() && !is_at_market(orders.at(index));
            if !upgrade {
                return;
            }
            self.cancel(at, index, CancelReason::Replaced, time, sink);
        }
        let quantity = Quantity(self.account.holding(at).quantity().abs());
        let draft = Draft {
            instrument: at,
            side,
            purpose: OrderPurpose::Exit,
            reason: Cow::Borrowed(reason),
            decision_price,
            ..terms.draft(self.instrument(at), quantity)
        };
        self.place(draft, time, sink);
    }

    /// Closes the position at the market, unless an order that does so is under way.
    pub(super) fn close_position<S: Sink>(
        &mut self,
        at: InstrumentId,
        purpose: OrderPurpose,
        reason: Cow<'static, str>,
        time: Timestamp,
        sink: &mut S,
    ) {
        let holding = self.account.holding(at);
        let (Some(held), Some(decision_price)) = (holding.side(), self.market(at).last_price()) else {
            return;
        };
        let is_closing = |order: &Order| order.purpose.reduces() && is_at_market(order);
        if self.market(at).orders.find(is_closing).is_some() {
            return;
        }
        let draft = Draft {
            instrument: at,
            side: held.entry().opposite(),
            kind: OrderKind::Market,
            quantity: Quantity(holding.quantity().abs()),
            time_in_force: TimeInForce::Gtc,
            purpose,
            reason,
            decision_price,
            ..Draft::BLANK
        };
        self.place(draft, time, sink);
    }

    fn enter<S: Sink>(
        &mut self,
        at: InstrumentId,
        side: TradeSide,
        decision_price: Price,
        time: Timestamp,
        sink: &mut S,
    ) {
        match self.plan_entry(at, side, decision_price, time) {
            Ok(entry) => self.enter_planned(at, entry, 0, time, sink),
            Err(reason) => self.deny_entry(at, side, decision_price, reason, time, sink),
        }
    }

    /// Remembers an entry in the other direction for when the position is closed.
    fn turn<S: Sink>(
        &mut self,
        at: InstrumentId,
        side: TradeSide,
        decision_price: Price,
        time: Timestamp,
        sink: &mut S,
    ) {
        match self.plan_entry(at, side, decision_price, time) {
            Ok(entry) => self.desk_mut(at).reversal = Some(entry),
            Err(reason) => self.deny_entry(at, side, decision_price, reason, time, sink),
        }
    }

    /// What an entry comes to at this close: its order's terms, and how the position will be protected.
    fn plan_entry(
        &self,
        at: InstrumentId,
        side: TradeSide,
        decision_price: Price,
        time: Timestamp,
    ) -> Result<Reversal, DenyReason> {
        let rule = self.config.strategy.orders.entry;
        Ok(Reversal {
            side,
            terms: self.order_terms(at, &rule, side.entry(), decision_price, time)?,
            plan: self.plan_protection(at)?,
            decision_price,
        })
    }

    /// Tells of an entry that the rule wanted and whose numbers gave out.
    fn deny_entry<S: Sink>(
        &mut self,
        at: InstrumentId,
        side: TradeSide,
        decision_price: Price,
        reason: DenyReason,
        time: Timestamp,
        sink: &mut S,
    ) {
        let nothing = OrderTerms::MARKET.draft(self.instrument(at), Quantity::ZERO);
        self.deny(entry_draft(at, nothing, side, decision_price), reason, time, sink);
    }

    /// The position is closed: the entry in the other direction, if one is waiting, goes out, unless a cooldown begins.
    pub(super) fn reverse<S: Sink>(&mut self, at: InstrumentId, time: Timestamp, sink: &mut S) {
        if let Some(reversal) = self.desk_mut(at).reversal.take()
            && self.state == SessionState::Running
            && self.desk(at).cooldown_left == 0
        {
            // The strategy has to hear first that it is flat.
            let answer = self.models.latency.response(time, self.counters.fills);
            self.enter_planned(at, reversal, answer, time, sink);
        }
    }

    fn enter_planned<S: Sink>(
        &mut self,
        at: InstrumentId,
        entry: Reversal,
        known_after: i64,
        time: Timestamp,
        sink: &mut S,
    ) {
        let Reversal {
            side,
            terms,
            plan,
            decision_price,
        } = entry;
        let price = terms.kind.price().unwrap_or(decision_price);
        let inputs = SizingInputs {
            instrument: self.instrument(at),
            equity: self.equity(),
            price,
            reach: self.reach_of_entry(at, side.entry(), price),
            stop_distance: plan.stop_loss.map(|span| span.from(price.to_f64())),
        };
        let sized = size(&self.config.strategy.risk.size, &inputs);
        let quantity = *sized.as_ref().unwrap_or(&Quantity::ZERO);
        let draft = Draft {
            known_after,
            ..entry_draft(
                at,
                terms.draft(self.instrument(at), quantity),
                side,
                decision_price,
            )
        };
        match sized {
            Ok(_) => {
                if self.place(draft, time, sink).is_some() {
                    self.desk_mut(at).plan = Some(plan);
                }
            }
            Err(reason) => self.deny(draft, reason, time, sink),
        }
    }

    /// What the free funds carry of an entry at a price, slippage and fee included.
    fn reach_of_entry(&self, at: InstrumentId, side: Side, price: Price) -> Quantity {
        let instrument = self.instrument(at);
        let claim = Claim {
            side,
            price,
            wanted: Quantity(Decimal::MAX),
            released: Money::zero(instrument.quote()),
            rate: self.models.worst_rate(),
        };
        let cost = |quantity| self.models.worst_cost(instrument, price, quantity);
        self.account.reach(at, instrument, &claim, cost)
    }

    /// Brings what is planned but not yet ordered in step with a split.
    pub(super) fn split_plans(&mut self, at: InstrumentId, ratio: Decimal) {
        let by = Price(ratio).to_f64();
        let (desk, instrument) = (&mut self.desks[at.index()], self.markets[at.index()].instrument());
        desk.plan = desk.plan.map(|plan| plan.after_split(by));
        if let Some(reversal) = &mut desk.reversal {
            let exact = (reversal.decision_price.0 / ratio).round_dp(Money::SCALE);
            reversal.decision_price = Price(exact.normalize());
            reversal.terms = reversal
                .terms
                .after_split(instrument, reversal.side.entry(), ratio);
            reversal.plan = reversal.plan.after_split(by);
        }
    }

    fn plan_protection(&self, at: InstrumentId) -> Result<EntryPlan, DenyReason> {
        let risk = &self.config.strategy.risk;
        Ok(EntryPlan {
            stop_loss: self.span(at, "stop loss", risk.stop_loss)?,
            take_profit: self.span(at, "take profit", risk.take_profit)?,
            trailing_stop: self.span(at, "trailing stop", risk.trailing_stop)?,
        })
    }

    fn span(
        &self,
        at: InstrumentId,
        what: &str,
        distance: Option<Distance>,
    ) -> Result<Option<Span>, DenyReason> {
        let span = match distance {
            None => return Ok(None),
            Some(Distance::Percent(share)) => Span::Share(share),
            Some(Distance::Price(slot)) => Span::Price(self.desk(at).program.number(slot)),
        };
        let (Span::Price(value) | Span::Share(value)) = span;
        if value.is_finite() && value > 0.0 {
            Ok(Some(span))
        } else {
            Err(DenyReason::Undefined {
                what: what.to_owned(),
                value: value.to_string(),
            })
        }
    }

    /// Places the protective orders of an entry that filled, or lets them grow with it.
    pub(super) fn protect<S: Sink>(
        &mut self,
        at: InstrumentId,
        entry_side: Side,
        price: Price,
        time: Timestamp,
        sink: &mut S,
    ) {
        let Some(plan) = self.desks.get(at.index()).and_then(|desk| desk.plan) else {
            return;
        };
        let quantity = Quantity(self.account.holding(at).quantity().abs());
        let purposes = [
            OrderPurpose::StopLoss,
            OrderPurpose::TakeProfit,
            OrderPurpose::TrailingStop,
        ];
        let mut grown = false;
        for purpose in purposes {
            let orders = &self.market(at).orders;
            let Some(index) = orders.find(|order| order.purpose == purpose) else {
                continue;
            };
            let order = orders.at(index);
            let kind = order.kind;
            if matches!(order.status, OrderStatus::Accepted | OrderStatus::PartiallyFilled) {
                let total = Quantity(quantity.0 + order.filled.0);
                self.amend(at, index, kind, total, time, sink);
            }
            grown = true;
        }
        if grown {
            return;
        }
        let spans = [plan.stop_loss, plan.take_profit, plan.trailing_stop];
        for (purpose, span) in purposes.into_iter().zip(spans) {
            let Some(kind) = span.and_then(|span| self.protective(at, purpose, entry_side, price, span))
            else {
                continue;
            };
            let reason = match purpose {
                OrderPurpose::StopLoss => "stop loss",
                OrderPurpose::TakeProfit => "take profit",
                _ => "trailing stop",
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
            if let Some(id) = self.place(draft, time, sink)
                && let Some(index) = self.market(at).orders.position(id)
            {
                self.accept(at, index, time, sink);
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

fn is_at_market(order: &Order) -> bool {
    takes_next_price(order.kind, order.time_in_force)
}

fn entry_draft(at: InstrumentId, draft: Draft, side: TradeSide, decision_price: Price) -> Draft {
    let reason = match side {
        TradeSide::Long => "entry.long",
        TradeSide::Short => "entry.short",
    };
    Draft {
        instrument: at,
        side: side.entry(),
        purpose: OrderPurpose::Entry,
        reason: Cow::Borrowed(reason),
        decision_price,
        ..draft
    }
}
