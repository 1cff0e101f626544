//! What the tests of this module are given, in minutes since the epoch.

use super::spans::Span;
use papertape::market::Bar;
use papertape::model::Timestamp;

pub(super) fn minute(number: i64) -> Timestamp {
    Timestamp::from_secs(60 * number)
}

pub(super) fn spans(spans: &[(i64, i64)]) -> Vec<Span> {
    let span = |(from, to): &(i64, i64)| (minute(*from), minute(*to));
    spans.iter().map(span).collect()
}

/// A bar of one price.
pub(super) fn bar(number: i64, price: f64, volume: f64) -> Bar {
    Bar {
        open_time: minute(number),
        open: price,
        high: price,
        low: price,
        close: price,
        volume,
    }
}
