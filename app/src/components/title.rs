//! The document's title where it follows a signal.

use leptos::prelude::*;

/// The title of a page whose name may change while it is on screen.
///
/// The title is the one part of a page that lives outside of it: what draws it asks for the text until the page's view
/// has gone, and where one page takes the place of another of its kind, the page's signals go first. A page that has no
/// name any more must then not be asked for one, or everything stops.
#[component]
pub(crate) fn Title(
    /// The page's name.
    #[prop(into)]
    text: Signal<String>,
) -> impl IntoView {
    view! { <leptos_meta::Title text=move || text.try_get().unwrap_or_default() /> }.into_any()
}
