//! Orders meet ticks: the order book, quotes, trades.
//!
//! A taker walks the book from the best price, level by level, and gets no more than is shown there; what our orders
//! took of a level stays taken until that level changes. A resting limit order fills when the other side comes through its
//! price, or when trades at its price have used up the queue ahead of it. Where only trades are known, they are the market.

use super::combos::is_leg;
use super::fills::Terms;
use super::{Engine, EventKind, Sink};
use crate::exchange::{DataTier, LimitFill, Liquidity, Met, SlipInputs, Taker, TradingStatus, rests, sweep};
use crate::market::{BarAggregator, DepthUpdate, Level, Phase, Quote, TradeTick};
use crate::model::{InstrumentId, OrderId, Price, Quantity, Side, Timestamp};
use crate::order::{Awaits, CancelReason, Order, OrderKind, OrderStatus, TimeInForce};
use rust_decimal::Decimal;

impl Engine {
    /// The best bid and ask changed.
    pub(super) fn meet_quote<S: Sink>(&mut self, at: InstrumentId, quote: &Quote, sink: &mut S) {
        let is_one = |quote: &Quote| {
            [quote.bid, quote.ask]
                .iter()
                .all(|price| price.is_finite() && *price > 0.0)
                && quote.bid <= quote.ask
        };
        if !is_one(quote) {
            return;
        }
        self.before_tick(quote.time, sink);
        let model = self.models.fill.queue;
        if !self.markets[at.index()].on_quote(quote, &model) {
            return;
        }
        self.markets[at.index()].told_by = self.inputs;
        self.meet_quoted(at, quote, sink);
    }

    /// Our orders meet a quote that the market has taken in.
    pub(super) fn meet_quoted<S: Sink>(&mut self, at: InstrumentId, quote: &Quote, sink: &mut S) {
        if !self.market(at).orders.sleeps_at(quote.bid, quote.ask, quote.time) {
            self.meet_book(at, quote.time, sink);
            self.market_mut(at).last_price = Some(quote.mid());
        }
        self.meet_combos(at, quote.time, sink);
        self.tell_quote(at, quote, sink);
    }

    /// Levels of the order book changed.
    pub(super) fn meet_depth<S: Sink>(&mut self, at: InstrumentId, update: &DepthUpdate, sink: &mut S) {
        self.before_tick(update.time, sink);
        let model = self.models.fill.queue;
        let status = self.market(at).status();
        let changed = self.markets[at.index()].on_depth(update, &model);
        self.markets[at.index()].told_by = self.inputs;
        if self.market(at).status() != status {
            let status = self.market(at).status();
            let instrument = at;
            self.emit(
                update.time,
                EventKind::MarketStatusChanged { instrument, status },
                sink,
            );
        }
        let market = self.market(at);
        if market.tier() != Some(DataTier::Depth) {
            // Changes of a book that is not known.
            return;
        }
        let quote = market.quote_of_book();
        let sleeps = quote.map_or(market.orders.is_empty(), |quote| {
            let (orders, half) = (&market.orders, market.half_tick());
            orders.sleeps_within(quote.bid, quote.ask, half, update.time)
        });
        if !sleeps {
            self.meet_book(at, update.time, sink);
            if let Some(quote) = quote {
                self.market_mut(at).last_price = Some(quote.mid());
            }
        }
        self.meet_combos(at, update.time, sink);
        if let Some(quote) = quote.filter(|_| changed) {
            self.tell_quote(at, &quote, sink);
        }
    }

    fn tell_quote<S: Sink>(&mut self, at: InstrumentId, quote: &Quote, sink: &mut S) {
        self.quote_options_on(at, quote.time, sink);
        if at != InstrumentId::PRIMARY {
            self.revalue();
            return self.call_margin(quote.time, sink);
        }
        self.watch_cover(quote.mid(), quote.time, sink);
        let (equity, _) = self.equity_at(quote.mid());
        self.emit_market(quote.time, sink, || EventKind::Quote {
            quote: *quote,
            equity,
        });
    }

    /// What is due before a tick is taken in: bars that are over, requests and orders that arrived in between.
    #[inline]
    fn before_tick<S: Sink>(&mut self, time: Timestamp, sink: &mut S) {
        // What the rules order at the close of a bar that is over meets this tick.
        self.pass_time_until(time, sink);
        self.reach(time);
    }

