//! One venue's book of one symbol: joined, checked, and asked for anew when it is torn.

use super::Want;
use super::numbers::{Anew, MOST_JUMP};
use super::renewal::{Range, Renewal};
use crate::venue::{BookStart, FeedError};
use papertape::market::{
    BookCondition, DepthDiff, DepthJoin, DepthKind, DepthSnapshot, DepthUpdate, JoinError, Level, OrderBook,
};
use papertape::model::{Side, Timestamp};

/// What became of a message.
#[derive(Debug)]
pub(super) enum BookTook {
    /// It waits for a snapshot.
    Nothing,
    /// It said nothing new.
    Duplicate,
    /// The book changed.
    Changed(DepthUpdate),
    /// The book is known (again), as it is when all that waited for its snapshot is in it.
    Known(DepthUpdate),
    /// A snapshot is needed.
    Ask(Want),
    /// The book is lost.
    Lost {
        why: String,
        missing: u64,
        want: Option<Want>,
    },
    /// It told what cannot be: the book is lost.
    Strange(String, Option<Want>),
}

#[derive(Clone, Debug)]
pub(super) struct Book {
    pub(super) start: BookStart,
    pub(super) join: DepthJoin,
    pub(super) book: OrderBook,
    /// How far its snapshot reached, where it need not have had all, and when one was joined or asked for last.
    pub(super) range: Option<Range>,
    pub(super) ranged: Timestamp,
    pub(super) renewal: Option<Renewal>,
    ask: Ask,
    was_known: bool,
    /// The venue's time until which the book is known.
    known_as_of: Timestamp,
    anew: Anew,
    /// Attempts since the book was last known.
    attempts: u32,
}

/// How far the request for a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Not,
    /// Made then; a request over a stream may be forgotten by the venue.
    UnderWay(Timestamp),
    /// To be made then.
    Due(Timestamp),
}

impl Book {
    /// A snapshot that was asked for on the stream and has not come after so long is asked for again.
    const PATIENCE: i64 = 10_000_000_000;

    pub(super) fn new(start: BookStart) -> Self {
        Self {
            start,
            join: DepthJoin::default(),
            book: OrderBook::default(),
            range: None,
            ranged: Timestamp::EPOCH,
            renewal: None,
            ask: Ask::Not,
            was_known: false,
            known_as_of: Timestamp::EPOCH,
            anew: Anew::default(),
            attempts: 0,
        }
    }

    /// Whether it was ever known.
    pub(super) const fn was_known(&self) -> bool {
        self.was_known
    }

    pub(super) const fn is_known(&self) -> bool {
        self.join.last_id().is_some()
    }

    pub(super) const fn book(&self) -> &OrderBook {
        &self.book
    }

    /// The connection is gone: numbers begin anew, and so does the book.
    pub(super) fn lose(&mut self) {
        self.forget();
        (self.ask, self.attempts) = (Ask::Not, 0);
        self.anew.goes_on();
    }

    #[inline]
    pub(super) fn diff(&mut self, diff: DepthDiff, now: Timestamp) -> BookTook {
        if !are_possible(&diff.update) {
            return self.strange("a level of the book that cannot be".to_owned(), now);
        }
        let (first, last, time) = (diff.first_id, diff.final_id, diff.update.time);
        if last.saturating_sub(first) > MOST_JUMP {
            return self.strange(
                format!("changes {first} to {last} of the book in one message"),
                now,
            );
        }
        let was_known = self.is_known();
        if self.renewal.as_mut().is_some_and(|renewal| !renewal.diff(&diff)) {
            self.renewal = None;
        }
        match self.join.diff(diff) {
            Ok(Some(update)) => {
                self.anew.goes_on();
                self.known_as_of = self.known_as_of.max(time);
                let took = self.apply(update, now);
                self.renewed().map_or(took, BookTook::Changed)
            }
            // Newer than the book, and said to be in it already.
            Ok(None) if was_known && time > self.known_as_of && self.anew.is_begun(last) => {
                self.distrust("the numbers of the book's changes begin anew", now)
            }
            Ok(None) if was_known => BookTook::Duplicate,
            Ok(None) => self.ask_unless_asked(now),
            Err(error @ JoinError::Gap { expected, found }) => {
                self.renewal = None;
                let want = self.ask(now);
                BookTook::Lost {
                    why: error.to_string(),
                    missing: found.saturating_sub(expected),
                    want,
                }
            }
            Err(error @ JoinError::Backwards { .. }) => self.strange(error.to_string(), now),
        }
    }

    /// A snapshot on the stream is where everything begins anew.
    pub(super) fn stream_snapshot(&mut self, snapshot: DepthSnapshot, now: Timestamp) -> BookTook {
        self.join.restart();
        self.ask = Ask::Not;
        self.snapshot(snapshot, now)
    }

