//! Sessions on venues that fail: what they tell stops, another takes over, and the record says so.

use crate::feeds::silent_venues;
use crate::support::{Server, file, folder, papertape, text};
use papertape::model::{Timeframe, Timestamp};
use papertape_feeds::testkit::{self, Faults, Stage, Truth, binance::Binance};
use papertape_feeds::{Clock as _, SystemClock};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::runtime::Runtime;

pub(crate) const IDLE: &str = "name: Idle\nsymbols: [BTC/USD]\ntimeframe: 1m\nentry: {long: false}\n";

/// A Binance on loopback that lives in the present: all of one seed tell of the same market.
pub(crate) fn venue(
    runtime: &Runtime,
    at: Option<SocketAddr>,
    beginning: Timestamp,
    symbols: usize,
) -> testkit::Server {
    let stage = Stage::new(
        Truth::seeded_at(7, symbols, beginning),
        Binance::new(),
        Faults::none(),
    );
    runtime.block_on(async {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = testkit::Server::start_at(at.unwrap_or(free), stage).await;
        let server = server.expect("the port is free");
        server.live();
        server
    })
}

pub(crate) fn feed(name: &str, server: &testkit::Server) -> String {
    let config = server.config();
    format!(
        "[feeds.{name}]\nvenue = \"binance\"\nrest_url = \"{}\"\nstream_url = \"{}\"\n",
        config.rest_url.expect("an address"),
        config.stream_url.expect("an address")
    )
}

fn fills(server: &Server, id: &str) -> Vec<Value> {
    server.all(&format!("/sessions/{id}/fills"))
}

/// What the fills of a list come to: a thin level fills an order in parts.
fn quantity(fills: &[Value]) -> Decimal {
    let each = fills
        .iter()
        .map(|fill| fill["quantity"].as_str().map(str::parse::<Decimal>));
    each.map(|quantity| quantity.expect("a quantity").expect("a number"))
        .sum()
}

/// An order at the market of a hundredth that is filled once it has been placed, with all that was before.
fn fill(server: &Server, id: &str, before: i64, place: impl FnOnce()) -> Vec<Value> {
    let hundredths = |count: i64| Decimal::new(count, 2);
    assert_eq!(quantity(&fills(server, id)), hundredths(before));
    place();
    let all = server.wait_for(&format!("/sessions/{id}/fills"), |page| {
        let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
        quantity(items) >= hundredths(before + 1)
    });
    let all = all["items"].as_array().cloned().unwrap_or_default();
    assert_eq!(quantity(&all), hundredths(before + 1), "once");
    all
}

/// Buys at the market as the order after so many, waits for the fill, and gives its price.
fn buy(server: &Server, id: &str, before: i64) -> f64 {
    let order = json!({"symbol": "BTC/USD", "side": "buy", "type": "market", "quantity": "0.01"});
    let all = fill(server, id, before, || {
        let placed = server.post(&format!("/accounts/{id}/orders"), &order);
        assert_eq!(placed.status, 201, "{}", placed.body);
    });
    let newest = all.iter().max_by_key(|fill| fill["time"].to_string());
    let price = newest.and_then(|fill| fill["price"].as_str()).expect("a price");
    price.parse().expect("a number")
}

pub(crate) fn has_incident(quality: &Value, kind: &str, is_over: bool) -> bool {
    let all = quality["incidents"].as_array().cloned().unwrap_or_default();
    all.iter()
        .any(|incident| incident["kind"] == kind && incident["to"].is_null() != is_over)
}

