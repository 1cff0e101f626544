//! What an operation does with many bars at once: the operation is looked up once, then a loop runs over its columns.
//! Row by row it is [`Op::step`], the same operations on the same numbers in the same order.

use super::super::indicator::{Single, average::Sma};
use super::PositionView;
use super::op::{BarValue, BinaryOp, Cross, Op, Relation, Slot, TRUE, binary, crossing, finite, truth};
use crate::market::BarSlice;

/// What operations read: bars, and the columns before their own.
pub(super) struct Rows<'a> {
    pub(super) bars: BarSlice<'a>,
    /// Columns of `stride` numbers each, one a slot.
    pub(super) columns: &'a [f64],
    pub(super) stride: usize,
}

impl Rows<'_> {
    fn read(&self, slot: Slot) -> &[f64] {
        &self.columns[slot as usize * self.stride..][..self.bars.len()]
    }
}

impl Op {
    /// Steps the operation over all rows, as if the account held nothing, and writes its results into the columns that
    /// `out` begins with.
    pub(super) fn step_rows(&mut self, rows: &Rows<'_>, out: &mut [f64]) {
        let stride = rows.stride;
        let count = rows.bars.len();
        match self {
            Self::Negate(x) => map(rows.read(*x), out, |x| -x),
            Self::Not(x) => map(rows.read(*x), out, |x| TRUE - x),
            Self::Binary(operator, a, b) => binary_rows(*operator, rows.read(*a), rows.read(*b), out),
            Self::Choice(condition, yes, no) => {
                let (yes, no) = (rows.read(*yes), rows.read(*no));
                for (row, (condition, out)) in rows.read(*condition).iter().zip(out).enumerate() {
                    *out = if condition.is_nan() {
                        f64::NAN
                    } else if *condition == TRUE {
                        yes[row]
                    } else {
                        no[row]
                    };
                }
            }
            Self::Math(function, x) => map(rows.read(*x), out, |x| function.apply(x)),
            Self::Math2(function, x, y) => {
                zip(rows.read(*x), rows.read(*y), out, |x, y| function.apply(x, y))
            }
            Self::Truth(x) => map(rows.read(*x), out, |x| truth(x == TRUE)),
            Self::Bar(value) => bar_rows(*value, rows.bars, &mut out[..count]),
            Self::Position(value) => out[..count].fill(value.read(&PositionView::FLAT)),
            Self::History(x, window) => map(rows.read(*x), out, |x| {
                window.push(x);
                if window.is_full() {
                    window.oldest()
                } else {
                    f64::NAN
                }
            }),
            Self::Cross(cross, a, b, before) => {
                let (a, b) = (rows.read(*a), rows.read(*b));
                match cross {
                    Cross::Above => cross_rows(a, b, out, before, |a, b| a > b),
                    Cross::Below => cross_rows(a, b, out, before, |a, b| a < b),
                    Cross::Either => zip(a, b, out, |a, b| crossing(Cross::Either, a, b, before)),
                }
            }
            Self::Streak(streak, x) => map(rows.read(*x), out, |x| streak.next(x)),
            Self::BarsSince(condition, since) => map(rows.read(*condition), out, |condition| {
                *since = if condition == TRUE {
                    Some(0)
                } else {
                    since.map(|bars| bars + 1)
                };
                since.map_or(f64::NAN, |bars| bars as f64)
            }),
            Self::ValueWhen(condition, x, value) => {
                zip(rows.read(*condition), rows.read(*x), out, |condition, x| {
                    if condition == TRUE {
                        *value = x;
                    }
                    *value
                })
            }
            Self::Single(x, indicator) => {
                let out = &mut out[..count];
                match &mut **indicator {
                    Single::Sma(average) => average.next_rows(rows.read(*x), out, finite),
                    Single::Sum(sum) => {
                        sum.next_rows(rows.read(*x), out);
                        out.iter_mut().for_each(|value| *value = finite(*value));
                    }
                    other => other.next_rows(rows.read(*x), |row, value| out[row] = finite(value)),
                }
            }
            Self::Pair(x, y, indicator) => {
                indicator.next_rows((rows.read(*x), rows.read(*y)), |row, value| {
                    out[row] = finite(value)
                });
            }
            Self::Price(indicator) => {
                indicator.next_rows(rows.bars, |row, value| out[row] = finite(value));
            }
            Self::SinglePair(x, indicator) => indicator.next_rows(rows.read(*x), spread(out, stride)),
            Self::SingleTriple(x, indicator) => indicator.next_rows(rows.read(*x), spread(out, stride)),
            Self::PricePair(indicator) => indicator.next_rows(rows.bars, spread(out, stride)),
            Self::PriceTriple(indicator) => indicator.next_rows(rows.bars, spread(out, stride)),
            #[cfg(feature = "script")]
            Self::Script(_) => unreachable!("a program with a script goes bar by bar"),
        }
    }
}

