//! A backtest's charts, and what they show as a table.

use crate::chart::Chart;
use crate::chart::options::{EquityCurve, PriceView, equity, price as price_option, trade_marks};
use crate::components::table::{self, figure, number, text};
use crate::components::{Frame, Time};
use crate::erased::{effect, memo};
use crate::format::{self, NONE};
use leptos::prelude::*;
use papertape::api::{BacktestReport, BacktestStatus, EquityPoint, TradeReport};
use papertape::market::Bar;
use papertape::model::Price;
use rust_decimal::Decimal;

#[component]
pub(super) fn Charts(status: BacktestStatus, report: BacktestReport, group: String) -> impl IntoView {
    let digits = format::currency_digits(&status.currency);
    let curve = equity_curve(
        &report.trades,
        (status.equity.clone(), status.bars.clone()),
        report.initial_capital,
        &status.currency,
    );
    let price = price_view(&report.trades, status.bars, status.price_digits, &status.currency);
    view! {
        <ResultCharts curve=Signal::stored(curve) price=Signal::stored(price) group />
        <EquityTable points=status.equity digits />
    }
    .into_any()
}

/// What came of a backtest as two charts of one time axis.
#[component]
pub(crate) fn ResultCharts(
    /// Equity.
    #[prop(into)]
    curve: Signal<EquityCurve>,
    /// Price and trades.
    #[prop(into)]
    price: Signal<PriceView>,
    /// What links the two.
    #[prop(into)]
    group: String,
) -> impl IntoView {
    // Options are built only where there is a canvas to draw on.
    let alive = RwSignal::new(false);
    effect(move || alive.set(true));
    let equity_option = memo(move |_| {
        if alive.get() {
            curve.with(equity)
        } else {
            String::new()
        }
    });
    let drawn_price = memo(move |_| {
        if alive.get() {
            price.with(price_option)
        } else {
            String::new()
        }
    });
    let same_group = group.clone();
    let label = Signal::derive(move || {
        curve.with(|curve| {
            let digits = curve.digits as usize;
            let last = curve
                .points
                .last()
                .map_or(curve.initial, |point| Price(point.equity).to_f64());
            format!(
                "Equity from {} to {} against buy and hold, and drawdown",
                format::number(curve.initial, digits),
                format::number(last, digits)
            )
        })
    });
    let trades = Signal::derive(move || {
        let marks = price.with(|price| price.marks.len() as u64);
        format!("Price with {} entries and exits", format::count(marks))
    });
    view! {
        <Frame title="Equity against buy and hold, and drawdown">
            <div data-testid="equity-chart">
                <Chart option=equity_option label class="tall" group />
            </div>
        </Frame>
        <Frame
            title="Trades on the price"
            aside=move || view! { <p class="hint">"Wheel zooms, drag moves"</p> }
        >
            <div data-testid="price-chart">
                <Chart option=drawn_price label=trades class="tall" group=same_group />
            </div>
        </Frame>
    }
    .into_any()
}

/// What the equity chart is given: the round trips, the curve and the bars beside it, the equity at the start.
pub(crate) fn equity_curve(
    trades: &[TradeReport],
    (points, bars): (Vec<EquityPoint>, Vec<Bar>),
    initial: Decimal,
    currency: &str,
) -> EquityCurve {
    EquityCurve {
        points,
        bars,
        exits: trades
            .iter()
            .filter_map(|trade| Some((trade.exit_time?, Price(trade.pnl).to_f64())))
            .collect(),
        initial: Price(initial).to_f64(),
        digits: format::currency_digits(currency),
        currency: currency.to_owned(),
    }
}

/// What the price chart is given.
pub(crate) fn price_view(trades: &[TradeReport], bars: Vec<Bar>, digits: u32, currency: &str) -> PriceView {
    PriceView {
        bars,
        marks: trades
            .iter()
            .flat_map(|trade| trade_marks(trade, digits, currency))
            .collect(),
        levels: Vec::new(),
        began: None,
        digits,
        window: None,
    }
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
