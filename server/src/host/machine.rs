//! The deterministic part of a session: engine, tape and view, moved on one input at a time.
//!
//! The host paces it, recovery and verification run it again; all three get the same events for the same commands.

use super::{SessionSpec, view::View};
use crate::storage::{CommandRecord, JournalRecord, SessionBatch};
use crate::tape::{Ahead, Library, Tape, TapeError};
use futures::future::BoxFuture;
use papertape::api::{SessionDetail, SessionSummary};
use papertape::engine::{
    Band, BandCurve, Command, Engine, Event, EventKind, Input, SessionState, SnapshotError,
};
use papertape::model::{OrderId, SessionId, Timestamp};
use papertape::order::Order;
use papertape::strategy::Problem;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A session without pace, storage or listeners.
#[derive(Debug)]
pub(crate) struct Machine {
    engine: Engine,
    band: Band,
    tape: Box<dyn Tape>,
    view: View,
    scratch: Vec<Event>,
    /// What the shadows are worth at the marks of one input.
    shadows: BandCurve,
}

/// What inputs brought about: for storage and for listeners.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) batch: SessionBatch,
    pub(crate) events: Vec<Arc<Event>>,
}

/// When the machine's next own input is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Whenever there is time: history, the start, the end of the data.
    Now,
    /// At this market time.
    At(Timestamp),
    /// When the feed tells more.
    Later,
    /// Never: the tape cannot be read.
    Failed(String),
    /// Never: the session is over.
    Never,
}

/// Why a session cannot be brought to life.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MachineError {
    #[error("its strategy no longer compiles: {}", first(.0))]
    Strategy(Vec<Problem>),
    #[error(transparent)]
    Tape(#[from] TapeError),
    #[error("its snapshot cannot be read: {0}")]
    Snapshot(String),
}

fn first(problems: &[Problem]) -> String {
    problems.first().map_or_else(String::new, |problem| {
        format!(
            "line {}, column {}: {}",
            problem.line, problem.column, problem.message
        )
    })
}

#[derive(Serialize, Deserialize)]
struct Frozen {
    engine: Vec<u8>,
    band: Band,
    tape: Vec<u8>,
    view: View,
}

impl Frozen {
    /// What a frozen machine begins with; rises with every change of what it holds.
    const FORMAT: u8 = 4;

    fn to_bytes(&self) -> Result<Vec<u8>, MachineError> {
        postcard::to_extend(self, vec![Self::FORMAT])
            .map_err(|error| MachineError::Snapshot(error.to_string()))
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, MachineError> {
        let body = match bytes {
            [Self::FORMAT, body @ ..] => body,
            _ => return Err(MachineError::Snapshot("another version wrote it".to_owned())),
        };
        postcard::from_bytes(body).map_err(|error| MachineError::Snapshot(error.to_string()))
    }

    fn engine(&self) -> Result<Engine, MachineError> {
        Engine::restore(&self.engine).map_err(|error| MachineError::Snapshot(error.to_string()))
    }
}

/// The head of the event hash chain in a frozen machine; `None` when another version froze it, whose chain is of other bytes.
pub(crate) fn event_hash_of(state: &[u8]) -> Result<Option<String>, MachineError> {
    let [Frozen::FORMAT, body @ ..] = state else {
        return Ok(None);
    };
    // Its first part; of what comes after it another version knows nothing either.
    let engine = postcard::take_from_bytes::<Vec<u8>>(body);
    let (engine, _) = engine.map_err(|error| MachineError::Snapshot(error.to_string()))?;
    match Engine::restore(&engine) {
        Ok(engine) => Ok(Some(engine.event_hash())),
        Err(SnapshotError::Version { .. }) => Ok(None),
        Err(error) => Err(MachineError::Snapshot(error.to_string())),
    }
}

impl Outcome {
    pub(crate) const fn new(session: SessionId) -> Self {
        Self {
            batch: SessionBatch::new(session),
            events: Vec::new(),
        }
    }
}

impl Machine {
    /// A session before its first input.
    pub(crate) async fn new(spec: &SessionSpec, library: &Library) -> Result<Self, MachineError> {
        let config = spec.engine_config().map_err(MachineError::Strategy)?;
        Ok(Self {
            band: Band::new(&config),
            engine: Engine::new(config),
            tape: library.open(&spec.tape, None).await?,
            view: View::new(spec.instrument.clone(), spec.initial_capital),
            scratch: Vec::new(),
            shadows: BandCurve::default(),
        })
    }

