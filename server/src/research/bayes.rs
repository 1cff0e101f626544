//! A search that learns: draws combinations where those before were good.

use papertape::backtest::sweep::{Axes, Axis, Objective, Params, Search, SearchSpec, Trial, draw, key};
use papertape::market::Random;
use rand::TryRng;
use std::collections::BTreeSet;
use std::convert::Infallible;
use tpe::{TpeOptimizer, TpeOptimizerBuilder};

/// Combinations drawn blindly before the first that is learnt.
const BLIND: u64 = 16;
/// Combinations between two lessons: they run side by side, so their number does not depend on that of the threads.
const BATCH: u64 = 8;
/// Share of the trials that counts as good.
const GOOD: f64 = 0.25;
/// How often a combination that was tried already is drawn again before it is given up.
const RETRIES: usize = 32;

/// Tree-structured Parzen estimators, one a parameter (J. Bergstra, R. Bardenet, Y. Bengio, B. Kégl, "Algorithms for
/// Hyper-Parameter Optimization", NIPS 2011).
pub(super) struct Bayes {
    axes: Axes,
    /// The values of each parameter; `None` where any between two may be tried.
    values: Vec<Option<Vec<f64>>>,
    /// One a parameter, over the share of the way from its first value to its last; `None` while nothing is known.
    estimators: Vec<Option<TpeOptimizer>>,
    objective: Objective,
    samples: u64,
    proposed: u64,
    seen: BTreeSet<Vec<u64>>,
    blind: Random,
    learnt: Source,
}

impl Bayes {
    pub(super) fn new(axes: Axes, spec: &SearchSpec) -> Self {
        let range = || tpe::range(0.0, 1.0).ok();
        let estimator = || {
            TpeOptimizerBuilder::new()
                .gamma(GOOD)
                .build(tpe::parzen_estimator(), range()?)
                .ok()
        };
        Self {
            estimators: axes.iter().map(|_| estimator()).collect(),
            values: axes.iter().map(|(_, axis)| axis.values()).collect(),
            axes,
            objective: spec.objective,
            samples: spec.samples,
            proposed: 0,
            seen: BTreeSet::new(),
            blind: Random::new(spec.seed),
            learnt: Source(Random::new(!spec.seed)),
        }
    }

    fn guess(&mut self) -> Params {
        let mut params = Params::new();
        for ((name, axis), estimator) in self.axes.iter().zip(&mut self.estimators) {
            let share = estimator.as_mut().and_then(|it| it.ask(&mut self.learnt).ok());
            let value = share.map_or_else(|| axis.draw(&mut self.blind), |share| axis.at(share));
            params.insert(name.clone(), value);
        }
        params
    }

    /// A combination that was not tried yet; `None` when none is found.
    fn fresh(&mut self) -> Option<Params> {
        for attempt in 0..2 * RETRIES {
            // Where the good ones are all tried, look elsewhere.
            let params = if self.proposed < BLIND || attempt >= RETRIES {
                draw(&self.axes, &mut self.blind)
            } else {
                self.guess()
            };
            if self.seen.insert(key(&params)) {
                return Some(params);
            }
        }
        None
    }
}

impl Search for Bayes {
    fn propose(&mut self) -> Vec<Params> {
        let mut batch = Vec::new();
        let wanted = if self.proposed == 0 { BLIND } else { BATCH };
        for _ in 0..wanted.min(self.samples - self.proposed) {
            let Some(params) = self.fresh() else {
                self.samples = self.proposed;
                break;
            };
            self.proposed += 1;
            batch.push(params);
        }
        batch
    }

    fn tell(&mut self, trials: &[Trial]) {
        for trial in trials {
            // What cannot run or be computed is worse than everything. The estimator looks for small values.
            let loss = trial.merit(self.objective).map_or(f64::MAX, |merit| -merit);
            let loss = loss.clamp(-f64::MAX, f64::MAX);
            let axes = self.axes.iter().zip(&self.values);
            for (((name, axis), values), estimator) in axes.zip(&mut self.estimators) {
                let value = trial.params.get(name);
                let share = value.and_then(|value| share(axis, values.as_deref(), *value));
                if let (Some(estimator), Some(share)) = (estimator, share) {
                    // Shares are in range and losses are numbers.
                    let _ = estimator.tell(share, loss);
                }
            }
        }
    }

