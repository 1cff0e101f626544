//! Whether a symbol trades, which two know: the stream, that tells of a halt when it begins and ends, and the venue's list.
//!
//! Each may stop it and neither starts what the other has stopped. A list knows nothing of a pause of five minutes, and is an hour
//! old; a stream may say that all of a venue trades, or that a pause is over, of a symbol that is to be delisted.

use super::{Heard, Source};
use papertape::exchange::TradingStatus;
use papertape::model::Timestamp;

/// What is known of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Halts {
    /// What the stream said last.
    pub(super) streamed: TradingStatus,
    /// Whether its venue lists it as trading. One that it lists as delisted may be listed again: that ends nothing.
    is_listed: bool,
    /// What was passed on last.
    told: TradingStatus,
}

impl Halts {
    pub(super) const fn none() -> Self {
        Self {
            streamed: TradingStatus::Trading,
            is_listed: true,
            told: TradingStatus::Trading,
        }
    }

    const fn now(self) -> TradingStatus {
        match self.streamed {
            TradingStatus::Trading if !self.is_listed => TradingStatus::Halted,
            streamed => streamed,
        }
    }
}

impl Source {
    /// Whether it trades, by all that is known.
    pub(crate) const fn status(&self) -> TradingStatus {
        self.halts.now()
    }

    /// Whether its venue lists it as trading.
    pub(crate) const fn is_listed(&self) -> bool {
        self.halts.is_listed
    }

    /// Its venue lists it so.
    pub(crate) fn listed_as(&mut self, status: TradingStatus, now: Timestamp, heard: &mut Vec<Heard>) {
        self.halts.is_listed = status == TradingStatus::Trading;
        self.tell_halts(self.venue_time(now), heard);
    }

    /// What an earlier connection said of a halt may have ended unheard: whoever is halted says so once more.
    pub(super) fn forget_halt(&mut self) {
        if self.halts.streamed == TradingStatus::Halted {
            self.halts.streamed = TradingStatus::Trading;
        }
    }

    /// Passes on whether it trades where that has changed, once its venue is reached: until then nothing fills anyway.
    pub(super) fn tell_halts(&mut self, time: Timestamp, heard: &mut Vec<Heard>) {
        let now = self.halts.now();
        if now != self.halts.told && self.is_reached() {
            (self.halts.told, self.is_changed) = (now, true);
            heard.push(Heard::Status(time, now));
        }
    }
}
