//! A rule's expression as conditions that are joined by `and` or `or`, and changes of its text.

use super::Refusal;
use super::document::{Splice, spliced};
use crate::strategy::expression::ast::{Binary, Expression, Kind, Unary};
use crate::strategy::expression::{SyntaxError, parse};
use std::ops::Range;

/// The crossings, as called and as shown.
const CROSSINGS: [(&str, &str); 3] = [
    ("cross_above", "crosses above"),
    ("cross_below", "crosses below"),
    ("crosses", "crosses"),
];

/// The comparisons and crossings that can be chosen: as in [`Shape`], and for people.
pub(super) const OPERATORS: [(&str, &str); 9] = [
    (">", "is above"),
    (">=", "is at least"),
    ("<", "is below"),
    ("<=", "is at most"),
    ("==", "equals"),
    ("!=", "differs from"),
    CROSSINGS[0],
    CROSSINGS[1],
    CROSSINGS[2],
];

/// How conditions are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    And,
    Or,
}

impl Join {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Or => "or",
        }
    }

    const fn operator(self) -> Binary {
        match self {
            Self::And => Binary::And,
            Self::Or => Binary::Or,
        }
    }
}

/// A rule's expression. Ranges count characters of its text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) text: String,
    /// `None` when there is one condition only.
    pub(super) join: Option<Join>,
    /// Where the words between the conditions stand.
    joints: Vec<Range<usize>>,
    pub(super) conditions: Vec<Condition>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    pub(super) span: Range<usize>,
    pub(super) shape: Shape,
    /// Whether it is joined by a looser word than the rule's, without parentheses.
    has_and: bool,
}

/// What a condition can be shown as.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// `left > right`, or `cross_above(left, right)`.
    Comparison {
        left: Range<usize>,
        /// One of [`OPERATORS`].
        operator: &'static str,
        /// Where it is written.
        at: Range<usize>,
        right: Range<usize>,
    },
    /// Anything else.
    Text,
}

/// A part of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Left,
    Operator,
    Right,
    Whole,
}

impl Part {
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "left" => Self::Left,
            "operator" => Self::Operator,
            "right" => Self::Right,
            "text" => Self::Whole,
            _ => return None,
        })
    }
}

impl Rule {
    /// Reads an expression.
    pub(super) fn read(text: &str) -> Result<Self, SyntaxError> {
        let tree = parse(text)?;
        let join = match &tree.kind {
            Kind::Binary(Binary::And, ..) if !is_enclosed(&tree) => Some(Join::And),
            Kind::Binary(Binary::Or, ..) if !is_enclosed(&tree) => Some(Join::Or),
            _ => None,
        };
        let mut rule = Self {
            text: text.to_owned(),
            join,
            joints: Vec::new(),
            conditions: Vec::new(),
        };
        rule.gather(&tree);
        Ok(rule)
    }

    fn gather(&mut self, tree: &Expression) {
        if let (Some(join), Kind::Binary(operator, at, left, right)) = (self.join, &tree.kind)
            && *operator == join.operator()
            && !is_enclosed(tree)
        {
            self.gather(left);
            self.joints.push(at.start..at.end);
            self.gather(right);
        } else {
            self.conditions.push(Condition::read(tree));
        }
    }

    pub(super) fn slice(&self, range: &Range<usize>) -> String {
        self.text.chars().skip(range.start).take(range.len()).collect()
    }

    /// The splices that set a part of a condition.
    pub(super) fn set(&self, index: usize, part: Part, value: &str) -> Result<Vec<Splice>, Refusal> {
        let condition = self.condition(index)?;
        let splice = match (&condition.shape, part) {
            (_, Part::Whole) => (condition.span.clone(), enclosed(value, self.tightness())?),
            (Shape::Comparison { left, operator, .. }, Part::Left) => {
                (left.clone(), operand(value, operator)?)
            }
            (Shape::Comparison { right, operator, .. }, Part::Right) => {
                (right.clone(), operand(value, operator)?)
            }
            (
                Shape::Comparison {
                    left,
                    operator,
                    at,
                    right,
                },
                Part::Operator,
            ) => {
                let new = OPERATORS
                    .iter()
                    .find(|(word, _)| *word == value.trim())
                    .map(|(word, _)| *word)
                    .ok_or_else(|| Refusal::new(format!("'{value}' compares nothing")))?;
                if is_crossing(operator) == is_crossing(new) {
                    (at.clone(), new.to_owned())
                } else {
                    let text = comparison(&self.slice(left), new, &self.slice(right))?;
                    (condition.span.clone(), text)
                }
            }
            (Shape::Text, _) => return Err(Refusal::text_only()),
        };
        self.checked(vec![splice])
    }

    /// The splices that add a condition at the end.
    pub(super) fn add(&self, value: &str) -> Result<Vec<Splice>, Refusal> {
        let join = self.join.unwrap_or(Join::And);
        let end = self.text.trim_end().chars().count();
        if matches!(self.text.trim(), "false" | "true") {
            return self.checked(vec![(0..end, value.trim().to_owned())]);
        }
        let mut splices = Vec::new();
        if self.join.is_none() && !self.conditions.is_empty() {
            let only = self.slice(&self.conditions[0].span);
            let closed = enclosed(&only, tightness(join))?;
            if closed != only {
                splices.push((self.conditions[0].span.clone(), closed));
            }
        }
        let value = enclosed(value, tightness(join))?;
        splices.push((end..end, format!(" {} {value}", join.word())));
        self.checked(splices)
    }

