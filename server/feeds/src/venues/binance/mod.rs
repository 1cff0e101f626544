//! Binance and Binance US, spot: <https://developers.binance.com/docs/binance-spot-api-docs>.
//!
//! One protocol with two configurations. The combined stream carries trades with consecutive numbers, the best bid and ask
//! without a time, changes of the book every 100 ms to be joined with a snapshot from REST, and bars of a minute.
//! Option `hosts` (Binance only): `trading`, or `data`, which has market data only and serves more countries. Options `lifetime_s`, the
//! age at which a connection is replaced by another, for networks that cut old ones (a day unless it is less), and
//! `symbols_a_connection` (256 unless it is less).

mod codec;
mod frame;
mod listing;
#[cfg(test)]
mod tests;

use crate::{
    rest::{Answer, Ask, Rest, host_of},
    venue::{
        BookStart, Channels, Codec, FeedError, KeepAlive, Limit, Listing, PastBars, Polled, Reach, Secret,
        Told, TradesFrom, Traits, Venue, VenueConfig,
    },
    venues::reading::{self, Answers},
};
use codec::BinanceCodec;
use frame::{BookTicker, Depth, Number, PastTrade, Refusal, Row, ServerTime};
use futures::future::BoxFuture;
use listing::ExchangeInfo;
use papertape::{
    market::{DepthKind, DepthSnapshot, DepthUpdate, Grid, TradeTick},
    model::{Symbol, Timeframe, Timestamp},
};
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Binance's options.
pub(super) const OPTIONS: &[&str] = &["hosts", "lifetime_s", "symbols_a_connection"];
/// Those of Binance US.
pub(super) const OPTIONS_US: &[&str] = &["lifetime_s", "symbols_a_connection"];
/// Bars, trades and levels of a side that one request gives at most.
const PAGE: usize = 1_000;

/// What differs between the two.
#[derive(Debug)]
struct House {
    name: &'static str,
    rest_url: &'static str,
    stream_url: &'static str,
    intervals: &'static [&'static str],
    /// As documented; it is what the venue says when it lists something.
    weight_a_minute: u32,
    weights: Weights,
    /// Whether past trades are for those with a key.
    needs_key_for_past: bool,
    keep_alive: KeepAlive,
}

/// What requests cost.
#[derive(Debug)]
struct Weights {
    exchange_info: u32,
    klines: u32,
    depth: u32,
    trades: u32,
    past_trades: u32,
    book_ticker: u32,
}

/// Of three days there are none here: theirs do not begin where ours do.
const INTERVALS: [&str; 14] = [
    "1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "1w",
];

const BINANCE: House = House {
    name: "binance",
    rest_url: "https://api.binance.com",
    stream_url: "wss://stream.binance.com:9443",
    intervals: &INTERVALS,
    weight_a_minute: 6_000,
    weights: Weights {
        exchange_info: 20,
        klines: 2,
        depth: 50,
        trades: 25,
        past_trades: 25,
        book_ticker: 2,
    },
    needs_key_for_past: false,
    keep_alive: KeepAlive {
        send: None,
        ping_every: Duration::from_secs(20),
        // It pings every 20 s itself.
        dead_after: Duration::from_secs(60),
        lifetime: Some(LIFETIME),
    },
};

const BINANCE_US: House = House {
    name: "binance_us",
    rest_url: "https://api.binance.us",
    stream_url: "wss://stream.binance.us:9443",
    intervals: INTERVALS.split_at(1).1,
    // 1,200, and 5,000 requests in five minutes, whatever they weigh.
    weight_a_minute: 1_000,
    weights: Weights {
        exchange_info: 10,
        klines: 1,
        depth: 10,
        trades: 1,
        past_trades: 5,
        book_ticker: 1,
    },
    needs_key_for_past: true,
    keep_alive: KeepAlive {
        send: None,
        ping_every: Duration::from_secs(30),
        dead_after: Duration::from_secs(90),
        lifetime: Some(LIFETIME),
    },
};

/// What is asked of a limit: a tenth is left for others at this address, and for clocks that begin their minutes at other times.
const fn most_of(weight: u32) -> u32 {
    weight - weight / 10
}

/// However many times its documentation's a limit may be, or how small a part of it: what says more is a mistake.
const MOST_TIMES: u32 = 10;

const MINUTE: Duration = Duration::from_secs(60);

