//! One venue of one configured feed: a socket that is kept alive and opened again, the REST side where it fails, and the
//! symbols that are listened to.

mod backoff;
mod entry;
mod lanes;
mod outbox;
mod polls;
mod slots;
mod socket;

use crate::breaker::Breaker;
use crate::handle::MarketHandle;
use crate::listed::Listed;
use crate::record::Clock;
use crate::rest::Rest;
use crate::source::Want;
use crate::status::{BreakerState, ConnectionState};
use crate::venue::{Channels, FeedError, Listing, Slot, Told, Venue};
use backoff::Backoff;
use entry::Entry;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
pub(crate) use lanes::{Lanes, Statuses, standing};
use papertape::market::{DepthSnapshot, Random, TradeTick};
use papertape::model::Timestamp;
use socket::{Happened, Socket};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// What a driver is told to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Listen to a symbol, for a market in which this is the source at `place`.
    Listen {
        listing: Arc<Listing>,
        channels: Channels,
        market: Arc<MarketHandle>,
        place: usize,
    },
    /// A market ends.
    Leave(Arc<MarketHandle>),
    /// A market wants something of its source at this place.
    Want(Arc<MarketHandle>, usize, Want),
}

/// How a driver stands, for those who ask.
#[derive(Clone, Debug, Default)]
pub(crate) struct DriverStatus {
    pub(crate) connection: ConnectionState,
    pub(crate) breaker: BreakerState,
    /// Connections after the first.
    pub(crate) reconnects: u64,
    pub(crate) last_message: Option<Timestamp>,
    /// When something went wrong last, and what.
    pub(crate) last_error: Option<(Timestamp, String)>,
    pub(crate) undecodable: u64,
}

/// See the module's comment.
#[derive(Debug)]
pub(crate) struct Driver {
    feed: String,
    venue: Arc<dyn Venue>,
    rest: Rest,
    tls: Arc<rustls::ClientConfig>,
    clock: Arc<dyn Clock>,
    listed: Arc<Listed>,
    status: Arc<Mutex<DriverStatus>>,
    slots: BTreeMap<usize, Entry>,
    next_slot: usize,
    socket: Socket,
    /// What takes the socket's place when it stands: the venue has said that it closes the one in use, or soon would.
    coming: Socket,
    breaker: Breaker,
    backoff: Backoff,
    /// Of the connection that takes the place of the one in use.
    coming_backoff: Backoff,
    random: Random,
    /// Not before this is anybody polled anew, where many are polled together.
    next_poll: Instant,
    requests: FuturesUnordered<BoxFuture<'static, Done>>,
    told: Vec<Told>,
    /// Whether a connection has ever stood.
    has_stood: bool,
}

/// An answer that came, for a slot or for several.
#[derive(Debug)]
enum Done {
    Book(usize, Result<DepthSnapshot, FeedError>),
    Trades(usize, Result<Vec<(u64, TradeTick)>, FeedError>),
    Polls(Vec<polls::Answer>),
}

/// How often timers are looked at.
const TICK: Duration = Duration::from_millis(100);
/// A socket may be away for so long before the venue is asked over REST.
const POLL_AFTER: Duration = Duration::from_secs(3);

/// Whoever is sent away for longer than this asks once more after it: what says so may be something on the way to the venue, and
/// one handshake an hour is no load.
const LONGEST_REFUSAL: Duration = Duration::from_secs(3_600);

impl Driver {
    pub(crate) fn new(
        feed: &str,
        venue: Arc<dyn Venue>,
        rest: Rest,
        tls: Arc<rustls::ClientConfig>,
        clock: Arc<dyn Clock>,
        listed: Arc<Listed>,
        status: Arc<Mutex<DriverStatus>>,
    ) -> Self {
        let now = clock.now();
        let name = feed
            .bytes()
            .fold(0_u64, |hash, byte| hash.rotate_left(8) ^ u64::from(byte));
        Self {
            feed: feed.to_owned(),
            venue,
            rest,
            tls,
            listed,
            status,
            slots: BTreeMap::new(),
            next_slot: 0,
            socket: Socket::Idle,
            coming: Socket::Idle,
            breaker: Breaker::new(now),
            backoff: Backoff::default(),
            coming_backoff: Backoff::default(),
            // Only so that many processes do not come back at one moment.
            random: Random::new(now.nanos().cast_unsigned() ^ name),
            next_poll: Instant::now(),
            requests: FuturesUnordered::new(),
            told: Vec::new(),
            has_stood: false,
            clock,
        }
    }

