//! Searches over parameters: what they print, how they end, what they refuse.

use crate::support::{Server, file, folder, papertape, run, simulated_csv, text};
use serde_json::{Value, json};
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

#[test]
fn a_walk_forward_runs_on_what_comes_after_the_choice() {
    let files = files(6_000);
    let ranges = [
        "--param",
        "fast=4..12:4",
        "--param",
        "slow=20,40",
        "--windows",
        "3",
        "--ratio",
        "2",
    ];
    let report = files.json("walk-forward", &ranges);
    let windows = report["windows"].as_array().expect("windows");
    assert_eq!((windows.len(), &report["windows_asked"]), (3, &3.into()));
    for window in windows {
        assert_eq!(
            (&window["in_sample_bars"], &window["bars"]),
            (&2_400.into(), &1_200.into())
        );
    }
    for pair in windows.windows(2) {
        assert_eq!(pair[0]["to"], pair[1]["from"], "one follows the other");
    }
    assert_eq!(windows[2]["to"], report["run"]["to"]);
    let product: f64 = windows
        .iter()
        .map(|window| {
            1.0 + window["out_of_sample"]["total_return"]
                .as_f64()
                .expect("a return")
        })
        .product();
    let whole = 1.0 + report["metrics"]["total_return"].as_f64().expect("a return");
    assert!((product - whole).abs() < 1e-6, "{product} {whole}");
    let one = timeless(files.json("walk-forward", &[&ranges[..], &["--threads", "1"]].concat()));
    assert_eq!(one, timeless(report));

    let words = run(&files.command("walk-forward", &[&ranges[..], &["--anchored"]].concat()));
    let words = text(&words.stdout);
    assert!(
        words.contains("3 of 3 windows") && words.contains("from the first bar on"),
        "{words}"
    );
    for (arguments, code, words) in [
        (["--windows", "0"], 2, "1 to 100"),
        (["--ratio", "0"], 2, "0.5 to 100"),
        (["--ratio", "NaN"], 2, "0.5 to 100"),
        (["--windows", "100"], 0, ""),
    ] {
        let output = run(&files.command("walk-forward", &[&["--param", "fast=4"], &arguments[..]].concat()));
        let sentence = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {sentence}");
        assert!(sentence.contains(words), "{arguments:?}: {sentence}");
    }
}

/// A strategy whose file has a mistake that does not keep it from running.
fn mistaken() -> String {
    SWEPT.replace("entry:", "let: {strong: 'rsi(close, 14) > 101'}\nentry:")
}

const MISTAKE: &str =
    "Line 8, column 16 of the strategy: this can never be true: rsi(close, 14) is from 0 to 100.";

#[test]
fn a_likely_mistake_in_the_file_is_told_with_every_result() {
    let folder = folder();
    let files = Files {
        strategy: file(&folder, "s.yaml", &mistaken()),
        bars: file(&folder, "b.csv", &simulated_csv(3_000)),
        _folder: folder,
    };
    for (command, rest) in [
        ("backtest", &[][..]),
        ("sweep", &["--param", "fast=4,6"]),
        ("walk-forward", &["--param", "fast=4,6", "--windows", "2"]),
        ("monte-carlo", &["--courses", "10"]),
    ] {
        let report = files.json(command, rest);
        assert_eq!(report["warnings"][0], MISTAKE, "{command}");
        let output = run(&files.command(command, rest));
        assert!(
            text(&output.stdout).contains(MISTAKE),
            "{command}: {}",
            text(&output.stdout)
        );
    }
    let data = self::folder();
    let server = Server::start(data.path());
    let backtest = json!({"strategy": mistaken()});
    let started = server.post("/backtests", &backtest).json();
    let path = format!("/backtests/{}", started["id"].as_str().expect("an id"));
    let done = server.wait_for(&path, |status| status["state"] == "finished");
    assert_eq!(done["report"]["warnings"][0], MISTAKE);
    for (kind, study) in [
        ("sweep", json!({"search": {"params": {"fast": "4,6"}}})),
        (
            "walk_forward",
            json!({"search": {"params": {"fast": "4,6"}}, "windows": 2}),
        ),
        ("monte_carlo", json!({"courses": 10})),
    ] {
        let study = json!({"backtest": backtest, "study": {kind: study}});
        let started = server.post("/studies", &study).json();
        let path = format!("/studies/{}", started["id"].as_str().expect("an id"));
        let done = server.wait_for(&path, |status| status["state"] == "finished");
        assert_eq!(done["result"][kind]["warnings"][0], MISTAKE, "{kind}");
    }
}

