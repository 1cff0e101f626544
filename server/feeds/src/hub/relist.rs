//! Venues change the steps of what they list while it is listened to, and whether it trades. The latter is told to whoever speaks with
//! the venue, and by that to its streams, with the next `listen`.
//!
//! Three things have steps: what a source lists, what whoever speaks with the venue reads it in, and what a stream is recorded in.
//! The first may change at any time, and everybody who asks is told of the newest answer (`VenueEntry::newest`); another Papertape
//! says it on its stream, where it happens, and is not asked. The second follows
//! with the next `listen`, for all streams that share the source at once. The third follows here, stream by stream: a stream is due
//! while its first source lists other steps than it is recorded in, and stays due until its record could be opened in them.

use super::{FeedHub, Inner, Place, named};
use crate::handle::MarketHandle;
use crate::kept::LISTINGS_FOR;
use crate::listed::is_in_other_steps;
use crate::venue::Listing;
use papertape::market::Grid;
use papertape::model::Symbol;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// How long it waits before it tries a record again that could not be opened; twice as long each time, an hour at most.
const FIRST_WAIT: Duration = Duration::from_secs(60);

/// What a stream is, and what its sources list.
type Due<'a> = ((String, Symbol), Arc<MarketHandle>, Vec<Place<'a>>);

/// Asks every hour; when somebody was told of other steps than before, nobody has to be asked.
pub(super) async fn again_and_again(inner: Weak<Inner>, restepped: Arc<Notify>) {
    let mut wait = LISTINGS_FOR;
    loop {
        let asks = tokio::select! {
            () = tokio::time::sleep(wait) => true,
            () = restepped.notified() => false,
        };
        let Some(inner) = inner.upgrade() else { return };
        let is_done = FeedHub { inner }.follow(asks).await;
        wait = if is_done {
            LISTINGS_FOR
        } else if wait == LISTINGS_FOR {
            FIRST_WAIT
        } else {
            LISTINGS_FOR.min(wait * 2)
        };
    }
}

impl FeedHub {
    /// Asks every source of what is listened to what it lists now, as happens every hour. What counts in other steps than before
    /// is recorded in the new ones from then on, after a gap, in which nothing is known of the market; what is listed as not trading
    /// is halted until it is listed as trading again. `false` when a record
    /// could not be opened in them: that stream goes on in its old ones, and is due again.
    pub async fn relist(&self) -> bool {
        self.follow(true).await
    }

    /// Brings streams to the steps of their sources; with `asks`, to those that the sources name when they are asked now.
    async fn follow(&self, asks: bool) -> bool {
        let _relisting = self.inner.relisting.lock().await;
        let all: Vec<_> = {
            let markets = self.inner.markets();
            let each = markets
                .iter()
                .map(|(key, handle)| (key.clone(), Arc::clone(handle)));
            each.collect()
        };
        // Streams that share a source have one answer.
        let mut asked = BTreeMap::<(String, Symbol), Option<Arc<Listing>>>::new();
        let mut due: Vec<Due<'_>> = Vec::new();
        for ((feed, symbol), handle) in all {
            let Ok(known) = self.places(&feed, Some(&symbol)) else {
                continue;
            };
            let mut places = Vec::with_capacity(known.len());
            let mut moved = Vec::new();
            for (index, ((entry, called), before)) in known.into_iter().zip(handle.listings()).enumerate() {
                let mut listing = before.clone();
                if before.is_some() {
                    let key = (entry.feed.name.clone(), called.clone());
                    let now = match asked.get(&key) {
                        Some(known) => known.clone(),
                        None => {
                            let now = match asks {
                                true => entry.listing_anew(&called).await,
                                false => entry.listing_heard(&called),
                            };
                            asked.insert(key, now.clone());
                            now
                        }
                    };
                    // Who cannot be asked counts as before.
                    listing = now.or(listing);
                }
                // Who waits for its steps on a stream is not kept waiting, whatever is known of it here.
                if let (Some(before), Some(now)) = (&before, &listing)
                    && (is_in_other_steps(before, now) || before.status != now.status || entry.tells_steps())
                {
                    moved.push((index, entry, Arc::clone(now)));
                }
                places.push(Place {
                    entry,
                    called,
                    listing,
                    is_late: false,
                });
            }
            let first = places.first().and_then(|place| place.listing.as_ref());
            if first.is_some_and(|first| Grid::of(&first.instrument) != Grid::of(&handle.instrument())) {
                due.push(((feed, symbol), handle, places));
                continue;
            }
            // It is recorded as before, and whoever speaks with the venue reads it in the new steps.
            for (index, entry, listing) in moved {
                self.inner.listen(&handle, index, entry, &listing);
            }
        }
        for (_, handle, _) in &due {
            let now = self.inner.clock.now();
            handle.with(now, |market| market.end(now));
            handle.close(now);
            self.inner.retire(handle);
            self.inner.leave(handle);
        }
        let mut is_done = true;
        for (key, handle, places) in due {
            is_done &= self.renew(&key, &handle, &places).await;
        }
        is_done
    }

    /// Goes on with a market that was closed, in the steps that its first source lists; in its old ones where it cannot be
    /// recorded in those, which is said by `false`.
    async fn renew(&self, key: &(String, Symbol), handle: &Arc<MarketHandle>, places: &[Place<'_>]) -> bool {
        let (feed, symbol) = key;
        let first = places.first().and_then(|place| place.listing.as_ref());
        let instrument = first.map_or_else(
            || handle.instrument(),
            |listing| named(&listing.instrument, symbol),
        );
        tracing::warn!(feed, %symbol, tick = %instrument.tick(), lot = %instrument.lot(), "steps have changed");
        let anew = match self.recording(feed, &instrument).await {
            Ok(recording) => {
                let market = self.made(feed, &instrument, places, handle.channels(), &*recording);
                Some((instrument, market, recording))
            }
            Err(error) => {
                tracing::error!(feed, %symbol, %error, "it goes on in its old steps");
                None
            }
        };
        // Nobody may listen any more, or the end may have come.
        let present = self.inner.handle(feed, symbol);
        if !present.is_some_and(|present| Arc::ptr_eq(&present, handle)) {
            return true;
        }
        let is_renewed = anew.is_some();
        handle.renew(anew);
        if !is_renewed {
            // What was told meanwhile nobody has heard.
            let now = self.inner.clock.now();
            handle.with(now, |market| {
                for place in 0..market.places() {
                    market.disconnected(
                        place,
                        now,
                        "its record could not be opened in the steps that its venue has now",
                    );
                }
            });
        }
        for (index, place) in places.iter().enumerate() {
            if let Some(listing) = &place.listing {
                self.inner.listen(handle, index, place.entry, listing);
            }
        }
        is_renewed
    }
}
