//! What persons and programs ask of orders: place, change, withdraw; and the time that their requests are on their way.

use super::orders::Draft;
use super::{Engine, EventKind, Familiar, SessionState, Sink};
use crate::exchange::{Placement, rests};
use crate::market::Phase;
use crate::model::{InstrumentId, Money, OrderId, Price, Quantity, Timestamp};
use crate::order::{
    Amendment, CancelReason, Contingency, DenyReason, GroupId, Order, OrderKind, OrderList, OrderPurpose,
    OrderRequest, OrderStatus, Refusal, RejectReason, TimeInForce,
};
use crate::risk::value_objection;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A request that has not reached the exchange yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct OnItsWay {
    pub(super) arrives_at: Timestamp,
    pub(super) request: Change,
}

/// What is asked of an order that is there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Change {
    /// To be withdrawn.
    Cancel(OrderId),
    /// To have other terms.
    Amend(Amendment),
}

impl Engine {
    /// Places a list of orders, all or none. A request that was made before is not made again.
    pub(super) fn place_list<S: Sink>(&mut self, list: &OrderList, time: Timestamp, sink: &mut S) {
        let in_use = match self.familiar(list) {
            Familiar::New => None,
            Familiar::Repeated(_) => return,
            Familiar::InUse(name) => Some(RejectReason::ClientOrderIdInUse {
                client_order_id: name.to_string(),
            }),
        };
        for symbol in list.orders.iter().filter_map(|order| order.symbol.as_ref()) {
            self.look_up(symbol, time, sink);
        }
        let first = self.counters.orders + 1;
        let group = GroupId(first);
        let mut orders = Vec::new();
        for (draft, flaw) in self.drafts(list, OrderId(first), group) {
            let order = self.order(draft, time);
            let parent = orders.first().map(|(first, _): &(Box<Order>, _)| &**first);
            let flaw = flaw.or_else(|| self.early_objection(&order, parent));
            orders.push((order, flaw));
        }
        let flaw = orders.iter().find_map(|(_, flaw)| flaw.clone());
        let flaw = flaw.or_else(|| self.too_many(orders.len()));
        if let Some(flaw) = in_use.clone().or(flaw) {
            for (order, own) in orders {
                let reason = in_use.clone().or(own).unwrap_or_else(|| flaw.clone());
                self.refuse_order(order, reason, time, sink);
            }
            return;
        }
        let placement = Placement {
            first: OrderId(first),
            count: u32::try_from(orders.len()).unwrap_or(u32::MAX),
            terms: list.terms(),
        };
        let mut refused = false;
        for (order, _) in orders {
            let waits = order.parent.is_some();
            let named = order.client_order_id.clone().map(|name| (name, order.id));
            if waits && !refused {
                self.attach(order, time, sink);
            } else if refused {
                self.refuse_order(order, RejectReason::ListRefused, time, sink);
            } else {
                refused = self.send(order, time, sink).is_none();
                if refused && list.contingency == Contingency::Oco {
                    // The ones before it are out already.
                    self.cancel_group(group, time, sink);
                }
            }
            // A refused order is no order: its name is free for the next try.
            if let Some((name, id)) = named.filter(|(_, id)| self.find_order(*id).is_some()) {
                self.name(name, id, placement);
            }
        }
    }

    /// Why so many orders more cannot be placed, if they cannot: those that only wait count, too.
    pub(super) fn too_many(&self, more: usize) -> Option<RejectReason> {
        let open = self.open_orders().count();
        (open + more > Self::MOST_OPEN_ORDERS).then(|| RejectReason::TooManyOpenOrders {
            open: u32::try_from(open).unwrap_or(u32::MAX),
        })
    }

