//! Puts what feeds publish on the tape, and what went wrong into the data-quality record.

use super::latest::Latest;
use crate::storage::{IncidentRecord, Storage, Write};
use papertape::api::DataIncident;
use papertape::market::MarketEvent;
use papertape::model::{Instrument, Symbol, Timestamp};
use papertape_feeds::{Incident, Published, RecordError, Recorder, Recording};
use papertape_tape::{Channel, Entry, Source, TapeError, TapeStore};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::mpsc;

/// A feed's name with one of its symbols.
pub(super) type Key = (String, Symbol);

/// Puts what feeds publish on the tape.
#[derive(Debug)]
pub(super) struct TapeRecorder {
    store: TapeStore,
    stamps: Arc<Mutex<Timestamp>>,
    latest: Mutex<BTreeMap<Key, Arc<Mutex<Latest>>>>,
    incidents: mpsc::UnboundedSender<Write>,
    /// When this run of the server began.
    run: Timestamp,
}

impl TapeRecorder {
    /// A recorder on a tape. Must be made where a Tokio runtime is.
    pub(super) fn new(store: TapeStore, storage: Arc<dyn Storage>, run: Timestamp) -> Self {
        let (incidents, mut wanted) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(write) = wanted.recv().await {
                if let Err(error) = storage.commit(write).await {
                    tracing::error!(%error, "the data-quality record could not be written");
                }
            }
        });
        Self {
            store,
            stamps: Arc::default(),
            latest: Mutex::default(),
            incidents,
            run,
        }
    }

    /// What was last told of a symbol.
    pub(super) fn latest(&self, feed: &str, symbol: &Symbol) -> Option<Arc<Mutex<Latest>>> {
        lock(&self.latest)
            .get(&(feed.to_owned(), symbol.clone()))
            .cloned()
    }
}

impl Recorder for TapeRecorder {
    fn open(&self, feed: &str, instrument: &Instrument) -> Result<Box<dyn Recording>, RecordError> {
        let refuse = |error: TapeError| RecordError(error.to_string());
        let channel = self.store.channel_blocking(feed, instrument).map_err(refuse)?;
        let last = channel.durable_up_to();
        let last = channel
            .scan(last.max(1)..=last)
            .last()
            .transpose()
            .map_err(refuse)?;
        for repair in channel.repairs() {
            tracing::warn!(feed, symbol = %instrument.symbol(), repair, "the tape was put right");
        }
        // The clock may have been set back while nobody looked.
        if let Some(record) = &last {
            let mut stamp = lock(&self.stamps);
            *stamp = record.received.max(*stamp);
        }
        let key = (feed.to_owned(), instrument.symbol().clone());
        let latest = Arc::new(Mutex::new(Latest::new(instrument)));
        lock(&self.latest).insert(key.clone(), Arc::clone(&latest));
        let _ = self.incidents.send(Write::IncidentsEnded {
            feed: key.0.clone(),
            symbol: key.1.clone(),
            run: self.run,
        });
        Ok(Box::new(TapeRecording {
            channel,
            stamps: Arc::clone(&self.stamps),
            latest,
            taken: None,
            last_time: last.and_then(|record| record.event().map(MarketEvent::time)),
            key,
            incidents: self.incidents.clone(),
            run: self.run,
        }))
    }
}

#[derive(Debug)]
struct TapeRecording {
    channel: Channel,
    stamps: Arc<Mutex<Timestamp>>,
    latest: Arc<Mutex<Latest>>,
    last_time: Option<Timestamp>,
    /// Of a batch that the tape took in part only: how many it took, and the last of them. The rest comes again with them.
    taken: Option<(usize, Published)>,
    key: Key,
    incidents: mpsc::UnboundedSender<Write>,
    run: Timestamp,
}

impl Recording for TapeRecording {
    fn last_number(&self) -> u64 {
        self.channel.last_number()
    }

    fn last_time(&self) -> Option<Timestamp> {
        self.last_time
    }

    /// Stamps are told apart over all symbols of all feeds, in the order in which events go on tape: sessions that listen to
    /// several take them in by it, on every run alike.
    fn append(&mut self, events: &[Published]) -> Result<u64, RecordError> {
        let taken = self.taken.take();
        let before = taken
            .as_ref()
            .filter(|(count, last)| events.get(count - 1) == Some(last));
        let before = before.map_or(0, |(count, _)| *count);
        let mut last = lock(&self.stamps);
        let mut number = self.channel.last_number();
        for (place, published) in events.iter().enumerate().skip(before) {
            let stamp = published.received.max(last.plus_nanos(1));
            let source = Source::from(&*published.source);
            match self
                .channel
                .append_batch(stamp, &source, [Entry::Event(published.event.clone())])
            {
                Ok(appended) => number = appended,
                Err(error) => {
                    let last_taken = place.checked_sub(1).map(|last| (place, events[last].clone()));
                    self.taken = last_taken;
                    return Err(RecordError(error.to_string()));
                }
            }
            *last = stamp;
        }
        drop(last);
        let mut latest = lock(&self.latest);
        for published in events {
            self.last_time = Some(published.event.time());
            latest.take(published);
        }
        Ok(number)
    }

    fn incident(&mut self, id: u64, incident: &Incident) {
        let kind = serde_json::to_value(incident.kind).ok();
        let kind = kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or_default();
        let record = IncidentRecord {
            run: self.run,
            number: id,
            incident: DataIncident {
                kind: kind.to_owned(),
                feed: self.key.0.clone(),
                symbol: self.key.1.clone(),
                source: incident.source.clone(),
                from: incident.from,
                to: incident.to,
                count: incident.count,
                detail: incident.detail.clone(),
            },
        };
        let _ = self.incidents.send(Write::Incident(Box::new(record)));
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
