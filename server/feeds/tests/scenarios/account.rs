//! What was done to a venue's messages, against what was counted of it.

use crate::kinds::{KINDS, Kind, Way};
use crate::scenario::Scenario;
use papertape_feeds::FeedStatus;
use papertape_feeds::testkit::{Fault, Injected, SocketId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What went wrong in a scenario, and what the feeds say of it.
#[derive(Debug)]
pub(crate) struct Account {
    kind: Kind,
    injected: Vec<Injected>,
    /// Sockets that stand: what was told on them has come.
    standing: BTreeSet<SocketId>,
    status: FeedStatus,
    incidents: usize,
}

impl Account {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let (injected, standing) = scenario
            .server
            .with(|stage| (stage.faults.injected.clone(), stage.sockets().collect()));
        let status = scenario.status();
        Self {
            kind: scenario.kind,
            injected,
            standing,
            status,
            incidents: scenario.incidents().len(),
        }
    }

    /// How many of these faults have come for certain: what was on its way when a connection ended has gone with it, and an answer
    /// may come when it is no longer needed, unless everything is asked for.
    fn certain(&self, faults: &[Fault]) -> u64 {
        let has_come = |it: &&Injected| match it.socket {
            Some(socket) => self.standing.contains(&socket),
            None => self.kind.way == Way::Asked,
        };
        let those = self.injected.iter().filter(|it| faults.contains(&it.fault));
        those.filter(has_come).count() as u64
    }

    /// Whether each fault that shows by itself was counted.
    ///
    /// # Errors
    /// The first that was not.
    pub(crate) fn check(&self) -> Result<(), String> {
        let counters = &self.status.counters;
        let ends = [Fault::Cut, Fault::Close];
        let ended = self.injected.iter().filter(|it| ends.contains(&it.fault)).count() as u64;
        let checks = [
            (
                "frames and prices that cannot be",
                self.certain(&[Fault::Truncate, Fault::Garble, Fault::Absurd, Fault::AbsurdAnswer]),
                counters.quarantined,
                "quarantined",
            ),
            // A book that is asked for anew is not checked until it comes.
            (
                "wrong checksums",
                self.certain(&[Fault::Checksum]).min(1),
                counters.lost,
                "lost",
            ),
            (
                "connections that ended",
                ended,
                self.status.reconnects,
                "connections after them",
            ),
        ];
        for (what, injected, counted, name) in checks {
            if counted < injected {
                return Err(format!(
                    "{injected} {what}, and {counted} {name}: {counters:?}, {:?}",
                    self.injected
                ));
            }
        }
        Ok(())
    }
}

/// What a run of scenarios came to, for people.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How many passed and failed, by the name of the kind.
    kinds: BTreeMap<&'static str, (u64, u64)>,
    injected: BTreeMap<Fault, u64>,
    incidents: usize,
}

impl Tally {
    /// Adds a scenario: how it went, or that it failed.
    pub(crate) fn add(&mut self, kind: &'static str, account: Option<&Account>) {
        let (passed, failed) = self.kinds.entry(kind).or_default();
        match account {
            Some(account) => {
                *passed += 1;
                self.incidents += account.incidents;
                for injected in &account.injected {
                    *self.injected.entry(injected.fault).or_default() += 1;
                }
            }
            None => *failed += 1,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:24} {:>6} {:>6}", "venue and way", "passed", "failed")?;
        for name in KINDS.map(|kind| kind.name) {
            if let Some((passed, failed)) = self.kinds.get(name) {
                writeln!(f, "{name:24} {passed:>6} {failed:>6}")?;
            }
        }
        let sum = |part: fn(&(u64, u64)) -> u64| self.kinds.values().map(part).sum::<u64>();
        writeln!(f, "{:24} {:>6} {:>6}", "all", sum(|it| it.0), sum(|it| it.1))?;
        let faults: u64 = self.injected.values().sum();
        write!(f, "{faults} faults, {} incidents on record:", self.incidents)?;
        self.injected
            .iter()
            .try_for_each(|(fault, count)| write!(f, " {fault:?} {count}"))
    }
}