    /// What the requests of a list come to, each with what is wrong with it.
    fn drafts(&self, list: &OrderList, first: OrderId, group: GroupId) -> Vec<(Draft, Option<RejectReason>)> {
        let mut requests: Vec<(OrderRequest, Option<OrderId>, Option<GroupId>)> = Vec::new();
        let mut flaw = list_flaw(list, self.state);
        for (index, request) in list.orders.iter().take(OrderList::MOST).enumerate() {
            let follows = index > 0;
            let mut request = request.clone();
            if follows && request.close_position {
                // It closes what the first one opens, which is not held yet.
                request.quantity = request.quantity.or(list.orders[0].quantity);
            }
            let (parent, in_group) = match list.contingency {
                Contingency::None => (None, None),
                Contingency::Oco => (None, Some(group)),
                Contingency::Oto => (follows.then_some(first), None),
                Contingency::Otoco => (follows.then_some(first), follows.then_some(group)),
            };
            requests.push((request, parent, in_group));
        }
        if let Some(parent) = list.orders.first()
            && list.orders.len() == 1
        {
            match parent.attached_requests() {
                Ok(children) => {
                    let bracket = (children.len() > 1).then_some(group);
                    requests.extend(children.into_iter().map(|child| (child, Some(first), bracket)));
                }
                Err(reason) => flaw = flaw.or(Some(reason)),
            }
        }
        requests
            .into_iter()
            .map(|(request, parent, in_group)| {
                let (mut draft, own) = self.draft(&request, parent.is_some());
                draft.parent = parent;
                draft.group = in_group;
                (draft, own.or_else(|| flaw.clone()))
            })
            .collect()
    }

    /// What a request comes to; what is wrong with it stands beside what could be read of it.
    fn draft(&self, request: &OrderRequest, waits: bool) -> (Draft, Option<RejectReason>) {
        let instrument = match &request.symbol {
            None => Ok(InstrumentId::PRIMARY),
            Some(symbol) => self
                .instrument_id(symbol)
                .ok_or_else(|| RejectReason::UnknownInstrument {
                    symbol: symbol.to_string(),
                }),
        };
        let at = *instrument.as_ref().unwrap_or(&InstrumentId::PRIMARY);
        let market = self.market(at).last_price().ok_or(RejectReason::NoMarket);
        let decision_price = *market.as_ref().unwrap_or(&Price::ZERO);
        let kind = request.kind(self.instrument(at), decision_price);
        let time_in_force = request.time_in_force();
        let instructions = request.instructions();
        let held = self.account.holding(at).quantity();
        let quantity = match (request.quantity, request.close_position) {
            (Some(quantity), _) => Ok(Quantity(quantity)),
            (None, true) if held.is_zero() && !waits => Err(RejectReason::WouldIncrease),
            (None, true) => Ok(Quantity(held.abs())),
            (None, false) => Err(RejectReason::Contradiction {
                what: "an order needs a quantity".to_owned(),
            }),
        };
        let draft = Draft {
            instrument: at,
            side: request.side,
            kind: *kind.as_ref().unwrap_or(&OrderKind::Market),
            quantity: *quantity.as_ref().unwrap_or(&Quantity::ZERO),
            display: request.display(),
            time_in_force: *time_in_force.as_ref().unwrap_or(&TimeInForce::Gtc),
            closes: None,
            instructions: *instructions.as_ref().unwrap_or(&crate::order::Instructions::NONE),
            purpose: OrderPurpose::Manual,
            client_order_id: request.client_order_id.clone(),
            parent: None,
            group: None,
            combo: None,
            reason: Cow::Borrowed(if waits { "attached" } else { "manual" }),
            decision_price,
            known_after: 0,
        };
        let over = match (&time_in_force, self.market_time) {
            (Ok(TimeInForce::Gtd { expires_at }), Some(now)) if *expires_at <= now => {
                Some(RejectReason::ExpiryOver {
                    expires_at: *expires_at,
                })
            }
            _ => None,
        };
        let flaw = instrument
            .err()
            .or(market.err())
            .or(kind.err())
            .or(time_in_force.err())
            .or(instructions.err())
            .or(quantity.err())
            .or(over);
        (draft, flaw)
    }

    /// Refuses what never became a whole order.
    pub(super) fn refuse<S: Sink>(
        &mut self,
        draft: Draft,
        reason: RejectReason,
        time: Timestamp,
        sink: &mut S,
    ) {
        let order = self.order(draft, time);
        self.refuse_order(order, reason, time, sink);
    }

