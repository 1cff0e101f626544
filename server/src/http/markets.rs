//! Market data: the markets that are known, and their bars.

use super::Api;
use super::extract::{Path, Query};
use super::feeds;
use super::problem::{Failure, details, field};
use crate::services::{ServiceError, wall_clock};
use crate::site::matches_etag;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use papertape::api::{BarsHeader, FieldError, MarketInfo, Page};
use papertape::backtest::within;
use papertape::market::{Bars, DatedAction};
use papertape::model::{Symbol, Timeframe, Timestamp};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// What `format=packed` is called: [`BarsHeader::pack`] says what is in it.
const PACKED: &str = "application/vnd.papertape.bars";
/// Items of a page unless fewer or more are asked for.
const DEFAULT_LIMIT: usize = 1_000;
/// Items of a page at most.
const MAX_LIMIT: usize = 10_000;
/// Packed bars at most: what a browser holds with ease, and close to four years of minutes.
const MAX_PACKED: usize = 2_000_000;

/// A query for markets.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Markets {
    /// What an earlier page gave as `next_cursor`: the symbol after which to go on.
    cursor: Option<String>,
    limit: Option<usize>,
}

/// `GET /markets?limit&cursor`: every market of which there are bars, or that a live feed listens to, by symbol.
pub(super) async fn list(
    State(api): State<Api>,
    Query(asked): Query<Markets>,
) -> Result<axum::Json<Page<MarketInfo>>, Failure> {
    let limit = limit_of(asked.limit)?;
    let after = asked.cursor.as_deref().filter(|text| !text.is_empty());
    let after = after
        .map(str::parse::<Symbol>)
        .transpose()
        .map_err(|_| invalid("cursor", "a cursor is what an earlier page gave as next_cursor"))?;
    let mut markets = api.services.markets().await?;
    markets.retain(|market| after.as_ref().is_none_or(|after| market.symbol > *after));
    let is_more = markets.len() > limit;
    markets.truncate(limit);
    let last = markets.last().filter(|_| is_more);
    Ok(axum::Json(Page {
        next_cursor: last.map(|market| market.symbol.to_string()),
        items: markets,
    }))
}

/// A query for bars.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    dataset: Option<String>,
    /// In the place of a dataset: a live feed's bars, of this length.
    feed: Option<String>,
    timeframe: Option<String>,
    from: Option<String>,
    to: Option<String>,
    /// What an earlier page gave as `next_cursor`: the time of the bar to go on with.
    cursor: Option<String>,
    limit: Option<usize>,
    format: Option<String>,
}

/// `GET /markets/{symbol}/bars?dataset&feed&timeframe&from&to&cursor&limit&format`: the bars of a symbol, oldest first: a dataset's, or a
/// feed's, of which what is not kept is asked of its venue.
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
    let limit = limit_of(fields.limit)?;
    let timeframe = feeds::timeframe_of(fields.timeframe.as_deref())?;
    let mut dataset = fields.dataset;
    if let Some(feed) = fields.feed {
        if dataset.is_some() {
            return Err(invalid(
                "feed",
                "bars are of a dataset or of a feed: name one of them",
            ));
        }
        let feed = feeds::known(&api, feed)?;
        if !packed {
            return of_feed(&api, (&feed, &symbol, timeframe), (from, to), limit).await;
        }
        dataset = Some(format!("{feed}:{symbol}@{timeframe}"));
    } else if fields.timeframe.is_some() {
        let message = "a length goes with a feed: a dataset has bars of its own";
        return Err(invalid("timeframe", message));
    }
    // Of another symbol nothing is fetched: that is told below.
    let of_symbol = dataset
        .as_ref()
        .filter(|dataset| dataset.contains(&format!(":{symbol}@")));
    if let (Some(dataset), Some(from), Some(to)) = (of_symbol, from, to) {
        api.services.complete(dataset, (from, to)).await?;
    }
    let found = api.services.market_bars(&symbol, dataset.as_deref()).await;
    let (header, bars, actions) = match found {
        Ok(found) => found,
        // What a feed listens to has a past, whether anybody has kept some of it or not.
        Err(error) => match feeds::listening(&api, &symbol) {
            Some(feed) if is_unknown(&error) && dataset.is_none() && !packed => {
                return of_feed(&api, (&feed, &symbol, timeframe), (from, to), limit).await;
            }
            _ => return Err(error.into()),
        },
    };
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

const fn is_unknown(error: &ServiceError) -> bool {
    matches!(error, ServiceError::NoSuch { .. })
}

/// A feed's bars of a span; without its beginning the last `limit` before its end, which is now when nothing says.
async fn of_feed(
    api: &Api,
    of: (&str, &Symbol, Timeframe),
    (from, to): (Option<Timestamp>, Option<Timestamp>),
    limit: usize,
) -> Result<Response, Failure> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let to = to.unwrap_or_else(wall_clock);
    let newest = || of.2.floor(to).plus_nanos(of.2.nanos().saturating_mul(-most));
    let from = from.unwrap_or_else(newest);
    if from >= to {
        return Err(invalid("from", "from must be before to"));
    }
    let page = feeds::page_of(api, of, (from, to), most).await?;
    Ok(axum::Json(page).into_response())
}

fn limit_of(asked: Option<usize>) -> Result<usize, Failure> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let message = format!("a limit is a whole number from 1 to {MAX_LIMIT}");
        return Err(invalid("limit", &message));
    }
    Ok(limit)
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
