//! Slippage: how much worse than the price it meets a taker fills.

use super::{Conditions, SLIPPAGE_ALLOWANCE, is_bps, share_from, share_of_bps};
use crate::exchange::DataTier;
use crate::model::{Instrument, Price, Quantity, Side, Timestamp, decimal, float};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What slippage and impact are worked out from.
#[derive(Clone, Copy, Debug)]
pub struct SlipInputs<'a> {
    /// What is traded.
    pub instrument: &'a Instrument,
    /// Buy or sell.
    pub side: Side,
    /// Quantity that goes to the market.
    pub quantity: Quantity,
    /// The price that is met, before slippage.
    pub price: Price,
    /// Half the spread, where quotes are known: `price` is the other side's then and contains it.
    pub half_spread: Option<Decimal>,
    /// How the market has been.
    pub conditions: &'a Conditions,
    /// The kind of data that is met.
    pub tier: DataTier,
    /// When.
    pub time: Timestamp,
}

/// A price after slippage, and what moved it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slip {
    /// On a tick, never better than the price met. `slippage + impact` is its distance from there.
    pub price: Price,
    /// What the slippage model added per unit, in quote currency, rounding to the tick included; not negative.
    pub slippage: Decimal,
    /// What our own order added per unit, in quote currency; not negative.
    pub impact: Decimal,
}

impl Slip {
    /// Moves the price met against us by two shares of it.
    pub(super) fn by(inputs: &SlipInputs<'_>, slippage: Decimal, impact: Decimal) -> Self {
        let met = inputs.price;
        let share = decimal::add(slippage, impact);
        if share.is_zero() {
            return Self {
                price: met,
                slippage: Decimal::ZERO,
                impact: Decimal::ZERO,
            };
        }
        let (factor, rounding) = match inputs.side {
            Side::Buy => (decimal::add(Decimal::ONE, share), RoundingStrategy::AwayFromZero),
            Side::Sell => (decimal::subtract(Decimal::ONE, share), RoundingStrategy::ToZero),
        };
        let slipped = inputs
            .instrument
            .round_to_tick(Price(decimal::multiply(met.0, factor)), rounding);
        // Nobody sells for nothing: one tick is the lowest price there is.
        let price = slipped.max(Price(inputs.instrument.tick()));
        let moved = decimal::at_least_zero(inputs.side.signed(decimal::subtract(price.0, met.0)));
        let impact = if impact.is_zero() {
            Decimal::ZERO
        } else {
            (met.0 * impact).min(moved)
        };
        Self {
            price,
            slippage: decimal::subtract(moved, impact),
            impact,
        }
    }
}

/// How much worse than the price it meets a taker fills, whatever its size would move the market by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SlippageModel {
    /// A fixed share of the price.
    FixedBps {
        /// In basis points of the price.
        #[serde(with = "crate::model::decimal")]
        bps: Decimal,
    },
    /// Half the spread, where the data does not show it: an estimate on bars and trades, nothing on quotes, whose other
    /// side is paid anyway.
    HalfSpread {
        /// Half the usual spread, in basis points of the price.
        #[serde(with = "crate::model::decimal")]
        bps: Decimal,
    },
    /// `price_impact × (quantity ÷ the bar's volume)²`, the share counted up to `volume_limit`: zipline's
    /// `VolumeShareSlippage`.
    VolumeShare {
        /// The factor, as a share of the price; 0.1 unless said, as in zipline.
        #[serde(default = "usual_price_impact")]
        price_impact: f64,
        /// The largest share of the volume that counts; 0.025 unless said, as in zipline.
        #[serde(default = "usual_volume_limit")]
        volume_limit: f64,
    },
    /// `multiple × daily volatility × √(length of the bar ÷ a day)`.
    Volatility {
        /// How many standard deviations of a bar's return.
        multiple: f64,
        /// In basis points of the price, while the volatility is not known yet; 5 unless said.
        #[serde(default = "super::usual_fallback", with = "crate::model::decimal")]
        fallback_bps: Decimal,
    },
}

fn usual_price_impact() -> f64 {
    0.1
}

fn usual_volume_limit() -> f64 {
    0.025
}

impl Default for SlippageModel {
    /// One basis point.
    fn default() -> Self {
        Self::FixedBps { bps: Decimal::ONE }
    }
}

impl fmt::Display for SlippageModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FixedBps { bps } => write!(f, "{} bps", bps.normalize()),
            Self::HalfSpread { bps } => write!(
                f,
                "half the spread, {} bps where it is not known",
                bps.normalize()
            ),
            Self::VolumeShare {
                price_impact,
                volume_limit,
            } => write!(f, "{price_impact} × (share of the volume, up to {volume_limit})²"),
            Self::Volatility { multiple, .. } => write!(f, "{multiple} standard deviations of a bar"),
        }
    }
}

impl SlippageModel {
    /// The basis points, where they are fixed.
    #[must_use]
    pub const fn bps(&self) -> Option<Decimal> {
        match self {
            Self::FixedBps { bps } => Some(*bps),
            Self::HalfSpread { .. } | Self::VolumeShare { .. } | Self::Volatility { .. } => None,
        }
    }

    /// The names of the models.
    pub(crate) const NAMES: [&str; 4] = ["fixed_bps", "half_spread", "volume_share", "volatility"];

    /// Whether the numbers make sense: at most half of the price, nothing negative.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        match self {
            Self::FixedBps { bps } | Self::HalfSpread { bps } => is_bps(*bps),
            Self::VolumeShare {
                price_impact,
                volume_limit,
            } => (0.0..=1_000.0).contains(price_impact) && (0.0..=1.0).contains(volume_limit),
            Self::Volatility {
                multiple,
                fallback_bps,
            } => (0.0..=100.0).contains(multiple) && is_bps(*fallback_bps),
        }
    }

    /// By which share of the price a taker fills worse when the market is `liquidity` times as deep as usual.
    pub(super) fn share(&self, inputs: &SlipInputs<'_>, liquidity: f64) -> Decimal {
        let share = match self {
            Self::FixedBps { bps } => share_of_bps(*bps),
            Self::HalfSpread { .. } if inputs.half_spread.is_some() => return Decimal::ZERO,
            Self::HalfSpread { bps } => share_of_bps(*bps),
            Self::VolumeShare {
                price_impact,
                volume_limit,
            } => {
                let taken = inputs.quantity.to_f64() / inputs.conditions.bar_volume().unwrap_or(0.0);
                // Of no volume, any quantity is all that there is.
                let counted = if taken.is_nan() {
                    *volume_limit
                } else {
                    taken.min(*volume_limit)
                };
                share_from(price_impact * counted * counted)
            }
            Self::Volatility {
                multiple,
                fallback_bps,
            } => match inputs.conditions.bar_volatility() {
                Some(volatility) => share_from(multiple * volatility),
                None => share_of_bps(*fallback_bps),
            },
        };
        if liquidity == 1.0 {
            share
        } else {
            share_from(float::to_f64(share) / liquidity)
        }
    }

    /// The share of an order's value to hold for it.
    pub(super) fn worst_share(&self) -> Decimal {
        match self {
            Self::FixedBps { bps } | Self::HalfSpread { bps } => share_of_bps(*bps),
            Self::VolumeShare {
                price_impact,
                volume_limit,
            } => share_from(price_impact * volume_limit * volume_limit),
            Self::Volatility { .. } => SLIPPAGE_ALLOWANCE,
        }
    }

    pub(super) const fn needs_conditions(&self) -> bool {
        matches!(self, Self::VolumeShare { .. } | Self::Volatility { .. })
    }
}
