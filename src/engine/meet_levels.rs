//! Orders meet the levels of the book: takers walk it from the best price, what rests gives to who comes through.

use super::fills::Terms;
use super::meet_ticks::within;
use super::{Engine, Sink};
use crate::exchange::{DataTier, Liquidity, SlipInputs, Taker, sweep};
use crate::market::Level;
use crate::model::{InstrumentId, OrderId, Price, Quantity, Timestamp};
use crate::order::{CancelReason, TimeInForce};
use rust_decimal::Decimal;

impl Engine {
    /// Takes from the book, level by level, as far as limit, protection and quantity go.
    pub(super) fn take<S: Sink>(
        &mut self,
        at: InstrumentId,
        id: OrderId,
        limit: Option<Price>,
        time: Timestamp,
        sink: &mut S,
    ) {
        let Some((taker, fits)) = self.taker(at, id, limit) else {
            return;
        };
        let Some(index) = self.market(at).orders.position(id) else {
            return;
        };
        if !fits {
            return self.cancel(at, index, CancelReason::NotFilledAtOnce, time, sink);
        }
        if !self.pays_whole(at, index, taker, time) {
            return self.cancel(at, index, CancelReason::InsufficientFunds, time, sink);
        }
        let mut depth = 0;
        while let Some(level) = self.first_level(at, &taker) {
            let filled = self.take_level(at, id, limit, level, depth, time, sink);
            let lots = self.market(at).grid().lots_of(filled).unwrap_or(0);
            if lots == 0 {
                break;
            }
            let (_, own, _) = self.market_mut(at).liquidity();
            own.take(taker.side.opposite(), level.price, lots);
            depth += 1;
        }
        if let Some(index) = self.market(at).orders.position(id)
            && taker.protection.is_some()
            && self.first_level(at, &taker.unprotected()).is_some()
        {
            // There is more, but too far away. What gets a position closed waits for the market to come back.
            let order = self.market(at).orders.at(index);
            if !order.only_reduces() && !order.purpose.reduces() {
                self.cancel(at, index, CancelReason::PriceProtection, time, sink);
            }
        }
    }

    /// What the order wants of the book, and whether it can have it: fill or kill is all or nothing.
    pub(super) fn taker(&self, at: InstrumentId, id: OrderId, limit: Option<Price>) -> Option<(Taker, bool)> {
        let market = self.market(at);
        let order = market.orders.at(market.orders.position(id)?);
        let side = order.side;
        let grid = market.grid();
        let touch = grid.price(market.best(side.opposite())?);
        let ticks = |price: Price| grid.ticks_of(price).ok();
        let protection = limit
            .is_none()
            .then(|| self.models.protection_price(market.instrument(), side, touch))
            .flatten();
        let lots = grid.lots_of(order.remaining()).ok()?;
        let taker = Taker {
            side,
            lots,
            limit: limit.and_then(ticks),
            protection: protection.and_then(ticks),
        };
        let is_whole = order.time_in_force != TimeInForce::Fok || {
            let there: i64 = sweep(market.book(), market.own(), taker)
                .map(|level| level.size)
                .sum();
            there >= lots
        };
        Some((taker, is_whole))
    }

    /// Whether the funds carry all levels of a fill-or-kill order, judged by the worst of them.
    fn pays_whole(&self, at: InstrumentId, index: usize, taker: Taker, time: Timestamp) -> bool {
        let market = self.market(at);
        let order = market.orders.at(index);
        let last = sweep(market.book(), market.own(), taker).last();
        let Some(last) = last.filter(|_| order.time_in_force == TimeInForce::Fok) else {
            return true;
        };
        let slip = self.models.slip(&SlipInputs {
            instrument: market.instrument(),
            side: order.side,
            quantity: order.remaining(),
            price: market.grid().price(last.price),
            half_spread: None,
            conditions: &market.conditions,
            tier: market.tier().unwrap_or(DataTier::Quotes),
            time,
        });
        self.carries_whole(at, order, slip.price)
    }

