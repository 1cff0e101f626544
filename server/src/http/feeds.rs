//! Live feeds: how they are, and what they last told.

use super::Api;
use super::extract::{Json, Path, Query};
use super::problem::{Failure, details, field};
use super::sessions::session_id;
use crate::services::{ServiceError, wall_clock};
use axum::{extract::State, http::StatusCode};
use papertape::api::{
    DataIncident, DatasetInfo, FeedHealth, FieldError, OrderBookView, Page, SessionDataQuality, Ticker,
};
use papertape::market::Bar;
use papertape::model::{Instrument, Symbol, Timeframe, Timestamp};
use serde::Deserialize;

/// Levels of a book a side unless fewer or more are asked for.
const DEFAULT_DEPTH: usize = 20;
/// Bars given at once at most.
const MAX_BARS: i64 = 10_000;
/// Levels of a book a side at most.
const MAX_DEPTH: usize = 1_000;

/// `GET /feeds`: how every live feed is.
pub(super) async fn list(State(api): State<Api>) -> axum::Json<Page<FeedHealth>> {
    axum::Json(whole(api.services.feed_health()))
}

/// `GET /feeds/{feed}`: one of them.
pub(super) async fn one(
    State(api): State<Api>,
    Path(feed): Path<String>,
) -> Result<axum::Json<FeedHealth>, Failure> {
    let all = api.services.feed_health();
    let found = all.into_iter().find(|health| health.name == feed);
    found.map(axum::Json).ok_or_else(|| no_feed(&api, &feed))
}

/// `GET /feeds/{feed}/incidents`: what was not as it should be in the last day.
pub(super) async fn incidents(
    State(api): State<Api>,
    Path(feed): Path<String>,
) -> Result<axum::Json<Page<DataIncident>>, Failure> {
    if !api.services.has_feed(&feed) {
        return Err(no_feed(&api, &feed));
    }
    Ok(axum::Json(whole(api.services.feed_incidents(&feed).await?)))
}

/// `GET /sessions/{id}/data-quality`.
pub(super) async fn data_quality(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<axum::Json<SessionDataQuality>, Failure> {
    Ok(axum::Json(api.services.data_quality(&session_id(&id)?).await?))
}

/// A query for instruments or bars of a feed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Span {
    symbol: Option<String>,
    timeframe: Option<String>,
    from: Option<String>,
    to: Option<String>,
    /// What an earlier page of bars gave as `next_cursor`: where to go on.
    cursor: Option<String>,
}

/// `GET /feeds/{feed}/instruments?symbol`: what a feed lists, or one of it.
pub(super) async fn instruments(
    State(api): State<Api>,
    Path(feed): Path<String>,
    Query(span): Query<Span>,
) -> Result<axum::Json<Page<Instrument>>, Failure> {
    if !api.services.has_feed(&feed) {
        return Err(no_feed(&api, &feed));
    }
    let feeds = api.services.feeds();
    let all = match span.symbol {
        Some(symbol) => {
            let symbol = symbol_of(&symbol)?;
            vec![
                feeds
                    .instrument(&feed, &symbol)
                    .await
                    .map_err(ServiceError::Feed)?,
            ]
        }
        None => feeds.instruments(&feed).await.map_err(ServiceError::Feed)?,
    };
    Ok(axum::Json(whole(all)))
}

/// `GET /feeds/{feed}/bars?symbol&timeframe&from&to&cursor`: closed bars, oldest first, of a span of [`MAX_BARS`] at once.
pub(super) async fn bars(
    State(api): State<Api>,
    Path(feed): Path<String>,
    Query(span): Query<Span>,
) -> Result<axum::Json<Page<Bar>>, Failure> {
    if !api.services.has_feed(&feed) {
        return Err(no_feed(&api, &feed));
    }
    let symbol = symbol_of(span.symbol.as_deref().unwrap_or_default())?;
    let timeframe = timeframe_of(span.timeframe.as_deref())?;
    let time = |path: &str, text: &Option<String>| match text {
        Some(text) => Timestamp::parse(text).map_err(|error| invalid(path, &error.to_string())),
        None => Err(invalid(path, "bars have a span: give from and to")),
    };
    let (from, to) = (time("from", &span.from)?, time("to", &span.to)?);
    if from >= to {
        return Err(invalid("from", "from must be before to"));
    }
    let from = match span.cursor {
        Some(_) => from.max(time("cursor", &span.cursor)?),
        None => from,
    };
    let page = page_of(&api, (&feed, &symbol, timeframe), (from, to), MAX_BARS).await?;
    Ok(axum::Json(page))
}

/// A feed's closed bars of a span, oldest first, of so many bars' time at most.
pub(super) async fn page_of(
    api: &Api,
    (feed, symbol, timeframe): (&str, &Symbol, Timeframe),
    (from, to): (Timestamp, Timestamp),
    most: i64,
) -> Result<Page<Bar>, Failure> {
    // Where one bar ends and another begins, so that none falls between two pages.
    let page = timeframe.floor(from.plus_nanos(timeframe.nanos().saturating_mul(most)));
    let bars = api
        .services
        .past_bars(feed, symbol, timeframe, (from, to.min(page)))
        .await?;
    // Nothing has closed yet after now.
    let goes_on = page < timeframe.floor(to.min(wall_clock()));
    Ok(Page {
        items: bars,
        next_cursor: goes_on.then(|| page.to_string()),
    })
}

