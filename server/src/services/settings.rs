//! The settings of an installation.

use serde::{Deserialize, Serialize};

/// What the configuration file may set beside where to listen and where to keep data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The seed of the simulated markets; counts at the first start of an installation only.
    pub simulated_market_seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            simulated_market_seed: 42,
        }
    }
}