impl Op {
    /// Whether the operation and the one after it, which reads nothing of it, are faster side by side.
    pub(super) fn steps_beside(&self, next: &Self, rows: &Rows<'_>) -> bool {
        let (Self::Single(_, first), Self::Single(y, second)) = (self, next) else {
            return false;
        };
        let are_averages = matches!((&**first, &**second), (Single::Sma(_), Single::Sma(_)));
        are_averages && (*y as usize) < rows.columns.len() / rows.stride
    }

    /// Steps the operation and the one after it over all rows, where [`Self::steps_beside`] says so.
    pub(super) fn step_rows_beside(
        &mut self,
        next: &mut Self,
        rows: &Rows<'_>,
        out: (&mut [f64], &mut [f64]),
    ) {
        let (Self::Single(x, first), Self::Single(y, second)) = (self, next) else {
            return;
        };
        let (Single::Sma(first), Single::Sma(second)) = (&mut **first, &mut **second) else {
            return;
        };
        let count = rows.bars.len();
        let (a, b) = (&mut out.0[..count], &mut out.1[..count]);
        Sma::next_rows_of_two((first, rows.read(*x), a), (second, rows.read(*y), b), finite);
    }
}

/// Writes several results a row, each into its own column.
fn spread<const N: usize>(out: &mut [f64], stride: usize) -> impl FnMut(usize, [f64; N]) {
    move |row, results| {
        for (column, value) in results.into_iter().enumerate() {
            out[column * stride + row] = finite(value);
        }
    }
}

#[inline]
fn map(xs: &[f64], out: &mut [f64], mut apply: impl FnMut(f64) -> f64) {
    for (x, out) in xs.iter().zip(out) {
        *out = apply(*x);
    }
}

#[inline]
fn zip(xs: &[f64], ys: &[f64], out: &mut [f64], mut apply: impl FnMut(f64, f64) -> f64) {
    for ((x, y), out) in xs.iter().zip(ys).zip(out) {
        *out = apply(*x, *y);
    }
}

/// A cross to one side: `is_beyond` now and not one row before. A row needs no more than the operands of the one before it,
/// so that the machine does several at once.
fn cross_rows(
    a: &[f64],
    b: &[f64],
    out: &mut [f64],
    before: &mut Option<Relation>,
    is_beyond: impl Fn(f64, f64) -> bool + Copy,
) {
    let cross = if is_beyond(1.0, 0.0) {
        Cross::Above
    } else {
        Cross::Below
    };
    let (Some(last), Some((first, rest))) = (a.len().checked_sub(1), out.split_first_mut()) else {
        return;
    };
    *first = crossing(cross, a[0], b[0], before);
    let earlier = a.iter().zip(b);
    let now = a[1..].iter().zip(&b[1..]);
    for (out, ((a0, b0), (a, b))) in rest.iter_mut().zip(earlier.zip(now)) {
        let undefined = a0.is_nan() | b0.is_nan() | a.is_nan() | b.is_nan();
        let crosses = is_beyond(*a, *b) & !is_beyond(*a0, *b0);
        *out = if undefined { f64::NAN } else { truth(crosses) };
    }
    *before = None;
    crossing(cross, a[last], b[last], before);
}

/// One loop for each operator, so that none is asked for inside.
fn binary_rows(operator: BinaryOp, xs: &[f64], ys: &[f64], out: &mut [f64]) {
    macro_rules! each {
        ($($operator:ident),+) => {
            match operator {
                $(BinaryOp::$operator => zip(xs, ys, out, |x, y| binary(BinaryOp::$operator, x, y)),)+
            }
        };
    }
    each!(
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
        Or
    );
}

fn bar_rows(value: BarValue, bars: BarSlice<'_>, out: &mut [f64]) {
    match value {
        BarValue::Open => out.copy_from_slice(bars.open),
        BarValue::High => out.copy_from_slice(bars.high),
        BarValue::Low => out.copy_from_slice(bars.low),
        BarValue::Close => out.copy_from_slice(bars.close),
        BarValue::Volume => out.copy_from_slice(bars.volume),
        _ => {
            for (row, out) in out.iter_mut().enumerate() {
                *out = value.read(&bars.bar(row));
            }
        }
    }
}
