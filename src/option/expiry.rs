//! What becomes of an option when it expires, or when its holder exercises it before.

use crate::model::{
    ExerciseStyle, OptionRight, OptionSettlement, OptionTerms, Price, Quantity, Side, Timestamp,
};
use crate::portfolio::Delivery;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// How a position in an option ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiryOutcome {
    /// It was worth nothing.
    Worthless,
    /// Its holder, we, made use of it.
    Exercised,
    /// It was sold, and whoever held it made use of it against us.
    Assigned,
}

/// What an option turned into.
///
/// An [`Account`](crate::portfolio::Account) books it in two parts that add up to [`cash`](Expiry::cash): it settles the
/// option at [`option_at`](Expiry::option_at) and delivers the underlying at [`underlying_at`](Expiry::underlying_at). So the
/// option's round trip ends with what the option was worth, and the underlying comes in at its own price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiry {
    /// How it ended.
    pub outcome: ExpiryOutcome,
    /// Cash got (negative: paid), in quote currency: the exercise value, or the strike for what is delivered.
    #[serde(with = "crate::model::decimal")]
    pub cash: Decimal,
    /// Units of the underlying got (negative: delivered); zero when it is settled in cash.
    #[serde(with = "crate::model::decimal")]
    pub underlying_quantity: Decimal,
    /// The strike.
    pub at: Price,
    /// The price at which the option itself ends: its exercise value, zero when it is worthless or its exercise foolish.
    pub option_at: Price,
    /// The price at which the underlying comes or goes: its own, but the strike when exercise was foolish.
    pub underlying_at: Price,
}

impl Expiry {
    /// What is delivered, for the account to book; `None` when nothing is.
    #[must_use]
    pub fn delivery(&self, time: Timestamp) -> Option<Delivery> {
        if self.underlying_quantity == Decimal::ZERO {
            return None;
        }
        let side = if self.underlying_quantity > Decimal::ZERO {
            Side::Buy
        } else {
            Side::Sell
        };
        Some(Delivery {
            side,
            quantity: Quantity(self.underlying_quantity.abs()),
            price: self.underlying_at,
            time,
        })
    }
}

/// Why an option cannot be exercised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExerciseError {
    /// The quantity is zero or negative.
    #[error("the quantity to exercise must be positive")]
    NotPositive,
    /// Only a holder can exercise, and only what he holds.
    #[error("only {held} are held")]
    NotHeld {
        /// The long position; zero for a short one.
        held: Quantity,
    },
    /// A European option is exercised when it expires.
    #[error("a European option is exercised when it expires, on {0}")]
    NotBeforeExpiry(Timestamp),
    /// It is over.
    #[error("the option has expired on {0}")]
    Expired(Timestamp),
    /// Settled in cash it would bring nothing.
    #[error("the option is out of the money and settled in cash: its exercise brings nothing")]
    BringsNothing,
}

/// In the money by this much, in quote currency for one unit of the underlying, an option is exercised at expiry unless
/// its holder objects: "exercise by exception", rule 805 of the Options Clearing Corporation (its threshold since 2008;
/// rule 1804 for index options).
const EXERCISED_FROM: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// What becomes of `position` contracts (negative: sold) of an option on `multiplier` units each, when it expires with its
/// underlying at `settlement`: exercised in the money by 0.01 or more, worthless else.
#[must_use]
pub fn expire(terms: &OptionTerms, multiplier: Decimal, position: Quantity, settlement: Price) -> Expiry {
    let outcome = if position == Quantity::ZERO || exercise_value(terms, settlement) < EXERCISED_FROM {
        ExpiryOutcome::Worthless
    } else if position > Quantity::ZERO {
        ExpiryOutcome::Exercised
    } else {
        ExpiryOutcome::Assigned
    };
    settle(terms, multiplier, position, settlement, outcome)
}

