//! What is worth an alert.

use super::{AlertKind, Severity};
use crate::model::float::Between;
use serde::{Deserialize, Serialize};

/// Thresholds; `None` switches a rule off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertRules {
    /// A bar of the strategy's timeframe closes this share (0.05 is 5 %) away from the one before.
    pub price_move: Option<f64>,
    /// Equity is this share below its peak. Said once until there is a new peak.
    pub drawdown: Option<f64>,
    /// So many trades in a row lost. Said once a streak.
    pub losing_streak: Option<u32>,
}

impl AlertRules {
    /// Nothing is worth an alert.
    pub const SILENT: Self = Self {
        price_move: None,
        drawdown: None,
        losing_streak: None,
    };
}

impl Default for AlertRules {
    /// A move of 5 % in one bar, a drawdown of 10 %, five losses in a row.
    fn default() -> Self {
        Self {
            price_move: Some(0.05),
            drawdown: Some(0.10),
            losing_streak: Some(5),
        }
    }
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub kind: AlertKind,
    /// A stable code.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
}

/// Applies the rules to what the engine sees, and remembers what it said.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    rules: AlertRules,
    last_close: Option<f64>,
    peak: f64,
    drawdown_said: bool,
    losses: u32,
}

impl Watch {
    /// A watch over an account that begins with `equity`.
    #[must_use]
    pub const fn new(rules: AlertRules, equity: f64) -> Self {
        Self {
            rules,
            last_close: None,
            peak: equity,
            drawdown_said: false,
            losses: 0,
        }
    }

    /// A bar of the strategy's timeframe closed.
    #[inline]
    pub fn on_close(&mut self, close: f64) -> Option<Finding> {
        let last = self.last_close.replace(close)?;
        let change = close / last - 1.0;
        let limit = self.rules.price_move?;
        (change.abs() >= limit).then(|| price_moved(last, close, change))
    }

    /// The account was valued.
    #[inline]
    pub fn on_mark(&mut self, equity: f64) -> Option<Finding> {
        if equity >= self.peak {
            self.peak = equity;
            self.drawdown_said = false;
            return None;
        }
        let limit = self.rules.drawdown?;
        if self.drawdown_said || equity > self.peak * (1.0 - limit) {
            return None;
        }
        self.drawdown_said = true;
        Some(fell(1.0 - equity / self.peak))
    }

    /// Takes many closes in, of which `last` came last, if in no order could one of them be a finding; says whether it did.
    #[inline]
    pub(crate) fn pass_closes(&mut self, closes: Between, last: f64) -> bool {
        let seen = self.last_close.unwrap_or(last);
        let (least, most) = (closes.least.min(seen), closes.most.max(seen));
        // Rounding keeps the order, so no change from one of them to another is larger than between these two.
        let is_calm = self.rules.price_move.is_none_or(|limit| {
            least > 0.0 && (most / least - 1.0).abs() < limit && (least / most - 1.0).abs() < limit
        });
        if is_calm {
            self.last_close = Some(last);
        }
        is_calm
    }

    /// Takes many values of the account in, if in no order could one of them be a finding; says whether it did.
    #[inline]
    pub(crate) fn pass_marks(&mut self, equity: Between) -> bool {
        let is_peak = equity.most >= self.peak;
        let peak = if is_peak { equity.most } else { self.peak };
        let may_be_said = !self.drawdown_said || is_peak;
        if may_be_said
            && self
                .rules
                .drawdown
                .is_some_and(|limit| is_below(equity.least, peak, limit))
        {
            return false;
        }
        if is_peak {
            self.peak = peak;
            self.drawdown_said = false;
        }
        true
    }

    /// A round trip ended with this profit or loss after fees.
    pub fn on_trade(&mut self, pnl: f64) -> Option<Finding> {
        self.losses = if pnl < 0.0 { self.losses + 1 } else { 0 };
        (Some(self.losses) == self.rules.losing_streak).then(|| Finding {
            severity: Severity::Warning,
            kind: AlertKind::Performance,
            code: "losing_streak",
            message: format!("The last {} trades all lost.", self.losses),
        })
    }
}

/// Whether a value may lie a share below a peak that is `peak` at most.
fn is_below(equity: f64, peak: f64, share: f64) -> bool {
    share > 1.0 || equity <= peak * (1.0 - share)
}

#[cold]
fn price_moved(last: f64, close: f64, change: f64) -> Finding {
    Finding {
        severity: Severity::Info,
        kind: AlertKind::Price,
        code: "price_move",
        message: format!(
            "The price moved {:+.2} % in one bar, from {last} to {close}.",
            change * 100.0
        ),
    }
}

#[cold]
fn fell(drawdown: f64) -> Finding {
    Finding {
        severity: Severity::Warning,
        kind: AlertKind::Performance,
        code: "drawdown",
        message: format!("Equity is {:.2} % below its peak.", drawdown * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(findings: impl IntoIterator<Item = Option<Finding>>) -> Vec<&'static str> {
        findings
            .into_iter()
            .map(|finding| finding.map_or("", |finding| finding.code))
            .collect()
    }

    #[test]
    fn a_large_move_is_said_a_small_one_is_not() {
        let mut watch = Watch::new(AlertRules::default(), 100.0);
        assert_eq!(
            codes([100.0, 104.0, 98.0, 98.0].map(|close| watch.on_close(close))),
            ["", "", "price_move", ""]
        );
    }

    #[test]
    fn a_drawdown_is_said_once_until_a_new_peak() {
        let mut watch = Watch::new(AlertRules::default(), 100.0);
        let said = codes([95.0, 90.0, 80.0, 101.0, 90.0].map(|equity| watch.on_mark(equity)));
        assert_eq!(said, ["", "drawdown", "", "", "drawdown"]);
    }

    #[test]
    fn a_losing_streak_is_said_once() {
        let mut watch = Watch::new(
            AlertRules {
                losing_streak: Some(2),
                ..AlertRules::default()
            },
            100.0,
        );
        let said = codes([-1.0, -1.0, -1.0, 1.0, -1.0, -1.0].map(|pnl| watch.on_trade(pnl)));
        assert_eq!(said, ["", "losing_streak", "", "", "", "losing_streak"]);
    }

    #[test]
    fn rules_that_are_off_say_nothing() {
        let off = AlertRules {
            price_move: None,
            drawdown: None,
            losing_streak: None,
        };
        let mut watch = Watch::new(off, 100.0);
        watch.on_close(1.0);
        assert_eq!(
            codes([watch.on_close(9.0), watch.on_mark(1.0), watch.on_trade(-1.0)]),
            ["", "", ""]
        );
    }
}
