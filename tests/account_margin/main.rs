//! Accounts of every market: what positions hold, what is free, and when the cover gives out. Numbers worked out by hand.

mod cash;
mod positions;

use papertape::ledger::HoldKey;
use papertape::model::{
    ExerciseStyle, Instrument, InstrumentId, InstrumentKind, MarginRule, Money, OptionRight,
    OptionSettlement, OptionTerms, OrderId, Price, Quantity, Side, Timestamp,
};
use papertape::portfolio::{Account, AccountConfig, CashFlowKind, Claim, Delivery, FillEffect, MarginMode};
use papertape::testkit::{decimal, fill, instrument_with as instrument, margin_rate as rate};
use rust_decimal::Decimal;
use std::borrow::Cow;

const FIRST: InstrumentId = InstrumentId(0);
const SECOND: InstrumentId = InstrumentId(1);

/// A perpetual with margins as Binance asks of the first bracket of BTCUSDT at 125 times leverage.
fn perpetual() -> Instrument {
    instrument("BTC/USD", "0.1", "0.001", "1")
        .with_kind(InstrumentKind::Perpetual)
        .with_margin(rate("0.008", "0.004"))
        .expect("margins")
}

fn future() -> Instrument {
    instrument("ESZ3", "0.25", "1", "50")
        .with_kind(InstrumentKind::Future {
            expiry: Timestamp::parse("2013-12-20T14:30:00Z").expect("a time"),
        })
        .with_margin(MarginRule::PerContract {
            initial: decimal("4510"),
            maintenance: decimal("4100"),
        })
        .expect("margins")
}

/// Shares on a Regulation T account.
fn shares() -> Instrument {
    instrument("AAPL", "0.01", "1", "1")
        .with_kind(InstrumentKind::Equity)
        .with_margin(rate("0.5", "0.25"))
        .expect("margins")
}

fn option(right: OptionRight, strike: &str) -> Instrument {
    instrument("AAPL240119C00190000", "0.01", "1", "100")
        .with_kind(InstrumentKind::Option(OptionTerms {
            underlying: "AAPL".parse().expect("a symbol"),
            strike: Price(decimal(strike)),
            right,
            expiry: Timestamp::parse("2024-01-19T21:00:00Z").expect("a time"),
            style: ExerciseStyle::American,
            settlement: OptionSettlement::Physical,
        }))
        .with_margin(rate("0.2", "0.2"))
        .expect("margins")
}

/// An account under test with its instruments.
struct Desk {
    account: Account,
    instruments: Vec<Instrument>,
    fills: u64,
}

impl Desk {
    fn new(capital: &str, instruments: Vec<Instrument>, config: AccountConfig) -> Self {
        let capital = Money::new(decimal(capital), "USD".parse().expect("a currency"));
        Self {
            account: Account::open(capital, &instruments, config),
            instruments,
            fills: 0,
        }
    }

    fn cross(capital: &str, instruments: Vec<Instrument>) -> Self {
        Self::new(capital, instruments, AccountConfig::default())
    }

    fn isolated(capital: &str, instruments: Vec<Instrument>, leverage: &str) -> Self {
        let config = AccountConfig {
            mode: MarginMode::Isolated,
            leverage: Some(decimal(leverage)),
            ..AccountConfig::default()
        };
        Self::new(capital, instruments, config)
    }

    fn trade(&mut self, id: InstrumentId, side: Side, quantity: &str, price: &str, fee: &str) -> FillEffect {
        let instrument = &self.instruments[id.index()];
        let (quantity, price) = (Quantity(decimal(quantity)), Price(decimal(price)));
        let fee = Money::new(decimal(fee), instrument.quote());
        let time = Timestamp::from_secs(60 * self.fills as i64);
        self.fills += 1;
        let fill = fill(instrument, self.fills, side, quantity, price, fee, time);
        let effect = self.account.apply(id, instrument, &fill, Cow::Borrowed("test"));
        self.account.mark(id, price);
        self.check();
        effect
    }

    fn mark(&mut self, id: InstrumentId, price: &str) {
        self.account.mark(id, Price(decimal(price)));
    }

    fn check(&self) {
        assert_eq!(self.account.ledger().check(), Ok(()));
        assert_eq!(self.account.check(Decimal::ZERO), Ok(()));
    }

    fn position_hold(&self, id: InstrumentId) -> Decimal {
        self.account.ledger().held(HoldKey::Position(id)).amount
    }

    fn reach(&self, id: InstrumentId, side: Side, price: &str) -> Decimal {
        let instrument = &self.instruments[id.index()];
        let claim = Claim {
            side,
            price: Price(decimal(price)),
            wanted: Quantity(Decimal::MAX),
            released: Money::zero(instrument.quote()),
            rate: Decimal::ZERO,
        };
        self.account
            .reach(id, instrument, &claim, |_| Money::zero(instrument.quote()))
            .0
    }
}

#[track_caller]
fn is(actual: Money, expected: &str) {
    assert_eq!(actual.amount, decimal(expected));
}
