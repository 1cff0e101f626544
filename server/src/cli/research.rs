//! What the commands that search have in common: parameters with ranges, threads, progress, an end by Ctrl-C.

use super::setup::SetupArguments;
use super::{CliError, backtest::print, research_table};
use crate::research::{Ground, StudyError, Threads, run, units};
use clap::Args;
use papertape::api::{StudyReport, StudySpec};
use papertape::backtest::sweep::{Axis, Method, Objective, SearchSpec, Setting, Workers as _};
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

/// Arguments of a search over parameters.
#[derive(Clone, Debug, Args)]
pub(super) struct SearchArguments {
    /// A parameter and its values: fast=5..50:5 (from, to, step), fast=5,10,20, or fast=20; may be given several times.
    #[arg(long = "param", value_name = "NAME=RANGE", value_parser = axis, allow_hyphen_values = true)]
    params: Vec<(String, Axis)>,
    /// The metric that tells better from worse.
    #[arg(long, value_name = "METRIC", default_value = "sharpe", value_parser = objective)]
    objective: Objective,
    /// grid tries all combinations, random some, bayes some where those before were good.
    #[arg(long, value_name = "grid|random|bayes", default_value = "grid", value_parser = str::parse::<Method>)]
    method: Method,
    /// How many combinations random and bayes try.
    #[arg(long, value_name = "N", default_value_t = 100)]
    samples: u64,
    /// What random choices begin with: the same seed gives the same result.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Run only what fulfils this condition on parameters, such as 'fast < slow'.
    #[arg(long, value_name = "CONDITION")]
    constraint: Option<String>,
}

impl SearchArguments {
    /// What shall be searched.
    ///
    /// # Errors
    /// When a parameter is given twice.
    pub(super) fn spec(&self) -> Result<SearchSpec, CliError> {
        let mut params = BTreeMap::new();
        for (name, axis) in &self.params {
            if params.insert(name.clone(), axis.clone()).is_some() {
                return Err(CliError::usage(format!("--param {name} is given twice")));
            }
        }
        Ok(SearchSpec {
            params,
            objective: self.objective,
            method: self.method,
            samples: self.samples,
            seed: self.seed,
            constraint: self.constraint.clone(),
        })
    }
}

/// Arguments of every study.
#[derive(Clone, Debug, Args)]
pub(super) struct SharedArguments {
    /// How many threads run combinations [default: one a core]
    #[arg(long, value_name = "N", value_parser = thread_count)]
    threads: Option<usize>,
    /// Print the result as JSON, and nothing else.
    #[arg(long)]
    json: bool,
}

/// Runs a study over bar files and prints its report; of a sweep's table so many rows.
///
/// # Errors
/// [`CliError`] says what to change.
pub(super) fn study(
    spec: StudySpec,
    setup: &SetupArguments,
    params: &BTreeMap<String, f64>,
    shared: &SharedArguments,
    rows: usize,
) -> Result<(), CliError> {
    let ground = ground(setup, params)?;
    let total = units(&spec, &ground).map_err(|error| refused(&error))?;
    let threads = Arc::new(Threads::new(shared.threads, Objective::default()));
    let report = with_progress(&threads, total, move |threads| run(&spec, &ground, threads))?;
    let report = report.map_err(|error| refused(&error))?;
    if shared.json {
        let json = json(&report)
            .map_err(|error| CliError::problem(format!("the result cannot be written: {error}")))?;
        print(&(json + "\n"))
    } else {
        print(&research_table::words(&report, rows))
    }
}

/// What the study runs on: bars of one symbol or several.
fn ground(setup: &SetupArguments, params: &BTreeMap<String, f64>) -> Result<Ground, CliError> {
    let setting = |spec, config| Setting {
        spec,
        fixed: params.clone(),
        config,
    };
    if let Some(several) = setup.prepare_several(params)? {
        let setting = setting(several.spec, several.config);
        return Ok(Ground::of_several(
            setting,
            several.bars,
            &several.quality,
            several.load_ms,
        ));
    }
    let one = setup.prepare(params)?;
    let setting = setting(one.spec, one.config);
    Ok(Ground::of_one(
        setting,
        (one.bars, one.actions),
        one.quality,
        one.load_ms,
    ))
}

/// The report alone: which study it is, the caller knows.
fn json(report: &StudyReport) -> serde_json::Result<String> {
    match report {
        StudyReport::Sweep(report) => serde_json::to_string(report),
        StudyReport::WalkForward(report) => serde_json::to_string(report),
        StudyReport::MonteCarlo(report) => serde_json::to_string(report),
    }
}

/// Runs `work` on a thread of its own, shows how far it is, and cancels it at the first Ctrl-C.
fn with_progress<T: Send + 'static>(
    threads: &Arc<Threads>,
    total: u64,
    work: impl FnOnce(&Threads) -> T + Send + 'static,
) -> Result<T, CliError> {
    let threads = Arc::clone(threads);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::problem(format!("the program's threads cannot be started: {error}")))?;
    runtime.block_on(async {
        let job = Arc::clone(&threads);
        let mut running = tokio::task::spawn_blocking(move || work(&job));
        let is_shown = std::io::stderr().is_terminal();
        let mut tick = tokio::time::interval(Duration::from_millis(200));
        let result = loop {
            tokio::select! {
                result = &mut running => break result,
                interrupted = tokio::signal::ctrl_c(), if !threads.is_canceled() => {
                    if interrupted.is_ok() {
                        threads.cancel();
                    }
                }
                _ = tick.tick(), if is_shown => {
                    eprint!("\r{} of {total} ", threads.done());
                    // A progress line that cannot be shown is no reason to stop.
                    let _ = std::io::stderr().flush();
                }
            }
        };
        if is_shown {
            eprint!("\r\x1b[K");
        }
        result.map_err(|_| CliError::problem("the search failed by a fault of the program"))
    })
}

/// What was asked for makes no sense: wrong usage, unless what it runs on is at fault.
fn refused(error: &StudyError) -> CliError {
    if error.field().is_empty() {
        CliError::problem(error.to_string())
    } else {
        CliError::usage(error.to_string())
    }
}

fn axis(text: &str) -> Result<(String, Axis), String> {
    let (name, axis) = text
        .split_once('=')
        .ok_or("write NAME=FROM..TO:STEP, such as fast=5..50:5")?;
    let axis = axis.parse::<Axis>().map_err(|error| error.to_string())?;
    Ok((name.trim().to_owned(), axis))
}

fn objective(text: &str) -> Result<Objective, String> {
    text.parse()
        .map_err(|error: papertape::backtest::sweep::ObjectiveError| error.to_string())
}

/// How many threads a search may have.
fn thread_count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=256).contains(count));
    count.ok_or_else(|| "write a number from 1 to 256".to_owned())
}
