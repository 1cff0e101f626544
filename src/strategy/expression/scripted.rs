//! The file's script in the graph: one operation, which reads what its words name and gives what expressions read.

use super::ast::Span;
use super::elaborate::{Elaborator, Operand, Place, Reported, Value};
use super::graph::Graph;
use crate::strategy::program::op::Slot;
use crate::strategy::script::{GivenKind, ScriptSpec};

/// What became of the script.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scripted {
    /// Nothing yet.
    Waiting,
    /// What it reads is being lowered.
    Open,
    /// It is in the graph, and gives its values from this slot on; `None` if it has a problem.
    Lowered(Option<Slot>),
}

impl<'a> Elaborator<'a> {
    /// The place of a name among what the script gives.
    pub(super) fn given(&self, name: &str) -> Option<usize> {
        self.script?.gives.iter().position(|given| given.name == name)
    }

    /// A value that the script gives.
    pub(super) fn given_value(
        &mut self,
        place: Place<'_>,
        span: Span,
        index: usize,
    ) -> Result<Value, Reported> {
        let script = self.script.ok_or(Reported)?;
        let given = &script.gives[index];
        let name = &given.name;
        if place.block != Graph::ROOT {
            let message = format!(
                "'{name}' comes from the script, which runs on the strategy's own bars: take it out of the '@' or 'of'"
            );
            return Err(self.problem(place, span, message));
        }
        if matches!(self.scripted, Scripted::Open) {
            let message = format!("the script gives '{name}' and reads what is made of it");
            return Err(self.problem(place, span, message));
        }
        let slot = self.script()?.ok_or(Reported)? + index as Slot;
        Ok(match given.kind {
            GivenKind::Number => Value::Number(Operand::Slot(slot)),
            GivenKind::Condition => Value::Condition(Operand::Slot(slot)),
        })
    }

    /// Lowers the script, if the file has one and it is not in the graph yet; gives the first slot of its values.
    pub(crate) fn script(&mut self) -> Result<Option<Slot>, Reported> {
        let Some(script) = self.script else {
            return Ok(None);
        };
        match self.scripted {
            Scripted::Lowered(slot) => slot.map(Some).ok_or(Reported),
            Scripted::Open => Err(Reported),
            Scripted::Waiting => {
                self.scripted = Scripted::Open;
                let slot = self.lower_script(script);
                self.scripted = Scripted::Lowered(slot.ok());
                slot.map(Some)
            }
        }
    }

    #[cfg(not(feature = "script"))]
    fn lower_script(&mut self, script: &'a ScriptSpec) -> Result<Slot, Reported> {
        let place = Place::root(&script.code);
        let message = "a strategy with a script runs on the server only: start it or its backtest there";
        Err(self.problem(place, script.code.tree.span, message))
    }

    #[cfg(feature = "script")]
    fn lower_script(&mut self, script: &'a ScriptSpec) -> Result<Slot, Reported> {
        use super::graph::Operation;
        use crate::strategy::indicator::catalogue;
        use crate::strategy::program::op::Op;
        use crate::strategy::script::routine::Reading;

        /// Numbers that a script may remember, as far as the limit on a program's memory counts them.
        const MEMORY: usize = 10_000;

        let place = Place::root(&script.code);
        let reads = self.read_by_script(script)?;
        let inputs: Vec<Slot> = reads
            .iter()
            .flat_map(|(_, reading)| match reading {
                Reading::Number(slot) | Reading::Condition(slot) => *slot..*slot + 1,
                Reading::Fields(names, first) => *first..*first + names.len() as Slot,
            })
            .collect();
        let definitions = self.definitions.iter().map(|definition| definition.name.as_str());
        let values = catalogue::names().filter(|name| catalogue::is_value(name));
        let known: Vec<&str> = definitions.chain(values).collect();
        let routine = match script.routine(self.parameters, reads, &known) {
            Ok(routine) => routine,
            Err(problem) => {
                self.problems.push(problem);
                return Err(Reported);
            }
        };
        let operation = Operation {
            name: "script",
            inputs: &inputs,
            constants: &[],
            outputs: script.gives.len() as u32,
            warm_up: 0,
            memory: MEMORY,
        };
        let build = || Op::Script(Box::new(routine));
        let slot = self.graph.operation(place.block, &operation, build);
        self.fits(place, script.code.tree.span, slot)
    }

    /// What the words of a script name: definitions, and what is read off the bar and the position. Its parameters are
    /// checked.
    #[cfg(feature = "script")]
    fn read_by_script(
        &mut self,
        script: &'a ScriptSpec,
    ) -> Result<Vec<(String, crate::strategy::script::routine::Reading)>, Reported> {
        use crate::strategy::indicator::catalogue;
        use crate::strategy::problem::hint;
        use crate::strategy::script::{routine::Reading, words};
        use std::collections::BTreeSet;

        let place = Place::root(&script.code);
        let (mut reads, mut seen, mut fails) = (Vec::new(), BTreeSet::new(), false);
        for word in words(&script.code.text.text) {
            let span = Span {
                start: word.start,
                end: word.start + word.text.chars().count(),
            };
            if word.is_parameter {
                if !self.parameters.contains_key(&word.text) {
                    let hint = hint(&word.text, self.parameters.keys().map(String::as_str));
                    self.problem(place, span, format!("unknown parameter '${}'{hint}", word.text));
                    fails = true;
                }
                continue;
            }
            if !seen.insert(word.text.clone()) {
                continue;
            }
            let definition = self.definitions.iter().position(|it| it.name == word.text);
            let value = match (definition, catalogue::find(&word.text)) {
                (Some(index), _) => self.definition(index, Graph::ROOT),
                (None, Some(function)) if catalogue::is_value(&word.text) => {
                    self.apply(place, span, function, &[])
                }
                _ => continue,
            };
            let reading = match value {
                Ok(Value::Number(operand)) => self.slot(place, span, operand).map(Reading::Number),
                Ok(Value::Condition(operand)) => self.slot(place, span, operand).map(Reading::Condition),
                Ok(Value::Fields(_, fields, first)) => {
                    let names = fields.iter().map(|field| (*field).to_owned());
                    Ok(Reading::Fields(names.collect(), first))
                }
                Err(Reported) => Err(Reported),
            };
            match reading {
                Ok(reading) => reads.push((word.text, reading)),
                Err(Reported) => fails = true,
            }
        }
        if fails { Err(Reported) } else { Ok(reads) }
    }
}
