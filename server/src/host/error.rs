//! Why the host did not do what was asked.

use super::machine::MachineError;
use crate::storage::StorageError;
use papertape::engine::SessionState;
use papertape::model::SessionId;

/// Why the host did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// There is no such session.
    #[error("there is no session '{0}'")]
    Unknown(SessionId),
    /// The session is over.
    #[error("the session is {0}: it takes no commands any more")]
    Ended(SessionState),
    /// The session failed over what was asked: it was not done.
    #[error("the session has failed: {0}")]
    Failed(String),
    /// The session has more to do than it can.
    #[error("the session is busy: try again in a moment")]
    Busy,
    /// The server lets go of everything.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The session cannot be brought to life.
    #[error("the session cannot be read: {0}")]
    Unreadable(String),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<MachineError> for HostError {
    fn from(error: MachineError) -> Self {
        Self::Unreadable(error.to_string())
    }
}
