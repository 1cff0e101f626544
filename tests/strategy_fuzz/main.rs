//! Hostile files: arbitrary text, words of the language in any order, expressions grown by its grammar, files grown by its
//! schema, good strategies with parts torn out, doubled and swapped. None makes the reader panic or hang, or a program larger
//! than its limits; nor does the engine, over the first bars of the files that were grown.
//!
//! Each input follows from its number. `PAPERTAPE_FUZZ_INPUTS=10000000 cargo test -p papertape --test strategy_fuzz --
//! --nocapture` is the long run; `PAPERTAPE_FUZZ_FROM=N` begins at a number, to repeat what it found.

// Hangs are measured by the clock.
#![allow(clippy::disallowed_methods)]

mod expressions;
mod files;

use expressions::Expressions;
use files::{Files, MENDINGS, keys_of, mend};
use papertape::backtest;
use papertape::engine::EngineConfig;
use papertape::market::{Bar, Bars};
use papertape::model::{Symbol, Timeframe, Timestamp};
use papertape::strategy::{PositionView, Strategy, StrategySpec, compile_expressions, resolve};
use papertape::testkit::{config, instrument_of};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// More memory than all inputs together take at any time: what two threads make of them, and the test itself.
const MOST_MEMORY: u64 = 1 << 30;
/// Longer than any input takes on a busy machine, and far shorter than a hang.
const HANG: Duration = Duration::from_secs(20);
/// Largest program that the language's limits let through, as bytes.
const LARGEST: usize = 256 * 1024 * 1024;

const WORDS: [&str; 74] = [
    "sma",
    "ema",
    "rsi",
    "close",
    "high",
    "low",
    "volume",
    "macd",
    "bbands",
    "max",
    "min",
    "volume_profile",
    "prev",
    "donchian",
    "cross_above",
    "bars_since",
    "value_when",
    "(",
    ")",
    "(",
    ")",
    ",",
    ",",
    "[",
    "]",
    ".",
    ".hist",
    ".upper",
    "1",
    "2",
    "0",
    "14",
    "1e9",
    "-1",
    "0.5",
    "-",
    "+",
    "*",
    "/",
    "%",
    "<",
    ">=",
    "==",
    "!=",
    "and",
    "or",
    "not",
    "?",
    ":",
    "@ 1h",
    "@ 5m",
    "@ 1x",
    "$p",
    "$q",
    "true",
    "false",
    "of BTC/USDT",
    "position_size",
    "entry_price",
    "a",
    "b",
    "c",
    "nz",
    "abs",
    "log",
    "stddev",
    "weekday",
    "'",
    "\"",
    "&",
    "ß",
    "\u{0}",
    "…",
    "#",
];

const LINES: [&str; 60] = [
    "name: x",
    "extends: base",
    "extends: self",
    "timeframe: 5m",
    "timeframe: 1w",
    "symbols: [BTC/USDT]",
    "entry:",
    "  long: close > 1",
    "  short: close < 1",
    "  - name: a",
    "    long: close > sma(close, 3)",
    "  - {name: b, short: true}",
    "    add: {after_gain: 1%, max: 3}",
    "    add: {after_loss: close, long: true}",
    "    order: {type: limit, price: close}",
    "    size: {method: kelly, value: 50%, cap: 20%}",
    "    size: {method: volatility_target, value: 15, lookback: 20}",
    "    max_entries: 3",
    "    when: {days: mon..fri, hours: [09:30-16:00], timezone: America/New_York}",
    "    when: {from: 2024-01-01, to: 2023-01-01, session: regular}",
    "exit:",
    "  - {name: c, long: true, close: 50%}",
    "  - {name: d, of: [a, b], short: true, max_exits: 2}",
    "exit: {long: true}",
    "params:",
    "  p: {default: 1, min: 0}",
    "  p: 3",
    "let:",
    "  a: close + b",
    "  b: a",
    "  b: macd(close)",
    "orders: {entry: {type: stop, stop_price: high}}",
    "risk:",
    "  size: {method: risk_percent, value: 1}",
    "  stop_loss: 2 * atr(14)",
    "  stop_loss: none",
    "  take_profit: [{at: 1%, close: 50%}, {at: 2}]",
    "  trailing_stop: $p%",
    "  max_exposure: 150%",
    "  max_entries: 9",
    "  flatten_before_close: 15m",
    "  max_drawdown: 20%",
    "  cooldown: 3",
    "- ",
    "? a",
    ": b",
    "\t",
    "'",
    "\"",
    "|",
    ">-",
    "&a",
    "*a",
    "!!map",
    "[",
    "]",
    "{",
    "}",
    "---",
    "\u{feff}",
];

