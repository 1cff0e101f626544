//! Bringing sessions back, and proving that they are what they were.
//!
//! Recovery = newest snapshot + the inputs after it. Verification = all inputs from the start. Both compare what comes
//! out with what the journal says.

use super::HostError;
use super::machine::{Due, Machine, MachineError, Outcome, event_hash_of};
use crate::storage::{CommandRecord, JournalLine, Recorded, SessionBatch, SessionRecord, Storage};
use crate::tape::Library;
use papertape::engine::Event;
use papertape::model::SessionId;
use serde_json::Value;
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

/// A session's machine as of its newest snapshot, run on to where it had come.
pub(super) async fn bring_back(
    record: &SessionRecord,
    storage: &dyn Storage,
    library: &Library,
) -> Result<Rerun, HostError> {
    let machine = Box::pin(newest_machine(record, storage, library)).await?;
    let recorded = storage.recorded(&record.id, machine.engine().inputs()).await?;
    let mut run = Run::new(machine, recorded, record.id.clone());
    off_the_threads_that_serve(move || {
        run.on_to(u64::MAX);
        run.finish()
    })
    .await
}

/// A session's machine as of the newest of its snapshots that can be read. When there is none, or none of this version's,
/// all inputs are there, so they are run from the first.
async fn newest_machine(
    record: &SessionRecord,
    storage: &dyn Storage,
    library: &Library,
) -> Result<Machine, HostError> {
    let mut before = None;
    while let Some(snapshot) = storage.snapshot(&record.id, before).await? {
        match Box::pin(Machine::thaw(&record.spec, library, &snapshot.state)).await {
            Err(MachineError::Snapshot(because)) => {
                tracing::warn!(session = %record.id, input = snapshot.input, because, "a snapshot cannot be read");
                before = Some(snapshot.input);
            }
            machine => return Ok(machine?),
        }
    }
    Ok(Box::pin(Machine::new(&record.spec, library)).await?)
}

async fn off_the_threads_that_serve<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, HostError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| HostError::Unreadable(format!("its inputs could not be run again: {error}")))
}

/// A machine on its way through recorded inputs.
struct Run {
    machine: Machine,
    commands: VecDeque<CommandRecord>,
    journal: VecDeque<JournalLine>,
    /// The last recorded input.
    end: u64,
    outcome: Outcome,
    recent: Vec<Arc<Event>>,
    difference: Option<Difference>,
}

impl Run {
    fn new(machine: Machine, recorded: Recorded, id: SessionId) -> Self {
        Self {
            machine,
            commands: recorded.commands.into(),
            journal: recorded.journal.into(),
            end: recorded.inputs,
            outcome: Outcome::new(id),
            recent: Vec::new(),
            difference: None,
        }
    }

    /// Runs the recorded inputs up to number `until`; stops at the first difference.
    fn on_to(&mut self, until: u64) {
        while self.machine.engine().inputs() < until.min(self.end) && self.difference.is_none() {
            let stop = until.min(self.end).min(self.machine.engine().inputs() + STRIDE);
            while self.machine.engine().inputs() < stop {
                if !self.step() {
                    // It is over before its recorded end: the journal's next event tells.
                    self.end = self.machine.engine().inputs();
                    break;
                }
            }
            self.difference = compare(&mut self.outcome, &mut self.journal);
            self.recent.append(&mut self.outcome.events);
            let surplus = self.recent.len().saturating_sub(RECENT);
            self.recent.drain(..surplus);
            let empty = SessionBatch::new(self.outcome.batch.session.clone());
            self.outcome.batch = empty;
        }
    }

    /// Takes in one input; `false` when there is none any more.
    fn step(&mut self) -> bool {
        let before = self.machine.engine().inputs();
        match self.commands.front() {
            Some(record) if record.input == before + 1 => {
                self.machine.command(record.command.clone(), &mut self.outcome);
                self.commands.pop_front();
            }
            _ => {
                self.wait_for_the_tape();
                self.machine.advance(&mut self.outcome);
            }
        }
        self.machine.engine().inputs() > before
    }

    /// A recorded input is on the tape, though others that came with it may be on their way to disk.
    fn wait_for_the_tape(&mut self) {
        let mut patience = 2_000;
        while patience > 0 && self.machine.due() == Due::Later {
            std::thread::sleep(std::time::Duration::from_millis(5));
            patience -= 1;
        }
    }

    /// What came of it; an event of the journal that has not come again is a difference.
    fn finish(mut self) -> Rerun {
        if self.difference.is_none() {
            self.difference = self.journal.pop_front().map(|line| Difference {
                seq: line.seq,
                recorded: Some(line.event),
                again: None,
            });
        }
        Rerun {
            machine: self.machine,
            recent: self.recent,
            difference: self.difference,
        }
    }
}

fn compare(outcome: &mut Outcome, journal: &mut VecDeque<JournalLine>) -> Option<Difference> {
    for record in outcome.batch.journal.drain(..) {
        let again = serde_json::to_string(&record.event).unwrap_or_default();
        let line = journal.pop_front();
        if line
            .as_ref()
            .is_some_and(|line| line.input == record.input && is_same(&line.event, &again))
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

/// Whether a recorded event is the one that came again: the same text, or that of an earlier version, which may lack what
/// events have learned to say since. Whatever it does say must be said again, and what it lacks must have a default.
fn is_same(recorded: &str, again: &str) -> bool {
    let values = || {
        let _ = serde_json::from_str::<Event>(recorded).ok()?;
        let recorded: Value = serde_json::from_str(recorded).ok()?;
        Some((recorded, serde_json::from_str(again).ok()?))
    };
    recorded == again || values().is_some_and(|(recorded, again)| is_part_of(&recorded, &again))
}

/// Whether all that `part` says, `whole` says too: members may be missing in it, but none differs.
fn is_part_of(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part
            .iter()
            .all(|(name, value)| whole.get(name).is_some_and(|other| is_part_of(value, other))),
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len()
                && part
                    .iter()
                    .zip(whole)
                    .all(|(part, whole)| is_part_of(part, whole))
        }
        _ => part == whole || is_renamed(part, whole),
    }
}

