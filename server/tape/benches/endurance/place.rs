//! Local venues, the hub that listens to them, and its record on tapes; all by a clock that the venues' time moves.

use papertape::model::{Instrument, Symbol, Timestamp};
use papertape_feeds::testkit::binance::Binance;
use papertape_feeds::testkit::{
    Act, Conversation, Faults, Mock, Reply, Request, Server, Stage, TrueMarket, Truth, TruthEvent,
};
use papertape_feeds::{
    Channels, Clock, FeedHub, FeedsConfig, Frame, Incident, Published, RecordError, Recorder, Recording,
};
use papertape_tape::{Channel, Entry, Source, TapeError, TapeStore};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Symbols of one venue: so many a local one has.
const SYMBOLS: usize = 6;
/// Seconds of market time that a symbol may be silent: something happens to one of these every three seconds only.
const SILENCE: u64 = 120;
/// Trades and bars that a venue keeps.
const KEPT: usize = 1_000;
/// How far what is told is behind what happened.
const WAY: i64 = 50_000_000;
/// Who has told nothing for so long has nothing more to tell.
const PATIENCE: Duration = Duration::from_millis(300);

/// A clock that is set.
#[derive(Debug)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

/// See the module's comment.
pub(crate) struct Place {
    pub(crate) hub: FeedHub,
    venues: Vec<Server>,
    clock: Arc<Hand>,
    frames: Arc<AtomicU64>,
    incidents: Arc<Mutex<Tally>>,
    /// Messages that the hub has heard when all frames are: confirmations, less what a cut connection took along.
    besides: i64,
}

impl Place {
    pub(crate) async fn open(symbols: usize, at: Timestamp, store: &TapeStore) -> Self {
        let frames = Arc::<AtomicU64>::default();
        let mut venues = Vec::new();
        let mut toml = String::new();
        for index in 0..symbols.div_ceil(SYMBOLS) {
            let truth = Truth::seeded_at(index as u64, SYMBOLS, at).keeping(KEPT);
            let mock = Counted {
                venue: Binance::new(),
                frames: Arc::clone(&frames),
            };
            let server = Server::start(Stage::new(truth, mock, Faults::none())).await;
            let server = server.expect("a free port");
            let config = server.config();
            toml += &format!(
                "[feeds.venue{index}]\nvenue = \"binance\"\nrest_url = \"{}\"\nstream_url = \"{}\"\nstale_after_s = {SILENCE}\n",
                config.rest_url.expect("an address"),
                config.stream_url.expect("an address")
            );
            venues.push(server);
        }
        let clock = Arc::new(Hand(AtomicI64::new(at.nanos())));
        let incidents = Arc::<Mutex<Tally>>::default();
        let recorder = Tapes {
            store: store.clone(),
            incidents: Arc::clone(&incidents),
            last: Arc::new(Mutex::new(at)),
        };
        let config = FeedsConfig::parse(&toml, &|_| None).expect("a configuration");
        let hub = FeedHub::new(config, Arc::new(recorder), Arc::clone(&clock) as _).expect("feeds");
        Self {
            hub,
            venues,
            clock,
            frames,
            incidents,
            besides: 0,
        }
    }

    /// So many symbols, each with its feed.
    pub(crate) fn symbols(&self, count: usize) -> Vec<(String, Symbol)> {
        let each = self.venues.iter().enumerate().flat_map(|(index, venue)| {
            let symbols = venue.with(|stage| {
                let markets = stage.truth.markets.iter();
                let symbols = markets.map(|market| market.instrument.symbol().clone());
                symbols.collect::<Vec<_>>()
            });
            symbols
                .into_iter()
                .map(move |symbol| (format!("venue{index}"), symbol))
        });
        each.take(count).collect()
    }

    /// The next things happen at every venue.
    pub(crate) fn goes_on(&self, now: Timestamp, count: usize) {
        for venue in &self.venues {
            venue.with(|stage| stage.truth.now = now.max(stage.truth.now));
            venue.advance(count);
        }
        let last = self
            .venues
            .iter()
            .map(|venue| venue.with(|stage| stage.truth.now))
            .max();
        let now = last.unwrap_or(now).plus_nanos(WAY);
        self.clock.0.store(now.nanos(), Ordering::SeqCst);
    }

