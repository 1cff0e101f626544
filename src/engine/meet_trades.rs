//! Orders meet the trades of others: what rests at or beyond their price fills when its turn has come, and where only
//! trades are known, takers take of them: at their price when they were taken on the same side, else beyond the spread.

use super::fills::Terms;
use super::meet_ticks::{goes_through, within};
use super::{Engine, Sink};
use crate::exchange::{DataTier, Liquidity, Met, SlipInputs, TradingStatus, rests};
use crate::market::TradeTick;
use crate::model::{InstrumentId, OrderId, Price, Side, Timestamp};
use crate::order::{Awaits, Order, OrderStatus};
use rust_decimal::Decimal;

impl Engine {
    /// Somebody traded: resting limits that the trade went through fill, those at its price when the queue has gone by,
    /// and the bar in the making grows. A trade at no price (zero, not a number) is none.
    pub(super) fn meet_trade<S: Sink>(&mut self, at: InstrumentId, trade: &TradeTick, sink: &mut S) {
        let Some(price) = self.instrument(at).price_from_f64(trade.price) else {
            return;
        };
        let volume = if trade.size.is_finite() {
            trade.size.max(0.0)
        } else {
            0.0
        };
        let mut lots = self.market(at).grid().lots(trade.size).unwrap_or(0);
        if trade.time >= self.due_at {
            lots -= self.print_auction(at, trade, lots, sink);
        }
        self.before_tick(trade.time, sink);
        if let Some(desk) = self.desks.get_mut(at.index()) {
            // The bar before this trade's is closed already.
            desk.base_bars.push_trade(trade.time, trade.price, volume);
        }
        let market = self.market_mut(at);
        market.last_price = Some(trade.price);
        market.trade_beside(price, trade.time);
        self.tell_tier(at, trade.time, sink);
        let market = self.market_mut(at);
        let is_alone = matches!(market.tier(), None | Some(DataTier::Trades));
        if is_alone {
            market.on_trade_only(trade.time);
            market.last_trade = Some((*trade, lots));
            market.traded_spread.note(trade.aggressor, price);
        }
        let half = market.half_tick();
        let sleeps = market
            .orders
            .sleeps_within(trade.price, trade.price, half, trade.time);
        if !sleeps && market.status() == TradingStatus::Trading {
            self.expire_orders(at, trade.time, sink);
            let left = self.give_to_trade(at, trade, price, lots, sink);
            if is_alone {
                let left = self.take_of_trade(at, trade, price, left, sink);
                self.market_mut(at).last_trade = Some((*trade, left));
            }
            self.market_mut(at).last_price = Some(trade.price);
        }
        self.meet_combos(at, trade.time, sink);
        if is_alone {
            // Where quotes are known, they say what the position is worth.
            self.watch_price(at, trade.price, trade.time, sink);
        }
    }

    /// Resting limits at or beyond the trade's price fill from it, the best price first; says how many of its lots are
    /// left.
    fn give_to_trade<S: Sink>(
        &mut self,
        at: InstrumentId,
        trade: &TradeTick,
        price: Price,
        lots: i64,
        sink: &mut S,
    ) -> i64 {
        let maker = trade.aggressor.opposite();
        let mut left = lots;
        let taken = self.taken_at(at, maker, price);
        let mut seen = Vec::new();
        while let Some(id) = self.next_for_trade(at, maker, (price, trade.time), &seen) {
            seen.push(id);
            let Some(index) = self.market(at).orders.position(id) else {
                continue;
            };
            if !self.may_fill(at, index, trade.time) {
                continue;
            }
            let order = self.market(at).orders.at(index);
            let Some(limit) = order.kind.limit_price() else {
                continue;
            };
            let queue = self.market(at).queue_of(id);
            let (side, shown) = (order.side, order.shown());
            let reach = if limit == price && self.market(at).is_queued(id) {
                let past_others = self.market_mut(at).trade_reaches(id, lots).unwrap_or(0);
                // Of what came past the market's orders, our own before this one took their part. An iceberg gives what
                // it shows; the next slice stands at the end of the queue.
                let past_ours = past_others - (lots - left);
                past_ours.min(self.market(at).grid().lots_of(shown).unwrap_or(past_ours))
            } else {
                // What our orders took when it was shown, others cannot have sold to us once more.
                left - if side == maker { 0 } else { taken }
            };
            if reach <= 0 {
                continue;
            }
            let market = self.market(at);
            let terms = Terms {
                reference: limit,
                half_spread: Decimal::ZERO,
                impact: Decimal::ZERO,
                price: limit,
                quantity: Some(market.grid().quantity(reach)),
                liquidity: Liquidity::Maker,
                tier: market.tier().unwrap_or(DataTier::Trades),
                met: trade_met(trade),
                queue,
            };
            let filled = self.fill(at, index, terms, trade.time, sink);
            let lots = self.market(at).grid().lots_of(filled).unwrap_or(0);
            left -= lots;
            self.note_taken_of_trade(at, side, maker, price, lots);
            self.replenish(at, id, filled);
            self.cancel_rest(at, id, trade.time, sink);
        }
        left
    }

