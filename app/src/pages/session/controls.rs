//! What can be done with a session.

use crate::components::{Confirm, Deed, ProblemNote, SPEEDS};
use crate::erased::{memo, on};
use crate::format;
use crate::functions;
use crate::live::{Live, SessionView};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use papertape::api::{FeedKind, SessionAction};
use papertape::engine::SessionState;

/// Pause or resume, flatten, stop, speed; delete once it has ended.
#[component]
pub(crate) fn Controls(view: SessionView) -> impl IntoView {
    let live = expect_context::<Live>();
    let navigate = use_navigate();
    let deed = Deed::new();
    let id = StoredValue::new(view.summary.with_untracked(|it| it.id.clone()));
    let state = memo(move |_| view.summary.with(|it| it.state));
    let act = move |action: SessionAction| {
        deed.run(functions::act(id.get_value(), action), move |session| {
            live.put(session)
        });
    };
    let ended = memo(move |_| state.get().is_final());
    let paused = memo(move |_| state.get() == SessionState::Paused);
    let can_pause = memo(move |_| matches!(state.get(), SessionState::Running | SessionState::Paused));
    let has_position = memo(move |_| {
        view.summary
            .with(|it| it.position.is_some() || !it.other_positions.is_empty())
    });
    let flatten_text = Signal::derive(move || {
        if has_position.get() {
            "All working orders are withdrawn and the position is closed at the next price of the market, with fee \
             and slippage. The session goes on; pause it too if it should stay flat."
                .to_owned()
        } else {
            "There is no open position. All working orders are withdrawn; the session goes on.".to_owned()
        }
    });
    let stop_text = Signal::derive(move || {
        if has_position.get() {
            "Its working orders are withdrawn and it never trades again. The open position stays as it is, valued at \
             the last price; flatten first to close it."
                .to_owned()
        } else {
            "Its working orders are withdrawn and it never trades again. All that it did stays here."
                .to_owned()
        }
    });
    let delete = Callback::new(move |()| {
        let navigate = navigate.clone();
        deed.run(functions::delete(id.get_value()), move |()| {
            live.forget(&id.get_value());
            live.notify(false, "The session was deleted.");
            navigate("/sessions", leptos_router::NavigateOptions::default());
        });
    });
    view! {
        <div class="controls">
            <Show
                when=move || ended.get()
                fallback=move || {
                    view! {
                        <Speed view act=Callback::new(act) />
                        <div class="buttons" role="group" aria-label="Controls">
                            <button
                                type="button"
                                class="button"
                                data-testid=move || if paused.get() { "resume" } else { "pause" }
                                disabled=move || deed.pending.get() || !can_pause.get()
                                on:click=on(move |_| {
                                    act(if paused.get() { SessionAction::Resume } else { SessionAction::Pause });
                                })
                            >
                                {move || if paused.get() { "Resume" } else { "Pause" }}
                            </button>
                            <Confirm
                                label="Flatten"
                                title="Close the position now?"
                                consequence=flatten_text
                                action="Flatten"
                                act=move |()| act(SessionAction::Flatten)
                                disabled=deed.pending
                                testid="flatten"
                            />
                            <Confirm
                                label="Stop"
                                title="Stop this session?"
                                consequence=stop_text
                                action="Stop it"
                                act=move |()| act(SessionAction::Stop)
                                disabled=deed.pending
                                dangerous=true
                                testid="stop"
                            />
                        </div>
                    }
                }
            >
                <div class="buttons">
                    <Confirm
                        label="Delete"
                        title="Delete this session?"
                        consequence="Its orders, fills, trades and equity are removed for good."
                        action="Delete it"
                        act=delete
                        disabled=deed.pending
                        dangerous=true
                        testid="delete"
                    />
                </div>
            </Show>
            <ProblemNote problem=deed.problem />
        </div>
    }
    .into_any()
}

/// Market seconds per second, for feeds whose clock is ours.
#[component]
fn Speed(view: SessionView, act: Callback<SessionAction>) -> impl IntoView {
    let ours = view.summary.with_untracked(|it| it.feed.kind != FeedKind::Live);
    let now = memo(move |_| view.summary.with(|it| it.speed));
    let choices: Vec<_> = SPEEDS
        .iter()
        .copied()
        .map(|speed| {
            let chosen = move || now.get() == speed;
            let text = format::speed(speed);
            let label = if speed == 0.0 {
                "max: as fast as possible".to_owned()
            } else {
                format!("{speed} market seconds a second")
            };
            view! {
                <button
                    type="button"
                    aria-pressed=move || if chosen() { "true" } else { "false" }
                    aria-label=label
                    data-speed=speed.to_string()
                    on:click=on(move |_| act.run(SessionAction::Speed(speed)))
                >
                    {text}
                </button>
            }
        })
        .collect();
    if !ours {
        return view! { <p class="hint" data-testid="real-time">"In real time"</p> }.into_any();
    }
    view! {
        <div class="segments" role="group" aria-label="Speed" data-testid="speed">
            {choices}
        </div>
    }
    .into_any()
}
