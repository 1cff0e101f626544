//! A backtest: how far it is, then whether it was good.

use super::Missing;
use crate::chart::Chart;
use crate::chart::options::{EquityCurve, Mark, MarkKind, PriceView, equity, price};
use crate::components::{
    Change, Frame, MetricList, ParamValues, ProblemNote, Progress, ProgressBar, Runner, Skeleton, Start,
    Time, execution_facts,
};
use crate::format::{self, NONE};
use crate::functions::{self, Problem};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;
use papertape::api::{
    BacktestReport, BacktestState, BacktestStatus, EquityPoint, ParamInfo, ProblemDetails, TradeReport,
};
use papertape::model::{BacktestId, Money, Price};
use papertape::portfolio::TradeSide;
use rust_decimal::Decimal;

/// Trades on one page of the table.
const PAGE: usize = 50;

/// The page.
#[component]
pub(crate) fn Backtest() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let backtest = Resource::new(
        move || id.get(),
        |id| async move {
            match id.parse::<BacktestId>() {
                Ok(id) => functions::backtest(id).await,
                Err(_) => Err(Problem(unknown(&id))),
            }
        },
    );
    view! {
        <Suspense fallback=|| view! { <Skeleton blocks=&[14, 40, 90] /> }>
            {move || Suspend::new(async move {
                match backtest.await {
                    Ok(status) => view! { <Body status /> }.into_any(),
                    Err(Problem(problem)) => {
                        view! { <Missing problem instead=("/strategies", "All strategies") /> }.into_any()
                    }
                }
            })}
        </Suspense>
    }
    .into_any()
}

fn unknown(id: &str) -> ProblemDetails {
    ProblemDetails {
        type_uri: "about:blank".to_owned(),
        title: "No such backtest".to_owned(),
        status: 404,
        detail: format!("There is no backtest '{id}'."),
        code: "unknown_backtest".to_owned(),
        errors: Vec::new(),
    }
}

#[component]
fn Body(status: BacktestStatus) -> impl IntoView {
    let under_way = matches!(status.state, BacktestState::Queued | BacktestState::Running);
    let id = status.id.clone();
    let name = title_of(&status);
    let shown = RwSignal::new(status);
    let runner = Runner::new(Callback::new(move |status| shown.set(status)));
    if under_way {
        runner.progress.set(Progress {
            bars: shown.with_untracked(|it| it.progress),
            rate: None,
        });
        Effect::new(move || runner.attach(id.clone()));
    }
    let waiting = Memo::new(move |_| {
        shown.with(|it| matches!(it.state, BacktestState::Queued | BacktestState::Running))
    });
    view! {
        <Title text=format!("Backtest of {name}") />
        <div class="page">
            <Show
                when=move || waiting.get()
                fallback=move || view! { <Outcome status=shown.get_untracked() /> }
            >
                <header class="page-head">
                    <h1>{name.clone()}</h1>
                </header>
                <Frame title="Running">
                    <div class="run">
                        <ProgressBar progress=runner.progress />
                        <button
                            type="button"
                            class="button small"
                            data-testid="backtest-cancel"
                            on:click=move |_| runner.cancel()
                        >
                            "Cancel"
                        </button>
                    </div>
                    <ProblemNote problem=runner.deed.problem />
                </Frame>
            </Show>
        </div>
    }
    .into_any()
}

fn title_of(status: &BacktestStatus) -> String {
    status
        .report
        .as_ref()
        .map(|report| report.strategy.name.clone())
        .or_else(|| status.slug.clone())
        .unwrap_or_else(|| "a strategy".to_owned())
}

