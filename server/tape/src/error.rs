//! What goes wrong with a tape.

use std::{io, path::PathBuf, sync::Arc};

/// What went wrong. Clones share the cause: one failure is told to everybody who waits.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TapeError {
    /// The disk refused: full, read-only, broken. What is durable stays so; the channel takes nothing more.
    #[error("the tape cannot {doing} {}: {source}", .path.display())]
    Io {
        /// What was tried: "write", "read".
        doing: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// A file of the tape is not what it should be.
    #[error("{} is damaged: {detail}", .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// In which way.
        detail: String,
    },
    /// The records asked for are not kept any more.
    #[error("the tape begins with number {first}; {number} is not kept any more")]
    Gone {
        /// What was asked for.
        number: u64,
        /// The first that there is.
        first: u64,
    },
    /// Records are missing between two files.
    #[error("numbers {from} to {to} are missing from the tape")]
    Hole {
        /// The first that is missing.
        from: u64,
        /// The last that is missing.
        to: u64,
    },
    /// The disk is so far behind that nothing more is taken.
    #[error("the tape's disk is behind by {bytes} bytes: nothing more is taken until it has caught up")]
    Behind {
        /// Bytes that wait to be written.
        bytes: usize,
    },
    /// The store was opened to read only.
    #[error("the tape was opened to read only")]
    ReadOnly,
    /// Another process has the store open.
    #[error("the tape at {} is in use by another process", .path.display())]
    InUse {
        /// The store's folder.
        path: PathBuf,
    },
    /// The store was closed.
    #[error("the tape is closed")]
    Closed,
    /// The name of a feed that cannot be a folder's.
    #[error("'{name}' cannot be the name of a feed on tape: it has 1 to {most} bytes")]
    Name {
        /// The name.
        name: String,
        /// The most bytes that it may have.
        most: usize,
    },
    /// The feed and symbol are not on tape.
    #[error("there is no tape of {symbol} on {feed}")]
    Unknown {
        /// The feed.
        feed: String,
        /// The symbol.
        symbol: String,
    },
    /// A record that cannot be written.
    #[error("the record cannot be written: {0}")]
    Encode(String),
}

/// A result of the tape's.
pub type Result<T, E = TapeError> = std::result::Result<T, E>;

impl TapeError {
    /// Turns a system's error into ours.
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            doing,
            path,
            source: Arc::new(source),
        }
    }

    pub(crate) fn damaged(path: impl Into<PathBuf>, detail: impl ToString) -> Self {
        Self::Damaged {
            path: path.into(),
            detail: detail.to_string(),
        }
    }

    /// Whether a file was not there, which happens when it has just become part of a segment.
    pub(crate) fn is_missing_file(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
