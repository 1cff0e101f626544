//! Many rows at once, one loop for each indicator.

use crate::market::{Bar, BarSlice};

/// Two series of equal length.
pub(crate) type Two<'a> = (&'a [f64], &'a [f64]);

/// What an indicator gives.
pub(crate) trait Output {
    /// While it is undefined.
    const UNDEFINED: Self;
}

impl Output for f64 {
    const UNDEFINED: Self = Self::NAN;
}

impl<const N: usize> Output for [f64; N] {
    const UNDEFINED: Self = [f64::NAN; N];
}

#[inline]
pub(super) fn each_number<O: Output>(
    rows: &[f64],
    mut next: impl FnMut(f64) -> O,
    mut write: impl FnMut(usize, O),
) {
    for (row, x) in rows.iter().enumerate() {
        write(row, if x.is_finite() { next(*x) } else { O::UNDEFINED });
    }
}

#[inline]
pub(super) fn each_pair<O: Output>(
    (xs, ys): Two<'_>,
    mut next: impl FnMut((f64, f64)) -> O,
    mut write: impl FnMut(usize, O),
) {
    for (row, (x, y)) in xs.iter().zip(ys).enumerate() {
        let is_defined = x.is_finite() && y.is_finite();
        write(row, if is_defined { next((*x, *y)) } else { O::UNDEFINED });
    }
}

#[inline]
pub(super) fn each_bar<O: Output>(
    rows: BarSlice<'_>,
    mut next: impl FnMut(&Bar) -> O,
    mut write: impl FnMut(usize, O),
) {
    for row in 0..rows.len() {
        write(row, next(&rows.bar(row)));
    }
}
