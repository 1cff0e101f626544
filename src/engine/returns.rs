//! How the prices of the traded instruments moved, close by close: what a portfolio and a limit on correlation look at.

use crate::model::InstrumentId;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The last closes of every traded instrument, all of the same moments. One that had no bar at a moment stands at its last
/// close; NaN before its first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Closes {
    /// By the instrument's place; oldest first.
    of: Vec<VecDeque<f64>>,
    /// Most that are kept of each.
    most: usize,
}

impl Closes {
    /// Closes of so many instruments, for so many returns.
    pub(super) fn new(instruments: usize, returns: usize) -> Self {
        Self {
            of: vec![VecDeque::new(); instruments],
            most: returns + 1,
        }
    }

    /// A moment is over; `price` gives what each instrument stands at.
    pub(super) fn note(&mut self, price: impl Fn(InstrumentId) -> Option<f64>) {
        for (at, closes) in (0..).map(InstrumentId).zip(&mut self.of) {
            if closes.len() == self.most {
                closes.pop_front();
            }
            closes.push_back(price(at).unwrap_or(f64::NAN));
        }
    }

    /// Whether an instrument has so many returns: it had its first close before the oldest of them.
    pub(super) fn has(&self, at: InstrumentId, count: usize) -> bool {
        self.of.get(at.index()).is_some_and(|closes| {
            let first = closes.len().checked_sub(count + 1);
            first.is_some_and(|first| closes[first].is_finite())
        })
    }

    /// The last returns of an instrument, oldest first; `None` while there are not so many.
    pub(super) fn returns(&self, at: InstrumentId, count: usize) -> Option<Vec<f64>> {
        let closes = self.of.get(at.index())?;
        let first = closes.len().checked_sub(count + 1)?;
        let pairs = closes.range(first..).zip(closes.range(first + 1..));
        let returns: Vec<f64> = pairs.map(|(before, after)| after / before - 1.0).collect();
        returns.iter().all(|value| value.is_finite()).then_some(returns)
    }

    /// A split makes one unit as many as this: prices before it are comparable again.
    pub(super) fn split(&mut self, at: InstrumentId, ratio: f64) {
        for close in self.of.get_mut(at.index()).into_iter().flatten() {
            *close /= ratio;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_are_those_of_the_last_closes() {
        let mut closes = Closes::new(2, 3);
        let (first, second) = (InstrumentId(0), InstrumentId(1));
        for (a, b) in [
            (Some(8.0), None),
            (Some(10.0), Some(4.0)),
            (Some(5.0), Some(4.0)),
            (Some(6.0), Some(5.0)),
        ] {
            closes.note(|at| if at == first { a } else { b });
        }
        let third = 6.0 / 5.0 - 1.0;
        assert_eq!(closes.returns(first, 3), Some(vec![0.25, -0.5, third]));
        assert_eq!(closes.returns(first, 2), Some(vec![-0.5, third]));
        assert_eq!(closes.returns(second, 3), None, "it began later");
        assert_eq!(closes.returns(second, 2), Some(vec![0.0, 0.25]));
        assert_eq!(closes.returns(second, 4), None, "more than are kept");
        assert_eq!(closes.returns(first, 0), Some(Vec::new()));
        for (at, count) in [(first, 3), (first, 4), (second, 2), (second, 3)] {
            assert_eq!(closes.has(at, count), closes.returns(at, count).is_some());
        }
        // Two for one: the price before it counts half.
        closes.split(first, 2.0);
        closes.note(|at| Some(if at == first { 3.0 } else { 5.0 }));
        assert_eq!(closes.returns(first, 2), Some(vec![third, 0.0]));
    }
}
