//! The symbols of a connection: who listens to them, and what is asked for them.

use super::backoff::Backoff;
use super::socket::Socket;
use super::{Done, Driver, Entry};
use crate::handle::MarketHandle;
use crate::source::Want;
use crate::status::ConnectionState;
use crate::venue::{Channels, Listing, Slot, Told};
use papertape::market::Grid;
use std::sync::Arc;
use tokio::time::Instant;

impl Driver {
    pub(super) fn listen(
        &mut self,
        listing: Arc<Listing>,
        channels: Channels,
        market: Arc<MarketHandle>,
        place: usize,
    ) {
        // What a stream calls one thing is one. Who is asked may have one name of a coin for its prices in every currency.
        let has_stream = self.has_stream();
        let is_it = |known: &Listing| {
            known.venue_symbol == listing.venue_symbol
                && (has_stream || known.instrument.symbol() == listing.instrument.symbol())
        };
        let known = self.slots.iter().find(|(_, entry)| is_it(&entry.listing));
        let known = known.map(|(slot, _)| *slot);
        let poll_wait = self.poll_wait();
        let is_in_these_steps = |slot: &usize| {
            let entry = self.slots.get(slot);
            entry.is_some_and(|entry| Grid::of(&entry.listing.instrument) == Grid::of(&listing.instrument))
        };
        let known = match known {
            Some(slot) if !is_in_these_steps(&slot) => self.restep(slot, &listing),
            known => known,
        };
        let slot = known.unwrap_or_else(|| {
            self.next_slot += 1;
            let entry = Entry {
                listing: Arc::clone(&listing),
                channels: Channels::default(),
                markets: Vec::new(),
                is_subscribed: false,
                is_book_asked: false,
                is_trades_asked: false,
                is_polled: false,
                is_poll_asked: false,
                is_asked_alone: false,
                status: None,
                has_answered: false,
                poll_at: Instant::now() + poll_wait,
                again_at: None,
                backoff: Backoff::default(),
            };
            self.slots.insert(self.next_slot, entry);
            self.next_slot
        });
        let now = self.clock.now();
        let Some(entry) = self.slots.get_mut(&slot) else {
            return;
        };
        // In the same steps, and perhaps no longer trading, or once more.
        if entry.listing.status != listing.status {
            entry.listing = Arc::new(Listing {
                status: listing.status,
                ..(*entry.listing).clone()
            });
            for (market, place) in &entry.markets {
                market.with(now, |market| market.lists(*place, &entry.listing, now));
            }
        }
        let is_new = !entry
            .markets
            .iter()
            .any(|(other, at)| Arc::ptr_eq(other, &market) && *at == place);
        let more = channels.without(entry.channels);
        let had_book = entry.is_subscribed && entry.channels.depth;
        entry.channels = entry.channels.or(more);
        let (is_polled, status) = (entry.is_polled, entry.status);
        if is_new {
            let breaker = self.breaker.state();
            market.with(now, |market| {
                market.lists(place, &entry.listing, now);
                market.breaker(place, breaker, now);
            });
            entry.markets.push((Arc::clone(&market), place));
        }
        if !more.is_empty()
            && entry.is_subscribed
            && let Some(codec) = self.socket.codec()
        {
            let frames = codec.widen(Slot(slot), more);
            self.socket.queue(frames);
        }
        if is_new && self.socket.is_on() {
            market.with(now, |market| {
                market.connected(place, now);
                // Venues say once that they have halted it: who comes later is told by us.
                if let Some((time, status)) = status {
                    let slot = Slot(slot);
                    market.told(place, &Told::Status { slot, time, status }, now);
                }
            });
            // Books begin with a snapshot that this market has not seen.
            if had_book {
                self.resync(slot);
            }
        } else if is_new && is_polled {
            market.with(now, |market| market.polled(place, now));
        }
        if matches!(self.socket, Socket::Idle) {
            self.connect();
        }
        self.subscribe_all();
    }

