//! What a venue is to us.
//!
//! A venue is a module under [`crate::venues`] with two parts. [`Venue`] asks over REST; [`Codec`] speaks on a socket. Neither
//! owns the socket, the clock or the limits: a codec is a state machine from frames to [`Told`]s, so that every protocol can be
//! tested as a list of frames and a list of what they say.

mod error;
mod past;
mod polled;
mod secrets;
mod told;

pub use error::FeedError;
pub use past::{KeptOffBar, PastBars, Reach};
pub use polled::Polled;
pub(crate) use secrets::Secrets;
pub use told::{DecodeError, Told};

use crate::rest::Rest;
use futures::future::BoxFuture;
use papertape::exchange::TradingStatus;
use papertape::market::{DepthSnapshot, TradeTick};
use papertape::model::{Instrument, Symbol, Timeframe, Timestamp};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, fmt::Debug, sync::Arc, time::Duration};

/// Which of a connection's symbols something is about: the number under which it was subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub usize);

/// What a venue trades, under both names.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// The instrument, with its steps and limits as the venue has them.
    pub instrument: Instrument,
    /// What the venue calls it in requests and on the stream: `BTCUSDT`, `XBT/USD`, `X:BTCUSD`.
    pub venue_symbol: Arc<str>,
    /// Whether it trades now.
    pub status: TradingStatus,
}

/// What is wanted of a symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Channels {
    /// Every trade.
    pub trades: bool,
    /// The best bid and ask.
    pub quotes: bool,
    /// The order book.
    pub depth: bool,
    /// Closed one-minute bars, of venues that have nothing finer.
    pub bars: bool,
}

impl Channels {
    /// Trades and quotes: what sessions listen to unless they ask for more.
    pub const TICKS: Self = Self {
        trades: true,
        quotes: true,
        depth: false,
        bars: false,
    };

    /// What both have.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            trades: self.trades && other.trades,
            quotes: self.quotes && other.quotes,
            depth: self.depth && other.depth,
            bars: self.bars && other.bars,
        }
    }

    /// What either has.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            trades: self.trades || other.trades,
            quotes: self.quotes || other.quotes,
            depth: self.depth || other.depth,
            bars: self.bars || other.bars,
        }
    }

    /// What this has and the other has not.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self {
            trades: self.trades && !other.trades,
            quotes: self.quotes && !other.quotes,
            depth: self.depth && !other.depth,
            bars: self.bars && !other.bars,
        }
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        !(self.trades || self.quotes || self.depth || self.bars)
    }
}

/// How a venue's books begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookStart {
    /// It has none.
    None,
    /// A snapshot is asked for over REST and joined with the stream's changes.
    Rest,
    /// The stream begins with a snapshot after each subscription.
    Stream,
}

/// One of a venue's limits on requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Weight allowed in a window.
    pub weight: u32,
    /// Length of the window.
    pub every: Duration,
    /// Whether windows begin on the clock (second 0 of each minute) and not with the first request.
    pub is_aligned: bool,
}

/// What a venue can do, and how it wants to be treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traits {
    /// Its limits on REST requests, all of which hold.
    pub limits: Vec<Limit>,
    /// The header of answers that tells the weight used in the first limit's window, in lower case.
    pub used_weight_header: Option<&'static str>,
    /// What its stream tells; empty when it has none.
    pub stream: Channels,
    /// What [`Venue::poll`] tells.
    pub polled: Channels,
    /// How its books begin.
    pub book: BookStart,
    /// Lengths of the bars that it gives.
    pub timeframes: Vec<Timeframe>,
    /// Whether it tells of trades after a number or a time, to fill a gap with.
    pub has_trade_backfill: bool,
    /// Whether trade numbers rise by one from trade to trade, so that a missing one shows.
    pub has_consecutive_trades: bool,
    /// Whether it tells [`Told::Relayed`] and nothing else of a market: it keeps its data right itself, by its own time.
    pub is_relay: bool,
    /// Whether its prices are averages over many venues, at which nobody trades: they are shown and compared, and nothing fills on
    /// them unless the configuration says so.
    pub is_index: bool,
    /// Whether nothing works without a key.
    pub needs_key: bool,
    /// Whether there is none, and its limits would be wider with one.
    pub key_allows_more: bool,
    /// Symbols that one of its connections carries at most, each with all that there is of it; `None` when nobody needs to count.
    pub most_symbols: Option<usize>,
    /// Symbols that [`Venue::poll`] asks for together at most; 1 where each takes requests of its own.
    pub most_polled: usize,
    /// How often it may be polled for one symbol.
    pub poll_every: Duration,
    /// Silence of a symbol during its market's hours after which it is stale.
    pub stale_after: Duration,
    /// Seconds or so by which its data is delayed by contract; 0 for real time.
    pub delay: Duration,
}

