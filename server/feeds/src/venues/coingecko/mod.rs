//! CoinGecko: prices of coins over all exchanges, asked for, about a minute old. A fallback, no market.
//!
//! Options: `plan` (`demo`, also without a key; `pro`, another host), `id.BTC = "bitcoin"` (which coin a ticker means), `poll_every_s` (60, `pro` 20:
//! how often a coin is asked for).

mod answers;
mod costs;
#[cfg(test)]
mod tests;

use super::{
    reading::{self, Answers},
    several,
};
use crate::{
    kept::{Kept, LISTINGS_FOR},
    rest::{Ask, Rest},
    venue::{
        BookStart, Channels, Codec, FeedError, Limit, Listing, PastBars, Polled, Traits, Venue, VenueConfig,
    },
};
use answers::Coins;
use costs::{Costs, Ids, Known};
use futures::{FutureExt, future::BoxFuture};
use papertape::{
    exchange::TradingStatus,
    market::{Bars, infer_instrument},
    model::{Symbol, Timeframe, Timestamp},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Its name in configurations.
pub(super) const NAME: &str = "coingecko";
/// Its options.
pub(super) const OPTIONS: &[&str] = &["plan", "poll_every_s", "id.*"];

/// The venue.
#[derive(Debug)]
pub(super) struct CoinGecko {
    config: VenueConfig,
    is_pro: bool,
    traits: Traits,
    answers: Answers,
    /// One list for all coins.
    coins: Kept<(), Arc<Coins>>,
    costs: Costs,
}

impl CoinGecko {
    /// CoinGecko as configured.
    ///
    /// # Errors
    /// [`FeedError::Unsupported`] when an option has a value that there is not.
    pub(super) fn new(config: VenueConfig) -> Result<Self, FeedError> {
        let is_pro = config.options.get("plan").is_some_and(|plan| plan == "pro");
        let rest_url = config.rest_url.as_deref().unwrap_or_else(|| public_url(is_pro));
        let answers = Answers::new(NAME, rest_url, &config);
        answers.option(&config, "plan", &["demo", "pro"])?;
        let mut traits = traits(is_pro, config.key.is_some());
        traits.poll_every = answers.poll_every(&config, traits.poll_every)?;
        let is_id = |id: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !id.is_empty() && id.bytes().all(fits)
        };
        let wrong = config
            .options
            .iter()
            .find(|(name, id)| name.starts_with("id.") && !is_id(id));
        if let Some((name, id)) = wrong {
            return Err(answers.unsupported(format!(
                "{name} '{id}'; it is CoinGecko's id of a coin, as bitcoin"
            )));
        }
        Ok(Self {
            coins: Kept::new(LISTINGS_FOR),
            costs: Costs::new(traits.delay),
            traits,
            config,
            is_pro,
            answers,
        })
    }

    /// A request, with the key if there is one.
    fn ask(&self, path: &str) -> Ask {
        let header = if self.is_pro {
            "x-cg-pro-api-key"
        } else {
            "x-cg-demo-api-key"
        };
        match &self.config.key {
            Some(key) => Ask::get(path).header(header, key.clone()),
            None => Ask::get(path),
        }
    }

    fn ask_prices(&self, ids: &str, currencies: &str) -> Ask {
        self.ask("/simple/price")
            .with("ids", ids)
            .with("vs_currencies", currencies)
            .with("include_last_updated_at", true)
            .with("precision", "full")
    }

    /// The coin that a symbol's ticker means.
    async fn coin(&self, rest: &Rest, symbol: &Symbol) -> Result<String, FeedError> {
        let (ticker, _) = symbol
            .as_str()
            .split_once('/')
            .ok_or_else(|| self.answers.unknown(symbol))?;
        if let Some(id) = self.config.options.get(&format!("id.{ticker}")) {
            return Ok(id.clone());
        }
        let ask = || {
            let (rest, ask, answers) = (rest.clone(), self.ask("/coins/list"), self.answers.clone());
            async move { answers::coins(&answers, &rest.raw(ask).await?).map(Arc::new) }.boxed()
        };
        let coins = self.coins.get(&(), ask).await?;
        answers::coin_id(&self.answers, symbol, ticker, &coins)
    }

    /// What a coin costs about now.
    async fn price(&self, rest: &Rest, symbol: &Symbol, id: &str) -> Result<f64, FeedError> {
        let currency = answers::currency(symbol);
        let ask = |asked: Ids| {
            let ids = Vec::from_iter(asked.iter().map(String::as_str)).join(",");
            let ask = self.ask_prices(&ids, &currency);
            let (rest, answers) = (rest.clone(), self.answers.clone());
            async move {
                let prices = answers::prices(&answers, None, &rest.raw(ask).await?)?;
                Ok(Arc::new(Known { asked, prices }))
            }
            .boxed()
        };
        let known = self.costs.of(id, &currency, ask).await?;
        answers::price(&self.answers, symbol, id, &known.prices)
    }

    async fn listing(&self, rest: &Rest, only: Option<&Symbol>) -> Result<Vec<Listing>, FeedError> {
        let symbol = only.ok_or_else(|| self.answers.unsupported("list of pairs: name one"))?;
        let id = self.coin(rest, symbol).await?;
        let price = self.price(rest, symbol, &id).await?;
        Ok(vec![Listing {
            instrument: infer_instrument(symbol, reading::digits_of(price), &Bars::default()),
            venue_symbol: id.into(),
            status: TradingStatus::Trading,
        }])
    }

    /// All with one request: each coin is told in each currency, and what there is not is simply missing.
    async fn newest<'a>(&self, rest: &Rest, listings: &[&'a Listing]) -> Result<Polled<'a>, FeedError> {
        let only = several::only(listings);
        let currencies = listings.iter().map(|listing| listing.instrument.symbol());
        let currencies: BTreeSet<String> = currencies.map(answers::currency).collect();
        let ask = self.ask_prices(&several::names(listings), &Vec::from_iter(currencies).join(","));
        let prices = answers::prices(&self.answers, only, &rest.raw(ask).await?)?;
        Ok(Polled::each(listings, |listing| {
            answers::newest(&self.answers, listing, &prices)
        }))
    }
}

