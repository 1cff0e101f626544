//! Words that stand beside everything they qualify: a session's state, where its data comes from.

use leptos::prelude::*;
use papertape::api::{FeedInfo, FeedKind};
use papertape::engine::SessionState;

/// A session's state.
#[component]
pub(crate) fn StateBadge(#[prop(into)] state: Signal<SessionState>) -> impl IntoView {
    view! {
        <span class="badge" data-testid="session-state" data-state=move || state.get().to_string()>
            <span class="dot" aria-hidden="true"></span>
            {move || state.get().to_string()}
        </span>
    }
}

/// Where the data comes from, in a word; the whole story on hover.
#[component]
pub(crate) fn FeedMark(feed: FeedInfo) -> impl IntoView {
    let (word, kind) = match feed.kind {
        FeedKind::Simulated => ("simulated", "simulated"),
        FeedKind::Replay => ("replay", "replay"),
        FeedKind::Live => ("live", "live"),
    };
    view! {
        <span class="tag" data-feed=kind title=feed.label>
            {word}
        </span>
    }
}
