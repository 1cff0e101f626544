//! Yahoo's chart, read.

use super::super::reading::{self, Answers};
use crate::{
    rest::Answer,
    venue::{FeedError, Listing, PastBars, Reach, Slot, Told},
};
use papertape::{
    exchange::TradingStatus,
    market::{Bar, Bars, CalendarId, infer_instrument},
    model::{InstrumentKind, Symbol, Timeframe, Timestamp},
};
use serde::Deserialize;

/// How many of the newest bars a poll tells: enough to bridge one that failed.
const NEWEST: usize = 5;
/// A time zone is at most so far from UTC.
const FARTHEST_ZONE: i64 = 16 * 3_600;

#[derive(Deserialize)]
struct Body {
    chart: Chart,
}

#[derive(Deserialize)]
struct Chart {
    result: Option<Vec<Series>>,
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    code: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct Series {
    meta: Meta,
    #[serde(default)]
    timestamp: Vec<i64>,
    #[serde(default)]
    indicators: Indicators,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    currency: Option<String>,
    #[serde(default)]
    instrument_type: String,
    #[serde(default)]
    exchange_timezone_name: String,
    #[serde(default)]
    gmtoffset: i64,
    price_hint: Option<u32>,
    #[serde(default)]
    regular_market_time: i64,
}

#[derive(Default, Deserialize)]
struct Indicators {
    #[serde(default)]
    quote: Vec<Columns>,
}

/// Columns run beside the times, and hold null where a bar is missing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Columns {
    open: Vec<Option<f64>>,
    high: Vec<Option<f64>>,
    low: Vec<Option<f64>>,
    close: Vec<Option<f64>>,
    volume: Vec<Option<f64>>,
}

/// The one series of an answer.
fn series(answers: &Answers, symbol: &Symbol, answer: &Answer) -> Result<Series, FeedError> {
    if answer.status == 429 {
        return Err(answers.refusal(answer, None));
    }
    let body: Result<Body, FeedError> = answers.json(&answer.body);
    let failure = match (answer.status, body) {
        (
            200,
            Ok(Body {
                chart:
                    Chart {
                        result: Some(mut all),
                        error: None,
                    },
            }),
        ) if !all.is_empty() => {
            return Ok(all.swap_remove(0));
        }
        (_, Ok(body)) => body.chart.error,
        (200, Err(error)) => return Err(error),
        (_, Err(_)) => None,
    };
    let (code, words) = failure.map_or_else(Default::default, |it| (it.code, it.description));
    if answer.status == 404 || code == "Not Found" {
        return Err(answers.unknown(symbol));
    }
    match answer.status {
        200 => Err(answers.refused(&words)),
        _ => Err(answers.refusal(answer, Some(&words))),
    }
}

/// The bars of a series as they came: the last one can be in the making, at the time of its last trade, which is off the grid.
fn bars_of(series: &Series, timeframe: Timeframe) -> Vec<Bar> {
    let Some(columns) = series.indicators.quote.first() else {
        return Vec::new();
    };
    let zone = series.meta.gmtoffset.clamp(-FARTHEST_ZONE, FARTHEST_ZONE);
    let at = |column: &[Option<f64>], index: usize| column.get(index).copied().flatten();
    let bar = |(index, secs): (usize, &i64)| {
        let time = Timestamp::from_secs(*secs);
        Some(Bar {
            // A day begins with the session; it is the exchange's day that counts.
            open_time: if timeframe == Timeframe::DAY {
                timeframe.floor(time.plus_nanos(zone * 1_000_000_000))
            } else {
                time
            },
            open: at(&columns.open, index)?,
            high: at(&columns.high, index)?,
            low: at(&columns.low, index)?,
            close: at(&columns.close, index)?,
            volume: at(&columns.volume, index).unwrap_or(0.0),
        })
    };
    series.timestamp.iter().enumerate().filter_map(bar).collect()
}

