//! How exact decimals travel: text for people and programs, sixteen bytes in snapshots and hashes.
//!
//! Use as `#[serde(with = "crate::model::decimal")]`. JSON numbers are accepted on the way in.

mod halves;

pub(crate) use halves::Halves;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;

/// Writes the decimal as text, or as its sixteen bytes in binary formats.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.collect_str(value)
    } else {
        value.serialize().serialize(serializer)
    }
}

/// Reads what [`serialize`] wrote, and JSON numbers.
///
/// # Errors
/// When the text is no decimal number.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    if !deserializer.is_human_readable() {
        return <[u8; 16]>::deserialize(deserializer).map(Decimal::deserialize);
    }
    struct Visitor;
    impl serde::de::Visitor<'_> for Visitor {
        type Value = Decimal;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a decimal number, such as \"100000.50\"")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Decimal, E> {
            parse(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
        }

        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Decimal, E> {
            Ok(Decimal::from(number))
        }

        fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Decimal, E> {
            Ok(Decimal::from(number))
        }

        fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Decimal, E> {
            parse(&number.to_string())
                .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Float(number), &self))
        }
    }
    deserializer.deserialize_any(Visitor)
}

/// Parses plain (`12.50`) or scientific (`1e-7`) notation; `None` when it is no number or out of range.
#[must_use]
pub fn parse(text: &str) -> Option<Decimal> {
    let text = text.trim();
    text.parse().ok().or_else(|| Decimal::from_scientific(text).ok())
}

/// Whether a decimal is above zero: a look at two of its parts, where a comparison aligns both sides first.
#[must_use]
pub(crate) const fn is_positive(value: Decimal) -> bool {
    !value.is_zero() && !value.is_sign_negative()
}

// What a round trip computes with decimals is done once each, at a hundred places. Inlined at each of them, it would be
// fetched anew each time; as one function it stays at hand.

/// The order of two decimals.
#[inline(always)]
#[must_use]
pub(crate) fn compare(a: Decimal, b: Decimal) -> Ordering {
    halves::compare(a.into(), b.into())
}

/// `a + b`.
///
/// # Panics
/// When it is out of range.
#[inline(always)]
#[must_use]
pub(crate) fn add(a: Decimal, b: Decimal) -> Decimal {
    halves::add(a.into(), b.into()).into()
}

/// `a - b`.
///
/// # Panics
/// When it is out of range.
#[inline(always)]
#[must_use]
pub(crate) fn subtract(a: Decimal, b: Decimal) -> Decimal {
    halves::subtract(a.into(), b.into()).into()
}

/// `a * b`.
///
/// # Panics
/// When it is out of range.
#[inline(always)]
#[must_use]
pub(crate) fn multiply(a: Decimal, b: Decimal) -> Decimal {
    halves::multiply(a.into(), b.into()).into()
}

/// `price * quantity * multiplier`.
///
/// # Panics
/// When it is out of range.
#[inline(always)]
#[must_use]
pub(crate) fn product(price: Decimal, quantity: Decimal, multiplier: Decimal) -> Decimal {
    let value = halves::multiply(price.into(), quantity.into());
    halves::scaled(value, multiplier.into()).into()
}

/// The number with at most so many digits after the point, rounded half to even.
#[inline(always)]
#[must_use]
pub(crate) fn within(value: Decimal, places: u32) -> Decimal {
    halves::within(value.into(), places).into()
}

/// The number with another sign, if `turned`; zero has neither sign nor digits.
#[inline(always)]
#[must_use]
pub(crate) fn signed(value: Decimal, turned: bool) -> Decimal {
    halves::signed(value.into(), turned).into()
}

/// What [`Decimal::round_dp_with_strategy`] gives.
#[inline(always)]
#[must_use]
pub(crate) fn round(value: Decimal, places: u32, strategy: RoundingStrategy) -> Decimal {
    halves::round(value.into(), places, strategy).into()
}

/// The digits of a number, without sign and point, if 64 bits hold them.
#[inline(always)]
#[must_use]
pub(crate) fn digits(value: Decimal) -> Option<u64> {
    Halves::from(value).digits()
}

/// The larger one; of equals `a`.
#[inline(always)]
#[must_use]
pub(crate) fn larger(a: Decimal, b: Decimal) -> Decimal {
    halves::larger(a.into(), b.into()).into()
}

/// The smaller one; of equals `a`.
#[inline(always)]
#[must_use]
pub(crate) fn smaller(a: Decimal, b: Decimal) -> Decimal {
    halves::smaller(a.into(), b.into()).into()
}

/// The number, or zero where it is below it.
#[inline(always)]
#[must_use]
pub(crate) fn at_least_zero(value: Decimal) -> Decimal {
    halves::at_least_zero(value.into()).into()
}

/// Whether a decimal is exactly 1 and has no digits after the point.
#[must_use]
pub(crate) const fn is_one(value: Decimal) -> bool {
    value.scale() == 0 && value.mantissa() == 1
}

/// `whole × share ÷ of`, multiplied first, which is exact, unless the product is out of range.
#[must_use]
pub(crate) fn part(whole: Decimal, share: Decimal, of: Decimal) -> Decimal {
    whole
        .checked_mul(share)
        .map_or_else(|| whole * (share / of), |product| product / of)
}

