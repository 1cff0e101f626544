//! The one WebSocket: opened, pinged, opened again.

use super::connection::{Connection, delay};
use super::{Live, Resume};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::future::{Either, select};
use futures::{Sink, SinkExt, StreamExt};
use gloo_net::websocket::{Message, State, futures::WebSocket};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use papertape::api::{ClientMessage, ServerMessage};
use papertape::model::Timestamp;
use std::future::poll_fn;
use std::pin::Pin;

/// How often the server is asked whether it is there, and how long silence may last.
const PING_EVERY_MS: u32 = 5_000;
const SILENCE_MS: i64 = 12_000;

/// The ends that the store holds of the running socket.
#[derive(Debug)]
pub(super) struct Wires {
    out: UnboundedSender<ClientMessage>,
}

impl Wires {
    pub(super) fn send(&self, message: ClientMessage) {
        // A closed channel is a closed connection: the next one greets with all that matters.
        let _ = self.out.unbounded_send(message);
    }
}

pub(super) fn start(live: Live) {
    let (wake, woken) = unbounded::<()>();
    for event in ["online", "offline", "visibilitychange"] {
        let wake = wake.clone();
        let handle = window_event_listener_untyped(event, move |_| {
            let _ = wake.unbounded_send(());
        });
        // It lives as long as the page.
        std::mem::forget(handle);
    }
    leptos::task::spawn_local(run(live, woken));
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(js_sys::Date::now() as i64)
}

fn has_network() -> bool {
    window().navigator().on_line()
}

fn address() -> Option<String> {
    let location = window().location();
    let scheme = if location.protocol().ok()? == "https:" {
        "wss"
    } else {
        "ws"
    };
    Some(format!(
        "{scheme}://{}/api/paper-trading/ws",
        location.host().ok()?
    ))
}

async fn run(live: Live, mut woken: UnboundedReceiver<()>) {
    let Some(address) = address() else { return };
    let mut attempt = 0;
    let mut last_message = now();
    let mut was_connected = false;
    loop {
        if let Ok(socket) = WebSocket::open(&address) {
            let lost_at = was_connected.then_some(last_message);
            if converse(live, socket, lost_at, &mut last_message, &mut woken).await {
                was_connected = true;
                attempt = 0;
            }
        }
        live.inner.try_update_value(|inner| inner.wires = None);
        show(live, Connection::broken(last_message, now(), has_network()));
        let pause = TimeoutFuture::new(delay(attempt, js_sys::Math::random()));
        attempt += 1;
        // The network came back or the reader did: no reason to wait.
        select(pause, woken.next()).await;
    }
}

fn show(live: Live, connection: Connection) {
    if live.connection.try_get_untracked() != Some(connection) {
        live.connection.try_set(connection);
    }
}

/// Speaks with the server until the connection breaks; says whether the server ever answered.
async fn converse(
    live: Live,
    mut socket: WebSocket,
    lost_at: Option<Timestamp>,
    last_message: &mut Timestamp,
    woken: &mut UnboundedReceiver<()>,
) -> bool {
    let (out, mut outbox) = unbounded();
    let greetings = live
        .inner
        .try_update_value(|inner| {
            if let Some(lost_at) = lost_at
                && inner.resume.is_none()
            {
                let list = live.sessions.try_get_untracked().flatten().unwrap_or_default();
                let followed = inner.followed.keys().cloned().collect();
                inner.resume = Some(Resume::new(inner.standing(&list), followed, lost_at));
            }
            inner.wires = Some(Wires { out });
            inner.greetings()
        })
        .unwrap_or_default();
    let mut answered = false;
    let mut heard_at = now();
    let mut pinged_at = 0_i64;
    let mut queue = greetings;
    queue.push(ClientMessage::Ping(0));
    loop {
        for message in queue.drain(..) {
            let Ok(text) = serde_json::to_string(&message) else {
                continue;
            };
            // A socket that failed to open takes messages too, and complains of each on the console.
            let ready = poll_fn(|context| Pin::new(&mut socket).poll_ready(context)).await;
            if ready.is_err() || !matches!(socket.state(), State::Open) {
                return answered;
            }
            if socket.send(Message::Text(text)).await.is_err() {
                return answered;
            }
        }
        let next = {
            let incoming = select(socket.next(), outbox.next());
            let timer = select(TimeoutFuture::new(PING_EVERY_MS), woken.next());
            match select(incoming, timer).await {
                Either::Left((Either::Left((message, _)), _)) => Next::Message(message),
                Either::Left((Either::Right((message, _)), _)) => Next::Send(message),
                Either::Right(_) => Next::Tick,
            }
        };
        match next {
            Next::Message(Some(Ok(message))) => {
                heard_at = now();
                *last_message = heard_at;
                answered = true;
                show(live, Connection::Connected);
                take(live, message);
            }
            Next::Message(_) => return answered,
            Next::Send(Some(message)) => queue.push(message),
            Next::Send(None) => return answered,
            Next::Tick => {
                let silent = now().millis() - heard_at.millis();
                if silent > SILENCE_MS || !has_network() {
                    return answered;
                }
                pinged_at += 1;
                queue.push(ClientMessage::Ping(pinged_at));
            }
        }
    }
}

enum Next {
    Message(Option<Result<Message, gloo_net::websocket::WebSocketError>>),
    Send(Option<ClientMessage>),
    Tick,
}

fn take(live: Live, message: Message) {
    let Message::Text(text) = message else { return };
    match papertape::model::json::read::<ServerMessage>(&text) {
        Ok(ServerMessage::Error(problem)) => live.fail(&problem),
        Ok(message) => {
            live.receive(message);
            live.draw();
        }
        Err(error) => leptos::logging::warn!("a message that this page does not understand: {error}"),
    }
}
