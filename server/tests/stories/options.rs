//! Options: a chain is looked at, a covered call, a long put and a vertical spread are traded, one call is exercised early, the
//! rest expires.

use crate::support::{Server, file, folder, papertape, run, text};
use papertape::market::{Bar, Bars, Calendar, CalendarId, write_bars_csv};
use papertape::model::Timeframe;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// Half hours of Apple from July to the third Friday of December 2024: at 103 all the time, and on the last day up to 110.
fn half_hours() -> String {
    let calendar = Calendar::of(CalendarId::UsEquities);
    let day = |month, day| chrono::NaiveDate::from_ymd_opt(2024, month, day).expect("a day");
    let (first, last) = (day(7, 1), day(12, 20));
    let mut bars = Bars::default();
    for session in first
        .iter_days()
        .take_while(|day| *day <= last)
        .filter_map(|day| calendar.session_on(day))
    {
        let mut open_time = session.open;
        let mut price = 103.0;
        while open_time < session.close {
            let next = if session.day == last {
                110.0_f64.min(price + 1.0)
            } else {
                price
            };
            bars.push(Bar {
                open_time,
                open: price,
                high: next,
                low: price,
                close: next,
                volume: 100_000.0,
            });
            price = next;
            open_time = open_time.plus_nanos(30 * Timeframe::MINUTE.nanos());
        }
    }
    write_bars_csv(&bars)
}

