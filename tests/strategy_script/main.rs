//! Strategies with a script: the same engine, the same story from snapshots, and a sandbox that holds.

mod random;
mod sandbox;

use papertape::backtest::sweep::Setting;
use papertape::backtest::{self, Span};
use papertape::engine::{Command, Engine, Event, EventKind, Input, SessionState};
use papertape::market::{Bar, Bars, MarketEvent, SimulatedMarket, SimulatedMarketConfig};
use papertape::model::Timestamp;
use papertape::strategy::{SizeRule, Strategy, StrategySpec, VaryingSize};
use papertape::testkit::{Bench, arbitrary_bars, bars_of, config, instrument_of};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A strategy that buys and sells by a script's `buy` and `sell`.
fn strategy(code: &str) -> String {
    let code: String = code.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "name: x\ntimeframe: 1m\nparams: {{fast: 3, slow: 8}}\nlet:\n  average: sma(close, 3)\n  up: close > open\n  \
         bands: bbands(close, 5)\nscript:\n  gives: {{buy: condition, sell: condition, level: number}}\n  code: |\n{code}\
         entry: {{long: buy}}\nexit: {{long: sell}}\nrisk: {{size: {{method: fixed_quantity, value: 2}}}}\n"
    )
}

/// Lines before the script's first one, and columns before each.
const BEFORE: (u32, u32) = (10, 4);

fn problems(yaml: &str) -> Vec<String> {
    let compiled = Strategy::compile(yaml, &BTreeMap::new(), None);
    let problems = compiled.err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

/// What is wrong with a script, placed in the script.
fn flaw(code: &str) -> String {
    let compiled = Strategy::compile(&strategy(code), &BTreeMap::new(), None);
    let problems = compiled.err().unwrap_or_default();
    let problem = problems
        .first()
        .unwrap_or_else(|| panic!("nothing is wrong with {code}"));
    assert_eq!(problem.path, "script.code");
    format!(
        "{}:{}: {}",
        problem.line - BEFORE.0,
        problem.column - BEFORE.1,
        problem.message
    )
}

/// The journal of a run of bars.
fn journal(yaml: &str, bars: &Bars) -> (Vec<Event>, String) {
    let mut engine = Engine::new(config(yaml));
    let mut events = Vec::new();
    engine.process(&Input::Command(Timestamp::EPOCH, Command::Start), &mut events);
    for bar in bars.iter() {
        engine.process(&Input::market(MarketEvent::Bar(bar)), &mut events);
    }
    (events, engine.event_hash())
}

/// What a script that fails at run time ends with: the session's state and why, over a few bars.
fn end_of(code: &str) -> (SessionState, String) {
    let mut bench = Bench::start(&strategy(code));
    bench.flat(3, 100.0);
    (bench.engine.state(), bench.engine.state_reason().to_owned())
}

/// Crossing averages, said by rules.
const BY_RULES: &str = "name: x\ntimeframe: 1m\nparams: {fast: 3, slow: 8}\nentry: {long: 'cross_above(sma(close, $fast), \
    sma(close, $slow))'}\nexit: {long: 'cross_below(sma(close, $fast), sma(close, $slow))'}\n\
    risk: {size: {method: percent_of_equity, value: 60}, stop_loss: 4%}\n";
/// The same, remembered and compared by a script.
const BY_SCRIPT: &str = "name: x
timeframe: 1m
params: {fast: 3, slow: 8}
let:
  fast: sma(close, $fast)
  slow: sma(close, $slow)
script:
  gives: {buy: condition, sell: condition}
  code: |
    // -1, 0, 1: how the averages stand to each other.
    let now = if is_nan(slow) { () } else if fast > slow { 1 } else if fast < slow { -1 } else { 0 };
    if state.last != () && now != () {
        buy = state.last < 1 && now == 1;
        sell = state.last > -1 && now == -1;
    }
    state.last = now;
entry: {long: buy}
exit: {long: sell}
risk: {size: {method: percent_of_equity, value: 60}, stop_loss: 4%}
";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_script_trades_as_the_rules_that_say_the_same(bars in arbitrary_bars(20..300)) {
        let by_rules = backtest::run(config(BY_RULES), &bars, &mut |_| true).expect("nobody cancels");
        let by_script = backtest::run(config(BY_SCRIPT), &bars, &mut |_| true).expect("nobody cancels");
        // Reasons are the same, as neither names its rules: all events are.
        prop_assert_eq!(&by_rules.event_hash, &by_script.event_hash);
        prop_assert_eq!(by_rules.equity, by_script.equity);
        // A replay feeds the engine bar by bar.
        prop_assert_eq!(journal(BY_SCRIPT, &bars), journal(BY_SCRIPT, &bars));
    }

    #[test]
    fn a_snapshot_between_any_two_bars_changes_nothing(bars in arbitrary_bars(10..120), at in 0..120_usize) {
        // Remembers all kinds of values, deep in each other.
        let yaml = strategy(
            "if state.is_empty() { state.seen = [#{text: \"é\", number: 0.1, nothing: (), not: 0.0 / 0.0}]; state.n = 0; }\n\
             state.n += 1;\n\
             state.seen.push(#{text: `bar ${state.n}`, number: close, up: up, deep: [[state.n], #{}]});\n\
             if state.seen.len() > 5 { state.seen.remove(0); }\n\
             buy = state.seen[0].number != () && close > state.seen[0].number;\n\
             sell = state.n % 7 == 0;\n\
             level = state.seen.len();",
        );
        let mut engine = Engine::new(config(&yaml));
        let mut events = Vec::new();
        engine.process(&Input::Command(Timestamp::EPOCH, Command::Start), &mut events);
        for (number, bar) in bars.iter().enumerate() {
            if number == at {
                let bytes = engine.snapshot();
                let restored = Engine::restore(&bytes).expect("its own snapshot");
                prop_assert_eq!(&restored.snapshot(), &bytes);
                engine = restored;
            }
            engine.process(&Input::market(MarketEvent::Bar(bar)), &mut events);
        }
        prop_assert_eq!(engine.state(), SessionState::Running, "{}", engine.state_reason());
        prop_assert_eq!((events, engine.event_hash()), journal(&yaml, &bars));
    }
}

