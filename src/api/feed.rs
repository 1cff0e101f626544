//! How live feeds are, and what was not as it should be.

use super::{FeedKind, ProblemDetails};
use crate::market::{MarketEvent, Quote, TradeTick};
use crate::model::{Instrument, Symbol, Timestamp};
use serde::{Deserialize, Serialize};

/// A feed with everything that it listens to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedHealth {
    /// Its name in requests.
    pub name: String,
    /// What kind it is.
    pub kind: FeedKind,
    /// For people.
    pub label: String,
    /// Where its data comes from, the preferred first.
    pub sources: Vec<SourceHealth>,
    /// What it listens to.
    pub symbols: Vec<SymbolHealth>,
}

/// How all live feeds are now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedsNow {
    /// By this server's clock.
    pub time: Timestamp,
    /// Each of them.
    pub feeds: Vec<FeedHealth>,
    /// What was not as it should be in the last day, newest first.
    pub incidents: Vec<DataIncident>,
}

/// Whether a source is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// It is: all is well.
    #[default]
    Closed,
    /// It is not, until some time has passed.
    Open,
    /// It is tried.
    HalfOpen,
}

/// How we hear a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// Nobody listens, so nothing is open.
    #[default]
    Idle,
    /// A connection is being made.
    Connecting,
    /// By a socket.
    Connected,
    /// By asking again and again.
    Polling,
    /// Not: it waits before it tries again.
    Waiting,
}

/// How much of one of a venue's limits on requests is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetWindow {
    /// Requests in the window so far, by the weight that the venue gives them.
    pub used: u32,
    /// What is allowed.
    pub limit: u32,
    /// The window's length in seconds.
    pub seconds: u64,
}

/// One source of market data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceHealth {
    /// Its name in the configuration.
    pub name: String,
    /// The venue: `binance`.
    pub venue: String,
    /// How we hear it.
    pub connection: ConnectionState,
    /// Whether it is asked.
    pub breaker: BreakerState,
    /// Symbols that it tells of.
    pub subscriptions: u64,
    /// Messages so far.
    pub messages: u64,
    /// Messages that are known to be missing.
    pub lost: u64,
    /// Trades that were missing and came when they were asked for.
    #[serde(default)]
    pub backfilled: u64,
    /// Messages that came too late to matter.
    pub late: u64,
    /// Messages that came before one that they follow, and were put in order.
    #[serde(default)]
    pub out_of_order: u64,
    /// Messages that came twice.
    pub duplicates: u64,
    /// Prices and sizes that could not be, and frames that made no sense.
    pub quarantined: u64,
    /// Frames that made no sense, on its connections since the server started; each is in `quarantined` once for every symbol that it
    /// may have been of.
    #[serde(default)]
    pub undecodable: u64,
    /// Connections made again.
    pub reconnects: u64,
    /// When it last said something.
    pub last_message: Option<Timestamp>,
    /// The venue's clock less ours, in milliseconds, where it can be told.
    pub clock_skew_ms: Option<f64>,
    /// The share of its request budget that is used, 0 to 1.
    pub budget_used: Option<f64>,
    /// Each limit that is kept, of which that is the fullest.
    #[serde(default)]
    pub budget: Vec<BudgetWindow>,
    /// What went wrong last. It stays when all is well again.
    pub last_error: Option<String>,
    /// When that was.
    #[serde(default)]
    pub last_error_at: Option<Timestamp>,
}

/// How a symbol's data is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// No price and no book has come yet, whether its venue is there or not: nothing fills.
    #[default]
    Waiting,
    /// It is up to date.
    Fresh,
    /// It is stale, lacks data, or its sources are away or differ: nothing fills.
    Gap,
    /// The venue has halted it.
    Halted,
}

/// One symbol that a feed listens to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SymbolHealth {
    /// Which.
    pub symbol: Symbol,
    /// The source that is heard now.
    pub source: String,
    /// How its data is.
    pub freshness: Freshness,
    /// Why nothing fills, when nothing does.
    pub why: Option<String>,
    /// The number of its last record on the tape.
    pub number: u64,
    /// When that came in.
    pub last_event: Option<Timestamp>,
    /// The robust reference price over its sources, where there are several.
    pub reference_price: Option<f64>,
}

