//! Walk-forward: what windows see, and the account that goes through them.

use papertape::api::WalkForwardReport;
use papertape::backtest::sweep::{MakeSearch, OneByOne, SearchSpec, Setting, SweepError, Trial, Workers};
use papertape::backtest::{MarketData, WalkForward, WalkForwardSpec};
use papertape::engine::{EngineConfig, ExecutionConfig};
use papertape::market::{Bar, Bars, CorporateAction, DatedAction, MarketAction};
use papertape::strategy::StrategySpec;
use papertape::testkit::{bars_of, config, decimal};
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

const CROSS: &str = "
name: cross
symbols: [BTC/USDT]
timeframe: 1m
params:
  fast: {default: 3, min: 1, max: 20, step: 1}
  slow: {default: 8, min: 2, max: 40, step: 2}
entry: {long: 'cross_above(sma(close, $fast), sma(close, $slow))'}
exit: {long: 'cross_below(sma(close, $fast), sma(close, $slow))'}
";

fn setting() -> Setting {
    Setting {
        spec: StrategySpec::parse(CROSS).expect("a strategy"),
        fixed: Default::default(),
        config: config(CROSS),
    }
}

fn bars(count: i32) -> Bars {
    let steps: Vec<_> = (0..count)
        .map(|minute| {
            let step = (minute / 37 % 3 - 1) * 4 + (minute / 411 % 3 - 1) * 2 + minute % 7 - 3;
            (step, 2, 2, minute % 5)
        })
        .collect();
    bars_of(&steps)
}

fn spec() -> WalkForwardSpec {
    let params = [("fast", "2..6:2"), ("slow", "8,20,40")];
    WalkForwardSpec {
        search: SearchSpec {
            params: params
                .map(|(name, axis)| (name.to_owned(), axis.parse().expect("an axis")))
                .into(),
            ..SearchSpec::default()
        },
        ..WalkForwardSpec::default()
    }
}

fn walk(spec: &WalkForwardSpec, bars: &Bars) -> WalkForwardReport {
    let make: MakeSearch<'_> = &|axes| Ok(spec.search.search(axes)?.expect("a method of the core"));
    let walk = WalkForward::new(&setting(), spec, make, bars.len()).expect("a walk");
    walk.run(&setting(), bars.into(), &OneByOne).expect("a report")
}

proptest! {
    #[test]
    fn later_parts_follow_each_other_to_the_end_and_choices_see_only_what_is_before(
        bars in 2_usize..100_000,
        windows in 1_u64..=100,
        ratio in 0.5_f64..=100.0,
        anchored: bool,
    ) {
        let spec = WalkForwardSpec { windows, ratio, anchored, ..WalkForwardSpec::default() };
        match spec.windows(bars) {
            Err(error) => prop_assert!(matches!(error, SweepError::TooFewBars(_)), "{}", error),
            Ok(all) => {
                prop_assert_eq!(all.len() as u64, windows);
                prop_assert_eq!(all.last().map(|(_, later)| later.end), Some(bars));
                for (earlier, later) in &all {
                    prop_assert!(earlier.end == later.start && later.len() >= 2 && !earlier.is_empty());
                    prop_assert_eq!(anchored, anchored && earlier.start == 0);
                }
                for pair in all.windows(2) {
                    prop_assert_eq!(pair[0].1.end, pair[1].1.start);
                    prop_assert_eq!(pair[0].1.len(), pair[1].1.len());
                    prop_assert!(anchored || pair[0].0.len() == pair[1].0.len());
                }
            }
        }
    }
}

#[test]
fn what_comes_later_does_not_change_a_choice() {
    let whole = bars(6_000);
    let spec = spec();
    let report = walk(&spec, &whole);
    assert_eq!(report.windows.len(), 5);
    assert!(report.metrics.trades > 10, "there is something to judge");
    // The last window's later bars, turned upside down.
    let from = report.windows[4].from;
    let other: Bars = whole
        .iter()
        .map(|mut bar| {
            if bar.open_time >= from {
                let mirror = |price: f64| 1_000.0 - price;
                (bar.open, bar.close) = (mirror(bar.open), mirror(bar.close));
                (bar.high, bar.low) = (mirror(bar.low), mirror(bar.high));
            }
            bar
        })
        .collect();
    let changed = walk(&spec, &other);
    assert_eq!(report.windows[..4], changed.windows[..4]);
    assert_eq!(report.windows[4].params, changed.windows[4].params);
    assert_eq!(report.windows[4].in_sample, changed.windows[4].in_sample);
    assert_ne!(report.windows[4].out_of_sample, changed.windows[4].out_of_sample);
}

/// Gives up after so many trials.
struct Impatient(AtomicUsize);

