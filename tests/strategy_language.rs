//! The language as files use it: the contract's example, problems with their places, meaning of the operators.

use papertape::market::Bar;
use papertape::model::{Timeframe, Timestamp};
use papertape::strategy::{
    Distance, OrderRuleKind, PositionView, SizeRule, Strategy, TimeInForceRule, compile_expressions,
};
use std::collections::BTreeMap;

const EXAMPLE: &str = "
name: SMA cross                    # required
description: Buy strength, sell weakness
symbols: [BTC/USDT]                # default; the start form and --symbol override
timeframe: 5m                      # rules run at the close of this bar
params:
  fast: {default: 20, min: 5, max: 100, step: 5, description: fast average}
  slow: {default: 50, min: 20, max: 400, step: 10}
let:                               # named series, in any order
  fast_ma: sma(close, $fast)
  slow_ma: sma(close, $slow)
  trend: ema(close, 200) @ 1h      # a higher timeframe: its last closed bar
entry:
  long: cross_above(fast_ma, slow_ma) and close > trend
  short: false
exit:
  long: cross_below(fast_ma, slow_ma)
orders:
  entry: {type: limit, price: close - 0.5 * atr(14), time_in_force: gtc, expire_after: 10}
  exit: {type: market}
risk:
  size: {method: percent_of_equity, value: 95}
  stop_loss: 2 * atr(14)           # a distance in price, or \"2%\"; fixed at entry
  take_profit: 3%
  trailing_stop: 1.5%
  max_open_positions: 1
  max_drawdown: 20%                # protection: flatten and halt
  max_daily_loss: 5%
  cooldown: 10                     # bars after an exit
";

#[test]
fn the_whole_example_compiles() {
    let strategy = Strategy::compile(EXAMPLE, &BTreeMap::new(), None).expect("compiles");
    assert_eq!(strategy.name, "SMA cross");
    assert_eq!(strategy.timeframe.to_string(), "5m");
    let (entry, exit) = (&strategy.rules.entries[0], &strategy.rules.exits[0]);
    assert!(entry.long.is_some() && exit.long.is_some());
    assert!(entry.short.is_none() && exit.short.is_none());
    assert!(matches!(
        strategy.rules.entries[0].order.kind,
        OrderRuleKind::Limit { .. }
    ));
    assert_eq!(
        strategy.rules.entries[0].order.time_in_force,
        TimeInForceRule::Bars(10)
    );
    assert_eq!(strategy.rules.entries[0].size, SizeRule::PercentOfEquity(95.0));
    assert!(matches!(
        strategy.rules.entries[0].protection.stop_loss,
        Some(Distance::Price(_))
    ));
    assert_eq!(entry.protection.take_profit[0].at, Distance::Percent(0.03));
    assert_eq!(
        strategy.rules.entries[0].protection.trailing_stop,
        Some(Distance::Percent(0.015))
    );
    assert_eq!(strategy.risk.max_drawdown, Some(0.2));
    assert_eq!(strategy.risk.max_daily_loss, Some(0.05));
    assert_eq!(strategy.risk.cooldown, 10);
    let names: Vec<&str> = strategy
        .program
        .series()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["fast_ma", "slow_ma", "trend"]);
    assert!(
        (200 * 12..=202 * 12).contains(&strategy.warm_up()),
        "{}",
        strategy.warm_up()
    );
}

/// A bar of a minute: `[open, high, low, close, volume]`.
fn bar(minute: i64, [open, high, low, close, volume]: [f64; 5]) -> Bar {
    Bar {
        open_time: Timestamp::from_secs(60 * minute),
        open,
        high,
        low,
        close,
        volume,
    }
}

/// Bars that only have a close.
fn closes(closes: &[f64]) -> Vec<Bar> {
    (0..)
        .zip(closes)
        .map(|(minute, close)| bar(minute, [*close, *close, *close, *close, 1.0]))
        .collect()
}

/// The values of an expression, bar by bar; undefined is `None`.
fn values(expression: &str, bars: &[Bar]) -> Vec<Option<f64>> {
    values_at(expression, bars, &PositionView::FLAT)
}

fn values_at(expression: &str, bars: &[Bar], position: &PositionView) -> Vec<Option<f64>> {
    let (mut program, slots) = compile_expressions(&[expression.to_owned()], Timeframe::MINUTE)
        .unwrap_or_else(|problems| panic!("{expression}: {problems:?}"));
    let step = |bar| {
        program.on_bar(bar, position);
        Some(program.number(slots[0])).filter(|value| !value.is_nan())
    };
    bars.iter().map(step).collect()
}

