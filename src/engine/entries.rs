//! Entries: planned at the close that decides, sized, placed; one in the other direction waits for the position's end.

use super::orders::Draft;
use super::protect::EntryPlan;
use super::rules::Close;
use super::terms::{OrderTerms, undefined};
use super::{Engine, SessionState, Sink};
use crate::market::Calendar;
use crate::model::{InstrumentId, Money, Price, Quantity, Side, Timestamp};
use crate::order::{DenyReason, OrderPurpose};
use crate::portfolio::{Claim, TradeSide};
use crate::risk::{SizingInputs, size};
use crate::strategy::{EntryRule, SizeRule, Spacing};
use rust_decimal::{Decimal, prelude::FromPrimitive};
use serde::{Deserialize, Serialize};

/// An entry that is decided: its order's terms, and how what it buys will be protected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PlannedEntry {
    /// The rule, as its place in the list.
    pub(super) rule: u16,
    pub(super) side: TradeSide,
    pub(super) terms: OrderTerms,
    pub(super) plan: EntryPlan,
    pub(super) decision_price: Price,
    /// How its size is found: a number that changes from bar to bar is that of the close that decided.
    size: SizeRule,
    /// The market's volatility in a year at the close that decided, where the size follows it and it is known. An entry that
    /// waits for another position's end goes out between two closes, when the program may have been shown later bars.
    volatility: Option<f64>,
}

impl Engine {
    /// Enters by every rule that wants to and that `may`, in the file's order, as far as the limits on entries let it.
    pub(super) fn enter_all<S: Sink>(
        &mut self,
        side: TradeSide,
        may: impl Fn(&EntryRule) -> bool,
        close: Close,
        sink: &mut S,
    ) {
        for rule in 0..self.config.strategy.rules.entries.len() as u16 {
            if may(self.entry_rule(rule)) && self.may_enter_by(rule, side, close) {
                let planned = self
                    .may_hold(close.at)
                    .and_then(|()| self.may_correlate(close.at, side))
                    .and_then(|()| self.plan_entry(rule, side, close));
                match planned {
                    Ok(entry) => self.enter_planned(close.at, entry, 0, close.time, sink),
                    Err(reason) => self.deny_entry(rule, side, reason, close, sink),
                }
            }
        }
    }

    pub(super) fn entry_rule(&self, rule: u16) -> &EntryRule {
        &self.config.strategy.rules.entries[usize::from(rule)]
    }

    /// Whether an entry rule holds, and neither the limits nor an order of its own that waits stand in its way.
    fn may_enter_by(&self, number: u16, side: TradeSide, close: Close) -> bool {
        let at = close.at;
        let rule = self.entry_rule(number);
        if !self.entry_applies(at, rule, side, close.time) {
            return false;
        }
        let stakes = self.desk(at).stakes.as_slice();
        let own = || stakes.iter().filter(|stake| stake.rule == number);
        let waits = |order| self.market(at).orders.position(order).is_some();
        stakes.len() < self.config.strategy.rules.max_entries as usize
            && own().count() < rule.max_entries as usize
            && !own().any(|stake| waits(stake.order))
            && rule
                .adds_to
                .is_none_or(|parent| self.may_add(parent, rule, side, close))
    }

    /// Whether there is something to add to, and the market has gone as far as it must have.
    fn may_add(&self, parent: u16, rule: &EntryRule, side: TradeSide, close: Close) -> bool {
        let Close { at, price, .. } = close;
        let rules = &self.config.strategy.rules;
        let mut family = self
            .desk(at)
            .stakes
            .as_slice()
            .iter()
            .filter(|stake| stake.left > Decimal::ZERO && rules.family(stake.rule) == parent);
        let Some(last) = family.next_back() else {
            return false;
        };
        let went = |distance, sign: f64| {
            let last = last.price.to_f64();
            let gone = (price.to_f64() - last) * side.sign() * sign;
            self.span(at, "distance", distance)
                .is_ok_and(|span| gone >= span.from(last))
        };
        match rule.spacing {
            None => true,
            Some(Spacing::Gain(distance)) => went(distance, 1.0),
            Some(Spacing::Loss(distance)) => went(distance, -1.0),
        }
    }

    /// Remembers an entry in the other direction for when the position is closed.
    pub(super) fn turn<S: Sink>(&mut self, side: TradeSide, close: Close, sink: &mut S) {
        let at = close.at;
        let Some(rule) = self.first_entry(at, side, close.time) else {
            return;
        };
        let planned = self.may_correlate(at, side);
        match planned.and_then(|()| self.plan_entry(rule, side, close)) {
            Ok(entry) => self.desk_mut(at).reversal = Some(entry),
            Err(reason) => self.deny_entry(rule, side, reason, close, sink),
        }
    }

    /// What an entry comes to at this close.
    fn plan_entry(&self, number: u16, side: TradeSide, close: Close) -> Result<PlannedEntry, DenyReason> {
        let rule = self.entry_rule(number);
        let Close { at, price, .. } = close;
        Ok(PlannedEntry {
            rule: number,
            side,
            terms: self.order_terms(at, &rule.order, side.entry(), price)?,
            plan: self.plan_protection(at, &rule.protection)?,
            decision_price: price,
            size: self.size_rule(at, rule)?,
            volatility: self.volatility_of(at, &rule.size),
        })
    }

