//! A script as an operation of a program: reads slots, remembers its state, writes what it gives.

use super::memory::Memory;
use super::sandbox::{Compiled, Flaw, parameter};
use super::{Given, GivenKind, Line, ScriptFailure, ScriptSpec};
use crate::strategy::problem::{Position, Problem};
use crate::strategy::program::op::{FALSE, Slot, TRUE};
use rhai::{Dynamic, Map, Scope};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A script with everything that it remembers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Routine {
    code: String,
    lines: Vec<Line>,
    /// By the names that the script knows them by.
    parameters: Vec<(String, f64)>,
    reads: Vec<(String, Reading)>,
    gives: Vec<Given>,
    memory: Memory,
    /// Why it will not run again.
    failure: Option<ScriptFailure>,
    /// Made again of the code where it is not there.
    #[serde(skip)]
    compiled: Ready,
}

/// Where a value that the script reads is found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Reading {
    Number(Slot),
    Condition(Slot),
    /// The outputs of an indicator, in neighbouring slots.
    Fields(Vec<String>, Slot),
}

/// The compiled code. It follows from the text, so all are equal.
#[derive(Clone, Debug, Default)]
struct Ready(Option<Compiled>);

impl PartialEq for Ready {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl ScriptSpec {
    /// The script as an operation; `known` are the names that it could read.
    ///
    /// # Errors
    /// A mistake in it, with its place in the file.
    pub(crate) fn routine(
        &self,
        parameters: &BTreeMap<String, f64>,
        reads: Vec<(String, Reading)>,
        known: &[&str],
    ) -> Result<Routine, Problem> {
        let code = self.code.text.text.as_str();
        let lines = self.lines();
        let own: Vec<String> = self.parameters().collect();
        let parameters = parameters.iter().filter(|(name, _)| own.contains(name));
        let parameters: Vec<(String, f64)> = parameters
            .map(|(name, value)| (parameter(name), *value))
            .collect();
        let compile = || {
            let names = parameters.iter().map(|(name, _)| name.as_str());
            let names = names.chain(reads.iter().map(|(name, _)| name.as_str()));
            Compiled::new(
                code,
                names,
                self.gives.iter().map(|given| given.name.as_str()),
                known,
            )
        };
        let problem = |flaw: &Flaw| {
            let at = place(&lines, flaw);
            at.problem(&self.code.path, flaw.message.clone())
        };
        let compiled = self
            .compiled
            .get_or_init(compile)
            .clone()
            .map_err(|flaw| problem(&flaw))?;
        let mut routine = Routine {
            code: code.to_owned(),
            lines: lines.clone(),
            parameters,
            reads,
            gives: self.gives.clone(),
            memory: Memory::default(),
            failure: None,
            compiled: Ready(Some(compiled)),
        };
        // What goes wrong at the first bar, whatever its prices are, is said before there is one.
        match routine.run(first_bar).map(|_| ()) {
            Err(flaw) if flaw.is_of_kind => return Err(problem(&flaw)),
            _ => routine.memory = Memory::default(),
        }
        Ok(routine)
    }
}

impl Routine {
    /// Why the script was stopped, if it was.
    pub(crate) const fn failure(&self) -> Option<&ScriptFailure> {
        self.failure.as_ref()
    }

    /// How many values it gives.
    pub(crate) const fn outputs(&self) -> usize {
        self.gives.len()
    }

    /// Runs the script over the values below `out` and writes what it gives from there on; nothing of it is defined, and
    /// nothing holds, once it has failed.
    pub(crate) fn step(&mut self, values: &mut [f64], out: usize) {
        let results = match self.failure {
            Some(_) => None,
            None => match self.run(|_, slot| values[slot as usize]) {
                Ok(results) => Some(results),
                Err(flaw) => {
                    let at = place(&self.lines, &flaw);
                    self.failure = Some(ScriptFailure {
                        line: at.line,
                        column: at.column,
                        message: flaw.message,
                    });
                    None
                }
            },
        };
        for (place, given) in self.gives.iter().enumerate() {
            values[out + place] = match &results {
                Some(results) => results[place],
                None => nothing(given.kind),
            };
        }
    }

