//! What a company does to its shares, and what that does to orders that rest.
//!
//! Orders follow FINRA Rule 5330 on the ex-date, with one exception: that rule cancels orders when shares are put together
//! (a reverse split) and leaves sell orders alone when they are split, and brokers then ask their customers. Nobody can be
//! asked here, and a stop that protects a position must go on protecting it, so splits adjust every order both ways.

use crate::model::{Instrument, Price, Quantity, Side, Symbol};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// What a company does to its shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CorporateAction {
    /// Each share becomes `ratio` shares: 2 for a two-for-one split, 0.125 for a reverse split of one for eight.
    Split {
        /// New shares for each old one.
        #[serde(with = "crate::model::decimal")]
        ratio: Decimal,
    },
    /// Cash for each share held before the ex-date, told on the ex-date before the market opens.
    Dividend {
        /// The gross amount a share, in quote currency.
        #[serde(with = "crate::model::decimal")]
        per_share: Decimal,
    },
    /// The shares trade under another name from now on.
    SymbolChange {
        /// The new name.
        to: Symbol,
    },
    /// The shares trade no more.
    Delisting {
        /// What a share is paid out at; `None` for the last price of the market.
        price: Option<Price>,
    },
}

impl CorporateAction {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// [`CorporateActionError`] says which number.
    pub fn validate(&self) -> Result<(), CorporateActionError> {
        let most = Decimal::from(10_000);
        match self {
            Self::Split { ratio }
                if *ratio <= Decimal::ZERO || *ratio > most || Decimal::ONE / ratio > most =>
            {
                Err(CorporateActionError::Ratio { ratio: *ratio })
            }
            Self::Dividend { per_share } if *per_share <= Decimal::ZERO => {
                Err(CorporateActionError::Dividend {
                    per_share: *per_share,
                })
            }
            Self::Delisting { price: Some(price) } if price.0.is_sign_negative() => {
                Err(CorporateActionError::Price { price: *price })
            }
            _ => Ok(()),
        }
    }
}

/// A number of a corporate action makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CorporateActionError {
    /// A ratio that is not positive, or beyond one for ten thousand.
    #[error("a split into {ratio} shares is none")]
    Ratio {
        /// The ratio.
        ratio: Decimal,
    },
    /// A dividend that is not positive.
    #[error("a dividend of {per_share} a share is none")]
    Dividend {
        /// The amount.
        per_share: Decimal,
    },
    /// A price below zero.
    #[error("shares are not paid out at {price}")]
    Price {
        /// The price.
        price: Price,
    },
}

/// How an order depends on its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceRole {
    /// It fills at the price or better.
    Limit,
    /// It is set off when the market comes to the price from its better side.
    Stop,
}

impl PriceRole {
    /// Whether the price lies below the market while the order rests: buy limits and sell stops.
    const fn is_below_market(self, side: Side) -> bool {
        matches!((self, side), (Self::Limit, Side::Buy) | (Self::Stop, Side::Sell))
    }
}

/// An order's price after a split: divided by the ratio, and rounded to a tick away from the market, so that no order is
/// met that would not have been.
#[must_use]
pub fn price_after_split(
    instrument: &Instrument,
    role: PriceRole,
    side: Side,
    price: Price,
    ratio: Decimal,
) -> Price {
    let rounding = if role.is_below_market(side) {
        RoundingStrategy::ToNegativeInfinity
    } else {
        RoundingStrategy::ToPositiveInfinity
    };
    // Twelve digits first: a third of a price that divides by three is on its tick.
    let exact = Price((price.0 / ratio).round_dp(crate::model::Money::SCALE));
    at_least_a_tick(instrument, instrument.round_to_tick(exact, rounding))
}

/// An order's quantity after a split, in whole lots; `None` when nothing is left of it.
#[must_use]
pub fn quantity_after_split(instrument: &Instrument, quantity: Quantity, ratio: Decimal) -> Option<Quantity> {
    let exact = (quantity.0 * ratio).round_dp(crate::model::Money::SCALE);
    let whole = instrument.floor_to_lot(exact);
    (!whole.0.is_zero()).then_some(whole)
}

