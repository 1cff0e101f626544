//! Imported bars as a tape.

use super::{Tape, TapeItem};
use papertape::engine::Input;
use papertape::market::{Bars, MarketEvent};
use papertape::model::{Timeframe, Timestamp};

/// A tape of bars, without history: what a backtest over the same bars takes in.
#[derive(Debug)]
pub struct ReplayTape {
    bars: Bars,
    timeframe: Timeframe,
    position: usize,
}

impl ReplayTape {
    /// A tape at its beginning.
    #[must_use]
    pub const fn new(bars: Bars, timeframe: Timeframe) -> Self {
        Self {
            bars,
            timeframe,
            position: 0,
        }
    }

    /// Goes on where a checkpoint says.
    ///
    /// # Errors
    /// When the checkpoint makes no sense.
    pub fn resume(&mut self, checkpoint: &[u8]) -> Result<(), postcard::Error> {
        self.position = postcard::from_bytes(checkpoint)?;
        Ok(())
    }
}

impl Tape for ReplayTape {
    fn peek(&mut self) -> Option<TapeItem> {
        let bar = self.bars.get(self.position)?;
        Some(TapeItem {
            // A bar is known when it closes.
            due: Some(self.timeframe.close_of(bar.open_time)),
            input: Input::market(MarketEvent::Bar(bar)),
        })
    }

    fn next(&mut self) -> Option<TapeItem> {
        let item = self.peek()?;
        self.position += 1;
        Some(item)
    }

    fn history(&self) -> u64 {
        0
    }

    fn start(&self) -> Option<Timestamp> {
        self.bars.open_time.first().copied()
    }

    fn checkpoint(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.position).unwrap_or_default()
    }
}
