//! Which source is published, when nothing may fill, and what the sources say together.

use super::{Market, Place};
use crate::consensus::{consensus, divergence};
use crate::quality::{IncidentKind, Of};
use crate::source::{Fault, Heard, millis, nanos, whole};
use crate::status::{BreakerState, Indicative};
use papertape::exchange::TradingStatus;
use papertape::market::{MarketEvent, TradeTick};
use papertape::model::Timestamp;
use std::sync::Arc;

/// How long trades of a source that is not published are kept, and how many at most.
const KEPT_NANOS: i64 = 120_000_000_000;
const MOST_KEPT: usize = 50_000;
/// How often the book is told whole, for those who read the record from the middle.
const BOOK_EVERY_NANOS: i64 = 15 * 60 * 1_000_000_000;

impl Market {
    /// Looks at all sources and decides which is published, and whether anything may fill.
    pub(super) fn arbitrate(&mut self, now: Timestamp) {
        self.look(now);
        self.choose(now);
        self.settle(now);
    }

    /// Brings the places' faults up to date, and the record of what is stale.
    fn look(&mut self, now: Timestamp) {
        let is_open = self.is_open(now);
        for place in 0..self.places.len() {
            let fault = self.places[place].source.fault(now, is_open);
            let before = self.places[place].fault;
            if fault == before {
                continue;
            }
            let entry = &mut self.places[place];
            entry.fault = fault;
            // One fault after another is one trouble.
            if fault.is_none() || before.is_none() {
                entry.since = now;
            }
            if let Some((cause, _)) = before.and_then(Fault::staleness) {
                self.log
                    .end((IncidentKind::Stale, cause, Of::Source(place)), now, 0, None);
            }
            if let Some(fault) = fault
                && let Some((cause, detail)) = fault.staleness()
            {
                let from = self.places[place].source.stale_since(fault, now).unwrap_or(now);
                let name = Arc::clone(&self.places[place].name);
                let key = (IncidentKind::Stale, cause, Of::Source(place));
                self.log.go_on(key, &name, from, detail.to_owned());
            }
        }
    }

    /// Puts on record that nothing has come yet, where it should have: its source is in trouble, or silent for longer than it may be
    /// while its market is open. What is on record already has its gap.
    pub(super) fn note_wait(&mut self, now: Timestamp) {
        if self.is_told || self.is_resuming || self.status() == TradingStatus::Halted {
            return;
        }
        let is_open = self.is_open(now);
        let place = &self.places[self.active];
        let traits = place.source.traits();
        let why = place.fault.map_or("no price is believed yet", Fault::as_str);
        let patience = match place.fault {
            // Its time is not ours: how long it may be silent nobody knows but itself.
            None | Some(Fault::NothingYet) if traits.is_relay || !is_open => return,
            None | Some(Fault::NothingYet) => nanos(traits.stale_after),
            _ => millis(self.thresholds.failover_ms),
        };
        if now.since(place.since) >= patience {
            let detail = match place.fault {
                Some(Fault::NothingYet) => why.to_owned(),
                _ => format!("{}: {why}", Fault::NothingYet.as_str()),
            };
            self.begin(IncidentKind::Stale, "beginning", Of::Stream, self.began, detail);
        }
    }

    /// The first has come.
    pub(super) fn end_wait(&mut self, now: Timestamp) {
        let key = (IncidentKind::Stale, "beginning", Of::Stream);
        self.log.end(key, now, 0, None);
    }

    fn choose(&mut self, now: Timestamp) {
        let active = &self.places[self.active];
        let long = |since: Timestamp, nanos: i64| now.since(since) >= nanos;
        // What its venue lists as not trading is no better than what is in trouble, where another's trades.
        let is_well = |place: &Place| place.fault.is_none() && place.source.is_listed() && !place.is_barred;
        let next = match active.fault {
            fault if fault.is_some() || !active.source.is_listed() => {
                let is_urgent = fault.is_none_or(Fault::is_lasting);
                if !(is_urgent || long(active.since, millis(self.thresholds.failover_ms))) {
                    return;
                }
                self.places
                    .iter()
                    .position(|place| is_well(place) && place.breaker != BreakerState::Open)
            }
            _ => self.places[..self.active].iter().position(|place| {
                // A connection that only seems to live tells nothing: what it told last is no better than what is told now.
                let speaks = |flow: Timestamp| !long(flow, millis(self.thresholds.patience_ms));
                is_well(place)
                    && place.breaker == BreakerState::Closed
                    && long(place.since, millis(self.thresholds.return_s * 1_000))
                    && place.source.last_flow().is_some_and(speaks)
            }),
        };
        if let Some(next) = next {
            self.switch(next, now);
        }
    }

