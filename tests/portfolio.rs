//! The portfolio section and the limit on correlation: what is bought, sold and left alone.

use papertape::backtest::{self, Outcome};
use papertape::engine::{Command, Engine, EngineConfig, Event, EventKind, Input};
use papertape::market::{Bar, BarMerge, Bars, MarketEvent};
use papertape::model::{InstrumentId, Timestamp};
use papertape::order::DenyReason;
use papertape::testkit::{arbitrary_bars, config, decimal, instrument_of};
use proptest::prelude::*;
use rust_decimal::Decimal;

/// A strategy that trades BTC/USDT and ETH/USDT, with 10,000 USDT and without costs.
fn trading(section: &str) -> EngineConfig {
    let yaml = format!("name: x\nsymbols: [BTC/USDT, ETH/USDT]\ntimeframe: 1m\n{section}\n");
    EngineConfig {
        peers: vec![instrument_of("ETH/USDT")],
        ..config(&yaml)
    }
}

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

/// Minutes, each with its open and close.
fn bars(prices: &[(i64, f64, f64)]) -> Bars {
    prices
        .iter()
        .map(|(minute, open, close)| bar(*minute, *open, *close))
        .collect()
}

/// Minutes from 0 on at which the price stands still.
fn still(prices: &[f64]) -> Bars {
    (0..)
        .zip(prices)
        .map(|(minute, price)| bar(minute, *price, *price))
        .collect()
}

fn run(config: EngineConfig, bars: &[Bars]) -> Outcome {
    backtest::run_together(config, bars, &mut |_| true).expect("nobody cancels")
}

/// Fills in short: whose, the minute, side, quantity and price.
fn told(outcome: &Outcome) -> Vec<String> {
    let in_short = |fill: &papertape::exchange::Fill| {
        format!(
            "{} {} {} {} @ {}",
            fill.instrument.0,
            fill.time.secs() / 60,
            fill.side,
            fill.quantity.0.normalize(),
            fill.price
        )
    };
    outcome.fills.iter().map(|fill| in_short(&fill)).collect()
}

/// What a fill was worth.
fn value_of(outcome: &Outcome, place: usize) -> Decimal {
    let fill = outcome.fills.get(place).expect("a fill");
    fill.quantity.0 * fill.price.0
}

#[test]
fn target_weights_are_kept_every_so_many_bars_and_the_rest_stays_cash() {
    let config =
        trading("portfolio: {method: target, weights: {BTC/USDT: 60%, ETH/USDT: 0.3}, rebalance: 3}");
    let btc = bars(&[
        (0, 100.0, 100.0),
        (1, 100.0, 101.0),
        (2, 101.0, 119.0),
        (3, 119.0, 120.0),
        (4, 121.0, 121.0),
        (5, 121.0, 121.0),
    ]);
    let eth = bars(&[
        (0, 10.0, 10.0),
        (1, 10.0, 10.0),
        (2, 10.0, 10.0),
        (3, 10.0, 10.0),
        (4, 11.0, 11.0),
        (5, 11.0, 11.0),
    ]);
    let outcome = run(config, &[btc, eth]);
    // At the close of minute 3 the account is worth 60 × 120 + 300 × 10 + 1,000 = 11,200: 6,720 and 3,360 of it are 56 and
    // 336 units. Both trades meet the open after it.
    assert_eq!(
        told(&outcome),
        [
            "0 1 buy 60 @ 100.00",
            "1 1 buy 300 @ 10.00",
            "0 4 sell 4 @ 121.00",
            "1 4 buy 36 @ 11.00",
        ]
    );
    // 56 × 121 + 336 × 11 + (1,000 + 4 × 121 − 36 × 11)
    assert_eq!(outcome.final_equity.amount, decimal("11560"));
    assert_eq!(outcome.trades[0].entry_reason, "rebalance to 60.00 %");
}

#[test]
fn what_is_sold_pays_for_what_is_bought_at_the_same_open() {
    // All is invested, and the second symbol is sold for the first: its bar is met first.
    let config = trading("portfolio: {method: equal, rebalance: 2}");
    let btc = still(&[100.0; 6]);
    let eth = still(&[10.0, 10.0, 12.5, 12.5, 12.5, 12.5]);
    let outcome = run(config, &[btc, eth]);
    // 50 × 100 + 500 × 12.5 = 11,250, half of which are 56.25 and 450 units.
    assert_eq!(
        told(&outcome),
        [
            "0 1 buy 50 @ 100.00",
            "1 1 buy 500 @ 10.00",
            "1 3 sell 50 @ 12.50",
            "0 3 buy 6.25 @ 100.00",
        ]
    );
}

