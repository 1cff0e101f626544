//! What options are called: the symbols of the Options Clearing Corporation, and what people write.
//!
//! A symbol of the clearing corporation's *Options Symbology Initiative* (OSI, since 2010) is the root, filled up with
//! spaces to six characters, the day of expiry as `yymmdd`, `C` or `P`, and the strike in thousandths with eight digits:
//! `AAPL  261218C00150000` is the right to buy Apple at 150 until 18 December 2026. Data vendors and brokers leave the
//! spaces out, and so does [`Symbol`], which has none.

use super::{OptionRight, Price, Symbol};
use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use std::{fmt, str::FromStr};

/// An option as its name says: root, day of expiry, right, strike.
///
/// ```
/// use papertape::model::{OptionName, Symbol};
///
/// let name: OptionName = "AAPL 2026-12-18 150 C".parse()?;
/// assert_eq!(name.symbol().as_str(), "AAPL261218C00150000");
/// assert_eq!("AAPL  261218C00150000".parse::<OptionName>()?, name);
/// assert_eq!(name.to_string(), "AAPL 2026-12-18 150 C");
/// // Wherever a symbol is asked for, an option may be named in each of these ways.
/// assert_eq!("aapl 2026-12-18 150c".parse::<Symbol>()?, name.symbol());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionName {
    root: String,
    day: NaiveDate,
    right: OptionRight,
    strike: Price,
}

/// The text names no option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an option is named as AAPL261218C00150000 or AAPL 2026-12-18 150 C")]
pub struct OptionNameError;

impl OptionName {
    /// Letters of a root at most.
    const ROOT: usize = 6;
    /// Characters after the root: day, right, strike.
    const TAIL: usize = 15;
    /// Thousandths that eight digits can say, at most.
    const MOST_THOUSANDTHS: i64 = 99_999_999;

    /// The option of this root, day, right and strike; `None` where no symbol can say it: a root of other characters than
    /// up to six letters and digits, a year that is not of this century, a strike that is not a positive number of
    /// thousandths below 100,000.
    #[must_use]
    pub fn new(root: &str, day: NaiveDate, right: OptionRight, strike: Price) -> Option<Self> {
        let is_root = (1..=Self::ROOT).contains(&root.len())
            && root.starts_with(|letter: char| letter.is_ascii_uppercase())
            && root
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let thousandths = strike.0.checked_mul(Decimal::ONE_THOUSAND)?;
        let is_strike = thousandths.fract().is_zero()
            && (Decimal::ONE..=Decimal::from(Self::MOST_THOUSANDTHS)).contains(&thousandths);
        ((2_000..2_100).contains(&day.year()) && is_root && is_strike).then(|| Self {
            root: root.to_owned(),
            day,
            right,
            strike: Price(strike.0.normalize()),
        })
    }

    /// The option that a symbol names, if it names one.
    #[must_use]
    pub fn of(symbol: &Symbol) -> Option<Self> {
        Self::parse_osi(symbol.as_str())
    }

    fn parse_osi(text: &str) -> Option<Self> {
        let (root, tail) = text.split_at_checked(text.len().checked_sub(Self::TAIL)?)?;
        let digits = |range| {
            let digits: &str = tail.get(range)?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse::<u32>().ok()).flatten()
        };
        let year = i32::try_from(digits(0..2)?).ok()? + 2_000;
        let day = NaiveDate::from_ymd_opt(year, digits(2..4)?, digits(4..6)?)?;
        let right = match tail.get(6..7)? {
            "C" => OptionRight::Call,
            "P" => OptionRight::Put,
            _ => return None,
        };
        let strike = Decimal::new(i64::from(digits(7..15)?), 3);
        Self::new(root.trim_end(), day, right, Price(strike))
    }

    /// `AAPL 2026-12-18 150 C`, with the right before or after the strike, beside it or apart, as a letter or a word.
    fn parse_words(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let (root, day) = (words.next()?, Self::parse_day(words.next()?)?);
        let rest: String = words.collect();
        let [call, put] = [["CALL", "C"], ["PUT", "P"]];
        let strip = |names: [&str; 2]| {
            let strike = names
                .iter()
                .find_map(|name| rest.strip_suffix(name).or_else(|| rest.strip_prefix(name)));
            strike.and_then(super::decimal::parse)
        };
        let (right, strike) = match (strip(call), strip(put)) {
            (Some(strike), None) => (OptionRight::Call, strike),
            (None, Some(strike)) => (OptionRight::Put, strike),
            _ => return None,
        };
        Self::new(root, day, right, Price(strike))
    }

    fn parse_day(text: &str) -> Option<NaiveDate> {
        let mut numbers = text.splitn(3, '-').map(|digits| digits.parse().ok());
        let (year, month, day) = (numbers.next()??, numbers.next()??, numbers.next()??);
        NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
    }

    /// The shares that it is on, without their punctuation: `BRKB` of `BRK.B`.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Whether it is on these shares.
    #[must_use]
    pub fn is_on(&self, underlying: &Symbol) -> bool {
        Self::root_of(underlying).is_some_and(|root| root == self.root)
    }

    /// The root of options on shares; `None` where there can be none.
    #[must_use]
    pub fn root_of(underlying: &Symbol) -> Option<String> {
        let name = underlying.as_str();
        let root = name.replace(['.', '-'], "");
        (!name.contains('/') && root.len() <= Self::ROOT).then_some(root)
    }

    /// The day on which it expires.
    #[must_use]
    pub const fn day(&self) -> NaiveDate {
        self.day
    }

    /// Call or put.
    #[must_use]
    pub const fn right(&self) -> OptionRight {
        self.right
    }

    /// The strike, in quote currency.
    #[must_use]
    pub const fn strike(&self) -> Price {
        self.strike
    }

    const fn letter(&self) -> char {
        match self.right {
            OptionRight::Call => 'C',
            OptionRight::Put => 'P',
        }
    }

    /// The symbol: the clearing corporation's without spaces.
    #[must_use]
    pub fn symbol(&self) -> Symbol {
        let thousandths = (self.strike.0 * Decimal::ONE_THOUSAND).normalize();
        // By hand: chrono's patterns would weigh more in the browser than all the rest of this file.
        format!(
            "{}{:02}{:02}{:02}{}{:0>8}",
            self.root,
            self.day.year() % 100,
            self.day.month(),
            self.day.day(),
            self.letter(),
            thousandths.to_string()
        )
        .parse()
        .unwrap_or_else(|error| unreachable!("letters and digits are a symbol: {error}"))
    }
}

