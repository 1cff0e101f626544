//! Where what is published goes: the recorder, which the tape implements, and the clock that stamps arrivals.

use crate::quality::Incident;
use papertape::market::MarketEvent;
use papertape::model::{Instrument, Symbol, Timestamp};
use std::{fmt::Debug, sync::Arc};

/// One event as it goes on record.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// When we heard of it.
    pub received: Timestamp,
    /// What happened. Its time is never before that of the event before.
    pub event: MarketEvent,
    /// The feed it came from, which within a route is not always the same.
    pub source: Arc<str>,
}

/// Why something cannot be recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record cannot be written: {0}")]
pub struct RecordError(pub String);

/// Keeps what feeds publish.
pub trait Recorder: Debug + Send + Sync {
    /// Goes on with the record of an instrument of a feed, or begins it.
    ///
    /// # Errors
    /// [`RecordError`] when it cannot be opened.
    fn open(&self, feed: &str, instrument: &Instrument) -> Result<Box<dyn Recording>, RecordError>;

    /// The instrument in whose steps there is a record of a feed's symbol. May wait for the disk, as [`Recorder::open`] may.
    fn instrument(&self, feed: &str, symbol: &Symbol) -> Option<Instrument>;
}

/// The record of one instrument of one feed: events numbered from 1 by one, over all restarts.
pub trait Recording: Debug + Send {
    /// The number of the last event; 0 before the first.
    fn last_number(&self) -> u64;

    /// The time of the last event.
    fn last_time(&self) -> Option<Timestamp>;

    /// The last events as far as they have one time, oldest first.
    fn last_events(&self) -> Vec<MarketEvent>;

    /// Appends events and gives the number of the last. Readers find them from then on. All or none are taken.
    ///
    /// # Errors
    /// [`RecordError`] when they are not on record; the same events are offered again later.
    fn append(&mut self, events: &[Published]) -> Result<u64, RecordError>;

    /// Notes that something began, ended or was counted on. `id` tells incidents of one recording apart: the same comes
    /// again when it ends or counts on.
    fn incident(&mut self, id: u64, incident: &Incident);
}

/// What time it is.
pub trait Clock: Debug + Send + Sync {
    /// Now, by this machine.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }
}

/// A recorder in memory, for tests and trials: everything that was published, in order.
#[derive(Clone, Debug, Default)]
pub struct MemoryRecorder {
    kept: Arc<std::sync::Mutex<Kept>>,
}

type Kept = std::collections::BTreeMap<(String, String), MemoryRecord>;

/// What a [`MemoryRecorder`] has of one instrument.
#[derive(Clone, Debug, Default)]
pub struct MemoryRecord {
    /// Events, the first has number 1.
    pub events: Vec<Published>,
    /// Incidents by their ids, as they last stood.
    pub incidents: std::collections::BTreeMap<u64, Incident>,
    /// What is recorded.
    pub instrument: Option<Instrument>,
}

impl MemoryRecorder {
    /// What is on record.
    #[must_use]
    pub fn record(&self, feed: &str, symbol: &str) -> MemoryRecord {
        let key = (feed.to_owned(), symbol.to_owned());
        self.kept().get(&key).cloned().unwrap_or_default()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Recorder for MemoryRecorder {
    fn open(&self, feed: &str, instrument: &Instrument) -> Result<Box<dyn Recording>, RecordError> {
        let key = (feed.to_owned(), instrument.symbol().to_string());
        self.kept().entry(key.clone()).or_default().instrument = Some(instrument.clone());
        Ok(Box::new(MemoryRecording {
            recorder: self.clone(),
            key,
        }))
    }

    fn instrument(&self, feed: &str, symbol: &Symbol) -> Option<Instrument> {
        self.record(feed, symbol.as_str()).instrument
    }
}

#[derive(Debug)]
struct MemoryRecording {
    recorder: MemoryRecorder,
    key: (String, String),
}

impl Recording for MemoryRecording {
    fn last_number(&self) -> u64 {
        self.recorder
            .kept()
            .get(&self.key)
            .map_or(0, |record| record.events.len() as u64)
    }

    fn last_time(&self) -> Option<Timestamp> {
        let kept = self.recorder.kept();
        kept.get(&self.key)?
            .events
            .last()
            .map(|published| published.event.time())
    }

    fn last_events(&self) -> Vec<MarketEvent> {
        let events = self.recorder.record(&self.key.0, &self.key.1).events;
        let last = events.last().map(|published| published.event.time());
        let of_then = events.into_iter().map(|published| published.event);
        of_then.filter(|event| Some(event.time()) == last).collect()
    }

    fn append(&mut self, events: &[Published]) -> Result<u64, RecordError> {
        let mut kept = self.recorder.kept();
        let record = kept.entry(self.key.clone()).or_default();
        record.events.extend_from_slice(events);
        Ok(record.events.len() as u64)
    }

    fn incident(&mut self, id: u64, incident: &Incident) {
        let mut kept = self.recorder.kept();
        let record = kept.entry(self.key.clone()).or_default();
        record.incidents.insert(id, incident.clone());
    }
}
