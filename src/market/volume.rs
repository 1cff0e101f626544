//! Sums of volumes.

/// Sums below so much stand on a grid of one part in so many: the finest on which a sum's own rounding, half a unit in its last place, is
/// far less than half a step. Venues write sizes with up to nine decimals.
const GRIDS: [(f64, f64); 4] = [(1e6, 1e9), (1e7, 1e8), (1e9, 1e6), (1e12, 1e3)];

/// The sum of two volumes, in units of the instrument. Sizes are decimals, and sums of their binary fractions gather dust: where the sum
/// is a decimal but for the rounding of this one addition, it is that decimal. So volumes add up as venues add them, however many there are.
///
/// What is finer than the grid stays as it is.
#[inline]
pub(super) fn sum(total: f64, size: f64) -> f64 {
    let raw = total + size;
    let Some((_, steps)) = GRIDS.iter().find(|(below, _)| raw < *below) else {
        return raw;
    };
    let scaled = raw * steps;
    let whole = scaled.round();
    // Half a unit for each of the two, for their sum, and for the product.
    if (scaled - whole).abs() <= 2.0 * f64::EPSILON * scaled {
        whole / steps
    } else {
        raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rust_decimal::Decimal;
    use rust_decimal::prelude::ToPrimitive;

    #[test]
    fn tenths_add_up_to_whole_numbers() {
        let plain: f64 = std::iter::repeat_n(0.1, 30).sum();
        let volume = std::iter::repeat_n(0.1, 30).fold(0.0, sum);
        assert_eq!((volume, plain == 3.0), (3.0, false));
    }

    proptest! {
        #[test]
        fn decimals_add_up_as_decimals_do(
            decimals in 0_u32..=8,
            most in 1_i64..1_000_000_000,
            seeds in prop::collection::vec(any::<u32>(), 1..2_000),
        ) {
            let sizes: Vec<Decimal> = seeds
                .iter()
                .map(|seed| Decimal::new(1 + i64::from(*seed) % most, decimals))
                .collect();
            let exact: Decimal = sizes.iter().sum();
            prop_assume!(exact < Decimal::from(10_000_000));
            let volume = sizes.iter().filter_map(ToPrimitive::to_f64).fold(0.0, sum);
            prop_assert_eq!(Some(volume), exact.to_string().parse().ok());
        }

        #[test]
        fn no_sum_is_further_from_the_plain_one_than_rounding_is(total in 0.0..1e13_f64, size in 0.0..1e13_f64) {
            let plain = total + size;
            prop_assert!((sum(total, size) - plain).abs() <= 3.0 * f64::EPSILON * plain);
        }
    }
}
