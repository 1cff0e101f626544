//! The local venue does to sockets and answers what its faults say, and puts it on record.

use futures::{SinkExt, StreamExt};
use papertape_feeds::{
    Channels, Frame,
    testkit::{
        Act, Conversation, Fault, Faults, Mock, Reply, Request, Server, Stage, TrueMarket, Truth, TruthEvent,
        What,
    },
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream,
    tungstenite::{Error, Message},
};

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// Greets, echoes, and tells of the numbers of trades.
#[derive(Debug)]
struct Plain;

#[derive(Debug)]
struct PlainSocket;

impl Mock for Plain {
    fn answer(&mut self, request: &Request, truth: &Truth, _at: Duration) -> Reply {
        match request.path.as_str() {
            "/told" => Reply::json(200, &json!({ "told": truth.told, "name": request.param("name") })),
            _ => Reply::json(404, &json!({ "message": "NotFound" })),
        }
    }

    fn connect(&mut self, request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        match request.path.as_str() {
            "/stream" => Ok(Box::new(PlainSocket)),
            _ => Err(Reply::text(401, "text/plain", "no")),
        }
    }
}

impl Conversation for PlainSocket {
    fn opened(&mut self, _truth: &Truth) -> Vec<Act> {
        vec![Act::Send(Frame::Text("hello".to_owned()))]
    }

    fn received(&mut self, frame: &Frame, _truth: &Truth, _at: Duration) -> Vec<Act> {
        vec![Act::Send(frame.clone())]
    }

    fn tell(&mut self, event: &TruthEvent, _truth: &Truth) -> Vec<Frame> {
        match event.what {
            What::Trade { id, .. } => vec![Frame::Text(id.to_string())],
            _ => Vec::new(),
        }
    }

    fn farewell(&mut self) -> Vec<Frame> {
        vec![Frame::Text("bye".to_owned())]
    }

    fn listens(&self, _market: &TrueMarket) -> Channels {
        Channels::TICKS
    }
}

async fn start(faults: Faults) -> Server {
    let stage = Stage::new(Truth::seeded(1, 1), Plain, faults);
    Server::start(stage).await.expect("a free port")
}

async fn open(server: &Server) -> Socket {
    let url = server.config().stream_url.expect("an address") + "/stream";
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("it accepts");
    assert_eq!(next(&mut socket).await, "hello");
    socket
}

async fn next(socket: &mut Socket) -> String {
    match socket.next().await {
        Some(Ok(Message::Text(text))) => text.as_str().to_owned(),
        other => format!("{other:?}"),
    }
}

/// Lets trades happen until `count` have; gives their numbers.
fn trades(server: &Server, count: usize) -> Vec<String> {
    let known = server.with(|stage| stage.truth.markets[0].trades.len());
    while server.with(|stage| stage.truth.markets[0].trades.len()) < known + count {
        server.advance(1);
    }
    server.with(|stage| {
        let trades = &stage.truth.markets[0].trades;
        trades.iter().skip(known).map(|(id, _)| id.to_string()).collect()
    })
}

#[tokio::test]
async fn frames_come_twice_late_broken_or_never_and_each_is_on_record() {
    let server = start(Faults::none()).await;
    let mut socket = open(&server).await;
    let force = |fault| server.with(|stage| stage.faults.force(fault));

    let ids = trades(&server, 2);
    assert_eq!(
        [next(&mut socket).await, next(&mut socket).await],
        [&*ids[0], &*ids[1]]
    );

    force(Fault::Duplicate);
    let ids = trades(&server, 1);
    assert_eq!(
        [next(&mut socket).await, next(&mut socket).await],
        [&*ids[0], &*ids[0]]
    );

    force(Fault::Reorder);
    let ids = trades(&server, 2);
    assert_eq!(
        [next(&mut socket).await, next(&mut socket).await],
        [&*ids[1], &*ids[0]]
    );

    force(Fault::Gap);
    let ids = trades(&server, 2);
    assert_eq!(next(&mut socket).await, ids[1]);

    force(Fault::Truncate);
    let ids = trades(&server, 1);
    let cut = next(&mut socket).await;
    assert!(ids[0].starts_with(&cut) && cut.len() < ids[0].len());

    force(Fault::Garble);
    let ids = trades(&server, 1);
    let garbled = next(&mut socket).await;
    assert!(garbled.contains('\u{1}') && garbled.replace('\u{1}', "") == ids[0]);

    force(Fault::Stall);
    server.with(|stage| stage.faults.stall_for = 30);
    let ids = trades(&server, 1);
    for message in [Message::text("still there?"), Message::Ping("".into())] {
        socket.send(message).await.expect("it is open");
    }
    // The socket is well, and what it is asked has its answer behind what stalls: nothing overtakes on one connection.
    assert!(matches!(socket.next().await, Some(Ok(Message::Pong(_)))));
    server.advance(30);
    trades(&server, 1);
    assert_eq!(
        [next(&mut socket).await, next(&mut socket).await],
        [&*ids[0], "still there?"]
    );

    server.with(|stage| {
        let kinds: Vec<Fault> = stage
            .faults
            .injected
            .iter()
            .map(|injected| injected.fault)
            .collect();
        assert_eq!(
            kinds,
            [
                Fault::Duplicate,
                Fault::Reorder,
                Fault::Gap,
                Fault::Truncate,
                Fault::Garble,
                Fault::Stall
            ]
        );
        assert!(stage.faults.injected.iter().all(|injected| {
            matches!(
                injected.event.as_ref().map(|event| &event.what),
                Some(What::Trade { .. })
            )
        }));
    });
}

