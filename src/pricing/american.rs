//! American options: a binomial tree with Leisen and Reimer's (1996) probabilities.
//!
//! Their tree is centred on the strike, so that the price converges smoothly where the older ones of Cox, Ross and
//! Rubinstein saw-tooth: with n steps the error falls as 1 ÷ n for early exercise and as 1 ÷ n² without it (Leisen and
//! Reimer, *Applied Mathematical Finance* 3, 1996). Probabilities come from Peizer and Pratt's inversion, method 2.

use super::black_scholes::Distances;
use super::{Vanilla, VanillaInputs, Volatility};
use crate::model::OptionRight;

/// Steps of a tree, an odd number from 25 to 5001. The work grows with its square.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TreeSteps(u32);

impl TreeSteps {
    /// What the tests compare with QuantLib.
    pub const USUAL: Self = Self(201);

    /// `steps`, kept in range and, when even, one more: the tree needs an odd number.
    #[must_use]
    pub fn new(steps: u32) -> Self {
        Self(steps.clamp(25, 5_001) | 1)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for TreeSteps {
    fn default() -> Self {
        Self::USUAL
    }
}

/// One step of the tree: the factors of the price and the discounted probabilities.
struct Step {
    up: f64,
    down: f64,
    weight_up: f64,
    weight_down: f64,
}

impl Vanilla {
    /// Beyond so many deviations from the strike the normal distribution is 0 or 1 to the last bit.
    const SURE: f64 = 37.0;

    /// The price of the American option: the right to exercise at any time until expiry. In quote currency for one unit
    /// of the underlying.
    ///
    /// Where waiting always pays, as for a call without dividends, it is the European price, exactly.
    #[must_use]
    pub fn american_price(&self, volatility: Volatility, steps: TreeSteps) -> f64 {
        if !self.early_exercise_can_pay() {
            return self.price(volatility);
        }
        let Distances { d1, d2, deviation } = self.distances(volatility.get());
        if deviation == 0.0 || d1.abs() > Self::SURE || d2.abs() > Self::SURE {
            return self.best_sure_exercise();
        }
        self.backward(&self.step(d1, d2, steps), steps)
    }

    /// Exercise gives up interest on what is paid and takes the dividends of what is got (and the reverse for a put); with
    /// no gain in either, waiting is never worse.
    fn early_exercise_can_pay(&self) -> bool {
        let VanillaInputs {
            rate, dividend_yield, ..
        } = self.inputs;
        match self.inputs.right {
            OptionRight::Call => dividend_yield > 0.0 || rate < 0.0,
            OptionRight::Put => rate > 0.0 || dividend_yield < 0.0,
        }
    }

    /// Without uncertainty: the best of all exercise times. The value has at most one turning point between now and
    /// expiry, where the interest on the strike equals the dividends.
    fn best_sure_exercise(&self) -> f64 {
        let VanillaInputs {
            spot,
            strike,
            years,
            rate,
            dividend_yield,
            ..
        } = self.inputs;
        let value = |time: f64| {
            self.sign() * (spot * libm::exp(-dividend_yield * time) - strike * libm::exp(-rate * time))
        };
        let turn = libm::log(rate * strike / (dividend_yield * spot)) / (rate - dividend_yield);
        let turn = if turn.is_finite() {
            turn.clamp(0.0, years)
        } else {
            0.0
        };
        value(0.0).max(value(turn)).max(value(years)).max(0.0)
    }

    fn step(&self, d1: f64, d2: f64, steps: TreeSteps) -> Step {
        let VanillaInputs {
            years,
            rate,
            dividend_yield,
            ..
        } = self.inputs;
        let time = years / f64::from(steps.0);
        let growth = libm::exp((rate - dividend_yield) * time);
        let discount = libm::exp(-rate * time);
        let [share, probability] = [d1, d2].map(|z| peizer_pratt(z, steps.0));
        Step {
            up: growth * share.above / probability.above,
            down: growth * share.below / probability.below,
            weight_up: discount * probability.above,
            weight_down: discount * probability.below,
        }
    }

    /// From expiry back to now: at each node the better of exercise and waiting.
    fn backward(&self, step: &Step, steps: TreeSteps) -> f64 {
        let VanillaInputs { spot, strike, .. } = self.inputs;
        let exercise = |price: f64| (self.sign() * (price - strike)).max(0.0);
        let nodes = steps.0 as usize + 1;
        // Prices of a level, from the highest down; a level earlier they are these but for one step down.
        let ratio = step.down / step.up;
        let mut prices = Vec::with_capacity(nodes);
        let mut price = spot * libm::pow(step.up, f64::from(steps.0));
        for _ in 0..nodes {
            prices.push(price);
            price *= ratio;
        }
        let mut values: Vec<f64> = prices.iter().map(|price| exercise(*price)).collect();
        for level in (1..nodes).rev() {
            for node in 0..level {
                prices[node] /= step.up;
                let waiting = step.weight_up * values[node] + step.weight_down * values[node + 1];
                values[node] = waiting.max(exercise(prices[node]));
            }
        }
        values[0]
    }
}

/// A probability and its complement, each to its own relative precision.
struct Odds {
    above: f64,
    below: f64,
}

/// The probability of a binomial distribution of `steps` (odd) whose upper half has the normal probability N(z): Peizer
/// and Pratt, method 2 (*Journal of the American Statistical Association* 63, 1968).
fn peizer_pratt(z: f64, steps: u32) -> Odds {
    let n = f64::from(steps);
    let scaled = z / (n + 1.0 / 3.0 + 0.1 / (n + 1.0));
    let rest = libm::exp(-scaled * scaled * (n + 1.0 / 6.0));
    // ½ ± ½ √(1 − rest); the smaller one without the cancellation.
    let root = (1.0 - rest).sqrt();
    let (large, small) = (0.5 * (1.0 + root), 0.5 * rest / (1.0 + root));
    if z >= 0.0 {
        Odds {
            above: large,
            below: small,
        }
    } else {
        Odds {
            above: small,
            below: large,
        }
    }
}