/// Whether a reason of an earlier version is told in other words now: an exit that only a reversing entry asked for was said to be
/// one of the rules' own.
fn is_renamed(earlier: &Value, now: &Value) -> bool {
    let is_own = matches!(earlier.as_str(), Some("exit.long" | "exit.short"));
    is_own && now.as_str().is_some_and(|now| now.starts_with("reversed by "))
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

/// Runs a session's recorded inputs from the start and compares every event with the journal, and the head of the event
/// hash chain with the newest snapshot's. The session may go on meanwhile.
///
/// # Errors
/// [`HostError`] when there is no such session or it cannot be read.
pub async fn verify(id: &SessionId, storage: &dyn Storage, library: &Library) -> Result<Verdict, HostError> {
    let record = storage
        .session(id)
        .await?
        .ok_or_else(|| HostError::Unknown(id.clone()))?;
    // Before the journal, which then reaches at least as far.
    let snapshot = storage.snapshot(id, None).await?;
    let snapshot = snapshot
        .map(|snapshot| {
            Ok::<_, HostError>(event_hash_of(&snapshot.state)?.map(|hash| (snapshot.input, hash)))
        })
        .transpose()?
        .flatten();
    // Before the tape is opened, which then reaches at least as far: the session may go on meanwhile.
    let recorded = storage.recorded(id, 0).await?;
    let machine = Machine::new(&record.spec, library).await?;
    let mut run = Run::new(machine, recorded, id.clone());
    let again = off_the_threads_that_serve(move || {
        if let Some((input, recorded)) = snapshot {
            run.on_to(input);
            let again = run.machine.engine().event_hash();
            if run.difference.is_none() && again != recorded {
                run.difference = Some(Difference {
                    seq: run.machine.engine().seq(),
                    recorded: Some(format!("a snapshot with event hash {recorded}")),
                    again: Some(format!("event hash {again}")),
                });
            }
        }
        run.on_to(u64::MAX);
        run.finish()
    })
    .await?;
    Ok(match again.difference {
        Some(difference) => Verdict::Different(difference),
        None => Verdict::Identical {
            event_hash: again.machine.engine().event_hash(),
            inputs: again.machine.engine().inputs(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::testkit::{Bench, config};

    /// What the journal says of a session that placed and amended orders.
    fn journal() -> Vec<String> {
        let yaml = "name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close > 100}\n\
                    risk: {size: {method: fixed_quantity, value: 1}, trailing_stop: 5}\n";
        let mut bench = Bench::with(config(yaml));
        bench.flat(2, 101.0).bar(101.0, 110.0, 101.0, 110.0);
        bench
            .events
            .iter()
            .filter(|event| event.kind.is_journaled())
            .map(|event| serde_json::to_string(event).expect("plain data"))
            .collect()
    }

    fn without(event: &str, members: &[&str]) -> String {
        fn strip(value: &mut Value, members: &[&str]) {
            if let Value::Object(object) = value {
                object.retain(|name, _| !members.contains(&name.as_str()));
                object.values_mut().for_each(|value| strip(value, members));
            }
        }
        let mut value = serde_json::from_str(event).expect("JSON");
        strip(&mut value, members);
        value.to_string()
    }

    #[test]
    fn events_of_an_earlier_version_are_the_same_without_what_came_later() {
        let events = journal();
        assert!(
            events.iter().any(|event| event.contains("order_amended")),
            "{events:?}"
        );
        for event in &events {
            let earlier = without(event, &["asked", "given_up", "instructions", "display", "group"]);
            assert!(is_same(&earlier, event), "{event}");
        }
    }

    #[test]
    fn an_exit_that_an_earlier_version_gave_another_reason_is_the_same() {
        let event = journal()
            .into_iter()
            .find(|event| event.contains("\"reason\":\""));
        let event = event.expect("an order with a reason");
        let with = |reason: &str| {
            let mut value: Value = serde_json::from_str(&event).expect("JSON");
            fn rename(value: &mut Value, reason: &str) {
                if let Value::Object(object) = value {
                    if let Some(found) = object.get_mut("reason") {
                        *found = reason.into();
                    }
                    object.values_mut().for_each(|value| rename(value, reason));
                }
            }
            rename(&mut value, reason);
            value.to_string()
        };
        let now = with("reversed by entry.short");
        assert!(is_same(&with("exit.long"), &now));
        for other in ["stop_loss", "entry.short", "reversed by entry.long"] {
            assert!(!is_same(&with(other), &now), "{other}");
        }
        assert!(!is_same(&now, &with("exit.long")), "not the other way round");
    }

    #[test]
    fn events_that_say_something_else_or_too_little_are_not() {
        for event in journal()
            .iter()
            .filter(|event| event.contains("\"side\":\"buy\""))
        {
            let tampered = event.replace("\"side\":\"buy\"", "\"side\":\"sell\"");
            assert!(!is_same(&tampered, event), "{event}");
            assert!(
                !is_same(&without(event, &["side"]), event),
                "a side has no default"
            );
            assert!(!is_same(event, &without(event, &["purpose"])), "it said more");
            assert!(!is_same("{}", event));
        }
    }
}