    /// The splices that take a condition out; `None` when it is the only one.
    pub(super) fn remove(&self, index: usize) -> Result<Option<Vec<Splice>>, Refusal> {
        let condition = self.condition(index)?;
        let range = match (self.conditions.get(index + 1), index.checked_sub(1)) {
            (None, None) => return Ok(None),
            (Some(next), _) => condition.span.start..next.span.start,
            (None, Some(before)) => self.conditions[before].span.end..condition.span.end,
        };
        self.checked(vec![(range, String::new())]).map(Some)
    }

    /// The splices that put a condition in another place.
    pub(super) fn shift(&self, index: usize, to: usize) -> Result<Vec<Splice>, Refusal> {
        self.condition(index)?;
        let mut order: Vec<usize> = (0..self.conditions.len()).collect();
        let moved = order.remove(index);
        order.insert(to.min(order.len()), moved);
        let splices = order
            .iter()
            .enumerate()
            .filter(|(place, from)| place != *from)
            .map(|(place, from)| {
                let text = self.slice(&self.conditions[*from].span);
                (self.conditions[place].span.clone(), text)
            });
        self.checked(splices.collect())
    }

    /// The splices that join all conditions by another word.
    pub(super) fn rejoin(&self, word: &str) -> Result<Vec<Splice>, Refusal> {
        let join = match word.trim() {
            "and" => Join::And,
            "or" => Join::Or,
            _ => return Err(Refusal::new("conditions are joined by 'and' or by 'or'")),
        };
        let mut splices: Vec<Splice> = self
            .joints
            .iter()
            .map(|at| (at.clone(), join.word().to_owned()))
            .collect();
        for condition in self
            .conditions
            .iter()
            .filter(|it| it.has_and && join == Join::And)
        {
            splices.push((
                condition.span.clone(),
                format!("({})", self.slice(&condition.span)),
            ));
        }
        splices.sort_by_key(|(range, _)| range.start);
        self.checked(splices)
    }

    fn condition(&self, index: usize) -> Result<&Condition, Refusal> {
        self.conditions
            .get(index)
            .ok_or_else(|| Refusal::new("this condition is not there any more"))
    }

    /// What a condition of this rule must bind at least as tightly as.
    fn tightness(&self) -> u8 {
        self.join.map_or(0, tightness)
    }

    /// The splices, if what they make is an expression.
    fn checked(&self, splices: Vec<Splice>) -> Result<Vec<Splice>, Refusal> {
        match parse(&spliced(&self.text, &splices)) {
            Ok(_) => Ok(splices),
            Err(error) => Err(Refusal::new(error.message)),
        }
    }
}

impl Condition {
    fn read(tree: &Expression) -> Self {
        let range = |part: &Expression| part.span.start..part.span.end;
        let shape = match &tree.kind {
            Kind::Binary(operator, at, left, right) if operator.is_comparison() => Shape::Comparison {
                left: range(left),
                operator: operator.symbol(),
                at: at.start..at.end,
                right: range(right),
            },
            Kind::Call(name, arguments) => {
                let crossing = CROSSINGS.iter().find(|(call, _)| *call == name.text);
                match (crossing, arguments.as_slice()) {
                    (Some((call, _)), [left, right]) => Shape::Comparison {
                        left: range(left),
                        operator: call,
                        at: name.span.start..name.span.end,
                        right: range(right),
                    },
                    _ => Shape::Text,
                }
            }
            _ => Shape::Text,
        };
        Self {
            span: range(tree),
            shape,
            has_and: matches!(tree.kind, Kind::Binary(Binary::And, ..)) && !is_enclosed(tree),
        }
    }
}

fn is_crossing(operator: &str) -> bool {
    CROSSINGS.iter().any(|(call, _)| *call == operator)
}

const fn tightness(join: Join) -> u8 {
    join.operator().precedence()
}

/// `left > right` or `cross_above(left, right)`.
fn comparison(left: &str, operator: &str, right: &str) -> Result<String, Refusal> {
    let (left, right) = (operand(left, operator)?, operand(right, operator)?);
    Ok(if is_crossing(operator) {
        format!("{operator}({left}, {right})")
    } else {
        format!("{left} {operator} {right}")
    })
}

/// A value as a side of a comparison or an argument of a crossing.
fn operand(value: &str, operator: &str) -> Result<String, Refusal> {
    enclosed(
        value,
        if is_crossing(operator) {
            0
        } else {
            Binary::Add.precedence()
        },
    )
}

/// An expression, in parentheses if it binds less tightly than what is around it.
fn enclosed(value: &str, tightness: u8) -> Result<String, Refusal> {
    let value = value.trim();
    let tree = parse(value).map_err(|error| Refusal::new(error.message))?;
    let own = match &tree.kind {
        _ if is_enclosed(&tree) => u8::MAX,
        Kind::Binary(operator, ..) => operator.precedence(),
        Kind::Choice(..) => 0,
        // It takes a whole comparison and stands between `and` and the comparisons.
        Kind::Unary(Unary::Not, _) => Binary::Less.precedence() - 1,
        _ => u8::MAX,
    };
    Ok(if own < tightness {
        format!("({value})")
    } else {
        value.to_owned()
    })
}

/// Whether an operation stands in parentheses of its own.
fn is_enclosed(tree: &Expression) -> bool {
    match &tree.kind {
        Kind::Binary(_, _, first, _) | Kind::Choice(first, ..) => first.span.start > tree.span.start,
        // `not x` and `(not x)` begin with what they are.
        Kind::Unary(_, operand) => operand.span.end < tree.span.end,
        _ => true,
    }
}
