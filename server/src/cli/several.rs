//! Bar files of several symbols: which file is whose, and whether they fit together.

use super::CliError;
use super::bars::{instrument_of, load};
use super::setup::SetupArguments;
use papertape::api::DataQuality;
use papertape::engine::EngineConfig;
use papertape::market::{BarMerge, Bars};
use papertape::model::{Symbol, Timeframe};
use papertape::strategy::{Strategy, StrategySpec};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The symbols whose bars are wanted: those that are traded, and then those that the rules only read.
#[derive(Debug)]
pub(super) struct Wanted {
    traded: Vec<Symbol>,
    read: Vec<Symbol>,
}

/// A strategy over several symbols with the bars of each, by their places in [`EngineConfig::instruments`].
#[derive(Debug)]
pub(super) struct Several {
    pub(super) spec: StrategySpec,
    pub(super) config: EngineConfig,
    pub(super) bars: Vec<Bars>,
    pub(super) quality: Vec<DataQuality>,
    /// Reading and parsing, milliseconds.
    pub(super) load_ms: f64,
}

impl Wanted {
    /// What a strategy wants: its symbols, or the one that is chosen.
    pub(super) fn of(strategy: &Strategy, chosen: Option<&Symbol>) -> Result<Self, CliError> {
        let mut traded = match chosen {
            Some(symbol) => vec![symbol.clone()],
            None => strategy.symbols.clone(),
        };
        let mut seen = BTreeSet::new();
        traded.retain(|symbol| seen.insert(symbol.clone()));
        if traded.is_empty() {
            let message = "neither --symbol nor the strategy says what the bars are of";
            return Err(CliError::usage(message));
        }
        let read = strategy.program.symbols().iter();
        let read = read.filter(|symbol| !traded.contains(symbol)).cloned().collect();
        Ok(Self { traded, read })
    }

    /// The files of each symbol: as `SYMBOL=FILE`, or without names in the order of the symbols. All that are given are of
    /// the only symbol there is.
    pub(super) fn assign(&self, given: &[String]) -> Result<Vec<(Symbol, Vec<PathBuf>)>, CliError> {
        let symbols = self.traded.iter().chain(&self.read);
        let mut files: Vec<_> = symbols.map(|symbol| (symbol.clone(), Vec::new())).collect();
        let mut unnamed = Vec::new();
        for text in given {
            match named(text) {
                None => unnamed.push(PathBuf::from(text)),
                Some((symbol, path)) => match files.iter_mut().find(|(wanted, _)| *wanted == symbol) {
                    Some((_, files)) => files.push(path),
                    None => {
                        let message = format!("the strategy neither trades nor reads {symbol}: {self}");
                        return Err(CliError::usage(message));
                    }
                },
            }
        }
        if let [(_, files)] = &mut files[..] {
            files.append(&mut unnamed);
        } else if unnamed.len() == files.len() {
            for ((_, files), path) in files.iter_mut().zip(unnamed.drain(..)) {
                files.push(path);
            }
        }
        if unnamed.is_empty() && files.iter().all(|(_, files)| !files.is_empty()) {
            return Ok(files);
        }
        let each: Vec<String> = files
            .iter()
            .map(|(symbol, _)| format!("--bars {symbol}=FILE"))
            .collect();
        let alone = match &self.traded[..] {
            [first, _, ..] => format!("; or trade one alone, --symbol {first}"),
            _ => String::new(),
        };
        let message = format!("{self}: give bars of each, {}{alone}", each.join(" "));
        Err(CliError::usage(message))
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the strategy trades {}", list(&self.traded))?;
        if self.read.is_empty() {
            return Ok(());
        }
        write!(f, " and reads {}", list(&self.read))
    }
}

fn list(symbols: &[Symbol]) -> String {
    let names: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
    names.join(", ")
}

/// `SYMBOL=FILE`, unless it is the name of a file as a whole.
fn named(text: &str) -> Option<(Symbol, PathBuf)> {
    let (symbol, path) = text.split_once('=')?;
    let symbol = symbol.parse().ok()?;
    (!Path::new(text).exists()).then(|| (symbol, PathBuf::from(path)))
}

impl SetupArguments {
    /// Reads the files of a strategy that wants several symbols; `None` when it wants one.
    ///
    /// # Errors
    /// [`CliError`] names what is at fault.
    pub(super) fn prepare_several(
        &self,
        overrides: &BTreeMap<String, f64>,
    ) -> Result<Option<Several>, CliError> {
        let began = Instant::now();
        let (spec, strategy) = self.read_strategy(overrides)?;
        let wanted = Wanted::of(&strategy, self.symbol.as_ref())?;
        let files = wanted.assign(&self.bars)?;
        if files.len() == 1 {
            return Ok(None);
        }
        if self.limits.is_some() {
            let message = "--limits goes with one symbol: it does not say whose they are";
            return Err(CliError::usage(message));
        }
        if self.future.is_some() {
            let message = "--future goes with one symbol: it does not say which it is";
            return Err(CliError::usage(message));
        }
        if !self.actions.is_empty() {
            let message = "--actions goes with one symbol: it does not say whose they are";
            return Err(CliError::usage(message));
        }
        let (mut bars, mut quality, mut instruments) = (Vec::new(), Vec::new(), Vec::new());
        let mut length = self.timeframe;
        for (symbol, paths) in &files {
            let loaded = load(paths, self.timeframe)?;
            let timeframe = *length.get_or_insert(loaded.timeframe);
            if timeframe != loaded.timeframe {
                return Err(CliError::problem(format!(
                    "the bars of {symbol} are of {}, those before it of {timeframe}: give bars of one length",
                    loaded.timeframe
                )));
            }
            let instrument = instrument_of(symbol, loaded.price_digits, &loaded.bars, None)?;
            let selected = papertape::backtest::within(loaded.bars, timeframe, self.from, self.to);
            if selected.is_empty() {
                let message = format!("there are no bars of {symbol} between --from and --to");
                return Err(CliError::problem(message));
            }
            quality.push(crate::services::quality(
                &selected,
                timeframe,
                instrument.calendar(),
            ));
            instruments.push(instrument);
            bars.push(selected);
        }
        let symbols: Vec<Symbol> = files.into_iter().map(|(symbol, _)| symbol).collect();
        let timeframe = length.unwrap_or(Timeframe::MINUTE);
        BarMerge::check(&bars, &symbols, timeframe).map_err(|error| CliError::problem(error.to_string()))?;
        let currency = instruments[0].quote();
        if let Some(other) = instruments.iter().find(|other| other.quote() != currency) {
            return Err(CliError::problem(format!(
                "{} is quoted in {} and {} in {currency}: symbols of one account share a currency",
                other.symbol(),
                other.quote(),
                symbols[0]
            )));
        }
        let mut config = self.configure(strategy, timeframe, |_| Ok(instruments[0].clone()))?;
        config.others = instruments.split_off(wanted.traded.len());
        config.peers = instruments.split_off(1);
        Ok(Some(Several {
            spec,
            config,
            bars,
            quality,
            load_ms: began.elapsed().as_secs_f64() * 1e3,
        }))
    }
}
