//! The tree checked and lowered: names resolved, types and constants checked, operations added to the graph.
//!
//! A name from `let` is lowered in the place that uses it, so `average @ 1h` is the average of hourly bars. Results are
//! kept by name and place, so each is lowered once in each.

use super::ast::{Expression, Kind, Name, Span, Unary};
use super::graph::{Graph, Operation, TooLarge, fold};
use super::scripted::Scripted;
use crate::model::Timeframe;
use crate::strategy::indicator::catalogue::{self, MAXIMUM_PERIOD};
use crate::strategy::problem::{Position, Problem, hint};
use crate::strategy::program::op::{FALSE, Op, Slot, TRUE};
use crate::strategy::script::ScriptSpec;
use crate::strategy::yaml::Text;
use std::collections::BTreeMap;

/// Deepest nesting, through the names that expressions use.
const MAXIMUM_DEPTH: usize = 200;

/// An expression with where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// Its place by names, such as `entry.long`.
    pub(crate) path: String,
    pub(crate) text: Text,
    pub(crate) tree: Expression,
}

impl Script {
    /// Parses a text.
    pub(crate) fn parse(path: &str, text: Text) -> Result<Self, Problem> {
        match super::parse(&text.text) {
            Ok(tree) => Ok(Self {
                path: path.to_owned(),
                text,
                tree,
            }),
            Err(error) => {
                let at_end = error.span.start >= text.text.trim_end().chars().count();
                let hint = match at_end && text.is_cut_by_comma() {
                    true => "; inside {…} quote an expression that holds a comma",
                    false => "",
                };
                let message = format!("{}{hint}", error.message);
                Err(text.position(error.span.start).problem(path, message))
            }
        }
    }

    fn position(&self, span: Span) -> Position {
        self.text.position(span.start)
    }
}

/// A named expression.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) script: Script,
}

/// What an expression comes to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    Number(Operand),
    Condition(Operand),
    /// Several numbers in neighbouring slots, and what gave them.
    Fields(&'static str, &'static [&'static str], Slot),
}

/// A constant, or where the value is found at run time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand {
    Constant(f64),
    Slot(Slot),
}

/// A problem has been written down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reported;

/// Lowers expressions into one graph.
pub(crate) struct Elaborator<'a> {
    pub(super) parameters: &'a BTreeMap<String, f64>,
    pub(super) definitions: &'a [Definition],
    pub(crate) graph: Graph,
    pub(crate) problems: Vec<Problem>,
    /// What each definition came to in each block; `None` if it has a problem.
    known: BTreeMap<(usize, usize), Option<Value>>,
    /// Definitions that are being lowered, outermost first.
    open: Vec<usize>,
    depth: usize,
    /// Whether there are no other instruments to read.
    pub(super) is_alone: bool,
    /// The file's script, and what became of it.
    pub(super) script: Option<&'a ScriptSpec>,
    pub(super) scripted: Scripted,
}

/// Where lowering stands: the expression, and the block that its operations go to.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) script: &'a Script,
    pub(super) block: usize,
}

impl<'a> Place<'a> {
    /// The whole of a script, in the strategy's own timeframe.
    pub(super) const fn root(script: &'a Script) -> Self {
        Self {
            script,
            block: Graph::ROOT,
        }
    }
}

impl<'a> Elaborator<'a> {
    pub(crate) fn new(
        parameters: &'a BTreeMap<String, f64>,
        definitions: &'a [Definition],
        timeframe: Timeframe,
    ) -> Self {
        Self {
            parameters,
            definitions,
            graph: Graph::new(timeframe),
            problems: Vec::new(),
            known: BTreeMap::new(),
            open: Vec::new(),
            depth: 0,
            is_alone: false,
            script: None,
            scripted: Scripted::Waiting,
        }
    }

    /// The same for a file with a script.
    pub(crate) fn with_script(self, script: Option<&'a ScriptSpec>) -> Self {
        Self { script, ..self }
    }

    /// For expressions over one file of bars, which cannot read other instruments.
    pub(crate) fn alone(parameters: &'a BTreeMap<String, f64>, timeframe: Timeframe) -> Self {
        Self {
            is_alone: true,
            ..Self::new(parameters, &[], timeframe)
        }
    }

