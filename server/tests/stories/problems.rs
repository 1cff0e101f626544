//! Requests that cannot be followed: each is answered with a stable code and the field at fault.

use crate::support::{BUSY, CROSS, Server, folder};
use serde_json::{Value, json};

/// Method, path, body, status, code, path of the field.
type Case = (
    &'static str,
    &'static str,
    Value,
    u16,
    &'static str,
    Option<&'static str>,
);

fn starting(change: Value) -> Value {
    let mut request = json!({"strategy": CROSS});
    if let (Some(request), Value::Object(change)) = (request.as_object_mut(), change) {
        request.extend(change);
    }
    request
}

#[test]
fn every_wrong_request_is_a_problem_with_a_code_and_a_path() {
    let data = folder();
    let server = Server::start(data.path());
    let start = |change: Value, code, path| -> Case {
        ("POST", "/sessions", starting(change), 422, code, Some(path))
    };
    let unknown = "/sessions/00000000-0000-0000-0000-000000000000";
    #[rustfmt::skip]
    let cases: Vec<Case> = vec![
        ("POST", "/sessions", json!({}), 422, "invalid_request", Some("strategy")),
        ("POST", "/start", json!({"strategy": ""}), 422, "invalid_request", Some("strategy")),
        ("POST", "/sessions", json!({"strategy": "no-such"}), 422, "unknown_strategy", Some("strategy")),
        ("POST", "/sessions", json!({"strategy": "name: x\ntimeframe: 5m\nentry: {long: 'close >'}"}), 422, "invalid_strategy", Some("strategy:3:")),
        ("POST", "/sessions", json!({"strategy": BUSY, "params": {"fast": 1000}}), 422, "invalid_strategy", Some("strategy:6:")),
        start(json!({"params": {"fats": 3}}), "invalid_strategy", "params.fats"),
        start(json!({"params": {"fast": "three"}}), "invalid_request", "params.fast"),
        start(json!({"initial_capital": -1}), "invalid_request", "initial_capital"),
        start(json!({"initial_capital": 0}), "invalid_request", "initial_capital"),
        start(json!({"initial_capital": "1e13"}), "invalid_request", "initial_capital"),
        start(json!({"initial_capital": "lots"}), "invalid_request", "initial_capital"),
        start(json!({"initial_capital": [1]}), "invalid_request", "initial_capital"),
        start(json!({"speed": -1}), "invalid_request", "speed"),
        start(json!({"speed": 1e9}), "invalid_request", "speed"),
        start(json!({"speed": "fast"}), "invalid_request", "speed"),
        start(json!({"symbols": ["NO/SUCH"]}), "unknown_symbol", "symbols"),
        start(json!({"symbols": ["not a symbol!"]}), "invalid_request", "symbols[0]"),
        start(json!({"feed": "nowhere"}), "unknown_feed", "feed"),
        start(json!({"feed": "replay:NO/SUCH@1m"}), "unknown_dataset", "dataset"),
        start(json!({"feed": "replay", "symbols": ["NO/SUCH"]}), "unknown_symbol", "symbols"),
        start(json!({"feed": "replay", "from": "2125-01-01"}), "invalid_request", "from"),
        start(json!({"feed": "replay", "from": "yesterday"}), "invalid_request", "from"),
        start(json!({"from": "2025-01-01"}), "invalid_request", "from"),
        start(json!({"timeframe": "7x"}), "invalid_request", "timeframe"),
        start(json!({"timeframe": "90s"}), "invalid_request", "timeframe"),
        start(json!({"execution": {"taker_fee_rate": 2}}), "invalid_request", "execution.taker_fee_rate"),
        start(json!({"execution": {"slippage_bps": -1}}), "invalid_request", "execution.slippage_bps"),
        start(json!({"name": "x".repeat(200)}), "invalid_request", "name"),
        start(json!({"capital": 5}), "invalid_request", "capital"),
        ("POST", "/sessions", json!([]), 422, "invalid_request", None),
        ("POST", "/stop", json!({"session": "no such!"}), 422, "invalid_request", Some("session")),
        ("POST", "/stop", json!({"session": "nobody"}), 404, "unknown_session", None),
        ("GET", unknown, Value::Null, 404, "unknown_session", None),
        ("DELETE", unknown, Value::Null, 404, "unknown_session", None),
        ("GET", "/sessions/%20/trades", Value::Null, 404, "unknown_session", None),
        ("POST", "/backtests", json!({"strategy": CROSS, "dataset": "nothing"}), 422, "unknown_dataset", Some("dataset")),
        ("POST", "/backtests", json!({"strategy": CROSS, "initial_capital": -5}), 422, "invalid_request", Some("initial_capital")),
        ("POST", "/backtests", json!({"strategy": CROSS, "from": "2026-01-02", "to": "2026-01-01"}), 422, "invalid_request", Some("to")),
        ("GET", "/backtests/none", Value::Null, 404, "unknown_backtest", None),
        ("POST", "/backtests", json!({"strategy": CROSS, "from": "2125-01-01"}), 422, "invalid_request", Some("from")),
        ("GET", "/markets/BTC%2FUSDT/bars?limit=abc", Value::Null, 422, "invalid_request", None),
        ("GET", "/markets/BTC%2FUSDT/bars?form=2024", Value::Null, 422, "invalid_request", None),
        ("GET", "/sessions/nobody/trades?form=2024", Value::Null, 422, "invalid_request", None),
        ("GET", "/strategies/%FF", Value::Null, 400, "unreadable_path", None),
        ("GET", "/strategies/none", Value::Null, 404, "unknown_strategy", None),
        ("GET", "/nowhere", Value::Null, 404, "unknown_path", None),
        ("DELETE", "/status", Value::Null, 405, "unknown_method", None),
        ("GET", "/ws", Value::Null, 426, "websocket_required", None),
    ];
    for (method, path, body, status, code, field) in cases {
        let sent = if body.is_null() {
            None
        } else {
            Some(body.to_string())
        };
        let answer = server.request(method, path, sent.as_deref());
        let problem = answer.json();
        assert_eq!(
            (answer.status, &problem["code"]),
            (status, &json!(code)),
            "{method} {path} {body}: {}",
            answer.body
        );
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(problem["status"], status);
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty())
        );
        if let Some(field) = field {
            let found = problem["errors"][0]["path"].as_str().unwrap_or_default();
            let fits = if field.ends_with(':') {
                found.starts_with(field)
            } else {
                found == field
            };
            assert!(fits, "{method} {path} {body}: {}", answer.body);
        }
    }
    assert_eq!(
        server.get("/sessions").json()["items"],
        json!([]),
        "nothing was started"
    );
}

