//! What a venue lists, as it was last heard: in an answer, or on the stream of another Papertape, which tells when it changes.

use crate::venue::Listing;
use papertape::market::Grid;
use papertape::model::Symbol;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The newest listing of each symbol of one venue, for whoever asks, and who is told when its steps change.
#[derive(Debug)]
pub(crate) struct Listed {
    newest: Mutex<BTreeMap<Symbol, Arc<Listing>>>,
    restepped: Arc<Notify>,
}

impl Listed {
    /// Nothing is known yet; `restepped` is told when a symbol is listed in other steps than before.
    pub(crate) fn new(restepped: Arc<Notify>) -> Self {
        Self {
            newest: Mutex::default(),
            restepped,
        }
    }

    /// A symbol is listed so now.
    pub(crate) fn note(&self, listing: &Arc<Listing>) {
        let symbol = listing.instrument.symbol().clone();
        let before = self.newest().insert(symbol, Arc::clone(listing));
        if before.is_some_and(|before| is_in_other_steps(&before, listing)) {
            self.announce();
        }
    }

    /// A symbol is listed so, unless its venue's stream has said something else: gives what it said.
    pub(crate) fn keep(&self, listing: Arc<Listing>) -> Arc<Listing> {
        let symbol = listing.instrument.symbol().clone();
        Arc::clone(self.newest().entry(symbol).or_insert(listing))
    }

    /// Nobody listens to a symbol any more: what it is listed as may change unheard.
    pub(crate) fn forget(&self, symbol: &Symbol) {
        self.newest().remove(symbol);
    }

    /// How a symbol was last listed, if anybody has heard.
    pub(crate) fn of(&self, symbol: &Symbol) -> Option<Arc<Listing>> {
        self.newest().get(symbol).cloned()
    }

    /// Says that something is listed in other steps than it is read in.
    pub(crate) fn announce(&self) {
        self.restepped.notify_one();
    }

    fn newest(&self) -> MutexGuard<'_, BTreeMap<Symbol, Arc<Listing>>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two listings count in different steps.
pub(crate) fn is_in_other_steps(a: &Listing, b: &Listing) -> bool {
    Grid::of(&a.instrument) != Grid::of(&b.instrument)
}
