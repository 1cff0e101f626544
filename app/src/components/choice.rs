//! Choices: one of a list, or yes and no.

use crate::erased::on;
use leptos::prelude::*;

/// A select over a list of choices: what it means, its word, its name for people. It shows what the signal says, whatever
/// the browser remembered.
pub(crate) fn select<T: Copy + PartialEq + Send + Sync + 'static>(
    id: &'static str,
    choices: &[(T, &'static str, &'static str)],
    to: RwSignal<T>,
) -> AnyView {
    let values: Vec<T> = choices.iter().map(|choice| choice.0).collect();
    let words: Vec<_> = choices.iter().map(|choice| (choice.1, choice.2)).collect();
    let all = values.clone();
    let chosen = Signal::derive(move || all.iter().position(|value| *value == to.get()));
    let choose = Callback::new(move |index: usize| {
        if let Some(value) = values.get(index) {
            to.set(*value);
        }
    });
    select_of(id, words, chosen, choose)
}

fn select_of(
    id: &'static str,
    words: Vec<(&'static str, &'static str)>,
    chosen: Signal<Option<usize>>,
    choose: Callback<usize>,
) -> AnyView {
    let options: Vec<_> = words
        .iter()
        .map(|(word, name)| view! { <option value=*word>{*name}</option> })
        .collect();
    let known = words.clone();
    let word = move || {
        chosen
            .get()
            .and_then(|index| known.get(index))
            .map_or("", |(word, _)| *word)
    };
    view! {
        <select
            id=id
            data-testid=id
            prop:value=word
            on:change=on(move |event| {
                let word = event_target_value(&event);
                if let Some(index) = words.iter().position(|(known, _)| *known == word) {
                    choose.run(index);
                }
            })
        >
            {options}
        </select>
    }
    .into_any()
}

/// A box to tick.
pub(crate) fn check(to: RwSignal<bool>, words: &'static str) -> AnyView {
    view! {
        <label>
            <input
                type="checkbox"
                prop:checked=to
                on:change=on(move |event| to.set(event_target_checked(&event)))
            />
            {words}
        </label>
    }
    .into_any()
}