/// Connections are closed after 24 hours; ours go ten minutes before.
const LIFETIME: Duration = Duration::from_secs(24 * 3_600 - 600);

/// Opens Binance.
///
/// # Errors
/// [`FeedError::Unsupported`] for an option that it does not have.
pub(super) fn open(config: VenueConfig) -> Result<Arc<dyn Venue>, FeedError> {
    let answers = Answers::new(BINANCE.name, BINANCE.rest_url, &config);
    let house = match answers.option(&config, "hosts", &["trading", "data"])? {
        "data" => House {
            rest_url: "https://data-api.binance.vision",
            stream_url: "wss://data-stream.binance.vision",
            ..BINANCE
        },
        _ => BINANCE,
    };
    Ok(Arc::new(Binance::new(house, config)?))
}

/// Opens Binance US.
///
/// # Errors
/// [`FeedError::Unsupported`] for an option that it does not have.
pub(super) fn open_us(config: VenueConfig) -> Result<Arc<dyn Venue>, FeedError> {
    Ok(Arc::new(Binance::new(BINANCE_US, config)?))
}

/// One of the two.
#[derive(Debug)]
struct Binance {
    house: House,
    traits: Traits,
    rest_url: String,
    stream_url: String,
    key: Option<Secret>,
    answers: Answers,
}

impl Binance {
    fn new(mut house: House, config: VenueConfig) -> Result<Self, FeedError> {
        let url = |set: &Option<String>, usual: &str| {
            set.as_deref().unwrap_or(usual).trim_end_matches('/').to_owned()
        };
        let rest_url = url(&config.rest_url, house.rest_url);
        let answers = Answers::new(house.name, &rest_url, &config);
        let lifetime = answers.number(&config, "lifetime_s", 2..=LIFETIME.as_secs())?;
        let most_symbols = answers.number(&config, "symbols_a_connection", 1..=codec::MOST_SYMBOLS as u64)?;
        house.keep_alive.lifetime = Some(Duration::from_secs(lifetime));
        let all = Channels {
            trades: true,
            quotes: true,
            depth: true,
            bars: true,
        };
        let traits = Traits {
            limits: vec![Limit {
                weight: most_of(house.weight_a_minute),
                every: MINUTE,
                is_aligned: true,
            }],
            used_weight_header: Some("x-mbx-used-weight-1m"),
            stream: all,
            polled: Channels::TICKS,
            book: BookStart::Rest,
            timeframes: house
                .intervals
                .iter()
                .filter_map(|name| name.parse().ok())
                .collect(),
            has_trade_backfill: !house.needs_key_for_past || config.key.is_some(),
            has_consecutive_trades: true,
            needs_key: false,
            key_allows_more: false,
            most_polled: 20,
            poll_every: Duration::from_secs(2),
            stale_after: Duration::from_secs(30),
            delay: Duration::ZERO,
            is_relay: false,
            is_index: false,
            most_symbols: usize::try_from(most_symbols).ok(),
        };
        Ok(Self {
            stream_url: url(&config.stream_url, house.stream_url),
            answers,
            rest_url,
            key: config.key,
            house,
            traits,
        })
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        rest: &Rest,
        ask: Ask,
        listing: Option<&Listing>,
    ) -> Result<T, FeedError> {
        let answer = rest.raw(ask).await?;
        if answer.status == 200 {
            return self.answers.json(&answer.body);
        }
        let symbol = listing.map(|listing| listing.instrument.symbol());
        Err(rest.heeding(self.refusal(&answer, symbol)))
    }

