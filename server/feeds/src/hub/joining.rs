//! Those who begin to listen to a stream that others have listened to for a while.

use super::FeedHub;
use papertape::model::Symbol;

impl FeedHub {
    /// Tells a symbol's listeners anew what nobody knows who begins with what comes next: the whole book, of which only changes
    /// are told, and that nothing trades. To those who have listened before it is nothing new. Nothing when nobody listens.
    pub fn tell_anew(&self, feed: &str, symbol: &Symbol) {
        let now = self.inner.clock.now();
        if let Some(handle) = self.inner.handle(feed, symbol) {
            handle.with(now, |market| market.tell_anew(now));
        }
    }
}
