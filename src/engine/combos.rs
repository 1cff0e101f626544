//! Multi-leg orders: all legs fill together at a net price that is met, or none does.
//!
//! Each leg is an order of its own in its instrument's market, so that holds, fills and explanations are those of any
//! order; but it is met by this module only. Legs fill at the prices that others show (the *natural* price), moved by slippage
//! and impact as those of any taker, as many combinations as the thinnest leg shows; the limit is judged by what is paid.

use super::fills::Terms;
use super::orders::Draft;
use super::{Engine, EventKind, SessionState, Sink};
use crate::exchange::{DataTier, Liquidity, Slip, SlipInputs, TradingStatus, rests};
use crate::market::Phase;
use crate::model::{InstrumentId, Money, OrderId, Price, Quantity, Side, Symbol, Timestamp, decimal};
use crate::option::{Combo, ComboLeg, LegMarket, Touch};
use crate::order::{
    CancelReason, GroupId, OrderPurpose, OrderStatus, RejectReason, TimeInForce, TimeInForceWord,
};
use crate::portfolio::Delivery;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A multi-leg order as a person or a program asks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComboRequest {
    /// What is bought and sold of each, for one combination.
    pub legs: Vec<LegRequest>,
    /// How many combinations.
    pub quantity: Quantity,
    /// The most that one may cost, in quote currency a unit of the underlying: positive is a debit, negative a credit;
    /// `None` takes the prices that are shown.
    #[serde(with = "crate::model::decimal::option")]
    pub net_price: Option<Decimal>,
    /// `gtc`, `day`, `ioc` or `fok`.
    pub time_in_force: TimeInForceWord,
}

/// One leg of a [`ComboRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegRequest {
    /// Which option.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// How many for one combination.
    pub ratio: u32,
}

/// A multi-leg order that is not at its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct WorkingCombo {
    id: GroupId,
    combo: Combo,
    /// The leg orders, in the order of the legs.
    legs: Vec<OrderId>,
    remaining: Quantity,
    #[serde(with = "crate::model::decimal::option")]
    net_price: Option<Decimal>,
    time_in_force: TimeInForce,
}

/// What a leg meets, and what it pays there.
#[derive(Clone, Copy, Debug)]
struct Slipped {
    /// The price that is shown to it.
    touch: Price,
    /// The middle of the market.
    mid: Price,
    /// How far the one is from the other, against us.
    half_spread: Decimal,
    slip: Slip,
}

impl Engine {
    /// Places a multi-leg order: every leg passes the risk check, or none is sent.
    pub(super) fn place_combo<S: Sink>(&mut self, request: &ComboRequest, time: Timestamp, sink: &mut S) {
        for leg in &request.legs {
            self.look_up(&leg.symbol, time, sink);
        }
        let id = GroupId(self.counters.orders + 1);
        let read = match self.too_many(request.legs.len()) {
            Some(reason) => Err(reason),
            None => self.read_combo(request),
        };
        let (combo, time_in_force) = match read {
            Ok(read) => read,
            Err(reason) => return self.refuse_combo(reason, time, sink),
        };
        let mut legs = Vec::with_capacity(combo.legs().len());
        for leg in combo.legs() {
            let quantity = Quantity(request.quantity.0 * Decimal::from(leg.ratio));
            let draft = Draft {
                instrument: leg.instrument,
                side: leg.side,
                quantity,
                time_in_force,
                purpose: OrderPurpose::Manual,
                combo: Some(id),
                reason: Cow::Borrowed("combination"),
                decision_price: self.leg_price(leg),
                ..Draft::BLANK
            };
            match self.place(draft, time, sink) {
                Some(leg) => legs.push(leg),
                None => return self.withdraw_legs(&legs, CancelReason::ListRefused, time, sink),
            }
        }
        self.combos.push(WorkingCombo {
            id,
            combo: combo.clone(),
            legs,
            remaining: request.quantity,
            net_price: request.net_price,
            time_in_force,
        });
        let (quantity, net_price) = (request.quantity, request.net_price);
        self.emit(
            time,
            EventKind::ComboPlaced {
                combo_id: id,
                combo,
                quantity,
                net_price,
            },
            sink,
        );
    }

