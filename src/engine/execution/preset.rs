//! Three views of the same execution: how good it might be, how good it is expected to be, how bad it might be.

use super::ExecutionConfig;
use crate::exchange::{FillRules, ImpactModel, LatencyModel, LimitFill, PathRule, QueueModel, SlippageModel};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How kindly the market is taken to fill us. Run side by side, the three make a band around an equity curve.
///
/// Fees, protection and staleness are facts and stay as they are. What varies:
///
/// | | optimistic | expected | pessimistic |
/// |---|---|---|---|
/// | limit is met | when touched | as configured | one tick later than configured |
/// | queue | at its front | as configured | only trades bring it forward |
/// | path inside a bar | usual | as configured | adverse |
/// | slippage | half | as configured | double |
/// | impact | none | as configured | double; where there is none, the square-root law |
/// | latency | none | as configured | double |
/// | share of the volume | all | as configured | half; where all, a tenth |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FillPreset {
    /// How bad it might be.
    Pessimistic,
    /// The configuration itself.
    #[default]
    Expected,
    /// How good it might be.
    Optimistic,
}

impl FillPreset {
    /// All three, the worst first.
    pub const ALL: [Self; 3] = [Self::Pessimistic, Self::Expected, Self::Optimistic];

    /// The configuration seen this way.
    #[must_use]
    pub fn apply(self, config: &ExecutionConfig) -> ExecutionConfig {
        match self {
            Self::Expected => config.clone(),
            Self::Optimistic => ExecutionConfig {
                slippage: scaled(&config.slippage, Scale::Half),
                impact: ImpactModel::None,
                latency: LatencyModel::default(),
                fill: FillRules {
                    limit: LimitFill::Touch,
                    queue: QueueModel::Front,
                    path: PathRule::Usual,
                    volume_share: None,
                    ..config.fill.clone()
                },
                ..config.clone()
            },
            Self::Pessimistic => ExecutionConfig {
                slippage: scaled(&config.slippage, Scale::Double),
                impact: more_impact(&config.impact),
                latency: config.latency.doubled(),
                fill: FillRules {
                    limit: LimitFill::ThroughByTicks(config.fill.limit.ticks_beyond().saturating_add(1)),
                    queue: QueueModel::RiskAverse,
                    path: PathRule::Adverse,
                    volume_share: Some(match config.fill.volume_share {
                        Some(share) => share / Decimal::TWO,
                        None => Decimal::new(1, 1),
                    }),
                    ..config.fill.clone()
                },
                ..config.clone()
            },
        }
    }
}

impl fmt::Display for FillPreset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pessimistic => "pessimistic",
            Self::Expected => "expected",
            Self::Optimistic => "optimistic",
        })
    }
}

#[derive(Clone, Copy)]
enum Scale {
    Half,
    Double,
}

impl Scale {
    fn decimal(self, value: Decimal) -> Decimal {
        match self {
            Self::Half => value / Decimal::TWO,
            Self::Double => value * Decimal::TWO,
        }
    }

    fn float(self, value: f64) -> f64 {
        match self {
            Self::Half => value / 2.0,
            Self::Double => value * 2.0,
        }
    }
}

fn scaled(model: &SlippageModel, scale: Scale) -> SlippageModel {
    match model {
        SlippageModel::FixedBps { bps } => SlippageModel::FixedBps {
            bps: scale.decimal(*bps),
        },
        SlippageModel::HalfSpread { bps } => SlippageModel::HalfSpread {
            bps: scale.decimal(*bps),
        },
        SlippageModel::VolumeShare {
            price_impact,
            volume_limit,
        } => SlippageModel::VolumeShare {
            price_impact: scale.float(*price_impact),
            volume_limit: *volume_limit,
        },
        SlippageModel::Volatility {
            multiple,
            fallback_bps,
        } => SlippageModel::Volatility {
            multiple: scale.float(*multiple),
            fallback_bps: scale.decimal(*fallback_bps),
        },
    }
}

fn more_impact(model: &ImpactModel) -> ImpactModel {
    match model {
        // While volume and volatility are not known there is nothing to go by.
        ImpactModel::None => ImpactModel::SquareRoot {
            coefficient: 1.0,
            fallback_bps: Decimal::ZERO,
        },
        ImpactModel::SquareRoot {
            coefficient,
            fallback_bps,
        } => ImpactModel::SquareRoot {
            coefficient: Scale::Double.float(*coefficient),
            fallback_bps: Scale::Double.decimal(*fallback_bps),
        },
    }
}
