//! Searches over parameters: what they print, how they end, what they refuse.

use crate::support::{file, folder, papertape, run, simulated_csv, text};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) const SWEPT: &str = "
name: Swept cross
symbols: [BTC/USDT]
timeframe: 5m
params:
  fast: {default: 10, min: 2, max: 50, step: 2}
  slow: {default: 30, min: 4, max: 100, step: 4}
entry: {long: 'cross_above(sma(close, $fast), sma(close, $slow))'}
exit: {long: 'cross_below(sma(close, $fast), sma(close, $slow))'}
";

struct Files {
    _folder: TempDir,
    strategy: PathBuf,
    bars: PathBuf,
}

fn files(bars: usize) -> Files {
    let folder = folder();
    Files {
        strategy: file(&folder, "s.yaml", SWEPT),
        bars: file(&folder, "b.csv", &simulated_csv(bars)),
        _folder: folder,
    }
}

fn plain(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

impl Files {
    fn command<'a>(&'a self, name: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
        let mut all = vec![
            name,
            "--strategy",
            plain(&self.strategy),
            "--bars",
            plain(&self.bars),
        ];
        all.extend(rest);
        all
    }

    fn json(&self, name: &str, rest: &[&str]) -> Value {
        let output = run(&[self.command(name, rest), vec!["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON and nothing else")
    }
}

/// All of a report but how long it took.
fn timeless(mut report: Value) -> Value {
    report["timing"] = Value::Null;
    report
}

#[test]
fn a_sweep_prints_every_combination_best_first() {
    let files = files(6_000);
    let ranges = ["--param", "fast=4..12:4", "--param", "slow=20,40,60"];
    let report = files.json("sweep", &ranges);
    let rows = report["rows"].as_array().expect("rows");
    assert_eq!((rows.len(), &report["tried"]), (9, &9.into()));
    assert_eq!(report["objective"], "sharpe");
    let merits: Vec<_> = rows.iter().map(|row| row["objective"].as_f64()).collect();
    assert!(merits.is_sorted_by(|a, b| a >= b), "{merits:?}");
    for row in rows {
        assert_eq!(row["objective"], row["metrics"]["sharpe"]);
        assert!(row["final_equity"].is_string());
    }
    assert!(
        report["stability"]["cells"]
            .as_array()
            .is_some_and(|cells| cells.len() == 9)
    );
    assert!(report["deflated_sharpe"]["deflated"].is_number());

    // The best row is the backtest of its parameters.
    let best = &rows[0];
    let value = |name: &str| format!("{name}={}", best["params"][name]);
    let alone = files.json(
        "backtest",
        &["--param", &value("fast"), "--param", &value("slow")],
    );
    assert_eq!(alone["metrics"], best["metrics"]);
    assert_eq!(alone["final_equity"], best["final_equity"]);

    let table = run(&files.command("sweep", &[&ranges[..], &["--rows", "2"]].concat()));
    let table = text(&table.stdout);
    for words in [
        "9 of 9 combinations",
        "drawdown",
        "and 7 more",
        "Deflated Sharpe ratio",
        "combinations a second",
    ] {
        assert!(table.contains(words), "{words}:\n{table}");
    }
}

#[test]
fn a_sweep_is_the_same_on_any_number_of_threads_and_by_its_seed() {
    let files = files(4_000);
    for method in ["random", "bayes"] {
        let of = |threads: &str, seed: &str| {
            let ranges = [
                "--param",
                "fast=2..40",
                "--param",
                "slow=4..100",
                "--constraint",
                "fast < slow",
            ];
            let how = [
                "--method",
                method,
                "--samples",
                "30",
                "--threads",
                threads,
                "--seed",
                seed,
            ];
            timeless(files.json("sweep", &[&ranges[..], &how].concat()))
        };
        assert_eq!(of("1", "7"), of("3", "7"), "{method}");
        assert_ne!(of("2", "7")["rows"], of("2", "8")["rows"], "{method}");
    }
}

#[test]
fn wrong_searches_are_told_in_one_sentence() {
    let files = files(500);
    for (arguments, code, words) in [
        (vec!["--param", "fast=50..5:5"], 2, "backwards"),
        (vec!["--param", "fast=5..50:0"], 2, "above 0"),
        (vec!["--param", "fast=NaN..5:1"], 2, "not a number"),
        (vec!["--param", "fast"], 2, "NAME="),
        (vec![], 2, "at least one parameter"),
        (vec!["--param", "fsat=1..5:1"], 2, "there are fast, slow"),
        (vec!["--param", "fast=1..9:1", "--param", "fast=2"], 2, "twice"),
        (
            vec!["--param", "fast=1..1000:1", "--param", "slow=1..1000:1"],
            2,
            "1000000 combinations are too many",
        ),
        (
            vec!["--param", "fast=4", "--objective", "sharp"],
            2,
            "there are sharpe",
        ),
        (vec!["--param", "fast=4", "--method", "magic"], 2, "there are"),
        (
            vec!["--param", "fast=2..8", "--method", "random", "--samples", "0"],
            2,
            "at least one sample",
        ),
        (vec!["--param", "fast=4", "--threads", "0"], 2, "from 1 to 256"),
        (
            vec!["--param", "fast=4", "--constraint", "fast <"],
            2,
            "constraint",
        ),
        (
            vec!["--param", "fast=4", "--constraint", "fast > 90"],
            1,
            "none of the combinations",
        ),
        (
            vec!["--param", "fast=4", "--out-of-sample", "1.5"],
            2,
            "from 0 to 0.9",
        ),
    ] {
        let output = run(&files.command("sweep", &arguments));
        let sentence = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {sentence}");
        assert!(sentence.contains(words), "{arguments:?}: {sentence}");
        assert!(
            output.stdout.is_empty() && !sentence.contains("panicked"),
            "{sentence}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_keeps_what_is_done() {
    let files = files(40_000);
    let ranges = [
        "--param",
        "fast=2..50:1",
        "--param",
        "slow=4..100:1",
        "--threads",
        "1",
        "--json",
    ];
    let child = papertape()
        .args(files.command("sweep", &ranges))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the program starts");
    let id = child.id().to_string();
    // Asked until it ends: the first may come before anybody listens, later ones find it ending already.
    let report = std::thread::spawn(move || child.wait_with_output().expect("its output"));
    while !report.is_finished() {
        std::thread::sleep(std::time::Duration::from_millis(300));
        let caught = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let mask = caught.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        if mask.is_some_and(|mask| mask & 2 != 0) {
            let status = std::process::Command::new("kill").args(["-INT", &id]).status();
            assert!(status.is_ok());
        }
    }
    let output = report.join().expect("no panic");
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["canceled"], true);
    let (tried, all) = (report["tried"].as_u64(), report["combinations"].as_u64());
    assert!(tried < all, "{tried:?} of {all:?}");
}
