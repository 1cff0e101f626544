//! Alpaca's answers over REST.

use super::{
    super::reading::{self, Answers, TakerGuess},
    Market,
    stream::{is_the_price, trade_id},
};
use crate::{
    rest::Answer,
    venue::{FeedError, Listing, PastBars, Reach, Told},
};
use papertape::{
    exchange::TradingStatus,
    market::{Bar, CalendarId, TradeTick},
    model::{Instrument, InstrumentKind, OrderLimits, Side, Symbol, Timeframe, Timestamp, decimal},
};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Shares are divided into 10⁻⁹ where they are divided at all.
const FRACTION_DIGITS: u32 = 9;

/// `{"code":42210000,"message":".."}`, in which the code may be missing.
#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    message: String,
}

/// The body of a success; what else it is, an error says.
fn success<'a>(
    answers: &Answers,
    answer: &'a Answer,
    symbol: Option<&Symbol>,
) -> Result<&'a [u8], FeedError> {
    if answer.status == 200 {
        return Ok(&answer.body);
    }
    let words = serde_json::from_slice::<Failure>(&answer.body).map_or(String::new(), |it| it.message);
    match symbol {
        Some(symbol) if answer.status == 404 || words.contains("invalid symbol") => {
            Err(answers.unknown(symbol))
        }
        _ => Err(answers.refusal(answer, Some(&words))),
    }
}

