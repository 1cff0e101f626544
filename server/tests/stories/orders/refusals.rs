//! Orders and changes that make no sense.

use super::*;

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
