//! Tables as other programs read them: CSV with a header, or Parquet.

use papertape::model::Timestamp;
use parquet::basic::{Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type};
use rust_decimal::Decimal;
use std::io::{self, Write};
use std::sync::Arc;

/// Rows that are written at once.
const GROUP_ROWS: usize = 65_536;

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// Commas, a header, times in ISO 8601.
    Csv,
    /// zstd, dictionaries for text, times with their zone.
    Parquet,
}

/// What a column holds. Every cell of it may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Points in time.
    Time,
    /// Floats.
    Number,
    /// Whole numbers.
    Integer,
    /// Exact numbers of so many digits after the point, at most 18 in all; [`ColumnKind::decimal`] finds how many.
    Decimal(u32),
    /// Text.
    Text,
}

impl ColumnKind {
    /// The kind in which these numbers are exact; `None` when they have more than 18 digits.
    #[must_use]
    pub fn decimal(numbers: &[Decimal]) -> Option<Self> {
        let scale = numbers.iter().map(Decimal::scale).max().unwrap_or_default();
        let fits = scale <= PRECISION && numbers.iter().all(|number| units(*number, scale).is_some());
        fits.then_some(Self::Decimal(scale))
    }
}

/// Digits of a decimal in Parquet that 64 bits hold.
const PRECISION: u32 = 18;

/// How many 10^-`scale` a number is; `None` when it is no whole number of them, or too many.
fn units(number: Decimal, scale: u32) -> Option<i64> {
    let more = 10_i128.checked_pow(scale.checked_sub(number.scale())?)?;
    let units = number.mantissa().checked_mul(more)?;
    let units = i64::try_from(units).ok()?;
    (units.unsigned_abs() < 10_u64.pow(PRECISION)).then_some(units)
}

/// What is in one place.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// A point in time.
    Time(Timestamp),
    /// A float; in CSV in as many digits as give the same number when read back.
    Number(f64),
    /// A whole number.
    Integer(i64),
    /// An exact number.
    Decimal(Decimal),
    /// Text.
    Text(String),
}

/// Writes a table row by row.
pub struct TableWriter<W: Write + Send>(Form<W>);

enum Form<W: Write + Send> {
    Csv(Box<csv::Writer<W>>),
    Parquet(Box<Parquet<W>>),
}

struct Parquet<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<(ColumnKind, Vec<Cell>)>,
}

impl<W: Write + Send> std::fmt::Debug for TableWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableWriter").finish_non_exhaustive()
    }
}

impl<W: Write + Send> TableWriter<W> {
    /// Begins a table with columns of these names and kinds.
    ///
    /// # Errors
    /// Those of writing.
    pub fn new(out: W, format: TableFormat, columns: &[(&str, ColumnKind)]) -> io::Result<Self> {
        match format {
            TableFormat::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(columns.iter().map(|(name, _)| name))?;
                Ok(Self(Form::Csv(Box::new(writer))))
            }
            TableFormat::Parquet => {
                let file = parquet_file(out, columns).map_err(io_error)?;
                let columns = columns.iter().map(|(_, kind)| (*kind, Vec::new())).collect();
                Ok(Self(Form::Parquet(Box::new(Parquet { file, columns }))))
            }
        }
    }

    /// Adds a row: a cell for each column, of its kind or empty.
    ///
    /// # Errors
    /// Those of writing; [`io::ErrorKind::InvalidInput`] when the cells are not the columns'.
    pub fn row(&mut self, cells: Vec<Cell>) -> io::Result<()> {
        match &mut self.0 {
            Form::Csv(writer) => Ok(writer.write_record(cells.iter().map(text))?),
            Form::Parquet(parquet) => parquet.row(cells),
        }
    }

    /// Ends the table and gives back what it was written to.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish(self) -> io::Result<W> {
        match self.0 {
            Form::Csv(writer) => writer.into_inner().map_err(|error| error.into_error()),
            Form::Parquet(mut parquet) => {
                parquet.end_group().map_err(io_error)?;
                parquet.file.into_inner().map_err(io_error)
            }
        }
    }
}

/// A table of text as Parquet: each column of the type that all of its cells are of, numbers as exact decimals. Columns named
/// `…time` or `…_at` are times, `return` and `drawdown` are floats, also when they are empty.
///
/// # Errors
/// Those of writing.
pub fn text_table_as_parquet(columns: &[&str], rows: Vec<Vec<String>>) -> io::Result<Vec<u8>> {
    let cells = |place: usize| {
        rows.iter()
            .filter_map(move |row| row.get(place))
            .map(String::as_str)
    };
    let kinds: Vec<ColumnKind> = columns
        .iter()
        .enumerate()
        .map(|(place, name)| kind_of(name, cells(place)))
        .collect();
    let columns: Vec<(&str, ColumnKind)> = columns.iter().copied().zip(kinds.iter().copied()).collect();
    let mut table = TableWriter::new(Vec::new(), TableFormat::Parquet, &columns)?;
    for row in rows {
        let cells = row.into_iter().zip(&kinds).map(|(text, kind)| read(text, *kind));
        table.row(cells.collect())?;
    }
    table.finish()
}

