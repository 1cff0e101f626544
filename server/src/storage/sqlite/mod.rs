//! SQLite: one file, write-ahead log, every commit on disk before it is answered.
//!
//! One task owns the only writing connection and gathers what many sessions want to write into one transaction; a
//! pool of connections reads beside it.

mod apply;
mod asked;
mod incidents;
mod open;
mod read;
mod writer;

use super::{
    BacktestRecord, DatasetId, DatasetRecord, IncidentRecord, ListQuery, NewDataset, Recorded, SessionRecord,
    SnapshotRecord, Storage, StorageError, Stored, UnreadableSession, Write,
};
use futures::{FutureExt, future::BoxFuture};
use papertape::alert::Alert;
use papertape::api::{BacktestSummary, EquityPoint, Page, TimeSpan};
use papertape::engine::Event;
use papertape::exchange::Fill;
use papertape::market::{Bars, DatedAction};
use papertape::model::{BacktestId, OrderId, SessionId, Symbol, Timeframe, Timestamp};
use papertape::order::Order;
use papertape::portfolio::Trade;
use sqlx::SqlitePool;
use std::path::Path;
use writer::Writer;

/// The SQLite storage.
#[derive(Debug)]
pub struct Sqlite {
    readers: SqlitePool,
    writer: Writer,
}

impl Sqlite {
    /// Opens the database, makes it if it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StorageError::Open`] when the file cannot be used, [`StorageError::Newer`] when a newer program wrote it.
    pub async fn open(path: &Path) -> Result<Self, StorageError> {
        let (connection, readers) = open::open(path).await?;
        Ok(Self {
            readers,
            writer: Writer::start(connection),
        })
    }
}

impl Storage for Sqlite {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn commit(&self, write: Write) -> Stored<'_, ()> {
        self.writer.commit(write).boxed()
    }

    fn import(&self, dataset: NewDataset) -> Stored<'_, DatasetId> {
        self.writer.import(dataset).boxed()
    }

    fn setting<'a>(&'a self, key: &'a str) -> Stored<'a, Option<String>> {
        read::setting(&self.readers, key).boxed()
    }

    fn sessions(&self) -> Stored<'_, Vec<Result<SessionRecord, Box<UnreadableSession>>>> {
        read::sessions(&self.readers).boxed()
    }

    fn session<'a>(&'a self, id: &'a SessionId) -> Stored<'a, Option<SessionRecord>> {
        read::session(&self.readers, id).boxed()
    }

    fn snapshot<'a>(&'a self, id: &'a SessionId, before: Option<u64>) -> Stored<'a, Option<SnapshotRecord>> {
        read::snapshot(&self.readers, id, before).boxed()
    }

    fn recorded<'a>(&'a self, id: &'a SessionId, after: u64) -> Stored<'a, Recorded> {
        read::recorded(&self.readers, id, after).boxed()
    }

    fn events<'a>(&'a self, id: &'a SessionId, query: &'a ListQuery) -> Stored<'a, Page<Event>> {
        read::events(&self.readers, id, query).boxed()
    }

    fn orders<'a>(&'a self, id: &'a SessionId, query: &'a ListQuery) -> Stored<'a, Page<Order>> {
        read::orders(&self.readers, id, query).boxed()
    }

    fn fills<'a>(&'a self, id: &'a SessionId, query: &'a ListQuery) -> Stored<'a, Page<Fill>> {
        read::fills(&self.readers, id, query).boxed()
    }

    fn order<'a>(&'a self, id: &'a SessionId, order: OrderId) -> Stored<'a, Option<Order>> {
        read::order(&self.readers, id, order).boxed()
    }

    fn fills_of<'a>(&'a self, id: &'a SessionId, order: &'a Order) -> Stored<'a, Vec<Fill>> {
        read::fills_of(&self.readers, id, order).boxed()
    }

    fn trades<'a>(&'a self, id: &'a SessionId, query: &'a ListQuery) -> Stored<'a, Page<Trade>> {
        read::trades(&self.readers, id, query).boxed()
    }

    fn equity<'a>(&'a self, id: &'a SessionId, query: &'a ListQuery) -> Stored<'a, Page<EquityPoint>> {
        read::equity(&self.readers, id, query).boxed()
    }

    fn alerts<'a>(&'a self, id: &'a SessionId, query: &'a ListQuery) -> Stored<'a, Page<Alert>> {
        read::alerts(&self.readers, id, query).boxed()
    }

    fn incident_records<'a>(
        &'a self,
        feed: &'a str,
        symbol: Option<&'a Symbol>,
        span: (Timestamp, Timestamp),
    ) -> Stored<'a, Vec<IncidentRecord>> {
        incidents::read(&self.readers, feed, symbol, span).boxed()
    }

    fn incident_count<'a>(
        &'a self,
        feed: &'a str,
        symbol: &'a Symbol,
        span: (Timestamp, Timestamp),
    ) -> Stored<'a, u64> {
        incidents::count(&self.readers, (feed, symbol), span).boxed()
    }

    fn incident_spans<'a>(
        &'a self,
        feed: &'a str,
        symbol: &'a Symbol,
        kinds: &'a [&'a str],
        span: (Timestamp, Timestamp),
    ) -> Stored<'a, Vec<TimeSpan>> {
        incidents::spans(&self.readers, (feed, symbol), kinds, span).boxed()
    }

    fn incidents_read<'a>(&'a self, feed: &'a str, symbol: &'a Symbol) -> Stored<'a, u64> {
        incidents::marked(&self.readers, feed, symbol).boxed()
    }

    fn history_asked<'a>(
        &'a self,
        feed: &'a str,
        symbol: &'a Symbol,
        timeframe: Timeframe,
    ) -> Stored<'a, Vec<(Timestamp, Timestamp)>> {
        asked::read(&self.readers, (feed, symbol, timeframe)).boxed()
    }

    fn datasets(&self) -> Stored<'_, Vec<DatasetRecord>> {
        read::datasets(&self.readers).boxed()
    }

    fn dataset(&self, id: DatasetId) -> Stored<'_, Option<DatasetRecord>> {
        read::dataset(&self.readers, id).boxed()
    }

    fn bars(&self, id: DatasetId) -> Stored<'_, Bars> {
        read::bars(&self.readers, id).boxed()
    }

    fn actions(&self, id: DatasetId) -> Stored<'_, Vec<DatedAction>> {
        read::actions(&self.readers, id).boxed()
    }

    fn chain<'a>(&'a self, symbol: &'a Symbol) -> Stored<'a, Option<String>> {
        read::chain(&self.readers, symbol).boxed()
    }

    fn backtest<'a>(&'a self, id: &'a BacktestId) -> Stored<'a, Option<BacktestRecord>> {
        read::backtest(&self.readers, id).boxed()
    }

    fn backtests_of<'a>(&'a self, slug: &'a str, limit: u32) -> Stored<'a, Vec<BacktestSummary>> {
        read::backtests_of(&self.readers, slug, limit).boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async {
            self.writer.finish().await;
            self.readers.close().await;
        }
        .boxed()
    }
}
