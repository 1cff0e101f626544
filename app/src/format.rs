//! Numbers and times as people read them: thousands separators, the instrument's own digits, a true minus sign.
//!
//! Everything here is the same on the server and in the browser, so the first render agrees on both.

use papertape::model::{Instrument, Money, Price, Quantity, Timestamp};
use rust_decimal::{Decimal, RoundingStrategy};
use std::collections::BTreeMap;

/// What stands where there is no number.
pub const NONE: &str = "–";
/// U+2212: as wide as a plus sign in tabular figures, and read as "minus" by screen readers.
const MINUS: char = '\u{2212}';

/// Which way a number points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Above zero.
    Up,
    /// Below zero.
    Down,
    /// Zero, or no number.
    Flat,
}

impl Direction {
    /// Of an amount or ratio.
    #[must_use]
    pub fn of(value: f64) -> Self {
        if value > 0.0 {
            Self::Up
        } else if value < 0.0 {
            Self::Down
        } else {
            Self::Flat
        }
    }

    /// The sign that stands beside the colour, so that colour never speaks alone.
    #[must_use]
    pub const fn arrow(self) -> &'static str {
        match self {
            Self::Up => "▲",
            Self::Down => "▼",
            Self::Flat => "",
        }
    }

    /// The class that carries the colour.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Up => "gain",
            Self::Down => "loss",
            Self::Flat => "even",
        }
    }
}

/// `plain` is a number as Rust prints it: puts separators between thousands and a true minus sign before it.
fn group(plain: &str) -> String {
    let (negative, digits) = plain
        .strip_prefix('-')
        .map_or((false, plain), |rest| (true, rest));
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut text = String::with_capacity(plain.len() + whole / 3 + 3);
    // Nothing is less than nothing: "-0.00" is a rounded amount without a direction.
    if negative && digits.bytes().any(|byte| byte.is_ascii_digit() && byte != b'0') {
        text.push(MINUS);
    }
    for (index, digit) in digits[..whole].char_indices() {
        if index > 0 && (whole - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text.push_str(&digits[whole..]);
    text
}

fn with_plus(text: String, positive: bool) -> String {
    // A value that rounds to nothing has no direction to show.
    if positive && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        format!("+{text}")
    } else {
        text
    }
}

/// An exact number with `digits` digits after the point.
#[must_use]
pub fn decimal(value: Decimal, digits: u32) -> String {
    let rounded = value.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
    group(&format!("{rounded:.*}", digits as usize))
}

/// A number with `digits` digits after the point.
#[must_use]
pub fn number(value: f64, digits: usize) -> String {
    if value.is_finite() {
        group(&format!("{value:.digits$}"))
    } else {
        NONE.to_owned()
    }
}

/// A parameter's value: as many digits as it needs.
#[must_use]
pub fn parameter(value: f64) -> String {
    group(&value.to_string())
}

/// Parameters in one line: `fast 20, slow 50`.
#[must_use]
pub fn parameters(params: &BTreeMap<String, f64>) -> String {
    let each: Vec<_> = params
        .iter()
        .map(|(name, value)| format!("{name} {}", parameter(*value)))
        .collect();
    each.join(", ")
}

/// Digits after the point that amounts of a currency are shown with.
#[must_use]
pub fn currency_digits(code: &str) -> u32 {
    match code {
        "JPY" | "KRW" => 0,
        "BTC" | "ETH" => 6,
        _ => 2,
    }
}

/// An amount without its currency's code, for columns whose head names it.
#[must_use]
pub fn amount(money: Money) -> String {
    decimal(money.amount, currency_digits(money.currency.as_str()))
}

/// An amount with a sign, without its currency's code.
#[must_use]
pub fn signed_amount(money: Money) -> String {
    with_plus(amount(money), money.amount > Decimal::ZERO)
}

/// An amount in its currency.
#[must_use]
pub fn money(money: Money) -> String {
    format!("{} {}", amount(money), money.currency)
}

/// An amount in its currency, with a sign.
#[must_use]
pub fn signed_money(money: Money) -> String {
    format!("{} {}", signed_amount(money), money.currency)
}

/// A price with the instrument's digits.
#[must_use]
pub fn price(price: Price, instrument: &Instrument) -> String {
    decimal(price.0, instrument.price_digits())
}

/// A quantity with the instrument's digits.
#[must_use]
pub fn quantity(quantity: Quantity, instrument: &Instrument) -> String {
    decimal(quantity.0, instrument.quantity_digits())
}

/// A ratio in percent: `12.34%`.
#[must_use]
pub fn percent(ratio: f64, digits: usize) -> String {
    if ratio.is_finite() {
        format!("{}%", number(ratio * 100.0, digits))
    } else {
        NONE.to_owned()
    }
}

/// A ratio in percent with a sign: `+12.34%`.
#[must_use]
pub fn signed_percent(ratio: f64, digits: usize) -> String {
    with_plus(percent(ratio, digits), ratio > 0.0)
}

/// A number with a sign.
#[must_use]
pub fn signed_number(value: f64, digits: usize) -> String {
    with_plus(number(value, digits), value > 0.0)
}

/// A large count in a few digits: `1.2 M`, `340 k`.
#[must_use]
pub fn compact(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, "\u{a0}G"),
        size if size >= 1e6 => (value / 1e6, "\u{a0}M"),
        size if size >= 1e4 => (value / 1e3, "\u{a0}k"),
        _ => (value, ""),
    };
    let digits = usize::from(!unit.is_empty() && scaled.abs() < 100.0);
    format!("{}{unit}", number(scaled, digits))
}

