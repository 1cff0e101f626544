//! Why nothing should fill on what a source tells.

use super::silent::Silent;
use super::{Link, Source, nanos};
use papertape::exchange::TradingStatus;
use papertape::model::Timestamp;

/// Why nothing should fill on a source's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Down,
    Refused,
    NothingYet,
    MissingTrades,
    NoBook,
    /// Its best prices contradict the price that is believed.
    Contradicted,
    Stale,
    /// Nobody buys, or nobody sells.
    OneSided,
    /// The symbol trades on, beyond the quote that was told last.
    SilentQuotes,
    /// The symbol trades on, and its book does not change.
    SilentBook,
}

impl Fault {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "the connection is down",
            Self::Refused => "the venue refuses it",
            Self::NothingYet => "nothing has come yet",
            Self::MissingTrades => "trades are missing",
            Self::NoBook => "the order book is not known",
            Self::Contradicted => "its best prices contradict the price before them",
            Self::Stale => "it is stale",
            Self::OneSided => "nobody buys, or nobody sells",
            Self::SilentQuotes => "its quotes are stale",
            Self::SilentBook => "its order book is stale",
        }
    }

    /// Whether it lasts already when it shows, so that nobody waits before another source takes over.
    pub(crate) const fn is_lasting(self) -> bool {
        matches!(
            self,
            Self::Stale | Self::SilentQuotes | Self::SilentBook | Self::Refused
        )
    }

    /// Under which cause and in which words it is on record as stale.
    pub(crate) const fn staleness(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Stale => Some(("stale", "nothing came")),
            Self::OneSided => Some(("sides", "nobody bought, or nobody sold: its quote had one side")),
            Self::SilentQuotes => Some((
                "quotes",
                "trades went on beyond the last quote, and no quote came",
            )),
            Self::SilentBook => Some(("book", "trades went on, and no change of the order book came")),
            _ => None,
        }
    }
}

impl Source {
    /// What is wrong with it, if anything; `is_open` says whether its market is, since silence is only then a fault.
    pub(crate) fn fault(&self, now: Timestamp, is_open: bool) -> Option<Fault> {
        if self.link == Link::Down {
            return Some(Fault::Down);
        }
        if self.refused.is_some() {
            return Some(Fault::Refused);
        }
        // Of what does not trade nothing need come.
        if !self.is_listed() {
            return None;
        }
        let Some(heard) = self.last_heard else {
            return Some(Fault::NothingYet);
        };
        if self.link == Link::Up {
            return Some(Fault::NothingYet);
        }
        if self.is_asking() {
            return Some(Fault::MissingTrades);
        }
        if self.is_book_missing() {
            return Some(Fault::NoBook);
        }
        if self.contradicted.is_any() {
            return Some(Fault::Contradicted);
        }
        // Its time is not ours: how long it may be silent nobody knows but itself.
        if self.traits.is_relay {
            return None;
        }
        let stale_after = nanos(self.traits.stale_after);
        let is_silent = now.since(heard.max(self.up_since.unwrap_or(heard))) > stale_after;
        if !is_open || matches!(self.status(), TradingStatus::Halted | TradingStatus::Ended) {
            return None;
        }
        if is_silent {
            return Some(Fault::Stale);
        }
        if self.contradicted.one_sided().is_some() {
            return Some(Fault::OneSided);
        }
        if self.is_dead(&self.silent_quotes, now) {
            return Some(Fault::SilentQuotes);
        }
        self.is_dead(&self.silent_book, now).then_some(Fault::SilentBook)
    }

    /// Whether a channel of the stream tells nothing while others go on. Who is polled tells what is asked for.
    fn is_dead(&self, channel: &Silent, now: Timestamp) -> bool {
        self.link == Link::Speaking && channel.dead_since(now, self.traits.stale_after).is_some()
    }

    /// Whether another connection is due, because a channel of this one is dead: a venue may drop a subscription and keep the
    /// socket. Once for as long as a symbol may be silent.
    pub(super) fn is_anew_due(&mut self, now: Timestamp) -> bool {
        let is_dead = self.is_dead(&self.silent_quotes, now) || self.is_dead(&self.silent_book, now);
        let patience = nanos(self.traits.stale_after);
        let is_due = is_dead && self.anew_asked.is_none_or(|asked| now.since(asked) > patience);
        if is_due {
            self.anew_asked = Some(now);
        }
        is_due
    }

    /// Since when it is stale in the way that the fault says.
    pub(crate) fn stale_since(&self, fault: Fault, now: Timestamp) -> Option<Timestamp> {
        match fault {
            Fault::OneSided => self.contradicted.one_sided(),
            Fault::SilentQuotes => self.silent_quotes.dead_since(now, self.traits.stale_after),
            Fault::SilentBook => self.silent_book.dead_since(now, self.traits.stale_after),
            _ => self.last_heard,
        }
    }

    /// A polled source has no book, and is not asked for one; one that has just been subscribed has none yet.
    fn is_book_missing(&self) -> bool {
        self.traits.channels.depth
            && self.link != Link::Polled
            && self.book.was_known()
            && !self.book.is_known()
    }
}
