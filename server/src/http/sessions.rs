//! Sessions: start, act, read.

use super::Api;
use super::csv::{self, Row};
use super::extract::{Json, Path, Query};
use super::problem::{Failure, path_id};
use super::query::{Format, List, MAX_LIMIT};
use crate::services::{RecordQuery, ServiceError, Services};
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use papertape::api::{Page, SessionAction, SessionDetail, SessionSummary, StartRequest};
use papertape::model::SessionId;
use serde::{Deserialize, Serialize};
use std::future::Future;

pub(super) async fn list(State(api): State<Api>) -> axum::Json<Page<SessionSummary>> {
    axum::Json(Page {
        items: api.services.sessions(),
        next_cursor: None,
    })
}

pub(super) async fn start(
    State(api): State<Api>,
    Json(request): Json<StartRequest>,
) -> Result<Response, Failure> {
    let session = api.services.start_session(request).await?;
    let location = format!("/api/paper-trading/sessions/{}", session.id);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        axum::Json(session),
    )
        .into_response())
}

pub(super) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<axum::Json<SessionDetail>, Failure> {
    Ok(axum::Json(api.services.session(&session_id(&id)?).await?))
}

pub(super) async fn delete(State(api): State<Api>, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    api.services.delete_session(&session_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /stop`: the session is in the body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StopRequest {
    session: SessionId,
}

pub(super) async fn stop_named(
    State(api): State<Api>,
    Json(request): Json<StopRequest>,
) -> Result<axum::Json<SessionSummary>, Failure> {
    Ok(axum::Json(
        api.services.act(&request.session, SessionAction::Stop).await?,
    ))
}

async fn act(api: &Api, id: &str, action: SessionAction) -> Result<axum::Json<SessionSummary>, Failure> {
    Ok(axum::Json(api.services.act(&session_id(id)?, action).await?))
}

pub(super) async fn stop(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<axum::Json<SessionSummary>, Failure> {
    act(&api, &id, SessionAction::Stop).await
}

pub(super) async fn pause(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<axum::Json<SessionSummary>, Failure> {
    act(&api, &id, SessionAction::Pause).await
}

pub(super) async fn resume(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<axum::Json<SessionSummary>, Failure> {
    act(&api, &id, SessionAction::Resume).await
}

pub(super) async fn flatten(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<axum::Json<SessionSummary>, Failure> {
    act(&api, &id, SessionAction::Flatten).await
}

/// `POST /sessions/{id}/speed`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpeedRequest {
    speed: f64,
}

pub(super) async fn speed(
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(request): Json<SpeedRequest>,
) -> Result<axum::Json<SessionSummary>, Failure> {
    act(&api, &id, SessionAction::Speed(request.speed)).await
}

pub(super) async fn trades(
    State(api): State<Api>,
    Path(id): Path<String>,
    list: List,
) -> Result<Response, Failure> {
    answer(&api, &id, list, async |services, id, query| {
        services.trades(&id, &query).await
    })
    .await
}

pub(super) async fn fills(
    State(api): State<Api>,
    Path(id): Path<String>,
    list: List,
) -> Result<Response, Failure> {
    answer(&api, &id, list, async |services, id, query| {
        services.fills(&id, &query).await
    })
    .await
}

pub(super) async fn orders(
    State(api): State<Api>,
    Path(id): Path<String>,
    list: List,
) -> Result<Response, Failure> {
    answer(&api, &id, list, async |services, id, query| {
        services.orders(&id, &query).await
    })
    .await
}

pub(super) async fn equity(
    State(api): State<Api>,
    Path(id): Path<String>,
    list: List,
) -> Result<Response, Failure> {
    answer(&api, &id, list, async |services, id, query| {
        services.equity(&id, &query).await
    })
    .await
}

pub(super) async fn positions(
    State(api): State<Api>,
    Path(id): Path<String>,
    list: List,
) -> Result<Response, Failure> {
    answer(&api, &id, list, async |services, id, query| {
        services.positions(&id, &query).await
    })
    .await
}

pub(super) async fn events(
    State(api): State<Api>,
    Path(id): Path<String>,
    list: List,
) -> Result<Response, Failure> {
    answer(&api, &id, list, async |services, id, query| {
        services.events(&id, &query).await
    })
    .await
}

/// `GET /sessions/{id}/metrics?without`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricsFields {
    without: Option<Without>,
}

/// What metrics leave out.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Without {
    /// The spans that the data-quality record taints.
    Tainted,
}

pub(super) async fn metrics(
    State(api): State<Api>,
    Path(id): Path<String>,
    Query(fields): Query<MetricsFields>,
) -> Result<Response, Failure> {
    let id = session_id(&id)?;
    let metrics = match fields.without {
        None => api.services.metrics(&id).await?,
        Some(Without::Tainted) => api.services.untainted_metrics(&id).await?,
    };
    Ok(axum::Json(metrics).into_response())
}

/// One page as JSON, or all pages as CSV.
async fn answer<T, F>(
    api: &Api,
    id: &str,
    list: List,
    read: impl Fn(std::sync::Arc<Services>, SessionId, RecordQuery) -> F,
) -> Result<Response, Failure>
where
    T: Serialize + Row,
    F: Future<Output = Result<Page<T>, ServiceError>>,
{
    let id = session_id(id)?;
    let mut query = list.query;
    let page = |query: &RecordQuery| read(std::sync::Arc::clone(&api.services), id.clone(), query.clone());
    if list.format == Format::Json {
        return Ok(axum::Json(page(&query).await?).into_response());
    }
    query.list.limit = MAX_LIMIT;
    let mut rows = Vec::new();
    loop {
        let mut next = page(&query).await?;
        rows.append(&mut next.items);
        match next.next_cursor.map(|cursor| cursor.parse()) {
            Some(Ok(cursor)) => query.list.after = Some(cursor),
            _ => return Ok(csv::respond(rows)),
        }
    }
}

/// A path's session.
pub(super) fn session_id(text: &str) -> Result<SessionId, Failure> {
    path_id(text, "session")
}
