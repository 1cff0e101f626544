//! What the active source says, as one stream whose time never goes back.

use super::Market;
use super::turn::Lasting;
use crate::quality::{IncidentKind, Of};
use crate::record::Published;
use crate::source::Heard;
use papertape::exchange::TradingStatus;
use papertape::market::{DepthKind, DepthUpdate, MarketEvent, TradeTick};
use papertape::model::{Timeframe, Timestamp};
use std::sync::Arc;

impl Market {
    #[inline]
    pub(super) fn publish(&mut self, heard: Heard, received: Timestamp) {
        match heard {
            Heard::Trade(trade) => self.publish_trade(trade, received),
            Heard::Quote(mut quote, is_timed) => {
                if !is_timed {
                    quote.time = self.places[self.active].source.venue_time(received);
                }
                self.tell(Lasting::Quote(quote), received);
            }
            Heard::Depth(update) if !self.is_gap => self.publish_depth(update, received),
            Heard::Bar(bar) => {
                let close = Timeframe::MINUTE.close_of(bar.open_time);
                if bar.open_time <= self.cut && self.cut >= close {
                    return;
                }
                if self.pace.bar(close, bar.open_time > self.cut) {
                    self.last_traded = close;
                    self.push(received, MarketEvent::Bar(bar));
                } else {
                    self.late(bar.open_time, received, "a bar came after its time");
                }
            }
            Heard::Status(told, status) => self.publish_status(told, status, received),
            Heard::Relayed(event) => self.relay(event, received),
            Heard::Renumbered(why) => self.renumbered(why, received),
            // Told whole when the gap ends; troubles are not of the stream.
            Heard::Depth(_) | Heard::Trouble(_) | Heard::RelayedIncident(..) => {}
        }
    }

    /// Whether the source that is published tells what another Papertape published.
    pub(super) fn is_relay(&self) -> bool {
        self.places[self.active].source.traits().is_relay
    }

    #[inline]
    pub(super) fn publish_trade(&mut self, trade: TradeTick, received: Timestamp) {
        if trade.time <= self.cut {
            return;
        }
        self.tell_waiting_before(trade.time, received);
        match self.pace.trade(trade.time) {
            Some(time) => {
                self.last_traded = trade.time;
                self.note_delay(trade.time, time);
                self.push(received, MarketEvent::Trade(TradeTick { time, ..trade }));
            }
            None => self.late(trade.time, received, "a trade came after its minute was over"),
        }
    }

    /// Puts on record that a trade has to be told as of later than it was made, where that is more than what different ways
    /// make of it. Who is asked for the last price tells of it when it is asked, and not when that was made.
    #[inline]
    fn note_delay(&mut self, made: Timestamp, told: Timestamp) {
        let source = &self.places[self.active].source;
        let usual = self.thresholds.reorder_ms.max(self.thresholds.clock_ms);
        if told.since(made) > crate::source::millis(usual) && !source.is_polled() {
            self.late(
                made,
                told,
                "a trade came after what followed it, and is told as of then",
            );
        }
    }

    #[cold]
    pub(super) fn late(&mut self, time: Timestamp, received: Timestamp, detail: &str) {
        let place = &mut self.places[self.active];
        place.source.counters.late += 1;
        let name = Arc::clone(&place.name);
        let key = (IncidentKind::Gap, "late", Of::Stream);
        let span = (time, time.max(self.pace.time()).min(received.max(time)));
        self.log.count(key, &name, span, 1, detail.to_owned());
    }

    pub(super) fn publish_depth(&mut self, update: DepthUpdate, received: Timestamp) {
        let Some(update) = self.on_grid(update) else {
            return;
        };
        if update.kind == DepthKind::Snapshot {
            self.book_told = received;
        }
        self.tell(Lasting::Depth(Box::new(update)), received);
    }

    pub(super) fn publish_status(&mut self, told: Timestamp, status: TradingStatus, received: Timestamp) {
        match status {
            TradingStatus::Ended if !self.is_ended => {
                self.is_ended = true;
                self.push_status(told, status, received);
            }
            TradingStatus::Trading | TradingStatus::Halted if self.status != status => {
                self.status = status;
                // In a gap it is told when the gap ends.
                if !self.is_gap {
                    self.push_status(told, status, received);
                }
            }
            // Venues know nothing of our gaps.
            _ => {}
        }
    }

    /// A halt waits for nothing: where it is not its turn, it is told as of the last that was told.
    fn push_status(&mut self, told: Timestamp, status: TradingStatus, received: Timestamp) {
        let time = self.stamp(told, received).unwrap_or(self.pace.time());
        self.push(received, MarketEvent::Status(time, status));
    }

    #[inline]
    pub(super) fn push(&mut self, received: Timestamp, event: MarketEvent) {
        self.has_spoken = true;
        if !self.is_told {
            self.told_first(&event, received);
        }
        self.record(received, event);
    }

    /// Puts it on record, with the moment by our clock.
    #[inline]
    fn record(&mut self, received: Timestamp, event: MarketEvent) {
        self.out.push(Published {
            received: received.plus_nanos(self.delay),
            event,
            source: Arc::clone(&self.places[self.active].name),
        });
    }

    /// Nothing was told before in this run: that is over with the first price or book.
    #[cold]
    fn told_first(&mut self, event: &MarketEvent, received: Timestamp) {
        self.is_told = match event {
            MarketEvent::Trade(_) | MarketEvent::Quote(_) | MarketEvent::Bar(_) | MarketEvent::Depth(_) => {
                true
            }
            MarketEvent::Clock(_) | MarketEvent::Action(..) | MarketEvent::Status(..) => false,
        };
        if self.is_told {
            self.end_wait(received);
        }
    }

    /// Whether trades of the past are asked for, or will be: they have times of their own, and no other is told before.
    fn is_catching_up(&self, now: Timestamp) -> bool {
        let place = &self.places[self.active];
        let patience = self.thresholds.patience_ms + self.thresholds.backfill_ms;
        place.source.is_asking()
            || (place.source.will_ask() && now.since(place.since) < crate::source::millis(patience))
    }

    pub(super) fn tick_clock(&mut self, now: Timestamp) {
        if self.is_relay() || (!self.has_spoken && self.places[self.active].fault.is_some()) {
            return;
        }
        if self.is_catching_up(now) {
            return;
        }
        let source = &self.places[self.active].source;
        let every = crate::source::millis(self.thresholds.clock_ms);
        let bars = if source.traits().is_bars() {
            crate::source::nanos(source.traits().bar_lag)
        } else {
            0
        };
        let venue = source.venue_time(now).plus_nanos(-bars);
        let end = self.pace.boundary();
        let is_over = venue >= end && self.is_minute_over(now);
        // Behind the venue's clock, so that trades on their way keep their own times.
        let mut clock = venue.plus_nanos(-every);
        if is_over {
            clock = clock.max(end);
        } else {
            clock = clock.min(end.plus_nanos(-1));
        }
        if clock.since(self.pace.time()) >= every || (is_over && clock >= end) {
            self.pace.advance(clock);
            self.record(now, MarketEvent::Clock(clock));
            self.has_spoken = true;
        }
    }
}
