//! Live updates over one WebSocket: snapshot, then numbered events; a gap means resync.

use super::Api;
use super::problem::{Failure, details};
use crate::host::{First, Frame, Host, HostError};
use crate::services::ServiceError;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{State, ws::rejection::WebSocketUpgradeRejection};
use axum::http::StatusCode;
use axum::response::Response;
use futures::{SinkExt, StreamExt, stream::SplitSink};
use papertape::api::{ClientMessage, ProblemDetails, ServerMessage, SnapshotMessage, Subscription};
use papertape::model::SessionId;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// The largest message a client may send, in bytes.
pub(super) const MAX_MESSAGE: usize = 64 * 1024;
/// Messages that may wait for a client before its sessions' events wait in their rings.
const QUEUE: usize = 256;
/// Sessions one connection may subscribe to.
const MAX_SUBSCRIPTIONS: usize = 256;
/// How long a client may take to accept what is sent before it counts as gone.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a silent connection is tried.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(30);
/// More events in a window than this are more than a page can draw: it gets a snapshot instead.
const BURST: u32 = 500;
const WINDOW: Duration = Duration::from_millis(250);
/// How long a client that was too slow, or a session that was too fast, waits for its next snapshot.
const BREATHER: Duration = Duration::from_millis(400);
/// How often at most the list of sessions is sent.
const LIST_EVERY: Duration = Duration::from_millis(300);

pub(super) async fn upgrade(
    State(api): State<Api>,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Failure> {
    Ok(accept(socket)?.on_upgrade(move |socket| Connection::new(api).serve(socket)))
}

/// The upgrade of a request that asks for one.
pub(super) fn accept(
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<WebSocketUpgrade, Failure> {
    let socket = socket.map_err(|rejection| {
        Failure::from(details(
            StatusCode::UPGRADE_REQUIRED,
            "websocket_required",
            "This path speaks WebSocket",
            rejection.body_text(),
            Vec::new(),
        ))
    })?;
    Ok(socket.max_message_size(MAX_MESSAGE))
}

/// One client.
struct Connection {
    api: Api,
    /// To the client, in the order in which things happened to each session.
    out: mpsc::Sender<Utf8Bytes>,
    waiting: Option<mpsc::Receiver<Utf8Bytes>>,
    subscriptions: BTreeMap<SessionId, JoinHandle<()>>,
    list: Option<JoinHandle<()>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        for task in self.subscriptions.values().chain(&self.list) {
            task.abort();
        }
    }
}

impl Connection {
    fn new(api: Api) -> Self {
        let (out, waiting) = mpsc::channel(QUEUE);
        Self {
            api,
            out,
            waiting: Some(waiting),
            subscriptions: BTreeMap::new(),
            list: None,
        }
    }

    async fn serve(mut self, socket: WebSocket) {
        let Some(mut waiting) = self.waiting.take() else {
            return;
        };
        let (mut sender, mut receiver) = socket.split();
        let mut closing = self.api.closing.clone();
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(64);
        loop {
            let alive = tokio::select! {
                message = receiver.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        self.handle(&text);
                        true
                    }
                    Some(Ok(Message::Binary(_))) => {
                        self.answer(&ServerMessage::Error(malformed("messages are JSON text")));
                        true
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => true,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => false,
                },
                _ = waiting.recv_many(&mut batch, 64) => send(&mut sender, batch.drain(..).map(Message::Text)).await,
                _ = heartbeat.tick() => send(&mut sender, [Message::Ping(Vec::new().into())]).await,
                () = has_turned_true(&mut closing) => {
                    let away = CloseFrame {
                        code: close_code::AWAY,
                        reason: "the server is shutting down".into(),
                    };
                    send(&mut sender, [Message::Close(Some(away))]).await;
                    false
                }
            };
            if !alive {
                return;
            }
        }
    }

    fn handle(&mut self, text: &str) {
        match serde_json::from_str::<ClientMessage>(text) {
            Ok(ClientMessage::Subscribe(subscription)) => self.subscribe(subscription),
            Ok(ClientMessage::Unsubscribe(subscription)) => {
                if let Some(task) = self.subscriptions.remove(&subscription.session) {
                    task.abort();
                }
            }
            Ok(ClientMessage::Watch(watch)) => {
                if let Some(task) = self.list.take() {
                    task.abort();
                }
                if watch {
                    let host = Arc::clone(self.api.services.host());
                    self.list = Some(tokio::spawn(send_lists(host, self.out.clone())));
                }
            }
            Ok(ClientMessage::Ping(number)) => self.answer(&ServerMessage::Pong(number)),
            Err(error) => self.answer(&ServerMessage::Error(malformed(&error.to_string()))),
        }
    }

    fn subscribe(&mut self, Subscription { session, after }: Subscription) {
        self.subscriptions.retain(|_, task| !task.is_finished());
        if let Some(task) = self.subscriptions.remove(&session) {
            task.abort();
        }
        if self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            let problem = malformed("one connection subscribes to at most 256 sessions");
            self.answer(&ServerMessage::Error(problem));
            return;
        }
        let host = Arc::clone(self.api.services.host());
        let follower = Follower {
            host,
            session: session.clone(),
            out: self.out.clone(),
        };
        self.subscriptions
            .insert(session, tokio::spawn(follower.follow(after)));
    }

    /// Answers at once if there is room. A client that lets its queue fill and asks on gets no answer.
    fn answer(&self, message: &ServerMessage) {
        let _ = self.out.try_send(text_of(message));
    }
}

