//! Yahoo Finance's chart: shares, funds, coins and currencies in bars, asked for. Nobody promises its form or its limits, and
//! its data must not be passed on: a last fallback.
//!
//! Options: `poll_every_s` (60: how often a symbol is asked for), `requests_in_10_min` (60, for all symbols together). Prices are as
//! after later splits. Half-hour bars have been wrong at times and are not offered. Hours of shares begin there with the session, at half
//! past nine: here they are made of quarters of an hour.

mod answers;
#[cfg(test)]
mod tests;

use super::{bitcoin, reading::Answers};
use crate::{
    rest::{Ask, Rest},
    venue::{
        BookStart, Channels, Codec, FeedError, Limit, Listing, PastBars, Polled, Reach, Secret, Traits,
        Venue, VenueConfig,
    },
};
use futures::future::BoxFuture;
use papertape::{
    market::{Bars, infer_instrument},
    model::{InstrumentKind, Symbol, Timeframe, Timestamp},
};
use std::{sync::Arc, time::Duration};

/// Its name in configurations.
pub(super) const NAME: &str = "yahoo";
/// Its options.
pub(super) const OPTIONS: &[&str] = &["requests_in_10_min", "poll_every_s"];
/// What is not a browser is refused.
const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
/// It says 429 in plain text, and not for how long: minutes.
const AFTER_429: Duration = Duration::from_secs(5 * 60);
const DAY: i64 = 86_400;
/// How many empty answers are gone through.
const MOST_EMPTY: usize = 8;

