//! Zips of a venue's public archive, as Binance has them by the day and by the month: one CSV file inside, with a header or
//! without, times in milliseconds or microseconds.
//!
//! | name | columns |
//! |---|---|
//! | `BTCUSDT-1m-2024-11.zip` | open time, open, high, low, close, volume, close time, quote volume, trades, … |
//! | `BTCUSDT-trades-2024-08-08.zip` | id, price, quantity, quote quantity, time, whether the buyer was the maker, … |
//! | `BTCUSDT-aggTrades-2024-08-08.zip` | id, price, quantity, first id, last id, time, whether the buyer was the maker, … |
//!
//! What it is is told by the columns, not by the name. Trades become bars.

use papertape::market::{Bar, BarAggregator, BarFile, BarRows};
use papertape::model::{Timeframe, Timestamp};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;
use zip::ZipArchive;
use zip::result::ZipError;

/// What text like this expands to; more is an attack.
const MOST_EXPANSION: u64 = 100;
/// Whatever the expansion, so much is harmless.
const HARMLESS: u64 = 16 << 20;
/// The longest line, in bytes.
const LONGEST_LINE: u64 = 4_096;
/// Digits after the point of quantities: sums of floats are rounded to them.
const QUANTITY_UNITS: f64 = 1e8;

/// What a zip holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Archive {
    /// Its bars, or those that its trades make.
    pub file: BarFile,
    /// How many trades are missing between the first and the last, by their numbers; none of bars.
    pub missing_trades: u64,
}

/// Reads a zip of bars or trades. Bars have the length that is most common in it unless `timeframe` says another; trades are
/// made into bars of that length, of a minute unless it says so.
///
/// # Errors
/// What is wrong, in a sentence without the file's name, with the line where there is one.
pub fn read_archive(path: &Path, timeframe: Option<Timeframe>) -> Result<Archive, String> {
    let file = File::open(path).map_err(|error| format!("it cannot be read: {error}"))?;
    read_zip(BufReader::new(file), timeframe)
}

fn read_zip(file: impl Read + Seek, timeframe: Option<Timeframe>) -> Result<Archive, String> {
    let damaged = |error: ZipError| format!("this is no readable zip file: {error}");
    let mut zip = ZipArchive::new(file).map_err(damaged)?;
    let is_csv = |name: &String| name.to_ascii_lowercase().ends_with(".csv");
    let names = zip.file_names().filter_map(|name| Some(name.ok()?.into_owned()));
    let mut names = names.filter(is_csv).collect::<Vec<_>>().into_iter();
    let (Some(name), None) = (names.next(), names.next()) else {
        return Err("a zip of bars or trades has one CSV file inside".to_owned());
    };
    let entry = zip.by_name(&name).map_err(damaged)?;
    let most = entry
        .compressed_size()
        .saturating_mul(MOST_EXPANSION)
        .max(HARMLESS);
    let mut lines = Lines {
        left: most,
        reader: BufReader::with_capacity(64 << 10, entry),
        line: Vec::new(),
        number: 0,
    };
    let mut table = Table::new(timeframe);
    while let Some(line) = lines.next()? {
        table
            .line(line)
            .map_err(|error| format!("{name}:{}: {error}", lines.number))?;
    }
    let missing_trades = table.missing_trades;
    let file = table.finish(timeframe);
    Ok(Archive {
        file: file.map_err(|error| format!("{name}: {error}"))?,
        missing_trades,
    })
}

/// The lines of a file, none longer and not more in all than they may be.
struct Lines<R> {
    reader: BufReader<R>,
    left: u64,
    line: Vec<u8>,
    number: u64,
}

impl<R: Read> Lines<R> {
    fn next(&mut self) -> Result<Option<&str>, String> {
        loop {
            self.line.clear();
            let mut bounded = self.reader.by_ref().take(LONGEST_LINE);
            let read = bounded.read_until(b'\n', &mut self.line);
            let read = read.map_err(|error| format!("this is no readable zip file: {error}"))? as u64;
            self.number += 1;
            if read == 0 {
                return Ok(None);
            }
            if read == LONGEST_LINE {
                return Err(format!(
                    "line {} is longer than {LONGEST_LINE} bytes",
                    self.number
                ));
            }
            self.left = self.left.checked_sub(read).ok_or_else(|| {
                format!("what is inside is more than {MOST_EXPANSION} times as large: it is not read")
            })?;
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        let line = std::str::from_utf8(self.line.trim_ascii());
        line.map(Some)
            .map_err(|_| format!("line {} is not text in UTF-8", self.number))
    }
}

/// What the columns are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Bars,
    /// Where the time of a trade is.
    Trades {
        time: usize,
    },
}

