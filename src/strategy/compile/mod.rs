//! From the file to a strategy that runs: parameters resolved, expressions lowered, numbers checked.

mod amounts;
mod orders;
mod portfolio;
mod rules;

use super::expression::Graph;
use super::expression::elaborate::{Elaborator, Operand, Reported, Script, Value};
use super::problem::{Problem, hint};
use super::program::{ConditionSlot, NumberSlot, Program, op::FALSE};
use super::rules::{RiskRules, Strategy};
use super::spec::StrategySpec;
use super::yaml::Text;
use crate::model::Timeframe;
use std::collections::BTreeMap;

impl Strategy {
    /// Compiles a file with the parameters in `overrides` in place of its defaults, for its own timeframe or another.
    ///
    /// # Errors
    /// All problems of form; or, when there are none, all others, in the order in which they stand in the file.
    pub fn compile(
        yaml: &str,
        overrides: &BTreeMap<String, f64>,
        timeframe: Option<Timeframe>,
    ) -> Result<Self, Vec<Problem>> {
        StrategySpec::parse(yaml)?.compile(overrides, timeframe)
    }
}

impl StrategySpec {
    /// Compiles the file with the parameters in `overrides` in place of its defaults, for its own timeframe or another.
    /// Sweeps parse once and compile for each combination.
    ///
    /// # Errors
    /// All problems, in the order in which they stand in the file.
    pub fn compile(
        &self,
        overrides: &BTreeMap<String, f64>,
        timeframe: Option<Timeframe>,
    ) -> Result<Strategy, Vec<Problem>> {
        let params = self.resolve(overrides)?;
        let timeframe = timeframe.unwrap_or(self.timeframe);
        let mut compiler = Compiler {
            elaborator: Elaborator::new(&params, &self.definitions, timeframe)
                .with_script(self.script.as_ref()),
            timeframe,
            warm_up: 0,
        };
        let series = compiler.series(self);
        // Whether a rule reads it or not: a mistake in it is a mistake.
        let _ = compiler.elaborator.script();
        let rules = compiler.rules(self);
        let risk = compiler.risk(self);
        let portfolio = self.portfolio.as_ref().and_then(|spec| compiler.portfolio(spec));
        let rank = self.rank.as_ref().and_then(|script| compiler.number(script));
        let Compiler {
            elaborator, warm_up, ..
        } = compiler;
        let Elaborator {
            mut graph,
            mut problems,
            ..
        } = elaborator;
        if !problems.is_empty() {
            problems.sort_by_key(|problem| (problem.line, problem.column));
            problems.dedup();
            return Err(problems);
        }
        Ok(Strategy {
            name: self.name.clone(),
            description: self.description.clone(),
            symbols: self.symbols.clone(),
            timeframe,
            rules,
            risk,
            rank,
            portfolio,
            program: {
                let symbols = graph.take_symbols();
                Program::new(graph.into_block(), series, symbols)
            },
            warm_up,
            warnings: self.review(&params),
            params,
        })
    }

    /// The parameters' values, checked against their bounds.
    fn resolve(&self, overrides: &BTreeMap<String, f64>) -> Result<BTreeMap<String, f64>, Vec<Problem>> {
        let mut problems = Vec::new();
        for name in overrides.keys() {
            if !self.params.iter().any(|param| param.name == *name) {
                let hint = hint(name, self.params.iter().map(|param| param.name.as_str()));
                let message = format!("the strategy has no parameter '{name}'{hint}");
                problems.push(super::problem::Position::START.problem(&format!("params.{name}"), message));
            }
        }
        let mut params = BTreeMap::new();
        for (param, position) in self.params.iter().zip(&self.param_positions) {
            let value = overrides.get(&param.name).copied().unwrap_or(param.default);
            let bound = match (param.min, param.max) {
                _ if !value.is_finite() => Some("is not a finite number".to_owned()),
                (Some(min), _) if value < min => Some(format!("is below its minimum of {min}")),
                (_, Some(max)) if value > max => Some(format!("is above its maximum of {max}")),
                _ => None,
            };
            if let Some(bound) = bound {
                let message = format!("parameter '{}' = {value} {bound}", param.name);
                problems.push(position.problem(&format!("params.{}", param.name), message));
            }
            params.insert(param.name.clone(), value);
        }
        if problems.is_empty() {
            Ok(params)
        } else {
            Err(problems)
        }
    }
}

/// Compiles expressions outside of any strategy into one program. A condition comes out as 1 or 0, and as 0 while it
/// is undefined; a number is NaN while it is undefined.
///
/// # Errors
/// All problems; the path of each is `expressions.N` with N counted from 0, the line is 1.
pub fn compile_expressions(
    expressions: &[String],
    timeframe: Timeframe,
) -> Result<(Program, Vec<NumberSlot>), Vec<Problem>> {
    let params = BTreeMap::new();
    let mut elaborator = Elaborator::alone(&params, timeframe);
    let mut slots = Vec::with_capacity(expressions.len());
    for (index, text) in expressions.iter().enumerate() {
        let path = format!("expressions.{index}");
        match Script::parse(&path, Text::standalone(text)) {
            Err(problem) => elaborator.problems.push(problem),
            Ok(script) => slots.extend(standalone(&mut elaborator, &script)),
        }
    }
    if elaborator.problems.is_empty() {
        Ok((
            Program::new(elaborator.graph.into_block(), Vec::new(), Vec::new()),
            slots,
        ))
    } else {
        Err(elaborator.problems)
    }
}

