//! Studies.

use super::Api;
use super::extract::Json;
use super::problem::{Failure, details};
use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use papertape::api::{StudyRequest, StudyStatus};
use papertape::model::StudyId;

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
    Ok(axum::Json(api.services.study(&study_id(&id)?)?))
}

pub(super) async fn cancel(State(api): State<Api>, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    api.services.cancel_study(&study_id(&id)?)?;
    Ok(StatusCode::NO_CONTENT)
}

fn study_id(text: &str) -> Result<StudyId, Failure> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(64).collect();
        Failure::from(details(
            StatusCode::NOT_FOUND,
            "unknown_study",
            "No such study",
            format!("there is no study '{shown}'"),
            Vec::new(),
        ))
    })
}
