//! Kraken's side of its protocol.

use super::{
    Act, Conversation, Fault, Mock, Reply, Request, Spoil, TrueMarket, Truth, TruthEvent, What,
    multiplied_number,
};
use crate::venue::{Channels, Frame};
use papertape::{
    market::{Bar, Level, Quote, TradeTick},
    model::{Side, Symbol},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A local Kraken.
#[derive(Debug, Default)]
pub struct Kraken {}

impl Kraken {
    /// A local Kraken.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }
}

/// Answers have status 200 whatever they say.
fn wrapped(result: Result<Value, &str>) -> Reply {
    let body = match result {
        Ok(result) => json!({ "error": [], "result": result }),
        Err(words) => json!({ "error": [words] }),
    };
    Reply::json(200, &body)
}

fn result(request: &Request, truth: &Truth) -> Result<Value, &'static str> {
    let named = |name: &str| {
        let is_it = |market: &&TrueMarket| altname(market.instrument.symbol()) == name;
        let found = truth.markets.iter().find(is_it);
        found.ok_or("EQuery:Unknown asset pair")
    };
    let market = || named(request.param("pair").unwrap_or_default());
    // Rows come under a name with prefixes that nobody asked for.
    let under = |market: &TrueMarket, rows: Value, last: Value| {
        let mut result = json!({ format!("X{}", altname(market.instrument.symbol())): rows });
        if !last.is_null() {
            result["last"] = last;
        }
        result
    };
    Ok(match request.path.trim_start_matches("/0/public/") {
        "Time" => json!({ "unixtime": truth.now.secs(), "rfc1123": "" }),
        "AssetPairs" => {
            let markets: Vec<&TrueMarket> = match request.param("pair") {
                Some(_) => vec![market()?],
                None => truth.markets.iter().collect(),
            };
            let pairs = markets
                .into_iter()
                .map(|market| (format!("X{}", altname(market.instrument.symbol())), pair(market)));
            Value::Object(pairs.collect())
        }
        "OHLC" => {
            let market = market()?;
            let minutes = request.number("interval").unwrap_or(1).unsigned_abs();
            let timeframe = papertape::model::Timeframe::from_secs(60 * minutes)
                .map_err(|_| "EGeneral:Invalid arguments")?;
            let since = request.number("since").unwrap_or_default();
            let bars = market.bars_of(timeframe);
            let newest = bars.iter().skip(bars.len().saturating_sub(720));
            let rows: Vec<Value> = newest
                .filter(|bar| bar.open_time.secs() > since)
                .map(|bar| row(market, bar))
                .collect();
            under(market, rows.into(), truth.now.secs().into())
        }
        "Trades" => {
            let market = market()?;
            let count = request.number("count").unwrap_or(1_000).clamp(1, 1_000) as usize;
            // The oldest of those after a time, or the newest.
            let since = request.param("since").and_then(|since| since.parse::<i64>().ok());
            let skipped = match since {
                Some(since) => market
                    .trades
                    .iter()
                    .position(|(_, trade)| trade.time.nanos() > since),
                None => Some(market.trades.len().saturating_sub(count)),
            };
            let shown = market.trades.iter().skip(skipped.unwrap_or(market.trades.len()));
            // Smaller pages than the venue's, so that there are several.
            let shown = shown.take(if since.is_some() { count.min(50) } else { count });
            let row = |(id, trade): &(u64, TradeTick)| {
                let side = if trade.aggressor == Side::Buy { "b" } else { "s" };
                let (price, size) = texts(market, trade.price, trade.size);
                json!([price, size, trade.time.millis() as f64 / 1e3, side, "l", "", id])
            };
            under(
                market,
                shown.map(row).collect(),
                truth.now.nanos().to_string().into(),
            )
        }
        "Ticker" => {
            // One that there is not, and there is no answer for the others either.
            let mut tickers = json!({});
            for name in request.param("pair").unwrap_or_default().split(',') {
                let market = named(name)?;
                let quote = market.quote.ok_or("EService:Unavailable")?;
                let side = |price, size| {
                    let (price, size) = texts(market, price, size);
                    json!([price, "1", size])
                };
                tickers[format!("X{name}")] = json!({ "a": side(quote.ask, quote.ask_size),
                    "b": side(quote.bid, quote.bid_size), "o": "1" });
            }
            tickers
        }
        _ => return Err("EGeneral:Unknown method"),
    })
}

