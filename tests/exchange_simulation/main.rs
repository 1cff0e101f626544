//! The simulated exchange under fire: markets at their worst, orders of every kind and every nonsense, and every rule of
//! the exchange judged after every input.
//!
//! A seed makes a session (instruments, account, costs, latency, strategy) and its inputs. It runs twice, which must give
//! the same event hash, every fourth a third time over a snapshot in its middle. A seed that breaks a rule is printed
//! with the command that repeats it and with the fewest inputs that still break it.
//!
//! The smoke runs in the ordinary test command. The long run is the same with more events:
//!
//! ```text
//! PAPERTAPE_SIMULATION_EVENTS=10000000 cargo test -p papertape --release --test exchange_simulation -- --nocapture
//! PAPERTAPE_SIMULATION_SEED=17 cargo test -p papertape --test exchange_simulation one_seed -- --nocapture
//! ```
//!
//! `PAPERTAPE_SIMULATION_SEED` repeats one seed; in the long run it is the first of them.

mod checks;
mod draw;
mod market;
mod options;
mod orders;
mod quiet;
mod run;
mod scenario;
mod shrink;
mod world;

use checks::{Coverage, Planted, Violation};
use papertape::engine::Input;
use scenario::Scenario;
use std::collections::BTreeMap;

/// Events of the smoke: a few seconds.
const SMOKE: u64 = 200_000;

/// Failing seeds after which a run stops; of those that break the same rule the first is shrunk.
const MOST_FAILURES: usize = 40;

/// Inputs of one session.
const LENGTH: usize = 500;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|error| panic!("{name}={text}: {error}")),
    )
}

/// What a reader needs of a failure: the seed, how to repeat it, the fewest inputs.
fn report(seed: u64, scenario: &Scenario, violation: &Violation) -> String {
    let shrunk = shrunk(scenario, violation, Planted::Nothing);
    let inputs: Vec<String> = shrunk.iter().map(|input| format!("  {input:?}")).collect();
    let detail = run::judged(&scenario.config, &shrunk, Planted::Nothing)
        .err()
        .unwrap_or_else(|| violation.clone())
        .detail;
    format!(
        "seed {seed} breaks the rule that {}\n{detail}\nrepeat it: PAPERTAPE_SIMULATION_SEED={seed} cargo test -p papertape --test \
         exchange_simulation one_seed -- --nocapture\n{} of {} inputs still break it:\n{}\nunder {:?}\n{:?}",
        violation.rule,
        shrunk.len(),
        scenario.inputs.len(),
        inputs.join("\n"),
        scenario.config.execution,
        scenario.config.instruments().collect::<Vec<_>>(),
    )
}

fn shrunk(scenario: &Scenario, violation: &Violation, planted: Planted) -> Vec<Input> {
    shrink::shrink(&scenario.inputs, |inputs| {
        run::judged(&scenario.config, inputs, planted).is_err_and(|other| other.rule == violation.rule)
    })
}

/// What a run of a few thousand sessions is expected to have reached.
const REACHED: [&str; 62] = [
    "filled market",
    "filled limit",
    "filled stop",
    "filled stop_limit",
    "filled trailing_stop",
    "filled take_profit",
    "filled take_profit_limit",
    "filled gtc",
    "filled ioc",
    "filled fok",
    "filled day",
    "filled gtd",
    "filled opg",
    "filled cls",
    "filled reduce-only",
    "filled close-position",
    "filled post-only",
    "filled extended-hours",
    "filled iceberg",
    "filled attached",
    "filled grouped",
    "filled latency",
    "filled as Maker on bars",
    "filled as Taker on bars",
    "filled as Maker on trades",
    "filled as Taker on trades",
    "filled as Maker on quotes",
    "filled as Taker on quotes",
    "filled as Maker on depth",
    "filled as Taker on depth",
    "market Halted",
    "market Gap",
    "market Ended",
    "data quotes → trades",
    "data depth → trades",
    "data depth → quotes",
    "data trades → depth",
    "expired",
    "listed",
    "combo",
    "filled combo",
    "filled as Taker on model",
    "filled as Maker on model",
    "Exercised",
    "Assigned",
    "exercise refused not_exercisable",
    "split",
    "filled liquidation",
    "flow Funding",
    "flow Dividend",
    "flow CashInLieu",
    "flow OptionSettlement",
    "flow LiquidationFee",
    "flow BorrowFee",
    "flow Interest",
    "flow Settlement",
    "flow Roll",
    "delisting",
    "new symbol",
    "filled in an account of 1",
    "filled in an account of 2",
    "filled in an account of 3",
];

