//! What holds for every market and every sequence of commands.

use papertape::backtest;
use papertape::engine::{Engine, EngineConfig, Event, EventKind, ExecutionConfig, Input};
use papertape::exchange::{Fill, Liquidity, Met};
use papertape::ledger::LedgerAccount;
use papertape::market::{Bars, MarketEvent};
use papertape::model::{Instrument, Money, Price, Quantity, Side};
use papertape::order::OrderPurpose;
use papertape::testkit::{arbitrary_bars, arbitrary_market, config, decimal};
use proptest::prelude::*;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Strategies that between them use every order type and time in force, both sides, every size and every protection.
const STRATEGIES: [&str; 7] = [
    "name: cross\nsymbols: [BTC/USDT]\ntimeframe: 1m\nlet: {fast: 'sma(close, 2)', slow: 'sma(close, 5)'}\n\
     entry: {long: 'cross_above(fast, slow)'}\nexit: {long: 'cross_below(fast, slow)'}\n",
    "name: protected\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close > open, short: close < open}\n\
     risk: {size: {method: percent_of_equity, value: 60}, stop_loss: 4, take_profit: 1%, trailing_stop: 3, cooldown: 1, max_daily_loss: 5%}\n",
    "name: limits\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close < open, short: close > open + 2}\nexit: {long: close > open + 3, short: close < open - 3}\n\
     orders: {entry: {type: limit, price: close - 1, expire_after: 3}, exit: {type: limit, price: close + 1}}\n\
     risk: {size: {method: risk_percent, value: 1}, stop_loss: 2 * atr(3)}\n",
    "name: stops\nsymbols: [BTC/USDT]\ntimeframe: 2m\nentry: {long: close > open}\nexit: {long: bars_in_trade > 3}\n\
     orders: {entry: {type: stop, stop_price: close + 1, time_in_force: day}}\n\
     risk: {size: {method: fixed_notional, value: 9000}, max_drawdown: 10%}\n",
    "name: greedy\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close > open, short: close < open}\n\
     risk: {size: {method: fixed_quantity, value: 12}}\n",
    "name: impatient\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close > open, short: close < open}\nexit: {long: close < open - 2}\n\
     orders: {entry: {type: limit, price: close, time_in_force: ioc}, exit: {type: market, time_in_force: fok}}\n\
     risk: {size: {method: fixed_quantity, value: 2}, stop_loss: 1%, trailing_stop: 0.5%}\n",
    "name: breakout\nsymbols: [BTC/USDT]\ntimeframe: 3m\nentry: {long: close > open, short: close < open}\nexit: {long: close > open + 4, short: close < open - 4}\n\
     orders: {entry: {type: stop, stop_price: 'close > open ? close + 1 : close - 1', time_in_force: fok}, exit: {type: stop, stop_price: close - 1, time_in_force: ioc}}\n\
     risk: {size: {method: percent_of_equity, value: 90}, stop_loss: 5, cooldown: 2, max_daily_loss: 3%}\n",
];
/// Those that have a stop loss.
const WITH_STOP_LOSS: [usize; 4] = [1, 2, 5, 6];

fn costly(yaml: &str) -> EngineConfig {
    let mut config = config(yaml);
    config.execution = ExecutionConfig::percent(decimal("0.0002"), decimal("0.00075"), decimal("1.5"));
    // Steps that are no power of ten, and prices that lie between them.
    if yaml.starts_with("name: impatient") || yaml.starts_with("name: breakout") {
        let symbol = config.instrument.symbol().clone();
        config.instrument = Instrument::new(
            symbol,
            decimal("0.25"),
            decimal("0.05"),
            decimal("5"),
            decimal("2"),
        )
        .expect("an instrument");
    }
    config
}