/// A length of bars: seconds, its name, days that one request gives, days that are kept.
type Interval = (u64, &'static str, i64, i64);

/// Lengths that can be relied on.
const INTERVALS: [Interval; 5] = [
    (60, "1m", 7, 29),
    (300, "5m", 59, 59),
    (900, "15m", 59, 59),
    (3_600, "1h", 729, 729),
    (86_400, "1d", 36_500, 36_500),
];

/// What hours of shares are made of.
const QUARTER: u64 = 900;

/// The venue.
#[derive(Debug)]
pub(super) struct Yahoo {
    config: VenueConfig,
    traits: Traits,
    answers: Answers,
}

impl Yahoo {
    /// Yahoo as configured.
    ///
    /// # Errors
    /// [`FeedError::Unsupported`] when an option has a value that there is not.
    pub(super) fn new(config: VenueConfig) -> Result<Self, FeedError> {
        let rest_url = config
            .rest_url
            .as_deref()
            .unwrap_or("https://query1.finance.yahoo.com");
        let answers = Answers::new(NAME, rest_url, &config);
        Ok(Self {
            traits: traits(
                answers.poll_every(&config, Duration::from_secs(60))?,
                requests(&answers, &config)?,
            ),
            answers,
            config,
        })
    }

    fn ask(name: &str, interval: &str) -> Ask {
        Ask::get(format!("/v8/finance/chart/{name}"))
            .header("User-Agent", Secret::new(USER_AGENT.to_owned()))
            .resting(AFTER_429)
            .with("interval", interval)
            .with("includePrePost", false)
    }

    async fn closed_bars(
        &self,
        rest: &Rest,
        listing: &Listing,
        timeframe: Timeframe,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<PastBars, FeedError> {
        self.answers.timeframe(timeframe, &self.traits.timeframes)?;
        let is_of_session =
            timeframe == Timeframe::HOUR && *listing.instrument.kind() == InstrumentKind::Equity;
        let asked = if is_of_session { QUARTER } else { timeframe.secs() };
        let known = INTERVALS.iter().find(|(secs, ..)| *secs == asked);
        let (secs, interval, at_once, kept) = known.copied().unwrap_or(INTERVALS[0]);
        let length = Timeframe::from_secs(secs).unwrap_or(timeframe);
        // What is older is gone, and asking for it is an error there. The bar in which it ends is not whole.
        let kept = rest.now().plus_nanos(-kept * DAY * 1_000_000_000);
        let kept = timeframe.close_of(timeframe.floor(kept));
        let (mut next, reach) = (from.max(kept), Reach::Since(kept));
        for _ in 0..MOST_EMPTY {
            let until = to.min(next.plus_nanos(at_once * DAY * 1_000_000_000));
            if until <= next {
                break;
            }
            let ask = Self::ask(&listing.venue_symbol, interval)
                .with("period1", next.secs())
                .with("period2", until.secs());
            let answer = rest.raw(ask).await?;
            let symbol = listing.instrument.symbol();
            let lengths = (length, timeframe);
            let bars = answers::bars(&self.answers, symbol, lengths, (from, to), reach, &answer)?;
            if !bars.is_empty() {
                return Ok(bars);
            }
            next = until;
        }
        Ok(PastBars::of([], timeframe, (from, to), reach))
    }
}

/// Yahoo's name of a symbol: `BTC-USD`, `EURUSD=X`, `BRK-B`.
fn name_of(symbol: &Symbol) -> String {
    let name = symbol.as_str();
    match name.split_once('/') {
        Some((base, quote)) => match infer_instrument(symbol, 2, &Bars::default()).kind() {
            InstrumentKind::Forex => format!("{base}{quote}=X"),
            _ => format!("{base}-{quote}"),
        },
        // The dot of a class of shares; of another exchange's it is kept: `7203.T`.
        None => match name.split_once('.') {
            Some((root, "A" | "B" | "C")) => format!("{root}-{}", &name[root.len() + 1..]),
            _ => name.to_owned(),
        },
    }
}

/// The option `requests_in_10_min`: nobody tells the limit, and some hundreds an hour have done no harm.
fn requests(answers: &Answers, config: &VenueConfig) -> Result<u32, FeedError> {
    let Some(text) = config.options.get("requests_in_10_min") else {
        return Ok(60);
    };
    text.parse()
        .ok()
        .filter(|count| (1..=1_000).contains(count))
        .ok_or_else(|| answers.unsupported(format!("requests_in_10_min '{text}'; it may be 1 to 1000")))
}

fn traits(poll_every: Duration, requests: u32) -> Traits {
    let nothing = Channels::default();
    Traits {
        limits: vec![Limit {
            weight: requests,
            every: Duration::from_secs(600),
            is_aligned: false,
        }],
        used_weight_header: None,
        stream: nothing,
        polled: Channels {
            bars: true,
            ..nothing
        },
        book: BookStart::None,
        timeframes: INTERVALS
            .iter()
            .filter_map(|(secs, ..)| Timeframe::from_secs(*secs).ok())
            .collect(),
        has_trade_backfill: false,
        has_consecutive_trades: false,
        is_relay: false,
        is_index: false,
        most_symbols: None,
        needs_key: false,
        key_allows_more: false,
        most_polled: 1,
        poll_every,
        stale_after: Duration::from_secs(300),
        // Which exchanges are late, and by how much, it does not tell.
        delay: Duration::from_secs(60),
    }
}

/// For the table of venues.
pub(super) fn open(config: VenueConfig) -> Result<Arc<dyn Venue>, FeedError> {
    Ok(Arc::new(Yahoo::new(config)?))
}

impl Venue for Yahoo {
    fn name(&self) -> &'static str {
        NAME
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn rest_url(&self) -> String {
        let url = self.config.rest_url.as_deref();
        url.unwrap_or("https://query1.finance.yahoo.com").to_owned()
    }

    fn codec(&self) -> Result<Option<Box<dyn Codec>>, FeedError> {
        Ok(None)
    }

    fn listings<'a>(
        &'a self,
        rest: &'a Rest,
        only: Option<&'a Symbol>,
    ) -> BoxFuture<'a, Result<Vec<Listing>, FeedError>> {
        Box::pin(async move {
            let symbol = only.ok_or_else(|| self.answers.unsupported("list of symbols: name one"))?;
            let name = name_of(symbol);
            let answer = rest.raw(Self::ask(&name, "1d").with("range", "1d")).await?;
            answers::listing(&self.answers, symbol, &name, &answer).map(|listing| vec![listing])
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
        Box::pin(self.closed_bars(rest, listing, timeframe, (from, to)))
    }

    fn poll<'a>(
        &'a self,
        rest: &'a Rest,
        listings: &'a [&'a Listing],
    ) -> BoxFuture<'a, Result<Polled<'a>, FeedError>> {
        let alone = async |listing: &Listing| {
            let ask = Self::ask(&listing.venue_symbol, "1m").with("range", "1d");
            answers::newest(&self.answers, listing, &rest.raw(ask).await?)
        };
        Box::pin(async move { Ok(Polled::one_by_one(listings, alone).await) })
    }

    fn time<'a>(&'a self, rest: &'a Rest) -> BoxFuture<'a, Result<Option<Timestamp>, FeedError>> {
        Box::pin(async move {
            let symbol = bitcoin();
            let name = name_of(&symbol);
            let answer = rest.raw(Self::ask(&name, "1d").with("range", "1d")).await?;
            answers::listing(&self.answers, &symbol, &name, &answer)?;
            Ok(None)
        })
    }
}
