//! What a session shows: a fold over its events, bounded however long it runs.

use super::words;
use papertape::alert::{Alert, Severity};
use papertape::analytics::{sparkline, thin_minmax};
use papertape::api::{EquityPoint, LastEvent};
use papertape::engine::{Engine, Event, EventKind};
use papertape::exchange::Fill;
use papertape::market::{Bar, Quote};
use papertape::model::{Instrument, InstrumentId, Money, OrderId, Timestamp, TradeId};
use papertape::order::{Order, OrderEvent};
use papertape::portfolio::Trade;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque, btree_map::Entry};

/// Bars kept for the chart.
const BARS: usize = 1_000;
/// Orders kept beside the open ones: those that ended last.
const ENDED_ORDERS: usize = 100;
/// Fills and trades kept.
const RECENT: usize = 200;
/// Alerts kept.
const ALERTS: usize = 100;
/// Points of the equity curve kept: past twice as many, every other one goes.
const CURVE: usize = 1_000;
/// Points of the curve in lists.
const SPARKLINE: usize = 48;

/// What a session shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct View {
    instrument: Instrument,
    bars: VecDeque<Bar>,
    history_bars: usize,
    curve: Curve,
    pub(super) quote: Option<Quote>,
    orders: BTreeMap<OrderId, Order>,
    fills: VecDeque<Fill>,
    trades: BTreeMap<TradeId, Trade>,
    alerts: VecDeque<Alert>,
    pub(super) last_event: Option<LastEvent>,
    pub(super) attention: Option<Alert>,
}

/// What one input changed, in the shape of the read models: whole, for the view itself forgets what is old.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) orders: BTreeMap<OrderId, Order>,
    pub(super) fills: Vec<Fill>,
    pub(super) trades: BTreeMap<TradeId, Trade>,
    pub(super) equity: Vec<EquityPoint>,
    pub(super) alerts: Vec<Alert>,
}

impl View {
    pub(super) fn new(instrument: Instrument, initial_capital: Money) -> Self {
        Self {
            instrument,
            bars: VecDeque::new(),
            history_bars: 0,
            curve: Curve::new(initial_capital.to_f64()),
            quote: None,
            orders: BTreeMap::new(),
            fills: VecDeque::new(),
            trades: BTreeMap::new(),
            alerts: VecDeque::new(),
            last_event: None,
            attention: None,
        }
    }

    /// Takes in the events of one input; `engine` stands after it.
    pub(super) fn apply(&mut self, events: &[Event], engine: &Engine) -> Changes {
        let mut changes = Changes::default();
        for event in events {
            self.apply_one(event, &mut changes);
        }
        if !changes.orders.is_empty() {
            // The engine knows its open orders best; the fold above is for those that have ended.
            for order in engine.open_orders() {
                if let Some(changed) = changes.orders.get_mut(&order.id) {
                    changed.clone_from(order);
                }
            }
            self.orders.extend(changes.orders.clone());
            self.forget_ended_orders();
        }
        if !changes.fills.is_empty() {
            let open = engine.open_trades().into_iter();
            changes.trades.extend(open.map(|trade| (trade.id, trade)));
        }
        self.trades.extend(changes.trades.clone());
        while self.trades.len() > RECENT {
            self.trades.pop_first();
        }
        changes
    }

