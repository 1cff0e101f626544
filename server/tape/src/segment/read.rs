//! Reading a segment.

use super::columns::{Columns, IS_SIZE, Kind, RowSide};
use super::scale::{Scale, Writing};
use super::write::{Checks, FIRST_NUMBER, NAMES};
use super::{FORMAT, Group, SegmentInfo};
use crate::error::{Result, TapeError};
use crate::record::{Record, Source};
use papertape::model::Instrument;
use parquet::basic::{LogicalType, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::metadata::FileMetaData;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// An open segment.
pub(crate) struct SegmentReader {
    path: PathBuf,
    file: SerializedFileReader<File>,
    info: SegmentInfo,
    writing: Writing,
}

impl std::fmt::Debug for SegmentReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentReader")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl SegmentReader {
    /// Opens a segment and reads what it says of itself.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(TapeError::io("read", path))?;
        guarded(path, || {
            let file = SerializedFileReader::new(file).map_err(|error| error.to_string())?;
            let said = file.metadata().file_metadata();
            let info = info(said)?;
            let schema = said.schema_descr();
            let names: Vec<&str> = schema.columns().iter().map(|column| column.name()).collect();
            if names != NAMES {
                return Err("its columns are not those of a tape".to_owned());
            }
            if info.groups.len() != file.num_row_groups() {
                return Err("it has another number of row groups than it says".to_owned());
            }
            // One column of a kind says it for all of them.
            let scale = |place: usize| scale(&schema.column(FIRST_NUMBER + place));
            let mut scales = [Scale::Double; 2];
            for (place, is_size) in IS_SIZE.into_iter().enumerate() {
                let scale = scale(place)?;
                let known = &mut scales[usize::from(is_size)];
                if place > 1 && *known != scale {
                    return Err("its columns are of different scales".to_owned());
                }
                *known = scale;
            }
            let [price, size] = scales;
            Ok(Self {
                path: path.to_owned(),
                writing: Writing::new(&info.instrument, price, size),
                file,
                info,
            })
        })
    }

    /// What it says of itself.
    pub(crate) const fn info(&self) -> &SegmentInfo {
        &self.info
    }

    /// The records of a row group, checked against what the segment says of it; its cells are added to `content`.
    pub(crate) fn group(&self, place: usize, content: Option<&mut Sha256>) -> Result<Vec<Record>> {
        guarded(&self.path, || {
            let group = self.info.groups.get(place).ok_or("it has no such row group")?;
            let reader = self
                .file
                .get_row_group(place)
                .map_err(|error| error.to_string())?;
            let columns = self.columns(&*reader)?;
            let mut checks = Checks {
                crc: crc32fast::Hasher::new(),
                content,
            };
            columns.digest(&mut checks).map_err(|error| error.to_string())?;
            if checks.crc.finalize() != group.crc32 {
                return Err(format!("the checksum of row group {place} is wrong"));
            }
            let records = columns.records(&self.writing)?;
            check_numbers(&records, group)?;
            Ok(records)
        })
    }

    /// Reads all of it: the records one group after the other, and whether the checksum of the whole is right.
    pub(crate) fn verify(&self, mut see: impl FnMut(&Record)) -> Result<()> {
        let mut content = Sha256::new();
        for place in 0..self.info.groups.len() {
            self.group(place, Some(&mut content))?.iter().for_each(&mut see);
        }
        let found: String = content
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if found == self.info.sha256 {
            Ok(())
        } else {
            Err(TapeError::damaged(
                &self.path,
                "the checksum of its content is wrong",
            ))
        }
    }

    fn columns(&self, group: &dyn RowGroupReader) -> Result<Columns, String> {
        let rows = usize::try_from(group.metadata().num_rows()).map_err(|_| "a row count below zero")?;
        let column = |place: usize| group.get_column_reader(place).map_err(|error| error.to_string());
        let mut columns = Columns {
            number: whole(column(0)?, rows)?,
            received: whole(column(1)?, rows)?,
            time: whole(column(2)?, rows)?,
            source: sources(&texts(column(3)?, rows)?)?,
            kind: every(texts(column(4)?, rows)?, Kind::find)?,
            side: some(texts(column(5)?, rows)?, RowSide::find)?,
            json: Vec::new(),
            ..Columns::default()
        };
        for (place, is_size) in IS_SIZE.into_iter().enumerate() {
            let scale = if is_size {
                self.writing.size
            } else {
                self.writing.price
            };
            columns.numbers[place] = numbers(column(FIRST_NUMBER + place)?, rows, scale)?;
        }
        columns.json = some(texts(column(NAMES.len() - 1)?, rows)?, |bytes| {
            String::from_utf8(bytes.to_vec()).ok()
        })?;
        Ok(columns)
    }
}

/// Whether records are numbered as the segment says.
fn check_numbers(records: &[Record], group: &Group) -> Result<(), String> {
    let is_right = records.first().map(|record| record.number) == Some(group.first)
        && records.last().map(|record| record.number) == Some(group.last)
        && records
            .windows(2)
            .all(|pair| pair[0].number.checked_add(1) == Some(pair[1].number));
    if is_right {
        Ok(())
    } else {
        Err(format!(
            "the records from {} to {} are not numbered without holes",
            group.first, group.last
        ))
    }
}

