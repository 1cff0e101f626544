//! What is kept of a feed's bars, and what of a span that leaves open.

use super::spans::{Span, joined, without};
use crate::storage::DatasetRecord;
use papertape::market::Bar;
use papertape::model::{Timeframe, Timestamp};
use std::collections::BTreeMap;

/// What is kept of a feed's bars of a length.
pub(super) struct Keeping {
    pub(super) known: Option<DatasetRecord>,
    pub(super) bars: BTreeMap<Timestamp, Bar>,
    /// What the venue was asked for, whether it had any or not.
    pub(super) asked: Vec<Span>,
}

impl Keeping {
    /// What of a span is neither kept nor known not to be there.
    pub(super) fn lacks(&self, timeframe: Timeframe, span: Span) -> Vec<Span> {
        self.lacks_beside(timeframe, span, Vec::new())
    }

    /// What of a span is neither kept nor known not to be there, nor within others.
    fn lacks_beside(&self, timeframe: Timeframe, span: Span, others: Vec<Span>) -> Vec<Span> {
        let mut covered = others;
        let whole = self.bars.range(span.0..span.1);
        covered.extend(whole.map(|(open, _)| (*open, timeframe.close_of(*open))));
        covered.extend(&self.asked);
        without(span, joined(covered))
    }

    /// The bars of a span.
    pub(super) fn within(&self, span: Span) -> BTreeMap<Timestamp, Bar> {
        let within = self.bars.range(span.0..span.1);
        within.map(|(open, bar)| (*open, *bar)).collect()
    }

    /// Whether who wants a span can do with what is kept of it, though the venue does not tell what is lacking: each hole lies
    /// between kept bars, and is out of reach for good, or was kept off when the venue told of it.
    pub(super) fn is_enough(
        &self,
        timeframe: Timeframe,
        span: Span,
        (is_for_good, kept_off): (bool, Vec<Span>),
    ) -> bool {
        let first = self.bars.keys().next();
        let last = self.bars.keys().next_back();
        let is_between = |hole: &Span| {
            first.is_some_and(|open| *open < hole.0) && last.is_some_and(|open| *open >= hole.1)
        };
        self.lacks(timeframe, span).iter().all(is_between)
            && (is_for_good || self.lacks_beside(timeframe, span, kept_off).is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::super::given::{bar, minute, spans};
    use super::*;

    fn keeping(bars: &[i64], asked: &[(i64, i64)]) -> Keeping {
        Keeping {
            known: None,
            bars: bars
                .iter()
                .map(|number| (minute(*number), bar(*number, 1.0, 1.0)))
                .collect(),
            asked: spans(asked),
        }
    }

    #[test]
    fn what_is_lacking_is_what_is_neither_kept_nor_was_asked_for() {
        let lacks = |bars: &[i64], asked: &[(i64, i64)], from: i64, to: i64| {
            keeping(bars, asked).lacks(Timeframe::MINUTE, (minute(from), minute(to)))
        };
        assert_eq!(lacks(&[], &[], 5, 9), spans(&[(5, 9)]));
        assert_eq!(lacks(&[5, 6, 7, 8], &[], 5, 9), []);
        assert_eq!(lacks(&[6, 7], &[], 5, 9), spans(&[(5, 6), (8, 9)]));
        // Nothing was traded in the seventh minute, and that is known.
        assert_eq!(lacks(&[5, 6, 8], &[(5, 9)], 5, 9), []);
        assert_eq!(lacks(&[5, 8], &[(5, 7)], 5, 9), spans(&[(7, 8)]));
        assert_eq!(
            lacks(&[1, 2], &[(20, 30), (10, 12)], 5, 25),
            spans(&[(5, 10), (12, 20)])
        );
        assert_eq!(lacks(&[], &[(0, 100)], 5, 5), []);
    }

    #[test]
    fn a_hole_that_a_venue_will_never_fill_is_no_refusal_of_what_is_kept_around_it() {
        let is_enough = |bars: &[i64], (from, to): (i64, i64), is_for_good, kept_off: &[(i64, i64)]| {
            let kept = keeping(bars, &[(20, 25)]);
            kept.is_enough(
                Timeframe::MINUTE,
                (minute(from), minute(to)),
                (is_for_good, spans(kept_off)),
            )
        };
        // The third minute is out of reach by now: a night, or nobody traded.
        assert!(is_enough(&[1, 2, 4, 5], (1, 6), true, &[]));
        assert!(is_enough(&[1, 2, 4, 5], (2, 4), true, &[]), "up to the hole");
        // What lies before and after everything that is kept is not known to be no more than that.
        assert!(!is_enough(&[1, 2, 4, 5], (0, 6), true, &[]));
        assert!(!is_enough(&[1, 2, 4, 5], (1, 7), true, &[]));
        assert!(!is_enough(&[], (1, 7), true, &[]));
        // A venue that is away may fill it when it is back, unless it told only what cannot be.
        assert!(!is_enough(&[1, 2, 4, 5], (1, 6), false, &[]));
        assert!(is_enough(&[1, 2, 4, 5], (1, 6), false, &[(3, 4)]));
        assert!(!is_enough(&[1, 2, 4, 6], (1, 7), false, &[(3, 4)]));
        assert!(!is_enough(&[1, 2], (1, 4), false, &[(3, 4)]), "nothing after it");
    }
}
