//! A backtest's round trips, a page at a time.

use crate::components::{Frame, TradeLine, table::table, trade_columns, trade_line};
use crate::erased::on;
use crate::format;
use leptos::prelude::*;
use papertape::api::TradeReport;
use papertape::model::Price;

/// Trades on one page of the table.
const PAGE: usize = 50;

#[component]
pub(super) fn Trades(
    trades: Vec<TradeReport>,
    currency: String,
    price_digits: u32,
    quantity_digits: u32,
) -> impl IntoView {
    let all = trades.len();
    if all == 0 {
        return view! {
            <Frame title="Trades">
                <p class="quiet">
                    "The rules never entered. Loosen the entry, widen the parameters, or try a longer span."
                </p>
            </Frame>
        }
        .into_any();
    }
    let digits = format::currency_digits(&currency);
    let pages = all.div_ceil(PAGE);
    let page = RwSignal::new(0_usize);
    let several = trades.windows(2).any(|pair| pair[0].symbol != pair[1].symbol);
    let trades = StoredValue::new(trades);
    let rows = move || {
        let from = page.get() * PAGE;
        trades.with_value(|trades| {
            trades
                .iter()
                .skip(from)
                .take(PAGE)
                .map(|trade| line(trade, several, price_digits, quantity_digits, digits))
                .collect::<Vec<_>>()
        })
    };
    let pager = (pages > 1).then(|| {
        view! {
            <nav class="pager" aria-label="Pages of trades">
                <button
                    type="button"
                    class="button small"
                    disabled=move || page.get() == 0
                    on:click=on(move |_| page.update(|page| *page = page.saturating_sub(1)))
                >
                    "Earlier"
                </button>
                <p role="status">
                    {move || {
                        let from = page.get() * PAGE;
                        format!("{} to {} of {}", from + 1, (from + PAGE).min(all), format::count(all as u64))
                    }}
                </p>
                <button
                    type="button"
                    class="button small"
                    disabled=move || { page.get() + 1 >= pages }
                    on:click=on(move |_| page.update(|page| *page = (*page + 1).min(pages - 1)))
                >
                    "Later"
                </button>
            </nav>
        }
    });
    view! {
        <Frame title="Trades">
            {table("cards-on-phone", trade_columns(&currency), rows.into_any())}
            {pager}
        </Frame>
    }
    .into_any()
}

fn line(trade: &TradeReport, several: bool, price_digits: u32, quantity_digits: u32, digits: u32) -> AnyView {
    let pnl = Price(trade.pnl).to_f64();
    let price = |price: Price| format::decimal(price.0, price_digits);
    trade_line(&TradeLine {
        id: trade.id,
        side: trade.side,
        symbol: several.then(|| trade.symbol.to_string()),
        quantity: format::decimal(trade.quantity.0, quantity_digits),
        entry: (trade.entry_time, trade.entry_reason.clone()),
        entry_price: price(trade.entry_price),
        exit: (trade.exit_time, trade.exit_reason.clone()),
        exit_price: trade.exit_price.map(price),
        fees: format::decimal(trade.fees, digits),
        pnl: (pnl, format::signed_number(pnl, digits as usize)),
        return_ratio: trade.return_ratio,
    })
}
