//! The stream of Advanced Trade.

use crate::{
    venue::{Channels, Codec, DecodeError, FeedError, Frame, KeepAlive, Listing, Secret, Slot, Told},
    venues::{
        asked::{Asked, Refusal},
        reading::{self, Subscriptions},
    },
};
use papertape::{
    market::{DepthKind, DepthUpdate, Grid, Level},
    model::{Side, Timestamp},
};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

/// The protocol of one connection.
#[derive(Debug)]
pub(super) struct CoinbaseCodec {
    address: String,
    subscriptions: Subscriptions<State>,
    /// The number that the next message has.
    next: Option<u64>,
    /// What was asked for: an error does not say of what it is.
    asked: Asked,
}

/// What is kept of a subscription.
#[derive(Debug)]
struct State {
    grid: Grid,
    /// How many messages of the book have come since its snapshot; `None` while it cannot be trusted.
    messages: Option<u64>,
    /// How many messages of the book have come at all.
    numbered: u64,
}

#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    channel: Option<&'a str>,
    sequence_num: Option<u64>,
    timestamp: Option<Timestamp>,
    #[serde(borrow)]
    events: Option<&'a RawValue>,
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct Confirmed {
    subscriptions: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Trades<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    trades: Vec<Trade<'a>>,
}

#[derive(Debug, Deserialize)]
struct Trade<'a> {
    trade_id: &'a str,
    product_id: &'a str,
    price: &'a str,
    size: &'a str,
    side: &'a str,
    time: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Tickers<'a> {
    #[serde(borrow)]
    tickers: Vec<Ticker<'a>>,
}

#[derive(Debug, Deserialize)]
struct Ticker<'a> {
    product_id: &'a str,
    best_bid: &'a str,
    best_bid_quantity: &'a str,
    best_ask: &'a str,
    best_ask_quantity: &'a str,
}

#[derive(Debug, Deserialize)]
struct Book<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    product_id: &'a str,
    #[serde(borrow)]
    updates: Vec<Change<'a>>,
}

#[derive(Debug, Deserialize)]
struct Change<'a> {
    side: &'a str,
    price_level: &'a str,
    new_quantity: &'a str,
}