#[test]
fn the_exchange_holds_to_its_rules() {
    let goal = number("PAPERTAPE_SIMULATION_EVENTS").unwrap_or(SMOKE);
    let first = number("PAPERTAPE_SIMULATION_SEED").unwrap_or(1);
    let (mut events, mut inputs, mut seeds) = (0, 0, 0);
    let mut coverage = Coverage::default();
    let mut broken: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let mut reports = Vec::new();
    while events < goal && broken.values().map(Vec::len).sum::<usize>() < MOST_FAILURES {
        let seed = first + seeds;
        seeds += 1;
        let (scenario, outcome) = run::seed(seed, LENGTH);
        inputs += scenario.inputs.len();
        match outcome {
            Ok(outcome) => {
                events += outcome.events;
                coverage.add(outcome.coverage);
            }
            Err(violation) => {
                let others = broken.entry(violation.rule).or_default();
                others.push(seed);
                if others.len() == 1 {
                    reports.push(report(seed, &scenario, &violation));
                }
            }
        }
    }
    println!("{}", coverage.lines().join("\n"));
    let failed: usize = broken.values().map(Vec::len).sum();
    println!("{seeds} seeds from {first}, {inputs} inputs, {events} events, {failed} seeds failed");
    assert!(reports.is_empty(), "{}\n{broken:#?}", reports.join("\n\n"));
    let missed: Vec<_> = REACHED.iter().filter(|what| coverage.of(what) == 0).collect();
    assert!(missed.is_empty(), "the run never reached {missed:?}");
}

/// Repeats one seed: the first, unless `PAPERTAPE_SIMULATION_SEED` names another.
#[test]
fn one_seed_holds_to_the_rules() {
    let seed = number("PAPERTAPE_SIMULATION_SEED").unwrap_or(1);
    let (scenario, outcome) = run::seed(seed, LENGTH);
    if let Err(violation) = outcome {
        panic!("{}", report(seed, &scenario, &violation));
    }
}

#[test]
fn what_breaks_a_rule_is_shrunk_to_the_inputs_that_do() {
    // A rule that is wrong on purpose: a session breaks it as soon as a stop fills.
    let planted = Planted::StopsNeverFill;
    let broken = (1..200).find_map(|seed| {
        let scenario = scenario::make(seed, LENGTH);
        let violation = run::judged(&scenario.config, &scenario.inputs, planted).err()?;
        Some((scenario, violation))
    });
    let (scenario, violation) = broken.expect("some session fills a stop");
    assert_eq!(violation.rule, "planted: no stop order ever fills");
    let shrunk = shrunk(&scenario, &violation, planted);
    let breaks = |inputs: &[Input]| {
        run::judged(&scenario.config, inputs, planted).is_err_and(|other| other.rule == violation.rule)
    };
    assert!(breaks(&shrunk), "what is left still breaks the rule");
    // Start, a price, the order, and what sets it off and fills it.
    assert!(
        shrunk.len() <= 6,
        "{} inputs are left of {}",
        shrunk.len(),
        scenario.inputs.len()
    );
    for dropped in 0..shrunk.len() {
        let without = [&shrunk[..dropped], &shrunk[dropped + 1..]].concat();
        assert!(
            !breaks(&without),
            "input {dropped} could have gone too: {:?}",
            shrunk[dropped]
        );
    }
}