#[component]
fn Outcome(status: BacktestStatus) -> impl IntoView {
    let name = title_of(&status);
    let state = status.state;
    let slug = status.slug.clone();
    let error = status.error.clone();
    match status.report.clone() {
        Some(report) => view! { <Result status report /> }.into_any(),
        None => {
            let (title, text) = match state {
                BacktestState::Canceled => (
                    "Canceled",
                    "The run was ended on request; nothing was kept.".to_owned(),
                ),
                _ => (
                    "The backtest failed",
                    error.unwrap_or_else(|| "It could not run, and no reason was recorded.".to_owned()),
                ),
            };
            let back = slug.map_or("/strategies".to_owned(), |slug| format!("/strategies/{slug}"));
            view! {
                <header class="page-head"><h1>{name}</h1></header>
                <div class="note failure" role="alert" data-testid="problem">
                    <p><strong>{title}</strong> ". " {text}</p>
                    <p class="actions"><A href=back attr:class="button">"Back to the strategy"</A></p>
                </div>
            }
            .into_any()
        }
    }
}

#[component]
fn Result(status: BacktestStatus, report: BacktestReport) -> impl IntoView {
    let currency = status.currency.clone();
    let digits = format::currency_digits(&currency);
    let money = |value: Decimal| format!("{} {currency}", format::decimal(value, digits));
    let profit = report.final_equity - report.initial_capital;
    let total = report.metrics.total_return;
    let held = report.metrics.buy_and_hold_return;
    let metrics = report.metrics.clone();
    let slug = status.slug.clone();
    let values = ParamValues::new(&infos(&report), &report.strategy.params);
    let start = slug.clone().map(|slug| {
        view! {
            <Start
                slug
                params=infos(&report)
                values
                backtest=Some(status.id.clone())
                timeframe=status.request.timeframe
                execution=status.request.execution.clone()
                capital=status.request.initial_capital
            />
        }
    });
    let name = report.strategy.name.clone();
    let trail = slug.map(|slug| {
        view! {
            <p class="trail">
                <A href="/strategies">"Strategies"</A>
                " / "
                <A href=format!("/strategies/{slug}")>{name.clone()}</A>
            </p>
        }
    });
    let title = report.strategy.name.clone();
    let table_currency = currency.clone();
    let params = format::parameters(&report.strategy.params);
    let signed = format!(
        "{} {currency}",
        format::signed_number(Price(profit).to_f64(), digits as usize)
    );
    let group = format!("backtest-{}", status.id);
    view! {
        <header class="page-head">
            <div>
                {trail}
                <h1>"Backtest of " {title}</h1>
                <p class="market">
                    {report.symbol.to_string()} " " {report.timeframe.to_string()} " "
                    {status.simulated.then(|| view! { <span class="tag" data-feed="simulated">"simulated"</span> })}
                    " " {status.dataset_label.clone()}
                    {(!params.is_empty()).then(|| format!(", {params}"))}
                </p>
            </div>
            <div class="sticky-on-phone">{start}</div>
        </header>
        <section class="strip" aria-label="Result">
            <div class="stat wide">
                <p class="name">"Return"</p>
                <p class="value" data-testid="session-return">
                    <Change
                        value=Signal::stored(total)
                        text=Signal::stored(format::signed_percent(total, 2))
                    />
                </p>
                <p class="hint">{signed} " on " {money(report.initial_capital)}</p>
            </div>
            <div class="stat">
                <p class="name">"Buy and hold"</p>
                <p class="value">
                    {held
                        .map_or_else(
                            || NONE.into_any(),
                            |held| {
                                view! {
                                    <Change
                                        value=Signal::stored(held)
                                        text=Signal::stored(format::signed_percent(held, 2))
                                    />
                                }
                                    .into_any()
                            },
                        )}
                </p>
                <p class="hint">
                    {match held {
                        Some(held) if total > held => "The rules did better than holding",
                        Some(_) => "Holding did better than the rules",
                        None => "Not known",
                    }}
                </p>
            </div>
            {band_stat(&report)}
            <Stat name="Max drawdown" value=format::percent(metrics.max_drawdown, 2) hint=format!("longest {}", format::duration(metrics.max_drawdown_duration_s as f64)) />
            <Stat name="Sharpe" value=metrics.sharpe.map_or_else(|| NONE.to_owned(), |it| format::number(it, 2)) hint="annualised, daily returns".to_owned() />
            <Stat name="Win rate" value=metrics.win_rate.map_or_else(|| NONE.to_owned(), |it| format::percent(it, 1)) hint=format!("{} of {} trades", format::count(metrics.winning_trades), format::count(metrics.trades)) />
            <Stat name="Fees" value=format::number(metrics.total_fees, digits as usize) hint=currency.clone() />
        </section>
        <Charts status=status.clone() report=report.clone() group />
        <Frame title="Metrics">
            <MetricList metrics=Signal::stored(metrics) currency=currency.clone() />
        </Frame>
        <Trades
            trades=report.trades.clone()
            currency=table_currency
            price_digits=status.price_digits
            quantity_digits=status.quantity_digits
        />
        <Provenance status report />
    }
    .into_any()
}

