//! What trading costs, and on which terms orders meet the market: small models, one job each.
//!
//! | model | answers |
//! |---|---|
//! | [`FeeSchedule`] | what venue, broker and regulator charge for a fill |
//! | [`SlippageModel`], [`ImpactModel`] | how much worse than the price it meets a taker fills |
//! | [`LiquidityCurve`] | how much of that, and of the volume to be had, the hour of the day makes |
//! | [`LatencyModel`] | how long an order is on its way, and its answer |
//! | [`FillRules`] | when a limit is met, and how much of the market's volume is ours |
//!
//! Models are data, so that configurations spell them out and snapshots hold them. What they must know of the market
//! ([`Conditions`]) and of the account (its trailing volume) is bounded, however long the run.

mod conditions;
mod fee;
mod fee_presets;
mod fill_rules;
mod impact;
mod latency;
mod liquidity;
mod slippage;
mod trailing_volume;

pub use conditions::Conditions;
pub use fee::{Amount, Basis, Charge, ChargedOn, FeeInputs, FeeSchedule, FeeScheduleError, Tier};
pub use fee_presets::{Checked, FeePreset, FeePresetName, UnknownFeePreset};
pub use fill_rules::{FillRules, LimitFill, PathRule};
pub use impact::ImpactModel;
pub use latency::{LatencyModel, LatencyPoint};
pub use liquidity::LiquidityCurve;
pub use slippage::{Slip, SlipInputs, SlippageModel};

use crate::engine::ExecutionConfig;
use crate::model::{Instrument, Money, Price, Quantity, Side, Timestamp, float};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use trailing_volume::TrailingVolume;

/// What an order holds for slippage whose size depends on the market: 50 basis points of its value. A fill that costs
/// more is cut to the cash, as one after a gap is.
const SLIPPAGE_ALLOWANCE: Decimal = Decimal::from_parts(5, 0, 0, false, 3);

/// No model moves a price by more than this share of it.
const MOST_SLIPPAGE: f64 = 0.5;

/// The models of one session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Models {
    fees: FeeSchedule,
    /// Asked for by every order: see [`Models::worst_fee_rate`] and [`Models::worst_rate`].
    #[serde(with = "crate::model::decimal")]
    worst_fee_rate: Decimal,
    #[serde(with = "crate::model::decimal")]
    worst_rate: Decimal,
    /// Share of the value of what is liquidated that the venue's insurance fund takes.
    #[serde(with = "crate::model::decimal")]
    pub liquidation_fee: Decimal,
    volume: TrailingVolume,
    slippage: SlippageModel,
    impact: ImpactModel,
    liquidity: LiquidityCurve,
    /// How long orders and answers are on their way.
    pub latency: LatencyModel,
    /// When limits are met and how much of the volume is ours.
    pub fill: FillRules,
}

impl Models {
    /// The fee of a fill, in the instrument's quote currency; negative where the venue pays makers.
    #[must_use]
    pub fn fee(&self, inputs: &FeeInputs<'_>) -> Money {
        self.fees.fee(inputs, self.volume.at(inputs.time))
    }

    /// Tells of a fill of this value, by which later fees may fall into another tier.
    pub fn on_fill(&mut self, time: Timestamp, notional: Money) {
        if self.fees.has_tiers() {
            self.volume.add(time, notional.amount.abs());
        }
    }

    /// The share of an order's value to hold on top of it for slippage and for the fees that are a share. Fees by the
    /// share or contract come on top: [`Models::worst_fee`].
    #[must_use]
    pub const fn worst_rate(&self) -> Decimal {
        self.worst_rate
    }

    /// The most that an order of this quantity can cost in fees when all of it fills at `price`.
    #[must_use]
    pub fn worst_fee(&self, instrument: &Instrument, price: Price, quantity: Quantity) -> Money {
        self.fees
            .worst_fee(self.worst_fee_rate, instrument, price, quantity)
    }

    /// The largest share of its value that a fill can cost in fees, as far as fees are shares.
    #[must_use]
    pub const fn worst_fee_rate(&self) -> Decimal {
        self.worst_fee_rate
    }

