//! The names that owners gave their orders, so that a repeated request is known as one.

use crate::model::OrderId;
use crate::order::ClientOrderId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which order has which name; the oldest of very many are forgotten.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientIds {
    by_name: BTreeMap<ClientOrderId, OrderId>,
    by_order: BTreeMap<OrderId, ClientOrderId>,
}

impl ClientIds {
    /// How many names are remembered.
    pub const MOST: usize = 10_000;

    /// The order of a name.
    #[must_use]
    pub fn get(&self, name: &ClientOrderId) -> Option<OrderId> {
        self.by_name.get(name).copied()
    }

    /// Remembers a name.
    pub fn insert(&mut self, name: ClientOrderId, order: OrderId) {
        self.by_order.insert(order, name.clone());
        self.by_name.insert(name, order);
        if self.by_order.len() > Self::MOST
            && let Some((_, oldest)) = self.by_order.pop_first()
        {
            self.by_name.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_names_are_forgotten() {
        let mut ids = ClientIds::default();
        let name = |number: usize| format!("n{number}").parse::<ClientOrderId>().expect("a name");
        for number in 0..=ClientIds::MOST {
            ids.insert(name(number), OrderId(number as u64));
        }
        assert_eq!(ids.get(&name(0)), None);
        assert_eq!(ids.get(&name(1)), Some(OrderId(1)));
        assert_eq!(
            ids.get(&name(ClientIds::MOST)),
            Some(OrderId(ClientIds::MOST as u64))
        );
    }
}