    pub(super) fn first_level(&self, at: InstrumentId, taker: &Taker) -> Option<Level> {
        let market = self.market(at);
        sweep(market.book(), market.own(), *taker).next()
    }

    #[allow(clippy::too_many_arguments)]
    fn take_level<S: Sink>(
        &mut self,
        at: InstrumentId,
        id: OrderId,
        limit: Option<Price>,
        level: Level,
        depth: usize,
        time: Timestamp,
        sink: &mut S,
    ) -> Quantity {
        let market = self.market(at);
        let Some(index) = market.orders.position(id) else {
            return Quantity::ZERO;
        };
        let order = market.orders.at(index);
        let (side, grid) = (order.side, market.grid());
        let (price, quantity) = (grid.price(level.price), grid.quantity(level.size));
        let best = market
            .best(side.opposite())
            .map_or(price, |best| grid.price(best));
        let other = market.best(side).map(|other| grid.price(other));
        let mid = other.map_or(best, |other| Price((best.0 + other.0) / Decimal::TWO));
        let half_spread = (best.0 - mid.0).abs();
        let tier = market.tier().unwrap_or(DataTier::Quotes);
        let slip = self.models.slip(&SlipInputs {
            instrument: market.instrument(),
            side,
            quantity: order.remaining().min(quantity),
            price,
            half_spread: Some(half_spread),
            conditions: &market.conditions,
            tier,
            time,
        });
        let worst = within(slip.price, limit, side);
        // Levels behind the best are the cost of size; so is the impact model, as far as a limit leaves room for it.
        let behind = (price.0 - best.0).abs();
        let terms = Terms {
            reference: mid,
            half_spread,
            impact: behind + slip.impact.min((worst.0 - price.0).abs()),
            price: worst,
            quantity: Some(quantity),
            liquidity: Liquidity::Taker,
            tier,
            met: market.met(price, depth),
            queue: None,
        };
        self.fill(at, index, terms, time, sink)
    }

    /// The other side came through a resting limit order: it fills at its own price, from what is shown there.
    pub(super) fn give<S: Sink>(
        &mut self,
        at: InstrumentId,
        id: OrderId,
        limit: Price,
        time: Timestamp,
        sink: &mut S,
    ) {
        let Some((taker, _)) = self.taker(at, id, Some(limit)) else {
            return;
        };
        let queue = self.market(at).queue_of(id);
        while let Some(level) = self.first_level(at, &taker) {
            let market = self.market(at);
            let Some(index) = market.orders.position(id) else {
                return;
            };
            let terms = Terms {
                reference: limit,
                half_spread: Decimal::ZERO,
                impact: Decimal::ZERO,
                price: limit,
                quantity: Some(market.grid().quantity(level.size)),
                liquidity: Liquidity::Maker,
                tier: market.tier().unwrap_or(DataTier::Quotes),
                met: market.met(market.grid().price(level.price), 0),
                queue,
            };
            let filled = self.fill(at, index, terms, time, sink);
            let lots = self.market(at).grid().lots_of(filled).unwrap_or(0);
            if lots == 0 {
                return;
            }
            let (_, own, _) = self.market_mut(at).liquidity();
            own.take(taker.side.opposite(), level.price, lots);
            self.replenish(at, id, filled);
        }
    }

    /// An iceberg whose shown slice `filled` has used up shows the next one, at the end of the queue.
    pub(super) fn replenish(&mut self, at: InstrumentId, id: OrderId, filled: Quantity) {
        let market = self.market(at);
        let Some(index) = market.orders.position(id) else {
            return;
        };
        let order = market.orders.at(index);
        if let Some(display) = order.display
            && filled.0 > Decimal::ZERO
            && (order.filled.0 / display.0).floor() > ((order.filled.0 - filled.0) / display.0).floor()
        {
            self.rejoin(at, id);
        }
    }
}
