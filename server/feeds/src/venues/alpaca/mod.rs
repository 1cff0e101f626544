//! Alpaca: shares of the United States and crypto currencies.
//!
//! Options: `market` (`stocks`, `crypto`), `feed` of stocks (`iex`, `sip`, `delayed_sip`), `encoding` of the stream (`json`,
//! `msgpack`), `account` (`paper`, `live`: whose list of assets), `adjustment` of bars (`raw`, `split`, `dividend`, `all`),
//! `quote_size` (`shares`, `round_lots`), `trading_url` (another host for the list of assets and the clock).

mod answers;
mod stream;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

use super::{reading::Answers, several};
use crate::{
    config::check_address,
    rest::{Answer, Ask, Rest},
    venue::{
        BookStart, Channels, Codec, FeedError, Limit, Listing, PastBars, Polled, Reach, Secret, TradesFrom,
        Traits, Venue, VenueConfig,
    },
};
use futures::future::BoxFuture;
use papertape::{
    market::TradeTick,
    model::{Symbol, Timeframe, Timestamp},
};
use std::{sync::Arc, time::Duration};
use stream::Stream;
use wire::Encoding;

/// Its name in configurations.
pub(super) const NAME: &str = "alpaca";
/// Its options.
pub(super) const OPTIONS: &[&str] = &[
    "market",
    "feed",
    "encoding",
    "account",
    "adjustment",
    "quote_size",
    "trading_url",
];
/// Most bars, or trades, of one answer.
const MOST_BARS: u32 = 10_000;
/// How many empty pages are turned before an answer counts as empty.
const MOST_EMPTY_PAGES: usize = 20;
/// A round lot, in which sizes of quotes were told until the end of 2025.
const ROUND_LOT: f64 = 100.0;

/// What is traded there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Market {
    Stocks,
    Crypto,
}

/// The venue.
#[derive(Debug)]
pub(super) struct Alpaca {
    config: VenueConfig,
    market: Market,
    feed: &'static str,
    encoding: Encoding,
    adjustment: &'static str,
    /// What one of a quote's sizes stands for.
    quote_unit: f64,
    trading_url: String,
    traits: Traits,
    answers: Answers,
}

impl Alpaca {
    /// Alpaca as configured.
    ///
    /// # Errors
    /// [`FeedError::Unsupported`] when an option has a value that there is not.
    pub(super) fn new(config: VenueConfig) -> Result<Self, FeedError> {
        let rest_url = config
            .rest_url
            .clone()
            .unwrap_or_else(|| "https://data.alpaca.markets".to_owned());
        let answers = Answers::new(NAME, &rest_url, &config);
        let market = match answers.option(&config, "market", &["stocks", "crypto"])? {
            "crypto" => Market::Crypto,
            _ => Market::Stocks,
        };
        let feed = answers.option(&config, "feed", &["iex", "sip", "delayed_sip"])?;
        let encoding = match answers.option(&config, "encoding", &["json", "msgpack"])? {
            "msgpack" => Encoding::MessagePack,
            _ => Encoding::Json,
        };
        let adjustment = answers.option(&config, "adjustment", &["raw", "split", "dividend", "all"])?;
        let quote_unit = match answers.option(&config, "quote_size", &["shares", "round_lots"])? {
            "round_lots" if market == Market::Stocks => ROUND_LOT,
            _ => 1.0,
        };
        let account = answers.option(&config, "account", &["paper", "live"])?;
        if let Some(url) = config.options.get("trading_url")
            && let Err(problem) = check_address(url, &["http://", "https://"])
        {
            return Err(FeedError::Refused {
                venue: NAME.to_owned(),
                detail: format!("trading_url {problem}"),
            });
        }
        // A host of one's own serves both, unless it says otherwise.
        let trading_url = config
            .options
            .get("trading_url")
            .or(config.rest_url.as_ref())
            .cloned()
            .unwrap_or_else(|| match account {
                "live" => "https://api.alpaca.markets".to_owned(),
                _ => "https://paper-api.alpaca.markets".to_owned(),
            });
        let traits = traits(market, feed);
        Ok(Self {
            config,
            market,
            feed,
            encoding,
            adjustment,
            quote_unit,
            trading_url,
            traits,
            answers,
        })
    }

