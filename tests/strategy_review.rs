//! Warnings: what compiles and is still likely a mistake. The library and the documentation have none.

use papertape::strategy::Strategy;
use std::collections::BTreeMap;

fn warnings(yaml: &str) -> Vec<String> {
    warnings_with(yaml, &BTreeMap::new())
}

fn warnings_with(yaml: &str, params: &BTreeMap<String, f64>) -> Vec<String> {
    let compiled = Strategy::compile(yaml, params, None);
    let strategy = compiled.unwrap_or_else(|problems| panic!("{yaml}\n{problems:?}"));
    strategy.warnings.iter().map(ToString::to_string).collect()
}

/// The warnings of a rule at line 4, column 9; the strategy around it has none.
fn of_rule(rule: &str) -> Vec<String> {
    warnings(&format!(
        "name: x\ntimeframe: 5m\nentry:\n  long: {rule}\nrisk: {{stop_loss: 1%}}\n"
    ))
}

#[test]
fn a_condition_that_can_never_hold_is_told() {
    for (rule, expected) in [
        (
            "rsi(close, 14) > 100",
            "4:9: this can never be true: rsi(close, 14) is from 0 to 100",
        ),
        (
            "rsi(close, 14) < 0",
            "4:9: this can never be true: rsi(close, 14) is from 0 to 100",
        ),
        (
            "rsi(close, 14)[1] > 110 or close > open",
            "4:9: this can never be true: rsi(close, 14)[1] is from 0 to 100",
        ),
        (
            "close > open and rsi(close, 14) @ 1h > 101",
            "4:26: this can never be true: (rsi(close, 14) @ 1h) is from 0 to 100",
        ),
        (
            "willr(14) > 0",
            "4:9: this can never be true: willr(14) is from -100 to 0",
        ),
        (
            "stoch(5, 3, 3).k > 120",
            "4:9: this can never be true: stoch(5, 3, 3).k is from 0 to 100",
        ),
        ("hour >= 24", "4:9: this can never be true: hour is from 0 to 23"),
        (
            "weekday == 7",
            "4:9: this can never be true: weekday is from 0 to 6",
        ),
        ("close < 0", "4:9: this can never be true: close is never below 0"),
        ("1 > 2", "4:9: this can never be true"),
        (
            "abs(close - open) < 0",
            "4:9: this can never be true: abs((close - open)) is never below 0",
        ),
        (
            "sma(rsi(close, 5), 3) - 100 > 0",
            "4:9: this can never be true: (sma(rsi(close, 5), 3) - 100) is from -100 to 0",
        ),
        (
            "close > 5 and close < 3",
            "4:9: this can never be true: its parts leave close no value",
        ),
        (
            "rsi(close, 5) > 70 and volume > 1 and 30 > rsi(close, 5)",
            "4:9: this can never be true: its parts leave rsi(close, 5) no value",
        ),
        (
            "hour == 3 and hour == 4",
            "4:9: this can never be true: its parts leave hour no value",
        ),
        (
            "hour > 12 and minute > 3 and hour < 12",
            "4:9: this can never be true: its parts leave hour no value",
        ),
    ] {
        assert_eq!(of_rule(rule), [expected], "{rule}");
    }
}

#[test]
fn a_price_above_its_own_highest_is_told() {
    let hint = "; [1] makes it that of the bar before";
    for (rule, above, below) in [
        ("close > highest(high, 20)", "close", "highest(high, 20)"),
        ("highest(close, 9) < close", "close", "highest(close, 9)"),
        ("low < lowest(low, 5)", "lowest(low, 5)", "low"),
        ("close > donchian(20).upper", "close", "donchian(20).upper"),
        ("hl2 < donchian(20).lower", "donchian(20).lower", "hl2"),
        ("close > high", "close", "high"),
        (
            "cross_above(close, highest(high, 20))",
            "close",
            "highest(high, 20)",
        ),
        ("cross_below(low, lowest(low, 20))", "lowest(low, 20)", "low"),
    ] {
        let expected = format!("4:9: this can never be true: {above} is never above {below}{hint}");
        assert_eq!(of_rule(rule), [expected], "{rule}");
    }
    let named = "name: x\nlet: {channel: donchian(20), top: channel.upper}\nentry: {long: close > top}\nrisk: {stop_loss: 1%}\n";
    assert_eq!(
        warnings(named),
        [format!(
            "3:15: this can never be true: close is never above top{hint}"
        )]
    );
    assert_eq!(
        of_rule("close > close"),
        ["4:9: this can never be true: close is never above close"]
    );
    assert_eq!(
        of_rule("cross_above(rsi(close, 14), 120)"),
        ["4:9: this can never be true: rsi(close, 14) is from 0 to 100"]
    );
}

#[test]
fn parts_that_contradict_each_other_are_told() {
    for (rule, parts) in [
        (
            "close > open and close < open",
            "(close > open) and (close < open)",
        ),
        (
            "close >= ema(close, 9) and hour > 3 and ema(close, 9) > close",
            "(close >= ema(close, 9)) and (ema(close, 9) > close)",
        ),
    ] {
        let expected = format!("4:9: this can never be true: {parts} contradict each other");
        assert_eq!(of_rule(rule), [expected], "{rule}");
    }
}