#[test]
fn a_session_whose_venue_falls_silent_goes_on_with_the_next_and_says_so() {
    let runtime = Runtime::new().expect("threads");
    let beginning = Timeframe::MINUTE.floor(SystemClock.now());
    let first = venue(&runtime, None, beginning, 1);
    let second = venue(&runtime, None, beginning, 1);
    let data = folder();
    let config = format!(
        "{}{}{}[[routes]]\nname = \"pair\"\nsources = [{{ feed = \"first\" }}, {{ feed = \"second\" }}]\n\
         [quality]\nfailover_ms = 300\nreturn_s = 2\n",
        feed("first", &first),
        feed("second", &second),
        silent_venues()
    );
    let config = file(&data, "papertape.toml", &config);
    let server = Server::start_with(data.path(), &["--config", &config.display().to_string()]);
    let id = server.start_session(&json!({"strategy": IDLE, "feed": "pair", "symbols": ["BTC/USD"]}));
    let one = format!("/sessions/{id}");
    let session = server.get(&one).json();
    assert_eq!(session["summary"]["feed"]["kind"], "live");
    assert!(
        session["history_bars"].as_u64().is_some_and(|bars| bars > 100),
        "it knows what was: {}",
        session["history_bars"]
    );
    // When the first one was slow to begin, the second is published until the first has been well for a while.
    server.wait_for("/feeds/pair", |feed| {
        feed["symbols"][0]["source"] == "first" && feed["symbols"][0]["freshness"] == "fresh"
    });
    server.wait_for(&one, |session| !session["quote"].is_null());
    let price = buy(&server, &id, 0);
    let near = |other: f64| assert!((other / price - 1.0).abs() < 0.02, "{other} is near {price}");

    // The first falls silent, and nobody answers any more.
    let address = first.address();
    drop(first);
    let quality = format!("{one}/data-quality");
    server.wait_for(&quality, |quality| {
        has_incident(quality, "failover", false) || has_incident(quality, "failover", true)
    });
    server.wait_for("/feeds/pair", |feed| {
        feed["symbols"][0]["source"] == "second" && feed["symbols"][0]["freshness"] == "fresh"
    });
    near(buy(&server, &id, 1));
    let sources = server.get("/feeds/pair").json()["sources"].clone();
    assert_eq!(
        sources[1]["subscriptions"], 1,
        "one symbol is listened to: {sources}"
    );

    // It comes back, and after a while it is relied on again.
    let first = venue(&runtime, Some(address), beginning, 1);
    server.wait_for("/feeds/pair", |feed| {
        feed["symbols"][0]["source"] == "first" && feed["symbols"][0]["freshness"] == "fresh"
    });
    near(buy(&server, &id, 2));
    let record = server.get(&quality).json();
    assert!(
        record["tainted_seconds"]
            .as_f64()
            .is_some_and(|seconds| seconds > 0.0),
        "{record}"
    );
    assert!(!record["tainted"].as_array().expect("spans").is_empty());
    let said: Vec<&str> = record["incidents"]
        .as_array()
        .expect("incidents")
        .iter()
        .filter_map(|incident| incident["detail"].as_str())
        .collect();
    for words in [
        "the connection broke and is opened anew: ",
        "first is in trouble: the connection is down; second takes over",
        "first, which is preferred, is well again and takes over from second",
    ] {
        assert!(
            said.iter().any(|detail| detail.starts_with(words)),
            "{words}: {said:?}"
        );
    }

    let messages = |feed: &Value| feed["sources"][1]["messages"].as_u64().unwrap_or_default();
    let told = messages(&server.get("/feeds/pair").json());
    server.wait_for("/feeds/pair", |feed| messages(feed) > told + 5);
    // The second, which stands by again and tells, falls silent too: that is on record, and no doubt of what the session sees.
    let other = second.address();
    drop(second);
    let is_standbys = |incident: &Value| incident["source"] == "second" && incident["kind"] == "gap";
    let standbys = |quality: &Value| -> Option<Value> {
        let all = quality["incidents"].as_array()?;
        all.iter()
            .find(|it| is_standbys(it) && it["to"].is_null())
            .cloned()
    };
    let after = server.wait_for(&quality, |quality| {
        standbys(quality).is_some() && quality["now"][0]["freshness"] == "fresh"
    });
    let silence = standbys(&after).expect("it is on record");
    assert_eq!(silence["touched"], json!([]));
    // On a busy machine the first's trades may come late, which taints a span of its own.
    let is_silence = |span: &Value| span["from"] == silence["from"];
    let tainted = after["tainted"].as_array().expect("spans");
    assert!(!tainted.iter().any(is_silence), "{tainted:?}");
    let untainted = server.get(&format!("{one}/metrics?without=tainted"));
    assert_eq!(untainted.status, 200, "{}", untainted.body);

    let alerts = server.get("/alerts").json();
    let codes: Vec<&str> = alerts["items"]
        .as_array()
        .expect("alerts")
        .iter()
        .filter_map(|alert| alert["code"].as_str())
        .collect();
    assert!(codes.contains(&"data_failover"), "{codes:?}");
    let of_standby = |alert: &&Value| {
        let message = alert["message"].as_str().unwrap_or_default();
        alert["code"] == "data_gap" && message.starts_with("BTC/USD from second: ")
    };
    let found: Vec<&Value> = alerts["items"]
        .as_array()
        .expect("alerts")
        .iter()
        .filter(of_standby)
        .collect();
    assert!(found.is_empty(), "nobody saw of it: {found:?}");
    let is_named = |alert: &Value| {
        alert["message"]
            .as_str()
            .is_some_and(|it| it.starts_with("BTC/USD from second: "))
    };
    assert!(
        alerts["items"].as_array().expect("alerts").iter().any(is_named),
        "{alerts}"
    );
    // What the venue has can be kept, for backtests.
    let hour = |hours: i64| beginning.plus_nanos(-3_600_000_000_000 * hours).to_string();
    let span = json!({"symbol": "BTC/USD", "from": hour(5), "to": hour(1)});
    let kept = server.post("/feeds/first/history", &span);
    assert_eq!(
        (kept.status, &kept.json()["bars"]),
        (200, &json!(240)),
        "{}",
        kept.body
    );
    assert_eq!(kept.json()["id"], "first:BTC/USD@1m");
    let cross = IDLE.replace("false", "close > open");
    let backtest = server.post(
        "/backtests",
        &json!({"strategy": cross, "dataset": "first:BTC/USD@1m"}),
    );
    assert_eq!(backtest.status, 202, "{}", backtest.body);
    let id_of = backtest.json()["id"].as_str().expect("an id").to_owned();
    server.wait_for(&format!("/backtests/{id_of}"), |status| {
        status["state"] == "finished"
    });

    // Both away: nothing fills, and the order says why; then it fills.
    drop(first);
    server.wait_for("/feeds/pair", |feed| feed["symbols"][0]["freshness"] == "gap");
    let order = json!({"symbol": "BTC/USD", "side": "sell", "type": "market", "quantity": "0.01"});
    let placed = server.post(&format!("/accounts/{id}/orders"), &order);
    assert_eq!(placed.status, 201, "{}", placed.body);
    let placed = placed.json();
    let order = placed["id"].as_str().expect("an id");
    let why = server.wait_for(&format!("/orders/{order}/explain"), |why| {
        why.to_string().contains("gap")
    });
    assert_eq!(quantity(&fills(&server, &id)), Decimal::new(3, 2), "{why}");
    let mut back = None;
    fill(&server, &id, 3, || {
        back = Some(venue(&runtime, Some(other), beginning, 1))
    });
    server.stop();
    let verified = papertape()
        .args(["verify", "--session", &id, "--data-dir"])
        .arg(data.path())
        .output()
        .expect("the binary runs");
    assert!(
        text(&verified.stdout).starts_with("identical "),
        "{}",
        text(&verified.stdout)
    );
}