    /// Another source takes over.
    fn switch(&mut self, next: usize, now: Timestamp) {
        let old = &self.places[self.active];
        let from = if old.fault.is_some() { old.since } else { now };
        let (new, name) = (&self.places[next].name, &old.name);
        let detail = match old.fault {
            Some(fault) => format!("{name} is in trouble: {}; {new} takes over", fault.as_str()),
            None if !old.source.is_listed() => {
                format!("{name} lists it as not trading; {new} takes over")
            }
            None => format!("{new}, which is preferred, is well again and takes over from {name}"),
        };
        let name = Arc::clone(new);
        let is_told = self.has_spoken;
        if is_told {
            // As far as the old one told, what was traded is told: by its own times, since what comes after a stall is old.
            let old = &self.places[self.active].source;
            let told = old.last_stamp().map(|stamp| stamp.min(old.venue_time(now)));
            self.cut = self.cut.max(self.last_traded).max(told.unwrap_or(self.cut));
            let span = (self.cut.min(from), now);
            self.log.note(IncidentKind::Failover, &name, span, detail);
            // The old book and quote are not the new one's.
            self.open_gap(now);
        } else {
            // Nothing was told by then, and who reads the record should know that it is not the preferred one's.
            let span = (self.began, now);
            self.log.note(IncidentKind::Failover, &name, span, detail);
        }
        // What waits is the old one's.
        self.waiting.clear();
        self.active = next;
        let first = self.places[next].kept.front().map(|trade| trade.time);
        let told_since = if is_told { self.cut } else { first.unwrap_or(now) };
        self.log.switch(next, told_since, now);
        let status = self.places[next].source.status();
        self.publish_status(self.pace.time(), status, now);
        let kept = std::mem::take(&mut self.places[next].kept);
        for trade in kept {
            self.publish(Heard::Trade(trade), now);
        }
        if is_told {
            self.settle(now);
        } else {
            self.tell_state(now);
        }
    }

    /// Remembers what a source says that is not published, as far as it is needed if it takes over.
    pub(super) fn keep(&mut self, place: usize, heard: &Heard, received: Timestamp) {
        let Heard::Trade(trade) = heard else { return };
        let place = &mut self.places[place];
        let oldest = place.source.venue_time(received).plus_nanos(-KEPT_NANOS);
        let is_old = |trade: &mut TradeTick| trade.time < oldest;
        while place.kept.len() >= MOST_KEPT || place.kept.front_mut().is_some_and(is_old) {
            place.kept.pop_front();
        }
        place.kept.push_back(*trade);
    }

    /// Begins or ends the gap in the stream, as the active source has it.
    pub(super) fn settle(&mut self, now: Timestamp) {
        let fault = self.places[self.active].fault;
        if self.is_relay() {
            // A broken connection loses nothing of another Papertape: its time stands still until it is back.
            if self.is_resuming {
                self.open_gap(now);
            }
            return;
        }
        if fault.is_none() && self.is_resuming {
            self.is_resuming = false;
            let key = (IncidentKind::Gap, "restart", Of::Stream);
            self.log.end(key, now, 0, None);
        }
        let is_held = self.is_diverged && self.hold_on_divergence;
        let is_torn = fault.is_some() || is_held || self.is_record_torn;
        if is_torn && self.has_spoken {
            self.open_gap(now);
        } else if !is_torn && self.is_gap {
            self.close_gap(now);
        }
    }

    pub(super) fn open_gap(&mut self, now: Timestamp) {
        if !self.is_gap && !self.is_ended {
            self.is_gap = true;
            // Told as it stands when the gap ends.
            self.waiting.clear();
            let time = self.pace.time();
            self.push(now, MarketEvent::Status(time, TradingStatus::Gap));
        }
    }

    /// All is whole again: what is known is told, and then that it trades, as soon as what is now can be told as of now.
    fn close_gap(&mut self, now: Timestamp) {
        let Some(time) = self.stamp_now(now) else {
            return;
        };
        self.is_gap = false;
        self.tell_state(now);
        self.push(now, MarketEvent::Status(time, TradingStatus::Trading));
        if self.status == TradingStatus::Halted {
            self.push(now, MarketEvent::Status(time, TradingStatus::Halted));
        }
    }

