//! Contracts of futures: what their codes say, when they end, and what CME asks to cover one.
//!
//! | root | last day of trading | at, New York time |
//! |---|---|---|
//! | ES MES NQ MNQ YM RTY M2K | third Friday of the contract month | 9:30, the open by which they are settled |
//! | CL | third business day before the 25th of the month before the contract month; the fourth when the 25th is none | 14:30 |
//! | MCL | one business day before CL | 14:30 |
//! | NG | third last business day of the month before the contract month | 14:30 |
//! | HO RB | last business day of the month before the contract month | 14:30 |
//! | GC, SI, HG | third last business day of the contract month | 13:30, 13:25, 13:00 |
//! | ZN ZB | seventh business day before the last business day of the contract month | 13:01 |
//! | ZF ZT | last business day of the contract month | 13:01 |
//! | 6E 6J 6B | second business day before the third Wednesday of the contract month | 10:16 |
//!
//! From CME's contract specifications. A third Friday that is a holiday gives way to the day before it; business days are
//! those of the New York Stock Exchange.

use crate::market::{Calendar, CalendarId, TradingSession};
use crate::model::{MarginRule, Timestamp};
use chrono::{Datelike, Days, Months, NaiveDate, Weekday};
use rust_decimal::Decimal;

/// Letters of the delivery months, January to December.
const MONTHS: &str = "FGHJKMNQUVXZ";

const MINUTE: i64 = 60_000_000_000;

/// When a contract's last day of trading is, and when trading ends on it: so many minutes after 9:30 in New York.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastDay {
    ThirdFriday,
    /// So many business days before the 25th of the month before, one more when that is none.
    BeforeThe25th {
        days: usize,
    },
    /// So many business days from the end of the contract month, the last being the first.
    FromTheEnd {
        days: usize,
        minutes: i64,
    },
    /// The same of the month before the contract month, at 14:30.
    FromTheEndOfTheMonthBefore {
        days: usize,
    },
    /// The second business day before the third Wednesday.
    BeforeThirdWednesday,
}

impl LastDay {
    /// Seven business days before the last one.
    const OF_NOTES: Self = Self::FromTheEnd {
        days: 8,
        minutes: 211,
    };
    const OF_SHORT_NOTES: Self = Self::FromTheEnd {
        days: 1,
        minutes: 211,
    };
}

