//! The folder of all tapes.

use crate::background::Background;
use crate::channel::{Channel, Shared, off_the_async_threads};
use crate::disk::{Disk, RealDisk};
use crate::error::{Result, TapeError};
use crate::names::{ChannelName, decode};
use crate::recover::{names_in, recover};
use papertape::model::{Instrument, Symbol, Timestamp};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const LOCK: &str = ".lock";

/// How a store works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// After a write, the next one of the same tape waits so long, so that many records share an `fsync`. The first after a
    /// pause does not wait.
    pub linger: Duration,
    /// A segment ends with so many records, if its day does not end before.
    pub records_per_segment: u64,
    /// Bytes of memory for the newest records of each tape, which stay there for readers at the live end.
    pub tail_bytes: usize,
    /// Appends are refused while more bytes than this wait to be written.
    pub most_waiting_bytes: usize,
    /// Threads that write.
    pub writers: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(20),
            records_per_segment: 500_000,
            tail_bytes: 256 << 10,
            most_waiting_bytes: 64 << 20,
            writers: 4,
        }
    }
}

/// All tapes: a folder for each feed, in it one for each symbol. Clones are the same store; the last one that goes writes
/// what waits.
#[derive(Clone, Debug)]
pub struct TapeStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    settings: Settings,
    channels: Mutex<BTreeMap<ChannelName, Channel>>,
    background: Arc<Background>,
    /// Held as long as the store is open for writing.
    lock: Option<File>,
}

impl TapeStore {
    /// Opens the folder, which is made if it is not there. Waits for the disk.
    ///
    /// # Errors
    /// [`TapeError::InUse`] when another process has it open, [`TapeError::Io`] when it cannot be made or written to.
    pub fn open(folder: &Path) -> Result<Self> {
        Self::open_with(folder, Settings::default())
    }

    /// Opens the folder with other settings.
    ///
    /// # Errors
    /// As [`TapeStore::open`].
    pub fn open_with(folder: &Path, settings: Settings) -> Result<Self> {
        Self::open_on(folder, settings, Arc::new(RealDisk))
    }

