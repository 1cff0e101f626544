//! Orders meet bars: the walk along the path inside a bar.

use super::orders::Terms;
use super::{Engine, Sink};
use crate::exchange::{DataTier, Leg, Liquidity, Met, SlipInputs, legs};
use crate::market::Bar;
use crate::model::{Price, Quantity, Side, Timestamp};
use crate::order::{OrderKind, OrderStatus};
use rust_decimal::{Decimal, RoundingStrategy};

/// A point on the path at which orders can be met.
#[derive(Clone, Copy, Debug)]
struct Point {
    price: Price,
    met: Met,
    time: Timestamp,
}

impl Engine {
    /// A bar of the base timeframe: our orders meet it, then it closes.
    #[inline]
    pub(super) fn meet_bar<S: Sink>(&mut self, bar: &Bar, sink: &mut S) {
        // After a gap, the strategy's bar that ended before this one is told so first; what it orders meets this bar.
        if let Some(earlier) = self.strategy_bars.advance(bar.open_time) {
            self.close_strategy_bar(&earlier, sink);
        }
        self.conditions.on_bar(bar, self.config.base_timeframe);
        if !self.orders.sleeps_through(bar) {
            self.walk(bar, sink);
        }
        self.close_base_bar(bar, sink);
    }

    fn walk<S: Sink>(&mut self, bar: &Bar, sink: &mut S) {
        let time = bar.open_time;
        self.market_time = Some(time);
        self.expire_orders(time, sink);
        let Some(open) = self.config.instrument.price_from_f64(bar.open) else {
            return;
        };
        let at_open = Point {
            price: open,
            met: Met::BarOpen { open_time: time },
            time,
        };
        self.last_price = Some(bar.open);
        // Those that rest already are met before those that only now arrive.
        self.meet_gap(at_open, sink);
        self.arrive(at_open, sink);
        self.trail(bar.open, time, sink);
        for leg in legs(bar) {
            let mut at = leg.from;
            while let Some(touch) = self.orders.first_touch(Leg { from: at, to: leg.to }) {
                let Some(price) = touch.price.or_else(|| self.config.instrument.price_from_f64(at)) else {
                    return;
                };
                at = price.to_f64();
                self.last_price = Some(at);
                let point = Point {
                    price,
                    met: Met::BarPath {
                        open_time: time,
                        price,
                    },
                    time,
                };
                self.meet_touch(touch.index, point, sink);
                // What the fill gave birth to sees only the rest of the path.
                self.arrive(point, sink);
            }
            self.trail(leg.to, time, sink);
        }
    }

    /// The price is on an order: a limit fills at its price, a stop is set off.
    fn meet_touch<S: Sink>(&mut self, index: usize, point: Point, sink: &mut S) {
        let order = self.orders.at(index);
        match order.kind {
            OrderKind::Limit { price } => self.fill_as_maker(index, price, point, sink),
            _ if order.takes_any_price() => self.fill_as_taker(index, None, point, sink),
            _ => {
                let index = self.trigger(index, point.price, point.time, sink);
                self.fill_as_taker(index, None, point, sink);
            }
        }
    }

    /// Resting orders that the bar's open has jumped over, in the order in which the price came by them: a stop fills at
    /// the open, a limit, which was resting there when the price came by, at its own price.
    fn meet_gap<S: Sink>(&mut self, open: Point, sink: &mut S) {
        while let Some(index) = self.first_jumped(open.price) {
            self.meet_touch(index, open, sink);
        }
    }

    /// The jumped order that lies farthest behind the open: the price came by it first. Of two at one price the stop,
    /// then the older.
    fn first_jumped(&self, open: Price) -> Option<usize> {
        let jumped = self.orders.as_slice().iter().enumerate().filter(|(_, order)| {
            order.status != OrderStatus::Submitted
                && (order.takes_any_price() || is_beyond(order.kind, order.side, open))
        });
        let first = jumped.min_by_key(|(_, order)| {
            let behind = order.kind.price().filter(|_| !order.takes_any_price());
            let behind = behind.map_or(Decimal::MAX, |level| (open.0 - level.0).abs());
            (
                std::cmp::Reverse(behind),
                matches!(order.kind, OrderKind::Limit { .. }),
                order.id,
            )
        });
        first.map(|(index, _)| index)
    }

