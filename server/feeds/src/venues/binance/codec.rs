//! The combined stream.

use super::frame::{Event, Outer, PriceOrLevels};
use crate::{
    venue::{Channels, Codec, DecodeError, FeedError, Frame, KeepAlive, Listing, Secret, Slot, Told},
    venues::{
        asked::{Refusal, Request, Wanted},
        reading::{self, Subscriptions},
    },
};
use papertape::{
    market::{Bar, DepthDiff, DepthKind, DepthUpdate, Grid, Level},
    model::{Side, Timestamp},
};
use std::{collections::BTreeMap, sync::Arc};

/// Streams that one connection carries at most.
const MOST_STREAMS: usize = 1_024;
/// Symbols that one connection has room for, each with trades, quotes, book and bars.
pub(super) const MOST_SYMBOLS: usize = MOST_STREAMS / 4;
/// Streams that one request names at most; a frame of more than 4 KB or so is cut off by what stands in front of the venue.
const STREAMS_A_FRAME: usize = 100;

/// The protocol of one connection.
#[derive(Debug)]
pub(super) struct BinanceCodec {
    venue: &'static str,
    address: String,
    keep_alive: KeepAlive,
    subscriptions: Subscriptions<Grid>,
    streams: usize,
    /// What was asked for, by the number of the request, which its answer has; nobody of those that end something.
    asked: BTreeMap<u64, Request>,
    requests: u64,
    /// Who found no room; told with the next frame.
    refused: Vec<Slot>,
}

impl BinanceCodec {
    pub(super) fn new(venue: &'static str, stream_url: &str, keep_alive: KeepAlive) -> Self {
        Self {
            venue,
            address: format!("{stream_url}/stream"),
            keep_alive,
            subscriptions: Subscriptions::default(),
            streams: 0,
            asked: BTreeMap::new(),
            requests: 0,
            refused: Vec::new(),
        }
    }

    fn request(&mut self, method: &str, streams: &[String], about: Vec<Wanted>) -> Frame {
        self.requests += 1;
        self.asked.insert(self.requests, Request::of(about));
        let request = serde_json::json!({ "method": method, "params": streams, "id": self.requests });
        Frame::Text(request.to_string())
    }

    /// Notes who wants what; gives the streams' names, none when there is no room for them.
    fn note(&mut self, slot: Slot, listing: &Listing, channels: Channels) -> Vec<String> {
        let streams = streams(&listing.venue_symbol, channels);
        if self.streams + streams.len() > MOST_STREAMS {
            self.refused.push(slot);
            return Vec::new();
        }
        self.streams += streams.len();
        let grid = Grid::of(&listing.instrument);
        self.subscriptions
            .insert(slot, &listing.venue_symbol, channels, grid);
        streams
    }

    /// An answer to a request of ours.
    fn answered(&mut self, outer: &Outer<'_>, told: &mut Vec<Told>, replies: &mut Vec<Frame>) {
        let refusal = match (&outer.error, outer.code) {
            (Some(error), _) => Some((error.code, error.msg.as_ref())),
            (None, Some(code)) => Some((code, outer.msg.as_deref().unwrap_or_default())),
            (None, None) => None,
        };
        let about = outer.id.and_then(|id| self.asked.remove(&id));
        let Some((code, words)) = refusal else {
            let slots = about.iter().flat_map(Request::slots);
            told.extend(slots.map(|slot| Told::Subscribed { slot }));
            return;
        };
        // One that does not say what it answers is of the oldest without an answer, and of the connection where all have one.
        let oldest = || match outer.id {
            None => self.asked.pop_first().map(|(_, request)| request),
            Some(_) => None,
        };
        let subscriptions = &self.subscriptions;
        let refused = about
            .or_else(oldest)
            .map(|request| request.refused(|wanted| subscriptions.wants(wanted)));
        let slot = match refused {
            Some(Refusal::Of(None)) => return,
            Some(Refusal::Of(slot)) => slot,
            Some(Refusal::Again(each)) => {
                for (slot, name, channels) in each {
                    let streams = streams(&name, channels);
                    replies.push(self.request("SUBSCRIBE", &streams, vec![(slot, name, channels)]));
                }
                return;
            }
            None => None,
        };
        let error = FeedError::Refused {
            venue: self.venue.to_owned(),
            detail: format!("{code}, {}", words.chars().take(200).collect::<String>()),
        };
        told.push(Told::Refused { slot, error });
    }

