//! Polygon's stream.

use super::{
    super::{
        asked::{Asked, Refusal, Wanted},
        reading::{self, Answers, Subscriptions, TakerGuess},
        several::SYMBOLS_A_FRAME,
    },
    market::Market,
};
use crate::venue::{Channels, Codec, DecodeError, Frame, KeepAlive, Listing, Secret, Slot, Told};
use papertape::{
    market::Bar,
    model::{Side, Timestamp},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{json, value::RawValue};
use std::{borrow::Cow, collections::BTreeSet, sync::Arc, time::Duration};

/// Trades that say nothing of the price now, by Polygon's numbers of the CTA's and UTP's sale conditions: average price, cash
/// sale, derivatively priced, extended hours out of sequence, official close and open, next day, price variation, prior
/// reference, seller, out of sequence (two of them), corrected consolidated close, contingent (two of them).
const NOT_THE_PRICE: &[i64] = &[2, 7, 10, 13, 15, 16, 20, 21, 22, 29, 32, 33, 38, 52, 53];

/// Currencies are quoted without sizes: what a bank shows stands for them.
const CURRENCY_CLIP: f64 = 1_000_000.0;

/// What is kept of a subscription.
#[derive(Clone, Debug, Default)]
struct State {
    taker: TakerGuess,
    /// Topics that are not confirmed yet: `T.AAPL`.
    waiting: BTreeSet<String>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Stream {
    address: String,
    market: Market,
    quote_unit: f64,
    key: Secret,
    answers: Answers,
    is_authorized: bool,
    subscriptions: Subscriptions<State>,
    /// What was asked for: an error need not say of what it is.
    asked: Asked,
}

/// What every event has: its kind, and of what it is.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    ev: Cow<'a, str>,
    #[serde(default, borrow)]
    sym: Cow<'a, str>,
    #[serde(default, borrow)]
    pair: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(default, borrow)]
    message: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Trade {
    p: f64,
    s: f64,
    t: i64,
    /// The number of the message: it rises from one to the next of a ticker.
    q: Option<u64>,
    #[serde(default)]
    c: Vec<i64>,
}

#[derive(Deserialize)]
struct CoinTrade<'a> {
    p: f64,
    s: f64,
    t: i64,
    /// The exchange, and its name of the trade.
    #[serde(default)]
    x: u64,
    #[serde(default, borrow)]
    i: Cow<'a, str>,
    #[serde(default)]
    c: Vec<i64>,
}

#[derive(Deserialize)]
struct Quote {
    #[serde(default)]
    bp: f64,
    #[serde(default)]
    bs: f64,
    #[serde(default)]
    ap: f64,
    #[serde(default, rename = "as")]
    a_s: f64,
    t: i64,
}

#[derive(Deserialize)]
struct CurrencyQuote<'a> {
    #[serde(borrow)]
    p: Cow<'a, str>,
    a: f64,
    b: f64,
    t: i64,
}

#[derive(Deserialize)]
struct Minute {
    o: f64,
    h: f64,
    l: f64,
    c: f64,
    v: f64,
    s: i64,
}

impl Stream {
    pub(super) fn new(
        address: String,
        market: Market,
        quote_unit: f64,
        key: Secret,
        answers: Answers,
    ) -> Self {
        Self {
            address,
            market,
            quote_unit,
            key,
            answers,
            is_authorized: false,
            subscriptions: Subscriptions::default(),
            asked: Asked::default(),
        }
    }

    /// The topics of a symbol.
    fn topics(&self, name: &str, channels: Channels) -> Vec<String> {
        let has = self.market.channels().and(channels);
        self.market
            .topics()
            .into_iter()
            .zip([has.trades, has.quotes, has.bars])
            .filter(|(_, is_wanted)| *is_wanted)
            .map(|(topic, _)| format!("{topic}.{name}"))
            .collect()
    }

    fn request(action: &str, topics: &[String]) -> Vec<Frame> {
        if topics.is_empty() {
            return Vec::new();
        }
        let message = json!({ "action": action, "params": topics.join(",") });
        vec![Frame::Text(message.to_string())]
    }

    fn status(&mut self, status: &Status<'_>, told: &mut Vec<Told>, replies: &mut Vec<Frame>) {
        let words = &*status.message;
        match &*status.status {
            "connected" => replies.push(Frame::Text(
                json!({ "action": "auth", "params": self.key.reveal() }).to_string(),
            )),
            "auth_success" => {
                self.is_authorized = true;
                told.push(Told::Heartbeat);
            }
            "auth_failed" | "auth_timeout" => told.push(Told::Refused {
                slot: None,
                error: self.answers.unauthorized(words),
            }),
            "success" => {
                if let Some(topic) = words.strip_prefix("subscribed to: ") {
                    self.confirm(topic.trim(), told);
                }
                told.push(Told::Heartbeat);
            }
            // Another connection with this key took the place of ours, or ours would take another's.
            "max_connections" => told.extend([
                Told::Refused {
                    slot: None,
                    error: self.answers.unreachable(&format!("max_connections: {words}")),
                },
                Told::GoingAway,
            ]),
            // A refusal that names a topic is of that one only.
            _ => {
                let error = self.answers.unauthorized(words);
                let mut refused = Vec::new();
                for (slot, subscription) in self.subscriptions.iter_mut() {
                    let is_named = |topic: &String| words.split([' ', ',']).any(|word| word == topic);
                    if subscription.state.waiting.iter().any(is_named) {
                        refused.push(slot);
                        let error = error.clone();
                        told.push(Told::Refused {
                            slot: Some(slot),
                            error,
                        });
                    }
                }
                self.asked.confirm(|(slot, _, _)| refused.contains(slot));
                if refused.is_empty() {
                    self.refuse(&format!("{}: {words}", status.status), told, replies);
                }
            }
        }
    }

