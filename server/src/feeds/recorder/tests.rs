//! The tape's recorder on a real disk.

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

/// The incidents of the house within a thousand seconds.
async fn incidents(storage: &dyn Storage) -> Vec<DataIncident> {
    let span = (Timestamp::EPOCH, Timestamp::from_secs(1_000));
    storage.incidents("house", None, span).await.expect("readable")
}

fn gap(from: i64, to: Option<i64>, count: u64) -> Incident {
    Incident {
        kind: papertape_feeds::IncidentKind::Gap,
        symbol: instrument().symbol().clone(),
        source: "house".to_owned(),
        from: Timestamp::from_secs(from),
        to: to.map(Timestamp::from_secs),
        count,
        detail: format!("{count} trades are missing"),
        touched: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_wrong_is_told_by_the_tape_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let instrument = instrument();
    let seen = {
        let (store, recorder, storage) = with_storage(folder.path()).await;
        let mut recording = recorder.open("house", &instrument).expect("a record");
        // Before anything was told: it waits for that.
        recording.incident(1, &gap(1, Some(2), 1));
        assert_eq!(recording.last_number(), 0);
        assert_eq!(recording.append(&[published(1, 3)]), Ok(2));
        // It begins, counts on and ends, and between is what the market said.
        recording.incident(2, &gap(4, None, 1));
        assert_eq!(recording.append(&[published(4, 5)]), Ok(4));
        recording.incident(2, &gap(4, None, 7));
        recording.incident(2, &gap(4, Some(6), 9));
        recording.incident(3, &gap(8, None, 2));
        assert_eq!(recording.append(&[published(8, 9)]), Ok(8));
        let channel = store.channel("house", &instrument).await.expect("a tape");
        channel.durable(8).await.expect("durable");
        // It is in order with the data, and not of another time than they.
        let all: Vec<Record> = channel.scan(1..=8).collect::<Result<_, _>>().expect("readable");
        let is_event: Vec<bool> = all.iter().map(|record| record.event().is_some()).collect();
        assert_eq!(is_event, [true, false, false, true, false, false, false, true]);
        let times: Vec<i64> = all.iter().map(|record| record.entry.time().secs()).collect();
        assert_eq!(times, [3, 3, 3, 5, 5, 5, 5, 9]);
        recorder.settle().await;
        let seen = incidents(&*storage).await;
        assert_eq!(
            storage
                .incidents_read("house", instrument.symbol())
                .await
                .expect("readable"),
            8
        );
        storage.close().await;
        store.close();
        seen
    };
    let facts: Vec<_> = seen
        .iter()
        .map(|it| (it.from.secs(), it.to.map(Timestamp::secs), it.count))
        .collect();
    assert_eq!(facts, [(1, Some(2), 1), (4, Some(6), 9), (8, None, 2)]);

    // The database is gone. What goes on was not seen to its end: that is when the next run began.
    for file in ["papertape.db", "papertape.db-wal", "papertape.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(file));
    }
    let store = TapeStore::open(&folder.path().join("tape")).expect("a store");
    let storage = Sqlite::open(&folder.path().join("papertape.db"))
        .await
        .expect("a database");
    let storage: Arc<dyn Storage> = Arc::new(storage);
    let recorder = TapeRecorder::new(store.clone(), Arc::clone(&storage), Timestamp::from_secs(20));
    recorder.settle().await;
    let mut expected = seen.clone();
    expected[2].to = Some(Timestamp::from_secs(20));
    assert_eq!(incidents(&*storage).await, expected);
    assert_eq!(
        storage
            .incidents_read("house", instrument.symbol())
            .await
            .expect("readable"),
        8
    );
    // Its last event is what the record goes on from, whatever comes after it.
    let mut again = recorder.open("house", &instrument).expect("a record");
    again.incident(1, &gap(21, None, 1));
    assert_eq!(
        (again.last_number(), again.last_time()),
        (9, Some(Timestamp::from_secs(9)))
    );
    drop(again);
    let again = recorder.open("house", &instrument).expect("a record");
    assert_eq!(again.last_events(), [published(8, 9).event]);
    recorder.settle().await;
    assert_eq!(incidents(&*storage).await.len(), 4);
}

#[tokio::test]
async fn on_the_tape_of_a_replay_are_events_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, recorder, storage) = with_storage(folder.path()).await;
    let recorder = recorder.with_bare(["house".to_owned()]);
    let mut recording = recorder.open("house", &instrument()).expect("a record");
    assert_eq!(recording.append(&[published(1, 3)]), Ok(1));
    recording.incident(1, &gap(4, Some(5), 1));
    assert_eq!(recording.append(&[published(2, 6)]), Ok(2));
    recorder.settle().await;
    assert_eq!(incidents(&*storage).await.len(), 1);
    drop(store);
}
