//! Options in an account: what expiry books, and what covers what was sold.

use papertape::market::{SimulatedMarket, listed_option};
use papertape::model::{
    ExerciseStyle, Instrument, InstrumentId, InstrumentKind, MarginRule, Money, OptionName, OptionRight,
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

// ── Options that stand in for each other ──────────────────────────────────────────────────────────────────────────────

/// An option on AAPL as an account holds it: right, strike, premium, contracts.
type Leg = (OptionRight, i64, i64, i64);

/// What an account of a capital holds after it traded these options and bought so many shares, with the shares at a price.
fn holding(capital: &str, legs: &[Leg], shares: i64, at: i64) -> (Account, Vec<Instrument>) {
    let mut all = Vec::new();
    for (right, strike, ..) in legs {
        let terms = OptionTerms {
            strike: Price((*strike).into()),
            ..terms(*right, OptionSettlement::Physical)
        };
        let [option, _] = instruments(terms);
        let symbol = format!("AAPL-{}", all.len()).parse().expect("a symbol");
        all.push(option.with_symbol(symbol).expect("the same currency"));
    }
    let [_, paid] = instruments(terms(OptionRight::Call, OptionSettlement::Physical));
    all.push(paid.with_margin(MarginRule::Full).expect("margins"));
    let capital = Money::new(decimal(capital), "USD".parse().expect("a currency"));
    let mut account = Account::open(capital, &all, AccountConfig::default());
    let mut number = 0;
    let mut trade = |account: &mut Account, place: usize, quantity: i64, price: Price| {
        number += 1;
        let id = InstrumentId(u16::try_from(place).expect("few"));
        let side = if quantity > 0 { Side::Buy } else { Side::Sell };
        let quantity = Quantity(quantity.abs().into());
        let free = Money::new(Decimal::ZERO, all[place].quote());
        let fill = fill(&all[place], number, side, quantity, price, free, Timestamp::EPOCH);
        account.apply(id, &all[place], &fill, Cow::Borrowed("test"));
        account.mark(id, price);
    };
    if shares != 0 {
        trade(&mut account, legs.len(), shares, Price(at.into()));
    }
    for (place, (_, _, premium, contracts)) in legs.iter().enumerate() {
        let id = InstrumentId(u16::try_from(place).expect("few"));
        account.mark_underlying(id, Price(at.into()));
        if *contracts != 0 {
            trade(&mut account, place, *contracts, Price((*premium).into()));
        }
    }
    (account, all)
}

/// The premiums received are part of what covers; a capital of the rest is just enough.
#[test]
fn a_spread_in_an_account_asks_for_its_largest_loss() {
    use OptionRight::{Call, Put};
    for (name, legs, shares, enough) in [
        (
            "bear call spread",
            &[(Call, 100, 3, -1), (Call, 105, 1, 1)][..],
            0,
            300,
        ),
        ("bull put spread", &[(Put, 100, 3, -2), (Put, 90, 1, 2)], 0, 1_600),
        (
            "bull call spread",
            &[(Call, 100, 3, 1), (Call, 105, 1, -1)],
            0,
            200,
        ),
        (
            "iron condor",
            &[
                (Put, 80, 1, 1),
                (Put, 90, 2, -1),
                (Call, 110, 2, -1),
                (Call, 115, 1, 1),
            ],
            0,
            800,
        ),
        ("covered call", &[(Call, 105, 2, -1)], 100, 9_800),
        ("half covered", &[(Call, 105, 2, -2)], 100, 9_800 + 1_500),
        ("naked call", &[(Call, 105, 2, -1)], 0, 1_500),
        ("straddle", &[(Call, 105, 2, -1), (Put, 95, 2, -1)], 0, 1_500),
    ] {
        let covered = |capital: String| holding(&capital, legs, shares, 100).0.is_covered();
        assert!(covered(enough.to_string()), "{name}");
        assert!(!covered(format!("{}.99", enough - 1)), "{name}");
        // What is free for others is what is left.
        let (account, _) = holding("50000", legs, shares, 100);
        assert_eq!(account.check(Decimal::ZERO), Ok(()), "{name}");
        assert_eq!(
            account.available().amount,
            Decimal::from(50_000 - enough),
            "{name}"
        );
    }
}

/// Cboe's minimum for an option sold bare: the premium and 20 % of the underlying less what it is out of the money, at the least the
/// premium and 10 % of the underlying (call) or of the strike (put). The first is the worked example of its page *Strategy-based Margin*.
#[test]
fn an_option_traded_by_name_is_covered_by_the_exchange_s_minimum() {
    let shares = SimulatedMarket::instrument(&"AAPL".parse().expect("a symbol"));
    for (name, premium, underlying, needs) in [
        ("AAPL 2026-12-18 132 C", "8.45", "128.50", "3065"),
        ("AAPL 2026-12-18 180 C", "0.05", "128", "1285"),
        ("AAPL 2026-12-18 200 P", "1.20", "209", "3400"),
        ("AAPL 2026-12-18 80 P", "0.05", "95", "805"),
    ] {
        let symbol = name.parse().expect("a symbol");
        let name = OptionName::of(&symbol).expect("an option");
        let option = listed_option(&name, &shares).expect("it is listed");
        let capital = Money::new(decimal("10000"), shares.quote());
        let all = [option.clone(), shares.clone()];
        let mut account = Account::open(capital, &all, AccountConfig::default());
        let (id, premium) = (InstrumentId(0), Price(decimal(premium)));
        account.mark_underlying(id, Price(decimal(underlying)));
        account.mark(id, premium);
        let proceeds = option.notional(premium, Quantity(Decimal::ONE));
        let asked = account.required(id, &option, Side::Sell, Quantity(Decimal::ONE), premium);
        assert_eq!((asked + proceeds).amount, decimal(needs), "{symbol}");
        let free = Money::zero(shares.quote());
        let one = Quantity(Decimal::ONE);
        let sold = fill(&option, 1, Side::Sell, one, premium, free, Timestamp::EPOCH);
        account.apply(id, &option, &sold, Cow::Borrowed("test"));
        assert_eq!(
            account.available().amount,
            decimal("10000") + proceeds.amount - decimal(needs),
            "{symbol}, held"
        );
    }
}

#[test]
fn what_covers_a_sold_option_is_missed_when_it_goes() {
    use OptionRight::Call;
    let (account, _) = holding("20000", &[(Call, 100, 3, -1), (Call, 105, 1, 1)], 0, 100);
    // 20 % of 10,000 alone, beside the premium; 500 less the premium of 300 together.
    assert_eq!(account.maintenance_margin().amount, decimal("200"));
    assert_eq!(
        account.uncovers(InstrumentId(1), Quantity(Decimal::ONE)),
        decimal("1800")
    );
    assert_eq!(
        account.uncovers(InstrumentId(0), Quantity(Decimal::ONE)),
        Decimal::ZERO
    );
    let (account, _) = holding("20000", &[(Call, 105, 2, -1)], 100, 100);
    assert_eq!(
        account.uncovers(InstrumentId(1), Quantity(decimal("100"))),
        decimal("1700")
    );
    assert_eq!(
        account.uncovers(InstrumentId(1), Quantity(decimal("10"))),
        decimal("1700")
    );
}

/// Strikes so near each other that no distance is more than what the rules ask of an option alone.
fn leg() -> impl Strategy<Value = Leg> {
    (right(), 100..107_i64, 1..30_i64, -3..4_i64)
}

proptest! {
    /// A book in which each sold option has a bought one of its right, or shares, beside it is asked for what it can lose at some
    /// price of the shares at the least, and never for more than its sold options alone.
    #[test]
    fn a_covered_book_is_asked_for_no_less_than_it_can_lose(
        legs in prop::collection::vec(leg(), 1..6), hundreds in 0..3_i64, at in 60..140_i64,
    ) {
        let (account, _) = holding("1000000", &legs, 100 * hundreds, at);
        let sold = || legs.iter().filter(|leg| leg.3 < 0);
        let value: i64 = sold().map(|leg| -leg.3 * leg.2 * 100).sum();
        // What must be left of the cash: the account has taken off what it costs to buy back what it sold.
        let asked = account.maintenance_margin().amount + Decimal::from(value);
        let alone = sold().map(|leg| {
            let position = OptionPosition {
                option: WrittenOption {
                    right: leg.0,
                    strike: Price(leg.1.into()),
                    premium: Price(leg.2.into()),
                    multiplier: Decimal::ONE_HUNDRED,
                },
                expiry: Timestamp::from_secs(86_400),
                quantity: Quantity(leg.3.into()),
            };
            required_of_equity(&[position], Quantity::ZERO, Price(at.into()), &UncoveredRates::EQUITY)
                + Decimal::from(-leg.3 * leg.2 * 100)
        });
        prop_assert!(Decimal::ZERO <= asked && asked <= alone.sum::<Decimal>());

        let contracts = |right: OptionRight| -> i64 {
            legs.iter().filter(|leg| leg.0 == right).map(|leg| leg.3).sum()
        };
        if contracts(OptionRight::Call) + hundreds >= 0 && contracts(OptionRight::Put) >= 0 {
            let worth_at = |price: i64| -> i64 {
                let of_one = |(right, strike, _, contracts): &Leg| {
                    let gain = match right {
                        OptionRight::Call => price - strike,
                        OptionRight::Put => strike - price,
                    };
                    gain.max(0) * contracts * 100
                };
                legs.iter().map(of_one).sum::<i64>() + 100 * hundreds * price
            };
            let worst = (0..=300).map(|price| -worth_at(price)).max().unwrap_or(0);
            prop_assert!(asked >= worst.into(), "{} asked, {} at worst", asked, worst);
        }
    }
}
