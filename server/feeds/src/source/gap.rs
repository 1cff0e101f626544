//! Missing trades: waited for, asked for, given up.

use super::{Heard, Link, Source, Taken, Want, begin, count, end, millis};
use crate::quality::IncidentKind;
use crate::venue::FeedError;
use papertape::market::TradeTick;
use papertape::model::Timestamp;

/// How far the search for missing trades is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TradeGap {
    #[default]
    None,
    /// They may still come by themselves.
    Waiting(Timestamp),
    /// They were asked for, and the answer is on its way or not.
    Asked {
        since: Timestamp,
        is_under_way: bool,
        next: Timestamp,
    },
}

impl Source {
    /// Trades that were asked for came, or did not.
    pub(crate) fn trades_came(
        &mut self,
        answer: Result<Vec<(u64, TradeTick)>, FeedError>,
        received: Timestamp,
        heard: &mut Vec<Heard>,
        wants: &mut Vec<Want>,
    ) {
        let TradeGap::Asked { since, .. } = self.gap else {
            return;
        };
        let first_held = self.trades.first_held();
        let trades = match answer {
            Ok(trades) => trades,
            Err(error) => {
                tracing::debug!(%error, "missing trades did not come");
                self.ask_again(since, received, 1_000);
                return;
            }
        };
        let mut came = 0;
        let (mut first, mut last) = (received, Timestamp::EPOCH);
        let is_joined = first_held.is_some_and(|held| trades.iter().any(|(id, _)| *id >= held));
        for (id, trade) in trades {
            self.backfill_next = self.backfill_next.max(id.saturating_add(1));
            let checked = self.sane_trade(&trade, received, heard);
            let taken = self.trades.take(id, trade.time, checked, &mut self.released);
            if !matches!(taken, Taken::Duplicate | Taken::Absurd) {
                came += 1;
                (first, last) = (first.min(trade.time), last.max(trade.time));
            }
        }
        // The venue gives so many at once: all have come when those that wait are reached, or nothing new comes.
        let is_all = self.trades.missing() == 0 && (is_joined || came == 0);
        if is_all {
            self.trades.answered(&mut self.released);
        }
        self.counters.backfilled += came;
        self.release(heard);
        if came > 0 {
            let detail = "missing trades were asked for and came".to_owned();
            heard.push(count(IncidentKind::Backfill, "trades", first, last, came, detail));
        }
        if is_all {
            self.trades_whole(received, 0, heard);
        } else {
            // Or it does not have the last ones yet.
            self.ask_again(since, received, if came > 0 { 0 } else { 500 });
            self.tick_trades(received, heard, wants);
        }
    }

    pub(super) fn ask_for_trades(&mut self, now: Timestamp, heard: &mut Vec<Heard>, wants: &mut Vec<Want>) {
        let from = self.trades.last().map_or(0, |last| last.saturating_add(1));
        self.backfill_next = from;
        self.gap = TradeGap::Asked {
            since: now,
            is_under_way: true,
            next: now,
        };
        self.is_changed = true;
        if self.trades.missing() > 0 {
            let (from_time, why) = self.missing_trades(now);
            heard.push(begin(IncidentKind::Gap, "trades", from_time, why));
        }
        wants.push(Want::Trades(from));
    }

    pub(super) fn ask_again(&mut self, since: Timestamp, now: Timestamp, after_millis: i64) {
        self.gap = TradeGap::Asked {
            since,
            is_under_way: false,
            next: now.plus_nanos(after_millis * 1_000_000),
        };
    }

    pub(super) fn missing_trades(&self, now: Timestamp) -> (Timestamp, String) {
        let from = self.last_trade.map_or(now, |trade| trade.time);
        let next = self.trades.last().map_or(0, |last| last + 1);
        let missing = self.trades.missing();
        (from, format!("{missing} trades from number {next} are missing"))
    }

    pub(super) fn tick_trades(&mut self, now: Timestamp, heard: &mut Vec<Heard>, wants: &mut Vec<Want>) {
        match self.gap {
            TradeGap::None => {}
            TradeGap::Waiting(_) if self.link == Link::Down => {}
            TradeGap::Waiting(since) => {
                if now.since(since) < millis(self.thresholds.reorder_ms) {
                    return;
                }
                if self.traits.has_trade_backfill {
                    self.ask_for_trades(now, heard, wants);
                } else {
                    // Nobody to ask: on record, for one tick in which nothing fills, and on.
                    let (from, why) = self.missing_trades(now);
                    heard.push(begin(IncidentKind::Gap, "trades", from, why));
                    self.gap = TradeGap::Asked {
                        since: now.plus_nanos(-millis(self.thresholds.backfill_ms)),
                        is_under_way: false,
                        next: now.plus_nanos(1),
                    };
                    self.is_changed = true;
                }
            }
            TradeGap::Asked {
                since,
                is_under_way,
                next,
            } => {
                if now.since(since) >= millis(self.thresholds.backfill_ms) && now >= next {
                    if self.trades.missing() > 0 {
                        // After a break nobody knew yet that something was missing.
                        let (from, why) = self.missing_trades(now);
                        heard.push(begin(IncidentKind::Gap, "trades", from, why));
                    }
                    let missing = self.trades.give_up(&mut self.released);
                    self.counters.lost += missing;
                    self.release(heard);
                    self.trades_whole(now, missing, heard);
                } else if !is_under_way && now >= next && self.link != Link::Down {
                    let next_id = self.trades.last().map_or(0, |last| last.saturating_add(1));
                    self.gap = TradeGap::Asked {
                        since,
                        is_under_way: true,
                        next,
                    };
                    wants.push(Want::Trades(self.backfill_next.max(next_id)));
                }
            }
        }
    }

    pub(super) fn trades_whole(&mut self, now: Timestamp, missing: u64, heard: &mut Vec<Heard>) {
        (self.gap, self.is_changed) = (TradeGap::None, true);
        let detail = (missing > 0).then(|| format!("{missing} trades never came"));
        heard.push(end(IncidentKind::Gap, "trades", now, missing, detail));
    }
}