    pub(super) fn rest_snapshot(
        &mut self,
        answer: Result<DepthSnapshot, FeedError>,
        now: Timestamp,
    ) -> BookTook {
        if !matches!(self.ask, Ask::UnderWay(_)) {
            let renewed = self.take_renewal(answer.ok().filter(|snapshot| are_possible(&snapshot.update)));
            return renewed.map_or(BookTook::Nothing, BookTook::Changed);
        }
        self.ask = Ask::Not;
        match answer {
            Ok(snapshot) => self.snapshot(snapshot, now),
            Err(error) => {
                tracing::debug!(%error, "the book did not come");
                self.later(now);
                BookTook::Nothing
            }
        }
    }

    pub(super) fn distrust(&mut self, why: &str, now: Timestamp) -> BookTook {
        self.forget();
        BookTook::Lost {
            why: why.to_owned(),
            missing: 0,
            want: self.ask(now),
        }
    }

    pub(super) fn tick(&mut self, now: Timestamp) -> Option<Want> {
        match self.ask {
            Ask::Due(time) if now >= time => {
                self.ask = Ask::Not;
                self.ask(now)
            }
            Ask::UnderWay(since) if self.start == BookStart::Stream && now.since(since) > Self::PATIENCE => {
                self.ask = Ask::Not;
                self.ask(now)
            }
            _ => None,
        }
    }

    fn snapshot(&mut self, snapshot: DepthSnapshot, now: Timestamp) -> BookTook {
        if !are_possible(&snapshot.update) {
            return self.strange("a level of the book that cannot be".to_owned(), now);
        }
        let range = Range::of(&snapshot.update);
        match self.join.snapshot(snapshot) {
            Ok(updates) => {
                let Some(newest) = updates.last().map(|update| update.time) else {
                    return BookTook::Duplicate;
                };
                for update in &updates {
                    self.book.apply(update);
                }
                if self.book.condition() == BookCondition::Crossed {
                    return self.strange("an order book whose bid is above its ask".to_owned(), now);
                }
                (self.attempts, self.was_known) = (0, true);
                (self.range, self.ranged) = (range, now);
                // The snapshot may be old by now: nobody is to trade on what waited for it without it.
                BookTook::Known(whole(&self.book, newest))
            }
            Err(_) => {
                // Older than what waits for it: the venue's REST side lags behind its stream.
                self.later(now);
                BookTook::Nothing
            }
        }
    }

    #[inline]
    fn apply(&mut self, update: DepthUpdate, now: Timestamp) -> BookTook {
        self.book.apply(&update);
        if self.book.condition() == BookCondition::Crossed {
            return self.strange("an order book whose bid is above its ask".to_owned(), now);
        }
        BookTook::Changed(update)
    }

    /// All that is known of it is over.
    fn forget(&mut self) {
        self.join.restart();
        self.renewal = None;
    }

    /// The venue's time at which a snapshot came: what it stamps later is not in it.
    pub(super) fn known_as_of(&mut self, time: Timestamp) {
        self.known_as_of = self.known_as_of.max(time);
    }

    #[cold]
    pub(super) fn strange(&mut self, why: String, now: Timestamp) -> BookTook {
        self.forget();
        let want = self.ask(now);
        BookTook::Strange(why, want)
    }

    fn ask_unless_asked(&mut self, now: Timestamp) -> BookTook {
        if self.start != BookStart::Rest {
            return BookTook::Nothing;
        }
        self.ask(now).map_or(BookTook::Nothing, BookTook::Ask)
    }

    /// Asks at once the first times, and then ever more rarely until the book is known.
    fn ask(&mut self, now: Timestamp) -> Option<Want> {
        if self.ask != Ask::Not {
            return None;
        }
        let want = match self.start {
            BookStart::None => return None,
            BookStart::Rest => Want::Book,
            BookStart::Stream => Want::Resync,
        };
        if self.attempts >= 3 {
            self.later(now);
            self.attempts = 2;
            return None;
        }
        self.attempts += 1;
        self.ask = Ask::UnderWay(now);
        Some(want)
    }

    fn later(&mut self, now: Timestamp) {
        self.ask = Ask::Due(now.plus_nanos(500_000_000 << self.attempts.min(5)));
    }
}

/// A book as one update.
pub(crate) fn whole(book: &OrderBook, time: Timestamp) -> DepthUpdate {
    let side = |side| book.levels(side).collect::<Vec<Level>>();
    DepthUpdate {
        time,
        kind: DepthKind::Snapshot,
        bids: side(Side::Buy),
        asks: side(Side::Sell),
    }
}

fn are_possible(update: &DepthUpdate) -> bool {
    let side = |levels: &[Level]| levels.iter().all(|level| level.price > 0 && level.size >= 0);
    side(&update.bids) && side(&update.asks)
}
