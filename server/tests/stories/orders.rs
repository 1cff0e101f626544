//! Orders by REST: every type placed, amended, withdrawn; lists; nonsense; and none of it lost.

use crate::support::{Answer, Server, folder, papertape, text};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// A strategy that leaves everything to its owner.
const IDLE: &str = "
name: By hand
symbols: [BTC/USDT]
timeframe: 1m
entry: {long: false}
risk: {size: {method: fixed_quantity, value: 1}}
";

/// An account with a market that moves.
struct Desk {
    data: TempDir,
    server: Server,
    account: String,
    /// The price at the beginning, in whole units: on any tick.
    price: u64,
}

impl Desk {
    fn open() -> Self {
        let data = folder();
        let server = Server::start(data.path());
        let account = server.start_session(&json!({"strategy": IDLE, "speed": 60}));
        let detail = server.wait_for(&format!("/sessions/{account}"), |detail| {
            !detail["quote"].is_null()
        });
        let price = detail["quote"]["bid"].as_f64().expect("a price") as u64;
        Self {
            data,
            server,
            account,
            price,
        }
    }

    fn orders(&self) -> String {
        format!("/accounts/{}/orders", self.account)
    }

    fn place(&self, order: &Value) -> Answer {
        self.server.post(&self.orders(), order)
    }

    /// Places an order that is taken, and gives it.
    fn placed(&self, order: &Value) -> Value {
        let answer = self.place(order);
        assert_eq!(answer.status, 201, "{order}: {}", answer.body);
        answer.json()
    }

    fn order(&self, id: &str) -> Value {
        self.server.get(&format!("/orders/{id}")).json()
    }

    fn becomes(&self, id: &str, status: &str) -> Value {
        self.server
            .wait_for(&format!("/orders/{id}"), |order| order["status"] == status)
    }

    fn explain(&self, id: &str) -> Value {
        self.server.get(&format!("/orders/{id}/explain")).json()
    }

    fn amend(&self, id: &str, change: &Value) -> Answer {
        self.server
            .request("PATCH", &format!("/orders/{id}"), Some(&change.to_string()))
    }

    fn cancel(&self, id: &str) -> Answer {
        self.server.post(&format!("/orders/{id}/cancel"), &json!({}))
    }

    /// Buys a little and waits until it is there.
    fn buy(&self) {
        let order = self.placed(&json!({"side": "buy", "type": "market", "quantity": "0.02"}));
        self.becomes(id(&order), "filled");
    }

    fn far_below(&self) -> String {
        (self.price / 2).to_string()
    }

    fn far_above(&self) -> String {
        (self.price * 2).to_string()
    }

    fn balances(&self) -> Balances {
        let account = self.server.get(&format!("/accounts/{}", self.account)).json();
        Balances {
            cash: decimal(&account["cash"]["amount"]),
            equity: decimal(&account["equity"]["amount"]),
            position: account["position"].clone(),
            open_orders: account["open_orders"].as_u64(),
        }
    }
}

/// What an account has.
#[derive(Debug, PartialEq)]
struct Balances {
    cash: Decimal,
    equity: Decimal,
    position: Value,
    open_orders: Option<u64>,
}

fn id(order: &Value) -> &str {
    order["id"].as_str().unwrap_or_else(|| panic!("an id: {order}"))
}

/// A number as the API writes it.
fn decimal(value: &Value) -> Decimal {
    let text = value.as_str().unwrap_or_else(|| panic!("a decimal: {value}"));
    text.parse().expect("a decimal")
}

fn codes(waits: &Value) -> Vec<&str> {
    let waits = waits.as_array().expect("a list");
    waits.iter().filter_map(|wait| wait["code"].as_str()).collect()
}

