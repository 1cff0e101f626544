//! Numbers that move.

use crate::erased::memo;
use crate::format::Direction;
use leptos::prelude::*;

/// A number with a direction: sign, arrow and colour together.
#[component]
pub(crate) fn Change(
    /// The number that decides the direction.
    #[prop(into)]
    value: Signal<f64>,
    /// The number as text, with its sign.
    #[prop(into)]
    text: Signal<String>,
) -> impl IntoView {
    let direction = memo(move |_| Direction::of(value.get()));
    view! {
        <span class=move || format!("change {}", direction.get().class())>
            <span class="arrow" aria-hidden="true">
                {move || direction.get().arrow()}
            </span>
            <span>{text}</span>
        </span>
    }
    .into_any()
}

/// Text that fades its background once when it changes.
#[component]
pub(crate) fn Watched(
    /// The text.
    #[prop(into)]
    text: Signal<String>,
    /// What tests find it by.
    #[prop(optional, into)]
    testid: Option<&'static str>,
) -> impl IntoView {
    let text = memo(move |_| text.get());
    // Two names for one animation: changing from one to the other starts it afresh, without timers.
    let turn = memo(move |last: Option<&(u32, String)>| {
        let now = text.get();
        match last {
            Some((count, before)) if *before == now => (*count, now),
            Some((count, _)) => (if *count == 1 { 2 } else { 1 }, now),
            None => (0, now),
        }
    });
    view! {
        <span
            class="watched"
            data-testid=testid
            data-turn=move || match turn.with(|(count, _)| *count) {
                0 => None,
                1 => Some("a"),
                _ => Some("b"),
            }
        >
            {text}
        </span>
    }
    .into_any()
}
