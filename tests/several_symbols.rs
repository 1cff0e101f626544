//! Strategies over several instruments: one account, one moment, and nothing known before its time.

use papertape::backtest::{self, Outcome};
use papertape::engine::{Engine, EngineConfig, Event, EventKind, Input, SessionState};
use papertape::exchange::Fill;
use papertape::market::{Bar, BarMerge, Bars, MarketEvent};
use papertape::model::{InstrumentId, Symbol, Timeframe, Timestamp};
use papertape::testkit::{arbitrary_bars, config, decimal, instrument_of};
use proptest::prelude::*;
use rust_decimal::Decimal;

const BTC: InstrumentId = InstrumentId(0);
const ETH: InstrumentId = InstrumentId(1);

/// A strategy that trades BTC/USDT and these, with 10,000 USDT and without costs.
fn trading(yaml: &str, peers: &[&str]) -> EngineConfig {
    EngineConfig {
        peers: peers.iter().map(|symbol| instrument_of(symbol)).collect(),
        ..config(yaml)
    }
}

/// A strategy that trades BTC/USDT and may read these.
fn reading(yaml: &str, others: &[&str]) -> EngineConfig {
    EngineConfig {
        others: others.iter().map(|symbol| instrument_of(symbol)).collect(),
        ..config(yaml)
    }
}

/// A bar of `minute` that opens and closes at these prices.
fn bar(minute: i64, open: f64, close: f64) -> Bar {
    Bar {
        open_time: Timestamp::from_secs(minute * 60),
        open,
        high: open.max(close),
        low: open.min(close),
        close,
        volume: 1.0,
    }
}

/// Minutes at which the price stands still.
fn still(prices: &[(i64, f64)]) -> Bars {
    prices
        .iter()
        .map(|(minute, price)| bar(*minute, *price, *price))
        .collect()
}

fn run(config: EngineConfig, bars: &[Bars]) -> Outcome {
    backtest::run_together(config, bars, &mut |_| true).expect("nobody cancels")
}

/// Fills in short: whose, the minute, side, quantity and price.
fn told(outcome: &Outcome) -> Vec<String> {
    outcome.fills.iter().map(|fill| in_short(&fill)).collect()
}

fn in_short(fill: &Fill) -> String {
    format!(
        "{} {} {} {} @ {}",
        fill.instrument.0,
        fill.time.secs() / 60,
        fill.side,
        fill.quantity.0.normalize(),
        fill.price
    )
}

#[test]
fn two_symbols_trade_by_the_same_rules_on_one_account() {
    // Buys when the close is above the one before, sells when it is below; fixed quantities, so that the sums are easy.
    let yaml = "name: x\nsymbols: [BTC/USDT, ETH/USDT]\ntimeframe: 1m\n\
                entry: {long: 'close > close[1]'}\nexit: {long: 'close < close[1]'}\n\
                risk: {size: {method: fixed_quantity, value: 2}}\n";
    let btc: Bars = [
        bar(0, 100.0, 100.0),
        bar(1, 100.0, 110.0),
        bar(2, 111.0, 120.0),
        bar(3, 120.0, 119.0),
        bar(4, 118.0, 118.0),
    ]
    .into_iter()
    .collect();
    let eth: Bars = [
        bar(0, 10.0, 10.0),
        bar(1, 10.0, 9.0),
        bar(2, 9.0, 11.0),
        bar(3, 12.0, 10.0),
        bar(4, 9.0, 9.0),
    ]
    .into_iter()
    .collect();
    let outcome = run(trading(yaml, &["ETH/USDT"]), &[btc.clone(), eth.clone()]);
    assert_eq!(
        told(&outcome),
        [
            "0 2 buy 2 @ 111.00",
            "1 3 buy 2 @ 12.00",
            "0 4 sell 2 @ 118.00",
            "1 4 sell 2 @ 9.00",
        ]
    );
    // 10,000 + 2 × (118 − 111) + 2 × (9 − 12)
    assert_eq!(outcome.final_equity.amount, decimal("10008"));
    let trades: Vec<_> = outcome
        .trades
        .iter()
        .map(|trade| (trade.id.0, trade.symbol.to_string()))
        .collect();
    assert_eq!(trades, [(1, "BTC/USDT".to_owned()), (2, "ETH/USDT".to_owned())]);
    // One mark for each minute: after the first buy 2 × 120 − 2 × 111 more, then 2 × 119 and 2 × 10 for 2 × 12, then cash.
    assert_eq!(outcome.equity, [10_000.0, 10_000.0, 10_018.0, 10_012.0, 10_008.0]);
    let bars = [btc, eth];
    let points: Vec<Decimal> = outcome
        .equity_points_together(&bars)
        .map(|point| point.equity.normalize())
        .collect();
    assert_eq!(
        points,
        [10_000, 10_000, 10_018, 10_012, 10_008].map(Decimal::from)
    );
    let report = outcome.report_together(&bars, &[], Default::default());
    assert_eq!(report.symbol, "BTC/USDT,ETH/USDT");
    assert_eq!(
        report.by_symbol.iter().map(|of| of.pnl).collect::<Vec<_>>(),
        [decimal("14"), decimal("-6")]
    );
    // Equal parts bought at the first close and held: (118 / 100 + 9 / 10) / 2.
    let held = report.metrics.buy_and_hold_return.expect("there are closes");
    assert!((held - 0.04).abs() < 1e-12, "{held}");
}

