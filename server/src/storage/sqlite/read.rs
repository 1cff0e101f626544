//! Reads as SQL.

use crate::storage::{
    BacktestRecord, CommandRecord, DatasetId, DatasetRecord, JournalLine, ListQuery, Progress, Recorded,
    SessionRecord, SnapshotRecord, StorageError, UnreadableSession,
};
use papertape::api::{BacktestSummary, EquityPoint, Page};
use papertape::engine::Event;
use papertape::market::{Bars, DatedAction};
use papertape::model::{BacktestId, OrderId, SessionId, Symbol, Timestamp};
use papertape::{alert::Alert, exchange::Fill, order::Order, portfolio::Trade};
use serde::de::DeserializeOwned;
use sqlx::{Row, SqlitePool, sqlite::SqliteRow};

type Result<T, E = StorageError> = std::result::Result<T, E>;

pub(super) async fn setting(pool: &SqlitePool, key: &str) -> Result<Option<String>> {
    sqlx::query_scalar("SELECT value FROM meta WHERE key = ?1")
        .bind(key)
        .fetch_optional(pool)
        .await
        .map_err(StorageError::while_doing("read a setting"))
}

pub(super) async fn chain(pool: &SqlitePool, symbol: &Symbol) -> Result<Option<String>> {
    sqlx::query_scalar("SELECT csv FROM option_chains WHERE symbol = ?1")
        .bind(symbol.as_str())
        .fetch_optional(pool)
        .await
        .map_err(StorageError::while_doing("read an option chain"))
}

pub(super) async fn sessions(
    pool: &SqlitePool,
) -> Result<Vec<Result<SessionRecord, Box<UnreadableSession>>>> {
    let rows = sqlx::query("SELECT * FROM sessions ORDER BY created_at, id")
        .fetch_all(pool)
        .await
        .map_err(StorageError::while_doing("read the sessions"))?;
    let unreadable = |row, because| {
        Box::new(UnreadableSession {
            id: column(row, "id").unwrap_or_default(),
            summary: json(row, "summary").ok(),
            because,
        })
    };
    Ok(rows
        .iter()
        .map(|row| session_record(row).map_err(|because| unreadable(row, because)))
        .collect())
}

pub(super) async fn session(pool: &SqlitePool, id: &SessionId) -> Result<Option<SessionRecord>> {
    sqlx::query("SELECT * FROM sessions WHERE id = ?1")
        .bind(id.as_str())
        .fetch_optional(pool)
        .await
        .map_err(StorageError::while_doing("read the session"))?
        .as_ref()
        .map(session_record)
        .transpose()
}

fn session_record(row: &SqliteRow) -> Result<SessionRecord> {
    let id: String = column(row, "id")?;
    let state: String = column(row, "state")?;
    Ok(SessionRecord {
        id: id
            .parse()
            .map_err(|error| StorageError::corrupt("a session's id", error))?,
        created_at: time(row, "created_at")?,
        spec: json(row, "spec")?,
        recoveries: column(row, "recoveries")?,
        progress: Progress {
            inputs: number(row, "inputs")?,
            state: serde_json::from_value(serde_json::Value::String(state))
                .map_err(|error| StorageError::corrupt("a session's state", error))?,
            fault: column(row, "fault")?,
            speed: column(row, "speed")?,
            at_rest: column(row, "at_rest")?,
            summary: json(row, "summary")?,
        },
    })
}

pub(super) async fn snapshot(
    pool: &SqlitePool,
    id: &SessionId,
    before: Option<u64>,
) -> Result<Option<SnapshotRecord>> {
    let before = before.and_then(|input| i64::try_from(input).ok());
    sqlx::query(
        "SELECT input, state FROM snapshots WHERE session = ?1 AND input < coalesce(?2, input + 1)
         ORDER BY input DESC LIMIT 1",
    )
    .bind(id.as_str())
    .bind(before)
    .fetch_optional(pool)
    .await
    .map_err(StorageError::while_doing("read the snapshot"))?
    .map(|row| {
        Ok(SnapshotRecord {
            input: number(&row, "input")?,
            state: column(&row, "state")?,
        })
    })
    .transpose()
}

