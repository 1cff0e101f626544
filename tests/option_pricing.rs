//! Option prices and greeks against independent references, and what must hold for every option.

use papertape::model::OptionRight;
use papertape::pricing::{
    Greeks, ImpliedVolatilityError, PricingError, TreeSteps, Vanilla, VanillaInputs, Volatility,
};
use proptest::prelude::*;

/// The rows of a table that `data/make_option_prices.py` writes: the right, then numbers.
fn rows(table: &str) -> impl Iterator<Item = (VanillaInputs, Volatility, Vec<f64>)> {
    table.lines().skip(1).map(|line| {
        let (right, numbers) = line.split_once(',').expect("a right, then numbers");
        let numbers: Vec<f64> = numbers
            .split(',')
            .map(|text| text.parse().expect("a number"))
            .collect();
        let inputs = VanillaInputs {
            right: if right == "call" {
                OptionRight::Call
            } else {
                OptionRight::Put
            },
            spot: numbers[0],
            strike: numbers[1],
            years: numbers[2],
            rate: numbers[3],
            dividend_yield: numbers[4],
        };
        (inputs, volatility(numbers[5]), numbers[6..].to_vec())
    })
}

fn vanilla(inputs: VanillaInputs) -> Vanilla {
    Vanilla::new(inputs).expect("an option")
}

fn volatility(a_year: f64) -> Volatility {
    Volatility::new(a_year).expect("a volatility")
}

#[test]
fn prices_and_greeks_are_those_of_sixty_digits_and_of_quantlib() {
    let mut worst = [0.0_f64; 6];
    let mut count = 0;
    for (inputs, sigma, expected) in rows(include_str!("data/option_prices.csv")) {
        let option = vanilla(inputs);
        let Greeks {
            delta,
            gamma,
            vega,
            theta,
            rho,
        } = option.greeks(sigma);
        // Errors in units of what each number is large in: the larger of spot and strike, per deviation, per year.
        let scale = inputs.spot.max(inputs.strike);
        let root = inputs.years.sqrt();
        let deviation = sigma.get() * root;
        let year = inputs.years.max(1.0);
        let units = [
            scale,
            1.0,
            1.0 / (inputs.spot * deviation),
            scale * root.max(1.0),
            scale * (1.0 + sigma.get() / root),
            scale * year,
        ];
        let actual = [option.price(sigma), delta, gamma, vega, theta, rho];
        for (index, unit) in units.into_iter().enumerate() {
            let error = (actual[index] - expected[index]).abs() / unit;
            worst[index] = worst[index].max(error);
            assert!(
                error < 1e-12,
                "{inputs:?} {sigma:?} number {index}: {} {}",
                actual[index],
                expected[index]
            );
        }
        count += 1;
    }
    assert_eq!(count, 48);
    eprintln!(
        "largest error of price, delta, gamma, vega, theta, rho: {}",
        worst.map(|error| format!("{error:.0e}")).join(", ")
    );
}

#[test]
fn the_american_tree_is_quantlibs_and_near_the_exact_price() {
    let (mut apart, mut off) = (0.0_f64, 0.0_f64);
    for (inputs, sigma, expected) in rows(include_str!("data/american_prices.csv")) {
        let option = vanilla(inputs);
        let tree = option.american_price(sigma, TreeSteps::USUAL);
        let [reference_tree, exact] = expected[..] else {
            panic!("two prices")
        };
        if tree == option.price(sigma) {
            // Waiting always pays: no tree, and no error of one.
            assert!((tree - exact).abs() < 1e-12 * inputs.spot, "{inputs:?}");
            continue;
        }
        apart = apart.max((tree - reference_tree).abs() / inputs.spot);
        off = off.max((tree - exact).abs() / inputs.spot);
    }
    eprintln!("of the spot: largest difference to QuantLib's tree {apart:.1e}, to the exact price {off:.1e}");
    assert!(apart < 1e-12, "{apart}");
    assert!(off < 1.2e-4, "{off}");
}

#[test]
fn more_steps_come_nearer() {
    let (inputs, sigma, expected) = rows(include_str!("data/american_prices.csv"))
        .nth(1)
        .expect("the put of the first case");
    let errors = [51, 201, 801]
        .map(|steps| (vanilla(inputs).american_price(sigma, TreeSteps::new(steps)) - expected[1]).abs());
    assert!(
        errors[0] > 2.0 * errors[1] && errors[1] > 2.0 * errors[2],
        "{errors:?}"
    );
    assert_eq!(
        [0, 200, 201, u32::MAX].map(|steps| TreeSteps::new(steps).get()),
        [25, 201, 201, 5_001]
    );
}

