//! Latency: how long an order is on its way, and its answer.

use crate::market::Random;
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};

/// How long orders take to the exchange, and its answers back, in nanoseconds.
///
/// A pure function of the model, the time and the request's number: the same run meets the same delays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LatencyModel {
    /// Always the same.
    Fixed {
        /// From us to the exchange.
        entry: i64,
        /// From the exchange to us.
        response: i64,
    },
    /// A floor and on top of it an exponentially distributed delay, as queues in networks give: most requests are near
    /// the floor, one in twenty takes three times the mean jitter longer.
    Jittered {
        /// Floor from us to the exchange.
        entry: i64,
        /// Floor from the exchange to us.
        response: i64,
        /// Mean of the delay on top, each way.
        jitter: i64,
        /// Seed of the delays.
        seed: u64,
    },
    /// Recorded delays, interpolated between the records and kept beyond the first and the last.
    Series {
        /// In order of time, at least one.
        points: Vec<LatencyPoint>,
    },
}

/// A recorded latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyPoint {
    /// When it was measured.
    pub time: Timestamp,
    /// From us to the exchange, in nanoseconds.
    pub entry: i64,
    /// From the exchange to us, in nanoseconds.
    pub response: i64,
}

impl Default for LatencyModel {
    /// None.
    fn default() -> Self {
        Self::Fixed {
            entry: 0,
            response: 0,
        }
    }
}

#[derive(Clone, Copy)]
enum Way {
    Entry,
    Response,
}

/// No way takes longer than a minute.
const MOST: i64 = 60_000_000_000;

impl LatencyModel {
    /// Whether the numbers make sense: nothing negative, nothing above a minute, records in order of time.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let fine = |delay: &i64| (0..=MOST).contains(delay);
        match self {
            Self::Fixed { entry, response } => fine(entry) && fine(response),
            Self::Jittered {
                entry,
                response,
                jitter,
                ..
            } => fine(entry) && fine(response) && fine(jitter),
            Self::Series { points } => {
                !points.is_empty()
                    && points.is_sorted_by(|earlier, later| earlier.time < later.time)
                    && points
                        .iter()
                        .all(|point| fine(&point.entry) && fine(&point.response))
            }
        }
    }

    /// The same at twice the delay.
    #[must_use]
    pub fn doubled(&self) -> Self {
        let double = |delay: i64| delay.saturating_mul(2);
        match self {
            Self::Fixed { entry, response } => Self::Fixed {
                entry: double(*entry),
                response: double(*response),
            },
            Self::Jittered {
                entry,
                response,
                jitter,
                seed,
            } => Self::Jittered {
                entry: double(*entry),
                response: double(*response),
                jitter: double(*jitter),
                seed: *seed,
            },
            Self::Series { points } => {
                let points = points.iter().map(|point| LatencyPoint {
                    time: point.time,
                    entry: double(point.entry),
                    response: double(point.response),
                });
                Self::Series {
                    points: points.collect(),
                }
            }
        }
    }

    /// Whether orders arrive, and are answered, at once.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        matches!(
            self,
            Self::Fixed {
                entry: 0,
                response: 0
            }
        )
    }

    /// How long request number `request`, sent at `at`, takes to the exchange, in nanoseconds.
    #[must_use]
    pub fn entry(&self, at: Timestamp, request: u64) -> i64 {
        self.delay(at, request, Way::Entry)
    }

    /// How long the exchange's answer to request number `request`, sent at `at`, takes to us, in nanoseconds.
    #[must_use]
    pub fn response(&self, at: Timestamp, request: u64) -> i64 {
        self.delay(at, request, Way::Response)
    }

    fn delay(&self, at: Timestamp, request: u64, way: Way) -> i64 {
        let pick = |entry, response| match way {
            Way::Entry => entry,
            Way::Response => response,
        };
        match self {
            Self::Fixed { entry, response } => pick(*entry, *response),
            Self::Jittered {
                entry,
                response,
                jitter,
                seed,
            } => {
                // A generator of its own for each request and way: their order does not matter.
                let number = request.wrapping_mul(2).wrapping_add(pick(0, 1) as u64);
                let unit = Random::new(seed.wrapping_add(number.wrapping_mul(0xd134_2543_de82_ef95))).unit();
                let extra = -libm::log(1.0 - unit) * *jitter as f64;
                pick(*entry, *response).saturating_add(extra as i64)
            }
            Self::Series { points } => {
                let next = points.partition_point(|point| point.time <= at);
                let value = |point: &LatencyPoint| pick(point.entry, point.response);
                match (next.checked_sub(1).map(|last| &points[last]), points.get(next)) {
                    (Some(before), Some(after)) => between(before, after, at, value),
                    (Some(only), None) | (None, Some(only)) => value(only),
                    (None, None) => 0,
                }
            }
        }
    }
}

fn between(
    before: &LatencyPoint,
    after: &LatencyPoint,
    at: Timestamp,
    value: impl Fn(&LatencyPoint) -> i64,
) -> i64 {
    let rise = i128::from(value(after)) - i128::from(value(before));
    let (into, length) = (at.since(before.time), after.time.since(before.time));
    let gained = rise * i128::from(into) / i128::from(length.max(1));
    // Between two numbers of 64 bits lies one of 64 bits.
    value(before).saturating_add(gained as i64)
}
