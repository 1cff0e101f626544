//! How a command ends when it does not end well.

use crate::host::HostError;
use crate::storage::StorageError;
use std::{error::Error, process::ExitCode};

/// How a command ends when it does not end well.
#[derive(Debug)]
pub enum CliError {
    /// The work found a problem: exit code 1.
    Problem(String),
    /// The work found problems and has printed them: exit code 1.
    Reported,
    /// The arguments make no sense together: exit code 2.
    Usage(String),
}

impl CliError {
    pub(super) fn problem(sentence: impl Into<String>) -> Self {
        Self::Problem(sentence.into())
    }

    pub(super) fn usage(sentence: impl Into<String>) -> Self {
        Self::Usage(sentence.into())
    }

    /// What to print, if it is not printed yet.
    #[must_use]
    pub fn sentence(&self) -> Option<&str> {
        match self {
            Self::Problem(sentence) | Self::Usage(sentence) => Some(sentence),
            Self::Reported => None,
        }
    }

    /// How the process ends.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Problem(_) | Self::Reported => ExitCode::from(1),
            Self::Usage(_) => ExitCode::from(2),
        }
    }
}

/// An error with its causes in one sentence.
fn with_causes(error: &dyn Error) -> String {
    let mut sentence = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !sentence.contains(&text) {
            sentence.push_str(": ");
            sentence.push_str(&text);
        }
        cause = error.source();
    }
    sentence
}

impl From<StorageError> for CliError {
    fn from(error: StorageError) -> Self {
        Self::Problem(with_causes(&error))
    }
}

impl From<HostError> for CliError {
    fn from(error: HostError) -> Self {
        Self::Problem(with_causes(&error))
    }
}
