//! The record of everything that was not as it should be.

use papertape::model::{Symbol, Timestamp};
use serde::{Deserialize, Serialize};

/// What kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentKind {
    /// Data is missing.
    Gap,
    /// Nothing came for longer than it should.
    Stale,
    /// Another source took over.
    Failover,
    /// Missing data was asked for and came.
    Backfill,
    /// The venue corrected what it had said.
    Correction,
    /// Something impossible was kept off: a price, a size, a frame.
    Quarantine,
    /// Sources tell different prices.
    Divergence,
}

/// One entry of the data-quality record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// What kind.
    pub kind: IncidentKind,
    /// Of which symbol.
    pub symbol: Symbol,
    /// Which source it was.
    pub source: String,
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` while it lasts.
    pub to: Option<Timestamp>,
    /// How many: messages lost, trades backfilled, frames kept off.
    pub count: u64,
    /// In a sentence.
    pub detail: String,
}
