//! What a session or a backtest is made of, beside its inputs.

use super::{ExecutionConfig, OptionModel};
use crate::alert::AlertRules;
use crate::market::Calendar;
use crate::model::{Instrument, Money, Timeframe};
use crate::portfolio::AccountConfig;
use crate::strategy::Strategy;
use serde::{Deserialize, Serialize};

/// Everything the engine needs before its first input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EngineConfig {
    /// The compiled strategy with its parameters.
    pub strategy: Strategy,
    /// What it trades.
    pub instrument: Instrument,
    /// What else the account may hold and orders may name: the legs of a combination, the next contract, a hedge.
    pub others: Vec<Instrument>,
    /// Timeframe of [`super::Input::Bar`] inputs; divides the strategy's.
    pub base_timeframe: Timeframe,
    /// Cash at the start, in the instrument's quote currency.
    pub initial_capital: Money,
    /// What trading costs.
    pub execution: ExecutionConfig,
    /// What the account may borrow, and how positions are covered.
    pub account: AccountConfig,
    /// How options without quotes are quoted; `None` leaves them without a price.
    pub option_model: Option<OptionModel>,
    /// What is worth an alert.
    pub alerts: AlertRules,
}

impl EngineConfig {
    /// All instruments, in the order of their ids.
    pub fn instruments(&self) -> impl Iterator<Item = &Instrument> {
        std::iter::once(&self.instrument).chain(&self.others)
    }

    /// Periods a year by which daily returns are annualised: 365 for instruments that trade every day, and 252 for those
    /// with sessions.
    #[must_use]
    pub fn periods_per_year(&self) -> f64 {
        Calendar::of(self.instrument.calendar()).periods_per_year()
    }
}