/// Not a number when it is none, which is no price and no size either.
pub(super) fn number(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

/// Who took, of a side that is the maker's.
pub(super) const fn taker(maker: &str) -> Option<Side> {
    match maker.as_bytes() {
        b"BUY" | b"buy" => Some(Side::Sell),
        b"SELL" | b"sell" => Some(Side::Buy),
        _ => None,
    }
}

impl CoinbaseCodec {
    pub(super) fn new(stream_url: &str) -> Self {
        Self {
            address: stream_url.to_owned(),
            subscriptions: Subscriptions::default(),
            next: None,
            asked: Asked::default(),
        }
    }

    /// Subscribes to a channel of products with one frame.
    fn ask(&mut self, of: &str, products: Vec<(Slot, Arc<str>)>) -> Frame {
        let names: Vec<&str> = products.iter().map(|(_, name)| &**name).collect();
        let frame = request("subscribe", of, &names);
        let wanted = |(slot, name): (Slot, Arc<str>)| (slot, name, only(of));
        self.asked.push(products.into_iter().map(wanted).collect());
        frame
    }

    /// An error, which does not say of what: it is of the request that was sent first of those without an answer, and of the
    /// connection where all have one.
    fn refuse(&mut self, words: &str, told: &mut Vec<Told>, replies: &mut Vec<Frame>) {
        let subscriptions = &self.subscriptions;
        let slot = match self.asked.refused(|wanted| subscriptions.waits(wanted)) {
            Some(Refusal::Of(None)) => return,
            Some(Refusal::Of(slot)) => slot,
            Some(Refusal::Again(each)) => {
                for (slot, name, of) in each {
                    for channel in channels(of) {
                        replies.push(self.ask(channel, vec![(slot, Arc::clone(&name))]));
                    }
                }
                return;
            }
            None => None,
        };
        let error = FeedError::Refused {
            venue: super::NAME.to_owned(),
            detail: words.chars().take(200).collect(),
        };
        told.push(Told::Refused { slot, error });
    }

    /// Whether the message is the next one; what it says of those that are not.
    fn is_next(&mut self, number: Option<u64>, told: &mut Vec<Told>) -> bool {
        let Some(found) = number else { return true };
        let expected = self.next.unwrap_or(found);
        if found < expected {
            // What it says was given up as lost, or came before.
            told.push(Told::KeptOff {
                slot: None,
                why: format!("sequence {found} came after {}", expected - 1),
            });
            return false;
        }
        self.next = Some(found.saturating_add(1));
        if found > expected {
            for (_, subscription) in self.subscriptions.iter_mut() {
                subscription.state.messages = None;
            }
            told.push(Told::Lost {
                slot: None,
                why: format!("sequence {expected} comes next, and {found} came"),
            });
        }
        true
    }

    fn confirmed(&mut self, events: &str, told: &mut Vec<Told>) -> Result<(), String> {
        for event in items::<Confirmed>(events)? {
            let has_all = |product: &str, wanted: Channels| {
                let is_named = |channel: &str| {
                    let names = event.subscriptions.get(channel);
                    names.is_some_and(|names| names.iter().any(|name| name == product))
                };
                channels(wanted).all(is_named)
            };
            for (slot, subscription) in self.subscriptions.iter_mut() {
                if !subscription.is_confirmed && has_all(&subscription.name, subscription.channels) {
                    subscription.is_confirmed = true;
                    told.push(Told::Subscribed { slot });
                }
            }
            self.asked.confirm(|(_, name, of)| has_all(name, *of));
        }
        Ok(())
    }

    fn trades(&mut self, events: &str, told: &mut Vec<Told>) -> Result<(), String> {
        for event in items::<Trades<'_>>(events)? {
            // Past trades are asked for over REST, where they are wanted.
            if event.kind == "snapshot" {
                continue;
            }
            let mut batch = Vec::with_capacity(event.trades.len());
            for item in &event.trades {
                let Some((slot, _)) = self.subscriptions.find(item.product_id) else {
                    continue;
                };
                let id: u64 = item.trade_id.parse().map_err(|_| "a trade without a number")?;
                let side = taker(item.side).ok_or("a trade without a side")?;
                batch.push(
                    match reading::trade(item.time, number(item.price), number(item.size), side) {
                        Ok(trade) => (
                            id,
                            Told::Trade {
                                slot,
                                id: Some(id),
                                trade,
                            },
                        ),
                        Err(why) => (
                            id,
                            Told::KeptOff {
                                slot: Some(slot),
                                why,
                            },
                        ),
                    },
                );
            }
            // A batch names the newest first.
            batch.sort_by_key(|(id, _)| *id);
            told.extend(batch.into_iter().map(|(_, trade)| trade));
        }
        Ok(())
    }

    fn quotes(
        &mut self,
        events: &str,
        time: Option<Timestamp>,
        received: Timestamp,
        told: &mut Vec<Told>,
    ) -> Result<(), String> {
        for item in items::<Tickers<'_>>(events)?
            .into_iter()
            .flat_map(|event| event.tickers)
        {
            let Some((slot, _)) = self.subscriptions.find(item.product_id) else {
                continue;
            };
            let bid = (number(item.best_bid), number(item.best_bid_quantity));
            let ask = (number(item.best_ask), number(item.best_ask_quantity));
            told.push(match reading::quote(time.unwrap_or(received), bid, ask) {
                Ok(quote) => Told::Quote {
                    slot,
                    id: None,
                    is_timed: time.is_some(),
                    quote,
                },
                Err(why) => Told::KeptOff {
                    slot: Some(slot),
                    why,
                },
            });
        }
        Ok(())
    }

    fn books(&mut self, events: &str, time: Timestamp, told: &mut Vec<Told>) -> Result<(), String> {
        for event in items::<Book<'_>>(events)? {
            let Some((slot, subscription)) = self.subscriptions.find(event.product_id) else {
                continue;
            };
            let state = &mut subscription.state;
            let kind = match event.kind {
                "snapshot" => DepthKind::Snapshot,
                _ => DepthKind::Changes,
            };
            let mut update = DepthUpdate {
                time,
                kind,
                bids: Vec::new(),
                asks: Vec::new(),
            };
            for change in &event.updates {
                let price = state
                    .grid
                    .ticks(number(change.price_level))
                    .map_err(|error| error.to_string())?;
                let size = state
                    .grid
                    .lots(number(change.new_quantity))
                    .map_err(|error| error.to_string())?;
                let side = match change.side {
                    "bid" => &mut update.bids,
                    "offer" => &mut update.asks,
                    other => return Err(format!("a level of side '{other}'")),
                };
                side.push(Level { price, size });
            }
            // Until the next snapshot there is nothing to change.
            if kind == DepthKind::Changes && state.messages.is_none() {
                continue;
            }
            state.messages = Some(state.messages.unwrap_or_default() + 1);
            state.numbered += 1;
            let id = state.numbered;
            told.push(reading::counted_book(slot, id, update));
        }
        Ok(())
    }

    fn message(
        &mut self,
        envelope: &Envelope<'_>,
        received: Timestamp,
        told: &mut Vec<Told>,
    ) -> Result<(), String> {
        let events = envelope.events.map_or("[]", RawValue::get);
        match envelope.channel {
            Some("market_trades") => self.trades(events, told),
            Some("ticker") => self.quotes(events, envelope.timestamp, received, told),
            Some("l2_data") => self.books(events, envelope.timestamp.unwrap_or(received), told),
            Some("subscriptions") => self.confirmed(events, told),
            Some("heartbeats") => {
                told.push(envelope.timestamp.map_or(Told::Heartbeat, Told::Time));
                Ok(())
            }
            _ => {
                told.push(Told::Heartbeat);
                Ok(())
            }
        }
    }
}

