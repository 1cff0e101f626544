//! The phase at each of many moments, mostly near to the one before.

use super::{Calendar, CalendarId, Phase, PhaseSpan};
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};

/// Remembers the stretch of time in which the phase holds that it told last, so that asking again costs two comparisons.
/// What it tells depends on the moment alone: any order of questions has the same answers as [`Calendar::phase`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseCursor {
    calendar: CalendarId,
    phase: Phase,
    from: Timestamp,
    until: Timestamp,
}

impl PhaseCursor {
    /// A cursor of `calendar` that has not been asked yet.
    #[must_use]
    pub const fn new(calendar: CalendarId) -> Self {
        let (phase, from, until) = match calendar {
            // It never needs to look.
            CalendarId::Always => (
                Phase::Regular,
                Timestamp::from_nanos(i64::MIN),
                Timestamp::from_nanos(i64::MAX),
            ),
            _ => (Phase::Closed, Timestamp::EPOCH, Timestamp::EPOCH),
        };
        Self {
            calendar,
            phase,
            from,
            until,
        }
    }

    /// Whose phases it tells.
    #[must_use]
    pub const fn calendar(&self) -> CalendarId {
        self.calendar
    }

    /// The phase at `time`.
    pub fn phase(&mut self, time: Timestamp) -> Phase {
        if !(self.from <= time && time < self.until) {
            let PhaseSpan { phase, from, until } = Calendar::of(self.calendar).phase_span(time);
            (self.phase, self.from, self.until) = (phase, from, until);
        }
        self.phase
    }
}
