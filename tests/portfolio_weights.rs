//! Portfolio weights against an independent reference (see `data/make_weights_table.py`), and what holds of all of them.

use papertape::portfolio::{Covariance, Weighting, correlation};
use proptest::prelude::*;
use serde::Deserialize;

const ALL: [Weighting; 4] = [
    Weighting::Equal,
    Weighting::InverseVolatility,
    Weighting::RiskParity,
    Weighting::MinimumVariance,
];

#[derive(Deserialize)]
struct Case {
    seed: u64,
    count: usize,
    size: usize,
    variances: Vec<f64>,
    inverse_volatility: Vec<f64>,
    risk_parity: Vec<f64>,
    minimum_variance: Vec<f64>,
}

/// The generator of `data/make_weights_table.py`: a series for each instrument.
fn returns(seed: u64, count: usize, size: usize) -> Vec<Vec<f64>> {
    let mut state = seed;
    let mut unit = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    let mut table = vec![Vec::with_capacity(count); size];
    for _ in 0..count {
        let common = unit();
        for (column, series) in (0..).zip(&mut table) {
            let share = ((column * 7 + seed) % 10) as f64 / 10.0;
            let sign = if (column + seed) % 5 == 4 { -1.0 } else { 1.0 };
            let scale = 0.002 * (1 + (column * 3 + seed) % 8) as f64;
            series.push(scale * (sign * share * common + (1.0 - share) * unit()));
        }
    }
    table
}

#[track_caller]
fn assert_near(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance,
            "{what}, {place}: {found} and not {expected}"
        );
    }
}

#[test]
fn the_weights_are_those_of_numpy_and_scipy() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("data/weights_table.json")).expect("the table is JSON");
    assert_eq!(cases.len(), 40);
    for case in cases {
        let what = format!("seed {}, {} returns of {}", case.seed, case.count, case.size);
        let covariance = Covariance::of_returns(&returns(case.seed, case.count, case.size));
        for (place, expected) in case.variances.iter().enumerate() {
            let found = covariance.at(place, place);
            assert!(
                (found - expected).abs() <= 1e-12 * expected,
                "{what}: {found} and not {expected}"
            );
        }
        for (weighting, expected, tolerance) in [
            (Weighting::InverseVolatility, &case.inverse_volatility, 1e-9),
            (Weighting::RiskParity, &case.risk_parity, 1e-7),
            (Weighting::MinimumVariance, &case.minimum_variance, 1e-7),
        ] {
            let found = weighting.weights(&covariance);
            assert_near(&found, expected, tolerance, &format!("{what}, {weighting:?}"));
        }
    }
}

#[test]
fn what_did_not_move_gets_nothing_unless_nothing_moved() {
    let moving = [0.01, -0.02, 0.015, 0.0, -0.005].to_vec();
    let twice: Vec<f64> = moving.iter().map(|value| value * 2.0).collect();
    let still = vec![0.0; 5];
    let covariance = Covariance::of_returns(&[still.clone(), moving.clone(), twice]);
    assert_near(
        &Weighting::InverseVolatility.weights(&covariance),
        &[0.0, 2.0 / 3.0, 1.0 / 3.0],
        1e-9,
        "inverse volatility",
    );
    for weighting in ALL {
        let weights = weighting.weights(&covariance);
        let expected = if weighting == Weighting::Equal {
            1.0 / 3.0
        } else {
            0.0
        };
        assert_eq!(weights[0], expected, "{weighting:?}");
        let nothing = Covariance::of_returns(&[still.clone(), still.clone()]);
        assert_eq!(weighting.weights(&nothing), [0.5, 0.5], "{weighting:?}");
        assert_eq!(
            weighting.weights(&Covariance::of_returns(&[])),
            [0.0; 0],
            "{weighting:?}"
        );
        // One return says nothing of how returns vary.
        let one = Covariance::of_returns(&[vec![0.01], vec![0.02]]);
        assert_eq!(weighting.weights(&one), [0.5, 0.5], "{weighting:?}");
        let no_number = Covariance::of_returns(&[vec![f64::NAN, 0.1, 0.2], vec![0.1, 0.2, 0.4]]);
        let weights = weighting.weights(&no_number);
        assert!(
            weights.iter().all(|weight| weight.is_finite()),
            "{weighting:?}: {weights:?}"
        );
    }
    // Two that cancel each other out: no risk is left to be contributed, and the ridge alone leads to half of each.
    let against: Vec<f64> = moving.iter().map(|value| -value).collect();
    let opposite = Covariance::of_returns(&[moving, against]);
    for weighting in ALL {
        assert_near(
            &weighting.weights(&opposite),
            &[0.5, 0.5],
            1e-4,
            &format!("{weighting:?}"),
        );
    }
}

