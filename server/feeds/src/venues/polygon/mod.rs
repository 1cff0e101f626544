//! Polygon, which calls itself Massive since 2025: shares, options, coins and currencies.
//!
//! Options: `market` (`stocks`, `options`, `crypto`, `forex`), `plan` (`realtime`; `delayed`, 15 minutes late; `free`, without
//! stream and newest prices), `adjusted` (`false`, `true`: bars as after later splits), `quote_size` (`shares`, `round_lots`).
//! The key travels in a header and in the stream's first message, never in an address.

mod answers;
mod market;
mod stream;
#[cfg(test)]
mod tests;

use super::reading::{Answers, TakerGuess};
use crate::{
    rest::{Ask, Rest, host_of},
    venue::{
        BookStart, Channels, Codec, FeedError, Limit, Listing, PastBars, Polled, Reach, Secret, Told,
        TradesFrom, Traits, Venue, VenueConfig,
    },
};
use futures::future::BoxFuture;
use market::Market;
use papertape::{
    market::TradeTick,
    model::{Symbol, Timeframe, Timestamp},
};
use std::{sync::Arc, time::Duration};
use stream::Stream;

/// Its name in configurations.
pub(super) const NAME: &str = "polygon";
/// Its options.
pub(super) const OPTIONS: &[&str] = &["market", "plan", "adjusted", "quote_size"];
/// Most bars, of a minute or a day, that an answer is made of.
const MOST_BARS: u32 = 50_000;
/// How many empty pages of bars are turned before an answer counts as empty.
const MOST_EMPTY_PAGES: usize = 20;
/// Pages of a thousand tickers each.
const MOST_TICKER_PAGES: usize = 50;
/// Trades of one answer.
const MOST_TRADES: u32 = 10_000;
/// A round lot, in which sizes of quotes were told until the end of 2025.
const ROUND_LOT: f64 = 100.0;

/// What is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Realtime,
    Delayed,
    Free,
}

/// The venue.
#[derive(Debug)]
pub(super) struct Polygon {
    config: VenueConfig,
    market: Market,
    plan: Plan,
    is_adjusted: bool,
    /// What one of a quote's sizes stands for.
    quote_unit: f64,
    traits: Traits,
    answers: Answers,
}

impl Polygon {
    /// Polygon as configured.
    ///
    /// # Errors
    /// [`FeedError::Unsupported`] when an option has a value that there is not.
    pub(super) fn new(config: VenueConfig) -> Result<Self, FeedError> {
        let rest_url = config.rest_url.as_deref().unwrap_or("https://api.polygon.io");
        let answers = Answers::new(NAME, rest_url, &config);
        let markets = ["stocks", "options", "crypto", "forex"];
        let market = match answers.option(&config, "market", &markets)? {
            "options" => Market::Options,
            "crypto" => Market::Crypto,
            "forex" => Market::Forex,
            _ => Market::Stocks,
        };
        let plan = match answers.option(&config, "plan", &["realtime", "delayed", "free"])? {
            "delayed" => Plan::Delayed,
            "free" => Plan::Free,
            _ => Plan::Realtime,
        };
        let is_adjusted = answers.option(&config, "adjusted", &["false", "true"])? == "true";
        let quote_unit = match answers.option(&config, "quote_size", &["shares", "round_lots"])? {
            "round_lots" if market == Market::Stocks => ROUND_LOT,
            _ => 1.0,
        };
        Ok(Self {
            traits: traits(market, plan),
            config,
            market,
            plan,
            is_adjusted,
            quote_unit,
            answers,
        })
    }

    fn key(&self) -> Result<&Secret, FeedError> {
        let key = self.config.key.as_ref();
        key.ok_or_else(|| self.answers.missing_key("KEY"))
    }

    /// A request with the key.
    fn ask(&self, path: impl Into<String>) -> Result<Ask, FeedError> {
        let bearer = Secret::new(format!("Bearer {}", self.key()?.reveal()));
        Ok(Ask::get(path).header("Authorization", bearer))
    }

    /// The request for the page after one.
    fn ask_next(&self, next_url: &str) -> Result<Ask, FeedError> {
        let rest_url = self.rest_url();
        self.ask(answers::next_path(&self.answers, host_of(&rest_url), next_url)?)
    }

