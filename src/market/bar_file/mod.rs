//! Bar files: CSV with a header, in and out.
//!
//! The time column is called `open_time`, `time`, `timestamp`, `datetime` or `date` (the first of these that is there)
//! and holds ISO 8601 or an epoch number in seconds, milliseconds, microseconds or nanoseconds, told apart by size.
//! `open`, `high`, `low`, `close` and `volume` are found by name; upper and lower case are the same; other columns are
//! ignored. A file is read whole or not at all: the first thing wrong ends it with the number of the line.
//!
//! Fields may stand in double quotes, which is enough for every bar file; line breaks inside quotes are not.

pub(super) mod field;
mod timeline;

pub use field::time as parse_bar_time;

use super::CalendarId;
use super::listing::{self, Class, Hours, Listing};
use super::{Bar, Bars};
use crate::model::{Instrument, Symbol, Timeframe, Timestamp};
use rust_decimal::Decimal;
use std::fmt::Write as _;
use timeline::Timeline;

/// Names of the time column, the preferred first.
const TIME_COLUMNS: [&str; 5] = ["open_time", "time", "timestamp", "datetime", "date"];
/// Names of the numbers' columns, in the order of [`Bar`].
const NUMBER_COLUMNS: [&str; 5] = ["open", "high", "low", "close", "volume"];
/// How many columns are read: the time and the numbers.
const COLUMNS: usize = 1 + NUMBER_COLUMNS.len();
/// The meaning of a column that is not read.
const IGNORED: usize = COLUMNS;
/// More digits after the point than this are noise of binary fractions, not a price step.
const MAX_DIGITS: u32 = 8;

/// What a bar file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct BarFile {
    /// The bars, in order of time.
    pub bars: Bars,
    /// Their length: as given, or the most common distance between two bars.
    pub timeframe: Timeframe,
    /// Spans without bars between the first and the last, nights and week-ends among them: a file does not say which market it
    /// is of. [`super::Calendar::missing_bars`] counts by the hours of one.
    pub gaps: u64,
    /// Bars missing in those spans.
    pub missing_bars: u64,
    /// The most digits after the point of a price, zeros at the end not counted; at most 8.
    pub price_digits: u32,
    /// The same of the volumes.
    pub volume_digits: u32,
}

/// Why a file is no bar file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct BarFileError {
    /// The line, counted from 1, which is the header.
    pub line: u64,
    /// What is wrong, in a few words.
    pub message: String,
}

impl BarFileError {
    fn new(line: u64, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

impl BarFile {
    /// Reads a bar file from its text. Without a `timeframe` it is the most common distance between two bars.
    ///
    /// Bars shorter than a day must open on a multiple of their length since the epoch. Longer ones need not, because
    /// the trading day of many markets begins at an hour of its own, which moves with summer time.
    ///
    /// ```
    /// use papertape::market::BarFile;
    ///
    /// let file = BarFile::parse("time,open,high,low,close,volume\n0,1,2,1,2,9\n60,2,2,1,1.5,9\n180,1,1,1,1,0\n", None)?;
    /// assert_eq!((file.timeframe.to_string().as_str(), file.gaps, file.missing_bars), ("1m", 1, 1));
    ///
    /// let error = BarFile::parse("time,open,high,low,close,volume\n0,1,0.5,1,1,9\n", None).unwrap_err();
    /// assert_eq!(error.to_string(), "line 2: high 0.5 is below low 1");
    /// # Ok::<(), papertape::market::BarFileError>(())
    /// ```
    ///
    /// # Errors
    /// [`BarFileError`] names the first line that is wrong.
    pub fn parse(text: &str, timeframe: Option<Timeframe>) -> Result<Self, BarFileError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = (1_u64..).zip(
            text.split('\n')
                .map(|line| line.strip_suffix('\r').unwrap_or(line)),
        );
        let (header_line, header) = lines
            .by_ref()
            .find(|(_, line)| !line.trim_ascii().is_empty())
            .ok_or_else(|| BarFileError::new(1, "the file is empty"))?;
        let columns = Columns::find(header).map_err(|message| BarFileError::new(header_line, message))?;

        // A minute bar of a real venue takes about 60 bytes; too much room costs less than growing.
        let mut rows = BarRows::new("line", text.len() / 60);
        for (line_number, line) in lines {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let fail = |message| BarFileError::new(line_number, message);
            rows.add(columns.read(line).map_err(fail)?, line_number)
                .map_err(fail)?;
        }
        rows.finish(timeframe).map_err(|(index, message)| {
            let line_number = index.and_then(|index| line_of_row(text, index));
            BarFileError::new(line_number.unwrap_or(header_line), message)
        })
    }
}

/// Bars that come row by row, from a file of whatever form: the same checks for all of them.
#[derive(Debug)]
pub struct BarRows {
    bars: Bars,
    timeline: Timeline,
    price_digits: u32,
    volume_digits: u32,
}

impl BarRows {
    /// None yet, with room for about `capacity`; problems call a row by the word `row`.
    #[must_use]
    pub fn new(row: &'static str, capacity: usize) -> Self {
        Self {
            bars: Bars::with_capacity(capacity),
            timeline: Timeline::new(row),
            price_digits: 0,
            volume_digits: 0,
        }
    }

