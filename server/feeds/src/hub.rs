//! One shared subscription a symbol, however many listen.

mod begin;
mod entry;
mod joining;
mod late;
mod relist;
mod standing;

use crate::config::{ConfigError, FeedsConfig, nearest};
use crate::connection::Command;
use crate::handle::MarketHandle;
use crate::market::{Market, MarketConfig, PlaceConfig};
use crate::purse::Purses;
use crate::quality::Incident;
use crate::record::{Clock, Recorder, Recording};
use crate::rest::host_of;
use crate::status::Indicative;
use crate::venue::{Channels, FeedError, Listing, PastBars};
use entry::VenueEntry;
use papertape::model::{Instrument, Symbol, Timeframe, Timestamp};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, watch};

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
    venues: BTreeMap<String, VenueEntry>,
    markets: Mutex<BTreeMap<(String, Symbol), Arc<MarketHandle>>>,
    /// Held while a record is opened.
    opening: tokio::sync::Mutex<()>,
    is_closed: AtomicBool,
    ticker: OnceLock<()>,
    /// Told when a source lists a symbol in other steps than before.
    restepped: Arc<Notify>,
    /// Held while streams are brought to the steps of their sources.
    relisting: tokio::sync::Mutex<()>,
}

/// How often markets look at the clock.
const TICK: Duration = Duration::from_millis(100);

/// One listener of a symbol of a feed. The events are on record, by number; this says how far it reaches. When the last
/// listener is dropped, the venue is told so after the linger.
#[derive(Debug)]
pub struct Subscription {
    instrument: Instrument,
    numbers: watch::Receiver<u64>,
    _listener: Arc<()>,
}

impl Subscription {
    /// What is traded, in the steps that the stream counts in: those of the feed's first source, where that one has answered.
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
    /// Pages of bars asked for at most in one call.
    pub const MOST_PAGES: usize = 500;

