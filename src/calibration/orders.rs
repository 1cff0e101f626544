//! The hypothetical orders: when, which side, at which price, how much.

use super::feed::{Feed, FeedEvents};
use super::{CalibrationError, CalibrationSettings};
use crate::market::{CaptureFiles, Grid, Level, MarketEvent, OrderBook, Random};
use crate::model::{Instrument, Side, Timestamp};
use crate::order::OrderRequest;
use serde::Serialize;
use std::fmt;

/// Where an order is placed, seen from the best prices at its decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderPlace {
    /// At the market.
    Market,
    /// A limit one tick better than the best price of its own side, where the spread leaves room.
    InsideSpread,
    /// A limit at the best price of its own side.
    AtTouch,
    /// A limit one tick behind.
    OneTickBehind,
    /// A limit ten ticks behind.
    TenTicksBehind,
    /// A limit a hundred ticks behind.
    HundredTicksBehind,
}

impl OrderPlace {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Market,
        Self::InsideSpread,
        Self::AtTouch,
        Self::OneTickBehind,
        Self::TenTicksBehind,
        Self::HundredTicksBehind,
    ];

    /// How many ticks behind the best price of its own side it rests; `None` at the market.
    const fn ticks_behind(self) -> Option<i64> {
        match self {
            Self::Market => None,
            Self::InsideSpread => Some(-1),
            Self::AtTouch => Some(0),
            Self::OneTickBehind => Some(1),
            Self::TenTicksBehind => Some(10),
            Self::HundredTicksBehind => Some(100),
        }
    }
}

impl fmt::Display for OrderPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Market => "market",
            Self::InsideSpread => "inside",
            Self::AtTouch => "touch",
            Self::OneTickBehind => "1 behind",
            Self::TenTicksBehind => "10 behind",
            Self::HundredTicksBehind => "100 behind",
        })
    }
}

/// An order that nobody placed.
#[derive(Clone, Debug)]
pub(super) struct Hypothetical {
    /// When it is decided.
    pub(super) time: Timestamp,
    /// Until when it is watched.
    pub(super) until: Timestamp,
    pub(super) place: OrderPlace,
    pub(super) request: OrderRequest,
}

/// The stretch of the capture in which orders are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// All tiers have begun.
    pub(super) from: Timestamp,
    /// A horizon before the first tier ends.
    pub(super) to: Timestamp,
    horizon: i64,
}

impl Window {
    /// The stretch that all feeds have in common, less the horizon.
    pub(super) fn common(
        files: CaptureFiles<'_>,
        instrument: &Instrument,
        feeds: &[Feed],
        horizon_secs: u32,
    ) -> Result<Self, CalibrationError> {
        let (mut from, mut end) = (Timestamp::from_nanos(i64::MIN), Timestamp::from_nanos(i64::MAX));
        for feed in feeds {
            match (span(files, instrument, *feed)?, feed) {
                (Some((first, last)), _) => (from, end) = (from.max(first), end.min(last)),
                // The capture does not even hold one whole bar.
                (None, Feed::Bars(_)) => end = from,
                (None, _) => return Err(CalibrationError::Empty(*feed)),
            }
        }
        let horizon = i64::from(horizon_secs) * 1_000_000_000;
        let window = Self {
            from,
            to: end.plus_nanos(-horizon),
            horizon,
        };
        if window.to <= window.from {
            return Err(CalibrationError::TooShort {
                common_secs: u64::try_from(end.since(from) / 1_000_000_000).unwrap_or(0),
                horizon_secs,
            });
        }
        Ok(window)
    }
}

/// When a tier is known for the first time, and when the last thing of it begins; `None` when there is nothing of it.
fn span(
    files: CaptureFiles<'_>,
    instrument: &Instrument,
    feed: Feed,
) -> Result<Option<(Timestamp, Timestamp)>, CalibrationError> {
    let mut span = None;
    for fed in FeedEvents::open(files, instrument, feed)? {
        let fed = fed?;
        if feed.is_made_of(&fed.event) {
            let (first, _) = span.unwrap_or((fed.known_at, fed.begins));
            span = Some((first, fed.begins));
        }
    }
    Ok(span)
}