    /// Asks for symbols with one frame.
    fn ask(&mut self, symbols: Vec<Wanted>) -> Vec<Frame> {
        let topics = symbols
            .iter()
            .flat_map(|(_, name, channels)| self.topics(name, *channels));
        let frames = Self::request("subscribe", &Vec::from_iter(topics));
        if !frames.is_empty() {
            self.asked.push(symbols);
        }
        frames
    }

    /// A refusal that names no topic is of the request that was sent first of those without an answer, and of the connection where
    /// all have one.
    fn refuse(&mut self, words: &str, told: &mut Vec<Told>, replies: &mut Vec<Frame>) {
        let subscriptions = &self.subscriptions;
        let slot = match self.asked.refused(|wanted| subscriptions.waits(wanted)) {
            Some(Refusal::Of(None)) => return,
            Some(Refusal::Of(slot)) => slot,
            Some(Refusal::Again(each)) => {
                for wanted in each {
                    replies.extend(self.ask(vec![wanted]));
                }
                return;
            }
            None => None,
        };
        let error = self.answers.refused(words);
        told.push(Told::Refused { slot, error });
    }

    fn confirm(&mut self, topic: &str, told: &mut Vec<Told>) {
        let name = topic.split_once('.').map_or(topic, |(_, name)| name);
        let Some((slot, subscription)) = self.subscriptions.find(name) else {
            return;
        };
        subscription.state.waiting.remove(topic);
        if subscription.state.waiting.is_empty() && !subscription.is_confirmed {
            subscription.is_confirmed = true;
            told.push(Told::Subscribed { slot });
            self.asked.confirm(|(of, _, _)| *of == slot);
        }
    }

    /// What one event says; an error is what is wrong with it, and with which subscription.
    fn tell(
        &mut self,
        event: &RawValue,
        told: &mut Vec<Told>,
        replies: &mut Vec<Frame>,
    ) -> Result<(), (Option<Slot>, String)> {
        let head: Head<'_> = parse_borrowed(event).map_err(|why| (None, why))?;
        if head.ev == "status" {
            let status: Status<'_> = parse_borrowed(event).map_err(|why| (None, why))?;
            self.status(&status, told, replies);
            return Ok(());
        }
        let quote_unit = self.quote_unit;
        let name = match &*head.ev {
            "T" | "Q" | "AM" => head.sym,
            "XT" | "XQ" | "XA" | "CA" => head.pair,
            "C" => {
                let quote: CurrencyQuote<'_> = parse_borrowed(event).map_err(|why| (None, why))?;
                quote.p
            }
            // Second bars, books, price bands: nobody asked.
            _ => return Ok(()),
        };
        // Of what was just unsubscribed, something may still come.
        let Some((slot, subscription)) = self.subscriptions.find(&name) else {
            return Ok(());
        };
        let taker = &mut subscription.state.taker;
        let said = match &*head.ev {
            "T" => parse(event).and_then(|it| trade(slot, &it, self.market, taker)),
            "XT" => parse_borrowed(event).and_then(|it| coin_trade(slot, &it, taker)),
            "Q" => parse(event).and_then(|it| quote(slot, &it, quote_unit, taker)),
            "XQ" => parse(event).and_then(|it| quote(slot, &it, 1.0, taker)),
            "C" => parse_borrowed(event)
                .and_then(|it| currency_quote(slot, &it))
                .map(Some),
            _ => parse(event).and_then(|it| bar(slot, &it)).map(Some),
        };
        told.extend(said.map_err(|why| (Some(slot), why))?);
        Ok(())
    }
}

fn parse<T: DeserializeOwned>(event: &RawValue) -> Result<T, String> {
    serde_json::from_str(event.get()).map_err(|error| error.to_string())
}

fn parse_borrowed<'a, T: Deserialize<'a>>(event: &'a RawValue) -> Result<T, String> {
    serde_json::from_str(event.get()).map_err(|error| error.to_string())
}

impl Codec for Stream {
    fn address(&self) -> (String, Vec<(String, Secret)>) {
        (self.address.clone(), Vec::new())
    }

