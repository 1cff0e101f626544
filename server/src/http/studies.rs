//! Studies.

use super::Api;
use super::extract::{Json, Path, Query};
use super::problem::{Failure, path_id};
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use papertape::api::{Page, StudyRequest, StudyStatus, StudySummary};
use serde::Deserialize;

/// `GET /studies`: of which strategy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    strategy: Option<String>,
}

pub(super) async fn list(
    State(api): State<Api>,
    Query(wanted): Query<Wanted>,
) -> axum::Json<Page<StudySummary>> {
    axum::Json(Page {
        items: api.services.studies(wanted.strategy.as_deref()),
        next_cursor: None,
    })
}

pub(super) async fn start(
    State(api): State<Api>,
    Json(request): Json<StudyRequest>,
) -> Result<Response, Failure> {
    let status = api.services.start_study(request).await?;
    let location = format!("/api/paper-trading/studies/{}", status.id);
    Ok((
        StatusCode::ACCEPTED,
        [(header::LOCATION, location)],
        axum::Json(status),
    )
        .into_response())
}

pub(super) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<axum::Json<StudyStatus>, Failure> {
    Ok(axum::Json(api.services.study(&path_id(&id, "study")?)?))
}

pub(super) async fn cancel(State(api): State<Api>, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    api.services.cancel_study(&path_id(&id, "study")?)?;
    Ok(StatusCode::NO_CONTENT)
}
