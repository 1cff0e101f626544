//! Polygon's side of its protocol: shares, options, coins and currencies.

use super::{
    Act, Conversation, Mock, Reply, Request, Spoil, TrueMarket, Truth, TruthEvent, What, multiplied,
    multiplied_frame,
};
use crate::venue::{Channels, Frame};
use papertape::{
    market::{Bar, Quote, TradeTick},
    model::{Side, Timeframe},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

/// The exchange that all of its trades are of.
const EXCHANGE: u64 = 1;

/// Which of its markets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cluster {
    Stocks,
    Options,
    Crypto,
    Forex,
}

/// A local Polygon with one of its markets, where the key is `key`.
#[derive(Debug)]
pub struct Polygon {
    /// Most tickers and trades of a page, and most minutes or days of those that its bars are made of, whatever is asked for.
    pub page: usize,
    cluster: Cluster,
}

impl Polygon {
    /// A local Polygon of coins, with pages of 97 rows: no bar of several minutes ends where they do.
    #[must_use]
    pub const fn new() -> Self {
        Self::of(Cluster::Crypto)
    }

    /// One of shares.
    #[must_use]
    pub const fn stocks() -> Self {
        Self::of(Cluster::Stocks)
    }

    /// One of options.
    #[must_use]
    pub const fn options() -> Self {
        Self::of(Cluster::Options)
    }

    /// One of currencies, which have no trades and no sizes.
    #[must_use]
    pub const fn forex() -> Self {
        Self::of(Cluster::Forex)
    }

    const fn of(cluster: Cluster) -> Self {
        Self { page: 97, cluster }
    }

