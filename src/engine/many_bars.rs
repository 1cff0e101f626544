//! Many bars at once. What the market alone decides is computed for a block of them (see [`Ahead`]); then each bar is
//! passed quietly, when nothing can happen on it but the mark, or taken in like any other input.
//!
//! Whether a bar is quiet is not guessed: all that watches the account takes the bar in on a copy, by the same functions
//! as always, and the copy counts only if none of them found anything.

use super::ahead::Ahead;
use super::chain::Marks;
use super::{Engine, EventKind, Input, Mark, SessionState, Sink};
use crate::alert::Watch;
use crate::analytics::MarkSums;
use crate::market::{Aggregated, Bar, BarAggregator, BarSlice, MarketEvent};
use crate::model::{InstrumentId, Timeframe, Timestamp};
use crate::risk::Protection;
use std::mem::ManuallyDrop;

impl Engine {
    /// Takes many bars of the strategy's instrument in, one after the other: what [`Engine::process_into`] would do with
    /// [`MarketEvent::Bar`] for each, bit for bit, in a fraction of the time.
    pub fn process_bars<S: Sink>(&mut self, bars: BarSlice<'_>, sink: &mut S) {
        let takes_bars = self.together.is_none()
            && matches!(
                self.state,
                SessionState::Running | SessionState::Paused | SessionState::Halted
            );
        let [desk] = &mut self.desks[..] else {
            return bars.iter().for_each(|bar| self.process_bar(bar, sink));
        };
        let room = desk
            .ahead
            .take()
            .or_else(|| Ahead::new(&desk.program).map(Box::new));
        let is_free = takes_bars && desk.base_bars.current().is_none();
        let Some(mut ahead) = room.filter(|_| is_free) else {
            return bars.iter().for_each(|bar| self.process_bar(bar, sink));
        };
        let mut from = 0;
        while from < bars.len() {
            let to = bars.len().min(from + ahead.room());
            ahead = self.process_block(bars.slice(from..to), ahead, sink);
            from = to;
        }
        self.desks[0].ahead = Some(ahead);
    }

    fn process_bar<S: Sink>(&mut self, bar: Bar, sink: &mut S) {
        // A bar has nothing to drop, which the compiler cannot see through the other events.
        self.process_into(&ManuallyDrop::new(Input::market(MarketEvent::Bar(bar))), sink);
    }

    /// Takes a block in, and gives the room for the next one back.
    fn process_block<S: Sink>(
        &mut self,
        block: BarSlice<'_>,
        mut ahead: Box<Ahead>,
        sink: &mut S,
    ) -> Box<Ahead> {
        let base = self.config.base_timeframe;
        let desk = &mut self.desks[0];
        let rules = &self.config.strategy.rules;
        ahead.compute(&mut desk.program, rules, desk.strategy_bars, (base, block));
        let mut index = 0;
        while index < block.len() {
            let next = self.pass_quietly(block, index, &ahead, sink);
            ahead.skip(index, next);
            index = next;
            if index < block.len() {
                self.desks[0].ahead = Some(ahead);
                self.process_bar(block.bar(index), sink);
                let Some(back) = self.desks[0].ahead.take() else {
                    unreachable!("it is lent for one bar");
                };
                ahead = back;
                index += 1;
            }
        }
        ahead.show_last(&mut self.desks[0].program, block);
        ahead
    }

    /// Passes the bars from `from` on that are quiet; says which is the first that is not.
    fn pass_quietly<S: Sink>(
        &mut self,
        block: BarSlice<'_>,
        from: usize,
        ahead: &Ahead,
        sink: &mut S,
    ) -> usize {
        if !self.may_pass_quietly(ahead) {
            return from;
        }
        let (base, holds) = (self.config.base_timeframe, self.desks[0].held.quantity != 0.0);
        let (lower, upper) = self.cached.covered;
        // A bar that opens at an expiry comes after it.
        let due_from = self.due_at.plus_nanos(-1);
        let (sums, day_end) = self.metrics.marks();
        let mut quiet = Quiet {
            sums,
            watch: self.watch,
            protection: self.protection,
            marks: self.chain.marks(),
            strategy_bars: self.desks[0].strategy_bars,
            seq: self.chain.seq(),
            closed: 0,
        };
        let mut index = from;
        while index < block.len() && !ahead.wants(index) {
            let bar = block.bar(index);
            let time = base.close_of(bar.open_time);
            let sleeps = self.market(InstrumentId::PRIMARY).orders.sleeps_through(&bar);
            let is_uncovered = bar.low < lower || bar.high > upper;
            let is_due = bar.open_time >= due_from;
            if !sleeps || is_uncovered || is_due || time > day_end || self.account.accrues_at(time) {
                break;
            }
            let (equity, position_value) = self.equity_at(bar.close);
            let mark = Mark {
                time,
                price: bar.close,
                equity,
            };
            let mut next = quiet;
            let Some(closed) = next.take(&bar, base, &mark, holds, S::READS_JOURNAL) else {
                break;
            };
            let cash = self.cached.cash;
            let told = || EventKind::Mark {
                price: bar.close,
                equity,
                cash,
                position_value,
                optimistic: None,
                pessimistic: None,
            };
            quiet.tell_bar(closed.earlier, sink);
            quiet.tell(time, told, sink);
            sink.mark(mark);
            quiet.tell_bar(closed.completed, sink);
            next.seq = quiet.seq;
            quiet = next;
            self.market_mut(InstrumentId::PRIMARY)
                .conditions
                .on_bar(&bar, base);
            index += 1;
        }
        if index > from {
            self.inputs += (index - from) as u64;
            self.keep(quiet, &block.bar(index - 1));
        }
        index
    }

