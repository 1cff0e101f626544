//! A span of a tape as a table.

use crate::bars::BarsInTheMaking;
use crate::channel::Channel;
use crate::error::{Result, TapeError};
use crate::record::Record;
use crate::table::{Cell, ColumnKind, TableFormat, TableWriter};
use papertape::market::MarketEvent;
use papertape::model::{Timeframe, Timestamp};
use std::io::{self, Write};

/// What of a tape is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportKind {
    /// Every trade.
    Trades,
    /// Every best bid and ask.
    Quotes,
    /// Bars of this length made from trades, or from bars where the tape has no trades. A bar file that `papertape import`
    /// reads.
    Bars(Timeframe),
}

/// Writes what a tape holds of a span of market time, `from` included and `to` not; gives back where it was written to and
/// the number of rows. Records that are late are in their order of arrival, in bars they are where they belong. Waits for the
/// disk; what is in memory is one row group, of bars all of them.
///
/// # Errors
/// [`TapeError`] when the tape cannot be read or the rows cannot be written.
pub fn export<W: Write + Send>(
    channel: &Channel,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
    kind: ExportKind,
    format: TableFormat,
    out: W,
) -> Result<(W, u64)> {
    use ColumnKind::{Integer, Number, Text, Time};

    let failed = |error: io::Error| TapeError::io("write", "the export")(error);
    let columns: &[(&str, ColumnKind)] = match kind {
        ExportKind::Trades => &[
            ("time", Time),
            ("price", Number),
            ("size", Number),
            ("side", Text),
            ("number", Integer),
            ("received", Time),
            ("source", Text),
        ],
        ExportKind::Quotes => &[
            ("time", Time),
            ("bid", Number),
            ("bid_size", Number),
            ("ask", Number),
            ("ask_size", Number),
            ("number", Integer),
            ("received", Time),
            ("source", Text),
        ],
        ExportKind::Bars(_) => &[
            ("open_time", Time),
            ("open", Number),
            ("high", Number),
            ("low", Number),
            ("close", Number),
            ("volume", Number),
        ],
    };
    let mut table = TableWriter::new(out, format, columns).map_err(failed)?;
    let mut rows = 0;
    let mut bars = match kind {
        ExportKind::Bars(timeframe) => Some(BarsInTheMaking::new(timeframe)),
        _ => None,
    };
    let from = from.unwrap_or(Timestamp::from_nanos(i64::MIN));
    let is_within = |record: &Record| {
        let time = record.entry.time();
        time >= from && to.is_none_or(|to| time < to)
    };
    for span in channel.0.spans(from, to)? {
        for record in channel.scan(span) {
            let record = record?;
            let Some(event) = record.event().filter(|_| is_within(&record)) else {
                continue;
            };
            if let Some(bars) = &mut bars {
                bars.add(event);
                continue;
            }
            let cells = match (kind, event) {
                (ExportKind::Trades, MarketEvent::Trade(trade)) => vec![
                    Cell::Time(trade.time),
                    Cell::Number(trade.price),
                    Cell::Number(trade.size),
                    Cell::Text(trade.aggressor.to_string()),
                ],
                (ExportKind::Quotes, MarketEvent::Quote(quote)) => vec![
                    Cell::Time(quote.time),
                    Cell::Number(quote.bid),
                    Cell::Number(quote.bid_size),
                    Cell::Number(quote.ask),
                    Cell::Number(quote.ask_size),
                ],
                _ => continue,
            };
            let provenance = [
                Cell::Integer(record.number as i64),
                Cell::Time(record.received),
                Cell::Text(record.source.to_string()),
            ];
            table
                .row(cells.into_iter().chain(provenance).collect())
                .map_err(failed)?;
            rows += 1;
        }
    }
    for bar in bars.map(BarsInTheMaking::finish).unwrap_or_default() {
        let numbers = [bar.open, bar.high, bar.low, bar.close, bar.volume];
        let cells = std::iter::once(Cell::Time(bar.open_time)).chain(numbers.map(Cell::Number));
        table.row(cells.collect()).map_err(failed)?;
        rows += 1;
    }
    Ok((table.finish().map_err(failed)?, rows))
}