/// What a column of text holds.
fn kind_of<'a>(name: &str, cells: impl Iterator<Item = &'a str>) -> ColumnKind {
    const RATIOS: [&str; 2] = ["return", "drawdown"];

    if name.ends_with("time") || name.ends_with("_at") {
        return ColumnKind::Time;
    }
    if RATIOS.contains(&name) {
        return ColumnKind::Number;
    }
    let mut filled = cells.filter(|cell| !cell.is_empty()).peekable();
    if filled.peek().is_none() {
        return ColumnKind::Text;
    }
    let numbers: Option<Vec<Decimal>> = filled.map(|cell| cell.parse().ok()).collect();
    match numbers.and_then(|numbers| ColumnKind::decimal(&numbers)) {
        Some(ColumnKind::Decimal(0)) => ColumnKind::Integer,
        Some(kind) => kind,
        None => ColumnKind::Text,
    }
}

fn read(text: String, kind: ColumnKind) -> Cell {
    let cell = match kind {
        _ if text.is_empty() => Some(Cell::Empty),
        ColumnKind::Time => Timestamp::parse(&text).ok().map(Cell::Time),
        ColumnKind::Number => text.parse().ok().map(Cell::Number),
        ColumnKind::Integer => text.parse().ok().map(Cell::Integer),
        ColumnKind::Decimal(_) => text.parse().ok().map(Cell::Decimal),
        ColumnKind::Text => None,
    };
    cell.unwrap_or(Cell::Text(text))
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Time(time) => time.to_string(),
        Cell::Number(number) => number.to_string(),
        Cell::Integer(number) => number.to_string(),
        Cell::Decimal(number) => number.to_string(),
        Cell::Text(text) => text.clone(),
    }
}

fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}

fn digits(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn parquet_file<W: Write + Send>(
    out: W,
    columns: &[(&str, ColumnKind)],
) -> Result<SerializedFileWriter<W>, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_created_by(format!("papertape {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(None);
    let mut fields = Vec::with_capacity(columns.len());
    for (name, kind) in columns {
        let (physical, logical) = match kind {
            ColumnKind::Time => (
                Physical::INT64,
                Some(LogicalType::timestamp(true, TimeUnit::NANOS)),
            ),
            ColumnKind::Number => (Physical::DOUBLE, None),
            ColumnKind::Integer => (Physical::INT64, None),
            ColumnKind::Decimal(scale) => (
                Physical::INT64,
                Some(LogicalType::decimal(digits(*scale), digits(PRECISION))),
            ),
            ColumnKind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        if matches!(kind, ColumnKind::Time | ColumnKind::Integer) {
            let path = ColumnPath::from(*name);
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
        let mut field = Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical);
        if let ColumnKind::Decimal(scale) = kind {
            field = field.with_precision(digits(PRECISION)).with_scale(digits(*scale));
        }
        fields.push(Arc::new(field.build()?));
    }
    let schema = Type::group_type_builder("table").with_fields(fields).build()?;
    SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties.build()))
}

impl<W: Write + Send> Parquet<W> {
    fn row(&mut self, cells: Vec<Cell>) -> io::Result<()> {
        let fits = |((kind, _), cell): (&(ColumnKind, Vec<Cell>), &Cell)| {
            matches!(
                (kind, cell),
                (_, Cell::Empty)
                    | (ColumnKind::Time, Cell::Time(_))
                    | (ColumnKind::Number, Cell::Number(_))
                    | (ColumnKind::Integer, Cell::Integer(_))
                    | (ColumnKind::Text, Cell::Text(_))
            ) || matches!((kind, cell), (ColumnKind::Decimal(scale), Cell::Decimal(number)) if units(*number, *scale).is_some())
        };
        if cells.len() != self.columns.len() || !self.columns.iter().zip(&cells).all(fits) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the cells are not those of the columns",
            ));
        }
        for ((_, column), cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell);
        }
        let is_full = self
            .columns
            .first()
            .is_some_and(|(_, column)| column.len() >= GROUP_ROWS);
        if is_full {
            self.end_group().map_err(io_error)
        } else {
            Ok(())
        }
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        if self.columns.first().is_none_or(|(_, column)| column.is_empty()) {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for (kind, column) in &mut self.columns {
            let cells = std::mem::take(column);
            match kind {
                ColumnKind::Time | ColumnKind::Integer => {
                    put::<Int64Type, W>(&mut group, &cells, |cell| match cell {
                        Cell::Time(time) => Some(time.nanos()),
                        Cell::Integer(number) => Some(*number),
                        _ => None,
                    })?
                }
                ColumnKind::Decimal(scale) => put::<Int64Type, W>(&mut group, &cells, |cell| match cell {
                    Cell::Decimal(number) => units(*number, *scale),
                    _ => None,
                })?,
                ColumnKind::Number => put::<DoubleType, W>(&mut group, &cells, |cell| match cell {
                    Cell::Number(number) => Some(*number),
                    _ => None,
                })?,
                ColumnKind::Text => put::<ByteArrayType, W>(&mut group, &cells, |cell| match cell {
                    Cell::Text(text) => Some(ByteArray::from(text.as_str())),
                    _ => None,
                })?,
            }
        }
        group.close()?;
        Ok(())
    }
}

fn put<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    cells: &[Cell],
    value: impl Fn(&Cell) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let values: Vec<Option<T::T>> = cells.iter().map(value).collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    let mut column = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("a column too many".to_owned()))?;
    column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    column.close()
}
