//! Operators and their kin: arithmetic, comparisons, logic, choice, the past, outputs, higher timeframes.

use super::ast::{Binary, Expression, Name, Span};
use super::elaborate::{Elaborator, Operand, Place, Reported, Value, list_fields};
use super::graph::Operation;
use crate::model::{Symbol, Timeframe};
use crate::strategy::indicator::Window;
use crate::strategy::problem::hint;
use crate::strategy::program::op::{BinaryOp, FALSE, Op, TRUE};

impl Elaborator<'_> {
    pub(super) fn binary(
        &mut self,
        place: Place<'_>,
        operator: Binary,
        span: Span,
        left: &Expression,
        right: &Expression,
    ) -> Result<Value, Reported> {
        let op = BinaryOp::from(operator);
        let symbol = operator.symbol();
        if matches!(operator, Binary::And | Binary::Or) {
            let (a, b) = (
                self.expect_condition(place, left)?,
                self.expect_condition(place, right)?,
            );
            // One constant decides, or leaves the other as it is.
            let decisive = if operator == Binary::And { FALSE } else { TRUE };
            return Ok(Value::Condition(match (a, b) {
                (Operand::Constant(constant), other) | (other, Operand::Constant(constant)) => {
                    if constant == decisive {
                        Operand::Constant(decisive)
                    } else {
                        other
                    }
                }
                _ => self.operation(place, span, symbol, &[a, b], |slots| {
                    Op::Binary(op, slots[0], slots[1])
                })?,
            }));
        }
        let (a, b) = (
            self.expect_number(place, left)?,
            self.expect_number(place, right)?,
        );
        if let (Binary::Divide | Binary::Remainder, Operand::Constant(0.0)) = (operator, b) {
            return Err(self.problem(place, right.span, "division by zero"));
        }
        let result = self.operation(place, span, symbol, &[a, b], |slots| {
            Op::Binary(op, slots[0], slots[1])
        })?;
        Ok(if operator.is_comparison() {
            Value::Condition(result)
        } else {
            Value::Number(result)
        })
    }

    pub(super) fn choice(
        &mut self,
        place: Place<'_>,
        span: Span,
        condition: &Expression,
        yes: &Expression,
        no: &Expression,
    ) -> Result<Value, Reported> {
        let condition = self.expect_condition(place, condition)?;
        let (yes_value, no_value) = (self.expression(place, yes)?, self.expression(place, no)?);
        let (a, b, is_number) = match (yes_value, no_value) {
            (Value::Number(a), Value::Number(b)) => (a, b, true),
            (Value::Condition(a), Value::Condition(b)) => (a, b, false),
            (Value::Fields(..), _) => {
                return Err(self.wrong_type(place, yes, yes_value, "a number or a condition"));
            }
            (_, Value::Fields(..)) => {
                return Err(self.wrong_type(place, no, no_value, "a number or a condition"));
            }
            (Value::Number(_), _) => {
                return Err(self.wrong_type(place, no, no_value, "a number, as before the ':'"));
            }
            (Value::Condition(_), _) => {
                return Err(self.wrong_type(place, no, no_value, "a condition, as before the ':'"));
            }
        };
        let result = match condition {
            Operand::Constant(constant) => {
                if constant == TRUE {
                    a
                } else {
                    b
                }
            }
            Operand::Slot(_) => self.operation(place, span, "?:", &[condition, a, b], |slots| {
                Op::Choice(slots[0], slots[1], slots[2])
            })?,
        };
        Ok(if is_number {
            Value::Number(result)
        } else {
            Value::Condition(result)
        })
    }

    pub(super) fn history(
        &mut self,
        place: Place<'_>,
        operand: &Expression,
        bars: &Expression,
    ) -> Result<Value, Reported> {
        let value = self.expression(place, operand)?;
        let ago = self.expression(place, bars)?;
        let ago = self.whole_number(place, bars, ago, "the number of bars ago", 0)?;
        let back = |this: &mut Self, operand| match operand {
            Operand::Constant(_) => Ok(operand),
            _ if ago == 0 => Ok(operand),
            Operand::Slot(slot) => {
                let length = ago as usize + 1;
                let operation = Operation {
                    name: "prev",
                    inputs: &[slot],
                    constants: &[f64::from(ago)],
                    outputs: 1,
                    warm_up: ago as usize,
                    memory: length,
                };
                let build = || Op::History(slot, Window::new(length));
                let result = this.graph.operation(place.block, &operation, build);
                this.fits(place, bars.span, result).map(Operand::Slot)
            }
        };
        match value {
            Value::Number(operand) => back(self, operand).map(Value::Number),
            Value::Condition(operand) => back(self, operand).map(Value::Condition),
            Value::Fields(..) => Err(self.wrong_type(place, operand, value, "a number or a condition")),
        }
    }

    pub(super) fn field(
        &mut self,
        place: Place<'_>,
        operand: &Expression,
        field: &Name,
    ) -> Result<Value, Reported> {
        match self.expression(place, operand)? {
            Value::Fields(name, fields, first) => {
                match fields
                    .iter()
                    .zip(first..)
                    .find(|(known, _)| **known == field.text)
                {
                    Some((_, slot)) => Ok(Value::Number(Operand::Slot(slot))),
                    None => {
                        let message = format!(
                            "{name} has no '.{}'{}; it has {}",
                            field.text,
                            hint(&field.text, fields.iter().copied()),
                            list_fields(fields)
                        );
                        Err(self.problem(place, field.span, message))
                    }
                }
            }
            Value::Number(_) | Value::Condition(_) => {
                let message = format!("this gives one value only: leave '.{}' out", field.text);
                Err(self.problem(place, field.span, message))
            }
        }
    }

    pub(super) fn higher(
        &mut self,
        place: Place<'_>,
        operand: &Expression,
        timeframe: &Name,
    ) -> Result<Value, Reported> {
        let own = self.graph.timeframe(place.block);
        let higher: Timeframe = match timeframe.text.parse() {
            Ok(higher) => higher,
            Err(error) => return Err(self.problem(place, timeframe.span, format!("{error}"))),
        };
        if !higher.is_multiple_of(own) {
            let message =
                format!("{higher} is not a multiple of {own}, the timeframe of the bars it is made from");
            return Err(self.problem(place, timeframe.span, message));
        }
        if higher == own {
            return self.expression(place, operand);
        }
        let child = self.graph.child(place.block, higher);
        let child = self.fits(place, timeframe.span, child)?;
        let inner = Place {
            block: child,
            ..place
        };
        let value = self.expression(inner, operand)?;
        self.import(place, timeframe.span, child, value)
    }

    /// The value of another instrument: of its last closed bar at or before the close of the bar in hand.
    pub(super) fn of(
        &mut self,
        place: Place<'_>,
        operand: &Expression,
        name: &Name,
    ) -> Result<Value, Reported> {
        let symbol: Symbol = match name.text.parse() {
            Ok(symbol) => symbol,
            Err(error) => return Err(self.problem(place, name.span, format!("{error}"))),
        };
        if self.is_alone {
            let message = format!("there are no bars of {symbol} here: these expressions see one instrument");
            return Err(self.problem(place, name.span, message));
        }
        if let Some(other) = self.graph.symbol(place.block) {
            let message = format!("this is of {other} already: leave 'of {symbol}' out");
            return Err(self.problem(place, name.span, message));
        }
        let child = self.graph.foreign(place.block, &symbol);
        let child = self.fits(place, name.span, child)?;
        let inner = Place {
            block: child,
            ..place
        };
        let value = self.expression(inner, operand)?;
        self.import(place, name.span, child, value)
    }

    /// Hands a value of an inner block down to the place that asked for it.
    fn import(
        &mut self,
        place: Place<'_>,
        span: Span,
        child: usize,
        value: Value,
    ) -> Result<Value, Reported> {
        let import = |this: &mut Self, slot, count| {
            let outer = this.graph.import(place.block, child, slot, count);
            this.fits(place, span, outer)
        };
        Ok(match value {
            Value::Number(Operand::Slot(slot)) => Value::Number(Operand::Slot(import(self, slot, 1)?)),
            Value::Condition(Operand::Slot(slot)) => Value::Condition(Operand::Slot(import(self, slot, 1)?)),
            Value::Fields(name, fields, slot) => {
                Value::Fields(name, fields, import(self, slot, fields.len() as u32)?)
            }
            constant => constant,
        })
    }
}
