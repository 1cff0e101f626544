//! `papertape import --feed`: ticks onto a tape, to be replayed as a feed told them.

use super::capture::CaptureFolder;
use super::{CliError, StoreArguments, import::tell, oddities::Oddities};
use crate::feeds::IMPORTED;
use crate::services::wall_clock;
use papertape::exchange::TradingStatus;
use papertape::market::{
    Bars, Capture, CaptureEvent, CaptureSteps, DepthJoin, Grid, MarketEvent, infer_instrument,
};
use papertape::model::{Instrument, Symbol, Timestamp, decimal};
use papertape_tape::{Channel, Entry, Source, TapeError, TapeStore, Tick, read_ticks};
use rust_decimal::Decimal;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Digits after the point that steps have at most.
const MOST_DIGITS: u32 = 12;

/// Puts what a tick capture or tables of ticks say on the tape of a feed, in order of time.
///
/// # Errors
/// When a file makes no sense, the tape is in use, or it has something as late already: a tape only grows.
pub(super) async fn run(
    files: &[PathBuf],
    symbol: &Symbol,
    feed: &str,
    store: &StoreArguments,
    json: bool,
) -> Result<(), CliError> {
    let folder = store.writable_folder()?.join("tape");
    let Material { instrument, ticks } = match files {
        [capture] if capture.is_dir() => read_capture(capture, symbol)?,
        tables => read_tables(tables, symbol)?,
    };
    let (name, count) = (feed.to_owned(), ticks.len());
    let odd = Oddities::of_ticks(&ticks, wall_clock());
    let write = move || -> Result<(Channel, TapeStore), CliError> {
        let refuse = |error: TapeError| CliError::problem(error.to_string());
        let store = TapeStore::open(&folder).map_err(refuse)?;
        let channel = store.channel_blocking(&name, &instrument).map_err(refuse)?;
        append(&channel, ticks)?;
        Ok((channel, store))
    };
    let stopped = |_| CliError::problem("the import was interrupted");
    let (channel, store) = tokio::task::spawn_blocking(write).await.map_err(stopped)??;
    let (first, last) = (channel.first_number(), channel.last_number());
    let durable = channel.durable(last).await;
    durable.map_err(|error| CliError::problem(error.to_string()))?;
    tokio::task::spawn_blocking(move || store.close())
        .await
        .map_err(stopped)?;
    let object = json!({
        "feed": feed, "symbol": symbol, "events": count, "first_number": first, "last_number": last, "oddities": odd,
    });
    let sentence = format!(
        "{feed}: {count} events of {symbol}; its tape has numbers {first} to {last}{}",
        odd.describe("tick")
    );
    tell(json, &object, &sentence)
}

/// What is to be put on a tape.
struct Material {
    instrument: Instrument,
    ticks: Vec<Tick>,
}

/// The messages of a capture in the order of receipt, its book joined from the snapshot and the changes.
fn read_capture(folder: &Path, symbol: &Symbol) -> Result<Material, CliError> {
    let problem = |error: &dyn std::fmt::Display| CliError::problem(error.to_string());
    let capture = CaptureFolder::read(folder)?;
    let files = capture.files().capture();
    let steps = CaptureSteps::of(&files).map_err(|error| problem(&error))?;
    let instrument = instrument(symbol, steps.tick, steps.lot)?;
    let (mut join, mut is_gap) = (DepthJoin::default(), false);
    let mut ticks = Vec::new();
    for message in Capture::open(files, Grid::of(&instrument)).map_err(|error| problem(&error))? {
        let message = message.map_err(|error| problem(&error))?;
        let time = message.time();
        // Where changes are missing, nothing is known of the book until the next snapshot.
        let status = |status| MarketEvent::Status(time, status);
        let gap = |is_gap: &mut bool| match std::mem::replace(is_gap, true) {
            false => vec![status(TradingStatus::Gap)],
            true => Vec::new(),
        };
        let depth = |update| MarketEvent::Depth(Box::new(update));
        let events = match message {
            CaptureEvent::Trade(captured) => vec![MarketEvent::Trade(captured.trade)],
            CaptureEvent::Quote(captured) => vec![MarketEvent::Quote(captured.quote)],
            CaptureEvent::Depth(diff) => match join.diff(diff) {
                Ok(update) => update.into_iter().map(depth).collect(),
                Err(_) => gap(&mut is_gap),
            },
            CaptureEvent::Snapshot(snapshot) => match join.snapshot(snapshot) {
                Ok(updates) => {
                    let over = join.last_id().is_some() && std::mem::take(&mut is_gap);
                    let over = over.then(|| status(TradingStatus::Trading));
                    over.into_iter().chain(updates.into_iter().map(depth)).collect()
                }
                Err(_) => gap(&mut is_gap),
            },
        };
        ticks.extend(events.into_iter().map(|event| Tick {
            received: time,
            source: None,
            event,
        }));
    }
    Ok(Material { instrument, ticks })
}

