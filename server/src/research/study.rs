//! A study from what was asked for to its report, whoever asks: the command line or the API.

use super::{Threads, search};
use papertape::api::{DataQuality, MonteCarloReport, RunFacts, StudyReport, StudySpec, SweepTiming};
use papertape::backtest::sweep::{Axes, Search, SearchSpec, Setting, Sweep, SweepError, Workers as _};
use papertape::backtest::{
    self, Canceled, MarketData, MonteCarloError, MonteCarloSpec, Outcome, Resampling, StudyData, WalkForward,
    trade_returns,
};
use papertape::market::{BarMerge, Bars, DatedAction};
use papertape::model::Timestamp;
use std::time::Instant;

/// What a study runs on.
#[derive(Debug)]
pub(crate) struct Ground {
    setting: Setting,
    market: StudyMarket,
    quality: DataQuality,
    /// Reading and parsing, milliseconds.
    load_ms: f64,
}

/// The bars of a study.
#[derive(Debug)]
enum StudyMarket {
    /// Of one symbol, with what happened beside the trading, in order of time.
    One(Bars, Vec<DatedAction>),
    /// Of several, by their places in the configuration, with the times at which any of them open.
    Several(Vec<Bars>, Vec<Timestamp>),
}

impl Ground {
    /// A study of one symbol.
    pub(crate) fn of_one(
        setting: Setting,
        (bars, actions): (Bars, Vec<DatedAction>),
        quality: DataQuality,
        load_ms: f64,
    ) -> Self {
        Self {
            setting,
            market: StudyMarket::One(bars, actions),
            quality,
            load_ms,
        }
    }

    /// A study of several symbols, with what was wrong with the data of each.
    pub(crate) fn of_several(
        setting: Setting,
        bars: Vec<Bars>,
        quality: &[DataQuality],
        load_ms: f64,
    ) -> Self {
        let clock = BarMerge::open_times(&bars).collect();
        let add = |sum: DataQuality, one: &DataQuality| DataQuality {
            gaps: sum.gaps + one.gaps,
            missing_bars: sum.missing_bars + one.missing_bars,
        };
        Self {
            setting,
            market: StudyMarket::Several(bars, clock),
            quality: quality.iter().fold(DataQuality::default(), add),
            load_ms,
        }
    }

