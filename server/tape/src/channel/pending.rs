//! What was appended and is not on disk yet, and which files there are.

use crate::error::{Result, TapeError};
use crate::names::SegmentName;
use crate::record::{Entry, Record, Source};
use crate::wal;
use papertape::model::{Instrument, Timestamp};
use std::collections::VecDeque;
use std::time::Instant;

/// A record's place is remembered for every so many records.
const INDEX_EVERY: u64 = 1_024;

/// A write-ahead file, as far as it is thought of: what waits to be written is counted.
#[derive(Clone, Debug)]
pub(crate) struct Wal {
    pub(crate) first: u64,
    pub(crate) instrument: String,
    /// The UTC day of all of its records.
    pub(crate) day: Option<i64>,
    pub(crate) count: u64,
    pub(crate) length: u64,
    /// The latest market time in it.
    pub(crate) latest: Timestamp,
    /// Where the frames of some of its records begin.
    index: Vec<(u64, u64)>,
    pub(crate) sources: Vec<Source>,
}

impl Wal {
    pub(crate) const fn new(first: u64, instrument: String) -> Self {
        Self {
            first,
            instrument,
            day: None,
            count: 0,
            length: 0,
            latest: Timestamp::from_nanos(i64::MIN),
            index: Vec::new(),
            sources: Vec::new(),
        }
    }

    /// Counts the next record, whose frame begins at `offset`.
    pub(crate) fn counts(&mut self, offset: u64, day: i64, time: Timestamp) {
        if self.count.is_multiple_of(INDEX_EVERY) {
            self.index.push((self.first + self.count, offset));
        }
        self.count += 1;
        self.day.get_or_insert(day);
        self.latest = self.latest.max(time);
    }

    /// The last remembered place at or before a number.
    pub(crate) fn offset_before(&self, number: u64) -> Option<u64> {
        let place = self.index.partition_point(|(known, _)| *known <= number);
        place.checked_sub(1).map(|place| self.index[place].1)
    }
}

/// What is to be done to the disk, in this order.
#[derive(Debug)]
pub(super) enum Job {
    /// Begin the write-ahead file of this number.
    Begin(u64, Vec<u8>),
    /// Write to it.
    Write(Vec<u8>),
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) instrument: Instrument,
    pub(crate) next: u64,
    pub(super) last_received: Timestamp,
    pub(crate) segments: Vec<SegmentName>,
    /// The last of them is the one that is written to.
    pub(crate) wals: VecDeque<Wal>,
    pub(super) jobs: VecDeque<Job>,
    pub(super) waiting_bytes: usize,
    pub(super) is_queued: bool,
    pub(super) is_closed: bool,
    pub(super) last_commit: Option<Instant>,
    /// The newest records with the bytes of memory that each holds: what is not durable yet, and some before it.
    pub(crate) tail: VecDeque<(Record, usize)>,
    pub(crate) tail_bytes: usize,
    pub(crate) failed: Option<TapeError>,
    pub(crate) seal_failed: Option<TapeError>,
}

impl State {
    /// Why nothing more is taken, if so.
    pub(super) fn refusal(&self) -> Option<TapeError> {
        let closed = self.is_closed.then_some(TapeError::Closed);
        self.failed.clone().or(closed)
    }

    /// The number of the oldest record that is kept.
    pub(crate) fn first(&self) -> u64 {
        let segment = self.segments.first().map(|segment| segment.first);
        let wal = self.wals.front().map(|wal| wal.first);
        segment.or(wal).unwrap_or(self.next)
    }

    /// Begins another write-ahead file with the next record.
    pub(super) fn roll(&mut self) -> Result<()> {
        let instrument = wal::instrument_json(&self.instrument)?;
        let mut wal = Wal::new(self.next, instrument.clone());
        let bytes = wal::begin(&wal::Header {
            first: self.next,
            instrument,
        })?;
        wal.length = bytes.len() as u64;
        if self.wals.back().is_some_and(|open| open.count == 0) {
            self.wals.pop_back();
        }
        self.wals.push_back(wal);
        self.waiting_bytes += bytes.len();
        self.jobs.push_back(Job::Begin(self.next, bytes));
        Ok(())
    }

    pub(super) fn push(
        &mut self,
        received: Timestamp,
        source: &Source,
        entry: Entry,
        most: u64,
    ) -> Result<()> {
        let received = received.max(self.last_received);
        let day = received.utc_day();
        let is_over = |wal: &Wal| wal.count >= most || wal.day.is_some_and(|open| open != day);
        if self.wals.back().is_none_or(is_over) {
            self.roll()?;
        }
        let Some(wal) = self.wals.back_mut() else {
            return Err(TapeError::Closed);
        };
        if !matches!(self.jobs.back(), Some(Job::Write(_))) {
            self.jobs.push_back(Job::Write(Vec::new()));
        }
        let Some(Job::Write(bytes)) = self.jobs.back_mut() else {
            return Err(TapeError::Closed);
        };
        let before = bytes.len();
        let place = match wal.sources.iter().position(|known| known == source) {
            Some(place) => place,
            None => {
                wal::put_source(bytes, source)?;
                wal.sources.push(source.clone());
                wal.sources.len() - 1
            }
        };
        let start = bytes.len();
        let written = wal::put_record(bytes, self.next, received, place as u32, &entry);
        let offset = wal.length + (start - before) as u64;
        wal.length += (bytes.len() - before) as u64;
        self.waiting_bytes += bytes.len() - before;
        written?;
        wal.counts(offset, day, entry.time());
        let record = Record {
            number: self.next,
            received,
            source: source.clone(),
            entry,
        };
        let size = record.held_bytes();
        self.next += 1;
        self.last_received = received;
        self.tail_bytes += size;
        self.tail.push_back((record, size));
        Ok(())
    }

    /// Forgets the oldest of the newest records that are on disk.
    pub(super) fn trim(&mut self, durable: u64, most: usize) {
        while self.tail_bytes > most
            && let Some((record, size)) = self.tail.front()
            && record.number <= durable
        {
            self.tail_bytes -= size;
            self.tail.pop_front();
        }
    }

    /// Records from a number to another that are in memory still; none when the first is not.
    pub(crate) fn recent(&self, number: u64, last: u64, most: usize) -> Vec<Record> {
        let Some(oldest) = self.tail.front().map(|(record, _)| record.number) else {
            return Vec::new();
        };
        let Some(skipped) = number
            .checked_sub(oldest)
            .and_then(|skipped| usize::try_from(skipped).ok())
        else {
            return Vec::new();
        };
        let records = self.tail.iter().skip(skipped).take(most);
        let durable = records.take_while(|(record, _)| record.number <= last);
        durable.map(|(record, _)| record.clone()).collect()
    }
}
