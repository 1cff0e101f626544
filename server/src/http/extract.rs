//! What handlers take out of requests, with problems that name the field.

use super::problem::{Failure, details, field};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    http::{StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;

/// A part of the path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let found = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        found.map(|path| Self(path.0)).map_err(|rejection| {
            Failure::from(details(
                rejection.status(),
                "unreadable_path",
                "The address cannot be read",
                rejection.body_text(),
                Vec::new(),
            ))
        })
    }
}

/// What follows the question mark.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|query| Self(query.0))
            .map_err(|rejection| {
                let text = rejection.body_text();
                let message = text.split_once(": ").map_or(text.as_str(), |(_, rest)| rest);
                Failure::from(details(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "invalid_request",
                    "The request cannot be followed",
                    message,
                    vec![field("", message)],
                ))
            })
    }
}

/// A JSON body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let JsonText(body) = JsonText::from_request(request, state).await?;
        parse(&body).map(Self)
    }
}

/// A body that says it is JSON, to be read with [`parse`].
#[derive(Clone, Debug)]
pub(super) struct JsonText(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonText {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let is_json = kind.is_none_or(|kind| {
            let kind = kind.to_str().unwrap_or_default();
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json")
        });
        if !is_json {
            return Err(Failure::from(details(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body is not JSON",
                "Send the body as JSON, with the header 'Content-Type: application/json'.",
                Vec::new(),
            )));
        }
        Bytes::from_request(request, state)
            .await
            .map(Self)
            .map_err(unreadable)
    }
}

/// A strategy on its way in: wrapped in JSON, or the YAML itself.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Json(Bytes),
    Yaml(String),
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let kind = request.headers().get(header::CONTENT_TYPE).cloned();
        let kind = kind
            .as_ref()
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        let kind = kind
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let body = Bytes::from_request(request, state).await.map_err(unreadable)?;
        match kind.as_str() {
            "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" | "text/plain" => {
                let text = String::from_utf8(body.to_vec()).map_err(|_| {
                    Failure::from(details(
                        StatusCode::BAD_REQUEST,
                        "unreadable_body",
                        "The body cannot be read",
                        "The body is not text in UTF-8.",
                        Vec::new(),
                    ))
                })?;
                Ok(Self::Yaml(text))
            }
            "" | "application/json" => Ok(Self::Json(body)),
            _ => Err(Failure::from(details(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body is no strategy",
                "Send the YAML with the header 'Content-Type: application/yaml', or JSON such as {\"strategy\": \"…\"}.",
                Vec::new(),
            ))),
        }
    }
}

fn unreadable(rejection: BytesRejection) -> Failure {
    let status = rejection.status();
    Failure::from(if status == StatusCode::PAYLOAD_TOO_LARGE {
        details(
            status,
            "body_too_large",
            "The body is too large",
            format!("The body may have at most {} bytes.", super::MAX_BODY),
            Vec::new(),
        )
    } else {
        details(
            status,
            "unreadable_body",
            "The body cannot be read",
            rejection.body_text(),
            Vec::new(),
        )
    })
}

/// Reads JSON; errors name the field's path.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value: T = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        wrong(&path, error.inner())
    })?;
    reader.end().map_err(|error| wrong(".", &error))?;
    Ok(value)
}

fn wrong(path: &str, error: &serde_json::Error) -> Failure {
    use serde_json::error::Category;
    let message = error.to_string();
    Failure::from(match error.classify() {
        Category::Data => {
            let path = if path == "." { "" } else { path };
            // The place in the text adds nothing to the path.
            let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
            let detail = if path.is_empty() {
                message.clone()
            } else {
                format!("{path}: {message}")
            };
            details(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_request",
                "The request cannot be followed",
                detail,
                vec![field(path, message)],
            )
        }
        Category::Io | Category::Syntax | Category::Eof => details(
            StatusCode::BAD_REQUEST,
            "malformed_json",
            "The body is not JSON",
            format!("The body is not well-formed JSON: {message}."),
            Vec::new(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::api::StartRequest;

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        for (body, code, path) in [
            (r#"{"strategy": "#, "malformed_json", None),
            (r#"{"strategy": "a"} x"#, "malformed_json", None),
            (r#"{"strategy": 5}"#, "invalid_request", Some("strategy")),
            (r#"{"strategy": "a", "fed": "x"}"#, "invalid_request", Some("fed")),
            (
                r#"{"params": {"fast": "ten"}}"#,
                "invalid_request",
                Some("params.fast"),
            ),
            (
                r#"{"execution": {"taker_fee_rate": []}}"#,
                "invalid_request",
                Some("execution.taker_fee_rate"),
            ),
            (
                r#"{"account": {"levrage": 10}}"#,
                "invalid_request",
                Some("account.levrage"),
            ),
            (
                r#"{"account": {"mode": "hedged"}}"#,
                "invalid_request",
                Some("account.mode"),
            ),
            (
                r#"{"symbols": ["BTC/USDT", "!"]}"#,
                "invalid_request",
                Some("symbols[1]"),
            ),
            (
                r#"{"initial_capital": "many"}"#,
                "invalid_request",
                Some("initial_capital"),
            ),
        ] {
            let Err(failure) = parse::<StartRequest>(body.as_bytes()) else {
                panic!("{body}");
            };
            let problem = failure.details();
            assert_eq!(problem.code, code, "{body}");
            let found = problem.errors.first().map(|error| error.path.as_str());
            assert_eq!(found, path, "{body}: {problem:?}");
        }
    }
}