    /// What the exchange will object to when the order arrives, as far as that is known now: said at once, so that who
    /// asked need not wait for the market to hear it.
    ///
    /// An attached order is judged by the price at which its parent, the first of the list, is to fill.
    fn early_objection(&self, order: &Order, parent: Option<&Order>) -> Option<RejectReason> {
        // Whether the market is open to it, its arrival shows.
        let arrival = self.arrival(order.instrument, Phase::Regular);
        if order.parent.is_some() {
            let mut judged = order.clone();
            if let Some(price) = parent.and_then(|parent| parent.kind.price()) {
                judged.decision_price = price;
            }
            return arrival.objection_to_terms(&judged);
        }
        let is_alone = self.market(order.instrument).orders.is_empty();
        may_come(arrival.objection(order), is_alone)
    }

    fn refuse_order<S: Sink>(
        &mut self,
        mut order: Box<Order>,
        reason: RejectReason,
        time: Timestamp,
        sink: &mut S,
    ) {
        use crate::order::OrderEvent;
        let order_id = order.id;
        super::orders::advance(&mut order, OrderEvent::Submit, time);
        let order = *order;
        self.emit(time, EventKind::OrderSubmitted { order }, sink);
        self.emit(time, EventKind::OrderRejected { order_id, reason }, sink);
    }

    fn cancel_group<S: Sink>(&mut self, group: GroupId, time: Timestamp, sink: &mut S) {
        for at in self.places() {
            self.cancel_where(
                at,
                |order| order.group == Some(group),
                CancelReason::ListRefused,
                time,
                sink,
            );
        }
    }

    /// Takes a request to change an order in: at once, or after the time that it is on its way.
    pub(super) fn request<S: Sink>(&mut self, request: Change, time: Timestamp, sink: &mut S) {
        if self.state.is_final() {
            let state = self.state.to_string();
            let order_id = request.order_id();
            return self.refuse_request(order_id, RejectReason::SessionNotOpen { state }, time, sink);
        }
        self.counters.requests += 1;
        let delay = self.models.latency.entry(time, u64::MAX - self.counters.requests);
        if delay == 0 {
            return self.carry_out(request, time, sink);
        }
        if self.on_their_way.len() >= Self::MOST_ON_THEIR_WAY {
            let order_id = request.order_id();
            return self.refuse_request(order_id, RejectReason::TooManyRequests, time, sink);
        }
        let arrives_at = time.plus_nanos(delay);
        self.on_their_way.push(OnItsWay { arrives_at, request });
    }

    /// The session takes no more: what is still on its way is refused.
    pub(super) fn refuse_all_requests<S: Sink>(&mut self, time: Timestamp, sink: &mut S) {
        for way in std::mem::take(&mut self.on_their_way) {
            let state = self.state.to_string();
            let order_id = way.request.order_id();
            self.refuse_request(order_id, RejectReason::SessionNotOpen { state }, time, sink);
        }
    }

    /// The requests that have arrived by `now`, in the order of their arrival.
    pub(super) fn carry_out_arrived<S: Sink>(&mut self, now: Timestamp, sink: &mut S) {
        while let Some((index, _)) = self
            .on_their_way
            .iter()
            .enumerate()
            .filter(|(_, way)| way.arrives_at <= now)
            .min_by_key(|(index, way)| (way.arrives_at, *index))
        {
            let OnItsWay { arrives_at, request } = self.on_their_way.remove(index);
            self.carry_out(request, arrives_at, sink);
        }
    }

    fn carry_out<S: Sink>(&mut self, request: Change, time: Timestamp, sink: &mut S) {
        let order_id = request.order_id();
        let Some((at, index)) = self.find_order(order_id) else {
            return self.refuse_request(order_id, RejectReason::NoSuchOrder { order_id }, time, sink);
        };
        if self.is_in_auction_held(self.market(at).orders.at(index), time) {
            return self.refuse_request(order_id, RejectReason::AuctionHeld, time, sink);
        }
        match request {
            Change::Cancel(_) => self.cancel(at, index, CancelReason::Requested, time, sink),
            Change::Amend(amendment) => {
                if let Err(reason) = self.change_terms(at, index, &amendment, time, sink) {
                    self.refuse_request(order_id, reason, time, sink);
                }
            }
        }
    }

