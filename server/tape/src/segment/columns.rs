//! Records as rows of a flat table, and back.

use super::scale::Writing;
use crate::record::{Entry, Record, Source};
use papertape::exchange::TradingStatus;
use papertape::market::{Bar, DepthKind, DepthUpdate, Level, MarketAction, MarketEvent, Quote, TradeTick};
use papertape::model::{Side, Timestamp};
use std::io::Write;

/// What the column `kind` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Trade,
    Quote,
    Bar,
    Clock,
    DepthSnapshot,
    DepthChanges,
    Action,
    Status,
    Incident,
}

impl Kind {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Trade, "trade"),
        (Self::Quote, "quote"),
        (Self::Bar, "bar"),
        (Self::Clock, "clock"),
        (Self::DepthSnapshot, "depth_snapshot"),
        (Self::DepthChanges, "depth_changes"),
        (Self::Action, "action"),
        (Self::Status, "status"),
        (Self::Incident, "incident"),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    pub(super) fn find(name: &[u8]) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| known.as_bytes() == name);
        found.map(|(kind, _)| *kind)
    }

    const fn is_depth(self) -> bool {
        matches!(self, Self::DepthSnapshot | Self::DepthChanges)
    }
}

/// What the column `side` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowSide {
    Buy,
    Sell,
    Bid,
    Ask,
}

impl RowSide {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Buy, "buy"),
        (Self::Sell, "sell"),
        (Self::Bid, "bid"),
        (Self::Ask, "ask"),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    pub(super) fn find(name: &[u8]) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| known.as_bytes() == name);
        found.map(|(side, _)| *side)
    }
}

/// Places of the number columns.
pub(super) const PRICE: usize = 0;
pub(super) const SIZE: usize = 1;
pub(super) const PRICE_2: usize = 2;
pub(super) const SIZE_2: usize = 3;
pub(super) const LOW: usize = 4;
pub(super) const CLOSE: usize = 5;
pub(super) const NUMBERS: usize = 6;
/// Those of them that are sizes.
pub(super) const IS_SIZE: [bool; NUMBERS] = [false, true, false, true, false, false];

type Cells = [Option<i64>; NUMBERS];
const NOTHING: Cells = [None; NUMBERS];

/// The rows of one row group, a vector for each column.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) number: Vec<i64>,
    pub(super) received: Vec<i64>,
    pub(super) time: Vec<i64>,
    pub(super) source: Vec<Source>,
    pub(super) kind: Vec<Kind>,
    pub(super) side: Vec<Option<RowSide>>,
    pub(super) numbers: [Vec<Option<i64>>; NUMBERS],
    pub(super) json: Vec<Option<String>>,
}

/// A number is not of the scale that was found for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct OffScale;

impl Columns {
    pub(super) fn len(&self) -> usize {
        self.number.len()
    }

    pub(super) fn clear(&mut self) {
        self.number.clear();
        self.received.clear();
        self.time.clear();
        self.source.clear();
        self.kind.clear();
        self.side.clear();
        self.numbers.iter_mut().for_each(Vec::clear);
        self.json.clear();
    }

    fn row(
        &mut self,
        record: &Record,
        kind: Kind,
        side: Option<RowSide>,
        cells: Cells,
        json: Option<String>,
    ) {
        // Bit for bit: Parquet has no unsigned whole numbers of its own.
        self.number.push(record.number as i64);
        self.received.push(record.received.nanos());
        self.time.push(record.entry.time().nanos());
        self.source.push(record.source.clone());
        self.kind.push(kind);
        self.side.push(side);
        for (column, cell) in self.numbers.iter_mut().zip(cells) {
            column.push(cell);
        }
        self.json.push(json);
    }