/// Where missing trades begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradesFrom {
    /// The first number that is missing, where numbers are consecutive. It says nothing elsewhere.
    pub id: u64,
    /// A moment that is not after it, by the venue's clock; [`Timestamp::EPOCH`] when nobody knows one.
    pub time: Timestamp,
}

/// How a socket is kept alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// What to send and how often; `None` when the protocol's own ping is enough.
    pub send: Option<(Duration, Frame)>,
    /// Send a WebSocket ping so often.
    pub ping_every: Duration,
    /// Nothing received for so long means that the connection is dead, though it looks open.
    pub dead_after: Duration,
    /// The venue closes connections of this age; go before it does.
    pub lifetime: Option<Duration>,
}

/// One message on a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// UTF-8.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

impl Frame {
    /// Its bytes, whatever it is.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// A key, which never shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// A key.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The key itself, for the request that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Where a venue is and how we appear there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VenueConfig {
    /// The feed's name, which errors have and by which its keys are called; the venue's own when empty.
    pub feed: String,
    /// Base of REST addresses when it is not the public one: `http://127.0.0.1:8080`.
    pub rest_url: Option<String>,
    /// Base of stream addresses when it is not the public one: `ws://127.0.0.1:8080`.
    pub stream_url: Option<String>,
    /// The key.
    pub key: Option<Secret>,
    /// The key's secret, where there is one.
    pub secret: Option<Secret>,
    /// What only this venue has: `feed = "iex"`, `plan = "delayed"`, `market = "crypto"`.
    pub options: BTreeMap<String, String>,
}

