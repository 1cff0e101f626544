//! When the best prices and the book are told: in their own time, and not before what was traded before them.
//!
//! Unlike trades they are true until the next are told, so they can wait, and there is one rule for all of them. They are told at once,
//! as of their own time, but for two cases. While trades of the past are asked for, the stream's time stands: that is a gap, and what
//! comes in it is told as it stands when it ends. And a minute may have ended of which trades can still come: what is not much later
//! is told as of its last nanosecond, as [`Pace`](super::pace::Pace) says; the rest waits in its order until the minute is over,
//! since told as of then it would be told as of earlier than it was.

use super::Market;
use papertape::market::{DepthUpdate, MarketEvent, Quote};
use papertape::model::Timestamp;

/// What is true from its time on until the next is told.
#[derive(Debug)]
pub(super) enum Lasting {
    Quote(Quote),
    Depth(Box<DepthUpdate>),
}

impl Lasting {
    const fn time(&self) -> Timestamp {
        match self {
            Self::Quote(quote) => quote.time,
            Self::Depth(update) => update.time,
        }
    }

    /// As it is told, as of a time.
    fn at(self, time: Timestamp) -> MarketEvent {
        match self {
            Self::Quote(quote) => MarketEvent::Quote(Quote { time, ..quote }),
            Self::Depth(mut update) => {
                update.time = time;
                MarketEvent::Depth(update)
            }
        }
    }
}

impl Market {
    /// Tells what lasts, or lets it wait for its turn.
    #[inline]
    pub(super) fn tell(&mut self, lasting: Lasting, received: Timestamp) {
        let time = if self.waiting.is_empty() {
            self.stamp(lasting.time(), received)
        } else {
            None
        };
        match time {
            Some(time) => self.push(received, lasting.at(time)),
            None if self.is_gap => {}
            None => self.waiting.push_back(lasting),
        }
    }

    /// Tells what waits, as far as its turn has come.
    pub(super) fn tell_waiting(&mut self, now: Timestamp) {
        while let Some(told) = self.waiting.front().map(Lasting::time)
            && let Some(time) = self.stamp(told, now)
        {
            self.tell_next_waiting(time, now);
        }
    }

    /// Tells what waits and is older than a trade: all that waits is of later minutes, and so the trade shows that theirs has begun.
    #[inline]
    pub(super) fn tell_waiting_before(&mut self, trade: Timestamp, now: Timestamp) {
        while let Some(told) = self.waiting.front().map(Lasting::time)
            && told < trade
        {
            self.pace.advance(told);
            self.tell_next_waiting(self.pace.time(), now);
        }
    }

    fn tell_next_waiting(&mut self, time: Timestamp, now: Timestamp) {
        if let Some(lasting) = self.waiting.pop_front() {
            self.push(now, lasting.at(time));
        }
    }

    /// As of when something of `told` that is not a trade is told now; `None` while it is not its turn.
    #[inline]
    pub(super) fn stamp(&mut self, told: Timestamp, now: Timestamp) -> Option<Timestamp> {
        if self.places[self.active].source.is_asking() {
            return None;
        }
        if !self.pace.needs_gate(told) {
            return Some(self.pace.within(told));
        }
        let is_over = self.is_minute_over(now);
        let leeway = crate::source::millis(self.thresholds.settle_ms);
        self.pace.other(told, is_over, leeway)
    }

    /// As of when the state of now is told, if it can be.
    pub(super) fn stamp_now(&mut self, now: Timestamp) -> Option<Timestamp> {
        let told = self.places[self.active].source.venue_time(now);
        self.stamp(told, now)
    }

    /// Whether nothing of the minute under way can come any more, as far as we know.
    pub(super) fn is_minute_over(&self, now: Timestamp) -> bool {
        let source = &self.places[self.active].source;
        let end = self.pace.boundary();
        let traits = source.traits();
        let settle = if traits.is_bars() {
            crate::source::nanos(traits.bar_lag)
        } else {
            crate::source::millis(self.thresholds.settle_ms)
        };
        let flowed = source.last_flow().map(|flow| source.venue_time(flow));
        if !source.is_holding() && flowed.is_some_and(|flowed| flowed.since(end) >= settle) {
            return true;
        }
        let mut patience = crate::source::millis(self.thresholds.patience_ms).max(settle);
        if source.is_holding() {
            patience += crate::source::millis(self.thresholds.backfill_ms);
        }
        if source.is_price_open() {
            patience += crate::source::PRICE_DOUBT;
        }
        source.venue_time(now).since(end) >= patience
    }
}

#[cfg(test)]
mod tests {
    use crate::market::rig::{Rig, at};
    use crate::source::SourceTraits;
    use crate::source::tests::traits;
    use crate::venue::{BookStart, Channels};

    /// A source with a book that begins in this way, which is known, and three trades, the last of 59 s.
    fn with_book(book: BookStart) -> Rig {
        let traits = SourceTraits {
            channels: Channels {
                depth: true,
                ..Channels::TICKS
            },
            book,
            ..traits()
        };
        let mut rig = Rig::new(&[(traits, false)]);
        for (id, millis) in (1..=3).zip([1_000, 2_000, 59_000]) {
            rig.trade(Some(id), millis, millis);
        }
        rig.change(1, 59_100, 59_100);
        match book {
            BookStart::Rest => rig.book_came(1, 59_100),
            _ => rig.book(1, 59_100, 59_100),
        }
        rig
    }