    /// Takes the next bar, from the row of this number.
    ///
    /// # Errors
    /// What is impossible about it, or that its time is not after the one before.
    pub fn push(&mut self, bar: Bar, number: u64) -> Result<(), String> {
        if !field::is_plausible(bar.open_time) {
            return Err(field::implausible(&bar.open_time.to_string()));
        }
        bar.check().map_err(|error| error.to_string())?;
        let more = |value: f64, known: u32| {
            let power = f64::from(10_u32.pow(known));
            // A decimal of so many digits is the nearest `f64` to what it is rounded to.
            if known == MAX_DIGITS || (value * power).round() / power == value {
                return known;
            }
            known.max(field::fraction_digits(&value.to_string()).min(MAX_DIGITS))
        };
        let prices = [bar.open, bar.high, bar.low, bar.close];
        let row = Row {
            bar,
            price_digits: prices
                .into_iter()
                .fold(self.price_digits, |known, price| more(price, known)),
            volume_digits: more(bar.volume, self.volume_digits),
        };
        self.add(row, number)
    }

    #[inline]
    fn add(&mut self, row: Row, number: u64) -> Result<(), String> {
        self.timeline.push(row.bar.open_time, number)?;
        self.price_digits = self.price_digits.max(row.price_digits);
        self.volume_digits = self.volume_digits.max(row.volume_digits);
        self.bars.push(row.bar);
        Ok(())
    }

    /// The bars with their length, which is the most common distance between two of them where it is not given.
    ///
    /// # Errors
    /// What is wrong, with the place of the bar that it is about, counted from 0, if it is about one.
    pub fn finish(mut self, timeframe: Option<Timeframe>) -> Result<BarFile, (Option<usize>, String)> {
        if self.bars.is_empty() {
            return Err((None, "there are no bars after the header".to_owned()));
        }
        let timeframe = match timeframe {
            Some(timeframe) => timeframe,
            None => self
                .timeline
                .most_common_step()
                .map_err(|message| (None, message))?,
        };
        let spacing = self
            .timeline
            .check(&self.bars.open_time, timeframe)
            .map_err(|(index, message)| (Some(index), message))?;
        Ok(BarFile {
            bars: self.bars,
            timeframe,
            gaps: spacing.gaps,
            missing_bars: spacing.missing_bars,
            price_digits: self.price_digits,
            volume_digits: self.volume_digits,
        })
    }
}

/// The line of the bar at `index`, found again only when there is something to say about it.
fn line_of_row(text: &str, index: usize) -> Option<u64> {
    (1_u64..)
        .zip(text.split('\n'))
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .nth(index + 1)
        .map(|(line_number, _)| line_number)
}

/// Which of a table's columns are a bar's, by their names: the time, then open, high, low, close and volume.
///
/// # Errors
/// When one is missing or there twice.
pub fn bar_columns(names: &[String]) -> Result<[usize; COLUMNS], String> {
    let is = |name: &String, wanted: &str| name.eq_ignore_ascii_case(wanted);
    let find = |wanted: &str| names.iter().position(|name| is(name, wanted));
    let time = TIME_COLUMNS
        .iter()
        .find_map(|name| find(name))
        .ok_or_else(|| format!("there is no time column: name it {}", TIME_COLUMNS.join(", ")))?;
    let mut found = [time; COLUMNS];
    for (slot, name) in found[1..].iter_mut().zip(NUMBER_COLUMNS) {
        *slot = find(name).ok_or_else(|| format!("the column '{name}' is missing"))?;
    }
    for column in found {
        let name = &names[column];
        if names.iter().filter(|other| is(other, name)).count() > 1 {
            return Err(format!(
                "the column '{}' is there twice",
                name.to_ascii_lowercase()
            ));
        }
    }
    Ok(found)
}

/// Where the columns are.
struct Columns {
    /// What each column is: 0 for the time, 1 to 5 for the numbers, [`IGNORED`] for the others.
    meaning: Vec<usize>,
}

/// A row as read.
struct Row {
    bar: Bar,
    price_digits: u32,
    volume_digits: u32,
}

impl Columns {
    fn find(header: &str) -> Result<Self, String> {
        let mut names = Vec::new();
        field::split(header, |_, name| names.push(name.to_owned()))?;
        let mut meaning = vec![IGNORED; names.len()];
        for (slot, column) in bar_columns(&names)?.into_iter().enumerate() {
            meaning[column] = slot;
        }
        Ok(Self { meaning })
    }

