//! Bar files from the command line.

use super::CliError;
use crate::bar_file;
use papertape::market::{Bars, FutureTerms, UnknownFuture, infer_instrument};
use papertape::model::{Instrument, Symbol, Timeframe, Timestamp};
use std::path::PathBuf;

/// The bars of one or more files, in order of time.
#[derive(Debug)]
pub(super) struct LoadedBars {
    pub(super) bars: Bars,
    pub(super) timeframe: Timeframe,
    pub(super) price_digits: u32,
    /// Trades that are missing by their numbers, where bars were made of trades.
    pub(super) missing_trades: u64,
}

/// Reads bar files of one bar length and joins them in order of time.
///
/// # Errors
/// When a file cannot be read or holds a wrong line, when lengths differ, or when two files overlap.
pub(super) fn load(paths: &[PathBuf], timeframe: Option<Timeframe>) -> Result<LoadedBars, CliError> {
    let (mut files, mut missing_trades) = (Vec::with_capacity(paths.len()), 0);
    for path in paths {
        let read = bar_file::read(path, timeframe).map_err(CliError::problem)?;
        missing_trades += read.missing_trades;
        files.push((path, read.file));
    }
    files.sort_by_key(|(_, file)| file.bars.open_time.first().copied());
    let Some((first_path, first)) = files.first() else {
        return Err(CliError::usage("give at least one bar file with --bars"));
    };
    let timeframe = first.timeframe;
    if let Some((path, file)) = files.iter().find(|(_, file)| file.timeframe != timeframe) {
        return Err(CliError::problem(format!(
            "{} holds bars of {timeframe} and {} bars of {}: give files of one bar length",
            first_path.display(),
            path.display(),
            file.timeframe
        )));
    }
    for pair in files.windows(2) {
        let ((earlier_path, earlier), (later_path, later)) = (&pair[0], &pair[1]);
        let (end, begin) = (last(&earlier.bars), later.bars.open_time.first().copied());
        if let (Some(end), Some(begin)) = (end, begin)
            && begin <= end
        {
            return Err(CliError::problem(format!(
                "{} reaches to {end} and {} begins at {begin} already: bar files must not overlap",
                earlier_path.display(),
                later_path.display()
            )));
        }
    }
    let price_digits = files.iter().map(|(_, file)| file.price_digits).max().unwrap_or(0);
    let bars: Bars = files.iter().flat_map(|(_, file)| file.bars.iter()).collect();
    Ok(LoadedBars {
        bars,
        timeframe,
        price_digits,
        missing_trades,
    })
}

fn last(bars: &Bars) -> Option<Timestamp> {
    bars.open_time.last().copied()
}

/// What bars are of: the future that `future` specifies, or what the symbol's form says.
///
/// # Errors
/// When the symbol reads like a future that nobody specified, or the specification makes no sense.
pub(super) fn instrument_of(
    symbol: &Symbol,
    price_digits: u32,
    bars: &Bars,
    future: Option<&FutureTerms>,
) -> Result<Instrument, CliError> {
    if let Some(terms) = future {
        let contract = terms.instrument(symbol);
        return contract.map_err(|error| CliError::problem(error.to_string()));
    }
    match UnknownFuture::of(symbol, bars) {
        Some(unknown) => Err(CliError::problem(unknown.to_string())),
        None => Ok(infer_instrument(symbol, price_digits, bars)),
    }
}
