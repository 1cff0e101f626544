//! Round trips as rows: those of a session and those of a backtest look alike.

use super::table::{Column, cell, figure, figure_of, head, number, text, words};
use super::{Change, Time};
use crate::format::{self, NONE};
use leptos::prelude::*;
use papertape::model::Timestamp;
use papertape::portfolio::TradeSide;

/// The columns of [`trade_line`].
pub(crate) fn trade_columns(currency: &str) -> Vec<Column> {
    vec![
        number("#"),
        text("Side"),
        number("Quantity"),
        text("Entry"),
        number("Entry price"),
        text("Exit"),
        number("Exit price"),
        number("Fees"),
        number(format!("P&L, {currency}")),
        number("Return"),
    ]
}

/// A round trip in words.
#[derive(Debug)]
pub(crate) struct TradeLine {
    pub(crate) id: u64,
    pub(crate) side: TradeSide,
    /// What was traded, where that must be said.
    pub(crate) symbol: Option<String>,
    pub(crate) quantity: String,
    /// When, and why.
    pub(crate) entry: (Timestamp, String),
    pub(crate) entry_price: String,
    /// When, if it is over, and why.
    pub(crate) exit: (Option<Timestamp>, String),
    pub(crate) exit_price: Option<String>,
    pub(crate) fees: String,
    /// The amount that decides the colour, and its text.
    pub(crate) pnl: (f64, String),
    pub(crate) return_ratio: f64,
}

/// The row of a round trip.
pub(crate) fn trade_line(trade: &TradeLine) -> AnyView {
    let exit = match trade.exit.0 {
        Some(at) => view! { <Time at /> }.into_any(),
        None => view! { <span class="quiet">"still open"</span> }.into_any(),
    };
    let pnl = view! { <Change value=Signal::stored(trade.pnl.0) text=Signal::stored(trade.pnl.1.clone()) /> };
    let cells = vec![
        head("Trade", trade.id),
        words("Side", trade.side.to_string(), trade.symbol.clone()),
        figure("Quantity", trade.quantity.clone()),
        cell(
            "Entry",
            view! { <Time at=trade.entry.0 /> }.into_any(),
            Some(trade.entry.1.clone()),
        ),
        figure("Entry price", trade.entry_price.clone()),
        cell("Exit", exit, Some(trade.exit.1.clone())),
        figure(
            "Exit price",
            trade.exit_price.clone().unwrap_or_else(|| NONE.to_owned()),
        ),
        figure("Fees", trade.fees.clone()),
        figure_of("P&L", pnl.into_any()),
        figure("Return", format::signed_percent(trade.return_ratio, 2)),
    ];
    view! { <tr data-testid="trade-row">{cells}</tr> }.into_any()
}
