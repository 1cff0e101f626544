//! Many bars at once. What the market alone decides is computed for a block of them (see [`Ahead`]); then each bar is
//! passed quietly, when nothing can happen on it but the mark, or taken in like any other input.
//!
//! Whether a bar is quiet is not guessed: what watches the account takes the bars in on copies, by the same functions as
//! always, up to the first on which one of them finds something; that bar is taken in like any other input.

use super::ahead::Ahead;
use super::{Engine, EventKind, Input, SessionState, Sink};
use crate::exchange::Sleep;
use crate::market::{Bar, BarAggregator, BarSlice, MarketEvent};
use crate::model::float::Between;
use crate::model::{InstrumentId, Timeframe, Timestamp};
use crate::portfolio::ValueModel;
use crate::strategy::{PositionView, SharedColumns};
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

    /// Shares the results of indicators with other engines. All of them must take the same at most `bars` bars of the
    /// strategy's instrument, by [`Engine::process_bars`] alone and from the first, and be thrown away after them: what an
    /// indicator would remember of bars that somebody else computed is not known.
    pub(crate) fn share_columns(&mut self, shared: &SharedColumns, bars: usize) {
        let is_alone = self.together.is_none() && self.inputs == 0;
        if let ([desk], true) = (&mut self.desks[..], is_alone) {
            let room = Ahead::new(&desk.program).map(Box::new);
            desk.ahead = room.map(|mut ahead| {
                ahead.share(&desk.program, shared, bars);
                ahead
            });
        }
    }

    /// Leaves to others what was computed for [`Engine::share_columns`], when all bars are taken.
    pub(crate) fn leave_columns(&mut self, shared: &SharedColumns) {
        let is_under_way = !self.state.is_final();
        if let (Some(ahead), true) = (
            self.desks.first_mut().and_then(|desk| desk.ahead.as_mut()),
            is_under_way,
        ) {
            ahead.leave(shared);
        }
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
        let mut room = [0.0; AT_ONCE];
        // Whether our orders have met the bar at `index`, which has yet to close.
        let mut is_met = false;
        while index < block.len() {
            ahead.pass_to(index);
            let cooldown = self.desks[0].cooldown_left as usize;
            let next = self.pass_quietly((block, index), is_met, &ahead, &mut room, sink);
            let passed = next - index;
            if passed > 0 && std::mem::take(&mut is_met) {
                // It was counted when it was met.
                self.inputs -= 1;
            }
            if passed > 0 && ahead.stirs(next - 1) {
                ahead.skip(index, next - 1);
                self.decide_passed(&mut ahead, block, next - 1, cooldown >= passed, sink);
                index = next;
                continue;
            }
            ahead.skip(index, next);
            index = next;
            if index < block.len() {
                let bar = ahead.bar(block, index);
                ahead.show_passed(&mut self.desks[0].program, &bar);
                self.desks[0].ahead = Some(ahead);
                let is_final = self.state.is_final();
                if is_met {
                    self.close_met(InstrumentId::PRIMARY, &bar, sink);
                } else {
                    self.inputs += 1;
                    // One whose trading is over takes bars in as before: there is nothing to meet, and nothing closes.
                    if !is_final {
                        self.meet_inside(InstrumentId::PRIMARY, &bar, sink);
                    }
                }
                debug_assert_eq!(self.check(), Ok(()), "after input {}", self.inputs);
                let Some(back) = self.desks[0].ahead.take() else {
                    unreachable!("it is lent for one bar");
                };
                ahead = back;
                let is_over = is_met || is_final;
                index += usize::from(is_over);
                is_met = !is_over;
            }
        }
        if let Some(last) = block.len().checked_sub(1) {
            ahead.show_passed(&mut self.desks[0].program, &block.bar(last));
        }
        ahead
    }

    /// The bar at `index`, which stirs, has passed quietly: the rules say what they want at its close. `cooling` tells
    /// whether a cooldown went on until then.
    fn decide_passed<S: Sink>(
        &mut self,
        ahead: &mut Ahead,
        block: BarSlice<'_>,
        index: usize,
        cooling: bool,
        sink: &mut S,
    ) {
        let at = InstrumentId::PRIMARY;
        let bar = ahead.bar(block, index);
        // Nothing of it follows from the position, or nothing is held.
        ahead.show_next(&mut self.desks[0].program, &bar, &PositionView::FLAT);
        if !matches!(self.state, SessionState::Running | SessionState::Paused) {
            return;
        }
        let time = self.config.strategy.timeframe.close_of(bar.open_time);
        if let Some(wishes) = self.wanted(at, cooling, time) {
            self.follow(at, wishes, bar.close, time, sink);
        }
        debug_assert_eq!(self.check(), Ok(()), "after input {}", self.inputs);
    }

    /// Passes the bars from `from` on that are quiet, and one more whose close the rules have something to say at, if that
    /// is all that happens on it; says which is the first that is not passed. Our orders may have met the first of them
    /// already. There is `room` for what the account is worth at their closes.
    fn pass_quietly<S: Sink>(
        &mut self,
        (block, from): (BarSlice<'_>, usize),
        is_met: bool,
        ahead: &Ahead,
        room: &mut [f64; AT_ONCE],
        sink: &mut S,
    ) -> usize {
        let Some(limits) = self.limits(ahead) else {
            return from;
        };
        let are_kept = self.market(InstrumentId::PRIMARY).conditions.are_kept();
        if is_met && !(limits.are_of_time() && self.combos.is_empty() && !are_kept) {
            return from;
        }
        let decides = ahead.is_bar_by_bar()
            && self.config.strategy.risk.flatten_before_close.is_none()
            && self.combos.is_empty();
        let mut index = from;
        while index < block.len() {
            let some = block.slice(index..block.len().min(index + AT_ONCE));
            let closes = limits.closes.saturating_sub(ahead.closing(from, index));
            let most = ahead.within_closes(index, some.len(), closes);
            let wanted = if decides {
                ahead.until_stirred(index, most)
            } else {
                ahead.quiet(index, most)
            };
            let lasting = limits.lasting(some.slice(0..wanted));
            if lasting == 0 {
                break;
            }
            let passed = self.pass_some((some.slice(0..lasting), index), &limits, ahead, room, sink);
            index += passed;
            if passed < some.len() || ahead.stirs(index - 1) {
                break;
            }
        }
        index
    }

    /// Passes bars of the block from `from` on that touch no limit up to the first on which somebody finds something; says
    /// how many they were. What every bar changes is done column by column, so that it stays in registers.
    fn pass_some<S: Sink>(
        &mut self,
        (bars, from): (BarSlice<'_>, usize),
        limits: &Limits,
        ahead: &Ahead,
        room: &mut [f64; AT_ONCE],
        sink: &mut S,
    ) -> usize {
        for (equity, close) in room.iter_mut().zip(bars.close) {
            *equity = limits.cash + limits.value_at(*close);
        }
        let closes = Between::of(bars.close);
        let mut worth = limits.worth(closes);
        let count = if self.pass_calmly((bars, from), (closes, worth), room[bars.len() - 1], ahead) {
            bars.len()
        } else {
            let count = self.pass_watched(bars, from, &room[..bars.len()], ahead);
            worth = limits.worth(Between::of(&bars.close[..count]));
            count
        };
        let (bars, equity) = (bars.slice(0..count), &room[..count]);
        let Some(last) = bars.len().checked_sub(1) else {
            return 0;
        };
        let base = self.config.base_timeframe;
        let (mut sums, _) = self.metrics.marks();
        let time_of = |index: usize| base.close_of(bars.open_time[index]);
        let sum = sums.equity_sum();
        let sum = if S::READS_JOURNAL {
            self.chain.fold_all(bars.close, equity, sum)
        } else {
            equity.iter().fold(sum, |sum, equity| sum + equity)
        };
        sums.on_marks(time_of, (bars.close, equity), (worth, sum), limits.holds);
        self.metrics.set_marks(sums);
        if S::READS_MARKET {
            self.tell((bars, from), equity, limits, ahead, sink);
        } else {
            let told = bars.len() + ahead.closing(from, from + bars.len());
            self.chain.number_all(told as u64);
        }
        let times = bars.open_time.iter().map(|open_time| base.close_of(*open_time));
        sink.marks(times, bars.close, equity);
        self.inputs += bars.len() as u64;
        self.reach(base.close_of(bars.open_time[last]));
        self.keep(bars, from, ahead);
        bars.len()
    }

    /// Lets what watches the account take in bars in which, as far apart as their prices are, it can find nothing; says
    /// whether it did.
    fn pass_calmly(
        &mut self,
        (bars, from): (BarSlice<'_>, usize),
        (closes, worth): (Between, Between),
        last_equity: f64,
        ahead: &Ahead,
    ) -> bool {
        let ([first, .., last] | [first @ last]) = bars.open_time else {
            return false;
        };
        let (mut watch, mut protection) = (self.watch, self.protection);
        // The close of the last of the strategy's bars that closed, if one did.
        let closed = ahead.begun(from, from + bars.len()) - from;
        let is_calm = closed
            .checked_sub(1)
            .is_none_or(|closed| watch.pass_closes(closes, bars.close[closed]))
            && watch.pass_marks(worth)
            && protection.pass_marks(
                (*first, *last),
                worth,
                last_equity,
                self.state == SessionState::Halted,
            );
        if is_calm {
            (self.watch, self.protection) = (watch, protection);
        }
        is_calm
    }

    /// Lets what watches the account take in bars one by one, up to the first on which it finds something; says how many
    /// they were.
    fn pass_watched(&mut self, bars: BarSlice<'_>, from: usize, mut equity: &[f64], ahead: &Ahead) -> usize {
        let is_halted = self.state == SessionState::Halted;
        loop {
            let (mut watch, mut protection) = (self.watch, self.protection);
            let closes = (from..).zip(&bars.close[..equity.len()]);
            let mut count = quiet(&mut watch, closes, |watch, (index, close)| {
                ahead.closing(index, index + 1) == 0 || watch.on_close(*close).is_none()
            });
            count = quiet(&mut watch, equity[..count].iter(), |watch, equity| {
                watch.on_mark(*equity).is_none()
            });
            let marks = bars.open_time.iter().zip(&equity[..count]);
            count = quiet(&mut protection, marks, |protection, (open_time, equity)| {
                let breach = protection.on_mark(*open_time, *equity);
                breach.is_none_or(|breach| is_halted && breach.is_over())
            });
            if count == equity.len() {
                (self.watch, self.protection) = (watch, protection);
                return count;
            }
            // Once more, so that nobody has seen what comes after.
            equity = &equity[..count];
        }
    }

    /// Tells the market events of quiet bars.
    fn tell<S: Sink>(
        &mut self,
        (bars, from): (BarSlice<'_>, usize),
        equity: &[f64],
        limits: &Limits,
        ahead: &Ahead,
        sink: &mut S,
    ) {
        let timeframe = self.config.strategy.timeframe;
        for (index, (bar, equity)) in (from..).zip(bars.iter().zip(equity)) {
            let time = limits.base.close_of(bar.open_time);
            self.emit_market(time, sink, || EventKind::Mark {
                price: bar.close,
                equity: *equity,
                cash: limits.cash,
                position_value: limits.value_at(bar.close),
                optimistic: None,
                pessimistic: None,
            });
            if let Some(bar) = ahead.completed(index, bar) {
                let time = timeframe.close_of(bar.open_time);
                self.emit_market(time, sink, || EventKind::Bar {
                    instrument: InstrumentId::PRIMARY,
                    bar,
                    history: false,
                });
            }
        }
    }

    /// Whether nothing is held, and nothing on the way that could be.
    fn is_out(&self) -> bool {
        self.desks[0].held.quantity == 0.0 && self.open_orders().next().is_none()
    }

    /// How far bars may go and still be quiet; `None` when none can be.
    fn limits(&self, ahead: &Ahead) -> Option<Limits> {
        let held = self.desks[0].held;
        // What reads the position is known for an account that holds nothing.
        let can_be = (held.quantity == 0.0 || ahead.is_of_market())
            // Before a session's end something happens that no condition tells of.
            && (self.config.strategy.risk.flatten_before_close.is_none() || self.is_out())
            && ahead.is_in_order()
            && self.on_their_way.is_empty()
            && self.config.option_model.is_none()
            && self.markets.iter().all(|market| market.tick_time().is_none());
        let orders = &self.market(InstrumentId::PRIMARY).orders;
        let sleep = orders.sleep().filter(|_| can_be)?;
        Some(Limits {
            base: self.config.base_timeframe,
            sleep,
            covered: self.cached.covered,
            until: self.metrics.marks().1.min(self.account.accrued_until()),
            due_from: self.due_at.plus_nanos(-1),
            cash: self.cached.cash,
            others: self.cached.others,
            value: held.value,
            holds: held.quantity != 0.0,
            closes: if self.desks[0]
                .lives
                .iter()
                .all(|life| orders.position(life.order).is_some())
            {
                self.desks[0].closes_to_pass()
            } else {
                // The next close forgets the order that has ended.
                0
            },
        })
    }

    /// What the market and the desk keep of quiet bars, the first of which is at `from` of the block.
    fn keep(&mut self, bars: BarSlice<'_>, from: usize, ahead: &Ahead) {
        let base = self.config.base_timeframe;
        let market = self.market_mut(InstrumentId::PRIMARY);
        market.last_price = bars.close.last().copied();
        if market.conditions.are_kept() {
            bars.iter().for_each(|bar| market.conditions.on_bar(&bar, base));
        }
        let desk = &mut self.desks[0];
        let to = from + bars.len();
        let closed = ahead.closing(from, to) as u32;
        desk.cooldown_left = desk.cooldown_left.saturating_sub(closed);
        desk.age(closed);
        if desk.held.quantity != 0.0 {
            desk.bars_in_trade += closed;
        }
        if !ahead.is_bar_by_bar() {
            let begun = ahead.begun(from, to);
            if closed > 0 {
                desk.strategy_bars = BarAggregator::new(desk.strategy_bars.timeframe());
            }
            for bar in bars.slice(begun - from..bars.len()).iter() {
                desk.strategy_bars.push_bar(&bar, base);
            }
        }
    }
}

/// How many bars are passed at once at most: their equity stays in the nearest cache.
const AT_ONCE: usize = 256;

/// How far bars may go and still be quiet, and what the account holds meanwhile.
#[derive(Clone, Copy)]
struct Limits {
    base: Timeframe,
    /// Where no order of ours is met.
    sleep: Sleep,
    /// The prices between which the position is covered.
    covered: (f64, f64),
    /// The last close time of the day under way.
    until: Timestamp,
    /// Bars open before this time: a bar that opens at an expiry comes after it.
    due_from: Timestamp,
    cash: f64,
    others: f64,
    value: ValueModel,
    holds: bool,
    /// How many closes of the strategy may pass before one ends an order.
    closes: usize,
}

impl Limits {
    /// Whether they are the same at any price.
    fn are_of_time(&self) -> bool {
        self.sleep.is_at_any_price() && self.covered == (f64::NEG_INFINITY, f64::INFINITY)
    }

    /// How many bars, which come in the order of their time, touch none of them.
    fn lasting(&self, bars: BarSlice<'_>) -> usize {
        let is_in_time = |open_time: &Timestamp| {
            *open_time < self.sleep.ends()
                && *open_time < self.due_from
                && self.base.close_of(*open_time) <= self.until
        };
        let in_time = match bars.open_time.last() {
            Some(last) if is_in_time(last) => bars.len(),
            _ => bars.open_time.partition_point(is_in_time),
        };
        if self.are_of_time() {
            return in_time;
        }
        let (lower, upper) = self.covered;
        let mut prices = bars.low[..in_time].iter().zip(bars.high);
        let touches =
            |(low, high): (&f64, &f64)| !self.sleep.lasts_at(*low, *high) || *low < lower || *high > upper;
        prices.position(touches).unwrap_or(in_time)
    }

    /// Between which amounts the account is worth at some closes: its worth only rises, or only falls, with the price.
    fn worth(&self, closes: Between) -> Between {
        closes.map(|close| self.cash + self.value_at(close))
    }

    /// What is held is worth this, when the strategy's instrument is at a price.
    #[inline]
    fn value_at(&self, price: f64) -> f64 {
        self.value.at(price) + self.others
    }
}

/// Lets `state` take in items up to the first that it does not take quietly, which leaves it as it was; says how many.
#[inline]
fn quiet<T: Copy, I>(
    state: &mut T,
    items: impl Iterator<Item = I>,
    take: impl Fn(&mut T, I) -> bool,
) -> usize {
    let mut known = *state;
    let mut count = 0;
    for item in items {
        let mut next = known;
        if !take(&mut next, item) {
            break;
        }
        known = next;
        count += 1;
    }
    *state = known;
    count
}
