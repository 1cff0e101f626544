//! What a session is made of, beside its inputs.

use crate::tape::TapeSpec;
use papertape::alert::AlertRules;
use papertape::api::FeedInfo;
use papertape::engine::{EngineConfig, ExecutionConfig, OptionModel};
use papertape::model::{BacktestId, Instrument, Money, Timeframe};
use papertape::portfolio::AccountConfig;
use papertape::strategy::{Problem, Strategy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A session's specification: written once, at its start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionSpec {
    /// What it is called.
    pub name: String,
    /// The strategy's YAML.
    pub source: String,
    /// Parameters that differ from their defaults.
    pub overrides: BTreeMap<String, f64>,
    /// The timeframe of the rules, when it is not the strategy's own.
    pub timeframe: Option<Timeframe>,
    /// What it trades.
    pub instrument: Instrument,
    /// What it trades besides, on the same account.
    #[serde(default)]
    pub peers: Vec<Instrument>,
    /// What its rules only read.
    #[serde(default)]
    pub others: Vec<Instrument>,
    /// Timeframe of the bars that go into the engine.
    pub base_timeframe: Timeframe,
    /// Cash at the start.
    pub initial_capital: Money,
    /// What trading costs.
    pub execution: ExecutionConfig,
    /// How the account is covered, and what borrowing costs it.
    #[serde(default)]
    pub account: AccountConfig,
    /// How options on its shares are quoted; `None` where it trades none.
    #[serde(default)]
    pub options: Option<OptionModel>,
    /// What is worth an alert.
    pub alerts: AlertRules,
    /// Its market inputs.
    pub tape: TapeSpec,
    /// Its market data, for people.
    pub feed: FeedInfo,
    /// The backtest it follows.
    pub backtest: Option<BacktestId>,
}

impl SessionSpec {
    /// The engine's configuration.
    ///
    /// # Errors
    /// The strategy's problems, when this program can no longer compile it.
    pub fn engine_config(&self) -> Result<EngineConfig, Vec<Problem>> {
        Ok(EngineConfig {
            strategy: Strategy::compile(&self.source, &self.overrides, self.timeframe)?,
            instrument: self.instrument.clone(),
            peers: self.peers.clone(),
            others: self.others.clone(),
            account: self.account.clone(),
            option_model: self.options.clone(),
            base_timeframe: self.base_timeframe,
            initial_capital: self.initial_capital,
            execution: self.execution.clone(),
            alerts: self.alerts,
        })
    }
}