#[test]
fn a_correlation_lies_between_one_and_minus_one() {
    let up = [0.01, 0.02, -0.01, 0.03];
    let down: Vec<f64> = up.iter().map(|value| 0.001 - 3.0 * value).collect();
    assert!((correlation(&up, &up) - 1.0).abs() < 1e-12);
    assert!((correlation(&up, &down) + 1.0).abs() < 1e-12);
    assert_eq!(correlation(&up, &[0.0; 4]), 0.0);
    // By hand: deviations (-1, 0, 1) and (-1, 1, 0) give ½·(1 + 0 + 0) over 1.
    assert!((correlation(&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0]) - 0.5).abs() < 1e-12);
}

/// Returns of some instruments: independent, with copies, multiples, opposites and some that stand still among them.
fn some_returns() -> impl Strategy<Value = Vec<Vec<f64>>> {
    (1_usize..9, 2_usize..40).prop_flat_map(|(size, count)| {
        let own = prop::collection::vec(-0.05_f64..0.05, count);
        let kinds = prop::collection::vec((0_u8..6, own, 0_usize..9, 1e-3_f64..10.0), size);
        kinds.prop_map(|kinds| {
            let mut all: Vec<Vec<f64>> = Vec::new();
            for (kind, own, of, scale) in kinds {
                let other = all.get(of % all.len().max(1)).cloned();
                all.push(match (kind, other) {
                    (0, _) => vec![0.0; own.len()],
                    (1, Some(other)) => other,
                    (2, Some(other)) => other.iter().map(|value| -scale * value).collect(),
                    (3, Some(other)) => other.iter().map(|value| scale * value).collect(),
                    _ => own.iter().map(|value| scale * value).collect(),
                });
            }
            all
        })
    })
}

fn variance(covariance: &Covariance, weights: &[f64]) -> f64 {
    let size = covariance.size();
    let pairs = (0..size).flat_map(|i| (0..size).map(move |j| (i, j)));
    pairs
        .map(|(i, j)| weights[i] * weights[j] * covariance.at(i, j))
        .sum()
}

proptest! {
    #[test]
    fn weights_are_a_division_of_the_whole(returns in some_returns()) {
        let covariance = Covariance::of_returns(&returns);
        for weighting in ALL {
            let weights = weighting.weights(&covariance);
            prop_assert_eq!(weights.len(), returns.len());
            let sum: f64 = weights.iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-12, "{:?}: {:?}", weighting, weights);
            prop_assert!(weights.iter().all(|weight| *weight >= 0.0), "{:?}: {:?}", weighting, weights);
        }
    }

    #[test]
    fn the_order_of_the_instruments_makes_no_difference(returns in some_returns(), turn in 0_usize..9) {
        let turn = turn % returns.len();
        let mut turned = returns.clone();
        turned.rotate_left(turn);
        for weighting in ALL {
            let mut weights = weighting.weights(&Covariance::of_returns(&returns));
            weights.rotate_left(turn);
            let other = weighting.weights(&Covariance::of_returns(&turned));
            // Where several divisions are equally good, the ridge decides, and rounding shows more.
            let covariance = Covariance::of_returns(&turned);
            let (a, b) = (variance(&covariance, &weights), variance(&covariance, &other));
            let largest = (0..returns.len()).map(|i| covariance.at(i, i)).fold(0.0, f64::max);
            prop_assert!((a - b).abs() <= 1e-7 * largest, "{:?}: {:?} and {:?}", weighting, weights, other);
            if !matches!(weighting, Weighting::MinimumVariance | Weighting::RiskParity) {
                for (a, b) in weights.iter().zip(&other) {
                    prop_assert!((a - b).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn no_other_division_has_a_smaller_variance(
        returns in some_returns(),
        raw in prop::collection::vec(0.0_f64..1.0, 9),
    ) {
        let covariance = Covariance::of_returns(&returns);
        let weights = Weighting::MinimumVariance.weights(&covariance);
        let largest = (0..returns.len()).map(|i| covariance.at(i, i)).fold(0.0, f64::max);
        // What stands still is left out on both sides.
        let moving: Vec<f64> = (0..returns.len())
            .map(|i| if covariance.at(i, i) > 0.0 { raw[i] } else { 0.0 })
            .collect();
        let sum: f64 = moving.iter().sum();
        prop_assume!(sum > 1e-6);
        let other: Vec<f64> = moving.iter().map(|value| value / sum).collect();
        prop_assert!(variance(&covariance, &weights) <= variance(&covariance, &other) + 1e-8 * largest);
    }

    #[test]
    fn risk_is_contributed_alike_where_it_can_be(seed in 0_u64..10_000, size in 1_usize..15) {
        let covariance = Covariance::of_returns(&returns(seed, 100, size));
        let weights = Weighting::RiskParity.weights(&covariance);
        let contributions: Vec<f64> = (0..size)
            .map(|i| weights[i] * (0..size).map(|j| covariance.at(i, j) * weights[j]).sum::<f64>())
            .collect();
        let mean = contributions.iter().sum::<f64>() / size as f64;
        for contribution in &contributions {
            prop_assert!((contribution - mean).abs() <= 1e-6 * mean, "{:?}", contributions);
        }
    }
}
