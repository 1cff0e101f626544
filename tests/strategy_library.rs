//! The strategy library in `strategies/` and the examples of the documentation compile.

use papertape::alert::AlertRules;
use papertape::backtest::{self, Outcome};
use papertape::engine::{EngineConfig, ExecutionConfig};
use papertape::market::{Bars, SimulatedMarket, SimulatedMarketConfig};
use papertape::model::{Money, Symbol, Timeframe, Timestamp};
use papertape::strategy::{Strategy, StrategySpec};
use rust_decimal::Decimal;
use std::{collections::BTreeMap, fs, path::Path};

fn compile(name: &str, yaml: &str) -> Strategy {
    match Strategy::compile(yaml, &BTreeMap::new(), None) {
        Ok(strategy) => strategy,
        Err(problems) => {
            let lines: Vec<String> = problems
                .iter()
                .map(|problem| format!("{name}:{problem}"))
                .collect();
            panic!("{}", lines.join("\n"));
        }
    }
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The library's files, by name.
fn library() -> BTreeMap<String, String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("strategies");
    fs::read_dir(directory)
        .expect("the strategy library")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a plain name")
        })
        .filter(|name| name.ends_with(".yaml"))
        .map(|name| (name.clone(), read(&format!("strategies/{name}"))))
        .collect()
}

#[test]
fn every_strategy_of_the_library_compiles_and_says_what_it_is() {
    let library = library();
    assert!(library.len() >= 15, "{} strategies", library.len());
    for (name, yaml) in library {
        let strategy = compile(&name, &yaml);
        assert!(!strategy.description.is_empty(), "{name}");
        let is_portfolio = strategy.portfolio.is_some();
        assert_eq!(strategy.symbols.len(), if is_portfolio { 3 } else { 1 }, "{name}");
        assert!(
            is_portfolio || strategy.rules.exits.iter().any(|exit| exit.long.is_some()),
            "{name}"
        );
        assert!(strategy.warm_up() > 1, "{name}");
        // Both ends of every range compile as well.
        let spec = StrategySpec::parse(&yaml).expect("parses");
        for param in spec.params() {
            let (Some(min), Some(max)) = (param.min, param.max) else {
                panic!("{name}: ${} has no range", param.name)
            };
            assert!(
                param.step.is_some() && !param.description.is_empty(),
                "{name}: ${}",
                param.name
            );
            for value in [min, max] {
                let overrides = BTreeMap::from([(param.name.clone(), value)]);
                let compiled = spec.compile(&overrides, None);
                assert!(
                    compiled.is_ok(),
                    "{name} with {} = {value}: {:?}",
                    param.name,
                    compiled.err()
                );
            }
        }
    }
}

#[test]
fn every_example_of_the_documentation_compiles() {
    let text = read("docs/strategy-language.md");
    let mut examples = 0;
    for (index, block) in text.split("```yaml\n").skip(1).enumerate() {
        let yaml = block.split("```").next().unwrap_or_default();
        compile(&format!("example {index}"), yaml);
        examples += 1;
    }
    assert!(examples >= 8, "{examples} examples");
}

/// A strategy over 90 days of the simulated market, from one seed.
fn run(name: &str, yaml: &str) -> Outcome {
    let strategy = compile(name, yaml);
    let symbols = strategy.symbols.clone();
    let bars: Vec<Bars> = symbols.iter().map(bars_of).collect();
    let config = EngineConfig {
        strategy,
        instrument: SimulatedMarket::instrument(&symbols[0]),
        peers: symbols[1..].iter().map(SimulatedMarket::instrument).collect(),
        others: Vec::new(),
        account: papertape::portfolio::AccountConfig::default(),
        option_model: None,
        base_timeframe: Timeframe::MINUTE,
        initial_capital: Money::new(Decimal::from(100_000), symbols[0].quote()),
        execution: ExecutionConfig::default(),
        alerts: AlertRules::default(),
    };
    match &bars[..] {
        [bars] => backtest::run(config, bars, &mut |_| true).expect("nobody cancels"),
        _ => backtest::run_together(config, &bars, &mut |_| true).expect("nobody cancels"),
    }
}

fn bars_of(symbol: &Symbol) -> Bars {
    SimulatedMarket::bars(
        SimulatedMarketConfig {
            symbol: symbol.clone(),
            seed: 7,
            start: Timestamp::parse("2024-06-01").expect("a time"),
        },
        90 * 24 * 60,
    )
}

/// What a run is pinned by: a line of `tests/data/library_statistics.csv`.
fn statistics(name: &str, outcome: &Outcome) -> String {
    let metrics = &outcome.metrics;
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.6}"));
    [
        name.to_owned(),
        metrics.trades.to_string(),
        outcome.final_equity.amount.to_string(),
        number(metrics.sharpe),
        number(Some(metrics.max_drawdown)),
        number(metrics.win_rate),
        number(Some(metrics.exposure)),
    ]
    .join(",")
}

#[test]
fn every_strategy_of_the_library_trades_as_it_always_has() {
    const HEADER: &str = "strategy,trades,final_equity,sharpe,max_drawdown,win_rate,exposure";
    let pinned = read("tests/data/library_statistics.csv");
    let mut now = vec![HEADER.to_owned()];
    for (name, yaml) in library() {
        let outcome = run(&name, &yaml);
        // A portfolio is one long trade of each symbol, added to and cut.
        let trades = match outcome.engine().config().strategy.portfolio {
            Some(_) => outcome.fills.len() as u64,
            None => outcome.metrics.trades,
        };
        assert!(
            (10..=2_000).contains(&trades),
            "{name}: {trades} trades in 90 days"
        );
        now.push(statistics(&name, &outcome));
    }
    let differences: Vec<&String> = now
        .iter()
        .filter(|line| !pinned.lines().any(|known| known == line.as_str()))
        .collect();
    assert!(
        differences.is_empty() && pinned.lines().count() == now.len(),
        "not as pinned: {differences:#?}\nIf that is meant, the table is now:\n{}",
        now.join("\n")
    );
}
