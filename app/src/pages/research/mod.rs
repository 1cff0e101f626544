//! Research on one strategy: which parameters are best, whether that is luck, and what else could have come.

mod axes;
mod courses;
mod form;
mod heat;
mod objectives;
mod past;
mod sweep;
mod walk;
mod watch;

use super::Missing;
use crate::components::{Empty, Frame, ProblemNote, ProgressBar, Runner, Skeleton};
use crate::erased::{effect, memo, on};
use crate::format;
use crate::functions::{self, Problem};
use crate::wire;
use form::Form;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_params_map, use_query_map};
use papertape::api::{
    BacktestRequest, BacktestState, BacktestStatus, StrategyDetail, StudyReport, StudyRequest, StudyStatus,
    StudySummary,
};
use papertape::backtest::sweep::Params;
use papertape::model::{StudyId, Timestamp};
use past::Past;
use watch::{Watch, is_open};

/// The page.
#[component]
pub(crate) fn Research() -> impl IntoView {
    let params = use_params_map();
    let slug = memo(move |_| params.with(|params| params.get("slug").unwrap_or_default()));
    let query = use_query_map();
    let asked = memo(move |_| query.with(|query| query.get("study")?.parse::<StudyId>().ok()));
    let strategy = wire::resource(move || slug.get(), functions::strategy);
    let past = wire::resource(move || slug.get(), functions::studies);
    // The one that the address names first; the desk follows the address from then on.
    let first = wire::resource(
        move || asked.get_untracked(),
        |asked| async move {
            match asked {
                Some(id) => functions::study(id).await.map(Some),
                None => Ok(None),
            }
        },
    );
    view! {
        <Suspense fallback=|| view! { <Skeleton blocks=&[14, 100] /> }>
            {move || Suspend::new(async move {
                let (first, past) = (first.await, past.await.unwrap_or_default());
                match strategy.await {
                    Ok(detail) => view! { <Desk detail first past asked /> }.into_any(),
                    Err(Problem(problem)) => {
                        view! { <Missing problem instead=("/strategies", "All strategies") /> }.into_any()
                    }
                }
            })}
        </Suspense>
    }
    .into_any()
}

/// A combination to be looked at as a backtest.
#[derive(Clone, Debug)]
struct Opened {
    params: Params,
    /// The bars on which it ran.
    span: (Timestamp, Timestamp),
}

impl Opened {
    const fn over(params: Params, span: (Timestamp, Timestamp)) -> Self {
        Self { params, span }
    }
}

/// Opens combinations.
#[derive(Clone, Copy)]
struct Opener(Callback<Opened>);

impl Opener {
    /// A cell with the button.
    fn button(self, opened: Opened) -> AnyView {
        let label = format!("Open as a backtest: {}", format::parameters(&opened.params));
        let can = !opened.params.is_empty();
        let button = can.then(|| {
            view! {
                <button
                    type="button"
                    class="button small"
                    data-testid="study-open"
                    aria-label=label
                    on:click=on(move |_| self.0.run(opened.clone()))
                >
                    "Open"
                </button>
            }
        });
        view! { <td class="row-actions">{button}</td> }.into_any()
    }
}

#[component]
fn Desk(
    detail: StrategyDetail,
    first: Result<Option<StudyStatus>, Problem>,
    past: Vec<StudySummary>,
    asked: Memo<Option<StudyId>>,
) -> impl IntoView {
    let (card, datasets) = (detail.card, detail.datasets);
    let name = card.name.clone();
    let home = format!("/strategies/{}", card.slug);
    let here = StoredValue::new(format!("{home}/research"));
    let problem = first.as_ref().err().cloned();
    let first = first.ok().flatten();
    let runs = first.as_ref().is_some_and(|it| is_open(it.state));
    // What the form says at first: what the study that is looked at asked for.
    let before = RwSignal::new(first.as_ref().map(|it| it.request.clone()));
    let watch = Watch::new(card.slug.clone(), first, past);
    if let Some(Problem(problem)) = problem {
        watch.deed.problem.set(Some(problem));
    }
    if runs {
        effect(move || watch.watch());
    }
    let navigate = use_navigate();
    let to = navigate.clone();
    let known = Callback::new(move |id: StudyId| {
        let options = NavigateOptions {
            scroll: false,
            ..NavigateOptions::default()
        };
        to(&format!("{}?study={id}", here.get_value()), options);
        show_result();
    });
    // Another address, by a link or by going back, is another study; the form then asks for what that one asked for.
    Effect::new(move |earlier: Option<Option<StudyId>>| {
        let id = asked.get();
        if earlier.is_some_and(|earlier| earlier != id) {
            watch.show(id.clone());
        }
        id
    });
    let is_new = memo(move |_| {
        watch.shown.with(|it| {
            let it = it.as_ref()?;
            before
                .with_untracked(|before| before.as_ref() != Some(&it.request))
                .then(|| it.id.clone())
        })
    });
    let asked_here = StoredValue::new(None::<StudyRequest>);
    effect(move || {
        if is_new.get().is_none() {
            return;
        }
        let request = watch
            .shown
            .with_untracked(|it| it.as_ref().map(|it| it.request.clone()));
        // What was asked for in this form stands there already.
        if asked_here.with_value(|asked| *asked != request) {
            before.set(request);
        }
    });
    let start = Callback::new(move |request: StudyRequest| {
        asked_here.set_value(Some(request.clone()));
        watch.start(request, known);
    });
    let runner = Runner::new(Callback::new(move |status: BacktestStatus| {
        if status.state == BacktestState::Finished {
            navigate(&format!("/backtests/{}", status.id), NavigateOptions::default());
        }
    }));
    let open = Opener(Callback::new(move |opened: Opened| {
        let base = watch
            .shown
            .with_untracked(|it| it.as_ref().map(|it| it.request.backtest.clone()));
        let Some(base) = base else { return };
        let mut params = base.params.clone();
        params.extend(opened.params);
        runner.start(BacktestRequest {
            params,
            from: Some(opened.span.0),
            to: Some(opened.span.1),
            ..base
        });
    }));
    let busy = memo(move |_| {
        watch.deed.pending.get()
            || watch
                .shown
                .with(|it| it.as_ref().is_some_and(|it| is_open(it.state)))
    });
    let form = move || {
        let before = before.get();
        view! { <Form card=card.clone() datasets=datasets.clone() before busy start /> }
    };
    let title = format!("Research on {name}");
    view! {
        <Title text=title.clone() />
        <div class="page">
            <header class="page-head">
                <div>
                    <p class="trail">
                        <A href="/strategies">"Strategies"</A>
                        " / "
                        <A href=home>{name}</A>
                    </p>
                    <h1>{title}</h1>
                </div>
            </header>
            <div class="research">
                <div class="column">{form}</div>
                <div class="column" id="study">
                    <ProblemNote problem=watch.deed.problem />
                    <ProblemNote problem=runner.deed.problem />
                    <Outcome watch open />
                    <Past watch home=here />
                </div>
            </div>
        </div>
    }
    .into_any()
}

