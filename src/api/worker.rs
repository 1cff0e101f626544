//! What a page and the engine inside the browser say to each other, as JSON.
//!
//! The page numbers what it asks. The engine answers one after the other; a page that has asked anew forgets answers to
//! older numbers. Bars are known by the address from which they were loaded.

use super::{BacktestRequest, DatasetInfo, EquityPoint, ParamInfo, ProblemDetails, TradeReport};
use crate::analytics::Metrics;
use crate::market::{Bar, Bars, DatedAction, PackedBarsError, pack_bars, unpack_bars};
use crate::model::{Instrument, Symbol, Timeframe};
use crate::strategy::Problem;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The code of the answer that a strategy can run on the server only.
pub const NEEDS_SERVER: &str = "needs_server";

/// From the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerRequest {
    /// The number of its answer.
    pub number: u64,
    /// What is wanted.
    pub ask: WorkerAsk,
}

/// What a page can ask of the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerAsk {
    /// Fetch bars and keep them: [`WorkerAnswer::Loaded`].
    Load {
        /// Where they are: `/api/paper-trading/markets/…/bars?format=packed`.
        bars: String,
    },
    /// Run a backtest: [`WorkerAnswer::Ran`].
    Run {
        /// The bars, which have been loaded.
        bars: String,
        /// What to run; its strategy is YAML, and its dataset says nothing here.
        request: Box<BacktestRequest>,
        /// Most points of curves, candles and round trips in the answer.
        points: usize,
    },
    /// Judge a strategy: [`WorkerAnswer::Checked`].
    Check {
        /// The file.
        yaml: String,
    },
}

/// From the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerReply {
    /// The number of the request.
    pub number: u64,
    /// What came of it.
    pub answer: WorkerAnswer,
}

/// What the engine answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerAnswer {
    /// The bars are there.
    Loaded(Box<BarsHeader>),
    /// The run is over.
    Ran(Box<BacktestPreview>),
    /// The strategy was looked at.
    Checked(Box<CheckedStrategy>),
    /// It could not be done.
    Failed(ProblemDetails),
}

/// Of what bars are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BarsHeader {
    /// The dataset.
    pub dataset: DatasetInfo,
    /// Its instrument.
    pub instrument: Instrument,
}

impl BarsHeader {
    /// Header, bars and actions in one body: the header and the actions as JSON, each after four bytes that say how long it
    /// is (little-endian), and the bars as [`pack_bars`] writes them.
    #[must_use]
    pub fn pack(&self, bars: &Bars, actions: &[DatedAction]) -> Vec<u8> {
        let header = serde_json::to_vec(self).unwrap_or_default();
        let actions = serde_json::to_vec(actions).unwrap_or_default();
        let length = |part: &[u8]| u32::try_from(part.len()).unwrap_or_default().to_le_bytes();
        [
            &length(&header),
            &header[..],
            &length(&actions),
            &actions[..],
            &pack_bars(bars, self.dataset.timeframe),
        ]
        .concat()
    }

    /// Reads what [`BarsHeader::pack`] has written.
    ///
    /// # Errors
    /// [`PackedBarsError`].
    pub fn unpack(body: &[u8]) -> Result<(Self, Bars, Vec<DatedAction>), PackedBarsError> {
        let (header, rest) = part(body)?;
        let (actions, packed) = part(rest)?;
        let header: Self = serde_json::from_slice(header).map_err(|_| PackedBarsError::Other)?;
        let actions = serde_json::from_slice(actions).map_err(|_| PackedBarsError::Other)?;
        let (bars, timeframe) = unpack_bars(packed)?;
        if timeframe == header.dataset.timeframe {
            Ok((header, bars, actions))
        } else {
            Err(PackedBarsError::Impossible)
        }
    }
}

/// A part of a body, after four bytes that say how long it is, and what follows it.
fn part(body: &[u8]) -> Result<(&[u8], &[u8]), PackedBarsError> {
    let (length, rest) = body.split_first_chunk().ok_or(PackedBarsError::Short)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| PackedBarsError::Short)?;
    rest.split_at_checked(length).ok_or(PackedBarsError::Short)
}

/// What came of a backtest, as much as a page draws.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BacktestPreview {
    /// On what.
    pub symbol: Symbol,
    /// The timeframe of the rules.
    pub timeframe: Timeframe,
    /// Bars that went in.
    pub bars_run: u64,
    /// Cash at the start.
    #[serde(with = "crate::model::decimal")]
    pub initial_capital: Decimal,
    /// Equity at the last close.
    #[serde(with = "crate::model::decimal")]
    pub final_equity: Decimal,
    /// How good it was.
    pub metrics: Metrics,
    /// What makes the result less than it seems.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Head of the event hash chain, hexadecimal.
    pub event_hash: String,
    /// Equity, thinned.
    pub equity: Vec<EquityPoint>,
    /// Bars of the strategy's timeframe, merged.
    pub bars: Vec<Bar>,
    /// Round trips to draw: of each span of time the one that brought or lost the most. The metrics count all.
    pub trades: Vec<TradeReport>,
}

/// What there is to say of a strategy without running it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckedStrategy {
    /// What is wrong with it; empty when it can run.
    pub problems: Vec<Problem>,
    /// Its name, where the file's form can be read.
    pub name: Option<String>,
    /// What it trades by default.
    pub symbols: Vec<Symbol>,
    /// The timeframe of its rules.
    pub timeframe: Option<Timeframe>,
    /// Its parameters.
    pub params: Vec<ParamInfo>,
    /// Bars of its timeframe before its rules know everything; where it can run.
    pub warm_up: Option<u64>,
}
