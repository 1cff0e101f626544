//! The range in which a number must lie, as far as its expression tells.

use crate::strategy::expression::ast::{Binary, Expression, Kind, Unary};
use crate::strategy::expression::elaborate::Definition;
use std::{cell::RefCell, collections::BTreeMap, fmt};

/// Deepest nesting that is followed through names; beyond it anything is possible.
const MAXIMUM_DEPTH: usize = 64;

/// All numbers from `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Range {
    pub(super) const ANY: Self = Self::new(f64::NEG_INFINITY, f64::INFINITY);
    const POSITIVE: Self = Self::new(0.0, f64::INFINITY);

    const fn new(low: f64, high: f64) -> Self {
        Self { low, high }
    }

    const fn point(value: f64) -> Self {
        Self::new(value, value)
    }

    pub(super) fn is_point(self) -> bool {
        self.low == self.high
    }

    pub(super) fn is_empty(self) -> bool {
        self.low > self.high
    }

    pub(super) fn intersection(self, other: Self) -> Self {
        Self::new(self.low.max(other.low), self.high.min(other.high))
    }

    fn union(self, other: Self) -> Self {
        Self::new(self.low.min(other.low), self.high.max(other.high))
    }

    /// A sum, difference or product of what is in two ranges. What comes out as no number could be any.
    fn combine(self, other: Self, of: impl Fn(f64, f64) -> f64) -> Self {
        let corners = [
            of(self.low, other.low),
            of(self.low, other.high),
            of(self.high, other.low),
            of(self.high, other.high),
        ];
        if corners.iter().any(|corner| corner.is_nan()) {
            return Self::ANY;
        }
        let low = corners.iter().copied().fold(f64::INFINITY, f64::min);
        let high = corners.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self::new(low, high)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.low.is_finite(), self.high.is_finite()) {
            _ if self.is_point() => write!(f, "is {}", self.low),
            (true, true) => write!(f, "is from {} to {}", self.low, self.high),
            (true, false) => write!(f, "is never below {}", self.low),
            (false, true) => write!(f, "is never above {}", self.high),
            (false, false) => write!(f, "can be any number"),
        }
    }
}

/// What names stand for.
pub(super) struct Scope<'a> {
    parameters: BTreeMap<String, f64>,
    definitions: &'a [Definition],
    /// Ranges of names, each worked out once; of one that is being worked out, anything.
    known: RefCell<BTreeMap<&'a str, Range>>,
}

impl<'a> Scope<'a> {
    pub(super) const fn new(parameters: BTreeMap<String, f64>, definitions: &'a [Definition]) -> Self {
        Self {
            parameters,
            definitions,
            known: RefCell::new(BTreeMap::new()),
        }
    }

    /// Where the number lies.
    pub(super) fn range(&self, expression: &Expression) -> Range {
        self.range_at(expression, 0)
    }

    fn range_at(&self, expression: &Expression, depth: usize) -> Range {
        if depth > MAXIMUM_DEPTH {
            return Range::ANY;
        }
        let of = |inner: &Expression| self.range_at(inner, depth + 1);
        match &expression.kind {
            Kind::Number(number) => Range::point(*number),
            Kind::Parameter(name) => self
                .parameters
                .get(name)
                .map_or(Range::ANY, |value| Range::point(*value)),
            Kind::Name(name) => match self.definition(name) {
                Some(definition) => self.named(definition, depth),
                None => self.function(name, &[], depth),
            },
            Kind::Unary(Unary::Negate, inner) => {
                let inner = of(inner);
                Range::new(-inner.high, -inner.low)
            }
            Kind::Binary(operator, _, left, right) => {
                let (left, right) = (of(left), of(right));
                match operator {
                    Binary::Add => left.combine(right, |a, b| a + b),
                    Binary::Subtract => left.combine(right, |a, b| a - b),
                    // Zero times what is unbounded is no number, and could be any.
                    Binary::Multiply => left.combine(right, |a, b| a * b),
                    Binary::Divide if right.is_point() && right.low != 0.0 => {
                        left.combine(right, |a, b| a / b)
                    }
                    Binary::Remainder if right.is_point() => {
                        let most = right.low.abs();
                        Range::new(if left.low >= 0.0 { 0.0 } else { -most }, most)
                    }
                    _ => Range::ANY,
                }
            }
            Kind::Choice(_, yes, no) => of(yes).union(of(no)),
            Kind::History(inner, _) | Kind::Higher(inner, _) | Kind::Of(inner, _) => of(inner),
            Kind::Field(inner, field) => match &inner.kind {
                Kind::Call(name, _) => field_of(&name.text, &field.text),
                Kind::Name(name) => match self.definition(name).map(|it| &it.script.tree.kind) {
                    Some(Kind::Call(name, _)) => field_of(&name.text, &field.text),
                    _ => field_of(name, &field.text),
                },
                _ => Range::ANY,
            },
            Kind::Call(name, arguments) => self.function(&name.text, arguments, depth),
            Kind::Boolean(_) | Kind::Unary(Unary::Not, _) => Range::ANY,
        }
    }

