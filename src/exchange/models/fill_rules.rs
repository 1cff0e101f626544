//! When orders are met, and how much of the market is ours.

use crate::exchange::QueueModel;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// On which terms orders meet the market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FillRules {
    /// When a resting limit is met.
    pub limit: LimitFill,
    /// The largest share of a bar's volume that all our orders together take; `None` for all they want.
    #[serde(with = "crate::model::decimal::option")]
    pub volume_share: Option<Decimal>,
    /// The path that the price is taken to have walked inside a bar.
    pub path: PathRule,
    /// Where in the queue at its price a resting order is taken to stand.
    pub queue: QueueModel,
    /// The largest share of the touched price by which a market order may walk from it; what is left is canceled.
    #[serde(with = "crate::model::decimal::option")]
    pub protection: Option<Decimal>,
    /// The age, in milliseconds, from which a quote is stale and fills nothing; `None` for never.
    pub stale_after_ms: Option<u64>,
}

impl Default for FillRules {
    /// Limits fill when the price goes through them, whole; the usual path; nothing is protected or stale.
    fn default() -> Self {
        Self {
            limit: LimitFill::Through,
            volume_share: None,
            path: PathRule::Usual,
            queue: QueueModel::Power { n: 3.0 },
            protection: None,
            stale_after_ms: None,
        }
    }
}

impl FillRules {
    /// The names of the rules.
    pub(crate) const NAMES: [&str; 6] = [
        "limit",
        "volume_share",
        "path",
        "queue",
        "protection",
        "stale_after_ms",
    ];

    /// The names of the queue models.
    pub(crate) const QUEUES: [&str; 4] = ["front", "risk_averse", "power", "logarithmic"];

    /// Whether the numbers make sense: shares above 0 and at most 1, a power above 0 and at most 10.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let is_share =
            |share: Option<Decimal>| share.is_none_or(|share| share > Decimal::ZERO && share <= Decimal::ONE);
        let queue = match self.queue {
            QueueModel::Power { n } => n > 0.0 && n <= 10.0,
            QueueModel::Front | QueueModel::RiskAverse | QueueModel::Logarithmic => true,
        };
        is_share(self.volume_share) && is_share(self.protection) && queue
    }
}

/// When a resting limit is met on data that shows no queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitFill {
    /// When the price touches it.
    Touch,
    /// When the price goes through it.
    #[default]
    Through,
    /// When the price goes through it by at least this many ticks, one being what [`LimitFill::Through`] asks for.
    ThroughByTicks(u32),
}

impl LimitFill {
    /// The names of the rules.
    pub(crate) const NAMES: [&str; 3] = ["touch", "through", "through_by_ticks"];

    /// How many ticks the price must go beyond the limit: 0 when it must only touch it.
    #[must_use]
    pub const fn ticks_beyond(self) -> u32 {
        match self {
            Self::Touch => 0,
            Self::Through => 1,
            Self::ThroughByTicks(ticks) => ticks,
        }
    }
}

/// The path of the price inside a bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathRule {
    /// Open → nearer extreme → farther extreme → close.
    #[default]
    Usual,
    /// The extreme that is worse for the position first.
    Adverse,
}

impl PathRule {
    /// The names of the rules.
    pub(crate) const NAMES: [&str; 2] = ["usual", "adverse"];
}
