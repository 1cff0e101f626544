//! Trades, quotes and bars: each checked, in order and once.

use super::bests::Bests;
use super::numbers::MOST_JUMP;
use super::unnumbered::is_same;
use super::{FirstTook, Heard, Link, Source, Taken, TradeGap, Want, count, millis};
use crate::quality::{Incident, IncidentKind};
use crate::venue::Told;
use papertape::market::{MarketEvent, Quote, TradeTick};
use papertape::model::Timestamp;
use std::cmp::Ordering;

impl Source {
    /// No price is known yet: nothing that tells one is believed before another agrees.
    #[cold]
    pub(super) fn first_told(
        &mut self,
        told: &Told,
        price: f64,
        received: Timestamp,
        heard: &mut Vec<Heard>,
        wants: &mut Vec<Want>,
    ) {
        match self.first.take(told, price, received, self.link == Link::Polled) {
            FirstTook::Waits => {}
            FirstTook::Again => self.counters.duplicates += 1,
            FirstTook::GivenUp(price) => {
                let why = format!("a first price of {price}, with which no other agrees");
                self.kept_off(why, received, heard);
            }
            FirstTook::Known(price, waiting) => {
                self.sanity.begin(price);
                for (told, received) in waiting {
                    self.take(&told, received, heard, wants);
                }
                self.judge_waiting_book(received, heard);
            }
        }
    }

    pub(super) fn relayed(&mut self, number: u64, event: &MarketEvent, heard: &mut Vec<Heard>) {
        if !self.is_next_relayed(number, event.time(), heard) {
            return;
        }
        match event {
            MarketEvent::Quote(quote) => {
                (self.last_quote, self.is_quote_current) = (Some((*quote, true)), true);
            }
            MarketEvent::Trade(trade) => self.last_trade = Some(*trade),
            MarketEvent::Bar(bar) => self.last_bar = Some(*bar),
            _ => {}
        }
        heard.push(Heard::Relayed(event.clone()));
    }

    /// What was not as it should be there is on our record as well.
    #[cold]
    pub(super) fn relayed_incident(
        &mut self,
        number: u64,
        key: (Timestamp, u64),
        incident: Option<&Incident>,
        received: Timestamp,
        heard: &mut Vec<Heard>,
    ) {
        let time = incident.map_or(received, |incident| incident.from);
        if self.is_next_relayed(number, time, heard)
            && let Some(incident) = incident
        {
            heard.push(Heard::RelayedIncident(key, Box::new(incident.clone())));
        }
    }

    /// Whether what is relayed has not been before; what its number skips is lost.
    #[inline]
    fn is_next_relayed(&mut self, number: u64, time: Timestamp, heard: &mut Vec<Heard>) -> bool {
        match self.last_relayed {
            Some(last) if number <= last => {
                self.counters.duplicates += 1;
                return false;
            }
            Some(last) if number > last + 1 => {
                let missing = number - last - 1;
                self.counters.lost += missing;
                let why = format!("{missing} events from number {} never came", last + 1);
                heard.push(count(IncidentKind::Gap, "events", time, time, missing, why));
            }
            _ => {}
        }
        self.last_relayed = Some(number);
        true
    }

    /// Another tape is relayed: its numbers say nothing of those before.
    #[cold]
    pub(super) fn renumbered(&mut self, why: &str, heard: &mut Vec<Heard>) {
        self.last_relayed = None;
        heard.push(Heard::Renumbered(why.to_owned()));
    }