pub(super) async fn recorded(pool: &SqlitePool, id: &SessionId, after: u64) -> Result<Recorded> {
    let doing = StorageError::while_doing("read what the session has recorded");
    // One transaction, one moment: a running session may write between two reads.
    let mut transaction = pool.begin().await.map_err(&doing)?;
    let inputs: Option<i64> = sqlx::query_scalar("SELECT inputs FROM sessions WHERE id = ?1")
        .bind(id.as_str())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(&doing)?;
    let commands = sqlx::query(
        "SELECT input, time, command FROM commands WHERE session = ?1 AND input > ?2 ORDER BY input",
    )
    .bind(id.as_str())
    .bind(after as i64)
    .fetch_all(&mut *transaction)
    .await
    .map_err(&doing)?;
    let journal =
        sqlx::query("SELECT seq, input, event FROM journal WHERE session = ?1 AND input > ?2 ORDER BY seq")
            .bind(id.as_str())
            .bind(after as i64)
            .fetch_all(&mut *transaction)
            .await
            .map_err(&doing)?;
    transaction.rollback().await.map_err(&doing)?;
    let commands: Vec<CommandRecord> = commands.iter().map(command_record).collect::<Result<_>>()?;
    let journal: Vec<JournalLine> = journal.iter().map(journal_line).collect::<Result<_>>()?;
    let noted = inputs.and_then(|inputs| u64::try_from(inputs).ok()).unwrap_or(0);
    Ok(Recorded {
        inputs: noted
            .max(commands.last().map_or(0, |command| command.input))
            .max(journal.last().map_or(0, |line| line.input)),
        commands,
        journal,
    })
}

fn command_record(row: &SqliteRow) -> Result<CommandRecord> {
    Ok(CommandRecord {
        input: number(row, "input")?,
        time: time(row, "time")?,
        command: json(row, "command")?,
    })
}

fn journal_line(row: &SqliteRow) -> Result<JournalLine> {
    Ok(JournalLine {
        seq: number(row, "seq")?,
        input: number(row, "input")?,
        event: column(row, "event")?,
    })
}

pub(super) async fn events(pool: &SqlitePool, id: &SessionId, query: &ListQuery) -> Result<Page<Event>> {
    list(
        pool,
        "SELECT seq AS key, event AS body FROM journal WHERE session = ?1
         AND seq > coalesce(?2, 0) AND time >= coalesce(?3, time) AND time <= coalesce(?4, time) AND ?5 IS NULL
         ORDER BY seq LIMIT ?6",
        "read the journal",
        (id, query),
        |row| json(row, "body"),
    )
    .await
}

pub(super) async fn orders(pool: &SqlitePool, id: &SessionId, query: &ListQuery) -> Result<Page<Order>> {
    list(
        pool,
        "SELECT number AS key, body FROM orders WHERE session = ?1
         AND number > coalesce(?2, 0) AND time >= coalesce(?3, time) AND time <= coalesce(?4, time)
         AND side = coalesce(?5, side) ORDER BY number LIMIT ?6",
        "read the orders",
        (id, query),
        |row| json(row, "body"),
    )
    .await
}

pub(super) async fn fills(pool: &SqlitePool, id: &SessionId, query: &ListQuery) -> Result<Page<Fill>> {
    list(
        pool,
        "SELECT number AS key, body FROM fills WHERE session = ?1
         AND number > coalesce(?2, 0) AND time >= coalesce(?3, time) AND time <= coalesce(?4, time)
         AND side = coalesce(?5, side) ORDER BY number LIMIT ?6",
        "read the fills",
        (id, query),
        |row| json(row, "body"),
    )
    .await
}

pub(super) async fn order(pool: &SqlitePool, id: &SessionId, order: OrderId) -> Result<Option<Order>> {
    sqlx::query("SELECT body FROM orders WHERE session = ?1 AND number = ?2")
        .bind(id.as_str())
        .bind(i64::try_from(order.0).unwrap_or(i64::MAX))
        .fetch_optional(pool)
        .await
        .map_err(StorageError::while_doing("read the order"))?
        .as_ref()
        .map(|row| json(row, "body"))
        .transpose()
}

