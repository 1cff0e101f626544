//! What unfolds below a row.

use crate::erased::on;
use leptos::prelude::*;

/// A button that unfolds something below its row.
pub(crate) fn fold(
    testid: &'static str,
    word: &'static str,
    label: String,
    panel: String,
    open: Signal<bool>,
    press: Callback<()>,
) -> AnyView {
    view! {
        <button
            type="button"
            class="button small"
            data-testid=testid
            aria-label=label
            aria-expanded=move || if open.get() { "true" } else { "false" }
            aria-controls=panel
            on:click=on(move |_| press.run(()))
        >
            {word}
        </button>
    }
    .into_any()
}