    /// Lets happen, each at its time, what was to happen up to `now`: bars close, requests and orders arrive.
    #[inline]
    pub(super) fn pass_time_until<S: Sink>(&mut self, now: Timestamp, sink: &mut S) {
        if !self.models.latency.is_zero() {
            while let Some(close) = self.next_close().filter(|close| *close <= now) {
                self.arrive_before(close, sink);
                self.close_bars_before(close, sink);
            }
            return self.arrive_before(now, sink);
        }
        self.close_bars_before(now, sink);
    }

    /// When the next of the bars in the making is over.
    fn next_close(&self) -> Option<Timestamp> {
        let close_of = |bars: &BarAggregator| Some(bars.timeframe().close_of(bars.current()?.open_time));
        let closes = [close_of(&self.base_bars), close_of(&self.strategy_bars)];
        closes.into_iter().flatten().min()
    }

    /// Orders and requests that reached the exchange before `now` met the markets as they stood then, in the order in
    /// which they arrived. An order never meets data that is as old as its decision, nor stale data.
    fn arrive_before<S: Sink>(&mut self, now: Timestamp, sink: &mut S) {
        while let Some((at, id, time)) = self.next_arrived(now) {
            self.carry_out_arrived(time, sink);
            self.expire_orders(at, time, sink);
            let Some(index) = self.market(at).orders.position(id) else {
                continue;
            };
            let is_on_its_way = self.market(at).orders.at(index).status == OrderStatus::Submitted;
            if !is_on_its_way || !self.accept(at, index, time, sink) {
                continue;
            }
            if self.is_stale(at, time) {
                self.cancel_rest(at, id, time, sink);
            } else {
                self.meet_arriving(at, id, time, sink);
            }
        }
        self.carry_out_arrived(now, sink);
    }

    /// The order that was the first to reach the exchange before `now`, and when that was.
    fn next_arrived(&self, now: Timestamp) -> Option<(InstrumentId, OrderId, Timestamp)> {
        let arrived = self.places().filter_map(|at| {
            let market = self.market(at);
            let shown_at = market.tick_time()?;
            let is_due = |order: &&Order| {
                order.status == OrderStatus::Submitted
                    && order.arrives_at < now
                    && shown_at > order.submitted_at
                    && shown_at <= order.arrives_at
            };
            let orders = market.orders.as_slice().iter().filter(is_due);
            let first = orders.min_by_key(|order| (order.arrives_at, order.id))?;
            Some((at, first.id, first.arrives_at))
        });
        arrived.min_by_key(|(_, id, time)| (*time, *id))
    }

    /// Whether the newest data is too old at `now` for an order to fill on it.
    pub(super) fn is_stale(&self, at: InstrumentId, now: Timestamp) -> bool {
        let (Some(most), Some(shown_at)) = (self.models.fill.stale_after_ms, self.market(at).tick_time())
        else {
            return false;
        };
        let age = now.nanos().saturating_sub(shown_at.nanos());
        u64::try_from(age / 1_000_000).is_ok_and(|age| age > most)
    }

    /// Looks at each order once, oldest first: those that rest, those that arrive, and those born meanwhile.
    fn meet_book<S: Sink>(&mut self, at: InstrumentId, time: Timestamp, sink: &mut S) {
        self.expire_orders(at, time, sink);
        let mut seen = OrderId(0);
        while let Some(index) = self.market(at).orders.find(|order| order.id > seen) {
            let order = self.market(at).orders.at(index);
            seen = order.id;
            let (status, arrives_at) = (order.status, order.arrives_at);
            match status {
                OrderStatus::Submitted if arrives_at <= time && self.accept(at, index, time, sink) => {
                    self.meet_arriving(at, seen, time, sink);
                }
                OrderStatus::Accepted | OrderStatus::Triggered | OrderStatus::PartiallyFilled => {
                    if self.market(at).orders.is_arriving(seen) {
                        self.meet_arriving(at, seen, time, sink);
                    } else {
                        self.trail_to_quote(at, index, time, sink);
                        self.meet_resting(at, seen, time, sink);
                    }
                    self.end_missed_auction(at, seen, time, sink);
                }
                _ => {}
            }
        }
    }

