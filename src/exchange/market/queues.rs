//! Our resting orders in the queues at their prices.

use super::Market;
use crate::exchange::{DataTier, QueueModel, QueuePosition, QueueStory, rests};
use crate::model::{OrderId, Price, Side};
use crate::order::Awaits;
use serde::{Deserialize, Serialize};

/// An order that rests in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct QueueEntry {
    pub(super) order: OrderId,
    pub(super) side: Side,
    /// Its price, in ticks.
    pub(super) price: i64,
    pub(super) place: QueuePosition,
}

impl Market {
    /// Puts an order that rests at `price` into the queue there, if it is known how long that is: the level is shown, or
    /// it lies between the best prices, where nobody is.
    pub fn join_queue(&mut self, order: OrderId, side: Side, price: Price, model: &QueueModel) {
        self.leave_queue(order);
        let (Ok(price), Some(best)) = (self.grid.ticks_of(price), self.best(side)) else {
            return;
        };
        let is_behind = match side {
            Side::Buy => price < best,
            Side::Sell => price > best,
        };
        if is_behind && self.tier != Some(DataTier::Depth) {
            return;
        }
        let shown = self.book.size_at(side, price);
        self.queues.push(QueueEntry {
            order,
            side,
            price,
            place: QueuePosition::join(model, shown),
        });
    }

    /// Orders that rest at a price whose queue was not known join it as soon as it is: the best price has come to them, or
    /// the book is known at last.
    #[cold]
    pub(super) fn join_waiting(&mut self, model: &QueueModel) {
        let count = self.orders.iter().len();
        for index in 0..count {
            let order = self.orders.at(index);
            if let (Awaits::Limit(price), true) = (order.awaits(), rests(order))
                && !self.is_queued(order.id)
            {
                let (id, side) = (order.id, order.side);
                self.join_queue(id, side, price, model);
            }
        }
    }

    /// Takes an order out of its queue.
    pub fn leave_queue(&mut self, order: OrderId) {
        self.queues.retain(|entry| entry.order != order);
    }

    /// Lots of the market ahead of an order; `None` when it stands in no queue.
    #[must_use]
    pub fn ahead_of(&self, order: OrderId) -> Option<i64> {
        let entry = self.queues.iter().find(|entry| entry.order == order)?;
        Some(entry.place.ahead())
    }

    /// Whether an order stands in a queue.
    #[must_use]
    pub fn is_queued(&self, order: OrderId) -> bool {
        self.queues.iter().any(|entry| entry.order == order)
    }

    /// Lots of a trade at the order's price that reach the order, after those ahead of it; `None` when it stands in no
    /// queue.
    pub fn trade_reaches(&mut self, order: OrderId, lots: i64) -> Option<i64> {
        let tier = self.tier;
        let entry = self.queues.iter_mut().find(|entry| entry.order == order)?;
        Some(match tier {
            // The quote that a trade changed is often told before it.
            Some(DataTier::Quotes) => entry.place.on_trade_told_late(lots),
            _ => entry.place.on_trade(lots),
        })
    }

    /// Where an order stands in its queue.
    #[must_use]
    pub fn queue_of(&self, order: OrderId) -> Option<QueueStory> {
        let entry = self.queues.iter().find(|entry| entry.order == order)?;
        Some(QueueStory {
            ahead_at_entry: self.grid.quantity(entry.place.at_entry()),
            ahead_at_fill: self.grid.quantity(entry.place.ahead()),
        })
    }
}
