//! What venues say, and frames that say nothing.

use super::{FeedError, Slot};
use crate::quality::Incident;
use papertape::exchange::TradingStatus;
use papertape::market::{Bar, DepthDiff, DepthSnapshot, MarketEvent, Quote, TradeTick};
use papertape::model::{Instrument, Timestamp};
use std::fmt;

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
    /// Nobody buys, or nobody sells: the quote told before is over.
    OneSided {
        /// Of what.
        slot: Slot,
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
    /// A bar of a minute. One that was told before and differs takes its place.
    Bar {
        /// Of what.
        slot: Slot,
        /// The bar.
        bar: Bar,
        /// Whether it has closed; an open one is a progress report.
        is_closed: bool,
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
    /// What made no sense was, or may have been, a trade, of a venue whose numbers would not show that it is missing.
    TradeLost {
        /// Of what, when it says so.
        slot: Option<Slot>,
    },
    /// A bar of a minute made no sense and was kept off, of a venue that has nothing else to tell of the minute.
    BarLost {
        /// Of what.
        slot: Slot,
        /// When its minute began.
        open_time: Timestamp,
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
    /// What was not as it should be with the data of another Papertape, in its place among what it relays.
    RelayedIncident {
        /// Of what.
        slot: Slot,
        /// Its number there: incidents and events are numbered together.
        number: u64,
        /// What it is known by there: told under it once more, it has gone on, or ended.
        key: (Timestamp, u64),
        /// What happened, as it stood then; `None` when it is of a kind that is not known here.
        incident: Option<Box<Incident>>,
    },
    /// What another Papertape relays from here on is counted in the steps of this instrument. Where these are others than it is
    /// read in, nothing more of it is told before it was subscribed anew.
    Listed {
        /// Of what.
        slot: Slot,
        /// The instrument as it is now.
        instrument: Box<Instrument>,
    },
    /// What another Papertape relays is numbered anew: its tape is another one than the one that was followed, and of what
    /// happened between them nothing is known.
    Renumbered {
        /// Of what.
        slot: Slot,
        /// What gave it away.
        why: String,
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