    /// The feeds of a configuration. Nothing is connected before somebody listens.
    ///
    /// # Errors
    /// [`ConfigError`] when a venue cannot be made from what was said of it.
    pub fn new(
        config: FeedsConfig,
        recorder: Arc<dyn Recorder>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let mut venues = BTreeMap::new();
        let (restepped, mut purses) = (Arc::<Notify>::default(), Purses::default());
        for feed in config.feeds() {
            let wrong = |error: FeedError| ConfigError::Venue {
                feed: feed.name.clone(),
                detail: error.to_string(),
            };
            let Some(venue) = crate::venues::open(&feed.venue, feed.config.clone()) else {
                continue;
            };
            let venue = venue.map_err(wrong)?;
            let purse = purses.of(host_of(&venue.rest_url()), &venue.traits().limits, &clock);
            let entry = VenueEntry::new(feed, venue, Arc::clone(&restepped), purse).map_err(wrong)?;
            venues.insert(feed.name.clone(), entry);
        }
        let inner = Inner {
            config,
            recorder,
            clock,
            venues,
            markets: Mutex::new(BTreeMap::new()),
            opening: tokio::sync::Mutex::new(()),
            is_closed: AtomicBool::new(false),
            ticker: OnceLock::new(),
            restepped,
            relisting: tokio::sync::Mutex::new(()),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Names of all feeds.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.inner.config.names().map(str::to_owned).collect()
    }

    /// Whether all that a feed tells are index prices, at which nobody trades; and then, whether its configuration lets orders fill
    /// on them.
    #[must_use]
    pub fn index_prices(&self, feed: &str) -> Option<bool> {
        let places = self.places(feed, None).ok()?;
        let is_index = !places.is_empty() && places.iter().all(|(entry, _)| entry.venue.traits().is_index);
        is_index.then(|| places.iter().all(|(entry, _)| entry.feed.fills_on_index))
    }

    /// Asks a feed of one venue what time it is there: whether it can be reached. `None` when it answers and does not tell.
    ///
    /// # Errors
    /// [`FeedError`] when it cannot be reached, or is not the venue.
    pub async fn time(&self, feed: &str) -> Result<Option<Timestamp>, FeedError> {
        let entry = self
            .inner
            .venues
            .get(feed)
            .ok_or_else(|| self.unknown_feed(feed))?;
        entry.venue.time(&entry.rest).await
    }

    /// What a feed lists. Kept for an hour, and asked for once however many ask.
    ///
    /// # Errors
    /// [`FeedError`] when the venue does not say.
    pub async fn listings(&self, feed: &str) -> Result<Arc<Vec<Listing>>, FeedError> {
        let first = self.places(feed, None)?;
        let (entry, _) = first.first().ok_or_else(|| self.unknown_feed(feed))?;
        entry.all_listings().await
    }

    /// Closed bars that open at or after `from` and before `to`, and from when on they are all that there were. Asks page after page,
    /// at most [`FeedHub::MOST_PAGES`]; a route asks its sources in turn until one answers, and the next ones for what is older than
    /// that one reaches back.
    ///
    /// # Errors
    /// [`FeedError`] when no source gives any: that of the first.
    pub async fn bars(
        &self,
        feed: &str,
        symbol: &Symbol,
        timeframe: Timeframe,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<PastBars, FeedError> {
        let factor = self.inner.config.thresholds().outlier_factor;
        let to = to.min(self.inner.clock.now());
        let (mut found, mut first_error) = (None::<PastBars>, None);
        for (entry, called) in self.places(feed, Some(symbol))? {
            let until = found.as_ref().map_or(to, |known| known.since().min(to));
            match entry.bars(&called, timeframe, (from, until), factor).await {
                Ok(past) => match &mut found {
                    None => found = Some(past),
                    Some(known) => known.preceded_by(past),
                },
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
            if found.as_ref().is_some_and(|known| known.since() <= from) {
                break;
            }
        }
        found.ok_or_else(|| first_error.unwrap_or_else(|| self.unknown_feed(feed)))
    }

    /// Listens. The venue is subscribed once, however many listen, to everything that any of them wants.
    ///
    /// # Errors
    /// [`FeedError`] when the symbol is unknown, a key is missing, or the record cannot be opened. A venue whose stream cannot
    /// be reached is no error once the instrument is known: it is tried on, and the record says so. Nor is a source that does not say
    /// what it lists, while the symbol is on record or another one does: it joins when it answers.
    pub async fn subscribe(
        &self,
        feed: &str,
        symbol: &Symbol,
        channels: Channels,
    ) -> Result<Subscription, FeedError> {
        let known = self.places(feed, Some(symbol))?;
        let (first, _) = known.first().ok_or_else(|| self.unknown_feed(feed))?;
        // Nothing needs a key that the venue gives without one; a missing one is said at once, and not only on record.
        if let Err(error @ FeedError::MissingKey { .. }) = first.venue.codec() {
            return Err(error);
        }
        let (instrument, places) = self.begin(feed, symbol, known).await?;
        let handle = self
            .market((feed, symbol), &instrument, &places, channels)
            .await?;
        self.start_ticker();
        Ok(Subscription {
            instrument: handle.instrument(),
            numbers: handle.numbers(),
            _listener: Arc::clone(&handle.listeners),
        })
    }

    /// Ends everything: no source is listened to, and nothing is recorded any more. To be called before the record is closed.
    pub fn close(&self) {
        let now = self.inner.clock.now();
        let handles = {
            let mut markets = self.inner.markets();
            self.inner.is_closed.store(true, Ordering::SeqCst);
            std::mem::take(&mut *markets)
        };
        for handle in handles.into_values() {
            handle.close(now);
            self.inner.leave(&handle);
        }
    }

    /// What went wrong within a span of time, oldest first: of the incidents kept in memory while somebody listens.
    #[must_use]
    pub fn incidents(&self, feed: &str, symbol: &Symbol, from: Timestamp, to: Timestamp) -> Vec<Incident> {
        let handle = self.inner.handle(feed, symbol);
        handle.map_or_else(Vec::new, |handle| {
            handle.look(|market| market.log.between(from, to))
        })
    }

    /// An estimate of the price now. Nothing ever fills on it.
    #[must_use]
    pub fn indicative(&self, feed: &str, symbol: &Symbol) -> Option<Indicative> {
        let now = self.inner.clock.now();
        self.inner
            .handle(feed, symbol)?
            .look(|market| market.indicative(now))
    }

    /// The shared stream of an instrument: the one there is, widened to what is wanted, or a new one. One is opened at a time,
    /// so no two callers make one each.
    async fn market(
        &self,
        (feed, symbol): (&str, &Symbol),
        instrument: &Instrument,
        places: &[Place<'_>],
        channels: Channels,
    ) -> Result<Arc<MarketHandle>, FeedError> {
        let key = (feed.to_owned(), symbol.clone());
        if let Some(handle) = self.widened(&key, places, channels) {
            return Ok(handle);
        }
        let _opening = self.inner.opening.lock().await;
        if let Some(handle) = self.widened(&key, places, channels) {
            return Ok(handle);
        }
        let recording = self.recording(feed, instrument).await?;
        let drivers = places
            .iter()
            .map(|place| place.entry.driver(&self.inner.clock).downgrade());
        let drivers = drivers.collect();
        let market = self.made(feed, instrument, places, channels, &*recording);
        let handle = MarketHandle::new(feed, instrument.clone(), market, recording, channels, drivers);
        let handle = Arc::new(handle);
        // So that the ticker does not take it for idle before the subscription is made.
        let _listener = Arc::clone(&handle.listeners);
        {
            let mut markets = self.inner.markets();
            if self.inner.is_closed.load(Ordering::SeqCst) {
                return Err(FeedError::Refused {
                    venue: feed.to_owned(),
                    detail: "the feeds are closed".to_owned(),
                });
            }
            markets.insert(key, Arc::clone(&handle));
        }
        for (index, place) in places.iter().enumerate() {
            match &place.listing {
                Some(listing) => self.inner.listen(&handle, index, place.entry, listing),
                None if place.is_late => {
                    let source = (place.entry.feed.name.clone(), place.called.clone());
                    tokio::spawn(late::ask(
                        Arc::downgrade(&self.inner),
                        Arc::downgrade(&handle),
                        symbol.clone(),
                        index,
                        source,
                    ));
                }
                None => {}
            }
        }
        Ok(handle)
    }

    /// The shared stream of a symbol, if there is one, with what is wanted.
    fn widened(
        &self,
        key: &(String, Symbol),
        places: &[Place<'_>],
        channels: Channels,
    ) -> Option<Arc<MarketHandle>> {
        let handle = Arc::clone(self.inner.markets().get(key)?);
        if handle.widen(channels) {
            for (index, place) in places.iter().enumerate() {
                if let Some(listing) = &place.listing {
                    self.inner.listen(&handle, index, place.entry, listing);
                }
            }
        }
        Some(handle)
    }

    /// Opens the record of an instrument, on a thread that may wait for the disk.
    async fn recording(&self, feed: &str, instrument: &Instrument) -> Result<Box<dyn Recording>, FeedError> {
        let (recorder, name, of) = (
            Arc::clone(&self.inner.recorder),
            feed.to_owned(),
            instrument.clone(),
        );
        let opened = tokio::task::spawn_blocking(move || recorder.open(&name, &of)).await;
        let detail = match opened {
            Ok(Ok(recording)) => return Ok(recording),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        Err(FeedError::Refused {
            venue: feed.to_owned(),
            detail,
        })
    }

    /// The instrument in whose steps a feed's symbol is on record.
    async fn recorded_as(&self, feed: &str, symbol: &Symbol) -> Option<Instrument> {
        let (recorder, feed, symbol) = (Arc::clone(&self.inner.recorder), feed.to_owned(), symbol.clone());
        let known = tokio::task::spawn_blocking(move || recorder.instrument(&feed, &symbol)).await;
        known.ok().flatten()
    }

    /// A market that goes on with a record.
    fn made(
        &self,
        feed: &str,
        instrument: &Instrument,
        places: &[Place<'_>],
        channels: Channels,
        recording: &dyn Recording,
    ) -> Market {
        let now = self.inner.clock.now();
        let route = self.inner.config.routes.get(feed);
        let has_venue = places.iter().any(|place| !place.entry.venue.traits().is_index);
        let is_barred =
            |entry: &VenueEntry| has_venue && entry.venue.traits().is_index && !entry.feed.fills_on_index;
        let config = MarketConfig {
            instrument: instrument.clone(),
            places: places
                .iter()
                .map(|place| PlaceConfig {
                    name: place.entry.feed.name.as_str().into(),
                    traits: place.entry.traits(channels),
                    is_barred: is_barred(place.entry),
                    instrument: place
                        .listing
                        .as_ref()
                        .map_or(instrument, |listing| &listing.instrument)
                        .clone(),
                })
                .collect(),
            thresholds: self.inner.config.thresholds().clone(),
            hold_on_divergence: route.is_some_and(|route| route.hold_on_divergence),
            recorded_until: recording.last_time(),
            // Room for a million in every millisecond: ids of an earlier run are below.
            first_incident: now.millis().unsigned_abs() << 20,
        };
        let mut market = Market::new(config, now);
        market.resumes_after(recording.last_events());
        market
    }

    /// The sources of a feed, with what each calls the symbol.
    fn places(&self, feed: &str, symbol: Option<&Symbol>) -> Result<Vec<(&VenueEntry, Symbol)>, FeedError> {
        let unnamed: Symbol = "NONE".parse().unwrap_or_else(|_| unreachable!("it is one"));
        let symbol = symbol.unwrap_or(&unnamed);
        if let Some(entry) = self.inner.venues.get(feed) {
            return Ok(vec![(entry, symbol.clone())]);
        }
        let Some(route) = self.inner.config.routes.get(feed) else {
            return Err(self.unknown_feed(feed));
        };
        if !route.symbols.is_empty() && *symbol != unnamed && !route.symbols.contains(symbol) {
            return Err(FeedError::UnknownSymbol {
                venue: feed.to_owned(),
                symbol: symbol.to_string(),
                near: nearest(symbol.as_str(), route.symbols.iter().map(Symbol::as_str)),
            });
        }
        let sources = route.sources.iter();
        let places = sources.filter_map(|source| {
            let entry = self.inner.venues.get(&source.feed)?;
            Some((entry, source.symbol(symbol).clone()))
        });
        Ok(places.collect())
    }

    fn unknown_feed(&self, feed: &str) -> FeedError {
        let near = nearest(feed, self.inner.config.names());
        FeedError::UnknownFeed {
            feed: feed.to_owned(),
            near,
        }
    }

    fn start_ticker(&self) {
        self.inner.ticker.get_or_init(|| {
            let inner = Arc::downgrade(&self.inner);
            tokio::spawn(tick(inner.clone()));
            let restepped = Arc::clone(&self.inner.restepped);
            tokio::spawn(relist::again_and_again(inner, restepped));
        });
    }
}

/// One source of a symbol that is asked for.
struct Place<'a> {
    entry: &'a VenueEntry,
    /// What it calls the symbol.
    called: Symbol,
    /// What it lists, where it answered.
    listing: Option<Arc<Listing>>,
    /// Whether it may answer yet.
    is_late: bool,
}

/// Lets every market look at the clock, and ends those to which nobody listens any more.
async fn tick(inner: Weak<Inner>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        if inner.is_closed.load(Ordering::SeqCst) {
            return;
        }
        let now = inner.clock.now();
        let handles: Vec<_> = inner.markets().values().cloned().collect();
        for handle in &handles {
            handle.with(now, |market| market.tick(now));
        }
        drop(handles);
        inner.end_idle(now);
    }
}

impl Inner {
    fn markets(&self) -> MutexGuard<'_, BTreeMap<(String, Symbol), Arc<MarketHandle>>> {
        lock(&self.markets)
    }

    fn handle(&self, feed: &str, symbol: &Symbol) -> Option<Arc<MarketHandle>> {
        self.markets().get(&(feed.to_owned(), symbol.clone())).cloned()
    }

    fn end_idle(&self, now: Timestamp) {
        let linger = crate::source::millis(self.config.thresholds().linger_s * 1_000);
        let mut ended = Vec::new();
        self.markets().retain(|_, handle| {
            let is_idle = handle.is_idle(now, linger);
            if is_idle {
                ended.push(Arc::clone(handle));
            }
            !is_idle
        });
        for handle in ended {
            handle.with(now, |market| market.end(now));
            self.retire(&handle);
            self.leave(&handle);
        }
    }

    /// Keeps what a market's sources have counted.
    fn retire(&self, handle: &MarketHandle) {
        for entry in self.venues.values() {
            handle.look(|market| {
                let name = entry.feed.name.as_str();
                for place in (0..market.places()).filter(|place| **market.name(*place) == *name) {
                    lock(&entry.retired).add(market.counters(place));
                }
            });
        }
    }

    /// Has a source speak for a market, with what is wanted of it, in the steps that it listed last.
    fn listen(&self, handle: &Arc<MarketHandle>, place: usize, entry: &VenueEntry, listing: &Arc<Listing>) {
        let listing = entry.newest(listing);
        let traits = entry.traits(handle.channels());
        let now = self.clock.now();
        handle.lists(place, &listing);
        handle.with(now, |market| market.widen(place, traits));
        let listen = Command::Listen {
            listing,
            channels: traits.channels,
            market: Arc::clone(handle),
            place,
        };
        // The driver lives as long as the hub.
        let _ = entry.driver(&self.clock).send(listen);
    }

    /// No source speaks for a market any more.
    fn leave(&self, handle: &Arc<MarketHandle>) {
        for driver in self.venues.values().filter_map(|entry| entry.driver.get()) {
            let _ = driver.send(Command::Leave(Arc::clone(handle)));
        }
    }
}

/// The instrument under the symbol that the stream has.
fn named(instrument: &Instrument, symbol: &Symbol) -> Instrument {
    // Another quote currency is another instrument: then it keeps its name.
    let renamed = instrument.clone().with_symbol(symbol.clone());
    renamed.unwrap_or_else(|| instrument.clone())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