/// One entry of the data-quality record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataIncident {
    /// What kind: `gap`, `stale`, `failover`, `backfill`, `correction`, `quarantine`, `divergence`.
    pub kind: String,
    /// On which feed.
    pub feed: String,
    /// Of which symbol.
    pub symbol: Symbol,
    /// Which source it was.
    pub source: String,
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` while it lasts.
    pub to: Option<Timestamp>,
    /// How many: messages lost, trades backfilled, frames kept off.
    pub count: u64,
    /// In a sentence.
    pub detail: String,
    /// When, within it, what was published came from its source, so that sessions saw of it: nothing of a source that only stood
    /// by. Left out where that was so all the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touched: Option<Vec<TimeSpan>>,
}

impl DataIncident {
    /// The spans of it in which what was published came from its source, in order.
    pub fn touched(&self) -> impl Iterator<Item = TimeSpan> {
        let whole = TimeSpan {
            from: self.from,
            to: self.to,
        };
        let parts: &[TimeSpan] = self.touched.as_deref().unwrap_or(std::slice::from_ref(&whole));
        let parts: Vec<TimeSpan> = parts.iter().filter_map(|part| part.within(whole)).collect();
        parts.into_iter()
    }

    /// Whether it goes on, in what is published now.
    #[must_use]
    pub fn touches_now(&self) -> bool {
        self.touched().any(|span| span.to.is_none())
    }
}

/// What a session's data was like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionDataQuality {
    /// Everything that was not as it should be while the session listened, oldest first: the newest ten thousand entries.
    pub incidents: Vec<DataIncident>,
    /// How many older entries there are that are not listed. What they put in doubt is in `tainted` all the same.
    #[serde(default)]
    pub omitted: u64,
    /// The spans that its statistics are tainted in, apart from each other and in order; the last may be open.
    pub tainted: Vec<TimeSpan>,
    /// Seconds in them, up to the session's last input.
    pub tainted_seconds: f64,
    /// How what it listens to is now; empty of a session that has ended, or listens to no live feed.
    #[serde(default)]
    pub now: Vec<SymbolHealth>,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSpan {
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` while it lasts.
    pub to: Option<Timestamp>,
}

impl TimeSpan {
    /// What of it lies within another, if they touch.
    #[must_use]
    pub fn within(self, other: Self) -> Option<Self> {
        let from = self.from.max(other.from);
        let to = match (self.to, other.to) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        to.is_none_or(|to| from <= to).then_some(Self { from, to })
    }
}

/// What was last told of a symbol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ticker {
    /// Of what.
    pub symbol: Symbol,
    /// On which feed.
    pub feed: String,
    /// The source that told it.
    pub source: String,
    /// How its data is.
    pub freshness: Freshness,
    /// The best bid and ask.
    pub quote: Option<Quote>,
    /// The last trade.
    pub last_trade: Option<TradeTick>,
    /// When something last came in, by this server's clock.
    pub received: Option<Timestamp>,
    /// An estimate of the price between updates. Nothing ever fills on it.
    pub indicative: Option<IndicativePrice>,
}

/// An estimate of a price. Nothing ever fills on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndicativePrice {
    /// The price, in quote currency.
    pub price: f64,
    /// As of when.
    pub time: Timestamp,
    /// Always, so that nobody takes it for a price.
    pub is_estimate: bool,
    /// The sources that it comes from.
    pub sources: Vec<String>,
}

/// The book as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderBookView {
    /// Of what.
    pub symbol: Symbol,
    /// On which feed.
    pub feed: String,
    /// How its data is.
    pub freshness: Freshness,
    /// Prices in quote currency with sizes in units of the instrument, the highest first.
    pub bids: Vec<(f64, f64)>,
    /// Likewise, the lowest first.
    pub asks: Vec<(f64, f64)>,
    /// When something last came in, by this server's clock.
    pub received: Option<Timestamp>,
}

/// What a listener of a feed's stream says: `{"subscribe": {"symbol": "BTC/USDT", "after": 0}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FeedClientMessage {
    /// Tell of a symbol.
    Subscribe(FeedSubscription),
    /// Tell of it no more.
    Unsubscribe {
        /// Which.
        symbol: Symbol,
    },
    /// Are you there?
    Ping(u64),
}

/// A symbol to tell of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedSubscription {
    /// Which.
    pub symbol: Symbol,
    /// Events after this number; from now on when absent.
    #[serde(default)]
    pub after: Option<u64>,
}

/// What a feed's stream says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedServerMessage {
    /// A symbol is told of from now on.
    Subscribed {
        /// Which.
        symbol: Symbol,
        /// Its first event has a higher number than this.
        after: u64,
        /// The market's time of the event of that number, while it is on the tape: who knows another of it has followed another
        /// tape.
        #[serde(default)]
        time: Option<Timestamp>,
    },
    /// The events of a symbol that follow count in the steps of this instrument; told before the first one, and where it changes.
    Listed {
        /// Which.
        symbol: Symbol,
        /// What is traded.
        instrument: Box<Instrument>,
    },
    /// Something happened.
    Event(FeedEvent),
    /// Something was not as it should be.
    Incident(FeedIncident),
    /// A symbol cannot be told of.
    Refused {
        /// Which.
        symbol: Symbol,
        /// Why.
        problem: ProblemDetails,
    },
    /// A message could not be followed.
    Error(ProblemDetails),
    /// I am.
    Pong(u64),
}

/// What was not as it should be with a feed's data, in its place among the events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedIncident {
    /// Of what.
    pub symbol: Symbol,
    /// Its number on the feed's tape.
    pub number: u64,
    /// When the run of the feed began that noted it.
    pub run: Timestamp,
    /// Its number in that run: what is told under both once more has gone on, or ended.
    pub noted: u64,
    /// What happened, as it stood then.
    pub incident: DataIncident,
}

/// One event of a feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedEvent {
    /// Of what.
    pub symbol: Symbol,
    /// Its number on the feed's tape; numbers rise, and incidents are among them.
    pub number: u64,
    /// When it came in.
    pub received: Timestamp,
    /// What happened; depth in ticks and lots of the feed's instrument.
    pub event: MarketEvent,
}
