//! Which combinations make sense: `fast < slow`.

use super::{Params, Setting, SweepError};
use crate::strategy::ParamCondition;

/// A condition on parameters. What does not fulfil it is not run.
#[derive(Clone, Debug)]
pub struct Constraint(ParamCondition);

impl Constraint {
    /// A condition in the language of strategies on the strategy's parameters, with or without their `$`.
    ///
    /// # Errors
    /// When it cannot be read, or depends on more than parameters.
    pub fn new(text: &str, setting: &Setting) -> Result<Self, SweepError> {
        let names = setting.spec.params().iter().map(|param| param.name.as_str());
        let condition =
            ParamCondition::parse(text, names).map_err(|problem| SweepError::Constraint(problem.message))?;
        let constraint = Self(condition);
        constraint
            .check(setting, &Params::new())
            .map_err(|message| SweepError::Constraint(message.to_owned()))?;
        Ok(constraint)
    }

    /// Whether a combination fulfils it.
    #[must_use]
    pub fn allows(&self, setting: &Setting, params: &Params) -> bool {
        self.check(setting, params).unwrap_or(false)
    }

    fn check(&self, setting: &Setting, params: &Params) -> Result<bool, String> {
        let mut all: Params = setting
            .spec
            .params()
            .iter()
            .map(|param| (param.name.clone(), param.default))
            .collect();
        for (name, value) in setting.fixed.iter().chain(params) {
            all.insert(name.clone(), *value);
        }
        self.0.holds(&all).map_err(|problem| problem.message)
    }
}
