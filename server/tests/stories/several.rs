//! Sessions and backtests of several symbols on one account.

use crate::support::{Server, file, folder, import_as, papertape, simulated_csv_of, text};
use serde_json::{Value, json};
use std::path::Path;

/// Rules of two symbols that trade often; one reads the other.
const PAIR: &str = "
name: Pair
symbols: [BTC/USDT, ETH/USDT]
timeframe: 5m
rank: roc(close, 6)
entry:
  long: cross_above(sma(close, 3), sma(close, 8)) and close of BTC/USDT > 0
exit:
  long: cross_below(sma(close, 3), sma(close, 8))
risk:
  size: {method: percent_of_equity, value: 60}
  stop_loss: 1%
";

/// The same two as a portfolio.
const PORTFOLIO: &str = "
name: Even risk
symbols: [BTC/USDT, ETH/USDT]
timeframe: 5m
portfolio: {method: risk_parity, lookback: 30, rebalance: 24, drift: 1%, cash: 2%}
";

fn verify(data: &Path, id: &str) -> String {
    let output = papertape()
        .args(["verify", "--session", id, "--data-dir"])
        .arg(data)
        .output()
        .expect("the binary runs");
    let told = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{told}");
    told.trim().to_owned()
}

/// Bars without about every thirteenth row.
fn with_gaps(csv: &str) -> String {
    let rows = csv.lines().enumerate();
    let kept = rows.filter(|(row, _)| *row == 0 || row % 13 != 5);
    kept.map(|(_, line)| format!("{line}\n")).collect()
}

#[test]
fn a_replay_of_two_symbols_is_the_backtest() {
    let data = folder();
    let btc = file(&data, "btc.csv", &simulated_csv_of("BTC/USDT", 6_000));
    let eth = file(&data, "eth.csv", &with_gaps(&simulated_csv_of("ETH/USDT", 5_000)));
    let import = |symbol: &str, bars: &Path| {
        let import = import_as(symbol, data.path(), &[bars]);
        assert_eq!(import.status.code(), Some(0), "{}", text(&import.stderr));
    };
    import("BTC/USDT", &btc);
    import("ETH/USDT", &eth);
    let server = Server::start(data.path());
    let mut sessions = Vec::new();
    for strategy in [PAIR, PORTFOLIO] {
        let path = file(&data, "strategy.yaml", strategy);
        let backtest = papertape()
            .arg("backtest")
            .arg("--strategy")
            .arg(&path)
            .args(["--bars", &format!("ETH/USDT={}", eth.display())])
            .args(["--bars", &format!("BTC/USDT={}", btc.display())])
            .arg("--json")
            .output()
            .expect("the binary runs");
        assert_eq!(backtest.status.code(), Some(0), "{}", text(&backtest.stderr));
        let backtest: Value = serde_json::from_slice(&backtest.stdout).expect("JSON and nothing else");
        assert_eq!(backtest["symbols"], json!(["BTC/USDT", "ETH/USDT"]));

        let id = server.start_session(&json!({"strategy": strategy, "feed": "replay", "speed": 0}));
        let one = format!("/sessions/{id}");
        let session = server.wait_for(&one, |session| session["summary"]["state"] == "finished");
        assert_eq!(session["event_hash"], backtest["event_hash"], "{strategy}");
        let trades = server.all(&format!("{one}/trades"));
        assert!(!trades.is_empty());
        assert_eq!(Value::Array(trades), backtest["trades"]);
        assert_eq!(session["metrics"], backtest["metrics"]);
        let hash = session["event_hash"].as_str().expect("a hash");
        sessions.push((id, format!("identical {hash}")));

        // What is asked of one symbol is of it alone, and both together are all.
        let fills = |filter: &str| {
            let page = server.get(&format!("{one}/fills?limit=10000{filter}")).json();
            page["items"].as_array().expect("items").len()
        };
        let (all, of_btc, of_eth) = (fills(""), fills("&symbol=BTC/USDT"), fills("&symbol=ETH/USDT"));
        assert!(of_btc > 0 && of_eth > 0);
        assert_eq!(of_btc + of_eth, all);
        assert_eq!(fills("&symbol=SOL/USDT"), 0);

        // The same by HTTP.
        let started = server.post(
            "/backtests",
            &json!({"strategy": strategy, "dataset": "BTC/USDT@1m"}),
        );
        assert_eq!(started.status, 202, "{}", started.body);
        let id = started.json()["id"].as_str().expect("an id").to_owned();
        let status = server.wait_for(&format!("/backtests/{id}"), |status| {
            status["state"] == "finished"
        });
        assert_eq!(status["report"]["event_hash"], backtest["event_hash"]);
        assert_eq!(status["report"]["by_symbol"], backtest["by_symbol"]);
    }
    server.stop();
    // Other bars of the second symbol take the place of those that were replayed, which are kept for the sessions.
    let other = file(&data, "other.csv", &simulated_csv_of("ETH/USDT", 3_000));
    for _ in 0..2 {
        for (id, identical) in &sessions {
            assert_eq!(verify(data.path(), id), *identical);
        }
        import("ETH/USDT", &other);
    }
}

