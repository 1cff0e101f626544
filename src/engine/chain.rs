//! The numbering of events and the hash chain over them.

use super::essence::{distance, put_number};
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Bytes of events from which on a link takes them in: enough that what a hash costs beside its bytes does not count.
const LINK: usize = 1_024;

/// Numbers every event and chains the journal's by hash.
///
/// Events are written into a row, each as its number, its time and the digest of all marks, by how they differ from the
/// event before, and its essence. When the row is long enough, it becomes a link: SHA-256 over the link before it and the
/// row. The head is that over the last link, the row as it stands, and the digest of all marks. Two runs with the same head
/// had the same journal and, at every bar, the same price and equity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chain {
    seq: u64,
    marks: Marks,
    link: [u8; 32],
    /// What no link has taken in yet.
    row: Vec<u8>,
    last: Told,
}

/// What the last event in the row said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    seq: u64,
    time: Timestamp,
    marks: Marks,
}

/// A digest of all marks so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marks(u64);

impl Marks {
    /// Folds a mark in, for every bar: what it says is mixed by itself, so that only one multiplication waits for the mark
    /// before (the mixing step of FxHash; it guards against accidents, the links against intent).
    #[inline]
    pub(super) const fn fold(&mut self, price: f64, equity: f64) {
        const K: u64 = 0x517c_c1b7_2722_0a95;
        // Prices have few digits, whose lower bits are zeros, in a product too: they go where the other has its own.
        let price = price.to_bits().wrapping_mul(K).rotate_left(32);
        let mark = equity.to_bits().wrapping_mul(K) ^ price;
        self.0 = (self.0.rotate_left(5) ^ mark).wrapping_mul(K);
    }

    const fn to_le_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }
}

impl Chain {
    pub(super) const fn new() -> Self {
        Self {
            seq: 0,
            marks: Marks(0),
            link: [0; 32],
            row: Vec::new(),
            last: Told {
                seq: 0,
                time: Timestamp::EPOCH,
                marks: Marks(0),
            },
        }
    }

    /// The number of the last event.
    pub(super) const fn seq(&self) -> u64 {
        self.seq
    }

    /// The number of the next event, which is not part of the journal.
    #[inline]
    pub(super) const fn number(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// Numbers so many events that are not part of the journal.
    pub(super) const fn number_all(&mut self, count: u64) {
        self.seq += count;
    }

    /// Numbers and chains an event of the journal, whose essence `write` appends; gives its number.
    #[inline]
    pub(super) fn link(&mut self, time: Timestamp, write: impl FnOnce(Timestamp, &mut Vec<u8>)) -> u64 {
        let seq = self.begin(time);
        write(time, &mut self.row);
        if self.row.len() >= LINK {
            self.close_link();
        }
        seq
    }

    fn begin(&mut self, time: Timestamp) -> u64 {
        let seq = self.number();
        let (row, last) = (&mut self.row, self.last);
        put_number(row, seq - last.seq);
        put_number(row, distance(last.time, time));
        row.push(u8::from(self.marks != last.marks));
        if self.marks != last.marks {
            row.extend_from_slice(&self.marks.to_le_bytes());
        }
        self.last = Told {
            seq,
            time,
            marks: self.marks,
        };
        seq
    }

    fn close_link(&mut self) {
        let hasher = Sha256::new().chain_update(self.link).chain_update(&self.row);
        self.link = hasher.finalize().into();
        self.row.clear();
    }

    /// Folds a mark into the digest.
    #[inline]
    pub(super) const fn fold(&mut self, price: f64, equity: f64) {
        self.marks.fold(price, equity);
    }

    /// Folds many marks into the digest, and adds all equity to `sum`: both wait for the mark before, so they wait together.
    pub(super) fn fold_all(&mut self, prices: &[f64], equity: &[f64], mut sum: f64) -> f64 {
        let mut marks = self.marks;
        for (price, equity) in prices.iter().zip(equity) {
            marks.fold(*price, *equity);
            sum += equity;
        }
        self.marks = marks;
        sum
    }

    /// The head in hexadecimal, with all marks so far.
    pub(super) fn head(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.link);
        hasher.update(&self.row);
        hasher.update(self.marks.to_le_bytes());
        hasher
            .finalize()
            .iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}
