//! Orders meet bars: the walk along the path inside a bar.

use super::combos::is_leg;
use super::fills::Terms;
use super::{Engine, Sink};
use crate::exchange::{
    DataTier, Leg, LimitFill, Liquidity, Met, PathRule, Reach, SlipInputs, TradingStatus, is_open_to, legs,
    legs_in_order, rests,
};
use crate::market::{Bar, Calendar, Phase};
use crate::model::{InstrumentId, OrderId, Price, Quantity, Side, Timeframe, Timestamp, decimal};
use crate::order::{Awaits, CancelReason, Order, OrderStatus, TimeInForce};
use crate::portfolio::TradeSide;
use rust_decimal::Decimal;

/// A point on the path at which orders can be met.
#[derive(Clone, Copy, Debug)]
struct Point {
    price: Price,
    met: Met,
    time: Timestamp,
}

/// One bar's walk.
#[derive(Clone, Copy, Debug)]
struct Walk {
    at: InstrumentId,
    /// When the bar opens and when it closes.
    open_time: Timestamp,
    close_time: Timestamp,
    /// How far the walk has come: the bar's open, until an order arrives later.
    now: Timestamp,
    phase: Phase,
    /// How far the price must go for a resting limit.
    reach: Reach,
    /// What is left for our orders of the bar's volume; `None` for any quantity.
    left: Option<Quantity>,
    /// What the bar traded, and what our orders got of it.
    volume: f64,
    got: f64,
}

impl Walk {
    /// Whether the market is open to the order.
    const fn is_open_to(&self, order: &Order) -> bool {
        is_open_to(self.phase, order)
    }

    /// Whether the order may fill now: its market is open to it, and there is volume left, unless it only waits to be set
    /// off.
    fn lets(&self, order: &Order) -> bool {
        let is_left = self.left.is_none_or(|left| decimal::is_positive(left.0));
        self.is_open_to(order)
            && !order.is_for_auction()
            && !is_leg(order)
            && (is_left || order.awaits().is_trigger())
    }

    fn take(&mut self, quantity: Quantity) {
        self.got += quantity.to_f64();
        if let Some(left) = &mut self.left {
            left.0 -= quantity.0;
        }
    }
}

impl Engine {
    /// A bar of the base timeframe: our orders meet it, then it closes.
    #[inline]
    pub(super) fn meet_bar<S: Sink>(&mut self, at: InstrumentId, bar: &Bar, sink: &mut S) {
        self.meet_inside(at, bar, sink);
        self.close_met(at, bar, sink);
    }

    /// Our orders meet a bar of the base timeframe.
    #[inline]
    pub(super) fn meet_inside<S: Sink>(&mut self, at: InstrumentId, bar: &Bar, sink: &mut S) {
        self.complete_other(at, bar, sink);
        // After a gap, the strategy's bar that ended before this one is told so first; what it orders meets this bar.
        self.pass_time_until(bar.open_time, sink);
        // What the days until then cost falls on what was held through them, not on what this bar makes of it.
        self.accrue(bar.open_time, sink);
        // A bar that opens at an expiry tells of what came after it.
        let inside = bar.open_time.plus_nanos(1);
        if inside >= self.due_at {
            self.keep_appointments(inside, sink);
        }
        let base = self.config.base_timeframe;
        let market = self.market_mut(at);
        // What the bar trades counts for those who meet it.
        market.conditions.on_bar(bar, base);
        // Where ticks told of this time already, the bar that they make tells nothing new.
        let is_finer_known = market.tick_time().is_some_and(|last| last >= bar.open_time);
        if !is_finer_known {
            let sleeps = market.orders.sleeps_through(bar);
            self.watch_walk(at);
            if !sleeps || self.gives_out_in(at, bar) {
                self.walk(at, bar, sink);
            }
            self.cached.walked = None;
        }
    }

    /// A bar of the base timeframe that our orders have met closes.
    #[inline]
    pub(super) fn close_met<S: Sink>(&mut self, at: InstrumentId, bar: &Bar, sink: &mut S) {
        let base = self.config.base_timeframe;
        self.close_base_bar(at, bar, sink);
        // Bars show no touch, so none fills here; those that cannot wait end.
        self.meet_combos(at, base.close_of(bar.open_time), sink);
        if !self.on_their_way.is_empty() && self.together.is_none() {
            // Inside the bar the order of things is not known: what it was to withdraw could be met all through it.
            self.carry_out_arrived(base.close_of(bar.open_time), sink);
        }
    }