    /// An order that meets an open market for the first time, or for the first time with the terms that it has now, takes
    /// what it can reach; what is left of it joins the queue.
    fn meet_arriving<S: Sink>(&mut self, at: InstrumentId, id: OrderId, time: Timestamp, sink: &mut S) {
        let Some(index) = self.market(at).orders.position(id) else {
            return;
        };
        if self.market(at).tier() == Some(DataTier::Trades) {
            // A trade is over when it is told: the next one is the first that it can meet.
            return;
        }
        if !self.may_fill(at, index, time) {
            // Halted or crossed: what must be filled at once cannot wait for better times.
            return self.cancel_rest(at, id, time, sink);
        }
        let order = self.market(at).orders.at(index);
        if let Awaits::Limit(limit) = order.awaits() {
            let side = order.side;
            let other = self.market(at).best(side.opposite());
            let reached = other
                .map(|ticks| self.market(at).grid().price(ticks))
                .filter(|price| reaches(side, limit, *price));
            if let Some(price) = reached
                && self.may_take(at, index, price, time, sink)
            {
                self.take(at, id, Some(limit), time, sink);
            }
        } else {
            self.meet_resting(at, id, time, sink);
        }
        self.cancel_rest(at, id, time, sink);
        self.market_mut(at).orders.set_arrived(id);
        if !self.market(at).is_queued(id) {
            self.rejoin(at, id);
        }
    }

    /// Puts an order that rests at a limit into the queue there, at its end.
    pub(super) fn rejoin(&mut self, at: InstrumentId, id: OrderId) {
        let model = self.models.fill.queue;
        let market = self.market_mut(at);
        market.leave_queue(id);
        let Some(index) = market.orders.position(id) else {
            return;
        };
        let order = market.orders.at(index);
        if let (Awaits::Limit(price), true) = (order.awaits(), rests(order)) {
            let side = order.side;
            market.join_queue(id, side, price, &model);
        }
    }

    fn meet_resting<S: Sink>(&mut self, at: InstrumentId, id: OrderId, time: Timestamp, sink: &mut S) {
        let Some(index) = self.market(at).orders.position(id) else {
            return;
        };
        if !self.may_fill(at, index, time) {
            return;
        }
        let market = self.market(at);
        let order = market.orders.at(index);
        let side = order.side;
        let Some(touch) = market
            .best(side.opposite())
            .map(|ticks| market.grid().price(ticks))
        else {
            // Nobody is there; a price that only the quote has still sets a trigger off.
            self.set_off_by_quote(at, id, time, sink);
            return self.cancel_rest(at, id, time, sink);
        };
        match order.awaits() {
            Awaits::Anything => self.take(at, id, None, time, sink),
            Awaits::Limit(limit) => {
                if self.comes_far_enough(at, side, limit, touch) {
                    self.give(at, id, limit, time, sink);
                }
            }
            Awaits::RiseTo(price) if touch >= price => self.set_off_at(at, id, touch, time, sink),
            Awaits::FallTo(price) if touch <= price => self.set_off_at(at, id, touch, time, sink),
            Awaits::RiseTo(_) | Awaits::FallTo(_) => {}
        }
        self.cancel_rest(at, id, time, sink);
    }

    /// Whether the market at `price` meets a limit that rests, as the fill rule has it.
    fn comes_far_enough(&self, at: InstrumentId, side: Side, limit: Price, price: Price) -> bool {
        match self.models.fill.limit {
            LimitFill::Touch => reaches(side, limit, price),
            LimitFill::Through => goes_through(side, limit, price),
            LimitFill::ThroughByTicks(ticks) => {
                let tick = self.instrument(at).tick();
                let beyond = Price(limit.0 - side.sign() * tick * Decimal::from(ticks));
                reaches(side, beyond, price)
            }
        }
    }

    fn set_off_by_quote<S: Sink>(&mut self, at: InstrumentId, id: OrderId, time: Timestamp, sink: &mut S) {
        let market = self.market(at);
        let Some((quote, index)) = market.quote.zip(market.orders.position(id)) else {
            return;
        };
        let order = market.orders.at(index);
        let touch = match order.side {
            Side::Buy => quote.ask,
            Side::Sell => quote.bid,
        };
        let Some(touch) = market.instrument().price_from_f64(touch) else {
            return;
        };
        let is_touched = match order.awaits() {
            Awaits::RiseTo(price) => touch >= price,
            Awaits::FallTo(price) => touch <= price,
            _ => false,
        };
        if is_touched {
            self.trigger(at, index, touch, time, sink);
        }
    }

