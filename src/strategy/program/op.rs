//! What a program does at each bar: a flat list of operations over a flat list of numbers.

use super::super::indicator::{
    Pair, Price, PricePair, PriceTriple, Single, SinglePair, SingleTriple, Window, balance_of_power,
    typical_price,
};
#[cfg(feature = "script")]
use super::super::script::routine::Routine;
use super::{super::expression::ast::Binary, PositionView};
use crate::market::Bar;
use serde::{Deserialize, Serialize};

/// An index into a block's values.
pub(crate) type Slot = u32;

/// True, as a value. Conditions are numbers too: 1, 0, or NaN when an operand is undefined.
pub(crate) const TRUE: f64 = 1.0;
/// False, as a value.
pub(crate) const FALSE: f64 = 0.0;

/// What an operation can see.
pub(crate) struct Context<'a> {
    pub(crate) bar: &'a Bar,
    pub(crate) position: &'a PositionView,
}

/// One operation: reads slots, the bar or the position, keeps what it must remember, gives one to three numbers.
/// Larger states are boxed so that the list stays dense.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Op {
    Negate(Slot),
    Not(Slot),
    Binary(BinaryOp, Slot, Slot),
    /// Condition, then, otherwise.
    Choice(Slot, Slot, Slot),
    Math(Math, Slot),
    Math2(Math2, Slot, Slot),
    /// A condition as a number that is always defined: undefined is false.
    Truth(Slot),
    Bar(BarValue),
    Position(PositionValue),
    /// The value n bars ago, undefined values included.
    History(Slot, Window),
    Cross(Cross, Slot, Slot, Option<Relation>),
    Streak(Streak, Slot),
    /// Bars since the condition was last true.
    BarsSince(Slot, Option<u64>),
    /// The value of the second slot when the first was last true.
    ValueWhen(Slot, Slot, f64),
    Single(Slot, Box<Single>),
    Pair(Slot, Slot, Box<Pair>),
    Price(Box<Price>),
    SinglePair(Slot, Box<SinglePair>),
    SingleTriple(Slot, Box<SingleTriple>),
    PricePair(Box<PricePair>),
    PriceTriple(Box<PriceTriple>),
    /// A script, with the slots that it reads.
    #[cfg(feature = "script")]
    Script(Box<Routine>),
}

/// Operators, in the form that a program stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

impl From<Binary> for BinaryOp {
    fn from(operator: Binary) -> Self {
        match operator {
            Binary::Add => Self::Add,
            Binary::Subtract => Self::Subtract,
            Binary::Multiply => Self::Multiply,
            Binary::Divide => Self::Divide,
            Binary::Remainder => Self::Remainder,
            Binary::Less => Self::Less,
            Binary::LessOrEqual => Self::LessOrEqual,
            Binary::Greater => Self::Greater,
            Binary::GreaterOrEqual => Self::GreaterOrEqual,
            Binary::Equal => Self::Equal,
            Binary::NotEqual => Self::NotEqual,
            Binary::And => Self::And,
            Binary::Or => Self::Or,
        }
    }
}

/// Functions of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Math {
    Abs,
    Sqrt,
    Log,
    Exp,
    Round,
    Floor,
    Ceil,
}

/// Functions of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Math2 {
    Max,
    Min,
    /// The first, or the second where the first is undefined.
    Default,
}

/// What can be read off the bar itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum BarValue {
    Open,
    High,
    Low,
    Close,
    Volume,
    /// (high + low) / 2
    Median,
    /// (high + low + close) / 3
    Typical,
    /// (open + high + low + close) / 4
    Average,
    /// (high + low + 2 close) / 4
    Weighted,
    BalanceOfPower,
    /// Of the bar's open, UTC, 0 … 23.
    Hour,
    /// Of the bar's open, 0 … 59.
    Minute,
    /// Of the bar's open, UTC, Monday is 0.
    Weekday,
}

/// What can be read off the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PositionValue {
    Size,
    EntryPrice,
    BarsInTrade,
    UnrealizedReturn,
}

/// Which crossings count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cross {
    Above,
    Below,
    Either,
}

/// How two numbers stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Relation {
    Below,
    Equal,
    Above,
}

