//! The server: the site, the pages.

use axum::Router;
use leptos::config::LeptosOptions;
use leptos_axum::{LeptosRoutes, generate_route_list};
use papertape_app::{App, shell};

pub mod site;

/// All routes.
pub fn router() -> Router {
    // By hand rather than from Cargo.toml: the binary runs where there is none.
    let options = LeptosOptions::builder().output_name("papertape").build();
    let pages = generate_route_list(App);
    Router::new()
        .leptos_routes(&options, pages, {
            let options = options.clone();
            move || shell(options.clone())
        })
        .with_state(options)
        .merge(site::routes())
}