#[test]
fn without_time_or_volatility_an_option_is_worth_its_exercise_on_the_forward() {
    let call = |spot, years| {
        vanilla(VanillaInputs {
            right: OptionRight::Call,
            spot,
            strike: 100.0,
            years,
            rate: 0.0,
            dividend_yield: 0.0,
        })
    };
    for (spot, value, delta) in [(120.0, 20.0, 1.0), (100.0, 0.0, 0.5), (80.0, 0.0, 0.0)] {
        for (option, sigma) in [(call(spot, 0.0), 0.3), (call(spot, 1.0), 0.0)] {
            assert_eq!(option.price(volatility(sigma)), value);
            let expected = Greeks {
                delta,
                gamma: 0.0,
                vega: 0.0,
                theta: 0.0,
                rho: 0.0,
            };
            let greeks = option.greeks(volatility(sigma));
            assert_eq!(Greeks { rho: 0.0, ..greeks }, expected);
        }
    }
    // Sure to fall by its dividends: the American call is exercised now, the European is worth the fallen price.
    let falls = vanilla(VanillaInputs {
        dividend_yield: 0.1,
        ..*call(120.0, 1.0).inputs()
    });
    assert_eq!(falls.american_price(Volatility::ZERO, TreeSteps::USUAL), 20.0);
    assert!((falls.price(Volatility::ZERO) - (120.0 * libm::exp(-0.1) - 100.0)).abs() < 1e-12);
}

#[test]
fn nonsense_has_a_name() {
    let sane = VanillaInputs {
        right: OptionRight::Put,
        spot: 100.0,
        strike: 90.0,
        years: 1.0,
        rate: 0.05,
        dividend_yield: 0.0,
    };
    for (inputs, error) in [
        (
            VanillaInputs { spot: 0.0, ..sane },
            PricingError::NotPositive("spot"),
        ),
        (
            VanillaInputs {
                spot: f64::NAN,
                ..sane
            },
            PricingError::NotPositive("spot"),
        ),
        (
            VanillaInputs { strike: -1.0, ..sane },
            PricingError::NotPositive("strike"),
        ),
        (
            VanillaInputs {
                strike: f64::INFINITY,
                ..sane
            },
            PricingError::OutOfRange("strike"),
        ),
        (
            VanillaInputs { years: -0.1, ..sane },
            PricingError::OutOfRange("time to expiry"),
        ),
        (
            VanillaInputs {
                years: f64::NAN,
                ..sane
            },
            PricingError::OutOfRange("time to expiry"),
        ),
        (
            VanillaInputs {
                rate: f64::NAN,
                ..sane
            },
            PricingError::OutOfRange("rate"),
        ),
        (
            VanillaInputs {
                dividend_yield: 90.0,
                ..sane
            },
            PricingError::OutOfRange("dividend yield"),
        ),
    ] {
        assert_eq!(Vanilla::new(inputs), Err(error), "{inputs:?}");
    }
    for nonsense in [-0.1, f64::NAN, f64::INFINITY, 101.0] {
        assert_eq!(
            Volatility::new(nonsense),
            Err(PricingError::OutOfRange("volatility"))
        );
    }
    assert!(serde_json::from_str::<Volatility>("-1").is_err());

    let option = vanilla(VanillaInputs { spot: 80.0, ..sane });
    let bound = 90.0 * libm::exp(-0.05);
    for (price, message) in [
        (f64::NAN, "the price must be a positive number".to_owned()),
        (-1.0, "the price must be a positive number".to_owned()),
        (
            5.0,
            format!(
                "the price is below {}, which the option is worth without any volatility",
                bound - 80.0
            ),
        ),
        (
            86.0,
            format!("the price is not below {bound}, which the option cannot reach at any volatility"),
        ),
    ] {
        let error = option
            .implied_volatility(price)
            .expect_err("no volatility gives it");
        assert_eq!(error.to_string(), message);
    }
    let expired = vanilla(VanillaInputs {
        spot: 80.0,
        years: 0.0,
        ..sane
    });
    assert_eq!(
        expired.implied_volatility(12.0),
        Err(ImpliedVolatilityError::Expired)
    );
    let at_bound = vanilla(VanillaInputs {
        spot: 80.0,
        rate: 0.0,
        ..sane
    });
    assert_eq!(at_bound.implied_volatility(10.0), Ok(Volatility::ZERO));
}

/// Options as markets have them, in units of a spot of 100.
fn options() -> impl Strategy<Value = (VanillaInputs, Volatility)> {
    let right = prop_oneof![Just(OptionRight::Call), Just(OptionRight::Put)];
    (
        right,
        -1.2..1.2_f64,
        0.003..5.0_f64,
        -0.03..0.15_f64,
        -0.03..0.15_f64,
        0.03..2.0_f64,
    )
        .prop_map(|(right, moneyness, years, rate, dividend_yield, sigma)| {
            let strike = 100.0 * libm::exp(moneyness);
            let inputs = VanillaInputs {
                right,
                spot: 100.0,
                strike,
                years,
                rate,
                dividend_yield,
            };
            (inputs, volatility(sigma))
        })
}