/// The rows of tables of trades and quotes in order of time; of one moment in the order of the files.
fn read_tables(files: &[PathBuf], symbol: &Symbol) -> Result<Material, CliError> {
    let mut ticks = Vec::new();
    for file in files {
        let read = read_ticks(file);
        ticks.extend(read.map_err(|problem| CliError::problem(format!("{}: {problem}", file.display())))?);
    }
    ticks.sort_by_key(|tick| (tick.event.time(), tick.received));
    let (mut price_digits, mut size_digits) = (0, 0);
    for tick in &ticks {
        let (prices, sizes) = match &tick.event {
            MarketEvent::Trade(trade) => ([trade.price; 2], [trade.size; 2]),
            MarketEvent::Quote(quote) => ([quote.bid, quote.ask], [quote.bid_size, quote.ask_size]),
            _ => continue,
        };
        price_digits = prices.into_iter().map(digits).fold(price_digits, u32::max);
        size_digits = sizes.into_iter().map(digits).fold(size_digits, u32::max);
    }
    let step = |digits| Decimal::new(1, digits);
    Ok(Material {
        instrument: instrument(symbol, step(price_digits), step(size_digits))?,
        ticks,
    })
}

/// Digits after the point in the shortest decimal that is this number.
fn digits(number: f64) -> u32 {
    decimal::parse(&number.to_string()).map_or(0, |number| number.normalize().scale().min(MOST_DIGITS))
}

/// What is known of the symbol, in steps that the data fit in.
fn instrument(symbol: &Symbol, tick: Decimal, lot: Decimal) -> Result<Instrument, CliError> {
    let known = infer_instrument(symbol, tick.scale(), &Bars::default());
    let fits = |step: Decimal, found: Decimal| (found % step).is_zero();
    if fits(known.tick(), tick) && fits(known.lot(), lot) {
        return Ok(known);
    }
    let (tick, lot) = (known.tick().min(tick), known.lot().min(lot));
    Instrument::new(symbol.clone(), tick, lot, Decimal::ZERO, Decimal::ONE)
        .map_err(|error| CliError::problem(error.to_string()))
}

/// Appends what is later than all that the tape has.
fn append(channel: &Channel, ticks: Vec<Tick>) -> Result<(), CliError> {
    let refuse = |error: TapeError| CliError::problem(error.to_string());
    let last = channel.last_number();
    let newest = match channel.scan(last.max(1)..=last).next() {
        Some(record) => Some(record.map_err(refuse)?),
        None => None,
    };
    let reached = newest.as_ref().map(|record| record.entry.time());
    if let (Some(reached), Some(first)) = (reached, ticks.first())
        && first.event.time() <= reached
    {
        return Err(CliError::problem(format!(
            "the tape of {} reaches to {reached}, and the file begins at {}: a tape only grows, so give another --feed",
            channel.name(),
            first.event.time()
        )));
    }
    let imported = Source::new(IMPORTED);
    let mut stamp = newest.map_or(Timestamp::from_nanos(i64::MIN), |record| record.received);
    for tick in ticks {
        // Each has a moment of its own, as what feeds tell has.
        stamp = tick.received.max(stamp.plus_nanos(1));
        let source = tick.source.as_ref().unwrap_or(&imported);
        while let Err(error) = channel.append_batch(stamp, source, [Entry::Event(tick.event.clone())]) {
            // The disk is slower than the file was read.
            let TapeError::Behind { .. } = error else {
                return Err(refuse(error));
            };
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_in_a_captures_book_is_a_gap_until_the_next_snapshot() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |kind: &str, text: &str| {
            let path = folder.path().join(format!("X-{kind}.csv"));
            std::fs::write(path, text).expect("written");
        };
        write(
            "trades",
            "received_us,trade_id,price,quantity,buyer_is_maker\n6,1,10.1,0.5,1\n",
        );
        write(
            "depth",
            "received_us,first_update_id,final_update_id,side,price,quantity\n\
             2,2,2,b,10,2\n3,4,4,b,10,3\n4,5,5,b,10,4\n8,9,9,b,10,5\n",
        );
        write(
            "depth-snapshot",
            "received_us,last_update_id,side,price,quantity\n1,1,b,10,1\n7,8,b,10,1\n7,8,a,10.2,1\n",
        );
        let symbol = "BTC/USDT".parse().expect("a symbol");
        let Ok(Material { ticks, instrument }) = read_capture(folder.path(), &symbol) else {
            panic!("it is a capture");
        };
        assert!(instrument.tick() <= Decimal::new(1, 1));
        let told: Vec<String> = ticks
            .iter()
            .map(|tick| match &tick.event {
                MarketEvent::Status(_, status) => format!("{status:?}").to_lowercase(),
                MarketEvent::Depth(update) => format!("{} levels", update.bids.len() + update.asks.len()),
                _ => "trade".to_owned(),
            })
            .collect();
        assert_eq!(
            told,
            [
                "1 levels", "1 levels", "gap", "trade", "trading", "2 levels", "1 levels"
            ]
        );
    }
}
