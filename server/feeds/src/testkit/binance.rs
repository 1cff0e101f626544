//! Binance's side of its protocol.

use super::{
    Act, Conversation, Fault, Mock, Reply, Request, Spoil, TrueMarket, Truth, TruthEvent, What, multiplied,
};
use crate::venue::{Channels, Frame};
use papertape::{
    market::{Bar, Level, TradeTick},
    model::{Side, Symbol},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

/// A local Binance, or Binance US.
#[derive(Debug)]
pub struct Binance {
    /// Most weight in a minute.
    pub weight_a_minute: u32,
    is_us: bool,
    /// The minute, and what was used of its weight.
    used: (u64, u32),
}

impl Binance {
    /// A local Binance.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            weight_a_minute: 6_000,
            is_us: false,
            used: (0, 0),
        }
    }

    /// A local Binance US.
    #[must_use]
    pub const fn us() -> Self {
        Self {
            weight_a_minute: 1_200,
            is_us: true,
            used: (0, 0),
        }
    }

    fn weight(&self, path: &str, request: &Request) -> u32 {
        let (global, us) = match path {
            "exchangeInfo" => (20, 10),
            "depth" => match request.number("limit").unwrap_or(100) {
                ..=100 => (5, 1),
                101..=500 => (25, 5),
                501..=1_000 => (50, 10),
                _ => (250, 50),
            },
            "trades" => (25, 1),
            "historicalTrades" => (25, 5),
            "ticker/bookTicker" if request.param("symbols").is_some() => (4, 2),
            "klines" | "ticker/bookTicker" => (2, 1),
            _ => (1, 1),
        };
        if self.is_us { us } else { global }
    }

    fn result(&self, path: &str, request: &Request, truth: &Truth) -> Result<Value, Reply> {
        let named = |wanted: &str| {
            let is_it = |market: &&TrueMarket| name(market.instrument.symbol()) == wanted;
            let found = truth.markets.iter().find(is_it);
            found.ok_or_else(|| error(400, -1121, "Invalid symbol."))
        };
        let market = || named(request.param("symbol").unwrap_or_default());
        let limit = request.number("limit").unwrap_or(500).clamp(1, 5_000) as usize;
        Ok(match path {
            "ping" => json!({}),
            "time" => json!({ "serverTime": truth.now.millis() }),
            "exchangeInfo" => {
                let symbols: Vec<Value> = match request.param("symbol") {
                    Some(_) => vec![exchange_info(market()?)],
                    None => truth.markets.iter().map(exchange_info).collect(),
                };
                let limit = |kind: &str, minutes: u32, limit: u32| json!({ "rateLimitType": kind, "interval": "MINUTE", "intervalNum": minutes, "limit": limit });
                let raw = if self.is_us { 5_000 } else { 61_000 };
                let limits = [
                    limit("REQUEST_WEIGHT", 1, self.weight_a_minute),
                    json!({ "rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 50 }),
                    limit("RAW_REQUESTS", 5, raw),
                ];
                json!({ "timezone": "UTC", "serverTime": truth.now.millis(), "rateLimits": limits, "exchangeFilters": [],
                    "symbols": symbols })
            }
            "depth" => {
                let market = market()?;
                let snapshot = market.snapshot(limit);
                json!({ "lastUpdateId": snapshot.last_id, "bids": levels(market, &snapshot.update.bids),
                    "asks": levels(market, &snapshot.update.asks) })
            }
            "ticker/bookTicker" => {
                let best = |market: &TrueMarket| {
                    let quote = market.quote.ok_or_else(|| error(400, -1000, "no quote"))?;
                    Ok(
                        json!({ "symbol": name(market.instrument.symbol()), "bidPrice": text(quote.bid),
                        "bidQty": text(quote.bid_size), "askPrice": text(quote.ask), "askQty": text(quote.ask_size) }),
                    )
                };
                match request.param("symbols") {
                    None => best(market()?)?,
                    Some(names) => {
                        let names: Vec<String> = serde_json::from_str(names).map_err(|_| {
                            error(400, -1100, "Illegal characters found in parameter 'symbols'")
                        })?;
                        let all = names.iter().map(|name| best(named(name)?));
                        Value::Array(all.collect::<Result<_, Reply>>()?)
                    }
                }
            }
            "trades" => {
                let trades = &market()?.trades;
                past(trades.iter().skip(trades.len().saturating_sub(limit.min(1_000))))
            }
            "historicalTrades" => {
                if self.is_us && request.header("x-mbx-apikey").is_none() {
                    return Err(error(401, -2014, "API-key format invalid."));
                }
                let from = request.number("fromId").unwrap_or_default();
                let trades = market()?.trades.iter();
                past(trades.filter(|(id, _)| *id as i64 >= from).take(limit.min(1_000)))
            }
            "klines" => klines(request, market()?, limit.min(1_000))?,
            _ => {
                return Err(Reply::text(
                    404,
                    "text/html",
                    "<html><body>404 Not Found</body></html>",
                ));
            }
        })
    }
}

impl Default for Binance {
    fn default() -> Self {
        Self::new()
    }
}

impl Mock for Binance {
    fn answer(&mut self, request: &Request, truth: &Truth, at: Duration) -> Reply {
        let path = request.path.trim_start_matches("/api/v3/");
        let minute = at.as_secs() / 60;
        if self.used.0 != minute {
            self.used = (minute, 0);
        }
        self.used.1 += self.weight(path, request);
        let reply = if self.used.1 > self.weight_a_minute {
            let wait = 60 - at.as_secs() % 60;
            self.refuse(Fault::RateLimit, Duration::from_secs(wait))
        } else {
            match self.result(path, request, truth) {
                Ok(value) => Reply::json(200, &value),
                Err(reply) => reply,
            }
        };
        reply.with("x-mbx-used-weight-1m", self.used.1)
    }

    fn connect(&mut self, request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        if !(request.path.starts_with("/stream") || request.path.starts_with("/ws")) {
            return Err(Reply::text(404, "text/html", "<html></html>"));
        }
        let streams = request.param("streams").unwrap_or_default().split('/');
        Ok(Box::new(BinanceSocket {
            streams: streams
                .filter(|stream| !stream.is_empty())
                .map(str::to_owned)
                .collect(),
            received: VecDeque::new(),
        }))
    }

    fn refuse(&self, fault: Fault, retry_after: Duration) -> Reply {
        let retry = retry_after.as_secs();
        match fault {
            Fault::RateLimit => error(429, -1003, "Too much request weight used.").with("retry-after", retry),
            Fault::Ban => {
                error(418, -1003, "Way too much request weight used; IP banned.").with("retry-after", retry)
            }
            Fault::Html => Reply::text(
                200,
                "text/html",
                "<!DOCTYPE html><html><body>Sign in</body></html>",
            ),
            _ => error(503, -1008, "Server is currently overloaded."),
        }
    }

    fn spoil(&self, frame: &Frame, how: Spoil) -> Option<Frame> {
        let Spoil::Price(times) = how else {
            return None;
        };
        let mut value: Value = serde_json::from_slice(frame.bytes()).ok()?;
        let data = value.get_mut("data")?;
        let mut is_spoiled = false;
        for field in ["p", "b", "a"] {
            if let Some(price) = data
                .get(field)
                .and_then(|price| price.as_str()?.parse::<f64>().ok())
            {
                data[field] = text(times * price).into();
                is_spoiled = true;
            }
        }
        is_spoiled.then(|| Frame::Text(value.to_string()))
    }

    /// Of a book nobody could tell: a level far away is no mistake.
    fn spoil_answer(&self, body: &Value, times: f64) -> Option<Value> {
        multiplied(body, &["price", "bidPrice", "askPrice"], times)
    }
}

/// One socket.
#[derive(Debug)]
struct BinanceSocket {
    streams: BTreeSet<String>,
    /// When the last frames came.
    received: VecDeque<Duration>,
}

/// More frames a second, or more streams, end a connection.
const MOST_FRAMES: usize = 5;
const MOST_STREAMS: usize = 1_024;

impl Conversation for BinanceSocket {
    fn received(&mut self, frame: &Frame, _truth: &Truth, at: Duration) -> Vec<Act> {
        self.received.push_back(at);
        while self
            .received
            .front()
            .is_some_and(|first| at.saturating_sub(*first) >= Duration::from_secs(1))
        {
            self.received.pop_front();
        }
        if self.received.len() > MOST_FRAMES {
            return vec![Act::Close(1008, "Too many requests".to_owned())];
        }
        let send = |value: Value| vec![Act::Send(Frame::Text(value.to_string()))];
        let Ok(request) = serde_json::from_slice::<Value>(frame.bytes()) else {
            return send(json!({ "error": { "code": 3, "msg": "Invalid JSON" } }));
        };
        let id = &request["id"];
        let streams = request["params"].as_array().into_iter().flatten();
        let streams = streams.filter_map(|stream| stream.as_str().map(str::to_owned));
        match request["method"].as_str() {
            Some("SUBSCRIBE") => self.streams.extend(streams),
            Some("UNSUBSCRIBE") => {
                for stream in streams {
                    self.streams.remove(&stream);
                }
            }
            _ => {
                return send(
                    json!({ "error": { "code": 2, "msg": "Invalid request: unknown method" }, "id": id }),
                );
            }
        }
        if self.streams.len() > MOST_STREAMS {
            return vec![Act::Close(1008, "Too many streams".to_owned())];
        }
        send(json!({ "result": null, "id": id }))
    }

    fn tell(&mut self, event: &TruthEvent, truth: &Truth) -> Vec<Frame> {
        let market = &truth.markets[event.symbol];
        let symbol = name(market.instrument.symbol());
        let at = event.time.millis();
        let (stream, data) = match &event.what {
            What::Trade { id, trade } => (
                "trade",
                json!({ "e": "trade", "E": at, "s": symbol, "t": id, "p": text(trade.price), "q": text(trade.size),
                    "T": trade.time.millis(), "m": trade.aggressor == Side::Sell, "M": true }),
            ),
            What::Quote { id, quote } => (
                "bookTicker",
                json!({ "u": id, "s": symbol, "b": text(quote.bid), "B": text(quote.bid_size),
                    "a": text(quote.ask), "A": text(quote.ask_size) }),
            ),
            What::Depth(diff) => (
                "depth@100ms",
                json!({ "e": "depthUpdate", "E": at, "s": symbol, "U": diff.first_id, "u": diff.final_id,
                    "b": levels(market, &diff.update.bids), "a": levels(market, &diff.update.asks) }),
            ),
            What::Bar(bar) => ("kline_1m", kline(&symbol, at, bar)),
        };
        let stream = format!("{}@{stream}", symbol.to_ascii_lowercase());
        if !self.streams.contains(&stream) {
            return Vec::new();
        }
        vec![Frame::Text(json!({ "stream": stream, "data": data }).to_string())]
    }

    fn farewell(&mut self) -> Vec<Frame> {
        let word = json!({ "stream": "!serverShutdown", "data": { "e": "serverShutdown", "E": 0 } });
        vec![Frame::Text(word.to_string())]
    }

    fn listens(&self, market: &TrueMarket) -> Channels {
        let symbol = name(market.instrument.symbol()).to_ascii_lowercase();
        let has = |stream: &str| self.streams.contains(&format!("{symbol}@{stream}"));
        Channels {
            trades: has("trade"),
            quotes: has("bookTicker"),
            depth: has("depth@100ms"),
            bars: has("kline_1m"),
        }
    }
}

fn name(symbol: &Symbol) -> String {
    symbol.as_str().replace('/', "")
}

fn text(number: f64) -> String {
    format!("{number:.8}")
}

fn error(status: u16, code: i64, words: &str) -> Reply {
    Reply::json(status, &json!({ "code": code, "msg": words }))
}

fn levels(market: &TrueMarket, levels: &[Level]) -> Vec<[String; 2]> {
    let grid = &market.grid;
    let pair = |level: &Level| [text(grid.price_f64(level.price)), text(grid.size_f64(level.size))];
    levels.iter().map(pair).collect()
}

fn past<'a>(trades: impl Iterator<Item = &'a (u64, TradeTick)>) -> Value {
    trades
        .map(|(id, trade)| {
            json!({ "id": id, "price": text(trade.price), "qty": text(trade.size),
                "quoteQty": text(trade.price * trade.size), "time": trade.time.millis(),
                "isBuyerMaker": trade.aggressor == Side::Sell, "isBestMatch": true })
        })
        .collect()
}

