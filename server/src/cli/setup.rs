//! What a run over bar files begins with: the strategy, the bars, the costs.

use super::bars::{LoadedBars, instrument_of, load};
use super::several::Wanted;
use super::{CliError, check};
use clap::Args;
use papertape::alert::AlertRules;
use papertape::api::DataQuality;
use papertape::backtest::MarketData;
use papertape::engine::{EngineConfig, ExecutionConfig, Fees};
use papertape::exchange::{FeePresetName, SlippageModel};
use papertape::market::{Bars, DatedAction, FutureTerms};
use papertape::model::{Instrument, Money, OrderLimits, Symbol, Timeframe, Timestamp, decimal};
use papertape::portfolio::AccountConfig;
use papertape::strategy::{Problem, Strategy, StrategySpec};
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// Arguments of every command that runs a strategy over bar files.
#[derive(Clone, Debug, Args)]
pub(super) struct SetupArguments {
    /// The strategy's YAML file.
    #[arg(long, value_name = "FILE")]
    strategy: PathBuf,
    /// A bar file; several of one bar length are joined in order of time. For a strategy of several symbols one for each,
    /// as SYMBOL=FILE, or without the names in the order of its symbols and then of those that it only reads.
    #[arg(long, value_name = "[SYMBOL=]FILE", required = true)]
    pub(super) bars: Vec<String>,
    /// A file of splits, dividends, funding and the like (`ex_date,kind,split_ratio,cash_amount`); may be given several
    /// times.
    #[arg(long, value_name = "FILE")]
    pub(super) actions: Vec<PathBuf>,
    /// What the bars are of [default: the strategy's first symbol]
    #[arg(long, value_name = "SYMBOL")]
    pub(super) symbol: Option<Symbol>,
    /// The files' own bar length, such as 1m [default: inferred]
    #[arg(long, value_name = "LENGTH")]
    pub(super) timeframe: Option<Timeframe>,
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
    /// How the account is covered and what borrowing costs it: JSON as in `POST /backtests`, or a file of it.
    #[arg(long, value_name = "JSON|FILE", value_parser = account)]
    account: Option<AccountConfig>,
    /// What the venue accepts of orders, as JSON or a file of it, as `import` takes it [default: what its kind of market has]
    #[arg(long, value_name = "JSON|FILE", value_parser = limits)]
    pub(super) limits: Option<OrderLimits>,
    /// What the bars' contract is when it is a future that is not known, as JSON or a file of it: tick, multiplier, expiry,
    /// initial_margin, maintenance_margin and perhaps calendar.
    #[arg(long, value_name = "JSON|FILE", value_parser = future)]
    pub(super) future: Option<FutureTerms>,
    /// Leave out bars that open before this time.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub(super) from: Option<Timestamp>,
    /// Leave out bars that close after this time.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub(super) to: Option<Timestamp>,
}

/// A strategy, the bars it runs on, and everything else an engine needs.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) spec: StrategySpec,
    pub(super) config: EngineConfig,
    pub(super) bars: Bars,
    /// In order of time.
    pub(super) actions: Vec<DatedAction>,
    pub(super) quality: DataQuality,
    /// Reading and parsing, milliseconds.
    pub(super) load_ms: f64,
}

impl SetupArguments {
    /// Reads the files; `overrides` are parameters that differ from the strategy's defaults.
    ///
    /// # Errors
    /// [`CliError`] names the file at fault, and the place in it.
    pub(super) fn prepare(&self, overrides: &BTreeMap<String, f64>) -> Result<Setup, CliError> {
        let began = Instant::now();
        let (spec, strategy) = self.read_strategy(overrides)?;
        let files = Wanted::of(&strategy, self.symbol.as_ref())?.assign(&self.bars)?;
        let [(_, files)] = &files[..] else {
            return Err(CliError::usage(
                "there are bars of several symbols: choose one with --symbol",
            ));
        };
        let LoadedBars {
            bars,
            timeframe,
            price_digits,
            ..
        } = load(files, self.timeframe)?;
        let bars = match (self.from, self.to) {
            (None, None) => bars,
            (from, to) => papertape::backtest::within(bars, timeframe, from, to),
        };
        if bars.is_empty() {
            return Err(CliError::problem("there are no bars between --from and --to"));
        }
        let config = self.configure(strategy, timeframe, |symbol| {
            instrument_of(symbol, price_digits, &bars, self.future.as_ref())
        })?;
        let hours = config.instrument.calendar();
        let quality = crate::services::quality(&bars, timeframe, hours);
        let actions = super::actions::load(&self.actions, hours, timeframe)?;
        let data = MarketData {
            bars: &bars,
            actions: &actions,
        };
        let outside = actions.len() - data.actions_within(timeframe).len();
        if outside > 0 {
            let all = actions.len();
            eprintln!("note: {outside} of {all} actions lie outside the bars and are left out");
        }
        Ok(Setup {
            spec,
            config,
            bars,
            actions,
            quality,
            load_ms: began.elapsed().as_secs_f64() * 1e3,
        })
    }