    async fn all_listings(&self, rest: &Rest, only: Option<&Symbol>) -> Result<Vec<Listing>, FeedError> {
        let (_, market) = self.market.names();
        let path = match self.market {
            Market::Options => "/v3/reference/options/contracts",
            _ => "/v3/reference/tickers",
        };
        let mut ask = self.ask(path)?.with("limit", 1_000);
        if self.market != Market::Options {
            ask = ask.with("market", market).with("active", true);
        }
        if let Some(symbol) = only {
            // The one contract or ticker; of a list it would be one of millions.
            ask = ask.with("ticker", self.market.ticker(symbol));
        } else if self.market == Market::Options {
            return Err(self.answers.unsupported("list of all options: name one"));
        }
        let mut all = Vec::new();
        for _ in 0..MOST_TICKER_PAGES {
            let answer = rest.raw(ask).await?;
            let (listings, next) = answers::tickers(&self.answers, self.market, only, &answer)?;
            all.extend(listings);
            match next {
                Some(next) if only.is_none() => ask = self.ask_next(&next)?,
                _ => break,
            }
        }
        match only {
            Some(symbol) if all.is_empty() => Err(self.answers.unknown(symbol)),
            _ => Ok(all),
        }
    }

    async fn closed_bars(
        &self,
        rest: &Rest,
        listing: &Listing,
        timeframe: Timeframe,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<PastBars, FeedError> {
        self.answers.timeframe(timeframe, &self.traits.timeframes)?;
        let (count, unit) = match timeframe.secs() {
            86_400 => (1, "day"),
            3_600 => (1, "hour"),
            secs => (secs / 60, "minute"),
        };
        // Both ends are part of what it gives.
        let range = |from: Timestamp, to: Timestamp| {
            let (from, to) = (from.millis(), to.millis() - 1);
            let ticker = &listing.venue_symbol;
            let ask = self.ask(format!(
                "/v2/aggs/ticker/{ticker}/range/{count}/{unit}/{from}/{to}"
            ))?;
            Ok::<Ask, FeedError>(
                ask.with("adjusted", self.is_adjusted)
                    .with("sort", "asc")
                    .with("limit", MOST_BARS),
            )
        };
        let (mut ask, mut alone) = (range(from, to)?, None);
        for _ in 0..MOST_EMPTY_PAGES {
            let answer = rest.raw(ask).await?;
            let symbol = listing.instrument.symbol();
            let page = answers::bars(&self.answers, symbol, timeframe, (from, to), &answer)?;
            match (page.cut, page.next) {
                // What is cut off is the first of what is asked for after them.
                _ if !page.bars.is_empty() => return Ok(page.bars),
                (Some(cut), _) if timeframe.close_of(cut) > to => return Ok(page.bars),
                // It began before what is asked for, and so does what the next page has of it.
                (Some(cut), Some(next)) if cut < from => ask = self.ask_next(&next)?,
                (Some(cut), _) if alone == Some(cut) => {
                    return Err(self.answers.refused("its pages are shorter than a bar"));
                }
                // Nothing else was on the page: whole, it may be on one of its own.
                (Some(cut), _) => (ask, alone) = (range(cut, timeframe.close_of(cut))?, Some(cut)),
                // Pages may be empty though more follow.
                (None, Some(next)) => ask = self.ask_next(&next)?,
                (None, None) => return Ok(page.bars),
            }
        }
        Ok(PastBars::of([], timeframe, (from, to), Reach::Whole))
    }

    async fn newest(&self, rest: &Rest, listing: &Listing) -> Result<Vec<Told>, FeedError> {
        if self.plan == Plan::Free {
            return Err(self.answers.unsupported("newest prices in the free plan"));
        }
        let ticker = &listing.venue_symbol;
        let pair = listing.instrument.symbol().as_str();
        let get = async |path: String| rest.raw(self.ask(path)?).await;
        let mut told = Vec::new();
        match self.market {
            Market::Stocks => {
                let answer = get(format!("/v2/last/nbbo/{ticker}")).await?;
                told.extend(answers::last_quote(
                    &self.answers,
                    listing,
                    self.quote_unit,
                    &answer,
                )?);
            }
            Market::Crypto => {
                let answer = get(format!("/v1/last/crypto/{pair}")).await?;
                told.push(answers::last_coin_trade(&self.answers, listing, &answer)?);
            }
            Market::Forex => {
                let answer = get(format!("/v1/last_quote/currencies/{pair}")).await?;
                told.push(answers::last_currency_quote(&self.answers, listing, &answer)?);
            }
            Market::Options => {}
        }
        if matches!(self.market, Market::Stocks | Market::Options) {
            let mut taker = TakerGuess::default();
            if let Some(Told::Quote { quote, .. }) = told.first() {
                taker.quoted(quote);
            }
            let answer = get(format!("/v2/last/trade/{ticker}")).await?;
            told.extend(answers::last_trade(
                &self.answers,
                listing,
                self.market,
                &mut taker,
                &answer,
            )?);
        }
        Ok(told)
    }
}

fn traits(market: Market, plan: Plan) -> Traits {
    let minutes = |count: u64| Timeframe::from_secs(count * 60).unwrap_or(Timeframe::MINUTE);
    let nothing = Channels::default();
    let (weight, every) = match plan {
        Plan::Free => (5, 60),
        Plan::Realtime | Plan::Delayed => (100, 1),
    };
    Traits {
        limits: vec![Limit {
            weight,
            every: Duration::from_secs(every),
            is_aligned: false,
        }],
        used_weight_header: None,
        stream: if plan == Plan::Free {
            nothing
        } else {
            market.channels()
        },
        polled: match market {
            _ if plan == Plan::Free => nothing,
            Market::Stocks => Channels::TICKS,
            Market::Forex => Channels {
                quotes: true,
                ..nothing
            },
            Market::Options | Market::Crypto => Channels {
                trades: true,
                ..nothing
            },
        },
        book: BookStart::None,
        timeframes: vec![
            Timeframe::MINUTE,
            minutes(5),
            minutes(15),
            minutes(30),
            Timeframe::HOUR,
            Timeframe::DAY,
        ],
        has_trade_backfill: market.channels().trades && plan != Plan::Free,
        has_consecutive_trades: false,
        is_relay: false,
        is_index: false,
        most_symbols: None,
        needs_key: true,
        key_allows_more: false,
        most_polled: 1,
        poll_every: Duration::from_secs(5),
        // Options are quoted all the time and traded rarely.
        stale_after: Duration::from_secs(if market == Market::Options { 300 } else { 60 }),
        delay: Duration::from_secs(match plan {
            Plan::Realtime => 0,
            Plan::Delayed => 15 * 60,
            Plan::Free => 24 * 3_600,
        }),
    }
}

/// For the table of venues.
pub(super) fn open(config: VenueConfig) -> Result<Arc<dyn Venue>, FeedError> {
    Ok(Arc::new(Polygon::new(config)?))
}

impl Venue for Polygon {
    fn name(&self) -> &'static str {
        NAME
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn rest_url(&self) -> String {
        let url = self.config.rest_url.as_deref();
        url.unwrap_or("https://api.polygon.io").to_owned()
    }

