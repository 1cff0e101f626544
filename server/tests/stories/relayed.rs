//! A session on another Papertape that tells of another time: what was lost on the way is of that time, and on its record.

use crate::feeds::silent_venues;
use crate::support::{Server, file, folder};
use crate::venues::IDLE;
use papertape::model::Timestamp;
use papertape_feeds::testkit::{self, Fault, Faults, Stage, Truth, papertape::Papertape};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::runtime::Runtime;

#[test]
fn what_is_lost_of_another_time_is_in_doubt_then() {
    let runtime = Runtime::new().expect("threads");
    // It tells of August 2024.
    let beginning = Timestamp::parse("2024-08-08T12:00:00Z").expect("a time");
    let stage = Stage::new(
        Truth::seeded_at(7, 1, beginning),
        Papertape::new(),
        Faults::none(),
    );
    let other = runtime.block_on(async {
        let other = testkit::Server::start(stage).await.expect("a free port");
        other.play(2, Duration::from_millis(20));
        other
    });
    let at = other.config();
    let config = format!(
        "[feeds.other]\nvenue = \"papertape\"\noptions = {{ feed = \"binance\" }}\nrest_url = \"{}\"\nstream_url = \"{}\"\n{}",
        at.rest_url.expect("an address"),
        at.stream_url.expect("an address"),
        silent_venues()
    );
    let data = folder();
    let config = file(&data, "papertape.toml", &config);
    let server = Server::start_with(data.path(), &["--config", &config.display().to_string()]);
    let id = server.start_session(&json!({"strategy": IDLE, "feed": "other", "symbols": ["BTC/USD"]}));
    // Of the minute within which it began nobody knows the whole.
    let minute = beginning.plus_nanos(60_000_000_000);
    server.wait_for(&format!("/sessions/{id}"), |session| {
        let reached = session["summary"]["market_time"].as_str();
        reached.is_some_and(|time| Timestamp::parse(time).is_ok_and(|time| time > minute))
    });

    other.with(|stage| stage.faults.force(Fault::Gap));
    server.wait_for("/feeds/other", |feed| {
        feed["sources"][0]["lost"].as_u64() > Some(0)
    });
    let lost = |incidents: &Value| -> Option<Value> {
        let all = incidents.as_array()?;
        let is_lost = |it: &&Value| it["detail"].as_str().is_some_and(|it| it.ends_with("never came"));
        all.iter().find(is_lost).cloned()
    };
    let quality = server.wait_for(&format!("/sessions/{id}/data-quality"), |quality| {
        lost(&quality["incidents"]).is_some()
    });
    let found = lost(&quality["incidents"]).expect("it is on record");
    let from = found["from"].as_str().unwrap_or_default();
    assert!(from.starts_with("2024-08-08"), "{found}");
    let tainted = quality["tainted"].as_array().cloned().unwrap_or_default();
    assert!(tainted.iter().any(|span| span["from"] == from), "{quality}");
    server.wait_for("/feeds/other/incidents", |page| {
        lost(&page["items"]).as_ref() == Some(&found)
    });
    server.stop();
}