#[test]
fn another_instrument_s_value_is_that_of_its_last_closed_bar() {
    // The order of the inputs of one minute makes no difference: BTC's bar comes first and still sees ETH's of that minute.
    let yaml = "name: x\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close of ETH/USDT > 20}\n\
                exit: {long: close of ETH/USDT < 20}\nrisk: {size: {method: fixed_quantity, value: 1}}\n";
    let btc = still(&[
        (0, 100.0),
        (1, 101.0),
        (2, 102.0),
        (3, 103.0),
        (4, 104.0),
        (5, 105.0),
        (6, 106.0),
    ]);
    // Nothing before minute 1, a gap at 3 and 4.
    let eth = still(&[(1, 10.0), (2, 30.0), (5, 15.0)]);
    let outcome = run(reading(yaml, &["ETH/USDT"]), &[btc, eth]);
    assert_eq!(told(&outcome), ["0 3 buy 1 @ 103.00", "0 6 sell 1 @ 106.00"]);
}

#[test]
fn another_instrument_s_higher_timeframe_closes_when_its_time_is_over() {
    let yaml = "name: x\nsymbols: [BTC/USDT]\ntimeframe: 1m\nlet: {wide: 'close of ETH/USDT @ 3m'}\n\
                entry: {long: 'high of ETH/USDT @ 3m > 20'}\nexit: {long: '(close @ 3m) of ETH/USDT < 20'}\n\
                risk: {size: {method: fixed_quantity, value: 1}}\n";
    let btc = still(&[0, 1, 2, 3, 4, 5, 6, 7].map(|minute| (minute, 100.0 + minute as f64)));
    // Three minutes are 0 to 2; of 3 to 5 the last two are missing, and they are over all the same.
    let eth = still(&[(0, 30.0), (1, 10.0), (2, 11.0), (3, 12.0)]);
    let outcome = run(reading(yaml, &["ETH/USDT"]), &[btc, eth]);
    // At the close of minute 2 the high is 30: bought at 3; and the close 11 < 20 is known at the same close.
    assert_eq!(told(&outcome)[0], "0 3 buy 1 @ 103.00");
    assert_eq!(told(&outcome)[1], "0 4 sell 1 @ 104.00");
}

#[test]
fn signals_that_compete_are_served_by_rank_and_what_is_left_goes_to_the_next() {
    let yaml = "name: x\nsymbols: [BTC/USDT, ETH/USDT, SOL/USDT]\ntimeframe: 1m\nrank: close / close[1]\n\
                entry: {long: 'close > close[1]'}\nrisk: {size: {method: percent_of_equity, value: 60}}\n";
    let btc = still(&[(0, 100.0), (1, 110.0), (2, 110.0)]);
    let eth = still(&[(0, 10.0), (1, 15.0), (2, 15.0)]);
    let sol = still(&[(0, 50.0), (1, 60.0), (2, 60.0)]);
    let outcome = run(
        trading(yaml, &["ETH/USDT", "SOL/USDT"]),
        &[btc.clone(), eth.clone(), sol.clone()],
    );
    // ETH rose most: 60 % of 10,000. SOL comes next: of the 4,000 that are left. BTC finds nothing.
    assert_eq!(
        told(&outcome),
        ["1 2 buy 400 @ 15.00", "2 2 buy 66.66666 @ 60.00"]
    );
    // Without a rank the order of the symbols decides.
    let yaml = yaml.replace("rank: close / close[1]\n", "");
    let outcome = run(trading(&yaml, &["ETH/USDT", "SOL/USDT"]), &[btc, eth, sol]);
    assert_eq!(
        told(&outcome),
        ["0 2 buy 54.54545 @ 110.00", "1 2 buy 266.6667 @ 15.00"]
    );
}

