//! Sealed segments: Parquet files of records that do not change any more.
//!
//! One flat table; a change of the book is a row for each level, all with one number.
//!
//! | column | of the type | is |
//! |---|---|---|
//! | `number` | INT64 | the record's number |
//! | `received` | TIMESTAMP(ns, UTC) | when it came in |
//! | `time` | TIMESTAMP(ns, UTC) | the market's time; of a bar, when it opens |
//! | `source` | string | where it came from |
//! | `kind` | string | `trade`, `quote`, `bar`, `clock`, `depth_snapshot`, `depth_changes`, `action`, `status`, `incident` |
//! | `side` | string or null | the taker's `buy` or `sell` of a trade; `bid` or `ask` of a level |
//! | `price` | number or null | of a trade or a level; a quote's bid; a bar's open |
//! | `size` | number or null | of a trade or a level; at a quote's bid; a bar's volume |
//! | `price2` | number or null | a quote's ask; a bar's high |
//! | `size2` | number or null | at a quote's ask |
//! | `low`, `close` | number or null | a bar's |
//! | `json` | string or null | what has no columns: actions, states, incidents |
//!
//! Numbers are DECIMAL with the digits that the instrument's steps have, or more where the data need more: exact, and what
//! reading them as text and as `f64` gives is the very number that was told. Where some number is no such decimal (an average
//! of prices with all of its digits) the column of the file is DOUBLE instead.

mod columns;
mod read;
mod scale;
mod write;

pub(crate) use read::SegmentReader;
pub(crate) use scale::Scales;
pub(crate) use write::SegmentWriter;

use papertape::model::{Instrument, Timestamp};
use serde::{Deserialize, Serialize};

/// Version of the form of segments.
pub(crate) const FORMAT: u32 = 1;
/// A row group is closed when it has so many rows: what a reader holds in memory at once.
pub(crate) const GROUP_ROWS: usize = 65_536;

/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SegmentInfo {
    pub(crate) feed: String,
    pub(crate) instrument: Instrument,
    pub(crate) sha256: String,
    pub(crate) groups: Vec<Group>,
}

impl SegmentInfo {
    /// Its first and last numbers.
    pub(crate) fn span(&self) -> (u64, u64) {
        let first = self.groups.first().map_or(0, |group| group.first);
        (first, self.groups.last().map_or(0, |group| group.last))
    }

    /// The row group that holds a number.
    pub(crate) fn group_of(&self, number: u64) -> Option<usize> {
        let place = self.groups.partition_point(|group| group.last < number);
        let found = self.groups.get(place);
        found.is_some_and(|group| group.first <= number).then_some(place)
    }

    pub(crate) fn last_received(&self) -> Timestamp {
        self.groups
            .last()
            .map_or(Timestamp::EPOCH, |group| group.last_received)
    }
}

/// What a segment says of one of its row groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Its first number.
    pub(crate) first: u64,
    /// Its last number.
    pub(crate) last: u64,
    /// When its last record came in.
    pub(crate) last_received: Timestamp,
    /// The earliest market time in it.
    pub(crate) earliest: Timestamp,
    /// The latest market time in it.
    pub(crate) latest: Timestamp,
    /// CRC-32 of its cells.
    pub(crate) crc32: u32,
}
