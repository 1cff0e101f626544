//! The data-quality record.

use super::read::{column, number, time};
use crate::storage::{IncidentRecord, StorageError};
use futures::TryStreamExt as _;
use papertape::api::{DataIncident, TimeSpan};
use papertape::model::{Symbol, Timestamp};
use sqlx::{SqliteConnection, SqlitePool, sqlite::SqliteRow};

/// Entries given at most.
const MOST: i64 = 10_000;

pub(super) async fn write(
    connection: &mut SqliteConnection,
    record: &IncidentRecord,
) -> Result<(), StorageError> {
    let DataIncident {
        kind,
        feed,
        symbol,
        source,
        from,
        to,
        count,
        detail,
        touched,
    } = &record.incident;
    let touched = touched
        .as_ref()
        .map(|spans| serde_json::to_string(spans).map_err(|error| StorageError::corrupt("a record", error)))
        .transpose()?;
    sqlx::query(
        "INSERT INTO incidents (feed, symbol, run, number, kind, source, from_time, to_time, count, detail, touched)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (feed, symbol, run, number) DO UPDATE SET
         from_time = excluded.from_time, to_time = excluded.to_time, count = excluded.count, detail = excluded.detail,
         touched = excluded.touched",
    )
    .bind(feed)
    .bind(symbol.as_str())
    .bind(record.run.nanos())
    .bind(i64::try_from(record.number).unwrap_or(i64::MAX))
    .bind(kind)
    .bind(source)
    .bind(from.nanos())
    .bind(to.map(Timestamp::nanos))
    .bind(i64::try_from(*count).unwrap_or(i64::MAX))
    .bind(detail)
    .bind(touched)
    .execute(connection)
    .await
    .map_err(StorageError::while_doing("write the data-quality record"))?;
    Ok(())
}

/// What runs before `run` left open ended, at the latest, when it began.
pub(super) async fn end(
    connection: &mut SqliteConnection,
    feed: &str,
    symbol: &Symbol,
    run: Timestamp,
) -> Result<(), StorageError> {
    sqlx::query(
        "UPDATE incidents SET to_time = ?3 WHERE feed = ?1 AND symbol = ?2 AND run < ?3 AND to_time IS NULL",
    )
    .bind(feed)
    .bind(symbol.as_str())
    .bind(run.nanos())
    .execute(connection)
    .await
    .map_err(StorageError::while_doing("write the data-quality record"))?;
    Ok(())
}

/// What a tape has up to a number is in the record.
pub(super) async fn mark(
    connection: &mut SqliteConnection,
    feed: &str,
    symbol: &Symbol,
    number: u64,
) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO incidents_read (feed, symbol, number) VALUES (?1, ?2, ?3)
         ON CONFLICT (feed, symbol) DO UPDATE SET number = excluded.number",
    )
    .bind(feed)
    .bind(symbol.as_str())
    .bind(i64::try_from(number).unwrap_or(i64::MAX))
    .execute(connection)
    .await
    .map_err(StorageError::while_doing("write the data-quality record"))?;
    Ok(())
}

/// Up to which number the record has what is on a tape.
pub(super) async fn marked(pool: &SqlitePool, feed: &str, symbol: &Symbol) -> Result<u64, StorageError> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT number FROM incidents_read WHERE feed = ?1 AND symbol = ?2")
            .bind(feed)
            .bind(symbol.as_str())
            .fetch_optional(pool)
            .await
            .map_err(StorageError::while_doing("read the data-quality record"))?;
    Ok(found
        .and_then(|number| u64::try_from(number).ok())
        .unwrap_or_default())
}