pub(super) async fn fills_of(pool: &SqlitePool, id: &SessionId, order: &Order) -> Result<Vec<Fill>> {
    // The order's life bounds what is looked through: no fill is before its placing or after its last change.
    sqlx::query(
        "SELECT body FROM fills WHERE session = ?1 AND time >= ?2 AND time <= ?3 AND body ->> '$.order_id' = ?4
         ORDER BY number",
    )
    .bind(id.as_str())
    .bind(order.submitted_at.nanos())
    .bind(order.updated_at.nanos())
    .bind(i64::try_from(order.id.0).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await
    .map_err(StorageError::while_doing("read the order's fills"))?
    .iter()
    .map(|row| json(row, "body"))
    .collect()
}

pub(super) async fn trades(pool: &SqlitePool, id: &SessionId, query: &ListQuery) -> Result<Page<Trade>> {
    list(
        pool,
        "SELECT number AS key, body FROM trades WHERE session = ?1
         AND number > coalesce(?2, 0) AND time >= coalesce(?3, time) AND time <= coalesce(?4, time)
         AND side = coalesce(?5, side) ORDER BY number LIMIT ?6",
        "read the trades",
        (id, query),
        |row| json(row, "body"),
    )
    .await
}

pub(super) async fn alerts(pool: &SqlitePool, id: &SessionId, query: &ListQuery) -> Result<Page<Alert>> {
    list(
        pool,
        "SELECT number AS key, body FROM alerts WHERE session = ?1
         AND number > coalesce(?2, 0) AND time >= coalesce(?3, time) AND time <= coalesce(?4, time) AND ?5 IS NULL
         ORDER BY number LIMIT ?6",
        "read the alerts",
        (id, query),
        |row| json(row, "body"),
    )
    .await
}

pub(super) async fn equity(
    pool: &SqlitePool,
    id: &SessionId,
    query: &ListQuery,
) -> Result<Page<EquityPoint>> {
    list(
        pool,
        "SELECT time AS key, * FROM equity WHERE session = ?1
         AND time > coalesce(?2, time - 1) AND time >= coalesce(?3, time) AND time <= coalesce(?4, time)
         AND ?5 IS NULL ORDER BY time LIMIT ?6",
        "read the equity curve",
        (id, query),
        |row| {
            Ok(EquityPoint {
                time: time(row, "time")?,
                equity: amount(row, "equity")?,
                cash: amount(row, "cash")?,
                position_value: amount(row, "position_value")?,
                drawdown: column(row, "drawdown")?,
                optimistic: optional_amount(row, "optimistic")?,
                pessimistic: optional_amount(row, "pessimistic")?,
            })
        },
    )
    .await
}

/// One page of a session's list: the statement takes session, key, from, to, side and limit.
async fn list<T>(
    pool: &SqlitePool,
    sql: &'static str,
    doing: &'static str,
    (id, query): (&SessionId, &ListQuery),
    item: impl Fn(&SqliteRow) -> Result<T>,
) -> Result<Page<T>> {
    let rows = sqlx::query(sql)
        .bind(id.as_str())
        .bind(query.after)
        .bind(query.from.map(Timestamp::nanos))
        .bind(query.to.map(Timestamp::nanos))
        .bind(query.side.as_deref())
        // One more than asked for tells whether there is a next page.
        .bind(i64::from(query.limit) + 1)
        .fetch_all(pool)
        .await
        .map_err(StorageError::while_doing(doing))?;
    let limit = query.limit as usize;
    let next_cursor = if rows.len() > limit {
        let last: i64 = column(&rows[limit - 1], "key")?;
        Some(last.to_string())
    } else {
        None
    };
    Ok(Page {
        items: rows.iter().take(limit).map(item).collect::<Result<_>>()?,
        next_cursor,
    })
}

pub(super) async fn datasets(pool: &SqlitePool) -> Result<Vec<DatasetRecord>> {
    sqlx::query(
        "SELECT * FROM datasets WHERE id IN (SELECT max(id) FROM datasets GROUP BY feed, symbol, timeframe)
         ORDER BY feed, symbol, id",
    )
    .fetch_all(pool)
    .await
    .map_err(StorageError::while_doing("read the datasets"))?
    .iter()
    .map(dataset_record)
    .collect()
}

pub(super) async fn dataset(pool: &SqlitePool, id: DatasetId) -> Result<Option<DatasetRecord>> {
    sqlx::query("SELECT * FROM datasets WHERE id = ?1")
        .bind(id.0)
        .fetch_optional(pool)
        .await
        .map_err(StorageError::while_doing("read the dataset"))?
        .as_ref()
        .map(dataset_record)
        .transpose()
}

fn dataset_record(row: &SqliteRow) -> Result<DatasetRecord> {
    let timeframe: String = column(row, "timeframe")?;
    Ok(DatasetRecord {
        id: DatasetId(column(row, "id")?),
        feed: column(row, "feed")?,
        instrument: json(row, "instrument")?,
        timeframe: timeframe
            .parse()
            .map_err(|error| StorageError::corrupt("a timeframe", error))?,
        bars: number(row, "bars")?,
        first_open: time(row, "first_open")?,
        last_open: time(row, "last_open")?,
        gaps: number(row, "gaps")?,
        missing_bars: number(row, "missing")?,
    })
}

pub(super) async fn bars(pool: &SqlitePool, id: DatasetId) -> Result<Bars> {
    let chunks: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT columns FROM dataset_chunks WHERE dataset = ?1 ORDER BY number")
            .bind(id.0)
            .fetch_all(pool)
            .await
            .map_err(StorageError::while_doing("read the bars"))?;
    let mut all = Bars::default();
    for chunk in chunks {
        let chunk: Bars =
            postcard::from_bytes(&chunk).map_err(|error| StorageError::corrupt("a chunk of bars", error))?;
        all.open_time.extend(chunk.open_time);
        all.open.extend(chunk.open);
        all.high.extend(chunk.high);
        all.low.extend(chunk.low);
        all.close.extend(chunk.close);
        all.volume.extend(chunk.volume);
    }
    Ok(all)
}

pub(super) async fn actions(pool: &SqlitePool, id: DatasetId) -> Result<Vec<DatedAction>> {
    let actions: Option<String> =
        sqlx::query_scalar("SELECT actions FROM dataset_actions WHERE dataset = ?1")
            .bind(id.0)
            .fetch_optional(pool)
            .await
            .map_err(StorageError::while_doing("read the actions"))?;
    actions.as_deref().map_or_else(|| Ok(Vec::new()), parse)
}

pub(super) async fn backtest(pool: &SqlitePool, id: &BacktestId) -> Result<Option<BacktestRecord>> {
    sqlx::query("SELECT * FROM backtests WHERE id = ?1")
        .bind(id.as_str())
        .fetch_optional(pool)
        .await
        .map_err(StorageError::while_doing("read the backtest"))?
        .map(|row| {
            let summary: Option<String> = column(&row, "summary")?;
            Ok(BacktestRecord {
                created_at: time(&row, "created_at")?,
                finished_at: time(&row, "finished_at")?,
                status: json(&row, "status")?,
                summary: summary.as_deref().map(parse).transpose()?,
            })
        })
        .transpose()
}

pub(super) async fn backtests_of(pool: &SqlitePool, slug: &str, limit: u32) -> Result<Vec<BacktestSummary>> {
    let summaries: Vec<String> = sqlx::query_scalar(
        "SELECT summary FROM backtests WHERE slug = ?1 AND summary IS NOT NULL
         ORDER BY finished_at DESC LIMIT ?2",
    )
    .bind(slug)
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(StorageError::while_doing("read the backtests"))?;
    summaries.iter().map(|summary| parse(summary)).collect()
}

pub(super) fn column<'r, T>(row: &'r SqliteRow, name: &'static str) -> Result<T>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(name)
        .map_err(StorageError::while_doing("decode a row"))
}

pub(super) fn number(row: &SqliteRow, name: &'static str) -> Result<u64> {
    let number: i64 = column(row, name)?;
    u64::try_from(number).map_err(|error| StorageError::corrupt(name, error))
}

pub(super) fn time(row: &SqliteRow, name: &'static str) -> Result<Timestamp> {
    column(row, name).map(Timestamp::from_nanos)
}

fn amount(row: &SqliteRow, name: &'static str) -> Result<rust_decimal::Decimal> {
    let text: String = column(row, name)?;
    text.parse().map_err(|error| StorageError::corrupt(name, error))
}

fn optional_amount(row: &SqliteRow, name: &'static str) -> Result<Option<rust_decimal::Decimal>> {
    let text: Option<String> = column(row, name)?;
    let parse = |text: String| text.parse().map_err(|error| StorageError::corrupt(name, error));
    text.map(parse).transpose()
}

fn json<T: DeserializeOwned>(row: &SqliteRow, name: &'static str) -> Result<T> {
    let text: &str = column(row, name)?;
    parse(text)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StorageError::corrupt("a record", error))
}
