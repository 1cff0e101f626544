//! The strategy library.

use super::Api;
use super::extract::{self, Json, Path};
use super::problem::{Failure, strategy_problem};
use crate::services::Base;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use papertape::api::{FieldError, Page, StrategyCard, StrategyDetail, StrategyVersion, VersionDetail};
use serde::{Deserialize, Serialize};

pub(super) async fn list(State(api): State<Api>) -> Result<axum::Json<Page<StrategyCard>>, Failure> {
    Ok(axum::Json(Page {
        items: api.services.strategies().await?,
        next_cursor: None,
    }))
}

pub(super) async fn one(State(api): State<Api>, Path(slug): Path<String>) -> Result<Response, Failure> {
    Ok(with_version(StatusCode::OK, api.services.strategy(&slug).await?))
}

/// `PUT /strategies/{name}`, as JSON; with a YAML content type the body is the YAML itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SaveRequest {
    #[serde(alias = "yaml", alias = "source")]
    strategy: String,
}

/// Saves a strategy. `If-Match` says which version it was made from, `If-None-Match: *` that the name is to be free.
pub(super) async fn save(
    State(api): State<Api>,
    Path(slug): Path<String>,
    headers: HeaderMap,
    body: extract::Body,
) -> Result<Response, Failure> {
    let source = match body {
        extract::Body::Json(bytes) => extract::parse::<SaveRequest>(&bytes)?.strategy,
        extract::Body::Yaml(text) => text,
    };
    let (detail, new) = api.services.save_strategy(&slug, &source, base(&headers)).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(with_version(status, detail))
}

/// `GET /strategies/{name}/versions`: the texts before the present one.
pub(super) async fn versions(
    State(api): State<Api>,
    Path(slug): Path<String>,
) -> Result<axum::Json<Page<StrategyVersion>>, Failure> {
    Ok(axum::Json(Page {
        items: api.services.strategy_versions(&slug)?,
        next_cursor: None,
    }))
}

/// `GET /strategies/{name}/versions/{version}`: one of them, and what changed since.
pub(super) async fn version(
    State(api): State<Api>,
    Path((slug, version)): Path<(String, String)>,
) -> Result<axum::Json<VersionDetail>, Failure> {
    Ok(axum::Json(api.services.strategy_version(&slug, &version)?))
}

pub(super) async fn delete(
    State(api): State<Api>,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    api.services.delete_strategy(&slug, &base(&headers))?;
    Ok(StatusCode::NO_CONTENT)
}

fn with_version(status: StatusCode, detail: StrategyDetail) -> Response {
    let tag = format!("\"{}\"", detail.version);
    (status, [(header::ETAG, tag)], axum::Json(detail)).into_response()
}

/// What a change was made from, as the headers say.
fn base(headers: &HeaderMap) -> Base {
    let said = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.trim().to_owned());
    match (said(header::IF_MATCH), said(header::IF_NONE_MATCH)) {
        (Some(tag), _) if tag != "*" => {
            let tag = tag.strip_prefix("W/").unwrap_or(&tag);
            Base::Version(tag.trim_matches('"').to_owned())
        }
        (None, Some(tag)) if tag == "*" => Base::Nothing,
        _ => Base::Any,
    }
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
