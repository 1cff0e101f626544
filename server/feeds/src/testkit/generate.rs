//! A seeded market: books, and trades that take from them.

use super::truth::{TrueMarket, TruthEvent, What};
use papertape::{
    market::{Bar, DepthDiff, DepthKind, DepthSnapshot, DepthUpdate, Level, OrderBook, Random, TradeTick},
    model::{Instrument, Side, Timestamp},
};
use rust_decimal::Decimal;

/// A step as mantissa and scale.
type Step = (i64, u32);

/// What a seeded market trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ware {
    /// Its symbol.
    pub symbol: &'static str,
    /// Its tick, as mantissa and scale: 0.01 is (1, 2).
    pub tick: (i64, u32),
    /// Its lot likewise.
    pub lot: (i64, u32),
    /// The price of the beginning, in ticks.
    pub price: i64,
}

const fn ware(symbol: &'static str, tick: Step, lot: Step, price: i64) -> Ware {
    Ware {
        symbol,
        tick,
        lot,
        price,
    }
}

pub(super) const COINS: [Ware; 6] = [
    ware("BTC/USD", (1, 2), (1, 5), 6_183_763),
    ware("ETH/USD", (1, 2), (1, 4), 268_312),
    ware("SOL/USD", (1, 2), (1, 3), 16_247),
    ware("XRP/USD", (1, 4), (1, 1), 6_132),
    ware("DOGE/USD", (1, 5), (1, 0), 10_428),
    ware("LTC/USD", (5, 2), (1, 3), 1_213),
];

/// 2024-08-08 12:00:00 UTC.
pub(super) const BEGINNING: Timestamp = Timestamp::from_secs(1_723_118_400);
const MINUTES_BEFORE: i64 = 720;
const LEVELS: i64 = 30;
const FEWEST_LEVELS: usize = 15;
const MOST_LEVELS: usize = 60;

/// Draws what happens next.
#[derive(Clone, Debug)]
pub(super) struct Generator {
    random: Random,
    next_trade: Vec<u64>,
}

impl Generator {
    /// The generator with the markets and the time that it begins with.
    pub(super) fn begin(seed: u64, wares: &[Ware], at: Timestamp) -> (Self, Vec<TrueMarket>) {
        let mut random = Random::new(seed);
        let markets: Vec<TrueMarket> = wares
            .iter()
            .map(|ware| {
                let instrument = Instrument::new(
                    ware.symbol
                        .parse()
                        .unwrap_or_else(|error| unreachable!("{error}")),
                    Decimal::new(ware.tick.0, ware.tick.1),
                    Decimal::new(ware.lot.0, ware.lot.1),
                    Decimal::ONE,
                    Decimal::ONE,
                )
                .unwrap_or_else(|error| unreachable!("{error}"));
                market(&mut random, instrument, ware.price, at)
            })
            .collect();
        let next_trade = (1..=markets.len() as u64)
            .map(|place| place * 1_000_000)
            .collect();
        (Self { random, next_trade }, markets)
    }

    /// What happens next, all of one moment and symbol.
    pub(super) fn step(&mut self, markets: &[TrueMarket], now: Timestamp) -> Vec<TruthEvent> {
        let symbol = self.random.below(markets.len() as u64) as usize;
        let market = &markets[symbol];
        let wait = 1 + self.random.below(240 / markets.len() as u64) as i64;
        let time = Timestamp::from_millis(now.millis() + wait);
        let mut events = Vec::new();
        let mut update = DepthUpdate {
            time,
            kind: DepthKind::Changes,
            bids: Vec::new(),
            asks: Vec::new(),
        };
        if self.random.chance(0.35) {
            events.push(self.trade(symbol, market, &mut update));
        } else {
            for _ in 0..=self.random.below(4) {
                self.change(market, &mut update);
            }
        }
        let count = (update.bids.len() + update.asks.len()) as u64;
        let mut after = market.book.clone();
        after.apply(&update);
        let final_id = market.last_id + count;
        events.push(What::Depth(DepthDiff {
            first_id: market.last_id + 1,
            final_id,
            previous: None,
            update,
        }));
        let tops = |book: &OrderBook| (book.best_bid(), book.best_ask());
        if tops(&after) != tops(&market.book) {
            let quote = after.quote(&market.grid);
            events.extend(quote.map(|quote| What::Quote { id: final_id, quote }));
        }
        events
            .into_iter()
            .map(|what| TruthEvent { symbol, time, what })
            .collect()
    }

