//! Whatever happens to the process, nothing that was shown is lost, and everything goes on as if nothing had happened.

use crate::support::{Server, folder, papertape, run, text};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a session has shown of itself.
struct Shown {
    id: String,
    lists: Vec<(&'static str, Vec<Value>)>,
}

impl Shown {
    fn of(server: &Server, id: &str) -> Self {
        let lists = ["events", "orders", "fills", "equity"]
            .map(|list| (list, server.all(&format!("/sessions/{id}/{list}"))))
            .to_vec();
        Self {
            id: id.to_owned(),
            lists,
        }
    }

    /// Everything shown before is there now, in the same place.
    fn is_kept_by(&self, server: &Server) {
        for (list, before) in &self.lists {
            let after = server.all(&format!("/sessions/{}/{list}", self.id));
            assert!(
                after.len() >= before.len(),
                "{list}: {} of {} left",
                after.len(),
                before.len()
            );
            for (old, new) in before.iter().zip(&after) {
                // An open order goes on; one at its end stays as it was.
                let goes_on = *list == "orders" && !is_final(old);
                let (old, new) = if goes_on {
                    (&old["id"], &new["id"])
                } else {
                    (old, new)
                };
                assert_eq!(old, new, "{list}");
            }
        }
    }
}

fn is_final(order: &Value) -> bool {
    ["denied", "rejected", "filled", "canceled", "expired"]
        .iter()
        .any(|status| order["status"] == *status)
}

/// A pause of up to so many milliseconds, another each time.
fn random_pause(most: u64) {
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .subsec_nanos();
    std::thread::sleep(Duration::from_millis(u64::from(nanos / 1_000) % most));
}

fn verify(data: &Path, id: &str) -> String {
    let output = papertape()
        .args(["verify", "--session", id, "--data-dir"])
        .arg(data)
        .output()
        .expect("the binary runs");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout).trim().to_owned()
}

#[test]
fn killed_at_any_moment_sessions_go_on_from_what_was_shown() {
    const ROUNDS: u64 = 5;
    let data = folder();
    let mut server = Server::start(data.path());
    // Slow, fast, and as fast as the machine can.
    let ids: Vec<String> = [60.0, 6_000.0, 0.0]
        .map(|speed| server.start_busy(speed))
        .to_vec();
    for round in 0..ROUNDS {
        let path = format!("/sessions/{}/fills", ids[1]);
        let before = server.all(&path).len();
        server.wait_for(&format!("{path}?limit=10000"), |page| {
            page["items"].as_array().map(Vec::len) > Some(before)
        });
        random_pause(400);
        if round % 2 == 0 {
            // A command, too, is kept once it is answered.
            let action = if round % 4 == 0 { "pause" } else { "resume" };
            assert_eq!(
                server
                    .post(&format!("/sessions/{}/{action}", ids[0]), &json!({}))
                    .status,
                200
            );
        }
        let shown: Vec<Shown> = ids[..2].iter().map(|id| Shown::of(&server, id)).collect();
        server.kill();
        server = Server::start(data.path());
        for shown in &shown {
            shown.is_kept_by(&server);
        }
        for id in &ids {
            let session = server.get(&format!("/sessions/{id}")).json();
            assert_eq!(session["summary"]["recoveries"], round + 1);
            assert_ne!(
                session["summary"]["state"], "failed",
                "{}",
                session["summary"]["state_reason"]
            );
        }
    }
    for id in &ids {
        server.post(&format!("/sessions/{id}/stop"), &json!({}));
    }
    let hashes: Vec<String> = ids
        .iter()
        .map(|id| {
            let session = server.get(&format!("/sessions/{id}")).json();
            session["event_hash"].as_str().expect("a hash").to_owned()
        })
        .collect();
    server.stop();
    // The same inputs from the start, without any crash, give the very same events.
    for (id, hash) in ids.iter().zip(hashes) {
        assert_eq!(verify(data.path(), id), format!("identical {hash}"));
    }
}

