//! What trading costs: small models, one job each.

use super::Liquidity;
use crate::engine::ExecutionConfig;
use crate::model::{Instrument, Money, Price, Quantity, Side};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// What a fill costs in fees.
pub trait FeeModel {
    /// The fee of a fill, in the instrument's quote currency; never negative.
    fn fee(&self, instrument: &Instrument, price: Price, quantity: Quantity, liquidity: Liquidity) -> Money;

    /// The largest share of its value that a fill can cost: what an order must hold on top.
    fn worst_rate(&self) -> Decimal;
}

/// How much worse than the price it meets a taker fills.
pub trait SlippageModel {
    /// The price after slippage: on a tick, never better than `met`.
    fn slip(&self, instrument: &Instrument, side: Side, met: Price) -> Price;

    /// The largest share of the price that slippage can cost: what an order must hold on top.
    fn worst_rate(&self) -> Decimal;
}

/// A share of the fill's value, one for makers and one for takers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PercentFee {
    #[serde(with = "crate::model::decimal")]
    maker: Decimal,
    #[serde(with = "crate::model::decimal")]
    taker: Decimal,
}

impl FeeModel for PercentFee {
    fn fee(&self, instrument: &Instrument, price: Price, quantity: Quantity, liquidity: Liquidity) -> Money {
        let rate = match liquidity {
            Liquidity::Maker => self.maker,
            Liquidity::Taker => self.taker,
        };
        instrument.notional(price, quantity) * rate
    }

    fn worst_rate(&self) -> Decimal {
        self.maker.max(self.taker)
    }
}

/// A fixed share of the price, in basis points, rounded against us to the tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedBps {
    /// As a share: 0.0001 is one basis point.
    #[serde(with = "crate::model::decimal")]
    share: Decimal,
}

impl SlippageModel for FixedBps {
    fn slip(&self, instrument: &Instrument, side: Side, met: Price) -> Price {
        if self.share.is_zero() {
            return met;
        }
        let (factor, rounding) = match side {
            Side::Buy => (Decimal::ONE + self.share, RoundingStrategy::AwayFromZero),
            Side::Sell => (Decimal::ONE - self.share, RoundingStrategy::ToZero),
        };
        let slipped = instrument.round_to_tick(Price(met.0 * factor), rounding);
        // Nobody sells for nothing: one tick is the lowest price there is.
        slipped.max(Price(instrument.tick()))
    }

    fn worst_rate(&self) -> Decimal {
        self.share
    }
}

/// The models of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Models {
    /// Fees.
    pub fee: PercentFee,
    /// Slippage.
    pub slippage: FixedBps,
}

impl Models {
    /// The share of an order's value to hold on top of it for slippage and fee.
    #[must_use]
    pub fn worst_rate(&self) -> Decimal {
        (Decimal::ONE + self.fee.worst_rate()) * (Decimal::ONE + self.slippage.worst_rate()) - Decimal::ONE
    }
}

impl From<&ExecutionConfig> for Models {
    fn from(config: &ExecutionConfig) -> Self {
        Self {
            fee: PercentFee {
                maker: config.maker_fee_rate,
                taker: config.taker_fee_rate,
            },
            slippage: FixedBps {
                share: config.slippage_bps / Decimal::from(10_000),
            },
        }
    }
}
