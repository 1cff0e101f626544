//! What is configured of the feeds: where venues are, who we are there, and what counts as trouble.
//!
//! ```toml
//! secrets_file = "secrets.toml"          # [binance] key = "…" secret = "…"; the environment wins over it
//!
//! [feeds.binance]                        # a feed's name; its venue has the same name unless `venue` says otherwise
//! rest_url = "http://127.0.0.1:8080"     # where it is, when not at the public address
//! stream_url = "ws://127.0.0.1:8080"
//! ca_file = "test-ca.pem"                # trusted besides the public authorities
//!
//! [feeds.iex]
//! venue = "alpaca"
//! options = { feed = "iex" }             # what only this venue has
//!
//! [[routes]]                             # a feed made of others, in order of preference
//! name = "btc"
//! sources = [{ feed = "binance" }, { feed = "coinbase", symbols = { "BTC/USDT" = "BTC/USD" } }]
//!
//! [quality]
//! outlier_factor = 5
//! ```
//!
//! Every known venue with a public address that needs no key, or whose key is there, is a feed without being named; `enabled =
//! false` takes it away. Keys come from `PAPERTAPE_<NAME>_KEY` and `PAPERTAPE_<NAME>_SECRET`, the feed's name in capitals with `_` for `-`.

mod address;
mod error;
mod options;

use crate::venue::{Secret, VenueConfig};
pub(crate) use address::check_address;
pub use error::ConfigError;
pub(crate) use error::nearest;
pub use options::check_options;
use papertape::model::Symbol;
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// The text of the configuration, read but not yet checked. A larger configuration may hold it under names of its own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedsFile {
    /// Feeds of one venue each, by name.
    pub feeds: BTreeMap<String, FeedEntry>,
    /// Feeds made of others.
    pub routes: Vec<Route>,
    /// What counts as trouble.
    pub quality: Thresholds,
    /// A TOML file with a table `key`, `secret` for each feed.
    pub secrets_file: Option<PathBuf>,
}

/// One feed of one venue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedEntry {
    /// Which protocol; the feed's own name when absent.
    pub venue: Option<String>,
    /// Base of REST addresses.
    pub rest_url: Option<String>,
    /// Base of stream addresses.
    pub stream_url: Option<String>,
    /// A PEM file of authorities to trust besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// What only this venue has, by name; of tables within with a dot, `id.BTC`.
    #[serde(deserialize_with = "options::read")]
    pub options: BTreeMap<String, String>,
    /// `false` takes the feed away.
    pub enabled: Option<bool>,
    /// Silence of a symbol after which it is stale, in seconds; the venue's own when absent.
    pub stale_after_s: Option<u32>,
    /// Whether orders may fill on its prices although they are an index, at which nobody trades.
    pub fills_on_index: bool,
}

/// A feed made of others: the first that is well is what is published.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// In order of preference.
    pub sources: Vec<RouteSource>,
    /// Symbols that it has; all when empty.
    #[serde(default)]
    pub symbols: Vec<Symbol>,
    /// Whether nothing fills while its sources tell different prices.
    #[serde(default)]
    pub hold_on_divergence: bool,
}

/// One source of a route.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSource {
    /// A feed's name.
    pub feed: String,
    /// What symbols of the route are called there, where it differs.
    #[serde(default)]
    pub symbols: BTreeMap<Symbol, Symbol>,
}

impl RouteSource {
    /// What this source calls a symbol of the route.
    #[must_use]
    pub fn symbol<'a>(&'a self, symbol: &'a Symbol) -> &'a Symbol {
        self.symbols.get(symbol).unwrap_or(symbol)
    }
}

/// What counts as trouble, and how long it may last.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// A price so many times the last, or its inverse, is kept off. Above 1.
    pub outlier_factor: f64,
    /// Relative difference of the source that is published from the others' median that raises an alert: 0.01 is 1 %.
    pub divergence: f64,
    /// Milliseconds for which a missing trade may still come by itself.
    pub reorder_ms: u64,
    /// Milliseconds for which trades wait for those before them that were asked for.
    pub backfill_ms: u64,
    /// Milliseconds for which a minute's last trades may come after something of the next minute.
    pub settle_ms: u64,
    /// Milliseconds of complete silence after which a minute is closed though its trades may still come.
    pub patience_ms: u64,
    /// Milliseconds between two signs of the clock.
    pub clock_ms: u64,
    /// Milliseconds for which the preferred source may be in trouble before another takes over.
    pub failover_ms: u64,
    /// Seconds for which a preferred source must be well before it takes over again.
    pub return_s: u64,
    /// Seconds for which a subscription goes on when nobody listens any more.
    pub linger_s: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            outlier_factor: 5.0,
            divergence: 0.01,
            reorder_ms: 150,
            backfill_ms: 8_000,
            settle_ms: 250,
            patience_ms: 3_000,
            clock_ms: 1_000,
            failover_ms: 2_000,
            return_s: 30,
            linger_s: 60,
        }
    }
}

