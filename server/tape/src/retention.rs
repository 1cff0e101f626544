//! How long a tape is kept.

use crate::error::{Result, TapeError};
use crate::names::{ChannelName, SegmentName};
use crate::recover::names_in;
use crate::store::TapeStore;
use papertape::model::Timestamp;
use std::fs;

/// What is kept of all tapes together. What neither limit names is kept for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Segments of days that are longer ago than this are removed.
    pub days: Option<u32>,
    /// While all segments together take more bytes, the oldest is removed.
    pub bytes: Option<u64>,
}

/// What retention did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// Segments removed.
    pub removed: u64,
    /// Their bytes.
    pub removed_bytes: u64,
    /// Segments that are over a limit and still needed.
    pub needed: u64,
    /// Bytes of all segments that are left.
    pub bytes: u64,
}

/// A segment of some tape.
struct Candidate {
    name: SegmentName,
    bytes: u64,
    tape: usize,
    is_newest: bool,
}

impl TapeStore {
    /// Removes whole segments that are beyond the limits, the oldest first. Never one that holds a record with the number that
    /// `needed` gives for its tape, or a later one; never the newest of a tape, nor what is not sealed. Waits for the disk.
    ///
    /// # Errors
    /// [`TapeError`] when a file cannot be removed; those before it are.
    pub fn retain(
        &self,
        now: Timestamp,
        retention: &Retention,
        needed: impl Fn(&ChannelName) -> Option<u64>,
    ) -> Result<Retained> {
        if self.is_read_only() {
            return Err(TapeError::ReadOnly);
        }
        let tapes = self.channels()?;
        let lowest: Vec<Option<u64>> = tapes.iter().map(needed).collect();
        let mut all = Vec::new();
        for (tape, name) in tapes.iter().enumerate() {
            self.candidates(tape, name, &mut all)?;
        }
        // A tape's segments stay in their order: removing the first of these leaves no hole.
        all.sort_by_key(|candidate| (candidate.name.day, candidate.tape, candidate.name.first));
        let mut done = Retained {
            bytes: all.iter().map(|candidate| candidate.bytes).sum(),
            ..Retained::default()
        };
        let oldest_day = retention.days.map(|days| now.utc_day() - i64::from(days));
        let mut is_stopped = vec![false; tapes.len()];
        for candidate in all {
            let is_old = oldest_day.is_some_and(|day| candidate.name.day < day);
            let is_much = retention.bytes.is_some_and(|most| done.bytes > most);
            if !(is_old || is_much) || candidate.is_newest || is_stopped[candidate.tape] {
                continue;
            }
            if lowest[candidate.tape].is_some_and(|lowest| candidate.name.last >= lowest) {
                is_stopped[candidate.tape] = true;
                done.needed += 1;
                continue;
            }
            self.remove(&tapes[candidate.tape], candidate.name)?;
            done.removed += 1;
            done.removed_bytes += candidate.bytes;
            done.bytes -= candidate.bytes;
        }
        Ok(done)
    }

    fn candidates(&self, tape: usize, name: &ChannelName, all: &mut Vec<Candidate>) -> Result<()> {
        let folder = name.folder(self.folder());
        let files = names_in(&folder)?;
        let segments: Vec<SegmentName> = files.iter().filter_map(|file| SegmentName::parse(file)).collect();
        for name in &segments {
            let path = folder.join(name.file());
            let bytes = match fs::metadata(&path) {
                Ok(metadata) => metadata.len(),
                Err(error) => return Err(TapeError::io("read", &path)(error)),
            };
            all.push(Candidate {
                name: *name,
                bytes,
                tape,
                is_newest: Some(name) == segments.last(),
            });
        }
        Ok(())
    }

    fn remove(&self, tape: &ChannelName, segment: SegmentName) -> Result<()> {
        // Readers are told that it is gone before it is.
        if let Some(open) = self.open_already(tape) {
            open.0.lock().segments.retain(|known| *known != segment);
            open.0.forget_info(segment);
        }
        let path = tape.folder(self.folder()).join(segment.file());
        self.disk().remove(&path).map_err(TapeError::io("remove", &path))
    }
}
