//! From rows to what the venue said.

use super::table::{Row, Table};
use super::{CaptureError, CaptureEvent, CaptureFile, CaptureProblem, CapturedQuote, CapturedTrade};
use crate::market::{DepthDiff, DepthKind, DepthSnapshot, DepthUpdate, Grid, Level, Quote, TradeTick};
use crate::model::{Side, Timestamp};

/// A file that is read message by message.
pub(super) trait Messages {
    /// The next message; `None` at the end.
    fn next(&mut self) -> Result<Option<CaptureEvent>, CaptureError>;
}

/// Checks that a number rises from message to message.
#[derive(Clone, Copy, Debug)]
struct Rising {
    column: &'static str,
    last: Option<u64>,
}

impl Rising {
    const fn new(column: &'static str) -> Self {
        Self { column, last: None }
    }

    fn check(&mut self, id: u64) -> Result<u64, CaptureProblem> {
        if let Some(before) = self.last.filter(|before| id <= *before) {
            return Err(CaptureProblem::IdGoesBack {
                column: self.column,
                id,
                before,
            });
        }
        self.last = Some(id);
        Ok(id)
    }
}

/// `*-trades.csv`: a row a trade.
#[derive(Clone, Debug)]
pub(super) struct Trades<'a> {
    table: Table<'a, 5>,
    ids: Rising,
}

impl<'a> Trades<'a> {
    pub(super) fn open(file: CaptureFile<'a>) -> Result<Self, CaptureError> {
        let columns = ["received_us", "trade_id", "price", "quantity", "buyer_is_maker"];
        Ok(Self {
            table: Table::open(file, columns)?,
            ids: Rising::new("trade_id"),
        })
    }

    fn read(&mut self, row: &Row<'_, 5>) -> Result<CapturedTrade, CaptureProblem> {
        let buyer_is_maker = row.either(4, ["0", "1"], "0 or 1")?;
        Ok(CapturedTrade {
            id: self.ids.check(row.id(1)?)?,
            trade: TradeTick {
                time: row.received,
                price: row.price(2)?,
                size: row.size(3)?,
                aggressor: if buyer_is_maker { Side::Sell } else { Side::Buy },
            },
        })
    }
}

impl Messages for Trades<'_> {
    fn next(&mut self) -> Result<Option<CaptureEvent>, CaptureError> {
        let Some(row) = self.table.row()? else {
            return Ok(None);
        };
        self.read(&row)
            .map(|trade| Some(CaptureEvent::Trade(trade)))
            .map_err(|problem| self.table.error(row.line, problem))
    }
}

/// `*-bookticker.csv`: a row a quote.
#[derive(Clone, Debug)]
pub(super) struct Quotes<'a> {
    table: Table<'a, 6>,
    ids: Rising,
}

impl<'a> Quotes<'a> {
    pub(super) fn open(file: CaptureFile<'a>) -> Result<Self, CaptureError> {
        let columns = [
            "received_us",
            "update_id",
            "bid_price",
            "bid_qty",
            "ask_price",
            "ask_qty",
        ];
        Ok(Self {
            table: Table::open(file, columns)?,
            ids: Rising::new("update_id"),
        })
    }

    fn read(&mut self, row: &Row<'_, 6>) -> Result<CapturedQuote, CaptureProblem> {
        Ok(CapturedQuote {
            update_id: self.ids.check(row.id(1)?)?,
            quote: Quote {
                time: row.received,
                bid: row.price(2)?,
                bid_size: row.size(3)?,
                ask: row.price(4)?,
                ask_size: row.size(5)?,
            },
        })
    }
}

impl Messages for Quotes<'_> {
    fn next(&mut self) -> Result<Option<CaptureEvent>, CaptureError> {
        let Some(row) = self.table.row()? else {
            return Ok(None);
        };
        self.read(&row)
            .map(|quote| Some(CaptureEvent::Quote(quote)))
            .map_err(|problem| self.table.error(row.line, problem))
    }
}

/// One row of a book: whose message it belongs to, and its level.
#[derive(Clone, Copy, Debug)]
struct DepthRow {
    line: u64,
    received: Timestamp,
    first_id: u64,
    final_id: u64,
    side: Side,
    level: Level,
}

/// Reads a row of a book.
type ReadDepth<const N: usize> = fn(&Row<'_, N>, &Grid) -> Result<DepthRow, CaptureProblem>;

/// Rows of levels, put together by the message they came in.
#[derive(Clone, Debug)]
struct Grouped<'a, const N: usize> {
    table: Table<'a, N>,
    grid: Grid,
    read: ReadDepth<N>,
    /// The first row of the next message.
    ahead: Option<DepthRow>,
}

