//! Orders meet quotes and trades, on feeds of ticks.
//!
//! A taker gets the other side's price and no more than the quantity shown there; what our orders took of a quote stays
//! taken until the next one. A resting limit order fills when the other side quotes, or somebody trades, through its
//! price.

use super::orders::Terms;
use super::{Engine, EventKind, Sink};
use crate::exchange::{DataTier, Liquidity, Met, SlippageModel};
use crate::market::{Quote, TradeTick};
use crate::model::{OrderId, Price, Quantity, Side, Timestamp, float};
use crate::order::{CancelReason, Order, OrderKind, OrderStatus, TimeInForce};
use rust_decimal::Decimal;

/// A quote on exact ticks, with what is left of the quantities shown.
#[derive(Clone, Copy, Debug)]
struct Touchable {
    bid: Price,
    ask: Price,
    bid_left: Quantity,
    ask_left: Quantity,
    time: Timestamp,
    met: Met,
}

impl Touchable {
    fn opposite(&self, side: Side) -> (Price, Quantity) {
        match side {
            Side::Buy => (self.ask, self.ask_left),
            Side::Sell => (self.bid, self.bid_left),
        }
    }

    fn take(&mut self, side: Side, quantity: Decimal) {
        match side {
            Side::Buy => self.ask_left.0 -= quantity,
            Side::Sell => self.bid_left.0 -= quantity,
        }
    }
}

impl Engine {
    /// The best bid and ask changed.
    pub(super) fn meet_quote<S: Sink>(&mut self, quote: &Quote, sink: &mut S) {
        let Some(mut touchable) = self.touchable(quote) else {
            return;
        };
        self.market_time = Some(quote.time);
        self.quote = Some(*quote);
        self.last_price = Some(quote.mid());
        if !self.orders.is_empty() {
            self.expire_orders(quote.time, sink);
            self.arrive_at_quote(&mut touchable, sink);
            self.meet_resting(&mut touchable, sink);
            self.last_price = Some(quote.mid());
        }
        let (equity, _) = self.equity_at(quote.mid());
        self.emit_market(quote.time, sink, || EventKind::Quote {
            quote: *quote,
            equity,
        });
    }

    /// A quote that is none (crossed, empty, not a number) meets no order and shows nowhere.
    fn touchable(&self, quote: &Quote) -> Option<Touchable> {
        let instrument = &self.config.instrument;
        let (bid, ask) = (
            instrument.price_from_f64(quote.bid)?,
            instrument.price_from_f64(quote.ask)?,
        );
        let shown = |size: f64| {
            let digits = instrument.lot().scale();
            float::to_decimal(size, digits).map_or(Quantity::ZERO, |size| instrument.floor_to_lot(size))
        };
        (bid <= ask).then(|| Touchable {
            bid,
            ask,
            bid_left: shown(quote.bid_size),
            ask_left: shown(quote.ask_size),
            time: quote.time,
            met: Met::Quote {
                time: quote.time,
                bid: quote.bid,
                ask: quote.ask,
            },
        })
    }

    fn arrive_at_quote<S: Sink>(&mut self, quote: &mut Touchable, sink: &mut S) {
        while let Some(index) = self.orders.find(|order| order.status == OrderStatus::Submitted) {
            if !self.accept(index, quote.time, sink) {
                continue;
            }
            let order = self.orders.at(index);
            let (id, time_in_force) = (order.id, order.time_in_force);
            let (price, left) = quote.opposite(order.side);
            let whole = left >= order.remaining();
            if let OrderKind::Limit { price: limit } = order.kind
                && reaches(order.side, limit, price)
                && (whole || time_in_force != TimeInForce::Fok)
            {
                self.take_from(index, Some(limit), quote, sink);
            }
            if matches!(time_in_force, TimeInForce::Ioc | TimeInForce::Fok)
                && let Some(index) = self.orders.position(id)
            {
                self.cancel(index, CancelReason::NotFilledAtOnce, quote.time, sink);
            }
        }
    }

    /// Looks at each resting order once, oldest first; orders born meanwhile come in at the end.
    fn meet_resting<S: Sink>(&mut self, quote: &mut Touchable, sink: &mut S) {
        let mut seen = OrderId(0);
        while let Some(index) = self.orders.find(|order| order.id > seen) {
            seen = self.orders.at(index).id;
            if self.orders.at(index).status == OrderStatus::Submitted && !self.accept(index, quote.time, sink)
            {
                continue;
            }
            self.trail_to_quote(index, quote, sink);
            let order = self.orders.at(index);
            let (price, left) = quote.opposite(order.side);
            match order.kind {
                OrderKind::Limit { price: limit } if goes_through(order.side, limit, price) => {
                    self.give_at(index, limit, left, DataTier::Quotes, quote.met, quote.time, sink);
                }
                OrderKind::Market => self.take_from(index, None, quote, sink),
                OrderKind::Stop { stop_price } | OrderKind::TrailingStop { stop_price, .. } => {
                    let set_off = order.status != OrderStatus::Accepted;
                    if !set_off && !is_touched(order.side, stop_price, price) {
                        continue;
                    }
                    if !set_off {
                        self.trigger(index, stop_price, quote.time, sink);
                    }
                    self.take_from(index, None, quote, sink);
                }
                OrderKind::Limit { .. } => {}
            }
        }
    }