#[test]
fn no_more_positions_are_opened_than_the_account_may_have() {
    let yaml = "name: x\nsymbols: [BTC/USDT, ETH/USDT]\ntimeframe: 1m\nentry: {long: 'close > close[1]'}\n\
                exit: {long: 'close < close[1]'}\n\
                risk: {size: {method: fixed_quantity, value: 1}, max_open_positions: 1}\n";
    let btc = still(&[
        (0, 100.0),
        (1, 110.0),
        (2, 105.0),
        (3, 104.0),
        (4, 103.0),
        (5, 102.0),
    ]);
    let eth = still(&[(0, 10.0), (1, 11.0), (2, 12.0), (3, 13.0), (4, 14.0), (5, 14.0)]);
    let bars = [btc, eth];
    let (events, _) = events_of(trading(yaml, &["ETH/USDT"]), &bars, Timestamp::EPOCH);
    let said: Vec<String> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::OrderDenied { order, reason } => {
                Some(format!("{} {}", order.instrument.0, reason.code()))
            }
            EventKind::OrderFilled { fill, .. } => Some(in_short(fill)),
            _ => None,
        })
        .collect();
    assert_eq!(
        said,
        [
            // Both rise at minute 1: the first takes the only place.
            "1 max_open_positions",
            "0 2 buy 1 @ 105.00",
            // At minute 2 BTC falls and its exit is on its way; the place is free when it is sold.
            "1 max_open_positions",
            "0 3 sell 1 @ 104.00",
            "1 4 buy 1 @ 14.00",
        ]
    );
}

#[test]
fn buying_and_holding_two_symbols_is_the_sum_of_both() {
    let one = "name: x\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: 'true'}\n\
               risk: {size: {method: fixed_quantity, value: 3}}\n";
    let both = one.replace("[BTC/USDT]", "[BTC/USDT, ETH/USDT]");
    proptest!(ProptestConfig::with_cases(64), |(btc in arbitrary_bars(2..60), eth in arbitrary_bars(2..60))| {
        let alone = |bars: &Bars| {
            let outcome = backtest::run(config(one), bars, &mut |_| true).expect("nobody cancels");
            outcome.final_equity.amount - Decimal::from(10_000)
        };
        let gains = alone(&btc) + alone(&eth);
        let together = run(trading(&both, &["ETH/USDT"]), &[btc, eth]);
        prop_assert_eq!(together.final_equity.amount - Decimal::from(10_000), gains);
    });
}

/// Strategies that look at the other instrument, compete for money, rest orders, and use longer bars.
const STRATEGIES: [&str; 6] = [
    "name: pair\nsymbols: [BTC/USDT, ETH/USDT]\ntimeframe: 1m\nrank: rocp(close, 3)\n\
     entry: {long: 'close / close of ETH/USDT > sma(close / close of ETH/USDT, 3)', short: 'close of BTC/USDT < open of BTC/USDT'}\n\
     exit: {long: 'close < open'}\nrisk: {size: {method: percent_of_equity, value: 60}, stop_loss: 3, trailing_stop: 1%, max_daily_loss: 4%}\n",
    "name: limits\nsymbols: [BTC/USDT, ETH/USDT]\ntimeframe: 2m\nentry: {long: 'close < open', short: '(close of ETH/USDT) > open'}\n\
     exit: {long: 'sma(close, 2) of BTC/USDT > close'}\norders: {entry: {type: limit, price: close - 1, expire_after: 3}}\n\
     risk: {size: {method: fixed_notional, value: 7000}, take_profit: 4, cooldown: 1}\n",
    "name: higher\nsymbols: [BTC/USDT, ETH/USDT]\ntimeframe: 1m\nentry: {long: 'close > (ema(close, 2) of ETH/USDT @ 5m)'}\n\
     exit: {long: 'bars_in_trade > 3'}\nrisk: {size: {method: percent_of_equity, value: 95}, max_drawdown: 20%}\n",
    "name: stops\nsymbols: [BTC/USDT, ETH/USDT]\ntimeframe: 3m\nentry: {long: 'close > open', short: 'close < open'}\n\
     orders: {entry: {type: stop, stop_price: 'close > open ? close + 1 : close - 1', time_in_force: day}}\n\
     risk: {size: {method: percent_of_equity, value: 50}, stop_loss: 5}\n",
    "name: portfolio\nsymbols: [BTC/USDT, ETH/USDT]\ntimeframe: 2m\nportfolio: {method: risk_parity, lookback: 4, rebalance: 3, drift: 2%, cash: 5%}\n",
    "name: apart\nsymbols: [BTC/USDT, ETH/USDT]\ntimeframe: 1m\nentry: {long: 'close > open', short: 'close < open'}\n\
     risk: {size: {method: percent_of_equity, value: 40}, max_correlation: {limit: 0.1, lookback: 3}}\n",
];

