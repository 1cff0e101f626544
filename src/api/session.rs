//! Sessions.

use super::OptionSettings;
use crate::alert::Alert;
use crate::analytics::Metrics;
use crate::engine::{ExecutionConfig, SessionState};
use crate::exchange::Fill;
use crate::market::{Bar, Quote};
use crate::model::{BacktestId, Instrument, InstrumentId, Money, SessionId, Symbol, Timeframe, Timestamp};
use crate::order::Order;
use crate::portfolio::{AccountConfig, Position, Trade};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `POST /sessions`: what to start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StartRequest {
    /// A strategy's name in the library, or a whole strategy as YAML.
    pub strategy: String,
    /// Parameters that differ from their defaults.
    pub params: BTreeMap<String, f64>,
    /// What to trade; the strategy's own symbols when empty.
    pub symbols: Vec<Symbol>,
    /// Which feed: `simulated` (default) or `replay`.
    pub feed: Option<String>,
    /// Cash at the start; 100000 when absent.
    #[serde(with = "crate::model::decimal::option")]
    pub initial_capital: Option<Decimal>,
    /// What trading costs.
    pub execution: Option<ExecutionConfig>,
    /// How the account is covered, and what borrowing costs it. When absent, that of the
    /// backtest which the session follows, else one that borrows for nothing.
    pub account: Option<AccountConfig>,
    /// How options on its shares are quoted; when absent it trades none.
    pub options: Option<OptionSettings>,
    /// Market seconds per second of the wall clock; 0 is as fast as possible; 1 when absent.
    pub speed: Option<f64>,
    /// What to call the session; the strategy's name when absent.
    pub name: Option<String>,
    /// The bar length on which the strategy's rules run, when it is not the strategy's own.
    pub timeframe: Option<Timeframe>,
    /// Replay only: the first moment.
    pub from: Option<Timestamp>,
    /// Replay only: the last moment.
    pub to: Option<Timestamp>,
    /// The backtest that this session follows, for comparison.
    pub backtest: Option<BacktestId>,
}

/// What can be asked of a session: `POST /sessions/{id}/ACTION`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionAction {
    /// No new entries.
    Pause,
    /// Entries again.
    Resume,
    /// Withdraw orders, close the position.
    Flatten,
    /// End.
    Stop,
    /// Market seconds per second of the wall clock; 0 is as fast as possible.
    Speed(f64),
}

/// Where market data comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedInfo {
    /// Its name in requests: `simulated`, `replay`.
    pub name: String,
    /// What kind it is, shown beside every number that comes from it.
    pub kind: FeedKind,
    /// For people: "Simulated market", "Replay of BTC/USDT 1m, 2024-11-30 to 2024-12-29".
    pub label: String,
}

/// What kind of market data it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedKind {
    /// Made by the built-in simulated market.
    Simulated,
    /// Recorded earlier.
    Replay,
    /// As it happens.
    Live,
}

/// A session in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// Its id.
    pub id: SessionId,
    /// What it is called.
    pub name: String,
    /// The strategy's name.
    pub strategy: String,
    /// The parameters in force.
    pub params: BTreeMap<String, f64>,
    /// What it trades, with ticks and lots.
    pub instrument: Instrument,
    /// The strategy's timeframe.
    pub timeframe: Timeframe,
    /// Its market data.
    pub feed: FeedInfo,
    /// Where it stands.
    pub state: SessionState,
    /// Why it stands there, in words; empty while all is well.
    pub state_reason: String,
    /// Market seconds per second; 0 is as fast as possible.
    pub speed: f64,
    /// Cash at the start.
    pub initial_capital: Money,
    /// Cash now.
    pub cash: Money,
    /// Equity at the last price.
    pub equity: Money,
    /// Equity over initial capital, less one.
    pub total_return: f64,
    /// Largest fall from a peak so far.
    pub max_drawdown: f64,
    /// What it trades besides, on the same account.
    #[serde(default)]
    pub peers: Vec<Instrument>,
    /// What else it knows: what its rules only read, and options that an order has named.
    #[serde(default)]
    pub others: Vec<Instrument>,
    /// What it holds of the first instrument.
    pub position: Option<Position>,
    /// What it holds of the others.
    #[serde(default)]
    pub other_positions: Vec<Position>,
    /// How many orders rest.
    pub open_orders: usize,
    /// Closed trades.
    pub trades: u64,
    /// What makes its result less than it seems, a sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The last thing of note.
    pub last_event: Option<LastEvent>,
    /// Its newest alert of severity warning or critical.
    #[serde(default)]
    pub attention: Option<Alert>,
    /// Market time.
    pub market_time: Option<Timestamp>,
    /// Wall-clock time at which it was made.
    pub created_at: Timestamp,
    /// Equity, thinned to a few dozen points, oldest first.
    pub sparkline: Vec<f64>,
    /// The number of its last event.
    pub seq: u64,
    /// What trading costs it.
    pub execution: ExecutionConfig,
    /// How its account is covered, and what borrowing costs it.
    #[serde(default)]
    pub account: AccountConfig,
    /// The backtest it came from.
    pub backtest: Option<BacktestId>,
    /// How often it was brought back after the server ended without warning.
    pub recoveries: u32,
}

