//! What can be wrong with a capture, and where.

use crate::market::GridError;

/// Why a capture cannot be read: the file, the line and the reason.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{file}, line {line}: {problem}")]
pub struct CaptureError {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, counted from 1, which is the header.
    pub line: u64,
    /// What is wrong there.
    pub problem: CaptureProblem,
}

/// What is wrong with a line of a capture.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CaptureProblem {
    /// The file has no header.
    #[error("the file is empty")]
    Empty,
    /// The line is not UTF-8, or a quote does not end on it.
    #[error("the line is not CSV text")]
    NotText,
    /// The header lacks a column.
    #[error("the column '{0}' is missing")]
    MissingColumn(&'static str),
    /// The header names a column twice.
    #[error("the column '{0}' is there twice")]
    DuplicateColumn(&'static str),
    /// The row has more or fewer fields than the header.
    #[error("{found} fields, where the header has {expected}")]
    FieldCount {
        /// Fields of the row.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// A field is not what its column holds.
    #[error("{column} '{text}' is not {wanted}")]
    Field {
        /// The column.
        column: &'static str,
        /// The field, shortened.
        text: String,
        /// What belongs there.
        wanted: &'static str,
    },
    /// A price or size has no place on the instrument's grid.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// The row was received before the one above it.
    #[error("received before the line above it")]
    TimeGoesBack,
    /// The number does not rise from row to row.
    #[error("the {column} {id} does not follow {before}")]
    IdGoesBack {
        /// The column.
        column: &'static str,
        /// The row's number.
        id: u64,
        /// The number before it.
        before: u64,
    },
    /// Rows of one message were received at different times.
    #[error("the message of this line was received at another time on the line above")]
    TornMessage,
}