    /// Lots at a price of a side of the book that our orders have taken already.
    fn taken_at(&self, at: InstrumentId, side: Side, price: Price) -> i64 {
        let market = self.market(at);
        let ticks = market.grid().ticks_of(price);
        ticks.map_or(0, |ticks| market.own().taken(side, ticks))
    }

    /// What an order on the taking side got of a trade is gone from the book, as far as the book still shows it.
    fn note_taken_of_trade(&mut self, at: InstrumentId, side: Side, maker: Side, price: Price, lots: i64) {
        let market = self.market_mut(at);
        if side != maker
            && let Ok(ticks) = market.grid().ticks_of(price)
            && market.book().size_at(maker, ticks) > 0
        {
            let (_, own, _) = market.liquidity();
            own.take(maker, ticks, lots);
        }
    }

    /// The next resting limit order that a trade at `price` meets. Where only trades are known, the fill rule says how far
    /// they must come; else the trade must go through it on either side, or be at it on the side that gave.
    fn next_for_trade(
        &self,
        at: InstrumentId,
        maker: Side,
        (price, trade_time): (Price, Timestamp),
        seen: &[OrderId],
    ) -> Option<OrderId> {
        let market = self.market(at);
        let meets = |order: &&Order| {
            let Awaits::Limit(limit) = order.awaits() else {
                return false;
            };
            let is_met = if market.tier() == Some(DataTier::Trades) {
                self.comes_far_enough(at, order.side, limit, price)
            } else {
                let at_price = limit == price && order.side == maker && market.is_queued(order.id);
                let is_beyond = goes_through(order.side, limit, price);
                at_price || (is_beyond && self.comes_far_enough(at, order.side, limit, price))
            };
            // An order that came with or after the trade was not there to be met.
            let was_there = rests(order) && order.arrives_at <= trade_time && !market.has_to_take(order);
            is_met && was_there && !seen.contains(&order.id)
        };
        // Price, then the place in the queue, then age.
        let better = |order: &&Order| {
            let limit = order.awaits().price().unwrap_or(price);
            let ahead = market.ahead_of(order.id).unwrap_or(0);
            (Price(-limit.0 * order.side.sign()), ahead, order.id)
        };
        let orders = market.orders.iter();
        orders.filter(meets).min_by_key(better).map(|order| order.id)
    }

    /// Where only trades are known, those that arrive or were set off take of the trade; says how many of its lots are left.
    fn take_of_trade<S: Sink>(
        &mut self,
        at: InstrumentId,
        trade: &TradeTick,
        price: Price,
        mut left: i64,
        sink: &mut S,
    ) -> i64 {
        let time = trade.time;
        let mut seen = OrderId(0);
        let phase = self.market_mut(at).phase(time);
        self.trail(at, None, phase, trade.price, time, sink);
        while let Some(index) = self.market(at).orders.find(|order| order.id > seen) {
            let order = self.market(at).orders.at(index);
            seen = order.id;
            if order.status == OrderStatus::Submitted
                && (order.arrives_at > time || !self.accept(at, index, time, sink))
            {
                continue;
            }
            left -= self.take_part(at, seen, trade, price, left, sink);
            self.cancel_rest(at, seen, time, sink);
        }
        left
    }