impl Mock for Kraken {
    fn answer(&mut self, request: &Request, truth: &Truth, _at: Duration) -> Reply {
        wrapped(result(request, truth))
    }

    fn connect(&mut self, request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        if request.path == "/v2" {
            Ok(Box::<KrakenSocket>::default())
        } else {
            Err(Reply::text(404, "text/html", "<html></html>"))
        }
    }

    fn refuse(&self, fault: Fault, retry_after: Duration) -> Reply {
        let retry = retry_after.as_secs();
        match fault {
            Fault::RateLimit => Reply::text(429, "text/plain", "").with("retry-after", retry),
            Fault::Ban => Reply::text(418, "text/plain", "").with("retry-after", retry),
            Fault::Html => Reply::text(
                200,
                "text/html",
                "<!DOCTYPE html><html><body>Just a moment</body></html>",
            ),
            _ => Reply::text(503, "text/html", "<html>Service Unavailable</html>"),
        }
    }

    fn spoil(&self, frame: &Frame, how: Spoil) -> Option<Frame> {
        let mut value: Value = serde_json::from_slice(frame.bytes()).ok()?;
        let item = value.get_mut("data")?.get_mut(0)?;
        match how {
            Spoil::Checksum => item["checksum"] = (item.get("checksum")?.as_u64()? ^ 1).into(),
            Spoil::Price(times) => {
                let fields: Vec<&str> = ["price", "bid", "ask"]
                    .into_iter()
                    .filter(|field| item.get(field).is_some())
                    .collect();
                if fields.is_empty() {
                    return None;
                }
                for field in fields {
                    item[field] = (times * item[field].as_f64()?).into();
                }
            }
        }
        Some(Frame::Text(value.to_string()))
    }

    /// Prices of trades and of the ticker's two sides come first in their lists.
    fn spoil_answer(&self, body: &Value, times: f64) -> Option<Value> {
        let mut spoiled = body.clone();
        let pair = spoiled.get_mut("result")?.as_object_mut()?.values_mut().next()?;
        let mut lists: Vec<&mut Value> = match pair {
            Value::Array(trades) => trades.iter_mut().collect(),
            Value::Object(ticker) => ticker
                .iter_mut()
                .filter(|(name, _)| ["a", "b"].contains(&name.as_str()))
                .map(|(_, side)| side)
                .collect(),
            _ => return None,
        };
        let prices = lists.iter_mut().filter_map(|list| list.get_mut(0));
        let mut prices = prices.filter(|price| price.is_string()).peekable();
        prices.peek()?;
        for price in prices {
            *price = multiplied_number(price, times)?;
        }
        Some(spoiled)
    }
}

/// One socket.
#[derive(Debug, Default)]
struct KrakenSocket {
    /// Channel and symbol.
    subscribed: BTreeSet<(String, String)>,
    /// What was shown of each book, asks and bids, with its depth.
    shown: BTreeMap<String, (usize, [Vec<Level>; 2])>,
}

const SIDES: [Side; 2] = [Side::Sell, Side::Buy];

impl KrakenSocket {
    fn subscribe(&mut self, params: &Value, truth: &Truth, id: &Value) -> Vec<Act> {
        let channel = params["channel"].as_str().unwrap_or_default().to_owned();
        let mut acts = Vec::new();
        for symbol in params["symbol"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            let Some(market) = truth
                .markets
                .iter()
                .find(|market| market.instrument.symbol().as_str() == symbol)
            else {
                acts.push(send(
                    json!({ "method": "subscribe", "success": false, "symbol": symbol, "req_id": id,
                    "error": format!("Currency pair not supported {symbol}") }),
                ));
                continue;
            };
            acts.push(send(
                json!({ "method": "subscribe", "success": true, "req_id": id, "time_in": "", "time_out": "",
                "result": { "channel": channel, "symbol": symbol, "snapshot": params["snapshot"] } }),
            ));
            self.subscribed.insert((channel.clone(), symbol.to_owned()));
            match channel.as_str() {
                "book" => {
                    let depth = params["depth"].as_u64().unwrap_or(10) as usize;
                    let sides = SIDES.map(|side| market.book.levels(side).take(depth).collect::<Vec<_>>());
                    acts.push(send(book_message(
                        "snapshot",
                        market,
                        &sides,
                        &sides,
                        market.book.time().to_string(),
                    )));
                    self.shown.insert(symbol.to_owned(), (depth, sides));
                }
                "ticker" => {
                    let quote = market.quote.map(|quote| send(ticker(symbol, "snapshot", &quote)));
                    acts.extend(quote);
                }
                _ => {}
            }
        }
        acts
    }