/// The last value of an expression over one bar with a close of 10.
fn value(expression: &str) -> Option<f64> {
    values(expression, &[bar(0, [9.0, 12.0, 8.0, 10.0, 3.0])])[0]
}

#[test]
fn operators_bind_as_in_every_other_language() {
    for (expression, expected) in [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 4 - 3", 3.0),
        ("-2 * -3", 6.0),
        ("7 % 4", 3.0),
        ("-7 % 4", -3.0),
        ("1.5e1 + .5", 15.5),
        ("close > 5 and not (close > 20)", 1.0),
        ("not close > 20 and false", 0.0),
        ("true or false and false", 1.0),
        ("close > 20 ? 1 : close > 5 ? 2 : 3", 2.0),
        ("close + 1 > close ? 1 : 0", 1.0),
        ("close == 10", 1.0),
        ("close != 10", 0.0),
        ("max(close, open)", 10.0),
        ("min(close, open)", 9.0),
        ("max(close, 0)", 10.0),
        ("max(0, open - close)", 0.0),
        ("max(open - close, 0.5)", 0.5),
        ("max(2, 3)", 3.0),
        ("abs(open - close)", 1.0),
        ("sqrt(close - 1)", 3.0),
        ("exp(log(8))", 8.0),
        ("round(2.5) + floor(-1.5) + ceil(1.2)", 3.0),
        ("hl2", 10.0),
        ("hlc3", 10.0),
        ("ohlc4", 9.75),
        ("wclprice()", 10.0),
        ("bop", 0.25),
        ("close[0]", 10.0),
        ("macd(close, 1 + 1, 3, 1).macd[0] > 0 or close > 1", 1.0),
    ] {
        let found = value(expression).unwrap_or(f64::NAN);
        assert!(
            (found - expected).abs() < 1e-12,
            "{expression} is {found}, not {expected}"
        );
    }
}

#[test]
fn undefined_stays_undefined_and_no_condition_holds_on_it() {
    for expression in [
        "close[1]",
        "close[1] + 1",
        "close / (close - 10)",
        "log(close - 10)",
        "sqrt(0 - close)",
    ] {
        assert_eq!(value(expression), None, "{expression}");
    }
    for (expression, expected) in [
        ("close[1] > 0", 0.0),
        ("not close[1] > 0", 0.0),
        ("close[1] > 0 or close > 0", 1.0),
        ("close[1] > 0 and close > 0", 0.0),
        ("not (close[1] > 0 and close > 20)", 1.0),
        ("nz(close[1])", 0.0),
        ("nz(close[1], close)", 10.0),
    ] {
        assert_eq!(value(expression), Some(expected), "{expression}");
    }
    // The choice between two numbers is as undefined as the condition.
    assert_eq!(value("close[1] > 0 ? 1 : 2"), None);
}

#[test]
fn an_indicator_passes_over_bars_on_which_its_input_is_undefined() {
    let bars = closes(&[2.0, 4.0, 0.0, 8.0, 16.0]);
    // 16 / close is undefined where the close is 0.
    assert_eq!(
        values("sma(16 / close, 2)", &bars),
        [None, Some(6.0), None, Some(3.0), Some(1.5)]
    );
}

#[test]
fn history_counts_bars() {
    let bars = closes(&[1.0, 2.0, 3.0, 4.0]);
    let two_ago = [None, None, Some(1.0), Some(2.0)];
    assert_eq!(values("close[2]", &bars), two_ago);
    assert_eq!(values("prev(close, 2)", &bars), two_ago);
    assert_eq!(values("close[1][1]", &bars), two_ago);
    assert_eq!(values("prev(close)", &bars), values("close[1]", &bars));
    assert_eq!(
        values("(close > 1)[1]", &bars),
        [Some(0.0), Some(0.0), Some(1.0), Some(1.0)]
    );
}

#[test]
fn crossings_need_a_bar_before_and_count_the_touch_as_the_side_it_came_from() {
    let bars = closes(&[4.0, 6.0, 5.0, 6.0, 4.0, 5.0, 4.0]);
    let row = |digits: &str| {
        digits
            .bytes()
            .map(|digit| Some(f64::from(digit - b'0')))
            .collect::<Vec<_>>()
    };
    assert_eq!(values("cross_above(close, 5)", &bars), row("0101000"));
    assert_eq!(values("cross_below(close, 5)", &bars), row("0000101"));
    assert_eq!(values("crosses(close, 5)", &bars), row("0101101"));
}