    fn walk<S: Sink>(&mut self, at: InstrumentId, bar: &Bar, sink: &mut S) {
        let time = bar.open_time;
        self.reach(time);
        self.expire_orders(at, time, sink);
        let Some(open) = self.instrument(at).price_from_f64(bar.open) else {
            return;
        };
        let mut walk = self.begin_walk(at, bar);
        let at_open = Point {
            price: open,
            met: Met::BarOpen { open_time: time },
            time,
        };
        self.market_mut(at).last_price = Some(bar.open);
        if self.market(at).status() != TradingStatus::Trading {
            return;
        }
        if self.has_orders_for(at, TimeInForce::Opg) {
            self.meet_auction(&mut walk, TimeInForce::Opg, at_open, sink);
        }
        // Those that rest already are met before those that only now arrive.
        self.meet_gap(&mut walk, at_open, sink);
        self.watch_cover(at, bar.open, time, sink);
        self.arrive(&mut walk, at_open, sink);
        if self.market(at).orders.is_empty() && !self.gives_out_in(at, bar) {
            // Nobody is there for the rest of the bar to meet, and nothing more can come.
            return;
        }
        self.trail(at, None, walk.phase, bar.open, time, sink);
        for (number, leg) in self.path(at, bar).into_iter().enumerate() {
            self.walk_leg(&mut walk, leg, number, sink);
            self.trail(at, None, walk.phase, leg.to, walk.now, sink);
        }
        self.end_those_at_once(&walk, sink);
        if self.has_orders_for(at, TimeInForce::Cls)
            && let Some(price) = self.instrument(at).price_from_f64(bar.close)
        {
            let met = Met::BarClose { open_time: time };
            let time = walk.now;
            self.meet_auction(&mut walk, TimeInForce::Cls, Point { price, met, time }, sink);
        }
    }

    fn has_orders_for(&self, at: InstrumentId, auction: TimeInForce) -> bool {
        let is_for_it = |order: &Order| order.time_in_force == auction;
        self.market(at).orders.find(is_for_it).is_some()
    }

    fn begin_walk(&mut self, at: InstrumentId, bar: &Bar) -> Walk {
        let base = self.config.base_timeframe;
        // A bar of a day or longer is made of sessions, whatever the hour that it is dated by.
        let phase = if base.nanos() < Timeframe::DAY.nanos() {
            self.market_mut(at).phase(bar.open_time)
        } else {
            Phase::Regular
        };
        let instrument = self.instrument(at);
        Walk {
            at,
            open_time: bar.open_time,
            close_time: base.close_of(bar.open_time),
            now: bar.open_time,
            phase,
            reach: match self.models.fill.limit {
                LimitFill::Touch => Reach::Touch,
                LimitFill::Through => Reach::Through,
                LimitFill::ThroughByTicks(ticks) => {
                    Reach::Beyond(Price(instrument.tick() * Decimal::from(ticks)).to_f64())
                }
            },
            left: self.models.volume_limit(instrument, bar.volume, bar.open_time),
            volume: bar.volume,
            got: 0.0,
        }
    }

    fn path(&self, at: InstrumentId, bar: &Bar) -> [Leg; 3] {
        match (self.models.fill.path, self.account.holding(at).side()) {
            (PathRule::Adverse, Some(held)) => legs_in_order(bar, held == TradeSide::Long),
            (PathRule::Usual, _) | (_, None) => legs(bar),
        }
    }

    /// Walks one leg of the path: what it touches is met, what it gives birth to sees only the rest of it.
    fn walk_leg<S: Sink>(&mut self, walk: &mut Walk, leg: Leg, number: usize, sink: &mut S) {
        let mut from = leg.from;
        loop {
            let landing = self.next_landing(walk, leg, number);
            let given_out = self.cover_gives_out(walk, from, landing.map_or(leg.to, |(price, _)| price));
            let landing = given_out.map(|price| (price, walk.now)).or(landing);
            let to = landing.map_or(leg.to, |(price, _)| price);
            let rest = Leg { from, to };
            let orders = &self.market(walk.at).orders;
            let touch = orders.first_touch(rest, walk.reach, |order| {
                walk.lets(order) && !orders.is_arriving(order.id)
            });
            if let Some(touch) = touch {
                let Some(price) = touch
                    .price
                    .or_else(|| self.instrument(walk.at).price_from_f64(from))
                else {
                    return;
                };
                from = price.to_f64();
                self.market_mut(walk.at).last_price = Some(from);
                let point = walk.point(price);
                self.meet_touch(walk, touch.index, point, sink);
                self.arrive(walk, point, sink);
                continue;
            }
            let Some((price, time)) = landing else { return };
            let Some(price) = self.instrument(walk.at).price_from_f64(price) else {
                return;
            };
            from = price.to_f64();
            self.market_mut(walk.at).last_price = Some(from);
            walk.now = walk.now.max(time);
            self.expire_orders(walk.at, walk.now, sink);
            if given_out.is_some() {
                self.call_margin(walk.now, sink);
            }
            self.arrive(walk, walk.point(price), sink);
        }
    }