#[test]
fn killed_with_a_position_and_orders_resting_both_are_there_again() {
    let data = folder();
    let server = Server::start(data.path());
    let id = server.start_busy(6_000.0);
    let one = format!("/sessions/{id}");
    // Nearly standing still, it does nothing between the look before and the look after. Quotes and bars that nobody
    // acted on may be lost and are made again, so numbers and hash are compared where a session has ended.
    server.wait_for(&one, |session| {
        let summary = &session["summary"];
        !summary["position"].is_null() && summary["open_orders"].as_u64() > Some(0) && {
            server.post(&format!("{one}/speed"), &json!({"speed": 0.001}));
            let now = server.get(&one).json();
            !now["summary"]["position"].is_null() || {
                server.post(&format!("{one}/speed"), &json!({"speed": 6000}));
                false
            }
        }
    });
    let open = |server: &Server| {
        let session = server.get(&one).json();
        let orders: Vec<Value> = session["orders"]
            .as_array()
            .expect("orders")
            .iter()
            .filter(|order| order["status"] == "accepted")
            .cloned()
            .collect();
        let held = &session["summary"]["position"];
        let account = json!([
            held["side"],
            held["quantity"],
            held["entry_price"],
            session["summary"]["cash"]
        ]);
        (orders, account)
    };
    let shown = Shown::of(&server, &id);
    let before = open(&server);
    server.kill();
    let server = Server::start(data.path());
    shown.is_kept_by(&server);
    assert_eq!(open(&server), before);
    assert_eq!(server.get(&one).json()["summary"]["recoveries"], 1);
}

#[test]
fn a_restart_in_good_order_is_no_recovery() {
    let data = folder();
    let server = Server::start(data.path());
    let (running, ended) = (server.start_busy(600.0), server.start_busy(600.0));
    server.post(&format!("/sessions/{ended}/stop"), &json!({}));
    let before = Shown::of(&server, &running);
    let archived = server.get(&format!("/sessions/{ended}")).json();
    server.stop();
    let server = Server::start(data.path());
    before.is_kept_by(&server);
    assert_eq!(
        server.get(&format!("/sessions/{running}")).json()["summary"]["recoveries"],
        0
    );
    assert_eq!(server.get(&format!("/sessions/{ended}")).json(), archived);
    assert!(
        verify(data.path(), &running).starts_with("identical "),
        "also while the server runs"
    );
}

#[tokio::test]
async fn a_journal_that_was_tampered_with_is_found_out() {
    let data = folder();
    let server = Server::start(data.path());
    let id = server.start_busy(6_000.0);
    server.wait_for(&format!("/sessions/{id}/fills"), |page| {
        page["items"].as_array().map(Vec::len) > Some(3)
    });
    server.kill();
    tamper(
        data.path(),
        "CREATE TABLE kept AS SELECT session, seq, event FROM journal",
    )
    .await;
    tamper(
        data.path(),
        "UPDATE journal SET event = replace(event, '\"side\":\"buy\"', '\"side\":\"sell\"')",
    )
    .await;
    let output = papertape()
        .args(["verify", "--session", &id, "--data-dir"])
        .arg(data.path())
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).starts_with("different: event "),
        "{}",
        text(&output.stdout)
    );
    // The server does not go on with it either, and says why; the rest of the house is fine.
    let server = Server::start(data.path());
    let session = server.get("/sessions").json()["items"][0].clone();
    assert_eq!(session["state"], "failed");
    assert!(
        session["state_reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("journal")),
        "{session}"
    );
    assert_eq!(server.get(&format!("/sessions/{id}")).status, 200);
    server.start_busy(1.0);
    server.stop();
    // Its records were left as they are: when what was in the way is gone, it goes on.
    tamper(
        data.path(),
        "UPDATE journal SET event = kept.event FROM kept WHERE journal.session = kept.session AND journal.seq = kept.seq",
    )
    .await;
    let server = Server::start(data.path());
    let session = server.get(&format!("/sessions/{id}")).json();
    assert_eq!(session["summary"]["state"], "running", "{}", session["summary"]);
}

