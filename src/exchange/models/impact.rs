//! Impact: how far our own order moves the market.

use super::{SLIPPAGE_ALLOWANCE, SlipInputs, is_bps, share_from, share_of_bps};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// How far an order of ours moves the price that it fills at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ImpactModel {
    /// Not at all: orders are small against what trades.
    #[default]
    None,
    /// The square-root law, `coefficient × σ × √(Q ÷ V)`: σ the daily volatility, Q the quantity, V the average daily
    /// volume (Torre, *BARRA Market Impact Model Handbook*, 1997; Tóth et al., Physical Review X 1, 021006, 2011,
    /// who find a coefficient of order one in all markets).
    SquareRoot {
        /// Y in the literature; 1 unless said.
        #[serde(default = "usual_coefficient")]
        coefficient: f64,
        /// In basis points of the price, while volatility or volume is not known yet; 5 unless said.
        #[serde(default = "super::usual_fallback", with = "crate::model::decimal")]
        fallback_bps: Decimal,
    },
}

fn usual_coefficient() -> f64 {
    1.0
}

impl ImpactModel {
    /// The names of the models.
    pub(crate) const NAMES: [&str; 2] = ["none", "square_root"];

    /// Whether the numbers make sense: nothing negative or absurd.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        match self {
            Self::None => true,
            Self::SquareRoot {
                coefficient,
                fallback_bps,
            } => (0.0..=100.0).contains(coefficient) && is_bps(*fallback_bps),
        }
    }

    /// By which share of the price the order moves it when the market is `liquidity` times as deep as usual.
    pub(super) fn share(&self, inputs: &SlipInputs<'_>, liquidity: f64) -> Decimal {
        let Self::SquareRoot {
            coefficient,
            fallback_bps,
        } = self
        else {
            return Decimal::ZERO;
        };
        let conditions = inputs.conditions;
        match (conditions.daily_volatility(), conditions.daily_volume()) {
            (Some(volatility), Some(volume)) => {
                let share_of_day = inputs.quantity.to_f64() / (volume * liquidity);
                share_from(coefficient * volatility * share_of_day.sqrt())
            }
            _ => share_of_bps(*fallback_bps),
        }
    }

    /// The share of an order's value to hold for it.
    pub(super) const fn worst_share(&self) -> Decimal {
        match self {
            Self::None => Decimal::ZERO,
            Self::SquareRoot { .. } => SLIPPAGE_ALLOWANCE,
        }
    }

    pub(super) const fn needs_conditions(&self) -> bool {
        matches!(self, Self::SquareRoot { .. })
    }
}
