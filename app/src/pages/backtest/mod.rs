//! A backtest: how far it is, then whether it was good.

mod charts;
mod result;
mod trades;

pub(crate) use charts::{EquityTable, ResultCharts, equity_curve, price_view};

use super::Missing;
use crate::components::{Frame, ProblemNote, Progress, ProgressBar, Runner, Skeleton};
use crate::erased::{effect, memo, on};
use crate::functions::{self, Problem};
use crate::wire;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;
use papertape::api::{BacktestState, BacktestStatus, ProblemDetails};
use papertape::model::BacktestId;
use result::Result;
pub(crate) use result::caveats;

/// The page.
#[component]
pub(crate) fn Backtest() -> impl IntoView {
    let params = use_params_map();
    let id = memo(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let backtest = wire::resource(
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
        since: None,
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
            steps: shown.with_untracked(|it| it.progress),
            rate: None,
        });
        effect(move || runner.attach(id.clone()));
    }
    let waiting =
        memo(move |_| shown.with(|it| matches!(it.state, BacktestState::Queued | BacktestState::Running)));
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
                            on:click=on(move |_| runner.cancel())
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
