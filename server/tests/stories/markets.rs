//! The markets that are known, their bars, and what is counted of those who tell of them.

use crate::feeds::silent_venues;
use crate::support::{PATIENCE, Server, file, folder, import, simulated_csv};
use crate::venues::{feed, venue};
use papertape::model::Timeframe;
use papertape_feeds::testkit::{self, Fault};
use papertape_feeds::{Clock as _, SystemClock};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// A server with a feed `first`, whose venue has BTC/USD, ETH/USD, SOL/USD and XRP/USD.
fn with_venue(runtime: &Runtime, data: &tempfile::TempDir) -> (testkit::Server, Server) {
    let first = venue(runtime, None, Timeframe::MINUTE.floor(SystemClock.now()), 4);
    let config = format!("{}{}", feed("first", &first), silent_venues());
    let config = file(data, "papertape.toml", &config);
    let server = Server::start_with(data.path(), &["--config", &config.display().to_string()]);
    (first, server)
}

fn items(server: &Server, path: &str) -> Vec<Value> {
    let answer = server.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()["items"].as_array().cloned().unwrap_or_default()
}

fn code(server: &Server, path: &str) -> (u16, Value) {
    let answer = server.get(path);
    (answer.status, answer.json()["code"].clone())
}

#[test]
fn markets_are_those_with_bars_and_those_that_feeds_listen_to() {
    let (runtime, data) = (Runtime::new().expect("threads"), folder());
    let bars = file(&data, "bars.csv", &simulated_csv(50));
    assert_eq!(import(data.path(), &[&bars]).status.code(), Some(0));
    let (_venue, server) = with_venue(&runtime, &data);
    let before = items(&server, "/markets");
    let symbol = |market: &Value| market["symbol"].as_str().unwrap_or_default().to_owned();
    let symbols: Vec<String> = before.iter().map(symbol).collect();
    assert!(
        symbols.is_sorted() && symbols.len() == 20,
        "the simulated ones: {symbols:?}"
    );
    let of = |markets: &[Value], wanted: &str| markets.iter().find(|it| symbol(it) == wanted).cloned();
    let bitcoin = of(&before, "BTC/USDT").expect("it is known");
    assert_eq!(bitcoin["datasets"][0]["id"], "BTC/USDT@1m", "{bitcoin}");
    assert_eq!(bitcoin["datasets"][0]["bars"], 50);
    assert_eq!(bitcoin["datasets"][1]["simulated"], true);
    assert_eq!(bitcoin["feeds"], json!([]));
    assert!(bitcoin["instrument"]["tick"].is_string() && bitcoin["instrument"]["lot"].is_string());

    // Page by page it is the same.
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/markets?limit=7{cursor}")).json();
        paged.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, before);
    assert_eq!(code(&server, "/markets?limit=0"), (422, json!("invalid_request")));
    assert_eq!(
        code(&server, "/markets?cursor=%20"),
        (422, json!("invalid_request"))
    );

    // What a feed listens to is one of them, with what it told.
    server.get("/markets/SOL%2FUSD/ticker?feed=first");
    server.wait_for("/markets", |page| {
        let markets = page["items"].as_array().cloned().unwrap_or_default();
        let told = of(&markets, "SOL/USD");
        told.is_some_and(|told| {
            let live = &told["feeds"][0];
            let (feed, source) = (&live["feed"], &live["source"]);
            feed == "first" && source == "first" && !live["quote"].is_null() && told["datasets"] == json!([])
        })
    });
    let listed = items(&server, "/feeds/first/instruments?symbol=SOL/USD");
    let known = of(&items(&server, "/markets"), "SOL/USD").expect("it is known");
    assert_eq!(known["instrument"], listed[0], "in its steps");
    server.stop();
}

