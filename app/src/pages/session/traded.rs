//! What a session trades: of each record, what it is of.

use crate::live::SessionView;
use leptos::prelude::*;
use papertape::api::SessionSummary;
use papertape::model::{Instrument, InstrumentId, Symbol};

/// The instruments of a session, the one of its chart first. Options that orders name join them as it goes on.
#[derive(Clone, Copy)]
pub(crate) struct Traded(RwSignal<SessionSummary>);

impl Traded {
    pub(crate) const fn of_session(view: SessionView) -> Self {
        Self(view.summary)
    }

    /// Whether its strategy trades more than one.
    pub(crate) fn several(self) -> bool {
        self.0.with_untracked(|it| !it.peers.is_empty())
    }

    /// What its strategy trades.
    pub(crate) fn all(self) -> Vec<Instrument> {
        self.0.with_untracked(|it| it.traded().cloned().collect())
    }

    /// The instrument of a record's number; what is not known is shown as the first one is.
    pub(crate) fn of(self, id: InstrumentId) -> Instrument {
        self.0
            .with_untracked(|it| it.instrument_at(id).unwrap_or(&it.instrument).clone())
    }

    /// The instrument of a symbol.
    pub(crate) fn named(self, symbol: &Symbol) -> Instrument {
        self.0.with_untracked(|it| {
            let found = it.instruments().find(|it| it.symbol() == symbol);
            found.unwrap_or(&it.instrument).clone()
        })
    }

    /// The symbol of a record, where it must be said.
    pub(crate) fn symbol(self, id: InstrumentId) -> Option<String> {
        self.said(self.of(id).symbol())
    }

    /// A symbol, where it must be said: of all that is not of the only one that a strategy trades.
    pub(crate) fn said(self, symbol: &Symbol) -> Option<String> {
        let is_clear = !self.several() && self.0.with_untracked(|it| it.instrument.symbol() == symbol);
        (!is_clear).then(|| symbol.to_string())
    }
}
