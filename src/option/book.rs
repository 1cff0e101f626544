//! What must cover a book: all positions in options on one underlying, and the units of it that are held.
//!
//! A spread whose loss is bounded is covered by its largest loss (Cboe Rule 10.3, FINRA Rule 4210 (f)(2) as amended
//! by Regulatory Notice 12-44): verticals by the distance of their strikes, an iron condor by its wider side. Premiums that
//! were received are part of the account's cash and serve as cover. [`required_of_equity`] says the same of an equity that counts options.

use super::margin::{UncoveredRates, WrittenOption, beyond_premium};
use crate::model::{OptionRight, Price, Quantity, Timestamp};
use rust_decimal::Decimal;

/// A position in one option of an underlying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionPosition {
    /// What one contract is, and what it costs now.
    pub option: WrittenOption,
    /// When it expires.
    pub expiry: Timestamp,
    /// Contracts; negative when sold.
    pub quantity: Quantity,
}

/// The most that positions in options on one underlying can lose when they are all exercised at one price of it, premiums
/// left aside; `None` when there is no most, for more calls are sold than bought. Zero when nothing can be lost.
///
/// The value at expiry is a broken line in the underlying's price: it is least at a strike or at zero, unless it falls for
/// ever beyond the last strike.
#[must_use]
pub fn largest_loss(positions: &[OptionPosition]) -> Option<Decimal> {
    let units = |position: &OptionPosition| position.quantity.0 * position.option.multiplier;
    let calls = positions
        .iter()
        .filter(|position| position.option.right == OptionRight::Call);
    if calls.map(units).sum::<Decimal>() < Decimal::ZERO {
        return None;
    }
    let value_at = |underlying: Decimal| -> Decimal {
        let of_one = |position: &OptionPosition| {
            let WrittenOption { right, strike, .. } = position.option;
            let gain = match right {
                OptionRight::Call => underlying - strike.0,
                OptionRight::Put => strike.0 - underlying,
            };
            gain.max(Decimal::ZERO) * units(position)
        };
        positions.iter().map(of_one).sum()
    };
    let strikes = positions.iter().map(|position| position.option.strike.0);
    let least = strikes.chain([Decimal::ZERO]).map(value_at).min();
    Some(-least.unwrap_or_default().min(Decimal::ZERO))
}

/// What covers all positions in options on one underlying, with `units` of it held (negative: sold short): the smallest of
/// three ways to look at them, each of which the rules allow.
///
/// - As one spread, by the [largest loss](largest_loss), of the sold options and of those long ones that expire no earlier
///   than the last of them; those that expire before protect nothing.
/// - Without the long options: units cover sold calls (short ones sold puts), calls and puts that are then left are covered
///   [in pairs](super::uncovered_pair), the largest with the largest, and the rest [alone](super::uncovered).
/// - The same, but that first each long option protects the sold ones of its right to which it saves most, if it expires
///   no earlier: two-legged spreads, each by its largest loss.
///
/// Never less than the rules ask for, and not always the least they allow: that would be a search over all ways to split
/// the positions.
#[must_use]
pub fn required(
    positions: &[OptionPosition],
    units: Quantity,
    underlying: Price,
    rates: &UncoveredRates,
) -> Decimal {
    let sold = positions
        .iter()
        .filter(|position| position.quantity < Quantity::ZERO);
    let Some(last) = sold.map(|position| position.expiry).max() else {
        return Decimal::ZERO;
    };
    let mut bare = Bare::all(positions, units, underlying, rates);
    let alone = Bare::need(&bare);
    let in_spreads = protect(&mut bare, positions) + Bare::need(&bare);
    let counts = |position: &&OptionPosition| position.quantity < Quantity::ZERO || position.expiry >= last;
    let spread: Vec<_> = positions.iter().filter(counts).copied().collect();
    let least = alone.min(in_spreads);
    largest_loss(&spread).map_or(least, |loss| loss.min(least))
}

