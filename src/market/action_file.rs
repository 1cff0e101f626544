//! Action files: what happened to an instrument beside its trading, as CSV with a header.
//!
//! | `kind` | fields | says |
//! |---|---|---|
//! | `split` | `split_ratio` | each share becomes so many |
//! | `dividend` | `cash_amount` | cash a share, told on the ex-date |
//! | `funding` | `funding_rate`, `price` if known | longs pay a positive rate on the value at the mark, or at the last price |
//! | `mark_price` | `price` | the venue's mark price, for two bars unless told again |
//! | `settlement` | `price` | the instrument ends at this price |
//! | `roll` | `from_price`, `price` | a continuous series goes over to the contract at `price`: who holds it pays for two trades |
//! | `symbol_change` | `new_symbol` | it trades under another name from now on |
//! | `delisting` | `price` if known | it trades no more and is paid out, else at the last price |
//!
//! The time column is `ex_date` (or `time`, `timestamp`, `date`, `calc_time`). A date is the beginning of that trading day,
//! before its pre-market; a time of day or an epoch number is that moment. A file without `kind` whose header has
//! `funding_rate` (or `rate`, `last_funding_rate`) holds funding alone. Other columns are ignored. A file is read whole or not
//! at all, in any order of its rows.

use super::bar_file::field;
use super::{Calendar, CalendarId, CorporateAction, MarketAction};
use crate::model::{Price, Symbol, Timeframe, Timestamp, decimal};
use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names of the columns, in the order in which their fields are kept; of each the preferred name first.
const COLUMNS: [&[&str]; 8] = [
    &["ex_date", "time", "timestamp", "date", "calc_time"],
    &["kind"],
    &["split_ratio"],
    &["cash_amount"],
    &["funding_rate", "rate", "last_funding_rate"],
    &["price", "mark_price"],
    &["new_symbol"],
    &["from_price"],
];
const TIME: usize = 0;
const KIND: usize = 1;
const RATIO: usize = 2;
const AMOUNT: usize = 3;
const RATE: usize = 4;
const PRICE: usize = 5;
const SYMBOL: usize = 6;
const FROM: usize = 7;

/// The most actions that a file may hold: eight hours' funding of 900 years.
const MOST_ROWS: usize = 1_000_000;
/// How far a ratio may lie from one of small whole numbers to be taken for it: ratios that were computed from adjustment
/// factors carry the rounding of those.
const RATIO_ROUNDING: Decimal = Decimal::from_parts(1, 0, 0, false, 5);

/// An action, and the moment from which it holds: it comes before the first bar that opens then or later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatedAction {
    /// From when.
    pub time: Timestamp,
    /// What.
    pub action: MarketAction,
}

/// Why a file is no action file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ActionFileError {
    /// The line, counted from 1, which is the header.
    pub line: u64,
    /// What is wrong, in a few words.
    pub message: String,
}

/// Reads an action file from its text, for bars of this length of an instrument with these trading hours; in order of time.
///
/// ```
/// use papertape::market::{CalendarId, read_actions};
/// use papertape::model::Timeframe;
///
/// let text = "ex_date,kind,split_ratio,cash_amount\n2014-06-09,split,7,\n2014-08-07,dividend,,0.47\n";
/// let actions = read_actions(text, CalendarId::UsEquities, Timeframe::MINUTE)?;
/// // Four in the morning in New York.
/// assert_eq!(actions[0].time.to_string(), "2014-06-09T08:00:00Z");
///
/// let error = read_actions("ex_date,kind,split_ratio\n2014-06-09,split,0\n", CalendarId::UsEquities, Timeframe::DAY);
/// assert_eq!(error.unwrap_err().to_string(), "line 2: a split into 0 shares is none");
/// # Ok::<(), papertape::market::ActionFileError>(())
/// ```
///
/// # Errors
/// [`ActionFileError`] names the first line that is wrong.
pub fn read_actions(
    text: &str,
    hours: CalendarId,
    bars: Timeframe,
) -> Result<Vec<DatedAction>, ActionFileError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = (1_u64..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim_ascii().is_empty());
    let fail = |line| move |message: String| ActionFileError { line, message };
    let (line, header) = lines
        .next()
        .ok_or_else(|| fail(1)("the file is empty".to_owned()))?;
    let columns = Columns::find(header).map_err(fail(line))?;
    let mut actions = Vec::new();
    let mut known: BTreeMap<String, u64> = BTreeMap::new();
    for (line, row) in lines {
        let fail = fail(line);
        let fields = columns.fields(row).map_err(&fail)?;
        let action = action_of(&fields).map_err(&fail)?;
        let time = moment(fields[TIME], hours, bars).map_err(&fail)?;
        if let Some(earlier) = known.insert(format!("{time} {action:?}"), line) {
            return Err(fail(format!("this is on line {earlier} already")));
        }
        if actions.len() == MOST_ROWS {
            return Err(fail(format!("a file holds at most {MOST_ROWS} actions")));
        }
        actions.push(DatedAction { time, action });
    }
    actions.sort_by_key(|dated| dated.time);
    Ok(actions)
}

