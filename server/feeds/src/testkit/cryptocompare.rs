//! CryptoCompare's side of its protocol: an exchange, `Coinbase`, and the index. Its errors have status 200.

use super::{
    Act, Conversation, Mock, Reply, Request, Spoil, TrueMarket, Truth, TruthEvent, What, multiplied,
    multiplied_frame,
};
use crate::venue::{Channels, Frame};
use papertape::{
    market::{Bar, TradeTick},
    model::{Side, Timeframe, Timestamp},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A local CryptoCompare, where the key is `key`; requests need none.
#[derive(Debug, Default)]
pub struct CryptoCompare {}

impl CryptoCompare {
    /// A local CryptoCompare.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }
}

/// The longest list of coins.
const MOST_BASES: usize = 1_000;

fn failure(kind: i64, words: &str, parameter: &str) -> Value {
    json!({ "Response": "Error", "Message": words, "HasWarning": false, "Type": kind, "RateLimit": {}, "Data": {},
        "ParamWithError": parameter })
}

fn find<'a>(truth: &'a Truth, base: Option<&str>, quote: Option<&str>) -> Result<&'a TrueMarket, Value> {
    let (base, quote) = (base.unwrap_or(""), quote.unwrap_or(""));
    let name = format!("{base}/{quote}");
    truth
        .markets
        .iter()
        .find(|market| market.instrument.symbol().as_str() == name)
        .ok_or_else(|| {
            failure(
                2,
                &format!("the market does not exist for this coin pair ({base}-{quote})"),
                "fsym",
            )
        })
}

fn result(request: &Request, truth: &Truth) -> Result<Value, Value> {
    if request
        .header("authorization")
        .is_some_and(|key| key != "Apikey key")
    {
        return Err(failure(
            99,
            "You need a valid auth key or api key to access this endpoint",
            "",
        ));
    }
    let history = |step: u64| {
        let market = find(truth, request.param("fsym"), request.param("tsym"))?;
        let timeframe = Timeframe::from_secs(step).unwrap_or(Timeframe::MINUTE);
        Ok(history(request, truth, market, timeframe))
    };
    match request.path.as_str() {
        "/data/price" => {
            let quote = request.param("tsyms").unwrap_or("");
            let market = find(truth, request.param("fsym"), Some(quote))?;
            Ok(json!({ quote: market.last_price() }))
        }
        "/data/pricemultifull" => {
            let all = |name| request.param(name).unwrap_or_default().split(',');
            if request
                .param("fsyms")
                .is_some_and(|bases| bases.len() > MOST_BASES)
            {
                return Err(failure(2, "fsyms param is invalid. (max length 1000)", "fsyms"));
            }
            // Of an exchange each coin must be there in each currency.
            let mut raw = json!({});
            for (base, quote) in all("fsyms").flat_map(|base| all("tsyms").map(move |quote| (base, quote))) {
                let market = find(truth, Some(base), Some(quote))?;
                let last = market.trades.back().map(|(_, trade)| trade);
                raw[base][quote] = json!({ "PRICE": market.last_price(),
                    "LASTUPDATE": last.map_or(truth.now, |trade| trade.time).secs(),
                    "LASTVOLUME": last.map_or(0.0, |trade| trade.size) });
            }
            Ok(json!({ "RAW": raw, "DISPLAY": {} }))
        }
        "/data/v2/histominute" => history(60),
        "/data/v2/histohour" => history(3_600),
        "/data/v2/histoday" => history(86_400),
        _ => Err(failure(1, "Path does not exist", "path")),
    }
}