    /// Orders that were on their way arrive and see the price at this point.
    fn arrive<S: Sink>(&mut self, point: Point, sink: &mut S) {
        while let Some(index) = self.orders.find(|order| order.status == OrderStatus::Submitted) {
            if !self.accept(index, point.time, sink) {
                continue;
            }
            let order = self.orders.at(index);
            let (id, kind, side) = (order.id, order.kind, order.side);
            match kind {
                OrderKind::Market => self.fill_as_taker(index, None, point, sink),
                OrderKind::Limit { price } if is_beyond(kind, side, point.price) => {
                    self.fill_as_taker(index, Some(price), point, sink);
                }
                OrderKind::Stop { .. } | OrderKind::TrailingStop { .. }
                    if is_beyond(kind, side, point.price) =>
                {
                    let index = self.trigger(index, point.price, point.time, sink);
                    self.fill_as_taker(index, None, point, sink);
                }
                _ => {}
            }
            self.cancel_rest(id, point.time, sink);
        }
    }

    fn fill_as_taker<S: Sink>(&mut self, index: usize, limit: Option<Price>, point: Point, sink: &mut S) {
        let order = self.orders.at(index);
        let side = order.side;
        let slip = self.models.slip(&SlipInputs {
            instrument: &self.config.instrument,
            side,
            quantity: order.remaining(),
            price: point.price,
            half_spread: None,
            conditions: &self.conditions,
            tier: DataTier::Bars,
            time: point.time,
        });
        let slipped = slip.price;
        let price = match (limit, side) {
            (None, _) => slipped,
            (Some(limit), Side::Buy) => slipped.min(limit),
            (Some(limit), Side::Sell) => slipped.max(limit),
        };
        self.fill(index, terms(point, price, Liquidity::Taker), point.time, sink);
    }

    fn fill_as_maker<S: Sink>(&mut self, index: usize, price: Price, point: Point, sink: &mut S) {
        self.fill(
            index,
            terms(Point { price, ..point }, price, Liquidity::Maker),
            point.time,
            sink,
        );
    }

    /// Trailing stops follow a price that moved in their favour.
    pub(super) fn trail<S: Sink>(&mut self, extreme: f64, time: Timestamp, sink: &mut S) {
        let Some(extreme) = self.config.instrument.price_from_f64(extreme) else {
            return;
        };
        let mut next = 0;
        while let Some((index, price, quantity)) = self.next_trail(next, extreme) {
            self.amend(index, price, quantity, time, sink);
            next = index + 1;
        }
    }

    /// The first trailing stop from `start` on that has to move, and to where.
    fn next_trail(&self, start: usize, extreme: Price) -> Option<(usize, Price, Quantity)> {
        let orders = self.orders.as_slice().iter().enumerate().skip(start);
        orders
            .filter(|(_, order)| order.status == OrderStatus::Accepted)
            .find_map(|(index, order)| {
                let OrderKind::TrailingStop { stop_price, trail } = order.kind else {
                    return None;
                };
                let instrument = &self.config.instrument;
                let distance = trail.behind(extreme).max(instrument.tick());
                let (price, better) = match order.side {
                    Side::Sell => {
                        let price = instrument
                            .round_to_tick(Price(extreme.0 - distance), RoundingStrategy::ToNegativeInfinity);
                        (price, price > stop_price)
                    }
                    Side::Buy => {
                        let price = instrument
                            .round_to_tick(Price(extreme.0 + distance), RoundingStrategy::ToPositiveInfinity);
                        (price, price < stop_price)
                    }
                };
                better.then_some((index, price, order.quantity))
            })
    }
}

/// Whether a price is already where the order would be met: beyond a limit, on or beyond a stop.
fn is_beyond(kind: OrderKind, side: Side, price: Price) -> bool {
    match (kind, side) {
        (OrderKind::Market, _) => true,
        (OrderKind::Limit { price: limit }, Side::Buy) => price < limit,
        (OrderKind::Limit { price: limit }, Side::Sell) => price > limit,
        (OrderKind::Stop { stop_price } | OrderKind::TrailingStop { stop_price, .. }, Side::Buy) => {
            price >= stop_price
        }
        (OrderKind::Stop { stop_price } | OrderKind::TrailingStop { stop_price, .. }, Side::Sell) => {
            price <= stop_price
        }
    }
}

fn terms(point: Point, price: Price, liquidity: Liquidity) -> Terms {
    Terms {
        reference: point.price,
        half_spread: Decimal::ZERO,
        price,
        quantity: None,
        liquidity,
        tier: DataTier::Bars,
        met: point.met,
    }
}
