//! Action files from the command line.

use super::CliError;
use papertape::market::{CalendarId, DatedAction, read_actions};
use papertape::model::Timeframe;
use std::path::PathBuf;

/// Reads action files for bars of this length of an instrument with these hours, and joins them in order of time.
///
/// # Errors
/// When a file cannot be read or holds a wrong line.
pub(super) fn load(
    paths: &[PathBuf],
    hours: CalendarId,
    timeframe: Timeframe,
) -> Result<Vec<DatedAction>, CliError> {
    let mut all = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(path)
            .map_err(|error| CliError::problem(format!("{} cannot be read: {error}", path.display())))?;
        let actions = read_actions(&text, hours, timeframe).map_err(|error| {
            CliError::problem(format!("{}:{}: {}", path.display(), error.line, error.message))
        })?;
        all.extend(actions);
    }
    all.sort_by_key(|dated| dated.time);
    Ok(all)
}
