//! What happens to an instrument beside its trading: funding, mark prices, corporate actions, settlement.

use super::CorporateAction;
use crate::model::Price;
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
}