    /// Both halves of the key.
    fn keys(&self) -> Result<(Secret, Secret), FeedError> {
        let key = self.config.key.clone();
        let key = key.ok_or_else(|| self.answers.missing_key("KEY"))?;
        let secret = self.config.secret.clone();
        let secret = secret.ok_or_else(|| self.answers.missing_key("SECRET"))?;
        Ok((key, secret))
    }

    /// A request with the key.
    fn ask(&self, path: impl Into<String>) -> Result<Ask, FeedError> {
        let (key, secret) = self.keys()?;
        Ok(Ask::get(path)
            .header("APCA-API-KEY-ID", key)
            .header("APCA-API-SECRET-KEY", secret))
    }

    /// A request of market data, `bars` or `snapshots`, for symbols with commas between.
    fn ask_data(&self, what: &str, symbols: &str) -> Result<Ask, FeedError> {
        let base = match self.market {
            Market::Stocks => "/v2/stocks",
            Market::Crypto => "/v1beta3/crypto/us",
        };
        let ask = self.ask(format!("{base}/{what}"))?;
        Ok(ask.with("symbols", symbols))
    }

    async fn all_listings(&self, rest: &Rest, only: Option<&Symbol>) -> Result<Vec<Listing>, FeedError> {
        let path = format!("{}/v2/assets", self.trading_url);
        let Some(symbol) = only else {
            let class = match self.market {
                Market::Stocks => "us_equity",
                Market::Crypto => "crypto",
            };
            let ask = self
                .ask(path)?
                .with("status", "active")
                .with("asset_class", class);
            return answers::assets(&self.answers, self.market, &rest.raw(ask).await?);
        };
        let name = symbol.as_str().replace('/', "%2F");
        let answer = rest.raw(self.ask(format!("{path}/{name}"))?).await?;
        answers::asset(&self.answers, self.market, symbol, &answer).map(|listing| vec![listing])
    }

    async fn closed_bars(
        &self,
        rest: &Rest,
        listing: &Listing,
        timeframe: Timeframe,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<PastBars, FeedError> {
        let length =
            answers::timeframe_name(timeframe).filter(|_| self.traits.timeframes.contains(&timeframe));
        self.answers.timeframe(timeframe, &self.traits.timeframes)?;
        let mut page: Option<String> = None;
        for _ in 0..MOST_EMPTY_PAGES {
            let mut ask = self
                .ask_data("bars", &listing.venue_symbol)?
                .with("timeframe", length.as_deref().unwrap_or_default())
                .with("start", from)
                .with("end", to)
                .with("limit", MOST_BARS)
                .with("sort", "asc");
            if self.market == Market::Stocks {
                ask = ask
                    .with("adjustment", self.adjustment)
                    .with("feed", self.history_feed());
            }
            if let Some(token) = page {
                ask = ask.with("page_token", token);
            }
            let answer: Answer = rest.raw(ask).await?;
            let (bars, next) = answers::bars(&self.answers, listing, timeframe, (from, to), &answer)?;
            // Pages may be empty though more follow.
            if !bars.is_empty() || next.is_none() {
                return Ok(bars);
            }
            page = next;
        }
        Ok(PastBars::of([], timeframe, (from, to), Reach::Whole))
    }

    /// The feed that holds history: what is delayed on the stream is the consolidated tape.
    fn history_feed(&self) -> &'static str {
        if self.feed == "iex" { "iex" } else { "sip" }
    }
}

