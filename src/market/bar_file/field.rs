//! The fields of a row: where they end, and what they say.

use super::{MAX_DIGITS, Timestamp};

/// Calls `take` with the index and the text of every field of a line, blanks around it and quotes cut off; gives their
/// number.
///
/// # Errors
/// When a quote does not end on the line.
#[inline]
pub(in crate::market) fn split<'a>(
    line: &'a str,
    mut take: impl FnMut(usize, &'a str),
) -> Result<usize, String> {
    let bytes = line.as_bytes();
    let mut count = 0;
    let mut start = 0;
    loop {
        let rest = &bytes[start..];
        let length = if rest.first() == Some(&b'"') {
            quoted_length(rest).ok_or("a quoted field does not end on its line")?
        } else {
            rest.iter().position(|byte| *byte == b',').unwrap_or(rest.len())
        };
        // Cuts are next to ASCII bytes, so never inside a character.
        take(count, unquote(line[start..start + length].trim_ascii()));
        count += 1;
        start += length + 1;
        if start > bytes.len() {
            return Ok(count);
        }
    }
}

/// Bytes up to the comma after a quoted field, or to the end; two quotes in a row stand for one and do not end it.
fn quoted_length(field: &[u8]) -> Option<usize> {
    let mut inside = false;
    for (index, byte) in field.iter().enumerate() {
        match byte {
            b'"' => inside = !inside,
            b',' if !inside => return Some(index),
            _ => {}
        }
    }
    (!inside).then_some(field.len())
}

fn unquote(field: &str) -> &str {
    field
        .strip_prefix('"')
        .and_then(|field| field.strip_suffix('"'))
        .map_or(field, str::trim_ascii)
}

/// A number and its digits after the point, zeros at the end not counted, at most [`MAX_DIGITS`].
///
/// # Errors
/// When it is not a number, or too large to be one. Sign and sense are the bar's to check.
#[inline]
pub(in crate::market) fn number(text: &str, name: &str) -> Result<(f64, u32), String> {
    if let Some(plain) = plain_number(text.as_bytes()) {
        return Ok(plain);
    }
    let value: f64 = text
        .parse()
        .ok()
        .filter(|value: &f64| !value.is_nan())
        .ok_or_else(|| match text {
            "" => format!("{name} is empty"),
            _ => format!("{name} '{}' is not a number", shortened(text)),
        })?;
    if value.is_infinite() {
        return Err(format!("{name} '{}' is not a finite number", shortened(text)));
    }
    let digits = match text.contains(['e', 'E']) {
        // The shortest decimal that stands for the number, written without an exponent.
        true => fraction_digits(&value.to_string()),
        false => fraction_digits(text),
    };
    Ok((value, digits.min(MAX_DIGITS)))
}

/// Digits after the point up to the last that is not zero.
pub(super) fn fraction_digits(text: &str) -> u32 {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.trim_end_matches('0').len() as u32
}

/// Digits with at most one point among them, exactly: when the digits are a whole number below 2⁵³ and the power of ten
/// is at most 10²², both are exact in `f64` and one division rounds once (Clinger, PLDI 1990). `None` for all else.
fn plain_number(text: &[u8]) -> Option<(f64, u32)> {
    const POWERS: [f64; 16] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ];
    // Fifteen digits stay below 2⁵³; sixteen leave room for the point.
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    let mut whole = 0_u64;
    let mut digits = 0_u32;
    let mut point = None;
    // Digits of the fraction up to the last that is not zero.
    let mut significant = 0;
    for byte in text {
        match byte {
            b'0'..=b'9' => {
                whole = whole * 10 + u64::from(byte - b'0');
                digits += 1;
                if let Some(before) = point
                    && *byte != b'0'
                {
                    significant = digits - before;
                }
            }
            b'.' if point.is_none() => point = Some(digits),
            _ => return None,
        }
    }
    if digits == 0 || digits > 15 {
        return None;
    }
    let fraction = point.map_or(0, |before| digits - before);
    Some((
        whole as f64 / POWERS[fraction as usize],
        significant.min(MAX_DIGITS),
    ))
}

/// A point in time between the years 1900 and 2200, as bar files write it.
///
/// # Errors
/// When it is no time, or so far away that it must be a mistake.
#[inline]
pub fn time(text: &str) -> Result<Timestamp, String> {
    let time = match plain_time(text.as_bytes()) {
        Some(time) => time,
        None if text.is_empty() => return Err("the time is empty".to_owned()),
        None => Timestamp::parse(text).map_err(|error| error.to_string())?,
    };
    if is_plausible(time) {
        Ok(time)
    } else {
        Err(implausible(&shortened(text)))
    }
}

