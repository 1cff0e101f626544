//! Bars, one and many.

use super::volume;
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// One bar. Prices are in quote currency, volume in units of the instrument. All finite, `low ≤ open, close ≤ high`,
/// prices positive, volume not negative: [`Bar::check`] says so.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// When the bar began.
    pub open_time: Timestamp,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Quantity traded.
    pub volume: f64,
}

/// Nothing costs as much: an amount is exact far beyond it.
const MOST_PRICE: f64 = 1e15;
/// A price that is so many times, or such a part of, the close before is a jump.
const JUMP: f64 = 10.0;

impl Bar {
    /// Takes in a later bar of the same span: highest, lowest and last price, and the volumes' sum.
    #[inline]
    pub fn append(&mut self, later: &Self) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.volume = volume::sum(self.volume, later.volume);
    }

    /// Whether the bar is possible.
    ///
    /// # Errors
    /// [`BarError`] names what is not.
    pub fn check(&self) -> Result<(), BarError> {
        let prices = [
            ("open", self.open),
            ("high", self.high),
            ("low", self.low),
            ("close", self.close),
        ];
        for (name, value) in prices {
            if !value.is_finite() || value <= 0.0 {
                return Err(BarError::Price { name, value });
            }
            if value > MOST_PRICE {
                return Err(BarError::Absurd { name, value });
            }
        }
        if !self.volume.is_finite() || self.volume < 0.0 {
            return Err(BarError::Volume { value: self.volume });
        }
        if self.high < self.low {
            return Err(BarError::HighBelowLow {
                high: self.high,
                low: self.low,
            });
        }
        for (name, value) in [("open", self.open), ("close", self.close)] {
            if value > self.high || value < self.low {
                return Err(BarError::Outside {
                    name,
                    value,
                    high: self.high,
                    low: self.low,
                });
            }
        }
        Ok(())
    }
}

/// Why a bar is impossible.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum BarError {
    /// A price is not a positive, finite number.
    #[error("{name} is {value}: a price must be a positive, finite number")]
    Price {
        /// Which price.
        name: &'static str,
        /// What it is.
        value: f64,
    },
    /// A price is beyond what anything costs.
    #[error("{name} is {value:e}: nothing costs more than {MOST_PRICE:e}")]
    Absurd {
        /// Which price.
        name: &'static str,
        /// What it is.
        value: f64,
    },
    /// The volume is negative or not finite.
    #[error("volume is {value}: it must be a finite number, not negative")]
    Volume {
        /// What it is.
        value: f64,
    },
    /// High and low are exchanged or wrong.
    #[error("high {high} is below low {low}")]
    HighBelowLow {
        /// The high.
        high: f64,
        /// The low.
        low: f64,
    },
    /// Open or close lies outside high and low.
    #[error("{name} {value} lies outside low {low} to high {high}")]
    Outside {
        /// Which price.
        name: &'static str,
        /// What it is.
        value: f64,
        /// The high.
        high: f64,
        /// The low.
        low: f64,
    },
}

/// Many bars, as columns of equal length in order of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bars {
    /// Open times, strictly rising.
    pub open_time: Vec<Timestamp>,
    /// First prices.
    pub open: Vec<f64>,
    /// Highest prices.
    pub high: Vec<f64>,
    /// Lowest prices.
    pub low: Vec<f64>,
    /// Last prices.
    pub close: Vec<f64>,
    /// Quantities traded.
    pub volume: Vec<f64>,
}

/// Bars that are far from the one before them: a mistake in the data, or a split without its action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jumps {
    /// How many.
    pub count: u64,
    /// When the first of them opens.
    pub first: Timestamp,
}

impl Jumps {
    /// "1 bar goes …", "3 bars go …", in a sentence without its end.
    #[must_use]
    pub fn describe(&self) -> String {
        let (bars, go) = if self.count == 1 {
            ("bar", "goes")
        } else {
            ("bars", "go")
        };
        format!(
            "{} {bars} {go} to ten times the close before or more, or to a tenth or less, the first at {}",
            self.count, self.first
        )
    }
}

