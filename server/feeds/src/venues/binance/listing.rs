//! What is listed, with its filters.

use crate::{venue::Listing, venues::reading::Answers};
use papertape::{
    exchange::TradingStatus,
    model::{Instrument, OrderLimits},
};
use rust_decimal::Decimal;
use serde::Deserialize;

/// `/exchangeInfo`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExchangeInfo {
    symbols: Vec<Entry>,
    /// Each may be of a kind that is not known here.
    #[serde(default)]
    rate_limits: Vec<serde_json::Value>,
}

/// So much of what is counted in so many intervals.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RateLimit {
    rate_limit_type: String,
    interval: String,
    interval_num: u32,
    limit: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    symbol: String,
    status: String,
    base_asset: String,
    quote_asset: String,
    #[serde(default = "eight")]
    quote_asset_precision: u32,
    #[serde(default = "eight")]
    base_asset_precision: u32,
    filters: Vec<Filter>,
}

const fn eight() -> u32 {
    8
}

/// What a filter may hold; which fields are there depends on its type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    filter_type: String,
    #[serde(default)]
    tick_size: Decimal,
    #[serde(default)]
    step_size: Decimal,
    #[serde(default)]
    min_qty: Decimal,
    #[serde(default)]
    max_qty: Decimal,
    #[serde(default)]
    min_notional: Decimal,
    #[serde(default)]
    max_notional: Decimal,
    multiplier_up: Option<Decimal>,
    multiplier_down: Option<Decimal>,
    bid_multiplier_up: Option<Decimal>,
    bid_multiplier_down: Option<Decimal>,
    ask_multiplier_up: Option<Decimal>,
    ask_multiplier_down: Option<Decimal>,
    max_num_orders: Option<u32>,
}

impl Filter {
    /// How far a price may lie from the reference on either side, as a share of it: the nearest of all its bounds, since an
    /// instrument here has one band for both sides. None when it is no bound on one of them.
    fn band(&self) -> Option<Decimal> {
        let above = [self.multiplier_up, self.bid_multiplier_up, self.ask_multiplier_up];
        let below = [
            self.multiplier_down,
            self.bid_multiplier_down,
            self.ask_multiplier_down,
        ];
        let above = above.into_iter().flatten().map(|up| up.checked_sub(Decimal::ONE));
        let below = below
            .into_iter()
            .flatten()
            .map(|down| Decimal::ONE.checked_sub(down));
        // What cannot be subtracted is the least of all, and no bound.
        let nearest = above.chain(below).min().flatten();
        nearest.filter(|band| *band > Decimal::ZERO && *band < Decimal::ONE)
    }
}

impl ExchangeInfo {
    /// What requests may weigh in a minute: those of a minute's limits, and no more than there may be requests, whatever they weigh,
    /// since each weighs 1 at least. `None` when it does not say.
    pub(super) fn weight_a_minute(&self) -> Option<u32> {
        let limits = self.rate_limits.iter().filter_map(|limit| {
            let limit = RateLimit::deserialize(limit).ok()?;
            let is_of_requests = ["REQUEST_WEIGHT", "RAW_REQUESTS"].contains(&&*limit.rate_limit_type);
            let is_of_minutes = is_of_requests && limit.interval == "MINUTE";
            let a_minute = limit.limit.checked_div(limit.interval_num)?;
            is_of_minutes.then_some(a_minute)
        });
        limits.min()
    }

    /// Those that can be instruments here; a symbol or a step that cannot is left out.
    pub(super) fn listings(self) -> Vec<Listing> {
        self.symbols.iter().filter_map(listing).collect()
    }

    /// The only one.
    pub(super) fn into_only(self, answers: &Answers, symbol: &str) -> Result<Vec<Listing>, crate::FeedError> {
        let listings = self.listings();
        if listings.is_empty() {
            return Err(answers.unknown(symbol));
        }
        Ok(listings)
    }
}

fn listing(entry: &Entry) -> Option<Listing> {
    let step = |set: Decimal, digits: u32| {
        if set.is_zero() {
            Decimal::new(1, digits.min(28))
        } else {
            set
        }
    };
    let (mut tick, mut lot, mut least) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    let mut limits = OrderLimits::default();
    let some = |value: Decimal| (value > Decimal::ZERO).then_some(value);
    for filter in &entry.filters {
        match filter.filter_type.as_str() {
            "PRICE_FILTER" => tick = filter.tick_size,
            "LOT_SIZE" => {
                lot = filter.step_size;
                limits.minimum_quantity = some(filter.min_qty);
                limits.maximum_quantity = some(filter.max_qty);
            }
            "MIN_NOTIONAL" => least = least.max(filter.min_notional),
            "NOTIONAL" => {
                least = least.max(filter.min_notional);
                limits.maximum_notional = some(filter.max_notional);
            }
            "PERCENT_PRICE" | "PERCENT_PRICE_BY_SIDE" => limits.price_band = filter.band(),
            "MAX_NUM_ORDERS" => limits.maximum_open_orders = filter.max_num_orders.filter(|most| *most > 0),
            _ => {}
        }
    }
    let instrument = Instrument::new(
        format!("{}/{}", entry.base_asset, entry.quote_asset)
            .parse()
            .ok()?,
        step(tick, entry.quote_asset_precision),
        step(lot, entry.base_asset_precision),
        least,
        Decimal::ONE,
    )
    .ok()?;
    if limits.problems().is_empty() {
        Some(instrument.with_limits(limits))
    } else {
        // Limits that contradict each other are none.
        Some(instrument)
    }
    .map(|instrument| Listing {
        instrument,
        venue_symbol: entry.symbol.as_str().into(),
        status: match entry.status.as_str() {
            "TRADING" => TradingStatus::Trading,
            _ => TradingStatus::Halted,
        },
    })
}
