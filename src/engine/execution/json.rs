//! The ways in which requests spell an [`ExecutionConfig`], and the plain one in which snapshots hold it.

use super::spelling::{
    SpelledFees, SpelledFill, SpelledImpact, SpelledLatency, SpelledLiquidity, SpelledSlippage,
};
use super::{ExecutionConfig, Fees};
use crate::exchange::{FillRules, ImpactModel, LatencyModel, LiquidityCurve, SlippageModel};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a snapshot holds.
#[derive(Serialize, Deserialize)]
struct Plain {
    fees: Fees,
    #[serde(with = "crate::model::decimal::option")]
    liquidation_fee: Option<Decimal>,
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
                liquidation_fee,
                slippage,
                impact,
                liquidity,
                latency,
                fill,
            } = self.clone();
            let plain = Plain {
                fees,
                liquidation_fee,
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
            Spelled::deserialize(deserializer)?
                .read()
                .map_err(serde::de::Error::custom)
        } else {
            let Plain {
                fees,
                liquidation_fee,
                slippage,
                impact,
                liquidity,
                latency,
                fill,
            } = Plain::deserialize(deserializer)?;
            Ok(Self {
                fees,
                liquidation_fee,
                slippage,
                impact,
                liquidity,
                latency,
                fill,
            })
        }
    }
}

/// The ways in which requests may spell it. What is as usual is left out on the way back.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Spelled {
    #[serde(
        with = "crate::model::decimal::option",
        skip_serializing_if = "Option::is_none"
    )]
    maker_fee_rate: Option<Decimal>,
    #[serde(
        with = "crate::model::decimal::option",
        skip_serializing_if = "Option::is_none"
    )]
    taker_fee_rate: Option<Decimal>,
    #[serde(with = "crate::model::decimal::option", skip_serializing)]
    fee: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fees: Option<SpelledFees>,
    #[serde(
        with = "crate::model::decimal::option",
        skip_serializing_if = "Option::is_none"
    )]
    liquidation_fee: Option<Decimal>,
    #[serde(
        with = "crate::model::decimal::option",
        skip_serializing_if = "Option::is_none"
    )]
    slippage_bps: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slippage: Option<SpelledSlippage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    impact: Option<SpelledImpact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    liquidity: Option<SpelledLiquidity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<SpelledLatency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fill: Option<SpelledFill>,
    #[serde(rename = "mode", skip_serializing)]
    _mode: Option<Mode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Simulator,
}

impl Spelled {
    fn read(self) -> Result<ExecutionConfig, &'static str> {
        let mut config = ExecutionConfig::default();
        let rates = self.fee.or(self.maker_fee_rate).or(self.taker_fee_rate);
        match (self.fees, config.fees.rates()) {
            (Some(_), _) if rates.is_some() => {
                return Err("'fees' and fee rates exclude each other: send one of them");
            }
            (Some(SpelledFees(fees)), _) => config.fees = fees,
            (None, Some((maker, taker))) => {
                config.fees = Fees::Rates {
                    maker: self.maker_fee_rate.or(self.fee).unwrap_or(maker),
                    taker: self.taker_fee_rate.or(self.fee).unwrap_or(taker),
                };
            }
            (None, None) => {}
        }
        match (self.slippage, self.slippage_bps) {
            (Some(_), Some(_)) => {
                return Err("'slippage' and 'slippage_bps' exclude each other: send one of them");
            }
            (Some(SpelledSlippage(slippage)), None) => config.slippage = slippage,
            (None, Some(bps)) => config.slippage = SlippageModel::FixedBps { bps },
            (None, None) => {}
        }
        config.liquidation_fee = self.liquidation_fee;
        config.impact = self.impact.map_or(config.impact, |it| it.0);
        config.liquidity = self.liquidity.map_or(config.liquidity, |it| it.0);
        config.latency = self.latency_ms.map_or(config.latency, |it| it.0);
        config.fill = self.fill.map_or(config.fill, |it| it.0);
        Ok(config)
    }
}

