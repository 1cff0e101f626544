//! What the clones of a channel share, and how what was appended is written.

use super::pending::{Job, State};
use crate::background::Background;
use crate::disk::{Disk, DiskFile};
use crate::error::{Result, TapeError};
use crate::names::{ChannelName, wal_file};
use crate::record::{Entry, Source};
use crate::recover::{Found, Loss};
use crate::segment::SegmentInfo;
use crate::store::Settings;
use crate::wal;
use papertape::model::{Instrument, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

/// How far a tape is.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) durable: u64,
    pub(crate) failed: Option<TapeError>,
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
    pub(super) watch: watch::Sender<u64>,
    pub(crate) background: Arc<Background>,
    pub(super) repairs: Vec<String>,
    pub(super) losses: Mutex<Vec<Loss>>,
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
            losses: Mutex::new(found.losses),
            sealing: Mutex::default(),
            infos: Mutex::default(),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn append(
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