/// Counts steps in one direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Streak {
    pub(crate) rising: bool,
    /// Steps that are needed.
    pub(crate) wanted: u64,
    /// Steps in the direction, one after the other, up to now.
    run: u64,
    /// Defined values seen, up to `wanted` + 1.
    seen: u64,
    last: f64,
}

impl Streak {
    pub(crate) const fn new(rising: bool, wanted: u64) -> Self {
        Self {
            rising,
            wanted,
            run: 0,
            seen: 0,
            last: f64::NAN,
        }
    }

    pub(super) fn next(&mut self, x: f64) -> f64 {
        if !x.is_finite() {
            return f64::NAN;
        }
        let last = std::mem::replace(&mut self.last, x);
        let step = if self.rising { x > last } else { x < last };
        self.run = if step { self.run.saturating_add(1) } else { 0 };
        self.seen = (self.seen + 1).min(self.wanted + 1);
        if self.seen <= self.wanted {
            return f64::NAN;
        }
        truth(self.run >= self.wanted)
    }
}

pub(super) const fn truth(value: bool) -> f64 {
    if value { TRUE } else { FALSE }
}

/// A number that is not finite is undefined: no infinity enters an indicator.
#[inline]
pub(super) fn finite(x: f64) -> f64 {
    if x.is_finite() { x } else { f64::NAN }
}

impl Op {
    /// Steps the operation and writes its results from `out` on. Operands lie below `out`.
    #[inline]
    pub(crate) fn step(&mut self, values: &mut [f64], out: usize, context: &Context<'_>) {
        let read = |slot: &Slot| values[*slot as usize];
        let result = match self {
            Self::Binary(operator, a, b) => binary(*operator, read(a), read(b)),
            Self::Single(x, indicator) => {
                let x = read(x);
                if x.is_finite() {
                    finite(indicator.next(x))
                } else {
                    f64::NAN
                }
            }
            Self::Cross(cross, a, b, before) => crossing(*cross, read(a), read(b), before),
            Self::Bar(value) => value.read(context.bar),
            Self::Price(indicator) => finite(indicator.next(context.bar)),
            Self::Negate(x) => -read(x),
            // NaN stays NaN.
            Self::Not(x) => TRUE - read(x),
            Self::Choice(condition, yes, no) => {
                let condition = read(condition);
                if condition.is_nan() {
                    f64::NAN
                } else if condition == TRUE {
                    read(yes)
                } else {
                    read(no)
                }
            }
            Self::Math(function, x) => function.apply(read(x)),
            Self::Math2(function, x, y) => function.apply(read(x), read(y)),
            Self::Truth(x) => truth(read(x) == TRUE),
            Self::Position(value) => value.read(context.position),
            Self::History(x, window) => {
                let x = read(x);
                window.push(x);
                if window.is_full() {
                    window.oldest()
                } else {
                    f64::NAN
                }
            }
            Self::Streak(streak, x) => {
                let x = read(x);
                streak.next(x)
            }
            Self::BarsSince(condition, since) => {
                *since = if read(condition) == TRUE {
                    Some(0)
                } else {
                    since.map(|bars| bars + 1)
                };
                since.map_or(f64::NAN, |bars| bars as f64)
            }
            Self::ValueWhen(condition, x, value) => {
                if read(condition) == TRUE {
                    *value = read(x);
                }
                *value
            }
            Self::Pair(x, y, indicator) => {
                let (x, y) = (read(x), read(y));
                if x.is_finite() && y.is_finite() {
                    finite(indicator.next((x, y)))
                } else {
                    f64::NAN
                }
            }
            Self::SinglePair(x, indicator) => {
                let x = read(x);
                let results = if x.is_finite() {
                    indicator.next(x)
                } else {
                    [f64::NAN; 2]
                };
                return write(values, out, results);
            }
            Self::SingleTriple(x, indicator) => {
                let x = read(x);
                let results = if x.is_finite() {
                    indicator.next(x)
                } else {
                    [f64::NAN; 3]
                };
                return write(values, out, results);
            }
            Self::PricePair(indicator) => return write(values, out, indicator.next(context.bar)),
            Self::PriceTriple(indicator) => return write(values, out, indicator.next(context.bar)),
            #[cfg(feature = "script")]
            Self::Script(routine) => return routine.step(values, out),
        };
        values[out] = result;
    }

