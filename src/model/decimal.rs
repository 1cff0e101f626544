//! How exact decimals travel: text for people and programs, sixteen bytes in snapshots and hashes.
//!
//! Use as `#[serde(with = "crate::model::decimal")]`. JSON numbers are accepted on the way in.

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
// fetched anew each time; as one function it stays at hand. Nearly all numbers have so few digits that a register holds them;
// what has more lies elsewhere, so that nothing is made ready for it.

/// The order of two decimals.
#[inline(never)]
#[must_use]
pub(crate) fn compare(a: Decimal, b: Decimal) -> Ordering {
    let Some((x, y, _)) = aligned(a, b) else {
        return long::compare(a, b);
    };
    match (a.is_sign_negative(), b.is_sign_negative()) {
        (false, false) => x.cmp(&y),
        (true, true) => y.cmp(&x),
        // Zeros are equal whatever their sign.
        _ if x | y == 0 => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

/// `a + b`.
///
/// # Panics
/// When it is out of range.
#[inline(never)]
#[must_use]
pub(crate) fn add(a: Decimal, b: Decimal) -> Decimal {
    // Nothing leaves the other its digits after the point.
    if a.is_zero() {
        return b;
    }
    if b.is_zero() {
        return a;
    }
    match sum(a, b, b.is_sign_negative()) {
        Some(sum) => sum,
        None => long::add(a, b),
    }
}

/// `a - b`.
///
/// # Panics
/// When it is out of range.
#[inline(never)]
#[must_use]
pub(crate) fn subtract(a: Decimal, b: Decimal) -> Decimal {
    match (a.is_zero(), b.is_zero()) {
        (true, true) => return b,
        (true, false) => return -b,
        (false, true) => return a,
        (false, false) => {}
    }
    match sum(a, b, !b.is_sign_negative()) {
        Some(difference) => difference,
        None => long::subtract(a, b),
    }
}

/// `a * b`.
///
/// # Panics
/// When it is out of range.
#[inline(never)]
#[must_use]
pub(crate) fn multiply(a: Decimal, b: Decimal) -> Decimal {
    let scale = a.scale() + b.scale();
    if let (Some(x), Some(y)) = (digits(a), digits(b))
        && scale <= Decimal::MAX_SCALE
    {
        let size = u128::from(x) * u128::from(y);
        // Zero has rules of its own.
        if size != 0 && size >> 96 == 0 {
            let (low, middle, high) = (size as u32, (size >> 32) as u32, (size >> 64) as u32);
            let is_negative = a.is_sign_negative() != b.is_sign_negative();
            return Decimal::from_parts(low, middle, high, is_negative, scale);
        }
    }
    long::multiply(a, b)
}

/// What [`Decimal::round_dp_with_strategy`] gives.
#[inline(never)]
#[must_use]
pub(crate) fn round(value: Decimal, places: u32, strategy: RoundingStrategy) -> Decimal {
    let Some(surplus) = value.scale().checked_sub(places) else {
        return value;
    };
    if let (Some(size), Some(power)) = (digits(value), POWERS.get(surplus as usize)) {
        let (whole, rest) = (size / power, size % power);
        let rounded = match strategy {
            RoundingStrategy::ToZero => whole,
            RoundingStrategy::AwayFromZero => whole + u64::from(rest > 0),
            // Left to the type, as what becomes zero is.
            _ => 0,
        };
        if rounded != 0 {
            let (low, high) = (rounded as u32, (rounded >> 32) as u32);
            return Decimal::from_parts(low, high, 0, value.is_sign_negative(), places);
        }
    }
    value.round_dp_with_strategy(places, strategy)
}

/// The digits of a number, without sign and point, if 64 bits hold them.
#[inline(always)]
#[must_use]
pub(crate) const fn digits(value: Decimal) -> Option<u64> {
    let parts = value.unpack();
    if parts.hi != 0 {
        return None;
    }
    Some((parts.mid as u64) << 32 | parts.lo as u64)
}

/// The digits of two numbers at the scale of the finer one, and that scale, if 64 bits hold them.
#[inline(always)]
const fn aligned(a: Decimal, b: Decimal) -> Option<(u64, u64, u32)> {
    let (Some(x), Some(y)) = (digits(a), digits(b)) else {
        return None;
    };
    let (s, t) = (a.scale(), b.scale());
    if s == t {
        return Some((x, y, s));
    }
    let finer = s.abs_diff(t) as usize;
    if finer >= POWERS.len() {
        return None;
    }
    let coarser = if s < t { x } else { y };
    match coarser.checked_mul(POWERS[finer]) {
        Some(moved) if s < t => Some((moved, y, t)),
        Some(moved) => Some((x, moved, s)),
        None => None,
    }
}

/// The sum of two numbers, the second with another sign; `None` where 64 bits are too few.
#[inline(always)]
const fn sum(a: Decimal, b: Decimal, b_is_negative: bool) -> Option<Decimal> {
    let Some((x, y, scale)) = aligned(a, b) else {
        return None;
    };
    let a_is_negative = a.is_sign_negative();
    let (size, is_negative) = if a_is_negative == b_is_negative {
        match x.checked_add(y) {
            Some(size) => (size, a_is_negative),
            None => return None,
        }
    } else {
        (x.abs_diff(y), a_is_negative != (x < y))
    };
    Some(Decimal::from_parts(
        size as u32,
        (size >> 32) as u32,
        0,
        is_negative,
        scale,
    ))
}

/// Powers of ten.
const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut digits = 1;
    while digits < powers.len() {
        powers[digits] = powers[digits - 1] * 10;
        digits += 1;
    }
    powers
};

/// What needs more than 64 bits: an account's cash, to the last digit, does. 128 hold the digits of nearly all that comes
/// together with it, at the scale of the finer one.
mod long {
    use super::{Decimal, Ordering, POWERS};

    #[inline(never)]
    pub(super) fn compare(a: Decimal, b: Decimal) -> Ordering {
        match aligned(a, b) {
            Some((x, y, _)) => x.cmp(&y),
            None => a.cmp(&b),
        }
    }

    #[inline(never)]
    pub(super) fn add(a: Decimal, b: Decimal) -> Decimal {
        let sum = aligned(a, b).and_then(|(x, y, scale)| of_digits(x + y, scale));
        sum.unwrap_or_else(|| a + b)
    }

    #[inline(never)]
    pub(super) fn subtract(a: Decimal, b: Decimal) -> Decimal {
        let difference = aligned(a, b).and_then(|(x, y, scale)| of_digits(x - y, scale));
        difference.unwrap_or_else(|| a - b)
    }

    #[cold]
    #[inline(never)]
    pub(super) fn multiply(a: Decimal, b: Decimal) -> Decimal {
        a * b
    }

    /// The digits of two numbers, signed, at the scale of the finer one, and that scale; `None` where there are too many.
    #[inline(always)]
    fn aligned(a: Decimal, b: Decimal) -> Option<(i128, i128, u32)> {
        let (x, y) = (a.mantissa(), b.mantissa());
        let (s, t) = (a.scale(), b.scale());
        if s == t {
            return Some((x, y, s));
        }
        let power = i128::from(*POWERS.get(s.abs_diff(t) as usize)?);
        // Of 64 bits and the 64 of a power; the sum with the 96 of the other has room, too.
        let moved = i128::from(i64::try_from(if s < t { x } else { y }).ok()?) * power;
        Some(if s < t { (moved, y, t) } else { (x, moved, s) })
    }

    /// The number with these digits; `None` where there are too many.
    #[inline(always)]
    fn of_digits(digits: i128, scale: u32) -> Option<Decimal> {
        let size = digits.unsigned_abs();
        let (low, middle, high) = (size as u32, (size >> 32) as u32, (size >> 64) as u32);
        (size >> 96 == 0).then(|| Decimal::from_parts(low, middle, high, digits < 0, scale))
    }
}

/// The larger one; of equals `a`.
#[inline]
#[must_use]
pub(crate) fn larger(a: Decimal, b: Decimal) -> Decimal {
    if compare(a, b).is_lt() { b } else { a }
}

/// The smaller one; of equals `a`.
#[inline]
#[must_use]
pub(crate) fn smaller(a: Decimal, b: Decimal) -> Decimal {
    if compare(a, b).is_gt() { b } else { a }
}

/// The number, or zero where it is below it.
#[inline]
#[must_use]
pub(crate) const fn at_least_zero(value: Decimal) -> Decimal {
    if value.is_sign_negative() && !value.is_zero() {
        Decimal::ZERO
    } else {
        value
    }
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

    #[test]
    fn zeros_are_equal_whatever_their_sign() {
        let zero = |text: &str| text.parse::<Decimal>().expect("a number");
        assert_eq!(compare(zero("-0.00"), zero("0.00")), Ordering::Equal);
        assert_eq!(compare(zero("-0.0"), zero("0.000")), Ordering::Equal);
    }
}
