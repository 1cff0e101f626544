//! Lists as CSV: one row a record, amounts as exact text, times in ISO 8601.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use papertape::api::{EquityPoint, TradeReport};
use papertape::engine::Event;
use papertape::exchange::Fill;
use papertape::order::Order;
use papertape::portfolio::Position;

/// A record that can be a row.
pub(crate) trait Row {
    /// The columns' names.
    const COLUMNS: &'static [&'static str];
    /// The cells, one a column.
    fn cells(&self) -> Vec<String>;
}

impl Row for TradeReport {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "symbol",
        "side",
        "quantity",
        "entry_time",
        "entry_price",
        "exit_time",
        "exit_price",
        "fees",
        "pnl",
        "return",
        "entry_reason",
        "exit_reason",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.symbol.to_string(),
            self.side.to_string(),
            self.quantity.to_string(),
            self.entry_time.to_string(),
            self.entry_price.to_string(),
            optional(self.exit_time),
            optional(self.exit_price),
            self.fees.to_string(),
            self.pnl.to_string(),
            self.return_ratio.to_string(),
            self.entry_reason.clone(),
            self.exit_reason.clone(),
        ]
    }
}

impl Row for EquityPoint {
    const COLUMNS: &'static [&'static str] = &[
        "time",
        "equity",
        "cash",
        "position_value",
        "drawdown",
        "optimistic",
        "pessimistic",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.time.to_string(),
            self.equity.to_string(),
            self.cash.to_string(),
            self.position_value.to_string(),
            self.drawdown.to_string(),
            optional(self.optimistic),
            optional(self.pessimistic),
        ]
    }
}

impl Row for Fill {
    const COLUMNS: &'static [&'static str] = &[
        "number",
        "order_id",
        "time",
        "side",
        "quantity",
        "price",
        "fee",
        "currency",
        "liquidity",
        "decision_price",
        "drift",
        "latency",
        "spread",
        "slippage",
        "impact",
        "tier",
        "tape",
        "met",
    ];

    fn cells(&self) -> Vec<String> {
        let why = &self.explanation;
        vec![
            self.number.to_string(),
            self.order_id.to_string(),
            self.time.to_string(),
            self.side.to_string(),
            self.quantity.to_string(),
            self.price.to_string(),
            self.fee.amount.to_string(),
            self.fee.currency.to_string(),
            word(&self.liquidity),
            why.decision_price.to_string(),
            why.drift.amount.to_string(),
            why.latency.amount.to_string(),
            why.spread.amount.to_string(),
            why.slippage.amount.to_string(),
            why.impact.amount.to_string(),
            why.tier.to_string(),
            why.tape.to_string(),
            why.met.to_string(),
        ]
    }
}

impl Row for Order {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "submitted_at",
        "side",
        "type",
        "price",
        "quantity",
        "filled",
        "average_price",
        "status",
        "purpose",
        "reason",
        "end_reason",
        "end_code",
        "updated_at",
        "limit_price",
        "stop_price",
        "expires_at",
        "client_order_id",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.submitted_at.to_string(),
            self.side.to_string(),
            self.kind.name().to_owned(),
            optional(self.kind.price()),
            self.quantity.to_string(),
            self.filled.to_string(),
            optional(self.average_price),
            word(&self.status),
            word(&self.purpose),
            self.reason.to_string(),
            self.end_reason.to_string(),
            self.end_code.to_string(),
            self.updated_at.to_string(),
            optional(self.kind.limit_price()),
            optional(self.kind.stop_price()),
            optional(self.expires_at),
            optional(self.client_order_id.as_ref()),
        ]
    }
}

impl Row for Position {
    const COLUMNS: &'static [&'static str] = &[
        "symbol",
        "side",
        "quantity",
        "entry_price",
        "entry_time",
        "mark_price",
        "market_value",
        "unrealized_pnl",
        "stop_price",
        "target_price",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.symbol.to_string(),
            self.side.to_string(),
            self.quantity.to_string(),
            self.entry_price.to_string(),
            self.entry_time.to_string(),
            self.mark_price.to_string(),
            self.market_value.amount.to_string(),
            self.unrealized_pnl.amount.to_string(),
            optional(self.stop_price),
            optional(self.target_price),
        ]
    }
}

impl Row for Event {
    const COLUMNS: &'static [&'static str] = &["seq", "time", "kind", "event"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.seq.to_string(),
            self.time.to_string(),
            crate::host::kind_name(&self.kind).to_owned(),
            serde_json::to_string(&self.kind).unwrap_or_default(),
        ]
    }
}

/// Records as CSV text.
///
/// # Errors
/// Those of the writer.
pub(crate) fn write<T: Row>(out: impl std::io::Write, rows: impl IntoIterator<Item = T>) -> csv::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(T::COLUMNS)?;
    for row in rows {
        writer.write_record(row.cells().iter().map(|cell| guard(cell).into_owned()))?;
    }
    writer.flush()?;
    Ok(())
}

/// Records as an answer.
pub(super) fn respond<T: Row>(rows: Vec<T>) -> Response {
    let mut text = Vec::new();
    match write(&mut text, rows) {
        Ok(()) => ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response(),
        Err(error) => super::problem::internal(&error).into_response(),
    }
}

/// Keeps spreadsheets from taking text for a formula; numbers stay as they are.
fn guard(cell: &str) -> std::borrow::Cow<'_, str> {
    let formula = cell.starts_with(['=', '+', '@', '\t', '\r'])
        || (cell.starts_with('-') && cell.parse::<f64>().is_err());
    if formula {
        format!("'{cell}").into()
    } else {
        cell.into()
    }
}

fn optional(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A variant's name as JSON writes it.
fn word(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_looks_like_a_formula_is_text_and_numbers_are_numbers() {
        assert_eq!(guard("=1+1"), "'=1+1");
        assert_eq!(guard("-cmd"), "'-cmd");
        assert_eq!(guard("-12.5"), "-12.5");
        assert_eq!(guard("entry.long"), "entry.long");
    }
}