    /// The book and the quote as the active source has them.
    fn tell_state(&mut self, now: Timestamp) {
        self.tell_book(now);
        if let Some(quote) = self.places[self.active].source.quote_now() {
            // As of now: it has not changed since it was told.
            self.publish(Heard::Quote(quote, false), now);
        }
    }

    /// Tells the whole book: there is none to tell in a gap or after the end, and what another Papertape told it tells by itself.
    fn tell_book(&mut self, now: Timestamp) {
        if self.is_gap || self.is_ended || self.is_relay() {
            return;
        }
        let source = &self.places[self.active].source;
        let told = source.venue_time(now);
        if let Some(update) = source.known_book().map(|book| whole(book, told)) {
            self.publish_depth(update, now);
        }
    }

    /// Tells the whole book now and then.
    pub(super) fn tell_book_at_times(&mut self, now: Timestamp) {
        if now.since(self.book_told) >= BOOK_EVERY_NANOS {
            self.tell_book(now);
        }
    }

    /// Tells once more what whoever begins to listen now cannot know otherwise: that nothing trades, or the whole book, of which
    /// changes alone are told. To all others it is nothing new.
    pub(crate) fn tell_anew(&mut self, now: Timestamp) {
        let now = self.by_the_market(now);
        let status = self.status();
        if status != TradingStatus::Trading && !self.is_relay() {
            self.push(now, MarketEvent::Status(self.pace.time(), status));
        }
        self.tell_book(now);
    }

    /// Compares the sources' prices.
    pub(super) fn compare(&mut self, now: Timestamp) {
        let prices = self.prices();
        let of = |prices: &[(usize, f64)]| prices.iter().map(|(_, price)| *price).collect::<Vec<f64>>();
        self.reference = consensus(&of(&prices)).map(|consensus| consensus.reference);
        let own = prices.iter().find(|(place, _)| *place == self.active).copied();
        let others: Vec<(usize, f64)> = prices
            .into_iter()
            .filter(|(place, _)| *place != self.active)
            .collect();
        let difference = own.and_then(|(_, price)| divergence(price, &of(&others)));
        let (is_diverged, is_alone) = match (difference, own) {
            (Some(difference), _) => (difference > self.thresholds.divergence, false),
            // That nobody contradicts it any more does not make right who was contradicted.
            (None, own) if self.is_diverged => (!self.is_steady_alone(own, now), true),
            (None, _) => (false, false),
        };
        if !is_alone {
            self.alone = None;
        }
        if is_diverged == self.is_diverged {
            return;
        }
        (self.is_diverged, self.alone) = (is_diverged, None);
        if is_diverged {
            let percent = difference.unwrap_or_default() * 100.0;
            let detail = format!("{percent:.2} % from what the other sources tell");
            self.begin(IncidentKind::Divergence, "divergence", Of::Stream, now, detail);
        } else {
            let detail = is_alone.then(|| {
                let secs = self.thresholds.return_s;
                format!("the other sources are gone, and its price was steady for {secs} s without them")
            });
            let key = (IncidentKind::Divergence, "divergence", Of::Stream);
            self.log.end(key, now, 0, detail);
        }
    }

    /// Whether a source that was contradicted has been alone, with a price that hardly moved, for as long as a source must be
    /// well to be believed again.
    fn is_steady_alone(&mut self, own: Option<(usize, f64)>, now: Timestamp) -> bool {
        let Some((_, price)) = own else {
            self.alone = None;
            return false;
        };
        let is_near = |then: f64| (price - then).abs() <= then * self.thresholds.divergence;
        let since = match self.alone {
            Some((since, then)) if is_near(then) => since,
            _ => {
                self.alone = Some((now, price));
                now
            }
        };
        now.since(since) >= millis(self.thresholds.return_s * 1_000)
    }

    /// An estimate of the price now.
    pub(crate) fn indicative(&self, now: Timestamp) -> Option<Indicative> {
        let prices = self.prices();
        let values: Vec<f64> = prices.iter().map(|(_, price)| *price).collect();
        let found = consensus(&values)?;
        let sources = prices
            .iter()
            .zip(&found.outliers)
            .filter(|(_, is_outlier)| !**is_outlier)
            .map(|((place, _), _)| self.places[*place].name.to_string());
        Some(Indicative {
            price: found.reference,
            time: now,
            is_estimate: true,
            sources: sources.collect(),
        })
    }

    /// The prices of those sources that are well.
    fn prices(&self) -> Vec<(usize, f64)> {
        let places = self.places.iter().enumerate();
        places
            .filter(|(_, place)| place.fault.is_none())
            .filter_map(|(index, place)| Some((index, place.source.price()?)))
            .collect()
    }
}