    /// The rows that a page is made of, shown as it shows them, and where the next one is: at the public host, whatever this one is
    /// called.
    fn page<T>(&self, request: &Request, rows: &[T], show: impl Fn(&[T]) -> Vec<Value>) -> Value {
        let skip: usize = request
            .param("cursor")
            .and_then(|cursor| cursor.parse().ok())
            .unwrap_or(0);
        let end = rows.len().min(skip + self.page);
        let shown = show(rows.get(skip..end).unwrap_or_default());
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
        let named = |name: &str| {
            let is_it = |market: &&TrueMarket| self.cluster.ticker(market) == name;
            truth.markets.iter().find(is_it).ok_or_else(not_found)
        };
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        match parts[..] {
            ["v1", "marketstatus", "now"] => Ok(
                json!({ "market": "open", "earlyHours": false, "afterHours": false, "serverTime": truth.now,
                "currencies": { "fx": "open", "crypto": "open" } }),
            ),
            ["v3", "reference", "tickers"] | ["v3", "reference", "options", "contracts"] => {
                let wanted = request.param("ticker");
                let is_wanted =
                    |market: &&TrueMarket| wanted.is_none_or(|wanted| self.cluster.ticker(market) == wanted);
                let listed = truth.markets.iter().filter(is_wanted);
                let rows: Vec<Value> = listed.map(|market| self.cluster.listing(market)).collect();
                Ok(self.page(request, &rows, <[Value]>::to_vec))
            }
            ["v2", "aggs", "ticker", name, "range", count, unit, from, to] => {
                let market = named(name)?;
                let unit = match unit {
                    "minute" => 60,
                    "hour" => 3_600,
                    _ => 86_400,
                };
                let count: u64 = count.parse().map_err(|_| not_found())?;
                let timeframe = Timeframe::from_secs(unit * count).map_err(|_| not_found())?;
                let millis = |text: &str| text.parse::<i64>().map_err(|_| not_found());
                let span = millis(from)?..=millis(to)?;
                // Longer bars are made of those that a page has room for.
                let base = if timeframe < Timeframe::DAY {
                    Timeframe::MINUTE
                } else {
                    Timeframe::DAY
                };
                let mut bars = market.bars_of(base);
                bars.retain(|bar| span.contains(&bar.open_time.millis()));
                Ok(self.page(request, &bars, |shown| {
                    let joined = market.joined(shown.iter(), base, timeframe);
                    joined.iter().map(row).collect()
                }))
            }
            ["v3", "trades", name] => {
                let market = named(name)?;
                let from = request.number("timestamp.gte").unwrap_or_default();
                let past = market
                    .trades
                    .iter()
                    .filter(|(_, trade)| trade.time.nanos() >= from);
                let rows: Vec<Value> = past
                    .map(|(id, trade)| {
                        let mut row = json!({ "exchange": EXCHANGE, "id": id.to_string(), "price": trade.price,
                            "participant_timestamp": trade.time.nanos(), "size": trade.size });
                        if self.cluster == Cluster::Crypto {
                            row["conditions"] = json!([taker(trade.aggressor)]);
                        } else {
                            row["sequence_number"] = (*id).into();
                            row["sip_timestamp"] = trade.time.nanos().into();
                        }
                        row
                    })
                    .collect();
                Ok(self.page(request, &rows, <[Value]>::to_vec))
            }
            ["v2", "last", "trade", name] => {
                let (id, trade) = named(name)?.trades.back().copied().ok_or_else(not_found)?;
                let last = json!({ "T": name, "p": trade.price, "s": trade.size, "x": EXCHANGE, "i": id.to_string(),
                    "q": id, "t": trade.time.nanos() });
                Ok(json!({ "results": last, "status": "OK", "request_id": "1" }))
            }
            ["v2", "last", "nbbo", name] => {
                let quote = named(name)?.quote.ok_or_else(not_found)?;
                let last = json!({ "T": name, "p": quote.bid, "s": quote.bid_size, "P": quote.ask, "S": quote.ask_size,
                    "t": quote.time.nanos() });
                Ok(json!({ "results": last, "status": "OK", "request_id": "1" }))
            }
            ["v1", "last_quote", "currencies", base, quote] => {
                let quote = named(&format!("C:{base}{quote}"))?.quote.ok_or_else(not_found)?;
                let last = json!({ "bid": quote.bid, "ask": quote.ask, "exchange": 48, "timestamp": quote.time.millis() });
                Ok(json!({ "last": last, "status": "success" }))
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
        if request.path != format!("/{}", self.cluster.name()) {
            return Err(Reply::text(404, "text/plain", "404 page not found"));
        }
        Ok(Box::new(PolygonSocket {
            cluster: self.cluster,
            is_authorized: false,
            subscribed: BTreeSet::new(),
        }))
    }

    fn spoil(&self, frame: &Frame, how: Spoil) -> Option<Frame> {
        match how {
            Spoil::Checksum => None,
            // What a currency's quote calls `p` is its pair.
            Spoil::Price(times) => multiplied_frame(frame, &["p", "bp", "ap", "a", "b"], times),
        }
    }

    fn spoil_answer(&self, body: &Value, times: f64) -> Option<Value> {
        multiplied(body, &["price", "p", "P", "bid", "ask"], times)
    }
}

/// One socket.
#[derive(Debug)]
struct PolygonSocket {
    cluster: Cluster,
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

impl Cluster {
    const fn name(self) -> &'static str {
        match self {
            Self::Stocks => "stocks",
            Self::Options => "options",
            Self::Crypto => "crypto",
            Self::Forex => "forex",
        }
    }

    /// The topics of trades, quotes and bars of a minute.
    const fn topics(self) -> [&'static str; 3] {
        match self {
            Self::Stocks | Self::Options => ["T", "Q", "AM"],
            Self::Crypto => ["XT", "XQ", "XA"],
            Self::Forex => ["no trades", "C", "CA"],
        }
    }

    fn ticker(self, market: &TrueMarket) -> String {
        let name = market.instrument.symbol().as_str();
        match self {
            Self::Stocks => name.to_owned(),
            Self::Options => format!("O:{name}"),
            Self::Crypto => format!("X:{}", name.replace('/', "")),
            Self::Forex => format!("C:{}", name.replace('/', "")),
        }
    }

    fn stream_name(self, market: &TrueMarket) -> String {
        match self {
            Self::Stocks | Self::Options => self.ticker(market),
            Self::Crypto => market.instrument.symbol().as_str().replace('/', "-"),
            Self::Forex => market.instrument.symbol().as_str().to_owned(),
        }
    }

    fn listing(self, market: &TrueMarket) -> Value {
        let name = market.instrument.symbol().as_str();
        if matches!(self, Self::Options) {
            return json!({ "ticker": self.ticker(market), "shares_per_contract": 100 });
        }
        let (base, quote) = name.split_once('/').unwrap_or((name, "USD"));
        json!({ "ticker": self.ticker(market), "name": base, "market": self.name(), "locale": "global", "active": true,
            "currency_symbol": quote, "base_currency_symbol": base })
    }

    fn trade(self, name: &str, id: u64, trade: &TradeTick) -> Value {
        let time = trade.time.millis();
        match self {
            Self::Crypto => {
                json!({ "ev": "XT", "pair": name, "x": EXCHANGE, "i": id.to_string(), "p": trade.price, "s": trade.size,
                    "c": [taker(trade.aggressor)], "t": time, "r": time })
            }
            _ => {
                json!({ "ev": "T", "sym": name, "x": EXCHANGE, "i": id.to_string(), "p": trade.price, "s": trade.size,
                "t": time, "q": id, "z": 3 })
            }
        }
    }

    fn quote(self, name: &str, quote: &Quote) -> Value {
        let time = quote.time.millis();
        if self == Self::Forex {
            return json!({ "ev": "C", "p": name, "x": 48, "a": quote.ask, "b": quote.bid, "t": time });
        }
        let (kind, called) = if self == Self::Crypto {
            ("XQ", "pair")
        } else {
            ("Q", "sym")
        };
        json!({ "ev": kind, called: name, "bp": quote.bid, "bs": quote.bid_size, "ap": quote.ask, "as": quote.ask_size,
            "t": time, "x": EXCHANGE, "r": time })
    }

    fn bar(self, name: &str, bar: &Bar) -> Value {
        let [_, _, kind] = self.topics();
        let called = if kind == "AM" { "sym" } else { "pair" };
        json!({ "ev": kind, called: name, "o": bar.open, "h": bar.high, "l": bar.low, "c": bar.close, "v": bar.volume,
            "vw": bar.close, "s": bar.open_time.millis(), "e": Timeframe::MINUTE.close_of(bar.open_time).millis(), "z": 1 })
    }
}

impl PolygonSocket {
    fn has(&self, topic: &str, market: &TrueMarket) -> bool {
        self.subscribed
            .contains(&format!("{topic}.{}", self.cluster.stream_name(market)))
    }

    fn change(&mut self, topics: &str, is_more: bool, truth: &Truth) -> Vec<Act> {
        let cluster = self.cluster;
        let change = |topic: &str| {
            let is_known = topic.split_once('.').is_some_and(|(kind, name)| {
                let is_it = |market: &TrueMarket| cluster.stream_name(market) == name;
                cluster.topics().contains(&kind) && truth.markets.iter().any(is_it)
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
        let name = self.cluster.stream_name(market);
        let [trades, quotes, bars] = self.cluster.topics();
        let (topic, event) = match &event.what {
            What::Trade { id, trade } => (trades, self.cluster.trade(&name, *id, trade)),
            What::Quote { quote, .. } => (quotes, self.cluster.quote(&name, quote)),
            What::Bar(bar) => (bars, self.cluster.bar(&name, bar)),
            What::Depth(_) => return Vec::new(),
        };
        if !self.has(topic, market) {
            return Vec::new();
        }
        vec![Frame::Text(json!([event]).to_string())]
    }

    fn listens(&self, market: &TrueMarket) -> Channels {
        let [trades, quotes, bars] = self.cluster.topics();
        Channels {
            trades: self.has(trades, market),
            quotes: self.has(quotes, market),
            bars: self.has(bars, market),
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

fn row(bar: &Bar) -> Value {
    json!({ "v": bar.volume, "vw": bar.close, "o": bar.open, "c": bar.close, "h": bar.high, "l": bar.low,
        "t": bar.open_time.millis(), "n": 1 })
}
