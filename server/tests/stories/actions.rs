//! Splits, dividends and what else happens to an instrument beside its trading, from a file.

use crate::support::{Server, file, folder, run, text};
use serde_json::{Value, json};
use std::path::Path;

const HOLD: &str = "name: hold\nsymbols: [AAPL]\ntimeframe: 1d\nentry: {long: close > 0}\n\
                    risk: {size: {method: fixed_quantity, value: 10}}\n";
const DAYS: &str = "date,open,high,low,close,volume\n\
                    2024-01-02,100,100,100,100,9\n2024-01-03,100,100,100,100,9\n\
                    2024-01-04,50,55,50,55,9\n2024-01-05,54,54,54,54,9\n";
const ACTIONS: &str = "ex_date,kind,split_ratio,cash_amount\n2024-01-04,split,2,\n2024-01-05,dividend,,1\n\
                       2030-01-05,dividend,,1\n";

fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn a_backtest_takes_an_action_file_and_names_the_line_that_is_wrong() {
    let data = folder();
    let (strategy, bars) = (file(&data, "hold.yaml", HOLD), file(&data, "days.csv", DAYS));
    let backtest = |actions: &str, more: &[&str]| {
        let actions = file(&data, "actions.csv", actions);
        let base = [
            "backtest",
            "--strategy",
            path(&strategy),
            "--bars",
            path(&bars),
            "--fee-rate",
            "0",
            "--slippage-bps",
            "0",
            "--actions",
            path(&actions),
        ];
        run(&[&base[..], more].concat())
    };
    let output = backtest(ACTIONS, &["--json"]);
    assert_eq!(
        text(&output.stderr),
        "note: 1 of 3 actions lie outside the bars and are left out\n"
    );
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["final_equity"], "100100");
    assert_eq!(report["actions"], 2);
    let dividends = json!([{"kind": "dividend", "count": 1, "amount": "20"}]);
    assert_eq!(report["cash_flows"], dividends);
    assert_eq!(report["trades"][0]["quantity"], "20");
    assert_eq!(report["trades"][0]["entry_price"], "50");

    let table = text(&backtest(ACTIONS, &[]).stdout);
    assert!(table.contains("Actions          2: dividend 20 (1)\n"), "{table}");

    let wrong = backtest(&ACTIONS.replace("split,2", "split,-2"), &[]);
    assert_eq!(wrong.status.code(), Some(1));
    let words = text(&wrong.stderr);
    assert!(
        words.contains("actions.csv:2: a split into -2 shares is none"),
        "{words}"
    );
}

#[test]
fn imported_actions_come_in_a_replay_as_in_a_backtest() {
    let data = folder();
    let (strategy, bars) = (file(&data, "hold.yaml", HOLD), file(&data, "days.csv", DAYS));
    let actions = file(&data, "actions.csv", ACTIONS);
    let costs = r#"{"fee": 0, "slippage_bps": 0}"#;
    let import = |more: &[&str]| {
        let base = ["import", path(&bars), "--symbol", "AAPL", "--data-dir"];
        let output = run(&[&base[..], &[path(data.path())], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let told = import(&["--actions", path(&actions)]);
    assert!(told.starts_with("AAPL@1d: 4 bars, "), "{told}");
    assert!(told.ends_with(", 3 actions\n"), "{told}");
    // Bars alone leave the actions as they are.
    assert!(import(&[]).ends_with(", 3 actions\n"));

    let server = Server::start(data.path());
    let execution: Value = serde_json::from_str(costs).expect("JSON");
    let request = json!({"strategy": HOLD, "execution": execution});
    let with = |name: &str, value: Value| {
        let mut request = request.clone();
        request[name] = value;
        request
    };
    let answer = server.post("/backtests", &with("dataset", json!("AAPL@1d")));
    assert_eq!(answer.status, 202, "{}", answer.body);
    let one = format!("/backtests/{}", answer.json()["id"].as_str().expect("an id"));
    let report = server.wait_for(&one, |status| status["state"] == "finished")["report"].clone();
    assert_eq!(report["final_equity"], "100100");
    assert_eq!(report["actions"], 2);
    let dividends = json!([{"kind": "dividend", "count": 1, "amount": "20"}]);
    assert_eq!(report["cash_flows"], dividends);

    let mut replay = with("feed", json!("replay:AAPL@1d"));
    replay["speed"] = json!(0);
    let id = server.start_session(&replay);
    let session = server.wait_for(&format!("/sessions/{id}"), |session| {
        session["summary"]["state"] == "finished"
    });
    assert_eq!(session["event_hash"], report["event_hash"]);
    assert_eq!(session["summary"]["position"]["quantity"], "20");
    server.stop();

    let alone = run(&[
        "backtest",
        "--strategy",
        path(&strategy),
        "--bars",
        path(&bars),
        "--json",
        "--execution",
        costs,
        "--actions",
        path(&actions),
    ]);
    let alone: Value = serde_json::from_slice(&alone.stdout).expect("JSON");
    assert_eq!(alone["event_hash"], report["event_hash"]);
    let verified = run(&["verify", "--session", &id, "--data-dir", path(data.path())]);
    assert_eq!(
        text(&verified.stdout).trim(),
        format!("identical {}", report["event_hash"].as_str().expect("a hash"))
    );
}
