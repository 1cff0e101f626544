//! A stage on a loopback port.

use super::{Act, Reply, Request, SocketId, Stage};
use crate::record::{Clock as _, SystemClock};
use crate::venue::{Frame, VenueConfig};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{
        RawQuery, State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, Method, Uri},
    response::Response,
    serve::Listener,
};
use futures::StreamExt;
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// A stage on a loopback port, until it is dropped. All sockets end with it.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    is_tls: bool,
    stop: watch::Sender<bool>,
}

#[derive(Debug)]
struct Shared {
    stage: Mutex<Stage>,
    outgoing: Mutex<BTreeMap<SocketId, mpsc::UnboundedSender<Act>>>,
    began: Instant,
    changed: watch::Sender<u64>,
    stopped: watch::Receiver<bool>,
}

impl Server {
    /// Puts a stage on a free port.
    ///
    /// # Errors
    /// Those of listening.
    pub async fn start(stage: Stage) -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), stage).await
    }

    /// Puts a stage on a port, such as one where another was.
    ///
    /// # Errors
    /// Those of listening.
    pub async fn start_at(address: SocketAddr, stage: Stage) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self::serve(listener, address, false, stage))
    }

    /// Puts a stage on a free port, behind TLS.
    ///
    /// # Errors
    /// Those of listening.
    pub async fn start_tls(stage: Stage, tls: Arc<rustls::ServerConfig>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let listener = TlsListener {
            listener,
            acceptor: TlsAcceptor::from(tls),
        };
        Ok(Self::serve(listener, address, true, stage))
    }

    fn serve<L: Listener<Addr = SocketAddr>>(
        listener: L,
        address: SocketAddr,
        is_tls: bool,
        stage: Stage,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            stage: Mutex::new(stage),
            outgoing: Mutex::default(),
            began: Instant::now(),
            changed: watch::Sender::new(0),
            stopped: stopped.clone(),
        });
        let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        tokio::spawn(async move {
            tokio::select! {
                _ = axum::serve(listener, router) => {}
                () = until_stopped(stopped) => {}
            }
        });
        Self {
            shared,
            address,
            is_tls,
            stop,
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The addresses in the place of the public ones. A certificate for a TLS server is for `localhost`.
    #[must_use]
    pub fn config(&self) -> VenueConfig {
        let (secure, host) = if self.is_tls {
            ("s", format!("localhost:{}", self.address.port()))
        } else {
            ("", self.address.to_string())
        };
        VenueConfig {
            rest_url: Some(format!("http{secure}://{host}")),
            stream_url: Some(format!("ws{secure}://{host}")),
            ..VenueConfig::default()
        }
    }

    /// Looks at the stage, or changes it.
    pub fn with<T>(&self, act: impl FnOnce(&mut Stage) -> T) -> T {
        let result = act(&mut self.shared.stage());
        self.shared.tell_of_change();
        result
    }

    /// Lets up to so many things happen; gives how many did, fewer when a recording is over. Frames are on their way then, not
    /// yet received.
    pub fn advance(&self, events: usize) -> usize {
        let mut count = 0;
        while count < events && self.shared.advance() {
            count += 1;
        }
        self.shared.tell_of_change();
        count
    }

    /// Lets things happen by themselves, so many each time that so much time has passed, until the server is dropped.
    pub fn play(&self, events: usize, every: Duration) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(every);
            loop {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = until_stopped(shared.stopped.clone()) => return,
                }
                if !(0..events).all(|_| shared.advance()) {
                    return;
                }
                shared.tell_of_change();
            }
        });
    }

    /// Lets things happen when they are due by this machine's clock, until the server is dropped.
    pub fn live(&self) {
        self.live_late(Duration::ZERO);
    }

    /// The same so much later than they are due, as a plan without the newest data tells them.
    pub fn live_late(&self, by: Duration) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(10));
            loop {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = until_stopped(shared.stopped.clone()) => return,
                }
                let now = SystemClock.now().plus_nanos(-crate::source::nanos(by));
                let is_due = || shared.stage().truth.now < now;
                while is_due() && shared.advance() {}
                shared.tell_of_change();
            }
        });
    }

    /// Waits until the stage is as wanted.
    pub async fn until(&self, mut is_so: impl FnMut(&Stage) -> bool) {
        let mut changed = self.shared.changed.subscribe();
        loop {
            if is_so(&self.shared.stage()) {
                return;
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Lets every socket do this: close, freeze, or end.
    pub fn all_sockets(&self, act: &Act) {
        for outgoing in self.shared.outgoing().values() {
            // One that is gone needs nothing more.
            let _ = outgoing.send(act.clone());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody listens when nothing runs any more.
        let _ = self.stop.send(true);
    }
}

impl Shared {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outgoing(&self) -> MutexGuard<'_, BTreeMap<SocketId, mpsc::UnboundedSender<Act>>> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_of_change(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    fn connect(&self, request: &Request) -> Result<(SocketId, mpsc::UnboundedReceiver<Act>), Reply> {
        let mut stage = self.stage();
        let (socket, acts) = stage.connect(request)?;
        let (sender, queue) = mpsc::unbounded_channel();
        for act in acts {
            // The receiver is right here.
            let _ = sender.send(act);
        }
        self.outgoing().insert(socket, sender);
        Ok((socket, queue))
    }

    fn receive(&self, socket: SocketId, frame: &Frame) {
        // Held throughout, so that what a socket says comes in the order in which it was said.
        let mut stage = self.stage();
        let acts = stage.receive(socket, frame, self.began.elapsed());
        if let Some(queue) = self.outgoing().get(&socket) {
            for act in acts {
                // One that is gone needs nothing more.
                let _ = queue.send(act);
            }
        }
    }

    fn advance(&self) -> bool {
        // Held throughout, so that what a socket says comes in the order in which it was said.
        let mut stage = self.stage();
        let Some(all) = stage.advance() else {
            return false;
        };
        let outgoing = self.outgoing();
        for (socket, acts) in all {
            if let Some(queue) = outgoing.get(&socket) {
                for act in acts {
                    // One that is gone needs nothing more.
                    let _ = queue.send(act);
                }
            }
        }
        true
    }
}

async fn until_stopped(mut stopped: watch::Receiver<bool>) {
    // An error means that the server is gone, which is the same.
    let _ = stopped.wait_for(|is_so| *is_so).await;
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    body: Bytes,
) -> Response {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let request = Request {
        method: method.to_string(),
        path: decoded(uri.path()),
        query: pairs(&query.unwrap_or_default()),
        headers: headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())))
            .collect(),
        body: body.to_vec(),
    };
    let Ok(upgrade) = upgrade else {
        let reply = shared.stage().request(&request, shared.began.elapsed());
        shared.tell_of_change();
        return respond(reply).await;
    };
    let (socket, queue) = match shared.connect(&request) {
        Ok(opened) => opened,
        Err(reply) => return respond(reply).await,
    };
    shared.tell_of_change();
    upgrade.on_upgrade(move |web_socket| async move {
        converse(web_socket, &shared, socket, queue).await;
        shared.outgoing().remove(&socket);
        shared.stage().disconnect(socket);
        shared.tell_of_change();
    })
}

