//! `papertape import`.

use super::bars::load;
use super::{CliError, StoreArguments, backtest::print};
use crate::services::{quality, wall_clock};
use crate::storage::{NewDataset, Storage};
use clap::Args;
use papertape::market::{Bar, Bars, infer_instrument};
use papertape::model::{Instrument, Symbol, Timeframe, Timestamp};
use std::{collections::BTreeMap, path::PathBuf};

/// Arguments of `import`.
#[derive(Clone, Debug, Args)]
pub(super) struct ImportArguments {
    /// Bar files of one bar length.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the bars are of.
    #[arg(long, value_name = "SYMBOL")]
    symbol: Symbol,
    /// The files' own bar length, such as 1m [default: inferred]
    #[arg(long, value_name = "LENGTH")]
    timeframe: Option<Timeframe>,
    #[command(flatten)]
    store: StoreArguments,
}

/// Adds the files' bars to the dataset of their symbol and length; where it has bars of the same time, the new ones
/// count. All or nothing.
pub(super) async fn run(arguments: ImportArguments) -> Result<(), CliError> {
    let loaded = load(&arguments.files, arguments.timeframe)?;
    let timeframe = loaded.timeframe;
    let storage = arguments.store.open().await?;
    let instrument = infer_instrument(&arguments.symbol, loaded.price_digits, &loaded.bars);
    let (bars, instrument) = merge(&*storage, &arguments.symbol, timeframe, loaded.bars, instrument).await?;
    let quality = quality(&bars, timeframe);
    let count = bars.len();
    storage
        .import(NewDataset {
            instrument,
            timeframe,
            bars,
            gaps: quality.gaps,
            missing_bars: quality.missing_bars,
            imported_at: wall_clock(),
        })
        .await?;
    storage.close().await;
    let gaps = match quality.gaps {
        0 => "no gaps".to_owned(),
        1 => format!("1 gap, {} bars missing", quality.missing_bars),
        gaps => format!("{gaps} gaps, {} bars missing", quality.missing_bars),
    };
    print(&format!(
        "{}@{timeframe}: {count} bars, {gaps}\n",
        arguments.symbol
    ))
}

/// The dataset with the new bars in it.
async fn merge(
    storage: &dyn Storage,
    symbol: &Symbol,
    timeframe: Timeframe,
    new: Bars,
    instrument: Instrument,
) -> Result<(Bars, Instrument), CliError> {
    let known = storage
        .datasets()
        .await?
        .into_iter()
        .find(|record| record.instrument.symbol() == symbol && record.timeframe == timeframe);
    let Some(known) = known else {
        return Ok((new, instrument));
    };
    let mut all: BTreeMap<Timestamp, Bar> = storage
        .bars(known.id)
        .await?
        .iter()
        .map(|bar| (bar.open_time, bar))
        .collect();
    all.extend(new.iter().map(|bar| (bar.open_time, bar)));
    // The finer steps serve both.
    let instrument = if instrument.tick() < known.instrument.tick() {
        instrument
    } else {
        known.instrument
    };
    Ok((all.into_values().collect(), instrument))
}
