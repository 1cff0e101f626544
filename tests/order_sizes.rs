//! What a backtest says of orders that are larger than the market.

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
