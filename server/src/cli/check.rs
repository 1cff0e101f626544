//! `papertape strategy check` and `papertape strategy schema`.

use super::{CliError, backtest::print};
use crate::services::embedded;
use clap::Args;
use papertape::strategy::{Problem, StrategySpec, json_schema};
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
        let lines: Vec<String> = match std::fs::read_to_string(path) {
            Ok(source) => match review(path, &source) {
                // A warning is no problem: the file runs.
                Ok(warnings) => warnings.iter().map(|it| line(path, it, "warning: ")).collect(),
                Err(problems) => {
                    fine = false;
                    problems.iter().map(|it| line(path, it, "")).collect()
                }
            },
            Err(error) => {
                fine = false;
                vec![format!(
                    "{}:1:1: the file cannot be read: {error}",
                    path.display()
                )]
            }
        };
        for line in lines {
            report.push_str(&line);
            report.push('\n');
        }
    }
    print(&report)?;
    if fine { Ok(()) } else { Err(CliError::Reported) }
}

/// `strategy schema`: the JSON Schema of strategy files.
pub(super) fn schema() -> Result<(), CliError> {
    print(&format!("{:#}\n", json_schema()))
}

/// What is likely a mistake in a file that runs, or what keeps it from running.
fn review(path: &Path, source: &str) -> Result<Vec<Problem>, Vec<Problem>> {
    Ok(read(path, source)?.compile(&BTreeMap::new(), None)?.warnings)
}

/// Reads a file, which may extend one beside it or one of the library.
pub(super) fn read(path: &Path, source: &str) -> Result<StrategySpec, Vec<Problem>> {
    StrategySpec::parse_with(source, &|name| {
        let is_plain = !name.starts_with('.') && !name.contains(['/', '\\']);
        let folder = path.parent().filter(|_| is_plain)?;
        let beside = ["yaml", "yml"].map(|suffix| folder.join(format!("{name}.{suffix}")));
        let found = beside.iter().find_map(|path| std::fs::read_to_string(path).ok());
        found.or_else(|| embedded(name).map(str::to_owned))
    })
}

/// A problem as editors and compilers write it.
pub(super) fn line(path: &Path, problem: &Problem, kind: &str) -> String {
    format!(
        "{}:{}:{}: {kind}{}",
        path.display(),
        problem.line,
        problem.column,
        problem.message
    )
}
