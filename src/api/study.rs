//! Searches over parameters, and what they prove.

use super::{BacktestProgress, BacktestRequest, BacktestState, DataQuality};
use crate::analytics::Metrics;
use crate::backtest::overfitting::{BacktestOverfitting, DeflatedSharpe};
use crate::backtest::sweep::{
    Axes, Method, Objective, Params, SearchSpec, StabilityMap, SweepSpec, Trial, judge, ranking,
};
use crate::backtest::{MonteCarlo, MonteCarloSpec, StudyData, WalkForwardSpec, warnings_over};
use crate::engine::{EngineConfig, Halt, RefusedOrders};
use crate::model::{StudyId, Symbol, Timeframe, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What to find out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StudySpec {
    /// Which parameters are best, and whether that is luck.
    Sweep(SweepSpec),
    /// What parameters chosen on the past earn afterwards.
    WalkForward(WalkForwardSpec),
    /// What else could have come of one backtest.
    MonteCarlo(MonteCarloSpec),
}

impl StudySpec {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sweep(_) => "sweep",
            Self::WalkForward(_) => "walk_forward",
            Self::MonteCarlo(_) => "monte_carlo",
        }
    }
}

/// `POST /studies`: on what, and what to find out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyRequest {
    /// Strategy, bars, costs and capital, as for a backtest. Its `params` hold for all that is not changed.
    pub backtest: BacktestRequest,
    /// What to find out: `{"sweep": …}`, `{"walk_forward": …}` or `{"monte_carlo": …}`.
    pub study: StudySpec,
}

/// `GET /studies/{id}`: how far it is, and the result when it is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudyStatus {
    /// Its id.
    pub id: StudyId,
    /// The strategy's slug in the library; `None` for inline YAML.
    pub slug: Option<String>,
    /// What was asked for.
    pub request: StudyRequest,
    /// Where it stands.
    pub state: BacktestState,
    /// How many combinations are done, of how many at most.
    pub progress: BacktestProgress,
    /// The best combination so far, while it runs.
    pub best: Option<Params>,
    /// Why it failed, in words.
    pub error: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// The bars for people.
    pub dataset_label: String,
    /// Whether the bars are from the simulated market.
    pub simulated: bool,
    /// The currency of amounts.
    pub currency: String,
    /// The result; of a canceled study what was done by then. A sweep's rows end after the best 500.
    pub result: Option<StudyReport>,
}

/// A study in a line of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudySummary {
    /// Its id.
    pub id: StudyId,
    /// The strategy's slug in the library; `None` for inline YAML.
    pub slug: Option<String>,
    /// `sweep`, `walk_forward` or `monte_carlo`.
    pub kind: String,
    /// Where it stands.
    pub state: BacktestState,
    /// How many combinations are done, of how many at most.
    pub progress: BacktestProgress,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// The bars for people.
    pub dataset_label: String,
    /// By what combinations are ranked; `None` for a Monte Carlo simulation.
    pub objective: Option<Objective>,
    /// A sweep's best combination.
    pub best: Option<Params>,
    /// What came of it: the objective of a sweep's best combination; that of a walk-forward's account, out of sample; the
    /// probability of a loss of a Monte Carlo simulation.
    pub outcome: Option<f64>,
}

impl StudyStatus {
    /// The study in a line.
    #[must_use]
    pub fn summary(&self) -> StudySummary {
        let objective = match &self.request.study {
            StudySpec::Sweep(spec) => Some(spec.search.objective),
            StudySpec::WalkForward(spec) => Some(spec.search.objective),
            StudySpec::MonteCarlo(_) => None,
        };
        let (best, outcome) = match &self.result {
            Some(StudyReport::Sweep(report)) => {
                let best = report.rows.first();
                (
                    best.map(|row| row.params.clone()),
                    best.and_then(|row| row.objective),
                )
            }
            Some(StudyReport::WalkForward(report)) => (None, report.objective.of(&report.metrics)),
            Some(StudyReport::MonteCarlo(report)) => (None, Some(report.result.probability_of_loss)),
            None => (self.best.clone(), None),
        };
        StudySummary {
            id: self.id.clone(),
            slug: self.slug.clone(),
            kind: self.request.study.name().to_owned(),
            state: self.state,
            progress: self.progress,
            created_at: self.created_at,
            dataset_label: self.dataset_label.clone(),
            objective,
            best,
            outcome,
        }
    }
}

/// What came of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StudyReport {
    /// Of a sweep.
    Sweep(Box<SweepReport>),
    /// Of a walk-forward.
    WalkForward(Box<WalkForwardReport>),
    /// Of a Monte Carlo simulation.
    MonteCarlo(Box<MonteCarloReport>),
}

