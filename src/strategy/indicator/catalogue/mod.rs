//! Every function of the language: its name, its arguments, what it gives, when it is defined, how it is built.

mod table;

use crate::strategy::program::op::{Op, Slot};
use table::FUNCTIONS;

pub(crate) use table::PAIRWISE;

/// Longest period, in bars (TA-Lib's bound).
pub(crate) const MAXIMUM_PERIOD: u32 = 100_000;

/// A function that expressions can call.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [Argument],
    pub(crate) gives: Gives,
    /// Bars before the first defined result, given the constants and counted from where the inputs are defined.
    pub(crate) warm_up: fn(&Constants) -> usize,
    /// Makes the operation from the slots of the inputs and the constants.
    pub(crate) build: fn(&[Slot], &Constants) -> Op,
}

/// What a function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    Number,
    Condition,
    /// Several numbers, taken by `.name`.
    Fields(&'static [&'static str]),
}

/// One argument.
pub(crate) struct Argument {
    pub(crate) name: &'static str,
    pub(crate) kind: ArgumentKind,
}

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ArgumentKind {
    /// A number that changes from bar to bar.
    Series,
    /// Any number.
    Number,
    /// Any number, this one when left out.
    NumberOr(f64),
    Condition,
    /// A constant whole number of bars, at least the first; the second when left out.
    Period(u32, Option<u32>),
    /// A constant from … to; the last when left out. NaN as the last: the constant before it.
    Constant(f64, f64, f64),
}

/// The constant arguments of a call, in order.
pub(crate) struct Constants(pub(crate) Vec<f64>);

impl Constants {
    /// The constant at `index` as a whole number; the caller has checked that it is one.
    pub(crate) fn period(&self, index: usize) -> usize {
        self.real(index) as usize
    }

    /// The constant at `index`.
    pub(crate) fn real(&self, index: usize) -> f64 {
        self.0.get(index).copied().unwrap_or(f64::NAN)
    }
}

/// The function called `name`.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// All functions, in the order in which they are told.
pub(crate) fn all() -> &'static [Function] {
    FUNCTIONS
}

/// All names that stand for themselves: series, functions, position values.
pub(crate) fn names<'a>() -> impl Iterator<Item = &'a str> {
    FUNCTIONS.iter().map(|function| function.name)
}

impl Function {
    /// How it is called: `macd(series, fast=12, slow=26, signal=9)`.
    pub(crate) fn signature(&self) -> String {
        let arguments: Vec<String> = self
            .arguments
            .iter()
            .map(|argument| match argument.kind {
                ArgumentKind::Period(_, Some(default)) => format!("{}={default}", argument.name),
                ArgumentKind::NumberOr(default) => format!("{}={default}", argument.name),
                ArgumentKind::Constant(_, _, default) if !default.is_nan() => {
                    format!("{}={default}", argument.name)
                }
                _ => argument.name.to_owned(),
            })
            .collect();
        format!("{}({})", self.name, arguments.join(", "))
    }

    /// Fewest arguments in a call.
    pub(crate) fn required(&self) -> usize {
        self.arguments
            .iter()
            .filter(|argument| {
                matches!(
                    argument.kind,
                    ArgumentKind::Series
                        | ArgumentKind::Number
                        | ArgumentKind::Condition
                        | ArgumentKind::Period(_, None)
                )
            })
            .count()
    }
}

/// Whether `name` is what the bar or the position says: a word that no definition may take.
pub(crate) fn is_value(name: &str) -> bool {
    find(name).is_some_and(Function::is_value)
}

impl Function {
    /// Whether it is read off the bar or the position.
    fn is_value(&self) -> bool {
        self.arguments.is_empty()
            && matches!(
                (self.build)(&[], &Constants(Vec::new())),
                Op::Bar(_) | Op::Position(_)
            )
    }

    /// Whether it is read off the position.
    pub(crate) fn reads_position(&self) -> bool {
        self.arguments.is_empty() && matches!((self.build)(&[], &Constants(Vec::new())), Op::Position(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_named_once_and_described() {
        let documentation = include_str!("../../../../docs/strategy-language.md");
        let words: std::collections::BTreeSet<&str> = documentation
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .collect();
        for (index, function) in FUNCTIONS.iter().enumerate() {
            assert!(
                words.contains(function.name),
                "{} is not described",
                function.name
            );
            let again = FUNCTIONS[index + 1..]
                .iter()
                .find(|other| other.name == function.name);
            assert!(again.is_none(), "{} is there twice", function.name);
        }
    }

    #[test]
    fn a_signature_shows_what_may_be_left_out() {
        let signature = |name| find(name).map(Function::signature).unwrap_or_default();
        assert_eq!(signature("macd"), "macd(series, fast=12, slow=26, signal=9)");
        assert_eq!(signature("nz"), "nz(x, otherwise=0)");
        assert_eq!(
            signature("bbands"),
            "bbands(series, period=20, deviations_up=2, deviations_down)"
        );
    }
}
