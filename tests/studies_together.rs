//! Studies over several symbols: the same as the backtests of several symbols that they are made of, and the same as studies of one
//! where only one is traded.

use papertape::api::{SweepReport, WalkForwardReport};
use papertape::backtest::sweep::{MakeSearch, OneByOne, SearchSpec, Setting, Sweep, SweepSpec};
use papertape::backtest::{self, StudyData, WalkForward, WalkForwardSpec};
use papertape::engine::EngineConfig;
use papertape::market::{BarMerge, Bars};
use papertape::model::Timestamp;
use papertape::strategy::StrategySpec;
use papertape::testkit::{bars_of, config, instrument_of};

const CROSS: &str = "
name: cross
symbols: [BTC/USDT, ETH/USDT]
timeframe: 1m
params:
  fast: {default: 3, min: 1, max: 20, step: 1}
  slow: {default: 8, min: 2, max: 40, step: 2}
entry: {long: 'cross_above(sma(close, $fast), sma(close, $slow))'}
exit: {long: 'cross_below(sma(close, $fast), sma(close, $slow))'}
risk: {size: {method: percent_of_equity, value: 40}}
";

/// The same rules, which look at Ether without minding it.
const LOOKS_AT_ETHER: &str = "
name: cross
symbols: [BTC/USDT]
timeframe: 1m
params:
  fast: {default: 3, min: 1, max: 20, step: 1}
  slow: {default: 8, min: 2, max: 40, step: 2}
let: {ether: close of ETH/USDT}
entry: {long: 'cross_above(sma(close, $fast), sma(close, $slow)) and (ether > 0 or true)'}
exit: {long: 'cross_below(sma(close, $fast), sma(close, $slow))'}
risk: {size: {method: percent_of_equity, value: 40}}
";

/// Minutes that go up and down in waves of several lengths.
fn waves(count: i32, wave: i32) -> Bars {
    let steps: Vec<_> = (0..count)
        .map(|minute| {
            let step = (minute / wave % 3 - 1) * 4 + (minute / 411 % 3 - 1) * 2 + minute % 7 - 3;
            (step, 2, 2, minute % 5)
        })
        .collect();
    bars_of(&steps)
}

/// Bars of both: those of the second begin later, and are missing now and then.
fn both(count: i32) -> Vec<Bars> {
    let second = waves(count, 53);
    let gappy = second.iter().enumerate();
    let gappy = gappy
        .filter(|(index, _)| *index > 300 && index % 97 > 4)
        .map(|(_, bar)| bar);
    vec![waves(count, 37), gappy.collect()]
}

fn clock(bars: &[Bars]) -> Vec<Timestamp> {
    BarMerge::open_times(bars).collect()
}

fn setting(yaml: &str, change: impl Fn(&mut EngineConfig)) -> Setting {
    let mut setting = Setting {
        spec: StrategySpec::parse(yaml).expect("a strategy"),
        fixed: Default::default(),
        config: config(yaml),
    };
    change(&mut setting.config);
    setting
}

fn two() -> Setting {
    setting(CROSS, |config| config.peers = vec![instrument_of("ETH/USDT")])
}

fn search() -> SearchSpec {
    let params = [("fast", "2..6:2"), ("slow", "8,20")];
    SearchSpec {
        params: params
            .map(|(name, axis)| (name.to_owned(), axis.parse().expect("an axis")))
            .into(),
        ..SearchSpec::default()
    }
}

fn sweep(setting: &Setting, out_of_sample: f64, data: StudyData<'_>) -> SweepReport {
    let spec = SweepSpec {
        search: search(),
        out_of_sample,
    };
    let make: MakeSearch<'_> = &|axes| Ok(spec.search.search(axes)?.expect("a method of the core"));
    let sweep = Sweep::new(setting, &spec, make, data.len()).expect("a sweep");
    sweep.run(setting, data, &OneByOne).expect("a report")
}

fn walk(setting: &Setting, data: StudyData<'_>) -> WalkForwardReport {
    let spec = WalkForwardSpec {
        search: search(),
        ..WalkForwardSpec::default()
    };
    let make: MakeSearch<'_> = &|axes| Ok(spec.search.search(axes)?.expect("a method of the core"));
    let walk = WalkForward::new(setting, &spec, make, data.len()).expect("a walk");
    walk.run(setting, data, &OneByOne).expect("a report")
}

