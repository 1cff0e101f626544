//! Reading a whole tape to see whether it is what it was.

use crate::channel::{Channel, Shared};
use crate::error::{Result, TapeError};
use crate::names::{SegmentName, wal_file};
use crate::record::Record;
use crate::segment::SegmentReader;
use crate::wal::WalReader;
use papertape::model::Timestamp;
use std::fs;

/// What reading a whole tape has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Sealed segments read.
    pub segments: usize,
    /// Records read.
    pub records: u64,
    /// Bytes of the files read.
    pub bytes: u64,
    /// Records whose market time is before that of one that came earlier: no fault of the tape's, as trades of a gap come
    /// when it is filled.
    pub late: u64,
    /// What is wrong, a sentence each; none is what you want.
    pub problems: Vec<String>,
}

impl Channel {
    /// Reads all that is durable: checksums, that numbers have no holes, that times of arrival do not go back, that files hold
    /// what their names say. Waits for the disk.
    #[must_use]
    pub fn verify(&self) -> Verification {
        let mut check = Check::default();
        let durable = self.durable_up_to();
        let state = self.0.lock();
        let segments = state.segments.clone();
        let wals: Vec<(u64, u64)> = state.wals.iter().map(|wal| (wal.first, wal.count)).collect();
        drop(state);
        for name in segments {
            if let Err(error) = check.segment(&self.0, name) {
                // Retention may have removed it meanwhile.
                let is_kept = self.0.lock().segments.contains(&name);
                if is_kept || !error.is_missing_file() {
                    check.problem(&error);
                }
                check.expected = Some(name.last + 1);
            }
        }
        for (first, count) in wals {
            let last = durable.min(first + count - u64::from(count > 0));
            if count > 0
                && last >= first
                && let Err(error) = check.wal(&self.0, first, last)
            {
                check.problem(&error);
            }
        }
        check.done
    }
}

#[derive(Debug, Default)]
struct Check {
    done: Verification,
    expected: Option<u64>,
    received: Option<Timestamp>,
    latest: Option<Timestamp>,
}

impl Check {
    fn problem(&mut self, problem: impl ToString) {
        self.done.problems.push(problem.to_string());
    }

    fn segment(&mut self, shared: &Shared, name: SegmentName) -> Result<()> {
        let path = shared.folder.join(name.file());
        let segment = SegmentReader::open(&path)?;
        self.done.segments += 1;
        self.done.bytes += fs::metadata(&path).map_err(TapeError::io("read", &path))?.len();
        let (first, last) = segment.info().span();
        if (first, last) != (name.first, name.last) {
            self.problem(format!("{} holds numbers {first} to {last}", path.display()));
        }
        if segment.info().feed != shared.name.feed
            || segment.info().instrument.symbol() != &shared.name.symbol
        {
            self.problem(format!("{} is of another feed or symbol", path.display()));
        }
        segment.verify(|record| self.record(record, Some(name.day)))
    }

    fn wal(&mut self, shared: &Shared, first: u64, last: u64) -> Result<()> {
        let path = shared.folder.join(wal_file(first));
        let (mut reader, _) = match WalReader::open(&path) {
            // It has become a segment since; what it holds was checked when that was written.
            Err(error) if error.is_missing_file() => {
                self.expected = Some(last + 1);
                return Ok(());
            }
            opened => opened?,
        };
        let mut next = first;
        while next <= last {
            match reader.next()? {
                Ok(record) => self.record(&record, None),
                Err(end) => {
                    let detail = format!("number {next} is not in it: {end:?}");
                    return Err(TapeError::damaged(&path, detail));
                }
            }
            next += 1;
        }
        self.done.bytes += reader.offset();
        Ok(())
    }

    fn record(&mut self, record: &Record, day: Option<i64>) {
        self.done.records += 1;
        match self.expected {
            Some(expected) if expected != record.number => {
                self.problem(format!("number {} follows {}", record.number, expected - 1));
            }
            _ => {}
        }
        self.expected = record.number.checked_add(1);
        if self.received.is_some_and(|before| record.received < before) {
            self.problem(format!(
                "number {} came in before the one before it",
                record.number
            ));
        }
        self.received = Some(record.received);
        if day.is_some_and(|day| day != record.received.utc_day()) {
            self.problem(format!(
                "number {} came in on another day than its segment's",
                record.number
            ));
        }
        let time = record.entry.time();
        if self.latest.is_some_and(|latest| time < latest) {
            self.done.late += 1;
        } else {
            self.latest = Some(time);
        }
    }
}
