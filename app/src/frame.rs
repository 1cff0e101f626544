//! What stands around every page: places, connection, notices, help.

use crate::components::Zone;
use crate::erased::on;
use crate::format::{self, TimeStyle};
use crate::keyboard;
use crate::live::{Connection, Live};
use leptos::{html, prelude::*};
use leptos_router::components::A;
use leptos_router::hooks::use_location;

const PLACES: [(&str, &str, &str); 4] = [
    ("/", "Overview", "g o"),
    ("/strategies", "Strategies", "g t"),
    ("/sessions", "Sessions", "g s"),
    ("/feeds", "Feeds", "g f"),
];

/// The frame.
#[component]
pub(crate) fn Page(children: Children) -> impl IntoView {
    let help = NodeRef::<html::Dialog>::new();
    let open_help = Callback::new(move |()| {
        if let Some(help) = help.get_untracked() {
            let _ = help.show_modal();
        }
    });
    keyboard::listen(open_help);
    announce_pages();
    view! {
        <a class="skip" href="#main">"Skip to content"</a>
        <header class="top">
            <A href="/" attr:class="brand">
                <Mark />
                <span>"Papertape"</span>
            </A>
            <Places />
            <div class="end">
                <ConnectionState />
                <ThemeButton />
                <button
                    type="button"
                    class="icon"
                    data-testid="help"
                    aria-label="Keyboard shortcuts"
                    aria-haspopup="dialog"
                    on:click=on(move |_| open_help.run(()))
                >
                    <span aria-hidden="true">"?"</span>
                </button>
            </div>
        </header>
        <main id="main" tabindex="-1">
            {children()}
        </main>
        <Foot />
        <Notices />
        <Help dialog=help />
    }
    .into_any()
}

/// Moves the focus to the new page's content, so that the keyboard and a screen reader begin there.
fn announce_pages() {
    let path = use_location().pathname;
    Effect::new(move |before: Option<String>| {
        let path = path.get();
        if before.is_some_and(|before| before != path)
            && let Some(main) = document().get_element_by_id("main")
        {
            use wasm_bindgen::JsCast;
            if let Ok(main) = main.dyn_into::<web_sys::HtmlElement>() {
                let _ = main.focus();
            }
        }
        path
    });
}

#[component]
fn Places() -> impl IntoView {
    let path = use_location().pathname;
    let links: Vec<_> = PLACES
        .iter()
        .map(|(href, name, _)| {
            // A page inside a place belongs to the place.
            let current = move || {
                let path = path.get();
                let inside = if *href == "/" {
                    path == "/"
                } else {
                    path.starts_with(href)
                };
                inside.then_some("page")
            };
            view! { <a href=*href aria-current=current>{*name}</a> }
        })
        .collect();
    view! { <nav class="places" aria-label="Places">{links}</nav> }
}

/// The mark: a strip of paper tape with its holes, the last of them a price that rises.
#[component]
fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
            <rect class="paper" x="2" y="6" width="28" height="20" rx="4"></rect>
            <path class="holes" d="M7 12h2M13 12h2M19 12h2M25 12h.01"></path>
            <path class="trace" d="M6.500 21.500l5-3.500 4.500 2 9.500-6"></path>
        </svg>
    }
    .into_any()
}

#[component]
fn ConnectionState() -> impl IntoView {
    let connection = expect_context::<Live>().connection();
    let zone = expect_context::<Zone>();
    let text = move || match connection.get() {
        Connection::Connecting => "Connecting".to_owned(),
        Connection::Connected => "Connected".to_owned(),
        Connection::Reconnecting { since } => {
            format!(
                "Reconnecting, data since {}",
                zone.format(since, TimeStyle::Clock)
            )
        }
        Connection::Offline { since } => {
            format!("Offline, data since {}", zone.format(since, TimeStyle::Clock))
        }
    };
    view! {
        <p
            class="connection"
            role="status"
            data-testid="connection"
            data-state=move || connection.get().name()
        >
            <span class="dot" aria-hidden="true"></span>
            <span class="words">{text}</span>
        </p>
    }
    .into_any()
}

#[component]
fn ThemeButton() -> impl IntoView {
    let toggle = move |_| {
        let Some(root) = document().document_element() else {
            return;
        };
        let chosen = root.get_attribute("data-theme");
        let prefers_light = || {
            window()
                .match_media("(prefers-color-scheme: light)")
                .ok()
                .flatten()
                .is_some_and(|query| query.matches())
        };
        let is_light = chosen.map_or_else(prefers_light, |theme| theme == "light");
        let next = if is_light { "dark" } else { "light" };
        let _ = root.set_attribute("data-theme", next);
        if let Ok(Some(storage)) = window().local_storage() {
            let _ = storage.set_item("theme", next);
        }
    };
    view! {
        <button
            type="button"
            class="icon"
            data-testid="theme"
            aria-label="Switch between dark and light"
            on:click=on(toggle)
        >
            <svg viewBox="0 0 16 16" aria-hidden="true">
                <circle cx="8" cy="8" r="5.25" fill="none" stroke="currentColor" stroke-width="1.5"></circle>
                <path d="M8 2.750a5.250 5.250 0 0 1 0 10.500z" fill="currentColor"></path>
            </svg>
        </button>
    }
    .into_any()
}

#[component]
fn Foot() -> impl IntoView {
    let zone = expect_context::<Zone>();
    view! {
        <footer class="foot">
            <p>"Paper trading: no order leaves this machine, no money is at stake."</p>
            <p>"Times in " {move || format::zone(zone.offset_now())} ", UTC on hover"</p>
        </footer>
    }
    .into_any()
}

#[component]
fn Notices() -> impl IntoView {
    let live = expect_context::<Live>();
    let notices = live.notices();
    view! {
        <div class="notices" role="status" aria-live="polite">
            <For each=move || notices.get() key=|notice| notice.id let:notice>
                <div class="notice" class:failure=notice.failure data-testid="notice">
                    <p>{notice.text.clone()}</p>
                    <button
                        type="button"
                        class="icon"
                        aria-label="Dismiss"
                        on:click=on(move |_| live.dismiss(notice.id))
                    >
                        <span aria-hidden="true">"×"</span>
                    </button>
                </div>
            </For>
        </div>
    }
    .into_any()
}

#[component]
fn Help(dialog: NodeRef<html::Dialog>) -> impl IntoView {
    let places: Vec<_> = PLACES
        .iter()
        .map(|(_, name, keys)| {
            let keys: Vec<_> = keys
                .split(' ')
                .map(|key| view! { <kbd>{key}</kbd> " " })
                .collect();
            view! { <tr><th scope="row">{*name}</th><td>{keys}</td></tr> }
        })
        .collect();
    let close = move |_| {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    view! {
        <dialog node_ref=dialog class="dialog" aria-labelledby="help-title">
            <h2 id="help-title">"Keyboard"</h2>
            <table class="keys">
                <tbody>
                    {places}
                    <tr><th scope="row">"Filter the list"</th><td><kbd>"/"</kbd></td></tr>
                    <tr><th scope="row">"This help"</th><td><kbd>"?"</kbd></td></tr>
                    <tr><th scope="row">"Close a dialog"</th><td><kbd>"Esc"</kbd></td></tr>
                    <tr><th scope="row">"Between tabs"</th><td><kbd>"←"</kbd> " " <kbd>"→"</kbd></td></tr>
                </tbody>
            </table>
            <div class="actions">
                <button type="button" class="button" on:click=on(close)>"Close"</button>
            </div>
        </dialog>
    }
    .into_any()
}