    /// Fills a taker from what the other side shows.
    fn take_from<S: Sink>(
        &mut self,
        index: usize,
        limit: Option<Price>,
        quote: &mut Touchable,
        sink: &mut S,
    ) {
        let order = self.orders.at(index);
        let (side, id, before) = (order.side, order.id, order.filled.0);
        let (touch, left) = quote.opposite(side);
        if left.0 <= Decimal::ZERO {
            return;
        }
        let slipped = self.models.slippage.slip(&self.config.instrument, side, touch);
        let price = match (limit, side) {
            (None, _) => slipped,
            (Some(limit), Side::Buy) => slipped.min(limit),
            (Some(limit), Side::Sell) => slipped.max(limit),
        };
        let mid = (quote.bid.0 + quote.ask.0) / Decimal::TWO;
        let terms = Terms {
            reference: Price(mid),
            half_spread: (quote.ask.0 - quote.bid.0) / Decimal::TWO,
            price,
            quantity: Some(left),
            liquidity: Liquidity::Taker,
            tier: DataTier::Quotes,
            met: quote.met,
        };
        let fills_before = self.counters.fills;
        let remaining = order.remaining().0;
        self.fill(index, terms, quote.time, sink);
        if self.counters.fills > fills_before {
            let taken = self
                .orders
                .position(id)
                .map_or(remaining, |index| self.orders.at(index).filled.0 - before);
            quote.take(side, taken.min(left.0));
        }
    }

    /// Fills a resting limit order at its own price.
    #[allow(clippy::too_many_arguments)]
    fn give_at<S: Sink>(
        &mut self,
        index: usize,
        price: Price,
        most: Quantity,
        tier: DataTier,
        met: Met,
        time: Timestamp,
        sink: &mut S,
    ) {
        if most.0 <= Decimal::ZERO {
            return;
        }
        let terms = Terms {
            reference: price,
            half_spread: Decimal::ZERO,
            price,
            quantity: Some(most),
            liquidity: Liquidity::Maker,
            tier,
            met,
        };
        self.fill(index, terms, time, sink);
    }

    fn trail_to_quote<S: Sink>(&mut self, index: usize, quote: &Touchable, sink: &mut S) {
        let order = self.orders.at(index);
        if !matches!(order.kind, OrderKind::TrailingStop { .. }) || order.status != OrderStatus::Accepted {
            return;
        }
        // A stop that sells is set off by the bid, so the bid is what it follows.
        let (follows, _) = quote.opposite(order.side);
        self.trail(follows.to_f64(), quote.time, sink);
    }

    /// Somebody traded: resting limits that the trade went through fill, and the bar in the making grows.
    pub(super) fn meet_trade<S: Sink>(&mut self, trade: &TradeTick, sink: &mut S) {
        self.market_time = Some(trade.time);
        if let Some(bar) = self.base_bars.push_trade(trade.time, trade.price, trade.size) {
            self.close_base_bar(&bar, sink);
        }
        self.last_price = Some(trade.price);
        if self.orders.is_empty() {
            return;
        }
        let instrument = &self.config.instrument;
        let Some(price) = instrument.price_from_f64(trade.price) else {
            return;
        };
        let size = float::to_decimal(trade.size, instrument.lot().scale()).unwrap_or(Decimal::ZERO);
        let mut left = instrument.floor_to_lot(size);
        let met = Met::Trade {
            time: trade.time,
            price: trade.price,
        };
        let through = |order: &Order| {
            order.status != OrderStatus::Submitted
                && matches!(order.kind, OrderKind::Limit { price: limit } if goes_through(order.side, limit, price))
        };
        let mut seen = OrderId(0);
        while let Some(index) = self.orders.find(|order| order.id > seen && through(order)) {
            let order = self.orders.at(index);
            seen = order.id;
            let (limit, most) = (order.kind.price().unwrap_or(price), left.min(order.remaining()));
            self.give_at(index, limit, most, DataTier::Quotes, met, trade.time, sink);
            left.0 -= most.0;
        }
        self.last_price = Some(trade.price);
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

/// Whether the price that a stop watches has come to it.
fn is_touched(side: Side, stop: Price, price: Price) -> bool {
    match side {
        Side::Buy => price >= stop,
        Side::Sell => price <= stop,
    }
}
