//! A backtest from the press of the button to its result page.

use super::{Deed, ProblemNote};
use crate::erased::{effect, on};
use crate::format;
use crate::functions;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use papertape::api::{BacktestProgress, BacktestRequest, BacktestState, BacktestStatus, ProblemDetails};
use papertape::model::BacktestId;

const POLL_MS: u32 = 250;

/// How far a run is, and how fast.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    /// Bars of a backtest, runs of a study.
    pub(crate) steps: BacktestProgress,
    /// Steps per second since the page has watched.
    pub(crate) rate: Option<f64>,
}

impl Progress {
    /// Done, from 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        if self.steps.total == 0 {
            0.0
        } else {
            (self.steps.done as f64 / self.steps.total as f64).clamp(0.0, 1.0)
        }
    }

    /// What stands beside the bar: "120,000 of 129,600 bars, 1.2 M bars/s, 0.1 s left".
    pub(crate) fn text(&self, unit: &str) -> String {
        if self.steps.total == 0 {
            return "Preparing the bars".to_owned();
        }
        let mut text = format!(
            "{} of {} {unit}",
            format::count(self.steps.done),
            format::count(self.steps.total)
        );
        if let Some(rate) = self.rate.filter(|rate| *rate > 0.0) {
            let left = (self.steps.total.saturating_sub(self.steps.done)) as f64 / rate;
            let rate = if rate < 10.0 {
                format::number(rate, 1)
            } else {
                format::compact(rate)
            };
            text.push_str(&format!(", {rate} {unit}/s, {} left", format::duration(left)));
        }
        text
    }
}

/// Runs one backtest at a time and watches it.
#[derive(Clone, Copy)]
pub(crate) struct Runner {
    /// Its start.
    pub(crate) deed: Deed,
    /// The one under way.
    pub(crate) running: RwSignal<Option<BacktestId>>,
    /// How far it is.
    pub(crate) progress: RwSignal<Progress>,
    done: Callback<BacktestStatus>,
}

impl Runner {
    /// `done` gets every run that is over, however it ended.
    pub(crate) fn new(done: Callback<BacktestStatus>) -> Self {
        Self {
            deed: Deed::new(),
            running: RwSignal::new(None),
            progress: RwSignal::new(Progress::default()),
            done,
        }
    }

    /// Starts a run.
    pub(crate) fn start(self, request: BacktestRequest) {
        self.deed.run(functions::start_backtest(request), move |status| {
            self.take(status)
        });
    }

    /// Watches a run that was started elsewhere.
    pub(crate) fn attach(self, id: BacktestId) {
        self.running.set(Some(id.clone()));
        self.watch(id);
    }

    pub(crate) fn cancel(self) {
        if let Some(id) = self.running.get_untracked() {
            leptos::task::spawn_local(async move {
                if let Err(problem) = functions::cancel_backtest(id).await {
                    self.deed.problem.try_set(Some(problem.0));
                }
            });
        }
    }

    fn take(self, status: BacktestStatus) {
        if self.settle(&status) {
            return;
        }
        self.running.try_set(Some(status.id.clone()));
        self.progress.try_set(Progress {
            steps: status.progress,
            rate: None,
        });
        self.watch(status.id);
    }

    /// Whether the run is over; tells whoever waits.
    fn settle(self, status: &BacktestStatus) -> bool {
        match status.state {
            BacktestState::Queued | BacktestState::Running => return false,
            BacktestState::Failed => {
                let detail = status
                    .error
                    .clone()
                    .unwrap_or_else(|| "The backtest could not run.".to_owned());
                self.deed.problem.try_set(Some(ProblemDetails {
                    type_uri: "about:blank".to_owned(),
                    title: "The backtest failed".to_owned(),
                    status: 422,
                    detail,
                    code: "backtest_failed".to_owned(),
                    errors: Vec::new(),
                    since: None,
                }));
            }
            BacktestState::Finished | BacktestState::Canceled => {}
        }
        self.running.try_set(None);
        self.done.try_run(status.clone());
        true
    }

