//! Source text with line numbers.

use leptos::prelude::*;

/// A strategy's YAML: numbered lines, those with problems marked, and a button that copies it.
#[component]
pub(crate) fn Code(
    /// The text.
    text: String,
    /// Lines to mark, counted from 1.
    #[prop(optional)]
    marked: Vec<usize>,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    let lines: Vec<_> = text
        .lines()
        .enumerate()
        .map(|(index, line)| {
            let wrong = marked.contains(&(index + 1));
            view! { <span class="line" class:wrong=wrong>{format!("{line}\n")}</span> }
        })
        .collect();
    let source = StoredValue::new(text);
    let copy = move |_| {
        let _ = window().navigator().clipboard().write_text(&source.get_value());
        copied.set(true);
    };
    view! {
        <div class="code">
            <button type="button" class="button small" on:click=copy>
                {move || if copied.get() { "Copied" } else { "Copy" }}
            </button>
            // Long lines scroll inside the block, so the keyboard must be able to reach it.
            <pre tabindex="0" aria-label="Strategy source"><code>{lines}</code></pre>
        </div>
    }
}
