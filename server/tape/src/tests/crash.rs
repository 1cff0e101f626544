//! Nothing durable is lost, nothing is there twice, whatever fails and whenever.

use super::faulty::{Fault, FaultyDisk};
use super::store::{folder, instrument_channel, read, settings, wait_until_durable, wait_until_sealed};
use super::{source, trade};
use crate::disk::RealDisk;
use crate::names::{UNFINISHED, parse_wal, wal_file};
use crate::recover::{names_in, recover};
use crate::{Channel, TapeError, TapeStore};
use papertape::market::{DepthKind, DepthUpdate, Level, MarketEvent};
use papertape::model::Timestamp;
use papertape::testkit::instrument;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PER_SEGMENT: u64 = 5;
const RECORDS: u64 = 34;

fn open_on(folder: &Path, disk: &FaultyDisk) -> Result<(TapeStore, Channel), TapeError> {
    let store = TapeStore::open_on(folder, settings(PER_SEGMENT), Arc::new(disk.clone()))?;
    let channel = store.channel_blocking("binance", &instrument())?;
    Ok((store, channel))
}

/// Waits until all that was appended is durable, or the tape has failed.
fn settle(channel: &Channel) -> Result<(), TapeError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(channel.durable(channel.last_number()))?;
    loop {
        let state = channel.0.lock();
        if let Some(error) = state.failed.clone().or_else(|| state.seal_failed.clone()) {
            return Err(error);
        }
        if state.wals.len() <= 1 {
            return Ok(());
        }
        drop(state);
        std::thread::yield_now();
    }
}

/// Appends over two days, in groups of one to four; tells how far it was durable and how far it was appended.
fn work(folder: &Path, disk: &FaultyDisk) -> (u64, u64) {
    let Ok((store, channel)) = open_on(folder, disk) else {
        return (0, 0);
    };
    let mut next = channel.last_number() + 1;
    while next <= RECORDS {
        let group = 1 + next % 4;
        for number in next..next + group {
            let received = Timestamp::from_secs(number as i64 * 5_000);
            if channel.append(received, &source(), trade(number)).is_err() {
                break;
            }
        }
        next += group;
        if settle(&channel).is_err() {
            break;
        }
    }
    let reached = (channel.durable_up_to(), channel.last_number());
    drop(store);
    reached
}

/// Opens it on a good disk: the records are the first so many, each once, and it goes on after them.
fn check(folder: &Path, durable: u64, appended: u64, context: &str) {
    let good = FaultyDisk::new(u64::MAX, Fault::PowerCut, 0);
    let (store, channel) = open_on(folder, &good).expect("a channel");
    wait_until_sealed(&channel);
    let last = channel.last_number();
    assert!(
        (durable..=appended).contains(&last),
        "{context}: {durable} ≤ {last} ≤ {appended}"
    );
    assert_eq!(channel.durable_up_to(), last, "{context}");
    let verified = channel.verify();
    assert_eq!(verified.problems, [] as [String; 0], "{context}");
    assert_eq!(verified.records, last, "{context}");
    let number = channel
        .append(Timestamp::from_secs(90_000_000), &source(), trade(last + 1))
        .expect("appended");
    assert_eq!(number, last + 1, "{context}");
    wait_until_durable(&channel);
    wait_until_sealed(&channel);
    let records = read(&channel);
    assert_eq!(records.len() as u64, last + 1, "{context}");
    for (expected, record) in (1..).zip(&records) {
        assert_eq!(record.number, expected, "{context}");
        assert_eq!(record.event(), Some(&trade(expected)), "{context}");
    }
    store.close();
}

#[test]
fn the_power_may_go_at_any_step() {
    let whole = FaultyDisk::new(u64::MAX, Fault::PowerCut, 0);
    let first = folder();
    assert!(work(first.path(), &whole).0 >= RECORDS);
    let steps = whole.steps();
    assert!(steps > 60, "{steps}");
    for at in 1..=steps + 1 {
        for seed in 0..3 {
            let folder = folder();
            let disk = FaultyDisk::new(at, Fault::PowerCut, at * 10 + seed);
            let (durable, appended) = work(folder.path(), &disk);
            disk.lose_power();
            // It may go again while that is put right.
            let again = FaultyDisk::new(1 + at % 7, Fault::PowerCut, seed);
            let (durable_again, appended_again) = match seed {
                0 => work(folder.path(), &again),
                _ => (0, 0),
            };
            again.lose_power();
            let context = format!("step {at}, seed {seed}");
            let (durable, appended) = (durable.max(durable_again), appended.max(appended_again));
            check(folder.path(), durable, appended, &context);
        }
    }
}

