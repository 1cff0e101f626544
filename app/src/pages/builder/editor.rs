//! The right side: the text, with line numbers and its problems.

use super::desk::Desk;
use crate::erased::{memo, on};
use leptos::{html, prelude::*};
use papertape::api::BlockProblem;

/// The text itself.
#[component]
pub(super) fn Editor(desk: Desk, area: NodeRef<html::Textarea>) -> impl IntoView {
    let lines = memo(move |_| desk.text.with(|text| text.split('\n').count()));
    let numbers = move || {
        let lines_of =
            |told: &[BlockProblem]| told.iter().map(|it| it.problem.line as usize).collect::<Vec<_>>();
        let (wrong, warned) = desk
            .outline
            .with(|outline| (lines_of(&outline.problems), lines_of(&outline.warnings)));
        (1..=lines.get())
            .map(|line| {
                let class = match (wrong.contains(&line), warned.contains(&line)) {
                    (true, _) => "wrong",
                    (_, true) => "warned",
                    _ => "",
                };
                view! { <span class=class>{line}</span> }
            })
            .collect::<Vec<_>>()
    };
    let problems = move || {
        desk.outline.with(|outline| {
            let warnings = outline.warnings.iter().map(|it| ("Perhaps not what was meant: ", it));
            let told = outline.problems.iter().map(|it| ("", it)).chain(warnings);
            told.map(|(what, it)| {
                    let problem = it.problem.clone();
                    let place = format!("{}:{}", problem.line, problem.column);
                    view! {
                        <li>
                            <button type="button" class="link" on:click=on(move |_| show_line(area, problem.line))>
                                {place}
                            </button>
                            " "
                            {what}
                            {problem.message}
                        </li>
                    }
                })
                .collect::<Vec<_>>()
        })
    };
    let has_problems = memo(move |_| desk.outline.with(|outline| !outline.problems.is_empty()));
    view! {
        <div class="yaml">
            <div class="numbers" aria-hidden="true">{numbers}</div>
            <textarea
                id="builder-text"
                node_ref=area
                data-testid="builder-text"
                aria-label="Strategy as YAML"
                aria-describedby="builder-problems"
                spellcheck="false"
                autocapitalize="off"
                autocomplete="off"
                wrap="off"
                rows=move || lines.get().max(12)
                placeholder="Write the strategy here, or put it together from blocks: both are the same file."
                prop:value=move || desk.text.get()
                on:input=on(move |event| desk.type_text(event_target_value(&event)))
            >
                {desk.text.get_untracked()}
            </textarea>
        </div>
        <div id="builder-problems" class="problems" aria-live="polite" data-testid="builder-problems">
            <p class="hint" hidden=move || has_problems.get()>
                {move || if desk.behind.get() { "Reading" } else { "No problems: this strategy can run." }}
            </p>
            <ul>{problems}</ul>
        </div>
    }
    .into_any()
}

/// Selects a line of the text and brings it into view.
pub(super) fn show_line(area: NodeRef<html::Textarea>, line: u32) {
    let Some(area) = area.get_untracked() else { return };
    // The browser counts as JavaScript does.
    let text = area.value();
    let before = line.saturating_sub(1) as usize;
    let start: usize = text
        .split('\n')
        .take(before)
        .map(|line| line.encode_utf16().count() + 1)
        .sum();
    let length = text
        .split('\n')
        .nth(before)
        .map_or(0, |line| line.encode_utf16().count());
    let _ = area.focus();
    let _ = area.set_selection_range(start as u32, (start + length) as u32);
}
