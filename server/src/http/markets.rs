//! Market data: the bars that are there.

use super::Api;
use super::extract::{Path, Query};
use super::problem::{Failure, details, field};
use crate::site::matches_etag;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use papertape::api::{BarsHeader, FieldError, Page};
use papertape::backtest::within;
use papertape::market::{Bars, DatedAction};
use papertape::model::{Symbol, Timestamp};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// What `format=packed` is called: [`BarsHeader::pack`] says what is in it.
const PACKED: &str = "application/vnd.papertape.bars";
/// Bars in a page unless fewer or more are asked for.
const DEFAULT_LIMIT: usize = 1_000;
/// Bars in a page at most.
const MAX_LIMIT: usize = 10_000;
/// Packed bars at most: what a browser holds with ease, and close to four years of minutes.
const MAX_PACKED: usize = 2_000_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    dataset: Option<String>,
    from: Option<String>,
    to: Option<String>,
    /// What an earlier page gave as `next_cursor`: the time of the bar to go on with.
    cursor: Option<String>,
    limit: Option<usize>,
    format: Option<String>,
}

/// `GET /markets/{symbol}/bars?dataset&from&to&cursor&limit&format`: a dataset's bars of a symbol, oldest first.
pub(super) async fn bars(
    State(api): State<Api>,
    Path(symbol): Path<String>,
    Query(fields): Query<Fields>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let packed = match fields.format.as_deref() {
        None => accepts.is_some_and(|value| value.contains(PACKED)),
        Some("json") => false,
        Some("packed") => true,
        Some(_) => return Err(invalid("format", "a format is json or packed")),
    };
    let symbol = symbol_of(&symbol)?;
    let time = |path: &str, text: &Option<String>| {
        let text = text.as_deref().filter(|text| !text.is_empty());
        text.map(Timestamp::parse)
            .transpose()
            .map_err(|error| invalid(path, &error.to_string()))
    };
    let (from, to) = (time("from", &fields.from)?, time("to", &fields.to)?);
    let from = from.max(time("cursor", &fields.cursor)?);
    let limit = fields.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let message = format!("a limit is a whole number from 1 to {MAX_LIMIT}");
        return Err(invalid("limit", &message));
    }
    let (header, bars, actions) = api
        .services
        .market_bars(&symbol, fields.dataset.as_deref())
        .await?;
    let bars = within(bars, header.dataset.timeframe, from, to);
    if packed {
        return pack(header, (bars, actions), headers).await;
    }
    let next = bars.open_time.get(limit).map(ToString::to_string);
    Ok(axum::Json(Page {
        items: bars.iter().take(limit).collect(),
        next_cursor: next,
    })
    .into_response())
}

/// A path's symbol.
pub(super) fn symbol_of(text: &str) -> Result<Symbol, Failure> {
    text.parse()
        .map_err(|error: papertape::model::SymbolError| invalid("symbol", &error.to_string()))
}

async fn pack(
    header: BarsHeader,
    (bars, actions): (Bars, Vec<DatedAction>),
    headers: HeaderMap,
) -> Result<Response, Failure> {
    if bars.len() > MAX_PACKED {
        let message = format!(
            "these are {} bars, and {MAX_PACKED} are packed at most: ask for a span of them",
            bars.len()
        );
        return Err(invalid("from", &message));
    }
    let packing = tokio::task::spawn_blocking(move || {
        let body = header.pack(&bars, &actions);
        let digest = Sha256::digest(&body);
        let version: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        (body, format!("\"{version}\""))
    });
    let (body, etag) = packing
        .await
        .map_err(|_| crate::services::ServiceError::from(crate::storage::StorageError::Closed))?;
    let mut response = if matches_etag(&headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, PACKED)], body).into_response()
    };
    let out = response.headers_mut();
    out.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    out.insert(header::VARY, HeaderValue::from_static("accept"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        out.insert(header::ETAG, etag);
    }
    Ok(response)
}

fn invalid(path: &str, message: &str) -> Failure {
    let errors: Vec<FieldError> = vec![field(path, message.to_owned())];
    Failure::from(details(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid_request",
        "The request cannot be followed",
        format!("{path}: {message}"),
        errors,
    ))
}