/// Whether a time is not so far away that it must be a mistake.
pub(super) const fn is_plausible(time: Timestamp) -> bool {
    // 1900 and 2200.
    -2_208_988_800 <= time.secs() && time.secs() < 7_258_118_400
}

pub(super) fn implausible(shown: &str) -> String {
    format!("the time '{shown}' is not between the years 1900 and 2200")
}

/// The spellings that machines write, fast: epoch numbers, `YYYY-MM-DD` and `YYYY-MM-DDThh:mm:ss` (or with a blank),
/// with or without `Z`. `None` for all else, which [`Timestamp::parse`] then judges.
fn plain_time(text: &[u8]) -> Option<Timestamp> {
    let text = text.strip_suffix(b"Z").unwrap_or(text);
    let (date, clock) = match text.len() {
        10 if text[4] == b'-' => (text, None),
        19 if matches!(text[10], b'T' | b' ') => (&text[..10], Some(&text[11..])),
        1..=18 => return digits(text).map(Timestamp::from_epoch_guess),
        _ => return None,
    };
    if date[4] != b'-' || date[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..])?);
    let date = chrono::NaiveDate::from_ymd_opt(year as i32, month as u32, day as u32)?;
    let days = date
        .signed_duration_since(chrono::NaiveDate::default())
        .num_days();
    let seconds = match clock {
        None => 0,
        Some(clock) if clock[2] == b':' && clock[5] == b':' => {
            let (hour, minute, second) = (digits(&clock[..2])?, digits(&clock[3..5])?, digits(&clock[6..])?);
            if hour > 23 || minute > 59 || second > 59 {
                return None;
            }
            hour * 3_600 + minute * 60 + second
        }
        Some(_) => return None,
    };
    Some(Timestamp::from_secs(days * 86_400 + seconds))
}

/// A whole number of at most 18 digits, nothing else.
fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0_i64, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + i64::from(byte - b'0'))
    })
}

/// As much of a field as an error quotes.
pub(in crate::market) fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(line: &str) -> Result<Vec<&str>, String> {
        let mut fields = Vec::new();
        split(line, |index, field| {
            assert_eq!(index, fields.len());
            fields.push(field);
        })?;
        Ok(fields)
    }

    #[test]
    fn lines_split_at_commas_outside_quotes() {
        assert_eq!(fields(""), Ok(vec![""]));
        assert_eq!(fields("a,b,"), Ok(vec!["a", "b", ""]));
        assert_eq!(fields(" a ,\"b,c\", \t"), Ok(vec!["a", "b,c", ""]));
        assert_eq!(
            fields("\"he said \"\"no, never\"\"\",é"),
            Ok(vec!["he said \"\"no, never\"\"", "é"])
        );
        assert!(fields("a,\"b").is_err());
    }

    #[test]
    fn digits_are_counted_without_the_zeros_at_the_end() {
        for (text, value, digits) in [
            ("16792.38816500", 16_792.388_165, 6),
            ("0.00000001", 1e-8, 8),
            ("46319.0", 46_319.0, 0),
            ("100", 100.0, 0),
            (".5", 0.5, 1),
            ("5.", 5.0, 0),
            ("0000000000000000000012.50", 12.5, 1),
            ("1e-7", 1e-7, 7),
            ("-1.25", -1.25, 2),
            ("0.30000000000000004", 0.300_000_000_000_000_04, 8),
        ] {
            assert_eq!(number(text, "open"), Ok((value, digits)), "{text}");
        }
        for text in [
            "", ".", "-", "1,5", "1 5", "0x10", "NaN", "inf", "1e400", "1_000", "12é",
        ] {
            assert!(number(text, "open").is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn numbers_are_what_the_standard_library_reads(text in "[0-9]{0,10}\\.?[0-9]{0,10}") {
            let expected = text.parse::<f64>().ok();
            prop_assert_eq!(number(&text, "open").ok().map(|(value, _)| value), expected);
        }

        #[test]
        fn times_are_what_the_slow_parser_reads(seconds in -2_208_988_800_i64..7_258_118_400, zone in "Z?", blank: bool) {
            let time = Timestamp::from_secs(seconds);
            let text = time.to_string().replace('T', if blank { " " } else { "T" }).replace('Z', &zone);
            prop_assert_eq!(super::time(&text), Ok(time));
            prop_assert_eq!(super::time(&text[..10]).ok(), Timestamp::parse(&text[..10]).ok());
        }

        #[test]
        fn short_texts_are_read_alike_by_both_parsers(text in "[0-9Z:T -]{0,20}") {
            if let Some(fast) = plain_time(text.as_bytes()) {
                let slow = Timestamp::parse(text.strip_suffix('Z').unwrap_or(&text));
                prop_assert_eq!(Ok(fast), slow);
            }
        }
    }
}