    /// The slots that it reads; those of a script, which are many, left out.
    pub(crate) fn operands(&self) -> impl Iterator<Item = Slot> + use<> {
        let (first, second, third) = match self {
            Self::Bar(_) | Self::Position(_) | Self::Price(_) | Self::PricePair(_) | Self::PriceTriple(_) => {
                (None, None, None)
            }
            Self::Negate(x)
            | Self::Not(x)
            | Self::Math(_, x)
            | Self::Truth(x)
            | Self::History(x, _)
            | Self::Streak(_, x)
            | Self::BarsSince(x, _)
            | Self::Single(x, _)
            | Self::SinglePair(x, _)
            | Self::SingleTriple(x, _) => (Some(*x), None, None),
            Self::Binary(_, x, y)
            | Self::Math2(_, x, y)
            | Self::Cross(_, x, y, _)
            | Self::ValueWhen(x, y, _)
            | Self::Pair(x, y, _) => (Some(*x), Some(*y), None),
            Self::Choice(x, y, z) => (Some(*x), Some(*y), Some(*z)),
            #[cfg(feature = "script")]
            Self::Script(_) => (None, None, None),
        };
        [first, second, third].into_iter().flatten()
    }

    /// The same, to be changed.
    pub(super) fn operands_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        let (first, second, third) = match self {
            Self::Bar(_) | Self::Position(_) | Self::Price(_) | Self::PricePair(_) | Self::PriceTriple(_) => {
                (None, None, None)
            }
            Self::Negate(x)
            | Self::Not(x)
            | Self::Math(_, x)
            | Self::Truth(x)
            | Self::History(x, _)
            | Self::Streak(_, x)
            | Self::BarsSince(x, _)
            | Self::Single(x, _)
            | Self::SinglePair(x, _)
            | Self::SingleTriple(x, _) => (Some(x), None, None),
            Self::Binary(_, x, y)
            | Self::Math2(_, x, y)
            | Self::Cross(_, x, y, _)
            | Self::ValueWhen(x, y, _)
            | Self::Pair(x, y, _) => (Some(x), Some(y), None),
            Self::Choice(x, y, z) => (Some(x), Some(y), Some(z)),
            #[cfg(feature = "script")]
            Self::Script(_) => (None, None, None),
        };
        [first, second, third].into_iter().flatten()
    }

    /// Whether it is worth more to keep its results than to compute them again.
    pub(super) const fn is_indicator(&self) -> bool {
        matches!(
            self,
            Self::Single(..)
                | Self::Pair(..)
                | Self::Price(_)
                | Self::SinglePair(..)
                | Self::SingleTriple(..)
                | Self::PricePair(_)
                | Self::PriceTriple(_)
        )
    }

    /// How many results it gives.
    pub(crate) fn outputs(&self) -> usize {
        match self {
            #[cfg(feature = "script")]
            Self::Script(routine) => routine.outputs(),
            Self::SinglePair(..) | Self::PricePair(_) => 2,
            Self::SingleTriple(..) | Self::PriceTriple(_) => 3,
            _ => 1,
        }
    }

    /// Whether the result depends on nothing but this bar's operands, so that constants can be folded through it.
    pub(crate) const fn is_pure(&self) -> bool {
        matches!(
            self,
            Self::Negate(_)
                | Self::Not(_)
                | Self::Binary(..)
                | Self::Choice(..)
                | Self::Math(..)
                | Self::Math2(..)
                | Self::Truth(_)
        )
    }
}

#[inline]
fn write<const N: usize>(values: &mut [f64], out: usize, results: [f64; N]) {
    values[out..out + N].copy_from_slice(&results.map(finite));
}

