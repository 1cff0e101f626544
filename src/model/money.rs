//! Amounts of money.
//!
//! | operation | gives | overflow or mismatch |
//! |---|---|---|
//! | `Money + Money`, `Money - Money` | `Money` | panics: two currencies in one sum are a bug, never an input |
//! | `-Money` | `Money` | |
//! | `Money * Decimal` | `Money`, rounded half to even at [`Money::SCALE`] digits | panics past ±7.9·10²⁸ |
//! | `Instrument::notional(Price, Quantity)` | `Money` in the quote currency | panics past ±7.9·10²⁸ |
//! | `Money / Money` | not offered: use [`Money::ratio`], an `f64` | zero below gives 0 |
//!
//! Sums are exact as long as amounts stay below [`Money::EXACT_BELOW`]: the risk check denies larger orders, and who takes
//! capital in sees to it.

use super::{Currency, decimal};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::{fmt, ops};

/// An exact amount of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// The amount, in whole units of the currency.
    #[serde(with = "super::decimal")]
    pub amount: Decimal,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// Digits after the point that products are rounded to: beyond any currency's own and any tick × lot in use.
    pub const SCALE: u32 = 12;

    /// 10¹⁶: sums of amounts below it are exact.
    pub const EXACT_BELOW: Decimal = Decimal::from_parts(0x6fc1_0000, 0x0023_86f2, 0, false, 0);

    /// An amount of a currency; products beyond [`Money::SCALE`] digits are rounded half to even.
    #[inline]
    #[must_use]
    pub fn new(amount: Decimal, currency: Currency) -> Self {
        Self {
            amount: decimal::within(amount, Self::SCALE),
            currency,
        }
    }

    /// No money.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self {
            amount: Decimal::ZERO,
            currency,
        }
    }

    /// Whether the amount is exactly zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.amount.is_zero()
    }

    /// The nearest `f64`, for ratios and charts; never the way back into money.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        super::float::to_f64(self.amount)
    }

    /// This amount as a share of `whole`; 0 when `whole` is zero.
    ///
    /// # Panics
    /// When the currencies differ.
    #[must_use]
    pub fn ratio(self, whole: Self) -> f64 {
        self.assert_same(whole);
        if whole.is_zero() {
            0.0
        } else {
            self.to_f64() / whole.to_f64()
        }
    }

    #[inline]
    #[track_caller]
    fn assert_same(self, other: Self) {
        assert!(
            self.currency == other.currency,
            "{} and {} do not add up",
            self.currency,
            other.currency
        );
    }
}

impl ops::Add for Money {
    type Output = Self;

    #[inline]
    #[track_caller]
    fn add(self, other: Self) -> Self {
        self.assert_same(other);
        Self {
            amount: decimal::add(self.amount, other.amount),
            currency: self.currency,
        }
    }
}

impl ops::Sub for Money {
    type Output = Self;

    #[inline]
    #[track_caller]
    fn sub(self, other: Self) -> Self {
        self.assert_same(other);
        Self {
            amount: decimal::subtract(self.amount, other.amount),
            currency: self.currency,
        }
    }
}

impl ops::AddAssign for Money {
    #[inline]
    #[track_caller]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl ops::SubAssign for Money {
    #[inline]
    #[track_caller]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl ops::Neg for Money {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            amount: -self.amount,
            currency: self.currency,
        }
    }
}

impl ops::Mul<Decimal> for Money {
    type Output = Self;

    fn mul(self, factor: Decimal) -> Self {
        Self::new(decimal::multiply(self.amount, factor), self.currency)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}