/// What a root's contracts have in common: root, last day, initial and maintenance margin of one contract in USD.
type Row = (&'static str, LastDay, u32, u32);

/// Margins of non-hedgers as the clearing advisories of CME announced them, collected by Lean in
/// `Data/future/*/margins`: of ES and NQ on 2022-01-21 (an E-mini is ten micros), of M2K on 2022-01-07, of YM on 2020-01-09, of
/// RTY on 2020-05-26; of CL and RB on 2020-01-29, of MCL on 2022-02-07, of NG on 2020-02-04, of HO on 2020-04-28; of GC on
/// 2020-04-14, of SI on 2020-03-26, of HG on 2020-01-09; of ZN and ZT on 2020-05-26, of ZF on 2021-11-30, of ZB on 2016-06-27;
/// of 6E on 2020-04-14, of 6J on 2020-03-24, of 6B on 2016-06-27. They change many times a year: for a contract of another year
/// they are an order of magnitude.
#[rustfmt::skip]
const ROOTS: [Row; 22] = [
    ("ES",  LastDay::ThirdFriday,          11_880, 10_800),
    ("MES", LastDay::ThirdFriday,           1_188,  1_080),
    ("NQ",  LastDay::ThirdFriday,          16_500, 15_000),
    ("MNQ", LastDay::ThirdFriday,           1_650,  1_500),
    ("YM",  LastDay::ThirdFriday,           6_050,  5_500),
    ("RTY", LastDay::ThirdFriday,           7_040,  6_400),
    ("M2K", LastDay::ThirdFriday,             605,    550),
    ("CL",  LastDay::BeforeThe25th { days: 3 },              3_850,  3_500),
    ("MCL", LastDay::BeforeThe25th { days: 4 },                748,    680),
    ("NG",  LastDay::FromTheEndOfTheMonthBefore { days: 3 }, 1_650,  1_500),
    ("HO",  LastDay::FromTheEndOfTheMonthBefore { days: 1 }, 8_030,  7_300),
    ("RB",  LastDay::FromTheEndOfTheMonthBefore { days: 1 }, 4_510,  4_100),
    ("GC",  LastDay::FromTheEnd { days: 3, minutes: 240 },  10_065,  9_150),
    ("SI",  LastDay::FromTheEnd { days: 3, minutes: 235 },   9_900,  9_000),
    ("HG",  LastDay::FromTheEnd { days: 3, minutes: 210 },   2_970,  2_700),
    ("ZN",  LastDay::OF_NOTES,              1_980,  1_800),
    ("ZB",  LastDay::OF_NOTES,              4_125,  3_750),
    ("ZF",  LastDay::OF_SHORT_NOTES,        1_018,    925),
    ("ZT",  LastDay::OF_SHORT_NOTES,          523,    475),
    ("6E",  LastDay::BeforeThirdWednesday,  2_503,  2_275),
    ("6J",  LastDay::BeforeThirdWednesday,  4_400,  4_000),
    ("6B",  LastDay::BeforeThirdWednesday,  3_960,  3_600),
];

/// A contract as its code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::market) struct Contract {
    root: &'static str,
    last_day: LastDay,
    margin: (u32, u32),
    /// 1 to 12.
    month: u32,
    year: Year,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Year {
    /// The last digit: every ten years there is another one.
    Digit(i32),
    Full(i32),
}

impl Contract {
    /// The contract that `name` is the code of: root, month letter, one or two digits of the year.
    pub(in crate::market) fn parse(name: &str) -> Option<Self> {
        ROOTS.iter().find_map(|(root, last_day, initial, maintenance)| {
            let mut delivery = name.strip_prefix(root)?.chars();
            let month = MONTHS.find(delivery.next()?)?;
            let digits = delivery.as_str();
            let number: i32 = digits.parse().ok()?;
            let year = match digits.len() {
                1 => Year::Digit(number),
                // Futures of the last century have codes of two digits too; those roots had none.
                2 if number >= 0 => Year::Full(2_000 + number),
                _ => return None,
            };
            Some(Self {
                root,
                last_day: *last_day,
                margin: (*initial, *maintenance),
                month: u32::try_from(month).ok()? + 1,
                year,
            })
        })
    }

    pub(in crate::market) const fn root(&self) -> &'static str {
        self.root
    }

    /// By what one contract is covered.
    pub(in crate::market) fn margin(&self) -> MarginRule {
        MarginRule::PerContract {
            initial: Decimal::from(self.margin.0),
            maintenance: Decimal::from(self.margin.1),
        }
    }

    /// When it ends. Of the years that a single digit may mean, the first in which the contract still trades `as_of`.
    pub(in crate::market) fn expiry(&self, as_of: Timestamp) -> Option<Timestamp> {
        match self.year {
            Year::Full(year) => self.expiry_in(year),
            Year::Digit(digit) => {
                let now = as_of.to_datetime().year();
                let first = now + (digit - now).rem_euclid(10);
                [first, first + 10]
                    .into_iter()
                    .filter_map(|year| self.expiry_in(year))
                    .find(|expiry| *expiry > as_of)
            }
        }
    }

    fn expiry_in(&self, year: i32) -> Option<Timestamp> {
        let first = NaiveDate::from_ymd_opt(year, self.month, 1)?;
        match self.last_day {
            LastDay::ThirdFriday => {
                let third = NaiveDate::from_weekday_of_month_opt(year, self.month, Weekday::Fri, 3)?;
                let session = business_day(third).or_else(|| before(third, 1))?;
                Some(session.open)
            }
            LastDay::BeforeThe25th { days } => {
                let anchor = first.checked_sub_months(Months::new(1))?.with_day(25)?;
                let days = days + usize::from(business_day(anchor).is_none());
                Some(before(anchor, days)?.open.plus_nanos(300 * MINUTE))
            }
            LastDay::FromTheEnd { days, minutes } => {
                let after = first.checked_add_months(Months::new(1))?;
                Some(before(after, days)?.open.plus_nanos(minutes * MINUTE))
            }
            LastDay::FromTheEndOfTheMonthBefore { days } => {
                Some(before(first, days)?.open.plus_nanos(300 * MINUTE))
            }
            LastDay::BeforeThirdWednesday => {
                let third = NaiveDate::from_weekday_of_month_opt(year, self.month, Weekday::Wed, 3)?;
                Some(before(third, 2)?.open.plus_nanos(46 * MINUTE))
            }
        }
    }
}

