//! Options on American shares: when they end, what a contract is, and which are listed.
//!
//! A contract is on 100 shares, delivers them, and may be exercised on any day: the *Equity Options Product Specifications* of
//! Cboe. Trading ends with the session of the day of expiry; expiries named a Saturday, as they were until February 2015, end
//! with the Friday's.

use crate::market::{Calendar, CalendarId};
use crate::model::{
    ExerciseStyle, Instrument, InstrumentKind, MarginRule, OptionName, OptionRight, OptionSettlement,
    OptionTerms, Price, Symbol, Timestamp,
};
use crate::option::UncoveredRates;
use chrono::{Datelike, Days, Months, NaiveDate, Weekday};
use rust_decimal::Decimal;

/// Shares of one contract.
const SHARES: u32 = 100;
/// What covers a sold one: 20 % of the underlying's value beside the premium, less what it is out of the money (Cboe Rule 10.3;
/// FINRA Rule 4210(f)(2)(D)(i)). Bought ones are paid in full by any rule.
pub(super) const SOLD: MarginRule = MarginRule::Rate {
    initial: UncoveredRates::EQUITY.share,
    maintenance: UncoveredRates::EQUITY.share,
};
/// Weeks for which each Friday is listed.
const WEEKS: u64 = 4;
/// Months after this one of which the third Friday is listed.
const MONTHS: u32 = 6;
/// Strikes listed on either side of the price.
const STRIKES: i64 = 10;

/// When an option of this name ends: the close of the last session on the day or before it. `None` when there is none in the
/// week before.
#[must_use]
pub fn option_expiry(name: &OptionName) -> Option<Timestamp> {
    let calendar = Calendar::of(CalendarId::UsEquities);
    let days = (0..7).filter_map(|back| name.day().checked_sub_days(Days::new(back)));
    let session = days.into_iter().find_map(|day| calendar.session_on(day))?;
    Some(session.close)
}

/// What an option of this name gives, on shares of this symbol.
pub(super) fn terms(name: &OptionName, underlying: Symbol) -> Option<OptionTerms> {
    Some(OptionTerms {
        underlying,
        strike: name.strike(),
        right: name.right(),
        expiry: option_expiry(name)?,
        style: ExerciseStyle::American,
        settlement: OptionSettlement::Physical,
    })
}

/// The option of this name on these shares, as it is traded: prices in whole cents, whole contracts of 100 shares, at the hours
/// of the shares. `None` where the name is of other shares, these are none, or their currency is not the dollar.
#[must_use]
pub fn listed_option(name: &OptionName, shares: &Instrument) -> Option<Instrument> {
    let symbol = name.symbol();
    let is_on = *shares.kind() == InstrumentKind::Equity && name.is_on(shares.symbol());
    if !is_on || symbol.quote() != shares.quote() {
        return None;
    }
    let terms = terms(name, shares.symbol().clone())?;
    let contract = super::instrument(&symbol, Decimal::new(1, 2), Decimal::ONE, 0, SHARES);
    contract
        .with_kind(InstrumentKind::Option(terms))
        .with_calendar(shares.calendar())
        .with_margin(SOLD)
        .ok()
}

/// The options that exchanges would have listed on shares at a price, at a moment: Fridays of four weeks, third Fridays of
/// this month and the next six, the day before where that is a holiday; ten strikes on either side. Nearest expiry first, then by strike, the
/// call before the put.
///
/// Strikes are apart as Cboe's specifications say: 2.50 below 25, 5 up to 200, 10 above; below 10 they are 1 apart.
/// Exchanges list more where it is asked for; an order may name any other option.
#[must_use]
pub fn listed_options(shares: &Symbol, price: f64, now: Timestamp) -> Vec<OptionName> {
    let Some(root) = OptionName::root_of(shares) else {
        return Vec::new();
    };
    let strikes = strikes(price);
    let mut options = Vec::new();
    for day in expiries(now) {
        for strike in &strikes {
            for right in [OptionRight::Call, OptionRight::Put] {
                options.extend(OptionName::new(&root, day, right, *strike));
            }
        }
    }
    options
}

