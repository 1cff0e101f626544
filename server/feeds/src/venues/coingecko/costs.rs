//! What coins cost about now, for the steps of their instruments: who begins with one coin, or with many at once, asks the venue once.

use super::answers::{Prices, WELL_KNOWN};
use crate::kept::{Asked, Kept};
use crate::venue::FeedError;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Coins that are asked for together at most, besides those that everybody knows.
const MOST_WANTED: usize = 50;

/// Ids of coins.
pub(super) type Ids = BTreeSet<String>;

/// Prices in one currency, of those coins that were asked for.
#[derive(Debug)]
pub(super) struct Known {
    /// What was asked for: what of it has no price the venue does not have.
    pub(super) asked: Ids,
    pub(super) prices: Prices,
}

/// See the module's comment. Prices are kept for as long as the venue keeps its own: asked earlier, it would say the same.
#[derive(Debug)]
pub(super) struct Costs {
    known: Kept<String, Arc<Known>>,
    /// Who waits for a price that nobody has asked for yet, by currency.
    wanted: Mutex<BTreeMap<String, Ids>>,
}

impl Costs {
    pub(super) const fn new(refresh: Duration) -> Self {
        Self {
            known: Kept::new(refresh),
            wanted: Mutex::new(BTreeMap::new()),
        }
    }

    /// The prices in a currency with that of a coin among them, unless there is none. `ask` asks for the coins that it is given.
    pub(super) async fn of(
        &self,
        id: &str,
        currency: &str,
        ask: impl Fn(Ids) -> Asked<Arc<Known>>,
    ) -> Result<Arc<Known>, FeedError> {
        let currency = currency.to_owned();
        let mut known = self.known.known(&currency);
        loop {
            if let Some(known) = known.filter(|known| known.asked.contains(id)) {
                return Ok(known);
            }
            // What is under way may have been asked for before: then once more, with all who have come meanwhile.
            self.want(id, &currency);
            let asked = self.known.get_anew(&currency, || ask(self.take(&currency)));
            known = Some(asked.await?);
        }
    }

    fn want(&self, id: &str, currency: &str) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted
            .entry(currency.to_owned())
            .or_default()
            .insert(id.to_owned());
    }

    /// What is wanted, and what will be: the coins that everybody knows.
    fn take(&self, currency: &str) -> Ids {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ids = Ids::new();
        if let Some(all) = wanted.get_mut(currency) {
            while ids.len() < MOST_WANTED
                && let Some(id) = all.pop_first()
            {
                ids.insert(id);
            }
        }
        ids.extend(WELL_KNOWN.iter().map(|(_, id)| (*id).to_owned()));
        ids
    }
}
