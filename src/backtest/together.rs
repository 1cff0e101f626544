//! Backtests of several instruments.

use super::recorder::Recorder;
use super::{Alone, Canceled, Company, Outcome, Shadows, progress_every};
use crate::engine::{Band, BandCurve, Command, Engine, EngineConfig, Input};
use crate::market::{BarMerge, Bars, MarketEvent};
use crate::model::InstrumentId;
use std::mem::ManuallyDrop;

/// Runs the engine over bars of several instruments, those of each at its place in [`EngineConfig::instruments`], by the
/// order of [`BarMerge`]: start, every bar, finish. A replay session feeds its engine the very same inputs.
///
/// # Errors
/// [`Canceled`] when `progress` ended the run.
pub fn run_together(
    config: EngineConfig,
    bars: &[Bars],
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Outcome, Canceled> {
    drive(config, bars, Alone, progress)
}

/// The same with a [`Band`] beside it.
///
/// # Errors
/// [`Canceled`] when `progress` ended the run.
pub fn run_together_with_band(
    config: EngineConfig,
    bars: &[Bars],
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Outcome, Canceled> {
    let company = Shadows {
        band: Band::new(&config),
        curve: BandCurve::default(),
    };
    drive(config, bars, company, progress)
}

fn drive<C: Company>(
    config: EngineConfig,
    bars: &[Bars],
    mut company: C,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Outcome, Canceled> {
    let (base_timeframe, progress_every) = (config.base_timeframe, progress_every(&config));
    let moments = bars.iter().map(Bars::len).max().unwrap_or(0);
    let mut recorder = Recorder::new(moments, config.initial_capital.amount);
    let mut engine = Engine::new(config);
    let mut process = |input: &Input| {
        company.process(&engine, input);
        engine.process_into(input, &mut recorder);
    };
    let mut merge = BarMerge::default();
    if let Some((_, first)) = merge.peek(bars) {
        process(&Input::Command(first.open_time, Command::Start));
    }
    let (mut done, mut last) = (0, None);
    while let Some((index, bar)) = merge.next(bars) {
        if done % progress_every == 0 && !progress(done as u64) {
            return Err(Canceled);
        }
        let at = InstrumentId(u16::try_from(index).unwrap_or(u16::MAX));
        process(&ManuallyDrop::new(Input::Market(at, MarketEvent::Bar(bar))));
        done += 1;
        last = Some(bar.open_time);
    }
    if let Some(last) = last {
        process(&Input::Command(base_timeframe.close_of(last), Command::Finish));
    }
    progress(done as u64);
    Ok(Outcome::new(engine, recorder, company.band(), 0))
}
