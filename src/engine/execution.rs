//! What trading costs and how orders meet the market, as a session is told.

mod json;
mod preset;
mod spelling;

pub use preset::FillPreset;

use crate::exchange::{
    FeePresetName, FeeSchedule, FillRules, ImpactModel, LatencyModel, LiquidityCurve, SlippageModel,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What trading costs and how orders meet the market.
///
/// In JSON, everything may be left out:
///
/// | name | says |
/// |---|---|
/// | `fee`, or `maker_fee_rate` and `taker_fee_rate` | shares of a fill's value |
/// | `fees`, instead of them | the name of a [preset](crate::exchange::FeePreset), or a [schedule](FeeSchedule) |
/// | `liquidation_fee` | share of the value of what is liquidated, 0 to 0.5 |
/// | `slippage_bps`, or `slippage` as a number | basis points of the price |
/// | `slippage`, `impact`, `liquidity` | `{"model": NAME, …}` of [`SlippageModel`], [`ImpactModel`], [`LiquidityCurve`] |
/// | `latency_ms` | milliseconds each way; or `{"entry", "response", "jitter", "seed"}`; or `{"series": [{"time", "entry", "response"}]}` |
/// | `fill` | [`FillRules`] |
/// | `mode` | `simulator`, which is what there is |
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecutionConfig {
    /// What venue, broker and regulator charge.
    pub fees: Fees,
    /// Share of the value of a liquidated perpetual, currency or future that the venue's insurance fund takes, beside the fee;
    /// `None` is that of the preset, if it has one.
    pub liquidation_fee: Option<Decimal>,
    /// By how much takers (market orders, stops, limits that arrive beyond the market) fill worse than the price they
    /// meet.
    pub slippage: SlippageModel,
    /// By how much our own orders move that price.
    pub impact: ImpactModel,
    /// How deep the market is at which time of the day.
    pub liquidity: LiquidityCurve,
    /// How long orders and answers are on their way.
    pub latency: LatencyModel,
    /// When orders are met, and how much of the market is theirs.
    pub fill: FillRules,
}

impl ExecutionConfig {
    /// The plain costs of most backtests: fee rates as shares of a fill's value (0.001 is 0.1 %), and a slippage in basis
    /// points of the price.
    #[must_use]
    pub fn percent(maker: Decimal, taker: Decimal, slippage_bps: Decimal) -> Self {
        Self {
            fees: Fees::Rates { maker, taker },
            slippage: SlippageModel::FixedBps { bps: slippage_bps },
            ..Self::default()
        }
    }

    /// What is out of range, each thing by its path in JSON: rates are shares from 0 to 0.5, slippages at most half the
    /// price.
    #[must_use]
    pub fn problems(&self) -> Vec<ExecutionProblem> {
        let mut problems = Vec::new();
        let mut check = |fine: bool, path, message| {
            if !fine {
                problems.push(ExecutionProblem { path, message });
            }
        };
        if let Some((maker, taker)) = self.fees.rates() {
            for (path, rate) in [("maker_fee_rate", maker), ("taker_fee_rate", taker)] {
                check(
                    (Decimal::ZERO..=Decimal::new(5, 1)).contains(&rate),
                    path,
                    "a fee rate is a share from 0 to 0.5 (0.001 is 0.1 %)",
                );
            }
        } else {
            check(
                self.fees.schedule().check().is_ok(),
                "fees",
                "rates are shares up to 0.5, tiers begin at a volume of 0 and rise, amounts are not negative",
            );
        }
        check(
            self.liquidation_fee
                .is_none_or(|rate| (Decimal::ZERO..=Decimal::new(5, 1)).contains(&rate)),
            "liquidation_fee",
            "a liquidation fee is a share from 0 to 0.5 (0.0125 is 1.25 %)",
        );
        if self.slippage.bps().is_some() {
            check(
                self.slippage.is_sound(),
                "slippage_bps",
                "slippage is 0 to 5000 basis points",
            );
        } else {
            check(
                self.slippage.is_sound(),
                "slippage",
                "slippage is not negative and at most half of the price",
            );
        }
        check(
            self.impact.is_sound(),
            "impact",
            "the coefficient is 0 to 100, the fallback 0 to 5000 basis points",
        );
        check(
            self.liquidity.is_sound(),
            "liquidity",
            "times are seconds of the day, factors from 0.01 to 100, the edge of a session from 1 to 2.9",
        );
        check(
            self.latency.is_sound(),
            "latency_ms",
            "a latency is 0 to 60000 milliseconds, and recorded ones are in order of time",
        );
        check(
            self.fill.is_sound(),
            "fill",
            "shares are above 0 and at most 1, the power of a queue above 0 and at most 10",
        );
        problems
    }

    /// The share of the value of what is liquidated that the venue's insurance fund takes.
    #[must_use]
    pub fn liquidation_rate(&self) -> Decimal {
        let of_preset = || match &self.fees {
            Fees::Preset(name) => name.preset().liquidation_fee,
            Fees::Rates { .. } | Fees::Schedule(_) => None,
        };
        self.liquidation_fee.or_else(of_preset).unwrap_or_default()
    }

    /// Without fees and slippage.
    #[must_use]
    pub fn free() -> Self {
        Self::percent(Decimal::ZERO, Decimal::ZERO, Decimal::ZERO)
    }
}

/// Something in an [`ExecutionConfig`] that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutionProblem {
    /// Where, as in JSON: `maker_fee_rate`.
    pub path: &'static str,
    /// What would be right.
    pub message: &'static str,
}

/// What venue, broker and regulator charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fees {
    /// A share of a fill's value.
    Rates {
        /// Of fills that waited (0.001 is 0.1 %).
        #[serde(with = "crate::model::decimal")]
        maker: Decimal,
        /// Of fills that went to the market.
        #[serde(with = "crate::model::decimal")]
        taker: Decimal,
    },
    /// Those of a venue or broker.
    Preset(FeePresetName),
    /// Any others.
    Schedule(FeeSchedule),
}

impl Default for Fees {
    /// The base tier of large crypto venues: 0.1 % either way.
    fn default() -> Self {
        let rate = Decimal::new(1, 3);
        Self::Rates {
            maker: rate,
            taker: rate,
        }
    }
}

impl fmt::Display for Fees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |rate: &Decimal| (rate * Decimal::ONE_HUNDRED).normalize();
        match self {
            Self::Rates { maker, taker } => {
                write!(f, "{}% maker, {}% taker", percent(maker), percent(taker))
            }
            Self::Preset(name) => f.write_str(&name.preset().title),
            Self::Schedule(_) => f.write_str("a schedule of its own"),
        }
    }
}

impl Fees {
    /// The rates of makers and takers, where the fees are rates.
    #[must_use]
    pub const fn rates(&self) -> Option<(Decimal, Decimal)> {
        match self {
            Self::Rates { maker, taker } => Some((*maker, *taker)),
            Self::Preset(_) | Self::Schedule(_) => None,
        }
    }

    /// The schedule that the fees follow.
    #[must_use]
    pub fn schedule(&self) -> FeeSchedule {
        match self {
            Self::Rates { maker, taker } => FeeSchedule::percent(*maker, *taker),
            Self::Preset(name) => name.preset().schedule,
            Self::Schedule(schedule) => schedule.clone(),
        }
    }
}