/// A venue.
pub trait Venue: Debug + Send + Sync + 'static {
    /// Its name in configurations: `binance`.
    fn name(&self) -> &'static str;

    /// What it can do.
    fn traits(&self) -> &Traits;

    /// Base of its REST addresses, without a slash at the end.
    fn rest_url(&self) -> String;

    /// A new connection's protocol; `None` when the venue has no stream.
    ///
    /// # Errors
    /// [`FeedError::MissingKey`] when the stream needs one.
    fn codec(&self) -> Result<Option<Box<dyn Codec>>, FeedError>;

    /// What it lists. With `only`, at least that symbol, if it lists it, where asking for one is cheaper.
    fn listings<'a>(
        &'a self,
        rest: &'a Rest,
        only: Option<&'a Symbol>,
    ) -> BoxFuture<'a, Result<Vec<Listing>, FeedError>>;

    /// Bars that open at or after `from` and close at or before `to`, which is not later than now: so all of them have
    /// closed. In one request as a rule: fewer than there are when the venue gives no more at once, but always the oldest ones
    /// that it gives, and it is said how far back that reaches. None at all when there are none.
    fn bars<'a>(
        &'a self,
        rest: &'a Rest,
        listing: &'a Listing,
        timeframe: Timeframe,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<PastBars, FeedError>>;

    /// What is known now of each of the listings, for where the socket fails or there is none: the newest quote, trade or bar, as
    /// far as [`Traits::polled`] says, all with [`Slot`] 0. Things told before may come again. There are at most
    /// [`Traits::most_polled`] of them, of one [`Venue::poll_group`].
    ///
    /// # Errors
    /// Those of the request that all share. What is wrong with one listing only, where the answer says which, is that one's answer.
    /// Where it does not ([`FeedError::is_about_symbols`]), they are asked for again in smaller parts.
    fn poll<'a>(
        &'a self,
        rest: &'a Rest,
        listings: &'a [&'a Listing],
    ) -> BoxFuture<'a, Result<Polled<'a>, FeedError>>;

    /// What must be the same of listings that are asked for together, where something must.
    fn poll_group<'a>(&self, _listing: &'a Listing) -> &'a str {
        ""
    }

    /// The whole book, of venues with [`BookStart::Rest`]. Its time is [`Timestamp::EPOCH`] where the venue does not tell it, as
    /// are those of quotes of [`Venue::poll`] that are not timed.
    fn book<'a>(
        &'a self,
        _rest: &'a Rest,
        _listing: &'a Listing,
    ) -> BoxFuture<'a, Result<DepthSnapshot, FeedError>> {
        Box::pin(async { Err(self.unsupported("order book over REST")) })
    }

    /// Trades from there on, oldest first, in at most one request, of venues with [`Traits::has_trade_backfill`]. Fewer than
    /// there are when the venue gives no more at once, but always the oldest ones that it has.
    fn trades_from<'a>(
        &'a self,
        _rest: &'a Rest,
        _listing: &'a Listing,
        _from: TradesFrom,
    ) -> BoxFuture<'a, Result<Vec<(u64, TradeTick)>, FeedError>> {
        Box::pin(async { Err(self.unsupported("past trades")) })
    }

    /// Asks for the venue's clock, or for the least that there is where it has none: then `None`. That it answers says that it can be
    /// reached, and is the venue.
    fn time<'a>(&'a self, rest: &'a Rest) -> BoxFuture<'a, Result<Option<Timestamp>, FeedError>>;

    /// That it does not have something at all.
    fn unsupported(&self, what: &str) -> FeedError {
        FeedError::Unsupported {
            venue: self.name().to_owned(),
            what: what.to_owned(),
        }
    }
}

/// The protocol of one connection.
pub trait Codec: Debug + Send {
    /// Where to connect, and the headers of the handshake.
    fn address(&self) -> (String, Vec<(String, Secret)>);

    /// How to keep it alive.
    fn keep_alive(&self) -> KeepAlive;

    /// What to send when the connection stands, before anything is subscribed.
    fn opened(&mut self) -> Vec<Frame>;

    /// Whether subscriptions may be sent now: not before a greeting or an authorisation has come.
    fn is_ready(&self) -> bool {
        true
    }

    /// Subscribes a symbol under a slot.
    fn subscribe(&mut self, slot: Slot, listing: &Listing, channels: Channels) -> Vec<Frame>;

    /// Subscribes many at once, in as few frames as the protocol allows.
    fn subscribe_all(&mut self, wanted: &[(Slot, &Listing, Channels)]) -> Vec<Frame> {
        wanted
            .iter()
            .flat_map(|(slot, listing, channels)| self.subscribe(*slot, listing, *channels))
            .collect()
    }

    /// Subscribes more of a slot that is subscribed; what it has goes on without a break.
    fn widen(&mut self, slot: Slot, more: Channels) -> Vec<Frame>;

    /// Forgets a slot.
    fn unsubscribe(&mut self, slot: Slot) -> Vec<Frame>;

    /// Asks for a slot's book anew, on venues with [`BookStart::Stream`]; nothing elsewhere.
    fn resync(&mut self, slot: Slot) -> Vec<Frame>;

    /// Reads a frame that came in at `received`; appends what it says to `told` and what must be answered to `replies`.
    ///
    /// # Errors
    /// [`DecodeError`] when the frame makes no sense; nothing is appended then but a [`Told::Lost`] for each book whose changes
    /// have no numbers that would show what was lost.
    fn read(
        &mut self,
        frame: &[u8],
        received: Timestamp,
        told: &mut Vec<Told>,
        replies: &mut Vec<Frame>,
    ) -> Result<(), DecodeError>;
}