fn costly(yaml: &str, latency: bool) -> EngineConfig {
    let mut config = trading(yaml, &["ETH/USDT"]);
    config.execution =
        papertape::engine::ExecutionConfig::percent(decimal("0.0002"), decimal("0.00075"), decimal("1.5"));
    if latency {
        config.execution.latency = papertape::exchange::LatencyModel::Fixed {
            entry: 90_000_000_000,
            response: 0,
        };
    }
    config
}

/// Bars with about every fifth missing.
fn with_gaps(bars: Bars, seed: i64) -> Bars {
    bars.iter()
        .filter(|bar| ((bar.open * 100.0).round() as i64 + seed) % 5 != 0)
        .collect()
}

fn before(bars: &Bars, minute: i64) -> Bars {
    bars.iter()
        .filter(|bar| bar.open_time.secs() < minute * 60)
        .collect()
}

/// What was ordered and what filled up to a moment: events that later data must not change.
fn decided_by(events: &[Event], time: Timestamp) -> Vec<String> {
    // What is ordered at the moment itself after a fill of the next bar belongs to that bar.
    let is_later =
        |event: &&Event| matches!(&event.kind, EventKind::OrderFilled { fill, .. } if fill.time >= time);
    events
        .iter()
        .take_while(|event| !is_later(event))
        .filter_map(|event| match &event.kind {
            EventKind::OrderSubmitted { order } if order.submitted_at <= time => Some(format!(
                "{} {} {} {:?}",
                order.submitted_at, order.instrument.0, order.quantity, order.kind
            )),
            EventKind::OrderDenied { order, reason } if order.submitted_at <= time => Some(format!(
                "{} {} {}",
                order.submitted_at,
                order.instrument.0,
                reason.code()
            )),
            EventKind::OrderFilled { fill, .. } if fill.time < time => Some(in_short(fill)),
            _ => None,
        })
        .collect()
}

