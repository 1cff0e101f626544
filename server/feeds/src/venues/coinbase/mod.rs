//! Coinbase: the stream of Advanced Trade and the public REST of Exchange, neither of which needs a key:
//! <https://docs.cdp.coinbase.com>.
//!
//! Messages of a connection are numbered, so that none is lost without a word; books begin with a snapshot on the stream.

mod codec;
#[cfg(test)]
mod tests;

use crate::{
    rest::{Answer, Ask, Rest},
    venue::{
        BookStart, Channels, Codec, FeedError, Limit, Listing, PastBars, Polled, Reach, Told, TradesFrom,
        Traits, Venue, VenueConfig,
    },
    venues::reading::{self, Answers},
};
use codec::{CoinbaseCodec, number, taker};
use futures::future::BoxFuture;
use papertape::{
    exchange::TradingStatus,
    market::{Bar, TradeTick},
    model::{Instrument, Symbol, Timeframe, Timestamp},
};
use rust_decimal::Decimal;
use serde::{Deserialize, de::DeserializeOwned};
use std::{sync::Arc, time::Duration};

const NAME: &str = "coinbase";
const TIMEFRAMES: [&str; 6] = ["1m", "5m", "15m", "1h", "6h", "1d"];
/// Bars that one request gives at most.
const BARS: i64 = 300;
/// Trades that one request gives at most.
const TRADES: u64 = 1_000;

/// Opens Coinbase.
///
/// # Errors
/// None.
pub(super) fn open(config: VenueConfig) -> Result<Arc<dyn Venue>, FeedError> {
    let url =
        |set: &Option<String>, usual: &str| set.as_deref().unwrap_or(usual).trim_end_matches('/').to_owned();
    let rest_url = url(&config.rest_url, "https://api.exchange.coinbase.com");
    let ticks = Channels::TICKS;
    let traits = Traits {
        limits: vec![Limit {
            weight: 10,
            every: Duration::from_secs(1),
            is_aligned: false,
        }],
        used_weight_header: None,
        stream: Channels { depth: true, ..ticks },
        polled: ticks,
        book: BookStart::Stream,
        timeframes: TIMEFRAMES.iter().filter_map(|name| name.parse().ok()).collect(),
        has_trade_backfill: true,
        has_consecutive_trades: true,
        is_relay: false,
        is_index: false,
        most_symbols: None,
        needs_key: false,
        key_allows_more: false,
        most_polled: 1,
        poll_every: Duration::from_secs(2),
        stale_after: Duration::from_secs(30),
        delay: Duration::ZERO,
    };
    Ok(Arc::new(Coinbase {
        stream_url: url(&config.stream_url, "wss://advanced-trade-ws.coinbase.com"),
        answers: Answers::new(NAME, &rest_url, &config),
        rest_url,
        traits,
    }))
}

#[derive(Debug)]
struct Coinbase {
    traits: Traits,
    rest_url: String,
    stream_url: String,
    answers: Answers,
}

#[derive(Debug, Deserialize)]
struct Product {
    id: String,
    base_increment: Decimal,
    quote_increment: Decimal,
    min_market_funds: Option<Decimal>,
    status: String,
    #[serde(default)]
    trading_disabled: bool,
    #[serde(default)]
    cancel_only: bool,
    #[serde(default)]
    post_only: bool,
}

/// A row of candles: time, low, high, open, close, volume. Low and high come first.
type Row = (i64, f64, f64, f64, f64, f64);

#[derive(Debug, Deserialize)]
struct PastTrade {
    trade_id: u64,
    price: String,
    size: String,
    /// The maker's.
    side: String,
    time: Timestamp,
}

impl PastTrade {
    /// As it was told, possible or not; `None` when it does not say who took.
    fn tick(&self) -> Option<TradeTick> {
        let side = taker(&self.side)?;
        Some(reading::past_trade(
            self.time,
            number(&self.price),
            number(&self.size),
            side,
        ))
    }
}