    /// What an error's code means.
    fn refusal(&self, answer: &Answer, symbol: Option<&Symbol>) -> FeedError {
        let venue = || self.answers.feed();
        let Ok(Refusal { code, msg }) = serde_json::from_slice::<Refusal<'_>>(&answer.body) else {
            return match self.answers.json::<serde_json::Value>(&answer.body) {
                Err(error) if answer.status < 500 => error,
                _ => self.answers.refusal(answer, None),
            };
        };
        match code {
            -1121 => self
                .answers
                .unknown(symbol.map_or_else(|| "the symbol".to_owned(), ToString::to_string)),
            -1003 | -1015 => FeedError::RateLimited {
                venue: venue(),
                retry_after: Duration::from_secs(60),
                is_ban: answer.status == 418,
            },
            -1002 | -2014 | -2015 => self.answers.unauthorized(&msg),
            -1000 | -1001 | -1006 | -1007 | -1008 => FeedError::Trouble {
                venue: venue(),
                said: answer.status.to_string(),
            },
            _ => self.answers.refused(&format!("{msg} ({code})")),
        }
    }

    /// Takes the venue's word for what may be asked of it.
    fn heed_limits(&self, rest: &Rest, info: &ExchangeInfo) {
        let usual = self.house.weight_a_minute;
        if let Some(weight) = info.weight_a_minute() {
            let weight = weight.clamp(usual / MOST_TIMES, usual * MOST_TIMES);
            rest.allows(most_of(weight), MINUTE);
        }
    }

    fn request(&self, path: &str, listing: &Listing) -> Ask {
        Ask::get(format!("/api/v3/{path}")).with("symbol", &listing.venue_symbol)
    }

    /// Something that the venue said and that cannot be so.
    fn nonsense(&self, problem: String) -> FeedError {
        FeedError::NotTheVenue {
            venue: self.answers.feed(),
            host: host_of(&self.rest_url).to_owned(),
            detail: problem,
        }
    }

    /// The last trades of each, which take a request of their own, and then the best prices of all with one more.
    async fn polled<'a>(&self, rest: &Rest, listings: &[&'a Listing]) -> Polled<'a> {
        let traded = Polled::one_by_one(listings, async |listing: &Listing| {
            let ask = self
                .request("trades", listing)
                .with("limit", PAGE)
                .weighing(self.house.weights.trades);
            let trades: Vec<PastTrade> = self.ask(rest, ask, Some(listing)).await?;
            let told = trades
                .iter()
                .map(|trade| reading::polled_trade(Some(trade.id), trade.tick()));
            Ok(told.collect())
        });
        let traded = traded.await;
        let tickers = self.book_tickers(rest, &traded.known()).await;
        traded.and(|listing| {
            let tickers = tickers.as_ref().map_err(Clone::clone)?;
            let name = &*listing.venue_symbol;
            let ticker = tickers.get(name);
            let ticker = ticker.ok_or_else(|| self.nonsense(format!("an answer without {name}")))?;
            Ok(quoted(&self.answers.part(ticker)?))
        })
    }

    /// The best prices of several symbols, by the venue's names. More than one weigh as much as all of them do, which is twice as much
    /// as one.
    async fn book_tickers(
        &self,
        rest: &Rest,
        listings: &[&Listing],
    ) -> Result<BTreeMap<String, serde_json::Value>, FeedError> {
        let weight = self.house.weights.book_ticker;
        let ask = Ask::get("/api/v3/ticker/bookTicker");
        match listings {
            [] => Ok(BTreeMap::new()),
            [one] => {
                let ask = ask.with("symbol", &one.venue_symbol).weighing(weight);
                let ticker = self.ask(rest, ask, Some(one)).await?;
                Ok(BTreeMap::from([(one.venue_symbol.to_string(), ticker)]))
            }
            many => {
                let names = Vec::from_iter(many.iter().map(|listing| &*listing.venue_symbol));
                let ask = ask
                    .with("symbols", serde_json::Value::from(names))
                    .weighing(2 * weight);
                let tickers: Vec<serde_json::Value> = self.ask(rest, ask, None).await?;
                let named = tickers.into_iter().filter_map(|ticker| {
                    let name = ticker.get("symbol")?.as_str()?.to_owned();
                    Some((name, ticker))
                });
                Ok(named.collect())
            }
        }
    }
}

/// The best prices; nothing when a side is empty, which is told as 0 of a price of 0.
fn quoted(best: &BookTicker) -> Vec<Told> {
    let bid = (best.bid_price.0, best.bid_qty.0);
    let ask = (best.ask_price.0, best.ask_qty.0);
    if [bid, ask].contains(&(0.0, 0.0)) {
        return Vec::new();
    }
    let quote = reading::quote(Timestamp::EPOCH, bid, ask);
    vec![reading::polled_quote(false, quote)]
}

impl Venue for Binance {
    fn name(&self) -> &'static str {
        self.house.name
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn rest_url(&self) -> String {
        self.rest_url.clone()
    }

    fn codec(&self) -> Result<Option<Box<dyn Codec>>, FeedError> {
        let codec = BinanceCodec::new(self.house.name, &self.stream_url, self.house.keep_alive.clone());
        Ok(Some(Box::new(codec)))
    }