/// What becomes of `quantity` of `position` contracts when their holder asks for it at `now`, with the underlying at
/// `settlement`. An American option may be exercised at any time, also out of the money when the underlying is delivered; a
/// European one not before it expires.
///
/// # Errors
/// [`ExerciseError`] when it is not his to exercise, not the time for it, or brings nothing.
pub fn exercise(
    terms: &OptionTerms,
    multiplier: Decimal,
    position: Quantity,
    quantity: Quantity,
    now: Timestamp,
    settlement: Price,
) -> Result<Expiry, ExerciseError> {
    if quantity <= Quantity::ZERO {
        return Err(ExerciseError::NotPositive);
    }
    if quantity > position {
        return Err(ExerciseError::NotHeld {
            held: position.max(Quantity::ZERO),
        });
    }
    if now > terms.expiry {
        return Err(ExerciseError::Expired(terms.expiry));
    }
    if terms.style == ExerciseStyle::European && now < terms.expiry {
        return Err(ExerciseError::NotBeforeExpiry(terms.expiry));
    }
    let in_cash = terms.settlement == OptionSettlement::Cash;
    if in_cash && exercise_value(terms, settlement) <= Decimal::ZERO {
        return Err(ExerciseError::BringsNothing);
    }
    Ok(settle(
        terms,
        multiplier,
        quantity,
        settlement,
        ExpiryOutcome::Exercised,
    ))
}

/// What exercise brings for one unit of the underlying; negative out of the money.
fn exercise_value(terms: &OptionTerms, settlement: Price) -> Decimal {
    match terms.right {
        OptionRight::Call => settlement.0 - terms.strike.0,
        OptionRight::Put => terms.strike.0 - settlement.0,
    }
}

