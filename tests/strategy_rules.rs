//! Rules with names, scaling in and out, exits in parts: each test is a strategy, a few bars, and the journal that a reader
//! would expect.

use papertape::engine::{Engine, EventKind};
use papertape::testkit::{Bench, config};

fn start(rules: &str) -> Bench {
    let mut bench = Bench::start(&format!("name: test\ntimeframe: 1m\n{rules}"));
    bench.forget();
    bench
}

const ONE: &str = "risk: {size: {method: fixed_quantity, value: 1}}\n";

/// Entry and exit reasons of the trades that ended.
fn trades(bench: &Bench) -> Vec<String> {
    let closed = bench.events.iter().filter_map(|event| match &event.kind {
        EventKind::TradeClosed { trade } => Some(format!(
            "{} {} {} -> {}",
            trade.side,
            trade.quantity.0.normalize(),
            trade.entry_reason,
            trade.exit_reason
        )),
        _ => None,
    });
    closed.collect()
}

#[test]
fn a_trade_tells_the_names_of_the_rules_that_opened_and_closed_it() {
    let mut bench = start(&format!(
        "entry:\n  - {{name: breakout, long: close > 110}}\n  - {{name: dip, long: close < 90}}\n\
         exit:\n  - {{name: too far, long: close > 130}}\n  - {{name: back, long: close == 100}}\n{ONE}"
    ));
    for price in [100.0, 111.0, 131.0, 100.0, 89.0, 95.0, 100.0, 100.0] {
        bench.flat(1, price);
    }
    assert_eq!(
        trades(&bench),
        ["long 1 breakout -> too far", "long 1 dip -> back"]
    );
}

#[test]
fn of_several_entries_that_hold_the_first_in_the_file_goes_first() {
    let mut bench = start(&format!(
        "entry:\n  - {{name: a, long: close > 120}}\n  - {{name: b, long: close > 110}}\n{ONE}"
    ));
    bench.flat(1, 121.0);
    assert_eq!(bench.journal(), ["#1 buy 1 market (a)"]);
}

#[test]
fn each_entry_brings_its_own_order_size_stop_and_target() {
    let mut bench = start(
        "entry:\n  - {name: breakout, long: close > 110, size: {method: fixed_quantity, value: 3}, stop_loss: 5}\n  \
         - {name: dip, long: close < 90, order: {type: limit, price: close - 1}, take_profit: none}\n\
         risk: {size: {method: fixed_quantity, value: 1}, stop_loss: 10%, take_profit: 50}\n",
    );
    bench.flat(2, 111.0);
    assert_eq!(
        bench.journal(),
        [
            "#1 buy 3 market (breakout)",
            "#1 accepted",
            "#1 filled 3 @ 111.00",
            "long opened",
            "#2 sell 3 stop @ 106.00 (stop loss)",
            "#2 accepted",
            "#3 sell 3 limit @ 161.00 (take profit)",
            "#3 accepted",
            "long 3",
        ]
    );
    bench.flat(1, 80.0).forget();
    bench.flat(1, 80.0).bar(80.0, 80.0, 70.0, 80.0);
    assert_eq!(
        bench.journal(),
        [
            "#4 accepted",
            "#4 filled 1 @ 79.00",
            "long opened",
            "#5 sell 1 stop @ 71.10 (stop loss)",
            "#5 accepted",
            "long 1",
            "#5 triggered at 71.10",
            "#5 filled 1 @ 71.10",
            "long closed: -7.9",
            "flat",
            "#6 buy 1 limit @ 79.00 (dip)",
        ]
    );
}

