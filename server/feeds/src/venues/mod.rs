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

/// What is missing for a feed of this venue's name that is not configured, in words; `None` when no venue has the name.
#[must_use]
pub fn what_it_needs(name: &str) -> Option<String> {
    names().find(|known| *known == name)?;
    Some(match name {
        "papertape" => {
            "papertape is another Papertape's market: say its hosts in [feeds.papertape] of the configuration"
                .to_owned()
        }
        _ if needs_key(name) => format!(
            "{name} tells nothing without a key: set {} (and {}, where it gives one) or the secrets file, and start the server again",
            crate::config::variable(name, "KEY"),
            crate::config::variable(name, "SECRET"),
        ),
        _ => format!("{name} is switched off in the configuration (feeds.{name}.enabled)"),
    })
}

/// The venue of this name; `None` when there is none.
#[must_use]
pub fn open(name: &str, config: VenueConfig) -> Option<Result<Arc<dyn Venue>, FeedError>> {
    let (_, open) = VENUES.iter().find(|(known, _)| *known == name)?;
    Some(open(config))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::{Channels, Frame, Listing, Secret, Slot};
    use ::papertape::exchange::TradingStatus;
    use ::papertape::model::Instrument;
    use rust_decimal::Decimal;

    #[test]
    fn a_venue_that_is_no_feed_says_what_it_needs() {
        let needs = |name| what_it_needs(name).unwrap_or_default();
        assert!(
            needs("alpaca").contains("PAPERTAPE_ALPACA_KEY"),
            "{}",
            needs("alpaca")
        );
        assert!(needs("papertape").contains("hosts"), "{}", needs("papertape"));
        assert!(needs("binance").contains("switched off"), "{}", needs("binance"));
        assert_eq!(what_it_needs("nope"), None);
    }

    #[test]
    fn who_wants_more_of_a_symbol_does_not_interrupt_what_it_has() {
        let (tick, one) = (Decimal::new(1, 2), Decimal::ONE);
        let symbol = "BTC/USD".parse().expect("a symbol");
        let listing = Listing {
            instrument: Instrument::new(symbol, tick, tick, one, one).expect("an instrument"),
            venue_symbol: "BTC/USD".into(),
            status: TradingStatus::Trading,
        };
        let (more, mut asked) = (
            Channels {
                depth: true,
                bars: true,
                ..Channels::default()
            },
            0,
        );
        for name in names().filter(|name| *name != "papertape") {
            let options = [("market", "crypto")].map(|(name, value)| (name.to_owned(), value.to_owned()));
            let has_market = matches!(name, "alpaca" | "polygon");
            let config = VenueConfig {
                key: Some(Secret::new("key".to_owned())),
                secret: Some(Secret::new("secret".to_owned())),
                options: options.into_iter().filter(|_| has_market).collect(),
                ..VenueConfig::default()
            };
            let venue = open(name, config).expect(name).expect(name);
            let Some(mut codec) = venue.codec().expect(name) else {
                continue;
            };
            assert_eq!(codec.widen(Slot(1), more), [], "{name}: of what nobody has");
            let first = codec.subscribe(Slot(1), &listing, Channels::TICKS);
            let then = codec.widen(Slot(1), more);
            let gone = codec.unsubscribe(Slot(1));
            let text = |frames: &[Frame]| -> String {
                let each = frames
                    .iter()
                    .map(|frame| String::from_utf8_lossy(frame.bytes()).into_owned());
                each.collect()
            };
            let (first, then, gone) = (text(&first), text(&then), text(&gone));
            assert!(!first.is_empty() && !then.is_empty(), "{name}");
            for word in ["unsubscribe", "UNSUBSCRIBE", "Remove", "trade", "XT.", "\"0~"] {
                assert!(!then.contains(word), "{name}: {then}");
            }
            // What is given up in the end is all of it.
            assert!(gone.len() > then.len().min(first.len()), "{name}: {gone}");
            asked += 1;
        }
        assert_eq!(asked, 7);
    }
}