/// [`required`] of an account whose equity counts every option at its market price: what must be left of that equity
/// beside the options' value. Sold options have lowered the equity by what they cost to buy back, so that is not asked for
/// again; bought ones have raised it and cover nothing by themselves, so they are asked for.
#[must_use]
pub fn required_of_equity(
    positions: &[OptionPosition],
    units: Quantity,
    underlying: Price,
    rates: &UncoveredRates,
) -> Decimal {
    let value = |position: &OptionPosition| {
        position.quantity.0 * position.option.premium.0 * position.option.multiplier
    };
    required(positions, units, underlying, rates) + positions.iter().map(value).sum::<Decimal>()
}

/// Sold contracts that no units cover, and what one of them needs.
struct Bare {
    option: WrittenOption,
    expiry: Timestamp,
    contracts: Decimal,
    premium: Decimal,
    beyond: Decimal,
}

impl Bare {
    /// The sold options that `units` leave uncovered. The units go where they save most.
    fn all(
        positions: &[OptionPosition],
        units: Quantity,
        underlying: Price,
        rates: &UncoveredRates,
    ) -> Vec<Self> {
        let sold = positions
            .iter()
            .filter(|position| position.quantity < Quantity::ZERO);
        let mut bare: Vec<Self> = sold
            .map(
                |OptionPosition {
                     option,
                     expiry,
                     quantity,
                 }| Self {
                    option: *option,
                    expiry: *expiry,
                    contracts: -quantity.0,
                    premium: option.premium.0 * option.multiplier,
                    beyond: beyond_premium(option, underlying, rates),
                },
            )
            .collect();
        bare.sort_by_key(|bare| std::cmp::Reverse((bare.premium + bare.beyond) / bare.option.multiplier));
        let (mut long, mut short) = (units.0.max(Decimal::ZERO), (-units.0).max(Decimal::ZERO));
        for Self {
            option, contracts, ..
        } in &mut bare
        {
            let cover = if option.right == OptionRight::Call {
                &mut long
            } else {
                &mut short
            };
            let covered = (*cover / option.multiplier).floor().min(*contracts);
            *cover -= covered * option.multiplier;
            *contracts -= covered;
        }
        bare
    }

    /// What they need without protection: calls and puts in pairs, the largest with the largest.
    fn need(all: &[Self]) -> Decimal {
        let premiums: Decimal = all.iter().map(|bare| bare.contracts * bare.premium).sum();
        let beyond = |right| {
            let of_right = all.iter().filter(move |bare| bare.option.right == right);
            let mut amounts: Vec<_> = of_right.map(|bare| (bare.beyond, bare.contracts)).collect();
            amounts.sort_unstable();
            amounts
        };
        premiums + pair_off(beyond(OptionRight::Call), beyond(OptionRight::Put))
    }
}

/// Of (amount, contracts) of calls and of puts, smallest first: the larger amount of each pair, and those without a partner.
fn pair_off(mut calls: Vec<(Decimal, Decimal)>, mut puts: Vec<(Decimal, Decimal)>) -> Decimal {
    let mut total = Decimal::ZERO;
    while let (Some((of_call, calls_left)), Some((of_put, puts_left))) = (calls.last_mut(), puts.last_mut()) {
        let pairs = (*calls_left).min(*puts_left);
        total += pairs * (*of_call).max(*of_put);
        *calls_left -= pairs;
        *puts_left -= pairs;
        calls.pop_if(|(_, left)| *left == Decimal::ZERO);
        puts.pop_if(|(_, left)| *left == Decimal::ZERO);
    }
    total
        + calls
            .iter()
            .chain(&puts)
            .map(|(amount, contracts)| amount * contracts)
            .sum::<Decimal>()
}

