//! Backtests.

use super::Api;
use super::extract::Json;
use super::problem::{Failure, details};
use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use papertape::api::{BacktestRequest, BacktestStatus};
use papertape::model::BacktestId;

pub(super) async fn start(
    State(api): State<Api>,
    Json(request): Json<BacktestRequest>,
) -> Result<Response, Failure> {
    let status = api.services.start_backtest(request).await?;
    let location = format!("/api/paper-trading/backtests/{}", status.id);
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
) -> Result<axum::Json<BacktestStatus>, Failure> {
    Ok(axum::Json(api.services.backtest(&backtest_id(&id)?).await?))
}

pub(super) async fn cancel(State(api): State<Api>, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    api.services.cancel_backtest(&backtest_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn backtest_id(text: &str) -> Result<BacktestId, Failure> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(64).collect();
        Failure::from(details(
            StatusCode::NOT_FOUND,
            "unknown_backtest",
            "No such backtest",
            format!("there is no backtest '{shown}'"),
            Vec::new(),
        ))
    })
}
