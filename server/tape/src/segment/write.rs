//! Writing a segment.

use super::columns::{Columns, IS_SIZE};
use super::scale::{PRECISION, Scale, Writing};
use super::{FORMAT, GROUP_ROWS, Group};
use crate::record::Record;
use papertape::model::Instrument;
use parquet::basic::{Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, PrimitiveTypeBuilder, Type};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::sync::Arc;

/// The columns' names, in their order.
pub(super) const NAMES: [&str; 13] = [
    "number", "received", "time", "source", "kind", "side", "price", "size", "price2", "size2", "low",
    "close", "json",
];
/// Where the number columns begin.
pub(super) const FIRST_NUMBER: usize = 6;

fn schema(writing: &Writing) -> Result<Type> {
    fn column(
        name: &str,
        physical: Physical,
        logical: Option<LogicalType>,
        repetition: Repetition,
    ) -> PrimitiveTypeBuilder<'_> {
        Type::primitive_type_builder(name, physical)
            .with_repetition(repetition)
            .with_logical_type(logical)
    }
    let time = || Some(LogicalType::timestamp(true, TimeUnit::NANOS));
    let text = || Some(LogicalType::String);
    let (required, optional) = (Repetition::REQUIRED, Repetition::OPTIONAL);
    let mut fields = vec![
        column(NAMES[0], Physical::INT64, None, required).build()?,
        column(NAMES[1], Physical::INT64, time(), required).build()?,
        column(NAMES[2], Physical::INT64, time(), required).build()?,
        column(NAMES[3], Physical::BYTE_ARRAY, text(), required).build()?,
        column(NAMES[4], Physical::BYTE_ARRAY, text(), required).build()?,
        column(NAMES[5], Physical::BYTE_ARRAY, text(), optional).build()?,
    ];
    for (place, is_size) in IS_SIZE.into_iter().enumerate() {
        let name = NAMES[FIRST_NUMBER + place];
        let scale = if is_size { writing.size } else { writing.price };
        fields.push(match scale {
            Scale::Double => column(name, Physical::DOUBLE, None, optional).build()?,
            Scale::Decimal(digits) => {
                let digits = i32::try_from(digits).unwrap_or_default();
                let decimal = LogicalType::decimal(digits, PRECISION);
                column(name, Physical::INT64, Some(decimal), optional)
                    .with_precision(PRECISION)
                    .with_scale(digits)
                    .build()?
            }
        });
    }
    fields.push(column(NAMES[12], Physical::BYTE_ARRAY, text(), optional).build()?);
    Type::group_type_builder("tape")
        .with_fields(fields.into_iter().map(Arc::new).collect())
        .build()
}

fn properties(writing: &Writing) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_created_by(format!("papertape {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_dictionary_enabled(false)
        // Groups are closed by rows here.
        .set_max_row_group_row_count(None);
    for name in ["number", "received", "time"] {
        builder = builder.set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED);
    }
    for (place, is_size) in IS_SIZE.into_iter().enumerate() {
        let encoding = match if is_size { writing.size } else { writing.price } {
            Scale::Decimal(_) => Encoding::DELTA_BINARY_PACKED,
            Scale::Double => Encoding::BYTE_STREAM_SPLIT,
        };
        builder = builder.set_column_encoding(ColumnPath::from(NAMES[FIRST_NUMBER + place]), encoding);
    }
    for name in ["source", "kind", "side"] {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(name), true);
    }
    builder.build()
}

/// Writes a segment, a record at a time.
pub(crate) struct SegmentWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    writing: Writing,
    columns: Columns,
    groups: Vec<Group>,
    content: Sha256,
    feed: String,
    instrument: Instrument,
}

impl<W: Write + Send> SegmentWriter<W> {
    pub(crate) fn new(out: W, feed: &str, instrument: &Instrument, scales: (Scale, Scale)) -> Result<Self> {
        let writing = Writing::new(instrument, scales.0, scales.1);
        let schema = Arc::new(schema(&writing)?);
        Ok(Self {
            file: SerializedFileWriter::new(out, schema, Arc::new(properties(&writing)))?,
            writing,
            columns: Columns::default(),
            groups: Vec::new(),
            content: Sha256::new(),
            feed: feed.to_owned(),
            instrument: instrument.clone(),
        })
    }

