//! Parquet files as others write them, and as nobody should.

use super::read;
use papertape::market::BarFile;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::data_type::{
    ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
    Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::file::metadata::ParquetMetaDataWriter;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// 2024-01-01T00:00Z.
const START: i64 = 1_704_067_200;

/// A column's values.
enum Values {
    I32(Vec<i32>),
    I64(Vec<i64>),
    I96(Vec<Int96>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Bytes(Vec<&'static [u8]>),
    Fixed(Vec<&'static [u8]>),
    /// With a level for each row: 0 is none.
    Some64(Vec<f64>, Vec<i16>),
}

fn put<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
    levels: Option<&[i16]>,
) {
    let mut column = group.next_column().expect("a column").expect("one more");
    column
        .typed::<T>()
        .write_batch(values, levels, None)
        .expect("values of its type");
    column.close().expect("closed");
}

/// A file of one row group.
fn parquet(schema: &str, columns: &[Values], compression: Compression) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(&format!("message bars {{ {schema} }}")).expect("a schema"));
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    for column in columns {
        match column {
            Values::I32(values) => put::<Int32Type>(&mut group, values, None),
            Values::I64(values) => put::<Int64Type>(&mut group, values, None),
            Values::I96(values) => put::<Int96Type>(&mut group, values, None),
            Values::F32(values) => put::<FloatType>(&mut group, values, None),
            Values::F64(values) => put::<DoubleType>(&mut group, values, None),
            Values::Some64(values, levels) => put::<DoubleType>(&mut group, values, Some(levels)),
            Values::Bytes(values) => {
                let values: Vec<ByteArray> = values
                    .iter()
                    .map(|bytes| ByteArray::from(bytes.to_vec()))
                    .collect();
                put::<ByteArrayType>(&mut group, &values, None);
            }
            Values::Fixed(values) => {
                let values = values.iter().map(|bytes| FixedLenByteArray::from(bytes.to_vec()));
                put::<FixedLenByteArrayType>(&mut group, &values.collect::<Vec<_>>(), None);
            }
        }
    }
    group.close().expect("closed");
    writer.into_inner().expect("written")
}

const PRICES: &str = "required double open; required double high; required double low; required double close; \
                      required double volume;";

/// Rows of open, high, low, close and volume as columns.
fn prices(rows: &[[f64; 5]]) -> [Vec<f64>; 5] {
    std::array::from_fn(|column| rows.iter().map(|row| row[column]).collect())
}

const GOOD: [[f64; 5]; 3] = [
    [100.0, 101.5, 99.5, 101.0, 10.0],
    [101.0, 102.0, 100.0, 100.25, 0.0],
    [100.0, 100.0, 98.0, 98.5, 12.125],
];

/// A file of good prices with this time column.
fn with_time(column: &str, times: Values) -> Vec<u8> {
    let [open, high, low, close, volume] = prices(&GOOD).map(Values::F64);
    let columns = [times, open, high, low, close, volume];
    parquet(&format!("{column} {PRICES}"), &columns, Compression::UNCOMPRESSED)
}

/// A file of these prices, a row a minute.
fn with_prices(rows: &[[f64; 5]]) -> Vec<u8> {
    let times = (0..rows.len() as i64).map(|minute| (START + 60 * minute) * 1_000);
    let [open, high, low, close, volume] = prices(rows).map(Values::F64);
    let columns = [Values::I64(times.collect()), open, high, low, close, volume];
    parquet(
        &format!("required int64 time (TIMESTAMP(MILLIS,true)); {PRICES}"),
        &columns,
        Compression::UNCOMPRESSED,
    )
}

fn put_down(folder: &TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("bars.parquet");
    std::fs::write(&path, bytes).expect("written");
    path
}

fn read_bytes(bytes: &[u8]) -> Result<BarFile, String> {
    let folder = TempDir::new().expect("a folder");
    let path = put_down(&folder, bytes);
    read(&path, None).map(|archive| archive.file).map_err(|error| {
        let name = format!("{}: ", path.display());
        let message = error.strip_prefix(&name);
        message
            .unwrap_or_else(|| panic!("does not name the file: {error}"))
            .to_owned()
    })
}

fn expected() -> BarFile {
    let csv = "time,open,high,low,close,volume\n2024-01-01,100,101.5,99.5,101,10\n2024-01-01T00:01,101,102,100,100.25,0\n\
               2024-01-01T00:02,100,100,98,98.5,12.125\n";
    BarFile::parse(csv, None).expect("a bar file")
}

#[test]
fn every_way_to_write_the_time_is_read_as_csv_is() {
    let seconds = [START, START + 60, START + 120];
    let times = |factor: i64| Values::I64(seconds.iter().map(|second| second * factor).collect());
    let int96 = |second: &i64| {
        let mut value = Int96::new();
        let nanos = (second % 86_400) as u64 * 1_000_000_000;
        value.set_data(
            nanos as u32,
            (nanos >> 32) as u32,
            (second / 86_400 + 2_440_588) as u32,
        );
        value
    };
    for (column, values) in [
        ("required int64 open_time (TIMESTAMP(MILLIS,true));", times(1_000)),
        ("required int64 time (TIMESTAMP(MICROS,false));", times(1_000_000)),
        (
            "required int64 Timestamp (TIMESTAMP(NANOS,true));",
            times(1_000_000_000),
        ),
        ("required int64 time (TIMESTAMP_MILLIS);", times(1_000)),
        ("required int64 datetime (TIMESTAMP_MICROS);", times(1_000_000)),
        ("required int64 time;", times(1)),
        ("required int64 time;", times(1_000)),
        ("required int64 time;", times(1_000_000)),
        ("required int64 time;", times(1_000_000_000)),
        (
            "required int32 time;",
            Values::I32(seconds.iter().map(|second| *second as i32).collect()),
        ),
        (
            "required double time;",
            Values::F64(seconds.iter().map(|second| *second as f64).collect()),
        ),
        (
            "required int96 time;",
            Values::I96(seconds.iter().map(int96).collect()),
        ),
        (
            "required binary DATE (UTF8);",
            Values::Bytes(vec![
                b"2024-01-01",
                b"2024-01-01 00:01:00",
                b"2024-01-01T00:02:00Z",
            ]),
        ),
    ] {
        assert_eq!(read_bytes(&with_time(column, values)), Ok(expected()), "{column}");
    }
    // Days.
    let days = with_time(
        "required int32 date (DATE);",
        Values::I32(vec![19_723, 19_724, 19_725]),
    );
    let file = read_bytes(&days).expect("a bar file");
    assert_eq!(
        (file.timeframe.to_string().as_str(), file.bars.open_time[0].secs()),
        ("1d", START)
    );
}

#[test]
fn every_type_of_number_is_read_as_its_decimal() {
    let one = |schema: &str, values: Values| {
        let [_, high, low, close, volume] = prices(&[[1.0, 200.0, 1e-8, 100.0, 5.0]; 2]).map(Values::F64);
        let columns = [
            Values::I64(vec![START, START + 60]),
            values,
            high,
            low,
            close,
            volume,
        ];
        let prices = PRICES.replace("required double open;", schema);
        let bytes = parquet(
            &format!("required int64 time; {prices}"),
            &columns,
            Compression::UNCOMPRESSED,
        );
        read_bytes(&bytes).map(|file| (file.bars.open[0], file.bars.open[1]))
    };
    let ok = |first, second| Ok::<_, String>((first, second));
    for (schema, values, expected) in [
        (
            "required float open;",
            Values::F32(vec![0.1, 92.38]),
            ok(0.1, 92.38),
        ),
        (
            "required double open;",
            Values::F64(vec![0.000_01, 92.38]),
            ok(0.000_01, 92.38),
        ),
        ("required int32 open;", Values::I32(vec![7, 12]), ok(7.0, 12.0)),
        ("required int64 open;", Values::I64(vec![7, 12]), ok(7.0, 12.0)),
        (
            "required int32 open (DECIMAL(9,2));",
            Values::I32(vec![10_010, 1]),
            ok(100.1, 0.01),
        ),
        (
            "required int64 open (DECIMAL(18,8));",
            Values::I64(vec![1, 12_300_000_000]),
            ok(1e-8, 123.0),
        ),
        (
            "required fixed_len_byte_array(9) open (DECIMAL(20,3));",
            Values::Fixed(vec![
                &[0, 0, 0, 0, 0, 0, 0, 0x30, 0x39],
                &[0, 0, 0, 0, 0, 0, 0, 0, 5],
            ]),
            ok(12.345, 0.005),
        ),
        (
            "required binary open (DECIMAL(10,1));",
            Values::Bytes(vec![&[0x04, 0xD2], &[0x01]]),
            ok(123.4, 0.1),
        ),
        // What no bar can have is said as of CSV.
        (
            "required int32 open (DECIMAL(9,2));",
            Values::I32(vec![1, -5]),
            Err("row 2: open is -0.05: a price must be a positive, finite number".to_owned()),
        ),
        (
            "required binary open;",
            Values::Bytes(vec![b"1", b"2"]),
            Err("the column 'open' is of the type BYTE_ARRAY, which is not a number".to_owned()),
        ),
        (
            "required int32 open (TIME(MILLIS,true));",
            Values::I32(vec![1, 2]),
            Err("type".to_owned()),
        ),
    ] {
        match (one(schema, values), expected) {
            (Err(found), Err(expected)) => assert!(found.contains(&expected), "{schema}: {found}"),
            (found, expected) => assert_eq!(found, expected, "{schema}"),
        }
    }
}

#[test]
fn compressed_pages_and_many_groups_are_read() {
    let rows = vec![GOOD[0]; 20_000];
    let times: Vec<i64> = (0..20_000).map(|minute| START + 60 * minute).collect();
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(ZstdLevel::default()),
        Compression::GZIP(GzipLevel::default()),
    ] {
        let [open, high, low, close, volume] = prices(&rows).map(Values::F64);
        let columns = [Values::I64(times.clone()), open, high, low, close, volume];
        let bytes = parquet(&format!("required int64 time; {PRICES}"), &columns, compression);
        let file = read_bytes(&bytes).expect("a bar file");
        // More than are read at once.
        assert_eq!(
            (file.bars.len(), file.gaps, file.timeframe.to_string().as_str()),
            (20_000, 0, "1m")
        );
    }
}

