//! What frames and answers look like.

use crate::venues::reading;
use papertape::{
    market::{Bar, TradeTick},
    model::Timestamp,
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt};

/// A number that is written as text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number(pub(super) f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number in quotes")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                text.parse().map(Number).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// What stands under `b` and `a`: the best price in one kind of event, levels in another.
#[derive(Clone, Debug)]
pub(super) enum PriceOrLevels {
    Price(f64),
    Levels(Vec<(f64, f64)>),
}

impl<'de> Deserialize<'de> for PriceOrLevels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = PriceOrLevels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a price in quotes, or levels")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<PriceOrLevels, E> {
                text.parse().map(PriceOrLevels::Price).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut levels: A) -> Result<PriceOrLevels, A::Error> {
                let mut all = Vec::with_capacity(16);
                while let Some((price, size)) = levels.next_element::<(Number, Number)>()? {
                    all.push((price.0, size.0));
                }
                Ok(PriceOrLevels::Levels(all))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Any frame: an event of a combined stream, or the answer to a request of ours.
#[derive(Debug, Deserialize)]
pub(super) struct Outer<'a> {
    #[serde(borrow)]
    pub(super) data: Option<Event<'a>>,
    pub(super) id: Option<u64>,
    pub(super) code: Option<i64>,
    #[serde(borrow)]
    pub(super) msg: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) error: Option<Refusal<'a>>,
    /// The kind of an event that came without its stream's name.
    pub(super) e: Option<&'a str>,
}

/// Why something was refused, in frames and in answers.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal<'a> {
    pub(super) code: i64,
    #[serde(borrow)]
    pub(super) msg: Cow<'a, str>,
}

/// Any event; which fields are there depends on its kind.
#[derive(Debug, Deserialize)]
pub(super) struct Event<'a> {
    #[serde(rename = "e")]
    pub(super) kind: Option<&'a str>,
    #[serde(rename = "E")]
    pub(super) told_at: Option<i64>,
    #[serde(rename = "s")]
    pub(super) symbol: Option<&'a str>,
    #[serde(rename = "t")]
    pub(super) trade_id: Option<u64>,
    #[serde(rename = "p")]
    pub(super) price: Option<Number>,
    #[serde(rename = "q")]
    pub(super) quantity: Option<Number>,
    #[serde(rename = "T")]
    pub(super) traded_at: Option<i64>,
    #[serde(rename = "m")]
    pub(super) is_buyer_maker: Option<bool>,
    #[serde(rename = "U")]
    pub(super) first_id: Option<u64>,
    #[serde(rename = "u")]
    pub(super) final_id: Option<u64>,
    #[serde(rename = "b")]
    pub(super) bid: Option<PriceOrLevels>,
    #[serde(rename = "B")]
    pub(super) bid_size: Option<Number>,
    #[serde(rename = "a")]
    pub(super) ask: Option<PriceOrLevels>,
    #[serde(rename = "A")]
    pub(super) ask_size: Option<Number>,
    #[serde(rename = "k")]
    pub(super) kline: Option<Kline<'a>>,
}

/// A bar inside its event.
#[derive(Debug, Deserialize)]
pub(super) struct Kline<'a> {
    #[serde(rename = "t")]
    pub(super) open_time: i64,
    #[serde(rename = "i")]
    pub(super) interval: &'a str,
    #[serde(rename = "o")]
    pub(super) open: Number,
    #[serde(rename = "h")]
    pub(super) high: Number,
    #[serde(rename = "l")]
    pub(super) low: Number,
    #[serde(rename = "c")]
    pub(super) close: Number,
    #[serde(rename = "v")]
    pub(super) volume: Number,
    #[serde(rename = "x")]
    pub(super) is_closed: bool,
}

/// One row of `/klines`: the first six of its twelve columns count here.
#[derive(Debug)]
pub(super) struct Row(pub(super) Bar);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        type Columns<'a> = (
            i64,
            Number,
            Number,
            Number,
            Number,
            Number,
            serde::de::IgnoredAny,
            serde::de::IgnoredAny,
            serde::de::IgnoredAny,
            serde::de::IgnoredAny,
            serde::de::IgnoredAny,
            serde::de::IgnoredAny,
        );
        let (time, open, high, low, close, volume, ..) = Columns::deserialize(deserializer)?;
        Ok(Self(Bar {
            open_time: Timestamp::from_millis(time),
            open: open.0,
            high: high.0,
            low: low.0,
            close: close.0,
            volume: volume.0,
        }))
    }
}

/// One of `/trades` and `/historicalTrades`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PastTrade {
    pub(super) id: u64,
    pub(super) price: Number,
    pub(super) qty: Number,
    pub(super) time: i64,
    pub(super) is_buyer_maker: bool,
}

impl PastTrade {
    /// As it was told, possible or not.
    pub(super) const fn tick(&self) -> TradeTick {
        let taker = super::codec::taker(self.is_buyer_maker);
        reading::past_trade(Timestamp::from_millis(self.time), self.price.0, self.qty.0, taker)
    }
}

/// `/ticker/bookTicker`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BookTicker {
    pub(super) bid_price: Number,
    pub(super) bid_qty: Number,
    pub(super) ask_price: Number,
    pub(super) ask_qty: Number,
}

/// `/depth`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Depth {
    pub(super) last_update_id: u64,
    pub(super) bids: Vec<(Number, Number)>,
    pub(super) asks: Vec<(Number, Number)>,
}

/// `/time`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServerTime {
    pub(super) server_time: i64,
}
