//! What trading costs: each preset of fees against amounts worked out by hand or taken from the venue's own examples,
//! slippage and impact against their published formulas, and what must hold for all of them.

use papertape::engine::{ExecutionConfig, Fees, FillPreset};
use papertape::exchange::{
    Amount, Basis, Charge, ChargedOn, Conditions, DataTier, FeeInputs, FeePreset, FeeSchedule, ImpactModel,
    LatencyModel, LatencyPoint, Liquidity, LiquidityCurve, Models, Slip, SlipInputs, SlippageModel, Tier,
};
use papertape::market::Bar;
use papertape::model::{Instrument, Money, Price, Quantity, Side, Timeframe, Timestamp};
use papertape::testkit::decimal;
use proptest::prelude::*;
use rust_decimal::Decimal;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

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

fn pair() -> Instrument {
    instrument("BTC/USDT", "0.01", "0.00001", "1")
}

fn share() -> Instrument {
    instrument("AAPL", "0.01", "1", "1")
}

fn models(fees: Fees) -> Models {
    Models::from(&ExecutionConfig {
        fees,
        ..ExecutionConfig::default()
    })
}

fn preset(name: &str) -> Models {
    models(Fees::Preset(name.parse().expect("a preset")))
}

/// A fill of an order of which nothing has filled before.
fn fill<'a>(
    instrument: &'a Instrument,
    side: Side,
    price: &str,
    quantity: &str,
    liquidity: Liquidity,
) -> FeeInputs<'a> {
    FeeInputs {
        instrument,
        side,
        price: Price(decimal(price)),
        quantity: Quantity(decimal(quantity)),
        liquidity,
        time: Timestamp::EPOCH,
        order_filled: Quantity::ZERO,
        order_value: Decimal::ZERO,
        order_fees: Decimal::ZERO,
    }
}

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

fn hourly_bar(hour: i64, close: f64, volume: f64) -> Bar {
    Bar {
        open_time: Timestamp::from_secs(hour * HOUR),
        open: close,
        high: close,
        low: close,
        close,
        volume,
    }
}

/// Conditions after `days` days of hourly bars, each of which trades 100 an hour and closes up or down by turns, and in
/// the first hour of the next day, in which 200 are traded.
fn conditions(days: i64, step: f64) -> Conditions {
    let mut conditions = Conditions::new(true);
    for hour in 0..days * 24 {
        let close = if (hour / 24) % 2 == 0 { 100.0 } else { 100.0 * step };
        conditions.on_bar(&hourly_bar(hour, close, 100.0), Timeframe::HOUR);
    }
    conditions.on_bar(&hourly_bar(days * 24, 3.0, 200.0), Timeframe::HOUR);
    conditions
}

fn slip(config: &ExecutionConfig, conditions: &Conditions, side: Side, price: &str, quantity: &str) -> Slip {
    let fine = instrument("AAPL", "0.0000001", "0.001", "1");
    Models::from(config).slip(&SlipInputs {
        instrument: &fine,
        side,
        quantity: Quantity(decimal(quantity)),
        price: Price(decimal(price)),
        half_spread: None,
        conditions,
        tier: DataTier::Bars,
        time: Timestamp::EPOCH,
    })
}

fn with_slippage(slippage: SlippageModel) -> ExecutionConfig {
    ExecutionConfig {
        slippage,
        ..ExecutionConfig::default()
    }
}

#[test]
fn the_volume_share_model_gives_the_prices_of_ziplines_tests() {
    // zipline's test_volume_share_slippage: at 3.0 with 200 traded, an order of 100 counts as 2.5 % of the volume.
    let config = with_slippage(SlippageModel::VolumeShare {
        price_impact: 0.1,
        volume_limit: 0.025,
    });
    let conditions = conditions(1, 1.0);
    let bought = slip(&config, &conditions, Side::Buy, "3.0", "100");
    assert_eq!(bought.price, Price(decimal("3.0001875")));
    assert_eq!(
        (bought.slippage, bought.impact),
        (decimal("0.0001875"), Decimal::ZERO)
    );
    let sold = slip(&config, &conditions, Side::Sell, "3.0", "100");
    assert_eq!(sold.price, Price(decimal("2.9998125")));
    // One hundredth of the volume: 3 × 0.1 × 0.01².
    let little = slip(&config, &conditions, Side::Buy, "3.0", "2");
    assert_eq!(little.price, Price(decimal("3.00003")));
    // Of no volume, any quantity is all there is.
    let blind = slip(&config, &Conditions::new(true), Side::Buy, "3.0", "2");
    assert_eq!(blind.price, bought.price);
}