    /// Adds a record.
    pub(super) fn push(&mut self, record: &Record, writing: &Writing) -> Result<(), OffScale> {
        let price = |value: f64| writing.price.write(value).map(Some).ok_or(OffScale);
        let size = |value: f64| writing.size.write(value).map(Some).ok_or(OffScale);
        let event = match &record.entry {
            Entry::Event(event) => event,
            Entry::Incident { json, .. } => {
                self.row(record, Kind::Incident, None, NOTHING, Some(json.clone()));
                return Ok(());
            }
        };
        let mut cells = NOTHING;
        match event {
            MarketEvent::Trade(trade) => {
                cells[PRICE] = price(trade.price)?;
                cells[SIZE] = size(trade.size)?;
                let side = match trade.aggressor {
                    Side::Buy => RowSide::Buy,
                    Side::Sell => RowSide::Sell,
                };
                self.row(record, Kind::Trade, Some(side), cells, None);
            }
            MarketEvent::Quote(quote) => {
                cells[PRICE] = price(quote.bid)?;
                cells[SIZE] = size(quote.bid_size)?;
                cells[PRICE_2] = price(quote.ask)?;
                cells[SIZE_2] = size(quote.ask_size)?;
                self.row(record, Kind::Quote, None, cells, None);
            }
            MarketEvent::Bar(bar) => {
                cells[PRICE] = price(bar.open)?;
                cells[PRICE_2] = price(bar.high)?;
                cells[LOW] = price(bar.low)?;
                cells[CLOSE] = price(bar.close)?;
                cells[SIZE] = size(bar.volume)?;
                self.row(record, Kind::Bar, None, cells, None);
            }
            MarketEvent::Clock(_) => self.row(record, Kind::Clock, None, cells, None),
            MarketEvent::Depth(update) => self.depth(record, update, writing),
            MarketEvent::Action(_, action) => {
                let json = serde_json::to_string(action).map_err(|_| OffScale)?;
                self.row(record, Kind::Action, None, cells, Some(json));
            }
            MarketEvent::Status(_, status) => {
                let json = serde_json::to_string(status).map_err(|_| OffScale)?;
                self.row(record, Kind::Status, None, cells, Some(json));
            }
        }
        Ok(())
    }

    fn depth(&mut self, record: &Record, update: &DepthUpdate, writing: &Writing) {
        let kind = match update.kind {
            DepthKind::Snapshot => Kind::DepthSnapshot,
            DepthKind::Changes => Kind::DepthChanges,
        };
        let sides = [(RowSide::Bid, &update.bids), (RowSide::Ask, &update.asks)];
        if update.bids.is_empty() && update.asks.is_empty() {
            self.row(record, kind, None, NOTHING, None);
        } else if !writing.takes(update) {
            // Absurd steps, as no venue has them: kept as they are.
            let json = serde_json::json!({"bids": update.bids, "asks": update.asks});
            self.row(record, kind, None, NOTHING, Some(json.to_string()));
        } else {
            for (side, levels) in sides {
                for (price, size) in levels.iter().filter_map(|level| writing.level(level)) {
                    let mut cells = NOTHING;
                    cells[PRICE] = Some(price);
                    cells[SIZE] = Some(size);
                    self.row(record, kind, Some(side), cells, None);
                }
            }
        }
    }

    /// The rows' cells as bytes, for checksums: the same whatever library wrote or read them.
    pub(super) fn digest(&self, out: &mut impl Write) -> std::io::Result<()> {
        for row in 0..self.len() {
            for column in [&self.number, &self.received, &self.time] {
                out.write_all(&column[row].to_le_bytes())?;
            }
            let side = self.side[row].map_or(0, |side| side as u8 + 1);
            let mut present = 0_u8;
            for (place, column) in self.numbers.iter().enumerate() {
                present |= u8::from(column[row].is_some()) << place;
            }
            out.write_all(&[self.kind[row] as u8, side, present])?;
            for cell in self.numbers.iter().filter_map(|column| column[row]) {
                out.write_all(&cell.to_le_bytes())?;
            }
            let source = self.source[row].as_str();
            for text in [Some(source), self.json[row].as_deref()] {
                let length = text.map_or(u32::MAX, |text| text.len() as u32);
                out.write_all(&length.to_le_bytes())?;
                out.write_all(text.unwrap_or_default().as_bytes())?;
            }
        }
        Ok(())
    }

