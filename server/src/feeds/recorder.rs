//! Puts what feeds publish on the tape, and what went wrong: there, and into the data-quality record.

use super::incidents::{Kept, keep};
use super::latest::Latest;
use super::reopening::Reopening;
use crate::storage::{IncidentRecord, Storage};
use papertape::api::DataIncident;
use papertape::market::MarketEvent;
use papertape::model::{Instrument, Symbol, Timestamp};
use papertape_feeds::{Clock as _, Incident, Published, RecordError, Recorder, Recording, SystemClock};
use papertape_tape::{Channel, Entry, Record, Source, TapeError, TapeStore};
use rust_decimal::Decimal;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::atomic::{AtomicU64, Ordering},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{mpsc, oneshot};

/// Records read at once when the last ones are looked for.
const LAST: u64 = 256;
/// Records after which it is written down how far the data-quality record is: after a crash so many are looked through.
const MARK_EVERY: u64 = 65_536;
/// Incidents that wait for a tape that cannot be written at most; the database has them.
const MOST_OWED: usize = 10_000;

/// A feed's name with one of its symbols.
pub(super) type Key = (String, Symbol);

/// Puts what feeds publish on the tape.
#[derive(Debug)]
pub(super) struct TapeRecorder {
    store: TapeStore,
    stamps: Arc<Mutex<Timestamp>>,
    latest: Mutex<BTreeMap<Key, Arc<Mutex<Latest>>>>,
    incidents: mpsc::UnboundedSender<Kept>,
    /// When this run of the server began.
    run: Timestamp,
    /// Incidents that it noted itself.
    notes: Arc<AtomicU64>,
    /// Feeds whose events have the places of their numbers: on their tapes is nothing else.
    bare: BTreeSet<String>,
}

impl TapeRecorder {
    /// A recorder on a tape. Must be made where a Tokio runtime is.
    pub(super) fn new(store: TapeStore, storage: Arc<dyn Storage>, run: Timestamp) -> Self {
        let (incidents, coming) = mpsc::unbounded_channel();
        let notes = Arc::new(AtomicU64::new(1));
        tokio::spawn(keep(store.clone(), storage, (run, Arc::clone(&notes)), coming));
        Self {
            store,
            stamps: Arc::default(),
            latest: Mutex::default(),
            incidents,
            run,
            notes,
            bare: BTreeSet::new(),
        }
    }

    /// With feeds whose events have the places of their numbers, so that nothing else goes on their tapes.
    pub(super) fn with_bare(mut self, feeds: impl IntoIterator<Item = String>) -> Self {
        self.bare.extend(feeds);
        self
    }

    /// Waits until what is known of the data's quality is written.
    pub(super) async fn settle(&self) {
        let keys: Vec<Key> = lock(&self.latest).keys().cloned().collect();
        let store = self.store.clone();
        let reached = move || {
            let durable = |(feed, symbol): Key| {
                let channel = store.existing(&feed, &symbol).ok()?;
                Some(Kept::Reached(feed, symbol, channel.durable_up_to()))
            };
            keys.into_iter().filter_map(durable).collect::<Vec<Kept>>()
        };
        for reached in tokio::task::spawn_blocking(reached).await.unwrap_or_default() {
            let _ = self.incidents.send(reached);
        }
        let (settled, is_settled) = oneshot::channel();
        let _ = self.incidents.send(Kept::Settled(settled));
        let _ = is_settled.await;
    }

    /// That a venue counts in other steps than before, for the record.
    fn note_steps(&self, (feed, symbol): &Key, before: &Instrument, now: &Instrument) -> IncidentRecord {
        let ((tick, lot), (old_tick, old_lot)) = (steps(now), steps(before));
        let at = SystemClock.now();
        let incident = DataIncident {
            kind: "correction".to_owned(),
            feed: feed.clone(),
            symbol: symbol.clone(),
            source: feed.clone(),
            from: at,
            to: Some(at),
            count: 1,
            detail: format!(
                "prices are in steps of {tick} now, sizes of {lot}; before it was {old_tick} and {old_lot}. Sessions go on in the \
                 steps that they began with: where these are coarser, without the order book"
            ),
            touched: Some(Vec::new()),
        };
        tracing::warn!(feed, %symbol, "{}", incident.detail);
        self.numbered(incident)
    }

    /// Puts into the data-quality record what concerns no stream.
    pub(super) fn note(&self, incident: DataIncident) {
        let record = self.numbered(incident);
        let _ = self.incidents.send(Kept::Incident(Box::new(record)));
    }

