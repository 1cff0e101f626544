//! Labelled inputs with their unit, their hint and their error.

use crate::erased::on;
use leptos::prelude::*;

/// A label around any control.
#[component]
pub(crate) fn Field(
    /// What is asked.
    #[prop(into)]
    label: String,
    /// The id of the control inside.
    #[prop(into)]
    control: String,
    /// What is wrong with the value.
    #[prop(into, optional)]
    error: Signal<Option<String>>,
    /// What the value means.
    #[prop(into, optional)]
    hint: String,
    children: Children,
) -> impl IntoView {
    let (hint_id, error_id) = (format!("{control}-hint"), format!("{control}-error"));
    let hint = (!hint.is_empty()).then(|| view! { <p class="hint" id=hint_id>{hint}</p> });
    view! {
        <div class="field" class:wrong=move || error.with(Option::is_some)>
            <label for=control>{label}</label>
            {children()}
            {hint}
            {move || {
                let id = error_id.clone();
                error.get().map(|error| view! { <p class="error" role="alert" id=id>{error}</p> })
            }}
        </div>
    }
    .into_any()
}

/// A number as text: what is typed stays as typed; whoever reads it parses it.
#[component]
pub(crate) fn NumberField(
    /// What is asked, with the unit.
    #[prop(into)]
    label: String,
    /// The control's id.
    #[prop(into)]
    id: String,
    /// The text.
    value: RwSignal<String>,
    /// What is wrong with it.
    #[prop(into, optional)]
    error: Signal<Option<String>>,
    /// What it means.
    #[prop(into, optional)]
    hint: String,
    /// Whether it is rather words than a number.
    #[prop(optional)]
    words: bool,
) -> impl IntoView {
    view! {
        <Field label control=id.clone() error hint>
            <input
                type="text"
                inputmode=if words { "text" } else { "decimal" }
                autocomplete="off"
                class=(!words).then_some("number")
                id=id.clone()
                aria-describedby=format!("{id}-hint {id}-error")
                aria-invalid=move || error.with(Option::is_some).then_some("true")
                prop:value=value
                on:input=on(move |event| value.set(event_target_value(&event)))
            />
        </Field>
    }
    .into_any()
}