#[test]
fn a_full_disk_is_told_stops_the_tape_and_takes_nothing_back() {
    for at in 1..=60 {
        let folder = folder();
        let disk = FaultyDisk::new(u64::MAX, Fault::Full, at);
        let (store, channel) = open_on(folder.path(), &disk).expect("a channel");
        channel
            .append(Timestamp::EPOCH, &source(), trade(1))
            .expect("appended");
        settle(&channel).expect("durable");
        disk.fail_at(disk.steps() + at);
        let mut number = 1;
        let error = loop {
            number += 1;
            assert!(number < 200, "it fails some time");
            let received = Timestamp::from_secs(number as i64 * 5_000);
            let appended = channel.append(received, &source(), trade(number)).map(|_| ());
            if let Err(error) = appended.and_then(|()| settle(&channel)) {
                break error;
            }
        };
        assert!(error.to_string().ends_with("no storage space"), "{error}");
        // A segment that cannot be sealed stops nothing.
        let durable = channel.durable_up_to();
        assert_eq!(read(&channel).len() as u64, durable);
        if let Some(failure) = channel.failure() {
            let refused = channel.append(Timestamp::EPOCH, &source(), trade(0));
            assert_eq!(refused.expect_err("refused").to_string(), failure.to_string());
            disk.heal();
            let healed = store
                .channel_blocking("binance", &instrument())
                .expect("open again");
            assert!(healed.failure().is_none());
            assert!((durable..=number).contains(&healed.last_number()));
            // Whoever appended what was not written goes on with it, and nothing is lost.
            let found = healed.last_number();
            let unwritten = channel.unwritten();
            for record in unwritten.into_iter().filter(|record| record.number > found) {
                let again = healed.append_batch(record.received, &record.source, [record.entry]);
                assert_eq!(again.expect("appended"), record.number);
            }
            settle(&healed).expect("durable");
            let numbers = read(&healed).into_iter().map(|record| record.number);
            assert!(numbers.eq(1..=channel.last_number()), "step {at}");
        }
        disk.heal();
        drop(store);
        check(folder.path(), durable, number, &format!("step {at}"));
    }
}

/// A folder with one write-ahead file of so many trades.
fn one_file(records: u64) -> (tempfile::TempDir, PathBuf) {
    let folder = folder();
    let (store, channel) = instrument_channel(folder.path(), 100_000);
    for number in 1..=records {
        channel
            .append(Timestamp::EPOCH, &source(), trade(number))
            .expect("appended");
    }
    wait_until_durable(&channel);
    let path = channel.0.folder.join(wal_file(1));
    store.close();
    (folder, path)
}

#[test]
fn a_write_ahead_file_may_be_cut_anywhere() {
    let (folder, path) = one_file(6);
    let whole = fs::read(&path).expect("bytes");
    let mut before = 0;
    for length in 0..=whole.len() {
        fs::write(&path, &whole[..length]).expect("cut");
        let (store, channel) = instrument_channel(folder.path(), 1_000);
        let records = read(&channel);
        assert!(
            records
                .iter()
                .all(|record| record.event() == Some(&trade(record.number)))
        );
        assert!((before..=before + 1).contains(&records.len()), "{length}");
        before = records.len();
        assert_eq!(channel.last_number(), records.len() as u64);
        store.close();
    }
    assert_eq!(before, 6);
}

#[test]
fn what_follows_damage_is_kept_aside_and_said() {
    let (folder, path) = one_file(6);
    let mut bytes = fs::read(&path).expect("bytes");
    let middle = bytes.len() * 2 / 3;
    bytes[middle] ^= 0x40;
    fs::write(&path, &bytes).expect("damaged");
    let (store, channel) = instrument_channel(folder.path(), 1_000);
    let last = channel.last_number();
    assert!((1..6).contains(&last), "{last}");
    let said = channel.repairs().join("\n");
    assert!(
        said.contains("is damaged at byte") && said.contains("cut off"),
        "{said}"
    );
    let names = names_in(&channel.0.folder).expect("names");
    let kept = names
        .iter()
        .find(|name| name.contains("damaged-at"))
        .expect("kept");
    assert_eq!(fs::read(channel.0.folder.join(kept)).expect("bytes"), bytes);
    assert!(parse_wal(kept).is_none());
    store.close();
}

