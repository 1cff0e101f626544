//! `papertape monte-carlo`.

use super::CliError;
use super::backtest::{overrides, parameter};
use super::research::{SharedArguments, study};
use super::setup::SetupArguments;
use clap::Args;
use papertape::api::StudySpec;
use papertape::backtest::{MonteCarloSpec, Resampling};

/// Arguments of `monte-carlo`.
#[derive(Clone, Debug, Args)]
pub(super) struct MonteCarloArguments {
    #[command(flatten)]
    setup: SetupArguments,
    /// A parameter's value; may be given several times.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    params: Vec<(String, f64)>,
    /// trade_order shuffles the trades, trades draws as many of them, days draws days in blocks of neighbours.
    #[arg(long, value_name = "trade_order|trades|days", default_value = "trade_order")]
    resampling: Resampling,
    /// How many other courses to make.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    courses: u64,
    /// Days in a block.
    #[arg(long, value_name = "DAYS", default_value_t = 5)]
    block: u64,
    /// What random choices begin with: the same seed gives the same result.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Ruin is when this share of the capital is lost at any time: 0.5 is half of it.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, allow_hyphen_values = true)]
    ruin: f64,
    #[command(flatten)]
    shared: SharedArguments,
}

pub(super) fn run(arguments: &MonteCarloArguments) -> Result<(), CliError> {
    let spec = StudySpec::MonteCarlo(MonteCarloSpec {
        resampling: arguments.resampling,
        courses: arguments.courses,
        block: arguments.block,
        seed: arguments.seed,
        ruin: arguments.ruin,
    });
    let params = overrides(&arguments.params)?;
    study(spec, &arguments.setup, &params, &arguments.shared, 0)
}
