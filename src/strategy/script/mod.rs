//! Scripts: what rules of YAML cannot say.
//!
//! A script computes named numbers and conditions at each close, as an indicator does, and the file's rules read them: so
//! its wishes take the same way through sizing, risk check and exchange as those of any other strategy. It is one
//! operation of the [`Program`](super::Program), and what it remembers from bar to bar is a part of the program, and with
//! it of every snapshot.
//!
//! The language is [Rhai](https://rhai.rs). A script sees nothing but what the file hands to it: no clock, no chance, no
//! files. Steps, depth and size are bounded; one that goes beyond is stopped, and with it its strategy
//! ([`ScriptFailure`]). `docs/scripts.md` explains it by examples.
//!
//! The interpreter is behind the feature `script`, which the server turns on and the browser does not: there, files with
//! a script are read and shown, and compiling one says that it runs on the server.

#[cfg(feature = "script")]
mod functions;
#[cfg(feature = "script")]
mod memory;
#[cfg(feature = "script")]
pub(crate) mod routine;
#[cfg(feature = "script")]
pub(crate) mod sandbox;
mod words;

use super::expression::ast::{Expression, Kind, Span};
use super::expression::elaborate::Script;
use super::problem::Position;
use super::yaml::Text;
use serde::{Deserialize, Serialize};
use std::fmt;
pub(crate) use words::words;

/// Whether this build runs strategies with a script.
pub const RUNS_SCRIPTS: bool = cfg!(feature = "script");

/// Longest script, in characters.
pub(super) const MAXIMUM_LENGTH: usize = 32 * 1024;
/// Most values that a script gives.
pub(super) const MAXIMUM_GIVEN: usize = 64;

/// A script as written.
#[derive(Clone, Debug)]
pub(crate) struct ScriptSpec {
    /// Its text; as an expression it is nothing but a place.
    pub(crate) code: Script,
    /// What it computes, in the file's order.
    pub(crate) gives: Vec<Given>,
    /// The text compiled, once for all parameters.
    #[cfg(feature = "script")]
    pub(crate) compiled: std::sync::OnceLock<Result<sandbox::Compiled, sandbox::Flaw>>,
}

/// A value that a script computes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Given {
    pub(crate) name: String,
    pub(crate) kind: GivenKind,
}

/// What kind of value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum GivenKind {
    Number,
    Condition,
}

/// Why a script was stopped, and where in the strategy's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptFailure {
    /// Line in the file, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// What went wrong.
    pub message: String,
}

impl fmt::Display for ScriptFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl ScriptSpec {
    pub(crate) fn new(path: &str, code: Text, gives: Vec<Given>) -> Self {
        Self {
            code: Script {
                path: path.to_owned(),
                text: code,
                tree: Expression {
                    kind: Kind::Boolean(true),
                    span: Span { start: 0, end: 0 },
                },
            },
            gives,
            #[cfg(feature = "script")]
            compiled: std::sync::OnceLock::new(),
        }
    }

    /// The parameters that it reads, as `$name`.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = String> {
        let words = words(&self.code.text.text).into_iter();
        words.filter(|word| word.is_parameter).map(|word| word.text)
    }

    /// Where its lines stand in the file.
    #[cfg_attr(not(feature = "script"), allow(dead_code))]
    fn lines(&self) -> Vec<Line> {
        let text = &self.code.text;
        let mut start = 0;
        let lines = text.text.split('\n').map(|line| {
            let length = line.chars().count();
            let (from, to) = (text.position(start), text.position(start + length));
            start += length + 1;
            Line {
                line: from.line,
                // Of a text that was moved to one place, all columns are that place's.
                columns: (
                    from.column,
                    if from.line == to.line { to.column } else { u32::MAX },
                ),
            }
        });
        lines.collect()
    }
}

/// Where a line of a script stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(feature = "script"), allow(dead_code))]
pub(crate) struct Line {
    line: u32,
    /// Of its first character, and of its end.
    columns: (u32, u32),
}

impl Line {
    /// The place in the file of a place in the script, both counted from 1.
    #[cfg_attr(not(feature = "script"), allow(dead_code))]
    fn place(lines: &[Self], line: usize, column: usize) -> Position {
        let at = lines.get(line.saturating_sub(1)).or_else(|| lines.last());
        at.map_or(Position::START, |at| {
            let (first, last) = at.columns;
            let offset = u32::try_from(column.saturating_sub(1)).unwrap_or(u32::MAX);
            Position {
                line: at.line,
                column: first.saturating_add(offset).min(last),
            }
        })
    }
}