proptest! {
    #[test]
    fn a_call_less_a_put_is_a_forward((inputs, sigma) in options()) {
        let [call, put] = [OptionRight::Call, OptionRight::Put].map(|right| vanilla(VanillaInputs { right, ..inputs }));
        let forward = inputs.spot * libm::exp(-inputs.dividend_yield * inputs.years)
            - inputs.strike * libm::exp(-inputs.rate * inputs.years);
        prop_assert!((call.price(sigma) - put.price(sigma) - forward).abs() < 1e-10);
        let (of_call, of_put) = (call.greeks(sigma), put.greeks(sigma));
        prop_assert_eq!((of_call.gamma, of_call.vega), (of_put.gamma, of_put.vega));
        let carried = libm::exp(-inputs.dividend_yield * inputs.years);
        prop_assert!((of_call.delta - of_put.delta - carried).abs() < 1e-12);
    }

    #[test]
    fn a_price_lies_within_its_bounds_and_grows_with_volatility((inputs, sigma) in options(), more in 0.0..0.5_f64) {
        let option = vanilla(inputs);
        let (lower, price) = (option.price(Volatility::ZERO), option.price(sigma));
        let upper = option.price(Volatility::HIGHEST);
        prop_assert!(lower <= price + 1e-10 && price <= upper + 1e-10);
        prop_assert!(option.price(volatility(sigma.get() + more)) >= price - 1e-10);
    }

    #[test]
    fn a_call_falls_and_a_put_rises_with_the_strike((inputs, sigma) in options(), more in 0.0..50.0_f64) {
        let higher = vanilla(VanillaInputs { strike: inputs.strike + more, ..inputs }).price(sigma);
        let change = higher - vanilla(inputs).price(sigma);
        let (low, high) = match inputs.right {
            OptionRight::Call => (-more * libm::exp(-inputs.rate * inputs.years), 0.0),
            OptionRight::Put => (0.0, more * libm::exp(-inputs.rate * inputs.years)),
        };
        prop_assert!((low - 1e-10..=high + 1e-10).contains(&change), "{} {} {}", change, low, high);
    }

    #[test]
    fn greeks_are_the_slopes_of_the_price((inputs, sigma) in options()) {
        let greeks = vanilla(inputs).greeks(sigma);
        let slope = |step: f64, at: &dyn Fn(f64) -> f64| (at(step) - at(-step)) / (2.0 * step);
        let deviation = sigma.get() * inputs.years.sqrt();
        let near = |slope: f64, greek: f64, unit: f64| (slope - greek).abs() < 1e-5 * unit;

        let of_spot = |step| vanilla(VanillaInputs { spot: inputs.spot + step, ..inputs }).price(sigma);
        let step = 1e-3 * inputs.spot * deviation.min(1.0);
        prop_assert!(near(slope(step, &of_spot), greeks.delta, 1.0), "delta");
        let delta = |step| vanilla(VanillaInputs { spot: inputs.spot + step, ..inputs }).greeks(sigma).delta;
        prop_assert!(near(slope(step, &delta), greeks.gamma, 1.0 / (inputs.spot * deviation)), "gamma");
        let of_sigma = |step| vanilla(inputs).price(volatility(sigma.get() + step));
        prop_assert!(near(slope(1e-3 * sigma.get(), &of_sigma), greeks.vega, 1e3), "vega");
        let of_time = |step| vanilla(VanillaInputs { years: inputs.years - step, ..inputs }).price(sigma);
        let unit = 100.0 * (1.0 + sigma.get() / inputs.years.sqrt());
        prop_assert!(near(slope(1e-4 * inputs.years, &of_time), greeks.theta, unit), "theta");
        let of_rate = |step| vanilla(VanillaInputs { rate: inputs.rate + step, ..inputs }).price(sigma);
        prop_assert!(near(slope(1e-5, &of_rate), greeks.rho, 1e3 * inputs.years.max(1.0)), "rho");
    }

    #[test]
    fn the_volatility_of_a_price_gives_the_price_back((inputs, sigma) in options()) {
        let option = vanilla(inputs);
        let price = option.price(sigma);
        let lower = option.price(Volatility::ZERO);
        // Where the price has no time value beyond rounding, there is no volatility in it to find.
        prop_assume!(price > lower + 1e-11);
        let implied = option.implied_volatility(price).expect("a price of the formula");
        prop_assert!((option.price(implied) - price).abs() < 1e-11, "{} {}", implied.get(), sigma.get());
        // What rounding of the price may do to it, by vega.
        let vega = option.greeks(sigma).vega;
        if vega > 1e-3 {
            prop_assert!((implied.get() - sigma.get()).abs() < 1e-12 + 1e-12 / vega, "{} {}", implied.get(), sigma.get());
        }
    }

    #[test]
    fn early_exercise_is_worth_something_but_never_less_than_exercise((inputs, sigma) in options()) {
        let option = vanilla(inputs);
        let american = option.american_price(sigma, TreeSteps::new(101));
        let highest = inputs.spot.max(inputs.strike);
        // The tree's own error stands between it and the formula.
        prop_assert!(american >= option.price(sigma) - 2e-3 * highest);
        prop_assert!(american >= option.intrinsic() - 1e-12 * highest);
        let most = match inputs.right { OptionRight::Call => inputs.spot, OptionRight::Put => inputs.strike };
        // A negative rate or yield makes waiting for the strike or the shares worth more than they are now.
        let carried = most * libm::exp(0.03 * inputs.years);
        prop_assert!(american <= carried + 1e-9);
    }
}