impl SessionSummary {
    /// Everything that the session knows, in the order of the places that orders and fills name.
    pub fn instruments(&self) -> impl Iterator<Item = &Instrument> {
        std::iter::once(&self.instrument)
            .chain(&self.peers)
            .chain(&self.others)
    }

    /// The instrument at a place.
    #[must_use]
    pub fn instrument_at(&self, at: InstrumentId) -> Option<&Instrument> {
        self.instruments().nth(at.index())
    }

    /// What its strategy trades, the instrument of its chart first.
    pub fn traded(&self) -> impl Iterator<Item = &Instrument> {
        std::iter::once(&self.instrument).chain(&self.peers)
    }
}

/// The last thing of note that happened in a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastEvent {
    /// Market time.
    pub time: Timestamp,
    /// One sentence: "Bought 0.5 at 96,440.00 (entry.long)".
    pub text: String,
}

/// One point of an equity curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EquityPoint {
    /// Close time of the bar.
    pub time: Timestamp,
    /// Cash and position together, in the account's currency.
    #[serde(with = "crate::model::decimal")]
    pub equity: Decimal,
    /// Cash.
    #[serde(with = "crate::model::decimal")]
    pub cash: Decimal,
    /// Signed value of the position at the close.
    #[serde(with = "crate::model::decimal")]
    pub position_value: Decimal,
    /// Fall from the highest equity so far, as a positive share of it.
    pub drawdown: f64,
    /// Equity of the run with kinder fills, where one ran beside.
    #[serde(default, with = "crate::model::decimal::option")]
    pub optimistic: Option<Decimal>,
    /// Equity of the run with less kind fills, where one ran beside.
    #[serde(default, with = "crate::model::decimal::option")]
    pub pessimistic: Option<Decimal>,
}

/// A session with all that its page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionDetail {
    /// As in the list.
    pub summary: SessionSummary,
    /// The strategy's source as started.
    pub source: String,
    /// The last bars (up to 1,000), history before the start included, oldest first.
    pub bars: Vec<Bar>,
    /// How many of `bars` are from before the start.
    pub history_bars: usize,
    /// Equity, thinned to at most 1,000 points, oldest first.
    pub equity: Vec<EquityPoint>,
    /// The last quote, where the feed has quotes.
    pub quote: Option<Quote>,
    /// Orders, newest first (all open ones, and the last 100 ended).
    pub orders: Vec<Order>,
    /// The last 200 fills, newest first.
    pub fills: Vec<Fill>,
    /// The last 200 trades, newest first, an open one included.
    pub trades: Vec<Trade>,
    /// The last 100 alerts, newest first.
    pub alerts: Vec<Alert>,
    /// How good it is so far.
    pub metrics: Metrics,
    /// The event hash chain's head, hexadecimal.
    pub event_hash: String,
}

/// The first message after a subscription; events with higher numbers follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SnapshotMessage {
    /// Which session.
    pub session: SessionId,
    /// The number of the last event that the snapshot includes.
    pub seq: u64,
    /// The session as of `seq`.
    pub detail: SessionDetail,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// `GET /status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SystemStatus {
    /// `ok` or `degraded`.
    pub status: String,
    /// The program's version.
    pub version: String,
    /// Seconds since the server started.
    pub uptime_s: u64,
    /// Wall-clock time of the server.
    pub time: Timestamp,
    /// Sessions by state.
    pub sessions: BTreeMap<SessionState, u64>,
    /// The feeds on offer.
    pub feeds: Vec<FeedInfo>,
    /// Sum of equity over sessions, one amount a currency.
    pub equity: Vec<Money>,
    /// Where data is kept: `sqlite`.
    pub storage: String,
}