impl Bars {
    /// The bars that go to ten times the close before or more, or to a tenth or less; `None` where none does.
    ///
    /// ```
    /// use papertape::market::{Bar, Bars};
    /// use papertape::model::Timestamp;
    ///
    /// let bar = |minute: i64, price: f64| Bar {
    ///     open_time: Timestamp::from_secs(60 * minute),
    ///     open: price,
    ///     high: price,
    ///     low: price,
    ///     close: price,
    ///     volume: 1.0,
    /// };
    /// let jumps = |prices: [f64; 4]| (0..).zip(prices).map(|(at, price)| bar(at, price)).collect::<Bars>().jumps();
    /// assert_eq!(jumps([100.0, 109.0, 12.0, 100.0]), None);
    /// let found = jumps([100.0, 1_000.0, 1_000.0, 99.0]).expect("there and back");
    /// assert_eq!((found.count, found.first), (2, Timestamp::from_secs(60)));
    /// ```
    #[must_use]
    pub fn jumps(&self) -> Option<Jumps> {
        let mut found: Option<Jumps> = None;
        let after = self.high.iter().zip(&self.low).zip(&self.open_time).skip(1);
        for (before, ((high, low), open_time)) in self.close.iter().zip(after) {
            if *high >= before * JUMP || low * JUMP <= *before {
                let first = found.map_or(*open_time, |found| found.first);
                let count = found.map_or(0, |found| found.count) + 1;
                found = Some(Jumps { count, first });
            }
        }
        found
    }

    /// Columns with room for `capacity` bars.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            open_time: Vec::with_capacity(capacity),
            open: Vec::with_capacity(capacity),
            high: Vec::with_capacity(capacity),
            low: Vec::with_capacity(capacity),
            close: Vec::with_capacity(capacity),
            volume: Vec::with_capacity(capacity),
        }
    }

    /// Appends a bar.
    pub fn push(&mut self, bar: Bar) {
        self.open_time.push(bar.open_time);
        self.open.push(bar.open);
        self.high.push(bar.high);
        self.low.push(bar.low);
        self.close.push(bar.close);
        self.volume.push(bar.volume);
    }

    /// How many bars.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.open_time.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.open_time.is_empty()
    }

    /// The bar at `index`, counted from the oldest; `None` past the end.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Bar> {
        Some(Bar {
            open_time: *self.open_time.get(index)?,
            open: *self.open.get(index)?,
            high: *self.high.get(index)?,
            low: *self.low.get(index)?,
            close: *self.close.get(index)?,
            volume: *self.volume.get(index)?,
        })
    }

    /// All bars, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Bar> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Forgets all bars and keeps the room.
    pub fn clear(&mut self) {
        self.open_time.clear();
        self.open.clear();
        self.high.clear();
        self.low.clear();
        self.close.clear();
        self.volume.clear();
    }

    /// A run of bars.
    ///
    /// # Panics
    /// When `range` is not inside the columns.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> BarSlice<'_> {
        BarSlice {
            open_time: &self.open_time[range.clone()],
            open: &self.open[range.clone()],
            high: &self.high[range.clone()],
            low: &self.low[range.clone()],
            close: &self.close[range.clone()],
            volume: &self.volume[range],
        }
    }
}

/// A run of [`Bars`]: columns of equal length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BarSlice<'a> {
    /// Open times, strictly rising.
    pub open_time: &'a [Timestamp],
    /// First prices.
    pub open: &'a [f64],
    /// Highest prices.
    pub high: &'a [f64],
    /// Lowest prices.
    pub low: &'a [f64],
    /// Last prices.
    pub close: &'a [f64],
    /// Quantities traded.
    pub volume: &'a [f64],
}

impl<'a> BarSlice<'a> {
    /// How many bars.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.open_time.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.open_time.is_empty()
    }

    /// The bar at `index`, counted from the oldest.
    ///
    /// # Panics
    /// When there is none.
    #[inline]
    #[must_use]
    pub fn bar(&self, index: usize) -> Bar {
        Bar {
            open_time: self.open_time[index],
            open: self.open[index],
            high: self.high[index],
            low: self.low[index],
            close: self.close[index],
            volume: self.volume[index],
        }
    }

    /// All bars, oldest first.
    pub fn iter(self) -> impl Iterator<Item = Bar> + 'a {
        (0..self.len()).map(move |index| self.bar(index))
    }

    /// Those of the run in `range`.
    ///
    /// # Panics
    /// When `range` is not inside the run.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        Self {
            open_time: &self.open_time[range.clone()],
            open: &self.open[range.clone()],
            high: &self.high[range.clone()],
            low: &self.low[range.clone()],
            close: &self.close[range.clone()],
            volume: &self.volume[range],
        }
    }
}

impl FromIterator<Bar> for Bars {
    fn from_iter<I: IntoIterator<Item = Bar>>(bars: I) -> Self {
        let bars = bars.into_iter();
        let mut columns = Self::with_capacity(bars.size_hint().0);
        bars.for_each(|bar| columns.push(bar));
        columns
    }
}
