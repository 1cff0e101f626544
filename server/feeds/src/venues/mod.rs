//! One module a venue, and by which name each is found.

pub(crate) mod alpaca;
mod asked;
mod binance;
mod coinbase;
mod coingecko;
mod configured;
mod cryptocompare;
#[cfg(test)]
pub(crate) mod fixture;
mod kraken;
mod papertape;
mod polygon;
pub(crate) mod reading;
mod several;
mod yahoo;

use crate::venue::{FeedError, Venue, VenueConfig};
use ::papertape::model::Symbol;
use std::sync::Arc;

/// Makes a venue of its configuration.
type Open = fn(VenueConfig) -> Result<Arc<dyn Venue>, FeedError>;

/// Every venue by the name that configurations use, with the names of its options: no configuration has others. `id.*` stands for
/// `id.` and anything.
const VENUES: &[(&str, Open, &[&str])] = &[
    (alpaca::NAME, alpaca::open, alpaca::OPTIONS),
    ("binance", binance::open, binance::OPTIONS),
    ("binance_us", binance::open_us, binance::OPTIONS_US),
    ("coinbase", coinbase::open, &[]),
    (coingecko::NAME, coingecko::open, coingecko::OPTIONS),
    (cryptocompare::NAME, cryptocompare::open, cryptocompare::OPTIONS),
    ("kraken", kraken::open, kraken::OPTIONS),
    ("papertape", papertape::open, papertape::OPTIONS),
    (polygon::NAME, polygon::open, polygon::OPTIONS),
    (yahoo::NAME, yahoo::open, yahoo::OPTIONS),
];

/// What every vendor of coins has: it is asked for to learn whether it answers.
fn bitcoin() -> Symbol {
    "BTC/USD"
        .parse()
        .unwrap_or_else(|_| unreachable!("it is a symbol"))
}

/// The names of the venues.
pub fn names() -> impl Iterator<Item = &'static str> {
    VENUES.iter().map(|(name, ..)| *name)
}

/// The names of a venue's options; none of one that there is not.
pub(crate) fn options(name: &str) -> &'static [&'static str] {
    let found = VENUES.iter().find(|(known, ..)| *known == name);
    found.map_or(&[], |(_, _, options)| options)
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
    let (_, open, _) = VENUES.iter().find(|(known, ..)| *known == name)?;
    Some(open(config))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::{Channels, Codec, Frame, Listing, Secret, Slot};
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
    fn every_option_of_the_table_is_read_by_its_venue() {
        for (name, _, options) in VENUES {
            let opened = |option: Option<(String, &str)>| {
                let config = VenueConfig {
                    rest_url: Some("http://127.0.0.1:1".to_owned()),
                    options: option
                        .map(|(name, value)| (name, value.to_owned()))
                        .into_iter()
                        .collect(),
                    ..VenueConfig::default()
                };
                open(name, config).expect(name)
            };
            assert!(opened(None).is_ok(), "{name} needs no option");
            for option in *options {
                let option = option.replace('*', "BTC");
                let error = opened(Some((option.clone(), "no such thing!")))
                    .expect_err(&option)
                    .to_string();
                // There may be a key in an address.
                let is_shown = !option.ends_with("_url");
                assert!(
                    error.contains(&option) && error.contains("no such thing!") == is_shown,
                    "{name}, {option}: {error}"
                );
            }
        }
    }

    /// A pair that any venue with a stream can have.
    fn listing(name: &str) -> Listing {
        let (tick, one) = (Decimal::new(1, 2), Decimal::ONE);
        let symbol = name.parse().expect("a symbol");
        Listing {
            instrument: Instrument::new(symbol, tick, tick, one, one).expect("an instrument"),
            venue_symbol: name.into(),
            status: TradingStatus::Trading,
        }
    }

    /// The protocol of each venue of the table that has a stream, but for another Papertape.
    fn codecs() -> impl Iterator<Item = (&'static str, Box<dyn Codec>)> {
        names().filter(|name| *name != "papertape").filter_map(|name| {
            let options = [("market", "crypto")].map(|(name, value)| (name.to_owned(), value.to_owned()));
            let has_market = matches!(name, "alpaca" | "polygon");
            let config = VenueConfig {
                key: Some(Secret::new("key".to_owned())),
                secret: Some(Secret::new("secret".to_owned())),
                options: options.into_iter().filter(|_| has_market).collect(),
                ..VenueConfig::default()
            };
            let venue = open(name, config).expect(name).expect(name);
            Some((name, venue.codec().expect(name)?))
        })
    }

    #[test]
    fn many_symbols_are_subscribed_with_few_frames_that_are_not_too_long() {
        let listings: Vec<Listing> = (0..250)
            .map(|number| listing(&format!("C{number}X/USD")))
            .collect();
        let wanted: Vec<_> = listings
            .iter()
            .enumerate()
            .map(|(slot, listing)| (Slot(slot), listing, Channels::TICKS))
            .collect();
        for (name, mut codec) in codecs() {
            let frames = codec.subscribe_all(&wanted);
            assert!(frames.len() <= 5, "{name}: {}", frames.len());
            let longest = frames.iter().map(|frame| frame.bytes().len()).max();
            assert!(
                longest.is_some_and(|longest| longest <= 8_192),
                "{name}: {longest:?}"
            );
            let text: String = frames
                .iter()
                .map(|frame| String::from_utf8_lossy(frame.bytes()).to_uppercase())
                .collect();
            for number in 0..250 {
                assert!(text.contains(&format!("C{number}X")), "{name}: {number}");
            }
        }
        assert_eq!(codecs().count(), 7);
    }

    #[test]
    fn who_wants_more_of_a_symbol_does_not_interrupt_what_it_has() {
        let listing = listing("BTC/USD");
        let (more, mut asked) = (
            Channels {
                depth: true,
                bars: true,
                ..Channels::default()
            },
            0,
        );
        for (name, mut codec) in codecs() {
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
