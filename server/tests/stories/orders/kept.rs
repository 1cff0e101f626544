//! Many orders, repeated requests, all withdrawn, and a process that was killed.

use super::*;

#[test]
fn an_order_that_outlives_very_many_others_ends_like_any_other() {
    let desk = Desk::open();
    let far = json!({"side": "buy", "type": "limit", "quantity": "0.001", "price": desk.far_below()});
    let (old, older) = (desk.placed(&far), desk.placed(&far));
    // A refused order is one at its end.
    for _ in 0..120 {
        let refused =
            desk.place(&json!({"side": "buy", "type": "limit", "quantity": "0.001", "price": "-1"}));
        assert_eq!(refused.status, 422, "{}", refused.body);
    }
    let canceled = desk.cancel(id(&old));
    assert_eq!(canceled.status, 200, "{}", canceled.body);
    assert_eq!(desk.order(id(&old))["status"], "canceled");
    let all = desk.server.delete(&desk.orders());
    assert_eq!(all.json()["items"][0]["status"], "canceled", "{}", all.body);
    assert_eq!(desk.order(id(&older))["end_code"], "requested");
    let filled = desk.placed(&json!({"side": "buy", "type": "market", "quantity": "0.02"}));
    desk.becomes(id(&filled), "filled");
    let shown = desk.server.get(&format!("/sessions/{}", desk.account)).json();
    let shows = |order: &Value| {
        let orders = shown["orders"].as_array().expect("orders");
        orders.iter().any(|shown| shown["id"] == order["number"])
    };
    assert!(shows(&old) && shows(&filled), "those that ended last are shown");
}

#[test]
fn a_request_is_repeated_whole_or_refused() {
    let desk = Desk::open();
    let (below, lower) = (desk.far_below(), (desk.price / 3).to_string());
    let attached = json!({"take_profit": {"price": desk.far_above()}, "stop_loss": {"stop_price": (desk.price / 4).to_string()}});
    let limit = |price: &str| json!({"side": "buy", "type": "limit", "quantity": "0.01", "price": price});
    let named = |name: &str, mut order: Value| {
        order["client_order_id"] = json!(name);
        order
    };

    let mut bracket = named("bracket", limit(&below));
    bracket["attached"] = attached;
    let first = desk.placed(&bracket);
    let again = desk.place(&bracket);
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(again.json()["attached"].as_array().map(Vec::len), Some(2));
    assert_eq!(again.json()["attached"][1]["id"], first["attached"][1]["id"]);

    let list = json!({"group": "oco", "orders": [named("one", limit(&below)), limit(&lower)]});
    let first = desk.place(&list);
    assert_eq!(first.status, 201, "{}", first.body);
    let again = desk.place(&list);
    assert_eq!(again.status, 200, "{}", again.body);
    let ids = |answer: &Answer| -> Vec<Value> {
        let orders = answer.json()["orders"].clone();
        orders
            .as_array()
            .expect("orders")
            .iter()
            .map(|order| order["id"].clone())
            .collect()
    };
    assert_eq!(ids(&again), ids(&first));
    assert_eq!(ids(&first).len(), 2);

    let open = desk.balances().open_orders;
    for other in [
        named("one", limit(&lower)),
        named("bracket", limit(&below)),
        json!({"group": "oco", "orders": [named("one", limit(&below)), named("two", limit(&lower))]}),
    ] {
        let answer = desk.place(&other);
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (409, &json!("client_order_id_in_use")),
            "{other}: {}",
            answer.body
        );
        assert_eq!(desk.balances().open_orders, open);
    }
    desk.placed(&named("two", limit(&lower)));
}

#[test]
fn cancel_all_answers_with_those_that_it_asked_to_end() {
    let desk = Desk::open();
    let none = desk.server.delete(&desk.orders());
    assert_eq!((none.status, &none.json()["items"]), (200, &json!([])));

    // With a second of latency they are still open when the request is answered.
    let server = &desk.server;
    let slow = server.start_session(
        &json!({"strategy": IDLE, "speed": 1, "execution": {"latency_ms": {"entry": 1000, "response": 0}}}),
    );
    server.wait_for(&format!("/sessions/{slow}"), |detail| !detail["quote"].is_null());
    let orders = format!("/accounts/{slow}/orders");
    let order = json!({"side": "buy", "type": "limit", "quantity": "0.001", "price": desk.far_below()});
    let placed = server.post(&orders, &order);
    assert_eq!(placed.status, 201, "{}", placed.body);
    let path = format!("/orders/{}", id(&placed.json()));
    server.wait_for(&path, |order| order["status"] == "accepted");
    let asked = server.delete(&orders);
    assert_eq!(asked.status, 202, "{}", asked.body);
    assert_eq!(asked.json()["items"][0]["status"], "accepted");
    server.wait_for(&path, |order| order["status"] == "canceled");
}

