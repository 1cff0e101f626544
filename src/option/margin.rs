//! What must cover options that were sold: the strategy-based minimum of the exchanges.
//!
//! Source: Cboe Rule 10.3, as explained in Cboe's *Margin Manual* and on its page *Strategy-based Margin*; FINRA Rule 4210
//! (f)(2) sets the same amounts. Long options are paid in full and cover nothing by themselves. Amounts are in quote
//! currency; brokers may ask for more.
//!
//! An uncovered option is covered by what it costs to buy it back, plus a share of the underlying's value less what the
//! option is out of the money, at the least a smaller share. What several options on one underlying ask for together,
//! spreads among them, is [`required`](super::required)'s to say.

use crate::model::{OptionRight, Price};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A sold option and what it costs to buy it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenOption {
    /// Call or put.
    pub right: OptionRight,
    /// The strike.
    pub strike: Price,
    /// Its market price, in quote currency for one unit of the underlying; at the sale what it brought.
    pub premium: Price,
    /// Units of the underlying a contract.
    pub multiplier: Decimal,
}

/// The shares of the underlying's value that cover an uncovered option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UncoveredRates {
    /// Before the amount out of the money is taken off (0.2 is 20 %).
    #[serde(with = "crate::model::decimal")]
    pub share: Decimal,
    /// At the least, of the underlying for a call, of the strike for a put.
    #[serde(with = "crate::model::decimal")]
    pub least: Decimal,
}

impl UncoveredRates {
    /// Options on shares, on funds without leverage that follow a narrow index, and on narrow indices: 20 % and 10 %.
    pub const EQUITY: Self = Self {
        share: Decimal::from_parts(2, 0, 0, false, 1),
        least: Decimal::from_parts(1, 0, 0, false, 1),
    };
    /// Options on broad indices and funds that follow them: 15 % and 10 %.
    pub const BROAD_INDEX: Self = Self {
        share: Decimal::from_parts(15, 0, 0, false, 2),
        least: Decimal::from_parts(1, 0, 0, false, 1),
    };
}

/// What covers one contract sold without cover, with the underlying at `underlying`.
#[must_use]
pub fn uncovered(option: &WrittenOption, underlying: Price, rates: &UncoveredRates) -> Decimal {
    option.premium.0 * option.multiplier + beyond_premium(option, underlying, rates)
}

/// The part of [`uncovered`] that is not the premium.
pub(super) fn beyond_premium(option: &WrittenOption, underlying: Price, rates: &UncoveredRates) -> Decimal {
    let (spot, strike) = (underlying.0, option.strike.0);
    let (out_of_the_money, least_of) = match option.right {
        OptionRight::Call => (strike - spot, spot),
        OptionRight::Put => (spot - strike, strike),
    };
    let usual = rates.share * spot - out_of_the_money.max(Decimal::ZERO);
    usual.max(rates.least * least_of) * option.multiplier
}

/// What covers a call and a put sold together (a short straddle or strangle): the larger of the two requirements, and the
/// other's premium. The underlying cannot be above the one strike and below the other.
#[must_use]
pub fn uncovered_pair(
    a: &WrittenOption,
    b: &WrittenOption,
    underlying: Price,
    rates: &UncoveredRates,
) -> Decimal {
    let [premium_a, premium_b] = [a, b].map(|option| option.premium.0 * option.multiplier);
    let [beyond_a, beyond_b] = [a, b].map(|option| beyond_premium(option, underlying, rates));
    premium_a + premium_b + beyond_a.max(beyond_b)
}

/// What covers one put sold in a cash account: what it obliges to pay.
#[must_use]
pub fn cash_secured_put(strike: Price, multiplier: Decimal) -> Decimal {
    strike.0 * multiplier
}

/// What the units that cover one sold call count for. The call itself needs nothing more, but units that may have to be
/// given away at the strike are worth no more than it.
#[must_use]
pub fn covered_share_value(strike: Price, underlying: Price, multiplier: Decimal) -> Decimal {
    strike.min(underlying).0 * multiplier
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::testkit::decimal;

    pub(in crate::option) fn option(right: char, strike: &str, premium: &str) -> WrittenOption {
        WrittenOption {
            right: if right == 'C' {
                OptionRight::Call
            } else {
                OptionRight::Put
            },
            strike: Price(decimal(strike)),
            premium: Price(decimal(premium)),
            multiplier: Decimal::ONE_HUNDRED,
        }
    }

    #[test]
    fn an_uncovered_option_needs_its_premium_and_a_share_of_the_underlying() {
        for (right, strike, premium, spot, equity, index) in [
            // At the money: 200 and 20 % (15 %) of 12 800.
            ('C', "128", "2", "128", "2760", "2120"),
            // Out of the money by 3.50: 20 % of 128.50 is 25.70, less 3.50, and 8.45.
            ('C', "132", "8.45", "128.50", "3065", "2422.5"),
            // Far out of the money: the least, 10 % of the underlying (call) or of the strike (put).
            ('C', "180", "0.05", "128", "1285", "1285"),
            ('P', "80", "0.05", "95", "805", "805"),
            // 20 % of 209 is 41.80, less 9, and 1.20.
            ('P', "200", "1.20", "209", "3400", "2355"),
            // In the money nothing is taken off.
            ('P', "100", "12", "90", "3000", "2550"),
            ('C', "100", "12", "110", "3400", "2850"),
            // Worth nothing any more: a put's least is a share of its strike.
            ('P', "100", "100", "0", "11000", "11000"),
        ] {
            let (option, spot) = (option(right, strike, premium), Price(decimal(spot)));
            assert_eq!(
                uncovered(&option, spot, &UncoveredRates::EQUITY),
                decimal(equity),
                "{option:?}"
            );
            assert_eq!(
                uncovered(&option, spot, &UncoveredRates::BROAD_INDEX),
                decimal(index),
                "{option:?}"
            );
        }
    }

    #[test]
    fn a_straddle_needs_the_larger_side_and_the_others_premium() {
        let (call, put) = (option('C', "100", "3"), option('P', "95", "2"));
        let of = |option| uncovered(option, Price(decimal("99")), &UncoveredRates::EQUITY);
        // 300 + 1 980 − 100, and 200 + 1 980 − 400.
        assert_eq!((of(&call), of(&put)), (decimal("2180"), decimal("1780")));
        let pair = uncovered_pair(&call, &put, Price(decimal("99")), &UncoveredRates::EQUITY);
        assert_eq!(pair, decimal("2380"));
        assert_eq!(
            pair,
            uncovered_pair(&put, &call, Price(decimal("99")), &UncoveredRates::EQUITY)
        );
    }

    #[test]
    fn covered_options_need_what_they_oblige_to() {
        assert_eq!(
            cash_secured_put(Price(decimal("95")), Decimal::ONE_HUNDRED),
            decimal("9500")
        );
        for (strike, spot, value) in [("100", "99", "9900"), ("100", "120", "10000")] {
            let value_of =
                covered_share_value(Price(decimal(strike)), Price(decimal(spot)), Decimal::ONE_HUNDRED);
            assert_eq!(value_of, decimal(value));
        }
    }
}
