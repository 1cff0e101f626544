//! One tape: what one feed says of one symbol.

use crate::background::Background;
use crate::disk::{Disk, DiskFile};
use crate::error::{Result, TapeError};
use crate::names::{ChannelName, SegmentName, wal_file};
use crate::reader::{Reader, Scan};
use crate::record::{Entry, Record, Source};
use crate::recover::Found;
use crate::segment::SegmentInfo;
use crate::store::Settings;
use crate::wal;
use papertape::market::MarketEvent;
use papertape::model::{Instrument, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

/// A record's place is remembered for every so many records.
const INDEX_EVERY: u64 = 1_024;

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

/// How far a tape is.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) durable: u64,
    pub(crate) failed: Option<TapeError>,
}

/// A write-ahead file, as far as it is thought of: what waits to be written is counted.
#[derive(Clone, Debug)]
pub(crate) struct Wal {
    pub(crate) first: u64,
    pub(crate) instrument: String,
    /// The UTC day of all of its records.
    pub(crate) day: Option<i64>,
    pub(crate) count: u64,
    pub(crate) length: u64,
    /// The latest market time in it.
    pub(crate) latest: Timestamp,
    /// Where the frames of some of its records begin.
    index: Vec<(u64, u64)>,
    pub(crate) sources: Vec<Source>,
}

impl Wal {
    pub(crate) const fn new(first: u64, instrument: String) -> Self {
        Self {
            first,
            instrument,
            day: None,
            count: 0,
            length: 0,
            latest: Timestamp::from_nanos(i64::MIN),
            index: Vec::new(),
            sources: Vec::new(),
        }
    }

    /// Counts the next record, whose frame begins at `offset`.
    pub(crate) fn counts(&mut self, offset: u64, day: i64, time: Timestamp) {
        if self.count.is_multiple_of(INDEX_EVERY) {
            self.index.push((self.first + self.count, offset));
        }
        self.count += 1;
        self.day.get_or_insert(day);
        self.latest = self.latest.max(time);
    }

    /// The last remembered place at or before a number.
    pub(crate) fn offset_before(&self, number: u64) -> Option<u64> {
        let place = self.index.partition_point(|(known, _)| *known <= number);
        place.checked_sub(1).map(|place| self.index[place].1)
    }
}

/// What is to be done to the disk, in this order.
#[derive(Debug)]
enum Job {
    /// Begin the write-ahead file of this number.
    Begin(u64, Vec<u8>),
    /// Write to it.
    Write(Vec<u8>),
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) instrument: Instrument,
    pub(crate) next: u64,
    last_received: Timestamp,
    pub(crate) segments: Vec<SegmentName>,
    /// The last of them is the one that is written to.
    pub(crate) wals: VecDeque<Wal>,
    jobs: VecDeque<Job>,
    waiting_bytes: usize,
    is_queued: bool,
    is_closed: bool,
    last_commit: Option<Instant>,
    /// The newest records with their sizes in bytes: what is not durable yet, and some before it.
    tail: VecDeque<(Record, usize)>,
    tail_bytes: usize,
    pub(crate) failed: Option<TapeError>,
    pub(crate) seal_failed: Option<TapeError>,
}

impl State {
    /// Why nothing more is taken, if so.
    fn refusal(&self) -> Option<TapeError> {
        let closed = self.is_closed.then_some(TapeError::Closed);
        self.failed.clone().or(closed)
    }

    /// The number of the oldest record that is kept.
    pub(crate) fn first(&self) -> u64 {
        let segment = self.segments.first().map(|segment| segment.first);
        let wal = self.wals.front().map(|wal| wal.first);
        segment.or(wal).unwrap_or(self.next)
    }

    /// Begins another write-ahead file with the next record.
    fn roll(&mut self) -> Result<()> {
        let instrument = wal::instrument_json(&self.instrument)?;
        let mut wal = Wal::new(self.next, instrument.clone());
        let bytes = wal::begin(&wal::Header {
            first: self.next,
            instrument,
        })?;
        wal.length = bytes.len() as u64;
        if self.wals.back().is_some_and(|open| open.count == 0) {
            self.wals.pop_back();
        }
        self.wals.push_back(wal);
        self.waiting_bytes += bytes.len();
        self.jobs.push_back(Job::Begin(self.next, bytes));
        Ok(())
    }