/// Numbers that follow from a seed (splitmix64, S. Vigna, public domain).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Good strategies: the library's, and the examples of the documentation.
fn good() -> Vec<String> {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut files: Vec<_> = std::fs::read_dir(format!("{root}/strategies"))
        .expect("the library")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "yaml"))
        .collect();
    files.sort();
    let library = files
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("a file"));
    let docs =
        std::fs::read_to_string(format!("{root}/docs/strategy-language.md")).expect("the documentation");
    let examples = docs.split("```yaml\n").skip(1);
    let examples = examples.map(|block| block.split("```").next().unwrap_or_default().to_owned());
    library.chain(examples).collect()
}

fn any_text(numbers: &mut Numbers) -> String {
    let letter = |numbers: &mut Numbers| match numbers.below(6) {
        0 => char::from_u32(numbers.next() as u32 % 0x11_0000).unwrap_or('\u{fffd}'),
        1 => *numbers.pick(&[
            '\n', ' ', ':', '-', '[', '{', '"', '\'', '#', '\t', '|', '>', '%', '@', '$',
        ]),
        _ => char::from(32 + numbers.below(95) as u8),
    };
    (0..numbers.below(60)).map(|_| letter(numbers)).collect()
}

fn words(numbers: &mut Numbers) -> String {
    let words: Vec<&str> = (0..numbers.below(16)).map(|_| *numbers.pick(&WORDS)).collect();
    words.join(" ")
}

/// A good file with parts torn out, doubled, swapped, and words of the language thrown in.
fn mutated(numbers: &mut Numbers, good: &[String]) -> String {
    let mut letters: Vec<char> = numbers.pick(good).chars().collect();
    for _ in 0..1 + numbers.below(4) {
        let from = numbers.below(letters.len() + 1);
        let to = (from + numbers.below(30)).min(letters.len());
        match numbers.below(5) {
            0 => drop(letters.drain(from..to)),
            1 => {
                let part = letters[from..to].to_vec();
                letters.splice(from..from, part);
            }
            2 => {
                let other: Vec<char> = numbers.pick(good).chars().skip(from).take(60).collect();
                letters.splice(from..to, other);
            }
            3 => drop(letters.splice(from..from, numbers.pick(&WORDS).chars())),
            _ => {
                let line = format!("\n{}\n", numbers.pick(&LINES));
                letters.splice(from..from, line.chars());
            }
        }
    }
    letters.into_iter().collect()
}

/// What inputs are made of.
struct Makings {
    good: Vec<String>,
    expressions: Expressions,
    files: Files,
}

impl Makings {
    fn new() -> Self {
        Self {
            good: good(),
            expressions: Expressions::with(&["$p"]),
            files: Files::new(),
        }
    }
}

/// Numbers for the input of this number.
const fn numbers_of(number: u64) -> Numbers {
    Numbers(number.wrapping_mul(0xD134_2543_DE82_EF95))
}

