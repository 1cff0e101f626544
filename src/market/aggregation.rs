//! Ticks to bars, bars to higher timeframes.

use super::{Bar, volume};
use crate::model::{Timeframe, Timestamp};
use serde::{Deserialize, Serialize};

/// Builds bars of one timeframe from trades or from finer bars.
///
/// A bar closes when its last part has arrived, when something later arrives, or when [`BarAggregator::advance`] is
/// told that its time is over. A span without data has no bar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BarAggregator {
    timeframe: Timeframe,
    current: Option<Bar>,
}

/// What one finer bar closed: a bar that had been waiting for its end, the bar that this one completes, or both.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Aggregated {
    /// A bar that ended before the new data, for whose end the data was the only sign (there was a gap).
    pub earlier: Option<Bar>,
    /// The bar that the new data completes.
    pub completed: Option<Bar>,
}

impl BarAggregator {
    /// An empty aggregator.
    #[must_use]
    pub const fn new(timeframe: Timeframe) -> Self {
        Self {
            timeframe,
            current: None,
        }
    }

    /// The length of the bars that come out.
    #[must_use]
    pub const fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// The bar in the making.
    #[must_use]
    pub const fn current(&self) -> Option<&Bar> {
        self.current.as_ref()
    }

    /// Takes a closed bar of a timeframe that divides this one's.
    #[inline]
    pub fn push_bar(&mut self, bar: &Bar, timeframe: Timeframe) -> Aggregated {
        if timeframe == self.timeframe {
            return Aggregated {
                earlier: self.current.take(),
                completed: Some(*bar),
            };
        }
        let earlier = self.advance(bar.open_time);
        match &mut self.current {
            Some(current) => current.append(bar),
            None => {
                self.current = Some(Bar {
                    open_time: self.timeframe.floor(bar.open_time),
                    ..*bar
                })
            }
        }
        Aggregated {
            earlier,
            completed: self.advance(timeframe.close_of(bar.open_time)),
        }
    }

    /// Takes one trade; gives the bar that ended before it, if one did.
    pub fn push_trade(&mut self, time: Timestamp, price: f64, size: f64) -> Option<Bar> {
        let ended = self.advance(time);
        match &mut self.current {
            Some(current) => {
                current.high = current.high.max(price);
                current.low = current.low.min(price);
                current.close = price;
                current.volume = volume::sum(current.volume, size);
            }
            None => {
                let open_time = self.timeframe.floor(time);
                self.current = Some(Bar {
                    open_time,
                    open: price,
                    high: price,
                    low: price,
                    close: price,
                    volume: size,
                });
            }
        }
        ended
    }

    /// Says that it is `now`; gives the bar that has ended by then, if one has.
    #[inline]
    pub fn advance(&mut self, now: Timestamp) -> Option<Bar> {
        let ended = self
            .current
            .as_ref()
            .is_some_and(|bar| self.timeframe.close_of(bar.open_time) <= now);
        if ended { self.current.take() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(index: i64, close: f64) -> Bar {
        let open_time = Timestamp::from_secs(index * 60);
        Bar {
            open_time,
            open: close - 1.0,
            high: close + 2.0,
            low: close - 2.0,
            close,
            volume: 1.0,
        }
    }

    #[test]
    fn five_minutes_make_one_bar_at_the_close_of_the_fifth() {
        let mut aggregator = BarAggregator::new("5m".parse().expect("a timeframe"));
        for index in 0..4 {
            let out = aggregator.push_bar(&minute(index, 10.0 + index as f64), Timeframe::MINUTE);
            assert_eq!(out, Aggregated::default());
        }
        let out = aggregator.push_bar(&minute(4, 5.0), Timeframe::MINUTE);
        let whole = Bar {
            open_time: Timestamp::EPOCH,
            open: 9.0,
            high: 15.0,
            low: 3.0,
            close: 5.0,
            volume: 5.0,
        };
        assert_eq!(
            out,
            Aggregated {
                earlier: None,
                completed: Some(whole)
            }
        );
    }

    #[test]
    fn a_gap_closes_the_waiting_bar_when_the_next_data_comes() {
        let mut aggregator = BarAggregator::new("5m".parse().expect("a timeframe"));
        aggregator.push_bar(&minute(0, 10.0), Timeframe::MINUTE);
        let out = aggregator.push_bar(&minute(9, 20.0), Timeframe::MINUTE);
        assert_eq!(out.earlier.map(|bar| bar.close), Some(10.0));
        assert_eq!(
            out.completed.map(|bar| bar.open_time),
            Some(Timestamp::from_secs(300))
        );
    }

    #[test]
    fn trades_make_bars_and_the_clock_closes_them() {
        let mut aggregator = BarAggregator::new(Timeframe::MINUTE);
        assert_eq!(aggregator.push_trade(Timestamp::from_secs(5), 10.0, 1.0), None);
        assert_eq!(aggregator.push_trade(Timestamp::from_secs(50), 12.0, 2.0), None);
        assert_eq!(aggregator.advance(Timestamp::from_secs(59)), None);
        let bar = aggregator
            .advance(Timestamp::from_secs(60))
            .expect("the minute is over");
        assert_eq!(
            (bar.open, bar.high, bar.low, bar.close, bar.volume),
            (10.0, 12.0, 10.0, 12.0, 3.0)
        );
    }
}
