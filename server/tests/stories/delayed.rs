//! A feed whose data is late by contract: a session on it lives in the market's time, which is as late.

use crate::feeds::silent_venues;
use crate::support::{Server, file, folder, papertape};
use crate::venues::IDLE;
use papertape::model::{Timeframe, Timestamp};
use papertape_feeds::testkit::{self, Faults, Stage, Truth, polygon::Polygon};
use papertape_feeds::{Clock as _, SystemClock};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::runtime::Runtime;

const DELAY: Duration = Duration::from_secs(15 * 60);

fn time(value: &Value) -> Timestamp {
    Timestamp::parse(value.as_str().expect("a time")).expect("a time")
}

/// Whether it is of a quarter of an hour ago, give or take two minutes.
fn is_late(time: Timestamp) -> bool {
    let minutes = SystemClock.now().since(time) / 60_000_000_000;
    (13..=17).contains(&minutes)
}

#[test]
fn a_session_on_a_delayed_feed_lives_in_the_time_of_its_data() {
    let runtime = Runtime::new().expect("threads");
    let now = SystemClock.now().plus_nanos(-15 * 60_000_000_000);
    let truth = Truth::seeded_at(7, 1, Timeframe::MINUTE.floor(now));
    let venue = runtime.block_on(async {
        let venue = testkit::Server::start(Stage::new(truth, Polygon::new(), Faults::none())).await;
        let venue = venue.expect("a port is free");
        venue.live_late(DELAY);
        venue
    });
    let data = folder();
    let address = venue.config();
    let config = format!(
        "[feeds.late]\nvenue = \"polygon\"\nrest_url = \"{}\"\nstream_url = \"{}\"\n\
         options = {{ market = \"crypto\", plan = \"delayed\" }}\n{}",
        address.rest_url.expect("an address"),
        address.stream_url.expect("an address"),
        silent_venues()
    );
    let config = file(&data, "papertape.toml", &config);
    let mut command = papertape();
    command.env("PAPERTAPE_LATE_KEY", "key");
    let server = Server::start_as(command, data.path(), &["--config", &config.display().to_string()]);
    let id = server.start_session(&json!({"strategy": IDLE, "feed": "late", "symbols": ["BTC/USD"]}));
    let one = format!("/sessions/{id}");
    let session = server.wait_for(&one, |session| !session["quote"].is_null());
    // It warmed up on what was, and nobody knows anything of what its data has not come to yet.
    assert!(
        session["history_bars"].as_u64().is_some_and(|bars| bars > 20),
        "{session}"
    );
    let now = SystemClock.now();
    let from = now.plus_nanos(-40 * 60_000_000_000);
    let past = format!("/feeds/late/bars?symbol=BTC%2FUSD&timeframe=1m&from={from}&to={now}");
    let bars = server.get(&past).json();
    let bars = bars["items"].as_array().expect("bars");
    let newest = bars.last().map(|bar| time(&bar["open_time"])).expect("some");
    assert!(
        is_late(newest) && bars.len() < 27,
        "{newest}, {} bars",
        bars.len()
    );
    assert!(is_late(time(&session["summary"]["market_time"])), "{session}");

    // An order fills in that time, after the session's beginning in it.
    let order = json!({"symbol": "BTC/USD", "side": "buy", "type": "market", "quantity": "0.01"});
    assert_eq!(server.post(&format!("/accounts/{id}/orders"), &order).status, 201);
    let fills = server.wait_for(&format!("{one}/fills"), |page| {
        page["items"].as_array().is_some_and(|items| !items.is_empty())
    });
    let filled = time(&fills["items"][0]["time"]);
    let begun = server.get(&format!("{one}/data-quality")).json();
    assert!(is_late(filled), "{fills}");

    // What is missing is in doubt when it was missing, not when nobody heard it.
    venue.all_sockets(&testkit::Act::Cut);
    let record = server.wait_for(&format!("{one}/data-quality"), |record| {
        let all = record["incidents"].as_array().cloned().unwrap_or_default();
        all.iter().any(|it| {
            it["detail"]
                .as_str()
                .is_some_and(|it| it.starts_with("the connection broke"))
                && !it["to"].is_null()
        })
    });
    for incident in record["incidents"].as_array().expect("incidents") {
        assert!(is_late(time(&incident["from"])), "{incident}");
        assert!(
            incident["to"].is_null() || is_late(time(&incident["to"])),
            "{incident}"
        );
    }
    let seconds = record["tainted_seconds"].as_f64().expect("seconds");
    assert!((0.0..120.0).contains(&seconds), "{record}, begun {begun}");
    server.stop();
}
