//! Which of two numbers is never above the other, whatever the market does.
//!
//! A bar's prices lie between its low and its high, and the highest and the lowest of so many bars count the present one. So a close
//! is never above `highest(high, 20)`: that is the commonest condition that cannot hold, for `highest(high, 20)[1]` was meant.

use super::ranges::{self, Scope};
use crate::strategy::expression::ast::{Binary, Expression, Kind};

/// Deepest nesting that is followed.
const MAXIMUM_DEPTH: usize = 16;

/// The prices of a bar, all from its low to its high. A mean of three or four is not: of a bar that stood still it may be rounded
/// to the next number above.
const PRICES: [&str; 5] = ["low", "open", "close", "hl2", "high"];

impl Scope<'_> {
    /// Whether `a` is at most `b` at every bar at which both are defined.
    pub(super) fn never_above(&self, a: &Expression, b: &Expression) -> bool {
        self.at_most(a, b, 0)
    }

    fn at_most(&self, a: &Expression, b: &Expression, depth: usize) -> bool {
        if depth > MAXIMUM_DEPTH {
            return false;
        }
        let (a, b) = (self.resolved(a), self.resolved(b));
        if self.is_price(a) && self.is_price(b) {
            return ranges::text(a) == ranges::text(b) || is_named(a, "low") || is_named(b, "high");
        }
        if let Some(series) = first_of(a, "lowest") {
            return self.at_most(series, b, depth + 1);
        }
        if let Some(series) = first_of(b, "highest") {
            return self.at_most(a, series, depth + 1);
        }
        // A channel's ends are the highest high and the lowest low.
        (self.is_price(a) && self.is_of_channel(b, "upper"))
            || (self.is_of_channel(a, "lower") && self.is_price(b))
    }

    /// Whether no bar can meet both comparisons of numbers that change: one says more, the other less.
    pub(super) fn contradict(&self, one: &Expression, other: &Expression) -> bool {
        let (Some(one), Some(other)) = (self.greater_and_less(one), self.greater_and_less(other)) else {
            return false;
        };
        one.0 == other.1 && one.1 == other.0 && (one.2 || other.2)
    }

    /// What is more and what is less when a comparison holds, in one spelling, and whether they must differ.
    fn greater_and_less(&self, part: &Expression) -> Option<(String, String, bool)> {
        let Kind::Binary(operator, _, left, right) = &part.kind else {
            return None;
        };
        let (left, right) = (
            ranges::text(self.resolved(left)),
            ranges::text(self.resolved(right)),
        );
        match operator {
            Binary::Greater => Some((left, right, true)),
            Binary::GreaterOrEqual => Some((left, right, false)),
            Binary::Less => Some((right, left, true)),
            Binary::LessOrEqual => Some((right, left, false)),
            _ => None,
        }
    }

    /// What a name from `let` stands for, or the expression itself.
    fn resolved<'e>(&'e self, expression: &'e Expression) -> &'e Expression {
        let mut found = expression;
        for _ in 0..MAXIMUM_DEPTH {
            let Kind::Name(name) = &found.kind else { break };
            let Some(definition) = self.definition(name) else {
                break;
            };
            found = &definition.script.tree;
        }
        found
    }

    fn is_price(&self, expression: &Expression) -> bool {
        PRICES.iter().any(|price| is_named(expression, price))
    }

    /// Whether this is one end of a Donchian channel.
    fn is_of_channel(&self, expression: &Expression, end: &str) -> bool {
        let Kind::Field(channel, field) = &expression.kind else {
            return false;
        };
        let channel = &self.resolved(channel).kind;
        field.text == end && matches!(channel, Kind::Call(name, _) if name.text == "donchian")
    }
}

fn is_named(expression: &Expression, wanted: &str) -> bool {
    matches!(&expression.kind, Kind::Name(name) if name == wanted)
}

/// The first argument of a call of this function.
fn first_of<'e>(expression: &'e Expression, function: &str) -> Option<&'e Expression> {
    match &expression.kind {
        Kind::Call(name, arguments) if name.text == function => arguments.first(),
        _ => None,
    }
}
