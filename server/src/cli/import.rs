//! `papertape import`.

use super::bars::{instrument_of, load};
use super::{CliError, StoreArguments, backtest::print, oddities::Oddities};
use crate::services::{quality, wall_clock};
use crate::storage::{NewDataset, Storage, Write};
use clap::Args;
use papertape::market::{Bar, Bars, DatedAction, FutureTerms};
use papertape::model::{Instrument, OrderLimits, Symbol, Timeframe, Timestamp};
use papertape::pricing::OptionChain;
use serde_json::json;
use std::{collections::BTreeMap, path::PathBuf};

/// Arguments of `import`.
#[derive(Clone, Debug, Args)]
pub(super) struct ImportArguments {
    /// Bar files of one bar length, or one option chain (`expiry,strike,right,close,…`) of the symbol; with --feed tables of
    /// trades and quotes as `export` writes them, or the folder of a tick capture as `calibrate` reads it.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the bars are of.
    #[arg(long, value_name = "SYMBOL")]
    symbol: Symbol,
    /// The files' own bar length, such as 1m [default: inferred]
    #[arg(long, value_name = "LENGTH")]
    timeframe: Option<Timeframe>,
    /// A file of splits, dividends, funding and the like, which replays and backtests of the bars take in; may be given
    /// several times. Together they replace what the dataset had; without this it keeps that.
    #[arg(long, value_name = "FILE")]
    actions: Vec<PathBuf>,
    /// What the venue accepts of orders, as JSON or a file of it: maximum_notional, minimum_quantity, maximum_quantity,
    /// price_band, maximum_open_orders [default: what it had, or what its kind of market has]
    #[arg(long, value_name = "JSON|FILE", value_parser = super::setup::limits)]
    limits: Option<OrderLimits>,
    /// What the contract is when it is a future that is not known, as JSON or a file of it: tick, multiplier, expiry,
    /// initial_margin, maintenance_margin and perhaps calendar.
    #[arg(long, value_name = "JSON|FILE", value_parser = super::setup::future)]
    future: Option<FutureTerms>,
    /// Put ticks on the tape of a feed of this name, to be replayed: as `recorded:NAME`, or by a feed with the option
    /// `recorded`.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["timeframe", "actions", "limits", "future"])]
    feed: Option<String>,
    /// Tell what was imported as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// Prints what was imported: the sentence, or with `--json` the object.
pub(super) fn tell(json: bool, object: &serde_json::Value, sentence: &str) -> Result<(), CliError> {
    if json {
        print(&format!("{object}\n"))
    } else {
        print(&format!("{sentence}\n"))
    }
}

/// Adds the files' bars to the dataset of their symbol and length; where it has bars of the same time, the new ones
/// count. All or nothing.
pub(super) async fn run(arguments: ImportArguments) -> Result<(), CliError> {
    if let Some(feed) = &arguments.feed {
        let (files, symbol) = (&arguments.files, &arguments.symbol);
        return super::import_ticks::run(files, symbol, feed, &arguments.store, arguments.json).await;
    }
    if let Some(chain) = chain_in(&arguments.files)? {
        return import_chain(arguments, chain).await;
    }
    let loaded = load(&arguments.files, arguments.timeframe)?;
    let timeframe = loaded.timeframe;
    let missing_trades = loaded.missing_trades;
    let future = arguments.future.as_ref();
    let instrument = instrument_of(&arguments.symbol, loaded.price_digits, &loaded.bars, future)?;
    let specified = future.map(|_| instrument.clone());
    let storage = arguments.store.open().await?;
    let actions = super::actions::load(&arguments.actions, instrument.calendar(), timeframe)?;
    let Merged {
        bars,
        instrument,
        actions: kept,
    } = merge(&*storage, &arguments.symbol, timeframe, loaded.bars, instrument).await?;
    let instrument = specified.unwrap_or(instrument);
    let instrument = match arguments.limits {
        Some(limits) => instrument.with_limits(limits),
        None => instrument,
    };
    let actions = if arguments.actions.is_empty() {
        kept
    } else {
        actions
    };
    let told = match actions.len() {
        0 => String::new(),
        1 => ", 1 action".to_owned(),
        count => format!(", {count} actions"),
    };
    let quality = quality(&bars, timeframe, instrument.calendar());
    let odd = Oddities::of_bars(&bars, wall_clock(), missing_trades);
    let (count, actions_count) = (bars.len(), actions.len());
    storage
        .import(NewDataset {
            feed: String::new(),
            instrument,
            timeframe,
            bars,
            actions,
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
    let symbol = &arguments.symbol;
    let object = json!({
        "symbol": symbol, "timeframe": timeframe, "bars": count, "gaps": quality.gaps, "missing_bars": quality.missing_bars,
        "actions": actions_count, "oddities": odd,
    });
    let sentence = format!(
        "{symbol}@{timeframe}: {count} bars, {gaps}{told}{}",
        odd.describe("bar")
    );
    tell(arguments.json, &object, &sentence)
}

/// The option chain that a file holds, when it is one and no bars: its header names a strike.
fn chain_in(files: &[PathBuf]) -> Result<Option<String>, CliError> {
    let [file] = files else { return Ok(None) };
    let Ok(text) = std::fs::read_to_string(file) else {
        // Bars may be in a form that is no text; that there is no such file is said when they are read.
        return Ok(None);
    };
    let header = text.lines().next().unwrap_or_default();
    if !header.split(',').any(|name| name.trim() == "strike") {
        return Ok(None);
    }
    OptionChain::parse(&text).map_err(|error| CliError::problem(format!("{}: {error}", file.display())))?;
    Ok(Some(text))
}

async fn import_chain(arguments: ImportArguments, csv: String) -> Result<(), CliError> {
    let chain = OptionChain::parse(&csv).map_err(|error| CliError::problem(error.to_string()))?;
    let symbol = arguments.symbol;
    let object = json!({
        "symbol": symbol, "options": chain.entries().len(), "expiries": chain.expiries().count(),
        "underlying": chain.underlying().to_string(),
    });
    let told = format!(
        "{symbol}: an option chain of {} options, {}, underlying at {}",
        chain.entries().len(),
        match chain.expiries().count() {
            1 => "1 expiry".to_owned(),
            count => format!("{count} expiries"),
        },
        chain.underlying()
    );
    let storage = arguments.store.open().await?;
    storage
        .commit(Write::Chain {
            symbol,
            csv,
            imported_at: wall_clock(),
        })
        .await?;
    storage.close().await;
    tell(arguments.json, &object, &told)
}

/// A dataset with new bars in it.
struct Merged {
    bars: Bars,
    instrument: Instrument,
    /// What it knew of beside the trading.
    actions: Vec<DatedAction>,
}

/// The dataset with the new bars in it.
async fn merge(
    storage: &dyn Storage,
    symbol: &Symbol,
    timeframe: Timeframe,
    new: Bars,
    instrument: Instrument,
) -> Result<Merged, CliError> {
    let known = storage.datasets().await?.into_iter().find(|record| {
        record.feed.is_empty() && record.instrument.symbol() == symbol && record.timeframe == timeframe
    });
    let Some(known) = known else {
        return Ok(Merged {
            bars: new,
            instrument,
            actions: Vec::new(),
        });
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
        instrument.with_limits(known.instrument.limits().clone())
    } else {
        known.instrument
    };
    Ok(Merged {
        bars: all.into_values().collect(),
        instrument,
        actions: storage.actions(known.id).await?,
    })
}
