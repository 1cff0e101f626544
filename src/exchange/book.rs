//! Our orders at the exchange, and which of them the market meets next.

use super::path::Leg;
use crate::market::Bar;
use crate::model::{OrderId, Price, Side, Timestamp};
use crate::order::{Order, OrderKind, OrderStatus};
use crate::risk::Approved;
use serde::{Deserialize, Serialize};

/// The orders that are not at their end: on their way to the exchange, or resting there.
///
/// There are a handful, so they are a list in the order they were placed; the band of prices between which none of
/// them can be met is kept beside it, so that a bar that stays inside costs two comparisons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkingOrders {
    orders: Vec<Order>,
    band: Band,
}

/// Where nothing can happen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Band {
    /// A price at or below this may meet an order.
    lower: f64,
    /// A price at or above this may meet an order.
    upper: f64,
    /// From this time on an order may expire.
    expiry: Timestamp,
    /// Whether anything moves with the market or must be looked at with the next data, whatever the price.
    restless: bool,
}

impl Band {
    const EMPTY: Self = Self {
        lower: f64::NEG_INFINITY,
        upper: f64::INFINITY,
        expiry: Timestamp::from_nanos(i64::MAX),
        restless: false,
    };
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
    #[must_use]
    pub fn as_slice(&self) -> &[Order] {
        &self.orders
    }

    /// Whether no order can be met, expire or move inside this bar.
    #[inline]
    #[must_use]
    pub fn sleeps_through(&self, bar: &Bar) -> bool {
        !self.band.restless
            && bar.low > self.band.lower
            && bar.high < self.band.upper
            && bar.open_time < self.band.expiry
    }

    /// Sends an order that the risk check approved.
    pub fn send(&mut self, order: Approved) {
        self.orders.push(order.into_inner());
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
        self.orders.iter().position(wanted)
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
            self.orders.remove(index);
        }
        self.refresh();
        result
    }

    /// The order that the price meets first on the way along `leg`, which it enters at `leg.from`.
    ///
    /// A stop is met when touched, a limit when the price goes through it. Of two at one price the one that costs us
    /// more, the stop, is met first; then the older.
    #[must_use]
    pub fn first_touch(&self, leg: Leg) -> Option<Touch> {
        let mut first: Option<(Touch, f64, bool)> = None;
        for (index, order) in self.orders.iter().enumerate() {
            let Some(price) = order
                .kind
                .price()
                .filter(|_| order.status != OrderStatus::Submitted)
            else {
                continue;
            };
            let is_stop = !matches!(order.kind, OrderKind::Limit { .. });
            let level = price.to_f64();
            if !meets(is_stop, order.side, level, leg) {
                continue;
            }
            let ahead = match (is_stop, order.side) {
                (true, Side::Buy) | (false, Side::Sell) => level - leg.from,
                (true, Side::Sell) | (false, Side::Buy) => leg.from - level,
            };
            let (distance, price) = if ahead < 0.0 && is_stop {
                (0.0, None)
            } else {
                (ahead.max(0.0), Some(price))
            };
            let nearer = first.is_none_or(|(_, nearest, stop)| {
                distance < nearest || (distance == nearest && is_stop && !stop)
            });
            if nearer {
                first = Some((Touch { index, price }, distance, is_stop));
            }
        }
        first.map(|(touch, ..)| touch)
    }

    fn refresh(&mut self) {
        let mut band = Band::EMPTY;
        for order in &self.orders {
            let Some(price) = order.kind.price().map(Price::to_f64) else {
                band.restless = true;
                continue;
            };
            match (order.kind, order.side) {
                (OrderKind::Limit { .. }, Side::Buy) | (OrderKind::Stop { .. }, Side::Sell) => {
                    band.lower = band.lower.max(price);
                }
                (OrderKind::Limit { .. }, Side::Sell) | (OrderKind::Stop { .. }, Side::Buy) => {
                    band.upper = band.upper.min(price);
                }
                (OrderKind::Market | OrderKind::TrailingStop { .. }, _) => band.restless = true,
            }
            band.restless |= order.status == OrderStatus::Submitted || order.takes_any_price();
            if let Some(expires_at) = order.expires_at() {
                band.expiry = band.expiry.min(expires_at);
            }
        }
        self.band = band;
    }
}

/// Whether an order at `level` is met on the leg: a stop when the price is on or beyond it anywhere, a limit when the
/// price goes through.
fn meets(is_stop: bool, side: Side, level: f64, leg: Leg) -> bool {
    let (up, down) = (leg.to >= leg.from, leg.to <= leg.from);
    match (is_stop, side) {
        (true, Side::Buy) => level <= leg.from.max(leg.to),
        (true, Side::Sell) => level >= leg.from.min(leg.to),
        (false, Side::Buy) => down && level > leg.to,
        (false, Side::Sell) => up && level < leg.to,
    }
}
