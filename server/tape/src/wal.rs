//! Write-ahead files: records as they came, until they are sealed into a segment.
//!
//! `PTWAL` and a version, then frames: length and CRC-32 as four little-endian bytes each, then so many bytes of postcard. The
//! checksum is over the length, too, so that a tail of zeros is no frame. The first frame is the header; a source's name is
//! told in a frame of its own before the first record that comes from it.

use crate::error::{Result, TapeError};
use crate::record::{Entry, Record, Source};
use papertape::market::MarketEvent;
use papertape::model::{Instrument, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"PTWAL\0\0\x01";
const HEAD: usize = 8;
/// A longer frame is none.
const LONGEST: usize = 64 << 20;
/// Beyond a bad frame, longer ones are looked for only where a record seems to begin: the checksum over all that a few stray bytes may
/// call a length takes too long.
const USUAL: usize = 64 << 10;

/// What a file begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The number of the first record.
    pub(crate) first: u64,
    /// The instrument as JSON: what steps of a book mean.
    pub(crate) instrument: String,
}

#[derive(Serialize)]
enum FrameRef<'a> {
    Header(&'a Header),
    Source(&'a str),
    Event(u64, Timestamp, u32, &'a MarketEvent),
    Incident(u64, Timestamp, u32, Timestamp, &'a str),
}

#[derive(Deserialize)]
enum Frame {
    Header(Header),
    Source(String),
    Event(u64, Timestamp, u32, MarketEvent),
    Incident(u64, Timestamp, u32, Timestamp, String),
}

fn put(out: &mut Vec<u8>, frame: &FrameRef<'_>) -> Result<()> {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    let written = postcard::to_io(frame, &mut *out).map(|_| ());
    match written.map(|()| out.len() - start - HEAD) {
        Ok(length @ 1..=LONGEST) => {
            let bytes = (length as u32).to_le_bytes();
            let check = checksum(bytes, &out[start + HEAD..]);
            out[start..start + 4].copy_from_slice(&bytes);
            out[start + 4..start + HEAD].copy_from_slice(&check.to_le_bytes());
            Ok(())
        }
        other => {
            out.truncate(start);
            Err(TapeError::Encode(match other {
                Ok(length) => format!("it is of {length} bytes, and {LONGEST} is the most"),
                Err(error) => error.to_string(),
            }))
        }
    }
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}

/// How a new file begins.
pub(crate) fn begin(header: &Header) -> Result<Vec<u8>> {
    let mut out = MAGIC.to_vec();
    put(&mut out, &FrameRef::Header(header))?;
    Ok(out)
}

/// Names a file's next source.
pub(crate) fn put_source(out: &mut Vec<u8>, source: &Source) -> Result<()> {
    put(out, &FrameRef::Source(source.as_str()))
}

/// Writes a record down; `source` is the place of its source among those that the file has named.
pub(crate) fn put_record(
    out: &mut Vec<u8>,
    number: u64,
    received: Timestamp,
    source: u32,
    entry: &Entry,
) -> Result<()> {
    let frame = match entry {
        Entry::Event(event) => FrameRef::Event(number, received, source, event),
        Entry::Incident { time, json } => FrameRef::Incident(number, received, source, *time, json),
    };
    put(out, &frame)
}

/// How reading ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With the file.
    Clean,
    /// Within a frame, or before something that is none: bytes from the reader's offset on are no frames.
    Torn {
        /// What is wrong with them.
        why: String,
    },
}

/// Reads a file frame by frame.
#[derive(Debug)]
pub(crate) struct WalReader {
    path: PathBuf,
    file: BufReader<File>,
    /// Where the next frame begins.
    offset: u64,
    /// Where to stop reading.
    limit: u64,
    sources: Vec<Source>,
    buffer: Vec<u8>,
}

impl WalReader {
    /// Opens a file at its beginning; no header when the file was torn before it was whole.
    pub(crate) fn open(path: &Path) -> Result<(Self, Option<Header>)> {
        let file = File::open(path).map_err(TapeError::io("read", path))?;
        let limit = file.metadata().map_err(TapeError::io("read", path))?.len();
        let mut reader = Self {
            path: path.to_owned(),
            file: BufReader::with_capacity(64 << 10, file),
            offset: 0,
            limit,
            sources: Vec::new(),
            buffer: Vec::new(),
        };
        let mut magic = [0; MAGIC.len()];
        if limit < MAGIC.len() as u64 {
            return Ok((reader, None));
        }
        reader
            .file
            .read_exact(&mut magic)
            .map_err(TapeError::io("read", path))?;
        if magic != MAGIC {
            // Of a file that was begun when the power went there may be the first bytes, and zeros.
            let known = magic
                .iter()
                .zip(MAGIC)
                .take_while(|(byte, wanted)| **byte == *wanted)
                .count();
            if magic[known..].iter().all(|byte| *byte == 0) {
                return Ok((reader, None));
            }
            return Err(TapeError::damaged(
                path,
                "it does not begin as a write-ahead file of this version",
            ));
        }
        reader.offset = MAGIC.len() as u64;
        match reader.frame()? {
            Ok(Frame::Header(header)) => Ok((reader, Some(header))),
            _ => Ok((reader, None)),
        }
    }

    /// Opens a file at the frame that begins at `offset`.
    pub(crate) fn at(path: &Path, offset: u64, sources: Vec<Source>) -> Result<Self> {
        let mut file = File::open(path).map_err(TapeError::io("read", path))?;
        let limit = file.metadata().map_err(TapeError::io("read", path))?.len();
        file.seek(SeekFrom::Start(offset))
            .map_err(TapeError::io("read", path))?;
        Ok(Self {
            path: path.to_owned(),
            file: BufReader::with_capacity(64 << 10, file),
            offset,
            limit,
            sources,
            buffer: Vec::new(),
        })
    }

    /// Lets it read on to where the file reaches now, with the sources that it names by now.
    pub(crate) fn extend(&mut self, sources: Vec<Source>) -> Result<()> {
        let metadata = self.file.get_ref().metadata();
        self.limit = metadata.map_err(TapeError::io("read", &self.path))?.len();
        self.sources = sources;
        Ok(())
    }

    /// Where the next frame begins: everything before it is whole.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The sources named so far.
    pub(crate) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The next record, or how the file ended.
    pub(crate) fn next(&mut self) -> Result<Result<Record, End>> {
        loop {
            let before = self.offset;
            let frame = match self.frame()? {
                Ok(frame) => frame,
                Err(end) => return Ok(Err(end)),
            };
            let (number, received, source, entry) = match frame {
                Frame::Source(name) => {
                    self.sources.push(Source::new(&name));
                    continue;
                }
                Frame::Event(number, received, source, event) => {
                    (number, received, source, Entry::Event(event))
                }
                Frame::Incident(number, received, source, time, json) => {
                    (number, received, source, Entry::Incident { time, json })
                }
                Frame::Header(_) => return Ok(Err(self.torn(before, "a second header"))),
            };
            let Some(source) = self.sources.get(source as usize).cloned() else {
                return Ok(Err(self.torn(before, "a source that was not named")));
            };
            return Ok(Ok(Record {
                number,
                received,
                source,
                entry,
            }));
        }
    }

    fn torn(&mut self, offset: u64, why: &str) -> End {
        self.offset = offset;
        End::Torn { why: why.to_owned() }
    }

    fn frame(&mut self) -> Result<Result<Frame, End>> {
        let left = self.limit - self.offset;
        if left == 0 {
            return Ok(Err(End::Clean));
        }
        let mut head = [0; HEAD];
        if left < HEAD as u64 {
            return Ok(Err(self.torn(self.offset, "it ends within a frame")));
        }
        self.read_exact(&mut head)?;
        let [a, b, c, d, check @ ..] = head;
        let length = u32::from_le_bytes([a, b, c, d]);
        let size = length as usize;
        if size == 0 || size > LONGEST {
            return Ok(Err(self.torn(self.offset, "what follows is no frame")));
        }
        if left - (HEAD as u64) < u64::from(length) {
            return Ok(Err(self.torn(self.offset, "it ends within a frame")));
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(size, 0);
        let read = self.read_exact(&mut buffer);
        self.buffer = buffer;
        read?;
        if checksum(length.to_le_bytes(), &self.buffer) != u32::from_le_bytes(check) {
            return Ok(Err(self.torn(self.offset, "a frame's checksum is wrong")));
        }
        match postcard::from_bytes(&self.buffer) {
            Ok(frame) => {
                self.offset += (HEAD + size) as u64;
                Ok(Ok(frame))
            }
            // Whole, and yet it cannot be read: another version wrote it. Not to be cut off.
            Err(error) => Err(TapeError::damaged(
                &self.path,
                format!(
                    "the frame at byte {} is whole and cannot be read: {error}",
                    self.offset
                ),
            )),
        }
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.file
            .read_exact(bytes)
            .map_err(TapeError::io("read", &self.path))
    }

    /// What follows the bytes that are none, up to the end of the file: where there are whole frames it is not merely torn, but
    /// damaged. What came in before them came in at `since`. Takes as much memory as the rest of the file.
    pub(crate) fn beyond(&self, since: Timestamp) -> Result<Option<Beyond>> {
        let failed = || TapeError::io("read", &self.path);
        let mut file = File::open(&self.path).map_err(failed())?;
        file.seek(SeekFrom::Start(self.offset)).map_err(failed())?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed())?;
        Ok(beyond(&bytes, since))
    }
}

/// What follows bytes of a file that are no frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beyond {
    /// Whole records.
    pub(crate) records: u64,
    /// When the last of them came in.
    pub(crate) last_received: Option<Timestamp>,
}

fn beyond(mut bytes: &[u8], since: Timestamp) -> Option<Beyond> {
    let mut found = None;
    while let Some((_, after_one)) = bytes.split_first() {
        let Some(payload) = frame_at(bytes, since) else {
            bytes = after_one;
            continue;
        };
        bytes = &bytes[HEAD + payload.len()..];
        let found: &mut Beyond = found.get_or_insert_default();
        if let Ok(Frame::Event(_, received, ..) | Frame::Incident(_, received, ..)) =
            postcard::from_bytes(payload)
        {
            found.records += 1;
            found.last_received = found.last_received.max(Some(received));
        }
    }
    found
}

/// What is in the whole frame that bytes begin with.
fn frame_at(bytes: &[u8], since: Timestamp) -> Option<&[u8]> {
    let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
    let [a, b, c, d, check @ ..] = *head;
    let length = [a, b, c, d];
    let size = u32::from_le_bytes(length) as usize;
    let payload = rest.get(..size).filter(|_| (1..=LONGEST).contains(&size))?;
    let may_be = size <= USUAL || begins_as_record(payload, since);
    (may_be && checksum(length, payload) == u32::from_le_bytes(check)).then_some(payload)
}

/// Whether bytes begin as a record's frame does that came in no earlier than `since`.
fn begins_as_record(payload: &[u8], since: Timestamp) -> bool {
    // The place among `Frame`'s kinds, then what its records have in common.
    let head = postcard::take_from_bytes::<(u32, u64, Timestamp, u32)>(payload);
    head.is_ok_and(|((kind, _, received, _), _)| matches!(kind, 2 | 3) && received >= since)
}

/// An instrument as a header keeps it.
pub(crate) fn instrument_json(instrument: &Instrument) -> Result<String> {
    serde_json::to_string(instrument).map_err(|error| TapeError::Encode(error.to_string()))
}
