//! A search as people and programs ask for it.

use super::{Axes, Axis, Draw, Grid, MOST_COMBINATIONS, Objective, Search, SweepError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::{fmt, str::FromStr};

/// How a search finds its combinations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// All of them.
    #[default]
    Grid,
    /// Some, drawn from a seed.
    Random,
    /// Some, drawn where those before were good (Bayesian, by a tree-structured Parzen estimator).
    Bayes,
}

impl Method {
    const ALL: [Self; 3] = [Self::Grid, Self::Random, Self::Bayes];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Random => "random",
            Self::Bayes => "bayes",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|method| method.name() == text);
        found.ok_or_else(|| {
            crate::model::spelling::unknown("method", text, Self::ALL.iter().map(|method| method.name()))
        })
    }
}

/// What a search shall try, and what it shall call good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchSpec {
    /// The parameters to change, each with its values: `{"fast": "5..50:5", "slow": "20,50,100"}`.
    pub params: BTreeMap<String, Axis>,
    /// The metric that tells better from worse.
    pub objective: Objective,
    /// How combinations are found.
    pub method: Method,
    /// How many combinations are tried, where they are not all tried.
    pub samples: u64,
    /// What random choices begin with.
    pub seed: u64,
    /// A condition on parameters, such as `fast < slow`: what does not fulfil it is not run.
    pub constraint: Option<String>,
}

impl Default for SearchSpec {
    fn default() -> Self {
        Self {
            params: BTreeMap::new(),
            objective: Objective::default(),
            method: Method::default(),
            samples: 100,
            seed: 1,
            constraint: None,
        }
    }
}

/// Makes a new search over these parameters.
pub type MakeSearch<'a> = &'a dyn Fn(&Axes) -> Result<Box<dyn Search>, SweepError>;

impl SearchSpec {
    /// A new search by the methods that this crate has; `None` for one that it leaves to others.
    ///
    /// # Errors
    /// [`SweepError`] says what cannot be searched.
    pub fn search(&self, axes: &Axes) -> Result<Option<Box<dyn Search>>, SweepError> {
        Ok(match self.method {
            Method::Grid => Some(Box::new(Grid::new(axes, MOST_COMBINATIONS)?)),
            Method::Random => Some(Box::new(Draw::new(
                axes,
                self.samples,
                self.seed,
                MOST_COMBINATIONS,
            )?)),
            Method::Bayes => None,
        })
    }
}

/// A sweep as people and programs ask for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SweepSpec {
    /// What to try.
    pub search: SearchSpec,
    /// Share of the bars, at their end, that is kept back; the best combinations run over it once. From 0 to 0.9.
    pub out_of_sample: f64,
}
