//! Builders and generators for tests, behind the feature `testkit`.
//!
//! Everything goes through the production constructors, so a test cannot hold what production could not.

mod generate;

pub use generate::{arbitrary_bars, arbitrary_market, bars_of};

use crate::alert::AlertRules;
use crate::api::{FeedInfo, FeedKind, SessionSummary};
use crate::engine::{Command, Engine, EngineConfig, Event, EventKind, ExecutionConfig, Input, SessionState};
use crate::exchange::{DataTier, Explanation, Fill, Liquidity, Met};
use crate::market::{Bar, MarketEvent};
use crate::model::{
    Instrument, InstrumentId, MarginRule, Money, OrderId, Price, Quantity, Side, Timeframe, Timestamp,
};
use crate::strategy::Strategy;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// A decimal from text.
///
/// # Panics
/// When the text is no number.
#[must_use]
pub fn decimal(text: &str) -> Decimal {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// BTC/USDT with tick 0.01, lot 0.00001 and no smallest order.
///
/// # Panics
/// Never: the numbers are good.
#[must_use]
pub fn instrument() -> Instrument {
    let symbol = "BTC/USDT".parse().unwrap_or_else(|error| panic!("{error}"));
    Instrument::new(
        symbol,
        decimal("0.01"),
        decimal("0.00001"),
        Decimal::ZERO,
        Decimal::ONE,
    )
    .unwrap_or_else(|error| panic!("{error}"))
}

/// Another instrument with the same rules, quoted in the same currency.
///
/// # Panics
/// When the text is no symbol.
#[must_use]
pub fn instrument_of(symbol: &str) -> Instrument {
    let symbol = symbol.parse().unwrap_or_else(|error| panic!("{error}"));
    instrument()
        .with_symbol(symbol)
        .unwrap_or_else(|| panic!("another currency"))
}

/// An instrument of any symbol, with its tick, lot and multiplier, and no smallest order.
///
/// # Panics
/// When the text is no symbol, or a number none.
#[must_use]
pub fn instrument_with(symbol: &str, tick: &str, lot: &str, multiplier: &str) -> Instrument {
    let symbol = symbol.parse().unwrap_or_else(|error| panic!("{symbol}: {error}"));
    Instrument::new(
        symbol,
        decimal(tick),
        decimal(lot),
        Decimal::ZERO,
        decimal(multiplier),
    )
    .unwrap_or_else(|error| panic!("{error}"))
}

/// Margins as shares of the value: to open, and to keep.
///
/// # Panics
/// When the text is no number.
#[must_use]
pub fn margin_rate(initial: &str, maintenance: &str) -> MarginRule {
    MarginRule::Rate {
        initial: decimal(initial),
        maintenance: decimal(maintenance),
    }
}

/// A fill at a bar's open, decided on at the very price it met: what an account's tests feed it.
#[must_use]
pub fn fill(
    instrument: &Instrument,
    number: u64,
    side: Side,
    quantity: Quantity,
    price: Price,
    fee: Money,
    time: Timestamp,
) -> Fill {
    let nothing = Money::zero(instrument.quote());
    Fill {
        order_id: OrderId(number),
        number,
        instrument: InstrumentId::PRIMARY,
        time,
        side,
        quantity,
        price,
        fee,
        liquidity: Liquidity::Taker,
        explanation: Explanation {
            tier: DataTier::Bars,
            decision_price: price,
            decided_at: time,
            arrived_at: time,
            reference_price: price,
            drift: nothing,
            latency: nothing,
            spread: nothing,
            slippage: nothing,
            impact: nothing,
            fee,
            met: Met::BarOpen { open_time: time },
            tape: number,
            queue: None,
        },
    }
}

/// A configuration for one-minute bars: 10,000 USDT, no fees, no slippage, unless changed afterwards.
///
/// # Panics
/// When the strategy does not compile.
#[must_use]
pub fn config(yaml: &str) -> EngineConfig {
    let strategy = Strategy::compile(yaml, &BTreeMap::new(), None)
        .unwrap_or_else(|problems| panic!("{problems:?}\n{yaml}"));
    let instrument = instrument();
    EngineConfig {
        initial_capital: Money::new(Decimal::from(10_000), instrument.quote()),
        instrument,
        peers: Vec::new(),
        others: Vec::new(),
        account: crate::portfolio::AccountConfig::default(),
        option_model: None,
        base_timeframe: Timeframe::MINUTE,
        strategy,
        execution: ExecutionConfig::free(),
        alerts: AlertRules {
            price_move: None,
            drawdown: None,
            losing_streak: None,
        },
    }
}

/// A running session on the simulated market in which nothing has happened yet, as lists show it.
///
/// # Panics
/// Never: the id is good.
#[must_use]
pub fn session_summary() -> SessionSummary {
    let instrument = instrument();
    let capital = Money::new(Decimal::from(10_000), instrument.quote());
    SessionSummary {
        id: "s-1".parse().unwrap_or_else(|error| panic!("{error}")),
        name: "SMA cross".to_owned(),
        strategy: "SMA cross".to_owned(),
        params: BTreeMap::new(),
        instrument,
        timeframe: Timeframe::MINUTE,
        feed: FeedInfo {
            name: "simulated".to_owned(),
            kind: FeedKind::Simulated,
            label: "Simulated market".to_owned(),
        },
        state: SessionState::Running,
        state_reason: String::new(),
        speed: 1.0,
        initial_capital: capital,
        cash: capital,
        equity: capital,
        total_return: 0.0,
        max_drawdown: 0.0,
        peers: Vec::new(),
        others: Vec::new(),
        warnings: Vec::new(),
        position: None,
        other_positions: Vec::new(),
        open_orders: 0,
        trades: 0,
        last_event: None,
        attention: None,
        market_time: None,
        created_at: Timestamp::EPOCH,
        sparkline: Vec::new(),
        seq: 0,
        execution: ExecutionConfig::default(),
        account: crate::portfolio::AccountConfig::default(),
        backtest: None,
        recoveries: 0,
    }
}

/// An engine under test, with all that it has said.
#[derive(Debug)]
pub struct Bench {
    /// The engine.
    pub engine: Engine,
    /// Its events so far.
    pub events: Vec<Event>,
    minute: i64,
}

impl Bench {
    /// An engine of this strategy, started.
    #[must_use]
    pub fn start(yaml: &str) -> Self {
        Self::with(config(yaml))
    }

    /// An engine of this configuration, started.
    #[must_use]
    pub fn with(config: EngineConfig) -> Self {
        let mut bench = Self {
            engine: Engine::new(config),
            events: Vec::new(),
            minute: 0,
        };
        bench.command(Command::Start);
        bench
    }

    /// Feeds the next minute's bar: open, high, low, close.
    pub fn bar(&mut self, open: f64, high: f64, low: f64, close: f64) -> &mut Self {
        let bar = Bar {
            open_time: self.now(),
            open,
            high,
            low,
            close,
            volume: 1.0,
        };
        self.minute += 1;
        self.feed(&Input::market(MarketEvent::Bar(bar)))
    }

    /// Feeds minutes in which the price stands still at `price`.
    pub fn flat(&mut self, count: usize, price: f64) -> &mut Self {
        (0..count).for_each(|_| {
            self.bar(price, price, price, price);
        });
        self
    }

    /// Gives a command.
    pub fn command(&mut self, command: Command) -> &mut Self {
        self.feed(&Input::Command(self.now(), command))
    }

    /// Feeds any input.
    pub fn feed(&mut self, input: &Input) -> &mut Self {
        self.engine.process(input, &mut self.events);
        self
    }

    /// The time of the next bar's open.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.minute * 60)
    }

    /// The journal so far, one line an event, for comparison with what a reader expects.
    #[must_use]
    pub fn journal(&self) -> Vec<String> {
        self.events
            .iter()
            .filter(|event| event.kind.is_journaled())
            .map(|event| line(&event.kind))
            .collect()
    }

    /// The journal since the last call of [`Bench::forget`].
    pub fn forget(&mut self) -> &mut Self {
        self.events.clear();
        self
    }
}

