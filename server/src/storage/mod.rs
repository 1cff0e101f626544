//! Where sessions, datasets and backtests are kept.
//!
//! One trait, so that another database is another implementation. Writes are [`Write`]s: whole, durable when
//! [`Storage::commit`] returns, and grouped with other sessions' writes into one transaction. Reads of a session's
//! records take its id; there is no way to ask for "all orders".

mod error;
mod records;
mod sqlite;

pub use error::StorageError;
pub use records::{
    BacktestRecord, CommandRecord, DatasetId, DatasetRecord, IncidentRecord, JournalLine, JournalRecord,
    ListQuery, NewDataset, Progress, Recorded, SessionBatch, SessionRecord, SnapshotRecord,
    UnreadableSession, Write,
};
pub use sqlite::Sqlite;

use futures::future::BoxFuture;
use papertape::alert::Alert;
use papertape::api::{BacktestSummary, DataIncident, EquityPoint, Page, TimeSpan};
use papertape::engine::Event;
use papertape::exchange::Fill;
use papertape::market::{Bars, DatedAction};
use papertape::model::{BacktestId, OrderId, SessionId, Symbol, Timeframe, Timestamp};
use papertape::order::Order;
use papertape::portfolio::Trade;
use std::fmt::Debug;

/// The answer of a storage operation.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, StorageError>>;

/// Where everything is kept.
pub trait Storage: Debug + Send + Sync + 'static {
    /// The kind of storage in a word: `sqlite`.
    fn kind(&self) -> &'static str;

    /// Makes a write durable. All of it is kept or, on error, nothing.
    fn commit(&self, write: Write) -> Stored<'_, ()>;

    /// Imports a dataset as the newest version of its symbol and timeframe, and gives its id. Versions that no session
    /// refers to are removed.
    fn import(&self, dataset: NewDataset) -> Stored<'_, DatasetId>;

    /// A setting of the installation.
    fn setting<'a>(&'a self, key: &'a str) -> Stored<'a, Option<String>>;

    /// All sessions, oldest first; one that cannot be read spoils no other.
    fn sessions(&self) -> Stored<'_, Vec<Result<SessionRecord, Box<UnreadableSession>>>>;

    /// One session.
    fn session<'a>(&'a self, id: &'a SessionId) -> Stored<'a, Option<SessionRecord>>;

    /// A session's newest snapshot, or the newest of an input before `before`.
    fn snapshot<'a>(&'a self, id: &'a SessionId, before: Option<u64>) -> Stored<'a, Option<SnapshotRecord>>;

    /// What a session has recorded of inputs with numbers above `after`, all of one moment.
    fn recorded<'a>(&'a self, id: &'a SessionId, after: u64) -> Stored<'a, Recorded>;

    /// The journal, a page at a time.
    fn events<'a>(&'a self, id: &'a SessionId, query: &'a ListQuery) -> Stored<'a, Page<Event>>;

    /// Orders, a page at a time.
    fn orders<'a>(&'a self, id: &'a SessionId, query: &'a ListQuery) -> Stored<'a, Page<Order>>;

    /// Fills, a page at a time.
    fn fills<'a>(&'a self, id: &'a SessionId, query: &'a ListQuery) -> Stored<'a, Page<Fill>>;

    /// One order.
    fn order<'a>(&'a self, id: &'a SessionId, order: OrderId) -> Stored<'a, Option<Order>>;

    /// All fills of one order, oldest first.
    fn fills_of<'a>(&'a self, id: &'a SessionId, order: &'a Order) -> Stored<'a, Vec<Fill>>;

    /// Trades, a page at a time.
    fn trades<'a>(&'a self, id: &'a SessionId, query: &'a ListQuery) -> Stored<'a, Page<Trade>>;

    /// The equity curve, a page at a time.
    fn equity<'a>(&'a self, id: &'a SessionId, query: &'a ListQuery) -> Stored<'a, Page<EquityPoint>>;

    /// A session's alerts, a page at a time.
    fn alerts<'a>(&'a self, id: &'a SessionId, query: &'a ListQuery) -> Stored<'a, Page<Alert>>;

    /// The current version of every dataset.
    fn datasets(&self) -> Stored<'_, Vec<DatasetRecord>>;

    /// One version of a dataset.
    fn dataset(&self, id: DatasetId) -> Stored<'_, Option<DatasetRecord>>;

    /// The bars of a version of a dataset.
    fn bars(&self, id: DatasetId) -> Stored<'_, Bars>;

    /// What happened beside the trading of a version of a dataset, in order of time.
    fn actions(&self, id: DatasetId) -> Stored<'_, Vec<DatedAction>>;

    /// The option chain that was last imported of an underlying, as CSV.
    fn chain<'a>(&'a self, symbol: &'a Symbol) -> Stored<'a, Option<String>>;

    /// A backtest that has ended.
    fn backtest<'a>(&'a self, id: &'a BacktestId) -> Stored<'a, Option<BacktestRecord>>;

    /// The finished backtests of a strategy, newest first.
    fn backtests_of<'a>(&'a self, slug: &'a str, limit: u32) -> Stored<'a, Vec<BacktestSummary>>;

    /// What was not as it should be with a feed's data within a span of time, oldest first, with its numbers; of every symbol
    /// without one. The newest ten thousand entries.
    fn incident_records<'a>(
        &'a self,
        feed: &'a str,
        symbol: Option<&'a Symbol>,
        span: (Timestamp, Timestamp),
    ) -> Stored<'a, Vec<IncidentRecord>>;

    /// How many entries there are of a symbol that touch a span of time: [`Storage::incident_records`] gives the newest of them.
    fn incident_count<'a>(
        &'a self,
        feed: &'a str,
        symbol: &'a Symbol,
        span: (Timestamp, Timestamp),
    ) -> Stored<'a, u64>;

    /// When, from the beginning of a span of time on, what was published came from a source with an incident of one of these
    /// kinds: of all that touch the span, in no order.
    fn incident_spans<'a>(
        &'a self,
        feed: &'a str,
        symbol: &'a Symbol,
        kinds: &'a [&'a str],
        span: (Timestamp, Timestamp),
    ) -> Stored<'a, Vec<TimeSpan>>;

    /// The newest incidents without their numbers.
    fn incidents<'a>(
        &'a self,
        feed: &'a str,
        symbol: Option<&'a Symbol>,
        span: (Timestamp, Timestamp),
    ) -> Stored<'a, Vec<DataIncident>> {
        let records = self.incident_records(feed, symbol, span);
        Box::pin(async move { Ok(records.await?.into_iter().map(|record| record.incident).collect()) })
    }

    /// The number up to which the data-quality record has what is on the tape of a feed's symbol; 0 when that is not known.
    fn incidents_read<'a>(&'a self, feed: &'a str, symbol: &'a Symbol) -> Stored<'a, u64>;

    /// The spans for which a feed's venue has been asked for bars of a length, each from one time to before another, in order.
    fn history_asked<'a>(
        &'a self,
        feed: &'a str,
        symbol: &'a Symbol,
        timeframe: Timeframe,
    ) -> Stored<'a, Vec<(Timestamp, Timestamp)>>;

    /// Waits for writes under way and closes the files.
    fn close(&self) -> BoxFuture<'_, ()>;
}
