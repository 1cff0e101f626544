//! Arithmetic of decimals in registers: to the last bit what their type computes, which property tests hold.
//!
//! Nearly all numbers have so few digits that a register holds them; what has more lies elsewhere, so that nothing is made
//! ready for it.

use rust_decimal::{Decimal, RoundingStrategy};
use std::cmp::Ordering;

/// A decimal as two registers hold it. So it goes from function to function without a way through memory, on which a number
/// that is read in one piece soon after it was written in several is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Halves {
    /// Sign and digits after the point, as their type keeps them, and the highest 32 bits of the digits.
    head: u64,
    /// The lowest 64 bits of the digits.
    low: u64,
}

/// Where a decimal keeps its sign and how many digits are after the point.
const SIGN: u32 = 31;
const SCALE: u32 = 16;

impl From<Decimal> for Halves {
    #[inline(always)]
    fn from(value: Decimal) -> Self {
        let [head, low] = bytemuck::cast::<Decimal, [u64; 2]>(value).map(in_order);
        Self { head, low }
    }
}

impl From<Halves> for Decimal {
    #[inline(always)]
    fn from(Halves { head, low }: Halves) -> Self {
        bytemuck::cast([head, low].map(in_order))
    }
}

/// Two neighbours of 32 bits as one number, the first one low: what a machine reads that keeps the lowest byte first.
#[inline(always)]
const fn in_order(neighbours: u64) -> u64 {
    if cfg!(target_endian = "big") {
        neighbours.rotate_left(u32::BITS)
    } else {
        neighbours
    }
}

impl Halves {
    const ZERO: Self = Self { head: 0, low: 0 };

    /// A number by its parts. Nothing has no sign.
    #[inline(always)]
    pub(crate) const fn new(low: u64, high: u32, is_negative: bool, scale: u32) -> Self {
        let is_negative = is_negative && (low != 0 || high != 0);
        let flags = (is_negative as u32) << SIGN | scale << SCALE;
        Self {
            head: (high as u64) << u32::BITS | flags as u64,
            low,
        }
    }

    #[inline(always)]
    const fn high(self) -> u32 {
        (self.head >> u32::BITS) as u32
    }

    /// Digits after the point.
    #[inline(always)]
    pub(crate) const fn scale(self) -> u32 {
        self.head as u32 >> SCALE & 0xff
    }

    /// Whether its sign is minus.
    #[inline(always)]
    pub(crate) const fn is_negative(self) -> bool {
        self.head as u32 >> SIGN == 1
    }

    #[inline(always)]
    const fn is_zero(self) -> bool {
        self.low == 0 && self.high() == 0
    }

    #[inline(always)]
    const fn negated(self) -> Self {
        let Self { head, low } = self;
        Self {
            head: head ^ 1 << SIGN,
            low,
        }
    }

    /// The digits, without sign and point, if 64 bits hold them.
    #[inline(always)]
    pub(crate) const fn digits(self) -> Option<u64> {
        match self.high() {
            0 => Some(self.low),
            _ => None,
        }
    }

    /// All digits, without sign and point.
    #[inline(always)]
    pub(crate) const fn all_digits(self) -> u128 {
        (self.high() as u128) << u64::BITS | self.low as u128
    }
}

