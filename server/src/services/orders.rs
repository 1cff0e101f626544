//! Orders of persons and programs. An account is a session's: they have the same id.

use super::{RecordQuery, ServiceError, Services};
use crate::host::{Changed, Placed};
use papertape::api::{OrderChange, OrderExplanation, OrderReport, Page, PublicOrderId};
use papertape::model::{OrderId, SessionId};
use papertape::order::{Order, OrderList, OrderStatus};

/// What became of a request to place orders that was not refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Placement {
    /// New orders.
    New(Vec<OrderReport>),
    /// The request was made before; these are its orders.
    Known(Vec<OrderReport>),
}

/// What became of a request to change an order that was not refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The order after it.
    Done(OrderReport),
    /// The request is on its way to the exchange; the order as it still is.
    OnItsWay(OrderReport),
}

/// A refused order: why, and the orders that it concerns.
#[derive(Clone, Debug, PartialEq)]
pub struct RefusedOrders {
    /// The reason's stable code.
    pub code: String,
    /// The reason in words.
    pub reason: String,
    /// The orders.
    pub orders: Vec<OrderReport>,
}

impl Services {
    /// Places orders; they are durable when this returns.
    ///
    /// # Errors
    /// [`ServiceError::RefusedOrders`] when risk check or exchange refuse them.
    pub async fn place_orders(&self, id: &SessionId, list: OrderList) -> Result<Placement, ServiceError> {
        if list.orders.is_empty() {
            return Err(ServiceError::RefusedOrders(Box::new(RefusedOrders {
                code: "contradiction".to_owned(),
                reason: "the list has no orders".to_owned(),
                orders: Vec::new(),
            })));
        }
        let (orders, is_new) = match self.host.place(id, list).await? {
            Placed::New(orders) => (orders, true),
            Placed::Known(ids) => {
                let mut known = Vec::new();
                for order in ids {
                    known.push(self.find_order(id, order).await?);
                }
                (known, false)
            }
        };
        let reports = orders.iter().map(|order| OrderReport::of(id, order)).collect();
        match refusal(&orders) {
            Some(order) => Err(ServiceError::RefusedOrders(Box::new(RefusedOrders {
                code: order.end_code.to_string(),
                reason: order.end_reason.to_string(),
                orders: reports,
            }))),
            None if is_new => Ok(Placement::New(reports)),
            None => Ok(Placement::Known(reports)),
        }
    }

    /// Changes or withdraws an order; that is durable when this returns.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such order, it is at its end, or the change is refused.
    pub async fn change_order(&self, id: &SessionId, change: OrderChange) -> Result<Change, ServiceError> {
        let report = |order: &Order| OrderReport::of(id, order);
        match self.host.change_order(id, change).await? {
            Changed::Done(order) => Ok(Change::Done(report(&order))),
            Changed::OnItsWay(order) => Ok(Change::OnItsWay(report(&order))),
            Changed::Refused(reason, order) => Err(ServiceError::RefusedOrders(Box::new(RefusedOrders {
                code: reason.code().to_owned(),
                reason: reason.to_string(),
                orders: vec![report(&order)],
            }))),
            Changed::NotOpen => {
                let order = self.find_order(id, change.order_id()).await?;
                Err(ServiceError::OrderEnded(order.status))
            }
        }
    }

    /// Asks every order of an account that a person or program placed to end; answers with these, as they are now: with
    /// latency some are still open.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such account or it is over.
    pub async fn cancel_orders(&self, id: &SessionId) -> Result<Page<OrderReport>, ServiceError> {
        let orders = self.host.cancel_all(id).await?;
        Ok(Page {
            items: orders.iter().map(|order| OrderReport::of(id, order)).collect(),
            next_cursor: None,
        })
    }

    /// One order.
    ///
    /// # Errors
    /// [`ServiceError`] when there is none.
    pub async fn order(&self, id: &SessionId, order: OrderId) -> Result<OrderReport, ServiceError> {
        Ok(OrderReport::of(id, &self.find_order(id, order).await?))
    }

    /// The orders of an account, oldest first.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such account.
    pub async fn account_orders(
        &self,
        id: &SessionId,
        query: &RecordQuery,
    ) -> Result<Page<OrderReport>, ServiceError> {
        let page = self.orders(id, query).await?;
        Ok(Page {
            items: page
                .items
                .iter()
                .map(|order| OrderReport::of(id, order))
                .collect(),
            next_cursor: page.next_cursor,
        })
    }

    /// Why an order filled at its prices, why it has not filled, why it ended.
    ///
    /// # Errors
    /// [`ServiceError`] when there is none.
    pub async fn explain_order(
        &self,
        id: &SessionId,
        order: OrderId,
    ) -> Result<OrderExplanation, ServiceError> {
        let instrument = self.host.summary(id)?.instrument.clone();
        let open = self.host.open_order(id, order).await?;
        let (order, waits) = match open {
            Some((order, waits)) => (*order, waits),
            None => (self.find_order(id, order).await?, Vec::new()),
        };
        let fills = self.storage.fills_of(id, &order).await?;
        Ok(OrderExplanation::of(&order, &instrument, &fills, waits))
    }

    async fn find_order(&self, id: &SessionId, order: OrderId) -> Result<Order, ServiceError> {
        self.host.summary(id)?;
        self.storage.order(id, order).await?.ok_or_else(|| {
            let id = PublicOrderId {
                session: id.clone(),
                number: order,
            };
            ServiceError::UnknownOrder(id.to_string())
        })
    }
}

/// The order that is at fault when a request was refused: not one that was refused for the sake of another.
fn refusal(orders: &[Order]) -> Option<&Order> {
    let is_refused = |order: &&Order| matches!(order.status, OrderStatus::Denied | OrderStatus::Rejected);
    let own = |order: &&Order| order.end_code != "list_refused";
    let mut refused = orders.iter().filter(is_refused);
    refused.clone().find(own).or_else(|| refused.next())
}