fn kline(symbol: &str, at: i64, bar: &Bar) -> Value {
    let open = bar.open_time.millis();
    json!({ "e": "kline", "E": at, "s": symbol, "k": { "t": open, "T": open + 59_999, "s": symbol, "i": "1m",
        "f": 1, "L": 1, "o": text(bar.open), "c": text(bar.close), "h": text(bar.high), "l": text(bar.low),
        "v": text(bar.volume), "n": 1, "x": true, "q": "0", "V": "0", "Q": "0", "B": "0" } })
}

fn klines(request: &Request, market: &TrueMarket, limit: usize) -> Result<Value, Reply> {
    let timeframe = request
        .param("interval")
        .and_then(|interval| interval.parse().ok())
        .ok_or_else(|| error(400, -1120, "Invalid interval."))?;
    let (from, to) = (request.number("startTime"), request.number("endTime"));
    let mut bars = market.bars_of(timeframe);
    bars.retain(|bar| {
        let open = bar.open_time.millis();
        from.is_none_or(|from| open >= from) && to.is_none_or(|to| open <= to)
    });
    if from.is_some() {
        bars.truncate(limit);
    } else {
        bars.drain(..bars.len().saturating_sub(limit));
    }
    let row = |bar: &Bar| {
        let open = bar.open_time.millis();
        let close = timeframe.close_of(bar.open_time).millis() - 1;
        json!([
            open,
            text(bar.open),
            text(bar.high),
            text(bar.low),
            text(bar.close),
            text(bar.volume),
            close,
            "0",
            1,
            "0",
            "0",
            "0"
        ])
    };
    Ok(bars.iter().map(row).collect())
}

fn exchange_info(market: &TrueMarket) -> Value {
    let instrument = &market.instrument;
    let (base, quote) = instrument.symbol().as_str().split_once('/').unwrap_or_default();
    let lot = instrument.lot().to_string();
    json!({ "symbol": name(instrument.symbol()), "status": "TRADING", "baseAsset": base, "baseAssetPrecision": 8,
        "quoteAsset": quote, "quotePrecision": 8, "quoteAssetPrecision": 8, "orderTypes": ["LIMIT", "MARKET"],
        "permissionSets": [["SPOT"]], "filters": [
            { "filterType": "PRICE_FILTER", "minPrice": "0.00000001", "maxPrice": "1000000.00",
                "tickSize": instrument.tick().to_string() },
            { "filterType": "LOT_SIZE", "minQty": lot, "maxQty": "9000000", "stepSize": lot },
            { "filterType": "NOTIONAL", "minNotional": instrument.minimum_notional().to_string(),
                "applyMinToMarket": true, "maxNotional": "9000000.00", "applyMaxToMarket": false, "avgPriceMins": 5 },
            { "filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200 },
        ] })
}