/// A whole count.
#[must_use]
pub fn count(value: u64) -> String {
    group(&value.to_string())
}

/// A span in its two largest units: `3 d 4 h`, `12 min`, `0.4 s`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return NONE.to_owned();
    }
    if seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    let seconds = seconds.round() as u64;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) if minutes < 10 && !seconds.is_multiple_of(60) => {
            format!("{minutes} min {} s", seconds % 60)
        }
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, 0, _) => format!("{days} d"),
        _ => format!("{days} d {hours} h"),
    }
}

/// What a session trades: `BTC/USDT, ETH/USDT`; of many the first ones, as long as `most` is not reached.
#[must_use]
pub fn symbols<'a>(all: impl IntoIterator<Item = &'a Instrument>, most: usize) -> String {
    let names: Vec<_> = all.into_iter().map(|it| it.symbol().as_str()).collect();
    if names.len() <= most {
        return names.join(", ");
    }
    let shown = most.saturating_sub(1).max(1);
    format!("{} and {} more", names[..shown].join(", "), names.len() - shown)
}

/// A session's speed: `60×`, or what 0 means.
#[must_use]
pub fn speed(speed: f64) -> String {
    if speed == 0.0 {
        "max".to_owned()
    } else {
        format!("{}×", group(&speed.to_string()))
    }
}

/// How much of a moment is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeStyle {
    /// `2024-12-01 10:05`
    #[default]
    Minute,
    /// `2024-12-01 10:05:09`
    Second,
    /// `10:05:09`
    Clock,
    /// `2024-12-01`
    Day,
}

/// A moment on the clock that is `offset_minutes` ahead of UTC.
#[must_use]
pub fn time(time: Timestamp, offset_minutes: i32, style: TimeStyle) -> String {
    let seconds = time.secs() + i64::from(offset_minutes) * 60;
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let (year, month, day) = civil(day);
    match style {
        TimeStyle::Minute => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}"),
        TimeStyle::Second => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
        TimeStyle::Clock => format!("{hour:02}:{minute:02}:{second:02}"),
        TimeStyle::Day => format!("{year:04}-{month:02}-{day:02}"),
    }
}

/// A zone's distance from UTC: `UTC`, `UTC+02:00`.
#[must_use]
pub fn zone(offset_minutes: i32) -> String {
    if offset_minutes == 0 {
        return "UTC".to_owned();
    }
    let sign = if offset_minutes > 0 { '+' } else { MINUS };
    let size = offset_minutes.unsigned_abs();
    format!("UTC{sign}{:02}:{:02}", size / 60, size % 60)
}

