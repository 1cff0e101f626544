//! What is not there, and the way home.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use papertape::api::ProblemDetails;

/// No page has this address.
#[component]
pub(crate) fn NotFound() -> impl IntoView {
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(http::StatusCode::NOT_FOUND);
    }
    view! {
        <Title text="Not found" />
        <div class="missing" data-testid="not-found">
            <h1>"There is nothing here"</h1>
            <p>"No page has this address. A link may be old, or a letter may be missing."</p>
            <p class="actions">
                <A href="/" attr:class="button primary">"Go to the overview"</A>
            </p>
        </div>
    }
    .into_any()
}

/// A page's own thing could not be had: it is gone, or the server cannot be reached.
#[component]
pub(crate) fn Missing(
    /// Why.
    problem: ProblemDetails,
    /// The list in which to look instead: address and name.
    instead: (&'static str, &'static str),
) -> impl IntoView {
    let gone = problem.status == 404;
    view! {
        <Title text=problem.title.clone() />
        <div class="missing" data-testid=if gone { "not-found" } else { "problem" } role="alert">
            <h1>{problem.title}</h1>
            <p>{problem.detail}</p>
            <p class="actions">
                <A href=instead.0 attr:class="button primary">{instead.1}</A>
                <A href="/" attr:class="button">"Go to the overview"</A>
            </p>
        </div>
    }
    .into_any()
}