/// The best prices that are known when an order is decided, and what rests there.
#[derive(Debug, Default)]
struct Touch {
    book: OrderBook,
    best: Option<(Level, Level)>,
}

impl Touch {
    fn see(&mut self, event: &MarketEvent, grid: &Grid, finest: Feed) {
        let level = |price: f64, size: f64| {
            Some(Level {
                price: grid.ticks(price).ok()?,
                size: grid.lots(size).ok()?.max(1),
            })
        };
        let seen = match (finest, event) {
            (Feed::Depth, MarketEvent::Depth(update)) => {
                self.book.apply(update);
                self.book.best_bid().zip(self.book.best_ask())
            }
            (Feed::Quotes, MarketEvent::Quote(quote)) => {
                level(quote.bid, quote.bid_size).zip(level(quote.ask, quote.ask_size))
            }
            // Where only trades are known, the last one stands for both sides.
            (Feed::Trades | Feed::Bars(_), MarketEvent::Trade(trade)) => {
                let last = level(trade.price, trade.size);
                last.zip(last)
            }
            _ => return,
        };
        self.best = seen.filter(|(bid, ask)| bid.price <= ask.price).or(self.best);
    }
}

/// Shares of what rests at the best price that orders are large.
const SIZES: [f64; 4] = [0.01, 0.1, 1.0, 3.0];

/// Draws the orders: times evenly over the window, side, place and size evenly among those that are possible, in order
/// of time.
pub(super) fn draw(
    events: FeedEvents<'_>,
    instrument: &Instrument,
    window: Window,
    settings: &CalibrationSettings,
) -> Result<Vec<Hypothetical>, CalibrationError> {
    let mut random = Random::new(settings.seed);
    let span = window.to.since(window.from).unsigned_abs();
    let mut times: Vec<Timestamp> = (0..settings.orders)
        .map(|_| window.from.plus_nanos(random.below(span) as i64))
        .collect();
    times.sort_unstable();
    let finest = events.feed();
    let grid = Grid::of(instrument);
    let (mut touch, mut orders) = (Touch::default(), Vec::with_capacity(times.len()));
    let mut times = times.into_iter().peekable();
    for fed in events {
        let fed = fed?;
        while let Some(time) = times.next_if(|time| *time < fed.known_at) {
            let Some(best) = touch.best else { continue };
            let (place, request) = decide(best, &grid, &mut random);
            orders.push(Hypothetical {
                time,
                until: time.plus_nanos(window.horizon),
                place,
                request,
            });
        }
        if times.peek().is_none() {
            break;
        }
        touch.see(&fed.event, &grid, finest);
    }
    Ok(orders)
}

/// One order at these best prices.
fn decide((bid, ask): (Level, Level), grid: &Grid, random: &mut Random) -> (OrderPlace, OrderRequest) {
    let side = if random.chance(0.5) { Side::Buy } else { Side::Sell };
    let has_room = ask.price - bid.price >= 2;
    let places: Vec<OrderPlace> = OrderPlace::ALL
        .into_iter()
        .filter(|place| has_room || *place != OrderPlace::InsideSpread)
        .collect();
    let place = places[random.below(places.len() as u64) as usize];
    let (own, other, away) = match side {
        Side::Buy => (bid, ask, -1),
        Side::Sell => (ask, bid, 1),
    };
    let behind = place
        .ticks_behind()
        .map(|ticks| (own.price + away * ticks).max(1));
    let beside = if behind.is_none() { other } else { own };
    let share = SIZES[random.below(SIZES.len() as u64) as usize];
    let lots = ((beside.size as f64 * share).round() as i64).max(1);
    let quantity = grid.quantity(lots).0;
    let request = match behind {
        None => OrderRequest::market(side, quantity),
        Some(price) => OrderRequest::limit(side, quantity, grid.price(price).0),
    };
    (place, request)
}