impl FromStr for OptionName {
    type Err = OptionNameError;

    fn from_str(text: &str) -> Result<Self, OptionNameError> {
        let text = text.trim().to_ascii_uppercase();
        Self::parse_osi(&text)
            .or_else(|| Self::parse_words(&text))
            .ok_or(OptionNameError)
    }
}

impl fmt::Display for OptionName {
    /// As people write it, which is read back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.root, self.day, self.strike, self.letter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_option_is_read_in_each_of_its_spellings() {
        for text in [
            "AAPL  261218C00150000",
            "AAPL261218C00150000",
            "aapl 2026-12-18 150 c",
            "AAPL 2026-12-18 C150",
            "AAPL 2026-12-18 150.00 call",
            " AAPL  2026-12-18  Call 150 ",
        ] {
            let name: OptionName = text.parse().expect(text);
            assert_eq!(name.symbol().as_str(), "AAPL261218C00150000", "{text}");
            assert_eq!(
                text.parse::<Symbol>().expect(text).as_str(),
                "AAPL261218C00150000"
            );
        }
        let put: OptionName = "F 2026-01-16 12.5 P".parse().expect("a put");
        assert_eq!(put.symbol().as_str(), "F260116P00012500");
        assert_eq!(
            (put.right(), put.strike().to_string()),
            (OptionRight::Put, "12.5".to_owned())
        );
        assert!(put.is_on(&"F".parse().expect("a symbol")) && !put.is_on(&"FB".parse().expect("a symbol")));
        let class_b: OptionName = "BRKB 2026-01-16 500 P".parse().expect("a put");
        assert!(class_b.is_on(&"BRK.B".parse().expect("a symbol")));
    }

    #[test]
    fn what_is_no_option_is_none_and_no_symbol_either_when_it_has_spaces() {
        for text in [
            "AAPL",
            "AAPL 150 C",
            "AAPL 2026-13-18 150 C",
            "AAPL 2026-12-18 150",
            "AAPL 2026-12-18 0 C",
            "AAPL 2026-12-18 -5 C",
            "AAPL 2026-12-18 1.2345 C",
            "AAPL 2026-12-18 100000 P",
            "AAPL261318C00150000",
            "AAPL261218X00150000",
            "261218C00150000",
            "TOOLONGX261218C00150000",
            "BTC/USDT 2026-12-18 150 C",
            "",
        ] {
            assert!(text.parse::<OptionName>().is_err(), "{text}");
            if text.contains(' ') {
                assert!(text.parse::<Symbol>().is_err(), "{text}");
            }
        }
        for symbol in ["BTC/USDT", "ESZ3", "AAPL", "EUR/USD"] {
            assert_eq!(OptionName::of(&symbol.parse().expect("a symbol")), None);
        }
    }

    proptest! {
        #[test]
        fn a_name_is_read_back_from_symbol_and_words(
            root in "[A-Z][A-Z0-9]{0,5}", days in 0..36_000_u64, call: bool, thousandths in 1..=99_999_999_i64,
        ) {
            let day = NaiveDate::from_ymd_opt(2000, 1, 1).expect("a day") + chrono::Days::new(days);
            let right = if call { OptionRight::Call } else { OptionRight::Put };
            let name = OptionName::new(&root, day, right, Price(Decimal::new(thousandths, 3))).expect("a name");
            prop_assert_eq!(OptionName::of(&name.symbol()), Some(name.clone()));
            prop_assert_eq!(name.to_string().parse::<OptionName>(), Ok(name));
        }
    }
}
