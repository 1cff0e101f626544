//! A channel that is dead while another goes on.

use papertape::model::Timestamp;
use std::time::Duration;

/// Trades that a channel should have told something of, and did not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Silent {
    /// When the first of them came.
    since: Option<Timestamp>,
    trades: u32,
}

impl Silent {
    /// One print outside of the best prices is ordinary.
    const ENOUGH: u32 = 3;

    /// The channel told something.
    #[inline]
    pub(super) const fn speaks(&mut self) {
        self.since = None;
        self.trades = 0;
    }

    /// A trade came that the channel must have something to tell of.
    #[inline]
    pub(super) fn missed(&mut self, received: Timestamp) {
        self.since.get_or_insert(received);
        self.trades = self.trades.saturating_add(1);
    }

    /// Since when it has told nothing, when that is longer than `patience`.
    pub(super) fn dead_since(&self, now: Timestamp, patience: Duration) -> Option<Timestamp> {
        let is_dead = |since: &Timestamp| now.since(*since) > super::nanos(patience);
        self.since.filter(is_dead).filter(|_| self.trades >= Self::ENOUGH)
    }
}