/// Those of `actions`, which are in order of time, that fall into a span of bars: from the first one's open to the last
/// one's close.
#[must_use]
pub fn actions_within(
    actions: &[DatedAction],
    first_open: Timestamp,
    last_close: Timestamp,
) -> &[DatedAction] {
    let from = actions.partition_point(|dated| dated.time < first_open);
    let until = actions.partition_point(|dated| dated.time <= last_close);
    &actions[from..until.max(from)]
}

/// Where the columns are.
struct Columns {
    /// What each column is: its place in [`COLUMNS`], or their number.
    meaning: Vec<usize>,
    /// Whether the file, without a kind, holds funding.
    is_funding: bool,
}

impl Columns {
    fn find(header: &str) -> Result<Self, String> {
        let mut names = Vec::new();
        field::split(header, |_, name| names.push(name.to_ascii_lowercase()))?;
        let mut meaning = vec![COLUMNS.len(); names.len()];
        for (place, aliases) in COLUMNS.into_iter().enumerate() {
            let Some(name) = aliases
                .iter()
                .find(|alias| names.iter().any(|name| name == *alias))
            else {
                continue;
            };
            let mut columns = (0..names.len()).filter(|column| names[*column] == *name);
            let column = columns.next().unwrap_or(0);
            if columns.next().is_some() {
                return Err(format!("the column '{name}' is there twice"));
            }
            meaning[column] = place;
        }
        let has = |place: usize| meaning.contains(&place);
        if !has(TIME) {
            return Err(format!(
                "there is no time column: name it {}",
                COLUMNS[TIME].join(", ")
            ));
        }
        if !has(KIND) && !has(RATE) {
            return Err("the column 'kind' is missing".to_owned());
        }
        let is_funding = !has(KIND);
        Ok(Self { meaning, is_funding })
    }

    fn fields<'a>(&self, row: &'a str) -> Result<[&'a str; COLUMNS.len()], String> {
        // The last place takes what is ignored.
        let mut fields = [""; COLUMNS.len() + 1];
        let count = field::split(row, |column, text| {
            let place = self.meaning.get(column).copied().unwrap_or(COLUMNS.len());
            fields[place] = text;
        })?;
        let expected = self.meaning.len();
        if count != expected {
            return Err(format!("{count} fields, where the header has {expected}"));
        }
        if self.is_funding {
            fields[KIND] = "funding";
        }
        let [wanted @ .., _ignored] = fields;
        Ok(wanted)
    }
}