/// A socket's life. Returning ends the TCP connection.
async fn converse(
    mut web_socket: WebSocket,
    shared: &Shared,
    socket: SocketId,
    mut queue: mpsc::UnboundedReceiver<Act>,
) {
    loop {
        tokio::select! {
            biased;
            () = until_stopped(shared.stopped.clone()) => return,
            act = queue.recv() => match act {
                Some(Act::Send(frame)) => {
                    let message = match frame {
                        Frame::Text(text) => Message::text(text),
                        Frame::Binary(bytes) => Message::binary(bytes),
                    };
                    if web_socket.send(message).await.is_err() {
                        return;
                    }
                }
                Some(Act::Close(code, reason)) => {
                    let frame = CloseFrame { code, reason: reason.into() };
                    if web_socket.send(Message::Close(Some(frame))).await.is_ok() {
                        // Until the other side has said its goodbye too.
                        while let Some(Ok(_)) = web_socket.next().await {}
                    }
                    return;
                }
                Some(Act::Cut) | None => return,
                Some(Act::Freeze) => {
                    until_stopped(shared.stopped.clone()).await;
                    return;
                }
            },
            message = web_socket.recv() => {
                let frame = match message {
                    Some(Ok(Message::Text(text))) => Frame::Text(text.as_str().to_owned()),
                    Some(Ok(Message::Binary(bytes))) => Frame::Binary(bytes.to_vec()),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                };
                shared.receive(socket, &frame);
                shared.tell_of_change();
            }
        }
    }
}

async fn respond(reply: Reply) -> Response {
    tokio::time::sleep(reply.delay).await;
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    // A connection that is kept would answer after the server is gone.
    response = response.header("connection", "close");
    let body = if reply.is_cut {
        response = response.header("content-length", reply.body.len());
        let half = Bytes::copy_from_slice(&reply.body[..reply.body.len() / 2]);
        let parts = futures::stream::once(async { Ok(half) }).chain(futures::stream::once(async {
            // So that the first half is on its way before the connection ends.
            tokio::task::yield_now().await;
            Err(io::Error::other("cut in the middle"))
        }));
        Body::from_stream(parts)
    } else {
        Body::from(reply.body)
    };
    response.body(body).unwrap_or_default()
}

fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                decoded(&name.replace('+', " ")),
                decoded(&value.replace('+', " ")),
            )
        })
        .collect()
}

/// With `%XX` as the bytes that they stand for; what is no such thing stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Accepts connections behind TLS. Those that fail their handshake are dropped.
struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            let handshake = tokio::time::timeout(Duration::from_secs(10), self.acceptor.accept(stream));
            if let Ok(Ok(stream)) = handshake.await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
