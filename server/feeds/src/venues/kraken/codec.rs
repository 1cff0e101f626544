//! WebSocket v2.

use super::book::Book;
use crate::{
    venue::{Channels, Codec, DecodeError, FeedError, Frame, KeepAlive, Listing, Secret, Slot, Told},
    venues::reading::{self, Subscriptions},
};
use papertape::{
    exchange::TradingStatus,
    market::{Bar, DepthKind, Grid, Level},
    model::{Side, Timestamp},
};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use std::{borrow::Cow, sync::Arc, time::Duration};

/// The protocol of one connection.
#[derive(Debug)]
pub(super) struct KrakenCodec {
    address: String,
    depth: usize,
    names: super::Names,
    subscriptions: Subscriptions<State>,
    requests: u64,
    is_online: bool,
}

/// What is kept of a subscription.
#[derive(Debug)]
struct State {
    grid: Grid,
    /// How many last digits a tick and a lot have.
    units: (i64, i64),
    /// Channels that are not confirmed yet.
    unconfirmed: Vec<&'static str>,
    /// The book; `None` while it cannot be trusted.
    book: Option<Book>,
    /// How many messages of the book have come.
    messages: u64,
    bar: Option<Bar>,
    /// Whether it was told that the venue does not trade now.
    is_halt_told: bool,
}

/// Any frame.
#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    channel: Option<&'a str>,
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    method: Option<&'a str>,
    success: Option<bool>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    symbol: Option<Cow<'a, str>>,
    #[serde(borrow)]
    result: Option<Subscribed<'a>>,
}

#[derive(Debug, Deserialize)]
struct Subscribed<'a> {
    channel: Option<&'a str>,
    #[serde(borrow)]
    symbol: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct System<'a> {
    system: &'a str,
}

#[derive(Debug, Deserialize)]
struct Trade<'a> {
    symbol: &'a str,
    side: &'a str,
    price: f64,
    qty: f64,
    trade_id: u64,
    timestamp: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Ticker<'a> {
    symbol: &'a str,
    bid: f64,
    bid_qty: f64,
    ask: f64,
    ask_qty: f64,
    timestamp: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct Ohlc<'a> {
    symbol: &'a str,
    interval: u32,
    interval_begin: Timestamp,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
}

#[derive(Debug, Deserialize)]
struct Shown<'a> {
    symbol: &'a str,
    #[serde(default)]
    bids: Vec<ShownLevel>,
    #[serde(default)]
    asks: Vec<ShownLevel>,
    checksum: u32,
    timestamp: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct ShownLevel {
    price: f64,
    qty: f64,
}

impl KrakenCodec {
    pub(super) fn new(stream_url: &str, depth: usize, names: super::Names) -> Self {
        Self {
            address: format!("{stream_url}/v2"),
            depth,
            names,
            subscriptions: Subscriptions::default(),
            requests: 0,
            is_online: true,
        }
    }

    fn request(&mut self, method: &str, channel: &str, symbols: &[&str]) -> Frame {
        self.requests += 1;
        let mut params = json!({ "channel": channel, "symbol": symbols });
        match channel {
            "book" => params["depth"] = self.depth.into(),
            "ohlc" => params["interval"] = 1.into(),
            "ticker" => params["event_trigger"] = "bbo".into(),
            _ => {}
        }
        if method == "subscribe" {
            // Past trades and bars are asked for over REST, where they are wanted.
            params["snapshot"] = matches!(channel, "book" | "ticker").into();
        }
        let request = json!({ "method": method, "params": params, "req_id": self.requests });
        Frame::Text(request.to_string())
    }