fn standalone(elaborator: &mut Elaborator<'_>, script: &Script) -> Result<NumberSlot, Reported> {
    match elaborator.value(script)? {
        Value::Condition(condition) => elaborator.truth(script, condition).map(NumberSlot),
        Value::Number(operand) => elaborator.root_slot(script, operand).map(NumberSlot),
        // Says which fields there are.
        Value::Fields(..) => elaborator.number(script).map(NumberSlot),
    }
}

/// Lowers the parts of a file. Problems collect in the elaborator, so every part gives something.
struct Compiler<'a> {
    elaborator: Elaborator<'a>,
    timeframe: Timeframe,
    warm_up: usize,
}

impl Compiler<'_> {
    /// All definitions, whether a rule uses them or not: the chart shows them, and a mistake in one is a mistake.
    fn series(&mut self, spec: &StrategySpec) -> Vec<(String, NumberSlot)> {
        let mut series = Vec::new();
        for (index, definition) in spec.definitions.iter().enumerate() {
            match self.elaborator.definition_value(index) {
                Ok(Value::Number(operand)) => {
                    if let Ok(slot) = self.elaborator.root_slot(&definition.script, operand) {
                        series.push((definition.name.clone(), NumberSlot(slot)));
                    }
                }
                Ok(Value::Fields(_, fields, first)) => {
                    for (field, slot) in fields.iter().zip(first..) {
                        series.push((format!("{}.{field}", definition.name), NumberSlot(slot)));
                    }
                }
                Ok(Value::Condition(_)) | Err(Reported) => {}
            }
        }
        series
    }

    fn rule(&mut self, script: Option<&Script>) -> Option<ConditionSlot> {
        let script = script?;
        let condition = match self.elaborator.condition(script).ok()? {
            Operand::Constant(FALSE) => return None,
            condition => condition,
        };
        let slot = self.elaborator.root_slot(script, condition).ok()?;
        self.note(slot);
        Some(ConditionSlot(slot))
    }

    fn number(&mut self, script: &Script) -> Option<NumberSlot> {
        let slot = self.elaborator.number(script).ok()?;
        self.note(slot);
        Some(NumberSlot(slot))
    }

    /// Counts a slot that a rule reads into the warm-up.
    fn note(&mut self, slot: u32) {
        let bars = self.elaborator.graph.warm_up(Graph::ROOT, slot).saturating_add(1);
        self.warm_up = self.warm_up.max(bars);
    }

    fn risk(&mut self, spec: &StrategySpec) -> RiskRules {
        let risk = &spec.risk;
        RiskRules {
            max_open_positions: risk
                .max_open_positions
                .as_ref()
                .and_then(|script| self.count(script, 1)),
            max_drawdown: risk.max_drawdown.as_ref().and_then(|amount| self.share(amount)),
            max_daily_loss: risk.max_daily_loss.as_ref().and_then(|amount| self.share(amount)),
            cooldown: risk
                .cooldown
                .as_ref()
                .and_then(|script| self.count(script, 0))
                .unwrap_or(0),
            cooldown_after_loss: risk
                .cooldown_after_loss
                .as_ref()
                .and_then(|script| self.count(script, 0))
                .unwrap_or(0),
            max_exposure: risk
                .max_exposure
                .as_ref()
                .and_then(|amount| self.exposure(amount)),
            max_correlation: risk
                .max_correlation
                .as_ref()
                .and_then(|spec| self.correlation(spec)),
            flatten_before_close: risk.flatten_before_close.and_then(|(position, length)| {
                if self.timeframe.nanos() < Timeframe::DAY.nanos() {
                    return Some(length);
                }
                let message =
                    "flatten_before_close is for bars shorter than a day, which close inside of sessions";
                let problem = position.problem("risk.flatten_before_close", message);
                self.elaborator.problems.push(problem);
                None
            }),
        }
    }

    /// A problem of the file's form that shows only now.
    fn form_problem(&mut self, path: &str, message: &str) {
        let problem = super::problem::Position::START.problem(path, message);
        self.elaborator.problems.push(problem);
    }

    fn problem(&mut self, script: &Script, message: impl Into<String>) {
        let position = script.text.position(script.tree.span.start);
        self.elaborator
            .problems
            .push(position.problem(&script.path, message));
    }

    /// A whole number of bars or positions.
    fn count(&mut self, script: &Script, minimum: u32) -> Option<u32> {
        let value = self.elaborator.constant(script).ok()?;
        if value.fract() == 0.0 && (f64::from(minimum)..=1e9).contains(&value) {
            return Some(value as u32);
        }
        self.problem(
            script,
            format!("this must be a whole number, at least {minimum}; it is {value}"),
        );
        None
    }
}
