//! The engine: a state machine, `process(input) → events`.
//!
//! Time, randomness and ids come only from inputs and configuration, so the same inputs give the same events on every
//! run, on native and in the browser, bit for bit. A session is its configuration plus its inputs.
//!
//! An input passes: the exchange (do our orders meet it?), the mark (what is the account worth, is a limit broken?),
//! and, when it completes a bar of the strategy's timeframe, the rules (what does the strategy want?). What the rules
//! want goes through sizing and the risk check to the exchange, where it can only meet later data.

mod chain;
mod config;
mod control;
mod event;
mod execution;
mod input;
mod meet_bars;
mod meet_quotes;
mod orders;
mod rules;
mod sink;
mod snapshot;
mod state;

pub use config::EngineConfig;
pub use event::{Event, EventKind, SessionState};
pub use execution::{ExecutionConfig, ExecutionProblem, Fees, FillPreset};
pub use input::{Command, Input};
pub use sink::{Mark, Sink};
pub use snapshot::SnapshotError;

use crate::alert::Watch;
use crate::analytics::MetricsAccumulator;
use crate::exchange::{Conditions, Models, WorkingOrders};
use crate::market::{Bar, BarAggregator, MarketEvent, Quote};
use crate::model::{Price, Timestamp};
use crate::portfolio::{Account, AccountConfig};
use crate::risk::Protection;
use crate::strategy::Program;
use chain::Chain;
use rules::{EntryPlan, Reversal};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// One session's or backtest's engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Engine {
    config: EngineConfig,
    models: Models,
    /// How the market has been, as far as the models ask.
    conditions: Conditions,
    program: Program,
    /// Ticks to base bars.
    base_bars: BarAggregator,
    /// Base bars to the strategy's.
    strategy_bars: BarAggregator,

    state: SessionState,
    state_reason: Cow<'static, str>,
    inputs: u64,
    chain: Chain,
    market_time: Option<Timestamp>,
    /// The last price seen: a bar's close, a trade, or a quote's mid.
    last_price: Option<f64>,
    quote: Option<Quote>,

    orders: WorkingOrders,
    account: Account,
    protection: Protection,
    metrics: MetricsAccumulator,
    watch: Watch,
    plan: Option<EntryPlan>,
    reversal: Option<Reversal>,
    cooldown_left: u32,
    bars_in_trade: u32,
    counters: Counters,
    /// Cash, quantity and entry price as `f64`, so that a bar without a fill needs no decimal arithmetic.
    cached: Cached,
    #[serde(skip)]
    scratch: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Counters {
    orders: u64,
    fills: u64,
    alerts: u64,
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
    quantity: f64,
    entry_price: f64,
    multiplier: f64,
}

