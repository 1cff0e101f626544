//! Names of folders and files.
//!
//! `FEED/SYMBOL/` holds a channel. Bytes other than letters, digits, `-`, `_` and dots that are not at the beginning are
//! `%` and two hexadecimal digits, so that every name has one folder and every folder one name: `BTC%2FUSDT`.
//!
//! | file | is |
//! |---|---|
//! | `FIRST.wal` | records from number FIRST on, still being written or waiting to be sealed |
//! | `FIRST-LAST-DAY.parquet` | a sealed segment: records FIRST to LAST, received on the UTC day DAY |
//! | `….tmp` | a segment in the making; worthless after a crash |
//!
//! Numbers have 20 digits, so that the order of names is the order of records.

use crate::error::{Result, TapeError};
use papertape::model::{Symbol, Timestamp};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// The longest name of a feed, in bytes.
const LONGEST_FEED: usize = 64;
pub(crate) const UNFINISHED: &str = "tmp";

/// Which tape: the feed and the symbol.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName {
    /// The feed.
    pub feed: String,
    /// The symbol.
    pub symbol: Symbol,
}

impl ChannelName {
    /// A name.
    ///
    /// # Errors
    /// [`TapeError::Name`] when the feed's cannot be a folder's.
    pub fn new(feed: &str, symbol: &Symbol) -> Result<Self> {
        if feed.is_empty() || feed.len() > LONGEST_FEED {
            return Err(TapeError::Name {
                name: feed.chars().take(LONGEST_FEED).collect(),
                most: LONGEST_FEED,
            });
        }
        Ok(Self {
            feed: feed.to_owned(),
            symbol: symbol.clone(),
        })
    }

    pub(crate) fn folder(&self, root: &Path) -> PathBuf {
        root.join(encode(&self.feed)).join(encode(self.symbol.as_str()))
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.feed, self.symbol)
    }
}

fn encode(name: &str) -> String {
    use std::fmt::Write;

    let mut out = String::with_capacity(name.len() + 4);
    for (index, byte) in name.bytes().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_".contains(&byte) || (byte == b'.' && index > 0);
        if is_plain {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The name that a folder stands for; `None` when it is none of ours.
pub(crate) fn decode(folder: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(folder.len());
    let mut rest = folder.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let (digits, tail) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = tail;
        } else {
            bytes.push(byte);
        }
    }
    let name = String::from_utf8(bytes).ok()?;
    (encode(&name) == folder).then_some(name)
}

/// What a sealed segment's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentName {
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// Days since the epoch.
    pub(crate) day: i64,
}

impl SegmentName {
    pub(crate) fn file(self) -> String {
        let date = Timestamp::from_secs(self.day.saturating_mul(86_400)).to_datetime();
        format!(
            "{:020}-{:020}-{}.parquet",
            self.first,
            self.last,
            date.format("%Y%m%d")
        )
    }

    pub(crate) fn parse(file: &str) -> Option<Self> {
        let mut parts = file.strip_suffix(".parquet")?.split('-');
        let (first, last, date) = (parts.next()?, parts.next()?, parts.next()?);
        let (year, month, day) = (date.get(..4)?, date.get(4..6)?, date.get(6..)?);
        let day = Timestamp::parse(&format!("{year}-{month}-{day}")).ok()?.utc_day();
        let name = Self {
            first: first.parse().ok()?,
            last: last.parse().ok()?,
            day,
        };
        (name.file() == file && name.first >= 1 && name.first <= name.last).then_some(name)
    }
}

/// The name of the write-ahead file that begins with a number.
pub(crate) fn wal_file(first: u64) -> String {
    format!("{first:020}.wal")
}

/// The number with which a write-ahead file begins.
pub(crate) fn parse_wal(file: &str) -> Option<u64> {
    let first = file.strip_suffix(".wal")?.parse().ok()?;
    (wal_file(first) == file && first >= 1).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_name_has_one_folder_and_every_folder_one_name(name in "\\PC{1,12}", folder in "[A-Za-z0-9%./_-]{0,12}") {
            let encoded = encode(&name);
            prop_assert!(!encoded.starts_with('.') && !encoded.contains(['/', '\\', ':']));
            prop_assert_eq!(decode(&encoded), Some(name));
            if let Some(decoded) = decode(&folder) {
                prop_assert_eq!(encode(&decoded), folder);
            }
        }

        #[test]
        fn segments_names_are_read_back_and_sort_as_their_numbers(first in 1..u64::MAX, more in 0..u64::MAX, day in 0..40_000_i64) {
            let name = SegmentName { first, last: first.saturating_add(more), day };
            prop_assert_eq!(SegmentName::parse(&name.file()), Some(name));
            prop_assert_eq!(parse_wal(&wal_file(first)), Some(first));
            let later = SegmentName { first: first + 1, last: u64::MAX, day };
            prop_assert!(name.file() < later.file());
        }
    }

    #[test]
    fn folders_are_readable() {
        assert_eq!(encode("BTC/USDT"), "BTC%2FUSDT");
        assert_eq!(encode(".."), "%2E.");
        assert_eq!(encode("BRK.B"), "BRK.B");
        assert_eq!(decode("BTC%2fUSDT"), None);
        assert_eq!(decode("%4"), None);
        for other in [
            "1-2-20240808.parquet",
            "00000000000000000001.parquet",
            "x.wal",
            "-.parquet",
        ] {
            assert_eq!(SegmentName::parse(other), None);
            assert_eq!(parse_wal(other), None);
        }
    }
}