#[test]
fn a_monte_carlo_simulation_tells_what_else_could_have_come() {
    let files = files(6_000);
    let report = files.json("monte-carlo", &["--param", "fast=4", "--courses", "500"]);
    let result = &report["result"];
    let number = |value: &Value| value.as_f64().expect("a number");
    assert_eq!(result["courses"], 500);
    // The same trades in another order end where they ended.
    let end = number(&result["actual_final_equity"]);
    for place in ["p5", "p50", "p95"] {
        assert!((number(&result["final_equity"][place]) / end - 1.0).abs() < 1e-9);
    }
    assert!(number(&result["max_drawdown"]["p5"]) < number(&result["max_drawdown"]["p95"]));
    let of = |seed: &str| {
        let how = ["--resampling", "trades", "--courses", "300", "--seed", seed];
        timeless(files.json("monte-carlo", &how))
    };
    assert_eq!(of("5"), of("5"));
    assert_ne!(of("5")["result"], of("6")["result"]);
    for (arguments, code, words) in [
        (["--courses", "0"], 2, "1 to 20000"),
        (["--courses", "1000000"], 2, "1 to 20000"),
        (["--block", "0"], 2, "1 to 10000"),
        (["--ruin", "NaN"], 2, "above 0 and at most 1"),
        (["--ruin", "2"], 2, "above 0 and at most 1"),
        (["--resampling", "dice"], 2, "trade_order"),
        (["--param", "fast=999"], 1, "above its maximum"),
    ] {
        let output = run(&files.command("monte-carlo", &arguments));
        let sentence = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {sentence}");
        assert!(sentence.contains(words), "{arguments:?}: {sentence}");
    }
}

#[test]
fn studies_run_by_the_api_with_progress_and_an_end_on_request() {
    let data = folder();
    let server = Server::start(data.path());
    let of = |study: Value| json!({"backtest": {"strategy": SWEPT}, "study": study});
    let started = server.post("/studies", &of(json!({"sweep": {"search": {
        "params": {"fast": "4..12:4", "slow": "20,40"}, "objective": "total_return", "constraint": "fast < slow"
    }, "out_of_sample": 0.25}})));
    assert_eq!(started.status, 202, "{}", started.body);
    let path = started.header("location").expect("where it is").to_owned();
    let path = path.trim_start_matches("/api/paper-trading");
    let done = server.wait_for(path, |status| status["state"] == "finished");
    let sweep = &done["result"]["sweep"];
    assert_eq!(sweep["rows"].as_array().map(Vec::len), Some(6));
    assert!(sweep["rows"][0]["out_of_sample"].is_object() && sweep["stability"].is_object());
    assert_eq!(done["progress"]["done"], done["progress"]["total"]);

    let long = of(json!({"walk_forward": {"search": {"params": {"fast": "2..50:2", "slow": "4..100:4"}}}}));
    let long = server.post("/studies", &long).json();
    let path = format!("/studies/{}", long["id"].as_str().expect("an id"));
    assert_eq!(server.delete(&path).status, 204);
    server.wait_for(&path, |status| status["state"] == "canceled");
    assert_eq!(
        server.delete(&path).status,
        204,
        "one that has ended stays as it is"
    );

    // Of those that wait, a canceled one ends at once and gives its place to another.
    let long = of(json!({"walk_forward": {"search": {"params": {"fast": "2..50:2", "slow": "4..100:4"}}}}));
    let ids: Vec<String> = (0..8)
        .map(|_| {
            server.post("/studies", &long).json()["id"]
                .as_str()
                .expect("an id")
                .to_owned()
        })
        .collect();
    assert_eq!(server.post("/studies", &long).status, 429);
    for id in ids.iter().rev() {
        assert_eq!(server.delete(&format!("/studies/{id}")).status, 204);
    }
    let waiting = format!("/studies/{}", ids[7]);
    assert_eq!(server.get(&waiting).json()["state"], "canceled");

    let courses = of(json!({"monte_carlo": {"resampling": "days", "courses": 200, "block": 3}}));
    let courses = server.post("/studies", &courses).json();
    let path = format!("/studies/{}", courses["id"].as_str().expect("an id"));
    let done = server.wait_for(&path, |status| status["state"] == "finished");
    assert_eq!(done["result"]["monte_carlo"]["result"]["courses"], 200);

    // All of them are listed, newest first, with what came of them.
    let list = server.get("/studies").json();
    let list = list["items"].as_array().expect("items");
    assert_eq!(list.len(), 11);
    assert_eq!(
        (&list[0]["kind"], &list[0]["state"]),
        (&json!("monte_carlo"), &json!("finished"))
    );
    assert_eq!(
        list[0]["outcome"],
        done["result"]["monte_carlo"]["result"]["probability_of_loss"]
    );
    assert_eq!(
        (&list[1]["id"], &list[1]["state"]),
        (&json!(ids[7]), &json!("canceled"))
    );
    let first = list.last().expect("the first");
    assert_eq!(
        (&first["kind"], &first["objective"]),
        (&json!("sweep"), &json!("total_return"))
    );
    assert_eq!(first["best"], sweep["rows"][0]["params"]);
    assert_eq!(first["outcome"], sweep["rows"][0]["objective"]);
    server.stop();
}