    /// What an order at `price` must hold on top of its value, or of its margin: the worst slippage, and the worst fees of
    /// every kind.
    #[must_use]
    pub fn worst_cost(&self, instrument: &Instrument, price: Price, quantity: Quantity) -> Money {
        let notional = instrument.notional(price, quantity);
        if self.fees.is_share() {
            return notional * self.worst_rate;
        }
        let by_quantity = self.worst_fee(instrument, price, quantity) - notional * self.worst_fee_rate;
        let by_quantity = Money::new(by_quantity.amount.max(Decimal::ZERO), instrument.quote());
        notional * self.worst_rate + by_quantity
    }

    /// The price at which a taker fills who meets `inputs.price`.
    #[must_use]
    pub fn slip(&self, inputs: &SlipInputs<'_>) -> Slip {
        let liquidity = self.liquidity.at(inputs.time);
        let slippage = self.slippage.share(inputs, liquidity);
        let impact = self.impact.share(inputs, liquidity);
        Slip::by(inputs, slippage, impact)
    }

    /// The most that all our orders together may take of a bar or another stretch of the market in which `volume`
    /// units traded; `None` for any.
    #[must_use]
    pub fn volume_limit(&self, instrument: &Instrument, volume: f64, time: Timestamp) -> Option<Quantity> {
        let share = self.fill.volume_share?;
        let liquidity = self.liquidity.at(time).min(1.0);
        Some(instrument.lots_within(volume * float::to_f64(share) * liquidity))
    }

    /// The price beyond which a market order that met `touch` does not walk; `None` when nothing protects it.
    #[must_use]
    pub fn protection_price(&self, instrument: &Instrument, side: Side, touch: Price) -> Option<Price> {
        let share = self.fill.protection?;
        // Rounded towards the touch: the price stays inside the band.
        let (factor, rounding) = match side {
            Side::Buy => (Decimal::ONE + share, RoundingStrategy::ToZero),
            Side::Sell => (Decimal::ONE - share, RoundingStrategy::AwayFromZero),
        };
        Some(instrument.round_to_tick(Price(touch.0 * factor), rounding))
    }

    /// The rolling conditions that these models want to be told of; they cost nothing when none does.
    #[must_use]
    pub fn conditions(&self) -> Conditions {
        Conditions::new(self.slippage.needs_conditions() || self.impact.needs_conditions())
    }
}

impl From<&ExecutionConfig> for Models {
    fn from(config: &ExecutionConfig) -> Self {
        let fees = config.fees.schedule();
        let slippage = config.slippage.worst_share() + config.impact.worst_share();
        let worst_fee_rate = fees.worst_rate();
        Self {
            fees,
            worst_fee_rate,
            worst_rate: (Decimal::ONE + worst_fee_rate) * (Decimal::ONE + slippage) - Decimal::ONE,
            liquidation_fee: config.liquidation_rate(),
            volume: TrailingVolume::default(),
            slippage: config.slippage.clone(),
            impact: config.impact.clone(),
            liquidity: config.liquidity.clone(),
            latency: config.latency.clone(),
            fill: config.fill.clone(),
        }
    }
}

/// A share that a model computed, as a decimal with twelve digits; what is no number or beyond all bounds is the most
/// that a model may charge.
fn share_from(value: f64) -> Decimal {
    let bounded = if value.is_nan() {
        MOST_SLIPPAGE
    } else {
        value.clamp(0.0, MOST_SLIPPAGE)
    };
    float::to_decimal(bounded, Money::SCALE).unwrap_or_default()
}

/// What models cost whose market is not known yet, unless they say so: 5 basis points.
fn usual_fallback() -> Decimal {
    Decimal::from(5)
}

/// Whether a number of basis points is one: from nothing to half of the price.
fn is_bps(bps: Decimal) -> bool {
    (Decimal::ZERO..=Decimal::from(5_000)).contains(&bps)
}

/// Basis points as a share: the point moved four places, which costs a fraction of a division.
fn share_of_bps(bps: Decimal) -> Decimal {
    const PLACES: u32 = 4;
    if bps.is_zero() {
        return Decimal::ZERO;
    }
    let mut share = bps;
    match share.set_scale(bps.scale() + PLACES) {
        Ok(()) => share.normalize(),
        Err(_) => bps / Decimal::from(10_u32.pow(PLACES)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn basis_points_are_a_ten_thousandth(units in 0..=5_000_000_000_000_i64, scale in 0..=28_u32) {
            let bps = Decimal::new(units, scale);
            let quotient = bps / Decimal::from(10_000);
            // To the last digit; a division may leave zeros behind it.
            prop_assert_eq!(share_of_bps(bps).normalize().serialize(), quotient.normalize().serialize());
        }
    }
}