    fn total(&self) -> u64 {
        self.samples
    }
}

/// The core's generator as the estimators draw from it: a seed gives the same combinations with every version of theirs.
struct Source(Random);

impl TryRng for Source {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.0.bits() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.bits())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.0.bits().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// Where a value lies between the first and the last of its axis: the inverse of [`Axis::at`].
fn share(axis: &Axis, values: Option<&[f64]>, value: f64) -> Option<f64> {
    // Just below 1, where the estimator's range ends.
    const LAST: f64 = 1.0 - 1e-9;
    let share = match values {
        Some(values) => {
            let place = values.iter().position(|it| *it == value)?;
            (place as f64 + 0.5) / values.len() as f64
        }
        None => {
            let (first, last) = (axis.at(0.0), axis.at(1.0));
            if last > first {
                (value - first) / (last - first)
            } else {
                0.5
            }
        }
    };
    Some(share.clamp(0.0, LAST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::analytics::Metrics;
    use papertape::backtest::overfitting::ReturnDigest;
    use papertape::backtest::sweep::Score;
    use rust_decimal::Decimal;

    fn axes() -> Axes {
        [("fast", "1..60:1"), ("slow", "1..60:1")]
            .map(|(name, axis)| (name.to_owned(), axis.parse().expect("an axis")))
            .into()
    }

    /// A hill with its top at (40, 20).
    fn hill(params: &Params) -> f64 {
        let (x, y) = (params["fast"] - 40.0, params["slow"] - 20.0);
        -(x * x + y * y)
    }

    fn tried(params: &Params) -> Trial {
        let metrics = Metrics {
            sharpe: Some(hill(params)),
            ..Metrics::default()
        };
        Trial {
            params: params.clone(),
            score: Ok(Score {
                setbacks: Default::default(),
                warnings: Vec::new(),
                metrics,
                final_equity: Decimal::ONE,
                returns: ReturnDigest::default(),
            }),
        }
    }

    fn climb(samples: u64, seed: u64) -> Vec<Params> {
        let spec = SearchSpec {
            samples,
            seed,
            ..SearchSpec::default()
        };
        let mut search = Bayes::new(axes(), &spec);
        let mut all = Vec::new();
        loop {
            let batch = search.propose();
            if batch.is_empty() {
                return all;
            }
            search.tell(&batch.iter().map(tried).collect::<Vec<_>>());
            all.extend(batch);
        }
    }

    #[test]
    fn it_climbs_a_hill_faster_than_chance_and_never_tries_twice() {
        let mut better = 0;
        for seed in 0..10 {
            let best = |all: &[Params]| all.iter().map(hill).fold(f64::NEG_INFINITY, f64::max);
            let tried = climb(120, seed);
            let distinct: BTreeSet<_> = tried.iter().map(key).collect();
            assert_eq!((tried.len(), distinct.len()), (120, 120));
            let mut random = Random::new(seed);
            let blind: Vec<_> = (0..120).map(|_| draw(&axes(), &mut random)).collect();
            better += u32::from(best(&tried) > best(&blind));
        }
        assert!(better >= 8, "better than chance in {better} of 10");
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(climb(64, 3), climb(64, 3));
        assert_ne!(climb(64, 3), climb(64, 4));
    }

    #[test]
    fn a_small_space_is_searched_whole_and_no_more() {
        let spec = SearchSpec {
            samples: 500,
            ..SearchSpec::default()
        };
        let axes: Axes = vec![("fast".to_owned(), "1..9:1".parse().expect("an axis"))];
        let mut search = Bayes::new(axes, &spec);
        let mut count = 0;
        loop {
            let batch = search.propose();
            if batch.is_empty() {
                break;
            }
            count += batch.len();
        }
        assert_eq!(count, 9);
    }
}
