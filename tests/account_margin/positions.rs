//! What covers positions of each market, and when that gives out.

use super::*;

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
