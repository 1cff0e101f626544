//! Another Papertape's side of its protocol: trades and the best prices of its feed, numbered in the order of its tape.

use super::{Act, Conversation, Mock, Reply, Request, TrueMarket, Truth, TruthEvent, What};
use crate::venue::{Channels, Frame};
use papertape::{
    api::{FeedClientMessage, FeedEvent, FeedServerMessage, Page},
    market::MarketEvent,
    model::{Symbol, Timeframe, Timestamp},
};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};

/// Where its interface is.
const API: &str = "/api/paper-trading/";

/// Bars of one page: far fewer than the real one's, so that there are several.
const MOST_BARS: i64 = 100;

/// A local Papertape with a feed `binance`, whose tape is the truth's trades and quotes.
#[derive(Debug, Default)]
pub struct Papertape {
    reaches: Option<Timestamp>,
}

impl Papertape {
    /// A local Papertape.
    #[must_use]
    pub const fn new() -> Self {
        Self { reaches: None }
    }

    /// One whose own venue gives no bars of before a time.
    #[must_use]
    pub const fn reaching_back_to(time: Timestamp) -> Self {
        Self { reaches: Some(time) }
    }
}

impl Mock for Papertape {
    fn answer(&mut self, request: &Request, truth: &Truth, _at: Duration) -> Reply {
        let problem = |status: u16, code: &str| {
            Reply::json(
                status,
                &json!({ "type": code, "title": code, "status": status, "detail": code, "code": code }),
            )
        };
        let named = request.param("symbol");
        let is_named =
            |market: &&TrueMarket| named.is_none_or(|name| market.instrument.symbol().as_str() == name);
        let found: Vec<&TrueMarket> = truth.markets.iter().filter(is_named).collect();
        let Some(first) = found.first() else {
            return problem(422, "unknown_symbol");
        };
        match request.path.strip_prefix(API).unwrap_or_default() {
            "status" => Reply::json(
                200,
                &json!({ "status": "ok", "version": "", "uptime_s": 1, "time": truth.now, "sessions": {}, "feeds": [],
                    "equity": [], "storage": "sqlite" }),
            ),
            "feeds/binance/instruments" => {
                page(found.iter().map(|market| market.instrument.clone()).collect())
            }
            "feeds/binance/bars" => {
                let time = |name: &str| request.param(name).and_then(|text| Timestamp::parse(text).ok());
                let timeframe = request
                    .param("timeframe")
                    .and_then(|text| text.parse::<Timeframe>().ok());
                let (Some(timeframe), Some(from), Some(to)) = (timeframe, time("from"), time("to")) else {
                    return problem(422, "invalid");
                };
                let from = time("cursor").map_or(from, |cursor| from.max(cursor));
                if let Some(since) = self.reaches.filter(|since| from < *since) {
                    return Reply::json(
                        422,
                        &json!({ "type": "out_of_reach", "title": "", "status": 422, "detail": "too long ago", "code": "out_of_reach",
                            "since": since }),
                    );
                }
                // A page is of so much time, whether there are bars in it or not.
                let end = timeframe.floor(from.plus_nanos(MOST_BARS * timeframe.nanos()));
                let mut items = first.bars_of(timeframe);
                items.retain(|bar| bar.open_time >= from && timeframe.close_of(bar.open_time) <= to.min(end));
                let next_cursor = (end < to.min(truth.now)).then(|| end.to_string());
                Reply::json(200, &json!(Page { items, next_cursor }))
            }
            _ => problem(404, "not_found"),
        }
    }

    fn connect(&mut self, request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        if request.path.strip_prefix(API) == Some("feeds/binance/stream") {
            Ok(Box::<PapertapeSocket>::default())
        } else {
            Err(Reply::text(404, "text/plain", "not found"))
        }
    }
}

fn page<T: serde::Serialize>(items: Vec<T>) -> Reply {
    let page = Page {
        items,
        next_cursor: None,
    };
    Reply::json(200, &json!(page))
}

/// The events of its tape: what was traded is told before how the best prices are then. The first has the number 1.
fn tape(market: &TrueMarket) -> Vec<MarketEvent> {
    let trades = market.trades.iter().map(|(_, trade)| MarketEvent::Trade(*trade));
    let quotes = market.quotes.iter().map(|quote| MarketEvent::Quote(*quote));
    let mut all: Vec<MarketEvent> = trades.chain(quotes).collect();
    // Stable: trades stay before quotes of their time.
    all.sort_by_key(MarketEvent::time);
    all
}

/// One socket.
#[derive(Debug, Default)]
struct PapertapeSocket {
    subscribed: BTreeSet<Symbol>,
}

fn say(message: &FeedServerMessage) -> Frame {
    Frame::Text(json!(message).to_string())
}

fn event(market: &TrueMarket, number: u64, event: MarketEvent) -> Frame {
    say(&FeedServerMessage::Event(FeedEvent {
        symbol: market.instrument.symbol().clone(),
        number,
        received: event.time(),
        event,
    }))
}

impl Conversation for PapertapeSocket {
    fn received(&mut self, frame: &Frame, truth: &Truth, _at: Duration) -> Vec<Act> {
        let Ok(message) = serde_json::from_slice(frame.bytes()) else {
            return Vec::new();
        };
        let frames = match message {
            FeedClientMessage::Ping(number) => vec![say(&FeedServerMessage::Pong(number))],
            FeedClientMessage::Unsubscribe { symbol } => {
                self.subscribed.remove(&symbol);
                Vec::new()
            }
            FeedClientMessage::Subscribe(wanted) => {
                let Some(market) = truth.market(&wanted.symbol) else {
                    return Vec::new();
                };
                self.subscribed.insert(wanted.symbol.clone());
                let tape = tape(market);
                let after = wanted.after.unwrap_or(tape.len() as u64).min(tape.len() as u64);
                let last = after.checked_sub(1).and_then(|place| tape.get(place as usize));
                let subscribed = FeedServerMessage::Subscribed {
                    symbol: wanted.symbol,
                    after,
                    time: last.map(MarketEvent::time),
                };
                let missed = (after + 1..).zip(tape.iter().skip(after as usize));
                let missed = missed.map(|(number, told)| event(market, number, told.clone()));
                std::iter::once(say(&subscribed)).chain(missed).collect()
            }
        };
        frames.into_iter().map(Act::Send).collect()
    }

    fn tell(&mut self, happened: &TruthEvent, truth: &Truth) -> Vec<Frame> {
        let market = &truth.markets[happened.symbol];
        let told = match &happened.what {
            What::Trade { trade, .. } => MarketEvent::Trade(*trade),
            What::Quote { quote, .. } => MarketEvent::Quote(*quote),
            // Its followers make minutes of the trades.
            What::Depth(_) | What::Bar(_) => return Vec::new(),
        };
        if !self.subscribed.contains(market.instrument.symbol()) {
            return Vec::new();
        }
        let number = (market.trades.len() + market.quotes.len()) as u64;
        vec![event(market, number, told)]
    }

    fn listens(&self, market: &TrueMarket) -> Channels {
        let is_told = self.subscribed.contains(market.instrument.symbol());
        Channels {
            trades: is_told,
            quotes: is_told,
            ..Channels::default()
        }
    }
}
