//! Deeds that ask once and say what will happen.

use crate::erased::on;
use leptos::{html, prelude::*};

/// A button that opens a question; only the answer acts.
#[component]
pub(crate) fn Confirm(
    /// The button's text.
    label: &'static str,
    /// The question's title.
    title: &'static str,
    /// What will happen, in a sentence or two.
    #[prop(into)]
    consequence: Signal<String>,
    /// What the acting button says.
    action: &'static str,
    /// The deed.
    #[prop(into)]
    act: Callback<()>,
    /// Whether the button is out of reach.
    #[prop(into, optional)]
    disabled: Signal<bool>,
    /// Whether the deed cannot be undone.
    #[prop(optional)]
    dangerous: bool,
    /// What tests find the button by.
    testid: &'static str,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let open = move |_| {
        if let Some(dialog) = dialog.get() {
            let _ = dialog.show_modal();
        }
    };
    let close = move || {
        if let Some(dialog) = dialog.get() {
            dialog.close();
        }
    };
    let kind = if dangerous {
        "button danger"
    } else {
        "button primary"
    };
    view! {
        <button type="button" class="button" data-testid=testid disabled=disabled on:click=on(open)>
            {label}
        </button>
        <dialog node_ref=dialog class="dialog" aria-label=title>
            <h2>{title}</h2>
            <p>{consequence}</p>
            <div class="actions">
                <button type="button" class="button" on:click=on(move |_| close())>
                    "Keep as it is"
                </button>
                <button
                    type="button"
                    class=kind
                    data-testid=format!("{testid}-confirm")
                    on:click=on(move |_| {
                        close();
                        act.run(());
                    })
                >
                    {action}
                </button>
            </div>
        </dialog>
    }
    .into_any()
}