/// An order's price on the ex-date of a cash dividend, unless the order says *do not reduce*: of a buy limit and a sell
/// stop less the dividend, rounded down to a tick. Other orders, and dividends of less than a cent, change nothing: `None`.
#[must_use]
pub fn price_after_dividend(
    instrument: &Instrument,
    role: PriceRole,
    side: Side,
    price: Price,
    per_share: Decimal,
) -> Option<Price> {
    let cent = Decimal::new(1, 2);
    if !role.is_below_market(side) || per_share < cent {
        return None;
    }
    let reduced = Price(price.0 - per_share);
    let rounded = instrument.round_to_tick(reduced, RoundingStrategy::ToNegativeInfinity);
    Some(at_least_a_tick(instrument, rounded))
}

fn at_least_a_tick(instrument: &Instrument, price: Price) -> Price {
    price.max(Price(instrument.tick()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a number")
    }

    fn shares() -> Instrument {
        Instrument::new(
            "AAPL".parse().expect("a symbol"),
            decimal("0.01"),
            Decimal::ONE,
            Decimal::ZERO,
            Decimal::ONE,
        )
        .expect("an instrument")
    }

    #[test]
    fn a_split_moves_prices_away_from_the_market_and_quantities_down() {
        for (role, side, ratio, after) in [
            (PriceRole::Limit, Side::Buy, "7", "14.28"),
            (PriceRole::Stop, Side::Sell, "7", "14.28"),
            (PriceRole::Limit, Side::Sell, "7", "14.29"),
            (PriceRole::Stop, Side::Buy, "7", "14.29"),
            (PriceRole::Limit, Side::Buy, "4", "25"),
            (
                PriceRole::Limit,
                Side::Buy,
                "0.3333333333333333333333333333",
                "300",
            ),
            (PriceRole::Limit, Side::Buy, "20000", "0.01"),
        ] {
            let price = price_after_split(&shares(), role, side, Price(decimal("100")), decimal(ratio));
            assert_eq!(price.0, decimal(after), "{role:?} {side} × {ratio}");
        }
        for (quantity, ratio, after) in [
            ("100", "7", Some("700")),
            ("101", "0.125", Some("12")),
            ("300", "0.3333333333333333333333333333", Some("100")),
            ("5", "0.125", None),
        ] {
            let quantity = quantity_after_split(&shares(), Quantity(decimal(quantity)), decimal(ratio));
            assert_eq!(quantity.map(|quantity| quantity.0), after.map(decimal));
        }
    }

    #[test]
    fn a_dividend_reduces_what_rests_below_the_market() {
        for (role, side, per_share, after) in [
            (PriceRole::Limit, Side::Buy, "0.235", Some("99.76")),
            (PriceRole::Stop, Side::Sell, "0.235", Some("99.76")),
            (PriceRole::Limit, Side::Sell, "0.235", None),
            (PriceRole::Stop, Side::Buy, "0.235", None),
            (PriceRole::Limit, Side::Buy, "0.0099", None),
            (PriceRole::Limit, Side::Buy, "0.01", Some("99.99")),
            (PriceRole::Limit, Side::Buy, "100", Some("0.01")),
        ] {
            let price =
                price_after_dividend(&shares(), role, side, Price(decimal("100")), decimal(per_share));
            assert_eq!(
                price.map(|price| price.0),
                after.map(decimal),
                "{role:?} {side} − {per_share}"
            );
        }
    }

    #[test]
    fn actions_travel_as_json_and_bytes_and_nonsense_is_refused() {
        for (json, valid) in [
            (r#"{"split":{"ratio":"7"}}"#, true),
            (r#"{"dividend":{"per_share":"0.235"}}"#, true),
            (r#"{"symbol_change":{"to":"META"}}"#, true),
            (r#"{"delisting":{"price":null}}"#, true),
            (r#"{"delisting":{"price":"0"}}"#, true),
            (r#"{"split":{"ratio":"0"}}"#, false),
            (r#"{"split":{"ratio":"-2"}}"#, false),
            (r#"{"split":{"ratio":"0.000001"}}"#, false),
            (r#"{"dividend":{"per_share":"-1"}}"#, false),
            (r#"{"delisting":{"price":"-1"}}"#, false),
        ] {
            let action: CorporateAction = serde_json::from_str(json).expect(json);
            assert_eq!(serde_json::to_string(&action).expect("JSON"), json);
            let bytes = postcard::to_stdvec(&action).expect("bytes");
            assert_eq!(
                postcard::from_bytes::<CorporateAction>(&bytes).expect("reads back"),
                action
            );
            assert_eq!(action.validate().is_ok(), valid, "{json}");
        }
    }
}
