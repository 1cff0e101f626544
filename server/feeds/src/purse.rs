//! Whose requests a venue counts together: all that go to one host.

use crate::budget::Budget;
use crate::record::Clock;
use crate::venue::Limit;
use papertape::model::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What everybody who asks a host within the same limits may still ask, and in which order they do.
#[derive(Debug)]
pub(crate) struct Purse {
    budget: Mutex<Budget>,
    /// Who waits for the budget waits here, in the order in which they came.
    pub(crate) queue: tokio::sync::Mutex<()>,
    /// Until when the first of them waits, or waited.
    free_at: Mutex<Option<Instant>>,
    /// What is waited for is counted from here, whatever the clock on the wall does.
    started: Instant,
    clock: Arc<dyn Clock>,
}

impl Purse {
    /// A full one. Windows that begin on the clock begin by this one.
    pub(crate) fn new(limits: &[Limit], clock: Arc<dyn Clock>) -> Self {
        Self {
            budget: Mutex::new(Budget::new(limits)),
            queue: tokio::sync::Mutex::new(()),
            free_at: Mutex::default(),
            started: Instant::now(),
            clock,
        }
    }

    /// What may be asked, and the time that it counts in.
    pub(crate) fn budget(&self) -> (MutexGuard<'_, Budget>, Timestamp) {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = passed(self.started);
        budget.stands(self.now().since(passed));
        (budget, passed)
    }

    /// Whoever has its turn waits for so long.
    pub(crate) fn waits_for(&self, wait: Duration) {
        *self.free_at() = Some(Instant::now() + wait);
    }

    /// How long it is yet until something may be asked, while somebody waits for that.
    pub(crate) fn waits(&self) -> Option<Duration> {
        let free_at = (*self.free_at())?;
        let left = free_at.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    fn free_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.free_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time by this machine's clock as it stands now: it may have been set, or have gone on while the machine slept.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// How long ago, as a time since the epoch. A machine that sleeps does not count it.
fn passed(since: Instant) -> Timestamp {
    Timestamp::from_nanos(i64::try_from(since.elapsed().as_nanos()).unwrap_or(i64::MAX / 4))
}

/// A clock that stood so once and has not been set since.
#[derive(Debug)]
pub(crate) struct Stood {
    at: Timestamp,
    since: Instant,
}

impl Stood {
    /// It stands so now.
    pub(crate) fn at(now: Timestamp) -> Arc<dyn Clock> {
        Arc::new(Self {
            at: now,
            since: Instant::now(),
        })
    }
}

impl Clock for Stood {
    fn now(&self) -> Timestamp {
        self.at.plus_nanos(passed(self.since).nanos())
    }
}

/// The purses of a process, by host. Feeds whose limits differ (one has a key, the other has none) are counted apart by the venue
/// too, and have one each.
#[derive(Debug, Default)]
pub(crate) struct Purses(BTreeMap<String, Vec<Within>>);

/// Limits, and what is shared within them.
type Within = (Vec<Limit>, Arc<Purse>);

impl Purses {
    /// The purse for a host with these limits: the one there is, or a new one.
    pub(crate) fn of(&mut self, host: &str, limits: &[Limit], clock: &Arc<dyn Clock>) -> Arc<Purse> {
        let of_host = self.0.entry(host.to_ascii_lowercase()).or_default();
        if let Some((_, purse)) = of_host.iter().find(|(known, _)| known == limits) {
            return Arc::clone(purse);
        }
        let purse = Arc::new(Purse::new(limits, Arc::clone(clock)));
        of_host.push((limits.to_vec(), Arc::clone(&purse)));
        purse
    }
}