    fn push(&mut self, received: Timestamp, source: &Source, entry: Entry, most: u64) -> Result<()> {
        let received = received.max(self.last_received);
        let day = received.utc_day();
        let is_over = |wal: &Wal| wal.count >= most || wal.day.is_some_and(|open| open != day);
        if self.wals.back().is_none_or(is_over) {
            self.roll()?;
        }
        let Some(wal) = self.wals.back_mut() else {
            return Err(TapeError::Closed);
        };
        if !matches!(self.jobs.back(), Some(Job::Write(_))) {
            self.jobs.push_back(Job::Write(Vec::new()));
        }
        let Some(Job::Write(bytes)) = self.jobs.back_mut() else {
            return Err(TapeError::Closed);
        };
        let before = bytes.len();
        let place = match wal.sources.iter().position(|known| known == source) {
            Some(place) => place,
            None => {
                wal::put_source(bytes, source)?;
                wal.sources.push(source.clone());
                wal.sources.len() - 1
            }
        };
        let start = bytes.len();
        let written = wal::put_record(bytes, self.next, received, place as u32, &entry);
        let offset = wal.length + (start - before) as u64;
        wal.length += (bytes.len() - before) as u64;
        self.waiting_bytes += bytes.len() - before;
        written?;
        wal.counts(offset, day, entry.time());
        let size = bytes.len() - start;
        let record = Record {
            number: self.next,
            received,
            source: source.clone(),
            entry,
        };
        self.next += 1;
        self.last_received = received;
        self.tail_bytes += size;
        self.tail.push_back((record, size));
        Ok(())
    }

    /// Forgets the oldest of the newest records that are on disk.
    fn trim(&mut self, durable: u64, most: usize) {
        while self.tail_bytes > most
            && let Some((record, size)) = self.tail.front()
            && record.number <= durable
        {
            self.tail_bytes -= size;
            self.tail.pop_front();
        }
    }

    /// Records from a number to another that are in memory still; none when the first is not.
    pub(crate) fn recent(&self, number: u64, last: u64, most: usize) -> Vec<Record> {
        let Some(oldest) = self.tail.front().map(|(record, _)| record.number) else {
            return Vec::new();
        };
        let Some(skipped) = number
            .checked_sub(oldest)
            .and_then(|skipped| usize::try_from(skipped).ok())
        else {
            return Vec::new();
        };
        let records = self.tail.iter().skip(skipped).take(most);
        let durable = records.take_while(|(record, _)| record.number <= last);
        durable.map(|(record, _)| record.clone()).collect()
    }
}

/// What the clones of a channel share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: ChannelName,
    pub(crate) folder: PathBuf,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) settings: Settings,
    state: Mutex<State>,
    /// The write-ahead file that is written to; only one thread writes at a time.
    file: Mutex<Option<(PathBuf, Box<dyn DiskFile>)>>,
    pub(crate) progress: watch::Sender<Progress>,
    watch: watch::Sender<u64>,
    pub(crate) background: Arc<Background>,
    repairs: Vec<String>,
    /// Held while segments are sealed.
    pub(crate) sealing: Mutex<()>,
    /// What segments say of themselves, as far as it was asked for, by their first numbers.
    pub(crate) infos: Mutex<BTreeMap<u64, Arc<SegmentInfo>>>,
}

