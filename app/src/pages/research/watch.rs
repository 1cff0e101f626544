//! One study at a time: asked for, watched to its end, and the list of those before it.

use crate::components::{Deed, Progress};
use crate::functions::{self, Problem};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use papertape::api::{BacktestState, StudyRequest, StudyStatus, StudySummary};
use papertape::model::StudyId;

const POLL_MS: u32 = 250;

/// Whether a study waits or runs.
pub(super) const fn is_open(state: BacktestState) -> bool {
    matches!(state, BacktestState::Queued | BacktestState::Running)
}

/// The study on screen.
#[derive(Clone, Copy)]
pub(super) struct Watch {
    slug: StoredValue<String>,
    /// The one that the address names.
    wanted: RwSignal<Option<StudyId>>,
    pub(super) shown: RwSignal<Option<StudyStatus>>,
    pub(super) progress: RwSignal<Progress>,
    /// Those that the server keeps, newest first.
    pub(super) past: RwSignal<Vec<StudySummary>>,
    /// Its start, its end on request, and what went wrong with watching it.
    pub(super) deed: Deed,
}

impl Watch {
    pub(super) fn new(slug: String, first: Option<StudyStatus>, past: Vec<StudySummary>) -> Self {
        let watch = Self {
            slug: StoredValue::new(slug),
            wanted: RwSignal::new(None),
            shown: RwSignal::new(None),
            progress: RwSignal::new(Progress::default()),
            past: RwSignal::new(past),
            deed: Deed::new(),
        };
        if let Some(status) = first {
            watch.wanted.set(Some(status.id.clone()));
            watch.take(status, None);
        }
        watch
    }

    /// Starts a study; `known` gets its id.
    pub(super) fn start(self, request: StudyRequest, known: Callback<StudyId>) {
        self.deed.run(functions::start_study(request), move |status| {
            let id = status.id.clone();
            self.wanted.try_set(Some(id.clone()));
            self.take(status, None);
            known.try_run(id);
            self.refresh();
            self.watch();
        });
    }

    /// Shows a study, or none. Does nothing when it is on screen.
    pub(super) fn show(self, id: Option<StudyId>) {
        if self.wanted.with_untracked(|wanted| *wanted == id) {
            return;
        }
        self.wanted.set(id);
        self.shown.set(None);
        self.deed.problem.set(None);
        self.watch();
    }

    /// Asks for the study until it is over, another one is wanted, or the page is left.
    pub(super) fn watch(self) {
        let Some(id) = self.wanted.get_untracked() else {
            return;
        };
        leptos::task::spawn_local(async move {
            let mut first = None;
            loop {
                let answer = functions::study(id.clone()).await;
                if self.wanted.try_get_untracked().flatten().as_ref() != Some(&id) {
                    return;
                }
                match answer {
                    Ok(status) => {
                        let now = js_sys::Date::now();
                        let (began, from) = *first.get_or_insert((now, status.progress.done));
                        let seconds = (now - began) / 1_000.0;
                        let done = status.progress.done.saturating_sub(from);
                        let rate = (seconds > 0.2).then(|| done as f64 / seconds);
                        let is_over = !is_open(status.state);
                        self.take(status, rate);
                        if is_over {
                            return self.refresh();
                        }
                    }
                    Err(Problem(problem)) if problem.code == "unreachable" => {}
                    Err(Problem(problem)) => {
                        self.deed.problem.try_set(Some(problem));
                        return;
                    }
                }
                TimeoutFuture::new(POLL_MS).await;
            }
        });
    }

    fn take(self, status: StudyStatus, rate: Option<f64>) {
        self.progress.try_set(Progress {
            steps: status.progress,
            rate,
        });
        self.shown.try_set(Some(status));
    }

    /// Ends it; what is done by then is kept.
    pub(super) fn cancel(self) {
        let Some(id) = self.wanted.get_untracked() else {
            return;
        };
        leptos::task::spawn_local(async move {
            if let Err(Problem(problem)) = functions::cancel_study(id).await {
                self.deed.problem.try_set(Some(problem));
            }
        });
    }

    /// Reads the list again.
    fn refresh(self) {
        let Some(slug) = self.slug.try_get_value() else {
            return;
        };
        leptos::task::spawn_local(async move {
            // The list is a help: without it the page does all it is there for.
            if let Ok(past) = functions::studies(slug).await {
                self.past.try_set(past);
            }
        });
    }
}