#[test]
fn a_script_reads_the_bar_the_position_series_and_parameters() {
    let yaml = strategy(
        "level = $fast + close + volume * 0.0 + hour + nz(entry_price, 0.5);\n\
         buy = position_size == 0.0 && up == (close > open) && nz(bands.upper, 1e9) >= close;\n\
         sell = bars_in_trade >= 2.0 && unrealized_return < 9.0 && average > 0.0;",
    );
    let mut bench = Bench::start(&yaml);
    bench.flat(5, 100.0);
    let strategy =
        Strategy::compile(&yaml, &BTreeMap::from([("fast".to_owned(), 5.0)]), None).expect("compiles");
    assert_eq!(strategy.params["fast"], 5.0);
    assert_eq!(strategy.warm_up(), 5, "what the script reads of the bands");
    let told: Vec<String> = bench.journal();
    assert!(told.iter().any(|line| line.contains("filled")), "{told:?}");
    assert!(bench.engine.closed_trades() > 0 || bench.engine.position().is_some());
    assert_eq!(bench.engine.script_failure(), None);
}

#[test]
fn mistakes_are_placed_in_the_file() {
    for (code, expected) in [
        (
            "buy = clos > 1.0;",
            "1:7: unknown name 'clos'; did you mean 'close'?",
        ),
        (
            "buy = true;\nsell = closee > 1.0;",
            "2:8: unknown name 'closee'; did you mean 'close'?",
        ),
        (
            "buy = close > $fats;",
            "1:15: unknown parameter '$fats'; did you mean 'fast'?",
        ),
        (
            "close = 5.0;",
            "1:1: 'close' cannot be changed: the script may only read it",
        ),
        (
            "let buy = true;",
            "1:5: 'buy' is there already: change it without 'let', or choose another name",
        ),
        ("let x = hgih(close);", "1:9: function not found: hgih (f64)"),
        (
            "buy = close;",
            "1:1: 'buy' must be true or false; the script made it a value of the data type f64",
        ),
        (
            "level = \"high\";",
            "1:1: 'level' must be a number; the script made it a value of the data type string",
        ),
        ("state = 5;", "1:1: state must stay a map; it is i64"),
        (
            "buy = true\nsell = true;",
            "2:1: expecting ';' to terminate this statement",
        ),
        (
            "buy = state.last + 1 > 2;",
            "1:18: function not found: + ((), i64)",
        ),
    ] {
        assert_eq!(flaw(code), expected, "{code}");
    }
}