    fn run(&mut self, value: impl Fn(&str, Slot) -> f64) -> Result<Vec<f64>, Flaw> {
        let compiled = self.compiled()?;
        let mut scope = Scope::with_capacity(self.parameters.len() + self.reads.len() + self.gives.len() + 9);
        for (name, value) in &self.parameters {
            scope.push_constant(name.as_str(), *value);
        }
        for (name, reading) in &self.reads {
            scope.push_constant_dynamic(name.as_str(), reading.read(|slot| value(name, slot)));
        }
        scope.push_dynamic("state", Dynamic::from_map(std::mem::take(&mut self.memory.0)));
        for given in &self.gives {
            match given.kind {
                GivenKind::Number => scope.push(given.name.as_str(), f64::NAN),
                GivenKind::Condition => scope.push(given.name.as_str(), false),
            };
        }
        compiled.run(&mut scope)?;
        let whole = |is_of_kind: bool| {
            move |message: String| Flaw {
                place: None,
                message,
                is_of_kind,
            }
        };
        let results = self.gives.iter().map(|given| {
            let result = scope.get(&given.name).unwrap_or(&Dynamic::UNIT);
            number(given, result).map_err(whole(true))
        });
        let results = results.collect::<Result<Vec<f64>, Flaw>>()?;
        let state = scope.get_mut("state").map(std::mem::take).unwrap_or_default();
        let kind = state.type_name();
        let state = state
            .try_cast::<Map>()
            .ok_or_else(|| whole(true)(format!("state must stay a map; it is {kind}")))?;
        self.memory = Memory::new(state).map_err(whole(false))?;
        Ok(results)
    }

    fn compiled(&mut self) -> Result<Compiled, Flaw> {
        if let Some(compiled) = &self.compiled.0 {
            return Ok(compiled.clone());
        }
        let names = self.parameters.iter().map(|(name, _)| name.as_str());
        let names = names.chain(self.reads.iter().map(|(name, _)| name.as_str()));
        let gives = self.gives.iter().map(|given| given.name.as_str());
        let compiled = Compiled::new(&self.code, names, gives, &[])?;
        self.compiled.0 = Some(compiled.clone());
        Ok(compiled)
    }
}

impl Reading {
    fn read(&self, value: impl Fn(Slot) -> f64) -> Dynamic {
        match self {
            Self::Number(slot) => value(*slot).into(),
            Self::Condition(slot) => (value(*slot) == TRUE).into(),
            Self::Fields(names, first) => {
                let fields = names.iter().zip(*first..);
                let fields = fields.map(|(name, slot)| (name.as_str().into(), value(slot).into()));
                Dynamic::from_map(fields.collect::<Map>())
            }
        }
    }
}

/// What a script reads at its first bar: a price, nothing held, and nothing defined that needs more bars.
fn first_bar(name: &str, _: Slot) -> f64 {
    match name {
        "open" | "high" | "low" | "close" | "volume" | "hl2" | "hlc3" | "ohlc4" | "typprice" | "wclprice" => {
            1.0
        }
        "hour" | "minute" | "weekday" | "position_size" | "bars_in_trade" => 0.0,
        _ => f64::NAN,
    }
}

/// What a value is when nothing is said of it.
const fn nothing(kind: GivenKind) -> f64 {
    match kind {
        GivenKind::Number => f64::NAN,
        GivenKind::Condition => FALSE,
    }
}

/// What the script made of a value that it gives.
fn number(given: &Given, result: &Dynamic) -> Result<f64, String> {
    let found = match given.kind {
        GivenKind::Condition => result
            .as_bool()
            .map(|holds| if holds { TRUE } else { FALSE })
            .ok(),
        GivenKind::Number if result.is_unit() => Some(f64::NAN),
        GivenKind::Number => {
            let number = result
                .as_float()
                .or_else(|_| result.as_int().map(|whole| whole as f64));
            // As in expressions, a number that is not finite is undefined.
            number
                .map(|number| if number.is_finite() { number } else { f64::NAN })
                .ok()
        }
    };
    let wanted = match given.kind {
        GivenKind::Condition => "true or false",
        GivenKind::Number => "a number",
    };
    found.ok_or_else(|| {
        format!(
            "'{}' must be {wanted}; the script made it a value of the data type {}",
            given.name,
            result.type_name()
        )
    })
}

/// Where a flaw stands in the file.
fn place(lines: &[Line], flaw: &Flaw) -> Position {
    let (line, column) = flaw.place.unwrap_or((1, 1));
    Line::place(lines, line, column)
}
