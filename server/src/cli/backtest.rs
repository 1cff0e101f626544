//! `papertape backtest`.

use super::bars::{LoadedBars, load};
use super::{CliError, check};
use crate::http::csv_write;
use crate::tape::select;
use clap::Args;
use papertape::alert::AlertRules;
use papertape::api::{BacktestReport, Timing};
use papertape::backtest::{self, MarketData, Outcome, ReportContext};
use papertape::engine::{EngineConfig, ExecutionConfig, Fees};
use papertape::exchange::{FeePresetName, SlippageModel};
use papertape::market::{Bars, infer_instrument};
use papertape::model::{Instrument, Money, Symbol, Timeframe, Timestamp, decimal};
use papertape::strategy::Strategy;
use rust_decimal::Decimal;
use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    time::Instant,
};

/// Arguments of `backtest`.
#[derive(Clone, Debug, Args)]
pub(super) struct BacktestArguments {
    /// The strategy's YAML file.
    #[arg(long, value_name = "FILE")]
    strategy: PathBuf,
    /// A bar file; several of one bar length are joined in order of time.
    #[arg(long, value_name = "FILE", required = true)]
    bars: Vec<PathBuf>,
    /// A file of splits, dividends, funding and the like (`ex_date,kind,split_ratio,cash_amount`); may be given several
    /// times.
    #[arg(long, value_name = "FILE")]
    actions: Vec<PathBuf>,
    /// What the bars are of [default: the strategy's first symbol]
    #[arg(long, value_name = "SYMBOL")]
    symbol: Option<Symbol>,
    /// The files' own bar length, such as 1m [default: inferred]
    #[arg(long, value_name = "LENGTH")]
    timeframe: Option<Timeframe>,
    /// A parameter's value; may be given several times.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    params: Vec<(String, f64)>,
    /// Cash at the start.
    #[arg(long, value_name = "AMOUNT", default_value = "100000", value_parser = amount, allow_hyphen_values = true)]
    capital: Decimal,
    /// Fee of every fill as a share of its value: 0.001 is 0.1 % [default: 0.001]
    #[arg(long, value_name = "RATE", value_parser = share, allow_hyphen_values = true)]
    fee_rate: Option<Decimal>,
    /// By how much takers fill worse than the price they meet, in basis points [default: 1]
    #[arg(long, value_name = "BPS", value_parser = basis_points, allow_hyphen_values = true)]
    slippage_bps: Option<Decimal>,
    /// What a venue or broker charges, by the name of a preset: binance, kraken, ibkr_fixed and others.
    #[arg(long, value_name = "PRESET", conflicts_with = "fee_rate")]
    fees: Option<FeePresetName>,
    /// What trading costs and how orders meet the market: JSON as in `POST /backtests`, or a file of it. Flags for single
    /// costs override it.
    #[arg(long, value_name = "JSON|FILE", value_parser = execution)]
    execution: Option<ExecutionConfig>,
    /// Run an optimistic and a pessimistic view of the execution beside it.
    #[arg(long)]
    band: bool,
    /// Leave out bars that open before this time.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    from: Option<Timestamp>,
    /// Leave out bars that close after this time.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    to: Option<Timestamp>,
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
    let began = Instant::now();
    let strategy = read_strategy(arguments)?;
    let loaded = load(&arguments.bars, arguments.timeframe)?;
    let LoadedBars {
        bars,
        timeframe,
        price_digits,
        mut quality,
    } = loaded;
    let bars = match (arguments.from, arguments.to) {
        (None, None) => bars,
        (from, to) => {
            let bars = select(bars, timeframe, from, to);
            quality = crate::services::quality(&bars, timeframe);
            bars
        }
    };
    if bars.is_empty() {
        return Err(CliError::problem("there are no bars between --from and --to"));
    }
    let config = configure(arguments, strategy, timeframe, |symbol| {
        infer_instrument(symbol, price_digits, &bars)
    })?;
    let hours = config.instrument.calendar();
    let actions = super::actions::load(&arguments.actions, hours, timeframe)?;
    let data = MarketData {
        bars: &bars,
        actions: &actions,
    };
    let outside = actions.len() - data.actions_within(timeframe).len();
    if outside > 0 {
        let all = actions.len();
        eprintln!("note: {outside} of {all} actions lie outside the bars and are left out");
    }
    let load_ms = began.elapsed().as_secs_f64() * 1e3;
    let began = Instant::now();
    let run = if arguments.band {
        backtest::run_with_band
    } else {
        backtest::run
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
    write_files(arguments, &outcome, &report, &bars)?;
    let text = if arguments.json {
        let json = serde_json::to_string(&report);
        json.map_err(|error| CliError::problem(format!("the result cannot be written: {error}")))? + "\n"
    } else {
        super::table::report(&report)
    };
    print(&text)
}

fn read_strategy(arguments: &BacktestArguments) -> Result<Strategy, CliError> {
    let path = &arguments.strategy;
    let source = std::fs::read_to_string(path)
        .map_err(|error| CliError::problem(format!("{} cannot be read: {error}", path.display())))?;
    let overrides = arguments.params.iter().cloned().collect();
    Strategy::compile(&source, &overrides, None).map_err(|problems| {
        CliError::problem(
            problems
                .iter()
                .map(|problem| check::line(path, problem))
                .collect::<Vec<_>>()
                .join("\n"),
        )
    })
}

fn configure(
    arguments: &BacktestArguments,
    strategy: Strategy,
    timeframe: Timeframe,
    instrument_of: impl Fn(&Symbol) -> Instrument,
) -> Result<EngineConfig, CliError> {
    if !strategy.timeframe.is_multiple_of(timeframe) {
        return Err(CliError::problem(format!(
            "the strategy runs on bars of {}, which bars of {timeframe} do not make: give files of finer bars",
            strategy.timeframe
        )));
    }
    let symbol = arguments
        .symbol
        .clone()
        .or_else(|| strategy.symbols.first().cloned())
        .ok_or_else(|| CliError::usage("neither --symbol nor the strategy says what the bars are of"))?;
    let instrument = instrument_of(&symbol);
    let mut execution = arguments.execution.clone().unwrap_or_default();
    if let Some(preset) = &arguments.fees {
        execution.fees = Fees::Preset(preset.clone());
    }
    if let Some(rate) = arguments.fee_rate {
        execution.fees = Fees::Rates {
            maker: rate,
            taker: rate,
        };
    }
    if let Some(slippage) = arguments.slippage_bps {
        execution.slippage = SlippageModel::FixedBps { bps: slippage };
    }
    Ok(EngineConfig {
        strategy,
        peers: Vec::new(),
        others: Vec::new(),
        account: papertape::portfolio::AccountConfig::default(),
        option_model: None,
        base_timeframe: timeframe,
        initial_capital: Money::new(arguments.capital, instrument.quote()),
        instrument,
        execution,
        alerts: AlertRules::default(),
    })
}

fn write_files(
    arguments: &BacktestArguments,
    outcome: &Outcome,
    report: &BacktestReport,
    bars: &Bars,
) -> Result<(), CliError> {
    if let Some(path) = &arguments.trades {
        csv_write(create(path)?, report.trades.iter().cloned()).map_err(|error| unwritable(path, &error))?;
    }
    if let Some(path) = &arguments.equity {
        csv_write(create(path)?, outcome.equity_points(bars)).map_err(|error| unwritable(path, &error))?;
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

fn parameter(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, such as fast=20")?;
    let value = value
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|value| value.is_finite())
        .ok_or_else(|| format!("'{value}' is not a number"))?;
    Ok((name.trim().to_owned(), value))
}

fn bounded(text: &str, low: Decimal, high: Decimal, words: &str) -> Result<Decimal, String> {
    decimal::parse(text)
        .filter(|value| (low..=high).contains(value))
        .ok_or_else(|| words.to_owned())
}

fn amount(text: &str) -> Result<Decimal, String> {
    let words = "write an amount above 0 and at most 1000000000000";
    let value = bounded(text, Decimal::ZERO, Decimal::from(1_000_000_000_000_u64), words)?;
    if value.is_zero() {
        Err(words.to_owned())
    } else {
        Ok(value)
    }
}

/// An execution as JSON, or the JSON in a file; what is out of range is named.
fn execution(text: &str) -> Result<ExecutionConfig, String> {
    let is_json = text.trim_start().starts_with('{');
    let json = if is_json {
        text.to_owned()
    } else {
        std::fs::read_to_string(text).map_err(|error| format!("{text} cannot be read: {error}"))?
    };
    let execution: ExecutionConfig = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    match execution.problems().as_slice() {
        [] => Ok(execution),
        problems => Err(problems
            .iter()
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect::<Vec<_>>()
            .join("; ")),
    }
}

fn share(text: &str) -> Result<Decimal, String> {
    bounded(
        text,
        Decimal::ZERO,
        Decimal::new(5, 1),
        "write a share from 0 to 0.5 (0.001 is 0.1 %)",
    )
}

fn basis_points(text: &str) -> Result<Decimal, String> {
    bounded(
        text,
        Decimal::ZERO,
        Decimal::from(5_000),
        "write basis points from 0 to 5000",
    )
}
