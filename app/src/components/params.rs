//! A strategy's parameters as sliders with number fields.

use crate::erased::{memo, on};
use leptos::prelude::*;
use papertape::api::ParamInfo;
use std::collections::BTreeMap;

/// The values of a strategy's parameters, as set on the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParamValues {
    values: RwSignal<BTreeMap<String, f64>>,
}

impl ParamValues {
    /// The defaults, changed by what a run before had.
    pub(crate) fn new(params: &[ParamInfo], changed: &BTreeMap<String, f64>) -> Self {
        let values = params
            .iter()
            .map(|param| {
                let value = changed.get(&param.name).copied().unwrap_or(param.default);
                (param.name.clone(), value)
            })
            .collect();
        Self {
            values: RwSignal::new(values),
        }
    }

    pub(crate) fn get(self) -> BTreeMap<String, f64> {
        self.values.get()
    }

    pub(crate) fn get_untracked(self) -> BTreeMap<String, f64> {
        self.values.get_untracked()
    }

    fn set(self, name: &str, value: f64) {
        self.values.update(|values| {
            values.insert(name.to_owned(), value);
        });
    }

    fn of(self, name: &str) -> f64 {
        self.values
            .with(|values| values.get(name).copied().unwrap_or_default())
    }
}

/// One row a parameter: name, slider, number, and what it means.
#[component]
pub(crate) fn ParamFields(
    /// The parameters.
    params: Vec<ParamInfo>,
    /// Their values.
    values: ParamValues,
    /// What the controls' ids begin with: a page can hold two of these.
    prefix: &'static str,
) -> impl IntoView {
    let rows: Vec<_> = params
        .into_iter()
        .map(|param| view! { <ParamField param values prefix /> })
        .collect();
    view! { <div class="params">{rows}</div> }
}

#[component]
fn ParamField(param: ParamInfo, values: ParamValues, prefix: &'static str) -> impl IntoView {
    let id = format!("{prefix}-{}", param.name);
    let step = param.step.map_or("any".to_owned(), |step| step.to_string());
    let bounds = match (param.min, param.max) {
        (Some(min), Some(max)) => Some((min, max)),
        _ => None,
    };
    let name = StoredValue::new(param.name.clone());
    let value = memo(move |_| name.with_value(|name| values.of(name)));
    let read = move |event: leptos::ev::Event| {
        // Half-typed numbers are left alone until they are numbers.
        if let Ok(number) = event_target_value(&event).trim().parse::<f64>()
            && number.is_finite()
        {
            name.with_value(|name| values.set(name, number));
        }
    };
    let outside = memo(move |_| bounds.is_some_and(|(min, max)| value.get() < min || value.get() > max));
    let slider = bounds.map(|(min, max)| {
        view! {
            <input
                type="range"
                min=min.to_string()
                max=max.to_string()
                step=step.clone()
                aria-label=format!("{} slider", param.name)
                prop:value=move || value.get().to_string()
                on:input=on(read)
            />
        }
    });
    let changed = move || value.get() != param.default;
    let default = param.default;
    let describe = format!("{id}-about");
    let mut about = param.description.clone();
    if let Some((min, max)) = bounds {
        let range = format!("{min} to {max}");
        about = if about.is_empty() {
            range
        } else {
            format!("{about}, {range}")
        };
    }
    view! {
        <div class="param" class:wrong=outside>
            <label for=id.clone()>{param.name.clone()}</label>
            {slider}
            <input
                type="number"
                id=id
                class="number"
                data-testid=format!("param-{}", param.name)
                min=param.min.map(|min| min.to_string())
                max=param.max.map(|max| max.to_string())
                step=step
                aria-describedby=describe.clone()
                aria-invalid=move || outside.get().then_some("true")
                prop:value=move || value.get().to_string()
                value=param.default.to_string()
                on:change=on(read)
            />
            <p class="hint" id=describe>
                {about}
                {move || changed().then(|| {
                    view! {
                        " "
                        <button
                            type="button"
                            class="link"
                            on:click=on(move |_| name.with_value(|name| values.set(name, default)))
                        >
                            {format!("back to {default}")}
                        </button>
                    }
                })}
            </p>
        </div>
    }
    .into_any()
}
