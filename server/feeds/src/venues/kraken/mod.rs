//! Kraken, spot: <https://docs.kraken.com/api/>. WebSocket v2 and REST version 0.
//!
//! Books begin with a snapshot on the stream and carry a checksum of their ten best levels, which is checked after each message.
//! Option `depth`: levels of a book, `10` unless it is `25`, `100`, `500` or `1000`. Only ten are checked in full: a mistake
//! farther out shows when it has come near.
//!
//! REST knows the last 720 bars of each length, and all trades, a thousand at once from a time on.

mod book;
mod codec;
#[cfg(test)]
mod tests;

use crate::{
    rest::{Ask, Rest, host_of, until},
    venue::{
        BookStart, Channels, Codec, FeedError, Limit, Listing, PastBars, Polled, Reach, Told, TradesFrom,
        Traits, Venue, VenueConfig,
    },
    venues::{
        reading::{self, Answers},
        several,
    },
};
use codec::KrakenCodec;
use futures::future::BoxFuture;
use papertape::{
    exchange::TradingStatus,
    market::{Bar, TradeTick},
    model::{Instrument, OrderLimits, Side, Symbol, Timeframe, Timestamp},
};
use rust_decimal::Decimal;
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

const NAME: &str = "kraken";
/// Its options.
pub(super) const OPTIONS: &[&str] = &["depth"];

/// Bars of one length that it knows, the one in the making among them.
const MOST_BARS: usize = 720;
/// Weeks begin on Thursday there, and are left out.
const TIMEFRAMES: [(&str, u32); 7] = [
    ("1m", 1),
    ("5m", 5),
    ("15m", 15),
    ("30m", 30),
    ("1h", 60),
    ("4h", 240),
    ("1d", 1_440),
];

/// Opens Kraken.
///
/// # Errors
/// [`FeedError::Unsupported`] for a depth that it does not have.
pub(super) fn open(config: VenueConfig) -> Result<Arc<dyn Venue>, FeedError> {
    let url =
        |set: &Option<String>, usual: &str| set.as_deref().unwrap_or(usual).trim_end_matches('/').to_owned();
    let rest_url = url(&config.rest_url, "https://api.kraken.com");
    let answers = Answers::new(NAME, &rest_url, &config);
    let depth = answers.option(&config, "depth", &["10", "25", "100", "500", "1000"])?;
    let traits = Traits {
        // About one a second.
        limits: vec![Limit {
            weight: 3,
            every: Duration::from_secs(3),
            is_aligned: false,
        }],
        used_weight_header: None,
        stream: Channels {
            trades: true,
            quotes: true,
            depth: true,
            bars: true,
        },
        polled: Channels::TICKS,
        book: BookStart::Stream,
        timeframes: TIMEFRAMES
            .iter()
            .filter_map(|(name, _)| name.parse().ok())
            .collect(),
        has_trade_backfill: true,
        has_consecutive_trades: true,
        is_relay: false,
        is_index: false,
        most_symbols: None,
        needs_key: false,
        key_allows_more: false,
        // The trades of each are a request a second.
        most_polled: 10,
        poll_every: Duration::from_secs(5),
        stale_after: Duration::from_secs(60),
        delay: Duration::ZERO,
    };
    Ok(Arc::new(Kraken {
        stream_url: url(&config.stream_url, "wss://ws.kraken.com"),
        depth: depth.parse().unwrap_or(10),
        rest_url,
        traits,
        answers,
        names: Names::default(),
    }))
}

/// What else is known of pairs, by the venue's symbol.
#[derive(Clone, Debug, Default)]
struct Names(Arc<Mutex<BTreeMap<Arc<str>, Named>>>);

/// What else is known of a pair.
#[derive(Clone, Debug)]
struct Named {
    /// What answers over REST call it: `XXBTZUSD`.
    rest: Arc<str>,
    /// Digits after the point of prices as checksums write them: more than the tick has, for some.
    digits: u32,
}

impl Names {
    fn of(&self, symbol: &str) -> Option<Named> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(symbol).cloned()
    }

    fn digits_of(&self, symbol: &str) -> Option<u32> {
        self.of(symbol).map(|named| named.digits)
    }

    /// The symbol itself when nobody has asked for it.
    fn rest_of(&self, symbol: &Arc<str>) -> Arc<str> {
        self.of(symbol)
            .map_or_else(|| Arc::clone(symbol), |named| named.rest)
    }

    fn note(&self, symbol: &Arc<str>, named: Named) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(Arc::clone(symbol), named);
    }
}

