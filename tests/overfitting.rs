//! What the best of many tries is worth: against an independent reference, and where the answer is known.

use papertape::backtest::Quantiles;
use papertape::backtest::overfitting::{BacktestOverfitting, DeflatedSharpe, ReturnDigest};
use papertape::market::Random;
use serde::Deserialize;

/// A row of `data/overfitting_table.json`, which `data/make_overfitting_table.py` writes.
#[derive(Deserialize)]
struct Case {
    seed: u64,
    days: usize,
    trials: usize,
    chosen: usize,
    mean: f64,
    deviation: f64,
    skewness: f64,
    kurtosis: f64,
    deflated: Option<Deflated>,
    overfitting: Option<Overfitting>,
    quantiles: [f64; 5],
}

#[derive(Deserialize)]
struct Deflated {
    sharpe: f64,
    expected_maximum: f64,
    probabilistic: f64,
    deflated: f64,
}

#[derive(Deserialize)]
struct Overfitting {
    blocks: u64,
    splits: u64,
    probability: f64,
    probability_of_loss: f64,
}

/// The returns of each trial, as the reference makes them.
fn returns(seed: u64, days: usize, trials: usize) -> Vec<Vec<f64>> {
    let mut state = seed;
    let mut columns = vec![Vec::with_capacity(days); trials];
    for _ in 0..days {
        for (trial, column) in columns.iter_mut().enumerate() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let unit = (state >> 11) as f64 / (1_u64 << 53) as f64;
            let value = (unit - 0.5) * 0.04 + 0.0005 * (trial % 7) as f64;
            column.push(if unit < 0.02 * (trial % 5) as f64 {
                value * 3.0
            } else {
                value
            });
        }
    }
    if trials > 1 {
        columns[1].fill(0.0);
    }
    if trials > 3 {
        columns[3] = columns[2].clone();
    }
    if trials > 4 {
        columns[4][days / 2..].fill(0.0);
    }
    columns
}

fn digests(columns: &[Vec<f64>]) -> Vec<ReturnDigest> {
    columns.iter().map(|column| ReturnDigest::of(column)).collect()
}

fn sharpes(digests: &[ReturnDigest]) -> Vec<f64> {
    digests.iter().filter_map(ReturnDigest::sharpe).collect()
}

fn near(actual: f64, expected: f64, what: &str) {
    let scale = expected.abs().max(1e-3);
    assert!(
        (actual - expected).abs() <= 1e-9 * scale,
        "{what}: {actual} instead of {expected}"
    );
}

#[test]
fn moments_deflated_sharpe_overfitting_and_quantiles_are_those_of_the_reference() {
    let table = include_str!("data/overfitting_table.json");
    let cases: Vec<Case> = serde_json::from_str(table).expect("the table");
    assert!(cases.iter().filter(|case| case.overfitting.is_some()).count() >= 5);
    for case in cases {
        let columns = returns(case.seed, case.days, case.trials);
        let digests = digests(&columns);
        let chosen = &digests[case.chosen];
        near(chosen.mean, case.mean, "mean");
        near(chosen.deviation, case.deviation, "deviation");
        near(chosen.skewness, case.skewness, "skewness");
        near(chosen.kurtosis, case.kurtosis, "kurtosis");

        // The second trial never trades.
        let deflated = DeflatedSharpe::of(chosen, &sharpes(&digests));
        assert_eq!(
            deflated.is_some(),
            case.deflated.is_some(),
            "{} trials",
            case.trials
        );
        if let (Some(deflated), Some(expected)) = (deflated, case.deflated) {
            assert_eq!(deflated.trials, case.trials as u64 - 1);
            near(deflated.sharpe, expected.sharpe, "Sharpe ratio");
            near(
                deflated.expected_maximum,
                expected.expected_maximum,
                "expected maximum",
            );
            near(deflated.probabilistic, expected.probabilistic, "probabilistic");
            near(deflated.deflated, expected.deflated, "deflated");
        }

        let judged = BacktestOverfitting::of(&digests.iter().collect::<Vec<_>>());
        assert_eq!(judged.is_some(), case.overfitting.is_some(), "{} days", case.days);
        if let (Some(judged), Some(expected)) = (judged, case.overfitting) {
            assert_eq!((judged.blocks, judged.splits), (expected.blocks, expected.splits));
            near(judged.probability, expected.probability, "PBO");
            near(judged.probability_of_loss, expected.probability_of_loss, "loss");
        }

        let quantiles = Quantiles::of(columns[case.chosen].clone());
        let ours = [
            quantiles.p5,
            quantiles.p25,
            quantiles.p50,
            quantiles.p75,
            quantiles.p95,
        ];
        for (actual, expected) in ours.into_iter().zip(case.quantiles) {
            near(actual, expected, "quantile");
        }
    }
}

