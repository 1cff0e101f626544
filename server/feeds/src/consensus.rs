//! One price out of several.

/// What several sources say together.
#[derive(Clone, Debug, PartialEq)]
pub struct Consensus {
    /// The median of those that are not outliers.
    pub reference: f64,
    /// Of each price, whether it was left out.
    pub outliers: Vec<bool>,
}

/// The median of the prices without those that are farther from the median of all than three standard deviations, estimated
/// from the median absolute deviation (Hampel's identifier; 1.4826 makes it consistent for normal errors). Deviations below a
/// basis point are never outliers: sources that agree to the tick would make one of any other. Two cannot outvote each other.
/// `None` without prices. Prices are finite and positive.
#[must_use]
pub fn consensus(prices: &[f64]) -> Option<Consensus> {
    const NORMAL: f64 = 1.4826;
    let middle = median(prices)?;
    let deviations: Vec<f64> = prices.iter().map(|price| (price - middle).abs()).collect();
    let scale = NORMAL * median(&deviations)?;
    let bound = (3.0 * scale).max(middle * 1e-4);
    let outliers: Vec<bool> = deviations.iter().map(|deviation| *deviation > bound).collect();
    let kept: Vec<f64> = prices
        .iter()
        .zip(&outliers)
        .filter_map(|(price, is_outlier)| (!is_outlier).then_some(*price))
        .collect();
    Some(Consensus {
        reference: median(&kept).unwrap_or(middle),
        outliers,
    })
}

/// How far a price is from the median of others, relative to it; `None` without others.
#[must_use]
pub fn divergence(price: f64, others: &[f64]) -> Option<f64> {
    let reference = consensus(others)?.reference;
    Some((price - reference).abs() / reference)
}

/// The middle one, or the mean of the two in the middle.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(0.5 * (sorted[middle - 1] + upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outliers_are_left_out_and_quarrels_of_two_are_not_decided() {
        for (prices, reference, outliers) in [
            (&[100.0][..], 100.0, &[false][..]),
            (&[100.0, 102.0], 101.0, &[false, false]),
            (&[100.0, 100.1, 1000.0], 100.05, &[false, false, true]),
            (&[100.0, 100.0, 100.005], 100.0, &[false, false, false]),
            (&[100.0, 100.0, 100.0, 90.0], 100.0, &[false, false, false, true]),
            (
                &[99.0, 100.0, 101.0, 102.0, 10.0],
                100.5,
                &[false, false, false, false, true],
            ),
        ] {
            let found = consensus(prices).expect("a price");
            assert!(
                (found.reference - reference).abs() < 1e-9,
                "{prices:?}: {found:?}"
            );
            assert_eq!(found.outliers, outliers, "{prices:?}");
        }
        assert_eq!(consensus(&[]), None);
    }

    #[test]
    fn a_source_is_held_against_the_others() {
        assert_eq!(divergence(101.0, &[]), None);
        let near = divergence(101.0, &[100.0]).expect("another");
        assert!((near - 0.01).abs() < 1e-12);
        let against_a_liar = divergence(100.0, &[100.0, 100.0, 50.0]).expect("others");
        assert!(against_a_liar < 1e-12);
    }
}