/// How many last digits a tick and a lot have, with `digits` after the point of a price, or as many as the tick has.
fn units(instrument: &Instrument, digits: Option<u32>) -> (i64, i64) {
    let of = |step: Decimal, digits: u32| {
        let more = digits.saturating_sub(step.scale());
        let mantissa = i64::try_from(step.mantissa()).unwrap_or(1);
        10_i64
            .checked_pow(more)
            .map_or(mantissa, |power| mantissa.saturating_mul(power))
    };
    let (tick, lot) = (instrument.tick(), instrument.lot());
    (
        of(tick, digits.unwrap_or_else(|| tick.scale())),
        of(lot, lot.scale()),
    )
}

#[derive(Debug)]
struct Kraken {
    traits: Traits,
    rest_url: String,
    stream_url: String,
    depth: usize,
    answers: Answers,
    names: Names,
}

/// Every answer.
#[derive(Debug, Deserialize)]
struct Wrapped<T> {
    #[serde(default)]
    error: Vec<String>,
    result: Option<T>,
}

/// One of `/AssetPairs`.
#[derive(Debug, Deserialize)]
struct Pair {
    altname: String,
    wsname: Option<String>,
    pair_decimals: u32,
    lot_decimals: u32,
    tick_size: Option<Decimal>,
    ordermin: Option<Decimal>,
    costmin: Option<Decimal>,
    status: Option<String>,
}

/// A row of `/OHLC`: time, open, high, low, close, average, volume, count.
type Row = (i64, Text, Text, Text, Text, Text, Text, u64);
/// A row of `/Trades`: price, quantity, time, side, type, remark, number.
type PastTrade = (Text, Text, f64, String, String, String, u64);

/// A number that is written as text.
#[derive(Clone, Debug, Deserialize)]
struct Text(String);

impl Text {
    /// Not a number when it is none, which is no price and no size either.
    fn number(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }
}

/// `/Ticker`.
#[derive(Debug, Deserialize)]
struct Ticker {
    a: [Text; 3],
    b: [Text; 3],
}

/// `/Time`.
#[derive(Debug, Deserialize)]
struct Time {
    unixtime: i64,
}

/// The usual name of a coin for the one that only this venue uses, and the other way round.
fn renamed(code: &str, names: [(&'static str, &'static str); 2]) -> String {
    let found = names.iter().find(|(from, _)| *from == code);
    found.map_or(code, |(_, to)| to).to_owned()
}

/// `XBT/USD` as `BTC/USD`.
fn usual(name: &str) -> String {
    let names = [("XBT", "BTC"), ("XDG", "DOGE")];
    let parts: Vec<String> = name.split('/').map(|code| renamed(code, names)).collect();
    parts.join("/")
}

/// `BTC/USD` as `XBTUSD`.
fn theirs(symbol: &Symbol) -> String {
    let names = [("BTC", "XBT"), ("DOGE", "XDG")];
    symbol
        .as_str()
        .split('/')
        .map(|code| renamed(code, names))
        .collect()
}

impl Kraken {
    async fn ask<T: DeserializeOwned>(
        &self,
        rest: &Rest,
        ask: Ask,
        symbol: Option<&str>,
    ) -> Result<T, FeedError> {
        let answer = rest.raw(ask).await?;
        if answer.status != 200 {
            return Err(match self.answers.json::<serde_json::Value>(&answer.body) {
                Err(error) => error,
                Ok(_) => self.answers.refusal(&answer, None),
            });
        }
        let Wrapped { error, result } = self.answers.json::<Wrapped<T>>(&answer.body)?;
        // Those that begin with W are warnings.
        if let Some(words) = error.iter().find(|words| words.starts_with('E')) {
            return Err(rest.heeding(self.refusal(words, symbol, rest.now())));
        }
        result.ok_or_else(|| self.nonsense("an answer with neither an error nor a result"))
    }

    fn refusal(&self, words: &str, symbol: Option<&str>, now: Timestamp) -> FeedError {
        // Until a second since 1970.
        let throttled: Option<i64> = words
            .strip_prefix("EService:")
            .and_then(|rest| rest.trim_start().strip_prefix("Throttled:")?.trim().parse().ok());
        if let Some(second) = throttled {
            self.answers.limited(until(second, now))
        } else if words.starts_with("EQuery:Unknown asset pair") {
            self.answers.unknown(symbol.unwrap_or("the pair"))
        } else if words.contains("Rate limit") || words.contains("Too many requests") {
            self.answers.limited(Duration::from_secs(15))
        } else if words.starts_with("EService") {
            self.answers.trouble(words)
        } else if words.starts_with("EAPI:Invalid") || words.starts_with("EGeneral:Permission") {
            self.answers.unauthorized(words)
        } else {
            self.answers.refused(words)
        }
    }