impl Thresholds {
    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |name: &'static str, must: String| Err(ConfigError::Threshold { name, must });
        if !(self.outlier_factor > 1.0 && self.outlier_factor.is_finite()) {
            return wrong("outlier_factor", "be above 1".to_owned());
        }
        if !(self.divergence > 0.0 && self.divergence.is_finite()) {
            return wrong("divergence", "be above 0".to_owned());
        }
        let (minute, hour, day) = (60_000, 3_600_000, 86_400);
        for (name, value, least, most) in [
            ("reorder_ms", self.reorder_ms, 0, minute),
            ("backfill_ms", self.backfill_ms, 0, hour),
            ("settle_ms", self.settle_ms, 0, minute),
            ("patience_ms", self.patience_ms, 0, hour),
            ("clock_ms", self.clock_ms, 1, minute),
            ("failover_ms", self.failover_ms, 0, hour),
            ("return_s", self.return_s, 0, day),
            ("linger_s", self.linger_s, 0, day),
        ] {
            if !(least..=most).contains(&value) {
                return wrong(name, format!("be {least} to {most}"));
            }
        }
        Ok(())
    }
}

/// One feed with everything that was found of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Its name.
    pub name: String,
    /// Its protocol.
    pub venue: String,
    /// Where it is, with its keys.
    pub config: VenueConfig,
    /// Authorities to trust besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// Silence after which it is stale, where it was said.
    pub stale_after: Option<Duration>,
    /// Whether orders may fill on its prices although they are an index.
    pub fills_on_index: bool,
}

/// The configuration, checked.
#[derive(Clone, Debug, Default)]
pub struct FeedsConfig {
    pub(crate) feeds: BTreeMap<String, Feed>,
    pub(crate) routes: BTreeMap<String, Route>,
    pub(crate) thresholds: Thresholds,
}

/// Reads variables of the environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Keys {
    key: Option<Secret>,
    secret: Option<Secret>,
}

impl FeedsConfig {
    /// Reads and checks a document of its own.
    ///
    /// # Errors
    /// [`ConfigError`] names the key at fault.
    pub fn parse(toml: &str, environment: Environment<'_>) -> Result<Self, ConfigError> {
        Self::of(read(toml)?, environment)
    }

    /// Checks a part of a larger document.
    ///
    /// # Errors
    /// [`ConfigError`] names the key at fault.
    pub fn of(file: FeedsFile, environment: Environment<'_>) -> Result<Self, ConfigError> {
        let venues: Vec<&str> = crate::venues::names().collect();
        Self::among(&venues, file, environment)
    }

    fn among(venues: &[&str], file: FeedsFile, environment: Environment<'_>) -> Result<Self, ConfigError> {
        file.quality.check()?;
        let mut entries = file.feeds;
        let mut secrets = read_secrets(file.secrets_file)?;
        // Another Papertape has no public address, and without a key some venues tell nothing.
        let is_open = |venue: &str| {
            !crate::venues::needs_key(venue)
                || secrets.contains_key(venue)
                || environment(&variable(venue, "KEY")).is_some()
        };
        for venue in venues
            .iter()
            .filter(|venue| **venue != "papertape" && is_open(venue))
        {
            entries.entry((*venue).to_owned()).or_default();
        }
        let mut feeds = BTreeMap::new();
        for (name, entry) in entries {
            check_name(&name)?;
            // Of a feed that is switched off as well: its key may stay where it is.
            let kept = secrets.remove(&name).unwrap_or_default();
            if entry.enabled == Some(false) {
                continue;
            }
            feeds.insert(name.clone(), feed(venues, name, entry, kept, environment)?);
        }
        if let Some(name) = secrets.into_keys().find(|name| !feeds.contains_key(name)) {
            return Err(ConfigError::UnknownFeed {
                key: "the secrets file".to_owned(),
                near: nearest(&name, feeds.keys()),
                name,
            });
        }
        let mut routes = BTreeMap::new();
        for route in file.routes {
            check_name(&route.name)?;
            check_route(&route, &feeds)?;
            let name = route.name.clone();
            if feeds.contains_key(&name) || routes.insert(name.clone(), route).is_some() {
                return Err(ConfigError::Twice { name });
            }
        }
        Ok(Self {
            feeds,
            routes,
            thresholds: file.quality,
        })
    }

    /// Names of all feeds: those of one venue, then the routes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.feeds.keys().chain(self.routes.keys()).map(String::as_str)
    }

    /// The feeds of one venue, by name.
    pub fn feeds(&self) -> impl Iterator<Item = &Feed> {
        self.feeds.values()
    }

    /// The routes, by name.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.values()
    }

    /// What counts as trouble.
    #[must_use]
    pub const fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }
}

