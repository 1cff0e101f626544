//! The whole way from a venue's server to what is published, over sockets, while things go wrong from a seed: what was published
//! is the truth, or what it lacks is on record.
//!
//! `PAPERTAPE_FEED_SCENARIOS=1000 cargo test -p papertape-feeds --test scenarios` runs more of them, forty at a time, and
//! `PAPERTAPE_FEED_SEED=17` only that one.

use futures::StreamExt;
use papertape::exchange::TradingStatus;
use papertape::model::Timestamp;
use papertape_feeds::testkit::{Audit, Fault, Faults, Server, Stage, Truth, binance::Binance};
use papertape_feeds::{Channels, Clock, FeedHub, FeedsConfig, Incident, MemoryRecorder, Published};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The market runs so many times as fast as the clock on the wall.
const SPEED: u32 = 20;
/// How long things go wrong, and how long they do not, on the wall.
const WAR: Duration = Duration::from_secs(6);
const PEACE: Duration = Duration::from_secs(5);
/// How long the end may take, on the wall: long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The market's clock.
#[derive(Debug)]
struct Fast {
    began: Instant,
    from: Timestamp,
}

impl Clock for Fast {
    fn now(&self) -> Timestamp {
        let passed = self.began.elapsed() * SPEED;
        self.from.plus_nanos(passed.as_nanos() as i64)
    }
}

struct Scenario {
    server: Server,
    clock: Arc<Fast>,
    hub: FeedHub,
    recorder: MemoryRecorder,
}

impl Scenario {
    async fn begin(truth: Truth, faults: Faults) -> Self {
        let from = truth.now;
        let server = Server::start(Stage::new(truth, Binance::new(), faults))
            .await
            .expect("a server");
        let config = server.config();
        // What is waited for is counted on the market's clock, which is fast.
        let toml = format!(
            "[feeds.binance]\nrest_url = \"{}\"\nstream_url = \"{}\"\nstale_after_s = 120\n\
             [quality]\nreorder_ms = 3000\nbackfill_ms = 60000\nsettle_ms = 4000\npatience_ms = 40000\n",
            config.rest_url.expect("an address"),
            config.stream_url.expect("an address"),
        );
        let clock = Arc::new(Fast {
            began: Instant::now(),
            from,
        });
        let recorder = MemoryRecorder::default();
        let config = FeedsConfig::parse(&toml, &|_| None).expect("a configuration");
        let hub = FeedHub::new(config, Arc::new(recorder.clone()), Arc::clone(&clock) as _).expect("feeds");
        Self {
            server,
            clock,
            hub,
            recorder,
        }
    }

    /// Lets happen what has happened by now.
    fn catch_up(&self) {
        while self.server.with(|stage| stage.truth.now) < self.clock.now() {
            self.server.advance(1);
        }
    }

    /// Lets the market run for so long on the wall.
    async fn run(&self, how_long: Duration) {
        let began = Instant::now();
        while began.elapsed() < how_long {
            self.catch_up();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn published(&self) -> Vec<Published> {
        self.recorder.record("binance", "BTC/USD").events
    }

    fn incidents(&self) -> Vec<Incident> {
        let record = self.recorder.record("binance", "BTC/USD");
        record.incidents.into_values().collect()
    }

    fn audit(&self, is_over: bool) -> Result<TradingStatus, String> {
        let (published, incidents) = (self.published(), self.incidents());
        let truth = self.server.with(|stage| stage.truth.markets[0].clone());
        let audit = Audit {
            published: &published,
            incidents: incidents.iter().collect(),
            truth: &truth,
            // On a busy machine a message takes tenths of seconds on the wall.
            slack: 5_000_000_000,
        };
        audit.check(is_over)?;
        Ok(audit.status())
    }
}

async fn scenario(seed: u64) -> Result<usize, String> {
    let faults = Faults::seeded(seed);
    let shown = faults.to_string();
    let scenario = Scenario::begin(Truth::seeded(seed, 1), faults).await;
    let symbol = "BTC/USD".parse().expect("a symbol");
    let wanted = Channels {
        depth: true,
        ..Channels::TICKS
    };
    let subscription = loop {
        // The venue's list may go wrong as anything may: whoever asks then asks again.
        match scenario.hub.subscribe("binance", &symbol, wanted).await {
            Ok(subscription) => break subscription,
            Err(error) if error.is_temporary() => {
                scenario.catch_up();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => return Err(format!("{shown}: {error}")),
        }
    };
    scenario.run(WAR).await;
    let told = scenario.server.with(|stage| stage.truth.told);
    scenario
        .server
        .with(|stage| stage.faults = std::mem::replace(&mut stage.faults, Faults::none()).until(told));
    scenario.run(PEACE).await;
    // Trades and books of the end are on their way. That a socket is half open shows after its symbol's time of silence, or
    // when no pong comes: until then nobody can know, and neither is judged.
    let is_half_open = scenario.server.with(|stage| stage.faults.count(Fault::HalfOpen)) > 0;
    let began = Instant::now();
    let ended = loop {
        // It stands still but for the clock: a source that falls silent would be stale.
        let ended = scenario.audit(true);
        let is_well = matches!(ended, Ok(TradingStatus::Trading));
        let is_found_out = is_half_open
            && scenario.audit(false).is_ok()
            && scenario.incidents().iter().any(|incident| incident.to.is_none());
        if is_well || is_found_out || began.elapsed() > PATIENCE {
            break ended;
        }
        scenario.run(Duration::from_millis(500)).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    drop(subscription);
    let incidents = scenario.incidents();
    if is_half_open && !matches!(ended, Ok(TradingStatus::Trading)) {
        // Nothing silent: what lacks at the end is on record as going on.
        scenario
            .audit(false)
            .map_err(|wrong| format!("{shown}: {wrong}"))?;
        if incidents.iter().all(|incident| incident.to.is_some()) {
            return Err(format!("{shown}: half open, and nothing says so: {incidents:?}"));
        }
        return Ok(incidents.len());
    }
    match ended {
        Ok(TradingStatus::Trading) => Ok(incidents.len()),
        Ok(status) => Err(format!("{shown}: {status:?}, {:?}", scenario.hub.feeds())),
        Err(wrong) => Err(format!("{shown}: {wrong}")),
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_is_the_truth_or_its_lack_is_on_record() {
    let seeds = match variable("PAPERTAPE_FEED_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("PAPERTAPE_FEED_SCENARIOS").unwrap_or(12),
    };
    let count = seeds.end - seeds.start;
    let runs = futures::stream::iter(seeds).map(|seed| async move {
        let run = tokio::spawn(scenario(seed)).await.expect("it ran");
        run.map_err(|wrong| format!("seed {seed}: {wrong}"))
    });
    let results: Vec<_> = runs.buffer_unordered(40).collect().await;
    let wrong: Vec<_> = results
        .iter()
        .filter_map(|result| result.as_ref().err())
        .collect();
    for wrong in &wrong {
        println!("{wrong}\n");
    }
    assert!(wrong.is_empty(), "{} of {count} scenarios", wrong.len());
    let incidents: usize = results.iter().flatten().sum();
    println!("{count} scenarios over sockets, {incidents} incidents");
}
