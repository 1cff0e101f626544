//! The engine as bytes, and back.

use super::Engine;

/// The bytes are no snapshot of this version of the engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Another version wrote them.
    #[error("the snapshot has format {found}, this program reads format {expected}")]
    Version {
        /// The format found.
        found: u8,
        /// The format this program reads.
        expected: u8,
    },
    /// They are damaged.
    #[error("the snapshot cannot be read: {0}")]
    Damaged(String),
}

impl Engine {
    /// The format of [`Engine::snapshot`]; rises with every change of what it holds.
    pub const SNAPSHOT_FORMAT: u8 = 20;

    /// All of the engine's state. The restored engine continues as this one would, event for event.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![Self::SNAPSHOT_FORMAT])
            .unwrap_or_else(|error| unreachable!("the engine is plain data and a vector grows: {error}"))
    }

    /// The engine of a snapshot.
    ///
    /// # Errors
    /// [`SnapshotError`] when another version wrote it or it is damaged.
    pub fn restore(bytes: &[u8]) -> Result<Self, SnapshotError> {
        match bytes {
            [Self::SNAPSHOT_FORMAT, body @ ..] => {
                postcard::from_bytes(body).map_err(|error| SnapshotError::Damaged(error.to_string()))
            }
            [found, ..] => Err(SnapshotError::Version {
                found: *found,
                expected: Self::SNAPSHOT_FORMAT,
            }),
            [] => Err(SnapshotError::Damaged("it is empty".to_owned())),
        }
    }
}
