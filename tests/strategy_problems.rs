//! Every mistake is found, named and placed: bad YAML in, line, column and message out.

use papertape::strategy::{Strategy, StrategySpec, compile_expressions};
use std::collections::BTreeMap;

/// A file with `rule` as its entry, which begins at line 4, column 9.
fn with_rule(rule: &str) -> String {
    format!("name: x\ntimeframe: 5m\nentry:\n  long: {rule}\n")
}

fn problems(yaml: &str) -> Vec<String> {
    problems_with(yaml, &BTreeMap::new())
}

fn problems_with(yaml: &str, overrides: &BTreeMap<String, f64>) -> Vec<String> {
    let problems = Strategy::compile(yaml, overrides, None).expect_err(yaml);
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_mistake_in_an_expression_is_placed_inside_it() {
    for (rule, expected) in [
        (
            "close > smaa(close, 20)",
            "4:17: unknown indicator 'smaa'; did you mean 'sma'?",
        ),
        ("close > slow_ma", "4:17: unknown name 'slow_ma'"),
        ("clsoe > open", "4:9: unknown name 'clsoe'; did you mean 'close'?"),
        ("close > $fast", "4:17: unknown parameter '$fast'"),
        (
            "close",
            "4:9: a condition is needed here, this is a number: compare it, as in 'x > 0'",
        ),
        (
            "close + (close > open) > 1",
            "4:17: a number is needed here, this is a condition: choose, as in 'condition ? 1 : 0'",
        ),
        (
            "not close",
            "4:13: a condition is needed here, this is a number: compare it, as in 'x > 0'",
        ),
        (
            "close > open ? 1 :close > 2",
            "4:27: a number, as before the ':' is needed here, this is a condition: choose, as in \
             'condition ? 1 : 0'",
        ),
        (
            "sma(close, 20, 3) > 1",
            "4:9: sma takes 1 or 2 arguments, not 3: sma(series, period=30)",
        ),
        (
            "cross_above(close)",
            "4:9: cross_above takes 2 arguments, not 1: cross_above(a, b)",
        ),
        ("close(3) > 1", "4:9: close takes no arguments"),
        (
            "rsi > 30",
            "4:9: 'rsi' needs its arguments: rsi(series, period=14)",
        ),
        (
            "rsi(14) > 30",
            "4:13: the series of rsi must be a series, such as close: rsi(series, period=14)",
        ),
        (
            "sma(close, volume) > 1",
            "4:20: the period of sma must be a constant: a number or a $parameter, not a series",
        ),
        (
            "sma(close, 2.5) > 1",
            "4:20: the period of sma must be a whole number from 1 to 100000; it is 2.5",
        ),
        (
            "sma(close, 0) > 1",
            "4:20: the period of sma must be a whole number from 1 to 100000; it is 0",
        ),
        (
            "sma(close, -3) > 1",
            "4:20: the period of sma must be a whole number from 1 to 100000; it is -3",
        ),
        (
            "sma(close, 1e9) > 1",
            "4:20: the period of sma must be a whole number from 1 to 100000; it is 1000000000",
        ),
        (
            "close[-1] > 1",
            "4:15: the number of bars ago must be a whole number from 0 to 100000; it is -1",
        ),
        (
            "close[volume] > 1",
            "4:15: the number of bars ago must be a constant: a number or a $parameter, not a series",
        ),
        ("close / 0 > 1", "4:17: division by zero"),
        ("close % (2 - 2) > 1", "4:17: division by zero"),
        (
            "log(0 - 1) > 1",
            "4:9: this is never defined: the result of these constants is no number",
        ),
        (
            "macd(close) > 0",
            "4:9: macd gives several numbers: choose .macd, .signal or .hist",
        ),
        (
            "macd(close).histo > 0",
            "4:21: macd has no '.histo'; did you mean 'hist'?; it has .macd, .signal or .hist",
        ),
        (
            "close.upper > 0",
            "4:15: this gives one value only: leave '.upper' out",
        ),
        (
            "(close of ETH/USDT) of BTC/USDT > 1",
            "4:19: this is of BTC/USDT already: leave 'of ETH/USDT' out",
        ),
        (
            "position_size of ETH/USDT > 1",
            "4:9: position_size belongs to no timeframe and to no other instrument: take it out of the '@' or 'of'",
        ),
        (
            "close @ 7m > 1",
            "4:17: 7m is not a multiple of 5m, the timeframe of the bars it is made from",
        ),
        (
            "close @ 1m > 1",
            "4:17: 1m is not a multiple of 5m, the timeframe of the bars it is made from",
        ),
        (
            "close @ 1x > 1",
            "4:17: '1x' is not a timeframe: write a count and s, m, h, d or w, at most one week, such as 1m, 15m, 4h \
             or 1d",
        ),
        (
            "(close @ 1h + (close @ 15m)) @ 2h > 1",
            "4:18: 1h is not a multiple of 2h, the timeframe of the bars it is made from",
        ),
        (
            "position_size @ 1h > 1",
            "4:9: position_size belongs to no timeframe and to no other instrument: take it out of the '@' or 'of'",
        ),
        (
            "supertrend(10, -1).line > 1",
            "4:24: the multiplier of supertrend must be from 0 to 1000; it is -1",
        ),
        ("close >", "4:16: a value is missing before the end"),
        ("close > open)", "4:21: this ')' closes nothing"),
        (
            "(close > open",
            "4:22: ')' is missing before the end: every '(' needs its ')'",
        ),
        ("close open", "4:15: an operator is missing before 'open'"),
        (
            "1 < close < 2",
            "4:19: comparisons do not chain: write 'a < b and b < c'",
        ),
        ("close = open", "4:15: '=' compares nothing: write '=='"),
        ("close > open && true", "4:22: write 'and' instead of '&'"),
        ("close > 20x", "4:17: '20x' is not a number"),
        ("close > 1.2.3", "4:17: '1.2.3' is not a number"),
        ("close > ;", "4:17: ';' means nothing here"),
        (
            "sma(close 20) > 1",
            "4:19: ',' is missing before number 20: arguments are separated by commas and end with ')'",
        ),
        ("close @ > 1", "4:17: a timeframe must follow '@', such as '@ 1h'"),
        (
            "close > open ? 1",
            "4:25: ':' is missing before the end: a choice is written 'condition ? a : b'",
        ),
    ] {
        assert_eq!(problems(&with_rule(rule)), [expected], "{rule}");
    }
}

#[test]
fn a_place_is_found_through_every_style_of_scalar() {
    for (yaml, expected) in [
        (
            "name: x\nentry:\n  long: 'close > smaa(open)'\n",
            "3:18: unknown indicator 'smaa'; did you mean 'sma'?",
        ),
        (
            "name: x\nentry:\n  long: \"close > \\\n    smaa(open)\"\n",
            "4:5: unknown indicator 'smaa'; did you mean 'sma'?",
        ),
        (
            "name: x\nentry: {long: close > smaa(open)}\n",
            "2:23: unknown indicator 'smaa'; did you mean 'sma'?",
        ),
        (
            "name: x\nentry:\n  long: close > open and\n    close > smaa(open)\n",
            "4:13: unknown indicator 'smaa'; did you mean 'sma'?",
        ),
        (
            "name: x\nentry:\n  long: > # folded\n    close > open\n\n    and\n      close > smaa(open)\n",
            "7:15: unknown indicator 'smaa'; did you mean 'sma'?",
        ),
        (
            "name: x\nentry:\n  long: |-\n    close > open\n    and close > smaa(open)\n",
            "5:17: unknown indicator 'smaa'; did you mean 'sma'?",
        ),
        // What YAML itself cuts short.
        (
            "name: x\nentry: {long: close > sma(close, 20)}\n",
            "2:32: ',' is missing before the end: arguments are separated by commas and end with ')'; inside {…} quote \
             an expression that holds a comma",
        ),
        (
            "name: x\nentry:\n  long: close > open ? true : false\n",
            "3:29: this is not YAML: mapping values are not allowed in this context; quote an expression that holds ': '",
        ),
        // Columns count characters, not bytes.
        (
            "name: x\nlet: {größe: close}\nentry: {long: größe > smaa(open)}\n",
            "3:23: unknown indicator 'smaa'; did you mean 'sma'?",
        ),
    ] {
        assert_eq!(problems(yaml)[0], expected, "{yaml}");
    }
}

#[test]
fn an_order_says_what_its_type_needs_and_nothing_that_contradicts_it() {
    // The order's braces begin at line 3, column 17.
    for (order, expected) in [
        ("type: limit", vec!["3:17: a limit order needs a price"]),
        (
            "type: stop_limit, price: close",
            vec!["3:17: a stop_limit order needs a stop_price"],
        ),
        (
            "type: stop_limit",
            vec![
                "3:17: a stop_limit order needs a price",
                "3:17: a stop_limit order needs a stop_price",
            ],
        ),
        (
            "type: take_profit, price: close",
            vec![
                "3:17: a take_profit order needs a stop_price",
                "3:44: a take_profit order has no price",
            ],
        ),
        (
            "type: trailing_stop",
            vec!["3:17: a trailing_stop order needs a trail"],
        ),
        (
            "type: trailing_stop, trail: 1%, stop_price: close",
            vec!["3:62: a trailing_stop order has no stop_price"],
        ),
        (
            "type: limit, price: close, trail: 2",
            vec!["3:52: a limit order has no trail"],
        ),
        (
            "type: trailing_stop, trail: 100%",
            vec!["3:46: a trail must be below 100 %; it is 100 %"],
        ),
        (
            "type: trailing_stop, trail: 0%",
            vec!["3:46: a distance must be above 0 %; it is 0 %"],
        ),
        (
            "type: trailing_stop, trail: art(14)",
            vec!["3:46: unknown indicator 'art'; did you mean 'atr'?"],
        ),
        (
            "type: trailing_stpo, trail: 1%",
            vec![
                "3:24: 'trailing_stpo' is not a type: one of market, limit, stop, stop_limit, take_profit, \
                 take_profit_limit, trailing_stop; did you mean 'trailing_stop'?",
            ],
        ),
        (
            "type: limit, price: close, time_in_force: ioc, expire_after: 3",
            vec!["3:79: expire_after contradicts time_in_force ioc: leave one of them out, or write gtc"],
        ),
        (
            "time_in_force: day, expire_after: 3",
            vec!["3:52: expire_after contradicts time_in_force day: leave one of them out, or write gtc"],
        ),
        (
            "type: stop, stop_price: close, time_in_force: opg",
            vec!["3:64: only market and limit orders go into an auction (opg), a stop order does not"],
        ),
        (
            "post_only: true",
            vec!["3:29: post_only is for limit orders that rest in the book: a market order never does"],
        ),
        (
            "type: limit, price: close, time_in_force: fok, post_only: slide",
            vec!["3:76: post_only is for limit orders that rest in the book: one that is fok never does"],
        ),
        (
            "type: limit, price: close, post_only: slid",
            vec!["3:56: 'slid' is not a post_only: one of true, reject, slide, false; did you mean 'slide'?"],
        ),
        (
            "type: stop, stop_price: close, display: 10%",
            vec!["3:58: display is for limit orders that rest in the book: a stop order never does"],
        ),
        (
            "type: limit, price: close, display: 100%",
            vec!["3:54: an iceberg shows more than 0 % and less than 100 %; this is 100 %"],
        ),
        (
            "extended_hours: true",
            vec!["3:34: outside the regular session only limit orders trade, a market order does not"],
        ),
        (
            "type: limit, price: close, time_in_force: cls, extended_hours: true",
            vec!["3:81: extended_hours contradicts time_in_force cls: auctions are in the regular session"],
        ),
        (
            "type: limit, price: close, extended_hour: true",
            vec!["3:45: unknown key 'extended_hour'; did you mean 'extended_hours'?"],
        ),
    ] {
        let yaml = format!("name: x\nentry: {{long: true}}\norders: {{entry: {{{order}}}}}\n");
        assert_eq!(problems(&yaml), expected, "{order}");
    }
}

#[test]
fn a_mistake_in_the_form_is_placed_at_its_key_or_value() {
    let entry = "entry: {long: true}\n";
    for (yaml, expected) in [
        (
            "",
            "1:1: the file is empty: a strategy needs at least a name and an entry",
        ),
        (
            "- a\n",
            "1:1: a strategy file must be a mapping of keys to values",
        ),
        (
            "entry: {long: true}\n",
            "1:1: the strategy needs a name: add 'name: …'",
        ),
        (
            "name: x\n",
            "1:1: the strategy never enters: give entry.long, entry.short or both",
        ),
        (
            "name: x\nentry: {}\n",
            "1:1: the strategy never enters: give entry.long, entry.short or both",
        ),
        ("name: [x\n", "2:1: this is not YAML"),
        // The end of a last line that does not end, and not a line that is not there.
        ("name: [x", "1:9: this is not YAML"),
        ("name: x\nname: y\n", "2:1: 'name' is given twice"),
        (
            "name: &a x\ndescription: *a\n",
            "2:14: YAML aliases are not supported: write the value out",
        ),
        (
            "name: !!str x\n",
            "1:7: YAML tags are not supported: leave the '!' out",
        ),
        (
            "name: x\n---\nname: y\n",
            "2:1: a file holds one strategy: this begins a second document",
        ),
        (
            &format!("name: x\nsymbol: [A]\n{entry}"),
            "2:1: unknown key 'symbol'; did you mean 'symbols'?",
        ),
        (
            &format!("name: x\nsymbols: [A, /USDT]\n{entry}"),
            "2:14: '/USDT' is not a symbol: write one such as BTC/USDT or AAPL",
        ),
        (
            &format!("name: x\ntimeframe: 5x\n{entry}"),
            "2:12: '5x' is not a timeframe: write a count and s, m, h, d or w, at most one week, such as 1m, 15m, 4h \
             or 1d",
        ),
        (
            "name: x\nentry:\n  lnog: true\n",
            "3:3: unknown key 'lnog'; did you mean 'long'?",
        ),
        (
            &format!("name: x\nparams: {{fast: high}}\n{entry}"),
            "2:16: 'high' is not a number",
        ),
        (
            &format!("name: x\nparams: {{fast: {{min: 1}}}}\n{entry}"),
            "2:16: a parameter needs a default",
        ),
        (
            &format!("name: x\nparams: {{fast: {{default: 1, min: 3, max: 2}}}}\n{entry}"),
            "2:16: min 3 is above max 2",
        ),
        (
            &format!("name: x\nparams: {{fast: {{default: 1, max: 0.5}}}}\n{entry}"),
            "2:10: parameter 'fast' = 1 is above its maximum of 0.5",
        ),
        (
            &format!("name: x\nparams: {{fast: {{default: 1, stepp: 2}}}}\n{entry}"),
            "2:29: unknown key 'stepp'; did you mean 'step'?",
        ),
        (
            &format!("name: x\nparams: {{2fast: 1}}\n{entry}"),
            "2:10: '2fast' cannot be a name: use letters, digits and '_', beginning with a letter",
        ),
        (
            &format!("name: x\nlet: {{close: open}}\n{entry}"),
            "2:7: 'close' is a word of the language: choose another name",
        ),
        (
            &format!("name: x\nlet: {{a: 'b + 1', b: c * 2, c: a}}\n{entry}"),
            "2:32: 'a' is defined by itself: a → b → c → a",
        ),
        (
            &format!("name: x\n{entry}orders: {{entry: {{type: limit}}}}\n"),
            "3:17: a limit order needs a price",
        ),
        (
            &format!("name: x\n{entry}orders: {{entry: {{type: stop, price: close}}}}\n"),
            "3:17: a stop order needs a stop_price",
        ),
        (
            &format!("name: x\n{entry}orders: {{exit: {{type: market, price: close}}}}\n"),
            "3:38: a market order has no price",
        ),
        (
            &format!("name: x\n{entry}orders: {{entry: {{type: makret}}}}\n"),
            "3:24: 'makret' is not a type: one of market, limit, stop, stop_limit, take_profit, take_profit_limit, \
             trailing_stop; did you mean 'market'?",
        ),
        (
            &format!("name: x\n{entry}orders: {{entry: {{time_in_force: gtx}}}}\n"),
            "3:33: 'gtx' is not a time_in_force: one of gtc, ioc, fok, day, opg, cls; did you mean 'gtc'?",
        ),
        (
            &format!("name: x\n{entry}orders: {{entry: {{expire_after: 0}}}}\n"),
            "3:32: this must be a whole number, at least 1; it is 0",
        ),
        (
            &format!("name: x\n{entry}risk: {{size: {{method: kely, value: 1}}}}\n"),
            "3:23: 'kely' is not a method: one of percent_of_equity, fixed_quantity, fixed_notional, risk_percent, \
             volatility_target, kelly; did you mean 'kelly'?",
        ),
        (
            &format!("name: x\n{entry}risk: {{size: {{method: risk_percent, value: 1}}}}\n"),
            "3:23: risk_percent needs a stop_loss: the size follows from the loss at the stop",
        ),
        (
            &format!("name: x\n{entry}risk: {{size: {{method: fixed_quantity, value: 0}}}}\n"),
            "3:46: a size must be above 0; it is 0",
        ),
        (
            &format!("name: x\n{entry}risk: {{stop_loss: -1%}}\n"),
            "3:19: a distance must be above 0 %; it is -1 %",
        ),
        (
            &format!("name: x\n{entry}risk: {{stop_loss: close%}}\n"),
            "3:19: this must be a constant: a number or a $parameter",
        ),
        (
            &format!("name: x\n{entry}risk: {{max_drawdown: 20}}\n"),
            "3:22: write a percent sign: '20%' (or a ratio such as 0.2)",
        ),
        (
            &format!("name: x\n{entry}risk: {{max_drawdown: 200%}}\n"),
            "3:22: this must be above 0 % and at most 100 %; it is 200",
        ),
        (
            &format!("name: x\n{entry}risk: {{cooldown: 1.5}}\n"),
            "3:18: this must be a whole number, at least 0; it is 1.5",
        ),
        (
            &format!("name: x\n{entry}risk: {{max_open_positions: 0}}\n"),
            "3:28: this must be a whole number, at least 1; it is 0",
        ),
    ] {
        let found = problems(yaml);
        assert!(
            found.iter().any(|problem| problem.starts_with(expected)),
            "{yaml}\nwanted {expected}\nfound {found:#?}"
        );
    }
}

#[test]
fn all_problems_come_at_once_in_order_and_each_once() {
    let yaml = "
name: x
let:
  a: smaa(close, 3)
  b: a + 1
  c: ema(close, 0)
entry: {long: a > b and c > 1, short: close}
";
    assert_eq!(
        problems(yaml),
        [
            "4:6: unknown indicator 'smaa'; did you mean 'sma'?",
            "6:17: the period of ema must be a whole number from 1 to 100000; it is 0",
            "7:39: a condition is needed here, this is a number: compare it, as in 'x > 0'",
        ]
    );
    let found =
        StrategySpec::parse("name: x\nfoo: 1\nbar: 2\nentry: {long: '1 +'}\n").expect_err("three problems");
    let places: Vec<(u32, &str)> = found
        .iter()
        .map(|problem| (problem.line, problem.path.as_str()))
        .collect();
    assert_eq!(places, [(2, "foo"), (3, "bar"), (4, "entry.long")]);
}

#[test]
fn overrides_must_name_a_parameter_and_keep_its_range() {
    let yaml = "name: x\nparams:\n  fast: {default: 3, min: 2, max: 9}\nentry: {long: 'close > sma(close, $fast)'}\n";
    let with = |name: &str, value: f64| problems_with(yaml, &BTreeMap::from([(name.to_owned(), value)]));
    assert_eq!(
        with("fats", 3.0),
        ["1:1: the strategy has no parameter 'fats'; did you mean 'fast'?"]
    );
    assert_eq!(
        with("fast", 1.0),
        ["3:3: parameter 'fast' = 1 is below its minimum of 2"]
    );
    assert_eq!(
        with("fast", 10.0),
        ["3:3: parameter 'fast' = 10 is above its maximum of 9"]
    );
    assert_eq!(
        with("fast", f64::NAN),
        ["3:3: parameter 'fast' = NaN is not a finite number"]
    );
    assert_eq!(
        with("fast", 2.5),
        ["4:35: the period of sma must be a whole number from 1 to 100000; it is 2.5"]
    );
}

#[test]
fn a_timeframe_that_higher_ones_do_not_fit_is_refused() {
    let yaml = "name: x\nentry: {long: 'close > ema(close, 9) @ 1h'}\n";
    let result = |timeframe: &str| {
        Strategy::compile(
            yaml,
            &BTreeMap::new(),
            Some(timeframe.parse().expect("a timeframe")),
        )
    };
    assert!(result("15m").is_ok());
    assert!(result("1h").is_ok());
    let problem = result("7m").expect_err("7 minutes do not make an hour").remove(0);
    assert_eq!(
        (problem.line, problem.column, problem.path.as_str()),
        (2, 40, "entry.long")
    );
}

#[test]
fn oversized_input_is_refused_quickly() {
    let deep =
        |open: &str, close: &str, count: usize| format!("{}1{}", open.repeat(count), close.repeat(count));
    let names: String = (0..300).map(|index| format!("  n{index}: close\n")).collect();
    // Each definition uses the one before it twice, and each `@` in its own place: shared, not doubled.
    let doubling: String = (1..200)
        .map(|index| format!("  n{index}: n{} + n{}\n", index - 1, index - 1))
        .collect();
    let nested: String = (1..=60)
        .map(|index| format!("  n{index}: sma(n{}, 100000)\n", index - 1))
        .collect();
    for (yaml, expected) in [
        (
            format!("name: {}\n", "x".repeat(300_000)),
            "the file is too large",
        ),
        (format!("name: x\nlet: {}\n", deep("[", "]", 40)), "nested deeper"),
        ("- ".repeat(100_000), "nested deeper"),
        (
            format!("name: x\nsymbols: [{}]\n", "a,".repeat(30_000)),
            "the file has more than",
        ),
        (with_rule(&deep("(", ")", 200)), "nested deeper"),
        (with_rule(&deep("not ", "", 200)), "nested deeper"),
        (
            with_rule(&format!("1{} > 0", " + 1".repeat(200))),
            "more than 64 operators in a row",
        ),
        (
            with_rule(&format!("'{}'", "a".repeat(5_000))),
            "the expression is too long",
        ),
        (
            with_rule(&format!("close{} > 0", "[1]".repeat(100))),
            "nested deeper",
        ),
        (
            format!("{}let:\n{names}", with_rule("true")),
            "more than 256 names",
        ),
        (
            format!("{}let:\n  n0: close\n{nested}", with_rule("true")),
            "the strategy is too large",
        ),
    ] {
        let found = problems(&yaml);
        assert!(
            found.iter().any(|problem| problem.contains(expected)),
            "{expected}: {found:?}"
        );
    }
    let yaml = format!("{}let:\n  n0: close\n{doubling}", with_rule("n150 > 1"));
    assert!(Strategy::compile(&yaml, &BTreeMap::new(), None).is_ok());
    let nested_max = with_rule(&format!("{}close{} > 0", "max(".repeat(60), ", open)".repeat(60)));
    assert!(Strategy::compile(&nested_max, &BTreeMap::new(), None).is_ok());
}

#[test]
fn a_long_chain_of_names_is_refused_before_it_exhausts_the_stack() {
    let chain: String = (0..250)
        .map(|index| format!("  n{index}: n{} + 1\n", index + 1))
        .collect();
    let found = problems(&format!("{}let:\n{chain}  n250: close\n", with_rule("n0 > 1")));
    assert!(found[0].contains("nested deeper than"), "{found:?}");
}

#[test]
fn expressions_of_the_command_line_are_placed_by_their_number() {
    let expressions = ["close".to_owned(), "close +".to_owned(), "nope".to_owned()];
    let found =
        compile_expressions(&expressions, "1m".parse().expect("a timeframe")).expect_err("two problems");
    let lines: Vec<String> = found
        .iter()
        .map(|problem| format!("{} {problem}", problem.path))
        .collect();
    assert_eq!(
        lines,
        [
            "expressions.1 1:8: a value is missing before the end",
            "expressions.2 1:1: unknown name 'nope'"
        ]
    );
}

#[test]
fn a_mistake_in_a_rule_of_several_is_placed_and_told() {
    let two = |second: &str| format!("name: x\nentry:\n  - {{name: a, long: true}}\n  - {second}\n");
    for (yaml, expected) in [
        (
            two("{long: true}"),
            "4:5: of several rules each needs a name, by which orders and trades tell them apart",
        ),
        (
            two("{name: a, long: true}"),
            "4:12: another rule is called 'a' already",
        ),
        (
            two("{name: 'a;b', long: true}"),
            "4:12: 'a;b' cannot be a rule's name",
        ),
        (
            two("{name: b}"),
            "4:5: an entry needs a condition: give long, short or both",
        ),
        (
            two("{name: b, lnog: true}"),
            "4:15: unknown key 'lnog'; did you mean 'long'?",
        ),
        (
            two("{name: b, long: true, orders: {}}"),
            "4:27: unknown key 'orders'; did you mean 'order'?",
        ),
        (
            two("{name: b, long: true, order: {type: limit}}"),
            "4:34: a limit order needs a price",
        ),
        (
            two("{name: b, long: close}"),
            "4:21: a condition is needed here, this is a number",
        ),
        (
            two("{name: b, long: true, max_entries: 0}"),
            "4:40: this must be a whole number, at least 1; it is 0",
        ),
        (
            two("{name: b, long: true, size: {method: risk_percent, value: 1}}"),
            "4:42: risk_percent needs a stop_loss",
        ),
        (
            two("{name: b, long: true, add: {max: 2}}"),
            "4:32: add needs to know when: give after_gain, after_loss",
        ),
        (
            two("{name: b, long: true, add: {after_gain: 1, after_loss: 1}}"),
            "4:32: after_gain and after_loss contradict each other: leave one of them out",
        ),
        (
            two("{name: b, long: true, add: {after_gain: 0%}}"),
            "4:45: a distance must be above 0 %; it is 0 %",
        ),
        (
            two("{name: b, long: true, add: {after_gian: 1%}}"),
            "4:33: unknown key 'after_gian'; did you mean 'after_gain'?",
        ),
        (two("[b]"), "4:5: entry.1 must be a mapping of keys to values"),
        (
            format!(
                "{}exit: {{long: true, of: c}}\n",
                two("{name: break out, long: true}")
            ),
            "5:24: no entry is called 'c'",
        ),
        (
            format!(
                "{}exit: {{long: true, of: [a, breakout]}}\n",
                two("{name: break out, long: true}")
            ),
            "5:28: no entry is called 'breakout'; did you mean 'break out'?",
        ),
        (
            format!("{}exit: {{of: a}}\n", two("{name: b, long: true}")),
            "5:7: an exit needs a condition: give long, short or both",
        ),
        (
            format!(
                "{}exit: {{long: true, close: 150%}}\n",
                two("{name: b, long: true}")
            ),
            "5:27: this must be above 0 % and at most 100 %; it is 150 %",
        ),
        (
            format!(
                "{}exit: {{long: true, max_exits: 2}}\n",
                two("{name: b, long: true}")
            ),
            "5:31: max_exits counts the parts that an exit closes: give it a close, such as 50%",
        ),
        (
            format!(
                "name: x\nentry: [{}{{name: z, long: true}}]\n",
                "{name: a, long: true}, ".repeat(40)
            ),
            "2:8: more than 32 rules",
        ),
    ] {
        assert_told(&yaml, expected);
    }
}

#[test]
fn a_mistake_in_the_steps_of_taking_profit_is_placed_and_told() {
    for (steps, expected) in [
        ("[]", "3:21: take_profit has from 1 to 8 steps"),
        ("[{close: 50%}]", "3:22: a step needs its gain: at, such as 2%"),
        (
            "[{at: 1%}, {at: 2%}]",
            "3:22: only the last step closes all that is left",
        ),
        (
            "[{at: 1%, close: 60%}, {at: 2%, close: 60%}]",
            "3:60: the steps together close more than all: 120 %",
        ),
        (
            "[{at: 1%, close: 2}]",
            "3:38: a step closes a percentage of the entry, such as 50%",
        ),
        ("[{at: -1%}]", "3:27: a distance must be above 0 %; it is -1 %"),
        (
            "[{at: 1%, colse: 5%}]",
            "3:31: unknown key 'colse'; did you mean 'close'?",
        ),
        (
            "[{at: 1, close: 1%}, {at: 1, close: 1%}, {at: 1, close: 1%}, {at: 1, close: 1%}, {at: 1, close: 1%}, \
          {at: 1, close: 1%}, {at: 1, close: 1%}, {at: 1, close: 1%}, {at: 1}]",
            "3:21: take_profit has from 1 to 8 steps",
        ),
    ] {
        assert_told(
            &format!("name: x\nentry: {{long: true}}\nrisk: {{take_profit: {steps}}}\n"),
            expected,
        );
    }
}

#[test]
fn a_mistake_in_times_is_placed_and_told() {
    for (when, expected) in [
        (
            "days: mno",
            "2:34: 'mno' is not a day: write mon, tue, wed, thu, fri, sat, sun, or a range such as mon..fri; did you mean 'mon'?",
        ),
        ("days: [mon, fri..]", "2:40: '' is not a day"),
        (
            "hours: 9-16",
            "2:35: '9-16' is not a stretch of hours: write one such as 09:30-16:00 or 22:00-02:00",
        ),
        (
            "hours: ['25:00-26:00']",
            "2:36: '25:00-26:00' is not a stretch of hours",
        ),
        (
            "hours: '10:00-10:00'",
            "2:35: '10:00-10:00' is not a stretch of hours",
        ),
        (
            "hours: '10:60-11:00'",
            "2:35: '10:60-11:00' is not a stretch of hours",
        ),
        (
            "timezone: America/NewYork",
            "2:38: 'America/NewYork' is not a time zone that is known here: write UTC or a name such as America/New_York; did you mean 'America/New_York'?",
        ),
        (
            "timezone: Mars",
            "2:38: 'Mars' is not a time zone that is known here",
        ),
        (
            "from: soon",
            "2:34: 'soon' is not a date: write one such as 2024-01-31 or 2024-01-31T09:30:00Z",
        ),
        ("from: 20240131", "2:34: '20240131' is not a date"),
        (
            "from: 2024-02-01, to: 2024-01-01",
            "2:50: this is not after 'from': the rule could never act",
        ),
        (
            "session: reglar",
            "2:37: 'reglar' is not a session: one of any, regular, extended; did you mean 'regular'?",
        ),
        ("hour: 9", "2:28: unknown key 'hour'; did you mean 'hours'?"),
    ] {
        assert_told(
            &format!("name: x\nentry: {{long: true, when: {{{when}}}}}\n"),
            expected,
        );
    }
    for (yaml, expected) in [
        (
            "name: x\ntimeframe: 1d\nentry: {long: true, when: {session: regular}}\n",
            "1:1: a session filter is for bars shorter than a day, which close inside of sessions",
        ),
        (
            "name: x\ntimeframe: 1d\nentry: {long: true}\nrisk: {flatten_before_close: 15m}\n",
            "4:30: flatten_before_close is for bars shorter than a day, which close inside of sessions",
        ),
        (
            "name: x\nentry: {long: true}\nrisk: {flatten_before_close: soon}\n",
            "3:30: 'soon' is not a timeframe",
        ),
    ] {
        assert_told(yaml, expected);
    }
}

#[test]
fn a_mistake_in_a_size_is_placed_and_told() {
    for (size, expected) in [
        (
            "method: kelly, value: 150%",
            "3:37: the fraction must be at most 100 % of the Kelly size; it is 150",
        ),
        (
            "method: kelly, value: 50, cap: 0%",
            "3:46: this must be above 0 % and at most 1000 %; it is 0",
        ),
        (
            "method: kelly, value: 50, min_trades: 1",
            "3:53: this must be a whole number, at least 2; it is 1",
        ),
        (
            "method: kelly, value: 50, lookback: 5",
            "3:51: kelly has no lookback",
        ),
        (
            "method: volatility_target, value: 15, lookback: 1",
            "3:63: this must be a whole number, at least 2; it is 1",
        ),
        (
            "method: volatility_target, value: 9000%",
            "3:49: the target must be at most 1000 % a year; it is 9000",
        ),
        (
            "method: volatility_target, value: close",
            "3:49: this must be a constant: a number or a $parameter",
        ),
        (
            "method: volatility_target, value: 15, cap: 5",
            "3:58: volatility_target has no cap",
        ),
        (
            "method: fixed_notional, value: 10%",
            "3:46: this method takes a number, not a percentage",
        ),
    ] {
        assert_told(
            &format!("name: x\nentry: {{long: true}}\nrisk: {{size: {{{size}}}}}\n"),
            expected,
        );
    }
    for (risk, expected) in [
        (
            "max_exposure: 150",
            "3:22: write a percent sign: '150%' (or a ratio such as 1.5)",
        ),
        (
            "max_exposure: 0%",
            "3:22: this must be above 0 % and at most 10000 %; it is 0",
        ),
        (
            "cooldown_after_loss: -1",
            "3:29: this must be a whole number, at least 0; it is -1",
        ),
        (
            "max_entries: 1.5",
            "3:21: this must be a whole number, at least 1; it is 1.5",
        ),
    ] {
        assert_told(
            &format!("name: x\nentry: {{long: true}}\nrisk: {{{risk}}}\n"),
            expected,
        );
    }
}

fn assert_told(yaml: &str, expected: &str) {
    let found = problems(yaml);
    assert!(
        found.iter().any(|problem| problem.starts_with(expected)),
        "{yaml}\nwanted {expected}\nfound {found:#?}"
    );
}
