//! One module a venue, and by which name each is found.

pub(crate) mod alpaca;
mod binance;
mod coinbase;
mod coingecko;
mod cryptocompare;
#[cfg(test)]
mod fixture;
mod kraken;
mod papertape;
mod polygon;
mod reading;
mod yahoo;

use crate::venue::{FeedError, Venue, VenueConfig};
use std::sync::Arc;

/// Makes a venue of its configuration.
type Open = fn(VenueConfig) -> Result<Arc<dyn Venue>, FeedError>;

/// Every venue by the name that configurations use.
const VENUES: &[(&str, Open)] = &[
    (alpaca::NAME, alpaca::open),
    ("binance", binance::open),
    ("binance_us", binance::open_us),
    ("coinbase", coinbase::open),
    (coingecko::NAME, coingecko::open),
    (cryptocompare::NAME, cryptocompare::open),
    ("kraken", kraken::open),
    ("papertape", papertape::open),
    (polygon::NAME, polygon::open),
    (yahoo::NAME, yahoo::open),
];

/// The names of the venues.
pub fn names() -> impl Iterator<Item = &'static str> {
    VENUES.iter().map(|(name, _)| *name)
}

/// Whether the venue of this name tells nothing at all without a key.
pub(crate) fn needs_key(name: &str) -> bool {
    let venue = open(name, VenueConfig::default());
    venue.is_some_and(|venue| venue.is_ok_and(|venue| venue.traits().needs_key))
}

/// The venue of this name; `None` when there is none.
#[must_use]
pub fn open(name: &str, config: VenueConfig) -> Option<Result<Arc<dyn Venue>, FeedError>> {
    let (_, open) = VENUES.iter().find(|(known, _)| *known == name)?;
    Some(open(config))
}
