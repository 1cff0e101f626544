//! Long lists, a screenful at a time.

use crate::erased::{memo, on};
use leptos::prelude::*;

/// How many rows a list shows at first, and how many more each press brings.
const STEP: usize = 25;

/// How many rows of a list are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(RwSignal<usize>);

impl Limit {
    pub(crate) fn new() -> Self {
        Self(RwSignal::new(STEP))
    }

    pub(crate) fn get(self) -> usize {
        self.0.get()
    }

    /// The first rows.
    pub(crate) fn of<T: Clone>(self, rows: &[T]) -> Vec<T> {
        rows.iter().take(self.get()).cloned().collect()
    }
}

/// The button below a list that has more.
#[component]
pub(crate) fn More(
    /// What is shown.
    limit: Limit,
    /// How many there are.
    #[prop(into)]
    all: Signal<usize>,
) -> impl IntoView {
    let hidden = memo(move |_| all.get().saturating_sub(limit.0.get()));
    view! {
        <Show when=move || hidden.get() != 0>
            <p class="more-rows">
                <button
                    type="button"
                    class="button small"
                    on:click=on(move |_| limit.0.update(|shown| *shown += STEP))
                >
                    {move || format!("Show {} more", hidden.get().min(STEP))}
                </button>
                <span class="hint">{move || format!("{} are not shown", hidden.get())}</span>
            </p>
        </Show>
    }
    .into_any()
}
