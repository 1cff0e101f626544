//! Trades that were told and are not believed, and what may have been one: missing until they are confirmed, or come otherwise.

use super::gap::TradeGap;
use super::unnumbered::is_same;
use super::{Heard, Link, Sanity, Source, begin, count, millis};
use crate::quality::IncidentKind;
use papertape::market::TradeTick;
use papertape::model::Timestamp;

impl Source {
    /// A trade that is not believed: it is missing, and asked for like one that never came.
    #[cold]
    pub(super) fn doubt_trade(&mut self, id: u64, trade: &TradeTick, received: Timestamp) {
        let is_of_price = self.sanity.is_strange(trade.price);
        if self.trades.doubt(id, *trade, is_of_price) && self.gap == TradeGap::None {
            self.gap = TradeGap::Waiting(received);
        }
    }

    /// Something made no sense that may have been a trade: where numbers have holes nothing else would show that it is missing, so it
    /// is asked for. Now and then, that is: what tells nonsense again and again is on record, and asked for no more often.
    #[cold]
    pub(super) fn suspect(&mut self, received: Timestamp, heard: &mut Vec<Heard>) {
        const EVERY: i64 = 300_000_000_000;
        let is_telling = self.traits.channels.trades && self.link == Link::Speaking;
        if self.traits.has_consecutive_trades || !is_telling {
            return;
        }
        let is_rare = self.suspected.is_none_or(|at| received.since(at) >= EVERY);
        match self.gap {
            // It is among what is going to be asked for.
            TradeGap::Waiting(_) => {}
            TradeGap::None if is_rare && self.can_ask() => {
                self.suspected = Some(received);
                self.trades.resume();
                self.gap = TradeGap::Waiting(received);
                let why = "what made no sense may have been a trade, and is asked for".to_owned();
                heard.push(begin(IncidentKind::Gap, "trades", self.since(received), why));
            }
            _ => {
                let why = "what made no sense may have been a trade, and is not asked for".to_owned();
                let from = self.since(received);
                heard.push(count(IncidentKind::Gap, "nonsense", from, received, 1, why));
            }
        }
    }

    /// The prices of an answer that the stream has told of the same trades: what two ways say that know nothing of each other is so.
    pub(super) fn confirmed(&self, answer: &[(u64, TradeTick)]) -> Vec<f64> {
        let told_before = answer.iter().filter(|(id, trade)| {
            self.trades
                .told(*id, trade)
                .is_some_and(|told| is_same(told, trade))
        });
        told_before.map(|(_, trade)| trade.price).collect()
    }

    /// Takes doubted trades whose price has come to be believed.
    pub(super) fn believe_doubted(&mut self, received: Timestamp, heard: &mut Vec<Heard>) {
        let believed: Vec<(u64, TradeTick)> = self
            .trades
            .doubted()
            .filter(|(_, trade)| self.sanity.fits(trade.price))
            .collect();
        if believed.is_empty() {
            return;
        }
        for (id, trade) in believed {
            if self.sane_trade(&trade, received, heard).is_some() {
                let taken = self.trades.take(id, trade, &mut self.released);
                self.note_taken(id, taken, received, heard);
            }
        }
        self.release(heard);
        if self.gap != TradeGap::None && !self.trades.is_waiting() {
            self.trades_whole(received, 0, heard);
        }
    }

    /// Whether trades wait for their price to be believed, or for one that fits what was believed before.
    pub(crate) fn is_price_open(&self) -> bool {
        self.sanity.is_open() && self.trades.doubted().next().is_some()
    }

    /// As [`Source::is_price_open`], for as long as it takes at most to believe a price.
    pub(super) fn is_price_open_at(&self, now: Timestamp, since: Timestamp) -> bool {
        self.is_price_open() && now.since(since) < Sanity::LONG + 2 * millis(self.thresholds.backfill_ms)
    }
}
