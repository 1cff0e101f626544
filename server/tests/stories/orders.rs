//! Orders by REST: every type placed, amended, withdrawn; lists; nonsense; and none of it lost.

mod kept;
mod lives;
mod refusals;

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
