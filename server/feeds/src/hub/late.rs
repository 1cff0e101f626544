//! Sources that could not be asked what they list when somebody began to listen.

use super::Inner;
use crate::handle::MarketHandle;
use papertape::market::Grid;
use papertape::model::Symbol;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How long it waits before it asks again, at first and at most.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Asks a source by its name what it calls a symbol, until it answers or nobody listens any more; then it is one of the
/// market's sources like the others.
pub(super) async fn ask(
    inner: Weak<Inner>,
    handle: Weak<MarketHandle>,
    symbol: Symbol,
    place: usize,
    (source, called): (String, Symbol),
) {
    let mut wait = FIRST_WAIT;
    loop {
        tokio::time::sleep(wait).await;
        wait = LONGEST_WAIT.min(wait * 2);
        let (Some(inner), Some(handle)) = (inner.upgrade(), handle.upgrade()) else {
            return;
        };
        let present = inner.handle(&handle.feed, &symbol);
        let Some(entry) = inner.venues.get(&source) else {
            return;
        };
        if !present.is_some_and(|present| Arc::ptr_eq(&present, &handle)) {
            return;
        }
        match entry.listing(&called).await {
            Ok(listing) => {
                inner.listen(&handle, place, entry, &listing);
                // The stream began without the one whose steps it counts in.
                if place == 0 && Grid::of(&listing.instrument) != Grid::of(&handle.instrument()) {
                    inner.restepped.notify_one();
                }
                return;
            }
            Err(error) if error.is_temporary() => {}
            Err(error) => {
                tracing::warn!(feed = handle.feed, source, %error, "a source is left out");
                return;
            }
        }
    }
}
