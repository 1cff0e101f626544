//! What a session or a backtest is made of, beside its inputs.

use super::ExecutionConfig;
use crate::alert::AlertRules;
use crate::model::{Instrument, Money, Timeframe};
use crate::strategy::Strategy;
use serde::{Deserialize, Serialize};

/// Everything the engine needs before its first input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EngineConfig {
    /// The compiled strategy with its parameters.
    pub strategy: Strategy,
    /// What it trades.
    pub instrument: Instrument,
    /// Timeframe of [`super::Input::Bar`] inputs; divides the strategy's.
    pub base_timeframe: Timeframe,
    /// Cash at the start, in the instrument's quote currency.
    pub initial_capital: Money,
    /// What trading costs.
    pub execution: ExecutionConfig,
    /// What is worth an alert.
    pub alerts: AlertRules,
}

impl EngineConfig {
    /// Periods a year by which daily returns are annualised: 365 for instruments that trade every day, which pairs do,
    /// and 252 for those with sessions.
    #[must_use]
    pub fn periods_per_year(&self) -> f64 {
        if self.instrument.symbol().as_str().contains('/') {
            365.0
        } else {
            252.0
        }
    }
}
