//! Polygon's side of its protocol, for coins.

use super::{
    Act, Conversation, Mock, Reply, Request, Spoil, TrueMarket, Truth, TruthEvent, What, ten_times,
    ten_times_frame,
};
use crate::venue::{Channels, Frame};
use papertape::{
    market::Bar,
    model::{Side, Timeframe},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

/// The exchange that all of its trades are of.
const EXCHANGE: u64 = 1;

/// A local Polygon, where the key is `key`.
#[derive(Debug)]
pub struct Polygon {
    /// Most bars and tickers of a page, whatever is asked for.
    pub page: usize,
}

impl Polygon {
    /// A local Polygon with pages of a hundred rows.
    #[must_use]
    pub const fn new() -> Self {
        Self { page: 100 }
    }

    /// Rows of a page, and where the next one is: at the public host, whatever this one is called.
    fn page(&self, request: &Request, rows: Vec<Value>) -> Value {
        let skip: usize = request
            .param("cursor")
            .and_then(|cursor| cursor.parse().ok())
            .unwrap_or(0);
        let end = rows.len().min(skip + self.page);
        let shown = rows.get(skip..end).unwrap_or_default();
        let mut body = json!({ "status": "OK", "request_id": "1", "count": shown.len() });
        // Of nothing there are no results.
        if !shown.is_empty() {
            body["results"] = json!(shown);
        }
        if end < rows.len() {
            let path = &request.path;
            let kept: String = request
                .query
                .iter()
                .filter(|(name, _)| name != "cursor")
                .map(|(name, value)| format!("{name}={value}&"))
                .collect();
            body["next_url"] = format!("https://api.polygon.io{path}?{kept}cursor={end}").into();
        }
        body
    }

    fn result(&self, request: &Request, truth: &Truth) -> Result<Value, Reply> {
        let not_found = || {
            Reply::json(
                404,
                &json!({ "status": "NOT_FOUND", "message": "Data not found." }),
            )
        };
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        match parts[..] {
            ["v1", "marketstatus", "now"] => Ok(
                json!({ "market": "open", "earlyHours": false, "afterHours": false, "serverTime": truth.now,
                "currencies": { "fx": "open", "crypto": "open" } }),
            ),
            ["v3", "reference", "tickers"] => {
                let wanted = request.param("ticker");
                let is_wanted = |market: &&TrueMarket| wanted.is_none_or(|wanted| ticker(market) == wanted);
                let rows = truth.markets.iter().filter(is_wanted).map(listing).collect();
                Ok(self.page(request, rows))
            }
            ["v2", "aggs", "ticker", name, "range", count, unit, from, to] => {
                let market = truth.markets.iter().find(|market| ticker(market) == name);
                let market = market.ok_or_else(not_found)?;
                let unit = match unit {
                    "minute" => 60,
                    "hour" => 3_600,
                    _ => 86_400,
                };
                let count: u64 = count.parse().map_err(|_| not_found())?;
                let timeframe = Timeframe::from_secs(unit * count).map_err(|_| not_found())?;
                let millis = |text: &str| text.parse::<i64>().map_err(|_| not_found());
                let span = millis(from)?..=millis(to)?;
                let bars = market.bars_of(timeframe).into_iter();
                let rows = bars
                    .filter(|bar| span.contains(&bar.open_time.millis()))
                    .map(|bar| row(&bar))
                    .collect();
                Ok(self.page(request, rows))
            }
            ["v3", "trades", name] => {
                let market = truth.markets.iter().find(|market| ticker(market) == name);
                let market = market.ok_or_else(not_found)?;
                let from = request.number("timestamp.gte").unwrap_or_default();
                let past = market
                    .trades
                    .iter()
                    .filter(|(_, trade)| trade.time.nanos() >= from);
                let rows = past
                    .map(|(id, trade)| {
                        json!({ "conditions": [taker(trade.aggressor)], "exchange": EXCHANGE, "id": id.to_string(),
                            "participant_timestamp": trade.time.nanos(), "price": trade.price, "size": trade.size })
                    })
                    .collect();
                Ok(self.page(request, rows))
            }
            ["v1", "last", "crypto", base, quote] => {
                let name = format!("{base}/{quote}");
                let market = truth
                    .markets
                    .iter()
                    .find(|market| market.instrument.symbol().as_str() == name);
                let last = market.and_then(|market| market.trades.back());
                let (_, trade) = last.ok_or_else(not_found)?;
                let last = json!({ "conditions": [taker(trade.aggressor)], "exchange": EXCHANGE, "price": trade.price,
                    "size": trade.size, "timestamp": trade.time.millis() });
                Ok(json!({ "last": last, "symbol": format!("{base}-{quote}"), "status": "success" }))
            }
            _ => Err(Reply::text(404, "text/plain", "404 page not found")),
        }
    }
}

impl Default for Polygon {
    fn default() -> Self {
        Self::new()
    }
}

impl Mock for Polygon {
    fn answer(&mut self, request: &Request, truth: &Truth, _at: Duration) -> Reply {
        if request.header("authorization") != Some("Bearer key") {
            return Reply::json(401, &json!({ "status": "ERROR", "error": "Unknown API Key" }));
        }
        match self.result(request, truth) {
            Ok(body) => Reply::json(200, &body),
            Err(reply) => reply,
        }
    }

    fn connect(&mut self, request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        if request.path != "/crypto" {
            return Err(Reply::text(404, "text/plain", "404 page not found"));
        }
        Ok(Box::<PolygonSocket>::default())
    }

    fn spoil(&self, frame: &Frame, how: Spoil) -> Option<Frame> {
        match how {
            Spoil::Checksum => None,
            Spoil::Price => ten_times_frame(frame, &["p", "bp", "ap"]),
        }
    }

    fn spoil_answer(&self, body: &Value) -> Option<Value> {
        ten_times(body, &["price"])
    }
}

/// One socket.
#[derive(Debug, Default)]
struct PolygonSocket {
    is_authorized: bool,
    /// Topics: `XT.BTC-USD`.
    subscribed: BTreeSet<String>,
}

fn status(status: &str, message: &str) -> Act {
    send(&json!({ "ev": "status", "status": status, "message": message }))
}

/// Every frame is a list of events.
fn send(event: &Value) -> Act {
    Act::Send(Frame::Text(json!([event]).to_string()))
}

fn stream_name(market: &TrueMarket) -> String {
    market.instrument.symbol().as_str().replace('/', "-")
}

impl PolygonSocket {
    fn has(&self, topic: &str, market: &TrueMarket) -> bool {
        self.subscribed
            .contains(&format!("{topic}.{}", stream_name(market)))
    }

    fn change(&mut self, topics: &str, is_more: bool, truth: &Truth) -> Vec<Act> {
        let change = |topic: &str| {
            let is_known = topic.split_once('.').is_some_and(|(kind, name)| {
                ["XT", "XQ", "XA"].contains(&kind)
                    && truth.markets.iter().any(|market| stream_name(market) == name)
            });
            if !is_known {
                return status("error", &format!("You don't have access: {topic}"));
            }
            if is_more {
                self.subscribed.insert(topic.to_owned());
                status("success", &format!("subscribed to: {topic}"))
            } else {
                self.subscribed.remove(topic);
                status("success", &format!("unsubscribed to: {topic}"))
            }
        };
        topics.split(',').map(change).collect()
    }
}

impl Conversation for PolygonSocket {
    fn opened(&mut self, _truth: &Truth) -> Vec<Act> {
        vec![status("connected", "Connected Successfully")]
    }

    fn received(&mut self, frame: &Frame, truth: &Truth, _at: Duration) -> Vec<Act> {
        let request: Value = serde_json::from_slice(frame.bytes()).unwrap_or_default();
        let params = request["params"].as_str().unwrap_or_default();
        match request["action"].as_str() {
            Some("auth") if params == "key" => {
                self.is_authorized = true;
                vec![status("auth_success", "authenticated")]
            }
            Some("auth") => vec![status("auth_failed", "authentication failed")],
            _ if !self.is_authorized => vec![status("auth_timeout", "not authenticated")],
            Some("subscribe") => self.change(params, true, truth),
            Some("unsubscribe") => self.change(params, false, truth),
            _ => vec![status("error", "not a known action")],
        }
    }

    fn tell(&mut self, event: &TruthEvent, truth: &Truth) -> Vec<Frame> {
        let market = &truth.markets[event.symbol];
        let pair = stream_name(market);
        let time = event.time.millis();
        let (topic, event) = match &event.what {
            What::Trade { id, trade } => (
                "XT",
                json!({ "ev": "XT", "pair": pair, "x": EXCHANGE, "i": id.to_string(), "p": trade.price, "s": trade.size,
                    "c": [taker(trade.aggressor)], "t": time, "r": time }),
            ),
            What::Quote { quote, .. } => (
                "XQ",
                json!({ "ev": "XQ", "pair": pair, "bp": quote.bid, "bs": quote.bid_size, "ap": quote.ask,
                    "as": quote.ask_size, "t": time, "x": EXCHANGE, "r": time }),
            ),
            What::Bar(bar) => (
                "XA",
                json!({ "ev": "XA", "pair": pair, "o": bar.open, "h": bar.high, "l": bar.low, "c": bar.close,
                    "v": bar.volume, "vw": bar.close, "s": bar.open_time.millis(),
                    "e": Timeframe::MINUTE.close_of(bar.open_time).millis(), "z": 1 }),
            ),
            What::Depth(_) => return Vec::new(),
        };
        if !self.has(topic, market) {
            return Vec::new();
        }
        vec![Frame::Text(json!([event]).to_string())]
    }

    fn listens(&self, market: &TrueMarket) -> Channels {
        Channels {
            trades: self.has("XT", market),
            quotes: self.has("XQ", market),
            bars: self.has("XA", market),
            depth: false,
        }
    }
}

/// Who took: 1 a seller, 2 a buyer.
const fn taker(side: Side) -> u64 {
    match side {
        Side::Sell => 1,
        Side::Buy => 2,
    }
}

fn ticker(market: &TrueMarket) -> String {
    format!("X:{}", market.instrument.symbol().as_str().replace('/', ""))
}

fn listing(market: &TrueMarket) -> Value {
    let (base, quote) = market
        .instrument
        .symbol()
        .as_str()
        .split_once('/')
        .unwrap_or_default();
    json!({ "ticker": ticker(market), "name": base, "market": "crypto", "locale": "global", "active": true,
        "currency_symbol": quote, "base_currency_symbol": base })
}

fn row(bar: &Bar) -> Value {
    json!({ "v": bar.volume, "vw": bar.close, "o": bar.open, "c": bar.close, "h": bar.high, "l": bar.low,
        "t": bar.open_time.millis(), "n": 1 })
}
