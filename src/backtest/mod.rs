//! Backtests: the engine over a slice of bars; searches over parameters, and what they prove.

mod fills;
mod monte_carlo;
mod outcome;
pub mod overfitting;
mod plan;
mod preview;
mod recorder;
mod span;
mod study_data;
pub mod sweep;
mod together;
mod walk_forward;
mod warnings;

pub use fills::Fills;
pub use monte_carlo::{
    FanPoint, MonteCarlo, MonteCarloError, MonteCarloSpec, Quantiles, Resampling, trade_returns,
};
pub use outcome::{BandOutcome, Outcome, ReportContext, ShadowOutcome};
pub use plan::{BarSource, compile, configure, configure_together, each_once, wanted_symbols, within};
pub use preview::{chart_bars, check, preview};
pub use span::Span;
pub use study_data::StudyData;
pub use together::{run_together, run_together_with_band};
pub use walk_forward::{WalkForward, WalkForwardSpec};
pub use warnings::{of_funding as funding_warning, of_volume as volume_warnings, over as warnings_over};

use crate::engine::{Band, BandCurve, Command, Engine, EngineConfig, Input};
use crate::market::{BarAggregator, BarSlice, Bars, DatedAction, MarketEvent, actions_within};
use crate::model::{Timeframe, Timestamp};
use recorder::Recorder;

/// How many bars pass between two calls of the progress function: a few milliseconds.
const PROGRESS_EVERY: usize = 8_192;
/// The same of a strategy with a script, which may take milliseconds a bar: an end that is asked for is felt within a second.
const PROGRESS_EVERY_WITH_SCRIPT: usize = 128;

const fn progress_every(config: &EngineConfig) -> usize {
    if config.strategy.program.has_script() {
        PROGRESS_EVERY_WITH_SCRIPT
    } else {
        PROGRESS_EVERY
    }
}

/// The progress function asked for an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the backtest was canceled")]
pub struct Canceled;

/// What a backtest runs over.
#[derive(Clone, Copy, Debug)]
pub struct MarketData<'a> {
    /// Bars of the configuration's base timeframe.
    pub bars: &'a Bars,
    /// What happened beside the trading, in order of time. Those from the first bar's open to the last one's close count.
    pub actions: &'a [DatedAction],
}

impl<'a> From<&'a Bars> for MarketData<'a> {
    fn from(bars: &'a Bars) -> Self {
        Self { bars, actions: &[] }
    }
}

impl<'a> MarketData<'a> {
    /// The actions that fall into the bars' span.
    #[must_use]
    pub fn actions_within(self, timeframe: Timeframe) -> &'a [DatedAction] {
        match (self.bars.open_time.first(), self.bars.open_time.last()) {
            (Some(first), Some(last)) => actions_within(self.actions, *first, timeframe.close_of(*last)),
            _ => &[],
        }
    }
}

/// Runs the engine over `data` of the configuration's base timeframe: start, every bar with the
/// actions that come before it, finish. A replay session feeds its engine the very same inputs.
///
/// `progress` hears every few thousand bars how many are done, and ends the run by answering `false`.
///
/// # Errors
/// [`Canceled`] when `progress` ended the run.
pub fn run<'a>(
    config: EngineConfig,
    data: impl Into<MarketData<'a>>,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Outcome, Canceled> {
    drive(config, data.into(), Alone, progress)
}

/// The same with a [`Band`] beside it; all but [`Outcome::band`] is bit for bit what [`run`] gives.
///
/// # Errors
/// [`Canceled`] when `progress` ended the run.
pub fn run_with_band<'a>(
    config: EngineConfig,
    data: impl Into<MarketData<'a>>,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Outcome, Canceled> {
    let data = data.into();
    let company = Shadows {
        band: Band::new(&config),
        curve: BandCurve::with_capacity(data.bars.len()),
    };
    drive(config, data, company, progress)
}

fn drive<C: Company>(
    config: EngineConfig,
    data: MarketData<'_>,
    company: C,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Outcome, Canceled> {
    let (base_timeframe, progress_every) = (config.base_timeframe, progress_every(&config));
    let (bars, mut actions) = (data.bars, data.actions_within(base_timeframe));
    let taken_in = actions.len() as u64;
    let mut run = Run {
        recorder: Recorder::new(bars.len(), config.initial_capital.amount),
        engine: Engine::new(config),
        company,
    };
    if let Some(first) = bars.open_time.first() {
        run.process(&Input::Command(*first, Command::Start));
    }
    let mut from = 0;
    while from < bars.len() {
        if !progress(from as u64) {
            return Err(Canceled);
        }
        // What is due at a bar's open comes before the bar.
        while let Some((action, later)) = actions.split_first()
            && action.time <= bars.open_time[from]
        {
            run.process(&Input::market(MarketEvent::from(action.clone())));
            actions = later;
        }
        let most = bars.len().min(from + progress_every);
        let is_before = |open: &Timestamp| actions.first().is_none_or(|next| *open < next.time);
        let to = from + bars.open_time[from..most].partition_point(is_before);
        run.process_bars(bars.slice(from..to));
        from = to;
    }
    for action in actions {
        run.process(&Input::market(MarketEvent::from(action.clone())));
    }
    if let Some(last) = bars.open_time.last() {
        let end = base_timeframe.close_of(*last);
        run.process(&Input::Command(end, Command::Finish));
    }
    progress(bars.len() as u64);
    Ok(Outcome::new(
        run.engine,
        run.recorder,
        run.company.band(),
        taken_in,
    ))
}

/// A backtest under way.
struct Run<C> {
    engine: Engine,
    recorder: Recorder,
    company: C,
}

impl<C: Company> Run<C> {
    fn process(&mut self, input: &Input) {
        self.company.process(&self.engine, input);
        self.engine.process_into(input, &mut self.recorder);
    }

    fn process_bars(&mut self, bars: BarSlice<'_>) {
        self.company.process_bars(bars);
        self.engine.process_bars(bars, &mut self.recorder);
    }
}

/// What runs beside the engine.
trait Company {
    /// Takes in what the engine is about to take in.
    fn process(&mut self, engine: &Engine, input: &Input);

    /// Takes in many bars, which the engine takes in, too.
    fn process_bars(&mut self, bars: BarSlice<'_>);

    fn band(self) -> Option<BandOutcome>;
}

/// Nothing.
struct Alone;

impl Company for Alone {
    fn process(&mut self, _engine: &Engine, _input: &Input) {}

    fn process_bars(&mut self, _bars: BarSlice<'_>) {}

    fn band(self) -> Option<BandOutcome> {
        None
    }
}

struct Shadows {
    band: Band,
    curve: BandCurve,
}

impl Company for Shadows {
    fn process(&mut self, engine: &Engine, input: &Input) {
        self.band.process(engine, input, &mut self.curve);
    }

    fn process_bars(&mut self, bars: BarSlice<'_>) {
        self.band.process_bars(bars, &mut self.curve);
    }

    fn band(self) -> Option<BandOutcome> {
        Some(BandOutcome::new(&self.band, self.curve))
    }
}

/// The bars of a longer timeframe that `bars` make; one still open at the end is left out.
#[must_use]
pub fn aggregate(bars: &Bars, from: Timeframe, to: Timeframe) -> Bars {
    if from == to {
        return bars.clone();
    }
    let mut aggregator = BarAggregator::new(to);
    bars.iter()
        .flat_map(|bar| {
            let closed = aggregator.push_bar(&bar, from);
            [closed.earlier, closed.completed]
        })
        .flatten()
        .collect()
}
