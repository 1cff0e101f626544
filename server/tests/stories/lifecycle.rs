//! Sessions from start to end, by REST.

use crate::support::{BUSY, CROSS, Server, folder};
use serde_json::json;

#[test]
fn a_session_is_started_paused_resumed_flattened_and_stopped() {
    let data = folder();
    let server = Server::start(data.path());
    let answer = server.post(
        "/sessions",
        &json!({"strategy": BUSY, "name": "My first", "initial_capital": "50000", "speed": 600, "params": {"fast": 4}}),
    );
    assert_eq!(answer.status, 201, "{}", answer.body);
    let session = answer.json();
    let id = session["id"].as_str().expect("an id");
    assert_eq!(
        answer.header("location"),
        Some(format!("/api/paper-trading/sessions/{id}").as_str())
    );
    assert_eq!(session["name"], "My first");
    assert_eq!(session["state"], "running");
    assert_eq!(
        session["initial_capital"],
        json!({"amount": "50000", "currency": "USDT"})
    );
    assert_eq!(session["params"], json!({"fast": 4.0, "slow": 8.0}));
    assert_eq!(session["feed"]["kind"], "simulated");

    let one = format!("/sessions/{id}");
    let detail = server.wait_for(&one, |detail| detail["summary"]["trades"].as_u64() > Some(0));
    assert!(
        detail["history_bars"].as_u64() >= Some(300),
        "the chart begins before the session"
    );
    let act = |action: &str| server.post(&format!("{one}/{action}"), &json!({})).json();
    assert_eq!(act("pause")["state"], "paused");
    assert_eq!(act("resume")["state"], "running");
    act("flatten");
    server.wait_for(&one, |detail| detail["summary"]["state"] == "running");
    let faster = server.post(&format!("{one}/speed"), &json!({"speed": 1200}));
    assert_eq!((faster.status, &faster.json()["speed"]), (200, &json!(1200.0)));
    assert_eq!(
        server.post("/stop", &json!({"session": id})).json()["state"],
        "stopped"
    );
    // It has ended, and it is all still there.
    let detail = server.get(&one).json();
    assert_eq!(detail["summary"]["state"], "stopped");
    assert_eq!(detail["summary"]["open_orders"], 0);
    for list in ["trades", "fills", "orders", "equity", "events"] {
        assert!(!server.all(&format!("{one}/{list}")).is_empty(), "{list}");
    }
    let late = server.post(&format!("{one}/pause"), &json!({}));
    assert_eq!(
        (late.status, &late.json()["code"]),
        (409, &json!("session_ended"))
    );
}

#[test]
fn the_records_of_a_session_agree_with_each_other_and_come_in_pages_and_as_csv() {
    let data = folder();
    let server = Server::start(data.path());
    let id = server.start_session(&json!({"strategy": CROSS, "feed": "replay", "speed": 0}));
    let one = format!("/sessions/{id}");
    let detail = server.wait_for(&one, |detail| detail["summary"]["state"] == "finished");
    let trades = server.all(&format!("{one}/trades"));
    let closed = trades
        .iter()
        .filter(|trade| !trade["exit_time"].is_null())
        .count() as u64;
    assert_eq!(detail["summary"]["trades"], closed);

    let fills = server.all(&format!("{one}/fills"));
    let journal = server.all(&format!("{one}/events"));
    let filled = journal
        .iter()
        .filter(|event| event["kind"] == "order_filled")
        .count();
    assert_eq!(fills.len(), filled);
    let orders = server.all(&format!("{one}/orders"));
    let submitted = journal
        .iter()
        .filter(|event| event["kind"] == "order_submitted" || event["kind"] == "order_denied")
        .count();
    assert_eq!(orders.len(), submitted);
    assert!(
        orders
            .iter()
            .all(|order| order["status"] != "submitted" && order["status"] != "accepted")
    );

    // A page at a time is the same list.
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("{one}/fills?limit=7{cursor}")).json();
        paged.extend(page["items"].as_array().expect("items").clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, fills);

    let buys = server.get(&format!("{one}/fills?side=buy&limit=10000")).json();
    let expected = fills.iter().filter(|fill| fill["side"] == "buy").count();
    assert_eq!(buys["items"].as_array().map(Vec::len), Some(expected));
    let other = server.get(&format!("{one}/trades?symbol=ETH/USDT")).json();
    assert_eq!(other["items"], json!([]));
    let from = trades[3]["entry_time"].as_str().expect("a time");
    let later = server
        .get(&format!("{one}/trades?from={from}&limit=10000"))
        .json();
    assert_eq!(later["items"].as_array().map(Vec::len), Some(trades.len() - 3));

    for csv in [
        server.get(&format!("{one}/trades?format=csv")),
        server.request_with("GET", &format!("{one}/trades"), None, &[("Accept", "text/csv")]),
    ] {
        assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
        assert!(
            csv.body.starts_with("id,symbol,side,quantity,entry_time,"),
            "{}",
            csv.body
        );
        assert_eq!(csv.body.lines().count(), 1 + trades.len());
    }
    let equity = server.get(&format!("{one}/equity?format=csv")).body;
    assert_eq!(equity.lines().count(), 1 + 129_600, "one row a bar");
    assert_eq!(
        equity.lines().next(),
        Some("time,equity,cash,position_value,drawdown,optimistic,pessimistic")
    );
}

