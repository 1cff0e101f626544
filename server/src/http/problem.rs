//! Errors on their way out: RFC 9457 problem details with stable codes.

use crate::host::HostError;
use crate::services::ServiceError;
use crate::storage::StorageError;
use axum::{
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use papertape::api::{FieldError, ProblemDetails};
use papertape_feeds::FeedError;
use std::{any::Any, error::Error, str::FromStr, time::Duration};

/// A problem as an answer.
#[derive(Debug)]
pub(super) struct Failure {
    details: Box<ProblemDetails>,
    /// After how long asking again may help.
    retry_after: Option<Duration>,
}

impl From<ProblemDetails> for Failure {
    fn from(details: ProblemDetails) -> Self {
        Self {
            details: Box::new(details),
            retry_after: None,
        }
    }
}

impl Failure {
    #[cfg(test)]
    pub(super) fn details(&self) -> &ProblemDetails {
        &self.details
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.details.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&*self.details).unwrap_or_default();
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        // Whole seconds (RFC 9110, 10.2.3), and not one too few.
        let retry_after = self.retry_after.map(|wait| wait.as_millis().div_ceil(1_000));
        match retry_after {
            Some(secs) => (status, kind, [(header::RETRY_AFTER, secs.to_string())], body).into_response(),
            None => (status, kind, body).into_response(),
        }
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let retry_after = match &error {
            ServiceError::Feed(error) => error.retry_after(),
            _ => None,
        };
        Self {
            retry_after,
            ..problem(&error).into()
        }
    }
}

/// Details for a kind of problem: its status, code and title.
pub(super) fn details(
    status: StatusCode,
    code: &str,
    title: &str,
    detail: impl Into<String>,
    errors: Vec<FieldError>,
) -> ProblemDetails {
    ProblemDetails {
        type_uri: format!("/api/docs/problems#{code}"),
        title: title.to_owned(),
        status: status.as_u16(),
        detail: detail.into(),
        code: code.to_owned(),
        errors,
        since: None,
    }
}

/// An id from a path. What cannot be an id is the id of nothing: `what` is `session`, `order`, `backtest` or `study`.
///
/// # Errors
/// 404, `unknown_` and what it is.
pub(super) fn path_id<T: FromStr>(text: &str, what: &str) -> Result<T, Failure> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(96).collect();
        Failure::from(details(
            StatusCode::NOT_FOUND,
            &format!("unknown_{what}"),
            &format!("No such {what}"),
            format!("there is no {what} '{shown}'"),
            Vec::new(),
        ))
    })
}

pub(super) fn field(path: impl Into<String>, message: impl Into<String>) -> FieldError {
    FieldError {
        path: path.into(),
        message: message.into(),
    }
}

/// A service's error as a problem. What the reader cannot change goes to the log with its causes, and a plain word to
/// the reader.
#[must_use]
pub fn problem(error: &ServiceError) -> ProblemDetails {
    match error {
        ServiceError::Invalid(errors) => details(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_request",
            "The request cannot be followed",
            error.to_string(),
            errors.clone(),
        ),
        ServiceError::Strategy(problems) => details(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_strategy",
            "The strategy cannot run",
            error.to_string(),
            problems.iter().map(strategy_problem).collect(),
        ),
        ServiceError::NoSuch { code, path, message } => details(
            StatusCode::UNPROCESSABLE_ENTITY,
            code,
            "The request names something that is not there",
            message.clone(),
            vec![field(*path, message.clone())],
        ),
        ServiceError::UnknownStrategy(_) => not_found("unknown_strategy", "No such strategy", error),
        ServiceError::BuiltinStrategy(_) => details(
            StatusCode::CONFLICT,
            "builtin_strategy",
            "This strategy is not written over",
            error.to_string(),
            Vec::new(),
        ),
        ServiceError::StrategyExists(_) => details(
            StatusCode::CONFLICT,
            "strategy_exists",
            "The name is taken",
            error.to_string(),
            vec![field("name", error.to_string())],
        ),
        ServiceError::StrategyChanged(_) => details(
            StatusCode::PRECONDITION_FAILED,
            "strategy_changed",
            "Somebody was faster",
            error.to_string(),
            Vec::new(),
        ),
        ServiceError::Files(cause) => {
            tracing::error!(%error, %cause, "a strategy's file");
            details(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "The file could not be written",
                "The server could not write into its strategies folder; its log says why. Nothing was changed.",
                Vec::new(),
            )
        }
        ServiceError::UnknownVersion(..) => not_found("unknown_version", "No such version", error),
        ServiceError::UnknownBacktest(_) => not_found("unknown_backtest", "No such backtest", error),
        ServiceError::UnknownStudy(_) => not_found("unknown_study", "No such study", error),
        ServiceError::TooManyBacktests(_) => details(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_backtests",
            "Too many backtests at a time",
            error.to_string(),
            Vec::new(),
        ),
        ServiceError::TooManyStudies(_) => details(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_studies",
            "Too many studies at a time",
            error.to_string(),
            Vec::new(),
        ),
        ServiceError::UnknownOrder(_) => not_found("unknown_order", "No such order", error),
        ServiceError::OrderEnded(_) => details(
            StatusCode::CONFLICT,
            "order_ended",
            "The order is at its end",
            error.to_string(),
            Vec::new(),
        ),
        ServiceError::RefusedOrders(refused) => details(
            if refused.code == "client_order_id_in_use" {
                StatusCode::CONFLICT
            } else {
                StatusCode::UNPROCESSABLE_ENTITY
            },
            &refused.code,
            "The order is refused",
            error.to_string(),
            Vec::new(),
        ),
        ServiceError::Feed(feed) => feed_problem(feed),
        ServiceError::Host(host) => host_problem(host),
        ServiceError::Storage(storage) => storage_problem(storage),
    }
}

