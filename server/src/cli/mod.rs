//! The command line.
//!
//! Exit codes: 0 done, 1 the work found a problem, 2 wrong usage. Errors go to stderr in one readable sentence.

mod actions;
mod backtest;
mod bars;
mod calibrate;
mod capture;
mod check;
mod config;
mod doctor;
mod error;
mod export;
mod import;
mod import_ticks;
mod indicators;
mod monte_carlo;
mod oddities;
mod research;
mod research_table;
mod roll;
mod serve;
mod setup;
mod several;
mod store;
mod sweep;
mod table;
mod verify;
mod walk_forward;

pub use error::CliError;
pub use serve::{Running, serve_on};
pub use store::StoreArguments;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Paper trading: strategies, backtests and live sessions on simulated money.
#[derive(Debug, Parser)]
#[command(name = "papertape", version, about, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the dashboard and the API (also what no command does).
    Serve(serve::ServeArguments),
    /// Run one backtest over bar files.
    Backtest(Box<backtest::BacktestArguments>),
    /// Run every combination of parameters over bar files, best first.
    Sweep(Box<sweep::SweepArguments>),
    /// Choose parameters on the past again and again, and see what they earn afterwards.
    WalkForward(Box<walk_forward::WalkForwardArguments>),
    /// See what else could have come of a backtest's trades or days.
    MonteCarlo(Box<monte_carlo::MonteCarloArguments>),
    /// Compute expressions over bars, as CSV.
    Indicators(indicators::IndicatorArguments),
    /// Work on strategy files.
    #[command(subcommand)]
    Strategy(StrategyCommand),
    /// Join the contracts of a future into one series of bars.
    Roll(roll::RollArguments),
    /// Import bar files into the store, all or nothing.
    Import(Box<import::ImportArguments>),
    /// Write a session's trades, fills, orders, equity or report, or a feed's trades, quotes or bars, as CSV, JSON or Parquet.
    Export(Box<export::ExportArguments>),
    /// Run a session's recorded inputs again and compare every event.
    Verify(verify::VerifyArguments),
    /// Replay a tick capture and compare fills on each tier of data and under each model.
    Calibrate(calibrate::CalibrateArguments),
    /// Check the installation, a line each.
    Doctor(doctor::DoctorArguments),
}

#[derive(Debug, Subcommand)]
enum StrategyCommand {
    /// Report what is wrong with strategy files, as FILE:LINE:COLUMN: message.
    Check(check::CheckArguments),
    /// Print the JSON Schema of strategy files, for editors.
    Schema,
}

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let command = arguments.command.unwrap_or(Command::Serve(arguments.serve));
    let result = match command {
        Command::Serve(arguments) => block_on(serve::run(arguments)),
        Command::Backtest(arguments) => backtest::run(&arguments),
        Command::Sweep(arguments) => sweep::run(&arguments),
        Command::WalkForward(arguments) => walk_forward::run(&arguments),
        Command::MonteCarlo(arguments) => monte_carlo::run(&arguments),
        Command::Indicators(arguments) => indicators::run(&arguments),
        Command::Strategy(StrategyCommand::Check(arguments)) => check::run(&arguments),
        Command::Strategy(StrategyCommand::Schema) => check::schema(),
        Command::Roll(arguments) => roll::run(&arguments),
        Command::Import(arguments) => block_on(import::run(*arguments)),
        Command::Export(arguments) => block_on(export::run(*arguments)),
        Command::Verify(arguments) => block_on(verify::run(arguments)),
        Command::Calibrate(arguments) => calibrate::run(&arguments),
        Command::Doctor(arguments) => block_on(doctor::run(arguments)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(sentence) = error.sentence() {
                eprintln!("papertape: {sentence}");
            }
            error.exit_code()
        }
    }
}

fn block_on(work: impl Future<Output = Result<(), CliError>>) -> Result<(), CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::problem(format!("the program's threads cannot be started: {error}")))?
        .block_on(work)
}
