//! The strategy library.

use crate::model::{BacktestId, Symbol, Timeframe, Timestamp};
use crate::strategy::ParamSpec;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A strategy on the shelf.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StrategyCard {
    /// Its file's name without `.yaml`: the name in URLs and requests.
    pub slug: String,
    /// Its name for people; the slug when the file cannot be read.
    pub name: String,
    /// What it does.
    pub description: String,
    /// What it trades by default.
    pub symbols: Vec<Symbol>,
    /// The timeframe of its rules; `None` when the file cannot be read.
    pub timeframe: Option<Timeframe>,
    /// Its parameters.
    pub params: Vec<ParamInfo>,
    /// Its newest finished backtest.
    pub last_backtest: Option<BacktestSummary>,
    /// The id of a backtest under way.
    pub running_backtest: Option<BacktestId>,
    /// What is wrong with it, each `LINE:COLUMN: message`; empty when it can run.
    pub problems: Vec<String>,
}

/// A parameter of a strategy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParamInfo {
    /// Its name.
    pub name: String,
    /// Its value unless changed.
    pub default: f64,
    /// Smallest allowed value.
    pub min: Option<f64>,
    /// Largest allowed value.
    pub max: Option<f64>,
    /// Step of its slider.
    pub step: Option<f64>,
    /// What it means.
    pub description: String,
}

impl From<&ParamSpec> for ParamInfo {
    fn from(spec: &ParamSpec) -> Self {
        Self {
            name: spec.name.clone(),
            default: spec.default,
            min: spec.min,
            max: spec.max,
            step: spec.step,
            description: spec.description.clone(),
        }
    }
}

/// A strategy with its source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StrategyDetail {
    /// As on the shelf.
    pub card: StrategyCard,
    /// The YAML.
    pub source: String,
    /// The same with everything that it extends, so that it stands on its own; `None` when it extends nothing.
    #[serde(default)]
    pub whole: Option<String>,
    /// Names this very text: a change is made to the version that was read, or not at all.
    #[serde(default)]
    pub version: String,
    /// What is likely a mistake, though it runs, each `LINE:COLUMN: message`.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Whether it came with Papertape: it is never written over, a changed one gets a name of its own.
    #[serde(default)]
    pub builtin: bool,
    /// What it can be backtested on.
    pub datasets: Vec<DatasetInfo>,
    /// Its finished backtests, newest first, at most 20.
    pub backtests: Vec<BacktestSummary>,
}

/// A text of a strategy before its present one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyVersion {
    /// Names the text.
    pub version: String,
    /// Wall-clock time at which another took its place.
    pub replaced_at: Timestamp,
    /// Lines of the present text that it lacks.
    pub added: u64,
    /// Its lines that the present text lacks.
    pub removed: u64,
}

/// An earlier text whole, and what changed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionDetail {
    /// Names the text.
    pub version: String,
    /// Wall-clock time at which another took its place.
    pub replaced_at: Timestamp,
    /// The YAML.
    pub source: String,
    /// From it to the present text: the lines that changed, with a few around them.
    pub changes: Vec<ChangedLine>,
}

/// A line of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedLine {
    /// What became of it.
    pub kind: LineKind,
    /// Its text.
    pub text: String,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// It is in both texts.
    Same,
    /// Only in the later one.
    Added,
    /// Only in the earlier one.
    Removed,
    /// Stands for lines that are in both: its text says how many.
    LeftOut,
}

/// Bars that a backtest or a replay can run on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetInfo {
    /// `simulated`, or `SYMBOL@TIMEFRAME` of imported bars, such as `BTC/USDT@1m`.
    pub id: String,
    /// For people.
    pub label: String,
    /// The instrument.
    pub symbol: Symbol,
    /// Length of the bars.
    pub timeframe: Timeframe,
    /// How many.
    pub bars: u64,
    /// Open time of the first.
    pub from: Timestamp,
    /// Close time of the last.
    pub to: Timestamp,
    /// Whether the simulated market made it.
    pub simulated: bool,
}

/// A finished backtest in a few numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BacktestSummary {
    /// Its id.
    pub id: BacktestId,
    /// Wall-clock time at which it finished.
    pub finished_at: Timestamp,
    /// The bars it ran on: a dataset's id.
    pub dataset: String,
    /// The bars for people: "Simulated market, 90 days".
    pub dataset_label: String,
    /// The parameters it ran with, all of them.
    #[serde(default)]
    pub params: BTreeMap<String, f64>,
    /// Equity, thinned to a few dozen points.
    pub sparkline: Vec<f64>,
    /// Final equity over initial capital, less one.
    pub total_return: f64,
    /// Largest fall from a peak.
    pub max_drawdown: f64,
    /// Annualised Sharpe ratio.
    pub sharpe: Option<f64>,
    /// Share of trades with a profit.
    pub win_rate: Option<f64>,
    /// Closed trades.
    pub trades: u64,
}