#[test]
fn a_condition_that_always_holds_is_told() {
    for (rule, expected) in [
        (
            "rsi(close, 14) <= 100",
            "4:9: this is always true: rsi(close, 14) is from 0 to 100",
        ),
        (
            "close > open and volume >= 0",
            "4:26: this is always true: volume is never below 0",
        ),
        (
            "close > open and weekday != 9",
            "4:26: this is always true: weekday is from 0 to 6",
        ),
    ] {
        assert_eq!(of_rule(rule), [expected], "{rule}");
    }
}

#[test]
fn what_may_hold_is_not_warned_of() {
    for rule in [
        "true",
        "close > highest(high, 20)[1]",
        "close >= highest(high, 20)",
        "close > highest(low, 20)",
        "hlc3 > high",
        "close > donchian(20).upper[1]",
        "close > donchian(20).lower",
        "close[1] > high",
        "open > close",
        "(close @ 1h) > high",
        "close >= open and close <= open",
        "close > open and close[1] < open[1]",
        "cross_above(rsi(close, 14), 70)",
        "cross_above(close, highest(high, 20)[1])",
        "rsi(close, 14) > 99.9",
        "close > 5 and close < 6",
        "close > 5 or close < 3",
        "close[1] > 5 and close < 3",
        "close > 0",
        "rsi(close, 5) >= 100 or rsi(close, 5) <= 0",
        "close > 5 and not (close < 3)",
        "macd(close).hist > 100",
        "unrealized_return < -0.5",
        "rsi(close, 5) - rsi(close, 9) > 99",
        "close / open > 100",
        "1 / (close - open) < 0",
        "dema(rsi(close, 5), 3) > 100",
        "stddev(close, 5, -1) < 0",
        "bars_since(close > open) >= 0",
        "entry_price >= 0 and close > open",
    ] {
        assert!(of_rule(rule).is_empty(), "{rule}: {:?}", of_rule(rule));
    }
}

#[test]
fn a_parameter_that_switches_is_not_warned_of() {
    let yaml = "name: x\nparams: {filter: {default: 0, max: 1}}\nentry: {long: $filter == 0 or close > open}\nrisk: {stop_loss: 1%}\n";
    assert!(warnings(yaml).is_empty(), "{:?}", warnings(yaml));
}

#[test]
fn exits_that_close_parts_only_are_told() {
    let of = |exit: &str| warnings(&format!("name: x\nentry: {{long: close > open}}\nexit: {exit}\n"));
    let parts = "2:15: nothing closes all that this opens: every exit.long closes a part";
    assert_eq!(of("{long: close < open, close: 50%}"), [parts]);
    assert!(of("{long: close < open, close: 100%}").is_empty());
    assert!(
        of("[{name: part, long: close < open, close: 50%}, {name: all, long: 'rsi(close, 3) > 90'}]")
            .is_empty()
    );
}

#[test]
fn names_and_parameters_are_followed() {
    let yaml = "name: x\nparams: {top: {default: 120}}\nlet:\n  strength: rsi(close, 14)\n  strong: strength > $top\n\
                entry: {long: strong and close > open}\nexit: {long: close < open}\n";
    assert_eq!(
        warnings(yaml),
        ["5:11: this can never be true: strength is from 0 to 100, $top is 120"]
    );
    let lower = BTreeMap::from([("top".to_owned(), 70.0)]);
    assert!(warnings_with(yaml, &lower).is_empty());
}

#[test]
fn what_nothing_reads_and_what_nothing_closes_is_told() {
    assert_eq!(
        warnings("name: x\nparams: {a: 1, b: 2}\nentry: {long: 'close > $b'}\nexit: {long: close < open}\n"),
        ["2:10: nothing reads $a"]
    );
    let open_end = "3:17: nothing closes what this opens: there is no exit.long, no entry in the other direction, no stop and no target";
    assert_eq!(
        warnings(
            "name: x\nentry:\n  {short: false, long: close > open}\n"
                .replace("{short: false, long:", "{       long:")
                .as_str()
        ),
        [open_end]
    );
    for rest in [
        "exit: {long: close < open}",
        "risk: {stop_loss: 1%}",
        "risk: {take_profit: 1%}",
        "risk: {flatten_before_close: 15m}",
    ] {
        let yaml = format!("name: x\nentry: {{long: close > open}}\n{rest}\n");
        assert!(warnings(&yaml).is_empty(), "{rest}");
    }
    assert!(warnings("name: x\nentry: {long: close > open, short: close < open}\n").is_empty());
}

#[test]
fn the_library_and_the_documentation_have_no_warnings() {
    let root = env!("CARGO_MANIFEST_DIR");
    let files = std::fs::read_dir(format!("{root}/strategies")).expect("the library");
    let mut sources: Vec<(String, String)> = files
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "yaml"))
        .map(|path| {
            let source = std::fs::read_to_string(&path).expect("a file");
            (path.display().to_string(), source)
        })
        .collect();
    let docs =
        std::fs::read_to_string(format!("{root}/docs/strategy-language.md")).expect("the documentation");
    for block in docs.split("```yaml\n").skip(1) {
        let yaml = block.split("```").next().unwrap_or_default().to_owned();
        sources.push(("an example".to_owned(), yaml));
    }
    for (name, yaml) in sources.iter().filter(|(_, yaml)| !yaml.contains("\nextends:")) {
        let found = warnings(yaml);
        assert!(found.is_empty(), "{name}: {found:?}");
    }
}