fn settle(
    terms: &OptionTerms,
    multiplier: Decimal,
    position: Quantity,
    settlement: Price,
    outcome: ExpiryOutcome,
) -> Expiry {
    let value = exercise_value(terms, settlement);
    let units = match outcome {
        ExpiryOutcome::Worthless => Decimal::ZERO,
        ExpiryOutcome::Exercised | ExpiryOutcome::Assigned => position.0 * multiplier,
    };
    let (cash, underlying_quantity) = match (terms.settlement, terms.right) {
        (OptionSettlement::Cash, _) => (units * value, Decimal::ZERO),
        (OptionSettlement::Physical, OptionRight::Call) => (-units * terms.strike.0, units),
        (OptionSettlement::Physical, OptionRight::Put) => (units * terms.strike.0, -units),
    };
    // An option has no negative price: what foolish exercise loses is lost in the underlying.
    let foolish = value < Decimal::ZERO && outcome != ExpiryOutcome::Worthless;
    let worth = if outcome == ExpiryOutcome::Worthless {
        Decimal::ZERO
    } else {
        value.max(Decimal::ZERO)
    };
    Expiry {
        outcome,
        cash,
        underlying_quantity,
        at: terms.strike,
        option_at: Price(worth),
        underlying_at: if foolish { terms.strike } else { settlement },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::decimal;
    use proptest::prelude::*;

    fn terms(right: OptionRight, style: ExerciseStyle, settlement: OptionSettlement) -> OptionTerms {
        OptionTerms {
            underlying: "AAPL".parse().expect("a symbol"),
            strike: Price(decimal("100")),
            right,
            expiry: Timestamp::from_secs(1_000),
            style,
            settlement,
        }
    }

    #[test]
    fn a_cent_in_the_money_is_exercised_or_assigned_and_less_is_worthless() {
        use ExpiryOutcome::{Assigned, Exercised, Worthless};
        use OptionRight::{Call, Put};
        use OptionSettlement::{Cash, Physical};
        for (right, settlement, position, at, outcome, cash, shares) in [
            (Call, Physical, "2", "105", Exercised, "-20000", "200"),
            (Call, Physical, "-2", "105", Assigned, "20000", "-200"),
            (Put, Physical, "2", "95", Exercised, "20000", "-200"),
            (Put, Physical, "-2", "95", Assigned, "-20000", "200"),
            (Call, Physical, "1", "100.01", Exercised, "-10000", "100"),
            (Call, Physical, "1", "100.009", Worthless, "0", "0"),
            (Call, Physical, "1", "100", Worthless, "0", "0"),
            (Put, Physical, "-1", "99.99", Assigned, "-10000", "100"),
            (Put, Physical, "-1", "100", Worthless, "0", "0"),
            (Call, Cash, "3", "112.34", Exercised, "3702", "0"),
            (Call, Cash, "-3", "112.34", Assigned, "-3702", "0"),
            (Put, Cash, "3", "112.34", Worthless, "0", "0"),
            (Put, Cash, "-1", "0", Assigned, "-10000", "0"),
            (Call, Physical, "0", "105", Worthless, "0", "0"),
        ] {
            let terms = terms(right, ExerciseStyle::European, settlement);
            let position = Quantity(decimal(position));
            let expiry = expire(&terms, Decimal::ONE_HUNDRED, position, Price(decimal(at)));
            let Expiry {
                outcome: ended,
                cash: got,
                underlying_quantity,
                at: strike,
                ..
            } = expiry;
            assert_eq!(
                (ended, got, underlying_quantity, strike),
                (outcome, decimal(cash), decimal(shares), terms.strike),
                "{right:?} {settlement:?} {position} at {at}"
            );
        }
    }

    #[test]
    fn only_a_holder_exercises_and_only_when_the_style_allows() {
        use ExerciseStyle::{American, European};
        let (cash, physical) = (OptionSettlement::Cash, OptionSettlement::Physical);
        let [before, at, after] = [999, 1_000, 1_001].map(Timestamp::from_secs);
        let expiry = at;
        let short = ExerciseError::NotHeld { held: Quantity::ZERO };
        let held = Quantity(decimal("2"));
        for (style, settlement, position, quantity, now, spot, outcome) in [
            (American, physical, "2", "1", before, "105", Ok(())),
            // Foolish, and his right.
            (American, physical, "2", "2", before, "95", Ok(())),
            (European, physical, "2", "1", at, "105", Ok(())),
            (
                European,
                physical,
                "2",
                "1",
                before,
                "105",
                Err(ExerciseError::NotBeforeExpiry(expiry)),
            ),
            (
                American,
                physical,
                "2",
                "1",
                after,
                "105",
                Err(ExerciseError::Expired(expiry)),
            ),
            (
                American,
                physical,
                "2",
                "3",
                before,
                "105",
                Err(ExerciseError::NotHeld { held }),
            ),
            (American, physical, "-2", "1", before, "105", Err(short)),
            (
                American,
                physical,
                "2",
                "0",
                before,
                "105",
                Err(ExerciseError::NotPositive),
            ),
            (
                American,
                cash,
                "2",
                "1",
                before,
                "95",
                Err(ExerciseError::BringsNothing),
            ),
        ] {
            let terms = terms(OptionRight::Call, style, settlement);
            let [position, quantity] = [position, quantity].map(|text| Quantity(decimal(text)));
            let result = exercise(
                &terms,
                Decimal::ONE_HUNDRED,
                position,
                quantity,
                now,
                Price(decimal(spot)),
            );
            assert_eq!(
                result.map(|_| ()),
                outcome,
                "{style:?} {settlement:?} {position} {quantity} {now}"
            );
            if let Ok(expiry) = result {
                assert_eq!(expiry.underlying_quantity, quantity.0 * Decimal::ONE_HUNDRED);
                assert_eq!(expiry.cash, -expiry.underlying_quantity * expiry.at.0);
                let parts = expiry.underlying_quantity * (expiry.option_at.0 - expiry.underlying_at.0);
                assert_eq!(expiry.cash, parts, "the two bookings add up");
            }
        }
    }

    proptest! {
        /// Whoever exercises and whoever is assigned trade with each other, and delivery is worth what cash would be.
        #[test]
        fn the_two_sides_mirror_and_delivery_is_worth_the_cash(
            call in any::<bool>(), contracts in 1..500_i64, cents in 0..30_000_i64,
        ) {
            let right = if call { OptionRight::Call } else { OptionRight::Put };
            let settlement = Price(Decimal::new(cents, 2));
            let of = |kind, contracts: i64| {
                let terms = terms(right, ExerciseStyle::European, kind);
                expire(&terms, Decimal::ONE_HUNDRED, Quantity(contracts.into()), settlement)
            };
            for kind in [OptionSettlement::Cash, OptionSettlement::Physical] {
                let (long, short) = (of(kind, contracts), of(kind, -contracts));
                prop_assert_eq!(long.cash, -short.cash);
                prop_assert_eq!(long.underlying_quantity, -short.underlying_quantity);
                let worth = long.cash + long.underlying_quantity * settlement.0;
                prop_assert_eq!(worth, of(OptionSettlement::Cash, contracts).cash);
                prop_assert!(worth >= Decimal::ZERO);
                // What an account books, the option and the delivery, is the cash.
                let of_option = long.option_at.0 * Decimal::from(100 * contracts);
                prop_assert_eq!(of_option - long.underlying_quantity * long.underlying_at.0, long.cash);
                prop_assert!(long.option_at >= Price::ZERO);
            }
        }
    }
}
