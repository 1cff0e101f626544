//! One strategy: its source, its parameters, its backtests, and Start.

mod live;
mod versions;

use super::Missing;
use crate::components::table::{self, figure, figure_of, number, silent, text};
use crate::components::{
    BacktestRun, Change, Code, Frame, GroundDraft, GroundFields, ParamFields, ParamValues, Skeleton,
    Sparkline, Start, Time,
};
use crate::erased::memo;
use crate::format::{self, NONE};
use crate::functions::{self, Problem};
use crate::wire;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;
use live::{Live, Wanted};
use papertape::api::{BacktestRequest, BacktestSummary, DatasetInfo, StrategyDetail, StrategyVersion};
use papertape::model::Symbol;
use versions::Versions;

/// The page.
#[component]
pub(crate) fn Strategy() -> impl IntoView {
    let params = use_params_map();
    let slug = memo(move |_| params.with(|params| params.get("slug").unwrap_or_default()));
    let strategy = wire::resource(move || slug.get(), functions::strategy);
    let versions = wire::resource(move || slug.get(), functions::versions);
    let restored = Callback::new(move |()| {
        strategy.refetch();
        versions.refetch();
    });
    view! {
        <Suspense fallback=|| view! { <Skeleton blocks=&[14, 100] /> }>
            {move || Suspend::new(async move {
                let versions = versions.await.unwrap_or_default();
                match strategy.await {
                    Ok(detail) => view! { <Sheet detail versions restored /> }.into_any(),
                    Err(Problem(problem)) => {
                        view! { <Missing problem instead=("/strategies", "All strategies") /> }.into_any()
                    }
                }
            })}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Sheet(detail: StrategyDetail, versions: Vec<StrategyVersion>, restored: Callback<()>) -> impl IntoView {
    let card = detail.card;
    let last = detail.backtests.first().or(card.last_backtest.as_ref());
    let changed = last.map(|last| last.params.clone()).unwrap_or_default();
    let backtest = last.map(|last| last.id.clone());
    let values = ParamValues::new(&card.params, &changed);
    let broken = !card.problems.is_empty();
    let marked = card
        .problems
        .iter()
        .filter_map(|problem| problem.split(':').next()?.trim().parse::<usize>().ok())
        .collect();
    let symbols: Vec<_> = card.symbols.iter().map(ToString::to_string).collect();
    let problems: Vec<_> = card
        .problems
        .iter()
        .map(|problem| view! { <li><code>{problem.clone()}</code></li> })
        .collect();
    let warnings = warning_list(detail.warnings);
    let start = (!broken).then(|| {
        view! { <Start slug=card.slug.clone() params=card.params.clone() values backtest /> }
    });
    view! {
        <Title text=card.name.clone() />
        <div class="page">
            <header class="page-head">
                <div>
                    <p class="trail"><A href="/strategies">"Strategies"</A></p>
                    <h1>{card.name.clone()}</h1>
                    <p class="market">
                        {symbols.join(", ")} " "
                        {card.timeframe.map(|timeframe| timeframe.to_string()).unwrap_or_default()}
                    </p>
                </div>
                <div class="buttons sticky-on-phone">
                    {(!broken)
                        .then(|| {
                            view! {
                                <A
                                    href=format!("/strategies/{}/research", card.slug)
                                    attr:class="button"
                                    attr:data-testid="research"
                                >
                                    "Research"
                                </A>
                            }
                        })}
                    <A href=format!("/strategies/{}/edit", card.slug) attr:class="button" attr:data-testid="edit">
                        "Edit"
                    </A>
                    <A href=format!("/strategies/new?from={}", card.slug) attr:class="button" attr:data-testid="duplicate">
                        "Duplicate"
                    </A>
                    {start}
                </div>
            </header>
            <p class="lead">{card.description.clone()}</p>
            {broken
                .then(|| {
                    view! {
                        <div class="note failure" role="alert" data-testid="problem">
                            <p>
                                <strong>"This file cannot run yet. "</strong>
                                "Correct these places (line, column) in the editor, or in the file itself:"
                            </p>
                            <ul>{problems}</ul>
                        </div>
                    }
                })}
            {warnings}
            <div class="two-columns">
                <div class="column">
                    {(!broken)
                        .then(|| {
                            view! {
                                <Bench
                                    slug=card.slug.clone()
                                    params=card.params.clone()
                                    values
                                    symbol=card.symbols.first().cloned()
                                    source=detail.whole.clone().unwrap_or_else(|| detail.source.clone())
                                    datasets=detail.datasets
                                    running=card.running_backtest.clone()
                                />
                            }
                        })}
                    <History backtests=detail.backtests />
                    <Versions slug=card.slug.clone() present=detail.version versions restored />
                </div>
                <Frame title=format!("{}.yaml", card.slug) class="source">
                    <div data-testid="code">
                        <Code text=detail.source marked />
                    </div>
                </Frame>
            </div>
        </div>
    }
    .into_any()
}

/// What is likely a mistake, though it runs.
fn warning_list(warnings: Vec<String>) -> Option<AnyView> {
    let lines: Vec<_> = warnings
        .into_iter()
        .map(|warning| view! { <li>{warning}</li> })
        .collect();
    (!lines.is_empty()).then(|| {
        view! {
            <div class="note" data-testid="warnings">
                <p>
                    <strong>"It runs, but look at these places "</strong>
                    "(line, column):"
                </p>
                <ul>{lines}</ul>
            </div>
        }
        .into_any()
    })
}

/// Parameters, data, costs, and the button.
#[component]
fn Bench(
    slug: String,
    params: Vec<papertape::api::ParamInfo>,
    values: ParamValues,
    symbol: Option<Symbol>,
    source: String,
    datasets: Vec<DatasetInfo>,
    running: Option<papertape::model::BacktestId>,
) -> impl IntoView {
    let base = BacktestRequest {
        strategy: slug,
        ..BacktestRequest::default()
    };
    let ground = GroundDraft::new(&base, datasets);
    let request = memo(move |_| ground.read(values.get()));
    let with_params = !params.is_empty();
    let wanted = memo(move |_| {
        Some(Wanted {
            bars: ground
                .chosen()
                .map(|set| address(&set, symbol.as_ref()))
                .unwrap_or_default(),
            request: request.get()?,
        })
    });
    let currency = Signal::derive(move || {
        ground
            .chosen()
            .map(|set| set.symbol.quote().to_string())
            .unwrap_or_default()
    });
    view! {
        <Frame title="Backtest" class="bench">
            {with_params.then(|| view! { <ParamFields params values prefix="bench" /> })}
            <GroundFields draft=ground prefix="bench" />
            <BacktestRun
                request=move |()| request.get_untracked().unwrap_or_default()
                ready=Signal::derive(move || request.with(Option::is_some))
                running
                primary=true
                label="Run backtest"
            />
        </Frame>
        <Live wanted source currency />
    }
    .into_any()
}

/// Where the bars of a dataset are; the simulated market has those of the strategy's own symbol.
fn address(set: &DatasetInfo, symbol: Option<&Symbol>) -> String {
    let symbol = symbol.filter(|_| set.simulated).unwrap_or(&set.symbol);
    format!(
        "/api/paper-trading/markets/{}/bars?dataset={}&format=packed",
        escaped(symbol.as_str()),
        escaped(&set.id)
    )
}

/// A text as a part of an address.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[component]
fn History(backtests: Vec<BacktestSummary>) -> impl IntoView {
    if backtests.is_empty() {
        return view! {
            <Frame title="Past backtests">
                <p class="quiet">"None yet. Each run is kept here with its parameters, to compare and to start from."</p>
            </Frame>
        }
        .into_any();
    }
    let rows: Vec<_> = backtests
        .into_iter()
        .map(|run| {
            let ratio =
                |value: Option<f64>, text: fn(f64) -> String| value.map_or_else(|| NONE.to_owned(), text);
            let total = run.total_return;
            let change = view! {
                <Change value=Signal::stored(total) text=Signal::stored(format::signed_percent(total, 2)) />
            };
            let cells = vec![
                figure_of("Return", change.into_any()),
                figure("Drawdown", format::percent(run.max_drawdown, 2)),
                figure("Sharpe", ratio(run.sharpe, |value| format::number(value, 2))),
                figure("Win rate", ratio(run.win_rate, |value| format::percent(value, 1))),
                figure("Trades", format::count(run.trades)),
            ];
            let params = (!run.params.is_empty()).then(|| format!(", {}", format::parameters(&run.params)));
            view! {
                <tr data-testid="backtest-row">
                    <th scope="row" class="head">
                        <A href=format!("/backtests/{}", run.id)>
                            <Time at=run.finished_at />
                        </A>
                        <small>{run.dataset_label} {params}</small>
                    </th>
                    <td class="spark">
                        <Sparkline values=Signal::stored(run.sparkline) />
                    </td>
                    {cells}
                </tr>
            }
        })
        .collect();
    let columns = vec![
        text("Run"),
        silent("Equity"),
        number("Return"),
        number("Drawdown"),
        number("Sharpe"),
        number("Win rate"),
        number("Trades"),
    ];
    view! {
        <Frame title="Past backtests">
            {table::table("cards-on-phone", columns, rows.into_any())}
        </Frame>
    }
    .into_any()
}
