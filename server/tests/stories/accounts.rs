//! The account's terms: margin mode, leverage and rates, as a user sets them.

use crate::support::{Server, file, folder, run, text};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Fifty contracts of a perpetual, bought at 100.
const HOLD: &str = "name: hold\nsymbols: [BTC/USDT-PERP]\ntimeframe: 1h\nentry: {long: close > 95}\n\
                    risk: {size: {method: fixed_quantity, value: 50}}\n";
/// A fall to 90, and back.
const HOURS: &str = "time,open,high,low,close,volume\n\
                     2024-01-02T00:00:00Z,100,100,100,100,9000\n2024-01-02T01:00:00Z,100,100,100,100,9000\n\
                     2024-01-02T02:00:00Z,100,100,95,95,9000\n2024-01-02T03:00:00Z,95,95,90,90,9000\n\
                     2024-01-02T04:00:00Z,90,92,90,92,9000\n2024-01-02T05:00:00Z,92,94,92,94,9000\n";
const FREE: &str = r#"{"fee": 0, "slippage_bps": 0}"#;

fn imported(data: &TempDir) -> Server {
    let bars = file(data, "hours.csv", HOURS);
    let folder = data.path().to_str().expect("a plain path");
    let bars = bars.to_str().expect("a plain path");
    let output = run(&["import", bars, "--symbol", "BTC/USDT-PERP", "--data-dir", folder]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    Server::start(data.path())
}

/// A thousand of capital for fifty contracts at 100, with or without terms.
fn request(account: Option<Value>) -> Value {
    let execution: Value = serde_json::from_str(FREE).expect("JSON");
    json!({"strategy": HOLD, "initial_capital": 1000, "execution": execution, "account": account})
}

fn backtest(server: &Server, account: Option<Value>) -> Value {
    let mut request = request(account);
    request["dataset"] = json!("BTC/USDT-PERP@1h");
    let answer = server.post("/backtests", &request);
    assert_eq!(answer.status, 202, "{}", answer.body);
    let one = format!("/backtests/{}", answer.json()["id"].as_str().expect("an id"));
    server.wait_for(&one, |status| status["state"] == "finished")
}

fn session(server: &Server, request: &Value) -> (Value, Vec<Value>) {
    let mut request = request.clone();
    request["feed"] = json!("replay:BTC/USDT-PERP@1h");
    request["speed"] = json!(0);
    let one = format!("/sessions/{}", server.start_session(&request));
    let session = server.wait_for(&one, |session| session["summary"]["state"] == "finished");
    (session, server.all(&format!("{one}/trades")))
}

#[test]
fn an_isolated_position_is_liquidated_where_the_whole_account_would_have_carried_it() {
    let data = folder();
    let server = imported(&data);
    let isolated = json!({"mode": "isolated", "leverage": 10});

    let (carried, trades) = session(&server, &request(None));
    assert_eq!(carried["summary"]["account"]["mode"], "cross");
    assert_eq!(trades[0]["exit_reason"], "", "it is open still: {trades:?}");

    let (ended, trades) = session(&server, &request(Some(isolated.clone())));
    assert_eq!(ended["summary"]["account"]["mode"], "isolated");
    assert_eq!(ended["summary"]["account"]["leverage"], "10");
    // A tenth of 5,000 covers it: 500 + 50 (p − 100) falls below 2.5 % of 50 p under 92.31. In a market of whole prices the
    // first beyond is 92.
    assert_eq!(trades[0]["exit_reason"], "liquidation", "{trades:?}");
    assert_eq!(trades[0]["exit_price"], "92");

    // The backtest says the same, and a session that follows it has its account.
    let status = backtest(&server, Some(isolated));
    assert_eq!(status["report"]["event_hash"], ended["event_hash"]);
    assert_eq!(status["report"]["account"], ended["summary"]["account"]);
    let mut follows = request(None);
    follows["backtest"] = status["id"].clone();
    let (follower, _) = session(&server, &follows);
    assert_eq!(follower["event_hash"], ended["event_hash"]);

    // At leverage 4 the position would need 1,250 of the 1,000.
    let (kept_out, trades) = session(&server, &request(Some(json!({"leverage": 4}))));
    assert!(trades.is_empty(), "{trades:?}");
    assert_eq!(kept_out["summary"]["equity"]["amount"], "1000");
}

#[test]
fn terms_that_make_no_sense_are_named_by_their_path() {
    let data = folder();
    let server = Server::start(data.path());
    for (account, paths) in [
        (json!({"leverage": 0}), &["account.leverage"][..]),
        (
            json!({"leverage": 1001, "borrow_rate": -1}),
            &["account.leverage", "account.borrow_rate"],
        ),
        (json!({"levrage": 10}), &["account.levrage"]),
        (json!({"mode": "hedged"}), &["account.mode"]),
        (json!({"debit_rate": "dear"}), &["account.debit_rate"]),
    ] {
        for place in ["/sessions", "/backtests"] {
            let answer = server.post(place, &request(Some(account.clone())));
            assert_eq!(answer.status, 422, "{account}: {}", answer.body);
            let problem = answer.json();
            let errors = problem["errors"].as_array().expect("errors");
            let found: Vec<_> = errors.iter().filter_map(|error| error["path"].as_str()).collect();
            assert_eq!(found, paths, "{place} {account}");
        }
    }
    assert_eq!(server.all("/sessions").len(), 0);
}

#[test]
fn the_command_line_takes_an_account_as_json_or_as_a_file_of_it() {
    let data = folder();
    let (strategy, bars) = (file(&data, "hold.yaml", HOLD), file(&data, "hours.csv", HOURS));
    let terms = file(&data, "account.json", r#"{"mode": "isolated", "leverage": 10}"#);
    let backtest = |account: &str| {
        let (strategy, bars) = (strategy.to_str(), bars.to_str());
        let (strategy, bars) = (strategy.expect("plain"), bars.expect("plain"));
        let base = ["backtest", "--strategy", strategy, "--bars", bars, "--json"];
        run(&[
            &base[..],
            &["--capital", "1000", "--execution", FREE, "--account", account],
        ]
        .concat())
    };
    for account in [
        r#"{"mode": "isolated", "leverage": 10}"#,
        terms.to_str().expect("plain"),
    ] {
        let output = backtest(account);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{account}: {}", text(&output.stderr)));
        assert_eq!(report["account"]["mode"], "isolated");
        assert_eq!(report["trades"][0]["exit_reason"], "liquidation");
    }
    for (account, words) in [
        (r#"{"leverage": 0}"#, "leverage: leverage is 1 to 1000"),
        (r#"{"levrage": 3}"#, "unknown field `levrage`"),
        ("nowhere.json", "nowhere.json cannot be read"),
    ] {
        let output = backtest(account);
        assert_eq!(output.status.code(), Some(2), "{account}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(words), "{account}: {stderr}");
    }
}

#[test]
fn what_the_venue_accepts_is_said_on_import_and_kept_through_the_next() {
    let data = folder();
    let bars = file(&data, "hours.csv", HOURS);
    let (bars, folder) = (
        bars.to_str().expect("a path"),
        data.path().to_str().expect("a path"),
    );
    let import = |more: &[&str]| {
        let all = ["import", bars, "--symbol", "BTC/USDT-PERP", "--data-dir", folder];
        run(&[&all[..], more].concat())
    };
    let wrong = import(&["--limits", r#"{"price_band": 2}"#]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).contains("price_band"),
        "{}",
        text(&wrong.stderr)
    );
    for more in [&["--limits", r#"{"maximum_quantity": 10}"#][..], &[]] {
        let output = import(more);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    let server = Server::start(data.path());
    let (_, trades) = session(&server, &request(None));
    assert_eq!(trades, Vec::<Value>::new(), "fifty are more than ten");
}

#[test]
fn a_session_warns_of_volumes_as_a_backtest_does() {
    let warnings = |hours: &str, execution: Value| {
        let data = folder();
        let bars = file(&data, "hours.csv", hours);
        let folder = data.path().to_str().expect("a plain path");
        let bars = bars.to_str().expect("a plain path");
        let output = run(&["import", bars, "--symbol", "BTC/USDT-PERP", "--data-dir", folder]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let server = Server::start(data.path());
        let mut request = request(None);
        request["execution"] = execution;
        let (ended, _) = session(&server, &request);
        request["dataset"] = json!("BTC/USDT-PERP@1h");
        let answer = server.post("/backtests", &request);
        let one = format!("/backtests/{}", answer.json()["id"].as_str().expect("an id"));
        let status = server.wait_for(&one, |status| status["state"] == "finished");
        // What is likely a mistake in its file is told of a strategy before it starts; of a session, what it came upon.
        let mut told = status["report"]["warnings"].clone();
        let of_file = |warning: &Value| warning.as_str().is_some_and(|it| it.starts_with("Line "));
        told.as_array_mut()
            .expect("a list")
            .retain(|warning| !of_file(warning));
        assert_eq!(ended["summary"]["warnings"], told);
        ended["summary"]["warnings"].clone()
    };
    let free: Value = serde_json::from_str(FREE).expect("JSON");
    assert_eq!(warnings(HOURS, free.clone()), json!([]));
    let thin = warnings(&HOURS.replace(",9000", ",9"), free.clone());
    assert!(
        thin[0]
            .as_str()
            .is_some_and(|it| it.starts_with("1 fills took more")),
        "{thin}"
    );
    // Bars without volumes say nothing of sizes, unless sizes are to follow from them.
    let silent = HOURS.replace(",9000", ",0");
    assert_eq!(warnings(&silent, free), json!([]));
    let share = json!({"fee": 0, "slippage_bps": 0, "fill": {"volume_share": 0.1}});
    let none = warnings(&silent, share);
    assert!(
        none[0].as_str().is_some_and(|it| it.contains("no volume")),
        "{none}"
    );
}

#[test]
fn a_backtest_takes_a_venue_s_limits() {
    let data = folder();
    let (strategy, bars) = (file(&data, "hold.yaml", HOLD), file(&data, "hours.csv", HOURS));
    let [strategy, bars] = [&strategy, &bars].map(|path| path.to_str().expect("a plain path"));
    let trades = |more: &[&str]| {
        let all = [
            "backtest",
            "--strategy",
            strategy,
            "--bars",
            bars,
            "--capital",
            "1000",
            "--json",
        ];
        let output = run(&[&all[..], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        report["trades"].as_array().map(Vec::len)
    };
    assert_eq!(trades(&[]), Some(1));
    assert_eq!(
        trades(&["--limits", r#"{"maximum_quantity": 10}"#]),
        Some(0),
        "fifty are more than ten"
    );
    let wrong = run(&[
        "backtest",
        "--strategy",
        strategy,
        "--bars",
        bars,
        "--limits",
        r#"{"price_band": 2}"#,
    ]);
    assert_eq!(wrong.status.code(), Some(2));
}

/// Ten thousandths of a perpetual's value each eight hours, or what the simulated market tells.
#[test]
fn perpetuals_pay_funding_and_say_when_they_did_not() {
    const LONG: &str = "name: carry\nsymbols: [BTC/USDT-PERP]\ntimeframe: 1h\nentry: {long: close > 0}\n\
                        risk: {size: {method: fixed_quantity, value: 0.1}}\n";
    let data = folder();
    let hour = |hour: u32| format!("2024-01-02T{hour:02}:00:00Z,100,100,100,100,9000\n");
    let day: String = (0..24).map(hour).collect();
    let bars = file(
        &data,
        "day.csv",
        &format!("time,open,high,low,close,volume\n{day}"),
    );
    let (bars, folder) = (
        bars.to_str().expect("a path"),
        data.path().to_str().expect("a path"),
    );
    let output = run(&["import", bars, "--symbol", "BTC/USDT-PERP", "--data-dir", folder]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let server = Server::start(data.path());

    // Imported bars tell none: the result says so, and a usual rate can be given.
    let silent = backtest(&server, None);
    let warning = |report: &Value| {
        report["warnings"]
            .to_string()
            .contains("No funding was charged on BTC/USDT-PERP")
    };
    assert!(warning(&silent["report"]), "{silent}");
    let told = backtest(&server, Some(json!({"funding_rate": 0.0001})));
    assert!(!warning(&told["report"]), "{told}");
    // Fifty at 100, at eight, at four and at midnight when it ends.
    let flows = json!([{"kind": "funding", "count": 3, "amount": "-1.5"}]);
    assert_eq!(told["report"]["cash_flows"], flows);

    // The simulated market tells its own, in backtests and in sessions.
    let request = json!({"strategy": LONG, "dataset": "simulated"});
    let answer = server.post("/backtests", &request);
    assert_eq!(answer.status, 202, "{}", answer.body);
    let one = format!("/backtests/{}", answer.json()["id"].as_str().expect("an id"));
    let simulated = server.wait_for(&one, |status| status["state"] == "finished");
    let flows = &simulated["report"]["cash_flows"][0];
    // Bought after an hour and held for 90 days, three a day, the one of the last midnight included.
    assert_eq!(
        (flows["kind"].as_str(), flows["count"].as_u64()),
        (Some("funding"), Some(270)),
        "{flows}"
    );
    assert!(!warning(&simulated["report"]));

    let live = json!({"strategy": LONG, "feed": "simulated", "speed": 0});
    let one = format!("/sessions/{}", server.start_session(&live));
    let funding = |event: &Value| event["kind"] == "cash_flow";
    server.wait_for(&format!("{one}/events?limit=1000"), |events| {
        events["items"]
            .as_array()
            .is_some_and(|items| items.iter().any(funding))
    });
    let stopped = server.post(&format!("{one}/stop"), &json!({}));
    assert_eq!(stopped.status, 200, "{}", stopped.body);
}