    fn named(&self, definition: &'a Definition, depth: usize) -> Range {
        if let Some(range) = self.known.borrow().get(definition.name.as_str()) {
            return *range;
        }
        self.known.borrow_mut().insert(&definition.name, Range::ANY);
        let range = self.range_at(&definition.script.tree, depth + 1);
        self.known.borrow_mut().insert(&definition.name, range);
        range
    }

    pub(super) fn definition(&self, name: &str) -> Option<&'a Definition> {
        self.definitions.iter().find(|definition| definition.name == name)
    }

    fn function(&self, name: &str, arguments: &[Expression], depth: usize) -> Range {
        let first = || {
            arguments
                .first()
                .map_or(Range::ANY, |it| self.range_at(it, depth + 1))
        };
        let second = || {
            arguments
                .get(1)
                .map_or(Range::ANY, |it| self.range_at(it, depth + 1))
        };
        match name {
            "open" | "high" | "low" | "close" | "volume" | "hl2" | "hlc3" | "ohlc4" | "typprice"
            | "wclprice" | "vwap" | "atr" | "natr" | "trange" | "var" | "bars_since" | "bars_in_trade"
            | "midprice" | "sqrt" | "exp" | "entry_price" => Range::POSITIVE,
            // Of a negative number of deviations it is never above 0.
            "stddev"
                if arguments
                    .get(2)
                    .is_none_or(|it| self.range_at(it, depth + 1).low >= 0.0) =>
            {
                Range::POSITIVE
            }
            "abs" => {
                let inner = first();
                let least = if inner.low <= 0.0 && inner.high >= 0.0 {
                    0.0
                } else {
                    inner.low.abs().min(inner.high.abs())
                };
                Range::new(least, inner.low.abs().max(inner.high.abs()))
            }
            "rsi" | "mfi" | "adx" | "adxr" | "dx" | "plus_di" | "minus_di" | "percent_rank" | "ultosc" => {
                Range::new(0.0, 100.0)
            }
            "willr" => Range::new(-100.0, 0.0),
            "cmo" | "aroonosc" => Range::new(-100.0, 100.0),
            "bop" | "correl" => Range::new(-1.0, 1.0),
            "hour" => Range::new(0.0, 23.0),
            "minute" => Range::new(0.0, 59.0),
            "weekday" => Range::new(0.0, 6.0),
            "unrealized_return" => Range::ANY,
            // What lies between the values that it is made of.
            "sma" | "wma" | "trima" | "ema" | "highest" | "lowest" | "midpoint" | "prev" => first(),
            "value_when" => second(),
            "nz" => first().union(if arguments.len() > 1 {
                second()
            } else {
                Range::point(0.0)
            }),
            // Of two numbers, or of the last values of one.
            "max" | "min" if arguments.len() == 2 => first().union(second()),
            _ => Range::ANY,
        }
    }

    /// Whether a number is undefined now and then, and not only until there are bars enough.
    pub(super) fn comes_and_goes(&self, expression: &Expression) -> bool {
        self.comes_and_goes_at(expression, 0)
    }

    fn comes_and_goes_at(&self, expression: &Expression, depth: usize) -> bool {
        if depth > MAXIMUM_DEPTH {
            return true;
        }
        let is_of_event = |name: &str| {
            [
                "bars_since",
                "value_when",
                "entry_price",
                "bars_in_trade",
                "unrealized_return",
            ]
            .contains(&name)
        };
        let mut found = match &expression.kind {
            Kind::Name(name) => match self.definition(name) {
                Some(definition) => self.comes_and_goes_at(&definition.script.tree, depth + 1),
                None => is_of_event(name),
            },
            Kind::Call(name, _) => is_of_event(&name.text),
            _ => false,
        };
        for_each_part(expression, &mut |part| {
            found |= self.comes_and_goes_at(part, depth + 1)
        });
        found
    }

    /// The parts of an `and`, through the names that stand for some.
    pub(super) fn conjunction<'e>(&self, whole: &'e Expression) -> Vec<&'e Expression>
    where
        'a: 'e,
    {
        const MOST_STEPS: usize = 1_000;
        let (mut open, mut parts) = (vec![whole], Vec::new());
        for _ in 0..MOST_STEPS {
            let Some(expression) = open.pop() else { break };
            match &expression.kind {
                Kind::Binary(Binary::And, _, left, right) => open.extend([&**right, &**left]),
                Kind::Name(name) => {
                    let definition = self.definition(name);
                    open.extend(definition.map(|definition| &definition.script.tree));
                }
                _ => parts.push(expression),
            }
        }
        parts
    }

    /// What a comparison with a constant leaves of the other side.
    pub(super) fn constraint<'e>(&self, part: &'e Expression) -> Option<(&'e Expression, Range)> {
        let Kind::Binary(operator, _, left, right) = &part.kind else {
            return None;
        };
        let (a, b) = (self.range(left), self.range(right));
        let (subject, operator, constant) = match (a.is_point(), b.is_point()) {
            (false, true) => (left, *operator, b.low),
            (true, false) => (right, mirrored(*operator)?, a.low),
            _ => return None,
        };
        let allowed = match operator {
            Binary::Less => Range::new(f64::NEG_INFINITY, constant.next_down()),
            Binary::LessOrEqual => Range::new(f64::NEG_INFINITY, constant),
            Binary::Greater => Range::new(constant.next_up(), f64::INFINITY),
            Binary::GreaterOrEqual => Range::new(constant, f64::INFINITY),
            Binary::Equal => Range::point(constant),
            _ => return None,
        };
        Some((subject, allowed))
    }
}

