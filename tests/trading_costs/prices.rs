//! What moves a price against us: slippage, impact, thin hours, protection, latency.

use super::*;

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
