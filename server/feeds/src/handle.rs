//! A market that several tasks share, and its record.

use crate::connection::Command;
use crate::market::Market;
use crate::record::Recording;
use crate::source::Want;
use crate::venue::Channels;
use papertape::model::{Instrument, Symbol, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, watch};

/// One published stream.
#[derive(Debug)]
pub(crate) struct MarketHandle {
    /// The feed's name.
    pub(crate) feed: String,
    pub(crate) symbol: Symbol,
    pub(crate) instrument: Instrument,
    state: Mutex<State>,
    numbers: watch::Sender<u64>,
    /// Of each source, who speaks with its venue.
    drivers: Vec<mpsc::WeakUnboundedSender<Command>>,
    /// Held by every listener, and by this once.
    pub(crate) listeners: Arc<()>,
}

#[derive(Debug)]
struct State {
    market: Market,
    recording: Box<dyn Recording>,
    /// What any listener wants.
    channels: Channels,
    idle_since: Option<Timestamp>,
    last_error: Option<String>,
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
            instrument,
            numbers: watch::Sender::new(recording.last_number()),
            state: Mutex::new(State {
                market,
                recording,
                channels,
                idle_since: None,
                last_error: None,
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

    /// What any listener wants, with `more`; whether that is more than before.
    pub(crate) fn widen(&self, more: Channels) -> (Channels, bool) {
        let mut state = self.state();
        let all = state.channels.or(more);
        let is_more = all != state.channels;
        state.channels = all;
        (all, is_more)
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
        for (id, incident) in state.market.log.take_changed() {
            state.recording.incident(id, &incident);
        }
        if state.market.out().is_empty() {
            return;
        }
        match state.recording.append(state.market.out()) {
            Ok(number) => {
                state.market.out().clear();
                state.last_error = None;
                self.numbers.send_replace(number);
            }
            Err(error) => {
                if state.last_error.is_none() {
                    tracing::error!(feed = self.feed, symbol = %self.symbol, %error, "events wait to be recorded");
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
