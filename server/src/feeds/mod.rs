//! The live feeds of a server: the venues behind them, and the tape on which everything is that they told.

mod incidents;
mod latest;
mod recorder;
mod reopening;
mod replay;
mod stream;

pub(crate) use latest::Latest;
pub use replay::{ReplayConfig, VENUE as REPLAY};
pub use stream::RecordedStream;

/// Names of what sessions trade on that is no live feed, or the beginning of such names: no live feed has one of them.
pub const RESERVED: [&str; 3] = ["simulated", "replay", "recorded"];

/// What tapes name as the source of ticks that somebody imported.
pub const IMPORTED: &str = "import";

use crate::storage::Storage;
use papertape::api::DataIncident;
use papertape::market::{Bar, MarketEvent};
use papertape::model::{Instrument, Symbol, Timeframe, Timestamp};
use papertape_feeds::{
    Channels, Clock as _, FeedError, FeedHub, FeedStatus, FeedsConfig, Indicative, PastBars, Reach,
    Subscription, SystemClock,
};
use papertape_tape::{Retention, TapeError, TapeStore};
use recorder::TapeRecorder;
pub(crate) use recorder::lock;
use replay::ReplayFeed;
use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

/// What sessions listen to: the finest that the venue has, and bars where it has nothing finer.
const EVERYTHING: Channels = Channels {
    trades: true,
    quotes: true,
    depth: true,
    bars: true,
};

