//! Alpaca's messages, in either encoding.
//!
//! One shape holds every kind of message, as the same letter means the same in most of them; the few that do not are types of
//! their own here. Numbers that are missing are 0, which no price is.

use papertape::model::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt};

/// The type of MessagePack's timestamps.
const TIMESTAMP_EXTENSION: i8 = -1;

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    MessagePack,
}

/// A message of the stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(rename = "T", borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(rename = "S", borrow)]
    pub(super) symbol: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) msg: Cow<'a, str>,
    pub(super) code: i64,
    #[serde(rename = "t")]
    pub(super) time: Moment,

    // A trade, or its end: id, exchange, price, size, taker's side, tape.
    #[serde(rename = "i")]
    pub(super) id: Number,
    #[serde(rename = "x", borrow)]
    pub(super) exchange: Cow<'a, str>,
    #[serde(rename = "p")]
    pub(super) price: f64,
    #[serde(rename = "s")]
    pub(super) size: f64,
    #[serde(rename = "tks", borrow)]
    pub(super) taker: Cow<'a, str>,
    #[serde(rename = "z", borrow)]
    pub(super) tape: Cow<'a, str>,
    /// Of trades their conditions, of bars the close.
    #[serde(rename = "c", borrow)]
    pub(super) close: CloseOrConditions<'a>,

    // A correction: of which trade, and what it is instead.
    #[serde(rename = "oi")]
    pub(super) original_id: Number,
    #[serde(rename = "cp")]
    pub(super) corrected_price: f64,
    #[serde(rename = "cs")]
    pub(super) corrected_size: f64,

    // A quote.
    #[serde(rename = "bp")]
    pub(super) bid: f64,
    #[serde(rename = "bs")]
    pub(super) bid_size: f64,
    #[serde(rename = "ap")]
    pub(super) ask: f64,
    #[serde(rename = "as")]
    pub(super) ask_size: f64,

    // A bar.
    #[serde(rename = "o")]
    pub(super) open: f64,
    #[serde(rename = "h")]
    pub(super) high: f64,
    #[serde(rename = "l")]
    pub(super) low: f64,
    #[serde(rename = "v")]
    pub(super) volume: f64,

    // An order book.
    #[serde(rename = "b")]
    pub(super) bids: Levels,
    #[serde(rename = "a")]
    pub(super) asks: Levels,
    #[serde(rename = "r")]
    pub(super) is_whole: bool,

    // A status.
    #[serde(rename = "sc", borrow)]
    pub(super) status: Cow<'a, str>,

    // What is subscribed now.
    pub(super) trades: Vec<String>,
    pub(super) quotes: Vec<String>,
    pub(super) bars: Vec<String>,
    pub(super) orderbooks: Vec<String>,
}

/// The messages of a frame.
pub(super) fn read(encoding: Encoding, frame: &[u8]) -> Result<Vec<Message<'_>>, String> {
    match encoding {
        Encoding::Json => serde_json::from_slice(frame).map_err(|error| error.to_string()),
        Encoding::MessagePack => rmp_serde::from_slice(frame).map_err(|error| error.to_string()),
    }
}

/// A moment, as text or as MessagePack's own timestamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moment(pub(super) Option<Timestamp>);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Moment;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
                Timestamp::parse(text)
                    .map(|time| Moment(Some(time)))
                    .map_err(E::custom)
            }

            fn visit_unit<E: Error>(self) -> Result<Moment, E> {
                Ok(Moment(None))
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, extension: D) -> Result<Moment, D::Error> {
                let (kind, bytes): (i8, Bytes<'de>) = Deserialize::deserialize(extension)?;
                timestamp(kind, bytes.0)
                    .map(|time| Moment(Some(time)))
                    .ok_or_else(|| D::Error::custom("an extension that is no time"))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Bytes as they lie in the frame.
struct Bytes<'a>(&'a [u8]);

impl<'de> Deserialize<'de> for Bytes<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de [u8]>::deserialize(deserializer).map(Self)
    }
}

/// The three lengths of MessagePack's timestamp: seconds in 32 bits; nanoseconds in 30 and seconds in 34; nanoseconds in 32
/// and signed seconds in 64 (<https://github.com/msgpack/msgpack/blob/master/spec.md#timestamp-extension-type>).
fn timestamp(kind: i8, bytes: &[u8]) -> Option<Timestamp> {
    if kind != TIMESTAMP_EXTENSION {
        return None;
    }
    let (seconds, nanos) = match bytes.len() {
        4 => (i64::from(u32::from_be_bytes(bytes.try_into().ok()?)), 0),
        8 => {
            let both = u64::from_be_bytes(bytes.try_into().ok()?);
            (
                i64::try_from(both & ((1 << 34) - 1)).ok()?,
                i64::try_from(both >> 34).ok()?,
            )
        }
        12 => (
            i64::from_be_bytes(bytes[4..].try_into().ok()?),
            i64::from(u32::from_be_bytes(bytes[..4].try_into().ok()?)),
        ),
        _ => return None,
    };
    let nanos = (0..1_000_000_000).contains(&nanos).then_some(nanos)?;
    let whole = seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?;
    Some(Timestamp::from_nanos(whole))
}

