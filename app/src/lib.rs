//! Papertape's pages: one crate, rendered on the server (`ssr`) and brought to life in the browser (`hydrate`).

pub mod backend;
pub mod chart;
pub mod functions;

use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::{
    components::{Route, Router, Routes},
    path,
};

/// The document around the pages; the server renders it once per request.
#[must_use]
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="dark light" />
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

    view! {
        <Title text="Papertape" />
        <Router>
            <main>
                <Routes fallback=|| view! { <h1>"Not found"</h1> }>
                    <Route path=path!("/") view=Home />
                </Routes>
            </main>
        </Router>
    }
}

#[component]
fn Home() -> impl IntoView {
    let option =
        r#"{"xAxis": {}, "yAxis": {}, "series": [{"id": "demo", "type": "line", "data": [[0, 1], [1, 3]]}]}"#;

    view! {
        <h1>"Papertape"</h1>
        <chart::Chart option=option label="An example line" />
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
