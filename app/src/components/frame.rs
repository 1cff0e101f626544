//! Panels, what stands in while they load, and what they say while there is nothing.

use leptos::prelude::*;

/// A titled panel.
#[component]
pub(crate) fn Frame(
    /// The title.
    #[prop(into)]
    title: String,
    /// What stands at the title's far end.
    #[prop(optional, into)]
    aside: ViewFn,
    /// More classes.
    #[prop(optional, into)]
    class: String,
    children: Children,
) -> impl IntoView {
    view! {
        <section class=format!("frame {class}")>
            <header>
                <h2>{title}</h2>
                <div class="aside">{aside.run()}</div>
            </header>
            {children()}
        </section>
    }
    .into_any()
}

/// What a place is and what to press, while it is empty.
#[component]
pub(crate) fn Empty(
    /// What would be here.
    #[prop(into)]
    title: String,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="empty">
            <p class="title">{title}</p>
            <div>{children()}</div>
        </div>
    }
    .into_any()
}

/// The outline of a page that is on its way.
#[component]
pub(crate) fn Skeleton(
    /// How many blocks, and how high each is, in steps of the grid.
    #[prop(default = &[24, 60, 60])]
    blocks: &'static [u32],
) -> impl IntoView {
    let blocks: Vec<_> = blocks
        .iter()
        .map(|height| view! { <div class="block" style=format!("block-size: {}px", height * 4)></div> })
        .collect();
    view! {
        <div class="skeleton" aria-busy="true">
            <p class="hidden" role="status">"Loading"</p>
            {blocks}
        </div>
    }
    .into_any()
}
