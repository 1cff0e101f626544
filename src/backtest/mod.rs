//! Backtests: the engine over a slice of bars.

mod outcome;
mod recorder;

pub use outcome::{Outcome, ReportContext};

use crate::engine::{Command, Engine, EngineConfig, Input};
use crate::market::{BarAggregator, Bars, MarketEvent};
use crate::model::Timeframe;
use recorder::Recorder;

/// How many bars pass between two calls of the progress function.
const PROGRESS_EVERY: usize = 8_192;

/// The progress function asked for an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the backtest was canceled")]
pub struct Canceled;

/// Runs the engine over `bars` of the configuration's base timeframe: start, every bar, finish. A replay session feeds
/// its engine the very same inputs.
///
/// `progress` hears every few thousand bars how many are done, and ends the run by answering `false`.
///
/// # Errors
/// [`Canceled`] when `progress` ended the run.
pub fn run(
    config: EngineConfig,
    bars: &Bars,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Outcome, Canceled> {
    let base_timeframe = config.base_timeframe;
    let capital = config.initial_capital;
    let mut engine = Engine::new(config);
    let mut recorder = Recorder::new(bars.len(), capital.amount);
    if let Some(first) = bars.open_time.first() {
        engine.process_into(&Input::Command(*first, Command::Start), &mut recorder);
    }
    for (index, bar) in bars.iter().enumerate() {
        if index % PROGRESS_EVERY == 0 && !progress(index as u64) {
            return Err(Canceled);
        }
        engine.process_into(&Input::market(MarketEvent::Bar(bar)), &mut recorder);
    }
    if let Some(last) = bars.open_time.last() {
        engine.process_into(
            &Input::Command(base_timeframe.close_of(*last), Command::Finish),
            &mut recorder,
        );
    }
    progress(bars.len() as u64);
    Ok(Outcome::new(engine, recorder))
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
