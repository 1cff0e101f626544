//! Alpaca's side of its protocol, for coins and for shares.

use super::{
    Act, Conversation, Mock, Reply, Request, Spoil, TrueMarket, Truth, TruthEvent, What, multiplied,
    multiplied_frame,
};
use crate::{
    venue::{Channels, Frame},
    venues::alpaca::wire::message_pack,
};
use papertape::{
    market::{Bar, Level, Quote, TradeTick},
    model::{Side, Timeframe, Timestamp},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A local Alpaca, where the key is `key` and its secret `secret`.
#[derive(Debug)]
pub struct Alpaca {
    /// Most bars of a page, whatever is asked for.
    pub page: usize,
    is_stocks: bool,
}

/// The exchange that all trades of shares are of.
const EXCHANGE: &str = "V";

impl Alpaca {
    /// A local Alpaca of coins, with pages of a hundred bars.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            page: 100,
            is_stocks: false,
        }
    }

    /// One of shares.
    #[must_use]
    pub const fn stocks() -> Self {
        Self {
            page: 100,
            is_stocks: true,
        }
    }

    /// Where its market data is, on both sides.
    const fn base(&self) -> &'static str {
        if self.is_stocks {
            "/v2/stocks"
        } else {
            "/v1beta3/crypto/us"
        }
    }

    fn bars(&self, request: &Request, market: &TrueMarket) -> Value {
        let timeframe = match request.param("timeframe") {
            Some("1Day") => Timeframe::DAY,
            Some("1Hour") => Timeframe::HOUR,
            _ => Timeframe::MINUTE,
        };
        let time = |name: &str| request.param(name).and_then(|text| Timestamp::parse(text).ok());
        let (start, end) = (time("start"), time("end"));
        let skip: usize = request
            .param("page_token")
            .and_then(|token| token.parse().ok())
            .unwrap_or(0);
        // Both ends are inside.
        let inside = |bar: &Bar| {
            start.is_none_or(|at| bar.open_time >= at) && end.is_none_or(|at| bar.open_time <= at)
        };
        let bars: Vec<Bar> = market
            .bars_of(timeframe)
            .into_iter()
            .filter(inside)
            .skip(skip)
            .collect();
        let rows: Vec<Value> = bars.iter().take(self.page).map(bar_fields).collect();
        let next = (bars.len() > self.page).then(|| (skip + self.page).to_string());
        json!({ "bars": { market.instrument.symbol().as_str(): rows }, "next_page_token": next })
    }

    fn snapshots<'a>(&self, markets: impl Iterator<Item = &'a TrueMarket>) -> Value {
        let snapshot = |market: &TrueMarket| {
            let newest = market.trades.back();
            let trade = newest.map(|(id, trade)| trade_fields(self.is_stocks, *id, trade));
            let quote = market.quote.as_ref().map(quote_fields);
            let name = market.instrument.symbol().to_string();
            (name, json!({ "latestTrade": trade, "latestQuote": quote }))
        };
        let snapshots = Value::Object(markets.map(snapshot).collect());
        if self.is_stocks {
            snapshots
        } else {
            json!({ "snapshots": snapshots })
        }
    }
}

impl Default for Alpaca {
    fn default() -> Self {
        Self::new()
    }
}

/// What is written as a symbol is.
fn can_be_a_symbol(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"./-".contains(&byte);
    !name.is_empty() && name.bytes().all(fits)
}

impl Mock for Alpaca {
    fn answer(&mut self, request: &Request, truth: &Truth, _at: Duration) -> Reply {
        let error =
            |status, code: u32, words: &str| Reply::json(status, &json!({ "code": code, "message": words }));
        let keys = (
            request.header("apca-api-key-id"),
            request.header("apca-api-secret-key"),
        );
        if keys != (Some("key"), Some("secret")) {
            return error(401, 40_110_000, "request is not authorized");
        }
        let named = |name: &str| {
            let is_it = |market: &&TrueMarket| market.instrument.symbol().as_str() == name;
            truth.markets.iter().find(is_it)
        };
        if request.path == "/v2/clock" {
            return Reply::json(200, &json!({ "timestamp": truth.now, "is_open": true }));
        }
        if request.path == "/v2/assets" {
            let all: Vec<Value> = truth.markets.iter().map(|it| self.asset(it)).collect();
            return Reply::json(200, &all.into());
        }
        if let Some(name) = request.path.strip_prefix("/v2/assets/") {
            return match named(&name.replace("%2F", "/")) {
                Some(market) => Reply::json(200, &self.asset(market)),
                None => error(404, 40_410_000, "asset not found"),
            };
        }
        let symbols = request.param("symbols").unwrap_or_default();
        if !symbols.split(',').all(can_be_a_symbol) {
            return error(400, 40_010_001, "invalid symbol");
        }
        if request.path.strip_prefix(self.base()) == Some("/snapshots") {
            // Whom there is not is missing.
            let known = symbols.split(',').filter_map(named);
            return Reply::json(200, &self.snapshots(known));
        }
        let Some(market) = named(symbols) else {
            return error(400, 40_010_001, "invalid symbol");
        };
        let name = market.instrument.symbol().as_str();
        match request.path.strip_prefix(self.base()).unwrap_or_default() {
            "/bars" => Reply::json(200, &self.bars(request, market)),
            "/trades" => {
                let from = request
                    .param("start")
                    .and_then(|start| Timestamp::parse(start).ok());
                let Some(from) = from else {
                    return error(400, 40_010_001, "invalid start");
                };
                let past = market.trades.iter().filter(|(_, trade)| trade.time >= from);
                // Smaller pages than the venue's, so that there are several.
                let limit = request.number("limit").unwrap_or(1_000).clamp(1, 50) as usize;
                let shown: Vec<Value> = past
                    .clone()
                    .take(limit)
                    .map(|(id, trade)| trade_fields(self.is_stocks, *id, trade))
                    .collect();
                let next = (past.count() > limit).then_some("more");
                Reply::json(
                    200,
                    &json!({ "trades": { name: shown }, "next_page_token": next }),
                )
            }
            _ => Reply::json(404, &json!({ "message": "endpoint not found" })),
        }
    }