    fn apply_one(&mut self, event: &Event, changes: &mut Changes) {
        if let Some(text) = words::sentence(&event.kind, &self.instrument) {
            self.last_event = Some(LastEvent {
                time: event.time,
                text,
            });
        }
        if let EventKind::OrderFilled { fill, .. } = &event.kind {
            changes.fills.push(fill.clone());
            push_bounded(&mut self.fills, fill.clone(), RECENT);
        }
        match &event.kind {
            EventKind::OrderSubmitted { order }
            | EventKind::OrderAttached { order }
            | EventKind::OrderFilled { order, .. } => {
                changes.orders.insert(order.id, order.clone());
            }
            EventKind::OrderDenied { order, reason } => {
                changes.orders.insert(order.id, order.clone());
                let why = (reason.code(), reason.to_string());
                self.end_order(order.id, event.time, OrderEvent::Deny, why, changes);
            }
            EventKind::OrderRejected { order_id, reason } => {
                let why = (reason.code(), reason.to_string());
                self.end_order(*order_id, event.time, OrderEvent::Reject, why, changes);
            }
            EventKind::OrderCanceled { order_id, reason } => {
                let why = (reason.code(), reason.to_string());
                self.end_order(*order_id, event.time, OrderEvent::Cancel, why, changes);
            }
            EventKind::OrderExpired { order_id } => {
                let why = ("expired", "its time in force was over".to_owned());
                self.end_order(*order_id, event.time, OrderEvent::Expire, why, changes);
            }
            EventKind::OrderAccepted { order_id } => {
                self.changed_order(*order_id, event.time, OrderEvent::Accept, changes);
            }
            EventKind::OrderTriggered { order_id, .. } => {
                self.changed_order(*order_id, event.time, OrderEvent::Trigger, changes);
            }
            EventKind::OrderAmended {
                order_id,
                terms,
                quantity,
                asked,
            } => {
                if let Some(order) = self.changed_order(*order_id, event.time, OrderEvent::Amend, changes) {
                    (order.kind, order.quantity, order.asked) = (*terms, *quantity, *asked);
                }
            }
            EventKind::TradeOpened { trade } | EventKind::TradeClosed { trade } => {
                changes.trades.insert(trade.id, trade.clone());
            }
            EventKind::AlertRaised { alert } => {
                if alert.severity >= Severity::Warning {
                    self.attention = Some(alert.clone());
                }
                changes.alerts.push(alert.clone());
                push_bounded(&mut self.alerts, alert.clone(), ALERTS);
            }
            EventKind::Bar {
                instrument,
                bar,
                history,
            } => {
                if *instrument == InstrumentId::PRIMARY {
                    self.push_bar(*bar, *history);
                }
            }
            EventKind::Mark {
                equity,
                cash,
                position_value,
                optimistic,
                pessimistic,
                ..
            } => {
                let drawdown = self.curve.fall(*equity);
                let point = self.curve.push(EquityPoint {
                    time: event.time,
                    equity: amount(*equity),
                    cash: amount(*cash),
                    position_value: amount(*position_value),
                    drawdown,
                    optimistic: optimistic.map(amount),
                    pessimistic: pessimistic.map(amount),
                });
                changes.equity.push(point);
            }
            EventKind::Quote {
                instrument, quote, ..
            } => {
                if *instrument == InstrumentId::PRIMARY {
                    self.quote = Some(*quote);
                }
            }
            EventKind::StateChanged { .. }
            | EventKind::PositionChanged { .. }
            | EventKind::OrderRequestRefused { .. }
            | EventKind::ComboPlaced { .. }
            | EventKind::InstrumentListed { .. }
            | EventKind::OptionExercised { .. }
            | EventKind::ExerciseRefused { .. }
            | EventKind::MarketStatusChanged { .. }
            | EventKind::DataTierChanged { .. }
            | EventKind::CorporateAction { .. }
            | EventKind::CashFlow { .. } => {}
        }
    }