/// On a phone the result is below the form: brings it to where it can be seen.
fn show_result() {
    let height = window().inner_height().ok().and_then(|height| height.as_f64());
    if let Some(place) = document().get_element_by_id("study")
        && height.is_some_and(|height| place.get_bounding_client_rect().top() > height)
    {
        place.scroll_into_view();
    }
}

/// The study on screen: how far it is, then what came of it.
#[component]
fn Outcome(watch: Watch, open: Opener) -> impl IntoView {
    let state = memo(move |_| {
        watch
            .shown
            .with(|it| it.as_ref().map(|it| (it.id.clone(), it.state)))
    });
    move || {
        match state.get() {
        None => view! {
            <div class="frame">
                <Empty title="Nothing is looked at yet">
                    <p>
                        "A sweep runs the strategy with every combination of its parameters and says whether the best of \
                         them was luck. A walk-forward chooses on the past and runs on what came after. A Monte Carlo \
                         simulation shows what else could have come. Choose on the left or above, and press "
                        <strong>"Run"</strong> "."
                    </p>
                </Empty>
            </div>
        }
        .into_any(),
        Some((_, BacktestState::Queued | BacktestState::Running)) => running(watch),
        Some((_, ended)) => watch
            .shown
            .with_untracked(|it| it.as_ref().map(|it| result(it, ended, open)))
            .into_any(),
    }
    }
}

fn running(watch: Watch) -> AnyView {
    let words = move || {
        watch.shown.with(|it| {
            let it = it.as_ref()?;
            Some(match (it.state, &it.best) {
                (BacktestState::Queued, _) => "It waits for the studies before it.".to_owned(),
                (_, Some(best)) => format!("Best so far: {}", format::parameters(best)),
                (_, None) => String::new(),
            })
        })
    };
    view! {
        <Frame title="Running" class="bench">
            <div class="run" data-testid="study-progress">
                <ProgressBar progress=watch.progress unit="runs" />
                <button
                    type="button"
                    class="button small"
                    data-testid="study-cancel"
                    on:click=on(move |_| watch.cancel())
                >
                    "Stop and keep what is done"
                </button>
            </div>
            <p class="hint" data-testid="study-best">{words}</p>
        </Frame>
    }
    .into_any()
}

fn result(status: &StudyStatus, ended: BacktestState, open: Opener) -> AnyView {
    let (done, total) = (
        format::count(status.progress.done),
        format::count(status.progress.total),
    );
    let note = match (ended, &status.result) {
        (BacktestState::Failed, _) => status.error.clone(),
        (BacktestState::Canceled, Some(_)) => Some(format!(
            "Stopped after {done} of {total} runs. What was done by then is below; what was not tried may be better."
        )),
        (BacktestState::Canceled, None) => Some("Stopped before anything was done.".to_owned()),
        _ => None,
    };
    let failed = ended == BacktestState::Failed;
    let note = note.map(|text| {
        view! {
            <p class="note" class:failure=failed role="status" data-testid="study-note">
                {text}
            </p>
        }
    });
    let currency = &status.currency;
    let report = status.result.as_ref().map(|report| match report {
        StudyReport::Sweep(report) => sweep::view(report, currency, open),
        StudyReport::WalkForward(report) => walk::view(report, currency, open),
        StudyReport::MonteCarlo(report) => courses::view(report, currency),
    });
    let simulated = status
        .simulated
        .then(|| view! { <span class="tag" data-feed="simulated">"simulated"</span> });
    view! {
        {note}
        <div class="column" data-testid="study-result">
            <p class="market">{simulated} " " {status.dataset_label.clone()}</p>
            {report}
        </div>
    }
    .into_any()
}
