//! Several instruments at one close: their bars are gathered, the account is valued once, and the rules of all of them see
//! the same moment.
//!
//! Bars of one time come in one after the other. Nothing is decided before the last of them is in, or before something
//! later shows that no more will come; so no rule knows less of another instrument than was known at its close, nor more.

use super::model_quotes::Looked;
use super::rebalance::Rebalance;
use super::returns::Closes;
use super::state::Valuation;
use super::{Engine, EventKind, SessionState, Sink};
use crate::market::{Bar, BarAggregator};
use crate::model::{InstrumentId, Symbol, Timestamp};
use crate::order::{DenyReason, Order, OrderPurpose};
use crate::strategy::{PositionView, Strategy};
use serde::{Deserialize, Serialize};

/// What is gathered of bars that close together.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Together {
    /// When the gathered bars opened and when they close; `None` when there are none.
    span: Option<(Timestamp, Timestamp)>,
    /// Closed base bars, by whom they are of.
    base: Vec<(InstrumentId, Bar)>,
    /// Which instrument a program means by the places in its list of symbols; `None` for one that the session does not
    /// have.
    read: Vec<Option<InstrumentId>>,
    /// How prices moved, where something looks at it.
    pub(super) closes: Option<Closes>,
    /// Where the strategy is a portfolio.
    pub(super) portfolio: Option<Rebalance>,
}

impl Together {
    /// What a session of several instruments gathers; `None` when its rules see one instrument only, whose bars need not
    /// wait for anything.
    pub(super) fn new(
        strategy: &Strategy,
        traded: usize,
        find: impl Fn(&Symbol) -> Option<InstrumentId>,
    ) -> Option<Self> {
        let symbols = strategy.program.symbols();
        if traded == 1 && symbols.is_empty() && strategy.portfolio.is_none() {
            return None;
        }
        Some(Self {
            read: symbols.iter().map(find).collect(),
            closes: strategy
                .returns_needed()
                .map(|returns| Closes::new(traded, returns)),
            portfolio: strategy.portfolio.as_ref().map(|_| Rebalance::default()),
            ..Self::default()
        })
    }

    /// Whether the rules read an instrument by its name.
    pub(super) fn reads(&self, at: InstrumentId) -> bool {
        self.read.contains(&Some(at))
    }

    /// How many instruments of the session are followed bar by bar: those that are traded and those up to the last that
    /// is read.
    pub(super) fn followed(&self, traded: usize) -> usize {
        let read = self.read.iter().flatten().map(|at| at.index() + 1);
        read.max().unwrap_or(0).max(traded)
    }
}

impl Engine {
    /// Notes that a base bar closed; when all that are followed have theirs, the moment is complete.
    pub(super) fn gather<S: Sink>(&mut self, at: InstrumentId, bar: &Bar, sink: &mut S) {
        let close = self.config.base_timeframe.close_of(bar.open_time);
        let followed = self.desks.iter().filter(|desk| desk.is_followed).count();
        let Some(together) = &mut self.together else {
            return;
        };
        together.span = Some((bar.open_time, close));
        together.base.push((at, *bar));
        if together.base.len() >= followed {
            self.complete(sink);
        }
    }

    /// A bar comes in: what is gathered of another time, or of this instrument already, is complete.
    pub(super) fn complete_other<S: Sink>(&mut self, at: InstrumentId, bar: &Bar, sink: &mut S) {
        let Some(together) = &self.together else { return };
        let is_other = together.span.is_some_and(|(open, _)| open != bar.open_time);
        if is_other || together.base.iter().any(|(told, _)| *told == at) {
            self.complete(sink);
        }
    }

    /// All that will come of the gathered moment is there: the account is valued at it, and the rules see it.
    pub(super) fn complete<S: Sink>(&mut self, sink: &mut S) {
        let Some((_, time)) = self.together.as_mut().and_then(|together| together.span.take()) else {
            return;
        };
        let gathered = self
            .together
            .as_mut()
            .map(|together| std::mem::take(&mut together.base));
        let mut gathered = gathered.unwrap_or_default();
        gathered.sort_by_key(|(at, _)| *at);
        self.reach(time);
        self.accrue(time, sink);
        for (at, _) in &gathered {
            self.quote_options_on(*at, Looked::Held, time, sink);
        }
        self.mark_together(&gathered, time, sink);
        self.close_strategy_bars(&mut gathered, time, sink);
        // Inside the bars the order of things is not known: what it was to withdraw could be met all through them.
        self.carry_out_arrived(time, sink);
        gathered.clear();
        if let Some(together) = &mut self.together {
            // Its room is used again.
            together.base = gathered;
        }
    }

