//! Backtests: the engine over a slice of bars.

mod outcome;
mod recorder;

pub use outcome::{BandOutcome, Outcome, ReportContext, ShadowOutcome};

use crate::engine::{Band, BandCurve, Command, Engine, EngineConfig, Input};
use crate::market::{BarAggregator, Bars, DatedAction, MarketEvent, actions_within};
use crate::model::Timeframe;
use recorder::Recorder;
use std::mem::ManuallyDrop;

/// How many bars pass between two calls of the progress function.
const PROGRESS_EVERY: usize = 8_192;

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
    mut company: C,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Outcome, Canceled> {
    let base_timeframe = config.base_timeframe;
    let capital = config.initial_capital;
    let (bars, mut actions) = (data.bars, data.actions_within(base_timeframe));
    let taken_in = actions.len() as u64;
    let mut engine = Engine::new(config);
    let mut recorder = Recorder::new(bars.len(), capital.amount);
    let mut process = |input: &Input| {
        company.process(&engine, input);
        engine.process_into(input, &mut recorder);
    };
    if let Some(first) = bars.open_time.first() {
        process(&Input::Command(*first, Command::Start));
    }
    let mut next_action = due(actions);
    for (index, bar) in bars.iter().enumerate() {
        if index % PROGRESS_EVERY == 0 && !progress(index as u64) {
            return Err(Canceled);
        }
        while next_action <= bar.open_time.nanos() {
            actions = act(actions, &mut process);
            next_action = due(actions);
        }
        // A bar has nothing to drop, which the compiler cannot see through the other events.
        process(&ManuallyDrop::new(Input::market(MarketEvent::Bar(bar))));
    }
    while !actions.is_empty() {
        actions = act(actions, &mut process);
    }
    if let Some(last) = bars.open_time.last() {
        process(&Input::Command(base_timeframe.close_of(*last), Command::Finish));
    }
    progress(bars.len() as u64);
    Ok(Outcome::new(engine, recorder, company.band(), taken_in))
}

/// When the first action is due, in nanoseconds; later than everything when there is none.
fn due(actions: &[DatedAction]) -> i64 {
    actions.first().map_or(i64::MAX, |next| next.time.nanos())
}

/// Takes in the first action; gives the others.
#[cold]
fn act<'a>(actions: &'a [DatedAction], process: &mut impl FnMut(&Input)) -> &'a [DatedAction] {
    let Some((next, later)) = actions.split_first() else {
        return actions;
    };
    process(&Input::market(MarketEvent::from(next.clone())));
    later
}

/// What runs beside the engine.
trait Company {
    /// Takes in what the engine is about to take in.
    fn process(&mut self, engine: &Engine, input: &Input);

    fn band(self) -> Option<BandOutcome>;
}

/// Nothing.
struct Alone;

impl Company for Alone {
    #[inline]
    fn process(&mut self, _engine: &Engine, _input: &Input) {}

    fn band(self) -> Option<BandOutcome> {
        None
    }
}

struct Shadows {
    band: Band,
    curve: BandCurve,
}

impl Company for Shadows {
    #[inline]
    fn process(&mut self, engine: &Engine, input: &Input) {
        self.band.process(engine, input, &mut self.curve);
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