    #[inline]
    pub(super) fn trade(
        &mut self,
        id: Option<u64>,
        trade: &TradeTick,
        received: Timestamp,
        heard: &mut Vec<Heard>,
    ) {
        let checked = self.sane_trade(trade, received, heard);
        let Some(id) = id else {
            // Without a number, what is polled twice is known by its time.
            let is_again = self.link == Link::Polled
                && self
                    .last_trade
                    .is_some_and(|last| trade.time < last.time || is_same(trade, &last));
            if is_again {
                self.counters.duplicates += 1;
            } else if let Some(trade) = checked {
                self.unnumbered.told(&trade);
                self.last_trade = Some(trade);
                self.traded(&trade, received);
                heard.push(Heard::Trade(trade));
            } else {
                // It has no number by which it could be asked for.
                let why = "a trade was kept off, and cannot be asked for".to_owned();
                let from = self.since(received);
                heard.push(count(IncidentKind::Gap, "kept off", from, received, 1, why));
            }
            return;
        };
        // A venue that is asked may answer with what it knew a while ago.
        let is_old = self.link == Link::Polled
            && !self.traits.has_consecutive_trades
            && self.last_trade.is_some_and(|last| trade.time < last.time);
        if is_old {
            self.counters.late += 1;
            return;
        }
        let Some(checked) = checked else {
            self.doubt_trade(id, trade, received);
            return;
        };
        let is_first = self.trades.last().is_none();
        if self.was_told_unnumbered(id, trade) {
            self.counters.duplicates += 1;
            return;
        }
        let taken = self.trades.take(id, checked, &mut self.released);
        self.note_taken(id, taken, received, heard);
        if matches!(taken, Taken::Next | Taken::Filled) {
            self.traded(trade, received);
        }
        match taken {
            // What was traded before we listened, or is asked for afterwards, says nothing of the way.
            Taken::Next if !is_first && self.link == Link::Speaking => self.observe(trade.time, received),
            Taken::Next => {}
            Taken::Duplicate => self.counters.duplicates += 1,
            Taken::Held => {
                self.backfill.first_live.get_or_insert((id, trade.time));
                if self.gap == TradeGap::None {
                    self.gap = TradeGap::Waiting(received);
                }
            }
            Taken::Filled => self.counters.out_of_order += 1,
            Taken::Absurd | Taken::Anew(_) => {}
        }
        self.release(heard);
        if self.gap != TradeGap::None && !self.trades.is_waiting() {
            self.trades_whole(received, 0, heard);
        }
    }

    /// Whether a trade was told already when it had no number: from now on it has one.
    #[inline]
    pub(super) fn was_told_unnumbered(&mut self, id: u64, trade: &TradeTick) -> bool {
        let is_it = !self.traits.has_consecutive_trades && self.unnumbered.recognise(trade);
        if is_it {
            self.trades.know(id, trade);
        }
        is_it
    }

    /// What a trade's number says of the numbers, however it came.
    #[inline]
    pub(super) fn note_taken(&mut self, id: u64, taken: Taken, received: Timestamp, heard: &mut Vec<Heard>) {
        match taken {
            Taken::Absurd => {
                let last = self.trades.last().unwrap_or_default();
                self.kept_off(format!("a trade numbered {id} after {last}"), received, heard);
            }
            Taken::Anew(missing) => {
                self.counters.lost += missing;
                // What is asked for next is asked for by the new numbers.
                self.backfill.from.id = id.saturating_add(1);
                self.numbers_anew("trades", received, heard);
            }
            Taken::Next | Taken::Held | Taken::Filled | Taken::Duplicate => {}
        }
    }

    /// What a trade tells of the other channels: it changes the book, and one beyond the best prices moves them.
    #[inline]
    fn traded(&mut self, trade: &TradeTick, received: Timestamp) {
        if self.link != Link::Speaking {
            return;
        }
        if let Some((quote, _)) = &self.last_quote
            && self.traits.channels.quotes
        {
            if trade.price < quote.bid || trade.price > quote.ask {
                self.silent_quotes.missed(received);
            } else {
                self.silent_quotes.speaks();
            }
        }
        if self.traits.channels.depth && self.book.is_known() {
            self.silent_book.missed(received);
        }
    }

    #[inline]
    pub(super) fn sane_trade(
        &mut self,
        trade: &TradeTick,
        received: Timestamp,
        heard: &mut Vec<Heard>,
    ) -> Option<TradeTick> {
        let checked = self
            .sane_time(trade.time, received)
            .and_then(|()| self.sanity.check(trade.price, received))
            .and_then(|()| {
                // Written so that no NaN passes.
                if trade.size > 0.0 && trade.size < 1e15 {
                    Ok(())
                } else {
                    Err(format!("a trade of {}", trade.size))
                }
            });
        match checked {
            Ok(()) => Some(*trade),
            Err(why) => {
                self.kept_off(why, received, heard);
                None
            }
        }
    }

    #[inline]
    pub(super) fn observe(&mut self, told: Timestamp, received: Timestamp) {
        // The last price before a weekend says nothing of how the clocks stand.
        const OLD: i64 = 86_400_000_000_000;
        self.last_stamp = self.last_stamp.max(Some(told));
        if received.since(told) <= OLD {
            self.skew.observe(told, received);
        }
    }