/// Columns of noise, with the drift of each.
fn noise(seed: u64, drifts: &[f64]) -> Vec<ReturnDigest> {
    let mut random = Random::new(seed);
    let column = |drift: &f64| -> Vec<f64> { (0..320).map(|_| 0.01 * random.normal() + drift).collect() };
    digests(&drifts.iter().map(column).collect::<Vec<_>>())
}

#[test]
fn tries_without_skill_are_unmasked_and_skill_is_not() {
    let (mut luck, mut skill) = (0.0, 0.0);
    let (mut by_luck, mut by_skill) = (0.0, 0.0);
    let judge = |trials: &[ReturnDigest]| {
        let all = sharpes(trials);
        let best = (0..all.len())
            .max_by(|a, b| all[*a].total_cmp(&all[*b]))
            .expect("trials");
        let overfitting = BacktestOverfitting::of(&trials.iter().collect::<Vec<_>>()).expect("days");
        let deflated = DeflatedSharpe::of(&trials[best], &all).expect("a judgement");
        assert!(
            deflated.deflated < deflated.probabilistic,
            "tries count against the best"
        );
        (overfitting.probability, deflated.deflated)
    };
    for seed in 0..10 {
        let (probability, deflated) = judge(&noise(seed, &[0.0; 20]));
        luck += probability / 10.0;
        by_luck += deflated / 10.0;
        let mut drifts = [0.0; 20];
        drifts[7] = 0.004;
        let (probability, deflated) = judge(&noise(seed, &drifts));
        skill += probability / 10.0;
        by_skill += deflated / 10.0;
    }
    assert!(
        luck > 0.35 && skill < 0.02,
        "PBO {luck} without skill, {skill} with"
    );
    assert!(
        by_luck < 0.7 && by_skill > 0.95,
        "DSR {by_luck} without skill, {by_skill} with"
    );
}

#[test]
fn what_never_traded_changes_no_judgement() {
    let judge = |trials: &[ReturnDigest]| {
        let deflated = DeflatedSharpe::of(&trials[0], &sharpes(trials));
        (
            deflated,
            BacktestOverfitting::of(&trials.iter().collect::<Vec<_>>()),
        )
    };
    // All of them lose, so that one that did nothing would be the best in every split.
    let losers = noise(5, &[-0.002, -0.003, -0.004, -0.005]);
    let idle = ReturnDigest::of(&[0.0; 320]);
    let alone = judge(&losers);
    assert!(alone.1.is_some());
    assert_eq!(judge(&[losers.clone(), vec![idle; 9]].concat()), alone);
}

#[test]
fn what_did_not_trade_in_a_half_is_not_chosen_there_and_comes_last() {
    // The first loses in every day, the second earns in the first half of the days and is away in the second.
    let days = 64;
    let wave = |day: usize| if day.is_multiple_of(2) { 0.01 } else { -0.01 };
    let loser: Vec<f64> = (0..days).map(|day| wave(day) - 0.002).collect();
    let away: Vec<f64> = (0..days)
        .map(|day| if day < days / 2 { wave(day) + 0.002 } else { 0.0 })
        .collect();
    let trials = digests(&[loser, away]);
    let judged = BacktestOverfitting::of(&trials.iter().collect::<Vec<_>>()).expect("days");
    // Sixteen blocks. Chosen on the second half alone, the loser does worse than the other on the first; chosen on the first, the other is
    // not there in the second. In every other split the other one is there in both halves, and better.
    assert_eq!((judged.blocks, judged.splits), (16, 12_870));
    assert_eq!(judged.probability, 2.0 / 12_870.0);
    assert_eq!(judged.probability_of_loss, 1.0 / 12_870.0);
}

#[test]
fn what_says_nothing_is_not_judged() {
    let flat = ReturnDigest::of(&[0.0; 100]);
    assert_eq!(flat.sharpe(), None);
    let noisy = &noise(1, &[0.001, 0.0]);
    assert!(DeflatedSharpe::of(&flat, &sharpes(noisy)).is_none());
    assert!(
        DeflatedSharpe::of(&noisy[0], &[0.1]).is_none(),
        "one try is no search"
    );
    assert!(BacktestOverfitting::of(&[&noisy[0]]).is_none());
    assert!(BacktestOverfitting::of(&[&noisy[0], &ReturnDigest::of(&[0.1, 0.2])]).is_none());
    let gone = ReturnDigest::of(&[0.1, f64::NAN, 0.2]);
    assert_eq!(gone, ReturnDigest::default());
    // Trials that are all alike: nothing expected from luck.
    let same = DeflatedSharpe::of(&noisy[0], &[0.1, 0.1]).expect("a judgement");
    assert_eq!((same.expected_maximum, same.deflated), (0.0, same.probabilistic));
}

#[test]
fn thousands_of_trials_are_judged_on_fewer_blocks() {
    let trials = noise(3, &[0.0; 1_001]);
    let judged = BacktestOverfitting::of(&trials.iter().collect::<Vec<_>>()).expect("days");
    assert_eq!((judged.blocks, judged.splits), (8, 70));
}