    pub(super) fn read_strategy(
        &self,
        overrides: &BTreeMap<String, f64>,
    ) -> Result<(StrategySpec, Strategy), CliError> {
        let path = &self.strategy;
        let source = std::fs::read_to_string(path)
            .map_err(|error| CliError::problem(format!("{} cannot be read: {error}", path.display())))?;
        let all = |problems: Vec<Problem>| {
            let lines: Vec<_> = problems
                .iter()
                .map(|problem| check::line(path, problem, ""))
                .collect();
            CliError::problem(lines.join("\n"))
        };
        let spec = check::read(path, &source).map_err(all)?;
        let strategy = spec.compile(overrides, None).map_err(all)?;
        Ok((spec, strategy))
    }

    pub(super) fn configure(
        &self,
        strategy: Strategy,
        timeframe: Timeframe,
        instrument_of: impl Fn(&Symbol) -> Result<Instrument, CliError>,
    ) -> Result<EngineConfig, CliError> {
        if !strategy.timeframe.is_multiple_of(timeframe) {
            return Err(CliError::problem(format!(
                "the strategy runs on bars of {}, which bars of {timeframe} do not make: give files of finer bars",
                strategy.timeframe
            )));
        }
        let symbol = self
            .symbol
            .clone()
            .or_else(|| strategy.symbols.first().cloned())
            .ok_or_else(|| CliError::usage("neither --symbol nor the strategy says what the bars are of"))?;
        let instrument = instrument_of(&symbol)?;
        let instrument = match &self.limits {
            Some(limits) => instrument.with_limits(limits.clone()),
            None => instrument,
        };
        let mut execution = self.execution.clone().unwrap_or_default();
        if let Some(preset) = &self.fees {
            execution.fees = Fees::Preset(preset.clone());
        }
        if let Some(rate) = self.fee_rate {
            execution.fees = Fees::Rates {
                maker: rate,
                taker: rate,
            };
        }
        if let Some(slippage) = self.slippage_bps {
            execution.slippage = SlippageModel::FixedBps { bps: slippage };
        }
        Ok(EngineConfig {
            strategy,
            peers: Vec::new(),
            others: Vec::new(),
            account: self.account.clone().unwrap_or_default(),
            option_model: None,
            base_timeframe: timeframe,
            initial_capital: Money::new(self.capital, instrument.quote()),
            instrument,
            execution,
            alerts: AlertRules::default(),
        })
    }
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
    let execution: ExecutionConfig = json_or_file(text)?;
    let problems = execution.problems();
    in_range(problems.iter().map(|problem| (problem.path, problem.message)))?;
    Ok(execution)
}

/// An account in the same way.
fn account(text: &str) -> Result<AccountConfig, String> {
    let account: AccountConfig = json_or_file(text)?;
    let problems = account.problems();
    in_range(problems.iter().map(|problem| (problem.path, problem.message)))?;
    Ok(account)
}

/// What a venue accepts of orders, in the same way.
pub(super) fn limits(text: &str) -> Result<OrderLimits, String> {
    let limits: OrderLimits = json_or_file(text)?;
    let problems = limits.problems();
    in_range(problems.into_iter())?;
    Ok(limits)
}

/// The specification of a future, in the same way.
pub(super) fn future(text: &str) -> Result<FutureTerms, String> {
    json_or_file(text)
}

fn json_or_file<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let is_json = text.trim_start().starts_with('{');
    let json = if is_json {
        text.to_owned()
    } else {
        std::fs::read_to_string(text).map_err(|error| format!("{text} cannot be read: {error}"))?
    };
    serde_json::from_str(&json).map_err(|error| error.to_string())
}

fn in_range<'a>(problems: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), String> {
    let lines: Vec<String> = problems
        .map(|(path, message)| format!("{path}: {message}"))
        .collect();
    if lines.is_empty() {
        Ok(())
    } else {
        Err(lines.join("; "))
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
