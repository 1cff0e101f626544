//! Orders meet quotes and trades, on feeds of ticks.
//!
//! A taker gets the other side's price and no more than the quantity shown there; what our orders took of a quote stays
//! taken until the next one. A resting limit order fills when the other side quotes, or somebody trades, through its
//! price.

use super::orders::Terms;
use super::{Engine, EventKind, Sink};
use crate::exchange::{DataTier, Liquidity, Met, SlipInputs};
use crate::market::{Quote, TradeTick};
use crate::model::{OrderId, Price, Quantity, Side, Timestamp};
use crate::order::{Order, OrderKind, OrderStatus};
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

    fn take(&mut self, side: Side, quantity: Quantity) {
        match side {
            Side::Buy => self.ask_left.0 -= quantity.0,
            Side::Sell => self.bid_left.0 -= quantity.0,
        }
    }
}

impl Engine {
    /// The best bid and ask changed.
    pub(super) fn meet_quote<S: Sink>(&mut self, quote: &Quote, sink: &mut S) {
        let Some(mut touchable) = self.touchable(quote) else {
            return;
        };
        // What the rules order at the close of a bar that is over meets this quote.
        self.close_bars_before(quote.time, sink);
        self.market_time = Some(quote.time);
        self.quote = Some(*quote);
        self.last_price = Some(quote.mid());
        if !self.orders.is_empty() {
            self.expire_orders(quote.time, sink);
            self.meet_orders(&mut touchable, sink);
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
        (bid <= ask).then(|| Touchable {
            bid,
            ask,
            bid_left: instrument.lots_within(quote.bid_size),
            ask_left: instrument.lots_within(quote.ask_size),
            time: quote.time,
            met: Met::Quote {
                time: quote.time,
                bid: quote.bid,
                ask: quote.ask,
            },
        })
    }

    /// Looks at each order once, oldest first: those that rest, those that arrive, and those born meanwhile.
    fn meet_orders<S: Sink>(&mut self, quote: &mut Touchable, sink: &mut S) {
        let mut seen = OrderId(0);
        while let Some(index) = self.orders.find(|order| order.id > seen) {
            seen = self.orders.at(index).id;
            if self.orders.at(index).status == OrderStatus::Submitted {
                if self.accept(index, quote.time, sink) {
                    self.meet_arriving(index, quote, sink);
                    self.cancel_rest(seen, quote.time, sink);
                }
            } else {
                self.trail_to_quote(index, quote, sink);
                self.meet_resting(index, quote, sink);
                self.cancel_rest(seen, quote.time, sink);
            }
        }
    }

    /// An order that has only now arrived takes what it can reach.
    fn meet_arriving<S: Sink>(&mut self, index: usize, quote: &mut Touchable, sink: &mut S) {
        let order = self.orders.at(index);
        match order.kind {
            OrderKind::Limit { price: limit } => {
                if reaches(order.side, limit, quote.opposite(order.side).0) {
                    self.take_from(index, Some(limit), quote, sink);
                }
            }
            _ => self.meet_resting(index, quote, sink),
        }
    }

    fn meet_resting<S: Sink>(&mut self, index: usize, quote: &mut Touchable, sink: &mut S) {
        let order = self.orders.at(index);
        let side = order.side;
        let (price, left) = quote.opposite(side);
        match order.kind {
            _ if order.takes_any_price() => self.take_from(index, None, quote, sink),
            OrderKind::Limit { price: limit } if goes_through(side, limit, price) => {
                let given = self.give_at(index, limit, left, quote.met, quote.time, sink);
                quote.take(side, given);
            }
            OrderKind::Stop { stop_price } | OrderKind::TrailingStop { stop_price, .. }
                if is_touched(side, stop_price, price) =>
            {
                let index = self.trigger(index, price, quote.time, sink);
                self.take_from(index, None, quote, sink);
            }
            _ => {}
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
        let side = order.side;
        let (touch, left) = quote.opposite(side);
        if left.0 <= Decimal::ZERO {
            return;
        }
        let half_spread = (quote.ask.0 - quote.bid.0) / Decimal::TWO;
        let slip = self.models.slip(&SlipInputs {
            instrument: &self.config.instrument,
            side,
            quantity: order.remaining().min(left),
            price: touch,
            half_spread: Some(half_spread),
            conditions: &self.conditions,
            tier: DataTier::Quotes,
            time: quote.time,
        });
        let slipped = slip.price;
        let price = match (limit, side) {
            (None, _) => slipped,
            (Some(limit), Side::Buy) => slipped.min(limit),
            (Some(limit), Side::Sell) => slipped.max(limit),
        };
        let mid = (quote.bid.0 + quote.ask.0) / Decimal::TWO;
        let terms = Terms {
            reference: Price(mid),
            half_spread,
            price,
            quantity: Some(left),
            liquidity: Liquidity::Taker,
            tier: DataTier::Quotes,
            met: quote.met,
        };
        let taken = self.fill(index, terms, quote.time, sink);
        quote.take(side, taken);
    }

    /// Fills a resting limit order at its own price; says how much.
    fn give_at<S: Sink>(
        &mut self,
        index: usize,
        price: Price,
        most: Quantity,
        met: Met,
        time: Timestamp,
        sink: &mut S,
    ) -> Quantity {
        if most.0 <= Decimal::ZERO {
            return Quantity::ZERO;
        }
        let terms = Terms {
            reference: price,
            half_spread: Decimal::ZERO,
            price,
            quantity: Some(most),
            liquidity: Liquidity::Maker,
            tier: DataTier::Quotes,
            met,
        };
        self.fill(index, terms, time, sink)
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

    /// Somebody traded: resting limits that the trade went through fill, and the bar in the making grows. A trade at
    /// no price (zero, not a number) is none.
    pub(super) fn meet_trade<S: Sink>(&mut self, trade: &TradeTick, sink: &mut S) {
        let Some(price) = self.config.instrument.price_from_f64(trade.price) else {
            return;
        };
        let volume = if trade.size.is_finite() {
            trade.size.max(0.0)
        } else {
            0.0
        };
        self.close_bars_before(trade.time, sink);
        // The bar before this trade's is closed already.
        self.base_bars.push_trade(trade.time, trade.price, volume);
        self.market_time = Some(trade.time);
        self.last_price = Some(trade.price);
        if self.orders.is_empty() {
            return;
        }
        self.expire_orders(trade.time, sink);
        let mut left = self.config.instrument.lots_within(trade.size);
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
            let limit = order.kind.price().unwrap_or(price);
            let given = self.give_at(index, limit, left, met, trade.time, sink);
            left.0 -= given.0;
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
