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
        // Without a way out of the loop, so that the machine looks at several at once.
        let is_whole = rows.iter().fold(true, |whole, x| whole & x.is_finite());
        if !is_whole || !self.window.is_full() || rows.len() < period {
            for (out, x) in out.iter_mut().zip(rows) {
                *out = if x.is_finite() { self.next(*x) } else { f64::NAN };
            }
            return;
        }
        // What leaves is first what the window holds, oldest first but for the one that has left the sum already, then what
        // came in with these rows.
        let (mut total, mut last, mut run) = (self.total, self.last, self.run);
        let mut step = |out: &mut f64, x: f64, leaves: f64| {
            total += x;
            run = if x == last { run + 1 } else { 1 };
            last = x;
            if run >= period {
                total = x * period as f64;
            }
            *out = total;
            total -= leaves;
        };
        let (first, rest) = rows.split_at(period - 1);
        let (first_out, rest_out) = out[..rows.len()].split_at_mut(period - 1);
        for (out, (x, leaves)) in first_out
            .iter_mut()
            .zip(first.iter().zip(self.window.iter().skip(1)))
        {
            step(out, *x, leaves);
        }
        let both = rest_out.iter_mut().zip(rest.iter().zip(rows));
        if may_rest(rows, period) {
            both.for_each(|(out, (x, leaves))| step(out, *x, *leaves));
        } else {
            for (out, (x, leaves)) in both {
                total += x;
                *out = total;
                total -= leaves;
            }
            last = rows.last().copied().unwrap_or(last);
            run = rows.iter().rev().take_while(|x| **x == last).count();
        }
        (self.total, self.last, self.run) = (total, last, run);
        self.window.push_all(rows);
    }
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
            period in 1..6_usize, some in 1..40_usize,
            // Few values, so that they stand still often; now and then one that is undefined.
            rows in vec(select(&[1.1, 1.1, 1.1, 2.7, 1e9, 0.0, -0.0, f64::NAN][..]), 0..120), all: bool,
        ) {
            let rows: Vec<f64> = rows.into_iter().filter(|x| all || x.is_finite()).collect();
            let (mut one_by_one, mut at_once) = (RollingSum::new(period), RollingSum::new(period));
            for part in rows.chunks(some) {
                let next = |x: &f64| if x.is_finite() { one_by_one.next(*x) } else { f64::NAN };
                let expected: Vec<u64> = part.iter().map(next).map(f64::to_bits).collect();
                let mut sums = vec![0.0; part.len()];
                at_once.next_rows(part, &mut sums);
                let sums: Vec<u64> = sums.into_iter().map(f64::to_bits).collect();
                prop_assert_eq!(sums, expected);
                // As text, because what has not come yet is no number.
                prop_assert_eq!(format!("{at_once:?}"), format!("{one_by_one:?}"));
            }
        }
    }
}
