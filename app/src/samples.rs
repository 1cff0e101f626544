//! Sample answers of the server, for tests.

use papertape::alert::{Alert, AlertKind, Severity};
use papertape::analytics::Metrics;
use papertape::api::{
    BacktestSummary, EquityPoint, FeedInfo, FeedKind, ParamInfo, SessionDetail, SessionSummary, StrategyCard,
};
use papertape::engine::{ExecutionConfig, SessionState};
use papertape::exchange::{DataTier, Explanation, Fill, Liquidity, Met};
use papertape::market::Bar;
use papertape::model::{
    AlertId, Instrument, InstrumentId, Money, OrderId, Price, Quantity, Side, Timeframe, Timestamp, TradeId,
};
use papertape::order::{Instructions, Order, OrderKind, OrderPurpose, OrderStatus, TimeInForce};
use papertape::portfolio::{Position, Trade, TradeSide};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// An exact number.
pub(crate) fn exact(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

/// An amount of USDT.
pub(crate) fn usdt(text: &str) -> Money {
    Money::new(exact(text), "USDT".parse().expect("a currency"))
}

/// So many minutes into the sample's day.
pub(crate) fn minute(index: i64) -> Timestamp {
    Timestamp::parse("2024-12-01T10:00:00Z")
        .expect("a time")
        .plus_nanos(index * 60_000_000_000)
}

pub(crate) fn instrument() -> Instrument {
    let symbol = "BTC/USDT".parse().expect("a symbol");
    Instrument::new(symbol, exact("0.01"), exact("0.00001"), exact("5"), Decimal::ONE).expect("an instrument")
}

pub(crate) fn bar(index: i64) -> Bar {
    let open = 96_000.0 + index as f64;
    Bar {
        open_time: minute(index),
        open,
        high: open + 20.0,
        low: open - 10.0,
        close: open + 5.0,
        volume: 2.5,
    }
}

pub(crate) fn order(id: u64, purpose: OrderPurpose, kind: OrderKind) -> Order {
    let side = if purpose == OrderPurpose::Entry {
        Side::Buy
    } else {
        Side::Sell
    };
    Order {
        id: OrderId(id),
        instrument: InstrumentId::PRIMARY,
        client_order_id: None,
        side,
        kind,
        quantity: Quantity(exact("0.5")),
        asked: Quantity(exact("0.5")),
        given_up: Quantity::ZERO,
        display: None,
        filled: Quantity::ZERO,
        average_price: None,
        fees: Decimal::ZERO,
        status: OrderStatus::Submitted,
        time_in_force: TimeInForce::Gtc,
        instructions: Instructions::NONE,
        purpose,
        parent: None,
        group: None,
        combo: None,
        decision_price: Price(exact("96400")),
        submitted_at: minute(5),
        arrives_at: minute(5),
        updated_at: minute(5),
        expires_at: None,
        hold: usdt("48200"),
        reason: "entry.long".into(),
        end_reason: "".into(),
        end_code: "".into(),
    }
}

pub(crate) fn fill(number: u64) -> Fill {
    let quantity = Quantity(exact("0.5"));
    let fee = usdt("48.22");
    Fill {
        order_id: OrderId(1),
        instrument: papertape::model::InstrumentId::PRIMARY,
        number,
        time: minute(6),
        side: Side::Buy,
        quantity,
        price: Price(exact("96440.25")),
        fee,
        liquidity: Liquidity::Taker,
        explanation: Explanation {
            tier: DataTier::Bars,
            decision_price: Price(exact("96400")),
            decided_at: minute(5),
            arrived_at: minute(5),
            reference_price: Price(exact("96430.5")),
            drift: usdt("15.25"),
            latency: usdt("0"),
            spread: usdt("0"),
            slippage: usdt("4.875"),
            impact: usdt("0"),
            fee,
            met: Met::BarOpen { open_time: minute(6) },
            tape: 7,
            queue: None,
        },
    }
}

pub(crate) fn trade(id: u64) -> Trade {
    Trade {
        id: TradeId(id),
        symbol: instrument().symbol().clone(),
        side: TradeSide::Long,
        quantity: Quantity(exact("0.5")),
        entry_time: minute(6),
        entry_price: Price(exact("96440.25")),
        exit_time: None,
        exit_price: None,
        fees: usdt("48.22"),
        pnl: usdt("-48.22"),
        return_ratio: -0.001,
        entry_reason: "entry.long".into(),
        exit_reason: "".into(),
    }
}

pub(crate) fn position() -> Position {
    Position {
        symbol: instrument().symbol().clone(),
        side: TradeSide::Long,
        quantity: Quantity(exact("0.5")),
        entry_price: Price(exact("96440.25")),
        entry_time: minute(6),
        mark_price: Price(exact("96440.25")),
        market_value: usdt("48220.125"),
        unrealized_pnl: usdt("0"),
        stop_price: Some(Price(exact("94000"))),
        target_price: None,
        greeks: None,
    }
}

pub(crate) fn alert(id: u64, severity: Severity, message: &str) -> Alert {
    Alert {
        id: AlertId(id),
        time: minute(7),
        severity,
        kind: AlertKind::Error,
        code: "order_denied".to_owned(),
        message: message.to_owned(),
    }
}

pub(crate) fn summary() -> SessionSummary {
    SessionSummary {
        id: "s-1".parse().expect("an id"),
        name: "SMA cross".to_owned(),
        strategy: "SMA cross".to_owned(),
        params: BTreeMap::from([("fast".to_owned(), 20.0)]),
        instrument: instrument(),
        timeframe: Timeframe::MINUTE,
        feed: FeedInfo {
            name: "simulated".to_owned(),
            kind: FeedKind::Simulated,
            label: "Simulated market".to_owned(),
        },
        state: SessionState::Running,
        state_reason: String::new(),
        speed: 1.0,
        initial_capital: usdt("100000"),
        cash: usdt("100000"),
        equity: usdt("100000"),
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
        market_time: Some(minute(5)),
        created_at: minute(0),
        sparkline: vec![100_000.0],
        seq: 10,
        execution: ExecutionConfig::default(),
        account: papertape::portfolio::AccountConfig::default(),
        backtest: None,
        recoveries: 0,
    }
}

pub(crate) fn detail() -> SessionDetail {
    SessionDetail {
        summary: summary(),
        source: "name: SMA cross\n".to_owned(),
        bars: (0..5).map(bar).collect(),
        history_bars: 2,
        equity: vec![EquityPoint {
            time: minute(5),
            equity: exact("100000"),
            cash: exact("100000"),
            position_value: Decimal::ZERO,
            drawdown: 0.0,
            optimistic: None,
            pessimistic: None,
        }],
        quote: None,
        orders: Vec::new(),
        fills: Vec::new(),
        trades: Vec::new(),
        alerts: Vec::new(),
        metrics: Metrics::default(),
        event_hash: "ab".repeat(32),
    }
}

pub(crate) fn card(tested: bool) -> StrategyCard {
    StrategyCard {
        slug: "sma-cross".to_owned(),
        name: "SMA cross".to_owned(),
        description: "Buy strength, sell weakness".to_owned(),
        symbols: vec![instrument().symbol().clone()],
        timeframe: Some(Timeframe::MINUTE),
        params: vec![ParamInfo {
            name: "fast".to_owned(),
            default: 20.0,
            min: Some(5.0),
            max: Some(100.0),
            step: Some(5.0),
            description: "fast average".to_owned(),
        }],
        last_backtest: tested.then(|| BacktestSummary {
            id: "b-1".parse().expect("an id"),
            finished_at: minute(0),
            dataset: "simulated".to_owned(),
            dataset_label: "Simulated market, 90 days".to_owned(),
            params: BTreeMap::from([("fast".to_owned(), 25.0)]),
            sparkline: vec![100.0, 104.0, 103.0],
            total_return: 0.0312,
            max_drawdown: 0.081,
            sharpe: Some(1.234),
            win_rate: Some(0.417),
            trades: 1_204,
        }),
        running_backtest: None,
        problems: Vec::new(),
    }
}