/// On what a study ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// The strategy's name.
    pub strategy: String,
    /// The instrument; of several that are traded, the first.
    pub symbol: Symbol,
    /// All that are traded.
    #[serde(default)]
    pub symbols: Vec<Symbol>,
    /// At which timeframe the rules run.
    pub timeframe: Timeframe,
    /// Bars that went in; of several symbols, the times at which bars of any of them opened.
    pub bars: u64,
    /// Open time of the first.
    pub from: Timestamp,
    /// Close time of the last.
    pub to: Timestamp,
    /// Cash at the start of each run.
    #[serde(with = "crate::model::decimal")]
    pub initial_capital: Decimal,
}

impl RunFacts {
    /// The facts of runs over a part of the data.
    #[must_use]
    pub fn of(config: &EngineConfig, data: StudyData<'_>, range: Range<usize>) -> Self {
        let open = |index: usize| data.open_time(index);
        let last = range.end.checked_sub(1).and_then(open);
        Self {
            strategy: config.strategy.name.clone(),
            symbol: config.instrument.symbol().clone(),
            symbols: config
                .traded()
                .map(|instrument| instrument.symbol().clone())
                .collect(),
            timeframe: config.strategy.timeframe,
            bars: range.len() as u64,
            from: open(range.start).unwrap_or_default(),
            to: last
                .map(|last| config.base_timeframe.close_of(last))
                .unwrap_or_default(),
            initial_capital: config.initial_capital.amount,
        }
    }
}

/// A sweep's result, as `papertape sweep --json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepReport {
    /// On what it ran.
    pub run: RunFacts,
    /// How combinations were found.
    pub method: Method,
    /// By what they are ranked.
    pub objective: Objective,
    /// What random choices began with.
    pub seed: u64,
    /// How many combinations there were to try.
    pub combinations: u64,
    /// How many were tried; the rest was forbidden by the constraint or left when the sweep was canceled.
    pub tried: u64,
    /// Whether it was ended before its end.
    pub canceled: bool,
    /// Every combination that ran, best first.
    pub rows: Vec<SweepRow>,
    /// What could not run, and why.
    pub invalid: Vec<UnrunRow>,
    /// The objective over two parameters, of a grid.
    pub stability: Option<StabilityMap>,
    /// The same over each other two of its parameters, as far as they are not too many.
    #[serde(default)]
    pub stability_of_others: Vec<StabilityMap>,
    /// The best row's Sharpe ratio with all tries counted.
    pub deflated_sharpe: Option<DeflatedSharpe>,
    /// How often the best of one half of the days is among the worse in the other.
    pub overfitting: Option<BacktestOverfitting>,
    /// The bars that were kept back, over which the best rows ran once.
    pub out_of_sample: Option<RunFacts>,
    /// What makes the best combination less than it seems, a sentence each, as of its backtest.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What was wrong with the data.
    pub data_quality: DataQuality,
    /// How long it took.
    pub timing: SweepTiming,
}

/// One combination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepRow {
    /// Its place, counted from 1.
    pub rank: u64,
    /// The parameters that were changed.
    pub params: Params,
    /// The objective's value.
    pub objective: Option<f64>,
    /// Equity at the last close.
    #[serde(with = "crate::model::decimal")]
    pub final_equity: Decimal,
    /// How good it was.
    pub metrics: Metrics,
    /// Orders of the strategy that were refused, counted by what they were for, who refused them, and why.
    #[serde(default)]
    pub refused_orders: Vec<RefusedOrders>,
    /// When trading was halted, if it was; the metrics go on to the end of the bars.
    #[serde(default)]
    pub halt: Option<Halt>,
    /// How good it was over the bars that were kept back; of the best rows only.
    #[serde(default)]
    pub out_of_sample: Option<Metrics>,
}

/// A combination that could not run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnrunRow {
    /// The parameters that were changed.
    pub params: Params,
    /// What is wrong with them.
    pub problems: Vec<String>,
}

/// How long a search took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepTiming {
    /// Reading and parsing, milliseconds.
    pub load_ms: f64,
    /// All runs, milliseconds.
    pub run_ms: f64,
    /// Combinations run per second.
    pub combinations_per_second: f64,
    /// Threads that ran them.
    pub threads: u64,
}

/// What a sweep's report is made of, beside its trials.
#[derive(Clone, Debug)]
pub struct SweepContext<'a> {
    /// On what it ran.
    pub run: RunFacts,
    /// What was asked for.
    pub spec: &'a SearchSpec,
    /// The parameters that were changed.
    pub axes: &'a Axes,
    /// How many combinations there were to try.
    pub combinations: u64,
    /// Whether it was ended before its end.
    pub canceled: bool,
}