/// Sends what is ready in one go; `false` when the client is gone or does not accept it.
pub(super) async fn send(
    sender: &mut SplitSink<WebSocket, Message>,
    messages: impl IntoIterator<Item = Message>,
) -> bool {
    let all = async {
        for message in messages {
            sender.feed(message).await?;
        }
        sender.flush().await
    };
    matches!(timeout(PATIENCE, all).await, Ok(Ok(())))
}

pub(super) async fn has_turned_true(flag: &mut watch::Receiver<bool>) {
    // A flag whose owner is gone will not turn any more.
    if flag.wait_for(|set| *set).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Follows one session for one client.
struct Follower {
    host: Arc<Host>,
    session: SessionId,
    out: mpsc::Sender<Utf8Bytes>,
}

/// Why no more events come.
enum End {
    /// The client fell behind, or the session runs faster than anybody can look.
    Behind,
    /// The session has ended, or was deleted.
    Over,
    /// The client is gone.
    Gone,
}

impl Follower {
    async fn follow(self, mut after: Option<u64>) {
        let mut announced = false;
        loop {
            let listening = match self.host.listen(&self.session, after).await {
                Ok(listening) => listening,
                Err(HostError::Busy) => {
                    sleep(BREATHER).await;
                    continue;
                }
                Err(error) => {
                    self.say(&ServerMessage::Error(crate::http::problem(&ServiceError::Host(
                        error,
                    ))))
                    .await;
                    return;
                }
            };
            match listening.first {
                First::Missed(frames) => {
                    for frame in frames {
                        if self.out.send(frame.text()).await.is_err() {
                            return;
                        }
                    }
                }
                First::Snapshot(detail) => {
                    if after.is_some() && !announced {
                        self.say(&ServerMessage::Resync(self.session.clone())).await;
                    }
                    let snapshot = SnapshotMessage {
                        session: self.session.clone(),
                        seq: detail.summary.seq,
                        detail: *detail,
                    };
                    self.say(&ServerMessage::Snapshot(Box::new(snapshot))).await;
                }
            }
            let Some(mut events) = listening.events else {
                return;
            };
            match self.pump(&mut events).await {
                End::Gone => return,
                End::Over => {
                    if let Err(error) = self.host.summary(&self.session) {
                        let problem = crate::http::problem(&ServiceError::Host(error));
                        self.say(&ServerMessage::Error(problem)).await;
                    }
                    return;
                }
                End::Behind => {
                    drop(events);
                    self.say(&ServerMessage::Resync(self.session.clone())).await;
                    announced = true;
                    after = None;
                    sleep(BREATHER).await;
                }
            }
        }
    }

    async fn pump(&self, events: &mut broadcast::Receiver<Arc<Frame>>) -> End {
        let mut window = Instant::now();
        let mut count = 0;
        loop {
            let frame = match events.recv().await {
                Ok(frame) => frame,
                Err(broadcast::error::RecvError::Lagged(_)) => return End::Behind,
                Err(broadcast::error::RecvError::Closed) => return End::Over,
            };
            if window.elapsed() >= WINDOW {
                window = Instant::now();
                count = 0;
            }
            count += 1;
            if count > BURST {
                return End::Behind;
            }
            if self.out.send(frame.text()).await.is_err() {
                return End::Gone;
            }
        }
    }

    async fn say(&self, message: &ServerMessage) {
        let _ = self.out.send(text_of(message)).await;
    }
}

/// Sends the list of sessions now, and again whenever it has changed.
async fn send_lists(host: Arc<Host>, out: mpsc::Sender<Utf8Bytes>) {
    let mut changes = host.changes();
    loop {
        changes.mark_unchanged();
        if out
            .send(text_of(&ServerMessage::Sessions(host.list())))
            .await
            .is_err()
        {
            return;
        }
        sleep(LIST_EVERY).await;
        if changes.changed().await.is_err() {
            return;
        }
    }
}

fn text_of(message: &ServerMessage) -> Utf8Bytes {
    // Nothing in the messages can fail to be JSON.
    serde_json::to_string(message).unwrap_or_default().into()
}

pub(super) fn malformed(because: &str) -> ProblemDetails {
    details(
        StatusCode::BAD_REQUEST,
        "malformed_message",
        "The message cannot be followed",
        format!("The message cannot be followed: {because}."),
        Vec::new(),
    )
}
