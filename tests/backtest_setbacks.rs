//! What kept a strategy from doing what it wanted stands with its result: refused orders by reason, and the end of its trading.

use papertape::api::SweepReport;
use papertape::backtest::sweep::{MakeSearch, OneByOne, SearchSpec, Setting, Sweep, SweepSpec};
use papertape::backtest::{self, Outcome, WalkForward, WalkForwardSpec};
use papertape::engine::{RefusedOrders, Refuser};
use papertape::market::Bars;
use papertape::order::OrderPurpose;
use papertape::strategy::StrategySpec;
use papertape::testkit::{bars_of, config};

/// Minutes that rise by a tick each from 1,000.00 on.
fn bars(count: usize) -> Bars {
    bars_of(&vec![(0, 0, 0, 1); count])
}

fn run(yaml: &str, bars: &Bars) -> Outcome {
    backtest::run(config(yaml), bars, &mut |_| true).expect("nobody cancels")
}

fn told(refused: &[RefusedOrders]) -> Vec<(OrderPurpose, Refuser, &str, u64)> {
    let told = refused.iter();
    told.map(|it| (it.purpose, it.by, &*it.code, it.count)).collect()
}

fn strategy(rest: &str) -> String {
    format!(
        "name: T\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {{long: close > 0}}\nexit: {{long: position_size > 0}}\n{rest}"
    )
}

#[test]
fn entries_that_the_cash_does_not_reach_for_are_counted_and_told_with_their_reason() {
    let bars = bars(50);
    let outcome = run(
        &strategy("risk: {size: {method: fixed_quantity, value: 1000000}}\n"),
        &bars,
    );
    assert_eq!(
        told(&outcome.setbacks.refused),
        [(OrderPurpose::Entry, Refuser::RiskCheck, "insufficient_funds", 50)]
    );
    let warnings = outcome.warnings(std::slice::from_ref(&bars));
    let first = "50 entries were denied by the risk check (insufficient_funds), first at 1970-01-01T00:01:00Z: needs ";
    assert!(warnings.iter().any(|it| it.starts_with(first)), "{warnings:#?}");
}

#[test]
fn of_several_reasons_the_most_frequent_is_named() {
    // A stop below the market is rejected; every fifth entry is of no size at all.
    let yaml = strategy(
        "orders: {entry: {type: stop, stop_price: close - 1}}\n\
         risk: {size: {method: fixed_quantity, value: 'minute % 5 == 0 ? log(open - close) : 1'}}\n",
    );
    let bars = bars(50);
    let outcome = run(&yaml, &bars);
    let refused = told(&outcome.setbacks.refused);
    let all: u64 = refused.iter().map(|it| it.3).sum();
    // The order of the last close never arrives.
    assert_eq!((refused.len(), all), (2, 49), "{refused:?}");
    let warnings = outcome.warnings(std::slice::from_ref(&bars));
    let named =
        "49 entries were refused, 39 of them rejected by the exchange (stop_would_trigger), first at ";
    assert!(warnings.iter().any(|it| it.starts_with(named)), "{warnings:#?}");
}

#[test]
fn nothing_is_told_where_nothing_was_refused() {
    let bars = bars(50);
    let outcome = run(
        &strategy("risk: {size: {method: percent_of_equity, value: 10}}\n"),
        &bars,
    );
    assert_eq!(outcome.setbacks, Default::default());
    assert!(!outcome.trades.is_empty());
    let warnings = outcome.warnings(std::slice::from_ref(&bars)).join("\n");
    assert!(
        !warnings.contains("refused") && !warnings.contains("halted"),
        "{warnings}"
    );
}

/// Minutes that fall by a tenth of a percent of the first price each.
fn falling(count: usize) -> Bars {
    bars_of(&vec![(0, 0, 0, -100); count])
}

const HALTED: &str = "risk: {max_drawdown: 1%, size: {method: percent_of_equity, value: 95}}\n";
const HOLD: &str = "name: T\nsymbols: [BTC/USDT]\ntimeframe: 1m\nparams: {never: {default: 0, min: 0, max: 1}}\n\
                    entry: {long: close > 0 and $never == 0}\n";