impl Shared {
    /// A channel that goes on from what was found; with `instrument`, in its steps from now on.
    pub(crate) fn new(
        name: ChannelName,
        folder: PathBuf,
        found: Found,
        instrument: Instrument,
        tools: (Arc<dyn Disk>, Settings, Arc<Background>),
        is_read_only: bool,
    ) -> Result<Self> {
        let (disk, settings, background) = tools;
        let mut file = None;
        let mut state = State {
            instrument,
            next: found.last + 1,
            last_received: found.last_received,
            segments: found.segments,
            wals: found.wals,
            jobs: VecDeque::new(),
            waiting_bytes: 0,
            is_queued: false,
            is_closed: false,
            last_commit: None,
            tail: VecDeque::new(),
            tail_bytes: 0,
            failed: is_read_only.then_some(TapeError::ReadOnly),
            seal_failed: None,
        };
        if !is_read_only {
            let json = wal::instrument_json(&state.instrument)?;
            let open = state.wals.back().filter(|wal| wal.instrument == json);
            if let Some(wal) = open {
                let path = folder.join(wal_file(wal.first));
                let opened = disk
                    .open(&path, wal.length)
                    .map_err(TapeError::io("write", &path))?;
                file = Some((path, opened));
            } else {
                state.roll()?;
            }
        }
        let durable = found.last;
        Ok(Self {
            name,
            folder,
            disk,
            settings,
            state: Mutex::new(state),
            file: Mutex::new(file),
            progress: watch::Sender::new(Progress {
                durable,
                failed: is_read_only.then_some(TapeError::ReadOnly),
            }),
            watch: watch::Sender::new(durable),
            background,
            repairs: found.repairs,
            sealing: Mutex::default(),
            infos: Mutex::default(),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(
        self: &Arc<Self>,
        received: Timestamp,
        source: &Source,
        entries: impl IntoIterator<Item = Entry>,
    ) -> Result<u64> {
        let mut state = self.lock();
        let mut result = Ok(());
        for entry in entries {
            if let Some(refusal) = state.refusal() {
                return Err(refusal);
            }
            if state.waiting_bytes > self.settings.most_waiting_bytes {
                result = Err(TapeError::Behind {
                    bytes: state.waiting_bytes,
                });
                break;
            }
            result = state.push(received, source, entry, self.settings.records_per_segment);
            if result.is_err() {
                break;
            }
        }
        self.queue(&mut state);
        result.map(|()| state.next - 1)
    }

    /// Has the background write what waits, if anything does.
    fn queue(self: &Arc<Self>, state: &mut State) {
        if !state.is_queued && !state.jobs.is_empty() {
            state.is_queued = true;
            let now = Instant::now();
            let due = state
                .last_commit
                .map_or(now, |last| (last + self.settings.linger).max(now));
            self.background.commit(due, self);
        }
    }

    /// Writes what waits and makes it durable: one `fsync` for all that was appended before it.
    pub(crate) fn commit(self: &Arc<Self>) {
        let mut state = self.lock();
        if state.failed.is_some() {
            return;
        }
        let jobs = std::mem::take(&mut state.jobs);
        let waiting = std::mem::take(&mut state.waiting_bytes);
        let last = state.next - 1;
        // It stays queued, so that nobody else takes jobs until these are done.
        drop(state);
        let result = self.perform(jobs);
        if result.is_ok() {
            tracing::trace!(tape = %self.name, last, waiting, "durable");
            // Before anything is sealed: that waits for what is durable.
            self.progress.send_modify(|progress| progress.durable = last);
            self.watch.send_replace(last);
        }
        let mut state = self.lock();
        state.is_queued = false;
        state.last_commit = Some(Instant::now());
        match result {
            Ok(()) => {
                state.trim(last, self.settings.tail_bytes);
                if state.wals.len() > 1 {
                    self.background.seal(self);
                }
                self.queue(&mut state);
            }
            Err(error) => self.fail(state, error),
        }
    }

    /// Takes nothing more. What was not durable is told to be lost; what was stays.
    fn fail(&self, mut state: MutexGuard<'_, State>, error: TapeError) {
        tracing::error!(tape = %self.name, %error, "the tape takes nothing more");
        state.failed = Some(error.clone());
        state.jobs.clear();
        state.waiting_bytes = 0;
        drop(state);
        self.progress
            .send_modify(|progress| progress.failed = Some(error));
    }

    fn perform(&self, jobs: VecDeque<Job>) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let sync = |file: &mut Option<(PathBuf, Box<dyn DiskFile>)>| match file {
            Some((path, file)) => file.sync().map_err(TapeError::io("write", &*path)),
            None => Ok(()),
        };
        for job in jobs {
            match job {
                Job::Begin(first, header) => {
                    // All before it first: a later file that is whole says that the earlier ones are.
                    sync(&mut file)?;
                    let path = self.folder.join(wal_file(first));
                    let failed = || TapeError::io("write", &path);
                    let mut begun = self.disk.create(&path).map_err(failed())?;
                    begun.write_all(&header).map_err(failed())?;
                    begun.sync().map_err(failed())?;
                    self.disk.sync_folder(&self.folder).map_err(failed())?;
                    *file = Some((path, begun));
                }
                Job::Write(bytes) => {
                    let Some((path, file)) = &mut *file else {
                        return Err(TapeError::Closed);
                    };
                    file.write_all(&bytes).map_err(TapeError::io("write", &*path))?;
                }
            }
        }
        sync(&mut file)
    }

    /// Waits until a number is durable; gives how far the tape is then.
    pub(crate) async fn wait(&self, number: u64) -> Result<u64> {
        let mut progress = self.progress.subscribe();
        let reached = progress
            .wait_for(|progress| progress.durable >= number || progress.failed.is_some())
            .await
            .map_err(|_| TapeError::Closed)?;
        match &reached.failed {
            Some(error) if reached.durable < number => Err(error.clone()),
            _ => Ok(reached.durable),
        }
    }

    /// Refuses all that comes from now on; what was appended is written still.
    pub(crate) fn refuse(&self) {
        self.lock().is_closed = true;
    }

    /// Tells all who wait that nothing more comes.
    pub(crate) fn close(&self) {
        self.progress.send_modify(|progress| {
            progress.failed.get_or_insert(TapeError::Closed);
        });
    }

    /// Begins another write-ahead file if the day of the open one is over.
    pub(crate) fn end_day(self: &Arc<Self>, today: i64) {
        let mut state = self.lock();
        if state.failed.is_some() {
            return;
        }
        if state
            .wals
            .back()
            .is_some_and(|wal| wal.day.is_some_and(|day| day < today))
        {
            if let Err(error) = state.roll() {
                return self.fail(state, error);
            }
            self.queue(&mut state);
        }
        if state.wals.len() > 1 {
            self.background.seal(self);
        }
    }

    /// Counts by another instrument's steps from the next record on.
    pub(crate) fn change_instrument(self: &Arc<Self>, instrument: &Instrument) -> Result<()> {
        let mut state = self.lock();
        if let Some(refusal) = state.refusal() {
            return Err(refusal);
        }
        if state.instrument != *instrument {
            state.instrument = instrument.clone();
            state.roll()?;
            self.queue(&mut state);
        }
        Ok(())
    }

    /// Has what waits from the beginning written: a first write-ahead file, segments to be sealed.
    pub(crate) fn start(self: &Arc<Self>) {
        let mut state = self.lock();
        self.queue(&mut state);
        if state.wals.len() > 1 {
            self.background.seal(self);
        }
    }
}
