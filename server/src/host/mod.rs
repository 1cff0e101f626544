//! The session host: one task per session, paced by the market's clock, every event durable before anybody sees it.

mod actor;
mod clock;
mod error;
mod hub;
mod machine;
mod orders;
mod recovery;
mod spec;
mod view;
mod words;

pub use actor::{Changed, Placed};
pub use error::HostError;
pub use hub::{First, Frame, Listening};
pub use recovery::{Difference, Verdict, verify};
pub use spec::SessionSpec;
pub(crate) use words::kind_name;

use crate::storage::{Progress, SessionRecord, SnapshotRecord, Storage, UnreadableSession, Write};
use crate::tape::Library;
use actor::{Actor, Fate, Message, Parts, Reply};
use futures::future::join_all;
use machine::{Machine, Outcome, Surroundings};
use papertape::api::{OrderChange, SessionAction, SessionDetail, SessionSummary};
use papertape::engine::{ComboRequest, Command, ExerciseRequest, OptionDesk, SessionState, Wait};
use papertape::model::{OrderId, SessionId, Symbol, Timestamp};
use papertape::order::{Order, OrderList, Refusal};
use std::{
    collections::BTreeMap,
    fmt,
    ops::RangeInclusive,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Instant,
};
use tokio::sync::{mpsc, oneshot, watch};

/// Commands and questions that may wait for a session.
const MAILBOX: usize = 64;

/// Is told when a session's engine is handed an input, for measurements of latency.
pub trait Probe: fmt::Debug + Send + Sync {
    /// The input that was handed over at `at` brought about the events numbered `seqs` (none when empty).
    fn handed(&self, session: &SessionId, seqs: RangeInclusive<u64>, at: Instant);
}

/// All sessions of the server.
#[derive(Debug)]
pub struct Host {
    storage: Arc<dyn Storage>,
    library: Library,
    probe: Option<Arc<dyn Probe>>,
    sessions: Mutex<BTreeMap<SessionId, Entry>>,
    changed: watch::Sender<u64>,
}

/// A session as the host knows it: running ones answer, ended ones have closed their mailbox.
#[derive(Clone, Debug)]
struct Entry {
    summary: watch::Receiver<Arc<SessionSummary>>,
    mailbox: mpsc::Sender<Message>,
    fate: Arc<OnceLock<Fate>>,
}

