//! The metrics by which combinations are ranked, as people read them.

use crate::format::{self, NONE};
use papertape::backtest::sweep::Objective;

/// What a metric counts.
#[derive(Clone, Copy)]
enum Unit {
    Ratio,
    Number,
    Amount,
    Count,
    Span,
}

/// A metric's name in the API, its name for people, and what it counts; what is asked for most comes first.
const WORDS: [(&str, &str, Unit); 24] = [
    ("sharpe", "Sharpe ratio", Unit::Number),
    ("sortino", "Sortino ratio", Unit::Number),
    ("calmar", "Calmar ratio", Unit::Number),
    ("total_return", "Total return", Unit::Ratio),
    ("cagr", "Annual growth", Unit::Ratio),
    ("profit_factor", "Profit factor", Unit::Number),
    ("expectancy", "Expectancy", Unit::Amount),
    ("win_rate", "Win rate", Unit::Ratio),
    ("max_drawdown", "Smallest max drawdown", Unit::Ratio),
    ("max_drawdown_duration_s", "Shortest drawdown", Unit::Span),
    ("volatility", "Least volatility", Unit::Ratio),
    ("alpha", "Alpha", Unit::Ratio),
    ("beta", "Smallest beta", Unit::Number),
    ("average_win", "Average win", Unit::Amount),
    ("average_loss", "Mildest average loss", Unit::Amount),
    ("largest_win", "Largest win", Unit::Amount),
    ("largest_loss", "Mildest largest loss", Unit::Amount),
    ("trades", "Most trades", Unit::Count),
    ("winning_trades", "Most winning trades", Unit::Count),
    ("losing_trades", "Fewest losing trades", Unit::Count),
    ("exposure", "Least exposure", Unit::Ratio),
    ("turnover", "Least turnover", Unit::Number),
    ("total_fees", "Lowest fees", Unit::Amount),
    ("buy_and_hold_return", "Buy and hold", Unit::Ratio),
];

/// All of them as choices: name and words.
pub(super) fn choices() -> impl Iterator<Item = (&'static str, &'static str)> {
    WORDS.iter().map(|(name, words, _)| (*name, *words))
}

/// A metric's name for people.
pub(super) fn words(objective: Objective) -> &'static str {
    row(objective).map_or("", |(_, words, _)| words)
}

/// A metric's value as people read it.
pub(super) fn value(objective: Objective, value: Option<f64>, currency: &str) -> String {
    let Some(value) = value else {
        return NONE.to_owned();
    };
    match row(objective).map_or(Unit::Number, |(.., unit)| *unit) {
        Unit::Ratio => format::percent(value, 2),
        Unit::Number => format::number(value, 2),
        Unit::Amount => format::number(value, format::currency_digits(currency) as usize),
        Unit::Count => format::number(value, 0),
        Unit::Span => format::duration(value),
    }
}

fn row(objective: Objective) -> Option<&'static (&'static str, &'static str, Unit)> {
    WORDS.iter().find(|(name, ..)| *name == objective.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_objective_has_its_words_and_every_word_its_objective() {
        for objective in Objective::all() {
            assert!(!words(objective).is_empty(), "{objective}");
        }
        for (name, _) in choices() {
            assert!(name.parse::<Objective>().is_ok(), "{name}");
        }
    }
}
