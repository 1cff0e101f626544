//! What a session's data was like: a hole in a recording, and sources that tell different prices.

use crate::feeds::{serve, silent_venues, with_rerun};
use crate::support::{Server, file, folder, import, simulated_csv, text};
use crate::venues::{IDLE, feed, has_incident, venue};
use papertape::model::{Timeframe, Timestamp};
use papertape_feeds::{Clock as _, SystemClock};
use serde_json::json;
use std::collections::BTreeSet;
use tokio::runtime::Runtime;

/// In a position from the first to the third minute of every four.
const METRONOME: &str = "
name: Metronome
symbols: [BTC/USDT]
timeframe: 1m
entry:
  long: minute % 4 < 2
exit:
  long: minute % 4 >= 2
risk:
  size: {method: percent_of_equity, value: 10}
";

#[test]
fn a_trade_that_was_held_over_a_hole_is_left_out_of_untainted_metrics() {
    let data = folder();
    let whole = simulated_csv(1_000);
    // Of 9:58 to 10:27 there are no bars: what was bought at 9:57 could not be sold at 9:59.
    let lines = whole.lines().enumerate();
    let kept = lines.filter(|(line, _)| !(599..629).contains(line));
    let holed: String = kept.map(|(_, line)| format!("{line}\n")).collect();
    let (from, to) = ("2025-01-06T09:58:00Z", "2025-01-06T10:28:00Z");
    let bars = file(&data, "bars.csv", &holed);
    let import = import(data.path(), &[&bars]);
    assert!(
        text(&import.stdout).contains("1 gap, 30 bars missing"),
        "{}",
        text(&import.stdout)
    );
    let server = Server::start(data.path());
    let id = server.start_session(&json!({"strategy": METRONOME, "feed": "replay", "speed": 0}));
    let one = format!("/sessions/{id}");
    server.wait_for(&one, |session| session["summary"]["state"] == "finished");
    let quality = server.get(&format!("{one}/data-quality")).json();
    assert_eq!(quality["tainted"], json!([{"from": from, "to": to}]));
    let trades = server.all(&format!("{one}/trades"));
    let closed: Vec<_> = trades
        .iter()
        .filter(|trade| trade["exit_time"].is_string())
        .collect();
    let touching = closed.iter().filter(|trade| {
        let time = |name: &str| trade[name].as_str().expect("a time").to_owned();
        *time("entry_time") <= *to && *time("exit_time") >= *from
    });
    assert_eq!(touching.count(), 1, "one was held over the hole");
    let count = |path: &str| server.get(path).json()["trades"].as_u64().expect("a count");
    let all = count(&format!("{one}/metrics"));
    assert_eq!(all, closed.len() as u64);
    assert_eq!(count(&format!("{one}/metrics?without=tainted")), all - 1);
}

#[test]
fn sources_that_differ_raise_an_alert_and_where_it_is_wanted_hold_fills() {
    let runtime = Runtime::new().expect("threads");
    let beginning = Timeframe::MINUTE.floor(SystemClock.now());
    let first = venue(&runtime, None, beginning, 2);
    let second = venue(&runtime, None, beginning, 2);
    let data = folder();
    // The second calls by that name what is worth a twentieth.
    let route = |name: &str, holds: bool| {
        format!(
            "[[routes]]\nname = \"{name}\"\nhold_on_divergence = {holds}\nsources = [{{ feed = \"first\" }}, \
             {{ feed = \"second\", symbols = {{ \"BTC/USD\" = \"ETH/USD\" }} }}]\n"
        )
    };
    let config = format!(
        "{}{}{}{}{}",
        feed("first", &first),
        feed("second", &second),
        silent_venues(),
        route("strict", true),
        route("lenient", false)
    );
    let config = file(&data, "papertape.toml", &config);
    let server = Server::start_with(data.path(), &["--config", &config.display().to_string()]);
    let order = json!({"symbol": "BTC/USD", "side": "buy", "type": "market", "quantity": "0.01"});
    let orders = ["strict", "lenient"].map(|feed| {
        let start = json!({"strategy": IDLE, "feed": feed, "symbols": ["BTC/USD"]});
        let id = server.start_session(&start);
        server.wait_for(&format!("/sessions/{id}/data-quality"), |quality| {
            has_incident(quality, "divergence", false)
        });
        (id, feed)
    });
    // Told at once, and both are held to be in doubt.
    let alerts = server.wait_for("/alerts", |alerts| {
        let all = alerts["items"].as_array().cloned().unwrap_or_default();
        let about = all.iter().filter(|alert| alert["code"] == "data_divergence");
        let sessions: BTreeSet<String> = about.map(|alert| alert["session"].to_string()).collect();
        sessions.len() == 2
    });
    assert!(
        alerts.to_string().contains("from what the other sources tell"),
        "{alerts}"
    );
    let [(strict, _), (lenient, _)] = &orders;
    server.wait_for("/feeds/strict", |feed| feed["symbols"][0]["freshness"] == "gap");
    server.wait_for("/feeds/lenient", |feed| {
        feed["symbols"][0]["freshness"] == "fresh"
    });
    let place = |id: &str| {
        let placed = server.post(&format!("/accounts/{id}/orders"), &order);
        assert_eq!(placed.status, 201, "{}", placed.body);
        placed.json()["id"].as_str().expect("an id").to_owned()
    };
    let waits = place(strict);
    place(lenient);
    let fills = |id: &str| server.all(&format!("/sessions/{id}/fills"));
    server.wait_for(&format!("/sessions/{lenient}/fills"), |page| {
        page["items"].as_array().is_some_and(|items| !items.is_empty())
    });
    let why = server.wait_for(&format!("/orders/{waits}/explain"), |why| {
        why.to_string().contains("gap")
    });
    assert_eq!(fills(strict).len(), 0, "{why}");
    // Who is alone contradicts nobody: it fills.
    drop(second);
    server.wait_for(&format!("/sessions/{strict}/fills"), |page| {
        page["items"].as_array().is_some_and(|items| !items.is_empty())
    });
    server.wait_for(&format!("/sessions/{strict}/data-quality"), |quality| {
        has_incident(quality, "divergence", true) && !has_incident(quality, "divergence", false)
    });
    server.stop();
}