/// `15Min`, `1Day`: lengths in the venue's words.
pub(super) fn timeframe_name(timeframe: Timeframe) -> Option<String> {
    let minutes = timeframe.secs() / 60;
    match timeframe.secs() {
        86_400 => Some("1Day".to_owned()),
        secs if secs % 3_600 == 0 && minutes / 60 < 24 => Some(format!("{}Hour", minutes / 60)),
        secs if secs % 60 == 0 && minutes < 60 => Some(format!("{minutes}Min")),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Asset {
    symbol: String,
    status: String,
    #[serde(default)]
    fractionable: bool,
    #[serde(default, with = "decimal::option")]
    min_order_size: Option<Decimal>,
    #[serde(default, with = "decimal::option")]
    min_trade_increment: Option<Decimal>,
    #[serde(default, with = "decimal::option")]
    price_increment: Option<Decimal>,
}

/// The whole list; what cannot be an instrument here (a name that is none, a step of 0) is left out.
pub(super) fn assets(answers: &Answers, market: Market, answer: &Answer) -> Result<Vec<Listing>, FeedError> {
    let assets: Vec<Asset> = answers.json(success(answers, answer, None)?)?;
    Ok(assets
        .into_iter()
        .filter_map(|asset| listing(market, asset))
        .collect())
}

/// One of them.
pub(super) fn asset(
    answers: &Answers,
    market: Market,
    symbol: &Symbol,
    answer: &Answer,
) -> Result<Listing, FeedError> {
    let asset = answers.json(success(answers, answer, Some(symbol))?)?;
    listing(market, asset)
        .filter(|listing| listing.instrument.symbol() == symbol)
        .ok_or_else(|| answers.unknown(symbol))
}

fn listing(market: Market, asset: Asset) -> Option<Listing> {
    let symbol: Symbol = asset.symbol.parse().ok()?;
    let instrument = match market {
        // Prices below 1 have steps of a hundredth of this; an instrument has one.
        Market::Stocks => {
            let (lot, minimum) = if asset.fractionable {
                (Decimal::new(1, FRACTION_DIGITS), Decimal::ONE)
            } else {
                (Decimal::ONE, Decimal::ZERO)
            };
            Instrument::new(symbol, Decimal::new(1, 2), lot, minimum, Decimal::ONE)
                .ok()?
                .with_kind(InstrumentKind::Equity)
                .with_calendar(CalendarId::UsEquities)
        }
        Market::Crypto => {
            let lot = asset.min_trade_increment?;
            let limits = OrderLimits {
                minimum_quantity: asset.min_order_size.filter(|least| *least > Decimal::ZERO),
                ..OrderLimits::default()
            };
            Instrument::new(symbol, asset.price_increment?, lot, Decimal::ZERO, Decimal::ONE)
                .ok()?
                .with_limits(limits)
        }
    };
    Some(Listing {
        instrument,
        venue_symbol: asset.symbol.into(),
        // One that is not for Alpaca's own customers trades all the same.
        status: match &*asset.status {
            "active" => TradingStatus::Trading,
            _ => TradingStatus::Ended,
        },
    })
}

#[derive(Deserialize)]
struct WireBar {
    t: Timestamp,
    o: f64,
    h: f64,
    l: f64,
    c: f64,
    v: f64,
}

#[derive(Deserialize)]
struct BarPage {
    /// Null when there are none.
    bars: Option<BTreeMap<String, Vec<WireBar>>>,
    next_page_token: Option<String>,
}

/// The closed bars of a page, and the next page's name.
pub(super) fn bars(
    answers: &Answers,
    listing: &Listing,
    timeframe: Timeframe,
    span: (Timestamp, Timestamp),
    answer: &Answer,
) -> Result<(PastBars, Option<String>), FeedError> {
    let page: BarPage = answers.json(success(answers, answer, Some(listing.instrument.symbol()))?)?;
    let mine = page.bars.unwrap_or_default().remove(&*listing.venue_symbol);
    let rows = mine.unwrap_or_default().into_iter().map(|bar| Bar {
        // A day of shares begins at midnight in New York, which is in the same day of UTC.
        open_time: if timeframe == Timeframe::DAY {
            timeframe.floor(bar.t)
        } else {
            bar.t
        },
        open: bar.o,
        high: bar.h,
        low: bar.l,
        close: bar.c,
        volume: bar.v,
    });
    let bars = PastBars::of(rows, timeframe, span, Reach::Whole);
    Ok((bars, page.next_page_token))
}

#[derive(Deserialize)]
struct LatestTrade {
    t: Timestamp,
    p: f64,
    s: f64,
    #[serde(default)]
    i: Option<u64>,
    #[serde(default)]
    x: String,
    #[serde(default)]
    z: String,
    #[serde(default)]
    c: Vec<String>,
    #[serde(default)]
    tks: String,
}

impl LatestTrade {
    /// Its number: of coins the venue's, of shares each exchange's own.
    fn number(&self) -> Option<u64> {
        if self.x.is_empty() {
            self.i
        } else {
            trade_id(&self.x, self.i)
        }
    }

    fn is_the_price(&self) -> bool {
        is_the_price(&self.z, self.c.iter().map(String::as_str))
    }

    fn aggressor(&self, taker: &mut TakerGuess) -> Side {
        match &*self.tks {
            "B" => Side::Buy,
            "S" => Side::Sell,
            _ => taker.traded(self.p),
        }
    }

    fn tick(&self, taker: &mut TakerGuess) -> TradeTick {
        reading::past_trade(self.t, self.p, self.s, self.aggressor(taker))
    }
}

#[derive(Deserialize)]
struct TradePage {
    /// Null when there are none.
    trades: Option<BTreeMap<String, Vec<LatestTrade>>>,
}

/// Past trades, oldest first, under the numbers that the stream gives them. What has none, or is no price, is left out, as there.
pub(super) fn trades(
    answers: &Answers,
    listing: &Listing,
    answer: &Answer,
) -> Result<Vec<(u64, TradeTick)>, FeedError> {
    let page: TradePage = answers.json(success(answers, answer, Some(listing.instrument.symbol()))?)?;
    let mine = page.trades.unwrap_or_default().remove(&*listing.venue_symbol);
    let mut taker = TakerGuess::default();
    let trades = mine.unwrap_or_default().into_iter();
    let trades = trades.filter(LatestTrade::is_the_price).filter_map(|trade| {
        let tick = trade.tick(&mut taker);
        Some((trade.number()?, tick))
    });
    Ok(trades.collect())
}

#[derive(Deserialize)]
struct LatestQuote {
    t: Timestamp,
    bp: f64,
    bs: f64,
    ap: f64,
    #[serde(rename = "as")]
    a_s: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot {
    #[serde(default)]
    latest_trade: Option<LatestTrade>,
    #[serde(default)]
    latest_quote: Option<LatestQuote>,
}

/// Snapshots by the venue's name of the symbol; null where it has none.
pub(super) type Snapshots = BTreeMap<String, Value>;

#[derive(Deserialize)]
#[serde(untagged)]
enum AllSnapshots {
    Crypto { snapshots: Snapshots },
    Stocks(Snapshots),
}

/// The newest of several symbols. `only` is the one that was asked for, if it was one.
pub(super) fn snapshots(
    answers: &Answers,
    only: Option<&Symbol>,
    answer: &Answer,
) -> Result<Snapshots, FeedError> {
    match answers.json(success(answers, answer, only)?)? {
        AllSnapshots::Crypto { snapshots } | AllSnapshots::Stocks(snapshots) => Ok(snapshots),
    }
}

/// The newest quote and trade of one of them.
pub(super) fn snapshot(
    answers: &Answers,
    listing: &Listing,
    quote_unit: f64,
    snapshots: &Snapshots,
) -> Result<Vec<Told>, FeedError> {
    let symbol = listing.instrument.symbol();
    let found = snapshots.get(&*listing.venue_symbol);
    let found: Snapshot = match found.filter(|found| !found.is_null()) {
        Some(found) => answers.part(found)?,
        None => return Err(answers.unknown(symbol)),
    };
    let mut told = Vec::new();
    let mut taker = TakerGuess::default();
    if let Some(quote) = &found.latest_quote
        && quote.bp * quote.ap != 0.0
    {
        let ask = (quote.ap, quote.a_s * quote_unit);
        let quote = reading::quote(quote.t, (quote.bp, quote.bs * quote_unit), ask);
        if let Ok(quote) = &quote {
            taker.quoted(quote);
        }
        told.push(reading::polled_quote(true, quote));
    }
    if let Some(trade) = &found.latest_trade
        && trade.is_the_price()
    {
        told.push(reading::polled_trade(trade.number(), trade.tick(&mut taker)));
    }
    Ok(told)
}

#[derive(Deserialize)]
struct Clock {
    timestamp: Timestamp,
}

/// The venue's clock.
pub(super) fn clock(answers: &Answers, answer: &Answer) -> Result<Timestamp, FeedError> {
    let clock: Clock = answers.json(success(answers, answer, None)?)?;
    Ok(clock.timestamp)
}
