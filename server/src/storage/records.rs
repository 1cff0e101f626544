//! What goes into storage and comes out of it.

use super::StorageError;
use crate::host::SessionSpec;
use papertape::alert::Alert;
use papertape::api::{BacktestStatus, BacktestSummary, DataIncident, EquityPoint, SessionSummary};
use papertape::engine::{Command, Event, SessionState};
use papertape::exchange::Fill;
use papertape::market::{Bars, DatedAction};
use papertape::model::{Instrument, OrderId, SessionId, Symbol, Timeframe, Timestamp, TradeId};
use papertape::order::Order;
use papertape::portfolio::Trade;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// One version of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DatasetId(pub i64);

/// One thing to make durable, whole or not at all.
#[derive(Debug)]
pub enum Write {
    /// A new session with its first records.
    Create(Box<SessionRecord>, Arc<SessionBatch>),
    /// What happened in a session since its last write.
    Append(Arc<SessionBatch>),
    /// A session goes on after a start of the server.
    Resumed {
        /// Which.
        id: SessionId,
        /// Whether the server had ended without letting go of it.
        recovered: bool,
    },
    /// A session and all its records are removed.
    Delete(SessionId),
    /// A backtest ended.
    Backtest(Box<BacktestRecord>),
    /// The option chain of an underlying, in the place of an older one.
    Chain {
        /// The underlying.
        symbol: Symbol,
        /// The chain as it was imported.
        csv: String,
        /// When.
        imported_at: Timestamp,
    },
    /// A setting of the installation, unless it is set already.
    Setting(&'static str, String),
    /// Something was not as it should be with a feed's data, or stands otherwise now.
    Incident(Box<IncidentRecord>),
    /// A feed is heard again after a start of the server: what earlier runs left open has ended.
    IncidentsEnded {
        /// Which feed.
        feed: String,
        /// Which symbol.
        symbol: Symbol,
        /// When the run began.
        run: Timestamp,
    },
    /// The data-quality record has what the tape of a feed's symbol has, up to a number.
    IncidentsRead {
        /// Which feed.
        feed: String,
        /// Which symbol.
        symbol: Symbol,
        /// Up to which number.
        number: u64,
    },
    /// Bars of a feed have been asked for of its venue, within these spans that lie apart, and no others.
    HistoryAsked {
        /// Which feed.
        feed: String,
        /// Which symbol.
        symbol: Symbol,
        /// Bars of which length.
        timeframe: Timeframe,
        /// The spans, each from one time to before another, in order.
        spans: Vec<(Timestamp, Timestamp)>,
    },
}

/// An entry of the data-quality record, on a tape as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentRecord {
    /// When the run of the feed began that noted it.
    pub run: Timestamp,
    /// Its number in that run.
    pub number: u64,
    /// What happened.
    pub incident: DataIncident,
}

/// What happened in a session since its last write.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionBatch {
    /// The session.
    pub session: SessionId,
    /// Commands taken in.
    pub commands: Vec<CommandRecord>,
    /// Journal events.
    pub journal: Vec<JournalRecord>,
    /// Orders as they stand now.
    pub orders: BTreeMap<OrderId, Order>,
    /// New fills.
    pub fills: Vec<Fill>,
    /// Trades as they stand now.
    pub trades: BTreeMap<TradeId, Trade>,
    /// New points of the equity curve.
    pub equity: Vec<EquityPoint>,
    /// New alerts.
    pub alerts: Vec<Alert>,
    /// Where the session stands.
    pub progress: Option<Progress>,
    /// The session's whole state.
    pub snapshot: Option<SnapshotRecord>,
}

impl SessionBatch {
    /// A batch without content.
    #[must_use]
    pub const fn new(session: SessionId) -> Self {
        Self {
            session,
            commands: Vec::new(),
            journal: Vec::new(),
            orders: BTreeMap::new(),
            fills: Vec::new(),
            trades: BTreeMap::new(),
            equity: Vec::new(),
            alerts: Vec::new(),
            progress: None,
            snapshot: None,
        }
    }