#[test]
fn however_long_the_damage_is_what_follows_it_is_kept_aside_and_counted() {
    const RECORDS: u64 = 4_000;
    let (folder, path) = one_file(RECORDS);
    let whole = fs::read(&path).expect("bytes");
    let hole = 70_000;
    assert!(whole.len() > 2 * hole, "{}", whole.len());
    let begin = whole.len() / 8;
    for damaged in [vec![0; hole], vec![0xff; hole]] {
        let mut bytes = whole.clone();
        bytes[begin..begin + hole].copy_from_slice(&damaged);
        fs::write(&path, &bytes).expect("damaged");
        let (store, channel) = instrument_channel(folder.path(), 100_000);
        let last = channel.last_number();
        assert!((1..RECORDS / 4).contains(&last), "{last}");
        let [loss] = &channel.take_losses()[..] else {
            panic!("one loss: {:?}", channel.repairs());
        };
        assert_eq!(loss.first, last + 1);
        // A record takes as many bytes as any other, or one more.
        let share = (whole.len() - begin - hole) as u64 * RECORDS / whole.len() as u64;
        assert!(
            loss.readable.abs_diff(share) < RECORDS / 50,
            "{} of {share}",
            loss.readable
        );
        assert_eq!(channel.take_losses(), [], "told once");
        let kept = path.with_file_name(format!(
            "{}.damaged-at-{}",
            wal_file(1),
            fs::metadata(&path).expect("it is there").len()
        ));
        assert_eq!(fs::read(&kept).expect("kept"), bytes);
        fs::remove_file(&kept).expect("it is there");
        store.close();
    }
}

/// A file of so many trades with a damaged one in the middle, and its bytes.
fn damaged_file(records: u64) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let (folder, path) = one_file(records);
    let mut bytes = fs::read(&path).expect("bytes");
    let behind_the_header = bytes.len() * 2 / 3;
    bytes[behind_the_header] ^= 0x40;
    fs::write(&path, &bytes).expect("damaged");
    (folder, path, bytes)
}

/// What is in the copies of a folder's damaged files.
fn copies(folder: &Path) -> Vec<Vec<u8>> {
    let names = names_in(folder).expect("names").into_iter();
    names
        .filter(|name| name.contains("damaged-at") && !name.ends_with(UNFINISHED))
        .map(|name| fs::read(folder.join(name)).expect("a copy"))
        .collect()
}

#[test]
fn a_damaged_file_is_not_cut_before_a_whole_copy_of_it_is_durable() {
    for fault in [Fault::PowerCut, Fault::Full] {
        for at in 1.. {
            let (_root, path, bytes) = damaged_file(6);
            let folder = path.parent().expect("a folder");
            let disk = FaultyDisk::new(at, fault, at);
            let is_done = recover(folder, Some(&disk)).is_ok();
            disk.heal();
            if fault == Fault::PowerCut {
                disk.lose_power();
            }
            let is_cut = fs::read(&path).expect("the file") != bytes;
            assert!(
                !is_cut || copies(folder) == [bytes.clone()],
                "{fault:?} at step {at}"
            );
            let found = recover(folder, Some(&disk)).expect("it is well again");
            assert!((1..6).contains(&found.last));
            assert_eq!(copies(folder), [bytes], "{fault:?} at step {at}");
            assert!(
                names_in(folder)
                    .expect("names")
                    .iter()
                    .all(|name| !name.ends_with(UNFINISHED))
            );
            if is_done {
                assert!(at > 5, "created, written, made durable, named, cut");
                break;
            }
        }
    }
}