#[test]
fn events_are_remembered() {
    let bars = closes(&[1.0, 2.0, 3.0, 2.0, 2.0, 5.0]);
    let row = |values: [f64; 6]| values.map(|value| Some(value).filter(|value| !value.is_nan()));
    let nan = f64::NAN;
    assert_eq!(
        values("bars_since(close == 2)", &bars),
        row([nan, 0.0, 1.0, 0.0, 0.0, 1.0])
    );
    assert_eq!(
        values("value_when(close < 3, close)", &bars),
        row([1.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    );
    assert_eq!(
        values("rising(close, 2)", &bars),
        row([0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    );
    assert_eq!(
        values("falling(close, 1)", &bars),
        row([0.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    );
    assert_eq!(
        values("percent_rank(close, 3)", &bars),
        row([nan, nan, nan, 200.0 / 3.0, 200.0 / 3.0, 100.0])
    );
    assert_eq!(
        values("highest(close, 3)", &bars),
        row([nan, nan, 3.0, 3.0, 3.0, 5.0])
    );
    assert_eq!(
        values("lowest(close, 3)", &bars),
        row([nan, nan, 1.0, 2.0, 2.0, 2.0])
    );
    assert_eq!(values("max(close, 3)", &bars), values("highest(close, 3)", &bars));
    assert_eq!(
        values("zscore(close, 2)", &bars),
        row([nan, 1.0, 1.0, -1.0, 0.0, 1.0])
    );
}

#[test]
fn a_higher_timeframe_shows_its_last_closed_bar() {
    // Minutes 0 to 8 in bars of three minutes: closes 3, 6 and 9 at minutes 2, 5 and 8.
    let bars = closes(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    let row = |values: [i32; 9]| values.map(|value| Some(f64::from(value)).filter(|value| *value > 0.0));
    assert_eq!(values("close @ 3m", &bars), row([0, 0, 3, 3, 3, 6, 6, 6, 9]));
    assert_eq!(values("open @ 3m", &bars), row([0, 0, 1, 1, 1, 4, 4, 4, 7]));
    assert_eq!(
        values("(volume @ 3m) * 2", &bars),
        row([0, 0, 6, 6, 6, 6, 6, 6, 6])
    );
    // Inside, [1] is one bar of three minutes; outside, one of one minute.
    assert_eq!(values("close[1] @ 3m", &bars), row([0, 0, 0, 0, 0, 3, 3, 3, 6]));
    assert_eq!(values("(close @ 3m)[1]", &bars), row([0, 0, 0, 3, 3, 3, 6, 6, 6]));
    assert_eq!(
        values("sum(close, 2) @ 3m", &bars),
        row([0, 0, 0, 0, 0, 9, 9, 9, 15])
    );
    assert_eq!(values("close @ 1m", &bars), values("close", &bars));
    assert_eq!(
        values("(donchian(1) @ 3m).upper", &bars),
        values("donchian(1).upper @ 3m", &bars)
    );
}

#[test]
fn a_gap_closes_the_higher_bar_at_the_next_bar() {
    let bars = [
        bar(0, [1.0; 5]),
        bar(1, [2.0; 5]),
        bar(7, [7.0; 5]),
        bar(8, [8.0; 5]),
    ];
    assert_eq!(values("close @ 3m", &bars), [None, None, Some(2.0), Some(8.0)]);
}

#[test]
fn a_name_is_computed_in_the_timeframe_that_uses_it() {
    let yaml = "
name: x
timeframe: 1m
let:
  slow: average @ 3m
  average: sma(close, 2)
entry: {long: slow > average}
";
    let mut strategy = Strategy::compile(yaml, &BTreeMap::new(), None).expect("compiles");
    for bar in closes(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) {
        strategy.program.on_bar(&bar, &PositionView::FLAT);
    }
    let series: Vec<(&str, f64)> = strategy
        .program
        .series()
        .iter()
        .map(|(name, slot)| (name.as_str(), strategy.program.number(*slot)))
        .collect();
    assert_eq!(series, [("slow", 4.5), ("average", 5.5)]);
}

#[test]
fn the_clock_is_that_of_the_bars_open_in_utc() {
    let monday = Timestamp::parse("2024-12-02T13:45:00Z").expect("a time");
    let bar = Bar {
        open_time: monday,
        ..closes(&[1.0])[0]
    };
    for (expression, expected) in [("hour", 13.0), ("minute()", 45.0), ("weekday", 0.0)] {
        assert_eq!(values(expression, &[bar]), [Some(expected)], "{expression}");
    }
}

#[test]
fn the_volume_weighted_price_begins_anew_each_day() {
    let day = 24 * 60;
    let bars = [
        bar(day - 2, [10.0, 10.0, 10.0, 10.0, 1.0]),
        bar(day - 1, [20.0, 20.0, 20.0, 20.0, 3.0]),
        bar(day, [40.0, 40.0, 40.0, 40.0, 0.0]),
        bar(day + 1, [40.0, 40.0, 40.0, 40.0, 1.0]),
    ];
    assert_eq!(values("vwap", &bars), [Some(10.0), Some(17.5), None, Some(40.0)]);
}

#[test]
fn the_position_is_what_the_engine_says() {
    let position = PositionView {
        size: -2.0,
        entry_price: 10.0,
        bars_in_trade: 3.0,
        unrealized_return: 0.1,
    };
    let bars = closes(&[9.0]);
    let sum = "position_size + entry_price + bars_in_trade + unrealized_return";
    assert_eq!(values_at(sum, &bars, &position), [Some(11.1)]);
    assert_eq!(values("entry_price", &bars), [None]);
}

#[test]
fn the_supertrend_tightens_until_the_close_crosses_it() {
    let prices: [(f64, f64, f64); 7] = [
        (11.0, 9.0, 10.0),
        (12.0, 10.0, 11.0),
        (13.0, 11.0, 12.0),
        (13.0, 11.0, 12.0),
        (10.0, 6.0, 7.0),
        (8.0, 6.0, 7.0),
        (16.0, 12.0, 15.0),
    ];
    let bars: Vec<Bar> = (0..)
        .zip(prices)
        .map(|(minute, (high, low, close))| bar(minute, [close, high, low, close, 1.0]))
        .collect();
    // True ranges 2, 2, 2, 6, 2, 9; with period 1 and multiplier 1 the bands are the middle ± the range. The upper band
    // comes down to 13 at once and stays there until the fall.
    let line = [
        None,
        Some(9.0),
        Some(10.0),
        Some(10.0),
        Some(13.0),
        Some(9.0),
        Some(5.0),
    ];
    let direction = [
        None,
        Some(1.0),
        Some(1.0),
        Some(1.0),
        Some(-1.0),
        Some(-1.0),
        Some(1.0),
    ];
    assert_eq!(values("supertrend(1, 1).line", &bars), line);
    assert_eq!(values("supertrend(1, 1).direction", &bars), direction);
}

#[test]
fn variance_keeps_its_digits_at_large_prices() {
    let base = 1e9;
    let prices: Vec<f64> = (0..5_000)
        .map(|index| base + f64::from(index % 2) * 0.5)
        .collect();
    let last = values("stddev(close, 20)", &closes(&prices)).pop().flatten();
    assert_eq!(last, Some(0.25));
    assert_eq!(
        values("stddev(close, 3)", &closes(&[0.1, 0.7, 0.7, 0.7])).pop(),
        Some(Some(0.0))
    );
}

#[test]
fn parameters_take_the_place_of_constants() {
    let yaml = "
name: x
params: {length: 3, share: 2, part: 0.25}
entry: {long: 'close > sma(close, $length * 2)'}
exit: {long: close < 1}
orders:
  exit: {type: stop, stop_price: close - $share, time_in_force: day}
risk:
  size: {method: fixed_quantity, value: $part}
  stop_loss: $share%
  trailing_stop: close * 0.01
  cooldown: $length
";
    let compile = |overrides: &[(&str, f64)]| {
        let overrides = overrides
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect();
        Strategy::compile(yaml, &overrides, None).expect("compiles")
    };
    let strategy = compile(&[]);
    assert_eq!(strategy.warm_up(), 6);
    assert_eq!(
        strategy.rules.entries[0].protection.stop_loss,
        Some(Distance::Percent(0.02))
    );
    assert_eq!(strategy.risk.cooldown, 3);
    assert_eq!(
        strategy.rules.entries[0].size,
        SizeRule::FixedQuantity("0.25".parse().expect("a number"))
    );
    assert!(matches!(
        strategy.rules.entries[0].protection.trailing_stop,
        Some(Distance::Price(_))
    ));
    assert!(matches!(
        strategy.rules.exits[0].order.kind,
        OrderRuleKind::Stop { .. }
    ));
    assert_eq!(strategy.rules.exits[0].order.time_in_force, TimeInForceRule::Day);
    let other = compile(&[("length", 10.0), ("part", 1.0)]);
    assert_eq!((other.warm_up(), other.params["share"]), (20, 2.0));
}

#[test]
fn what_a_file_leaves_out_has_a_default() {
    let strategy = Strategy::compile("name: x\nentry: {short: close < open}\n", &BTreeMap::new(), None)
        .expect("compiles");
    assert_eq!(strategy.timeframe, Timeframe::MINUTE);
    assert!(strategy.symbols.is_empty() && strategy.params.is_empty());
    assert_eq!(strategy.rules.entries[0].size, SizeRule::PercentOfEquity(95.0));
    assert_eq!(
        (strategy.risk.max_open_positions, strategy.risk.cooldown),
        (None, 0)
    );
    assert_eq!(strategy.rules.entries[0].order.kind, OrderRuleKind::Market);
    assert_eq!(strategy.warm_up(), 1);
}

#[test]
fn every_type_of_order_is_written_with_its_prices() {
    use papertape::order::PostOnly;
    use papertape::strategy::{DisplayRule, OrderRule};
    let order = |text: &str| -> OrderRule {
        let yaml = format!("name: x\nentry: {{long: true}}\norders: {{entry: {{{text}}}}}\n");
        let compiled = Strategy::compile(&yaml, &BTreeMap::new(), None);
        compiled
            .unwrap_or_else(|problems| panic!("{problems:?}"))
            .rules
            .entries[0]
            .order
    };
    type Is = fn(&OrderRuleKind) -> bool;
    let kinds: [(&str, Is); 8] = [
        ("type: market", |kind| *kind == OrderRuleKind::Market),
        ("type: limit, price: close", |kind| {
            matches!(kind, OrderRuleKind::Limit { .. })
        }),
        ("type: stop, stop_price: high", |kind| {
            matches!(kind, OrderRuleKind::Stop { .. })
        }),
        (
            "type: stop_limit, stop_price: high, price: high + 1",
            |kind| matches!(kind, OrderRuleKind::StopLimit { stop_price, price } if stop_price != price),
        ),
        ("type: take_profit, stop_price: low", |kind| {
            matches!(kind, OrderRuleKind::TakeProfit { .. })
        }),
        (
            "type: take_profit_limit, stop_price: low, price: low + 1",
            |kind| matches!(kind, OrderRuleKind::TakeProfitLimit { stop_price, price } if stop_price != price),
        ),
        ("type: trailing_stop, trail: 2 * atr(14)", |kind| {
            matches!(
                kind,
                OrderRuleKind::TrailingStop {
                    trail: Distance::Price(_)
                }
            )
        }),
        ("type: trailing_stop, trail: 1.5%", |kind| {
            *kind
                == OrderRuleKind::TrailingStop {
                    trail: Distance::Percent(0.015),
                }
        }),
    ];
    for (text, is) in kinds {
        let kind = order(text).kind;
        assert!(is(&kind), "{text}: {kind:?}");
    }
    let iceberg = order("type: limit, price: close, post_only: slide, display: 10%, extended_hours: true");
    assert_eq!(iceberg.post_only, Some(PostOnly::Slide));
    assert_eq!(iceberg.display, Some(DisplayRule::Share(0.1)));
    assert!(iceberg.extended_hours);
    for (text, post_only) in [
        ("true", Some(PostOnly::Reject)),
        ("reject", Some(PostOnly::Reject)),
        ("false", None),
    ] {
        assert_eq!(
            order(&format!("type: limit, price: close, post_only: {text}")).post_only,
            post_only
        );
    }
    for (text, word) in [
        ("gtc", TimeInForceRule::Gtc),
        ("ioc", TimeInForceRule::Ioc),
        ("fok", TimeInForceRule::Fok),
        ("day", TimeInForceRule::Day),
        ("opg", TimeInForceRule::Opg),
        ("cls", TimeInForceRule::Cls),
        ("gtc, expire_after: 3", TimeInForceRule::Bars(3)),
    ] {
        assert_eq!(
            order(&format!("time_in_force: {text}")).time_in_force,
            word,
            "{text}"
        );
    }
}

#[test]
fn what_an_order_reads_counts_into_the_warm_up() {
    let yaml = "name: x\nentry: {long: true}\norders: {entry: {type: trailing_stop, trail: atr(14)}}\n";
    let strategy = Strategy::compile(yaml, &BTreeMap::new(), None).expect("compiles");
    assert_eq!(strategy.warm_up(), 15);
}

#[test]
fn sizes_keep_the_digits_of_the_file() {
    let yaml =
        "name: x\nentry: {long: true}\nrisk: {size: {method: fixed_notional, value: 1234567.123456789}}\n";
    let strategy = Strategy::compile(yaml, &BTreeMap::new(), None).expect("compiles");
    let exact = "1234567.123456789".parse().expect("a number");
    assert_eq!(strategy.rules.entries[0].size, SizeRule::FixedNotional(exact));
}
