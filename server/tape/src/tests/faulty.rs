//! A disk that dies at a chosen step, and forgets what was not made durable, as far as a seed says.

use crate::disk::{Disk, DiskFile, RealDisk};
use papertape::market::Random;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// How it fails from the chosen step on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The power goes: nothing works any more, and [`FaultyDisk::lose_power`] takes back what was not durable.
    PowerCut,
    /// Every write says that the disk is full, until [`FaultyDisk::heal`].
    Full,
}

/// A change of a folder that is not durable yet, and how it is taken back.
#[derive(Debug)]
enum Undo {
    Remove(PathBuf),
    Rename { from: PathBuf, to: PathBuf },
    Restore { path: PathBuf, content: Vec<u8> },
}

#[derive(Debug)]
struct Inner {
    steps: u64,
    fails_at: u64,
    fault: Fault,
    is_failing: bool,
    random: Random,
    /// Bytes of each file that are durable.
    durable: BTreeMap<PathBuf, u64>,
    undo: Vec<Undo>,
}

#[derive(Clone, Debug)]
pub(super) struct FaultyDisk(Arc<Mutex<Inner>>);

impl FaultyDisk {
    pub(super) fn new(fails_at: u64, fault: Fault, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            steps: 0,
            fails_at,
            fault,
            is_failing: false,
            random: Random::new(seed),
            durable: BTreeMap::new(),
            undo: Vec::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no panic")
    }

    pub(super) fn steps(&self) -> u64 {
        self.lock().steps
    }

    /// Lets it fail from this step on.
    pub(super) fn fail_at(&self, step: u64) {
        self.lock().fails_at = step;
    }

    pub(super) fn heal(&self) {
        let mut inner = self.lock();
        inner.is_failing = false;
        inner.fails_at = u64::MAX;
    }

    /// What is left when the power comes back.
    pub(super) fn lose_power(&self) {
        let mut inner = self.lock();
        let durable = std::mem::take(&mut inner.durable);
        for (path, kept) in durable {
            let Ok(metadata) = fs::metadata(&path) else {
                continue;
            };
            // Some of what was not durable is there all the same, or only its length is.
            let more = metadata.len() - kept.min(metadata.len());
            let length = kept + inner.random.below(more + 1);
            let file = OpenOptions::new().write(true).open(&path).expect("the file");
            file.set_len(length).expect("shorter");
            if inner.random.below(4) == 0 {
                let zeros = inner.random.below(kept + more - length + 1);
                file.set_len(length + zeros).expect("zeros");
            }
        }
        // Each change of a folder is durable only if those before it are.
        let undo = std::mem::take(&mut inner.undo);
        let kept = inner.random.below(undo.len() as u64 + 1) as usize;
        for change in undo.into_iter().skip(kept).rev() {
            match change {
                Undo::Remove(path) => drop(fs::remove_file(path)),
                Undo::Rename { from, to } => drop(fs::rename(from, to)),
                Undo::Restore { path, content } => fs::write(path, content).expect("restored"),
            }
        }
    }

    /// Counts a step, and fails it when its time has come.
    fn step(&self) -> io::Result<MutexGuard<'_, Inner>> {
        let mut inner = self.lock();
        inner.steps += 1;
        if inner.steps >= inner.fails_at {
            inner.is_failing = true;
        }
        if inner.is_failing {
            Err(inner.error())
        } else {
            Ok(inner)
        }
    }
}

impl Inner {
    fn error(&self) -> io::Error {
        match self.fault {
            Fault::PowerCut => io::Error::other("there is no power"),
            Fault::Full => io::ErrorKind::StorageFull.into(),
        }
    }
}

impl Disk for FaultyDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let _step = self.step()?;
        RealDisk.create_folder(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.step()?;
        if !path.exists() {
            inner.undo.push(Undo::Remove(path.to_owned()));
        }
        let file = fs::File::create(path)?;
        inner.durable.insert(path.to_owned(), 0);
        Ok(Box::new(FaultyFile {
            disk: self.clone(),
            path: path.to_owned(),
            file,
        }))
    }

    fn open(&self, path: &Path, length: u64) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.step()?;
        let file = OpenOptions::new().append(true).open(path)?;
        file.set_len(length)?;
        inner.durable.insert(path.to_owned(), length);
        Ok(Box::new(FaultyFile {
            disk: self.clone(),
            path: path.to_owned(),
            file,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.step()?;
        fs::rename(from, to)?;
        if let Some(durable) = inner.durable.remove(from) {
            inner.durable.insert(to.to_owned(), durable);
        }
        let (from, to) = (to.to_owned(), from.to_owned());
        inner.undo.push(Undo::Rename { from, to });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.step()?;
        let content = fs::read(path)?;
        fs::remove_file(path)?;
        inner.durable.remove(path);
        let path = path.to_owned();
        inner.undo.push(Undo::Restore { path, content });
        Ok(())
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        self.step()?.undo.clear();
        Ok(())
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    path: PathBuf,
    file: fs::File,
}

impl Write for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let was_failing = self.disk.lock().is_failing;
        match self.disk.step() {
            Ok(_step) => self.file.write(bytes),
            Err(error) => {
                if !was_failing {
                    // It fails in the middle.
                    self.file.write_all(&bytes[..bytes.len() / 2])?;
                }
                Err(error)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for FaultyFile {
    fn sync(&mut self) -> io::Result<()> {
        let mut inner = self.disk.step()?;
        let length = self.file.metadata()?.len();
        inner.durable.insert(self.path.clone(), length);
        Ok(())
    }
}