#[test]
fn every_type_of_order_is_accepted_amended_and_withdrawn() {
    let desk = Desk::open();
    let (below, above) = (desk.far_below(), desk.far_above());
    let (lower, higher) = (
        (desk.price / 2 - 100).to_string(),
        (desk.price * 2 + 100).to_string(),
    );
    let before = desk.balances();
    for (order, change) in [
        (
            json!({"type": "limit", "price": below, "post_only": "slide"}),
            json!({"price": lower}),
        ),
        (
            json!({"type": "limit", "price": below, "display_quantity": "0.001", "time_in_force": "day"}),
            json!({"quantity": "0.005"}),
        ),
        (
            json!({"type": "stop", "stop_price": above}),
            json!({"stop_price": higher}),
        ),
        (
            json!({"type": "stop_limit", "stop_price": above, "price": higher}),
            json!({"price": above}),
        ),
        (
            json!({"type": "trailing_stop", "trail": {"percent": 20}}),
            json!({"quantity": 0.005}),
        ),
        (
            json!({"type": "trailing_stop", "trail": {"amount": desk.price / 4}}),
            json!({"quantity": 0.005}),
        ),
        (
            json!({"type": "take_profit", "stop_price": below}),
            json!({"stop_price": lower}),
        ),
        (
            json!({"type": "take_profit_limit", "stop_price": below, "price": below,
                   "time_in_force": "gtd", "expires_at": "2100-01-01T00:00:00Z"}),
            json!({"price": lower, "stop_price": lower}),
        ),
    ] {
        let mut order = order;
        order["symbol"] = json!("BTC/USDT");
        order["side"] = json!("buy");
        order["quantity"] = json!("0.01");
        let placed = desk.placed(&order);
        assert_eq!(placed["type"], order["type"]);
        assert_eq!(placed["account"], desk.account.as_str());
        let id = id(&placed);
        let accepted = desk.becomes(id, "accepted");
        assert_eq!(accepted["filled_quantity"], "0", "{accepted}");
        let story = desk.explain(id);
        let away = ["limit", "trigger"]
            .iter()
            .any(|code| codes(&story["waits"]).contains(code));
        assert!(away, "it says how far the market is: {story}");
        let amended = desk.amend(id, &change);
        assert_eq!(amended.status, 200, "{order}: {}", amended.body);
        for (name, value) in change.as_object().expect("an object") {
            let number = |value: &Value| match value {
                Value::String(text) => text.parse::<f64>().ok(),
                other => other.as_f64(),
            };
            assert_eq!(number(&amended.json()[name]), number(value), "{}", amended.body);
        }
        let canceled = desk.cancel(id);
        assert_eq!(canceled.status, 200, "{}", canceled.body);
        assert_eq!(canceled.json()["status"], "canceled");
        assert_eq!(canceled.json()["end_code"], "requested");
        assert_eq!(desk.explain(id)["ending"]["code"], "requested");
        let again = desk.cancel(id);
        assert_eq!(
            (again.status, &again.json()["code"]),
            (409, &json!("order_ended"))
        );
    }
    assert_eq!(desk.balances(), before, "what was held is free again");
}

#[test]
fn a_market_order_fills_and_its_explanation_adds_up() {
    let desk = Desk::open();
    let order = desk.placed(&json!({"side": "buy", "type": "market", "quantity": 0.02}));
    let filled = desk.becomes(id(&order), "filled");
    assert_eq!(decimal(&filled["filled_quantity"]), decimal(&json!("0.02")));
    let story = desk.explain(id(&order));
    assert_eq!(story["status"], "filled");
    assert_eq!(story["waits"], json!([]));
    let decimal = |value: &Value| {
        value
            .as_str()
            .expect("a decimal")
            .parse::<rust_decimal::Decimal>()
            .expect("a decimal")
    };
    for fill in story["fills"].as_array().expect("fills") {
        let parts = fill["parts"].as_array().expect("parts");
        let sum: Decimal = parts.iter().map(|part| decimal(&part["amount"]["amount"])).sum();
        let expected =
            (decimal(&fill["price"]) - decimal(&fill["decision_price"])) * decimal(&fill["quantity"]);
        assert_eq!(sum, expected, "{fill}");
        assert_eq!(sum, decimal(&fill["price_cost"]["amount"]));
        assert!(fill["tape"].as_u64() > Some(0));
        assert!(fill["sentences"].as_array().map(Vec::len) >= Some(4));
    }
    let fills = desk.server.all(&format!("/accounts/{}/fills", desk.account));
    assert_eq!(fills.len(), story["fills"].as_array().map_or(0, Vec::len));
    let positions = desk.server.all(&format!("/accounts/{}/positions", desk.account));
    assert_eq!(positions.len(), 1);
    assert_eq!(
        desk.server
            .get(&format!("/accounts/{}/metrics", desk.account))
            .status,
        200
    );
    // Closing closes what there is.
    let close = desk.placed(&json!({"side": "sell", "close_position": true}));
    desk.becomes(id(&close), "filled");
    let account = desk.server.get(&format!("/accounts/{}", desk.account)).json();
    assert_eq!(account["position"], Value::Null);
}

