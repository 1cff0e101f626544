//! What a calendar says of one trading day.

use super::{Phase, TradingSession};
use crate::model::Timestamp;

/// A stretch of time in one phase: from the one moment, until before the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseSpan {
    /// The phase that holds.
    pub phase: Phase,
    /// The first moment in which it holds.
    pub from: Timestamp,
    /// The first moment in which it holds no more.
    pub until: Timestamp,
}

/// The most open stretches of one trading day: a night shut down for maintenance before and after a holiday.
const MOST_SPANS: usize = 4;

/// One trading day: its session, and the stretches in which the market is open, in order, apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    pub(super) session: TradingSession,
    spans: [PhaseSpan; MOST_SPANS],
    count: usize,
}

impl Schedule {
    /// A trading day without any stretch yet.
    pub(super) const fn new(session: TradingSession) -> Self {
        let none = PhaseSpan {
            phase: Phase::Closed,
            from: session.open,
            until: session.open,
        };
        Self {
            session,
            spans: [none; MOST_SPANS],
            count: 0,
        }
    }

    /// Adds the next stretch. One without length is none.
    pub(super) fn push(&mut self, phase: Phase, from: Timestamp, until: Timestamp) {
        if from < until {
            self.spans[self.count] = PhaseSpan { phase, from, until };
            self.count += 1;
        }
    }

    /// The stretches in which the market is open.
    pub(super) fn spans(&self) -> &[PhaseSpan] {
        &self.spans[..self.count]
    }
}
