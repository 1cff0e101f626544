//! Cash that comes and goes beside trades, what funds carry, and terms that make no sense.

use super::*;

#[test]
fn interest_and_borrow_fees_run_by_the_calendar_day() {
    let config = AccountConfig {
        borrow_rate: decimal("0.036"),
        debit_rate: decimal("0.072"),
        credit_rate: decimal("0.018"),
        ..AccountConfig::default()
    };
    let friday = Timestamp::parse("2024-03-01T22:00:00Z").expect("a time");
    let monday = Timestamp::parse("2024-03-04T14:30:00Z").expect("a time");
    let mut long = Desk::new("10000", vec![shares()], config.clone());
    long.trade(FIRST, Side::Buy, "150", "100", "0");
    assert!(long.account.accrues_at(friday));
    assert_eq!(long.account.accrue(friday), []);
    assert!(!long.account.accrues_at(friday) && long.account.accrues_at(monday));
    let flows = long.account.accrue(monday);
    assert_eq!(flows.len(), 1);
    // 5,000 × 0.072 × 3 ÷ 360.
    is(flows[0].amount, "-3");
    assert_eq!(long.account.accrue(monday), [], "a day is charged once");
    long.check();

    let mut short = Desk::new("10000", vec![shares()], config);
    short.trade(FIRST, Side::Sell, "100", "100", "0");
    short.account.accrue(friday);
    short.mark(FIRST, "110");
    let flows = short.account.accrue(monday);
    // Of 20,000 cash, 11,000 lie with the lender: 9,000 × 0.018 × 3 ÷ 360; 11,000 × 0.036 × 3 ÷ 360.
    let amounts: Vec<_> = flows.iter().map(|flow| (flow.kind, flow.amount.amount)).collect();
    assert_eq!(
        amounts,
        [
            (CashFlowKind::Interest, decimal("1.35")),
            (CashFlowKind::BorrowFee, decimal("-3.3"))
        ]
    );
    short.check();
}

#[test]
fn dividends_are_received_long_and_paid_short() {
    for (side, amount) in [(Side::Buy, "23.5"), (Side::Sell, "-23.5")] {
        let mut desk = Desk::cross("100000", vec![shares()]);
        desk.trade(FIRST, side, "100", "50", "0");
        let flow = desk
            .account
            .dividend(FIRST, decimal("0.235"), Timestamp::EPOCH)
            .expect("a flow");
        is(flow.amount, amount);
        desk.check();
    }
}

#[test]
fn splits_keep_the_cost_and_pay_out_what_is_no_whole_lot() {
    // quantity, price, ratio → quantity, cash in lieu.
    for (quantity, ratio, after, cash) in [
        ("100", "7", "700", None),
        ("-100", "7", "-700", None),
        ("300", "0.3333333333333333333333333333", "100", None),
        // 12.5 shares at 800: 12 and 400 in cash.
        ("100", "0.125", "12", Some("400")),
        ("-100", "0.125", "-12", Some("-400")),
        // 37.5 shares at 66.67.
        ("25", "1.5", "37", Some("33.3333333333335")),
        // Less than a share: all is paid out.
        ("5", "0.1", "0", Some("500")),
    ] {
        let mut desk = Desk::cross("100000", vec![shares()]);
        let (side, size) = match quantity.strip_prefix('-') {
            Some(size) => (Side::Sell, size),
            None => (Side::Buy, quantity),
        };
        desk.trade(FIRST, side, size, "90", "0");
        desk.mark(FIRST, "100");
        let before = desk.account.equity();
        let instrument = desk.instruments[0].clone();
        let effect = desk
            .account
            .split(
                FIRST,
                &instrument,
                decimal(ratio),
                Timestamp::EPOCH,
                Cow::Borrowed("split"),
            )
            .expect("a position");
        desk.check();
        assert_eq!(effect.after.0, decimal(after), "{quantity} × {ratio}");
        assert_eq!(desk.account.holding(FIRST).quantity(), decimal(after));
        let paid = effect.cash_in_lieu.map(|flow| flow.amount.amount);
        assert_eq!(
            paid.map(|paid| paid.round_dp(9)),
            cash.map(|cash| decimal(cash).round_dp(9)),
            "{quantity} × {ratio}"
        );
        assert_eq!(effect.closed.is_some(), after == "0");
        // A split makes nobody richer: beyond the rounding of the price at 12 digits, nothing changes.
        let difference = (desk.account.equity() - before).amount.abs();
        assert!(
            difference <= decimal("0.000000001"),
            "{quantity} × {ratio}: {difference}"
        );
        if let Some(average) = desk.account.holding(FIRST).entry_price() {
            let exact = decimal("90") / decimal(ratio);
            assert!((average.0 - exact).abs() < decimal("0.00000001"), "{average}");
        }
    }
}