    /// Takes what one order wants of a trade; says how many lots that was.
    fn take_part<S: Sink>(
        &mut self,
        at: InstrumentId,
        id: OrderId,
        trade: &TradeTick,
        price: Price,
        left: i64,
        sink: &mut S,
    ) -> i64 {
        let time = trade.time;
        let Some(mut index) = self.market(at).orders.position(id) else {
            return 0;
        };
        let order = self.market(at).orders.at(index);
        if !rests(order) || order.arrives_at > time || !self.may_fill(at, index, time) {
            return 0;
        }
        let is_touched = match self.market(at).orders.at(index).awaits() {
            Awaits::RiseTo(level) => price >= level,
            Awaits::FallTo(level) => price <= level,
            _ => false,
        };
        if is_touched {
            index = self.trigger(at, index, price, time, sink);
        }
        if left <= 0 {
            return 0;
        }
        let order = self.market(at).orders.at(index);
        let side = order.side;
        let market = self.market(at);
        let tick = market.instrument().tick();
        let touch = market.traded_spread.touch(side, trade.aggressor, price, tick);
        let limit = match order.awaits() {
            Awaits::Anything => None,
            Awaits::Limit(limit) if self.market(at).orders.is_arriving(id) => Some(limit),
            _ => return 0,
        };
        if let Some(limit) = limit {
            let takes = goes_through(side, limit, touch) && self.may_take(at, index, touch, time, sink);
            self.market_mut(at).orders.set_arrived(id);
            if !takes {
                return 0;
            }
        }
        let print = Print {
            trade,
            price,
            touch,
            limit,
        };
        self.fill_of_trade(at, index, &print, left, time, sink)
    }

    /// Fills the order at `index` from a trade, moved by the slippage as far as the limit lets it; says how many lots that
    /// was.
    pub(super) fn fill_of_trade<S: Sink>(
        &mut self,
        at: InstrumentId,
        index: usize,
        print: &Print<'_>,
        left: i64,
        time: Timestamp,
        sink: &mut S,
    ) -> i64 {
        let Print {
            trade,
            price,
            touch,
            limit,
        } = *print;
        let market = self.market(at);
        let order = market.orders.at(index);
        let side = order.side;
        let quantity = market.grid().quantity(left);
        let slip = self.models.slip(&SlipInputs {
            instrument: market.instrument(),
            side: order.side,
            quantity: order.remaining().min(quantity),
            price: touch,
            half_spread: None,
            conditions: &market.conditions,
            tier: DataTier::Trades,
            time,
        });
        let worst = within(slip.price, limit, side);
        let terms = Terms {
            reference: Price((price.0 + touch.0) / Decimal::TWO),
            half_spread: (touch.0 - price.0).abs() / Decimal::TWO,
            impact: slip.impact.min((worst.0 - touch.0).abs()),
            price: worst,
            quantity: Some(quantity),
            liquidity: Liquidity::Taker,
            tier: DataTier::Trades,
            met: trade_met(trade),
            queue: None,
        };
        let filled = self.fill(at, index, terms, time, sink);
        self.market(at).grid().lots_of(filled).unwrap_or(0)
    }
}

/// A trade as a taker meets it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Print<'a> {
    pub(super) trade: &'a TradeTick,
    /// Its price, on a tick.
    pub(super) price: Price,
    /// What it costs the taker, before slippage: beyond the spread when somebody took it on the other side.
    pub(super) touch: Price,
    /// The worst that the order takes.
    pub(super) limit: Option<Price>,
}

fn trade_met(trade: &TradeTick) -> Met {
    Met::Trade {
        time: trade.time,
        price: trade.price,
    }
}
