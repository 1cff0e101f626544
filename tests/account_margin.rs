//! Accounts of every market: what positions hold, what is free, and when the cover gives out. Numbers worked out by hand.

use papertape::ledger::HoldKey;
use papertape::model::{
    ExerciseStyle, Instrument, InstrumentId, InstrumentKind, MarginRule, Money, OptionRight,
    OptionSettlement, OptionTerms, OrderId, Price, Quantity, Side, Timestamp,
};
use papertape::portfolio::{Account, AccountConfig, CashFlowKind, Claim, Delivery, FillEffect, MarginMode};
use papertape::testkit::{decimal, fill};
use rust_decimal::Decimal;
use std::borrow::Cow;

const FIRST: InstrumentId = InstrumentId(0);
const SECOND: InstrumentId = InstrumentId(1);

fn instrument(symbol: &str, tick: &str, lot: &str, multiplier: &str) -> Instrument {
    let symbol = symbol.parse().expect("a symbol");
    Instrument::new(
        symbol,
        decimal(tick),
        decimal(lot),
        Decimal::ZERO,
        decimal(multiplier),
    )
    .expect("an instrument")
}

fn rate(initial: &str, maintenance: &str) -> MarginRule {
    MarginRule::Rate {
        initial: decimal(initial),
        maintenance: decimal(maintenance),
    }
}

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

#[test]
fn a_future_moves_no_money_until_it_is_closed_and_holds_margin_a_contract() {
    let mut desk = Desk::cross("100000", vec![future()]);
    desk.trade(FIRST, Side::Buy, "2", "1676.50", "4.20");
    is(desk.account.cash(), "99995.80");
    assert_eq!(desk.position_hold(FIRST), decimal("9020"));
    desk.mark(FIRST, "1680.25");
    // 3.75 points × 50 × 2 contracts.
    is(desk.account.unrealized(FIRST), "375");
    is(desk.account.equity(), "100370.80");
    is(desk.account.available(), "91350.80");
    is(desk.account.initial_margin(), "9020");
    is(desk.account.maintenance_margin(), "8200");
    assert_eq!(desk.reach(FIRST, Side::Buy, "1680.25"), decimal("20"));
    // One contract closed 12 points higher: 600.
    desk.trade(FIRST, Side::Sell, "1", "1688.50", "2.10");
    is(desk.account.cash(), "100593.70");
    assert_eq!(desk.position_hold(FIRST), decimal("4510"));
    let instrument = desk.instruments[0].clone();
    let settlement = desk
        .account
        .settle(
            FIRST,
            &instrument,
            Price(decimal("1670")),
            Timestamp::EPOCH,
            Cow::Borrowed("expired"),
        )
        .expect("a position");
    assert_eq!(settlement.flow.kind, CashFlowKind::Settlement);
    is(settlement.flow.amount, "-325");
    let trade = settlement.effect.closed.expect("the round trip is over");
    is(trade.pnl, "268.70");
    assert_eq!(trade.exit_reason, "expired");
    is(desk.account.cash(), "100268.70");
    is(desk.account.available(), "100268.70");
    desk.check();
}

#[test]
fn a_future_is_liquidated_as_far_as_the_margin_call_goes() {
    let mut desk = Desk::cross("20000", vec![future()]);
    desk.trade(FIRST, Side::Buy, "4", "1700", "0");
    // 20,000 − 4 × 50 × points = 4 × 4,100: 18 points.
    let price = desk.account.liquidation_price(FIRST).expect("a price");
    assert_eq!(price.0, decimal("1682"));
    desk.mark(FIRST, "1682");
    assert_eq!(desk.account.liquidation(&desk.instruments), None);
    desk.mark(FIRST, "1681.75");
    let call = desk.account.liquidation(&desk.instruments).expect("a call");
    is(call.cover, "16350");
    is(call.maintenance, "16400");
    assert_eq!((call.side, call.quantity.0), (Side::Sell, Decimal::ONE));
    desk.trade(FIRST, Side::Sell, "1", "1681.75", "0");
    assert_eq!(desk.account.liquidation(&desk.instruments), None);
}

/// Binance's own example of *How to calculate liquidation price of USDⓈ-M futures contracts*, cross margin, with the
/// other contract's maintenance margin and loss and the maintenance amount of the bracket taken off or added to the
/// wallet.
#[test]
fn the_liquidation_price_is_that_of_the_published_formula() {
    let wallet = decimal("1535443.01");
    let (others_maintenance, others_loss, amount) =
        (decimal("356512.508"), decimal("-448192.89"), decimal("16300"));
    let instrument = instrument("BTC/USD", "0.01", "0.001", "1")
        .with_kind(InstrumentKind::Perpetual)
        .with_margin(rate("0.05", "0.025"))
        .expect("margins");
    let capital = wallet - others_maintenance + others_loss + amount;
    let mut desk = Desk::cross(&capital.to_string(), vec![instrument]);
    desk.trade(FIRST, Side::Buy, "109.488", "32481.98", "0");
    let price = desk.account.liquidation_price(FIRST).expect("a price");
    assert_eq!(price.0.round_dp(2), decimal("26316.89"));
}

