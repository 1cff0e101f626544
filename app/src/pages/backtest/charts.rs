//! A backtest's charts, and what they show as a table.

use crate::chart::Chart;
use crate::chart::options::{EquityCurve, Mark, MarkKind, PriceView, equity, price};
use crate::components::table::{self, figure, number, text};
use crate::components::{Frame, Time};
use crate::format::{self, NONE};
use leptos::prelude::*;
use papertape::api::{BacktestReport, BacktestStatus, EquityPoint, TradeReport};
use papertape::model::Price;
use papertape::portfolio::TradeSide;
use rust_decimal::Decimal;

#[component]
pub(super) fn Charts(status: BacktestStatus, report: BacktestReport, group: String) -> impl IntoView {
    let digits = format::currency_digits(&status.currency);
    let curve = EquityCurve {
        points: status.equity.clone(),
        bars: status.bars.clone(),
        exits: report
            .trades
            .iter()
            .filter_map(|trade| Some((trade.exit_time?, Price(trade.pnl).to_f64())))
            .collect(),
        initial: Price(report.initial_capital).to_f64(),
        digits,
        currency: status.currency.clone(),
    };
    let view = PriceView {
        bars: status.bars.clone(),
        marks: marks(&report.trades, status.price_digits, &status.currency),
        levels: Vec::new(),
        began: None,
        digits: status.price_digits,
        window: None,
    };
    // Built once, and only where there is a canvas to draw on.
    let curve = StoredValue::new(curve);
    let view = StoredValue::new(view);
    let alive = RwSignal::new(false);
    Effect::new(move || alive.set(true));
    let equity_option = Memo::new(move |_| {
        if alive.get() {
            curve.with_value(equity)
        } else {
            String::new()
        }
    });
    let price_option = Memo::new(move |_| {
        if alive.get() {
            view.with_value(price)
        } else {
            String::new()
        }
    });
    let same_group = group.clone();
    let label = format!(
        "Equity from {} to {} against buy and hold, and drawdown",
        format::decimal(report.initial_capital, digits),
        format::decimal(report.final_equity, digits)
    );
    view! {
        <Frame title="Equity against buy and hold, and drawdown">
            <div data-testid="equity-chart">
                <Chart option=equity_option label=Signal::stored(label) class="tall" group />
            </div>
            <EquityTable points=status.equity digits />
        </Frame>
        <Frame
            title="Trades on the price"
            aside=move || view! { <p class="hint">"Wheel zooms, drag moves"</p> }
        >
            <div data-testid="price-chart">
                <Chart
                    option=price_option
                    label=Signal::stored(format!("Price of {} with entries and exits", report.symbol))
                    class="tall"
                    group=same_group
                />
            </div>
        </Frame>
    }
    .into_any()
}

/// What a chart shows, for those who read tables.
#[component]
pub(crate) fn EquityTable(
    /// The curve.
    #[prop(into)]
    points: Vec<EquityPoint>,
    /// Digits of amounts.
    digits: u32,
    /// Whether it is unfolded from the first.
    #[prop(optional)]
    open: bool,
) -> impl IntoView {
    const ROWS: usize = 24;
    let step = points.len().div_ceil(ROWS).max(1);
    let shadow = |equity: Option<Decimal>| {
        equity.map_or_else(|| NONE.to_owned(), |equity| format::decimal(equity, digits))
    };
    let rows: Vec<_> = points
        .iter()
        .rev()
        .step_by(step)
        .map(|point| {
            let cells = vec![
                figure("Equity", format::decimal(point.equity, digits)),
                figure("Pessimistic fills", shadow(point.pessimistic)),
                figure("Optimistic fills", shadow(point.optimistic)),
                figure("Cash", format::decimal(point.cash, digits)),
                figure("Drawdown", format::percent(point.drawdown, 2)),
            ];
            view! { <tr><th scope="row"><Time at=point.time /></th>{cells}</tr> }
        })
        .collect();
    let columns = vec![
        text("Time"),
        number("Equity"),
        number("Pessimistic fills"),
        number("Optimistic fills"),
        number("Cash"),
        number("Drawdown"),
    ];
    view! {
        <details class="chart-data" open=open>
            <summary>"As a table"</summary>
            {table::table("", columns, rows.into_any())}
        </details>
    }
    .into_any()
}

fn marks(trades: &[TradeReport], digits: u32, currency: &str) -> Vec<Mark> {
    let mut marks = Vec::with_capacity(trades.len() * 2);
    for trade in trades {
        marks.push(Mark {
            time: trade.entry_time,
            price: trade.entry_price.to_f64(),
            kind: match trade.side {
                TradeSide::Long => MarkKind::LongEntry,
                TradeSide::Short => MarkKind::ShortEntry,
            },
            text: format!(
                "{} ({})",
                format::decimal(trade.entry_price.0, digits),
                trade.entry_reason
            ),
        });
        if let (Some(time), Some(price)) = (trade.exit_time, trade.exit_price) {
            let pnl = Price(trade.pnl).to_f64();
            marks.push(Mark {
                time,
                price: price.to_f64(),
                kind: if pnl > 0.0 {
                    MarkKind::WinningExit
                } else {
                    MarkKind::LosingExit
                },
                text: format!(
                    "{} ({}), {} {currency}",
                    format::decimal(price.0, digits),
                    trade.exit_reason,
                    format::signed_number(pnl, 2)
                ),
            });
        }
    }
    marks
}