    fn numbered(&self, incident: DataIncident) -> IncidentRecord {
        IncidentRecord {
            run: self.run,
            // Below those that feeds number.
            number: self.notes.fetch_add(1, Ordering::Relaxed),
            incident,
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
        let before = self.instrument(feed, instrument.symbol());
        let channel = self.store.channel_blocking(feed, instrument).map_err(refuse)?;
        let last_events = last_records(&channel).map_err(refuse)?;
        let last = last_events.last();
        for repair in channel.repairs() {
            tracing::warn!(feed, symbol = %instrument.symbol(), repair, "the tape was put right");
        }
        // The clock may have been set back while nobody looked.
        if let Some(record) = last {
            let mut stamp = lock(&self.stamps);
            *stamp = record.received.max(*stamp);
        }
        let key = (feed.to_owned(), instrument.symbol().clone());
        let latest = Arc::new(Mutex::new(Latest::new(instrument)));
        lock(&self.latest).insert(key.clone(), Arc::clone(&latest));
        let _ = self.incidents.send(Kept::Heard(channel.clone()));
        let mut recording = TapeRecording {
            has_incidents: !self.bare.contains(feed),
            owed: VecDeque::new(),
            marked: channel.durable_up_to(),
            store: self.store.clone(),
            instrument: instrument.clone(),
            reopening: Reopening::default(),
            channel,
            stamps: Arc::clone(&self.stamps),
            latest,
            taken: None,
            last_time: last.and_then(|record| record.event().map(MarketEvent::time)),
            last_events: last_events
                .iter()
                .filter_map(|record| record.event().cloned())
                .collect(),
            key,
            incidents: self.incidents.clone(),
            run: self.run,
        };
        if let Some(before) = before.filter(|it| steps(it) != steps(instrument)) {
            let record = self.note_steps(&recording.key, &before, instrument);
            recording.keep(record);
        }
        Ok(Box::new(recording))
    }

    fn instrument(&self, feed: &str, symbol: &Symbol) -> Option<Instrument> {
        let channel = self.store.existing(feed, symbol).ok()?;
        Some(channel.instrument())
    }
}

/// What an instrument's prices and sizes are counted in.
fn steps(instrument: &Instrument) -> (Decimal, Decimal) {
    (instrument.tick(), instrument.lot())
}

/// The last events of a tape as far as they have one time.
fn last_records(channel: &Channel) -> Result<Vec<Record>, TapeError> {
    // What is on its way to the disk comes after what is there, and may arrive meanwhile.
    let unwritten = channel.unwritten();
    let last = channel.durable_up_to();
    let time = |record: &Record| record.event().map(MarketEvent::time);
    let mut many = LAST;
    loop {
        let from = last.saturating_sub(many - 1).max(channel.first_number());
        let mut records: Vec<Record> = channel.scan(from..=last).collect::<Result<_, _>>()?;
        records.extend(unwritten.iter().filter(|record| record.number > last).cloned());
        records.retain(|record| record.event().is_some());
        let until = records.last().and_then(time);
        let before = records.iter().rposition(|record| time(record) != until);
        if before.is_some() || from <= channel.first_number() {
            let of_then = before.map_or(0, |place| place + 1);
            return Ok(records.into_iter().skip(of_then).collect());
        }
        many *= 4;
    }
}

#[derive(Debug)]
struct TapeRecording {
    store: TapeStore,
    instrument: Instrument,
    /// Of a tape that has failed.
    reopening: Reopening,
    channel: Channel,
    stamps: Arc<Mutex<Timestamp>>,
    latest: Arc<Mutex<Latest>>,
    last_time: Option<Timestamp>,
    /// Those on the tape when it was opened that have the time of the last one.
    last_events: Vec<MarketEvent>,
    /// Of a batch that the tape took in part only: how many it took, and the last of them. The rest comes again with them.
    taken: Option<(usize, Published)>,
    /// Whether what went wrong goes on the tape.
    has_incidents: bool,
    /// What went wrong that is not on the tape yet: its first record is an event, and a tape that has failed takes nothing.
    owed: VecDeque<IncidentRecord>,
    /// Up to which number it is written down that the data-quality record has what the tape has.
    marked: u64,
    key: Key,
    incidents: mpsc::UnboundedSender<Kept>,
    run: Timestamp,
}

impl Recording for TapeRecording {
    fn last_number(&self) -> u64 {
        self.channel.last_number()
    }

    fn last_time(&self) -> Option<Timestamp> {
        self.last_time
    }

    fn last_events(&self) -> Vec<MarketEvent> {
        self.last_events.clone()
    }

    /// Stamps are told apart over all symbols of all feeds, in the order in which events go on tape: sessions that listen to
    /// several take them in by it, on every run alike. A tape that has failed is opened anew, and goes on with what it had taken.
    fn append(&mut self, events: &[Published]) -> Result<u64, RecordError> {
        if let Some(failure) = self.channel.failure() {
            let anew = self.reopening.poll(&self.store, &self.instrument, &self.channel);
            self.channel = anew.ok_or_else(|| RecordError(failure.to_string()))?;
        }
        self.pay();
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
        drop(latest);
        // Those before the first event.
        number = self.pay().max(number);
        let durable = self.channel.durable_up_to();
        if durable >= self.marked.saturating_add(MARK_EVERY) {
            self.marked = durable;
            let (feed, symbol) = self.key.clone();
            let _ = self.incidents.send(Kept::Reached(feed, symbol, durable));
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
                touched: incident.touched.clone(),
            },
        };
        self.keep(record);
    }
}

impl TapeRecording {
    /// Puts what went wrong on the tape, before what is told next, and into the data-quality record.
    fn keep(&mut self, record: IncidentRecord) {
        if self.has_incidents {
            if self.owed.len() >= MOST_OWED {
                self.owed.pop_front();
            }
            self.owed.push_back(record.clone());
            self.pay();
        }
        let _ = self.incidents.send(Kept::Incident(Box::new(record)));
    }

    /// Puts on the tape what it is owed, as far as it takes it, with the market's time: it does not move the tape's. Gives the
    /// number of the last record.
    fn pay(&mut self) -> u64 {
        if let Some(time) = self.last_time
            && self.channel.failure().is_none()
        {
            while let Some(record) = self.owed.front() {
                // Plain data: it is JSON.
                let json = serde_json::to_string(record).unwrap_or_default();
                let source = Source::from(record.incident.source.as_str());
                let mut last = lock(&self.stamps);
                let stamp = SystemClock.now().max(last.plus_nanos(1));
                if self.channel.append_incident(stamp, &source, time, json).is_err() {
                    break;
                }
                *last = stamp;
                self.owed.pop_front();
            }
        }
        self.channel.last_number()
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
