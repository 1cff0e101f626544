//! What happens to an instrument beside its trading: funding, mark prices, corporate actions, rolls, settlement.

use super::{CorporateAction, CorporateActionError};
use crate::model::{Instrument, InstrumentKind, Price, Quantity};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Something that a venue, a company or a clearing house says of an instrument, which changes accounts without a trade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketAction {
    /// Funding of a perpetual falls due.
    Funding {
        /// Share of the position's value: longs pay a positive rate, shorts a negative one.
        #[serde(with = "crate::model::decimal")]
        rate: Decimal,
        /// The price at which positions are valued for it; `None` for the last price.
        mark: Option<Price>,
    },
    /// The venue's mark price, by which positions are liquidated from now on instead of by the last price.
    MarkPrice(Price),
    /// The price of an option's underlying, by which a short position is covered.
    Underlying(Price),
    /// Something that the company does.
    Corporate(CorporateAction),
    /// The instrument ends. A future is settled at the price; an option is exercised when it is in the money by the price
    /// of its underlying.
    Settlement {
        /// The final settlement price: of an option, its underlying's.
        price: Price,
    },
    /// Of a continuous series: one contract of a future took another's place, so that who holds a position trades twice. The series
    /// has no jump there, and so only what the two trades cost is left to be paid.
    Roll {
        /// The price of the contract that was left.
        from: Price,
        /// The price of the contract that took its place.
        to: Price,
    },
}

impl MarketAction {
    /// Refuses what makes no sense, as a venue says it that is being repaired: a mark price of nothing would liquidate every
    /// long position.
    ///
    /// `held` is the quantity that the account values by it.
    ///
    /// # Errors
    /// [`MarketActionError`] says which number.
    pub fn validate(&self, instrument: &Instrument, held: Decimal) -> Result<(), MarketActionError> {
        // No more than the books count exactly, of what is held or of one lot.
        let quantity = Quantity(held.abs().max(instrument.lot()));
        let is_counted = |price: Price| {
            instrument
                .checked_notional(Price(price.0.abs()), quantity)
                .is_some()
        };
        let check = |price: Price, is_one: bool| match is_one && is_counted(price) {
            true => Ok(()),
            false => Err(MarketActionError::Price { price }),
        };
        let positive = |price: Price| check(price, price.0 > Decimal::ZERO);
        match self {
            Self::Funding { rate, .. } if rate.abs() >= Decimal::ONE => {
                Err(MarketActionError::Rate { rate: *rate })
            }
            Self::Funding { mark, .. } => mark.map_or(Ok(()), positive),
            Self::MarkPrice(price) | Self::Underlying(price) => positive(*price),
            Self::Roll { from, to } => positive(*from).and_then(|()| positive(*to)),
            // A price of a future can be below zero.
            Self::Settlement { price } => match instrument.kind() {
                InstrumentKind::Future { .. } => check(*price, true),
                _ => check(*price, !price.0.is_sign_negative()),
            },
            Self::Corporate(action) => Ok(action.validate()?),
        }
    }
}

/// A number of a [`MarketAction`] makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarketActionError {
    /// A price that is none, or beyond what the books count exactly.
    #[error("a price of {price} is none")]
    Price {
        /// The price.
        price: Price,
    },
    /// A funding rate of all of the position's value or more.
    #[error("a funding rate of {rate} is none: 0.0001 is 0.01 %")]
    Rate {
        /// The rate.
        rate: Decimal,
    },
    /// A number of a corporate action.
    #[error(transparent)]
    Corporate(#[from] CorporateActionError),
}