    fn read_combo(&self, request: &ComboRequest) -> Result<(Combo, TimeInForce), RejectReason> {
        let contradiction = |what: String| RejectReason::Contradiction { what };
        if !matches!(self.state, SessionState::Running | SessionState::Paused) {
            return Err(RejectReason::SessionNotOpen {
                state: self.state.to_string(),
            });
        }
        let quantity = request.quantity;
        if quantity.0 <= Decimal::ZERO || !quantity.0.fract().is_zero() {
            return Err(RejectReason::InvalidQuantity { quantity });
        }
        let legs: Result<Vec<_>, _> = request.legs.iter().map(|leg| self.read_leg(leg)).collect();
        let combo = Combo::new(legs?).map_err(|error| contradiction(error.to_string()))?;
        combo
            .check(|id| self.markets.get(id.index()).map(|market| market.instrument()))
            .map_err(|error| contradiction(error.to_string()))?;
        let time_in_force = match request.time_in_force {
            TimeInForceWord::Gtc => TimeInForce::Gtc,
            TimeInForceWord::Day => TimeInForce::Day,
            TimeInForceWord::Ioc => TimeInForce::Ioc,
            TimeInForceWord::Fok => TimeInForce::Fok,
            TimeInForceWord::Gtd | TimeInForceWord::Opg | TimeInForceWord::Cls => {
                return Err(contradiction("a combination is gtc, day, ioc or fok".to_owned()));
            }
        };
        Ok((combo, time_in_force))
    }

    fn read_leg(&self, leg: &LegRequest) -> Result<ComboLeg, RejectReason> {
        let instrument = self
            .instrument_id(&leg.symbol)
            .ok_or_else(|| RejectReason::UnknownInstrument {
                symbol: leg.symbol.to_string(),
            })?;
        if self.market(instrument).last_price().is_none() {
            return Err(RejectReason::NoMarket);
        }
        Ok(ComboLeg {
            instrument,
            side: leg.side,
            ratio: leg.ratio,
        })
    }

    /// The price on which a leg is decided: what it would meet now, or else the last.
    fn leg_price(&self, leg: &ComboLeg) -> Price {
        let market = self.market(leg.instrument);
        let shown = market.quote.and_then(|quote| {
            LegMarket::of(market.instrument(), &quote)
                .met_by(leg.side)
                .map(|touch| touch.price)
        });
        shown.or_else(|| market.last_price()).unwrap_or_default()
    }

    fn refuse_combo<S: Sink>(&mut self, reason: RejectReason, time: Timestamp, sink: &mut S) {
        let draft = Draft {
            purpose: OrderPurpose::Manual,
            reason: Cow::Borrowed("combination"),
            ..Draft::BLANK
        };
        self.refuse(draft, reason, time, sink);
    }

    fn withdraw_legs<S: Sink>(
        &mut self,
        legs: &[OrderId],
        reason: CancelReason,
        time: Timestamp,
        sink: &mut S,
    ) {
        for id in legs {
            if let Some((at, index)) = self.find_order(*id) {
                self.cancel(at, index, reason, time, sink);
            }
        }
    }

    /// The market of an instrument moved: the multi-leg orders with a leg in it are looked at.
    #[inline]
    pub(super) fn meet_combos<S: Sink>(&mut self, at: InstrumentId, time: Timestamp, sink: &mut S) {
        if self.combos.is_empty() {
            return;
        }
        let mut index = 0;
        while let Some(working) = self.combos.get(index) {
            let concerns = working.combo.legs().iter().any(|leg| leg.instrument == at);
            match self.meet_combo(index, concerns, time, sink) {
                Some(reason) => {
                    // Off the list first: the end of a leg ends the combination that it finds there.
                    let ended = self.combos.remove(index);
                    self.withdraw_legs(&ended.legs, reason, time, sink);
                }
                None => index += 1,
            }
        }
    }

