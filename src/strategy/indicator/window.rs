//! The memories that indicators share: the last n values, their sum, and the highest or lowest of them.

use serde::{Deserialize, Serialize};

/// The last n values, in a ring that is filled once and then written over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window {
    values: Vec<f64>,
    /// Where the next value goes; in a full window the oldest one is there.
    next: usize,
    full: bool,
}

impl Window {
    /// An empty window of `period` values; all memory is taken here.
    pub(crate) fn new(period: usize) -> Self {
        Self {
            values: vec![f64::NAN; period.max(1)],
            next: 0,
            full: false,
        }
    }

    /// How many values it holds when it is full.
    #[inline]
    pub(crate) const fn period(&self) -> usize {
        self.values.len()
    }

    /// Adds a value, in place of the oldest if the window is full.
    #[inline]
    pub(crate) fn push(&mut self, x: f64) {
        if let Some(place) = self.values.get_mut(self.next) {
            *place = x;
        }
        self.next += 1;
        if self.next >= self.values.len() {
            self.next = 0;
            self.full = true;
        }
    }

    /// Adds values, one after the other, at least as many as the window holds.
    fn push_all(&mut self, values: &[f64]) {
        let period = self.values.len();
        // What stays in the window when all have come, at the places where one by one would have put it.
        let next = (self.next + values.len()) % period;
        let (older, newer) = values[values.len() - period..].split_at(period - next);
        self.values[next..].copy_from_slice(older);
        self.values[..next].copy_from_slice(newer);
        self.next = next;
        self.full = true;
    }

    /// Whether n values have come.
    #[inline]
    pub(crate) const fn is_full(&self) -> bool {
        self.full
    }

    /// The oldest of a full window; undefined while it fills.
    #[inline]
    pub(crate) fn oldest(&self) -> f64 {
        self.values.get(self.next).copied().unwrap_or(f64::NAN)
    }

    /// A full window's values in the order of the ring, which is also the order in which TA-Lib sums them.
    #[inline]
    pub(crate) fn unordered(&self) -> &[f64] {
        &self.values
    }

    /// A full window's values, oldest first.
    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = f64> + '_ {
        let (newer, older) = self.values.split_at(self.next.min(self.values.len()));
        older.iter().chain(newer).copied()
    }
}

/// The sum of the last n values, in constant time. As in TA-Lib the oldest value leaves after the sum was used.
///
/// What is added and taken away again seldom cancels to the last digit. That is far below what anyone sees, except
/// where nothing moves: n equal values therefore count exactly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RollingSum {
    window: Window,
    /// Sum of the window, without its oldest value once it is full.
    total: f64,
    last: f64,
    /// How many equal values came last.
    run: usize,
}

impl RollingSum {
    pub(crate) fn new(period: usize) -> Self {
        Self {
            window: Window::new(period),
            total: 0.0,
            last: f64::NAN,
            run: 0,
        }
    }

    /// Takes a value, gives the sum; undefined until n values have come.
    #[inline]
    pub(crate) fn next(&mut self, x: f64) -> f64 {
        let period = self.window.period();
        self.window.push(x);
        self.total += x;
        self.run = if x == self.last {
            self.run.saturating_add(1)
        } else {
            1
        };
        self.last = x;
        if !self.window.is_full() {
            return f64::NAN;
        }
        if self.run >= period {
            self.total = x * period as f64;
        }
        let total = self.total;
        self.total -= self.window.oldest();
        total
    }

    /// [`Self::next`] for many rows, undefined where a row is.
    pub(crate) fn next_rows(&mut self, rows: &[f64], out: &mut [f64]) {
        let period = self.window.period();
        if !self.is_filled_anew(rows) || !are_finite(rows) {
            for (out, x) in out.iter_mut().zip(rows) {
                *out = if x.is_finite() { self.next(*x) } else { f64::NAN };
            }
            return;
        }
        let first = period - 1;
        if may_rest(rows, period) {
            (self.total, self.last, self.run) = self.begin(rows, out, rows.len());
            return self.window.push_all(rows);
        }
        let (mut total, ..) = self.begin(rows, out, first);
        for (out, (x, leaves)) in out[first..].iter_mut().zip(rows[first..].iter().zip(rows)) {
            total += x;
            *out = total;
            total -= leaves;
        }
        self.end(rows, total);
    }
}

