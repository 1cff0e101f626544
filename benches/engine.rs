//! Bars per second: the engine, with orders, fees, slippage, ledger, trade records and equity, beside a hand-written
//! floating-point loop of the same rules, and beside the engine with its two shadows, in one run; what a bar takes of
//! memory; and how long a sweep of a hundred combinations takes on two threads, metrics of each included, beside the
//! hand-written loop over the same.
//!
//! `cargo bench --bench engine`; sizes as arguments: `cargo bench --bench engine -- 500000 2000000`. The best of several
//! runs counts: on a machine that does other things meanwhile it is the one that was disturbed least.
//! `valgrind --tool=callgrind BINARY once 20000` counts instructions; a second number is the strategy's bars in minutes, a
//! third how often it runs, for a profiler that looks now and then.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures time")]

#[path = "depth/memory.rs"]
#[allow(dead_code, reason = "the other benchmark counts allocations, too")]
mod memory;

use papertape::alert::AlertRules;
use papertape::backtest;
use papertape::backtest::sweep::{
    Axes, Axis, Grid, Search, SearchSpec, Setting, Sweep, SweepError, SweepSpec, Workers,
};
use papertape::engine::{EngineConfig, ExecutionConfig};
use papertape::market::{BarFile, Bars, SimulatedMarket, SimulatedMarketConfig, write_bars_csv};
use papertape::model::{Money, Timeframe, Timestamp};
use papertape::strategy::StrategySpec;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

const RUNS: usize = 9;
const SWEEPS: usize = 3;
const THREADS: usize = 2;
const FAST: usize = 20;
const SLOW: usize = 50;
const FEE: f64 = 0.000_75;
/// One basis point.
const SLIPPAGE: f64 = 0.000_1;
/// Enough that the fees of tens of thousands of round trips do not end the trading.
const CAPITAL: u32 = 100_000_000;
const QUANTITY: f64 = 0.1;
const STRATEGY: &str = "
name: SMA cross
symbols: [BTC/USDT]
timeframe: 1m
params: {fast: 20, slow: 50}
let:
  fast: sma(close, $fast)
  slow: sma(close, $slow)
entry: {long: 'cross_above(fast, slow)'}
exit: {long: 'cross_below(fast, slow)'}
risk: {size: {method: fixed_quantity, value: 0.1}}
";

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    // For counting instructions: one run of the engine and nothing beside it.
    if arguments.next_if_eq("once").is_some() {
        let size = arguments
            .next()
            .and_then(|size| size.parse().ok())
            .unwrap_or(20_000);
        let market = market();
        let bars = SimulatedMarket::bars(market.clone(), size);
        let timeframe = arguments
            .next()
            .and_then(|minutes| format!("{minutes}m").parse().ok());
        let times = arguments.next().and_then(|times| times.parse().ok()).unwrap_or(1);
        for _ in 0..times {
            let config = config_of(&market, (20.0, 50.0), timeframe);
            let outcome = backtest::run(config, &bars, &mut |_| true);
            black_box(&outcome.unwrap_or_else(|error| panic!("{error}")));
        }
        return;
    }
    let mut sizes: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok())
        .collect();
    if sizes.is_empty() {
        sizes = vec![500_000, 2_000_000];
    }
    println!(
        "SMA({FAST})/SMA({SLOW}) cross, long only, next-open fills, 0.075 % fee, 1 bp slippage; best of {RUNS} runs, taken in turn"
    );
    println!(
        "{:>10} {:>12} {:>14} {:>14} {:>8} {:>12} {:>12} {:>14} {:>10} {:>14}",
        "bars",
        "round trips",
        "engine bars/s",
        "loop bars/s",
        "ratio",
        "engine ms",
        "loop ms",
        "band bars/s",
        "band cost",
        "bytes a bar"
    );
    for size in &sizes {
        compare(*size);
    }
    for size in &sizes {
        read(*size);
    }
    for size in sizes {
        sweep(size);
    }
}

fn market() -> SimulatedMarketConfig {
    SimulatedMarketConfig {
        symbol: "BTC/USDT".parse().unwrap_or_else(|error| panic!("{error}")),
        seed: 42,
        start: Timestamp::from_secs(1_700_000_040),
    }
}