#[test]
fn a_compression_that_is_not_read_is_named_with_what_to_do() {
    let folder = TempDir::new().expect("a folder");
    let whole = with_prices(&GOOD);
    let file = File::open(put_down(&folder, &whole)).expect("it is there");
    let reader = SerializedFileReader::new(file).expect("a Parquet file");
    let metadata = reader.metadata();
    for (compression, name) in [
        (Compression::LZ4, "LZ4"),
        (Compression::LZ4_RAW, "LZ4"),
        (Compression::BROTLI(BrotliLevel::default()), "Brotli"),
        (Compression::LZO, "LZO"),
    ] {
        let groups = metadata.row_groups().iter().map(|group| {
            let columns = group.columns().iter().map(|column| {
                let column = column.clone().into_builder().set_compression(compression);
                column.build().expect("a column")
            });
            let group = group
                .clone()
                .into_builder()
                .set_column_metadata(columns.collect());
            group.build().expect("a group")
        });
        let changed = metadata
            .clone()
            .into_builder()
            .set_row_groups(groups.collect())
            .build();
        // Another footer behind the first: the last one counts.
        let mut bytes = whole.clone();
        let footer = ParquetMetaDataWriter::new(&mut bytes, &changed).finish();
        footer.expect("written");
        assert_eq!(
            read_bytes(&bytes),
            Err(format!(
                "its columns are compressed with {name}, which is not read: write it with zstd, snappy, gzip or without compression"
            ))
        );
    }
}