#[test]
fn every_row_is_the_backtest_of_its_parameters() {
    let (setting, bars) = (two(), both(4_000));
    let clock = clock(&bars);
    let report = sweep(&setting, 0.0, StudyData::together(&bars, &clock));
    assert_eq!((report.rows.len(), report.run.bars), (6, 4_000));
    let symbols: Vec<String> = report.run.symbols.iter().map(ToString::to_string).collect();
    assert_eq!(symbols, ["BTC/USDT", "ETH/USDT"]);
    for row in &report.rows {
        let alone = setting.configure(&row.params).expect("a strategy");
        let outcome = backtest::run_together(alone, &bars, &mut |_| true).expect("nobody cancels");
        assert_eq!(row.metrics, outcome.metrics, "{:?}", row.params);
        assert_eq!(row.final_equity, outcome.final_equity.amount.normalize());
        for symbol in ["BTC/USDT", "ETH/USDT"] {
            assert!(outcome.trades.iter().any(|trade| trade.symbol.as_str() == symbol));
        }
    }
}

#[test]
fn what_is_kept_back_is_kept_back_of_every_symbol() {
    let (setting, bars) = (two(), both(4_000));
    let clock = clock(&bars);
    let report = sweep(&setting, 0.5, StudyData::together(&bars, &clock));
    let cut: Vec<Bars> = bars
        .iter()
        .map(|bars| bars.iter().filter(|bar| bar.open_time < clock[2_000]).collect())
        .collect();
    let first_half = self::clock(&cut);
    let alone = sweep(&setting, 0.0, StudyData::together(&cut, &first_half));
    assert_eq!(report.run, alone.run);
    for (row, alone) in report.rows.iter().zip(&alone.rows) {
        assert_eq!(row.metrics, alone.metrics, "{:?}", row.params);
        let later = row.out_of_sample.as_ref().expect("it ran over the rest");
        assert!(later.trades > 0 && later.total_return != row.metrics.total_return);
    }
}

#[test]
fn where_one_symbol_is_traded_another_one_beside_it_changes_nothing() {
    let bars = both(4_000);
    let clock = clock(&bars);
    let reads = setting(LOOKS_AT_ETHER, |config| {
        config.others = vec![instrument_of("ETH/USDT")]
    });
    let beside = walk(&reads, StudyData::together(&bars, &clock));
    let plain = LOOKS_AT_ETHER
        .replace("let: {ether: close of ETH/USDT}\n", "")
        .replace(" and (ether > 0 or true)", "");
    let alone = walk(&setting(&plain, |_| {}), (&bars[0]).into());
    assert_eq!(beside.windows.len(), 5);
    assert_eq!(beside.final_equity, alone.final_equity);
    assert_eq!(beside.metrics.trades, alone.metrics.trades);
    assert!((beside.metrics.total_fees - alone.metrics.total_fees).abs() < 1e-9);
    let held = |report: &WalkForwardReport| report.metrics.buy_and_hold_return.expect("a return");
    assert!((held(&beside) - held(&alone)).abs() < 1e-9);
    for (beside, alone) in beside.windows.iter().zip(&alone.windows) {
        assert_eq!(
            (&beside.params, beside.from, beside.to),
            (&alone.params, alone.from, alone.to)
        );
        assert_eq!(beside.out_of_sample.trades, alone.out_of_sample.trades);
    }
}

#[test]
fn what_is_held_at_a_windows_end_is_closed_for_every_symbol_at_its_own_next_bar() {
    let holds = CROSS.replace("cross_above(sma(close, $fast), sma(close, $slow))", "close > 0");
    let holds = holds.replace(
        "exit: {long: 'cross_below(sma(close, $fast), sma(close, $slow))'}\n",
        "",
    );
    let setting = setting(&holds, |config| config.peers = vec![instrument_of("ETH/USDT")]);
    let mut bars = both(4_000);
    let clock = clock(&bars);
    // The second symbol has no bar at the first times of the last window.
    let last = 4_000 - 500;
    bars[1] = bars[1]
        .iter()
        .filter(|bar| !(clock[last]..clock[last + 9]).contains(&bar.open_time))
        .collect();
    let report = walk(&setting, StudyData::together(&bars, &clock));
    let trades: Vec<u64> = report.windows.iter().map(|it| it.out_of_sample.trades).collect();
    assert_eq!(
        trades,
        [2, 2, 2, 2, 0],
        "the last window's stay open with the data's end"
    );
    assert_eq!(report.windows[4].from, clock[last]);
    assert!(report.equity.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let product: f64 = report
        .windows
        .iter()
        .map(|it| 1.0 + it.out_of_sample.total_return)
        .product();
    assert!((product - 1.0 - report.metrics.total_return).abs() < 1e-9);
}
