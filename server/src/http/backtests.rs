//! Backtests.

use super::Api;
use super::extract::{Json, Path};
use super::problem::{Failure, path_id};
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use papertape::api::{BacktestRequest, BacktestStatus};

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
    Ok(axum::Json(
        api.services.backtest(&path_id(&id, "backtest")?).await?,
    ))
}

pub(super) async fn cancel(State(api): State<Api>, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    api.services.cancel_backtest(&path_id(&id, "backtest")?).await?;
    Ok(StatusCode::NO_CONTENT)
}
