//! Conditions on parameters alone, such as `fast < slow`.

use super::expression::elaborate::{Definition, Elaborator, Operand, Script};
use super::problem::{Position, Problem};
use super::program::op::FALSE;
use super::yaml::Text;
use crate::model::Timeframe;
use std::collections::BTreeMap;

/// A condition on the parameters of a strategy. They may be written with or without their `$`.
#[derive(Clone, Debug)]
pub struct ParamCondition {
    script: Script,
    /// Each parameter's bare name.
    definitions: Vec<Definition>,
}

impl ParamCondition {
    /// Reads a condition on parameters of these names.
    ///
    /// # Errors
    /// When it cannot be read; line 1, columns counted from 1.
    pub fn parse<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Result<Self, Problem> {
        let parse = |text: &str| Script::parse("constraint", Text::standalone(text));
        let definitions = names.into_iter().map(|name| {
            Ok(Definition {
                name: name.to_owned(),
                script: parse(&format!("${name}"))?,
            })
        });
        Ok(Self {
            definitions: definitions.collect::<Result<_, Problem>>()?,
            script: parse(text)?,
        })
    }

    /// Whether these values fulfil it.
    ///
    /// # Errors
    /// When it names what is no parameter, is no condition, or depends on the market.
    pub fn holds(&self, params: &BTreeMap<String, f64>) -> Result<bool, Problem> {
        let mut elaborator = Elaborator::new(params, &self.definitions, Timeframe::MINUTE);
        match elaborator.condition(&self.script) {
            Ok(Operand::Constant(value)) => Ok(value != FALSE),
            Ok(Operand::Slot(_)) => {
                let message = "it may depend on parameters only, such as fast < slow";
                Err(Position::START.problem("constraint", message))
            }
            Err(_) => Err(elaborator
                .problems
                .into_iter()
                .next()
                .unwrap_or_else(|| Position::START.problem("constraint", "it makes no sense"))),
        }
    }
}
