//! Which of a future's contracts is the front one. By it [`join_contracts`](super::join_contracts) makes one series of several;
//! the engine itself lets a position end with its contract.

use crate::model::Timestamp;
use serde::{Deserialize, Serialize};

const DAY: i64 = 86_400_000_000_000;

/// One contract of a future.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FutureContract {
    /// When it is settled.
    pub expiry: Timestamp,
    /// Contracts traded on the last whole day.
    pub volume: f64,
}

/// When to go over to the next contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollRule {
    /// So many calendar days before the contract expires.
    DaysBeforeExpiry(u32),
    /// When a later contract has traded more, and at the latest so many days before expiry.
    Volume {
        /// Days before expiry at which it is time in any case.
        at_the_latest: u32,
    },
}

impl RollRule {
    /// The place of the front contract among `contracts`, sorted by expiry, when the one at `current` was it before (0 at
    /// the start); `None` when all are too near their end. Never goes back to an earlier contract.
    #[must_use]
    pub fn front(self, now: Timestamp, contracts: &[FutureContract], current: usize) -> Option<usize> {
        let (Self::DaysBeforeExpiry(days) | Self::Volume { at_the_latest: days }) = self;
        let until = now.plus_nanos(i64::from(days).saturating_mul(DAY));
        let first = (current..contracts.len()).find(|&place| until < contracts[place].expiry)?;
        let Self::Volume { .. } = self else {
            return Some(first);
        };
        let busiest = contracts
            .iter()
            .enumerate()
            .skip(first)
            .fold(first, |best, (place, contract)| {
                if contract.volume > contracts[best].volume {
                    place
                } else {
                    best
                }
            });
        Some(busiest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a day")
    }

    fn contracts(volumes: [f64; 3]) -> Vec<FutureContract> {
        ["2013-09-20", "2013-12-20", "2014-03-21"]
            .into_iter()
            .zip(volumes)
            .map(|(expiry, volume)| FutureContract {
                expiry: day(expiry),
                volume,
            })
            .collect()
    }

    #[test]
    fn the_front_contract_rolls_before_it_expires() {
        let rule = RollRule::DaysBeforeExpiry(8);
        let contracts = contracts([0.0; 3]);
        for (now, front) in [
            ("2013-09-11", Some(0)),
            ("2013-09-12", Some(1)),
            ("2013-12-11", Some(1)),
            ("2013-12-12", Some(2)),
            ("2014-03-20", None),
        ] {
            assert_eq!(rule.front(day(now), &contracts, 0), front, "{now}");
        }
    }

    #[test]
    fn volume_rolls_early_and_never_back() {
        let rule = RollRule::Volume { at_the_latest: 1 };
        let now = day("2013-09-12");
        assert_eq!(rule.front(now, &contracts([900.0, 100.0, 1.0]), 0), Some(0));
        assert_eq!(rule.front(now, &contracts([900.0, 901.0, 1.0]), 0), Some(1));
        assert_eq!(rule.front(now, &contracts([900.0, 100.0, 1.0]), 1), Some(1));
        assert_eq!(
            rule.front(day("2013-09-19"), &contracts([900.0, 100.0, 1.0]), 0),
            Some(1)
        );
    }
}