    /// Whether the cover of the position in the bar's instrument may give out inside the bar.
    fn gives_out_in(&self, at: InstrumentId, bar: &Bar) -> bool {
        let (lower, upper) = self.covered(at);
        bar.low < lower || bar.high > upper
    }

    /// The first price on the way at which the cover of the position in the walked instrument has given out. Where the venue tells a mark
    /// price, that decides, and a bar of trades does not show it.
    fn cover_gives_out(&self, walk: &Walk, from: f64, to: f64) -> Option<f64> {
        let (lower, upper) = self.covered(walk.at);
        if !(to < lower && from >= lower || to > upper && from <= upper) {
            return None;
        }
        let instrument = self.instrument(walk.at);
        let (bound, step) = if to < lower { (lower, -1) } else { (upper, 1) };
        let nearest = instrument.price_from_f64(bound)?;
        let is_beyond = |price: f64| if to < lower { price < lower } else { price > upper };
        // Where the way ends between two ticks, its tick may lie before the bound: then nothing has given out yet.
        let end = instrument.price_from_f64(to)?.to_f64();
        if !is_beyond(end) {
            return None;
        }
        // The first tick beyond it, or where the way ends.
        let beyond = (0..=2)
            .map(|ticks| Price(nearest.0 + instrument.tick() * Decimal::from(step * ticks)).to_f64())
            .find(|price| is_beyond(*price))?;
        Some(if to < lower {
            beyond.max(end)
        } else {
            beyond.min(end)
        })
    }

    /// Where on the leg, and when, the next order arrives that is on its way, or ends whose time is over, the three legs
    /// taking a third of the bar each.
    fn next_landing(&self, walk: &Walk, leg: Leg, number: usize) -> Option<(f64, Timestamp)> {
        let market = self.market(walk.at);
        if self.models.latency.is_zero() && !market.orders.expire_before(walk.close_time) {
            return None;
        }
        let span = walk.close_time.nanos() - walk.open_time.nanos();
        let begin = walk.open_time.nanos() + span / 3 * i64::try_from(number).unwrap_or(0);
        let landing = |order: &Order| match order.status {
            OrderStatus::Submitted => Some(order.arrives_at),
            OrderStatus::Waiting => None,
            // One that was over before the bar had its chance to be told so.
            _ => order.expires_at.filter(|end| *end > walk.open_time),
        };
        let orders = market.orders.iter();
        let next = orders
            .filter_map(landing)
            .map(Timestamp::nanos)
            // What arrives at the bar's very end meets the next one's open.
            .filter(|arrival| *arrival <= begin + span / 3 && *arrival < walk.close_time.nanos())
            .min()?;
        let share = ((next - begin).max(0)) as f64 / (span / 3) as f64;
        let price = leg.from + (leg.to - leg.from) * share.min(1.0);
        Some((price, Timestamp::from_nanos(next)))
    }

    /// The price is on an order: a limit fills at its price, a trigger is set off.
    fn meet_touch<S: Sink>(&mut self, walk: &mut Walk, index: usize, point: Point, sink: &mut S) {
        match self.market(walk.at).orders.at(index).awaits() {
            Awaits::Limit(price) => self.fill_as_maker(walk, index, price, point, sink),
            Awaits::Anything => self.fill_as_taker(walk, index, None, point, sink),
            Awaits::RiseTo(_) | Awaits::FallTo(_) => self.set_off(walk, index, point, sink),
        }
    }

    /// A trigger is touched: a market order takes what is there, a limit order as far as it goes.
    fn set_off<S: Sink>(&mut self, walk: &mut Walk, index: usize, point: Point, sink: &mut S) {
        let index = self.trigger(walk.at, index, point.price, point.time, sink);
        let order = self.market(walk.at).orders.at(index);
        let (id, side, is_let) = (order.id, order.side, walk.lets(order));
        match order.awaits() {
            _ if !is_let => {}
            Awaits::Anything => self.fill_as_taker(walk, index, None, point, sink),
            Awaits::Limit(price)
                if is_through(side, price, point.price)
                    && self.may_take(walk.at, index, point.price, point.time, sink) =>
            {
                self.fill_as_taker(walk, index, Some(price), point, sink);
            }
            _ => {}
        }
        if is_let {
            self.market_mut(walk.at).orders.set_arrived(id);
        }
        self.cancel_rest(walk.at, id, point.time, sink);
    }