#[test]
fn bodies_that_are_no_json_or_too_large_are_refused() {
    let data = folder();
    let server = Server::start(data.path());
    let malformed = server.request("POST", "/sessions", Some("{\"strategy\": "));
    assert_eq!(
        (malformed.status, &malformed.json()["code"]),
        (400, &json!("malformed_json"))
    );
    let large = json!({"strategy": "x".repeat(1_100_000)}).to_string();
    let answer = server.request("POST", "/sessions", Some(&large));
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (413, &json!("body_too_large"))
    );
    let form = server.request_with(
        "POST",
        "/sessions",
        None,
        &[("Content-Type", "application/x-www-form-urlencoded")],
    );
    assert_eq!(
        (form.status, &form.json()["code"]),
        (415, &json!("unsupported_media_type"))
    );
}

#[test]
fn wrong_queries_name_their_parameters() {
    let data = folder();
    let server = Server::start(data.path());
    let id = server.start_busy(1.0);
    for (query, path) in [
        ("limit=0", "limit"),
        ("limit=ten", "limit"),
        ("from=noon", "from"),
        ("to=noon", "to"),
        ("side=left", "side"),
        ("cursor=x", "cursor"),
        ("symbol=a%20b", "symbol"),
        ("format=xml", "format"),
    ] {
        let answer = server.get(&format!("/sessions/{id}/trades?{query}"));
        assert_eq!(
            (answer.status, &answer.json()["errors"][0]["path"]),
            (422, &json!(path)),
            "{query}"
        );
    }
}

#[test]
fn strategies_are_validated_with_places() {
    let data = folder();
    let server = Server::start(data.path());
    let fine = server.post("/strategies/validate", &json!({"strategy": BUSY}));
    assert_eq!(
        (fine.status, fine.json()),
        (200, json!({"valid": true, "errors": [], "warnings": []}))
    );
    let odd = server.post(
        "/strategies/validate",
        &json!({"strategy": "name: x\nentry: {long: 'rsi(close, 3) > 100'}\nexit: {long: close < open}\n"}),
    );
    assert_eq!(
        odd.json(),
        json!({"valid": true, "errors": [], "warnings": [
            {"path": "strategy:2:16", "message": "this can never be true: rsi(close, 3) is from 0 to 100"}
        ]})
    );
    let template =
        |name: &str| json!({"strategy": format!("name: x\nextends: {name}\nparams: {{fast: 12}}\n")});
    let known = server.post("/strategies/validate", &template("sma-cross"));
    assert_eq!(known.json()["valid"], true, "{}", known.json());
    let unknown = server.post("/strategies/validate", &template("sma-crosss"));
    assert_eq!(unknown.json()["errors"][0]["path"], "strategy:2:10");
    let wrong = server.post(
        "/strategies/validate",
        &json!({"strategy": "name: x\ntimeframe: 5m\nentry:\n  long: smaa(close, 3) > 1\n"}),
    );
    let wrong = wrong.json();
    assert_eq!(wrong["valid"], false);
    assert!(
        wrong["errors"][0]["path"]
            .as_str()
            .is_some_and(|path| path.starts_with("strategy:4:")),
        "{wrong}"
    );
}
