//! Our orders in one instrument at the exchange, and which of them the market meets next.

use super::path::Leg;
use crate::market::Bar;
use crate::model::{OrderId, Price, Side, Timestamp};
use crate::order::{Awaits, Order, OrderKind, OrderStatus};
use crate::risk::Approved;
use serde::{Deserialize, Serialize};

/// The orders that are not at their end: on their way to the exchange, or resting there.
///
/// There are a handful, so they are a list in the order they were placed; the band of prices between which none of
/// them can be met is kept beside it, so that a bar that stays inside costs two comparisons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkingOrders {
    // Orders are large and go from hand to hand.
    #[allow(clippy::vec_box, reason = "what is taken off the list is handed on as it is")]
    orders: Vec<Box<Order>>,
    /// Limit orders at the exchange that have not met an open market yet, or not with the terms that they have now.
    arriving: Vec<OrderId>,
    band: Band,
}

/// Where nothing can happen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Band {
    /// The highest buy limit: an ask at or below it may meet an order.
    buy_limit: f64,
    /// The lowest sell limit: a bid at or above it may meet an order.
    sell_limit: f64,
    /// The highest trigger that waits for a fall.
    fall_to: f64,
    /// The lowest trigger that waits for a rise.
    rise_to: f64,
    /// From this time on an order may expire.
    expiry: Timestamp,
    /// Whether anything moves with the market or must be looked at with the next data, whatever the price.
    restless: bool,
    /// How many rest at a limit.
    limits: usize,
}

impl Band {
    const EMPTY: Self = Self {
        buy_limit: f64::NEG_INFINITY,
        sell_limit: f64::INFINITY,
        fall_to: f64::NEG_INFINITY,
        rise_to: f64::INFINITY,
        expiry: Timestamp::from_nanos(i64::MAX),
        restless: false,
        limits: 0,
    };
}

/// The prices and the time between which no order can be met, expire or move on bars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sleep {
    /// Bars stay above this price.
    above: f64,
    /// Bars stay below this price.
    below: f64,
    /// Bars open before this time.
    before: Timestamp,
}

impl Sleep {
    /// Whether it lasts through a bar.
    #[inline]
    #[must_use]
    pub fn lasts(&self, low: f64, high: f64, open_time: Timestamp) -> bool {
        self.lasts_at(low, high) && open_time < self.before
    }

    /// Whether it lasts through a bar with these extremes, whenever that is.
    #[inline]
    #[must_use]
    pub fn lasts_at(&self, low: f64, high: f64) -> bool {
        low > self.above && high < self.below
    }

    /// Whether it lasts whatever the price.
    #[must_use]
    pub fn is_at_any_price(&self) -> bool {
        self.above == f64::NEG_INFINITY && self.below == f64::INFINITY
    }

    /// Bars that open before this time do not end it by their time.
    #[must_use]
    pub const fn ends(&self) -> Timestamp {
        self.before
    }
}

/// How far the price has to go for a resting limit order to fill on bars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reach {
    /// To its price.
    Touch,
    /// Through its price.
    Through,
    /// Beyond its price by at least this much, in quote currency.
    Beyond(f64),
}

impl Reach {
    /// Whether a price that lies `beyond` a limit, in the order's favour, is far enough.
    #[inline]
    #[must_use]
    pub fn is_met(self, beyond: f64) -> bool {
        match self {
            Self::Touch => beyond >= 0.0,
            Self::Through => beyond > 0.0,
            // With room for what floats round.
            Self::Beyond(distance) => beyond > 0.0 && beyond >= distance * (1.0 - 1e-9),
        }
    }
}

/// What the market meets on a leg.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Touch {
    /// The order's place in the list.
    pub index: usize,
    /// The price at which it is met; `None` when the order lies behind the leg's start already and is met there.
    pub price: Option<Price>,
}

impl Default for WorkingOrders {
    fn default() -> Self {
        Self {
            orders: Vec::new(),
            arriving: Vec::new(),
            band: Band::EMPTY,
        }
    }
}

