//! `papertape sweep`.

use super::research::{Ground, SearchArguments, refused, thread_count, with_progress};
use super::setup::SetupArguments;
use super::{CliError, backtest::print, research_table};
use crate::research::{Threads, search};
use clap::Args;
use papertape::api::SweepTiming;
use papertape::backtest::sweep::{Sweep, SweepSpec};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Arguments of `sweep`.
#[derive(Clone, Debug, Args)]
pub(super) struct SweepArguments {
    #[command(flatten)]
    setup: SetupArguments,
    #[command(flatten)]
    search: SearchArguments,
    /// Share of the bars, at their end, to keep back: 0.3 is 30 %. The best combinations run over it once.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, allow_hyphen_values = true)]
    out_of_sample: f64,
    /// How many threads run combinations [default: one a core]
    #[arg(long, value_name = "N", value_parser = thread_count)]
    threads: Option<usize>,
    /// How many rows the table shows.
    #[arg(long, value_name = "N", default_value_t = 20)]
    rows: usize,
    /// Print the result as JSON, and nothing else.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &SweepArguments) -> Result<(), CliError> {
    let spec = SweepSpec {
        search: arguments.search.spec()?,
        out_of_sample: arguments.out_of_sample,
    };
    let Ground {
        setting,
        bars,
        quality,
        load_ms,
    } = Ground::prepare(&arguments.setup, &BTreeMap::new())?;
    let make = |axes: &_| search(&spec.search, axes);
    let sweep = Sweep::new(&setting, &spec, &make, bars.len()).map_err(|error| refused(&error))?;
    let threads = Arc::new(Threads::new(arguments.threads));
    let total = sweep.units(bars.len());
    let began = Instant::now();
    let report = with_progress(&threads, total, move |threads| {
        sweep.run(&setting, &bars, threads)
    })?;
    let mut report = report.map_err(|error| refused(&error))?;
    let run = began.elapsed().as_secs_f64();
    report.data_quality = quality;
    report.timing = SweepTiming {
        load_ms,
        run_ms: run * 1e3,
        combinations_per_second: report.tried as f64 / run.max(1e-9),
        threads: threads.count() as u64,
    };
    let text = if arguments.json {
        let json = serde_json::to_string(&report);
        json.map_err(|error| CliError::problem(format!("the result cannot be written: {error}")))? + "\n"
    } else {
        research_table::sweep(&report, arguments.rows)
    };
    print(&text)
}
