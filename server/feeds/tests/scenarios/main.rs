//! The whole way from a venue's server to what is published, over sockets, while things go wrong from a seed: what was published
//! is the truth, or what it lacks is on record.
//!
//! `PAPERTAPE_FEED_SCENARIOS=1000 cargo test -p papertape-feeds --test scenarios` runs more of them, forty at a time, one venue after
//! the other; `PAPERTAPE_FEED_SEED=17` only that one, and `PAPERTAPE_FEED_VENUE=kraken` only those of that venue.

mod kinds;

use futures::StreamExt;
use kinds::{KINDS, Kind};
use papertape::exchange::TradingStatus;
use papertape::model::Timestamp;
use papertape_feeds::testkit::{Audit, Fault, Faults, Server, Truth};
use papertape_feeds::{
    Channels, Clock, FeedError, FeedHub, FeedsConfig, Incident, MemoryRecorder, Published, Subscription,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// The market runs so many times as fast as the clock on the wall.
const SPEED: u32 = 20;
/// The most that passes at once, on the wall.
const LONGEST_STEP: Duration = Duration::from_millis(10);
/// How long things go wrong, and how long they do not, on the wall.
const WAR: Duration = Duration::from_secs(6);
const PEACE: Duration = Duration::from_secs(5);
/// How long the end may take, on the wall of a machine that is not busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// The market's clock, which the scenario moves: on a machine that is too busy it waits with the market.
#[derive(Debug)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

struct Scenario {
    /// Where the venue's certificate is, while it lasts.
    _folder: Option<tempfile::TempDir>,
    kind: Kind,
    server: Server,
    clock: Arc<Hand>,
    hub: FeedHub,
    recorder: MemoryRecorder,
}

impl Scenario {
    async fn begin(kind: Kind, truth: Truth, faults: Faults, is_tls: bool) -> Self {
        let from = truth.now;
        let stage = (kind.stage)(truth, faults);
        let (server, folder, ca_file) = if is_tls {
            let (folder, server_side) = certificate();
            let ca_file = format!("ca_file = '{}'\n", folder.path().join("ca.pem").display());
            (Server::start_tls(stage, server_side).await, Some(folder), ca_file)
        } else {
            (Server::start(stage).await, None, String::new())
        };
        let server = server.expect("a server");
        let config = server.config();
        // What is waited for is counted on the market's clock, which is fast.
        let toml = format!(
            "[feeds.it]\nvenue = \"{}\"\nrest_url = \"{}\"\nstream_url = \"{}\"\nstale_after_s = 120\noptions = {{ {} }}\n{ca_file}\
             [quality]\nreorder_ms = 3000\nbackfill_ms = 60000\nsettle_ms = 4000\npatience_ms = 40000\n",
            kind.venue,
            config.rest_url.expect("an address"),
            config.stream_url.expect("an address"),
            kind.options,
        );
        let clock = Arc::new(Hand(AtomicI64::new(from.nanos())));
        let recorder = MemoryRecorder::default();
        let keys = |name: &str| match name {
            "PAPERTAPE_IT_KEY" if kind.has_key => Some("key".to_owned()),
            "PAPERTAPE_IT_SECRET" if kind.has_key => Some("secret".to_owned()),
            _ => None,
        };
        let config = FeedsConfig::parse(&toml, &keys).expect("a configuration");
        let hub = FeedHub::new(config, Arc::new(recorder.clone()), Arc::clone(&clock) as _).expect("feeds");
        Self {
            _folder: folder,
            kind,
            server,
            clock,
            hub,
            recorder,
        }
    }

    async fn subscribe(&self) -> Result<Subscription, FeedError> {
        let symbol = "BTC/USD".parse().expect("a symbol");
        let wanted = Channels {
            depth: true,
            ..Channels::TICKS
        };
        loop {
            // The venue's list may go wrong as anything may: whoever asks then asks again.
            match self.hub.subscribe("it", &symbol, wanted).await {
                Err(error) if error.is_temporary() => {
                    self.run(Duration::from_millis(100)).await;
                }
                other => return other,
            }
        }
    }

    /// Lets so much time pass as is so long on a wall that is not busy; the market runs, or stands still but for the clock.
    async fn pass(&self, how_long: Duration, is_running: bool) {
        let end = self.clock.now().plus_nanos((how_long * SPEED).as_nanos() as i64);
        let mut before = Instant::now();
        while self.clock.now() < end {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let step = before.elapsed().min(LONGEST_STEP) * SPEED;
            before = Instant::now();
            self.clock.0.fetch_add(step.as_nanos() as i64, Ordering::SeqCst);
            while is_running && self.server.with(|stage| stage.truth.now) < self.clock.now() {
                self.server.advance(1);
            }
        }
    }

    /// When it is over with waiting.
    fn patience(&self) -> Timestamp {
        self.clock.now().plus_nanos((PATIENCE * SPEED).as_nanos() as i64)
    }

    async fn run(&self, how_long: Duration) {
        self.pass(how_long, true).await;
    }

    fn published(&self) -> Vec<Published> {
        self.recorder.record("it", "BTC/USD").events
    }

    fn incidents(&self) -> Vec<Incident> {
        let record = self.recorder.record("it", "BTC/USD");
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
            detail: self.kind.detail,
        };
        audit.check(is_over)?;
        Ok(audit.status())
    }
}