/// The parameters of a run, as far as the run itself knows them: name and value.
fn infos(report: &BacktestReport) -> Vec<ParamInfo> {
    report
        .strategy
        .params
        .iter()
        .map(|(name, value)| ParamInfo {
            name: name.clone(),
            default: *value,
            min: None,
            max: None,
            step: None,
            description: String::new(),
        })
        .collect()
}

/// What the runs with kinder and less kind fills brought.
fn band_stat(report: &BacktestReport) -> Option<impl IntoView + use<>> {
    let band = report.band.as_ref()?;
    let text = |total: f64| format::signed_percent(total, 2);
    let value = format!(
        "{} to {}",
        text(band.pessimistic.total_return),
        text(band.optimistic.total_return)
    );
    let hint = "pessimistic and optimistic fills: two more runs, no bounds".to_owned();
    Some(view! { <Stat name="Band" value hint /> })
}

#[component]
fn Stat(name: &'static str, value: String, hint: String) -> impl IntoView {
    view! {
        <div class="stat">
            <p class="name">{name}</p>
            <p class="value">{value}</p>
            <p class="hint">{hint}</p>
        </div>
    }
    .into_any()
}

#[component]
fn Charts(status: BacktestStatus, report: BacktestReport, group: String) -> impl IntoView {
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
            view! {
                <tr>
                    <th scope="row"><Time at=point.time /></th>
                    <td class="number">{format::decimal(point.equity, digits)}</td>
                    <td class="number">{shadow(point.pessimistic)}</td>
                    <td class="number">{shadow(point.optimistic)}</td>
                    <td class="number">{format::decimal(point.cash, digits)}</td>
                    <td class="number">{format::percent(point.drawdown, 2)}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <details class="chart-data" open=open>
            <summary>"As a table"</summary>
            <div class="table-box">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"Time"</th>
                            <th scope="col" class="number">"Equity"</th>
                            <th scope="col" class="number">"Pessimistic fills"</th>
                            <th scope="col" class="number">"Optimistic fills"</th>
                            <th scope="col" class="number">"Cash"</th>
                            <th scope="col" class="number">"Drawdown"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
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

#[component]
fn Trades(
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
    let trades = StoredValue::new(trades);
    let rows = move || {
        let from = page.get() * PAGE;
        trades.with_value(|trades| {
            trades
                .iter()
                .skip(from)
                .take(PAGE)
                .map(|trade| view! { <TradeLine trade=trade.clone() price_digits quantity_digits digits /> })
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
                    on:click=move |_| page.update(|page| *page = page.saturating_sub(1))
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
                    on:click=move |_| page.update(|page| *page = (*page + 1).min(pages - 1))
                >
                    "Later"
                </button>
            </nav>
        }
    });
    view! {
        <Frame title="Trades">
            <div class="table-box">
                <table class="cards-on-phone">
                    <thead>
                        <tr>
                            <th scope="col" class="number">"#"</th>
                            <th scope="col">"Side"</th>
                            <th scope="col" class="number">"Quantity"</th>
                            <th scope="col">"Entry"</th>
                            <th scope="col" class="number">"Entry price"</th>
                            <th scope="col">"Exit"</th>
                            <th scope="col" class="number">"Exit price"</th>
                            <th scope="col" class="number">"Fees"</th>
                            <th scope="col" class="number">{format!("P&L, {currency}")}</th>
                            <th scope="col" class="number">"Return"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            {pager}
        </Frame>
    }
    .into_any()
}

#[component]
fn TradeLine(trade: TradeReport, price_digits: u32, quantity_digits: u32, digits: u32) -> impl IntoView {
    let pnl = Price(trade.pnl).to_f64();
    view! {
        <tr data-testid="trade-row">
            <th scope="row" class="number" data-label="Trade">{trade.id}</th>
            <td data-label="Side">{trade.side.to_string()}</td>
            <td class="number" data-label="Quantity">{format::decimal(trade.quantity.0, quantity_digits)}</td>
            <td data-label="Entry">
                <Time at=trade.entry_time />
                <small>{trade.entry_reason}</small>
            </td>
            <td class="number" data-label="Entry price">{format::decimal(trade.entry_price.0, price_digits)}</td>
            <td data-label="Exit">
                {trade
                    .exit_time
                    .map_or_else(
                        || view! { <span class="quiet">"still open"</span> }.into_any(),
                        |at| view! { <Time at /> }.into_any(),
                    )}
                <small>{trade.exit_reason}</small>
            </td>
            <td class="number" data-label="Exit price">
                {trade
                    .exit_price
                    .map_or_else(|| NONE.to_owned(), |price| format::decimal(price.0, price_digits))}
            </td>
            <td class="number" data-label="Fees">{format::decimal(trade.fees, digits)}</td>
            <td class="number" data-label="P&L">
                <Change
                    value=Signal::stored(pnl)
                    text=Signal::stored(format::signed_number(pnl, digits as usize))
                />
            </td>
            <td class="number" data-label="Return">{format::signed_percent(trade.return_ratio, 2)}</td>
        </tr>
    }
    .into_any()
}

/// Where the result comes from and how to get it again.
#[component]
fn Provenance(status: BacktestStatus, report: BacktestReport) -> impl IntoView {
    let gaps = if report.data_quality.gaps == 0 {
        "None".to_owned()
    } else {
        format!(
            "{} gaps, {} bars missing",
            format::count(report.data_quality.gaps),
            format::count(report.data_quality.missing_bars)
        )
    };
    let capital = report.initial_capital;
    let currency: Option<papertape::model::Currency> = status.currency.parse().ok();
    let capital = currency.map_or_else(
        || capital.to_string(),
        |currency| format::money(Money::new(capital, currency)),
    );
    view! {
        <Frame title="How this was computed">
            <dl class="facts">
                <div><dt>"Data"</dt><dd>{status.dataset_label}</dd></div>
                <div>
                    <dt>"Span"</dt>
                    <dd><Time at=report.from /> " to " <Time at=report.to /></dd>
                </div>
                <div><dt>"Bars"</dt><dd>{format::count(report.bars)}</dd></div>
                <div><dt>"Holes in the data"</dt><dd>{gaps}</dd></div>
                <div><dt>"Capital"</dt><dd>{capital}</dd></div>
                {execution_facts(&report.execution)}
                <div>
                    <dt>"Decisions"</dt>
                    <dd>"Rules see closed bars only; an order placed at a close meets the next bar's open."</dd>
                </div>
                <div>
                    <dt>"Time taken"</dt>
                    <dd>
                        {format::duration(report.timing.run_ms / 1_000.0)} ", "
                        {format::compact(report.timing.bars_per_second)} " bars a second"
                    </dd>
                </div>
                <div>
                    <dt>"Event hash"</dt>
                    <dd>
                        <code class="hash" data-testid="event-hash">{report.event_hash}</code>
                        <span class="hint">
                            "The same inputs give the same hash on every machine, down to the last fill."
                        </span>
                    </dd>
                </div>
            </dl>
        </Frame>
    }
    .into_any()
}
