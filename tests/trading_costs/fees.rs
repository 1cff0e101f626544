//! Fees: presets of venues and brokers, tiers, parts of orders.

use super::*;

#[test]
fn percentages_of_venues_follow_the_volume_of_thirty_days() {
    let pair = pair();
    // Venue, volume traded before, fee of a maker and of a taker on a fill of 10,000.
    for (venue, volume, maker, taker) in [
        ("binance", "0", "10", "10"),
        ("binance", "999999.99", "10", "10"),
        ("binance", "1000000", "9", "10"),
        ("binance", "5000000", "8", "10"),
        ("binance", "9000000000", "8", "10"),
        ("binance_futures", "0", "2", "5"),
        ("binance_futures", "5000000", "1.6", "4"),
        ("binance_futures", "25000000", "1.4", "3.5"),
        ("binance_futures", "100000000", "1.2", "3.2"),
        ("binance_us", "0", "10", "10"),
        ("coinbase", "0", "40", "60"),
        ("coinbase", "10000", "25", "40"),
        ("coinbase", "50000", "15", "25"),
        ("coinbase", "100000", "10", "20"),
        ("coinbase", "1000000", "8", "18"),
        ("coinbase", "15000000", "6", "16"),
        ("coinbase", "75000000", "3", "12"),
        ("coinbase", "250000000", "0", "8"),
        ("coinbase", "400000000", "0", "5"),
        ("kraken", "0", "25", "40"),
        ("kraken", "10000", "20", "35"),
        ("kraken", "50000", "14", "24"),
        ("kraken", "100000", "12", "22"),
        ("kraken", "250000", "10", "20"),
        ("kraken", "500000", "8", "18"),
        ("kraken", "1000000", "6", "16"),
        ("kraken", "2500000", "4", "14"),
        ("kraken", "5000000", "2", "12"),
        ("kraken", "10000000", "0", "10"),
        // Alpaca's own example: who has traded 99,500 pays by tier 1, and 50 more do not change it.
        ("alpaca_crypto", "99500", "15", "25"),
        ("alpaca_crypto", "99550", "15", "25"),
        ("alpaca_crypto", "100000", "12", "22"),
        ("alpaca_crypto", "500000", "10", "20"),
        ("alpaca_crypto", "1000000", "8", "18"),
        ("alpaca_crypto", "10000000", "5", "15"),
        ("alpaca_crypto", "25000000", "2", "13"),
        ("alpaca_crypto", "50000000", "2", "12"),
        ("alpaca_crypto", "100000000", "0", "10"),
    ] {
        let mut models = preset(venue);
        models.on_fill(Timestamp::EPOCH, Money::new(decimal(volume), pair.quote()));
        for (liquidity, fee) in [(Liquidity::Maker, maker), (Liquidity::Taker, taker)] {
            let charged = models.fee(&fill(&pair, Side::Buy, "50000", "0.2", liquidity));
            assert_eq!(
                charged,
                Money::new(decimal(fee), pair.quote()),
                "{venue} at {volume}, {liquidity:?}"
            );
        }
    }
}

#[test]
fn a_tier_is_lost_when_its_volume_is_older_than_thirty_days() {
    let pair = pair();
    let mut models = preset("coinbase");
    models.on_fill(Timestamp::EPOCH, Money::new(decimal("60000"), pair.quote()));
    for (day, fee) in [(0, "25"), (29, "25"), (30, "60")] {
        let later = FeeInputs {
            time: Timestamp::from_secs(day * DAY),
            ..fill(&pair, Side::Buy, "50000", "0.2", Liquidity::Taker)
        };
        assert_eq!(models.fee(&later).amount, decimal(fee), "on day {day}");
    }
}

