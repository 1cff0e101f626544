//! `papertape strategy check`.

use super::{CliError, backtest::print};
use clap::Args;
use papertape::strategy::{Problem, Strategy};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Arguments of `strategy check`.
#[derive(Clone, Debug, Args)]
pub(super) struct CheckArguments {
    /// Strategy files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(arguments: &CheckArguments) -> Result<(), CliError> {
    let mut report = String::new();
    let mut fine = true;
    for path in &arguments.files {
        let lines = match std::fs::read_to_string(path) {
            Ok(source) => match Strategy::compile(&source, &BTreeMap::new(), None) {
                Ok(_) => Vec::new(),
                Err(problems) => problems.iter().map(|problem| line(path, problem)).collect(),
            },
            Err(error) => vec![format!(
                "{}:1:1: the file cannot be read: {error}",
                path.display()
            )],
        };
        fine &= lines.is_empty();
        for line in lines {
            report.push_str(&line);
            report.push('\n');
        }
    }
    print(&report)?;
    if fine { Ok(()) } else { Err(CliError::Reported) }
}

/// A problem as editors and compilers write it.
pub(super) fn line(path: &Path, problem: &Problem) -> String {
    format!(
        "{}:{}:{}: {}",
        path.display(),
        problem.line,
        problem.column,
        problem.message
    )
}
