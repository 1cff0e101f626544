//! What a folder of the tape holds after whatever happened.

use crate::channel::Wal;
use crate::disk::Disk;
use crate::error::{Result, TapeError};
use crate::names::{SegmentName, UNFINISHED, parse_wal, wal_file};
use crate::segment::SegmentReader;
use crate::wal::{End, WalReader};
use papertape::model::{Instrument, Timestamp};
use std::collections::VecDeque;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What a folder holds.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) segments: Vec<SegmentName>,
    pub(crate) wals: VecDeque<Wal>,
    /// The instrument of the newest records.
    pub(crate) instrument: Option<Instrument>,
    /// The last number; 0 when there is none.
    pub(crate) last: u64,
    pub(crate) last_received: Timestamp,
    /// What was put right, a sentence each.
    pub(crate) repairs: Vec<String>,
    /// What was on the tape and is not any more.
    pub(crate) losses: Vec<Loss>,
}

/// Records that were on the tape, and had to be cut off with what is damaged before them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The first number that is lost.
    pub first: u64,
    /// When the last record before them came in.
    pub from: Timestamp,
    /// When the last came in of those that can still be read.
    pub to: Timestamp,
    /// How many of them can still be read: in the copy that is kept, or in the file where nothing may be written.
    pub readable: u64,
    /// What happened, and where the copy is if one is made, in a sentence.
    pub detail: String,
}

