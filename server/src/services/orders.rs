//! Orders of persons and programs. An account is a session's: they have the same id.

use super::{RecordQuery, ServiceError, Services};
use crate::host::{Changed, Placed};
use papertape::api::{FieldErrors, Number, OrderChange, OrderExplanation, OrderReport, Page, PublicOrderId};
use papertape::model::{OrderId, SessionId};
use papertape::order::{AttachedLeg, Order, OrderList, OrderRequest, OrderStatus};
use rust_decimal::Decimal;

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
        let mut errors = FieldErrors::default();
        for request in &list.orders {
            check_numbers(&mut errors, numbers(request));
        }
        errors.finish()?;
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
        let reports = self.reports(id, &orders)?;
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
        if let OrderChange::Amend(it) = &change {
            let mut errors = FieldErrors::default();
            check_numbers(
                &mut errors,
                [
                    ("quantity", it.quantity),
                    ("price", it.price),
                    ("stop_price", it.stop_price),
                ],
            );
            errors.finish()?;
        }
        let report = |order: &Order| self.report(id, order);
        match self.host.change_order(id, change).await? {
            Changed::Done(order) => Ok(Change::Done(report(&order)?)),
            Changed::OnItsWay(order) => Ok(Change::OnItsWay(report(&order)?)),
            Changed::Refused(reason, order) => Err(ServiceError::RefusedOrders(Box::new(RefusedOrders {
                code: reason.code().to_owned(),
                reason: reason.to_string(),
                orders: vec![report(&order)?],
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
            items: self.reports(id, &orders)?,
            next_cursor: None,
        })
    }

    /// One order.
    ///
    /// # Errors
    /// [`ServiceError`] when there is none.
    pub async fn order(&self, id: &SessionId, order: OrderId) -> Result<OrderReport, ServiceError> {
        self.report(id, &self.find_order(id, order).await?)
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
            items: self.reports(id, &page.items)?,
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
        let open = self.host.open_order(id, order).await?;
        let (order, waits) = match open {
            Some((order, waits)) => (*order, waits),
            None => (self.find_order(id, order).await?, Vec::new()),
        };
        let fills = self.storage.fills_of(id, &order).await?;
        let summary = self.host.summary(id)?;
        let instrument = summary.instrument_at(order.instrument);
        let instrument = instrument.unwrap_or(&summary.instrument);
        Ok(OrderExplanation::of(&order, instrument, &fills, waits))
    }

    /// Orders as programs see them.
    pub(super) fn reports(&self, id: &SessionId, orders: &[Order]) -> Result<Vec<OrderReport>, ServiceError> {
        orders.iter().map(|order| self.report(id, order)).collect()
    }

    fn report(&self, id: &SessionId, order: &Order) -> Result<OrderReport, ServiceError> {
        let summary = self.host.summary(id)?;
        let instrument = summary.instrument_at(order.instrument);
        let symbol = instrument.unwrap_or(&summary.instrument).symbol().clone();
        Ok(OrderReport::of(id, symbol, order))
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

/// The numbers of a request with the names of their fields.
fn numbers(request: &OrderRequest) -> impl Iterator<Item = (&'static str, Option<Decimal>)> {
    let leg = |path, leg: Option<AttachedLeg>| {
        let leg = leg.unwrap_or_default();
        let trail = leg.trail.unwrap_or_default();
        [leg.price, leg.stop_price, trail.amount, trail.percent].map(|number| (path, number))
    };
    let attached = request.attached.unwrap_or_default();
    let trail = request.trail.unwrap_or_default();
    [
        ("quantity", request.quantity),
        ("display_quantity", request.display_quantity),
        ("price", request.price),
        ("stop_price", request.stop_price),
        ("trail", trail.amount),
        ("trail", trail.percent),
    ]
    .into_iter()
    .chain(leg("take_profit", attached.take_profit))
    .chain(leg("stop_loss", attached.stop_loss))
}

/// No number of an order is beyond [`Number::MOST`], whichever way it comes.
fn check_numbers(
    errors: &mut FieldErrors,
    numbers: impl IntoIterator<Item = (&'static str, Option<Decimal>)>,
) {
    for (path, number) in numbers {
        if number.is_some_and(|number| number.abs() > Number::MOST) {
            errors.add(path, format!("write a number of at most {}", Number::MOST));
        }
    }
}

/// The order that is at fault when a request was refused: not one that was refused for the sake of another.
pub(super) fn refusal(orders: &[Order]) -> Option<&Order> {
    let is_refused = |order: &&Order| matches!(order.status, OrderStatus::Denied | OrderStatus::Rejected);
    let own = |order: &&Order| order.end_code != "list_refused";
    let mut refused = orders.iter().filter(is_refused);
    refused.clone().find(own).or_else(|| refused.next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::model::Side;
    use papertape::order::{Attached, TrailRequest};

    #[test]
    fn no_number_of_an_order_is_beyond_all_sense_wherever_it_stands() {
        let absurd = Some(Number::MOST + Decimal::ONE);
        let trail = Some(TrailRequest {
            amount: absurd,
            percent: None,
        });
        let leg = Some(AttachedLeg {
            trail,
            ..AttachedLeg::default()
        });
        let plain = OrderRequest::market(Side::Buy, Decimal::ONE);
        for (path, request) in [
            (
                "quantity",
                OrderRequest {
                    quantity: absurd,
                    ..plain.clone()
                },
            ),
            (
                "display_quantity",
                OrderRequest {
                    display_quantity: absurd,
                    ..plain.clone()
                },
            ),
            (
                "price",
                OrderRequest {
                    price: absurd,
                    ..plain.clone()
                },
            ),
            (
                "stop_price",
                OrderRequest {
                    stop_price: absurd,
                    ..plain.clone()
                },
            ),
            (
                "trail",
                OrderRequest {
                    trail,
                    ..plain.clone()
                },
            ),
            (
                "stop_loss",
                OrderRequest {
                    attached: Some(Attached {
                        take_profit: None,
                        stop_loss: leg,
                    }),
                    ..plain.clone()
                },
            ),
        ] {
            let mut errors = FieldErrors::default();
            check_numbers(&mut errors, numbers(&request));
            let Err(errors) = errors.finish() else {
                panic!("{path}");
            };
            assert_eq!(
                errors.iter().map(|error| error.path.as_str()).collect::<Vec<_>>(),
                [path]
            );
        }
        let mut errors = FieldErrors::default();
        check_numbers(&mut errors, numbers(&plain));
        assert!(errors.finish().is_ok());
    }
}
