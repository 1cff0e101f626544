//! The simulated market as a tape: bars of history, then every quote and trade.

use super::{Ahead, Tape, TapeItem, World};
use papertape::engine::Input;
use papertape::market::{Bar, MarketEvent, SimulatedMarket};
use papertape::model::{InstrumentId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A session at full speed would run on until times no longer fit their type: the tape ends after ten years.
const LENGTH: i64 = 3_652 * 86_400_000_000_000;

/// A tape of the simulated market.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SimulatedTape {
    history: VecDeque<Bar>,
    /// Bars of history in all.
    history_length: u64,
    start: Timestamp,
    market: SimulatedMarket,
    next: Option<MarketEvent>,
}

impl SimulatedTape {
    /// A tape at its beginning.
    #[must_use]
    pub fn new(world: &World, history_from: Timestamp, start: Timestamp) -> Self {
        let (history, market) = world.cut(history_from, start);
        Self {
            history_length: history.len() as u64,
            history,
            start,
            market,
            next: None,
        }
    }

    /// A tape where a checkpoint says.
    ///
    /// # Errors
    /// When the checkpoint makes no sense.
    pub fn resume(checkpoint: &[u8]) -> Result<Self, postcard::Error> {
        postcard::from_bytes(checkpoint)
    }

    fn ahead(&mut self) -> Option<TapeItem> {
        if let Some(bar) = self.history.front() {
            return Some(TapeItem {
                due: None,
                received: None,
                input: Input::History(InstrumentId::PRIMARY, *bar),
            });
        }
        if self.next.is_none() {
            self.next = self.market.next();
        }
        let event = self.next.clone()?;
        let time = event.time();
        (time.since(self.start) < LENGTH).then_some(TapeItem {
            due: Some(time),
            received: None,
            input: Input::market(event),
        })
    }
}

impl Tape for SimulatedTape {
    fn peek(&mut self) -> Ahead {
        self.ahead().into()
    }

    fn next(&mut self) -> Option<TapeItem> {
        let item = self.ahead()?;
        if self.history.pop_front().is_none() {
            self.next = None;
        }
        Some(item)
    }

    fn history(&self) -> u64 {
        self.history_length
    }

    fn start(&self) -> Option<Timestamp> {
        Some(self.start)
    }

    fn checkpoint(&self) -> Vec<u8> {
        postcard::to_stdvec(self).unwrap_or_default()
    }
}
