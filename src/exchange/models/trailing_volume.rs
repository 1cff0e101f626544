//! How much was traded in the last thirty days.

use crate::model::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Value traded per UTC day over the last thirty days, the present one included: venues count by such windows, though
/// each closes its day at an hour of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct TrailingVolume {
    /// The days on which something was traded, oldest first: at most thirty.
    days: Vec<Day>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Day {
    number: i64,
    #[serde(with = "crate::model::decimal")]
    value: Decimal,
}

const WINDOW: i64 = 30;

impl TrailingVolume {
    pub(super) fn add(&mut self, time: Timestamp, value: Decimal) {
        let number = time.utc_day();
        self.days.retain(|day| day.number > number - WINDOW);
        match self.days.last_mut() {
            Some(day) if day.number == number => day.value += value,
            _ => self.days.push(Day { number, value }),
        }
    }

    /// What the window that ends at `time` adds up to.
    pub(super) fn at(&self, time: Timestamp) -> Decimal {
        let oldest = time.utc_day() - WINDOW;
        let inside = self.days.iter().filter(|day| day.number > oldest);
        inside.map(|day| day.value).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: i64) -> Timestamp {
        Timestamp::from_secs(number * 86_400 + 3_600)
    }

    #[test]
    fn a_day_counts_for_thirty_days_and_then_no_more() {
        let mut volume = TrailingVolume::default();
        volume.add(day(100), Decimal::from(40));
        volume.add(day(100), Decimal::from(2));
        volume.add(day(110), Decimal::from(8));
        for (at, sum) in [(100, 50), (110, 50), (129, 50), (130, 8), (139, 8), (140, 0)] {
            assert_eq!(volume.at(day(at)), Decimal::from(sum), "on day {at}");
        }
    }

    #[test]
    fn a_long_run_keeps_thirty_days() {
        let mut volume = TrailingVolume::default();
        for number in 0..1_000 {
            volume.add(day(number), Decimal::ONE);
        }
        assert_eq!(volume.days.len(), 30);
        assert_eq!(volume.at(day(999)), Decimal::from(30));
    }
}