#[test]
fn half_the_spread_is_estimated_where_quotes_do_not_show_it() {
    let config = with_slippage(SlippageModel::HalfSpread { bps: decimal("5") });
    let conditions = Conditions::default();
    let share = share();
    let models = Models::from(&config);
    let on_bars = SlipInputs {
        instrument: &share,
        side: Side::Buy,
        quantity: Quantity(decimal("10")),
        price: Price(decimal("100")),
        half_spread: None,
        conditions: &conditions,
        tier: DataTier::Bars,
        time: Timestamp::EPOCH,
    };
    assert_eq!(models.slip(&on_bars).price, Price(decimal("100.05")));
    let on_quotes = SlipInputs {
        half_spread: Some(decimal("0.01")),
        tier: DataTier::Quotes,
        ..on_bars
    };
    assert_eq!(models.slip(&on_quotes).price, on_quotes.price);
}

/// Closes that go up and down by a factor of e^0.02 have daily returns of ±0.02.
const UP: f64 = 1.020_201_340_026_755_8;

/// Standard deviation of ten returns +0.02, −0.02, …: √(10 ÷ 9) × 0.02.
const VOLATILITY: f64 = 0.021_081_851_067_789_197;

fn close_to(value: Decimal, expected: f64) -> bool {
    let value: f64 = value.to_string().parse().expect("a number");
    (value - expected).abs() <= 1e-7
}

#[test]
fn volatility_is_that_of_daily_closes_scaled_to_the_bar() {
    let conditions = conditions(11, UP);
    assert!((conditions.daily_volatility().expect("eleven closes") - VOLATILITY).abs() < 1e-12);
    let config = with_slippage(SlippageModel::Volatility {
        multiple: 0.1,
        fallback_bps: decimal("5"),
    });
    // An hour is 1/24 of a day.
    let slipped = slip(&config, &conditions, Side::Buy, "100", "1");
    assert!(
        close_to(slipped.slippage, 100.0 * 0.1 * VOLATILITY / 24.0_f64.sqrt()),
        "{slipped:?}"
    );
    // Before there is anything to go by, the fallback: 5 basis points.
    let blind = slip(&config, &Conditions::new(true), Side::Buy, "100", "1");
    assert_eq!(blind.price, Price(decimal("100.05")));
}

#[test]
fn impact_follows_the_square_root_of_the_share_of_the_days_volume() {
    let conditions = conditions(11, UP);
    assert_eq!(conditions.daily_volume(), Some(2_400.0));
    let config = ExecutionConfig {
        impact: ImpactModel::SquareRoot {
            coefficient: 0.8,
            fallback_bps: Decimal::ZERO,
        },
        ..ExecutionConfig::free()
    };
    for (quantity, share_of_day) in [("24", 0.01), ("96", 0.04), ("600", 0.25)] {
        let moved = slip(&config, &conditions, Side::Sell, "100", quantity);
        let expected = 100.0 * 0.8 * VOLATILITY * f64::sqrt(share_of_day);
        assert!(close_to(moved.impact, expected), "{moved:?} for {expected}");
        // What is left is the rounding to the tick.
        assert!(moved.slippage <= decimal("0.0000001"), "{moved:?}");
        assert_eq!(moved.price.0, decimal("100") - moved.impact - moved.slippage);
    }
}

#[test]
fn thin_hours_cost_more_and_give_less() {
    let mut factors = [1.0; 24];
    (factors[3], factors[14]) = (0.5, 2.0);
    let mut config = ExecutionConfig::percent(Decimal::ZERO, Decimal::ZERO, decimal("10"));
    config.liquidity = LiquidityCurve::Hourly { factors };
    config.fill.volume_share = Some(decimal("0.1"));
    let (models, share, conditions) = (Models::from(&config), share(), Conditions::default());
    for (hour, price, volume) in [(0, "100.10", "100"), (3, "100.20", "50"), (14, "100.05", "100")] {
        let time = Timestamp::from_secs(5 * DAY + hour * HOUR + 1_800);
        let slipped = models.slip(&SlipInputs {
            instrument: &share,
            side: Side::Buy,
            quantity: Quantity(decimal("10")),
            price: Price(decimal("100")),
            half_spread: None,
            conditions: &conditions,
            tier: DataTier::Bars,
            time,
        });
        assert_eq!(slipped.price, Price(decimal(price)), "at {time}");
        let limit = models.volume_limit(&share, 1_000.0, time);
        assert_eq!(limit, Some(Quantity(decimal(volume))), "at {time}");
    }
}

