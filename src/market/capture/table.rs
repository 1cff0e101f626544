//! A CSV file as rows of the wanted columns.

use super::{CaptureError, CaptureFile, CaptureProblem};
use crate::market::bar_file::field;
use crate::model::Timestamp;

/// A file's rows, read one after the other; `N` columns are wanted, others are ignored.
#[derive(Clone, Debug)]
pub(super) struct Table<'a, const N: usize> {
    file: &'a str,
    lines: std::slice::Split<'a, u8, fn(&u8) -> bool>,
    line: u64,
    columns: [&'static str; N],
    /// Of each column of the file its place among the wanted, or `N`.
    meaning: Vec<usize>,
    received: Timestamp,
}

/// One row: the wanted fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a, const N: usize> {
    pub(super) line: u64,
    /// When the row was received; the first wanted column.
    pub(super) received: Timestamp,
    columns: [&'static str; N],
    fields: [&'a str; N],
}

impl<'a, const N: usize> Table<'a, N> {
    /// Reads the header; the first of the wanted columns is the time of receipt in microseconds, by which rows are in order.
    pub(super) fn open(file: CaptureFile<'a>, columns: [&'static str; N]) -> Result<Self, CaptureError> {
        let text = file.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file.bytes);
        let is_end: fn(&u8) -> bool = |byte| *byte == b'\n';
        let mut table = Self {
            file: file.name,
            lines: text.split(is_end),
            line: 0,
            columns,
            meaning: Vec::new(),
            received: Timestamp::from_nanos(i64::MIN),
        };
        let header = table.line().transpose()?;
        let meaning = header
            .ok_or(CaptureProblem::Empty)
            .and_then(|line| meaning(line, &columns));
        table.meaning = meaning.map_err(|problem| table.error(table.line.max(1), problem))?;
        Ok(table)
    }

    /// The next row; `None` at the end.
    pub(super) fn row(&mut self) -> Result<Option<Row<'a, N>>, CaptureError> {
        let Some(line) = self.line().transpose()? else {
            return Ok(None);
        };
        let row = self
            .read(line)
            .map_err(|problem| self.error(self.line, problem))?;
        self.received = row.received;
        Ok(Some(row))
    }

    /// An error on a line of this file.
    pub(super) fn error(&self, line: u64, problem: CaptureProblem) -> CaptureError {
        CaptureError {
            file: self.file.to_owned(),
            line,
            problem,
        }
    }

    /// The next line that is not blank.
    fn line(&mut self) -> Option<Result<&'a str, CaptureError>> {
        loop {
            let bytes = self.lines.next()?.trim_ascii();
            self.line += 1;
            if !bytes.is_empty() {
                let text = std::str::from_utf8(bytes);
                return Some(text.map_err(|_| self.error(self.line, CaptureProblem::NotText)));
            }
        }
    }

    fn read(&self, line: &'a str) -> Result<Row<'a, N>, CaptureProblem> {
        let mut fields = [""; N];
        let found = field::split(line, |index, text| {
            if let Some(field) = self.meaning.get(index).and_then(|place| fields.get_mut(*place)) {
                *field = text;
            }
        })
        .map_err(|_| CaptureProblem::NotText)?;
        let expected = self.meaning.len();
        if found != expected {
            return Err(CaptureProblem::FieldCount { found, expected });
        }
        let mut row = Row {
            line: self.line,
            received: Timestamp::EPOCH,
            columns: self.columns,
            fields,
        };
        row.received = row.micros(0)?;
        if row.received < self.received {
            return Err(CaptureProblem::TimeGoesBack);
        }
        Ok(row)
    }
}

/// Of each column of the header its place among the wanted, or their number.
fn meaning(header: &str, wanted: &[&'static str]) -> Result<Vec<usize>, CaptureProblem> {
    let mut meaning = Vec::new();
    field::split(header, |_, name| {
        let place = wanted.iter().position(|wanted| wanted.eq_ignore_ascii_case(name));
        meaning.push(place.unwrap_or(wanted.len()));
    })
    .map_err(|_| CaptureProblem::NotText)?;
    for (place, name) in wanted.iter().enumerate() {
        match meaning.iter().filter(|found| **found == place).count() {
            0 => return Err(CaptureProblem::MissingColumn(name)),
            1 => {}
            _ => return Err(CaptureProblem::DuplicateColumn(name)),
        }
    }
    Ok(meaning)
}

impl<const N: usize> Row<'_, N> {
    /// A number that counts something: a trade, a change of the book.
    pub(super) fn id(&self, column: usize) -> Result<u64, CaptureProblem> {
        self.fields[column]
            .parse()
            .map_err(|_| self.problem(column, "a whole number"))
    }

    /// A price, in quote currency.
    pub(super) fn price(&self, column: usize) -> Result<f64, CaptureProblem> {
        self.number(column)
            .filter(|price| *price > 0.0)
            .ok_or_else(|| self.problem(column, "a positive number"))
    }

    /// A size, in units of the instrument; 0 where there is none.
    pub(super) fn size(&self, column: usize) -> Result<f64, CaptureProblem> {
        self.number(column)
            .filter(|size| *size >= 0.0)
            .ok_or_else(|| self.problem(column, "a number of 0 or more"))
    }

    /// One of two words, `true` for the second.
    pub(super) fn either(
        &self,
        column: usize,
        words: [&str; 2],
        wanted: &'static str,
    ) -> Result<bool, CaptureProblem> {
        match self.fields[column] {
            text if text == words[0] => Ok(false),
            text if text == words[1] => Ok(true),
            _ => Err(self.problem(column, wanted)),
        }
    }

    /// The digits after the point of a number, zeros at the end not counted.
    pub(super) fn digits(&self, column: usize) -> Result<u32, CaptureProblem> {
        field::number(self.fields[column], self.columns[column])
            .map(|(_, digits)| digits)
            .map_err(|_| self.problem(column, "a number"))
    }

    fn micros(&self, column: usize) -> Result<Timestamp, CaptureProblem> {
        self.fields[column]
            .parse()
            .ok()
            .filter(|micros: &i64| *micros > 0)
            .and_then(|micros| micros.checked_mul(1_000))
            .map(Timestamp::from_nanos)
            .ok_or_else(|| self.problem(column, "a time in microseconds since 1970"))
    }

    fn number(&self, column: usize) -> Option<f64> {
        let (number, _) = field::number(self.fields[column], self.columns[column]).ok()?;
        Some(number)
    }

    fn problem(&self, column: usize, wanted: &'static str) -> CaptureProblem {
        CaptureProblem::Field {
            column: self.columns[column],
            text: field::shortened(self.fields[column]),
            wanted,
        }
    }
}