/// Runs what reads a file. The library checks what it reads; should it miss something, a file must not end the program.
fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T, String>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err("its parts contradict each other".to_owned()))
        .map_err(|detail| TapeError::damaged(path, detail))
}

fn info(said: &FileMetaData) -> Result<SegmentInfo, String> {
    let pairs = said.key_value_metadata().ok_or("it is no segment of a tape")?;
    let find = |key: &str| {
        let key = format!("papertape.{key}");
        let pair = pairs.iter().find(|pair| pair.key == key);
        pair.and_then(|pair| pair.value.as_deref())
            .ok_or("it is no segment of a tape")
    };
    let format = find("format")?;
    if format != FORMAT.to_string() {
        return Err(format!(
            "it is of format {format}; this program reads format {FORMAT}"
        ));
    }
    let instrument: Instrument =
        serde_json::from_str(find("instrument")?).map_err(|error| format!("its instrument: {error}"))?;
    let groups: Vec<Group> =
        serde_json::from_str(find("groups")?).map_err(|error| format!("its row groups: {error}"))?;
    Ok(SegmentInfo {
        feed: find("feed")?.to_owned(),
        instrument,
        sha256: find("sha256")?.to_owned(),
        groups,
    })
}

fn scale(column: &ColumnDescriptor) -> Result<Scale, String> {
    match (column.physical_type(), column.logical_type_ref()) {
        (Type::DOUBLE, None) => Ok(Scale::Double),
        (Type::INT64, Some(LogicalType::Decimal(_))) => match column.type_scale() {
            digits @ 0..=12 => Ok(Scale::Decimal(digits.unsigned_abs())),
            _ => Err(format!("the column '{}' has too many digits", column.name())),
        },
        _ => Err(format!("the column '{}' is of the wrong type", column.name())),
    }
}

const WRONG_TYPE: &str = "a column is of the wrong type";

fn fill<T: DataType>(mut column: ColumnReaderImpl<T>, rows: usize) -> Result<(Vec<i16>, Vec<T::T>), String> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let mut read = 0;
    while read < rows {
        let result: Result<_, ParquetError> =
            column.read_records(rows - read, Some(&mut levels), None, &mut values);
        let (records, ..) = result.map_err(|error| error.to_string())?;
        if records == 0 {
            return Err("its columns differ in length".to_owned());
        }
        read += records;
    }
    Ok((levels, values))
}

fn whole(column: ColumnReader, rows: usize) -> Result<Vec<i64>, String> {
    match column {
        ColumnReader::Int64ColumnReader(column) => Ok(fill(column, rows)?.1),
        _ => Err(WRONG_TYPE.to_owned()),
    }
}

type Texts = (Vec<i16>, Vec<ByteArray>);

fn texts(column: ColumnReader, rows: usize) -> Result<Texts, String> {
    match column {
        ColumnReader::ByteArrayColumnReader(column) => fill(column, rows),
        _ => Err(WRONG_TYPE.to_owned()),
    }
}

fn numbers(column: ColumnReader, rows: usize, scale: Scale) -> Result<Vec<Option<i64>>, String> {
    match (column, scale) {
        (ColumnReader::Int64ColumnReader(column), Scale::Decimal(_)) => {
            let (levels, values) = fill(column, rows)?;
            spread(&levels, values.into_iter())
        }
        (ColumnReader::DoubleColumnReader(column), Scale::Double) => {
            let (levels, values) = fill(column, rows)?;
            spread(&levels, values.into_iter().map(|value| value.to_bits() as i64))
        }
        _ => Err(WRONG_TYPE.to_owned()),
    }
}

/// Values where levels are 1, nothing where they are 0.
fn spread<T>(levels: &[i16], mut values: impl Iterator<Item = T>) -> Result<Vec<Option<T>>, String> {
    let cell = |level: &i16| match level {
        0 => Ok(None),
        _ => values
            .next()
            .map(Some)
            .ok_or_else(|| "a column is too short".to_owned()),
    };
    levels.iter().map(cell).collect()
}

fn some<T>((levels, values): Texts, find: impl Fn(&[u8]) -> Option<T>) -> Result<Vec<Option<T>>, String> {
    let mut values = values.iter();
    let cell = |level: &i16| match level {
        0 => Ok(None),
        _ => {
            let value = values.next().ok_or("a column is too short")?;
            find(value.data())
                .map(Some)
                .ok_or("a column holds an unknown word")
        }
    };
    levels
        .iter()
        .map(cell)
        .collect::<Result<_, &str>>()
        .map_err(str::to_owned)
}

fn every<T>((_, values): Texts, find: impl Fn(&[u8]) -> Option<T>) -> Result<Vec<T>, String> {
    let found = values.iter().map(|value| find(value.data()));
    found
        .collect::<Option<_>>()
        .ok_or_else(|| "a column holds an unknown word".to_owned())
}

/// Names of sources, of which there are few.
fn sources((_, values): &Texts) -> Result<Vec<Source>, String> {
    let mut last: Option<Source> = None;
    let mut sources = Vec::with_capacity(values.len());
    for value in values {
        let source = match &last {
            Some(source) if source.as_str().as_bytes() == value.data() => source.clone(),
            _ => Source::new(std::str::from_utf8(value.data()).map_err(|error| error.to_string())?),
        };
        sources.push(source.clone());
        last = Some(source);
    }
    Ok(sources)
}
