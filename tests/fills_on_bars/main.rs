//! Orders meet bars: each test is a strategy, a few bars, and the journal that a reader would expect.

mod edges;
mod prices;
mod sessions;

use papertape::engine::{Command, Fees, Input};
use papertape::exchange::SlippageModel;
use papertape::market::{Bar, MarketEvent, Quote};
use papertape::model::{Instrument, Money, Timestamp};
use papertape::testkit::{Bench, config, decimal};

/// Buys one coin at the market whenever the close is above 100; the rest of the file is what the test is about.
fn buys_above_100(rest: &str) -> String {
    format!(
        "name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {{long: close > 100}}\nexit: {{long: close < 50}}\n{rest}"
    )
}

const ONE: &str = "risk: {size: {method: fixed_quantity, value: 1}}\n";

fn with_risk(risk: &str) -> String {
    buys_above_100(&format!(
        "risk: {{size: {{method: fixed_quantity, value: 1}}, {risk}}}\n"
    ))
}
