//! `papertape roll`.

use super::bars::load;
use super::{CliError, backtest::print};
use clap::Args;
use papertape::market::{
    ContractBars, RollRule, infer_instrument, join_contracts, write_bars_csv, write_rolls,
};
use papertape::model::{InstrumentKind, Symbol, Timeframe};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Arguments of `roll`.
#[derive(Clone, Debug, Args)]
pub(super) struct RollArguments {
    /// A contract and a file of its bars, such as ESZ3=ESZ3-1m.csv; given for each.
    #[arg(long = "contract", value_name = "SYMBOL=FILE", required = true)]
    contracts: Vec<Contract>,
    /// Go over to the next contract so many days before the one followed expires.
    #[arg(long, value_name = "DAYS", default_value_t = 8)]
    days: u32,
    /// Go over as soon as a later contract traded more on the day before, and then at the latest.
    #[arg(long)]
    volume: bool,
    /// Leave older prices as they were, with a jump at each roll.
    #[arg(long)]
    unadjusted: bool,
    /// The files' own bar length, such as 1m [default: inferred]
    #[arg(long, value_name = "LENGTH")]
    timeframe: Option<Timeframe>,
    /// Where the series is written, as a bar file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Where the rolls are written, as an action file: `backtest --actions FILE` then pays for the two trades of each.
    #[arg(long, value_name = "FILE")]
    actions: Option<PathBuf>,
}

#[derive(Clone, Debug)]
struct Contract {
    symbol: Symbol,
    file: PathBuf,
}

impl FromStr for Contract {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (symbol, file) = text
            .split_once('=')
            .ok_or("write a contract and its file as ESZ3=ESZ3-1m.csv")?;
        Ok(Self {
            symbol: symbol.parse().map_err(|error| format!("'{symbol}': {error}"))?,
            file: file.into(),
        })
    }
}

/// Joins the contracts of a future into one series, and says where it rolled.
pub(super) fn run(arguments: &RollArguments) -> Result<(), CliError> {
    let mut contracts = Vec::new();
    let mut hours = None;
    let mut length = arguments.timeframe;
    for Contract { symbol, file } in &arguments.contracts {
        let loaded = load(std::slice::from_ref(file), length)?;
        length = Some(loaded.timeframe);
        let instrument = infer_instrument(symbol, loaded.price_digits, &loaded.bars);
        let InstrumentKind::Future { expiry } = *instrument.kind() else {
            return Err(CliError::problem(format!(
                "{symbol} is no contract of a future whose expiry is known, as ESZ3 is"
            )));
        };
        hours = hours.or(Some(instrument.calendar()));
        contracts.push(ContractBars {
            symbol: symbol.clone(),
            expiry,
            bars: loaded.bars,
        });
    }
    let rule = if arguments.volume {
        RollRule::Volume {
            at_the_latest: arguments.days,
        }
    } else {
        RollRule::DaysBeforeExpiry(arguments.days)
    };
    let joined = join_contracts(contracts, rule, hours.unwrap_or_default(), !arguments.unadjusted)
        .map_err(|error| CliError::problem(error.to_string()))?;
    write(&arguments.out, &write_bars_csv(&joined.bars))?;
    if let Some(actions) = &arguments.actions {
        write(actions, &write_rolls(&joined.rolls))?;
    }
    let mut told = format!("{}: {} bars\n", arguments.out.display(), joined.bars.len());
    for roll in &joined.rolls {
        told.push_str(&format!(
            "{}: {} at {} to {} at {}\n",
            roll.time, roll.from, roll.from_price, roll.to, roll.to_price
        ));
    }
    print(&told)
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    std::fs::write(path, text)
        .map_err(|error| CliError::problem(format!("{} cannot be written: {error}", path.display())))
}