#[test]
fn brokers_charge_what_their_own_examples_say() {
    let (es, mes) = (
        instrument("ESZ5", "0.25", "1", "50"),
        instrument("MESZ2025", "0.25", "1", "5"),
    );
    let (cl, gc) = (
        instrument("CLF6", "0.01", "1", "1000"),
        instrument("GCZ5", "0.10", "1", "100"),
    );
    let (nq, mnq) = (
        instrument("NQH6", "0.25", "1", "20"),
        instrument("MNQ", "0.25", "1", "2"),
    );
    let corn = instrument("ZCZ5", "0.25", "1", "50");
    let (share, option) = (share(), instrument("AAPL250620C00200000", "0.01", "1", "100"));
    use Side::{Buy, Sell};
    for (broker, instrument, side, price, quantity, fee) in [
        // Interactive Brokers: 100 shares at 25 cost 1.00, 1,000 at 25 cost 5.00, 1,000 at 0.25 cost 2.50; the audit
        // trail's 0.000046 a share come on top.
        ("ibkr_fixed", &share, Buy, "25", "100", "1.0046"),
        ("ibkr_fixed", &share, Buy, "25", "1000", "5.046"),
        ("ibkr_fixed", &share, Buy, "0.25", "1000", "2.546"),
        // The maximum of 1 % holds against the minimum: 10 shares at 0.25 are worth 2.50.
        ("ibkr_fixed", &share, Buy, "0.25", "10", "0.02546"),
        // 5.00 + 25,000 × 0.0000278 + 1,000 × 0.000166 + 1,000 × 0.000046
        ("ibkr_fixed", &share, Sell, "25", "1000", "5.907"),
        // 60,000 shares reach the cap of the trading activity fee: 300 + 16.68 + 8.30 + 2.76
        ("ibkr_fixed", &share, Sell, "10", "60000", "327.74"),
        // No commission: a cent for the audit trail.
        ("alpaca", &share, Buy, "25", "100", "0.01"),
        // 0.0695 → 0.07, 0.0166 → 0.02, 0.0046 → 0.01
        ("alpaca", &share, Sell, "25", "100", "0.10"),
        // The cap: 8.30, beside 16.68 and 2.76.
        ("alpaca", &share, Sell, "10", "60000", "27.74"),
        // Interactive Brokers: 1 contract at 2 costs 1.00, 2 at 5 cost 1.30; on top 0.02685 + 0.02 + 0.0046 each.
        ("us_options", &option, Buy, "2", "1", "1.05145"),
        ("us_options", &option, Buy, "5", "2", "1.4029"),
        // 2 × 500 × 0.0000278 + 2 × 0.00279 more for a sale.
        ("us_options", &option, Sell, "5", "2", "1.43628"),
        // The clearing fee ends at 55 a trade, from 2,750 contracts on: 1,950 + 80.55 + 55 + 13.80
        ("us_options", &option, Buy, "1", "3000", "2099.35"),
        // Commission, exchange, NFA: a side of a contract.
        ("cme_futures", &es, Buy, "5000", "1", "2.25"),
        ("cme_futures", &es, Sell, "5000", "10", "22.50"),
        ("cme_futures", &mes, Buy, "5000", "1", "0.62"),
        ("cme_futures", &nq, Buy, "20000", "1", "2.25"),
        ("cme_futures", &mnq, Sell, "20000", "3", "1.86"),
        ("cme_futures", &cl, Buy, "70", "1", "2.37"),
        ("cme_futures", &gc, Buy, "2500", "1", "2.47"),
        ("cme_futures", &corn, Buy, "450", "1", "2.47"),
    ] {
        let charged = preset(broker).fee(&fill(instrument, side, price, quantity, Liquidity::Taker));
        assert_eq!(
            charged,
            Money::new(decimal(fee), instrument.quote()),
            "{broker}: {side} {quantity} {} at {price}",
            instrument.symbol()
        );
    }
}

#[test]
fn a_dear_part_of_an_order_does_not_pay_for_the_cheap_ones_before_it() {
    let (share, models) = (share(), preset("ibkr_fixed"));
    // 10,000 shares at a cent are charged 1 % of 100, and 0.46 for the audit trail.
    let cheap = models.fee(&fill(&share, Side::Buy, "0.01", "10000", Liquidity::Taker));
    assert_eq!(cheap.amount, decimal("1.46"));
    // The whole order is worth 10,100 now, so 50.005 would be due; the part alone costs the minimum.
    let dear = models.fee(&FeeInputs {
        order_filled: Quantity(decimal("10000")),
        order_value: decimal("100"),
        order_fees: cheap.amount,
        ..fill(&share, Side::Buy, "10000", "1", Liquidity::Taker)
    });
    assert_eq!(dear.amount, decimal("1.000046"));
}

#[test]
fn a_venue_may_pay_its_makers() {
    let pair = pair();
    let models = models(Fees::Schedule(FeeSchedule::percent(
        decimal("-0.0001"),
        decimal("0.0004"),
    )));
    let maker = models.fee(&fill(&pair, Side::Sell, "50000", "0.2", Liquidity::Maker));
    assert_eq!(maker.amount, decimal("-1"));
    // An order holds for the worst case, in which nobody pays it.
    let worst = models.worst_fee(&pair, Price(decimal("50000")), Quantity(decimal("0.2")));
    assert_eq!(worst.amount, decimal("4"));
}

#[test]
fn schedules_that_make_no_sense_are_found() {
    let charge = |basis| Charge {
        name: "commission".to_owned(),
        basis,
        on: ChargedOn::Both,
        minimum: None,
        maximum: None,
        maximum_share: None,
        round_up_to_digits: None,
    };
    let per_order = |charge| FeeSchedule::PerOrder {
        charges: vec![charge],
    };
    let tier = |from: &str| Tier {
        from: decimal(from),
        maker: Decimal::ZERO,
        taker: decimal("0.001"),
    };
    let unit = || charge(Basis::Unit(Decimal::ONE));
    for schedule in [
        FeeSchedule::Percent { tiers: vec![] },
        FeeSchedule::Percent {
            tiers: vec![tier("5")],
        },
        FeeSchedule::Percent {
            tiers: vec![tier("0"), tier("9"), tier("9")],
        },
        FeeSchedule::percent(decimal("-0.002"), decimal("0.001")),
        FeeSchedule::percent(Decimal::ZERO, decimal("-0.001")),
        FeeSchedule::percent(decimal("0.6"), decimal("0.6")),
        per_order(charge(Basis::Value(decimal("-0.1")))),
        per_order(charge(Basis::Contract {
            roots: [("ES".to_owned(), Amount(decimal("-1")))].into(),
            other: Amount(Decimal::ONE),
        })),
        per_order(Charge {
            minimum: Some(Decimal::TWO),
            maximum: Some(Decimal::ONE),
            ..unit()
        }),
        per_order(Charge {
            maximum_share: Some(Decimal::ZERO),
            ..unit()
        }),
        per_order(Charge {
            round_up_to_digits: Some(13),
            ..unit()
        }),
    ] {
        assert!(schedule.check().is_err(), "{schedule:?}");
    }
}
