//! One shared subscription a symbol, however many listen.

use crate::config::{ConfigError, Feed, FeedsConfig, nearest};
use crate::connection::{Command, Driver, DriverStatus};
use crate::handle::MarketHandle;
use crate::market::{Market, MarketConfig, PlaceConfig};
use crate::quality::Incident;
use crate::record::{Clock, Recorder};
use crate::rest::Rest;
use crate::source::SourceTraits;
use crate::status::{ConnectionState, Counters, FeedStatus, Indicative, SymbolStatus};
use crate::venue::{Channels, FeedError, Listing, Venue};
use papertape::market::Bar;
use papertape::model::{Instrument, Symbol, Timeframe, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

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
    ticker: OnceLock<()>,
}

/// One venue of one configured feed.
#[derive(Debug)]
struct VenueEntry {
    feed: Feed,
    venue: Arc<dyn Venue>,
    rest: Rest,
    tls: Arc<rustls::ClientConfig>,
    status: Arc<Mutex<DriverStatus>>,
    /// Whoever speaks with the venue, from when somebody first listens.
    driver: OnceLock<mpsc::UnboundedSender<Command>>,
    listings: tokio::sync::Mutex<Listings>,
    /// What symbols counted that nobody listens to any more.
    retired: Mutex<Counters>,
}

/// What a venue lists, as far as it was asked for.
#[derive(Debug, Default)]
struct Listings {
    all: Option<(tokio::time::Instant, Arc<Vec<Listing>>)>,
    single: BTreeMap<Symbol, (tokio::time::Instant, Arc<Listing>)>,
}

