//! What a session or a backtest is made of, beside its inputs.

use crate::alert::AlertRules;
use crate::model::{Instrument, Money, Timeframe};
use crate::strategy::Strategy;
use rust_decimal::Decimal;
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

/// What trading costs and how orders meet the market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExecutionConfig {
    /// Fee of fills that waited, as a share of their value (0.001 is 0.1 %).
    #[serde(with = "crate::model::decimal")]
    pub maker_fee_rate: Decimal,
    /// Fee of fills that went to the market, as a share of their value.
    #[serde(with = "crate::model::decimal")]
    pub taker_fee_rate: Decimal,
    /// By how much takers (market orders, stops, limits that arrive beyond the market) fill worse than the price they meet, in basis points of it.
    #[serde(with = "crate::model::decimal")]
    pub slippage_bps: Decimal,
}

impl Default for ExecutionConfig {
    /// The base tier of large crypto venues, 0.1 % either way, and one basis point of slippage.
    fn default() -> Self {
        let fee = Decimal::new(1, 3);
        Self {
            maker_fee_rate: fee,
            taker_fee_rate: fee,
            slippage_bps: Decimal::ONE,
        }
    }
}
