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

/// The value below which a standard normal variable is with probability `p`: the inverse of [`normal_cdf`], by halving
/// the interval until it holds nothing more. Infinite at 0 and 1, NaN outside.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    if p == 0.0 {
        return f64::NEG_INFINITY;
    }
    // The distribution function is 0 below -39.
    let (mut low, mut high) = (-40.0, 0.0);
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return high;
        }
        if normal_cdf(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
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

    #[test]
    fn the_quantile_is_the_inverse() {
        // scipy.stats.norm.ppf.
        for (p, x) in [
            (0.5, 0.0),
            (0.025, -1.959_963_984_540_054_5),
            (0.99, 2.326_347_874_040_840_8),
            (1e-12, -7.034_483_825_301_132),
        ] {
            let quantile = normal_quantile(p);
            assert!((quantile - x).abs() < 1e-12, "{p}: {quantile}");
            assert!((normal_cdf(quantile) / p - 1.0).abs() < 1e-13);
        }
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
        assert!(normal_quantile(1.5).is_nan() && normal_quantile(f64::NAN).is_nan());
    }
}
