//! Choices by chance.

use papertape::market::Random;

/// Makes choices from a seed, the same on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Draw(Random);

impl Draw {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(Random::new(seed))
    }

    pub(crate) const fn bits(&mut self) -> u64 {
        self.0.bits()
    }

    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    pub(crate) const fn chance(&mut self, probability: f64) -> bool {
        self.0.chance(probability)
    }

    /// A whole number from `low` to `high`, both included.
    pub(crate) const fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.0.below((high - low + 1) as u64) as i64
    }

    /// One of several.
    pub(crate) fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.0.below(choices.len() as u64) as usize].clone()
    }

    /// The place of one of several that are not equally likely.
    pub(crate) fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut rest = self.0.below(weights.iter().sum());
        weights
            .iter()
            .position(|weight| {
                let here = rest < *weight;
                rest = rest.saturating_sub(*weight);
                here
            })
            .unwrap_or(0)
    }

    /// Something, with this probability.
    pub(crate) fn maybe<T>(&mut self, probability: f64, value: T) -> Option<T> {
        self.0.chance(probability).then_some(value)
    }
}