/// How long listings are believed.
const LISTINGS_FOR: Duration = Duration::from_secs(3_600);
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
        for feed in config.feeds() {
            let wrong = |error: FeedError| ConfigError::Venue {
                feed: feed.name.clone(),
                detail: error.to_string(),
            };
            let Some(venue) = crate::venues::open(&feed.venue, feed.config.clone()) else {
                continue;
            };
            let entry = VenueEntry::new(feed, venue.map_err(wrong)?, clock.now()).map_err(wrong)?;
            venues.insert(feed.name.clone(), entry);
        }
        let inner = Inner {
            config,
            recorder,
            clock,
            venues,
            markets: Mutex::new(BTreeMap::new()),
            ticker: OnceLock::new(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// How every feed stands.
    #[must_use]
    pub fn feeds(&self) -> Vec<FeedStatus> {
        let markets = self.inner.markets().values().cloned().collect::<Vec<_>>();
        let symbols = |feed: &str| {
            let of_feed = markets.iter().filter(|market| market.feed == feed);
            of_feed.map(|market| symbol_status(market)).collect::<Vec<_>>()
        };
        let venues = self.inner.venues.iter().map(|(name, entry)| {
            let driver = entry.driver_status();
            let mut counters = *lock(&entry.retired);
            let mut skew = None;
            for market in &markets {
                market.look(|market| {
                    for place in (0..market.places()).filter(|place| **market.name(*place) == **name) {
                        counters.add(market.counters(place));
                        skew = skew.or_else(|| market.skew_nanos(place));
                    }
                });
            }
            FeedStatus {
                feed: name.clone(),
                venue: Some(entry.feed.venue.clone()),
                sources: Vec::new(),
                connection: driver.connection,
                breaker: driver.breaker,
                counters,
                reconnects: driver.connects.saturating_sub(1),
                last_message: driver.last_message,
                clock_skew_ms: skew.map(|nanos| -(nanos as f64) / 1e6),
                budget: entry.rest.budget_status(),
                last_error: driver.last_error,
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
                counters: Counters::default(),
                reconnects: 0,
                last_message: symbols.iter().filter_map(|symbol| symbol.last_heard).max(),
                clock_skew_ms: None,
                budget: Vec::new(),
                last_error: None,
                symbols,
            }
        });
        venues.chain(routes).collect()
    }

    /// Names of all feeds.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.inner.config.names().map(str::to_owned).collect()
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

    /// One instrument of a feed; a route's is that of its first source.
    ///
    /// # Errors
    /// [`FeedError::UnknownSymbol`] when it is not listed; others when the venue does not say.
    pub async fn instrument(&self, feed: &str, symbol: &Symbol) -> Result<Instrument, FeedError> {
        let places = self.places(feed, Some(symbol))?;
        let (entry, called) = places.first().ok_or_else(|| self.unknown_feed(feed))?;
        let listing = entry.listing(called).await?;
        Ok(named(&listing.instrument, symbol))
    }

    /// Closed bars that open at or after `from` and before `to`, oldest first. Asks page after page, at most
    /// [`FeedHub::MOST_PAGES`]; a route asks its sources in turn until one answers.
    ///
    /// # Errors
    /// [`FeedError`] when no source gives them: that of the first.
    pub async fn bars(
        &self,
        feed: &str,
        symbol: &Symbol,
        timeframe: Timeframe,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Bar>, FeedError> {
        let mut first_error = None;
        for (entry, called) in self.places(feed, Some(symbol))? {
            match entry
                .bars(&called, timeframe, from, to.min(self.inner.clock.now()))
                .await
            {
                Ok(bars) => return Ok(bars),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.unwrap_or_else(|| self.unknown_feed(feed)))
    }

    /// Listens. The venue is subscribed once, however many listen, to everything that any of them wants.
    ///
    /// # Errors
    /// [`FeedError`] when the symbol is unknown, a key is missing, or the record cannot be opened. A venue whose stream cannot
    /// be reached is no error once the instrument is known: it is tried on, and the record says so.
    pub async fn subscribe(
        &self,
        feed: &str,
        symbol: &Symbol,
        channels: Channels,
    ) -> Result<Subscription, FeedError> {
        let mut places = Vec::new();
        for (index, (entry, called)) in self.places(feed, Some(symbol))?.into_iter().enumerate() {
            match entry.listing(&called).await {
                Ok(listing) => places.push((entry, listing)),
                // The first one's steps are the stream's: without it there is none.
                Err(error) if index == 0 => return Err(error),
                Err(error) => tracing::warn!(feed, source = entry.feed.name, %error, "a source is left out"),
            }
        }
        // Nothing needs a key that the venue gives without one; a missing one is said at once, and not only on record.
        let (first, _) = places.first().ok_or_else(|| self.unknown_feed(feed))?;
        if let Err(error @ FeedError::MissingKey { .. }) = first.venue.codec() {
            return Err(error);
        }
        let handle = self.market(feed, symbol, &places, channels)?;
        self.start_ticker();
        Ok(Subscription {
            instrument: handle.instrument.clone(),
            numbers: handle.numbers(),
            _listener: Arc::clone(&handle.listeners),
        })
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

    /// The shared stream of a symbol: the one there is, widened to what is wanted, or a new one. Nothing is awaited, so no two
    /// callers make one each.
    fn market(
        &self,
        feed: &str,
        symbol: &Symbol,
        places: &[(&VenueEntry, Arc<Listing>)],
        channels: Channels,
    ) -> Result<Arc<MarketHandle>, FeedError> {
        let mut markets = self.inner.markets();
        let key = (feed.to_owned(), symbol.clone());
        let now = self.inner.clock.now();
        let (handle, all, is_more) = if let Some(handle) = markets.get(&key) {
            let (all, is_more) = handle.widen(channels);
            (Arc::clone(handle), all, is_more)
        } else {
            let handle = Arc::new(self.open(feed, symbol, places, channels, now)?);
            markets.insert(key, Arc::clone(&handle));
            (handle, channels, true)
        };
        // So that the ticker does not take it for idle before the subscription is made.
        let listener = Arc::clone(&handle.listeners);
        drop(markets);
        if is_more {
            for (place, (entry, listing)) in places.iter().enumerate() {
                let traits = entry.traits(all);
                handle.with(now, |market| market.widen(place, traits));
                let listen = Command::Listen {
                    listing: Arc::clone(listing),
                    channels: traits.channels,
                    market: Arc::clone(&handle),
                    place,
                };
                // The driver lives as long as the hub.
                let _ = entry.driver(&self.inner.clock).send(listen);
            }
        }
        drop(listener);
        Ok(handle)
    }

    fn open(
        &self,
        feed: &str,
        symbol: &Symbol,
        places: &[(&VenueEntry, Arc<Listing>)],
        channels: Channels,
        now: Timestamp,
    ) -> Result<MarketHandle, FeedError> {
        let (_, first) = places.first().ok_or_else(|| self.unknown_feed(feed))?;
        let instrument = named(&first.instrument, symbol);
        let recording = self.inner.recorder.open(feed, &instrument);
        let recording = recording.map_err(|error| FeedError::Refused {
            venue: feed.to_owned(),
            detail: error.to_string(),
        })?;
        let route = self.inner.config.routes.get(feed);
        let config = MarketConfig {
            instrument: instrument.clone(),
            places: places
                .iter()
                .map(|(entry, listing)| PlaceConfig {
                    name: entry.feed.name.as_str().into(),
                    traits: entry.traits(channels),
                    instrument: listing.instrument.clone(),
                })
                .collect(),
            thresholds: self.inner.config.thresholds().clone(),
            hold_on_divergence: route.is_some_and(|route| route.hold_on_divergence),
            recorded_until: recording.last_time(),
            // Room for a million in every millisecond: ids of an earlier run are below.
            first_incident: now.millis().unsigned_abs() << 20,
        };
        let drivers = places
            .iter()
            .map(|(entry, _)| entry.driver(&self.inner.clock).downgrade());
        let drivers = drivers.collect();
        Ok(MarketHandle::new(
            feed,
            instrument,
            Market::new(config, now),
            recording,
            channels,
            drivers,
        ))
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
            tokio::spawn(tick(inner));
        });
    }
}

/// Lets every market look at the clock, and ends those to which nobody listens any more.
async fn tick(inner: Weak<Inner>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let Some(inner) = inner.upgrade() else { return };
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
            for entry in self.venues.values() {
                handle.look(|market| {
                    let name = entry.feed.name.as_str();
                    for place in (0..market.places()).filter(|place| **market.name(*place) == *name) {
                        lock(&entry.retired).add(market.counters(place));
                    }
                });
                if let Some(driver) = entry.driver.get() {
                    let _ = driver.send(Command::Leave(Arc::clone(&handle)));
                }
            }
        }
    }
}