    fn codec(&self) -> Result<Option<Box<dyn Codec>>, FeedError> {
        if self.plan == Plan::Free {
            return Ok(None);
        }
        let key = self.key()?.clone();
        let base = self.config.stream_url.as_deref().unwrap_or(match self.plan {
            Plan::Delayed => "wss://delayed.polygon.io",
            _ => "wss://socket.polygon.io",
        });
        let (cluster, _) = self.market.names();
        let address = format!("{base}/{cluster}");
        let stream = Stream::new(address, self.market, self.quote_unit, key, self.answers.clone());
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
        let alone = |listing| self.newest(rest, listing);
        Box::pin(async move { Ok(Polled::one_by_one(listings, alone).await) })
    }

    /// Their numbers have holes: by their time.
    fn trades_from<'a>(
        &'a self,
        rest: &'a Rest,
        listing: &'a Listing,
        from: TradesFrom,
    ) -> BoxFuture<'a, Result<Vec<(u64, TradeTick)>, FeedError>> {
        Box::pin(async move {
            let ask = self
                .ask(format!("/v3/trades/{}", listing.venue_symbol))?
                .with("timestamp.gte", from.time.nanos())
                .with("order", "asc")
                .with("sort", "timestamp")
                .with("limit", MOST_TRADES);
            answers::trades(&self.answers, listing, self.market, &rest.raw(ask).await?)
        })
    }

    fn time<'a>(&'a self, rest: &'a Rest) -> BoxFuture<'a, Result<Option<Timestamp>, FeedError>> {
        Box::pin(async move {
            let answer = rest.raw(self.ask("/v1/marketstatus/now")?).await?;
            answers::clock(&self.answers, &answer).map(Some)
        })
    }
}
