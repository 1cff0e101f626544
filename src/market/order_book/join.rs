//! Putting a snapshot and numbered changes together without a gap.
//!
//! A venue numbers every change of its book. A message of changes names the first and the last number it covers, a
//! snapshot the last that is in it. The two come by different ways, so changes are held back until a snapshot is there;
//! those that it holds already are dropped, and from then on each message must go on where the book stands. The rules
//! are those of Binance's local book, spot and futures; a venue that counts messages gives one number as first and last.

use super::{DepthKind, DepthUpdate};
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A message of changes with its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepthDiff {
    /// The first change that it covers.
    pub first_id: u64,
    /// The last change that it covers.
    pub final_id: u64,
    /// The last change of the message before, on venues that name it: numbers may then be skipped in between.
    pub previous: Option<u64>,
    /// What changed.
    pub update: DepthUpdate,
}

/// The whole book with the last change that is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepthSnapshot {
    /// The last change that is in it.
    pub last_id: u64,
    /// The levels.
    pub update: DepthUpdate,
}

/// Why messages cannot be joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// Changes are missing: the book needs a new snapshot.
    #[error("change {expected} comes next, and the message begins with {found}")]
    Gap {
        /// The number that the book needs.
        expected: u64,
        /// The number that the message begins with.
        found: u64,
    },
    /// A message ends before it begins.
    #[error("the message ends with change {final_id}, before its first, {first_id}")]
    Backwards {
        /// Its first number.
        first_id: u64,
        /// Its last.
        final_id: u64,
    },
}

impl DepthDiff {
    /// Whether nothing is missing between a book that has all changes up to `last_id` and this message.
    fn follows(&self, last_id: u64) -> bool {
        self.first_id <= last_id.saturating_add(1) || self.previous == Some(last_id)
    }

    fn gap_after(&self, last_id: u64) -> JoinError {
        JoinError::Gap {
            expected: last_id.saturating_add(1),
            found: self.first_id,
        }
    }
}

/// Joins a snapshot and the changes after it; see the module's comment.
///
/// After a [`JoinError::Gap`] it waits for a new snapshot, holding back the changes since. At most
/// [`DepthJoin::MOST_WAITING`] messages are held; then the oldest go, and the snapshot must be the newer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepthJoin {
    /// The last change in the book; `None` while it waits for a snapshot.
    last_id: Option<u64>,
    /// Messages that wait for a snapshot, each following the one before.
    waiting: VecDeque<DepthDiff>,
}

impl DepthJoin {
    /// Messages that are held back at most: a quarter of an hour of ten a second.
    pub const MOST_WAITING: usize = 10_000;

    /// The last change that is in the book; `None` while it waits for a snapshot.
    #[must_use]
    pub const fn last_id(&self) -> Option<u64> {
        self.last_id
    }

    /// Forgets everything and waits for a snapshot: after a new connection, whose numbers may be others.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// Takes a message of changes; gives the update to apply to the book, or `None` when the message waits for a
    /// snapshot or says nothing new.
    ///
    /// # Errors
    /// [`JoinError::Gap`] when changes are missing: ask for a new snapshot. [`JoinError::Backwards`] when the message
    /// makes no sense: it is dropped, and the next will show the gap if it held anything.
    pub fn diff(&mut self, diff: DepthDiff) -> Result<Option<DepthUpdate>, JoinError> {
        let DepthDiff {
            first_id, final_id, ..
        } = diff;
        if final_id < first_id {
            return Err(JoinError::Backwards { first_id, final_id });
        }
        let Some(last_id) = self.last_id else {
            self.hold(diff);
            return Ok(None);
        };
        if final_id <= last_id {
            return Ok(None);
        }
        if !diff.follows(last_id) {
            let gap = diff.gap_after(last_id);
            self.last_id = None;
            self.hold(diff);
            return Err(gap);
        }
        self.last_id = Some(final_id);
        Ok(Some(diff.update))
    }

    /// Takes a snapshot; gives the updates to apply to the book in their order: the snapshot, and the changes that
    /// waited for it, with the snapshot's time, since before it nobody could know what they made. None when the book is
    /// newer than the snapshot.
    ///
    /// # Errors
    /// [`JoinError::Gap`] when the snapshot is older than the changes that wait for it: ask for a newer one.
    pub fn snapshot(&mut self, snapshot: DepthSnapshot) -> Result<Vec<DepthUpdate>, JoinError> {
        let DepthSnapshot { last_id, update } = snapshot;
        if self.last_id.is_some_and(|known| last_id < known) {
            return Ok(Vec::new());
        }
        while self.waiting.front().is_some_and(|diff| diff.final_id <= last_id) {
            self.waiting.pop_front();
        }
        if let Some(first) = self.waiting.front().filter(|first| !first.follows(last_id)) {
            return Err(first.gap_after(last_id));
        }
        self.last_id = Some(self.waiting.back().map_or(last_id, |newest| newest.final_id));
        let known_at = update.time;
        let snapshot = DepthUpdate {
            kind: DepthKind::Snapshot,
            ..update
        };
        let waited = self
            .waiting
            .drain(..)
            .map(|diff| known_no_earlier(diff.update, known_at));
        Ok(std::iter::once(snapshot).chain(waited).collect())
    }

    /// Holds a message back. One that does not follow the last makes those before it useless: no snapshot joins both.
    fn hold(&mut self, diff: DepthDiff) {
        if let Some(newest) = self.waiting.back() {
            if diff.final_id <= newest.final_id {
                return;
            }
            if !diff.follows(newest.final_id) {
                self.waiting.clear();
            }
        }
        if self.waiting.len() == Self::MOST_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(diff);
    }
}

fn known_no_earlier(update: DepthUpdate, time: Timestamp) -> DepthUpdate {
    DepthUpdate {
        time: update.time.max(time),
        ..update
    }
}
