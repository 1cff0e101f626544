//! Reading a tape: by spans, and on and on at its live end.

use crate::channel::{Channel, Shared, off_the_async_threads};
use crate::error::{Result, TapeError};
use crate::names::{SegmentName, wal_file};
use crate::record::{Record, Source};
use crate::segment::{Group, SegmentInfo, SegmentReader};
use crate::wal::WalReader;
use papertape::model::{Instrument, Timestamp};
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::{Arc, PoisonError};

/// Records of a write-ahead file that are read at once.
const CHUNK: usize = 1_024;

/// Files that a reader has open.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    segment: Option<(SegmentName, SegmentReader)>,
    /// The file's first number, the number that comes next in it, and the file.
    wal: Option<(u64, u64, WalReader)>,
}

/// Where a record is.
enum Place {
    Segment(SegmentName),
    Wal {
        first: u64,
        /// A frame's place that is not after the record's.
        offset: u64,
        sources: Vec<Source>,
    },
}

impl Shared {
    /// The records from a number on that lie together in a file, no later than `last`; at least one.
    pub(crate) fn load(&self, cursor: &mut Cursor, number: u64, last: u64) -> Result<Vec<Record>> {
        loop {
            match self.load_once(cursor, number, last) {
                // It has become part of a segment meanwhile, or was removed: then its place is another now.
                Err(error) if error.is_missing_file() && self.has_moved(&error) => {
                    *cursor = Cursor::default()
                }
                result => return result,
            }
        }
    }

    fn has_moved(&self, error: &TapeError) -> bool {
        let TapeError::Io { path, .. } = error else {
            return false;
        };
        let state = self.lock();
        let segments = state.segments.iter().map(|segment| segment.file());
        let wals = state.wals.iter().map(|wal| wal_file(wal.first));
        let mut known = segments.chain(wals);
        !known.any(|file| path.file_name().is_some_and(|name| *name == *file))
    }

    fn place(&self, number: u64) -> Result<Place> {
        let state = self.lock();
        let first = state.first();
        if number < first {
            return Err(TapeError::Gone { number, first });
        }
        let place = state.segments.partition_point(|segment| segment.last < number);
        let segment = state.segments.get(place);
        if let Some(segment) = segment.filter(|segment| segment.first <= number) {
            return Ok(Place::Segment(*segment));
        }
        let wal = state.wals.iter().find(|wal| number < wal.first + wal.count);
        match (segment, wal) {
            (_, Some(wal)) if wal.first <= number => Ok(Place::Wal {
                first: wal.first,
                offset: wal.offset_before(number).unwrap_or_default(),
                sources: wal.sources.clone(),
            }),
            (segment, wal) => {
                let next = segment.map(|segment| segment.first).or(wal.map(|wal| wal.first));
                Err(TapeError::Hole {
                    from: number,
                    to: next.unwrap_or(state.next) - 1,
                })
            }
        }
    }

    fn load_once(&self, cursor: &mut Cursor, number: u64, last: u64) -> Result<Vec<Record>> {
        match self.place(number)? {
            Place::Segment(name) => {
                let path = self.folder.join(name.file());
                let missing = || TapeError::damaged(&path, format!("number {number} is not in it"));
                let info = self.info(name)?;
                let place = info.group_of(number).ok_or_else(missing)?;
                let is_wanted = |record: &Record| (number..=last).contains(&record.number);
                if let Some(kept) = self.background.kept_group(&path, place) {
                    return Ok(kept.iter().filter(|record| is_wanted(record)).cloned().collect());
                }
                if cursor.segment.as_ref().is_none_or(|(open, _)| *open != name) {
                    cursor.segment = Some((name, SegmentReader::open(&path)?));
                }
                let (_, segment) = cursor.segment.as_ref().ok_or_else(missing)?;
                let mut records = segment.group(place, None)?;
                if last < info.groups[place].last {
                    // Whoever reads in parts wants the next part next.
                    let all: Arc<[Record]> = records.into();
                    self.background.keep_group(&path, place, &all);
                    return Ok(all.iter().filter(|record| is_wanted(record)).cloned().collect());
                }
                records.retain(is_wanted);
                Ok(records)
            }
            Place::Wal {
                first,
                offset,
                sources,
            } => {
                let path = self.folder.join(wal_file(first));
                let open = cursor.wal.take();
                let mut reader = match open.filter(|(file, next, _)| (*file, *next) == (first, number)) {
                    Some((_, _, mut reader)) => {
                        reader.extend(sources)?;
                        reader
                    }
                    None => WalReader::at(&path, offset, sources)?,
                };
                let mut records = Vec::new();
                let mut next = number;
                while next <= last && records.len() < CHUNK {
                    match reader.next()? {
                        Ok(record) if record.number < number => {}
                        Ok(record) if record.number == next => {
                            next += 1;
                            records.push(record);
                        }
                        Ok(record) => {
                            let detail = format!("number {} stands where {next} should", record.number);
                            return Err(TapeError::damaged(&path, detail));
                        }
                        // The file ends, and the next one goes on.
                        Err(_) if next > number => break,
                        Err(_) => {
                            return Err(TapeError::damaged(&path, format!("number {number} is not in it")));
                        }
                    }
                }
                cursor.wal = Some((first, next, reader));
                Ok(records)
            }
        }
    }

