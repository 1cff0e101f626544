//! The engine: a state machine, `process(input) → events`.
//!
//! Time, randomness and ids come only from inputs and configuration, so the same inputs give the same events on every
//! run, on native and in the browser, bit for bit. A session is its configuration plus its inputs.
//!
//! An input passes: the exchange (do our orders meet it?), the mark (what is the account worth, is a limit broken?),
//! and, when it completes a bar of the strategy's timeframe, the rules (what does the strategy want?). What the rules
//! want goes through sizing and the risk check to the exchange, where it can only meet later data.

mod actions;
mod ahead;
mod appointments;
mod band;
mod chain;
mod combos;
mod config;
mod contingency;
mod control;
mod correlation;
mod deliveries;
mod desk;
mod entries;
mod essence;
mod event;
mod execution;
mod exercise;
mod explain;
mod fills;
mod input;
mod listings;
mod many_bars;
mod meet_bars;
mod meet_levels;
mod meet_ticks;
mod meet_trades;
mod model_quotes;
mod names;
mod orders;
mod protect;
mod rebalance;
mod requests;
mod returns;
mod roll;
mod rules;
mod setbacks;
mod sink;
mod snapshot;
mod stakes;
mod state;
mod taken_volume;
mod terms;
mod together;
mod trailing;
mod underlyings;

pub use band::{Band, BandCurve};
pub use combos::{ComboRequest, LegRequest};
pub use config::EngineConfig;
pub use event::{Event, EventKind, SessionState};
pub use execution::{ExecutionConfig, ExecutionProblem, Fees, FillPreset};
pub use exercise::ExerciseRequest;
pub use explain::{Auction, Wait};
pub use input::{Command, Input};
pub use listings::OptionDesk;
pub use model_quotes::{OptionModel, PositionGreeks};
pub use names::Familiar;
pub use setbacks::{Halt, RefusedOrders, Refuser, SCRIPT_FAILED, Setbacks};
pub use sink::{Mark, Sink};
pub use snapshot::SnapshotError;
pub use taken_volume::{LARGE_SHARE, TakenVolume};

use crate::alert::Watch;
use crate::analytics::MetricsAccumulator;
use crate::exchange::{ClientIds, Market, Models, TradingStatus};
use crate::market::{Bar, MarketEvent};
use crate::model::{InstrumentId, Timestamp};
use crate::order::CancelReason;
use crate::portfolio::Account;
use crate::risk::Protection;
use crate::strategy::Program;
use chain::Chain;
use combos::WorkingCombo;
use deliveries::Delivered;
use desk::Desk;
use model_quotes::Looked;
use requests::OnItsWay;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use together::Together;