#[test]
fn a_halt_is_told_with_its_reason_and_how_many_bars_followed() {
    let bars = falling(200);
    let outcome = run(&format!("{HOLD}{HALTED}"), &bars);
    let halt = outcome.setbacks.halt.clone().expect("trading was halted");
    assert_eq!(halt.code, "max_drawdown");
    assert_eq!(halt.bars_before + halt.bars_after, 200);
    // The bar of the halt is the last of those before it.
    assert_eq!(halt.time, bars.open_time[halt.bars_before as usize]);
    let warnings = outcome.warnings(std::slice::from_ref(&bars));
    let told = format!(
        "Trading was halted at {} by max_drawdown: {}. {} of 200 bars followed, without any trading.",
        halt.time, halt.because, halt.bars_after
    );
    assert!(warnings.contains(&told), "{warnings:#?}");
}

fn setting(yaml: &str) -> Setting {
    Setting {
        spec: StrategySpec::parse(yaml).expect("a strategy"),
        fixed: Default::default(),
        config: config(yaml),
    }
}

fn search(name: &str, axis: &str) -> SearchSpec {
    SearchSpec {
        params: [(name.to_owned(), axis.parse().expect("an axis"))].into(),
        ..SearchSpec::default()
    }
}

fn sweep(yaml: &str, name: &str, axis: &str, bars: &Bars) -> SweepReport {
    let spec = SweepSpec {
        search: search(name, axis),
        out_of_sample: 0.0,
    };
    let make: MakeSearch<'_> = &|axes| Ok(spec.search.search(axes)?.expect("a method of the core"));
    let sweep = Sweep::new(&setting(yaml), &spec, make, bars.len()).expect("a sweep");
    sweep
        .run(&setting(yaml), bars.into(), &OneByOne)
        .expect("a report")
}

#[test]
fn each_row_of_a_sweep_tells_of_its_own_setbacks_and_the_sweep_of_all() {
    let yaml = format!(
        "params: {{q: {{default: 1}}}}\n{}",
        strategy("risk: {size: {method: fixed_quantity, value: $q}}\n")
    );
    let report = sweep(&yaml, "q", "1,1000000", &bars(50));
    let refused = |q: f64| {
        let row = report.rows.iter().find(|row| row.params["q"] == q);
        told(&row.expect("a row").refused_orders)
            .iter()
            .map(|it| it.3)
            .sum::<u64>()
    };
    assert_eq!((refused(1.0), refused(1_000_000.0)), (0, 50));
    let over_all = "Entries were refused in 1 of 2 combinations, 50 in all: the figures of such a row are of the other entries alone.";
    assert!(
        report.warnings.iter().any(|it| it == over_all),
        "{:#?}",
        report.warnings
    );

    let report = sweep(&format!("{HOLD}{HALTED}"), "never", "0,1", &falling(200));
    let halted: Vec<_> = report.rows.iter().filter(|row| row.halt.is_some()).collect();
    assert_eq!(halted.len(), 1);
    assert_eq!(halted[0].params["never"], 0.0);
    let over_all = "Trading was halted in 1 of 2 combinations: the figures of such a row go on to the end, without any trading.";
    assert!(
        report.warnings.iter().any(|it| it == over_all),
        "{:#?}",
        report.warnings
    );
}

#[test]
fn a_walk_forward_adds_up_what_its_windows_refused_and_says_where_it_was_halted() {
    let walk = |yaml: &str, bars: &Bars| {
        let spec = WalkForwardSpec {
            search: SearchSpec {
                objective: "total_return".parse().expect("a metric"),
                ..search("never", "0")
            },
            windows: 2,
            ..WalkForwardSpec::default()
        };
        let make: MakeSearch<'_> = &|axes| Ok(spec.search.search(axes)?.expect("a method of the core"));
        let walk = WalkForward::new(&setting(yaml), &spec, make, bars.len()).expect("a walk");
        walk.run(&setting(yaml), bars.into(), &OneByOne)
            .expect("a report")
            .warnings
    };
    let warnings = walk(&format!("{HOLD}{HALTED}"), &falling(500));
    assert!(
        warnings
            .iter()
            .any(|it| it.starts_with("Trading was halted in 2 windows, first at ")),
        "{warnings:#?}"
    );
}
