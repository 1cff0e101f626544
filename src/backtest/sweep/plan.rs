//! A sweep from what was asked for to its report.

use super::{
    Axes, Constraint, MakeSearch, Search, SearchSpec, Setting, SweepError, SweepSpec, Trial, Workers,
    axes_of, gather,
};
use crate::analytics::Metrics;
use crate::api::{RunFacts, SweepContext, SweepReport};
use crate::backtest::{Span, StudyData};
use crate::strategy::SharedColumns;
use std::fmt;
use std::ops::Range;

/// How many of the best run over the bars that were kept back.
const FINALISTS: usize = 20;

/// A search that was checked, and can begin.
pub(in crate::backtest) struct Hunt {
    pub(in crate::backtest) axes: Axes,
    constraint: Option<Constraint>,
    search: Box<dyn Search>,
}

impl Hunt {
    /// Checks a search against the strategy.
    pub(in crate::backtest) fn new(
        setting: &Setting,
        spec: &SearchSpec,
        make: MakeSearch<'_>,
    ) -> Result<Self, SweepError> {
        let axes = axes_of(setting, spec.params.clone())?;
        let constraint = spec.constraint.as_deref().filter(|text| !text.trim().is_empty());
        Ok(Self {
            constraint: constraint
                .map(|text| Constraint::new(text, setting))
                .transpose()?,
            search: make(&axes)?,
            axes,
        })
    }

    /// How many combinations there are at most.
    pub(in crate::backtest) fn combinations(&self) -> u64 {
        self.search.total()
    }

    /// Runs it over some of the bars and gives its trials in the order of the search; fewer when it was canceled.
    /// Combinations that the constraint forbids are passed over.
    pub(in crate::backtest) fn run(
        mut self,
        setting: &Setting,
        data: StudyData<'_>,
        live: Range<usize>,
        workers: &dyn Workers,
    ) -> Vec<Trial> {
        let span = Span::cold(live);
        let shared = SharedColumns::default();
        let keep_going = || !workers.is_canceled();
        let mut trials = Vec::new();
        while keep_going() {
            let mut batch = self.search.propose();
            if batch.is_empty() {
                break;
            }
            if let Some(constraint) = &self.constraint {
                batch.retain(|params| constraint.allows(setting, params));
            }
            let done = gather(workers, batch.len(), |index| {
                let trial =
                    setting.run_sharing(batch.get(index)?, data, &span, Some(&shared), &keep_going)?;
                workers.finished(&trial);
                Some(trial)
            });
            let told: Vec<_> = done.into_iter().flatten().collect();
            self.search.tell(&told);
            trials.extend(told);
        }
        trials
    }
}

/// A sweep that was checked, and can begin.
pub struct Sweep {
    spec: SweepSpec,
    hunt: Hunt,
    /// The first bar that is kept back.
    split: usize,
}

impl fmt::Debug for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweep")
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}

impl Sweep {
    /// Checks what was asked for against the strategy and the bars. `make` makes the search.
    ///
    /// # Errors
    /// [`SweepError`] says what to change.
    pub fn new(
        setting: &Setting,
        spec: &SweepSpec,
        make: MakeSearch<'_>,
        bars: usize,
    ) -> Result<Self, SweepError> {
        if !(0.0..=0.9).contains(&spec.out_of_sample) {
            return Err(SweepError::OutOfSample(spec.out_of_sample));
        }
        let kept_back = (spec.out_of_sample * bars as f64) as usize;
        if bars < 2 || (spec.out_of_sample > 0.0 && kept_back < 2) {
            return Err(SweepError::TooFewBars(format!(
                "{bars} bars are too few to sweep over: give more"
            )));
        }
        Ok(Self {
            spec: spec.clone(),
            hunt: Hunt::new(setting, &spec.search, make)?,
            split: bars - kept_back,
        })
    }

    /// How many units of work there are at most: combinations, and runs over the bars that are kept back.
    #[must_use]
    pub fn units(&self, bars: usize) -> u64 {
        let finals = if self.split < bars { FINALISTS as u64 } else { 0 };
        self.hunt.combinations() + finals.min(self.hunt.combinations())
    }

    /// Runs it. Canceled, its report tells of what is done. What is known of the data and of the time it took is
    /// left to the caller.
    ///
    /// # Errors
    /// [`SweepError::NothingLeft`].
    pub fn run(
        self,
        setting: &Setting,
        data: StudyData<'_>,
        workers: &dyn Workers,
    ) -> Result<SweepReport, SweepError> {
        let Self { spec, hunt, split } = self;
        let (axes, combinations) = (hunt.axes.clone(), hunt.combinations());
        let trials = hunt.run(setting, data, 0..split, workers);
        if trials.is_empty() && !workers.is_canceled() {
            return Err(SweepError::NothingLeft);
        }
        let mut report = SweepReport::new(
            &trials,
            SweepContext {
                run: RunFacts::of(&setting.config, data, 0..split),
                spec: &spec.search,
                axes: &axes,
                combinations,
                canceled: workers.is_canceled(),
            },
        );
        let later = split..data.len();
        if !later.is_empty() {
            report.out_of_sample = Some(RunFacts::of(&setting.config, data, later.clone()));
            prove(&mut report, setting, data, &later, workers);
        }
        Ok(report)
    }
}

/// Runs the best rows over the bars that were kept back.
fn prove(
    report: &mut SweepReport,
    setting: &Setting,
    data: StudyData<'_>,
    later: &Range<usize>,
    workers: &dyn Workers,
) {
    let finalists: Vec<_> = report
        .rows
        .iter()
        .take(FINALISTS)
        .map(|row| row.params.clone())
        .collect();
    let keep_going = || !workers.is_canceled();
    let proofs = gather(workers, finalists.len(), |index| {
        let trial = setting.run_warm(finalists.get(index)?, data, later.clone(), &keep_going)?;
        workers.finished(&trial);
        Some(trial)
    });
    for (row, proof) in report.rows.iter_mut().zip(proofs) {
        let metrics = |trial: Trial| -> Option<Metrics> { Some(trial.score.ok()?.metrics) };
        row.out_of_sample = proof.and_then(metrics);
    }
    report.canceled = workers.is_canceled();
}
