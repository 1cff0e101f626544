//! Tables of trades and quotes, as [`export`](crate::export) writes them: read back, with their numbers as they were.

use crate::kinds::{PARQUET, check_compression, check_kind};
use crate::record::Source;
use papertape::market::{MarketEvent, Quote, TradeTick};
use papertape::model::{Side, Timestamp};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Nothing costs more, and nobody trades more of it at once.
const MOST: f64 = 1e15;
/// Columns that say where a row came from, which a file need not have.
const PROVENANCE: [&str; 2] = ["received", "source"];

/// One row of such a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// When it came in; its own time where the file does not say.
    pub received: Timestamp,
    /// Where it came from, where the file says.
    pub source: Option<Source>,
    /// The trade or the quote.
    pub event: MarketEvent,
}

/// What a table is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Trades,
    Quotes,
}

impl Kind {
    /// The columns of a row's own, the time first.
    const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Trades => &["time", "price", "size", "side"],
            Self::Quotes => &["time", "bid", "bid_size", "ask", "ask_size"],
        }
    }

    fn of(names: &[String]) -> Result<Self, String> {
        let has = |name: &&str| names.iter().any(|known| known == name);
        [Self::Trades, Self::Quotes]
            .into_iter()
            .find(|kind| kind.columns().iter().all(&has))
            .ok_or_else(|| {
                format!(
                    "this is no table of ticks: one of trades has the columns {}, one of quotes {}",
                    Self::Trades.columns().join(", "),
                    Self::Quotes.columns().join(", ")
                )
            })
    }
}

/// Reads a table of trades or quotes, CSV or Parquet, whole. Columns are found by name; `received` and `source` may be missing,
/// others are ignored.
///
/// # Errors
/// What is wrong, in one sentence, with the line (of CSV) or the row (of Parquet, counted from 1) where there is one.
pub fn read_ticks(path: &Path) -> Result<Vec<Tick>, String> {
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    let mut file = File::open(path).map_err(unreadable)?;
    let mut start = Vec::new();
    let mut begin = file.by_ref().take(PARQUET.len() as u64);
    begin.read_to_end(&mut start).map_err(unreadable)?;
    check_kind(path, &start)?;
    if start == PARQUET {
        // The library checks what it reads; should it miss something, a file must not end the program.
        let read = catch_unwind(AssertUnwindSafe(|| parquet_ticks(file)));
        return read.unwrap_or_else(|_| Err(damaged(&"its parts contradict each other")));
    }
    csv_ticks(path)
}

fn damaged(error: &dyn std::fmt::Display) -> String {
    format!("this is no readable Parquet file: {error}")
}

fn csv_ticks(path: &Path) -> Result<Vec<Tick>, String> {
    let mut reader = csv::Reader::from_path(path).map_err(|error| error.to_string())?;
    let headers = reader.headers().map_err(|error| error.to_string())?;
    let names: Vec<String> = headers.iter().map(|name| name.trim().to_owned()).collect();
    let kind = Kind::of(&names)?;
    let mut ticks = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells = names.iter().map(String::as_str).zip(&record);
        let row: BTreeMap<&str, Value> = cells
            .filter(|(_, text)| !text.is_empty())
            .map(|(name, text)| (name, Value::Text(text.to_owned())))
            .collect();
        ticks.push(tick(kind, &row).map_err(|problem| format!("line {line}: {problem}"))?);
    }
    Ok(ticks)
}

fn parquet_ticks(file: File) -> Result<Vec<Tick>, String> {
    let reader = SerializedFileReader::new(file).map_err(|error| damaged(&error))?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let columns = schema.columns().iter();
    let names: Vec<String> = columns.map(|column| column.path().string()).collect();
    let kind = Kind::of(&names)?;
    check_compression(reader.metadata())?;
    let mut ticks = Vec::new();
    let rows = reader.get_row_iter(None).map_err(|error| damaged(&error))?;
    for (number, row) in (1_u64..).zip(rows) {
        let fields = row.map_err(|error| damaged(&error))?;
        let mut row = BTreeMap::new();
        for (name, field) in fields.get_column_iter() {
            let value = match field {
                Field::Null => continue,
                Field::Long(nanos) => Value::Nanos(*nanos),
                Field::TimestampMillis(millis) => Value::Nanos(millis.saturating_mul(1_000_000)),
                Field::TimestampMicros(micros) => Value::Nanos(micros.saturating_mul(1_000)),
                Field::Double(number) => Value::Number(*number),
                Field::Str(text) => Value::Text(text.clone()),
                Field::Decimal(_) => Value::Text(field.to_string()),
                _ => continue,
            };
            row.insert(name.as_str(), value);
        }
        ticks.push(tick(kind, &row).map_err(|problem| format!("row {number}: {problem}"))?);
    }
    Ok(ticks)
}

/// What is in one place of a table.
#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Number(f64),
    Nanos(i64),
}

fn tick(kind: Kind, row: &BTreeMap<&str, Value>) -> Result<Tick, String> {
    let value = |name: &str| row.get(name).ok_or_else(|| format!("{name} is empty"));
    let time = |name: &str| time(name, value(name)?);
    let positive = |name: &str| number(name, value(name)?, false);
    let size = |name: &str| number(name, value(name)?, true);
    let at = time("time")?;
    let event = match kind {
        Kind::Trades => MarketEvent::Trade(TradeTick {
            time: at,
            price: positive("price")?,
            size: positive("size")?,
            aggressor: match value("side")? {
                Value::Text(text) if text == "buy" => Side::Buy,
                Value::Text(text) if text == "sell" => Side::Sell,
                _ => return Err("side is neither buy nor sell".to_owned()),
            },
        }),
        Kind::Quotes => MarketEvent::Quote(Quote {
            time: at,
            bid: positive("bid")?,
            bid_size: size("bid_size")?,
            ask: positive("ask")?,
            ask_size: size("ask_size")?,
        }),
    };
    let [received, source] = PROVENANCE;
    Ok(Tick {
        received: if row.contains_key(received) {
            time(received)?
        } else {
            at
        },
        source: match row.get(source) {
            Some(Value::Text(text)) => Some(Source::new(text)),
            _ => None,
        },
        event,
    })
}

fn time(name: &str, value: &Value) -> Result<Timestamp, String> {
    match value {
        Value::Nanos(nanos) => Ok(Timestamp::from_nanos(*nanos)),
        Value::Text(text) => {
            papertape::market::parse_bar_time(text).map_err(|problem| format!("{name}: {problem}"))
        }
        Value::Number(_) => Err(format!("{name} is no time")),
    }
}

fn number(name: &str, value: &Value, may_be_zero: bool) -> Result<f64, String> {
    let number = match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => text.parse().ok(),
        Value::Nanos(_) => None,
    };
    let fits = |number: &f64| number.is_finite() && (*number > 0.0 || (may_be_zero && *number == 0.0));
    let number = number
        .filter(fits)
        .ok_or_else(|| format!("{name} is not what a price or size can be"))?;
    if number > MOST {
        return Err(format!(
            "{name} is {number:e}: nothing costs more than {MOST:e}, and of nothing more is traded at once"
        ));
    }
    Ok(number)
}