fn traits(market: Market, feed: &str) -> Traits {
    let minutes = |count: u64| Timeframe::from_secs(count * 60).unwrap_or(Timeframe::MINUTE);
    Traits {
        limits: vec![Limit {
            weight: 200,
            every: Duration::from_secs(60),
            is_aligned: false,
        }],
        used_weight_header: None,
        stream: Channels {
            trades: true,
            quotes: true,
            depth: market == Market::Crypto,
            bars: true,
        },
        polled: Channels::TICKS,
        book: match market {
            Market::Stocks => BookStart::None,
            Market::Crypto => BookStart::Stream,
        },
        timeframes: vec![
            Timeframe::MINUTE,
            minutes(5),
            minutes(15),
            minutes(30),
            Timeframe::HOUR,
            Timeframe::DAY,
        ],
        has_trade_backfill: true,
        has_consecutive_trades: false,
        is_relay: false,
        is_index: false,
        most_symbols: None,
        needs_key: true,
        key_allows_more: false,
        most_polled: 100,
        poll_every: Duration::from_secs(5),
        // One exchange shows a share far less often than all of them do.
        stale_after: Duration::from_secs(if feed == "iex" { 120 } else { 60 }),
        delay: Duration::from_secs(match market {
            Market::Stocks if feed == "delayed_sip" => 15 * 60,
            _ => 0,
        }),
    }
}

/// For the table of venues.
pub(super) fn open(config: VenueConfig) -> Result<Arc<dyn Venue>, FeedError> {
    Ok(Arc::new(Alpaca::new(config)?))
}

impl Venue for Alpaca {
    fn name(&self) -> &'static str {
        NAME
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn rest_url(&self) -> String {
        self.config
            .rest_url
            .clone()
            .unwrap_or_else(|| "https://data.alpaca.markets".to_owned())
    }

    fn codec(&self) -> Result<Option<Box<dyn Codec>>, FeedError> {
        let (key, secret) = self.keys()?;
        let base = self
            .config
            .stream_url
            .as_deref()
            .unwrap_or("wss://stream.data.alpaca.markets");
        let address = match self.market {
            Market::Stocks => format!("{base}/v2/{}", self.feed),
            Market::Crypto => format!("{base}/v1beta3/crypto/us"),
        };
        let stream = Stream::new(
            address,
            self.encoding,
            self.market,
            self.quote_unit,
            (key, secret),
            self.answers.clone(),
        );
        Ok(Some(Box::new(stream)))
    }

    fn listings<'a>(
        &'a self,
        rest: &'a Rest,
        only: Option<&'a Symbol>,
    ) -> BoxFuture<'a, Result<Vec<Listing>, FeedError>> {
        Box::pin(self.all_listings(rest, only))
    }

    fn bars<'a>(
        &'a self,
        rest: &'a Rest,
        listing: &'a Listing,
        timeframe: Timeframe,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<PastBars, FeedError>> {
        Box::pin(self.closed_bars(rest, listing, timeframe, (from, to)))
    }

    fn poll<'a>(
        &'a self,
        rest: &'a Rest,
        listings: &'a [&'a Listing],
    ) -> BoxFuture<'a, Result<Polled<'a>, FeedError>> {
        Box::pin(async move {
            let mut ask = self.ask_data("snapshots", &several::names(listings))?;
            if self.market == Market::Stocks {
                ask = ask.with("feed", self.feed);
            }
            let only = several::only(listings);
            let snapshots = answers::snapshots(&self.answers, only, &rest.raw(ask).await?)?;
            Ok(Polled::each(listings, |listing| {
                answers::snapshot(&self.answers, listing, self.quote_unit, &snapshots)
            }))
        })
    }

    /// Their numbers have holes: by their time.
    fn trades_from<'a>(
        &'a self,
        rest: &'a Rest,
        listing: &'a Listing,
        from: TradesFrom,
    ) -> BoxFuture<'a, Result<Vec<(u64, TradeTick)>, FeedError>> {
        Box::pin(async move {
            let mut ask = self
                .ask_data("trades", &listing.venue_symbol)?
                .with("start", from.time)
                .with("limit", MOST_BARS)
                .with("sort", "asc");
            if self.market == Market::Stocks {
                ask = ask.with("feed", self.history_feed());
            }
            answers::trades(&self.answers, listing, &rest.raw(ask).await?)
        })
    }

    fn time<'a>(&'a self, rest: &'a Rest) -> BoxFuture<'a, Result<Option<Timestamp>, FeedError>> {
        Box::pin(async move {
            let ask = self.ask(format!("{}/v2/clock", self.trading_url))?;
            answers::clock(&self.answers, &rest.raw(ask).await?).map(Some)
        })
    }
}
