//! CryptoCompare's answers over REST. Errors come with status 200.

use super::super::reading::{self, Answers};
use crate::{
    rest::Answer,
    venue::{FeedError, Listing, PastBars, Reach, Slot, Told},
};
use papertape::{
    market::Bar,
    model::{Side, Symbol, Timeframe, Timestamp},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Envelope {
    response: String,
    message: String,
    #[serde(rename = "Type")]
    kind: i64,
    param_with_error: String,
}

/// The answer, unless it is an error. `None` when there is no data for the one symbol that was asked for (type 1); of several it is
/// not said which has none.
fn success<T: DeserializeOwned>(
    answers: &Answers,
    answer: &Answer,
    only: Option<&Symbol>,
) -> Result<Option<T>, FeedError> {
    if !(200..300).contains(&answer.status) {
        let words = String::from_utf8_lossy(&answer.body);
        return Err(answers.refusal(answer, Some(&words)));
    }
    let value: Value = answers.json(&answer.body)?;
    let envelope = Envelope::deserialize(&value).unwrap_or_default();
    if envelope.response == "Error" {
        let words = format!("{} (type {})", envelope.message, envelope.kind);
        let names_symbol = ["fsym", "tsym", "fsyms", "tsyms", "e"].contains(&&*envelope.param_with_error);
        return match envelope.kind {
            99 if envelope.message.contains("api key") || envelope.message.contains("auth") => {
                Err(answers.unauthorized(&words))
            }
            99 => Err(answers.limited(Duration::from_secs(60))),
            1 if !names_symbol && only.is_some() => Ok(None),
            _ => Err(match only {
                Some(symbol) if names_symbol || envelope.message.contains("market does not exist") => {
                    answers.unknown(symbol)
                }
                _ => answers.refused(&words),
            }),
        };
    }
    answers.json(&answer.body).map(Some)
}

#[derive(Deserialize)]
struct Row {
    time: i64,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volumefrom: f64,
}

impl Row {
    /// Nothing but zeros is history that is missing, which is no price.
    fn is_missing(&self) -> bool {
        [self.open, self.high, self.low, self.close, self.volumefrom] == [0.0; 5]
    }
}

#[derive(Deserialize)]
struct Rows {
    #[serde(rename = "Data")]
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct History {
    #[serde(rename = "Data")]
    data: Rows,
}

/// Closed bars. Rows of zeros are history that is missing; the last row is open still.
pub(super) fn bars(
    answers: &Answers,
    symbol: &Symbol,
    timeframe: Timeframe,
    span: (Timestamp, Timestamp),
    reach: Reach,
    answer: &Answer,
) -> Result<PastBars, FeedError> {
    let history: Option<History> = success(answers, answer, Some(symbol))?;
    let rows = history.map_or(Vec::new(), |history| history.data.data);
    let bars = rows.into_iter().filter(|row| !row.is_missing()).map(|row| Bar {
        open_time: Timestamp::from_secs(row.time),
        open: row.open,
        high: row.high,
        low: row.low,
        close: row.close,
        volume: row.volumefrom,
    });
    Ok(PastBars::of(bars, timeframe, span, reach))
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Ticker {
    price: f64,
    lastupdate: i64,
    #[serde(default)]
    lastvolume: f64,
}

/// Tickers by coin, then by currency.
#[derive(Default, Deserialize)]
pub(super) struct Tickers {
    #[serde(rename = "RAW", default)]
    raw: BTreeMap<String, BTreeMap<String, Value>>,
}

/// The newest of several pairs. `only` is the one that was asked for, if it was one.
pub(super) fn tickers(
    answers: &Answers,
    only: Option<&Symbol>,
    answer: &Answer,
) -> Result<Tickers, FeedError> {
    Ok(success(answers, answer, only)?.unwrap_or_default())
}

/// The newest price of one of them as a trade, of the size that traded last. It has no number: the stream's are others than its second.
pub(super) fn newest(
    answers: &Answers,
    listing: &Listing,
    tickers: &Tickers,
) -> Result<Vec<Told>, FeedError> {
    let symbol = listing.instrument.symbol();
    let (base, quote) = listing.venue_symbol.split_once('/').unwrap_or_default();
    let ticker = tickers.raw.get(base).and_then(|coin| coin.get(quote));
    let ticker: Ticker = answers.part(ticker.ok_or_else(|| answers.unknown(symbol))?)?;
    let time = Timestamp::from_secs(ticker.lastupdate);
    let size = if ticker.lastvolume > 0.0 {
        ticker.lastvolume
    } else {
        reading::smallest(&listing.instrument)
    };
    Ok(vec![match reading::trade(time, ticker.price, size, Side::Buy) {
        Ok(trade) => Told::Trade {
            slot: Slot(0),
            id: None,
            trade,
        },
        Err(why) => Told::KeptOff {
            slot: Some(Slot(0)),
            why,
        },
    }])
}

/// The price of a pair: that there is one says that it is listed.
pub(super) fn price(answers: &Answers, symbol: &Symbol, answer: &Answer) -> Result<f64, FeedError> {
    let prices: Option<BTreeMap<String, f64>> = success(answers, answer, Some(symbol))?;
    let price = prices.and_then(|prices| prices.get(symbol.quote().as_str()).copied());
    price
        .filter(|price| reading::price("price", *price).is_ok())
        .ok_or_else(|| answers.unknown(symbol))
}