#[test]
fn a_portfolio_on_the_simulated_market_goes_on_after_its_process_was_killed() {
    let data = folder();
    let server = Server::start(data.path());
    let id = server.start_session(&json!({"strategy": PORTFOLIO, "speed": 3_000}));
    let one = format!("/sessions/{id}");
    let positions = |server: &Server| {
        let page = server.get(&format!("{one}/positions")).json();
        let symbols = page["items"].as_array().cloned().unwrap_or_default();
        symbols
            .iter()
            .map(|position| position["symbol"].clone())
            .collect::<Vec<_>>()
    };
    server.wait_for(&one, |session| {
        session["summary"]["other_positions"]
            .as_array()
            .is_some_and(|all| all.len() == 1)
            && !session["summary"]["position"].is_null()
    });
    assert_eq!(positions(&server), ["BTC/USDT", "ETH/USDT"]);
    let before = server.all(&format!("{one}/fills"));
    server.kill();
    let server = Server::start(data.path());
    let session = server.wait_for(&one, |session| session["summary"]["recoveries"] == 1);
    assert_eq!(session["summary"]["peers"][0]["symbol"], "ETH/USDT");
    let after = server.all(&format!("{one}/fills"));
    assert_eq!(after[..before.len()], before[..]);
    assert_eq!(positions(&server), ["BTC/USDT", "ETH/USDT"]);
    let stopped = server.post(&format!("{one}/stop"), &json!({}));
    assert_eq!(stopped.status, 200, "{}", stopped.body);
    server.stop();
    assert!(verify(data.path(), &id).contains("identical"));
}

#[test]
fn what_several_symbols_cannot_do_is_said() {
    let data = folder();
    let server = Server::start(data.path());
    let refused = |answer: crate::support::Answer, path: &str| {
        let problem = answer.json();
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        assert!(
            (400..500).contains(&answer.status) && errors.iter().any(|error| error["path"] == path),
            "{path}: {problem}"
        );
    };
    let unknown = json!({"strategy": PAIR, "symbols": ["BTC/USDT", "NO/USDT"]});
    refused(server.post("/sessions", &unknown), "symbols");
    let other_currency = json!({"strategy": PAIR, "symbols": ["BTC/USDT", "BTC/USD"]});
    refused(server.post("/sessions", &other_currency), "symbols");
    let target = "name: x\nsymbols: [BTC/USDT, ETH/USDT]\ntimeframe: 5m\nportfolio: {method: target, weights: {ETH/USDT: 50%}, drift: 5%}\n";
    refused(
        server.post("/sessions", &json!({"strategy": target, "symbols": ["BTC/USDT"]})),
        "symbols",
    );
    let nothing = json!({"strategy": PAIR, "feed": "replay:SOL/USDT@1m"});
    refused(server.post("/sessions", &nothing), "dataset");
}

