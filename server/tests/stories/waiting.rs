//! A session on a venue that lists its symbols, and tells nothing yet.

use crate::feeds::silent_venues;
use crate::support::{Server, file, folder};
use crate::venues::{IDLE, feed, has_incident};
use papertape::model::Timeframe;
use papertape_feeds::testkit::{
    self, Conversation, Faults, Mock, Reply, Request, Stage, Truth, binance::Binance,
};
use papertape_feeds::{Clock as _, SystemClock};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;

/// A venue of which only the lists and the past can be had, until it opens.
#[derive(Debug)]
struct Shut {
    venue: Binance,
    is_open: Arc<AtomicBool>,
}

impl Shut {
    fn refusal(&self) -> Option<Reply> {
        let is_open = self.is_open.load(Ordering::SeqCst);
        (!is_open).then(|| Reply::text(503, "text/plain", "not yet"))
    }
}

impl Mock for Shut {
    fn answer(&mut self, request: &Request, truth: &Truth, at: Duration) -> Reply {
        let is_past = ["exchangeInfo", "klines"]
            .iter()
            .any(|end| request.path.ends_with(end));
        match self.refusal() {
            Some(refusal) if !is_past => refusal,
            _ => self.venue.answer(request, truth, at),
        }
    }

    fn connect(&mut self, request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        match self.refusal() {
            Some(refusal) => Err(refusal),
            None => self.venue.connect(request),
        }
    }
}

#[test]
fn what_has_told_nothing_yet_is_waited_for_on_record_and_never_called_fresh() {
    let runtime = Runtime::new().expect("threads");
    let is_open = Arc::<AtomicBool>::default();
    let beginning = Timeframe::MINUTE.floor(SystemClock.now());
    let mock = Shut {
        venue: Binance::new(),
        is_open: Arc::clone(&is_open),
    };
    let stage = Stage::new(Truth::seeded_at(7, 1, beginning), mock, Faults::none());
    let venue = runtime.block_on(async {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = testkit::Server::start_at(free, stage).await.expect("a free port");
        server.live();
        server
    });
    let data = folder();
    let config = format!("{}{}", feed("late", &venue), silent_venues());
    let config = file(&data, "papertape.toml", &config);
    let server = Server::start_with(data.path(), &["--config", &config.display().to_string()]);
    let id = server.start_session(&json!({"strategy": IDLE, "feed": "late", "symbols": ["BTC/USD"]}));
    let one = format!("/sessions/{id}");
    let quality = format!("{one}/data-quality");
    let is = |it: &Value, freshness: &str| it["freshness"] == freshness;
    // By one rule, wherever it is shown; after a while it is on record, and what a session was like then is in doubt.
    let seen = server.wait_for(&quality, |quality| {
        assert!(is(&quality["now"][0], "waiting"), "{quality}");
        has_incident(quality, "stale", false)
    });
    assert!(seen.to_string().contains("nothing has come yet"), "{seen}");
    assert!(!seen["tainted"].as_array().expect("spans").is_empty());
    let health = server.get("/feeds/late").json();
    assert!(is(&health["symbols"][0], "waiting"), "{health}");
    assert!(health["symbols"][0]["why"].is_string(), "{health}");
    let page = server.get(&format!("//sessions/{id}"));
    assert_eq!(page.status, 200);
    let fills = || server.all(&format!("{one}/fills"));
    let order = json!({"symbol": "BTC/USD", "side": "buy", "type": "market", "quantity": "0.01"});
    let placed = server.post(&format!("/accounts/{id}/orders"), &order);
    assert_eq!(placed.status, 201, "{}", placed.body);
    assert_eq!(fills(), [Value::Null; 0]);
    // It opens: what comes is fresh, the wait is over, and the order fills.
    is_open.store(true, Ordering::SeqCst);
    server.wait_for("/feeds/late", |feed| is(&feed["symbols"][0], "fresh"));
    server.wait_for(&quality, |quality| {
        is(&quality["now"][0], "fresh") && !has_incident(quality, "stale", false)
    });
    server.wait_for(&format!("{one}/fills"), |page| {
        page["items"].as_array().is_some_and(|items| !items.is_empty())
    });
    server.stop();
    drop(venue);
}