/// Whether the market was where the fill says it met it, by the inputs.
fn is_met(fill: &Fill, instrument: &Instrument, inputs: &[Input]) -> bool {
    let tick = Price(instrument.tick()).to_f64();
    let (reference, price) = (fill.explanation.reference_price.to_f64(), fill.price.to_f64());
    inputs.iter().any(|input| match (input, fill.explanation.met) {
        (
            Input::Market(_, MarketEvent::Bar(bar)),
            Met::BarOpen { open_time } | Met::BarPath { open_time, .. },
        ) => {
            let (low, high) = (bar.low - tick, bar.high + tick);
            bar.open_time == open_time
                && match (fill.liquidity, fill.side) {
                    (Liquidity::Taker, _) => (low..=high).contains(&reference),
                    (Liquidity::Maker, Side::Buy) => price >= low,
                    (Liquidity::Maker, Side::Sell) => price <= high,
                }
        }
        (Input::Market(_, MarketEvent::Quote(quote)), Met::Quote { time, .. }) => {
            quote.time == time
                && match fill.side {
                    Side::Buy => price >= quote.ask - tick,
                    Side::Sell => price <= quote.bid + tick,
                }
        }
        (Input::Market(_, MarketEvent::Trade(trade)), Met::Trade { time, .. }) => {
            trade.time == time
                && match fill.side {
                    Side::Buy => price >= trade.price - tick,
                    Side::Sell => price <= trade.price + tick,
                }
        }
        _ => false,
    })
}

fn run(config: EngineConfig, inputs: &[Input]) -> (Engine, Vec<Event>) {
    let mut engine = Engine::new(config);
    let mut events = Vec::new();
    for input in inputs {
        engine.process(input, &mut events);
    }
    (engine, events)
}