impl VenueEntry {
    fn new(feed: &Feed, venue: Arc<dyn Venue>, now: Timestamp) -> Result<Self, FeedError> {
        let ca_file = feed.ca_file.as_deref();
        let rest = Rest::new(&feed.name, venue.rest_url(), venue.traits(), ca_file, now)?;
        Ok(Self {
            feed: feed.clone(),
            venue,
            rest,
            tls: Arc::new(crate::tls::client(&feed.name, ca_file)?),
            status: Arc::default(),
            driver: OnceLock::new(),
            listings: tokio::sync::Mutex::default(),
            retired: Mutex::default(),
        })
    }

    fn traits(&self, channels: Channels) -> SourceTraits {
        SourceTraits::new(self.venue.traits(), channels, self.feed.stale_after)
    }

    fn driver_status(&self) -> DriverStatus {
        lock(&self.status).clone()
    }

    fn driver(&self, clock: &Arc<dyn Clock>) -> &mpsc::UnboundedSender<Command> {
        self.driver.get_or_init(|| {
            let (sender, receiver) = mpsc::unbounded_channel();
            let driver = Driver::new(
                &self.feed.name,
                Arc::clone(&self.venue),
                self.rest.clone(),
                Arc::clone(&self.tls),
                Arc::clone(clock),
                Arc::clone(&self.status),
            );
            tokio::spawn(driver.run(receiver));
            sender
        })
    }