#[test]
fn bars_of_a_feed_are_asked_of_its_venue_and_kept() {
    let (runtime, data) = (Runtime::new().expect("threads"), folder());
    let (venue, server) = with_venue(&runtime, &data);
    let asked = || venue.with(|stage| stage.requests.get("/api/v3/klines").copied().unwrap_or_default());
    let now = Timeframe::MINUTE.floor(SystemClock.now());
    let ago = |minutes: i64| now.plus_nanos(-60_000_000_000 * minutes).to_string();
    let market = "/markets/XRP%2FUSD/bars";
    // A span of a feed, page by page.
    let span = format!("{market}?feed=first&from={}&to={}", ago(300), ago(200));
    let first = server.get(&format!("{span}&limit=60"));
    assert_eq!(first.status, 200, "{}", first.body);
    let first = first.json();
    let next = first["next_cursor"].as_str().expect("there is more");
    let mut bars = first["items"].as_array().cloned().unwrap_or_default();
    assert_eq!(bars.len(), 60);
    bars.extend(items(&server, &format!("{span}&limit=60&cursor={next}")));
    let times: Vec<&str> = bars.iter().filter_map(|bar| bar["open_time"].as_str()).collect();
    assert!(times.len() == 100 && times.is_sorted(), "{times:?}");
    assert_eq!(bars, items(&server, &span), "the same at once");
    let before = asked();
    assert_eq!(bars, items(&server, &format!("{span}&timeframe=1m")));
    assert_eq!(asked(), before, "it was kept");
    // Without a span the last ones; of another length.
    let last = items(&server, &format!("{market}?feed=first&timeframe=5m&limit=12"));
    // The venue may be a moment behind our clock.
    assert!((11..=12).contains(&last.len()), "{last:?}");
    // A dataset that a feed keeps is completed within the span, as backtests do it.
    let dataset = format!("{market}?dataset=first:XRP/USD@1m");
    let (from, to) = (ago(320), ago(180));
    assert_eq!(
        items(&server, &format!("{dataset}&from={from}&to={to}")).len(),
        140
    );
    let packed = server.get(&format!(
        "{market}?feed=first&from={from}&to={}&format=packed",
        ago(170)
    ));
    assert_eq!(packed.status, 200, "{}", packed.body);
    assert_eq!(
        items(&server, &dataset).len(),
        150,
        "it is kept, and nothing is asked for"
    );
    // Of a symbol without any bars, those of the feed that listens to it.
    let unknown = "/markets/LTC%2FUSD/bars";
    assert_eq!(code(&server, unknown), (422, json!("unknown_symbol")));
    server.get("/markets/SOL%2FUSD/ticker?feed=first");
    let last = items(&server, "/markets/SOL%2FUSD/bars?limit=30");
    assert!((29..=30).contains(&last.len()), "{last:?}");
    for (wrong, status, why) in [
        ("feed=nobody", 404, "unknown_feed"),
        ("feed=first&dataset=first:XRP/USD@1m", 422, "invalid_request"),
        ("timeframe=1m", 422, "invalid_request"),
        ("feed=first&timeframe=soon", 422, "invalid_query"),
        ("feed=first&timeframe=7m", 422, "unsupported_timeframe"),
    ] {
        assert_eq!(
            code(&server, &format!("{market}?{wrong}")),
            (status, json!(why)),
            "{wrong}"
        );
    }
    server.stop();
}

#[test]
fn everything_that_is_counted_of_a_source_is_told() {
    let (runtime, data) = (Runtime::new().expect("threads"), folder());
    let (venue, server) = with_venue(&runtime, &data);
    server.get("/markets/BTC%2FUSD/ticker?feed=first");
    let at_first = server.wait_for("/feeds/first", |feed| {
        feed["sources"][0]["messages"].as_u64() > Some(10)
    });
    let source = &at_first["sources"][0];
    for counter in ["undecodable", "out_of_order", "backfilled", "late", "duplicates"] {
        assert!(source[counter].is_u64(), "{counter}: {source}");
    }
    // Both limits of the venue, with their windows.
    let budget = source["budget"].as_array().cloned().unwrap_or_default();
    let minute = budget
        .iter()
        .find(|window| window["seconds"] == 60)
        .expect("a minute's");
    let (used, limit) = (minute["used"].as_f64(), minute["limit"].as_f64());
    assert!(used > Some(0.0) && limit > used, "{minute}");
    // What goes wrong is counted as what it is. Which frame it hits is chance, and of a book's no trade is missing: then once more.
    for (fault, counter) in [(Fault::Truncate, "undecodable"), (Fault::Gap, "backfilled")] {
        let counted = || server.get("/feeds/first").json()["sources"][0][counter].as_u64();
        let deadline = Instant::now() + PATIENCE;
        while counted() == Some(0) {
            assert!(Instant::now() < deadline, "{counter} stays 0");
            venue.with(|stage| stage.faults.force(fault));
            std::thread::sleep(Duration::from_secs(1));
        }
    }
    server.stop();
}
