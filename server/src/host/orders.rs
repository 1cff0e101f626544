//! Orders of persons and programs, carried out by a session's actor: durable before they are answered.

use super::actor::{Actor, Changed, Placed};
use papertape::api::OrderChange;
use papertape::engine::{Command, EventKind};
use papertape::model::OrderId;
use papertape::order::{Order, OrderList};
use std::{collections::BTreeSet, ops::ControlFlow};

impl Actor {
    /// Places orders, unless one of their names is known: then the request was made before, and is not made again.
    pub(super) async fn place(&mut self, list: Box<OrderList>) -> ControlFlow<(), Placed> {
        let names = list
            .orders
            .iter()
            .filter_map(|order| order.client_order_id.as_ref());
        let known: Vec<OrderId> = names
            .filter_map(|name| self.machine.engine().order_named(name))
            .collect();
        if !known.is_empty() {
            return ControlFlow::Continue(Placed::Known(known));
        }
        self.machine.command(Command::Place(list), &mut self.outcome);
        let born: BTreeSet<OrderId> = self
            .outcome
            .events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::OrderSubmitted { order }
                | EventKind::OrderAttached { order }
                | EventKind::OrderDenied { order, .. } => Some(order.id),
                _ => None,
            })
            .collect();
        self.settle().await?;
        self.draw();
        ControlFlow::Continue(Placed::New(self.orders_of(born)))
    }

    pub(super) async fn change(&mut self, change: OrderChange) -> ControlFlow<(), Changed> {
        let id = change.order_id();
        if self.machine.engine().open_order(id).is_none() {
            return ControlFlow::Continue(Changed::NotOpen);
        }
        let command = match change {
            OrderChange::Amend(amendment) => Command::Amend(amendment),
            OrderChange::Cancel(id) => Command::Cancel(id),
        };
        self.machine.command(command, &mut self.outcome);
        let mut refusal = None;
        let mut is_done = false;
        for event in &self.outcome.events {
            match &event.kind {
                EventKind::OrderRequestRefused { order_id, reason } if *order_id == id => {
                    refusal = Some(reason.clone());
                }
                EventKind::OrderAmended { order_id, .. } | EventKind::OrderCanceled { order_id, .. } => {
                    is_done |= *order_id == id;
                }
                _ => {}
            }
        }
        self.settle().await?;
        self.draw();
        let Some(order) = self.machine.order(id).cloned().map(Box::new) else {
            return ControlFlow::Continue(Changed::NotOpen);
        };
        ControlFlow::Continue(match refusal {
            Some(reason) => Changed::Refused(reason, order),
            None if is_done => Changed::Done(order),
            None => Changed::OnItsWay(order),
        })
    }

    pub(super) async fn cancel_all(&mut self) -> ControlFlow<(), Vec<Order>> {
        let open: BTreeSet<OrderId> = self
            .machine
            .engine()
            .open_orders()
            .map(|order| order.id)
            .collect();
        self.machine.command(Command::CancelAll(None), &mut self.outcome);
        self.settle().await?;
        self.draw();
        ControlFlow::Continue(self.orders_of(open))
    }

    /// Orders as they stand, oldest first.
    fn orders_of(&self, ids: BTreeSet<OrderId>) -> Vec<Order> {
        ids.into_iter()
            .filter_map(|id| self.machine.order(id).cloned())
            .collect()
    }
}
