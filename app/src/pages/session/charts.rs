//! The session's charts: price with its own marks and working prices, equity with drawdown.

use crate::chart::options::{EquityCurve, Level, LevelKind, PriceView, equity, price, trade_marks};
use crate::chart::{Chart, ChartHandle};
use crate::components::{Frame, throttled};
use crate::erased::on;
use crate::format;
use crate::live::SessionView;
use crate::pages::backtest::EquityTable;
use leptos::prelude::*;
use papertape::api::TradeReport;
use papertape::model::InstrumentId;
use papertape::order::{Order, OrderPurpose};
use papertape::portfolio::Position;
use std::time::Duration;

/// A chart of a thousand candles is redrawn at most this often; figures beside it change with every frame.
const PAUSE: Duration = Duration::from_millis(120);
/// Candles in view at first.
const WINDOW: usize = 240;

/// Price above, equity below.
#[component]
pub(crate) fn Charts(view: SessionView) -> impl IntoView {
    let summary = view.summary.get_untracked();
    let digits = summary.instrument.price_digits();
    let charted = summary.instrument.symbol().clone();
    let currency = summary.equity.currency.to_string();
    let amount_digits = format::currency_digits(&currency);
    let initial = summary.initial_capital.to_f64();
    let group = format!("session-{}", summary.id);
    let same_group = group.clone();
    let code = currency.clone();
    let prices = throttled(String::new(), PAUSE, move || {
        let levels = view.summary.with(|it| {
            view.orders
                .with(|orders| levels(it.position.as_ref(), orders, digits))
        });
        let history = view.history_bars.get();
        let forming = view.forming.get();
        let shown = view.bars.with(|bars| PriceView {
            bars: bars.iter().copied().chain(forming).collect(),
            marks: view.trades.with(|trades| {
                let marks_of = |trade| trade_marks(&TradeReport::from(trade), digits, &code);
                let own = trades.iter().filter(|trade| trade.symbol == charted);
                own.flat_map(marks_of).collect()
            }),
            levels,
            began: if history > 0 {
                bars.get(history).map(|bar| bar.open_time)
            } else {
                None
            },
            digits,
            window: Some(WINDOW),
        });
        price(&shown)
    });
    let curve = throttled(String::new(), PAUSE, move || {
        equity(&EquityCurve {
            points: view.equity.get(),
            bars: Vec::new(),
            exits: view.trades.with(|trades| {
                trades
                    .iter()
                    .filter_map(|trade| Some((trade.exit_time?, trade.pnl.to_f64())))
                    .collect()
            }),
            initial,
            digits: amount_digits,
            currency: currency.clone(),
        })
    });
    let symbol = summary.instrument.symbol().to_string();
    let about_price = Signal::derive(move || {
        let last = view
            .bars
            .with(|bars| bars.last().map(|bar| format::number(bar.close, digits as usize)));
        format!(
            "Price of {symbol} with entries, exits and working prices; last close {}",
            last.unwrap_or_else(|| format::NONE.to_owned())
        )
    });
    let about_equity = Signal::derive(move || {
        view.summary.with(|it| {
            format!(
                "Equity and drawdown; now {}, largest drawdown {}",
                format::money(it.equity),
                format::percent(it.max_drawdown, 2)
            )
        })
    });
    let handle = ChartHandle::new();
    let as_table = RwSignal::new(false);
    let feed = summary.feed.label.clone();
    let title = if summary.peers.is_empty() {
        "Price".to_owned()
    } else {
        format!("Price of {}", summary.instrument.symbol())
    };
    view! {
        <div class="charts">
            <Frame
                title=title
                aside=move || {
                    view! {
                        <p class="hint">{feed.clone()}</p>
                        <button type="button" class="button small" on:click=on(move |_| handle.reset_zoom())>
                            "Show all"
                        </button>
                    }
                }
            >
                <div data-testid="price-chart">
                    <Chart option=prices label=about_price class="tall" group handle />
                </div>
            </Frame>
            <Frame
                title="Equity and drawdown"
                aside=move || {
                    view! {
                        <button
                            type="button"
                            class="button small"
                            aria-expanded=move || if as_table.get() { "true" } else { "false" }
                            on:click=on(move |_| as_table.update(|open| *open = !*open))
                        >
                            "As a table"
                        </button>
                    }
                }
            >
                <div data-testid="equity-chart">
                    <Chart option=curve label=about_equity class="tall" group=same_group />
                </div>
                <Show when=move || as_table.get()>
                    <EquityTable points=view.equity.get_untracked() digits=amount_digits open=true />
                </Show>
            </Frame>
        </div>
    }
    .into_any()
}

fn levels(position: Option<&Position>, orders: &[Order], digits: u32) -> Vec<Level> {
    let level = |price: papertape::model::Price, kind, word: &str| Level {
        price: price.to_f64(),
        kind,
        text: format!("{word} {}", format::decimal(price.0, digits)),
    };
    let mut levels = Vec::new();
    if let Some(position) = position {
        levels.push(level(
            position.entry_price,
            LevelKind::Entry,
            &position.side.to_string(),
        ));
    }
    // The chart is the first instrument's; what works for another has no place on it.
    let own = orders
        .iter()
        .filter(|order| order.instrument == InstrumentId::PRIMARY);
    for order in own.filter(|order| !order.status.is_final()) {
        let Some(price) = order.kind.price() else { continue };
        let (kind, word) = match order.purpose {
            OrderPurpose::StopLoss => (LevelKind::Stop, "stop loss"),
            OrderPurpose::TrailingStop => (LevelKind::Stop, "trailing stop"),
            OrderPurpose::TakeProfit => (LevelKind::Target, "take profit"),
            OrderPurpose::Entry => (LevelKind::Order, "entry order"),
            OrderPurpose::Exit | OrderPurpose::Flatten => (LevelKind::Order, "exit order"),
            OrderPurpose::Manual => (LevelKind::Order, "order"),
            OrderPurpose::Liquidation => (LevelKind::Stop, "liquidation"),
        };
        levels.push(level(price, kind, word));
    }
    levels
}
