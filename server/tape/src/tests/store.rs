//! What goes in comes out: over segments, the open part, restarts, and at the live end.

use super::{entries, same, source, trade};
use crate::{Channel, Entry, Record, Settings, Source, TapeError, TapeStore};
use papertape::market::{DepthKind, DepthUpdate, Level, MarketEvent};
use papertape::model::Timestamp;
use papertape::testkit::instrument;
use proptest::prelude::*;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

pub(super) fn settings(records_per_segment: u64) -> Settings {
    Settings {
        linger: Duration::ZERO,
        records_per_segment,
        tail_bytes: 2_048,
        writers: 2,
        ..Settings::default()
    }
}

pub(super) fn instrument_channel(folder: &Path, records_per_segment: u64) -> (TapeStore, Channel) {
    let store = TapeStore::open_with(folder, settings(records_per_segment)).expect("a store");
    let channel = store
        .channel_blocking("binance", &instrument())
        .expect("a channel");
    (store, channel)
}

pub(super) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Waits until every full write-ahead file is a segment.
pub(super) fn wait_until_sealed(channel: &Channel) {
    while channel.0.lock().wals.len() > 1 {
        assert!(channel.0.lock().seal_failed.is_none());
        std::thread::yield_now();
    }
}

pub(super) fn wait_until_durable(channel: &Channel) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime
        .block_on(channel.durable(channel.last_number()))
        .expect("durable");
}

pub(super) fn read(channel: &Channel) -> Vec<Record> {
    channel
        .scan(1..=u64::MAX)
        .map(|record| record.expect("a record"))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Every kind of event, any numbers, any order of times: bit for bit, in and out of segments and over a restart.
    #[test]
    fn everything_comes_back_as_it_was(entries in entries(), per_segment in 1..40_u64, restarts in 0..3_usize) {
        let folder = folder();
        let (mut store, mut channel) = instrument_channel(folder.path(), per_segment);
        let each = entries.len().div_ceil(restarts + 1);
        for (index, (received, source, entry)) in entries.iter().enumerate() {
            if index > 0 && index % each == 0 {
                drop((store, channel));
                (store, channel) = instrument_channel(folder.path(), per_segment);
                prop_assert_eq!(channel.repairs(), &[] as &[String]);
            }
            let number = channel.append_batch(*received, source, [entry.clone()]);
            prop_assert_eq!(number.expect("appended"), index as u64 + 1);
        }
        wait_until_durable(&channel);
        wait_until_sealed(&channel);
        let mut latest = Timestamp::from_nanos(i64::MIN);
        let found = read(&channel);
        prop_assert_eq!(found.len(), entries.len());
        for ((index, record), (received, source, entry)) in found.iter().enumerate().zip(&entries) {
            latest = latest.max(*received);
            prop_assert_eq!(record.number, index as u64 + 1);
            prop_assert_eq!(record.received, latest);
            prop_assert_eq!(&record.source, source);
            prop_assert!(same(&record.entry, entry), "{:?} is not {:?}", record.entry, entry);
        }
        let verified = channel.verify();
        prop_assert_eq!(&verified.problems, &[] as &[String]);
        prop_assert_eq!(verified.records, entries.len() as u64);
        drop(store);
    }

    #[test]
    fn a_time_is_found_at_the_first_record_that_reaches_it(entries in entries(), per_segment in 1..40_u64, wanted: i64) {
        let folder = folder();
        let (_store, channel) = instrument_channel(folder.path(), per_segment);
        for (received, source, entry) in &entries {
            channel.append_batch(*received, source, [entry.clone()]).expect("appended");
        }
        wait_until_durable(&channel);
        wait_until_sealed(&channel);
        let times = entries.iter().map(|(.., entry)| entry.time());
        for wanted in times.clone().chain([Timestamp::from_nanos(wanted)]) {
            let place = times.clone().position(|time| time >= wanted).unwrap_or(entries.len());
            prop_assert_eq!(channel.seek_time_blocking(wanted).expect("found"), place as u64 + 1);
        }
    }
}

