//! Polygon's answers over REST.

use super::{
    super::reading::{self, Answers, TakerGuess},
    market::Market,
    stream::{coin_taker, is_the_price, sized},
};
use crate::{
    rest::{Answer, host_of},
    venue::{FeedError, Listing, PastBars, Reach, Told},
};
use papertape::{
    market::{Bar, TradeTick},
    model::{Side, Symbol, Timeframe, Timestamp},
};
use serde::{Deserialize, de::DeserializeOwned};

/// Hosts that a next page may be on: they answer alike.
const HOSTS: [&str; 2] = ["api.polygon.io", "api.massive.com"];

/// What every answer may say besides its results. Delayed plans say `DELAYED` where others say `OK`.
#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    error: String,
    #[serde(default)]
    message: String,
}

/// The body of a success; what else it is, an error says.
fn success<T: DeserializeOwned>(
    answers: &Answers,
    answer: &Answer,
    symbol: Option<&Symbol>,
) -> Result<T, FeedError> {
    if answer.status == 200 {
        return answers.json(&answer.body);
    }
    let words = serde_json::from_slice(&answer.body).map_or(String::new(), |it: Failure| {
        if it.error.is_empty() { it.message } else { it.error }
    });
    match symbol {
        Some(symbol) if answer.status == 404 => Err(answers.unknown(symbol)),
        _ => Err(answers.refusal(answer, Some(&words))),
    }
}

/// Where the next page is, as a path at our host: an address on a host that is not Polygon's would be handed the key.
pub(super) fn next_path(answers: &Answers, own_host: &str, next_url: &str) -> Result<String, FeedError> {
    let host = host_of(next_url);
    if host != own_host && !HOSTS.contains(&host) {
        return Err(answers.refused(&format!("its next page is on another host, {host}")));
    }
    let path = next_url
        .split_once("://")
        .and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
    path.map(str::to_owned)
        .ok_or_else(|| answers.refused("its next page has no path"))
}

#[derive(Deserialize)]
struct Row {
    t: i64,
    o: f64,
    h: f64,
    l: f64,
    c: f64,
    #[serde(default)]
    v: f64,
}

#[derive(Deserialize)]
struct Aggregates {
    #[serde(default)]
    results: Vec<Row>,
    next_url: Option<String>,
}

/// A page of bars.
#[derive(Debug, PartialEq)]
pub(super) struct BarPage {
    /// Closed bars, whole ones.
    pub(super) bars: PastBars,
    /// Where the next page is.
    pub(super) next: Option<String>,
    /// When the bar began that the page may end in the middle of: it is none of them.
    pub(super) cut: Option<Timestamp>,
}

/// The closed bars of a page, and where the next one is. Pages are cut by what their bars are made of, minutes or days: where another
/// page follows, the last bar of longer ones may be what a part of it was.
pub(super) fn bars(
    answers: &Answers,
    symbol: &Symbol,
    timeframe: Timeframe,
    span: (Timestamp, Timestamp),
    answer: &Answer,
) -> Result<BarPage, FeedError> {
    let mut page: Aggregates = success(answers, answer, Some(symbol))?;
    let is_grouped = ![Timeframe::MINUTE, Timeframe::DAY].contains(&timeframe);
    let cut = page.results.last().map(|row| row.t);
    let cut = cut.filter(|_| is_grouped && page.next_url.is_some());
    page.results.retain(|row| cut != Some(row.t));
    let rows = page.results.into_iter().map(|row| {
        let time = Timestamp::from_millis(row.t);
        Bar {
            // A day of shares begins at midnight in New York, which is in the same day of UTC.
            open_time: if timeframe == Timeframe::DAY {
                timeframe.floor(time)
            } else {
                time
            },
            open: row.o,
            high: row.h,
            low: row.l,
            close: row.c,
            volume: row.v,
        }
    });
    Ok(BarPage {
        bars: PastBars::of(rows, timeframe, span, Reach::Whole),
        next: page.next_url,
        cut: cut.map(Timestamp::from_millis),
    })
}

#[derive(Deserialize)]
struct Results<T> {
    results: T,
}

#[derive(Deserialize)]
struct LastTrade {
    p: f64,
    s: f64,
    t: i64,
    q: Option<u64>,
    #[serde(default)]
    c: Vec<i64>,
}

#[derive(Deserialize)]
struct LastQuote {
    #[serde(default)]
    p: f64,
    #[serde(default)]
    s: f64,
    #[serde(default, rename = "P")]
    ask: f64,
    #[serde(default, rename = "S")]
    ask_size: f64,
    t: i64,
}

/// The newest quote of a share; nothing when there is none on both sides.
pub(super) fn last_quote(
    answers: &Answers,
    listing: &Listing,
    unit: f64,
    answer: &Answer,
) -> Result<Option<Told>, FeedError> {
    let Results { results: last }: Results<LastQuote> =
        success(answers, answer, Some(listing.instrument.symbol()))?;
    if last.p == 0.0 || last.ask == 0.0 {
        return Ok(None);
    }
    let time = Timestamp::from_nanos(last.t);
    let quote = reading::quote(time, (last.p, last.s * unit), (last.ask, last.ask_size * unit));
    Ok(Some(reading::polled_quote(true, quote)))
}

