//! What is on a tape.

use papertape::market::{DepthUpdate, Level, MarketEvent};
use papertape::model::Timestamp;
use std::{fmt, sync::Arc};

/// Where something came from: `binance`, `binance-rest`, `replay`. Clones share the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(Arc<str>);

impl Source {
    /// A source of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Source {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a record says.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// What the market said.
    Event(MarketEvent),
    /// What was not as it should be, as a line of JSON that the tape does not look into.
    Incident {
        /// When it was so.
        time: Timestamp,
        /// The line.
        json: String,
    },
}

impl Entry {
    /// The market's time of it; of a bar, when it opens.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Event(MarketEvent::Bar(bar)) => bar.open_time,
            Self::Event(event) => event.time(),
            Self::Incident { time, .. } => *time,
        }
    }
}

impl From<MarketEvent> for Entry {
    fn from(event: MarketEvent) -> Self {
        Self::Event(event)
    }
}

/// One thing on a tape.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its number: from 1 without holes, for each feed and symbol.
    pub number: u64,
    /// When it came in. Never earlier than the record before: where a clock is set back, the tape's stands still until it has
    /// caught up.
    pub received: Timestamp,
    /// Where it came from.
    pub source: Source,
    /// What it says.
    pub entry: Entry,
}

impl Record {
    /// Bytes of memory that it holds, with what it points to.
    pub(crate) fn held_bytes(&self) -> usize {
        let beyond = match &self.entry {
            Entry::Event(MarketEvent::Depth(update)) => {
                let levels = update.bids.capacity() + update.asks.capacity();
                size_of::<DepthUpdate>() + levels * size_of::<Level>()
            }
            Entry::Event(_) => 0,
            Entry::Incident { json, .. } => json.capacity(),
        };
        size_of::<Self>() + beyond
    }

    /// The market event itself, if it is one.
    #[must_use]
    pub fn into_event(self) -> Option<MarketEvent> {
        match self.entry {
            Entry::Event(event) => Some(event),
            Entry::Incident { .. } => None,
        }
    }

    /// The market event, if it is one.
    #[must_use]
    pub const fn event(&self) -> Option<&MarketEvent> {
        match &self.entry {
            Entry::Event(event) => Some(event),
            Entry::Incident { .. } => None,
        }
    }
}
