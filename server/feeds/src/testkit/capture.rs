//! A capture of Binance's streams as a truth: what really happened there, minute by minute.

use super::{TrueMarket, Truth, TruthEvent, What};
use papertape::{
    market::{DepthDiff, DepthKind, DepthSnapshot, DepthUpdate, Grid, Level, Quote, TradeTick},
    model::{Instrument, Side, Symbol, Timestamp},
};
use rust_decimal::Decimal;

/// The files of a capture, as text: `*-depth-snapshot.csv`, `*-depth.csv`, `*-trades.csv` and `*-bookticker.csv`.
#[derive(Clone, Copy, Debug)]
pub struct Capture<'a> {
    /// The book at one moment: `received_us,last_update_id,side,price,quantity`.
    pub snapshot: &'a str,
    /// Its changes: `received_us,event_time_ms,first_update_id,final_update_id,side,price,quantity`.
    pub depth: &'a str,
    /// Trades: `received_us,trade_time_ms,trade_id,price,quantity,buyer_is_maker`.
    pub trades: &'a str,
    /// The best prices: `received_us,update_id,bid_price,bid_qty,ask_price,ask_qty`.
    pub quotes: &'a str,
}

impl Capture<'_> {
    /// What happened from the snapshot to the last change of the book, of a symbol with a tick of 0.01 and a lot of 0.00001. Best
    /// prices carry no time of the venue's: theirs is when they came, by the clock of the changes.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn truth(&self, symbol: Symbol) -> Result<Truth, String> {
        let (tick, lot) = (Decimal::new(1, 2), Decimal::new(1, 5));
        let instrument = Instrument::new(symbol, tick, lot, Decimal::ONE, Decimal::ONE)
            .map_err(|error| error.to_string())?;
        let grid = Grid::of(&instrument);
        let (begin, snapshot) = self.snapshot(&grid)?;
        let depth = self.depth(&grid)?;
        let end = depth.last().map_or(begin, |(received, _)| *received);
        // How far the venue's clock is ahead of the recorder's, less the shortest way.
        let ahead = |(received, diff): &(i64, DepthDiff)| diff.update.time.nanos() / 1_000 - received;
        let ahead = depth.iter().map(ahead).max().unwrap_or_default();
        let last_id = snapshot.last_id;
        let depth = depth.into_iter().filter(|(_, diff)| diff.final_id > last_id);
        let mut all: Vec<(i64, What)> = depth
            .map(|(received, diff)| (received, What::Depth(diff)))
            .collect();
        // The first change that is not in the snapshot may have come before it.
        let begin = all.first().map_or(begin, |(received, _)| begin.min(*received));
        all.extend(self.trades()?);
        all.extend(self.quotes(ahead)?);
        all.retain(|(received, _)| (begin..=end).contains(received));
        all.sort_by_key(|(received, _)| *received);
        let mut now = Timestamp::EPOCH;
        let events = all.into_iter().map(|(_, mut what)| {
            now = now.max(time_of(&what));
            if let What::Quote { quote, .. } = &mut what {
                quote.time = now;
            }
            TruthEvent {
                symbol: 0,
                time: now,
                what,
            }
        });
        let events = events.collect();
        Ok(Truth::recorded(
            vec![TrueMarket::new(instrument, &snapshot)],
            events,
        ))
    }

    fn snapshot(&self, grid: &Grid) -> Result<(i64, DepthSnapshot), String> {
        let mut snapshot = DepthSnapshot {
            last_id: 0,
            update: DepthUpdate {
                time: Timestamp::EPOCH,
                kind: DepthKind::Snapshot,
                bids: Vec::new(),
                asks: Vec::new(),
            },
        };
        let mut begin = 0;
        for row in rows(self.snapshot) {
            let [received, id, side, price, size] = row?;
            (begin, snapshot.last_id) = (number(received)?, number(id)?);
            put(&mut snapshot.update, side, level(grid, price, size)?);
        }
        snapshot.update.time = Timestamp::from_nanos(begin * 1_000);
        Ok((begin, snapshot))
    }

    /// Each message with when it came in, in microseconds.
    fn depth(&self, grid: &Grid) -> Result<Vec<(i64, DepthDiff)>, String> {
        let mut all: Vec<(i64, DepthDiff)> = Vec::new();
        for row in rows(self.depth) {
            let [received, time, first, last, side, price, size] = row?;
            let final_id = number(last)?;
            if all.last().is_none_or(|(_, diff)| diff.final_id != final_id) {
                let update = DepthUpdate {
                    time: Timestamp::from_millis(number(time)?),
                    kind: DepthKind::Changes,
                    bids: Vec::new(),
                    asks: Vec::new(),
                };
                let diff = DepthDiff {
                    first_id: number(first)?,
                    final_id,
                    previous: None,
                    update,
                };
                all.push((number(received)?, diff));
            }
            if let Some((_, diff)) = all.last_mut() {
                put(&mut diff.update, side, level(grid, price, size)?);
            }
        }
        Ok(all)
    }

    fn trades(&self) -> Result<Vec<(i64, What)>, String> {
        let read = |row: Result<[&str; 6], String>| {
            let [received, time, id, price, size, is_maker_buyer] = row?;
            let trade = TradeTick {
                time: Timestamp::from_millis(number(time)?),
                price: number(price)?,
                size: number(size)?,
                aggressor: if is_maker_buyer == "1" {
                    Side::Sell
                } else {
                    Side::Buy
                },
            };
            let id = number(id)?;
            Ok((number(received)?, What::Trade { id, trade }))
        };
        rows(self.trades).map(read).collect()
    }

    fn quotes(&self, ahead: i64) -> Result<Vec<(i64, What)>, String> {
        let read = |row: Result<[&str; 6], String>| {
            let [received, id, bid, bid_size, ask, ask_size] = row?;
            let received = number(received)?;
            let quote = Quote {
                // The venue counts in whole milliseconds.
                time: Timestamp::from_millis((received + ahead) / 1_000),
                bid: number(bid)?,
                bid_size: number(bid_size)?,
                ask: number(ask)?,
                ask_size: number(ask_size)?,
            };
            let id = number(id)?;
            Ok((received, What::Quote { id, quote }))
        };
        rows(self.quotes).map(read).collect()
    }
}

fn time_of(what: &What) -> Timestamp {
    match what {
        What::Trade { trade, .. } => trade.time,
        What::Quote { quote, .. } => quote.time,
        What::Depth(diff) => diff.update.time,
        What::Bar(bar) => bar.open_time,
    }
}

/// The rows after the header, each of so many columns.
fn rows<const N: usize>(text: &str) -> impl Iterator<Item = Result<[&str; N], String>> {
    text.lines().skip(1).map(|line| {
        let columns: Vec<&str> = line.split(',').collect();
        columns.try_into().map_err(|_| format!("not {N} columns: {line}"))
    })
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("no number: {text}"))
}

fn level(grid: &Grid, price: &str, size: &str) -> Result<Level, String> {
    let steps = |error: &dyn std::fmt::Display| format!("a level of {size} at {price}: {error}");
    Ok(Level {
        price: grid.ticks(number(price)?).map_err(|error| steps(&error))?,
        size: grid.lots(number(size)?).map_err(|error| steps(&error))?,
    })
}

fn put(update: &mut DepthUpdate, side: &str, level: Level) {
    if side == "b" {
        update.bids.push(level);
    } else {
        update.asks.push(level);
    }
}