    /// Since when something may be missing that was told at `received`: what was stamped before has come.
    pub(super) fn since(&self, received: Timestamp) -> Timestamp {
        self.last_stamp.map_or(received, |stamp| stamp.min(received))
    }

    /// The time of what is true until the next is told: its own, but as of now where it is ahead of that, since all that comes after it
    /// would wait, or be late.
    #[inline]
    pub(super) fn not_ahead(&self, told: Timestamp, received: Timestamp) -> Timestamp {
        let clock = self.venue_time(received);
        if told.since(clock.max(received)) > millis(self.thresholds.clock_ms) {
            clock
        } else {
            told
        }
    }

    /// A time far ahead of the venue's own would drag the market's clock along.
    #[inline]
    pub(super) fn sane_time(&mut self, told: Timestamp, received: Timestamp) -> Result<(), String> {
        // Another Papertape's time is its own.
        if self.traits.is_relay {
            return Ok(());
        }
        let venue = self.skew.nanos().map(|_| self.skew.venue_time(received));
        self.times.check(told, received, venue)
    }

    /// Numbers do not go on where they ended: what lies between nobody knows.
    #[cold]
    pub(super) fn numbers_anew(&mut self, of: &'static str, received: Timestamp, heard: &mut Vec<Heard>) {
        let from = match of {
            "trades" => self.last_trade.map(|trade| trade.time),
            _ => self.last_quote.map(|(quote, _)| quote.time),
        };
        let from = from.unwrap_or(received).min(received);
        let why = format!("the numbers of {of} begin anew");
        heard.push(count(IncidentKind::Gap, "numbers", from, received, 1, why));
    }

    pub(super) fn release(&mut self, heard: &mut Vec<Heard>) {
        if let Some(last) = self.released.last() {
            self.last_trade = Some(*last);
        }
        heard.extend(self.released.drain(..).map(Heard::Trade));
    }

    #[inline]
    pub(super) fn quote(
        &mut self,
        id: Option<u64>,
        quote: &Quote,
        is_timed: bool,
        received: Timestamp,
        heard: &mut Vec<Heard>,
    ) {
        if let (Some(id), Some(last)) = (id, self.last_quote_id)
            && (id <= last || id - last > MOST_JUMP)
        {
            if !self.quotes_anew.is_begun(id) {
                match id.cmp(&last) {
                    Ordering::Less => self.counters.late += 1,
                    Ordering::Equal => self.counters.duplicates += 1,
                    Ordering::Greater => {
                        self.kept_off(format!("a quote numbered {id} after {last}"), received, heard);
                    }
                }
                return;
            }
            self.numbers_anew("quotes", received, heard);
        } else {
            self.quotes_anew.goes_on();
        }
        if let Err(why) = self.sane_quote(quote, is_timed, received) {
            self.contradicts(Bests::Quotes, why, received, heard);
            return;
        }
        if is_timed {
            let is_old = self
                .last_quote
                .is_some_and(|(last, timed)| timed && quote.time < last.time);
            if is_old {
                self.counters.late += 1;
                return;
            }
            if self.link == Link::Speaking {
                self.observe(quote.time, received);
            }
        }
        self.silent_quotes.speaks();
        self.fits(Bests::Quotes, received, heard);
        self.last_quote_id = id.or(self.last_quote_id);
        let time = self.not_ahead(quote.time, received);
        let quote = Quote { time, ..*quote };
        (self.last_quote, self.is_quote_current) = (Some((quote, is_timed)), true);
        heard.push(Heard::Quote(quote, is_timed));
    }

    #[inline]
    pub(super) fn sane_quote(
        &mut self,
        quote: &Quote,
        is_timed: bool,
        received: Timestamp,
    ) -> Result<(), String> {
        if is_timed {
            self.sane_time(quote.time, received)?;
        }
        if quote.bid > quote.ask {
            return Err(format!("a bid of {} above an ask of {}", quote.bid, quote.ask));
        }
        for size in [quote.bid_size, quote.ask_size] {
            if !(0.0..1e15).contains(&size) {
                return Err(format!("a quote of {size}"));
            }
        }
        self.sanity.check_both(quote.bid, quote.ask, received)
    }
}
