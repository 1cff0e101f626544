//! What the strategy wants at the close of a bar, and how it becomes orders.

use super::orders::Draft;
use super::terms::{OrderTerms, takes_next_price};
use super::{Cached, Engine, EventKind, SessionState, Sink};
use crate::exchange::WorkingOrders;
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

impl Engine {
    /// Our orders in the instrument that the strategy trades.
    fn orders(&self) -> &WorkingOrders {
        &self.market(InstrumentId::PRIMARY).orders
    }

    /// A bar of the strategy's timeframe closed: the rules see it and say what they want.
    #[inline]
    pub(super) fn close_strategy_bar<S: Sink>(&mut self, bar: &Bar, sink: &mut S) {
        let time = self.config.strategy.timeframe.close_of(bar.open_time);
        self.reach(time);
        let view = if self.cached.quantity == 0.0 {
            PositionView::FLAT
        } else {
            self.view(bar.close)
        };
        self.program.on_bar(bar, &view);
        self.emit_market(time, sink, || EventKind::Bar {
            bar: *bar,
            history: false,
        });
        if let Some(finding) = self.watch.on_close(bar.close) {
            self.alert_finding(finding, time, sink);
        }
        let cooling = self.cooldown_left > 0;
        self.cooldown_left = self.cooldown_left.saturating_sub(1);
        if !matches!(self.state, SessionState::Running | SessionState::Paused) {
            return;
        }
        let wishes = self.wishes(cooling);
        if wishes.enter.is_some() || wishes.exit_long || wishes.exit_short {
            self.follow(wishes, bar.close, time, sink);
        }
    }

    fn view(&mut self, close: f64) -> PositionView {
        self.bars_in_trade += 1;
        let Cached {
            quantity: size,
            entry_price,
            ..
        } = self.cached;
        PositionView {
            size,
            entry_price,
            bars_in_trade: f64::from(self.bars_in_trade),
            unrealized_return: size.signum() * (close / entry_price - 1.0),
        }
    }

    #[inline]
    fn wishes(&self, cooling: bool) -> Wishes {
        let rules = &self.config.strategy.rules;
        let holds = |slot: Option<ConditionSlot>| slot.is_some_and(|slot| self.program.condition(slot));
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

    fn follow<S: Sink>(&mut self, wishes: Wishes, close: f64, time: Timestamp, sink: &mut S) {
        let exits = |side: TradeSide| match side {
            TradeSide::Long => wishes.exit_long,
            TradeSide::Short => wishes.exit_short,
        };
        let Some(decision_price) = self.config.instrument.price_from_f64(close) else {
            return;
        };
        // An order whose time ends with this bar does not stand in the way of the next one.
        self.expire_orders(InstrumentId::PRIMARY, time, sink);
        if let Some(held) = self.holding().side() {
            if wishes.enter == Some(held) {
                self.reversal = None;
            }
            let turn = wishes.enter.filter(|side| *side != held);
            if exits(held) || turn.is_some() {
                self.exit(held, turn.is_some(), decision_price, time, sink);
            }
            if let Some(side) = turn {
                self.turn(side, decision_price, time, sink);
            }
            // A partly filled entry goes on only while its side is wanted.
            if exits(held) || turn.is_some() {
                self.cancel_where(
                    InstrumentId::PRIMARY,
                    |order| order.purpose == OrderPurpose::Entry,
                    CancelReason::Replaced,
                    time,
                    sink,
                );
            }
            return;
        }
        let working = self
            .orders()
            .find(|order| order.purpose == OrderPurpose::Entry)
            .map(|index| self.orders().at(index).side);
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
            self.cancel_entries(CancelReason::Replaced, time, sink);
        }
        if let Some(side) = wishes.enter {
            self.enter(side, decision_price, time, sink);
        }
    }

