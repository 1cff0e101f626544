//! The command line: what it prints, where, and with which exit code.

use crate::support::{CROSS, Server, file, folder, import, papertape, run, simulated_csv, text};
use serde_json::Value;
use std::path::Path;

fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// Buys what rose and sells what fell, two units of each.
const BOTH: &str = "name: Both\nsymbols: [BTC/USDT, ETH/USDT]\ntimeframe: 1m\nentry: {long: 'close > close[1]'}\n\
                    exit: {long: 'close < close[1]'}\nrisk: {size: {method: fixed_quantity, value: 2}}\n";

/// Minutes as a bar file: open and close of each that is there.
fn minutes(bars: &[(i64, f64, f64)]) -> String {
    let mut text = "time,open,high,low,close,volume\n".to_owned();
    for (minute, open, close) in bars {
        let (high, low) = (open.max(*close), open.min(*close));
        text += &format!("{},{open},{high},{low},{close},1\n", minute * 60);
    }
    text
}

#[test]
fn two_symbols_are_backtested_on_one_account() {
    let data = folder();
    let strategy = file(&data, "both.yaml", BOTH);
    let btc = file(
        &data,
        "btc.csv",
        &minutes(&[
            (0, 100.0, 100.0),
            (1, 100.0, 110.0),
            (2, 111.0, 120.0),
            (3, 120.0, 119.0),
            (4, 118.0, 118.0),
        ]),
    );
    // Begins later, and lacks a minute.
    let eth = file(
        &data,
        "eth.csv",
        &minutes(&[(1, 10.0, 9.0), (2, 9.0, 11.0), (3, 12.0, 10.0), (5, 9.0, 9.0)]),
    );
    let (strategy, btc, eth) = (path(&strategy), path(&btc), path(&eth));
    let named = [format!("ETH/USDT={eth}"), format!("BTC/USDT={btc}")];
    let backtest = |bars: &[&str]| {
        let mut arguments = vec![
            "backtest",
            "--strategy",
            strategy,
            "--fee-rate",
            "0",
            "--slippage-bps",
            "0",
            "--json",
        ];
        for file in bars {
            arguments.extend(["--bars", file]);
        }
        run(&arguments)
    };
    let out = backtest(&[&named[0], &named[1]]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let report: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    // 2 × (118 − 111) of BTC, 2 × (9 − 12) of ETH.
    assert_eq!(report["final_equity"], "100008");
    assert_eq!(report["symbol"], "BTC/USDT,ETH/USDT");
    assert_eq!(report["bars"], 9);
    let of = |place: usize, what: &str| report["by_symbol"][place][what].clone();
    let pnl = |place| of(place, "pnl").as_str().and_then(|pnl| pnl.parse::<f64>().ok());
    assert_eq!((pnl(0), pnl(1)), (Some(14.0), Some(-6.0)));
    assert_eq!(
        (
            &of(0, "data_quality")["gaps"],
            &of(1, "data_quality")["missing_bars"]
        ),
        (&0.into(), &1.into())
    );
    let symbols: Vec<&Value> = report["trades"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|trade| &trade["symbol"])
        .collect();
    assert_eq!(symbols, ["BTC/USDT", "ETH/USDT"]);
    // Without names, in the order of the strategy's symbols: the same events.
    let again: Value = serde_json::from_slice(&backtest(&[btc, eth]).stdout).expect("JSON");
    assert_eq!(again["event_hash"], report["event_hash"]);

    let out = backtest(&[&named[0]]);
    assert_eq!(out.status.code(), Some(2));
    let told = text(&out.stderr);
    assert!(
        told.contains("the strategy trades BTC/USDT, ETH/USDT: give bars of each, --bars BTC/USDT=FILE"),
        "{told}"
    );
    let stranger = format!("SOL/USDT={eth}");
    let told = text(&backtest(&[btc, &stranger]).stderr);
    assert!(told.contains("neither trades nor reads SOL/USDT"), "{told}");
}

#[test]
fn wrong_usage_is_2_and_a_problem_found_is_1_with_one_sentence() {
    let data = folder();
    let strategy = file(&data, "s.yaml", CROSS);
    let bars = file(&data, "b.csv", &simulated_csv(500));
    let (strategy, bars) = (path(&strategy), path(&bars));
    let missing = data.path().join("missing.csv");
    for (arguments, code) in [
        (vec!["dance"], 2),
        (vec!["backtest"], 2),
        (
            vec!["backtest", "--strategy", strategy, "--bars", bars, "--param", "x"],
            2,
        ),
        (
            vec![
                "backtest",
                "--strategy",
                strategy,
                "--bars",
                bars,
                "--capital",
                "-1",
            ],
            2,
        ),
        (
            vec![
                "backtest",
                "--strategy",
                strategy,
                "--bars",
                bars,
                "--from",
                "noon",
            ],
            2,
        ),
        (vec!["serve", "--listen", "nowhere"], 2),
        (vec!["verify", "--session", "not an id!"], 2),
        (
            vec!["backtest", "--strategy", strategy, "--bars", path(&missing)],
            1,
        ),
        (vec!["backtest", "--strategy", bars, "--bars", bars], 1),
        (
            vec![
                "backtest",
                "--strategy",
                strategy,
                "--bars",
                bars,
                "--from",
                "2030-01-01",
            ],
            1,
        ),
        (
            vec!["backtest", "--strategy", strategy, "--bars", bars, "--bars", bars],
            1,
        ),
        (vec!["indicators", "--bars", bars, "--expr", "smaa(close, 3)"], 1),
        (
            vec!["verify", "--session", "nobody", "--data-dir", path(data.path())],
            1,
        ),
        (vec!["--version"], 0),
        (vec!["--help"], 0),
    ] {
        let output = run(&arguments);
        let words = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {words}");
        assert!(code == 0 || !words.is_empty(), "{arguments:?}");
        assert!(
            code == 0 || output.stdout.is_empty(),
            "{arguments:?}: errors go to stderr"
        );
        assert!(!words.contains("panicked"), "{arguments:?}: {words}");
        if code == 1 && !arguments.contains(&bars) {
            assert_eq!(words.lines().count(), 1, "{arguments:?}: {words}");
        }
    }
}

#[test]
fn a_backtest_prints_json_and_nothing_else_or_a_table_and_writes_csv() {
    let data = folder();
    let strategy = file(&data, "s.yaml", CROSS);
    let whole = simulated_csv(6_000);
    let bars = file(&data, "b.csv", &whole);
    let (trades, equity) = (data.path().join("trades.csv"), data.path().join("equity.csv"));
    let base = ["backtest", "--strategy", path(&strategy), "--bars", path(&bars)];
    let json = run(&[
        &base[..],
        &["--json", "--trades", path(&trades), "--equity", path(&equity)],
    ]
    .concat());
    assert_eq!(json.status.code(), Some(0), "{}", text(&json.stderr));
    assert!(json.stderr.is_empty());
    let report: Value = serde_json::from_slice(&json.stdout).expect("JSON and nothing else");
    assert_eq!(
        (&report["symbol"], &report["bars"]),
        (&"BTC/USDT".into(), &6_000.into())
    );
    let lines = |file: &Path| std::fs::read_to_string(file).expect("a file").lines().count();
    assert_eq!(
        lines(&trades),
        1 + report["trades"].as_array().expect("trades").len()
    );
    assert_eq!(lines(&equity), 1 + 6_000);
    let table = text(&run(&base).stdout);
    assert!(
        table.starts_with("Strategy         Cross\n") && table.contains("Event hash"),
        "{table}"
    );

    // In two files, given in the wrong order, it is the same backtest.
    let rows: Vec<&str> = whole.lines().collect();
    let half = |name: &str, part: &[&str]| file(&data, name, &format!("{}\n{}\n", rows[0], part.join("\n")));
    let (first, second) = (half("1.csv", &rows[1..3_000]), half("2.csv", &rows[3_000..]));
    let parts = run(&[
        "backtest",
        "--json",
        "--strategy",
        path(&strategy),
        "--bars",
        path(&second),
        "--bars",
        path(&first),
    ]);
    let parts: Value = serde_json::from_slice(&parts.stdout).expect("JSON");
    assert_eq!(parts["event_hash"], report["event_hash"]);

    let costly = run(&[
        &base[..],
        &[
            "--json",
            "--fee-rate",
            "0.01",
            "--slippage-bps",
            "0",
            "--capital",
            "5000",
        ],
    ]
    .concat());
    let costly: Value = serde_json::from_slice(&costly.stdout).expect("JSON");
    assert_eq!(costly["initial_capital"], "5000");
    assert_eq!(costly["execution"]["maker_fee_rate"], "0.01");
}

#[test]
fn a_backtest_takes_fee_presets_whole_executions_and_runs_its_band() {
    let data = folder();
    let strategy = file(&data, "s.yaml", CROSS);
    let bars = file(&data, "b.csv", &simulated_csv(3_000));
    let base = [
        "backtest",
        "--json",
        "--strategy",
        path(&strategy),
        "--bars",
        path(&bars),
    ];
    let report = |more: &[&str]| -> Value {
        let output = run(&[&base[..], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let usual = report(&[]);
    assert_eq!(
        usual["band"],
        Value::Null,
        "it costs time, so it is run when asked for"
    );
    let banded = report(&["--band"]);
    assert_eq!(banded["event_hash"], usual["event_hash"]);
    for side in ["optimistic", "pessimistic"] {
        let run = &banded["band"][side];
        assert!(run["final_equity"].is_string() && run["trades"].is_u64(), "{run}");
        assert!(
            run["total_return"].is_f64() && run["max_drawdown"].is_f64(),
            "{run}"
        );
    }

    assert_eq!(report(&["--fees", "kraken"])["execution"]["fees"], "kraken");
    let execution = r#"{"fees": "coinbase", "fill": {"volume_share": 0.1}}"#;
    let file = file(&data, "execution.json", execution);
    for given in [execution, path(&file)] {
        let report = report(&["--execution", given, "--slippage-bps", "3"]);
        assert_eq!(report["execution"]["fees"], "coinbase");
        assert_eq!(report["execution"]["fill"]["volume_share"], "0.1");
        assert_eq!(report["execution"]["slippage_bps"], "3");
    }

    for (wrong, named) in [
        (["--fees", "krakn"], "kraken"),
        (["--execution", r#"{"fee": 7}"#], "0.5"),
        (["--execution", "nowhere.json"], "nowhere.json"),
    ] {
        let output = run(&[&base[..], &wrong].concat());
        let words = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(words.contains(named), "{wrong:?}: {words}");
    }
}

#[test]
fn strategy_check_names_file_line_and_column() {
    let data = folder();
    let fine = file(&data, "fine.yaml", CROSS);
    let wrong = file(
        &data,
        "wrong.yaml",
        "name: x\ntimeframe: 5m\nentry:\n  long: close > smaa(close, 3)\n",
    );
    let output = run(&["strategy", "check", path(&fine)]);
    assert_eq!(
        (output.status.code(), text(&output.stdout).as_str()),
        (Some(0), "")
    );
    let output = run(&["strategy", "check", path(&fine), path(&wrong)]);
    assert_eq!(output.status.code(), Some(1));
    let words = text(&output.stdout);
    assert!(words.starts_with(&format!("{}:4:", path(&wrong))), "{words}");
}

#[test]
fn strategy_check_warns_and_is_still_content() {
    let data = folder();
    let odd = file(
        &data,
        "odd.yaml",
        "name: x\nentry:\n  long: hour > 24\nexit: {long: close < open}\n",
    );
    let output = run(&["strategy", "check", path(&odd)]);
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (
            Some(0),
            format!(
                "{}:3:9: warning: this can never be true: hour is from 0 to 23\n",
                path(&odd)
            )
        )
    );
}

#[test]
fn a_file_extends_one_beside_it_and_one_of_the_library() {
    let data = folder();
    file(&data, "base.yaml", CROSS);
    let beside = file(&data, "beside.yaml", "name: x\nextends: base\n");
    let library = file(
        &data,
        "library.yaml",
        "name: x\nextends: sma-cross\nparams: {fast: 7}\n",
    );
    let lost = file(&data, "lost.yaml", "name: x\nextends: ../base\n");
    let output = run(&["strategy", "check", path(&beside), path(&library)]);
    assert_eq!(
        (output.status.code(), text(&output.stdout).as_str()),
        (Some(0), "")
    );
    let output = run(&["strategy", "check", path(&lost)]);
    assert_eq!(output.status.code(), Some(1));
    let words = text(&output.stdout);
    assert!(
        words.contains(":2:10: there is no strategy '../base' to extend"),
        "{words}"
    );
}

#[test]
fn the_schema_is_printed_as_it_is_published() {
    let output = run(&["strategy", "schema"]);
    assert_eq!(output.status.code(), Some(0));
    let published = concat!(env!("CARGO_MANIFEST_DIR"), "/../public/strategy.schema.json");
    assert_eq!(
        text(&output.stdout),
        std::fs::read_to_string(published).expect("the schema")
    );
}

#[test]
fn indicators_are_csv_with_empty_cells_where_they_are_undefined() {
    let data = folder();
    let bars = file(
        &data,
        "b.csv",
        "time,open,high,low,close,volume\n2025-01-01,1,2,1,2,5\n2025-01-02,2,4,2,4,5\n",
    );
    let output = run(&[
        "indicators",
        "--bars",
        path(&bars),
        "--expr",
        "sma(close, 2)",
        "--expr",
        "close > 3",
    ]);
    assert_eq!(
        text(&output.stdout),
        "time,\"sma(close, 2)\",close > 3\n2025-01-01T00:00:00Z,,0\n2025-01-02T00:00:00Z,3,1\n"
    );
}

#[test]
fn an_import_is_all_or_nothing() {
    let data = folder();
    let good = file(&data, "good.csv", &simulated_csv(100));
    let bad = simulated_csv(200);
    let bad: Vec<&str> = bad
        .lines()
        .enumerate()
        .filter(|(line, _)| *line == 0 || *line > 120)
        .map(|(_, row)| row)
        .collect();
    let bad = format!("{}\n2025-01-07T00:00:00Z,1,2,3,4,5\n", bad.join("\n"));
    let bad = file(&data, "bad.csv", &bad);
    let store = data.path().join("store");
    let output = import(&store, &[&good, &bad]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("bad.csv:82: "),
        "the line is named: {}",
        text(&output.stderr)
    );
    let datasets = |server: &Server| server.get("/datasets").json()["items"].as_array().map(Vec::len);
    let server = Server::start(&store);
    assert_eq!(datasets(&server), Some(1), "the simulated one only");
    // Into the store of a running server, and once more over the same bars.
    for _ in 0..2 {
        let output = import(&store, &[&good]);
        assert_eq!(
            text(&output.stdout),
            "BTC/USDT@1m: 100 bars, no gaps\n",
            "{}",
            text(&output.stderr)
        );
        assert_eq!(datasets(&server), Some(2));
    }
}

#[test]
fn what_keeps_a_server_from_starting_is_said_in_one_sentence() {
    let data = folder();
    let server = Server::start(data.path());
    let other = folder();
    let plain = file(&other, "file", "");
    let config = file(&other, "c.toml", "listen = \"127.0.0.1:0\"\ncolour = 1\n");
    for (arguments, word) in [
        (
            vec!["--listen", server.address(), "--data-dir", path(other.path())],
            "in use",
        ),
        (
            vec!["--listen", "127.0.0.1:0", "--data-dir", path(data.path())],
            "another Papertape",
        ),
        (
            vec!["--listen", "127.0.0.1:0", "--data-dir", path(&plain)],
            "not writable",
        ),
        (
            vec![
                "--database-url",
                "mysql://me:hush@host/db",
                "--data-dir",
                path(other.path()),
            ],
            "database URL",
        ),
        (
            vec!["--config", path(&config), "--data-dir", path(other.path())],
            "line 2",
        ),
    ] {
        let output = run(&[&["serve"], &arguments[..]].concat());
        let words = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(
            words.contains(word) && words.lines().count() == 1 && !words.contains("hush"),
            "{words}"
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn doctor_has_a_line_for_each_thing() {
    let data = folder();
    // Nobody outside is asked from here: all are away.
    let output = papertape()
        .args(["doctor", "--data-dir", path(data.path())])
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .output()
        .expect("the binary runs");
    let words = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{words}");
    for thing in [
        "data directory",
        "database",
        "clock",
        "feed simulated",
        "feed replay",
    ] {
        assert!(
            words
                .lines()
                .any(|line| line.starts_with("ok") && line.contains(thing)),
            "{thing}: {words}"
        );
    }
    // Feeds that are there without a configuration are asked, and may be away.
    for feed in [
        "binance",
        "kraken",
        "coinbase",
        "yahoo",
        "coingecko",
        "cryptocompare",
    ] {
        let of_feed = |line: &&str| line.contains(&format!("feed {feed} "));
        let line = words.lines().find(of_feed).unwrap_or_default();
        assert!(
            line.starts_with("away") && line.contains("cannot be reached"),
            "{feed}: {words}"
        );
    }
}