#[test]
fn an_entry_is_repeated_as_often_as_the_file_allows() {
    let mut bench = start(
        "entry: {name: dip, long: close < 100, max_entries: 3}\nexit: {long: close > 100}\n\
         risk: {size: {method: fixed_quantity, value: 1}, stop_loss: 10}\n",
    );
    for price in [99.0, 98.0, 97.0, 96.0, 95.0] {
        bench.flat(1, price);
    }
    let journal = bench.journal();
    let submitted = |text: &str| journal.iter().filter(|line| line.contains(text)).count();
    assert_eq!(submitted("buy 1 market (dip)"), 3, "{journal:#?}");
    // Every one has its own stop, ten below its own price.
    let stops: Vec<&String> = journal.iter().filter(|line| line.contains("stop @")).collect();
    assert_eq!(
        stops,
        [
            "#2 sell 1 stop @ 88.00 (stop loss)",
            "#4 sell 1 stop @ 87.00 (stop loss)",
            "#6 sell 1 stop @ 86.00 (stop loss)",
        ]
    );
    // The first stop closes the first entry alone, which makes room for another.
    bench.forget().bar(95.0, 95.0, 87.5, 99.0);
    assert_eq!(
        bench.journal(),
        [
            "#2 triggered at 88.00",
            "#2 filled 1 @ 88.00",
            "long 2",
            "#7 buy 1 market (dip)",
        ]
    );
    bench.flat(1, 101.0).forget();
    bench.flat(1, 101.0);
    assert_eq!(
        bench.journal(),
        [
            "#9 accepted",
            "#9 filled 3 @ 101.00",
            "long closed: -1",
            "#4 canceled: position_closed",
            "#6 canceled: position_closed",
            "#8 canceled: position_closed",
            "flat",
        ]
    );
}

#[test]
fn entries_of_different_names_share_the_limit_of_the_position() {
    let rules = |limit: &str| {
        format!(
            "entry:\n  - {{name: a, long: close > 100}}\n  - {{name: b, long: close > 100}}\n  \
             - {{name: c, long: close > 100}}\nrisk: {{size: {{method: fixed_quantity, value: 1}}{limit}}}\n"
        )
    };
    let mut bench = start(&rules(", max_entries: 2"));
    bench.flat(1, 101.0);
    assert_eq!(bench.journal(), ["#1 buy 1 market (a)", "#2 buy 1 market (b)"]);
    let mut bench = start(&rules(""));
    bench.flat(3, 101.0);
    assert_eq!(bench.journal()[0], "#1 buy 1 market (a)");
    assert!(bench.journal().contains(&"long 1".to_owned()));
    assert!(!bench.journal().iter().any(|line| line.starts_with("#2")));
}

#[test]
fn a_position_is_added_to_each_time_the_market_has_gone_far_enough() {
    let mut bench = start(
        "entry: {name: trend, long: close == 100, add: {after_gain: 5, max: 2, size: {method: fixed_quantity, value: 2}}}\n\
         risk: {size: {method: fixed_quantity, value: 1}}\n",
    );
    for price in [100.0, 102.0, 106.0, 108.0, 111.0, 112.0, 113.0, 120.0, 130.0] {
        bench.flat(1, price);
    }
    let submitted: Vec<String> = bench
        .journal()
        .into_iter()
        .filter(|line| line.contains("buy") || line.contains("filled"))
        .collect();
    assert_eq!(
        submitted,
        [
            "#1 buy 1 market (trend)",
            "#1 filled 1 @ 102.00",
            // 108 is six above the first fill, 106 only four.
            "#2 buy 2 market (trend.add)",
            "#2 filled 2 @ 111.00",
            // 120 is nine above the second one.
            "#3 buy 2 market (trend.add)",
            "#3 filled 2 @ 130.00",
        ]
    );
}

#[test]
fn a_falling_position_is_averaged_down_only_while_a_condition_holds() {
    let mut bench = start(
        "entry: {long: close == 100, add: {long: volume > 0, after_loss: 10%}}\n\
         risk: {size: {method: fixed_quantity, value: 1}}\n",
    );
    for price in [100.0, 100.0, 91.0, 90.0, 80.0, 60.0] {
        bench.flat(1, price);
    }
    let buys: Vec<String> = bench
        .journal()
        .into_iter()
        .filter(|line| line.contains("buy"))
        .collect();
    assert_eq!(
        buys,
        ["#1 buy 1 market (entry.long)", "#2 buy 1 market (entry.add)"]
    );
}