/// What `c` holds.
#[derive(Debug, Default, PartialEq)]
pub(super) enum CloseOrConditions<'a> {
    #[default]
    Neither,
    Close(f64),
    Conditions(Vec<Cow<'a, str>>),
}

impl<'de: 'a, 'a> Deserialize<'de> for CloseOrConditions<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = CloseOrConditions<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a price or a list of conditions")
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
                Ok(CloseOrConditions::Close(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(CloseOrConditions::Close(number as f64))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(CloseOrConditions::Close(number as f64))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(CloseOrConditions::Neither)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut conditions = Vec::new();
                while let Some(condition) = list.next_element::<Text<'de>>()? {
                    conditions.push(condition.0);
                }
                Ok(CloseOrConditions::Conditions(conditions))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Text that lies in the frame where it can.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A whole number; other things under the same letter are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Number(pub(super) Option<u64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(Some(number)))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number(u64::try_from(number).ok()))
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Number, E> {
                Ok(Number(None))
            }

            fn visit_unit<E: Error>(self) -> Result<Number, E> {
                Ok(Number(None))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Levels of a book: price and size; other things under the same letter are none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Levels(pub(super) Vec<(f64, f64)>);

impl<'de> Deserialize<'de> for Levels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Level {
            p: f64,
            s: f64,
        }
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Levels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of levels")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Levels, A::Error> {
                let mut levels = Vec::new();
                while let Some(Level { p, s }) = list.next_element()? {
                    levels.push((p, s));
                }
                Ok(Levels(levels))
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Levels, E> {
                Ok(Levels::default())
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Levels, E> {
                Ok(Levels::default())
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Levels, E> {
                Ok(Levels::default())
            }

            fn visit_unit<E: Error>(self) -> Result<Levels, E> {
                Ok(Levels::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Levels, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Levels::default())
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// A message of theirs as MessagePack, in which every `t` of text is a timestamp of its own type: for the local server.
#[cfg(any(test, feature = "testkit"))]
pub(crate) fn message_pack(message: &serde_json::Value) -> Vec<u8> {
    use serde::{Serialize, Serializer};
    use serde_json::Value;

    struct Packed<'a>(&'a Value);
    struct Time(Timestamp);
    struct Raw([u8; 12]);

    impl Serialize for Raw {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&self.0)
        }
    }
    impl Serialize for Time {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let nanos = self.0.nanos();
            let mut bytes = [0; 12];
            bytes[..4].copy_from_slice(&(nanos.rem_euclid(1_000_000_000) as u32).to_be_bytes());
            bytes[4..].copy_from_slice(&nanos.div_euclid(1_000_000_000).to_be_bytes());
            let extension = (TIMESTAMP_EXTENSION, Raw(bytes));
            serializer.serialize_newtype_struct(rmp_serde::MSGPACK_EXT_STRUCT_NAME, &extension)
        }
    }
    impl Serialize for Packed<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self.0 {
                Value::Array(items) => serializer.collect_seq(items.iter().map(Packed)),
                Value::Object(fields) => {
                    use serde::ser::SerializeMap;
                    let mut map = serializer.serialize_map(Some(fields.len()))?;
                    for (name, value) in fields {
                        let time = value.as_str().filter(|_| name == "t").map(Timestamp::parse);
                        match time {
                            Some(Ok(time)) => map.serialize_entry(name, &Time(time))?,
                            _ => map.serialize_entry(name, &Packed(value))?,
                        }
                    }
                    map.end()
                }
                other => other.serialize(serializer),
            }
        }
    }
    rmp_serde::to_vec_named(&Packed(message)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_lengths_of_a_timestamp() {
        let at = |bytes: &[u8]| timestamp(-1, bytes).map(Timestamp::nanos);
        assert_eq!(at(&[0x65, 0x94, 0, 0]), Some(0x6594_0000 * 1_000_000_000));
        let both = (123_456_789_u64 << 34) | 0x1_0000_0001;
        assert_eq!(
            at(&both.to_be_bytes()),
            Some(0x1_0000_0001 * 1_000_000_000 + 123_456_789)
        );
        let mut twelve = [0_u8; 12];
        twelve[..4].copy_from_slice(&5_u32.to_be_bytes());
        twelve[4..].copy_from_slice(&(-1_i64).to_be_bytes());
        assert_eq!(at(&twelve), Some(-999_999_995));
        assert_eq!(timestamp(1, &[0; 4]), None, "another extension");
        assert_eq!(at(&[0; 5]), None);
        assert_eq!(
            at(&u64::MAX.to_be_bytes()),
            None,
            "more nanoseconds than a second has"
        );
        assert_eq!(at(&[0xff; 12]), None);
    }
}