/// What touched a span of time, oldest first; without a symbol, of every one.
pub(super) async fn read(
    pool: &SqlitePool,
    feed: &str,
    symbol: Option<&Symbol>,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<IncidentRecord>, StorageError> {
    sqlx::query(
        "SELECT * FROM (SELECT * FROM incidents WHERE feed = ?1 AND (?2 IS NULL OR symbol = ?2) AND from_time <= ?4
         AND (to_time IS NULL OR to_time >= ?3) ORDER BY from_time DESC, run DESC, number DESC LIMIT ?5)
         ORDER BY from_time, run, number",
    )
    .bind(feed)
    .bind(symbol.map(Symbol::as_str))
    .bind(from.nanos())
    .bind(to.nanos())
    .bind(MOST)
    .fetch_all(pool)
    .await
    .map_err(StorageError::while_doing("read the data-quality record"))?
    .iter()
    .map(record)
    .collect()
}

/// How many touched a span of time.
pub(super) async fn count(
    pool: &SqlitePool,
    (feed, symbol): (&str, &Symbol),
    (from, to): (Timestamp, Timestamp),
) -> Result<u64, StorageError> {
    let count: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM incidents WHERE feed = ?1 AND symbol = ?2 AND from_time <= ?4
         AND (to_time IS NULL OR to_time >= ?3)",
    )
    .bind(feed)
    .bind(symbol.as_str())
    .bind(from.nanos())
    .bind(to.nanos())
    .fetch_one(pool)
    .await
    .map_err(StorageError::while_doing("read the data-quality record"))?;
    Ok(count.unsigned_abs())
}

/// When what was published was touched by what is of these kinds, from the beginning of a span on: of everything, row by row.
pub(super) async fn spans(
    pool: &SqlitePool,
    (feed, symbol): (&str, &Symbol),
    kinds: &[&str],
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<TimeSpan>, StorageError> {
    let kinds = serde_json::to_string(kinds).map_err(|error| StorageError::corrupt("kinds", error))?;
    let mut rows = sqlx::query(
        "SELECT from_time, to_time, touched FROM incidents WHERE feed = ?1 AND symbol = ?2 AND from_time <= ?4
         AND (to_time IS NULL OR to_time >= ?3) AND kind IN (SELECT value FROM json_each(?5))",
    )
    .bind(feed)
    .bind(symbol.as_str())
    .bind(from.nanos())
    .bind(to.nanos())
    .bind(kinds)
    .fetch(pool);
    let listened = TimeSpan { from, to: None };
    let mut found = Vec::new();
    while let Some(row) = rows
        .try_next()
        .await
        .map_err(StorageError::while_doing("read the data-quality record"))?
    {
        let (whole, touched) = (whole(&row)?, touched(&row)?);
        let parts = touched.as_deref().unwrap_or(std::slice::from_ref(&whole));
        let within = |part: &TimeSpan| part.within(whole)?.within(listened);
        found.extend(parts.iter().filter_map(within));
    }
    Ok(found)
}

fn whole(row: &SqliteRow) -> Result<TimeSpan, StorageError> {
    let to: Option<i64> = column(row, "to_time")?;
    Ok(TimeSpan {
        from: time(row, "from_time")?,
        to: to.map(Timestamp::from_nanos),
    })
}

fn touched(row: &SqliteRow) -> Result<Option<Vec<TimeSpan>>, StorageError> {
    let text: Option<&str> = column(row, "touched")?;
    text.map(serde_json::from_str)
        .transpose()
        .map_err(|error| StorageError::corrupt("the data-quality record", error))
}

fn record(row: &SqliteRow) -> Result<IncidentRecord, StorageError> {
    let symbol: String = column(row, "symbol")?;
    let TimeSpan { from, to } = whole(row)?;
    let incident = DataIncident {
        kind: column(row, "kind")?,
        feed: column(row, "feed")?,
        symbol: symbol
            .parse()
            .map_err(|error| StorageError::corrupt("a symbol", error))?,
        source: column(row, "source")?,
        from,
        to,
        count: number(row, "count")?,
        detail: column(row, "detail")?,
        touched: touched(row)?,
    };
    Ok(IncidentRecord {
        run: time(row, "run")?,
        number: number(row, "number")?,
        incident,
    })
}
