//! Bringing sessions back, and proving that they are what they were.
//!
//! Recovery = newest snapshot + the inputs after it. Verification = all inputs from the start. Both compare what comes
//! out with what the journal says.

use super::HostError;
use super::machine::{Machine, Outcome};
use crate::storage::{CommandRecord, JournalLine, SessionRecord, Storage};
use crate::tape::Library;
use papertape::engine::Event;
use papertape::model::SessionId;
use std::{collections::VecDeque, fmt, sync::Arc};

/// Events of a run that are kept to resume listeners from.
const RECENT: usize = 4_096;
/// Inputs between two comparisons with the journal.
const STRIDE: u64 = 10_000;

/// A difference between the journal and a run of the same inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The event's number, where there is one.
    pub seq: u64,
    /// What the journal says; `None` when it has no such event.
    pub recorded: Option<String>,
    /// What the run gave; `None` when it gave no such event.
    pub again: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_nothing = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(
            f,
            "event {}: recorded was {}, the same inputs now give {}",
            self.seq,
            or_nothing(&self.recorded),
            or_nothing(&self.again)
        )
    }
}

/// A machine that has been run up to where its session had come.
#[derive(Debug)]
pub(super) struct Rerun {
    pub(super) machine: Machine,
    pub(super) recent: Vec<Arc<Event>>,
    pub(super) difference: Option<Difference>,
}

/// The recorded inputs and events after the machine's position, up to an input number.
#[derive(Debug)]
struct Recorded {
    commands: VecDeque<CommandRecord>,
    journal: VecDeque<JournalLine>,
    /// Up to and including this input.
    until: u64,
}

/// A session's machine as of its newest snapshot, run on to where it had come.
pub(super) async fn bring_back(
    record: &SessionRecord,
    storage: &dyn Storage,
    library: &Library,
) -> Result<Rerun, HostError> {
    let machine = match storage.newest_snapshot(&record.id).await? {
        Some(snapshot) => Machine::thaw(&record.spec, library, &snapshot.state).await?,
        None => Machine::new(&record.spec, library).await?,
    };
    run_on(machine, record, storage).await
}

async fn run_on(machine: Machine, record: &SessionRecord, storage: &dyn Storage) -> Result<Rerun, HostError> {
    let from = machine.engine().inputs();
    let commands = VecDeque::from(storage.commands(&record.id, from).await?);
    let journal = VecDeque::from(storage.journal(&record.id, from).await?);
    let until = [
        record.progress.inputs,
        commands.back().map_or(0, |command| command.input),
        journal.back().map_or(0, |line| line.input),
    ]
    .into_iter()
    .fold(from, u64::max);
    let recorded = Recorded {
        commands,
        journal,
        until,
    };
    let id = record.id.clone();
    tokio::task::spawn_blocking(move || rerun(machine, recorded, id))
        .await
        .map_err(|error| HostError::Unreadable(format!("its inputs could not be run again: {error}")))
}

/// Runs the recorded inputs; stops at the first difference.
fn rerun(mut machine: Machine, mut recorded: Recorded, id: SessionId) -> Rerun {
    let mut outcome = Outcome::new(id);
    let mut recent = Vec::new();
    let mut difference = None;
    while machine.engine().inputs() < recorded.until && difference.is_none() {
        let stop = recorded.until.min(machine.engine().inputs() + STRIDE);
        while machine.engine().inputs() < stop {
            let before = machine.engine().inputs();
            match recorded.commands.front() {
                Some(record) if record.input == before + 1 => {
                    machine.command(record.command, &mut outcome);
                    recorded.commands.pop_front();
                }
                _ => machine.advance(&mut outcome),
            }
            if machine.engine().inputs() == before {
                // It is over before its recorded end: the journal's next event tells.
                recorded.until = before;
                break;
            }
        }
        difference = compare(&mut outcome, &mut recorded.journal);
        recent.append(&mut outcome.events);
        let surplus = recent.len().saturating_sub(RECENT);
        recent.drain(..surplus);
        outcome.batch = crate::storage::SessionBatch::new(outcome.batch.session);
    }
    if difference.is_none() {
        difference = recorded.journal.pop_front().map(|line| Difference {
            seq: line.seq,
            recorded: Some(line.event),
            again: None,
        });
    }
    Rerun {
        machine,
        recent,
        difference,
    }
}

fn compare(outcome: &mut Outcome, journal: &mut VecDeque<JournalLine>) -> Option<Difference> {
    for record in outcome.batch.journal.drain(..) {
        let again = serde_json::to_string(&record.event).unwrap_or_default();
        let line = journal.pop_front();
        if line
            .as_ref()
            .is_some_and(|line| line.event == again && line.input == record.input)
        {
            continue;
        }
        return Some(Difference {
            seq: line
                .as_ref()
                .map_or(record.event.seq, |line| line.seq.min(record.event.seq)),
            recorded: line.map(|line| line.event),
            again: Some(again),
        });
    }
    None
}

/// What [`verify`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same inputs give the same events.
    Identical {
        /// The head of the event hash chain.
        event_hash: String,
        /// How many inputs were run.
        inputs: u64,
    },
    /// They do not.
    Different(Difference),
}

/// Runs a session's recorded inputs from the start and compares every event with the journal, and the state with the
/// newest snapshot's.
///
/// # Errors
/// [`HostError`] when there is no such session or it cannot be read.
pub async fn verify(id: &SessionId, storage: &dyn Storage, library: &Library) -> Result<Verdict, HostError> {
    let record = storage
        .session(id)
        .await?
        .ok_or_else(|| HostError::Unknown(id.clone()))?;
    let machine = Machine::new(&record.spec, library).await?;
    let again = run_on(machine, &record, storage).await?;
    if let Some(difference) = again.difference {
        return Ok(Verdict::Different(difference));
    }
    // The journal agrees; the chain's head says the same of the way through the snapshot.
    let event_hash = again.machine.engine().event_hash();
    let resumed = bring_back(&record, storage, library).await?;
    let snapshot_hash = resumed.machine.engine().event_hash();
    if snapshot_hash != event_hash {
        return Ok(Verdict::Different(Difference {
            seq: again.machine.engine().seq(),
            recorded: Some(format!("a snapshot with event hash {snapshot_hash}")),
            again: Some(format!("event hash {event_hash}")),
        }));
    }
    Ok(Verdict::Identical {
        event_hash,
        inputs: again.machine.engine().inputs(),
    })
}