fn fills(events: &[Event]) -> impl Iterator<Item = &Fill> {
    events.iter().filter_map(|event| match &event.kind {
        EventKind::OrderFilled { fill, .. } => Some(fill),
        _ => None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Value is moved, never made: after any commands the books balance, cash is what the fills moved, the position is
    /// their sum, and holds are what open orders need. The engine checks the books itself after every input, too.
    #[test]
    fn the_ledger_conserves_value(which in 0..STRATEGIES.len(), inputs in arbitrary_market(1..120)) {
        let (engine, events) = run(costly(STRATEGIES[which]), &inputs);
        let ledger = engine.ledger();
        prop_assert_eq!(ledger.check(), Ok(()));
        prop_assert_eq!(engine.check(), Ok(()));
        let instrument = &engine.config().instrument;
        let mut cash = engine.config().initial_capital;
        let mut quantity = Decimal::ZERO;
        let mut fees = Money::zero(instrument.quote());
        for fill in fills(&events) {
            let value = instrument.notional(fill.price, fill.quantity);
            cash = if fill.side == Side::Buy { cash - value } else { cash + value } - fill.fee;
            fees += fill.fee;
            quantity += fill.quantity.0 * fill.side.sign();
        }
        prop_assert_eq!(engine.cash().amount, cash.amount);
        prop_assert_eq!(ledger.balance(LedgerAccount::Fees).amount, fees.amount);
        let held = engine.position().map_or(Decimal::ZERO, |position| {
            position.quantity.0 * position.side.entry().sign()
        });
        prop_assert_eq!(held, quantity);
        // Realised P&L and what is left at cost explain every cent that left the cash.
        let realized = -ledger.balance(LedgerAccount::RealizedPnl).amount;
        let cost = ledger.balance(LedgerAccount::PositionCost).amount;
        prop_assert_eq!(engine.config().initial_capital.amount + realized - fees.amount - cost, cash.amount);
    }

    /// The parts of every explanation add up to the difference between decision and fill, exactly.
    #[test]
    fn explanations_add_up(which in 0..STRATEGIES.len(), inputs in arbitrary_market(1..120)) {
        let (engine, events) = run(costly(STRATEGIES[which]), &inputs);
        for fill in fills(&events) {
            let expected =
                fill.explanation.expected_price_cost(&engine.config().instrument, fill.side, fill.price, fill.quantity);
            prop_assert_eq!(fill.explanation.price_cost().amount, expected.amount);
            prop_assert_eq!(fill.explanation.fee, fill.fee);
            prop_assert!(fill.quantity > Quantity::ZERO);
        }
    }

    /// The same inputs give the same events, to the last bit.
    #[test]
    fn replay_equals_run(which in 0..STRATEGIES.len(), inputs in arbitrary_market(1..120)) {
        let (first, first_events) = run(costly(STRATEGIES[which]), &inputs);
        let (second, second_events) = run(costly(STRATEGIES[which]), &inputs);
        prop_assert_eq!(first_events, second_events);
        prop_assert_eq!(first.event_hash(), second.event_hash());
    }

    /// A snapshot and the rest of the inputs give what the whole gives.
    #[test]
    fn snapshot_and_rest_equal_the_whole(
        which in 0..STRATEGIES.len(),
        inputs in arbitrary_market(2..120),
        cut in 0.0..1.0_f64,
    ) {
        let (whole, events) = run(costly(STRATEGIES[which]), &inputs);
        let cut = (inputs.len() as f64 * cut) as usize;
        let (before, mut pieces) = run(costly(STRATEGIES[which]), &inputs[..cut]);
        let bytes = before.snapshot();
        let mut restored = Engine::restore(&bytes).expect("a fresh snapshot reads back");
        prop_assert_eq!(restored.snapshot(), bytes);
        for input in &inputs[cut..] {
            restored.process(input, &mut pieces);
        }
        prop_assert_eq!(pieces, events);
        prop_assert_eq!(restored.event_hash(), whole.event_hash());
        prop_assert_eq!(restored.snapshot(), whole.snapshot());
    }

    /// An order meets only what comes after its decision, and only where the market was. (That cutting the inputs off
    /// changes nothing before needs no test: the engine has not seen the rest.)
    #[test]
    fn no_look_ahead(which in 0..STRATEGIES.len(), inputs in arbitrary_market(2..120)) {
        let (engine, events) = run(costly(STRATEGIES[which]), &inputs);
        for fill in fills(&events) {
            let met = fill.explanation.met.time();
            prop_assert!(fill.explanation.decided_at <= met, "{fill:?}");
            prop_assert!(is_met(fill, &engine.config().instrument, &inputs), "{fill:?}");
        }
    }

    /// The past of a backtest does not depend on the bars that follow.
    #[test]
    fn a_backtest_does_not_see_the_bars_that_follow(
        which in 0..STRATEGIES.len(),
        bars in arbitrary_bars(2..120),
        cut in 0.0..1.0_f64,
    ) {
        let cut = 1 + ((bars.len() - 1) as f64 * cut) as usize;
        let past: Bars = bars.iter().take(cut).collect();
        let whole = backtest::run(costly(STRATEGIES[which]), &bars, &mut |_| true).expect("nobody cancels");
        let past = backtest::run(costly(STRATEGIES[which]), &past, &mut |_| true).expect("nobody cancels");
        prop_assert!(whole.fills.iter().take(past.fills.len()).eq(past.fills.iter()));
        prop_assert_eq!(&whole.equity[..cut], &past.equity[..]);
    }

    /// What a quote or a trade shows is taken once.
    #[test]
    fn no_more_is_taken_than_is_shown(which in 0..STRATEGIES.len(), inputs in arbitrary_market(1..120)) {
        let (_, events) = run(costly(STRATEGIES[which]), &inputs);
        let mut taken = BTreeMap::new();
        for fill in fills(&events) {
            match fill.explanation.met {
                Met::Quote { time, .. } => *taken.entry((time, Some(fill.side))).or_insert(Decimal::ZERO) += fill.quantity.0,
                Met::Trade { time, .. } => *taken.entry((time, None)).or_insert(Decimal::ZERO) += fill.quantity.0,
                _ => {}
            }
        }
        for input in &inputs {
            let (key, shown) = match input {
                Input::Market(_, MarketEvent::Quote(quote)) => ([Some(Side::Buy), Some(Side::Sell)].map(|side| (quote.time, side)), quote.bid_size),
                Input::Market(_, MarketEvent::Trade(trade)) => ([(trade.time, None); 2], trade.size),
                _ => continue,
            };
            for key in key {
                let taken = taken.get(&key).copied().unwrap_or_default();
                prop_assert!(Quantity(taken).to_f64() <= shown, "{taken} of {shown}");
            }
        }
    }

    /// A position whose strategy has a stop loss rests behind one that covers it, until somebody flattens it; and no
    /// order that would reduce is left without a position.
    #[test]
    fn a_position_is_never_without_its_stop(which in 0..WITH_STOP_LOSS.len(), inputs in arbitrary_market(1..120)) {
        let mut engine = Engine::new(costly(STRATEGIES[WITH_STOP_LOSS[which]]));
        let mut events = Vec::new();
        for input in &inputs {
            engine.process(input, &mut events);
            let orders: Vec<_> = engine.open_orders().collect();
            let find = |purpose: OrderPurpose| orders.iter().find(|order| order.purpose == purpose);
            match engine.position() {
                None => prop_assert!(orders.iter().all(|order| !order.purpose.reduces()), "{orders:?}"),
                Some(_) if engine.state().is_final() || find(OrderPurpose::Flatten).is_some() => {}
                Some(position) => {
                    let covered = find(OrderPurpose::StopLoss).map(|order| order.remaining());
                    prop_assert!(covered >= Some(position.quantity), "{covered:?} of {}", position.quantity);
                }
            }
        }
    }

    /// Event numbers rise by one, and time never goes back.
    #[test]
    fn events_are_numbered_without_gaps(which in 0..STRATEGIES.len(), inputs in arbitrary_market(1..120)) {
        let (engine, events) = run(costly(STRATEGIES[which]), &inputs);
        prop_assert!(events.iter().map(|event| event.seq).eq(1..=engine.seq()));
        prop_assert!(events.is_sorted_by_key(|event| event.time));
    }

    /// A backtest is the engine over the same inputs, and its exact curve ends at its final equity.
    #[test]
    fn a_backtest_is_the_engine_over_bars(which in 0..STRATEGIES.len(), bars in arbitrary_bars(2..120)) {
        let outcome = backtest::run(costly(STRATEGIES[which]), &bars, &mut |_| true).expect("nobody cancels");
        let (engine, events) = run(costly(STRATEGIES[which]), &session_inputs(&bars));
        prop_assert_eq!(&outcome.event_hash, &engine.event_hash());
        prop_assert_eq!(outcome.final_equity, engine.equity());
        prop_assert!(outcome.fills.iter().eq(fills(&events).cloned()));
        let points: Vec<_> = outcome.equity_points(&bars).collect();
        prop_assert_eq!(points.len(), bars.len());
        prop_assert_eq!(points.last().map(|point| point.equity), Some(outcome.final_equity.amount));
        for (point, float) in points.iter().zip(&outcome.equity) {
            let exact: f64 = point.equity.to_string().parse().expect("a number");
            // Between two ticks, the exact curve takes the nearest.
            let tolerance = if which < 5 { 1e-6 } else { 2.0 };
            prop_assert!((exact - float).abs() < tolerance, "{exact} {float}");
            prop_assert!((0.0..=1.0).contains(&point.drawdown) || point.equity < Decimal::ZERO);
        }
    }
}

fn session_inputs(bars: &Bars) -> Vec<Input> {
    use papertape::engine::Command;
    use papertape::model::Timeframe;
    let mut inputs: Vec<_> = bars
        .iter()
        .map(|bar| Input::market(MarketEvent::Bar(bar)))
        .collect();
    inputs.insert(0, Input::Command(bars.open_time[0], Command::Start));
    let end = Timeframe::MINUTE.close_of(bars.open_time[bars.len() - 1]);
    inputs.push(Input::Command(end, Command::Finish));
    inputs
}

#[test]
fn a_damaged_snapshot_is_an_error() {
    let bytes = Engine::new(config(STRATEGIES[0])).snapshot();
    for cut in 0..bytes.len() {
        assert!(Engine::restore(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    assert!(
        Engine::restore(&[99])
            .expect_err("another format")
            .to_string()
            .contains("format 99")
    );
}
