//! A price for an option that nobody quotes: what the model says at an assumed volatility.

use super::{Greeks, PricingError, TreeSteps, Vanilla, VanillaInputs, Volatility};
use crate::exchange::DataTier;
use crate::model::{ExerciseStyle, OptionTerms, Timestamp};
use serde::{Deserialize, Serialize};

/// What the market does not say, and the model needs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelAssumptions {
    /// Volatility a year.
    pub volatility: Volatility,
    /// Riskless rate a year, continuously compounded.
    pub rate: f64,
    /// Dividend yield a year, continuously compounded.
    pub dividend_yield: f64,
}

/// A price that no market has shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelPrice {
    /// In quote currency, for one unit of the underlying; round it with
    /// [`Instrument::price_from_f64`](crate::model::Instrument::price_from_f64) before an order meets it.
    pub price: f64,
    /// Of the European option, also where the price is the American one's: their difference is what early exercise adds.
    pub greeks: Greeks,
}

impl ModelPrice {
    /// What a fill at such a price must say that it met.
    pub const TIER: DataTier = DataTier::Model;
}

/// Years from one moment to another by the convention Actual/365 Fixed; zero once the later one has come.
#[must_use]
pub fn years_between(now: Timestamp, expiry: Timestamp) -> f64 {
    const NANOS_A_YEAR: f64 = 365.0 * 86_400e9;
    (expiry.since(now) as f64 / NANOS_A_YEAR).max(0.0)
}

/// What the model says an option is worth at `now`, with its underlying at `spot` (quote currency): Black–Scholes–Merton
/// for European exercise, the tree for American.
///
/// # Errors
/// [`PricingError`] when a number makes no sense.
pub fn model_price(
    terms: &OptionTerms,
    now: Timestamp,
    spot: f64,
    assumptions: &ModelAssumptions,
) -> Result<ModelPrice, PricingError> {
    let option = Vanilla::new(VanillaInputs {
        right: terms.right,
        spot,
        strike: terms.strike.to_f64(),
        years: years_between(now, terms.expiry),
        rate: assumptions.rate,
        dividend_yield: assumptions.dividend_yield,
    })?;
    let price = match terms.style {
        ExerciseStyle::European => option.price(assumptions.volatility),
        ExerciseStyle::American => option.american_price(assumptions.volatility, TreeSteps::USUAL),
    };
    Ok(ModelPrice {
        price,
        greeks: option.greeks(assumptions.volatility),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{OptionRight, OptionSettlement, Price};
    use rust_decimal::Decimal;

    #[test]
    fn an_option_without_a_quote_costs_what_its_style_is_worth() {
        let now = Timestamp::parse("2024-01-02T21:00:00Z").expect("a time");
        let put = |style| OptionTerms {
            underlying: "AAPL".parse().expect("a symbol"),
            strike: Price(Decimal::from(100)),
            right: OptionRight::Put,
            expiry: now.plus_nanos(365 * 86_400 * 1_000_000_000),
            style,
            settlement: OptionSettlement::Physical,
        };
        let assumed = ModelAssumptions {
            volatility: Volatility::new(0.2).expect("a volatility"),
            rate: 0.05,
            dividend_yield: 0.0,
        };
        let price = |style, spot| model_price(&put(style), now, spot, &assumed).map(|model| model.price);
        let european = price(ExerciseStyle::European, 100.0).expect("a price");
        let american = price(ExerciseStyle::American, 100.0).expect("a price");
        assert!((european - 5.573_526).abs() < 1e-6);
        assert!((american - 6.088_806).abs() < 1e-6);
        assert_eq!(
            price(ExerciseStyle::American, 0.0),
            Err(PricingError::NotPositive("spot"))
        );
        assert_eq!(years_between(now.plus_nanos(1), now), 0.0);
        assert_eq!(ModelPrice::TIER.to_string(), "model");
    }
}