#[test]
fn a_session_is_deep_at_its_ends_and_on_average_as_deep_as_ever() {
    // Half past one to eight in the evening, UTC: New York's day in summer.
    let curve = LiquidityCurve::Session {
        open: 48_600,
        close: 72_000,
        edge: 2.0,
        outside: 0.1,
    };
    let at = |second: i64| curve.at(Timestamp::from_secs(DAY + second));
    assert_eq!((at(48_600), at(60_300), at(72_000)), (2.0, 0.5, 2.0));
    assert_eq!((at(48_599), at(72_001)), (0.1, 0.1));
    let mean = (48_600..72_000).map(at).sum::<f64>() / 23_400.0;
    assert!((mean - 1.0).abs() < 1e-3, "{mean}");
}

#[test]
fn market_orders_walk_no_further_than_they_are_protected() {
    let mut config = ExecutionConfig::default();
    let share = share();
    let touch = Price(decimal("33.33"));
    assert_eq!(
        Models::from(&config).protection_price(&share, Side::Buy, touch),
        None
    );
    config.fill.protection = Some(decimal("0.02"));
    let models = Models::from(&config);
    // 33.9966 and 32.6634, rounded to the inside.
    assert_eq!(
        models.protection_price(&share, Side::Buy, touch),
        Some(Price(decimal("33.99")))
    );
    assert_eq!(
        models.protection_price(&share, Side::Sell, touch),
        Some(Price(decimal("32.67")))
    );
}

#[test]
fn recorded_latencies_are_interpolated_and_kept_beyond_their_ends() {
    let point = |second, entry, response| LatencyPoint {
        time: Timestamp::from_secs(second),
        entry,
        response,
    };
    let model = LatencyModel::Series {
        points: vec![point(10, 1_000, 300), point(20, 3_000, 100)],
    };
    for (second, entry, response) in [
        (0, 1_000, 300),
        (10, 1_000, 300),
        (15, 2_000, 200),
        (20, 3_000, 100),
        (99, 3_000, 100),
    ] {
        let at = Timestamp::from_secs(second);
        assert_eq!(
            (model.entry(at, 1), model.response(at, 1)),
            (entry, response),
            "at {second} s"
        );
    }
}

#[test]
fn jitter_is_exponential_and_a_function_of_the_requests_number() {
    let model = LatencyModel::Jittered {
        entry: 5_000_000,
        response: 2_000_000,
        jitter: 1_000_000,
        seed: 7,
    };
    let at = Timestamp::EPOCH;
    let count = 20_000;
    let extra: Vec<f64> = (0..count)
        .map(|request| (model.entry(at, request) - 5_000_000) as f64 / 1e6)
        .collect();
    assert!(extra.iter().all(|extra| *extra >= 0.0));
    let mean = extra.iter().sum::<f64>() / count as f64;
    assert!((mean - 1.0).abs() < 0.03, "{mean}");
    // Of an exponential distribution, e⁻³ lies beyond three times the mean.
    let far = extra.iter().filter(|extra| **extra > 3.0).count() as f64 / count as f64;
    assert!((far - 0.0498).abs() < 0.005, "{far}");
    // Asked again, in another order and at another time, it answers the same; the way back has delays of its own.
    let again: Vec<i64> = (0..count)
        .rev()
        .map(|request| model.entry(Timestamp::from_secs(9), request))
        .collect();
    assert!((0..count).all(|request| again[(count - 1 - request) as usize] == model.entry(at, request)));
    assert_ne!(model.response(at, 3) - 2_000_000, model.entry(at, 3) - 5_000_000);
}

fn any_side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn any_slippage() -> impl Strategy<Value = SlippageModel> {
    prop_oneof![
        (0..500_i64).prop_map(|bps| SlippageModel::FixedBps {
            bps: Decimal::new(bps, 1)
        }),
        (0..500_i64).prop_map(|bps| SlippageModel::HalfSpread {
            bps: Decimal::new(bps, 1)
        }),
        (0.0..2.0, 0.0..=1.0).prop_map(|(price_impact, volume_limit)| SlippageModel::VolumeShare {
            price_impact,
            volume_limit
        }),
        (0.0..5.0, 0..100_i64).prop_map(|(multiple, bps)| SlippageModel::Volatility {
            multiple,
            fallback_bps: bps.into()
        }),
    ]
}