#[test]
fn half_a_copy_is_not_taken_for_the_copy() {
    let (_root, path, bytes) = damaged_file(6);
    let folder = path.parent().expect("a folder");
    let read_only = recover(folder, None).expect("read");
    let said = read_only.repairs.join("\n");
    assert!(
        said.contains("left as it is") && said.contains("not read"),
        "{said}"
    );
    assert_eq!(
        (copies(folder), fs::read(&path).expect("the file")),
        (Vec::new(), bytes.clone())
    );

    let cut = read_only.wals[0].length;
    let half = bytes[..bytes.len() / 2].to_vec();
    let name = format!("{}.damaged-at-{cut}", wal_file(1));
    fs::write(folder.join(&name), &half).expect("written");
    let found = recover(folder, Some(&RealDisk)).expect("put right");
    assert_eq!(fs::metadata(&path).expect("the file").len(), cut);
    assert_eq!(copies(folder), [half, bytes]);
    assert!(
        found.losses[0].detail.ends_with(&format!("{name}-2")),
        "{:?}",
        found.losses
    );
}

#[test]
fn one_long_record_behind_the_damage_is_kept_aside_too() {
    let folder = folder();
    let (store, channel) = instrument_channel(folder.path(), 100_000);
    let levels = (0..20_000).map(|price| Level {
        price,
        size: 1_000_000 + price,
    });
    let book = MarketEvent::Depth(Box::new(DepthUpdate {
        time: Timestamp::EPOCH,
        kind: DepthKind::Snapshot,
        bids: levels.collect(),
        asks: Vec::new(),
    }));
    let path = channel.0.folder.join(wal_file(1));
    let mut before_the_book = 0;
    for event in [trade(1), trade(2), book] {
        before_the_book = fs::metadata(&path).map_or(0, |file| file.len() as usize);
        channel
            .append(Timestamp::EPOCH, &source(), event)
            .expect("appended");
        wait_until_durable(&channel);
    }
    drop((store, channel));
    let mut bytes = fs::read(&path).expect("bytes");
    assert!(bytes.len() > before_the_book + 70_000, "{}", bytes.len());
    bytes[before_the_book - 3] ^= 0x40;
    fs::write(&path, &bytes).expect("damaged");
    let (store, channel) = instrument_channel(folder.path(), 100_000);
    assert_eq!(channel.last_number(), 1);
    let losses = channel.take_losses();
    assert_eq!(
        losses
            .iter()
            .map(|loss| (loss.first, loss.readable))
            .collect::<Vec<_>>(),
        [(2, 1)]
    );
    assert_eq!(copies(&channel.0.folder), [bytes]);
    store.close();
}

#[test]
fn a_torn_end_is_cut_off_without_a_copy_and_nothing_is_called_lost() {
    let (folder, path) = one_file(4_000);
    let whole = fs::read(&path).expect("bytes");
    // Of what was being written the first half is there, and then zeros.
    let torn = whole.len() / 2;
    let mut bytes = whole[..torn].to_vec();
    bytes.resize(whole.len(), 0);
    fs::write(&path, &bytes).expect("torn");
    let (store, channel) = instrument_channel(folder.path(), 100_000);
    assert!((1_900..2_100).contains(&channel.last_number()));
    assert_eq!(channel.take_losses(), []);
    let names = names_in(&channel.0.folder).expect("names");
    assert!(names.iter().all(|name| !name.contains("damaged-at")), "{names:?}");
    store.close();
}

#[test]
fn a_damaged_segment_never_gives_other_records() {
    let folder = folder();
    let (store, channel) = instrument_channel(folder.path(), 40);
    for number in 1..=41 {
        channel
            .append(Timestamp::EPOCH, &source(), trade(number))
            .expect("appended");
    }
    wait_until_durable(&channel);
    wait_until_sealed(&channel);
    let path = {
        let state = channel.0.lock();
        channel.0.folder.join(state.segments[0].file())
    };
    store.close();
    let whole = fs::read(&path).expect("bytes");
    let mut noticed = 0;
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        fs::write(&path, &bytes).expect("damaged");
        let store = TapeStore::open_read_only(folder.path()).expect("a store");
        let opened = store.existing("binance", instrument().symbol());
        let problems = match opened {
            Err(_) => 1,
            Ok(channel) => {
                for record in channel.scan(1..=u64::MAX) {
                    let Ok(record) = record else { break };
                    assert_eq!(record.event(), Some(&trade(record.number)), "byte {place}");
                }
                channel.verify().problems.len()
            }
        };
        noticed += usize::from(problems > 0);
    }
    // The rest are bytes that say nothing about records: who made the file, names of encodings, statistics.
    assert!(noticed * 10 > whole.len() * 3, "{noticed} of {}", whole.len());
}
