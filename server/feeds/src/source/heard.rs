//! What a source says and asks for.

use crate::quality::{Incident, IncidentKind};
use crate::venue::TradesFrom;
use papertape::exchange::TradingStatus;
use papertape::market::{Bar, DepthUpdate, MarketEvent, Quote, TradeTick};
use papertape::model::Timestamp;

/// What a source says, fit to be published.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    /// Somebody traded.
    Trade(TradeTick),
    /// The best prices; whether the time is the venue's.
    Quote(Quote, bool),
    /// The book, or how it changed.
    Depth(DepthUpdate),
    /// A minute is over.
    Bar(Bar),
    /// The venue stopped or began trading it.
    Status(Timestamp, TradingStatus),
    /// What another Papertape published, to be published as it is.
    Relayed(MarketEvent),
    /// What was not as it should be there, and what it is known by.
    RelayedIncident((Timestamp, u64), Box<Incident>),
    /// What it published is numbered anew, as this shows: what came between nobody knows.
    Renumbered(String),
    /// Something for the data-quality record.
    Trouble(Trouble),
}

impl Heard {
    /// Whether it moves the price of its source.
    pub(crate) const fn is_price(&self) -> bool {
        matches!(self, Self::Trade(_) | Self::Quote(..) | Self::Bar(_))
    }
}

/// Something for the data-quality record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) kind: IncidentKind,
    /// Troubles of one kind with different causes go on beside each other.
    pub(crate) cause: &'static str,
    pub(crate) act: TroubleAct,
}

/// What a trouble does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TroubleAct {
    /// It begins, unless it goes on already.
    Begin(Timestamp, String),
    /// It ends, having cost so many.
    End(Timestamp, u64, Option<String>),
    /// It happened so often between two moments.
    Count(Timestamp, Timestamp, u64, String),
}

/// What a source asks of its venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Trades from there on.
    Trades(TradesFrom),
    /// The whole book, over REST.
    Book,
    /// The whole book, over REST, to know more of it: while others need the venue's limits it is left undone.
    Renewal,
    /// The whole book, on the stream.
    Resync,
    /// Another connection: this one stands, and a channel of it is dead.
    Anew,
}

pub(crate) fn begin(kind: IncidentKind, cause: &'static str, from: Timestamp, detail: String) -> Heard {
    Heard::Trouble(Trouble {
        kind,
        cause,
        act: TroubleAct::Begin(from, detail),
    })
}

pub(crate) fn end(
    kind: IncidentKind,
    cause: &'static str,
    to: Timestamp,
    missing: u64,
    detail: Option<String>,
) -> Heard {
    Heard::Trouble(Trouble {
        kind,
        cause,
        act: TroubleAct::End(to, missing, detail),
    })
}

pub(crate) fn count(
    kind: IncidentKind,
    cause: &'static str,
    from: Timestamp,
    to: Timestamp,
    count: u64,
    detail: String,
) -> Heard {
    Heard::Trouble(Trouble {
        kind,
        cause,
        act: TroubleAct::Count(from, to, count, detail),
    })
}