impl From<&ExecutionConfig> for Spelled {
    fn from(config: &ExecutionConfig) -> Self {
        let usual = ExecutionConfig::default();
        let (maker_fee_rate, taker_fee_rate) = config.fees.rates().unzip();
        let slippage_bps = config.slippage.bps();
        Self {
            maker_fee_rate,
            taker_fee_rate,
            fees: maker_fee_rate.is_none().then(|| SpelledFees(config.fees.clone())),
            liquidation_fee: config.liquidation_fee,
            slippage_bps,
            slippage: slippage_bps
                .is_none()
                .then(|| SpelledSlippage(config.slippage.clone())),
            impact: (config.impact != usual.impact).then(|| SpelledImpact(config.impact.clone())),
            liquidity: (config.liquidity != usual.liquidity)
                .then(|| SpelledLiquidity(config.liquidity.clone())),
            latency_ms: (config.latency != usual.latency).then(|| SpelledLatency(config.latency.clone())),
            fill: (config.fill != usual.fill).then(|| SpelledFill(config.fill.clone())),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{LatencyPoint, LimitFill, PathRule, QueueModel};
    use crate::model::Timestamp;

    fn read(json: &str) -> Result<ExecutionConfig, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn the_old_spellings_mean_what_they_meant() {
        let plain = read(r#"{"maker_fee_rate": "0.002", "taker_fee_rate": 0.002, "slippage_bps": 3}"#);
        let short = read(r#"{"mode": "simulator", "fee": "0.002", "slippage": 3, "latency_ms": 0}"#);
        let rate = Decimal::new(2, 3);
        let meant = ExecutionConfig::percent(rate, rate, Decimal::from(3));
        assert_eq!(plain.expect("the plain form"), meant);
        assert_eq!(short.expect("the short form"), meant);
        assert_eq!(read("{}").expect("nothing said"), ExecutionConfig::default());
        let apart = read(r#"{"fee": 0.002, "maker_fee_rate": 0}"#).expect("one rate more exactly");
        assert_eq!(apart.fees.rates(), Some((Decimal::ZERO, rate)));
    }

    /// Every model in JSON, and what it means.
    fn spelled_out() -> Vec<(&'static str, ExecutionConfig)> {
        let usual = ExecutionConfig::default;
        let slippage = |slippage| ExecutionConfig { slippage, ..usual() };
        let latency = |latency| ExecutionConfig { latency, ..usual() };
        let fill = |fill| ExecutionConfig { fill, ..usual() };
        let rules = FillRules::default;
        let five = Decimal::from(5);
        vec![
            (
                r#"{"fees": "binance"}"#,
                ExecutionConfig {
                    fees: Fees::Preset("binance".parse().expect("a preset")),
                    ..usual()
                },
            ),
            (
                r#"{"fees": {"percent": {"tiers": [{"from": 0, "maker": -0.0001, "taker": "0.0004"}]}}}"#,
                ExecutionConfig {
                    fees: Fees::Schedule(crate::exchange::FeeSchedule::percent(
                        Decimal::new(-1, 4),
                        Decimal::new(4, 4),
                    )),
                    ..usual()
                },
            ),
            (
                r#"{"fees": "binance_futures", "liquidation_fee": "0.005"}"#,
                ExecutionConfig {
                    fees: Fees::Preset("binance_futures".parse().expect("a preset")),
                    liquidation_fee: Some(Decimal::new(5, 3)),
                    ..usual()
                },
            ),
            (
                r#"{"slippage": {"model": "half_spread", "bps": 5}}"#,
                slippage(SlippageModel::HalfSpread { bps: five }),
            ),
            (
                r#"{"slippage": "volume_share"}"#,
                slippage(SlippageModel::VolumeShare {
                    price_impact: 0.1,
                    volume_limit: 0.025,
                }),
            ),
            (
                r#"{"slippage": {"model": "volatility", "multiple": 0.5}}"#,
                slippage(SlippageModel::Volatility {
                    multiple: 0.5,
                    fallback_bps: five,
                }),
            ),
            (
                r#"{"impact": {"model": "square_root", "fallback_bps": "2.5"}}"#,
                ExecutionConfig {
                    impact: ImpactModel::SquareRoot {
                        coefficient: 1.0,
                        fallback_bps: Decimal::new(25, 1),
                    },
                    ..usual()
                },
            ),
            (
                r#"{"liquidity": {"model": "session", "open": 48600, "close": 72000, "edge": 1.8, "outside": 0.1}}"#,
                ExecutionConfig {
                    liquidity: LiquidityCurve::Session {
                        open: 48_600,
                        close: 72_000,
                        edge: 1.8,
                        outside: 0.1,
                    },
                    ..usual()
                },
            ),
            (
                r#"{"latency_ms": 20}"#,
                latency(LatencyModel::Fixed {
                    entry: 20_000_000,
                    response: 20_000_000,
                }),
            ),
            (
                r#"{"latency_ms": {"entry": 1.5, "response": 0.5, "jitter": 2}}"#,
                latency(LatencyModel::Jittered {
                    entry: 1_500_000,
                    response: 500_000,
                    jitter: 2_000_000,
                    seed: 0,
                }),
            ),
            (
                r#"{"latency_ms": {"series": [{"time": "1970-01-01T00:00:00Z", "entry": 1, "response": 2}]}}"#,
                latency(LatencyModel::Series {
                    points: vec![LatencyPoint {
                        time: Timestamp::EPOCH,
                        entry: 1_000_000,
                        response: 2_000_000,
                    }],
                }),
            ),
            (
                r#"{"fill": {"limit": "touch", "volume_share": 0.1, "path": "adverse", "queue": "front"}}"#,
                fill(FillRules {
                    limit: LimitFill::Touch,
                    volume_share: Some(Decimal::new(1, 1)),
                    path: PathRule::Adverse,
                    queue: QueueModel::Front,
                    ..rules()
                }),
            ),
            (
                r#"{"fill": {"limit": {"through_by_ticks": 2}, "queue": {"power": {"n": 2}}, "protection": "0.05", "stale_after_ms": 500}}"#,
                fill(FillRules {
                    limit: LimitFill::ThroughByTicks(2),
                    queue: QueueModel::Power { n: 2.0 },
                    protection: Some(Decimal::new(5, 2)),
                    stale_after_ms: Some(500),
                    ..rules()
                }),
            ),
        ]
    }

    #[test]
    fn every_model_can_be_spelled_and_comes_back_from_json_and_from_snapshots() {
        for (json, meant) in spelled_out() {
            assert_eq!(read(json).as_ref(), Ok(&meant), "{json}");
            assert_eq!(meant.problems(), [], "{json}");
            let again = serde_json::to_string(&meant).expect("JSON");
            assert_eq!(read(&again).as_ref(), Ok(&meant), "{again}");
            let bytes = postcard::to_stdvec(&meant).expect("bytes");
            assert_eq!(postcard::from_bytes(&bytes).as_ref(), Ok(&meant), "{json}");
        }
    }

    #[test]
    fn what_is_usual_goes_out_as_it_always_did() {
        let json = serde_json::to_string(&ExecutionConfig::default()).expect("JSON");
        assert_eq!(
            json,
            r#"{"maker_fee_rate":"0.001","taker_fee_rate":"0.001","slippage_bps":"1"}"#
        );
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_ones_the_nearest_first() {
        for (json, answer) in [
            (
                r#"{"mode": "sandbox"}"#,
                "unknown variant `sandbox`, expected `simulator`",
            ),
            (
                r#"{"fees": "krakken"}"#,
                "there is no fee preset 'krakken'; there are kraken, ",
            ),
            (r#"{"fees": 1}"#, "fees are the name of a preset or a schedule"),
            (
                r#"{"fees": "binance", "fee": 0.001}"#,
                "'fees' and fee rates exclude each other",
            ),
            (
                r#"{"slippage": "volume_share", "slippage_bps": 1}"#,
                "'slippage' and 'slippage_bps' exclude each other",
            ),
            (
                r#"{"slippage": {"model": "volume"}}"#,
                "there is no slippage model 'volume'; there are volume_share, ",
            ),
            (r#"{"slippage": {"bps": 1}}"#, "it needs a \"model\": fixed_bps, "),
            (r#"{"slippage": {"model": "fixed_bps"}}"#, "missing field `bps`"),
            (
                r#"{"slippage": {"model": "fixed_bps", "bps": 1, "bips": 2}}"#,
                "unknown field `bips`",
            ),
            (
                r#"{"impact": {"model": "sqrt"}}"#,
                "there is no impact model 'sqrt'; there are none, square_root",
            ),
            (
                r#"{"liquidity": "flatt"}"#,
                "there is no liquidity curve 'flatt'; there are flat, ",
            ),
            (r#"{"latency_ms": {"entri": 1}}"#, "unknown field `entri`"),
            (
                r#"{"latency_ms": {"entry": 1, "seed": 1}}"#,
                "a seed of latencies needs a jitter",
            ),
            (
                r#"{"fill": {"limits": "touch"}}"#,
                "there is no fill rule 'limits'; there are limit, ",
            ),
            (
                r#"{"fill": {"queue": "risk_aversion"}}"#,
                "there is no 'queue' rule 'risk_aversion'; there are risk_averse, ",
            ),
            (
                r#"{"fill": {"queue": {"powder": {"n": 1}}}}"#,
                "there is no 'queue' rule 'powder'; there are power, ",
            ),
        ] {
            let error = read(json).expect_err(json);
            assert!(error.starts_with(answer), "{json}: {error}");
        }
    }

    #[test]
    fn what_is_out_of_range_is_named_by_its_path() {
        for (json, path) in [
            (r#"{"taker_fee_rate": 2}"#, "taker_fee_rate"),
            (r#"{"maker_fee_rate": -0.1}"#, "maker_fee_rate"),
            (r#"{"fees": {"percent": {"tiers": []}}}"#, "fees"),
            (r#"{"liquidation_fee": 0.6}"#, "liquidation_fee"),
            (r#"{"slippage_bps": -1}"#, "slippage_bps"),
            (
                r#"{"slippage": {"model": "volume_share", "volume_limit": 2}}"#,
                "slippage",
            ),
            (
                r#"{"impact": {"model": "square_root", "coefficient": -1}}"#,
                "impact",
            ),
            (
                r#"{"liquidity": {"model": "session", "open": 1, "close": 1, "edge": 2, "outside": 1}}"#,
                "liquidity",
            ),
            (r#"{"latency_ms": -1}"#, "latency_ms"),
            (r#"{"latency_ms": 60001}"#, "latency_ms"),
            (r#"{"latency_ms": {"series": []}}"#, "latency_ms"),
            (r#"{"fill": {"volume_share": 0}}"#, "fill"),
            (r#"{"fill": {"queue": {"power": {"n": 0}}}}"#, "fill"),
        ] {
            let config = read(json).expect(json);
            let paths: Vec<_> = config.problems().iter().map(|problem| problem.path).collect();
            assert_eq!(paths, [path], "{json}");
        }
    }
}