/// The names in a folder; none when there is no folder.
pub(crate) fn names_in(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(TapeError::io("read", folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(TapeError::io("read", folder))?;
        if let Ok(name) = entry.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Looks what a folder holds, and with a `disk` puts right what a crash has left: unfinished segments and write-ahead files
/// that have become segments are removed, torn ends are cut off.
pub(crate) fn recover(folder: &Path, disk: Option<&dyn Disk>) -> Result<Found> {
    let names = names_in(folder)?;
    let mut found = Found {
        segments: names.iter().filter_map(|name| SegmentName::parse(name)).collect(),
        wals: VecDeque::new(),
        instrument: None,
        last: 0,
        last_received: Timestamp::from_nanos(i64::MIN),
        repairs: Vec::new(),
        losses: Vec::new(),
    };
    for name in names.iter().filter(|name| name.ends_with(UNFINISHED)) {
        if let Some(disk) = disk {
            let path = folder.join(name);
            disk.remove(&path).map_err(TapeError::io("remove", &path))?;
            found
                .repairs
                .push(format!("{name}, which was not finished, is removed"));
        }
    }
    if let Some(newest) = found.segments.last() {
        let segment = SegmentReader::open(&folder.join(newest.file()))?;
        found.last = newest.last;
        found.last_received = segment.info().last_received();
        found.instrument = Some(segment.info().instrument.clone());
    }
    let firsts: Vec<u64> = names.iter().filter_map(|name| parse_wal(name)).collect();
    for (place, first) in firsts.iter().copied().enumerate() {
        let is_newest = place + 1 == firsts.len();
        found.take_wal(folder, first, is_newest, disk)?;
    }
    Ok(found)
}

/// Copies the file `name`, which is damaged at byte `at`, before it is cut, and says where the copy is. It has its name only when
/// it is whole and durable; one that says something else, of an earlier damage, stays.
fn keep_aside(folder: &Path, name: &str, at: u64, disk: &dyn Disk) -> Result<PathBuf> {
    let damaged = folder.join(name);
    let bytes = fs::read(&damaged).map_err(TapeError::io("read", &damaged))?;
    let mut kept = folder.join(format!("{name}.damaged-at-{at}"));
    let mut copies = 1;
    while kept.exists() && fs::read(&kept).map_err(TapeError::io("read", &kept))? != bytes {
        copies += 1;
        kept = folder.join(format!("{name}.damaged-at-{at}-{copies}"));
    }
    if !kept.exists() {
        let unfinished = kept.with_added_extension(UNFINISHED);
        let write = || {
            let mut file = disk.create(&unfinished)?;
            file.write_all(&bytes)?;
            file.sync()?;
            disk.rename(&unfinished, &kept)
        };
        write().map_err(TapeError::io("write", &kept))?;
    }
    // One that was there may have been given its name just before the power went.
    disk.sync_folder(folder).map_err(TapeError::io("write", folder))?;
    Ok(kept)
}

impl Found {
    fn take_wal(
        &mut self,
        folder: &Path,
        first: u64,
        is_newest: bool,
        disk: Option<&dyn Disk>,
    ) -> Result<()> {
        let name = wal_file(first);
        let path = folder.join(&name);
        // Sealed already, and the crash came before it was removed.
        if first <= self.segments.last().map_or(0, |segment| segment.last) {
            if let Some(disk) = disk {
                disk.remove(&path).map_err(TapeError::io("remove", &path))?;
                self.repairs
                    .push(format!("{name}, which is in a segment already, is removed"));
            }
            return Ok(());
        }
        let (mut reader, header) = WalReader::open(&path)?;
        let Some(header) = header else {
            if reader.beyond(self.last_received)?.is_some() {
                return Err(TapeError::damaged(
                    &path,
                    "its header cannot be read, and records follow",
                ));
            }
            // The crash came before its header was durable, and so before any of its records was.
            if let Some(disk) = disk {
                disk.remove(&path).map_err(TapeError::io("remove", &path))?;
                self.repairs
                    .push(format!("{name}, which had only begun, is removed"));
            }
            return Ok(());
        };
        if header.first != first {
            return Err(TapeError::damaged(
                &path,
                format!("it begins with number {}", header.first),
            ));
        }
        let instrument: Instrument = serde_json::from_str(&header.instrument)
            .map_err(|error| TapeError::damaged(&path, format!("its instrument: {error}")))?;
        let mut wal = Wal::new(first, header.instrument);
        wal.length = reader.offset();
        let end = loop {
            let offset = reader.offset();
            let record = match reader.next()? {
                Ok(record) => record,
                Err(end) => break end,
            };
            let expected = first + wal.count;
            if record.number != expected {
                return Err(TapeError::damaged(
                    &path,
                    format!("number {} stands where {expected} should", record.number),
                ));
            }
            wal.counts(offset, record.received.utc_day(), record.entry.time());
            wal.length = reader.offset();
            self.last_received = self.last_received.max(record.received);
        };
        wal.sources = reader.sources().to_vec();
        // A source may have been named for a record that is torn.
        wal.length = reader.offset();
        if let End::Torn { why } = end {
            let bytes = fs::metadata(&path).map_err(TapeError::io("read", &path))?.len() - wal.length;
            if let Some(beyond) = reader.beyond(self.last_received)? {
                // Not merely torn: what follows may be wanted.
                let copy = match disk {
                    Some(disk) => {
                        let kept = keep_aside(folder, &name, wal.length, disk)?;
                        format!("the whole of it is kept as {}", kept.display())
                    }
                    None => "it is left as it is, since it is only read".to_owned(),
                };
                let detail = format!("{name} is damaged at byte {}: {why}; {copy}", wal.length);
                self.repairs.push(detail.clone());
                // Before the first record of a tape nothing came in.
                let to = beyond.last_received.unwrap_or(self.last_received);
                let is_first = self.last_received.nanos() == i64::MIN;
                self.losses.push(Loss {
                    first: first + wal.count,
                    from: if is_first { to } else { self.last_received.min(to) },
                    to,
                    readable: beyond.records,
                    detail,
                });
            }
            let cut = if disk.is_some() { "cut off" } else { "not read" };
            self.repairs
                .push(format!("{name}: {why}; its last {bytes} bytes are {cut}"));
            if let Some(disk) = disk {
                let mut file = disk
                    .open(&path, wal.length)
                    .map_err(TapeError::io("write", &path))?;
                file.sync().map_err(TapeError::io("write", &path))?;
            }
        }
        if wal.count == 0 && !is_newest {
            if let Some(disk) = disk {
                disk.remove(&path).map_err(TapeError::io("remove", &path))?;
            }
            return Ok(());
        }
        self.instrument = Some(instrument);
        self.last = (first + wal.count - 1).max(self.last);
        self.wals.push_back(wal);
        Ok(())
    }
}