    fn read(&self, line: &str) -> Result<Row, String> {
        // The last place takes what is ignored.
        let mut fields = [""; COLUMNS + 1];
        let count = field::split(line, |column, field| {
            fields[self.meaning.get(column).copied().unwrap_or(IGNORED)] = field;
        })?;
        let expected = self.meaning.len();
        if count != expected {
            return Err(format!("{count} fields, where the header has {expected}"));
        }
        let open_time = field::time(fields[0])?;
        let mut values = [0.0; NUMBER_COLUMNS.len()];
        let mut digits = [0; NUMBER_COLUMNS.len()];
        for (index, name) in NUMBER_COLUMNS.into_iter().enumerate() {
            (values[index], digits[index]) = field::number(fields[index + 1], name)?;
        }
        let [open, high, low, close, volume] = values;
        let [prices @ .., volume_digits] = digits;
        let bar = Bar {
            open_time,
            open,
            high,
            low,
            close,
            volume,
        };
        bar.check().map_err(|error| error.to_string())?;
        Ok(Row {
            bar,
            price_digits: prices.into_iter().max().unwrap_or(0),
            volume_digits,
        })
    }
}

/// The instrument that a file's bars are of, when nothing is known but its symbol, the digits of its prices and the bars.
///
/// A well-known symbol has its venue's steps, unless the prices are finer than its tick (as adjusted prices of shares
/// are): then the tick is that of the prices. For others the tick is that of the prices, at most 0.01 for symbols
/// without a slash; the lot is 0.00001 for pairs of coins, 0.001 for perpetuals and 1 otherwise; currencies are quoted in tenths
/// of a pip (0.00001, and 0.001 in yen and forint); there is no smallest order.
///
/// Kind, trading hours, margin and limits follow from the symbol's form:
///
/// | form | kind | hours | covered by |
/// |---|---|---|---|
/// | `AAPL`, `BRK.B` | shares | NYSE and Nasdaq | all of its value |
/// | `ESZ3`, `CLF24` | a future that ends by its exchange's rule; a single digit is the first such year in which it trades | CME Globex | an amount a contract |
/// | `AAPL261218C00150000` | an American option on 100 shares | NYSE and Nasdaq | its premium; sold, what its seller must cover |
/// | `EUR/USD`, `EURUSD` | currencies | foreign exchange | 3.33 % |
/// | `BTCUSDPERP`, `BTC/USDT-PERP` | a perpetual | always | 5 %, 2.5 % to keep |
/// | `BTC/USDT` and all else | spot | always | all of its value |
///
/// A code that reads like a future's and is none that is known is spot here as well: [`UnknownFuture`](super::UnknownFuture) tells
/// whether it is one, and who lets orders trade asks first.
///
/// Bars that open on a Saturday afternoon (UTC), when none of the exchanges trades, are not of one: they have no hours.
#[must_use]
pub fn infer_instrument(symbol: &Symbol, price_digits: u32, bars: &Bars) -> Instrument {
    let class = Class::of(symbol);
    let observed = |digits: u32| Decimal::new(1, digits.min(MAX_DIGITS));
    let steps = |tick, lot, minimum, multiplier| listing::instrument(symbol, tick, lot, minimum, multiplier);
    let instrument = match Listing::find(symbol) {
        Some(known) => {
            let is_finer = price_digits > known.tick().scale();
            let tick = if is_finer {
                observed(price_digits)
            } else {
                known.tick()
            };
            steps(tick, known.lot(), known.minimum_notional, known.multiplier)
        }
        None if class == Class::Perpetual => steps(observed(price_digits), Decimal::new(1, 3), 0, 1),
        // Spot rates are quoted in pipettes, tenths of a pip: of the yen and the forint of 0.01, else of 0.0001.
        None if class == Class::Forex => {
            let is_small = ["JPY", "HUF"].iter().any(|unit| symbol.as_str().ends_with(unit));
            let pipette = if is_small { 3 } else { 5 };
            steps(observed(price_digits.max(pipette)), Decimal::ONE, 0, 1)
        }
        None if matches!(class, Class::Option(_)) => {
            steps(observed(price_digits.max(2)), Decimal::ONE, 0, 100)
        }
        None if listing::is_pair(symbol) => steps(observed(price_digits), Decimal::new(1, 5), 0, 1),
        None => steps(observed(price_digits.max(2)), Decimal::ONE, 0, 1),
    };
    let as_of = bars.open_time.first().copied().unwrap_or(Timestamp::EPOCH);
    let listed = class.complete(instrument, Hours::Exchange { as_of });
    if bars.open_time.iter().copied().any(is_saturday_afternoon) {
        listed.with_calendar(CalendarId::Always)
    } else {
        listed
    }
}

/// From noon to midnight on Saturday, UTC. Whole days open at midnight.
pub(super) fn is_saturday_afternoon(time: Timestamp) -> bool {
    // The epoch was a Thursday.
    let second_of_week = (time.secs() + 3 * 86_400).rem_euclid(7 * 86_400);
    (5 * 86_400 + 43_200..6 * 86_400).contains(&second_of_week)
}

/// Bars as a bar file: `open_time` in ISO 8601, numbers in as many digits as give the same numbers when read back.
#[must_use]
pub fn write_bars_csv(bars: &Bars) -> String {
    let mut text = String::with_capacity(64 * (bars.len() + 1));
    text.push_str("open_time,open,high,low,close,volume\n");
    for bar in bars.iter() {
        let Bar {
            open_time,
            open,
            high,
            low,
            close,
            volume,
        } = bar;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{open_time},{open},{high},{low},{close},{volume}");
    }
    text
}
