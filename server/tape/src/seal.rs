//! A write-ahead file becomes a segment.

use crate::channel::{Shared, Wal};
use crate::disk::DiskFile;
use crate::error::{Result, TapeError};
use crate::names::{SegmentName, UNFINISHED, wal_file};
use crate::record::Record;
use crate::segment::{Scales, SegmentWriter};
use crate::wal::WalReader;
use papertape::model::Instrument;
use parquet::errors::ParquetError;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

impl Shared {
    /// Seals the write-ahead files that are not written to any more.
    pub(crate) fn seal(&self) {
        let _sealing = self.sealing.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let durable = self.progress.borrow().durable;
            let state = self.lock();
            if state.failed.is_some() {
                // Whoever opens the tape anew seals them.
                return;
            }
            let full = state.wals.front().filter(|wal| {
                let last = wal.first + wal.count - 1;
                wal.count > 0 && state.wals.len() > 1 && last <= durable
            });
            let Some(wal) = full.cloned() else {
                return;
            };
            drop(state);
            let result = self.seal_one(&wal);
            self.lock().seal_failed = result.clone().err();
            if let Err(error) = result {
                // Nothing is lost: the write-ahead file stays.
                tracing::error!(tape = %self.name, %error, "a segment cannot be sealed");
                return;
            }
        }
    }

    fn seal_one(&self, wal: &Wal) -> Result<()> {
        let path = self.folder.join(wal_file(wal.first));
        let instrument: Instrument = serde_json::from_str(&wal.instrument)
            .map_err(|error| TapeError::damaged(&path, format!("its instrument: {error}")))?;
        let name = SegmentName {
            first: wal.first,
            last: wal.first + wal.count - 1,
            day: wal.day.unwrap_or_default(),
        };
        let finished = self.folder.join(name.file());
        let unfinished = finished.with_extension(UNFINISHED);

        let mut scales = Scales::of(&instrument);
        each_record(&path, name, |record| {
            if let Some(event) = record.event() {
                scales.add(event);
            }
            Ok(())
        })?;
        let failed = || TapeError::io("write", &unfinished);
        let file = Remembering::new(self.disk.create(&unfinished).map_err(failed())?);
        let remembered = Arc::clone(&file.error);
        let refused = |error: ParquetError| {
            let remembered = remembered.lock().unwrap_or_else(PoisonError::into_inner).take();
            match remembered {
                Some(error) => failed()(error),
                None => TapeError::Encode(error.to_string()),
            }
        };
        let scales = (scales.price(), scales.size());
        let mut writer = SegmentWriter::new(file, &self.name.feed, &instrument, scales).map_err(refused)?;
        each_record(&path, name, |record| writer.push(record).map_err(refused))?;
        let mut file = writer.finish().map_err(refused)?.file;
        file.sync().map_err(failed())?;
        drop(file);
        self.disk.rename(&unfinished, &finished).map_err(failed())?;
        self.disk.sync_folder(&self.folder).map_err(failed())?;

        // From here on the segment counts; until here the write-ahead file did.
        let mut state = self.lock();
        state.segments.push(name);
        state.wals.pop_front();
        drop(state);
        self.disk.remove(&path).map_err(TapeError::io("remove", &path))
    }
}

/// Reads the records that are to become a segment, all of them, or fails.
fn each_record(path: &Path, name: SegmentName, mut see: impl FnMut(&Record) -> Result<()>) -> Result<()> {
    let (mut reader, _) = WalReader::open(path)?;
    for expected in name.first..=name.last {
        match reader.next()? {
            Ok(record) if record.number == expected => see(&record)?,
            Ok(record) => {
                let detail = format!("number {} stands where {expected} should", record.number);
                return Err(TapeError::damaged(path, detail));
            }
            Err(_) => {
                return Err(TapeError::damaged(
                    path,
                    format!("number {expected} is not in it any more"),
                ));
            }
        }
    }
    Ok(())
}

/// Remembers what the system said: the library does not pass it on everywhere.
#[derive(Debug)]
struct Remembering {
    file: Box<dyn DiskFile>,
    error: Arc<Mutex<Option<io::Error>>>,
}

impl Remembering {
    fn new(file: Box<dyn DiskFile>) -> Self {
        Self {
            file,
            error: Arc::default(),
        }
    }

    fn remember<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            kind.into()
        })
    }
}

impl Write for Remembering {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        self.remember(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.flush();
        self.remember(flushed)
    }
}