#[tokio::test]
async fn readers_follow_the_live_end_and_see_nothing_before_it_is_durable() {
    let folder = folder();
    let (_store, channel) = instrument_channel(folder.path(), 100);
    let readers: Vec<_> = [1, 150, 999]
        .into_iter()
        .map(|first| {
            let channel = channel.clone();
            tokio::spawn(async move {
                let mut reader = channel.reader_from(first);
                let mut numbers = Vec::new();
                while numbers.last() != Some(&1_000) {
                    let record = reader.next().await.expect("a record");
                    assert!(record.number <= channel.durable_up_to());
                    assert_eq!(record.event(), Some(&trade(record.number)));
                    numbers.push(record.number);
                }
                (first, numbers)
            })
        })
        .collect();
    for number in 1..=1_000 {
        let given = channel.append(Timestamp::from_secs(0), &source(), trade(number));
        assert_eq!(given.expect("appended"), number);
        if number.is_multiple_of(64) {
            channel.durable(number - 5).await.expect("durable");
            assert!(channel.durable_up_to() >= number - 5);
        }
    }
    for reader in readers {
        let (first, numbers) = reader.await.expect("no panic");
        assert!(numbers.iter().copied().eq(first..=1_000));
    }
    // Told just after the readers are.
    let mut watch = channel.watch();
    let told = watch.wait_for(|number| *number == 1_000).await;
    assert_eq!(*told.expect("the tape is open"), 1_000);
    let mut reader = channel.reader_from(990);
    assert_eq!(reader.read(4).await.expect("read").len(), 4);
    assert_eq!(reader.next_batch(50).await.expect("read").len(), 7);
    assert_eq!(reader.position(), 1_001);
    assert_eq!(reader.read(4).await.expect("read"), []);
}

#[test]
fn a_day_that_ends_ends_its_segment_also_when_nothing_comes_any_more() {
    let folder = folder();
    let (store, channel) = instrument_channel(folder.path(), 1_000);
    let day = |day: i64| Timestamp::from_secs(day * 86_400 + 80_000);
    for (number, received) in [(1, day(10)), (2, day(10)), (3, day(11))] {
        channel
            .append(received, &source(), trade(number))
            .expect("appended");
    }
    wait_until_durable(&channel);
    wait_until_sealed(&channel);
    let days = |channel: &Channel| -> Vec<_> {
        let state = channel.0.lock();
        state
            .segments
            .iter()
            .map(|segment| (segment.first, segment.last, segment.day))
            .collect()
    };
    assert_eq!(days(&channel), [(1, 2, 10)]);
    store.end_days(day(11));
    assert_eq!(days(&channel), [(1, 2, 10)]);
    store.end_days(day(12));
    wait_until_sealed(&channel);
    assert_eq!(days(&channel), [(1, 2, 10), (3, 3, 11)]);
    drop((store, channel));
    let (_store, channel) = instrument_channel(folder.path(), 1_000);
    assert_eq!(channel.append(day(12), &source(), trade(4)).expect("appended"), 4);
    wait_until_durable(&channel);
    assert_eq!(read(&channel).len(), 4);
}

#[test]
fn steps_may_change_and_books_keep_theirs() {
    use papertape::market::{DepthKind, DepthUpdate, Level, MarketEvent};

    let folder = folder();
    let (store, channel) = instrument_channel(folder.path(), 1_000);
    let book = |size| {
        MarketEvent::Depth(Box::new(DepthUpdate {
            time: Timestamp::from_secs(1),
            kind: DepthKind::Changes,
            bids: vec![Level {
                price: 6_000_000,
                size,
            }],
            asks: Vec::new(),
        }))
    };
    channel
        .append(Timestamp::EPOCH, &source(), book(1))
        .expect("appended");
    let symbol = instrument().symbol().clone();
    let decimal = papertape::testkit::decimal;
    let coarser = papertape::model::Instrument::new(
        symbol,
        decimal("0.5"),
        decimal("0.001"),
        decimal("0"),
        decimal("1"),
    )
    .expect("an instrument");
    let again = store.channel_blocking("binance", &coarser).expect("the channel");
    assert_eq!(again.instrument(), coarser);
    channel
        .append(Timestamp::EPOCH, &source(), book(2))
        .expect("appended");
    wait_until_durable(&channel);
    wait_until_sealed(&channel);
    let events: Vec<_> = read(&channel).into_iter().map(|record| record.entry).collect();
    assert_eq!(events, [Entry::Event(book(1)), Entry::Event(book(2))]);
}