fn items<'a, T: Deserialize<'a>>(events: &'a str) -> Result<Vec<T>, String> {
    serde_json::from_str(events).map_err(|error| error.to_string())
}

/// The channels for what is wanted.
fn channels(wanted: Channels) -> impl Iterator<Item = &'static str> {
    [
        (wanted.trades, "market_trades"),
        (wanted.quotes, "ticker"),
        (wanted.depth, "level2"),
    ]
    .into_iter()
    .filter_map(|(is_wanted, channel)| is_wanted.then_some(channel))
}

/// What is wanted of a channel.
fn only(channel: &str) -> Channels {
    Channels {
        trades: channel == "market_trades",
        quotes: channel == "ticker",
        depth: channel == "level2",
        bars: false,
    }
}

fn request(kind: &str, channel: &str, products: &[&str]) -> Frame {
    let request = json!({ "type": kind, "product_ids": products, "channel": channel });
    Frame::Text(request.to_string())
}

impl Codec for CoinbaseCodec {
    fn address(&self) -> (String, Vec<(String, Secret)>) {
        (self.address.clone(), Vec::new())
    }

    fn keep_alive(&self) -> KeepAlive {
        KeepAlive {
            send: None,
            ping_every: Duration::from_secs(20),
            // Heartbeats come every second.
            dead_after: Duration::from_secs(15),
            lifetime: None,
        }
    }

    /// Who has subscribed nothing within five seconds is cut off, and so is, after a minute, who hears nothing.
    fn opened(&mut self) -> Vec<Frame> {
        vec![Frame::Text(
            r#"{"type":"subscribe","channel":"heartbeats"}"#.to_owned(),
        )]
    }

    fn subscribe(&mut self, slot: Slot, listing: &Listing, wanted: Channels) -> Vec<Frame> {
        self.subscribe_all(&[(slot, listing, wanted)])
    }

    fn subscribe_all(&mut self, wanted: &[(Slot, &Listing, Channels)]) -> Vec<Frame> {
        for (slot, listing, of) in wanted {
            let state = State {
                grid: Grid::of(&listing.instrument),
                messages: None,
                numbered: 0,
            };
            self.subscriptions
                .insert(*slot, &listing.venue_symbol, *of, state);
        }
        ["market_trades", "ticker", "level2"]
            .into_iter()
            .filter_map(|channel| {
                let who = wanted
                    .iter()
                    .filter(|(_, _, of)| channels(*of).any(|of| of == channel));
                let products: Vec<(Slot, Arc<str>)> = who
                    .map(|(slot, listing, _)| (*slot, Arc::clone(&listing.venue_symbol)))
                    .collect();
                (!products.is_empty()).then(|| self.ask(channel, products))
            })
            .collect()
    }

    fn widen(&mut self, slot: Slot, more: Channels) -> Vec<Frame> {
        let Some(subscription) = self.subscriptions.widen(slot, more) else {
            return Vec::new();
        };
        let name = Arc::clone(&subscription.name);
        channels(more)
            .map(|channel| self.ask(channel, vec![(slot, Arc::clone(&name))]))
            .collect()
    }

    fn unsubscribe(&mut self, slot: Slot) -> Vec<Frame> {
        let Some(gone) = self.subscriptions.remove(slot) else {
            return Vec::new();
        };
        channels(gone.channels)
            .map(|channel| request("unsubscribe", channel, &[&gone.name]))
            .collect()
    }

    fn resync(&mut self, slot: Slot) -> Vec<Frame> {
        let found = self.subscriptions.iter_mut().find(|(known, _)| *known == slot);
        let Some((_, subscription)) = found.filter(|(_, subscription)| subscription.channels.depth) else {
            return Vec::new();
        };
        subscription.state.messages = None;
        let name = Arc::clone(&subscription.name);
        vec![
            request("unsubscribe", "level2", &[&name]),
            request("subscribe", "level2", &[&name]),
        ]
    }

    fn read(
        &mut self,
        frame: &[u8],
        received: Timestamp,
        told: &mut Vec<Told>,
        replies: &mut Vec<Frame>,
    ) -> Result<(), DecodeError> {
        let envelope: Envelope<'_> =
            serde_json::from_slice(frame).map_err(|error| DecodeError::new(error, frame))?;
        if envelope.kind == Some("error") {
            let words = envelope.message.as_deref().unwrap_or_default();
            self.refuse(words, told, replies);
            return Ok(());
        }
        if envelope.channel.is_none() {
            return Err(DecodeError::new("neither data nor an answer", frame));
        }
        let mut said = Vec::new();
        let number = self.next;
        if self.is_next(envelope.sequence_num, &mut said)
            && let Err(problem) = self.message(&envelope, received, &mut said)
        {
            // As if it had not come: then the next one shows that it is missing.
            self.next = number;
            return Err(DecodeError::new(problem, frame));
        }
        told.append(&mut said);
        Ok(())
    }
}