    fn connect(&mut self, request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        let path = if self.is_stocks { "/v2/iex" } else { self.base() };
        if request.path != path {
            return Err(Reply::text(404, "text/plain", "not found"));
        }
        Ok(Box::new(AlpacaSocket {
            is_stocks: self.is_stocks,
            is_packed: request.header("content-type") == Some("application/msgpack"),
            is_authorized: false,
            subscribed: BTreeMap::new(),
        }))
    }

    fn spoil(&self, frame: &Frame, how: Spoil) -> Option<Frame> {
        match (how, frame) {
            // It has no checksums, and in a book absurd prices would only be far away.
            (Spoil::Checksum, _) => None,
            (Spoil::Price(_), Frame::Text(text)) if text.contains("\"T\":\"o\"") => None,
            (Spoil::Price(times), Frame::Text(_)) => multiplied_frame(frame, &["p", "bp", "ap"], times),
            (Spoil::Price(times), Frame::Binary(bytes)) => spoil_packed(bytes, times).map(Frame::Binary),
        }
    }

    fn spoil_answer(&self, body: &Value, times: f64) -> Option<Value> {
        multiplied(body, &["p", "bp", "ap"], times)
    }
}

/// One socket.
#[derive(Debug)]
struct AlpacaSocket {
    is_stocks: bool,
    is_packed: bool,
    is_authorized: bool,
    /// Symbols by channel.
    subscribed: BTreeMap<String, BTreeSet<String>>,
}

const CHANNELS: [&str; 6] = [
    "trades",
    "quotes",
    "bars",
    "updatedBars",
    "orderbooks",
    "statuses",
];

impl AlpacaSocket {
    fn frame(&self, message: Value) -> Frame {
        let frame = json!([message]);
        if self.is_packed {
            Frame::Binary(message_pack(&frame))
        } else {
            Frame::Text(frame.to_string())
        }
    }

    fn send(&self, message: Value) -> Act {
        Act::Send(self.frame(message))
    }

    fn error(&self, code: u16, words: &str) -> Vec<Act> {
        vec![self.send(json!({ "T": "error", "code": code, "msg": words }))]
    }

    fn has(&self, channel: &str, name: &str) -> bool {
        self.subscribed
            .get(channel)
            .is_some_and(|names| names.contains(name))
    }

    /// The symbols of a request's channel are added or taken away; the books of new ones are shown whole.
    fn change(&mut self, request: &Value, is_more: bool, truth: &Truth) -> Vec<Act> {
        let mut books = Vec::new();
        for channel in CHANNELS {
            let named = request[channel]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            let names = self.subscribed.entry(channel.to_owned()).or_default();
            for name in named {
                if !is_more {
                    names.remove(name);
                } else if names.insert(name.to_owned()) && channel == "orderbooks" {
                    books.push(name.to_owned());
                }
            }
        }
        let mut all = json!({ "T": "subscription" });
        for (channel, names) in &self.subscribed {
            all[channel] = json!(names);
        }
        let mut acts = vec![self.send(all)];
        for market in &truth.markets {
            if books
                .iter()
                .any(|name| name == market.instrument.symbol().as_str())
            {
                let whole = market.snapshot(usize::MAX).update;
                let mut book = book_fields(market, market.book.time(), &whole.bids, &whole.asks);
                book["r"] = true.into();
                acts.push(self.send(book));
            }
        }
        acts
    }
}

impl Conversation for AlpacaSocket {
    fn opened(&mut self, _truth: &Truth) -> Vec<Act> {
        vec![self.send(json!({ "T": "success", "msg": "connected" }))]
    }

