//! Expressions grown by their grammar, out of every word that the language has.

use crate::Numbers;
use papertape::api::{Word, WordArgument};
use papertape::strategy::outline;

/// What expressions are grown of.
pub(crate) struct Expressions {
    words: Vec<Word>,
    /// Names that the file gives.
    names: &'static [&'static str],
}

impl Expressions {
    /// Every function and value of the language, and these names.
    pub(crate) fn with(names: &'static [&'static str]) -> Self {
        Self {
            words: outline::words(),
            names,
        }
    }

    /// An expression that gives a number, most of the time.
    pub(crate) fn number(&self, numbers: &mut Numbers, depth: usize) -> String {
        if depth == 0 || numbers.below(4) == 0 {
            let leaves = [
                "1",
                "0.5",
                "-3",
                "close",
                "high",
                "volume",
                "hl2",
                "position_size",
            ];
            let leaves = if numbers.below(4) == 0 {
                self.names
            } else {
                &leaves
            };
            return (*numbers.pick(leaves)).to_owned();
        }
        let below = depth - 1;
        match numbers.below(8) {
            0 => {
                let operator = *numbers.pick(&["+", "-", "*", "/", "%"]);
                let (left, right) = (self.number(numbers, below), self.number(numbers, below));
                format!("({left} {operator} {right})")
            }
            1 => {
                let (yes, no) = (self.number(numbers, below), self.number(numbers, below));
                format!("({} ? {yes} : {no})", self.condition(numbers, below))
            }
            2 => format!("({})[{}]", self.number(numbers, below), numbers.below(9)),
            3 => {
                let longer = *numbers.pick(&["5m", "15m", "1h", "1d"]);
                format!("({}) @ {longer}", self.number(numbers, below))
            }
            4 => {
                let other = *numbers.pick(&["BTC/USDT", "ETH/USDT", "SOL/USDT"]);
                format!("({}) of {other}", self.number(numbers, below))
            }
            _ => self.call(numbers, below),
        }
    }

    /// An expression that gives a condition, most of the time.
    pub(crate) fn condition(&self, numbers: &mut Numbers, depth: usize) -> String {
        if depth == 0 || numbers.below(4) == 0 {
            let leaves = ["true", "close > open", "rsi(close, 3) < 30", "not false"];
            return (*numbers.pick(&leaves)).to_owned();
        }
        let below = depth - 1;
        match numbers.below(4) {
            0 => {
                let (left, right) = (self.condition(numbers, below), self.condition(numbers, below));
                format!("({left} and {right})")
            }
            1 => {
                let (left, right) = (self.condition(numbers, below), self.condition(numbers, below));
                format!("({left} or not {right})")
            }
            2 => {
                let (left, right) = (self.number(numbers, below), self.number(numbers, below));
                format!("cross_above({left}, {right})")
            }
            _ => {
                let operator = *numbers.pick(&["<", "<=", ">", ">=", "==", "!="]);
                let (left, right) = (self.number(numbers, below), self.number(numbers, below));
                format!("({left} {operator} {right})")
            }
        }
    }

    /// A word of the language with arguments of the kinds that it wants.
    fn call(&self, numbers: &mut Numbers, depth: usize) -> String {
        let word = numbers.pick(&self.words);
        let given = word
            .arguments
            .iter()
            .filter(|argument| !argument.value.is_empty());
        let arguments: Vec<String> = given
            .map(|argument| self.argument(numbers, argument, depth))
            .collect();
        let mut text = word.name.clone();
        if !arguments.is_empty() {
            text = format!("{text}({})", arguments.join(", "));
        }
        if !word.outputs.is_empty() {
            text = format!("{text}.{}", numbers.pick(&word.outputs));
        }
        text
    }

    fn argument(&self, numbers: &mut Numbers, argument: &WordArgument, depth: usize) -> String {
        match argument.value.as_str() {
            // A period, or as long a one as there may be.
            _ if argument.constant && numbers.below(500) == 0 => "100000".to_owned(),
            value if argument.constant && value.contains('.') => value.to_owned(),
            _ if argument.constant => (2 + numbers.below(20)).to_string(),
            "close > open" => self.condition(numbers, depth),
            _ => self.number(numbers, depth),
        }
    }
}
