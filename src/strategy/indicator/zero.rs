//! When TA-Lib takes a difference for nothing.
//!
//! Rounding leaves a little of the difference of numbers that are equal, and an indicator that divides by it, or asks for its sign, would
//! make a signal of it. TA-Lib therefore has bounds, measured on its C library 0.8.1 by raising the last bits of one price until a
//! value other than zero came out. Where none is named here it compares exactly, but for PPO's slow average, which is 0 below 1e-14. `tests/strategy_talib.rs` compares.

/// The bound, as a share of what is compared.
const SHARE: f64 = 1e-14;

/// Whether two numbers are the same but for rounding: highest and lowest of the stochastics and of Williams %R, two typical prices of the
/// money flow index.
#[inline]
pub(super) fn are_equal(a: f64, b: f64) -> bool {
    (a - b).abs() <= SHARE * (a.abs() + b.abs())
}

/// Whether a distance from a number is nothing but rounding: of the commodity channel index, whose average it is.
#[inline]
pub(super) fn is_nothing_beside(distance: f64, average: f64) -> bool {
    distance.abs() <= SHARE * average.abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_no_difference_and_the_smallest_tick_is_one() {
        let price = 97_000.0_f64;
        let raised = |steps: u64| f64::from_bits(price.to_bits() + steps);
        assert!(are_equal(price, price) && are_equal(0.0, 0.0));
        assert!(are_equal(price, raised(100)) && !are_equal(price, raised(200)));
        assert!(are_equal(0.1 + 0.2, 0.3) && !are_equal(0.3, 0.300_000_01));
        assert!(
            !are_equal(0.0, f64::MIN_POSITIVE),
            "beside nothing everything is something"
        );
    }
}
