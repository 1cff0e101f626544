//! From the market to the page: the time between the moment at which the host hands a market event to a session's
//! engine and the arrival of what it brought about at a WebSocket client on the same machine.
//!
//! Ten sessions on the simulated market, one client that follows them all, one process and so one clock.
//!
//!     cargo run --release -p papertape-server --example ws_latency
//!
//! Arguments: seconds to measure (20), speed of the market (60).

use futures::{SinkExt, StreamExt};
use papertape::api::StartRequest;
use papertape::model::SessionId;
use papertape_server::cli::serve_on;
use papertape_server::host::Probe;
use papertape_server::services::{Services, Settings};
use papertape_server::storage::Sqlite;
use std::collections::BTreeMap;
use std::error::Error;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_tungstenite::{connect_async, tungstenite::Message};

const SESSIONS: usize = 10;

const STRATEGY: &str = "
name: Cross
symbols: [BTC/USDT]
timeframe: 1m
entry: {long: 'cross_above(sma(close, 3), sma(close, 8))'}
exit: {long: 'cross_below(sma(close, 3), sma(close, 8))'}
";

/// When the input behind each event was handed to its engine.
#[derive(Debug, Default)]
struct Handed(Mutex<BTreeMap<(SessionId, u64), Instant>>);

impl Probe for Handed {
    fn handed(&self, session: &SessionId, seqs: RangeInclusive<u64>, at: Instant) {
        let mut handed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for seq in seqs {
            handed.insert((session.clone(), seq), at);
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().map_or(Ok(20), |text| text.parse())?;
    let speed: f64 = arguments.next().map_or(Ok(60.0), |text| text.parse())?;

    let folder = tempfile::tempdir()?;
    let storage = Arc::new(Sqlite::open(&folder.path().join("papertape.db")).await?);
    let handed = Arc::new(Handed::default());
    let probe: Arc<dyn Probe> = Arc::clone(&handed) as Arc<dyn Probe>;
    let services = Arc::new(
        Services::open(
            storage,
            &Settings::default(),
            None,
            Some(probe),
            papertape_server::feeds::Feeds::none(),
        )
        .await?,
    );
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server = serve_on(listener, Arc::clone(&services)).map_err(|_| "the server did not start")?;

    let url = format!("ws://{}/api/paper-trading/ws", server.address);
    let (mut socket, _) = connect_async(url).await?;
    for _ in 0..SESSIONS {
        let request = StartRequest {
            strategy: STRATEGY.to_owned(),
            speed: Some(speed),
            ..StartRequest::default()
        };
        let session = services.start_session(request).await?;
        let subscribe = serde_json::json!({"subscribe": {"session": session.id}});
        socket.send(Message::text(subscribe.to_string())).await?;
    }

    // Reading what arrived waits until the end: it would delay what arrives next.
    let mut arrivals = Vec::new();
    let end = tokio::time::Instant::now() + Duration::from_secs(seconds);
    while let Ok(Some(message)) = tokio::time::timeout_at(end, socket.next()).await {
        if let Message::Text(text) = message? {
            arrivals.push((Instant::now(), text));
        }
    }
    let mut latencies = Vec::new();
    for (arrived, text) in arrivals {
        let message: serde_json::Value = serde_json::from_str(&text)?;
        let event = &message["event"];
        if let (Some(session), Some(seq)) = (event["session"].as_str(), event["seq"].as_u64()) {
            let key = (session.parse()?, seq);
            let at = handed
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&key);
            latencies.extend(at.map(|at| {
                (
                    arrived - at,
                    event["kind"].as_str().unwrap_or_default().to_owned(),
                )
            }));
        }
    }
    report(
        "all events",
        latencies.iter().map(|(latency, _)| *latency).collect(),
    );
    let market = |kind: &str| ["quote", "bar", "mark"].contains(&kind);
    report(
        "quotes, bars and marks",
        latencies
            .iter()
            .filter(|(_, kind)| market(kind))
            .map(|(latency, _)| *latency)
            .collect(),
    );
    report(
        "journal events, durable first",
        latencies
            .iter()
            .filter(|(_, kind)| !market(kind))
            .map(|(latency, _)| *latency)
            .collect(),
    );
    server.stop().await;
    Ok(())
}

fn report(what: &str, mut latencies: Vec<Duration>) {
    latencies.sort_unstable();
    let at = |share: f64| latencies.get(((latencies.len() as f64 - 1.0) * share).round() as usize);
    let milliseconds =
        |latency: Option<&Duration>| latency.map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3);
    println!(
        "{what:<30} n {:>7}   p50 {:>8.3} ms   p99 {:>8.3} ms   max {:>8.3} ms",
        latencies.len(),
        milliseconds(at(0.50)),
        milliseconds(at(0.99)),
        milliseconds(latencies.last())
    );
}