    /// An order that one input changes, after one step more.
    fn changed_order<'a>(
        &self,
        id: OrderId,
        time: Timestamp,
        step: OrderEvent,
        changes: &'a mut Changes,
    ) -> Option<&'a mut Order> {
        let order = match changes.orders.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(self.orders.get(&id)?.clone()),
        };
        // A denied order arrives in its final state already.
        if let Ok(status) = order.status.apply(step) {
            order.status = status;
        }
        order.updated_at = time;
        Some(order)
    }

    fn end_order(
        &self,
        id: OrderId,
        time: Timestamp,
        step: OrderEvent,
        (code, why): (&'static str, String),
        changes: &mut Changes,
    ) {
        if let Some(order) = self.changed_order(id, time, step, changes) {
            order.hold = Money::zero(order.hold.currency);
            order.end_reason = why.into();
            order.end_code = code.into();
        }
    }

    /// Whether some bar of the chart has a volume; `None` without bars.
    pub(super) fn carries_volumes(&self) -> Option<bool> {
        (!self.bars.is_empty()).then(|| self.bars.iter().any(|bar| bar.volume > 0.0))
    }

    fn push_bar(&mut self, bar: Bar, history: bool) {
        self.bars.push_back(bar);
        if history {
            self.history_bars += 1;
        }
        if self.bars.len() > BARS {
            self.bars.pop_front();
            self.history_bars = self.history_bars.saturating_sub(1);
        }
    }

    /// Keeps, of the orders that have ended, those that ended last.
    fn forget_ended_orders(&mut self) {
        let mut ended: Vec<(Timestamp, OrderId)> = self
            .orders
            .values()
            .filter(|order| order.status.is_final())
            .map(|order| (order.updated_at, order.id))
            .collect();
        let surplus = ended.len().saturating_sub(ENDED_ORDERS);
        ended.sort_unstable();
        for (_, id) in ended.into_iter().take(surplus) {
            self.orders.remove(&id);
        }
    }

    pub(super) fn order(&self, id: OrderId) -> Option<&Order> {
        self.orders.get(&id)
    }

    /// Bars, oldest first, and how many of them are history.
    pub(super) fn bars(&self) -> (Vec<Bar>, usize) {
        (self.bars.iter().copied().collect(), self.history_bars)
    }

    pub(super) fn equity(&self) -> Vec<EquityPoint> {
        thin_minmax(&self.curve.points, CURVE, |point| number(point.equity))
    }

    pub(super) fn sparkline(&self) -> Vec<f64> {
        let equity: Vec<f64> = self
            .curve
            .points
            .iter()
            .map(|point| number(point.equity))
            .collect();
        sparkline(&equity, SPARKLINE)
    }

    pub(super) fn orders(&self) -> Vec<Order> {
        self.orders.values().rev().cloned().collect()
    }

    pub(super) fn fills(&self) -> Vec<Fill> {
        self.fills.iter().rev().cloned().collect()
    }

    pub(super) fn trades(&self) -> Vec<Trade> {
        self.trades.values().rev().cloned().collect()
    }

    pub(super) fn alerts(&self) -> Vec<Alert> {
        self.alerts.iter().rev().cloned().collect()
    }
}

/// The equity curve at a resolution that halves as it grows, so that any length fits.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Curve {
    points: Vec<EquityPoint>,
    /// One of so many points is kept.
    stride: u64,
    seen: u64,
    /// Whether the last of `points` is off the stride: it is always the newest, and goes when the next one comes.
    provisional: bool,
    peak: f64,
}

impl Curve {
    const fn new(initial: f64) -> Self {
        Self {
            points: Vec::new(),
            stride: 1,
            seen: 0,
            provisional: false,
            peak: initial,
        }
    }

    /// How far this equity, the newest, is below the highest so far, as a share of it.
    fn fall(&mut self, equity: f64) -> f64 {
        self.peak = self.peak.max(equity);
        if self.peak > 0.0 {
            (1.0 - equity / self.peak).max(0.0)
        } else {
            0.0
        }
    }

    fn push(&mut self, point: EquityPoint) -> EquityPoint {
        if self.provisional {
            self.points.pop();
        }
        self.points.push(point);
        self.provisional = !self.seen.is_multiple_of(self.stride);
        self.seen += 1;
        if self.points.len() > 2 * CURVE {
            let mut index = 0;
            self.points.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride *= 2;
            self.provisional = false;
        }
        point
    }
}

/// A value for people and charts as a decimal: what the float says, to a hundred-millionth.
fn amount(value: f64) -> Decimal {
    Decimal::from_f64_retain(value)
        .unwrap_or_default()
        .round_dp(8)
        .normalize()
}

fn number(value: Decimal) -> f64 {
    use rust_decimal::prelude::ToPrimitive;
    value.to_f64().unwrap_or_default()
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, capacity: usize) {
    if queue.len() == capacity {
        queue.pop_front();
    }
    queue.push_back(item);
}
