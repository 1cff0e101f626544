//! From a session to its listeners: numbered events, each written as JSON once however many listen.

use axum::extract::ws::Utf8Bytes;
use papertape::api::SessionDetail;
use papertape::engine::Event;
use papertape::model::SessionId;
use serde::Serialize;
use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};
use tokio::sync::broadcast;

/// Events kept to resume from, and events that a listener may be behind before it has to start anew.
const RING: usize = 4_096;

/// One event on its way to listeners.
#[derive(Debug)]
pub struct Frame {
    session: SessionId,
    event: Arc<Event>,
    text: OnceLock<Utf8Bytes>,
}

impl Frame {
    /// The event's number.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.event.seq
    }

    /// The message that carries it: `{"event": {"session": …, "seq": …, …}}`.
    #[must_use]
    pub fn text(&self) -> Utf8Bytes {
        #[derive(Serialize)]
        struct Message<'a> {
            event: Body<'a>,
        }
        #[derive(Serialize)]
        struct Body<'a> {
            session: &'a SessionId,
            #[serde(flatten)]
            event: &'a Event,
        }
        let write = || {
            let event = Body {
                session: &self.session,
                event: &self.event,
            };
            // Events have no maps with keys other than text: nothing to fail on.
            serde_json::to_string(&Message { event })
                .unwrap_or_default()
                .into()
        };
        self.text.get_or_init(write).clone()
    }
}

/// What a new listener gets first, and the events after it without a gap.
#[derive(Debug)]
pub struct Listening {
    /// What comes first.
    pub first: First,
    /// What comes after it; `None` when the session has ended and nothing more comes.
    pub events: Option<broadcast::Receiver<Arc<Frame>>>,
}

/// What a new listener gets first.
#[derive(Debug)]
pub enum First {
    /// The events that it missed.
    Missed(Vec<Arc<Frame>>),
    /// The session whole.
    Snapshot(Box<SessionDetail>),
}

/// A session's side of it.
#[derive(Debug)]
pub(super) struct Hub {
    session: SessionId,
    ring: VecDeque<Arc<Frame>>,
    listeners: broadcast::Sender<Arc<Frame>>,
}

impl Hub {
    pub(super) fn new(session: SessionId) -> Self {
        Self {
            session,
            ring: VecDeque::with_capacity(RING),
            listeners: broadcast::Sender::new(RING),
        }
    }

    pub(super) fn publish(&mut self, events: impl IntoIterator<Item = Arc<Event>>) {
        for event in events {
            let frame = Arc::new(Frame {
                session: self.session.clone(),
                event,
                text: OnceLock::new(),
            });
            if self.ring.len() == RING {
                self.ring.pop_front();
            }
            self.ring.push_back(Arc::clone(&frame));
            // Nobody listening is no error.
            let _ = self.listeners.send(frame);
        }
    }

    /// The events after number `after`, if all of them are still here; `seq` is the session's last.
    pub(super) fn missed(&self, after: u64, seq: u64) -> Option<Vec<Arc<Frame>>> {
        if after == seq {
            return Some(Vec::new());
        }
        let first = self.ring.front()?.seq();
        if after > seq || after + 1 < first {
            return None;
        }
        Some(
            self.ring
                .iter()
                .filter(|frame| frame.seq() > after)
                .cloned()
                .collect(),
        )
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Arc<Frame>> {
        self.listeners.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::engine::{EventKind, SessionState};
    use papertape::model::Timestamp;

    fn event(seq: u64) -> Arc<Event> {
        Arc::new(Event {
            seq,
            time: Timestamp::EPOCH,
            kind: EventKind::StateChanged {
                from: SessionState::Starting,
                to: SessionState::Running,
                reason: "started".to_owned(),
            },
        })
    }

    #[test]
    fn what_was_missed_is_whole_or_nothing() {
        let mut hub = Hub::new("s".parse().expect("an id"));
        let last = RING as u64 + 10;
        hub.publish((1..=last).map(event));
        let seqs = |after| {
            hub.missed(after, last)
                .map(|frames| frames.iter().map(|frame| frame.seq()).collect::<Vec<_>>())
        };
        assert_eq!(seqs(last), Some(vec![]));
        assert_eq!(seqs(last - 2), Some(vec![last - 1, last]));
        assert_eq!(seqs(10).map(|seqs| seqs.len()), Some(RING));
        assert_eq!(seqs(9), None);
        assert_eq!(
            seqs(last + 1),
            None,
            "a number from the future is no place to resume"
        );
    }

    #[test]
    fn a_frame_is_the_message_of_the_api() {
        let mut hub = Hub::new("s".parse().expect("an id"));
        hub.publish([event(7)]);
        let text = hub.missed(6, 7).expect("in the ring")[0].text();
        let message: papertape::api::ServerMessage = serde_json::from_str(&text).expect("a message");
        let papertape::api::ServerMessage::Event(live) = message else {
            panic!("an event: {text}");
        };
        assert_eq!((live.session.as_str(), live.seq), ("s", 7));
    }
}