/// The same for optional decimals: `null` or absent is `None`.
pub mod option {
    use super::{Decimal, Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Wrapped(#[serde(with = "super")] Decimal);

    /// Writes `null`, or the decimal as [`super::serialize`] does.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(Wrapped).serialize(serializer)
    }

    /// Reads what [`serialize`] wrote.
    ///
    /// # Errors
    /// When the text is no decimal number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
        Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decimals_compare_as_their_type_does(
            a: i64, near in -2_i64..=2, b: i64, alike: bool, scale in 0..20_u32, other in 0..20_u32, same: bool, high: u32,
        ) {
            let b = if alike { a.saturating_add(near) } else { b };
            let scaled = |units: i64, scale| Decimal::from_i128_with_scale(i128::from(units) * i128::from(high | 1), scale);
            let (a, b) = (scaled(a, scale), scaled(b, if same { scale } else { other }));
            prop_assert_eq!(compare(a, b), a.cmp(&b), "{} and {}", a, b);
        }
    }

    proptest! {
        #[test]
        fn what_is_computed_here_is_what_their_type_computes(
            a: i64, near in -2_i64..=2, b: i64, alike: bool, scale in 0..=28_u32, other in 0..=28_u32, same: bool,
            bits in 0..64_u32, high: u32, high_of_b: u32,
        ) {
            let b = if alike { a.saturating_add(near) } else { b };
            let scaled = |units: i64, high: u32, scale| {
                Decimal::from_i128_with_scale(i128::from(units >> bits) * i128::from(high.max(1)), scale)
            };
            let (plain, large) = (scaled(a, 1, scale), scaled(a, high, scale));
            let other = if same { scale } else { other };
            for a in [plain, large, -plain] {
                let mut finer = a;
                finer.rescale(other);
                for b in [
                    scaled(b, 1, other), scaled(b, high_of_b, other), Decimal::ZERO, -Decimal::ZERO, Decimal::new(0, 3), a, -a,
                    finer, -finer,
                ] {
                    // To the last bit: the sign of zero and the digits after the point included.
                    let is = |ours: fn(Decimal, Decimal) -> Decimal, theirs: Option<Decimal>| {
                        theirs.is_none_or(|theirs| ours(a, b).serialize() == theirs.serialize())
                    };
                    prop_assert!(is(add, a.checked_add(b)), "{a:?} + {b:?}");
                    prop_assert!(is(subtract, a.checked_sub(b)), "{a:?} - {b:?}");
                    prop_assert!(is(multiply, a.checked_mul(b)), "{a:?} * {b:?}");
                    prop_assert!(is(|a, b| product(a, b, Decimal::ONE), a.checked_mul(b)), "{a:?} * {b:?} * 1");
                    prop_assert_eq!(compare(a, b), a.cmp(&b), "{:?} and {:?}", a, b);
                    prop_assert_eq!(larger(a, b).serialize(), a.max(b).serialize());
                    prop_assert_eq!(smaller(a, b).serialize(), a.min(b).serialize());
                    prop_assert_eq!(at_least_zero(a).serialize(), a.max(Decimal::ZERO).serialize());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn rounding_is_what_their_type_does(
            units: i64, high: u32, bits in 0..64_u32, zeros in 0..6_u32, scale in 0..=28_u32, places in 0..=28_u32,
        ) {
            use RoundingStrategy::{AwayFromZero, MidpointNearestEven, ToNegativeInfinity, ToZero};
            let whole = (units >> bits) / 10_i64.pow(zeros) * 10_i64.pow(zeros);
            for digits in [i128::from(whole), i128::from(whole) * i128::from(high)] {
                let value = Decimal::from_i128_with_scale(digits, scale);
                for strategy in [ToZero, AwayFromZero, ToNegativeInfinity, MidpointNearestEven] {
                    let theirs = value.round_dp_with_strategy(places, strategy);
                    let ours = round(value, places, strategy);
                    prop_assert_eq!(ours.serialize(), theirs.serialize(), "{:?} to {} {:?}", value, places, strategy);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_decimal_comes_back_from_its_halves(low: u32, middle: u32, high: u32, negative: bool, scale in 0..=28_u32, places in 0..=28_u32) {
            for (middle, high) in [(middle, high), (middle, 0), (0, 0)] {
                let value = Decimal::from_parts(low, middle, high, negative, scale);
                prop_assert_eq!(Decimal::from(Halves::from(value)).serialize(), value.serialize());
                let halves = Halves::from(value);
                prop_assert_eq!((halves.scale(), halves.is_negative()), (value.scale(), value.is_sign_negative()));
                prop_assert_eq!(halves.all_digits(), value.mantissa().unsigned_abs());
                prop_assert_eq!(within(value, places).serialize(), {
                    let is_finer = value.scale() > places;
                    if is_finer { value.round_dp(places) } else { value }.serialize()
                });
                let turned = if value.is_zero() { Decimal::ZERO } else { -value };
                prop_assert_eq!(signed(value, true).serialize(), turned.serialize());
                let straight = if value.is_zero() { Decimal::ZERO } else { value };
                prop_assert_eq!(signed(value, false).serialize(), straight.serialize());
                if let Some(twice) = value.checked_mul(Decimal::TWO) {
                    prop_assert_eq!(product(value, Decimal::ONE, Decimal::TWO).serialize(), twice.serialize());
                }
            }
        }
    }

    #[test]
    fn zeros_are_equal_whatever_their_sign() {
        let zero = |text: &str| text.parse::<Decimal>().expect("a number");
        assert_eq!(compare(zero("-0.00"), zero("0.00")), Ordering::Equal);
        assert_eq!(compare(zero("-0.0"), zero("0.000")), Ordering::Equal);
    }
}