    fn nonsense(&self, problem: impl Into<String>) -> FeedError {
        FeedError::NotTheVenue {
            venue: self.answers.feed(),
            host: host_of(&self.rest_url).to_owned(),
            detail: problem.into(),
        }
    }

    /// The rows of an answer: under the one key that is not `last`, whatever the pair is called there.
    async fn rows<T: DeserializeOwned>(
        &self,
        rest: &Rest,
        ask: Ask,
        listing: &Listing,
    ) -> Result<T, FeedError> {
        let symbol = listing.instrument.symbol().as_str();
        let ask = ask.with("pair", &listing.venue_symbol);
        let result: BTreeMap<String, serde_json::Value> = self.ask(rest, ask, Some(symbol)).await?;
        let found = result.into_iter().find(|(name, _)| name != "last");
        let (_, rows) = found.ok_or_else(|| self.nonsense("an answer without a pair"))?;
        serde_json::from_value(rows).map_err(|error| self.nonsense(error.to_string()))
    }

    /// A thousand trades, as they were told, possible or not: the oldest of those after a time, or the last.
    async fn trades(
        &self,
        rest: &Rest,
        listing: &Listing,
        after: Option<Timestamp>,
    ) -> Result<Vec<(u64, TradeTick)>, FeedError> {
        let mut ask = Ask::get("/0/public/Trades").with("count", 1_000);
        if let Some(after) = after {
            ask = ask.with("since", after.nanos());
        }
        let rows: Vec<PastTrade> = self.rows(rest, ask, listing).await?;
        let mut trades = Vec::with_capacity(rows.len());
        for (price, quantity, time, side, _, _, id) in rows {
            // Microseconds are what a float of today's seconds holds.
            let time = Timestamp::from_nanos((time * 1e6).round() as i64)
                .nanos()
                .saturating_mul(1_000);
            let side = if side == "s" { Side::Sell } else { Side::Buy };
            let time = Timestamp::from_nanos(time);
            let trade = reading::past_trade(time, price.number(), quantity.number(), side);
            trades.push((id, trade));
        }
        trades.sort_by_key(|(id, _)| *id);
        Ok(trades)
    }

    /// The last trades of each, which take a request of their own, and then the best prices of all with one more.
    async fn polled<'a>(&self, rest: &Rest, listings: &[&'a Listing]) -> Polled<'a> {
        let traded = Polled::one_by_one(listings, async |listing: &Listing| {
            let trades = self.trades(rest, listing, None).await?;
            let told = trades
                .into_iter()
                .map(|(id, trade)| reading::polled_trade(Some(id), trade));
            Ok(told.collect())
        });
        let traded = traded.await;
        let tickers = self.tickers(rest, &traded.known()).await;
        traded.and(|listing| {
            let tickers = tickers.as_ref().map_err(Clone::clone)?;
            let name = self.names.rest_of(&listing.venue_symbol);
            let ticker = tickers
                .get(&*name)
                .or_else(|| tickers.get(&*listing.venue_symbol));
            let ticker = ticker.ok_or_else(|| self.nonsense(format!("an answer without {name}")))?;
            Ok(vec![quoted(&self.answers.part(ticker)?)])
        })
    }

    /// Tickers by the names that REST has for pairs.
    async fn tickers(
        &self,
        rest: &Rest,
        listings: &[&Listing],
    ) -> Result<BTreeMap<String, serde_json::Value>, FeedError> {
        if listings.is_empty() {
            return Ok(BTreeMap::new());
        }
        let ask = Ask::get("/0/public/Ticker").with("pair", several::names(listings));
        let only = several::only(listings).map(Symbol::as_str);
        self.ask(rest, ask, only).await
    }

    /// What REST calls by a name.
    fn listing(&self, name: &str, pair: &Pair) -> Option<Listing> {
        let symbol = usual(pair.wsname.as_deref()?).parse().ok()?;
        let tick = pair
            .tick_size
            .unwrap_or_else(|| Decimal::new(1, pair.pair_decimals.min(28)));
        let lot = Decimal::new(1, pair.lot_decimals.min(28));
        let least = pair.costmin.unwrap_or_default();
        let limits = OrderLimits {
            minimum_quantity: pair.ordermin.filter(|least| *least > Decimal::ZERO),
            ..OrderLimits::default()
        };
        let instrument = Instrument::new(symbol, tick, lot, least, Decimal::ONE).ok()?;
        let venue_symbol: Arc<str> = pair.altname.as_str().into();
        let named = Named {
            rest: name.into(),
            digits: pair.pair_decimals,
        };
        self.names.note(&venue_symbol, named);
        Some(Listing {
            instrument: instrument.with_limits(limits),
            venue_symbol,
            status: match pair.status.as_deref() {
                // With limits alone, or to close what is open, orders are matched.
                Some("online" | "limit_only" | "reduce_only") | None => TradingStatus::Trading,
                Some("delisted") => TradingStatus::Ended,
                Some(_) => TradingStatus::Halted,
            },
        })
    }
}