impl Workers for Impatient {
    fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        (0..count).take_while(|_| !self.is_canceled()).for_each(work);
    }

    fn is_canceled(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn finished(&self, _trial: &Trial) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn canceled_it_keeps_the_windows_that_are_done() {
    let (spec, bars) = (spec(), bars(6_000));
    let whole = walk(&spec, &bars);
    let make: MakeSearch<'_> = &|axes| Ok(spec.search.search(axes)?.expect("a method of the core"));
    // A window tries nine combinations and then runs the best of them.
    for (trials, windows) in [(3, 0), (9, 0), (10, 1), (25, 2)] {
        let walk = WalkForward::new(&setting(), &spec, make, bars.len()).expect("a walk");
        let workers = Impatient(AtomicUsize::new(trials));
        let part = walk.run(&setting(), (&bars).into(), &workers).expect("a report");
        assert!(part.canceled && !whole.canceled);
        assert_eq!(part.windows, whole.windows[..windows], "{trials} trials");
    }
}

#[test]
fn the_account_goes_through_all_windows() {
    let report = walk(&spec(), &bars(6_000));
    let product: f64 = report
        .windows
        .iter()
        .map(|it| 1.0 + it.out_of_sample.total_return)
        .product();
    assert!((product - 1.0 - report.metrics.total_return).abs() < 1e-9);
    let trades: u64 = report.windows.iter().map(|it| it.out_of_sample.trades).sum();
    assert_eq!(report.metrics.trades, trades);
    let last = report.equity.last().expect("a curve");
    let total = last.1 / 10_000.0 - 1.0;
    assert!((total - report.metrics.total_return).abs() < 1e-9);
    assert!(report.equity.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let rate = |of: fn(&papertape::api::WalkForwardWindow) -> f64| report.windows.iter().map(of).sum::<f64>();
    let (earlier, later) = (
        rate(|it| it.in_sample.total_return / it.in_sample_bars as f64),
        rate(|it| it.out_of_sample.total_return / it.bars as f64),
    );
    match report.efficiency {
        Some(efficiency) => assert!((efficiency - later / earlier).abs() < 1e-9),
        None => assert!(earlier <= 0.0),
    }
}

/// A strategy with nothing to search for but a number that it does not need.
fn searching(yaml: &str, axis: &str, change: impl Fn(&mut EngineConfig)) -> (Setting, WalkForwardSpec) {
    let mut setting = Setting {
        spec: StrategySpec::parse(yaml).expect("a strategy"),
        fixed: Default::default(),
        config: config(yaml),
    };
    change(&mut setting.config);
    let search = SearchSpec {
        params: [("n".to_owned(), axis.parse().expect("an axis"))].into(),
        ..SearchSpec::default()
    };
    let spec = WalkForwardSpec {
        search,
        ..WalkForwardSpec::default()
    };
    (setting, spec)
}

fn walk_over(asked: &(Setting, WalkForwardSpec), data: MarketData<'_>) -> WalkForwardReport {
    try_walk(asked, data).expect("a report")
}

fn try_walk(
    (setting, spec): &(Setting, WalkForwardSpec),
    data: MarketData<'_>,
) -> Result<WalkForwardReport, SweepError> {
    let make: MakeSearch<'_> = &|axes| Ok(spec.search.search(axes)?.expect("a method of the core"));
    let walk = WalkForward::new(setting, spec, make, data.bars.len()).expect("a walk");
    walk.run(setting, data.into(), &OneByOne)
}

const HOLDS: &str = "
name: holds
symbols: [BTC/USDT]
timeframe: 1m
params: {n: {default: 1, min: 1, max: 9}}
entry: {long: 'close > $n'}
";

#[test]
fn a_walk_warns_of_its_file_of_its_parts_and_of_its_account() {
    let yaml = HOLDS.replace("close > $n", "close > $n and sma(close, 900) > 0");
    let unending = "nothing closes what this opens: there is no exit.long, no entry in the other direction, no stop and no target";
    let of_file = format!("Line 6, column 16 of the strategy: {unending}.");
    let bars = bars(1_000);
    let report = walk_over(&searching(&yaml, "1", |_| {}), (&bars).into());
    assert_eq!(
        report.warnings,
        [
            of_file.as_str(),
            "The rules look back up to 900 bars of 1m, the data has 375: those that look back so far never acted.",
            "Nothing was ever held: the figures say nothing of the rules.",
        ]
    );
    let report = walk_over(&searching(HOLDS, "1", |_| {}), (&self::bars(6_000)).into());
    assert_eq!(
        report.warnings[..2],
        [
            of_file.as_str(),
            "4 trades are few for 1 parameters: results below 10 say little about them.",
        ],
        "of the trades of all windows together"
    );
}

#[test]
fn what_is_held_at_a_windows_end_is_closed_with_all_costs() {
    let always = searching(HOLDS, "1", |config| {
        config.execution = ExecutionConfig::percent(decimal("0.01"), decimal("0.01"), decimal("0"));
    });
    let bars = bars(6_000);
    let report = walk_over(&always, (&bars).into());
    // The last window's position stays open with the data's end.
    let trades: Vec<u64> = report.windows.iter().map(|it| it.out_of_sample.trades).collect();
    assert_eq!(trades, [1, 1, 1, 1, 0]);
    assert_eq!(report.metrics.trades, 4);
    let total: f64 = report.windows.iter().map(|it| it.out_of_sample.total_fees).sum();
    assert!((report.metrics.total_fees - total).abs() < 1e-9);
    assert!(report.equity.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[test]
fn a_window_in_which_nothing_can_be_judged_trades_nothing() {
    let late = searching(
        "name: late\nsymbols: [BTC/USDT]\ntimeframe: 1m\nparams: {n: {default: 4000, min: 1, max: 9000}}\n\
         entry: {long: 'close > 0 and sma(close, $n) > 0'}\n",
        "4000",
        |_| {},
    );
    let report = walk_over(&late, (&bars(6_000)).into());
    assert_eq!(report.windows.len(), 5);
    for window in &report.windows {
        assert!(window.params.is_empty() && window.in_sample_objective.is_none());
        assert_eq!(
            (window.out_of_sample.trades, window.out_of_sample.total_return),
            (0, 0.0)
        );
    }
    assert_eq!(report.metrics.total_return, 0.0);
    assert!(report.metrics.buy_and_hold_return.is_some());
}

#[test]
fn a_search_of_which_nothing_can_run_says_why() {
    let beyond = searching(HOLDS, "10..12:1", |_| {});
    let error = try_walk(&beyond, (&bars(6_000)).into())
        .expect_err("n is at most 9")
        .to_string();
    assert!(
        error.starts_with("none of the combinations can be run: "),
        "{error}"
    );
    assert!(error.contains("n"), "{error}");
}

#[test]
fn a_script_that_fails_only_later_is_not_taken_for_a_result() {
    // The first choice is made on the first half; the bar after fails.
    let fails = searching(
        "name: fails\nsymbols: [BTC/USDT]\ntimeframe: 1m\nparams: {n: {default: 1, min: 1, max: 9}}\n\
         script:\n  gives: {buy: condition}\n  code: |\n    state.bars = (state.bars ?? 0) + 1;\n    \
         if close > 100000 { throw \"too high\"; }\n    buy = state.bars % 20 < 10;\n\
         entry: {long: buy}\nexit: {long: not buy}\n",
        "1",
        |_| {},
    );
    let quiet: Bars = bars(6_000);
    try_walk(&fails, (&quiet).into()).expect("nothing fails");
    let last = quiet.len() - 100;
    let high: Bars = (0..)
        .zip(quiet.iter())
        .map(|(place, mut bar)| {
            if place == last {
                (bar.high, bar.close) = (200_000.0, 200_000.0);
            }
            bar
        })
        .collect();
    let error = try_walk(&fails, (&high).into())
        .expect_err("the script fails")
        .to_string();
    assert!(
        error.starts_with("the script failed: ") && error.contains("too high"),
        "{error}"
    );
}

#[test]
fn who_bought_and_held_went_through_the_split_as_well() {
    let never = searching(
        "name: never\nsymbols: [BTC/USDT]\ntimeframe: 1m\nparams: {n: {default: 1, min: 1, max: 9}}\nentry: {long: 'close < $n'}\n",
        "1",
        |_| {},
    );
    let whole = bars(6_000);
    let split = whole.open_time[4_500];
    let halved: Bars = whole
        .iter()
        .map(|bar| {
            let by = if bar.open_time < split { 1.0 } else { 0.5 };
            Bar {
                open: bar.open * by,
                high: bar.high * by,
                low: bar.low * by,
                close: bar.close * by,
                ..bar
            }
        })
        .collect();
    let actions = [DatedAction {
        time: split,
        action: MarketAction::Corporate(CorporateAction::Split { ratio: decimal("2") }),
    }];
    let plain = walk_over(&never, (&whole).into());
    let through = walk_over(
        &never,
        MarketData {
            bars: &halved,
            actions: &actions,
        },
    );
    let held = |report: &WalkForwardReport| report.metrics.buy_and_hold_return.expect("a return");
    assert!((held(&plain) - held(&through)).abs() < 1e-9);
}