fn import(data: &TempDir, path: &Path) -> String {
    let path = path.to_str().expect("a plain path");
    let folder = data.path().to_str().expect("a plain path");
    let output = run(&["import", path, "--symbol", "AAPL", "--data-dir", folder]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// An account on the replay, ten hours a second.
fn open(server: &Server, options: &Value) -> String {
    let request = json!({"symbol": "AAPL", "feed": "replay", "timeframe": "30m", "speed": 36_000,
                         "execution": {"fee": 0, "slippage_bps": 0}, "options": options});
    let answer = server.post("/accounts", &request);
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()["id"].as_str().expect("an id").to_owned()
}

fn place(server: &Server, account: &str, order: &Value) -> Vec<Value> {
    let answer = server.post(&format!("{account}/orders"), order);
    assert_eq!(answer.status, 201, "{order}: {}", answer.body);
    let answer = answer.json();
    match answer["orders"].as_array() {
        Some(legs) => legs.clone(),
        None => vec![answer],
    }
}

/// What is held, once it is of so many symbols.
fn held(server: &Server, account: &str, symbols: usize) -> Vec<Value> {
    let page = server.wait_for(&format!("{account}/positions"), |page| {
        page["items"].as_array().is_some_and(|all| all.len() == symbols)
    });
    page["items"].as_array().expect("items").clone()
}

#[test]
fn options_are_traded_by_name_exercised_early_and_expire() {
    let data = folder();
    import(&data, &file(&data, "bars.csv", &half_hours()));
    let server = Server::start(data.path());
    let id = open(&server, &json!({"volatility": 0.3, "rate": 0.04}));
    let account = format!("/accounts/{id}");

    // What is listed, with both prices around the model's.
    server.wait_for(&account, |account| !account["market_time"].is_null());
    let board = server.wait_for(&format!("/markets/AAPL/options?session={id}"), |board| {
        board["price"] == 103.0
    });
    let option = &board["expiries"][0]["options"][0];
    assert_eq!(board["source"], "model");
    assert!(option["ask"].as_f64() > option["price"].as_f64(), "{option}");
    assert_eq!(option["implied_volatility"], 0.3);
    assert!(option["greeks"]["delta"].is_f64(), "{option}");
    let day = board["expiries"][1]["day"].as_str().expect("a day").to_owned();
    let one = server
        .get(&format!("/markets/AAPL/options?session={id}&expiry={day}"))
        .json();
    assert_eq!(one["expiries"].as_array().map(Vec::len), Some(1));

    // A covered call, a long put, a spread, and a call to be exercised early; each named in another way.
    place(&server, &account, &json!({"side": "buy", "quantity": "100"}));
    held(&server, &account, 1);
    let sold = json!({"symbol": "AAPL  241220C00105000", "side": "sell", "quantity": "1"});
    assert_eq!(
        place(&server, &account, &sold)[0]["symbol"],
        "AAPL241220C00105000"
    );
    let put = json!({"symbol": "AAPL 2024-12-20 95 P", "side": "buy", "quantity": "2"});
    let put = place(&server, &account, &put)[0].clone();
    let call = json!({"symbol": "AAPL241220C00090000", "side": "buy", "quantity": "2"});
    place(&server, &account, &call);
    let legs = place(
        &server,
        &account,
        &json!({"legs": [{"symbol": "AAPL 2024-12-20 100 C", "side": "buy"},
                         {"symbol": "AAPL 2024-12-20 110 C", "side": "sell"}],
                "quantity": "3", "net_price": "9"}),
    );
    assert_eq!(legs.len(), 2);
    let positions = held(&server, &account, 6);
    let of = |positions: &[Value], symbol: &str| {
        let found = positions.iter().find(|position| position["symbol"] == symbol);
        found.cloned().unwrap_or(Value::Null)
    };
    let covered = of(&positions, "AAPL241220C00105000");
    assert_eq!(
        (&covered["side"], &covered["quantity"]),
        (&json!("short"), &json!("1"))
    );
    let delta = covered["greeks"]["delta"].as_f64().expect("a delta");
    assert!((-100.0..0.0).contains(&delta), "{covered}");
    assert_eq!(of(&positions, "AAPL")["greeks"], Value::Null);
    // The explanation speaks of the option, not of the shares.
    let path = format!("/orders/{}/explain", put["id"].as_str().expect("an id"));
    let story = server.wait_for(&path, |story| story["status"] == "filled");
    let headline = story["headline"].as_str().unwrap_or_default();
    assert!(
        headline.starts_with("Buy 2 AAPL241220P00095000 market"),
        "{story}"
    );
    assert_eq!(story["fills"][0]["tier"], "model");

    // Exercised early, 100 shares come at 90; what cannot be is refused, by its reason.
    let exercise = |symbol: &str, quantity: &str| {
        server.post(
            &format!("{account}/exercise"),
            &json!({"symbol": symbol, "quantity": quantity}),
        )
    };
    let done = exercise("AAPL 2024-12-20 90 C", "1");
    assert_eq!(done.status, 200, "{}", done.body);
    let after = done.json()["items"].as_array().expect("items").clone();
    assert_eq!(of(&after, "AAPL241220C00090000")["quantity"], "1");
    assert_eq!(of(&after, "AAPL")["quantity"], "200");
    for (symbol, code) in [
        ("AAPL241220C00105000", "not_exercisable"),
        ("AAPL", "not_exercisable"),
        ("AAPL241220P00001000", "unknown_instrument"),
    ] {
        let refused = exercise(symbol, "1");
        assert_eq!(
            (refused.status, refused.json()["code"].as_str()),
            (422, Some(code))
        );
    }

    // A power cut, and on; at full speed to the end, where all of it expires.
    server.kill();
    let server = Server::start(data.path());
    let faster = server.post(&format!("/sessions/{id}/speed"), &json!({"speed": 0}));
    assert_eq!(faster.status, 200, "{}", faster.body);
    let ended = server.wait_for(&account, |account| account["state"] == "finished");
    // At 110: 200 shares, less 100 called away, plus 100 of the other call at 90 and 300 of the spread's at 100. The sold call
    // at 110 ends at the money, worth nothing.
    let positions = held(&server, &account, 1);
    assert_eq!(positions[0]["quantity"], "500", "{positions:?}");
    assert_eq!(ended["equity"]["currency"], "USD");
    let trades = server.all(&format!("/sessions/{id}/trades"));
    let reason = |symbol: &str| {
        let found = trades.iter().find(|trade| trade["symbol"] == symbol);
        found.map_or(Value::Null, |trade| trade["exit_reason"].clone())
    };
    assert_eq!(reason("AAPL241220C00105000"), "assigned");
    assert_eq!(reason("AAPL241220P00095000"), "expired worthless");
    assert_eq!(reason("AAPL241220C00090000"), "exercised");
    assert_eq!(reason("AAPL241220C00110000"), "expired worthless");
    // Cash is what was paid and got: at the strikes, and at the fills.
    let paid: f64 = server
        .all(&format!("{account}/fills"))
        .iter()
        .map(|fill| {
            let number = |name: &str| {
                fill[name]
                    .as_str()
                    .and_then(|it| it.parse().ok())
                    .unwrap_or(f64::NAN)
            };
            let sign = if fill["side"] == "buy" { 1.0 } else { -1.0 };
            let contract = if fill["instrument"] == 0 { 1.0 } else { 100.0 };
            sign * contract * number("quantity") * number("price")
        })
        .sum();
    let cash: f64 = ended["cash"]["amount"]
        .as_str()
        .expect("cash")
        .parse()
        .expect("cash");
    let strikes = -9_000.0 + 10_500.0 - 9_000.0 - 30_000.0;
    assert!((cash - (100_000.0 - paid + strikes)).abs() < 1e-6, "{cash}");
    server.stop();
    let verify = papertape()
        .args(["verify", "--session", &id, "--data-dir"])
        .arg(data.path())
        .output()
        .expect("the binary runs");
    assert_eq!(verify.status.code(), Some(0), "{}", text(&verify.stdout));
}

const CHAIN: &str = "\
expiry,strike,right,open,close,volume,open_interest,implied_volatility,delta,gamma,vega,theta,rho
,,,99,103,1000,,,,,,,
2024-12-20,105,C,1,1.5,3,7,0.41,0.30,0.03,0.1,-0.02,0.05
2024-12-20,100,P,2,2.5,0,,0.20,-0.48,0.04,0.12,-0.03,-0.06
";

#[test]
fn an_imported_chain_says_what_is_listed_and_how_volatile_it_is() {
    let data = folder();
    import(&data, &file(&data, "bars.csv", &half_hours()));
    assert_eq!(
        import(&data, &file(&data, "chain.csv", CHAIN)),
        "AAPL: an option chain of 2 options, 1 expiry, underlying at 103\n"
    );
    let server = Server::start(data.path());
    let board = server.get("/markets/AAPL/options").json();
    assert_eq!(
        (&board["source"], &board["price"]),
        (&json!("chain"), &json!(103.0))
    );
    let none = server.get("/markets/MSFT/options");
    assert_eq!(
        (none.status, none.json()["code"].as_str()),
        (422, Some("unknown_chain"))
    );

    let id = open(&server, &json!({"chain": true}));
    let board = server.wait_for(&format!("/markets/AAPL/options?session={id}"), |board| {
        board["source"] == "model"
    });
    let options = board["expiries"][0]["options"].as_array().expect("options");
    let volatilities: Vec<_> = options
        .iter()
        .map(|it| it["implied_volatility"].clone())
        .collect();
    assert_eq!(volatilities, [0.2, 0.41]);
    let order = |symbol: &str| json!({"symbol": symbol, "side": "buy", "quantity": "1"});
    place(
        &server,
        &format!("/accounts/{id}"),
        &order("AAPL 2024-12-20 105 C"),
    );
    let unlisted = server.post(&format!("/accounts/{id}/orders"), &order("AAPL 2024-12-20 105 P"));
    assert_eq!(
        (unlisted.status, unlisted.json()["code"].as_str()),
        (422, Some("unknown_instrument"))
    );

    // Where there can be no options, or nothing says how volatile they are, no session starts.
    for (request, path) in [
        (
            json!({"symbol": "BTC/USDT", "options": {"volatility": 0.5}}),
            "options",
        ),
        (json!({"symbol": "AAPL", "options": {}}), "options.volatility"),
        (
            json!({"symbol": "MSFT", "options": {"chain": true}}),
            "options.chain",
        ),
    ] {
        let refused = server.post("/accounts", &request);
        assert_eq!(refused.status, 422, "{request}");
        assert_eq!(refused.json()["errors"][0]["path"], path, "{}", refused.body);
    }
}