impl Shape {
    /// Told by the first line of data.
    fn of(cells: &[&str]) -> Result<Self, String> {
        let is_flag = |cell: &&str| {
            ["true", "false"]
                .iter()
                .any(|flag| cell.eq_ignore_ascii_case(flag))
        };
        match (cells.len(), cells.iter().position(is_flag)) {
            (11.., None) => Ok(Self::Bars),
            (6..=8, Some(flag @ 5..=6)) => Ok(Self::Trades { time: flag - 1 }),
            (count, _) => Err(format!(
                "{count} columns that are neither a venue's bars nor its trades"
            )),
        }
    }
}

struct Table {
    rows: BarRows,
    shape: Option<(Shape, usize)>,
    trades: BarAggregator,
    last_trade: Option<Timestamp>,
    last_id: Option<i64>,
    /// Numbers that were left out between trades.
    missing_trades: u64,
    line: u64,
    bars: u64,
}

impl Table {
    fn new(timeframe: Option<Timeframe>) -> Self {
        Self {
            rows: BarRows::new("line", 0),
            shape: None,
            trades: BarAggregator::new(timeframe.unwrap_or(Timeframe::MINUTE)),
            last_trade: None,
            last_id: None,
            missing_trades: 0,
            line: 0,
            bars: 0,
        }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        self.line += 1;
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        if self.line == 1 && cells.first().is_some_and(|cell| cell.parse::<i64>().is_err()) {
            // The header.
            return Ok(());
        }
        let (shape, count) = match self.shape {
            Some(known) => known,
            None => *self.shape.insert((Shape::of(&cells)?, cells.len())),
        };
        if cells.len() != count {
            return Err(format!(
                "{} fields, where the first line has {count}",
                cells.len()
            ));
        }
        match shape {
            Shape::Bars => {
                let bar = Bar {
                    open_time: time(cells[0])?,
                    open: number(cells[1])?,
                    high: number(cells[2])?,
                    low: number(cells[3])?,
                    close: number(cells[4])?,
                    volume: number(cells[5])?,
                };
                self.push(bar)
            }
            Shape::Trades { time: place } => {
                let (at, price, size) = (time(cells[place])?, number(cells[1])?, number(cells[2])?);
                if price <= 0.0 || size < 0.0 {
                    return Err(format!("a trade of {size} at {price} is none"));
                }
                if self.last_trade.is_some_and(|last| at < last) {
                    return Err(format!("a trade at {at} stands after a later one"));
                }
                self.last_trade = Some(at);
                let id: i64 = cells[0]
                    .parse()
                    .map_err(|_| format!("'{}' is not a trade's number", cells[0]))?;
                if let Some(last) = self.last_id.replace(id) {
                    if id <= last {
                        // Told twice, it would count twice.
                        return Err(format!("trade {id} stands after trade {last}"));
                    }
                    self.missing_trades = self.missing_trades.saturating_add(id.abs_diff(last) - 1);
                }
                match self.trades.push_trade(at, price, size) {
                    Some(ended) => self.push(rounded(ended)),
                    None => Ok(()),
                }
            }
        }
    }

    fn push(&mut self, bar: Bar) -> Result<(), String> {
        self.bars += 1;
        self.rows.push(bar, self.line)
    }

    fn finish(mut self, timeframe: Option<Timeframe>) -> Result<BarFile, String> {
        let mut timeframe = timeframe;
        if let Some((Shape::Trades { .. }, _)) = self.shape {
            timeframe = Some(self.trades.timeframe());
            if let Some(last) = self.trades.current().copied() {
                self.push(rounded(last))?;
            }
        }
        self.rows.finish(timeframe).map_err(|(_, message)| message)
    }
}

