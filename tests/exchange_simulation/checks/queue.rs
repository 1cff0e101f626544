//! Where resting orders stand in their queues, for the two models that bound the others: *risk averse*, by which nobody ahead ever
//! cancels while somebody behind could have, and *front*, by which nobody is ahead.
//!
//! What is ahead here is never more than what the engine may count: on joining, the smaller of what was shown before the input
//! and after it; afterwards it falls with every trade at the price, and is never more than what is shown. So what a trade lets
//! past is the most that the order may have of it.

use super::book::MarketModel;
use super::{Verdict, ensure};
use papertape::engine::Engine;
use papertape::exchange::{DataTier, Fill, Liquidity, Met, QueueModel, TradingStatus, rests};
use papertape::market::{DepthKind, DepthUpdate, Level, TradeTick};
use papertape::model::{InstrumentId, OrderId, Side};
use papertape::order::{Awaits, Order, OrderKind};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug)]
struct Place {
    side: Side,
    /// In ticks.
    price: i64,
    /// Lots; `None` while nobody knows how long the queue is.
    ahead: Option<i64>,
    /// Lots of this input's trade that those ahead have left.
    passed: i64,
}

/// The resting orders of one market.
#[derive(Clone, Debug, Default)]
pub(super) struct QueueCheck(BTreeMap<OrderId, Place>);

impl QueueCheck {
    /// Nothing is known of the market any more.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// An order lost its place.
    pub(super) fn leave(&mut self, order: OrderId) {
        self.0.remove(&order);
    }

    /// Others traded so many lots at a price, against the side of `maker`.
    pub(super) fn trade(&mut self, maker: Side, price: i64, lots: i64) {
        for place in self.0.values_mut() {
            let ahead = place
                .ahead
                .filter(|_| place.side == maker && place.price == price);
            place.passed = 0;
            if let Some(ahead) = ahead {
                place.passed = (lots - ahead).max(0);
                place.ahead = Some((ahead - lots).max(0));
            }
        }
    }

    /// The book was told anew, as far as the update reaches.
    pub(super) fn told(&mut self, update: &DepthUpdate, size_of: impl Fn(Side, i64) -> i64) {
        let names = |levels: &[Level], price: i64| levels.iter().any(|level| level.price == price);
        for place in self.0.values_mut() {
            let levels = if place.side == Side::Buy {
                &update.bids
            } else {
                &update.asks
            };
            let reaches = match (update.kind, place.side) {
                (DepthKind::Changes, _) => names(levels, place.price),
                (_, Side::Buy) => {
                    levels.iter().all(|level| level.price <= place.price)
                        || levels.iter().any(|level| level.price <= place.price)
                }
                (_, Side::Sell) => {
                    levels.iter().all(|level| level.price >= place.price)
                        || levels.iter().any(|level| level.price >= place.price)
                }
            };
            if reaches {
                let shown = size_of(place.side, place.price);
                place.ahead = place.ahead.map(|ahead| ahead.min(shown));
            }
        }
    }
}

impl MarketModel {
    /// Whether the queue is one of those that are worked out anew.
    fn is_queue_known(&self) -> bool {
        matches!(
            self.execution().fill.queue,
            QueueModel::RiskAverse | QueueModel::Front
        )
    }

    /// Lots ahead of an order that joins a price now.
    fn ahead_on_entry(&self, side: Side, price: i64) -> Option<i64> {
        let is_ahead = |best: i64| match side {
            Side::Buy => price >= best,
            Side::Sell => price <= best,
        };
        // One that arrived between two ticks joined the book as it stood before this one.
        let was_ahead = self.best_before(side).is_some_and(is_ahead);
        let is_depth = self.tier() == Some(DataTier::Depth);
        let is_shown = self.best(side).is_some_and(|best| is_depth || is_ahead(best));
        if !was_ahead && !is_shown {
            return None;
        }
        if self.execution().fill.queue == QueueModel::Front {
            return Some(0);
        }
        Some(self.size_at(side, price).min(self.size_before(side, price)))
    }

    fn place_of(&self, order: &Order) -> Option<Place> {
        // Of one that this fill has ended, the limit is what it had come to.
        let limit = match order.awaits() {
            Awaits::Limit(limit) => limit,
            _ if order.status.is_final() => order.kind.limit_price()?,
            _ => return None,
        };
        let price = self.ticks(limit)?;
        Some(Place {
            side: order.side,
            price,
            ahead: self.ahead_on_entry(order.side, price),
            passed: 0,
        })
    }

    /// Follows which orders rest in a market, after an input.
    pub(super) fn follow_queues(&mut self, at: InstrumentId, engine: &Engine) {
        if !self.is_queue_known() {
            return;
        }
        let mut places = QueueCheck::default();
        for order in engine
            .open_orders()
            .filter(|order| order.instrument == at && rests(order))
        {
            let Some(now) = self.place_of(order) else { continue };
            let known = self.queues().0.get(&order.id).copied();
            let place = known.filter(|known| known.price == now.price && known.ahead.is_some());
            places.0.insert(order.id, place.unwrap_or(now));
        }
        *self.queues_mut() = places;
    }

    /// An order has other terms: at another price, or larger, it goes to the end of the queue.
    pub(super) fn amended(&mut self, order: &Order, terms: &OrderKind, is_larger: bool) {
        // What closes the position grows with it, where it stands.
        let grows = is_larger && !order.instructions.close_position;
        if grows || order.kind.limit_price() != terms.limit_price() {
            self.queues_mut().leave(order.id);
        }
    }

    /// A maker that met a trade at its own price had its turn; `taken` lots of the trade went to other orders of ours before.
    pub(super) fn judge_queue(
        &mut self,
        trade: &TradeTick,
        fill: &Fill,
        order: &Order,
        taken: i64,
    ) -> Verdict {
        let is_met = matches!(fill.explanation.met, Met::Trade { .. }) && fill.liquidity == Liquidity::Maker;
        let by_book = matches!(fill.explanation.tier, DataTier::Quotes | DataTier::Depth);
        if !self.is_queue_known() || !is_met || !by_book || self.status() != TradingStatus::Trading {
            return Ok(());
        }
        let Some(price) = self.ticks_of_price(trade.price) else {
            return Ok(());
        };
        if order.kind.limit_price().and_then(|limit| self.ticks(limit)) != Some(price) {
            return Ok(());
        }
        let lots = self.lots_of(fill.quantity);
        let known = self.queues().0.get(&order.id).copied();
        // One that arrived with this input joined the book as it stood.
        let place = known.filter(|place| place.ahead.is_some()).or_else(|| {
            let place = self.place_of(order)?;
            let shown = self.lots_in(trade.size);
            let passed = place.ahead.map_or(0, |ahead| (shown - ahead).max(0));
            Some(Place { passed, ..place })
        });
        let passed = place
            .filter(|place| place.ahead.is_some())
            .map(|place| place.passed);
        ensure(
            passed.is_some_and(|passed| lots <= passed - taken),
            "a resting order fills when its turn has come",
            || format!("{lots} lots, {taken} taken before, of {place:?}: {fill:?}\n{order:?}\n{trade:?}"),
        )?;
        if let Some(display) = order.display {
            // The next slice stands at the end; what turns a position around takes of one slice in two fills.
            let slices = |filled: Decimal| (filled / display.0).floor();
            if slices(order.filled.0) > slices(order.filled.0 - fill.quantity.0) {
                self.queues_mut().leave(order.id);
            }
            ensure(fill.quantity <= display, "an iceberg gives what it shows", || {
                format!("{fill:?}\n{order:?}")
            })?;
        }
        Ok(())
    }
}
