//! Parquet bar files: the columns of CSV ones, by the same names and with the same checks.
//!
//! A row group at a time and a few thousand rows at once, so that what is in memory beside the bars does not grow with
//! the file. Columns that are not a bar's are not read.

use papertape::market::{Bar, BarFile, BarRows, bar_columns, parse_bar_time};
use papertape::model::{Timeframe, Timestamp};
use papertape_tape::check_compression;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType, FixedLenByteArray, Int96};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Rows that are read at once.
const BATCH: usize = 8_192;
/// Rows that room is made for before any of them is read: what a file says of itself is not to be believed.
const MOST_EXPECTED: usize = 1_000_000;
/// Where the values of a row begin with the time.
const TIME: usize = 0;
const COLUMNS: usize = 6;

/// Reads the whole file.
///
/// # Errors
/// What is wrong, in one sentence, with the row where there is one.
pub(super) fn read(file: File, timeframe: Option<Timeframe>) -> Result<BarFile, String> {
    // The library checks what it reads; should it miss something, a file must not end the program.
    let read = catch_unwind(AssertUnwindSafe(|| bars(file, timeframe)));
    read.unwrap_or_else(|_| Err(damaged(&"its parts contradict each other")))
}

fn damaged(error: &dyn std::fmt::Display) -> String {
    format!("this is no readable Parquet file: {error}")
}

fn bars(file: File, timeframe: Option<Timeframe>) -> Result<BarFile, String> {
    let reader = SerializedFileReader::new(file).map_err(|error| damaged(&error))?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let names: Vec<String> = schema
        .columns()
        .iter()
        .map(|column| column.path().string())
        .collect();
    let places = bar_columns(&names)?;
    check_compression(reader.metadata())?;
    let mut kinds = [Kind::Text; COLUMNS];
    for (slot, place) in places.into_iter().enumerate() {
        kinds[slot] = Kind::of(&schema.column(place), slot == TIME)?;
    }
    let expected = usize::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(0);
    let mut rows = BarRows::new("row", expected.min(MOST_EXPECTED));
    let mut number = 0;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(|error| damaged(&error))?;
        let mut columns = Vec::with_capacity(COLUMNS);
        for (place, kind) in places.into_iter().zip(kinds) {
            let column = group.get_column_reader(place).map_err(|error| damaged(&error))?;
            columns.push((column, kind, schema.column(place).max_def_level()));
        }
        loop {
            let mut batch = Vec::with_capacity(COLUMNS);
            for (slot, (column, kind, optional)) in columns.iter_mut().enumerate() {
                let cells = cells(column, *kind, *optional).map_err(|error| damaged(&error))?;
                batch.push(cells);
                if batch[slot].len() != batch[TIME].len() {
                    return Err(damaged(&"its columns differ in length"));
                }
            }
            let count = batch[TIME].len();
            if count == 0 {
                break;
            }
            for row in 0..count {
                number += 1;
                let fail = |message| format!("row {number}: {message}");
                let cell = |slot: usize| {
                    let name = names[places[slot]].to_ascii_lowercase();
                    match batch[slot].get(row) {
                        None | Some(Cell::Empty) => Err(format!("{name} is empty")),
                        Some(Cell::Wrong(message)) => Err(format!("{name} {message}")),
                        Some(cell) => Ok(cell.clone()),
                    }
                };
                let bar = bar(cell).map_err(fail)?;
                rows.push(bar, number).map_err(fail)?;
            }
        }
    }
    if number == 0 {
        return Err("there are no rows".to_owned());
    }
    rows.finish(timeframe).map_err(|(index, message)| match index {
        Some(index) => format!("row {}: {message}", index + 1),
        None => message,
    })
}

fn bar(cell: impl Fn(usize) -> Result<Cell, String>) -> Result<Bar, String> {
    let Cell::Time(open_time) = cell(TIME)? else {
        return Err("the time is a number".to_owned());
    };
    let number = |slot| match cell(slot)? {
        Cell::Number(number) => Ok(number),
        _ => Err("a number is a time".to_owned()),
    };
    Ok(Bar {
        open_time,
        open: number(1)?,
        high: number(2)?,
        low: number(3)?,
        close: number(4)?,
        volume: number(5)?,
    })
}

