//! What an account pays and risks between two closes: fees for the days that were held through, and the cover of a position
//! inside a bar of which only the trades are known.

use papertape::engine::{Command, EngineConfig, Event, EventKind, Input};
use papertape::exchange::TradingStatus;
use papertape::market::{Bar, MarketAction, MarketEvent, Quote, TradeTick};
use papertape::model::{
    Instrument, InstrumentId, InstrumentKind, MarginRule, Price, Side, Timeframe, Timestamp,
};
use papertape::order::{OrderPurpose, OrderRequest};
use papertape::portfolio::{AccountConfig, CashFlowKind, MarginMode};
use papertape::testkit::{Bench, config, decimal};
use rust_decimal::Decimal;

const BY_HAND: &str = "name: by hand\nsymbols: [AAPL]\ntimeframe: 1h\nentry: {long: false}\n";

fn instrument(symbol: &str) -> Instrument {
    let (symbol, cent) = (symbol.parse().expect("a symbol"), decimal("0.01"));
    Instrument::new(symbol, cent, Decimal::ONE, Decimal::ZERO, Decimal::ONE).expect("an instrument")
}

/// Shares that cost 0.1 % a day to borrow, in bars of an hour.
fn borrowed() -> EngineConfig {
    let mut config = config(BY_HAND);
    config.base_timeframe = Timeframe::HOUR;
    config.instrument = instrument("AAPL").with_kind(InstrumentKind::Equity);
    config.initial_capital.currency = config.instrument.quote();
    config.account = AccountConfig {
        borrow_rate: decimal("0.36"),
        ..AccountConfig::default()
    };
    config
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

/// A session on bars of an hour or on trades.
struct Tape(Bench);

impl Tape {
    fn bar(&mut self, at: &str, price: f64) -> &mut Self {
        let bar = Bar {
            open_time: time(at),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 1_000.0,
        };
        self.0.feed(&Input::market(MarketEvent::Bar(bar)));
        self
    }

    fn trade(&mut self, at: &str, price: f64) -> &mut Self {
        let trade = TradeTick {
            time: time(at),
            price,
            size: 1_000.0,
            aggressor: Side::Sell,
        };
        self.0.feed(&Input::market(MarketEvent::Trade(trade)));
        self
    }

    fn order(&mut self, at: &str, side: Side) -> &mut Self {
        let order = OrderRequest::market(side, decimal("10"));
        self.0
            .feed(&Input::Command(time(at), Command::Place(Box::new(order.into()))));
        self
    }

    /// Fees and fills, in their order.
    fn told(&self) -> Vec<String> {
        let told = |event: &Event| match &event.kind {
            EventKind::CashFlow { flow, .. } if flow.kind == CashFlowKind::BorrowFee => {
                Some(format!("fee {}", flow.amount.amount.normalize()))
            }
            EventKind::OrderFilled { fill, .. } => {
                Some(format!("{} {}", fill.side, fill.quantity.0.normalize()))
            }
            _ => None,
        };
        self.0.events.iter().filter_map(told).collect()
    }
}

#[test]
fn a_weekend_is_paid_by_who_was_short_through_it() {
    let held = |feed: fn(&mut Tape, &str, f64) -> ()| {
        let mut tape = Tape(Bench::with(borrowed()));
        feed(&mut tape, "2024-03-01T18:00:00Z", 100.0);
        tape.order("2024-03-01T19:00:00Z", Side::Sell);
        feed(&mut tape, "2024-03-01T19:00:00Z", 100.0);
        tape.order("2024-03-01T20:00:00Z", Side::Buy);
        feed(&mut tape, "2024-03-04T15:00:00Z", 100.0);
        feed(&mut tape, "2024-03-04T16:00:00Z", 100.0);
        tape.told()
    };
    let on_bars = held(|tape, at, price| {
        tape.bar(at, price);
    });
    assert_eq!(on_bars, ["sell 10", "fee -3", "buy 10"]);
    let on_trades = held(|tape, at, price| {
        tape.trade(at, price);
    });
    assert_eq!(on_trades, ["sell 10", "fee -3", "buy 10"]);
}

#[test]
fn who_sells_after_the_weekend_pays_nothing_for_it() {
    let mut tape = Tape(Bench::with(borrowed()));
    tape.bar("2024-03-01T19:00:00Z", 100.0)
        .order("2024-03-01T20:00:00Z", Side::Sell)
        .bar("2024-03-04T15:00:00Z", 100.0)
        .bar("2024-03-04T16:00:00Z", 100.0)
        .order("2024-03-04T17:00:00Z", Side::Buy)
        .bar("2024-03-04T18:00:00Z", 100.0);
    assert_eq!(tape.told(), ["sell 10", "buy 10"]);
}

#[test]
fn a_bar_of_a_day_is_paid_at_its_end_for_what_it_began_with() {
    let mut config = borrowed();
    config.strategy = papertape::strategy::Strategy::compile(
        &BY_HAND.replace("1h", "1d"),
        &std::collections::BTreeMap::new(),
        None,
    )
    .expect("a strategy");
    config.base_timeframe = Timeframe::DAY;
    let mut tape = Tape(Bench::with(config));
    tape.bar("2024-03-01T00:00:00Z", 100.0)
        .order("2024-03-02T00:00:00Z", Side::Sell)
        .bar("2024-03-04T00:00:00Z", 100.0)
        .order("2024-03-05T00:00:00Z", Side::Buy)
        .bar("2024-03-05T00:00:00Z", 100.0);
    // Monday alone: it was not held through the weekend, and is over on Tuesday's open.
    assert_eq!(tape.told(), ["sell 10", "fee -1", "buy 10"]);
}

/// The same hour as trades and as a bar takes the same position away.
#[test]
fn the_cover_of_a_position_gives_out_on_a_trade_inside_the_bar() {
    let mut config = config(&BY_HAND.replace("AAPL", "BTC/USD"));
    config.base_timeframe = Timeframe::HOUR;
    config.instrument = instrument("BTC/USD")
        .with_kind(InstrumentKind::Perpetual)
        .with_margin(MarginRule::Rate {
            initial: decimal("0.1"),
            maintenance: decimal("0.05"),
        })
        .expect("margins");
    config.initial_capital.currency = config.instrument.quote();
    config.initial_capital.amount = decimal("150");
    let mut tape = Tape(Bench::with(config));
    tape.trade("2024-03-01T10:00:00Z", 100.0)
        .order("2024-03-01T10:00:00Z", Side::Buy)
        .trade("2024-03-01T10:00:01Z", 100.0)
        .trade("2024-03-01T10:10:00Z", 89.5);
    assert_eq!(tape.told(), ["buy 10"], "covered down to 89.47");
    tape.trade("2024-03-01T10:20:00Z", 80.0).0.forget();
    tape.trade("2024-03-01T10:30:00Z", 100.0);
    assert_eq!(tape.told(), ["sell 10"]);
    assert_eq!(tape.0.engine.position(), None);
}

/// A session that holds so many of two perpetuals, bought at 100.
fn two(mode: MarginMode, capital: &str, quantities: [&str; 2]) -> Bench {
    let perpetual = |symbol: &str| {
        instrument(symbol)
            .with_kind(InstrumentKind::Perpetual)
            .with_margin(MarginRule::Rate {
                initial: decimal("0.1"),
                maintenance: decimal("0.05"),
            })
            .expect("margins")
    };
    let mut config = config(&BY_HAND.replace("AAPL", "ETH/USD"));
    config.instrument = perpetual("ETH/USD");
    config.others = vec![perpetual("BTC/USD")];
    config.initial_capital.currency = config.instrument.quote();
    config.initial_capital.amount = decimal(capital);
    config.account.mode = mode;
    let mut bench = Bench::with(config);
    for (at, quantity) in quantities.into_iter().enumerate() {
        quoted(&mut bench, at as u16, 1, 100.0);
        let order = OrderRequest {
            symbol: Some(["ETH/USD", "BTC/USD"][at].parse().expect("a symbol")),
            ..OrderRequest::market(Side::Buy, decimal(quantity))
        };
        let second = Timestamp::from_secs(1);
        bench.feed(&Input::Command(second, Command::Place(Box::new(order.into()))));
        quoted(&mut bench, at as u16, 2, 100.0);
    }
    assert_eq!(bench.engine.positions().len(), 2);
    bench.forget();
    bench
}

fn quoted(bench: &mut Bench, at: u16, second: i64, price: f64) {
    let quote = Quote {
        time: Timestamp::from_secs(second),
        bid: price,
        bid_size: 1_000.0,
        ask: price,
        ask_size: 1_000.0,
    };
    bench.feed(&Input::Market(InstrumentId(at), MarketEvent::Quote(quote)));
}

/// The instruments of the liquidation orders so far.
fn liquidated(bench: &Bench) -> Vec<u16> {
    let of = |event: &Event| match &event.kind {
        EventKind::OrderSubmitted { order } if order.purpose == OrderPurpose::Liquidation => {
            Some(order.instrument.0)
        }
        _ => None,
    };
    bench.events.iter().filter_map(of).collect()
}

#[test]
fn isolated_positions_are_closed_all_at_once() {
    let mut bench = two(MarginMode::Isolated, "1000", ["10", "10"]);
    // One action tells the account of both prices.
    quoted(&mut bench, 0, 3, 96.0);
    bench.feed(&Input::Market(
        InstrumentId(1),
        MarketEvent::Action(
            Timestamp::from_secs(4),
            MarketAction::MarkPrice(Price(decimal("94"))),
        ),
    ));
    assert_eq!(liquidated(&bench), [1]);
    quoted(&mut bench, 0, 5, 93.0);
    assert_eq!(liquidated(&bench), [1, 0], "the one does not wait for the other");
}

#[test]
fn what_cannot_trade_keeps_nobody_else_from_being_closed() {
    let mut bench = two(MarginMode::Cross, "300", ["20", "10"]);
    let halted = MarketEvent::Status(Timestamp::from_secs(3), TradingStatus::Halted);
    bench.feed(&Input::Market(InstrumentId(0), halted));
    // 300 + 10 (p − 100) < 0.05 × (2,000 + 10 p) at 84.2: the larger one asks for most, and is halted.
    quoted(&mut bench, 1, 4, 84.0);
    assert_eq!(liquidated(&bench), [1]);
    quoted(&mut bench, 1, 5, 84.0);
    assert_eq!(bench.engine.positions().len(), 1);
    // Where both trade, it is the larger one, and the other waits for what it frees.
    let mut bench = two(MarginMode::Cross, "300", ["20", "10"]);
    quoted(&mut bench, 1, 4, 84.0);
    quoted(&mut bench, 1, 5, 84.0);
    assert_eq!(liquidated(&bench), [0]);
}