    fn keep_alive(&self) -> KeepAlive {
        KeepAlive {
            send: None,
            ping_every: Duration::from_secs(15),
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
            let mut symbols = Vec::new();
            for (slot, listing, channels) in wanted {
                let name: Arc<str> = self.market.stream_name(listing).into();
                let topics = self.topics(&name, *channels);
                let state = State {
                    waiting: topics.iter().cloned().collect(),
                    ..State::default()
                };
                self.subscriptions.insert(*slot, &name, *channels, state);
                symbols.push((*slot, name, *channels));
            }
            frames.extend(self.ask(symbols));
        }
        frames
    }

    fn widen(&mut self, slot: Slot, more: Channels) -> Vec<Frame> {
        let Some(name) = self
            .subscriptions
            .get_mut(slot)
            .map(|entry| Arc::clone(&entry.name))
        else {
            return Vec::new();
        };
        let topics = self.topics(&name, more);
        if let Some(entry) = self.subscriptions.widen(slot, more) {
            entry.state.waiting.extend(topics);
        }
        self.ask(vec![(slot, name, more)])
    }

    fn unsubscribe(&mut self, slot: Slot) -> Vec<Frame> {
        match self.subscriptions.remove(slot) {
            Some(gone) => Self::request("unsubscribe", &self.topics(&gone.name, gone.channels)),
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
        replies: &mut Vec<Frame>,
    ) -> Result<(), DecodeError> {
        let events: Vec<&RawValue> =
            serde_json::from_slice(frame).map_err(|error| DecodeError::new(error, frame))?;
        for event in events {
            if let Err((slot, why)) = self.tell(event, told, replies) {
                told.push(Told::KeptOff { slot, why });
                let head = parse_borrowed::<Head<'_>>(event);
                if head.map_or(true, |head| matches!(&*head.ev, "T" | "XT")) {
                    told.push(Told::TradeLost { slot });
                }
            }
        }
        Ok(())
    }
}

/// Whether a trade of these conditions is at the price that the market has now. Conditions of options are others.
pub(super) fn is_the_price(market: Market, conditions: &[i64]) -> bool {
    market != Market::Stocks
        || !conditions
            .iter()
            .any(|condition| NOT_THE_PRICE.contains(condition))
}

fn trade(slot: Slot, it: &Trade, market: Market, taker: &mut TakerGuess) -> Result<Option<Told>, String> {
    if !is_the_price(market, &it.c) {
        return Ok(None);
    }
    let mut trade = reading::trade(Timestamp::from_millis(it.t), it.p, it.s, Side::Buy)?;
    trade.aggressor = taker.traded(trade.price);
    Ok(Some(Told::Trade {
        slot,
        id: it.q,
        trade,
    }))
}

/// Coins' trades say who took: 1 the seller, 2 the buyer.
pub(super) fn coin_taker(condition: Option<&i64>, price: f64, taker: &mut TakerGuess) -> Side {
    match condition {
        Some(1) => Side::Sell,
        Some(2) => Side::Buy,
        _ => taker.traded(price),
    }
}

fn coin_trade(slot: Slot, it: &CoinTrade<'_>, taker: &mut TakerGuess) -> Result<Option<Told>, String> {
    let mut trade = reading::trade(Timestamp::from_millis(it.t), it.p, it.s, Side::Buy)?;
    trade.aggressor = coin_taker(it.c.first(), trade.price, taker);
    let id = reading::trade_number(it.x, &it.i);
    Ok(Some(Told::Trade { slot, id, trade }))
}

fn quote(slot: Slot, it: &Quote, unit: f64, taker: &mut TakerGuess) -> Result<Option<Told>, String> {
    // Nobody buys, or nobody sells.
    if (it.bp == 0.0 && it.bs == 0.0) || (it.ap == 0.0 && it.a_s == 0.0) {
        return Ok(Some(Told::OneSided { slot }));
    }
    let time = Timestamp::from_millis(it.t);
    let quote = reading::quote(time, (it.bp, it.bs * unit), (it.ap, it.a_s * unit))?;
    taker.quoted(&quote);
    Ok(Some(timed(slot, quote)))
}

fn currency_quote(slot: Slot, it: &CurrencyQuote<'_>) -> Result<Told, String> {
    let time = Timestamp::from_millis(it.t);
    let quote = reading::quote(time, (it.b, CURRENCY_CLIP), (it.a, CURRENCY_CLIP))?;
    Ok(timed(slot, quote))
}

fn timed(slot: Slot, quote: papertape::market::Quote) -> Told {
    Told::Quote {
        slot,
        id: None,
        is_timed: true,
        quote,
    }
}

/// The two sides that a currency's last quote tells.
pub(super) fn sized(price: f64) -> (f64, f64) {
    (price, CURRENCY_CLIP)
}

fn bar(slot: Slot, it: &Minute) -> Result<Told, String> {
    let bar = reading::bar(Bar {
        open_time: Timestamp::from_millis(it.s),
        open: it.o,
        high: it.h,
        low: it.l,
        close: it.c,
        volume: it.v,
    })?;
    Ok(Told::Bar {
        slot,
        bar,
        is_closed: true,
    })
}