    /// When the gathered moment is over.
    pub(super) fn gathered_close(&self) -> Option<Timestamp> {
        Some(self.together.as_ref()?.span?.1)
    }

    /// Closes what is over at `now`, each at its time: what is gathered, bars of ticks, bars of the strategy that a gap has
    /// left open.
    pub(super) fn close_together_before<S: Sink>(&mut self, now: Timestamp, sink: &mut S) {
        while let Some(time) = self.next_close().filter(|close| *close <= now) {
            if self.gathered_close().is_some_and(|close| close <= time) {
                self.complete(sink);
            }
            for at in self.desk_places() {
                if let Some(bar) = self.desk_mut(at).base_bars.advance(time) {
                    let base = self.config.base_timeframe;
                    self.market_mut(at).conditions.on_bar(&bar, base);
                    self.close_base_bar(at, &bar, sink);
                }
            }
            self.complete(sink);
            self.close_strategy_bars(&mut Vec::new(), time, sink);
        }
    }

    /// When the next of the bars in the making is over, or what is gathered.
    pub(super) fn next_close(&self) -> Option<Timestamp> {
        let close_of = |bars: &BarAggregator| Some(bars.timeframe().close_of(bars.current()?.open_time));
        let bars = self
            .desks
            .iter()
            .flat_map(|desk| [&desk.base_bars, &desk.strategy_bars]);
        bars.filter_map(close_of).chain(self.gathered_close()).min()
    }

    /// Makes bars of the strategy's timeframe of base bars that closed at `time`, and lets the rules see those that are
    /// complete, by themselves or because their time is over. Takes `bars` for its own use.
    fn close_strategy_bars<S: Sink>(
        &mut self,
        bars: &mut Vec<(InstrumentId, Bar)>,
        time: Timestamp,
        sink: &mut S,
    ) {
        let base = self.config.base_timeframe;
        let mut kept = 0;
        for index in 0..bars.len() {
            let (at, bar) = bars[index];
            // What ended before this bar was told before it came.
            if let Some(completed) = self.desk_mut(at).strategy_bars.push_bar(&bar, base).completed {
                bars[kept] = (at, completed);
                kept += 1;
            }
        }
        bars.truncate(kept);
        for at in self.desk_places() {
            if let Some(bar) = self.desk_mut(at).strategy_bars.advance(time) {
                bars.push((at, bar));
            }
        }
        if bars.is_empty() {
            return;
        }
        bars.sort_by_key(|(at, _)| *at);
        self.reach(time);
        self.tell_readers(bars, time);
        self.run_rules(bars, time, sink);
    }

    /// Gives the programs the bars of the instruments that they read.
    fn tell_readers(&mut self, bars: &[(InstrumentId, Bar)], time: Timestamp) {
        let Some(together) = &self.together else { return };
        if together.read.is_empty() {
            return;
        }
        let traded = 1 + self.config.peers.len();
        for desk in &mut self.desks[..traded] {
            for (symbol, read) in together.read.iter().enumerate() {
                let bar = bars.iter().find(|(at, _)| Some(*at) == *read);
                if let Some((_, bar)) = bar {
                    desk.program.on_bar_of(symbol, bar);
                }
            }
            desk.program.pass_time_of_others(time);
        }
    }

    /// Values the account at one moment.
    fn mark_together<S: Sink>(&mut self, bars: &[(InstrumentId, Bar)], time: Timestamp, sink: &mut S) {
        if self.state == SessionState::Starting {
            return;
        }
        for (at, bar) in bars {
            self.desk_mut(*at).first_close.get_or_insert(bar.close);
        }
        self.revalue();
        let Some(price) = self.markets.iter().find_map(|market| market.last_price) else {
            return;
        };
        let open_time = bars.first().map_or(time, |(_, bar)| bar.open_time);
        let (equity, position_value) = self.equity_now();
        let valuation = Valuation {
            price,
            benchmark: self.benchmark(),
            equity,
            position_value,
            open_time,
        };
        self.mark_at(valuation, time, sink);
        self.call_margin(time, sink);
    }

