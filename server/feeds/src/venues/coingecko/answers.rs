//! CoinGecko's answers.

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
use std::collections::BTreeMap;

/// Coins that everybody means by their ticker, though others have taken the same.
pub(super) const WELL_KNOWN: [(&str, &str); 20] = [
    ("ADA", "cardano"),
    ("ATOM", "cosmos"),
    ("AVAX", "avalanche-2"),
    ("BCH", "bitcoin-cash"),
    ("BNB", "binancecoin"),
    ("BTC", "bitcoin"),
    ("DOGE", "dogecoin"),
    ("DOT", "polkadot"),
    ("ETC", "ethereum-classic"),
    ("ETH", "ethereum"),
    ("LINK", "chainlink"),
    ("LTC", "litecoin"),
    ("SOL", "solana"),
    ("TRX", "tron"),
    ("UNI", "uniswap"),
    ("USDC", "usd-coin"),
    ("USDT", "tether"),
    ("XLM", "stellar"),
    ("XMR", "monero"),
    ("XRP", "ripple"),
];
/// How many of the coins with one ticker are named.
const MOST_NAMED: usize = 5;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    error_code: i64,
    error_message: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure {
    error: String,
    status: Status,
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
    let failure: Failure = serde_json::from_slice(&answer.body).unwrap_or_default();
    let words = format!("{}{}", failure.error, failure.status.error_message);
    match (failure.status.error_code, symbol) {
        (10_002, _) => Err(answers.missing_key("KEY")),
        (10_010 | 10_011, _) => {
            Err(answers.unauthorized(&format!("{words}; the option plan is demo or pro")))
        }
        (_, Some(symbol)) if answer.status == 404 => Err(answers.unknown(symbol)),
        _ => Err(answers.refusal(answer, Some(&words))),
    }
}

#[derive(Deserialize)]
struct Coin {
    id: String,
    symbol: String,
}

/// What it answers when it is asked whether it is there.
#[derive(Debug, Deserialize)]
pub(super) struct Ping {
    #[serde(rename = "gecko_says")]
    _says: String,
}

/// Ids of all coins, by ticker in capitals.
pub(super) type Coins = BTreeMap<String, Vec<String>>;

/// The list of all coins.
pub(super) fn coins(answers: &Answers, answer: &Answer) -> Result<Coins, FeedError> {
    let list: Vec<Coin> = success(answers, answer, None)?;
    let mut coins = Coins::new();
    for coin in list {
        let ticker = coin.symbol.to_ascii_uppercase();
        coins.entry(ticker).or_default().push(coin.id);
    }
    Ok(coins)
}

/// The id of the coin that a ticker means.
///
/// # Errors
/// [`FeedError::Refused`] names the coins when there are several and none is the one that everybody means.
pub(super) fn coin_id(
    answers: &Answers,
    symbol: &Symbol,
    ticker: &str,
    coins: &Coins,
) -> Result<String, FeedError> {
    let ids = coins.get(ticker).map_or(&[][..], Vec::as_slice);
    let known = WELL_KNOWN.iter().find(|(known, _)| *known == ticker);
    match (ids, known) {
        ([], _) => Err(answers.unknown(symbol)),
        ([one], _) => Ok(one.clone()),
        (many, Some((_, id))) if many.iter().any(|other| other == id) => Ok((*id).to_owned()),
        (many, _) => Err(answers.refused(&format!(
            "{} coins are called {ticker}: {}{}; choose with the option id.{ticker}",
            many.len(),
            many[..many.len().min(MOST_NAMED)].join(", "),
            if many.len() > MOST_NAMED { ", …" } else { "" },
        ))),
    }
}

/// What coins cost: by id, an object of prices by currency.
pub(super) type Prices = BTreeMap<String, Value>;

/// The newest prices. `only` is the symbol that was asked for, if it was one.
pub(super) fn prices(answers: &Answers, only: Option<&Symbol>, answer: &Answer) -> Result<Prices, FeedError> {
    success(answers, answer, only)
}

/// The newest price and when it was made, in seconds.
fn simple_price(
    answers: &Answers,
    symbol: &Symbol,
    id: &str,
    prices: &Prices,
) -> Result<(f64, Option<i64>), FeedError> {
    // Ids and currencies that there are not are simply missing.
    let coin = prices.get(id).ok_or_else(|| answers.unknown(symbol))?;
    let coin: BTreeMap<String, Option<f64>> = answers.part(coin)?;
    let number = |name: &str| coin.get(name).copied().flatten();
    let price = number(&currency(symbol));
    let updated = number("last_updated_at").filter(|secs| (0.0..1e11).contains(secs));
    let price = price.ok_or_else(|| answers.unknown(symbol))?;
    Ok((price, updated.map(|secs| secs as i64)))
}

/// What a symbol's prices are counted in, as the venue writes it.
pub(super) fn currency(symbol: &Symbol) -> String {
    symbol.quote().as_str().to_ascii_lowercase()
}

/// The newest price, to choose the steps of an instrument by.
pub(super) fn price(answers: &Answers, symbol: &Symbol, id: &str, prices: &Prices) -> Result<f64, FeedError> {
    let (price, _) = simple_price(answers, symbol, id, prices)?;
    reading::price("price", price).map_err(|why| answers.refused(&why))
}

/// The newest price as a trade of one lot, numbered by its second so that the same is not told twice. Without a time it is
/// nothing: it may be of any age.
pub(super) fn newest(answers: &Answers, listing: &Listing, prices: &Prices) -> Result<Vec<Told>, FeedError> {
    let symbol = listing.instrument.symbol();
    let (price, updated) = simple_price(answers, symbol, &listing.venue_symbol, prices)?;
    let Some(secs) = updated else {
        return Ok(Vec::new());
    };
    let lot = reading::smallest(&listing.instrument);
    let trade = reading::trade(Timestamp::from_secs(secs), price, lot, Side::Buy);
    Ok(vec![match trade {
        Ok(trade) => Told::Trade {
            slot: Slot(0),
            id: u64::try_from(secs).ok(),
            trade,
        },
        Err(why) => Told::KeptOff {
            slot: Some(Slot(0)),
            why,
        },
    }])
}

/// Closed bars, which the venue names by their end and gives no volume. The last one ends now, off the grid. There are as many as
/// there are, whatever was asked for: nothing is known of what is older than the first.
pub(super) fn bars(
    answers: &Answers,
    symbol: &Symbol,
    timeframe: Timeframe,
    span: (Timestamp, Timestamp),
    answer: &Answer,
) -> Result<PastBars, FeedError> {
    let rows: Vec<(i64, f64, f64, f64, f64)> = success(answers, answer, Some(symbol))?;
    let bar = |(end, open, high, low, close): (i64, f64, f64, f64, f64)| Bar {
        open_time: Timestamp::from_millis(end).plus_nanos(-timeframe.nanos()),
        open,
        high,
        low,
        close,
        volume: 0.0,
    };
    let rows: Vec<Bar> = rows.into_iter().map(bar).collect();
    let oldest = rows.iter().map(|bar| bar.open_time).min();
    Ok(PastBars::of(
        rows,
        timeframe,
        span,
        Reach::Since(oldest.unwrap_or(span.1)),
    ))
}
