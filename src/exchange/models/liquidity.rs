//! Liquidity by the time of the day.

use crate::model::Timestamp;
use serde::{Deserialize, Serialize};

/// How deep the market is at a time of the day, against its average: 1 is usual, 0.5 half as deep.
///
/// Slippage is divided by it, impact is worked out with the day's volume multiplied by it, and where it is below 1, so
/// is the share of the volume that orders may take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LiquidityCurve {
    /// The same at all times.
    #[default]
    Flat,
    /// A value for each hour of the UTC day.
    Hourly {
        /// From midnight on, each positive.
        factors: [f64; 24],
    },
    /// A session that is deep at its ends and shallow in between: a parabola over the fraction of the session with a
    /// mean of 1 (the U shape of Jain and Joh, Journal of Financial and Quantitative Analysis 23, 1988).
    Session {
        /// When the session opens, in seconds of the UTC day.
        open: u32,
        /// When it closes, in seconds of the UTC day; before `open` when it runs over midnight.
        close: u32,
        /// The factor at open and close, from 1 to 2.9; the least, in the middle, is (3 − edge) ÷ 2.
        edge: f64,
        /// The factor outside of the session, positive.
        outside: f64,
    },
}

const DAY: i64 = 86_400;

/// Between a hundredth of the usual depth and a hundred times it.
const FACTORS: std::ops::RangeInclusive<f64> = 0.01..=100.0;

impl LiquidityCurve {
    /// The names of the curves.
    pub(crate) const NAMES: [&str; 3] = ["flat", "hourly", "session"];

    /// Whether the numbers make sense: times within a day, and factors between 0.01 and 100.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        match self {
            Self::Flat => true,
            Self::Hourly { factors } => factors.iter().all(|factor| FACTORS.contains(factor)),
            Self::Session {
                open,
                close,
                edge,
                outside,
            } => {
                let within = |second: u32| i64::from(second) < DAY;
                within(*open)
                    && within(*close)
                    && open != close
                    && (1.0..=2.9).contains(edge)
                    && FACTORS.contains(outside)
            }
        }
    }

    /// The factor at a time.
    #[must_use]
    pub fn at(&self, time: Timestamp) -> f64 {
        let second = time.secs().rem_euclid(DAY);
        match self {
            Self::Flat => 1.0,
            Self::Hourly { factors } => factors[(second / 3_600) as usize],
            Self::Session {
                open,
                close,
                edge,
                outside,
            } => {
                let into = (second - i64::from(*open)).rem_euclid(DAY);
                let length = (i64::from(*close) - i64::from(*open)).rem_euclid(DAY);
                if into > length {
                    return *outside;
                }
                let from_middle = 2.0 * into as f64 / length as f64 - 1.0;
                let middle = (3.0 - edge) / 2.0;
                middle + (edge - middle) * from_middle * from_middle
            }
        }
    }
}