    /// Runs until the hub is gone.
    pub(crate) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => return,
                },
                happened = self.socket.next() => self.happened(happened),
                happened = self.coming.next() => self.came(happened),
                Some(done) = self.requests.next(), if !self.requests.is_empty() => self.done(done),
                _ = tick.tick(), if !self.slots.is_empty() => self.tick(),
            }
            self.socket.send().await;
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Listen {
                listing,
                channels,
                market,
                place,
            } => self.listen(listing, channels, market, place),
            Command::Leave(market) => self.leave(&market),
            Command::Want(market, place, want) => self.want(&market, place, want),
        }
    }

    fn done(&mut self, done: Done) {
        let now = self.clock.now();
        match done {
            Done::Book(slot, answer) => {
                let Some(entry) = self.slots.get_mut(&slot) else {
                    return;
                };
                entry.is_book_asked = false;
                for (market, place) in &entry.markets {
                    let answer = answer.clone();
                    market.with(now, |market| market.book_came(*place, answer, now));
                }
                // What was left undone went not wrong.
                let is_wrong = |error: &FeedError| !matches!(error, FeedError::NoneFree { .. });
                self.note(answer.err().filter(is_wrong));
            }
            Done::Trades(slot, answer) => {
                let Some(entry) = self.slots.get_mut(&slot) else {
                    return;
                };
                entry.is_trades_asked = false;
                for (market, place) in &entry.markets {
                    let answer = answer.clone();
                    market.with(now, |market| market.trades_came(*place, answer, now));
                }
                self.note(answer.err());
            }
            Done::Polls(answers) => self.polled(answers, now),
        }
    }

    fn happened(&mut self, happened: Happened) {
        let now = self.clock.now();
        match happened {
            Happened::Opened => {
                let has_stood = std::mem::replace(&mut self.has_stood, true);
                self.show(|status| {
                    status.connection = ConnectionState::Connected;
                    status.reconnects += u64::from(has_stood);
                });
                for entry in self.slots.values_mut() {
                    entry.is_polled = false;
                    for (market, place) in &entry.markets {
                        market.with(now, |market| market.connected(*place, now));
                    }
                }
                self.subscribe_all();
            }
            Happened::Frame(bytes) => self.frame(&bytes, now),
            Happened::Alive => {}
            Happened::Closed(why) => self.closed(&self.rest.secrets().blot(&why)),
            Happened::Shut(why, wait, is_ban) => {
                let (wait, why) = self.refused_for(&why, wait, is_ban);
                self.breaker.refused(crate::source::nanos(wait), now);
                self.closed_for(&why, wait);
            }
        }
    }

    /// The handshake was refused for so long: how long nobody comes back, and the reason in words that say so.
    fn refused_for(&self, why: &str, said: Duration, is_ban: bool) -> (Duration, String) {
        let wait = said.min(LONGEST_REFUSAL);
        self.rest.shut_by(wait, is_ban);
        (wait, refusal(why, said, is_ban))
    }

    fn frame(&mut self, bytes: &[u8], now: Timestamp) {
        let mut told = std::mem::take(&mut self.told);
        told.clear();
        let mut replies = Vec::new();
        let read = match self.socket.codec() {
            Some(codec) => codec.read(bytes, now, &mut told, &mut replies),
            None => Ok(()),
        };
        self.socket.queue(replies);
        self.show(|status| status.last_message = Some(now));
        let secrets = self.rest.secrets();
        told.iter_mut().for_each(|told| secrets.blot_told(told));
        if let Err(error) = read {
            // It quotes the beginning of the frame, in which a key may be cut in two.
            let why = match secrets.are_in(bytes) {
                true => "it repeats a key of ours, and is not shown".to_owned(),
                false => error.0,
            };
            tracing::debug!(feed = self.feed, why, "a frame makes no sense");
            self.show(|status| status.undecodable += 1);
            self.everybody(now, |market, place| market.undecodable(place, &why, now));
        }
        let (mut is_going, mut refused, mut refused_one) = (false, None, None);
        for run in told.chunk_by(|a, b| slot_of(a) == slot_of(b)) {
            match (slot_of(&run[0]), &run[0]) {
                (Some(slot), _) => {
                    if let Some(entry) = self.slots.get_mut(&slot.0) {
                        entry.note_status(run);
                        entry.note_steps(run, &self.listed);
                        refused_one = entry.note_refusal(run, &mut self.random).or(refused_one);
                        for (market, place) in &entry.markets {
                            market.with(now, |market| {
                                run.iter().for_each(|told| market.told(*place, told, now));
                            });
                        }
                    }
                }
                (None, Told::GoingAway) => is_going = true,
                (None, first) => {
                    if let Told::Refused { error, .. } = first {
                        refused = Some(error.clone());
                    }
                    self.everybody(now, |market, place| {
                        run.iter().for_each(|told| market.told(place, told, now));
                    });
                }
            }
        }
        self.told = told;
        self.note(refused_one);
        if let Some(error) = refused {
            let why = error.to_string();
            self.note(Some(error));
            self.closed(&why);
        } else {
            if is_going {
                self.going_away();
            }
            self.subscribe_all();
        }
    }

    /// What the connection told is over, and so are its subscriptions.
    fn forget(&mut self, why: &str, now: Timestamp) {
        for entry in self.slots.values_mut() {
            (entry.is_subscribed, entry.status, entry.again_at) = (false, None, None);
            entry.poll_at = Instant::now() + POLL_AFTER;
            if entry.is_polled {
                continue;
            }
            for (market, place) in &entry.markets {
                market.with(now, |market| market.disconnected(*place, now, why));
            }
        }
    }

    fn closed(&mut self, why: &str) {
        self.closed_for(why, Duration::ZERO);
    }

    /// It is closed, and the venue wants nobody back for so long.
    fn closed_for(&mut self, why: &str, least: Duration) {
        let now = self.clock.now();
        self.forget(&format!("the connection broke and is opened anew: {why}"), now);
        if matches!(self.coming, Socket::Opening(..)) {
            self.socket = std::mem::replace(&mut self.coming, Socket::Idle);
            self.show(|status| status.connection = ConnectionState::Connecting);
            return;
        }
        // What was to take its place would take that of the next.
        self.coming = Socket::Idle;
        tracing::info!(feed = self.feed, why, "connection lost");
        if least.is_zero() {
            self.breaker.failed(now);
        }
        self.show(|status| status.last_error = Some((now, why.to_owned())));
        let wait = self.backoff.failed(&mut self.random);
        let open = Duration::from_nanos(self.breaker.wait(now).unsigned_abs());
        self.socket = Socket::Waiting(Instant::now() + wait.max(open).max(least));
        self.show(|status| status.connection = ConnectionState::Waiting);
        self.show_breaker(now);
    }

    /// The venue says that it closes the connection, or a channel of it is dead. Where that stands only just, another is no better: it is opened after a
    /// wait that grows.
    fn going_away(&mut self) {
        if self.socket.stood().is_some_and(Backoff::is_planned) {
            self.replace();
        } else if self.socket.is_on() && matches!(self.coming, Socket::Idle) {
            let wait = self.coming_backoff.failed(&mut self.random);
            self.coming = Socket::Waiting(Instant::now() + wait);
        }
    }

    /// Opens another connection beside the one in use, which goes on until the other stands or the venue ends it.
    fn replace(&mut self) {
        if self.socket.is_on()
            && matches!(self.coming, Socket::Idle)
            && let Ok(Some(codec)) = self.venue.codec()
        {
            self.coming = Socket::connect(codec, Arc::clone(&self.tls), self.clock.now());
        }
    }

    /// What takes the socket's place stands, or could not be opened.
    fn came(&mut self, happened: Happened) {
        match happened {
            Happened::Opened => {
                let now = self.clock.now();
                self.forget(
                    "another connection takes the place of one that the venue closes",
                    now,
                );
                self.socket = std::mem::replace(&mut self.coming, Socket::Idle);
                self.happened(Happened::Opened);
            }
            Happened::Closed(why) => self.no_other(&self.rest.secrets().blot(&why), Duration::ZERO),
            Happened::Shut(why, wait, is_ban) => {
                let (wait, why) = self.refused_for(&why, wait, is_ban);
                self.no_other(&why, wait);
            }
            Happened::Frame(_) | Happened::Alive => {}
        }
    }

    fn no_other(&mut self, why: &str, least: Duration) {
        tracing::info!(feed = self.feed, why, "no other connection yet");
        let wait = self.coming_backoff.failed(&mut self.random);
        self.coming = Socket::Waiting(Instant::now() + wait.max(least));
    }

    fn connect(&mut self) {
        let now = self.clock.now();
        self.breaker.attempt(now);
        self.show_breaker(now);
        match self.venue.codec() {
            Ok(Some(codec)) => {
                self.show(|status| status.connection = ConnectionState::Connecting);
                self.socket = Socket::connect(codec, Arc::clone(&self.tls), self.clock.now());
            }
            Ok(None) => {
                self.socket = Socket::None;
                self.show(|status| status.connection = ConnectionState::Polling);
            }
            Err(error) => {
                let why = error.to_string();
                self.note(Some(error.clone()));
                self.everybody(now, |market, place| {
                    let refused = Told::Refused {
                        slot: None,
                        error: error.clone(),
                    };
                    market.told(place, &refused, now);
                });
                self.closed(&why);
            }
        }
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        match self.socket.check() {
            Some(Ended::Dead(why)) => self.closed(&why),
            Some(Ended::Old) => self.replace(),
            Some(Ended::Rested) => self.connect(),
            None => {}
        }
        if self.coming.check() == Some(Ended::Rested) {
            self.coming = Socket::Idle;
            self.replace();
        }
        if let Some(stood) = self.socket.stood() {
            let since = now.plus_nanos(-i64::try_from(stood.as_nanos()).unwrap_or(i64::MAX));
            self.breaker.well(since, now);
            self.backoff.stood(stood);
            if matches!(self.coming, Socket::Idle) {
                self.coming_backoff.stood(stood);
            }
            self.show_breaker(now);
        }
        self.ask_again();
        self.poll();
    }

    fn has_stream(&self) -> bool {
        !matches!(self.socket, Socket::None)
    }

    fn everybody(&self, now: Timestamp, mut act: impl FnMut(&mut crate::market::Market, usize)) {
        for entry in self.slots.values() {
            for (market, place) in &entry.markets {
                market.with(now, |market| act(market, *place));
            }
        }
    }

    fn note(&self, error: Option<FeedError>) {
        if let Some(error) = error {
            tracing::info!(feed = self.feed, %error, "a request failed");
            let now = self.clock.now();
            self.show(|status| status.last_error = Some((now, error.to_string())));
        }
    }

    fn show_breaker(&self, now: Timestamp) {
        let state = self.breaker.state();
        let before = std::mem::replace(&mut self.status().breaker, state);
        if before != state {
            self.everybody(now, |market, place| market.breaker(place, state, now));
        }
    }

    fn show(&self, show: impl FnOnce(&mut DriverStatus)) {
        show(&mut self.status());
    }

    fn status(&self) -> MutexGuard<'_, DriverStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a socket is done with.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ended {
    /// It says nothing any more.
    Dead(String),
    /// The venue is about to close it.
    Old,
    /// The wait for the next attempt is over.
    Rested,
}

