//! Writes as SQL. Many rows go in as one statement over a JSON array: a call per row would cost more than the row.

use super::{asked, incidents};
use crate::storage::{
    BacktestRecord, DatasetId, NewDataset, Progress, SessionBatch, SessionRecord, SnapshotRecord,
    StorageError, Write,
};
use papertape::market::Bars;
use papertape::model::{SessionId, Symbol, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::SqliteConnection;

/// Bars in one chunk of a dataset.
const CHUNK: usize = 10_000;

pub(super) async fn write(connection: &mut SqliteConnection, write: &Write) -> Result<(), StorageError> {
    match write {
        Write::Create(session, batch) => {
            create(connection, session).await?;
            append(connection, batch).await
        }
        Write::Append(batch) => append(connection, batch).await,
        Write::Resumed { id, recovered } => resumed(connection, id, *recovered).await,
        Write::Delete(id) => delete(connection, id).await,
        Write::Backtest(record) => backtest(connection, record).await,
        Write::Chain {
            symbol,
            csv,
            imported_at,
        } => chain(connection, symbol, csv, *imported_at).await,
        Write::Setting(key, value) => setting(connection, key, value).await,
        Write::Incident(record) => incidents::write(connection, record).await,
        Write::IncidentsEnded { feed, symbol, run } => incidents::end(connection, feed, symbol, *run).await,
        Write::IncidentsRead { feed, symbol, number } => {
            incidents::mark(connection, feed, symbol, *number).await
        }
        Write::HistoryAsked {
            feed,
            symbol,
            timeframe,
            spans,
        } => asked::write(connection, (feed, symbol, *timeframe), spans).await,
    }
}

async fn create(connection: &mut SqliteConnection, session: &SessionRecord) -> Result<(), StorageError> {
    let progress = &session.progress;
    sqlx::query(
        "INSERT INTO sessions (id, created_at, spec, dataset, state, fault, speed, recoveries, inputs, summary)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )
    .bind(session.id.as_str())
    .bind(session.created_at.nanos())
    .bind(text(&session.spec)?)
    .bind(session.spec.tape.dataset().map(|id| id.0))
    .bind(progress.state.to_string())
    .bind(&progress.fault)
    .bind(progress.speed)
    .bind(session.recoveries)
    .bind(integer(progress.inputs))
    .bind(text(&progress.summary)?)
    .execute(connection)
    .await
    .map_err(StorageError::while_doing("write the session"))?;
    Ok(())
}

async fn append(connection: &mut SqliteConnection, batch: &SessionBatch) -> Result<(), StorageError> {
    let session = &batch.session;
    let mut rows = Vec::new();
    for record in &batch.commands {
        rows.push(json!([record.input, record.time.nanos(), text(&record.command)?]));
    }
    bulk(
        connection,
        "INSERT INTO commands (session, input, time, command)
         SELECT ?1, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2)",
        "write the commands",
        session,
        std::mem::take(&mut rows),
    )
    .await?;
    for record in &batch.journal {
        let event = text(&record.event)?;
        let kind = crate::host::kind_name(&record.event.kind);
        rows.push(json!([
            record.event.seq,
            record.input,
            record.event.time.nanos(),
            kind,
            event
        ]));
    }
    bulk(
        connection,
        "INSERT INTO journal (session, seq, input, time, kind, event)
         SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?2)",
        "write the journal",
        session,
        std::mem::take(&mut rows),
    )
    .await?;
    read_models(connection, batch).await?;
    if let Some(snapshot) = &batch.snapshot {
        keep_snapshot(connection, session, snapshot).await?;
    }
    if let Some(progress) = &batch.progress {
        keep_progress(connection, session, progress).await?;
    }
    Ok(())
}