#[test]
fn of_two_orders_of_which_one_cancels_the_other_both_end_together() {
    let desk = Desk::open();
    desk.buy();
    let answer = desk.place(&json!({"group": "oco", "orders": [
        {"side": "sell", "type": "limit", "quantity": "0.02", "price": desk.far_above(), "reduce_only": true},
        {"side": "sell", "type": "stop", "quantity": "0.02", "stop_price": desk.far_below(), "reduce_only": true},
    ]}));
    assert_eq!(answer.status, 201, "{}", answer.body);
    let orders = answer.json()["orders"].clone();
    let (target, stop) = (id(&orders[0]), id(&orders[1]));
    assert_eq!(orders[0]["group"], orders[1]["group"]);
    desk.becomes(target, "accepted");
    assert_eq!(desk.cancel(target).json()["status"], "canceled");
    let other = desk.order(stop);
    assert_eq!(
        (&other["status"], &other["end_code"]),
        (&json!("canceled"), &json!("group_ended"))
    );
}

#[test]
fn a_bracket_waits_for_its_entry_and_protects_it_once_it_is_filled() {
    let desk = Desk::open();
    let attached = json!({"take_profit": {"price": desk.far_above()}, "stop_loss": {"stop_price": (desk.price / 4).to_string()}});
    let entry = desk.placed(
        &json!({"side": "buy", "type": "limit", "quantity": "0.01", "price": desk.far_below(), "attached": attached}),
    );
    assert_eq!(entry["attached"].as_array().map(Vec::len), Some(2));
    let child = &entry["attached"][0];
    assert_eq!(
        (&child["status"], &child["parent"]),
        (&json!("waiting"), &entry["id"])
    );
    assert_eq!(codes(&desk.explain(id(child))["waits"]), ["parent"]);
    desk.cancel(id(&entry));
    let child = desk.order(id(child));
    assert_eq!(
        (&child["status"], &child["end_code"]),
        (&json!("canceled"), &json!("parent_ended"))
    );

    let entry =
        desk.placed(&json!({"side": "buy", "type": "market", "quantity": "0.01", "attached": attached}));
    desk.becomes(id(&entry), "filled");
    for child in entry["attached"].as_array().expect("two orders") {
        desk.becomes(id(child), "accepted");
    }
    let canceled = desk.server.delete(&desk.orders());
    assert_eq!(canceled.status, 200, "{}", canceled.body);
    assert_eq!(canceled.json()["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(desk.balances().open_orders, Some(0), "nothing is open any more");
}

#[test]
fn nonsense_is_answered_with_its_code_and_moves_no_money() {
    let desk = Desk::open();
    let (below, above) = (desk.far_below(), desk.far_above());
    let before = desk.balances();
    for (code, order) in [
        ("invalid_quantity", json!({"quantity": 0})),
        ("invalid_quantity", json!({"quantity": "-1"})),
        ("invalid_quantity", json!({"quantity": "0.0000000001"})),
        ("invalid_request", json!({"quantity": "NaN"})),
        ("invalid_request", json!({"quantity": "Infinity"})),
        ("invalid_request", json!({"quantity": "1e30"})),
        ("insufficient_funds", json!({"quantity": "1000000"})),
        (
            "unknown_instrument",
            json!({"quantity": 1, "symbol": "DOGE/USDT"}),
        ),
        ("invalid_request", json!({"quantity": 1, "symbol": "!"})),
        (
            "invalid_price",
            json!({"quantity": 1, "type": "limit", "price": format!("{below}.000001")}),
        ),
        (
            "invalid_price",
            json!({"quantity": 1, "type": "limit", "price": "-1"}),
        ),
        (
            "invalid_price",
            json!({"quantity": 1, "type": "limit", "price": 0}),
        ),
        ("contradiction", json!({"quantity": 1, "type": "limit"})),
        (
            "contradiction",
            json!({"quantity": 1, "type": "market", "price": below}),
        ),
        ("contradiction", json!({"quantity": 1, "group": "oco"})),
        (
            "stop_would_trigger",
            json!({"quantity": 1, "type": "stop", "stop_price": below}),
        ),
        (
            "stop_would_trigger",
            json!({"quantity": 1, "type": "take_profit", "stop_price": above}),
        ),
        (
            "invalid_trail",
            json!({"quantity": 1, "type": "trailing_stop", "trail": {"percent": 0}}),
        ),
        (
            "expiry_over",
            json!({"quantity": 1, "type": "limit", "price": below, "expires_at": "2001-01-01T00:00:00Z"}),
        ),
        ("no_auction", json!({"quantity": 1, "time_in_force": "opg"})),
        ("would_increase", json!({"quantity": 1, "reduce_only": true})),
        ("would_increase", json!({"close_position": true})),
        ("invalid_request", json!({"quantity": 1, "type": "magic"})),
        ("invalid_request", json!({"quantity": 1, "leverage": 3})),
        ("invalid_request", json!({"quantity": 1, "side": "hold"})),
        (
            "invalid_request",
            json!({"quantity": 1, "client_order_id": "two words"}),
        ),
        (
            "contradiction",
            json!({"group": "oco", "orders": [{"side": "buy", "quantity": 1}]}),
        ),
        ("contradiction", json!({"group": "oco", "orders": []})),
    ] {
        let mut order = order;
        if order.get("side").is_none() && order.get("orders").is_none() {
            order["side"] = json!("buy");
        }
        let answer = desk.place(&order);
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (422, &json!(code)),
            "{order}: {}",
            answer.body
        );
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        for refused in answer.json()["orders"].as_array().unwrap_or(&Vec::new()) {
            assert!(
                refused["status"] == "rejected" || refused["status"] == "denied",
                "{order}: {refused}"
            );
            assert_eq!(desk.explain(id(refused))["ending"]["code"], code, "{order}");
        }
        assert_eq!(desk.balances(), before, "{order}");
    }
    for body in [
        r#"{"side": "buy", "side": "sell", "quantity": 1}"#,
        r#"{"group": "oco", "orders": [], "orders": []}"#,
    ] {
        let twice = desk.server.request("POST", &desk.orders(), Some(body));
        assert_eq!(
            (twice.status, &twice.json()["code"]),
            (422, &json!("invalid_request")),
            "{body}: {}",
            twice.body
        );
    }
    assert_eq!(desk.balances(), before);
    let malformed = desk.server.request("POST", &desk.orders(), Some("{"));
    assert_eq!(
        (malformed.status, &malformed.json()["code"]),
        (400, &json!("malformed_json"))
    );
    for unknown in ["nonsense", "s.1", &format!("{}.999", desk.account)] {
        let answer = desk.server.get(&format!("/orders/{unknown}"));
        assert_eq!(answer.status, 404, "{unknown}: {}", answer.body);
    }
    let elsewhere = desk
        .server
        .post("/accounts/nobody/orders", &json!({"side": "buy", "quantity": 1}));
    assert_eq!(
        (elsewhere.status, &elsewhere.json()["code"]),
        (404, &json!("unknown_session"))
    );
}

#[test]
fn a_change_that_makes_no_sense_leaves_the_order_as_it_was() {
    let desk = Desk::open();
    let order =
        desk.placed(&json!({"side": "buy", "type": "limit", "quantity": "0.01", "price": desk.far_below()}));
    let before = desk.becomes(id(&order), "accepted");
    for (code, change) in [
        ("below_filled", json!({"quantity": 0})),
        ("invalid_price", json!({"price": "-3"})),
        ("contradiction", json!({"stop_price": desk.far_above()})),
        ("insufficient_funds", json!({"quantity": "1000000"})),
        ("invalid_request", json!({"side": "sell"})),
        ("invalid_request", json!({"quantity": "1e40"})),
    ] {
        let answer = desk.amend(id(&order), &change);
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (422, &json!(code)),
            "{change}: {}",
            answer.body
        );
        assert_eq!(desk.order(id(&order)), before, "{change}");
    }
}

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