    /// Tells of an entry that the rule wanted and whose numbers gave out.
    #[cold]
    fn deny_entry<S: Sink>(
        &mut self,
        rule: u16,
        side: TradeSide,
        reason: DenyReason,
        close: Close,
        sink: &mut S,
    ) {
        let nothing = OrderTerms::MARKET.draft(self.instrument(close.at), Quantity::ZERO);
        let draft = Draft {
            instrument: close.at,
            ..self.entry_draft(rule, nothing, side, close.price)
        };
        self.deny(draft, reason, close.time, sink);
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
        entry: PlannedEntry,
        known_after: i64,
        time: Timestamp,
        sink: &mut S,
    ) {
        let PlannedEntry {
            rule,
            side,
            terms,
            plan,
            decision_price,
            size: size_rule,
            volatility,
        } = entry;
        let price = terms.kind.price().unwrap_or(decision_price);
        let inputs = SizingInputs {
            instrument: self.instrument(at),
            price,
            stop_distance: plan.stop_loss.map(|span| span.from(price.to_f64())),
            volatility: volatility.unwrap_or(f64::NAN),
            record: self.metrics.record(),
        };
        let reach = || self.reach_of_entry(at, side.entry(), price);
        let sized = size(&size_rule, &inputs, || self.equity(), reach);
        let sized = sized.and_then(|quantity| self.within_exposure(at, price, quantity));
        let quantity = *sized.as_ref().unwrap_or(&Quantity::ZERO);
        let terms = terms.draft(self.instrument(at), quantity);
        let draft = Draft {
            instrument: at,
            known_after,
            ..self.entry_draft(rule, terms, side, decision_price)
        };
        match sized {
            Ok(_) => {
                if let Some(order) = self.place(draft, time, sink) {
                    self.desk_mut(at).stakes.begin(order, rule, plan);
                }
            }
            Err(reason) => self.deny(draft, reason, time, sink),
        }
    }

    fn entry_draft(&self, rule: u16, draft: Draft, side: TradeSide, decision_price: Price) -> Draft {
        Draft {
            side: side.entry(),
            purpose: OrderPurpose::Entry,
            reason: self.entry_rule(rule).reason(side),
            decision_price,
            ..draft
        }
    }

    /// How an entry's size is found, with the number that it has at this close.
    fn size_rule(&self, at: InstrumentId, rule: &EntryRule) -> Result<SizeRule, DenyReason> {
        match rule.size {
            SizeRule::Varying { method, value } => {
                let value = self.desk(at).program.number(value);
                method.with(value).ok_or_else(|| undefined("size", value))
            }
            size => Ok(size),
        }
    }

    /// The market's volatility in a year, as a size that follows it measures it.
    fn volatility_of(&self, at: InstrumentId, size: &SizeRule) -> Option<f64> {
        let SizeRule::VolatilityTarget { volatility, .. } = size else {
            return None;
        };
        let calendar = Calendar::of(self.market(at).calendar());
        let bars = calendar.bars_per_year(self.config.strategy.timeframe);
        let yearly = self.desk(at).program.number(*volatility) * libm::sqrt(bars);
        yearly.is_finite().then_some(yearly)
    }

    /// As much of a quantity as the limit on exposure leaves room for.
    fn within_exposure(
        &self,
        at: InstrumentId,
        price: Price,
        quantity: Quantity,
    ) -> Result<Quantity, DenyReason> {
        let Some(limit) = self.config.strategy.risk.max_exposure else {
            return Ok(quantity);
        };
        let instrument = self.instrument(at);
        let unit = instrument.notional(price, Quantity(Decimal::ONE)).amount;
        let ratio = Decimal::from_f64(limit).unwrap_or_default();
        let most = self.equity().amount.checked_mul(ratio).unwrap_or(Decimal::MAX);
        let room = (most - self.exposure()).max(Decimal::ZERO);
        let fits = room.checked_div(unit).unwrap_or_default();
        let fits = instrument.floor_to_lot(fits.min(quantity.0));
        if fits.0 > Decimal::ZERO {
            Ok(fits)
        } else {
            Err(DenyReason::MaxExposure { limit })
        }
    }

    /// What all positions and all entries on their way are worth, without their signs.
    fn exposure(&self) -> Decimal {
        let held = self.places().map(|at| {
            let quantity = Quantity(self.account.holding(at).quantity().abs());
            let price = self.market(at).last_price().unwrap_or_default();
            self.instrument(at).notional(price, quantity).amount
        });
        let entries = self
            .open_orders()
            .filter(|order| order.purpose == OrderPurpose::Entry);
        let on_their_way = entries.map(|order| {
            let price = order.kind.price().unwrap_or(order.decision_price);
            self.instrument(order.instrument)
                .notional(price, order.remaining())
                .amount
        });
        held.sum::<Decimal>() + on_their_way.sum::<Decimal>()
    }

    /// What the free funds carry of an entry at a price, slippage and fee included.
    pub(super) fn reach_of_entry(&self, at: InstrumentId, side: Side, price: Price) -> Quantity {
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
        self.split_portfolio(at, ratio);
        let (desk, instrument) = (&mut self.desks[at.index()], self.markets[at.index()].instrument());
        desk.stakes.split(ratio);
        if let Some(reversal) = &mut desk.reversal {
            let exact = (reversal.decision_price.0 / ratio).round_dp(Money::SCALE);
            reversal.decision_price = Price(exact.normalize());
            reversal.terms = reversal
                .terms
                .after_split(instrument, reversal.side.entry(), ratio);
            reversal.plan.split(Price(ratio).to_f64());
        }
    }
}
