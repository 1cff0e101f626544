//! Fewer points for the eye: thinning of curves and merging of bars.

use crate::market::{Bar, Bars};

/// At most `n` of the points of a curve (4 when `n` is less), in order: the first, the last, and of every span between
/// the lowest and the highest, so that no spike is lost. A curve that is short enough comes back whole.
///
/// ```
/// let curve: Vec<f64> = (0..1_000).map(|x| if x == 617 { 99.0 } else { 1.0 }).collect();
/// let thin = papertape::analytics::thin_minmax(&curve, 50, |value| *value);
/// assert!(thin.len() <= 50 && thin.contains(&99.0));
/// ```
#[must_use]
pub fn thin_minmax<T: Clone>(points: &[T], n: usize, value: impl Fn(&T) -> f64) -> Vec<T> {
    let indices = thin_indices(points.len(), n, |index| value(&points[index]));
    indices.into_iter().map(|index| points[index].clone()).collect()
}

/// Which points [`thin_minmax`] keeps of a curve of `length` points, for curves whose columns are apart.
#[must_use]
pub fn thin_indices(length: usize, n: usize, value: impl Fn(usize) -> f64) -> Vec<usize> {
    let n = n.max(4);
    if length <= n {
        return (0..length).collect();
    }
    let inner = length - 2;
    let spans = (n - 2) / 2;
    let mut kept = Vec::with_capacity(n);
    kept.push(0);
    for span in 0..spans {
        // Products of a length in memory and a number of points on a screen stay far below 2⁶⁴.
        let from = 1 + span * inner / spans;
        let to = 1 + (span + 1) * inner / spans;
        let (mut lowest, mut highest) = (from, from);
        for index in from..to {
            if value(index) < value(lowest) {
                lowest = index;
            }
            if value(index) > value(highest) {
                highest = index;
            }
        }
        kept.push(lowest.min(highest));
        if lowest != highest {
            kept.push(lowest.max(highest));
        }
    }
    kept.push(length - 1);
    kept
}

/// At most `n` items, in order: of as many spans of equal length the one that weighs the most.
#[must_use]
pub fn thin_by_weight<T>(items: &[T], n: usize, weight: impl Fn(&T) -> f64) -> Vec<&T> {
    if items.len() <= n {
        return items.iter().collect();
    }
    (0..n)
        .filter_map(|span| {
            let of = |span: usize| span * items.len() / n;
            let heavier = |a: &&T, b: &&T| weight(a).total_cmp(&weight(b));
            items[of(span)..of(span + 1)].iter().max_by(heavier)
        })
        .collect()
}

/// At most `max` bars: neighbours merged in groups of equal size (the last may be smaller), each group one bar from its
/// first open to its last close.
#[must_use]
pub fn merge_bars(bars: &Bars, max: usize) -> Vec<Bar> {
    if max == 0 {
        return Vec::new();
    }
    let group = bars.len().div_ceil(max).max(1);
    let mut merged: Vec<Bar> = Vec::with_capacity(bars.len().min(max));
    for (index, bar) in bars.iter().enumerate() {
        match merged.last_mut() {
            Some(last) if index % group != 0 => last.append(&bar),
            _ => merged.push(bar),
        }
    }
    merged
}

/// At most `n` values at even distances, the first and the last among them: the shape of a curve in a table's cell.
#[must_use]
pub fn sparkline(values: &[f64], n: usize) -> Vec<f64> {
    match (values, n) {
        ([], _) | (_, 0) => Vec::new(),
        ([.., last], 1) => vec![*last],
        _ if values.len() <= n => values.to_vec(),
        _ => (0..n)
            .map(|index| values[index * (values.len() - 1) / (n - 1)])
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn thinning_keeps_ends_extremes_and_order(values in prop::collection::vec(-1e6..1e6, 0..500), n in 0_usize..100) {
            let kept = thin_indices(values.len(), n, |index| values[index]);
            prop_assert!(kept.len() <= n.max(4).min(values.len()));
            prop_assert!(kept.is_sorted_by(|a, b| a < b));
            let thin = thin_minmax(&values, n, |value| *value);
            prop_assert_eq!(thin.first(), values.first());
            prop_assert_eq!(thin.last(), values.last());
            let extremes = |values: &[f64]| {
                values.iter().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)))
            };
            prop_assert_eq!(extremes(&thin), extremes(&values));
        }

        #[test]
        fn the_heaviest_is_never_thinned_out(weights in prop::collection::vec(0.0..1e6, 1..300), n in 1_usize..50) {
            let kept = thin_by_weight(&weights, n, |weight| *weight);
            prop_assert_eq!(kept.len(), n.min(weights.len()));
            let heaviest = weights.iter().copied().fold(0.0, f64::max);
            prop_assert!(kept.contains(&&heaviest));
            if weights.len() <= n {
                prop_assert!(kept.into_iter().eq(&weights));
            }
        }

        #[test]
        fn merged_bars_cover_the_same_span(closes in prop::collection::vec(1.0..100.0, 1..200), max in 1_usize..50) {
            let bars: Bars = (0..).zip(&closes).map(|(index, close)| bar(index, *close)).collect();
            let merged = merge_bars(&bars, max);
            prop_assert!(merged.len() <= max);
            prop_assert_eq!(merged[0].open_time, bars.open_time[0]);
            prop_assert_eq!(merged.last().map(|bar| bar.close), bars.close.last().copied());
            let high = merged.iter().map(|bar| bar.high).fold(0.0, f64::max);
            prop_assert_eq!(high, bars.high.iter().copied().fold(0.0, f64::max));
            let volume: f64 = merged.iter().map(|bar| bar.volume).sum();
            prop_assert_eq!(volume, closes.len() as f64);
            prop_assert!(merged.iter().all(|bar| bar.check().is_ok()));
        }

        #[test]
        fn sparklines_keep_their_ends(values in prop::collection::vec(-1e6..1e6, 0..200), n in 2_usize..60) {
            let line = sparkline(&values, n);
            prop_assert_eq!(line.len(), values.len().min(n));
            prop_assert_eq!(line.first(), values.first());
            prop_assert_eq!(line.last(), values.last());
        }
    }

    fn bar(index: i64, close: f64) -> Bar {
        Bar {
            open_time: Timestamp::from_secs(index * 60),
            open: close,
            high: close + 1.0,
            low: 0.5 * close,
            close,
            volume: 1.0,
        }
    }

    #[test]
    fn nothing_and_numbers_that_are_none_do_no_harm() {
        assert_eq!(thin_indices(0, 10, |_| 0.0), [0_usize; 0]);
        assert_eq!(thin_indices(100, 4, |_| f64::NAN), [0, 1, 99]);
        assert!(merge_bars(&Bars::default(), 10).is_empty());
        assert!(sparkline(&[1.0, 2.0], 0).is_empty());
        assert_eq!(sparkline(&[1.0, 2.0], 1), [2.0]);
    }
}