#[test]
fn an_exit_closes_a_part_once_a_position_and_the_rest_by_another_rule() {
    let mut bench = start(
        "entry: {long: close == 100}\n\
         exit:\n  - {name: half, long: close > 105, close: 50%}\n  - {name: done, long: close < 95}\n\
         risk: {size: {method: fixed_quantity, value: 1}, stop_loss: 50}\n",
    );
    for price in [100.0, 100.0, 106.0, 107.0, 108.0] {
        bench.flat(1, price);
    }
    assert_eq!(
        bench.journal()[4..],
        [
            "#2 sell 1 stop @ 50.00 (stop loss)",
            "#2 accepted",
            "long 1",
            "#3 sell 0.5 market (half)",
            "#3 accepted",
            "#3 filled 0.5 @ 107.00",
            // The stop is over what is left.
            "#2 amended to 50.00",
            "long 0.5",
        ]
    );
    bench.flat(2, 94.0);
    // One trade: bought at 100, sold half at 107 and half at 94.
    assert_eq!(trades(&bench), ["long 1 entry.long -> done"]);
    assert!(
        bench.journal().contains(&"long closed: 0.5".to_owned()),
        "{:#?}",
        bench.journal()
    );
}

#[test]
fn an_exit_of_one_entry_leaves_the_others_alone() {
    let mut bench = start(
        "entry:\n  - {name: a, long: close > 100, stop_loss: 50}\n  - {name: b, long: close > 110, stop_loss: 40}\n\
         exit: {name: end of b, long: close < 105, of: b}\n\
         risk: {size: {method: fixed_quantity, value: 2}, max_entries: 2}\n",
    );
    for price in [101.0, 111.0, 111.0, 104.0] {
        bench.flat(1, price);
    }
    bench.forget().flat(2, 104.0);
    assert_eq!(
        bench.journal(),
        [
            "#5 accepted",
            "#5 filled 2 @ 104.00",
            "#4 canceled: position_closed",
            "long 2",
        ]
    );
    assert_eq!(
        bench.engine.position().map(|it| it.quantity.0.to_string()),
        Some("2".into())
    );
}

#[test]
fn profit_is_taken_in_steps_and_the_stop_shrinks_with_them() {
    let mut bench = start(
        "entry: {long: close == 100}\n\
         risk:\n  size: {method: fixed_quantity, value: 4}\n  stop_loss: 10\n  \
         take_profit: [{at: 5, close: 50%}, {at: 10, close: 25%}, {at: 20}]\n",
    );
    bench.flat(2, 100.0);
    assert_eq!(
        bench.journal()[4..],
        [
            "#2 sell 4 stop @ 90.00 (stop loss)",
            "#2 accepted",
            "#3 sell 2 limit @ 105.00 (take profit)",
            "#3 accepted",
            "#4 sell 1 limit @ 110.00 (take profit)",
            "#4 accepted",
            "#5 sell 1 limit @ 120.00 (take profit)",
            "#5 accepted",
            "long 4",
        ]
    );
    bench.forget().bar(100.0, 112.0, 100.0, 111.0);
    assert_eq!(
        bench.journal(),
        [
            "#3 filled 2 @ 105.00",
            "#2 amended to 90.00",
            "long 2",
            "#4 filled 1 @ 110.00",
            "#2 amended to 90.00",
            "long 1",
        ]
    );
    bench.forget().bar(111.0, 111.0, 80.0, 85.0);
    assert_eq!(
        bench.journal(),
        [
            "#2 triggered at 90.00",
            "#2 filled 1 @ 90.00",
            // 2 × 5 + 1 × 10 − 1 × 10.
            "long closed: 10",
            "#5 canceled: position_closed",
            "flat",
        ]
    );
}

#[test]
fn a_short_position_is_scaled_and_closed_in_parts_as_a_long_one() {
    let mut bench = start(
        "entry: {name: fade, short: close > 100, max_entries: 2, take_profit: [{at: 2%, close: 50%}, {at: 4%}]}\n\
         exit: {name: over, short: close < 90}\nrisk: {size: {method: fixed_quantity, value: 1}}\n",
    );
    bench
        .flat(3, 101.0)
        .bar(101.0, 101.0, 98.5, 99.0)
        .bar(99.0, 99.0, 80.0, 85.0);
    assert_eq!(trades(&bench), ["short 2 fade -> take profit"]);
}