/// A sum, what it takes, and where the sums go.
pub(crate) type Summing<'a> = (&'a mut RollingSum, &'a [f64], &'a mut [f64]);

impl RollingSum {
    /// [`Self::next_rows`] of two sums over as many rows, side by side: each waits for its own sum before.
    pub(crate) fn next_rows_of_two((a, rows_a, out_a): Summing<'_>, (b, rows_b, out_b): Summing<'_>) {
        let count = rows_a.len();
        let (shorter, longer) = if a.window.period() <= b.window.period() {
            (&*a, &*b)
        } else {
            (&*b, &*a)
        };
        let run_plainly = if std::ptr::eq(rows_a, rows_b) {
            // Where fewer values never stand still, more do not.
            longer.is_filled_anew(rows_a) && shorter.runs_plainly(rows_a)
        } else {
            a.runs_plainly(rows_a) && b.runs_plainly(rows_b)
        };
        if rows_b.len() != count || !run_plainly {
            a.next_rows(rows_a, out_a);
            b.next_rows(rows_b, out_b);
            return;
        }
        // Each by itself until both windows are filled by these rows.
        let from = a.window.period().max(b.window.period()) - 1;
        let (mut total_a, ..) = a.begin(rows_a, out_a, from);
        let (mut total_b, ..) = b.begin(rows_b, out_b, from);
        let leaving = |period: usize| from + 1 - period..count + 1 - period;
        let (leave_a, leave_b) = (leaving(a.window.period()), leaving(b.window.period()));
        let rows_of_a = rows_a[from..]
            .iter()
            .zip(&rows_a[leave_a])
            .zip(&mut out_a[from..count]);
        let rows_of_b = rows_b[from..]
            .iter()
            .zip(&rows_b[leave_b])
            .zip(&mut out_b[from..count]);
        for (((x, x_leaves), out_a), ((y, y_leaves), out_b)) in rows_of_a.zip(rows_of_b) {
            total_a += x;
            total_b += y;
            (*out_a, *out_b) = (total_a, total_b);
            total_a -= x_leaves;
            total_b -= y_leaves;
        }
        a.end(rows_a, total_a);
        b.end(rows_b, total_b);
    }

    /// Whether these rows fill a full window anew, all are numbers, and nowhere do so many stand still.
    fn runs_plainly(&self, rows: &[f64]) -> bool {
        self.is_filled_anew(rows) && are_finite(rows) && !may_rest(rows, self.window.period())
    }

    /// Whether these rows fill a full window anew.
    const fn is_filled_anew(&self, rows: &[f64]) -> bool {
        self.window.is_full() && rows.len() >= self.window.period()
    }

    /// The first `to` rows; gives the sum that the next one adds to, the last value and how often it came in a row. What leaves is first what the window holds, oldest first
    /// but for the one that has left the sum already, then what came in with these rows.
    fn begin(&self, rows: &[f64], out: &mut [f64], to: usize) -> (f64, f64, usize) {
        let period = self.window.period();
        let (mut total, mut last, mut run) = (self.total, self.last, self.run);
        let leaving = self.window.iter().skip(1).chain(rows.iter().copied());
        for (out, (x, leaves)) in out.iter_mut().zip(rows[..to].iter().zip(leaving)) {
            total += x;
            run = if *x == last { run + 1 } else { 1 };
            last = *x;
            if run >= period {
                total = x * period as f64;
            }
            *out = total;
            total -= leaves;
        }
        (total, last, run)
    }

    /// All rows are summed, and not all are equal.
    fn end(&mut self, rows: &[f64], total: f64) {
        self.total = total;
        self.last = rows.last().copied().unwrap_or(self.last);
        self.run = rows.iter().rev().take_while(|x| **x == self.last).count();
        self.window.push_all(rows);
    }
}

/// Whether all are numbers.
fn are_finite(rows: &[f64]) -> bool {
    // Without a way out of the loop, so that the machine looks at several at once.
    rows.iter().fold(true, |whole, x| whole & x.is_finite())
}

/// Whether n values in a row may be equal somewhere: then one equals both the one before it and the first of the n.
fn may_rest(rows: &[f64], period: usize) -> bool {
    let Some(first) = period.checked_sub(2) else {
        return true;
    };
    // Without a way out of the loop, so that the machine compares several at once.
    let others = rows[first..].iter().zip(rows);
    let equal = rows[first + 1..].iter().zip(others);
    equal.fold(false, |any, (x, (before, begin))| {
        any | ((x == before) & (x == begin))
    })
}

