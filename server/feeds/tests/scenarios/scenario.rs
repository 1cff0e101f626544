//! One venue on a port, the feeds that listen to it, and the market's clock between them.

use crate::kinds::Kind;
use papertape::exchange::TradingStatus;
use papertape::model::Timestamp;
use papertape_feeds::testkit::{Audit, Faults, Server, Truth};
use papertape_feeds::{
    Channels, Clock, FeedError, FeedHub, FeedStatus, FeedsConfig, Incident, MemoryRecorder, Published,
    Subscription, VenueConfig,
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
pub(crate) const WAR: Duration = Duration::from_secs(6);
pub(crate) const PEACE: Duration = Duration::from_secs(5);
/// How long a missing trade may still come by itself, on the market's clock.
const REORDER: Duration = Duration::from_secs(3);
/// How long the end may take, on the wall of a machine that is not busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// The market's clock, which the scenario moves: on a machine that is too busy it waits with the market.
#[derive(Debug)]
pub(crate) struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct Scenario {
    /// Where the venue's certificate is, while it lasts.
    _folder: Option<tempfile::TempDir>,
    pub(crate) kind: Kind,
    pub(crate) server: Server,
    pub(crate) clock: Arc<Hand>,
    pub(crate) hub: FeedHub,
    recorder: MemoryRecorder,
}

impl Scenario {
    pub(crate) async fn begin(kind: Kind, truth: Truth, faults: Faults, is_tls: bool) -> Self {
        let from = truth.now;
        let stage = kind.stage(truth, faults);
        let (server, folder, ca_file) = if is_tls {
            let (folder, server_side) = certificate();
            let ca_file = format!("ca_file = '{}'\n", folder.path().join("ca.pem").display());
            (Server::start_tls(stage, server_side).await, Some(folder), ca_file)
        } else {
            (Server::start(stage).await, None, String::new())
        };
        let server = server.expect("a server");
        let clock = Arc::new(Hand(AtomicI64::new(from.nanos())));
        let recorder = MemoryRecorder::default();
        let config = server.config();
        let hub = hub(kind, &config, Some("key"), &ca_file, &clock, recorder.clone());
        Self {
            _folder: folder,
            kind,
            server,
            clock,
            hub,
            recorder,
        }
    }

    pub(crate) async fn subscribe(&self) -> Result<Subscription, FeedError> {
        let symbol = self.kind.ware.symbol.parse().expect("a symbol");
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
    pub(crate) async fn pass(&self, how_long: Duration, is_running: bool) {
        let end = self.clock.now().plus_nanos((how_long * SPEED).as_nanos() as i64);
        let mut before = Instant::now();
        while self.clock.now() < end {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let step = before.elapsed().min(LONGEST_STEP) * SPEED;
            before = Instant::now();
            self.clock.0.fetch_add(step.as_nanos() as i64, Ordering::SeqCst);
            // A recording may be over.
            let is_due = || self.server.with(|stage| stage.truth.now) < self.clock.now();
            while is_running && is_due() && self.server.advance(1) > 0 {}
        }
    }

    /// When it is over with waiting.
    pub(crate) fn patience(&self) -> Timestamp {
        self.clock.now().plus_nanos((PATIENCE * SPEED).as_nanos() as i64)
    }

    pub(crate) async fn run(&self, how_long: Duration) {
        self.pass(how_long, true).await;
    }

    pub(crate) fn published(&self) -> Vec<Published> {
        self.recorder.record("it", self.kind.ware.symbol).events
    }

    pub(crate) fn status(&self) -> FeedStatus {
        let mut all = self.hub.feeds().into_iter();
        all.find(|status| status.feed == "it").expect("it is one of them")
    }

    pub(crate) fn incidents(&self) -> Vec<Incident> {
        let record = self.recorder.record("it", self.kind.ware.symbol);
        record.incidents.into_values().collect()
    }

    pub(crate) fn audit(&self, is_over: bool) -> Result<TradingStatus, String> {
        let (published, incidents) = (self.published(), self.incidents());
        let truth = self.server.with(|stage| stage.truth.markets[0].clone());
        let audit = Audit {
            published: &published,
            incidents: incidents.iter().collect(),
            truth: &truth,
            // On a busy machine a message takes tenths of seconds on the wall.
            slack: 5_000_000_000,
            late: REORDER.as_nanos() as i64,
            detail: self.kind.detail,
        };
        audit.check(is_over)?;
        Ok(audit.status())
    }
}

/// The feeds, with one called `it` that is of this kind and at this address.
pub(crate) fn hub(
    kind: Kind,
    address: &VenueConfig,
    key: Option<&str>,
    ca_file: &str,
    clock: &Arc<Hand>,
    recorder: MemoryRecorder,
) -> FeedHub {
    // What is waited for is counted on the market's clock, which is fast.
    let toml = format!(
        "[feeds.it]\nvenue = \"{}\"\nrest_url = \"{}\"\nstream_url = \"{}\"\nstale_after_s = 120\noptions = {{ {} }}\n{ca_file}\
         [quality]\nreorder_ms = {}\nbackfill_ms = 60000\nsettle_ms = 4000\npatience_ms = 40000\n",
        kind.venue,
        address.rest_url.as_deref().expect("an address"),
        address.stream_url.as_deref().expect("an address"),
        kind.options,
        REORDER.as_millis(),
    );
    let keys = |name: &str| match name {
        "PAPERTAPE_IT_KEY" if kind.has_key => key.map(str::to_owned),
        "PAPERTAPE_IT_SECRET" if kind.has_key => key.map(|_| "secret".to_owned()),
        _ => None,
    };
    let config = FeedsConfig::parse(&toml, &keys).expect("a configuration");
    FeedHub::new(config, Arc::new(recorder), Arc::clone(clock) as _).expect("feeds")
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
