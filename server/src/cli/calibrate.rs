//! `papertape calibrate`.

use super::{CliError, backtest::print, capture::CaptureFolder};
use clap::Args;
use papertape::calibration::{Calibration, CalibrationLine, CalibrationSettings, calibrate};
use papertape::market::CaptureSteps;
use papertape::model::{Instrument, decimal};
use rust_decimal::Decimal;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Arguments of `calibrate`.
#[derive(Clone, Debug, Args)]
pub(super) struct CalibrateArguments {
    /// The folder with the files NAME-trades.csv, NAME-bookticker.csv, NAME-depth.csv and NAME-depth-snapshot.csv of one
    /// capture, or some of them.
    #[arg(long, value_name = "DIR")]
    capture: PathBuf,
    /// The seed of the hypothetical orders.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many orders.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    orders: u32,
    /// How long each is watched.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    horizon: u32,
    /// The price step [default: the finest decimal place in the files]
    #[arg(long, value_name = "STEP", value_parser = step)]
    tick: Option<Decimal>,
    /// The quantity step [default: the finest decimal place in the files]
    #[arg(long, value_name = "STEP", value_parser = step)]
    lot: Option<Decimal>,
    /// Add lines for each place of the orders: at the market, inside the spread, at the best price, behind it.
    #[arg(long)]
    by_place: bool,
    /// Print the result as JSON, and nothing else; it holds every line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &CalibrateArguments) -> Result<(), CliError> {
    let capture = CaptureFolder::read(&arguments.capture)?;
    let files = capture.files();
    let found = CaptureSteps::of(&files.capture()).map_err(|error| CliError::problem(error.to_string()))?;
    let (tick, lot) = (
        arguments.tick.unwrap_or(found.tick),
        arguments.lot.unwrap_or(found.lot),
    );
    let instrument = Instrument::new(capture.symbol(), tick, lot, Decimal::ZERO, Decimal::ONE)
        .map_err(|error| CliError::usage(error.to_string()))?;
    let settings = CalibrationSettings {
        seed: arguments.seed,
        orders: arguments.orders,
        horizon_secs: arguments.horizon,
    };
    let calibration = calibrate(&files, &instrument, &settings)
        .map_err(|error| CliError::problem(format!("{}: {error}", arguments.capture.display())))?;
    if arguments.json {
        let json = serde_json::to_string(&calibration);
        let json =
            json.map_err(|error| CliError::problem(format!("the result cannot be written: {error}")))?;
        return print(&(json + "\n"));
    }
    for missing in capture.missing() {
        eprintln!("papertape: there is no {missing}: the tiers that need it are left out");
    }
    print(&table(&calibration, arguments.by_place))
}

/// A line each.
fn table(calibration: &Calibration, by_place: bool) -> String {
    let mut text = format!(
        "{} orders between {} and {}, each watched for {} s; seed {}\n\
         {:<7} {:<20} {:<11} {:>6} {:>7} {:>9} {:>9} {:>10} {:>10} {:>10} {:>7}\n",
        calibration.orders,
        calibration.from,
        calibration.to,
        calibration.horizon_secs,
        calibration.seed,
        "tier",
        "model",
        "place",
        "orders",
        "filled",
        "median s",
        "mean s",
        "error bps",
        "|err| bps",
        "flattered",
        "missed"
    );
    for line in &calibration.lines {
        if by_place || line.place.is_none() {
            row(&mut text, line);
        }
    }
    text
}

fn row(text: &mut String, line: &CalibrationLine) {
    let place = line
        .place
        .map_or_else(|| "all".to_owned(), |place| place.to_string());
    let percent = |share: Option<f64>| number(share.map(|share| share * 100.0), 1, " %");
    let (error, absolute) = if line.reference {
        ("reference".to_owned(), String::new())
    } else {
        (
            number(line.price_error_bps, 3, ""),
            number(line.absolute_price_error_bps, 3, ""),
        )
    };
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{:<7} {:<20} {place:<11} {:>6} {:>7} {:>9} {:>9} {error:>10} {absolute:>10} {:>10} {:>7}",
        line.tier.to_string(),
        line.model,
        line.orders,
        percent(line.fill_probability),
        number(line.median_seconds, 3, ""),
        number(line.mean_seconds, 3, ""),
        percent(line.flattered),
        percent(line.missed),
    );
}

fn number(value: Option<f64>, digits: usize, unit: &str) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}{unit}"))
}

fn step(text: &str) -> Result<Decimal, String> {
    decimal::parse(text)
        .filter(|step| *step > Decimal::ZERO)
        .ok_or_else(|| "write a step above 0, such as 0.01".to_owned())
}
