//! CryptoCompare, which calls itself CoinDesk Data: an index of coins over many exchanges, or one exchange of them.
//!
//! Option: `exchange` (`CCCAGG`, the index, or an exchange's name as it spells it: `Coinbase`, `Kraken`). The index is no
//! market: nobody trades there, its changes of price are told as trades. `poll_every_s` (10) is how often a pair is asked for where
//! there is no stream.

mod answers;
mod stream;
#[cfg(test)]
mod tests;

use super::{
    bitcoin,
    reading::{self, Answers},
    several,
};
use crate::{
    rest::{Ask, Rest},
    venue::{
        BookStart, Channels, Codec, FeedError, Limit, Listing, PastBars, Polled, Reach, Secret, Traits,
        Venue, VenueConfig,
    },
};
use futures::future::BoxFuture;
use papertape::{
    exchange::TradingStatus,
    market::{Bars, infer_instrument},
    model::{Symbol, Timeframe, Timestamp},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use stream::Stream;

/// Its name in configurations.
pub(super) const NAME: &str = "cryptocompare";
/// Its options.
pub(super) const OPTIONS: &[&str] = &["exchange", "poll_every_s"];
/// The index over all exchanges.
const INDEX: &str = "CCCAGG";
/// Rows of one answer, but for the one that comes besides.
const MOST_ROWS: i64 = 2_000;
/// How far back bars of a minute are kept.
const MINUTES_KEPT: i64 = 7 * 86_400;
/// How many answers without rows are gone through: hours of ten years.
const MOST_EMPTY: usize = 50;

/// The venue.
#[derive(Debug)]
pub(super) struct CryptoCompare {
    config: VenueConfig,
    exchange: String,
    traits: Traits,
    answers: Answers,
}

impl CryptoCompare {
    /// CryptoCompare as configured.
    ///
    /// # Errors
    /// [`FeedError::Unsupported`] when the exchange's name cannot be one.
    pub(super) fn new(config: VenueConfig) -> Result<Self, FeedError> {
        let rest_url = config
            .rest_url
            .as_deref()
            .unwrap_or("https://min-api.cryptocompare.com");
        let answers = Answers::new(NAME, rest_url, &config);
        let exchange = config
            .options
            .get("exchange")
            .map_or(INDEX, String::as_str)
            .to_owned();
        if exchange.is_empty() || !exchange.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(answers.unsupported(format!("exchange '{exchange}'")));
        }
        let mut traits = traits(config.key.is_some());
        traits.poll_every = answers.poll_every(&config, traits.poll_every)?;
        traits.is_index = exchange == INDEX;
        Ok(Self {
            traits,
            config,
            exchange,
            answers,
        })
    }

    /// A request, with the key if there is one.
    fn ask(&self, path: &str) -> Ask {
        self.ask_of_all(path).with("e", &self.exchange)
    }

    /// The same of the average of all exchanges.
    fn ask_of_all(&self, path: &str) -> Ask {
        let ask = Ask::get(path);
        match &self.config.key {
            Some(key) => ask.header("Authorization", Secret::new(format!("Apikey {}", key.reveal()))),
            None => ask,
        }
    }

    fn ask_pair(&self, path: &str, symbol: &Symbol) -> Result<Ask, FeedError> {
        let (base, quote) = self.pair(symbol)?;
        Ok(self.ask(path).with("fsym", base).with("tsym", quote))
    }

    fn pair<'a>(&self, symbol: &'a Symbol) -> Result<(&'a str, &'a str), FeedError> {
        symbol
            .as_str()
            .split_once('/')
            .ok_or_else(|| self.answers.unknown(symbol))
    }

    async fn listing(&self, rest: &Rest, only: Option<&Symbol>) -> Result<Vec<Listing>, FeedError> {
        let symbol = only.ok_or_else(|| self.answers.unsupported("list of pairs: name one"))?;
        let (base, quote) = self.pair(symbol)?;
        let ask = self.ask("/data/price").with("fsym", base).with("tsyms", quote);
        let price = answers::price(&self.answers, symbol, &rest.raw(ask).await?)
            .map_err(|error| rest.heeding(error))?;
        Ok(vec![Listing {
            instrument: infer_instrument(symbol, reading::digits_of(price), &Bars::default()),
            venue_symbol: symbol.as_str().into(),
            status: TradingStatus::Trading,
        }])
    }

    /// All coins of one currency with one request.
    async fn newest<'a>(&self, rest: &Rest, listings: &[&'a Listing]) -> Result<Polled<'a>, FeedError> {
        let only = several::only(listings);
        let (mut bases, mut quotes) = (BTreeSet::new(), BTreeSet::new());
        for listing in listings {
            let (base, quote) = self.pair(listing.instrument.symbol())?;
            bases.insert(base);
            quotes.insert(quote);
        }
        let ask = self
            .ask("/data/pricemultifull")
            .with("fsyms", Vec::from_iter(bases).join(","))
            .with("tsyms", Vec::from_iter(quotes).join(","));
        let tickers = answers::tickers(&self.answers, only, &rest.raw(ask).await?)
            .map_err(|error| rest.heeding(error))?;
        Ok(Polled::each(listings, |listing| {
            answers::newest(&self.answers, listing, &tickers)
        }))
    }

    async fn closed_bars(
        &self,
        rest: &Rest,
        listing: &Listing,
        timeframe: Timeframe,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<PastBars, FeedError> {
        self.answers.timeframe(timeframe, &self.traits.timeframes)?;
        let path = match timeframe.secs() {
            60 => "/data/v2/histominute",
            3_600 => "/data/v2/histohour",
            _ => "/data/v2/histoday",
        };
        let symbol = listing.instrument.symbol();
        let (mut next, mut reach) = (from, Reach::Whole);
        if timeframe == Timeframe::MINUTE {
            // What is older is gone.
            let kept = rest.now().plus_nanos(-MINUTES_KEPT * 1_000_000_000);
            (next, reach) = (
                from.max(timeframe.close_of(kept)),
                Reach::Since(timeframe.close_of(kept)),
            );
        }
        for _ in 0..MOST_EMPTY {
            let last = timeframe
                .floor(to)
                .min(next.plus_nanos(MOST_ROWS * timeframe.nanos()));
            if last <= next {
                break;
            }
            let rows = (last.since(next) / timeframe.nanos()).clamp(1, MOST_ROWS);
            let ask = self
                .ask_pair(path, symbol)?
                .with("limit", rows)
                .with("toTs", last.secs())
                .with("aggregate", 1);
            let answer = rest.raw(ask).await?;
            let bars = answers::bars(&self.answers, symbol, timeframe, (from, to), reach, &answer)
                .map_err(|error| rest.heeding(error))?;
            if !bars.is_empty() {
                return Ok(bars);
            }
            next = last;
        }
        Ok(PastBars::of([], timeframe, (from, to), reach))
    }
}

