//! Who asks venues for the past: one at a time for each dataset.

use papertape::model::{Symbol, Timeframe};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

/// Who asks for which feed's bars of which length. What is read, asked for and kept of a dataset is one step, so that nothing is asked
/// for twice or lost; who asks for another dataset does not wait for it.
#[derive(Debug, Default)]
pub(in crate::services) struct Asking {
    datasets: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Asking {
    /// Waits until nobody else asks for this; nobody else does while what is returned lives.
    pub(super) async fn begin(
        &self,
        feed: &str,
        symbol: &Symbol,
        timeframe: Timeframe,
    ) -> OwnedMutexGuard<()> {
        let dataset = {
            let mut datasets = self.datasets.lock().unwrap_or_else(PoisonError::into_inner);
            let dataset = datasets.entry(format!("{feed}:{symbol}@{timeframe}"));
            Arc::clone(dataset.or_default())
        };
        dataset.lock_owned().await
    }
}
