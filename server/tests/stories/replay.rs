//! A replay at full speed is the backtest: the same trades, the same equity, the same events.

use crate::support::{BUSY, CROSS, Server, file, folder, import, papertape, simulated_csv, text};
use papertape::model::Timestamp;
use serde_json::{Value, json};
use std::path::Path;

/// Backtests and replays the same bars with the same strategy, and compares.
fn compare(bars: &Path, strategy: &str) {
    let data = folder();
    let strategy_file = file(&data, "strategy.yaml", strategy);
    let backtest = papertape()
        .arg("backtest")
        .arg("--strategy")
        .arg(&strategy_file)
        .arg("--bars")
        .arg(bars)
        .args(["--json", "--band"])
        .output()
        .expect("the binary runs");
    assert_eq!(backtest.status.code(), Some(0), "{}", text(&backtest.stderr));
    let backtest: Value = serde_json::from_slice(&backtest.stdout).expect("JSON and nothing else");
    assert!(
        backtest["trades"]
            .as_array()
            .is_some_and(|trades| trades.len() > 10),
        "worth comparing"
    );

    let import = import(data.path(), &[bars]);
    assert_eq!(import.status.code(), Some(0), "{}", text(&import.stderr));
    let server = Server::start(data.path());
    let id = server.start_session(&json!({"strategy": strategy, "feed": "replay", "speed": 0}));
    let one = format!("/sessions/{id}");
    let session = server.wait_for(&one, |session| session["summary"]["state"] == "finished");
    assert_eq!(session["event_hash"], backtest["event_hash"]);
    assert_eq!(
        Value::Array(server.all(&format!("{one}/trades"))),
        backtest["trades"]
    );
    let equity = session["summary"]["equity"]["amount"].as_str().map(normal);
    assert_eq!(equity, backtest["final_equity"].as_str().map(normal));
    assert_eq!(session["metrics"], backtest["metrics"]);
    let curve = server.all(&format!("{one}/equity"));
    assert_eq!(
        curve.len() as u64,
        backtest["bars"].as_u64().expect("a count"),
        "one point a bar"
    );
    // The shadows too took in the same inputs.
    let last = curve.last().expect("a last point");
    for side in ["optimistic", "pessimistic"] {
        let live = last[side].as_str().map(normal).expect("a session has its band");
        let run = backtest["band"][side]["final_equity"].as_str().map(normal);
        let apart = (live - run.expect("asked for by --band")).abs();
        assert!(
            apart < rust_decimal::Decimal::new(1, 4),
            "{side}: {live} and {run:?}"
        );
    }
}

fn normal(amount: &str) -> rust_decimal::Decimal {
    amount
        .parse::<rust_decimal::Decimal>()
        .expect("an amount")
        .normalize()
}

const DAY: i64 = 86_400_000_000_000;

/// When the simulated dataset begins.
fn first_bar(server: &Server) -> Timestamp {
    let datasets = server.get("/datasets").json();
    let simulated = &datasets["items"][0];
    assert_eq!(
        (&simulated["id"], &simulated["bars"]),
        (&json!("simulated"), &json!(129_600))
    );
    Timestamp::parse(simulated["from"].as_str().expect("a time")).expect("a time")
}

#[test]
fn on_simulated_bars() {
    let data = folder();
    let bars = file(&data, "bars.csv", &simulated_csv(20_000));
    compare(&bars, BUSY);
    compare(&bars, CROSS);
}

#[test]
fn on_real_bars() {
    let Some(bars) = crate::shared_data::shared_data("BTCUSDT-1m.csv") else {
        return;
    };
    compare(&bars, BUSY);
    compare(&bars, CROSS);
}

#[test]
fn commands_on_the_way_make_it_another_session_and_it_still_verifies() {
    let data = folder();
    let server = Server::start(data.path());
    let from = first_bar(&server);
    let id = server.start_session(&json!({
        "strategy": BUSY, "feed": "replay", "speed": 6_000, "to": from.plus_nanos(5 * DAY).to_string(),
    }));
    let one = format!("/sessions/{id}");
    server.wait_for(&one, |session| session["summary"]["trades"].as_u64() > Some(2));
    for action in ["pause", "resume", "flatten"] {
        assert_eq!(server.post(&format!("{one}/{action}"), &json!({})).status, 200);
    }
    server.post(&format!("{one}/speed"), &json!({"speed": 0}));
    let session = server.wait_for(&one, |session| session["summary"]["state"] == "finished");
    server.stop();
    let output = papertape()
        .args(["verify", "--session", &id, "--data-dir"])
        .arg(data.path())
        .output()
        .expect("the binary runs");
    assert_eq!(
        text(&output.stdout).trim(),
        format!("identical {}", session["event_hash"].as_str().expect("a hash"))
    );
}

#[test]
fn a_part_of_the_bars_is_replayed_when_asked_for() {
    let data = folder();
    let server = Server::start(data.path());
    let from = first_bar(&server);
    let id = server.start_session(&json!({
        "strategy": CROSS, "feed": "replay:simulated", "speed": 0,
        "from": from.plus_nanos(DAY).to_string(), "to": from.plus_nanos(3 * DAY).to_string(),
    }));
    let one = format!("/sessions/{id}");
    server.wait_for(&one, |session| session["summary"]["state"] == "finished");
    assert_eq!(server.all(&format!("{one}/equity")).len(), 2 * 1_440);
}