#[test]
fn studies_run_over_all_symbols_of_the_strategy() {
    let data = folder();
    let swept = PAIR
        .replace("rank:", "params: {fast: 3}\nrank:")
        .replace("sma(close, 3)", "sma(close, $fast)");
    let strategy = file(&data, "strategy.yaml", &swept);
    let btc = file(&data, "btc.csv", &simulated_csv_of("BTC/USDT", 4_000));
    let eth = file(&data, "eth.csv", &with_gaps(&simulated_csv_of("ETH/USDT", 3_500)));
    let command = |name: &str, rest: &[&str]| {
        let output = papertape()
            .arg(name)
            .arg("--strategy")
            .arg(&strategy)
            .args(["--bars", &format!("ETH/USDT={}", eth.display())])
            .args(["--bars", &format!("BTC/USDT={}", btc.display())])
            .args(rest)
            .output()
            .expect("the binary runs");
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let json_of = |name: &str, rest: &[&str]| -> Value {
        let told = command(name, &[rest, &["--json"]].concat());
        serde_json::from_str(&told).expect("JSON and nothing else")
    };
    let both = json!(["BTC/USDT", "ETH/USDT"]);
    let sweep = json_of("sweep", &["--param", "fast=2,3,4"]);
    assert_eq!(sweep["run"]["symbols"], both);
    let rows = sweep["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 3);
    for row in rows {
        let fast = format!("fast={}", row["params"]["fast"]);
        let backtest = json_of("backtest", &["--param", &fast]);
        assert_eq!(row["metrics"], backtest["metrics"], "{fast}");
        assert_eq!(row["final_equity"], backtest["final_equity"], "{fast}");
    }
    let walk = json_of("walk-forward", &["--param", "fast=2,3,4", "--windows", "3"]);
    assert_eq!(
        (&walk["run"]["symbols"], walk["windows"].as_array().map(Vec::len)),
        (&both, Some(3))
    );
    let courses = json_of("monte-carlo", &["--courses", "200"]);
    let backtest = json_of("backtest", &[]);
    assert_eq!(
        (&courses["run"]["symbols"], &courses["metrics"]),
        (&both, &backtest["metrics"])
    );
    assert_eq!(courses["result"]["steps"], backtest["metrics"]["trades"]);
    let told = command("sweep", &["--param", "fast=2,3"]);
    assert!(
        told.starts_with("Pair on BTC/USDT, ETH/USDT, rules on 5m: "),
        "{told}"
    );

    // The same by HTTP.
    for (symbol, bars) in [("BTC/USDT", &btc), ("ETH/USDT", &eth)] {
        let import = import_as(symbol, data.path(), &[bars]);
        assert_eq!(import.status.code(), Some(0), "{}", text(&import.stderr));
    }
    let server = Server::start(data.path());
    let study = json!({
        "backtest": {"strategy": swept, "dataset": "BTC/USDT@1m"},
        "study": {"sweep": {"search": {"params": {"fast": "2,3,4"}}}}
    });
    let started = server.post("/studies", &study);
    assert_eq!(started.status, 202, "{}", started.body);
    let path = format!("/studies/{}", started.json()["id"].as_str().expect("an id"));
    let done = server.wait_for(&path, |status| status["state"] == "finished");
    assert_eq!(done["result"]["sweep"]["rows"], sweep["rows"]);
    assert_eq!(done["result"]["sweep"]["data_quality"], sweep["data_quality"]);
}

#[test]
fn an_order_is_explained_in_its_own_instrument() {
    let data = folder();
    let server = Server::start(data.path());
    let by_hand = "name: by hand\nsymbols: [BTC/USDT, DOGE/USDT]\ntimeframe: 1m\nentry: {long: false}\n\
                   risk: {size: {method: fixed_quantity, value: 1}}\n";
    let id = server.start_session(&json!({"strategy": by_hand, "speed": 60}));
    let account = format!("/accounts/{id}");
    let order = json!({"symbol": "DOGE/USDT", "side": "buy", "quantity": "1000"});
    // There is a price as soon as history is taken in and the market has spoken.
    let placed = server.wait_for(&account, |account| account["state"] == "running");
    assert_eq!(placed["peers"][0]["symbol"], "DOGE/USDT");
    let placed = server.post(&format!("{account}/orders"), &order);
    assert_eq!(placed.status, 201, "{}", placed.body);
    let placed = placed.json();
    assert_eq!(placed["symbol"], "DOGE/USDT");
    let path = format!("/orders/{}/explain", placed["id"].as_str().expect("an id"));
    let story = server.wait_for(&path, |story| story["status"] == "filled");
    let headline = story["headline"].as_str().unwrap_or_default();
    assert!(headline.starts_with("Buy 1000 DOGE/USDT market"), "{story}");
}