    fn listings<'a>(
        &'a self,
        rest: &'a Rest,
        only: Option<&'a Symbol>,
    ) -> BoxFuture<'a, Result<Vec<Listing>, FeedError>> {
        Box::pin(async move {
            let ask = Ask::get("/api/v3/exchangeInfo").weighing(self.house.weights.exchange_info);
            let Some(symbol) = only else {
                let info: ExchangeInfo = self.ask(rest, ask, None).await?;
                self.heed_limits(rest, &info);
                return Ok(info.listings());
            };
            let ask = ask.with("symbol", symbol.as_str().replace('/', ""));
            let answer = rest.raw(ask).await?;
            if answer.status != 200 {
                return Err(self.refusal(&answer, Some(symbol)));
            }
            let info: ExchangeInfo = self.answers.json(&answer.body)?;
            self.heed_limits(rest, &info);
            info.into_only(&self.answers, symbol.as_str())
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
            let ask = self
                .request("klines", listing)
                .with("interval", timeframe)
                // The first whole millisecond that is not before.
                .with("startTime", -Timestamp::from_nanos(-from.nanos()).millis())
                .with("endTime", to.millis() - 1)
                .with("limit", PAGE)
                .weighing(self.house.weights.klines);
            let rows: Vec<Row> = self.ask(rest, ask, Some(listing)).await?;
            let rows = rows.into_iter().map(|Row(bar)| bar);
            Ok(PastBars::of(rows, timeframe, (from, to), Reach::Whole))
        })
    }

    fn poll<'a>(
        &'a self,
        rest: &'a Rest,
        listings: &'a [&'a Listing],
    ) -> BoxFuture<'a, Result<Polled<'a>, FeedError>> {
        Box::pin(async move { Ok(self.polled(rest, listings).await) })
    }

    fn book<'a>(
        &'a self,
        rest: &'a Rest,
        listing: &'a Listing,
    ) -> BoxFuture<'a, Result<DepthSnapshot, FeedError>> {
        Box::pin(async move {
            let ask = self
                .request("depth", listing)
                .with("limit", PAGE)
                .weighing(self.house.weights.depth);
            let depth: Depth = self.ask(rest, ask, Some(listing)).await?;
            let grid = Grid::of(&listing.instrument);
            let side = |levels: &[(Number, Number)]| {
                let levels: Vec<(f64, f64)> = levels.iter().map(|(price, size)| (price.0, size.0)).collect();
                codec::levels(&levels, &grid).map_err(|problem| self.nonsense(problem))
            };
            Ok(DepthSnapshot {
                last_id: depth.last_update_id,
                update: DepthUpdate {
                    time: Timestamp::EPOCH,
                    kind: DepthKind::Snapshot,
                    bids: side(&depth.bids)?,
                    asks: side(&depth.asks)?,
                },
            })
        })
    }

    fn trades_from<'a>(
        &'a self,
        rest: &'a Rest,
        listing: &'a Listing,
        from: TradesFrom,
    ) -> BoxFuture<'a, Result<Vec<(u64, TradeTick)>, FeedError>> {
        Box::pin(async move {
            let mut ask = self
                .request("historicalTrades", listing)
                .with("fromId", from.id)
                .with("limit", PAGE)
                .weighing(self.house.weights.past_trades);
            match &self.key {
                Some(key) => ask = ask.header("x-mbx-apikey", key.clone()),
                None if self.house.needs_key_for_past => {
                    return Err(self.answers.missing_key("KEY"));
                }
                None => {}
            }
            let trades: Vec<PastTrade> = self.ask(rest, ask, Some(listing)).await?;
            let mut past: Vec<(u64, TradeTick)> = trades
                .iter()
                .filter(|trade| trade.id >= from.id)
                .map(|trade| (trade.id, trade.tick()))
                .collect();
            past.sort_by_key(|(id, _)| *id);
            Ok(past)
        })
    }

    fn time<'a>(&'a self, rest: &'a Rest) -> BoxFuture<'a, Result<Option<Timestamp>, FeedError>> {
        Box::pin(async move {
            let time: ServerTime = self.ask(rest, Ask::get("/api/v3/time"), None).await?;
            Ok(Some(Timestamp::from_millis(time.server_time)))
        })
    }
}
