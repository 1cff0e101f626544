//! Shares on a cash account and on margin: what can be bought, and when a position is called.

use papertape::engine::{EngineConfig, EventKind};
use papertape::model::{Instrument, InstrumentKind};
use papertape::portfolio::{AccountConfig, SharesOn};
use papertape::testkit::{Bench, config, decimal};
use rust_decimal::Decimal;

/// An account of 10,000 that opens a position of so many shares as soon as it can.
fn shares(side: &str, quantity: u32, account: AccountConfig) -> EngineConfig {
    let yaml = format!(
        "name: test\nsymbols: [AAPL]\ntimeframe: 1m\nentry: {{{side}: close > 0}}\n\
         risk: {{size: {{method: fixed_quantity, value: {quantity}}}}}\n"
    );
    let mut config = config(&yaml);
    let (symbol, cent) = ("AAPL".parse().expect("a symbol"), decimal("0.01"));
    config.instrument = Instrument::new(symbol, cent, Decimal::ONE, Decimal::ZERO, Decimal::ONE)
        .expect("an instrument")
        .with_kind(InstrumentKind::Equity);
    config.initial_capital.currency = config.instrument.quote();
    config.account = account;
    config
}

fn on_margin() -> AccountConfig {
    serde_json::from_str(r#"{"shares": "margin"}"#).expect("the shape")
}

fn is_called(bench: &Bench) -> bool {
    let is_call =
        |kind: &EventKind| matches!(kind, EventKind::AlertRaised { alert } if alert.code == "liquidation");
    bench.events.iter().any(|event| is_call(&event.kind))
}

/// How many shares it got.
fn held(bench: &Bench) -> Decimal {
    bench
        .engine
        .position()
        .map_or(Decimal::ZERO, |position| position.quantity.0)
}

#[test]
fn the_account_says_what_shares_are_bought_with() {
    assert_eq!(AccountConfig::default().shares, SharesOn::Cash);
    assert_eq!(on_margin().shares, SharesOn::Margin);
    // 180 shares at 100 cost 18,000 of which Regulation T asks the half.
    for (account, quantity) in [(AccountConfig::default(), "0"), (on_margin(), "180")] {
        let mut bench = Bench::with(shares("long", 180, account));
        bench.flat(3, 100.0);
        assert_eq!(held(&bench), decimal(quantity));
    }
}

#[test]
fn a_long_position_on_margin_is_called_at_a_quarter() {
    let mut bench = Bench::with(shares("long", 180, on_margin()));
    // 8,000 are borrowed: 180 p − 8,000 = 45 p at 59.26.
    bench.flat(3, 100.0).flat(1, 60.0);
    assert!(!is_called(&bench));
    bench.flat(2, 59.0);
    assert!(is_called(&bench));
    assert!(
        held(&bench) < decimal("180") && held(&bench) > Decimal::ZERO,
        "a part is sold"
    );
}

#[test]
fn a_short_sale_is_called_on_every_account() {
    for account in [AccountConfig::default(), on_margin()] {
        let mut bench = Bench::with(shares("short", 95, account.clone()));
        bench.flat(3, 100.0);
        assert_eq!(held(&bench), decimal("95"), "{account:?}");
        // 10,000 + 9,500 − 95 p = 28.5 p at 157.89.
        bench.flat(1, 157.0);
        assert!(!is_called(&bench), "{account:?}");
        bench.flat(1, 158.0);
        assert!(is_called(&bench), "{account:?}");
        // However far it runs, it is bought back before the account owes.
        for price in 158..260 {
            bench.flat(1, f64::from(price));
        }
        assert!(bench.engine.equity().amount > Decimal::ZERO);
    }
}
