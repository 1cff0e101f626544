//! European options: Black and Scholes (1973), with Merton's (1973) continuous dividend yield.
//!
//! With spot S, strike K, years T, rate r, dividend yield q, volatility σ and w = +1 for a call, −1 for a put:
//!
//! ```text
//! d₁ = (ln(S ÷ K) + (r − q) T) ÷ (σ √T) + ½ σ √T        d₂ = d₁ − σ √T
//! price = w (S e^(−qT) N(w d₁) − K e^(−rT) N(w d₂))
//! ```
//!
//! The greeks are its derivatives, in the forms of Hull, *Options, Futures and Other Derivatives*, chapter 19.

use super::{normal_cdf, normal_pdf};
use crate::model::OptionRight;
use serde::{Deserialize, Serialize};

/// An option and its market, all but the volatility, as yet unchecked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VanillaInputs {
    /// Buy or sell.
    pub right: OptionRight,
    /// The underlying's price, in quote currency.
    pub spot: f64,
    /// The strike, in quote currency.
    pub strike: f64,
    /// Until expiry, in years.
    pub years: f64,
    /// Riskless rate a year, continuously compounded (0.05 is 5 %); may be negative.
    pub rate: f64,
    /// Dividend yield a year, continuously compounded; for a currency its own rate.
    pub dividend_yield: f64,
}

/// An option and its market, all but the volatility: numbers that can be computed with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vanilla {
    pub(super) inputs: VanillaInputs,
    /// What is got by exercise, discounted: S e^(−qT).
    pub(super) owned: f64,
    /// What is paid for it, discounted: K e^(−rT).
    pub(super) owed: f64,
}

/// A volatility a year (0.2 is 20 %): zero or more, at most [`Volatility::HIGHEST`].
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Volatility(f64);

/// How a price changes with what it depends on, all else the same. Of one unit of the underlying, as the price is: what a
/// contract changes by is its multiplier times as much.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Greeks {
    /// Per 1 of the underlying's price; between −1 and 1.
    pub delta: f64,
    /// Of delta, per 1 of the underlying's price.
    pub gamma: f64,
    /// Per 1.00 of volatility (from 20 % to 120 %).
    pub vega: f64,
    /// Per year that passes; mostly negative.
    pub theta: f64,
    /// Per 1.00 of rate.
    pub rho: f64,
}

impl Greeks {
    /// Vega per point of volatility (from 20 % to 21 %), as traders and chains quote it.
    #[must_use]
    pub fn vega_per_point(&self) -> f64 {
        self.vega / 100.0
    }

    /// Theta per calendar day, as traders and chains quote it.
    #[must_use]
    pub fn theta_per_day(&self) -> f64 {
        self.theta / 365.0
    }

    /// Rho per point of rate (from 5 % to 6 %), as traders and chains quote it.
    #[must_use]
    pub fn rho_per_point(&self) -> f64 {
        self.rho / 100.0
    }
}

impl Volatility {
    /// None at all: the underlying follows its forward.
    pub const ZERO: Self = Self(0.0);
    /// 100, which is 10 000 %: no market has more.
    pub const HIGHEST: Self = Self(100.0);

    /// A volatility a year (0.2 is 20 %).
    ///
    /// # Errors
    /// When it is no number, negative, or above [`Volatility::HIGHEST`].
    pub fn new(a_year: f64) -> Result<Self, PricingError> {
        if (0.0..=Self::HIGHEST.0).contains(&a_year) {
            Ok(Self(a_year))
        } else {
            Err(PricingError::OutOfRange("volatility"))
        }
    }

    /// The number: 0.2 is 20 % a year.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Volatility {
    type Error = PricingError;

    fn try_from(a_year: f64) -> Result<Self, PricingError> {
        Self::new(a_year)
    }
}

impl From<Volatility> for f64 {
    fn from(volatility: Volatility) -> Self {
        volatility.0
    }
}