/// Runs SQL beside the server, as an accident would.
async fn meddle(data: &Path, sql: &'static str) {
    use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
    let options = SqliteConnectOptions::new()
        .filename(data.join("papertape.db"))
        .busy_timeout(std::time::Duration::from_secs(30));
    let mut database = SqliteConnection::connect_with(&options)
        .await
        .expect("a database");
    sqlx::query(sql)
        .execute(&mut database)
        .await
        .expect("the statement runs");
    database.close().await.expect("it closes");
}

#[tokio::test]
async fn a_database_that_refuses_writes_is_said_to_be_the_reason() {
    let Desk {
        data,
        server,
        account,
        price,
    } = Desk::open();
    let orders = format!("/accounts/{account}/orders");
    meddle(
        data.path(),
        "CREATE TRIGGER full BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
    )
    .await;
    let order =
        json!({"side": "buy", "type": "limit", "quantity": "0.001", "price": (price / 2).to_string()});
    let failed = server.post(&orders, &order);
    assert_eq!(
        (failed.status, &failed.json()["code"]),
        (500, &json!("session_failed")),
        "{}",
        failed.body
    );
    let detail = failed.json()["detail"].to_string();
    assert!(detail.contains("could not be recorded"), "{detail}");
    let late = server.post(&orders, &order);
    assert_eq!(
        (late.status, &late.json()["code"]),
        (409, &json!("session_ended"))
    );

    meddle(data.path(), "DROP TRIGGER full").await;
    server.stop();
    let server = Server::start(data.path());
    assert_eq!(
        server.get(&format!("/sessions/{account}")).json()["summary"]["state"],
        "running"
    );
    assert_eq!(
        server.all(&orders),
        Vec::<Value>::new(),
        "what was refused was not done"
    );
}

#[test]
fn a_repeated_request_is_one_order_also_after_the_process_was_killed() {
    let Desk {
        data,
        server,
        account,
        price,
    } = Desk::open();
    let orders = format!("/accounts/{account}/orders");
    let resting = json!({"side": "buy", "type": "limit", "quantity": "0.01", "price": (price / 2).to_string(),
                         "client_order_id": "mine-1"});
    let bracket = json!({"side": "buy", "type": "limit", "quantity": "0.01", "price": (price / 3).to_string(),
                         "client_order_id": "mine-2",
                         "attached": {"take_profit": {"price": price}, "stop_loss": {"stop_price": price / 4}}});
    let first = server.post(&orders, &resting);
    assert_eq!(first.status, 201, "{}", first.body);
    let again = server.post(&orders, &resting);
    assert_eq!((again.status, &again.json()["id"]), (200, &first.json()["id"]));
    let second = server.post(&orders, &bracket);
    assert_eq!(second.status, 201, "{}", second.body);
    let second = second.json();
    for order in [&first.json(), &second] {
        server.wait_for(&format!("/orders/{}", id(order)), |order| {
            order["status"] == "accepted"
        });
    }
    let amended = server.request(
        "PATCH",
        &format!("/orders/{}", id(&first.json())),
        Some(r#"{"quantity": "0.02"}"#),
    );
    assert_eq!(amended.status, 200, "{}", amended.body);
    let before = server.all(&orders);
    assert_eq!(before.len(), 4);
    server.kill();

    let server = Server::start(data.path());
    assert_eq!(server.all(&orders), before, "every order is as it was");
    let again = server.post(&orders, &resting);
    assert_eq!((again.status, &again.json()["id"]), (200, &first.json()["id"]));
    assert_eq!(again.json()["quantity"], "0.02");
    let canceled = server.post(&format!("/orders/{}/cancel", id(&second)), &json!({}));
    assert_eq!(canceled.status, 200, "{}", canceled.body);
    server.post(&format!("/sessions/{account}/stop"), &json!({}));
    let late = server.post(&orders, &resting);
    assert_eq!(
        (late.status, &late.json()["code"]),
        (409, &json!("session_ended"))
    );
    let hash = server.get(&format!("/sessions/{account}")).json()["event_hash"].clone();
    server.stop();
    assert_eq!(
        verify(data.path(), &account),
        format!("identical {}", hash.as_str().expect("a hash"))
    );
}

fn verify(data: &Path, session: &str) -> String {
    let output = papertape()
        .args(["verify", "--session", session, "--data-dir"])
        .arg(data)
        .output()
        .expect("the binary runs");
    text(&output.stdout).trim().to_owned()
}
