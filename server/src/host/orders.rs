//! Orders of persons and programs, carried out by a session's actor: durable before they are answered.

use super::actor::{Actor, Changed, Placed};
use papertape::api::OrderChange;
use papertape::engine::{ComboRequest, Command, EventKind, ExerciseRequest, Familiar};
use papertape::model::OrderId;
use papertape::order::{Order, OrderList, OrderPurpose, Refusal};
use std::{collections::BTreeSet, ops::ControlFlow};

impl Actor {
    /// Places orders, unless the request was made before: then it is not made again.
    pub(super) async fn place(&mut self, list: Box<OrderList>) -> ControlFlow<(), Placed> {
        if let Familiar::Repeated(placement) = self.machine.engine().familiar(&list) {
            return ControlFlow::Continue(Placed::Known(placement.orders().collect()));
        }
        let orders = self.placed(Command::Place(list)).await?;
        ControlFlow::Continue(Placed::New(orders))
    }

    /// Places several options as one order.
    pub(super) async fn place_combo(&mut self, request: Box<ComboRequest>) -> ControlFlow<(), Vec<Order>> {
        self.placed(Command::PlaceCombo(request)).await
    }

    /// Makes use of options that are held; the answer says why not, if not.
    pub(super) async fn exercise(
        &mut self,
        request: ExerciseRequest,
    ) -> ControlFlow<(), Result<(), Refusal>> {
        self.machine
            .command(Command::Exercise(request), &mut self.outcome);
        let refusal = self.outcome.events.iter().find_map(|event| match &event.kind {
            EventKind::ExerciseRefused { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        self.settle().await?;
        self.draw();
        ControlFlow::Continue(refusal.map_or(Ok(()), Err))
    }

    /// The orders that a command makes.
    async fn placed(&mut self, command: Command) -> ControlFlow<(), Vec<Order>> {
        self.machine.command(command, &mut self.outcome);
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
        let orders = self.orders_of(born);
        self.settle().await?;
        self.draw();
        ControlFlow::Continue(orders)
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
        let order = self.order_now(id).map(Box::new);
        self.settle().await?;
        self.draw();
        let Some(order) = order else {
            return ControlFlow::Continue(Changed::NotOpen);
        };
        ControlFlow::Continue(match refusal {
            Some(reason) => Changed::Refused(reason, order),
            None if is_done => Changed::Done(order),
            None => Changed::OnItsWay(order),
        })
    }

    /// Asks every order that a person or program placed to end. What the strategy placed is its own to withdraw.
    pub(super) async fn cancel_all(&mut self) -> ControlFlow<(), Vec<Order>> {
        let asked: BTreeSet<OrderId> = self
            .machine
            .engine()
            .open_orders()
            .filter(|order| order.purpose == OrderPurpose::Manual)
            .map(|order| order.id)
            .collect();
        self.machine.command(Command::CancelAll(None), &mut self.outcome);
        let orders = self.orders_of(asked);
        self.settle().await?;
        self.draw();
        ControlFlow::Continue(orders)
    }

    /// Orders as they stand, oldest first.
    fn orders_of(&self, ids: BTreeSet<OrderId>) -> Vec<Order> {
        ids.into_iter().filter_map(|id| self.order_now(id)).collect()
    }

    /// An order as it stands after what is about to be made durable: the view forgets what has ended, the batch does not.
    fn order_now(&self, id: OrderId) -> Option<Order> {
        let changed = self.outcome.batch.orders.get(&id);
        changed.or_else(|| self.machine.order(id)).cloned()
    }
}