/// The numbers describe no option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PricingError {
    /// A price that is zero, negative or no number.
    #[error("the {0} must be a positive number")]
    NotPositive(&'static str),
    /// A number beyond what any market has.
    #[error("the {0} is out of range")]
    OutOfRange(&'static str),
}

/// d₁ and d₂, with σ √T.
#[derive(Clone, Copy)]
pub(super) struct Distances {
    pub(super) d1: f64,
    pub(super) d2: f64,
    pub(super) deviation: f64,
}

impl Vanilla {
    /// Longest life in years.
    const LONGEST: f64 = 200.0;
    /// Largest rate and yield, of either sign, over the whole life: a discount factor between 10⁻²² and 10²².
    const LARGEST_CARRY: f64 = 50.0;

    /// Checks the numbers and discounts what is got and paid.
    ///
    /// # Errors
    /// [`PricingError`] with the name of the number that makes no sense.
    pub fn new(inputs: VanillaInputs) -> Result<Self, PricingError> {
        let VanillaInputs {
            spot,
            strike,
            years,
            rate,
            dividend_yield,
            ..
        } = inputs;
        for (name, price) in [("spot", spot), ("strike", strike)] {
            if price.is_nan() || price <= 0.0 {
                return Err(PricingError::NotPositive(name));
            }
            if !(1e-100..=1e100).contains(&price) {
                return Err(PricingError::OutOfRange(name));
            }
        }
        if !(0.0..=Self::LONGEST).contains(&years) {
            return Err(PricingError::OutOfRange("time to expiry"));
        }
        for (name, a_year) in [("rate", rate), ("dividend yield", dividend_yield)] {
            if !a_year.is_finite() || a_year.abs() * years.max(1.0) > Self::LARGEST_CARRY {
                return Err(PricingError::OutOfRange(name));
            }
        }
        Ok(Self {
            inputs,
            owned: spot * libm::exp(-dividend_yield * years),
            owed: strike * libm::exp(-rate * years),
        })
    }

    /// The numbers it was made of.
    #[must_use]
    pub const fn inputs(&self) -> &VanillaInputs {
        &self.inputs
    }

    /// What exercise at once brings; never negative.
    #[must_use]
    pub fn intrinsic(&self) -> f64 {
        (self.sign() * (self.inputs.spot - self.inputs.strike)).max(0.0)
    }

    /// The price of the European option: the right to exercise at expiry only. In quote currency for one unit of the
    /// underlying.
    #[must_use]
    pub fn price(&self, volatility: Volatility) -> f64 {
        let Distances { d1, d2, .. } = self.distances(volatility.0);
        let sign = self.sign();
        (sign * (self.owned * normal_cdf(sign * d1) - self.owed * normal_cdf(sign * d2))).max(0.0)
    }

    /// The price's derivatives. Without time or volatility left, those of the exercise value of the forward: gamma and
    /// vega are zero, and at the money delta is that of either side's middle.
    #[must_use]
    pub fn greeks(&self, volatility: Volatility) -> Greeks {
        let VanillaInputs {
            spot,
            years,
            rate,
            dividend_yield,
            ..
        } = self.inputs;
        let Distances { d1, d2, deviation } = self.distances(volatility.0);
        let sign = self.sign();
        let (gets, pays) = (normal_cdf(sign * d1), normal_cdf(sign * d2));
        let density = if deviation > 0.0 { normal_pdf(d1) } else { 0.0 };
        // From the passing of volatility, from the interest on the strike, from the dividends forgone.
        let decay = if deviation > 0.0 {
            -self.owned * density * volatility.0 * volatility.0 / (2.0 * deviation)
        } else {
            0.0
        };
        Greeks {
            delta: sign * (self.owned / spot) * gets,
            gamma: if density > 0.0 {
                self.owned * density / (spot * spot * deviation)
            } else {
                0.0
            },
            vega: self.owned * density * years.sqrt(),
            theta: decay + sign * (dividend_yield * self.owned * gets - rate * self.owed * pays),
            rho: sign * years * self.owed * pays,
        }
    }

    /// How many deviations the forward lies above the strike. Without deviation it lies infinitely many above or below.
    pub(super) fn distances(&self, volatility: f64) -> Distances {
        let VanillaInputs {
            spot,
            strike,
            years,
            rate,
            dividend_yield,
            ..
        } = self.inputs;
        let deviation = volatility * years.sqrt();
        let drift = libm::log(spot / strike) + (rate - dividend_yield) * years;
        // 0 ÷ 0 at the money: half way.
        let middle = if drift == 0.0 { 0.0 } else { drift / deviation };
        Distances {
            d1: middle + 0.5 * deviation,
            d2: middle - 0.5 * deviation,
            deviation,
        }
    }

    pub(super) const fn sign(&self) -> f64 {
        match self.inputs.right {
            OptionRight::Call => 1.0,
            OptionRight::Put => -1.0,
        }
    }
}