    /// An answer to a request of ours.
    fn answered(&mut self, envelope: &Envelope<'_>, told: &mut Vec<Told>) {
        if envelope.method != Some("subscribe") {
            told.push(Told::Heartbeat);
            return;
        }
        let result = envelope.result.as_ref();
        let symbol = result
            .and_then(|result| result.symbol.as_ref())
            .or(envelope.symbol.as_ref());
        let found = symbol.and_then(|symbol| self.subscriptions.find(symbol));
        let words = envelope.error.as_deref().unwrap_or_default();
        if envelope.success == Some(false) && !words.starts_with("Already subscribed") {
            let (venue, detail) = ("kraken".to_owned(), words.chars().take(200).collect());
            let error = match symbol {
                Some(symbol) if words.contains("not supported") => FeedError::UnknownSymbol {
                    venue,
                    symbol: symbol.to_string(),
                    near: None,
                },
                _ => FeedError::Refused { venue, detail },
            };
            let slot = found.map(|(slot, _)| slot);
            told.push(Told::Refused { slot, error });
            return;
        }
        let (Some((slot, subscription)), Some(channel)) = (found, result.and_then(|result| result.channel))
        else {
            return;
        };
        let unconfirmed = &mut subscription.state.unconfirmed;
        unconfirmed.retain(|waiting| *waiting != channel);
        if unconfirmed.is_empty() && !subscription.is_confirmed {
            subscription.is_confirmed = true;
            told.push(Told::Subscribed { slot });
        }
    }