fn any_impact() -> impl Strategy<Value = ImpactModel> {
    prop_oneof![
        Just(ImpactModel::None),
        (0.0..5.0, 0..100_i64).prop_map(|(coefficient, bps)| ImpactModel::SquareRoot {
            coefficient,
            fallback_bps: bps.into()
        }),
    ]
}

/// Prices, many of them so low that a sale ends at the lowest there is.
fn any_ticks() -> impl Strategy<Value = i64> {
    prop_oneof![1..20_i64, 1..1_000_000_i64]
}

fn any_preset() -> impl Strategy<Value = FeePreset> {
    let presets = FeePreset::all();
    (0..presets.len()).prop_map(move |index| presets[index].clone())
}

/// Fills an order of shares in parts, each a quantity and a price in cents; gives what it filled, was worth and paid.
fn pay_in_parts(
    models: &Models,
    share: &Instrument,
    side: Side,
    parts: impl Iterator<Item = (i64, i64)>,
) -> (Decimal, Decimal, Decimal) {
    let (mut filled, mut value, mut fees) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    for (quantity, cents) in parts {
        let (price, quantity) = (Price(Decimal::new(cents, 2)), quantity.into_quantity());
        let fee = models.fee(&FeeInputs {
            price,
            quantity,
            order_filled: Quantity(filled),
            order_value: value,
            order_fees: fees,
            ..fill(share, side, "1", "1", Liquidity::Taker)
        });
        assert!(fee.amount >= Decimal::ZERO);
        assert!(fee.amount <= models.worst_fee(share, price, quantity).amount);
        filled += quantity.0;
        value += price.0 * quantity.0;
        fees += fee.amount;
    }
    (filled, value, fees)
}

