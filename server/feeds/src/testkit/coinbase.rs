//! Coinbase's side of its protocols.

use super::{
    Act, Conversation, Fault, Mock, Reply, Request, Spoil, TrueMarket, Truth, TruthEvent, What, multiplied,
};
use crate::venue::{Channels, Frame};
use papertape::{
    market::{Level, Quote, TradeTick},
    model::{Side, Symbol, Timeframe, Timestamp},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

/// A local Coinbase: Exchange's REST, Advanced Trade's stream.
#[derive(Debug, Default)]
pub struct Coinbase {}

impl Coinbase {
    /// A local Coinbase.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }
}

fn error(status: u16, words: &str) -> Reply {
    Reply::json(status, &json!({ "message": words }))
}

fn result(request: &Request, truth: &Truth) -> Result<Value, Reply> {
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    let market = |id: &str| {
        let is_it = |market: &&TrueMarket| name(market.instrument.symbol()) == id;
        truth
            .markets
            .iter()
            .find(is_it)
            .ok_or_else(|| error(404, "NotFound"))
    };
    Ok(match parts[..] {
        ["time"] => json!({ "iso": truth.now.to_string(), "epoch": truth.now.millis() as f64 / 1e3 }),
        ["products"] => truth.markets.iter().map(product).collect(),
        ["products", id] => product(market(id)?),
        ["products", id, "candles"] => candles(request, market(id)?)?,
        ["products", id, "book"] => {
            let market = market(id)?;
            let best = |side| -> Value {
                let level = |level: Level| {
                    json!([
                        market.grid.price(level.price).to_string(),
                        market.grid.quantity(level.size).to_string(),
                        1
                    ])
                };
                market.book.levels(side).take(1).map(level).collect()
            };
            json!({ "bids": best(Side::Buy), "asks": best(Side::Sell), "sequence": market.last_id, "time": market.book.time().to_string() })
        }
        ["products", id, "trades"] => {
            let market = market(id)?;
            let limit = request.number("limit").unwrap_or(1_000).clamp(1, 1_000) as usize;
            let before = request.number("after").unwrap_or(i64::MAX);
            let older = market.trades.iter().rev().filter(|(id, _)| (*id as i64) < before);
            older
                .take(limit)
                .map(|(id, trade)| {
                    json!({ "trade_id": id, "side": maker(trade).to_lowercase(), "size": trade.size.to_string(),
                        "price": trade.price.to_string(), "time": trade.time.to_string() })
                })
                .collect()
        }
        _ => return Err(error(404, "NotFound")),
    })
}

fn candles(request: &Request, market: &TrueMarket) -> Result<Value, Reply> {
    let seconds = request.number("granularity").unwrap_or(60);
    if ![60, 300, 900, 3_600, 21_600, 86_400].contains(&seconds) {
        return Err(error(400, "Unsupported granularity"));
    }
    let time = |name| request.param(name).and_then(|text| Timestamp::parse(text).ok());
    let (Some(from), Some(to)) = (time("start"), time("end")) else {
        return Err(error(400, "start and end required"));
    };
    if (to.secs() - from.secs()) / seconds >= 300 {
        return Err(error(
            400,
            "granularity too small for the requested time range. Count of aggregations requested exceeds 300",
        ));
    }
    let timeframe =
        Timeframe::from_secs(seconds.unsigned_abs()).map_err(|_| error(400, "Unsupported granularity"))?;
    let bars = market.bars_of(timeframe);
    let inside = bars
        .iter()
        .rev()
        .filter(|bar| bar.open_time >= from && bar.open_time <= to);
    Ok(inside
        .map(|bar| {
            json!([
                bar.open_time.secs(),
                bar.low,
                bar.high,
                bar.open,
                bar.close,
                bar.volume
            ])
        })
        .collect())
}

impl Mock for Coinbase {
    fn answer(&mut self, request: &Request, truth: &Truth, _at: Duration) -> Reply {
        if request.header("user-agent").is_none() {
            return error(400, "User-Agent header is required.");
        }
        match result(request, truth) {
            Ok(value) => Reply::json(200, &value),
            Err(reply) => reply,
        }
    }

    fn connect(&mut self, _request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        Ok(Box::<CoinbaseSocket>::default())
    }

    fn refuse(&self, fault: Fault, retry_after: Duration) -> Reply {
        let retry = retry_after.as_secs();
        match fault {
            Fault::RateLimit => error(429, "Public rate limit exceeded").with("retry-after", retry),
            Fault::Ban => error(418, "banned").with("retry-after", retry),
            Fault::Html => Reply::text(
                200,
                "text/html",
                "<!DOCTYPE html><html><body>Just a moment</body></html>",
            ),
            _ => error(503, "ServiceUnavailable"),
        }
    }

    fn spoil(&self, frame: &Frame, how: Spoil) -> Option<Frame> {
        let Spoil::Price(times) = how else {
            return None;
        };
        let mut value: Value = serde_json::from_slice(frame.bytes()).ok()?;
        let event = value.get_mut("events")?.get_mut(0)?;
        let (list, fields): (&str, &[&str]) = match event.get("trades") {
            Some(_) => ("trades", &["price"]),
            None => ("tickers", &["best_bid", "best_ask"]),
        };
        let item = event.get_mut(list)?.get_mut(0)?;
        for field in fields {
            let price: f64 = item.get(field)?.as_str()?.parse().ok()?;
            item[field] = (times * price).to_string().into();
        }
        Some(Frame::Text(value.to_string()))
    }

    fn spoil_answer(&self, body: &Value, times: f64) -> Option<Value> {
        multiplied(body, &["price"], times)
    }
}

/// One socket.
#[derive(Debug, Default)]
struct CoinbaseSocket {
    /// Channel and product.
    subscribed: BTreeSet<(String, String)>,
    /// The number of the next message.
    next: u64,
}

impl CoinbaseSocket {
    fn message(&mut self, channel: &str, time: Timestamp, event: Value) -> Frame {
        let message = json!({ "channel": channel, "client_id": "", "timestamp": time.to_string(), "sequence_num": self.next,
            "events": [event] });
        self.next += 1;
        Frame::Text(message.to_string())
    }

    fn has(&self, channel: &str, market: &TrueMarket) -> bool {
        self.subscribed
            .contains(&(channel.to_owned(), name(market.instrument.symbol())))
    }

    fn subscriptions(&mut self, time: Timestamp) -> Frame {
        let mut all = json!({});
        for (channel, product) in &self.subscribed {
            match all[channel.as_str()].as_array_mut() {
                Some(products) => products.push(product.as_str().into()),
                None => all[channel.as_str()] = json!([product]),
            }
        }
        self.message("subscriptions", time, json!({ "subscriptions": all }))
    }

    fn snapshot(&mut self, channel: &str, market: &TrueMarket, time: Timestamp) -> Option<Frame> {
        Some(match channel {
            "level2" => {
                let levels = [Side::Buy, Side::Sell].map(|side| market.book.levels(side).collect::<Vec<_>>());
                let event = book("snapshot", market, &levels, time);
                self.message("l2_data", time, event)
            }
            "market_trades" => {
                let trades = market
                    .trades
                    .iter()
                    .rev()
                    .take(50)
                    .map(|(id, trade)| told(market, *id, trade));
                let event = json!({ "type": "snapshot", "trades": trades.collect::<Value>() });
                self.message("market_trades", time, event)
            }
            "ticker" => {
                let event = ticker("snapshot", market, &market.quote?);
                self.message("ticker", time, event)
            }
            _ => return None,
        })
    }
}

impl Conversation for CoinbaseSocket {
    fn received(&mut self, frame: &Frame, truth: &Truth, _at: Duration) -> Vec<Act> {
        let send = |frames: Vec<Frame>| frames.into_iter().map(Act::Send).collect();
        let refuse = || {
            let words = json!({ "type": "error", "message": "failed to parse" });
            vec![Act::Send(Frame::Text(words.to_string()))]
        };
        let Ok(request) = serde_json::from_slice::<Value>(frame.bytes()) else {
            return refuse();
        };
        let channel = request["channel"].as_str().unwrap_or_default().to_owned();
        let products = request["product_ids"].as_array().into_iter().flatten();
        let products: Vec<&str> = products.filter_map(Value::as_str).collect();
        let pair = |product: &&str| (channel.clone(), (*product).to_owned());
        let mut frames = Vec::new();
        match request["type"].as_str() {
            Some("subscribe") if channel == "heartbeats" => {
                frames.push(self.message(
                    "heartbeats",
                    truth.now,
                    json!({ "current_time": "", "heartbeat_counter": 1 }),
                ));
            }
            Some("subscribe") => {
                for product in &products {
                    let market = truth
                        .markets
                        .iter()
                        .find(|market| name(market.instrument.symbol()) == *product);
                    if let Some(market) = market {
                        self.subscribed.insert(pair(product));
                        frames.extend(self.snapshot(&channel, market, truth.now));
                    }
                }
                frames.push(self.subscriptions(truth.now));
            }
            Some("unsubscribe") => {
                for product in &products {
                    self.subscribed.remove(&pair(product));
                }
                frames.push(self.subscriptions(truth.now));
            }
            _ => return refuse(),
        }
        send(frames)
    }

    fn tell(&mut self, event: &TruthEvent, truth: &Truth) -> Vec<Frame> {
        let market = &truth.markets[event.symbol];
        let time = event.time;
        let (channel, event) = match &event.what {
            What::Trade { id, trade } if self.has("market_trades", market) => (
                "market_trades",
                json!({ "type": "update", "trades": [told(market, *id, trade)] }),
            ),
            What::Quote { quote, .. } if self.has("ticker", market) => {
                ("ticker", ticker("update", market, quote))
            }
            What::Depth(diff) if self.has("level2", market) => {
                let levels = [diff.update.bids.clone(), diff.update.asks.clone()];
                ("l2_data", book("update", market, &levels, time))
            }
            _ => return Vec::new(),
        };
        vec![self.message(channel, time, event)]
    }

    fn listens(&self, market: &TrueMarket) -> Channels {
        Channels {
            trades: self.has("market_trades", market),
            quotes: self.has("ticker", market),
            depth: self.has("level2", market),
            bars: false,
        }
    }
}

fn name(symbol: &Symbol) -> String {
    symbol.as_str().replace('/', "-")
}

const fn maker(trade: &TradeTick) -> &'static str {
    match trade.aggressor {
        Side::Buy => "SELL",
        Side::Sell => "BUY",
    }
}

