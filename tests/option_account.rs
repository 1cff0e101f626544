//! Options in an account: what expiry books, and what covers what was sold.

use papertape::model::{
    ExerciseStyle, Instrument, InstrumentId, InstrumentKind, MarginRule, Money, OptionRight,
    OptionSettlement, OptionTerms, Price, Quantity, Side, Timestamp,
};
use papertape::option::{
    OptionPosition, UncoveredRates, WrittenOption, expire, required, required_of_equity,
};
use papertape::portfolio::{Account, AccountConfig};
use papertape::testkit::{decimal, fill};
use proptest::prelude::*;
use rust_decimal::Decimal;
use std::borrow::Cow;

const OPTION: InstrumentId = InstrumentId(0);
const SHARES: InstrumentId = InstrumentId(1);

fn terms(right: OptionRight, settlement: OptionSettlement) -> OptionTerms {
    OptionTerms {
        underlying: "AAPL".parse().expect("a symbol"),
        strike: Price(Decimal::ONE_HUNDRED),
        right,
        expiry: Timestamp::from_secs(86_400),
        style: ExerciseStyle::American,
        settlement,
    }
}

fn instruments(terms: OptionTerms) -> [Instrument; 2] {
    let rate = |initial, maintenance| MarginRule::Rate {
        initial: decimal(initial),
        maintenance: decimal(maintenance),
    };
    let make = |symbol: &str, multiplier, kind, margin| {
        let symbol = symbol.parse().expect("a symbol");
        Instrument::new(symbol, decimal("0.01"), Decimal::ONE, Decimal::ZERO, multiplier)
            .expect("an instrument")
            .with_kind(kind)
            .with_margin(margin)
            .expect("margins")
    };
    [
        make(
            "AAPL-OPTION",
            Decimal::ONE_HUNDRED,
            InstrumentKind::Option(terms),
            rate("0.2", "0.2"),
        ),
        make("AAPL", Decimal::ONE, InstrumentKind::Equity, rate("0.5", "0.25")),
    ]
}

/// An account that has traded `contracts` (negative: sold) of the option at `premium`, with the underlying at `underlying`.
fn account(instruments: &[Instrument], contracts: i64, premium: Price, underlying: Price) -> Account {
    let capital = Money::new(decimal("10000000"), "USD".parse().expect("a currency"));
    let mut account = Account::open(capital, instruments, AccountConfig::default());
    account.mark_underlying(OPTION, underlying);
    let side = if contracts > 0 { Side::Buy } else { Side::Sell };
    let (quantity, fee) = (
        Quantity(contracts.abs().into()),
        Money::new(Decimal::ZERO, instruments[0].quote()),
    );
    let fill = fill(&instruments[0], 1, side, quantity, premium, fee, Timestamp::EPOCH);
    account.apply(OPTION, &instruments[0], &fill, Cow::Borrowed("test"));
    account.mark(OPTION, premium);
    account
}

fn right() -> impl Strategy<Value = OptionRight> {
    prop_oneof![Just(OptionRight::Call), Just(OptionRight::Put)]
}

fn contracts() -> impl Strategy<Value = i64> {
    prop_oneof![-50..0_i64, 1..50_i64]
}

proptest! {
    /// Settled at what it is worth and delivered at the market, an option moves exactly the cash that its expiry says, and
    /// leaves the account worth what it was with the option marked at its exercise value.
    #[test]
    fn expiry_moves_its_cash_and_no_value(
        right in right(), in_cash in any::<bool>(), contracts in contracts(), premium in 1..2_000_i64, cents in 1..25_000_i64,
    ) {
        let settlement = if in_cash { OptionSettlement::Cash } else { OptionSettlement::Physical };
        let terms = terms(right, settlement);
        let instruments = instruments(terms.clone());
        let at = Price(Decimal::new(cents, 2));
        let mut account = account(&instruments, contracts, Price(Decimal::new(premium, 2)), at);
        let expiry = expire(&terms, Decimal::ONE_HUNDRED, Quantity(contracts.into()), at);
        account.mark(OPTION, expiry.option_at);
        let (cash, equity) = (account.cash().amount, account.equity().amount);

        let time = terms.expiry;
        account.settle(OPTION, &instruments[0], expiry.option_at, time, Cow::Borrowed("expiry")).expect("a position");
        if let Some(delivery) = expiry.delivery(time) {
            account.deliver(SHARES, &instruments[1], &delivery, "expiry");
        }
        prop_assert_eq!(account.cash().amount - cash, expiry.cash);
        prop_assert_eq!(account.equity().amount, equity);
        prop_assert_eq!(account.holding(OPTION).quantity(), Decimal::ZERO);
        prop_assert_eq!(account.holding(SHARES).quantity(), expiry.underlying_quantity);
    }

    /// One rule, written twice: of an option by itself the account asks what the book of options does.
    #[test]
    fn an_account_asks_of_an_uncovered_option_what_the_book_does(
        right in right(), contracts in 1..50_i64, premium in 1..2_000_i64, cents in 1..25_000_i64,
    ) {
        let instruments = instruments(terms(right, OptionSettlement::Physical));
        let (premium, at) = (Price(Decimal::new(premium, 2)), Price(Decimal::new(cents, 2)));
        let account = account(&instruments, -contracts, premium, at);
        let book = [OptionPosition {
            option: WrittenOption {
                right,
                strike: Price(Decimal::ONE_HUNDRED),
                premium,
                multiplier: Decimal::ONE_HUNDRED,
            },
            expiry: Timestamp::from_secs(86_400),
            quantity: Quantity((-contracts).into()),
        }];
        let rates = &UncoveredRates::EQUITY;
        // A put can lose no more than its strike, which a book knows and the account does not.
        let most = Decimal::from(contracts) * decimal("10000");
        let capped = right == OptionRight::Put && required(&book, Quantity::ZERO, at, rates) == most;
        if !capped {
            prop_assert_eq!(account.maintenance_margin().amount, required_of_equity(&book, Quantity::ZERO, at, rates));
        }
    }
}
