//! What a feed told of a symbol, record by record.

use papertape::model::{Instrument, Timestamp};
use papertape_tape::{Channel, Record, TapeError};
use std::collections::VecDeque;
use tokio::sync::watch;

/// Records read at once: so many are held by each reader at most.
const STRIDE: u64 = 4_096;

/// What a feed told of a symbol, by number, as far as it is durable.
#[derive(Debug)]
pub struct RecordedStream {
    channel: Channel,
    durable: watch::Receiver<u64>,
    /// Read ahead.
    ahead: VecDeque<Record>,
}

impl RecordedStream {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            durable: channel.watch(),
            channel,
            ahead: VecDeque::new(),
        }
    }

    /// The record of a number; `None` while it is not durable. Reads a few thousand at once.
    ///
    /// # Errors
    /// [`TapeError`] when it cannot be read, or is not kept any more.
    pub fn read(&mut self, number: u64) -> Result<Option<Record>, TapeError> {
        while self.ahead.front().is_some_and(|record| record.number < number) {
            self.ahead.pop_front();
        }
        if self.ahead.front().is_none_or(|record| record.number != number) {
            self.ahead.clear();
            let durable = self.channel.durable_up_to();
            if durable < number {
                return Ok(None);
            }
            let last = durable.min(number.saturating_add(STRIDE - 1));
            for record in self.channel.scan(number..=last) {
                self.ahead.push_back(record?);
            }
        }
        Ok(self.ahead.front().cloned())
    }

    /// The first number whose market time is not before `time`; one more than the last durable one when there is none.
    ///
    /// # Errors
    /// [`TapeError`] when the tape cannot be read.
    pub async fn number_at(&self, time: Timestamp) -> Result<u64, TapeError> {
        self.channel.seek_time(time).await
    }

    /// The instrument in whose steps the newest records count.
    #[must_use]
    pub fn instrument(&self) -> Instrument {
        self.channel.instrument()
    }

    /// The number of the oldest record that is kept; one more than the last when there is none.
    #[must_use]
    pub fn first_number(&self) -> u64 {
        self.channel.first_number()
    }

    /// The number of the newest record, durable or not.
    #[must_use]
    pub fn last_number(&self) -> u64 {
        self.channel.last_number()
    }

    /// Ends when the record of a number can be read.
    pub async fn wait_for(&mut self, number: u64) {
        if self.durable.wait_for(|durable| *durable >= number).await.is_err() {
            // The tape is closed: nothing more will come.
            std::future::pending::<()>().await;
        }
    }
}
