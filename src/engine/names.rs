//! The names that owners gave their orders: whether a request was made before.

use super::Engine;
use crate::exchange::Placement;
use crate::model::OrderId;
use crate::order::{ClientOrderId, OrderList};

/// Whether a request to place orders was made before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Familiar {
    /// None of its names is known.
    New,
    /// It is this one once more.
    Repeated(Placement),
    /// It is another request, and this name of it belongs to an order.
    InUse(ClientOrderId),
}

impl Engine {
    /// Whether a request was made before, as the names of its orders tell.
    #[must_use]
    pub fn familiar(&self, list: &OrderList) -> Familiar {
        let names = || {
            list.orders
                .iter()
                .filter_map(|order| order.client_order_id.as_ref())
        };
        let known = |name| Some((name, self.client_ids.placement(name)?));
        let Some((name, placement)) = names().find_map(known) else {
            return Familiar::New;
        };
        // All of it again: then every name is one of that placement, and it asks for the same.
        let is_whole = names().all(|name| self.client_ids.placement(name) == Some(placement));
        if is_whole && placement.terms == list.terms() {
            Familiar::Repeated(placement)
        } else {
            Familiar::InUse(name.clone())
        }
    }

    /// The order that its owner gave this name.
    #[must_use]
    pub fn order_named(&self, name: &ClientOrderId) -> Option<OrderId> {
        self.client_ids.get(name)
    }

    /// Remembers the name of an order.
    pub(super) fn name(&mut self, name: ClientOrderId, order: OrderId, placement: Placement) {
        let mut ids = std::mem::take(&mut self.client_ids);
        ids.insert(name, order, placement, |order| self.find_order(order).is_some());
        self.client_ids = ids;
    }
}
