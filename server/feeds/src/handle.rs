//! A market that several tasks share, and its record.

use crate::connection::Command;
use crate::market::Market;
use crate::record::Recording;
use crate::source::Want;
use crate::venue::{Channels, Listing};
use papertape::model::{Instrument, Symbol, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, watch};

/// One published stream.
#[derive(Debug)]
pub(crate) struct MarketHandle {
    /// The feed's name.
    pub(crate) feed: String,
    pub(crate) symbol: Symbol,
    state: Mutex<State>,
    numbers: watch::Sender<u64>,
    /// Of each source, who speaks with its venue.
    drivers: Vec<mpsc::WeakUnboundedSender<Command>>,
    /// Held by every listener, and by this once.
    pub(crate) listeners: Arc<()>,
}

#[derive(Debug)]
struct State {
    instrument: Instrument,
    /// What its sources list, as far as they said.
    listings: Vec<Option<Arc<Listing>>>,
    market: Market,
    recording: Box<dyn Recording>,
    /// What any listener wants.
    channels: Channels,
    idle_since: Option<Timestamp>,
    last_error: Option<String>,
    /// Nothing is recorded any more.
    is_closed: bool,
}

impl MarketHandle {
    /// Events that wait for a record that cannot be written; more are given up.
    const MOST_WAITING: usize = 100_000;

    pub(crate) fn new(
        feed: &str,
        instrument: Instrument,
        market: Market,
        recording: Box<dyn Recording>,
        channels: Channels,
        drivers: Vec<mpsc::WeakUnboundedSender<Command>>,
    ) -> Self {
        Self {
            feed: feed.to_owned(),
            symbol: instrument.symbol().clone(),
            numbers: watch::Sender::new(recording.last_number()),
            state: Mutex::new(State {
                listings: vec![None; market.places()],
                instrument,
                market,
                recording,
                channels,
                idle_since: None,
                last_error: None,
                is_closed: false,
            }),
            drivers,
            listeners: Arc::new(()),
        }
    }

    pub(crate) fn numbers(&self) -> watch::Receiver<u64> {
        self.numbers.subscribe()
    }

    /// Tells the market something, records what it publishes and asks for what it wants.
    pub(crate) fn with<T>(self: &Arc<Self>, now: Timestamp, act: impl FnOnce(&mut Market) -> T) -> T {
        let mut state = self.state();
        let result = act(&mut state.market);
        let wants: Vec<(usize, Want)> = state.market.wants().collect();
        self.flush(&mut state, now);
        drop(state);
        for (place, want) in wants {
            if let Some(driver) = self.drivers[place].upgrade() {
                // Nobody there: the hub is gone, and so is the need.
                let _ = driver.send(Command::Want(Arc::clone(self), place, want));
            }
        }
        result
    }

    /// Looks at the market without changing it.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Market) -> T) -> T {
        look(&self.state().market)
    }

    /// Wants `more` too; whether that is more than before.
    pub(crate) fn widen(&self, more: Channels) -> bool {
        let mut state = self.state();
        let all = state.channels.or(more);
        let is_more = all != state.channels;
        state.channels = all;
        is_more
    }

    /// What any listener wants.
    pub(crate) fn channels(&self) -> Channels {
        self.state().channels
    }

    /// What is traded, in the steps in which it is published.
    pub(crate) fn instrument(&self) -> Instrument {
        self.state().instrument.clone()
    }

    /// What its sources list, as far as they said.
    pub(crate) fn listings(&self) -> Vec<Option<Arc<Listing>>> {
        self.state().listings.clone()
    }

    /// A source of it lists this; the market learns it from whoever speaks with the venue, when it is read so.
    pub(crate) fn lists(&self, place: usize, listing: &Arc<Listing>) {
        let mut state = self.state();
        if let Some(known) = state.listings.get_mut(place) {
            *known = Some(Arc::clone(listing));
        }
    }

    /// Goes on after [`MarketHandle::close`] as another market, on another record, or as it was.
    pub(crate) fn renew(&self, anew: Option<(Instrument, Market, Box<dyn Recording>)>) {
        let mut state = self.state();
        if let Some((instrument, market, recording)) = anew {
            state.instrument = instrument;
            state.market = market;
            state.recording = recording;
        }
        state.is_closed = false;
    }

    /// Records what there is, and nothing from now on.
    pub(crate) fn close(&self, now: Timestamp) {
        let mut state = self.state();
        self.flush(&mut state, now);
        state.is_closed = true;
    }

    /// Whether nobody has listened for so long.
    pub(crate) fn is_idle(&self, now: Timestamp, linger_nanos: i64) -> bool {
        let mut state = self.state();
        if Arc::strong_count(&self.listeners) > 1 {
            state.idle_since = None;
            return false;
        }
        let since = *state.idle_since.get_or_insert(now);
        now.since(since) >= linger_nanos
    }

    pub(crate) fn last_error(&self) -> Option<String> {
        self.state().last_error.clone()
    }

    fn flush(&self, state: &mut State, now: Timestamp) {
        if state.is_closed {
            state.market.out().clear();
            return;
        }
        for (id, incident) in state.market.log.take_changed() {
            state.recording.incident(id, &incident);
        }
        if state.market.out().is_empty() {
            return;
        }
        match state.recording.append(state.market.out()) {
            Ok(number) => {
                state.market.out().clear();
                if state.last_error.take().is_some() {
                    tracing::info!(feed = self.feed, symbol = %self.symbol, "what waited is recorded");
                    state.market.record_goes_on(now);
                }
                self.numbers.send_replace(number);
            }
            Err(error) => {
                if state.last_error.is_none() {
                    tracing::error!(feed = self.feed, symbol = %self.symbol, %error, "events wait to be recorded");
                    state.market.record_waits(&error.to_string(), now);
                }
                state.last_error = Some(error.to_string());
                let waiting = state.market.out().len();
                if waiting > Self::MOST_WAITING {
                    state.market.record_torn(waiting as u64, now);
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