fn expiries(now: Timestamp) -> Vec<NaiveDate> {
    let calendar = Calendar::of(CalendarId::UsEquities);
    let today = now.to_datetime().date_naive();
    let to_friday =
        u64::from((7 + Weekday::Fri.num_days_from_monday() - today.weekday().num_days_from_monday()) % 7);
    let weekly = (0..WEEKS).filter_map(|week| today.checked_add_days(Days::new(to_friday + 7 * week)));
    let monthly = (0..=MONTHS).filter_map(|month| {
        let month = today.checked_add_months(Months::new(month))?;
        NaiveDate::from_weekday_of_month_opt(month.year(), month.month(), Weekday::Fri, 3)
    });
    let trades = |day: NaiveDate| {
        let session = calendar
            .session_on(day)
            .or_else(|| calendar.session_on(day.pred_opt()?));
        session
            .filter(|session| session.close > now)
            .map(|session| session.day)
    };
    let mut days: Vec<NaiveDate> = weekly.chain(monthly).filter_map(trades).collect();
    days.sort();
    days.dedup();
    days
}

/// Strikes around a price, lowest first.
fn strikes(price: f64) -> Vec<Price> {
    let (tenths, step) = match price {
        price if price < 10.0 => (10, Decimal::ONE),
        price if price < 25.0 => (25, Decimal::new(25, 1)),
        price if price <= 200.0 => (50, Decimal::from(5)),
        _ => (100, Decimal::TEN),
    };
    let middle = (price * 10.0 / f64::from(tenths)).round();
    if !(0.0..1e6).contains(&middle) {
        return Vec::new();
    }
    let middle = middle as i64;
    (middle - STRIKES..=middle + STRIKES)
        .filter(|count| *count > 0)
        .map(|count| Price((Decimal::from(count) * step).normalize()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> OptionName {
        text.parse().expect(text)
    }

    #[test]
    fn options_end_with_the_last_session_up_to_their_day() {
        for (option, ends) in [
            ("AAPL 2026-12-18 150 C", "2026-12-18T21:00:00Z"),
            ("AAPL 2024-07-03 150 C", "2024-07-03T17:00:00Z"),
            // Good Friday, and a Saturday of the old kind.
            ("AAPL 2019-04-19 150 C", "2019-04-18T20:00:00Z"),
            ("AAPL 2014-01-18 150 P", "2014-01-17T21:00:00Z"),
        ] {
            assert_eq!(
                option_expiry(&name(option)).expect("an end").to_string(),
                ends,
                "{option}"
            );
        }
    }

    #[test]
    fn fridays_and_strikes_around_the_price_are_listed() {
        let now = Timestamp::parse("2024-03-27T15:00:00Z").expect("a time");
        let shares = "AAPL".parse().expect("a symbol");
        let options = listed_options(&shares, 171.3, now);
        let mut days: Vec<String> = options.iter().map(|option| option.day().to_string()).collect();
        days.dedup();
        // The first Friday is Good Friday; Juneteenth is no Friday.
        assert_eq!(
            days,
            [
                "2024-03-28",
                "2024-04-05",
                "2024-04-12",
                "2024-04-19",
                "2024-05-17",
                "2024-06-21",
                "2024-07-19",
                "2024-08-16",
                "2024-09-20"
            ]
        );
        assert_eq!(options.len(), 9 * 21 * 2);
        assert_eq!(options[0].to_string(), "AAPL 2024-03-28 120 C");
        assert_eq!(options[41].to_string(), "AAPL 2024-03-28 220 P");
        // At the close of its last day an option is gone.
        let close = Timestamp::parse("2024-03-28T20:00:00Z").expect("a time");
        assert_eq!(
            listed_options(&shares, 171.3, close)[0].day().to_string(),
            "2024-04-05"
        );
        for (price, first, second) in [(3.2, "1", "2"), (24.0, "2.5", "5"), (731.0, "630", "640")] {
            let strikes = strikes(price);
            assert_eq!(
                [strikes[0].to_string(), strikes[1].to_string()],
                [first, second],
                "{price}"
            );
        }
        for nonsense in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(listed_options(&shares, nonsense, now).is_empty(), "{nonsense}");
        }
        assert!(listed_options(&"BTC/USDT".parse().expect("a symbol"), 100.0, now).is_empty());
    }

    #[test]
    fn only_shares_have_options() {
        let shares = |symbol: &str| {
            let symbol: Symbol = symbol.parse().expect("a symbol");
            super::super::Listing::of(&symbol).simulated(&symbol)
        };
        let call = listed_option(&name("AAPL 2026-12-18 150 C"), &shares("AAPL")).expect("an option");
        assert_eq!(call.multiplier(), Decimal::ONE_HUNDRED);
        assert_eq!(call.calendar(), shares("AAPL").calendar());
        assert!(matches!(call.kind(), InstrumentKind::Option(terms) if terms.underlying.as_str() == "AAPL"));
        for other in ["MSFT", "BTC/USDT", "ESZ6"] {
            assert_eq!(
                listed_option(&name("AAPL 2026-12-18 150 C"), &shares(other)),
                None,
                "{other}"
            );
        }
    }
}