#[test]
fn what_is_not_what_its_name_says_is_told_with_what_to_do() {
    let folder = TempDir::new().expect("a folder");
    for (name, text, wanted) in [
        (
            "a.zip",
            "",
            "it is empty, and no zip file: download or write it again",
        ),
        (
            "a.parquet",
            "",
            "it is empty, and no Parquet file: download or write it again",
        ),
        (
            "a.zip",
            "<!DOCTYPE html><html></html>",
            "this is a web page or XML, not data",
        ),
        (
            "a.parquet",
            "\n <html></html>",
            "this is a web page or XML, not data",
        ),
        (
            "a.csv",
            "<?xml version=\"1.0\"?>",
            "this is a web page or XML, not data",
        ),
        (
            "a.ZIP",
            "open_time,open\n",
            "this is no zip file: it does not begin with PK",
        ),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        let error = read(&path, None).expect_err(name);
        assert!(
            error.contains(wanted) && error.starts_with(&*path.to_string_lossy()),
            "{error}"
        );
    }
}

#[test]
fn the_file_that_pyarrow_wrote_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bars.parquet");
    let file = read(&path, None).expect("a bar file").file;
    assert_eq!(file.bars.len(), 12);
    assert_eq!(
        (file.price_digits, file.gaps, file.timeframe.to_string().as_str()),
        (2, 0, "1m")
    );
    let last = file.bars.iter().last().expect("a bar");
    assert_eq!(
        (
            last.open,
            last.low,
            last.close,
            last.volume,
            last.open_time.to_string().as_str()
        ),
        (101.1, 99.0, 101.1, 11_000.0, "2024-01-01T00:11:00Z")
    );
}

