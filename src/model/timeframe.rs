//! Bar lengths.

use super::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

const UNITS: [(char, u64); 5] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400), ('w', 604_800)];

/// The length of a bar, in whole seconds: `1m`, `5m`, `1h`, `1d`.
///
/// Bars are aligned to the UTC epoch (weeks to Monday), so a bar of one timeframe lies whole inside one bar of every
/// multiple of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeframe {
    seconds: u64,
}

impl Timeframe {
    /// One minute.
    pub const MINUTE: Self = Self { seconds: 60 };
    /// One hour.
    pub const HOUR: Self = Self { seconds: 3_600 };
    /// Eight hours: from one funding of a perpetual to the next.
    pub const EIGHT_HOURS: Self = Self { seconds: 28_800 };
    /// One day.
    pub const DAY: Self = Self { seconds: 86_400 };
    /// One week.
    pub const WEEK: Self = Self { seconds: 604_800 };

    /// From a length in seconds.
    ///
    /// # Errors
    /// [`TimeframeError`] unless it is between one second and one week.
    pub fn from_secs(seconds: u64) -> Result<Self, TimeframeError> {
        if (1..=604_800).contains(&seconds) {
            Ok(Self { seconds })
        } else {
            Err(TimeframeError(format!("{seconds}s")))
        }
    }

    /// Length in seconds.
    #[must_use]
    pub const fn secs(self) -> u64 {
        self.seconds
    }

    /// Length in nanoseconds.
    #[inline]
    #[must_use]
    pub const fn nanos(self) -> i64 {
        (self.seconds as i64) * 1_000_000_000
    }

    /// The open time of the bar that holds `time`; saturates at the type's ends.
    #[must_use]
    pub const fn floor(self, time: Timestamp) -> Timestamp {
        // Weeks begin on Monday; the epoch was a Thursday.
        let offset = if self.seconds.is_multiple_of(604_800) {
            4 * 86_400 * 1_000_000_000
        } else {
            0
        };
        let since = time.nanos().saturating_sub(offset);
        let whole = since.div_euclid(self.nanos()).saturating_mul(self.nanos());
        Timestamp::from_nanos(whole.saturating_add(offset))
    }

    /// The close time of a bar that opened at `open`.
    #[inline]
    #[must_use]
    pub const fn close_of(self, open: Timestamp) -> Timestamp {
        open.plus_nanos(self.nanos())
    }

    /// Whether bars of `finer` add up to bars of this timeframe.
    #[must_use]
    pub const fn is_multiple_of(self, finer: Self) -> bool {
        self.seconds.is_multiple_of(finer.seconds)
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, seconds) in UNITS.iter().rev() {
            if self.seconds.is_multiple_of(*seconds) {
                return write!(f, "{}{unit}", self.seconds / seconds);
            }
        }
        Ok(())
    }
}

impl FromStr for Timeframe {
    type Err = TimeframeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || TimeframeError(text.chars().take(20).collect());
        let text = text.trim();
        let unit = text.chars().last().ok_or_else(error)?;
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
        let count: u64 = text[..text.len() - 1].parse().map_err(|_| error())?;
        count
            .checked_mul(*seconds)
            .ok_or_else(error)
            .and_then(Self::from_secs)
            .map_err(|_| error())
    }
}

impl Serialize for Timeframe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_u64(self.seconds)
        }
    }
}

impl<'de> Deserialize<'de> for Timeframe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Self::from_secs(u64::deserialize(deserializer)?).map_err(serde::de::Error::custom);
        }
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The text is not a bar length.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a timeframe: write a count and s, m, h, d or w, at most one week, such as 1m, 15m, 4h or 1d"
)]
pub struct TimeframeError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_too_far_away_for_a_bar() {
        for timeframe in ["1s", "1m", "1d", "1w"] {
            let timeframe: Timeframe = timeframe.parse().expect(timeframe);
            for time in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX].map(Timestamp::from_nanos) {
                let open = timeframe.floor(time);
                assert!(
                    (-timeframe.nanos()..timeframe.nanos()).contains(&time.since(open)),
                    "{timeframe}"
                );
            }
        }
    }

    #[test]
    fn reads_and_prints_the_largest_unit_that_fits() {
        for (text, seconds, printed) in [
            ("1m", 60, "1m"),
            ("60m", 3_600, "1h"),
            ("90s", 90, "90s"),
            ("4h", 14_400, "4h"),
            ("7d", 604_800, "1w"),
        ] {
            let timeframe: Timeframe = text.parse().expect(text);
            assert_eq!(
                (timeframe.secs(), timeframe.to_string().as_str()),
                (seconds, printed)
            );
        }
        for text in [
            "",
            "m",
            "0m",
            "-1m",
            "1x",
            "5",
            "99999999999999999999d",
            "2w",
            "é",
        ] {
            assert!(text.parse::<Timeframe>().is_err(), "{text}");
        }
    }

    #[test]
    fn weeks_begin_on_monday() {
        let sunday = Timestamp::parse("2024-12-01T12:00:00Z").expect("a time");
        assert_eq!(Timeframe::WEEK.floor(sunday).to_string(), "2024-11-25T00:00:00Z");
        assert_eq!(
            Timeframe::HOUR.floor(sunday.plus_nanos(59 * 60_000_000_000)),
            sunday
        );
    }
}