#[test]
fn a_purchase_waits_for_the_money_of_a_sale() {
    let config = trading("portfolio: {method: equal, rebalance: 2}");
    let btc = still(&[100.0; 8]);
    // Nothing is traded of ETH in minutes 3 and 4, so nothing can be sold.
    let eth: Bars = [(0, 10.0), (1, 10.0), (2, 12.5), (5, 12.5), (6, 12.5), (7, 12.5)]
        .map(|(minute, price)| bar(minute, price, price))
        .into_iter()
        .collect();
    let outcome = run(config, &[btc, eth]);
    let later: Vec<String> = told(&outcome).split_off(2);
    // The rebalance of minute 4's close replaces that of minute 2's.
    assert_eq!(later, ["1 5 sell 50 @ 12.50", "0 5 buy 6.25 @ 100.00"]);
}

#[test]
fn purchases_are_cut_alike_when_the_money_does_not_reach() {
    let mut config = trading("portfolio: {method: equal, rebalance: 5}");
    config.execution =
        papertape::engine::ExecutionConfig::percent(decimal("0.001"), decimal("0.001"), decimal("10"));
    let outcome = run(config, &[still(&[100.0; 4]), still(&[10.0; 4])]);
    assert_eq!(outcome.fills.len(), 2);
    let value = |place: usize| value_of(&outcome, place);
    let (first, second) = (value(0), value(1));
    // All but what 0.1 % fee and 0.1 % slippage take, and the same of both but for a lot's worth.
    assert!(first > decimal("4980") && first < decimal("5000"), "{first}");
    assert!((first - second).abs() < decimal("0.01"), "{first} and {second}");
    assert!(outcome.final_equity.amount > decimal("9979"));
}

#[test]
fn a_band_is_left_before_anything_is_traded() {
    let config = trading("portfolio: {method: equal, drift: 5%, cash: 10%}");
    let btc = still(&[100.0; 8]);
    // From 45 % of the equity each: 12 makes 5,400 / 10,900 = 49.5 % of ETH, 12.6 makes 50.6 %.
    let eth = still(&[10.0, 10.0, 12.0, 12.6, 12.6, 12.6, 12.6, 12.6]);
    let outcome = run(config, &[btc, eth]);
    // 11,170 of equity: 45 % is 5,026.5, which are 50.265 and 398.92857 units.
    assert_eq!(
        told(&outcome),
        [
            "0 1 buy 45 @ 100.00",
            "1 1 buy 450 @ 10.00",
            "1 4 sell 51.07143 @ 12.60",
            "0 4 buy 5.265 @ 100.00",
        ]
    );
}

#[test]
fn what_is_not_worth_its_costs_is_left_alone() {
    let btc = still(&[100.0; 8]);
    let eth = still(&[10.0, 10.0, 10.4, 10.4, 10.4, 10.4, 10.4, 10.4]);
    // 10,200 of equity: a sale and a purchase worth 100 each.
    for (smallest, trades) in [("101", 2), ("99", 4), ("0.99%", 2), ("0.97%", 4)] {
        let config = trading(&format!(
            "portfolio: {{method: equal, rebalance: 2, min_trade: {smallest}}}"
        ));
        let outcome = run(config, &[btc.clone(), eth.clone()]);
        assert_eq!(outcome.fills.len(), trades, "{smallest}: {:?}", told(&outcome));
    }
}

#[test]
fn a_symbol_takes_part_when_it_has_its_returns() {
    let config = trading("portfolio: {method: inverse_volatility, lookback: 2, rebalance: 100}");
    // Returns of ±1 % and ±2 %.
    let btc = still(&[100.0, 101.0, 100.0, 101.0, 100.0, 101.0, 100.0, 101.0]);
    let eth: Bars = [(2, 10.0), (3, 10.2), (4, 10.0), (5, 10.2), (6, 10.0), (7, 10.2)]
        .map(|(minute, price)| bar(minute, price, price))
        .into_iter()
        .collect();
    let outcome = run(config, &[btc, eth]);
    let fills = told(&outcome);
    // BTC alone after minute 2; ETH has its second return at the close of minute 4.
    assert_eq!(fills[0], "0 3 buy 99.0099 @ 101.00", "{fills:?}");
    assert!(
        fills[1].starts_with("0 5 sell ") && fills[2].starts_with("1 5 buy "),
        "{fills:?}"
    );
    assert_eq!(fills.len(), 3);
    let invested = value_of(&outcome, 2);
    assert!((invested - decimal("3333")).abs() < decimal("80"), "{invested}");
}

