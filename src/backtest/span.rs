//! A run over a part of the bars.

use super::warnings::Seen;
use super::{Canceled, StudyData, progress_every};
use crate::engine::{Command, Engine, EngineConfig, Event, EventKind, Input, Sink};
use crate::market::{BarMerge, MarketEvent, actions_within};
use crate::model::{InstrumentId, Timeframe, Timestamp};
use crate::strategy::SharedColumns;
use std::ops::Range;

/// Which bars a run trades, and which its indicators see before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Seen by the indicators only: no order, no equity.
    pub history: Range<usize>,
    /// Traded.
    pub live: Range<usize>,
    /// The bar after them at whose open what is held then is closed, where it is not to be left open.
    pub leave: Option<usize>,
}

impl Span {
    /// The bars `live`, and none before them.
    #[must_use]
    pub const fn cold(live: Range<usize>) -> Self {
        Self {
            history: live.start..live.start,
            live,
            leave: None,
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
            leave: None,
        }
    }

    /// The same, and what is held at the end is closed at the open of the bar that follows, if there is one.
    #[must_use]
    pub fn closed_after(self, bars: usize) -> Self {
        Self {
            leave: Some(self.live.end).filter(|next| *next < bars),
            ..self
        }
    }
}

impl Span {
    /// What a run over it sees of the data.
    pub(super) fn seen(&self, data: StudyData<'_>) -> Seen {
        Seen::of(data.part(self.history.start..self.live.end))
    }
}

/// Runs the engine over a span of the data, inside of which the span lies: the bars before as history, start, every bar
/// with the actions that come before it, finish. `keep_going` is asked every few thousand bars, and ends the run by
/// answering `false`. Runs over the same span may share the results of their indicators.
pub(super) fn run_span<S: Sink>(
    config: EngineConfig,
    data: StudyData<'_>,
    span: &Span,
    shared: Option<&SharedColumns>,
    sink: &mut S,
    keep_going: &dyn Fn() -> bool,
) -> Result<Engine, Canceled> {
    let [bars] = data.bars else {
        return run_span_together(config, data, span, sink, keep_going);
    };
    let (base, progress_every) = (config.base_timeframe, progress_every(&config));
    let mut engine = Engine::new(config);
    for (passed, bar) in span
        .history
        .clone()
        .filter_map(|index| bars.get(index))
        .enumerate()
    {
        if passed % progress_every == 0 && !keep_going() {
            return Err(Canceled);
        }
        engine.process_into(&Input::History(InstrumentId::PRIMARY, bar), sink);
    }
    let live = bars.slice(span.live.clone());
    // A bar after the others would find indicators that have not seen those.
    let shared = shared.filter(|_| span.leave.is_none());
    if let Some(shared) = shared {
        engine.share_columns(shared, live.len());
    }
    let (Some(first), Some(last)) = (live.open_time.first(), live.open_time.last()) else {
        return Ok(engine);
    };
    let end = base.close_of(*last);
    let mut actions = actions_within(data.actions, *first, end);
    engine.process_into(&Input::Command(*first, Command::Start), sink);
    let mut from = 0;
    while from < live.len() {
        if !keep_going() {
            return Err(Canceled);
        }
        // What is due at a bar's open comes before the bar.
        while let Some((action, later)) = actions.split_first()
            && action.time <= live.open_time[from]
        {
            engine.process_into(&Input::market(MarketEvent::from(action.clone())), sink);
            actions = later;
        }
        let most = live.len().min(from + progress_every);
        let is_before = |open: &Timestamp| actions.first().is_none_or(|next| *open < next.time);
        let to = from + live.open_time[from..most].partition_point(is_before);
        engine.process_bars(live.slice(from..to), sink);
        from = to;
    }
    if let Some(shared) = shared {
        engine.leave_columns(shared);
    }
    for action in actions {
        engine.process_into(&Input::market(MarketEvent::from(action.clone())), sink);
    }
    if let Some(bar) = span.leave.and_then(|next| bars.get(next))
        && engine.position().is_some()
    {
        engine.process_into(&Input::Command(end, Command::Flatten), sink);
        engine.process_into(&Input::market(MarketEvent::Bar(bar)), sink);
    }
    engine.process_into(&Input::Command(end, Command::Finish), sink);
    Ok(engine)
}

/// The same over several instruments, bar by bar in the order of [`BarMerge`].
fn run_span_together<S: Sink>(
    config: EngineConfig,
    data: StudyData<'_>,
    span: &Span,
    sink: &mut S,
    keep_going: &dyn Fn() -> bool,
) -> Result<Engine, Canceled> {
    let (base, progress_every) = (config.base_timeframe, progress_every(&config));
    let mut engine = Engine::new(config);
    let ends = [span.history.start, span.live.start, span.live.end.wrapping_sub(1)];
    let [Some(begin), Some(first), Some(last)] = ends.map(|at| data.open_time(at)) else {
        return Ok(engine);
    };
    let end = base.close_of(last);
    let mut merge = BarMerge::beginning_at(begin, data.bars);
    let mut next = |until: Timestamp| {
        let (index, bar) = merge.peek(data.bars).filter(|(_, bar)| bar.open_time <= until)?;
        merge.next(data.bars);
        Some((InstrumentId(u16::try_from(index).unwrap_or(u16::MAX)), bar))
    };
    let (mut passed, mut is_started) = (0, false);
    while let Some((at, bar)) = next(last) {
        if passed % progress_every == 0 && !keep_going() {
            return Err(Canceled);
        }
        passed += 1;
        if bar.open_time < first {
            engine.process_into(&Input::History(at, bar), sink);
            continue;
        }
        if !std::mem::replace(&mut is_started, true) {
            engine.process_into(&Input::Command(first, Command::Start), sink);
        }
        engine.process_into(&Input::Market(at, MarketEvent::Bar(bar)), sink);
    }
    // Not every symbol has a bar at the next time of the clock: each is closed at its next open, but for those that have none for
    // as long as the part itself was.
    let latest = span.leave.and_then(|leave| {
        let latest = (leave + span.live.len()).min(data.len());
        data.open_time(latest.checked_sub(1)?)
    });
    if let Some(latest) = latest
        && !engine.positions().is_empty()
    {
        for command in [Command::Pause, Command::Flatten] {
            engine.process_into(&Input::Command(end, command), sink);
        }
        while !engine.positions().is_empty()
            && let Some((at, bar)) = next(latest)
        {
            engine.process_into(&Input::Market(at, MarketEvent::Bar(bar)), sink);
        }
    }
    engine.process_into(&Input::Command(end, Command::Finish), sink);
    Ok(engine)
}

/// Listens to nothing, so that nothing is written out.
pub(super) struct Deaf;

impl Sink for Deaf {
    const READS_JOURNAL: bool = false;

    fn journal(&mut self, _event: Event) {}

    #[inline]
    fn market(&mut self, _seq: u64, _time: Timestamp, _kind: impl FnOnce() -> EventKind) {}

    #[inline]
    fn marks(&mut self, _times: impl Iterator<Item = Timestamp>, _prices: &[f64], _equity: &[f64]) {}
}
