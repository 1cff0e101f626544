//! The HTTP API, the live updates, and the pages.

mod accounts;
mod backtests;
mod csv;
mod extract;
mod feed_stream;
mod feeds;
mod live;
mod markets;
mod options;
mod orders;
mod problem;
mod query;
mod security;
mod sessions;
mod strategies;
mod studies;
mod system;

pub(crate) use csv::{Row as CsvRow, write as csv_write};
pub use problem::problem;

use crate::{services::Services, site};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, Request},
    middleware,
    routing::{any, get, post},
};
use leptos::{config::LeptosOptions, context::provide_context};
use leptos_axum::{LeptosRoutes, generate_route_list};
use papertape_app::{App, backend::Backend, shell};
use std::sync::Arc;
use tokio::sync::watch;
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    limit::RequestBodyLimitLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    trace::TraceLayer,
};

/// The largest body of a request, in bytes.
const MAX_BODY: usize = 1024 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the handlers of the API share.
#[derive(Clone, Debug)]
pub struct Api {
    /// The services.
    pub services: Arc<Services>,
    /// Turns true when the server is about to end.
    pub closing: watch::Receiver<bool>,
}

/// All routes.
///
/// `loopback` says that the server is to be reached from its own machine only.
pub fn router(api: Api, loopback: bool) -> Router {
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(TraceLayer::new_for_http().make_span_with(|request: &Request<_>| {
            let id = request.extensions().get::<RequestId>();
            let id = id
                .and_then(|id| id.header_value().to_str().ok())
                .unwrap_or_default();
            tracing::info_span!("request", id, method = %request.method(), path = request.uri().path())
        }))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn_with_state(
            security::Guard { loopback },
            security::guard,
        ))
        .layer(middleware::from_fn(security::headers));
    api_routes()
        .with_state(api.clone())
        .merge(pages(Arc::clone(&api.services)))
        .merge(site::routes())
        .layer(layers)
}

fn api_routes() -> Router<Api> {
    let routes = Router::new()
        .route("/status", get(system::status))
        .route("/sessions", get(sessions::list).post(sessions::start))
        .route("/start", post(sessions::start))
        .route("/stop", post(sessions::stop_named))
        .route("/sessions/{id}", get(sessions::one).delete(sessions::delete))
        .route("/sessions/{id}/stop", post(sessions::stop))
        .route("/sessions/{id}/pause", post(sessions::pause))
        .route("/sessions/{id}/resume", post(sessions::resume))
        .route("/sessions/{id}/flatten", post(sessions::flatten))
        .route("/sessions/{id}/speed", post(sessions::speed))
        .route("/sessions/{id}/trades", get(sessions::trades))
        .route("/sessions/{id}/fills", get(sessions::fills))
        .route("/sessions/{id}/orders", get(sessions::orders))
        .route("/sessions/{id}/equity", get(sessions::equity))
        .route("/sessions/{id}/positions", get(sessions::positions))
        .route("/sessions/{id}/metrics", get(sessions::metrics))
        .route("/sessions/{id}/events", get(sessions::events))
        .route("/sessions/{id}/data-quality", get(feeds::data_quality))
        .route("/accounts", get(sessions::list).post(accounts::open))
        .route("/accounts/{id}", get(accounts::one))
        .route("/accounts/{id}/flatten", post(sessions::flatten))
        .route("/accounts/{id}/reset", post(accounts::reset))
        .route(
            "/accounts/{id}/orders",
            get(orders::list).post(orders::place).delete(orders::cancel_all),
        )
        .route("/accounts/{id}/orders/cancel", post(orders::cancel_all))
        .route("/accounts/{id}/exercise", post(options::exercise))
        .route("/accounts/{id}/fills", get(sessions::fills))
        .route("/accounts/{id}/positions", get(sessions::positions))
        .route("/accounts/{id}/metrics", get(sessions::metrics))
        .route(
            "/orders/{id}",
            get(orders::one).patch(orders::amend).delete(orders::cancel),
        )
        .route("/orders/{id}/cancel", post(orders::cancel))
        .route("/orders/{id}/explain", get(orders::explain))
        .route("/alerts", get(system::alerts))
        .route("/datasets", get(system::datasets))
        .route("/markets", get(markets::list))
        .route("/markets/{symbol}/bars", get(markets::bars))
        .route("/markets/{symbol}/ticker", get(feeds::ticker))
        .route("/markets/{symbol}/order-book", get(feeds::order_book))
        .route("/feeds", get(feeds::list))
        .route("/feeds/{feed}", get(feeds::one))
        .route("/feeds/{feed}/incidents", get(feeds::incidents))
        .route("/feeds/{feed}/instruments", get(feeds::instruments))
        .route("/feeds/{feed}/bars", get(feeds::bars))
        .route("/feeds/{feed}/history", post(feeds::history))
        .route("/feeds/{feed}/stream", get(feed_stream::upgrade))
        .route("/markets/{symbol}/options", get(options::board))
        .route("/strategies", get(strategies::list))
        .route("/strategies/validate", post(strategies::validate))
        .route(
            "/strategies/{slug}",
            get(strategies::one)
                .put(strategies::save)
                .delete(strategies::delete),
        )
        .route("/strategies/{slug}/versions", get(strategies::versions))
        .route("/strategies/{slug}/versions/{version}", get(strategies::version))
        .route("/backtests", post(backtests::start))
        .route("/backtests/{id}", get(backtests::one).delete(backtests::cancel))
        .route("/studies", get(studies::list).post(studies::start))
        .route("/studies/{id}", get(studies::one).delete(studies::cancel))
        .route("/ws", get(live::upgrade))
        // A route and not a fallback: the pages answer every path that has none.
        .route("/{*path}", any(problem::no_such_path))
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(DefaultBodyLimit::max(MAX_BODY));
    Router::new()
        .nest("/api/paper-trading", routes)
        .route("/healthz", get(system::healthz))
        .route("/readyz", get(system::readyz))
}

/// The pages and the server functions behind them.
fn pages(services: Arc<Services>) -> Router {
    // By hand rather than from Cargo.toml: the binary runs where there is none.
    let options = LeptosOptions::builder().output_name("papertape").build();
    let backend: Arc<dyn Backend> = services;
    Router::new()
        .leptos_routes_with_context(
            &options,
            generate_route_list(App),
            move || {
                provide_context(Arc::clone(&backend));
                security::allow_own_scripts();
            },
            {
                let options = options.clone();
                move || shell(options.clone())
            },
        )
        .with_state(options)
        // The server functions read their bodies themselves.
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
}