#[test]
fn studies_are_listed_by_strategy() {
    let data = folder();
    let server = Server::start(data.path());
    let study =
        |name: &str| json!({"backtest": {"strategy": name}, "study": {"monte_carlo": {"courses": 10}}});
    let mine = json!({"strategy": SWEPT}).to_string();
    let made = server.request_with("PUT", "/strategies/mine", Some(&mine), &[]);
    assert_eq!(made.status, 201, "{}", made.body);
    for name in ["sma-cross", "mine", "sma-cross"] {
        assert_eq!(server.post("/studies", &study(name)).status, 202, "{name}");
    }
    let of = |query: &str| {
        server.get(&format!("/studies{query}")).json()["items"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(of(""), Some(3));
    assert_eq!(of("?strategy=sma-cross"), Some(2));
    assert_eq!(of("?strategy=mine"), Some(1));
    assert_eq!(of("?strategy=nothing"), Some(0));
    assert_eq!(server.get("/studies?slug=nothing").status, 422);
    server.stop();
}

#[test]
fn wrong_studies_are_told_by_field() {
    let data = folder();
    let server = Server::start(data.path());
    let search = |params: Value| json!({"sweep": {"search": {"params": params}}});
    for (study, status, path, words) in [
        (
            search(json!({})),
            422,
            "study.sweep.search.params",
            "at least one parameter",
        ),
        (
            search(json!({"fsat": "1..5:1"})),
            422,
            "study.sweep.search.params",
            "there are fast, slow",
        ),
        (
            search(json!({"fast": "1..1000:1", "slow": "1..1000:1"})),
            422,
            "study.sweep.search.params",
            "1000000 combinations",
        ),
        (
            json!({"sweep": {"search": {"params": {"fast": "4"}}, "out_of_sample": 2}}),
            422,
            "study.sweep.out_of_sample",
            "from 0 to 0.9",
        ),
        (
            json!({"walk_forward": {"search": {"params": {"fast": "4"}}, "windows": 0}}),
            422,
            "study.walk_forward.windows",
            "1 to 100",
        ),
        (
            json!({"monte_carlo": {"courses": 0}}),
            422,
            "study.monte_carlo.courses",
            "1 to 20000",
        ),
        (
            search(json!({"fast": "0..1000000000"})),
            422,
            "study.sweep.search.params.fast",
            "take a larger step",
        ),
        (
            search(json!({"fast": "9..1:1"})),
            422,
            "study.sweep.search.params.fast",
            "backwards",
        ),
        (
            search(json!({"fast": "1..9:0"})),
            422,
            "study.sweep.search.params.fast",
            "above 0",
        ),
        (json!({"magic": {}}), 422, "study", "magic"),
    ] {
        let body = json!({"backtest": {"strategy": SWEPT}, "study": study});
        let answer = server.post("/studies", &body);
        let problem = answer.json();
        assert_eq!(answer.status, status, "{body}: {problem}");
        let error = &problem["errors"][0];
        assert_eq!(error["path"], path, "{body}: {problem}");
        assert!(
            error["message"].as_str().is_some_and(|it| it.contains(words)),
            "{body}: {problem}"
        );
    }
    let unknown = server.get("/studies/nobody");
    assert_eq!(
        (unknown.status, &unknown.json()["code"]),
        (404, &"unknown_study".into())
    );
    let elsewhere =
        json!({"backtest": {"strategy": SWEPT, "initial_capital": "0"}, "study": {"monte_carlo": {}}});
    let problem = server.post("/studies", &elsewhere).json();
    assert_eq!(
        problem["errors"][0]["path"], "backtest.initial_capital",
        "{problem}"
    );
    server.stop();
}
