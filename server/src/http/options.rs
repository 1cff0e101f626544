//! Options: what is listed on some shares, and exercise.

use super::Api;
use super::extract::{Json, Path, Query};
use super::markets::symbol_of;
use super::problem::Failure;
use super::sessions::session_id;
use axum::extract::State;
use papertape::api::{ExerciseBody, OptionBoard, Page};
use papertape::portfolio::Position;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    session: Option<String>,
    expiry: Option<String>,
}

/// `GET /markets/{symbol}/options?session&expiry`: the options on some shares as a session quotes them now, without a
/// session as the imported chain has them; of one day of expiry only.
pub(super) async fn board(
    State(api): State<Api>,
    Path(symbol): Path<String>,
    Query(fields): Query<Fields>,
) -> Result<axum::Json<OptionBoard>, Failure> {
    let symbol = symbol_of(&symbol)?;
    let session = fields.session.as_deref().map(session_id).transpose()?;
    let mut board = api.services.options(&symbol, session.as_ref()).await?;
    if let Some(day) = fields.expiry.filter(|day| !day.is_empty()) {
        board.expiries.retain(|expiry| expiry.day == day);
    }
    Ok(axum::Json(board))
}

/// `POST /accounts/{id}/exercise`: 200 with what is held afterwards; 422 with the reason's code.
pub(super) async fn exercise(
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(body): Json<ExerciseBody>,
) -> Result<axum::Json<Page<Position>>, Failure> {
    Ok(axum::Json(
        api.services.exercise(&session_id(&id)?, body.into()).await?,
    ))
}
