//! Prices, quantities and sides of orders.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, fmt};

macro_rules! decimal_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(#[serde(with = "super::decimal")] pub Decimal);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(Decimal::ZERO);

            /// The nearest `f64`, for series and charts; never the way back into money.
            #[must_use]
            pub fn to_f64(self) -> f64 {
                super::float::to_f64(self.0)
            }
        }

        impl Ord for $name {
            #[inline]
            fn cmp(&self, other: &Self) -> Ordering {
                super::decimal::compare(self.0, other.0)
            }

            #[inline]
            fn max(self, other: Self) -> Self {
                // Of equals the last, as everywhere.
                Self(super::decimal::larger(other.0, self.0))
            }

            #[inline]
            fn min(self, other: Self) -> Self {
                Self(super::decimal::smaller(self.0, other.0))
            }
        }

        impl PartialOrd for $name {
            #[inline]
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

decimal_newtype! {
    /// A price: units of quote currency for one unit of the instrument, before the multiplier.
    Price
}

decimal_newtype! {
    /// A quantity of an instrument, in its own units (coins, shares, contracts). Positions carry a sign: long is
    /// positive, short negative; orders and fills do not.
    Quantity
}

/// Which way an order or fill goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Takes the instrument, gives money.
    Buy,
    /// Gives the instrument, takes money.
    Sell,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// What `amount` is with the sign of the change in position: itself for buy, its negative for sell.
    #[must_use]
    pub fn signed(self, amount: Decimal) -> Decimal {
        super::decimal::signed(amount, self == Self::Sell)
    }

    /// `+1` for buy, `-1` for sell: the sign of the change in position.
    #[must_use]
    pub const fn sign(self) -> Decimal {
        match self {
            Self::Buy => Decimal::ONE,
            Self::Sell => Decimal::NEGATIVE_ONE,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_with_a_sign_is_its_product_with_the_sign() {
        for text in [
            "0",
            "0.00",
            "-0.00",
            "1.50",
            "-0.001",
            "79228162514264337593543950335",
        ] {
            let amount: Decimal = text.parse().expect("a number");
            for side in [Side::Buy, Side::Sell] {
                assert_eq!(
                    side.signed(amount).serialize(),
                    (amount * side.sign()).serialize(),
                    "{text}"
                );
            }
        }
    }
}