    async fn all_listings(&self) -> Result<Arc<Vec<Listing>>, FeedError> {
        // Held while asking: who comes meanwhile has the same answer.
        let mut kept = self.listings.lock().await;
        if let Some((asked, all)) = &kept.all
            && asked.elapsed() < LISTINGS_FOR
        {
            return Ok(Arc::clone(all));
        }
        let all = Arc::new(self.venue.listings(&self.rest, None).await?);
        kept.all = Some((tokio::time::Instant::now(), Arc::clone(&all)));
        Ok(all)
    }

    async fn listing(&self, symbol: &Symbol) -> Result<Arc<Listing>, FeedError> {
        let mut kept = self.listings.lock().await;
        if let Some((asked, listing)) = kept.single.get(symbol)
            && asked.elapsed() < LISTINGS_FOR
        {
            return Ok(Arc::clone(listing));
        }
        let whole = kept
            .all
            .as_ref()
            .filter(|(asked, _)| asked.elapsed() < LISTINGS_FOR);
        let listings = match whole {
            Some((_, all)) => Arc::clone(all),
            None => Arc::new(self.venue.listings(&self.rest, Some(symbol)).await?),
        };
        let found = listings
            .iter()
            .find(|listing| listing.instrument.symbol() == symbol);
        let Some(found) = found else {
            let known = listings
                .iter()
                .map(|listing| listing.instrument.symbol().as_str());
            return Err(FeedError::UnknownSymbol {
                venue: self.feed.name.clone(),
                symbol: symbol.to_string(),
                near: nearest(symbol.as_str(), known),
            });
        };
        let found = Arc::new(found.clone());
        let entry = (tokio::time::Instant::now(), Arc::clone(&found));
        kept.single.insert(symbol.clone(), entry);
        Ok(found)
    }

    async fn bars(
        &self,
        symbol: &Symbol,
        timeframe: Timeframe,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Bar>, FeedError> {
        let known = &self.venue.traits().timeframes;
        if !known.contains(&timeframe) {
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            return Err(FeedError::UnsupportedTimeframe {
                venue: self.feed.name.clone(),
                timeframe,
                known: known.join(", "),
            });
        }
        let listing = self.listing(symbol).await?;
        let (mut bars, mut next) = (Vec::<Bar>::new(), from);
        for _ in 0..FeedHub::MOST_PAGES {
            if next >= to {
                break;
            }
            let page = self.venue.bars(&self.rest, &listing, timeframe, next, to).await?;
            let before = next;
            for bar in page {
                // Whatever the venue answers: in order, once, possible.
                if bar.open_time >= next && bar.open_time < to && bar.check().is_ok() {
                    next = timeframe.close_of(bar.open_time);
                    bars.push(bar);
                }
            }
            if next == before {
                break;
            }
        }
        Ok(bars)
    }
}

/// The instrument under the symbol that the stream has.
fn named(instrument: &Instrument, symbol: &Symbol) -> Instrument {
    // Another quote currency is another instrument: then it keeps its name.
    let renamed = instrument.clone().with_symbol(symbol.clone());
    renamed.unwrap_or_else(|| instrument.clone())
}

fn symbol_status(handle: &MarketHandle) -> SymbolStatus {
    let number = *handle.numbers().borrow();
    let broken = handle.last_error();
    handle.look(|market| SymbolStatus {
        symbol: handle.symbol.clone(),
        source: market.name(market.active()).to_string(),
        status: market.status(),
        why: broken.or_else(|| market.why()),
        number,
        last_heard: market.last_heard(),
        reference_price: market.reference(),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
