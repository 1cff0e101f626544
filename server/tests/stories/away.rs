//! Sessions that begin while some of the sources of their route are away.

use crate::feeds::silent_venues;
use crate::support::{Server, file, folder};
use crate::venues::{IDLE, feed, has_incident, venue};
use papertape::model::Timeframe;
use papertape_feeds::{Clock as _, SystemClock};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const ROUTES: &str = "[[routes]]\nname = \"pair\"\nsources = [{ feed = \"first\" }, { feed = \"second\" }]\n\
                      [[routes]]\nname = \"new\"\nsources = [{ feed = \"first\" }, { feed = \"second\" }]\n\
                      [quality]\nfailover_ms = 300\nreturn_s = 2\n";

fn session(server: &Server, feed: &str, symbols: &[&str]) -> String {
    server.start_session(&json!({"strategy": IDLE, "feed": feed, "symbols": symbols}))
}

#[test]
fn a_session_begins_on_the_next_source_when_the_preferred_one_is_away_after_a_restart() {
    let runtime = Runtime::new().expect("threads");
    let beginning = Timeframe::MINUTE.floor(SystemClock.now());
    let first = venue(&runtime, None, beginning, 1);
    let second = venue(&runtime, None, beginning, 1);
    let data = folder();
    let feeds = [feed("first", &first), feed("second", &second)].concat();
    let config = file(
        &data,
        "papertape.toml",
        &[&feeds, &silent_venues(), ROUTES].concat(),
    );
    let arguments = ["--config", &config.display().to_string()];
    let server = Server::start_with(data.path(), &arguments);
    let before = session(&server, "pair", &["BTC/USD"]);
    server.wait_for(&format!("/sessions/{before}"), |session| {
        !session["quote"].is_null()
    });
    server.stop();

    drop(first);
    let server = Server::start_with(data.path(), &arguments);
    // Of the one the tape has the steps; the other is new.
    for route in ["pair", "new"] {
        let id = session(&server, route, &["BTC/USD"]);
        let one = format!("/sessions/{id}");
        let begun = server.wait_for(&one, |session| !session["quote"].is_null());
        let bars = begun["history_bars"].as_u64();
        assert!(bars.is_some_and(|bars| bars > 100), "{route}: {bars:?} bars");
        let health = server.get(&format!("/feeds/{route}")).json();
        assert_eq!(health["symbols"][0]["source"], "second", "{health}");
        server.wait_for(&format!("{one}/data-quality"), |quality| {
            has_incident(quality, "failover", false) || has_incident(quality, "failover", true)
        });
    }
    // What nobody kept is had of the second.
    let span = |hours: i64| beginning.plus_nanos(-3_600_000_000_000 * hours).to_string();
    let five = format!(
        "/feeds/new/bars?symbol=BTC/USD&timeframe=5m&from={}&to={}",
        span(3),
        span(1)
    );
    let bars = server.get(&five);
    assert_eq!(bars.status, 200, "{}", bars.body);
    assert!(
        bars.json()["items"]
            .as_array()
            .is_some_and(|bars| bars.len() >= 23),
        "{}",
        bars.body
    );
    // The one that was under way goes on, too.
    let reached = |session: &Value| session["summary"]["seq"].as_u64().unwrap_or_default();
    let now = reached(&server.get(&format!("/sessions/{before}")).json());
    server.wait_for(&format!("/sessions/{before}"), |session| reached(session) > now);
    server.stop();
    drop(second);
}

#[test]
fn nobody_waits_for_a_standby_that_does_not_answer() {
    let runtime = Runtime::new().expect("threads");
    let first = venue(&runtime, None, Timeframe::MINUTE.floor(SystemClock.now()), 3);
    // Takes connections, and never says a word.
    let hole = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = hole.local_addr().expect("an address");
    let second = format!(
        "[feeds.second]\nvenue = \"binance\"\nrest_url = \"http://{address}\"\nstream_url = \"ws://{address}\"\n"
    );
    let data = folder();
    let config = [&feed("first", &first), &second, &silent_venues(), ROUTES].concat();
    let config = file(&data, "papertape.toml", &config);
    let server = Server::start_with(data.path(), &["--config", &config.display().to_string()]);
    let asked = Instant::now();
    let id = session(&server, "pair", &["BTC/USD", "ETH/USD", "SOL/USD"]);
    let waited = asked.elapsed();
    // A request that is not answered is given up after 20 s, and each symbol was one.
    assert!(waited < Duration::from_secs(15), "the start took {waited:?}");
    server.wait_for(&format!("/sessions/{id}"), |session| !session["quote"].is_null());
    server.stop();
}
