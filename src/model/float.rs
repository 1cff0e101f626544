//! The border between exact decimals and `f64`.

use super::decimal::Halves;
use rust_decimal::Decimal;

/// Powers of ten that an `f64` holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];
/// The largest integer below which every integer is an `f64`.
const EXACT: u64 = 1 << 53;

/// The `f64` nearest to a decimal: the very number that reading the decimal's text gives, on every platform.
#[inline(always)]
#[must_use]
pub(crate) fn to_f64(value: Decimal) -> f64 {
    of_halves(value.into())
}

#[inline(never)]
fn of_halves(value: Halves) -> f64 {
    let scale = value.scale() as usize;
    if scale < POWERS.len()
        && let Some(digits) = value.digits()
        && digits < EXACT
    {
        let size = digits.cast_signed();
        let signed = if value.is_negative() { -size } else { size };
        // Both operands are exact, so the quotient is correctly rounded.
        return signed as f64 / POWERS[scale];
    }
    match divide(value.all_digits(), scale) {
        Some(nearest) if value.is_negative() => -nearest,
        Some(nearest) => nearest,
        None => Decimal::from(value).to_string().parse().unwrap_or(f64::NAN),
    }
}

/// The `f64` nearest to `whole` ÷ 10^`scale`, for powers that 64 bits hold.
fn divide(whole: u128, scale: usize) -> Option<f64> {
    let power = 10_u64.checked_pow(u32::try_from(scale).ok()?)?;
    // Moved up as far as it goes, so that the quotient has at least 64 bits, eleven more than count. What is left over
    // only matters where they lie half-way between two numbers: one more bit at the end says that it is there.
    let shift = whole.leading_zeros();
    let moved = whole.checked_shl(shift)?;
    let quotient = moved / u128::from(power);
    // Not asked of the remainder, which would be another division.
    let left_over = quotient * u128::from(power) != moved;
    let rounded = (quotient | u128::from(left_over)) as f64;
    // A power of two changes nothing but the exponent.
    Some(rounded * f64::from_bits(u64::from(1_023 - shift) << 52))
}

/// The multiple of 10^-`scale` nearest to `value`; `None` when it is not finite or needs more than 53 bits.
#[inline]
#[must_use]
pub(crate) fn to_decimal(value: f64, scale: u32) -> Option<Decimal> {
    to_units(value, scale).map(|units| of_units(units, scale))
}

/// `units` × 10^-`scale`.
#[inline]
#[must_use]
pub(crate) fn of_units(units: i64, scale: u32) -> Decimal {
    Halves::new(units.unsigned_abs(), 0, units < 0, scale).into()
}

/// The `f64` nearest to `units` × 10^-`scale`, as [`to_f64`] gives it; `None` when they need more than 53 bits.
#[inline]
#[must_use]
pub(crate) fn from_units(units: i64, scale: u32) -> Option<f64> {
    // Both operands are exact, so the quotient is correctly rounded.
    let power = POWERS.get(scale as usize)?;
    (units.unsigned_abs() < EXACT).then(|| units as f64 / power)
}

/// How many 10^-`scale` are nearest to `value`; `None` when it is not finite or they need more than 53 bits.
#[inline]
#[must_use]
pub(crate) fn to_units(value: f64, scale: u32) -> Option<i64> {
    let scaled = value * POWERS.get(scale as usize)?;
    if scaled.is_nan() || scaled.abs() >= EXACT as f64 {
        return None;
    }
    // What `round` gives, half away from zero, without a call: below 2⁵³ the whole part and the rest are exact.
    let whole = scaled as i64;
    let rest = scaled - whole as f64;
    let nearest = whole + i64::from(rest >= 0.5) - i64::from(rest <= -0.5);
    (nearest.unsigned_abs() < EXACT).then_some(nearest)
}