#[test]
fn what_went_wrong_survives_the_process_and_the_loss_of_its_record() {
    let runtime = Runtime::new().expect("threads");
    let beginning = Timeframe::MINUTE.floor(SystemClock.now());
    let first = venue(&runtime, None, beginning, 1);
    let data = folder();
    let config = file(
        &data,
        "papertape.toml",
        &format!("{}{}", feed("first", &first), silent_venues()),
    );
    let start = || Server::start_with(data.path(), &["--config", &config.display().to_string()]);
    let server = start();
    let id = server.start_session(&json!({"strategy": IDLE, "feed": "first", "symbols": ["BTC/USD"]}));
    let one = format!("/sessions/{id}");
    let quality = format!("{one}/data-quality");
    let is_fresh = |feed: &serde_json::Value| feed["symbols"][0]["freshness"] == "fresh";
    // What has told nothing yet has no gap.
    server.wait_for("/feeds/first", |feed| {
        is_fresh(feed) && feed["symbols"][0]["number"].as_u64() > Some(0)
    });
    // The venue goes away, and comes back.
    let address = first.address();
    drop(first);
    server.wait_for("/feeds/first", |feed| feed["symbols"][0]["freshness"] == "gap");
    let _first = venue(&runtime, Some(address), beginning, 1);
    server.wait_for("/feeds/first", is_fresh);
    let seen = server.wait_for(&quality, |quality| {
        has_incident(quality, "gap", true) || has_incident(quality, "stale", true)
    });
    // Something is told after it, and seen: then all before it is durable.
    let time = |session: &serde_json::Value| session["summary"]["market_time"].as_str().map(str::to_owned);
    let before = time(&server.get(&one).json());
    server.wait_for(&one, |session| time(session) > before);
    server.kill();
    runtime.block_on(async {
        let path = data.path().join("papertape.db").display().to_string();
        let database = sqlx::SqlitePool::connect(&path)
            .await
            .expect("the database is there");
        for table in ["incidents", "incidents_read"] {
            let delete = sqlx::AssertSqlSafe(format!("DELETE FROM {table}"));
            let done = sqlx::query(delete).execute(&database).await;
            assert!(done.expect("it is there").rows_affected() > 0 || table == "incidents_read");
        }
        database.close().await;
    });
    let server = start();
    // One may have counted on before the end.
    let over = |quality: &serde_json::Value| -> BTreeSet<String> {
        let all = quality["incidents"].as_array().cloned().unwrap_or_default();
        let over = all.iter().filter(|it| !it["to"].is_null());
        over.map(|it| format!("{} {} {}", it["kind"], it["from"], it["source"]))
            .collect()
    };
    let seen = over(&seen);
    assert!(!seen.is_empty());
    server.wait_for(&quality, |now| over(now).is_superset(&seen));
    server.stop();
}

#[test]
fn however_many_entries_the_record_has_every_one_counts_of_those_that_put_data_in_doubt() {
    let data = with_rerun("0");
    let server = serve(data.path());
    let id = server.start_session(&json!({"strategy": IDLE, "feed": "rerun", "symbols": ["BTC/USDT"]}));
    let session = server.get(&format!("/sessions/{id}")).json();
    let created = session["summary"]["created_at"].as_str().expect("a time");
    let created = Timestamp::parse(created).expect("a time");
    server.stop();
    // Two gaps, and after them as many trifles as are listed, and twenty.
    Runtime::new().expect("threads").block_on(async {
        let path = data.path().join("papertape.db").display().to_string();
        let database = sqlx::SqlitePool::connect(&path).await.expect("it is there");
        let insert = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10022)
            INSERT INTO incidents (feed, symbol, run, number, kind, source, from_time, to_time, count, detail)
            SELECT 'rerun', 'BTC/USDT', 1, i, CASE WHEN i <= 2 THEN 'gap' ELSE 'quarantine' END, 'rerun', ?1 + i * 1000,
            ?1 + i * 1000 + 500, 1, 'made' FROM n";
        let done = sqlx::query(insert).bind(created.nanos()).execute(&database).await;
        assert_eq!(done.expect("inserted").rows_affected(), 10_022);
        database.close().await;
    });
    let server = serve(data.path());
    let quality = server.get(&format!("/sessions/{id}/data-quality")).json();
    let listed = quality["incidents"].as_array().expect("a list");
    assert_eq!((listed.len(), &quality["omitted"]), (10_000, &json!(22)));
    assert!(listed.iter().all(|it| it["kind"] == "quarantine"), "the newest");
    assert_eq!(
        quality["tainted"].as_array().map(Vec::len),
        Some(2),
        "{}",
        quality["tainted"]
    );
    assert_eq!(quality["tainted_seconds"], 1e-6);
    server.stop();
}
