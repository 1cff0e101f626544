//! Monte Carlo: what courses can be, whoever makes them.

use papertape::backtest::sweep::{OneByOne, Workers};
use papertape::backtest::{Canceled, MonteCarloError, MonteCarloSpec, Resampling, trade_returns};
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Two threads that take what is next from the end, and give up after so many units of work.
struct Backwards {
    left: AtomicUsize,
}

impl Workers for Backwards {
    fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        let next = AtomicUsize::new(count);
        let take = |it: usize| it.checked_sub(1).filter(|_| !self.is_canceled());
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Ok(before) = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
                        work(before - 1);
                    }
                });
            }
        });
    }

    fn is_canceled(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    fn passed(&self) {
        let less = |left: usize| left.checked_sub(1);
        // One that has no patience left has been told so.
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

fn until(units: usize) -> Backwards {
    Backwards {
        left: AtomicUsize::new(units),
    }
}

#[test]
fn threads_and_their_order_change_nothing() {
    let returns: Vec<f64> = (0..90).map(|trade| f64::from(trade % 7 - 3) / 50.0).collect();
    for resampling in [Resampling::TradeOrder, Resampling::Trades, Resampling::Days] {
        let spec = MonteCarloSpec {
            courses: 1_000,
            ..of(resampling)
        };
        let whole = courses(&spec, &returns);
        assert_eq!(
            spec.run(&returns, 1_000.0, &until(usize::MAX)),
            Ok(whole),
            "{resampling:?}"
        );
    }
}

#[test]
fn canceled_it_keeps_the_courses_that_are_done_and_says_so() {
    let returns = [0.1, -0.08, 0.03, -0.02];
    let spec = MonteCarloSpec {
        courses: 1_000,
        ..of(Resampling::Trades)
    };
    let whole = courses(&spec, &returns);
    assert_eq!((whole.courses, whole.canceled, spec.units()), (1_000, false, 16));
    let part = spec.run(&returns, 1_000.0, &until(5)).expect("what is done");
    assert!(part.canceled && part.courses < 1_000, "{}", part.courses);
    // From the end: all portions have 64 courses but the last, which has 40.
    assert!(
        part.courses >= 4 * 64 + 40 && (part.courses - 40).is_multiple_of(64),
        "{}",
        part.courses
    );
    assert_eq!(part.actual_final_equity, whole.actual_final_equity);
    assert!((part.probability_of_loss - whole.probability_of_loss).abs() < 0.15);
    let nothing = spec.run(&returns, 1_000.0, &until(0));
    assert_eq!(nothing, Err(MonteCarloError::Canceled(Canceled)));
}

fn courses(spec: &MonteCarloSpec, returns: &[f64]) -> papertape::backtest::MonteCarlo {
    spec.run(returns, 1_000.0, &OneByOne).expect("courses")
}

fn of(resampling: Resampling) -> MonteCarloSpec {
    MonteCarloSpec {
        resampling,
        courses: 400,
        ..MonteCarloSpec::default()
    }
}

proptest! {
    #[test]
    fn another_order_ends_at_the_same_place(
        returns in proptest::collection::vec(-0.3_f64..0.4, 2..60),
        seed: u64,
    ) {
        let spec = MonteCarloSpec { seed, courses: 50, ..of(Resampling::TradeOrder) };
        let result = courses(&spec, &returns);
        let end = result.actual_final_equity;
        for place in [result.final_equity.p5, result.final_equity.p50, result.final_equity.p95] {
            prop_assert!((place / end - 1.0).abs() < 1e-9);
        }
        prop_assert!(result.max_drawdown.p5 >= 0.0 && result.max_drawdown.p95 <= 1.0);
        prop_assert_eq!(&courses(&spec, &returns), &result);
    }

    #[test]
    fn whatever_is_drawn_the_places_are_in_order_and_the_fan_spans_the_course(
        returns in proptest::collection::vec(-0.5_f64..0.5, 2..200),
        block in 1_u64..400,
        trades: bool,
    ) {
        let resampling = if trades { Resampling::Trades } else { Resampling::Days };
        let block = block.min(returns.len() as u64 / 2);
        let spec = MonteCarloSpec { block, courses: 60, ..of(resampling) };
        let result = courses(&spec, &returns);
        for it in result.fan.iter().map(|point| point.equity).chain([result.final_equity, result.max_drawdown]) {
            prop_assert!(it.p5 <= it.p25 && it.p25 <= it.p50 && it.p50 <= it.p75 && it.p75 <= it.p95);
        }
        let steps: Vec<_> = result.fan.iter().map(|point| point.step).collect();
        prop_assert!(steps.is_sorted() && steps.first() == Some(&0));
        prop_assert_eq!(steps.last(), Some(&(returns.len() as u64)));
        prop_assert!(result.probability_of_ruin <= 1.0 && result.probability_of_loss <= 1.0);
    }
}

#[test]
fn chances_are_those_of_a_coin() {
    // Ten throws that double or halve: below the start with fewer than five doubles, in 386 of 1,024 courses; at an
    // eighth or below at some time is gambler's ruin at three halvings net, by the reflection principle
    // P(S10 <= -3) + P(S10 < -3) = 2 * 176/1024 = 352/1024 (S10 is even, so it never ends at -3).
    let returns = [1.0, -0.5].repeat(5);
    let spec = MonteCarloSpec {
        courses: 20_000,
        ruin: 0.875,
        ..of(Resampling::Trades)
    };
    let result = courses(&spec, &returns);
    assert!(
        (result.probability_of_loss - 386.0 / 1_024.0).abs() < 0.015,
        "{result:?}"
    );
    assert!(
        (result.probability_of_ruin - 352.0 / 1_024.0).abs() < 0.015,
        "{result:?}"
    );
}

#[test]
fn days_stay_with_their_neighbours() {
    // A crash that is always followed by its recovery: blocks keep them together, single days do not.
    let mut returns = vec![0.0; 400];
    for crash in (0..400).step_by(40) {
        (returns[crash], returns[crash + 1]) = (-0.5, 1.0);
    }
    let median = |block| {
        courses(
            &MonteCarloSpec {
                block,
                ..of(Resampling::Days)
            },
            &returns,
        )
        .final_equity
    };
    let (single, blocks) = (median(1), median(40));
    assert!(
        (blocks.p25 / 1_000.0 - 1.0).abs() < 1e-9 && (blocks.p75 / 1_000.0 - 1.0).abs() < 1e-9,
        "{blocks:?}"
    );
    assert!(single.p25 < 600.0 && single.p75 > 1_600.0, "{single:?}");
}

#[test]
fn nothing_to_draw_from_is_told_apart_from_wrong_fields() {
    let spec = of(Resampling::Trades);
    let refused =
        |spec: &MonteCarloSpec, returns: &[f64]| spec.run(returns, 1_000.0, &OneByOne).expect_err("refused");
    assert!(matches!(refused(&spec, &[0.1]), MonteCarloError::Backtest(_)));
    assert!(matches!(
        refused(&spec, &[0.1, f64::NAN]),
        MonteCarloError::Backtest(_)
    ));
    assert!(matches!(
        refused(&spec, &vec![0.0; 2_000_000]),
        MonteCarloError::Backtest(_)
    ));
    let many = MonteCarloSpec {
        courses: 1_000_000,
        ..spec.clone()
    };
    assert!(matches!(
        refused(&many, &[0.1, 0.2]),
        MonteCarloError::Field { field: "courses", .. }
    ));
    let long = MonteCarloSpec {
        block: 6,
        ..of(Resampling::Days)
    };
    assert!(matches!(
        refused(&long, &[0.1; 10]),
        MonteCarloError::Field { field: "block", .. }
    ));
    assert!(trade_returns([-2_000.0, 5.0], 1_000.0)[1].is_nan());
    assert_eq!(trade_returns([100.0, -55.0], 1_000.0), [0.1, -0.05]);
}
