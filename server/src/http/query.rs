//! The query of lists: `?from&to&symbol&side&limit&cursor&format`.

use super::extract::Query;
use super::problem::{Failure, details, field};
use crate::services::RecordQuery;
use crate::storage::ListQuery;
use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header, request::Parts},
};
use papertape::api::FieldError;
use papertape::model::Timestamp;
use serde::Deserialize;

/// Records in a page unless fewer or more are asked for.
const DEFAULT_LIMIT: u32 = 1_000;
/// Records in a page at most.
pub(super) const MAX_LIMIT: u32 = 10_000;

/// How a list is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    /// All of it, from the cursor on.
    Csv,
}

/// Which records, and how.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) query: RecordQuery,
    pub(super) format: Format,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    from: Option<String>,
    to: Option<String>,
    symbol: Option<String>,
    side: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
    format: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for List {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Query(fields) = Query::<Fields>::from_request_parts(parts, state).await?;
        let accepts = parts
            .headers
            .get(header::ACCEPT)
            .and_then(|value| value.to_str().ok());
        let wants_csv = accepts.is_some_and(|value| value.contains("text/csv"));
        read(&fields, wants_csv).map_err(invalid)
    }
}

fn read(fields: &Fields, wants_csv: bool) -> Result<List, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut wrong = |path: &str, message: String| errors.push(field(path, message));
    let mut time = |path: &str, text: &Option<String>| {
        let parsed = text
            .as_deref()
            .filter(|text| !text.is_empty())
            .map(Timestamp::parse);
        match parsed {
            Some(Err(error)) => {
                wrong(path, error.to_string());
                None
            }
            Some(Ok(time)) => Some(time),
            None => None,
        }
    };
    let (from, to) = (time("from", &fields.from), time("to", &fields.to));
    let symbol = match fields
        .symbol
        .as_deref()
        .filter(|text| !text.is_empty())
        .map(str::parse)
    {
        Some(Err(error)) => {
            let error: papertape::model::SymbolError = error;
            wrong("symbol", error.to_string());
            None
        }
        Some(Ok(symbol)) => Some(symbol),
        None => None,
    };
    let side = fields
        .side
        .as_deref()
        .map(str::to_ascii_lowercase)
        .filter(|side| !side.is_empty());
    if side
        .as_deref()
        .is_some_and(|side| !["buy", "sell", "long", "short"].contains(&side))
    {
        wrong(
            "side",
            "a side is buy or sell of orders and fills, long or short of trades".to_owned(),
        );
    }
    let limit = fields.limit.as_deref().map(str::parse::<u32>);
    let limit = match limit {
        Some(Ok(limit)) if (1..=MAX_LIMIT).contains(&limit) => Some(limit),
        Some(_) => {
            wrong(
                "limit",
                format!("a limit is a whole number from 1 to {MAX_LIMIT}"),
            );
            None
        }
        None => None,
    };
    let after = match fields
        .cursor
        .as_deref()
        .filter(|text| !text.is_empty())
        .map(str::parse::<i64>)
    {
        Some(Err(_)) => {
            wrong(
                "cursor",
                "a cursor is what an earlier page gave as next_cursor".to_owned(),
            );
            None
        }
        Some(Ok(after)) => Some(after),
        None => None,
    };
    let format = match fields.format.as_deref() {
        None if wants_csv => Format::Csv,
        None | Some("json") => Format::Json,
        Some("csv") => Format::Csv,
        Some(_) => {
            wrong("format", "a format is json or csv".to_owned());
            Format::Json
        }
    };
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(List {
        query: RecordQuery {
            symbol,
            list: ListQuery {
                from,
                to,
                side,
                after,
                limit: limit.unwrap_or(DEFAULT_LIMIT),
            },
        },
        format,
    })
}

fn invalid(errors: Vec<FieldError>) -> Failure {
    let detail = errors
        .iter()
        .map(|error| format!("{}: {}", error.path, error.message))
        .collect::<Vec<_>>()
        .join("; ");
    Failure::from(details(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid_request",
        "The request cannot be followed",
        detail,
        errors,
    ))
}
