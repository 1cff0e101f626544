//! What a session or a backtest is made of, beside its inputs.

use super::{ExecutionConfig, OptionModel};
use crate::alert::AlertRules;
use crate::market::Calendar;
use crate::model::{Instrument, InstrumentId, Money, Symbol, Timeframe};
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
    /// What it trades besides, by the same rules and with the same money.
    pub peers: Vec<Instrument>,
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
        self.traded().chain(&self.others)
    }

    /// Those that the strategy's rules run on, in the order of their ids, which is the order in which they come first.
    pub fn traded(&self) -> impl Iterator<Item = &Instrument> {
        std::iter::once(&self.instrument).chain(&self.peers)
    }

    /// The place of the instrument with this symbol.
    #[must_use]
    pub fn place_of(&self, symbol: &Symbol) -> Option<InstrumentId> {
        let index = self
            .instruments()
            .position(|instrument| instrument.symbol() == symbol)?;
        Some(InstrumentId(u16::try_from(index).ok()?))
    }

    /// The instrument at a place in [`EngineConfig::instruments`].
    pub(super) fn instrument_mut(&mut self, at: InstrumentId) -> Option<&mut Instrument> {
        let mut instruments = std::iter::once(&mut self.instrument)
            .chain(&mut self.peers)
            .chain(&mut self.others);
        instruments.nth(at.index())
    }

    /// Periods a year by which daily returns are annualised: 365 for instruments that trade every day, and 252 for those
    /// with sessions.
    #[must_use]
    pub fn periods_per_year(&self) -> f64 {
        Calendar::of(self.instrument.calendar()).periods_per_year()
    }
}
