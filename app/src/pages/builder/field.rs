//! A value of a block and the control that changes it.

use super::blocks::Bench;
use crate::erased::{memo, on};
use leptos::ev::Event;
use leptos::prelude::*;
use papertape::api::{Edit, Field, FieldKind};

/// The edit that gives a field another value.
fn change(field: &Field, value: String) -> Edit {
    let path = field.path.clone();
    match field.kind {
        FieldKind::Name => Edit::Rename { path, name: value },
        _ => Edit::Set { path, value },
    }
}

/// One field with its label, its hint and why its last change was refused.
pub(super) fn field_view(bench: Bench, field: Field) -> AnyView {
    let desk = bench.desk;
    let path = StoredValue::new(field.path.clone());
    let value = memo(move |_| {
        desk.outline.with(|outline| {
            path.with_value(|path| {
                outline
                    .field(path)
                    .map_or_else(String::new, |field| field.value.clone())
            })
        })
    });
    let id = format!("field-{}", field.path);
    let label = field.label.clone();
    let hint = field.hint.clone();
    let kind = field.kind.clone();
    let stored = StoredValue::new(field);
    let set = move |text: String| {
        // The browser may tell of a change while the field is on its way out.
        if value.try_get_untracked().is_some_and(|value| value != text) {
            stored.with_value(|field| desk.edit(&field.path, change(field, text)));
        }
    };
    let refused = memo(move |_| {
        desk.refused.with(|refused| {
            let refused = refused.as_ref()?;
            path.with_value(|path| *path == refused.path)
                .then(|| refused.message.clone())
        })
    });
    let is_refused = move || refused.with(Option::is_some).then_some("true");
    let changed = move |event: Event| set(event_target_value(&event));
    let class = match kind {
        FieldKind::Text => "text",
        FieldKind::Prose => "prose",
        FieldKind::Number => "number",
        FieldKind::Name => "name",
        FieldKind::Expression => "expression",
        FieldKind::Choice(_) => "choice",
    };
    let control = match kind {
        FieldKind::Choice(choices) => {
            let options: Vec<_> = choices
                .into_iter()
                .map(|choice| {
                    let of = choice.value.clone();
                    let selected = move || value.with(|value| *value == of);
                    view! { <option value=choice.value selected=selected>{choice.label}</option> }
                })
                .collect();
            view! { <select id=id.clone() prop:value=value on:change=on(changed)>{options}</select> }.into_any()
        }
        FieldKind::Prose => view! {
            <textarea id=id.clone() rows="2" prop:value=value aria-invalid=is_refused on:change=on(changed)>{value.get_untracked()}</textarea>
        }
        .into_any(),
        _ => {
            let expression = matches!(kind, FieldKind::Expression);
            let list = expression.then_some("builder-words");
            view! {
                <input
                    type="text"
                    id=id.clone()
                    autocomplete="off"
                    spellcheck="false"
                    list=list
                    inputmode=matches!(kind, FieldKind::Number).then_some("decimal")
                    value=value.get_untracked()
                    prop:value=value
                    aria-invalid=is_refused
                    on:change=on(changed)
                />
                {expression.then(|| {
                    let label = format!("Choose a value: {}", label.to_lowercase());
                    view! {
                        <button type="button" class="button small choose" aria-label=label on:click=on(move |_| bench.choose.run(path.get_value()))>
                            <span aria-hidden="true">"ƒ"</span>
                        </button>
                    }
                })}
            }
            .into_any()
        }
    };
    view! {
        <div class=format!("block-field {class}")>
            <label for=id>{label.clone()}</label>
            <div class="control">{control}</div>
            {(!hint.is_empty()).then(|| view! { <p class="hint">{hint}</p> })}
            {move || refused.get().map(|message| view! { <p class="error" role="alert">{message}</p> })}
        </div>
    }
    .into_any()
}
