//! What people type, read.

use papertape::model::decimal;
use rust_decimal::Decimal;

/// A number with a decimal point; commas may set its thousands apart and do nothing else: `0,5` is no number here, for
/// without its comma it would be ten times as much.
pub(crate) fn number(text: &str) -> Option<Decimal> {
    let text = text.trim();
    let end = text.find(|it: char| !it.is_ascii_digit() && !"+-,".contains(it));
    let whole = text[..end.unwrap_or(text.len())].trim_start_matches(['+', '-']);
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let is_grouped =
        (1..=3).contains(&first.len()) && !first.starts_with('0') && groups.all(|it| it.len() == 3);
    let plain = text.replace(',', "");
    let commas = text.len() - plain.len();
    let in_whole = whole.matches(',').count();
    (commas == 0 || commas == in_whole && is_grouped)
        .then(|| decimal::parse(&plain))
        .flatten()
}

/// What to write instead of a text that is no number: `usual`, unless its comma is what is wrong.
pub(crate) fn instead(text: &str, usual: &'static str) -> &'static str {
    if text.contains(',') && number(text).is_none() {
        "Write the number with a point, such as 0.5; commas only set thousands apart"
    } else {
        usual
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_set_thousands_apart_and_nothing_else() {
        for (text, value) in [
            ("96000", "96000"),
            ("96,000", "96000"),
            (" 1,234,567.25 ", "1234567.25"),
            ("-1,500", "-1500"),
            ("0.5", "0.5"),
            (".5", "0.5"),
            ("1e-7", "0.0000001"),
            ("100", "100"),
        ] {
            let value: Decimal = value.parse().expect("a number");
            assert_eq!(number(text), Some(value), "{text}");
        }
        for text in [
            "0,5", "0,500", "1,5", "12,34", "1,2345", "1,23,456", "1234,567", ",500", "1,000,00", "1.5,000",
            "1,000,", "1e3,000", ",", "", "five", "1 000", "NaN",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_comma_made_wrong_is_said() {
        assert!(instead("0,5", "Write a number").contains("with a point"));
        assert_eq!(instead("five", "Write a number"), "Write a number");
        assert_eq!(
            instead("96,000", "Write a number above zero"),
            "Write a number above zero"
        );
    }
}
