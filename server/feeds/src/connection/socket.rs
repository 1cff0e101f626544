//! The socket itself: opening, reading, sending, and noticing that it is dead though it looks open.

use super::Ended;
use super::outbox::Outbox;
use crate::rest::{self, cause, host_of};
use crate::venue::{Codec, Frame, KeepAlive, Secret};
use futures::future::BoxFuture;
use futures::{SinkExt, StreamExt};
use papertape::model::Timestamp;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// From the first packet to the end of the handshake.
const CONNECT_TIME_OUT: Duration = Duration::from_secs(15);
/// A frame that cannot be handed over for so long: the other side reads no more.
const SEND_TIME_OUT: Duration = Duration::from_secs(5);
/// The largest message that is read: the whole book of a venue is a few.
const MOST_BYTES: usize = 16 << 20;
/// A connection is given up so long before the venue would.
const BEFORE_THE_END: Duration = Duration::from_secs(120);

/// A socket in one of its lives.
pub(super) enum Socket {
    /// Nobody listens.
    Idle,
    /// The venue has none.
    None,
    /// The next attempt is made then.
    Waiting(Instant),
    /// Under way.
    Opening(BoxFuture<'static, Result<Box<Stream>, Failed>>, Box<dyn Codec>),
    /// Open.
    On(Box<On>),
}

/// An open socket.
pub(super) struct On {
    stream: Stream,
    codec: Box<dyn Codec>,
    keep_alive: KeepAlive,
    outbox: Outbox,
    opened: Instant,
    received: Instant,
    pinged: Instant,
    kept_alive: Instant,
    /// Why sending failed; told with the next look.
    failed: Option<String>,
}

/// Why a socket could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    why: String,
    /// Nobody is to come back for so long, the venue says; whether it is a ban.
    wait: Option<(Duration, bool)>,
}

impl From<String> for Failed {
    fn from(why: String) -> Self {
        Self { why, wait: None }
    }
}

/// What a socket did.
#[derive(Debug)]
pub(super) enum Happened {
    /// It stands.
    Opened,
    /// A message came.
    Frame(Vec<u8>),
    /// A sign of life.
    Alive,
    /// It closed or broke.
    Closed(String),
    /// The handshake was refused for so long; whether it is a ban.
    Shut(String, Duration, bool),
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "Idle",
            Self::None => "None",
            Self::Waiting(_) => "Waiting",
            Self::Opening(..) => "Opening",
            Self::On(_) => "On",
        })
    }
}

impl Socket {
    /// Begins to connect to where the codec says.
    pub(super) fn connect(codec: Box<dyn Codec>, tls: Arc<rustls::ClientConfig>, now: Timestamp) -> Self {
        let (address, headers) = codec.address();
        Self::Opening(Box::pin(open(address, headers, tls, now)), codec)
    }

    pub(super) const fn is_on(&self) -> bool {
        matches!(self, Self::On(_))
    }

    pub(super) fn codec(&mut self) -> Option<&mut Box<dyn Codec>> {
        match self {
            Self::On(on) => Some(&mut on.codec),
            _ => None,
        }
    }

    /// How long it has stood.
    pub(super) fn stood(&self) -> Option<Duration> {
        match self {
            Self::On(on) => Some(on.opened.elapsed()),
            _ => None,
        }
    }

    /// What happens next. May be dropped at any moment and called again.
    pub(super) async fn next(&mut self) -> Happened {
        match self {
            Self::Idle | Self::None | Self::Waiting(_) => std::future::pending().await,
            Self::Opening(opening, _) => match opening.await {
                Ok(stream) => {
                    self.opened(*stream);
                    Happened::Opened
                }
                Err(Failed { why, wait: None }) => Happened::Closed(why),
                Err(Failed {
                    why,
                    wait: Some((wait, is_ban)),
                }) => Happened::Shut(why, wait, is_ban),
            },
            Self::On(on) => match on.failed.take() {
                Some(why) => Happened::Closed(why),
                None => on.next().await,
            },
        }
    }

    fn opened(&mut self, stream: Stream) {
        let Self::Opening(_, mut codec) = std::mem::replace(self, Self::Idle) else {
            return;
        };
        let now = Instant::now();
        let mut outbox = Outbox::default();
        outbox.push(codec.opened());
        *self = Self::On(Box::new(On {
            stream,
            keep_alive: codec.keep_alive(),
            codec,
            outbox,
            opened: now,
            received: now,
            pinged: now,
            kept_alive: now,
            failed: None,
        }));
    }

    /// Queues what is to be sent.
    pub(super) fn queue(&mut self, frames: Vec<Frame>) {
        if let Self::On(on) = self
            && !frames.is_empty()
        {
            on.outbox.push(frames);
        }
    }

    /// Sends what may be sent now.
    pub(super) async fn send(&mut self) {
        let Self::On(on) = self else { return };
        let mut is_sent = false;
        if on.pinged.elapsed() >= on.keep_alive.ping_every && on.outbox.take(Instant::now()) {
            on.pinged = Instant::now();
            on.feed(Message::Ping(Vec::new().into())).await;
            is_sent = true;
        }
        while let Some(frame) = on.outbox.pop(Instant::now()) {
            let message = match frame {
                Frame::Text(text) => Message::Text(text.into()),
                Frame::Binary(bytes) => Message::Binary(bytes.into()),
            };
            on.feed(message).await;
            is_sent = true;
        }
        if is_sent && on.failed.is_none() {
            on.failed = ended(timeout(SEND_TIME_OUT, on.stream.flush()).await);
        }
    }