impl WorkingOrders {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// The orders, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Order> + ExactSizeIterator {
        self.orders.iter().map(|order| &**order)
    }

    /// Whether no order can be met, expire or move inside this bar.
    #[inline]
    #[must_use]
    pub fn sleeps_through(&self, bar: &Bar) -> bool {
        self.sleep()
            .is_some_and(|sleep| sleep.lasts(bar.low, bar.high, bar.open_time))
    }

    /// Between which prices no order can be met, expire or move inside a bar; `None` when one has to be looked at with the
    /// next data, whatever the price.
    #[inline]
    #[must_use]
    pub fn sleep(&self) -> Option<Sleep> {
        let band = &self.band;
        (!band.restless).then(|| Sleep {
            above: band.buy_limit.max(band.fall_to),
            below: band.sell_limit.min(band.rise_to),
            before: band.expiry,
        })
    }

    /// Whether no order can be met, expire or move at this bid and ask.
    #[inline]
    #[must_use]
    pub fn sleeps_at(&self, bid: f64, ask: f64, time: Timestamp) -> bool {
        let band = &self.band;
        !band.restless
            && ask > band.buy_limit
            && bid < band.sell_limit
            && bid > band.fall_to
            && ask < band.rise_to
            && time < band.expiry
    }

    /// The same with `slack` of room, for a bid and ask that floats have rounded.
    #[inline]
    #[must_use]
    pub fn sleeps_within(&self, bid: f64, ask: f64, slack: f64, time: Timestamp) -> bool {
        let band = &self.band;
        !band.restless
            && ask - slack > band.buy_limit
            && bid + slack < band.sell_limit
            && bid - slack > band.fall_to
            && ask + slack < band.rise_to
            && time < band.expiry
    }

    /// How many rest at a limit.
    #[inline]
    #[must_use]
    pub const fn limits(&self) -> usize {
        self.band.limits
    }

    /// Whether a limit of ours is, within `slack`, as good as the best price of its own side or better.
    #[inline]
    #[must_use]
    pub fn is_at_touch(&self, bid: f64, ask: f64, slack: f64) -> bool {
        bid - slack < self.band.buy_limit || ask + slack > self.band.sell_limit
    }

    /// Takes in an order that waits for another one.
    pub fn attach(&mut self, order: Box<Order>) {
        debug_assert_eq!(order.status, OrderStatus::Waiting);
        self.orders.push(order);
    }

    /// Whether the time of any of them ends before `time`.
    #[must_use]
    pub fn expire_before(&self, time: Timestamp) -> bool {
        self.band.expiry < time
    }

    /// Sends an order that the risk check approved; one that waited goes out from its place.
    pub fn send(&mut self, order: Approved) {
        let order = order.into_inner();
        match self.position(order.id) {
            Some(index) => self.orders[index] = order,
            None => self.orders.push(order),
        }
        self.refresh();
    }

    /// The place of the order with this id.
    #[must_use]
    pub fn position(&self, id: OrderId) -> Option<usize> {
        self.orders.iter().position(|order| order.id == id)
    }

    /// The place of the first order that `wanted` picks.
    #[must_use]
    pub fn find(&self, wanted: impl Fn(&Order) -> bool) -> Option<usize> {
        self.orders.iter().position(|order| wanted(order))
    }

    /// Takes an order that was refused off the list, if it is on it.
    pub fn forget(&mut self, id: OrderId) {
        self.orders.retain(|order| order.id != id);
        self.arriving.retain(|arriving| *arriving != id);
        self.refresh();
    }

    /// An order at the exchange that waits at a limit has still to take what it can reach: it has just arrived there, was
    /// set off, or was given another price.
    pub fn set_arriving(&mut self, id: OrderId) {
        let Some(index) = self.position(id).filter(|_| !self.is_arriving(id)) else {
            return;
        };
        let order = &self.orders[index];
        if rests(order) && order.combo.is_none() && matches!(order.awaits(), Awaits::Limit(_)) {
            self.arriving.push(id);
            self.refresh();
        }
    }

    /// The order has met an open market: what is left of it rests.
    pub fn set_arrived(&mut self, id: OrderId) {
        if self.is_arriving(id) {
            self.arriving.retain(|arriving| *arriving != id);
            self.refresh();
        }
    }

    /// Whether the order is a limit that has still to meet an open market.
    #[inline]
    #[must_use]
    pub fn is_arriving(&self, id: OrderId) -> bool {
        self.arriving.contains(&id)
    }

    /// How many are at the exchange.
    #[must_use]
    pub fn resting(&self) -> u32 {
        let count = self.orders.iter().filter(|order| rests(order)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// The order at a place.
    ///
    /// # Panics
    /// When there is none at it.
    #[must_use]
    pub fn at(&self, index: usize) -> &Order {
        &self.orders[index]
    }

    /// Changes the order at a place, and takes it off the list if that ended it; gives what it is now.
    pub fn change<R>(&mut self, index: usize, change: impl FnOnce(&mut Order) -> R) -> R {
        let result = change(&mut self.orders[index]);
        if self.orders[index].status.is_final() {
            let ended = self.orders.remove(index).id;
            self.arriving.retain(|arriving| *arriving != ended);
        }
        self.refresh();
        result
    }

    /// The same; gives the order as it is now, which is the one from the list if that ended it.
    pub fn change_to(&mut self, index: usize, change: impl FnOnce(&mut Order)) -> Box<Order> {
        change(&mut self.orders[index]);
        let order = if self.orders[index].status.is_final() {
            let ended = self.orders.remove(index);
            self.arriving.retain(|arriving| *arriving != ended.id);
            ended
        } else {
            self.orders[index].clone()
        };
        self.refresh();
        order
    }

    /// The order among those that `eligible` lets trade that the price meets first on the way along `leg`, which it enters
    /// at `leg.from`.
    ///
    /// A trigger is met when touched, a limit as `reach` says. Of two at one price the one that costs us more, the
    /// trigger, is met first; then the older.
    #[must_use]
    pub fn first_touch(&self, leg: Leg, reach: Reach, eligible: impl Fn(&Order) -> bool) -> Option<Touch> {
        let mut first: Option<(Touch, f64, bool)> = None;
        for (index, order) in self.orders.iter().enumerate() {
            let awaits = order.awaits();
            let Some(price) = awaits.price().filter(|_| rests(order) && eligible(order)) else {
                continue;
            };
            let level = price.to_f64();
            if !meets(awaits, order.side, level, leg, reach) {
                continue;
            }
            let ahead = match (awaits, order.side) {
                (Awaits::RiseTo(_), _) | (Awaits::Limit(_), Side::Sell) => level - leg.from,
                _ => leg.from - level,
            };
            let is_trigger = awaits.is_trigger();
            let (distance, price) = if ahead < 0.0 {
                (0.0, None)
            } else {
                (ahead, Some(price))
            };
            let nearer = first.is_none_or(|(_, nearest, trigger)| {
                distance < nearest || (distance == nearest && is_trigger && !trigger)
            });
            if nearer {
                first = Some((Touch { index, price }, distance, is_trigger));
            }
        }
        first.map(|(touch, ..)| touch)
    }

    fn refresh(&mut self) {
        let mut band = Band {
            restless: !self.arriving.is_empty(),
            ..Band::EMPTY
        };
        for order in &self.orders {
            if order.status == OrderStatus::Waiting {
                continue;
            }
            match (order.awaits(), order.side) {
                (Awaits::Anything, _) => band.restless = true,
                (Awaits::RiseTo(price), _) => band.rise_to = band.rise_to.min(price.to_f64()),
                (Awaits::FallTo(price), _) => band.fall_to = band.fall_to.max(price.to_f64()),
                (Awaits::Limit(price), Side::Buy) => band.buy_limit = band.buy_limit.max(price.to_f64()),
                (Awaits::Limit(price), Side::Sell) => band.sell_limit = band.sell_limit.min(price.to_f64()),
            }
            band.limits += usize::from(rests(order) && matches!(order.awaits(), Awaits::Limit(_)));
            band.restless |= order.status == OrderStatus::Submitted
                || matches!(order.kind, OrderKind::TrailingStop { .. })
                || order.is_for_auction()
                || order.leaves_no_rest();
            if let Some(expires_at) = order.expires_at {
                band.expiry = band.expiry.min(expires_at);
            }
        }
        self.band = band;
    }
}

/// Whether the order is at the exchange: neither on its way nor waiting for another.
#[must_use]
pub const fn rests(order: &Order) -> bool {
    matches!(
        order.status,
        OrderStatus::Accepted | OrderStatus::Triggered | OrderStatus::PartiallyFilled
    )
}

/// Whether an order that waits at `level` is met on the leg: a trigger when the price is on or beyond it anywhere, a limit
/// when the price comes as far as `reach` demands.
fn meets(awaits: Awaits, side: Side, level: f64, leg: Leg, reach: Reach) -> bool {
    let (up, down) = (leg.to >= leg.from, leg.to <= leg.from);
    match (awaits, side) {
        (Awaits::RiseTo(_), _) => level <= leg.from.max(leg.to),
        (Awaits::FallTo(_), _) => level >= leg.from.min(leg.to),
        (_, Side::Buy) => down && reach.is_met(level - leg.to),
        (_, Side::Sell) => up && reach.is_met(leg.to - level),
    }
}