/// What is in one place of a column.
#[derive(Clone, Debug)]
enum Cell {
    Empty,
    Time(Timestamp),
    Number(f64),
    Wrong(String),
}

/// What a column's values mean.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Nanoseconds that one unit of the time has.
    Time(i64),
    /// Seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by size.
    EpochGuess,
    /// A time in words.
    Text,
    Signed,
    Unsigned,
    Float,
    /// Digits after the point.
    Decimal(u32),
}

impl Kind {
    fn of(column: &ColumnDescriptor, is_time: bool) -> Result<Self, String> {
        use parquet::basic::Type;
        const DAY: i64 = 86_400_000_000_000;

        let name = column.name();
        let (physical, converted) = (column.physical_type(), column.converted_type());
        if column.max_rep_level() > 0 {
            return Err(format!("the column '{name}' holds lists"));
        }
        let nanos = |unit: &TimeUnit| match unit {
            TimeUnit::MILLIS => 1_000_000,
            TimeUnit::MICROS => 1_000,
            TimeUnit::NANOS => 1,
        };
        let logical = column.logical_type_ref();
        let kind = match (logical, converted, physical) {
            (Some(LogicalType::Timestamp(time)), _, Type::INT64) => Some(Self::Time(nanos(&time.unit))),
            (_, ConvertedType::TIMESTAMP_MILLIS, Type::INT64) => Some(Self::Time(1_000_000)),
            (_, ConvertedType::TIMESTAMP_MICROS, Type::INT64) => Some(Self::Time(1_000)),
            (Some(LogicalType::Date), _, Type::INT32) | (_, ConvertedType::DATE, Type::INT32) => {
                Some(Self::Time(DAY))
            }
            (_, _, Type::INT96) => Some(Self::Time(1)),
            (Some(LogicalType::String), _, Type::BYTE_ARRAY) | (_, ConvertedType::UTF8, Type::BYTE_ARRAY) => {
                Some(Self::Text)
            }
            (Some(LogicalType::Time(_)), ..) => None,
            (Some(LogicalType::Decimal(_)), ..) | (_, ConvertedType::DECIMAL, _) => {
                u32::try_from(column.type_scale()).ok().map(Self::Decimal)
            }
            (_, _, Type::FLOAT | Type::DOUBLE) => Some(Self::Float),
            (Some(LogicalType::Integer(integer)), _, Type::INT32 | Type::INT64) if !integer.is_signed => {
                Some(Self::Unsigned)
            }
            (_, _, Type::INT32 | Type::INT64) => Some(Self::Signed),
            _ => None,
        };
        let kind = match kind {
            Some(Self::Signed | Self::Unsigned | Self::Float) if is_time => Some(Self::EpochGuess),
            kind => kind.filter(|kind| kind.is_time() == is_time),
        };
        let wanted = if is_time { "a time" } else { "a number" };
        kind.ok_or_else(|| {
            let told = logical.map_or_else(|| physical.to_string(), |logical| format!("{logical:?}"));
            format!("the column '{name}' is of the type {told}, which is not {wanted}")
        })
    }

    const fn is_time(self) -> bool {
        matches!(self, Self::Time(_) | Self::EpochGuess | Self::Text)
    }

    fn whole(self, value: i64) -> Cell {
        match self {
            Self::Time(nanos) => match value.checked_mul(nanos) {
                Some(nanos) => Cell::Time(Timestamp::from_nanos(nanos)),
                None => Cell::Wrong("is not between the years 1900 and 2200".to_owned()),
            },
            Self::EpochGuess => Cell::Time(Timestamp::from_epoch_guess(value)),
            Self::Decimal(scale) => decimal(i128::from(value), scale),
            Self::Unsigned => Cell::Number(value as u64 as f64),
            _ => Cell::Number(value as f64),
        }
    }