#[test]
fn a_store_is_written_by_one_process_and_read_by_any() {
    let folder = folder();
    let (store, channel) = instrument_channel(folder.path(), 3);
    assert!(matches!(
        TapeStore::open(folder.path()),
        Err(TapeError::InUse { .. })
    ));
    for number in 1..=8 {
        channel
            .append(Timestamp::EPOCH, &source(), trade(number))
            .expect("appended");
    }
    wait_until_durable(&channel);
    let other = TapeStore::open_read_only(folder.path()).expect("a store");
    let names = other.channels().expect("names");
    assert_eq!(
        names.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["binance BTC/USDT"]
    );
    let symbol = instrument().symbol().clone();
    let seen = other.existing("binance", &symbol).expect("the channel");
    assert_eq!(read(&seen).len(), 8);
    assert!(matches!(
        seen.append(Timestamp::EPOCH, &source(), trade(9)),
        Err(TapeError::ReadOnly)
    ));
    let unknown = other.existing("kraken", &symbol).map(|_| ());
    assert_eq!(
        unknown.expect_err("none").to_string(),
        "there is no tape of BTC/USDT on kraken"
    );
    store.close();
    assert!(matches!(
        channel.append(Timestamp::EPOCH, &Source::new("x"), trade(9)),
        Err(TapeError::Closed)
    ));
}

#[test]
fn reading_in_parts_gives_the_same_as_reading_at_once_and_goes_on_when_more_is_durable() {
    let folder = folder();
    let (_store, channel) = instrument_channel(folder.path(), 100);
    let append = |numbers: std::ops::RangeInclusive<u64>| {
        for number in numbers {
            channel
                .append(Timestamp::EPOCH, &source(), trade(number))
                .expect("appended");
        }
        wait_until_durable(&channel);
        wait_until_sealed(&channel);
    };
    append(1..=350);
    for part in [1, 7, 99, 100, 101, 350] {
        let mut numbers = Vec::new();
        while numbers.len() < 350 {
            let first = numbers.len() as u64 + 1;
            for record in channel.scan(first..=first + part - 1) {
                let record = record.expect("a record");
                assert_eq!(record.event(), Some(&trade(record.number)));
                numbers.push(record.number);
            }
        }
        assert!(numbers.iter().copied().eq(1..=350), "{part}");
    }
    let mut scan = channel.scan(200..=u64::MAX);
    assert_eq!(scan.by_ref().count(), 151);
    append(351..=460);
    assert!(scan.map(|record| record.expect("a record").number).eq(351..=460));
}

#[test]
fn the_newest_records_hold_no_more_memory_than_they_may() {
    let folder = folder();
    let settings = Settings {
        tail_bytes: 64 << 10,
        ..settings(1_000_000)
    };
    let store = TapeStore::open_with(folder.path(), settings).expect("a store");
    let channel = store
        .channel_blocking("binance", &instrument())
        .expect("a channel");
    let book = |time: i64| {
        let level = |price| Level { price, size: 1 };
        MarketEvent::Depth(Box::new(DepthUpdate {
            time: Timestamp::from_secs(time),
            kind: DepthKind::Changes,
            bids: (1..=20).map(level).collect(),
            asks: (21..=40).map(level).collect(),
        }))
    };
    for time in 1..=2_000_i64 {
        let event = if time % 4 == 0 {
            book(time)
        } else {
            trade(time.unsigned_abs())
        };
        let appended = channel.append(Timestamp::from_secs(time), &source(), event);
        appended.expect("appended");
    }
    wait_until_durable(&channel);
    while channel.0.lock().tail_bytes > 64 << 10 {
        std::thread::yield_now();
    }
    // By its own count it is within the limit; weighed with what it points to it must be, too.
    let state = channel.0.lock();
    let levels = |record: &Record| match record.event() {
        Some(MarketEvent::Depth(update)) => update.bids.len() + update.asks.len(),
        _ => 0,
    };
    let weigh = |record: &Record| size_of::<Record>() + levels(record) * size_of::<Level>();
    let held: usize = state.tail.iter().map(|(record, _)| weigh(record)).sum();
    assert!(held <= 64 << 10, "{held} bytes");
    assert!(state.tail.len() > 50, "{} records", state.tail.len());
}