/// The same comparison seen from its right side.
const fn mirrored(operator: Binary) -> Option<Binary> {
    Some(match operator {
        Binary::Less => Binary::Greater,
        Binary::LessOrEqual => Binary::GreaterOrEqual,
        Binary::Greater => Binary::Less,
        Binary::GreaterOrEqual => Binary::LessOrEqual,
        Binary::Equal => Binary::Equal,
        _ => return None,
    })
}

fn field_of(function: &str, field: &str) -> Range {
    match (function, field) {
        ("stoch" | "stochf" | "stochrsi", "k" | "d") | ("aroon", "up" | "down") => Range::new(0.0, 100.0),
        ("supertrend", "direction") => Range::new(-1.0, 1.0),
        ("volume_profile" | "donchian", _) => Range::POSITIVE,
        _ => Range::ANY,
    }
}

/// Hands every direct part of an expression out.
pub(super) fn for_each_part<'e>(expression: &'e Expression, take: &mut impl FnMut(&'e Expression)) {
    match &expression.kind {
        Kind::Unary(_, inner) | Kind::Field(inner, _) | Kind::Higher(inner, _) | Kind::Of(inner, _) => {
            take(inner)
        }
        Kind::Binary(_, _, left, right) | Kind::History(left, right) => {
            take(left);
            take(right);
        }
        Kind::Choice(condition, yes, no) => {
            take(condition);
            take(yes);
            take(no);
        }
        Kind::Call(_, arguments) => arguments.iter().for_each(take),
        Kind::Number(_) | Kind::Boolean(_) | Kind::Parameter(_) | Kind::Name(_) => {}
    }
}

/// An expression as text in one spelling, so that equal ones are equal.
pub(super) fn text(expression: &Expression) -> String {
    match &expression.kind {
        Kind::Number(number) => number.to_string(),
        Kind::Boolean(value) => value.to_string(),
        Kind::Parameter(name) => format!("${name}"),
        Kind::Name(name) => name.clone(),
        Kind::Unary(Unary::Negate, inner) => format!("-{}", text(inner)),
        Kind::Unary(Unary::Not, inner) => format!("not {}", text(inner)),
        Kind::Binary(operator, _, left, right) => {
            format!("({} {} {})", text(left), operator.symbol(), text(right))
        }
        Kind::Choice(condition, yes, no) => format!("({} ? {} : {})", text(condition), text(yes), text(no)),
        Kind::History(inner, bars) => format!("{}[{}]", text(inner), text(bars)),
        Kind::Field(inner, field) => format!("{}.{}", text(inner), field.text),
        Kind::Call(name, arguments) => {
            let arguments: Vec<String> = arguments.iter().map(text).collect();
            format!("{}({})", name.text, arguments.join(", "))
        }
        Kind::Higher(inner, timeframe) => format!("({} @ {})", text(inner), timeframe.text),
        Kind::Of(inner, symbol) => format!("({} of {})", text(inner), symbol.text),
    }
}