/// The environment variable of a feed's key: `variable("binance", "KEY")` is `PAPERTAPE_BINANCE_KEY`.
#[must_use]
pub fn variable(feed: &str, what: &str) -> String {
    format!("PAPERTAPE_{}_{what}", feed.to_ascii_uppercase().replace('-', "_"))
}

fn read(toml: &str) -> Result<FeedsFile, ConfigError> {
    toml::from_str(toml).map_err(|error| ConfigError::Syntax {
        line: line_of(toml, &error),
        message: error.message().to_owned(),
    })
}

fn line_of(text: &str, error: &toml::de::Error) -> usize {
    error
        .span()
        .map_or(1, |span| 1 + text[..span.start].matches('\n').count())
}

fn read_secrets(path: Option<PathBuf>) -> Result<BTreeMap<String, Keys>, ConfigError> {
    let Some(path) = path else {
        return Ok(BTreeMap::new());
    };
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(&path).map_err(|error| ConfigError::Secrets {
        path: shown.clone(),
        detail: error.to_string(),
    })?;
    // The parser's message may quote what it read: only the line is told.
    toml::from_str(&text).map_err(|error| ConfigError::Secrets {
        path: shown,
        detail: format!("line {} is wrong", line_of(&text, &error)),
    })
}

/// That a feed may have this name.
///
/// # Errors
/// [`ConfigError::Name`] when it may not.
pub fn check_name(name: &str) -> Result<(), ConfigError> {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    if (1..=32).contains(&name.len()) && name.bytes().all(allowed) {
        Ok(())
    } else {
        Err(ConfigError::Name {
            name: name.chars().take(40).collect(),
        })
    }
}

fn feed(
    venues: &[&str],
    name: String,
    entry: FeedEntry,
    kept: Keys,
    environment: Environment<'_>,
) -> Result<Feed, ConfigError> {
    let venue = entry.venue.unwrap_or_else(|| name.clone());
    if !venues.contains(&venue.as_str()) {
        return Err(ConfigError::UnknownVenue {
            near: nearest(&venue, venues.iter()),
            feed: name,
            venue,
        });
    }
    check_options(&venue, &entry.options, crate::venues::options(&venue)).map_err(|detail| {
        ConfigError::Venue {
            feed: name.clone(),
            detail,
        }
    })?;
    for (key, url, schemes) in [
        ("rest_url", &entry.rest_url, ["http://", "https://"]),
        ("stream_url", &entry.stream_url, ["ws://", "wss://"]),
    ] {
        let checked = url.as_deref().map_or(Ok(()), |url| check_address(url, &schemes));
        checked.map_err(|problem| ConfigError::Address {
            key: format!("feeds.{name}.{key}"),
            problem,
        })?;
    }
    if entry.stale_after_s == Some(0) {
        return Err(ConfigError::Venue {
            feed: name,
            detail: "stale_after_s must be 1 or more: everything would be stale at once".to_owned(),
        });
    }
    let from_environment = |what| {
        environment(&variable(&name, what))
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
            .map(Secret::new)
    };
    let trimmed = |url: Option<String>| url.map(|url| url.trim_end_matches('/').to_owned());
    Ok(Feed {
        config: VenueConfig {
            feed: name.clone(),
            rest_url: trimmed(entry.rest_url),
            stream_url: trimmed(entry.stream_url),
            key: from_environment("KEY").or(kept.key),
            secret: from_environment("SECRET").or(kept.secret),
            options: entry.options,
        },
        ca_file: entry.ca_file,
        stale_after: entry.stale_after_s.map(|secs| Duration::from_secs(secs.into())),
        fills_on_index: entry.fills_on_index,
        name,
        venue,
    })
}

fn check_route(route: &Route, feeds: &BTreeMap<String, Feed>) -> Result<(), ConfigError> {
    if route.sources.is_empty() {
        return Err(ConfigError::NoSources {
            name: route.name.clone(),
        });
    }
    for (index, source) in route.sources.iter().enumerate() {
        if !feeds.contains_key(&source.feed) {
            return Err(ConfigError::UnknownFeed {
                key: format!("routes.{}.sources[{index}].feed", route.name),
                near: nearest(&source.feed, feeds.keys()),
                name: source.feed.clone(),
            });
        }
        let is_told = |symbol: &Symbol| route.symbols.is_empty() || route.symbols.contains(symbol);
        if let Some(symbol) = source.symbols.keys().find(|symbol| !is_told(symbol)) {
            return Err(ConfigError::NotOfRoute {
                key: format!("routes.{}.sources[{index}].symbols", route.name),
                symbol: symbol.to_string(),
            });
        }
        if route.sources[..index]
            .iter()
            .any(|other| other.feed == source.feed)
        {
            return Err(ConfigError::Twice {
                name: format!("{} in routes.{}.sources", source.feed, route.name),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
