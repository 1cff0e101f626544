//! What the WebSocket speaks: a snapshot, then numbered events; a gap means resync.

use super::{ProblemDetails, SessionSummary, SnapshotMessage};
use crate::engine::EventKind;
use crate::model::{SessionId, Timestamp};
use serde::{Deserialize, Serialize};

/// From the page to the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientMessage {
    /// Send me a session's events; from `after` on if you still have them, else from a snapshot.
    Subscribe(Subscription),
    /// No more of it.
    Unsubscribe(Subscription),
    /// Send me (`true`) or stop sending me (`false`) the list of all sessions whenever it changes, a few times a
    /// second at most.
    Watch(bool),
    /// Are you there?
    Ping(i64),
}

/// Which session, from where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// Which session.
    pub session: SessionId,
    /// The number of the last event that the page has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// From the server to the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerMessage {
    /// A session whole.
    Snapshot(Box<SnapshotMessage>),
    /// The next thing that happened.
    Event(Box<LiveEvent>),
    /// All sessions, newest first: answers [`ClientMessage::Watch`].
    Sessions(Vec<SessionSummary>),
    /// Events were lost: forget what you have, a snapshot follows.
    Resync(SessionId),
    /// Yes, I am.
    Pong(i64),
    /// Your message could not be followed.
    Error(ProblemDetails),
}

/// An event with its session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveEvent {
    /// Which session.
    pub session: SessionId,
    /// The event's number; rises by one per session.
    pub seq: u64,
    /// Market time.
    pub time: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}
