//! Papertape's pages: one crate, rendered on the server (`ssr`) and brought to life in the browser (`hydrate`).
//!
//! | module | holds |
//! |---|---|
//! | [`backend`] | what the pages ask of the server, as a trait that the server implements |
//! | [`functions`] | the server functions that carry it |
//! | [`live`] | the live store: one WebSocket, a pure reducer, signals for the views |
//! | [`chart`] | the chart component and the options that it shows |
//! | `engine` | the engine inside the browser, in a Web Worker |
//! | [`format`] | numbers and times as people read them |
//! | `wire` | how data travels between server and page |
//! | `components`, `pages` | what is on screen |
// Tests find things by these `data-testid`s, which stay the same when words and looks change:
//   connection                      how the live connection is; `data-state` is its name
//   notice, problem                 what the reader should know; what failed, next to where it did
//   theme, help                     the header's buttons
//   total-equity                    the sum on the overview
//   session-row, session-state      a session in a list; a state's badge, `data-state` is its name
//   session-equity, session-return  the figures of a row or of the session's page
//   strategy-card, start, start-options, start-submit, start-feed, start-speed
//   backtest, backtest-progress, backtest-cancel, backtest-row, param-NAME, dataset
//   pause, resume, stop, flatten, delete, each with -confirm in its dialog; speed, with `data-speed` on its choices
//   tab-NAME, panel-NAME            positions, orders, fills, trades, alerts, metrics, quality, about
//   order-row, order-why, order-change, order-cancel, order-explanation; ticket, ticket-type, ticket-cost, ticket-submit
//   fill-row, fill-why, fill-story, newer, trade-row, alert-row, metric-NAME
//   research, study-KIND, study-start, study-size, axis-NAME-changes, -from, -to, -step, -value; study-progress, study-best,
//   study-cancel, study-note, study-result, study-judgement, study-open, study-row, sweep-row, window-row, walk-strip, fan,
//   heat-map, heat-axes, heat-words
//   warnings, caveats, version-row, version-changes, version-diff, version-restore
//   live, live-note, live-hash      the backtest in the browser; `data-run` counts its results
//   builder, builder-text, builder-problems, undo, redo, save, save-state, save-name, save-submit, delete-strategy
//   draft, draft-discard, catalogue-expression, catalogue-use, preview-state, preview-NAME, preview-trade, preview-chart
//   feed (`data-feed`), feed-state, feed-source, feed-symbol, unused-feeds, incident-row (`data-kind`), data-state
//   quality-summary, start-symbol
//   price-chart, equity-chart, event-hash, filter, code, not-found

// Views are types, and a page is a deep one.
#![recursion_limit = "512"]
#![allow(
    unreachable_pub,
    reason = "the component macro writes `pub` on what a private module keeps to itself"
)]

pub mod backend;
pub mod chart;
mod components;
mod engine;
mod erased;
pub mod format;
mod frame;
pub mod functions;
mod keyboard;
pub mod live;
mod pages;
#[cfg(test)]
mod samples;
mod typed;
pub mod wire;

use crate::components::Zone;
use crate::erased::effect;
use crate::live::Live;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    path,
};

/// Sets the theme before the first paint: the reader's own choice, else what the system prefers.
const THEME: &str = "try{var t=localStorage.getItem('theme');\
                     if(t==='dark'||t==='light')document.documentElement.dataset.theme=t}catch(e){}";

/// The document around the pages; the server renders it once per request.
#[must_use]
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover" />
                <meta name="color-scheme" content="dark light" />
                <meta
                    name="description"
                    content="Paper trading: backtest a strategy, run it on live market data, see why every fill is what it is."
                />
                <script nonce=use_nonce()>{THEME}</script>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="stylesheet" href="/pkg/papertape.css" />
                <HydrationScripts options=options />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// All pages, by path.
#[component]
#[must_use]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let live = Live::new();
    provide_context(live);
    provide_context(Zone::new());
    effect(move || live.connect());

    // Pages are rendered whole before they are sent: the server answers from its own store in milliseconds, and so the
    // status of a page that is not there can still be 404.
    let ssr = SsrMode::Async;
    view! {
        <Title formatter=|text: String| {
            if text.is_empty() { "Papertape".to_owned() } else { format!("{text} · Papertape") }
        } />
        <Router>
            <frame::Page>
                <Routes fallback=pages::NotFound>
                    <Route path=path!("/") view=pages::Overview ssr=ssr.clone() />
                    <Route path=path!("/strategies") view=pages::Strategies ssr=ssr.clone() />
                    <Route path=path!("/strategies/new") view=pages::Builder ssr=ssr.clone() />
                    <Route path=path!("/strategies/:slug/edit") view=pages::Builder ssr=ssr.clone() />
                    <Route path=path!("/strategies/:slug/research") view=pages::Research ssr=ssr.clone() />
                    <Route path=path!("/strategies/:slug") view=pages::Strategy ssr=ssr.clone() />
                    <Route path=path!("/backtests/:id") view=pages::Backtest ssr=ssr.clone() />
                    <Route path=path!("/sessions") view=pages::Sessions ssr=ssr.clone() />
                    <Route path=path!("/sessions/:id") view=pages::Session ssr=ssr.clone() />
                    <Route path=path!("/feeds") view=pages::Feeds ssr=ssr.clone() />
                    // Named so that the server knows it too: an address without a page gets one that leads home.
                    <Route path=path!("/*any") view=pages::NotFound ssr />
                </Routes>
            </frame::Page>
        </Router>
    }
}

/// The browser's entry: takes over the document the server has rendered.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(App);
    // Tells tests, and styles that wait for it, that the page answers now.
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("data-hydrated", "");
    }
}
