//! Events in words.

use papertape::engine::EventKind;
use papertape::model::{Instrument, Side};
use papertape::option::ExpiryOutcome;

/// An event in one sentence; `None` for what is of no note in a list.
pub(super) fn sentence(kind: &EventKind, instrument: &Instrument) -> Option<String> {
    Some(match kind {
        EventKind::StateChanged { to, reason, .. } => {
            let mut text = to.to_string();
            if let Some(first) = text.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            if reason.is_empty() {
                text
            } else {
                format!("{text}: {reason}")
            }
        }
        EventKind::OrderFilled { fill, order, .. } => {
            let deed = match fill.side {
                Side::Buy => "Bought",
                Side::Sell => "Sold",
            };
            format!(
                "{deed} {} at {:.digits$} ({})",
                fill.quantity,
                fill.price.0,
                order.reason,
                digits = instrument.price_digits() as usize
            )
        }
        EventKind::OrderDenied { reason, .. } => format!("An order was denied: {reason}"),
        EventKind::OrderRejected { reason, .. } => format!("An order was rejected: {reason}"),
        EventKind::TradeClosed { trade } => format!("Closed a {} trade: {}", trade.side, trade.pnl),
        EventKind::CashFlow { flow, .. } => flow.to_string(),
        EventKind::AlertRaised { alert } => alert.message.clone(),
        EventKind::DataTierChanged { change, .. } => change.to_string(),
        EventKind::OrderRequestRefused { reason, .. } => {
            format!("A request about an order was refused: {reason}")
        }
        EventKind::OptionExercised { quantity, expiry, .. } => {
            let deed = match expiry.outcome {
                ExpiryOutcome::Assigned => "Assigned",
                ExpiryOutcome::Exercised | ExpiryOutcome::Worthless => "Exercised",
            };
            format!("{deed} {} at {}", quantity.0.abs().normalize(), expiry.at)
        }
        EventKind::ExerciseRefused { symbol, reason, .. } => {
            format!("{symbol} was not exercised: {reason}")
        }
        EventKind::OrderSubmitted { .. }
        | EventKind::OrderAttached { .. }
        | EventKind::ComboPlaced { .. }
        | EventKind::InstrumentListed { .. }
        | EventKind::MarketStatusChanged { .. }
        | EventKind::CorporateAction { .. }
        | EventKind::OrderAccepted { .. }
        | EventKind::OrderTriggered { .. }
        | EventKind::OrderAmended { .. }
        | EventKind::OrderCanceled { .. }
        | EventKind::OrderExpired { .. }
        | EventKind::TradeOpened { .. }
        | EventKind::PositionChanged { .. }
        | EventKind::Bar { .. }
        | EventKind::Mark { .. }
        | EventKind::Quote { .. } => return None,
    })
}

/// An event's kind as the wire writes it.
pub(crate) const fn kind_name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::StateChanged { .. } => "state_changed",
        EventKind::OrderSubmitted { .. } => "order_submitted",
        EventKind::OrderDenied { .. } => "order_denied",
        EventKind::OrderAttached { .. } => "order_attached",
        EventKind::ComboPlaced { .. } => "combo_placed",
        EventKind::InstrumentListed { .. } => "instrument_listed",
        EventKind::OptionExercised { .. } => "option_exercised",
        EventKind::ExerciseRefused { .. } => "exercise_refused",
        EventKind::OrderRequestRefused { .. } => "order_request_refused",
        EventKind::MarketStatusChanged { .. } => "market_status_changed",
        EventKind::DataTierChanged { .. } => "data_tier_changed",
        EventKind::OrderAccepted { .. } => "order_accepted",
        EventKind::OrderRejected { .. } => "order_rejected",
        EventKind::OrderTriggered { .. } => "order_triggered",
        EventKind::OrderAmended { .. } => "order_amended",
        EventKind::OrderFilled { .. } => "order_filled",
        EventKind::OrderCanceled { .. } => "order_canceled",
        EventKind::OrderExpired { .. } => "order_expired",
        EventKind::TradeOpened { .. } => "trade_opened",
        EventKind::TradeClosed { .. } => "trade_closed",
        EventKind::PositionChanged { .. } => "position_changed",
        EventKind::CorporateAction { .. } => "corporate_action",
        EventKind::CashFlow { .. } => "cash_flow",
        EventKind::AlertRaised { .. } => "alert_raised",
        EventKind::Bar { .. } => "bar",
        EventKind::Mark { .. } => "mark",
        EventKind::Quote { .. } => "quote",
    }
}