impl Host {
    /// A host without sessions.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, library: Library, probe: Option<Arc<dyn Probe>>) -> Self {
        Self {
            storage,
            library,
            probe,
            sessions: Mutex::new(BTreeMap::new()),
            changed: watch::Sender::new(0),
        }
    }

    /// Makes a session, lets it take in its history, and sets it running. It is recorded when this returns.
    ///
    /// # Errors
    /// [`HostError`] when its strategy or tape cannot be read or it cannot be recorded.
    pub async fn start(
        &self,
        spec: SessionSpec,
        speed: f64,
        now: Timestamp,
    ) -> Result<SessionSummary, HostError> {
        let id: SessionId = uuid::Uuid::now_v7()
            .to_string()
            .parse()
            .unwrap_or_else(|_| unreachable!("a UUID is letters, digits and hyphens"));
        let machine = Machine::new(&spec, &self.library).await?;
        let around = Surroundings {
            id: id.clone(),
            spec: Arc::new(spec),
            created_at: now,
            recoveries: 0,
            speed,
            fault: None,
        };
        let session = id.clone();
        let (machine, mut outcome) = tokio::task::spawn_blocking(move || warm_up(machine, session))
            .await
            .map_err(|error| HostError::Unreadable(format!("it could not take in its history: {error}")))?;
        let summary = machine.summary(&around);
        let inputs = machine.engine().inputs();
        outcome.batch.snapshot = Some(SnapshotRecord {
            input: inputs,
            state: machine.freeze()?,
        });
        let record = SessionRecord {
            id,
            created_at: now,
            spec: (*around.spec).clone(),
            recoveries: 0,
            progress: Progress {
                inputs,
                state: machine.engine().state(),
                fault: None,
                speed,
                at_rest: false,
                summary: summary.clone(),
            },
        };
        self.storage
            .commit(Write::Create(Box::new(record), Arc::new(outcome.batch)))
            .await?;
        self.run(around, machine, outcome.events, summary.clone());
        Ok(summary)
    }

    /// Takes over every session of the store: those that were running go on, each from its newest snapshot and the
    /// inputs after it.
    ///
    /// # Errors
    /// [`HostError::Storage`] when the list cannot be read. A session that cannot be brought back fails alone.
    pub async fn recover(&self) -> Result<(), HostError> {
        for record in self.storage.sessions().await? {
            let record = match record {
                Ok(record) => record,
                Err(unreadable) => {
                    let UnreadableSession { id, summary, because } = *unreadable;
                    tracing::error!(session = id, error = %because, "a session's record cannot be read");
                    if let Some(summary) = summary {
                        self.set_aside(summary, &because.to_string());
                    }
                    continue;
                }
            };
            if record.progress.state.is_final() {
                self.archive(record.progress.summary);
            } else if let Err(error) = self.resume(&record).await {
                tracing::error!(session = %record.id, %error, "the session could not be brought back");
                self.set_aside(record.progress.summary, &error.to_string());
            }
        }
        Ok(())
    }

    async fn resume(&self, record: &SessionRecord) -> Result<(), HostError> {
        let recovered = !record.progress.at_rest;
        let again = Box::pin(recovery::bring_back(record, &*self.storage, &self.library)).await?;
        if let Some(difference) = again.difference {
            return Err(HostError::Unreadable(format!(
                "its inputs no longer give what its journal says: {difference}"
            )));
        }
        let id = record.id.clone();
        self.storage.commit(Write::Resumed { id, recovered }).await?;
        let around = Surroundings {
            id: record.id.clone(),
            spec: Arc::new(record.spec.clone()),
            created_at: record.created_at,
            recoveries: record.recoveries + u32::from(recovered),
            speed: record.progress.speed,
            fault: None,
        };
        let summary = again.machine.summary(&around);
        tracing::info!(session = %record.id, recovered, inputs = again.machine.engine().inputs(), "session resumed");
        self.run(around, again.machine, again.recent, summary);
        Ok(())
    }

    /// Lists a session that cannot be brought back as failed, with its reason. Its records stay as they are: what is in the
    /// way may be gone at the next start, and the version that wrote them can go on with them.
    fn set_aside(&self, mut summary: SessionSummary, reason: &str) {
        summary.state = SessionState::Failed;
        summary.state_reason =
            format!("{reason} (its records are left as they are: the next start of the server tries again)");
        self.archive(summary);
    }

    fn run(
        &self,
        around: Surroundings,
        machine: Machine,
        recent: Vec<Arc<papertape::engine::Event>>,
        summary: SessionSummary,
    ) {
        let id = around.id.clone();
        let (mailbox, messages) = mpsc::channel(MAILBOX);
        let (teller, summary) = watch::channel(Arc::new(summary));
        let fate = Arc::default();
        let actor = Actor::new(Parts {
            around,
            machine,
            recent,
            mailbox: messages,
            storage: Arc::clone(&self.storage),
            probe: self.probe.clone(),
            summary: teller.clone(),
            changed: self.changed.clone(),
            fate: Arc::clone(&fate),
        });
        tokio::spawn(watch_over(
            tokio::spawn(actor.run()),
            id.clone(),
            teller,
            self.changed.clone(),
        ));
        let entry = Entry {
            summary,
            mailbox,
            fate,
        };
        self.enter(id, entry);
    }

    /// Lists a session that has ended.
    fn archive(&self, summary: SessionSummary) {
        let id = summary.id.clone();
        let (_, summary) = watch::channel(Arc::new(summary));
        // A mailbox that nobody empties is a closed one.
        let (mailbox, _) = mpsc::channel(1);
        let entry = Entry {
            summary,
            mailbox,
            fate: Arc::default(),
        };
        self.enter(id, entry);
    }

    fn enter(&self, id: SessionId, entry: Entry) {
        self.lock().insert(id, entry);
        self.changed.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<SessionId, Entry>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, id: &SessionId) -> Result<Entry, HostError> {
        self.lock()
            .get(id)
            .cloned()
            .ok_or_else(|| HostError::Unknown(id.clone()))
    }

    /// All sessions, newest first.
    #[must_use]
    pub fn list(&self) -> Vec<SessionSummary> {
        let mut list: Vec<SessionSummary> = self
            .lock()
            .values()
            .map(|entry| (**entry.summary.borrow()).clone())
            .collect();
        list.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        list
    }

    /// Counts up whenever the list of sessions looks different.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// One session in short.
    ///
    /// # Errors
    /// [`HostError::Unknown`].
    pub fn summary(&self, id: &SessionId) -> Result<Arc<SessionSummary>, HostError> {
        let entry = self.entry(id)?;
        let summary = Arc::clone(&entry.summary.borrow());
        Ok(summary)
    }

    /// One session whole.
    ///
    /// # Errors
    /// [`HostError`] when there is none or it cannot be read.
    pub async fn detail(&self, id: &SessionId) -> Result<Box<SessionDetail>, HostError> {
        let entry = self.entry(id)?;
        match ask(&entry, Message::Detail).await {
            Err(HostError::Ended(_) | HostError::Failed(_)) => self.archived(id, &entry).await,
            answer => answer,
        }
    }

    /// A session's events: what was missed since number `after`, or the session whole, and what comes.
    ///
    /// # Errors
    /// [`HostError`] when there is none or it cannot be read.
    pub async fn listen(&self, id: &SessionId, after: Option<u64>) -> Result<Listening, HostError> {
        let entry = self.entry(id)?;
        match ask(&entry, |reply| Message::Listen(after, reply)).await {
            Err(HostError::Ended(_) | HostError::Failed(_)) => Ok(Listening {
                first: if after == Some(entry.summary.borrow().seq) {
                    First::Missed(Vec::new())
                } else {
                    First::Snapshot(self.archived(id, &entry).await?)
                },
                events: None,
            }),
            answer => answer,
        }
    }

    /// A session that has ended, from its last snapshot.
    async fn archived(&self, id: &SessionId, entry: &Entry) -> Result<Box<SessionDetail>, HostError> {
        let unknown = || HostError::Unknown(id.clone());
        let record = self.storage.session(id).await?.ok_or_else(unknown)?;
        let machine = Box::pin(recovery::bring_back(&record, &*self.storage, &self.library))
            .await?
            .machine;
        let around = Surroundings {
            id: id.clone(),
            spec: Arc::new(record.spec),
            created_at: record.created_at,
            recoveries: record.recoveries,
            speed: record.progress.speed,
            fault: record.progress.fault,
        };
        let mut detail = machine.detail(&around);
        // The list may know of a fault that could not be written down.
        let summary = entry.summary.borrow();
        detail.summary.state = summary.state;
        detail.summary.state_reason.clone_from(&summary.state_reason);
        Ok(Box::new(detail))
    }

    /// Does something to a session; its effect is recorded when this returns.
    ///
    /// # Errors
    /// [`HostError`] when there is none, it is over or it is busy.
    pub async fn act(&self, id: &SessionId, action: SessionAction) -> Result<SessionSummary, HostError> {
        let entry = self.entry(id)?;
        let command = match action {
            SessionAction::Pause => Command::Pause,
            SessionAction::Resume => Command::Resume,
            SessionAction::Flatten => Command::Flatten,
            SessionAction::Stop => Command::Stop,
            SessionAction::Speed(speed) => return ask(&entry, |reply| Message::Speed(speed, reply)).await,
        };
        ask(&entry, |reply| Message::Command(command, reply)).await
    }

    /// Places orders; they are recorded when this returns.
    ///
    /// # Errors
    /// [`HostError`] when there is no such session, it is over or it is busy.
    pub async fn place(&self, id: &SessionId, list: OrderList) -> Result<Placed, HostError> {
        let entry = self.entry(id)?;
        ask(&entry, |reply| Message::Place(Box::new(list), reply)).await
    }

    /// Places several options as one order; that is recorded when this returns, with the orders of its legs.
    ///
    /// # Errors
    /// [`HostError`] when there is no such session, it is over or it is busy.
    pub async fn place_combo(&self, id: &SessionId, request: ComboRequest) -> Result<Vec<Order>, HostError> {
        let entry = self.entry(id)?;
        ask(&entry, |reply| Message::PlaceCombo(Box::new(request), reply)).await
    }

    /// Makes use of options that are held, which is recorded when this returns, or says why not.
    ///
    /// # Errors
    /// [`HostError`] when there is no such session, it is over or it is busy.
    pub async fn exercise(
        &self,
        id: &SessionId,
        request: ExerciseRequest,
    ) -> Result<Result<(), Refusal>, HostError> {
        let entry = self.entry(id)?;
        ask(&entry, |reply| Message::Exercise(request, reply)).await
    }

    /// What options on an instrument are quoted by; `None` where the session quotes none.
    ///
    /// # Errors
    /// [`HostError`] when there is no such session, it is over or it is busy.
    pub async fn option_desk(
        &self,
        id: &SessionId,
        underlying: Symbol,
    ) -> Result<Option<Box<OptionDesk>>, HostError> {
        let entry = self.entry(id)?;
        ask(&entry, |reply| Message::Options(underlying, reply)).await
    }

    /// Changes or withdraws an order; that is recorded when this returns.
    ///
    /// # Errors
    /// [`HostError`] when there is no such session, it is over or it is busy.
    pub async fn change_order(&self, id: &SessionId, change: OrderChange) -> Result<Changed, HostError> {
        let entry = self.entry(id)?;
        ask(&entry, |reply| Message::Change(change, reply)).await
    }

    /// Asks every order that a person or program placed to end; answers with these, as they are now.
    ///
    /// # Errors
    /// [`HostError`] when there is no such session, it is over or it is busy.
    pub async fn cancel_all(&self, id: &SessionId) -> Result<Vec<Order>, HostError> {
        let entry = self.entry(id)?;
        ask(&entry, Message::CancelAll).await
    }

    /// An open order and what it waits for; `None` when it is not open.
    ///
    /// # Errors
    /// [`HostError`] when there is no such session or it is busy.
    pub async fn open_order(
        &self,
        id: &SessionId,
        order: OrderId,
    ) -> Result<Option<(Box<Order>, Vec<Wait>)>, HostError> {
        let entry = self.entry(id)?;
        match ask(&entry, |reply| Message::Open(order, reply)).await {
            Err(HostError::Ended(_) | HostError::Failed(_)) => Ok(None),
            answer => answer,
        }
    }

    /// Removes a session with all its records; one that runs is ended first.
    ///
    /// # Errors
    /// [`HostError`] when there is none or storage fails.
    pub async fn delete(&self, id: &SessionId) -> Result<(), HostError> {
        let entry = self.entry(id)?;
        let (done, discarded) = oneshot::channel();
        if entry.mailbox.send(Message::Discard(done)).await.is_ok() {
            let _ = discarded.await;
        }
        self.storage.commit(Write::Delete(id.clone())).await?;
        self.lock().remove(id);
        self.changed.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Lets go of every session, each saved so that it goes on at the next start.
    pub async fn rest(&self) {
        let entries: Vec<Entry> = self.lock().values().cloned().collect();
        join_all(entries.into_iter().map(|entry| async move {
            let (done, saved) = oneshot::channel();
            if entry.mailbox.send(Message::Rest(done)).await.is_ok() {
                let _ = saved.await;
            }
        }))
        .await;
    }
}