#[test]
fn a_day_begins_at_midnight() {
    let config = trading("portfolio: {method: equal, rebalance: daily}");
    let from = 23 * 60 + 55;
    let prices = |price: fn(i64) -> f64| -> Bars {
        (from..from + 10)
            .map(|minute| bar(minute, price(minute), price(minute)))
            .collect()
    };
    let btc = prices(|_| 100.0);
    let eth = prices(|minute| if minute > 1_437 { 12.5 } else { 10.0 });
    let outcome = run(config, &[btc, eth]);
    // At once, and then when the bar has closed that ends the day: what comes next is the first of the new one.
    assert_eq!(
        told(&outcome),
        [
            "0 1436 buy 50 @ 100.00",
            "1 1436 buy 500 @ 10.00",
            "1 1440 sell 50 @ 12.50",
            "0 1440 buy 6.25 @ 100.00",
        ]
    );
}

#[test]
fn a_daily_loss_closes_everything_until_the_next_rebalance() {
    let config = trading("portfolio: {method: equal, rebalance: 4}\nrisk: {max_daily_loss: 5%}");
    let btc = still(&[100.0, 100.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0]);
    let eth = still(&[10.0; 10]);
    let outcome = run(config, &[btc, eth]);
    let fills = told(&outcome);
    assert_eq!(fills.len(), 4, "{fills:?}");
    assert_eq!(&fills[2..], ["0 3 sell 50 @ 80.00", "1 3 sell 500 @ 10.00"]);
}

#[test]
fn a_portfolio_of_one_symbol_is_one_too() {
    let yaml = "name: x\ntimeframe: 1m\nportfolio: {method: target, weights: {BTC/USDT: 50%}, drift: 10%}\n";
    let data = still(&[100.0, 100.0, 200.0, 200.0, 200.0]);
    let alone = backtest::run(config(yaml), &data, &mut |_| true).expect("nobody cancels");
    assert_eq!(told(&alone), ["0 1 buy 50 @ 100.00", "0 3 sell 12.5 @ 200.00"]);
    let together = run(config(yaml), std::slice::from_ref(&data));
    assert_eq!(told(&together), told(&alone));
}

/// The reasons why entries were denied.
fn denied(config: EngineConfig, bars: &[Bars]) -> Vec<DenyReason> {
    let mut engine = Engine::new(config);
    let mut events: Vec<Event> = Vec::new();
    engine.process(&Input::Command(Timestamp::EPOCH, Command::Start), &mut events);
    let mut merge = BarMerge::default();
    while let Some((place, bar)) = merge.next(bars) {
        let at = InstrumentId(u16::try_from(place).expect("few"));
        engine.process(&Input::Market(at, MarketEvent::Bar(bar)), &mut events);
    }
    let reasons = events.into_iter().filter_map(|event| match event.kind {
        EventKind::OrderDenied { reason, .. } => Some(reason),
        _ => None,
    });
    reasons.collect()
}

#[test]
fn what_moves_like_something_held_is_not_bought_besides() {
    let rules = |side: &str, limit: &str| {
        trading(&format!(
            "entry: [{{name: btc, long: 'close > 50 and close < 100.5'}}, {{name: eth, {side}: 'close < 50'}}]\n\
             risk: {{size: {{method: percent_of_equity, value: 20}}, max_correlation: {limit}}}"
        ))
    };
    // ETH is entered at once, BTC at its fifth close.
    let btc = still(&[101.0, 102.0, 101.0, 102.0, 100.0, 101.0, 102.0]);
    let alike = still(&[10.1, 10.2, 10.1, 10.2, 10.0, 10.1, 10.2]);
    let against = still(&[10.1, 10.0, 10.1, 10.0, 10.2, 10.1, 10.0]);
    let limit = "{limit: 0.8, lookback: 3}";
    for (side, eth, expected) in [
        ("long", &alike, true),
        ("long", &against, false),
        // A short position loses when the price rises.
        ("short", &alike, false),
        ("short", &against, true),
    ] {
        let reasons = denied(rules(side, limit), &[btc.clone(), eth.clone()]);
        let correlated: Vec<f64> = reasons
            .iter()
            .filter_map(|reason| match reason {
                DenyReason::Correlated {
                    with,
                    correlation,
                    most,
                } => {
                    assert_eq!(with.as_str(), "ETH/USDT");
                    assert!(*most == 0.8 && *correlation > 0.8);
                    Some(*correlation)
                }
                _ => None,
            })
            .collect();
        assert_eq!(!correlated.is_empty(), expected, "{side}: {reasons:?}");
    }
    // Without a limit nothing is denied, and before there are returns nothing is known.
    let free = trading("entry: {long: close > 0}\nrisk: {size: {method: percent_of_equity, value: 20}}");
    assert_eq!(denied(free, &[btc.clone(), alike.clone()]), []);
    let early = trading(
        "entry: {long: close > 0}\nrisk: {size: {method: percent_of_equity, value: 20}, max_correlation: 80%}",
    );
    let reasons = denied(early, &[btc, alike]);
    assert!(
        matches!(&reasons[0], DenyReason::Undefined { what, .. } if what == "correlation"),
        "{reasons:?}"
    );
}

