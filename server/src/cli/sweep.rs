//! `papertape sweep`.

use super::CliError;
use super::research::{SearchArguments, SharedArguments, study};
use super::setup::SetupArguments;
use clap::Args;
use papertape::api::StudySpec;
use papertape::backtest::sweep::SweepSpec;
use std::collections::BTreeMap;

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
    /// How many rows the table shows.
    #[arg(long, value_name = "N", default_value_t = 20)]
    rows: usize,
    #[command(flatten)]
    shared: SharedArguments,
}

pub(super) fn run(arguments: &SweepArguments) -> Result<(), CliError> {
    let spec = StudySpec::Sweep(SweepSpec {
        search: arguments.search.spec()?,
        out_of_sample: arguments.out_of_sample,
    });
    study(
        spec,
        &arguments.setup,
        &BTreeMap::new(),
        &arguments.shared,
        arguments.rows,
    )
}
