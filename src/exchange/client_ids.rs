//! The names that owners gave their orders, so that a repeated request is known as one.

use crate::model::OrderId;
use crate::order::ClientOrderId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which order has which name, and the request that placed it. Of very many names the oldest are forgotten, those of open
/// orders last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientIds {
    by_name: BTreeMap<ClientOrderId, (OrderId, Placement)>,
    by_order: BTreeMap<OrderId, ClientOrderId>,
}

/// A request that placed orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Its first order.
    pub first: OrderId,
    /// How many it made, those attached included; their numbers follow each other.
    pub count: u32,
    /// What it asked for: [`OrderList::terms`](crate::order::OrderList::terms).
    pub terms: [u8; 16],
}

impl Placement {
    /// Its orders, oldest first.
    pub fn orders(self) -> impl Iterator<Item = OrderId> {
        (self.first.0..self.first.0.saturating_add(u64::from(self.count))).map(OrderId)
    }
}

impl ClientIds {
    /// How many names are remembered.
    pub const MOST: usize = 10_000;

    /// The order of a name.
    #[must_use]
    pub fn get(&self, name: &ClientOrderId) -> Option<OrderId> {
        self.by_name.get(name).map(|(order, _)| *order)
    }

    /// The request that placed the order of a name.
    #[must_use]
    pub fn placement(&self, name: &ClientOrderId) -> Option<Placement> {
        self.by_name.get(name).map(|(_, placement)| *placement)
    }

    /// Remembers a name. When there are too many, one is forgotten: the oldest of which the order is not open, or else the
    /// oldest.
    pub fn insert(
        &mut self,
        name: ClientOrderId,
        order: OrderId,
        placement: Placement,
        is_open: impl Fn(OrderId) -> bool,
    ) {
        self.by_order.insert(order, name.clone());
        self.by_name.insert(name, (order, placement));
        if self.by_order.len() > Self::MOST {
            let oldest = self.by_order.keys().copied().find(|order| !is_open(*order));
            let forgotten = match oldest {
                Some(order) => self.by_order.remove(&order),
                None => self.by_order.pop_first().map(|(_, name)| name),
            };
            forgotten.and_then(|name| self.by_name.remove(&name));
        }
    }

    /// Forgets the name of an order that was refused after all: it is free for the next try.
    pub fn forget(&mut self, order: OrderId) {
        if let Some(name) = self.by_order.remove(&order) {
            self.by_name.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u64) -> ClientOrderId {
        format!("n{number}").parse().expect("a name")
    }

    fn placement(number: u64) -> Placement {
        Placement {
            first: OrderId(number),
            count: 1,
            terms: [0; 16],
        }
    }

    #[test]
    fn the_oldest_names_of_ended_orders_are_forgotten() {
        let mut ids = ClientIds::default();
        let most = ClientIds::MOST as u64;
        for number in 1..=most + 2 {
            ids.insert(name(number), OrderId(number), placement(number), |order| {
                order == OrderId(1)
            });
        }
        assert_eq!(ids.get(&name(1)), Some(OrderId(1)), "it is open");
        assert_eq!(ids.get(&name(2)), None);
        assert_eq!(ids.get(&name(3)), None);
        assert_eq!(ids.get(&name(4)), Some(OrderId(4)));
        assert_eq!(ids.placement(&name(most + 2)), Some(placement(most + 2)));
        assert_eq!(
            (ids.by_name.len(), ids.by_order.len()),
            (ClientIds::MOST, ClientIds::MOST)
        );
    }

    #[test]
    fn also_when_all_are_open_they_are_bounded() {
        let mut ids = ClientIds::default();
        for number in 1..=ClientIds::MOST as u64 + 1 {
            ids.insert(name(number), OrderId(number), placement(number), |_| true);
        }
        assert_eq!((ids.by_name.len(), ids.get(&name(1))), (ClientIds::MOST, None));
    }

    #[test]
    fn a_name_is_free_again_when_its_order_was_refused() {
        let mut ids = ClientIds::default();
        ids.insert(name(1), OrderId(1), placement(1), |_| true);
        ids.forget(OrderId(2));
        assert_eq!(ids.get(&name(1)), Some(OrderId(1)));
        ids.forget(OrderId(1));
        assert_eq!(ids, ClientIds::default());
    }
}
