//! The standard normal distribution.

use std::f64::consts::FRAC_1_SQRT_2;

/// 1 ÷ √(2π).
const FRAC_1_SQRT_2PI: f64 = 0.398_942_280_401_432_7;

/// The probability that a standard normal variable is below `x`: ½ erfc(−x ÷ √2), which keeps its relative precision far
/// into the lower tail, where 1 − N(−x) would have none.
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// The density of the standard normal distribution at `x`.
#[must_use]
pub fn normal_pdf(x: f64) -> f64 {
    FRAC_1_SQRT_2PI * libm::exp(-0.5 * x * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_is_that_of_the_tables_far_into_its_tail() {
        // mpmath.ncdf and npdf, 60 digits.
        for (x, below) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (-1.0, 0.158_655_253_931_457_05),
            (-3.0, 0.001_349_898_031_630_094_5),
            (-10.0, 7.619_853_024_160_526e-24),
            (-37.0, 5.725_571_222_524_586e-300),
        ] {
            assert!((normal_cdf(x) / below - 1.0).abs() < 1e-13, "N({x})");
        }
        assert!((normal_pdf(0.5) / 0.352_065_326_764_299_5 - 1.0).abs() < 1e-15);
        assert_eq!(normal_cdf(f64::INFINITY), 1.0);
        assert_eq!(normal_cdf(f64::NEG_INFINITY), 0.0);
        assert_eq!(normal_pdf(f64::INFINITY), 0.0);
    }
}