    fn system(&mut self, data: &str, received: Timestamp, told: &mut Vec<Told>) -> Result<(), String> {
        for system in items::<System<'_>>(data)? {
            let is_online = system.system == "online";
            if is_online != self.is_online {
                self.is_online = is_online;
                let status = if is_online {
                    TradingStatus::Trading
                } else {
                    TradingStatus::Halted
                };
                told.extend(self.subscriptions.iter_mut().map(|(slot, subscription)| {
                    subscription.state.is_halt_told = !is_online;
                    Told::Status {
                        slot,
                        time: received,
                        status,
                    }
                }));
            }
        }
        told.push(Told::Heartbeat);
        Ok(())
    }

    /// Whoever is subscribed while the venue does not trade hears so before anything else: the venue says it once, on connecting.
    #[cold]
    fn tell_halt(&mut self, from: usize, received: Timestamp, told: &mut Vec<Told>) {
        for (slot, subscription) in self.subscriptions.iter_mut() {
            let is_of = |told: &Told| crate::connection::slot_of(told) == Some(slot);
            if subscription.state.is_halt_told {
                continue;
            }
            if let Some(first) = told[from..].iter().position(is_of) {
                subscription.state.is_halt_told = true;
                let status = Told::Status {
                    slot,
                    time: received,
                    status: TradingStatus::Halted,
                };
                told.insert(from + first, status);
            }
        }
    }

    fn trades(&mut self, data: &str, told: &mut Vec<Told>) -> Result<(), String> {
        for item in items::<Trade<'_>>(data)? {
            let Some((slot, _)) = self.subscriptions.find(item.symbol) else {
                continue;
            };
            let side = match item.side {
                "buy" => Side::Buy,
                "sell" => Side::Sell,
                other => return Err(format!("a trade of side '{other}'")),
            };
            match reading::trade(item.timestamp, item.price, item.qty, side) {
                Ok(trade) => told.push(Told::Trade {
                    slot,
                    id: Some(item.trade_id),
                    trade,
                }),
                Err(why) => told.push(Told::KeptOff {
                    slot: Some(slot),
                    why,
                }),
            }
        }
        Ok(())
    }

    fn quotes(&mut self, data: &str, received: Timestamp, told: &mut Vec<Told>) -> Result<(), String> {
        for item in items::<Ticker<'_>>(data)? {
            let Some((slot, _)) = self.subscriptions.find(item.symbol) else {
                continue;
            };
            let time = item.timestamp.unwrap_or(received);
            match reading::quote(time, (item.bid, item.bid_qty), (item.ask, item.ask_qty)) {
                Ok(quote) => told.push(Told::Quote {
                    slot,
                    id: None,
                    is_timed: item.timestamp.is_some(),
                    quote,
                }),
                Err(why) => told.push(Told::KeptOff {
                    slot: Some(slot),
                    why,
                }),
            }
        }
        Ok(())
    }

    fn bars(&mut self, data: &str, told: &mut Vec<Told>) -> Result<(), String> {
        for item in items::<Ohlc<'_>>(data)? {
            let Some((slot, subscription)) = self.subscriptions.find(item.symbol) else {
                continue;
            };
            if item.interval != 1 {
                continue;
            }
            let bar = reading::bar(Bar {
                open_time: item.interval_begin,
                open: item.open,
                high: item.high,
                low: item.low,
                close: item.close,
                volume: item.volume,
            });
            let bar = match bar {
                Ok(bar) => bar,
                Err(why) => {
                    told.push(Told::KeptOff {
                        slot: Some(slot),
                        why,
                    });
                    continue;
                }
            };
            let tell = |bar, is_closed| Told::Bar { slot, bar, is_closed };
            // Nothing says that a bar has closed but the beginning of the next.
            let before = subscription.state.bar.replace(bar);
            let closed = before.filter(|before| before.open_time < bar.open_time);
            told.extend(closed.map(|before| tell(before, true)));
            told.push(tell(bar, false));
        }
        Ok(())
    }

    fn books(
        &mut self,
        data: &str,
        kind: DepthKind,
        received: Timestamp,
        told: &mut Vec<Told>,
    ) -> Result<(), String> {
        let depth = self.depth;
        for item in items::<Shown<'_>>(data)? {
            let Some((slot, subscription)) = self.subscriptions.find(item.symbol) else {
                continue;
            };
            let state = &mut subscription.state;
            let levels = |levels: &[ShownLevel]| -> Result<Vec<Level>, String> {
                let level = |level: &ShownLevel| {
                    let price = state.grid.ticks(level.price).map_err(|error| error.to_string())?;
                    let size = state.grid.lots(level.qty).map_err(|error| error.to_string())?;
                    Ok(Level { price, size })
                };
                levels.iter().map(level).collect()
            };
            let (bids, asks) = (levels(&item.bids)?, levels(&item.asks)?);
            if kind == DepthKind::Snapshot {
                state.book = Some(Book::default());
            }
            // Until the next snapshot there is nothing to change.
            let Some(book) = &mut state.book else {
                continue;
            };
            let time = item.timestamp.unwrap_or(received);
            let update = book.apply(kind, bids, asks, depth, time);
            let found = book.checksum(state.units.0, state.units.1);
            if found != item.checksum {
                state.book = None;
                told.push(Told::Lost {
                    slot: Some(slot),
                    why: format!("checksum {}, the book's is {found}", item.checksum),
                });
                continue;
            }
            state.messages += 1;
            let id = state.messages;
            told.push(reading::counted_book(slot, id, update));
        }
        Ok(())
    }

    fn data(
        &mut self,
        envelope: &Envelope<'_>,
        received: Timestamp,
        told: &mut Vec<Told>,
    ) -> Result<(), String> {
        let data = envelope.data.map_or("[]", RawValue::get);
        let kind = match envelope.kind {
            Some("snapshot") => DepthKind::Snapshot,
            _ => DepthKind::Changes,
        };
        match envelope.channel {
            Some("trade") => self.trades(data, told),
            Some("ticker") => self.quotes(data, received, told),
            Some("book") => self.books(data, kind, received, told),
            Some("ohlc") => self.bars(data, told),
            Some("status") => self.system(data, received, told),
            _ => {
                told.push(Told::Heartbeat);
                Ok(())
            }
        }
    }
}

/// The items of a message.
fn items<'a, T: Deserialize<'a>>(data: &'a str) -> Result<Vec<T>, String> {
    serde_json::from_str(data).map_err(|error| error.to_string())
}

/// The channels for what is wanted.
fn channels(wanted: Channels) -> impl Iterator<Item = &'static str> {
    [
        (wanted.trades, "trade"),
        (wanted.quotes, "ticker"),
        (wanted.depth, "book"),
        (wanted.bars, "ohlc"),
    ]
    .into_iter()
    .filter_map(|(is_wanted, channel)| is_wanted.then_some(channel))
}

impl Codec for KrakenCodec {
    fn address(&self) -> (String, Vec<(String, Secret)>) {
        (self.address.clone(), Vec::new())
    }