    /// Lowers a whole expression in the strategy's own timeframe.
    pub(crate) fn value(&mut self, script: &Script) -> Result<Value, Reported> {
        let place = Place::root(script);
        self.expression(place, &script.tree)
    }

    /// An expression that must be a number, and where to read it.
    pub(crate) fn number(&mut self, script: &Script) -> Result<Slot, Reported> {
        let place = Place::root(script);
        let operand = self.expect_number(place, &script.tree)?;
        self.slot(place, script.tree.span, operand)
    }

    /// An expression that must be a number, which may be a constant.
    pub(crate) fn operand(&mut self, script: &Script) -> Result<Operand, Reported> {
        self.expect_number(Place::root(script), &script.tree)
    }

    /// An expression that must be a condition.
    pub(crate) fn condition(&mut self, script: &Script) -> Result<Operand, Reported> {
        let place = Place::root(script);
        self.expect_condition(place, &script.tree)
    }

    /// An expression that must be a number that does not change.
    pub(crate) fn constant(&mut self, script: &Script) -> Result<f64, Reported> {
        let place = Place::root(script);
        match self.expect_number(place, &script.tree)? {
            Operand::Constant(value) => Ok(value),
            Operand::Slot(_) => Err(self.problem(
                place,
                script.tree.span,
                "this must be a constant: a number or a $parameter",
            )),
        }
    }

    /// The definition at `index`, in the strategy's own timeframe.
    pub(crate) fn definition_value(&mut self, index: usize) -> Result<Value, Reported> {
        self.definition(index, Graph::ROOT)
    }

    /// Where to read an operand of the strategy's own timeframe.
    pub(crate) fn root_slot(&mut self, script: &Script, operand: Operand) -> Result<Slot, Reported> {
        let place = Place::root(script);
        self.slot(place, script.tree.span, operand)
    }

    /// A condition as a number that is always defined.
    pub(crate) fn truth(&mut self, script: &Script, condition: Operand) -> Result<Slot, Reported> {
        let place = Place::root(script);
        let truth = self.operation(place, script.tree.span, "truth", &[condition], |slots| {
            Op::Truth(slots[0])
        })?;
        self.slot(place, script.tree.span, truth)
    }

    pub(super) fn problem(&mut self, place: Place<'_>, span: Span, message: impl Into<String>) -> Reported {
        let problem = place.script.position(span).problem(&place.script.path, message);
        self.problems.push(problem);
        Reported
    }

    pub(super) fn fits<T>(
        &mut self,
        place: Place<'_>,
        span: Span,
        result: Result<T, TooLarge>,
    ) -> Result<T, Reported> {
        result.map_err(|TooLarge| self.problem(place, span, TooLarge::MESSAGE))
    }

    pub(super) fn expression(
        &mut self,
        place: Place<'_>,
        expression: &Expression,
    ) -> Result<Value, Reported> {
        if self.depth >= MAXIMUM_DEPTH {
            let message = format!("nested deeper than {MAXIMUM_DEPTH} levels, through the names it uses");
            return Err(self.problem(place, expression.span, message));
        }
        self.depth += 1;
        let value = self.form(place, expression);
        self.depth -= 1;
        value
    }

    fn form(&mut self, place: Place<'_>, expression: &Expression) -> Result<Value, Reported> {
        let span = expression.span;
        match &expression.kind {
            Kind::Number(number) => Ok(Value::Number(Operand::Constant(*number))),
            Kind::Boolean(value) => Ok(Value::Condition(Operand::Constant(if *value {
                TRUE
            } else {
                FALSE
            }))),
            Kind::Parameter(name) => self.parameter(place, span, name),
            Kind::Name(name) => self.name(place, span, name),
            Kind::Unary(Unary::Negate, operand) => {
                let operand = self.expect_number(place, operand)?;
                self.operation(place, span, "negate", &[operand], |slots| Op::Negate(slots[0]))
                    .map(Value::Number)
            }
            Kind::Unary(Unary::Not, operand) => {
                let operand = self.expect_condition(place, operand)?;
                self.operation(place, span, "not", &[operand], |slots| Op::Not(slots[0]))
                    .map(Value::Condition)
            }
            Kind::Binary(operator, operator_span, left, right) => {
                self.binary(place, *operator, *operator_span, left, right)
            }
            Kind::Choice(condition, yes, no) => self.choice(place, span, condition, yes, no),
            Kind::History(operand, bars) => self.history(place, operand, bars),
            Kind::Field(operand, field) => self.field(place, operand, field),
            Kind::Call(name, arguments) => self.call(place, span, name, arguments),
            Kind::Higher(operand, timeframe) => self.higher(place, operand, timeframe),
            Kind::Of(operand, symbol) => self.of(place, operand, symbol),
        }
    }

