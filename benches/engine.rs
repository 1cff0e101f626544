//! Bars per second: the engine, with orders, fees, slippage, ledger, trade records and equity, beside a hand-written
//! floating-point loop of the same rules, and beside the engine with its two shadows, in one run; what a bar takes of
//! memory; and how long a hundred combinations of parameters take on two threads, metrics of each included.
//!
//! `cargo bench --bench engine`; sizes as arguments: `cargo bench --bench engine -- 500000 2000000`. The best of several
//! runs counts: on a machine that does other things meanwhile it is the one that was disturbed least.
//! `valgrind --tool=callgrind BINARY once 20000` counts instructions.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures time")]

#[path = "depth/memory.rs"]
#[allow(dead_code, reason = "the other benchmark counts allocations, too")]
mod memory;

use papertape::alert::AlertRules;
use papertape::analytics::Metrics;
use papertape::backtest;
use papertape::engine::{Command, Engine, EngineConfig, Event, EventKind, ExecutionConfig, Input, Sink};
use papertape::market::{Bars, SimulatedMarket, SimulatedMarketConfig};
use papertape::model::{Money, Timeframe, Timestamp};
use papertape::strategy::StrategySpec;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const RUNS: usize = 9;
const FAST: usize = 20;
const SLOW: usize = 50;
const FEE: f64 = 0.000_75;
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
        let outcome = backtest::run(config(&market, 20.0, 50.0), &bars, &mut |_| true);
        black_box(&outcome.unwrap_or_else(|error| panic!("{error}")));
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
        "SMA({FAST})/SMA({SLOW}) cross, long only, next-open fills, 0.075 % fee; best of {RUNS} runs, taken in turn"
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
    let (mut trades, mut loop_trades, mut kept) = (0, 0, 0);
    for _ in 0..RUNS {
        let config = config(&market, 20.0, 50.0);
        let before = memory::live();
        let start = Instant::now();
        let outcome =
            backtest::run(config, black_box(&bars), &mut |_| true).unwrap_or_else(|error| panic!("{error}"));
        engine = engine.min(start.elapsed().as_secs_f64());
        kept = memory::live() - before;
        trades = outcome.trades.len();
        black_box(&outcome);

        let config = self::config(&market, 20.0, 50.0);
        let start = Instant::now();
        let outcome = backtest::run_with_band(config, black_box(&bars), &mut |_| true)
            .unwrap_or_else(|error| panic!("{error}"));
        banded = banded.min(start.elapsed().as_secs_f64());
        black_box(&outcome);

        let start = Instant::now();
        let (equity, count) = hand_written(black_box(&bars));
        by_hand = by_hand.min(start.elapsed().as_secs_f64());
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
}

/// A hundred combinations, every one over all bars with its metrics, on two threads.
fn sweep(size: usize) {
    const THREADS: usize = 2;
    let market = market();
    let bars = SimulatedMarket::bars(market.clone(), size);
    let combinations: Vec<(f64, f64)> = (1..=10)
        .flat_map(|fast| (1..=10).map(move |slow| (f64::from(5 * fast), f64::from(20 * slow))))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = 0;
        while let Some((fast, slow)) = combinations.get(next.fetch_add(1, Ordering::Relaxed)) {
            let metrics = metrics(config(&market, *fast, *slow), &bars);
            done += usize::from(metrics.trades > 0);
            black_box(metrics);
        }
        done
    };
    let start = Instant::now();
    let traded: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, usize>| thread.join().unwrap_or(0);
        threads.into_iter().map(join).sum()
    });
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "sweep of {} combinations over {size} bars on {THREADS} threads: {seconds:.2} s, {:.1} combinations/s ({traded} traded)",
        combinations.len(),
        combinations.len() as f64 / seconds
    );
}

/// Listens to nothing, so that nothing is written out.
struct Deaf;

impl Sink for Deaf {
    const READS_MARKET: bool = false;
    const READS_JOURNAL: bool = false;

    fn journal(&mut self, _event: Event) {}

    fn market(&mut self, _seq: u64, _time: Timestamp, _kind: impl FnOnce() -> EventKind) {}
}

fn metrics(config: EngineConfig, bars: &Bars) -> Metrics {
    let mut engine = Engine::new(config);
    let (first, last) = (bars.open_time[0], bars.open_time[bars.len() - 1]);
    engine.process_into(&Input::Command(first, Command::Start), &mut Deaf);
    engine.process_bars(bars.slice(0..bars.len()), &mut Deaf);
    let end = Timeframe::MINUTE.close_of(last);
    engine.process_into(&Input::Command(end, Command::Finish), &mut Deaf);
    engine.metrics()
}

fn config(market: &SimulatedMarketConfig, fast: f64, slow: f64) -> EngineConfig {
    let instrument = SimulatedMarket::instrument(&market.symbol);
    let params = BTreeMap::from([("fast".to_owned(), fast), ("slow".to_owned(), slow)]);
    let strategy = StrategySpec::parse(STRATEGY)
        .and_then(|spec| spec.compile(&params, None))
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
        execution: ExecutionConfig::percent(fee, fee, Decimal::ZERO),
        alerts: AlertRules::default(),
    }
}

/// The same rules as one would write them for speed alone: no orders, no ledger, no decimals. Gives the equity at each
/// close, and the number of round trips, one still open at the end included.
fn hand_written(bars: &Bars) -> (Vec<f64>, usize) {
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
                cash -= quantity * open * (1.0 + FEE);
                trades += 1;
            }
            -1 => {
                cash += quantity * open * (1.0 - FEE);
                quantity = 0.0;
            }
            _ => {}
        }
        pending = 0;
        fast_sum += close;
        slow_sum += close;
        if index >= FAST {
            fast_sum -= bars.close[index - FAST];
        }
        if index >= SLOW {
            slow_sum -= bars.close[index - SLOW];
        }
        if index + 1 >= SLOW {
            let (fast, slow) = (fast_sum / FAST as f64, slow_sum / SLOW as f64);
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