/// Between which numbers many others lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Between {
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Between {
    /// The least and the most of some numbers; of none the largest and the smallest that there are.
    pub(crate) fn of(numbers: &[f64]) -> Self {
        const LANES: usize = 8;
        // Side by side, so that the machine compares several at once.
        let mut least = [f64::INFINITY; LANES];
        let mut most = [f64::NEG_INFINITY; LANES];
        let (rows, rest) = numbers.as_chunks::<LANES>();
        for row in rows {
            for ((least, most), x) in least.iter_mut().zip(&mut most).zip(row) {
                *least = if *x < *least { *x } else { *least };
                *most = if *x > *most { *x } else { *most };
            }
        }
        let all = |lanes: [f64; LANES]| lanes.into_iter().chain(rest.iter().copied());
        Self {
            least: all(least).fold(f64::INFINITY, |least, x| if x < least { x } else { least }),
            most: all(most).fold(f64::NEG_INFINITY, |most, x| if x > most { x } else { most }),
        }
    }

    /// Between which numbers a function that only rises, or only falls, takes them.
    pub(crate) fn map(self, apply: impl Fn(f64) -> f64) -> Self {
        let (a, b) = (apply(self.least), apply(self.most));
        match a <= b {
            true => Self { least: a, most: b },
            false => Self { least: b, most: a },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_decimal_of_any_size_and_its_text_give_the_same_float(
            high in any::<u32>(), low in any::<u64>(), kept in 0..97_u32, scale in 0..29_u32, negative: bool,
        ) {
            let mantissa = ((u128::from(high) << 64 | u128::from(low)) >> (96 - kept)) as i128;
            let sign = if negative { -1 } else { 1 };
            let decimal = Decimal::from_i128_with_scale(sign * mantissa, scale);
            prop_assert_eq!(to_f64(decimal), decimal.to_string().parse::<f64>().expect("a float"));
        }

        #[test]
        fn the_nearest_unit_is_what_rounding_gives(value: f64, near in -1e17..1e17_f64, half in -1_000_i64..1_000) {
            let halves = half as f64 + 0.5;
            for value in [value, near, near / 1e9, halves, halves.next_up(), halves.next_down(), 0.5_f64.next_down()] {
                let rounded = value.round();
                let expected = (rounded.abs() < EXACT as f64).then_some(rounded as i64);
                prop_assert_eq!(to_units(value, 0), expected, "{}", value);
            }
        }

        #[test]
        fn half_way_goes_to_the_even_one(whole in 1_u64 << 52..1 << 53, scale in 0..6_u32, left_over in 0..3_i128) {
            // Half-way between two numbers of 53 bits, or a little beside it.
            let half_way = (i128::from(whole) * 2 + 1) * 10_i128.pow(scale) + left_over - 1;
            let decimal = Decimal::from_i128_with_scale(half_way, scale);
            prop_assert_eq!(to_f64(decimal), decimal.to_string().parse::<f64>().expect("a float"));
        }
    }

    #[test]
    fn a_decimal_and_its_text_give_the_same_float() {
        for text in [
            "96466.11",
            "0.1",
            "0.00000001",
            "-12.5",
            "79228162514264337593543950335",
            "0.3333333333333333333333333333",
        ] {
            let decimal: Decimal = text.parse().expect("a decimal");
            assert_eq!(to_f64(decimal), text.parse::<f64>().expect("a float"), "{text}");
        }
    }

    #[test]
    fn a_float_read_from_a_tick_price_goes_back_to_the_same_tick() {
        for mantissa in (1..2_000_000_i64).step_by(997) {
            for scale in [0, 2, 5, 8] {
                let decimal = Decimal::new(mantissa, scale);
                assert_eq!(to_decimal(to_f64(decimal), scale), Some(decimal));
                assert_eq!(from_units(mantissa, scale), Some(to_f64(decimal)));
            }
        }
        assert_eq!(to_decimal(f64::NAN, 2), None);
        assert_eq!(from_units(1 << 53, 2), None);
        assert_eq!(to_decimal(1e300, 2), None);
    }
}
