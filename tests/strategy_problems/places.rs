//! Where a mistake is: in an expression, in every style of scalar, at a key or a value.

use super::{problems, with_rule};
use papertape::strategy::{StrategySpec, compile_expressions};

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
            "1:1: the strategy never enters: give entry.long, entry.short or both, or a portfolio",
        ),
        (
            "name: x\nentry: {}\n",
            "1:1: the strategy never enters: give entry.long, entry.short or both, or a portfolio",
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
            &format!("name: x\n{entry}risk: {{max_daily_loss: 1}}\n"),
            "3:24: write a percent sign: '1%' (or a ratio such as 0.2)",
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