#[tokio::test]
async fn sockets_end_with_a_word_without_one_or_only_seem_to_live() {
    let server = start(Faults::none()).await;
    let force = |fault| server.with(|stage| stage.faults.force(fault));

    let mut socket = open(&server).await;
    force(Fault::Close);
    trades(&server, 1);
    assert_eq!(next(&mut socket).await, "bye");
    match socket.next().await {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), 1001),
        other => panic!("{other:?}"),
    }
    drop(socket);

    let mut socket = open(&server).await;
    force(Fault::Cut);
    trades(&server, 1);
    assert!(matches!(
        socket.next().await,
        Some(Err(Error::Protocol(_) | Error::Io(_)))
    ));

    let mut socket = open(&server).await;
    force(Fault::HalfOpen);
    trades(&server, 1);
    socket
        .send(Message::Ping("1".into()))
        .await
        .expect("it looks open");
    trades(&server, 5);
    server
        .until(|stage| stage.opened() == 3 && stage.sockets().count() == 1)
        .await;
    // A second socket that hears all of it shows that the first would have, and it has not.
    let mut second = open(&server).await;
    let ids = trades(&server, 1);
    assert_eq!(next(&mut second).await, ids[0]);
    assert!(futures::poll!(socket.next()).is_pending());
}

#[tokio::test]
async fn answers_are_refused_late_or_not_the_venues() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = start(Faults::none()).await;
    let url = server.config().rest_url.expect("an address") + "/told?name=a%2Fb+c";
    let client = reqwest::Client::new();
    let ask = async |fault: Option<Fault>| {
        server.with(|stage| {
            stage.faults.retry_after = Duration::from_secs(7);
            stage.faults.slow_by = Duration::from_millis(1);
            fault.into_iter().for_each(|fault| stage.faults.force(fault));
        });
        let answer = client.get(&url).send().await.expect("an answer");
        let retry_after = answer
            .headers()
            .get("retry-after")
            .map(|value| value.to_str().expect("text").to_owned());
        (answer.status().as_u16(), retry_after, answer.text().await.ok())
    };
    let right = (200, None, Some(r#"{"name":"a/b c","told":0}"#.to_owned()));
    assert_eq!(ask(None).await, right);
    assert_eq!(ask(Some(Fault::Slow)).await, right);
    assert_eq!(ask(Some(Fault::HalfAnswer)).await, (200, None, None));
    for (fault, status) in [(Fault::RateLimit, 429), (Fault::Ban, 418)] {
        let (found, retry_after, _) = ask(Some(fault)).await;
        assert_eq!((found, retry_after.as_deref()), (status, Some("7")));
    }
    assert!(matches!(ask(Some(Fault::Trouble)).await.0, 500 | 502 | 503));
    assert!(ask(Some(Fault::Html)).await.2.expect("a page").contains("<html>"));
    server.with(|stage| {
        assert_eq!(stage.requests["/told"], 7);
        assert_eq!(stage.faults.injected.len(), 6);
    });
    let url = server.config().stream_url.expect("an address") + "/elsewhere";
    match tokio_tungstenite::connect_async(url).await {
        Err(Error::Http(answer)) => assert_eq!(answer.status().as_u16(), 401),
        other => panic!("{:?}", other.map(|_| ())),
    }
}

#[tokio::test]
async fn the_same_stage_stands_behind_tls() {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::try_from(issued.signing_key.serialize_der()).expect("a key");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(issued.cert.der().clone()).expect("a root");
    let server_side = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(vec![issued.cert.der().clone()], key)
        })
        .expect("a usable key");
    let client_side = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stage = Stage::new(Truth::seeded(1, 1), Plain, Faults::none());
    let server = Server::start_tls(stage, Arc::new(server_side))
        .await
        .expect("a free port");
    let url = server.config().stream_url.expect("an address") + "/stream";
    assert!(url.starts_with("wss://localhost:"));
    let connector = Connector::Rustls(Arc::new(client_side));
    let (mut socket, _) = tokio_tungstenite::connect_async_tls_with_config(url, None, false, Some(connector))
        .await
        .expect("it accepts");
    assert_eq!(next(&mut socket).await, "hello");
    let ids = trades(&server, 1);
    assert_eq!(next(&mut socket).await, ids[0]);
}
