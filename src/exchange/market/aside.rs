//! Books that fell silent: set aside while others go on, and taken up again when they speak.

use super::{Market, TradingStatus};
use crate::exchange::{DataTier, OwnLiquidity, TierChange};
use crate::market::{BookCondition, OrderBook};
use crate::model::{Price, Side, Timestamp};
use serde::{Deserialize, Serialize};

/// A book that fell silent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Aside {
    pub(super) tier: DataTier,
    /// When it last said something.
    pub(super) told_at: Timestamp,
    pub(super) book: OrderBook,
    pub(super) own: OwnLiquidity,
}

impl Market {
    /// Others traded at `price`, beside the book; it is set aside when it has been silent for too long.
    pub fn trade_beside(&mut self, price: Price, time: Timestamp) {
        if !self.tells_beside(time) {
            return;
        }
        let Ok(price) = self.grid.ticks_of(price) else {
            return;
        };
        let contradicts = self.best(Side::Buy).is_some_and(|bid| price < bid)
            || self.best(Side::Sell).is_some_and(|ask| price > ask);
        if self.silence.note(time, contradicts) {
            self.set_aside();
        }
    }

    /// A quote came beside the order book; says whether that was set aside.
    #[cold]
    pub(super) fn quote_beside(&mut self, bid: i64, ask: i64, time: Timestamp) -> bool {
        let shows = (self.best(Side::Buy), self.best(Side::Sell));
        let is_silent = self.tells_beside(time) && self.silence.note(time, shows != (Some(bid), Some(ask)));
        if is_silent {
            self.set_aside();
        }
        is_silent
    }

    /// Whether a tick at `time` tells of a market that trades and that the book, if one is known, could have told of since.
    fn tells_beside(&self, time: Timestamp) -> bool {
        matches!(self.tier, Some(DataTier::Quotes | DataTier::Depth))
            && self.status() == TradingStatus::Trading
            && self.tick_time.is_some_and(|told| told < time)
    }

    /// Whether the book of a tier fell silent.
    pub(super) fn is_aside(&self, tier: DataTier) -> bool {
        self.aside.iter().any(|aside| aside.tier == tier)
    }

    /// Gives the book up until it speaks again: nothing fills on it. Those that stand in its queues stay there.
    #[cold]
    fn set_aside(&mut self) {
        let (Some(tier), Some(told_at)) = (self.tier, self.tick_time) else {
            return;
        };
        self.aside.retain(|aside| aside.tier != tier);
        self.aside.push(Aside {
            tier,
            told_at,
            book: std::mem::take(&mut self.book),
            own: std::mem::take(&mut self.own),
        });
        self.silence.end();
        self.quote = None;
        self.tier = Some(DataTier::Trades);
        self.tier_change = Some(TierChange {
            from: tier,
            to: DataTier::Trades,
            told_at,
        });
    }

    /// While a book is set aside, one speaks: the same as it stood, to be changed by what it says, or another.
    #[cold]
    pub(super) fn speaks(&mut self, tier: DataTier) {
        let from = self.tier.unwrap_or(DataTier::Trades);
        let told_at = self.aside.first().map_or(Timestamp::EPOCH, |aside| aside.told_at);
        if let Some(place) = self.aside.iter().position(|aside| aside.tier == tier) {
            let aside = self.aside.remove(place);
            (self.book, self.own) = (aside.book, aside.own);
            self.quote = match self.book.condition() {
                BookCondition::Open | BookCondition::Locked => self.book.quote(&self.grid),
                BookCondition::OneSided | BookCondition::Crossed => None,
            };
        }
        if tier == DataTier::Depth {
            self.aside.clear();
        }
        if from != tier {
            // A quote that ends the silence of the order book finds it just set aside.
            let lost = self.tier_change.take();
            self.tier_change = Some(TierChange {
                from: lost.map_or(from, |lost| lost.from),
                to: tier,
                told_at: lost.map_or(told_at, |lost| lost.told_at),
            });
        }
        self.tier = Some(tier);
    }

    /// What fell silent or came back with the last tick, for the engine to tell.
    #[inline]
    pub fn take_tier_change(&mut self) -> Option<TierChange> {
        self.tier_change.take()
    }

    /// Since when the market contradicts the book, if that is so long at `now` that it fills nobody until it speaks.
    #[must_use]
    pub const fn doubted_since(&self, now: Timestamp) -> Option<Timestamp> {
        self.silence.doubted_since(now)
    }
}
