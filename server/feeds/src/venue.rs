//! What a venue is to us.
//!
//! A venue is a module under [`crate::venues`] with two parts. [`Venue`] asks over REST; [`Codec`] speaks on a socket. Neither
//! owns the socket, the clock or the limits: a codec is a state machine from frames to [`Told`]s, so that every protocol can be
//! tested as a list of frames and a list of what they say.

use crate::rest::Rest;
use futures::future::BoxFuture;
use papertape::exchange::TradingStatus;
use papertape::market::{Bar, DepthDiff, DepthSnapshot, MarketEvent, Quote, TradeTick};
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
    /// Whether it tells of trades after a number, to fill a gap with.
    pub has_trade_backfill: bool,
    /// Whether trade numbers rise by one from trade to trade, so that a missing one shows.
    pub has_consecutive_trades: bool,
    /// Whether it tells [`Told::Relayed`] and nothing else of a market: it keeps its data right itself, by its own time.
    pub is_relay: bool,
    /// Whether nothing works without a key.
    pub needs_key: bool,
    /// How often it may be polled for one symbol.
    pub poll_every: Duration,
    /// Silence of a symbol during its market's hours after which it is stale.
    pub stale_after: Duration,
    /// Seconds or so by which its data is delayed by contract; 0 for real time.
    pub delay: Duration,
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

/// One thing that a venue said, about one slot unless it says otherwise. Times are the venue's; `None` where it gives none,
/// and then the moment of arrival stands for it.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// Somebody traded.
    Trade {
        /// Of what.
        slot: Slot,
        /// The venue's number of it, where it has one.
        id: Option<u64>,
        /// The trade.
        trade: TradeTick,
    },
    /// The best bid and ask.
    Quote {
        /// Of what.
        slot: Slot,
        /// The venue's number of it, which never falls; where it has one.
        id: Option<u64>,
        /// Whether `quote.time` is the venue's; otherwise it is when the frame came in.
        is_timed: bool,
        /// The quote.
        quote: Quote,
    },
    /// Changes of the book.
    Depth {
        /// Of what.
        slot: Slot,
        /// The changes with their numbers.
        diff: DepthDiff,
    },
    /// The whole book.
    Book {
        /// Of what.
        slot: Slot,
        /// The book and its number.
        snapshot: DepthSnapshot,
    },
    /// A bar of a minute.
    Bar {
        /// Of what.
        slot: Slot,
        /// The bar.
        bar: Bar,
        /// Whether it has closed; an open one is a progress report.
        is_closed: bool,
        /// Whether it replaces one that was told as closed.
        is_correction: bool,
    },
    /// The venue stopped or began trading it.
    Status {
        /// Of what.
        slot: Slot,
        /// When.
        time: Timestamp,
        /// How it stands.
        status: TradingStatus,
    },
    /// An earlier trade did not happen, or not so.
    Correction {
        /// Of what.
        slot: Slot,
        /// Which trade.
        id: u64,
        /// What it is instead; `None` when there was none.
        instead: Option<TradeTick>,
    },
    /// Messages of this slot, or of all when `None`, are missing or cannot be trusted: sequence, checksum. The book of the slot
    /// is not to be used until a new snapshot.
    Lost {
        /// Of what.
        slot: Option<Slot>,
        /// What gave it away: "sequence 12 comes next, and 14 came", "checksum 123, the book's is 456".
        why: String,
    },
    /// One item of a frame made no sense (a price of 0, -1 or 1e300) and was kept off; the frame's others were told.
    KeptOff {
        /// Of what, when it says so.
        slot: Option<Slot>,
        /// What was wrong with it.
        why: String,
    },
    /// What another Papertape published: joined, checked and in order already. It is published as it is, once, and the time that
    /// it tells is the market's, which may be years ago and run sixty times as fast: no clock, no staleness by ours is added to
    /// it. See [`Traits::is_relay`].
    Relayed {
        /// Of what.
        slot: Slot,
        /// Its number there, which rises; one that is not higher than the last was told before.
        number: u64,
        /// What happened; depth in ticks and lots of the instrument that the venue lists.
        event: MarketEvent,
    },
    /// A subscription is confirmed.
    Subscribed {
        /// Of what.
        slot: Slot,
    },
    /// A subscription is refused; the rest of the connection goes on.
    Refused {
        /// Of what; `None` for the whole connection.
        slot: Option<Slot>,
        /// The venue's reason, or ours.
        error: FeedError,
    },
    /// The venue's clock, with no data.
    Time(Timestamp),
    /// A sign of life without content.
    Heartbeat,
    /// The venue is about to close the connection: open another.
    GoingAway,
}

/// A frame that makes no sense. It is counted and kept off; the connection goes on, and numbers will show what was lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub String);

impl DecodeError {
    /// Says what was expected and the beginning of what came.
    #[must_use]
    pub fn new(what: impl fmt::Display, frame: &[u8]) -> Self {
        let shown: String = String::from_utf8_lossy(&frame[..frame.len().min(80)]).into_owned();
        Self(format!("{what}: {shown:?}"))
    }
}