/// That a handshake was refused for so long, and when it is tried again.
fn refusal(why: &str, said: Duration, is_ban: bool) -> String {
    let what = if is_ban { "a ban" } else { "too many requests" };
    let said_s = said.as_secs();
    if said > LONGEST_REFUSAL {
        let wait_s = LONGEST_REFUSAL.as_secs();
        format!("{why}: {what}, for {said_s} s; it is tried again every {wait_s} s all the same")
    } else {
        format!("{why}: {what}; it is tried again in {said_s} s")
    }
}

/// The slot that something is about; `None` when it is about all.
pub(crate) fn slot_of(told: &Told) -> Option<Slot> {
    match told {
        Told::Trade { slot, .. }
        | Told::Quote { slot, .. }
        | Told::OneSided { slot }
        | Told::BarLost { slot, .. }
        | Told::Depth { slot, .. }
        | Told::Book { slot, .. }
        | Told::Bar { slot, .. }
        | Told::Status { slot, .. }
        | Told::Correction { slot, .. }
        | Told::Relayed { slot, .. }
        | Told::RelayedIncident { slot, .. }
        | Told::Renumbered { slot, .. }
        | Told::Listed { slot, .. }
        | Told::Subscribed { slot } => Some(*slot),
        Told::Lost { slot, .. }
        | Told::KeptOff { slot, .. }
        | Told::TradeLost { slot }
        | Told::Refused { slot, .. } => *slot,
        Told::Time(_) | Told::Heartbeat | Told::GoingAway => None,
    }
}