/// The best prices.
fn quoted(ticker: &Ticker) -> Told {
    let side = |[price, _, size]: &[Text; 3]| (price.number(), size.number());
    let quote = reading::quote(Timestamp::EPOCH, side(&ticker.b), side(&ticker.a));
    reading::polled_quote(false, quote)
}

impl Venue for Kraken {
    fn name(&self) -> &'static str {
        NAME
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn rest_url(&self) -> String {
        self.rest_url.clone()
    }

    fn codec(&self) -> Result<Option<Box<dyn Codec>>, FeedError> {
        let codec = KrakenCodec::new(&self.stream_url, self.depth, self.names.clone());
        Ok(Some(Box::new(codec)))
    }

    fn listings<'a>(
        &'a self,
        rest: &'a Rest,
        only: Option<&'a Symbol>,
    ) -> BoxFuture<'a, Result<Vec<Listing>, FeedError>> {
        Box::pin(async move {
            let mut ask = Ask::get("/0/public/AssetPairs");
            if let Some(symbol) = only {
                ask = ask.with("pair", theirs(symbol));
            }
            let pairs: BTreeMap<String, Pair> = self.ask(rest, ask, only.map(Symbol::as_str)).await?;
            let listings = pairs.iter().filter_map(|(name, pair)| self.listing(name, pair));
            Ok(listings.collect())
        })
    }

    fn bars<'a>(
        &'a self,
        rest: &'a Rest,
        listing: &'a Listing,
        timeframe: Timeframe,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<PastBars, FeedError>> {
        Box::pin(async move {
            self.answers.timeframe(timeframe, &self.traits.timeframes)?;
            let ask = Ask::get("/0/public/OHLC")
                .with("interval", timeframe.secs() / 60)
                // Bars after it.
                .with("since", from.secs() - 1);
            let rows: Vec<Row> = self.rows(rest, ask, listing).await?;
            let bar = |(time, open, high, low, close, _, volume, _): Row| Bar {
                open_time: Timestamp::from_secs(time),
                open: open.number(),
                high: high.number(),
                low: low.number(),
                close: close.number(),
                volume: volume.number(),
            };
            // So many are the newest, whatever was asked for: of what is older than they are it says nothing.
            let reach = match rows.iter().map(|row| row.0).min() {
                Some(oldest) if rows.len() >= MOST_BARS => Reach::Since(Timestamp::from_secs(oldest)),
                _ => Reach::Whole,
            };
            Ok(PastBars::of(
                rows.into_iter().map(bar),
                timeframe,
                (from, to),
                reach,
            ))
        })
    }

    fn poll<'a>(
        &'a self,
        rest: &'a Rest,
        listings: &'a [&'a Listing],
    ) -> BoxFuture<'a, Result<Polled<'a>, FeedError>> {
        Box::pin(async move { Ok(self.polled(rest, listings).await) })
    }

    /// A thousand at once, found by their time.
    fn trades_from<'a>(
        &'a self,
        rest: &'a Rest,
        listing: &'a Listing,
        from: TradesFrom,
    ) -> BoxFuture<'a, Result<Vec<(u64, TradeTick)>, FeedError>> {
        Box::pin(async move {
            // Those of the moment itself too: their times are told in microseconds.
            let after = (from.time > Timestamp::EPOCH).then(|| from.time.plus_nanos(-1_000));
            let mut trades = self.trades(rest, listing, after).await?;
            trades.retain(|(id, _)| *id >= from.id);
            Ok(trades)
        })
    }

    fn time<'a>(&'a self, rest: &'a Rest) -> BoxFuture<'a, Result<Option<Timestamp>, FeedError>> {
        Box::pin(async move {
            let time: Time = self.ask(rest, Ask::get("/0/public/Time"), None).await?;
            Ok(Some(Timestamp::from_secs(time.unixtime)))
        })
    }
}
