//! The system: status, health, datasets, alerts.

use super::Api;
use super::problem::Failure;
use super::query::List;
use crate::services::SessionAlert;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use papertape::api::{DatasetInfo, Page, SystemStatus};

pub(super) async fn status(State(api): State<Api>) -> Result<axum::Json<SystemStatus>, Failure> {
    Ok(axum::Json(api.services.status().await?))
}

/// Whether the process answers at all.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether it can do its work: storage answers and the end has not begun.
pub(super) async fn readyz(State(api): State<Api>) -> Response {
    if *api.closing.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response();
    }
    match api.services.status().await {
        Ok(_) => "ready\n".into_response(),
        Err(error) => Failure::from(error).into_response(),
    }
}

pub(super) async fn datasets(State(api): State<Api>) -> Result<axum::Json<Page<DatasetInfo>>, Failure> {
    Ok(axum::Json(Page {
        items: api.services.datasets().await?,
        next_cursor: None,
    }))
}

/// The newest alerts of all sessions.
pub(super) async fn alerts(
    State(api): State<Api>,
    list: List,
) -> Result<axum::Json<Page<SessionAlert>>, Failure> {
    Ok(axum::Json(Page {
        items: api.services.alerts(list.query.list.limit).await?,
        next_cursor: None,
    }))
}
