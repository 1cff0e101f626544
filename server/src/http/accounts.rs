//! Accounts: open, flatten, begin anew. An account is a session's and has its id.

use super::Api;
use super::extract::{Json, Path};
use super::problem::Failure;
use super::sessions::session_id;
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use papertape::api::{AccountRequest, SessionSummary};

/// `POST /accounts`: 201 with the account.
pub(super) async fn open(
    State(api): State<Api>,
    Json(request): Json<AccountRequest>,
) -> Result<Response, Failure> {
    Ok(created(api.services.open_account(request).await?))
}

/// `POST /accounts/{id}/reset`: 201 with the account that takes its place.
pub(super) async fn reset(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, Failure> {
    Ok(created(api.services.reset_account(&session_id(&id)?).await?))
}

/// `GET /accounts/{id}`.
pub(super) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<axum::Json<SessionSummary>, Failure> {
    Ok(axum::Json(api.services.session(&session_id(&id)?).await?.summary))
}

fn created(account: SessionSummary) -> Response {
    let location = format!("/api/paper-trading/accounts/{}", account.id);
    (
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        axum::Json(account),
    )
        .into_response()
}