    /// A trade with the best of a side, which loses what it takes; a side that has become short grows at its far end.
    fn trade(&mut self, symbol: usize, market: &TrueMarket, update: &mut DepthUpdate) -> What {
        let aggressor = if self.random.chance(0.5) {
            Side::Buy
        } else {
            Side::Sell
        };
        let hit = aggressor.opposite();
        // Neither side is ever empty: it keeps its fewest levels.
        let best = market
            .book
            .levels(hit)
            .next()
            .unwrap_or(Level { price: 1, size: 1 });
        let size = if self.random.chance(0.3) {
            best.size
        } else {
            1 + self.random.below(best.size.unsigned_abs()) as i64
        };
        let side = side_of(update, hit);
        side.push(Level {
            price: best.price,
            size: best.size - size,
        });
        if market.book.levels(hit).len() <= FEWEST_LEVELS {
            let farthest = market
                .book
                .levels(hit)
                .last()
                .map_or(best.price, |level| level.price);
            let price = outward(hit, farthest, 1 + self.random.below(5) as i64);
            side.push(Level {
                price,
                size: self.size(),
            });
        }
        let id = self.next_trade[symbol];
        self.next_trade[symbol] += 1;
        What::Trade {
            id,
            trade: TradeTick {
                time: update.time,
                price: market.grid.price_f64(best.price),
                size: market.grid.size_f64(size),
                aggressor,
            },
        }
    }

    /// One level comes, goes or changes, without crossing the other side.
    fn change(&mut self, market: &TrueMarket, update: &mut DepthUpdate) {
        let side = if self.random.chance(0.5) {
            Side::Buy
        } else {
            Side::Sell
        };
        let levels = market.book.levels(side);
        let count = levels.len();
        let remove = count >= MOST_LEVELS || (count > FEWEST_LEVELS + 4 && self.random.chance(0.45));
        let level = if remove {
            let place = self.random.below(count as u64) as usize;
            levels.clone().nth(place).map(|level| Level { size: 0, ..level })
        } else {
            let best = levels.clone().next();
            best.map(|best| {
                let price = outward(side, best.price, self.random.below(24) as i64 - 2);
                let added = side_of(update, side.opposite()).clone();
                // No nearer than a tick to what the other side holds, and to what this update adds to it.
                let limit = market
                    .book
                    .levels(side.opposite())
                    .take(1)
                    .chain(added.iter().copied())
                    .map(|other| outward(side, other.price, 1));
                let price = match side {
                    Side::Buy => limit.fold(price, i64::min),
                    Side::Sell => limit.fold(price, i64::max),
                };
                Level {
                    price,
                    size: self.size(),
                }
            })
        };
        let list = side_of(update, side);
        if let Some(level) =
            level.filter(|level| level.price > 0 && !list.iter().any(|known| known.price == level.price))
        {
            list.push(level);
        }
        if update.bids.is_empty() && update.asks.is_empty() {
            self.change(market, update);
        }
    }

    fn size(&mut self) -> i64 {
        size(&mut self.random)
    }
}

fn size(random: &mut Random) -> i64 {
    1 + random.below(400_000) as i64
}

/// A price so many ticks farther from the other side.
const fn outward(side: Side, price: i64, ticks: i64) -> i64 {
    match side {
        Side::Buy => price - ticks,
        Side::Sell => price + ticks,
    }
}

const fn side_of(update: &mut DepthUpdate, side: Side) -> &mut Vec<Level> {
    match side {
        Side::Buy => &mut update.bids,
        Side::Sell => &mut update.asks,
    }
}

/// A market at a price, with bars that lead to it.
fn market(random: &mut Random, instrument: Instrument, price: i64, at: Timestamp) -> TrueMarket {
    let mut side = |side: Side| -> Vec<Level> {
        (0..LEVELS)
            .map(|place| Level {
                price: outward(side, price, 1 + 2 * place + random.below(2) as i64),
                size: size(random),
            })
            .collect()
    };
    let snapshot = DepthSnapshot {
        last_id: 50_000_000,
        update: DepthUpdate {
            time: at,
            kind: DepthKind::Snapshot,
            bids: side(Side::Buy),
            asks: side(Side::Sell),
        },
    };
    let mut market = TrueMarket::new(instrument, &snapshot);
    let mut close = price;
    for minute in 1..=MINUTES_BEFORE {
        let open = (close + random.below(41) as i64 - 20).max(50);
        let high = open.max(close) + random.below(12) as i64;
        let low = open.min(close) - random.below(12) as i64;
        let grid = market.grid;
        market.bars.push_front(Bar {
            open_time: at.plus_nanos(-minute * 60_000_000_000),
            open: grid.price_f64(open),
            high: grid.price_f64(high),
            low: grid.price_f64(low),
            close: grid.price_f64(close),
            volume: grid.size_f64(size(random)),
        });
        close = open;
    }
    market
}
