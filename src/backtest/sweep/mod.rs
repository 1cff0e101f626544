//! Sweeps: a strategy under many combinations of its parameters, each judged by all metrics.
//!
//! The work is cut into units, one combination each, that depend on nothing but their parameters and the bars. Who calls
//! decides by which threads they run ([`Workers`]); the result is the same for any number of them.
//!
//! ```
//! use papertape::backtest::sweep::{Axis, Grid, Search};
//!
//! let axes = vec![
//!     ("fast".to_owned(), "5..15:5".parse::<Axis>()?),
//!     ("slow".to_owned(), "20,50".parse()?),
//! ];
//! let mut grid = Grid::new(&axes, 1_000)?;
//! assert_eq!(grid.propose().len(), 6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod axis;
mod constraint;
mod objective;
mod plan;
mod search;
mod setting;
mod spec;
mod stability;

pub use axis::{Axis, AxisError};
pub use constraint::Constraint;
pub use objective::{Objective, ObjectiveError};
pub(super) use plan::Hunt;
pub use plan::Sweep;
pub use search::{Axes, Draw, Grid, Search, all, check_samples, draw, key};
pub use setting::Setting;
pub use spec::{MakeSearch, Method, SearchSpec, SweepSpec};
pub use stability::{StabilityCell, StabilityMap};

use super::overfitting::{BacktestOverfitting, DeflatedSharpe, ReturnDigest};
use crate::analytics::Metrics;
use crate::engine::Setbacks;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Most combinations of one search.
pub const MOST_COMBINATIONS: u64 = 20_000;

/// Values of parameters by name.
pub type Params = BTreeMap<String, f64>;

/// One combination and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// The parameters that the search changed.
    pub params: Params,
    /// How good it was, or why it cannot run.
    pub score: Result<Score, Vec<String>>,
}

/// How good a combination was.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// All metrics.
    pub metrics: Metrics,
    /// Equity at the last close, exact.
    pub final_equity: Decimal,
    /// What is asked of its daily returns.
    pub returns: ReturnDigest,
    /// What kept the strategy from doing what it wanted.
    pub setbacks: Setbacks,
    /// What makes it less than it seems, a sentence each, as of the backtest that it is.
    pub warnings: Vec<String>,
}

impl Trial {
    /// How good it was by an objective, large being good; `None` for what cannot run or cannot be computed.
    #[must_use]
    pub fn merit(&self, objective: Objective) -> Option<f64> {
        objective.merit(&self.score.as_ref().ok()?.metrics)
    }
}

/// Why a search cannot begin.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SweepError {
    /// No parameter to change.
    #[error("name at least one parameter with a range, such as fast=5..50:5")]
    NoAxes,
    /// The strategy has no such parameter.
    #[error("{0}")]
    UnknownParameter(String),
    /// Its values are too many, perhaps by the strategy's own step.
    #[error("{name}: {error}")]
    Axis {
        /// The parameter.
        name: String,
        /// What is wrong.
        error: AxisError,
    },
    /// A grid needs steps.
    #[error("{name}={axis} has no step, which a grid needs: write {name}={axis}:STEP, or draw at random")]
    NoStep {
        /// The parameter.
        name: String,
        /// As written.
        axis: String,
    },
    /// More than a search may have.
    #[error(
        "{total} combinations are too many, at most {most} are run: take larger steps, or draw some of them at random"
    )]
    TooMany {
        /// Asked for.
        total: u64,
        /// Allowed.
        most: u64,
    },
    /// Nothing to draw.
    #[error("ask for at least one sample")]
    NoSamples,
    /// A constraint that makes no sense.
    #[error("the constraint: {0}")]
    Constraint(String),
    /// A constraint that leaves nothing.
    #[error("the constraint leaves none of the combinations")]
    NothingLeft,
    /// No combination could be run.
    #[error("none of the combinations can be run: {0}")]
    NoneRan(String),
    /// The script of the chosen combination failed on bars that it was not chosen on.
    #[error("the script failed: {0}")]
    Script(String),
    /// A share that is none.
    #[error("the share of bars to keep back must be from 0 to 0.9, and {0} is not")]
    OutOfSample(f64),
    /// A field of a walk-forward that makes no sense.
    #[error("{message}")]
    Window {
        /// Its name.
        field: &'static str,
        /// What to write.
        message: String,
    },
    /// Fewer bars than the parts need.
    #[error("{0}")]
    TooFewBars(String),
}