/// A certificate for this machine, in a file `ca.pem` and as a server uses it.
fn certificate() -> (tempfile::TempDir, Arc<rustls::ServerConfig>) {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::try_from(issued.signing_key.serialize_der()).expect("a key");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("ca.pem"), issued.cert.pem()).expect("written");
    let server_side =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(vec![issued.cert.der().clone()], key)
            })
            .expect("a usable key");
    (folder, Arc::new(server_side))
}

async fn scenario(kind: Kind, seed: u64) -> Result<usize, String> {
    let faults = Faults::seeded(seed).without(kind.unseen);
    let shown = faults.to_string();
    let is_tls = seed % 3 == 2;
    let scenario = Scenario::begin(kind, Truth::seeded(seed, 1), faults, is_tls).await;
    let subscription = scenario
        .subscribe()
        .await
        .map_err(|error| format!("{shown}: {error}"))?;
    scenario.run(WAR).await;
    let told = scenario.server.with(|stage| stage.truth.told);
    scenario
        .server
        .with(|stage| stage.faults = std::mem::replace(&mut stage.faults, Faults::none()).until(told));
    scenario.run(PEACE).await;
    // Trades and books of the end are on their way. That a socket is half open shows after its symbol's time of silence, or
    // when no pong comes: until then nobody can know, and neither is judged.
    let is_half_open = scenario.server.with(|stage| stage.faults.count(Fault::HalfOpen)) > 0;
    let patience = scenario.patience();
    let ended = loop {
        // It stands still but for the clock: a source that falls silent would be stale.
        let ended = scenario.audit(true);
        let is_well = matches!(ended, Ok(TradingStatus::Trading));
        let is_found_out = is_half_open
            && scenario.audit(false).is_ok()
            && scenario.incidents().iter().any(|incident| incident.to.is_none());
        if is_well || is_found_out || scenario.clock.now() > patience {
            break ended;
        }
        scenario.run(Duration::from_millis(500)).await;
        scenario.pass(Duration::from_millis(300), false).await;
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
    // Two of each venue, or as many as are asked for.
    let seeds = match variable("PAPERTAPE_FEED_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("PAPERTAPE_FEED_SCENARIOS").unwrap_or(2 * KINDS.len() as u64),
    };
    let count = seeds.end - seeds.start;
    let only = std::env::var("PAPERTAPE_FEED_VENUE").ok();
    let kinds: Vec<Kind> = KINDS
        .into_iter()
        .filter(|kind| only.as_ref().is_none_or(|only| kind.name == only))
        .collect();
    assert!(!kinds.is_empty(), "no venue is called {only:?}");
    let runs = futures::stream::iter(seeds).map(|seed| {
        let kind = kinds[(seed % kinds.len() as u64) as usize];
        async move {
            let run = tokio::spawn(scenario(kind, seed)).await.expect("it ran");
            run.map_err(|wrong| format!("{} seed {seed}: {wrong}", kind.name))
        }
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

/// Half a minute of the market with its venue, two without, and then it is back.
async fn outage(kind: Kind) -> Result<(), String> {
    let mut scenario = Scenario::begin(kind, Truth::seeded(1, 1), Faults::none(), false).await;
    let subscription = scenario.subscribe().await.map_err(|error| error.to_string())?;
    scenario.run(Duration::from_secs(8)).await;
    scenario.audit(false)?;
    let (address, mut truth) = (
        scenario.server.address(),
        scenario.server.with(|stage| stage.truth.clone()),
    );
    // Another in its place, to which nobody comes.
    let elsewhere = Server::start((kind.stage)(truth.clone(), Faults::none())).await;
    drop(std::mem::replace(
        &mut scenario.server,
        elsewhere.expect("a server"),
    ));
    scenario.run(Duration::from_secs(3)).await;
    let patience = scenario.patience();
    while scenario.incidents().iter().all(|incident| incident.to.is_some()) {
        if scenario.clock.now() > patience {
            return Err(format!(
                "nothing says that it is away: {:?}",
                scenario.incidents()
            ));
        }
        scenario.run(Duration::from_millis(20)).await;
    }
    while truth.now < scenario.clock.now() {
        truth.advance();
    }
    let stage = (kind.stage)(truth, Faults::none());
    scenario.server = Server::start_at(address, stage)
        .await
        .map_err(|error| error.to_string())?;
    let patience = scenario.patience();
    loop {
        scenario.run(Duration::from_millis(500)).await;
        scenario.pass(Duration::from_millis(300), false).await;
        match scenario.audit(true) {
            Ok(TradingStatus::Trading) => break,
            wrong if scenario.clock.now() > patience => {
                return Err(format!("{wrong:?}, {:?}", scenario.hub.feeds()));
            }
            _ => {}
        }
    }
    drop(subscription);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_venue_that_is_away_is_on_record_until_it_is_back() {
    let runs = KINDS.map(|kind| async move {
        let run = tokio::spawn(outage(kind)).await.expect("it ran");
        run.err().map(|wrong| format!("{}: {wrong}", kind.name))
    });
    let wrong: Vec<String> = futures::future::join_all(runs)
        .await
        .into_iter()
        .flatten()
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