    /// A trigger is touched: what it sets off takes what is there, or rests.
    fn set_off_at<S: Sink>(
        &mut self,
        at: InstrumentId,
        id: OrderId,
        touch: Price,
        time: Timestamp,
        sink: &mut S,
    ) {
        let Some(index) = self.market(at).orders.position(id) else {
            return;
        };
        self.trigger(at, index, touch, time, sink);
        self.meet_arriving(at, id, time, sink);
    }

    /// Whether an order can fill in the present phase and state of its market.
    fn may_fill(&mut self, at: InstrumentId, index: usize, time: Timestamp) -> bool {
        let phase = self.market_mut(at).phase(time);
        let market = self.market(at);
        let order = market.orders.at(index);
        let is_open = match phase {
            Phase::Regular => true,
            Phase::Pre | Phase::Post => order.instructions.extended_hours,
            Phase::Closed => false,
        };
        let auction = match order.time_in_force {
            TimeInForce::Opg => self.is_in_auction(at, order, time),
            TimeInForce::Cls => false,
            _ => true,
        };
        is_open && auction && !is_leg(order) && market.is_open_to_fills()
    }

    /// Whether the first prices after the open, which stand for the opening auction on ticks, are those of this order's
    /// auction.
    fn is_in_auction(&self, at: InstrumentId, order: &Order, time: Timestamp) -> bool {
        let calendar = crate::market::Calendar::of(self.instrument(at).calendar());
        let auction = calendar.next_open(order.submitted_at);
        auction <= time && time < calendar.next_close(auction)
    }

    /// An order for an auction that is over ends. The closing auction shows on ticks as the last prices before the close.
    fn end_missed_auction<S: Sink>(&mut self, at: InstrumentId, id: OrderId, time: Timestamp, sink: &mut S) {
        let Some(index) = self.market(at).orders.position(id) else {
            return;
        };
        let order = self.market(at).orders.at(index);
        let calendar = crate::market::Calendar::of(self.instrument(at).calendar());
        let is_over = match order.time_in_force {
            TimeInForce::Opg => calendar.next_open(order.submitted_at) <= time,
            TimeInForce::Cls => calendar.next_close(order.submitted_at) <= time,
            _ => false,
        };
        if !is_over {
            return;
        }
        let order_is_for_close = order.time_in_force == TimeInForce::Cls;
        let can_fill = self.market(at).is_open_to_fills() && !self.is_stale(at, time);
        let awaits = self.market(at).orders.at(index).awaits();
        if order_is_for_close && can_fill && !awaits.is_trigger() {
            self.take(at, id, awaits.price(), time, sink);
        }
        if let Some(index) = self.market(at).orders.position(id) {
            self.cancel(at, index, CancelReason::AuctionOver, time, sink);
        }
    }

    /// Whether an order that would take at `price` may: a post-only one is rejected, or slides to where it rests.
    pub(super) fn may_take<S: Sink>(
        &mut self,
        at: InstrumentId,
        index: usize,
        price: Price,
        time: Timestamp,
        sink: &mut S,
    ) -> bool {
        use crate::order::{PostOnly, RejectReason};
        let order = self.market(at).orders.at(index);
        match order.instructions.post_only {
            None => true,
            Some(PostOnly::Reject) if order.status == OrderStatus::PartiallyFilled => {
                self.cancel(at, index, CancelReason::WouldTake, time, sink);
                false
            }
            Some(PostOnly::Reject) => {
                let reason = RejectReason::PostOnlyWouldTake { market: price };
                self.reject(at, index, reason, time, sink);
                false
            }
            Some(PostOnly::Slide) => {
                let tick = self.instrument(at).tick();
                let beside = Price(price.0 - tick * order.side.sign());
                let (id, kind, quantity) = (order.id, order.kind.at(Some(beside), None), order.quantity);
                self.market_mut(at).leave_queue(id);
                if beside.0 > Decimal::ZERO {
                    self.amend(at, index, kind, quantity, time, sink);
                }
                false
            }
        }
    }

