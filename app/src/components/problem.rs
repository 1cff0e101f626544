//! What went wrong, next to where it did.

use leptos::prelude::*;
use papertape::api::ProblemDetails;

/// A problem in words: what happened, what to do, and the fields at fault. Nothing while there is none.
#[component]
pub(crate) fn ProblemNote(#[prop(into)] problem: Signal<Option<ProblemDetails>>) -> impl IntoView {
    move || {
        problem.get().map(|problem| {
            let fields: Vec<_> = problem
                .errors
                .iter()
                .map(|field| view! { <li><code>{field.path.clone()}</code> " " {field.message.clone()}</li> })
                .collect();
            let list = (!fields.is_empty()).then(|| view! { <ul>{fields}</ul> });
            view! {
                <div class="note failure" role="alert" data-testid="problem">
                    <p>
                        <strong>{problem.title}</strong>
                        ". "
                        {problem.detail}
                    </p>
                    {list}
                </div>
            }
        })
    }
}
