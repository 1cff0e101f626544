//! The strategy library.

use super::Api;
use super::extract::Json;
use super::problem::{Failure, strategy_problem};
use axum::extract::{Path, State};
use papertape::api::{FieldError, Page, StrategyCard, StrategyDetail};
use serde::{Deserialize, Serialize};

pub(super) async fn list(State(api): State<Api>) -> Result<axum::Json<Page<StrategyCard>>, Failure> {
    Ok(axum::Json(Page {
        items: api.services.strategies().await?,
        next_cursor: None,
    }))
}

pub(super) async fn one(
    State(api): State<Api>,
    Path(slug): Path<String>,
) -> Result<axum::Json<StrategyDetail>, Failure> {
    Ok(axum::Json(api.services.strategy(&slug).await?))
}

/// `POST /strategies/validate`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValidateRequest {
    /// The YAML.
    #[serde(alias = "yaml", alias = "source")]
    strategy: String,
}

/// Its answer.
#[derive(Debug, Serialize)]
pub(super) struct Validation {
    valid: bool,
    /// Each with its place, `strategy:LINE:COLUMN`.
    errors: Vec<FieldError>,
    /// What is likely a mistake, though the strategy runs.
    warnings: Vec<FieldError>,
}

pub(super) async fn validate(
    State(api): State<Api>,
    Json(request): Json<ValidateRequest>,
) -> axum::Json<Validation> {
    let (errors, warnings) = match api.services.validate(&request.strategy) {
        Ok(warnings) => (Vec::new(), warnings),
        Err(problems) => (problems, Vec::new()),
    };
    axum::Json(Validation {
        valid: errors.is_empty(),
        errors: errors.iter().map(strategy_problem).collect(),
        warnings: warnings.iter().map(strategy_problem).collect(),
    })
}
