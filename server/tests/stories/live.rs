//! Live updates over the WebSocket.

use crate::support::{PATIENCE, Server, folder};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    async fn connect(server: &Server) -> Self {
        let url = format!("ws://{}/api/paper-trading/ws", server.address());
        let (socket, _) = connect_async(url).await.expect("the server speaks WebSocket");
        Self { socket }
    }

    async fn send(&mut self, message: Value) {
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .expect("the connection is open");
    }

    async fn receive(&mut self) -> Value {
        loop {
            let message = timeout(PATIENCE, self.socket.next())
                .await
                .expect("a message comes");
            match message
                .expect("the connection is open")
                .expect("the message is whole")
            {
                Message::Text(text) => return serde_json::from_str(&text).expect("messages are JSON"),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("not a text: {other:?}"),
            }
        }
    }

    async fn subscribe(&mut self, session: &str, after: Option<u64>) {
        self.send(json!({"subscribe": {"session": session, "after": after}}))
            .await;
    }

    /// The next `count` events, which must follow on `last` without a gap; gives the last number.
    async fn follow(&mut self, mut last: u64, count: usize) -> u64 {
        for _ in 0..count {
            let message = self.receive().await;
            let seq = message["event"]["seq"]
                .as_u64()
                .unwrap_or_else(|| panic!("an event: {message}"));
            assert_eq!(seq, last + 1);
            assert!(message["event"]["kind"].is_string() && message["event"]["time"].is_string());
            last = seq;
        }
        last
    }
}

#[tokio::test]
async fn a_snapshot_then_every_event_and_after_a_break_what_was_missed() {
    let data = folder();
    let server = Server::start(data.path());
    let id = server.start_busy(120.0);
    let mut client = Client::connect(&server).await;
    client.subscribe(&id, None).await;
    let first = client.receive().await;
    let snapshot = &first["snapshot"];
    assert_eq!(snapshot["session"], id.as_str());
    let seq = snapshot["seq"].as_u64().expect("a number");
    assert_eq!(snapshot["detail"]["summary"]["seq"], seq);
    let last = client.follow(seq, 100).await;
    drop(client);

    let mut client = Client::connect(&server).await;
    client.subscribe(&id, Some(last)).await;
    client.follow(last, 50).await;
    // A number that the session has not reached is no place to resume: resync, then a snapshot.
    client.subscribe(&id, Some(1_000_000_000)).await;
    loop {
        let message = client.receive().await;
        // Events of the first subscription may still be under way.
        if message["event"].is_null() {
            assert_eq!(message["resync"], id.as_str());
            break;
        }
    }
    let again = client.receive().await;
    let seq = again["snapshot"]["seq"].as_u64().expect("a snapshot follows");
    client.follow(seq, 10).await;
}

#[tokio::test]
async fn a_session_too_fast_to_watch_is_shown_in_snapshots_and_each_is_followed_without_a_gap() {
    let data = folder();
    let server = Server::start(data.path());
    let id = server.start_busy(0.0);
    let mut client = Client::connect(&server).await;
    client.subscribe(&id, None).await;
    let (mut last, mut snapshots, mut resyncs) = (None, Vec::new(), 0);
    while snapshots.len() < 3 {
        let message = client.receive().await;
        if let Some(seq) = message["event"]["seq"].as_u64() {
            assert_eq!(
                Some(seq),
                last.map(|last: u64| last + 1),
                "no gap without a resync"
            );
            last = Some(seq);
        } else if message["resync"].is_string() {
            last = None;
            resyncs += 1;
        } else {
            let seq = message["snapshot"]["seq"].as_u64().expect("a snapshot");
            last = Some(seq);
            snapshots.push(seq);
        }
    }
    assert!(resyncs >= 2 && snapshots.is_sorted(), "{resyncs} {snapshots:?}");
    // Slow again, every event comes.
    server.post(&format!("/sessions/{id}/speed"), &json!({"speed": 1}));
    server.post(&format!("/sessions/{id}/stop"), &json!({}));
    client.subscribe(&id, None).await;
    let detail = loop {
        let message = client.receive().await;
        if message["snapshot"]["detail"]["summary"]["state"] == "stopped" {
            break message;
        }
    };
    assert_eq!(
        detail["snapshot"]["detail"]["event_hash"],
        server.get(&format!("/sessions/{id}")).json()["event_hash"]
    );
}

#[tokio::test]
async fn two_sessions_share_a_connection_and_unsubscribing_silences_one() {
    let data = folder();
    let server = Server::start(data.path());
    let (one, two) = (server.start_busy(120.0), server.start_busy(120.0));
    let mut client = Client::connect(&server).await;
    client.subscribe(&one, None).await;
    client.subscribe(&two, None).await;
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 2 {
        if let Some(session) = client.receive().await["event"]["session"].as_str() {
            seen.insert(session.to_owned());
        }
    }
    client.send(json!({"unsubscribe": {"session": one}})).await;
    client.send(json!({"ping": 7})).await;
    while client.receive().await["pong"] != 7 {}
    for _ in 0..50 {
        assert_eq!(client.receive().await["event"]["session"], two.as_str());
    }
}

#[tokio::test]
async fn messages_that_make_no_sense_are_answered_and_the_connection_stays() {
    let data = folder();
    let server = Server::start(data.path());
    let mut client = Client::connect(&server).await;
    for nonsense in [
        json!({"dance": 1}),
        json!([]),
        json!({"subscribe": {"session": "no such!"}}),
    ] {
        client.send(nonsense).await;
        assert_eq!(client.receive().await["error"]["code"], "malformed_message");
    }
    client.subscribe("nobody", None).await;
    assert_eq!(client.receive().await["error"]["code"], "unknown_session");
    client.send(json!({"ping": 42})).await;
    assert_eq!(client.receive().await["pong"], 42);
}

#[tokio::test]
async fn the_list_of_sessions_is_sent_when_it_changes() {
    let data = folder();
    let server = Server::start(data.path());
    let mut client = Client::connect(&server).await;
    client.send(json!({"watch": true})).await;
    assert_eq!(client.receive().await["sessions"], json!([]));
    let id = server.start_busy(1.0);
    let list = client.receive().await;
    assert_eq!(list["sessions"][0]["id"], id.as_str());
    server.post(&format!("/sessions/{id}/stop"), &json!({}));
    while client.receive().await["sessions"][0]["state"] != "stopped" {}
}

#[tokio::test]
async fn a_page_of_another_site_cannot_listen() {
    let data = folder();
    let server = Server::start(data.path());
    let url = format!("ws://{}/api/paper-trading/ws", server.address());
    let mut request = url.into_client_request().expect("a request");
    request
        .headers_mut()
        .insert("origin", "https://evil.example".parse().expect("a header"));
    let refused = connect_async(request).await.expect_err("it is refused");
    assert!(refused.to_string().contains("403"), "{refused}");
}

#[tokio::test]
async fn a_server_that_ends_says_good_bye() {
    let data = folder();
    let server = Server::start(data.path());
    let id = server.start_busy(60.0);
    let mut client = Client::connect(&server).await;
    client.subscribe(&id, None).await;
    assert!(client.receive().await["snapshot"].is_object());
    server.terminate();
    loop {
        match timeout(PATIENCE, client.socket.next())
            .await
            .expect("a message comes")
        {
            Some(Ok(Message::Close(Some(frame)))) => {
                assert_eq!(u16::from(frame.code), 1001);
                break;
            }
            Some(Ok(_)) => {}
            other => panic!("closed without a word: {other:?}"),
        }
    }
    drop(client);
    assert_eq!(server.wait().code(), Some(0));
}