    fn parameter(&mut self, place: Place<'_>, span: Span, name: &str) -> Result<Value, Reported> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(Value::Number(Operand::Constant(*value)));
        }
        let hint = hint(name, self.parameters.keys().map(String::as_str));
        Err(self.problem(place, span, format!("unknown parameter '${name}'{hint}")))
    }

    fn name(&mut self, place: Place<'_>, span: Span, name: &str) -> Result<Value, Reported> {
        if let Some(index) = self
            .definitions
            .iter()
            .position(|definition| definition.name == name)
        {
            if self.open.contains(&index) {
                let names = self.open.iter().skip_while(|open| **open != index);
                let mut cycle: Vec<&str> = names.map(|open| self.definitions[*open].name.as_str()).collect();
                cycle.push(name);
                let message = format!("'{name}' is defined by itself: {}", cycle.join(" → "));
                return Err(self.problem(place, span, message));
            }
            return self.definition(index, place.block);
        }
        if let Some(index) = self.given(name) {
            return self.given_value(place, span, index);
        }
        match catalogue::find(name) {
            Some(function) if function.required() == 0 => self.apply(place, span, function, &[]),
            Some(function) => {
                let message = format!("'{name}' needs its arguments: {}", function.signature());
                Err(self.problem(place, span, message))
            }
            None if self.parameters.contains_key(name) => {
                Err(self.problem(place, span, format!("'{name}' is a parameter: write '${name}'")))
            }
            None => {
                let definitions = self.definitions;
                let names = definitions.iter().map(|definition| definition.name.as_str());
                let given = self.script.iter().flat_map(|script| &script.gives);
                let names = names.chain(given.map(|given| given.name.as_str()));
                let hint = hint(name, names.chain(catalogue::names()));
                Err(self.problem(place, span, format!("unknown name '{name}'{hint}")))
            }
        }
    }

    pub(super) fn definition(&mut self, index: usize, block: usize) -> Result<Value, Reported> {
        if let Some(known) = self.known.get(&(index, block)) {
            return known.ok_or(Reported);
        }
        // What fails in its own timeframe is reported there and fails in all others.
        if let Some(None) = self.known.get(&(index, Graph::ROOT)) {
            return Err(Reported);
        }
        let script = &self.definitions[index].script;
        self.open.push(index);
        let value = self.expression(Place { script, block }, &script.tree);
        self.open.pop();
        self.known.insert((index, block), value.ok());
        value
    }

    fn call(
        &mut self,
        place: Place<'_>,
        span: Span,
        name: &Name,
        arguments: &[Expression],
    ) -> Result<Value, Reported> {
        let Some(function) = catalogue::find(&name.text) else {
            let defined = self
                .definitions
                .iter()
                .any(|definition| definition.name == name.text);
            let message = if defined {
                format!(
                    "'{}' is a name, not a function: leave the parentheses out",
                    name.text
                )
            } else {
                format!(
                    "unknown indicator '{}'{}",
                    name.text,
                    hint(&name.text, catalogue::names())
                )
            };
            return Err(self.problem(place, name.span, message));
        };
        self.apply(place, span, function, arguments)
    }

    /// Lowers an operation of operands, or its result if all of them are constant.
    pub(super) fn operation(
        &mut self,
        place: Place<'_>,
        span: Span,
        name: &'static str,
        operands: &[Operand],
        build: impl Fn(&[Slot]) -> Op,
    ) -> Result<Operand, Reported> {
        if let Some(folded) = self.fold(place, span, operands, &build) {
            return folded.map(Operand::Constant);
        }
        let mut inputs = Vec::with_capacity(operands.len());
        for operand in operands {
            inputs.push(self.slot(place, span, *operand)?);
        }
        let operation = Operation {
            name,
            inputs: &inputs,
            constants: &[],
            outputs: 1,
            warm_up: 0,
            memory: 0,
        };
        let slot = self.graph.operation(place.block, &operation, || build(&inputs));
        self.fits(place, span, slot).map(Operand::Slot)
    }

    /// The result of constants, if all operands are constants and the operation depends on nothing else.
    pub(super) fn fold(
        &mut self,
        place: Place<'_>,
        span: Span,
        operands: &[Operand],
        build: impl Fn(&[Slot]) -> Op,
    ) -> Option<Result<f64, Reported>> {
        let constants: Option<Vec<f64>> = operands
            .iter()
            .map(|operand| match operand {
                Operand::Constant(value) => Some(*value),
                Operand::Slot(_) => None,
            })
            .collect();
        let constants = constants.filter(|constants| !constants.is_empty())?;
        let value = fold(&constants, build)?;
        if value.is_finite() {
            return Some(Ok(value));
        }
        Some(Err(self.problem(
            place,
            span,
            "this is never defined: the result of these constants is no number",
        )))
    }

    pub(super) fn slot(&mut self, place: Place<'_>, span: Span, operand: Operand) -> Result<Slot, Reported> {
        match operand {
            Operand::Slot(slot) => Ok(slot),
            Operand::Constant(value) => {
                let slot = self.graph.constant(place.block, value);
                self.fits(place, span, slot)
            }
        }
    }

    pub(super) fn expect_number(
        &mut self,
        place: Place<'_>,
        expression: &Expression,
    ) -> Result<Operand, Reported> {
        let value = self.expression(place, expression)?;
        self.as_number(place, expression, value)
    }

    /// The value of `expression` as a number.
    pub(super) fn as_number(
        &mut self,
        place: Place<'_>,
        expression: &Expression,
        value: Value,
    ) -> Result<Operand, Reported> {
        match value {
            Value::Number(operand) => Ok(operand),
            other => Err(self.wrong_type(place, expression, other, "a number")),
        }
    }

    pub(super) fn expect_condition(
        &mut self,
        place: Place<'_>,
        expression: &Expression,
    ) -> Result<Operand, Reported> {
        let value = self.expression(place, expression)?;
        self.as_condition(place, expression, value)
    }

    /// The value of `expression` as a condition.
    pub(super) fn as_condition(
        &mut self,
        place: Place<'_>,
        expression: &Expression,
        value: Value,
    ) -> Result<Operand, Reported> {
        match value {
            Value::Condition(operand) => Ok(operand),
            other => Err(self.wrong_type(place, expression, other, "a condition")),
        }
    }

    pub(super) fn wrong_type(
        &mut self,
        place: Place<'_>,
        expression: &Expression,
        found: Value,
        wanted: &str,
    ) -> Reported {
        let message = match found {
            Value::Number(_) => {
                format!("{wanted} is needed here, this is a number: compare it, as in 'x > 0'")
            }
            Value::Condition(_) => {
                format!("{wanted} is needed here, this is a condition: choose, as in 'condition ? 1 : 0'")
            }
            Value::Fields(name, fields, _) => {
                format!("{name} gives several numbers: choose {}", list_fields(fields))
            }
        };
        self.problem(place, expression.span, message)
    }

    /// The value of `expression` as a constant whole number from `minimum` to the largest period.
    pub(super) fn whole_number(
        &mut self,
        place: Place<'_>,
        expression: &Expression,
        value: Value,
        what: &str,
        minimum: u32,
    ) -> Result<u32, Reported> {
        let Operand::Constant(value) = self.as_number(place, expression, value)? else {
            let message = format!("{what} must be a constant: a number or a $parameter, not a series");
            return Err(self.problem(place, expression.span, message));
        };
        let range = f64::from(minimum)..=f64::from(MAXIMUM_PERIOD);
        if value.fract() != 0.0 || !range.contains(&value) {
            let message =
                format!("{what} must be a whole number from {minimum} to {MAXIMUM_PERIOD}; it is {value}");
            return Err(self.problem(place, expression.span, message));
        }
        Ok(value as u32)
    }
}

/// `.upper, .middle or .lower`
pub(super) fn list_fields(fields: &[&str]) -> String {
    let names: Vec<String> = fields.iter().map(|field| format!(".{field}")).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}