#[test]
fn the_section_is_checked_as_every_other() {
    let file = |section: &str| format!("name: x\nentry: {{long: true}}\nscript: {section}\n");
    for (section, expected) in [
        (
            "{code: 'buy = true;'}",
            "3:9: a script gives something to the rules: add 'gives: {buy: condition}'",
        ),
        (
            "{gives: {buy: condition}}",
            "3:9: a script needs its text: add 'code: |'",
        ),
        (
            "{gives: {}, code: ''}",
            "3:17: a script gives from 1 to 64 values",
        ),
        (
            "{gives: {buy: conditon}, code: 'buy = true;'}",
            "3:23: 'conditon' is not a buy: one of number, condition; did you mean 'condition'?",
        ),
        (
            "{gives: {close: number}, code: 'close = 1;'}",
            "3:18: 'close' means something else already: choose another name",
        ),
        (
            "{gives: {a b: number}, code: '1;'}",
            "3:18: 'a b' cannot be a name: use letters, digits and '_', beginning with a letter",
        ),
        (
            "{gives: {a: number}, cod: '1;'}",
            "3:30: unknown key 'cod'; did you mean 'code'?",
        ),
        ("buy = true", "3:9: script must be a mapping of keys to values"),
    ] {
        let found = problems(&file(section));
        assert!(
            found.iter().any(|problem| problem == expected),
            "{section}: {found:?}"
        );
    }
    let long = format!("{{gives: {{a: number}}, code: 'a = 1;{}'}}", " ".repeat(40_000));
    assert!(problems(&file(&long))[0].contains("at most 32768 characters"));
    // A circle through the rules' names, and what the script cannot give.
    let circle = "name: x\nlet: {double: level * 2}\nscript: {gives: {level: number}, code: 'level = double;'}\n\
                  entry: {long: level > 1}\n";
    assert_eq!(
        problems(circle),
        ["2:15: the script gives 'level' and reads what is made of it"]
    );
    let higher = "name: x\nscript: {gives: {level: number}, code: 'level = 1;'}\nentry: {long: 'sma(level, 3) @ 1h > 1'}\n";
    assert_eq!(
        problems(higher),
        [
            "3:20: 'level' comes from the script, which runs on the strategy's own bars: take it out of the '@' or 'of'"
        ]
    );
    let wrong = "name: x\nscript: {gives: {level: number}, code: 'level = 1;'}\nentry: {long: level}\n";
    assert_eq!(
        problems(wrong),
        ["3:15: a condition is needed here, this is a number: compare it, as in 'x > 0'"]
    );
}

