//! CoinGecko's side of its protocol.

use super::{Conversation, Mock, Reply, Request, TrueMarket, Truth, multiplied};
use papertape::model::{Symbol, Timeframe};
use serde_json::{Value, json};
use std::time::Duration;

/// Ids of the coins that a truth may have, by ticker.
const IDS: [(&str, &str); 10] = [
    ("ADA", "cardano"),
    ("DOT", "polkadot"),
    ("MEW", "mew-coin"),
    ("PURR", "purr-coin"),
    ("BTC", "bitcoin"),
    ("ETH", "ethereum"),
    ("SOL", "solana"),
    ("XRP", "ripple"),
    ("DOGE", "dogecoin"),
    ("LTC", "litecoin"),
];

/// A local CoinGecko, where a key, if there is one, is `key`. Its prices are always new.
#[derive(Debug, Default)]
pub struct CoinGecko {}

impl CoinGecko {
    /// A local CoinGecko.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }
}

fn id_of(symbol: &Symbol) -> Option<&'static str> {
    let (ticker, _) = symbol.as_str().split_once('/')?;
    IDS.iter().find(|(known, _)| *known == ticker).map(|(_, id)| *id)
}

/// The market of a coin in a currency, in small letters.
fn find<'a>(truth: &'a Truth, id: &str, currency: &str) -> Option<&'a TrueMarket> {
    truth.markets.iter().find(|market| {
        let symbol = market.instrument.symbol();
        id_of(symbol) == Some(id) && symbol.quote().as_str().eq_ignore_ascii_case(currency)
    })
}

fn list(truth: &Truth) -> Value {
    let mut coins = Vec::new();
    for market in &truth.markets {
        let symbol = market.instrument.symbol();
        let ticker = symbol.as_str().split('/').next().unwrap_or("").to_lowercase();
        let id = id_of(symbol).unwrap_or_default();
        // Others have taken the same ticker.
        for (id, name) in [(format!("wrapped-{id}"), "Wrapped"), (id.to_owned(), "Coin")] {
            coins.push(json!({ "id": id, "symbol": ticker, "name": name }));
        }
    }
    coins.into()
}

fn prices(request: &Request, truth: &Truth) -> Value {
    let mut all = json!({});
    let each = |name| request.param(name).unwrap_or_default().split(',');
    // Every coin is told in every currency; what there is not is simply missing.
    for id in each("ids") {
        for currency in each("vs_currencies") {
            if let Some(market) = find(truth, id, currency) {
                all[id][currency] = json!(market.last_price());
                all[id]["last_updated_at"] = json!(truth.now.secs());
            }
        }
    }
    all
}

/// Bars named by their end; the last one ends now.
fn ohlc(request: &Request, truth: &Truth, id: &str) -> Option<Value> {
    let market = find(truth, id, request.param("vs_currency")?)?;
    let (days, step) = match request.number("days")? {
        1 | 2 => (1, 1_800),
        7 | 14 | 30 => (30, 4 * 3_600),
        _ => return None,
    };
    let timeframe = Timeframe::from_secs(step).ok()?;
    let from = truth.now.plus_nanos(-days * 86_400 * 1_000_000_000);
    let bars = market.bars_of(timeframe).into_iter();
    let row = |bar: papertape::market::Bar| {
        let end = timeframe.close_of(bar.open_time).min(truth.now);
        json!([end.millis(), bar.open, bar.high, bar.low, bar.close])
    };
    Some(bars.filter(|bar| bar.open_time >= from).map(row).collect())
}

impl Mock for CoinGecko {
    fn answer(&mut self, request: &Request, truth: &Truth, _at: Duration) -> Reply {
        let mut keys = ["x-cg-pro-api-key", "x-cg-demo-api-key"].into_iter();
        if keys.any(|name| request.header(name).is_some_and(|key| key != "key")) {
            let words = "Invalid API key";
            let body = json!({ "status": { "error_code": 401, "error_message": words } });
            return Reply::json(401, &body);
        }
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let body = match parts[..] {
            ["ping"] => Some(json!({ "gecko_says": "(V3) To the Moon!" })),
            ["coins", "list"] => Some(list(truth)),
            ["simple", "price"] => Some(prices(request, truth)),
            ["coins", id, "ohlc"] => ohlc(request, truth, id),
            _ => None,
        };
        body.map_or_else(
            || Reply::json(404, &json!({ "error": "coin not found" })),
            |body| Reply::json(200, &body),
        )
    }

    fn connect(&mut self, _request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        Err(Reply::json(404, &json!({ "error": "Incorrect path" })))
    }

    fn refuse(&self, fault: super::Fault, retry_after: Duration) -> Reply {
        use super::Fault;
        match fault {
            Fault::RateLimit | Fault::Ban => {
                let status = if fault == Fault::Ban { 418 } else { 429 };
                let words = "You've exceeded the Rate Limit.";
                let body = json!({ "status": { "error_code": status, "error_message": words } });
                Reply::json(status, &body).with("retry-after", retry_after.as_secs())
            }
            Fault::Html => Reply::text(
                200,
                "text/html",
                "<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>",
            ),
            _ => Reply::text(503, "text/html", "<html>Service Unavailable</html>"),
        }
    }

    fn spoil_answer(&self, body: &Value, times: f64) -> Option<Value> {
        multiplied(body, &["usd"], times)
    }
}
