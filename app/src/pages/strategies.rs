//! The strategy library.

use super::shelf::Shelf;
use crate::components::{ProblemNote, Skeleton};
use crate::erased::on;
use crate::functions::{self, Problem};
use crate::wire;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;

/// The page.
#[component]
pub(crate) fn Strategies() -> impl IntoView {
    let strategies = wire::resource(|| (), |()| functions::strategies());
    let words = RwSignal::new(String::new());
    view! {
        <Title text="Strategies" />
        <div class="page">
            <header class="page-head">
                <h1>"Strategies"</h1>
                <div class="buttons">
                    <Filter words />
                    <A href="/strategies/new" attr:class="button primary" attr:data-testid="new-strategy">
                        "New strategy"
                    </A>
                </div>
            </header>
            <Suspense fallback=|| view! { <Skeleton blocks=&[70, 70] /> }>
                {move || Suspend::new(async move {
                    match strategies.await {
                        Ok(cards) => view! { <Shelf cards words /> }.into_any(),
                        Err(Problem(problem)) => {
                            view! { <ProblemNote problem=Signal::stored(Some(problem)) /> }.into_any()
                        }
                    }
                })}
            </Suspense>
        </div>
    }
    .into_any()
}

/// The field that `/` goes to.
#[component]
pub(crate) fn Filter(words: RwSignal<String>) -> impl IntoView {
    view! {
        <div class="toolbar">
            <label for="strategy-filter" class="hidden">"Filter strategies"</label>
            <input
                type="search"
                id="strategy-filter"
                data-search=""
                data-testid="filter"
                placeholder="Filter strategies"
                autocomplete="off"
                prop:value=words
                on:input=on(move |event| words.set(event_target_value(&event)))
            />
            <kbd aria-hidden="true">"/"</kbd>
        </div>
    }
    .into_any()
}
