//! One combination of parameters over prepared bars.

use super::{Params, Score, Trial};
use crate::backtest::overfitting::ReturnDigest;
use crate::backtest::span::{Deaf, run_span};
use crate::backtest::warnings::{self, Seen};
use crate::backtest::{Span, StudyData};
use crate::engine::{Engine, EngineConfig};
use crate::strategy::{Problem, SharedColumns, StrategySpec};

/// What stays the same over all combinations: the strategy as written, and the market, the costs and the capital with
/// which it runs.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The strategy as written.
    pub spec: StrategySpec,
    /// Parameters that differ from the file's defaults and are not swept.
    pub fixed: Params,
    /// All else, with the strategy compiled for its defaults.
    pub config: EngineConfig,
}

impl Setting {
    /// The configuration for a combination.
    ///
    /// # Errors
    /// What makes it invalid, such as a parameter beyond its bounds.
    pub fn configure(&self, params: &Params) -> Result<EngineConfig, Vec<Problem>> {
        let mut all = self.fixed.clone();
        all.extend(params.iter().map(|(name, value)| (name.clone(), *value)));
        let strategy = self.spec.compile(&all, Some(self.config.strategy.timeframe))?;
        Ok(EngineConfig {
            strategy,
            ..self.config.clone()
        })
    }

    /// Runs one combination over a span of the data's clock. `None` when `keep_going` answered `false`.
    #[must_use]
    pub fn run(
        &self,
        params: &Params,
        data: StudyData<'_>,
        span: &Span,
        keep_going: &dyn Fn() -> bool,
    ) -> Option<Trial> {
        self.run_sharing(params, data, span, None, keep_going)
    }

    /// The same, the results of indicators shared with other combinations over the same bars.
    pub(super) fn run_sharing(
        &self,
        params: &Params,
        data: StudyData<'_>,
        span: &Span,
        shared: Option<&SharedColumns>,
        keep_going: &dyn Fn() -> bool,
    ) -> Option<Trial> {
        let score = match self.configure(params) {
            Err(problems) => Err(problems.into_iter().map(|problem| problem.message).collect()),
            Ok(config) => {
                let engine = run_span(config, data, span, shared, &mut Deaf, keep_going).ok()?;
                match engine.script_failure() {
                    Some(failure) => Err(vec![format!("the script failed: {failure}")]),
                    None => Ok(Score::of(&engine, span.seen(data))),
                }
            }
        };
        Some(Trial {
            params: params.clone(),
            score,
        })
    }

    /// The same over the bars `live`, its indicators warmed up by the bars before them.
    #[must_use]
    pub fn run_warm(
        &self,
        params: &Params,
        data: StudyData<'_>,
        live: std::ops::Range<usize>,
        keep_going: &dyn Fn() -> bool,
    ) -> Option<Trial> {
        let warm_up = self
            .configure(params)
            .map_or(0, |config| config.strategy.warm_up());
        let (strategy, base) = (self.config.strategy.timeframe, self.config.base_timeframe);
        let span = data.warmed_up(live, warm_up, strategy, base);
        self.run(params, data, &span, keep_going)
    }
}

impl Score {
    fn of(engine: &Engine, seen: Seen) -> Self {
        let (metrics, setbacks) = (engine.metrics(), engine.setbacks());
        Self {
            warnings: warnings::of(engine, seen, &metrics, &setbacks),
            setbacks,
            metrics,
            final_equity: engine.equity().amount.normalize(),
            returns: ReturnDigest::of(&survived(engine.daily_returns())),
        }
    }
}

/// Returns as a person has them whose account was ruined, so that such a try is still one: on the day of ruin all is lost,
/// after it, where the account's have no meaning, nothing comes or goes.
fn survived(mut returns: Vec<f64>) -> Vec<f64> {
    for value in &mut returns {
        *value = if value.is_nan() { 0.0 } else { value.max(-1.0) };
    }
    returns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ruined_account_is_a_try_that_lost_everything_once() {
        let ruined = survived(vec![0.01, -1.04, f64::NAN, f64::NAN]);
        assert_eq!(ruined, [0.01, -1.0, 0.0, 0.0]);
        assert!(
            ReturnDigest::of(&ruined)
                .sharpe()
                .is_some_and(|sharpe| sharpe < -0.4)
        );
    }
}