    /// Waits until everything told was heard.
    pub(crate) async fn settle(&mut self) {
        let (mut last, mut moved) = (0, Instant::now());
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let feeds = self.hub.feeds();
            let heard = feeds
                .iter()
                .map(|feed| feed.counters.messages)
                .sum::<u64>()
                .cast_signed();
            let told = self.frames().cast_signed() + self.besides;
            if heard >= told {
                self.besides += heard - told;
                return;
            }
            if heard != last {
                (last, moved) = (heard, Instant::now());
            } else if moved.elapsed() > PATIENCE {
                self.besides += heard - told;
                return;
            }
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// How many entries the data-quality records have, by what they say.
    pub(crate) fn incidents(&self) -> Tally {
        self.incidents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn reconnects(&self) -> u64 {
        self.hub.feeds().iter().map(|feed| feed.reconnects).sum()
    }

    /// One venue in turn does this to its connections.
    pub(crate) fn all_sockets_of(&self, turn: usize, act: &Act) {
        self.venues[turn % self.venues.len()].all_sockets(act);
    }
}

/// A venue that counts the frames in which it tells what happened.
#[derive(Debug)]
struct Counted {
    venue: Binance,
    frames: Arc<AtomicU64>,
}

impl Mock for Counted {
    fn answer(&mut self, request: &Request, truth: &Truth, at: Duration) -> Reply {
        self.venue.answer(request, truth, at)
    }

    fn connect(&mut self, request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        Ok(Box::new(Counting {
            conversation: self.venue.connect(request)?,
            frames: Arc::clone(&self.frames),
        }))
    }
}

#[derive(Debug)]
struct Counting {
    conversation: Box<dyn Conversation>,
    frames: Arc<AtomicU64>,
}

impl Conversation for Counting {
    fn opened(&mut self, truth: &Truth) -> Vec<Act> {
        self.conversation.opened(truth)
    }

    fn received(&mut self, frame: &Frame, truth: &Truth, at: Duration) -> Vec<Act> {
        self.conversation.received(frame, truth, at)
    }

    fn tell(&mut self, event: &TruthEvent, truth: &Truth) -> Vec<Frame> {
        let frames = self.conversation.tell(event, truth);
        self.frames.fetch_add(frames.len() as u64, Ordering::Relaxed);
        frames
    }

    fn listens(&self, market: &TrueMarket) -> Channels {
        self.conversation.listens(market)
    }
}

/// Entries of data-quality records by their kind and the words with which they began, without numbers.
pub(crate) type Tally = BTreeMap<String, u64>;

/// What an entry is about.
fn words(incident: &Incident) -> String {
    let has_no_digit = |word: &&str| !word.chars().any(|c| c.is_ascii_digit());
    let words: Vec<&str> = incident.detail.split_whitespace().filter(has_no_digit).collect();
    format!("{:?}: {}", incident.kind, words.join(" "))
}

/// Records on tapes, as a server does.
#[derive(Debug)]
struct Tapes {
    store: TapeStore,
    incidents: Arc<Mutex<Tally>>,
    /// When a record last came in, over all tapes.
    last: Arc<Mutex<Timestamp>>,
}

impl Recorder for Tapes {
    fn open(&self, feed: &str, instrument: &Instrument) -> Result<Box<dyn Recording>, RecordError> {
        let channel = self.store.channel_blocking(feed, instrument);
        Ok(Box::new(OnTape {
            channel: channel.map_err(refused)?,
            incidents: Arc::clone(&self.incidents),
            last_incident: 0,
            last: Arc::clone(&self.last),
            last_time: None,
        }))
    }

    fn instrument(&self, feed: &str, symbol: &Symbol) -> Option<Instrument> {
        let channel = self.store.existing(feed, symbol).ok()?;
        Some(channel.instrument())
    }
}

#[derive(Debug)]
struct OnTape {
    channel: Channel,
    incidents: Arc<Mutex<Tally>>,
    /// The number of the last that was counted: each comes again when it ends or counts on.
    last_incident: u64,
    last: Arc<Mutex<Timestamp>>,
    last_time: Option<Timestamp>,
}

impl OnTape {
    fn append(&self, received: Timestamp, source: &Source, entry: Entry) -> Result<u64, RecordError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = received.max(last.plus_nanos(1));
        loop {
            match self.channel.append_batch(*last, source, [entry.clone()]) {
                // The disk is behind: so is everybody then.
                Err(TapeError::Behind { .. }) => std::thread::sleep(Duration::from_millis(1)),
                appended => return appended.map_err(refused),
            }
        }
    }
}

impl Recording for OnTape {
    fn last_number(&self) -> u64 {
        self.channel.last_number()
    }

    fn last_time(&self) -> Option<Timestamp> {
        self.last_time
    }

    fn last_events(&self) -> Vec<papertape::market::MarketEvent> {
        Vec::new()
    }

    fn append(&mut self, events: &[Published]) -> Result<u64, RecordError> {
        for published in events {
            let source = Source::from(&*published.source);
            OnTape::append(
                self,
                published.received,
                &source,
                Entry::Event(published.event.clone()),
            )?;
            self.last_time = Some(published.event.time());
        }
        Ok(self.channel.last_number())
    }

    fn incident(&mut self, id: u64, incident: &Incident) {
        if id > self.last_incident {
            self.last_incident = id;
            let mut incidents = self.incidents.lock().unwrap_or_else(PoisonError::into_inner);
            *incidents.entry(words(incident)).or_default() += 1;
        }
        if let Some(time) = self.last_time {
            let json = serde_json::to_string(incident).expect("plain data");
            let source = Source::from(incident.source.as_str());
            OnTape::append(self, time, &source, Entry::Incident { time, json }).expect("it is on the tape");
        }
    }
}

fn refused(error: TapeError) -> RecordError {
    RecordError(error.to_string())
}
