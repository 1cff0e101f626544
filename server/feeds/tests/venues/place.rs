//! A venue, and a local server in its place.

use futures::{SinkExt, StreamExt};
use papertape::model::{Symbol, Timestamp};
use papertape_feeds::{
    Codec, Frame, Listing, Rest, Told, Venue, VenueConfig,
    testkit::{Faults, Mock, Server, Stage, TrueMarket, Truth},
    venues,
};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(crate) struct Place {
    pub(crate) server: Server,
    pub(crate) venue: Arc<dyn Venue>,
    pub(crate) rest: Rest,
}

/// A venue of two symbols, some minutes after its beginning.
pub(crate) async fn place(name: &str, mock: impl Mock) -> Place {
    let mut truth = Truth::seeded(11, 2);
    for _ in 0..3_000 {
        truth.advance();
    }
    let stage = Stage::new(truth, mock, Faults::none());
    let server = Server::start(stage).await.expect("a free port");
    let venue = open(name, server.config());
    let rest = Rest::new(name, venue.rest_url(), venue.traits(), None, Timestamp::EPOCH).expect("a client");
    Place { server, venue, rest }
}

pub(crate) fn open(name: &str, config: VenueConfig) -> Arc<dyn Venue> {
    venues::open(name, config)
        .expect("it is there")
        .expect("it opens")
}

impl Place {
    pub(crate) async fn listing(&self, symbol: &str) -> Listing {
        let symbol: Symbol = symbol.parse().expect("a symbol");
        let listings = self
            .venue
            .listings(&self.rest, Some(&symbol))
            .await
            .expect("listings");
        let found = listings
            .into_iter()
            .find(|listing| *listing.instrument.symbol() == symbol);
        found.expect("it lists it")
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.server.with(|stage| stage.truth.now)
    }

    pub(crate) fn markets(&self) -> [TrueMarket; 2] {
        let markets = self.server.with(|stage| stage.truth.markets.clone());
        markets.try_into().expect("two symbols")
    }

    pub(crate) async fn connect(&self) -> (Socket, Box<dyn Codec>) {
        let mut codec = self.venue.codec().expect("no key is needed").expect("a stream");
        let (url, _) = codec.address();
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("it accepts");
        for frame in codec.opened() {
            socket.send(message(frame)).await.expect("it is open");
        }
        (socket, codec)
    }
}

pub(crate) fn message(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::text(text),
        Frame::Binary(bytes) => Message::binary(bytes),
    }
}

/// What the next frame says.
pub(crate) async fn read(socket: &mut Socket, codec: &mut dyn Codec) -> Vec<Told> {
    let (mut told, mut replies) = (Vec::new(), Vec::new());
    match socket.next().await {
        Some(Ok(Message::Text(text))) => codec
            .read(text.as_bytes(), Timestamp::EPOCH, &mut told, &mut replies)
            .unwrap_or_else(|error| panic!("{error}")),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
        other => panic!("{other:?}"),
    }
    for reply in replies {
        socket.send(message(reply)).await.expect("it is open");
    }
    told
}