#[inline(never)]
pub(super) fn compare(a: Halves, b: Halves) -> Ordering {
    let Some((x, y, _)) = aligned(a, b) else {
        return long::compare(a, b);
    };
    match (a.is_negative(), b.is_negative()) {
        (false, false) => x.cmp(&y),
        (true, true) => y.cmp(&x),
        // Zeros are equal whatever their sign.
        _ if x | y == 0 => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

#[inline(never)]
pub(super) fn add(a: Halves, b: Halves) -> Halves {
    // Nothing leaves the other its digits after the point.
    if a.is_zero() {
        return b;
    }
    if b.is_zero() {
        return a;
    }
    match sum(a, b) {
        Some(sum) => sum,
        None => long::add(a, b),
    }
}

#[inline(never)]
pub(super) fn subtract(a: Halves, b: Halves) -> Halves {
    match (a.is_zero(), b.is_zero()) {
        (true, true) => return b,
        (true, false) => return b.negated(),
        (false, true) => return a,
        (false, false) => {}
    }
    match sum(a, b.negated()) {
        Some(difference) => difference,
        None => long::add(a, b.negated()),
    }
}

#[inline(never)]
pub(super) fn multiply(a: Halves, b: Halves) -> Halves {
    let scale = a.scale() + b.scale();
    if let (Some(x), Some(y)) = (a.digits(), b.digits())
        && scale <= Decimal::MAX_SCALE
    {
        let size = u128::from(x) * u128::from(y);
        // Zero has rules of its own.
        if size != 0 && size >> 96 == 0 {
            let high = (size >> u64::BITS) as u32;
            return Halves::new(size as u64, high, a.is_negative() != b.is_negative(), scale);
        }
    }
    long::multiply(a, b)
}

#[inline(never)]
pub(super) fn round(value: Halves, places: u32, strategy: RoundingStrategy) -> Halves {
    let Some(surplus) = value.scale().checked_sub(places) else {
        return value;
    };
    if let (Some(size), Some(power)) = (value.digits(), POWERS.get(surplus as usize)) {
        let (whole, rest) = (size / power, size % power);
        let rounded = match strategy {
            RoundingStrategy::ToZero => whole,
            RoundingStrategy::AwayFromZero => whole + u64::from(rest > 0),
            // Left to the type, as what becomes zero is.
            _ => 0,
        };
        if rounded != 0 {
            return Halves::new(rounded, 0, value.is_negative(), places);
        }
    }
    long::round(value, places, strategy)
}

/// `value * multiplier`: most multipliers are exactly 1, which changes nothing.
#[inline(always)]
pub(super) fn scaled(value: Halves, multiplier: Halves) -> Halves {
    let is_one = multiplier.head == 0 && multiplier.low == 1;
    if is_one {
        value
    } else {
        multiply(value, multiplier)
    }
}

#[inline(always)]
pub(super) fn within(value: Halves, places: u32) -> Halves {
    if value.scale() > places {
        long::round(value, places, RoundingStrategy::MidpointNearestEven)
    } else {
        value
    }
}

#[inline(always)]
pub(super) const fn signed(value: Halves, turned: bool) -> Halves {
    match turned {
        _ if value.is_zero() => Halves::ZERO,
        true => value.negated(),
        false => value,
    }
}

#[inline(always)]
pub(super) fn larger(a: Halves, b: Halves) -> Halves {
    if compare(a, b).is_lt() { b } else { a }
}

#[inline(always)]
pub(super) fn smaller(a: Halves, b: Halves) -> Halves {
    if compare(a, b).is_gt() { b } else { a }
}

#[inline(always)]
pub(super) const fn at_least_zero(value: Halves) -> Halves {
    if value.is_negative() && !value.is_zero() {
        Halves::ZERO
    } else {
        value
    }
}

/// The digits of two numbers at the scale of the finer one, and that scale, if 64 bits hold them.
#[inline(always)]
const fn aligned(a: Halves, b: Halves) -> Option<(u64, u64, u32)> {
    let (Some(x), Some(y)) = (a.digits(), b.digits()) else {
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

/// The sum of two numbers; `None` where 64 bits are too few.
#[inline(always)]
const fn sum(a: Halves, b: Halves) -> Option<Halves> {
    let Some((x, y, scale)) = aligned(a, b) else {
        return None;
    };
    let is_negative = a.is_negative();
    let (size, is_negative) = if is_negative == b.is_negative() {
        match x.checked_add(y) {
            Some(size) => (size, is_negative),
            None => return None,
        }
    } else {
        (x.abs_diff(y), is_negative != (x < y))
    };
    Some(Halves::new(size, 0, is_negative, scale))
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
    use super::{Decimal, Halves, Ordering, POWERS, RoundingStrategy};

    #[inline(never)]
    pub(super) fn compare(a: Halves, b: Halves) -> Ordering {
        match aligned(a, b) {
            Some((x, y, _)) => x.cmp(&y),
            None => Decimal::from(a).cmp(&b.into()),
        }
    }

    #[inline(never)]
    pub(super) fn add(a: Halves, b: Halves) -> Halves {
        let sum = aligned(a, b).and_then(|(x, y, scale)| of_digits(x + y, scale));
        sum.unwrap_or_else(|| (Decimal::from(a) + Decimal::from(b)).into())
    }

    #[cold]
    #[inline(never)]
    pub(super) fn multiply(a: Halves, b: Halves) -> Halves {
        (Decimal::from(a) * Decimal::from(b)).into()
    }

    #[cold]
    #[inline(never)]
    pub(super) fn round(value: Halves, places: u32, strategy: RoundingStrategy) -> Halves {
        Decimal::from(value)
            .round_dp_with_strategy(places, strategy)
            .into()
    }

    /// The digits of two numbers, signed, at the scale of the finer one, and that scale; `None` where there are too many.
    #[inline(always)]
    fn aligned(a: Halves, b: Halves) -> Option<(i128, i128, u32)> {
        let (x, y) = (signed(a), signed(b));
        let (s, t) = (a.scale(), b.scale());
        if s == t {
            return Some((x, y, s));
        }
        let power = i128::from(*POWERS.get(s.abs_diff(t) as usize)?);
        // Of 64 bits and the 64 of a power; the sum with the 96 of the other has room, too.
        let moved = i128::from(i64::try_from(if s < t { x } else { y }).ok()?) * power;
        Some(if s < t { (moved, y, t) } else { (x, moved, s) })
    }

    /// The digits with their sign.
    #[inline(always)]
    fn signed(value: Halves) -> i128 {
        let size = value.all_digits().cast_signed();
        if value.is_negative() { -size } else { size }
    }

    /// The number with these digits; `None` where there are too many.
    #[inline(always)]
    fn of_digits(digits: i128, scale: u32) -> Option<Halves> {
        let size = digits.unsigned_abs();
        let high = (size >> u64::BITS) as u32;
        (size >> 96 == 0).then(|| Halves::new(size as u64, high, digits < 0, scale))
    }
}