    /// The levels that have come, changed or gone within what is shown; those that were pushed out are not named.
    fn book_change(&mut self, market: &TrueMarket, time: String) -> Option<Value> {
        let (depth, shown) = self.shown.get_mut(market.instrument.symbol().as_str())?;
        let now = SIDES.map(|side| market.book.levels(side).take(*depth).collect::<Vec<_>>());
        let mut changes = [Vec::new(), Vec::new()];
        for (place, side) in SIDES.into_iter().enumerate() {
            let gone = shown[place]
                .iter()
                .filter(|level| market.book.size_at(side, level.price) == 0)
                .map(|level| Level { size: 0, ..*level });
            let came = now[place]
                .iter()
                .filter(|level| !shown[place].contains(level))
                .copied();
            changes[place] = gone.chain(came).collect();
        }
        let is_same = *shown == now;
        shown.clone_from(&now);
        (!is_same).then(|| book_message("update", market, &changes, &now, time))
    }
}

impl Conversation for KrakenSocket {
    fn opened(&mut self, _truth: &Truth) -> Vec<Act> {
        vec![send(json!({ "channel": "status", "type": "update",
            "data": [{ "system": "online", "api_version": "v2", "version": "2.0.9", "connection_id": 123 }] }))]
    }

    fn received(&mut self, frame: &Frame, truth: &Truth, _at: Duration) -> Vec<Act> {
        let Ok(request) = serde_json::from_slice::<Value>(frame.bytes()) else {
            return vec![send(json!({ "error": "Malformed request", "success": false }))];
        };
        let (params, id) = (&request["params"], &request["req_id"]);
        match request["method"].as_str() {
            Some("ping") => vec![send(json!({ "method": "pong", "req_id": id }))],
            Some("subscribe") => self.subscribe(params, truth, id),
            Some("unsubscribe") => {
                let channel = params["channel"].as_str().unwrap_or_default();
                let symbols = params["symbol"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str);
                symbols
                    .map(|symbol| {
                        self.subscribed.remove(&(channel.to_owned(), symbol.to_owned()));
                        if channel == "book" {
                            self.shown.remove(symbol);
                        }
                        send(json!({ "method": "unsubscribe", "success": true, "req_id": id,
                            "result": { "channel": channel, "symbol": symbol } }))
                    })
                    .collect()
            }
            _ => vec![send(
                json!({ "error": "Unknown method", "success": false, "req_id": id }),
            )],
        }
    }

    fn tell(&mut self, event: &TruthEvent, truth: &Truth) -> Vec<Frame> {
        let market = &truth.markets[event.symbol];
        let symbol = market.instrument.symbol().as_str();
        let has = |channel: &str| self.subscribed.contains(&(channel.to_owned(), symbol.to_owned()));
        let mut messages = Vec::new();
        match &event.what {
            What::Trade { id, trade } => {
                if has("trade") {
                    messages.push(
                        json!({ "channel": "trade", "type": "update", "data": [{ "symbol": symbol,
                        "side": trade.aggressor.to_string(), "price": trade.price, "qty": trade.size,
                        "ord_type": "limit", "trade_id": id, "timestamp": trade.time.to_string() }] }),
                    );
                }
                if has("ohlc") {
                    messages.extend(market.open_bar().map(|bar| ohlc(symbol, bar)));
                }
            }
            What::Quote { quote, .. } if has("ticker") => messages.push(ticker(symbol, "update", quote)),
            What::Depth(_) if has("book") => {
                messages.extend(self.book_change(market, event.time.to_string()))
            }
            // A bar is over when the next begins.
            What::Quote { .. } | What::Depth(_) | What::Bar(_) => {}
        }
        messages
            .into_iter()
            .map(|message| Frame::Text(message.to_string()))
            .collect()
    }