    /// Looks at the timers.
    pub(super) fn check(&mut self) -> Option<Ended> {
        match self {
            Self::Waiting(until) if Instant::now() >= *until => Some(Ended::Rested),
            Self::On(on) => on.check(),
            _ => None,
        }
    }
}

impl On {
    async fn next(&mut self) -> Happened {
        let Some(message) = self.stream.next().await else {
            return Happened::Closed("the venue closed the connection".to_owned());
        };
        self.received = Instant::now();
        match message {
            Ok(Message::Text(text)) => Happened::Frame(text.as_bytes().to_vec()),
            Ok(Message::Binary(bytes)) => Happened::Frame(bytes.to_vec()),
            Ok(Message::Close(frame)) => Happened::Closed(frame.map_or_else(
                || "the venue closed the connection".to_owned(),
                |frame| {
                    format!("the venue closed the connection: {} {}", frame.code, frame.reason)
                        .trim_end()
                        .to_owned()
                },
            )),
            Ok(Message::Ping(_)) => {
                // It is answered as soon as it is read.
                self.outbox.sent(self.received);
                Happened::Alive
            }
            Ok(Message::Pong(_) | Message::Frame(_)) => Happened::Alive,
            Err(error) => Happened::Closed(said(&error)),
        }
    }

    async fn feed(&mut self, message: Message) {
        if self.failed.is_none() {
            self.failed = ended(timeout(SEND_TIME_OUT, self.stream.feed(message)).await);
        }
    }

    fn check(&mut self) -> Option<Ended> {
        if let Some((every, frame)) = &self.keep_alive.send
            && self.kept_alive.elapsed() >= *every
        {
            self.kept_alive = Instant::now();
            self.outbox.push(vec![frame.clone()]);
        }
        if let Some(why) = self.failed.take() {
            return Some(Ended::Dead(why));
        }
        let silent = self.received.elapsed();
        if silent >= self.keep_alive.dead_after {
            return Some(Ended::Dead(format!("nothing came for {} s", silent.as_secs())));
        }
        let lifetime = self.keep_alive.lifetime?;
        let end = lifetime.saturating_sub(BEFORE_THE_END.min(lifetime / 10));
        (self.opened.elapsed() >= end).then_some(Ended::Old)
    }
}

fn ended(sent: Result<Result<(), Error>, tokio::time::error::Elapsed>) -> Option<String> {
    match sent {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(said(&error)),
        Err(_) => Some("the venue reads no more".to_owned()),
    }
}

/// What went wrong, without the address, in which there may be a key.
fn said(error: &Error) -> String {
    match error {
        Error::Http(response) => format!("the handshake was answered with {}", response.status()),
        Error::Url(_) => "the address makes no sense".to_owned(),
        other => cause(other),
    }
}

/// How long the venue refuses handshakes, if it says that there were too many, or that it is being mended.
fn refusal(error: &Error, now: Timestamp) -> Option<(Duration, bool)> {
    let Error::Http(response) = error else {
        return None;
    };
    let (status, headers) = (response.status().as_u16(), response.headers());
    rest::refused_for(status, headers, rest::USUAL_WAIT, now)
        .or_else(|| Some((rest::retry_after(headers, now)?, false)))
}

async fn open(
    address: String,
    headers: Vec<(String, Secret)>,
    tls: Arc<rustls::ClientConfig>,
    now: Timestamp,
) -> Result<Box<Stream>, Failed> {
    let host = host_of(&address).to_owned();
    let request = request(&address, headers)?;
    let mut config = WebSocketConfig::default();
    config.max_message_size = Some(MOST_BYTES);
    config.max_frame_size = Some(MOST_BYTES);
    let connecting = connect_async_tls_with_config(request, Some(config), true, Some(Connector::Rustls(tls)));
    match timeout(CONNECT_TIME_OUT, connecting).await {
        Ok(Ok((stream, _))) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(Failed {
            why: format!("{host}: {}", said(&error)),
            wait: refusal(&error, now),
        }),
        Err(_) => Err(format!("{host}: no connection within {} s", CONNECT_TIME_OUT.as_secs()).into()),
    }
}

fn request(address: &str, headers: Vec<(String, Secret)>) -> Result<Request, String> {
    let mut request = address
        .into_client_request()
        .map_err(|_| "the stream's address makes no sense".to_owned())?;
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("'{name}' is not a header's name"))?;
        let mut value = HeaderValue::from_str(value.reveal())
            .map_err(|_| format!("the key for the header {name} has characters that none has"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::http::Response;

    #[test]
    fn a_refused_handshake_says_for_how_long() {
        let secs = Duration::from_secs;
        for (status, header, expected) in [
            (429, Some("17"), Some((secs(17), false))),
            (418, Some("300"), Some((secs(300), true))),
            (503, Some("40"), Some((secs(40), false))),
            // Without the header: what is usual, of what is a refusal of everything.
            (429, None, Some((secs(5), false))),
            (418, None, Some((secs(120), true))),
            (503, None, None),
            (404, None, None),
        ] {
            let mut response = Response::builder().status(status);
            if let Some(header) = header {
                response = response.header("retry-after", header);
            }
            let response = response.body(None).expect("a response");
            let error = Error::Http(Box::new(response));
            assert_eq!(
                refusal(&error, Timestamp::from_secs(1_000)),
                expected,
                "{status} {header:?}"
            );
        }
        assert_eq!(refusal(&Error::ConnectionClosed, Timestamp::EPOCH), None);
    }
}