const fn public_url(is_pro: bool) -> &'static str {
    if is_pro {
        "https://pro-api.coingecko.com/api/v3"
    } else {
        "https://api.coingecko.com/api/v3"
    }
}

fn traits(is_pro: bool, has_key: bool) -> Traits {
    let hours = |count: u64| Timeframe::from_secs(count * 1_800).unwrap_or(Timeframe::HOUR);
    let (a_minute, refresh) = match (is_pro, has_key) {
        (true, _) => (500, 20),
        (false, true) => (30, 60),
        (false, false) => (5, 60),
    };
    Traits {
        limits: vec![Limit {
            weight: a_minute,
            every: Duration::from_secs(60),
            is_aligned: false,
        }],
        used_weight_header: None,
        stream: Channels::default(),
        polled: Channels {
            trades: true,
            ..Channels::default()
        },
        book: BookStart::None,
        // Half an hour over the last day, four hours over the last month; other lengths are not to be had.
        timeframes: vec![hours(1), hours(8)],
        has_trade_backfill: false,
        has_consecutive_trades: false,
        is_relay: false,
        is_index: true,
        most_symbols: None,
        needs_key: is_pro,
        key_allows_more: !is_pro && !has_key,
        most_polled: 50,
        poll_every: Duration::from_secs(refresh),
        stale_after: Duration::from_secs(5 * refresh),
        delay: Duration::from_secs(refresh),
    }
}

/// For the table of venues.
pub(super) fn open(config: VenueConfig) -> Result<Arc<dyn Venue>, FeedError> {
    Ok(Arc::new(CoinGecko::new(config)?))
}

impl Venue for CoinGecko {
    fn name(&self) -> &'static str {
        NAME
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn rest_url(&self) -> String {
        let url = self.config.rest_url.as_deref();
        url.unwrap_or_else(|| public_url(self.is_pro)).to_owned()
    }

    fn codec(&self) -> Result<Option<Box<dyn Codec>>, FeedError> {
        Ok(None)
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
        Box::pin(async move {
            self.answers.timeframe(timeframe, &self.traits.timeframes)?;
            let symbol = listing.instrument.symbol();
            let days = if timeframe.secs() == 1_800 { 1 } else { 30 };
            let ask = self
                .ask(&format!("/coins/{}/ohlc", listing.venue_symbol))
                .with("vs_currency", answers::currency(symbol))
                .with("days", days);
            let answer = rest.raw(ask).await?;
            answers::bars(&self.answers, symbol, timeframe, (from, to), &answer)
        })
    }

    fn poll<'a>(
        &'a self,
        rest: &'a Rest,
        listings: &'a [&'a Listing],
    ) -> BoxFuture<'a, Result<Polled<'a>, FeedError>> {
        Box::pin(self.newest(rest, listings))
    }

    fn time<'a>(&'a self, rest: &'a Rest) -> BoxFuture<'a, Result<Option<Timestamp>, FeedError>> {
        Box::pin(async move {
            let _: answers::Ping = rest.json(self.ask("/ping")).await?;
            Ok(None)
        })
    }
}