    fn keep_alive(&self) -> KeepAlive {
        KeepAlive {
            // A connection on which nothing is subscribed is silent, and closed after a minute.
            send: Some((
                Duration::from_secs(10),
                Frame::Text(r#"{"method":"ping"}"#.to_owned()),
            )),
            ping_every: Duration::from_secs(30),
            // Heartbeats come every second, answers to pings every ten.
            dead_after: Duration::from_secs(30),
            lifetime: None,
        }
    }

    fn opened(&mut self) -> Vec<Frame> {
        Vec::new()
    }

    fn subscribe(&mut self, slot: Slot, listing: &Listing, wanted: Channels) -> Vec<Frame> {
        self.subscribe_all(&[(slot, listing, wanted)])
    }

    fn subscribe_all(&mut self, wanted: &[(Slot, &Listing, Channels)]) -> Vec<Frame> {
        for (slot, listing, of) in wanted {
            let instrument = &listing.instrument;
            let name: Arc<str> = instrument.symbol().as_str().into();
            let known = self.names.digits_of(&listing.venue_symbol);
            let state = State {
                grid: Grid::of(instrument),
                units: super::units(instrument, known),
                unconfirmed: channels(*of).collect(),
                book: None,
                messages: 0,
                bar: None,
                is_halt_told: false,
            };
            self.subscriptions.insert(*slot, &name, *of, state);
        }
        let all = Channels {
            trades: true,
            quotes: true,
            depth: true,
            bars: true,
        };
        let mut frames = Vec::new();
        for channel in channels(all) {
            let who = wanted
                .iter()
                .filter(|(_, _, of)| channels(*of).any(|of| of == channel));
            let symbols: Vec<&str> = who
                .map(|(_, listing, _)| listing.instrument.symbol().as_str())
                .collect();
            if !symbols.is_empty() {
                frames.push(self.request("subscribe", channel, &symbols));
            }
        }
        frames
    }

    fn widen(&mut self, slot: Slot, more: Channels) -> Vec<Frame> {
        let Some(subscription) = self.subscriptions.widen(slot, more) else {
            return Vec::new();
        };
        subscription.state.unconfirmed.extend(channels(more));
        let name = Arc::clone(&subscription.name);
        channels(more)
            .map(|channel| self.request("subscribe", channel, &[&name]))
            .collect()
    }

    fn unsubscribe(&mut self, slot: Slot) -> Vec<Frame> {
        let Some(gone) = self.subscriptions.remove(slot) else {
            return Vec::new();
        };
        channels(gone.channels)
            .map(|channel| self.request("unsubscribe", channel, &[&gone.name]))
            .collect()
    }

    fn resync(&mut self, slot: Slot) -> Vec<Frame> {
        let found = self.subscriptions.iter_mut().find(|(known, _)| *known == slot);
        let Some((_, subscription)) = found.filter(|(_, subscription)| subscription.channels.depth) else {
            return Vec::new();
        };
        subscription.state.book = None;
        let name = Arc::clone(&subscription.name);
        ["unsubscribe", "subscribe"]
            .map(|method| self.request(method, "book", &[&name]))
            .to_vec()
    }

    fn read(
        &mut self,
        frame: &[u8],
        received: Timestamp,
        told: &mut Vec<Told>,
        _replies: &mut Vec<Frame>,
    ) -> Result<(), DecodeError> {
        let envelope: Envelope<'_> =
            serde_json::from_slice(frame).map_err(|error| DecodeError::new(error, frame))?;
        let before = told.len();
        if envelope.method.is_some() || envelope.error.is_some() {
            self.answered(&envelope, told);
            if !self.is_online {
                self.tell_halt(before, received, told);
            }
            return Ok(());
        }
        if envelope.channel.is_none() {
            return Err(DecodeError::new("neither data nor an answer", frame));
        }
        self.data(&envelope, received, told).map_err(|problem| {
            told.truncate(before);
            DecodeError::new(problem, frame)
        })?;
        if !self.is_online {
            self.tell_halt(before, received, told);
        }
        Ok(())
    }
}
