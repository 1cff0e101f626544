//! A run over a part of the bars, of which nothing is kept but what the engine knows at the end.

use super::{Canceled, PROGRESS_EVERY};
use crate::engine::{Command, Engine, EngineConfig, Event, EventKind, Input, Sink};
use crate::market::{Bars, MarketEvent};
use crate::model::{Timeframe, Timestamp};
use std::mem::ManuallyDrop;
use std::ops::Range;

/// Which bars a run trades, and which its indicators see before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Seen by the indicators only: no order, no equity.
    pub history: Range<usize>,
    /// Traded.
    pub live: Range<usize>,
}

impl Span {
    /// All of so many bars, none before.
    #[must_use]
    pub const fn all(bars: usize) -> Self {
        Self {
            history: 0..0,
            live: 0..bars,
        }
    }

    /// The bars `live`, and before them as many as the strategy needs to know all its values at the first of them, as far
    /// as there are.
    #[must_use]
    pub fn warmed_up(live: Range<usize>, warm_up: usize, strategy: Timeframe, base: Timeframe) -> Self {
        let each = usize::try_from(strategy.secs() / base.secs().max(1))
            .unwrap_or(1)
            .max(1);
        // One more, because the first may begin in the middle of a bar of the strategy.
        let wanted = warm_up.saturating_add(1).saturating_mul(each);
        Self {
            history: live.start.saturating_sub(wanted)..live.start,
            live,
        }
    }
}

/// Runs the engine over a span; `keep_going` is asked every few thousand bars, and ends the run by answering `false`.
pub(super) fn run_span(
    config: EngineConfig,
    bars: &Bars,
    span: &Span,
    keep_going: &dyn Fn() -> bool,
) -> Result<Engine, Canceled> {
    drive_span(config, bars, span, &mut Unread, keep_going)
}

/// The same for a sink that listens.
pub(super) fn drive_span<S: Sink>(
    config: EngineConfig,
    bars: &Bars,
    span: &Span,
    sink: &mut S,
    keep_going: &dyn Fn() -> bool,
) -> Result<Engine, Canceled> {
    let base = config.base_timeframe;
    let mut engine = Engine::new(config);
    for bar in span.history.clone().filter_map(|index| bars.get(index)) {
        engine.process_into(&Input::History(bar), sink);
    }
    let live = span.live.clone();
    let time = |index: usize| bars.open_time.get(index).copied();
    if let Some(first) = time(live.start).filter(|_| !live.is_empty()) {
        engine.process_into(&Input::Command(first, Command::Start), sink);
    }
    for (number, bar) in live.clone().filter_map(|index| bars.get(index)).enumerate() {
        if number % PROGRESS_EVERY == 0 && !keep_going() {
            return Err(Canceled);
        }
        // A bar has nothing to drop, which the compiler cannot see through the other events.
        let input = ManuallyDrop::new(Input::market(MarketEvent::Bar(bar)));
        engine.process_into(&input, sink);
    }
    if let Some(last) = live
        .end
        .checked_sub(1)
        .and_then(time)
        .filter(|_| !live.is_empty())
    {
        engine.process_into(&Input::Command(base.close_of(last), Command::Finish), sink);
    }
    Ok(engine)
}

/// Nobody listens: no event is written out.
struct Unread;

impl Sink for Unread {
    const READS_JOURNAL: bool = false;

    fn journal(&mut self, _event: Event) {}

    #[inline]
    fn market(&mut self, _seq: u64, _time: Timestamp, _kind: impl FnOnce() -> EventKind) {}
}