    /// Whether, as things stand, there can be quiet bars at all.
    fn may_pass_quietly(&self, ahead: &Ahead) -> bool {
        // What reads the position is known for an account that holds nothing.
        (self.desks[0].held.quantity == 0.0 || ahead.is_of_market())
            && self.on_their_way.is_empty()
            && self.config.option_model.is_none()
            && self.markets.iter().all(|market| market.tick_time().is_none())
    }

    /// Takes over what quiet bars changed, up to the last of them.
    fn keep(&mut self, quiet: Quiet, last: &Bar) {
        self.metrics.set_marks(quiet.sums);
        self.watch = quiet.watch;
        self.protection = quiet.protection;
        self.chain.pass(quiet.seq, quiet.marks);
        let desk = &mut self.desks[0];
        desk.strategy_bars = quiet.strategy_bars;
        desk.cooldown_left = desk.cooldown_left.saturating_sub(quiet.closed);
        if desk.held.quantity != 0.0 {
            desk.bars_in_trade += quiet.closed;
        }
        self.market_mut(InstrumentId::PRIMARY).last_price = Some(last.close);
        self.reach(self.config.base_timeframe.close_of(last.open_time));
    }
}

/// What a quiet bar changes.
#[derive(Clone, Copy)]
struct Quiet {
    sums: MarkSums,
    watch: Watch,
    protection: Protection,
    marks: Marks,
    strategy_bars: BarAggregator,
    seq: u64,
    /// How many bars of the strategy's timeframe closed.
    closed: u32,
}

impl Quiet {
    /// Takes a bar in, and gives the bars of the strategy's timeframe that it closes; `None` when somebody found something.
    #[inline]
    fn take(
        &mut self,
        bar: &Bar,
        base: Timeframe,
        mark: &Mark,
        holds: bool,
        is_read: bool,
    ) -> Option<Aggregated> {
        // After a gap, the strategy's bar that ended before this one closes first.
        let earlier = self.strategy_bars.advance(bar.open_time);
        if let Some(earlier) = &earlier {
            self.close(earlier)?;
        }
        self.sums.on_mark(mark.time, mark.equity, mark.price, holds);
        if is_read {
            self.marks.fold(mark.price, mark.equity);
        }
        if self.watch.on_mark(mark.equity).is_some()
            || self.protection.on_mark(bar.open_time, mark.equity).is_some()
        {
            return None;
        }
        let completed = self.strategy_bars.push_bar(bar, base).completed;
        if let Some(completed) = &completed {
            self.close(completed)?;
        }
        Some(Aggregated { earlier, completed })
    }

    /// Closes a bar of the strategy's timeframe.
    #[inline]
    fn close(&mut self, bar: &Bar) -> Option<()> {
        self.closed += 1;
        self.watch.on_close(bar.close).is_none().then_some(())
    }

    /// Numbers a market event.
    #[inline]
    fn tell<S: Sink>(&mut self, time: Timestamp, kind: impl FnOnce() -> EventKind, sink: &mut S) {
        self.seq += 1;
        sink.market(self.seq, time, kind);
    }

    #[inline]
    fn tell_bar<S: Sink>(&mut self, bar: Option<Bar>, sink: &mut S) {
        if let Some(bar) = bar {
            let time = self.strategy_bars.timeframe().close_of(bar.open_time);
            self.tell(
                time,
                || EventKind::Bar {
                    instrument: InstrumentId::PRIMARY,
                    bar,
                    history: false,
                },
                sink,
            );
        }
    }
}