fn action_of(fields: &[&str; COLUMNS.len()]) -> Result<MarketAction, String> {
    let kind = fields[KIND].to_ascii_lowercase();
    let allowed: &[usize] = match kind.as_str() {
        "split" => &[RATIO],
        "dividend" => &[AMOUNT],
        "funding" => &[RATE, PRICE],
        "mark_price" | "settlement" | "delisting" => &[PRICE],
        "symbol_change" => &[SYMBOL],
        "roll" => &[FROM, PRICE],
        "" => return Err("the kind is empty".to_owned()),
        _ => {
            return Err(format!(
                "'{}' is no kind of action: write split, dividend, funding, mark_price, settlement, symbol_change, delisting or \
                 roll",
                field::shortened(fields[KIND])
            ));
        }
    };
    for place in RATIO..COLUMNS.len() {
        if !fields[place].is_empty() && !allowed.contains(&place) {
            return Err(format!("a {kind} has no {}", COLUMNS[place][0]));
        }
    }
    let number = |place: usize| -> Result<Decimal, String> {
        let name = COLUMNS[place][0];
        match fields[place] {
            "" => Err(format!("a {kind} needs a {name}")),
            text => decimal::parse(text)
                .ok_or_else(|| format!("{name} '{}' is not a number", field::shortened(text))),
        }
    };
    let price_at = |place: usize| match number(place)? {
        price if price > Decimal::ZERO => Ok(Price(price)),
        price => Err(format!("a {kind} at {price} is none: the price is above 0")),
    };
    let price = || price_at(PRICE);
    let price_if_told = || (!fields[PRICE].is_empty()).then(price).transpose();
    let action = match kind.as_str() {
        "split" => MarketAction::Corporate(CorporateAction::Split {
            ratio: whole_ratio(number(RATIO)?),
        }),
        "dividend" => MarketAction::Corporate(CorporateAction::Dividend {
            per_share: number(AMOUNT)?,
        }),
        "funding" => MarketAction::Funding {
            rate: match number(RATE)? {
                rate if rate.abs() < Decimal::ONE => rate,
                rate => return Err(format!("a funding rate of {rate} is none: 0.0001 is 0.01 %")),
            },
            mark: price_if_told()?,
        },
        "mark_price" => MarketAction::MarkPrice(price()?),
        // A price of a future can be below zero.
        "settlement" => MarketAction::Settlement {
            price: Price(number(PRICE)?),
        },
        "roll" => MarketAction::Roll {
            from: price_at(FROM)?,
            to: price()?,
        },
        "symbol_change" => MarketAction::Corporate(CorporateAction::SymbolChange {
            to: new_symbol(fields[SYMBOL])?,
        }),
        _ => MarketAction::Corporate(CorporateAction::Delisting {
            price: price_if_told()?,
        }),
    };
    if let MarketAction::Corporate(action) = &action {
        action.validate().map_err(|error| error.to_string())?;
    }
    Ok(action)
}

fn new_symbol(text: &str) -> Result<Symbol, String> {
    if text.is_empty() {
        return Err("a symbol_change needs a new_symbol".to_owned());
    }
    text.parse()
        .map_err(|error| format!("new_symbol '{}': {error}", field::shortened(text)))
}

/// A ratio of whole numbers up to ten for one of which `ratio` is a rounding; else the ratio itself.
fn whole_ratio(ratio: Decimal) -> Decimal {
    let is_meant =
        |whole: Decimal| (whole - ratio).abs() <= ratio * RATIO_ROUNDING || is_written(whole, ratio);
    let nearest = |many: Decimal, whole: &dyn Fn(Decimal, Decimal) -> Option<Decimal>| {
        (1..=10).map(Decimal::from).find_map(|parts| {
            let shares = many.checked_mul(parts)?.round();
            whole(shares, parts).filter(|whole| is_meant(*whole))
        })
    };
    let found = if ratio >= Decimal::ONE {
        nearest(ratio, &|shares, parts| shares.checked_div(parts))
    } else {
        Decimal::ONE
            .checked_div(ratio)
            .and_then(|inverse| nearest(inverse, &|shares, parts| parts.checked_div(shares)))
    };
    found.unwrap_or(ratio)
}

/// Whether `ratio` is `whole` as somebody wrote it who rounded it, or cut it off, to the digits that `ratio` has: at least
/// three of them, for of fewer nobody knows.
fn is_written(whole: Decimal, ratio: Decimal) -> bool {
    let digits = ratio.scale();
    let is_fine = digits >= 3 && ratio.mantissa().unsigned_abs() >= 100;
    let cut = whole.round_dp_with_strategy(digits, RoundingStrategy::ToZero);
    is_fine && (whole.round_dp(digits) == ratio || cut == ratio)
}