/// The session in New York on a business day, which opens at 9:30.
fn business_day(day: NaiveDate) -> Option<TradingSession> {
    Calendar::of(CalendarId::UsEquities).session_on(day)
}

/// The `count`th business day before `day`.
fn before(day: NaiveDate, count: usize) -> Option<TradingSession> {
    (1..=30)
        .filter_map(|days| business_day(day.checked_sub_days(Days::new(days))?))
        .nth(count - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expiry(code: &str, as_of: &str) -> String {
        let contract = Contract::parse(code).unwrap_or_else(|| panic!("{code} is a contract"));
        let as_of = Timestamp::parse(as_of).expect("a time");
        contract.expiry(as_of).expect("an expiry").to_string()
    }

    #[test]
    fn contracts_end_on_the_days_that_the_exchange_announced() {
        for (code, ends) in [
            ("ESZ13", "2013-12-20T14:30:00Z"),
            ("ESM24", "2024-06-21T13:30:00Z"),
            // Juneteenth is the third Friday.
            ("MNQM26", "2026-06-18T13:30:00Z"),
            ("CLK20", "2020-04-21T18:30:00Z"),
            // Memorial Day is the 25th.
            ("CLM20", "2020-05-19T18:30:00Z"),
            ("CLV23", "2023-09-20T18:30:00Z"),
            ("CLZ23", "2023-11-20T19:30:00Z"),
            ("CLF24", "2023-12-19T19:30:00Z"),
            ("GCZ23", "2023-12-27T18:30:00Z"),
            ("GCG24", "2024-02-27T18:30:00Z"),
            ("RTYZ23", "2023-12-15T14:30:00Z"),
            ("M2KH24", "2024-03-15T13:30:00Z"),
            ("YMU24", "2024-09-20T13:30:00Z"),
            ("MCLF24", "2023-12-18T19:30:00Z"),
            ("NGF24", "2023-12-27T19:30:00Z"),
            ("HOF24", "2023-12-29T19:30:00Z"),
            ("RBG24", "2024-01-31T19:30:00Z"),
            ("SIH24", "2024-03-26T17:25:00Z"),
            ("HGK24", "2024-05-29T17:00:00Z"),
            ("ZNH24", "2024-03-19T17:01:00Z"),
            // Juneteenth lies in the seven days.
            ("ZBM24", "2024-06-18T17:01:00Z"),
            ("ZFH24", "2024-03-28T17:01:00Z"),
            ("ZTZ23", "2023-12-29T18:01:00Z"),
            ("6EZ23", "2023-12-18T15:16:00Z"),
            // The third Wednesday itself is a holiday.
            ("6JM24", "2024-06-17T14:16:00Z"),
            ("6BH24", "2024-03-18T14:16:00Z"),
        ] {
            assert_eq!(expiry(code, "2010-01-01"), ends, "{code}");
        }
    }

    #[test]
    fn one_digit_of_the_year_means_the_contract_that_still_trades() {
        for (as_of, ends) in [
            ("2013-10-07", "2013-12-20T14:30:00Z"),
            ("2013-12-20T14:29:59Z", "2013-12-20T14:30:00Z"),
            ("2013-12-20T14:30:00Z", "2023-12-15T14:30:00Z"),
            ("2014-01-01", "2023-12-15T14:30:00Z"),
            ("2009-06-01", "2013-12-20T14:30:00Z"),
        ] {
            assert_eq!(expiry("ESZ3", as_of), ends, "{as_of}");
        }
    }
}