const PANICKED: &str =
    "an internal error stopped it; it goes on from what is recorded when the server is started again";

/// Waits for a session's task. One that panicked (a bug) takes nothing else with it: its session is shown as failed, and
/// what it had made durable until then is safe.
async fn watch_over(
    task: tokio::task::JoinHandle<()>,
    session: SessionId,
    teller: watch::Sender<Arc<SessionSummary>>,
    changed: watch::Sender<u64>,
) {
    let Err(error) = task.await else { return };
    tracing::error!(%session, %error, "the session's task ended by a bug");
    teller.send_modify(|summary| {
        let summary = Arc::make_mut(summary);
        summary.state = SessionState::Failed;
        PANICKED.clone_into(&mut summary.state_reason);
    });
    changed.send_modify(|count| *count += 1);
}

/// Everything before the first live input: history and start.
fn warm_up(mut machine: Machine, session: SessionId) -> (Machine, Outcome) {
    let mut outcome = Outcome::new(session);
    while machine.engine().state() == SessionState::Starting {
        machine.advance(&mut outcome);
    }
    (machine, outcome)
}

async fn ask<T>(entry: &Entry, message: impl FnOnce(Reply<T>) -> Message) -> Result<T, HostError> {
    let (reply, answer) = oneshot::channel();
    entry
        .mailbox
        .try_send(message(reply))
        .map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => HostError::Busy,
            mpsc::error::TrySendError::Closed(_) => silence(entry, false),
        })?;
    answer.await.map_err(|_| silence(entry, true))?
}

