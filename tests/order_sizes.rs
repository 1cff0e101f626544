//! What makes less of a backtest than it seems, in its own words.

use papertape::backtest::{ReportContext, run};
use papertape::market::{Bar, Bars};
use papertape::model::Timestamp;
use papertape::testkit::config;

/// Buys and sells so many at each crossing of 100.
fn warnings(quantity: u32, volume: impl Fn(i64) -> f64) -> Vec<String> {
    let config = config(&format!(
        "name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {{long: close > 100}}\nexit: {{long: close < 100}}\n\
         risk: {{size: {{method: fixed_quantity, value: {quantity}}}}}\n"
    ));
    let bar = |minute: i64| {
        let price = 100.0 + if minute % 20 < 10 { 1.0 } else { -1.0 };
        Bar {
            open_time: Timestamp::from_secs(60 * minute),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: volume(minute),
        }
    };
    let bars: Bars = (0..200).map(bar).collect();
    let outcome = run(config, &bars, &mut |_| true).expect("a run");
    assert!(!outcome.fills.is_empty());
    outcome.report(&bars, ReportContext::default()).warnings
}

fn says_size(warnings: &[String]) -> bool {
    warnings
        .iter()
        .any(|warning| warning.contains("more of a bar than was traded"))
}

#[test]
fn fills_beyond_the_volume_are_said() {
    assert!(!says_size(&warnings(10, |_| 10.0)));
    assert!(says_size(&warnings(11, |_| 10.0)));
    // Bars in which nobody traded, among others.
    assert!(says_size(&warnings(1, |minute| f64::from(u8::from(
        minute % 10 != 1
    )))));
    // Data that carries no volumes says nothing of sizes.
    assert!(!says_size(&warnings(1, |_| 0.0)));
}

/// Ten fills to open and ten to close, of which the largest took what is said.
#[test]
fn fills_of_a_large_share_of_the_volume_are_said_with_their_number_and_the_largest() {
    let said = |quantity, volume: fn(i64) -> f64| {
        let warnings = warnings(quantity, volume);
        warnings
            .into_iter()
            .find(|warning| warning.contains("of the volume of the bar"))
    };
    assert_eq!(said(10, |_| 100.0), None);
    let some = said(11, |_| 100.0).expect("a warning");
    assert!(
        some.contains(" fills took more than 10 % ") && some.contains("11 % at the most"),
        "{some}"
    );
    let one = said(10, |minute| if minute == 21 { 40.0 } else { 1_000.0 }).expect("a warning");
    assert!(
        one.starts_with("1 fill took more than 10 % ") && one.contains("25 % at the most"),
        "{one}"
    );
}

/// The warnings of a backtest over so many flat minutes.
fn warnings_of(rules: &str, minutes: i64) -> Vec<String> {
    let config = config(&format!(
        "name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\n{rules}"
    ));
    let bar = |minute: i64| Bar {
        open_time: Timestamp::from_secs(60 * minute),
        open: 100.0,
        high: 100.0,
        low: 100.0,
        close: 100.0,
        volume: 1e9,
    };
    let bars: Bars = (0..minutes).map(bar).collect();
    let outcome = run(config, &bars, &mut |_| true).expect("a run");
    outcome.report(&bars, ReportContext::default()).warnings
}

#[test]
fn rules_that_look_back_beyond_the_data_are_said() {
    let rules = "entry: {long: close > 1}\nexit: {long: 'close > sma(close, 1000)'}\n";
    let said = |minutes| warnings_of(rules, minutes).join(" ");
    assert!(
        said(500).starts_with(
            "The rules look back up to 1000 bars of 1m, the data has 500: those that look back so far never acted."
        ),
        "{}",
        said(500)
    );
    assert!(!said(1_500).contains("look back"), "{}", said(1_500));
}

#[test]
fn nothing_held_is_no_evidence_with_or_without_parameters() {
    assert_eq!(
        warnings_of("entry: {long: close > 200}\nexit: {long: close < 50}\n", 100),
        ["Nothing was ever held: the figures say nothing of the rules."]
    );
    assert!(warnings_of("entry: {long: close > 1}\nexit: {long: close < 50}\n", 100).is_empty());
    assert_eq!(
        warnings_of(
            "params: {n: 200}\nentry: {long: close > $n}\nexit: {long: close < 50}\n",
            100
        ),
        ["0 trades are few for 1 parameters: results below 10 say little about them."]
    );
}

#[test]
fn data_that_jumps_is_said_with_when() {
    let said = |prices: [f64; 4]| {
        let bar = |(minute, price): (i64, f64)| Bar {
            open_time: Timestamp::from_secs(60 * minute),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 10.0,
        };
        let bars: Bars = (0..).zip(prices).map(bar).collect();
        let config = config("name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close > 100}\n");
        let outcome = run(config, &bars, &mut |_| true).expect("a run");
        let warnings = outcome.report(&bars, ReportContext::default()).warnings;
        warnings.into_iter().find(|it| it.contains("In the data of"))
    };
    assert_eq!(said([100.0, 109.0, 12.0, 100.0]), None);
    assert_eq!(
        said([100.0, 1_000.0, 100.0, 100.0]).as_deref(),
        Some(
            "In the data of BTC/USDT 2 bars go to ten times the close before or more, or to a tenth or less, the first at \
             1970-01-01T00:01:00Z: a mistake, or a split whose action is not given."
        )
    );
}
