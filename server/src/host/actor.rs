//! One task per session: paces the machine, makes its events durable, hands them on, answers questions.

use super::clock::MarketClock;
use super::hub::{First, Hub, Listening};
use super::machine::{Due, Machine, Outcome, Surroundings};
use super::{HostError, Probe};
use crate::storage::{Progress, SessionBatch, SnapshotRecord, Storage, StorageError, Write};
use papertape::api::{OrderChange, SessionDetail, SessionSummary};
use papertape::engine::{ComboRequest, Command, Event, ExerciseRequest, OptionDesk, Wait};
use papertape::model::{OrderId, Symbol};
use papertape::order::{Order, OrderList, Refusal};
use std::{
    ops::ControlFlow,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// How long a session may compute before others have their turn.
const SLICE: Duration = Duration::from_millis(3);
/// How long, and up to how many events, a session that is behind its clock gathers before it writes.
const GATHER: Duration = Duration::from_millis(40);
const GATHER_EVENTS: usize = 8_192;
/// How often at most the line in lists is drawn anew, unless something of note happens.
const SUMMARY_EVERY: Duration = Duration::from_millis(200);
/// How often it is noted how far the session is.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);
/// How often the whole state is saved: what a recovery runs again is at most so much.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(60);
/// Inputs after which the whole state is saved at the latest.
const SNAPSHOT_INPUTS: u64 = 500_000;
/// Points of the equity curve that may wait for the next write.
const WAITING_POINTS: usize = 2_000;
/// How long to wait before a write that failed is tried again.
const RETRIES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// What became of a request to place orders.
#[derive(Debug)]
pub enum Placed {
    /// These orders, some of them refused perhaps.
    New(Vec<Order>),
    /// Nothing: the names were known already, as those of these orders.
    Known(Vec<OrderId>),
}

/// What became of a request to change an order.
#[derive(Debug)]
pub enum Changed {
    /// It was carried out; the order after it.
    Done(Box<Order>),
    /// It is on its way to the exchange; the order as it still is.
    OnItsWay(Box<Order>),
    /// It was refused; the order stays as it is.
    Refused(Refusal, Box<Order>),
    /// There is no such open order.
    NotOpen,
}

/// Why a session's task is no more, when that is not the session's own end.
#[derive(Debug)]
pub(super) enum Fate {
    /// The server lets go of it.
    Rests,
    /// It was deleted.
    Discarded,
    /// What it did could not be recorded, in words.
    Unrecorded(String),
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, HostError>>;

/// What can be asked of a running session.
pub(super) enum Message {
    Command(Command, Reply<SessionSummary>),
    /// Places orders.
    Place(Box<OrderList>, Reply<Placed>),
    /// Places several options as one order; answers with its legs.
    PlaceCombo(Box<ComboRequest>, Reply<Vec<Order>>),
    /// Makes use of options that are held; answers with why not, if not.
    Exercise(ExerciseRequest, Reply<Result<(), Refusal>>),
    /// What options are quoted by.
    Options(Symbol, Reply<Option<Box<OptionDesk>>>),
    /// Changes or withdraws an order.
    Change(OrderChange, Reply<Changed>),
    /// Asks the orders of persons and programs to end; answers with these.
    CancelAll(Reply<Vec<Order>>),
    /// An open order and what it waits for.
    Open(OrderId, Reply<Option<(Box<Order>, Vec<Wait>)>>),
    Speed(f64, Reply<SessionSummary>),
    Detail(Reply<Box<SessionDetail>>),
    Listen(Option<u64>, Reply<Listening>),
    /// Save everything and end; go on at the next start of the server.
    Rest(oneshot::Sender<()>),
    /// End without a trace.
    Discard(oneshot::Sender<()>),
}

pub(super) struct Actor {
    around: Surroundings,
    pub(super) machine: Machine,
    /// What has happened and is not yet durable or not yet handed on.
    pub(super) outcome: Outcome,
    hub: Hub,
    clock: MarketClock,
    mailbox: mpsc::Receiver<Message>,
    storage: Arc<dyn Storage>,
    probe: Option<Arc<dyn Probe>>,
    summary: watch::Sender<Arc<SessionSummary>>,
    /// Told whenever the summary is drawn anew.
    changed: watch::Sender<u64>,
    /// Told before the task ends, so that who waits for an answer learns why none comes.
    fate: Arc<OnceLock<Fate>>,
    marks: Marks,
}

/// When what was last done.
struct Marks {
    settled: Instant,
    summary: Instant,
    progress: Instant,
    progress_inputs: u64,
    snapshot: Instant,
    snapshot_inputs: u64,
}

enum Next {
    /// There is more to do at once.
    More,
    /// Nothing is due before this moment; without one, before the feed tells more.
    Wait(Option<Instant>),
    /// The session is over.
    Over,
    /// Its inputs cannot be read.
    Failed(String),
}

/// What an actor is made of.
pub(super) struct Parts {
    pub(super) around: Surroundings,
    pub(super) machine: Machine,
    /// Events to resume listeners from.
    pub(super) recent: Vec<Arc<Event>>,
    pub(super) mailbox: mpsc::Receiver<Message>,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) probe: Option<Arc<dyn Probe>>,
    pub(super) summary: watch::Sender<Arc<SessionSummary>>,
    pub(super) changed: watch::Sender<u64>,
    pub(super) fate: Arc<OnceLock<Fate>>,
}

impl Actor {
    /// An actor for a machine whose events so far are durable.
    pub(super) fn new(parts: Parts) -> Self {
        let now = Instant::now();
        let inputs = parts.machine.engine().inputs();
        let mut hub = Hub::new(parts.around.id.clone());
        hub.publish(parts.recent);
        Self {
            clock: MarketClock::new(parts.around.speed, parts.machine.market_time(), now),
            outcome: Outcome::new(parts.around.id.clone()),
            hub,
            marks: Marks {
                settled: now,
                summary: now,
                progress: now,
                progress_inputs: inputs,
                snapshot: now,
                snapshot_inputs: inputs,
            },
            around: parts.around,
            machine: parts.machine,
            mailbox: parts.mailbox,
            storage: parts.storage,
            probe: parts.probe,
            summary: parts.summary,
            changed: parts.changed,
            fate: parts.fate,
        }
    }

    /// Runs the session until it is over, or until the server lets go of it.
    pub(super) async fn run(mut self) {
        loop {
            // Messages first: at full speed there is always something else to do.
            while let Ok(message) = self.mailbox.try_recv() {
                if self.handle(message).await.is_break() {
                    return;
                }
            }
            let next = self.slice();
            let behind = matches!(next, Next::More);
            if !matches!(next, Next::Failed(_))
                && (!behind || self.has_gathered_enough())
                && self.settle().await.is_break()
            {
                return;
            }
            match next {
                Next::More => tokio::task::yield_now().await,
                Next::Over => {
                    self.end().await;
                    return;
                }
                Next::Failed(reason) => {
                    let _ = self.save(false, false).await;
                    self.set_aside(format!(
                        "its market data could not be read ({reason}); it goes on when the server is started again"
                    ));
                    return;
                }
                Next::Wait(due) => {
                    let saving = self.next_saving();
                    let until = due.map_or(saving, |due| due.min(saving));
                    tokio::select! {
                        message = self.mailbox.recv() => {
                            let Some(message) = message else { return };
                            if self.handle(message).await.is_break() {
                                return;
                            }
                        }
                        () = self.machine.more(), if due.is_none() => {}
                        () = tokio::time::sleep_until(until) => {}
                    }
                }
            }
        }
    }

    /// Takes in what is due, for a few milliseconds at most.
    fn slice(&mut self) -> Next {
        let began = Instant::now();
        let mut now = began;
        loop {
            match self.machine.due() {
                Due::Never => return Next::Over,
                Due::Now => {}
                Due::At(time) => {
                    if let Some(at) = self.clock.wait_for(time, now) {
                        return Next::Wait(Some(at));
                    }
                }
                Due::Later => return Next::Wait(None),
                Due::Failed(reason) => return Next::Failed(reason),
            }
            let before = self.machine.engine().seq();
            self.machine.advance(&mut self.outcome);
            if let Some(probe) = &self.probe {
                let after = self.machine.engine().seq();
                probe.handed(&self.around.id, before + 1..=after, now.into_std());
            }
            now = Instant::now();
            if now.duration_since(began) >= SLICE {
                return Next::More;
            }
        }
    }

    /// A session that is behind its clock writes less often and more at once: what costs is the commit.
    fn has_gathered_enough(&self) -> bool {
        self.marks.settled.elapsed() >= GATHER || self.outcome.events.len() >= GATHER_EVENTS
    }

    async fn handle(&mut self, message: Message) -> ControlFlow<()> {
        // Whatever is answered speaks of what is durable.
        self.settle().await?;
        match message {
            Message::Command(command, reply) => match self.open() {
                Ok(()) => {
                    self.machine.command(command, &mut self.outcome);
                    // Durable before it is answered.
                    self.settle().await?;
                    let _ = reply.send(Ok(self.draw()));
                }
                Err(error) => drop(reply.send(Err(error))),
            },
            Message::Place(list, reply) => match self.open() {
                Ok(()) => drop(reply.send(Ok(self.place(list).await?))),
                Err(error) => drop(reply.send(Err(error))),
            },
            Message::PlaceCombo(request, reply) => match self.open() {
                Ok(()) => drop(reply.send(Ok(self.place_combo(request).await?))),
                Err(error) => drop(reply.send(Err(error))),
            },
            Message::Exercise(request, reply) => match self.open() {
                Ok(()) => drop(reply.send(Ok(self.exercise(request).await?))),
                Err(error) => drop(reply.send(Err(error))),
            },
            Message::Options(underlying, reply) => {
                let desk = self.machine.engine().option_desk(&underlying);
                let _ = reply.send(Ok(desk.map(Box::new)));
            }
            Message::Change(change, reply) => match self.open() {
                Ok(()) => drop(reply.send(Ok(self.change(change).await?))),
                Err(error) => drop(reply.send(Err(error))),
            },
            Message::CancelAll(reply) => match self.open() {
                Ok(()) => drop(reply.send(Ok(self.cancel_all().await?))),
                Err(error) => drop(reply.send(Err(error))),
            },
            Message::Open(id, reply) => {
                let engine = self.machine.engine();
                let open = engine.open_order(id).cloned().map(Box::new).zip(engine.waits(id));
                let _ = reply.send(Ok(open));
            }
            Message::Speed(speed, reply) => {
                self.around.speed = speed;
                let next = match self.machine.due() {
                    Due::At(time) => Some(time),
                    Due::Now | Due::Later | Due::Failed(_) | Due::Never => None,
                };
                self.clock
                    .set_speed(speed, self.machine.market_time(), next, Instant::now());
                self.save(false, false).await?;
                let _ = reply.send(Ok(self.draw()));
            }
            Message::Detail(reply) => {
                let _ = reply.send(Ok(Box::new(self.machine.detail(&self.around))));
            }
            Message::Listen(after, reply) => {
                let _ = reply.send(Ok(self.listen(after)));
            }
            Message::Rest(done) => {
                let _ = self.fate.set(Fate::Rests);
                let _ = self.save(true, true).await;
                let _ = done.send(());
                return ControlFlow::Break(());
            }
            Message::Discard(done) => {
                let _ = self.fate.set(Fate::Discarded);
                let _ = done.send(());
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether the session takes commands.
    fn open(&self) -> Result<(), HostError> {
        let state = self.around.state(self.machine.engine());
        if state.is_final() {
            return Err(HostError::Ended(state));
        }
        Ok(())
    }

    /// Everything handed on so far is durable and published, so the listener's receiver begins exactly after it.
    fn listen(&self, after: Option<u64>) -> Listening {
        let missed = after.and_then(|after| self.hub.missed(after, self.machine.engine().seq()));
        let first = match missed {
            Some(frames) => First::Missed(frames),
            None => First::Snapshot(Box::new(self.machine.detail(&self.around))),
        };
        Listening {
            first,
            events: Some(self.hub.listen()),
        }
    }

    /// Makes durable what somebody waits for, then hands all events on.
    pub(super) async fn settle(&mut self) -> ControlFlow<()> {
        let now = Instant::now();
        self.marks.settled = now;
        let inputs = self.machine.engine().inputs();
        let snapshot = inputs > self.marks.snapshot_inputs
            && (now.duration_since(self.marks.snapshot) >= SNAPSHOT_EVERY
                || inputs - self.marks.snapshot_inputs >= SNAPSHOT_INPUTS);
        let urgent = self.outcome.batch.is_urgent();
        let progress = inputs > self.marks.progress_inputs
            && (now.duration_since(self.marks.progress) >= PROGRESS_EVERY
                || self.outcome.batch.equity.len() >= WAITING_POINTS);
        if urgent || snapshot || progress {
            self.save(snapshot, false).await?;
        }
        let events = std::mem::take(&mut self.outcome.events);
        if !events.is_empty() {
            self.hub.publish(events);
            if urgent || now.duration_since(self.marks.summary) >= SUMMARY_EVERY {
                self.draw();
            }
        }
        ControlFlow::Continue(())
    }

    fn next_saving(&self) -> Instant {
        if self.machine.engine().inputs() > self.marks.progress_inputs {
            self.marks.progress + PROGRESS_EVERY
        } else {
            Instant::now() + PROGRESS_EVERY
        }
    }

    /// Writes what has happened, where the session stands and, if asked, its whole state, as one.
    async fn save(&mut self, snapshot: bool, at_rest: bool) -> ControlFlow<()> {
        let now = Instant::now();
        let inputs = self.machine.engine().inputs();
        let empty = SessionBatch::new(self.around.id.clone());
        let mut batch = std::mem::replace(&mut self.outcome.batch, empty);
        batch.progress = Some(Progress {
            inputs,
            state: self.around.state(self.machine.engine()),
            fault: self.around.fault.clone(),
            speed: self.around.speed,
            at_rest,
            summary: self.machine.summary(&self.around),
        });
        if snapshot {
            match self.machine.freeze() {
                Ok(state) => {
                    batch.snapshot = Some(SnapshotRecord { input: inputs, state });
                    self.marks.snapshot = now;
                    self.marks.snapshot_inputs = inputs;
                }
                Err(error) => {
                    tracing::error!(session = %self.around.id, %error, "no snapshot could be taken");
                }
            }
        }
        if let Err(error) = commit_patiently(&*self.storage, batch).await {
            self.give_up(&error);
            return ControlFlow::Break(());
        }
        self.marks.progress = now;
        self.marks.progress_inputs = inputs;
        ControlFlow::Continue(())
    }

    /// The session cannot be recorded, so it must not go on. What it has done and not recorded nobody has seen; the
    /// next start of the server brings it back from what is recorded.
    fn give_up(&mut self, error: &StorageError) {
        let cause = std::error::Error::source(error)
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(session = %self.around.id, %error, cause, "the session ends: it cannot be recorded");
        self.set_aside(format!(
            "it could not be recorded ({error}); it goes on from what is recorded when the server is started again"
        ));
    }

    fn set_aside(&mut self, fault: String) {
        let _ = self.fate.set(Fate::Unrecorded(fault.clone()));
        self.around.fault = Some(fault);
        self.draw();
    }

    /// The session is over: its last state is what it shows from now on.
    async fn end(&mut self) {
        let _ = self.save(true, true).await;
        self.draw();
    }

    /// Draws the line in lists anew.
    pub(super) fn draw(&mut self) -> SessionSummary {
        let summary = self.machine.summary(&self.around);
        self.summary.send_replace(Arc::new(summary.clone()));
        self.changed.send_modify(|count| *count += 1);
        self.marks.summary = Instant::now();
        summary
    }
}

async fn commit_patiently(storage: &dyn Storage, batch: SessionBatch) -> Result<(), StorageError> {
    let batch = Arc::new(batch);
    for pause in RETRIES {
        match storage.commit(Write::Append(Arc::clone(&batch))).await {
            Ok(()) => return Ok(()),
            Err(StorageError::Closed) => return Err(StorageError::Closed),
            Err(error) => {
                tracing::warn!(session = %batch.session, %error, "a write failed and is tried again");
                tokio::time::sleep(pause).await;
            }
        }
    }
    storage.commit(Write::Append(batch)).await
}
