//! `papertape indicators`.

use super::bars::load;
use super::{CliError, backtest::print};
use clap::Args;
use papertape::model::Timeframe;
use papertape::strategy::{PositionView, compile_expressions};
use std::path::PathBuf;

/// Arguments of `indicators`.
#[derive(Clone, Debug, Args)]
pub(super) struct IndicatorArguments {
    /// A bar file; several of one bar length are joined in order of time.
    #[arg(long, value_name = "FILE", required = true)]
    bars: Vec<PathBuf>,
    /// The files' own bar length, such as 1m [default: inferred]
    #[arg(long, value_name = "LENGTH")]
    timeframe: Option<Timeframe>,
    /// An expression such as 'sma(close, 20)'; may be given several times.
    #[arg(
        long = "expr",
        value_name = "EXPRESSION",
        required = true,
        allow_hyphen_values = true
    )]
    expressions: Vec<String>,
}

/// Prints a row a bar: its open time, then a cell an expression; empty while the expression is undefined.
pub(super) fn run(arguments: &IndicatorArguments) -> Result<(), CliError> {
    let loaded = load(&arguments.bars, arguments.timeframe)?;
    let (mut program, slots) =
        compile_expressions(&arguments.expressions, loaded.timeframe).map_err(|problems| {
            let lines = problems.iter().map(|problem| {
                let index = problem
                    .path
                    .strip_prefix("expressions.")
                    .and_then(|index| index.parse().ok());
                let text = index.and_then(|index: usize| arguments.expressions.get(index));
                let text = text.map_or("", String::as_str);
                format!("in '{text}', column {}: {}", problem.column, problem.message)
            });
            CliError::problem(lines.collect::<Vec<_>>().join("\n"))
        })?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    let unwritable = |error: csv::Error| CliError::problem(format!("the rows cannot be written: {error}"));
    let header = std::iter::once("time").chain(arguments.expressions.iter().map(String::as_str));
    writer.write_record(header).map_err(unwritable)?;
    for bar in loaded.bars.iter() {
        program.on_bar(&bar, &PositionView::FLAT);
        let cells = slots.iter().map(|slot| match program.number(*slot) {
            value if value.is_nan() => String::new(),
            value => value.to_string(),
        });
        writer
            .write_record(std::iter::once(bar.open_time.to_string()).chain(cells))
            .map_err(unwritable)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| CliError::problem(format!("the rows cannot be written: {error}")))?;
    print(&String::from_utf8_lossy(&bytes))
}
