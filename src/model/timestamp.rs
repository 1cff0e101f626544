//! Points in time, as the markets count them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Nanoseconds in a second.
const NANOS: i64 = 1_000_000_000;

/// A point in time: nanoseconds since the Unix epoch, UTC. Reaches from 1677 to 2262.
///
/// As text (JSON, CSV, `Display`) it is ISO 8601 in UTC with as many digits of the second as it needs;
/// in binary form it is the integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// From nanoseconds since the epoch.
    #[inline]
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds since the epoch; saturates at the type's ends.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// From seconds since the epoch; saturates at the type's ends.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(NANOS))
    }

    /// From an epoch number in seconds, milliseconds, microseconds or nanoseconds, told apart by its size
    /// (seconds reach the year 5138, milliseconds begin in 1973).
    #[must_use]
    pub const fn from_epoch_guess(number: i64) -> Self {
        let magnitude = number.unsigned_abs();
        if magnitude < 100_000_000_000 {
            Self::from_secs(number)
        } else if magnitude < 100_000_000_000_000 {
            Self::from_millis(number)
        } else if magnitude < 100_000_000_000_000_000 {
            Self(number.saturating_mul(1_000))
        } else {
            Self(number)
        }
    }

    /// Parses ISO 8601 (`2024-08-08T23:54:15.123Z`, `2024-08-08 23:54:15`, `2024-08-08`; UTC unless an offset is
    /// given) or an epoch number (see [`Timestamp::from_epoch_guess`]).
    ///
    /// # Errors
    /// [`TimestampError`] when the text is neither.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let text = text.trim();
        if let Ok(number) = text.parse::<i64>() {
            return Ok(Self::from_epoch_guess(number));
        }
        let error = || TimestampError(text.chars().take(40).collect());
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return time.timestamp_nanos_opt().map(Self).ok_or_else(error);
        }
        for format in [
            "%Y-%m-%dT%H:%M:%S%.f",
            "%Y-%m-%d %H:%M:%S%.f",
            "%Y-%m-%dT%H:%M",
            "%Y-%m-%d %H:%M",
        ] {
            if let Ok(time) = chrono::NaiveDateTime::parse_from_str(text, format) {
                return time.and_utc().timestamp_nanos_opt().map(Self).ok_or_else(error);
            }
        }
        chrono::DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%:z")
            .ok()
            .and_then(|time| time.timestamp_nanos_opt())
            .or_else(|| {
                let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
                date.and_time(chrono::NaiveTime::MIN)
                    .and_utc()
                    .timestamp_nanos_opt()
            })
            .map(Self)
            .ok_or_else(error)
    }

    /// Nanoseconds since the epoch.
    #[inline]
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole seconds since the epoch, rounded down.
    #[inline]
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(NANOS)
    }

    /// Whole UTC days since the epoch, rounded down: the day that daily returns, the daily loss limit and the
    /// anchored VWAP count by.
    #[inline]
    #[must_use]
    pub const fn utc_day(self) -> i64 {
        self.0.div_euclid(86_400 * NANOS)
    }

    /// This point moved by `nanos` nanoseconds (negative: earlier); saturates at the type's ends.
    #[inline]
    #[must_use]
    pub const fn plus_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Nanoseconds from `earlier` to this point; negative when `earlier` is later.
    #[inline]
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// As a `chrono` time, for calendar arithmetic and display.
    #[must_use]
    pub fn to_datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_datetime().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(Self);
        }
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The text is not a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a time: write ISO 8601 such as 2024-08-08T23:54:15Z, or an epoch number")]
pub struct TimestampError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_one_moment_is_the_same_moment() {
        let moment = Timestamp::from_secs(1_723_161_255);
        for text in [
            "2024-08-08T23:54:15Z",
            "2024-08-08T23:54:15",
            "2024-08-08 23:54:15",
            "2024-08-09T01:54:15+02:00",
            "2024-08-08 23:54:15+00:00",
            "1723161255",
            "1723161255000",
            "1723161255000000",
            "1723161255000000000",
        ] {
            assert_eq!(Timestamp::parse(text), Ok(moment), "{text}");
        }
        assert_eq!(
            Timestamp::parse("2024-08-08").map(Timestamp::secs),
            Ok(1_723_075_200)
        );
        assert!(Timestamp::parse("yesterday").is_err());
    }

    #[test]
    fn text_and_binary_forms_round_trip() {
        let time = Timestamp::from_nanos(1_723_161_255_123_456_789);
        let json = serde_json::to_string(&time).expect("a time is a JSON string");
        assert_eq!(json, "\"2024-08-08T23:54:15.123456789Z\"");
        assert_eq!(
            serde_json::from_str::<Timestamp>(&json).expect("reads back"),
            time
        );
        let bytes = postcard::to_stdvec(&time).expect("a time is an integer");
        assert_eq!(
            postcard::from_bytes::<Timestamp>(&bytes).expect("reads back"),
            time
        );
    }
}