/// Why a venue did not give what was asked for. `Display` says it in a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// No such feed is configured.
    #[error("there is no feed {feed}{}", .near.as_ref().map_or_else(String::new, |near| format!("; did you mean {near}?")))]
    UnknownFeed {
        /// What was asked for.
        feed: String,
        /// The nearest that there is.
        near: Option<String>,
    },
    /// No such symbol there.
    #[error("{venue} does not list {symbol}{}", .near.as_ref().map_or_else(String::new, |near| format!("; did you mean {near}?")))]
    UnknownSymbol {
        /// Which venue.
        venue: String,
        /// Which symbol.
        symbol: String,
        /// The nearest that it lists.
        near: Option<String>,
    },
    /// No bars of this length there.
    #[error("{venue} has no bars of {timeframe}; it has {known}")]
    UnsupportedTimeframe {
        /// Which venue.
        venue: String,
        /// Which length.
        timeframe: Timeframe,
        /// Those that it has.
        known: String,
    },
    /// The venue does not have this at all.
    #[error("{venue} has no {what}")]
    Unsupported {
        /// Which venue.
        venue: String,
        /// What.
        what: String,
    },
    /// A key is needed and there is none.
    #[error("{venue} needs a key: set {variable}, or put it into the secrets file")]
    MissingKey {
        /// Which venue.
        venue: String,
        /// The environment variable to set.
        variable: String,
    },
    /// The key was refused, or does not cover this.
    #[error("{venue} refused the key: {detail}")]
    Unauthorized {
        /// Which venue.
        venue: String,
        /// The venue's words.
        detail: String,
    },
    /// Too many requests: not before the moment named.
    #[error("{venue} is asked too often; it answers again in {} s", .retry_after.as_secs().max(1))]
    RateLimited {
        /// Which venue.
        venue: String,
        /// How long to wait.
        retry_after: Duration,
        /// Whether it is a ban (418), not a mere limit.
        is_ban: bool,
    },
    /// The host cannot be reached, or answered too late.
    #[error("{venue} cannot be reached at {host}: {detail}")]
    Unreachable {
        /// Which venue.
        venue: String,
        /// The host.
        host: String,
        /// What happened.
        detail: String,
    },
    /// The venue has trouble (5xx).
    #[error("{venue} is in trouble: it answered {status}")]
    Trouble {
        /// Which venue.
        venue: String,
        /// The HTTP status.
        status: u16,
    },
    /// The request was refused.
    #[error("{venue} refused the request: {detail}")]
    Refused {
        /// Which venue.
        venue: String,
        /// Its words.
        detail: String,
    },
    /// What answered is not the venue: HTML, another protocol, nonsense.
    #[error("what answers at {host} is not {venue}: {detail}")]
    NotTheVenue {
        /// Which venue.
        venue: String,
        /// The host.
        host: String,
        /// What came.
        detail: String,
    },
}

impl FeedError {
    /// A stable code for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownFeed { .. } => "unknown_feed",
            Self::UnknownSymbol { .. } => "unknown_symbol",
            Self::UnsupportedTimeframe { .. } => "unsupported_timeframe",
            Self::Unsupported { .. } => "unsupported",
            Self::MissingKey { .. } => "missing_key",
            Self::Unauthorized { .. } => "unauthorized",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unreachable { .. } => "unreachable",
            Self::Trouble { .. } => "venue_trouble",
            Self::Refused { .. } => "refused",
            Self::NotTheVenue { .. } => "not_the_venue",
        }
    }

    /// Whether asking again later may help.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Unreachable { .. }
                | Self::Trouble { .. }
                | Self::NotTheVenue { .. }
        )
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
    /// closed. Oldest first, in one request as a rule: fewer than there are when the venue gives no more at once, but always
    /// the oldest ones. None at all when there are none.
    fn bars<'a>(
        &'a self,
        rest: &'a Rest,
        listing: &'a Listing,
        timeframe: Timeframe,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Bar>, FeedError>>;

    /// What is known now, for where the socket fails or there is none: the newest quote, trade or bar, as far as
    /// [`Traits::polled`] says, all with [`Slot`] 0. Things told before may come again.
    fn poll<'a>(
        &'a self,
        rest: &'a Rest,
        listing: &'a Listing,
    ) -> BoxFuture<'a, Result<Vec<Told>, FeedError>>;

    /// The whole book, of venues with [`BookStart::Rest`]. Its time is [`Timestamp::EPOCH`] where the venue does not tell it, as
    /// are those of quotes of [`Venue::poll`] that are not timed.
    fn book<'a>(
        &'a self,
        _rest: &'a Rest,
        _listing: &'a Listing,
    ) -> BoxFuture<'a, Result<DepthSnapshot, FeedError>> {
        Box::pin(async { Err(self.unsupported("order book over REST")) })
    }

    /// Trades numbered `from_id` or higher, oldest first, in at most one request, of venues with
    /// [`Traits::has_trade_backfill`].
    fn trades_from<'a>(
        &'a self,
        _rest: &'a Rest,
        _listing: &'a Listing,
        _from_id: u64,
    ) -> BoxFuture<'a, Result<Vec<(u64, TradeTick)>, FeedError>> {
        Box::pin(async { Err(self.unsupported("trades by their number")) })
    }

    /// The venue's clock; `None` when it does not tell.
    fn time<'a>(&'a self, _rest: &'a Rest) -> BoxFuture<'a, Result<Option<Timestamp>, FeedError>> {
        Box::pin(async { Ok(None) })
    }

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