async fn read_models(connection: &mut SqliteConnection, batch: &SessionBatch) -> Result<(), StorageError> {
    let session = &batch.session;
    let mut rows = Vec::new();
    for order in batch.orders.values() {
        let status = serde_json::to_value(order.status).map_err(unwritable)?;
        let side = order.side.to_string();
        rows.push(json!([
            order.id,
            order.submitted_at.nanos(),
            side,
            status,
            text(order)?
        ]));
    }
    bulk(
        connection,
        "INSERT OR REPLACE INTO orders (session, number, time, side, status, body)
         SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?2)",
        "write the orders",
        session,
        std::mem::take(&mut rows),
    )
    .await?;
    for fill in &batch.fills {
        let (quantity, price) = (fill.quantity.to_string(), fill.price.to_string());
        let (side, fee) = (fill.side.to_string(), fill.fee.amount.to_string());
        rows.push(json!([
            fill.number,
            fill.time.nanos(),
            side,
            quantity,
            price,
            fee,
            text(fill)?
        ]));
    }
    bulk(
        connection,
        "INSERT OR REPLACE INTO fills (session, number, time, side, quantity, price, fee, body)
         SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
         FROM json_each(?2)",
        "write the fills",
        session,
        std::mem::take(&mut rows),
    )
    .await?;
    for trade in batch.trades.values() {
        let (side, pnl) = (trade.side.to_string(), trade.pnl.amount.to_string());
        rows.push(json!([
            trade.id,
            trade.entry_time.nanos(),
            side,
            pnl,
            text(trade)?
        ]));
    }
    bulk(
        connection,
        "INSERT OR REPLACE INTO trades (session, number, time, side, pnl, body)
         SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?2)",
        "write the trades",
        session,
        std::mem::take(&mut rows),
    )
    .await?;
    for point in &batch.equity {
        rows.push(json!([
            point.time.nanos(),
            point.equity.to_string(),
            point.cash.to_string(),
            point.position_value.to_string(),
            point.drawdown,
            point.optimistic.map(|equity| equity.to_string()),
            point.pessimistic.map(|equity| equity.to_string())
        ]));
    }
    bulk(
        connection,
        "INSERT OR REPLACE INTO equity
             (session, time, equity, cash, position_value, drawdown, optimistic, pessimistic)
         SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
         FROM json_each(?2)",
        "write the equity curve",
        session,
        std::mem::take(&mut rows),
    )
    .await?;
    for alert in &batch.alerts {
        let severity = alert.severity.to_string();
        rows.push(json!([alert.id, alert.time.nanos(), severity, text(alert)?]));
    }
    bulk(
        connection,
        "INSERT OR REPLACE INTO alerts (session, number, time, severity, body)
         SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?2)",
        "write the alerts",
        session,
        rows,
    )
    .await
}

async fn bulk(
    connection: &mut SqliteConnection,
    sql: &'static str,
    doing: &'static str,
    session: &SessionId,
    rows: Vec<Value>,
) -> Result<(), StorageError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(sql)
        .bind(session.as_str())
        .bind(Value::Array(rows).to_string())
        .execute(connection)
        .await
        .map_err(StorageError::while_doing(doing))?;
    Ok(())
}

/// Keeps the snapshot and the one before it: should the newest prove unreadable, there is another.
async fn keep_snapshot(
    connection: &mut SqliteConnection,
    session: &SessionId,
    snapshot: &SnapshotRecord,
) -> Result<(), StorageError> {
    let doing = StorageError::while_doing("write the snapshot");
    sqlx::query("INSERT OR REPLACE INTO snapshots (session, input, state) VALUES (?1, ?2, ?3)")
        .bind(session.as_str())
        .bind(integer(snapshot.input))
        .bind(&snapshot.state)
        .execute(&mut *connection)
        .await
        .map_err(&doing)?;
    sqlx::query(
        "DELETE FROM snapshots WHERE session = ?1 AND input NOT IN
         (SELECT input FROM snapshots WHERE session = ?1 ORDER BY input DESC LIMIT 2)",
    )
    .bind(session.as_str())
    .execute(connection)
    .await
    .map_err(&doing)?;
    Ok(())
}

async fn keep_progress(
    connection: &mut SqliteConnection,
    session: &SessionId,
    progress: &Progress,
) -> Result<(), StorageError> {
    sqlx::query(
        "UPDATE sessions SET inputs = ?2, state = ?3, fault = ?4, speed = ?5, at_rest = ?6, summary = ?7
         WHERE id = ?1",
    )
    .bind(session.as_str())
    .bind(integer(progress.inputs))
    .bind(progress.state.to_string())
    .bind(&progress.fault)
    .bind(progress.speed)
    .bind(progress.at_rest)
    .bind(text(&progress.summary)?)
    .execute(connection)
    .await
    .map_err(StorageError::while_doing("write where the session stands"))?;
    Ok(())
}

async fn resumed(
    connection: &mut SqliteConnection,
    id: &SessionId,
    recovered: bool,
) -> Result<(), StorageError> {
    sqlx::query("UPDATE sessions SET at_rest = 0, recoveries = recoveries + ?2 WHERE id = ?1")
        .bind(id.as_str())
        .bind(recovered)
        .execute(connection)
        .await
        .map_err(StorageError::while_doing("count the recovery"))?;
    Ok(())
}

async fn delete(connection: &mut SqliteConnection, id: &SessionId) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM sessions WHERE id = ?1")
        .bind(id.as_str())
        .execute(connection)
        .await
        .map_err(StorageError::while_doing("delete the session"))?;
    Ok(())
}