/// Closed bars, made of those of the answer, which are of `length`; there are none from before `kept`.
pub(super) fn bars(
    answers: &Answers,
    symbol: &Symbol,
    (length, timeframe): (Timeframe, Timeframe),
    span: (Timestamp, Timestamp),
    kept: Reach,
    answer: &Answer,
) -> Result<PastBars, FeedError> {
    let rows = bars_of(&series(answers, symbol, answer)?, length);
    let rows = if length == timeframe {
        rows
    } else {
        joined(rows, length, timeframe)
    };
    Ok(PastBars::of(rows, timeframe, span, kept))
}

/// Longer bars made of shorter ones, but for the one in the making. One of which a part cannot be cannot be either.
fn joined(mut parts: Vec<Bar>, length: Timeframe, timeframe: Timeframe) -> Vec<Bar> {
    parts.sort_by_key(|part| part.open_time);
    parts.pop_if(|last| length.floor(last.open_time) != last.open_time);
    let can_be = |bar: &Bar| reading::bar(*bar).is_ok();
    let mut joined: Vec<Bar> = Vec::new();
    for mut part in parts {
        part.open_time = timeframe.floor(part.open_time);
        match joined.last_mut().filter(|bar| bar.open_time == part.open_time) {
            None => joined.push(part),
            Some(bar) if !can_be(bar) => {}
            Some(bar) if !can_be(&part) => *bar = part,
            Some(bar) => bar.append(&part),
        }
    }
    joined
}

/// The newest closed bars of a minute: those that the market's last trade has left behind.
pub(super) fn newest(answers: &Answers, listing: &Listing, answer: &Answer) -> Result<Vec<Told>, FeedError> {
    let series = series(answers, listing.instrument.symbol(), answer)?;
    let last_trade = Timestamp::from_secs(series.meta.regular_market_time);
    let minute = Timeframe::MINUTE;
    let mut closed = bars_of(&series, minute);
    closed.retain(|bar| {
        minute.floor(bar.open_time) == bar.open_time && minute.close_of(bar.open_time) <= last_trade
    });
    let newest = closed.len().saturating_sub(NEWEST);
    let slot = Slot(0);
    let mut told = Vec::new();
    for bar in closed.drain(newest..) {
        let open_time = bar.open_time;
        match reading::bar(bar) {
            Ok(bar) => told.push(Told::Bar {
                slot,
                bar,
                is_closed: true,
            }),
            Err(why) => told.extend([
                Told::KeptOff {
                    slot: Some(slot),
                    why,
                },
                Told::BarLost { slot, open_time },
            ]),
        }
    }
    Ok(told)
}

/// The symbol as a listing: its currency must be the one that the symbol says, and its hours ones that are known.
pub(super) fn listing(
    answers: &Answers,
    symbol: &Symbol,
    name: &str,
    answer: &Answer,
) -> Result<Listing, FeedError> {
    let Series { meta, .. } = series(answers, symbol, answer)?;
    let currency = meta.currency.unwrap_or_default();
    if currency != symbol.quote().as_str() {
        let said = format!(
            "{symbol} is priced in {currency} there, not in {}",
            symbol.quote()
        );
        return Err(answers.refused(&said));
    }
    let zone = &*meta.exchange_timezone_name;
    let instrument = infer_instrument(symbol, meta.price_hint.unwrap_or(2).min(8), &Bars::default());
    let (kind, calendar) = match (&*meta.instrument_type, zone) {
        ("EQUITY" | "ETF" | "MUTUALFUND", "America/New_York") => {
            (InstrumentKind::Equity, CalendarId::UsEquities)
        }
        ("CRYPTOCURRENCY", _) => (InstrumentKind::Spot, CalendarId::Always),
        ("CURRENCY", _) => (InstrumentKind::Forex, CalendarId::Forex),
        (kind, zone) => {
            let what = format!(
                "{symbol}, {} in {zone}, whose trading hours are not known here",
                kind.to_lowercase()
            );
            return Err(answers.unsupported(what));
        }
    };
    Ok(Listing {
        instrument: instrument.with_kind(kind).with_calendar(calendar),
        venue_symbol: name.into(),
        status: TradingStatus::Trading,
    })
}
