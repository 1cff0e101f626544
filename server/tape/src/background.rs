//! The threads that wait for the disk.

use crate::channel::Shared;
use crate::record::Record;
use std::collections::{BinaryHeap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// A row group read of late: its file, its place there, and its records.
type Group = (PathBuf, usize, Arc<[Record]>);

/// Two kinds of work: to write and make durable what was appended, which others wait for, and to seal segments, which takes
/// seconds and nobody waits for.
#[derive(Debug, Default)]
pub(crate) struct Background {
    commits: Queue<BinaryHeap<Due>>,
    seals: Queue<VecDeque<Arc<Shared>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// The row groups that were read in parts most recently, by their files and places: the next part is likely wanted next.
    groups: Mutex<VecDeque<Group>>,
}

/// Row groups that are kept in memory for those who read them in parts.
const KEPT_GROUPS: usize = 4;

#[derive(Debug, Default)]
struct Queue<T> {
    work: Mutex<(T, bool)>,
    changed: Condvar,
}

impl<T> Queue<T> {
    fn lock(&self) -> MutexGuard<'_, (T, bool)> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().1 = true;
        self.changed.notify_all();
    }
}

/// A channel with something to write, and from when on.
#[derive(Debug)]
struct Due(Instant, Arc<Shared>);

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // The heap gives the greatest first.
        other.0.cmp(&self.0)
    }
}

impl Background {
    /// Starts so many threads that write, and one that seals.
    pub(crate) fn start(writers: usize) -> std::io::Result<Arc<Self>> {
        let background = Arc::new(Self::default());
        let mut threads = Vec::with_capacity(writers + 1);
        for number in 0..writers {
            let own = Arc::clone(&background);
            let name = format!("tape-write-{number}");
            threads.push(thread::Builder::new().name(name).spawn(move || own.write())?);
        }
        let own = Arc::clone(&background);
        threads.push(
            thread::Builder::new()
                .name("tape-seal".to_owned())
                .spawn(move || own.seal_all())?,
        );
        *background.threads.lock().unwrap_or_else(PoisonError::into_inner) = threads;
        Ok(background)
    }

    /// Has a channel's appended records written, not before `due`.
    pub(crate) fn commit(&self, due: Instant, channel: &Arc<Shared>) {
        self.commits.lock().0.push(Due(due, Arc::clone(channel)));
        self.commits.changed.notify_one();
    }

    /// Has a channel's full write-ahead files sealed.
    pub(crate) fn seal(&self, channel: &Arc<Shared>) {
        let mut seals = self.seals.lock();
        if !seals.1 && !seals.0.iter().any(|waiting| Arc::ptr_eq(waiting, channel)) {
            seals.0.push_back(Arc::clone(channel));
            self.seals.changed.notify_one();
        }
    }

    /// A row group that was kept.
    pub(crate) fn kept_group(&self, path: &Path, place: usize) -> Option<Arc<[Record]>> {
        let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = groups.iter();
        let found = known.find(|(known, at, _)| *at == place && known == path)?;
        Some(Arc::clone(&found.2))
    }

    /// Keeps a row group, and forgets the one that was kept longest ago.
    pub(crate) fn keep_group(&self, path: &Path, place: usize, records: &Arc<[Record]>) {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if groups.len() == KEPT_GROUPS {
            groups.pop_front();
        }
        groups.push_back((path.to_owned(), place, Arc::clone(records)));
    }

    fn write(&self) {
        let mut commits = self.commits.lock();
        loop {
            let now = Instant::now();
            let (heap, is_closed) = &mut *commits;
            let due = heap.peek().map(|due| due.0);
            match due {
                Some(due) if *is_closed || due <= now => {
                    let next = heap.pop();
                    drop(commits);
                    if let Some(Due(_, channel)) = next {
                        channel.commit();
                    }
                    commits = self.commits.lock();
                }
                Some(due) => {
                    let waited = self.commits.changed.wait_timeout(commits, due - now);
                    commits = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None if *is_closed => return,
                None => {
                    let waited = self.commits.changed.wait(commits);
                    commits = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn seal_all(&self) {
        let mut seals = self.seals.lock();
        while !seals.1 {
            match seals.0.pop_front() {
                Some(channel) => {
                    drop(seals);
                    channel.seal();
                    seals = self.seals.lock();
                }
                None => {
                    let waited = self.seals.changed.wait(seals);
                    seals = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        // What is not sealed is when the tape is opened next.
        seals.0.clear();
    }

    /// Writes all that waits, and ends the threads.
    pub(crate) fn close(&self) {
        self.commits.close();
        self.seals.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}