    /// The venue counts a symbol in other steps now: it is subscribed anew for all who listen to it, in those, under another slot,
    /// so that no answer to what was asked before is read in them. Gives the slot.
    fn restep(&mut self, slot: usize, listing: &Arc<Listing>) -> Option<usize> {
        let mut entry = self.slots.remove(&slot)?;
        if entry.is_subscribed
            && let Some(codec) = self.socket.codec()
        {
            let frames = codec.unsubscribe(Slot(slot));
            self.socket.queue(frames);
        }
        entry.listing = Arc::clone(listing);
        (entry.is_subscribed, entry.is_book_asked) = (false, false);
        (entry.is_trades_asked, entry.is_poll_asked) = (false, false);
        entry.status = None;
        let (now, is_on) = (self.clock.now(), self.socket.is_on());
        for (market, place) in &entry.markets {
            market.with(now, |market| {
                market.disconnected(
                    *place,
                    now,
                    "its venue counts in other steps now, and is subscribed anew",
                );
                market.lists(*place, listing, now);
                if is_on {
                    market.connected(*place, now);
                } else if entry.is_polled {
                    market.polled(*place, now);
                }
            });
        }
        self.next_slot += 1;
        self.slots.insert(self.next_slot, entry);
        Some(self.next_slot)
    }

    pub(super) fn leave(&mut self, market: &Arc<MarketHandle>) {
        let mut empty = Vec::new();
        for (slot, entry) in &mut self.slots {
            entry.markets.retain(|(other, _)| !Arc::ptr_eq(other, market));
            if entry.markets.is_empty() {
                empty.push(*slot);
            }
        }
        for slot in empty {
            let Some(entry) = self.slots.remove(&slot) else {
                continue;
            };
            self.listed.forget(entry.listing.instrument.symbol());
            if entry.is_subscribed
                && let Some(codec) = self.socket.codec()
            {
                let frames = codec.unsubscribe(Slot(slot));
                self.socket.queue(frames);
            }
        }
        if self.slots.is_empty() {
            (self.socket, self.coming) = (Socket::Idle, Socket::Idle);
            self.show(|status| status.connection = ConnectionState::Idle);
        }
    }

    pub(super) fn want(&mut self, market: &Arc<MarketHandle>, place: usize, want: Want) {
        let Some((slot, entry)) = self.slots.iter_mut().find(|(_, entry)| {
            entry
                .markets
                .iter()
                .any(|(other, at)| Arc::ptr_eq(other, market) && *at == place)
        }) else {
            return;
        };
        let slot = *slot;
        let (venue, rest, listing) = (
            Arc::clone(&self.venue),
            self.rest.clone(),
            Arc::clone(&entry.listing),
        );
        match want {
            Want::Book | Want::Renewal if !entry.is_book_asked => {
                entry.is_book_asked = true;
                let is_needed = want == Want::Book;
                self.requests.push(Box::pin(async move {
                    let rest = if is_needed { Ok(rest) } else { rest.sparing() };
                    let answer = match rest {
                        Ok(rest) => venue.book(&rest, &listing).await,
                        Err(error) => Err(error),
                    };
                    Done::Book(slot, answer)
                }));
            }
            Want::Trades(from) if !entry.is_trades_asked => {
                entry.is_trades_asked = true;
                self.requests.push(Box::pin(async move {
                    Done::Trades(slot, venue.trades_from(&rest, &listing, from).await)
                }));
            }
            Want::Resync => self.resync(slot),
            Want::Anew => self.going_away(),
            // The answer to another's request is told to all.
            Want::Book | Want::Renewal | Want::Trades(_) => {}
        }
    }

    pub(super) fn resync(&mut self, slot: usize) {
        if let Some(codec) = self.socket.codec() {
            let frames = codec.resync(Slot(slot));
            self.socket.queue(frames);
        }
    }

    /// Subscribes what another Papertape refused: its tape may be readable by now. What a venue refuses it does not list.
    pub(super) fn ask_again(&mut self) {
        if !self.venue.traits().is_relay {
            return;
        }
        let now = Instant::now();
        for entry in self.slots.values_mut() {
            if entry.again_at.is_some_and(|at| now >= at) {
                (entry.is_subscribed, entry.again_at) = (false, None);
            }
        }
        self.subscribe_all();
    }

    /// Subscribes what is not subscribed, when the protocol is ready for it.
    pub(super) fn subscribe_all(&mut self) {
        if !self.slots.values().any(|entry| !entry.is_subscribed) {
            return;
        }
        let Some(codec) = self.socket.codec().filter(|codec| codec.is_ready()) else {
            return;
        };
        let wanted: Vec<(Slot, &Listing, Channels)> = self
            .slots
            .iter()
            .filter(|(_, entry)| !entry.is_subscribed)
            .map(|(slot, entry)| (Slot(*slot), &*entry.listing, entry.channels))
            .collect();
        let frames = codec.subscribe_all(&wanted);
        for entry in self.slots.values_mut() {
            entry.is_subscribed = true;
        }
        self.socket.queue(frames);
    }
}