    pub(crate) fn push(&mut self, record: &Record) -> Result<()> {
        self.columns.push(record, &self.writing).map_err(|_| {
            ParquetError::General(format!("record {} is not of the scale found", record.number))
        })?;
        if self.columns.len() >= GROUP_ROWS {
            self.end_group()?;
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<()> {
        let columns = &self.columns;
        let (Some(first), Some(last), Some(last_received)) = (
            columns.number.first(),
            columns.number.last(),
            columns.received.last(),
        ) else {
            return Ok(());
        };
        let mut checks = Checks {
            crc: crc32fast::Hasher::new(),
            content: Some(&mut self.content),
        };
        columns.digest(&mut checks)?;
        let crc32 = checks.crc.finalize();
        let time =
            |nanos: Option<&i64>| papertape::model::Timestamp::from_nanos(nanos.copied().unwrap_or_default());
        self.groups.push(Group {
            first: *first as u64,
            last: *last as u64,
            last_received: time(Some(last_received)),
            earliest: time(columns.time.iter().min()),
            latest: time(columns.time.iter().max()),
            crc32,
        });
        let mut group = self.file.next_row_group()?;
        write_columns(&mut group, columns, &self.writing)?;
        group.close()?;
        self.columns.clear();
        Ok(())
    }

    /// Writes the rest and what the segment says of itself; gives back what it was written to.
    pub(crate) fn finish(mut self) -> Result<W> {
        self.end_group()?;
        let json = |value: serde_json::Result<String>| {
            value.map_err(|error| ParquetError::General(error.to_string()))
        };
        let (first, last) = (self.groups.first(), self.groups.last());
        let earliest = self.groups.iter().map(|group| group.earliest).min();
        let latest = self.groups.iter().map(|group| group.latest).max();
        let text = |value: Option<String>| value.unwrap_or_default();
        let sha256: String = self
            .content
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let said = [
            ("format", FORMAT.to_string()),
            ("feed", self.feed),
            ("symbol", self.instrument.symbol().to_string()),
            ("tick", self.instrument.tick().to_string()),
            ("lot", self.instrument.lot().to_string()),
            ("instrument", json(serde_json::to_string(&self.instrument))?),
            ("first_number", text(first.map(|group| group.first.to_string()))),
            ("last_number", text(last.map(|group| group.last.to_string()))),
            ("first_time", text(earliest.map(|time| time.to_string()))),
            ("last_time", text(latest.map(|time| time.to_string()))),
            ("sha256", sha256),
            ("groups", json(serde_json::to_string(&self.groups))?),
        ];
        for (key, value) in said {
            let said = KeyValue::new(format!("papertape.{key}"), value);
            self.file.append_key_value_metadata(said);
        }
        self.file.into_inner()
    }
}

/// Feeds bytes to the checksums.
pub(super) struct Checks<'a> {
    pub(super) crc: crc32fast::Hasher,
    pub(super) content: Option<&'a mut Sha256>,
}

impl Write for Checks<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.crc.update(bytes);
        if let Some(content) = &mut self.content {
            content.update(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_columns<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    columns: &Columns,
    writing: &Writing,
) -> Result<()> {
    for column in [&columns.number, &columns.received, &columns.time] {
        put::<Int64Type, W>(group, column, None)?;
    }
    let sources: Vec<ByteArray> = columns
        .source
        .iter()
        .map(|source| source.as_str().into())
        .collect();
    put::<ByteArrayType, W>(group, &sources, None)?;
    let kinds: Vec<ByteArray> = columns.kind.iter().map(|kind| kind.name().into()).collect();
    put::<ByteArrayType, W>(group, &kinds, None)?;
    let sides: Vec<ByteArray> = columns
        .side
        .iter()
        .flatten()
        .map(|side| side.name().into())
        .collect();
    put::<ByteArrayType, W>(group, &sides, Some(&levels(&columns.side)))?;
    for (column, is_size) in columns.numbers.iter().zip(IS_SIZE) {
        let levels = levels(column);
        let cells = column.iter().flatten();
        match if is_size { writing.size } else { writing.price } {
            Scale::Decimal(_) => {
                let cells: Vec<i64> = cells.copied().collect();
                put::<Int64Type, W>(group, &cells, Some(&levels))?;
            }
            Scale::Double => {
                let cells: Vec<f64> = cells.map(|bits| f64::from_bits(*bits as u64)).collect();
                put::<DoubleType, W>(group, &cells, Some(&levels))?;
            }
        }
    }
    let json: Vec<ByteArray> = columns
        .json
        .iter()
        .flatten()
        .map(|json| json.as_str().into())
        .collect();
    put::<ByteArrayType, W>(group, &json, Some(&levels(&columns.json)))
}

/// 1 where there is something, 0 where there is nothing.
fn levels<T>(cells: &[Option<T>]) -> Vec<i16> {
    cells.iter().map(|cell| i16::from(cell.is_some())).collect()
}

fn put<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<()> {
    let mut column: SerializedColumnWriter<'_> = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("a column too many".to_owned()))?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}
