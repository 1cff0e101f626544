//! What a session or a backtest is made of, beside its inputs.

use crate::alert::AlertRules;
use crate::model::{Instrument, Money, Timeframe};
use crate::strategy::Strategy;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize};

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
///
/// In JSON, `fee` sets both rates and `slippage` is another word for `slippage_bps`; `mode` may say `simulator`, which is
/// what there is, and `latency_ms` 0, since latency is not simulated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

impl<'de> Deserialize<'de> for ExecutionConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let spelled = Spelled::deserialize(deserializer)?;
            let default = Self::default();
            Ok(Self {
                maker_fee_rate: spelled
                    .maker_fee_rate
                    .or(spelled.fee)
                    .unwrap_or(default.maker_fee_rate),
                taker_fee_rate: spelled
                    .taker_fee_rate
                    .or(spelled.fee)
                    .unwrap_or(default.taker_fee_rate),
                slippage_bps: spelled.slippage_bps.unwrap_or(default.slippage_bps),
            })
        } else {
            // Snapshots hold the fields in their order, without names.
            let (Exact(maker_fee_rate), Exact(taker_fee_rate), Exact(slippage_bps)) =
                Deserialize::deserialize(deserializer)?;
            Ok(Self {
                maker_fee_rate,
                taker_fee_rate,
                slippage_bps,
            })
        }
    }
}

#[derive(Deserialize)]
struct Exact(#[serde(with = "crate::model::decimal")] Decimal);

/// The ways in which requests may spell it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Spelled {
    #[serde(with = "crate::model::decimal::option")]
    maker_fee_rate: Option<Decimal>,
    #[serde(with = "crate::model::decimal::option")]
    taker_fee_rate: Option<Decimal>,
    #[serde(with = "crate::model::decimal::option")]
    fee: Option<Decimal>,
    #[serde(with = "crate::model::decimal::option", alias = "slippage")]
    slippage_bps: Option<Decimal>,
    #[serde(rename = "mode")]
    _mode: Option<Mode>,
    #[serde(deserialize_with = "no_latency", rename = "latency_ms")]
    _latency: (),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Simulator,
}

fn no_latency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    match Option::<f64>::deserialize(deserializer)? {
        Some(milliseconds) if milliseconds != 0.0 => Err(serde::de::Error::custom(
            "latency is not simulated: leave it out, or send 0",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_costs_is_understood_and_what_is_not_simulated_is_refused() {
        let read = |json: &str| serde_json::from_str::<ExecutionConfig>(json);
        let plain = read(r#"{"maker_fee_rate": "0.002", "taker_fee_rate": 0.002, "slippage_bps": 3}"#);
        let short = read(r#"{"mode": "simulator", "fee": "0.002", "slippage": 3, "latency_ms": 0}"#);
        assert_eq!(plain.expect("the plain form"), short.expect("the short form"));
        assert_eq!(read("{}").expect("nothing said"), ExecutionConfig::default());
        for wrong in [
            r#"{"mode": "sandbox"}"#,
            r#"{"latency_ms": 20}"#,
            r#"{"fees": 1}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn json_and_snapshots_give_back_what_went_in() {
        let config = ExecutionConfig {
            maker_fee_rate: Decimal::new(15, 5),
            ..ExecutionConfig::default()
        };
        let json = serde_json::to_string(&config).expect("JSON");
        assert_eq!(
            serde_json::from_str::<ExecutionConfig>(&json).expect("reads back"),
            config
        );
        let bytes = postcard::to_stdvec(&config).expect("bytes");
        assert_eq!(
            postcard::from_bytes::<ExecutionConfig>(&bytes).expect("reads back"),
            config
        );
    }
}