    /// Takes from the book, level by level, as far as limit, protection and quantity go.
    fn take<S: Sink>(
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
    fn taker(&self, at: InstrumentId, id: OrderId, limit: Option<Price>) -> Option<(Taker, bool)> {
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

    fn first_level(&self, at: InstrumentId, taker: &Taker) -> Option<Level> {
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
    fn give<S: Sink>(&mut self, at: InstrumentId, id: OrderId, limit: Price, time: Timestamp, sink: &mut S) {
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

    fn trail_to_quote<S: Sink>(&mut self, at: InstrumentId, index: usize, time: Timestamp, sink: &mut S) {
        let market = self.market(at);
        let order = market.orders.at(index);
        if !matches!(order.kind, OrderKind::TrailingStop { .. }) || order.status != OrderStatus::Accepted {
            return;
        }
        // A stop that sells is set off by the bid, so the bid is what it follows.
        let side = order.side;
        let follows = market.quote.map(|quote| match side {
            Side::Buy => quote.ask,
            Side::Sell => quote.bid,
        });
        if let Some(follows) = follows {
            self.trail(at, Some(side), follows, time, sink);
        }
    }

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
        self.before_tick(trade.time, sink);
        if at == InstrumentId::PRIMARY {
            // The bar before this trade's is closed already.
            self.base_bars.push_trade(trade.time, trade.price, volume);
        }
        let market = self.market_mut(at);
        market.last_price = Some(trade.price);
        let is_alone = matches!(market.tier(), None | Some(DataTier::Trades));
        if is_alone {
            market.on_trade_only(trade.time);
        }
        let half = market.half_tick();
        if market
            .orders
            .sleeps_within(trade.price, trade.price, half, trade.time)
            || market.status() != TradingStatus::Trading
        {
            return;
        }
        self.expire_orders(at, trade.time, sink);
        let lots = self.market(at).grid().lots(trade.size).unwrap_or(0);
        let left = self.give_to_trade(at, trade, price, lots, sink);
        if is_alone {
            self.take_of_trade(at, trade, price, left, sink);
        }
        self.market_mut(at).last_price = Some(trade.price);
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
        let orders = market.orders.as_slice().iter();
        orders.filter(meets).min_by_key(better).map(|order| order.id)
    }

    /// Where only trades are known, those that arrive or were set off take of the trade, at its price.
    fn take_of_trade<S: Sink>(
        &mut self,
        at: InstrumentId,
        trade: &TradeTick,
        price: Price,
        mut left: i64,
        sink: &mut S,
    ) {
        let time = trade.time;
        let mut seen = OrderId(0);
        self.trail(at, None, trade.price, time, sink);
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
        let limit = match order.awaits() {
            Awaits::Anything => None,
            Awaits::Limit(limit) if self.market(at).orders.is_arriving(id) => Some(limit),
            _ => return 0,
        };
        if let Some(limit) = limit {
            let takes = goes_through(side, limit, price) && self.may_take(at, index, price, time, sink);
            self.market_mut(at).orders.set_arrived(id);
            if !takes {
                return 0;
            }
        }
        let market = self.market(at);
        let order = market.orders.at(index);
        let quantity = market.grid().quantity(left);
        let slip = self.models.slip(&SlipInputs {
            instrument: market.instrument(),
            side: order.side,
            quantity: order.remaining().min(quantity),
            price,
            half_spread: None,
            conditions: &market.conditions,
            tier: DataTier::Trades,
            time,
        });
        let worst = within(slip.price, limit, side);
        let terms = Terms {
            reference: price,
            half_spread: Decimal::ZERO,
            impact: slip.impact.min((worst.0 - price.0).abs()),
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

    /// An iceberg whose shown slice `filled` has used up shows the next one, at the end of the queue.
    fn replenish(&mut self, at: InstrumentId, id: OrderId, filled: Quantity) {
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

fn trade_met(trade: &TradeTick) -> Met {
    Met::Trade {
        time: trade.time,
        price: trade.price,
    }
}

/// A price that is no worse than the limit, where there is one.
fn within(price: Price, limit: Option<Price>, side: Side) -> Price {
    match (limit, side) {
        (None, _) => price,
        (Some(limit), Side::Buy) => price.min(limit),
        (Some(limit), Side::Sell) => price.max(limit),
    }
}

/// Whether an arriving limit order can be filled at the other side's price.
fn reaches(side: Side, limit: Price, other: Price) -> bool {
    match side {
        Side::Buy => other <= limit,
        Side::Sell => other >= limit,
    }
}

/// Whether the market is beyond a resting limit.
fn goes_through(side: Side, limit: Price, price: Price) -> bool {
    match side {
        Side::Buy => price < limit,
        Side::Sell => price > limit,
    }
}