#[test]
fn isolated_positions_fall_by_their_own_margin_and_cross_ones_by_all_cash() {
    let buy = |desk: &mut Desk| {
        desk.trade(FIRST, Side::Buy, "1", "40000", "0");
    };
    let mut isolated = Desk::isolated("10000", vec![perpetual()], "10");
    buy(&mut isolated);
    assert_eq!(isolated.position_hold(FIRST), decimal("4000"));
    is(isolated.account.available(), "6000");
    // (4,000 − 40,000) ÷ (0.004 − 1).
    let price = isolated.account.liquidation_price(FIRST).expect("a price").0;
    assert_eq!(price.round_dp(6), decimal("36144.578313"));
    let config = AccountConfig {
        leverage: Some(decimal("10")),
        ..AccountConfig::default()
    };
    let mut cross = Desk::new("10000", vec![perpetual()], config);
    buy(&mut cross);
    // (10,000 − 40,000) ÷ (0.004 − 1).
    let price = cross.account.liquidation_price(FIRST).expect("a price").0;
    assert_eq!(price.round_dp(6), decimal("30120.481928"));
    for (desk, above, below) in [
        (&mut isolated, "36144.6", "36144.5"),
        (&mut cross, "30120.5", "30120.4"),
    ] {
        desk.mark(FIRST, above);
        assert_eq!(desk.account.liquidation(&desk.instruments), None);
        desk.mark(FIRST, below);
        let liquidation = desk.account.liquidation(&desk.instruments).expect("below");
        assert_eq!(liquidation.quantity.0, Decimal::ONE);
        assert_eq!(liquidation.side, Side::Sell);
    }
    // A gain frees funds across positions, and stays with an isolated one.
    isolated.mark(FIRST, "45000");
    cross.mark(FIRST, "45000");
    is(isolated.account.available(), "6000");
    is(cross.account.available(), "10500");
}

#[test]
fn a_short_perpetual_falls_when_the_price_rises_and_receives_funding() {
    let mut desk = Desk::isolated("10000", vec![perpetual()], "5");
    desk.trade(FIRST, Side::Sell, "0.5", "40000", "0");
    // (4,000 + 20,000) ÷ (0.5 × 0.004 + 0.5).
    let price = desk.account.liquidation_price(FIRST).expect("a price").0;
    assert_eq!(price.round_dp(6), decimal("47808.764940"));
    let flow = desk
        .account
        .fund(
            FIRST,
            decimal("0.0001"),
            Price(decimal("41000")),
            Timestamp::EPOCH,
        )
        .expect("a flow");
    is(flow.amount, "2.05");
    is(desk.account.cash(), "10002.05");
    desk.check();
}

#[test]
fn funding_that_the_cash_does_not_reach_for_eats_into_an_isolated_margin() {
    let mut desk = Desk::isolated("4010", vec![perpetual()], "10");
    desk.trade(FIRST, Side::Buy, "1", "40000", "0");
    let before = desk.account.liquidation_price(FIRST).expect("a price");
    let flow = desk
        .account
        .fund(FIRST, decimal("0.001"), Price(decimal("40000")), Timestamp::EPOCH)
        .expect("a flow");
    is(flow.amount, "-40");
    is(desk.account.available(), "0");
    assert_eq!(desk.position_hold(FIRST), decimal("3970"));
    assert!(desk.account.liquidation_price(FIRST).expect("a price") > before);
    desk.check();
    desk.trade(FIRST, Side::Sell, "0.5", "40000", "0");
    assert_eq!(desk.position_hold(FIRST), decimal("1985"));
    desk.trade(FIRST, Side::Sell, "0.5", "40000", "0");
    is(desk.account.available(), "3970");
}

#[test]
fn funding_takes_no_more_out_of_a_margin_than_is_in_it() {
    let mut desk = Desk::isolated("4010", vec![perpetual()], "10");
    desk.trade(FIRST, Side::Buy, "1", "40000", "0");
    desk.account
        .fund(FIRST, decimal("0.2"), Price(decimal("40000")), Timestamp::EPOCH);
    assert_eq!(desk.position_hold(FIRST), Decimal::ZERO);
    is(desk.account.available(), "-3990");
    assert!(desk.account.liquidation(&desk.instruments).is_some());
    // What is added has its own margin, whole.
    desk.trade(FIRST, Side::Buy, "1", "40000", "0");
    assert_eq!(desk.position_hold(FIRST), decimal("4000"));
}