fn compare(size: usize) {
    let market = market();
    let bars = SimulatedMarket::bars(market.clone(), size);
    let (mut engine, mut by_hand, mut banded) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
    let (mut engine_cpu, mut loop_cpu) = (f64::INFINITY, f64::INFINITY);
    let (mut trades, mut loop_trades, mut kept) = (0, 0, 0);
    for _ in 0..RUNS {
        let config = config(&market, 20.0, 50.0);
        let before = memory::live();
        let (start, cpu) = (Instant::now(), on_cpu());
        let outcome =
            backtest::run(config, black_box(&bars), &mut |_| true).unwrap_or_else(|error| panic!("{error}"));
        engine = engine.min(start.elapsed().as_secs_f64());
        engine_cpu = engine_cpu.min(on_cpu() - cpu);
        kept = memory::live() - before;
        trades = outcome.trades.len();
        black_box(&outcome);

        let config = self::config(&market, 20.0, 50.0);
        let start = Instant::now();
        let outcome = backtest::run_with_band(config, black_box(&bars), &mut |_| true)
            .unwrap_or_else(|error| panic!("{error}"));
        banded = banded.min(start.elapsed().as_secs_f64());
        black_box(&outcome);

        let (start, cpu) = (Instant::now(), on_cpu());
        let (equity, count) = hand_written(black_box(&bars), FAST, SLOW);
        by_hand = by_hand.min(start.elapsed().as_secs_f64());
        loop_cpu = loop_cpu.min(on_cpu() - cpu);
        loop_trades = count;
        black_box(equity);
    }
    assert_eq!(trades, loop_trades, "both follow the same rules");
    let rate = |seconds: f64| size as f64 / seconds;
    println!(
        "{size:>10} {trades:>12} {:>14.0} {:>14.0} {:>8.3} {:>12.2} {:>12.2} {:>14.0} {:>10.2} {:>14}",
        rate(engine),
        rate(by_hand),
        by_hand / engine,
        engine * 1e3,
        by_hand * 1e3,
        rate(banded),
        banded / engine,
        // The bars themselves, and what the outcome keeps of the run: equity, fills, trades.
        format!("48 + {:.1}", kept as f64 / size as f64)
    );
    if engine_cpu > 0.0 && loop_cpu > 0.0 {
        println!(
            "{:>10} on the processor: engine {:.2} ms ({:.1} million bars/s), loop {:.2} ms, ratio {:.3}",
            "",
            engine_cpu * 1e3,
            rate(engine_cpu) / 1e6,
            loop_cpu * 1e3,
            loop_cpu / engine_cpu
        );
    }
}

/// The same bars read from a bar file, which `papertape backtest` does before it begins.
fn read(size: usize) {
    let text = write_bars_csv(&SimulatedMarket::bars(market(), size));
    let (mut best, mut best_cpu) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..SWEEPS {
        let (start, cpu) = (Instant::now(), on_cpu());
        let file = BarFile::parse(black_box(&text), None).unwrap_or_else(|error| panic!("{error}"));
        best = best.min(start.elapsed().as_secs_f64());
        best_cpu = best_cpu.min(on_cpu() - cpu);
        assert_eq!(file.bars.len(), size, "all are read");
    }
    println!(
        "{size} bars read from a CSV of {} MB: {:.0} ms, {:.0} ms on the processor",
        text.len() / 1_000_000,
        best * 1e3,
        best_cpu * 1e3
    );
}

/// Seconds that this thread has spent on a processor, which a machine that does other things meanwhile does not stretch;
/// 0 where the system does not say.
fn on_cpu() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told
        .split_whitespace()
        .next()
        .and_then(|nanos| nanos.parse::<f64>().ok());
    nanos.unwrap_or(0.0) / 1e9
}

/// A hundred combinations, every one over all bars with its metrics, on two threads; and the hand-written loop over the
/// same combinations on as many.
fn sweep(size: usize) {
    let market = market();
    let bars = SimulatedMarket::bars(market.clone(), size);
    let setting = Setting {
        spec: StrategySpec::parse(STRATEGY).unwrap_or_else(|problems| panic!("{problems:?}")),
        fixed: BTreeMap::new(),
        config: config(&market, 20.0, 50.0),
    };
    let axis = |text: &str| text.parse::<Axis>().unwrap_or_else(|error| panic!("{error}"));
    let spec = SweepSpec {
        search: SearchSpec {
            params: BTreeMap::from([
                ("fast".to_owned(), axis("5..50:5")),
                ("slow".to_owned(), axis("20..200:20")),
            ]),
            ..SearchSpec::default()
        },
        out_of_sample: 0.0,
    };
    let make = |axes: &Axes| -> Result<Box<dyn Search>, SweepError> { Ok(Box::new(Grid::new(axes, 100)?)) };
    let (mut best, mut by_hand) = (f64::INFINITY, f64::INFINITY);
    let (mut cpu, mut loop_cpu) = (f64::INFINITY, f64::INFINITY);
    let spent = || ON_CPU.swap(0, Ordering::Relaxed) as f64 / 1e9 / THREADS as f64;
    let (mut count, mut trades, mut loop_trades) = (0, 0, 0);
    for _ in 0..SWEEPS {
        let start = Instant::now();
        let sweep = Sweep::new(&setting, &spec, &make, bars.len()).unwrap_or_else(|error| panic!("{error}"));
        let report = sweep.run(&setting, (&bars).into(), &Threads);
        best = best.min(start.elapsed().as_secs_f64());
        cpu = cpu.min(spent());
        let report = report.unwrap_or_else(|error| panic!("{error}"));
        count = report.rows.len();
        trades = report.rows.iter().map(|row| row.metrics.trades).sum();

        let start = Instant::now();
        let counts = on_threads(count, &|index| {
            let (fast, slow) = (5 * (index / 10 + 1), 20 * (index % 10 + 1));
            let (equity, trades) = hand_written(black_box(&bars), fast, slow);
            black_box(equity);
            trades
        });
        by_hand = by_hand.min(start.elapsed().as_secs_f64());
        loop_cpu = loop_cpu.min(spent());
        loop_trades = counts.into_iter().sum();
    }
    println!(
        "sweep of {count} combinations over {size} bars on {THREADS} threads, {trades} round trips, metrics of each: \
         {best:.2} s, {:.1} combinations/s; hand-written loops: {by_hand:.2} s, {:.1} combinations/s, {loop_trades} round \
         trips begun; ratio {:.3}",
        count as f64 / best,
        count as f64 / by_hand,
        by_hand / best,
    );
    println!("           on the processor, by thread: {cpu:.2} s; hand-written loops {loop_cpu:.2} s");
}

