//! Alpaca's stream.

use super::{
    super::{
        asked::{Asked, Refusal, Wanted},
        reading::{self, Answers, Subscriptions, TakerGuess},
        several::SYMBOLS_A_FRAME,
    },
    Market,
    wire::{self, CloseOrConditions, Encoding, Levels, Message},
};
use crate::venue::{Channels, Codec, DecodeError, FeedError, Frame, KeepAlive, Listing, Secret, Slot, Told};
use papertape::{
    exchange::TradingStatus,
    market::{Bar, DepthKind, DepthUpdate, Grid, Level},
    model::{Side, Timestamp},
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// Trades that say nothing of the price now: average price, cash and next-day settlement, price variation, prior reference,
/// official open and close, seller's option, contingent, out of sequence, derivatively priced, corrected consolidated
/// close. By the sale conditions of the
/// CTA and UTP plans' specifications. `B` is an average price on tapes A and B, and an ordinary bunched trade on C.
const NOT_THE_PRICE: &[&str] = &[
    "C", "H", "M", "N", "P", "Q", "R", "U", "V", "W", "Z", "4", "7", "9",
];

/// What is kept of a subscription.
#[derive(Clone, Debug)]
struct State {
    taker: TakerGuess,
    grid: Grid,
    /// How many messages of its book have come since its snapshot; `None` before one.
    book: Option<u64>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Stream {
    address: String,
    encoding: Encoding,
    market: Market,
    quote_unit: f64,
    keys: (Secret, Secret),
    answers: Answers,
    is_authorized: bool,
    subscriptions: Subscriptions<State>,
    /// What was asked for: the server answers one frame after the other, and does not say what it refuses.
    asked: Asked,
}

impl Stream {
    pub(super) fn new(
        address: String,
        encoding: Encoding,
        market: Market,
        quote_unit: f64,
        keys: (Secret, Secret),
        answers: Answers,
    ) -> Self {
        Self {
            address,
            encoding,
            market,
            quote_unit,
            keys,
            answers,
            is_authorized: false,
            subscriptions: Subscriptions::default(),
            asked: Asked::default(),
        }
    }

    /// A message of ours.
    fn frame(&self, message: &Value) -> Frame {
        match self.encoding {
            Encoding::Json => Frame::Text(message.to_string()),
            // Values of JSON are maps, lists and text: all of them have a form there.
            Encoding::MessagePack => Frame::Binary(rmp_serde::to_vec_named(message).unwrap_or_default()),
        }
    }

    /// `subscribe` or `unsubscribe` with what is wanted of symbols. Corrections and cancellations come with trades.
    fn request(&self, action: &str, wanted: &[(&str, Channels)]) -> Vec<Frame> {
        let is_stock = self.market == Market::Stocks;
        let has: [(&str, &dyn Fn(Channels) -> bool); 6] = [
            ("trades", &|of| of.trades),
            ("quotes", &|of| of.quotes),
            ("bars", &|of| of.bars),
            ("updatedBars", &|of| of.bars),
            ("orderbooks", &|of| of.depth && !is_stock),
            ("statuses", &|of| is_stock && !of.is_empty()),
        ];
        let mut message = json!({ "action": action });
        let mut is_empty = true;
        for (channel, has) in has {
            let names = wanted.iter().filter(|(_, channels)| has(*channels));
            let names: Vec<&str> = names.map(|(name, _)| *name).collect();
            if !names.is_empty() {
                message[channel] = json!(names);
                is_empty = false;
            }
        }
        if is_empty {
            Vec::new()
        } else {
            vec![self.frame(&message)]
        }
    }

    /// What one message says; an error is what is wrong with it, and with which subscription.
    fn tell(
        &mut self,
        message: &Message<'_>,
        told: &mut Vec<Told>,
        replies: &mut Vec<Frame>,
    ) -> Result<(), (Option<Slot>, String)> {
        match &*message.kind {
            "success" => {
                match &*message.msg {
                    "connected" => {
                        let (key, secret) = &self.keys;
                        replies.push(self.frame(&json!({
                            "action": "auth", "key": key.reveal(), "secret": secret.reveal(),
                        })));
                    }
                    "authenticated" => self.is_authorized = true,
                    _ => {}
                }
                told.push(Told::Heartbeat);
                return Ok(());
            }
            "error" => {
                match message.code {
                    code @ (405 | 409) if self.is_authorized => {
                        self.refuse(code, &message.msg, told, replies);
                    }
                    code => self.error(code, &message.msg, told),
                }
                return Ok(());
            }
            "subscription" => {
                self.confirm(message, told);
                return Ok(());
            }
            "" => return Err((None, "a message of no kind".to_owned())),
            _ => {}
        }
        let quote_unit = self.quote_unit;
        let market = self.market;
        // Of what was just unsubscribed, something may still come.
        let Some((slot, subscription)) = self.subscriptions.find(&message.symbol) else {
            return Ok(());
        };
        let at = message
            .time
            .0
            .ok_or_else(|| (Some(slot), "a message without time".to_owned()));
        let said = match &*message.kind {
            "t" => trade(slot, at?, message, market, &mut subscription.state.taker),
            "q" => quote(slot, at?, message, quote_unit, &mut subscription.state.taker),
            "b" | "u" => bar(slot, at?, message).map(Some),
            "c" => correction(slot, at?, message, &mut subscription.state.taker).map(Some),
            "x" => cancellation(slot, message).map(Some),
            "s" => Ok(status(slot, at?, &message.status)),
            "o" => {
                let state = &mut subscription.state;
                let said = depth(slot, at?, message, state);
                if said.is_err() {
                    state.book = None;
                    told.push(Told::Lost {
                        slot: Some(slot),
                        why: "a message of the book made no sense".to_owned(),
                    });
                }
                said
            }
            // Bars of the day so far, price bands, imbalances: nobody asked.
            _ => Ok(None),
        };
        told.extend(said.map_err(|why| (Some(slot), why))?);
        Ok(())
    }

    /// The whole set that is subscribed now has come.
    fn confirm(&mut self, message: &Message<'_>, told: &mut Vec<Told>) {
        let has_all = |name: &str, wanted: Channels| {
            let has = |list: &[String], is_wanted: bool| !is_wanted || list.iter().any(|other| other == name);
            has(&message.trades, wanted.trades)
                && has(&message.quotes, wanted.quotes)
                && has(&message.bars, wanted.bars)
                && has(&message.orderbooks, wanted.depth)
        };
        for (slot, subscription) in self.subscriptions.iter_mut() {
            if !subscription.is_confirmed && has_all(&subscription.name, subscription.channels) {
                subscription.is_confirmed = true;
                told.push(Told::Subscribed { slot });
            }
        }
        self.asked.confirm(|(_, name, channels)| has_all(name, *channels));
    }

    /// Asks for symbols with one frame.
    fn ask(&mut self, symbols: Vec<Wanted>) -> Vec<Frame> {
        let named = symbols.iter().map(|(_, name, channels)| (&**name, *channels));
        let frames = self.request("subscribe", &Vec::from_iter(named));
        if !frames.is_empty() {
            self.asked.push(symbols);
        }
        frames
    }

    /// The frame that was asked first of those without an answer is refused; what is subscribed goes on.
    fn refuse(&mut self, code: i64, words: &str, told: &mut Vec<Told>, replies: &mut Vec<Frame>) {
        let subscriptions = &mut self.subscriptions;
        let refused: Vec<Slot> = match self.asked.refused(|wanted| subscriptions.waits(wanted)) {
            Some(Refusal::Of(slot)) => slot.into_iter().collect(),
            Some(Refusal::Again(each)) => {
                for wanted in each {
                    replies.extend(self.ask(vec![wanted]));
                }
                return;
            }
            // Nobody knows of which: whoever waits is told.
            None => {
                let waiting = subscriptions.iter_mut().filter(|(_, entry)| !entry.is_confirmed);
                waiting.map(|(slot, _)| slot).collect()
            }
        };
        let words = format!("{words} ({code})");
        for slot in refused {
            let error = if code == 405 {
                self.answers.refused(&words)
            } else {
                self.answers.unauthorized(&words)
            };
            let slot = Some(slot);
            told.push(Told::Refused { slot, error });
        }
    }

    /// A frame made no sense, and no number will show whether it was of a book.
    fn lose_books(&mut self, told: &mut Vec<Told>) {
        for (slot, subscription) in self.subscriptions.iter_mut() {
            if subscription.state.book.take().is_some() {
                told.push(Told::Lost {
                    slot: Some(slot),
                    why: "a frame that made no sense may have been of the book".to_owned(),
                });
            }
        }
    }

    /// An error of the stream, by its code.
    fn error(&mut self, code: i64, words: &str, told: &mut Vec<Told>) {
        let words = format!("{words} ({code})");
        match code {
            // What we were told already.
            403 => told.push(Told::Heartbeat),
            401 | 402 | 408 | 409 => told.push(Told::Refused {
                slot: None,
                error: self.answers.unauthorized(&words),
            }),
            // The account's one connection may be an earlier one of ours that the server has not missed yet; and after too
            // slow a greeting or reading another connection does better.
            404 | 406 => told.push(Told::Refused {
                slot: None,
                error: self.answers.unreachable(&words),
            }),
            407 => told.extend([
                Told::Lost {
                    slot: None,
                    why: words,
                },
                Told::GoingAway,
            ]),
            500.. => told.extend([
                Told::Refused {
                    slot: None,
                    error: FeedError::Trouble {
                        venue: super::NAME.to_owned(),
                        said: "500".to_owned(),
                    },
                },
                Told::GoingAway,
            ]),
            _ => told.push(Told::Refused {
                slot: None,
                error: self.answers.refused(&words),
            }),
        }
    }
}

impl Codec for Stream {
    fn address(&self) -> (String, Vec<(String, Secret)>) {
        let headers = match self.encoding {
            Encoding::Json => Vec::new(),
            Encoding::MessagePack => vec![(
                "Content-Type".to_owned(),
                Secret::new("application/msgpack".to_owned()),
            )],
        };
        (self.address.clone(), headers)
    }

    fn keep_alive(&self) -> KeepAlive {
        KeepAlive {
            send: None,
            ping_every: Duration::from_secs(10),
            dead_after: Duration::from_secs(60),
            lifetime: None,
        }
    }

    fn opened(&mut self) -> Vec<Frame> {
        // The server greets first.
        self.is_authorized = false;
        self.asked.clear();
        Vec::new()
    }

    fn is_ready(&self) -> bool {
        self.is_authorized
    }

    fn subscribe(&mut self, slot: Slot, listing: &Listing, channels: Channels) -> Vec<Frame> {
        self.subscribe_all(&[(slot, listing, channels)])
    }

    fn subscribe_all(&mut self, wanted: &[(Slot, &Listing, Channels)]) -> Vec<Frame> {
        let mut frames = Vec::new();
        for wanted in wanted.chunks(SYMBOLS_A_FRAME) {
            for (slot, listing, channels) in wanted {
                let state = State {
                    taker: TakerGuess::default(),
                    grid: Grid::of(&listing.instrument),
                    book: None,
                };
                self.subscriptions
                    .insert(*slot, &listing.venue_symbol, *channels, state);
            }
            let symbols = wanted
                .iter()
                .map(|(slot, listing, channels)| (*slot, Arc::clone(&listing.venue_symbol), *channels));
            frames.extend(self.ask(symbols.collect()));
        }
        frames
    }

    fn widen(&mut self, slot: Slot, more: Channels) -> Vec<Frame> {
        let name = self
            .subscriptions
            .widen(slot, more)
            .map(|entry| entry.name.clone());
        name.map_or_else(Vec::new, |name| self.ask(vec![(slot, name, more)]))
    }

    fn unsubscribe(&mut self, slot: Slot) -> Vec<Frame> {
        match self.subscriptions.remove(slot) {
            Some(gone) => self.request("unsubscribe", &[(&*gone.name, gone.channels)]),
            None => Vec::new(),
        }
    }

    fn resync(&mut self, slot: Slot) -> Vec<Frame> {
        let Some(subscription) = self.subscriptions.get_mut(slot) else {
            return Vec::new();
        };
        subscription.state.book = None;
        let name = subscription.name.clone();
        let only_depth = Channels {
            depth: subscription.channels.depth,
            ..Channels::default()
        };
        // A subscription anew begins with the whole book.
        let mut frames = self.request("unsubscribe", &[(&*name, only_depth)]);
        frames.extend(self.request("subscribe", &[(&*name, only_depth)]));
        frames
    }

    fn read(
        &mut self,
        frame: &[u8],
        _received: Timestamp,
        told: &mut Vec<Told>,
        replies: &mut Vec<Frame>,
    ) -> Result<(), DecodeError> {
        let messages = match wire::read(self.encoding, frame) {
            Ok(messages) => messages,
            Err(what) => {
                self.lose_books(told);
                return Err(DecodeError::new(what, frame));
            }
        };
        for message in &messages {
            if let Err((slot, why)) = self.tell(message, told, replies) {
                told.push(Told::KeptOff { slot, why });
                if message.kind == "t" {
                    told.push(Told::TradeLost { slot });
                }
            }
        }
        Ok(())
    }
}

/// Numbers of trades are each exchange's own, so they are told apart by its letter.
pub(super) fn trade_id(exchange: &str, id: Option<u64>) -> Option<u64> {
    let letter = u64::from(exchange.bytes().next().unwrap_or(0));
    id.map(|id| letter << 56 | (id & ((1 << 56) - 1)))
}

fn trade(
    slot: Slot,
    time: Timestamp,
    message: &Message<'_>,
    market: Market,
    taker: &mut TakerGuess,
) -> Result<Option<Told>, String> {
    if let CloseOrConditions::Conditions(conditions) = &message.close
        && !is_the_price(&message.tape, conditions.iter().map(|condition| &**condition))
    {
        return Ok(None);
    }
    let mut trade = reading::trade(time, message.price, message.size, Side::Buy)?;
    trade.aggressor = match &*message.taker {
        "B" => Side::Buy,
        "S" => Side::Sell,
        _ => taker.traded(trade.price),
    };
    let id = match market {
        Market::Stocks => trade_id(&message.exchange, message.id.0),
        Market::Crypto => message.id.0,
    };
    Ok(Some(Told::Trade { slot, id, trade }))
}

/// Whether a trade of these conditions is at the price that the market has now.
pub(super) fn is_the_price<'a>(tape: &str, mut conditions: impl Iterator<Item = &'a str>) -> bool {
    !conditions.any(|condition| NOT_THE_PRICE.contains(&condition) || (condition == "B" && tape != "C"))
}

fn quote(
    slot: Slot,
    time: Timestamp,
    message: &Message<'_>,
    unit: f64,
    taker: &mut TakerGuess,
) -> Result<Option<Told>, String> {
    // Nobody buys, or nobody sells: that is told as a price of 0 with nothing at it.
    if (message.bid == 0.0 && message.bid_size == 0.0) || (message.ask == 0.0 && message.ask_size == 0.0) {
        return Ok(Some(Told::OneSided { slot }));
    }
    let bid = (message.bid, message.bid_size * unit);
    let quote = reading::quote(time, bid, (message.ask, message.ask_size * unit))?;
    taker.quoted(&quote);
    Ok(Some(Told::Quote {
        slot,
        id: None,
        is_timed: true,
        quote,
    }))
}

fn bar(slot: Slot, open_time: Timestamp, message: &Message<'_>) -> Result<Told, String> {
    let CloseOrConditions::Close(close) = message.close else {
        return Err("a bar without close".to_owned());
    };
    let bar = reading::bar(Bar {
        open_time,
        open: message.open,
        high: message.high,
        low: message.low,
        close,
        volume: message.volume,
    })?;
    Ok(Told::Bar {
        slot,
        bar,
        is_closed: true,
    })
}

fn correction(
    slot: Slot,
    time: Timestamp,
    message: &Message<'_>,
    taker: &mut TakerGuess,
) -> Result<Told, String> {
    let id = trade_id(&message.exchange, message.original_id.0).ok_or("a correction of no trade")?;
    let (price, size) = (message.corrected_price, message.corrected_size);
    let side = taker.clone().traded(price);
    Ok(Told::Correction {
        slot,
        id,
        instead: Some(reading::trade(time, price, size, side)?),
    })
}

fn cancellation(slot: Slot, message: &Message<'_>) -> Result<Told, String> {
    let id = trade_id(&message.exchange, message.id.0).ok_or("a cancellation of no trade")?;
    Ok(Told::Correction {
        slot,
        id,
        instead: None,
    })
}

/// Codes of both plans: 2 and H halt, P pauses, 3 and T go on; Q opens quoting only, and the rest are no changes of trading.
fn status(slot: Slot, time: Timestamp, code: &str) -> Option<Told> {
    let status = match code {
        "2" | "H" | "P" | "Q" => TradingStatus::Halted,
        "3" | "T" => TradingStatus::Trading,
        _ => return None,
    };
    Some(Told::Status { slot, time, status })
}

fn depth(
    slot: Slot,
    time: Timestamp,
    message: &Message<'_>,
    state: &mut State,
) -> Result<Option<Told>, String> {
    let grid = state.grid;
    let levels = |levels: &Levels| -> Result<Vec<Level>, String> {
        let level = |(price, size): &(f64, f64)| {
            let price = grid.ticks(reading::price("level's price", *price)?);
            let size = grid.lots(reading::size("level's size", *size)?);
            match (price, size) {
                (Ok(price), Ok(size)) => Ok(Level { price, size }),
                (Err(error), _) | (_, Err(error)) => Err(error.to_string()),
            }
        };
        levels.0.iter().map(level).collect()
    };
    let mut update = DepthUpdate {
        time,
        kind: DepthKind::Changes,
        bids: levels(&message.bids)?,
        asks: levels(&message.asks)?,
    };
    // Alpaca does not number them: a connection loses none, so they are counted.
    if message.is_whole {
        update.kind = DepthKind::Snapshot;
        state.book = Some(0);
        return Ok(Some(reading::counted_book(slot, 0, update)));
    }
    let Some(count) = &mut state.book else {
        return Ok(None);
    };
    *count += 1;
    Ok(Some(reading::counted_book(slot, *count, update)))
}
