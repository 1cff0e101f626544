//! Bar files on disk: CSV, Parquet, or zips of a venue's public archive, told apart by how they begin.

mod parquet;
#[cfg(test)]
mod tests;

use papertape::market::BarFile;
use papertape::model::Timeframe;
use papertape_tape::{Archive, PARQUET, ZIP, check_kind, read_archive};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads a bar file. Without a `timeframe` it is the most common distance between two bars.
///
/// # Errors
/// One sentence that begins with the file's name and says what is wrong, with the line (of a CSV file) or the row (of a
/// Parquet file, counted from 1) where there is one.
pub fn read(path: &Path, timeframe: Option<Timeframe>) -> Result<Archive, String> {
    let name = path.display();
    let unreadable = |error: std::io::Error| format!("{name} cannot be read: {error}");
    let mut file = File::open(path).map_err(unreadable)?;
    let mut start = Vec::new();
    file.by_ref()
        .take(PARQUET.len() as u64)
        .read_to_end(&mut start)
        .map_err(unreadable)?;
    let named = |error: String| format!("{name}: {error}");
    let plain = |file| Archive {
        file,
        missing_trades: 0,
    };
    check_kind(path, &start).map_err(named)?;
    if start == PARQUET {
        return parquet::read(file, timeframe).map(plain).map_err(named);
    }
    if start == ZIP {
        return read_archive(path, timeframe).map_err(named);
    }
    let mut bytes = start;
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    let text =
        String::from_utf8(bytes).map_err(|_| format!("{name} cannot be read: it is not text in UTF-8"))?;
    let file = BarFile::parse(&text, timeframe);
    file.map(plain)
        .map_err(|error| format!("{name}:{}: {}", error.line, error.message))
}