/// Portfolios of all kinds.
const PORTFOLIOS: [&str; 5] = [
    "portfolio: {method: equal, rebalance: 3, cash: 3%}",
    "portfolio: {method: inverse_volatility, lookback: 4, rebalance: 5, drift: 4%}",
    "portfolio: {method: risk_parity, lookback: 6, rebalance: 2, min_trade: 1%}",
    "portfolio: {method: minimum_variance, lookback: 5, drift: 2%}\nrisk: {max_daily_loss: 3%}",
    "portfolio: {method: target, weights: {ETH/USDT: 80%, BTC/USDT: 15%}, rebalance: daily, drift: 1%}",
];

/// Bars with about every fifth missing.
fn with_gaps(bars: &Bars, seed: i64) -> Bars {
    bars.iter()
        .filter(|bar| ((bar.open * 100.0).round() as i64 + seed) % 5 != 0)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Nothing is borrowed and nothing sold short, whatever the market does; a snapshot anywhere goes on event for event;
    /// and the same inputs give the same events as a backtest.
    #[test]
    fn a_portfolio_is_paid_for(
        btc in arbitrary_bars(4..80),
        eth in arbitrary_bars(4..80),
        which in 0..PORTFOLIOS.len(),
        at in 0..120_usize,
        latency: bool,
    ) {
        let bars = [with_gaps(&btc, 0), with_gaps(&eth, 2)];
        let mut config = trading(PORTFOLIOS[which]);
        config.execution =
            papertape::engine::ExecutionConfig::percent(decimal("0.0002"), decimal("0.00075"), decimal("1.5"));
        if latency {
            config.execution.latency = papertape::exchange::LatencyModel::Fixed {
                entry: 90_000_000_000,
                response: 1_000_000,
            };
        }
        let mut merge = BarMerge::default();
        let mut inputs = Vec::new();
        while let Some((place, bar)) = merge.next(&bars) {
            if inputs.is_empty() {
                inputs.push(Input::Command(bar.open_time, Command::Start));
            }
            inputs.push(Input::Market(InstrumentId(place as u16), MarketEvent::Bar(bar)));
        }
        let last = bars.iter().filter_map(|bars| bars.open_time.last().copied()).max();
        if let Some(last) = last {
            inputs.push(Input::Command(last.plus_nanos(60_000_000_000), Command::Finish));
        }
        let mut engine = Engine::new(config.clone());
        let mut events = Vec::new();
        let mut restored: Option<(Engine, Vec<Event>)> = None;
        for (number, input) in inputs.iter().enumerate() {
            if number == at.min(inputs.len() - 1) {
                restored = Some((Engine::restore(&engine.snapshot()).expect("a snapshot"), Vec::new()));
                events.clear();
            }
            engine.process(input, &mut events);
            if let Some((engine, events)) = &mut restored {
                engine.process(input, events);
            }
            prop_assert!(engine.cash().amount >= Decimal::ZERO, "{:?}", engine.cash());
            for position in engine.positions() {
                prop_assert_eq!(position.side, papertape::portfolio::TradeSide::Long);
            }
        }
        if let Some((again, told)) = restored {
            prop_assert_eq!(&told, &events);
            prop_assert_eq!(again.event_hash(), engine.event_hash());
        }
        let outcome = run(config, &bars);
        prop_assert_eq!(&outcome.event_hash, &engine.event_hash());
    }
}