/// Year, month and day of a day counted from the epoch: Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>). A date library's formatter weighs more than the rest of
/// this file in the browser.
const fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    #[test]
    fn decimals_get_separators_their_digits_and_a_true_minus() {
        for (value, digits, text) in [
            ("0", 2, "0.00"),
            ("1234567.891", 2, "1,234,567.89"),
            ("999.995", 2, "1,000.00"),
            ("-1234.5", 1, "−1,234.5"),
            ("-0.001", 2, "0.00"),
            ("100000", 0, "100,000"),
            ("0.00012345", 8, "0.00012345"),
        ] {
            assert_eq!(decimal(exact(value), digits), text);
        }
    }

    #[test]
    fn signs_stand_only_where_there_is_a_direction() {
        assert_eq!(signed_percent(0.0123, 2), "+1.23%");
        assert_eq!(signed_percent(-0.5, 1), "−50.0%");
        assert_eq!(signed_percent(0.0, 2), "0.00%");
        assert_eq!(signed_percent(0.000_01, 2), "0.00%");
        assert_eq!(percent(f64::NAN, 2), NONE);
        let usdt = Money::new(exact("12.5"), "USDT".parse().expect("a currency"));
        assert_eq!(signed_money(usdt), "+12.50 USDT");
        assert_eq!(signed_money(-usdt), "−12.50 USDT");
    }

    #[test]
    fn counts_and_spans_stay_short() {
        assert_eq!(compact(1_234_567.0), "1.2\u{a0}M");
        assert_eq!(compact(340_000.0), "340\u{a0}k");
        assert_eq!(compact(950.0), "950");
        for (seconds, text) in [
            (0.42, "0.4 s"),
            (45.0, "45 s"),
            (125.0, "2 min 5 s"),
            (3_600.0, "1 h"),
            (5_400.0, "1 h 30 min"),
            (273_600.0, "3 d 4 h"),
            (f64::INFINITY, NONE),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn moments_read_the_same_as_the_calendar_says() {
        let moment = Timestamp::parse("2024-02-29T23:54:15.123Z").expect("a time");
        assert_eq!(time(moment, 0, TimeStyle::Second), "2024-02-29 23:54:15");
        assert_eq!(time(moment, 60, TimeStyle::Minute), "2024-03-01 00:54");
        assert_eq!(time(moment, -330, TimeStyle::Clock), "18:24:15");
        let before = Timestamp::parse("1969-12-31T23:59:59Z").expect("a time");
        assert_eq!(time(before, 0, TimeStyle::Second), "1969-12-31 23:59:59");
        assert_eq!(zone(0), "UTC");
        assert_eq!(zone(330), "UTC+05:30");
        assert_eq!(zone(-300), "UTC−05:00");
    }

    #[test]
    fn of_many_symbols_the_first_are_named() {
        let all: Vec<_> = ["BTC/USDT", "ETH/USDT", "SOL/USDT"]
            .iter()
            .map(|symbol| {
                let symbol = symbol.parse().expect("a symbol");
                Instrument::new(symbol, exact("0.01"), exact("0.1"), exact("5"), Decimal::ONE)
                    .expect("an instrument")
            })
            .collect();
        assert_eq!(symbols(&all[..1], 2), "BTC/USDT");
        assert_eq!(symbols(&all, 3), "BTC/USDT, ETH/USDT, SOL/USDT");
        assert_eq!(symbols(&all, 2), "BTC/USDT and 2 more");
    }

    #[test]
    fn speeds_and_parameters_name_what_they_are() {
        assert_eq!((speed(60.0).as_str(), speed(0.0).as_str()), ("60×", "max"));
        let params = BTreeMap::from([("fast".to_owned(), 20.0), ("ratio".to_owned(), 0.5)]);
        assert_eq!(parameters(&params), "fast 20, ratio 0.5");
    }
}