    fn float(self, value: f64) -> Cell {
        match self {
            Self::EpochGuess if value.fract() == 0.0 && value.abs() < 9e18 => {
                Cell::Time(Timestamp::from_epoch_guess(value as i64))
            }
            Self::EpochGuess => Cell::Wrong(format!("is no time: {value}")),
            _ => Cell::Number(value),
        }
    }

    fn bytes(self, bytes: &[u8]) -> Cell {
        match self {
            Self::Decimal(scale) => match whole_of(bytes) {
                Some(whole) => decimal(whole, scale),
                None => Cell::Wrong("has more than 38 digits".to_owned()),
            },
            _ => match std::str::from_utf8(bytes).map(parse_bar_time) {
                Ok(Ok(time)) => Cell::Time(time),
                Ok(Err(message)) => Cell::Wrong(format!("cannot be read: {message}")),
                Err(_) => Cell::Wrong("is not text in UTF-8".to_owned()),
            },
        }
    }
}

/// The whole number of some bytes, the highest first, in two's complement.
fn whole_of(bytes: &[u8]) -> Option<i128> {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let fill = if negative { 0xFF } else { 0 };
    let (surplus, low) = bytes.split_at(bytes.len().saturating_sub(16));
    if surplus.iter().any(|byte| *byte != fill) {
        return None;
    }
    let mut all = [fill; 16];
    all[16 - low.len()..].copy_from_slice(low);
    Some(i128::from_be_bytes(all))
}

/// The nearest float of a decimal: of its text, as CSV would have it.
fn decimal(whole: i128, scale: u32) -> Cell {
    match format!("{whole}e-{scale}").parse() {
        Ok(number) => Cell::Number(number),
        Err(_) => Cell::Wrong("is no number".to_owned()),
    }
}

/// The next values of a column; none at its end.
fn cells(column: &mut ColumnReader, kind: Kind, optional: i16) -> Result<Vec<Cell>, ParquetError> {
    match column {
        ColumnReader::Int32ColumnReader(reader) => {
            // Without a sign, the highest bit is one of the number.
            let widen = |value: &i32| match kind {
                Kind::Unsigned => i64::from(*value as u32),
                _ => i64::from(*value),
            };
            batch(reader, optional, |value| kind.whole(widen(value)))
        }
        ColumnReader::Int64ColumnReader(reader) => batch(reader, optional, |value| kind.whole(*value)),
        ColumnReader::Int96ColumnReader(reader) => {
            batch(reader, optional, |value: &Int96| kind.whole(value.to_nanos()))
        }
        ColumnReader::FloatColumnReader(reader) => batch(reader, optional, |value: &f32| {
            // The shortest decimal that stands for it is what was written.
            let nearest = value.to_string().parse().unwrap_or(f64::NAN);
            kind.float(nearest)
        }),
        ColumnReader::DoubleColumnReader(reader) => batch(reader, optional, |value| kind.float(*value)),
        ColumnReader::ByteArrayColumnReader(reader) => {
            batch(reader, optional, |value: &ByteArray| kind.bytes(value.data()))
        }
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            batch(reader, optional, |value: &FixedLenByteArray| {
                kind.bytes(value.data())
            })
        }
        ColumnReader::BoolColumnReader(_) => Ok(Vec::new()),
    }
}

fn batch<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    optional: i16,
    cell: impl Fn(&T::T) -> Cell,
) -> Result<Vec<Cell>, ParquetError> {
    let (mut levels, mut values) = (Vec::new(), Vec::with_capacity(BATCH));
    let is_optional = optional > 0;
    let wanted = is_optional.then_some(&mut levels);
    let (records, _, _) = reader.read_records(BATCH, wanted, None, &mut values)?;
    let mut values = values.iter();
    let mut next = || values.next().map_or(Cell::Empty, &cell);
    Ok(if is_optional {
        let levels = levels.iter();
        levels
            .map(|level| if *level == optional { next() } else { Cell::Empty })
            .collect()
    } else {
        (0..records).map(|_| next()).collect()
    })
}
