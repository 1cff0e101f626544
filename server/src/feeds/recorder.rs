//! Puts what feeds publish on the tape, and what went wrong into the data-quality record.

use super::latest::Latest;
use super::reopening::Reopening;
use crate::storage::{IncidentRecord, Storage, Write};
use papertape::api::DataIncident;
use papertape::market::MarketEvent;
use papertape::model::{Instrument, Symbol, Timestamp};
use papertape_feeds::{Clock as _, Incident, Published, RecordError, Recorder, Recording, SystemClock};
use papertape_tape::{Channel, Entry, Record, Source, TapeError, TapeStore};
use rust_decimal::Decimal;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{mpsc, oneshot};

/// Records read at once when the last ones are looked for.
const LAST: u64 = 256;

/// A feed's name with one of its symbols.
pub(super) type Key = (String, Symbol);

/// What goes into the data-quality record, in order.
#[derive(Debug)]
enum Kept {
    Write(Write),
    /// Somebody waits until all before it is written.
    Reached(oneshot::Sender<()>),
}

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
    notes: AtomicU64,
}

impl TapeRecorder {
    /// A recorder on a tape. Must be made where a Tokio runtime is.
    pub(super) fn new(store: TapeStore, storage: Arc<dyn Storage>, run: Timestamp) -> Self {
        let (incidents, mut wanted) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(kept) = wanted.recv().await {
                match kept {
                    Kept::Write(write) => {
                        if let Err(error) = storage.commit(write).await {
                            tracing::error!(%error, "the data-quality record could not be written");
                        }
                    }
                    // Nobody waits any more: so be it.
                    Kept::Reached(reached) => drop(reached.send(())),
                }
            }
        });
        Self {
            store,
            stamps: Arc::default(),
            latest: Mutex::default(),
            incidents,
            run,
            notes: AtomicU64::new(1),
        }
    }

    /// Waits until what is known of the data's quality is written.
    pub(super) async fn settle(&self) {
        let (reached, is_reached) = oneshot::channel();
        let _ = self.incidents.send(Kept::Reached(reached));
        let _ = is_reached.await;
    }

    /// Says on the record that a venue counts in other steps than before.
    fn note_steps(&self, (feed, symbol): &Key, before: &Instrument, now: &Instrument) {
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
        };
        tracing::warn!(feed, %symbol, "{}", incident.detail);
        let record = IncidentRecord {
            run: self.run,
            // Below those that feeds number.
            number: self.notes.fetch_add(1, Ordering::Relaxed),
            incident,
        };
        let _ = self
            .incidents
            .send(Kept::Write(Write::Incident(Box::new(record))));
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
        let _ = self.incidents.send(Kept::Write(Write::IncidentsEnded {
            feed: key.0.clone(),
            symbol: key.1.clone(),
            run: self.run,
        }));
        if let Some(before) = before.filter(|it| steps(it) != steps(instrument)) {
            self.note_steps(&key, &before, instrument);
        }
        Ok(Box::new(TapeRecording {
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
        }))
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