    /// Places the exit of the strategy's exit rule, or a market order when the position is to be turned around.
    fn exit<S: Sink>(
        &mut self,
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
            self.order_terms(&rule, side, decision_price, time)
        };
        let Ok(terms) = terms else {
            // An exit must not fail for want of a number: it goes to the market instead.
            return self.close_position(
                InstrumentId::PRIMARY,
                OrderPurpose::Exit,
                Cow::Borrowed(reason),
                time,
                sink,
            );
        };
        if let Some(index) = self.orders().find(is_exit) {
            let upgrade = terms.takes_next_price() && !is_at_market(self.orders().at(index));
            if !upgrade {
                return;
            }
            self.cancel(InstrumentId::PRIMARY, index, CancelReason::Replaced, time, sink);
        }
        let quantity = Quantity(self.holding().quantity().abs());
        let draft = Draft {
            side,
            purpose: OrderPurpose::Exit,
            reason: Cow::Borrowed(reason),
            decision_price,
            ..terms.draft(&self.config.instrument, quantity)
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

    fn enter<S: Sink>(&mut self, side: TradeSide, decision_price: Price, time: Timestamp, sink: &mut S) {
        match self.plan_entry(side, decision_price, time) {
            Ok(entry) => self.enter_planned(entry, 0, time, sink),
            Err(reason) => self.deny_entry(side, decision_price, reason, time, sink),
        }
    }

    /// Remembers an entry in the other direction for when the position is closed.
    fn turn<S: Sink>(&mut self, side: TradeSide, decision_price: Price, time: Timestamp, sink: &mut S) {
        match self.plan_entry(side, decision_price, time) {
            Ok(entry) => self.reversal = Some(entry),
            Err(reason) => self.deny_entry(side, decision_price, reason, time, sink),
        }
    }

    /// What an entry comes to at this close: its order's terms, and how the position will be protected.
    fn plan_entry(
        &self,
        side: TradeSide,
        decision_price: Price,
        time: Timestamp,
    ) -> Result<Reversal, DenyReason> {
        let rule = self.config.strategy.orders.entry;
        Ok(Reversal {
            side,
            terms: self.order_terms(&rule, side.entry(), decision_price, time)?,
            plan: self.plan_protection()?,
            decision_price,
        })
    }

    /// Tells of an entry that the rule wanted and whose numbers gave out.
    fn deny_entry<S: Sink>(
        &mut self,
        side: TradeSide,
        decision_price: Price,
        reason: DenyReason,
        time: Timestamp,
        sink: &mut S,
    ) {
        let nothing = OrderTerms::MARKET.draft(&self.config.instrument, Quantity::ZERO);
        self.deny(entry_draft(nothing, side, decision_price), reason, time, sink);
    }

    /// The position is closed: the entry in the other direction, if one is waiting, goes out, unless a cooldown begins.
    pub(super) fn reverse<S: Sink>(&mut self, time: Timestamp, sink: &mut S) {
        if let Some(reversal) = self.reversal.take()
            && self.state == SessionState::Running
            && self.cooldown_left == 0
        {
            // The strategy has to hear first that it is flat.
            let answer = self.models.latency.response(time, self.counters.fills);
            self.enter_planned(reversal, answer, time, sink);
        }
    }

    fn enter_planned<S: Sink>(&mut self, entry: Reversal, known_after: i64, time: Timestamp, sink: &mut S) {
        let Reversal {
            side,
            terms,
            plan,
            decision_price,
        } = entry;
        let price = terms.kind.price().unwrap_or(decision_price);
        let inputs = SizingInputs {
            instrument: &self.config.instrument,
            equity: self.equity(),
            price,
            reach: self.reach_of_entry(side.entry(), price),
            stop_distance: plan.stop_loss.map(|span| span.from(price.to_f64())),
        };
        let sized = size(&self.config.strategy.risk.size, &inputs);
        let quantity = *sized.as_ref().unwrap_or(&Quantity::ZERO);
        let draft = Draft {
            known_after,
            ..entry_draft(
                terms.draft(&self.config.instrument, quantity),
                side,
                decision_price,
            )
        };
        match sized {
            Ok(_) => {
                if self.place(draft, time, sink).is_some() {
                    self.plan = Some(plan);
                }
            }
            Err(reason) => self.deny(draft, reason, time, sink),
        }
    }

    /// What the free funds carry of an entry at a price, slippage and fee included.
    fn reach_of_entry(&self, side: Side, price: Price) -> Quantity {
        let instrument = &self.config.instrument;
        let claim = Claim {
            side,
            price,
            wanted: Quantity(Decimal::MAX),
            released: Money::zero(instrument.quote()),
            rate: self.models.worst_rate(),
        };
        let cost = |quantity| self.models.worst_cost(instrument, price, quantity);
        self.account
            .reach(InstrumentId::PRIMARY, instrument, &claim, cost)
    }

    /// Brings what is planned but not yet ordered in step with a split.
    pub(super) fn split_plans(&mut self, ratio: Decimal) {
        let by = Price(ratio).to_f64();
        self.plan = self.plan.map(|plan| plan.after_split(by));
        let instrument = &self.config.instrument;
        if let Some(reversal) = &mut self.reversal {
            let exact = (reversal.decision_price.0 / ratio).round_dp(Money::SCALE);
            reversal.decision_price = Price(exact.normalize());
            reversal.terms = reversal
                .terms
                .after_split(instrument, reversal.side.entry(), ratio);
            reversal.plan = reversal.plan.after_split(by);
        }
    }

    fn plan_protection(&self) -> Result<EntryPlan, DenyReason> {
        let risk = &self.config.strategy.risk;
        Ok(EntryPlan {
            stop_loss: self.span("stop loss", risk.stop_loss)?,
            take_profit: self.span("take profit", risk.take_profit)?,
            trailing_stop: self.span("trailing stop", risk.trailing_stop)?,
        })
    }

    fn span(&self, what: &str, distance: Option<Distance>) -> Result<Option<Span>, DenyReason> {
        let span = match distance {
            None => return Ok(None),
            Some(Distance::Percent(share)) => Span::Share(share),
            Some(Distance::Price(slot)) => Span::Price(self.program.number(slot)),
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
    pub(super) fn protect<S: Sink>(&mut self, entry_side: Side, price: Price, time: Timestamp, sink: &mut S) {
        let Some(plan) = self.plan else { return };
        let quantity = Quantity(self.holding().quantity().abs());
        let purposes = [
            OrderPurpose::StopLoss,
            OrderPurpose::TakeProfit,
            OrderPurpose::TrailingStop,
        ];
        let mut grown = false;
        for purpose in purposes {
            let Some(index) = self.orders().find(|order| order.purpose == purpose) else {
                continue;
            };
            let order = self.orders().at(index);
            let kind = order.kind;
            if matches!(order.status, OrderStatus::Accepted | OrderStatus::PartiallyFilled) {
                let total = Quantity(quantity.0 + order.filled.0);
                self.amend(InstrumentId::PRIMARY, index, kind, total, time, sink);
            }
            grown = true;
        }
        if grown {
            return;
        }
        let spans = [plan.stop_loss, plan.take_profit, plan.trailing_stop];
        for (purpose, span) in purposes.into_iter().zip(spans) {
            let Some(kind) = span.and_then(|span| self.protective(purpose, entry_side, price, span)) else {
                continue;
            };
            let reason = match purpose {
                OrderPurpose::StopLoss => "stop loss",
                OrderPurpose::TakeProfit => "take profit",
                _ => "trailing stop",
            };
            let draft = Draft {
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
                && let Some(index) = self.orders().position(id)
            {
                self.accept(InstrumentId::PRIMARY, index, time, sink);
            }
        }
    }

    /// A protective order at a distance from the entry price, at least one tick away; `None` when there is no such price
    /// (a stop below zero can never be met).
    fn protective(
        &self,
        purpose: OrderPurpose,
        entry_side: Side,
        entry: Price,
        span: Span,
    ) -> Option<OrderKind> {
        let instrument = &self.config.instrument;
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

fn entry_draft(draft: Draft, side: TradeSide, decision_price: Price) -> Draft {
    let reason = match side {
        TradeSide::Long => "entry.long",
        TradeSide::Short => "entry.short",
    };
    Draft {
        side: side.entry(),
        purpose: OrderPurpose::Entry,
        reason: Cow::Borrowed(reason),
        decision_price,
        ..draft
    }
}