/// The newest trade of a share or an option.
pub(super) fn last_trade(
    answers: &Answers,
    listing: &Listing,
    market: Market,
    taker: &mut TakerGuess,
    answer: &Answer,
) -> Result<Option<Told>, FeedError> {
    let Results { results: last }: Results<LastTrade> =
        success(answers, answer, Some(listing.instrument.symbol()))?;
    if !is_the_price(market, &last.c) {
        return Ok(None);
    }
    let side = taker.traded(last.p);
    let trade = reading::past_trade(Timestamp::from_nanos(last.t), last.p, last.s, side);
    Ok(Some(reading::polled_trade(last.q, trade)))
}

#[derive(Deserialize)]
struct PastTrade {
    price: f64,
    size: f64,
    #[serde(default)]
    exchange: u64,
    #[serde(default)]
    conditions: Vec<i64>,
    #[serde(default)]
    id: String,
    sequence_number: Option<u64>,
    sip_timestamp: Option<i64>,
    participant_timestamp: Option<i64>,
}

#[derive(Deserialize)]
struct PastTrades {
    /// Missing when there are none.
    #[serde(default)]
    results: Vec<PastTrade>,
}

/// Past trades, oldest first, under the numbers that the stream gives them. What has none, or is no price, is left out, as there.
pub(super) fn trades(
    answers: &Answers,
    listing: &Listing,
    market: Market,
    answer: &Answer,
) -> Result<Vec<(u64, TradeTick)>, FeedError> {
    let page: PastTrades = success(answers, answer, Some(listing.instrument.symbol()))?;
    let mut taker = TakerGuess::default();
    let trades = page.results.into_iter();
    let trades = trades
        .filter(|it| is_the_price(market, &it.conditions))
        .filter_map(|it| {
            let (id, side) = match market {
                Market::Crypto => (
                    reading::trade_number(it.exchange, &it.id),
                    coin_taker(it.conditions.first(), it.price, &mut taker),
                ),
                _ => (it.sequence_number, taker.traded(it.price)),
            };
            // That of the stream is the consolidated tape's, where there is one.
            let time = Timestamp::from_nanos(it.sip_timestamp.or(it.participant_timestamp)?);
            Some((id?, reading::past_trade(time, it.price, it.size, side)))
        });
    Ok(trades.collect())
}

#[derive(Deserialize)]
struct Last<T> {
    last: T,
}

#[derive(Deserialize)]
struct LastCoinTrade {
    #[serde(default)]
    conditions: Vec<i64>,
    price: f64,
    size: f64,
    timestamp: i64,
}

/// The newest trade of a coin.
pub(super) fn last_coin_trade(
    answers: &Answers,
    listing: &Listing,
    answer: &Answer,
) -> Result<Told, FeedError> {
    let Last { last }: Last<LastCoinTrade> = success(answers, answer, Some(listing.instrument.symbol()))?;
    let side = match last.conditions.first() {
        Some(1) => Side::Sell,
        _ => Side::Buy,
    };
    let time = Timestamp::from_millis(last.timestamp);
    let trade = reading::past_trade(time, last.price, last.size, side);
    Ok(reading::polled_trade(None, trade))
}

#[derive(Deserialize)]
struct LastCurrencyQuote {
    ask: f64,
    bid: f64,
    timestamp: i64,
}

/// The newest quote of a pair of currencies.
pub(super) fn last_currency_quote(
    answers: &Answers,
    listing: &Listing,
    answer: &Answer,
) -> Result<Told, FeedError> {
    let Last { last }: Last<LastCurrencyQuote> = success(answers, answer, Some(listing.instrument.symbol()))?;
    let time = Timestamp::from_millis(last.timestamp);
    let quote = reading::quote(time, sized(last.bid), sized(last.ask));
    Ok(reading::polled_quote(true, quote))
}

#[derive(Deserialize)]
struct Ticker {
    ticker: String,
    /// Contracts of options have none: those that are listed are traded.
    active: Option<bool>,
    base_currency_symbol: Option<String>,
    currency_symbol: Option<String>,
}

#[derive(Deserialize)]
struct Tickers {
    #[serde(default)]
    results: Vec<Ticker>,
    next_url: Option<String>,
}

/// A page of what is listed, and where the next one is. `only` is the symbol that was asked for, of which the answer has the
/// ticker.
pub(super) fn tickers(
    answers: &Answers,
    market: Market,
    only: Option<&Symbol>,
    answer: &Answer,
) -> Result<(Vec<Listing>, Option<String>), FeedError> {
    let page: Tickers = success(answers, answer, only)?;
    let listings = page.results.into_iter().filter_map(|it| {
        let symbol = match only {
            Some(symbol) if market.ticker(symbol) == it.ticker => symbol.clone(),
            Some(_) => return None,
            None => match (market, it.base_currency_symbol, it.currency_symbol) {
                (Market::Crypto | Market::Forex, Some(base), Some(quote)) => {
                    format!("{base}/{quote}").parse().ok()?
                }
                (Market::Crypto | Market::Forex, ..) => return None,
                _ => it.ticker.strip_prefix("O:").unwrap_or(&it.ticker).parse().ok()?,
            },
        };
        market.listing(symbol, it.active.unwrap_or(true))
    });
    Ok((listings.collect(), page.next_url))
}

#[derive(Deserialize)]
struct MarketStatus {
    #[serde(rename = "serverTime")]
    server_time: Timestamp,
}

/// The venue's clock.
pub(super) fn clock(answers: &Answers, answer: &Answer) -> Result<Timestamp, FeedError> {
    success(answers, answer, None).map(|status: MarketStatus| status.server_time)
}
