//! What kind of file one is, as it begins; and what it is instead when it is not what its name says.

use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;
use std::path::Path;

/// How every Parquet file begins and ends.
pub const PARQUET: [u8; 4] = *b"PAR1";
/// How a zip begins.
pub const ZIP: [u8; 4] = *b"PK\x03\x04";

/// What a file is instead of what its name says, and what to do; `start` is how it begins.
///
/// # Errors
/// A sentence without the file's name when it is empty, a web page, or not what its ending promises.
pub fn check_kind(path: &Path, start: &[u8]) -> Result<(), String> {
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    let promised = match ending.as_deref() {
        Some("parquet") => Some(("Parquet", "PAR1", PARQUET)),
        Some("zip") => Some(("zip", "PK", ZIP)),
        _ => None,
    };
    if start.trim_ascii_start().first() == Some(&b'<') {
        return Err("this is a web page or XML, not data: a server may have answered with an error in the file's place; look into it, and \
                    download the file itself"
            .to_owned());
    }
    let Some((kind, sign, _)) = promised.filter(|(_, _, begins)| *begins != start) else {
        return Ok(());
    };
    Err(if start.is_empty() {
        format!("it is empty, and no {kind} file: download or write it again")
    } else {
        format!(
            "this is no {kind} file: it does not begin with {sign}; download it again, or give it the ending of what it is"
        )
    })
}

/// That the columns of a Parquet file are compressed in ways that are read here.
///
/// # Errors
/// Which one is not, and what to do.
pub fn check_compression(metadata: &ParquetMetaData) -> Result<(), String> {
    let columns = metadata.row_groups().iter().flat_map(|group| group.columns());
    for column in columns {
        let name = match column.compression() {
            Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_) | Compression::ZSTD(_) => {
                continue;
            }
            Compression::LZO => "LZO",
            Compression::BROTLI(_) => "Brotli",
            Compression::LZ4 | Compression::LZ4_RAW => "LZ4",
        };
        return Err(format!(
            "its columns are compressed with {name}, which is not read: write it with zstd, snappy, gzip or without compression"
        ));
    }
    Ok(())
}
