//! One tape: what one feed says of one symbol.

mod pending;
mod shared;

pub(crate) use pending::Wal;
pub(crate) use shared::Shared;

use crate::error::{Result, TapeError};
use crate::names::ChannelName;
use crate::reader::{Reader, Scan};
use crate::record::{Entry, Record, Source};
use crate::recover::Loss;
use papertape::market::MarketEvent;
use papertape::model::{Instrument, Timestamp};
use std::ops::RangeInclusive;
use std::sync::{Arc, PoisonError};
use tokio::sync::watch;

/// One tape: what one feed says of one symbol. Clones are the same tape: one writer's appends follow one another, readers are
/// many.
#[derive(Clone, Debug)]
pub struct Channel(pub(crate) Arc<Shared>);

impl Channel {
    /// Which tape it is.
    #[must_use]
    pub fn name(&self) -> &ChannelName {
        &self.0.name
    }

    /// The instrument in whose steps what is appended now counts.
    #[must_use]
    pub fn instrument(&self) -> Instrument {
        self.0.lock().instrument.clone()
    }

    /// The instrument in whose steps the record of a number counts, and the numbers around it that count so for sure. May wait
    /// for the disk.
    ///
    /// # Errors
    /// [`TapeError`] when there is no such record, not any more, or its file cannot be read.
    pub fn instrument_of(&self, number: u64) -> Result<(RangeInclusive<u64>, Instrument)> {
        self.0.instrument_of(number)
    }

    /// What was put right when the tape was opened, a sentence each: a torn end that was cut off.
    #[must_use]
    pub fn repairs(&self) -> &[String] {
        &self.0.repairs
    }

    /// What had to be cut off with damage when the tape was opened: told once, to whoever puts it on record.
    #[must_use]
    pub fn take_losses(&self) -> Vec<Loss> {
        std::mem::take(&mut *self.0.losses.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Appends an event and gives its number. It is in memory only until [`Channel::durable`] says otherwise; nobody reads it
    /// before.
    ///
    /// # Errors
    /// [`TapeError`] when the disk has failed or is too far behind; then the event has no number.
    pub fn append(&self, received: Timestamp, source: &Source, event: MarketEvent) -> Result<u64> {
        self.0.append(received, source, [Entry::Event(event)])
    }

    /// Appends several entries that came in at once; gives the last one's number, which is the last of all when there are
    /// none.
    ///
    /// # Errors
    /// As [`Channel::append`]; those before the one at fault are on the tape.
    pub fn append_batch(
        &self,
        received: Timestamp,
        source: &Source,
        entries: impl IntoIterator<Item = Entry>,
    ) -> Result<u64> {
        self.0.append(received, source, entries)
    }

    /// Appends what was not as it should be: a line of JSON, about `time`.
    ///
    /// # Errors
    /// As [`Channel::append`].
    pub fn append_incident(
        &self,
        received: Timestamp,
        source: &Source,
        time: Timestamp,
        json: String,
    ) -> Result<u64> {
        self.0.append(received, source, [Entry::Incident { time, json }])
    }

    /// The number of the newest record, durable or not; 0 when there is none.
    #[must_use]
    pub fn last_number(&self) -> u64 {
        self.0.lock().next - 1
    }

    /// The number of the oldest record that is kept; one more than the last when there is none.
    #[must_use]
    pub fn first_number(&self) -> u64 {
        self.0.lock().first()
    }

    /// Every record up to this number survives whatever happens.
    #[must_use]
    pub fn durable_up_to(&self) -> u64 {
        self.0.progress.borrow().durable
    }

    /// Waits until the record of this number is durable.
    ///
    /// # Errors
    /// [`TapeError`] when the disk failed before it was.
    pub async fn durable(&self, number: u64) -> Result<()> {
        self.0.wait(number).await.map(|_| ())
    }

    /// The number up to which records are durable, as it rises. A failure shows in [`Channel::failure`] and in what the
    /// others answer, not here.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.watch.subscribe()
    }

    /// Why the tape takes nothing more, if it does not.
    #[must_use]
    pub fn failure(&self) -> Option<TapeError> {
        self.0.lock().failed.clone()
    }

    /// The records that were taken and are not durable: of a tape that has failed those that whoever appended them may append
    /// to the tape that is opened anew.
    #[must_use]
    pub fn unwritten(&self) -> Vec<Record> {
        let durable = self.durable_up_to();
        let state = self.0.lock();
        let records = state.tail.iter().map(|(record, _)| record);
        records
            .filter(|record| record.number > durable)
            .cloned()
            .collect()
    }

    /// Those of the newest durable records from a number on that are in memory still; none when that record is not. Never
    /// waits for the disk.
    #[must_use]
    pub fn recent(&self, number: u64, most: usize) -> Vec<Record> {
        let durable = self.durable_up_to();
        let state = self.0.lock();
        match number < state.first() {
            true => Vec::new(),
            false => state.recent(number, durable, most),
        }
    }

    /// Reads from a number on, and on and on as records become durable.
    #[must_use]
    pub fn reader_from(&self, number: u64) -> Reader {
        Reader::new(self.clone(), number.max(1))
    }

    /// Reads the records of a span that are durable now; for threads that may wait for the disk.
    #[must_use]
    pub fn scan(&self, numbers: RangeInclusive<u64>) -> Scan {
        Scan::new(Arc::clone(&self.0), numbers)
    }

    /// The first number whose market time is not before `time`; one more than the last durable one when there is none.
    /// The market time of a bar is when it opens.
    ///
    /// # Errors
    /// [`TapeError`] when the tape cannot be read.
    pub async fn seek_time(&self, time: Timestamp) -> Result<u64> {
        let shared = Arc::clone(&self.0);
        off_the_async_threads(move || shared.seek_time(time)).await
    }

    /// [`Channel::seek_time`] for threads that may wait for the disk.
    ///
    /// # Errors
    /// As that.
    pub fn seek_time_blocking(&self, time: Timestamp) -> Result<u64> {
        self.0.seek_time(time)
    }
}

/// Does what waits for the disk on a thread that may.
pub(crate) async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(TapeError::Closed),
        },
    }
}
