//! The book and the best prices: what was told as theirs was theirs, then.

use super::{Audit, Quotes};
use crate::testkit::BookThen;
use papertape::exchange::TradingStatus;
use papertape::market::{BookCondition, MarketEvent, OrderBook, Quote};
use papertape::model::{Side, Timestamp};

impl Audit<'_> {
    /// Whenever there is a book it is one that the truth had not long ago, and until a gap each is later than the one before; in the
    /// end it is the truth's.
    pub(super) fn books(&self, is_over: bool) -> Result<(), String> {
        let depth = self.detail.levels;
        let mut book = OrderBook::default();
        let mut place = 0;
        for event in self.events() {
            match event {
                MarketEvent::Depth(update) => {
                    book.apply(update);
                    if book.condition() == BookCondition::Crossed {
                        return Err(format!("the book is crossed at {}", update.time));
                    }
                    place = self.book_then(&book, place, update.time)?;
                }
                // Another source may be a little slower.
                MarketEvent::Status(time, TradingStatus::Gap) => {
                    let oldest = time.plus_nanos(-self.slack - self.late);
                    let known = &self.truth.books;
                    place = known
                        .partition_point(|then| then.time <= oldest)
                        .saturating_sub(1);
                    book = OrderBook::default();
                }
                _ => {}
            }
        }
        let levels = |book: &OrderBook, side| book.levels(side).take(depth).collect::<Vec<_>>();
        for side in [Side::Buy, Side::Sell] {
            let (ours, theirs) = (levels(&book, side), levels(&self.truth.book, side));
            if is_over && ours != theirs {
                let wrong = format!("the {side:?} side is {ours:?} and should be {theirs:?}");
                return Err(self.around(self.truth.book.time(), wrong));
            }
        }
        Ok(())
    }

    /// The place of the true book that this one is: of those from `place` on, or an older one, if that is on record.
    fn book_then(&self, book: &OrderBook, place: usize, time: Timestamp) -> Result<usize, String> {
        let print = BookThen::print(book, self.detail.levels);
        let known = &self.truth.books;
        let is_it = |place: &usize| match self.detail.levels {
            BookThen::BEST => known[*place].best == print,
            _ => known[*place].whole == print,
        };
        let until = |place: usize| known.get(place + 1).map_or(time, |next| next.time);
        let end = known.partition_point(|then| then.time <= time.plus_nanos(self.slack));
        let found = (place.min(end)..end).find(is_it);
        let is_now = found.is_some_and(|found| time.since(until(found)) <= self.late + self.slack);
        let found = found.or_else(|| (0..place.min(end)).rev().find(is_it));
        match found {
            None => Err(self.around(time, format!("never was the book, or not then: {book:?}"))),
            Some(found) if is_now || self.is_on_record(until(found), time) => Ok(found),
            Some(found) => {
                let until = until(found);
                Err(self.around(
                    time,
                    format!("the book of {until} is told at {time}, and nothing says so"),
                ))
            }
        }
    }

    /// What was told as the best prices was that then; in the end it is the truth's.
    pub(super) fn quotes(&self, is_over: bool) -> Result<(), String> {
        let mut last = None;
        for event in self.events() {
            if let MarketEvent::Quote(ours) = event {
                if !self.was_the_best(ours) && !self.is_on_record(ours.time, ours.time) {
                    return Err(self.around(ours.time, format!("never were the best, or not then: {ours:?}")));
                }
                last = Some(ours);
            }
        }
        match (last, &self.truth.quote) {
            (None, _) => Err("no quote was published".to_owned()),
            (Some(ours), Some(theirs)) if is_over && !self.are_same(ours, theirs) => {
                Err(format!("the last quote is {ours:?} and should be {theirs:?}"))
            }
            _ => Ok(()),
        }
    }

    /// Whether these stood at their time, or so long before as messages take.
    fn was_the_best(&self, ours: &Quote) -> bool {
        let (from, to) = (
            ours.time.plus_nanos(-self.slack - self.late),
            ours.time.plus_nanos(self.slack),
        );
        let known = &self.truth.quotes;
        let after = known.partition_point(|quote| quote.time <= to);
        (0..after)
            .rev()
            .take_while(|place| known.get(place + 1).is_none_or(|next| next.time >= from))
            .any(|place| self.are_same(ours, &known[place]))
    }

    fn are_same(&self, ours: &Quote, theirs: &Quote) -> bool {
        let prices = |quote: &Quote| (quote.bid, quote.ask);
        let sizes = |quote: &Quote| (quote.bid_size, quote.ask_size);
        prices(ours) == prices(theirs)
            && (self.detail.quotes == Quotes::Prices || sizes(ours) == sizes(theirs))
    }
}
