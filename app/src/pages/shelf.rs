//! The strategy shelf: a card a strategy.

use crate::components::{BacktestRun, Change, Empty, ParamValues, Sparkline, Start, Time};
use crate::format::{self, NONE};
use leptos::prelude::*;
use leptos_router::components::A;
use papertape::api::{BacktestRequest, BacktestSummary, StrategyCard};

/// Cards, filtered by `words`.
#[component]
pub(crate) fn Shelf(
    /// The library.
    cards: Vec<StrategyCard>,
    /// What the reader looks for.
    #[prop(into)]
    words: Signal<String>,
) -> impl IntoView {
    if cards.is_empty() {
        return view! {
            <Empty title="The shelf is empty">
                <p>
                    "A strategy is a YAML file: rules for entries and exits, a size, a stop. Put one into the folder "
                    <code>"strategies/"</code>
                    " and reload this page."
                </p>
            </Empty>
        }
        .into_any();
    }
    let cards: Vec<_> = cards
        .into_iter()
        .map(|card| {
            let text = format!("{} {} {}", card.slug, card.name, card.description).to_lowercase();
            let hidden = move || {
                words.with(|words| {
                    !words
                        .to_lowercase()
                        .split_whitespace()
                        .all(|word| text.contains(word))
                })
            };
            view! {
                <li hidden=hidden>
                    <Card card />
                </li>
            }
        })
        .collect();
    view! { <ul class="shelf">{cards}</ul> }.into_any()
}

#[component]
fn Card(card: StrategyCard) -> impl IntoView {
    let href = format!("/strategies/{}", card.slug);
    let symbols: Vec<_> = card.symbols.iter().map(ToString::to_string).collect();
    let timeframe = card
        .timeframe
        .map(|timeframe| timeframe.to_string())
        .unwrap_or_default();
    let broken = !card.problems.is_empty();
    let changed = card
        .last_backtest
        .as_ref()
        .map(|last| last.params.clone())
        .unwrap_or_default();
    let values = ParamValues::new(&card.params, &changed);
    let shown = format::parameters(&values.get_untracked());
    let body = if broken {
        view! { <Problems problems=card.problems.clone() /> }.into_any()
    } else if let Some(last) = card.last_backtest.clone() {
        view! { <LastBacktest last /> }.into_any()
    } else {
        view! {
            <div class="never">
                <p>
                    <strong>"Not tested yet. "</strong>
                    "A backtest over 90 days of the simulated market takes a moment and shows what these rules would \
                     have done."
                </p>
            </div>
        }
        .into_any()
    };
    let slug = StoredValue::new(card.slug.clone());
    let request = move |()| BacktestRequest {
        strategy: slug.get_value(),
        params: values.get_untracked(),
        ..BacktestRequest::default()
    };
    let backtest = card.last_backtest.as_ref().map(|last| last.id.clone());
    let label = if card.last_backtest.is_some() {
        "Backtest again"
    } else {
        "Backtest"
    };
    let actions = (!broken).then(|| {
        view! {
            <p class="with">
                {(!shown.is_empty()).then(|| format!("{shown}, "))}
                "simulated market, 100,000 capital"
            </p>
            <div class="card-actions">
                <Start slug=card.slug.clone() params=card.params.clone() values backtest />
                <BacktestRun request running=card.running_backtest.clone() label />
            </div>
        }
    });
    view! {
        <article class="card" data-testid="strategy-card" data-slug=card.slug>
            <header>
                <h3>
                    <A href=href>{card.name}</A>
                </h3>
                <p class="market">{symbols.join(", ")} " " {timeframe}</p>
            </header>
            <p class="description">{card.description}</p>
            {body}
            {actions}
        </article>
    }
    .into_any()
}

#[component]
fn Problems(problems: Vec<String>) -> impl IntoView {
    let lines: Vec<_> = problems
        .into_iter()
        .map(|problem| view! { <li><code>{problem}</code></li> })
        .collect();
    view! {
        <div class="note failure">
            <p>
                <strong>"This file cannot run yet."</strong>
                " Line and column of each problem:"
            </p>
            <ul>{lines}</ul>
        </div>
    }
    .into_any()
}

#[component]
fn LastBacktest(last: BacktestSummary) -> impl IntoView {
    let href = format!("/backtests/{}", last.id);
    let ratio = |value: Option<f64>, text: fn(f64) -> String| value.map_or_else(|| NONE.to_owned(), text);
    let total = last.total_return;
    view! {
        <div class="tested">
            <Sparkline values=Signal::stored(last.sparkline) />
            <dl class="figures">
                <div>
                    <dt>"Return"</dt>
                    <dd>
                        <Change
                            value=Signal::stored(total)
                            text=Signal::stored(format::signed_percent(total, 2))
                        />
                    </dd>
                </div>
                <div>
                    <dt>"Drawdown"</dt>
                    <dd>{format::percent(last.max_drawdown, 2)}</dd>
                </div>
                <div>
                    <dt>"Sharpe"</dt>
                    <dd>{ratio(last.sharpe, |value| format::number(value, 2))}</dd>
                </div>
                <div>
                    <dt>"Win rate"</dt>
                    <dd>{ratio(last.win_rate, |value| format::percent(value, 1))}</dd>
                </div>
                <div>
                    <dt>"Trades"</dt>
                    <dd>{format::count(last.trades)}</dd>
                </div>
            </dl>
            <p class="source">
                <A href=href>"Backtest"</A>
                " on "
                {last.dataset_label}
                ", "
                <Time at=last.finished_at />
            </p>
        </div>
    }
    .into_any()
}