    fn watch(self, id: BacktestId) {
        leptos::task::spawn_local(async move {
            let began = js_sys::Date::now();
            let mut first = None;
            // Ends when the page is left: its signals are gone then.
            while self.running.try_get_untracked().flatten().as_ref() == Some(&id) {
                match functions::backtest(id.clone()).await {
                    Ok(status) => {
                        if self.settle(&status) {
                            return;
                        }
                        let done = status.progress.done;
                        let from = *first.get_or_insert(done);
                        let seconds = (js_sys::Date::now() - began) / 1_000.0;
                        let rate = (seconds > 0.2).then(|| done.saturating_sub(from) as f64 / seconds);
                        self.progress.try_set(Progress {
                            steps: status.progress,
                            rate,
                        });
                    }
                    Err(problem) if problem.0.code == "unreachable" => {}
                    Err(problem) => {
                        self.deed.problem.try_set(Some(problem.0));
                        self.running.try_set(None);
                        return;
                    }
                }
                TimeoutFuture::new(POLL_MS).await;
            }
        });
    }
}

/// The button, or the bar while it runs; leads to the result.
#[component]
pub(crate) fn BacktestRun(
    /// What to run when the button is pressed.
    #[prop(into)]
    request: Callback<(), BacktestRequest>,
    /// One that was under way when the page was made.
    #[prop(optional_no_strip)]
    running: Option<BacktestId>,
    /// Whether what would run can: nothing does while a field is wrong.
    #[prop(into, default = Signal::stored(true))]
    ready: Signal<bool>,
    /// Whether the button is the most important one around.
    #[prop(optional)]
    primary: bool,
    /// What the button says.
    #[prop(default = "Backtest")]
    label: &'static str,
) -> impl IntoView {
    let navigate = use_navigate();
    let runner = Runner::new(Callback::new(move |status: BacktestStatus| {
        if status.state == BacktestState::Finished {
            navigate(
                &format!("/backtests/{}", status.id),
                leptos_router::NavigateOptions::default(),
            );
        }
    }));
    if let Some(id) = running {
        effect(move || runner.attach(id.clone()));
    }
    let busy = Signal::derive(move || runner.running.with(Option::is_some));
    view! {
        <div class="run">
            <Show
                when=move || busy.get()
                fallback=move || {
                    view! {
                        <button
                            type="button"
                            class="button"
                            class:primary=primary
                            data-testid="backtest"
                            disabled=move || runner.deed.pending.get() || !ready.get()
                            on:click=on(move |_| runner.start(request.run(())))
                        >
                            {label}
                        </button>
                    }
                }
            >
                <ProgressBar progress=runner.progress />
                <button
                    type="button"
                    class="button small"
                    data-testid="backtest-cancel"
                    on:click=on(move |_| runner.cancel())
                >
                    "Cancel"
                </button>
            </Show>
            <ProblemNote problem=runner.deed.problem />
        </div>
    }
    .into_any()
}

/// A bar with rate and time left.
#[component]
pub(crate) fn ProgressBar(
    #[prop(into)] progress: Signal<Progress>,
    /// What is counted.
    #[prop(default = "bars")]
    unit: &'static str,
) -> impl IntoView {
    view! {
        <div class="progress" data-testid="backtest-progress">
            <progress
                max="1"
                aria-label="Progress"
                prop:value=move || progress.with(Progress::share)
            ></progress>
            <p class="hint" aria-live="off">{move || progress.with(|it| it.text(unit))}</p>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_how_fast_and_how_long() {
        let at = |done, rate| Progress {
            steps: BacktestProgress { done, total: 129_600 },
            rate,
        };
        assert_eq!(Progress::default().text("bars"), "Preparing the bars");
        assert_eq!(at(0, None).text("bars"), "0 of 129,600 bars");
        assert_eq!(
            at(64_800, Some(129_600.0)).text("bars"),
            "64,800 of 129,600 bars, 130\u{a0}k bars/s, 0.5 s left"
        );
        assert!((at(64_800, None).share() - 0.5).abs() < 1e-12);
    }
}