fn product(market: &TrueMarket) -> Value {
    let instrument = &market.instrument;
    json!({ "id": name(instrument.symbol()), "base_increment": instrument.lot().to_string(),
        "quote_increment": instrument.tick().to_string(), "min_market_funds": "1", "status": "online",
        "post_only": false, "limit_only": false, "cancel_only": false, "trading_disabled": false })
}

fn told(market: &TrueMarket, id: u64, trade: &TradeTick) -> Value {
    json!({ "trade_id": id.to_string(), "product_id": name(market.instrument.symbol()), "price": trade.price.to_string(),
        "size": trade.size.to_string(), "side": maker(trade), "time": trade.time.to_string() })
}

fn ticker(kind: &str, market: &TrueMarket, quote: &Quote) -> Value {
    json!({ "type": kind, "tickers": [{ "type": "ticker", "product_id": name(market.instrument.symbol()),
        "price": quote.bid.to_string(), "best_bid": quote.bid.to_string(), "best_bid_quantity": quote.bid_size.to_string(),
        "best_ask": quote.ask.to_string(), "best_ask_quantity": quote.ask_size.to_string() }] })
}

fn book(kind: &str, market: &TrueMarket, levels: &[Vec<Level>; 2], time: Timestamp) -> Value {
    let grid = &market.grid;
    let changes = ["bid", "offer"].into_iter().zip(levels).flat_map(|(side, levels)| {
        levels.iter().map(move |level| {
            json!({ "side": side, "event_time": time.to_string(), "price_level": grid.price(level.price).to_string(),
                "new_quantity": grid.quantity(level.size).to_string() })
        })
    });
    json!({ "type": kind, "product_id": name(market.instrument.symbol()), "updates": changes.collect::<Value>() })
}