#[test]
fn borrowed_money_does_not_buy_what_must_be_paid() {
    let spot = instrument("ETH/USD", "0.01", "0.01", "1");
    let mut desk = Desk::cross("10000", vec![perpetual(), spot]);
    desk.trade(FIRST, Side::Buy, "0.5", "40000", "0");
    desk.mark(FIRST, "60000");
    // A gain of 10,000 margins more of the future, but does not pay for coins.
    assert!(desk.account.available().amount > decimal("19000"));
    assert_eq!(desk.reach(SECOND, Side::Buy, "1000"), decimal("9.84"));
}

#[test]
fn what_the_funds_carry_leaves_room_for_every_cost() {
    let mut desk = Desk::cross("10000", vec![shares(), future()]);
    let claim = |rate: &str, price: &str| Claim {
        side: Side::Buy,
        price: Price(decimal(price)),
        wanted: Quantity(decimal("1000000")),
        released: Money::zero(desk.instruments[0].quote()),
        rate: decimal(rate),
    };
    let usd = |amount: Decimal| Money::new(amount, desk.instruments[0].quote());
    let share = |rate: &'static str, price: &'static str| {
        move |quantity: Quantity| usd(quantity.0 * decimal(price) * decimal(rate))
    };
    // 10,000 ÷ (100 × (0.5 + 0.01)).
    let reach = |id: InstrumentId, claim: &Claim, cost: &dyn Fn(Quantity) -> Money| {
        desk.account
            .reach(id, &desk.instruments[id.index()], claim, cost)
            .0
    };
    assert_eq!(
        reach(FIRST, &claim("0.01", "100"), &share("0.01", "100")),
        decimal("196")
    );
    // A dollar a share: 200 would cost 200, so 9,800 ÷ 50.
    assert_eq!(
        reach(FIRST, &claim("0", "100"), &|quantity| usd(quantity.0)),
        decimal("196")
    );
    // 2.25 a contract on 4,510.
    assert_eq!(
        reach(SECOND, &claim("0", "1700"), &|quantity| usd(
            quantity.0 * decimal("2.25")
        )),
        decimal("2")
    );
    // An order may use what it holds already.
    desk.account.hold_for_order(OrderId(1), decimal("10000"));
    let instrument = &desk.instruments[0];
    let held = Claim {
        released: Money::new(decimal("10000"), instrument.quote()),
        ..Claim {
            side: Side::Buy,
            price: Price(decimal("100")),
            wanted: Quantity(decimal("150")),
            released: Money::zero(instrument.quote()),
            rate: Decimal::ZERO,
        }
    };
    let free = |_| Money::zero(instrument.quote());
    assert_eq!(
        desk.account.reach(FIRST, instrument, &held, free).0,
        decimal("150")
    );
    let without = Claim {
        released: Money::zero(instrument.quote()),
        ..held
    };
    assert_eq!(
        desk.account.reach(FIRST, instrument, &without, free).0,
        Decimal::ZERO
    );
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused() {
    let json = |text: &str| serde_json::from_str::<AccountConfig>(text).expect("the shape");
    assert_eq!(json("{}"), AccountConfig::default());
    assert_eq!(json(r#"{"mode": "isolated", "leverage": 10}"#).problems(), []);
    for (wrong, path) in [
        (r#"{"leverage": 0}"#, "leverage"),
        (r#"{"leverage": "0.99"}"#, "leverage"),
        (r#"{"leverage": 1001}"#, "leverage"),
        (r#"{"borrow_rate": -1}"#, "borrow_rate"),
        (r#"{"debit_rate": 11}"#, "debit_rate"),
        (r#"{"credit_rate": "-0.01"}"#, "credit_rate"),
    ] {
        let problems = json(wrong).problems();
        let paths: Vec<_> = problems.iter().map(|problem| problem.path).collect();
        assert_eq!(paths, [path], "{wrong}");
    }
    assert!(serde_json::from_str::<AccountConfig>(r#"{"levrage": 10}"#).is_err());
}

/// The example of the documentation, and each name in it.
#[test]
fn the_account_of_the_documentation_is_one() {
    let text = include_str!("../../docs/accounts.md");
    let (_, rest) = text.split_once("```json\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let account: AccountConfig = serde_json::from_str(example).expect("the shape");
    assert_eq!(account.problems(), []);
    let told = AccountConfig {
        mode: MarginMode::Isolated,
        leverage: Some(Decimal::TEN),
        shares: papertape::portfolio::SharesOn::Margin,
        borrow_rate: decimal("0.03"),
        debit_rate: decimal("0.06"),
        credit_rate: decimal("0.02"),
        funding_rate: decimal("0.0001"),
    };
    assert_eq!(account, told);
}
