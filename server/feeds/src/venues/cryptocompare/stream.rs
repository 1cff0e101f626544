//! CryptoCompare's stream.

use super::super::{
    reading::{self, Answers, Subscriptions, TakerGuess},
    several::SYMBOLS_A_FRAME,
};
use crate::venue::{Channels, Codec, DecodeError, Frame, KeepAlive, Listing, Secret, Slot, Told};
use papertape::{
    market::Bar,
    model::{Side, Timestamp},
};
use serde::Deserialize;
use serde_json::json;
use std::{borrow::Cow, sync::Arc, time::Duration};

/// What is kept of a subscription: messages tell only what has changed.
#[derive(Clone, Debug, Default)]
struct State {
    taker: TakerGuess,
    price: Option<f64>,
    volume: Option<f64>,
    updated: Option<i64>,
    /// The bar in the making.
    bar: Option<Bar>,
}

/// One connection. Symbols are known by `BASE~QUOTE`.
#[derive(Debug)]
pub(super) struct Stream {
    address: String,
    exchange: String,
    answers: Answers,
    is_greeted: bool,
    subscriptions: Subscriptions<State>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "UPPERCASE")]
struct Message<'a> {
    #[serde(rename = "TYPE", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow)]
    parameter: Cow<'a, str>,
    #[serde(borrow)]
    info: Cow<'a, str>,
    #[serde(borrow)]
    sub: Cow<'a, str>,

    // Trades.
    #[serde(borrow)]
    fsym: Cow<'a, str>,
    #[serde(borrow)]
    tsym: Cow<'a, str>,
    #[serde(borrow)]
    f: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    ts: i64,
    q: f64,
    p: f64,

    // Tickers and bars.
    #[serde(borrow)]
    fromsymbol: Cow<'a, str>,
    #[serde(borrow)]
    tosymbol: Cow<'a, str>,
    price: Option<f64>,
    lastupdate: Option<i64>,
    lastvolume: Option<f64>,
    open: Option<f64>,
    high: Option<f64>,
    low: Option<f64>,
    close: Option<f64>,
    volumefrom: Option<f64>,
}

impl Stream {
    pub(super) fn new(address: String, exchange: String, answers: Answers) -> Self {
        Self {
            address,
            exchange,
            answers,
            is_greeted: false,
            subscriptions: Subscriptions::default(),
        }
    }

    /// What is told of a pair in some channels is called so.
    fn subs(&self, name: &str, channels: Channels) -> impl Iterator<Item = String> {
        // The index has no trades: its own changes stand for them.
        let trades = if self.exchange == super::INDEX { 5 } else { 0 };
        let exchange = &self.exchange;
        let trades = channels.trades.then(|| format!("{trades}~{exchange}~{name}"));
        let bars = channels.bars.then(|| format!("24~{exchange}~{name}~m"));
        trades.into_iter().chain(bars)
    }

    fn request(action: &str, subs: impl Iterator<Item = String>) -> Vec<Frame> {
        let subs: Vec<String> = subs.collect();
        if subs.is_empty() {
            return Vec::new();
        }
        vec![Frame::Text(json!({ "action": action, "subs": subs }).to_string())]
    }

    /// The subscription that a name such as `0~Coinbase~BTC~USD` is of.
    fn of_sub(&mut self, sub: &str) -> Option<(Slot, &mut reading::Subscription<State>)> {
        let mut parts = sub.split('~').skip(2);
        let name = format!("{}~{}", parts.next()?, parts.next()?);
        self.subscriptions.find(&name)
    }

    fn tell(&mut self, message: &Message<'_>, told: &mut Vec<Told>) -> Result<(), (Option<Slot>, String)> {
        match &*message.kind {
            "20" => {
                self.is_greeted = true;
                told.push(Told::Heartbeat);
            }
            "16" => {
                if let Some((slot, subscription)) = self.of_sub(&message.sub)
                    && !subscription.is_confirmed
                {
                    subscription.is_confirmed = true;
                    told.push(Told::Subscribed { slot });
                }
                told.push(Told::Heartbeat);
            }
            "401" => told.push(Told::Refused {
                slot: None,
                error: self
                    .answers
                    .unauthorized(&format!("{} {}", message.message, message.info)),
            }),
            // Other sockets of this key are open still.
            "429" => told.extend([
                Told::Refused {
                    slot: None,
                    error: self.answers.unreachable(&message.message),
                },
                Told::GoingAway,
            ]),
            "500" => {
                let words = format!("{} {} {}", message.message, message.parameter, message.info);
                let error = self.answers.refused(&words);
                let slot = self.of_sub(&message.parameter).map(|(slot, _)| slot);
                told.push(Told::Refused { slot, error });
            }
            "0" => {
                let name = format!("{}~{}", message.fsym, message.tsym);
                if let Some((slot, subscription)) = self.subscriptions.find(&name) {
                    let said = trade(slot, message, &mut subscription.state.taker);
                    told.push(said.map_err(|why| (Some(slot), why))?);
                }
            }
            "2" | "5" | "24" => {
                let name = format!("{}~{}", message.fromsymbol, message.tosymbol);
                if let Some((slot, subscription)) = self.subscriptions.find(&name) {
                    let state = &mut subscription.state;
                    let said = if message.kind == "24" {
                        bar(slot, message, state)
                    } else {
                        ticker(slot, message, state)
                    };
                    told.extend(said.map_err(|why| (Some(slot), why))?);
                }
            }
            "" => return Err((None, "a message of no kind".to_owned())),
            // 3, 17, 18 and 999: all is said, unsubscribed, alive. Others nobody asked for.
            _ => told.push(Told::Heartbeat),
        }
        Ok(())
    }
}