/// The moment of a field: what a date is to bars of this length, and else the moment itself.
fn moment(text: &str, hours: CalendarId, bars: Timeframe) -> Result<Timestamp, String> {
    let time = field::time(text)?;
    let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") else {
        return Ok(time);
    };
    // Bars of a day are dated by it, wherever the market is.
    if hours == CalendarId::Always || bars.nanos() >= Timeframe::DAY.nanos() {
        return Ok(time);
    }
    let calendar = Calendar::of(hours);
    let session = calendar.session_on(day);
    // Of a holiday, the session that comes next.
    let noon = time.plus_nanos(Timeframe::DAY.nanos() / 2);
    Ok(session
        .unwrap_or_else(|| calendar.session_at_or_after(noon))
        .pre_open)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<DatedAction>, ActionFileError> {
        read_actions(text, CalendarId::UsEquities, Timeframe::DAY)
    }

    fn number(text: &str) -> Decimal {
        text.parse().expect("a number")
    }

    #[test]
    fn every_kind_is_read() {
        let text = "ex_date,kind,split_ratio,cash_amount,funding_rate,price,new_symbol,note\n\
                    2022-06-09,symbol_change,,,,,META,once FB\n\
                    2020-08-31,split,4,,,,,\n\
                    2020-09-01,dividend,,0.205,,,,\n\
                    2020-09-01T08:00:00Z,funding,,,0.0001,,,\n\
                    2020-09-01T16:00:00Z,funding,,,-0.0003,101.5,,\n\
                    2020-09-02,mark_price,,,,102,,\n\
                    2023-01-01,delisting,,,,,,\n\
                    2023-01-02,settlement,,,,-37.63,,\n";
        let actions = read(text).expect("a file of actions");
        let price = |text| Price(number(text));
        let corporate = MarketAction::Corporate;
        let expected = [
            corporate(CorporateAction::Split { ratio: number("4") }),
            corporate(CorporateAction::Dividend {
                per_share: number("0.205"),
            }),
            MarketAction::Funding {
                rate: number("0.0001"),
                mark: None,
            },
            MarketAction::Funding {
                rate: number("-0.0003"),
                mark: Some(price("101.5")),
            },
            MarketAction::MarkPrice(price("102")),
            corporate(CorporateAction::SymbolChange {
                to: "META".parse().expect("a symbol"),
            }),
            corporate(CorporateAction::Delisting { price: None }),
            MarketAction::Settlement {
                price: price("-37.63"),
            },
        ];
        let read: Vec<_> = actions.iter().map(|dated| dated.action.clone()).collect();
        assert_eq!(read, expected);
        assert_eq!(actions[0].time.to_string(), "2020-08-31T00:00:00Z");
    }

    #[test]
    fn a_venues_list_of_funding_needs_no_kind() {
        let text = "calc_time,funding_interval_hours,last_funding_rate\n1704067200000,8,0.00037409\n";
        let actions = read(text).expect("a file of funding");
        assert_eq!(actions[0].time.to_string(), "2024-01-01T00:00:00Z");
        assert!(matches!(
            actions[0].action,
            MarketAction::Funding { mark: None, .. }
        ));
    }

    #[test]
    fn ratios_from_factors_are_taken_for_the_whole_ones() {
        for (told, meant) in [
            ("2.00001", "2"),
            ("7", "7"),
            ("1.49999", "1.5"),
            ("0.125001", "0.125"),
            ("1.02", "1.02"),
            ("2.001", "2.001"),
            // Two digits are a ratio of their own: eleven for ten is not eight for seven.
            ("1.1", "1.1"),
            ("1.14", "1.14"),
            ("0.33", "0.33"),
            ("1.125", "1.125"),
            ("0.007", "0.007"),
        ] {
            assert_eq!(whole_ratio(number(told)), number(meant), "{told}");
        }
        // Coarse sources round or cut a ratio that does not end.
        for (told, [shares, parts]) in [
            ("0.333333", [1, 3]),
            ("0.3333", [1, 3]),
            ("0.333", [1, 3]),
            ("0.6667", [2, 3]),
            ("0.6666", [2, 3]),
            ("0.0667", [1, 15]),
            ("1.3333", [4, 3]),
            ("1.333", [4, 3]),
            ("0.1429", [1, 7]),
        ] {
            let meant = Decimal::from(shares) / Decimal::from(parts);
            assert_eq!(whole_ratio(number(told)), meant, "{told}");
        }
    }

    #[test]
    fn a_date_is_the_beginning_of_its_trading_day() {
        let day = |text, bars| {
            moment(text, CalendarId::UsEquities, bars)
                .expect("a time")
                .to_string()
        };
        // In winter New York is five hours behind, in summer four; midnight UTC is the evening before.
        assert_eq!(day("2020-01-15", Timeframe::MINUTE), "2020-01-15T09:00:00Z");
        assert_eq!(day("2020-07-15", Timeframe::MINUTE), "2020-07-15T08:00:00Z");
        // A Saturday is the Monday after it, a holiday the day after it.
        assert_eq!(day("2020-07-18", Timeframe::MINUTE), "2020-07-20T08:00:00Z");
        assert_eq!(day("2020-12-25", Timeframe::MINUTE), "2020-12-28T09:00:00Z");
        assert_eq!(day("2020-07-15", Timeframe::DAY), "2020-07-15T00:00:00Z");
        assert_eq!(
            day("2020-07-15T12:00:00Z", Timeframe::MINUTE),
            "2020-07-15T12:00:00Z"
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let head = "ex_date,kind,split_ratio,cash_amount,price\n";
        for (rows, error) in [
            ("2020-01-01,split,,,\n", "line 2: a split needs a split_ratio"),
            (
                "2020-01-01,split,two,,\n",
                "line 2: split_ratio 'two' is not a number",
            ),
            (
                "2020-01-01,split,-2,,\n",
                "line 2: a split into -2 shares is none",
            ),
            (
                "\n2020-01-01,dividend,,-1,\n",
                "line 3: a dividend of -1 a share is none",
            ),
            (
                "2020-01-01,dividend,2,1,\n",
                "line 2: a dividend has no split_ratio",
            ),
            (
                "2020-01-01,dividend,,1\n",
                "line 2: 4 fields, where the header has 5",
            ),
            (
                "someday,dividend,,1,\n",
                "line 2: 'someday' is not a time: write ISO 8601 such as 2024-08-08T23:54:15Z, or an epoch number",
            ),
            (
                "2020-01-01,merger,,,\n",
                "line 2: 'merger' is no kind of action: write split, dividend, funding, mark_price, settlement, \
                 symbol_change, delisting or roll",
            ),
            ("2020-01-01,,,,\n", "line 2: the kind is empty"),
            (
                "2020-01-01,mark_price,,,0\n",
                "line 2: a mark_price at 0 is none: the price is above 0",
            ),
            (
                "2020-01-02,split,2,,\n2020-01-01,dividend,,1,\n2020-01-02,split,2,,\n",
                "line 4: this is on line 2 already",
            ),
            (
                "2020-01-01,split,\"2,,\n",
                "line 2: a quoted field does not end on its line",
            ),
        ] {
            let found = read(&format!("{head}{rows}")).map_err(|error| error.to_string());
            assert_eq!(found, Err(error.to_owned()), "{rows}");
        }
        for (header, error) in [
            ("", "line 1: the file is empty"),
            (
                "kind,split_ratio\n",
                "line 1: there is no time column: name it ex_date, time, timestamp, date, calc_time",
            ),
            ("ex_date,split_ratio\n", "line 1: the column 'kind' is missing"),
            ("ex_date,kind,kind\n", "line 1: the column 'kind' is there twice"),
        ] {
            let found = read(header).map_err(|error| error.to_string());
            assert_eq!(found, Err(error.to_owned()), "{header}");
        }
    }

    #[test]
    fn what_lies_outside_the_bars_is_left_out() {
        let actions =
            read("ex_date,kind,split_ratio\n2020-01-01,split,2\n2020-01-02,split,2\n2020-01-03,split,2\n")
                .expect("a file of actions");
        let day = |text| Timestamp::parse(text).expect("a day");
        let within = |from, until| actions_within(&actions, day(from), day(until)).len();
        assert_eq!(within("2020-01-01", "2020-01-03"), 3);
        assert_eq!(within("2020-01-02", "2020-01-02T12:00:00Z"), 1);
        assert_eq!(within("2020-01-04", "2020-01-05"), 0);
        assert_eq!(within("2019-01-04", "2019-01-05"), 0);
    }
}
