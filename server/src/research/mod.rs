//! Searches over parameters with what the core does not have: threads, and an optimiser.

mod bayes;
mod study;
mod workers;

pub(crate) use study::{Ground, StudyError, run, units};
pub(crate) use workers::Threads;

use bayes::Bayes;
use papertape::backtest::sweep::{Axes, MOST_COMBINATIONS, Search, SearchSpec, SweepError, check_samples};

/// Most combinations of a search that learns: each is drawn with all before it in mind.
const MOST_LEARNT: u64 = 2_000;

/// A new search of any method.
///
/// # Errors
/// [`SweepError`] says what cannot be searched.
fn search(spec: &SearchSpec, axes: &Axes) -> Result<Box<dyn Search>, SweepError> {
    if let Some(search) = spec.search(axes)? {
        return Ok(search);
    }
    check_samples(spec.samples, MOST_LEARNT.min(MOST_COMBINATIONS))?;
    Ok(Box::new(Bayes::new(axes.clone(), spec)))
}
