//! Accounts that nobody trades but their owner: opened, traded, flattened, begun anew.

use crate::support::{Server, folder};
use serde_json::{Value, json};

fn opened(server: &Server, request: &Value) -> Value {
    let answer = server.post("/accounts", request);
    assert_eq!(answer.status, 201, "{}", answer.body);
    let account = answer.json();
    let path = format!(
        "/api/paper-trading/accounts/{}",
        account["id"].as_str().expect("an id")
    );
    assert_eq!(answer.header("location"), Some(path.as_str()));
    account
}

fn path(account: &Value) -> String {
    format!("/accounts/{}", account["id"].as_str().expect("an id"))
}

#[test]
fn an_account_is_opened_traded_flattened_and_begun_anew() {
    let data = folder();
    let server = Server::start(data.path());
    let request = json!({"name": "Mine", "symbol": "ETH/USDT", "initial_capital": "5000", "speed": 60,
                         "account": {"debit_rate": 0.06}});
    let account = opened(&server, &request);
    assert_eq!(account["name"], "Mine");
    assert_eq!(account["initial_capital"]["amount"], "5000");
    let one = path(&account);
    assert_eq!(server.get(&one).json()["id"], account["id"]);
    assert!(
        server
            .all("/accounts")
            .iter()
            .any(|other| other["id"] == account["id"])
    );

    // It trades what it is told to, and nothing else.
    let bought = server.post(
        &format!("{one}/orders"),
        &json!({"side": "buy", "quantity": "0.1"}),
    );
    assert_eq!(bought.status, 201, "{}", bought.body);
    server.wait_for(&one, |account| !account["position"].is_null());
    let rests = json!({"side": "buy", "type": "limit", "quantity": "1", "price": "100"});
    assert_eq!(server.post(&format!("{one}/orders"), &rests).status, 201);

    let flattened = server.post(&format!("{one}/flatten"), &json!({}));
    assert_eq!(flattened.status, 200, "{}", flattened.body);
    server.wait_for(&one, |account| account["position"].is_null());
    let orders = server.all(&format!("{one}/orders"));
    let of = |key: &str, value: &str| orders.iter().filter(|order| order[key] == value).count();
    assert_eq!(
        (orders.len(), of("status", "filled"), of("status", "canceled")),
        (3, 2, 1),
        "{orders:?}"
    );
    assert_eq!(of("purpose", "flatten"), 1);

    // Begun anew it has its first capital and terms under another id; what was is still there.
    let answer = server.post(&format!("{one}/reset"), &json!({}));
    assert_eq!(answer.status, 201, "{}", answer.body);
    let anew = answer.json();
    assert_ne!(anew["id"], account["id"]);
    for key in ["name", "initial_capital", "account", "speed", "instrument"] {
        assert_eq!(anew[key], account[key], "{key}");
    }
    assert_eq!(anew["cash"]["amount"], "5000");
    assert_eq!(server.all(&format!("{}/orders", path(&anew))), [Value::Null; 0]);
    assert_eq!(server.get(&one).json()["state"], "stopped");
    assert!(server.all(&format!("{one}/fills")).len() >= 2);
    // One that has ended can be begun anew as well.
    assert_eq!(server.post(&format!("{one}/reset"), &json!({})).status, 201);
}

#[test]
fn what_no_account_can_be_is_refused_by_its_field() {
    let data = folder();
    let server = Server::start(data.path());
    for (request, status, path) in [
        (json!({"initial_capital": "-5"}), 422, "initial_capital"),
        (json!({"account": {"leverage": 0}}), 422, "account.leverage"),
        (json!({"feed": "nowhere"}), 422, "feed"),
        (json!({"cash": 5}), 422, "cash"),
    ] {
        let answer = server.post("/accounts", &request);
        let told = answer.json();
        assert_eq!(answer.status, status, "{request}: {told}");
        assert!(told.to_string().contains(path), "{request}: {told}");
    }
    for action in ["flatten", "reset"] {
        let answer = server.post(&format!("/accounts/nobody/{action}"), &json!({}));
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (404, Some("unknown_session"))
        );
    }
}