/// A bar whose volume is what the quantities add up to, without what adding floats leaves behind.
fn rounded(bar: Bar) -> Bar {
    let units = (bar.volume * QUANTITY_UNITS).round();
    let volume = if units < 9e15 {
        units / QUANTITY_UNITS
    } else {
        bar.volume
    };
    Bar { volume, ..bar }
}

fn time(cell: &str) -> Result<Timestamp, String> {
    let number: i64 = cell
        .parse()
        .map_err(|_| format!("'{cell}' is not a time in milliseconds or microseconds"))?;
    Ok(Timestamp::from_epoch_guess(number))
}

fn number(cell: &str) -> Result<f64, String> {
    let number: f64 = cell.parse().map_err(|_| format!("'{cell}' is not a number"))?;
    if number.is_finite() {
        Ok(number)
    } else {
        Err(format!("'{cell}' is not a number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn zip_of(files: &[(&str, &str)]) -> Cursor<Vec<u8>> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in files {
            writer
                .start_file(*name, SimpleFileOptions::default())
                .expect("begun");
            writer.write_all(text.as_bytes()).expect("written");
        }
        let mut zip = writer.finish().expect("a zip");
        zip.set_position(0);
        zip
    }

    fn read(text: &str, timeframe: Option<&str>) -> Result<BarFile, String> {
        let timeframe = timeframe.map(|text| text.parse().expect("a timeframe"));
        read_zip(zip_of(&[("BTCUSDT.csv", text)]), timeframe).map(|archive| archive.file)
    }

    #[test]
    fn trades_whose_numbers_are_left_out_are_counted() {
        let missing = |text: &str| {
            read_zip(zip_of(&[("a.csv", text)]), None)
                .expect("bars")
                .missing_trades
        };
        assert_eq!(missing(TRADES), 0);
        assert_eq!(missing(&TRADES.replace("3735683261,", "3735683264,")), 3);
        assert_eq!(missing(MILLIS), 0);
    }

    const MILLIS: &str = "\
1732752000000,95000.01,95010.00,94990.00,95005.50,1.50000000,1732752059999,142507.5,100,0.7,66500.0,0
1732752060000,95005.50,95020.00,95000.00,95001.00,0.25000000,1732752119999,23751.1,10,0.1,9500.0,0
";

    #[test]
    fn bars_are_read_with_a_header_and_without_in_milliseconds_and_microseconds() {
        let plain = read(MILLIS, None).expect("bars");
        assert_eq!(plain.timeframe, Timeframe::MINUTE);
        assert_eq!(plain.price_digits, 2);
        assert_eq!(plain.bars.len(), 2);
        assert_eq!(plain.bars.open_time[0].to_string(), "2024-11-28T00:00:00Z");
        assert_eq!((plain.bars.open[0], plain.bars.volume[1]), (95000.01, 0.25));
        let header = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,\
                      taker_buy_quote_volume,ignore\n";
        let micros = MILLIS.replace("000,9", "000000,9").replace("999,", "999999,");
        for text in [
            format!("{header}{MILLIS}"),
            micros.clone(),
            format!("{header}{micros}\r\n\r\n"),
        ] {
            assert_eq!(read(&text, Some("1m")).expect("bars").bars, plain.bars, "{text}");
        }
    }

    const TRADES: &str = "\
3735683259,61837.63,0.1,6183.763,1723161255342,True,True
3735683260,61840.00,0.2,12368.0,1723161255617,False,True
3735683261,61830.10,0.00002,1.2,1723161300000,True,True
";

    #[test]
    fn trades_become_bars_of_a_minute_or_as_long_as_wanted() {
        let file = read(TRADES, None).expect("bars");
        let bars: Vec<Bar> = file.bars.iter().collect();
        assert_eq!(file.timeframe, Timeframe::MINUTE);
        assert_eq!(bars.len(), 2);
        let first = bars[0];
        assert_eq!(first.open_time.to_string(), "2024-08-08T23:54:00Z");
        assert_eq!(
            (first.open, first.high, first.low, first.close),
            (61837.63, 61840.0, 61837.63, 61840.0)
        );
        assert_eq!((first.volume, bars[1].volume), (0.3, 0.00002));
        let aggregated = "a,p,q,f,l,T,m\n\
            1,61837.63,0.1,3735683259,3735683259,1723161255342000,true\n\
            2,61840.00,0.2,3735683260,3735683260,1723161255617000,false\n\
            3,61830.10,0.00002,3735683261,3735683261,1723161300000000,true\n";
        assert_eq!(read(aggregated, None).expect("bars").bars, file.bars);
        let hours = read(TRADES, Some("1h")).expect("bars");
        assert_eq!((hours.bars.len(), hours.bars.volume[0]), (1, 0.30002));
    }

    #[test]
    fn a_trade_that_stands_twice_is_refused_and_so_is_what_nothing_costs() {
        let again = format!("{TRADES}{}\n", TRADES.lines().last().expect("a line"));
        let error = read(&again, None).expect_err("its quantity would count twice");
        assert_eq!(
            error,
            "BTCUSDT.csv:4: trade 3735683261 stands after trade 3735683261"
        );
        let absurd = TRADES.replacen("61840.00", "1e300", 1);
        let error = read(&absurd, None).expect_err("nothing costs that");
        assert!(error.contains("nothing costs more than 1e15"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let second = |line: &str| format!("{}\n{line}\n", MILLIS.lines().next().expect("a line"));
        for (text, timeframe, says) in [
            (String::new(), None, "there are no bars"),
            (
                "1,2,3\n".to_owned(),
                None,
                ":1: 3 columns that are neither a venue's bars nor its trades",
            ),
            (
                second("1732752060000,1,2"),
                None,
                ":2: 3 fields, where the first line has 12",
            ),
            (
                second("1732752060000,x,1,1,1,1,1,1,1,1,1,1"),
                None,
                ":2: 'x' is not a number",
            ),
            (
                second("1732752060000,inf,1,1,1,1,1,1,1,1,1,1"),
                None,
                ":2: 'inf' is not a number",
            ),
            (
                second("noon,1,1,1,1,1,1,1,1,1,1,1"),
                None,
                ":2: 'noon' is not a time",
            ),
            (second("1732752060000,5,1,1,1,1,1,1,1,1,1,1"), None, ":2: "),
            (second("1732752000000,1,1,1,1,1,1,1,1,1,1,1"), None, ":2: "),
            (MILLIS.to_owned(), Some("5m"), "5m"),
            (
                TRADES.replace("1723161300000", "1723161200000"),
                None,
                ":3: a trade at",
            ),
            (
                TRADES.replace("61840.00", "-1"),
                None,
                ":2: a trade of 0.2 at -1 is none",
            ),
        ] {
            let error = read(&text, timeframe).map(|_| ()).expect_err(&text);
            assert!(error.contains(says), "'{error}' does not say '{says}'");
        }
        for files in [
            &[][..],
            &[("a.csv", MILLIS), ("b.csv", MILLIS)][..],
            &[("a.txt", MILLIS)][..],
        ] {
            let error = read_zip(zip_of(files), None).map(|_| ()).expect_err("no bars");
            assert!(error.contains("one CSV file"), "{error}");
        }
    }

    #[test]
    fn damaged_zips_and_bombs_are_refused() {
        let whole = zip_of(&[("a.csv", MILLIS)]).into_inner();
        let good = read_zip(Cursor::new(&whole), None).expect("bars");
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x10;
            // Names, dates and flags may differ, bars may not.
            if let Ok(read) = read_zip(Cursor::new(bytes), None) {
                assert_eq!(read.file.bars, good.file.bars, "byte {place}");
            }
            assert!(read_zip(Cursor::new(&whole[..place]), None).is_err(), "{place}");
        }
        let bomb = zip_of(&[("a.csv", &format!("{MILLIS}{}", " \n".repeat(9 << 20)))]);
        let error = read_zip(bomb, None).map(|_| ()).expect_err("a bomb");
        assert!(error.contains("more than 100 times"), "{error}");
        let line = zip_of(&[("a.csv", &"1".repeat(10_000))]);
        let error = read_zip(line, None).map(|_| ()).expect_err("a long line");
        assert!(error.contains("longer than"), "{error}");
    }
}