/// A strategy grown by the schema, what is refused of it taken out until it compiles; `None` when nothing is left of it.
fn grown(numbers: &mut Numbers, makings: &Makings) -> (serde_json::Value, Option<Strategy>) {
    let mut file = makings.files.grow(numbers);
    for _ in 0..MENDINGS {
        let yaml = file.to_string();
        let library = |name: &str| match name {
            "base" => makings.good.first().cloned(),
            "self" => Some(yaml.clone()),
            _ => None,
        };
        let compiled =
            StrategySpec::parse_with(&yaml, &library).and_then(|spec| spec.compile(&BTreeMap::new(), None));
        let problems = match compiled {
            Ok(strategy) => return (file, Some(strategy)),
            Err(problems) => problems,
        };
        let first = problems
            .first()
            .expect("what is refused is refused for something");
        if !mend(&mut file, first) {
            break;
        }
    }
    (file, None)
}

/// Runs a strategy over a few bars of all symbols that it trades and reads.
fn run(strategy: Strategy, numbers: &mut Numbers) {
    const BARS: usize = 24;
    let mut traded: Vec<Symbol> = backtest::each_once(&strategy.symbols);
    if traded.is_empty() {
        traded.push("BTC/USDT".parse().expect("a symbol"));
    }
    let read = strategy.program.symbols().iter();
    let read: Vec<_> = read.filter(|symbol| !traded.contains(symbol)).cloned().collect();
    let instruments = |symbols: &[Symbol]| symbols.iter().map(|it| instrument_of(it.as_str())).collect();
    let (peers, others): (Vec<_>, Vec<_>) = (instruments(&traded[1..]), instruments(&read));
    let timeframe = strategy.timeframe;
    let bars: Vec<Bars> = (0..traded.len() + read.len())
        .map(|_| {
            let mut close = 100.0;
            (0..BARS)
                .map(|index| {
                    let open = close;
                    close = (open + numbers.below(9) as f64 - 4.0).max(1.0);
                    Bar {
                        open_time: Timestamp::from_secs((index as u64 * timeframe.secs()) as i64),
                        open,
                        high: open.max(close) + 1.0,
                        low: open.min(close) - 0.5,
                        close,
                        volume: 50.0,
                    }
                })
                .collect()
        })
        .collect();
    let config = EngineConfig {
        instrument: instrument_of(traded[0].as_str()),
        peers,
        others,
        base_timeframe: timeframe,
        strategy,
        ..config("name: any\nentry: {long: true}\n")
    };
    let outcome = backtest::run_together(config, &bars, &mut |_| true).expect("nobody cancels");
    assert!(!outcome.engine().event_hash().is_empty());
}

/// What came of an input: whether it was a good one.
fn take(number: u64, makings: &Makings) -> (String, bool) {
    let good = &makings.good;
    let mut numbers = numbers_of(number);
    let strategy = |yaml: &str| {
        let compiled = Strategy::compile(yaml, &BTreeMap::new(), None);
        if let (Ok(strategy), true) = (&compiled, number.is_multiple_of(64)) {
            let bytes = postcard::to_stdvec(strategy).expect("plain data");
            assert!(bytes.len() < LARGEST, "{} bytes", bytes.len());
        }
        compiled.is_ok()
    };
    match number % 20 {
        0..4 => {
            let text = any_text(&mut numbers);
            let is_good = compile_expressions(std::slice::from_ref(&text), Timeframe::MINUTE).is_ok();
            let file = strategy(&text);
            (text, is_good || file)
        }
        4..10 => {
            let text = words(&mut numbers);
            let is_good = compile_expressions(std::slice::from_ref(&text), Timeframe::MINUTE).is_ok();
            (text, is_good)
        }
        10..16 => {
            let text = makings.expressions.condition(&mut numbers, 4);
            let yaml =
                format!("name: x\nparams: {{p: 3}}\nlet: {{a: '{text}'}}\nentry: {{long: 'a and {text}'}}\n");
            let compiled = Strategy::compile(&yaml, &BTreeMap::new(), None);
            let is_good = compiled.is_ok();
            if let Ok(mut strategy) = compiled {
                for minute in 0..3_u32 {
                    let price = f64::from(100 + minute);
                    let bar = Bar {
                        open_time: Timestamp::from_secs(i64::from(minute) * 60),
                        open: price,
                        high: price + 1.0,
                        low: price - 1.0,
                        close: price + 0.5,
                        volume: 1.0,
                    };
                    strategy.program.on_bar(&bar, &PositionView::FLAT);
                }
            }
            (yaml, is_good)
        }
        16 => {
            let lines: Vec<&str> = (0..numbers.below(18)).map(|_| *numbers.pick(&LINES)).collect();
            let yaml = lines.join("\n");
            let loader = |name: &str| match name {
                "base" => good.first().cloned(),
                "self" => Some(yaml.clone()),
                _ => None,
            };
            let resolved = resolve(&yaml, &loader).is_ok_and(|text| strategy(&text));
            let is_good = strategy(&yaml) || resolved;
            (yaml, is_good)
        }
        17 => {
            let (file, strategy) = grown(&mut numbers, makings);
            let is_good = strategy.is_some();
            if let Some(strategy) = strategy {
                run(strategy, &mut numbers);
            }
            (file.to_string(), is_good)
        }
        _ => {
            let yaml = mutated(&mut numbers, good);
            let is_good = strategy(&yaml);
            (yaml, is_good)
        }
    }
}

