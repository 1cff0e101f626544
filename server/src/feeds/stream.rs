//! What a feed told of a symbol, record by record.

use super::reopening::{FIRST_PAUSE, LONGEST_PAUSE};
use papertape::model::{Instrument, Symbol, Timestamp};
use papertape_tape::{Channel, Record, TapeError, TapeStore};
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// Records read at once: so many are held by each reader at most.
const STRIDE: u64 = 4_096;

/// What a feed told of a symbol, by number, as far as it is durable. When its tape fails it goes on with the one that is opened
/// anew.
#[derive(Debug)]
pub struct RecordedStream {
    store: TapeStore,
    channel: Channel,
    /// Read ahead.
    ahead: VecDeque<Record>,
}

impl RecordedStream {
    /// A tape that is there.
    ///
    /// # Errors
    /// [`TapeError`] when there is none, or its files cannot be read.
    pub(crate) async fn open(store: TapeStore, feed: &str, symbol: &Symbol) -> Result<Self, TapeError> {
        Ok(Self {
            channel: existing(&store, feed, symbol).await?,
            store,
            ahead: VecDeque::new(),
        })
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
            self.ahead = self.channel.recent(number, STRIDE as usize).into();
            if self.ahead.is_empty() {
                let last = durable.min(number.saturating_add(STRIDE - 1));
                let read = |channel: &Channel| until_unreadable(channel.scan(number..=last));
                self.ahead = match without_holding_up(|| read(&self.channel)) {
                    // Its files are the new one's now, where they are others.
                    Err(_) if self.has_failed() => {
                        let name = self.channel.name();
                        let reopen = || self.store.existing(&name.feed, &name.symbol);
                        self.channel = without_holding_up(reopen)?;
                        without_holding_up(|| read(&self.channel))?
                    }
                    read => read?,
                };
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

    /// The numbers of what was told within a span of market time, and when the first of it happened; `None` when nothing was
    /// told then.
    ///
    /// # Errors
    /// [`TapeError`] when the tape cannot be read.
    pub(super) async fn told_within(
        &mut self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<Option<(RangeInclusive<u64>, Timestamp)>, TapeError> {
        let first = match from {
            Some(from) => self.number_at(from).await?,
            None => self.first_number(),
        };
        let mut last = match to {
            Some(to) => self.number_at(to.plus_nanos(1)).await? - 1,
            None => self.channel.durable_up_to(),
        };
        // A bar has the place of its opening, and is told when it closes.
        let is_later =
            |record: &Record| to.is_some_and(|to| record.event().is_some_and(|event| event.time() > to));
        while last >= first && self.read(last)?.as_ref().is_some_and(is_later) {
            last -= 1;
        }
        // What is not durable yet has not been told.
        let Some(record) = self.read(first)?.filter(|_| first <= last) else {
            return Ok(None);
        };
        Ok(Some((first..=last, record.entry.time())))
    }

    /// The instrument in whose steps the record of a number counts, and the numbers around it that count so for sure.
    ///
    /// # Errors
    /// [`TapeError`] when there is no such record, or its file cannot be read.
    pub fn instrument_of(&self, number: u64) -> Result<(RangeInclusive<u64>, Instrument), TapeError> {
        without_holding_up(|| self.channel.instrument_of(number))
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

    /// Ends when the record of a number can be read, however often the tape fails before. May be dropped and begun again.
    pub async fn wait_for(&mut self, number: u64) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.channel.durable(number).await {
                Ok(()) => return,
                // Nothing more will come.
                Err(TapeError::Closed | TapeError::ReadOnly) => std::future::pending().await,
                Err(_) => {}
            }
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            let name = self.channel.name();
            match existing(&self.store, &name.feed, &name.symbol).await {
                Ok(channel) => self.channel = channel,
                Err(error) => tracing::debug!(tape = %name, %error, "the tape cannot be read again yet"),
            }
        }
    }

    /// Whether its tape has failed, so that it may be open anew.
    fn has_failed(&self) -> bool {
        let failure = self.channel.failure();
        failure.is_some_and(|error| !matches!(error, TapeError::Closed | TapeError::ReadOnly))
    }
}

/// The records of a span up to the first that cannot be read: what is wrong with that one is said to whoever wants it next.
fn until_unreadable(
    records: impl Iterator<Item = Result<Record, TapeError>>,
) -> Result<VecDeque<Record>, TapeError> {
    let mut read = VecDeque::new();
    for record in records {
        match record {
            Ok(record) => read.push_back(record),
            Err(error) if read.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    Ok(read)
}

/// Opens a tape that is there, on a thread that may wait for the disk.
async fn existing(store: &TapeStore, feed: &str, symbol: &Symbol) -> Result<Channel, TapeError> {
    let (store, feed, symbol) = (store.clone(), feed.to_owned(), symbol.clone());
    let opened = tokio::task::spawn_blocking(move || store.existing(&feed, &symbol)).await;
    opened.unwrap_or(Err(TapeError::Closed))
}

/// Does what waits for the disk; the other tasks of a thread that serves many go on meanwhile on another.
pub(super) fn without_holding_up<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current() {
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(work)
        }
        _ => work(),
    }
}