    fn event(&mut self, event: Event<'_>, received: Timestamp) -> Result<Option<Told>, String> {
        if event.kind == Some("serverShutdown") {
            return Ok(Some(Told::GoingAway));
        }
        let symbol = event.symbol.ok_or("an event without a symbol")?;
        // What was sent before the venue knew that nobody listens any more.
        let Some((slot, subscription)) = self.subscriptions.find(symbol) else {
            return Ok(None);
        };
        let grid = &subscription.state;
        match event.kind {
            Some("trade") => trade(slot, &event).map(Some),
            Some("depthUpdate") => depth(slot, event, grid).map(Some),
            Some("kline") => kline(slot, &event).map(Some),
            None => quote(slot, &event, received).map(Some),
            Some(_) => Ok(Some(Told::Heartbeat)),
        }
    }
}

impl Codec for BinanceCodec {
    fn address(&self) -> (String, Vec<(String, Secret)>) {
        (self.address.clone(), Vec::new())
    }

    fn keep_alive(&self) -> KeepAlive {
        self.keep_alive.clone()
    }

    fn opened(&mut self) -> Vec<Frame> {
        Vec::new()
    }

    fn subscribe(&mut self, slot: Slot, listing: &Listing, channels: Channels) -> Vec<Frame> {
        self.subscribe_all(&[(slot, listing, channels)])
    }

    fn subscribe_all(&mut self, wanted: &[(Slot, &Listing, Channels)]) -> Vec<Frame> {
        let mut frames = Vec::new();
        let (mut streams, mut about) = (Vec::new(), Vec::new());
        for (slot, listing, channels) in wanted {
            let more = self.note(*slot, listing, *channels);
            if more.is_empty() {
                continue;
            }
            if streams.len() + more.len() > STREAMS_A_FRAME {
                frames.push(self.request(
                    "SUBSCRIBE",
                    &std::mem::take(&mut streams),
                    std::mem::take(&mut about),
                ));
            }
            streams.extend(more);
            about.push((*slot, Arc::clone(&listing.venue_symbol), *channels));
        }
        if !streams.is_empty() {
            frames.push(self.request("SUBSCRIBE", &streams, about));
        }
        frames
    }

    fn widen(&mut self, slot: Slot, more: Channels) -> Vec<Frame> {
        let Some(subscription) = self.subscriptions.get_mut(slot) else {
            return Vec::new();
        };
        let name = Arc::clone(&subscription.name);
        let streams = streams(&name, more);
        if self.streams + streams.len() > MOST_STREAMS {
            self.refused.push(slot);
            return Vec::new();
        }
        self.subscriptions.widen(slot, more);
        self.streams += streams.len();
        vec![self.request("SUBSCRIBE", &streams, vec![(slot, name, more)])]
    }

    fn unsubscribe(&mut self, slot: Slot) -> Vec<Frame> {
        let Some(gone) = self.subscriptions.remove(slot) else {
            return Vec::new();
        };
        let streams = streams(&gone.name, gone.channels);
        self.streams -= streams.len();
        vec![self.request("UNSUBSCRIBE", &streams, Vec::new())]
    }

    fn resync(&mut self, _slot: Slot) -> Vec<Frame> {
        Vec::new()
    }

    fn read(
        &mut self,
        frame: &[u8],
        received: Timestamp,
        told: &mut Vec<Told>,
        replies: &mut Vec<Frame>,
    ) -> Result<(), DecodeError> {
        let outer: Outer<'_> =
            serde_json::from_slice(frame).map_err(|error| DecodeError::new(error, frame))?;
        for slot in std::mem::take(&mut self.refused) {
            told.push(Told::Refused {
                slot: Some(slot),
                error: FeedError::Refused {
                    venue: self.venue.to_owned(),
                    detail: format!("a connection carries {MOST_STREAMS} streams"),
                },
            });
        }
        match outer {
            Outer {
                data: Some(event), ..
            } => {
                let said = self.event(event, received);
                told.extend(said.map_err(|problem| DecodeError::new(problem, frame))?);
            }
            Outer {
                e: Some("serverShutdown"),
                ..
            } => told.push(Told::GoingAway),
            outer if outer.id.is_some() || outer.code.is_some() || outer.error.is_some() => {
                self.answered(&outer, told, replies);
            }
            _ => return Err(DecodeError::new("neither an event nor an answer", frame)),
        }
        Ok(())
    }
}