    /// The records that the rows are.
    ///
    /// # Errors
    /// Which row makes no sense, in a sentence.
    pub(super) fn records(mut self, writing: &Writing) -> Result<Vec<Record>, String> {
        let mut records = Vec::with_capacity(self.len());
        let mut row = 0;
        while row < self.len() {
            let number = self.number[row];
            let rows = self.number[row..]
                .iter()
                .take_while(|other| **other == number)
                .count();
            let entry = self
                .entry(row..row + rows, writing)
                .ok_or_else(|| format!("record {number} makes no sense"))?;
            records.push(Record {
                number: number as u64,
                received: Timestamp::from_nanos(self.received[row]),
                source: self.source[row].clone(),
                entry,
            });
            row += rows;
        }
        Ok(records)
    }

    fn entry(&mut self, rows: std::ops::Range<usize>, writing: &Writing) -> Option<Entry> {
        let row = rows.start;
        let (kind, side) = (self.kind[row], self.side[row]);
        let time = Timestamp::from_nanos(self.time[row]);
        if rows.len() > 1 && !kind.is_depth() {
            return None;
        }
        let json = self.json[row].take();
        let price = |column: usize| self.numbers[column][row].map(|cell| writing.price.read(cell));
        let size = |column: usize| self.numbers[column][row].map(|cell| writing.size.read(cell));
        let event = match kind {
            Kind::Trade => MarketEvent::Trade(TradeTick {
                time,
                price: price(PRICE)?,
                size: size(SIZE)?,
                aggressor: match side? {
                    RowSide::Buy => Side::Buy,
                    RowSide::Sell => Side::Sell,
                    RowSide::Bid | RowSide::Ask => return None,
                },
            }),
            Kind::Quote => MarketEvent::Quote(Quote {
                time,
                bid: price(PRICE)?,
                bid_size: size(SIZE)?,
                ask: price(PRICE_2)?,
                ask_size: size(SIZE_2)?,
            }),
            Kind::Bar => MarketEvent::Bar(Bar {
                open_time: time,
                open: price(PRICE)?,
                high: price(PRICE_2)?,
                low: price(LOW)?,
                close: price(CLOSE)?,
                volume: size(SIZE)?,
            }),
            Kind::Clock => MarketEvent::Clock(time),
            Kind::DepthSnapshot | Kind::DepthChanges => {
                let kind = match kind {
                    Kind::DepthSnapshot => DepthKind::Snapshot,
                    _ => DepthKind::Changes,
                };
                let (bids, asks) = match json {
                    Some(json) => levels_of(&json)?,
                    None => self.levels(rows, writing)?,
                };
                MarketEvent::Depth(Box::new(DepthUpdate {
                    time,
                    kind,
                    bids,
                    asks,
                }))
            }
            Kind::Action => {
                let action: MarketAction = serde_json::from_str(&json?).ok()?;
                MarketEvent::Action(time, action)
            }
            Kind::Status => {
                let status: TradingStatus = serde_json::from_str(&json?).ok()?;
                MarketEvent::Status(time, status)
            }
            Kind::Incident => return Some(Entry::Incident { time, json: json? }),
        };
        Some(Entry::Event(event))
    }

    fn levels(&self, rows: std::ops::Range<usize>, writing: &Writing) -> Option<(Vec<Level>, Vec<Level>)> {
        let (mut bids, mut asks) = (Vec::new(), Vec::new());
        if rows.len() == 1 && self.side[rows.start].is_none() {
            return Some((bids, asks));
        }
        for row in rows {
            let level = writing.read_level(self.numbers[PRICE][row]?, self.numbers[SIZE][row]?)?;
            match self.side[row]? {
                RowSide::Bid => bids.push(level),
                RowSide::Ask => asks.push(level),
                RowSide::Buy | RowSide::Sell => return None,
            }
        }
        Some((bids, asks))
    }
}

fn levels_of(json: &str) -> Option<(Vec<Level>, Vec<Level>)> {
    #[derive(serde::Deserialize)]
    struct Levels {
        bids: Vec<Level>,
        asks: Vec<Level>,
    }
    let levels: Levels = serde_json::from_str(json).ok()?;
    Some((levels.bids, levels.asks))
}