impl Codec for Stream {
    fn address(&self) -> (String, Vec<(String, Secret)>) {
        (self.address.clone(), Vec::new())
    }

    fn keep_alive(&self) -> KeepAlive {
        KeepAlive {
            send: None,
            ping_every: Duration::from_secs(20),
            // Heartbeats come every 30 s.
            dead_after: Duration::from_secs(75),
            lifetime: None,
        }
    }

    fn opened(&mut self) -> Vec<Frame> {
        // The server greets first.
        self.is_greeted = false;
        Vec::new()
    }

    fn is_ready(&self) -> bool {
        self.is_greeted
    }

    fn subscribe(&mut self, slot: Slot, listing: &Listing, channels: Channels) -> Vec<Frame> {
        self.subscribe_all(&[(slot, listing, channels)])
    }

    fn subscribe_all(&mut self, wanted: &[(Slot, &Listing, Channels)]) -> Vec<Frame> {
        let mut frames = Vec::new();
        for wanted in wanted.chunks(SYMBOLS_A_FRAME) {
            let mut subs = Vec::new();
            for (slot, listing, channels) in wanted {
                let name: Arc<str> = listing.venue_symbol.replace('/', "~").into();
                self.subscriptions
                    .insert(*slot, &name, *channels, State::default());
                subs.extend(self.subs(&name, *channels));
            }
            frames.extend(Self::request("SubAdd", subs.into_iter()));
        }
        frames
    }

    fn widen(&mut self, slot: Slot, more: Channels) -> Vec<Frame> {
        let name = self
            .subscriptions
            .widen(slot, more)
            .map(|entry| Arc::clone(&entry.name));
        name.map_or_else(Vec::new, |name| Self::request("SubAdd", self.subs(&name, more)))
    }

    fn unsubscribe(&mut self, slot: Slot) -> Vec<Frame> {
        match self.subscriptions.remove(slot) {
            Some(gone) => Self::request("SubRemove", self.subs(&gone.name, gone.channels)),
            None => Vec::new(),
        }
    }

    fn resync(&mut self, _slot: Slot) -> Vec<Frame> {
        Vec::new()
    }

    fn read(
        &mut self,
        frame: &[u8],
        _received: Timestamp,
        told: &mut Vec<Told>,
        _replies: &mut Vec<Frame>,
    ) -> Result<(), DecodeError> {
        let message: Message<'_> =
            serde_json::from_slice(frame).map_err(|error| DecodeError::new(error, frame))?;
        if let Err((slot, why)) = self.tell(&message, told) {
            told.push(Told::KeptOff { slot, why });
            // Tickers tell last trades; what is of no kind may be one.
            if matches!(&*message.kind, "0" | "2" | "5" | "") {
                told.push(Told::TradeLost { slot });
            }
        }
        Ok(())
    }
}

/// Flags: 1 the seller took, 2 the buyer, 4 unknown; 8 says that the pair is turned round, by which the taker is too.
fn trade(slot: Slot, message: &Message<'_>, taker: &mut TakerGuess) -> Result<Told, String> {
    let flags: u8 = message.f.parse().unwrap_or(4);
    let time = Timestamp::from_secs(message.ts);
    let mut trade = reading::trade(time, message.p, message.q, Side::Buy)?;
    let guess = taker.traded(trade.price);
    trade.aggressor = match flags & 3 {
        1 => Side::Sell,
        2 => Side::Buy,
        _ => guess,
    };
    Ok(Told::Trade {
        slot,
        id: message.id.parse().ok(),
        trade,
    })
}

/// A ticker's first message has every field, the later ones what has changed. A new price or a new last trade is told.
fn ticker(slot: Slot, message: &Message<'_>, state: &mut State) -> Result<Option<Told>, String> {
    let is_news = message.price.is_some() || message.lastvolume.is_some();
    state.updated = message.lastupdate.or(state.updated);
    if let Some(price) = message.price {
        state.price = Some(reading::price("price", price)?);
    }
    if let Some(volume) = message.lastvolume {
        state.volume = Some(reading::size("volume", volume)?);
    }
    let (Some(price), Some(volume), Some(updated)) = (state.price, state.volume, state.updated) else {
        return Ok(None);
    };
    if !is_news || volume == 0.0 {
        return Ok(None);
    }
    let side = state.taker.traded(price);
    let trade = reading::trade(Timestamp::from_secs(updated), price, volume, side)?;
    Ok(Some(Told::Trade {
        slot,
        id: None,
        trade,
    }))
}

/// Bars are told again and again while they are made; the first message of the next one closes them.
fn bar(slot: Slot, message: &Message<'_>, state: &mut State) -> Result<Option<Told>, String> {
    let open_time = Timestamp::from_secs(message.ts);
    let before = state.bar.filter(|bar| bar.open_time == open_time);
    let field = |now: Option<f64>, before: Option<f64>| now.or(before).unwrap_or(0.0);
    let next = reading::bar(Bar {
        open_time,
        open: field(message.open, before.map(|bar| bar.open)),
        high: field(message.high, before.map(|bar| bar.high)),
        low: field(message.low, before.map(|bar| bar.low)),
        close: field(message.close, before.map(|bar| bar.close)),
        volume: field(message.volumefrom, before.map(|bar| bar.volume)),
    })?;
    let told = match state.bar {
        Some(last) if last.open_time > open_time => Some(next),
        last => {
            state.bar = Some(next);
            last.filter(|last| last.open_time < open_time)
        }
    };
    Ok(told.map(|bar| Told::Bar {
        slot,
        bar,
        is_closed: true,
    }))
}
