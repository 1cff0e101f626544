//! The settings of an installation.

use serde::{Deserialize, Serialize};

/// What the configuration file may set beside where to listen and where to keep data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The seed of the simulated markets; counts at the first start of an installation only.
    pub simulated_market_seed: u64,
    /// Days for which what live feeds told is kept; for good when absent. What a session that is there has taken in is kept in
    /// any case.
    pub tape_keep_days: Option<u32>,
    /// Bytes on disk beyond which the oldest of it goes.
    pub tape_keep_bytes: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            simulated_market_seed: 42,
            tape_keep_days: None,
            tape_keep_bytes: None,
        }
    }
}