    /// Fills one multi-leg order as far as its legs' markets let it; says why it is at its end, if it is.
    fn meet_combo<S: Sink>(
        &mut self,
        index: usize,
        concerns: bool,
        time: Timestamp,
        sink: &mut S,
    ) -> Option<CancelReason> {
        if !concerns {
            return None;
        }
        let working = self.combos[index].clone();
        let orders: Option<Vec<_>> = working.legs.iter().map(|id| self.open_order(*id)).collect();
        let Some(orders) = orders else {
            // A leg was withdrawn or has expired: the others cannot fill alone.
            return Some(CancelReason::GroupEnded);
        };
        if !orders.iter().all(|order| rests(order)) {
            return None;
        }
        let leaves_no_rest = matches!(working.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
        let Some(touches) = self.open_touches(&working, time) else {
            // A leg's market is closed, halted or empty: what must be filled at once cannot wait for better times.
            return leaves_no_rest.then_some(CancelReason::NotFilledAtOnce);
        };
        let shown = touches
            .iter()
            .zip(working.combo.legs())
            .map(|(touch, leg)| Quantity((touch.size.0 / Decimal::from(leg.ratio)).floor()));
        let count = shown.min().unwrap_or_default().min(working.remaining);
        let touches = self.slipped(&working, &touches, count, time);
        let natural = working
            .combo
            .net_price(touches.iter().map(|touch| touch.slip.price));
        let is_met = working.net_price.is_none_or(|limit| natural <= limit);
        let is_whole = count == working.remaining || working.time_in_force != TimeInForce::Fok;
        if is_met && is_whole && count.0 > Decimal::ZERO {
            if !self.affords_combo(&working, &touches, count) {
                return Some(CancelReason::InsufficientFunds);
            }
            self.combos[index].remaining.0 -= count.0;
            self.fill_combo(&working, &touches, count, time, sink);
        }
        let is_done = leaves_no_rest || self.combos[index].remaining.0.is_zero();
        is_done.then_some(CancelReason::NotFilledAtOnce)
    }

    /// What each leg would meet, less what our own orders took of it; `None` unless every leg's market is open and shows
    /// somebody to trade with.
    fn open_touches(&mut self, working: &WorkingCombo, time: Timestamp) -> Option<Vec<Touch>> {
        let mut touches = Vec::with_capacity(working.combo.legs().len());
        for leg in working.combo.legs() {
            let at = leg.instrument;
            let is_open = self.market_mut(at).phase(time) == Phase::Regular
                && self.market(at).status() == TradingStatus::Trading
                && !self.is_stale(at, time);
            let market = self.market(at);
            let other = leg.side.opposite();
            let ticks = market
                .best(other)
                .filter(|_| is_open && market.is_open_to_fills())?;
            let left = market
                .own()
                .left(other, ticks, market.book().size_at(other, ticks));
            touches.push(Touch {
                price: market.grid().price(ticks),
                size: market.grid().quantity(left),
            });
        }
        Some(touches)
    }

    /// What the legs of so many combinations pay at what they meet: slippage and impact, as any taker.
    fn slipped(
        &self,
        working: &WorkingCombo,
        touches: &[Touch],
        count: Quantity,
        time: Timestamp,
    ) -> Vec<Slipped> {
        let legs = touches.iter().zip(working.combo.legs());
        let slipped = legs.map(|(touch, leg)| {
            let market = self.market(leg.instrument);
            let mid = market
                .quote
                .and_then(|quote| market.instrument().price_from_f64(quote.mid()))
                .unwrap_or(touch.price);
            let half_spread = (touch.price.0 - mid.0) * leg.side.sign();
            let slip = self.models.slip(&SlipInputs {
                instrument: market.instrument(),
                side: leg.side,
                quantity: Quantity(count.0 * Decimal::from(leg.ratio)),
                price: touch.price,
                half_spread: Some(half_spread.max(Decimal::ZERO)),
                conditions: &market.conditions,
                tier: market.tier().unwrap_or(DataTier::Quotes),
                time,
            });
            Slipped {
                touch: touch.price,
                mid,
                half_spread,
                slip,
            }
        });
        slipped.collect()
    }

    /// Whether the account carries so many combinations whole: with all legs traded at what they pay, its free funds, and its free
    /// cash where a leg is paid in full, are not below zero, or no less than they were. What one leg takes away of another's cover is
    /// judged with what the others give.
    fn affords_combo(&mut self, working: &WorkingCombo, touches: &[Slipped], count: Quantity) -> bool {
        self.mark_account();
        let mut after = self.account.clone();
        let mut fees = Decimal::ZERO;
        let mut pays_in_full = false;
        for ((leg, touch), id) in working.combo.legs().iter().zip(touches).zip(&working.legs) {
            let Some(order) = self.open_order(*id) else {
                return false;
            };
            let (instrument, price) = (self.instrument(leg.instrument), touch.slip.price);
            let quantity = Quantity(count.0 * Decimal::from(leg.ratio));
            let (rest, all) = (order.remaining().0 - quantity.0, order.remaining().0);
            let closes = self.account.holding(leg.instrument).quantity() * leg.side.sign() < Decimal::ZERO;
            // What closes leaves the hold to what opens.
            let hold = if closes && !rest.is_zero() {
                order.hold
            } else {
                Money::new(decimal::part(order.hold.amount, rest, all), order.hold.currency)
            };
            after.hold_for_order(*id, hold.amount);
            let delivery = Delivery {
                side: leg.side,
                quantity,
                price,
                time: order.submitted_at,
            };
            after.deliver(leg.instrument, instrument, &delivery, "combination");
            fees += self.models.worst_fee(instrument, price, quantity).amount;
            pays_in_full |= self.account.is_paid_in_full(leg.instrument, leg.side);
        }
        let enough = |left: Money, before: Money| left.amount - fees >= before.amount.min(Decimal::ZERO);
        enough(after.available(), self.account.available())
            && (!pays_in_full || enough(after.ledger().available(), self.ledger().available()))
    }

    fn fill_combo<S: Sink>(
        &mut self,
        working: &WorkingCombo,
        touches: &[Slipped],
        count: Quantity,
        time: Timestamp,
        sink: &mut S,
    ) {
        let mut legs: Vec<_> = working
            .combo
            .legs()
            .iter()
            .zip(touches)
            .zip(&working.legs)
            .collect();
        // What brings money comes first, so that what costs it never lacks it.
        legs.sort_by_key(|((leg, _), _)| leg.side == Side::Buy);
        for ((leg, touch), id) in legs {
            let at = leg.instrument;
            let Some((_, index)) = self.find_order(*id) else {
                continue;
            };
            let market = self.market(at);
            let quantity = Quantity(count.0 * Decimal::from(leg.ratio));
            let terms = Terms {
                reference: touch.mid,
                half_spread: touch.half_spread,
                impact: touch.slip.impact,
                price: touch.slip.price,
                quantity: Some(quantity),
                liquidity: Liquidity::Taker,
                tier: market.tier().unwrap_or(DataTier::Quotes),
                met: market.met(touch.touch, 0),
                queue: None,
            };
            let lots = market.grid().lots_of(quantity).unwrap_or(0);
            let ticks = market.grid().ticks_of(touch.touch).unwrap_or(0);
            self.fill(at, index, terms, time, sink);
            let (_, own, _) = self.market_mut(at).liquidity();
            own.take(leg.side.opposite(), ticks, lots);
        }
    }

    /// Withdraws the combinations with a leg in an instrument.
    pub(super) fn end_combos_in<S: Sink>(
        &mut self,
        at: InstrumentId,
        reason: CancelReason,
        time: Timestamp,
        sink: &mut S,
    ) {
        let has_leg = |working: &WorkingCombo| working.combo.legs().iter().any(|leg| leg.instrument == at);
        while let Some(index) = self.combos.iter().position(has_leg) {
            let ended = self.combos.remove(index);
            self.withdraw_legs(&ended.legs, reason, time, sink);
        }
    }

    /// A leg's order ended without its combination: the combination ends with it.
    pub(super) fn end_combo_of<S: Sink>(&mut self, combo: GroupId, time: Timestamp, sink: &mut S) {
        if let Some(index) = self.combos.iter().position(|working| working.id == combo) {
            let ended = self.combos.remove(index);
            self.withdraw_legs(&ended.legs, CancelReason::GroupEnded, time, sink);
        }
    }
}

/// Whether a leg's order has arrived: legs are met by their combination only.
pub(super) const fn is_leg(order: &crate::order::Order) -> bool {
    order.combo.is_some() && !matches!(order.status, OrderStatus::Submitted)
}