/// Without a key there is no stream.
fn traits(has_key: bool) -> Traits {
    Traits {
        limits: vec![
            Limit {
                weight: 20,
                every: Duration::from_secs(1),
                is_aligned: false,
            },
            Limit {
                weight: 300,
                every: Duration::from_secs(60),
                is_aligned: false,
            },
        ],
        used_weight_header: None,
        stream: Channels {
            trades: has_key,
            bars: has_key,
            ..Channels::default()
        },
        polled: Channels {
            trades: true,
            ..Channels::default()
        },
        book: BookStart::None,
        timeframes: vec![Timeframe::MINUTE, Timeframe::HOUR, Timeframe::DAY],
        has_trade_backfill: false,
        has_consecutive_trades: false,
        is_relay: false,
        is_index: false,
        most_symbols: None,
        needs_key: false,
        key_allows_more: false,
        most_polled: 50,
        poll_every: Duration::from_secs(10),
        stale_after: Duration::from_secs(120),
        delay: Duration::ZERO,
    }
}

/// For the table of venues.
pub(super) fn open(config: VenueConfig) -> Result<Arc<dyn Venue>, FeedError> {
    Ok(Arc::new(CryptoCompare::new(config)?))
}

impl Venue for CryptoCompare {
    fn name(&self) -> &'static str {
        NAME
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn rest_url(&self) -> String {
        let url = self.config.rest_url.as_deref();
        url.unwrap_or("https://min-api.cryptocompare.com").to_owned()
    }

    fn codec(&self) -> Result<Option<Box<dyn Codec>>, FeedError> {
        let Some(key) = &self.config.key else {
            return Ok(None);
        };
        let base = self
            .config
            .stream_url
            .as_deref()
            .unwrap_or("wss://streamer.cryptocompare.com");
        // The stream takes its key here and nowhere else; addresses of streams are never shown.
        let address = format!("{base}/v2?api_key={}", key.reveal());
        Ok(Some(Box::new(Stream::new(
            address,
            self.exchange.clone(),
            self.answers.clone(),
        ))))
    }

    fn listings<'a>(
        &'a self,
        rest: &'a Rest,
        only: Option<&'a Symbol>,
    ) -> BoxFuture<'a, Result<Vec<Listing>, FeedError>> {
        Box::pin(self.listing(rest, only))
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
        Box::pin(self.newest(rest, listings))
    }

    /// Every coin that is named is told in every currency that is named: an exchange has only some of these pairs.
    fn poll_group<'a>(&self, listing: &'a Listing) -> &'a str {
        let symbol = listing.instrument.symbol().as_str();
        symbol.rsplit_once('/').map_or("", |(_, quote)| quote)
    }

    fn time<'a>(&'a self, rest: &'a Rest) -> BoxFuture<'a, Result<Option<Timestamp>, FeedError>> {
        Box::pin(async move {
            // Whatever exchange it is asked for otherwise: not each has this pair.
            let symbol = bitcoin();
            let ask = self
                .ask_of_all("/data/price")
                .with("fsym", "BTC")
                .with("tsyms", "USD");
            answers::price(&self.answers, &symbol, &rest.raw(ask).await?)?;
            Ok(None)
        })
    }
}
