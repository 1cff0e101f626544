//! The live store: what the server tells as it happens, held for the pages.
//!
//! One WebSocket carries everything (`socket`). Events change a session through a pure function ([`apply`]); the views
//! see the result at most once per animation frame, part by part, through the signals of a [`SessionView`].

mod connection;
mod reducer;
mod resume;
mod session;
mod socket;

pub use connection::Connection;
pub use reducer::{Applied, MAX_BARS, MAX_EQUITY, Parts, apply};
pub use resume::{Missed, Recovered, Resume};
pub use session::SessionView;

use crate::erased::effect;
use leptos::prelude::*;
use papertape::api::{
    ClientMessage, ProblemDetails, ServerMessage, SessionDetail, SessionSummary, Subscription,
};
use papertape::model::SessionId;
use session::Followed;
use socket::Wires;
use std::collections::BTreeMap;

/// Something that the reader should know and can put away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Counted from 1 on this page.
    pub id: u64,
    /// Whether it reports a failure.
    pub failure: bool,
    /// One or two sentences.
    pub text: String,
}

/// The live store: `expect_context::<Live>()`. A handle; copies are the same store.
#[derive(Clone, Copy, Debug)]
pub struct Live {
    connection: RwSignal<Connection>,
    sessions: RwSignal<Option<Vec<SessionSummary>>>,
    notices: RwSignal<Vec<Notice>>,
    inner: StoredValue<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    wires: Option<Wires>,
    watchers: usize,
    followed: BTreeMap<SessionId, Followed>,
    newest: Option<Vec<SessionSummary>>,
    resume: Option<Resume>,
    notices: u64,
    frame: bool,
}

impl Live {
    /// An empty store, not yet connected.
    #[must_use]
    pub fn new() -> Self {
        Self {
            connection: RwSignal::new(Connection::Connecting),
            sessions: RwSignal::new(None),
            notices: RwSignal::new(Vec::new()),
            inner: StoredValue::new(Inner::default()),
        }
    }

    /// Opens the WebSocket and keeps it open as long as the page lives. For the browser, once.
    pub fn connect(self) {
        socket::start(self);
    }

    /// How the connection is.
    #[must_use]
    pub fn connection(self) -> Signal<Connection> {
        self.connection.into()
    }

    /// All sessions as of the last message; `None` before the first. Comes only while somebody [`Live::watch`]es.
    #[must_use]
    pub fn sessions(self) -> Signal<Option<Vec<SessionSummary>>> {
        self.sessions.into()
    }

    /// What the reader should know.
    #[must_use]
    pub fn notices(self) -> Signal<Vec<Notice>> {
        self.notices.into()
    }

    /// Adds a notice.
    pub fn notify(self, failure: bool, text: impl Into<String>) {
        let text = text.into();
        let id = self
            .inner
            .try_update_value(|inner| {
                inner.notices += 1;
                inner.notices
            })
            .unwrap_or_default();
        self.notices.update(|notices| {
            notices.push(Notice { id, failure, text });
            // Nobody reads a fourth; the oldest goes.
            if notices.len() > 3 {
                notices.remove(0);
            }
        });
    }

    /// Puts a notice away.
    pub fn dismiss(self, id: u64) {
        self.notices
            .update(|notices| notices.retain(|notice| notice.id != id));
    }

    /// Asks for the list of sessions until the current owner is cleaned up.
    pub fn watch(self) {
        effect(move || {
            self.inner.update_value(|inner| {
                inner.watchers += 1;
                if inner.watchers == 1 {
                    inner.send(ClientMessage::Watch(true));
                }
            });
        });
        on_cleanup(move || {
            self.inner.try_update_value(|inner| {
                inner.watchers = inner.watchers.saturating_sub(1);
                if inner.watchers == 0 {
                    inner.send(ClientMessage::Watch(false));
                }
            });
            // A list that nobody keeps up to date would greet the next page with old figures.
            self.sessions.try_set(None);
        });
    }

    /// Puts a session's newest line into the list at once: what an action answered is on screen before the next
    /// message comes.
    pub fn put(self, summary: SessionSummary) {
        self.inner.update_value(|inner| {
            if let Some(followed) = inner.followed.get_mut(&summary.id) {
                followed.put_summary(&summary);
            }
        });
        self.sessions.update(|sessions| {
            if let Some(known) = sessions.iter_mut().flatten().find(|known| known.id == summary.id) {
                *known = summary;
            }
        });
        self.draw();
    }

    /// Takes a deleted session off the list at once.
    pub fn forget(self, id: &SessionId) {
        self.sessions.update(|sessions| {
            if let Some(sessions) = sessions {
                sessions.retain(|known| known.id != *id);
            }
        });
    }

