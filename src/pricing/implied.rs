//! The volatility at which the formula gives a price.

use super::black_scholes::Distances;
use super::{PricingError, Vanilla, Volatility, normal_pdf};
use crate::model::OptionRight;

/// No volatility gives this price.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ImpliedVolatilityError {
    /// The price is no positive number.
    #[error("the price must be a positive number")]
    NotAPrice,
    /// Even without volatility the option is worth more.
    #[error("the price is below {bound}, which the option is worth without any volatility")]
    BelowIntrinsic {
        /// Discounted exercise value of the forward, in quote currency.
        bound: f64,
    },
    /// However high the volatility, the option is worth less.
    #[error("the price is not below {bound}, which the option cannot reach at any volatility")]
    AboveBound {
        /// What exercise can bring at most, in quote currency.
        bound: f64,
    },
    /// No time is left: every volatility gives the same price.
    #[error("the option has expired: its price does not depend on volatility")]
    Expired,
}

/// Bisection alone needs about 60 steps from [`Volatility::HIGHEST`] to the last bit; Newton's seldom ten.
const MOST_STEPS: u32 = 128;

impl Vanilla {
    /// The volatility at which [`Vanilla::price`] gives `price`; zero at its lower bound.
    ///
    /// Newton's method inside a bracket that every step makes smaller, from the volatility at which the price curve bends
    /// (Manaster and Koehler, *Journal of Finance* 37, 1982); below it, on the logarithm of the price, which is nearly
    /// straight where the price itself is flat. In-the-money options are solved as the out-of-the-money one of the same
    /// strike, whose price is all volatility; what rounding leaves of that in the price is what there is to find.
    ///
    /// # Errors
    /// [`ImpliedVolatilityError`] when the price is outside the bounds of no arbitrage, or nothing depends on volatility.
    pub fn implied_volatility(&self, price: f64) -> Result<Volatility, ImpliedVolatilityError> {
        let lower = (self.sign() * (self.owned - self.owed)).max(0.0);
        let upper = match self.inputs.right {
            OptionRight::Call => self.owned,
            OptionRight::Put => self.owed,
        };
        if !price.is_finite() || price <= 0.0 {
            return Err(ImpliedVolatilityError::NotAPrice);
        }
        if price < lower {
            return Err(ImpliedVolatilityError::BelowIntrinsic { bound: lower });
        }
        if price >= upper {
            return Err(ImpliedVolatilityError::AboveBound { bound: upper });
        }
        if self.inputs.years == 0.0 {
            return Err(ImpliedVolatilityError::Expired);
        }
        if price == lower {
            return Ok(Volatility::ZERO);
        }
        self.out_of_the_money().solve(price - lower)
    }

    /// The option of the same strike and life without exercise value on the forward; by parity worth less by just that.
    fn out_of_the_money(&self) -> Self {
        let right = if self.owned > self.owed {
            OptionRight::Put
        } else {
            OptionRight::Call
        };
        let mut other = *self;
        other.inputs.right = right;
        other
    }

    fn solve(&self, target: f64) -> Result<Volatility, ImpliedVolatilityError> {
        let (mut low, mut high) = (0.0, Volatility::HIGHEST.get());
        if self.price(Volatility::HIGHEST) < target {
            return Err(ImpliedVolatilityError::AboveBound {
                bound: self.price(Volatility::HIGHEST),
            });
        }
        let bend = (2.0 * libm::log(self.owned / self.owed).abs() / self.inputs.years).sqrt();
        let mut guess = bend.clamp(1e-3, 0.5 * high);
        let logarithmic = target < self.price_at(guess);
        for _ in 0..MOST_STEPS {
            let price = self.price_at(guess);
            if price < target {
                low = guess;
            } else {
                high = guess;
            }
            let Distances { d1, .. } = self.distances(guess);
            let slope = self.owned * normal_pdf(d1) * self.inputs.years.sqrt();
            let step = if logarithmic && price > 0.0 {
                libm::log(price / target) * price / slope
            } else {
                (price - target) / slope
            };
            let newton = guess - step;
            // Outside the bracket, or not a number where the curve is flat: halve the bracket instead.
            let next = if newton > low && newton < high {
                newton
            } else {
                0.5 * (low + high)
            };
            if (next - guess).abs() <= f64::EPSILON * guess || high - low <= f64::EPSILON * high {
                return Ok(checked(next));
            }
            guess = next;
        }
        Ok(checked(guess))
    }

    fn price_at(&self, volatility: f64) -> f64 {
        self.price(checked(volatility))
    }
}

/// A number that the bracket keeps in range.
fn checked(volatility: f64) -> Volatility {
    let within: Result<Volatility, PricingError> = Volatility::new(volatility);
    within.unwrap_or_else(|_| unreachable!("the bracket lies within the range of volatilities"))
}
