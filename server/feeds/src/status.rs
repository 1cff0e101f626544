//! How feeds stand, for `GET /feeds`.

use papertape::api::Freshness;
use papertape::exchange::TradingStatus;
use papertape::model::{Symbol, Timestamp};
use serde::{Deserialize, Serialize};

/// Whether a venue's socket stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// Nobody listens.
    #[default]
    Idle,
    /// On the way to it.
    Connecting,
    /// It stands.
    Connected,
    /// It does not stand, and the venue is asked over REST instead; or it has no stream.
    Polling,
    /// It failed, and the next attempt waits.
    Waiting,
}

/// How a circuit breaker stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// All is well: the source is used.
    #[default]
    Closed,
    /// It failed too often: it is left alone for a while.
    Open,
    /// It is tried again, and not yet relied on.
    HalfOpen,
}

/// What has been counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Things that the venue told.
    pub messages: u64,
    /// Trades, or messages where those have numbers, that never came.
    pub lost: u64,
    /// Things told after their time: trades of closed minutes, older quotes.
    pub late: u64,
    /// Things told again.
    pub duplicates: u64,
    /// Things that came before one that they follow, and were put in order.
    pub out_of_order: u64,
    /// Frames, prices and sizes that were kept off.
    pub quarantined: u64,
    /// Trades that were missing and came when asked for.
    pub backfilled: u64,
}

impl Counters {
    /// Adds what another has counted.
    pub const fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.lost += other.lost;
        self.late += other.late;
        self.duplicates += other.duplicates;
        self.out_of_order += other.out_of_order;
        self.quarantined += other.quarantined;
        self.backfilled += other.backfilled;
    }
}

/// How much of one of a venue's limits is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetStatus {
    /// Weight used in the window.
    pub used: u32,
    /// Weight allowed.
    pub weight: u32,
    /// The window's length in seconds.
    pub every_s: u64,
}

/// How one symbol of a feed stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SymbolStatus {
    /// Which symbol.
    pub symbol: Symbol,
    /// Which source is published; the feed itself unless it is a route.
    pub source: String,
    /// What the last status event said.
    pub status: TradingStatus,
    /// How its data is.
    pub freshness: Freshness,
    /// Why nothing fills, when nothing does.
    pub why: Option<String>,
    /// Number of the last published event.
    pub number: u64,
    /// When something was last heard of it.
    pub last_heard: Option<Timestamp>,
    /// Median over the sources that tell a price now, outliers left out.
    pub reference_price: Option<f64>,
}

/// An estimate of the price between two updates. It is never published, and nothing fills on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Indicative {
    /// The price.
    pub price: f64,
    /// As of when.
    pub time: Timestamp,
    /// Always: so that nobody takes it for a price.
    pub is_estimate: bool,
    /// Sources that it comes from.
    pub sources: Vec<String>,
}

/// How one feed stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedStatus {
    /// Its name.
    pub feed: String,
    /// Its venue; `None` of a route.
    pub venue: Option<String>,
    /// A route's sources in order of preference; empty for a feed of one venue.
    pub sources: Vec<String>,
    /// Its socket.
    pub connection: ConnectionState,
    /// Its breaker.
    pub breaker: BreakerState,
    /// Symbols that it is listened to for, by itself or as a source of a route.
    pub subscriptions: u64,
    /// What has been counted.
    pub counters: Counters,
    /// Frames that made no sense, on all of its connections.
    pub undecodable: u64,
    /// Connections that followed a first one.
    pub reconnects: u64,
    /// When a message last came in.
    pub last_message: Option<Timestamp>,
    /// How far the venue's clock is ahead of ours, in milliseconds, less the shortest way that a message took.
    pub clock_skew_ms: Option<f64>,
    /// Its limits on requests.
    pub budget: Vec<BudgetStatus>,
    /// What went wrong last, in a sentence.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<Timestamp>,
    /// The streams that it publishes.
    pub symbols: Vec<SymbolStatus>,
}
