//! Yahoo's side of its chart, for coins or for shares.

use super::{Conversation, Mock, Reply, Request, TrueMarket, Truth};
use papertape::{
    market::Bar,
    model::{Timeframe, Timestamp},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// A local Yahoo.
#[derive(Debug, Default)]
pub struct Yahoo {
    has_sessions: bool,
}

impl Yahoo {
    /// A local Yahoo of coins.
    #[must_use]
    pub const fn new() -> Self {
        Self { has_sessions: false }
    }

    /// One of shares, whose hours begin at half past.
    #[must_use]
    pub const fn stocks() -> Self {
        Self { has_sessions: true }
    }

    /// The bars of a length as it has them.
    fn bars(&self, market: &TrueMarket, timeframe: Timeframe) -> Vec<Bar> {
        if !self.has_sessions || timeframe != Timeframe::HOUR {
            return market.bars_of(timeframe);
        }
        let shifted = |secs: i64| {
            move |bar: Bar| Bar {
                open_time: bar.open_time.plus_nanos(secs * 1_000_000_000),
                ..bar
            }
        };
        let minutes = market.bars_of(Timeframe::MINUTE).into_iter();
        let minutes: Vec<Bar> = minutes.map(shifted(-1_800)).collect();
        let hours = market.joined(minutes.iter(), Timeframe::MINUTE, timeframe);
        hours.into_iter().map(shifted(1_800)).collect()
    }

    fn chart(&self, request: &Request, truth: &Truth) -> Result<Value, Reply> {
        let name = request.path.strip_prefix("/v8/finance/chart/").unwrap_or("");
        let is_it = |market: &&TrueMarket| market.instrument.symbol().as_str().replace('/', "-") == name;
        let market = truth
            .markets
            .iter()
            .find(is_it)
            .ok_or_else(|| error(404, "Not Found", "No data found, symbol may be delisted"))?;
        let interval = request.param("interval").unwrap_or("1d");
        let (_, secs) = INTERVALS
            .iter()
            .find(|(known, _)| *known == interval)
            .ok_or_else(|| error(400, "Bad Request", "Invalid input - interval is not supported"))?;
        let timeframe = Timeframe::from_secs(*secs).map_err(|_| error(400, "Bad Request", "interval"))?;
        let day = 86_400;
        let from = request.number("period1").unwrap_or(truth.now.secs() / day * day);
        let to = request.number("period2").unwrap_or(i64::MAX);
        if interval == "1m" && to != i64::MAX && to - from > 8 * day {
            return Err(error(
                422,
                "Unprocessable Entity",
                "1m data not available. Only 8 days worth of 1m granularity data are allowed to be fetched per request.",
            ));
        }
        let last_trade = market.trades.back().map_or(truth.now, |(_, trade)| trade.time);
        let mut body =
            json!({ "meta": self.meta(market, name, interval, last_trade), "indicators": { "quote": [{}] } });
        let inside = |bar: &Bar| bar.open_time.secs() >= from && bar.open_time.secs() < to;
        let bars: BTreeMap<i64, Bar> = self
            .bars(market, timeframe)
            .into_iter()
            .filter(inside)
            .map(|bar| (bar.open_time.secs(), bar))
            .collect();
        // An empty span has no `timestamp` at all.
        if let (Some((first, _)), Some((last, _))) = (bars.first_key_value(), bars.last_key_value()) {
            let (times, rows) = rows(&bars, (*first, *last), *secs as i64, last_trade);
            body["timestamp"] = json!(times);
            body["indicators"]["quote"][0] = rows;
        }
        Ok(json!({ "chart": { "result": [body], "error": Value::Null } }))
    }

    fn meta(&self, market: &TrueMarket, name: &str, interval: &str, last_trade: Timestamp) -> Value {
        let (kind, zone, offset) = if self.has_sessions {
            ("EQUITY", "America/New_York", -14_400)
        } else {
            ("CRYPTOCURRENCY", "UTC", 0)
        };
        json!({ "currency": market.instrument.symbol().quote(), "symbol": name, "exchangeName": "CCC",
            "instrumentType": kind, "regularMarketTime": last_trade.secs(), "gmtoffset": offset,
            "exchangeTimezoneName": zone, "regularMarketPrice": market.last_price(), "priceHint": 2,
            "dataGranularity": interval, "validRanges": ["1d", "5d", "max"] })
    }
}

const INTERVALS: [(&str, u64); 5] = [
    ("1m", 60),
    ("5m", 300),
    ("15m", 900),
    ("1h", 3_600),
    ("1d", 86_400),
];

fn error(status: u16, code: &str, words: &str) -> Reply {
    let failure = json!({ "code": code, "description": words });
    Reply::json(
        status,
        &json!({ "chart": { "result": Value::Null, "error": failure } }),
    )
}

/// Columns beside their times: null where a bar is missing, and the bar in the making at the time of its last trade.
fn rows(
    bars: &BTreeMap<i64, Bar>,
    (first, last): (i64, i64),
    step: i64,
    last_trade: Timestamp,
) -> (Vec<i64>, Value) {
    let mut times: Vec<i64> = (0..=(last - first) / step)
        .map(|place| first + place * step)
        .collect();
    let column = |value: fn(&Bar) -> f64| -> Vec<Option<f64>> {
        times.iter().map(|time| bars.get(time).map(value)).collect()
    };
    let columns = json!({
        "open": column(|bar| bar.open), "high": column(|bar| bar.high), "low": column(|bar| bar.low),
        "close": column(|bar| bar.close), "volume": column(|bar| bar.volume),
    });
    let is_open = last_trade.secs() >= last && last_trade.secs() < last + step;
    if let Some(time) = times.last_mut().filter(|_| is_open) {
        *time = last_trade.secs();
    }
    (times, columns)
}

impl Mock for Yahoo {
    fn answer(&mut self, request: &Request, truth: &Truth, _at: Duration) -> Reply {
        let is_browser = |agent: &str| agent.starts_with("Mozilla/");
        if !request.header("user-agent").is_some_and(is_browser) {
            return Reply::text(429, "text/plain", "Too Many Requests");
        }
        match self.chart(request, truth) {
            Ok(body) => Reply::json(200, &body),
            Err(reply) => reply,
        }
    }

    fn connect(&mut self, _request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        Err(Reply::text(404, "text/html", "<html></html>"))
    }

    /// The last bar that has closed.
    fn spoil_answer(&self, body: &Value, times: f64) -> Option<Value> {
        let mut spoiled = body.clone();
        let quote = spoiled.pointer_mut("/chart/result/0/indicators/quote/0")?;
        for name in ["open", "high", "low", "close"] {
            let column = quote.get_mut(name)?.as_array_mut()?;
            let row = column.iter_mut().rev().skip(1).find(|row| row.is_f64())?;
            *row = (times * row.as_f64()?).into();
        }
        Some(spoiled)
    }
}