#[inline]
pub(super) fn binary(operator: BinaryOp, a: f64, b: f64) -> f64 {
    let compare = |holds: bool| {
        if a.is_nan() || b.is_nan() {
            f64::NAN
        } else {
            truth(holds)
        }
    };
    match operator {
        BinaryOp::Add => finite(a + b),
        BinaryOp::Subtract => finite(a - b),
        BinaryOp::Multiply => finite(a * b),
        BinaryOp::Divide => finite(a / b),
        BinaryOp::Remainder => finite(a % b),
        BinaryOp::Less => compare(a < b),
        BinaryOp::LessOrEqual => compare(a <= b),
        BinaryOp::Greater => compare(a > b),
        BinaryOp::GreaterOrEqual => compare(a >= b),
        BinaryOp::Equal => compare(a == b),
        BinaryOp::NotEqual => compare(a != b),
        // Three-valued logic (S. C. Kleene): what one side decides, the other need not be defined for.
        BinaryOp::And if a == FALSE || b == FALSE => FALSE,
        BinaryOp::Or if a == TRUE || b == TRUE => TRUE,
        BinaryOp::And | BinaryOp::Or if a.is_nan() || b.is_nan() => f64::NAN,
        BinaryOp::And => TRUE,
        BinaryOp::Or => FALSE,
    }
}

#[inline]
pub(super) fn crossing(cross: Cross, a: f64, b: f64, before: &mut Option<Relation>) -> f64 {
    let now = a.partial_cmp(&b).map(|ordering| match ordering {
        std::cmp::Ordering::Less => Relation::Below,
        std::cmp::Ordering::Equal => Relation::Equal,
        std::cmp::Ordering::Greater => Relation::Above,
    });
    let before = std::mem::replace(before, now);
    let (Some(before), Some(now)) = (before, now) else {
        return f64::NAN;
    };
    let above = before != Relation::Above && now == Relation::Above;
    let below = before != Relation::Below && now == Relation::Below;
    truth(match cross {
        Cross::Above => above,
        Cross::Below => below,
        Cross::Either => above || below,
    })
}

impl Math {
    pub(super) fn apply(self, x: f64) -> f64 {
        finite(match self {
            Self::Abs => x.abs(),
            Self::Sqrt => x.sqrt(),
            // From `libm`, because the platforms' own differ in the last digit.
            Self::Log => libm::log(x),
            Self::Exp => libm::exp(x),
            Self::Round => x.round(),
            Self::Floor => x.floor(),
            Self::Ceil => x.ceil(),
        })
    }
}

impl Math2 {
    #[inline]
    pub(crate) fn apply(self, x: f64, y: f64) -> f64 {
        match self {
            Self::Default => {
                if x.is_nan() {
                    y
                } else {
                    x
                }
            }
            _ if x.is_nan() || y.is_nan() => f64::NAN,
            // Spelled out, because platforms differ in the sign of the greater of 0 and −0.
            Self::Max => {
                if y > x {
                    y
                } else {
                    x
                }
            }
            Self::Min => {
                if y < x {
                    y
                } else {
                    x
                }
            }
        }
    }
}

impl BarValue {
    #[inline]
    pub(super) fn read(self, bar: &Bar) -> f64 {
        match self {
            Self::Open => bar.open,
            Self::High => bar.high,
            Self::Low => bar.low,
            Self::Close => bar.close,
            Self::Volume => bar.volume,
            Self::Median => (bar.high + bar.low) / 2.0,
            Self::Typical => typical_price(bar),
            Self::Average => (bar.open + bar.high + bar.low + bar.close) / 4.0,
            Self::Weighted => (bar.high + bar.low + bar.close * 2.0) / 4.0,
            Self::BalanceOfPower => balance_of_power(bar),
            Self::Hour => (bar.open_time.secs().rem_euclid(86_400) / 3_600) as f64,
            Self::Minute => (bar.open_time.secs().rem_euclid(3_600) / 60) as f64,
            // The epoch was a Thursday.
            Self::Weekday => (bar.open_time.utc_day() + 3).rem_euclid(7) as f64,
        }
    }
}

impl PositionValue {
    pub(super) const fn read(self, position: &PositionView) -> f64 {
        match self {
            Self::Size => position.size,
            Self::EntryPrice => position.entry_price,
            Self::BarsInTrade => position.bars_in_trade,
            Self::UnrealizedReturn => position.unrealized_return,
        }
    }
}