    /// The instrument in whose steps a record counts, and the span of records around it that count so for sure.
    pub(crate) fn instrument_of(&self, number: u64) -> Result<(RangeInclusive<u64>, Instrument)> {
        let (segment, wal) = {
            let state = self.lock();
            let first = state.first();
            if number < first {
                return Err(TapeError::Gone { number, first });
            }
            let is_around = |segment: &&SegmentName| (segment.first..=segment.last).contains(&number);
            let wal = state
                .wals
                .iter()
                .find(|wal| (wal.first..wal.first + wal.count).contains(&number));
            let wal = wal.map(|wal| (wal.first..=wal.first + wal.count - 1, wal.instrument.clone()));
            (state.segments.iter().find(is_around).copied(), wal)
        };
        if let Some(name) = segment {
            return Ok((name.first..=name.last, self.info(name)?.instrument.clone()));
        }
        let Some((span, json)) = wal else {
            return Err(TapeError::Hole {
                from: number,
                to: number,
            });
        };
        let instrument = serde_json::from_str(&json).map_err(|error| {
            TapeError::damaged(
                self.folder.join(wal_file(*span.start())),
                format!("its instrument: {error}"),
            )
        })?;
        Ok((span, instrument))
    }

    /// What a segment says of itself.
    pub(crate) fn info(&self, name: SegmentName) -> Result<Arc<SegmentInfo>> {
        let lock = || self.infos.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&name.first) {
            return Ok(Arc::clone(known));
        }
        let segment = SegmentReader::open(&self.folder.join(name.file()))?;
        let info = Arc::new(segment.info().clone());
        lock().insert(name.first, Arc::clone(&info));
        Ok(info)
    }

    /// Drops what is known of a segment that is removed.
    pub(crate) fn forget_info(&self, name: SegmentName) {
        let mut infos = self.infos.lock().unwrap_or_else(PoisonError::into_inner);
        infos.remove(&name.first);
    }

    /// Spans of durable records outside of which none has a market time from `from` on and before `to`.
    pub(crate) fn spans(&self, from: Timestamp, to: Option<Timestamp>) -> Result<Vec<RangeInclusive<u64>>> {
        let durable = self.progress.borrow().durable;
        let state = self.lock();
        let segments = state.segments.clone();
        let open = state
            .wals
            .iter()
            .filter(|wal| wal.count > 0 && wal.latest >= from);
        let open: Vec<_> = open
            .map(|wal| wal.first..=durable.min(wal.first + wal.count - 1))
            .collect();
        drop(state);
        let mut spans = Vec::new();
        for segment in segments {
            let info = match self.info(segment) {
                // Retention has removed it meanwhile.
                Err(error) if error.is_missing_file() => continue,
                info => info?,
            };
            let reaches = |group: &&Group| group.latest >= from && to.is_none_or(|to| group.earliest < to);
            spans.extend(
                info.groups
                    .iter()
                    .filter(reaches)
                    .map(|group| group.first..=group.last),
            );
        }
        spans.extend(open.into_iter().filter(|span| !span.is_empty()));
        Ok(spans)
    }

    /// The first number whose market time is not before `time`.
    pub(crate) fn seek_time(&self, time: Timestamp) -> Result<u64> {
        let durable = self.progress.borrow().durable;
        let mut cursor = Cursor::default();
        for span in self.spans(time, None)? {
            let (mut next, last) = span.into_inner();
            while next <= last {
                let records = self.load(&mut cursor, next, last)?;
                if let Some(found) = records.iter().find(|record| record.entry.time() >= time) {
                    return Ok(found.number);
                }
                next += records.len().max(1) as u64;
            }
        }
        Ok(durable + 1)
    }
}