    #[test]
    fn what_is_of_after_a_minute_that_may_not_be_over_waits_and_is_told_in_its_own_time() {
        let mut rig = with_book(BookStart::Stream);
        rig.words();
        // The fourth trade is missing; it may be of the minute that has ended.
        rig.trade(Some(5), 60_200, 60_200);
        rig.quote(0, 60_210, 101.0);
        rig.change(2, 60_220, 60_220);
        assert_eq!(rig.words(), ["quote 101 at 59999", "change 2 at 59999"]);
        rig.quote(0, 60_260, 102.0);
        rig.change(3, 60_270, 60_270);
        rig.trade(Some(6), 60_300, 60_300);
        rig.change(4, 60_310, 60_310);
        assert_eq!(rig.words(), [""; 0]);
        // It has come, and all is told in its order.
        rig.trade(Some(4), 59_900, 60_320);
        assert_eq!(
            rig.words(),
            [
                "trade of 59900 at 59999",
                "trade of 60200 at 60200",
                "quote 102 at 60260",
                "change 3 at 60270",
                "trade of 60300 at 60300",
                "change 4 at 60310",
            ]
        );
    }

    #[test]
    fn what_is_stamped_far_ahead_is_as_of_now_and_nothing_waits_for_it() {
        let mut rig = with_book(BookStart::Stream);
        rig.words();
        let quote = |rig: &mut Rig, made: i64, told: i64, price: f64| {
            rig.quote_told(made, told, price);
        };
        quote(&mut rig, 59_200, 59_200, 100.0);
        // Half a minute ahead, beyond the end of the minute.
        quote(&mut rig, 89_210, 59_210, 101.0);
        quote(&mut rig, 59_220, 59_220, 102.0);
        rig.trade(Some(4), 59_230, 59_230);
        assert_eq!(
            rig.words(),
            [
                "quote 100 at 59200",
                "quote 101 at 59210",
                "quote 102 at 59220",
                "trade of 59230 at 59230",
            ]
        );
    }

    #[test]
    fn what_waits_when_a_gap_begins_is_told_as_it_stands_when_it_ends() {
        let mut rig = with_book(BookStart::Stream);
        rig.words();
        rig.trade(Some(5), 60_200, 60_200);
        rig.quote(0, 60_300, 101.0);
        rig.change(2, 60_310, 60_310);
        rig.words();
        // Nobody can be asked for it: after a while it is given up.
        rig.pass(60_400, 60_700);
        assert_eq!(
            rig.words(),
            [
                "Gap at 59100",
                "trade of 60200 at 60200",
                "book 2 at 60500",
                "quote 101 at 60500",
                "Trading at 60500",
            ]
        );
    }

    #[test]
    fn a_gap_lasts_until_what_is_now_can_be_told_as_of_now() {
        let mut rig = with_book(BookStart::Rest);
        // It is as of when it came.
        assert_eq!(rig.words()[3..], ["book 1 at 59100"]);
        // A change of the book is missing, and then the stream is silent.
        rig.change(3, 59_500, 59_500);
        rig.pass(59_600, 62_000);
        assert_eq!(rig.words(), ["Gap at 59100"]);
        rig.book_came(9, 62_000);
        rig.pass(62_000, 63_000);
        assert_eq!(rig.words(), [""; 0], "trades of the minute may still come");
        assert!(rig.market.why().is_some());
        // Nobody waits longer than that.
        rig.market.tick(at(63_000));
        assert_eq!(rig.words(), ["book 9 at 63000", "Trading at 63000"]);
    }

    #[test]
    fn the_minute_s_bar_is_told_before_the_quotes_after_it() {
        let bars = SourceTraits {
            channels: Channels {
                bars: true,
                quotes: true,
                ..Channels::default()
            },
            ..traits()
        };
        let mut rig = Rig::new(&[(bars, false)]);
        for millis in [1_000, 59_000] {
            rig.quote(0, millis, 100.0);
        }
        rig.words();
        rig.quote(0, 60_100, 101.0);
        rig.quote(0, 60_900, 102.0);
        rig.pass(61_000, 61_500);
        rig.bar(61_500);
        rig.quote(0, 61_600, 103.0);
        assert_eq!(
            rig.words(),
            [
                "quote 101 at 59999",
                "bar at 60000",
                "quote 102 at 60900",
                "quote 103 at 61600",
            ]
        );
    }

    #[test]
    fn a_book_is_not_told_as_of_before_it_was() {
        let mut rig = with_book(BookStart::Stream);
        rig.words();
        // Everything takes three seconds, for minutes.
        for (id, millis) in (4..).zip((60_000..300_000).step_by(1_000)) {
            rig.trade(Some(id), millis, millis + 3_000);
        }
        rig.change(3, 300_100, 303_100);
        rig.words();
        // The way is short again.
        rig.book(5, 305_000, 305_100);
        assert_eq!(rig.words(), ["book 5 at 305000", "Trading at 305000"]);
    }
}
