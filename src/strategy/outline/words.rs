//! The words of the language as something to choose from.

use crate::api::{Word, WordArgument, WordGroup};
use crate::strategy::indicator::catalogue::{self, Argument, ArgumentKind, Function, Gives};

/// Every word that stands for a value: what bars and positions say, indicators, conditions.
#[must_use]
pub fn words() -> Vec<Word> {
    catalogue::all().iter().map(word).collect()
}

fn word(function: &Function) -> Word {
    let group = match function.gives {
        _ if function.reads_position() => WordGroup::Position,
        _ if catalogue::is_value(function.name) => WordGroup::Bar,
        Gives::Condition => WordGroup::Condition,
        Gives::Number | Gives::Fields(_) => WordGroup::Indicator,
    };
    let outputs = match function.gives {
        Gives::Fields(fields) => fields.iter().map(|field| (*field).to_owned()).collect(),
        Gives::Number | Gives::Condition => Vec::new(),
    };
    let signature = if function.arguments.is_empty() {
        function.name.to_owned()
    } else {
        function.signature()
    };
    Word {
        name: function.name.to_owned(),
        signature,
        group,
        arguments: function.arguments.iter().enumerate().map(argument).collect(),
        outputs,
    }
}

fn argument((index, argument): (usize, &Argument)) -> WordArgument {
    // The first two numbers of a pair differ, or a crossing would cross itself.
    let series = if index == 0 { "close" } else { "open" };
    let (value, constant) = match argument.kind {
        ArgumentKind::Series | ArgumentKind::Number => (series.to_owned(), false),
        ArgumentKind::NumberOr(default) => (default.to_string(), false),
        ArgumentKind::Condition => ("close > open".to_owned(), false),
        ArgumentKind::Period(minimum, default) => (default.unwrap_or(minimum.max(10)).to_string(), true),
        ArgumentKind::Constant(_, _, default) if default.is_nan() => (String::new(), true),
        ArgumentKind::Constant(_, _, default) => (default.to_string(), true),
    };
    WordArgument {
        name: argument.name.to_owned(),
        value,
        constant,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timeframe;
    use crate::strategy::compile_expressions;

    #[test]
    fn every_word_with_what_it_begins_with_is_an_expression() {
        for word in words() {
            let values: Vec<&str> = word.arguments.iter().map(|it| it.value.as_str()).collect();
            let values: Vec<&str> = values.into_iter().filter(|value| !value.is_empty()).collect();
            let mut text = word.name.clone();
            if !values.is_empty() {
                text = format!("{text}({})", values.join(", "));
            }
            if let Some(output) = word.outputs.first() {
                text = format!("{text}.{output}");
            }
            let compiled = compile_expressions(&[text.clone()], Timeframe::MINUTE);
            assert!(compiled.is_ok(), "{text}: {compiled:?}");
        }
    }

    #[test]
    fn words_are_told_apart_by_what_they_belong_to() {
        let words = words();
        let group = |name: &str| words.iter().find(|word| word.name == name).map(|word| word.group);
        assert_eq!(group("close"), Some(WordGroup::Bar));
        assert_eq!(group("entry_price"), Some(WordGroup::Position));
        assert_eq!(group("macd"), Some(WordGroup::Indicator));
        assert_eq!(group("cross_above"), Some(WordGroup::Condition));
    }
}
