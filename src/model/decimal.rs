//! How exact decimals travel: text for people and programs, sixteen bytes in snapshots and hashes.
//!
//! Use as `#[serde(with = "crate::model::decimal")]`. JSON numbers are accepted on the way in.

use rust_decimal::Decimal;
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

/// The order of two decimals: of two with as many digits after the point that of their digits, which nothing has to align
/// first.
#[inline]
#[must_use]
pub(crate) fn compare(a: Decimal, b: Decimal) -> Ordering {
    if a.scale() == b.scale() {
        a.mantissa().cmp(&b.mantissa())
    } else {
        a.cmp(&b)
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

    #[test]
    fn zeros_are_equal_whatever_their_sign() {
        let zero = |text: &str| text.parse::<Decimal>().expect("a number");
        assert_eq!(compare(zero("-0.00"), zero("0.00")), Ordering::Equal);
        assert_eq!(compare(zero("-0.0"), zero("0.000")), Ordering::Equal);
    }
}
