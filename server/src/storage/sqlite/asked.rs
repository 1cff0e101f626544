//! For which spans of time venues have been asked for their bars.

use crate::storage::StorageError;
use papertape::model::{Symbol, Timeframe, Timestamp};
use sqlx::{SqliteConnection, SqlitePool};

/// Bars of a feed's symbol of a length.
type Key<'a> = (&'a str, &'a Symbol, Timeframe);

/// These spans and no others.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    (feed, symbol, timeframe): Key<'_>,
    spans: &[(Timestamp, Timestamp)],
) -> Result<(), StorageError> {
    let failed = StorageError::while_doing("write which history is kept");
    sqlx::query("DELETE FROM history_asked WHERE feed = ?1 AND symbol = ?2 AND timeframe = ?3")
        .bind(feed)
        .bind(symbol.as_str())
        .bind(timeframe.to_string())
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    for (from, to) in spans {
        sqlx::query(
            "INSERT INTO history_asked (feed, symbol, timeframe, from_time, to_time) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(feed)
        .bind(symbol.as_str())
        .bind(timeframe.to_string())
        .bind(from.nanos())
        .bind(to.nanos())
        .execute(&mut *connection)
        .await
        .map_err(StorageError::while_doing("write which history is kept"))?;
    }
    Ok(())
}

/// The spans, in order.
pub(super) async fn read(
    pool: &SqlitePool,
    (feed, symbol, timeframe): Key<'_>,
) -> Result<Vec<(Timestamp, Timestamp)>, StorageError> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT from_time, to_time FROM history_asked WHERE feed = ?1 AND symbol = ?2 AND timeframe = ?3
         ORDER BY from_time",
    )
    .bind(feed)
    .bind(symbol.as_str())
    .bind(timeframe.to_string())
    .fetch_all(pool)
    .await
    .map_err(StorageError::while_doing("read which history is kept"))?;
    let time = Timestamp::from_nanos;
    Ok(rows
        .into_iter()
        .map(|(from, to)| (time(from), time(to)))
        .collect())
}