/// Takes out of `bare` what long options protect, the largest saving first, and gives what the spreads need.
fn protect(bare: &mut [Bare], positions: &[OptionPosition]) -> Decimal {
    let mut long: Vec<OptionPosition> = positions
        .iter()
        .filter(|position| position.quantity > Quantity::ZERO)
        .copied()
        .collect();
    let mut spreads = Vec::new();
    for (sold, bare) in bare.iter().enumerate() {
        for (bought, long) in long.iter().enumerate() {
            let alike =
                (bare.option.right, bare.option.multiplier) == (long.option.right, long.option.multiplier);
            let need = width(&bare.option, &long.option);
            let saving = bare.premium + bare.beyond - need;
            if alike && long.expiry >= bare.expiry && saving > Decimal::ZERO {
                spreads.push((saving, sold, bought, need));
            }
        }
    }
    spreads.sort_by_key(|(saving, ..)| std::cmp::Reverse(*saving));
    let mut total = Decimal::ZERO;
    for (_, sold, bought, need) in spreads {
        let contracts = bare[sold].contracts.min(long[bought].quantity.0);
        let before = Bare::need(bare);
        bare[sold].contracts -= contracts;
        // As half of a straddle it may have needed less than the spread does.
        if Bare::need(bare) + contracts * need < before {
            long[bought].quantity.0 -= contracts;
            total += contracts * need;
        } else {
            bare[sold].contracts += contracts;
        }
    }
    total
}

/// What one contract sold can lose beyond what one bought of the same right brings.
fn width(sold: &WrittenOption, bought: &WrittenOption) -> Decimal {
    let distance = match sold.right {
        OptionRight::Call => bought.strike.0 - sold.strike.0,
        OptionRight::Put => sold.strike.0 - bought.strike.0,
    };
    distance.max(Decimal::ZERO) * sold.multiplier
}

#[cfg(test)]
mod tests {
    use super::super::margin::tests::option;
    use super::*;
    use crate::testkit::decimal;
    use proptest::prelude::*;

    /// Positions as traders write them: contracts, right, strike, premium, day of expiry.
    fn positions(rows: &[(i64, char, &str, &str, i64)]) -> Vec<OptionPosition> {
        rows.iter()
            .map(|(contracts, right, strike, premium, day)| OptionPosition {
                option: option(*right, strike, premium),
                expiry: Timestamp::from_secs(day * 86_400),
                quantity: Quantity((*contracts).into()),
            })
            .collect()
    }

    #[test]
    fn a_book_needs_the_least_that_the_rules_allow() {
        // The underlying stands at 100; premiums do not matter to spreads.
        for (name, units, rows, required_amount) in [
            ("long only", 0, &[(3, 'C', "100", "3", 30)][..], "0"),
            ("naked call", 0, &[(-1, 'C', "105", "2", 30)], "1700"),
            ("two naked calls", 0, &[(-2, 'C', "105", "2", 30)], "3400"),
            ("covered call", 100, &[(-1, 'C', "105", "2", 30)], "0"),
            ("half covered", 150, &[(-2, 'C', "105", "2", 30)], "1700"),
            ("put against short units", -100, &[(-1, 'P', "95", "2", 30)], "0"),
            ("units cover no put", 100, &[(-1, 'P', "95", "2", 30)], "1700"),
            (
                "bear call spread",
                0,
                &[(-1, 'C', "100", "3", 30), (1, 'C', "105", "1", 30)],
                "500",
            ),
            (
                "bull put spread",
                0,
                &[(-1, 'P', "100", "3", 30), (1, 'P', "90", "1", 30)],
                "1000",
            ),
            (
                "bull call spread",
                0,
                &[(1, 'C', "100", "3", 30), (-1, 'C', "105", "1", 30)],
                "0",
            ),
            (
                "wide put spread",
                0,
                &[(-1, 'P', "100", "3", 30), (1, 'P', "50", "1", 30)],
                "2300",
            ),
            (
                "iron condor, wider below",
                0,
                &[
                    (1, 'P', "80", "1", 30),
                    (-1, 'P', "90", "2", 30),
                    (-1, 'C', "110", "2", 30),
                    (1, 'C', "115", "1", 30),
                ],
                "1000",
            ),
            (
                "long butterfly",
                0,
                &[
                    (1, 'C', "95", "7", 30),
                    (-2, 'C', "100", "4", 30),
                    (1, 'C', "105", "2", 30),
                ],
                "0",
            ),
            (
                "short butterfly",
                0,
                &[
                    (-1, 'C', "95", "7", 30),
                    (2, 'C', "100", "4", 30),
                    (-1, 'C', "105", "2", 30),
                ],
                "500",
            ),
            (
                "calendar",
                0,
                &[(-1, 'C', "100", "3", 30), (1, 'C', "100", "5", 60)],
                "0",
            ),
            (
                "protection that ends first",
                0,
                &[(-1, 'C', "100", "3", 60), (1, 'C', "100", "2", 30)],
                "2300",
            ),
            (
                "ratio spread",
                0,
                &[(1, 'C', "100", "3", 30), (-2, 'C', "110", "1", 30)],
                "1100",
            ),
            (
                "one of two protected",
                0,
                &[(-2, 'P', "95", "2", 30), (1, 'P', "90", "1", 30)],
                "2200",
            ),
            (
                "short strangle",
                0,
                &[(-1, 'C', "105", "2", 30), (-1, 'P', "95", "2", 30)],
                "1900",
            ),
            (
                "ten puts and a call",
                0,
                &[(-1, 'C', "100", "2", 30), (-10, 'P', "90", "1", 30)],
                "12200",
            ),
        ] {
            let spot = Price(decimal("100"));
            let amount = required(
                &positions(rows),
                Quantity(units.into()),
                spot,
                &UncoveredRates::EQUITY,
            );
            assert_eq!(amount, decimal(required_amount), "{name}");
        }
    }