    fn received(&mut self, frame: &Frame, truth: &Truth, _at: Duration) -> Vec<Act> {
        let request: Option<Value> = match frame {
            Frame::Text(text) if !self.is_packed => serde_json::from_str(text).ok(),
            Frame::Binary(bytes) if self.is_packed => rmp_serde::from_slice(bytes).ok(),
            _ => None,
        };
        let Some(request) = request else {
            return self.error(400, "invalid syntax");
        };
        match request["action"].as_str() {
            Some("auth") if self.is_authorized => self.error(403, "already authenticated"),
            Some("auth") if request["key"] == "key" && request["secret"] == "secret" => {
                self.is_authorized = true;
                vec![self.send(json!({ "T": "success", "msg": "authenticated" }))]
            }
            Some("auth") => self.error(402, "auth failed"),
            _ if !self.is_authorized => self.error(401, "not authenticated"),
            Some("subscribe") => self.change(&request, true, truth),
            Some("unsubscribe") => self.change(&request, false, truth),
            _ => self.error(400, "invalid syntax"),
        }
    }

    fn tell(&mut self, event: &TruthEvent, truth: &Truth) -> Vec<Frame> {
        let market = &truth.markets[event.symbol];
        let name = market.instrument.symbol().as_str();
        let (channel, kind, mut message) = match &event.what {
            What::Trade { id, trade } => ("trades", "t", trade_fields(self.is_stocks, *id, trade)),
            What::Quote { quote, .. } => ("quotes", "q", quote_fields(quote)),
            What::Depth(diff) => {
                let changes = &diff.update;
                (
                    "orderbooks",
                    "o",
                    book_fields(market, event.time, &changes.bids, &changes.asks),
                )
            }
            What::Bar(bar) => ("bars", "b", bar_fields(bar)),
        };
        if !self.has(channel, name) {
            return Vec::new();
        }
        message["T"] = kind.into();
        message["S"] = name.into();
        vec![self.frame(message)]
    }

    fn listens(&self, market: &TrueMarket) -> Channels {
        let has = |channel| self.has(channel, market.instrument.symbol().as_str());
        Channels {
            trades: has("trades"),
            quotes: has("quotes"),
            depth: has("orderbooks"),
            bars: has("bars"),
        }
    }
}

/// Trades and quotes in MessagePack: a price is a name of one or two letters and, after the mark 0xcb, eight bytes.
fn spoil_packed(bytes: &[u8], times: f64) -> Option<Vec<u8>> {
    let find = |what: &[u8]| bytes.windows(what.len()).position(|window| window == what);
    if find(b"\xa1T\xa1o").is_some() {
        return None;
    }
    let mut spoiled = bytes.to_vec();
    let names: [&[u8]; 3] = [b"\xa1p\xcb", b"\xa2bp\xcb", b"\xa2ap\xcb"];
    let places = names.iter().filter_map(|name| Some(find(name)? + name.len()));
    for place in places {
        let number = spoiled.get_mut(place..place + 8)?;
        let price = f64::from_be_bytes((&*number).try_into().ok()?);
        number.copy_from_slice(&(times * price).to_be_bytes());
    }
    (spoiled != bytes).then_some(spoiled)
}

impl Alpaca {
    fn asset(&self, market: &TrueMarket) -> Value {
        let instrument = &market.instrument;
        if self.is_stocks {
            return json!({ "id": "", "class": "us_equity", "exchange": "NASDAQ", "symbol": instrument.symbol(),
                "status": "active", "tradable": true, "fractionable": false });
        }
        json!({ "id": "", "class": "crypto", "exchange": "CRYPTO", "symbol": instrument.symbol(), "status": "active",
            "tradable": true, "fractionable": true, "min_order_size": instrument.lot().to_string(),
            "min_trade_increment": instrument.lot().to_string(), "price_increment": instrument.tick().to_string() })
    }
}

fn trade_fields(is_stocks: bool, id: u64, trade: &TradeTick) -> Value {
    if is_stocks {
        return json!({ "t": trade.time, "x": EXCHANGE, "p": trade.price, "s": trade.size, "c": ["@"], "i": id, "z": "C" });
    }
    let taker = if trade.aggressor == Side::Buy { "B" } else { "S" };
    json!({ "t": trade.time, "p": trade.price, "s": trade.size, "tks": taker, "i": id })
}

fn quote_fields(quote: &Quote) -> Value {
    json!({ "t": quote.time, "bp": quote.bid, "bs": quote.bid_size, "ap": quote.ask, "as": quote.ask_size })
}

fn bar_fields(bar: &Bar) -> Value {
    json!({ "t": bar.open_time, "o": bar.open, "h": bar.high, "l": bar.low, "c": bar.close, "v": bar.volume,
        "n": 1, "vw": bar.close })
}

fn book_fields(market: &TrueMarket, time: Timestamp, bids: &[Level], asks: &[Level]) -> Value {
    let side = |levels: &[Level]| -> Vec<Value> {
        let level = |level: &Level| json!({ "p": market.grid.price_f64(level.price), "s": market.grid.size_f64(level.size) });
        levels.iter().map(level).collect()
    };
    json!({ "T": "o", "S": market.instrument.symbol(), "t": time, "b": side(bids), "a": side(asks) })
}