/// How long a feed with a time of its own may take to tell it.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why feeds cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The tape cannot be opened.
    #[error(transparent)]
    Tape(#[from] TapeError),
    /// The configuration is wrong.
    #[error("the configuration of the feeds is wrong: {0}")]
    Config(#[from] papertape_feeds::ConfigError),
}

/// The live feeds, or only what they told.
#[derive(Debug)]
pub struct Feeds {
    store: Option<TapeStore>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    hub: FeedHub,
    replays: BTreeMap<String, ReplayFeed>,
    recorder: Arc<TapeRecorder>,
}

/// Bars of a minute that are made of a tape.
#[derive(Debug)]
pub struct OnTape {
    /// The span of which the tape has everything that was told, from one minute's beginning to another's.
    pub span: (Timestamp, Timestamp),
    /// The bars that open within it, in order.
    pub bars: Vec<Bar>,
}

/// Keeps a feed running for one listener.
#[derive(Debug)]
#[allow(dead_code, reason = "they are for what they keep")]
pub enum Heard {
    /// A venue, and the number of what it had told last.
    Venue(Box<Subscription>, u64),
    /// Imported bars, and the number of the last that had been told.
    Replay(Arc<()>, u64),
}

impl Heard {
    /// The number of what had been told last when the listener came.
    const fn reached(&self) -> u64 {
        match self {
            Self::Venue(_, reached) | Self::Replay(_, reached) => *reached,
        }
    }
}

impl Feeds {
    /// Feeds that run. Nothing is connected before somebody listens. Must be called where a Tokio runtime is.
    ///
    /// # Errors
    /// [`OpenError`] when the tape cannot be opened or a venue not be made.
    pub fn open(
        folder: &Path,
        config: FeedsConfig,
        replays: BTreeMap<String, ReplayConfig>,
        storage: &Arc<dyn Storage>,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let store = TapeStore::open(folder)?;
        let recorder = TapeRecorder::new(store.clone(), Arc::clone(storage), now);
        let recorder = Arc::new(recorder.with_bare(replays.keys().cloned()));
        tokio::spawn(end_days(store.clone()));
        let replays = replays.into_iter().map(|(name, config)| {
            let feed = ReplayFeed::new(
                name.clone(),
                config,
                Arc::clone(storage),
                (store.clone(), Arc::clone(&recorder) as _),
            );
            (name, feed)
        });
        let replays = replays.collect();
        let hub = FeedHub::new(config, Arc::clone(&recorder) as _, Arc::new(SystemClock))?;
        Ok(Self {
            store: Some(store),
            running: Some(Running {
                hub,
                replays,
                recorder,
            }),
        })
    }

    /// Only what feeds told: sessions can be run again, and none can listen.
    ///
    /// # Errors
    /// [`OpenError`] when there is a tape that cannot be read.
    pub fn recorded_only(folder: &Path) -> Result<Self, OpenError> {
        let store = folder
            .is_dir()
            .then(|| TapeStore::open_read_only(folder))
            .transpose()?;
        Ok(Self { store, running: None })
    }

    /// Neither feeds nor what they told.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            store: None,
            running: None,
        }
    }

    /// The names of the feeds.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.running.as_ref().map_or_else(Vec::new, |running| {
            let mut names = running.hub.names();
            names.extend(running.replays.keys().cloned());
            names
        })
    }

    /// Whether there is a feed of this name.
    #[must_use]
    pub fn has(&self, feed: &str) -> bool {
        self.names().iter().any(|name| name == feed)
    }

    /// Removes of the tape what is beyond its limits, but nothing from the numbers on that `needed` names by feed and symbol.
    pub async fn retain(&self, now: Timestamp, limits: Retention, needed: BTreeMap<(String, String), u64>) {
        let Some(store) = self.store.clone() else { return };
        let lowest = move |name: &papertape_tape::ChannelName| {
            let key = (name.feed.to_string(), name.symbol.to_string());
            needed.get(&key).copied()
        };
        match tokio::task::spawn_blocking(move || store.retain(now, &limits, lowest)).await {
            Ok(Ok(done)) if done.removed > 0 => {
                tracing::info!(
                    segments = done.removed,
                    bytes = done.removed_bytes,
                    "old segments of the tape were removed"
                );
            }
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(error)) => tracing::warn!(%error, "old segments of the tape could not be removed"),
        }
    }

    /// Ends the feeds, then makes durable what they told, and closes the tape: nothing is told that is not on it.
    pub async fn close(&self) {
        if let Some(running) = &self.running {
            running.hub.close();
            running.replays.values().for_each(ReplayFeed::close);
            running.recorder.settle().await;
        }
        if let Some(store) = self.store.clone() {
            let _ = tokio::task::spawn_blocking(move || store.close()).await;
        }
    }

    /// How they stand.
    #[must_use]
    pub fn status(&self) -> Vec<FeedStatus> {
        let Some(running) = &self.running else {
            return Vec::new();
        };
        let mut all = running.hub.feeds();
        all.extend(running.replays.iter().map(|(name, replay)| {
            replay.status(|symbol| {
                let latest = running.recorder.latest(name, symbol)?;
                lock(&latest).received
            })
        }));
        all
    }

    /// An instrument of a feed.
    ///
    /// # Errors
    /// [`FeedError`] when it is not listed, or the venue does not say.
    pub async fn instrument(&self, feed: &str, symbol: &Symbol) -> Result<Instrument, FeedError> {
        match self.replay(feed) {
            Some(replay) => replay.instrument(symbol).await,
            None => self.hub(feed)?.instrument(feed, symbol).await,
        }
    }

    /// What a feed lists.
    ///
    /// # Errors
    /// [`FeedError`] when the venue does not say.
    pub async fn instruments(&self, feed: &str) -> Result<Vec<Instrument>, FeedError> {
        if let Some(replay) = self.replay(feed) {
            return replay.instruments().await;
        }
        let listings = self.hub(feed)?.listings(feed).await?;
        Ok(listings
            .iter()
            .map(|listing| listing.instrument.clone())
            .collect())
    }

    /// Closed bars of a feed, and from when on they are all that there were.
    ///
    /// # Errors
    /// [`FeedError`] when the venue does not give them.
    pub async fn bars(
        &self,
        feed: &str,
        symbol: &Symbol,
        timeframe: Timeframe,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<PastBars, FeedError> {
        match self.replay(feed) {
            Some(replay) => {
                let bars = replay.bars(symbol, timeframe, (from, to)).await?;
                Ok(PastBars::of(bars, timeframe, (from, to), Reach::Whole))
            }
            None => self.hub(feed)?.bars(feed, symbol, timeframe, from, to).await,
        }
    }

    /// Bars of a minute that a feed told of a span, made of its trades where it told no bars, and the part of the span that its
    /// tape reaches over; `None` where it has nothing of it, or more than can be read at once, or trades that no number shows to
    /// be all.
    pub async fn bars_on_tape(
        &self,
        feed: &str,
        symbol: &Symbol,
        span: (Timestamp, Timestamp),
    ) -> Option<OnTape> {
        /// Records that are read at once at most: some seconds' work.
        const MOST: u64 = 5_000_000;
        if !self.hub(feed).is_ok_and(|hub| hub.numbers_trades(feed)) {
            return None;
        }
        let (store, feed, symbol) = (self.store.clone()?, feed.to_owned(), symbol.clone());
        let read = move || -> Result<Option<OnTape>, TapeError> {
            let channel = match store.existing(&feed, &symbol) {
                Err(TapeError::Unknown { .. }) => return Ok(None),
                channel => channel?,
            };
            let (first, last) = (channel.first_number(), channel.durable_up_to());
            let event = |numbers: RangeInclusive<u64>| -> Result<Option<Timestamp>, TapeError> {
                let mut records = channel.scan(numbers);
                Ok(records.next().transpose()?.map(|record| record.entry.time()))
            };
            let (Some(begins), Some(ends)) = (event(first..=last)?, event(last..=last)?) else {
                return Ok(None);
            };
            let minute = Timeframe::MINUTE;
            // A minute that it does not have from its beginning, or not to its end, is not whole.
            let from = span.0.max(minute.close_of(minute.floor(begins.plus_nanos(-1))));
            let to = span.1.min(minute.floor(ends));
            if from >= to {
                return Ok(None);
            }
            let bars = papertape_tape::minute_bars(&channel, (from, to), MOST)?;
            Ok(bars.map(|bars| OnTape {
                span: (from, to),
                bars,
            }))
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::warn!(%error, "bars cannot be made of the tape: the venue is asked");
                None
            }
            Err(_) => None,
        }
    }

    /// Puts into the data-quality record that something told before was corrected.
    pub(crate) fn note(&self, incident: DataIncident) {
        if let Some(running) = &self.running {
            running.recorder.note(incident);
        }
    }

    /// Listens to a symbol; what is told goes on the tape as long as anybody does.
    ///
    /// # Errors
    /// [`FeedError`] when the feed or the symbol is unknown, or a key is missing.
    pub async fn hear(&self, feed: &str, symbol: &Symbol) -> Result<Heard, FeedError> {
        Ok(match self.replay(feed) {
            Some(replay) => {
                let (listener, reached) = replay.hear(symbol).await?;
                Heard::Replay(listener, reached)
            }
            None => {
                let subscription = self.hub(feed)?.subscribe(feed, symbol, EVERYTHING).await?;
                let reached = subscription.last();
                Heard::Venue(Box::new(subscription), reached)
            }
        })
    }

    /// Listens as [`Feeds::hear`] does, and says what is traded, in the steps that it is told in.
    ///
    /// # Errors
    /// As [`Feeds::hear`].
    pub(crate) async fn hear_instrument(
        &self,
        feed: &str,
        symbol: &Symbol,
    ) -> Result<(Instrument, Heard), FeedError> {
        let heard = self.hear(feed, symbol).await?;
        let instrument = match &heard {
            Heard::Venue(subscription, _) => subscription.instrument().clone(),
            Heard::Replay(..) => self.instrument(feed, symbol).await?,
        };
        Ok((instrument, heard))
    }

    /// What a feed told of a symbol, by number.
    ///
    /// # Errors
    /// [`TapeError`] when there is no such tape.
    pub async fn recorded(&self, feed: &str, symbol: &Symbol) -> Result<RecordedStream, TapeError> {
        let unknown = || TapeError::Unknown {
            feed: feed.to_owned(),
            symbol: symbol.to_string(),
        };
        let store = self.store.as_ref().ok_or_else(unknown)?;
        RecordedStream::open(store.clone(), feed, symbol).await
    }

    /// When a session on a symbol that is heard begins, by the market's time, and with which number of its tape.
    ///
    /// # Errors
    /// [`FeedError`] when a feed with a time of its own tells none.
    pub async fn beginning(
        &self,
        feed: &str,
        symbol: &Symbol,
        heard: &Heard,
        now: Timestamp,
    ) -> Result<(Timestamp, u64), FeedError> {
        let refuse = |detail: String| FeedError::Refused {
            venue: feed.to_owned(),
            detail,
        };
        let mut stream = self
            .recorded(feed, symbol)
            .await
            .map_err(|error| refuse(error.to_string()))?;
        if !self.has_time_of_its_own(feed) {
            let next = stream.last_number() + 1;
            self.tell_anew(feed, symbol);
            return Ok((self.market_clock(feed, now), next));
        }
        // It may be as fast as it likes: what has been told since counts.
        let last = heard.reached();
        let mut told = last.max(1);
        if tokio::time::timeout(PATIENCE, stream.wait_for(told))
            .await
            .is_err()
        {
            return Err(refuse(format!("it has told nothing of {symbol} yet: try again")));
        }
        let read = |stream: &mut RecordedStream, number| {
            stream.read(number).map_err(|error| refuse(error.to_string()))
        };
        let mut record = read(&mut stream, told)?;
        // What went wrong has no time of the market's own.
        while told > stream.first_number() && record.as_ref().is_some_and(|record| record.event().is_none()) {
            told -= 1;
            record = read(&mut stream, told)?;
        }
        let event = record.as_ref().and_then(|record| record.event());
        let time = match event {
            Some(MarketEvent::Bar(bar)) if last == 0 => bar.open_time,
            Some(event) => event.time(),
            None => now,
        };
        Ok((time, last + 1))
    }

    /// Tells anew what whoever begins with a feed's next record cannot know otherwise: the whole book, and that nothing trades.
    pub fn tell_anew(&self, feed: &str, symbol: &Symbol) {
        if let Some(running) = &self.running {
            running.hub.tell_anew(feed, symbol);
        }
    }

    /// The numbers of what a feed told within a span of market time, and when the first of it happened; `None` when it told
    /// nothing then.
    ///
    /// # Errors
    /// [`TapeError`] when there is no tape of it, or it cannot be read.
    pub async fn told_within(
        &self,
        feed: &str,
        symbol: &Symbol,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<Option<(RangeInclusive<u64>, Timestamp)>, TapeError> {
        self.recorded(feed, symbol).await?.told_within(from, to).await
    }

    /// The instrument in whose steps the record of a number counts.
    ///
    /// # Errors
    /// [`TapeError`] when there is no tape of it, or no such record.
    pub async fn instrument_on_tape(
        &self,
        feed: &str,
        symbol: &Symbol,
        number: u64,
    ) -> Result<Instrument, TapeError> {
        let stream = self.recorded(feed, symbol).await?;
        Ok(stream.instrument_of(number)?.1)
    }

    /// The feeds that a tape is there of, running or not.
    ///
    /// # Errors
    /// [`TapeError`] when the tape's folder cannot be read.
    pub fn on_tape(&self) -> Result<Vec<String>, TapeError> {
        let Some(store) = &self.store else {
            return Ok(Vec::new());
        };
        let mut names: Vec<String> = stream::without_holding_up(|| store.channels())?
            .iter()
            .map(|name| name.feed.to_string())
            .collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Whether all that a feed tells are index prices, at which nobody trades; and then, whether its configuration lets orders fill
    /// on them.
    pub(crate) fn index_prices(&self, feed: &str) -> Option<bool> {
        self.running.as_ref()?.hub.index_prices(feed)
    }

    /// What time it is in a feed's market: now, or as much earlier as the feed is late by contract.
    pub(crate) fn market_clock(&self, feed: &str, now: Timestamp) -> Timestamp {
        let delay = self.running.as_ref().map(|running| running.hub.delay(feed));
        let nanos = i64::try_from(delay.unwrap_or_default().as_nanos()).unwrap_or(i64::MAX);
        now.plus_nanos(-nanos)
    }

    /// Whether a feed tells of another time than now: what happened earlier, once more.
    pub(crate) fn has_time_of_its_own(&self, feed: &str) -> bool {
        let relays =
            |status: &FeedStatus| status.feed == feed && status.venue.as_deref() == Some("papertape");
        self.replay(feed).is_some() || self.status().iter().any(relays)
    }

    /// What was last told of a symbol since the server started.
    pub(crate) fn latest(&self, feed: &str, symbol: &Symbol) -> Option<Arc<Mutex<Latest>>> {
        self.running.as_ref()?.recorder.latest(feed, symbol)
    }

    /// An estimate of a price now. Nothing ever fills on it.
    pub(crate) fn indicative(&self, feed: &str, symbol: &Symbol) -> Option<Indicative> {
        self.running.as_ref()?.hub.indicative(feed, symbol)
    }

    /// Whether a feed is a replay.
    pub(crate) fn is_replay(&self, feed: &str) -> bool {
        self.replay(feed).is_some()
    }

    fn replay(&self, feed: &str) -> Option<&ReplayFeed> {
        self.running.as_ref()?.replays.get(feed)
    }

    fn hub(&self, feed: &str) -> Result<&FeedHub, FeedError> {
        let running = self.running.as_ref().ok_or_else(|| FeedError::Unsupported {
            venue: feed.to_owned(),
            what: "connection here: the server has it".to_owned(),
        })?;
        Ok(&running.hub)
    }
}

/// Ends the segments of days that are over: for a quiet symbol nothing else does.
async fn end_days(store: TapeStore) {
    let mut minutes = tokio::time::interval(Duration::from_secs(60));
    minutes.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        minutes.tick().await;
        let store = store.clone();
        let _ = tokio::task::spawn_blocking(move || store.end_days(SystemClock.now())).await;
    }
}