/// Runs units of work, on its own threads if it has any.
pub trait Workers: Sync {
    /// Runs `work` once for each number below `count`, in any order and perhaps at the same time; for no more of them once
    /// the rest shall not be run. `work` gets to ask [`Workers::is_canceled`] while it runs.
    fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync));

    /// Whether the rest shall not be run.
    fn is_canceled(&self) -> bool;

    /// Hears of each trial as soon as it is there, in no particular order.
    fn finished(&self, _trial: &Trial) {}

    /// Hears of each unit of work that is no trial.
    fn passed(&self) {}
}

/// What `work` gives for each number below `count`, in the order of the numbers: `None` for what was not run to its end.
pub(super) fn gather<T: Send>(
    workers: &dyn Workers,
    count: usize,
    work: impl Fn(usize) -> Option<T> + Sync,
) -> Vec<Option<T>> {
    let results: Vec<Mutex<Option<T>>> = (0..count).map(|_| Mutex::new(None)).collect();
    workers.run(count, &|index| {
        let result = work(index);
        if let Some(place) = results.get(index) {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = result;
        }
    });
    let results = results.into_iter();
    results
        .map(|place| place.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect()
}

/// Runs one unit after the other, to the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneByOne;

impl Workers for OneByOne {
    fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(work);
    }

    fn is_canceled(&self) -> bool {
        false
    }
}

/// Checks the parameters of a search against the strategy, and gives ranges without a step the strategy's own.
///
/// # Errors
/// Without parameters, and for one that the strategy does not have.
pub fn axes_of(
    setting: &Setting,
    params: impl IntoIterator<Item = (String, Axis)>,
) -> Result<Axes, SweepError> {
    let known = setting.spec.params();
    let mut axes = BTreeMap::new();
    for (name, axis) in params {
        let Some(param) = known.iter().find(|param| param.name == name) else {
            let names = known.iter().map(|param| param.name.as_str());
            let unknown = crate::model::spelling::unknown("parameter", &name, names);
            return Err(SweepError::UnknownParameter(unknown));
        };
        let axis = axis.with_step(param.step);
        axis.check().map_err(|error| SweepError::Axis {
            name: name.clone(),
            error,
        })?;
        axes.insert(name, axis);
    }
    if axes.is_empty() {
        return Err(SweepError::NoAxes);
    }
    Ok(axes.into_iter().collect())
}

/// The places of the trials, the best first; equal ones in the order of the search, those that cannot run left out.
#[must_use]
pub fn ranking(trials: &[Trial], objective: Objective) -> Vec<usize> {
    let mut places: Vec<_> = trials
        .iter()
        .enumerate()
        .filter(|(_, trial)| trial.score.is_ok())
        .map(|(place, trial)| (trial.merit(objective), place))
        .collect();
    places.sort_by(|(a, _), (b, _)| Objective::best_first(*a, *b));
    places.into_iter().map(|(_, place)| place).collect()
}

/// What all trials together say about the best of them.
#[must_use]
pub fn judge(
    trials: &[Trial],
    objective: Objective,
) -> (Option<DeflatedSharpe>, Option<BacktestOverfitting>) {
    let digests: Vec<_> = trials
        .iter()
        .filter_map(|trial| Some(&trial.score.as_ref().ok()?.returns))
        .collect();
    let sharpes: Vec<_> = digests.iter().filter_map(|it| it.sharpe()).collect();
    let best = ranking(trials, objective)
        .first()
        .and_then(|place| trials.get(*place));
    let deflated = best
        .and_then(|trial| trial.score.as_ref().ok())
        .and_then(|score| DeflatedSharpe::of(&score.returns, &sharpes));
    (deflated, BacktestOverfitting::of(&digests))
}