/// One row more than `limit`, the last of them with `toTs` in it; of zeros where there is no history.
fn history(request: &Request, truth: &Truth, market: &TrueMarket, timeframe: Timeframe) -> Value {
    let now = truth.now.secs();
    let to = request.number("toTs").unwrap_or(now).min(now);
    let last = timeframe.floor(Timestamp::from_secs(to));
    let limit = request.number("limit").unwrap_or(1_440).clamp(1, 2_000);
    let bars: BTreeMap<Timestamp, Bar> = market
        .bars_of(timeframe)
        .into_iter()
        .map(|bar| (bar.open_time, bar))
        .collect();
    let row = |place: i64| {
        let time = last.plus_nanos(-place * timeframe.nanos());
        let bar = bars.get(&time);
        let field = |value: fn(&Bar) -> f64| bar.map_or(0.0, value);
        json!({ "time": time.secs(), "open": field(|bar| bar.open), "high": field(|bar| bar.high),
            "low": field(|bar| bar.low), "close": field(|bar| bar.close), "volumefrom": field(|bar| bar.volume),
            "volumeto": field(|bar| bar.volume * bar.close), "conversionType": "direct", "conversionSymbol": "" })
    };
    let rows: Vec<Value> = (0..=limit).rev().map(row).collect();
    let data =
        json!({ "Aggregated": false, "TimeFrom": rows[0]["time"], "TimeTo": last.secs(), "Data": rows });
    json!({ "Response": "Success", "Message": "", "HasWarning": false, "Type": 100, "RateLimit": {}, "Data": data })
}

impl Mock for CryptoCompare {
    fn answer(&mut self, request: &Request, truth: &Truth, _at: Duration) -> Reply {
        let body = result(request, truth).unwrap_or_else(|failure| failure);
        Reply::json(200, &body)
    }

    fn connect(&mut self, request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        if request.path != "/v2" {
            return Err(Reply::text(404, "text/plain", "not found"));
        }
        Ok(Box::new(CryptoCompareSocket {
            is_authorized: request.param("api_key") == Some("key"),
            subscribed: BTreeSet::new(),
        }))
    }

    fn spoil(&self, frame: &Frame, how: Spoil) -> Option<Frame> {
        match how {
            Spoil::Checksum => None,
            Spoil::Price(times) => multiplied_frame(frame, &["P", "PRICE"], times),
        }
    }

    fn spoil_answer(&self, body: &Value, times: f64) -> Option<Value> {
        multiplied(body, &["PRICE"], times)
    }
}

/// One socket.
#[derive(Debug)]
struct CryptoCompareSocket {
    is_authorized: bool,
    /// As they were asked for: `0~Coinbase~BTC~USD`.
    subscribed: BTreeSet<String>,
}

fn text(message: &Value) -> Frame {
    Frame::Text(message.to_string())
}

fn pair(market: &TrueMarket) -> (&str, &str) {
    let name = market.instrument.symbol().as_str();
    name.split_once('/').unwrap_or((name, ""))
}

impl CryptoCompareSocket {
    fn has(&self, kind: &str, exchange: &str, market: &TrueMarket, unit: &str) -> bool {
        let (base, quote) = pair(market);
        self.subscribed
            .contains(&format!("{kind}~{exchange}~{base}~{quote}{unit}"))
    }

    fn add(&mut self, sub: &str, truth: &Truth) -> Act {
        let parts: Vec<&str> = sub.split('~').collect();
        let is_known = match parts[..] {
            ["0" | "2", "Coinbase", base, quote]
            | ["5", "CCCAGG", base, quote]
            | ["24", "Coinbase" | "CCCAGG", base, quote, "m"] => find(truth, Some(base), Some(quote)).is_ok(),
            _ => false,
        };
        if !is_known {
            return Act::Send(text(
                &json!({ "TYPE": "500", "MESSAGE": "INVALID_SUB", "PARAMETER": sub,
                "INFO": "We have not integrated any of the exchanges this pair trades on" }),
            ));
        }
        self.subscribed.insert(sub.to_owned());
        Act::Send(text(
            &json!({ "TYPE": "16", "MESSAGE": "SUBSCRIBECOMPLETE", "SUB": sub }),
        ))
    }
}

