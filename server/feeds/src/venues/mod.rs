//! One module a venue, and by which name each is found.

mod alpaca;
mod binance;
mod coinbase;
#[cfg(test)]
mod fixture;
mod kraken;
mod papertape;
mod reading;

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
    ("kraken", kraken::open),
    ("papertape", papertape::open),
];

/// The names of the venues.
pub fn names() -> impl Iterator<Item = &'static str> {
    VENUES.iter().map(|(name, _)| *name)
}

/// The venue of this name; `None` when there is none.
#[must_use]
pub fn open(name: &str, config: VenueConfig) -> Option<Result<Arc<dyn Venue>, FeedError>> {
    let (_, open) = VENUES.iter().find(|(known, _)| *known == name)?;
    Some(open(config))
}