    /// Resting orders that the bar's open has jumped over, in the order in which the price came by them: a stop fills at
    /// the open, a limit, which was resting there when the price came by, at its own price.
    fn meet_gap<S: Sink>(&mut self, walk: &mut Walk, open: Point, sink: &mut S) {
        while let Some(index) = self.first_jumped(walk, open.price) {
            self.meet_touch(walk, index, open, sink);
        }
    }

    /// The jumped order that lies farthest behind the open: the price came by it first. Of two at one price the trigger,
    /// then the older.
    fn first_jumped(&self, walk: &Walk, open: Price) -> Option<usize> {
        let orders = &self.market(walk.at).orders;
        let jumped = orders.iter().enumerate().filter(|(_, order)| {
            rests(order)
                && walk.lets(order)
                && !orders.is_arriving(order.id)
                && is_jumped(order.awaits(), order.side, open, walk.reach)
        });
        let first = jumped.min_by_key(|(_, order)| {
            let awaits = order.awaits();
            let behind = awaits
                .price()
                .map_or(Decimal::MAX, |level| (open.0 - level.0).abs());
            (
                std::cmp::Reverse(behind),
                matches!(awaits, Awaits::Limit(_)),
                order.id,
            )
        });
        first.map(|(index, _)| index)
    }

    /// Orders that were on their way arrive and see the price at this point; so do limits that have not met an open market
    /// yet, with the terms that they have now.
    fn arrive<S: Sink>(&mut self, walk: &mut Walk, point: Point, sink: &mut S) {
        let at = walk.at;
        while let Some(index) = self.next_to_arrive(walk, point.time) {
            let is_on_its_way = self.market(at).orders.at(index).status == OrderStatus::Submitted;
            if is_on_its_way && !self.accept(at, index, point.time, sink) {
                continue;
            }
            let order = self.market(at).orders.at(index);
            let (id, side) = (order.id, order.side);
            let has_its_chance = walk.lets(order) && !order.awaits().is_trigger();
            match order.awaits() {
                _ if !walk.lets(order) => {}
                Awaits::Anything => self.fill_as_taker(walk, index, None, point, sink),
                Awaits::Limit(price)
                    if is_through(side, price, point.price)
                        && self.may_take(at, index, point.price, point.time, sink) =>
                {
                    self.fill_as_taker(walk, index, Some(price), point, sink);
                }
                Awaits::RiseTo(price) if point.price >= price => self.set_off(walk, index, point, sink),
                Awaits::FallTo(price) if point.price <= price => self.set_off(walk, index, point, sink),
                _ => {}
            }
            if has_its_chance {
                self.market_mut(at).orders.set_arrived(id);
            }
            // Only what can trade now had its chance; the rest waits for the open.
            let has_met = |order: &Order| walk.is_open_to(order);
            let orders = &self.market(at).orders;
            if orders.position(id).is_some_and(|index| has_met(orders.at(index))) {
                self.cancel_rest(at, id, point.time, sink);
            }
        }
    }

    /// What another order's fill set free inside the bar, to be filled at once, and was not, ends with the bar.
    fn end_those_at_once<S: Sink>(&mut self, walk: &Walk, sink: &mut S) {
        let is_left = |order: &Order| {
            rests(order) && order.leaves_no_rest() && !is_leg(order) && walk.is_open_to(order)
        };
        self.cancel_where(walk.at, is_left, CancelReason::NotFilledAtOnce, walk.now, sink);
    }

    fn next_to_arrive(&self, walk: &Walk, now: Timestamp) -> Option<usize> {
        let orders = &self.market(walk.at).orders;
        orders.find(|order| match order.status {
            OrderStatus::Submitted => order.arrives_at <= now,
            _ => orders.is_arriving(order.id) && walk.lets(order),
        })
    }

