//! The ways in which requests spell an [`ExecutionConfig`], and the plain one in which snapshots hold it.

use super::{ExecutionConfig, Fees};
use crate::exchange::{FillRules, ImpactModel, LatencyModel, LiquidityCurve, SlippageModel};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a snapshot holds.
#[derive(Serialize, Deserialize)]
struct Plain {
    fees: Fees,
    slippage: SlippageModel,
    impact: ImpactModel,
    liquidity: LiquidityCurve,
    latency: LatencyModel,
    fill: FillRules,
}

impl Serialize for ExecutionConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            Spelled::from(self).serialize(serializer)
        } else {
            let Self {
                fees,
                slippage,
                impact,
                liquidity,
                latency,
                fill,
            } = self.clone();
            let plain = Plain {
                fees,
                slippage,
                impact,
                liquidity,
                latency,
                fill,
            };
            plain.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for ExecutionConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            Ok(Spelled::deserialize(deserializer)?.read())
        } else {
            let Plain {
                fees,
                slippage,
                impact,
                liquidity,
                latency,
                fill,
            } = Plain::deserialize(deserializer)?;
            Ok(Self {
                fees,
                slippage,
                impact,
                liquidity,
                latency,
                fill,
            })
        }
    }
}

/// The ways in which requests may spell it.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Spelled {
    #[serde(with = "crate::model::decimal::option")]
    maker_fee_rate: Option<Decimal>,
    #[serde(with = "crate::model::decimal::option")]
    taker_fee_rate: Option<Decimal>,
    #[serde(with = "crate::model::decimal::option", skip_serializing)]
    fee: Option<Decimal>,
    #[serde(with = "crate::model::decimal::option", alias = "slippage")]
    slippage_bps: Option<Decimal>,
    #[serde(rename = "mode", skip_serializing)]
    _mode: Option<Mode>,
    #[serde(deserialize_with = "no_latency", rename = "latency_ms", skip_serializing)]
    _latency: (),
}

impl Spelled {
    fn read(self) -> ExecutionConfig {
        let mut config = ExecutionConfig::default();
        let Fees::Rates { maker, taker } = &mut config.fees;
        *maker = self.maker_fee_rate.or(self.fee).unwrap_or(*maker);
        *taker = self.taker_fee_rate.or(self.fee).unwrap_or(*taker);
        if let Some(bps) = self.slippage_bps {
            config.slippage = SlippageModel::FixedBps { bps };
        }
        config
    }
}

impl From<&ExecutionConfig> for Spelled {
    fn from(config: &ExecutionConfig) -> Self {
        let Fees::Rates { maker, taker } = config.fees;
        let slippage_bps = match config.slippage {
            SlippageModel::FixedBps { bps } => Some(bps),
            _ => None,
        };
        Self {
            maker_fee_rate: Some(maker),
            taker_fee_rate: Some(taker),
            slippage_bps,
            ..Self::default()
        }
    }
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
        let config = ExecutionConfig::percent(Decimal::new(15, 5), Decimal::new(1, 3), Decimal::ONE);
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
