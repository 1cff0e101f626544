//! Sweeps: each combination is the backtest that it would be alone, whoever runs it and in whatever order.

use papertape::api::SweepReport;
use papertape::backtest::sweep::{
    Axis, MOST_COMBINATIONS, MakeSearch, Method, OneByOne, SearchSpec, Setting, Sweep, SweepError, SweepSpec,
    Trial, Workers,
};
use papertape::backtest::{self, Span};
use papertape::market::Bars;
use papertape::model::Timeframe;
use papertape::strategy::StrategySpec;
use papertape::testkit::{bars_of, config};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

const CROSS: &str = "
name: cross
symbols: [BTC/USDT]
timeframe: 1m
params:
  fast: {default: 3, min: 1, max: 20, step: 1}
  slow: {default: 8, min: 2, max: 40, step: 2}
  least: {default: 0, min: 0, max: 4, step: 1}
entry: {long: 'cross_above(sma(close, $fast), sma(close, $slow)) and volume >= $least'}
exit: {long: 'cross_below(sma(close, $fast), sma(close, $slow))'}
risk: {size: {method: percent_of_equity, value: 50}}
";

fn setting() -> Setting {
    Setting {
        spec: StrategySpec::parse(CROSS).expect("a strategy"),
        fixed: Default::default(),
        config: config(CROSS),
    }
}

/// Some days of minutes that go up and down in waves of several lengths.
fn bars() -> Bars {
    let steps: Vec<_> = (0..8_000_i32)
        .map(|minute| {
            let step = (minute / 37 % 3 - 1) * 4 + (minute / 411 % 3 - 1) * 2 + minute % 7 - 3;
            (step, 2, 2, minute % 5)
        })
        .collect();
    bars_of(&steps)
}

fn spec(params: &[(&str, &str)]) -> SweepSpec {
    let params = params.iter().map(|(name, axis)| {
        let axis: Axis = axis.parse().expect("an axis");
        ((*name).to_owned(), axis)
    });
    SweepSpec {
        search: SearchSpec {
            params: params.collect(),
            ..SearchSpec::default()
        },
        out_of_sample: 0.0,
    }
}

fn prepare(spec: &SweepSpec, bars: usize) -> Result<Sweep, SweepError> {
    let search = spec.search.clone();
    let make: MakeSearch<'_> = &|axes| Ok(search.search(axes)?.expect("a method of the core"));
    Sweep::new(&setting(), spec, make, bars)
}

fn run(spec: &SweepSpec, bars: &Bars, workers: &dyn Workers) -> SweepReport {
    let sweep = prepare(spec, bars.len()).expect("a sweep");
    sweep.run(&setting(), bars.into(), workers).expect("a report")
}

/// Several threads, each taking what is next from the end.
struct Backwards(usize);

impl Workers for Backwards {
    fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        let left = AtomicUsize::new(count);
        std::thread::scope(|scope| {
            for _ in 0..self.0 {
                scope.spawn(|| {
                    while let Ok(before) =
                        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| it.checked_sub(1))
                    {
                        work(before - 1);
                    }
                });
            }
        });
    }

    fn is_canceled(&self) -> bool {
        false
    }
}

/// Gives up after so many trials.
struct Impatient {
    patience: usize,
    seen: AtomicUsize,
}

