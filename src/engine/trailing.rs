//! Stops that trail the market.

use super::{Engine, Sink};
use crate::exchange::is_open_to;
use crate::market::Phase;
use crate::model::{InstrumentId, Price, Quantity, Side, Timestamp};
use crate::order::{Order, OrderKind, OrderStatus};

impl Engine {
    /// Trailing stops, those of one side or all, follow a price that moved in their favour, as far as they may trade in this
    /// phase of the day: a print before the open, at which nobody could have sold, moves none.
    pub(super) fn trail<S: Sink>(
        &mut self,
        at: InstrumentId,
        side: Option<Side>,
        phase: Phase,
        extreme: f64,
        time: Timestamp,
        sink: &mut S,
    ) {
        let trails = |order: &Order| matches!(order.kind, OrderKind::TrailingStop { .. });
        if self.market(at).orders.find(trails).is_none() {
            return;
        }
        let Some(extreme) = self.instrument(at).price_from_f64(extreme) else {
            return;
        };
        let mut next = 0;
        while let Some((index, kind, quantity)) = self.next_trail(at, (side, phase), next, extreme) {
            self.amend(at, index, kind, quantity, time, sink);
            next = index + 1;
        }
    }

    /// The first trailing stop from `start` on that has to move, and to where.
    fn next_trail(
        &self,
        at: InstrumentId,
        (side, phase): (Option<Side>, Phase),
        start: usize,
        extreme: Price,
    ) -> Option<(usize, OrderKind, Quantity)> {
        let orders = self.market(at).orders.iter().enumerate().skip(start);
        orders
            .filter(|(_, order)| order.status == OrderStatus::Accepted)
            .filter(|(_, order)| side.is_none_or(|side| side == order.side) && is_open_to(phase, order))
            .find_map(|(index, order)| {
                let OrderKind::TrailingStop { stop_price, trail } = order.kind else {
                    return None;
                };
                let price = trail.stop(order.side, extreme, self.instrument(at));
                let better = match order.side {
                    Side::Sell => price > stop_price,
                    Side::Buy => price < stop_price,
                };
                better.then_some((index, order.kind.at(None, Some(price)), order.quantity))
            })
    }
}
