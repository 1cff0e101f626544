//! The threads that run a search's units of work.

use papertape::backtest::sweep::{Trial, Workers};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Runs units of work on a number of threads of its own, and counts them.
#[derive(Debug)]
pub(crate) struct Threads {
    count: usize,
    canceled: AtomicBool,
    done: AtomicU64,
}

impl Threads {
    /// So many threads; as many as there are cores when nothing is said.
    pub(crate) fn new(count: Option<usize>) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            count: count.unwrap_or_else(cores).max(1),
            canceled: AtomicBool::new(false),
            done: AtomicU64::new(0),
        }
    }

    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Ends the work as soon as may be; what is done is kept.
    pub(crate) fn cancel(&self) {
        self.canceled.store(true, Ordering::Relaxed);
    }

    /// How many units are done.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
}

impl Workers for Threads {
    fn run(&self, count: usize, work: &(dyn Fn(usize) -> Option<Trial> + Sync)) -> Vec<Option<Trial>> {
        let next = AtomicUsize::new(0);
        let results = Mutex::new(vec![None; count]);
        let one = || {
            while !self.is_canceled() {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    break;
                }
                let trial = work(index);
                let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(place) = results.get_mut(index) {
                    *place = trial;
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.count.min(count) {
                scope.spawn(one);
            }
            one();
        });
        results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_canceled(&self) -> bool {
        self.canceled.load(Ordering::Relaxed)
    }

    fn finished(&self, _trial: &Trial) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}