/// The durable records of a span, from the first to the last. After its last one it may be asked again when more are durable.
/// For threads that may wait for the disk: what is in memory at
/// once is one row group.
#[derive(Debug)]
pub struct Scan {
    shared: Arc<Shared>,
    next: u64,
    last: u64,
    cursor: Cursor,
    ready: std::vec::IntoIter<Record>,
}

impl Scan {
    pub(crate) fn new(shared: Arc<Shared>, numbers: RangeInclusive<u64>) -> Self {
        let (first, last) = numbers.into_inner();
        Self {
            shared,
            next: first.max(1),
            last,
            cursor: Cursor::default(),
            ready: Vec::new().into_iter(),
        }
    }
}

impl Iterator for Scan {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Result<Record>> {
        if let Some(record) = self.ready.next() {
            return Some(Ok(record));
        }
        let last = self.last.min(self.shared.progress.borrow().durable);
        if self.next > last {
            return None;
        }
        let recent = {
            let state = self.shared.lock();
            // What is not kept any more is gone, though memory may still have it.
            match self.next < state.first() {
                true => Vec::new(),
                false => state.recent(self.next, last, CHUNK),
            }
        };
        let records = match recent.is_empty() {
            true => self.shared.load(&mut self.cursor, self.next, last),
            false => Ok(recent),
        };
        match records {
            Ok(records) => {
                self.next += records.len() as u64;
                self.ready = records.into_iter();
                self.ready.next().map(Ok)
            }
            Err(error) => {
                // Nothing after it either: the span would have a hole.
                self.next = u64::MAX;
                self.last = 0;
                Some(Err(error))
            }
        }
    }
}

/// Reads from a number on: sealed segments, the open part, and then each record as it becomes durable. What is in memory at
/// once is at most one row group.
#[derive(Debug)]
pub struct Reader {
    channel: Channel,
    next: u64,
    ready: VecDeque<Record>,
    cursor: Cursor,
}

impl Reader {
    pub(crate) fn new(channel: Channel, number: u64) -> Self {
        Self {
            channel,
            next: number,
            ready: VecDeque::new(),
            cursor: Cursor::default(),
        }
    }

    /// The number of the record that comes next.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.ready.front().map_or(self.next, |record| record.number)
    }

    /// The next record; at the live end, once it is durable. Nothing is lost when the wait is given up.
    ///
    /// # Errors
    /// [`TapeError`] when the tape cannot be read, has a hole, does not reach back so far, or has failed and ends here.
    pub async fn next(&mut self) -> Result<Record> {
        loop {
            self.fill().await?;
            if let Some(record) = self.ready.pop_front() {
                return Ok(record);
            }
            self.channel.0.wait(self.next).await?;
        }
    }

    /// At most so many records of those that are durable now, without waiting for others: none at the live end.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub async fn read(&mut self, most: usize) -> Result<Vec<Record>> {
        self.fill().await?;
        let count = most.min(self.ready.len());
        Ok(self.ready.drain(..count).collect())
    }

    /// At most so many records, at least one: waits at the live end.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub async fn next_batch(&mut self, most: usize) -> Result<Vec<Record>> {
        loop {
            let records = self.read(most.max(1)).await?;
            if !records.is_empty() {
                return Ok(records);
            }
            self.channel.0.wait(self.next).await?;
        }
    }

    async fn fill(&mut self) -> Result<()> {
        let shared = &self.channel.0;
        let durable = shared.progress.borrow().durable;
        if !self.ready.is_empty() || self.next > durable {
            return Ok(());
        }
        let number = self.next;
        let recent = shared.lock().recent(number, durable, CHUNK);
        let records = if recent.is_empty() {
            let shared = Arc::clone(shared);
            let mut cursor = std::mem::take(&mut self.cursor);
            let (records, cursor) = off_the_async_threads(move || {
                let records = shared.load(&mut cursor, number, durable)?;
                Ok((records, cursor))
            })
            .await?;
            self.cursor = cursor;
            records
        } else {
            recent
        };
        self.next += records.len() as u64;
        self.ready = records.into();
        Ok(())
    }
}
