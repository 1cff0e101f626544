//! `papertape walk-forward`.

use super::CliError;
use super::research::{SearchArguments, SharedArguments, study};
use super::setup::SetupArguments;
use clap::Args;
use papertape::api::StudySpec;
use papertape::backtest::WalkForwardSpec;
use std::collections::BTreeMap;

/// Arguments of `walk-forward`.
#[derive(Clone, Debug, Args)]
pub(super) struct WalkForwardArguments {
    #[command(flatten)]
    setup: SetupArguments,
    #[command(flatten)]
    search: SearchArguments,
    /// How many windows.
    #[arg(long, value_name = "N", default_value_t = 5)]
    windows: u64,
    /// How many times as long as what follows the part of a window is in which parameters are chosen.
    #[arg(long, value_name = "TIMES", default_value_t = 3.0, allow_hyphen_values = true)]
    ratio: f64,
    /// Choose from the first bar on in every window, instead of from a part that moves along.
    #[arg(long)]
    anchored: bool,
    #[command(flatten)]
    shared: SharedArguments,
}

pub(super) fn run(arguments: &WalkForwardArguments) -> Result<(), CliError> {
    let spec = StudySpec::WalkForward(WalkForwardSpec {
        search: arguments.search.spec()?,
        windows: arguments.windows,
        ratio: arguments.ratio,
        anchored: arguments.anchored,
    });
    study(spec, &arguments.setup, &BTreeMap::new(), &arguments.shared, 0)
}