    /// A session as it was frozen.
    pub(crate) async fn thaw(
        spec: &SessionSpec,
        library: &Library,
        state: &[u8],
    ) -> Result<Self, MachineError> {
        let frozen = Frozen::from_bytes(state)?;
        Ok(Self {
            engine: frozen.engine()?,
            band: frozen.band,
            tape: library.open(&spec.tape, Some(&frozen.tape)).await?,
            view: frozen.view,
            scratch: Vec::new(),
            shadows: BandCurve::default(),
        })
    }

    /// Everything that [`Machine::thaw`] needs.
    pub(crate) fn freeze(&self) -> Result<Vec<u8>, MachineError> {
        let frozen = Frozen {
            engine: self.engine.snapshot(),
            band: self.band.clone(),
            tape: self.tape.checkpoint(),
            view: self.view.clone(),
        };
        frozen.to_bytes()
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// When the next own input is due.
    pub(crate) fn due(&mut self) -> Due {
        if self.engine.state().is_final() {
            return Due::Never;
        }
        if self.starts_next() {
            return Due::Now;
        }
        match self.tape.peek() {
            Ahead::Item(item) => item.due.map_or(Due::Now, Due::At),
            Ahead::Later => Due::Later,
            Ahead::End => Due::Now,
            Ahead::Failed(reason) => Due::Failed(reason),
        }
    }

    /// Takes in the next own input: the tape's, the start after its history, the finish at its end; nothing while the tape has
    /// nothing yet.
    pub(crate) fn advance(&mut self, out: &mut Outcome) {
        if self.engine.state().is_final() {
            return;
        }
        let input = if self.starts_next() {
            Input::Command(self.tape.start().unwrap_or_default(), Command::Start)
        } else {
            match self.tape.peek() {
                Ahead::Item(item) => {
                    self.tape.next();
                    item.input
                }
                Ahead::Later | Ahead::Failed(_) => return,
                Ahead::End => Input::Command(self.market_time(), Command::Finish),
            }
        };
        self.process(&input, out);
    }

    /// Ends when there may be more than [`Due::Later`].
    pub(crate) fn more(&mut self) -> BoxFuture<'_, ()> {
        self.tape.more()
    }

    /// Takes in a command of a person's or program's, now.
    pub(crate) fn command(&mut self, command: Command, out: &mut Outcome) {
        let time = self.market_time();
        out.batch.commands.push(CommandRecord {
            input: self.engine.inputs() + 1,
            time,
            command: command.clone(),
        });
        self.process(&Input::Command(time, command), out);
    }

    /// An order as it stands, if it is open or has ended lately.
    pub(crate) fn order(&self, id: OrderId) -> Option<&Order> {
        self.engine.open_order(id).or_else(|| self.view.order(id))
    }

    fn starts_next(&self) -> bool {
        self.engine.state() == SessionState::Starting && self.engine.inputs() == self.tape.history()
    }

    pub(crate) fn market_time(&self) -> Timestamp {
        self.engine
            .market_time()
            .or_else(|| self.tape.start())
            .unwrap_or_default()
    }

    /// Writes what the shadows are worth into the marks of the last input.
    fn add_shadows(&mut self) {
        let BandCurve {
            optimistic: best,
            pessimistic: worst,
        } = &self.shadows;
        let marks = self.scratch.iter_mut().filter_map(|event| match &mut event.kind {
            EventKind::Mark {
                optimistic,
                pessimistic,
                ..
            } => Some((optimistic, pessimistic)),
            _ => None,
        });
        for ((optimistic, pessimistic), (best, worst)) in marks.zip(best.iter().zip(worst)) {
            (*optimistic, *pessimistic) = (Some(*best), Some(*worst));
        }
    }