fn host_problem(error: &HostError) -> ProblemDetails {
    match error {
        HostError::Unknown(_) => not_found("unknown_session", "No such session", error),
        HostError::Ended(_) => details(
            StatusCode::CONFLICT,
            "session_ended",
            "The session is over",
            error.to_string(),
            Vec::new(),
        ),
        HostError::Failed(_) => details(
            StatusCode::INTERNAL_SERVER_ERROR,
            "session_failed",
            "The session has failed",
            error.to_string(),
            Vec::new(),
        ),
        HostError::Busy => unavailable("busy", error),
        HostError::ShuttingDown => unavailable("shutting_down", error),
        HostError::Unreadable(_) => {
            tracing::error!(%error, "a session cannot be read");
            details(
                StatusCode::INTERNAL_SERVER_ERROR,
                "session_unreadable",
                "The session cannot be read",
                error.to_string(),
                Vec::new(),
            )
        }
        HostError::Storage(storage) => storage_problem(storage),
    }
}

/// A venue's failure is not the client's, unless the client asked for what the venue does not have.
fn feed_problem(error: &FeedError) -> ProblemDetails {
    let status = match error {
        FeedError::UnknownSymbol { .. }
        | FeedError::UnsupportedTimeframe { .. }
        | FeedError::Unsupported { .. }
        | FeedError::OutOfReach { .. }
        | FeedError::MissingKey { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        FeedError::RateLimited { .. } | FeedError::NoneFree { .. } | FeedError::Unreachable { .. } => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::BAD_GATEWAY,
    };
    let (path, since) = match error {
        FeedError::OutOfReach { since, .. } => ("from", Some(*since)),
        _ => ("feed", None),
    };
    let problem = details(
        status,
        error.code(),
        "The feed does not give it",
        error.to_string(),
        vec![field(path, error.to_string())],
    );
    ProblemDetails { since, ..problem }
}

fn storage_problem(error: &StorageError) -> ProblemDetails {
    if matches!(error, StorageError::Closed) {
        return unavailable("shutting_down", error);
    }
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    tracing::error!(%error, cause, "storage failed");
    details(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "Something failed inside the server",
        "The server could not use its database; its log says why. Nothing was changed.",
        Vec::new(),
    )
}

fn not_found(code: &str, title: &str, error: &dyn Error) -> ProblemDetails {
    details(StatusCode::NOT_FOUND, code, title, error.to_string(), Vec::new())
}

fn unavailable(code: &str, error: &dyn Error) -> ProblemDetails {
    details(
        StatusCode::SERVICE_UNAVAILABLE,
        code,
        "Not now",
        error.to_string(),
        Vec::new(),
    )
}

/// Where in the request a problem of the strategy lies: the file's line and column, or the parameter.
pub(super) fn strategy_problem(problem: &papertape::strategy::Problem) -> FieldError {
    let path = if problem.path.starts_with("params.") && problem.line <= 1 && problem.column <= 1 {
        problem.path.clone()
    } else {
        format!("strategy:{}:{}", problem.line, problem.column)
    };
    field(path, problem.message.clone())
}

pub(super) async fn no_such_path() -> Failure {
    Failure::from(details(
        StatusCode::NOT_FOUND,
        "unknown_path",
        "No such path",
        "There is nothing at this path of the API.",
        Vec::new(),
    ))
}

pub(super) async fn no_such_method() -> Failure {
    Failure::from(details(
        StatusCode::METHOD_NOT_ALLOWED,
        "unknown_method",
        "No such method",
        "This path does not answer to this method.",
        Vec::new(),
    ))
}

/// The answer when a handler panicked: the panic itself is in the log.
pub(super) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    Failure::from(details(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "Something failed inside the server",
        "The server met a fault of its own; its log says more.",
        Vec::new(),
    ))
    .into_response()
}

/// A fault that nobody outside can do anything about.
pub(super) fn internal(error: &dyn Error) -> Failure {
    tracing::error!(%error, "an answer could not be written");
    Failure::from(details(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "Something failed inside the server",
        "The server met a fault of its own; its log says more.",
        Vec::new(),
    ))
}