/// Nanoseconds that the threads have spent on a processor.
static ON_CPU: AtomicU64 = AtomicU64::new(0);

/// Work on two threads, each of which takes the next number.
fn on_threads<T: Send>(count: usize, work: &(dyn Fn(usize) -> T + Sync)) -> Vec<T> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(count)));
    let one = || {
        let cpu = on_cpu();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                break;
            }
            let result = work(index);
            done.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((index, result));
        }
        ON_CPU.fetch_add(((on_cpu() - cpu) * 1e9) as u64, Ordering::Relaxed);
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(one);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

struct Threads;

impl Workers for Threads {
    fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        on_threads(count, work);
    }

    fn is_canceled(&self) -> bool {
        false
    }
}

fn config(market: &SimulatedMarketConfig, fast: f64, slow: f64) -> EngineConfig {
    config_of(market, (fast, slow), None)
}

fn config_of(
    market: &SimulatedMarketConfig,
    (fast, slow): (f64, f64),
    timeframe: Option<Timeframe>,
) -> EngineConfig {
    let instrument = SimulatedMarket::instrument(&market.symbol);
    let params = BTreeMap::from([("fast".to_owned(), fast), ("slow".to_owned(), slow)]);
    let strategy = StrategySpec::parse(STRATEGY)
        .and_then(|spec| spec.compile(&params, timeframe))
        .unwrap_or_else(|problems| panic!("{problems:?}"));
    let fee = Decimal::new(75, 5);
    EngineConfig {
        initial_capital: Money::new(Decimal::from(CAPITAL), instrument.quote()),
        instrument,
        peers: Vec::new(),
        others: Vec::new(),
        account: papertape::portfolio::AccountConfig::default(),
        option_model: None,
        base_timeframe: Timeframe::MINUTE,
        strategy,
        execution: ExecutionConfig::percent(fee, fee, Decimal::ONE),
        alerts: AlertRules::default(),
    }
}

/// The same rules as one would write them for speed alone: no orders, no ledger, no decimals. Gives the equity at each
/// close, and the number of round trips, one still open at the end included.
fn hand_written(bars: &Bars, fast_period: usize, slow_period: usize) -> (Vec<f64>, usize) {
    let (mut cash, mut quantity) = (CAPITAL as f64, 0.0_f64);
    let (mut fast_sum, mut slow_sum) = (0.0, 0.0);
    let (mut was_above, mut was_below) = (false, false);
    let mut pending = 0_i8;
    let mut trades = 0;
    let mut equity = Vec::with_capacity(bars.len());
    for index in 0..bars.len() {
        let (open, close) = (bars.open[index], bars.close[index]);
        match pending {
            1 => {
                quantity = QUANTITY;
                cash -= quantity * open * (1.0 + SLIPPAGE) * (1.0 + FEE);
                trades += 1;
            }
            -1 => {
                cash += quantity * open * (1.0 - SLIPPAGE) * (1.0 - FEE);
                quantity = 0.0;
            }
            _ => {}
        }
        pending = 0;
        fast_sum += close;
        slow_sum += close;
        if index >= fast_period {
            fast_sum -= bars.close[index - fast_period];
        }
        if index >= slow_period {
            slow_sum -= bars.close[index - slow_period];
        }
        if index + 1 >= fast_period.max(slow_period) {
            let (fast, slow) = (fast_sum / fast_period as f64, slow_sum / slow_period as f64);
            if fast > slow && was_below && quantity == 0.0 {
                pending = 1;
            } else if fast < slow && was_above && quantity > 0.0 {
                pending = -1;
            }
            // A cross is from not above to above; a touch keeps both sides open.
            was_below = fast <= slow;
            was_above = fast >= slow;
        }
        equity.push(cash + quantity * close);
    }
    (equity, trades)
}