#[derive(Debug, Deserialize)]
struct Best {
    bids: Vec<(String, String, u64)>,
    asks: Vec<(String, String, u64)>,
    time: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct Time {
    iso: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Words {
    message: String,
}

impl Coinbase {
    async fn ask<T: DeserializeOwned>(
        &self,
        rest: &Rest,
        ask: Ask,
        symbol: Option<&Symbol>,
    ) -> Result<T, FeedError> {
        let answer = rest.raw(ask).await?;
        if answer.status == 200 {
            return self.answers.json(&answer.body);
        }
        Err(self.refusal(&answer, symbol))
    }

    fn refusal(&self, answer: &Answer, symbol: Option<&Symbol>) -> FeedError {
        let words = match self.answers.json::<Words>(&answer.body) {
            Ok(words) => words.message,
            Err(error) if answer.status < 500 => return error,
            Err(_) => String::new(),
        };
        match symbol {
            Some(symbol) if answer.status == 404 => self.answers.unknown(symbol),
            _ => self.answers.refusal(answer, Some(&words)),
        }
    }

    fn request(listing: &Listing, what: &str) -> Ask {
        Ask::get(format!("/products/{}/{what}", listing.venue_symbol))
    }

    /// Bars that open at or after `from` and before `to`, closed or not, as they came, no more than fit into an answer.
    async fn page(
        &self,
        rest: &Rest,
        listing: &Listing,
        timeframe: Timeframe,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Bar>, FeedError> {
        let ask = Self::request(listing, "candles")
            .with("granularity", timeframe.secs())
            .with("start", Timestamp::from_secs(from.secs()))
            .with("end", Timestamp::from_secs(to.secs() - 1));
        let rows: Vec<Row> = self.ask(rest, ask, Some(listing.instrument.symbol())).await?;
        let bar = |(time, low, high, open, close, volume): Row| Bar {
            open_time: Timestamp::from_secs(time),
            open,
            high,
            low,
            close,
            volume,
        };
        Ok(rows.into_iter().map(bar).collect())
    }

    async fn oldest_bars(
        &self,
        rest: &Rest,
        listing: &Listing,
        timeframe: Timeframe,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<PastBars, FeedError> {
        let mut next = from;
        while next < to {
            let end = to.min(next.plus_nanos(BARS * timeframe.nanos()));
            let rows = self.page(rest, listing, timeframe, next, end).await?;
            let bars = PastBars::of(rows, timeframe, (from, to), Reach::Whole);
            if !bars.is_empty() {
                return Ok(bars);
            }
            // Minutes without a trade have no bar. Days tell how long that goes on.
            next = end;
            if timeframe < Timeframe::DAY && next < to {
                let day = Timeframe::DAY.floor(next);
                let end = day.plus_nanos(BARS * Timeframe::DAY.nanos());
                let days = self.page(rest, listing, Timeframe::DAY, day, end).await?;
                let first = days.iter().map(|bar| bar.open_time).min();
                next = next.max(first.unwrap_or(end));
            }
        }
        Ok(PastBars::of([], timeframe, (from, to), Reach::Whole))
    }

    /// Trades as they were told, possible or not, oldest first.
    async fn trades(&self, rest: &Rest, listing: &Listing, ask: Ask) -> Result<Vec<PastTrade>, FeedError> {
        let mut trades: Vec<PastTrade> = self.ask(rest, ask, Some(listing.instrument.symbol())).await?;
        trades.sort_by_key(|trade| trade.trade_id);
        Ok(trades)
    }

    async fn polled(&self, rest: &Rest, listing: &Listing) -> Result<Vec<Told>, FeedError> {
        let ask = Self::request(listing, "trades").with("limit", 100);
        let trades = self.trades(rest, listing, ask).await?;
        let mut told: Vec<Told> = trades
            .iter()
            .map(|trade| match trade.tick() {
                Some(tick) => reading::polled_trade(Some(trade.trade_id), tick),
                None => reading::polled_nonsense(format!("a trade without a side: {:?}", trade.side)),
            })
            .collect();
        let ask = Self::request(listing, "book").with("level", 1);
        let best: Best = self.ask(rest, ask, Some(listing.instrument.symbol())).await?;
        // A side that is empty has no best price: then there is no quote.
        if let (Some(bid), Some(ask)) = (best.bids.first(), best.asks.first()) {
            let side = |(price, size, _): &(String, String, u64)| (number(price), number(size));
            let quote = reading::quote(best.time.unwrap_or(Timestamp::EPOCH), side(bid), side(ask));
            told.push(reading::polled_quote(best.time.is_some(), quote));
        }
        Ok(told)
    }
}

/// What can be an instrument here.
fn listing(product: &Product) -> Option<Listing> {
    let symbol = product.id.replacen('-', "/", 1).parse().ok()?;
    let least = product.min_market_funds.unwrap_or_default();
    let instrument = Instrument::new(
        symbol,
        product.quote_increment,
        product.base_increment,
        least,
        Decimal::ONE,
    )
    .ok()?;
    let is_stopped = product.trading_disabled || product.cancel_only || product.post_only;
    Some(Listing {
        instrument,
        venue_symbol: product.id.as_str().into(),
        status: match product.status.as_str() {
            "delisted" => TradingStatus::Ended,
            "online" if !is_stopped => TradingStatus::Trading,
            _ => TradingStatus::Halted,
        },
    })
}

impl Venue for Coinbase {
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
        Ok(Some(Box::new(CoinbaseCodec::new(&self.stream_url))))
    }

    fn listings<'a>(
        &'a self,
        rest: &'a Rest,
        only: Option<&'a Symbol>,
    ) -> BoxFuture<'a, Result<Vec<Listing>, FeedError>> {
        Box::pin(async move {
            let products: Vec<Product> = match only {
                Some(symbol) => {
                    let path = format!("/products/{}", symbol.as_str().replace('/', "-"));
                    vec![self.ask(rest, Ask::get(path), only).await?]
                }
                None => self.ask(rest, Ask::get("/products"), None).await?,
            };
            Ok(products.iter().filter_map(listing).collect())
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
            self.oldest_bars(rest, listing, timeframe, from, to).await
        })
    }

    fn poll<'a>(
        &'a self,
        rest: &'a Rest,
        listings: &'a [&'a Listing],
    ) -> BoxFuture<'a, Result<Polled<'a>, FeedError>> {
        let alone = |listing| self.polled(rest, listing);
        Box::pin(async move { Ok(Polled::one_by_one(listings, alone).await) })
    }

    fn trades_from<'a>(
        &'a self,
        rest: &'a Rest,
        listing: &'a Listing,
        from: TradesFrom,
    ) -> BoxFuture<'a, Result<Vec<(u64, TradeTick)>, FeedError>> {
        Box::pin(async move {
            // Pages go back in time: this one ends, and the numbers are consecutive, so that it begins where it should.
            let ask = Self::request(listing, "trades")
                .with("limit", TRADES)
                .with("after", from.id.saturating_add(TRADES));
            let trades = self.trades(rest, listing, ask).await?;
            let wanted = trades.iter().filter(|trade| trade.trade_id >= from.id);
            // One that nobody took is missing all the same.
            Ok(wanted
                .filter_map(|trade| Some((trade.trade_id, trade.tick()?)))
                .collect())
        })
    }

    fn time<'a>(&'a self, rest: &'a Rest) -> BoxFuture<'a, Result<Option<Timestamp>, FeedError>> {
        Box::pin(async move {
            let time: Time = self.ask(rest, Ask::get("/time"), None).await?;
            Ok(Some(time.iso))
        })
    }
}