    fn change_terms<S: Sink>(
        &mut self,
        at: InstrumentId,
        index: usize,
        amendment: &Amendment,
        time: Timestamp,
        sink: &mut S,
    ) -> Result<(), Refusal> {
        self.mark_account();
        let order = self.market(at).orders.at(index);
        // It is there from its arrival on, though the market has to speak before the exchange says so.
        if order.status == OrderStatus::Submitted && order.arrives_at > time {
            return Err(RejectReason::NotYetThere.into());
        }
        let changed = self.changed(at, order, amendment)?;
        let keeps_place = changed.kind == order.kind && changed.quantity <= order.quantity;
        let (id, kind, quantity) = (order.id, changed.kind, changed.quantity);
        self.market_mut(at)
            .orders
            .change(index, |order| order.asked = changed.asked);
        self.amend(at, index, kind, quantity, time, sink);
        if !keeps_place {
            self.rejoin(at, id);
        }
        Ok(())
    }

    /// The order with its new terms, or why it cannot have them.
    fn changed(&self, at: InstrumentId, order: &Order, amendment: &Amendment) -> Result<Order, Refusal> {
        if order.combo.is_some() {
            return Err(RejectReason::LegOfCombo.into());
        }
        let mut changed = order.clone();
        changed.kind = order
            .kind
            .at(amendment.price.map(Price), amendment.stop_price.map(Price));
        let knows_not = |what: &str| RejectReason::Contradiction {
            what: format!("a {} order knows no {what}", order.kind.name()),
        };
        if amendment.price.is_some() && order.kind.limit_price().is_none() {
            return Err(knows_not("price").into());
        }
        if amendment.stop_price.is_some() && order.kind.stop_price().is_none() {
            return Err(knows_not("stop price").into());
        }
        if let Some(quantity) = amendment.quantity.map(Quantity) {
            // What others of its group have filled is not there to be filled again.
            changed.quantity = self.share_of(order, quantity);
            if quantity.0 <= Decimal::ZERO || changed.quantity <= order.filled {
                let filled = Quantity(order.filled.0 + order.given_up.0);
                return Err(RejectReason::BelowFilled { quantity, filled }.into());
            }
            changed.asked = quantity;
        }
        let last_price = self.market(at).last_price();
        changed.decision_price = last_price.unwrap_or(order.decision_price);
        let mut arrival = self.arrival(at, Phase::Regular);
        if rests(order) {
            // It is one of those that rest, so it needs no place of its own.
            arrival.open_orders = arrival.open_orders.saturating_sub(1);
        }
        let is_alone = self.market(at).orders.iter().len() == 1;
        let objection = match order.status {
            OrderStatus::Waiting => arrival.objection_to_terms(&changed),
            OrderStatus::Submitted => may_come(arrival.objection(&changed), is_alone),
            _ => arrival.objection(&changed),
        };
        if let Some(reason) = objection {
            return Err(reason.into());
        }
        if let Some(reason) = value_objection(self.instrument(at), &changed) {
            return Err(reason.into());
        }
        if order.status != OrderStatus::Waiting {
            let available = self.account.funds(at, order.side) + order.hold;
            // A market order holds by the price at which it was decided, and meets the one that is now.
            let by_now = self.hold_for(at, &changed);
            changed.decision_price = order.decision_price;
            let needed = by_now.max(self.hold_for(at, &changed));
            let needed = Money::new(needed, available.currency);
            // Giving back is always possible, whatever else has become of the funds.
            if needed.amount > available.amount && needed.amount > order.hold.amount {
                return Err(DenyReason::InsufficientFunds { needed, available }.into());
            }
        }
        Ok(changed)
    }

