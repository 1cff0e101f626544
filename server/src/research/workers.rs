//! The threads that run a search's units of work.

use papertape::backtest::sweep::{Objective, Params, Trial, Workers};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Runs units of work on a number of threads of its own, and counts them.
#[derive(Debug)]
pub(crate) struct Threads {
    count: usize,
    canceled: AtomicBool,
    done: AtomicU64,
    objective: Objective,
    best: Mutex<Option<(f64, Params)>>,
}

impl Threads {
    /// So many threads; as many as there are cores when nothing is said. They remember the best by the objective.
    pub(crate) fn new(count: Option<usize>, objective: Objective) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            count: count.unwrap_or_else(cores).max(1),
            canceled: AtomicBool::new(false),
            done: AtomicU64::new(0),
            objective,
            best: Mutex::new(None),
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

    /// The parameters that were best so far.
    pub(crate) fn best(&self) -> Option<Params> {
        let best = self.best.lock().unwrap_or_else(PoisonError::into_inner);
        best.as_ref().map(|(_, params)| params.clone())
    }
}

impl Workers for Threads {
    fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        let next = AtomicUsize::new(0);
        let one = || {
            while !self.is_canceled() {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    break;
                }
                work(index);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.count.min(count) {
                scope.spawn(one);
            }
            one();
        });
    }

    fn is_canceled(&self) -> bool {
        self.canceled.load(Ordering::Relaxed)
    }

    fn passed(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    fn finished(&self, trial: &Trial) {
        self.passed();
        if let Some(merit) = trial.merit(self.objective) {
            let mut best = self.best.lock().unwrap_or_else(PoisonError::into_inner);
            if best.as_ref().is_none_or(|(before, _)| merit > *before) {
                *best = Some((merit, trial.params.clone()));
            }
        }
    }
}