/// One session's or backtest's engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Engine {
    config: EngineConfig,
    models: Models,
    /// By the instrument's place in the session's list.
    markets: Vec<Market>,
    /// By the instrument's place too: one for each that the strategy trades, and up to the last that it reads.
    desks: Vec<Desk>,
    /// Where the rules see several instruments: what waits for the rest of its moment.
    together: Option<Together>,

    state: SessionState,
    state_reason: Cow<'static, str>,
    inputs: u64,
    chain: Chain,
    market_time: Option<Timestamp>,

    /// When an instrument next expires or an auction is held, at the earliest.
    due_at: Timestamp,
    /// Requests about orders that have not reached the exchange yet.
    on_their_way: Vec<OnItsWay>,
    client_ids: ClientIds,
    combos: Vec<WorkingCombo>,
    /// What options that expired have delivered and nobody has looked yet whether the account carries.
    delivered: Vec<Delivered>,
    account: Account,
    protection: Protection,
    metrics: MetricsAccumulator,
    watch: Watch,
    counters: Counters,
    setbacks: Setbacks,
    /// What the account is worth as `f64`, so that a bar without a fill needs no decimal arithmetic.
    cached: Cached,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Counters {
    orders: u64,
    fills: u64,
    requests: u64,
    alerts: u64,
    /// How much of the bars that they met our orders got.
    taken: TakenVolume,
    /// The code of the last refusal that raised an alert, so that a strategy which is refused on every bar raises one.
    refused: RefusalMemory,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum RefusalMemory {
    #[default]
    None,
    Denied,
    Rejected,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Cached {
    cash: f64,
    /// What is held of all other instruments.
    others: f64,
    /// The prices between which the position in the strategy's instrument is covered.
    covered: (f64, f64),
    /// While a bar of another instrument is walked: the same of that one.
    walked: Option<(InstrumentId, (f64, f64))>,
}

impl Engine {
    /// Requests about orders that may be on their way at once.
    const MOST_ON_THEIR_WAY: usize = 1_000;

    /// Orders that persons and programs may have open at once in all instruments, whatever they wait for: ten times what a
    /// venue's own limit leaves one market is more than anybody watches, and each one is looked at with the data.
    const MOST_OPEN_ORDERS: usize = 2_000;

    /// An engine before its first input.
    #[must_use]
    pub fn new(config: EngineConfig) -> Self {
        let capital = config.initial_capital;
        let risk = &config.strategy.risk;
        let models = Models::from(&config.execution);
        let program = &config.strategy.program;
        let traded = 1 + config.peers.len();
        let together = Together::new(&config.strategy, traded, |symbol| config.place_of(symbol));
        let followed = together.as_ref().map_or(1, |together| together.followed(traded));
        let desks = (0..followed).map(|index| {
            let at = InstrumentId(u16::try_from(index).unwrap_or(u16::MAX));
            let is_read = together.as_ref().is_some_and(|together| together.reads(at));
            let program = if index < traded {
                program.clone()
            } else {
                Program::idle(program.timeframe())
            };
            Desk::new(config.base_timeframe, program, index < traded || is_read)
        });
        let mut engine = Self {
            desks: desks.collect(),
            together,
            markets: config
                .instruments()
                .map(|instrument| Market::new(instrument.clone(), models.conditions()))
                .collect(),
            models,
            state: SessionState::Starting,
            state_reason: Cow::Borrowed(""),
            inputs: 0,
            chain: Chain::new(),
            market_time: None,
            due_at: Self::NEVER,
            on_their_way: Vec::new(),
            client_ids: ClientIds::default(),
            combos: Vec::new(),
            delivered: Vec::new(),
            account: Account::open(
                capital,
                &config.instruments().cloned().collect::<Vec<_>>(),
                config.account.clone(),
            ),
            protection: Protection::new(risk.max_drawdown, risk.max_daily_loss, capital.to_f64()),
            metrics: MetricsAccumulator::new(capital.to_f64(), config.periods_per_year()),
            watch: Watch::new(config.alerts, capital.to_f64()),
            counters: Counters::default(),
            setbacks: Setbacks::default(),
            cached: Cached {
                cash: capital.to_f64(),
                others: 0.0,
                covered: (f64::NEG_INFINITY, f64::INFINITY),
                walked: None,
            },
            config,
        };
        engine.note_expiries();
        engine
    }

    /// Takes one input in and appends what happened to `out`.
    pub fn process(&mut self, input: &Input, out: &mut Vec<Event>) {
        self.process_into(input, out);
    }

    /// Takes one input in and tells `sink` what happened.
    #[inline]
    pub fn process_into<S: Sink>(&mut self, input: &Input, sink: &mut S) {
        self.inputs += 1;
        match input {
            Input::Market(at, event) => self.on_market(*at, event, sink),
            Input::History(at, bar) => self.on_history(*at, bar, sink),
            Input::Command(time, command) => self.on_command(*time, command, sink),
        }
        debug_assert_eq!(self.check(), Ok(()), "after input {}", self.inputs);
    }

    #[inline]
    fn on_market<S: Sink>(&mut self, at: InstrumentId, event: &MarketEvent, sink: &mut S) {
        let is_known = at.index() < self.markets.len();
        if self.state.is_final() || self.state == SessionState::Starting || !is_known {
            return;
        }
        if self.together.is_some() {
            if let MarketEvent::Bar(bar) = event {
                return self.meet_bar_of_many(at, bar, sink);
            }
            self.meet_waiting(sink);
        }
        match event {
            MarketEvent::Bar(bar) => self.meet_bar(at, bar, sink),
            MarketEvent::Quote(quote) => self.meet_quote(at, quote, sink),
            MarketEvent::Trade(trade) => self.meet_trade(at, trade, sink),
            MarketEvent::Depth(update) => self.meet_depth(at, update, sink),
            MarketEvent::Status(time, status) => self.on_status(at, *status, *time, sink),
            MarketEvent::Action(time, action) => self.on_action(at, action, *time, sink),
            MarketEvent::Clock(now) => self.on_clock(*now, sink),
        }
    }

    /// A closed bar from before the session: the indicators see it, the account does not.
    fn on_history<S: Sink>(&mut self, at: InstrumentId, bar: &Bar, sink: &mut S) {
        if self.state != SessionState::Starting || at.index() >= self.desks.len() {
            return;
        }
        self.market_mut(at).last_price = Some(bar.close);
        self.market_time = Some(self.config.base_timeframe.close_of(bar.open_time));
        if self.together.is_some() {
            self.complete_other(at, bar, sink);
            self.close_together_before(bar.open_time, sink);
            return self.gather(at, bar, sink);
        }
        let base = self.config.base_timeframe;
        let closed = self.desk_mut(at).strategy_bars.push_bar(bar, base);
        for bar in [closed.earlier, closed.completed].into_iter().flatten() {
            let time = self.config.strategy.timeframe.close_of(bar.open_time);
            self.warm_up(at, &bar, time, sink);
        }
    }

    /// Says that it is `now` on a feed of ticks: closes the bars that are over and expires orders.
    fn on_clock<S: Sink>(&mut self, now: Timestamp, sink: &mut S) {
        self.pass_time_until(now, sink);
        self.reach(now);
        self.carry_out_arrived(now, sink);
        for at in self.places() {
            self.expire_orders(at, now, sink);
        }
    }

    /// An instrument is halted, trades again, lost its book, or ended.
    fn on_status<S: Sink>(&mut self, at: InstrumentId, status: TradingStatus, time: Timestamp, sink: &mut S) {
        let before = self.market(at).status();
        if before == status || before == TradingStatus::Ended {
            return;
        }
        self.pass_time_until(time, sink);
        self.reach(time);
        self.market_mut(at).set_status(status, time);
        let status = self.market(at).status();
        if status == before {
            // A halt inside a gap shows when the gap is over.
            return;
        }
        self.emit(
            time,
            EventKind::MarketStatusChanged {
                instrument: at,
                status,
            },
            sink,
        );
        if status == TradingStatus::Ended {
            self.cancel_where(at, |_| true, CancelReason::NotTrading, time, sink);
        }
        if before == TradingStatus::Gap {
            self.note_expiries();
        }
    }

    /// Closes the bars that are over at `now`, before anything later is told.
    #[inline]
    fn close_bars_before<S: Sink>(&mut self, now: Timestamp, sink: &mut S) {
        if self.together.is_some() {
            return self.close_together_before(now, sink);
        }
        let at = InstrumentId::PRIMARY;
        if let Some(bar) = self.desk_mut(at).base_bars.advance(now) {
            let base = self.config.base_timeframe;
            self.market_mut(at).conditions.on_bar(&bar, base);
            self.close_base_bar(at, &bar, sink);
        }
        if let Some(bar) = self.desk_mut(at).strategy_bars.advance(now) {
            self.close_strategy_bar(at, &bar, sink);
        }
    }

    /// Values the account at the close of a base bar, and closes the bar of the strategy that it completes.
    #[inline]
    fn close_base_bar<S: Sink>(&mut self, at: InstrumentId, bar: &Bar, sink: &mut S) {
        let time = self.config.base_timeframe.close_of(bar.open_time);
        self.market_mut(at).last_price = Some(bar.close);
        if self.together.is_some() && self.desks.get(at.index()).is_some_and(|desk| desk.is_followed) {
            return self.gather(at, bar, sink);
        }
        self.reach(time);
        self.accrue(time, sink);
        self.quote_options_on(at, Looked::Held, time, sink);
        if at != InstrumentId::PRIMARY {
            return self.price_moved(at, time, sink);
        }
        self.mark(bar, time, sink);
        self.watch_cover(at, bar.close, time, sink);
        let base = self.config.base_timeframe;
        let closed = self.desk_mut(at).strategy_bars.push_bar(bar, base);
        if let Some(earlier) = closed.earlier {
            self.close_strategy_bar(at, &earlier, sink);
        }
        if let Some(completed) = closed.completed {
            self.close_strategy_bar(at, &completed, sink);
        }
    }

    /// The market's time has come to `time`. It never goes back: a bar is told when it is over, by its open, and something
    /// may have been asked for in between.
    #[inline]
    fn reach(&mut self, time: Timestamp) {
        self.market_time = self.market_time.max(Some(time));
    }

    /// Numbers, chains and emits an event of the journal, at the time that the session has reached: a fill says itself
    /// when it happened.
    #[inline]
    fn emit<S: Sink>(&mut self, time: Timestamp, kind: EventKind, sink: &mut S) {
        if !S::READS_JOURNAL {
            return;
        }
        let (seq, time) = self.number_journal(time, |time, row| kind.essence(time, row));
        if sink.wants(&kind) {
            sink.journal(Event { seq, time, kind });
        }
    }

    /// Numbers and chains an event of the journal whose essence `write` appends; gives its number and its time.
    #[inline]
    fn number_journal(
        &mut self,
        time: Timestamp,
        write: impl FnOnce(Timestamp, &mut Vec<u8>),
    ) -> (u64, Timestamp) {
        let time = self.market_time.map_or(time, |reached| reached.max(time));
        (self.chain.link(time, write), time)
    }

    /// Numbers a market event.
    #[inline]
    fn emit_market<S: Sink>(&mut self, time: Timestamp, sink: &mut S, kind: impl FnOnce() -> EventKind) {
        let seq = self.chain.number();
        sink.market(seq, time, kind);
    }
}
