//! The book, as far as it may be told.

use super::bests::Bests;
use super::book::BookTook;
use super::{Heard, Source, Want, begin, end, nanos, whole};
use crate::quality::IncidentKind;
use crate::venue::FeedError;
use papertape::market::{DepthSnapshot, DepthUpdate, Level};
use papertape::model::Timestamp;

impl Source {
    /// The book that was asked for came, or did not.
    pub(crate) fn book_came(
        &mut self,
        answer: Result<DepthSnapshot, FeedError>,
        received: Timestamp,
        heard: &mut Vec<Heard>,
        wants: &mut Vec<Want>,
    ) {
        let mut answer = answer;
        if let Ok(snapshot) = &mut answer {
            let time = &mut snapshot.update.time;
            if *time > Timestamp::EPOCH
                && let Err(why) = self.sane_time(*time, received)
            {
                // Its numbers say where it belongs.
                *time = Timestamp::EPOCH;
                self.kept_off(why, received, heard);
            }
            if *time == Timestamp::EPOCH {
                *time = self.venue_time(received);
            }
        }
        let took = self.book.rest_snapshot(answer, received);
        self.took_book(took, received, heard, wants);
    }

    pub(super) fn took_book(
        &mut self,
        took: BookTook,
        received: Timestamp,
        heard: &mut Vec<Heard>,
        wants: &mut Vec<Want>,
    ) {
        match took {
            BookTook::Nothing => {}
            BookTook::Duplicate => self.counters.duplicates += 1,
            BookTook::Changed(update) => self.judge_book(update, received, heard),
            BookTook::Known(update) => {
                self.is_changed = true;
                self.book.known_as_of(self.venue_time(received));
                self.judge_book(update, received, heard);
                heard.push(end(IncidentKind::Gap, "book", received, 0, None));
            }
            BookTook::Ask(want) => wants.push(want),
            BookTook::Lost { why, missing, want } => {
                self.is_changed = true;
                self.counters.lost += missing;
                heard.push(begin(IncidentKind::Gap, "book", received, why));
                self.fits(Bests::Book, received, heard);
                wants.extend(want);
            }
            BookTook::Strange(why, want) => {
                self.is_changed = true;
                self.kept_off(why.clone(), received, heard);
                heard.push(begin(IncidentKind::Gap, "book", received, why));
                self.fits(Bests::Book, received, heard);
                wants.extend(want);
            }
        }
    }

    /// Whether the book may be told: its best prices are held against the believed price, so there must be one where other
    /// channels tell of it.
    pub(super) const fn is_book_judged(&self) -> bool {
        let channels = &self.traits.channels;
        self.first.is_known() || !(channels.trades || channels.quotes || channels.bars)
    }

    /// The book is known, or has changed by this: tells it if its best prices may be.
    #[inline]
    pub(super) fn judge_book(&mut self, update: DepthUpdate, received: Timestamp, heard: &mut Vec<Heard>) {
        if !self.is_book_judged() {
            return;
        }
        let judged = self.sane_book(received);
        if judged.is_ok() {
            self.book_asked = 0;
        }
        match judged {
            Ok(()) if self.contradicted.book().is_some() => {
                self.fits(Bests::Book, received, heard);
                // What changed meanwhile was not told.
                heard.push(Heard::Depth(whole(self.book.book(), update.time)));
            }
            Ok(()) => heard.push(Heard::Depth(update)),
            Err(why) => self.contradicts(Bests::Book, format!("{why} in the order book"), received, heard),
        }
    }

    #[inline]
    fn sane_book(&mut self, received: Timestamp) -> Result<(), String> {
        let book = self.book.book();
        let price = |level: Level| self.grid.price_f64(level.price);
        match (book.best_bid().map(price), book.best_ask().map(price)) {
            (Some(bid), Some(ask)) => self.sanity.check_both(bid, ask, received),
            (Some(price), None) | (None, Some(price)) => self.sanity.check(price, received),
            (None, None) => Ok(()),
        }
    }

    /// A price is known: what the book was before can be judged now.
    #[cold]
    pub(super) fn judge_waiting_book(&mut self, received: Timestamp, heard: &mut Vec<Heard>) {
        if self.traits.channels.depth && self.book.is_known() {
            let update = whole(self.book.book(), self.venue_time(received));
            self.judge_book(update, received, heard);
        }
    }

    /// A book that goes on contradicting everything else may have begun with a wrong snapshot: it is asked for anew, after as long as a
    /// symbol may be silent, and each time twice as long after, up to sixty-four times: a market may really be so.
    pub(super) fn tick_book(&mut self, now: Timestamp, heard: &mut Vec<Heard>, wants: &mut Vec<Want>) {
        let patience = nanos(self.traits.stale_after).saturating_mul(1 << self.book_asked.min(6));
        if self
            .contradicted
            .book()
            .is_some_and(|since| now.since(since) > patience)
        {
            self.book_asked += 1;
            let took = self.book.distrust("its best prices contradict the others", now);
            self.took_book(took, now, heard, wants);
        }
    }
}
