//! The markets that are known.

use super::{DatasetInfo, Ticker};
use crate::model::{Instrument, Symbol};
use serde::{Deserialize, Serialize};

/// A market that is known here: there are bars of it, or a live feed listens to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarketInfo {
    /// Which.
    pub symbol: Symbol,
    /// What is traded, with its steps, limits and hours: as the first of `feeds` has it, or else the first of `datasets`.
    pub instrument: Instrument,
    /// The bars that there are, with their spans: what was imported and what feeds keep, the finest first, then the simulated market.
    pub datasets: Vec<DatasetInfo>,
    /// What each live feed that listens to it told last, with the source that it comes from.
    pub feeds: Vec<Ticker>,
}
