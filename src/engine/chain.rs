//! The numbering of events and the hash chain over them.

use super::{Event, EventKind};
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Numbers every event and chains the journal's by hash.
///
/// Each link is SHA-256 over the link before it, the digest of all marks so far, and the event's essence. Two runs
/// with the same head had the same journal and, at every bar, the same price and equity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chain {
    seq: u64,
    head: [u8; 32],
    marks: Marks,
}

/// A digest of all marks so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marks(u64);

impl Marks {
    /// Folds a mark in: two multiplications, so that it can be done for every bar (the mixing step of FxHash; it guards
    /// against accidents, the links against intent).
    #[inline]
    pub(super) const fn fold(&mut self, price: f64, equity: f64) {
        const K: u64 = 0x517c_c1b7_2722_0a95;
        self.0 = (self.0.rotate_left(5) ^ price.to_bits()).wrapping_mul(K);
        self.0 = (self.0.rotate_left(5) ^ equity.to_bits()).wrapping_mul(K);
    }

    const fn to_le_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }
}

impl Chain {
    pub(super) const fn new() -> Self {
        Self {
            seq: 0,
            head: [0; 32],
            marks: Marks(0),
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

    /// Numbers and chains an event of the journal.
    pub(super) fn link(&mut self, time: Timestamp, kind: EventKind, scratch: &mut Vec<u8>) -> Event {
        let seq = self.number();
        scratch.clear();
        scratch.extend_from_slice(&self.head);
        scratch.extend_from_slice(&self.marks.to_le_bytes());
        scratch.extend_from_slice(&seq.to_le_bytes());
        scratch.extend_from_slice(&time.nanos().to_le_bytes());
        kind.essence(scratch);
        self.head = Sha256::digest(&scratch).into();
        Event { seq, time, kind }
    }

    /// The digest of all marks so far, which the next link takes in.
    pub(super) const fn marks(&self) -> Marks {
        self.marks
    }

    /// Folds a mark into the digest.
    #[inline]
    pub(super) const fn fold(&mut self, price: f64, equity: f64) {
        self.marks.fold(price, equity);
    }

    /// Takes in many market events at once: the number of the last, and the digest after their marks.
    pub(super) const fn pass(&mut self, seq: u64, marks: Marks) {
        self.seq = seq;
        self.marks = marks;
    }

    /// The head in hexadecimal, with all marks so far.
    pub(super) fn head(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.head);
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
