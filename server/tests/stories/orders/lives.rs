//! Orders that are taken: every type, lists, brackets.

use super::*;

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