async fn backtest(connection: &mut SqliteConnection, record: &BacktestRecord) -> Result<(), StorageError> {
    let status = &record.status;
    let summary = record.summary.as_ref().map(text).transpose()?;
    sqlx::query(
        "INSERT OR REPLACE INTO backtests (id, slug, created_at, finished_at, state, summary, status)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(status.id.as_str())
    .bind(&status.slug)
    .bind(record.created_at.nanos())
    .bind(record.finished_at.nanos())
    .bind(word(status.state)?)
    .bind(summary)
    .bind(text(status)?)
    .execute(connection)
    .await
    .map_err(StorageError::while_doing("write the backtest"))?;
    Ok(())
}

async fn chain(
    connection: &mut SqliteConnection,
    symbol: &Symbol,
    csv: &str,
    imported_at: Timestamp,
) -> Result<(), StorageError> {
    sqlx::query("INSERT OR REPLACE INTO option_chains (symbol, csv, imported_at) VALUES (?1, ?2, ?3)")
        .bind(symbol.as_str())
        .bind(csv)
        .bind(imported_at.nanos())
        .execute(connection)
        .await
        .map_err(StorageError::while_doing("write an option chain"))?;
    Ok(())
}

async fn setting(connection: &mut SqliteConnection, key: &str, value: &str) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING")
        .bind(key)
        .bind(value)
        .execute(connection)
        .await
        .map_err(StorageError::while_doing("write a setting"))?;
    Ok(())
}

pub(super) async fn import(
    connection: &mut SqliteConnection,
    dataset: &NewDataset,
) -> Result<DatasetId, StorageError> {
    let doing = StorageError::while_doing("import the bars");
    let bars = &dataset.bars;
    let (Some(first), Some(last)) = (bars.open_time.first(), bars.open_time.last()) else {
        return Err(StorageError::corrupt("the import", "it has no bars"));
    };
    let (symbol, timeframe) = (
        dataset.instrument.symbol().to_string(),
        dataset.timeframe.to_string(),
    );
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO datasets
         (symbol, timeframe, instrument, bars, first_open, last_open, gaps, missing, imported_at, feed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING id",
    )
    .bind(&symbol)
    .bind(&timeframe)
    .bind(text(&dataset.instrument)?)
    .bind(integer(bars.len() as u64))
    .bind(first.nanos())
    .bind(last.nanos())
    .bind(integer(dataset.gaps))
    .bind(integer(dataset.missing_bars))
    .bind(dataset.imported_at.nanos())
    .bind(&dataset.feed)
    .fetch_one(&mut *connection)
    .await
    .map_err(&doing)?;
    for (number, start) in (0..bars.len()).step_by(CHUNK).enumerate() {
        let chunk: Bars = (start..(start + CHUNK).min(bars.len()))
            .filter_map(|index| bars.get(index))
            .collect();
        let bytes =
            postcard::to_stdvec(&chunk).map_err(|error| StorageError::corrupt("a chunk of bars", error))?;
        sqlx::query("INSERT INTO dataset_chunks (dataset, number, columns) VALUES (?1, ?2, ?3)")
            .bind(id)
            .bind(integer(number as u64))
            .bind(bytes)
            .execute(&mut *connection)
            .await
            .map_err(&doing)?;
    }
    if !dataset.actions.is_empty() {
        sqlx::query("INSERT INTO dataset_actions (dataset, actions) VALUES (?1, ?2)")
            .bind(id)
            .bind(text(&dataset.actions)?)
            .execute(&mut *connection)
            .await
            .map_err(&doing)?;
    }
    sqlx::query(
        "DELETE FROM datasets WHERE symbol = ?1 AND timeframe = ?2 AND id <> ?3 AND feed = ?4
         AND id NOT IN (SELECT dataset FROM sessions WHERE dataset IS NOT NULL)
         AND id NOT IN (SELECT value FROM sessions, json_tree(sessions.spec, '$.tape.together') WHERE key = 'dataset')",
    )
    .bind(&symbol)
    .bind(&timeframe)
    .bind(id)
    .bind(&dataset.feed)
    .execute(connection)
    .await
    .map_err(&doing)?;
    Ok(DatasetId(id))
}

/// A number as the database keeps it. Counters of one session stay far below 2⁶³.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn text(value: &impl Serialize) -> Result<String, StorageError> {
    serde_json::to_string(value).map_err(unwritable)
}

/// A unit variant's name as JSON writes it.
fn word(value: impl Serialize) -> Result<String, StorageError> {
    let value = serde_json::to_value(value).map_err(unwritable)?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

fn unwritable(error: serde_json::Error) -> StorageError {
    StorageError::corrupt("a record", error)
}
