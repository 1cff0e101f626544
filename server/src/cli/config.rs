//! The configuration file.

use super::CliError;
use crate::feeds::{REPLAY, RESERVED, ReplayConfig};
use crate::services::Settings;
use papertape_feeds::FeedsConfig;
use papertape_feeds::config::{FeedEntry, FeedsFile, Route, Thresholds, check_name};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ConfigFile {
    pub(super) listen: Option<SocketAddr>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) database_url: Option<String>,
    pub(super) settings: Settings,
    /// Live feeds of one venue each, by name.
    pub(super) feeds: BTreeMap<String, FeedEntry>,
    /// Live feeds made of others.
    routes: Vec<Route>,
    /// What counts as trouble with a feed.
    quality: Thresholds,
    /// A TOML file with the feeds' keys.
    secrets_file: Option<PathBuf>,
}

/// The live feeds of a configuration.
pub(super) struct LiveFeeds {
    /// Those of venues.
    pub(super) venues: FeedsConfig,
    /// Imported bars told once more.
    pub(super) replays: BTreeMap<String, ReplayConfig>,
}

impl ConfigFile {
    /// Reads a file; without one everything is as it is when nothing is said. Files that it names are looked for beside it.
    pub(super) fn read(path: Option<&Path>) -> Result<Self, CliError> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            CliError::problem(format!("the configuration {shown} cannot be read: {error}"))
        })?;
        let mut config: Self = toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            CliError::problem(format!(
                "the configuration {shown} is wrong in line {line}: {}",
                error.message()
            ))
        })?;
        let kept = [
            ("tape_keep_days", config.settings.tape_keep_days.map(u64::from)),
            ("tape_keep_bytes", config.settings.tape_keep_bytes),
        ];
        if let Some((name, _)) = kept.into_iter().find(|(_, kept)| *kept == Some(0)) {
            return Err(CliError::problem(format!(
                "the configuration {shown} is wrong: settings.{name} must be 1 or more; leave it out to keep everything"
            )));
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let named = config.feeds.values_mut().filter_map(|feed| feed.ca_file.as_mut());
        for file in named.chain(&mut config.secrets_file) {
            *file = folder.join(&*file);
        }
        Ok(config)
    }

    /// Its live feeds, with their keys from the environment or the secrets file.
    pub(super) fn live_feeds(self) -> Result<LiveFeeds, CliError> {
        let wrong = |error: &dyn std::fmt::Display| {
            CliError::problem(format!("the configuration of the feeds is wrong: {error}"))
        };
        let mut feeds = self.feeds;
        for name in feeds.keys().chain(self.routes.iter().map(|route| &route.name)) {
            check_name(name).map_err(|error| wrong(&error))?;
            if RESERVED.contains(&name.as_str()) {
                return Err(wrong(&format!(
                    "'{name}' is not a live feed's name: sessions trade on something else by it; take another \
                     (and say venue = \"…\")"
                )));
            }
        }
        let mut replays = BTreeMap::new();
        feeds.retain(|_, entry| entry.venue.as_deref() != Some(REPLAY) || entry.enabled != Some(false));
        let is_replay = |_: &String, entry: &mut FeedEntry| entry.venue.as_deref() == Some(REPLAY);
        for (name, entry) in feeds.extract_if(.., is_replay) {
            let config =
                ReplayConfig::of(&name, &entry).map_err(|error| wrong(&format!("feeds.{name}: {error}")))?;
            replays.insert(name, config);
        }
        if let Some(route) = self.routes.iter().find(|route| replays.contains_key(&route.name)) {
            return Err(wrong(&format!("{} is there twice", route.name)));
        }
        let file = FeedsFile {
            feeds,
            routes: self.routes,
            quality: self.quality,
            secrets_file: self.secrets_file,
        };
        let venues =
            FeedsConfig::of(file, &|name| std::env::var(name).ok()).map_err(|error| wrong(&error))?;
        Ok(LiveFeeds { venues, replays })
    }
}
