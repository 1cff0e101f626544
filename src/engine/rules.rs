//! What the strategy wants at the close of a bar, and how it becomes orders.

use super::desk::{Desk, Held};
use super::orders::Draft;
use super::terms::{OrderTerms, takes_next_price};
use super::{Engine, SessionState, Sink};
use crate::market::{Bar, Calendar};
use crate::model::{InstrumentId, OrderId, Price, Quantity, Timeframe, Timestamp};
use crate::order::{CancelReason, Order, OrderKind, OrderPurpose, TimeInForce};
use crate::portfolio::TradeSide;
use crate::strategy::{ConditionSlot, EntryRule, ExitRule, PartRule, PositionView, TimeFilter};
use rust_decimal::{Decimal, prelude::FromPrimitive};
use std::borrow::Cow;

/// What the rules say at one close.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wishes {
    /// The direction in which an entry rule holds.
    enter: Option<TradeSide>,
    /// Whether a rule that adds to what is held does.
    add: bool,
    exit_long: bool,
    exit_short: bool,
    /// Whether the session ends so soon that nothing else counts.
    leave: bool,
}

impl Wishes {
    /// To be out before the session ends.
    const LEAVE: Self = Self {
        enter: None,
        add: false,
        exit_long: false,
        exit_short: false,
        leave: true,
    };
}

/// How much of the position an exit is about.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Extent {
    Nothing,
    Part(Quantity),
    Whole,
}