impl SweepReport {
    /// The report on a sweep's trials, in the order of the search. What is known of the data and of the time it took is
    /// left to the caller.
    #[must_use]
    pub fn new(trials: &[Trial], context: SweepContext<'_>) -> Self {
        let objective = context.spec.objective;
        let row = |(rank, place): (u64, usize)| {
            let trial = trials.get(place)?;
            let score = trial.score.as_ref().ok()?;
            Some(SweepRow {
                rank,
                params: trial.params.clone(),
                objective: objective.of(&score.metrics),
                final_equity: score.final_equity,
                metrics: score.metrics.clone(),
                refused_orders: score.setbacks.refused.clone(),
                halt: score.setbacks.halt.clone(),
                out_of_sample: None,
            })
        };
        let unrun = trials.iter().filter_map(|trial| {
            Some(UnrunRow {
                params: trial.params.clone(),
                problems: trial.score.as_ref().err()?.clone(),
            })
        });
        let (deflated_sharpe, overfitting) = judge(trials, objective);
        let order = ranking(trials, objective);
        let best = order
            .first()
            .and_then(|place| trials.get(*place)?.score.as_ref().ok());
        let mut warnings = best.map(|score| score.warnings.clone()).unwrap_or_default();
        warnings.extend(warnings_over(trials));
        let is_grid = context.spec.method == Method::Grid;
        let maps = is_grid.then(|| StabilityMap::all(context.axes, trials, objective));
        let mut maps = maps.unwrap_or_default().into_iter();
        Self {
            run: context.run,
            method: context.spec.method,
            objective,
            seed: context.spec.seed,
            combinations: context.combinations,
            tried: trials.len() as u64,
            canceled: context.canceled,
            rows: (1..).zip(order).filter_map(row).collect(),
            invalid: unrun.collect(),
            stability: maps.next(),
            stability_of_others: maps.collect(),
            deflated_sharpe,
            overfitting,
            out_of_sample: None,
            warnings,
            data_quality: DataQuality::default(),
            timing: SweepTiming::default(),
        }
    }
}

/// A walk-forward's result, as `papertape walk-forward --json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WalkForwardReport {
    /// On what it ran, all windows together.
    pub run: RunFacts,
    /// How combinations were found.
    pub method: Method,
    /// By what the best was chosen.
    pub objective: Objective,
    /// What random choices began with.
    pub seed: u64,
    /// Whether every window chose from the first bar on.
    pub anchored: bool,
    /// How many windows there were to walk through.
    pub windows_asked: u64,
    /// Whether it was ended before its end.
    pub canceled: bool,
    /// What a bar earned out of sample, over what it did in sample; `None` where that was nothing.
    pub efficiency: Option<f64>,
    /// How many windows earned anything out of sample.
    pub profitable: u64,
    /// Equity after the last window.
    #[serde(with = "crate::model::decimal")]
    pub final_equity: Decimal,
    /// How good the account was that went through all windows, out of sample.
    pub metrics: Metrics,
    /// Its equity, thinned to at most 1,000 points: time and amount.
    pub equity: Vec<(Timestamp, f64)>,
    /// The windows, oldest first.
    pub windows: Vec<WalkForwardWindow>,
    /// What makes the result less than it seems, a sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What was wrong with the data.
    pub data_quality: DataQuality,
    /// How long it took.
    pub timing: SweepTiming,
}

/// One window: chosen on the earlier bars, run on the later ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WalkForwardWindow {
    /// Counted from 1.
    pub number: u64,
    /// Open time of the first bar on which parameters were chosen.
    pub in_sample_from: Timestamp,
    /// Open time of the first bar on which they ran.
    pub from: Timestamp,
    /// Close time of the last.
    pub to: Timestamp,
    /// Bars on which parameters were chosen.
    pub in_sample_bars: u64,
    /// Bars on which they ran.
    pub bars: u64,
    /// The chosen parameters.
    pub params: Params,
    /// The objective's value where they were chosen.
    pub in_sample_objective: Option<f64>,
    /// And where they ran.
    pub objective: Option<f64>,
    /// How good they were where they were chosen.
    pub in_sample: Metrics,
    /// And where they ran.
    pub out_of_sample: Metrics,
}

/// A Monte Carlo simulation's result, as `papertape monte-carlo --json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonteCarloReport {
    /// The backtest whose courses were simulated.
    pub run: RunFacts,
    /// Its parameters.
    pub params: Params,
    /// What was asked for.
    pub spec: MonteCarloSpec,
    /// How good the backtest was.
    pub metrics: Metrics,
    /// What came of all courses.
    pub result: MonteCarlo,
    /// What makes the backtest less than it seems, a sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What was wrong with the data.
    pub data_quality: DataQuality,
    /// How long it took.
    pub timing: SweepTiming,
}
