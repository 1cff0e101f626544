//! Protections of the whole account.

use crate::model::Timestamp;
use crate::model::float::Between;
use serde::{Deserialize, Serialize};

/// Watches equity and says when a limit is broken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Protection {
    max_drawdown: Option<f64>,
    max_daily_loss: Option<f64>,
    /// The UTC day that is counted, and equity at its start.
    day: Option<(i64, f64)>,
    last_equity: f64,
    peak: f64,
    day_blocked: bool,
}

/// A limit that was broken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Breach {
    /// Equity fell from its peak by `drawdown`, a share of it: trading ends.
    MaxDrawdown {
        /// How far it fell.
        drawdown: f64,
    },
    /// Equity fell since the start of the UTC day by `loss`, a share of it: no entries until the next day.
    MaxDailyLoss {
        /// How far it fell.
        loss: f64,
    },
    /// Nothing is left: trading ends.
    Ruin,
}

impl Protection {
    /// Limits as shares of equity (0.2 is 20 %), for an account that begins with `equity`.
    #[must_use]
    pub const fn new(max_drawdown: Option<f64>, max_daily_loss: Option<f64>, equity: f64) -> Self {
        Self {
            max_drawdown,
            max_daily_loss,
            day: None,
            last_equity: equity,
            peak: equity,
            day_blocked: false,
        }
    }

    /// Whether entries are off for the rest of the day.
    #[must_use]
    pub const fn blocks_entries(&self) -> bool {
        self.day_blocked
    }

    /// Takes note of equity at a bar that opened at `open_time`; says which limit it breaks. A daily loss is said once
    /// a day.
    #[inline]
    pub fn on_mark(&mut self, open_time: Timestamp, equity: f64) -> Option<Breach> {
        let today = open_time.utc_day();
        let start = match self.day {
            Some((day, start)) if day == today => start,
            _ => {
                self.day = Some((today, self.last_equity));
                self.day_blocked = false;
                self.last_equity
            }
        };
        self.last_equity = equity;
        self.peak = self.peak.max(equity);
        if equity <= 0.0 {
            return Some(Breach::Ruin);
        }
        if self
            .max_drawdown
            .is_some_and(|limit| equity <= self.peak * (1.0 - limit))
        {
            return Some(Breach::MaxDrawdown {
                drawdown: 1.0 - equity / self.peak,
            });
        }
        if !self.day_blocked
            && self
                .max_daily_loss
                .is_some_and(|limit| equity <= start * (1.0 - limit))
        {
            self.day_blocked = true;
            return Some(Breach::MaxDailyLoss {
                loss: 1.0 - equity / start,
            });
        }
        None
    }
}

impl Breach {
    /// Whether it means nothing new to a session whose trading has ended.
    pub(crate) const fn is_over(self) -> bool {
        matches!(self, Self::MaxDrawdown { .. } | Self::Ruin)
    }
}

impl Protection {
    /// Takes many values of the account in, at bars that opened from `first` on up to `last`, if in no order could one of them
    /// be a breach that means anything: of a session that `is_halted` what ends trading means nothing. Says whether it did.
    #[inline]
    pub(crate) fn pass_marks(
        &mut self,
        (first, last): (Timestamp, Timestamp),
        equity: Between,
        last_equity: f64,
        is_halted: bool,
    ) -> bool {
        let Some((day, start)) = self.day else {
            return false;
        };
        if first.utc_day() != day || last.utc_day() != day {
            return false;
        }
        let peak = self.peak.max(equity.most);
        // Only shares of no more than all are limits that fall with what they are taken of.
        let floor = |share: f64, from: f64| {
            if share <= 1.0 {
                from * (1.0 - share)
            } else {
                f64::INFINITY
            }
        };
        let may_fall_below =
            |limit: Option<f64>, from: f64| limit.is_some_and(|share| equity.least <= floor(share, from));
        let may_end = equity.least <= 0.0 || may_fall_below(self.max_drawdown, peak);
        let may_block = !self.day_blocked && may_fall_below(self.max_daily_loss, start);
        // Where every one of them breaks the limit that ended trading, none comes to the day's.
        let all_are_over = is_halted
            && self
                .max_drawdown
                .is_some_and(|share| share <= 1.0 && equity.most <= floor(share, self.peak));
        if !all_are_over && (may_block || (may_end && !is_halted)) {
            return false;
        }
        self.last_equity = last_equity;
        self.peak = peak;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(hour: i64) -> Timestamp {
        Timestamp::from_secs(hour * 3_600)
    }

    #[test]
    fn a_daily_loss_blocks_until_the_next_utc_day() {
        let mut protection = Protection::new(None, Some(0.05), 100.0);
        assert_eq!(protection.on_mark(hour(1), 96.0), None);
        assert!(matches!(
            protection.on_mark(hour(2), 94.0),
            Some(Breach::MaxDailyLoss { .. })
        ));
        assert_eq!(protection.on_mark(hour(3), 90.0), None, "said once a day");
        assert!(protection.blocks_entries());
        assert_eq!(
            protection.on_mark(hour(24), 89.0),
            None,
            "the new day counts from the old day's end"
        );
        assert!(!protection.blocks_entries());
    }

    #[test]
    fn drawdown_counts_from_the_peak_and_ruin_is_ruin() {
        let mut protection = Protection::new(Some(0.2), None, 100.0);
        assert_eq!(protection.on_mark(hour(1), 150.0), None);
        assert_eq!(protection.on_mark(hour(2), 120.1), None);
        assert!(matches!(
            protection.on_mark(hour(3), 120.0),
            Some(Breach::MaxDrawdown { .. })
        ));
        assert_eq!(
            Protection::new(None, None, 100.0).on_mark(hour(1), -1.0),
            Some(Breach::Ruin)
        );
    }
}