#[test]
fn shares_on_margin_borrow_half_and_are_called_at_a_quarter() {
    let mut desk = Desk::cross("10000", vec![shares()]);
    assert_eq!(desk.reach(FIRST, Side::Buy, "100"), decimal("200"));
    desk.trade(FIRST, Side::Buy, "200", "100", "0");
    is(desk.account.cash(), "-10000");
    is(desk.account.equity(), "10000");
    is(desk.account.available(), "0");
    // 10,000 ÷ (1 − 0.25) ÷ 200, the usual formula of the margin call.
    let price = desk.account.liquidation_price(FIRST).expect("a price").0;
    assert_eq!(price.round_dp(4), decimal("66.6667"));
    desk.mark(FIRST, "66");
    let call = desk.account.liquidation(&desk.instruments).expect("a call");
    // Equity 3,200 keeps 12,800 of shares: 193 of 66 are left.
    assert_eq!((call.side, call.quantity.0), (Side::Sell, decimal("7")));
}

#[test]
fn shares_sold_short_are_covered_by_half_more_and_called_by_the_rule_of_short_stock() {
    let mut desk = Desk::cross("10000", vec![shares()]);
    desk.trade(FIRST, Side::Sell, "200", "100", "0");
    is(desk.account.cash(), "30000");
    assert_eq!(desk.position_hold(FIRST), decimal("30000"));
    is(desk.account.equity(), "10000");
    is(desk.account.available(), "0");
    // 30,000 ÷ 1.3 ÷ 200.
    let price = desk.account.liquidation_price(FIRST).expect("a price").0;
    assert_eq!(price.round_dp(4), decimal("115.3846"));

    for (price, asked) in [("20", "1200"), ("10", "1000"), ("4", "800"), ("2", "500")] {
        desk.mark(FIRST, price);
        is(desk.account.maintenance_margin(), asked);
    }
}

#[test]
fn a_short_option_is_covered_by_its_underlying() {
    for (right, underlying, asked) in [
        // Out of the money by 10: (0.2 × 180 − 10) × 100.
        (OptionRight::Call, "180", "2600"),
        // Far out of the money: a tenth of the underlying.
        (OptionRight::Call, "100", "1000"),
        // In the money: nothing is taken off.
        (OptionRight::Call, "200", "4000"),
        (OptionRight::Put, "195", "3400"),
        // A tenth of the strike.
        (OptionRight::Put, "250", "1900"),
    ] {
        let mut desk = Desk::cross("10000", vec![option(right, "190")]);
        desk.account.mark_underlying(FIRST, Price(decimal(underlying)));
        desk.trade(FIRST, Side::Sell, "1", "3", "0");
        is(desk.account.cash(), "10300");
        is(desk.account.equity(), "10000");
        is(desk.account.maintenance_margin(), asked);
        assert_eq!(desk.account.available().amount, decimal("10000") - decimal(asked));
    }
    // A long one is paid, and that is all.
    let mut desk = Desk::cross("1000", vec![option(OptionRight::Call, "190")]);
    assert_eq!(desk.reach(FIRST, Side::Buy, "3"), decimal("3"));
    desk.trade(FIRST, Side::Buy, "3", "3", "0");
    is(desk.account.available(), "100");
    assert_eq!(desk.account.liquidation_price(FIRST), None);
}

#[test]
fn exercise_against_shares_moves_the_strike() {
    let mut desk = Desk::cross("100000", vec![option(OptionRight::Call, "190"), shares()]);
    desk.trade(FIRST, Side::Buy, "2", "3", "0");
    desk.trade(SECOND, Side::Sell, "50", "200", "0");
    let before = desk.account.cash().amount;
    let (time, at) = (Timestamp::EPOCH, Price(decimal("201")));
    let (call, stock) = (desk.instruments[0].clone(), desk.instruments[1].clone());
    let settlement = desk
        .account
        .settle(
            FIRST,
            &call,
            Price(decimal("11")),
            time,
            Cow::Borrowed("exercised"),
        )
        .expect("a position");
    assert_eq!(settlement.flow.kind, CashFlowKind::OptionSettlement);
    let delivery = Delivery {
        side: Side::Buy,
        quantity: Quantity(decimal("200")),
        price: at,
        time,
    };
    // The short shares are closed first, the rest is a new position.
    let effects = desk.account.deliver(SECOND, &stock, &delivery, "exercised");
    assert_eq!(effects.len(), 2);
    assert!(effects[0].closed.is_some() && effects[1].opened.is_some());
    assert_eq!(desk.account.cash().amount, before - decimal("38000"));
    assert_eq!(desk.account.holding(SECOND).quantity(), decimal("150"));
    desk.check();
}

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
    let text = include_str!("../docs/accounts.md");
    let (_, rest) = text.split_once("```json\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let account: AccountConfig = serde_json::from_str(example).expect("the shape");
    assert_eq!(account.problems(), []);
    let told = AccountConfig {
        mode: MarginMode::Isolated,
        leverage: Some(Decimal::TEN),
        borrow_rate: decimal("0.03"),
        debit_rate: decimal("0.06"),
        credit_rate: decimal("0.02"),
    };
    assert_eq!(account, told);
}
