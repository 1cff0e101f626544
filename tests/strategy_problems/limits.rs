//! What is refused because of its size, its range or its timeframe.

use super::{problems, problems_with, with_rule};
use papertape::strategy::Strategy;
use std::collections::BTreeMap;

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
