//! Strategies with a script, in the house: one that fails harms nobody else, one that runs survives everything.

use crate::support::{BUSY, Server, file, folder, papertape, run, simulated_csv, text};
use serde_json::json;

/// Buys and sells by what it has counted and remembered itself.
const COUNTING: &str = "
name: Counting
symbols: [BTC/USDT]
timeframe: 1m
params: {every: 4}
let:
  average: sma(close, 5)
script:
  gives: {buy: condition, sell: condition}
  code: |
    state.closes = (state.closes ?? []) + [close];
    if state.closes.len() > 20 { state.closes.remove(0); }
    state.count = (state.count ?? 0) + 1;
    buy = state.count % int($every) == 1 && nz(average, 0.0) > 0.0;
    sell = state.count % int($every) == 3 || close < state.closes[0] * 0.99;
entry: {long: buy}
exit: {long: sell}
risk:
  size: {method: percent_of_equity, value: 50}
";

/// Runs without end once it holds something.
const ENDLESS: &str = "
name: Endless
symbols: [BTC/USDT]
timeframe: 1m
script:
  gives: {buy: condition}
  code: |
    buy = true;
    while bars_in_trade > 2.0 {
        let nothing = 0;
    }
entry: {long: buy}
exit: {long: bars_in_trade > 1000}
";

#[test]
fn a_script_without_end_halts_its_session_and_no_other() {
    let data = folder();
    let server = Server::start(data.path());
    let other = server.start_session(&json!({"strategy": BUSY, "speed": 6000}));
    let id = server.start_session(&json!({"strategy": ENDLESS, "speed": 6000}));
    let detail = server.wait_for(&format!("/sessions/{id}"), |detail| {
        detail["summary"]["state"] == "halted"
    });
    let reason = detail["summary"]["state_reason"].as_str().unwrap_or_default();
    assert!(
        reason.contains("line 9, column ") && reason.contains("more than 50000 steps"),
        "{reason}"
    );
    // The position is closed once there is a next price.
    server.wait_for(&format!("/sessions/{id}/positions"), |page| {
        page["items"].as_array().is_some_and(Vec::is_empty)
    });
    let alerts = server.wait_for("/alerts", |page| page.to_string().contains("script_failed"));
    let alerts = alerts["items"].as_array().cloned().unwrap_or_default();
    let alert = alerts.iter().find(|alert| alert["code"] == "script_failed");
    assert_eq!(
        alert.map(|alert| &alert["severity"]),
        Some(&json!("critical")),
        "{alerts:?}"
    );

    let count = |server: &Server| server.all(&format!("/sessions/{other}/fills")).len();
    let before = count(&server);
    server.wait_for(&format!("/sessions/{other}/fills?limit=10000"), |page| {
        page["items"].as_array().map(Vec::len) > Some(before)
    });
    assert_eq!(
        server.get(&format!("/sessions/{other}")).json()["summary"]["state"],
        "running"
    );
    for session in [&id, &other] {
        server.post(&format!("/sessions/{session}/stop"), &json!({}));
    }
    server.stop();
    for session in [&id, &other] {
        let output = papertape()
            .args(["verify", "--session", session, "--data-dir"])
            .arg(data.path())
            .output()
            .expect("the binary runs");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
}

#[test]
fn killed_in_the_middle_a_script_remembers_what_it_knew() {
    let data = folder();
    let mut server = Server::start(data.path());
    let id = server.start_session(&json!({"strategy": COUNTING, "speed": 6000}));
    for round in 1..=3_u64 {
        let path = format!("/sessions/{id}/fills");
        let before = server.all(&path).len();
        server.wait_for(&format!("{path}?limit=10000"), |page| {
            page["items"].as_array().map(Vec::len) > Some(before + 2)
        });
        server.kill();
        server = Server::start(data.path());
        let summary = server.get(&format!("/sessions/{id}")).json()["summary"].clone();
        assert_eq!(
            (&summary["recoveries"], &summary["state"]),
            (&json!(round), &json!("running"))
        );
    }
    server.post(&format!("/sessions/{id}/stop"), &json!({}));
    let hash = server.get(&format!("/sessions/{id}")).json()["event_hash"].clone();
    server.stop();
    let output = papertape()
        .args(["verify", "--session", &id, "--data-dir"])
        .arg(data.path())
        .output()
        .expect("the binary runs");
    // The same inputs without any crash.
    assert_eq!(
        text(&output.stdout).trim(),
        format!("identical {}", hash.as_str().expect("a hash"))
    );
}

#[test]
fn mistakes_and_failures_of_scripts_are_told_on_the_command_line() {
    let data = folder();
    let wrong = file(
        &data,
        "wrong.yaml",
        &COUNTING.replace("state.count % int($every) == 1", "counter > 1"),
    );
    let output = run(&["strategy", "check", wrong.to_str().expect("a plain path")]);
    assert_eq!(output.status.code(), Some(1));
    let told = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(
        told.contains("wrong.yaml:14:11: unknown name 'counter'"),
        "{told}"
    );

    let bars = file(&data, "bars.csv", &simulated_csv(600));
    let backtest = |yaml: &str| {
        let strategy = file(&data, "s.yaml", yaml);
        run(&[
            "backtest",
            "--strategy",
            strategy.to_str().expect("a plain path"),
            "--bars",
            bars.to_str().expect("a plain path"),
            "--json",
        ])
    };
    let output = backtest(COUNTING);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = backtest(ENDLESS);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(error.contains("its script failed: line 9, column"), "{error}");
    // What came of it until then is there all the same.
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["metrics"]["trades"], 1);
}
