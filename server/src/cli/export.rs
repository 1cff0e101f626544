//! `papertape export`.

use super::{CliError, StoreArguments, backtest::print};
use crate::http::{CsvRow, csv_write};
use crate::storage::{ListQuery, Storage};
use clap::{Args, ValueEnum};
use papertape::api::{Page, TradeReport};
use papertape::model::{SessionId, Symbol, Timeframe, Timestamp};
use papertape_tape::{ExportKind, TableFormat, TapeError, TapeStore, text_table_as_parquet};
use serde::Serialize;
use serde_json::Value;
use std::future::Future;
use std::io::Write;
use std::path::PathBuf;

/// Records read at once.
const PAGE: u32 = 10_000;

/// Arguments of `export`.
#[derive(Clone, Debug, Args)]
pub(super) struct ExportArguments {
    /// The session's id.
    #[arg(
        long,
        value_name = "ID",
        required_unless_present = "feed",
        conflicts_with = "feed"
    )]
    session: Option<SessionId>,
    /// The feed whose tape is written, instead of a session's records.
    #[arg(long, value_name = "NAME", requires = "symbol")]
    feed: Option<String>,
    /// Which of the feed's symbols.
    #[arg(long, value_name = "SYMBOL", requires = "feed")]
    symbol: Option<Symbol>,
    /// Which of its records: of a session trades, fills, orders, equity or report, of a feed trades, quotes or bars.
    #[arg(long, value_enum)]
    what: What,
    /// Of a feed, from this market time on.
    #[arg(long, value_name = "TIME", requires = "feed", value_parser = time)]
    from: Option<Timestamp>,
    /// Of a feed, before this market time.
    #[arg(long, value_name = "TIME", requires = "feed", value_parser = time)]
    to: Option<Timestamp>,
    /// The length of a feed's bars [default: 1m]
    #[arg(long, value_name = "LENGTH", requires = "feed")]
    timeframe: Option<Timeframe>,
    /// In which form.
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    /// The file to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Round trips, one still open without exit; of a feed what the market traded.
    Trades,
    /// What was filled, each with what its price is made of.
    Fills,
    /// Orders as they stand.
    Orders,
    /// The equity curve.
    Equity,
    /// The session at a glance, with its metrics.
    Report,
    /// The best bids and asks that a feed told.
    Quotes,
    /// Bars, made of a feed's trades where it told any.
    Bars,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Json,
    Parquet,
}

/// Writes a session's records as they stand in the store, or what is on the tape of a feed.
pub(super) async fn run(arguments: ExportArguments) -> Result<(), CliError> {
    let Some(session) = &arguments.session else {
        return tape(&arguments);
    };
    let storage = arguments.store.open_existing().await?;
    let bytes = export(&arguments, session, &*storage).await;
    storage.close().await;
    let bytes = bytes?;
    match &arguments.out {
        Some(path) => std::fs::write(path, bytes)
            .map_err(|error| CliError::problem(format!("{} cannot be written: {error}", path.display()))),
        None => match String::from_utf8(bytes) {
            Ok(text) => print(&text),
            Err(error) => std::io::stdout()
                .write_all(error.as_bytes())
                .map_err(|error| CliError::problem(format!("the output cannot be written: {error}"))),
        },
    }
}

/// A span of a feed's tape as a table. What is on it is durable, so a server may have it open meanwhile.
fn tape(arguments: &ExportArguments) -> Result<(), CliError> {
    let refuse = |error: TapeError| CliError::problem(error.to_string());
    let kind = match arguments.what {
        What::Trades => ExportKind::Trades,
        What::Quotes => ExportKind::Quotes,
        What::Bars => ExportKind::Bars(arguments.timeframe.unwrap_or(Timeframe::MINUTE)),
        What::Fills | What::Orders | What::Equity | What::Report => {
            return Err(CliError::usage(
                "a feed has trades, quotes and bars; give --session for the others",
            ));
        }
    };
    let format = match arguments.format {
        Format::Csv => TableFormat::Csv,
        Format::Parquet => TableFormat::Parquet,
        Format::Json => return Err(CliError::usage("what is on a tape is written as csv or parquet")),
    };
    let (Some(feed), Some(symbol)) = (&arguments.feed, &arguments.symbol) else {
        return Err(CliError::usage(
            "name the --feed and one of its symbols with --symbol",
        ));
    };
    let store = TapeStore::open_read_only(&arguments.store.folder()?.join("tape")).map_err(refuse)?;
    let channel = store.existing(feed, symbol).map_err(refuse)?;
    let out: Box<dyn Write + Send> = match &arguments.out {
        Some(path) => {
            let file = std::fs::File::create(path);
            Box::new(file.map_err(|error| {
                CliError::problem(format!("{} cannot be written: {error}", path.display()))
            })?)
        }
        None => Box::new(std::io::stdout()),
    };
    let out = std::io::BufWriter::new(out);
    let span = (arguments.from, arguments.to);
    let (mut out, rows) = papertape_tape::export(&channel, span, kind, format, out).map_err(refuse)?;
    out.flush().map_err(unwritable)?;
    if arguments.out.is_some() {
        print(&format!("{rows} rows\n"))?;
    }
    Ok(())
}