    pub(crate) fn open_on(folder: &Path, settings: Settings, disk: Arc<dyn Disk>) -> Result<Self> {
        disk.create_folder(folder)
            .map_err(TapeError::io("make", folder))?;
        let path = folder.join(LOCK);
        let lock = File::create(&path).map_err(TapeError::io("write", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(TapeError::InUse {
                    path: folder.to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(TapeError::io("lock", &path)(error)),
        }
        Self::new(folder, settings, disk, Some(lock))
    }

    /// Opens the folder for reading, which may be open for writing elsewhere: what is durable at the moment a tape is first
    /// asked for is what there is.
    ///
    /// # Errors
    /// [`TapeError::Io`] when it is not there.
    pub fn open_read_only(folder: &Path) -> Result<Self> {
        std::fs::read_dir(folder).map_err(TapeError::io("read", folder))?;
        Self::new(folder, Settings::default(), Arc::new(RealDisk), None)
    }

    fn new(folder: &Path, settings: Settings, disk: Arc<dyn Disk>, lock: Option<File>) -> Result<Self> {
        let writers = if lock.is_some() {
            settings.writers.max(1)
        } else {
            0
        };
        let background = Background::start(writers).map_err(TapeError::io("start threads for", folder))?;
        Ok(Self(Arc::new(Inner {
            folder: folder.to_owned(),
            disk,
            settings,
            channels: Mutex::default(),
            background,
            lock,
        })))
    }

    /// Whether nothing can be appended.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.0.lock.is_none()
    }

    /// The tape of a feed's instrument, which is begun if there is none, or if the one that was open has failed opened anew.
    /// What is appended from now on counts in this instrument's steps.
    ///
    /// # Errors
    /// [`TapeError`] when its files cannot be read or written.
    pub async fn channel(&self, feed: &str, instrument: &Instrument) -> Result<Channel> {
        let (store, feed, instrument) = (self.clone(), feed.to_owned(), instrument.clone());
        off_the_async_threads(move || store.channel_blocking(&feed, &instrument)).await
    }

    /// [`TapeStore::channel`] for threads that may wait for the disk.
    ///
    /// # Errors
    /// As that.
    pub fn channel_blocking(&self, feed: &str, instrument: &Instrument) -> Result<Channel> {
        self.open_channel(ChannelName::new(feed, instrument.symbol())?, Some(instrument))
    }

    /// A tape that is there already, in the steps that it was last written in. For threads that may wait for the disk.
    ///
    /// # Errors
    /// [`TapeError::Unknown`] when there is none; others when its files cannot be read.
    pub fn existing(&self, feed: &str, symbol: &Symbol) -> Result<Channel> {
        self.open_channel(ChannelName::new(feed, symbol)?, None)
    }

    fn open_channel(&self, name: ChannelName, instrument: Option<&Instrument>) -> Result<Channel> {
        let inner = &*self.0;
        // Held while the files are looked at: nobody else opens the same ones.
        let mut channels = inner.channels();
        if let Some(known) = channels.get(&name)
            && (self.is_read_only() || known.failure().is_none())
        {
            if let Some(instrument) = instrument.filter(|_| !self.is_read_only()) {
                known.0.change_instrument(instrument)?;
            }
            return Ok(known.clone());
        }
        if let Some(failed) = channels.remove(&name) {
            // What it was sealing when it failed is done, and it begins nothing more.
            drop(failed.0.sealing.lock());
        }
        let unknown = || TapeError::Unknown {
            feed: name.feed.clone(),
            symbol: name.symbol.to_string(),
        };
        let folder = name.folder(&inner.folder);
        let is_read_only = self.is_read_only();
        let found = if is_read_only {
            recover(&folder, None)?
        } else {
            if instrument.is_some() {
                inner
                    .disk
                    .create_folder(&folder)
                    .map_err(TapeError::io("make", &folder))?;
            }
            recover(&folder, Some(&*inner.disk))?
        };
        let own = found.instrument.clone();
        let instrument = instrument.cloned().or(own).ok_or_else(unknown)?;
        for repair in &found.repairs {
            tracing::warn!(tape = %name, "{repair}");
        }
        let tools = (
            Arc::clone(&inner.disk),
            inner.settings,
            Arc::clone(&inner.background),
        );
        let shared = Shared::new(name.clone(), folder, found, instrument, tools, is_read_only)?;
        let channel = Channel(Arc::new(shared));
        if !is_read_only {
            channel.0.start();
        }
        channels.insert(name, channel.clone());
        Ok(channel)
    }

    /// The tapes that are there. Waits for the disk.
    ///
    /// # Errors
    /// [`TapeError::Io`] when the folder cannot be read.
    pub fn channels(&self) -> Result<Vec<ChannelName>> {
        let mut channels = Vec::new();
        for feed_folder in names_in(&self.0.folder)? {
            let path = self.0.folder.join(&feed_folder);
            let Some(feed) = decode(&feed_folder).filter(|_| path.is_dir()) else {
                continue;
            };
            for symbol_folder in names_in(&path)? {
                let symbol: Option<Symbol> = decode(&symbol_folder).and_then(|symbol| symbol.parse().ok());
                if let Some(symbol) = symbol.filter(|_| path.join(&symbol_folder).is_dir()) {
                    channels.push(ChannelName::new(&feed, &symbol)?);
                }
            }
        }
        Ok(channels)
    }

    /// Ends the segments of days that are over at `now`, of tapes that are open: for a quiet symbol nothing else does. To be
    /// called every minute or so.
    pub fn end_days(&self, now: Timestamp) {
        let channels: Vec<Channel> = self.0.channels().values().cloned().collect();
        for channel in channels {
            channel.0.end_day(now.utc_day());
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0.folder
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        &*self.0.disk
    }

    /// The channel of this name, if it is open.
    pub(crate) fn open_already(&self, name: &ChannelName) -> Option<Channel> {
        self.0.channels().get(name).cloned()
    }

    /// Refuses appends from now on, writes what waits, and ends the threads. Waits for the disk.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Inner {
    fn channels(&self) -> MutexGuard<'_, BTreeMap<ChannelName, Channel>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        let channels: Vec<Channel> = self.channels().values().cloned().collect();
        for channel in &channels {
            channel.0.refuse();
        }
        self.background.close();
        for channel in &channels {
            channel.0.close();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