/// The most memory that the process has had so far, in bytes, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn from_environment(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

#[test]
fn no_input_makes_the_reader_panic_or_hang() {
    let inputs = from_environment("PAPERTAPE_FUZZ_INPUTS", 20_000);
    let from = from_environment("PAPERTAPE_FUZZ_FROM", 0);
    let makings = Makings::new();
    let (next, accepted) = (AtomicU64::new(from), AtomicU64::new(0));
    let began = Instant::now();
    let work = || {
        const PORTION: u64 = 256;
        loop {
            let first = next.fetch_add(PORTION, Ordering::Relaxed);
            if first >= from + inputs {
                return;
            }
            for number in first..(first + PORTION).min(from + inputs) {
                let began = Instant::now();
                let result = catch_unwind(AssertUnwindSafe(|| take(number, &makings)));
                let (text, is_good) =
                    result.unwrap_or_else(|_| panic!("input {number} panics: PAPERTAPE_FUZZ_FROM={number}"));
                assert!(began.elapsed() < HANG, "input {number} hangs:\n{text}");
                accepted.fetch_add(u64::from(is_good), Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            thread.join().expect("no input panics");
        }
    });
    let accepted = accepted.into_inner();
    let peak = peak_memory();
    println!(
        "{inputs} inputs from {from}: no panic, no hang; {accepted} compile ({:.1} s, {} MiB of memory at most)",
        began.elapsed().as_secs_f64(),
        peak.map_or_else(|| "?".to_owned(), |bytes| (bytes >> 20).to_string())
    );
    assert!(peak.is_none_or(|bytes| bytes < MOST_MEMORY), "{peak:?} bytes");
    assert!(
        accepted > inputs / 20,
        "{accepted} of {inputs} compile: they would test refusals only"
    );
}

/// Whatever the language gets: a key that nothing is grown for, or nothing that compiles, is found here.
#[test]
fn files_that_compile_have_every_key_of_the_language() {
    let makings = Makings::new();
    let mut missing: BTreeSet<String> = makings.files.keys().into_iter().collect();
    assert!(missing.len() > 60, "{missing:?}");
    let mut number = 0;
    while !missing.is_empty() && number < 20_000 {
        let (file, strategy) = grown(&mut numbers_of(number), &makings);
        if strategy.is_some() {
            for key in keys_of(&makings.files, &file) {
                missing.remove(&key);
            }
        }
        number += 1;
    }
    assert!(missing.is_empty(), "never in a file that compiles: {missing:?}");
}