/// One message: its first and last number and its levels.
type Message = (u64, u64, DepthUpdate);

impl<'a, const N: usize> Grouped<'a, N> {
    fn open(table: Table<'a, N>, grid: Grid, read: ReadDepth<N>) -> Result<Self, CaptureError> {
        let mut grouped = Self {
            table,
            grid,
            read,
            ahead: None,
        };
        grouped.ahead = grouped.row()?;
        Ok(grouped)
    }

    fn message(&mut self, kind: DepthKind) -> Result<Option<Message>, CaptureError> {
        let Some(first) = self.ahead else {
            return Ok(None);
        };
        let mut update = DepthUpdate {
            time: first.received,
            kind,
            bids: Vec::new(),
            asks: Vec::new(),
        };
        while let Some(row) = self
            .ahead
            .filter(|row| (row.first_id, row.final_id) == (first.first_id, first.final_id))
        {
            if row.received != first.received {
                return Err(self.table.error(row.line, CaptureProblem::TornMessage));
            }
            match row.side {
                Side::Buy => update.bids.push(row.level),
                Side::Sell => update.asks.push(row.level),
            }
            self.ahead = self.row()?;
        }
        Ok(Some((first.first_id, first.final_id, update)))
    }

    fn row(&mut self) -> Result<Option<DepthRow>, CaptureError> {
        let Some(row) = self.table.row()? else {
            return Ok(None);
        };
        (self.read)(&row, &self.grid)
            .map(Some)
            .map_err(|problem| self.table.error(row.line, problem))
    }
}

/// The row of a book whose side, price and quantity stand in this column and the next two.
fn depth_row<const N: usize>(
    row: &Row<'_, N>,
    (first_id, final_id): (u64, u64),
    column: usize,
    grid: &Grid,
) -> Result<DepthRow, CaptureProblem> {
    let is_ask = row.either(column, ["b", "a"], "b or a")?;
    Ok(DepthRow {
        line: row.line,
        received: row.received,
        first_id,
        final_id,
        side: if is_ask { Side::Sell } else { Side::Buy },
        level: Level {
            price: grid.ticks(row.price(column + 1)?)?,
            size: grid.lots(row.size(column + 2)?)?,
        },
    })
}

/// `*-depth.csv`: a row a level; rows with the same numbers are one message.
#[derive(Clone, Debug)]
pub(super) struct Changes<'a>(Grouped<'a, 6>);

impl<'a> Changes<'a> {
    pub(super) fn open(file: CaptureFile<'a>, grid: Grid) -> Result<Self, CaptureError> {
        let columns = [
            "received_us",
            "first_update_id",
            "final_update_id",
            "side",
            "price",
            "quantity",
        ];
        Grouped::open(Table::open(file, columns)?, grid, |row, grid| {
            let (first_id, final_id) = (row.id(1)?, row.id(2)?);
            if final_id < first_id {
                return Err(CaptureProblem::IdGoesBack {
                    column: "final_update_id",
                    id: final_id,
                    before: first_id,
                });
            }
            depth_row(row, (first_id, final_id), 3, grid)
        })
        .map(Self)
    }
}

impl Messages for Changes<'_> {
    fn next(&mut self) -> Result<Option<CaptureEvent>, CaptureError> {
        let message = self.0.message(DepthKind::Changes)?;
        Ok(message.map(|(first_id, final_id, update)| {
            CaptureEvent::Depth(DepthDiff {
                first_id,
                final_id,
                previous: None,
                update,
            })
        }))
    }
}

/// `*-depth-snapshot.csv`: a row a level; rows with the same number are one snapshot.
#[derive(Clone, Debug)]
pub(super) struct Snapshots<'a>(Grouped<'a, 5>);

impl<'a> Snapshots<'a> {
    pub(super) fn open(file: CaptureFile<'a>, grid: Grid) -> Result<Self, CaptureError> {
        let columns = ["received_us", "last_update_id", "side", "price", "quantity"];
        Grouped::open(Table::open(file, columns)?, grid, |row, grid| {
            let last_id = row.id(1)?;
            depth_row(row, (last_id, last_id), 2, grid)
        })
        .map(Self)
    }
}

impl Messages for Snapshots<'_> {
    fn next(&mut self) -> Result<Option<CaptureEvent>, CaptureError> {
        let message = self.0.message(DepthKind::Snapshot)?;
        Ok(message.map(|(_, last_id, update)| CaptureEvent::Snapshot(DepthSnapshot { last_id, update })))
    }
}