    fn listens(&self, market: &TrueMarket) -> Channels {
        let symbol = market.instrument.symbol().as_str();
        let has = |channel: &str| self.subscribed.contains(&(channel.to_owned(), symbol.to_owned()));
        Channels {
            trades: has("trade"),
            quotes: has("ticker"),
            depth: has("book"),
            bars: has("ohlc"),
        }
    }
}

fn send(message: Value) -> Act {
    Act::Send(Frame::Text(message.to_string()))
}

fn altname(symbol: &Symbol) -> String {
    symbol
        .as_str()
        .replace("BTC", "XBT")
        .replace("DOGE", "XDG")
        .replace('/', "")
}

/// As text with the pair's digits.
fn texts(market: &TrueMarket, price: f64, size: f64) -> (String, String) {
    let (price_digits, size_digits) = (
        market.instrument.price_digits(),
        market.instrument.quantity_digits(),
    );
    (
        format!("{price:.*}", price_digits as usize),
        format!("{size:.*}", size_digits as usize),
    )
}

fn pair(market: &TrueMarket) -> Value {
    let instrument = &market.instrument;
    json!({ "altname": altname(instrument.symbol()), "wsname": instrument.symbol().as_str().replace("BTC", "XBT").replace("DOGE", "XDG"),
        "pair_decimals": instrument.price_digits(), "lot_decimals": instrument.quantity_digits(), "cost_decimals": 5,
        "ordermin": "0.00005", "costmin": "0.5", "tick_size": instrument.tick().to_string(), "status": "online" })
}

fn row(market: &TrueMarket, bar: &Bar) -> Value {
    let price = |price| texts(market, price, 0.0).0;
    json!([
        bar.open_time.secs(),
        price(bar.open),
        price(bar.high),
        price(bar.low),
        price(bar.close),
        price(bar.close),
        texts(market, 0.0, bar.volume).1,
        1
    ])
}

fn ticker(symbol: &str, kind: &str, quote: &Quote) -> Value {
    json!({ "channel": "ticker", "type": kind, "data": [{ "symbol": symbol, "bid": quote.bid, "bid_qty": quote.bid_size,
        "ask": quote.ask, "ask_qty": quote.ask_size, "last": quote.bid, "volume": 1.0,
        "timestamp": quote.time.to_string() }] })
}

fn ohlc(symbol: &str, bar: &Bar) -> Value {
    json!({ "channel": "ohlc", "type": "update", "data": [{ "symbol": symbol, "interval": 1,
        "interval_begin": bar.open_time.to_string(), "open": bar.open, "high": bar.high, "low": bar.low,
        "close": bar.close, "volume": bar.volume, "vwap": bar.close, "trades": 1 }] })
}

/// A message of levels, asks before bids, with the checksum of the book as it is `now`.
fn book_message(
    kind: &str,
    market: &TrueMarket,
    told: &[Vec<Level>; 2],
    now: &[Vec<Level>; 2],
    time: String,
) -> Value {
    let grid = &market.grid;
    let levels = |levels: &[Level]| -> Value {
        let level =
            |level: &Level| json!({ "price": grid.price_f64(level.price), "qty": grid.size_f64(level.size) });
        levels.iter().map(level).collect()
    };
    let mut text = String::new();
    for level in now.iter().flat_map(|side| side.iter().take(10)) {
        let (price, size) = texts(market, grid.price_f64(level.price), grid.size_f64(level.size));
        for number in [price, size] {
            text.push_str(number.replace('.', "").trim_start_matches('0'));
        }
    }
    json!({ "channel": "book", "type": kind, "data": [{ "symbol": market.instrument.symbol().as_str(),
        "asks": levels(&told[0]), "bids": levels(&told[1]), "checksum": crc32fast::hash(text.as_bytes()), "timestamp": time }] })
}