/// The close at which is decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Close {
    /// The instrument whose bar closed.
    pub(super) at: InstrumentId,
    pub(super) price: Price,
    pub(super) time: Timestamp,
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
        if let Some(wishes) = self.decide(at, bar, time, sink) {
            self.follow(at, wishes, bar.close, time, sink);
        }
    }

    /// The rules see a closed bar; gives what they want, if anything.
    #[inline]
    pub(super) fn decide<S: Sink>(
        &mut self,
        at: InstrumentId,
        bar: &Bar,
        time: Timestamp,
        sink: &mut S,
    ) -> Option<Wishes> {
        let desk = self.desk_mut(at);
        let view = if desk.held.quantity == 0.0 {
            PositionView::FLAT
        } else {
            desk.view(bar.close)
        };
        desk.see(bar, &view);
        self.tell_bar(at, bar, time, sink);
        if at == InstrumentId::PRIMARY
            && let Some(finding) = self.watch.on_close(bar.close)
        {
            self.alert_finding(finding, time, sink);
        }
        if !self.desk(at).lives.is_empty() {
            self.age_orders(at, time, sink);
        }
        let desk = self.desk_mut(at);
        let cooling = desk.cooldown_left > 0;
        desk.cooldown_left = desk.cooldown_left.saturating_sub(1);
        if !matches!(self.state, SessionState::Running | SessionState::Paused) {
            return None;
        }
        if self.desk(at).program.failure().is_some() {
            self.stop_script(at, time, sink);
            return None;
        }
        if self.is_closing(at, time) {
            return Some(Wishes::LEAVE);
        }
        self.wanted(at, cooling, time)
    }

    /// What the rules want at the close of a bar that the program shows, if anything.
    pub(super) fn wanted(&self, at: InstrumentId, cooling: bool, time: Timestamp) -> Option<Wishes> {
        let (rules, program) = (&self.config.strategy.rules, &self.desk(at).program);
        if !rules.conditions().any(|slot| program.condition(slot)) {
            return None;
        }
        let wishes = self.wishes(at, cooling, time);
        let are_some = wishes.enter.is_some() || wishes.add || wishes.exit_long || wishes.exit_short;
        are_some.then_some(wishes)
    }

    /// Whether a condition held at this close.
    pub(super) fn holds(&self, at: InstrumentId, slot: Option<ConditionSlot>) -> bool {
        slot.is_some_and(|slot| self.desk(at).program.condition(slot))
    }

    fn wishes(&self, at: InstrumentId, cooling: bool, time: Timestamp) -> Wishes {
        let may_enter = self.state == SessionState::Running && !cooling && !self.protection.blocks_entries();
        let entries = |side| may_enter && self.first_entry(at, side, time).is_some();
        let enter = match (entries(TradeSide::Long), entries(TradeSide::Short)) {
            (true, false) => Some(TradeSide::Long),
            (false, true) => Some(TradeSide::Short),
            // Both at once contradict each other: nothing is the safe reading.
            _ => None,
        };
        let rules = &self.config.strategy.rules;
        let adds = |side| {
            let mut additions = rules.entries.iter().filter(|rule| rule.adds_to.is_some());
            additions.any(|rule| self.entry_applies(at, rule, side, time))
        };
        let exits = |side| {
            let mut exits = rules.exits.iter();
            exits.any(|rule| self.exit_applies(at, rule, side, time))
        };
        Wishes {
            enter,
            add: may_enter && self.account.holding(at).side().is_some_and(adds),
            exit_long: exits(TradeSide::Long),
            exit_short: exits(TradeSide::Short),
            leave: false,
        }
    }

    /// Whether an entry's condition holds at this close, and it may act at this time.
    pub(super) fn entry_applies(
        &self,
        at: InstrumentId,
        rule: &EntryRule,
        side: TradeSide,
        time: Timestamp,
    ) -> bool {
        self.holds(at, rule.condition(side)) && self.is_in_time(at, rule.when.as_ref(), time)
    }

    fn exit_applies(&self, at: InstrumentId, rule: &ExitRule, side: TradeSide, time: Timestamp) -> bool {
        self.holds(at, rule.condition(side)) && self.is_in_time(at, rule.when.as_ref(), time)
    }

    fn is_in_time(&self, at: InstrumentId, when: Option<&TimeFilter>, time: Timestamp) -> bool {
        when.is_none_or(|filter| {
            // A bar of a day closes when the next one begins, and is still of its own day.
            let is_daily = self.config.strategy.timeframe.nanos() >= Timeframe::DAY.nanos();
            let moment = if is_daily { time.plus_nanos(-1) } else { time };
            filter.allows(moment, self.market(at).calendar())
        })
    }

    /// Whether the regular session ends so soon that the strategy wants to be out: this is the last of its closes that
    /// leaves it the time it asks for, or a later one.
    #[inline]
    fn is_closing(&mut self, at: InstrumentId, time: Timestamp) -> bool {
        let Some(before) = self.config.strategy.risk.flatten_before_close else {
            return false;
        };
        let calendar = Calendar::of(self.market(at).calendar());
        let bar = self.config.strategy.timeframe.nanos();
        let desk = self.desk_mut(at);
        let end = match desk.session_end {
            Some(end) if time < end => end,
            _ => calendar.next_close(time),
        };
        desk.session_end = Some(end);
        end.since(time) < before.nanos().saturating_add(bar)
    }

    /// Closes the position before the session ends, and withdraws what would open another.
    #[cold]
    fn flatten_for_close<S: Sink>(&mut self, at: InstrumentId, time: Timestamp, sink: &mut S) {
        self.cancel_entries_in(at, CancelReason::Replaced, time, sink);
        self.withdraw_partials(at, time, sink);
        let reason = Cow::Borrowed("before the close");
        self.close_position(at, OrderPurpose::Exit, reason, time, sink);
    }

    /// The first rule in the file that would open a position in this direction.
    pub(super) fn first_entry(&self, at: InstrumentId, side: TradeSide, time: Timestamp) -> Option<u16> {
        let rules = (0..).zip(&self.config.strategy.rules.entries);
        let mut opening = rules.filter(|(_, rule)| rule.adds_to.is_none());
        let found = opening.find(|(_, rule)| self.entry_applies(at, rule, side, time));
        found.map(|(number, _)| number)
    }

    pub(super) fn follow<S: Sink>(
        &mut self,
        at: InstrumentId,
        wishes: Wishes,
        close: f64,
        time: Timestamp,
        sink: &mut S,
    ) {
        if wishes.leave {
            return self.flatten_for_close(at, time, sink);
        }
        let Some(price) = self.instrument(at).price_from_f64(close) else {
            return;
        };
        let close = Close { at, price, time };
        // An order whose time ends with this bar does not stand in the way of the next one.
        self.expire_orders(at, time, sink);
        self.tidy_stakes(at);
        match self.account.holding(at).side() {
            Some(held) => self.follow_in_position(held, wishes, close, sink),
            None => self.follow_flat(wishes, close, sink),
        }
    }

    fn follow_in_position<S: Sink>(&mut self, held: TradeSide, wishes: Wishes, close: Close, sink: &mut S) {
        let Close { at, time, .. } = close;
        if wishes.enter == Some(held) {
            self.desk_mut(at).reversal = None;
        }
        let turn = wishes.enter.filter(|side| *side != held);
        let whole = self.first_exit(close, held, |extent| extent == Extent::Whole);
        if whole.is_some() || turn.is_some() {
            self.exit(held, whole, turn, close, sink);
            if let Some(side) = turn {
                self.turn(side, close, sink);
            }
            // A partly filled entry goes on only while its side is wanted.
            self.cancel_where(
                at,
                |order| order.purpose == OrderPurpose::Entry,
                CancelReason::Replaced,
                time,
                sink,
            );
            return;
        }
        if self
            .market(at)
            .orders
            .find(|order| self.is_whole_exit(at, order))
            .is_some()
        {
            // What is being closed is neither closed in parts nor added to.
            return;
        }
        let exits = self.config.strategy.rules.exits.len() as u16;
        for number in (0..exits).filter(|_| wishes.exit_long || wishes.exit_short) {
            let rule = self.exit_rule(number);
            if self.exit_applies(at, rule, held, time)
                && let Extent::Part(quantity) = self.extent(at, rule)
            {
                self.exit_part(number, held, quantity, close, sink);
            }
        }
        let enters = wishes.enter == Some(held);
        if enters || wishes.add {
            // Where both directions contradict each other, what is held may still be added to.
            self.enter_all(held, |rule| enters || rule.adds_to.is_some(), close, sink);
        }
    }

    fn follow_flat<S: Sink>(&mut self, wishes: Wishes, close: Close, sink: &mut S) {
        let Close { at, time, .. } = close;
        for side in [TradeSide::Long, TradeSide::Short] {
            if wishes.enter.is_some_and(|wanted| wanted != side) {
                self.withdraw_entries(at, side, |_| true, time, sink);
            } else {
                self.withdraw_exited(at, side, time, sink);
            }
        }
        if let Some(side) = wishes.enter {
            self.enter_all(side, |_| true, close, sink);
        }
    }

    /// Withdraws the entries in a direction for which an exit holds.
    fn withdraw_exited<S: Sink>(&mut self, at: InstrumentId, side: TradeSide, time: Timestamp, sink: &mut S) {
        for number in 0..self.config.strategy.rules.exits.len() as u16 {
            let rule = self.exit_rule(number);
            if rule.close.is_none() && self.exit_applies(at, rule, side, time) {
                let of = rule.of.clone();
                self.withdraw_entries(
                    at,
                    side,
                    |family| of.is_empty() || of.contains(&family),
                    time,
                    sink,
                );
            }
        }
    }

    /// Withdraws the entry orders on the way in a direction whose entry `wanted` picks.
    #[cold]
    fn withdraw_entries<S: Sink>(
        &mut self,
        at: InstrumentId,
        side: TradeSide,
        wanted: impl Fn(u16) -> bool,
        time: Timestamp,
        sink: &mut S,
    ) {
        let is_waiting = |order: &Order| order.purpose == OrderPurpose::Entry && order.side == side.entry();
        if self.market(at).orders.find(is_waiting).is_none() {
            return;
        }
        self.desk_mut(at).reversal = None;
        let rules = &self.config.strategy.rules;
        let stakes = self.desk(at).stakes.as_slice().iter();
        let picked: Vec<OrderId> = stakes
            .filter(|stake| wanted(rules.family(stake.rule)))
            .map(|stake| stake.order)
            .collect();
        self.cancel_where(
            at,
            |order| is_waiting(order) && picked.contains(&order.id),
            CancelReason::Replaced,
            time,
            sink,
        );
        self.tidy_stakes(at);
    }

    fn exit_rule(&self, number: u16) -> &ExitRule {
        &self.config.strategy.rules.exits[usize::from(number)]
    }

    /// The first exit in the file that holds and is about so much of the position.
    fn first_exit(&self, close: Close, held: TradeSide, wanted: impl Fn(Extent) -> bool) -> Option<u16> {
        let Close { at, time, .. } = close;
        let rules = (0..).zip(&self.config.strategy.rules.exits);
        let mut holding = rules.filter(|(_, rule)| self.exit_applies(at, rule, held, time));
        let found = holding.find(|(_, rule)| wanted(self.extent(at, rule)));
        found.map(|(number, _)| number)
    }

    /// How much of the position an exit is about, in whole lots; of a part that is less than one lot, one.
    fn extent(&self, at: InstrumentId, rule: &ExitRule) -> Extent {
        if rule.is_whole() {
            return Extent::Whole;
        }
        let held = self.account.holding(at).quantity().abs();
        let base = if rule.of.is_empty() {
            held
        } else {
            self.held_of(at, &rule.of)
        };
        let wanted = match rule.close {
            None => Some(base),
            Some(PartRule::Share(share)) => Decimal::from_f64(share).map(|share| base * share),
            // Of a short position the size is negative, and so is a part of it.
            Some(PartRule::Quantity(slot)) => Decimal::from_f64(self.desk(at).program.number(slot).abs()),
        };
        let instrument = self.instrument(at);
        match wanted.filter(|wanted| *wanted > Decimal::ZERO) {
            Some(_) if base.is_zero() => Extent::Nothing,
            // All that is held, and no promise to close it in parts.
            Some(_) if rule.close.is_none() && base == held => Extent::Whole,
            Some(wanted) => {
                let lots = instrument.floor_to_lot(wanted).0.max(instrument.lot());
                Extent::Part(Quantity(lots.min(base)))
            }
            None => Extent::Nothing,
        }
    }

    /// What is left of the stakes of some entries.
    fn held_of(&self, at: InstrumentId, entries: &[u16]) -> Decimal {
        let rules = &self.config.strategy.rules;
        let stakes = self.desk(at).stakes.as_slice().iter();
        let of = stakes.filter(|stake| entries.contains(&rules.family(stake.rule)));
        of.map(|stake| stake.left).sum()
    }

    /// Whether an order on its way closes the whole position at a rule's or a person's wish.
    fn is_whole_exit(&self, at: InstrumentId, order: &Order) -> bool {
        matches!(order.purpose, OrderPurpose::Exit | OrderPurpose::Flatten)
            && self.desk(at).stakes.partial_of(order.id).is_none()
    }

    /// Withdraws the orders that close parts of the position: all of it is to be closed.
    fn withdraw_partials<S: Sink>(&mut self, at: InstrumentId, time: Timestamp, sink: &mut S) {
        for partial in self.desk(at).stakes.partials().to_vec() {
            if let Some(index) = self.market(at).orders.position(partial.order) {
                self.cancel(at, index, CancelReason::Replaced, time, sink);
            }
        }
    }

    /// Places the exit of the strategy's exit rule, or a market order when the position is to be turned around.
    fn exit<S: Sink>(
        &mut self,
        held: TradeSide,
        rule: Option<u16>,
        turn: Option<TradeSide>,
        close: Close,
        sink: &mut S,
    ) {
        let Close { at, price, time } = close;
        self.withdraw_partials(at, time, sink);
        let rule = rule.map(|number| self.exit_rule(number));
        let reason = match rule {
            Some(rule) => rule.reason(held),
            // Nothing asks for an exit but the entry that turns the position around.
            None => self.reversed_by(held.opposite(), close),
        };
        let side = held.entry().opposite();
        let terms = match rule {
            Some(rule) if turn.is_none() => self.order_terms(at, &rule.order, side, price),
            // The entry in the other direction waits for this one, so it has to end the position.
            _ => Ok(OrderTerms::MARKET),
        };
        let Ok(terms) = terms else {
            // An exit must not fail for want of a number: it goes to the market instead.
            return self.close_position(at, OrderPurpose::Exit, reason, time, sink);
        };
        if let Some(index) = self.market(at).orders.find(|order| self.is_whole_exit(at, order)) {
            let upgrade = terms.takes_next_price() && !is_at_market(self.market(at).orders.at(index));
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
            reason,
            decision_price: price,
            ..terms.draft(self.instrument(at), quantity)
        };
        self.place(draft, time, sink);
    }

    /// What an exit says for which no rule asks but the entry in the other direction.
    fn reversed_by(&self, side: TradeSide, close: Close) -> Cow<'static, str> {
        let entry = self.first_entry(close.at, side, close.time);
        match (entry.map(|rule| self.entry_rule(rule).reason(side)), side) {
            (Some(Cow::Owned(name)), _) => Cow::Owned(format!("reversed by {name}")),
            (_, TradeSide::Long) => Cow::Borrowed("reversed by entry.long"),
            (_, TradeSide::Short) => Cow::Borrowed("reversed by entry.short"),
        }
    }

    /// Closes a part of the position by an exit rule, unless it has done so as often as it may or is about to.
    fn exit_part<S: Sink>(
        &mut self,
        number: u16,
        held: TradeSide,
        quantity: Quantity,
        close: Close,
        sink: &mut S,
    ) {
        let Close { at, price, time } = close;
        let rule = self.exit_rule(number);
        let is_spent = rule.close.is_some() && self.desk(at).stakes.exits_of(number) >= rule.max_exits;
        let is_under_way = self
            .desk(at)
            .stakes
            .partials()
            .iter()
            .any(|partial| partial.rule == number);
        if is_spent || is_under_way {
            return;
        }
        let (side, reason) = (held.entry().opposite(), rule.reason(held));
        let terms = self.order_terms(at, &rule.order, side, price);
        // An exit must not fail for want of a number: it goes to the market instead.
        let terms = terms.unwrap_or(OrderTerms::MARKET);
        let draft = Draft {
            instrument: at,
            side,
            purpose: OrderPurpose::Exit,
            reason,
            decision_price: price,
            ..terms.draft(self.instrument(at), quantity)
        };
        if let Some(order) = self.place(draft, time, sink) {
            self.desk_mut(at).stakes.begin_partial(order, number);
        }
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

    /// Forgets stakes and partial exits that are over.
    fn tidy_stakes(&mut self, at: InstrumentId) {
        let (desk, orders) = (&mut self.desks[at.index()], &self.markets[at.index()].orders);
        desk.stakes.tidy(|order| orders.position(order).is_some());
    }

    /// Something of the strategy's position was closed: it leaves its stakes, and what protects them shrinks.
    pub(super) fn leave_stakes<S: Sink>(
        &mut self,
        at: InstrumentId,
        order: OrderId,
        quantity: Quantity,
        time: Timestamp,
        sink: &mut S,
    ) {
        if self.desk(at).stakes.as_slice().is_empty() {
            return;
        }
        let exit = self.desk(at).stakes.partial_of(order);
        let of = exit
            .map(|number| self.exit_rule(number).of.clone())
            .unwrap_or_default();
        let held = self.account.holding(at).quantity().abs();
        let (desk, rules) = (&mut self.desks[at.index()], &self.config.strategy.rules);
        desk.stakes.leave(order, quantity.0, held, |stake| {
            of.is_empty() || of.contains(&rules.family(stake.rule))
        });
        self.desk_mut(at).stakes.count_partial(order);
        if !held.is_zero() {
            self.shrink_guards(at, time, sink);
        }
    }
}

fn is_at_market(order: &Order) -> bool {
    takes_next_price(order.kind, order.time_in_force)
}