#[test]
fn a_strategy_whose_script_fails_is_closed_out_halted_and_told_of() {
    let yaml =
        strategy("state.n = (state.n ?? 0) + 1;\nbuy = state.n == 1;\nif state.n == 4 { throw \"lost\"; }");
    let mut bench = Bench::start(&yaml);
    bench.flat(3, 100.0);
    assert_eq!(bench.engine.state(), SessionState::Running);
    assert!(bench.engine.position().is_some());
    bench.flat(2, 100.0);
    assert_eq!(bench.engine.state(), SessionState::Halted);
    assert!(bench.engine.position().is_none(), "nobody would look after it");
    let alerts: Vec<_> = bench
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::AlertRaised { alert } => Some((alert.code.as_str(), alert.message.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(
        alerts,
        [(
            "script_failed",
            "Trading is halted, the script failed on BTC/USDT: line 13, column 23: runtime error: lost."
        )]
    );
    // It stays so, through a snapshot as well, and goes on taking the market in.
    let failure = bench.engine.script_failure().cloned();
    assert!(failure.is_some());
    bench.engine = Engine::restore(&bench.engine.snapshot()).expect("its own snapshot");
    bench.flat(3, 50.0);
    assert_eq!(bench.engine.script_failure().cloned(), failure);
    assert_eq!(bench.engine.state(), SessionState::Halted);
}

#[test]
fn a_size_may_follow_from_what_the_script_gives() {
    let yaml = "name: x\ntimeframe: 1m\nscript:\n  gives: {units: number}\n  code: |\n    state.n = (state.n ?? 0) + 1;\n    \
                units = if state.n == 3 { 0 } else { state.n };\n\
                entry: {long: position_size == 0}\nexit: {long: position_size > 0}\n\
                risk: {size: {method: fixed_quantity, value: units * 2}}\n";
    let strategy = Strategy::compile(yaml, &BTreeMap::new(), None).expect("compiles");
    assert!(matches!(
        strategy.rules.entries[0].size,
        SizeRule::Varying {
            method: VaryingSize::FixedQuantity,
            ..
        }
    ));
    let mut bench = Bench::start(yaml);
    bench.flat(6, 100.0);
    let sizes: Vec<String> = bench
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::OrderSubmitted { order } => Some(order.quantity.0.normalize().to_string()),
            EventKind::OrderDenied { reason, .. } => Some(reason.to_string()),
            _ => None,
        })
        .collect();
    // Buys 2, sells 2, is denied the size 0, buys 8, sells 8, buys 12.
    assert_eq!(sizes[..2], ["2", "2"]);
    assert!(sizes[2].contains("size"), "{sizes:?}");
    assert_eq!(sizes[3..], ["8", "8", "12"]);
}

#[test]
fn sweeps_change_a_scripts_parameters() {
    let yaml = strategy("level = $fast;\nbuy = $fast > 5.0;");
    let spec = StrategySpec::parse(&yaml).expect("parses");
    for (fast, enters) in [(3.0, false), (7.0, true)] {
        let overrides = BTreeMap::from([("fast".to_owned(), fast)]);
        let mut setting = config(&yaml);
        setting.strategy = spec.compile(&overrides, None).expect("compiles");
        let mut bench = Bench::with(setting);
        bench.flat(3, 100.0);
        assert_eq!(bench.engine.position().is_some(), enters, "{fast}");
    }
    // $slow stands in no rule and not in the script.
    let warnings = spec.compile(&BTreeMap::new(), None).expect("compiles").warnings;
    let warnings: Vec<&str> = warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(warnings, ["nothing reads $slow"]);
}

