//! Runs a session with everything judged.

use crate::checks::{Coverage, Observer, Planted, Violation, judge_cancels};
use crate::quiet;
use crate::scenario::{self, Scenario};
use papertape::engine::{Engine, EngineConfig, Input};

/// What a session that holds to all rules came to.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) hash: String,
    pub(crate) events: u64,
    pub(crate) coverage: Coverage,
}

/// Runs the inputs and judges after each.
pub(crate) fn judged(
    config: &EngineConfig,
    inputs: &[Input],
    planted: Planted,
) -> Result<Outcome, Violation> {
    let mut engine = Engine::new(config.clone());
    let mut observer = Observer::new(config, planted);
    let mut events = Vec::new();
    let mut count = 0;
    for (number, input) in inputs.iter().enumerate() {
        events.clear();
        unbroken(number, || engine.process(input, &mut events))?;
        count += events.len() as u64;
        observer
            .judge(input, &events, &engine)
            .map_err(|violation| at(number, violation))?;
        if number % 64 == 63 || number + 1 == inputs.len() {
            unbroken(number, || judge_cancels(&engine))?.map_err(|violation| at(number, violation))?;
        }
    }
    Ok(Outcome {
        hash: engine.event_hash(),
        events: count,
        coverage: observer.coverage,
    })
}

fn unbroken<T>(number: usize, work: impl FnOnce() -> T) -> Result<T, Violation> {
    quiet::catch(work).map_err(|detail| {
        let rule = "the engine never panics";
        at(number, Violation { rule, detail })
    })
}

fn at(number: usize, violation: Violation) -> Violation {
    Violation {
        detail: format!("at input {number}: {}", violation.detail),
        ..violation
    }
}

/// The inputs with a stop at `cut`: what is restored from a snapshot there goes on as the whole does.
pub(crate) fn hash_over_snapshot(scenario: &Scenario, cut: usize) -> Result<String, Violation> {
    let (before, after) = scenario.inputs.split_at(cut);
    let mut engine = Engine::new(scenario.config.clone());
    let mut events = Vec::new();
    for input in before {
        engine.process(input, &mut events);
    }
    let mut engine = Engine::restore(&engine.snapshot()).map_err(|error| Violation {
        rule: "a snapshot reads back",
        detail: error.to_string(),
    })?;
    for input in after {
        events.clear();
        engine.process(input, &mut events);
    }
    Ok(engine.event_hash())
}

/// A seed's session: made, run again with everything judged, and, every fourth, once more over a snapshot in its middle.
pub(crate) fn seed(seed: u64, length: usize) -> (Scenario, Result<Outcome, Violation>) {
    let scenario = scenario::make(seed, length);
    let outcome = judged(&scenario.config, &scenario.inputs, Planted::Nothing).and_then(|outcome| {
        let same = |rule, other: Option<&str>| {
            if other == Some(&outcome.hash) {
                return Ok(());
            }
            let detail = format!("{} and {other:?}", outcome.hash);
            Err(Violation { rule, detail })
        };
        same("the same inputs give the same events", scenario.hash.as_deref())?;
        if seed.is_multiple_of(4) {
            let cut = scenario.inputs.len() / 2;
            same(
                "a restored session goes on as it would have",
                Some(&hash_over_snapshot(&scenario, cut)?),
            )?;
        }
        Ok(outcome)
    });
    (scenario, outcome)
}
