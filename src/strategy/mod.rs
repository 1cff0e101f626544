//! Strategies (stands in until the language lands).
use serde::{Deserialize, Serialize};
/// A compiled strategy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Strategy {}
