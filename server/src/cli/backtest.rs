//! `papertape backtest`.

use super::CliError;
use super::setup::{Setup, SetupArguments};
use super::several::Several;
use crate::http::csv_write;
use clap::Args;
use papertape::api::{BacktestReport, Timing};
use papertape::backtest::{self, MarketData, Outcome, ReportContext};
use papertape::market::Bars;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    time::Instant,
};

/// Arguments of `backtest`.
#[derive(Clone, Debug, Args)]
pub(super) struct BacktestArguments {
    #[command(flatten)]
    setup: SetupArguments,
    /// A parameter's value; may be given several times.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    params: Vec<(String, f64)>,
    /// Run an optimistic and a pessimistic view of the execution beside it.
    #[arg(long)]
    band: bool,
    /// Write the trades to this CSV file.
    #[arg(long, value_name = "FILE")]
    trades: Option<PathBuf>,
    /// Write the equity curve to this CSV file.
    #[arg(long, value_name = "FILE")]
    equity: Option<PathBuf>,
    /// Print the result as JSON, and nothing else.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &BacktestArguments) -> Result<(), CliError> {
    let overrides = overrides(&arguments.params)?;
    if arguments.trades.is_some() && arguments.trades == arguments.equity {
        return Err(CliError::usage("--trades and --equity name the same file"));
    }
    if let Some(several) = arguments.setup.prepare_several(&overrides)? {
        return run_together(arguments, several);
    }
    let Setup {
        config,
        bars,
        actions,
        quality,
        load_ms,
        ..
    } = arguments.setup.prepare(&overrides)?;
    let began = Instant::now();
    let run = if arguments.band {
        backtest::run_with_band
    } else {
        backtest::run
    };
    let data = MarketData {
        bars: &bars,
        actions: &actions,
    };
    let outcome = run(config, data, &mut |_| true)
        .map_err(|_| CliError::problem("the backtest ended before its end"))?;
    let run = began.elapsed().as_secs_f64();
    let report = outcome.report(
        &bars,
        ReportContext {
            data_quality: quality,
            timing: Timing {
                load_ms,
                run_ms: run * 1e3,
                bars_per_second: bars.len() as f64 / run.max(1e-9),
            },
        },
    );
    tell(arguments, &outcome, &report, std::slice::from_ref(&bars))
}

/// Several symbols on one account.
fn run_together(arguments: &BacktestArguments, several: Several) -> Result<(), CliError> {
    let Several {
        config,
        bars,
        quality,
        load_ms,
        ..
    } = several;
    let began = Instant::now();
    let run = if arguments.band {
        backtest::run_together_with_band
    } else {
        backtest::run_together
    };
    let outcome = run(config, &bars, &mut |_| true)
        .map_err(|_| CliError::problem("the backtest ended before its end"))?;
    let run = began.elapsed().as_secs_f64();
    let count: usize = bars.iter().map(Bars::len).sum();
    let timing = Timing {
        load_ms,
        run_ms: run * 1e3,
        bars_per_second: count as f64 / run.max(1e-9),
    };
    let report = outcome.report_together(&bars, &quality, timing);
    tell(arguments, &outcome, &report, &bars)
}

/// Writes the files that are wanted and prints the result.
fn tell(
    arguments: &BacktestArguments,
    outcome: &Outcome,
    report: &BacktestReport,
    bars: &[Bars],
) -> Result<(), CliError> {
    write_files(arguments, outcome, report, bars)?;
    let text = if arguments.json {
        let json = serde_json::to_string(report);
        json.map_err(|error| CliError::problem(format!("the result cannot be written: {error}")))? + "\n"
    } else {
        super::table::report(report)
    };
    print(&text)?;
    match outcome.engine().script_failure() {
        Some(failure) => Err(CliError::problem(format!(
            "the strategy was stopped, its script failed: {failure}"
        ))),
        None => Ok(()),
    }
}

fn write_files(
    arguments: &BacktestArguments,
    outcome: &Outcome,
    report: &BacktestReport,
    bars: &[Bars],
) -> Result<(), CliError> {
    if let Some(path) = &arguments.trades {
        csv_write(create(path)?, report.trades.iter().cloned()).map_err(|error| unwritable(path, &error))?;
    }
    if let Some(path) = &arguments.equity {
        csv_write(create(path)?, outcome.equity_points_together(bars))
            .map_err(|error| unwritable(path, &error))?;
    }
    Ok(())
}

fn create(path: &Path) -> Result<BufWriter<File>, CliError> {
    File::create(path)
        .map(BufWriter::new)
        .map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> CliError {
    CliError::problem(format!("{} cannot be written: {error}", path.display()))
}

/// Prints to stdout. A reader that has read enough is no error.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::problem(format!("stdout cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Parameters by name.
///
/// # Errors
/// When one is given twice.
pub(super) fn overrides(params: &[(String, f64)]) -> Result<BTreeMap<String, f64>, CliError> {
    let mut overrides = BTreeMap::new();
    for (name, value) in params {
        if overrides.insert(name.clone(), *value).is_some() {
            return Err(CliError::usage(format!("--param {name} is given twice")));
        }
    }
    Ok(overrides)
}

pub(super) fn parameter(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, such as fast=20")?;
    let value = value
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|value| value.is_finite())
        .ok_or_else(|| format!("'{value}' is not a number"))?;
    Ok((name.trim().to_owned(), value))
}