#[test]
fn a_wrong_row_is_named() {
    let rows = |change: &dyn Fn(&mut Vec<[f64; 5]>)| {
        let mut rows = vec![GOOD[0]; 4];
        change(&mut rows);
        read_bytes(&with_prices(&rows)).expect_err("a wrong row")
    };
    assert_eq!(
        rows(&|rows| rows[2][1] = 50.0),
        "row 3: high 50 is below low 99.5"
    );
    assert_eq!(
        rows(&|rows| rows[3][4] = -1.0),
        "row 4: volume is -1: it must be a finite number, not negative"
    );
    assert!(rows(&|rows| rows[0][0] = f64::NAN).starts_with("row 1: open is NaN"));
    let times = |times: Vec<i64>| read_bytes(&with_time("required int64 time;", Values::I64(times)));
    assert_eq!(
        times(vec![START, START + 60, START + 60]),
        Err("row 3: the time 2024-01-01T00:01:00Z is already on row 2".to_owned())
    );
    assert_eq!(
        times(vec![START, START - 60, START]),
        Err("row 2: the time 2023-12-31T23:59:00Z is before 2024-01-01T00:00:00Z on row 1".to_owned())
    );
    assert_eq!(
        times(vec![0, 60, i64::MAX]),
        Err(
            "row 3: the time '2262-04-11T23:47:16.854775807Z' is not between the years 1900 and 2200"
                .to_owned()
        )
    );
    let odd = with_time(
        "required int64 time (TIMESTAMP(MILLIS,true));",
        Values::I64(vec![0, 60_000, i64::MAX]),
    );
    assert_eq!(
        read_bytes(&odd),
        Err("row 3: time is not between the years 1900 and 2200".to_owned())
    );
    // A place without a value.
    let columns = [
        Values::I64(vec![START, START + 60]),
        Values::Some64(vec![100.0], vec![1, 0]),
        Values::F64(vec![100.0; 2]),
        Values::F64(vec![100.0; 2]),
        Values::F64(vec![100.0; 2]),
        Values::F64(vec![1.0; 2]),
    ];
    let schema = format!(
        "required int64 time; {}",
        PRICES.replace("required double open", "optional double open")
    );
    let holes = parquet(&schema, &columns, Compression::SNAPPY);
    assert_eq!(read_bytes(&holes), Err("row 2: open is empty".to_owned()));
}

#[test]
fn columns_are_found_by_the_names_of_csv() {
    let one = |schema: &str| {
        let count = schema.matches(';').count();
        let columns: Vec<Values> = (0..count).map(|_| Values::F64(vec![1.0])).collect();
        read_bytes(&parquet(schema, &columns, Compression::UNCOMPRESSED))
    };
    assert_eq!(
        one(PRICES),
        Err("there is no time column: name it open_time, time, timestamp, datetime, date".to_owned())
    );
    let without = format!(
        "required double time; {}",
        PRICES.replace("required double close;", "")
    );
    assert_eq!(one(&without), Err("the column 'close' is missing".to_owned()));
    let twice = format!("required double time; {PRICES} required double Close;");
    assert_eq!(one(&twice), Err("the column 'close' is there twice".to_owned()));
    let columns: Vec<Values> = (0..6).map(|_| Values::F64(Vec::new())).collect();
    let empty = parquet(
        &format!("required double time; {PRICES}"),
        &columns,
        Compression::UNCOMPRESSED,
    );
    assert_eq!(read_bytes(&empty), Err("there are no rows".to_owned()));
}

#[test]
fn a_file_that_is_cut_off_or_changed_is_refused_in_a_sentence() {
    let good = with_prices(&GOOD);
    assert_eq!(read_bytes(&good), Ok(expected()));
    for length in 4..good.len() {
        let error = read_bytes(&good[..length]).expect_err("cut off");
        assert!(
            error.starts_with("this is no readable Parquet file: "),
            "{length}: {error}"
        );
    }
    assert_eq!(
        read_bytes(b"time,open\n"),
        Err("this is no Parquet file: it does not begin with PAR1; download it again, or give it the ending of what it is".to_owned())
    );
    // Any byte changed: read as something, or refused; never a panic that comes through.
    for place in 0..good.len() {
        for bit in [0x01, 0x80] {
            let mut bytes = good.clone();
            bytes[place] ^= bit;
            let _ = read_bytes(&bytes);
        }
    }
}