/// A length of bars; a minute when nothing says.
pub(super) fn timeframe_of(text: Option<&str>) -> Result<Timeframe, Failure> {
    text.map_or(Ok(Timeframe::MINUTE), |text| {
        text.parse()
            .map_err(|error: papertape::model::TimeframeError| invalid("timeframe", &error.to_string()))
    })
}

/// `POST /feeds/{feed}/history`: which minute bars to keep.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct History {
    symbol: Symbol,
    from: Timestamp,
    to: Timestamp,
}

/// `POST /feeds/{feed}/history`: keeps the venue's minute bars of a span, and answers with the dataset that they are in, for
/// backtests and charts.
pub(super) async fn history(
    State(api): State<Api>,
    Path(feed): Path<String>,
    Json(History { symbol, from, to }): Json<History>,
) -> Result<axum::Json<DatasetInfo>, Failure> {
    if !api.services.has_feed(&feed) {
        return Err(no_feed(&api, &feed));
    }
    Ok(axum::Json(
        api.services.fetch_history(&feed, &symbol, (from, to)).await?,
    ))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    /// Which live feed; one that listens to the symbol already when absent.
    feed: Option<String>,
    /// Levels a side.
    depth: Option<usize>,
}

/// `GET /markets/{symbol}/ticker?feed`: what was last told.
pub(super) async fn ticker(
    State(api): State<Api>,
    Path(symbol): Path<String>,
    Query(fields): Query<Fields>,
) -> Result<axum::Json<Ticker>, Failure> {
    if fields.depth.is_some() {
        return Err(invalid("depth", "a ticker has no depth: ask for the order book"));
    }
    let (symbol, feed) = market(&api, &symbol, fields.feed)?;
    Ok(axum::Json(api.services.ticker(&feed, &symbol).await?))
}

/// `GET /markets/{symbol}/order-book?feed&depth`: the book as it stands.
pub(super) async fn order_book(
    State(api): State<Api>,
    Path(symbol): Path<String>,
    Query(fields): Query<Fields>,
) -> Result<axum::Json<OrderBookView>, Failure> {
    let depth = fields.depth.unwrap_or(DEFAULT_DEPTH);
    if !(1..=MAX_DEPTH).contains(&depth) {
        let message = format!("a depth is a whole number from 1 to {MAX_DEPTH}");
        return Err(invalid("depth", &message));
    }
    let (symbol, feed) = market(&api, &symbol, fields.feed)?;
    Ok(axum::Json(api.services.order_book(&feed, &symbol, depth).await?))
}

/// A symbol and the feed to ask.
fn market(api: &Api, symbol: &str, feed: Option<String>) -> Result<(Symbol, String), Failure> {
    let symbol = symbol_of(symbol)?;
    match feed {
        Some(feed) => Ok((symbol, known(api, feed)?)),
        None => {
            let message = format!("no live feed listens to {symbol}: name one with ?feed=");
            let feed = listening(api, &symbol).ok_or_else(|| invalid("feed", &message))?;
            Ok((symbol, feed))
        }
    }
}

/// A feed's name, when there is one of it.
pub(super) fn known(api: &Api, feed: String) -> Result<String, Failure> {
    match api.services.has_feed(&feed) {
        true => Ok(feed),
        false => Err(no_feed(api, &feed)),
    }
}

/// The first feed that listens to a symbol.
pub(super) fn listening(api: &Api, symbol: &Symbol) -> Option<String> {
    let all = api.services.feed_health();
    let found = all
        .into_iter()
        .find(|health| health.symbols.iter().any(|heard| heard.symbol == *symbol));
    found.map(|health| health.name)
}

fn symbol_of(text: &str) -> Result<Symbol, Failure> {
    text.parse()
        .map_err(|error: papertape::model::SymbolError| invalid("symbol", &error.to_string()))
}

fn whole<T>(items: Vec<T>) -> Page<T> {
    Page {
        items,
        next_cursor: None,
    }
}

fn invalid(path: &str, message: &str) -> Failure {
    details(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid_query",
        "The query cannot be followed",
        message.to_owned(),
        vec![FieldError {
            path: path.to_owned(),
            message: message.to_owned(),
        }],
    )
    .into()
}

fn no_feed(api: &Api, feed: &str) -> Failure {
    let names: Vec<String> = api
        .services
        .feed_health()
        .into_iter()
        .map(|health| health.name)
        .collect();
    let message = format!("there is no live feed '{feed}'; there are: {}", names.join(", "));
    details(
        StatusCode::NOT_FOUND,
        "unknown_feed",
        "No such feed",
        message.clone(),
        vec![field("feed", message)],
    )
    .into()
}
