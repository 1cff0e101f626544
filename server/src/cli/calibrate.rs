//! `papertape calibrate`.

use super::{CliError, backtest::print};
use clap::Args;
use papertape::calibration::{
    Calibration, CalibrationFiles, CalibrationLine, CalibrationSettings, calibrate,
};
use papertape::market::{CaptureFile, CaptureSteps};
use papertape::model::{Instrument, Symbol, decimal};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

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
    let capture = read(&arguments.capture)?;
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

/// How the files of a capture end.
const KINDS: [&str; 4] = [
    "-trades.csv",
    "-bookticker.csv",
    "-depth.csv",
    "-depth-snapshot.csv",
];

/// The files of one capture, those that are there.
#[derive(Debug)]
struct CaptureFolder {
    name: String,
    /// In the order of [`KINDS`]: path and contents.
    files: [Option<(String, Vec<u8>)>; 4],
}

impl CaptureFolder {
    fn files(&self) -> CalibrationFiles<'_> {
        let file = |index: usize| {
            let (name, bytes) = self.files[index].as_ref()?;
            Some(CaptureFile { name, bytes })
        };
        CalibrationFiles {
            trades: file(0),
            quotes: file(1),
            depth: file(2),
            snapshot: file(3),
        }
    }

    /// What the files are called by, as far as it is a symbol.
    fn symbol(&self) -> Symbol {
        let plain = || "CAPTURE".parse();
        match self.name.parse().or_else(|_| plain()) {
            Ok(symbol) => symbol,
            Err(_) => unreachable!("a plain word is a symbol"),
        }
    }

    fn missing(&self) -> impl Iterator<Item = String> {
        let kinds = KINDS.iter().zip(&self.files);
        kinds
            .filter(|(_, file)| file.is_none())
            .map(|(kind, _)| format!("{}{kind}", self.name))
    }
}

/// Finds the one capture of a folder and reads its files.
fn read(folder: &Path) -> Result<CaptureFolder, CliError> {
    let unreadable = |path: &Path, error: std::io::Error| {
        CliError::problem(format!("{} cannot be read: {error}", path.display()))
    };
    let mut found: BTreeMap<(String, usize), PathBuf> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let kind = KINDS
            .iter()
            .enumerate()
            .find_map(|(kind, end)| Some((name.strip_suffix(end)?.to_owned(), kind)));
        if let Some(kind) = kind {
            found.insert(kind, path);
        }
    }
    let names: BTreeSet<&String> = found.keys().map(|(name, _)| name).collect();
    let name = match names.iter().copied().collect::<Vec<_>>()[..] {
        [] => {
            return Err(CliError::problem(format!(
                "{} holds no capture: no file that ends with {}",
                folder.display(),
                KINDS.join(", ")
            )));
        }
        [only] => only.clone(),
        [first, second, ..] => {
            return Err(CliError::problem(format!(
                "{} holds {} captures, such as {first} and {second}: put the files of one into a folder of its own",
                folder.display(),
                names.len()
            )));
        }
    };
    let mut files = [const { None }; 4];
    for ((_, kind), path) in &found {
        let bytes = std::fs::read(path).map_err(|error| unreadable(path, error))?;
        files[*kind] = Some((path.display().to_string(), bytes));
    }
    Ok(CaptureFolder { name, files })
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