    /// What equal shares of the capital, put into every instrument at its first close and left there, have become: 1 is
    /// what they were. Cash until there is a close.
    fn benchmark(&self) -> f64 {
        let traded = 1 + self.config.peers.len();
        let grown = self.places().take(traded).map(|at| {
            let first = self.desk(at).first_close;
            match (first, self.market(at).last_price) {
                (Some(first), Some(last)) => last / first,
                _ => 1.0,
            }
        });
        grown.sum::<f64>() / traded as f64
    }

    /// The rules of all traded instruments at one close: all of them see it before any of them is followed.
    fn run_rules<S: Sink>(&mut self, bars: &[(InstrumentId, Bar)], time: Timestamp, sink: &mut S) {
        let (together, markets) = (&mut self.together, &self.markets);
        if let Some(closes) = together.as_mut().and_then(|together| together.closes.as_mut()) {
            closes.note(|at| markets[at.index()].last_price);
        }
        if self.state == SessionState::Starting {
            for (at, bar) in bars {
                self.warm_up(*at, bar, time, sink);
            }
            return;
        }
        let mut decided = Vec::new();
        for (at, bar) in bars {
            if self.is_traded(*at) {
                decided.extend(
                    self.decide(*at, bar, time, sink)
                        .map(|wishes| (*at, wishes, bar.close)),
                );
            } else {
                self.tell_bar(*at, bar, time, sink);
            }
        }
        self.by_precedence(&mut decided);
        for (at, wishes, close) in decided {
            self.follow(at, wishes, close, time, sink);
        }
        self.rebalance(time, sink);
    }

    /// Whom the money goes to first: those that hold something or have an order out, whose exits free money, in the order
    /// of the instruments; then the others, the highest rank first, and of equal or no rank in the order of the
    /// instruments.
    fn by_precedence<T>(&self, decided: &mut [(InstrumentId, T, f64)]) {
        let rank = |at: InstrumentId| {
            let slot = self.config.strategy.rank?;
            let rank = self.desk(at).program.number(slot);
            (!rank.is_nan()).then_some(rank)
        };
        let is_idle = |at| self.account.holding(at).is_flat() && self.market(at).orders.is_empty();
        decided.sort_by(|(a, ..), (b, ..)| {
            let idle = (is_idle(*a), is_idle(*b));
            let ranks = match idle {
                (true, true) => match (rank(*a), rank(*b)) {
                    (Some(a), Some(b)) => b.total_cmp(&a),
                    (a, b) => b.is_some().cmp(&a.is_some()),
                },
                _ => std::cmp::Ordering::Equal,
            };
            idle.0.cmp(&idle.1).then(ranks).then(a.cmp(b))
        });
    }

    /// Whether the account may open a position in an instrument, beside those that it has.
    pub(super) fn may_hold(&self, at: InstrumentId) -> Result<(), DenyReason> {
        let Some(most) = self.config.strategy.risk.max_open_positions else {
            return Ok(());
        };
        let is_open = |other: InstrumentId| {
            let orders = &self.market(other).orders;
            let is_entry = |order: &Order| order.purpose == OrderPurpose::Entry;
            !self.account.holding(other).is_flat()
                || self.desk(other).reversal.is_some()
                || orders.find(is_entry).is_some()
        };
        let traded = self.places().take(1 + self.config.peers.len());
        let open = traded.filter(|other| *other != at && is_open(*other)).count();
        if open < most as usize {
            Ok(())
        } else {
            Err(DenyReason::MaxOpenPositions { most })
        }
    }

    /// A bar from before the session.
    pub(super) fn warm_up<S: Sink>(&mut self, at: InstrumentId, bar: &Bar, time: Timestamp, sink: &mut S) {
        if self.is_traded(at) {
            self.desk_mut(at).program.on_bar(bar, &PositionView::FLAT);
        }
        let (instrument, bar) = (at, *bar);
        self.emit_market(time, sink, || EventKind::Bar {
            instrument,
            bar,
            history: true,
        });
    }

    pub(super) fn tell_bar<S: Sink>(&mut self, at: InstrumentId, bar: &Bar, time: Timestamp, sink: &mut S) {
        let (instrument, bar) = (at, *bar);
        self.emit_market(time, sink, || EventKind::Bar {
            instrument,
            bar,
            history: false,
        });
    }
}