/// The last records of a tape as far as they have one time.
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
        let _ = self
            .incidents
            .send(Kept::Write(Write::Incident(Box::new(record))));
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::RecordedStream;
    use crate::storage::Sqlite;
    use papertape::market::TradeTick;
    use papertape::model::Side;
    use papertape::testkit::instrument;
    use papertape_tape::Settings;
    use std::time::Duration;

    /// A trade at so many seconds, the price of which is its number.
    fn published(number: u64, secs: i64) -> Published {
        Published {
            received: Timestamp::from_secs(secs),
            event: MarketEvent::Trade(TradeTick {
                time: Timestamp::from_secs(secs),
                price: number as f64,
                size: 1.0,
                aggressor: Side::Buy,
            }),
            source: "house".into(),
        }
    }

    async fn recorder(folder: &std::path::Path) -> (TapeStore, TapeRecorder) {
        let (store, recorder, _) = with_storage(folder).await;
        (store, recorder)
    }

    async fn with_storage(folder: &std::path::Path) -> (TapeStore, TapeRecorder, Arc<dyn Storage>) {
        let settings = Settings {
            linger: Duration::ZERO,
            records_per_segment: 10,
            ..Settings::default()
        };
        let store = TapeStore::open_with(&folder.join("tape"), settings).expect("a store");
        let storage = Sqlite::open(&folder.join("papertape.db"))
            .await
            .expect("a database");
        let storage: Arc<dyn Storage> = Arc::new(storage);
        let recorder = TapeRecorder::new(store.clone(), Arc::clone(&storage), Timestamp::EPOCH);
        (store, recorder, storage)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_tape_that_fails_is_opened_anew_and_nothing_is_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, recorder) = recorder(folder.path()).await;
        let instrument = instrument();
        let mut recording = recorder.open("house", &instrument).expect("a record");
        let mut stream = RecordedStream::open(store, "house", instrument.symbol())
            .await
            .expect("a tape");
        let first: Vec<Published> = (1..=5).map(|number| published(number, number as i64)).collect();
        assert_eq!(recording.append(&first), Ok(5));
        stream.wait_for(5).await;
        // The disk is away: what is told is taken until another file is begun, and then waits.
        let (there, away) = (folder.path().join("tape/house"), folder.path().join("away"));
        std::fs::rename(&there, &away).expect("it is away");
        let mut number = 6;
        while recording.append(&[published(number, number as i64)]).is_ok() {
            number += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(number > 10, "{number}");
        // No other tape begins in its place, however often it is asked for.
        let asked = tokio::time::Instant::now();
        while asked.elapsed() < 2 * super::super::reopening::FIRST_PAUSE {
            assert!(recording.append(&[published(number, number as i64)]).is_err());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!there.exists());
        std::fs::rename(&away, &there).expect("it is back");
        while recording.append(&[published(number, number as i64)]) != Ok(number) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for number in 1..=number {
            stream.wait_for(number).await;
            let record = stream
                .read(number)
                .expect("it can be read")
                .expect("it is durable");
            assert_eq!(
                record.event(),
                Some(&published(number, number as i64).event),
                "{number}"
            );
        }
    }

    #[tokio::test]
    async fn a_record_knows_its_last_events_of_one_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, recorder) = recorder(folder.path()).await;
        let instrument = instrument();
        assert_eq!(recorder.instrument("house", instrument.symbol()), None);
        let mut recording = recorder.open("house", &instrument).expect("a record");
        assert_eq!((recording.last_time(), recording.last_events().len()), (None, 0));
        let mut all: Vec<Published> = (1..=3).map(|number| published(number, 7)).collect();
        // More than are looked at in one go.
        all.extend((4..=4 + LAST).map(|number| published(number, 9)));
        let last = recording.append(&all).expect("appended");
        let channel = store.channel("house", &instrument).await.expect("a tape");
        channel.durable(last).await.expect("durable");
        let again = recorder.open("house", &instrument).expect("a record");
        let expected: Vec<MarketEvent> = all.into_iter().skip(3).map(|published| published.event).collect();
        assert_eq!(again.last_time(), Some(Timestamp::from_secs(9)));
        assert_eq!(again.last_events(), expected);
        assert_eq!(
            recorder.instrument("house", instrument.symbol()),
            Some(instrument)
        );
    }

    #[tokio::test]
    async fn steps_that_a_venue_changes_are_on_the_record() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_store, recorder, storage) = with_storage(folder.path()).await;
        let old = instrument();
        let finer = Instrument::new(
            old.symbol().clone(),
            old.tick() / Decimal::TEN,
            old.lot(),
            Decimal::ZERO,
            Decimal::ONE,
        );
        let finer = finer.expect("an instrument");
        for instrument in [&old, &old, &finer, &finer, &old] {
            drop(recorder.open("house", instrument).expect("a record"));
        }
        recorder.settle().await;
        let span = (Timestamp::EPOCH, SystemClock.now());
        let found = storage
            .incidents("house", Some(old.symbol()), span)
            .await
            .expect("readable");
        let details: Vec<&str> = found.iter().map(|it| it.detail.as_str()).collect();
        assert_eq!(details.len(), 2, "{details:?}");
        assert!(
            details[0].starts_with("prices are in steps of 0.001 now"),
            "{details:?}"
        );
        assert!(
            details[1].starts_with("prices are in steps of 0.01 now"),
            "{details:?}"
        );
    }
}