    /// Keeps `view` up to date from `detail` on, until [`Live::unfollow`].
    pub fn follow(self, view: SessionView, detail: SessionDetail) {
        let id = detail.summary.id.clone();
        self.inner.update_value(|inner| {
            let after = Some(detail.summary.seq);
            inner.followed.insert(id.clone(), Followed::new(view, detail));
            inner.send(ClientMessage::Subscribe(Subscription { session: id, after }));
        });
    }

    /// No more of a session.
    pub fn unfollow(self, id: &SessionId) {
        self.inner.try_update_value(|inner| {
            if inner.followed.remove(id).is_some() {
                inner.send(ClientMessage::Unsubscribe(Subscription {
                    session: id.clone(),
                    after: None,
                }));
            }
        });
    }

    /// Takes over from a fresh read what events do not carry: metrics and the head of the hash chain.
    pub fn refresh(self, detail: SessionDetail) {
        self.inner.update_value(|inner| {
            if let Some(followed) = inner.followed.get_mut(&detail.summary.id) {
                followed.refresh(detail);
            }
        });
        self.draw();
    }

    /// One message from the server.
    fn receive(self, message: ServerMessage) {
        let mut refusal = None;
        self.inner.update_value(|inner| match message {
            ServerMessage::Event(event) => {
                let Some(followed) = inner.followed.get_mut(&event.session) else {
                    return;
                };
                match followed.event(&event) {
                    Applied::Gap => inner.send(ClientMessage::Subscribe(Subscription {
                        session: event.session,
                        after: None,
                    })),
                    Applied::Changed(_) => refusal = followed.late_refusal(&event),
                    Applied::Known => {}
                }
            }
            ServerMessage::Snapshot(snapshot) => {
                if let Some(resume) = &mut inner.resume {
                    resume.snapshot(&snapshot.detail.summary);
                }
                if let Some(followed) = inner.followed.get_mut(&snapshot.session) {
                    followed.snapshot(snapshot.seq, snapshot.detail);
                }
            }
            ServerMessage::Resync(id) => {
                if let Some(followed) = inner.followed.get_mut(&id) {
                    followed.lost();
                }
            }
            ServerMessage::Sessions(sessions) => {
                if let Some(resume) = &mut inner.resume {
                    resume.list(&sessions);
                }
                if inner.watchers == 0 {
                    // It was only asked for to learn what a reconnect has missed.
                    inner.send(ClientMessage::Watch(false));
                }
                inner.newest = Some(sessions);
            }
            ServerMessage::Pong(_) | ServerMessage::Error(_) => {}
        });
        if let Some(refusal) = refusal {
            self.notify(true, refusal);
        }
    }

    fn fail(self, problem: &ProblemDetails) {
        self.notify(true, problem.detail.clone());
    }

    /// Shows what has changed with the next frame; many messages in one frame are one change.
    fn draw(self) {
        let due = self
            .inner
            .try_update_value(|inner| !std::mem::replace(&mut inner.frame, true));
        if due == Some(true) {
            request_animation_frame(move || self.flush());
        }
    }

    fn flush(self) {
        let Some((newest, sessions)) = self.inner.try_update_value(|inner| {
            inner.frame = false;
            for followed in inner.followed.values_mut() {
                followed.show();
            }
            (
                inner.newest.take(),
                inner
                    .resume
                    .as_ref()
                    .and_then(|resume| resume.finished(socket::now())),
            )
        }) else {
            return;
        };
        if let Some(newest) = newest {
            self.sessions.set(Some(newest));
        }
        if let Some(text) = sessions {
            self.inner.update_value(|inner| inner.resume = None);
            self.notify(false, text);
        }
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    fn send(&self, message: ClientMessage) {
        if let Some(wires) = &self.wires {
            wires.send(message);
        }
    }

    /// What a fresh connection begins with: everything that the page wants to hear, from where it stands.
    fn greetings(&self) -> Vec<ClientMessage> {
        let mut greetings: Vec<_> = self
            .followed
            .iter()
            .map(|(id, followed)| {
                ClientMessage::Subscribe(Subscription {
                    session: id.clone(),
                    after: followed.seq(),
                })
            })
            .collect();
        if self.watchers > 0 || self.resume.is_some() {
            greetings.push(ClientMessage::Watch(true));
        }
        greetings
    }

    /// What the page has, session by session: the number of the last event and the recoveries.
    fn standing(&self, list: &[SessionSummary]) -> BTreeMap<SessionId, (u64, u32)> {
        let mut standing: BTreeMap<_, _> = list
            .iter()
            .map(|summary| (summary.id.clone(), (summary.seq, summary.recoveries)))
            .collect();
        for (id, followed) in &self.followed {
            standing.insert(id.clone(), followed.standing());
        }
        standing
    }
}
