//! Why storage did not do what was asked.

use std::path::PathBuf;

/// Why storage did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The database cannot be opened.
    #[error("the database {path} cannot be opened: {because}")]
    Open {
        /// Its file.
        path: PathBuf,
        /// Why.
        because: String,
    },
    /// The database was written by a newer program.
    #[error(
        "the database {path} was written by a newer version of Papertape (schema {found}, this program knows {known}): \
         run that version, or use another data directory"
    )]
    Newer {
        /// Its file.
        path: PathBuf,
        /// The schema version in the file.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The scheme of the URL is not one that this program speaks.
    #[error("'{url}' is not a database URL that this program knows: write sqlite:FILE")]
    UnknownUrl {
        /// The URL without what might be secret.
        url: String,
    },
    /// The database refused.
    #[error("the database could not {doing}")]
    Database {
        /// What was under way: "write the journal".
        doing: &'static str,
        /// What it said.
        #[source]
        source: sqlx::Error,
    },
    /// What was read makes no sense.
    #[error("{what} in the database cannot be read: {because}")]
    Corrupt {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        because: String,
    },
    /// The writer has ended.
    #[error("the server is shutting down")]
    Closed,
}

impl StorageError {
    pub(super) fn corrupt(what: &'static str, because: impl std::fmt::Display) -> Self {
        Self::Corrupt {
            what,
            because: because.to_string(),
        }
    }

    /// For `map_err`: what was under way.
    pub(super) fn while_doing(doing: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }
}
