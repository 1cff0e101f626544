//! Orders meet ticks, in the order of time: who arrives, who is set off, who may take or rest. What they get of a book is in
//! `meet_levels`, of trades in `meet_trades`.
//!
//! A taker walks the book from the best price, level by level, and gets no more than is shown there; what our orders
//! took of a level stays taken until that level changes. A resting limit order fills when the other side comes through its
//! price, or when trades at its price have used up the queue ahead of it. Where only trades are known, they are the market.

use super::combos::is_leg;
use super::{Engine, EventKind, Sink};
use crate::exchange::{DataTier, LimitFill, is_open_to, rests};
use crate::market::{DepthUpdate, Quote};
use crate::model::{InstrumentId, OrderId, Price, Side, Timestamp};
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
        self.tell_tier(at, quote.time, sink);
        self.meet_quoted(at, quote, sink);
    }

    /// Says that an instrument's finest data fell silent or came back with the last tick, if it did.
    #[inline]
    pub(super) fn tell_tier<S: Sink>(&mut self, at: InstrumentId, time: Timestamp, sink: &mut S) {
        if let Some(change) = self.market_mut(at).take_tier_change() {
            self.emit(
                time,
                EventKind::DataTierChanged {
                    instrument: at,
                    change,
                },
                sink,
            );
        }
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
            self.note_expiries();
            let status = self.market(at).status();
            let instrument = at;
            self.emit(
                update.time,
                EventKind::MarketStatusChanged { instrument, status },
                sink,
            );
        }
        self.tell_tier(at, update.time, sink);
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
        self.quote_options_on(at, super::model_quotes::Looked::Ordered, quote.time, sink);
        self.watch_price(at, quote.mid(), quote.time, sink);
        if !self.is_traded(at) {
            return;
        }
        let equity = if at == InstrumentId::PRIMARY {
            self.equity_at(quote.mid()).0
        } else {
            self.equity_now().0
        };
        self.emit_market(quote.time, sink, || EventKind::Quote {
            instrument: at,
            quote: *quote,
            equity,
        });
    }

    /// What is due before a tick is taken in: bars that are over, requests and orders that arrived in between.
    #[inline]
    pub(super) fn before_tick<S: Sink>(&mut self, time: Timestamp, sink: &mut S) {
        // What the rules order at the close of a bar that is over meets this tick.
        self.pass_time_until(time, sink);
        self.reach(time);
        self.accrue(time, sink);
    }

    /// Lets happen, each at its time, what was to happen up to `now`: bars close, requests and orders arrive.
    #[inline]
    pub(super) fn pass_time_until<S: Sink>(&mut self, now: Timestamp, sink: &mut S) {
        if now >= self.due_at {
            self.keep_appointments(now, sink);
        }
        if !self.models.latency.is_zero() {
            while let Some(close) = self.next_close().filter(|close| *close <= now) {
                self.arrive_before(close, sink);
                self.close_bars_before(close, sink);
            }
            return self.arrive_before(now, sink);
        }
        self.close_bars_before(now, sink);
    }

    /// Orders and requests that reached the exchange before `now` met the markets as they stood then, in the order in
    /// which they arrived. An order never meets data that is as old as its decision, nor stale data.
    fn arrive_before<S: Sink>(&mut self, now: Timestamp, sink: &mut S) {
        while let Some((at, id, time)) = self.next_arrived(now) {
            self.accrue(time, sink);
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
            let orders = market.orders.iter().filter(is_due);
            let first = orders.min_by_key(|order| (order.arrives_at, order.id))?;
            Some((at, first.id, first.arrives_at))
        });
        arrived.min_by_key(|(_, id, time)| (*time, *id))
    }

    /// Whether the newest data is too old at `now` for an order to fill on it, or contradicted by what goes on beside it.
    pub(super) fn is_stale(&self, at: InstrumentId, now: Timestamp) -> bool {
        if self.market(at).doubted_since(now).is_some() {
            return true;
        }
        let (Some(most), Some(shown_at)) = (self.models.fill.stale_after_ms, self.market(at).tick_time())
        else {
            return false;
        };
        let age = now.nanos().saturating_sub(shown_at.nanos());
        u64::try_from(age / 1_000_000).is_ok_and(|age| age > most)
    }

    /// Looks at each order once, oldest first: those that rest, those that arrive, and those born meanwhile.
    pub(super) fn meet_book<S: Sink>(&mut self, at: InstrumentId, time: Timestamp, sink: &mut S) {
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
    pub(super) fn comes_far_enough(&self, at: InstrumentId, side: Side, limit: Price, price: Price) -> bool {
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
    pub(super) fn may_fill(&mut self, at: InstrumentId, index: usize, time: Timestamp) -> bool {
        let phase = self.market_mut(at).phase(time);
        let market = self.market(at);
        let order = market.orders.at(index);
        let auction = match order.time_in_force {
            TimeInForce::Opg => self.is_in_auction(at, order, time),
            TimeInForce::Cls => false,
            _ => true,
        };
        is_open_to(phase, order) && auction && !is_leg(order) && market.is_open_to_fills()
    }

    /// Whether the first prices after the open, which stand for the opening auction on ticks, are those of this order's
    /// auction.
    fn is_in_auction(&self, at: InstrumentId, order: &Order, time: Timestamp) -> bool {
        let calendar = crate::market::Calendar::of(self.instrument(at).calendar());
        let auction = calendar.next_open(order.submitted_at);
        auction <= time && time < calendar.next_close(auction)
    }

    /// An order for an auction that is over ends.
    pub(super) fn end_missed_auction<S: Sink>(
        &mut self,
        at: InstrumentId,
        id: OrderId,
        time: Timestamp,
        sink: &mut S,
    ) {
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
        self.cancel(at, index, CancelReason::AuctionOver, time, sink);
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

    fn trail_to_quote<S: Sink>(&mut self, at: InstrumentId, index: usize, time: Timestamp, sink: &mut S) {
        let market = self.market(at);
        let order = market.orders.at(index);
        if !matches!(order.kind, OrderKind::TrailingStop { .. }) || order.status != OrderStatus::Accepted {
            return;
        }
        // A stop that sells is set off by the bid, so the bid is what it follows.
        let side = order.side;
        // What it cannot trade at, it does not follow.
        if !self.may_fill(at, index, time) {
            return;
        }
        let phase = self.market_mut(at).phase(time);
        let market = self.market(at);
        let follows = market.quote.map(|quote| match side {
            Side::Buy => quote.ask,
            Side::Sell => quote.bid,
        });
        if let Some(follows) = follows {
            self.trail(at, Some(side), phase, follows, time, sink);
        }
    }
}

/// A price that is no worse than the limit, where there is one.
pub(super) fn within(price: Price, limit: Option<Price>, side: Side) -> Price {
    match (limit, side) {
        (None, _) => price,
        (Some(limit), Side::Buy) => price.min(limit),
        (Some(limit), Side::Sell) => price.max(limit),
    }
}

/// Whether an arriving limit order can be filled at the other side's price.
pub(super) fn reaches(side: Side, limit: Price, other: Price) -> bool {
    match side {
        Side::Buy => other <= limit,
        Side::Sell => other >= limit,
    }
}

/// Whether the market is beyond a resting limit.
pub(super) fn goes_through(side: Side, limit: Price, price: Price) -> bool {
    match side {
        Side::Buy => price < limit,
        Side::Sell => price > limit,
    }
}