#[tokio::test]
async fn a_session_that_cannot_be_read_keeps_no_other_from_starting() {
    let data = folder();
    let server = Server::start(data.path());
    let (bad, good) = (server.start_busy(1.0), server.start_busy(1.0));
    server.stop();
    tamper(
        data.path(),
        "UPDATE sessions SET spec = '{}' WHERE id = (SELECT min(id) FROM sessions)",
    )
    .await;
    let server = Server::start(data.path());
    let state = |id: &str| {
        let sessions = server.get("/sessions").json();
        let sessions = sessions["items"].as_array().expect("sessions").clone();
        sessions
            .into_iter()
            .find(|session| session["id"] == id)
            .expect("it is listed")
    };
    assert_eq!(state(&good)["state"], "running");
    let failed = state(&bad);
    assert_eq!(failed["state"], "failed");
    assert!(
        failed["state_reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("cannot be read")),
        "{failed}"
    );
    assert_eq!(server.get(&format!("/sessions/{bad}")).status, 500);
    assert_eq!(server.delete(&format!("/sessions/{bad}")).status, 204);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_read_is_replaced_by_the_one_before_it() {
    let data = folder();
    let server = Server::start(data.path());
    let id = server.start_busy(60.0);
    let path = format!("/sessions/{id}");
    let seq = |session: &Value| session["summary"]["seq"].as_u64().expect("a number");
    let first = seq(&server.get(&path).json());
    // There is a snapshot of the start, and then one of the end.
    server.wait_for(&path, |session| seq(session) > first + 10);
    server.stop();
    // Who begins with the first input finds that the journal says something else.
    tamper(
        data.path(),
        "UPDATE journal SET event = replace(event, 'running', 'paused') WHERE seq = (SELECT min(seq) FROM journal)",
    )
    .await;
    tamper(
        data.path(),
        "UPDATE snapshots SET state = x'01020304' WHERE input = (SELECT max(input) FROM snapshots)",
    )
    .await;
    let server = Server::start(data.path());
    let session = server.get(&path).json();
    assert_eq!(session["summary"]["state"], "running", "{}", session["summary"]);
}

async fn tamper(data: &Path, sql: &'static str) {
    use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
    let options = SqliteConnectOptions::new().filename(data.join("papertape.db"));
    let mut database = SqliteConnection::connect_with(&options)
        .await
        .expect("a database");
    sqlx::query(sql)
        .execute(&mut database)
        .await
        .expect("the statement runs");
    database.close().await.expect("it closes");
}

/// What an update of the program meets: snapshots that it cannot read, and points of equity without a band.
#[tokio::test]
async fn sessions_of_an_earlier_version_are_brought_back_from_their_inputs() {
    let data = folder();
    let server = Server::start(data.path());
    let (running, ended) = (server.start_busy(600.0), server.start_busy(600.0));
    let has_curve = |session: &serde_json::Value| session["equity"].as_array().is_some_and(|it| it.len() > 1);
    server.wait_for(&format!("/sessions/{ended}"), has_curve);
    server.post(&format!("/sessions/{ended}/stop"), &json!({}));
    let archived = server.get(&format!("/sessions/{ended}")).json();
    let before = server.all(&format!("/sessions/{running}/fills")).len();
    server.stop();
    tamper(data.path(), "UPDATE snapshots SET state = x'01020304'").await;
    tamper(
        data.path(),
        "UPDATE journal SET event = json_remove(event, '$.order.asked', '$.order.given_up', '$.order.display',
             '$.order.instructions', '$.order.parent', '$.asked')",
    )
    .await;
    tamper(
        data.path(),
        "UPDATE equity SET optimistic = NULL, pessimistic = NULL",
    )
    .await;
    let server = Server::start(data.path());
    let shown = server.get(&format!("/sessions/{running}")).json();
    assert_eq!(shown["summary"]["state"], "running", "{shown}");
    assert!(server.all(&format!("/sessions/{running}/fills")).len() >= before);
    assert_eq!(
        server.get(&format!("/sessions/{ended}")).json()["event_hash"],
        archived["event_hash"]
    );
    let old = server.all(&format!("/sessions/{ended}/equity"));
    assert_eq!(old[0]["optimistic"], serde_json::Value::Null);
    server.wait_for(&format!("/sessions/{running}"), |session| {
        let points = session["equity"].as_array().expect("a curve");
        points.last().is_some_and(|point| point["optimistic"].is_string())
    });
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_left_alone() {
    let data = folder();
    Server::start(data.path()).stop();
    tamper(
        data.path(),
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', 1, x'00', 0)",
    )
    .await;
    let folder = data.path().to_str().expect("a plain path");
    let output = run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", folder]);
    assert_eq!(output.status.code(), Some(1));
    let words = text(&output.stderr);
    assert!(
        words.contains("newer version of Papertape") && words.lines().count() == 1,
        "{words}"
    );
}
