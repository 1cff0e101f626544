//! Which combinations a sweep tries, and in which order.

use super::{Axis, Params, SweepError, Trial};
use crate::market::Random;
use std::collections::BTreeSet;

/// The parameters that a sweep changes, each with its values, in the order of their names.
pub type Axes = Vec<(String, Axis)>;

/// Proposes combinations, and may learn from what came of them. A search is told of every trial it proposed, in the
/// order in which it proposed them, so what it proposes does not depend on who runs them and how fast.
pub trait Search: Send {
    /// The next combinations to try, which may run side by side; none when the search is over.
    fn propose(&mut self) -> Vec<Params>;

    /// What came of the combinations proposed last.
    fn tell(&mut self, _trials: &[Trial]) {}

    /// How many combinations there will be at most.
    fn total(&self) -> u64;
}

/// Every combination, the last parameter changing fastest.
#[derive(Debug)]
pub struct Grid {
    axes: Vec<(String, Vec<f64>)>,
    total: u64,
    is_done: bool,
}

impl Grid {
    /// A search of the whole grid.
    ///
    /// # Errors
    /// When a parameter has no step, or when there are more than `most` combinations.
    pub fn new(axes: &Axes, most: u64) -> Result<Self, SweepError> {
        let mut total = 1_u64;
        for (name, axis) in axes {
            let count = axis.count().ok_or_else(|| SweepError::NoStep {
                name: name.clone(),
                axis: axis.to_string(),
            })?;
            total = total.saturating_mul(count);
        }
        // Before any of them is written down.
        if total > most {
            return Err(SweepError::TooMany { total, most });
        }
        let lists = axes
            .iter()
            .map(|(name, axis)| (name.clone(), axis.values().unwrap_or_default()));
        Ok(Self {
            axes: lists.collect(),
            total,
            is_done: false,
        })
    }

    fn combination(&self, index: u64) -> Params {
        let mut rest = index;
        let mut params = Params::new();
        for (name, values) in self.axes.iter().rev() {
            let count = values.len().max(1) as u64;
            if let Some(value) = values.get((rest % count) as usize) {
                params.insert(name.clone(), *value);
            }
            rest /= count;
        }
        params
    }
}

impl Search for Grid {
    fn propose(&mut self) -> Vec<Params> {
        if std::mem::replace(&mut self.is_done, true) {
            return Vec::new();
        }
        (0..self.total).map(|index| self.combination(index)).collect()
    }

    fn total(&self) -> u64 {
        self.total
    }
}

/// Different combinations drawn at random from a seed.
#[derive(Debug)]
pub struct Draw {
    drawn: Vec<Params>,
    total: u64,
}

impl Draw {
    /// A search of `samples` combinations, or of all there are, if they are fewer.
    ///
    /// # Errors
    /// When more than `most` samples are asked for, or none.
    pub fn new(axes: &Axes, samples: u64, seed: u64, most: u64) -> Result<Self, SweepError> {
        check_samples(samples, most)?;
        let wanted = all(axes).map_or(samples, |all| samples.min(all));
        let mut random = Random::new(seed);
        let mut seen = BTreeSet::new();
        let mut drawn = Vec::new();
        // Where nearly all combinations are wanted, the last ones are hard to draw: what is missing then is left out.
        let mut tries = wanted.saturating_mul(64).saturating_add(1_024);
        while (drawn.len() as u64) < wanted && tries > 0 {
            tries -= 1;
            let params = draw(axes, &mut random);
            if seen.insert(key(&params)) {
                drawn.push(params);
            }
        }
        Ok(Self {
            total: drawn.len() as u64,
            drawn,
        })
    }
}

impl Search for Draw {
    fn propose(&mut self) -> Vec<Params> {
        std::mem::take(&mut self.drawn)
    }

    fn total(&self) -> u64 {
        self.total
    }
}

/// Checks how many combinations a search that draws them shall try.
///
/// # Errors
/// When there are none or more than `most`.
pub fn check_samples(samples: u64, most: u64) -> Result<(), SweepError> {
    match samples {
        0 => Err(SweepError::NoSamples),
        samples if samples > most => Err(SweepError::TooMany { total: samples, most }),
        _ => Ok(()),
    }
}

/// How many combinations there are; `None` where a parameter may take any value of a range.
#[must_use]
pub fn all(axes: &Axes) -> Option<u64> {
    axes.iter()
        .try_fold(1_u64, |all, (_, axis)| Some(all.saturating_mul(axis.count()?)))
}

/// One combination, each as likely as any other.
pub fn draw(axes: &Axes, random: &mut Random) -> Params {
    axes.iter()
        .map(|(name, axis)| (name.clone(), axis.draw(random)))
        .collect()
}

/// What tells one combination from another, exactly.
#[must_use]
pub fn key(params: &Params) -> Vec<u64> {
    params.values().map(|value| value.to_bits()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes(texts: &[(&str, &str)]) -> Axes {
        texts
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.parse().expect("an axis")))
            .collect()
    }

    #[test]
    fn a_grid_is_every_combination_once() {
        let mut grid = Grid::new(&axes(&[("a", "1..3:1"), ("b", "10,20")]), 6).expect("a grid");
        assert_eq!(grid.total(), 6);
        let pairs: Vec<_> = grid.propose().iter().map(|it| (it["a"], it["b"])).collect();
        let expected = [
            (1.0, 10.0),
            (1.0, 20.0),
            (2.0, 10.0),
            (2.0, 20.0),
            (3.0, 10.0),
            (3.0, 20.0),
        ];
        assert_eq!(pairs, expected);
        assert!(grid.propose().is_empty());
    }

    #[test]
    fn a_million_combinations_are_refused_before_they_are_made() {
        let wide = axes(&[("a", "1..1000:1"), ("b", "1..1000:1"), ("c", "1..20000:1")]);
        let message = Grid::new(&wide, 20_000).expect_err("too many").to_string();
        assert!(
            message.contains("20000000000") && message.contains("20000"),
            "{message}"
        );
        assert!(Draw::new(&wide, 20_001, 1, 20_000).is_err());
        assert!(Draw::new(&wide, 0, 1, 20_000).is_err());
        let message = Grid::new(&axes(&[("a", "1..2")]), 9)
            .expect_err("no step")
            .to_string();
        assert!(message.contains("1..2") && message.contains("step"), "{message}");
    }

    #[test]
    fn drawn_combinations_differ_and_follow_the_seed() {
        let small = axes(&[("a", "1..10:1"), ("b", "1..10:1")]);
        let of = |seed| Draw::new(&small, 60, seed, 100).expect("a search").propose();
        let drawn = of(5);
        let distinct: BTreeSet<_> = drawn.iter().map(key).collect();
        assert_eq!((drawn.len(), distinct.len()), (60, 60));
        assert_eq!(drawn, of(5));
        assert_ne!(drawn, of(6));
        let every = Draw::new(&small, 1_000, 1, 2_000).expect("a search");
        assert_eq!(every.total(), 100, "no more than there are");
    }
}
