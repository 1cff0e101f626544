//! How much of the bars that they met our orders got.

use serde::{Deserialize, Serialize};

/// The share of a bar's volume from which on a fill is worth a word. A convention: those who work large orders usually keep them to
/// 5 to 20 % of what is traded.
pub const LARGE_SHARE: f64 = 0.1;

/// Counts of fills on bars by what share of the bar's volume our orders had got of it then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TakenVolume {
    /// More than the bar traded: nobody could have had them.
    pub beyond: u64,
    /// More than [`LARGE_SHARE`] of it, those beyond included.
    pub large: u64,
    /// The largest share of a bar that traded anything.
    pub largest: f64,
}

impl TakenVolume {
    /// A fill brought what our orders got of a bar to `got` of its `volume`.
    pub(super) fn note(&mut self, got: f64, volume: f64) {
        self.beyond += u64::from(got > volume);
        self.large += u64::from(got > LARGE_SHARE * volume);
        if volume > 0.0 {
            self.largest = self.largest.max(got / volume);
        }
    }
}