    /// What the rest of an order must hold: cover and costs of the part that opens.
    pub(super) fn hold_for(&self, at: InstrumentId, order: &Order) -> Decimal {
        if order.only_reduces() {
            return Decimal::ZERO;
        }
        let held = self.account.holding(at).quantity();
        let faces = !held.is_zero() && (held.is_sign_negative() == (order.side.sign() > Decimal::ZERO));
        let closes = if faces { held.abs() } else { Decimal::ZERO };
        let opens = Quantity((order.remaining().0 - closes).max(Decimal::ZERO));
        if opens.0.is_zero() {
            return Decimal::ZERO;
        }
        let instrument = self.instrument(at);
        let price = order.kind.price().unwrap_or(order.decision_price);
        let required = self.account.required(at, instrument, order.side, opens, price);
        (required + self.models.worst_cost(instrument, price, opens)).amount
    }

    pub(super) fn refuse_request<S: Sink>(
        &mut self,
        order_id: OrderId,
        reason: impl Into<Refusal>,
        time: Timestamp,
        sink: &mut S,
    ) {
        let reason = reason.into();
        self.emit(time, EventKind::OrderRequestRefused { order_id, reason }, sink);
    }

    /// Withdraws every order that a person or program placed, of all instruments or of one. What the strategy placed is its
    /// own to withdraw: a position keeps its stop.
    pub(super) fn cancel_requested<S: Sink>(
        &mut self,
        only: Option<InstrumentId>,
        time: Timestamp,
        sink: &mut S,
    ) {
        let mut ids = Vec::new();
        for at in self.places().filter(|at| only.is_none_or(|only| only == *at)) {
            let orders = self.market(at).orders.iter();
            let by_hand = orders.filter(|order| order.purpose == OrderPurpose::Manual);
            ids.extend(by_hand.map(|order| order.id));
        }
        for id in ids {
            // One of a group takes the others along.
            if self.find_order(id).is_some() {
                self.request(Change::Cancel(id), time, sink);
            }
        }
    }
}

impl Change {
    const fn order_id(self) -> OrderId {
        match self {
            Self::Cancel(id) => id,
            Self::Amend(amendment) => amendment.order_id,
        }
    }
}

/// An objection to an order that is under way: unless it is alone, another may open what it is to reduce.
fn may_come(objection: Option<RejectReason>, is_alone: bool) -> Option<RejectReason> {
    objection.filter(|reason| is_alone || *reason != RejectReason::WouldIncrease)
}

/// What is wrong with a list as a whole.
fn list_flaw(list: &OrderList, state: SessionState) -> Option<RejectReason> {
    let contradiction = |what: &str| {
        Some(RejectReason::Contradiction {
            what: what.to_owned(),
        })
    };
    if !matches!(state, SessionState::Running | SessionState::Paused) {
        return Some(RejectReason::SessionNotOpen {
            state: state.to_string(),
        });
    }
    let count = list.orders.len();
    if count > OrderList::MOST {
        return contradiction("a list has at most ten orders");
    }
    let mut names: Vec<_> = list
        .orders
        .iter()
        .flat_map(|order| &order.client_order_id)
        .collect();
    names.sort();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return contradiction("two orders of a list have the same client_order_id");
    }
    if count > 1 && list.contingency == Contingency::None {
        return contradiction("several orders need a contingency: oco, oto or otoco");
    }
    if count > 1 && list.orders.iter().any(|order| order.attached.is_some()) {
        return contradiction("orders of a list have nothing attached: say oto or otoco");
    }
    let least = match list.contingency {
        Contingency::None => 1,
        Contingency::Oco | Contingency::Oto => 2,
        Contingency::Otoco => 3,
    };
    if count < least {
        return contradiction("the list has too few orders for its contingency");
    }
    let symbol = list.orders.first().map(|order| &order.symbol);
    let mixed = list.orders.iter().any(|order| Some(&order.symbol) != symbol);
    if mixed && list.contingency != Contingency::Oto {
        return contradiction("orders of which only one may fill are of one instrument");
    }
    None
}