    /// Whether somebody waits for it: it holds a command or a journal event.
    #[must_use]
    pub const fn is_urgent(&self) -> bool {
        !self.commands.is_empty() || !self.journal.is_empty()
    }
}

/// Where a session stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Inputs taken in.
    pub inputs: u64,
    /// Its state.
    pub state: SessionState,
    /// Why the server ended it, if it did.
    pub fault: Option<String>,
    /// Market seconds per second.
    pub speed: f64,
    /// Whether the server lets go of it in good order.
    pub at_rest: bool,
    /// What lists show of it.
    pub summary: SessionSummary,
}

/// A session.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// Wall-clock time at which it was made.
    pub created_at: Timestamp,
    /// What it is made of.
    pub spec: SessionSpec,
    /// How often it was brought back after a crash.
    pub recoveries: u32,
    /// Where it stood when that was last written.
    pub progress: Progress,
}

/// A session of which the record cannot be read.
#[derive(Debug)]
pub struct UnreadableSession {
    /// Its id, as it is written.
    pub id: String,
    /// What lists showed of it, if at least that can be read.
    pub summary: Option<SessionSummary>,
    /// What is wrong with its record.
    pub because: StorageError,
}

/// A command with the number of the input that it was.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandRecord {
    /// Its number among the session's inputs, counted from 1.
    pub input: u64,
    /// Market time.
    pub time: Timestamp,
    /// The command.
    pub command: Command,
}

/// A journal event with the number of the input that caused it.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalRecord {
    /// The input's number, counted from 1.
    pub input: u64,
    /// The event.
    pub event: Event,
}

/// A journal event as it was written, to compare with what a run of the same inputs gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalLine {
    /// The event's number.
    pub seq: u64,
    /// The number of the input that caused it.
    pub input: u64,
    /// The event as JSON.
    pub event: String,
}

/// What a session has recorded after a certain input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// Commands, in order.
    pub commands: Vec<CommandRecord>,
    /// The journal, in order.
    pub journal: Vec<JournalLine>,
    /// The last input that the session is known to have taken in.
    pub inputs: u64,
}

/// A session's whole state after an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRecord {
    /// The input's number.
    pub input: u64,
    /// The state.
    pub state: Vec<u8>,
}

/// Which records of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Not before.
    pub from: Option<Timestamp>,
    /// Not after.
    pub to: Option<Timestamp>,
    /// `buy` or `sell` of orders and fills, `long` or `short` of trades.
    pub side: Option<String>,
    /// Only records after this key (a number, or a time for equity).
    pub after: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// Imported bars.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDataset {
    /// The live feed that gave them; empty for what somebody imported.
    pub feed: String,
    /// What they are of.
    pub instrument: Instrument,
    /// Their length.
    pub timeframe: Timeframe,
    /// The bars.
    pub bars: Bars,
    /// What happened beside the trading, in order of time.
    pub actions: Vec<DatedAction>,
    /// Spans without bars.
    pub gaps: u64,
    /// Bars missing in them.
    pub missing_bars: u64,
    /// Wall-clock time.
    pub imported_at: Timestamp,
}

/// One version of a dataset, without its bars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetRecord {
    /// Which version.
    pub id: DatasetId,
    /// The live feed that gave them; empty for what somebody imported.
    pub feed: String,
    /// What the bars are of.
    pub instrument: Instrument,
    /// Their length.
    pub timeframe: Timeframe,
    /// How many.
    pub bars: u64,
    /// Open time of the first.
    pub first_open: Timestamp,
    /// Open time of the last.
    pub last_open: Timestamp,
    /// Spans without bars.
    pub gaps: u64,
    /// Bars missing in them.
    pub missing_bars: u64,
}

/// A backtest that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct BacktestRecord {
    /// Wall-clock time at which it was asked for.
    pub created_at: Timestamp,
    /// Wall-clock time at which it ended.
    pub finished_at: Timestamp,
    /// All that its page shows.
    pub status: BacktestStatus,
    /// Its line in lists, if it finished.
    pub summary: Option<BacktestSummary>,
}
