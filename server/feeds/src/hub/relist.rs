//! Venues change the steps of what they list while it is listened to.

use super::entry::LISTINGS_FOR;
use super::{FeedHub, Inner, Place, named};
use crate::handle::MarketHandle;
use crate::venue::Listing;
use papertape::model::Symbol;
use rust_decimal::Decimal;
use std::sync::{Arc, Weak};

/// Asks again and again.
pub(super) async fn hourly(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(LISTINGS_FOR).await;
        let Some(inner) = inner.upgrade() else { return };
        FeedHub { inner }.relist().await;
    }
}

/// The steps of prices and sizes.
fn steps(listing: &Listing) -> (Decimal, Decimal) {
    (listing.instrument.tick(), listing.instrument.lot())
}

impl FeedHub {
    /// Asks every source of what is listened to what it lists now, as happens every hour. What counts in other steps than before
    /// is recorded in the new ones from then on, after a gap, in which nothing is known of the market.
    pub async fn relist(&self) {
        let all: Vec<_> = {
            let markets = self.inner.markets();
            let each = markets
                .iter()
                .map(|(key, handle)| (key.clone(), Arc::clone(handle)));
            each.collect()
        };
        let mut changed = Vec::new();
        for ((feed, symbol), handle) in all {
            let Ok(known) = self.places(&feed, Some(&symbol)) else {
                continue;
            };
            let mut places = Vec::with_capacity(known.len());
            let mut is_changed = false;
            for ((entry, called), before) in known.into_iter().zip(handle.listings()) {
                let mut listing = before;
                // Who cannot be asked counts as before.
                if let Some(listing) = &mut listing
                    && let Ok(now) = entry.listing_anew(&called).await
                {
                    is_changed |= steps(listing) != steps(&now);
                    *listing = now;
                }
                places.push(Place {
                    entry,
                    called,
                    listing,
                    is_late: false,
                });
            }
            if is_changed {
                changed.push(((feed, symbol), handle, places));
            }
        }
        // First all of them leave: whoever speaks with a venue reads a symbol in one way for all.
        for (_, handle, _) in &changed {
            let now = self.inner.clock.now();
            handle.with(now, |market| market.end(now));
            handle.close(now);
            self.inner.retire(handle);
            self.inner.leave(handle);
        }
        for (key, handle, places) in changed {
            self.renew(&key, &handle, &places).await;
        }
    }

    /// Goes on with a market that was closed, in the steps that its sources list.
    async fn renew(&self, key: &(String, Symbol), handle: &Arc<MarketHandle>, places: &[Place<'_>]) {
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
            return;
        }
        handle.renew(anew);
        for (index, place) in places.iter().enumerate() {
            if let Some(listing) = &place.listing {
                self.inner.listen(handle, index, place.entry, listing);
            }
        }
    }
}