impl Workers for Impatient {
    fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        (0..count).take_while(|_| !self.is_canceled()).for_each(work);
    }

    fn is_canceled(&self) -> bool {
        self.seen.load(Ordering::Relaxed) >= self.patience
    }

    fn finished(&self, _trial: &Trial) {
        self.seen.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn every_row_is_the_backtest_of_its_parameters() {
    let bars = bars();
    let report = run(&spec(&[("fast", "2..6:2"), ("slow", "8,20")]), &bars, &OneByOne);
    assert_eq!((report.combinations, report.tried, report.rows.len()), (6, 6, 6));
    assert!(
        report.rows.iter().any(|row| row.metrics.trades > 10),
        "there is something to compare"
    );
    for row in &report.rows {
        let mut alone = setting().config;
        alone.strategy = setting().spec.compile(&row.params, None).expect("a strategy");
        let outcome = backtest::run(alone, &bars, &mut |_| true).expect("nobody cancels");
        assert_eq!(row.metrics, outcome.metrics, "{:?}", row.params);
        assert_eq!(row.final_equity, outcome.final_equity.amount.normalize());
    }
    let merits: Vec<_> = report.rows.iter().map(|row| row.objective).collect();
    let mut sorted = merits.clone();
    sorted.sort_by(|a, b| b.partial_cmp(a).expect("numbers"));
    assert_eq!(merits, sorted, "best first");
    let ranks: Vec<_> = report.rows.iter().map(|row| row.rank).collect();
    assert_eq!(ranks, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_sweep_warns_of_what_the_backtest_of_its_best_combination_warns_of() {
    let yaml = CROSS.replace("entry:", "let: {strong: 'rsi(close, 14) > 50 * $fast'}\nentry:");
    let setting = Setting {
        spec: StrategySpec::parse(&yaml).expect("a strategy"),
        fixed: Default::default(),
        config: config(&yaml),
    };
    let (bars, spec) = (bars(), spec(&[("fast", "3,4,5")]));
    let make: MakeSearch<'_> = &|axes| Ok(spec.search.search(axes)?.expect("a method of the core"));
    let sweep = Sweep::new(&setting, &spec, make, bars.len()).expect("a sweep");
    let report = sweep.run(&setting, (&bars).into(), &OneByOne).expect("a report");
    let best = &report.rows[0].params;
    let alone = setting.configure(best).expect("a strategy");
    let outcome = backtest::run(alone, &bars, &mut |_| true).expect("nobody cancels");
    assert_eq!(report.warnings, outcome.warnings(std::slice::from_ref(&bars)));
    let rule = "Line 9, column 16 of the strategy: this can never be true: rsi(close, 14) is from 0 to 100, ";
    assert!(report.warnings[0].starts_with(rule), "{:?}", report.warnings);
    assert!(report.warnings.len() > 1, "and of what the bars show");
}

#[test]
fn threads_and_their_order_change_nothing() {
    let bars = bars();
    for method in [Method::Grid, Method::Random] {
        let mut spec = spec(&[("fast", "2..10:1"), ("slow", "8..20:4")]);
        spec.search.method = method;
        spec.search.samples = 20;
        spec.out_of_sample = 0.25;
        let alone = run(&spec, &bars, &OneByOne);
        assert!(alone.deflated_sharpe.is_some());
        for threads in [1, 2, 5] {
            assert_eq!(run(&spec, &bars, &Backwards(threads)), alone, "{threads} threads");
        }
    }
}

#[test]
fn what_cannot_run_is_told_and_the_rest_runs() {
    let report = run(&spec(&[("fast", "18..22:1")]), &bars(), &OneByOne);
    assert_eq!((report.tried, report.rows.len(), report.invalid.len()), (5, 3, 2));
    let problem = &report.invalid[0];
    assert_eq!(problem.params["fast"], 21.0);
    assert!(
        problem.problems[0].contains("above its maximum of 20"),
        "{problem:?}"
    );
}

#[test]
fn a_constraint_passes_over_what_makes_no_sense() {
    let mut spec = spec(&[("fast", "2..10:2"), ("slow", "2..10:2")]);
    for text in ["fast < slow", "$fast < $slow", "not (fast >= slow)"] {
        spec.search.constraint = Some(text.to_owned());
        let report = run(&spec, &bars(), &OneByOne);
        assert_eq!((report.combinations, report.tried), (25, 10), "{text}");
        assert!(
            report
                .rows
                .iter()
                .all(|row| row.params["fast"] < row.params["slow"])
        );
    }
    for (text, words) in [
        ("fast < slwo", "slwo"),
        ("fast +", "constraint"),
        ("fast + 1", "constraint"),
        ("fast < close", "parameters only"),
    ] {
        spec.search.constraint = Some(text.to_owned());
        let error = prepare(&spec, 100).expect_err(text).to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    spec.search.constraint = Some("fast > 100".to_owned());
    let sweep = prepare(&spec, 8_000).expect("a sweep");
    let nothing = sweep.run(&setting(), (&bars()).into(), &OneByOne);
    assert_eq!(nothing, Err(SweepError::NothingLeft));
}

#[test]
fn canceled_it_keeps_what_is_done() {
    let workers = Impatient {
        patience: 4,
        seen: AtomicUsize::new(0),
    };
    let bars = bars();
    let spec = spec(&[("fast", "2..9:1"), ("slow", "10,20")]);
    let report = run(&spec, &bars, &workers);
    assert_eq!((report.canceled, report.tried, report.rows.len()), (true, 4, 4));
    let whole = run(&spec, &bars, &OneByOne);
    for row in &report.rows {
        let same = whole
            .rows
            .iter()
            .find(|it| it.params == row.params)
            .expect("the same row");
        assert_eq!(row.metrics, same.metrics);
    }
}

#[test]
fn the_bars_kept_back_are_seen_by_the_best_only_and_after_a_warm_up() {
    let bars = bars();
    let mut spec = spec(&[("fast", "2..10:1"), ("slow", "12..40:2")]);
    spec.out_of_sample = 0.25;
    let report = run(&spec, &bars, &OneByOne);
    let kept = report.out_of_sample.as_ref().expect("bars kept back");
    assert_eq!((report.run.bars, kept.bars), (6_000, 2_000));
    assert_eq!(kept.from, bars.open_time[6_000]);
    let proved: Vec<_> = report
        .rows
        .iter()
        .map(|row| row.out_of_sample.is_some())
        .collect();
    assert!(proved[..20].iter().all(|it| *it) && !proved[20..].iter().any(|it| *it));

    // Nothing of them is seen by the search.
    let first: Bars = bars.iter().take(6_000).collect();
    spec.out_of_sample = 0.0;
    let before = run(&spec, &first, &OneByOne);
    for (row, alone) in report.rows.iter().zip(&before.rows) {
        assert_eq!((&row.params, &row.metrics), (&alone.params, &alone.metrics));
    }
}

#[test]
fn a_warm_up_reaches_as_far_back_as_the_strategy_looks() {
    let minute = Timeframe::MINUTE;
    let five = Timeframe::from_secs(300).expect("a timeframe");
    assert_eq!(
        Span::warmed_up(1_000..2_000, 50, five, minute).history,
        745..1_000
    );
    assert_eq!(Span::warmed_up(100..2_000, 50, five, minute).history, 0..100);
}

#[test]
fn a_lonely_peak_is_told_from_a_plateau() {
    let report = run(
        &spec(&[("fast", "2..10:1"), ("slow", "12..40:2")]),
        &bars(),
        &OneByOne,
    );
    let map = report.stability.expect("a map");
    assert_eq!((map.x.as_str(), map.y.as_str()), ("fast", "slow"));
    assert_eq!(map.cells.len(), map.x_values.len() * map.y_values.len());
    let value = |x: usize, y: usize| map.cells[y * map.x_values.len() + x].value;
    for row in &report.rows {
        let x = map
            .x_values
            .iter()
            .position(|it| *it == row.params["fast"])
            .expect("a column");
        let y = map
            .y_values
            .iter()
            .position(|it| *it == row.params["slow"])
            .expect("a row");
        assert_eq!(value(x, y), row.objective);
    }
    assert_eq!(
        map.cells[map.peak.expect("a peak")].value,
        report.rows[0].objective
    );
    // A corner and an inner cell, by hand.
    for (x, y, columns, rows) in [(0, 0, 0..2, 0..2), (3, 5, 2..5, 4..7)] {
        let around: Vec<f64> = rows
            .flat_map(|y| columns.clone().map(move |x| (x, y)))
            .filter_map(|(x, y)| value(x, y))
            .collect();
        let cell = &map.cells[y * map.x_values.len() + x];
        let mean = around.iter().sum::<f64>() / around.len() as f64;
        assert!((cell.neighbours_mean.expect("a mean") - mean).abs() < 1e-12);
        let worst = around.iter().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(cell.neighbours_worst, Some(worst));
    }
    let steadiest = map.cells[map.plateau.expect("a plateau")].neighbours_worst;
    assert!(map.cells.iter().all(|cell| cell.neighbours_worst <= steadiest));
}

#[test]
fn a_map_ranks_as_the_table_does() {
    // `least: 9` is never met, so nothing is held: the smallest drawdown of all, and worth nothing.
    let never = CROSS.replace("max: 4", "max: 9");
    let setting = Setting {
        spec: StrategySpec::parse(&never).expect("a strategy"),
        fixed: Default::default(),
        config: config(&never),
    };
    let bars = bars();
    for name in ["max_drawdown", "total_fees", "profit_factor", "sortino", "sharpe"] {
        let mut spec = spec(&[("fast", "2..10:4"), ("least", "0..9:3")]);
        spec.search.objective = name.parse().expect("a metric");
        let make: MakeSearch<'_> = &|axes| Ok(spec.search.search(axes)?.expect("a method of the core"));
        let sweep = Sweep::new(&setting, &spec, make, bars.len()).expect("a sweep");
        let report = sweep.run(&setting, (&bars).into(), &OneByOne).expect("a report");
        let map = report.stability.expect("a map");
        let place = |params: &BTreeMap<String, f64>| {
            let x = map.x_values.iter().position(|it| *it == params[&map.x]);
            let y = map.y_values.iter().position(|it| *it == params[&map.y]);
            y.zip(x).map(|(y, x)| y * map.x_values.len() + x)
        };
        assert_eq!(map.peak, place(&report.rows[0].params), "{name}");
        let plateau = map.plateau.expect("a plateau");
        assert!(
            map.y_values[plateau / map.x_values.len()] < 9.0,
            "{name}: {map:?}"
        );
        let of_nothing: Vec<_> = map.cells.iter().skip(3 * map.x_values.len()).collect();
        assert_eq!(of_nothing.len(), map.x_values.len(), "{name}");
        assert!(
            of_nothing.iter().all(|cell| cell.value.is_none()),
            "{name}: {map:?}"
        );
    }
}

#[test]
fn each_two_parameters_have_a_map_with_the_third_as_in_the_best() {
    let axes = [("fast", "4..8:2"), ("slow", "20,30"), ("least", "0..3:1")];
    let report = run(&spec(&axes), &bars(), &OneByOne);
    let best = &report.rows[0].params;
    let maps: Vec<_> = report
        .stability
        .iter()
        .chain(&report.stability_of_others)
        .collect();
    let names: Vec<_> = maps.iter().map(|map| (map.x.as_str(), map.y.as_str())).collect();
    assert_eq!(names, [("fast", "least"), ("fast", "slow"), ("least", "slow")]);
    for map in maps {
        let width = map.x_values.len();
        assert_eq!(map.cells.len(), width * map.y_values.len());
        for (place, cell) in map.cells.iter().enumerate() {
            let mut params = best.clone();
            params.insert(map.x.clone(), map.x_values[place % width]);
            params.insert(map.y.clone(), map.y_values[place / width]);
            let row = report
                .rows
                .iter()
                .find(|row| row.params == params)
                .expect("a row");
            assert_eq!(cell.value, row.objective, "{params:?}");
        }
        assert_eq!(
            map.cells[map.peak.expect("a peak")].value,
            report.rows[0].objective
        );
    }
}

#[test]
fn bad_searches_say_what_to_change() {
    let refused = |spec: &SweepSpec| prepare(spec, 1_000).expect_err("refused").to_string();
    assert!(refused(&spec(&[])).contains("at least one parameter"));
    assert!(refused(&spec(&[("fsat", "1..5:1")])).contains("there are fast, least, slow"));
    let wide = spec(&[("fast", "1..1000:1"), ("slow", "1..1000:1")]);
    let message = refused(&wide);
    assert!(
        message.contains("1000000") && message.contains(&MOST_COMBINATIONS.to_string()),
        "{message}"
    );
    let mut back = spec(&[("fast", "1..5:1")]);
    for share in [-0.1, 0.95, f64::NAN] {
        back.out_of_sample = share;
        assert!(refused(&back).contains("from 0 to 0.9"), "{share}");
    }
    assert!(prepare(&spec(&[("fast", "1..5:1")]), 1).is_err());
    // A range without a step takes the strategy's own.
    assert_eq!(
        prepare(&spec(&[("slow", "2..10")]), 1_000)
            .expect("a sweep")
            .units(1_000),
        5
    );
}
