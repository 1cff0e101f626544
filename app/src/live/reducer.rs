//! What an event does to the session that a page shows: a pure function, so that page and server cannot drift apart
//! unseen.

use papertape::analytics::thin_minmax;
use papertape::api::{EquityPoint, LastEvent, LiveEvent, SessionDetail};
use papertape::engine::EventKind;
use papertape::model::{InstrumentId, Money, OrderId, Price, Timestamp};
use papertape::order::{Order, OrderEvent, OrderPurpose};
use papertape::portfolio::Trade;
use rust_decimal::{Decimal, prelude::FromPrimitive};

/// Most candles that a page keeps.
pub const MAX_BARS: usize = 1_500;
/// Most equity points that a page keeps; past it the curve is thinned to half.
pub const MAX_EQUITY: usize = 1_500;
const MAX_ORDERS: usize = 150;
const MAX_FILLS: usize = 200;
const MAX_TRADES: usize = 200;
const MAX_ALERTS: usize = 100;
const SPARKLINE: usize = 60;

/// What came of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The session moved on; these parts changed.
    Changed(Parts),
    /// The event is older than what the page has.
    Known,
    /// Events are missing between what the page has and this one: ask for a snapshot.
    Gap,
}

/// The parts of a session that views watch, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts(u8);

impl Parts {
    /// Figures and state.
    pub const SUMMARY: Self = Self(1);
    /// Candles.
    pub const BARS: Self = Self(2);
    /// The equity curve.
    pub const EQUITY: Self = Self(4);
    /// Orders.
    pub const ORDERS: Self = Self(8);
    /// Fills.
    pub const FILLS: Self = Self(16);
    /// Trades.
    pub const TRADES: Self = Self(32);
    /// Alerts.
    pub const ALERTS: Self = Self(64);
    /// Metrics and what else only a snapshot brings.
    pub const REST: Self = Self(128);
    /// Everything.
    pub const ALL: Self = Self(255);

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the sets share a part.
    #[must_use]
    pub const fn touches(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Moves `detail` on by one event.
#[must_use]
pub fn apply(detail: &mut SessionDetail, event: &LiveEvent) -> Applied {
    if event.seq <= detail.summary.seq {
        return Applied::Known;
    }
    if event.seq != detail.summary.seq + 1 {
        return Applied::Gap;
    }
    detail.summary.seq = event.seq;
    if detail.summary.market_time.is_none_or(|time| time < event.time) {
        detail.summary.market_time = Some(event.time);
    }
    let parts = match &event.kind {
        EventKind::StateChanged { to, reason, .. } => {
            detail.summary.state = *to;
            detail.summary.state_reason.clone_from(reason);
            let because = if reason.is_empty() {
                String::new()
            } else {
                format!(": {reason}")
            };
            note(detail, event.time, format!("Now {to}{because}"));
            Parts::SUMMARY
        }
        // The page draws the first instrument; what the others do shows in the account.
        EventKind::Bar { instrument, .. } | EventKind::Quote { instrument, .. }
            if *instrument != InstrumentId::PRIMARY =>
        {
            Parts::default()
        }
        EventKind::Bar { bar, history, .. } => {
            detail.bars.push(*bar);
            if *history {
                detail.history_bars += 1;
            }
            if detail.bars.len() > MAX_BARS {
                let surplus = detail.bars.len() - MAX_BARS;
                detail.bars.drain(..surplus);
                detail.history_bars = detail.history_bars.saturating_sub(surplus);
            }
            Parts::BARS
        }
        EventKind::Mark {
            price,
            equity,
            cash,
            position_value,
            optimistic,
            pessimistic,
        } => {
            value(detail, *price, *equity);
            mark(
                detail,
                event.time,
                [*equity, *cash, *position_value],
                [*optimistic, *pessimistic],
            );
            Parts::SUMMARY.with(Parts::EQUITY)
        }
        EventKind::Quote { quote, equity, .. } => {
            detail.quote = Some(*quote);
            value(detail, quote.mid(), *equity);
            Parts::SUMMARY
        }
        EventKind::AlertRaised { alert } => {
            detail.alerts.insert(0, alert.clone());
            detail.alerts.truncate(MAX_ALERTS);
            if alert.severity > papertape::alert::Severity::Info {
                detail.summary.attention = Some(alert.clone());
            }
            note(detail, event.time, alert.message.clone());
            Parts::SUMMARY.with(Parts::ALERTS)
        }
        EventKind::PositionChanged { instrument, position } => {
            if *instrument == InstrumentId::PRIMARY {
                detail.summary.position.clone_from(position);
            } else if let Some(peer) = detail.summary.instrument_at(*instrument) {
                let symbol = peer.symbol().clone();
                let others = &mut detail.summary.other_positions;
                others.retain(|other| other.symbol != symbol);
                others.extend(position.clone());
            }
            Parts::SUMMARY
        }
        EventKind::CashFlow { flow, cash } => {
            detail.summary.cash = *cash;
            note(detail, event.time, flow.to_string());
            Parts::SUMMARY
        }
        EventKind::TradeOpened { trade } => {
            put_trade(detail, trade);
            Parts::TRADES
        }
        EventKind::TradeClosed { trade } => {
            put_trade(detail, trade);
            detail.summary.trades += 1;
            Parts::SUMMARY.with(Parts::TRADES)
        }
        EventKind::OrderRequestRefused { reason, .. } => {
            note(detail, event.time, format!("Request refused: {reason}"));
            Parts::SUMMARY
        }
        EventKind::DataTierChanged { change, .. } => {
            note(detail, event.time, change.to_string());
            Parts::SUMMARY
        }
        EventKind::ExerciseRefused { reason, .. } => {
            note(detail, event.time, format!("Exercise refused: {reason}"));
            Parts::SUMMARY
        }
        EventKind::InstrumentListed { listed, .. } => {
            detail.summary.others.push(listed.clone());
            Parts::SUMMARY
        }
        // What these bring about is told by events of its own.
        EventKind::ComboPlaced { .. }
        | EventKind::OptionExercised { .. }
        | EventKind::MarketStatusChanged { .. }
        | EventKind::CorporateAction { .. } => Parts::default(),
        order @ (EventKind::OrderSubmitted { .. }
        | EventKind::OrderAttached { .. }
        | EventKind::OrderDenied { .. }
        | EventKind::OrderAccepted { .. }
        | EventKind::OrderRejected { .. }
        | EventKind::OrderTriggered { .. }
        | EventKind::OrderAmended { .. }
        | EventKind::OrderFilled { .. }
        | EventKind::OrderCanceled { .. }
        | EventKind::OrderExpired { .. }) => apply_order(detail, event.time, order),
    };
    Applied::Changed(parts)
}

fn apply_order(detail: &mut SessionDetail, time: Timestamp, kind: &EventKind) -> Parts {
    let mut parts = Parts::SUMMARY.with(Parts::ORDERS);
    match kind {
        EventKind::OrderSubmitted { order } | EventKind::OrderAttached { order } => put_order(detail, order),
        EventKind::OrderDenied { order, reason } => {
            let mut order = order.clone();
            if order.end_reason.is_empty() {
                order.end_reason = reason.to_string().into();
            }
            put_order(detail, &order);
            note(detail, time, format!("Order denied: {reason}"));
        }
        EventKind::OrderAccepted { order_id } => step(detail, *order_id, time, OrderEvent::Accept, ("", "")),
        EventKind::OrderRejected { order_id, reason } => {
            step(
                detail,
                *order_id,
                time,
                OrderEvent::Reject,
                (reason.code(), &reason.to_string()),
            );
            note(detail, time, format!("Order rejected: {reason}"));
        }
        EventKind::OrderTriggered { order_id, .. } => {
            step(detail, *order_id, time, OrderEvent::Trigger, ("", ""));
        }
        EventKind::OrderAmended {
            order_id,
            terms,
            quantity,
            asked,
        } => {
            if let Some(order) = detail.orders.iter_mut().find(|order| order.id == *order_id) {
                order.kind = *terms;
                order.quantity = *quantity;
                order.asked = *asked;
                order.updated_at = time;
            }
        }
        EventKind::OrderFilled { fill, order, cash } => {
            put_order(detail, order);
            detail.fills.insert(0, fill.clone());
            detail.fills.truncate(MAX_FILLS);
            detail.summary.cash = *cash;
            let digits = (
                detail.summary.instrument.price_digits(),
                detail.summary.instrument.quantity_digits(),
            );
            let text = format!(
                "{} {} at {} ({})",
                match fill.side {
                    papertape::model::Side::Buy => "Bought",
                    papertape::model::Side::Sell => "Sold",
                },
                crate::format::decimal(fill.quantity.0, digits.1),
                crate::format::decimal(fill.price.0, digits.0),
                order.reason
            );
            note(detail, time, text);
            parts = parts.with(Parts::FILLS);
        }
        EventKind::OrderCanceled { order_id, reason } => {
            step(
                detail,
                *order_id,
                time,
                OrderEvent::Cancel,
                (reason.code(), &reason.to_string()),
            );
        }
        EventKind::OrderExpired { order_id } => {
            step(
                detail,
                *order_id,
                time,
                OrderEvent::Expire,
                ("expired", "its time was over"),
            );
        }
        _ => return Parts::default(),
    }
    detail.summary.open_orders = detail
        .orders
        .iter()
        .filter(|order| !order.status.is_final())
        .count();
    parts
}

/// What a person should be told at once of an event: that an order of his was refused after it had been taken, or a request
/// about one when it reached the exchange. What is refused at once is answered where it was asked.
#[must_use]
pub fn late_refusal(detail: &SessionDetail, event: &LiveEvent) -> Option<String> {
    let find = |id: OrderId| detail.orders.iter().find(|order| order.id == id);
    match &event.kind {
        EventKind::OrderRejected { order_id, reason } => {
            let order = find(*order_id)?;
            let is_late = order.purpose == OrderPurpose::Manual && order.submitted_at < event.time;
            is_late.then(|| format!("Order {order_id} was rejected: {reason}."))
        }
        EventKind::OrderRequestRefused { order_id, reason } => {
            let travels = !detail.summary.execution.latency.is_zero();
            travels.then(|| format!("The request about order {order_id} was refused: {reason}."))
        }
        _ => None,
    }
}

fn note(detail: &mut SessionDetail, time: Timestamp, text: String) {
    detail.summary.last_event = Some(LastEvent { time, text });
}

fn step(
    detail: &mut SessionDetail,
    id: OrderId,
    time: Timestamp,
    event: OrderEvent,
    (code, why): (&'static str, &str),
) {
    let Some(order) = detail.orders.iter_mut().find(|order| order.id == id) else {
        return;
    };
    // The engine has checked the move against the same table; an order that the page does not know well is left alone.
    if let Ok(status) = order.status.apply(event) {
        order.status = status;
    }
    order.updated_at = time;
    if !why.is_empty() {
        order.end_reason = why.to_owned().into();
        order.end_code = code.into();
    }
}

fn put_order(detail: &mut SessionDetail, order: &Order) {
    if let Some(known) = detail.orders.iter_mut().find(|known| known.id == order.id) {
        known.clone_from(order);
        return;
    }
    detail.orders.insert(0, order.clone());
    // Working orders are never dropped, however many have ended since.
    while detail.orders.len() > MAX_ORDERS {
        let Some(oldest) = detail.orders.iter().rposition(|order| order.status.is_final()) else {
            break;
        };
        detail.orders.remove(oldest);
    }
}

fn put_trade(detail: &mut SessionDetail, trade: &Trade) {
    if let Some(known) = detail.trades.iter_mut().find(|known| known.id == trade.id) {
        known.clone_from(trade);
        return;
    }
    detail.trades.insert(0, trade.clone());
    detail.trades.truncate(MAX_TRADES);
}

/// Values the account and the position at a price.
fn value(detail: &mut SessionDetail, price: f64, equity: f64) {
    let summary = &mut detail.summary;
    if let Some(exact) = amount(equity) {
        summary.equity = Money::new(exact, summary.equity.currency);
        let initial = summary.initial_capital.to_f64();
        if initial > 0.0 {
            summary.total_return = equity / initial - 1.0;
        }
    }
    if let Some(position) = &mut summary.position
        && let Some(price) = summary.instrument.price_from_f64(price)
    {
        let sign = match position.side {
            papertape::portfolio::TradeSide::Long => Decimal::ONE,
            papertape::portfolio::TradeSide::Short => Decimal::NEGATIVE_ONE,
        };
        position.mark_price = price;
        position.market_value = summary.instrument.notional(price, position.quantity) * sign;
        let difference = Price(price.0 - position.entry_price.0);
        position.unrealized_pnl = summary.instrument.notional(difference, position.quantity) * sign;
    }
}

fn mark(
    detail: &mut SessionDetail,
    time: Timestamp,
    [equity, cash, position_value]: [f64; 3],
    [optimistic, pessimistic]: [Option<f64>; 2],
) {
    let (Some(equity_amount), Some(cash), Some(position_value)) =
        (amount(equity), amount(cash), amount(position_value))
    else {
        return;
    };
    // The last point knows the peak without a walk through the curve, which may be thinned.
    let peak = detail
        .equity
        .last()
        .filter(|point| point.drawdown < 1.0)
        .map_or(detail.summary.initial_capital.to_f64(), |point| {
            papertape::model::Price(point.equity).to_f64() / (1.0 - point.drawdown)
        })
        .max(equity);
    let drawdown = if peak > 0.0 {
        (1.0 - equity / peak).max(0.0)
    } else {
        0.0
    };
    detail.summary.max_drawdown = detail.summary.max_drawdown.max(drawdown);
    detail.metrics.max_drawdown = detail.metrics.max_drawdown.max(drawdown);
    detail.metrics.total_return = detail.summary.total_return;
    let point = EquityPoint {
        time,
        equity: equity_amount,
        cash,
        position_value,
        drawdown,
        optimistic: optimistic.and_then(amount),
        pessimistic: pessimistic.and_then(amount),
    };
    match detail.equity.last_mut() {
        Some(last) if last.time == time => *last = point,
        _ => detail.equity.push(point),
    }
    if detail.equity.len() > MAX_EQUITY {
        let value = |point: &EquityPoint| papertape::model::Price(point.equity).to_f64();
        detail.equity = thin_minmax(&detail.equity, MAX_EQUITY / 2, value);
    }
    let sparkline = &mut detail.summary.sparkline;
    sparkline.push(equity);
    if sparkline.len() > 2 * SPARKLINE {
        *sparkline = papertape::analytics::sparkline(sparkline, SPARKLINE);
    }
}

fn amount(value: f64) -> Option<Decimal> {
    Decimal::from_f64(value).map(|value| value.round_dp(8))
}

#[cfg(test)]
mod tests;