/// One event in a few words.
fn line(kind: &EventKind) -> String {
    match kind {
        EventKind::StateChanged { to, .. } => format!("session {to}"),
        EventKind::OrderSubmitted { order } => {
            let price = order
                .kind
                .price()
                .map_or_else(String::new, |price| format!(" @ {price}"));
            format!(
                "#{} {} {} {}{price} ({})",
                order.id,
                order.side,
                order.quantity.0.normalize(),
                order.kind.name(),
                order.reason
            )
        }
        EventKind::OrderDenied { order, reason } => format!("#{} denied: {}", order.id, reason.code()),
        EventKind::OrderAccepted { order_id } => format!("#{order_id} accepted"),
        EventKind::OrderRejected { order_id, reason } => format!("#{order_id} rejected: {}", reason.code()),
        EventKind::OrderTriggered { order_id, price } => format!("#{order_id} triggered at {price}"),
        EventKind::OrderAmended {
            order_id,
            terms,
            quantity,
            ..
        } => match terms.price() {
            Some(price) => format!("#{order_id} amended to {price}"),
            None => format!("#{order_id} amended to {}", quantity.0.normalize()),
        },
        EventKind::OrderAttached { order } => format!(
            "#{} {} {} {} waits",
            order.id,
            order.side,
            order.quantity.0.normalize(),
            order.kind.name()
        ),
        EventKind::ComboPlaced {
            combo_id, quantity, ..
        } => {
            format!("combo {} × {}", combo_id.0, quantity.0.normalize())
        }
        EventKind::OrderRequestRefused { order_id, reason } => {
            format!("#{order_id} request refused: {}", reason.code())
        }
        EventKind::InstrumentListed { listed, .. } => format!("{} listed", listed.symbol()),
        EventKind::OptionExercised { quantity, expiry, .. } => {
            let deed = format!("{:?}", expiry.outcome).to_lowercase();
            format!("{deed} {}", quantity.0.abs().normalize())
        }
        EventKind::ExerciseRefused { reason, .. } => format!("exercise refused: {}", reason.code()),
        EventKind::CorporateAction { instrument, action } => {
            format!("corporate action {} {action:?}", instrument.0)
        }
        EventKind::CashFlow { flow, .. } => {
            format!("cash flow {:?}: {}", flow.kind, flow.amount.amount.normalize())
        }
        EventKind::DataTierChanged { instrument, change } => {
            format!("data {} {} → {}", instrument.0, change.from, change.to)
        }
        EventKind::MarketStatusChanged { instrument, status } => {
            format!("market {} {status:?}", instrument.0)
        }
        EventKind::OrderFilled { fill, .. } => {
            format!(
                "#{} filled {} @ {}",
                fill.order_id,
                fill.quantity.0.normalize(),
                fill.price
            )
        }
        EventKind::OrderCanceled { order_id, reason } => format!("#{order_id} canceled: {}", reason.code()),
        EventKind::OrderExpired { order_id } => format!("#{order_id} expired"),
        EventKind::TradeOpened { trade } => format!("{} opened", trade.side),
        EventKind::TradeClosed { trade } => {
            format!("{} closed: {}", trade.side, trade.pnl.amount.normalize())
        }
        EventKind::PositionChanged { position, .. } => position.as_ref().map_or_else(
            || "flat".to_owned(),
            |position| format!("{} {}", position.side, position.quantity.0.normalize()),
        ),
        EventKind::AlertRaised { alert } => format!("alert {}", alert.code),
        EventKind::Bar { .. } | EventKind::Mark { .. } | EventKind::Quote { .. } => String::new(),
    }
}
