//! Calls: arguments matched with what the function takes.

use super::ast::{Expression, Span};
use super::elaborate::{Elaborator, Operand, Place, Reported, Value};
use super::graph::{Graph, Operation};
use crate::strategy::indicator::catalogue::{self, ArgumentKind, Constants, Function, Gives};
use std::ops::RangeInclusive;

/// Most bars times bins of a volume profile: a wide bar's volume goes into every bin, and the bins move with the range, so
/// this is about how many additions each bar may cost.
const MOST_PROFILE_CELLS: f64 = 1_000_000.0;

impl Elaborator<'_> {
    /// Lowers a call of `function`.
    pub(super) fn apply(
        &mut self,
        place: Place<'_>,
        span: Span,
        function: &'static Function,
        arguments: &[Expression],
    ) -> Result<Value, Reported> {
        self.check_count(place, span, function, arguments)?;
        // Each argument is lowered once: twice would be a doubling for each level of nesting.
        let mut given = Vec::with_capacity(arguments.len());
        for argument in arguments {
            given.push((argument, self.expression(place, argument)?));
        }
        let function = overload(function, &given);
        let mut operands = Vec::new();
        let mut constants = Vec::new();
        let mut memory = 0;
        for (index, argument) in function.arguments.iter().enumerate() {
            let what = || format!("{} of {}", argument.name, function.name);
            let given = given.get(index).copied();
            match (argument.kind, given) {
                (ArgumentKind::Series, Some((given, value))) => {
                    let operand = self.as_number(place, given, value)?;
                    if let Operand::Constant(_) = operand {
                        let message = format!(
                            "the {} must be a series, such as close: {}",
                            what(),
                            function.signature()
                        );
                        return Err(self.problem(place, given.span, message));
                    }
                    operands.push(operand);
                }
                (ArgumentKind::Number | ArgumentKind::NumberOr(_), Some((given, value))) => {
                    operands.push(self.as_number(place, given, value)?);
                }
                (ArgumentKind::NumberOr(default), None) => operands.push(Operand::Constant(default)),
                (ArgumentKind::Condition, Some((given, value))) => {
                    operands.push(self.as_condition(place, given, value)?);
                }
                (ArgumentKind::Period(minimum, _), Some((given, value))) => {
                    let period =
                        self.whole_number(place, given, value, &format!("the {}", what()), minimum)?;
                    memory += period as usize;
                    constants.push(f64::from(period));
                }
                (ArgumentKind::Period(_, default), None) => {
                    constants.push(f64::from(default.unwrap_or(1)));
                }
                (ArgumentKind::Constant(from, to, _), Some((given, value))) => {
                    constants.push(self.constant_argument(place, given, value, &what(), from..=to)?);
                }
                (ArgumentKind::Constant(_, _, default), None) => {
                    // NaN stands for "as the argument before".
                    let before = constants.last().copied().unwrap_or(default);
                    constants.push(if default.is_nan() { before } else { default });
                }
                (ArgumentKind::Series | ArgumentKind::Number | ArgumentKind::Condition, None) => {
                    unreachable!("the number of arguments was checked")
                }
            }
        }
        if function.name == "volume_profile" && constants[0] * constants[1] > MOST_PROFILE_CELLS {
            let message = format!(
                "{} bars in {} bins are too much work for each bar: their product is at most {MOST_PROFILE_CELLS}",
                constants[0], constants[1]
            );
            return Err(self.problem(place, span, message));
        }
        self.finish(place, span, function, &operands, constants, memory)
    }

    fn finish(
        &mut self,
        place: Place<'_>,
        span: Span,
        function: &'static Function,
        operands: &[Operand],
        constants: Vec<f64>,
        memory: usize,
    ) -> Result<Value, Reported> {
        let constants = Constants(constants);
        if let Some(folded) = self.fold(place, span, operands, |slots| (function.build)(slots, &constants)) {
            return folded.map(|value| Value::Number(Operand::Constant(value)));
        }
        let mut inputs = Vec::with_capacity(operands.len());
        for operand in operands {
            inputs.push(self.slot(place, span, *operand)?);
        }
        let outputs = match function.gives {
            Gives::Fields(fields) => fields.len() as u32,
            Gives::Number | Gives::Condition => 1,
        };
        let operation = Operation {
            name: function.name,
            inputs: &inputs,
            constants: &constants.0,
            outputs,
            warm_up: (function.warm_up)(&constants),
            // The largest of them remember three numbers for each bar.
            memory: 3 * memory,
        };
        if place.block != Graph::ROOT && function.reads_position() {
            let message = format!(
                "{} belongs to no timeframe and to no other instrument: take it out of the '@' or 'of'",
                function.name
            );
            return Err(self.problem(place, span, message));
        }
        let build = || (function.build)(&inputs, &constants);
        let slot = self.graph.operation(place.block, &operation, build);
        let slot = self.fits(place, span, slot)?;
        Ok(match function.gives {
            Gives::Number => Value::Number(Operand::Slot(slot)),
            Gives::Condition => Value::Condition(Operand::Slot(slot)),
            Gives::Fields(fields) => Value::Fields(function.name, fields, slot),
        })
    }

    fn check_count(
        &mut self,
        place: Place<'_>,
        span: Span,
        function: &Function,
        arguments: &[Expression],
    ) -> Result<(), Reported> {
        let (required, most) = (function.required(), function.arguments.len());
        if (required..=most).contains(&arguments.len()) {
            return Ok(());
        }
        if most == 0 {
            let message = format!("{} takes no arguments", function.name);
            return Err(self.problem(place, span, message));
        }
        let wanted = match most - required {
            0 => format!("{most}"),
            1 => format!("{required} or {most}"),
            _ => format!("{required} to {most}"),
        };
        let plural = if most == 1 { "" } else { "s" };
        let message = format!(
            "{} takes {wanted} argument{plural}, not {}: {}",
            function.name,
            arguments.len(),
            function.signature()
        );
        Err(self.problem(place, span, message))
    }

    fn constant_argument(
        &mut self,
        place: Place<'_>,
        given: &Expression,
        value: Value,
        what: &str,
        range: RangeInclusive<f64>,
    ) -> Result<f64, Reported> {
        let Operand::Constant(value) = self.as_number(place, given, value)? else {
            let message = format!("the {what} must be a constant: a number or a $parameter, not a series");
            return Err(self.problem(place, given.span, message));
        };
        if !range.contains(&value) {
            let (from, to) = range.into_inner();
            let message = format!("the {what} must be from {from} to {to}; it is {value}");
            return Err(self.problem(place, given.span, message));
        }
        Ok(value)
    }
}

/// `max` and `min` of two numbers, or TA-Lib's of a series and a period: a constant whole number of at least 2 is a
/// period.
fn overload(function: &'static Function, given: &[(&Expression, Value)]) -> &'static Function {
    let pairwise = catalogue::PAIRWISE
        .iter()
        .find(|pairwise| pairwise.name == function.name);
    let (Some(pairwise), [(_, first), (_, second)]) = (pairwise, given) else {
        return function;
    };
    match (first, second) {
        (Value::Number(Operand::Slot(_)), Value::Number(Operand::Constant(value)))
            if value.fract() == 0.0 && *value >= 2.0 =>
        {
            function
        }
        _ => pairwise,
    }
}
