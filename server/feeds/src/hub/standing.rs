//! How feeds stand.

use super::{FeedHub, lock};
use crate::handle::MarketHandle;
use crate::source::delay_by_contract;
use crate::status::{ConnectionState, Counters, FeedStatus, SymbolStatus};
use std::collections::BTreeSet;
use std::time::Duration;

impl FeedHub {
    /// Whether every source of a feed numbers its trades one after another: then what no incident names was told whole.
    #[must_use]
    pub fn numbers_trades(&self, feed: &str) -> bool {
        let places = self.places(feed, None).unwrap_or_default();
        let numbers = |(entry, _): &(&super::VenueEntry, _)| entry.venue.traits().has_consecutive_trades;
        !places.is_empty() && places.iter().all(numbers)
    }

    /// By how much a feed is late by contract, as is the time of its market: none of a feed that there is not.
    #[must_use]
    pub fn delay(&self, feed: &str) -> Duration {
        let places = self.places(feed, None).unwrap_or_default();
        let first = places.first().map(|(entry, _)| entry.venue.traits().delay);
        delay_by_contract(first.unwrap_or_default())
    }

    /// How every feed stands.
    #[must_use]
    pub fn feeds(&self) -> Vec<FeedStatus> {
        let markets = self.inner.markets().values().cloned().collect::<Vec<_>>();
        let symbols = |feed: &str| {
            let of_feed = markets.iter().filter(|market| market.feed == feed);
            of_feed
                .map(|market| self.symbol_status(market))
                .collect::<Vec<_>>()
        };
        let venues = self.inner.venues.iter().map(|(name, entry)| {
            let driver = entry.driver_status();
            let mut counters = *lock(&entry.retired);
            let (mut skew, mut listened) = (None, BTreeSet::new());
            for handle in &markets {
                handle.look(|market| {
                    for place in (0..market.places()).filter(|place| **market.name(*place) == **name) {
                        listened.insert(&handle.symbol);
                        counters.add(market.counters(place));
                        skew = skew.or_else(|| market.skew_nanos(place));
                    }
                });
            }
            let (last_error_at, last_error) = driver.last_error.unzip();
            FeedStatus {
                feed: name.clone(),
                venue: Some(entry.feed.venue.clone()),
                sources: Vec::new(),
                connection: driver.connection,
                breaker: driver.breaker,
                subscriptions: listened.len() as u64,
                counters,
                undecodable: driver.undecodable,
                reconnects: driver.reconnects,
                last_message: driver.last_message,
                clock_skew_ms: skew.map(|nanos| -(nanos as f64) / 1e6),
                budget: entry.rest.budget_status(),
                last_error,
                last_error_at,
                symbols: symbols(name),
            }
        });
        let routes = self.inner.config.routes().map(|route| {
            let symbols = symbols(&route.name);
            FeedStatus {
                feed: route.name.clone(),
                venue: None,
                sources: route.sources.iter().map(|source| source.feed.clone()).collect(),
                connection: if symbols.is_empty() {
                    ConnectionState::Idle
                } else {
                    ConnectionState::Connected
                },
                breaker: crate::status::BreakerState::Closed,
                subscriptions: symbols.len() as u64,
                counters: Counters::default(),
                undecodable: 0,
                reconnects: 0,
                last_message: symbols.iter().filter_map(|symbol| symbol.last_heard).max(),
                clock_skew_ms: None,
                budget: Vec::new(),
                last_error: None,
                last_error_at: None,
                symbols,
            }
        });
        venues.chain(routes).collect()
    }

    fn symbol_status(&self, handle: &MarketHandle) -> SymbolStatus {
        let number = *handle.numbers().borrow();
        let broken = handle.last_error();
        handle.look(|market| {
            let source = market.name(market.active());
            let waits = || self.waits(source).filter(|_| market.is_away());
            SymbolStatus {
                symbol: handle.symbol.clone(),
                source: source.to_string(),
                status: market.status(),
                freshness: market.freshness(),
                why: broken.or_else(waits).or_else(|| market.why()),
                number,
                last_heard: market.last_heard(),
                reference_price: market.reference(),
            }
        })
    }

    /// That a source is asked later, because its limits allow no request now.
    fn waits(&self, source: &str) -> Option<String> {
        let entry = self.inner.venues.get(source)?;
        let wait = entry
            .rest
            .waits()
            .filter(|_| entry.venue.traits().stream.is_empty())?;
        Some(format!(
            "{source}: it is asked in {} s, when its limit on requests has room",
            wait.as_secs().max(1)
        ))
    }
}