/// The names of a symbol's streams.
fn streams(symbol: &str, channels: Channels) -> Vec<String> {
    let symbol = symbol.to_ascii_lowercase();
    [
        (channels.trades, "trade"),
        (channels.quotes, "bookTicker"),
        (channels.depth, "depth@100ms"),
        (channels.bars, "kline_1m"),
    ]
    .into_iter()
    .filter(|(is_wanted, _)| *is_wanted)
    .map(|(_, stream)| format!("{symbol}@{stream}"))
    .collect()
}

fn trade(slot: Slot, event: &Event<'_>) -> Result<Told, String> {
    let (Some(id), Some(price), Some(quantity), Some(time), Some(is_buyer_maker)) = (
        event.trade_id,
        event.price,
        event.quantity,
        event.traded_at,
        event.is_buyer_maker,
    ) else {
        return Err("a trade without all of its fields".to_owned());
    };
    let trade = reading::trade(
        Timestamp::from_millis(time),
        price.0,
        quantity.0,
        taker(is_buyer_maker),
    )?;
    Ok(Told::Trade {
        slot,
        id: Some(id),
        trade,
    })
}

/// Who took: not the maker.
pub(super) const fn taker(is_buyer_maker: bool) -> Side {
    if is_buyer_maker { Side::Sell } else { Side::Buy }
}

fn quote(slot: Slot, event: &Event<'_>, received: Timestamp) -> Result<Told, String> {
    let (
        Some(id),
        Some(PriceOrLevels::Price(bid)),
        Some(bid_size),
        Some(PriceOrLevels::Price(ask)),
        Some(ask_size),
    ) = (
        event.final_id,
        &event.bid,
        event.bid_size,
        &event.ask,
        event.ask_size,
    )
    else {
        return Err("a best bid and ask without all of its fields".to_owned());
    };
    Ok(Told::Quote {
        slot,
        id: Some(id),
        is_timed: false,
        quote: reading::quote(received, (*bid, bid_size.0), (*ask, ask_size.0))?,
    })
}

fn depth(slot: Slot, event: Event<'_>, grid: &Grid) -> Result<Told, String> {
    let (
        Some(first_id),
        Some(final_id),
        Some(time),
        Some(PriceOrLevels::Levels(bids)),
        Some(PriceOrLevels::Levels(asks)),
    ) = (
        event.first_id,
        event.final_id,
        event.told_at,
        event.bid,
        event.ask,
    )
    else {
        return Err("changes of a book without all of their fields".to_owned());
    };
    let update = DepthUpdate {
        time: Timestamp::from_millis(time),
        kind: DepthKind::Changes,
        bids: levels(&bids, grid)?,
        asks: levels(&asks, grid)?,
    };
    Ok(Told::Depth {
        slot,
        diff: DepthDiff {
            first_id,
            final_id,
            previous: None,
            update,
        },
    })
}

/// Levels on the instrument's grid. One that has no place there makes all useless: a book without it would be wrong.
pub(super) fn levels(levels: &[(f64, f64)], grid: &Grid) -> Result<Vec<Level>, String> {
    let mut all = Vec::with_capacity(levels.len());
    for (price, size) in levels {
        let price = grid.ticks(*price).map_err(|error| error.to_string())?;
        let size = grid.lots(*size).map_err(|error| error.to_string())?;
        all.push(Level { price, size });
    }
    Ok(all)
}

fn kline(slot: Slot, event: &Event<'_>) -> Result<Told, String> {
    let kline = event.kline.as_ref().ok_or("a bar without its numbers")?;
    if kline.interval != "1m" {
        return Err(format!("a bar of {}", kline.interval));
    }
    let bar = reading::bar(Bar {
        open_time: Timestamp::from_millis(kline.open_time),
        open: kline.open.0,
        high: kline.high.0,
        low: kline.low.0,
        close: kline.close.0,
        volume: kline.volume.0,
    })?;
    Ok(Told::Bar {
        slot,
        bar,
        is_closed: kline.is_closed,
    })
}