    fn process(&mut self, input: &Input, out: &mut Outcome) {
        self.shadows.clear();
        self.band.process(&self.engine, input, &mut self.shadows);
        self.engine.process(input, &mut self.scratch);
        self.add_shadows();
        if self.scratch.is_empty() {
            return;
        }
        let changes = self.view.apply(&self.scratch, &self.engine);
        let batch = &mut out.batch;
        batch.orders.extend(changes.orders);
        batch.trades.extend(changes.trades);
        batch.fills.extend(changes.fills);
        batch.equity.extend(changes.equity);
        batch.alerts.extend(changes.alerts);
        let input = self.engine.inputs();
        for event in self.scratch.drain(..) {
            if event.kind.is_journaled() {
                batch.journal.push(JournalRecord {
                    input,
                    event: event.clone(),
                });
            }
            out.events.push(Arc::new(event));
        }
    }
}

/// What the host knows of a session beside the machine.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) id: SessionId,
    pub(crate) spec: Arc<SessionSpec>,
    pub(crate) created_at: Timestamp,
    pub(crate) recoveries: u32,
    pub(crate) speed: f64,
    /// Why the server ended it, if it did.
    pub(crate) fault: Option<String>,
}

impl Surroundings {
    /// Where the session stands: the engine's word, unless the server had to end it.
    pub(crate) fn state(&self, engine: &Engine) -> SessionState {
        if self.fault.is_some() {
            SessionState::Failed
        } else {
            engine.state()
        }
    }
}

impl Machine {
    pub(crate) fn summary(&self, around: &Surroundings) -> SessionSummary {
        let (engine, spec) = (&self.engine, &around.spec);
        let strategy = &engine.config().strategy;
        SessionSummary {
            id: around.id.clone(),
            name: spec.name.clone(),
            strategy: strategy.name.clone(),
            params: strategy.params.clone(),
            instrument: spec.instrument.clone(),
            timeframe: strategy.timeframe,
            feed: spec.feed.clone(),
            state: around.state(engine),
            state_reason: around
                .fault
                .clone()
                .unwrap_or_else(|| engine.state_reason().to_owned()),
            speed: around.speed,
            initial_capital: spec.initial_capital,
            cash: engine.cash(),
            equity: engine.equity(),
            total_return: engine.total_return(),
            max_drawdown: engine.max_drawdown(),
            peers: spec.peers.clone(),
            others: engine.config().others.clone(),
            position: engine.position(),
            other_positions: engine
                .positions()
                .into_iter()
                .filter(|position| position.symbol != *spec.instrument.symbol())
                .collect(),
            open_orders: engine.open_orders().count(),
            trades: engine.closed_trades(),
            warnings: self.warnings(),
            last_event: self.view.last_event.clone(),
            attention: self.view.attention.clone(),
            market_time: engine.market_time(),
            created_at: around.created_at,
            sparkline: self.view.sparkline(),
            seq: engine.seq(),
            execution: spec.execution.clone(),
            account: spec.account.clone(),
            backtest: spec.backtest.clone(),
            recoveries: around.recoveries,
        }
    }

    /// What the volume of its bars makes of its fills, nothing before there are bars; and what was not charged.
    fn warnings(&self) -> Vec<String> {
        let of_volume = self.view.carries_volumes().map(|carries| {
            papertape::backtest::volume_warnings(self.engine.config(), carries, self.engine.taken_volume())
        });
        let mut warnings = of_volume.unwrap_or_default();
        warnings.extend(papertape::backtest::funding_warning(&self.engine));
        warnings
    }

    pub(crate) fn detail(&self, around: &Surroundings) -> SessionDetail {
        let (bars, history_bars) = self.view.bars();
        SessionDetail {
            summary: self.summary(around),
            source: around.spec.source.clone(),
            bars,
            history_bars,
            equity: self.view.equity(),
            quote: self.view.quote,
            orders: self.view.orders(),
            fills: self.view.fills(),
            trades: self.view.trades(),
            alerts: self.view.alerts(),
            metrics: self.engine.metrics(),
            event_hash: self.engine.event_hash(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_machine_of_another_version_has_no_hash_to_compare_and_a_damaged_one_is_an_error() {
        let frozen = |engine: Vec<u8>| postcard::to_extend(&engine, vec![Frozen::FORMAT]).expect("bytes");
        let of_another = frozen(vec![Engine::SNAPSHOT_FORMAT - 1, 1, 2, 3]);
        assert!(matches!(event_hash_of(&of_another), Ok(None)));
        assert!(matches!(event_hash_of(&[Frozen::FORMAT - 1, 7]), Ok(None)));
        let damaged = frozen(vec![Engine::SNAPSHOT_FORMAT, 1, 2, 3]);
        assert!(event_hash_of(&damaged).is_err());
    }
}