proptest! {
    /// On the same fill, optimistic is never worse than expected, and pessimistic never better.
    #[test]
    fn the_presets_stand_in_their_order(
        slippage in any_slippage(),
        impact in any_impact(),
        side in any_side(),
        ticks in any_ticks(),
        quantity in 1..100_000_i64,
        days in 0..12_i64,
        quoted in any::<bool>(),
    ) {
        let expected = ExecutionConfig { slippage, impact, ..ExecutionConfig::default() };
        let (share, conditions) = (share(), conditions(days, 1.01));
        let cost = |preset: FillPreset| {
            let slipped = Models::from(&preset.apply(&expected)).slip(&SlipInputs {
                instrument: &share,
                side,
                quantity: quantity.into_quantity(),
                price: Price(Decimal::new(ticks, 2)),
                half_spread: quoted.then_some(decimal("0.01")),
                conditions: &conditions,
                tier: DataTier::Bars,
                time: Timestamp::EPOCH,
            });
            (slipped.price.0 - Decimal::new(ticks, 2)) * side.sign()
        };
        prop_assert!(cost(FillPreset::Optimistic) <= cost(FillPreset::Expected));
        prop_assert!(cost(FillPreset::Expected) <= cost(FillPreset::Pessimistic));
    }

    /// The price is on a tick, positive, never better than the one that was met, and its parts add up.
    #[test]
    fn a_slipped_price_is_on_a_tick_and_never_better(
        slippage in any_slippage(),
        impact in any_impact(),
        side in any_side(),
        ticks in any_ticks(),
        quantity in 1..100_000_i64,
        days in 0..12_i64,
    ) {
        let config = ExecutionConfig { slippage, impact, ..ExecutionConfig::default() };
        let (share, conditions) = (share(), conditions(days, 0.9));
        let met = Price(Decimal::new(ticks, 2));
        let slipped = Models::from(&config).slip(&SlipInputs {
            instrument: &share,
            side,
            quantity: quantity.into_quantity(),
            price: met,
            half_spread: None,
            conditions: &conditions,
            tier: DataTier::Bars,
            time: Timestamp::EPOCH,
        });
        prop_assert!((slipped.price.0 % share.tick()).is_zero() && slipped.price.0 > Decimal::ZERO);
        prop_assert!(slipped.slippage >= Decimal::ZERO && slipped.impact >= Decimal::ZERO);
        prop_assert_eq!((slipped.price.0 - met.0) * side.sign(), slipped.slippage + slipped.impact);
    }

    /// An order that fills in parts pays what it would have paid at once, where fees are counted by the order.
    #[test]
    fn parts_of_an_order_pay_together_what_the_whole_pays(
        preset in any_preset(),
        side in any_side(),
        (price, parts) in prop_oneof![
            (1..100_i64, prop::collection::vec((1..10_000_i64, Just(0_i64)), 1..8)),
            (100..100_000_i64, prop::collection::vec((1..10_000_i64, 0..20_i64), 1..8)),
        ],
    ) {
        let (share, models) = (share(), models(Fees::Schedule(preset.schedule)));
        let parts = parts.iter().map(|(quantity, dearer)| (*quantity, price + dearer));
        let (quantity, value, fees) = pay_in_parts(&models, &share, side, parts);
        let whole = models.fee(&FeeInputs {
            price: Price(value / quantity),
            quantity: Quantity(quantity),
            ..fill(&share, side, "1", "1", Liquidity::Taker)
        });
        prop_assert!((whole.amount - fees).abs() <= decimal("0.000000001"), "{} and {}", whole, fees);
    }

    /// Whatever the parts cost, none pays more than what was held for it, and all together no more than the whole.
    #[test]
    fn no_part_pays_more_than_is_held_for_it(
        preset in any_preset(),
        side in any_side(),
        parts in prop::collection::vec((1..10_000_i64, 1..100_000_i64), 1..8),
    ) {
        let (share, models) = (share(), models(Fees::Schedule(preset.schedule)));
        let (quantity, value, fees) = pay_in_parts(&models, &share, side, parts.into_iter());
        let whole = models.worst_fee(&share, Price(value / quantity), Quantity(quantity));
        prop_assert!(fees <= whole.amount + decimal("0.000000001"), "{} and {}", whole, fees);
    }

    /// What models remember of account and market survives a snapshot.
    #[test]
    fn models_come_back_from_a_snapshot_as_they_were(
        preset in any_preset(),
        slippage in any_slippage(),
        impact in any_impact(),
        traded in prop::collection::vec((0..60_i64, 1..50_000_000_i64), 0..40),
        days in 0..12_i64,
    ) {
        let config = ExecutionConfig {
            fees: Fees::Schedule(preset.schedule),
            slippage,
            impact,
            ..ExecutionConfig::default()
        };
        let (share, conditions) = (share(), conditions(days, 1.01));
        let mut models = Models::from(&config);
        let mut day = 0;
        for (later, value) in traded {
            day += later;
            models.on_fill(Timestamp::from_secs(day * DAY), Money::new(value.into(), share.quote()));
        }
        let bytes = postcard::to_stdvec(&(&models, &conditions)).expect("bytes");
        let (models_again, conditions_again): (Models, Conditions) = postcard::from_bytes(&bytes).expect("reads back");
        prop_assert_eq!(&models_again, &models);
        prop_assert_eq!(&conditions_again, &conditions);
    }

    /// What an order holds covers its fill, fees included; only the rounding to ticks and cents is beyond it.
    #[test]
    fn what_an_order_holds_covers_its_fill(
        preset in any_preset(),
        side in any_side(),
        bps in 0..500_i64,
        quantity in 1..10_000_i64,
        cents in 100..100_000_i64,
    ) {
        let config = ExecutionConfig {
            fees: Fees::Schedule(preset.schedule),
            slippage: SlippageModel::FixedBps { bps: bps.into() },
            ..ExecutionConfig::default()
        };
        let (share, models, conditions) = (share(), Models::from(&config), Conditions::default());
        let (met, quantity) = (Price(Decimal::new(cents, 2)), quantity.into_quantity());
        let slipped = models.slip(&SlipInputs {
            instrument: &share,
            side,
            quantity,
            price: met,
            half_spread: None,
            conditions: &conditions,
            tier: DataTier::Bars,
            time: Timestamp::EPOCH,
        });
        let fee = models.fee(&FeeInputs {
            price: slipped.price,
            quantity,
            ..fill(&share, side, "1", "1", Liquidity::Taker)
        });
        let costs = fee.amount + (slipped.slippage + slipped.impact) * quantity.0;
        let rounding = share.tick() * quantity.0 * Decimal::TWO + decimal("0.03");
        prop_assert!(costs <= models.worst_cost(&share, met, quantity).amount + rounding);
    }
}

trait IntoQuantity {
    fn into_quantity(self) -> Quantity;
}

impl IntoQuantity for i64 {
    fn into_quantity(self) -> Quantity {
        Quantity(Decimal::from(self))
    }
}