    #[test]
    fn more_calls_sold_than_bought_can_lose_without_end() {
        assert_eq!(largest_loss(&positions(&[(-1, 'C', "100", "1", 1)])), None);
        assert_eq!(
            largest_loss(&positions(&[(-1, 'P', "100", "1", 1)])),
            Some(decimal("10000"))
        );
        assert_eq!(largest_loss(&[]), Some(Decimal::ZERO));
    }

    fn book() -> impl Strategy<Value = Vec<OptionPosition>> {
        let position = (any::<bool>(), 10..30_i64, 0..2_000_i64, 1..4_i64, -5..6_i64).prop_map(
            |(call, strike, cents, day, contracts)| OptionPosition {
                option: WrittenOption {
                    right: if call { OptionRight::Call } else { OptionRight::Put },
                    strike: Price(Decimal::from(5 * strike)),
                    premium: Price(Decimal::new(cents, 2)),
                    multiplier: Decimal::ONE_HUNDRED,
                },
                expiry: Timestamp::from_secs(day * 86_400),
                quantity: Quantity(contracts.into()),
            },
        );
        prop::collection::vec(position, 0..6)
    }

    proptest! {
        #[test]
        fn a_book_needs_no_more_than_its_parts_and_nothing_for_what_is_bought(
            book in book(), more in book(), spot in 20..200_i64, units in -600..600_i64,
        ) {
            let spot = Price(spot.into());
            let required = |book: &[OptionPosition], units: i64| {
                required(book, Quantity(units.into()), spot, &UncoveredRates::EQUITY)
            };
            let bought = |position: OptionPosition| OptionPosition {
                quantity: Quantity(position.quantity.0.abs()),
                ..position
            };
            let amount = required(&book, 0);
            let parts: Decimal = book.iter().map(|position| required(&[*position], 0)).sum();
            prop_assert!(Decimal::ZERO <= amount && amount <= parts);
            // Sold alone, more cover never asks for more.
            for position in &book {
                let protected: Vec<_> = more.iter().copied().map(bought).chain([*position]).collect();
                let naked = required(&[*position], 0);
                prop_assert!(required(&protected, units) <= naked.min(required(&[*position], units)));
            }
            prop_assert_eq!(required(&more.into_iter().map(bought).collect::<Vec<_>>(), units), Decimal::ZERO);
        }

        #[test]
        fn the_largest_loss_is_that_of_some_price_and_of_none_more(book in book(), at in 0..400_i64) {
            let at = Decimal::from(at);
            let value: Decimal = book
                .iter()
                .map(|OptionPosition { option, quantity, .. }| {
                    let gain = match option.right {
                        OptionRight::Call => at - option.strike.0,
                        OptionRight::Put => option.strike.0 - at,
                    };
                    gain.max(Decimal::ZERO) * quantity.0 * option.multiplier
                })
                .sum();
            if let Some(loss) = largest_loss(&book) {
                prop_assert!(value >= -loss);
            }
        }
    }
}
