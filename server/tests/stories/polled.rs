//! Sessions on a vendor that is asked and allows few requests: they begin at once, and who cannot is told why.

use crate::feeds::silent_venues;
use crate::support::{Server, file, folder};
use crate::venues::IDLE;
use papertape::model::Timeframe;
use papertape_feeds::testkit::{self, Faults, Stage, Truth, Ware, coingecko::CoinGecko};
use papertape_feeds::{Clock as _, SystemClock};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const COINS: [&str; 8] = [
    "ADA/USD", "BTC/USD", "DOGE/USD", "DOT/USD", "ETH/USD", "LTC/USD", "SOL/USD", "XRP/USD",
];

#[test]
fn eight_sessions_on_eight_coins_run_at_once_though_five_requests_a_minute_are_allowed() {
    let runtime = Runtime::new().expect("threads");
    let wares = COINS.map(|symbol| Ware {
        symbol,
        tick: (1, 2),
        lot: (1, 3),
        price: 12_345,
    });
    let beginning = Timeframe::MINUTE.floor(SystemClock.now());
    let truth = Truth::seeded_of(7, &wares, beginning);
    let venue = runtime.block_on(async {
        let stage = Stage::new(truth, CoinGecko::new(), Faults::none());
        let server = testkit::Server::start(stage).await.expect("a free port");
        server.live();
        server
    });
    let data = folder();
    let config = format!(
        "[feeds.coins]\nvenue = \"coingecko\"\nrest_url = \"{}\"\nfills_on_index = true\n{}",
        venue.config().rest_url.expect("an address"),
        silent_venues()
    );
    let config = file(&data, "papertape.toml", &config);
    let server = Server::start_with(data.path(), &["--config", &config.display().to_string()]);
    let began = Instant::now();
    let start = &|symbol: &str| {
        let request = json!({"strategy": IDLE, "feed": "coins", "symbols": [symbol]});
        server.post("/sessions", &request)
    };
    for symbol in COINS {
        let started = start(symbol);
        assert_eq!(started.status, 201, "{symbol}: {}", started.body);
    }
    // A minute's requests would be used up twice over if each were asked for alone.
    assert!(began.elapsed() < Duration::from_secs(55), "{:?}", began.elapsed());
    let sessions = server.all("/sessions");
    let running = sessions.iter().filter(|session| session["state"] == "running");
    assert_eq!(running.count(), COINS.len(), "{sessions:?}");
    let asked = || venue.with(|stage| stage.requests.clone());
    assert_eq!(asked().get("/coins/list"), Some(&1), "{:?}", asked());
    // Every coin has its price: of what begins within a second all are asked for with one request, of others with the next.
    server.wait_for("/feeds/coins", |feed| {
        let symbols = feed["symbols"].as_array().map_or(&[][..], Vec::as_slice);
        let has_answer = |symbol: &&serde_json::Value| {
            symbol["freshness"] == "fresh" || symbol["why"] == "coins: nothing has come yet"
        };
        symbols.iter().filter(has_answer).count() == COINS.len()
    });
    assert!(asked().values().sum::<u64>() <= 5, "{:?}", asked());

    // When nothing is left of the minute's requests, a start is refused at once, with how long it would be: of six at the same time at
    // least one, whatever is left.
    let answers = std::thread::scope(|scope| {
        let begun = ["AAA", "BBB", "CCC", "DDD", "EEE", "FFF"]
            .map(|currency| scope.spawn(move || start(&format!("BTC/{currency}"))));
        begun.map(|thread| thread.join().expect("answered"))
    });
    for answer in &answers {
        assert!([422, 503].contains(&answer.status), "{}", answer.body);
    }
    let refused = answers.iter().find(|answer| answer.status == 503);
    let refused = refused.expect("six requests are more than a minute's");
    let wait: u64 = refused
        .header("retry-after")
        .and_then(|secs| secs.parse().ok())
        .expect("seconds");
    let problem = refused.json();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(problem["code"], "no_request_free", "{problem}");
    let detail = problem["detail"].as_str().expect("words");
    assert!(
        detail.contains("5 in 60 s; a key (PAPERTAPE_COINS_KEY) allows more, or try again then"),
        "{detail}"
    );
    server.stop();
    drop(venue);
}