#[test]
fn a_session_that_begins_while_others_trade_knows_the_whole_book_as_they_do() {
    let runtime = Runtime::new().expect("threads");
    let market = venue(&runtime, None, Timeframe::MINUTE.floor(SystemClock.now()), 1);
    let data = folder();
    let config = format!("{}{}", feed("first", &market), silent_venues());
    let config = file(&data, "papertape.toml", &config);
    let server = Server::start_with(data.path(), &["--config", &config.display().to_string()]);
    // Of the book only changes are told once the first session knows it.
    for _ in 0..2 {
        let id = server.start_session(&json!({"strategy": IDLE, "feed": "first", "symbols": ["BTC/USD"]}));
        server.wait_for(&format!("/sessions/{id}"), |session| !session["quote"].is_null());
        let book = server.wait_for("/markets/BTC%2FUSD/order-book?feed=first", |book| {
            book["bids"].as_array().is_some_and(|bids| !bids.is_empty())
        });
        // What is told is told to all; the session has come as far.
        let time = |value: &Value| Timestamp::parse(value.as_str().unwrap_or_default()).ok();
        let told = time(&book["received"]).expect("a time");
        server.wait_for(&format!("/sessions/{id}"), |session| {
            time(&session["summary"]["market_time"]).is_some_and(|reached| reached > told)
        });
        buy(&server, &id, 0);
        let met = fills(&server, &id);
        assert_eq!(met[0]["explanation"]["tier"], "depth", "{met:?}");
    }
}