#[test]
fn an_end_is_asked_for_often_where_a_script_may_be_slow() {
    // A bar may take 50,000 steps, which are milliseconds, and who cancels waits for the bars between two questions.
    const MOST_BARS: u64 = 128;
    let slow = strategy("buy = close > 0.0;");
    let bars: Bars = bars_of(&[(1, 1, 1, 1); 300]);
    let mut asked = Vec::new();
    backtest::run(config(&slow), &bars, &mut |done| {
        asked.push(done);
        true
    })
    .expect("nobody cancels");
    assert!(
        asked.windows(2).all(|pair| pair[1] - pair[0] <= MOST_BARS),
        "{asked:?}"
    );
    assert_eq!(asked.last(), Some(&300));

    // One combination of a study, with all bars but the last as its warm-up.
    let setting = Setting {
        spec: StrategySpec::parse(&slow).expect("parses"),
        fixed: BTreeMap::new(),
        config: config(&slow),
    };
    for span in [
        Span::cold(0..300),
        Span {
            history: 0..299,
            live: 299..300,
            leave: None,
        },
    ] {
        let asked = AtomicUsize::new(0);
        let canceled = setting.run(&BTreeMap::new(), (&bars).into(), &span, &|| {
            asked.fetch_add(1, Ordering::Relaxed) < 2
        });
        assert_eq!(canceled, None, "the third question comes before the end");
    }
}

#[test]
fn every_example_of_the_documentation_runs() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scripts.md");
    let text = std::fs::read_to_string(path).expect("the documentation");
    let bars = |symbol: &str| {
        let market = SimulatedMarketConfig {
            symbol: symbol.parse().expect("a symbol"),
            seed: 3,
            start: Timestamp::parse("2024-06-01").expect("a time"),
        };
        SimulatedMarket::bars(market, 30 * 24 * 60)
    };
    let mut examples = 0;
    for block in text.split("```yaml\n").skip(1) {
        let yaml = block.split("```").next().unwrap_or_default();
        let mut config = config(yaml);
        let read = config.strategy.program.symbols().to_vec();
        config.others = read
            .iter()
            .map(|symbol| instrument_of(&symbol.to_string()))
            .collect();
        let bars: Vec<Bars> = std::iter::once("ETH/USDT".to_owned())
            .chain(read.iter().map(ToString::to_string))
            .map(|symbol| bars(&symbol))
            .collect();
        if config
            .others
            .iter()
            .any(|other| other.symbol() == config.instrument.symbol())
        {
            config.instrument = instrument_of("ETH/USDT");
        }
        let outcome = backtest::run_together(config, &bars, &mut |_| true).expect("nobody cancels");
        assert_eq!(outcome.engine().script_failure(), None, "{yaml}");
        assert!(
            outcome.metrics.trades > 0,
            "{} trades: {yaml}",
            outcome.metrics.trades
        );
        examples += 1;
    }
    assert!(examples >= 3, "{examples} examples");
}

#[test]
fn a_backtest_and_a_sweep_say_that_the_script_failed() {
    let yaml = strategy("if $fast > 4.0 { throw \"too fast\"; }");
    let bars: Bars = (0..5)
        .map(|minute| Bar {
            open_time: Timestamp::from_secs(60 * minute),
            open: 100.0,
            high: 100.0,
            low: 100.0,
            close: 100.0,
            volume: 1.0,
        })
        .collect();
    let mut setting = config(&yaml);
    let spec = StrategySpec::parse(&yaml).expect("parses");
    let overrides = BTreeMap::from([("fast".to_owned(), 5.0)]);
    setting.strategy = spec.compile(&overrides, None).expect("compiles");
    let outcome = backtest::run(setting, &bars, &mut |_| true).expect("nobody cancels");
    let report = outcome.report(&bars, backtest::ReportContext::default());
    assert_eq!(
        report.warnings[0],
        "The strategy was stopped, its script failed: line 11, column 22: runtime error: too fast."
    );
    let setting = Setting {
        spec,
        fixed: BTreeMap::new(),
        config: config(&yaml),
    };
    let trial = |fast: f64| {
        let params = BTreeMap::from([("fast".to_owned(), fast)]);
        let span = Span::cold(0..bars.len());
        setting
            .run(&params, (&bars).into(), &span, &|| true)
            .expect("nobody cancels")
            .score
    };
    assert!(trial(3.0).is_ok());
    assert_eq!(
        trial(5.0),
        Err(vec![
            "the script failed: line 11, column 22: runtime error: too fast".to_owned()
        ])
    );
}
