//! What is wrong with a strategy file, and where.

pub(crate) use crate::model::spelling::hint;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One problem in a strategy file, pointing at the character that causes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Line in the file, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// What is wrong and, where that can be told, what would be right.
    pub message: String,
    /// The place by its names, such as `entry.long`; empty for the file as a whole.
    pub path: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for Problem {}

/// A place in the file: line and column, both counted from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Position {
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    /// This place, or the end of the text where it lies beyond.
    pub(crate) fn within(self, text: &str) -> Self {
        let last = text.rsplit('\n').next().unwrap_or_default();
        let end = Self {
            line: text.matches('\n').count() as u32 + 1,
            column: last.chars().count() as u32 + 1,
        };
        if (self.line, self.column) > (end.line, end.column) {
            end
        } else {
            self
        }
    }

    /// The problem `message` at this place.
    pub(crate) fn problem(self, path: &str, message: impl Into<String>) -> Problem {
        Problem {
            line: self.line,
            column: self.column,
            message: message.into(),
            path: path.to_owned(),
        }
    }
}
