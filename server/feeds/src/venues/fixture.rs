//! What the venues' tables of fixtures are made with.

use crate::{
    rest::Answer,
    venue::{Channels, Codec, Frame, Listing, Secret, Slot, Told, VenueConfig},
};
use papertape::{
    exchange::TradingStatus,
    market::{Bar, Quote, TradeTick},
    model::{Instrument, Side, Timestamp},
};
use proptest::prelude::*;
use rust_decimal::Decimal;

/// When every frame of a fixture comes in.
pub(crate) const RECEIVED: Timestamp = Timestamp::from_secs(1_700_000_000);

pub(crate) fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect(text)
}

/// A listing with steps of 0.01 and 0.0001.
pub(crate) fn listing(symbol: &str, venue_symbol: &str) -> Listing {
    let symbol = symbol.parse().expect(symbol);
    let (tick, lot) = (Decimal::new(1, 2), Decimal::new(1, 4));
    Listing {
        instrument: Instrument::new(symbol, tick, lot, Decimal::ZERO, Decimal::ONE)
            .expect("its steps are positive"),
        venue_symbol: venue_symbol.into(),
        status: TradingStatus::Trading,
    }
}

/// A configuration with the key `k` and the secret `s`.
pub(crate) fn config(options: &[(&str, &str)]) -> VenueConfig {
    VenueConfig {
        key: Some(Secret::new("k".to_owned())),
        secret: Some(Secret::new("s".to_owned())),
        options: options
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..VenueConfig::default()
    }
}

pub(crate) fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: body.as_bytes().to_vec(),
    }
}

/// Gives the codec a frame.
pub(crate) fn read(codec: &mut dyn Codec, frame: &[u8]) -> (Vec<Told>, Vec<Frame>) {
    let (mut told, mut replies) = (Vec::new(), Vec::new());
    codec
        .read(frame, RECEIVED, &mut told, &mut replies)
        .expect("a frame that makes sense");
    (told, replies)
}

/// Gives the codec frames of text; what they say.
pub(crate) fn told(codec: &mut dyn Codec, frames: &[&str]) -> Vec<Told> {
    frames
        .iter()
        .flat_map(|frame| read(codec, frame.as_bytes()).0)
        .collect()
}

/// Subscribes a symbol.
pub(crate) fn subscribe(
    codec: &mut dyn Codec,
    slot: usize,
    symbol: &str,
    venue_symbol: &str,
    channels: Channels,
) -> Vec<Frame> {
    codec.subscribe(Slot(slot), &listing(symbol, venue_symbol), channels)
}

pub(crate) const EVERYTHING: Channels = Channels {
    trades: true,
    quotes: true,
    depth: true,
    bars: true,
};

pub(crate) fn trade(slot: usize, id: Option<u64>, at: &str, price: f64, size: f64, aggressor: Side) -> Told {
    Told::Trade {
        slot: Slot(slot),
        id,
        trade: TradeTick {
            time: time(at),
            price,
            size,
            aggressor,
        },
    }
}

/// A quote at the venue's own time.
pub(crate) fn quote(slot: usize, at: &str, bid: (f64, f64), ask: (f64, f64)) -> Told {
    Told::Quote {
        slot: Slot(slot),
        id: None,
        is_timed: true,
        quote: Quote {
            time: time(at),
            bid: bid.0,
            bid_size: bid.1,
            ask: ask.0,
            ask_size: ask.1,
        },
    }
}

/// Open, high, low, close and volume at a time.
pub(crate) fn bar(at: &str, [open, high, low, close, volume]: [f64; 5]) -> Bar {
    Bar {
        open_time: time(at),
        open,
        high,
        low,
        close,
        volume,
    }
}

pub(crate) fn kept_off(slot: usize, why: &str) -> Told {
    Told::KeptOff {
        slot: Some(Slot(slot)),
        why: why.to_owned(),
    }
}

pub(crate) fn text(frame: &Frame) -> &str {
    match frame {
        Frame::Text(text) => text,
        Frame::Binary(_) => panic!("a frame of bytes"),
    }
}

/// Any bytes, or one of these messages with a piece of it replaced by any bytes.
pub(crate) fn spoilt(messages: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let noise = proptest::collection::vec(any::<u8>(), 0..64);
    let spoilt = (
        proptest::sample::select(messages),
        any::<proptest::sample::Index>(),
        0..8_usize,
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..4),
            proptest::sample::select(vec![
                "-",
                "e300",
                "null",
                "0",
                "\"",
                "[]",
                "{}",
                "9999999999999999999"
            ])
            .prop_map(|text| text.as_bytes().to_vec()),
        ],
    )
        .prop_map(|(mut message, at, length, piece)| {
            let from = at.index(message.len());
            let to = (from + length).min(message.len());
            message.splice(from..to, piece);
            message
        });
    prop_oneof![1 => noise, 4 => spoilt]
}
