//! Tabs, by the ARIA pattern: arrows move, only the chosen one is in the tab order.

use crate::erased::on;
use leptos::prelude::*;

/// One tab.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tab {
    /// Its stable name, for ids and tests.
    pub(crate) name: &'static str,
    /// What it says.
    pub(crate) label: &'static str,
    /// How many things are behind it.
    pub(crate) count: Option<Signal<usize>>,
}

/// A row of tabs; the panels are the caller's, with id `panel-NAME`.
#[component]
pub(crate) fn Tabs(
    /// The tabs, in order.
    tabs: Vec<Tab>,
    /// The chosen one's name.
    chosen: RwSignal<&'static str>,
    /// What the row is called.
    label: &'static str,
) -> impl IntoView {
    let names: Vec<_> = tabs.iter().map(|tab| tab.name).collect();
    let names = StoredValue::new(names);
    let press = move |event: leptos::ev::KeyboardEvent| {
        let next = names.with_value(|names| {
            let now = names
                .iter()
                .position(|name| *name == chosen.get_untracked())
                .unwrap_or(0);
            match event.key().as_str() {
                "ArrowRight" => names.get((now + 1) % names.len()).copied(),
                "ArrowLeft" => names.get((now + names.len() - 1) % names.len()).copied(),
                "Home" => names.first().copied(),
                "End" => names.last().copied(),
                _ => None,
            }
        });
        if let Some(next) = next {
            event.prevent_default();
            chosen.set(next);
            if let Some(tab) = document().get_element_by_id(&format!("tab-{next}")) {
                use wasm_bindgen::JsCast;
                if let Ok(tab) = tab.dyn_into::<web_sys::HtmlElement>() {
                    let _ = tab.focus();
                }
            }
        }
    };
    let buttons: Vec<_> = tabs
        .into_iter()
        .map(|tab| {
            let is_chosen = move || chosen.get() == tab.name;
            let count = tab.count.map(|count| {
                view! { <span class="count">{move || crate::format::count(count.get() as u64)}</span> }
            });
            view! {
                <button
                    type="button"
                    role="tab"
                    id=format!("tab-{}", tab.name)
                    data-testid=format!("tab-{}", tab.name)
                    aria-controls=format!("panel-{}", tab.name)
                    aria-selected=move || if is_chosen() { "true" } else { "false" }
                    tabindex=move || if is_chosen() { "0" } else { "-1" }
                    on:click=on(move |_| chosen.set(tab.name))
                >
                    {tab.label}
                    {count}
                </button>
            }
        })
        .collect();
    view! {
        <div class="tabs" role="tablist" aria-label=label on:keydown=on(press)>
            {buttons}
        </div>
    }
    .into_any()
}