#[test]
fn sessions_do_not_see_each_other_and_deleting_one_leaves_the_others() {
    let data = folder();
    let server = Server::start(data.path());
    let ids: Vec<String> = (0..3).map(|_| server.start_busy(3_000.0)).collect();
    for id in &ids {
        server.wait_for(&format!("/sessions/{id}/fills"), |page| {
            page["items"].as_array().map(Vec::len) > Some(2)
        });
    }
    assert_eq!(server.delete(&format!("/sessions/{}", ids[1])).status, 204);
    let gone = server.get(&format!("/sessions/{}/trades", ids[1]));
    assert_eq!(
        (gone.status, &gone.json()["code"]),
        (404, &json!("unknown_session"))
    );
    let listed = server.get("/sessions").json();
    let listed: Vec<&str> = listed["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|session| session["id"].as_str())
        .collect();
    assert_eq!(listed, [ids[2].as_str(), ids[0].as_str()], "newest first");
    for id in [&ids[0], &ids[2]] {
        let before = server.all(&format!("/sessions/{id}/fills")).len();
        server.wait_for(&format!("/sessions/{id}/fills?limit=10000"), |page| {
            page["items"].as_array().map(Vec::len) > Some(before)
        });
    }
    let status = server.get("/status").json();
    assert_eq!(status["sessions"], json!({"running": 2}));
    assert_eq!(status["storage"], "sqlite");
}

#[test]
fn a_backtest_is_started_followed_and_read_and_another_is_canceled() {
    let data = folder();
    let server = Server::start(data.path());
    let answer = server.post("/backtests", &json!({"strategy": CROSS}));
    assert_eq!(answer.status, 202, "{}", answer.body);
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    let status = server.wait_for(&format!("/backtests/{id}"), |status| {
        status["state"] == "finished"
    });
    assert_eq!(status["progress"], json!({"done": 129_600, "total": 129_600}));
    let report = &status["report"];
    assert_eq!(report["symbol"], "BTC/USDT");
    assert_eq!(report["initial_capital"], "100000");
    assert_eq!(report["metrics"]["trades"].as_u64(), {
        let trades = report["trades"].as_array().expect("trades");
        Some(
            trades
                .iter()
                .filter(|trade| !trade["exit_time"].is_null())
                .count() as u64,
        )
    });
    assert!(status["bars"].as_array().map(Vec::len) <= Some(2_000));
    assert!(status["equity"].as_array().map(Vec::len) <= Some(1_000));

    let answer = server.post("/backtests", &json!({"strategy": CROSS})).json();
    let id = answer["id"].as_str().expect("an id").to_owned();
    assert_eq!(server.delete(&format!("/backtests/{id}")).status, 204);
    let ended = server.wait_for(&format!("/backtests/{id}"), |status| {
        status["state"] == "canceled" || status["state"] == "finished"
    });
    assert_eq!(ended["id"], id.as_str());
    server.stop();
    // Results outlive the server.
    let server = Server::start(data.path());
    assert_eq!(
        server.get(&format!("/backtests/{id}")).json()["state"],
        ended["state"]
    );
}

#[test]
fn answers_carry_the_headers_that_protect_their_readers() {
    let data = folder();
    let server = Server::start(data.path());
    for path in ["/status", "//", "//healthz"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(
            policy.contains("frame-ancestors 'none'") && !policy.contains("script-src 'self' 'unsafe"),
            "{policy}"
        );
        assert!(answer.header("x-request-id").is_some());
    }
    let foreign = server.request_with(
        "POST",
        "/sessions",
        Some("{}"),
        &[("Origin", "https://evil.example")],
    );
    assert_eq!(
        (foreign.status, &foreign.json()["code"]),
        (403, &json!("foreign_origin"))
    );
    let rebound = server.request_with("GET", "/sessions", None, &[("Host", "evil.example")]);
    assert_eq!(
        (rebound.status, &rebound.json()["code"]),
        (421, &json!("foreign_host"))
    );
}

#[test]
fn the_library_is_on_the_shelf_and_the_data_directory_adds_to_it() {
    let data = folder();
    std::fs::create_dir(data.path().join("strategies")).expect("a folder");
    std::fs::write(data.path().join("strategies/mine.yaml"), CROSS).expect("a file");
    std::fs::write(data.path().join("strategies/broken.yaml"), "name: [").expect("a file");
    let server = Server::start(data.path());
    let shelf = server.all("/strategies");
    let card = |slug: &str| {
        let found = shelf.iter().find(|card| card["slug"] == slug);
        found.unwrap_or_else(|| panic!("{slug} is on the shelf")).clone()
    };
    assert_eq!(card("mine")["name"], "Cross");
    assert!(
        !card("broken")["problems"]
            .as_array()
            .expect("problems")
            .is_empty()
    );
    for card in shelf.iter().filter(|card| card["slug"] != "broken") {
        assert_eq!(card["problems"], json!([]), "{}", card["slug"]);
    }
    card("sma-cross");

    let detail = server.get("/strategies/mine").json();
    assert_eq!(detail["source"], CROSS);
    let backtest = server.post("/backtests", &json!({"strategy": "mine"})).json();
    let id = backtest["id"].as_str().expect("an id");
    server.wait_for(&format!("/backtests/{id}"), |status| {
        status["state"] == "finished"
    });
    let detail = server.get("/strategies/mine").json();
    assert_eq!(detail["card"]["last_backtest"]["id"], id);
    assert_eq!(detail["backtests"][0]["params"], json!({}));
    // By slug, or by the name that people see.
    for strategy in ["sma-cross", "cross"] {
        server.start_session(&json!({"strategy": strategy, "backtest": id}));
    }
}