impl Conversation for CryptoCompareSocket {
    fn opened(&mut self, _truth: &Truth) -> Vec<Act> {
        let message = if self.is_authorized {
            json!({ "TYPE": "20", "MESSAGE": "STREAMERWELCOME", "SERVER_UPTIME_SECONDS": 1_262_462,
                "SERVER_NAME": "08", "SERVER_TIME_MS": 0, "CLIENT_ID": 35_280, "DATA_FORMAT": "JSON" })
        } else {
            json!({ "TYPE": "401", "MESSAGE": "UNAUTHORIZED", "INFO": "Invalid API key" })
        };
        vec![Act::Send(text(&message))]
    }

    fn received(&mut self, frame: &Frame, truth: &Truth, _at: Duration) -> Vec<Act> {
        let request: Value = serde_json::from_slice(frame.bytes()).unwrap_or_default();
        let subs = request["subs"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let mut acts = Vec::new();
        match request["action"].as_str() {
            _ if !self.is_authorized => {}
            Some("SubAdd") => {
                acts.extend(subs.map(|sub| self.add(sub, truth)));
                acts.push(Act::Send(text(
                    &json!({ "TYPE": "3", "MESSAGE": "LOADCOMPLETE", "INFO": "All your valid subs have been loaded." }),
                )));
            }
            Some("SubRemove") => acts.extend(subs.map(|sub| {
                self.subscribed.remove(sub);
                Act::Send(text(
                    &json!({ "TYPE": "17", "MESSAGE": "UNSUBSCRIBECOMPLETE", "SUB": sub }),
                ))
            })),
            _ => acts.push(Act::Send(text(
                &json!({ "TYPE": "500", "MESSAGE": "INVALID_JSON", "PARAMETER": "action", "INFO": "" }),
            ))),
        }
        acts
    }

    fn tell(&mut self, event: &TruthEvent, truth: &Truth) -> Vec<Frame> {
        let market = &truth.markets[event.symbol];
        let What::Trade { id, trade } = &event.what else {
            return Vec::new();
        };
        let (base, quote) = pair(market);
        let mut frames = Vec::new();
        if self.has("0", "Coinbase", market, "") {
            frames.push(text(&trade_message(market, *id, trade)));
        }
        if self.has("5", "CCCAGG", market, "") {
            frames.push(text(
                &json!({ "TYPE": "5", "MARKET": "CCCAGG", "FROMSYMBOL": base, "TOSYMBOL": quote, "FLAGS": "4",
                "PRICE": trade.price, "LASTUPDATE": trade.time.secs(), "LASTVOLUME": trade.size }),
            ));
        }
        for exchange in ["Coinbase", "CCCAGG"] {
            if self.has("24", exchange, market, "~m") {
                frames.extend(
                    market
                        .open_bar()
                        .map(|bar| text(&bar_message(market, exchange, bar))),
                );
            }
        }
        frames
    }

    fn listens(&self, market: &TrueMarket) -> Channels {
        Channels {
            trades: self.has("0", "Coinbase", market, "") || self.has("5", "CCCAGG", market, ""),
            bars: ["Coinbase", "CCCAGG"]
                .iter()
                .any(|exchange| self.has("24", exchange, market, "~m")),
            ..Channels::default()
        }
    }
}

fn trade_message(market: &TrueMarket, id: u64, trade: &TradeTick) -> Value {
    let (base, quote) = pair(market);
    let flag = if trade.aggressor == Side::Buy { "2" } else { "1" };
    json!({ "TYPE": "0", "M": "Coinbase", "FSYM": base, "TSYM": quote, "F": flag, "ID": id.to_string(),
        "TS": trade.time.secs(), "Q": trade.size, "P": trade.price, "TOTAL": trade.size * trade.price,
        "RTS": trade.time.secs() })
}

fn bar_message(market: &TrueMarket, exchange: &str, bar: &Bar) -> Value {
    let (base, quote) = pair(market);
    json!({ "TYPE": "24", "MARKET": exchange, "FROMSYMBOL": base, "TOSYMBOL": quote, "TS": bar.open_time.secs(),
        "UNIT": "MINUTE", "ACTION": "U", "OPEN": bar.open, "HIGH": bar.high, "LOW": bar.low, "CLOSE": bar.close,
        "VOLUMEFROM": bar.volume, "VOLUMETO": bar.volume * bar.close })
}