    /// The opening or the closing auction: those that are for it fill at its price, and what is left of them ends.
    #[cold]
    fn meet_auction<S: Sink>(&mut self, walk: &mut Walk, which: TimeInForce, point: Point, sink: &mut S) {
        let at = walk.at;
        let calendar = Calendar::of(self.instrument(at).calendar());
        let (open_time, close_time) = (walk.open_time, walk.close_time);
        let is_due = move |order: &Order| {
            let auction = match which {
                TimeInForce::Opg => calendar.next_open(order.submitted_at),
                _ => calendar.next_close(order.submitted_at),
            };
            // The closing auction is at the end of the bar that reaches it.
            let is_reached = match which {
                TimeInForce::Opg => auction < close_time,
                _ => auction <= close_time,
            };
            let is_out = order.status != OrderStatus::Waiting;
            // An order is not met by a price from before it was there.
            // The closing price is that of the bar with the close in it, not of one after it.
            let is_there = match which {
                TimeInForce::Opg => order.arrives_at <= open_time,
                _ => open_time < auction,
            };
            is_out && is_there && order.time_in_force == which && order.arrives_at <= auction && is_reached
        };
        let mut seen = OrderId(0);
        while let Some(index) = self
            .market(at)
            .orders
            .find(|order| order.id > seen && is_due(order))
        {
            seen = self.market(at).orders.at(index).id;
            if self.market(at).orders.at(index).status == OrderStatus::Submitted
                && !self.accept(at, index, point.time, sink)
            {
                continue;
            }
            let order = self.market(at).orders.at(index);
            let accepts = match (order.awaits(), order.side) {
                (Awaits::Anything, _) => true,
                (Awaits::Limit(price), Side::Buy) => point.price <= price,
                (Awaits::Limit(price), Side::Sell) => point.price >= price,
                _ => false,
            };
            if accepts && walk.left.is_none_or(|left| left.0 > Decimal::ZERO) {
                let limit = order.awaits().price();
                self.fill_as_taker(walk, index, limit, point, sink);
            }
            if let Some(index) = self.market(at).orders.position(seen) {
                self.cancel(at, index, CancelReason::AuctionOver, point.time, sink);
            }
        }
    }

    fn fill_as_taker<S: Sink>(
        &mut self,
        walk: &mut Walk,
        index: usize,
        limit: Option<Price>,
        point: Point,
        sink: &mut S,
    ) {
        let market = self.market(walk.at);
        let order = market.orders.at(index);
        let (side, remaining) = (order.side, order.remaining());
        let slip = self.models.slip(&SlipInputs {
            instrument: market.instrument(),
            side,
            quantity: walk.left.map_or(remaining, |left| left.min(remaining)),
            price: point.price,
            half_spread: None,
            conditions: &market.conditions,
            tier: DataTier::Bars,
            time: point.time,
        });
        let price = match (limit, side) {
            (None, _) => slip.price,
            (Some(limit), Side::Buy) => slip.price.min(limit),
            (Some(limit), Side::Sell) => slip.price.max(limit),
        };
        // A limit cuts the price; what impact it leaves room for comes first.
        let impact = if slip.impact.is_zero() {
            Decimal::ZERO
        } else {
            slip.impact.min((price.0 - point.price.0).abs())
        };
        let terms = Terms {
            impact,
            ..terms(walk, point, price, Liquidity::Taker)
        };
        let filled = self.fill(walk.at, index, terms, point.time, sink);
        walk.take(filled);
        self.counters.taken.note(walk.got, walk.volume);
    }

    fn fill_as_maker<S: Sink>(
        &mut self,
        walk: &mut Walk,
        index: usize,
        price: Price,
        point: Point,
        sink: &mut S,
    ) {
        let terms = terms(walk, Point { price, ..point }, price, Liquidity::Maker);
        let filled = self.fill(walk.at, index, terms, point.time, sink);
        walk.take(filled);
        self.counters.taken.note(walk.got, walk.volume);
    }
}

impl Walk {
    const fn point(&self, price: Price) -> Point {
        Point {
            price,
            met: Met::BarPath {
                open_time: self.open_time,
                price,
            },
            time: self.now,
        }
    }
}

/// Whether a price is beyond a limit, so that an order that arrives takes.
fn is_through(side: Side, limit: Price, price: Price) -> bool {
    match side {
        Side::Buy => price < limit,
        Side::Sell => price > limit,
    }
}

/// Whether an open lies where a resting order is met: on or beyond a trigger, as far beyond a limit as `reach` demands.
fn is_jumped(awaits: Awaits, side: Side, open: Price, reach: Reach) -> bool {
    match (awaits, side) {
        (Awaits::Anything, _) => true,
        (Awaits::RiseTo(price), _) => open >= price,
        (Awaits::FallTo(price), _) => open <= price,
        (Awaits::Limit(price), Side::Buy) => reach.is_met(Price(price.0 - open.0).to_f64()),
        (Awaits::Limit(price), Side::Sell) => reach.is_met(Price(open.0 - price.0).to_f64()),
    }
}

fn terms(walk: &Walk, point: Point, price: Price, liquidity: Liquidity) -> Terms {
    Terms {
        reference: point.price,
        half_spread: Decimal::ZERO,
        impact: Decimal::ZERO,
        price,
        quantity: walk.left,
        liquidity,
        tier: DataTier::Bars,
        met: point.met,
        queue: None,
    }
}
