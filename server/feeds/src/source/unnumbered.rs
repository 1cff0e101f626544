//! Trades that were told without a number, where the venue was asked: its stream, and who asks for the past, tell them once more
//! with one.

use papertape::market::TradeTick;

/// The newest of them, all of one time: what is older than they is not told afterwards.
#[derive(Clone, Debug, Default)]
pub(super) struct Unnumbered(Vec<TradeTick>);

impl Unnumbered {
    /// One was told, which is not older than those before.
    pub(super) fn told(&mut self, trade: &TradeTick) {
        if self.0.first().is_some_and(|known| known.time < trade.time) {
            self.0.clear();
        }
        self.0.push(*trade);
    }

    /// Whether this one was told, each once.
    #[inline]
    pub(super) fn recognise(&mut self, trade: &TradeTick) -> bool {
        let found = self.0.iter().position(|known| is_same(known, trade));
        found.map(|place| self.0.swap_remove(place)).is_some()
    }
}

/// Whether two tell of one trade. Who took is not compared, nor what is less than a millisecond: where a venue is asked it does not
/// always say so much.
pub(super) fn is_same(one: &TradeTick, other: &TradeTick) -> bool {
    let key = |trade: &TradeTick| (trade.time.millis(), trade.price, trade.size);
    key(one) == key(other)
}