#[test]
fn a_trade_that_an_entry_turns_around_says_so_and_not_that_an_exit_rule_closed_it() {
    let reversing = "entry: {long: close > 100, short: close < 100}\n";
    let mut bench = start(&format!("{reversing}{ONE}"));
    bench.flat(2, 101.0).flat(2, 99.0).flat(2, 101.0);
    assert_eq!(
        trades(&bench),
        [
            "long 1 entry.long -> reversed by entry.short",
            "short 1 entry.short -> reversed by entry.long"
        ]
    );

    // Where an exit rule holds as well, it is the reason.
    let mut bench = start(&format!("{reversing}exit: {{long: close < 100}}\n{ONE}"));
    bench.flat(2, 101.0).flat(2, 99.0);
    assert_eq!(trades(&bench), ["long 1 entry.long -> exit.long"]);
}

#[test]
fn a_reversal_brings_the_other_sides_own_rule() {
    let mut bench = start(
        "entry:\n  - {name: up, long: close > 100}\n  \
         - {name: down, short: close < 100, size: {method: fixed_quantity, value: 2}, stop_loss: 5}\n\
         risk: {size: {method: fixed_quantity, value: 1}}\n",
    );
    bench.flat(2, 101.0).forget();
    bench.flat(2, 99.0);
    assert_eq!(
        bench.journal(),
        [
            "#2 sell 1 market (reversed by down)",
            "#2 accepted",
            "#2 filled 1 @ 99.00",
            "long closed: -2",
            "flat",
            "#3 sell 2 market (down)",
            "#3 accepted",
            "#3 filled 2 @ 99.00",
            "short opened",
            "#4 buy 2 stop @ 104.00 (stop loss)",
            "#4 accepted",
            "short 2",
        ]
    );
}

/// Scaled in and out by every construct, so that a snapshot anywhere holds all kinds of state.
const SCALED: &str = "name: scaled\ntimeframe: 2m\nparams: {n: 3}\nentry:\n  \
    - {name: a, long: 'close > sma(close, $n)', short: 'close < sma(close, $n)', max_entries: 2, stop_loss: 2%, \
    take_profit: [{at: 0.5%, close: 30%}, {at: 1%}]}\n  \
    - {name: b, long: 'rsi(close, 3) < 30', order: {type: limit, price: close * 0.999, expire_after: 2}, trailing_stop: 1%, \
    add: {after_loss: 0.3%, max: 2}}\n\
    exit:\n  - {name: half, long: 'rsi(close, 3) > 70', short: 'rsi(close, 3) < 30', close: 50%, max_exits: 2}\n  \
    - {name: b out, long: 'rsi(close, 3) > 60', of: [b]}\n  - {name: out, long: 'bars_in_trade > 20', short: 'bars_in_trade > 20'}\n\
    risk: {size: {method: percent_of_equity, value: 15}, max_entries: 4, max_drawdown: 50%, cooldown: 1}\n";

#[test]
fn a_scaled_session_continues_from_a_snapshot_as_if_nothing_had_happened() {
    use papertape::engine::{Command, Input};
    use papertape::market::{MarketEvent, SimulatedMarket, SimulatedMarketConfig};
    use papertape::model::Timestamp;
    let symbol: papertape::model::Symbol = "BTC/USDT".parse().expect("a symbol");
    let bars = SimulatedMarket::bars(
        SimulatedMarketConfig {
            symbol: symbol.clone(),
            seed: 11,
            start: Timestamp::parse("2024-06-01").expect("a time"),
        },
        4_000,
    );
    let config = || papertape::engine::EngineConfig {
        instrument: SimulatedMarket::instrument(&symbol),
        ..config(SCALED)
    };
    let mut whole = Engine::new(config());
    let mut events = Vec::new();
    let mut restored: Option<(Engine, Vec<_>)> = None;
    let start = Input::Command(bars.open_time[0], Command::Start);
    whole.process(&start, &mut events);
    for (index, bar) in bars.iter().enumerate() {
        if index % 500 == 250 {
            let engine = Engine::restore(&whole.snapshot()).expect("its own snapshot");
            restored = Some((engine, Vec::new()));
            events.clear();
        }
        let input = Input::market(MarketEvent::Bar(bar));
        whole.process(&input, &mut events);
        if let Some((engine, said)) = &mut restored {
            engine.process(&input, said);
            assert_eq!(*said, events, "bar {index}");
            said.clear();
            events.clear();
        }
    }
    assert!(whole.closed_trades() > 50, "{} trades", whole.closed_trades());
    let (restored, _) = restored.expect("was restored");
    assert_eq!(restored.event_hash(), whole.event_hash());
}