async fn export(
    arguments: &ExportArguments,
    id: &SessionId,
    storage: &dyn Storage,
) -> Result<Vec<u8>, CliError> {
    let format = arguments.format;
    let session = storage.session(id).await?;
    let session = session.ok_or_else(|| CliError::problem(format!("there is no session {id}")))?;
    match arguments.what {
        What::Trades => {
            let trades = all(|query| async move { storage.trades(id, &query).await }).await?;
            let trades: Vec<TradeReport> = trades.iter().map(TradeReport::from).collect();
            table(trades, format)
        }
        What::Fills => table(
            all(|query| async move { storage.fills(id, &query).await }).await?,
            format,
        ),
        What::Orders => table(
            all(|query| async move { storage.orders(id, &query).await }).await?,
            format,
        ),
        What::Equity => table(
            all(|query| async move { storage.equity(id, &query).await }).await?,
            format,
        ),
        What::Report => {
            let report = serde_json::to_value(&session.progress.summary).map_err(unwritable)?;
            match format {
                Format::Json => json(&report),
                Format::Csv | Format::Parquet => {
                    let mut lines = Vec::new();
                    flatten(String::new(), &report, &mut lines);
                    table(lines, format)
                }
            }
        }
        What::Quotes | What::Bars => Err(CliError::usage(
            "a session has trades, fills, orders, equity and a report; give --feed and --symbol for quotes and bars",
        )),
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| error.to_string())
}

/// Every record of a list, a page at a time.
async fn all<T, F>(page: impl Fn(ListQuery) -> F) -> Result<Vec<T>, CliError>
where
    F: Future<Output = Result<Page<T>, crate::storage::StorageError>>,
{
    let mut items = Vec::new();
    let mut after = None;
    loop {
        let query = ListQuery {
            after,
            limit: PAGE,
            ..ListQuery::default()
        };
        let next = page(query).await?;
        items.extend(next.items);
        match next.next_cursor.and_then(|cursor| cursor.parse().ok()) {
            Some(cursor) => after = Some(cursor),
            None => return Ok(items),
        }
    }
}

fn table<T: CsvRow + Serialize>(rows: Vec<T>, format: Format) -> Result<Vec<u8>, CliError> {
    match format {
        Format::Json => json(&rows),
        Format::Csv => {
            let mut text = Vec::new();
            csv_write(&mut text, rows).map_err(unwritable)?;
            Ok(text)
        }
        Format::Parquet => {
            let rows = rows.iter().map(CsvRow::cells).collect();
            text_table_as_parquet(T::COLUMNS, rows).map_err(unwritable)
        }
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, CliError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(unwritable)?;
    text.push(b'\n');
    Ok(text)
}

fn unwritable(error: impl std::fmt::Display) -> CliError {
    CliError::problem(format!("the records cannot be written: {error}"))
}

/// One number of a report: where it stands in the JSON, and what it is.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    value: String,
}

impl CsvRow for Line {
    const COLUMNS: &'static [&'static str] = &["name", "value"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.value.clone()]
    }
}

fn flatten(name: String, value: &Value, lines: &mut Vec<Line>) {
    let inner = |key: &str| {
        if name.is_empty() {
            key.to_owned()
        } else {
            format!("{name}.{key}")
        }
    };
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, value)| flatten(inner(key), value, lines)),
        Value::Array(items) => {
            for (place, value) in items.iter().enumerate() {
                flatten(inner(&place.to_string()), value, lines);
            }
        }
        Value::Null => {}
        Value::String(text) => lines.push(Line {
            name,
            value: text.clone(),
        }),
        other => lines.push(Line {
            name,
            value: other.to_string(),
        }),
    }
}