    fn data(&self) -> StudyData<'_> {
        match &self.market {
            StudyMarket::One(bars, actions) => MarketData { bars, actions }.into(),
            StudyMarket::Several(bars, clock) => StudyData::together(bars, clock),
        }
    }

    fn bars(&self) -> &[Bars] {
        match &self.market {
            StudyMarket::One(bars, _) => std::slice::from_ref(bars),
            StudyMarket::Several(bars, _) => bars,
        }
    }

    /// The backtest with the parameters that are not changed.
    fn backtest(&self, progress: &mut dyn FnMut(u64) -> bool) -> Result<Outcome, Canceled> {
        let config = self.setting.config.clone();
        match &self.market {
            StudyMarket::One(bars, actions) => backtest::run(config, MarketData { bars, actions }, progress),
            StudyMarket::Several(bars, _) => backtest::run_together(config, bars, progress),
        }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StudyError {
    #[error(transparent)]
    Search(#[from] SweepError),
    #[error(transparent)]
    MonteCarlo(#[from] MonteCarloError),
}

impl StudyError {
    /// The field at fault inside the study's specification; empty when what it runs on is at fault.
    pub(crate) fn field(&self) -> String {
        match self {
            Self::Search(error) => match error {
                SweepError::NoAxes | SweepError::UnknownParameter(_) | SweepError::TooMany { .. } => {
                    "search.params".to_owned()
                }
                SweepError::NoStep { name, .. } | SweepError::Axis { name, .. } => {
                    format!("search.params.{name}")
                }
                SweepError::NoSamples => "search.samples".to_owned(),
                SweepError::Constraint(_) => "search.constraint".to_owned(),
                SweepError::OutOfSample(_) => "out_of_sample".to_owned(),
                SweepError::Window { field, .. } => (*field).to_owned(),
                SweepError::TooFewBars(_)
                | SweepError::NothingLeft
                | SweepError::NoneRan(_)
                | SweepError::Script(_) => String::new(),
            },
            Self::MonteCarlo(MonteCarloError::Field { field, .. }) => (*field).to_owned(),
            Self::MonteCarlo(_) => String::new(),
        }
    }

    /// Whether it was ended on request before there was anything to report.
    pub(crate) const fn is_canceled(&self) -> bool {
        matches!(self, Self::MonteCarlo(MonteCarloError::Canceled(Canceled)))
    }
}

/// Checks a study and says how many units of work it has at most.
///
/// # Errors
/// [`StudyError`] says what to change.
pub(crate) fn units(spec: &StudySpec, ground: &Ground) -> Result<u64, StudyError> {
    let bars = ground.data().len();
    Ok(match spec {
        StudySpec::Sweep(spec) => Sweep::new(&ground.setting, spec, &maker(&spec.search), bars)?.units(bars),
        StudySpec::WalkForward(spec) => {
            WalkForward::new(&ground.setting, spec, &maker(&spec.search), bars)?.units()
        }
        StudySpec::MonteCarlo(spec) => {
            spec.check()?;
            // The backtest of which the courses are made, too.
            1 + spec.units()
        }
    })
}

/// Runs a study to its end, or until the threads are told to end; what is done by then is in the report.
///
/// # Errors
/// [`StudyError`] says what to change.
pub(crate) fn run(spec: &StudySpec, ground: &Ground, threads: &Threads) -> Result<StudyReport, StudyError> {
    let began = Instant::now();
    let (setting, bars) = (&ground.setting, ground.data().len());
    let quality = ground.quality;
    let mut report = match spec {
        StudySpec::Sweep(spec) => {
            let make = maker(&spec.search);
            let sweep = Sweep::new(setting, spec, &make, bars)?;
            StudyReport::Sweep(Box::new(sweep.run(setting, ground.data(), threads)?))
        }
        StudySpec::WalkForward(spec) => {
            let make = maker(&spec.search);
            let walk = WalkForward::new(setting, spec, &make, bars)?;
            StudyReport::WalkForward(Box::new(walk.run(setting, ground.data(), threads)?))
        }
        StudySpec::MonteCarlo(spec) => StudyReport::MonteCarlo(Box::new(courses(spec, ground, threads)?)),
    };
    let seconds = began.elapsed().as_secs_f64();
    let timing = SweepTiming {
        load_ms: ground.load_ms,
        run_ms: seconds * 1e3,
        combinations_per_second: threads.done() as f64 / seconds.max(1e-9),
        threads: threads.count() as u64,
    };
    match &mut report {
        StudyReport::Sweep(report) => (report.data_quality, report.timing) = (quality, timing),
        StudyReport::WalkForward(report) => (report.data_quality, report.timing) = (quality, timing),
        StudyReport::MonteCarlo(report) => (report.data_quality, report.timing) = (quality, timing),
    }
    Ok(report)
}

fn maker(spec: &SearchSpec) -> impl Fn(&Axes) -> Result<Box<dyn Search>, SweepError> {
    move |axes| search(spec, axes)
}

/// Runs the backtest once, and simulates other courses of it.
fn courses(
    spec: &MonteCarloSpec,
    ground: &Ground,
    threads: &Threads,
) -> Result<MonteCarloReport, MonteCarloError> {
    let config = &ground.setting.config;
    let outcome = ground.backtest(&mut |_| !threads.is_canceled())?;
    if let Some(failure) = outcome.engine().script_failure() {
        return Err(MonteCarloError::Backtest(format!("the script failed: {failure}")));
    }
    let initial = config.initial_capital.to_f64();
    let returns = match spec.resampling {
        Resampling::TradeOrder | Resampling::Trades => {
            let mut closed: Vec<_> = outcome.trades.iter().filter(|trade| trade.is_closed()).collect();
            // Of several symbols the one that is opened first may be closed last.
            closed.sort_by_key(|trade| trade.exit_time);
            trade_returns(closed.into_iter().map(|trade| trade.pnl.to_f64()), initial)
        }
        Resampling::Days => outcome.engine().daily_returns(),
    };
    threads.passed();
    let result = spec.run(&returns, initial, threads)?;
    Ok(MonteCarloReport {
        run: RunFacts::of(config, ground.data(), 0..ground.data().len()),
        params: config.strategy.params.clone(),
        spec: spec.clone(),
        warnings: outcome.warnings(ground.bars()),
        metrics: outcome.metrics,
        result,
        data_quality: DataQuality::default(),
        timing: SweepTiming::default(),
    })
}