/// The highest (or lowest) of the last n values and its age, in amortised constant time: a queue of the values that
/// can still become it. Of equal values the latest counts, as in TA-Lib.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Extreme {
    /// 1 for the highest, −1 for the lowest.
    sign: f64,
    seen: u64,
    /// A ring of (when, sign × value): from `first`, `length` entries, falling in value.
    queue: Vec<(u64, f64)>,
    first: usize,
    length: usize,
}

impl Extreme {
    /// The highest of `period` values.
    pub(crate) fn highest(period: usize) -> Self {
        Self::new(period, 1.0)
    }

    /// The lowest of `period` values.
    pub(crate) fn lowest(period: usize) -> Self {
        Self::new(period, -1.0)
    }

    fn new(period: usize, sign: f64) -> Self {
        Self {
            sign,
            seen: 0,
            queue: vec![(0, f64::NAN); period.max(1)],
            first: 0,
            length: 0,
        }
    }

    /// Takes a value, gives the extreme; undefined until n values have come.
    #[inline]
    pub(crate) fn next(&mut self, x: f64) -> f64 {
        let period = self.queue.len();
        let x = self.sign * x;
        if self.length > 0 && self.queue[self.first].0 + (period as u64) <= self.seen {
            self.first = self.wrap(self.first + 1);
            self.length -= 1;
        }
        while self.length > 0 && self.queue[self.wrap(self.first + self.length - 1)].1 <= x {
            self.length -= 1;
        }
        let place = self.wrap(self.first + self.length);
        self.queue[place] = (self.seen, x);
        self.length += 1;
        self.seen += 1;
        if self.seen < period as u64 {
            return f64::NAN;
        }
        self.sign * self.queue[self.first].1
    }

    /// How many values ago the extreme came; 0 for the latest.
    pub(crate) fn age(&self) -> u64 {
        self.seen
            .saturating_sub(1)
            .saturating_sub(self.queue[self.first].0)
    }

    #[inline]
    fn wrap(&self, index: usize) -> usize {
        if index >= self.queue.len() {
            index - self.queue.len()
        } else {
            index
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    proptest! {
        #[test]
        fn sums_over_many_rows_are_those_of_one_after_the_other(
            period in 1..6_usize, longer in 0..6_usize, some in 1..40_usize,
            // Few values, so that they stand still often; now and then one that is undefined.
            rows in vec(select(&[1.1, 1.1, 1.1, 2.7, 1e9, 0.0, -0.0, f64::NAN][..]), 0..120), all: bool,
        ) {
            let rows: Vec<f64> = rows.into_iter().filter(|x| all || x.is_finite()).collect();
            let (mut one_by_one, mut at_once) = (RollingSum::new(period), RollingSum::new(period));
            let (mut beside, mut other) = (RollingSum::new(period), RollingSum::new(period + longer));
            let mut other_by_one = other.clone();
            for part in rows.chunks(some) {
                let next = |x: &f64| if x.is_finite() { one_by_one.next(*x) } else { f64::NAN };
                let expected: Vec<u64> = part.iter().map(next).map(f64::to_bits).collect();
                let mut sums = vec![0.0; part.len()];
                at_once.next_rows(part, &mut sums);
                let sums: Vec<u64> = sums.into_iter().map(f64::to_bits).collect();
                prop_assert_eq!(&sums, &expected);
                // As text, because what has not come yet is no number.
                prop_assert_eq!(format!("{at_once:?}"), format!("{one_by_one:?}"));
                let (mut sums, mut others) = (vec![0.0; part.len()], vec![0.0; part.len()]);
                RollingSum::next_rows_of_two((&mut beside, part, &mut sums), (&mut other, part, &mut others));
                prop_assert_eq!(sums.into_iter().map(f64::to_bits).collect::<Vec<_>>(), expected);
                prop_assert_eq!(format!("{beside:?}"), format!("{one_by_one:?}"));
                let next = |x: &f64| if x.is_finite() { other_by_one.next(*x) } else { f64::NAN };
                let expected: Vec<u64> = part.iter().map(next).map(f64::to_bits).collect();
                prop_assert_eq!(others.into_iter().map(f64::to_bits).collect::<Vec<_>>(), expected);
                prop_assert_eq!(format!("{other:?}"), format!("{other_by_one:?}"));
            }
        }
    }
}
