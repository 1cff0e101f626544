//! The studies before this one.

use super::objectives;
use super::watch::{Watch, is_open};
use crate::components::table::{self, cell, text, words};
use crate::components::{Frame, Time};
use crate::erased::memo;
use crate::format;
use leptos::prelude::*;
use leptos_router::components::A;
use papertape::api::{BacktestState, StudySummary};

/// A list of what the server keeps; each leads to its result.
#[component]
pub(super) fn Past(
    watch: Watch,
    /// The page's address.
    home: StoredValue<String>,
) -> impl IntoView {
    let none = memo(move |_| watch.past.with(Vec::is_empty));
    let rows = move || {
        let shown = watch.shown.with(|it| it.as_ref().map(|it| it.id.clone()));
        watch.past.with(|past| {
            past.iter()
                .map(|study| row(study, shown.as_ref() == Some(&study.id), home))
                .collect::<Vec<_>>()
        })
    };
    view! {
        <Show when=move || !none.get()>
            <Frame title="Earlier studies">
                {table::table(
                    "cards-on-phone",
                    vec![text("Study"), text("Asked for"), text("Bars"), text("State"), text("Outcome")],
                    rows.into_any(),
                )}
                <p class="hint lead-note">"The last few are kept until the server ends."</p>
            </Frame>
        </Show>
    }
    .into_any()
}

fn row(study: &StudySummary, is_shown: bool, home: StoredValue<String>) -> AnyView {
    let name = match study.kind.as_str() {
        "walk_forward" => "Walk-forward",
        "monte_carlo" => "Monte Carlo",
        _ => "Sweep",
    };
    let href = format!("{}?study={}", home.get_value(), study.id);
    let at = view! { <Time at=study.created_at /> }.into_any();
    view! {
        <tr data-testid="study-row" aria-current=is_shown.then_some("true")>
            <th scope="row" class="head">
                <A href scroll=false>{name}</A>
            </th>
            {cell("Asked for", at, None)} {words("Bars", study.dataset_label.clone(), None)}
            {words("State", state(study), None)} {words("Outcome", outcome(study), None)}
        </tr>
    }
    .into_any()
}

fn state(study: &StudySummary) -> String {
    let (done, total) = (
        format::count(study.progress.done),
        format::count(study.progress.total),
    );
    match study.state {
        BacktestState::Queued => "waits".to_owned(),
        BacktestState::Running => format!("running, {done} of {total}"),
        BacktestState::Finished => "finished".to_owned(),
        BacktestState::Failed => "failed".to_owned(),
        BacktestState::Canceled => format!("stopped after {done} of {total} runs"),
    }
}

/// What came of it, in a few words.
fn outcome(study: &StudySummary) -> String {
    if is_open(study.state) {
        return String::new();
    }
    let Some(objective) = study.objective else {
        return study.outcome.map_or_else(String::new, |loss| {
            format!("loss in {} of the courses", format::percent(loss, 1))
        });
    };
    let score = format!(
        "{} {}",
        objectives::words(objective),
        objectives::value(objective, study.outcome, "")
    );
    match (&study.best, study.outcome) {
        (_, None) => String::new(),
        (Some(best), _) => format!("{score}: {}", format::parameters(best)),
        (None, _) => format!("{score} out of sample"),
    }
}