impl Engine {
    /// An engine before its first input.
    #[must_use]
    pub fn new(config: EngineConfig) -> Self {
        let capital = config.initial_capital;
        let risk = &config.strategy.risk;
        let models = Models::from(&config.execution);
        Self {
            conditions: models.conditions(),
            models,
            program: config.strategy.program.clone(),
            base_bars: BarAggregator::new(config.base_timeframe),
            strategy_bars: BarAggregator::new(config.strategy.timeframe),
            state: SessionState::Starting,
            state_reason: Cow::Borrowed(""),
            inputs: 0,
            chain: Chain::new(),
            market_time: None,
            last_price: None,
            quote: None,
            orders: WorkingOrders::default(),
            account: Account::open(
                capital,
                std::slice::from_ref(&config.instrument),
                AccountConfig::default(),
            ),
            protection: Protection::new(risk.max_drawdown, risk.max_daily_loss, capital.to_f64()),
            metrics: MetricsAccumulator::new(capital.to_f64(), config.periods_per_year()),
            watch: Watch::new(config.alerts, capital.to_f64()),
            plan: None,
            reversal: None,
            cooldown_left: 0,
            bars_in_trade: 0,
            counters: Counters::default(),
            cached: Cached {
                cash: capital.to_f64(),
                quantity: 0.0,
                entry_price: f64::NAN,
                multiplier: Price(config.instrument.multiplier()).to_f64(),
            },
            scratch: Vec::new(),
            config,
        }
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
            Input::Market(event) => self.on_market(event, sink),
            Input::History(bar) => self.on_history(bar, sink),
            Input::Command(time, command) => self.on_command(*time, *command, sink),
        }
        debug_assert_eq!(self.check(), Ok(()), "after input {}", self.inputs);
    }

    #[inline]
    fn on_market<S: Sink>(&mut self, event: &MarketEvent, sink: &mut S) {
        if self.state.is_final() || self.state == SessionState::Starting {
            return;
        }
        match event {
            MarketEvent::Bar(bar) => self.meet_bar(bar, sink),
            MarketEvent::Quote(quote) => self.meet_quote(quote, sink),
            MarketEvent::Trade(trade) => self.meet_trade(trade, sink),
            MarketEvent::Clock(now) => self.on_clock(*now, sink),
        }
    }

    /// A closed bar from before the session: the indicators see it, the account does not.
    fn on_history<S: Sink>(&mut self, bar: &Bar, sink: &mut S) {
        if self.state != SessionState::Starting {
            return;
        }
        self.last_price = Some(bar.close);
        self.market_time = Some(self.config.base_timeframe.close_of(bar.open_time));
        let closed = self.strategy_bars.push_bar(bar, self.config.base_timeframe);
        for bar in [closed.earlier, closed.completed].into_iter().flatten() {
            let time = self.config.strategy.timeframe.close_of(bar.open_time);
            self.program.on_bar(&bar, &crate::strategy::PositionView::FLAT);
            self.emit_market(time, sink, || EventKind::Bar { bar, history: true });
        }
    }

    /// Says that it is `now` on a feed of ticks: closes the bars that are over and expires orders.
    fn on_clock<S: Sink>(&mut self, now: Timestamp, sink: &mut S) {
        self.close_bars_before(now, sink);
        self.market_time = Some(now);
        self.expire_orders(now, sink);
    }

    /// Closes the bars that are over at `now`, before anything later is told.
    #[inline]
    fn close_bars_before<S: Sink>(&mut self, now: Timestamp, sink: &mut S) {
        if let Some(bar) = self.base_bars.advance(now) {
            self.conditions.on_bar(&bar, self.config.base_timeframe);
            self.close_base_bar(&bar, sink);
        }
        if let Some(bar) = self.strategy_bars.advance(now) {
            self.close_strategy_bar(&bar, sink);
        }
    }

    /// Values the account at the close of a base bar, and closes the bar of the strategy that it completes.
    #[inline]
    fn close_base_bar<S: Sink>(&mut self, bar: &Bar, sink: &mut S) {
        let time = self.config.base_timeframe.close_of(bar.open_time);
        self.market_time = Some(time);
        self.last_price = Some(bar.close);
        self.mark(bar, time, sink);
        let closed = self.strategy_bars.push_bar(bar, self.config.base_timeframe);
        if let Some(earlier) = closed.earlier {
            self.close_strategy_bar(&earlier, sink);
        }
        if let Some(completed) = closed.completed {
            self.close_strategy_bar(&completed, sink);
        }
    }

    /// Numbers, chains and emits an event of the journal.
    fn emit<S: Sink>(&mut self, time: Timestamp, kind: EventKind, sink: &mut S) {
        let event = self.chain.link(time, kind, &mut self.scratch);
        sink.journal(event);
    }

    /// Numbers a market event.
    #[inline]
    fn emit_market<S: Sink>(&mut self, time: Timestamp, sink: &mut S, kind: impl FnOnce() -> EventKind) {
        let seq = self.chain.number();
        sink.market(seq, time, kind);
    }
}
