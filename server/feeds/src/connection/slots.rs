//! The symbols of a connection: who listens to them, and what is asked for them.

use super::socket::Socket;
use super::{Answered, Done, Driver, Entry, POLL_AFTER};
use crate::handle::MarketHandle;
use crate::source::Want;
use crate::status::ConnectionState;
use crate::venue::{Channels, Listing, Slot};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

impl Driver {
    pub(super) fn listen(
        &mut self,
        listing: Arc<Listing>,
        channels: Channels,
        market: Arc<MarketHandle>,
        place: usize,
    ) {
        let known = self
            .slots
            .iter()
            .find(|(_, entry)| entry.listing.venue_symbol == listing.venue_symbol)
            .map(|(slot, _)| *slot);
        let is_streamed = !self.venue.traits().stream.is_empty();
        let slot = known.unwrap_or_else(|| {
            self.next_slot += 1;
            let entry = Entry {
                listing,
                channels: Channels::default(),
                markets: Vec::new(),
                is_subscribed: false,
                is_book_asked: false,
                is_trades_asked: false,
                is_polled: false,
                is_poll_asked: false,
                poll_at: Instant::now() + if is_streamed { POLL_AFTER } else { Duration::ZERO },
            };
            self.slots.insert(self.next_slot, entry);
            self.next_slot
        });
        let now = self.clock.now();
        let Some(entry) = self.slots.get_mut(&slot) else {
            return;
        };
        let is_new = !entry
            .markets
            .iter()
            .any(|(other, at)| Arc::ptr_eq(other, &market) && *at == place);
        let more = channels.without(entry.channels);
        let had_book = entry.is_subscribed && entry.channels.depth;
        entry.channels = entry.channels.or(more);
        let is_polled = entry.is_polled;
        if is_new {
            let breaker = self.breaker.state();
            market.with(now, |market| market.breaker(place, breaker, now));
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
            market.with(now, |market| market.connected(place, now));
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

    pub(super) fn leave(&mut self, market: &Arc<MarketHandle>) {
        let mut empty = Vec::new();
        for (slot, entry) in &mut self.slots {
            entry.markets.retain(|(other, _)| !Arc::ptr_eq(other, market));
            if entry.markets.is_empty() {
                empty.push(*slot);
            }
        }
        for slot in empty {
            let entry = self.slots.remove(&slot);
            if entry.is_some_and(|entry| entry.is_subscribed)
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
            Want::Book if !entry.is_book_asked => {
                entry.is_book_asked = true;
                self.requests.push(Box::pin(async move {
                    let answer = Answered::Book(venue.book(&rest, &listing).await);
                    Done { slot, answer }
                }));
            }
            Want::Trades(from) if !entry.is_trades_asked => {
                entry.is_trades_asked = true;
                self.requests.push(Box::pin(async move {
                    let answer = Answered::Trades(venue.trades_from(&rest, &listing, from).await);
                    Done { slot, answer }
                }));
            }
            Want::Resync => self.resync(slot),
            Want::Anew => self.going_away(),
            // The answer to another's request is told to all.
            Want::Book | Want::Trades(_) => {}
        }
    }

    pub(super) fn resync(&mut self, slot: usize) {
        if let Some(codec) = self.socket.codec() {
            let frames = codec.resync(Slot(slot));
            self.socket.queue(frames);
        }
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
