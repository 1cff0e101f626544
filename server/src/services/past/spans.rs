//! Spans of time: joined, taken from each other, and as they are asked of a venue.

use papertape::model::{Timeframe, Timestamp};

/// Bars that are asked of a venue before what came is kept.
const PAGE: i64 = 100_000;
/// Known bars between two that are not that are asked for along with them, at most.
const NEAR: i64 = 300;

/// From a time on and before another.
pub(super) type Span = (Timestamp, Timestamp);

/// The span of the bars that open and close within a span, and have closed.
pub(super) fn closed(timeframe: Timeframe, (from, to): Span, now: Timestamp) -> Span {
    let floor = timeframe.floor(from);
    let from = if floor < from {
        timeframe.close_of(floor)
    } else {
        from
    };
    (from, timeframe.floor(to.min(now)).max(from))
}

/// A span in parts that are asked for one after another.
pub(super) fn pages(timeframe: Timeframe, (from, to): Span) -> Vec<Span> {
    let length = timeframe.nanos().saturating_mul(PAGE);
    let mut pages = Vec::new();
    let mut begin = from;
    while begin < to {
        let end = begin.plus_nanos(length).min(to);
        pages.push((begin, end));
        begin = end;
    }
    pages
}

/// Spans in order, those that touch as one.
pub(super) fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|(from, to)| from < to);
    spans.sort_unstable();
    let mut all: Vec<Span> = Vec::new();
    for (from, to) in spans {
        match all.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => all.push((from, to)),
        }
    }
    all
}

/// What of a span is in none of others, which are joined.
pub(super) fn without((from, to): Span, others: Vec<Span>) -> Vec<Span> {
    let mut left = Vec::new();
    let mut reached = from;
    for (begin, end) in others {
        if end <= reached || begin >= to {
            continue;
        }
        if begin > reached {
            left.push((reached, begin));
        }
        reached = end;
    }
    if reached < to {
        left.push((reached, to));
    }
    left
}

/// Spans in order that are asked for together where little lies between them: a venue gives as many bars at once, so that it takes no
/// more requests than each by itself.
pub(super) fn near(timeframe: Timeframe, spans: Vec<Span>) -> Vec<Span> {
    let length = timeframe.nanos().saturating_mul(NEAR);
    let mut all: Vec<Span> = Vec::new();
    for (from, to) in spans {
        match all.last_mut() {
            Some(last) if from.since(last.1) <= length => last.1 = to,
            _ => all.push((from, to)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::given::{minute, spans};
    use super::*;

    #[test]
    fn a_page_of_a_venue_covers_many_holes() {
        let asked = |holes: &[(i64, i64)]| near(Timeframe::MINUTE, spans(holes));
        assert_eq!(
            asked(&[(5, 6), (8, 9), (9 + NEAR, 400), (401 + NEAR, 800)]),
            spans(&[(5, 400), (401 + NEAR, 800)])
        );
        assert_eq!(asked(&[]), []);
        // Ten thousand single minutes of a year.
        let holes: Vec<(i64, i64)> = (0..10_000).map(|hole| (52 * hole, 52 * hole + 1)).collect();
        assert_eq!(asked(&holes).len(), 1);
    }

    #[test]
    fn spans_that_touch_are_one_and_pages_are_all_of_a_span() {
        assert_eq!(
            joined(spans(&[(5, 9), (1, 2), (9, 9), (2, 4), (6, 7)])),
            spans(&[(1, 4), (5, 9)])
        );
        let (from, to) = (minute(7), minute(7 + 2 * PAGE + 1));
        let all = pages(Timeframe::MINUTE, (from, to));
        assert_eq!(all.len(), 3);
        assert_eq!(joined(all), [(from, to)]);
        assert_eq!(pages(Timeframe::MINUTE, (from, from)), []);
    }

    #[test]
    fn only_bars_that_are_whole_within_the_span_are_of_it() {
        let at = Timestamp::from_secs;
        let of = |from, to, now| {
            let (from, to) = closed(Timeframe::MINUTE, (at(from), at(to)), at(now));
            (from.secs(), to.secs())
        };
        assert_eq!(of(60, 180, 1_000), (60, 180));
        assert_eq!(of(61, 179, 1_000), (120, 120));
        assert_eq!(of(60, 10_000, 599), (60, 540));
        assert_eq!(of(900, 10_000, 599), (900, 900));
    }
}
