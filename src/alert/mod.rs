//! Alerts: what a person should know about.

mod rule;

pub use rule::{AlertRules, Finding, Watch};

use crate::model::{AlertId, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How much an alert matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// Something failed or was stopped.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// The market moved in a way that a rule watches.
    Price,
    /// The account did: drawdown, daily loss, a large trade.
    Performance,
    /// Something failed: an order denied or rejected.
    Error,
    /// The system changed state: started, recovered, halted.
    System,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its number in the session.
    pub id: AlertId,
    /// When it was raised.
    pub time: Timestamp,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub kind: AlertKind,
    /// A stable code: `max_drawdown`, `order_denied`.
    pub code: String,
    /// One sentence.
    pub message: String,
}