/// Why a session does not answer; `was_heard` when it took the question and gave none.
fn silence(entry: &Entry, was_heard: bool) -> HostError {
    let summary = entry.summary.borrow();
    match entry.fate.get() {
        Some(Fate::Rests) => HostError::ShuttingDown,
        Some(Fate::Discarded) => HostError::Unknown(summary.id.clone()),
        Some(Fate::Unrecorded(why)) if was_heard => HostError::Failed(why.clone()),
        Some(Fate::Unrecorded(_)) => HostError::Ended(SessionState::Failed),
        None if summary.state.is_final() => HostError::Ended(summary.state),
        // Its task is gone and has not said why: a bug of ours, of which the log knows more.
        None => HostError::Failed(PANICKED.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::testkit;

    /// A session with a task that takes one question and ends as `fate` says.
    async fn asked(state: SessionState, fate: Option<Fate>) -> HostError {
        let mut summary = testkit::session_summary();
        summary.state = state;
        let (mailbox, mut messages) = mpsc::channel(1);
        let entry = Entry {
            summary: watch::channel(Arc::new(summary)).1,
            mailbox,
            fate: Arc::default(),
        };
        let known = Arc::clone(&entry.fate);
        tokio::spawn(async move {
            let question = messages.recv().await;
            if let Some(fate) = fate {
                let _ = known.set(fate);
            }
            drop(question);
        });
        ask(&entry, Message::CancelAll).await.expect_err("nobody answers")
    }

    #[tokio::test]
    async fn a_session_that_does_not_answer_has_a_reason_and_not_just_any() {
        let running = SessionState::Running;
        let unrecorded = Fate::Unrecorded("the disk is full".to_owned());
        for (error, says) in [
            (
                asked(running, Some(Fate::Rests)).await,
                "the server is shutting down",
            ),
            (
                asked(running, Some(Fate::Discarded)).await,
                "there is no session 's-1'",
            ),
            (
                asked(SessionState::Failed, Some(unrecorded)).await,
                "the session has failed: the disk is full",
            ),
            (
                asked(running, None).await,
                "the session has failed: an internal error stopped it",
            ),
            (
                asked(SessionState::Finished, None).await,
                "the session is finished: it takes no commands any more",
            ),
        ] {
            assert!(error.to_string().starts_with(says), "{error}: {says}");
        }
    }

    #[tokio::test]
    async fn a_task_that_panics_fails_its_session_and_nothing_else() {
        let summary = testkit::session_summary();
        let session = summary.id.clone();
        let (teller, shown) = watch::channel(Arc::new(summary));
        let changed = watch::Sender::new(0);
        let task = tokio::spawn(async { panic!("a bug") });
        watch_over(task, session, teller, changed.clone()).await;
        assert_eq!(shown.borrow().state, SessionState::Failed);
        assert_eq!(*changed.borrow(), 1);
    }
}
