//! Strategies on real bars of shares and a future, as their symbols trade. Skipped, and said so, on a machine without the
//! shared data: `PAPERTAPE_SHARED` names the folder above `data`.

#[path = "support/shared_data.rs"]
mod shared_data;

use papertape::backtest::{self, Outcome};
use papertape::market::{BarFile, Calendar, CalendarId, Phase, infer_instrument};
use papertape::model::{Instrument, Money};
use papertape::testkit::config;
use rust_decimal::Decimal;

/// A shared file of bars and the instrument that they are of; `None`, with a word, when the machine does not have it.
fn read(name: &str, symbol: &str) -> Option<(BarFile, Instrument)> {
    let path = shared_data::shared_data(name)?;
    let text = std::fs::read_to_string(path).expect("a text");
    let file = BarFile::parse(&text, None).unwrap_or_else(|error| panic!("{name}: {error}"));
    let instrument = infer_instrument(&symbol.parse().expect("a symbol"), file.price_digits, &file.bars);
    Some((file, instrument))
}

/// A backtest of one unit without costs, with 100,000 USD.
fn run(file: &BarFile, instrument: &Instrument, rules: &str) -> Outcome {
    let yaml = format!(
        "name: test\ntimeframe: {}\n{rules}\nrisk: {{size: {{method: fixed_quantity, value: 1}}}}\n",
        file.timeframe
    );
    let mut config = config(&yaml);
    config.instrument = instrument.clone();
    config.base_timeframe = file.timeframe;
    config.initial_capital = Money::new(Decimal::from(100_000), instrument.quote());
    backtest::run(config, &file.bars, &mut |_| true).expect("nobody cancels")
}

#[test]
fn a_share_s_days_trade_as_if_it_had_no_hours() {
    let rules = "let: {fast: 'sma(close, 20)', slow: 'sma(close, 50)'}\n\
                 entry: {long: fast > slow}\nexit: {long: fast < slow}";
    for symbol in ["AAPL", "SPY"] {
        let Some((file, instrument)) = read(&format!("{symbol}-1d.csv"), symbol) else {
            return;
        };
        assert_eq!(instrument.calendar(), CalendarId::UsEquities);
        let listed = run(&file, &instrument, rules);
        let always = run(
            &file,
            &instrument.clone().with_calendar(CalendarId::Always),
            rules,
        );
        assert!(listed.trades.len() > 50, "{symbol}: {}", listed.trades.len());
        assert_eq!(listed.fills, always.fills, "{symbol}");
    }
}

#[test]
fn a_share_s_minutes_fill_in_the_regular_session_unless_a_limit_says_otherwise() {
    let Some((file, instrument)) = read("AAPL-1m.csv", "AAPL") else {
        return;
    };
    let nyse = Calendar::of(CalendarId::UsEquities);
    let phases = |rules: &str| -> Vec<Phase> {
        let outcome = run(&file, &instrument, rules);
        outcome.fills.iter().map(|fill| nyse.phase(fill.time)).collect()
    };
    let rules = "entry: {long: close > open}\nexit: {long: close < open}";
    let regular = phases(rules);
    assert!(regular.len() > 200, "{} fills", regular.len());
    assert!(regular.iter().all(|phase| *phase == Phase::Regular));
    let extended = phases(&format!(
        "{rules}\norders: {{entry: {{type: limit, price: close, extended_hours: true}}}}"
    ));
    let outside = extended.iter().filter(|phase| **phase != Phase::Regular).count();
    assert!(
        outside > 0 && outside < extended.len(),
        "{outside} of {} fills outside the session",
        extended.len()
    );
}

#[test]
fn a_future_is_covered_by_its_margin_and_earns_multiplier_times_points() {
    let Some((file, instrument)) = read("ESZ3-1m.csv", "ESZ3") else {
        return;
    };
    let expiry = instrument.kind().expiry().map(|expiry| expiry.to_string());
    assert_eq!(expiry.as_deref(), Some("2013-12-20T14:30:00Z"));
    // One contract is worth 84,000 USD; the margin of it is 11,880.
    let mut config = config(
        "name: hold\ntimeframe: 1m\nentry: {long: true}\nrisk: {size: {method: fixed_quantity, value: 1}}\n",
    );
    config.instrument = instrument.clone();
    config.initial_capital = Money::new(Decimal::from(20_000), instrument.quote());
    let outcome = backtest::run(config, &file.bars, &mut |_| true).expect("nobody cancels");
    assert_eq!(outcome.fills.len(), 1, "bought once and held");
    let last = file.bars.iter().last().expect("bars").close;
    let points =
        instrument.price_from_f64(last).expect("a price").0 - outcome.fills.get(0).expect("a fill").price.0;
    let earned = outcome.final_equity.amount - Decimal::from(20_000);
    assert_eq!(earned, points * Decimal::from(50));
}
