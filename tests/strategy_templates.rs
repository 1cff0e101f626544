//! Templates: a file that says only what is different from another one.

use papertape::strategy::{Strategy, StrategySpec, resolve};
use std::collections::BTreeMap;

const BASE: &str = "name: base\ndescription: a cross\ntimeframe: 1h\n\
    params:\n  fast: {default: 10, min: 2, max: 50, step: 1, description: fast}\n  slow: 30\n\
    let: {fast_ma: 'sma(close, $fast)', slow_ma: 'sma(close, $slow)'}\n\
    entry: {long: 'cross_above(fast_ma, slow_ma)'}\nexit: {long: 'cross_below(fast_ma, slow_ma)'}\n\
    risk: {size: {method: percent_of_equity, value: 50}, stop_loss: 2%}\n";

fn library(name: &str) -> Option<String> {
    Some(match name {
        "base" => BASE.to_owned(),
        "middle" => "name: middle\nextends: base\nparams: {fast: 5}\n".to_owned(),
        "circle" => "name: circle\nextends: back\n".to_owned(),
        "back" => "name: back\nextends: circle\n".to_owned(),
        "broken" => "name: [\n".to_owned(),
        "odd" => "name: odd\nentry: {long: 'close > smaa(close, 3)'}\n".to_owned(),
        _ if name.starts_with("link") => {
            let number: u32 = name[4..].parse().ok()?;
            format!("name: link\nextends: link{}\n", number + 1)
        }
        _ => return None,
    })
}

/// A strategy to the last bit: undefined equals undefined.
fn bits(strategy: &Strategy) -> Vec<u8> {
    postcard::to_stdvec(strategy).expect("a strategy is plain data")
}

fn compile(yaml: &str) -> Result<Strategy, Vec<String>> {
    let spec = StrategySpec::parse_with(yaml, &library);
    let compiled = spec.and_then(|spec| spec.compile(&BTreeMap::new(), None));
    compiled.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn a_file_takes_over_what_it_does_not_say() {
    let strategy =
        compile("name: mine\nextends: base\nparams: {slow: 40}\nrisk: {stop_loss: 5%, cooldown: 3}\n")
            .expect("compiles");
    assert_eq!(
        (strategy.name.as_str(), strategy.description.as_str()),
        ("mine", "a cross")
    );
    assert_eq!(strategy.timeframe.to_string(), "1h");
    assert_eq!(
        strategy.params,
        BTreeMap::from([("fast".to_owned(), 10.0), ("slow".to_owned(), 40.0)])
    );
    assert_eq!(strategy.risk.cooldown, 3);
    let whole = Strategy::compile(
        &BASE
            .replace("name: base", "name: mine")
            .replace("slow: 30", "slow: 40")
            .replace("2%}", "5%, cooldown: 3}"),
        &BTreeMap::new(),
        None,
    );
    assert_eq!(bits(&strategy), bits(&whole.expect("compiles")));
}

#[test]
fn a_parameter_keeps_its_range_when_only_its_value_is_said() {
    let spec = StrategySpec::parse_with("name: m\nextends: middle\n", &library).expect("parses");
    let fast = &spec.params()[0];
    assert_eq!((fast.default, fast.min, fast.max), (5.0, Some(2.0), Some(50.0)));
    let problems = compile("name: m\nextends: base\nparams: {fast: 99}\n").expect_err("too large");
    assert_eq!(
        problems,
        ["3:10: parameter 'fast' = 99 is above its maximum of 50"]
    );
}

#[test]
fn rules_are_replaced_whole_and_names_one_by_one() {
    let strategy = compile(
        "name: m\nextends: base\nlet: {fast_ma: 'ema(close, $fast)'}\nentry: {name: up, long: close > fast_ma}\n",
    );
    let strategy = strategy.expect("compiles");
    assert_eq!(strategy.rules.entries[0].name, "up");
    assert!(strategy.rules.exits[0].long.is_some());
    let names: Vec<&str> = strategy
        .program
        .series()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["fast_ma", "slow_ma"]);
}

#[test]
fn what_stands_alone_compiles_to_the_same() {
    let yaml = "name: mine  # with a remark\nextends: middle\nrisk: {stop_loss: '$slow / 10 * 1%'}\nlet:\n  q: 'close > open ? 1 : -1'\n  \"ü\": \"close\"\n".replace("'$slow / 10 * 1%'", "3%");
    let alone = resolve(&yaml, &library).expect("resolves");
    assert!(!alone.contains("extends"), "{alone}");
    let expected = compile(&yaml).expect("compiles");
    let found = Strategy::compile(&alone, &BTreeMap::new(), None)
        .unwrap_or_else(|problems| panic!("{problems:?}\n{alone}"));
    assert_eq!(bits(&found), bits(&expected), "{alone}");
    // One that extends nothing stays as it is, remarks and all.
    assert_eq!(resolve(BASE, &library).as_deref(), Ok(BASE));
}

#[test]
fn a_template_that_cannot_be_is_told_where_it_is_named() {
    for (yaml, expected) in [
        (
            "name: m\nextends: bsae\n",
            "2:10: there is no strategy 'bsae' to extend",
        ),
        (
            "name: m\nextends: [base]\n",
            "2:10: extends must be the name of a strategy",
        ),
        (
            "name: m\nextends:\n",
            "2:10: extends must be the name of a strategy",
        ),
        (
            "name: m\nextends: circle\n",
            "2:10: these templates extend each other in a circle: circle → back → circle",
        ),
        (
            "name: m\nextends: broken\n",
            "2:10: the template 'broken' cannot be read, 2:1: this is not YAML",
        ),
        (
            "name: m\nextends: link0\n",
            "2:10: more than 8 templates extend each other",
        ),
        // What is wrong inside of a template is told where it is named.
        (
            "name: m\nextends: odd\n",
            "2:10: unknown indicator 'smaa'; did you mean 'sma'?",
        ),
        ("extends: base\n", "1:1: the strategy needs a name"),
        (
            "name: m\nextend: base\nentry: {long: true}\n",
            "2:1: unknown key 'extend'; did you mean 'extends'?",
        ),
    ] {
        // An empty value stands where its key ends.
        let found = compile(yaml).expect_err(yaml);
        let is_told = found.iter().any(|problem| {
            problem.split_once(": ").map(|it| it.1) == expected.split_once(": ").map(|it| it.1)
                || problem.starts_with(expected)
        });
        assert!(is_told, "{yaml}\nwanted {expected}\nfound {found:#?}");
    }
    let alone = StrategySpec::parse("name: m\nextends: base\n").expect_err("no library");
    assert!(
        alone[0].message.contains("only where there is a library"),
        "{alone:?}"
    );
}