/// All events of a run whose clock goes on to `end` at least.
fn events_of(config: EngineConfig, bars: &[Bars], end: Timestamp) -> (Vec<Event>, Engine) {
    let mut engine = Engine::new(config);
    let mut events = Vec::new();
    let mut merge = BarMerge::default();
    engine.process(
        &Input::Command(Timestamp::EPOCH, papertape::engine::Command::Start),
        &mut events,
    );
    while let Some((place, bar)) = merge.next(bars) {
        let at = if place == 0 { BTC } else { ETH };
        engine.process(&Input::Market(at, MarketEvent::Bar(bar)), &mut events);
    }
    let end = engine.market_time().unwrap_or_default().max(end);
    engine.process(&Input::market(MarketEvent::Clock(end)), &mut events);
    engine.process(
        &Input::Command(end, papertape::engine::Command::Finish),
        &mut events,
    );
    (events, engine)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Cutting off the future of either instrument, or of both, changes nothing before.
    #[test]
    fn no_rule_sees_the_future_of_any_instrument(
        btc in arbitrary_bars(4..60),
        eth in arbitrary_bars(4..60),
        which in 0..STRATEGIES.len(),
        cut in 2..50_i64,
        latency: bool,
    ) {
        let bars = [with_gaps(btc, 0), with_gaps(eth, 2)];
        let cuts = [
            [before(&bars[0], cut), bars[1].clone()],
            [bars[0].clone(), before(&bars[1], cut)],
            [before(&bars[0], cut), before(&bars[1], cut)],
        ];
        // A strategy's bar that the cut leaves open is decided on early or not at all; what is over before it is not.
        let timeframe = papertape::testkit::config(STRATEGIES[which]).strategy.timeframe;
        let until = timeframe.floor(Timestamp::from_secs(cut * 60));
        let (whole, _) = events_of(costly(STRATEGIES[which], latency), &bars, until);
        let whole = decided_by(&whole, until);
        for cut in cuts {
            let (events, engine) = events_of(costly(STRATEGIES[which], latency), &cut, until);
            prop_assert_eq!(&decided_by(&events, until), &whole);
            prop_assert!(engine.check().is_ok());
            prop_assert_eq!(engine.state(), SessionState::Finished);
        }
    }

    /// Waiting for the rest of a moment changes nothing where there is nothing to wait for.
    #[test]
    fn an_instrument_that_reads_itself_trades_as_one_alone(
        bars in arbitrary_bars(4..80),
        which in 0..STRATEGIES.len(),
        latency: bool,
    ) {
        let bars = with_gaps(bars, 1);
        // Of itself in place of the other: both forms read the same bars.
        let alone = STRATEGIES[which].replace("of ETH/USDT", "").replace("of BTC/USDT", "").replace("[BTC/USDT, ETH/USDT]", "[BTC/USDT]");
        let mut plain = costly(&alone, latency);
        plain.peers.clear();
        let itself = alone.replace("timeframe:", "let: {itself: close of BTC/USDT}\ntimeframe:");
        let mut waiting = costly(&itself, latency);
        waiting.peers.clear();
        let one = backtest::run(plain, &bars, &mut |_| true).expect("nobody cancels");
        let other = run(waiting, std::slice::from_ref(&bars));
        prop_assert_eq!(one.fills, other.fills);
        prop_assert_eq!(one.equity, other.equity);
        prop_assert_eq!(one.final_equity, other.final_equity);
    }

    /// A snapshot taken anywhere, between two bars of one minute too, goes on as if nothing had happened.
    #[test]
    fn a_snapshot_goes_on_event_for_event(
        btc in arbitrary_bars(4..40),
        eth in arbitrary_bars(4..40),
        which in 0..STRATEGIES.len(),
        at in 0..60_usize,
    ) {
        let bars = [with_gaps(btc, 0), with_gaps(eth, 2)];
        let mut inputs = vec![Input::Command(Timestamp::EPOCH, papertape::engine::Command::Start)];
        let mut merge = BarMerge::default();
        while let Some((place, bar)) = merge.next(&bars) {
            inputs.push(Input::Market(InstrumentId(place as u16), MarketEvent::Bar(bar)));
        }
        let mut engine = Engine::new(costly(STRATEGIES[which], true));
        let (mut events, mut again) = (Vec::new(), Vec::new());
        let at = at.min(inputs.len());
        for input in &inputs[..at] {
            engine.process(input, &mut events);
        }
        let mut restored = Engine::restore(&engine.snapshot()).expect("a snapshot");
        events.clear();
        for input in &inputs[at..] {
            engine.process(input, &mut events);
            restored.process(input, &mut again);
        }
        prop_assert_eq!(events, again);
        prop_assert_eq!(engine.event_hash(), restored.event_hash());
    }
}

#[test]
fn bars_that_close_inside_each_other_are_refused() {
    let symbols: Vec<Symbol> = ["BTC/USDT", "ETH/USDT"]
        .map(|symbol| symbol.parse().expect("a symbol"))
        .into();
    let daily = |hour: i64| -> Bars {
        (0..3)
            .map(|day| Bar {
                open_time: Timestamp::from_secs(day * 86_400 + hour * 3_600),
                ..bar(0, 1.0, 1.0)
            })
            .collect()
    };
    let day = Timeframe::DAY;
    assert_eq!(BarMerge::check(&[daily(0), daily(0)], &symbols, day), Ok(()));
    let problem = BarMerge::check(&[daily(0), daily(5)], &symbols, day).expect_err("they do not fit");
    assert_eq!(
        problem.to_string(),
        "a bar of ETH/USDT opens at 1970-01-01T05:00:00Z, inside the bar of BTC/USDT that opens at 1970-01-01T00:00:00Z: \
         bars of several symbols must open at the same times"
    );
}
